"""Books and quotes as a strategy sees them: by arrival, caught up only when somebody looks.

    rows ──▶ packets (whole messages of the venue) ──▶ cursor ──▶ on_book, with the live view
                                                         └──────▶ nobody listens: kept, and applied
                                                                  when the view is next asked

A packet ends with a row that leaves the book whole. How the rows were cut into batches decides
nothing: what is left of a packet waits for the rest of it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tieout.errors import InputError
from tieout.kernel.cursor import OneStream
from tieout.model.columns import (
    BookColumns,
    BookKind,
    OrderAction,
    OrderEventColumns,
    QuoteColumns,
)
from tieout.model.events import Quote, Trade
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from tieout.kernel.context import Subscriptions
    from tieout.market.book import Book
    from tieout.market.order_book import OrderBook
    from tieout.model.columns import RecordedColumns

    Array = NDArray[np.int64]

__all__ = [
    "BookCursor",
    "BookLevel",
    "BookLevels",
    "BookView",
    "Books",
    "PacketNames",
    "QuoteCursor",
    "handler_of",
    "last_print",
    "middle_of",
]

_PACKETS = 4096
"""Packets handled at a time, as rows of other streams."""

_TAIL_ROWS = 256
_WAITING_ROWS_MAX = 1_000_000
"""Rows kept for a view that nobody asks; then they are applied, so that memory stays small."""


class BookLevel(NamedTuple):
    """A price of a book, and what stands there."""

    price_ticks: int
    lots: int
    price: float


class BookLevels(NamedTuple):
    """The best levels of both sides, best first."""

    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


class BookView:
    """One instrument's book as we know it now: the rows that have arrived, and no others.

    It is brought up to date when it is asked. Where a side is empty its best is None.

    Args:
        instrument: Symbol.
        tick: Size of a tick.
    """

    def __init__(self, instrument: str, tick: float) -> None:
        self.instrument = instrument
        self.tick = tick
        self._waiting: list[BookColumns | OrderEventColumns] = []
        self._waiting_rows = 0
        self._book: Book | OrderBook | None = None
        self._cursor: BookCursor | None = None
        self._applied = 0
        self._venue_time_ns = 0
        self._arrival_time_ns = 0
        self._last_print: int | None = None
        self._bests: dict[int, tuple[int, int] | None] = {}

    # -- what a strategy asks -----------------------------------------------------------------

    @property
    def bid_ticks(self) -> int | None:
        """Highest price of a bid."""
        best = self._best(1)
        return None if best is None else best[0]

    @property
    def ask_ticks(self) -> int | None:
        """Lowest price of an ask."""
        best = self._best(-1)
        return None if best is None else best[0]

    @property
    def bid(self) -> float | None:
        """Highest price of a bid, as a float."""
        best = self._best(1)
        return None if best is None else best[0] * self.tick

    @property
    def ask(self) -> float | None:
        """Lowest price of an ask, as a float."""
        best = self._best(-1)
        return None if best is None else best[0] * self.tick

    @property
    def bid_lots(self) -> int:
        """Lots at the best bid; 0 where there is none."""
        best = self._best(1)
        return 0 if best is None else best[1]

    @property
    def ask_lots(self) -> int:
        """Lots at the best ask; 0 where there is none."""
        best = self._best(-1)
        return 0 if best is None else best[1]

    @property
    def venue_time_ns(self) -> int:
        """When the last packet was true; 0 before any."""
        self._catch_up()
        return self._venue_time_ns

    @property
    def arrival_time_ns(self) -> int:
        """When we knew of the last packet; 0 before any."""
        self._catch_up()
        return self._arrival_time_ns

    def levels(self, count: int) -> BookLevels:
        """Return the best levels of both sides, at most `count` of each.

        Raises:
            InputError: The count is not positive.
        """
        if count < 1:
            raise InputError(f"{self.instrument}: {count} levels of a book; allowed: 1 or more")
        self._catch_up()
        return BookLevels(self._side(1, count), self._side(-1, count))

    def lots_at(self, side: int, price_ticks: int) -> int:
        """Return the lots at a price; `side` is +1 for bids, −1 for asks."""
        self._catch_up()
        return 0 if self._book is None else int(self._book.lots_at(side, price_ticks))

    # -- what the kernel tells ----------------------------------------------------------------

    @property
    def mark_ticks(self) -> int | None:
        """Last print, else the middle of the book rounded down, else its only best price."""
        cursor = self._cursor
        handled = cursor is not None and cursor.row >= 0
        last = cursor.prices[cursor.row] if cursor is not None and handled else self._last_print
        if last is not None:
            return last
        bid, ask = self.bid_ticks, self.ask_ticks
        if bid is None or ask is None:
            return ask if bid is None else bid
        return (bid + ask) // 2

    def follow(self, cursor: BookCursor) -> None:
        """Be asked from now on for what the cursor has handled."""
        self._cursor, self._applied = cursor, 0

    def leave(self) -> None:
        """Keep what the cursor handled and nobody has looked at."""
        cursor = self._cursor
        assert cursor is not None, self.instrument
        rows = cursor.columns.rows(self._applied, len(cursor.columns))
        self._cursor = None
        self._last_print = cursor.prices[-1]
        self._keep(rows)

    def before(self, rows: BookColumns | OrderEventColumns) -> None:
        """Take whole packets that are over before anybody can be told of them."""
        prints = np.flatnonzero(_are_prints(rows))
        if len(prints):
            self._last_print = int(rows.price_ticks[prints[-1]])
        self._keep(rows)

    def is_like(self, book: Book, last_print: int | None) -> bool:
        """Whether another book stands as this one, with the same last print."""
        self._catch_up()
        own = type(book)(self.instrument) if self._book is None else self._book
        return type(own) is type(book) and book.stands_as(own) and self._last_print == last_print

    def become(self, book: Book, times: tuple[int, int], last_print: int | None) -> None:
        """Stand as a book that compiled code has brought up to date.

        Args:
            book: Nobody else's.
            times: Venue time and arrival of the last row in it.
            last_print: Last print by then.
        """
        self._book = book
        self._venue_time_ns, self._arrival_time_ns = times
        self._last_print = last_print
        self._bests.clear()
        self._waiting.clear()
        self._waiting_rows = 0

    @property
    def last_print_ticks(self) -> int | None:
        """Last print before the rows under way."""
        return self._last_print

    def _keep(self, rows: BookColumns | OrderEventColumns) -> None:
        if not len(rows):
            return
        self._waiting.append(rows)
        self._waiting_rows += len(rows)
        if self._waiting_rows > _WAITING_ROWS_MAX:
            self._catch_up()

    def _catch_up(self) -> None:
        if self._waiting:
            for rows in self._waiting:
                self._apply(rows)
            self._waiting.clear()
            self._waiting_rows = 0
        cursor = self._cursor
        if cursor is not None:
            end = cursor.end_of(cursor.row)
            if end > self._applied:
                self._apply(cursor.columns.rows(self._applied, end))
                self._applied = end

    def _apply(self, rows: BookColumns | OrderEventColumns) -> None:
        if self._book is None:
            self._book = _empty_book(rows)
        self._bests.clear()
        self._book.apply(rows)  # type: ignore[arg-type]  # one stream is of one kind
        self._venue_time_ns = int(rows.venue_time_ns[-1])
        self._arrival_time_ns = int(rows.arrival_time_ns[-1])

    def _best(self, side: int) -> tuple[int, int] | None:
        self._catch_up()
        if side not in self._bests:
            self._bests[side] = None if self._book is None else self._book.best(side)
        return self._bests[side]

    def _side(self, side: int, count: int) -> tuple[BookLevel, ...]:
        found = [] if self._book is None else self._book.levels(side, count)
        return tuple(BookLevel(price, lots, price * self.tick) for price, lots in found)


def _empty_book(rows: BookColumns | OrderEventColumns) -> Book | OrderBook:
    """Return a book that takes such rows; its compiled half is loaded when the first one is."""
    # A strategy that never looks, and a backtest on bars, must not wait until it is compiled.
    if isinstance(rows, BookColumns):
        from tieout.market.book import Book  # noqa: PLC0415 - see above

        return Book(rows.instrument)
    from tieout.market.order_book import OrderBook  # noqa: PLC0415 - see above

    return OrderBook()


class BookCursor(OneStream):
    """Whole packets of a book being handled; offers what `Cursor` does for rows.

    Attributes:
        columns: The rows of the packets.
        arrivals: When each packet was known: arrival of its last row.
        true_at: Venue time of its last row.
        prices: Last print by then, ticks; None before any.
        events: The view, once a packet, brought up to date when it is looked at.
    """

    def __init__(
        self, columns: BookColumns | OrderEventColumns, names: PacketNames, view: BookView
    ) -> None:
        self.columns: BookColumns | OrderEventColumns = columns
        ends = np.flatnonzero(columns.last)
        self._ends: list[int] = (ends + 1).tolist()
        times = columns.venue_time_ns[ends]
        self.arrivals: list[int] = columns.arrival_time_ns[ends].tolist()
        self.true_at: list[int] = times.tolist()
        self.prices = _last_prints(columns, ends, view.last_print_ticks)
        self._names = names.of(times)
        self._view = view
        self._first = iter(self.true_at)
        self.events: Iterator[BookView] = map(self._told, self._first)
        view.follow(self)

    @property
    def row(self) -> int:
        """Index of the packet last taken."""
        left: int = self._first.__length_hint__()
        return len(self._ends) - left - 1

    def end_of(self, packet: int) -> int:
        """Return the row after a packet; 0 before the first."""
        return self._ends[packet] if packet >= 0 else 0

    def skip_to(self, packet: int) -> None:
        """Pass over packets up to one without telling of them."""
        for _ in islice(self._first, packet - self.row - 1):
            pass

    def age(self) -> tuple[int, bool]:
        """Arrival of the packet last taken minus the time it was true; it never only warms up."""
        row = self.row
        return self.arrivals[row] - self.true_at[row], False

    def origin(self, packet: int) -> str:
        """Logical origin of a packet."""
        return f"book:{self.columns.instrument}:{self.true_at[packet]}:{self._names[packet]}"

    def prints(self) -> Iterator[Trade]:
        """Return the prints of the packet last taken."""
        row = self.row
        start, stop = self.end_of(row - 1), self.end_of(row)
        rows = self.columns.rows(start, stop)
        for at in np.flatnonzero(_are_prints(rows)).tolist():
            price = int(rows.price_ticks[at])
            yield Trade(
                rows.instrument,
                int(rows.venue_time_ns[at]),
                self.arrivals[row],
                price,
                int(rows.lots[at]),
                int(rows.side[at]),
                0,
                price * self._view.tick,
            )

    def _told(self, _: int) -> BookView:
        return self._view


class QuoteCursor(OneStream):
    """Quotes being handled; offers what `Cursor` does for trades and bars.

    Attributes:
        columns: The quotes.
        arrivals, true_at: When each was known, and since when it stood.
        prices: Middle of each, rounded down to whole ticks; its only price where a side is empty.
        events: The quotes, made one by one as they are taken.
    """

    def __init__(self, columns: QuoteColumns, names: PacketNames, tick: float) -> None:
        self.columns: QuoteColumns = columns
        self.arrivals: list[int] = columns.arrival_time_ns.tolist()
        self.true_at: list[int] = columns.venue_time_ns.tolist()
        bids, asks = columns.bid_ticks, columns.ask_ticks
        empty = (bids == 0) | (asks == 0)
        middles = np.where(empty, np.maximum(bids, asks), (bids + asks) // 2)
        self.prices: list[int | None] = [each or None for each in middles.tolist()]
        self._names = names.of(columns.venue_time_ns)
        self._first = iter(self.true_at)
        self.events: Iterator[Quote] = map(
            Quote,
            repeat(columns.instrument),
            self._first,
            self.arrivals,
            bids.tolist(),
            columns.bid_lots.tolist(),
            asks.tolist(),
            columns.ask_lots.tolist(),
            repeat(tick),
        )

    @property
    def row(self) -> int:
        """Index of the quote last taken."""
        left: int = self._first.__length_hint__()
        return len(self.arrivals) - left - 1

    def skip_to(self, row: int) -> None:
        """Pass over quotes up to `row` without making objects."""
        for _ in islice(self._first, row - self.row - 1):
            pass

    def age(self) -> tuple[int, bool]:
        """Arrival of the quote last taken minus the time since when it stood."""
        row = self.row
        return self.arrivals[row] - self.true_at[row], False

    def origin(self, row: int) -> str:
        """Logical origin of a quote."""
        return f"quote:{self.columns.instrument}:{self.true_at[row]}:{self._names[row]}"

    def prints(self) -> Iterator[Trade]:
        """None: a quote is no print."""
        return iter(())


class PacketNames:
    """Tells packets of one venue time apart: 0, 1, 2, …, whatever the batches were.

    A packet that is older than one before it is late, and named after how many late ones there
    were: what came at its time before is not remembered.
    """

    def __init__(self) -> None:
        self._latest_ns = -(1 << 62)
        self._count = 0
        self._late = 0

    def count(self, times: Array, last: NDArray[np.bool_]) -> None:
        """Take packets as named, by the venue times of all rows and which of them are the last."""
        if not (times[1:] >= times[:-1]).all() or times[0] < self._latest_ns:
            self.of(times[last])
            return
        latest_ns = int(times[-1])
        alike = np.count_nonzero(last[np.searchsorted(times, latest_ns) :])
        self._count = int(alike) + (self._count if latest_ns == self._latest_ns else 0)
        self._latest_ns = latest_ns

    def of(self, times: Array) -> list[str]:
        """Return the names of the next packets, by their venue times."""
        if not len(times):
            return []
        latest = np.maximum(np.maximum.accumulate(times), self._latest_ns)
        late = times < latest
        order = np.cumsum(~late)
        before = np.concatenate(([self._latest_ns], latest[:-1]))
        # Where the first of its time stands; 0 while it is the time of the batch before.
        base = np.maximum.accumulate(np.where(latest > before, order, 0))
        number: Array = order - np.where(base > 0, base, 1 - self._count)
        late_number: Array = np.cumsum(late) + self._late
        names = [
            f"late{other}" if is_late else str(each)
            for each, is_late, other in zip(
                number.tolist(), late.tolist(), late_number.tolist(), strict=True
            )
        ]
        self._count = int(order[-1] - base[-1] + 1 if base[-1] else order[-1] + self._count)
        self._latest_ns = int(latest[-1])
        self._late += int(late.sum())
        return names


class Books:
    """The books and quotes of one run: cuts packets, names them, keeps the views."""

    def __init__(self, ticks: Mapping[str, float]) -> None:
        self.ticks = ticks
        self._views: dict[str, BookView] = {}
        self._rest: dict[str, BookColumns | OrderEventColumns] = {}
        self._names: dict[tuple[str, str], PacketNames] = {}

    def view(self, instrument: str) -> BookView:
        """Return the live view of an instrument's book."""
        if instrument not in self._views:
            self._views[instrument] = BookView(instrument, self.ticks[instrument])
        return self._views[instrument]

    def mark_ticks(self, instrument: str) -> int | None:
        """Return what a position is worth by the book alone; None where there is none."""
        view = self._views.get(instrument)
        return None if view is None else view.mark_ticks

    def before(self, columns: RecordedColumns) -> None:
        """Take rows from before the start: the book that the run begins with."""
        if isinstance(columns, QuoteColumns):
            return
        whole = self._whole_packets(columns)
        if whole is not None:
            self.view(columns.instrument).before(whole)

    def cursors(self, columns: RecordedColumns) -> Iterator[BookCursor | QuoteCursor]:
        """Return cursors over rows that arrive, one after the other."""
        symbol = columns.instrument
        if isinstance(columns, QuoteColumns):
            for start in range(0, len(columns), _PACKETS):
                part = columns.rows(start, start + _PACKETS)
                yield QuoteCursor(part, self._names_of("quote", symbol), self.ticks[symbol])
            return
        whole = self._whole_packets(columns)
        if whole is None:
            return
        view = self.view(symbol)
        ends = np.flatnonzero(whole.last) + 1
        start = 0
        for last in range(_PACKETS - 1, len(ends) + _PACKETS - 1, _PACKETS):
            stop = int(ends[min(last, len(ends) - 1)])
            yield BookCursor(whole.rows(start, stop), self._names_of("book", symbol), view)
            view.leave()
            start = stop

    def has_rest(self, instrument: str) -> bool:
        """Whether a part of a packet waits for the rest of it."""
        return instrument in self._rest

    def put_back(self, rows: BookColumns) -> None:
        """Let a part of a packet wait for the rest of it."""
        waiting = self._rest.get(rows.instrument)
        self._rest[rows.instrument] = rows if waiting is None else _joined(waiting, rows)

    def packets_passed(self, rows: BookColumns) -> None:
        """Count whole packets that a strategy was given without a cursor."""
        self._names_of("book", rows.instrument).count(rows.venue_time_ns, rows.last)

    def quote_origin(self, quote: Quote) -> str:
        """Return the logical origin of a quote that came alone: as of one in a batch."""
        names = self._names_of("quote", quote.instrument)
        name = names.of(np.array([quote.venue_time_ns], np.int64))[0]
        return f"quote:{quote.instrument}:{quote.venue_time_ns}:{name}"

    def _names_of(self, kind: str, symbol: str) -> PacketNames:
        return self._names.setdefault((kind, symbol), PacketNames())

    def _whole_packets(
        self, columns: BookColumns | OrderEventColumns
    ) -> BookColumns | OrderEventColumns | None:
        """Return what is whole of what waited and these rows; the rest waits."""
        waiting = self._rest.pop(columns.instrument, None)
        rows = columns if waiting is None else _joined(waiting, columns)
        ends = np.flatnonzero(rows.last)
        stop = int(ends[-1]) + 1 if len(ends) else 0
        if stop < len(rows):
            self._rest[columns.instrument] = rows.rows(stop, len(rows))
        return rows.rows(0, stop) if stop else None


def handler_of(
    strategy: Strategy, asked: Subscriptions, columns: RecordedColumns | Quote
) -> Callable[[Any, Any], None] | None:
    """Return what quotes or packets are given to; None where nobody asked or nobody listens."""
    if isinstance(columns, QuoteColumns | Quote):
        listens = type(strategy).on_quote is not Strategy.on_quote
        return strategy.on_quote if listens and columns.instrument in asked.quotes else None
    listens = type(strategy).on_book is not Strategy.on_book
    return strategy.on_book if listens and columns.instrument in asked.books else None


def middle_of(quote: Quote) -> int | None:
    """Return the middle of a quote, rounded down to whole ticks; its only price, or None."""
    if quote.bid_ticks and quote.ask_ticks:
        return (quote.bid_ticks + quote.ask_ticks) // 2
    return quote.bid_ticks or quote.ask_ticks or None


def last_print(rows: BookColumns) -> int | None:
    """Return the last print among rows, or None."""
    for first in (max(0, len(rows) - _TAIL_ROWS), 0):
        prints = np.flatnonzero(rows.kind[first:] == int(BookKind.TRADE))
        if len(prints):
            return int(rows.price_ticks[first + int(prints[-1])])
    return None


def _are_prints(rows: BookColumns | OrderEventColumns) -> NDArray[np.bool_]:
    """Return which rows are prints."""
    if isinstance(rows, BookColumns):
        return np.equal(rows.kind, int(BookKind.TRADE))
    return np.equal(rows.action, int(OrderAction.TRADE))


def _last_prints(
    rows: BookColumns | OrderEventColumns, ends: Array, before: int | None
) -> list[int | None]:
    """Return the last print by the end of each packet; `before` where there is none yet."""
    prints = np.flatnonzero(_are_prints(rows))
    if not len(prints):
        return [before] * len(ends)
    prices = rows.price_ticks[prints].tolist()
    found = np.searchsorted(prints, ends, "right").tolist()
    return [prices[place - 1] if place else before for place in found]


def _joined(
    first: BookColumns | OrderEventColumns, second: BookColumns | OrderEventColumns
) -> BookColumns | OrderEventColumns:
    columns: dict[str, Any] = {
        name: np.concatenate((getattr(first, name), getattr(second, name)))
        for name in type(first).__slots__
        if isinstance(getattr(first, name), np.ndarray)
    }
    return replace(first, **columns)
