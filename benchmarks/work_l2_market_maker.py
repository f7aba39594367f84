"""A market maker on an order book: levels and prints, a new pair of quotes every 100 ms.

Every 100 ms it cancels both quotes and stands at the best bid and the best ask again, ten lots
each, while it holds less than a hundred long, or short. Its orders never take; they and its cancels
need 10 ms to the venue and none back. A row is a level or a print.

No two engines fill alike here: each line names its model of the queue. What must agree is what they
saw: how often they looked, the best prices at each look, and those at the last.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numba
import numpy as np

from benchmarks.data import INSTRUMENT
from benchmarks.work_bars_python import CASH
from tieout import Context, Instrument, Strategy
from tieout.compiled import (
    Account,
    BookRow,
    CompiledStrategy,
    Given,
    Memory,
    Wishes,
    buy_post_only,
    cancel,
    sell_post_only,
)
from tieout.kernel.risk import RiskLimits
from tieout.model.columns import BookColumns
from tieout.model.profiles import SimulationProfile, profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from benchmarks.data import Columns
    from tieout.strategy import TimerEvent

__all__ = ["DATA", "ENGINES", "PARTS", "ROWS", "SAME"]

DATA: Final = "book"
ROWS: Final = 5_500_000
SAME: Final = {"looks": 0.0, "best_sum": 0.0, "last_bid": 0.0, "last_ask": 0.0}
"""What every engine must agree on, and how closely."""
PARTS: Final = ("tieout_python",)
"""Engines that run over a part of the rows only, and compare what they saw there themselves."""

WARM_UP_ROWS: Final = 20_000
PART_ROWS: Final = 100_000
EVERY_NS: Final = 100_000_000
LATENCY_NS: Final = 10_000_000
LOTS: Final = 10
MOST_LOTS: Final = 100
SPAN: Final = 1 << 18
LEVEL: Final = 1
SEEN: Final[dict[str, int]] = {}
"""What the last run's strategy had seen and sent when it stopped."""


class Maker(CompiledStrategy):
    """The compiled market maker: `whole` holds its quotes' handles, then what it saw and sent."""

    every_ns: int = EVERY_NS
    lots: int = LOTS
    most_lots: int = MOST_LOTS

    def on_start(self, context: Context) -> None:
        context.books(INSTRUMENT.symbol)
        context.timer_every("requote", self.every_ns)

    def prepare(self, memory: Memory, instrument: Instrument) -> None:
        self.memory = memory

    @staticmethod
    def step_timer(
        book: BookRow, given: Given, memory: Memory, account: Account, wishes: Wishes
    ) -> None:
        kept = memory.whole
        kept[2] += 1
        kept[3] += book.bid_ticks + book.ask_ticks
        kept[4] = book.bid_ticks
        kept[5] = book.ask_ticks
        cancel(wishes, kept[0])
        cancel(wishes, kept[1])
        kept[0] = 0
        kept[1] = 0
        if account.position_lots < given.most_lots:
            kept[0] = buy_post_only(wishes, given.lots, book.bid_ticks)
            kept[6] += 1
        if account.position_lots > -given.most_lots:
            kept[1] = sell_post_only(wishes, given.lots, book.ask_ticks)
            kept[6] += 1

    def on_stop(self, context: Context) -> None:
        names = ("looks", "best_sum", "last_bid", "last_ask", "quotes")
        SEEN.update(zip(names, self.memory.whole[2:7].tolist(), strict=True))


class PythonMaker(Strategy):
    """The same in plain Python."""

    def on_start(self, context: Context) -> None:
        self.book = context.books(INSTRUMENT.symbol)
        context.timer_every("requote", EVERY_NS)
        self.standing: list[str] = []
        self.looks = self.best_sum = self.quotes = 0

    def on_timer(self, context: Context, timer: TimerEvent) -> None:
        bid, ask = self.book.bid, self.book.ask
        assert bid is not None
        assert ask is not None
        self.looks += 1
        self.best_sum += (self.book.bid_ticks or 0) + (self.book.ask_ticks or 0)
        for order in self.standing:
            context.cancel(order)
        held = context.position(INSTRUMENT.symbol).lots
        self.standing = []
        if held < MOST_LOTS:
            order = context.buy(INSTRUMENT.symbol, units=LOTS, limit=bid, post_only=True)
            self.standing.append(order)
        if held > -MOST_LOTS:
            order = context.sell(INSTRUMENT.symbol, units=LOTS, limit=ask, post_only=True)
            self.standing.append(order)
        self.quotes += len(self.standing)

    def on_stop(self, context: Context) -> None:
        SEEN.update(looks=self.looks, best_sum=self.best_sum, quotes=self.quotes)


def tieout(columns: Columns, *, queue: str = "pessimistic") -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    whole = book_columns(columns)
    _engine_run(Maker, whole.rows(0, WARM_UP_ROWS), queue)
    started, begun = time.perf_counter(), time.process_time()
    result = _engine_run(Maker, whole, queue)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": len(whole),
        "fills": result.fills,
        "equity": float(result.equity),
        "note": f"queue {queue}, partial fills; {SEEN['quotes']} quotes",
        **SEEN,
    }


def tieout_power(columns: Columns) -> dict[str, Any]:
    """The same with the queue model that is set on the peer beside it."""
    return tieout(columns, queue="power-2")


def tieout_python(columns: Columns) -> dict[str, Any]:
    """The strategy in Python, on a part of the rows; it must do what the compiled one does."""
    part = book_columns(columns).rows(0, PART_ROWS)
    _engine_run(PythonMaker, part.rows(0, WARM_UP_ROWS))
    started, begun = time.perf_counter(), time.process_time()
    result = _engine_run(PythonMaker, part)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    told = dict(SEEN), result.orders, result.fills, result.equity
    other = _engine_run(Maker, part)
    own = {name: SEEN[name] for name in told[0]}
    assert told == (
        {**told[0], **own},
        other.orders,
        other.fills,
        other.equity,
    ), "the strategy in Python is not the compiled one"
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows": len(part),
        "fills": result.fills,
        "equity": float(result.equity),
        "note": "queue pessimistic, partial fills; the first rows only",
        **SEEN,
    }


def limit(columns: Columns) -> dict[str, Any]:
    """Keep both best prices and look at them in a bare compiled loop: no orders, no engine."""
    names = ("time_ns", "kind", "side", "price_ticks", "lots")
    given = [columns[name] for name in names]
    bids, asks = np.zeros(SPAN, np.int64), np.zeros(SPAN, np.int64)
    _bare(bids.copy(), asks.copy(), *(each[:WARM_UP_ROWS] for each in given))
    started, begun = time.perf_counter(), time.process_time()
    looks, best_sum, bid, ask, _ = _bare(bids, asks, *given)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": len(given[0]),
        "fills": 0,
        "equity": float(CASH),
        "looks": int(looks),
        "best_sum": int(best_sum),
        "last_bid": int(bid),
        "last_ask": int(ask),
        "note": "no orders",
    }


ENGINES: Final = {
    "tieout": tieout,
    "tieout_power": tieout_power,
    "tieout_python": tieout_python,
    "limit": limit,
}


def book_columns(columns: Columns) -> BookColumns:
    """Return the arrays as the product takes them; a row is known at once."""
    times = columns["time_ns"].astype(np.int64, copy=False)
    return BookColumns(
        instrument=INSTRUMENT.symbol,
        venue_time_ns=times,
        arrival_time_ns=times,
        kind=columns["kind"].astype(np.int8, copy=False),
        side=columns["side"].astype(np.int8, copy=False),
        price_ticks=columns["price_ticks"].astype(np.int64, copy=False),
        lots=columns["lots"].astype(np.int64, copy=False),
        last=columns["last"].astype(np.bool_, copy=False),
    )


def _engine_run(strategy: Any, rows: BookColumns, queue: str = "pessimistic") -> Result:  # noqa: ANN401
    return backtest_columns(
        strategy,
        columns=[rows],
        instruments=[INSTRUMENT],
        profile=_profile(queue),
        cash=Decimal(CASH),
        limits=RiskLimits(orders_per_minute_max=10_000),
    )


def _profile(queue: str) -> SimulationProfile:
    return msgspec.structs.replace(
        profile("book-1"),
        name="l2-market-maker",
        queue=queue,
        entry_latency_ns=LATENCY_NS,
        matching_latency_ns=0,
        response_latency_ns=0,
        taker_fee_rate=Decimal("0.0005"),
        maker_fee_rate=Decimal("0.0005"),
    )


@numba.njit
def _best_after(levels, best, price, lots, worse):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Set a level and return its side's best price; `worse` is −1 of bids and +1 of asks."""
    levels[price] = lots
    if lots > 0:
        return price if (best - price) * worse > 0 else best
    while levels[best] == 0 and 0 < best < SPAN - 1:
        best += worse
    return best


@numba.njit
def _bare(bids, asks, times, kinds, sides, prices, sizes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    bid, ask = 0, SPAN - 1
    looks = best_sum = last_bid = last_ask = printed = 0
    due = (times[0] // EVERY_NS + 1) * EVERY_NS
    for row in range(times.size):
        if due <= times[row]:
            # Not a loop: the compiler makes a division of one, by a function that is not there.
            passed = (times[row] - due) // EVERY_NS + 1
            looks += passed
            best_sum += passed * (bid + ask)
            last_bid, last_ask = bid, ask
            due += passed * EVERY_NS
        if kinds[row] != LEVEL:
            printed += sizes[row]
        elif sides[row] == 1:
            bid = _best_after(bids, bid, prices[row], sizes[row], -1)
        else:
            ask = _best_after(asks, ask, prices[row], sizes[row], 1)
    return looks, best_sum, last_bid, last_ask, printed
