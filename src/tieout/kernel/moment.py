"""The moment: what is being handled now, what its decisions are named after, what was seen by it.

One of these is being handled, or nothing:

    cursor    rows of a batch; the row last taken is the one
    single    a market event that came alone
    named     a report, a timer, a command: what is named after it is asked for when it is needed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.errors import InvariantViolated
from tieout.kernel.cursor import origin_of
from tieout.model.events import Bar, Quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tieout.kernel.books import BookCursor, Books, QuoteCursor
    from tieout.kernel.cursor import Cursor
    from tieout.model.events import Trade

__all__ = ["Moment", "nothing_named"]


class Moment:
    """What a decision is made on.

    Args:
        books: Tell what is worth how much where nothing was printed.

    Attributes:
        reached_ns: Arrival, or due time, of what was taken last; of rows only once they are left.
        cursor: Rows that are being handled.
        single: A market event that came alone and is being handled.
        single_origin: Its logical origin where it is a quote.
        named: Gives the logical origin of what else is being handled.
        prices: Last price of each instrument before the rows being handled, in ticks.
        closes: Close of the newest published bar of each instrument before them.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self.reached_ns = 0
        self.cursor: Cursor | BookCursor | QuoteCursor | None = None
        self.single: Trade | Bar | Quote | None = None
        self.single_origin = ""
        self.named: Callable[[], str] = nothing_named
        self.prices: dict[str, int] = {}
        self.closes: dict[str, int] = {}

    @property
    def now_ns(self) -> int:
        """Our time: arrival of the event, or due time of the timer, being handled."""
        cursor = self.cursor
        return self.reached_ns if cursor is None else cursor.arrivals[cursor.row]

    def origin(self) -> str:
        """Return the logical origin of what is being handled."""
        if self.cursor is not None:
            return self.cursor.origin(self.cursor.row)
        if self.single is None:
            return self.named()
        return self.single_origin if isinstance(self.single, Quote) else origin_of(self.single)

    def decided_on(self, instrument: str) -> tuple[str, int, int | None]:
        """Return what a decision is made on: its origin, our time, and the last price seen.

        The price is the instrument's in ticks, the row being handled included; None before any.
        """
        cursor = self.cursor
        if cursor is None:
            return self.origin(), self.reached_ns, self._mark(instrument)
        row = cursor.row
        price = cursor.price_of(instrument, row)
        if price is None:
            price = self._mark(instrument)
        return cursor.origin(row), cursor.arrivals[row], price

    def price_ticks(self, instrument: str) -> int | None:
        """Return the last price seen, the row being handled included; None before any."""
        cursor = self.cursor
        price = None if cursor is None else cursor.price_of(instrument, cursor.row)
        return self._mark(instrument) if price is None else price

    def age(self) -> tuple[int, bool]:
        """Return how old what is handled was on arrival, and whether it only warms indicators up.

        Timers and reports are fresh.
        """
        if self.cursor is not None:
            return self.cursor.age()
        event = self.single
        if event is None:
            return 0, False
        if isinstance(event, Bar):
            return event.arrival_time_ns - event.close_time_ns, event.warm_up
        return event.arrival_time_ns - event.venue_time_ns, False

    def marks(self, on_books: Iterable[str]) -> dict[str, int]:
        """Return the last price of each instrument before the rows being handled.

        Args:
            on_books: Instruments whose book says the price where nothing was printed.
        """
        marks = dict(self.prices)
        for symbol in sorted(on_books):
            mark = None if symbol in marks else self._books.mark_ticks(symbol)
            if mark is not None:
                marks[symbol] = mark
        return marks

    def marks_now(self, on_books: Iterable[str]) -> dict[str, int]:
        """Return the last price of each instrument, the row being handled included."""
        marks = self.marks(on_books)
        if self.cursor is not None:
            self.cursor.prices_into(marks, 0, self.cursor.row)
        return marks

    def _mark(self, instrument: str) -> int | None:
        """Return the last price before the row being handled, else what its book says."""
        price = self.prices.get(instrument)
        return self._books.mark_ticks(instrument) if price is None else price


def nothing_named() -> str:
    """Refuse to name a decision: none is made outside of a callback."""
    raise InvariantViolated("a decision was made outside of any callback")
