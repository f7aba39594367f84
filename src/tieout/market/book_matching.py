"""One instrument's matching core on an L2 book: fill level `book`. The rules: the books page.

It has the shape of the core on prints and bars: the simulated venue holds one of them for each
instrument and does not care which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tieout.errors import DataError, SettingsError
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
from tieout.market.acting import Acted, Scales, cells_of
from tieout.market.book import WINDOW_TICKS, Book, BookArrays, BookBreakKind, book_columns
from tieout.market.book_breaks import Resets, book_break
from tieout.market.book_terms import FEED_LATENCY_NS_MAX, TICKS_MAX, amend_terms, check_holds
from tieout.market.models import ModelEntry, refuse_what_models_did
from tieout.market.queues import QueueModel
from tieout.market.reports import book_reports
from tieout.market.terms import AT_ONCE, KINDS, first_funding_ns, life_of
from tieout.model.profiles import FundingRule
from tieout.model.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.market.book import BookBreak
    from tieout.market.finer import DataBreak
    from tieout.market.reports import CoreReport
    from tieout.model.columns import BookColumns
    from tieout.model.orders import AmendOrder, PlaceOrder
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
_KEPT_CHUNKS = 4
_RESOLUTION: Final = "book"
_AHEAD_ROWS = 4096


class BookCore(Acted):
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

    Attributes:
        calm_before_ns: No row that arrives before this time, and no command, can cause a report.
    """

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
        if feed_latency_ns_max < 0:
            raise SettingsError(f"feed latency {feed_latency_ns_max} ns; allowed: 0 or more")
        self._sessions = Sessions(sessions)
        self._resets = Resets()
        self._scales = Scales()
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
            (at.POSITION, position_lots),
            (at.NEXT_FUNDING, first_funding_ns(profile, start_ns)),
            (at.FUNDING_ANSWER, profile.response_latency_ns - profile.clock_offset_ns),
            (at.CLOCK, -_NEVER),
            (at.WHOLE, 1),
            (at.MODEL, kind),
            (at.MODEL_PARAMETER, parameter),
            (at.LAG, feed_latency_ns_max - profile.clock_offset_ns),
            (at.OWN_BEST, -_NEVER),
            (at.OWN_BEST + 1, -_NEVER),
            (at.OWN_LOW, _NEVER),
            (at.OWN_LOW + 1, _NEVER),
            (at.RISES, _NEVER),
            (at.FALLS, -_NEVER),
            (at.NEXT_TIME, _NEVER),
            (at.NEXT_DUE, _NEVER),
        ):
            self._view[place] = value
        if profile.funding_rule is not FundingRule.NONE:
            self._view[at.FUNDING_INTERVAL] = profile.funding_interval_ns
            if position_lots:
                # The first row says from when on it falls.
                self._view[at.NEXT_TIME] = -_NEVER
        self._chunk: BookColumns | None = None
        self._columns: tuple[Any, ...] = ()
        self._rows = 0
        self._last_arrival_ns = -_NEVER
        self._past: list[BookColumns] = []
        # Rows that arrive before this time are quiet; at it one touches, or was not looked at.
        self._watch_ns = -_NEVER
        self._touches = False
        self._settled()

    # -- orders -------------------------------------------------------------------------------

    def place(
        self, number: int, order: PlaceOrder, *, arrival_ns: int, response_ns: int
    ) -> str | None:
        """Let an order travel to the venue.

        Args:
            number: Names it in reports.
            order: Its terms.
            arrival_ns: Venue time at the matching engine.
            response_ns: What is added to a venue time to know it by our clock.

        Returns:
            None, or why it is refused on arrival: `expired`, `no_session`. A post-only or
            reduce-only order is accepted or rejected by a report of its own.

        Raises:
            OrderRefused: A book cannot hold such an order; see `book_refusal`.
        """
        check_holds(order)
        life = life_of(order, arrival_ns, self._sessions)
        if isinstance(life, str):
            return life
        expires_ns = life[1]
        kind, trigger = KINDS[int(order.order_type)]
        count = self._view[at.ORDER_COUNT]
        if count == self._view[at.ORDER_ROOM]:
            self._make_room({at.ORDER_ROOM: 2 * count})
        base = self._view[at.ORDERS_START] + count * at.ORDER_WIDTH
        row = self._desk[base : base + at.ORDER_WIDTH]
        row[:] = 0
        for place, value in (
            (at.NUMBER, number),
            (at.AFTER, arrival_ns),
            (at.SIDE, order.side),
            (at.PHASE, at.WAITING),
            (at.KIND, kind),
            (at.TRIGGER, trigger),
            (at.AT_ONCE, AT_ONCE[int(order.time_in_force)]),
            (at.LOTS, order.lots),
            (at.LIMIT, order.limit_ticks or 0),
            (at.STOP, order.stop_ticks or 0),
            (at.ANSWER, response_ns),
            (at.POST_ONLY, order.post_only),
            (at.REDUCE_ONLY, order.reduce_only),
        ):
            row[place] = value
        self._view[at.ORDER_COUNT] = count + 1
        self._send(at.PLACE_COMMAND, number, arrival_ns, response_ns)
        if expires_ns != _NEVER:
            # The last moment at which it may fill.
            self._send(at.EXPIRE_COMMAND, number, expires_ns - 1, response_ns)
        return None

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> Sequence[CoreReport]:
        """Let a cancel travel to the venue; it acts after every row true up to its arrival."""
        self._send(at.CANCEL_COMMAND, number, arrival_ns, response_ns)
        return ()

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let new terms of an order travel to the venue.

        Raises:
            OrderRefused: A term lies outside of what can be computed exactly.
        """
        self._send(at.AMEND_COMMAND, number, arrival_ns, response_ns, amend_terms(order))

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

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""
        return self._view[at.POSITION]

    @property
    def unresolved_bars(self) -> int:
        """None: there are no bars."""
        return 0

    @property
    def ambiguous_bars(self) -> int:
        """None: a book has no bars."""
        return 0

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
        return _RESOLUTION

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
                _RESOLUTION,
                "venue_time_ns" if each.kind == BookBreakKind.STALE else "price_ticks",
                each.venue_time_ns,
                _values(each),
            )
            for each in self._book.found
        ]
        counts = {
            BookBreakKind(kind).name.lower(): count for kind, count in self._book.counts.items()
        }
        return self._resets.added_to(counts, found, instrument, _RESOLUTION)

    @property
    def breaks(self) -> Sequence[BookBreak]:
        """What the rows told that cannot be right and was met all the same; the first thousand."""
        return self._book.found

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""
        return self._view[at.CURSOR] >= self._rows

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""
        return None if self._chunk is None else self._last_arrival_ns

    def first_arrival_ns(self, chunk: BookColumns) -> int:
        """Return when the first row of a chunk arrives."""
        return int(chunk.arrival_time_ns[0])

    def expect(self, chunk: BookColumns) -> None:
        """Learn that there are rows, before they are given: they say nothing new."""

    def give(self, chunk: BookColumns) -> None:
        """Take the next rows; those given before are all committed."""
        assert self.wants_rows, "rows of the chunk before are not committed yet"
        self._book.view[book_at.ROWS_BEFORE] += self._rows
        builds = (chunk.kind == book_at.LEVEL_ROW) | (chunk.kind == book_at.SNAPSHOT_ROW)
        self._resets.look(chunk.venue_time_ns, chunk.kind == book_at.CLEAR_ROW, builds)
        self._chunk = chunk
        self._columns = book_columns(chunk)
        self._rows = len(chunk)
        self._view[at.CURSOR] = 0
        self._view[at.SCANNED] = 0
        self._watch_ns = -_NEVER
        self._last_arrival_ns = int(chunk.arrival_time_ns[-1])
        self._past.append(chunk)
        del self._past[:-_KEPT_CHUNKS]

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return the arrival of the first row that may cause a report, if it is due by then."""
        if until_ns < self._watch_ns or self._chunk is None:
            return None
        if not self._touches:
            venue_time, arrival, kind, side, price, lots, _ = self._columns
            found = scan_book(
                self._desk, venue_time, arrival, kind, side, price, lots, until_ns, _AHEAD_ROWS
            )
            self._touches = found == 1
            row = min(self._view[at.SCANNED], self._rows - 1)
            self._watch_ns = int(self._chunk.arrival_time_ns[row])
            if not self._view[at.COMMAND_COUNT]:
                self.calm_before_ns = self._watch_ns
        return self._watch_ns if self._touches and self._watch_ns <= until_ns else None

    def passes(self, until_ns: int) -> bool:
        """Say whether the rows that arrive by then are known to be quiet; they are met later."""
        return until_ns < self._watch_ns and not self._view[at.COMMAND_COUNT]

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let every given row that arrived by then act, and return what came about.

        Raises:
            DataError: A row cannot be right.
        """
        found: list[CoreReport] = []
        if self._chunk is None:
            return found
        step: Callable[..., int] = commit_book
        while True:
            reason = step(self._desk, self._book.book, *self._columns, until_ns)
            self._book.drain()
            found += self._drain()
            if reason == at.COMMITTED:
                break
            self._mend(reason)
        self._settled()
        return found

    def answer(self, until_ns: int) -> Sequence[CoreReport]:
        """Let the commands act that are due by then though no later row has arrived."""
        found: list[CoreReport] = []
        while self._view[at.COMMAND_COUNT]:
            reason = obey_due(self._desk, self._book.book, until_ns)
            found += self._drain()
            if reason == at.COMMITTED:
                break
            self._mend(reason)
        self._settled()
        return found

    def next_answer_ns(self) -> int | None:
        """Return when the oldest command on its way acts without a row, or None."""
        return self._view[at.NEXT_DUE] if self._view[at.COMMAND_COUNT] else None

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last print at or before a venue time, among the last few chunks."""
        for chunk in reversed(self._past):
            prints = (chunk.kind == book_at.TRADE_ROW) & (chunk.venue_time_ns <= venue_time_ns)
            rows = np.flatnonzero(prints)
            if len(rows):
                price, traded_ns = (
                    int(each[rows[-1]]) for each in (chunk.price_ticks, chunk.venue_time_ns)
                )
                # A print at the instant of a split is one after it.
                return self._scales.carried(price, traded_ns + 1, venue_time_ns)
        return None

    def price_before(self, at_ns: int) -> int | None:
        """Return the last print before a venue time, as it is at it."""
        price = self.price_at(at_ns - 1)
        return None if price is None else self._scales.carried(price, at_ns, at_ns)

    # -- inside -------------------------------------------------------------------------------

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

    def _unsettled(self) -> None:
        """The orders were changed from outside."""
        note_bounds(self._desk, self._book.book)
        self._look_again()

    def _look_again(self) -> None:
        """What was known of the rows to come holds no more, since the orders changed."""
        self._view[at.SCANNED] = self._view[at.CURSOR]
        self._watch_ns = -_NEVER
        self.calm_before_ns = -_NEVER
        self._touches = False

    def _settled(self) -> None:
        """The compiled step has acted: an idle market is quiet to the end of what it was given."""
        view = self._view
        idle = not (
            view[at.ORDER_COUNT]
            or view[at.COMMAND_COUNT]
            or (view[at.FUNDING_INTERVAL] and view[at.POSITION])
        )
        self._watch_ns = self._last_arrival_ns if idle else -_NEVER
        self.calm_before_ns = _NEVER if idle else -_NEVER
        self._touches = False

    def _drain(self) -> list[CoreReport]:
        if self._view[at.MODEL_BROKE]:
            refuse_what_models_did(self._models)
        count = self._view[at.OUT_COUNT]
        if not count:
            return []
        self._view[at.OUT_COUNT] = 0
        width = at.OUT_WIDTH
        start = self._view[at.OUT_START]
        cells = self._desk[start : start + count * width].tolist()
        return book_reports(cells, width, _RESOLUTION)

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
