"""History comes out merged by arrival, the same however its chunks are cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.merging import batches_of
from tests.unit.history.builders import MINUTE, SECOND, T0, bar_columns, trade_columns
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, InputRows, Stream
from tieout.errors import DataError, InputError
from tieout.kernel.ports import Inputs, MarketBatch, MergedBatch
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    ConnectionLost,
    ConnectionRestored,
    DataOpened,
    RunEnded,
    RunStarted,
    SourceRank,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.model.columns import MarketColumns

Row = tuple[int, str, int, int]


def source(
    *streams: Stream,
    start_ns: int = T0,
    end_ns: int = T0 + 60 * MINUTE,
    progress: Callable[[float, float | None], None] | None = None,
) -> HistorySource:
    """Return a source over streams."""
    started = RunStarted(arrival_time_ns=start_ns, cash=0)
    ended = RunEnded(arrival_time_ns=end_ns, reason="end of data")
    return HistorySource(started, ended, streams, progress=progress)


def stream(columns: MarketColumns, *, chunk: int = 1000, name: str = "s", **more: Any) -> Stream:
    """Return a stream of columns cut into chunks."""
    pieces = [columns.rows(at, at + chunk) for at in range(0, len(columns), chunk)]
    return Stream(name, iter(pieces), **more)


def everything(given_source: HistorySource) -> list[MarketBatch | MergedBatch | Inputs]:
    """Return all that a source gives."""
    found = []
    while (each := given_source.next(None)) is not None:
        found.append(each)
    return found


def batches(given_source: HistorySource) -> list[MarketBatch]:
    """Return the market batches that a source gives."""
    return [batch for each in everything(given_source) for batch in batches_of(each)]


def plain(found: Sequence[MarketBatch]) -> list[Row]:
    """Return the rows of batches as (arrival, instrument, interval, price or close)."""
    result = []
    for each in found:
        columns = each.columns
        if isinstance(columns, TradeColumns):
            interval, price = 0, columns.price_ticks
        else:
            interval, price = columns.interval_ns, columns.close_ticks
        for arrival, ticks in zip(columns.arrival_time_ns, price, strict=True):
            result.append((int(arrival), columns.instrument, interval, int(ticks)))
    return result


def test_a_run_begins_with_its_start_and_the_data_and_ends_with_its_end() -> None:
    opened = DataOpened(stream="s", fingerprint="f", rows=1, arrival_time_ns=T0)
    given_source = source(stream(trade_columns([401]), opened=opened), stream(bar_columns([401])))

    first, *middle, last = everything(given_source)

    assert first == Inputs((RunStarted(arrival_time_ns=T0, cash=0), opened))
    assert all(isinstance(each, MarketBatch) and each.stored for each in middle)
    assert last == Inputs((RunEnded(arrival_time_ns=T0 + 60 * MINUTE, reason="end of data"),))
    assert given_source.next(T0) is None


def test_one_stream_alone_is_given_chunk_by_chunk() -> None:
    found = batches(source(stream(trade_columns(range(1, 11)), chunk=4)))
    assert [len(each.columns) for each in found] == [4, 4, 2]


def test_trades_come_before_a_bar_of_the_same_arrival_and_bars_in_order_of_streams() -> None:
    minute = bar_columns([500], instrument="A")
    other = bar_columns([600], instrument="B")
    trades = trade_columns(range(1, 4), step_ns=30 * SECOND)

    found = plain(batches(source(stream(minute), stream(other), stream(trades))))

    assert [price for *_, price in found] == [1, 2, 500, 600, 3]


def test_no_row_of_another_stream_lies_inside_a_batch() -> None:
    one = trade_columns(range(1, 100), step_ns=7 * SECOND)
    other = bar_columns(range(200, 210))
    found = batches(source(stream(one, chunk=5), stream(other, chunk=3)))

    arrivals = [each.columns.arrival_time_ns for each in found]
    assert sum(len(each) for each in arrivals) == 109
    for before, after in pairwise(arrivals):
        assert before[-1] <= after[0]


def test_rows_after_the_end_are_not_given_and_rows_at_the_end_are() -> None:
    columns = trade_columns(range(1, 11))
    bars = bar_columns([1, 2])
    end = T0 + 5 * SECOND
    assert len(plain(batches(source(stream(columns), stream(bars), end_ns=end)))) == 5
    assert batches(source(stream(columns), end_ns=T0)) == []
    assert batches(source(end_ns=T0)) == []


def test_warm_up_bars_arrive_at_the_start_flagged_and_before_all_else() -> None:
    warm = bar_columns([1, 2, 3], start_ns=T0 - 3 * MINUTE, delay_ns=SECOND)
    live = bar_columns([4], delay_ns=SECOND)

    first, *rest = batches(source(stream(live, warm_up=warm)))

    assert isinstance(first.columns, BarColumns)
    assert first.columns.warm_up.all()
    assert first.columns.arrival_time_ns.tolist() == [T0] * 3
    assert first.columns.close_ticks.tolist() == [1, 2, 3]
    assert not warm.warm_up.any()
    assert plain(rest) == [(T0 + MINUTE + SECOND, live.instrument, MINUTE, 4)]
    assert not rest[0].columns.warm_up.any()  # type: ignore[union-attr]


def test_a_warm_up_bar_that_is_not_over_at_the_start_is_refused() -> None:
    with pytest.raises(InputError, match="s: a warm-up bar closes after the start"):
        source(stream(bar_columns([2]), warm_up=bar_columns([1], start_ns=T0 - SECOND)))


def test_a_run_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InputError, match="before it starts"):
        source(end_ns=T0 - 1)


def test_rows_before_the_start_are_refused() -> None:
    early = trade_columns([401], start_ns=T0 - MINUTE)
    with pytest.raises(DataError, match="before the start"):
        everything(source(stream(early)))


@pytest.mark.parametrize("chunk", [1, 2, 10])
def test_arrivals_that_go_backwards_are_refused_wherever_the_chunk_ends(chunk: int) -> None:
    columns = trade_columns([1, 2, 3, 4])
    arrivals = columns.arrival_time_ns.copy()
    arrivals[2] -= 5 * SECOND // 2
    broken = replace(columns, arrival_time_ns=arrivals)

    with pytest.raises(DataError, match="s: the arrival goes backwards") as refused:
        everything(source(stream(broken, chunk=chunk)))

    assert refused.value.value == f"{arrivals[2]} ns after {arrivals[1]} ns"


def test_progress_is_told_in_seconds_of_history() -> None:
    told: list[tuple[float, float | None]] = []
    one = stream(trade_columns(range(1, 11)), chunk=4)
    everything(source(one, end_ns=T0 + MINUTE, progress=lambda a, b: told.append((a, b))))
    assert told == [(4.0, 60.0), (8.0, 60.0), (10.0, 60.0)]


steps = st.lists(st.integers(0, 3), min_size=0, max_size=25)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(steps, st.booleans(), st.integers(1, 7)), max_size=5), st.integers(0, 40))
def test_chunked_equals_whole_and_both_equal_a_plain_sort(
    plans: list[tuple[list[int], bool, int]], length: int
) -> None:
    end = T0 + length * SECOND
    streams: list[MarketColumns] = []
    for place, (distances, trades, _) in enumerate(plans):
        arrival = T0 + np.cumsum(np.array(distances, np.int64)) * SECOND
        prices = range(100 * place + 1, 100 * place + 1 + len(arrival))
        made: MarketColumns = trade_columns(prices) if trades else bar_columns(prices)
        streams.append(replace(made, instrument=f"I{place}", arrival_time_ns=arrival))

    chunked = batches(
        source(
            *(stream(each, chunk=plan[2]) for each, plan in zip(streams, plans, strict=True)),
            end_ns=end,
        )
    )
    whole = batches(source(*map(stream, streams), end_ns=end))

    keyed = [
        (int(each.arrival_time_ns[row]), isinstance(each, BarColumns), place, row)
        for place, each in enumerate(streams)
        for row in range(len(each))
        if each.arrival_time_ns[row] <= end
    ]
    expected = [100 * place + 1 + row for _, _, place, row in sorted(keyed)]
    assert [price for *_, price in plain(chunked)] == expected
    assert plain(whole) == plain(chunked)


def test_a_market_gives_its_chunks_in_order_and_then_nothing() -> None:
    columns = trade_columns(range(1, 6))
    market = HistoryMarket(columns.rows(at, at + 2) for at in range(0, 5, 2))

    found = [market.fetch(T0) for _ in range(4)]

    assert [0 if each is None else len(each) for each in found] == [2, 2, 1, 0]
    assert market.fetch(T0) is None


def test_that_the_way_was_lost_comes_before_the_rows_of_its_moment() -> None:
    lost = ConnectionLost(stream="store:set", reason="test", arrival_time_ns=T0 + 2 * SECOND)
    restored = ConnectionRestored(stream="store:set", backfilled=0, arrival_time_ns=T0 + 4 * SECOND)
    told = [lost, restored]
    arrivals = np.array([each.arrival_time_ns for each in told], np.int64)

    found = everything(
        source(
            stream(trade_columns([1, 2, 3, 4, 5])),
            Stream("outages", iter((InputRows(told, arrivals, int(SourceRank.CONNECTION)),))),
        )
    )

    order = [
        each.columns.price_ticks.tolist() if isinstance(each, MarketBatch) else each.events[0]  # type: ignore[union-attr]
        for each in found
        if not isinstance(each, MergedBatch)
    ]
    assert order[1:-1] == [[1], lost, [2, 3], restored, [4, 5]]
