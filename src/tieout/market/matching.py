"""One instrument's matching core: allocates, checks, names; the compiled functions do the work.

The arrays are drawn in `_layout`. A core is given its market chunk by chunk, in order of arrival,
and commits rows up to an arrival time; `next_touch_ns` looks ahead without changing anything.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tieout.errors import DataError, SettingsError
from tieout.market import _layout as at
from tieout.market._bars_compiled import commit_bars, leave_bars, scan_bars
from tieout.market._orders_compiled import answer_cancels
from tieout.market._trades_compiled import commit_trades, leave_trades, scan_trades
from tieout.model.columns import TradeColumns
from tieout.model.profiles import FillLevel, FundingRule, LimitRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import BarColumns, MarketColumns
    from tieout.model.profiles import SimulationProfile

    Array = NDArray[np.int64]

__all__ = ["CoreReport", "MatchingCore", "ReportKind"]

_LEVELS = {
    FillLevel.NAIVE: at.NAIVE_LEVEL,
    FillLevel.FIXED: at.FIXED_LEVEL,
    FillLevel.IMPACT: at.IMPACT_LEVEL,
}
_CELL_BYTES = 8
_ORDER_ROW = Struct(f"={at.ORDER_WIDTH}q")
"""Writes a row of `orders` in one go, several times faster than assigning to a slice."""

_FIRST_ORDERS = 16
_FIRST_REPORTS = 64
_KEPT_CHUNKS = 4
_AHEAD_ROWS = 4096
"""How far a scan looks ahead at least, so that the next ones need not cross over."""


class ReportKind:
    """Kinds of `CoreReport`."""

    FILL = at.FILL_REPORT
    TRIGGER = at.TRIGGER_REPORT
    EXPIRY = at.EXPIRY_REPORT
    CANCEL = at.CANCEL_REPORT
    CANCEL_REFUSAL = at.CANCEL_REFUSAL
    FUNDING = at.FUNDING_REPORT


class CoreReport(msgspec.Struct, frozen=True, gc=False):
    """A row of `out`, in the order of its fields."""

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


class MatchingCore:
    """Matches our orders on one instrument's trades or bars.

    Args:
        profile: Every assumption.
        position_lots: Signed lots at the start; funding falls on them.

    Attributes:
        calm_before_ns: No row that arrives before this time, and no cancel, can cause a report.
    """

    def __init__(self, profile: SimulationProfile, *, position_lots: int = 0) -> None:
        self._state = np.zeros(at.STATE_WIDTH, np.int64)
        self._state[at.POSITION] = position_lots
        self._state[at.NEXT_FUNDING] = -1
        self._set_profile(profile)
        self._impact_y = float(profile.impact_y)
        self._orders = np.zeros(_FIRST_ORDERS * at.ORDER_WIDTH, np.int64)
        self._order_cells = self._orders.data
        self._cancels = np.zeros(_FIRST_ORDERS * at.CANCEL_WIDTH, np.int64)
        self._out = np.zeros(_FIRST_REPORTS * at.OUT_WIDTH, np.int64)
        self._ring = np.zeros(2 * at.WINDOW, np.int64)
        # A memoryview reads and writes single cells several times faster than an array.
        self._view = memoryview(self._state.data)
        self._chunk: MarketColumns | None = None
        self._rows = 0
        self._last_arrival_ns = -at.NEVER
        self._scan_columns: tuple[Array, ...] = ()
        self._commit_columns: tuple[Array, ...] = ()
        self._past: list[MarketColumns] = []
        self._is_trades = True
        # Rows that arrive before this time are quiet; at it one touches, or was not looked at. So
        # what was found is not asked for again until an order, a cancel or a commit changes it.
        self._watch_ns = -at.NEVER
        self._touches = False
        self._settled()

    # -- orders -------------------------------------------------------------------------------

    def place(
        self,
        number: int,
        *,
        arrival_ns: int,
        side: int,
        kind: int,
        lots: int,
        limit_ticks: int,
        stop_ticks: int,
        at_once: bool,
    ) -> None:
        """Let an order arrive.

        Args:
            number: Names it in reports; ascending.
            arrival_ns: Venue time at the matching engine, never before that of an earlier call.
            side: +1 or −1.
            kind: `OrderType` value.
            lots: Positive.
            limit_ticks: 0 where there is none.
            stop_ticks: 0 where there is none.
            at_once: Whether it lives for one eligible event.
        """
        view = self._view
        count = view[at.ORDER_COUNT]
        base = count * at.ORDER_WIDTH
        if base == len(self._orders):
            self._orders = np.concatenate((self._orders, np.zeros_like(self._orders)))
            self._order_cells = self._orders.data
        _ORDER_ROW.pack_into(
            self._order_cells,
            base * _CELL_BYTES,
            *(number, arrival_ns, arrival_ns, side, at.WAITING, kind, at_once, lots),
            *(limit_ticks, stop_ticks, 0, 0),
        )
        view[at.ORDER_COUNT] = count + 1
        self._unsettled()

    def cancel(self, number: int, *, arrival_ns: int) -> None:
        """Let a cancel arrive; it acts after every market event up to then."""
        view = self._view
        count = view[at.CANCEL_COUNT]
        base = count * at.CANCEL_WIDTH
        if base == len(self._cancels):
            self._cancels = np.concatenate((self._cancels, np.zeros_like(self._cancels)))
        view[at.SEQUENCE] += 1
        self._cancels[base : base + at.CANCEL_WIDTH] = (arrival_ns, number, view[at.SEQUENCE])
        view[at.CANCEL_COUNT] = count + 1
        self._unsettled()

    @property
    def _meets_trades(self) -> bool:
        return self._chunk is not None and self._is_trades

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""
        return self._view[at.POSITION]

    @property
    def ambiguous_bars(self) -> int:
        """Bars that could have filled both a stop and a limit."""
        return self._view[at.AMBIGUOUS]

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""
        return self._view[at.CURSOR] >= self._rows

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""
        return None if self._chunk is None else self._last_arrival_ns

    def give(self, chunk: MarketColumns) -> None:
        """Take the next rows; those given before are all committed.

        Raises:
            DataError: A price lies outside of what can be computed exactly.
        """
        assert self.wants_rows, "rows of the chunk before are not committed yet"
        self._leave()
        self._chunk = chunk
        self._rows = len(chunk)
        self._watch_ns = -at.NEVER
        self._last_arrival_ns = int(chunk.arrival_time_ns[-1])
        self._past.append(chunk)
        del self._past[:-_KEPT_CHUNKS]
        if isinstance(chunk, TradeColumns):
            self._give_trades(chunk)
        else:
            self._give_bars(chunk)

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return the arrival of the first row that may cause a report, if it is due by then."""
        if until_ns < self._watch_ns or self._chunk is None:
            return None
        if not self._touches:
            scan: Callable[..., int] = scan_trades if self._is_trades else scan_bars
            found = scan(
                self._state,
                self._orders,
                self._cancels,
                *self._scan_columns,
                until_ns,
                _AHEAD_ROWS,
            )
            self._touches = found == 1
            row = min(self._view[at.SCANNED], self._rows - 1)
            self._watch_ns = int(self._chunk.arrival_time_ns[row])
            if not self._view[at.CANCEL_COUNT]:
                self.calm_before_ns = self._watch_ns
        return self._watch_ns if self._touches and self._watch_ns <= until_ns else None

    def passes(self, until_ns: int) -> bool:
        """Pass over the rows that arrive by then when they are known to be quiet; say whether.

        Where they are not, `commit` and `answer_cancels` must be called.
        """
        if until_ns >= self._watch_ns or self._view[at.CANCEL_COUNT]:
            return False
        self._view[at.PASSED] = until_ns
        return True

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let every given row that arrived by then act, and return what came about.

        Raises:
            DataError: A price is too high for exact arithmetic.
        """
        if self._chunk is None:
            return []
        commit: Callable[..., int] = commit_trades if self._is_trades else commit_bars
        found: list[CoreReport] = []
        while True:
            reason = commit(
                self._state,
                self._orders,
                self._cancels,
                self._out,
                self._ring,
                self._impact_y,
                *self._commit_columns,
                until_ns,
            )
            found += self._drain()
            if reason == at.COMMITTED:
                break
            self._mend(reason)
        self._settled()
        return found

    def answer_cancels(self, until_ns: int) -> Sequence[CoreReport]:
        """Answer the cancels whose answers are due by then, when no later row did.

        Only on trades: what a bar still to come did to the order is not known before it arrives.
        """
        if not self._view[at.CANCEL_COUNT] or not self._meets_trades:
            return ()
        self._room(self._view[at.CANCEL_COUNT])
        answer_cancels(self._state, self._orders, self._cancels, self._out, until_ns)
        self._settled()
        return self._drain()

    def next_cancel_ns(self) -> int | None:
        """Return when the oldest cancel on its way is answered without a row, or None."""
        if not self._view[at.CANCEL_COUNT] or not self._meets_trades:
            return None
        return int(self._cancels[at.CANCEL_TIME]) + self._view[at.RESPONSE]

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last print at or before a venue time.

        For bars it is the last close by then, or the open of the bar that the time lies in.
        Only the last few chunks are remembered; before them, and before any data, None.
        """
        for chunk in reversed(self._past):
            if isinstance(chunk, TradeColumns):
                row = int(np.searchsorted(chunk.venue_time_ns, venue_time_ns, "right")) - 1
                if row >= 0:
                    return int(chunk.price_ticks[row])
                continue
            row = int(np.searchsorted(chunk.open_time_ns, venue_time_ns, "right")) - 1
            if row >= 0:
                inside = venue_time_ns < chunk.close_time_ns[row]
                return int(chunk.open_ticks[row] if inside else chunk.close_ticks[row])
        return None

    # -- inside -------------------------------------------------------------------------------

    def _unsettled(self) -> None:
        """What was known of the rows to come holds no more, since the orders changed."""
        self._view[at.SCANNED] = self._view[at.CURSOR]
        self._watch_ns = -at.NEVER
        self.calm_before_ns = -at.NEVER
        self._touches = False

    def _settled(self) -> None:
        """The compiled step has acted: an idle market is quiet to the end of what it was given."""
        view = self._view
        idle = not (
            view[at.ORDER_COUNT]
            or view[at.CANCEL_COUNT]
            or (view[at.FUNDING_INTERVAL] and view[at.POSITION])
        )
        self._watch_ns = self._last_arrival_ns if idle else -at.NEVER
        self.calm_before_ns = at.NEVER if idle else -at.NEVER
        self._touches = False

    def _leave(self) -> None:
        if self._chunk is None or not self._rows:
            return
        if self._is_trades:
            venue_time, _, price, quantity = self._commit_columns
            leave_trades(self._state, self._ring, venue_time, price, quantity)
        else:
            leave_bars(self._state, self._ring, *self._commit_columns[-2:])

    def _give_trades(self, chunk: TradeColumns) -> None:
        self._is_trades = True
        times = (_column(chunk.venue_time_ns), _column(chunk.arrival_time_ns))
        price = _column(chunk.price_ticks)
        _check_prices(price, chunk.instrument)
        self._scan_columns = (*times, price)
        self._commit_columns = (*times, price, _column(chunk.quantity_lots))

    def _give_bars(self, chunk: BarColumns) -> None:
        self._is_trades = False
        close_time, arrival = _column(chunk.close_time_ns), _column(chunk.arrival_time_ns)
        high, low = _column(chunk.high_ticks), _column(chunk.low_ticks)
        _check_prices(low, chunk.instrument)
        self._scan_columns = (close_time, arrival, high, low)
        self._commit_columns = (
            _column(chunk.open_time_ns),
            close_time,
            arrival,
            _column(chunk.open_ticks),
            high,
            low,
            _column(chunk.close_ticks),
            _column(chunk.volume_lots),
        )

    def _drain(self) -> Sequence[CoreReport]:
        count = self._view[at.OUT_COUNT]
        if not count:
            return ()
        self._view[at.OUT_COUNT] = 0
        width = at.OUT_WIDTH
        cells = self._out[: count * width].tolist()
        return [CoreReport(*cells[base : base + width]) for base in range(0, len(cells), width)]

    def _mend(self, reason: int) -> None:
        problem = self._view[at.PROBLEM]
        if reason == at.OUT_FULL:
            self._room(problem)
            return
        assert self._chunk is not None, reason
        raise DataError(
            "the price is too high for exact arithmetic",
            file=self._chunk.instrument,
            value=f"{problem} ticks",
            limit=f"{at.PRICE_MAX} ticks",
            remedy="Use a larger tick size.",
        )

    def _room(self, reports: int) -> None:
        needed = (self._view[at.OUT_COUNT] + reports) * at.OUT_WIDTH
        if needed > len(self._out):
            grown = np.zeros(2 * needed, np.int64)
            grown[: len(self._out)] = self._out
            self._out = grown

    def _set_profile(self, profile: SimulationProfile) -> None:
        state = self._state
        state[at.LEVEL] = _LEVELS[profile.fill_level]
        for place, name in ((at.SPREAD, "spread_bps"), (at.SLIPPAGE, "slippage_bps")):
            exact = getattr(profile, name) * 10_000
            if exact != int(exact) or exact > at.SHIFT_MAX:
                raise SettingsError(
                    f"profile {profile.name}: {name} {getattr(profile, name)}; allowed: at most "
                    "four decimals and 10000"
                )
            state[place] = int(exact)
        if profile.participation is not None:
            numerator, denominator = profile.participation.as_integer_ratio()
            state[at.SHARE_NUMERATOR] = numerator
            state[at.SHARE_DENOMINATOR] = denominator
        state[at.TOUCH] = profile.limit_rule is LimitRule.TOUCH
        state[at.RESPONSE] = profile.response_latency_ns
        if profile.funding_rule is not FundingRule.NONE:
            state[at.FUNDING_INTERVAL] = profile.funding_interval_ns


def _column(values: Array) -> Array:
    return np.ascontiguousarray(values, np.int64)


def _check_prices(lowest: Array, instrument: str) -> None:
    if len(lowest) and int(lowest.min()) <= 0:
        row = int(np.argmax(lowest <= 0))
        raise DataError(
            "a price is not positive",
            file=instrument,
            row=row + 1,
            value=f"{int(lowest[row])} ticks",
            limit="above 0",
            remedy="Import the data again.",
        )
