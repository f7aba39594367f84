"""Plain orders of strategies in Python: through gate, matching and account in compiled code.

    rows ──▶ strategy, in Python ──▶ orders at the market ──▶ compiled run ──▶ next row to be asked
                   ▲                                                              │
                   └──────────────────────────────────────────────────────────────┘

Most orders of most strategies are plain ones at the market that are over before the next bar. They
are brought through their lives by what does so for compiled strategies, a tenth of the work of
handing each of their records around; the records, the money and the order of all that happens are
the same. Where anything is not plain (another kind of order, one that is still open when the
strategy is asked, a timer, a strategy that listens to fills), the loop goes on by itself from that
row on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tieout.kernel.borrowing import Borrower
from tieout.kernel.ports import LendingVenue
from tieout.kernel.stale import none_is_stale
from tieout.market import MatchingCore
from tieout.market.asking import AskingEntry
from tieout.market.running import RunningRows, Stop
from tieout.model.columns import BarColumns
from tieout.model.orders import OrderType, PlaceOrder, TimeInForce
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tieout.kernel.desk import Wish
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Venue
    from tieout.model.columns import MarketColumns, RecordedColumns

__all__ = ["Shortcut", "shortcut_of"]

_MARKET = int(OrderType.MARKET)
_GOOD_TILL_CANCEL = int(TimeInForce.GOOD_TILL_CANCEL)
_WORTH_IT = 16
"""Orders that have to go this way before it ends, for it to be tried again on the next rows."""
_PASSED_MAX = 1 << 10
"""Most chunks that are passed by before it is tried again."""
_NEVER_AGAIN = 1 << 62


class Shortcut(Borrower):
    """Takes the orders of one strategy in Python from the loop, as long as they are plain."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        self._entry = AskingEntry()
        self._rows = 0
        self._arrivals: NDArray[np.int64]
        self._next = 0
        self._stop = 0
        self._refused = False
        self._taken = 0
        self._pass_by = 0
        self._passes = 1

    def begin(self, columns: MarketColumns | RecordedColumns, venue: Venue) -> bool:
        """Take rows that the strategy is to be asked on; return whether it is so.

        Args:
            columns: The loop asks the strategy row by row, up to where `stop_after` says.
            venue: Lends its market.
        """
        if self._running is None and self._pass_by:
            self._pass_by -= 1
            return False
        if not self._is_plain(columns):
            self.leave()
            return False
        bars = cast("BarColumns", columns)
        if self._running is None and not self._borrow(bars, venue):
            self._give_up()
            return False
        running = cast("RunningRows", self._running)
        running.show(bars)
        self._rows = len(bars)
        self._arrivals = bars.arrival_time_ns
        return self._go_on(running)

    def stop_after(self, row: int) -> int:
        """Return the row before which something may have to be told; 0: the loop goes on.

        Args:
            row: The strategy is to be asked on it next.
        """
        running = cast("RunningRows | None", self._running)
        if running is not None and row != self._next:
            running.asked(row - 1, wishes=False)
            self._go_on(running)
        return 0 if self._running is None else self._stop

    def decide(self, wishes: Sequence[Wish], row: int) -> bool:
        """Decide what was wished on a row, where that is plain; return whether it was.

        If it was not, the market is the venue's again and the wishes are the loop's matter.
        """
        running = cast("RunningRows | None", self._running)
        if running is None:
            return False
        lots = [_market_lots(each) for each in wishes]
        if not all(lots) or not self._entry.wish(lots):
            self._give_up()
            return False
        running.asked(row, wishes=True)
        self._taken += len(lots)
        self._go_on(running)
        if not self._refused:
            return True
        self._entry.withdraw()
        return False

    # -- going on ------------------------------------------------------------------------------

    def _go_on(self, running: RunningRows) -> bool:
        """Run to where the strategy is to be asked, or to the end of the rows; False: it is off."""
        while True:
            reason = running.go_on(self._rows)
            if running.moved:
                self._book(running)
            if reason in (Stop.STEP_FAILED, Stop.ROWS_DONE):
                break
            if not self._helped(running, reason, self._arrivals):
                self._refused = running.pending
                self._give_up()
                return False
        self._refused = False
        quiet = running.quiet
        if reason == Stop.STEP_FAILED and not quiet:
            # It may ask for its open orders: those are the loop's matter.
            self._give_up()
            return False
        self._defer().none_open = quiet
        self._next, self._stop = running.row, self._entry.stop
        if reason == Stop.ROWS_DONE:
            self._next = self._stop = self._rows
        return True

    def _give_up(self) -> None:
        """Let the loop go on; the less came of it, the longer it is not tried again."""
        self.leave()
        self._passes = 1 if self._taken >= _WORTH_IT else min(2 * self._passes, _PASSED_MAX)
        self._pass_by, self._taken = self._passes, 0

    # -- whether it may be ---------------------------------------------------------------------

    def _is_plain(self, columns: MarketColumns | RecordedColumns) -> bool:
        kernel = self._kernel
        if not isinstance(columns, BarColumns) or columns.running or not self._may_begin():
            return False
        if kernel.timers.next_due_ns is not None:
            return False
        asked = kernel.subscriptions
        if asked.count != 1 or asked.of(columns) is None:
            return False
        # The price of an order is the row's own there.
        return none_is_stale(columns, kernel.moment.closes)

    def _borrow(self, columns: BarColumns, venue: Venue) -> bool:
        if not self._is_lent(venue, columns.instrument):
            if not isinstance(venue, LendingVenue):
                self._passes = _NEVER_AGAIN
            return False
        core = self._lent.core
        if type(core) is not MatchingCore:
            self._passes = _NEVER_AGAIN
            return False
        begun = self._begin(self._stream_of(columns))
        self._running = RunningRows(self._entry, core, self._terms(self._lent), **begun)
        return True


def shortcut_of(kernel: Kernel, strategy: Strategy) -> Shortcut | None:
    """Return what a strategy's orders may go through, or None when it is told of them."""
    made = type(strategy)
    listens = made.on_fill is not Strategy.on_fill or made.on_order is not Strategy.on_order
    # A run has one set of rules, and one answer to who may be traded.
    changes = kernel.reference.dated or kernel.reference.universes
    return None if listens or changes or len(kernel.instruments) != 1 else Shortcut(kernel)


def _market_lots(wish: Wish) -> int:
    """Return the signed lots of a plain order at the market; 0 where it is something else."""
    if type(wish) is not PlaceOrder or wish.order_type != _MARKET:
        return 0
    plain = (
        wish.time_in_force == _GOOD_TILL_CANCEL
        and not wish.reduce_only
        and not wish.post_only
        and wish.display_lots is None
    )
    return wish.lots * wish.side if plain else 0
