"""What bars, slices and consolidation must do, by the ids of the behaviour lists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.support.merging import batches_of
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0
from tests.support.worlds import trades as prints
from tests.unit.feeds.arriving import disordered
from tests.unit.feeds.test_making import a_kernel, as_it_arrives, from_a_file, makers
from tieout import Context, Strategy
from tieout.adapters.feeds.history import HistorySource, Stream, at_slice_end
from tieout.errors import DataError
from tieout.history import made_bars
from tieout.market import BarMaker
from tieout.model.bars import bar_rule
from tieout.model.columns import BarColumns
from tieout.model.events import Bar, Fill, RunEnded, RunStarted
from tieout.model.profiles import profile
from tieout.wiring import backtest_columns


def bars_of(trades: Any, *, chunk: int, until_ns: int, **rule: Any) -> list[tuple[int, ...]]:
    maker = BarMaker(SYMBOL, bar_rule("1m", ES, **rule), grace_ns=3 * SECOND)
    pieces = [trades.rows(at, at + chunk) for at in range(0, len(trades), chunk)]
    return [
        row
        for each in made_bars(pieces, maker, until_ns=until_ns)
        if isinstance(each, BarColumns)
        for row in zip(
            each.open_time_ns.tolist(),
            each.arrival_time_ns.tolist(),
            each.close_ticks.tolist(),
            each.volume_lots.tolist(),
            each.revision.tolist(),
            strict=True,
        )
    ]


def test_n38_a_trade_from_before_changes_no_bar_that_is_over_without_saying_so() -> None:
    revised = 0
    for seed in range(60):
        trades = disordered(seed)
        versions: dict[int, list[int]] = {}
        for row in bars_of(trades, chunk=7, until_ns=int(trades.arrival_time_ns[-1]) + MINUTE):
            versions.setdefault(row[0], []).append(row[4])
        for each in versions.values():
            # An interval that was silent has its first word as revision 1.
            assert each == list(range(each[0], each[0] + len(each)))
            assert each[0] in (0, 1)
            revised += each[-1] > 0
    assert revised > 5


def test_n41_no_bar_is_told_past_the_end_of_the_data() -> None:
    trades = prints([400] * 90)
    last = int(trades.arrival_time_ns[-1])

    for gaps in ("skip", "fill"):
        rows = bars_of(trades, chunk=90, until_ns=last, gaps=gaps)
        assert [row[0] for row in rows] == [T0]
        assert all(row[1] <= last for row in rows)


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_n41_pieces_give_the_bars_of_the_whole_when_trades_share_a_time_at_the_cut(
    chunk: int,
) -> None:
    trades = prints([400 + row % 7 for row in range(200)], step_ns=20 * SECOND)
    time = np.repeat(trades.venue_time_ns[::4], 4)[: len(trades)]
    together = type(trades)(SYMBOL, time, time, *_rest(trades))
    end = int(time[-1]) + MINUTE

    whole = bars_of(together, chunk=len(trades), until_ns=end)

    assert bars_of(together, chunk=chunk, until_ns=end) == whole
    assert sum(row[3] for row in whole) == 200 * 10


def _rest(trades: Any) -> tuple[Any, ...]:
    return trades.price_ticks, trades.quantity_lots, trades.aggressor, trades.trade_id


def test_n42_now_never_goes_backwards_over_bars_revisions_and_running_bars() -> None:
    kernel, _ = as_it_arrives(disordered(12), running="trade")
    seen = [each[0] for each in kernel._strategy.seen]

    assert seen == sorted(seen)
    assert any(isinstance(each[1], Bar) and each[1].revision for each in kernel._strategy.seen)


def test_n43_the_same_rows_again_give_the_same_bars_and_state() -> None:
    trades = disordered(13)
    first, _ = from_a_file(trades)
    again, _ = from_a_file(trades)

    assert first._strategy.seen == again._strategy.seen
    assert first.state_hash() == again.state_hash()


def test_n43_rows_that_are_not_in_order_of_arrival_are_refused() -> None:
    trades = disordered(14)
    swapped = type(trades)(
        SYMBOL, trades.venue_time_ns, trades.arrival_time_ns[::-1], *_rest(trades)
    )

    with pytest.raises(DataError, match="row 2: the arrival goes backwards"):
        bars_of(swapped, chunk=200, until_ns=T0)


class OnBars(Strategy):
    """Buys on the bar that fills a gap; notes what it is given."""

    gaps: str = "fill"

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m", made_of="trades", gaps=self.gaps)
        SEEN.clear()

    def on_bar(self, context: Context, bar: Bar) -> None:
        SEEN.append(bar)
        if bar.synthetic and not context.open_orders() and not context.position(SYMBOL).lots:
            context.buy(SYMBOL, units=1)

    def on_trade(self, context: Context, trade: Any) -> None:
        SEEN.append(trade)

    def on_fill(self, context: Context, fill: Fill) -> None:
        SEEN.append(fill)


SEEN: list[Any] = []


def quiet_then_busy() -> Any:
    """Return trades with five minutes between in which nothing trades."""
    early = prints([400, 401, 402])
    late = prints([500, 501, 502], start_ns=T0 + 5 * MINUTE)
    columns = ("venue_time_ns", "arrival_time_ns", "price_ticks", "quantity_lots")
    joined = [np.concatenate([getattr(early, each), getattr(late, each)]) for each in columns]
    return type(early)(SYMBOL, *joined, np.zeros(6, np.int8), np.arange(1, 7))


def test_l04_data_that_was_not_asked_for_is_never_given() -> None:
    backtest_columns(OnBars, [quiet_then_busy()], instruments=[ES], profile="zero-latency")

    assert {type(each) for each in SEEN} == {Bar, Fill}


def test_l05_a_feed_that_only_bars_are_made_of_sets_no_price_a_decision_rests_on() -> None:
    kernel, journal = as_it_arrives(disordered(15), with_trades=False, running="1s")
    bars = {
        (each[0], each[1].close_ticks) for each in kernel._strategy.seen if isinstance(each[1], Bar)
    }
    orders = [each for each in journal.decisions if hasattr(each, "decision_price_ticks")]

    assert orders
    assert all((each.decided_at_ns, each.decision_price_ticks) in bars for each in orders)


def test_l08_an_order_on_a_filled_bar_fills_at_the_next_real_trade() -> None:
    backtest_columns(
        OnBars,
        [quiet_then_busy()],
        instruments=[ES],
        profile=profile("zero-latency"),
        cash=Decimal(10_000),
    )
    (fill,) = [each for each in SEEN if isinstance(each, Fill)]

    assert SEEN[1].synthetic
    assert fill.price_ticks == 500
    assert fill.venue_time_ns == T0 + 5 * MINUTE + SECOND


@pytest.mark.parametrize("slice_ns", [0, 1_000_000, 10_000_000, 70_000_000])
def test_l45_what_arrives_within_a_slice_comes_at_its_end_in_order_of_arrival(
    slice_ns: int,
) -> None:
    trades = disordered(16)
    source = HistorySource(
        RunStarted(arrival_time_ns=T0, cash=0),
        RunEnded(arrival_time_ns=T0 + 3600 * SECOND, reason="end"),
        [
            Stream("one", iter([trades.rows(0, 70), trades.rows(70, 200)])),
            Stream("other", iter([disordered(17, symbol="OTHER")])),
        ],
        slice_ns=slice_ns,
    )
    given = []
    while (each := source.next(None)) is not None:
        for batch in batches_of(each):
            rows = batch.columns
            given += [
                (arrival, rows.instrument, number)
                for arrival, number in zip(
                    rows.arrival_time_ns.tolist(),
                    rows.trade_id.tolist(),  # type: ignore[union-attr]
                    strict=True,
                )
            ]
    expected = sorted(
        (arrival, place, symbol, number)
        for place, (symbol, columns) in enumerate(
            [(SYMBOL, trades), ("OTHER", disordered(17, symbol="OTHER"))]
        )
        for arrival, number in zip(
            columns.arrival_time_ns.tolist(), columns.trade_id.tolist(), strict=True
        )
    )

    assert [each[1:] for each in given] != []
    assert [each[0] for each in given] == [
        -(-arrival // slice_ns) * slice_ns if slice_ns else arrival for arrival, *_ in expected
    ]
    assert [each[1] for each in given] == [symbol for _, _, symbol, _ in expected]


def test_l45_bars_of_one_moment_come_in_one_order_in_every_world() -> None:
    kernel, _ = a_kernel(running="trade")
    assert [each.rule.name for each in makers(kernel)] == ["17s@trades", "5s@trades"]

    trades = at_slice_end(disordered(18), 1)
    ours, _ = from_a_file(trades)
    live, _ = as_it_arrives(trades)
    order = [each[1].rule for each in ours._strategy.seen if isinstance(each[1], Bar)]

    assert order == [each[1].rule for each in live._strategy.seen if isinstance(each[1], Bar)]
