"""Levels of a book from tables: whole events, snapshots after a clear, exact ticks and lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.errors import DataError
from tieout.history._numbers import scaled
from tieout.model.columns import BookColumns, BookKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from numpy.typing import NDArray

    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["Levels", "book_of", "steps_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Rows of a book as a file has them, in its order.

    Attributes:
        venue_time_ns, arrival_time_ns: (n,) when each was true, and received.
        kind: (n,) `BookKind`; a clear is put before each event of SNAPSHOT rows.
        side: (n,) +1 bids, −1 asks.
        price, size: (n,) Arrow columns of numbers or text.
        update: (n,) rows of one number are one event, after which the book is whole.
        broken: (n,) before which rows something was lost: the book is cleared there.
        rows: (n,) one-based row of the file.
        keep: (n,) rows of the instrument; None: all.
    """

    venue_time_ns: Int64s
    arrival_time_ns: Int64s
    kind: Int64s
    side: Int64s
    price: Any
    size: Any
    update: Int64s
    rows: Int64s
    broken: Bools | None = None
    keep: Bools | None = None


def book_of(chunks: Iterable[Levels], instrument: Instrument, file: str) -> Iterator[BookColumns]:
    """Yield a book's columns.

    An event that goes on in the next chunk is one event: `last` is set where the next one begins.

    Raises:
        DataError: A price or size is no whole number of ticks or lots, or a level has no price.
    """
    held: BookColumns | None = None
    last_update: int | None = None
    for each in chunks:
        made, first, last = _columns(each, instrument, file, last_update)
        if made is None:
            continue
        if held is not None:
            if first != last_update:
                held.last[-1] = True
            yield held
        held, last_update = made, last
    if held is not None:
        held.last[-1] = True
        yield held


def steps_of(column: Any, step: Decimal, what: str, rows: Int64s, file: str) -> Int64s:  # noqa: ANN401
    """Return a column of numbers that are not negative as whole steps.

    Raises:
        DataError: One is none, negative, or off the step.
    """
    read = scaled(column, step)
    wrong = read.unreadable | read.huge | read.off | (read.steps < 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{what} is not a whole number of steps",
            file=file,
            row=int(rows[row]),
            value=str(column[row]),
            limit=f"0 or more, in steps of {step}",
            remedy="Check the instrument's tick and lot size, or mend the row.",
        )
    return read.steps


def _columns(
    levels: Levels, instrument: Instrument, file: str, last_update: int | None
) -> tuple[BookColumns | None, int, int]:
    keep = np.ones(len(levels.rows), np.bool_) if levels.keep is None else levels.keep
    if not keep.any():
        return None, 0, 0
    rows = levels.rows[keep]
    price, size = (each.filter(keep) for each in (levels.price, levels.size))
    ticks = steps_of(price, instrument.tick_size, "a price", rows, file)
    lots = steps_of(size, instrument.lot_size, "a size", rows, file)
    kind, update = levels.kind[keep], levels.update[keep]
    without = (ticks == 0) & (kind != BookKind.CLEAR)
    if without.any():
        row = int(np.argmax(without))
        raise DataError(
            "a level has no price",
            file=file,
            row=int(rows[row]),
            value=str(price[row]),
            limit="above 0",
            remedy="Mend the row, or leave it out.",
        )
    before = np.concatenate(([update[0] - 1 if last_update is None else last_update], update[:-1]))
    begins = update != before
    clears = begins & (kind == BookKind.SNAPSHOT)
    if levels.broken is not None:
        clears |= levels.broken[keep]
    places = np.flatnonzero(clears)
    columns = [
        np.insert(each, places, each[places])
        for each in (levels.venue_time_ns[keep], levels.arrival_time_ns[keep])
    ]
    columns += [
        np.insert(each, places, value)
        for each, value in (
            (kind, int(BookKind.CLEAR)),
            (levels.side[keep], 0),
            (ticks, 0),
            (lots, 0),
        )
    ]
    ends = np.append(begins[1:], np.False_)
    last = np.insert(ends, places, np.False_)
    venue, arrival, kinds, sides, ticks, lots = columns
    return (
        BookColumns(
            instrument.symbol,
            venue,
            arrival,
            kinds.astype(np.int8),
            sides.astype(np.int8),
            ticks,
            lots,
            last,
        ),
        int(update[0]),
        int(update[-1]),
    )
