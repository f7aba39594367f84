"""Runs on recorded books, by levels and by single orders, end to end."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.naive.book import NaiveBook
from tests.support.made_books import MADE, MILLISECOND, SYMBOL, levels_of, made_orders
from tests.support.worlds import trades
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import DataError, InputError
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.columns import OrderAction, QuoteColumns, TradeColumns
from tieout.model.events import Fill
from tieout.model.money import money_decimal
from tieout.model.profiles import profile
from tieout.strategy import Strategy, load_strategy
from tieout.wiring import backtest, backtest_columns, replay, twin

if TYPE_CHECKING:
    from tieout.model.profiles import SimulationProfile

MAKER = Path(__file__).parents[1] / "support" / "market_maker.py"
LEVELS = ["book", "orders"]


def near(level: str) -> SimulationProfile:
    """Ten milliseconds to the venue and back, and nobody pays funding."""
    return msgspec.structs.replace(
        profile(f"{level}-1"),
        name=f"near-{level}",
        entry_latency_ns=10 * MILLISECOND,
        matching_latency_ns=0,
        response_latency_ns=10 * MILLISECOND,
        input_age_ns_max=3_600 * 1_000 * MILLISECOND,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one market as single orders and as levels."""
    folder = tmp_path_factory.mktemp("work")
    orders = made_orders()
    stored = Store(folder / "data")
    words = {"source": "made up", "time_rule": "as made"}
    pieces = [orders.rows(at, at + 999) for at in range(0, len(orders), 999)]
    stored.write_recorded("made-orders", MADE, pieces, **words)
    stored.write_recorded("made-book", MADE, [levels_of(orders)], **words)
    return folder


@pytest.fixture(scope="module")
def runs(store: Path) -> Runs:
    return Runs(store / "runs")


def fills_of(run: Any) -> list[Fill]:
    reader = JournalReader(RealDisk(), str(run.journal))
    return [each for each in reader.inputs() if isinstance(each, Fill)]


@pytest.mark.parametrize("level", LEVELS)
def test_a_market_maker_trades_replays_and_its_twin_is_itself(
    store: Path, runs: Runs, level: str
) -> None:
    result = backtest(
        load_strategy(str(MAKER)),
        store=store / "data",
        data=[f"made-{level}"],
        profile=near(level),
        runs=runs,
    )

    assert result.failure == ""
    assert result.fills > 20
    assert result.certainty is not None
    assert set(result.certainty.fills) == {level}
    run = runs.find(result.run_id)
    again = replay(run, store=store / "data", chunk_bytes=1_000)
    assert again.difference is None
    assert again.decisions >= result.orders
    other = twin(run, store=store / "data", runs=runs)
    assert replace(other, run_id="") == replace(result, run_id="")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("chunk_rows", [1, 7, 997])
def test_however_the_rows_are_cut_the_run_is_the_same(level: str, chunk_rows: int) -> None:
    orders = made_orders(600)
    rows = orders if level == "orders" else levels_of(orders)

    whole, cut = (
        backtest_columns(
            load_strategy(str(MAKER)),
            [rows],
            instruments=[MADE],
            profile=near(level),
            chunk_rows=each,
        )
        for each in (10**9, chunk_rows)
    )

    assert whole.fills > 3
    assert cut == whole


def test_the_levels_of_single_orders_are_the_same_book(store: Path, runs: Runs) -> None:
    """Level `book` on single orders matches on what they make of the levels."""
    results = [
        backtest(
            load_strategy(str(MAKER)),
            store=store / "data",
            data=[data],
            profile=near("book"),
            runs=runs,
        )
        for data in ("made-book", "made-orders")
    ]
    fills = [
        [
            (each.decision_id, each.lots, each.price_ticks)
            for each in fills_of(runs.find(one.run_id))
        ]
        for one in results
    ]
    assert fills[0] == fills[1]
    assert results[0].profit == results[1].profit


@pytest.mark.parametrize("level", LEVELS)
def test_the_ledger_is_the_sum_of_the_fills(store: Path, runs: Runs, level: str) -> None:
    result = backtest(
        load_strategy(str(MAKER)),
        store=store / "data",
        data=["made-orders"],
        profile=near(level),
        runs=runs,
    )
    fills = fills_of(runs.find(result.run_id))

    fees = sum(each.fee for each in fills)
    cash = -sum(each.side * MADE.notional(each.lots, each.price_ticks) for each in fills) - fees
    lots = sum(each.side * each.lots for each in fills)
    rows = made_orders()
    mark = int(rows.price_ticks[rows.action == int(OrderAction.TRADE)][-1])
    assert result.fees == money_decimal(fees)
    assert result.profit == money_decimal(cash + MADE.notional(lots, mark))


class EachPacket(Strategy):
    """Note what each packet shows; wish a market order on each fiftieth."""

    def on_start(self, context: Any) -> None:
        self.book = context.books(SYMBOL)
        self.seen: list[Any] = []
        SEEN.append(self.seen)

    def on_book(self, context: Any, book: Any) -> None:
        assert book is context.book(SYMBOL)
        best = book.levels(2)
        self.seen.append(
            (
                book.venue_time_ns,
                book.arrival_time_ns,
                context.now_ns,
                best,
                book.bid,
                book.ask_lots,
            )
        )
        if len(self.seen) % 50 == 0:
            context.buy(SYMBOL, units=1)


SEEN: list[list[Any]] = []


@pytest.mark.parametrize("level", LEVELS)
def test_each_packet_is_told_with_the_book_as_it_stood_when_it_arrived(level: str) -> None:
    orders = made_orders(300, latency_ns=5 * MILLISECOND)
    rows = orders if level == "orders" else levels_of(orders)
    told = []
    for chunk_rows in (10**9, 3):
        SEEN.clear()
        result = backtest_columns(
            EachPacket, [rows], instruments=[MADE], profile=near(level), chunk_rows=chunk_rows
        )
        assert result.failure == ""
        assert result.fills >= 3
        told.append((SEEN[-1], result))
    assert told[0] == told[1]

    seen = told[0][0]
    book = NaiveBook()
    packets = {}
    levels = levels_of(orders)
    for row in range(len(levels)):
        if levels.kind[row] != 2:
            book.apply(row, *(int(getattr(levels, name)[row]) for name in BOOK_ROW), True)
        if levels.last[row]:
            both = tuple(tuple(book.levels(side)[:2]) for side in (1, -1))
            packets[int(levels.venue_time_ns[row])] = both
    assert len(seen) == int(rows.last.sum())
    last_of_time = {each[0]: each for each in seen}
    for time, (bids, asks) in packets.items():
        venue_time, arrival, now, best, bid, ask_lots = last_of_time[time]
        assert arrival == now == venue_time + 5 * MILLISECOND
        assert tuple((each.price_ticks, each.lots) for each in best.bids) == bids
        assert tuple((each.price_ticks, each.lots) for each in best.asks) == asks
        assert bid == (bids[0][0] * 0.5 if bids else None)
        assert ask_lots == (asks[0][1] if asks else 0)


BOOK_ROW = ("venue_time_ns", "kind", "side", "price_ticks", "lots")


class EachQuote(Strategy):
    """Buy one on each tenth quote."""

    def on_start(self, context: Any) -> None:
        context.quotes(SYMBOL)
        self.count = 0

    def on_quote(self, context: Any, quote: Any) -> None:
        self.count += 1
        assert quote.bid < quote.ask
        if self.count % 10 == 0:
            context.buy(SYMBOL, units=1)


def quotes_of(rows: Any) -> QuoteColumns:
    """Quotes around 1,000 ticks at the rows' times."""
    bids = 995 + np.arange(len(rows)) % 5
    ones = np.ones(len(rows), np.int64)
    return QuoteColumns(
        SYMBOL, rows.venue_time_ns, rows.arrival_time_ns, bids, ones, bids + 3, ones
    )


def test_quotes_are_told_one_by_one_and_decisions_are_named_after_them() -> None:
    book = levels_of(made_orders(300))
    results = [
        backtest_columns(
            EachQuote,
            [book, quotes_of(book)],
            instruments=[MADE],
            profile=near("book"),
            chunk_rows=each,
        )
        for each in (10**9, 1, 7)
    ]
    assert results[0].fills > 10
    assert results[0].failure == ""
    assert results[1] == results[0] == results[2]


def test_a_run_that_starts_in_the_middle_begins_with_the_book_of_then(
    store: Path, runs: Runs
) -> None:
    rows = made_orders()
    middle = int(rows.arrival_time_ns[len(rows) // 2])
    seen: list[Any] = []

    class Looks(Strategy):
        def on_start(self, context: Any) -> None:
            context.books(SYMBOL)
            context.timer_at("look", middle)

        def on_timer(self, context: Any, timer: Any) -> None:
            seen.append(context.book(SYMBOL).levels(3))

    for start in (None, middle):
        result = backtest(
            Looks,
            store=store / "data",
            data=["made-orders"],
            profile=near("orders"),
            start_ns=start,
            runs=runs,
        )
        assert result.failure == ""
    assert seen[0] == seen[1]
    assert len(seen[0].bids) == 3


class SeesAll(Strategy):
    """Bars, prints and the book; one order at the market each minute."""

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "10s")
        context.trades(SYMBOL)
        self.book = context.books(SYMBOL)
        self.prints: list[Any] = []
        SEEN.append(self.prints)

    def on_trade(self, context: Any, trade: Any) -> None:
        # The print itself has changed the book by now; what was told with it has not arrived.
        self.prints.append((trade.venue_time_ns, trade.price_ticks, trade.quantity_lots))

    def on_bar(self, context: Any, bar: Any) -> None:
        assert self.book.arrival_time_ns <= context.now_ns
        context.buy(SYMBOL, units=1)


@pytest.mark.parametrize("level", ["impact", "book", "orders"])
def test_a_book_may_be_looked_at_whatever_orders_are_matched_on(
    store: Path, runs: Runs, level: str
) -> None:
    rows = made_orders()
    at = np.flatnonzero(rows.action == int(OrderAction.TRADE))
    ids = np.arange(len(at), dtype=np.int64)
    told = TradeColumns(
        SYMBOL,
        rows.venue_time_ns[at],
        rows.arrival_time_ns[at],
        rows.price_ticks[at],
        rows.lots[at],
        rows.side[at],
        ids,
    )
    if "all-trades" not in Store(store / "data").names():
        Store(store / "data").write_trades("all-trades", MADE, [told], source="made up")
    chosen = profile("pessimistic-1") if level == "impact" else near(level)
    SEEN.clear()

    result = backtest(
        SeesAll,
        store=store / "data",
        data=["made-orders", "all-trades"],
        profile=chosen,
        runs=runs,
    )

    assert result.failure == ""
    assert result.fills >= 3
    assert result.certainty is not None
    assert set(result.certainty.fills) == {"trade" if level == "impact" else level}
    assert len(SEEN[-1]) == len(at)


def test_prints_of_a_book_are_given_where_there_are_no_trades(store: Path, runs: Runs) -> None:
    rows = made_orders()
    at = np.flatnonzero(rows.action == int(OrderAction.TRADE))
    middle = int(rows.arrival_time_ns[at[len(at) // 2]])

    class Prints(Strategy):
        def on_start(self, context: Any) -> None:
            context.trades(SYMBOL)

        def on_trade(self, context: Any, trade: Any) -> None:
            seen.append((trade.trade_id, trade.price_ticks, trade.quantity_lots, trade.aggressor))

    found = []
    for data, start in (("made-orders", None), ("made-book", None), ("made-book", middle)):
        seen: list[Any] = []
        backtest(
            Prints,
            store=store / "data",
            data=[data],
            profile=near("book"),
            start_ns=start,
            runs=runs,
        )
        found.append(seen)

    columns = (rows.price_ticks[at], rows.lots[at], rows.side[at])
    assert found[0] == list(zip(range(1, len(at) + 1), *(c.tolist() for c in columns), strict=True))
    assert found[1] == found[0]
    assert found[2] == found[0][-len(found[2]) :]
    assert 0 < len(found[2]) < len(at)


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "data", "words"),
    [
        (
            "orders",
            "made-book",
            r"level orders.*single orders of a book.*made-book \(book\)",
        ),
        ("book", "made-trades", r"level book.*levels of a book.*made-trades \(trades\)"),
    ],
)
def test_data_that_a_level_cannot_match_on_is_refused_at_the_start(
    store: Path, runs: Runs, level: str, data: str, words: str
) -> None:
    if data == "made-trades" and data not in Store(store / "data").names():
        trade = replace(trades([1_000, 1_001]), instrument=SYMBOL)
        Store(store / "data").write_trades(data, MADE, [trade], source="made up")
    before = len(runs.all())

    with pytest.raises(InputError, match=words):
        backtest(
            load_strategy(str(MAKER)),
            store=store / "data",
            data=[data],
            profile=profile(f"{level}-1"),
            runs=runs,
        )
    assert len(runs.all()) == before


def test_a_level_of_prints_without_trades_or_bars_is_refused(store: Path, runs: Runs) -> None:
    with pytest.raises(InputError, match="level impact, on trades or bars, and made-book holds"):
        backtest(load_strategy(str(MAKER)), store=store / "data", data=["made-book"], runs=runs)


def test_a_book_that_no_data_set_has_is_refused(store: Path, runs: Runs) -> None:
    class Asks(Strategy):
        def on_start(self, context: Any) -> None:
            context.quotes(SYMBOL)

    with pytest.raises(InputError, match="asks for quotes, and no data set has it"):
        backtest(Asks, store=store / "data", data=["made-book"], profile=near("book"), runs=runs)


def test_a_book_is_looked_at_only_by_who_subscribed() -> None:
    class Peeks(Strategy):
        def on_start(self, context: Any) -> None:
            context.timer_every("look", 1_000 * MILLISECOND)

        def on_timer(self, context: Any, timer: Any) -> None:
            context.book(SYMBOL)

    result = backtest_columns(
        Peeks, [levels_of(made_orders(100))], instruments=[MADE], profile=near("book")
    )
    assert "its book is not subscribed to; call context.books" in result.failure


def test_what_a_book_cannot_do_is_composed_or_refused() -> None:
    told: list[Any] = []

    class Wishes(Strategy):
        def on_start(self, context: Any) -> None:
            context.books(SYMBOL)
            context.timer_at("go", int(rows.arrival_time_ns[50]))

        def on_timer(self, context: Any, timer: Any) -> None:
            context.buy(SYMBOL, units=4)
            context.sell(SYMBOL, units=4, trail_ticks=2)
            context.buy(SYMBOL, units=4, limit=499, display=1)
            context.buy(SYMBOL, units=1, in_force="at_close")

        def on_order(self, context: Any, update: Any) -> None:
            told.append(update)

        def on_fill(self, context: Any, fill: Any) -> None:
            told.append(fill)

    rows = levels_of(made_orders(600))
    result = backtest_columns(Wishes, [rows], instruments=[MADE], profile=near("book"))

    assert result.failure == ""
    assert result.denied == 1
    assert any(
        type(each).__name__ == "OrderDenied"
        and "at_close at venue everything on a book" in each.detail
        for each in told
    )
    # The trailing stop was watched for on the book's prints, and sold what was bought.
    assert any(type(each).__name__ == "OrderTriggered" for each in told)
    assert sum(each.lots for each in told if isinstance(each, Fill) and each.side < 0) == 4


def test_a_trigger_that_no_stream_could_reach_is_refused() -> None:
    told: list[Any] = []

    class Blind(Strategy):
        def on_start(self, context: Any) -> None:
            context.timer_at("go", int(rows.arrival_time_ns[50]))

        def on_timer(self, context: Any, timer: Any) -> None:
            context.sell(SYMBOL, units=4, trail_ticks=2)

        def on_order(self, context: Any, update: Any) -> None:
            told.append(update)

    rows = levels_of(made_orders(100))
    backtest_columns(Blind, [rows], instruments=[MADE], profile=near("book"))

    (denied,) = told
    assert (
        "no stream of the strategy brings; subscribe to its trades, bars or book" in denied.detail
    )


def test_rows_that_cannot_be_stop_the_run_and_are_not_the_strategys_fault() -> None:
    rows = levels_of(made_orders(50))
    prices = rows.price_ticks.copy()
    prices[40] = 0
    wrong = replace(rows, price_ticks=prices)

    class Looks(Strategy):
        def on_start(self, context: Any) -> None:
            context.books(SYMBOL)

        def on_book(self, context: Any, book: Any) -> None:
            assert book.bid_ticks != 0

    for bars in ([], [replace(trades([1_000, 1_001]), instrument=SYMBOL)]):
        chosen = profile("zero-latency") if bars else near("book")
        with pytest.raises(DataError, match="a price is not possible"):
            backtest_columns(Looks, [wrong, *bars], instruments=[MADE], profile=chosen)


def test_a_backtest_on_trades_loads_nothing_of_books() -> None:
    """What compiles for seconds on a new machine is loaded by who uses it."""
    code = (
        "import sys\n"
        "from tests.support.worlds import ES, trades\n"
        "from tieout import Strategy\n"
        "from tieout.wiring import backtest_columns\n"
        "backtest_columns(Strategy, [trades([400, 401])], instruments=[ES])\n"
        "print(sorted(each for each in sys.modules if each.startswith('tieout.market.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout
    assert "tieout.market.matching'" in loaded
    for each in ("book_matching", "_book_compiled", "order_matching", "_order_book_compiled"):
        assert f"tieout.market.{each}'" not in loaded
    assert "queues" not in loaded
