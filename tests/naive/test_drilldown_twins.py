"""The compiled parts of drilling down say what plain Python says.

Named here: sum_up_bars, sum_up_trades, pass_bars, begin_minute, forget_statistics, price_taken.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.naive.matching import NaiveMatching
from tieout.market import _layout as at
from tieout.market._drilldown_compiled import (
    begin_minute,
    forget_statistics,
    pass_bars,
    price_taken,
    sum_up_bars,
    sum_up_trades,
)
from tieout.market.matching import MatchingCore
from tieout.model.profiles import FillLevel, SimulationProfile

MINUTE = at.MINUTE
prices = st.integers(1, 50)
bar_rows = st.lists(
    st.tuples(st.lists(prices, min_size=4, max_size=4), st.integers(0, 3)), min_size=1, max_size=12
)
passed_rows = st.lists(
    st.tuples(st.integers(0, 400), prices, st.integers(-1, 9)), min_size=1, max_size=260
)


def columns(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [np.array(each, np.int64) for each in zip(*rows, strict=True)]


@given(bar_rows)
def test_bars_are_summed_up_without_those_that_only_carry_a_price_forward(rows: list[Any]) -> None:
    bars = [(four[0], max(four), min(four), four[3], volume) for four, volume in rows]
    whole = np.zeros(5, np.int64)

    traded = sum_up_bars(*columns(bars), whole)

    told = [bar for bar in bars if bar[4]] or bars
    assert traded == sum(1 for bar in bars if bar[4])
    assert whole.tolist() == [
        told[0][0],
        max(bar[1] for bar in told),
        min(bar[2] for bar in told),
        told[-1][3],
        sum(bar[4] for bar in told),
    ]


@given(st.lists(st.tuples(prices, st.integers(1, 9)), min_size=1, max_size=12))
def test_prints_are_summed_up(rows: list[tuple[int, int]]) -> None:
    whole = np.zeros(5, np.int64)

    sum_up_trades(*columns(rows), whole)

    seen = [price for price, _ in rows]
    assert whole.tolist() == [
        seen[0],
        max(seen),
        min(seen),
        seen[-1],
        sum(size for _, size in rows),
    ]


def a_core(impact_y: float) -> MatchingCore:
    profile = SimulationProfile(name="twin", fill_level=FillLevel.DRILLDOWN, impact_y=impact_y)
    return MatchingCore(profile)


@given(passed_rows, st.booleans(), st.booleans(), st.integers(1, 40), st.sampled_from([1, -1]))
def test_bars_passed_over_leave_the_last_price_and_the_minutes(
    rows: list[tuple[int, int, int]], forgets: bool, keeps: bool, lots: int, side: int
) -> None:
    core = a_core(2.5)
    state, ring = core._state, core._ring
    steps, closing, volume = columns(rows)
    open_time = 30_000_000 * MINUTE + np.cumsum(steps) * 1_000_000_000
    if forgets:
        before = open_time - 10**15
        pass_bars(state, ring, before, before + 1, closing[::-1].copy(), volume, 0, len(rows), 1)
        forget_statistics(state)
        state[at.LAST_PRICE] = state[at.LAST_LEFT] = 0
    now = int(open_time[-1]) // MINUTE + 1

    close_time = open_time + 1_000_000_000
    pass_bars(state, ring, open_time, close_time, closing, volume, 0, len(rows), int(keeps))
    begin_minute(state, ring, now)

    naive = NaiveMatching(
        SimulationProfile(name="twin", fill_level=FillLevel.IMPACT, impact_y=2.5), [], []
    )
    minutes: dict[int, tuple[int, int]] = {}
    last = left = 0
    for when, close, size in zip(
        open_time.tolist(), closing.tolist(), volume.tolist(), strict=True
    ):
        if size <= 0:
            continue
        last, left = close, size
        if keeps:
            _, before = minutes.get(when // MINUTE, (0, 0))
            minutes[when // MINUTE] = close, before + size
    naive.minutes = [(minute, close, size) for minute, (close, size) in minutes.items()]
    assert (state[at.LAST_PRICE], state[at.LAST_LEFT]) == (last, left)
    assert int(state[at.STAT_COUNT]) == min(100, len(minutes))
    expected = max(1, 1_000_000 + side * ceil(1_000_000 * shift_of(naive, lots, now) / 10**8))
    assert price_taken(state, ring, 2.5, side, 1_000_000, lots) == expected


def shift_of(naive: NaiveMatching, lots: int, now: int) -> int:
    return min(ceil(naive.impact(lots, now) * 1e8), 10**8)


def test_without_lots_a_price_taken_has_no_impact() -> None:
    core = a_core(1.0)
    core._ring[:100] = np.arange(100, 200)
    core._ring[100:] = 7
    core._state[at.STAT_COUNT] = 100

    assert price_taken(core._state, core._ring, 1.0, 1, 10_000, 0) == 10_000
    assert price_taken(core._state, core._ring, 1.0, 1, 10_000, 7) > 10_000 * (1 + sqrt(1e-9))
