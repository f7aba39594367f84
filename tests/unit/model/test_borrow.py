"""What a run is told of what there is to borrow: what one can act on, and nothing from later."""

from __future__ import annotations

import msgspec

from tests.support.worlds import SYMBOL, T0
from tieout.model.borrow import BorrowRate, BorrowSeries, BorrowTold

DAY = 86_400_000_000_000


def a_row(day: float, available: int | None, known: float | None = None) -> BorrowRate:
    known_ns = None if known is None else T0 + int(known * DAY)
    return BorrowRate(T0 + int(day * DAY), None, available, known_ns)


def told(*rows: BorrowRate, start: float = 0) -> list[tuple[float, int | None]]:
    """Return (day, available) of what a run that starts then is told."""
    found: list[tuple[float, int | None]] = []
    for each in BorrowSeries({SYMBOL: rows}).news():
        first = each.known_at(T0 + int(start * DAY))
        news = [*([] if first is None else [first]), *each.changes(T0 + int(start * DAY))]
        found += [((one.arrival_time_ns - T0) / DAY, one.available_lots) for one in news]
    return found


def test_what_holds_at_the_start_is_told_then_and_changes_as_they_come() -> None:
    rows = (a_row(-9, 5), a_row(-3, 7), a_row(1, 2))

    assert told(*rows) == [(0, 7), (1, 2)]
    assert told(*rows, start=-20) == [(-9, 5), (-3, 7), (1, 2)]


def test_a_rate_that_leaves_the_amount_as_it_was_is_no_news() -> None:
    assert told(a_row(0, 5), a_row(1, 5), a_row(2, None), a_row(3, None)) == [(0, 5), (2, None)]
    assert told(a_row(0, None), a_row(1, None)) == []


def test_nothing_is_told_before_it_holds_or_before_it_is_known() -> None:
    assert told(a_row(1, 5, known=3)) == [(3, 5)]
    assert told(a_row(3, 5, known=1)) == [(3, 5)]


def test_what_becomes_known_when_something_newer_is_known_changes_nothing() -> None:
    assert told(a_row(1, 5, known=9), a_row(2, 7), a_row(3, 8, known=9)) == [(2, 7), (9, 8)]


def test_the_news_of_a_journal_are_read_back() -> None:
    (news,) = BorrowSeries({SYMBOL: [a_row(0, 5)]}).news()
    event = news.known_at(T0)

    assert event == BorrowTold(
        instrument=SYMBOL, available_lots=5, venue_time_ns=T0, arrival_time_ns=T0
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=BorrowTold) == event
