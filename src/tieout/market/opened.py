"""The matching core of a market that is only partly looked into: it is given what was opened.

What lies between is passed over: it leaves behind the last price and the statistics that its
prints would have left, and nothing else, since it touches no order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.market import _layout as at
from tieout.market._bars_compiled import leave_bars, scan_bars
from tieout.market._crossing_compiled import act_on_bars
from tieout.market._drilldown_compiled import (
    begin_minute,
    forget_statistics,
    pass_bars,
    price_taken,
)
from tieout.market._trades_compiled import leave_trades
from tieout.market.bounds import BarSeen
from tieout.market.matching import MatchingCore
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.market.acting import OrderLeft
    from tieout.market.finer import Frame
    from tieout.market.reports import CoreReport
    from tieout.model.columns import MarketColumns
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = ["OpenedCore"]

_AHEAD_ROWS: Final = 4096
_MINUTE_NS: Final = at.MINUTE
_NO_ROWS: Final = np.zeros(0, np.int64)
_TRADE_COLUMNS: Final = 4
_BAR_COLUMNS: Final = 8


class OpenedCore(MatchingCore):
    """Matches on rows that need not follow each other.

    Args:
        profile: Every assumption.
        position_lots: Signed lots at the start.
        start_ns: As in `MatchingCore`.
        sessions: Pairs [open, close) of venue times; empty: always open.
        models: The user's own models by kind.
        by_prints: Whether the finest rows are prints: then cancels are answered without waiting
            for a row, and statistics are of minutes; else of the finest bars.

    Attributes:
        expects_rows: Whether it is known that there are rows: before, no command is answered.
        is_assuming: Whether the bar given last is one that should have been opened.
        stale: Whether statistics must be gathered anew before the next row acts.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        *,
        position_lots: int,
        start_ns: int,
        sessions: Sequence[tuple[int, int]],
        models: Mapping[str, object],
        by_prints: bool,
    ) -> None:
        super().__init__(
            profile,
            position_lots=position_lots,
            start_ns=start_ns,
            sessions=sessions,
            models=models,
        )
        self._by_prints = by_prints
        self._scan_state = np.zeros_like(self._state)
        asks = self._impact_y > 0 or "slippage" in models
        self._keeps = bool(self._state[at.STATISTICS]) and asks
        self._least_lots = 1 if "slippage" in models else 0
        self._given_until_ns = -at.NEVER
        self.expects_rows = False
        self.is_assuming = False
        self.stale = False

    # -- what the orders are, and what they wait for ------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether nothing that could happen in the market would concern us."""
        view = self._view
        funded = view[at.FUNDING_INTERVAL] and view[at.POSITION]
        return not (view[at.ORDER_COUNT] or view[at.COMMAND_COUNT] or funded)

    @property
    def must_see_all(self) -> bool:
        """Whether every row matters: the last print before a close, or how old a bar's price is."""
        if not self._by_prints and self._view[at.STALE_AFTER] != at.NEVER:
            return True
        if not self._at_close:
            return False
        count = self._view[at.ORDER_COUNT]
        phases = self._orders[at.PHASE :: at.ORDER_WIDTH][:count]
        return bool((phases == at.CLOSE_PHASE).any())

    @property
    def due_ns(self) -> int:
        """When the next expiry is known without a row."""
        return self._due_ns

    @property
    def quiet_before_ns(self) -> int:
        """Arrival of the first row given that touches, or was not looked at yet."""
        return self._watch_ns

    @property
    def given_until_ns(self) -> int:
        """Arrival of the last row given."""
        return self._given_until_ns

    @property
    def meets_prints(self) -> bool:
        """Whether the rows given last are prints."""
        return self._is_trades

    @property
    def has_commands(self) -> bool:
        """Whether a command is on its way."""
        return self._view[at.COMMAND_COUNT] > 0

    def pending(self) -> list[tuple[int, int]]:
        """Return (venue time, response) of the commands on their way and the expiries to come."""
        commands = self._commands_now()[:, [at.COMMAND_TIME, at.COMMAND_ANSWER]].tolist()
        orders = self._orders_now()[:, [at.EXPIRES, at.ANSWER]].tolist()
        return [(time, answer) for time, answer in [*commands, *orders] if time != at.NEVER]

    def disturbed_in(self, after_ns: int, until_ns: int) -> dict[int, int]:
        """Return the orders with a command inside of a time, and the most lots it may give them."""
        wanted = (at.COMMAND_TIME, at.COMMAND_ORDER, at.COMMAND_KIND, at.COMMAND_LOTS)
        found: dict[int, int] = {}
        for time, number, kind, lots in self._commands_now()[:, wanted].tolist():
            if kind != at.ARRIVE_COMMAND and after_ns < time <= until_ns:
                amended = at.NEVER if kind == at.AMEND_COMMAND and not lots else lots
                found[number] = max(found.get(number, 0), amended)
        return found

    def order_rows(self) -> list[list[int]]:
        """Return the open orders as they stand."""
        rows: list[list[int]] = self._orders_now().tolist()
        return rows

    def price_taken(self, side: int, reference: int, lots: int) -> int:
        """Return what a taker pays now; 0 lots: without impact, or what one costs by a model."""
        lots = max(lots, self._least_lots)
        paid: int = price_taken(self._state, self._ring, self._impact_y, side, reference, lots)
        return paid

    @property
    def gives_all(self) -> bool:
        """Whether an order that is reached may fill whole, without a share or a model of it."""
        return not (self._view[at.SHARE_DENOMINATOR] or self._view[at.LOTS_MODEL])

    def first_touch(self, frame: Frame, until_ns: int) -> tuple[int, bool]:
        """Return the first bar from the cursor on that may concern an order, and whether it may.

        Every bar that opens by `until_ns` is looked at. Where none may, the row is the first that
        was not looked at. Changes nothing.
        """
        state = self._scan_state
        state[:] = self._state
        state[at.CURSOR] = state[at.SCANNED] = frame.cursor
        state[at.PASSED] = -at.NEVER
        found = scan_bars(
            state,
            self._orders,
            self._commands,
            frame.close_time,
            frame.open_time,
            frame.high,
            frame.low,
            until_ns,
            _AHEAD_ROWS,
        )
        return int(state[at.SCANNED]), found == 1

    def bar_given(self) -> BarSeen:
        """Return the bar that was given last."""
        open_time, close_time, _, opening, high, low, closing, volume = self._columns
        columns = (open_time, close_time, opening, high, low, closing, volume)
        return BarSeen(*(int(each[0]) for each in columns))

    # -- rows ---------------------------------------------------------------------------------

    def split(
        self, ratio: Ratio, *, at_ns: int, known_ns: int
    ) -> tuple[list[OrderLeft], list[CoreReport]]:
        """Be as a split leaves it; see `MatchingCore.split`."""
        self.stale = self._keeps
        return super().split(ratio, at_ns=at_ns, known_ns=known_ns)

    @property
    def since_ns(self) -> int:
        """When the last split took effect; far in the past before any."""
        return self._scales.since_ns

    def carried(self, price_ticks: int, from_ns: int, until_ns: int) -> int:
        """Return a price as it is after what took effect from a time to another."""
        return self._scales.carried(price_ticks, from_ns, until_ns)

    def is_spanned(self, bars: BarColumns, row: int) -> bool:
        """Whether a split lies inside of a bar."""
        return self._is_spanned(bars, row)

    def give_prints(self, prints: TradeColumns) -> None:
        """Take the prints of a bar that was opened."""
        self.is_assuming = False
        self._given(prints)

    def give_bar(self, bar: BarColumns, *, assumed: bool) -> None:
        """Take one bar that its own rule decides."""
        self.is_assuming = assumed
        self._given(bar)
        if self._by_prints and self._keeps:
            begin_minute(self._state, self._ring, int(bar.open_time_ns[0]) // _MINUTE_NS)

    def pass_over(self, frame: Frame, stop: int, *, finest: bool) -> None:
        """Pass over the bars of a frame from its cursor up to a row."""
        first = frame.cursor
        if first == stop:
            return
        self._leave()
        columns = (frame.open_time, frame.close_time, frame.closing, frame.volume)
        if self._by_prints:
            keeps = self._keeps and frame.within_minutes
            pass_bars(self._state, self._ring, *columns, first, stop, int(keeps))
            self.stale = self.stale or (self._keeps and not keeps)
        else:
            close_time, closing, volume = (each[first:stop] for each in columns[1:])
            leave_bars(self._state, self._ring, close_time, closing, volume)
            arrival_ns = int(frame.bars.arrival_time_ns[stop - 1])
            self._view[at.KNOWN_TIME] = max(self._view[at.KNOWN_TIME], arrival_ns)
            self.stale = self.stale or (self._keeps and not finest)

    def pass_prints(self, prints: TradeColumns) -> None:
        """Pass over prints of which no bar tells."""
        self._leave()
        columns = (prints.venue_time_ns, prints.price_ticks, prints.quantity_lots)
        leave_trades(self._state, self._ring, *(np.ascontiguousarray(each) for each in columns))

    def gather(self, rows: MarketColumns) -> bool:
        """Take the statistics anew from the rows before now; say whether they fill the window."""
        self._leave()
        forget_statistics(self._state)
        if not len(rows):
            return False
        if isinstance(rows, TradeColumns):
            self.pass_prints(rows)
            return self._has_full_window
        close_time = np.ascontiguousarray(rows.close_time_ns)
        closing = np.ascontiguousarray(rows.close_ticks)
        volume = np.ascontiguousarray(rows.volume_lots)
        if self._by_prints:
            open_time = np.ascontiguousarray(rows.open_time_ns)
            times = (open_time, close_time)
            pass_bars(self._state, self._ring, *times, closing, volume, 0, len(rows), 1)
        else:
            leave_bars(self._state, self._ring, close_time, closing, volume)
        return self._has_full_window

    @property
    def _has_full_window(self) -> bool:
        return bool(self._view[at.STAT_COUNT] == at.WINDOW)

    def next_answer_ns(self) -> int | None:
        """Return when the next command or expiry is answered without a row, or None."""
        if not self._by_prints or not self.expects_rows:
            return None
        if not self.has_commands:
            due = self._view[at.NEXT_DUE]
            return None if due == at.NEVER else due
        return min(time + answer for time, answer in self.pending())

    def answer(self, until_ns: int) -> Sequence[CoreReport]:
        """Answer what is due without a later row, on what was seen so far; see `MatchingCore`."""
        if not self._is_trades:
            # What a bar did is known; prints it is not, and none follow it in the chunk.
            self._leave()
            self._columns = (_NO_ROWS,) * _TRADE_COLUMNS
        return super().answer(until_ns)

    # -- inside -------------------------------------------------------------------------------

    def _cut(self) -> MarketColumns | None:
        if not self.wants_rows:
            return super()._cut()
        # What was given is met; what was passed since is known in the state.
        self._leave()
        self._columns = tuple(each[:0] for each in self._columns)
        self._view[at.CURSOR] = self._view[at.SCANNED] = 0
        return None

    def _answer_at_close(self) -> Sequence[CoreReport]:
        """Answer a cancel that came by the close of a bar that is over; `answer` does of prints."""
        if self._by_prints:
            return ()
        if self.wants_rows:
            # They are over for good; what was passed since is known in the state.
            self._leave()
            self._columns = (_NO_ROWS,) * _BAR_COLUMNS
        return self._run(act_on_bars, -at.NEVER)

    @property
    def _due_ns(self) -> int:
        return self._view[at.NEXT_DUE] if self._by_prints and self.expects_rows else at.NEVER

    def _commands_now(self) -> Array:
        count = self._view[at.COMMAND_COUNT]
        return self._commands[: count * at.COMMAND_WIDTH].reshape(count, at.COMMAND_WIDTH)

    def _orders_now(self) -> Array:
        count = self._view[at.ORDER_COUNT]
        return self._orders[: count * at.ORDER_WIDTH].reshape(count, at.ORDER_WIDTH)

    def _assumed(self, reports: Sequence[Sequence[int]]) -> Collection[int]:
        if self.is_assuming:
            return set(range(len(reports)))
        return super()._assumed(reports)

    def _given(self, rows: MarketColumns) -> None:
        # A bar that was not opened arrives after its close, later than the next bar's first
        # prints; what became of an order in it must be known before they can matter.
        if rows.arrival_time_ns[0] < self._given_until_ns:
            arrivals = np.maximum(rows.arrival_time_ns, self._given_until_ns)
            rows = replace(rows, arrival_time_ns=arrivals)
        self._given_until_ns = int(rows.arrival_time_ns[-1])
        self.give(rows)

    def _leave(self) -> None:
        if self._chunk is None or not self._rows:
            return
        if self._is_trades or not self._by_prints:
            super()._leave()
        else:
            open_time, close_time, _, _, _, _, closing, volume = self._columns
            chunk = self._chunk
            assert isinstance(chunk, BarColumns), chunk
            keeps = self._keeps and _MINUTE_NS % chunk.interval_ns == 0
            columns = (open_time, close_time, closing, volume)
            pass_bars(self._state, self._ring, *columns, 0, 1, int(keeps))
            self.stale = self.stale or (self._keeps and not keeps)
        # Left for good: what passes next comes after it.
        self._rows = 0
