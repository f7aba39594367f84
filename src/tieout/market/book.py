"""One instrument's L2 book: allocates, checks, names; the compiled functions do the work."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from tieout.errors import DataError, InputError
from tieout.market import _book_layout as at
from tieout.market._book_compiled import apply_rows, copy_levels, find_lots
from tieout.market.book_breaks import BREAKS_KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import BookColumns

    Array = NDArray[np.int64]

__all__ = ["Book", "BookArrays", "BookBreak", "BookBreakKind", "book_columns"]

WINDOW_TICKS: Final = 16_384
"""A side of 128 KiB, of which only the levels that are touched lie in the cache."""

_FIRST_FAR = 1024


@unique
class BookBreakKind(IntEnum):
    """What a row told that cannot be right."""

    STALE = at.STALE_BREAK
    """A level older than the one before it: the book was left as it is."""
    CROSSED = at.CROSSED_BREAK
    """The best bid is at or above the best ask, in a book that is whole."""
    UNSCALED = at.UNSCALED_BREAK
    """A level of the book of before a split: it was left out."""


class BookBreak(msgspec.Struct, frozen=True, gc=False):
    """A row that was met although it cannot be right, named so that nothing is silent.

    Attributes:
        kind: `BookBreakKind` value.
        row: One-based row of the stream, over all chunks.
        venue_time_ns: The row's.
        value: STALE, UNSCALED: the row's price in ticks; CROSSED: the best bid.
        limit: STALE: venue time of the row that changed the book last; CROSSED: the best ask;
            UNSCALED: 0.
    """

    kind: int
    row: int
    venue_time_ns: int
    value: int
    limit: int


class BookArrays:
    """The array of one book, and what mends it when a step has stopped.

    Attributes:
        book: As `_book_layout` draws it.
        view: The same cells; single ones are read and written several times faster through it.
        found: The first thousand breaks.
        counts: How many there are, by kind.
    """

    def __init__(self, window_ticks: int) -> None:
        if window_ticks < 16 or window_ticks & (window_ticks - 1):
            raise InputError(
                f"a book's window of {window_ticks} ticks; allowed: a power of two of at least 16"
            )
        self.book = np.zeros(at.CELLS + 2 * window_ticks + 4 * _FIRST_FAR, np.int64)
        self.view = memoryview(self.book.data)
        for row in (at.BID_ROW, at.ASK_ROW):
            self.view[row * at.SIDE_WIDTH + at.BEST] = -at.NEVER
            self.view[row * at.SIDE_WIDTH + at.BASE] = at.NEVER
        self.view[at.BOOK_TIME] = -at.NEVER
        self.view[at.ARRIVAL_TIME] = -at.NEVER
        self.view[at.WINDOW] = window_ticks
        self.view[at.FAR_ROOM] = _FIRST_FAR
        self.found: list[BookBreak] = []
        self.counts: Counter[int] = Counter()

    def copied(self) -> BookArrays:
        """Return arrays of their own with the same levels, and no breaks."""
        copy = BookArrays(self.view[at.WINDOW])
        copy.book = self.book.copy()
        copy.view = memoryview(copy.book.data)
        copy.view[at.BREAK_COUNT] = 0
        return copy

    def empty(self) -> None:
        """Let every level go; times, rows and breaks stay."""
        start = at.CELLS
        self.book[start : start + 2 * self.view[at.WINDOW]] = 0
        for row in (at.BID_ROW, at.ASK_ROW):
            base = row * at.SIDE_WIDTH
            self.view[base + at.BEST] = -at.NEVER
            self.view[base + at.BASE] = at.NEVER
            self.view[base + at.CELL_COUNT] = self.view[base + at.FAR_COUNT] = 0
        self.view[at.CROSSED] = 0

    def drain(self) -> None:
        """Take over the breaks of the step that has ended."""
        count = self.view[at.BREAK_COUNT]
        if count:
            width = at.BREAK_WIDTH
            cells = self.book[at.BREAKS : at.BREAKS + count * width].tolist()
            rows = [cells[base : base + width] for base in range(0, len(cells), width)]
            self.counts.update(kind for kind, *_ in rows)
            self.found += [
                BookBreak(kind, row + 1, *more)
                for kind, row, *more in rows[: BREAKS_KEPT - len(self.found)]
            ]
            self.view[at.BREAK_COUNT] = 0

    def mend(self, reason: int, columns: BookColumns) -> None:
        """Make room where a step stopped for lack of it.

        Raises:
            DataError: It stopped for a row that cannot be right.
        """
        if reason == at.FAR_FULL:
            self._grow(self.view[at.NEEDED])
        elif reason != at.BREAKS_FULL:
            raise self._fault(reason, columns)

    def _grow(self, needed: int) -> None:
        room = self.view[at.FAR_ROOM]
        wider = 2 * max(needed, room)
        start = at.CELLS + 2 * self.view[at.WINDOW]
        grown = np.zeros(start + 4 * wider, np.int64)
        grown[:start] = self.book[:start]
        grown[start:].reshape(4, wider)[:, :room] = self.book[start:].reshape(4, room)
        self.book = grown
        self.view = memoryview(grown.data)
        self.view[at.FAR_ROOM] = wider

    def _fault(self, reason: int, columns: BookColumns) -> DataError:
        row = self.view[at.PROBLEM_ROW]
        problem, value, limit = {
            at.BAD_PRICE: (
                "a price is not possible",
                f"{columns.price_ticks[row]} ticks",
                f"1 … {at.PRICE_MAX} ticks",
            ),
            at.BAD_LOTS: (
                "a size is not possible",
                f"{columns.lots[row]} lots",
                f"0 … {at.LOTS_MAX} lots, of a print at least 1",
            ),
            at.BAD_SIDE: (
                "a side is not possible",
                f"{columns.side[row]}",
                "+1 or −1, of a print and a clear also 0",
            ),
            at.BAD_KIND: ("a row is of no known kind", f"{columns.kind[row]}", "1 … 4"),
            at.BAD_ARRIVAL: (
                "a row arrived before the one above it",
                f"{columns.arrival_time_ns[row]} ns",
                f"at least {self.view[at.ARRIVAL_TIME]} ns",
            ),
        }[reason]
        return DataError(
            problem,
            file=columns.instrument,
            row=self.view[at.ROWS_BEFORE] + row + 1,
            value=value,
            limit=limit,
            remedy="Import the data again.",
        )


class Book:
    """The levels of one instrument as the rows so far tell them.

    Args:
        instrument: Symbol, named in errors.
        window_ticks: Ticks a side that are held in a flat window around the best price, a power of
            two. It decides how fast the book is, never what is in it.
        like: Arrays to be copied; the levels of another book.
    """

    def __init__(
        self,
        instrument: str,
        *,
        window_ticks: int = WINDOW_TICKS,
        like: BookArrays | None = None,
    ) -> None:
        self.instrument = instrument
        self._arrays = BookArrays(window_ticks) if like is None else like.copied()

    @property
    def changed_at_ns(self) -> int:
        """Venue time of the newest row that changed it; far in the past before any."""
        return self._arrays.view[at.BOOK_TIME]

    def stands_as(self, other: Book) -> bool:
        """Whether the other has the same levels, and whatever row comes next changes both alike."""
        return self.changed_at_ns == other.changed_at_ns and all(
            self.levels(side) == other.levels(side) for side in (1, -1)
        )

    def apply(self, columns: BookColumns) -> None:
        """Apply rows, in order of arrival. Prints are checked, and change nothing.

        Raises:
            DataError: A row cannot be right; those before it are applied.
        """
        arrays = self._arrays
        given = book_columns(columns)
        start = 0
        step: Callable[..., int] = apply_rows
        while True:
            reason = step(arrays.book, *given, start)
            arrays.drain()
            if reason == at.APPLIED:
                break
            arrays.mend(reason, columns)
            start = arrays.view[at.PROBLEM_ROW]
        arrays.view[at.ROWS_BEFORE] += len(columns)

    def best(self, side: int) -> tuple[int, int] | None:
        """Return price in ticks and lots of the best level of a side (+1 bids, −1 asks), if any."""
        row = (1 - side) // 2
        key = self._arrays.view[row * at.SIDE_WIDTH + at.BEST]
        return None if key == -at.NEVER else (side * key, self.lots_at(side, side * key))

    def lots_at(self, side: int, price_ticks: int) -> int:
        """Return the lots shown at a price; 0 where nobody is."""
        arrays = self._arrays
        found: int = find_lots(
            arrays.book,
            (1 - side) // 2,
            side * price_ticks,
        )
        return found

    def levels(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        """Return (price in ticks, lots) of a side's levels, best first, at most `count` of them."""
        arrays = self._arrays
        row = (1 - side) // 2
        there = (
            arrays.view[row * at.SIDE_WIDTH + at.CELL_COUNT]
            + arrays.view[row * at.SIDE_WIDTH + at.FAR_COUNT]
        )
        found = np.zeros(2 * (there if count is None else min(count, there)), np.int64)
        written = copy_levels(arrays.book, row, found)
        pairs = found[: 2 * written].reshape(-1, 2).tolist()
        return [(side * key, lots) for key, lots in pairs]

    @property
    def breaks(self) -> Sequence[BookBreak]:
        """What the rows told that cannot be right and was met all the same; the first thousand."""
        return self._arrays.found

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is at or above the best ask since a row that left it whole."""
        return self._arrays.view[at.CROSSED] == 1


def book_columns(columns: BookColumns) -> tuple[Any, ...]:
    """Return the columns as compiled functions take them, in their order."""
    return (
        np.ascontiguousarray(columns.venue_time_ns, np.int64),
        np.ascontiguousarray(columns.arrival_time_ns, np.int64),
        np.ascontiguousarray(columns.kind, np.int8),
        np.ascontiguousarray(columns.side, np.int8),
        np.ascontiguousarray(columns.price_ticks, np.int64),
        np.ascontiguousarray(columns.lots, np.int64),
        np.ascontiguousarray(columns.last, np.bool_).view(np.int8),
    )
