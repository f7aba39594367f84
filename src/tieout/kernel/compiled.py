"""Compiled strategies on batches of rows: the kernel's loop, in compiled code, for what is plain.

    batch ──▶ may it be compiled? ──no──▶ the loop, row by row
                 │ yes
                 ▼
              run ──▶ a reason to stop ──▶ more rows, a block for the journal, a refusal in words …
                 ▲                             │
                 └─────────────────────────────┘

The strategy's function, the matching core, the rules and the records are the same either way, so a
run is the same run. What is not plain (a timer, a wish the gate refuses, an order that has to be
composed) is left to the loop, from the row on where it came up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

from tieout.kernel.borrowing import Borrower
from tieout.kernel.stale import none_is_stale
from tieout.market import MatchingCore
from tieout.market.running import RunningRows, Stop
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Venue
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.strategy.compiled import CompiledStrategy

__all__ = ["CompiledLane", "Lane"]

_PIECE_ROWS = 16_384
"""Rows that are chained and run at a time: they stay in the cache in between."""


class Lane(Borrower, ABC):
    """What runs batches of one compiled strategy, as long as nothing needs more than numbers.

    Args:
        kernel: Whose run it is.
        strategy: The strategy.
    """

    def __init__(self, kernel: Kernel, strategy: CompiledStrategy) -> None:
        super().__init__(kernel)
        self._strategy = strategy
        self._off = False

    def finish(self, until_ns: int) -> None:
        """Run on to the end of the run, where nothing but time comes any more."""

    @abstractmethod
    def takes(self, columns: MarketColumns | RecordedColumns) -> bool:
        """Whether rows of this kind may be what the strategy is run over."""

    @abstractmethod
    def take(self, columns: Any, venue: Venue) -> int:  # noqa: ANN401 - rows of its own kind
        """Run over rows from the first on; return how many of them are done.

        Fewer than there are: the loop takes the next one, for what is not plain about it.
        """

    def _know(self, handle: int, identity: str) -> None:
        self._strategy.know(handle, identity)


class CompiledLane(Lane):
    """Runs batches of a strategy that is asked on bars or trades."""

    def __init__(self, kernel: Kernel, strategy: CompiledStrategy) -> None:
        super().__init__(kernel, strategy)
        self._reason = 0

    def takes(self, columns: MarketColumns | RecordedColumns) -> bool:
        """Whether these are trades or bars."""
        return isinstance(columns, TradeColumns | BarColumns)

    def take(self, columns: MarketColumns, venue: Venue) -> int:
        """Run over rows from the first on; return how many of them are done."""
        if self._off or not self._is_plain(columns):
            self.leave()
            return 0
        if self._running is None and not self._borrow(columns, venue):
            return 0
        running = cast("RunningRows", self._running)
        running.show(columns)
        rows, done = len(columns), 0
        seen = self._kernel.seen
        while done < rows:
            stop = min(done + _PIECE_ROWS, rows)
            # Chained first: that reads whole columns, and the run finds them in the cache.
            chained = seen.mark()
            seen.extend(columns, done, stop)
            if not self._piece(running, columns, stop):
                seen.back_to(chained)
                return self._hand_over(running, columns, done)
            done = stop
        self._kernel.rows_passed(columns, rows)
        return rows

    # -- going on ------------------------------------------------------------------------------

    def _piece(self, running: RunningRows, columns: MarketColumns, stop: int) -> bool:
        """Run until a row; return whether it came so far."""
        while True:
            reason = running.go_on(stop)
            if reason == Stop.ROWS_DONE:
                return True
            if not self._helped(running, reason, columns.arrival_time_ns):
                self._reason = reason
                return False

    def _hand_over(self, running: RunningRows, columns: MarketColumns, chained: int) -> int:
        """Let the kernel do what is not plain, and return how many rows are done.

        `chained` rows have been chained.
        """
        kernel, strategy, reason = self._kernel, self._strategy, self._reason
        entry = strategy.entry(kernel.instruments[columns.instrument])
        row = entry.row if reason == Stop.STEP_FAILED else running.row
        kernel.seen.extend(columns, chained, row)
        kernel.rows_passed(columns, row)
        self.leave()
        if reason == Stop.MARGIN_SPENT:
            # Money beyond what int64 holds: big numbers are the loop's matter from here on.
            self._off = True
        elif reason == Stop.STEP_FAILED:
            kernel.on_row(columns, row, entry.fail)
            row += 1
        else:
            kernel.on_row(columns, row, lambda: strategy.wish(kernel.context, columns.instrument))
            row += 1
        return row

    def _is_plain(self, columns: MarketColumns) -> bool:
        """Whether these rows go to the compiled function, and nobody else is to be asked."""
        kernel = self._kernel
        if not self._may_begin() or kernel.timers.next_due_ns is not None:
            return False
        asked = kernel.subscriptions
        if asked.count != 1:
            return False
        if type(columns) is TradeColumns:
            return columns.instrument in asked.trades
        bars: BarColumns = columns  # type: ignore[assignment]
        wanted = asked.of(bars)
        if wanted is None or wanted.indicators or bars.running:
            return False
        # The price of a wish is the row's own there.
        return none_is_stale(bars, kernel.moment.closes)

    def _borrow(self, columns: MarketColumns, venue: Venue) -> bool:
        """Take the venue's market for a run, when it can be lent and all can be said in numbers."""
        if not self._is_lent(venue, columns.instrument):
            return False
        step = self._strategy.entry(self._kernel.instruments[columns.instrument])
        wanted = "step_trade" if type(columns) is TradeColumns else "step_bar"
        if step.question != wanted:
            return False
        if type(self._lent.core) is not MatchingCore:
            return False
        terms = self._terms(self._lent)
        begun = self._begin(self._stream_of(columns))
        self._running = RunningRows(step, self._lent.core, terms, **begun)
        return True
