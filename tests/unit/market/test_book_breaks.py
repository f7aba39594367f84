"""What in a book's rows cannot be right, as a run's result names it."""

from __future__ import annotations

import pytest

from tests.support.books import CLEAR, LEVEL, SNAPSHOT, TRADE, book_rows
from tests.support.order_events import add, cancel, clear, events, print_of
from tieout.market.book_matching import BookCore
from tieout.market.order_matching import OrderCore
from tieout.model.profiles import profile

ROWS = [
    (1, TRADE, 1, 100, 1, True),
    (1, CLEAR, 0, 0, 0, False),
    (1, SNAPSHOT, 1, 99, 5, False),
    (1, SNAPSHOT, -1, 101, 5, True),
    (5, LEVEL, 1, 98, 5, True),
    (3, LEVEL, 1, 97, 5, True),
    (6, LEVEL, 1, 102, 5, True),
    (7, CLEAR, 1, 0, 0, False),
    (7, CLEAR, -1, 0, 0, False),
    (7, SNAPSHOT, 1, 99, 5, True),
    (9, CLEAR, 0, 0, 0, True),
]


@pytest.mark.parametrize("cut", [1, 2, 3, 20])
def test_the_breaks_of_levels_are_counted_and_listed_in_order_of_time(cut: int) -> None:
    core, rows = BookCore(profile("book-1")), book_rows(ROWS)
    for start in range(0, len(rows), cut):
        core.give(rows.rows(start, start + cut))
        core.commit(10**9)

    counts, found = core.data_breaks("X")

    assert counts == {"stale": 1, "crossed": 1, "reset": 2}
    assert [(each.kind, each.open_time_ns, each.field) for each in found] == [
        ("stale", 3, "venue_time_ns"),
        ("crossed", 6, "price_ticks"),
        ("reset", 7, "rows"),
        ("reset", 9, "rows"),
    ]
    assert [(each.coarse_value, each.finer_value) for each in found[:2]] == [(5, 3), (101, 102)]
    assert {(each.instrument, each.level, each.finer) for each in found} == {("X", "book", "book")}


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_the_breaks_of_single_orders_are_counted_and_listed(cut: int) -> None:
    rows = events(
        print_of(1, 100, 1, at=1),
        clear(at=1, last=False),
        add(1, 1, 99, 5, at=1),
        add(1, 1, 99, 6, at=2),
        cancel(7, 1, at=3),
        cancel(1, 9, at=4),
        add(2, 1, 99, 5, at=5),
        clear(at=8),
    )
    core = OrderCore(profile("orders-1"))
    for start in range(0, len(rows), cut):
        core.give(rows.rows(start, start + cut))
        core.commit(10**9)

    counts, found = core.data_breaks("X")

    assert counts == {"double_add": 1, "unknown_order": 1, "excess_cancel": 1, "reset": 1}
    assert [(each.kind, each.open_time_ns) for each in found] == [
        ("double_add", 2),
        ("unknown_order", 3),
        ("excess_cancel", 4),
        ("reset", 8),
    ]
