"""Ticks and thinning keep what a reader must see."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tieout.report.scales import Span, money_ticks, thinned, time_ticks

SECOND = 1_000_000_000
CURVES = st.lists(
    st.tuples(st.integers(0, 10**15), st.integers(-(10**18), 10**18)), min_size=1, max_size=300
).map(lambda points: sorted(dict(points).items()))


@given(CURVES, st.integers(1, 40))
def test_thinning_keeps_first_last_and_every_extreme(
    points: list[tuple[int, int]], buckets: int
) -> None:
    kept = thinned(points, buckets)

    assert (kept[0], kept[-1]) == (points[0], points[-1])
    values, kept_values = [each[1] for each in points], [each[1] for each in kept]
    assert (min(kept_values), max(kept_values)) == (min(values), max(values))
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    assert len(kept) <= max(2 * buckets + 4, 2)


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**18), st.integers(2, 9))
def test_money_ticks_are_round_few_and_inside(low: int, length: int, wanted: int) -> None:
    ticks = money_ticks(low, low + length, wanted)

    assert all(low <= tick <= low + length for tick in ticks)
    assert len(ticks) <= wanted + 1
    steps = {one - other for other, one in pairwise(ticks)}
    assert len(steps) <= 1


def test_money_ticks_of_a_constant_is_the_value() -> None:
    assert money_ticks(7, 7, 5) == [7]


@given(st.integers(0, 10**18), st.integers(1, 10**18), st.integers(2, 9))
def test_time_ticks_are_few_and_inside(start: int, length: int, wanted: int) -> None:
    ticks = time_ticks(start, start + length, wanted)

    assert all(start <= tick <= start + length for tick in ticks)
    assert len(ticks) <= wanted + 1


def test_time_ticks_fall_on_whole_units() -> None:
    assert time_ticks(5 * SECOND, 7200 * SECOND, 4) == [1800 * SECOND * n for n in range(1, 5)]


def test_a_span_without_length_lies_in_the_middle() -> None:
    assert Span(5, 5, 0, 10).at(5) == 5
