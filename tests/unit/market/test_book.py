"""A book names what cannot be right, and keeps every level wherever the price goes."""

from __future__ import annotations

import pytest

from tests.support.books import CLEAR, LEVEL, SNAPSHOT, TRADE, book_rows
from tieout.errors import DataError, InputError
from tieout.market.book import Book, BookBreakKind

SOUND = (1, LEVEL, 1, 100, 5, True)


@pytest.mark.parametrize(
    ("row", "problem", "value"),
    [
        ((2, LEVEL, 1, 0, 5, True), "price", "0 ticks"),
        ((2, SNAPSHOT, -1, -3, 5, True), "price", "-3 ticks"),
        ((2, TRADE, 1, 2**60 + 1, 5, True), "price", f"{2**60 + 1} ticks"),
        ((2, LEVEL, 1, 100, -1, True), "size", "-1 lots"),
        ((2, LEVEL, 1, 100, 2**43 + 1, True), "size", f"{2**43 + 1} lots"),
        ((2, TRADE, 1, 100, 0, True), "size", "0 lots"),
        ((2, LEVEL, 0, 100, 5, True), "side", "0"),
        ((2, LEVEL, 2, 100, 5, True), "side", "2"),
        ((2, CLEAR, -2, 0, 0, True), "side", "-2"),
        ((2, 0, 1, 100, 5, True), "kind", "0"),
        ((2, 5, 1, 100, 5, True), "kind", "5"),
    ],
)
def test_what_a_row_cannot_say_is_named_with_its_row(
    row: tuple[int, int, int, int, int, bool], problem: str, value: str
) -> None:
    book = Book("X")
    book.apply(book_rows([SOUND]))
    with pytest.raises(DataError, match=problem) as refused:
        book.apply(book_rows([SOUND, row, SOUND]))
    assert (refused.value.row, refused.value.value, refused.value.file) == (3, value, "X")


def test_arrivals_that_go_backwards_are_named() -> None:
    book = Book("X")
    market = book_rows([SOUND, SOUND])
    market.arrival_time_ns[:] = [9, 8]
    with pytest.raises(DataError, match="arrived before") as refused:
        book.apply(market)
    assert (refused.value.row, refused.value.limit) == (2, "at least 9 ns")


@pytest.mark.parametrize("window", [0, 8, 100])
def test_a_window_is_a_power_of_two(window: int) -> None:
    with pytest.raises(InputError, match="power of two"):
        Book("X", window_ticks=window)


def test_a_crossed_book_is_kept_and_named_once_each_time() -> None:
    book = Book("X")
    book.apply(book_rows([(1, LEVEL, 1, 100, 5, True), (2, LEVEL, -1, 100, 5, True)]))
    book.apply(book_rows([(3, LEVEL, 1, 99, 5, True), (4, LEVEL, -1, 100, 0, True)]))
    book.apply(book_rows([(5, LEVEL, -1, 98, 1, True)]))
    told = [(each.kind, each.row, each.value, each.limit) for each in book.breaks]
    crossed = BookBreakKind.CROSSED
    assert told == [(crossed, 2, 100, 100), (crossed, 5, 100, 98)]
    assert book.is_crossed


def test_a_book_that_is_half_told_is_not_called_crossed() -> None:
    book = Book("X")
    rows = [
        (1, LEVEL, -1, 101, 5, True),
        (2, LEVEL, 1, 102, 5, False),
        (2, LEVEL, -1, 101, 0, True),
    ]
    book.apply(book_rows(rows))
    assert list(book.breaks) == []


def test_many_breaks_are_all_kept() -> None:
    book = Book("X")
    stale = [(1, LEVEL, 1, 99, 5, True)] * 1_000
    book.apply(book_rows([(5, LEVEL, 1, 100, 5, True), *stale]))
    assert [each.row for each in book.breaks] == list(range(2, 1_002))
    assert book.levels(1) == [(100, 5)]


def test_levels_far_from_the_price_are_kept_when_they_outgrow_their_store() -> None:
    book = Book("X", window_ticks=16)
    rows = [(1, LEVEL, -1, 10 * price, price, True) for price in range(5_000, 0, -1)]
    book.apply(book_rows(rows))
    assert book.levels(-1) == [(10 * price, price) for price in range(1, 5_001)]


def test_a_wild_best_price_comes_and_goes_and_harms_nothing() -> None:
    book = Book("X")
    book.apply(book_rows([(1, LEVEL, 1, price, 5, True) for price in range(90, 101)]))
    book.apply(book_rows([(2, LEVEL, 1, 10**15, 1, True)]))
    assert book.best(1) == (10**15, 1)
    book.apply(book_rows([(3, LEVEL, 1, 10**15, 0, True)]))
    assert book.levels(1) == [(price, 5) for price in range(100, 89, -1)]


@pytest.mark.parametrize(("side", "left"), [(1, [0, 1]), (-1, [1, 0]), (0, [0, 0])])
def test_a_clear_empties_one_side_or_both(side: int, left: list[int]) -> None:
    book = Book("X", window_ticks=16)
    rows = [(1, LEVEL, 1, price, 5, True) for price in (50, 100)]
    book.apply(book_rows([*rows, (1, LEVEL, -1, 101, 5, True)]))
    book.apply(book_rows([(2, CLEAR, side, 0, 0, True)]))
    assert [min(1, len(book.levels(each))) for each in (1, -1)] == left
    assert (book.best(1) is None) == (left[0] == 0)
