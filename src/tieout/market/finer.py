"""A market in several resolutions: what is asked of the finer ones, and where they contradict.

    bars of 1 h ──▶ bars of 1 m ──▶ bars of 1 s ──▶ trades     coarse to fine, each within the one
                                                               before; any of them may be missing

Children are the rows of a finer market within a bar. They are used only when together they make
up the bar, field by field; else the bar is a data break, and its own rule decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np

from tieout.market._drilldown_compiled import sum_up_bars, sum_up_trades
from tieout.market.resolution import resolution_name
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import MarketColumns

    Array = NDArray[np.int64]

__all__ = [
    "SPANNED",
    "UNKNOWN_VOLUME",
    "Children",
    "DataBreak",
    "FinerMarket",
    "Frame",
    "with_gaps",
]

UNKNOWN_VOLUME: Final = -1
"""Volume of a row that stands for a gap among the coarsest bars: what happened is not said."""

SPANNED: Final = "spanned"
"""The kind of break that is a bar which a split lies inside of."""

_HIGHEST: Final = 2**62 - 1
_GAP_NS: Final = 3_600_000_000_000
_MINUTE_NS: Final = 60_000_000_000
_FIELDS: Final = ("open", "high", "low", "close", "volume")
_BREAKS_KEPT: Final = 1_000


class FinerMarket(Protocol):
    """Rows of one resolution by venue time, read when they are asked for.

    Attributes:
        interval_ns: Length of a bar; 0 for trades.
        first_ns, last_ns: From when to when there are rows: opens and closes, or prints.
    """

    @property
    def interval_ns(self) -> int:
        """Length of a bar; 0 for trades."""

    @property
    def first_ns(self) -> int:
        """Open of the first bar, or time of the first print."""

    @property
    def last_ns(self) -> int:
        """Close of the last bar, or time of the last print."""

    def rows(self, from_ns: int, to_ns: int) -> MarketColumns:
        """Return the prints in [from, to), or the bars that open and close within, in order."""


class DataBreak(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Rows of one market that should agree and do not.

    Attributes:
        instrument: Symbol.
        kind: Between two resolutions: `contradiction` (a field differs), `missing` (the finer rows
            do not reach over the bar, or are not there), `unexpected` (prints where there is no
            bar). In one: `spanned` (a split lies inside of the bar, whose prices are of two scales;
            nothing is filled from it). Within a book: `stale` (a row older than what it would
            change), `crossed` (the best bid at or above the best ask), `reset` (the book was
            emptied in the middle: a sequence broke, or a snapshot began), `unscaled` (a row of the
            book of before a split: none has told it anew since), `unknown_order`, `double_add`,
            `excess_cancel`.
        level, finer: What was opened, and what was found inside of it; of a book both are `book`
            or `orders`.
        open_time_ns: Of the bar; of a book the venue time of the row.
        field: Which field differs first; `rows` where there are too few or too many.
        coarse_value, finer_value: Ticks or lots of both; of a spanned bar its open and its close;
            of a book what stood there, and what the row told.
    """

    instrument: str
    kind: str
    level: str
    finer: str
    open_time_ns: int
    field: str
    coarse_value: int
    finer_value: int


class Frame:
    """Bars of one resolution that are being gone through.

    Args:
        bars: Rows in order of time.
        depth: 0 for the coarsest.
    """

    def __init__(self, bars: BarColumns, depth: int) -> None:
        self.bars = bars
        self.depth = depth
        self.cursor = 0
        self.open_time = _column(bars.open_time_ns)
        self.close_time = _column(bars.close_time_ns)
        self.high = _column(bars.high_ticks)
        self.low = _column(bars.low_ticks)
        self.closing = _column(bars.close_ticks)
        self.volume = _column(bars.volume_lots)
        self.within_minutes = _MINUTE_NS % bars.interval_ns == 0

    def __len__(self) -> int:
        return len(self.bars)

    def opens_ns(self, row: int) -> int:
        """Return when a bar opens."""
        return int(self.open_time[row])

    def closed_by(self, time_ns: int) -> int:
        """Return the first row that closes after a time, from the cursor on."""
        return max(self.cursor, int(np.searchsorted(self.close_time, time_ns, "right")))

    def row_around(self, time_ns: int) -> int | None:
        """Return the row not yet passed with open < time ≤ close, or None."""
        row = max(self.cursor, int(np.searchsorted(self.close_time, time_ns, "left")))
        return row if row < len(self) and self.open_time[row] < time_ns else None


class Children:
    """Finds what lies inside of a bar, and keeps account of what does not fit.

    Args:
        instrument: Symbol.
        finer: Resolutions below the coarsest, coarse to fine.
    """

    def __init__(self, instrument: str, finer: Sequence[FinerMarket]) -> None:
        self.instrument = instrument
        self.breaks: list[DataBreak] = []
        self.counts: dict[str, int] = {}
        self._finer = finer
        self._whole = np.zeros(len(_FIELDS), np.int64)
        self._asked: tuple[Frame, int] | None = None
        self._found: tuple[int, MarketColumns] | None = None
        self._known: set[tuple[int, int, int]] = set()

    def of(self, frame: Frame, row: int) -> tuple[int, MarketColumns] | None:
        """Return depth and rows of the coarsest children that make up a bar; None without any."""
        if self._asked is None or self._asked[0] is not frame or self._asked[1] != row:
            self._found = self._look(frame, row)
            self._asked = frame, row
        return self._found

    def _look(self, frame: Frame, row: int) -> tuple[int, MarketColumns] | None:
        from_ns, to_ns = frame.opens_ns(row), int(frame.close_time[row])
        if frame.volume[row] == UNKNOWN_VOLUME:
            rows = self._finer[-1].rows(from_ns, to_ns)
            if len(rows):
                self._note("unexpected", frame, row, len(self._finer), "rows", 0, len(rows))
            return len(self._finer), rows
        for depth in range(frame.depth + 1, len(self._finer) + 1):
            rows = self._finer[depth - 1].rows(from_ns, to_ns)
            if self._make_up(frame, row, depth, rows):
                return depth, rows
        return None

    def _make_up(self, frame: Frame, row: int, depth: int, rows: MarketColumns) -> bool:
        """Return whether rows are the whole of a bar; note it where they are not."""
        bars = frame.bars
        if not len(rows):
            if bars.volume_lots[row] == 0 and bars.high_ticks[row] == bars.low_ticks[row]:
                return True
            self._note("missing", frame, row, depth, "rows", 1, 0)
            return False
        whole = self._whole
        if isinstance(rows, TradeColumns):
            sum_up_trades(_column(rows.price_ticks), _column(rows.quantity_lots), whole)
        else:
            sum_up_bars(
                _column(rows.open_ticks),
                _column(rows.high_ticks),
                _column(rows.low_ticks),
                _column(rows.close_ticks),
                _column(rows.volume_lots),
                whole,
            )
        found = whole.tolist()
        said = (
            int(bars.open_ticks[row]),
            int(bars.high_ticks[row]),
            int(bars.low_ticks[row]),
            int(bars.close_ticks[row]),
            int(bars.volume_lots[row]),
        )
        for field, coarse, fine in zip(_FIELDS, said, found, strict=True):
            if coarse != fine:
                kind = "contradiction" if self._covers(depth, frame, row) else "missing"
                self._note(kind, frame, row, depth, field, coarse, fine)
                return False
        return True

    def _covers(self, depth: int, frame: Frame, row: int) -> bool:
        finer = self._finer[depth - 1]
        return finer.first_ns <= frame.open_time[row] and finer.last_ns >= frame.close_time[row]

    def _note(
        self, kind: str, frame: Frame, row: int, depth: int, field: str, coarse: int, fine: int
    ) -> None:
        # A bar may be asked for again, after another; it is one break all the same.
        key = (frame.depth, depth, frame.opens_ns(row))
        if key in self._known:
            return
        self._known.add(key)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if len(self.breaks) < _BREAKS_KEPT:
            self.breaks.append(
                DataBreak(
                    instrument=self.instrument,
                    kind=kind,
                    level=resolution_name(frame.bars.interval_ns),
                    finer=resolution_name(self._finer[depth - 1].interval_ns),
                    open_time_ns=frame.opens_ns(row),
                    field=field,
                    coarse_value=coarse,
                    finer_value=fine,
                )
            )


def with_gaps(bars: BarColumns, *, after_ns: int, first_ns: int, last_ns: int) -> BarColumns:
    """Return bars with a row of unknown volume for each gap before, and between, them.

    Where there is no bar there was no trading, if the data are right; the finer rows tell. Gaps
    in which there can be no finer rows are left out, long ones are cut into hours.

    Args:
        bars: Rows in order, not overlapping; may be none.
        after_ns: Close of the bar before the first one.
        first_ns: From when on there are finer rows.
        last_ns: Until when there are finer rows.
    """
    ends = bars.open_time_ns if len(bars) else np.array([last_ns + 1], np.int64)
    begins = np.concatenate((np.array([after_ns], np.int64), bars.close_time_ns[: len(ends) - 1]))
    lows = np.maximum(begins, first_ns)
    highs = np.minimum(ends, last_ns + 1)
    gaps = np.flatnonzero(lows < highs)
    if not len(gaps):
        return bars
    step = max(bars.interval_ns, _GAP_NS)
    open_times, places = [], []
    for gap in gaps.tolist():
        pieces = np.arange(lows[gap], highs[gap], step, dtype=np.int64)
        open_times.append(pieces)
        places.append(np.full(len(pieces), gap, np.int64))
    opened = np.concatenate(open_times)
    where = np.concatenate(places)
    closed = np.minimum(opened + step, highs[where])
    count = len(opened)
    filler: dict[str, Any] = {
        "open_time_ns": opened,
        "close_time_ns": closed,
        "arrival_time_ns": closed,
        "open_ticks": np.ones(count, np.int64),
        "high_ticks": np.full(count, _HIGHEST, np.int64),
        "low_ticks": np.ones(count, np.int64),
        "close_ticks": np.ones(count, np.int64),
        "volume_lots": np.full(count, UNKNOWN_VOLUME, np.int64),
        "revision": np.zeros(count, np.int64),
        "warm_up": np.zeros(count, np.bool_),
    }
    joined: dict[str, Any] = {
        name: np.insert(getattr(bars, name), where, part) for name, part in filler.items()
    }
    return replace(bars, trades=None, synthetic=None, **joined)


def _column(values: Array) -> Array:
    return np.ascontiguousarray(values, np.int64)
