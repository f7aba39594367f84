"""One instrument's order-by-order book (L3): allocates, checks, names.

The arrays are drawn in `_order_book_layout`, the rules stand on the page of the order-by-order
level. A row that cannot be read is refused by name; a row that can be read and contradicts the
book is met as its kind of break says, counted, and kept in `breaks`.
"""

from __future__ import annotations

from enum import IntEnum, unique
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.errors import DataError
from tieout.market import _order_book_layout as at
from tieout.market._order_book_compiled import (
    apply_events,
    check_events,
    level_events,
    refill_table,
    what_lacks,
)
from tieout.model.columns import BookColumns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tieout.model.columns import OrderEventColumns

    Array = NDArray[np.int64]
    Flags = NDArray[np.int8]
    Columns = tuple[Array, Array, Flags, Flags, Array, Array, Array, Flags]

__all__ = ["BookBreak", "BreakKind", "OrderBook", "RestingOrder", "event_columns"]

_FIRST_ORDERS = 1024
_FIRST_LEVELS = 256
_LEVEL_CELLS = 6

_FAULTS: Final = {
    at.BAD_ACTION: ("an action is unknown", "action", "1 … 6"),
    at.BAD_SIDE: ("a side is unknown", "side", "+1 or −1; 0 of fills, prints and clears"),
    at.BAD_PRICE: ("a price is not positive", "price_ticks", "1 … 2⁶⁰ ticks"),
    at.BAD_LOTS: ("a quantity is not positive", "lots", "1 … 2⁴³ lots"),
    at.BAD_ID: ("an order has no id", "order_id", "any but 0"),
    at.BAD_ARRIVAL: (
        "a row arrived before the one above",
        "arrival_time_ns",
        "not before the row above",
    ),
}


@unique
class BreakKind(IntEnum):
    """What a row told that contradicts the book."""

    UNKNOWN_ORDER = at.UNKNOWN_BREAK
    DOUBLE_ADD = at.DOUBLE_BREAK
    EXCESS_CANCEL = at.EXCESS_BREAK
    CROSSED_BOOK = at.CROSSED_BREAK
    STALE_TIME = at.STALE_BREAK
    UNSCALED_ROW = at.UNSCALED_BREAK


class BookBreak(msgspec.Struct, frozen=True, gc=False):
    """One row that contradicted the book.

    Attributes:
        kind: `BreakKind` value.
        row: Zero-based row of the stream.
        venue_time_ns: The book's time then.
        order_id: Of the row.
        value: Lots told; of a crossed book its best bid, of a stale row its time, of an unscaled
            one its price.
        limit: Lots that were there; the best ask; the book's time.
    """

    kind: int
    row: int
    venue_time_ns: int
    order_id: int
    value: int
    limit: int


class RestingOrder(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands in the book."""

    order_id: int
    side: int
    price_ticks: int
    lots: int
    ahead_lots: int


class OrderBook:
    """A book of single orders, fed by rows of `OrderEventColumns`.

    Example:
        >>> import numpy as np
        >>> from tieout.model.columns import OrderAction, OrderEventColumns
        >>> both = np.array([0, 0])
        >>> rows = OrderEventColumns(
        ...     "ES", both, both, np.array([1, 1], np.int8), np.array([1, 1], np.int8),
        ...     np.array([400, 400]), np.array([5, 3]), np.array([71, 72]), np.array([True, True]),
        ... )
        >>> book = OrderBook()
        >>> book.apply(rows)
        >>> book.best_bid, book.lots_at(1, 400), book.order(72).ahead_lots
        (400, 8, 5)
    """

    def __init__(self) -> None:
        self.book: Array = np.zeros(at.BOOK_WIDTH, np.int64)
        self.book[at.FREE_SLOT] = self.book[at.FREE_PLACE] = -1
        self.book[at.BOOK_TIME] = self.book[at.ARRIVAL_TIME] = -at.NEVER
        self.orders: Array = np.zeros(_FIRST_ORDERS * at.SLOT_WIDTH, np.int64)
        self.places: Array = np.zeros(_FIRST_LEVELS * at.PLACE_WIDTH, np.int64)
        self.ladder: Array = np.zeros(4 * _FIRST_LEVELS, np.int64)
        self.table: Array = np.zeros(4 * _FIRST_ORDERS, np.int64)
        self.noted: Array = np.zeros(at.BREAKS_MAX * at.BREAK_WIDTH, np.int64)

    # -- rows ---------------------------------------------------------------------------------

    def apply(self, rows: OrderEventColumns) -> None:
        """Let rows act on the book.

        Raises:
            DataError: A row cannot be read; none of these rows has acted then.
        """
        columns = event_columns(rows)
        self.check(rows.instrument, columns)
        step: Callable[..., int] = apply_events
        done = 0
        while (done := step(*self.arrays, *columns, done)) < len(rows):
            self.grow()
        self.book[at.ROWS_BEFORE] += len(rows)

    def levels_of(self, rows: OrderEventColumns) -> BookColumns:
        """Let rows act on the book, and return what they make of the levels (L2).

        A reader of the levels that applies every returned row holds the same lots at every price
        as this book, wherever the book is whole.

        Raises:
            DataError: A row cannot be read; none of these rows has acted then.
        """
        columns = event_columns(rows)
        self.check(rows.instrument, columns)
        out = np.zeros(2 * _LEVEL_CELLS * len(rows), np.int64)
        self.book[at.OUT_ROWS] = 0
        step: Callable[..., int] = level_events
        done = 0
        while (done := step(*self.arrays, out, *columns, done)) < len(rows):
            self.grow()
        self.book[at.ROWS_BEFORE] += len(rows)
        cells = out.reshape(-1, _LEVEL_CELLS)[: self.book[at.OUT_ROWS]]
        source = cells[:, 0]
        return BookColumns(
            rows.instrument,
            rows.venue_time_ns[source],
            rows.arrival_time_ns[source],
            cells[:, 1].astype(np.int8),
            cells[:, 2].astype(np.int8),
            cells[:, 3].copy(),
            cells[:, 4].copy(),
            cells[:, 5].astype(np.bool_),
        )

    # -- what is there ------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self.book[at.ORDER_COUNT])

    @property
    def best_bid(self) -> int | None:
        """Highest price of a bid in ticks, or None."""
        return self._best(0)

    @property
    def best_ask(self) -> int | None:
        """Lowest price of an ask in ticks, or None."""
        return self._best(1)

    def lots_at(self, side: int, price_ticks: int) -> int:
        """Return the lots that stand at a price; `side` is +1 for bids."""
        place = self._place(side, price_ticks)
        return 0 if place is None else int(self.places[place * at.PLACE_WIDTH + at.LEVEL_LOTS])

    def best(self, side: int) -> tuple[int, int] | None:
        """Return price in ticks and lots of the best level of a side (+1 bids, −1 asks), if any."""
        price = self._best((1 - side) // 2)
        return None if price is None else (price, self.lots_at(side, price))

    def levels(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        """Return (price in ticks, lots) of a side's levels, best first, at most `count` of them."""
        row, room = (1 - side) // 2, len(self.ladder) // 4
        keys = self.ladder[row * room : row * room + self.book[at.LEVEL_COUNT + row]]
        return [
            (side * int(key), self.lots_at(side, side * int(key))) for key in keys[::-1][:count]
        ]

    def queue_at(self, side: int, price_ticks: int) -> list[tuple[int, int]]:
        """Return (order id, lots) of the orders at a price, first in the queue first."""
        place = self._place(side, price_ticks)
        found: list[tuple[int, int]] = []
        slot = -1 if place is None else int(self.places[place * at.PLACE_WIDTH + at.HEAD])
        while slot >= 0:
            cell = slot * at.SLOT_WIDTH
            found.append((int(self.orders[cell + at.ID]), int(self.orders[cell + at.LOTS])))
            slot = int(self.orders[cell + at.NEXT])
        return found

    def order(self, order_id: int) -> RestingOrder | None:
        """Return an order as it stands, or None when it does not."""
        side_and_price = self._where(order_id)
        if side_and_price is None:
            return None
        side, price_ticks = side_and_price
        ahead = 0
        for other, lots in self.queue_at(side, price_ticks):
            if other == order_id:
                return RestingOrder(order_id, side, price_ticks, lots, ahead)
            ahead += lots
        return None

    @property
    def breaks(self) -> list[BookBreak]:
        """The first 1,024 rows that contradicted the book; `break_counts` has them all."""
        width = at.BREAK_WIDTH
        cells = self.noted[: self.book[at.BREAK_COUNT] * width].tolist()
        return [BookBreak(*cells[base : base + width]) for base in range(0, len(cells), width)]

    @property
    def break_counts(self) -> dict[BreakKind, int]:
        """How often each kind of break came about, those that never did left out."""
        counts = {kind: int(self.book[at.BREAK_COUNTS + kind]) for kind in BreakKind}
        return {kind: count for kind, count in counts.items() if count}

    def state_hash(self) -> str:
        """Return a hash of every order in its place, whatever slots they lie in."""
        digest = sha256()
        for side in (1, -1):
            for price_ticks, _ in self.levels(side):
                digest.update(repr((side, price_ticks, self.queue_at(side, price_ticks))).encode())
        return digest.hexdigest()

    # -- inside, and for the matching core ----------------------------------------------------

    def empty(self) -> None:
        """Let every order go, as a clear does; times, stamps, rows and breaks stay."""
        self.table[:] = 0
        for place in (
            at.LEVEL_COUNT,
            at.LEVEL_COUNT + 1,
            at.ORDER_COUNT,
            at.SLOTS_USED,
            at.PLACES_USED,
            at.CROSSED,
        ):
            self.book[place] = 0
        self.book[at.FREE_SLOT] = self.book[at.FREE_PLACE] = -1

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array, Array, Array]:
        """The arrays in the order in which compiled functions take them."""
        return self.book, self.orders, self.places, self.ladder, self.table, self.noted

    def check(self, instrument: str, columns: Columns) -> None:
        """Refuse a chunk with a row that cannot be read."""
        _, arrival, action, side, price, lots, order_id, _ = columns
        fault = np.zeros(1, np.int64)
        before = int(self.book[at.ARRIVAL_TIME])
        reason = check_events(fault, action, side, price, lots, order_id, arrival, before)
        if reason == at.GOOD:
            return
        row = int(fault[0])
        problem, name, limit = _FAULTS[reason]
        named: dict[str, Array | Flags] = {
            "arrival_time_ns": arrival,
            "action": action,
            "side": side,
            "price_ticks": price,
            "lots": lots,
            "order_id": order_id,
        }
        raise DataError(
            problem,
            file=instrument,
            row=int(self.book[at.ROWS_BEFORE]) + row + 1,
            value=f"{name} {int(named[name][row])}",
            limit=limit,
            remedy="Import the data again.",
        )

    def grow(self) -> None:
        """Make room for what the next row needs."""
        if what_lacks(self.book, self.orders, self.places) == at.SLOTS_FULL:
            self.orders = np.concatenate((self.orders, np.zeros_like(self.orders)))
            self.table = _table_of(self.table)
        if what_lacks(self.book, self.orders, self.places) == at.PLACES_FULL:
            self.places = np.concatenate((self.places, np.zeros_like(self.places)))
            quarters = self.ladder.reshape(4, -1)
            self.ladder = np.concatenate((quarters, np.zeros_like(quarters)), axis=1).ravel()

    def _best(self, row: int) -> int | None:
        count = int(self.book[at.LEVEL_COUNT + row])
        if not count:
            return None
        key = int(self.ladder[row * (len(self.ladder) // 4) + count - 1])
        return key if row == 0 else -key

    def _place(self, side: int, price_ticks: int) -> int | None:
        row, room = (1 - side) // 2, len(self.ladder) // 4
        count = int(self.book[at.LEVEL_COUNT + row])
        keys = self.ladder[row * room : row * room + count]
        rung = int(np.searchsorted(keys, side * price_ticks))
        if rung == count or keys[rung] != side * price_ticks:
            return None
        return int(self.ladder[(2 + row) * room + rung])

    def _where(self, order_id: int) -> tuple[int, int] | None:
        ids, slots = self.table[::2], self.table[1::2]
        found = np.flatnonzero((ids == order_id) & (slots != 0))
        if not len(found):
            return None
        place = self.orders[(slots[found[0]] - 1) * at.SLOT_WIDTH + at.PLACE]
        level = place * at.PLACE_WIDTH
        side = 1 - 2 * int(self.places[level + at.ROW])
        return side, side * int(self.places[level + at.KEY])


def event_columns(rows: OrderEventColumns) -> Columns:
    """Return the columns in the order and the types in which compiled functions take them."""
    return (
        np.ascontiguousarray(rows.venue_time_ns, np.int64),
        np.ascontiguousarray(rows.arrival_time_ns, np.int64),
        np.ascontiguousarray(rows.action, np.int8),
        np.ascontiguousarray(rows.side, np.int8),
        np.ascontiguousarray(rows.price_ticks, np.int64),
        np.ascontiguousarray(rows.lots, np.int64),
        np.ascontiguousarray(rows.order_id, np.int64),
        np.ascontiguousarray(rows.last).astype(np.int8),
    )


def _table_of(table: Array) -> Array:
    """Return a table of twice the size with the same orders."""
    grown = np.zeros(2 * len(table), np.int64)
    refill_table(table, grown)
    return grown
