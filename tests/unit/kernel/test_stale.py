"""What an instrument costs is told by its newest bar, whenever an older one became known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import (
    ES,
    MINUTE,
    SYMBOL,
    T0,
    MemoryJournal,
    ScriptedVenue,
    bars,
    single_events,
)
from tests.unit.feeds.arriving import ArrivingSource
from tieout import Context, Strategy
from tieout.adapters.feeds.history import HistorySource, Stream
from tieout.kernel.loop import Kernel
from tieout.kernel.risk import RiskLimits
from tieout.kernel.stale import newest_prices, none_is_stale, note
from tieout.model.events import Bar, RunEnded, RunStarted
from tieout.model.orders import PlaceOrder

if TYPE_CHECKING:
    from tieout.model.columns import BarColumns


class Buys(Strategy):
    """Buys on every bar of either length."""

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")
        context.bars(SYMBOL, "5m")

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.buy(SYMBOL, units=1)


def columns(rows: list[tuple[int, int]], *, length: int = 1) -> BarColumns:
    """Return bars by (minute of the close, price), a minute after each other."""
    whole = bars([price for _, price in rows])
    closes = T0 + MINUTE * np.array([minute for minute, _ in rows], np.int64)
    arrival = T0 + MINUTE * (10 + np.arange(len(rows), dtype=np.int64))
    return replace(
        whole,
        interval_ns=length * MINUTE,
        open_time_ns=closes - length * MINUTE,
        close_time_ns=closes,
        arrival_time_ns=arrival + length,
        revision=np.array(
            [sum(minute == at for at, _ in rows[:place]) for place, (minute, _) in enumerate(rows)],
            np.int64,
        ),
    )


MINUTES = [(1, 400), (2, 402), (1, 440), (3, 404), (2, 480), (4, 406)]
FIVES = [(0, 500), (3, 510), (9, 520)]
STARTED = RunStarted(arrival_time_ns=T0 + 5 * MINUTE, cash=10**18)
ENDED = RunEnded(arrival_time_ns=T0 + 60 * MINUTE, reason="end")


def decided(source: Any) -> list[int | None]:
    journal = MemoryJournal()
    limits = RiskLimits(input_age_ns_max=10**18)
    kernel = Kernel(Buys, instruments={SYMBOL: ES}, journal=journal, limits=limits)
    kernel.run(source, ScriptedVenue())
    placed = [each for each in journal.decisions if isinstance(each, PlaceOrder)]
    return [each.decision_price_ticks for each in placed]


def in_pieces(rows: BarColumns, chunk: int) -> Stream:
    pieces = (rows.rows(at, at + chunk) for at in range(0, len(rows), chunk))
    return Stream(f"{rows.interval_ns}", pieces)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_an_older_bar_is_no_news_of_the_price_in_pieces_or_one_by_one(chunk: int) -> None:
    one, five = columns(MINUTES), columns(FIVES, length=5)
    merged = sorted(
        [*single_events(one), *single_events(five)], key=lambda each: each.arrival_time_ns
    )

    stored = decided(HistorySource(STARTED, ENDED, [in_pieces(one, chunk), in_pieces(five, chunk)]))
    arrived = decided(ArrivingSource([STARTED, *merged, ENDED]))

    assert stored == arrived
    assert stored == [400, 400, 402, 510, 510, 520, 520, 520, 520]


@given(
    rows=st.lists(
        st.tuples(st.integers(1, 12), st.integers(1, 999), st.integers(0, 2)), max_size=25
    ),
    before=st.integers(0, 6),
)
def test_prices_of_columns_are_those_that_a_look_at_each_row_gives(
    rows: list[tuple[int, int, int]], before: int
) -> None:
    names = ("A", "A", "B")
    lengths = (1, 5, 1)
    closes = {"A": T0 + before * MINUTE} if before else {}
    marks = {"A": 77} if before else {}
    parts, places = [], []
    for part in range(3):
        own = [(at, row) for at, row in enumerate(rows) if row[2] == part]
        made = columns([(row[0], row[1]) for _, row in own], length=lengths[part])
        parts.append(replace(made, instrument=names[part]))
        places.append(np.array([at for at, _ in own], np.int64))

    told = newest_prices(parts, places, [price for _, price, _ in rows], closes, marks)

    newest, prices = dict(closes), dict(marks)
    for at, (minute, price, part) in enumerate(rows):
        name, close = names[part], T0 + minute * MINUTE
        if close >= newest.get(name, 0):
            newest[name], prices[name] = close, price
        assert told[at] == prices.get(name, price)


def test_whether_a_chunk_has_an_older_bar_is_known_before_it_is_run() -> None:
    rows = columns(MINUTES)
    closes: dict[str, int] = {}
    assert none_is_stale(rows.rows(0, 2), closes)
    assert note(rows.rows(0, 2), closes)
    assert not none_is_stale(rows.rows(2, 3), closes)
    assert not note(rows.rows(2, 3), closes)
    assert closes == {SYMBOL: T0 + 2 * MINUTE}
    made = replace(rows.rows(2, 3), rule="1m@trades")
    assert none_is_stale(made, closes)
