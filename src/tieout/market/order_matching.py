"""One instrument's matching core on single orders: fill level `orders`. The rules: its page.

It has the shape of the cores on prints, bars and levels: the simulated venue holds one of them for
each instrument and does not care which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.errors import OrderRefused, SettingsError
from tieout.market import _order_book_layout as book_at
from tieout.market import _order_matching_layout as at
from tieout.market._order_matching_compiled import (
    commit_orders,
    obey_due,
    scan_orders,
    send_command,
)
from tieout.market.order_book import OrderBook, event_columns
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.profiles import FundingRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.market.order_book import Columns
    from tieout.model.columns import OrderEventColumns
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile

    Array = NDArray[np.int64]

__all__ = [
    "FEED_LATENCY_NS_MAX",
    "OrderCore",
    "OrderReport",
    "OrderReportKind",
    "OrderReportReason",
]

FEED_LATENCY_NS_MAX: Final = 1_000_000_000
"""How long a command waits at most for a later row, unless told otherwise."""

_NEVER: Final = book_at.NEVER
_FIRST_ROWS = 16
_FIRST_REPORTS = 256
_KEPT_CHUNKS = 4
_AHEAD_ROWS = 4096
"""How far a scan looks ahead at least, so that the next ones need not cross over."""

_TICKS_MAX: Final = 2**40
"""Prices above this in ticks would not fit as microticks."""

# How an order type meets the book: what it becomes, and what it waits for.
_TYPES: Final = {
    OrderType.MARKET: (at.MARKET_KIND, at.NO_TRIGGER),
    OrderType.LIMIT: (at.LIMIT_KIND, at.NO_TRIGGER),
    OrderType.STOP_MARKET: (at.MARKET_KIND, at.STOP_TRIGGER),
    OrderType.STOP_LIMIT: (at.LIMIT_KIND, at.STOP_TRIGGER),
    OrderType.MARKET_IF_TOUCHED: (at.MARKET_KIND, at.TOUCH_TRIGGER),
    OrderType.LIMIT_IF_TOUCHED: (at.LIMIT_KIND, at.TOUCH_TRIGGER),
    OrderType.MARKET_TO_LIMIT: (at.TO_LIMIT_KIND, at.NO_TRIGGER),
}
_TIMES: Final = {
    TimeInForce.GOOD_TILL_CANCEL: at.STAYS,
    TimeInForce.GOOD_TILL_DATE: at.STAYS,
    TimeInForce.DAY: at.STAYS,
    TimeInForce.IMMEDIATE_OR_CANCEL: at.AT_ONCE,
    TimeInForce.FILL_OR_KILL: at.ALL_OR_NOTHING,
}


class OrderReportKind:
    """Kinds of `OrderReport`; the numbers are those of the other cores."""

    FILL = at.FILL_REPORT
    TRIGGER = at.TRIGGER_REPORT
    EXPIRY = at.EXPIRY_REPORT
    CANCEL = at.CANCEL_REPORT
    CANCEL_REFUSAL = at.CANCEL_REFUSAL
    FUNDING = at.FUNDING_REPORT
    REJECT = at.REJECT_REPORT
    AMEND = at.AMEND_REPORT
    AMEND_REFUSAL = at.AMEND_REFUSAL


class OrderReportReason:
    """Why an order ended, or a command was refused; the numbers are those of the other cores."""

    NONE = at.NO_REASON
    IN_FORCE = at.IN_FORCE_REASON
    EXPIRED = at.EXPIRED_REASON
    POST_ONLY = at.POST_ONLY_REASON
    REDUCE_ONLY = at.REDUCE_ONLY_REASON
    FINAL = at.FINAL_REASON
    UNKNOWN = at.UNKNOWN_REASON


class OrderReport(msgspec.Struct, frozen=True, gc=False):
    """A row of `out`, in the order of its fields.

    Attributes:
        kind: `OrderReportKind` value.
        order: The order's number; 0 of FUNDING.
        arrival_ns: When we know it.
        moment_ns, rank, sequence: What comes first among reports known at one time.
        venue_time_ns: When it was true.
        lots: Of FILL: of this fill; of AMEND: the new total; of what ends an order: filled before;
            of FUNDING: the position.
        price_ticks: Of FILL; of AMEND the limit; of FUNDING the mark.
        reference_ticks: Of FILL: the reference in whole ticks, rounded so that the shift from it is
            not made smaller; of AMEND the trigger.
        half_spread_microticks: Of a taker's FILL: the part of its shift that is half the spread.
        liquidity: `Liquidity` value.
        reason: `OrderReportReason` value.
        reference_microticks: Of FILL: exactly the mid when the order met the book, or a maker's
            own price.
        queue_ahead_microlots: Of a maker's FILL: what stood ahead of it just before.
    """

    kind: int
    order: int
    arrival_ns: int
    moment_ns: int
    rank: int
    sequence: int
    venue_time_ns: int
    lots: int
    price_ticks: int
    reference_ticks: int
    half_spread_microticks: int
    liquidity: int
    reason: int
    reference_microticks: int
    queue_ahead_microlots: int


class OrderCore:
    """Matches our orders on one instrument's single orders, in their true queue.

    Args:
        profile: Latency of funding reports, and the funding rule; the rest of it says nothing that
            the orders themselves do not.
        position_lots: Signed lots at the start; funding falls on them.
        feed_latency_ns_max: How long a command waits, beyond the time it is answered at, for rows
            that were true before it reached the venue and have not arrived yet.

    Attributes:
        book: The strangers' orders, as far as rows are committed.
        calm_before_ns: No row that arrives before this time, and no command, can cause a report.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        *,
        position_lots: int = 0,
        feed_latency_ns_max: int = FEED_LATENCY_NS_MAX,
    ) -> None:
        if feed_latency_ns_max < 0:
            raise SettingsError(f"feed latency {feed_latency_ns_max} ns; allowed: 0 or more")
        self.book = OrderBook()
        self._state: Array = np.zeros(at.STATE_WIDTH, np.int64)
        self._own: Array = np.zeros(_FIRST_ROWS * at.OWN_WIDTH, np.int64)
        self._commands: Array = np.zeros(_FIRST_ROWS * at.COMMAND_WIDTH, np.int64)
        self._out: Array = np.zeros(_FIRST_REPORTS * at.OUT_WIDTH, np.int64)
        self._view = memoryview(self._state.data)
        for place, value in (
            (at.POSITION, position_lots),
            (at.NEXT_FUNDING, -1),
            (at.FUNDING_ANSWER, profile.response_latency_ns),
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

    @staticmethod
    def refusal(order: PlaceOrder) -> str | None:
        """Return why this core cannot hold an order, or None."""
        if order.order_type not in _TYPES:
            return f"order type {OrderType(order.order_type).name} does not meet a book as it is"
        if order.time_in_force not in _TIMES:
            return f"time in force {TimeInForce(order.time_in_force).name} needs an auction"
        kind, trigger = _TYPES[OrderType(order.order_type)]
        for name, needed, value in (
            ("limit", kind == at.LIMIT_KIND, order.limit_ticks),
            ("trigger", trigger != at.NO_TRIGGER, order.stop_ticks),
        ):
            if needed != (value is not None):
                return f"{name} price {value}; the type has {'one' if needed else 'none'}"
            if value is not None and not 0 < value <= _TICKS_MAX:
                return f"{name} price {value} ticks; allowed: 1 … {_TICKS_MAX}"
        if not 0 < order.lots <= book_at.LOTS_MAX:
            return f"{order.lots} lots; allowed: 1 … {book_at.LOTS_MAX}"
        at_once = _TIMES[TimeInForce(order.time_in_force)] != at.STAYS
        if order.post_only and (kind != at.LIMIT_KIND or at_once):
            return "post-only; allowed: a limit order that may rest"
        if order.display_lots is not None:
            return "display quantity; a part of an order is shown by sending parts"
        return None

    def place(self, number: int, order: PlaceOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let an order travel to the venue.

        Args:
            number: Names it in reports.
            order: Its terms.
            arrival_ns: Venue time at the matching engine.
            response_ns: What is added to a venue time to know it by our clock.

        Raises:
            OrderRefused: This core cannot hold such an order; see `refusal`.
        """
        refused = self.refusal(order)
        if refused is not None:
            raise OrderRefused(f"{order.instrument}: {refused}")
        kind, trigger = _TYPES[OrderType(order.order_type)]
        base = self._view[at.OWN_COUNT] * at.OWN_WIDTH
        if base == len(self._own):
            self._own = np.concatenate((self._own, np.zeros_like(self._own)))
        expires_ns = _NEVER if order.expires_at_ns is None else order.expires_at_ns
        row = self._own[base : base + at.OWN_WIDTH]
        row[:] = 0
        for place, value in (
            (at.NUMBER, number),
            (at.AFTER, arrival_ns),
            (at.SIDE, order.side),
            (at.PHASE, at.WAITING),
            (at.KIND, kind),
            (at.TRIGGER, trigger),
            (at.IN_FORCE, _TIMES[TimeInForce(order.time_in_force)]),
            (at.OWN_LOTS, order.lots),
            (at.LIMIT, order.limit_ticks or 0),
            (at.STOP, order.stop_ticks or 0),
            (at.ANSWER, response_ns),
            (at.POST_ONLY, order.post_only),
            (at.REDUCE_ONLY, order.reduce_only),
            (at.EXPIRES, expires_ns),
        ):
            row[place] = value
        self._view[at.OWN_COUNT] += 1
        self._send(at.PLACE_COMMAND, number, arrival_ns, arrival_ns + response_ns, response_ns)
        if order.expires_at_ns is not None:
            # The last moment at which it may fill.
            ready_ns = expires_ns + response_ns
            self._send(at.EXPIRE_COMMAND, number, expires_ns - 1, ready_ns, response_ns)

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> None:
        """Let a cancel travel to the venue; it acts after every row true up to its arrival."""
        self._send(at.CANCEL_COMMAND, number, arrival_ns, arrival_ns + response_ns, response_ns)

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let new terms of an order travel to the venue.

        Raises:
            OrderRefused: A term lies outside of what can be computed exactly.
        """
        for name, value, most in (
            ("lots", order.lots, book_at.LOTS_MAX),
            ("limit", order.limit_ticks, _TICKS_MAX),
            ("trigger", order.stop_ticks, _TICKS_MAX),
        ):
            if value is not None and not 0 < value <= most:
                raise OrderRefused(f"amend: {name} {value}; allowed: 1 … {most}")
        terms = (order.lots or 0, order.limit_ticks or 0, order.stop_ticks or 0)
        ready_ns = arrival_ns + response_ns
        self._send(at.AMEND_COMMAND, number, arrival_ns, ready_ns, response_ns, terms)

    def queue_ahead(self, number: int) -> int | None:
        """Return the lots that stand ahead of a resting order; None if it does not rest."""
        rows = self._own[: self._view[at.OWN_COUNT] * at.OWN_WIDTH].reshape(-1, at.OWN_WIDTH)
        for row in rows.tolist():
            if row[at.NUMBER] == number and row[at.PHASE] == at.RESTING:
                return int(row[at.AHEAD])
        return None

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""
        return self._view[at.POSITION]

    @property
    def ambiguous_bars(self) -> int:
        """None: single orders have no bars."""
        return 0

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""
        return self._view[at.CURSOR] >= self._rows

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""
        return None if self._chunk is None else self._last_arrival_ns

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

    def commit(self, until_ns: int) -> list[OrderReport]:
        """Let every given row that arrived by then act, and return what came about."""
        found: list[OrderReport] = []
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

    def answer_cancels(self, until_ns: int) -> Sequence[OrderReport]:
        """Let the commands act that are due by then though no later row has arrived."""
        found: list[OrderReport] = []
        while self._view[at.COMMAND_COUNT]:
            reason = obey_due(*self._desk, *self.book.arrays, until_ns)
            found += self._drain()
            if reason == at.COMMITTED:
                break
            self._mend(reason)
        self._settled()
        return found

    def next_cancel_ns(self) -> int | None:
        """Return when the oldest command on its way acts without a row, or None."""
        return self._view[at.NEXT_DUE] if self._view[at.COMMAND_COUNT] else None

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last print at or before a venue time, among the last few chunks."""
        for chunk in reversed(self._past):
            prints = (chunk.action == book_at.TRADE) & (chunk.venue_time_ns <= venue_time_ns)
            rows = np.flatnonzero(prints)
            if len(rows):
                return int(chunk.price_ticks[rows[-1]])
        return None

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
        # What was known of the rows to come holds no more.
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

    def _drain(self) -> list[OrderReport]:
        count = self._view[at.OUT_COUNT]
        if not count:
            return []
        self._view[at.OUT_COUNT] = 0
        width = at.OUT_WIDTH
        cells = self._out[: count * width].tolist()
        return [OrderReport(*cells[base : base + width]) for base in range(0, len(cells), width)]

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
