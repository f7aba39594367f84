"""The order-by-order book: who stands where, and what contradicts it."""

from __future__ import annotations

from tests.support.order_events import add, cancel, clear, events, fill, modify, print_of
from tieout.market.order_book import BookBreak, BreakKind, OrderBook, RestingOrder
from tieout.model.columns import BookKind


def a_book(*rows: dict[str, object]) -> OrderBook:
    book = OrderBook()
    book.apply(events(*rows))
    return book


def test_orders_stand_in_the_order_in_which_they_came() -> None:
    book = a_book(add(1, 1, 100, 5), add(2, 1, 100, 3), add(3, 1, 99, 9))

    assert book.queue_at(1, 100) == [(1, 5), (2, 3)]
    assert book.order(2) == RestingOrder(2, 1, 100, 3, ahead_lots=5)
    assert (book.best_bid, book.best_ask, len(book)) == (100, None, 3)


def test_a_smaller_order_keeps_its_place() -> None:
    book = a_book(add(1, 1, 100, 5), add(2, 1, 100, 3), modify(1, 1, 100, 4))

    assert book.queue_at(1, 100) == [(1, 4), (2, 3)]


def test_a_larger_order_goes_to_the_back() -> None:
    book = a_book(add(1, 1, 100, 5), add(2, 1, 100, 3), modify(1, 1, 100, 6))

    assert book.queue_at(1, 100) == [(2, 3), (1, 6)]


def test_another_price_goes_to_the_back_and_so_does_coming_home() -> None:
    book = a_book(
        add(1, -1, 100, 5), add(2, -1, 100, 3), modify(1, -1, 101, 5), modify(1, -1, 100, 5)
    )

    assert book.queue_at(-1, 100) == [(2, 3), (1, 5)]
    assert book.queue_at(-1, 101) == []


def test_an_order_that_shows_a_new_slice_after_a_fill_goes_to_the_back() -> None:
    """Two of five traded: three are left. That it shows five again is hidden quantity."""
    book = a_book(
        add(1, 1, 100, 5), add(2, 1, 100, 3), fill(1, 1, 100, 2, last=False), modify(1, 1, 100, 5)
    )

    assert book.queue_at(1, 100) == [(2, 3), (1, 5)]


def test_an_order_that_is_smaller_by_its_fill_keeps_its_place() -> None:
    book = a_book(
        add(1, 1, 100, 5), add(2, 1, 100, 3), fill(1, 1, 100, 2, last=False), modify(1, 1, 100, 3)
    )

    assert book.queue_at(1, 100) == [(1, 3), (2, 3)]


def test_a_fill_and_a_print_take_nothing_by_themselves() -> None:
    book = a_book(add(1, 1, 100, 5), print_of(-1, 100, 2), fill(1, 1, 100, 2))

    assert book.queue_at(1, 100) == [(1, 5)]


def test_a_cancel_takes_a_part_in_place_and_the_whole_away() -> None:
    book = a_book(add(1, 1, 100, 5), add(2, 1, 100, 3), cancel(1, 2), cancel(2, 3))

    assert book.queue_at(1, 100) == [(1, 3)]
    assert book.order(2) is None


def test_an_order_that_is_gone_may_come_again() -> None:
    book = a_book(add(1, 1, 100, 5), cancel(1, 5), add(1, -1, 120, 2))

    assert book.break_counts == {}
    assert book.order(1) == RestingOrder(1, -1, 120, 2, ahead_lots=0)


def test_a_clear_takes_all_orders() -> None:
    book = a_book(add(1, 1, 100, 5), add(2, -1, 101, 5), clear(), add(1, 1, 99, 2))

    assert (book.levels(1), book.levels(-1), len(book)) == ([(99, 2)], [], 1)


def test_a_cancel_of_a_stranger_is_counted_and_changes_nothing() -> None:
    book = a_book(add(1, 1, 100, 5), cancel(9, 2, at=7))

    assert book.breaks == [BookBreak(BreakKind.UNKNOWN_ORDER, 1, 7, 9, 2, 0)]
    assert book.queue_at(1, 100) == [(1, 5)]


def test_a_modify_of_a_stranger_is_counted_and_heals_the_book() -> None:
    book = a_book(modify(9, 1, 100, 4))

    assert book.break_counts == {BreakKind.UNKNOWN_ORDER: 1}
    assert book.queue_at(1, 100) == [(9, 4)]


def test_a_second_add_of_an_order_is_counted_and_goes_to_the_back() -> None:
    book = a_book(add(1, 1, 100, 5), add(2, 1, 100, 3), add(1, 1, 100, 4))

    assert book.breaks == [BookBreak(BreakKind.DOUBLE_ADD, 2, 0, 1, 4, 5)]
    assert book.queue_at(1, 100) == [(2, 3), (1, 4)]


def test_more_cancelled_than_there_is_takes_what_there_is_and_is_counted() -> None:
    book = a_book(add(1, 1, 100, 5), cancel(1, 6))

    assert book.breaks == [BookBreak(BreakKind.EXCESS_CANCEL, 1, 0, 1, 6, 5)]
    assert book.levels(1) == []


def test_a_crossed_book_is_named_once_and_again_when_it_crosses_again() -> None:
    book = a_book(
        add(1, 1, 100, 5),
        add(2, -1, 100, 5, last=False),
        add(3, -1, 99, 5),
        cancel(2, 5),
        cancel(3, 5),
        add(4, -1, 98, 5),
    )

    assert [(each.kind, each.row, each.value, each.limit) for each in book.breaks] == [
        (BreakKind.CROSSED_BOOK, 2, 100, 99),
        (BreakKind.CROSSED_BOOK, 5, 100, 98),
    ]


def test_a_row_of_an_earlier_venue_time_acts_and_is_counted() -> None:
    book = a_book(add(1, 1, 100, 5, at=9), add(2, 1, 100, 3, at=8, arrives=9))

    assert book.breaks == [BookBreak(BreakKind.STALE_TIME, 1, 9, 2, 8, 9)]
    assert book.queue_at(1, 100) == [(1, 5), (2, 3)]


def test_breaks_beyond_the_first_thousand_are_counted_and_not_kept() -> None:
    book = OrderBook()
    for _ in range(3):
        book.apply(events(*(cancel(9, 1) for _ in range(500))))

    assert book.break_counts == {BreakKind.UNKNOWN_ORDER: 1500}
    assert (len(book.breaks), book.breaks[-1].row) == (1024, 1023)


def test_a_move_is_two_level_rows_and_only_the_second_makes_the_book_whole() -> None:
    book = OrderBook()

    rows = book.levels_of(events(add(1, 1, 100, 5), modify(1, 1, 101, 4)))

    assert list(zip(rows.price_ticks.tolist(), rows.lots.tolist(), strict=True)) == [
        (100, 5),
        (100, 0),
        (101, 4),
    ]
    assert rows.last.tolist() == [True, False, True]


def test_a_print_and_a_clear_are_rows_of_their_own() -> None:
    book = OrderBook()

    rows = book.levels_of(events(print_of(-1, 100, 2), clear()))

    assert rows.kind.tolist() == [BookKind.TRADE, BookKind.CLEAR]
    assert (rows.side.tolist(), rows.lots.tolist()) == ([-1, 0], [2, 0])


def test_two_books_with_the_same_queues_have_the_same_hash_whatever_came_before() -> None:
    plain = a_book(add(1, 1, 100, 5), add(2, 1, 100, 3))
    other = a_book(
        add(7, -1, 120, 1),
        add(1, 1, 100, 5),
        cancel(7, 1),
        add(2, 1, 100, 3),
    )
    swapped = a_book(add(2, 1, 100, 3), add(1, 1, 100, 5))

    assert plain.state_hash() == other.state_hash() != swapped.state_hash()
