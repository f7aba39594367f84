"""looks_odd lets nothing pass that a plain look refuses; goes_back sees every step back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.market._checks_compiled import goes_back, looks_odd
from tieout.market._layout import LOTS_MAX

WHOLE = st.integers(-(2**63), 2**63 - 1)
PRICES = st.integers(1, 2**63 - 1) | st.integers(-2, 3) | WHOLE
LOTS = st.integers(0, 1_000) | st.integers(LOTS_MAX // 4, LOTS_MAX + 2) | WHOLE


def refused(lowest: list[int], lots: list[int]) -> bool:
    """Say the same plainly, in whole numbers that do not wrap."""
    return any(each <= 0 for each in lowest) or any(each < 0 for each in lots) or total(lots)


def total(lots: list[int]) -> bool:
    return sum(lots) > LOTS_MAX


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(PRICES, LOTS), max_size=20))
def test_nothing_that_is_refused_looks_ordinary(rows: list[tuple[int, int]]) -> None:
    lowest, lots = [price for price, _ in rows], [each for _, each in rows]

    odd = looks_odd(np.array(lowest, np.int64), np.array(lots, np.int64))

    assert odd == 1 or not refused(lowest, lots)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(1, 2**62), st.integers(0, LOTS_MAX // 64)), max_size=32))
def test_ordinary_rows_look_so(rows: list[tuple[int, int]]) -> None:
    columns = np.array(rows, np.int64).reshape(-1, 2).T

    assert looks_odd(*(np.ascontiguousarray(each) for each in columns)) == 0


@pytest.mark.parametrize(
    ("price", "lots"),
    [(0, 1), (-1, 1), (-(2**63), 1), (1, -1), (1, -(2**63)), (1, LOTS_MAX + 1)],
)
def test_one_odd_row_among_many_is_seen_wherever_it_stands(price: int, lots: int) -> None:
    for row in range(40):
        prices, quantities = np.ones(40, np.int64), np.ones(40, np.int64)
        prices[row], quantities[row] = price, lots

        assert looks_odd(prices, quantities) == 1


@settings(max_examples=300, deadline=None)
@given(times=st.lists(WHOLE | st.integers(0, 5), max_size=40), ordered=st.booleans())
def test_a_time_before_the_one_before_it_is_seen(times: list[int], ordered: bool) -> None:
    given_times = sorted(times) if ordered else times

    found = goes_back(np.array(given_times, np.int64))

    assert found == (given_times != sorted(given_times))
