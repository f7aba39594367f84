"""Compiled strategies that a timer asks and that see a book: the kernel's loop in compiled code.

    rows of the book ──▶ are they the core's own? ──no──▶ the loop
                              │ yes
                              ▼
              a piece of rows: every time that is due by its last packet ──▶ run

A book is not applied twice: the strategy is shown that of the matching core, which has met exactly
the rows that have arrived. That is only so where both were given the same rows, and packets arrive
whole; both are looked at, row by row, before anything is run.

Rows are counted from where a run began: a *place* is how many came before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from tieout.errors import DataError
from tieout.kernel.compiled import Lane
from tieout.market.running import Stop
from tieout.model.columns import BookColumns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Venue
    from tieout.market.book_matching import BookCore
    from tieout.market.running_book import RunningTimer
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.strategy.compiled import CompiledStrategy

__all__ = ["TimedLane"]

_PIECE_ROWS = 65_536
"""Rows that are run over and chained at a time: they stay in the cache in between."""

_TAIL_ROWS = 256
_NEVER = 1 << 62
_MISMATCHES_MAX = 8
"""How often the two books may differ before it is taken that they always will."""

_COLUMNS = ("venue_time_ns", "arrival_time_ns", "kind", "side", "price_ticks", "lots", "last")


class TimedLane(Lane):
    """Runs batches of a book for a strategy that one repeating timer asks."""

    def __init__(self, kernel: Kernel, strategy: CompiledStrategy) -> None:
        super().__init__(kernel, strategy)
        self._rests_only = True
        self._parts: list[tuple[int, BookColumns]] = []
        """Rows that were given, with their places; those that all are done with are dropped."""
        self._given = 0
        self._whole = 0
        self._passed = 0
        self._chunk_at = 0
        self._mismatches = 0
        self._next_rows: BookColumns | None = None

    def takes(self, columns: MarketColumns | RecordedColumns) -> bool:
        """Whether these are rows of a book."""
        return isinstance(columns, BookColumns)

    def take(self, columns: BookColumns, venue: Venue) -> int:
        """Run over rows from the first on; return how many of them are done."""
        timer = self._kernel.timers.only
        if self._off or timer is None or not self._is_plain(columns):
            self.leave()
            return 0
        if self._running is None and not self._borrow(columns, venue, timer[0]):
            return 0
        begin = self._given
        self._parts.append((begin, columns))
        self._given += len(columns)
        if not self._same_rows(begin):
            self._off = True
            return self._hand_over(begin)
        return self._run_over(columns, begin, timer)

    def finish(self, until_ns: int) -> None:
        """Ask at every time until the end of the run, and take what is known by then."""
        timer = self._kernel.timers.only
        running = cast("RunningTimer | None", self._running)
        if running is None or timer is None or self._given > self._whole:
            return
        _, due_ns, interval_ns = timer
        running.ask(due_ns=due_ns, interval_ns=interval_ns, until_ns=until_ns, reach_ns=until_ns)
        reason = self._piece(running)
        if running.due_ns != due_ns:
            self._kernel.timer_ran(running.due_ns - interval_ns, next_ns=running.due_ns)
        if reason != Stop.ROWS_DONE:
            self._stopped(self._given, reason, until_ns)

    def leave(self) -> None:
        """Give the market back, and the book to those who look at it."""
        if self._running is None:
            return
        instrument = self._stream[0]
        running = cast("RunningTimer", self._running)
        core = self._core
        at = self._chunk_at + core.cursor
        books = self._kernel.books
        books.view(instrument).become(
            core.book_now(instrument), running.known, core.last_print_ticks
        )
        for rows in self._between(at, self._whole):
            books.view(instrument).before(rows)
        for rows in self._between(max(at, self._whole), self._given):
            books.put_back(rows)
        self._parts.clear()
        super().leave()

    # -- going on ------------------------------------------------------------------------------

    def _run_over(self, columns: BookColumns, begin: int, timer: tuple[str, int, int]) -> int:
        """Ask at every time that is due by the last whole packet; return how many rows are done."""
        kernel, running = self._kernel, cast("RunningTimer", self._running)
        _, due_ns, interval_ns = timer
        rows, done = len(columns), 0
        while done < rows:
            stop = min(done + _PIECE_ROWS, rows)
            whole = _whole_rows(columns, done, stop)
            done = stop
            if whole is None:
                continue
            until_ns = int(columns.arrival_time_ns[whole - 1])
            first_ns = due_ns
            running.ask(
                due_ns=due_ns, interval_ns=interval_ns, until_ns=until_ns, reach_ns=until_ns - 1
            )
            reason = self._piece(running)
            due_ns = running.due_ns
            if due_ns != first_ns:
                kernel.timer_ran(due_ns - interval_ns, next_ns=due_ns)
            if reason != Stop.ROWS_DONE:
                return self._stopped(begin, reason, int(columns.arrival_time_ns[-1]))
            self._whole = begin + whole
            self._pass_to(self._whole)
        met = self._chunk_at + self._core.cursor
        self._parts = [
            each for each in self._parts if each[0] + len(each[1]) > min(met, self._whole)
        ]
        return rows

    def _piece(self, running: RunningTimer) -> int:
        """Run on through what only wants room; return `ROWS_DONE` or what else there is."""
        while True:
            reason = running.go_on()
            if reason == Stop.WANTS_ROWS:
                end = self._chunk_at + len(cast("BookColumns", self._core.chunk))
                more = self._lent.more(_NEVER)
                running.rows_given(more=more)
                if more:
                    self._chunk_at = end
                # A core that has fewer rows than the strategy was given has other ones.
                if not (self._same_rows(end) if more else end >= self._given):
                    self._off = True
                    return reason
            elif reason == Stop.WORDS_FULL:
                self._write(running)
            elif reason == Stop.NO_ROOM:
                running.make_room()
            elif reason == Stop.CORE_STOPPED:
                self._mend(running)
            elif reason == Stop.MARGIN_SPENT and self._spent != running.reported:
                self._spent = running.reported
                self._write(running)
            else:
                return reason

    def _mend(self, running: RunningTimer) -> None:
        """Let the core make room; what happened before a row that cannot be is written down."""
        try:
            self._core.mend(running.core_reason)
        except DataError:
            self._write(running)
            raise

    def _stopped(self, begin: int, reason: int, end_ns: int) -> int:
        """Let the kernel do what is not plain, and return how many rows are done.

        Where no row is left it was `end_ns` that woke the timer.
        """
        kernel, strategy = self._kernel, self._strategy
        instrument = self._stream[0]
        done = self._hand_over(begin)
        if reason == Stop.MARGIN_SPENT:
            # Money beyond what int64 holds: big numbers are the loop's matter from here on.
            self._off = True
        elif reason in (Stop.STEP_FAILED, Stop.WISHES_REFUSED):
            woke_at_ns = end_ns
            if self._next_rows is not None:
                woke_at_ns = int(self._next_rows.arrival_time_ns[0])
            entry = strategy.entry(kernel.instruments[instrument])

            def act() -> None:
                if reason == Stop.STEP_FAILED:
                    entry.fail()
                strategy.wish(kernel.context, instrument)

            kernel.on_timer(woke_at_ns, act)
        return done

    def _hand_over(self, begin: int) -> int:
        """Leave with all that the core has met passed; return how many rows since `begin` it is."""
        met = max(self._packet_start(self._chunk_at + self._core.cursor), self._passed)
        self._next_rows = next(self._between(met, self._given), None)
        self._whole = met
        self._pass_to(met)
        # What waits of this batch comes again; of those before only the loop's rest can be it.
        self._parts = [
            (place, rows.rows(0, begin - place)) for place, rows in self._parts if place < begin
        ]
        self._given = begin
        self.leave()
        return max(0, met - begin)

    def _packet_start(self, place: int) -> int:
        """Return where the packet that a place lies in begins; a place between two is one."""
        for rows in reversed(list(self._between(0, place))):
            ends = np.flatnonzero(rows.last)
            if len(ends):
                return place - (len(rows) - 1 - int(ends[-1]))
            place -= len(rows)
        return place

    def _pass_to(self, place: int) -> None:
        """Chain rows up to a place: the strategy could have seen them."""
        for rows in self._between(self._passed, place):
            self._kernel.book_rows_passed(rows)
        self._passed = max(self._passed, place)

    def _between(self, start: int, stop: int) -> Iterator[BookColumns]:
        """Yield the rows from one place to another."""
        for place, rows in self._parts:
            first, last = max(start - place, 0), min(stop - place, len(rows))
            if first < last:
                yield rows.rows(first, last)

    # -- whether it may be ---------------------------------------------------------------------

    @property
    def _core(self) -> BookCore:
        return cast("BookCore", self._lent.core)

    def _is_plain(self, columns: BookColumns) -> bool:
        """Whether only the book of these rows was asked for, and its packets arrive whole."""
        asked = self._kernel.subscriptions
        streams = (asked.bars, asked.trades, asked.made, asked.quotes)
        if any(streams) or asked.books != {columns.instrument} or not self._may_begin():
            return False
        arrivals = columns.arrival_time_ns
        cut = bool(self._given > self._whole) and self._running is not None
        if cut and arrivals[0] != self._parts[-1][1].arrival_time_ns[-1]:
            return False
        together = (arrivals[1:] == arrivals[:-1]) | columns.last[:-1]
        # A row that arrives before it was true would be met before an order that it comes after.
        return bool(together.all()) and bool((arrivals >= columns.venue_time_ns).all())

    def _borrow(self, columns: BookColumns, venue: Venue, timer: str) -> bool:
        """Take the venue's market for a run, when its book is the one that the strategy knows."""
        # The book's core compiles for a quarter of a minute, and few need it.
        from tieout.market.book_matching import BookCore  # noqa: PLC0415 - see above
        from tieout.market.running_book import RunningTimer  # noqa: PLC0415 - see above

        kernel, instrument = self._kernel, columns.instrument
        view = kernel.books.view(instrument)
        if kernel.books.has_rest(instrument) or not self._is_lent(venue, instrument):
            return False
        step = self._strategy.entry(kernel.instruments[instrument])
        core = self._lent.core
        if not isinstance(core, BookCore):
            self._off = True
            return False
        if core.chunk is None and not self._lent.more(_NEVER):
            return False
        terms = self._terms(self._lent)
        begun = self._begin((instrument, f"timer:{timer}", False))
        running = RunningTimer(step, core, terms, **begun)
        self._running = running
        running.known = view.venue_time_ns, view.arrival_time_ns
        self._parts = []
        self._given = self._whole = self._passed = 0
        # The core meets what arrived before these rows; nothing of ours is there to be met.
        reach_ns = int(columns.arrival_time_ns[0]) - 1
        running.ask(due_ns=_NEVER, interval_ns=0, until_ns=-_NEVER, reach_ns=reach_ns)
        self._chunk_at = -_NEVER
        while (reason := running.go_on()) != Stop.ROWS_DONE:
            if reason == Stop.WANTS_ROWS:
                running.rows_given(more=self._lent.more(_NEVER))
            elif reason == Stop.NO_ROOM:
                running.make_room()
            else:
                self._mend(running)
        self._chunk_at = -core.cursor
        if view.is_like(core.book_now(instrument), core.last_print_ticks) and (
            kernel.moment.prices.get(instrument) in (None, core.last_print_ticks)
        ):
            return True
        super().leave()
        self._mismatches += 1
        self._off = self._mismatches > _MISMATCHES_MAX
        return False

    def _same_rows(self, start: int) -> bool:
        """Whether the core's rows are those that the strategy was given, from a place on."""
        chunk = cast("BookColumns", self._core.chunk)
        end = self._chunk_at + len(chunk)
        for place, rows in self._parts:
            first, last = max(start, place, self._chunk_at), min(place + len(rows), end)
            if first < last and not _are_same(
                rows.rows(first - place, last - place),
                chunk.rows(first - self._chunk_at, last - self._chunk_at),
            ):
                return False
        return True


def _are_same(one: BookColumns, other: BookColumns) -> bool:
    """Whether rows are equal; those that lie at the same place in memory need no look."""
    for name in _COLUMNS:
        mine, theirs = getattr(one, name), getattr(other, name)
        same_place = mine.ctypes.data == theirs.ctypes.data and mine.strides == theirs.strides
        if not same_place and not np.array_equal(mine, theirs):
            return False
    return True


def _whole_rows(columns: BookColumns, start: int, stop: int) -> int | None:
    """Return the row after the last one of a range that leaves the book whole, or None."""
    for first in (max(start, stop - _TAIL_ROWS), start):
        ends = np.flatnonzero(columns.last[first:stop])
        if len(ends):
            return first + int(ends[-1]) + 1
    return None
