"""Bars made from trades, or from finer bars, as they arrive: allocates, checks, names.

The arrays are drawn in `_bar_layout`; the rules are on the page about bars. A maker carries what it
has begun, so that rows given in pieces make the same bars as rows given at once, and rows read from
a file the same as rows that arrive one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import DataError, SettingsError
from tieout.market import _bar_layout as at
from tieout.market._bar_joining_compiled import join_bars
from tieout.market._bar_making_compiled import make_bars, next_due, pass_time
from tieout.market._layout import NEVER
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import GapSeen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tieout.model.bars import BarRule

    Array = NDArray[np.int64]

__all__ = ["EACH_TRADE", "BarMaker", "MadeBars"]

MadeBars = BarColumns | GapSeen
"""What a maker tells: bars, closed or under way, or that nothing traded."""

EACH_TRADE: Final = at.EACH_TRADE
"""Running bars after every trade, or after every finer bar."""

_OUT_ROWS: Final = 4096
_FINER_ROWS_MIN: Final = 64
_PROBLEMS: Final = {
    at.ARRIVAL_BACKWARDS: ("the arrival goes backwards", "arrivals that never decrease"),
    at.PRICE_NOT_POSITIVE: ("a price is not positive, or high is below low", "above 0"),
    at.QUANTITY_NOT_POSITIVE: ("a quantity is not positive", "above 0"),
    at.TIME_OUT_OF_RANGE: ("a time is out of range", f"0 … {at.TIME_MAX} ns, close after open"),
    at.VOLUME_TOO_LARGE: ("the volume of a bar is too large", f"at most {at.TOTAL_MAX} lots"),
    at.NOTIONAL_TOO_LARGE: (
        "the notional of a bar is too large",
        f"at most {at.TOTAL_MAX} ticks·lots",
    ),
    at.BAR_NOT_INSIDE: ("the bar reaches beyond the longer one it belongs to", "bars inside"),
}


class BarMaker:
    """Makes the bars of one rule for one instrument.

    Args:
        instrument: Symbol.
        rule: How bars are made.
        grace_ns: A bar of time closes this long after its end by our clock, when no trade from
            later closed it before; None: a later trade alone closes it.
        running_ns: The bar under way is told every so many ns in which something came, at whole
            multiples since 1970 of our clock; `EACH_TRADE`: with every trade; 0: never.
        whole_from_ns: What traded since then is given; a bar of time that opened before is not
            whole, and not told.
        kept_bars: How many closed bars a late trade can still revise.

    Raises:
        SettingsError: A setting is out of range.
    """

    def __init__(
        self,
        instrument: str,
        rule: BarRule,
        *,
        grace_ns: int | None,
        running_ns: int = 0,
        whole_from_ns: int = 0,
        kept_bars: int = 64,
    ) -> None:
        if not (grace_ns is None or 0 <= grace_ns < 2**60) or running_ns < EACH_TRADE:
            raise SettingsError(
                f"bars {rule.name} of {instrument}: grace {grace_ns} ns and running {running_ns} "
                "ns must not be negative"
            )
        if not 1 <= kept_bars <= 100_000:
            raise SettingsError(
                f"bars {rule.name} of {instrument}: kept_bars {kept_bars}; allowed: 1 … 100000"
            )
        self.instrument = instrument
        self.rule = rule
        self._state = np.zeros(at.BAR_STATE_WIDTH, np.int64)
        self._view = memoryview(self._state.data)
        self._sessions = np.array(rule.sessions, np.int64).reshape(-1)
        self._kept = np.zeros(kept_bars * at.KEPT_WIDTH, np.int64)
        self._out = np.zeros((_OUT_ROWS + kept_bars + 4) * at.BAR_WIDTH, np.int64)
        self._finer = np.zeros(self._finer_rows(kept_bars) * at.FINER_WIDTH, np.int64)
        self._counted = True
        state = self._state
        state[at.KIND] = rule.kind
        state[at.SIZE] = rule.size
        state[at.GRACE] = NEVER if grace_ns is None else grace_ns
        state[at.GAPS] = rule.gaps
        state[at.RUNNING] = running_ns
        state[at.WHOLE_FROM] = whole_from_ns
        state[at.RUNNING_DUE] = NEVER

    @property
    def next_due_ns(self) -> int | None:
        """When `pass_time` has something to tell next, if nothing arrives before; None: never."""
        due = next_due(self._state)
        return None if due >= NEVER else int(due)

    @property
    def grace_ns(self) -> int | None:
        """How long after its end by our clock a bar of time closes; None: no clock closes it."""
        grace = self._view[at.GRACE]
        return None if grace == NEVER else int(grace)

    @property
    def too_late(self) -> int:
        """Trades for bars so old that they are not kept: in no bar."""
        return self._view[at.TOO_LATE]

    @property
    def outside(self) -> int:
        """Trades between sessions: in no bar."""
        return self._view[at.OUTSIDE]

    @property
    def partial(self) -> int:
        """Trades in intervals that began before `whole_from_ns`: in no bar."""
        return self._view[at.PARTIAL]

    def take(self, rows: TradeColumns | BarColumns) -> list[MadeBars]:
        """Take rows as they arrived, and return what is known by the last of them, in order.

        Raises:
            DataError: A row cannot be right; the rows before it are taken.
        """
        return list(_told(self, self.take_rows(rows)))

    def pass_time(self, now_ns: int) -> list[MadeBars]:
        """Return what is known by a time of our clock; all rows that arrived before were given.

        Raises:
            DataError: Something arrived later than that already.
        """
        found: list[Array] = []
        while True:
            reason = pass_time(self._state, self._sessions, self._kept, self._out, now_ns)
            found.append(self._drain())
            if reason == at.DONE:
                return list(_told(self, _whole(found)))
            if reason != at.BARS_FULL:
                self._raise(reason, None, f"{now_ns} ns")

    def take_rows(self, rows: TradeColumns | BarColumns) -> Array:
        """Take rows and return what is told as (n, BAR_WIDTH) integers, as the layout says."""
        self._view[at.CURSOR] = 0
        self._view[at.CHECKED] = 0
        if isinstance(rows, TradeColumns):
            return self._take_trades(rows)
        return self._take_bars(rows)

    # -- inside -------------------------------------------------------------------------------

    def _take_trades(self, rows: TradeColumns) -> Array:
        if self.rule.finer_ns:
            raise SettingsError(
                f"bars {self.rule.name} of {self.instrument} are not made of trades; give them "
                f"bars of {self.rule.made_of}"
            )
        columns = (
            self._column(rows.venue_time_ns, "venue_time_ns"),
            self._column(rows.arrival_time_ns, "arrival_time_ns"),
            self._column(rows.price_ticks, "price_ticks"),
            self._column(rows.quantity_lots, "quantity_lots"),
            self._column(rows.trade_id, "trade_id"),
        )
        found: list[Array] = []
        while True:
            reason = make_bars(
                self._state, self._sessions, self._kept, self._out, *columns, len(rows), NEVER
            )
            found.append(self._drain())
            if reason == at.DONE:
                return _whole(found)
            if reason != at.BARS_FULL:
                row = self._view[at.PROBLEM]
                shown = ", ".join(str(column[row]) for column in columns[:4])
                self._raise(reason, row, shown)

    def _take_bars(self, rows: BarColumns) -> Array:
        if rows.interval_ns != self.rule.finer_ns:
            raise SettingsError(
                f"bars {self.rule.name} of {self.instrument} are made of {self.rule.made_of} and "
                f"not of bars of {rows.interval_ns} ns"
            )
        self._counted = rows.trades is not None
        columns = (
            self._column(rows.open_time_ns, "open_time_ns"),
            self._column(rows.close_time_ns, "close_time_ns"),
            self._column(rows.arrival_time_ns, "arrival_time_ns"),
            self._column(rows.open_ticks, "open_ticks"),
            self._column(rows.high_ticks, "high_ticks"),
            self._column(rows.low_ticks, "low_ticks"),
            self._column(rows.close_ticks, "close_ticks"),
            self._column(rows.volume_lots, "volume_lots"),
            _finer_trades(rows),
        )
        found: list[Array] = []
        while True:
            reason = join_bars(
                self._state,
                self._sessions,
                self._kept,
                self._out,
                self._finer,
                *columns,
                len(rows),
                NEVER,
            )
            found.append(self._drain())
            if reason == at.DONE:
                return _whole(found)
            if reason != at.BARS_FULL:
                row = self._view[at.PROBLEM]
                shown = ", ".join(str(column[row]) for column in columns[:8])
                self._raise(reason, row, shown)

    def _drain(self) -> Array:
        count = self._view[at.OUT_COUNT]
        self._view[at.OUT_COUNT] = 0
        return self._out[: count * at.BAR_WIDTH].reshape(-1, at.BAR_WIDTH).copy()

    def _column(self, values: Array, name: str) -> Array:
        if values.dtype != np.int64:
            raise DataError(
                f"{name} are not whole numbers",
                file=f"bars {self.rule.name} of {self.instrument}",
                value=str(values.dtype),
                limit="int64",
                remedy="Round prices to ticks and quantities to lots when the data is imported.",
            )
        return np.ascontiguousarray(values)

    def _finer_rows(self, kept_bars: int) -> int:
        """Return how many finer bars are kept: those of every kept bar and of the one under way."""
        if not self.rule.finer_ns:
            return 1
        rows = (kept_bars + 2) * (self.rule.size // self.rule.finer_ns)
        return min(max(rows, _FINER_ROWS_MIN), 1 << 20)

    def _raise(self, reason: int, row: int | None, shown: str) -> None:
        problem, limit = _PROBLEMS[reason]
        raise DataError(
            problem,
            file=f"bars {self.rule.name} of {self.instrument}",
            row=None if row is None else row + 1,
            value=shown,
            limit=limit,
            remedy="Mend the data, or leave the row out.",
        )


def _finer_trades(rows: BarColumns) -> Array:
    """Return how many trades a finer bar holds: 1 where nobody counted, 0 where it is made up."""
    if rows.trades is not None:
        return np.ascontiguousarray(rows.trades, np.int64)
    if rows.synthetic is None:
        return np.ones(len(rows), np.int64)
    return np.where(rows.synthetic, 0, 1).astype(np.int64)


def _whole(found: list[Array]) -> Array:
    return found[0] if len(found) == 1 else np.concatenate(found)


def _told(maker: BarMaker, rows: Array) -> Iterator[MadeBars]:
    """Yield rows as columns, cut where closed bars, running bars and gaps take turns."""
    if not len(rows):
        return
    kinds = rows[:, at.BAR_ROW_KIND]
    cuts = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
    for part in np.split(rows, cuts):
        kind = part[0, at.BAR_ROW_KIND]
        if kind == at.GAP_ROW:
            for opened, closed, known in part[
                :, [at.BAR_OPEN_TIME, at.BAR_CLOSE_TIME, at.BAR_KNOWN]
            ].tolist():
                yield GapSeen(
                    instrument=maker.instrument,
                    rule=maker.rule.name,
                    open_time_ns=opened,
                    close_time_ns=closed,
                    arrival_time_ns=known,
                )
        else:
            yield _columns(maker, part, running=bool(kind == at.RUNNING_ROW))


def _columns(maker: BarMaker, rows: Array, *, running: bool) -> BarColumns:
    column = np.ascontiguousarray(rows.T)
    trades = column[at.BAR_TRADES]
    return BarColumns(
        instrument=maker.instrument,
        interval_ns=maker.rule.interval_ns,
        open_time_ns=column[at.BAR_OPEN_TIME],
        close_time_ns=column[at.BAR_CLOSE_TIME],
        arrival_time_ns=column[at.BAR_KNOWN],
        open_ticks=column[at.BAR_OPEN],
        high_ticks=column[at.BAR_HIGH],
        low_ticks=column[at.BAR_LOW],
        close_ticks=column[at.BAR_CLOSE],
        volume_lots=column[at.BAR_VOLUME],
        revision=column[at.BAR_REVISION],
        warm_up=np.zeros(len(rows), np.bool_),
        trades=trades if maker._counted or running else None,  # noqa: SLF001 - our own class
        synthetic=trades == 0,
        rule=maker.rule.name,
        running=running,
    )
