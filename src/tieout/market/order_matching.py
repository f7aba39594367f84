"""One instrument's matching core on single orders: fill level `orders`. The rules: its page.

It has the shape of the cores on prints, bars and levels: the simulated venue holds one of them for
each instrument and does not care which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from tieout.market import _order_book_layout as book_at
from tieout.market import _order_matching_layout as at
from tieout.market._order_matching_compiled import (
    commit_orders,
    note_bounds,
    obey_due,
    scan_orders,
    send_command,
)
from tieout.market.acting import cells_of
from tieout.market.book_breaks import BREAKS_KEPT, book_break
from tieout.market.book_terms import FEED_LATENCY_NS_MAX, TICKS_MAX
from tieout.market.on_book import OnBook
from tieout.market.order_book import BreakKind, OrderBook, event_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.market.finer import DataBreak
    from tieout.market.order_book import Columns
    from tieout.model.columns import OrderEventColumns
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = ["OrderCore"]

_NEVER: Final = book_at.NEVER
_FIRST_ROWS = 16
_FIRST_REPORTS = 256
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


class OrderCore(OnBook["OrderEventColumns"]):
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
    """

    _at: ClassVar[Any] = at
    _count = at.OWN_COUNT
    _in_force = at.IN_FORCE
    _resolution = "orders"
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
        super().__init__(sessions, feed_latency_ns_max)
        self.book = OrderBook()
        self._state: Array = np.zeros(at.STATE_WIDTH, np.int64)
        self._own: Array = np.zeros(_FIRST_ROWS * at.OWN_WIDTH, np.int64)
        self._commands: Array = np.zeros(_FIRST_ROWS * at.COMMAND_WIDTH, np.int64)
        self._out: Array = np.zeros(_FIRST_REPORTS * at.OUT_WIDTH, np.int64)
        self._view = memoryview(self._state.data)
        for place, value in (
            (at.LAG, feed_latency_ns_max),
            (at.LATEST, -_NEVER),
            (at.OBEYED, -_NEVER),
        ):
            self._view[place] = value
        self._begin(profile, position_lots, start_ns)

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

    def data_breaks(self, instrument: str) -> tuple[dict[str, int], tuple[DataBreak, ...]]:
        """Return how many rows broke with the book, by kind, and the first of them."""
        found = [
            book_break(
                instrument,
                _BREAK_NAMES[BreakKind(each.kind)],
                self._resolution,
                _BREAK_FIELDS[BreakKind(each.kind)],
                each.venue_time_ns,
                (each.limit, each.value),
            )
            for each in self.book.breaks[:BREAKS_KEPT]
        ]
        counts = {_BREAK_NAMES[kind]: count for kind, count in self.book.break_counts.items()}
        return self._resets.added_to(counts, found, instrument, self._resolution)

    # -- inside -------------------------------------------------------------------------------

    @property
    def _desk(self) -> tuple[Array, Array, Array, Array]:
        return self._state, self._own, self._commands, self._out

    def _new_order(self) -> Array:
        base = self._view[at.OWN_COUNT] * at.OWN_WIDTH
        if base == len(self._own):
            self._own = np.concatenate((self._own, np.zeros_like(self._own)))
        self._view[at.OWN_COUNT] += 1
        return self._own[base : base + at.OWN_WIDTH]

    def _send(
        self,
        kind: int,
        number: int,
        time_ns: int,
        response_ns: int,
        terms: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self._room_for_commands(1)
        # An order expires after the last time at which it may fill.
        known_ns = time_ns + (kind == at.EXPIRE_COMMAND) + response_ns
        send_command(*self._desk, time_ns, kind, number, known_ns, response_ns, *terms)
        self._look_again()

    def _pass_rows(self, count: int) -> None:
        self.book.book[book_at.ROWS_BEFORE] += count

    def _read(self, chunk: OrderEventColumns) -> Columns:
        columns = event_columns(chunk)
        self.book.check(chunk.instrument, columns)
        self._resets.look(
            chunk.venue_time_ns, chunk.action == book_at.CLEAR, chunk.action == book_at.ADD
        )
        return columns

    def _scan(self, until_ns: int) -> int:
        scan: Callable[..., int] = scan_orders
        return scan(self._state, self.book.book, *self._columns[:5], until_ns, _AHEAD_ROWS)

    def _act(self, until_ns: int) -> int:
        step: Callable[..., int] = commit_orders
        return step(*self._desk, *self.book.arrays, *self._columns, until_ns)

    def _obey(self, until_ns: int) -> int:
        return obey_due(*self._desk, *self.book.arrays, until_ns)

    def _note_bounds(self) -> None:
        note_bounds(*self._desk)

    def _out_cells(self, count: int) -> list[int]:
        cells: list[int] = self._out[:count].tolist()
        return cells

    def _are_prints(self, chunk: OrderEventColumns) -> NDArray[np.bool_]:
        return chunk.action == book_at.TRADE

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
