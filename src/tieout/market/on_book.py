"""What the cores share that match on a book: of levels (`book`) or of single orders (`orders`).

Both hold our orders and the commands on their way beside a book that rows build, and let compiled
code act. How the arrays lie, and what is done with a row, is theirs.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from tieout.errors import SettingsError
from tieout.market._book_layout import NEVER
from tieout.market.acting import Acted, Scales
from tieout.market.book_breaks import Resets
from tieout.market.book_terms import amend_terms, check_holds
from tieout.market.reports import book_reports
from tieout.market.terms import AT_ONCE, KINDS, first_funding_ns, life_of
from tieout.model.columns import BookColumns, OrderEventColumns
from tieout.model.profiles import FundingRule
from tieout.model.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.market.reports import CoreReport
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile

    Array = NDArray[np.int64]

__all__ = ["OnBook"]

Rows = TypeVar("Rows", BookColumns, OrderEventColumns)

_KEPT_CHUNKS = 4


class OnBook(Acted, Generic[Rows]):
    """Matches our orders on one instrument's book.

    Args:
        sessions: Pairs [open, close) of venue times, for orders of the day; empty: always open.
        feed_latency_ns_max: How long a command waits, beyond the time it is answered at, for rows
            that were true before it reached the venue and have not arrived yet.

    Attributes:
        calm_before_ns: No row that arrives before this time, and no command, can cause a report.
    """

    _at: ClassVar[Any]
    """The layout: a module of places in the arrays."""
    _count: ClassVar[int]
    """Where the state holds how many orders are open."""
    _in_force: ClassVar[int]
    """Where an order's row holds whether it may rest."""
    _resolution: ClassVar[str]
    """What decides a fill."""

    _view: memoryview
    calm_before_ns: int

    def __init__(self, sessions: Sequence[tuple[int, int]], feed_latency_ns_max: int) -> None:
        if feed_latency_ns_max < 0:
            raise SettingsError(f"feed latency {feed_latency_ns_max} ns; allowed: 0 or more")
        self._sessions = Sessions(sessions)
        self._resets = Resets()
        self._scales = Scales()
        self._chunk: Rows | None = None
        self._columns: tuple[Any, ...] = ()
        self._rows = 0
        self._last_arrival_ns = -NEVER
        self._past: list[Rows] = []
        # Rows that arrive before this time are quiet; at it one touches, or was not looked at.
        self._watch_ns = -NEVER
        self._touches = False

    def _begin(self, profile: SimulationProfile, position_lots: int, start_ns: int) -> None:
        """Write into the state what a core begins with."""
        at = self._at
        for place, value in (
            (at.POSITION, position_lots),
            (at.NEXT_FUNDING, first_funding_ns(profile, start_ns)),
            (at.FUNDING_ANSWER, profile.response_latency_ns - profile.clock_offset_ns),
            (at.OWN_BEST, -NEVER),
            (at.OWN_BEST + 1, -NEVER),
            (at.OWN_LOW, NEVER),
            (at.OWN_LOW + 1, NEVER),
            (at.RISES, NEVER),
            (at.FALLS, -NEVER),
            (at.NEXT_TIME, NEVER),
            (at.NEXT_DUE, NEVER),
        ):
            self._view[place] = value
        if profile.funding_rule is not FundingRule.NONE:
            self._view[at.FUNDING_INTERVAL] = profile.funding_interval_ns
            if position_lots:
                # The first row says from when on it falls.
                self._view[at.NEXT_TIME] = -NEVER
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
        at, row = self._at, self._new_order()
        row[:] = 0
        for place, value in (
            (at.NUMBER, number),
            (at.AFTER, arrival_ns),
            (at.SIDE, order.side),
            (at.PHASE, at.WAITING),
            (at.KIND, kind),
            (at.TRIGGER, trigger),
            (self._in_force, AT_ONCE[int(order.time_in_force)]),
            (self._cells.lots, order.lots),
            (at.LIMIT, order.limit_ticks or 0),
            (at.STOP, order.stop_ticks or 0),
            (at.ANSWER, response_ns),
            (at.POST_ONLY, order.post_only),
            (at.REDUCE_ONLY, order.reduce_only),
        ):
            row[place] = value
        self._send(at.PLACE_COMMAND, number, arrival_ns, response_ns)
        if expires_ns != NEVER:
            # The last moment at which it may fill.
            self._send(at.EXPIRE_COMMAND, number, expires_ns - 1, response_ns)
        return None

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> Sequence[CoreReport]:
        """Let a cancel travel to the venue; it acts after every row true up to its arrival."""
        self._send(self._at.CANCEL_COMMAND, number, arrival_ns, response_ns)
        return ()

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let new terms of an order travel to the venue.

        Raises:
            OrderRefused: A term lies outside of what can be computed exactly.
        """
        terms = amend_terms(order)
        self._send(self._at.AMEND_COMMAND, number, arrival_ns, response_ns, terms)

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""
        return self._view[self._cells.position]

    @property
    def unresolved_bars(self) -> int:
        """None: there are no bars."""
        return 0

    @property
    def ambiguous_bars(self) -> int:
        """None: a book has no bars."""
        return 0

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""
        return self._view[self._at.CURSOR] >= self._rows

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""
        return None if self._chunk is None else self._last_arrival_ns

    def first_arrival_ns(self, chunk: Rows) -> int:
        """Return when the first row of a chunk arrives."""
        return int(chunk.arrival_time_ns[0])

    def expect(self, chunk: Rows) -> None:
        """Learn that there are rows, before they are given: they say nothing new."""

    def give(self, chunk: Rows) -> None:
        """Take the next rows; those given before are all committed.

        Raises:
            DataError: A row cannot be read.
        """
        assert self.wants_rows, "rows of the chunk before are not committed yet"
        self._pass_rows(self._rows)
        self._rows = 0
        self._columns = self._read(chunk)
        self._chunk, self._rows = chunk, len(chunk)
        self._view[self._at.CURSOR] = 0
        self._view[self._at.SCANNED] = 0
        self._watch_ns = -NEVER
        self._last_arrival_ns = int(chunk.arrival_time_ns[-1])
        self._past.append(chunk)
        del self._past[:-_KEPT_CHUNKS]

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return the arrival of the first row that may cause a report, if it is due by then."""
        if until_ns < self._watch_ns or self._chunk is None:
            return None
        if not self._touches:
            self._touches = self._scan(until_ns) == 1
            row = min(self._view[self._at.SCANNED], self._rows - 1)
            self._watch_ns = int(self._chunk.arrival_time_ns[row])
            if not self._view[self._at.COMMAND_COUNT]:
                self.calm_before_ns = self._watch_ns
        return self._watch_ns if self._touches and self._watch_ns <= until_ns else None

    def passes(self, until_ns: int) -> bool:
        """Say whether the rows that arrive by then are known to be quiet; they act later."""
        return until_ns < self._watch_ns and not self._view[self._at.COMMAND_COUNT]

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let every given row that arrived by then act, and return what came about.

        Raises:
            DataError: A row cannot be right.
        """
        return [] if self._chunk is None else self._done(self._act, until_ns)

    def answer(self, until_ns: int) -> Sequence[CoreReport]:
        """Let the commands act that are due by then though no later row has arrived."""
        return self._done(self._obey, until_ns) if self._view[self._at.COMMAND_COUNT] else []

    def next_answer_ns(self) -> int | None:
        """Return when the oldest command on its way acts without a row, or None."""
        return self._view[self._at.NEXT_DUE] if self._view[self._at.COMMAND_COUNT] else None

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last print at or before a venue time, among the last few chunks."""
        for chunk in reversed(self._past):
            prints = self._are_prints(chunk) & (chunk.venue_time_ns <= venue_time_ns)
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

    def _done(self, step: Callable[[int], int], until_ns: int) -> list[CoreReport]:
        """Let a step act until it is done, mending what stops it; return what came about."""
        found: list[CoreReport] = []
        while True:
            reason = step(until_ns)
            found += self._drain()
            if reason == self._at.COMMITTED:
                break
            self._mend(reason)
        self._settled()
        return found

    def _unsettled(self) -> None:
        self._note_bounds()
        self._look_again()

    def _look_again(self) -> None:
        """What was known of the rows to come holds no more, since the orders changed."""
        self._view[self._at.SCANNED] = self._view[self._at.CURSOR]
        self._watch_ns = -NEVER
        self.calm_before_ns = -NEVER
        self._touches = False

    def _settled(self) -> None:
        """The compiled step has acted: an idle market is quiet to the end of what it was given."""
        view, at = self._view, self._at
        idle = not (
            view[self._count]
            or view[at.COMMAND_COUNT]
            or (view[at.FUNDING_INTERVAL] and view[at.POSITION])
        )
        self._watch_ns = self._last_arrival_ns if idle else -NEVER
        self.calm_before_ns = NEVER if idle else -NEVER
        self._touches = False

    def _drain(self) -> list[CoreReport]:
        """Return what came about since."""
        count = self._view[self._at.OUT_COUNT]
        if not count:
            return []
        self._view[self._at.OUT_COUNT] = 0
        width = self._at.OUT_WIDTH
        return book_reports(self._out_cells(count * width), width, self._resolution)

    @abstractmethod
    def _new_order(self) -> Array:
        """Return the row of one order more."""

    @abstractmethod
    def _send(
        self,
        kind: int,
        number: int,
        time_ns: int,
        response_ns: int,
        terms: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """Let a command travel.

        Args:
            kind: Of it.
            number: Of its order.
            time_ns: The last venue time whose rows act before it.
            response_ns: As of `place`.
            terms: New lots, limit and stop.
        """

    @abstractmethod
    def _pass_rows(self, count: int) -> None:
        """Count rows that are done."""

    @abstractmethod
    def _read(self, chunk: Rows) -> tuple[Any, ...]:
        """Return a chunk's columns as compiled code takes them, and see where books begin."""

    @abstractmethod
    def _scan(self, until_ns: int) -> int:
        """Look ahead for a row that touches; return 1 where there is one."""

    @abstractmethod
    def _act(self, until_ns: int) -> int:
        """Let rows act; return why it stopped."""

    @abstractmethod
    def _obey(self, until_ns: int) -> int:
        """Let commands act; return why it stopped."""

    @abstractmethod
    def _mend(self, reason: int) -> None:
        """Do what compiled code could not."""

    @abstractmethod
    def _note_bounds(self) -> None:
        """Learn what the prices of our orders are between."""

    @abstractmethod
    def _out_cells(self, count: int) -> list[int]:
        """Return the cells of the reports."""

    @abstractmethod
    def _are_prints(self, chunk: Rows) -> NDArray[np.bool_]:
        """Return which rows are prints."""
