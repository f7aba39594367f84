"""The compiled book and two dictionaries agree on random rows, whatever the window."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.book import CLEAR, LEVEL, SNAPSHOT, TRADE, NaiveBook
from tests.support.books import book_rows
from tieout.market.book import Book, BookBreakKind

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))

near = st.integers(90, 110)
far = st.sampled_from([1, 2, 40, 60, 83, 84, 85, 116, 117, 140, 300, 1000, 10**9, 2**59])
rows = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, -1]),
        st.sampled_from([LEVEL] * 12 + [SNAPSHOT] * 2 + [TRADE, CLEAR]),
        st.sampled_from([1, -1]),
        st.one_of(near, near, near, far),
        st.sampled_from([0, 0, 1, 5, 2**43]),
        st.booleans(),
    ),
    max_size=60,
)


def agrees(book: Book, naive: NaiveBook) -> None:
    for side in (1, -1):
        levels = naive.levels(side)
        assert book.levels(side) == levels
        assert book.levels(side, 2) == levels[:2]
        assert book.best(side) == (levels[0] if levels else None)
        for price in (levels[0][0] if levels else 100, 95, 1000):
            assert book.lots_at(side, price) == naive.sides[side].get(price, 0)
    assert book.is_crossed == naive.crossed
    names = {BookBreakKind.STALE: "stale", BookBreakKind.CROSSED: "crossed"}
    assert [(names[BookBreakKind(e.kind)], e.row) for e in book.breaks] == naive.breaks


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(rows, st.sampled_from([16, 32, 1024]), st.integers(1, 60))
def test_the_book_holds_what_two_dictionaries_hold(
    given_rows: list[Any], window: int, chunk: int
) -> None:
    book, naive = Book("X", window_ticks=window), NaiveBook()
    time, told = 1_000, []
    for number, (step, kind, drawn, price, size, last) in enumerate(given_rows, start=1):
        time += step
        lots = max(size, 1) if kind == TRADE else size
        # A clear is of both sides where the draw says buyers.
        side = drawn if kind != CLEAR or drawn < 0 or size else 0
        told.append((time, kind, side, price, lots, last))
        naive.apply(number, *told[-1])
    market = book_rows(told)
    for start in range(0, len(told), chunk):
        book.apply(market.rows(start, start + chunk))

    agrees(book, naive)


@pytest.mark.parametrize("seed", range(2))
def test_a_wandering_book_keeps_all_its_levels(seed: int) -> None:
    draw = np.random.default_rng(seed)
    book, naive = Book("X", window_ticks=64), NaiveBook()
    middle, told = 5_000, []
    for number in range(1, 6_001):
        middle += int(draw.integers(-9, 10))
        side = int(draw.choice([1, -1]))
        price = max(1, middle - side * int(draw.geometric(0.02)))
        lots = int(draw.integers(0, 3))
        told.append((number, LEVEL, side, price, lots, True))
        naive.apply(number, *told[-1])
    book.apply(book_rows(told))

    agrees(book, naive)
    assert len(book.levels(1)) > 300
