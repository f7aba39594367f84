"""One instrument's matching core on single orders: fill level `orders`. The rules: its page.

It has the shape of the cores on prints, bars and levels: the simulated venue holds one of them for
each instrument and does not care which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import SettingsError
from tieout.market import _order_book_layout as book_at
from tieout.market import _order_matching_layout as at
from tieout.market._order_matching_compiled import (
    commit_orders,
    note_bounds,
    obey_due,
    scan_orders,
    send_command,
)
from tieout.market.acting import Acted, Scales, cells_of
from tieout.market.book_breaks import BREAKS_KEPT, Resets, book_break
from tieout.market.book_terms import FEED_LATENCY_NS_MAX, TICKS_MAX, amend_terms, check_holds
from tieout.market.order_book import BreakKind, OrderBook, event_columns
from tieout.market.reports import book_reports
from tieout.market.terms import AT_ONCE, KINDS, first_funding_ns, life_of
from tieout.model.profiles import FundingRule
from tieout.model.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.market.finer import DataBreak
    from tieout.market.order_book import Columns
    from tieout.market.reports import CoreReport
    from tieout.model.columns import OrderEventColumns
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = ["OrderCore"]

_NEVER: Final = book_at.NEVER
_FIRST_ROWS = 16
_FIRST_REPORTS = 256
_KEPT_CHUNKS = 4
_RESOLUTION: Final = "orders"
_AHEAD_ROWS = 4096
"""How far a scan looks ahead at least, so that the next ones need not cross over."""

_BREAK_NAMES: Final = {
    BreakKind.UNKNOWN_ORDER: "unknown_order",
    BreakKind.DOUBLE_ADD: "double_add",
    BreakKind.EXCESS_CANCEL: "excess_cancel",
    BreakKind.CROSSED_BOOK: "crossed",
    BreakKind.STALE_TIME: "stale",
    BreakKind.UNSCALED_ROW: "unscaled",
}
_BREAK_FIELDS: Final = {
    BreakKind.UNKNOWN_ORDER: "lots",
    BreakKind.DOUBLE_ADD: "lots",
    BreakKind.EXCESS_CANCEL: "lots",
    BreakKind.CROSSED_BOOK: "price_ticks",
    BreakKind.STALE_TIME: "venue_time_ns",
    BreakKind.UNSCALED_ROW: "price_ticks",
}


class OrderCore(Acted):
    """Matches our orders on one instrument's single orders, in their true queue.

    Args:
        profile: Latency of funding reports, and the funding rule; the rest of it says nothing that
            the orders themselves do not.
        position_lots: Signed lots at the start; funding falls on them.
        start_ns: As in `MatchingCore`.
        sessions: Pairs [open, close) of venue times, for orders of the day; empty: always open.
        feed_latency_ns_max: How long a command waits, beyond the time it is answered at, for rows
            that were true before it reached the venue and have not arrived yet.

    Attributes:
        book: The strangers' orders, as far as rows are committed.
        calm_before_ns: No row that arrives before this time, and no command, can cause a report.
    """

    _cells = cells_of(
        at, lots=at.OWN_LOTS, price=at.LAST_PRINT, answer=at.FUNDING_ANSWER, ticks_max=TICKS_MAX
    )

    def __init__(
        self,
        profile: SimulationProfile,
        *,
        position_lots: int = 0,
        start_ns: int = 0,
        sessions: Sequence[tuple[int, int]] = (),
        feed_latency_ns_max: int = FEED_LATENCY_NS_MAX,
    ) -> None:
        if feed_latency_ns_max < 0:
            raise SettingsError(f"feed latency {feed_latency_ns_max} ns; allowed: 0 or more")
        self._sessions = Sessions(sessions)
        self._resets = Resets()
        self._scales = Scales()
        self.book = OrderBook()
        self._state: Array = np.zeros(at.STATE_WIDTH, np.int64)
        self._own: Array = np.zeros(_FIRST_ROWS * at.OWN_WIDTH, np.int64)
        self._commands: Array = np.zeros(_FIRST_ROWS * at.COMMAND_WIDTH, np.int64)
        self._out: Array = np.zeros(_FIRST_REPORTS * at.OUT_WIDTH, np.int64)
        self._view = memoryview(self._state.data)
        for place, value in (
            (at.POSITION, position_lots),
            (at.NEXT_FUNDING, first_funding_ns(profile, start_ns)),
            (at.FUNDING_ANSWER, profile.response_latency_ns - profile.clock_offset_ns),
            (at.LAG, feed_latency_ns_max),
            (at.OWN_BEST, -_NEVER),
            (at.OWN_BEST + 1, -_NEVER),
            (at.OWN_LOW, _NEVER),
            (at.OWN_LOW + 1, _NEVER),
            (at.LATEST, -_NEVER),
            (at.OBEYED, -_NEVER),
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
        self._chunk: OrderEventColumns | None = None
        self._columns: Columns | None = None
        self._rows = 0
        self._last_arrival_ns = -_NEVER
        self._past: list[OrderEventColumns] = []
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
        base = self._view[at.OWN_COUNT] * at.OWN_WIDTH
        if base == len(self._own):
            self._own = np.concatenate((self._own, np.zeros_like(self._own)))
        row = self._own[base : base + at.OWN_WIDTH]
        row[:] = 0
        for place, value in (
            (at.NUMBER, number),
            (at.AFTER, arrival_ns),
            (at.SIDE, order.side),
            (at.PHASE, at.WAITING),
            (at.KIND, kind),
            (at.TRIGGER, trigger),
            (at.IN_FORCE, AT_ONCE[int(order.time_in_force)]),
            (at.OWN_LOTS, order.lots),
            (at.LIMIT, order.limit_ticks or 0),
            (at.STOP, order.stop_ticks or 0),
            (at.ANSWER, response_ns),
            (at.POST_ONLY, order.post_only),
            (at.REDUCE_ONLY, order.reduce_only),
        ):
            row[place] = value
        self._view[at.OWN_COUNT] += 1
        self._send(at.PLACE_COMMAND, number, arrival_ns, arrival_ns + response_ns, response_ns)
        if expires_ns != _NEVER:
            # The last moment at which it may fill.
            ready_ns = expires_ns + response_ns
            self._send(at.EXPIRE_COMMAND, number, expires_ns - 1, ready_ns, response_ns)
        return None

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> Sequence[CoreReport]:
        """Let a cancel travel to the venue; it acts after every row true up to its arrival."""
        self._send(at.CANCEL_COMMAND, number, arrival_ns, arrival_ns + response_ns, response_ns)
        return ()

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let new terms of an order travel to the venue.

        Raises:
            OrderRefused: A term lies outside of what can be computed exactly.
        """
        terms, ready_ns = amend_terms(order), arrival_ns + response_ns
        self._send(at.AMEND_COMMAND, number, arrival_ns, ready_ns, response_ns, terms)

    def queue_ahead(self, number: int) -> int | None:
        """Return the lots that stand ahead of a resting order; None if it does not rest."""
        rows = self._own[: self._view[at.OWN_COUNT] * at.OWN_WIDTH].reshape(-1, at.OWN_WIDTH)
        for row in rows.tolist():
            if row[at.NUMBER] == number and row[at.PHASE] == at.RESTING:
                return int(row[at.AHEAD])
        return None

    # -- what happens to the instrument ---------------------------------------------------------

    def _void(self, at_ns: int) -> None:
        """Begin anew with the first clear from after a split.

        The orders told so far are of the prices before it: they are void, and with them every place
        in a queue. Until then prints trigger, and nothing is filled.
        """
        view = self._view
        self.book.empty()
        view[at.VOID_SINCE] = at_ns
        view[at.LEFT_LOTS] = view[at.PENDING] = 0
        # As after a clear: where an order stands is not known before the book is whole again.
        view[at.CLEARED] = 1

    def _split_more(self, order: Array, ratio: Ratio) -> None:  # noqa: ARG002
        """Let a resting order stand at the back."""
        for place in (at.AHEAD, at.MID, at.HALF_SPREAD):
            order[place] = 0
        if order[at.PHASE] == at.RESTING:
            order[at.BACK] = 1

    def _open_orders(self) -> Array:
        count = self._view[at.OWN_COUNT]
        return self._own[: count * at.OWN_WIDTH].reshape(count, at.OWN_WIDTH)

    def _open_commands(self) -> Array:
        count = self._view[at.COMMAND_COUNT]
        return self._commands[: count * at.COMMAND_WIDTH].reshape(count, at.COMMAND_WIDTH)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the open orders; commands of the others find none."""
        rows = self._open_orders()[kept]
        self._own[: rows.size] = rows.ravel()
        self._view[at.OWN_COUNT] = len(rows)
        self._unsettled()

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
        """None: single orders have no bars."""
        return 0

    def data_breaks(self, instrument: str) -> tuple[dict[str, int], tuple[DataBreak, ...]]:
        """Return how many rows broke with the book, by kind, and the first of them."""
        found = [
            book_break(
                instrument,
                _BREAK_NAMES[BreakKind(each.kind)],
                _RESOLUTION,
                _BREAK_FIELDS[BreakKind(each.kind)],
                each.venue_time_ns,
                (each.limit, each.value),
            )
            for each in self.book.breaks[:BREAKS_KEPT]
        ]
        counts = {_BREAK_NAMES[kind]: count for kind, count in self.book.break_counts.items()}
        return self._resets.added_to(counts, found, instrument, _RESOLUTION)

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""
        return self._view[at.CURSOR] >= self._rows

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""
        return None if self._chunk is None else self._last_arrival_ns

    def first_arrival_ns(self, chunk: OrderEventColumns) -> int:
        """Return when the first row of a chunk arrives."""
        return int(chunk.arrival_time_ns[0])

    def expect(self, chunk: OrderEventColumns) -> None:
        """Learn that there are rows, before they are given: they say nothing new."""

    def give(self, chunk: OrderEventColumns) -> None:
        """Take the next rows; those given before are all committed.

        Raises:
            DataError: A row cannot be read.
        """
        assert self.wants_rows, "rows of the chunk before are not committed yet"
        self.book.book[book_at.ROWS_BEFORE] += self._rows
        self._rows = 0
        columns = event_columns(chunk)
        self.book.check(chunk.instrument, columns)
        self._resets.look(
            chunk.venue_time_ns, chunk.action == book_at.CLEAR, chunk.action == book_at.ADD
        )
        self._chunk, self._columns, self._rows = chunk, columns, len(chunk)
        self._view[at.CURSOR] = 0
        self._view[at.SCANNED] = 0
        self._watch_ns = -_NEVER
        self._last_arrival_ns = int(chunk.arrival_time_ns[-1])
        self._past.append(chunk)
        del self._past[:-_KEPT_CHUNKS]

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return the arrival of the first row that may cause a report, if it is due by then."""
        if until_ns < self._watch_ns or self._chunk is None or self._columns is None:
            return None
        if not self._touches:
            scan: Callable[..., int] = scan_orders
            found = scan(self._state, self.book.book, *self._columns[:5], until_ns, _AHEAD_ROWS)
            self._touches = found == 1
            row = min(self._view[at.SCANNED], self._rows - 1)
            self._watch_ns = int(self._chunk.arrival_time_ns[row])
            if not self._view[at.COMMAND_COUNT]:
                self.calm_before_ns = self._watch_ns
        return self._watch_ns if self._touches and self._watch_ns <= until_ns else None

    def passes(self, until_ns: int) -> bool:
        """Say whether the rows that arrive by then are known to be quiet; they act later."""
        return until_ns < self._watch_ns and not self._view[at.COMMAND_COUNT]

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let every given row that arrived by then act, and return what came about."""
        found: list[CoreReport] = []
        if self._columns is None:
            return found
        step: Callable[..., int] = commit_orders
        while True:
            reason = step(*self._desk, *self.book.arrays, *self._columns, until_ns)
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
            reason = obey_due(*self._desk, *self.book.arrays, until_ns)
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
            prints = (chunk.action == book_at.TRADE) & (chunk.venue_time_ns <= venue_time_ns)
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

    @property
    def _desk(self) -> tuple[Array, Array, Array, Array]:
        return self._state, self._own, self._commands, self._out

    def _send(
        self,
        kind: int,
        number: int,
        time_ns: int,
        ready_ns: int,
        response_ns: int,
        terms: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self._room_for_commands(1)
        send_command(*self._desk, time_ns, kind, number, ready_ns, response_ns, *terms)
        self._look_again()

    def _unsettled(self) -> None:
        """The orders were changed from outside."""
        note_bounds(*self._desk)
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
            view[at.OWN_COUNT]
            or view[at.COMMAND_COUNT]
            or (view[at.FUNDING_INTERVAL] and view[at.POSITION])
        )
        self._watch_ns = self._last_arrival_ns if idle else -_NEVER
        self.calm_before_ns = _NEVER if idle else -_NEVER
        self._touches = False

    def _drain(self) -> list[CoreReport]:
        count = self._view[at.OUT_COUNT]
        if not count:
            return []
        self._view[at.OUT_COUNT] = 0
        width = at.OUT_WIDTH
        cells = self._out[: count * width].tolist()
        return book_reports(cells, width, _RESOLUTION)

    def _mend(self, reason: int) -> None:
        if reason == at.OUT_FULL:
            self._out = np.zeros(2 * self._view[at.NEEDED] * at.OUT_WIDTH, np.int64)
        elif reason == at.COMMANDS_FULL:
            self._room_for_commands(self._view[at.NEEDED])
        else:
            self.book.grow()

    def _room_for_commands(self, more: int) -> None:
        needed = (self._view[at.COMMAND_COUNT] + more) * at.COMMAND_WIDTH
        if needed > len(self._commands):
            grown = np.zeros(2 * needed, np.int64)
            grown[: len(self._commands)] = self._commands
            self._commands = grown
