"""One instrument's matching core on an L2 book: fill level `book`. The rules: the books page.

It has the shape of the core on prints and bars: the simulated venue holds one of them for each
instrument and does not care which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from tieout.errors import DataError
from tieout.market import _book_layout as book_at
from tieout.market import _book_matching_layout as at
from tieout.market._book_matching_compiled import (
    commit_book,
    note_bounds,
    obey_due,
    scan_book,
    send,
)
from tieout.market._queues_compiled import MICRO, OWN_QUEUE
from tieout.market.acting import cells_of
from tieout.market.book import WINDOW_TICKS, Book, BookArrays, BookBreakKind, book_columns
from tieout.market.book_breaks import book_break
from tieout.market.book_terms import FEED_LATENCY_NS_MAX, TICKS_MAX
from tieout.market.models import ModelEntry, refuse_what_models_did
from tieout.market.on_book import OnBook
from tieout.market.queues import QueueModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.market.book import BookBreak
    from tieout.market.finer import DataBreak
    from tieout.market.reports import CoreReport
    from tieout.model.columns import BookColumns
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = ["BookCore"]

_NEVER: Final = book_at.NEVER
_PARTS: Final = (
    (at.ORDER_ROOM, at.ORDERS_START, at.ORDER_WIDTH),
    (at.COMMAND_ROOM, at.COMMANDS_START, at.COMMAND_WIDTH),
    (at.OUT_ROOM, at.OUT_START, at.OUT_WIDTH),
    (at.TAKEN_ROOM, at.TAKEN_START, at.TAKEN_WIDTH),
)
_FIRST_ROOM: Final = {
    at.ORDER_ROOM: 16,
    at.COMMAND_ROOM: 16,
    at.OUT_ROOM: 256,
    at.TAKEN_ROOM: 256,
}
_AHEAD_ROWS = 4096


class BookCore(OnBook["BookColumns"]):
    """Matches our orders on one instrument's L2 book.

    Args:
        profile: Latency of funding reports, and the funding rule; fill levels below do not matter.
        position_lots: Signed lots at the start; funding falls on them.
        start_ns: As in `MatchingCore`.
        sessions: Pairs [open, close) of venue times, for orders of the day; empty: always open.
        queue: How the queue ahead of a resting order thins out.
        models: The user's own models by kind; `queue` is asked here, instead.
        feed_latency_ns_max: How long a command waits, beyond the time it is answered at, for rows
            that were true before it reached the venue and have not arrived yet.
        window_ticks: As of `Book`.
    """

    _at: ClassVar[Any] = at
    _count = at.ORDER_COUNT
    _in_force = at.AT_ONCE
    _resolution = "book"
    _cells = cells_of(
        at, lots=at.LOTS, price=at.LAST_PRINT, answer=at.FUNDING_ANSWER, ticks_max=TICKS_MAX
    )

    def __init__(
        self,
        profile: SimulationProfile,
        *,
        position_lots: int = 0,
        start_ns: int = 0,
        sessions: Sequence[tuple[int, int]] = (),
        queue: QueueModel | None = None,
        models: Mapping[str, object] | None = None,
        feed_latency_ns_max: int = FEED_LATENCY_NS_MAX,
        window_ticks: int = WINDOW_TICKS,
    ) -> None:
        super().__init__(sessions, feed_latency_ns_max)
        model = queue or QueueModel()
        kind, parameter = int(model.kind), model.twice_power
        self._models: list[tuple[object, ModelEntry]] = []
        if models and "queue" in models:
            entry = ModelEntry(models["queue"], "ahead_after")
            self._models.append((models["queue"], entry))
            kind, parameter = OWN_QUEUE, entry.address
        self._book = BookArrays(window_ticks)
        self._desk = np.zeros(at.DESK_WIDTH, np.int64)
        self._view = memoryview(self._desk.data)
        self._make_room(_FIRST_ROOM)
        for place, value in (
            (at.CLOCK, -_NEVER),
            (at.WHOLE, 1),
            (at.MODEL, kind),
            (at.MODEL_PARAMETER, parameter),
            (at.LAG, feed_latency_ns_max - profile.clock_offset_ns),
        ):
            self._view[place] = value
        self._begin(profile, position_lots, start_ns)

    def queue_ahead_microlots(self, number: int) -> int | None:
        """Return what the model has ahead of a resting order in 10⁻⁶ lots; None if it rests not."""
        start = self._view[at.ORDERS_START]
        rows = self._desk[start : start + self._view[at.ORDER_COUNT] * at.ORDER_WIDTH]
        for row in rows.reshape(-1, at.ORDER_WIDTH).tolist():
            if row[at.NUMBER] == number and row[at.PHASE] == at.RESTING:
                return int(row[at.AHEAD])
        return None

    def queue_ahead(self, number: int) -> float | None:
        """Return what the model has ahead of a resting order in lots, as a statistic."""
        ahead = self.queue_ahead_microlots(number)
        return None if ahead is None else ahead / 1_000_000

    # -- what happens to the instrument ---------------------------------------------------------

    def _void(self, at_ns: int) -> None:
        """Begin anew with the first snapshot or clear from after a split.

        The levels told so far are of the prices before it: they are void, and with them every place
        in a queue. Until then prints trigger, and nothing is filled.
        """
        self._book.empty()
        self._view[at.VOID_SINCE] = at_ns
        self._view[at.TAKEN_COUNT] = 0

    def _split_more(self, order: Array, ratio: Ratio) -> None:  # noqa: ARG002
        """Let a resting order stand at the back."""
        if order[at.PHASE] == at.RESTING:
            order[at.AHEAD] = book_at.LOTS_MAX * MICRO
        for place in (at.TRADED, at.REFERENCE, at.HALF_SPREAD):
            order[place] = 0

    def _open_orders(self) -> Array:
        start, count = self._view[at.ORDERS_START], self._view[at.ORDER_COUNT]
        rows = self._desk[start : start + count * at.ORDER_WIDTH]
        return rows.reshape(count, at.ORDER_WIDTH)

    def _open_commands(self) -> Array:
        start, count = self._view[at.COMMANDS_START], self._view[at.COMMAND_COUNT]
        rows = self._desk[start : start + count * at.COMMAND_WIDTH]
        return rows.reshape(count, at.COMMAND_WIDTH)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the open orders; commands of the others find none."""
        rows, start = self._open_orders()[kept], self._view[at.ORDERS_START]
        self._desk[start : start + rows.size] = rows.ravel()
        self._view[at.ORDER_COUNT] = len(rows)
        self._unsettled()

    # -- lent to compiled code ----------------------------------------------------------------

    @property
    def can_be_lent(self) -> bool:
        """Whether nothing is under way, and no model of the user's is asked."""
        view = self._view
        under_way = view[at.ORDER_COUNT] or view[at.COMMAND_COUNT] or view[at.OUT_COUNT]
        return not (under_way or self._models)

    @property
    def resolution(self) -> str:
        """What decides a fill."""
        return self._resolution

    @property
    def chunk(self) -> BookColumns | None:
        """The rows given last."""
        return self._chunk

    @property
    def cursor(self) -> int:
        """The first of them that is not committed."""
        return self._view[at.CURSOR]

    @property
    def last_print_ticks(self) -> int | None:
        """Last print committed, or None before any."""
        return self._view[at.LAST_PRINT] or None

    def arrays(self) -> tuple[Any, ...]:
        """Return desk, book and columns, for compiled code that does what this class does."""
        return (self._desk, self._book.book, *self._columns)

    def book_now(self, instrument: str) -> Book:
        """Return a book of its own that stands as this one does."""
        return Book(instrument, like=self._book)

    def make_room(self) -> None:
        """Let more orders and commands be open."""
        rooms = (at.ORDER_ROOM, at.COMMAND_ROOM)
        self._make_room({each: 2 * self._view[each] for each in rooms})

    def mend(self, reason: int) -> None:
        """Do what compiled code could not: make room, or say what is wrong with a row.

        Raises:
            DataError: A row cannot be right.
        """
        self._book.drain()
        self._mend(reason)

    def take_back(self, *, unresolved: int, latest_arrival_ns: int) -> None:  # noqa: ARG002
        """Be its own again, after compiled code has changed the arrays."""
        self._book.drain()
        self._settled()

    # -- what it found ------------------------------------------------------------------------

    def data_breaks(self, instrument: str) -> tuple[dict[str, int], tuple[DataBreak, ...]]:
        """Return how many rows broke with the book, by kind, and the first of them."""
        found = [
            book_break(
                instrument,
                BookBreakKind(each.kind).name.lower(),
                self._resolution,
                "venue_time_ns" if each.kind == BookBreakKind.STALE else "price_ticks",
                each.venue_time_ns,
                _values(each),
            )
            for each in self._book.found
        ]
        counts = {
            BookBreakKind(kind).name.lower(): count for kind, count in self._book.counts.items()
        }
        return self._resets.added_to(counts, found, instrument, self._resolution)

    @property
    def breaks(self) -> Sequence[BookBreak]:
        """What the rows told that cannot be right and was met all the same; the first thousand."""
        return self._book.found

    # -- inside -------------------------------------------------------------------------------

    def _new_order(self) -> Array:
        count = self._view[at.ORDER_COUNT]
        if count == self._view[at.ORDER_ROOM]:
            self._make_room({at.ORDER_ROOM: 2 * count})
        self._view[at.ORDER_COUNT] = count + 1
        base = self._view[at.ORDERS_START] + count * at.ORDER_WIDTH
        return self._desk[base : base + at.ORDER_WIDTH]

    def _send(
        self,
        kind: int,
        number: int,
        time_ns: int,
        response_ns: int,
        terms: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        count = self._view[at.COMMAND_COUNT]
        if count == self._view[at.COMMAND_ROOM]:
            self._make_room({at.COMMAND_ROOM: 2 * count})
        send(self._desk, self._book.book, time_ns, kind, number, response_ns, *terms)
        self._look_again()

    def _pass_rows(self, count: int) -> None:
        self._book.view[book_at.ROWS_BEFORE] += count

    def _read(self, chunk: BookColumns) -> tuple[Any, ...]:
        builds = (chunk.kind == book_at.LEVEL_ROW) | (chunk.kind == book_at.SNAPSHOT_ROW)
        self._resets.look(chunk.venue_time_ns, chunk.kind == book_at.CLEAR_ROW, builds)
        return book_columns(chunk)

    def _scan(self, until_ns: int) -> int:
        venue_time, arrival, kind, side, price, lots, _ = self._columns
        return scan_book(
            self._desk, venue_time, arrival, kind, side, price, lots, until_ns, _AHEAD_ROWS
        )

    def _act(self, until_ns: int) -> int:
        step: Callable[..., int] = commit_book
        reason = step(self._desk, self._book.book, *self._columns, until_ns)
        self._book.drain()
        return reason

    def _obey(self, until_ns: int) -> int:
        return obey_due(self._desk, self._book.book, until_ns)

    def _note_bounds(self) -> None:
        note_bounds(self._desk, self._book.book)

    def _drain(self) -> list[CoreReport]:
        if self._view[at.MODEL_BROKE]:
            refuse_what_models_did(self._models)
        return super()._drain()

    def _out_cells(self, count: int) -> list[int]:
        start = self._view[at.OUT_START]
        cells: list[int] = self._desk[start : start + count].tolist()
        return cells

    def _are_prints(self, chunk: BookColumns) -> NDArray[np.bool_]:
        return chunk.kind == book_at.TRADE_ROW

    def _mend(self, reason: int) -> None:
        needed = self._view[at.PROBLEM]
        if reason == at.OUT_FULL:
            self._make_room({at.OUT_ROOM: 2 * needed})
        elif reason == at.TAKEN_FULL:
            self._make_room({at.TAKEN_ROOM: 2 * (self._view[at.TAKEN_COUNT] + needed)})
        elif self._chunk is None:
            raise DataError("no rows were given", file="the market", remedy="Give rows first.")
        else:
            self._book.mend(reason, self._chunk)

    def _make_room(self, rooms: dict[int, int]) -> None:
        """Lay the desk out anew with more rows of some kinds; what is there moves along."""
        before, desk_rows = self._desk, []
        place = at.DESK_WIDTH
        for room, start, width in _PARTS:
            there = self._view[room]
            wanted = max(there, rooms.get(room, 0))
            desk_rows.append((self._view[start], place, there * width))
            self._view[start] = place
            self._view[room] = wanted
            place += wanted * width
        self._desk = np.zeros(place, np.int64)
        self._desk[: at.DESK_WIDTH] = before[: at.DESK_WIDTH]
        for old, new, cells in desk_rows:
            self._desk[new : new + cells] = before[old : old + cells]
        self._view = memoryview(self._desk.data)


def _values(found: BookBreak) -> tuple[int, int]:
    """Return what stood in the book, and what the row told."""
    if found.kind == BookBreakKind.STALE:
        return found.limit, found.venue_time_ns
    return found.limit, found.value
