"""What rows have shown over a time, and which of them leave a band: beside a plain look."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.adapters.venues.simulated.price_rows import ANY_PRICE, PriceRows
from tieout.ledger.cross_margin import Band
from tieout.model.columns import BarColumns

# (arrival after the one before, start, length, low, height): rows need not end in their order.
rows = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(100, 140),
        st.integers(1, 20),
        st.integers(90, 110),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=25,
)


def columns(given_rows: list[tuple[int, int, int, int, int]]) -> BarColumns:
    steps, start, length, low, height = (
        np.array(each, np.int64) for each in zip(*given_rows, strict=True)
    )
    nothing = np.zeros(len(start), np.int64)
    return BarColumns(
        "A",
        1,
        start,
        start + length,
        200 + np.cumsum(steps),
        low,
        low + height,
        low,
        low + height // 2,
        nothing,
        nothing,
        np.zeros(len(start), np.bool_),
    )


@settings(max_examples=300, deadline=None)
@given(rows, st.integers(1, 25), st.integers(95, 165), st.integers(1, 20), st.integers(200, 260))
def test_what_rows_showed_is_what_a_plain_look_finds(
    given_rows: list[tuple[int, int, int, int, int]],
    chunk: int,
    start: int,
    length: int,
    arrival: int,
) -> None:
    whole = columns(given_rows)
    kept = PriceRows()
    for first in range(0, len(whole), chunk):
        kept.take(whole.rows(first, first + chunk), reach_ns=10_000)

    known = [
        tuple(int(getattr(whole, name)[row]) for name in NAMES)
        for row in range(len(whole))
        if whole.arrival_time_ns[row] <= arrival
    ]
    inside = [each for each in known if each[1] > start and each[0] < start + length]
    shown = [price for _, _, low, high, _ in inside for price in (low, high)]
    before = [(end, row) for row, (_, end, *_) in enumerate(known) if end <= start]
    if before:
        shown.append(known[max(before)[1]][4])

    found = kept.between(start, start + length, arrival_ns=arrival)
    assert found == ((min(shown), max(shown)) if shown else None)
    last = kept.last(arrival)
    assert (None if last is None else tuple(last)) == (known[-1] if known else None)
    assert kept.ended_ns(arrival) == max((each[1] for each in known), default=0)


NAMES = ("open_time_ns", "close_time_ns", "low_ticks", "high_ticks", "close_ticks")


@settings(max_examples=300, deadline=None)
@given(rows, st.integers(1, 25), st.integers(100, 150), st.integers(199, 240))
def test_rows_that_leave_a_band_are_found_one_after_the_other(
    given_rows: list[tuple[int, int, int, int, int]], chunk: int, calm: int, since: int
) -> None:
    whole = columns(given_rows)
    kept = PriceRows(from_ns=since)
    kept.watch(Band(93, 112), calm_from_ns=calm)
    found = []
    for first in range(0, len(whole), chunk):
        kept.take(whole.rows(first, first + chunk), reach_ns=0)
        while (arrival := kept.next_leaving_ns(10**9)) is not None:
            assert arrival == kept.next_leaving_ns(arrival)
            found.append(arrival)
            kept.pass_until(arrival)

    away = (whole.low_ticks <= 93) | (whole.high_ticks >= 112) | (whole.open_time_ns < calm)
    arrivals = whole.arrival_time_ns[away & (whole.arrival_time_ns > since)].tolist()
    assert sorted(set(found)) == sorted(set(arrivals))


def test_no_price_is_within_the_band_of_those_that_are_all_looked_at() -> None:
    kept = PriceRows()
    kept.take(columns([(0, 100, 1, 100, 0)]), reach_ns=0)
    assert kept.next_leaving_ns(500) is None
    kept.watch(ANY_PRICE, calm_from_ns=0)
    assert kept.next_leaving_ns(500) == 200
    assert [each.low for each in kept.arrived(200)] == [100]
    kept.leave()
    assert not kept.is_watched
