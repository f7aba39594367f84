"""What a market's rows have shown: prices over a time, and rows that leave a band.

    rows    arrival, start, end, low, high, close     (n,) int64 each, in order of arrival

A bar reaches from its open to its close, a print over one nanosecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tieout.ledger.cross_margin import NO_EDGE, Band
from tieout.model.columns import TradeColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tieout.model.columns import BarColumns

    Array = NDArray[np.int64]

__all__ = ["ANY_PRICE", "PriceRow", "PriceRows"]

ANY_PRICE: Final = Band(NO_EDGE, 0)
"""A band that no price is within."""

_BLOCK: Final = 4096
"""Rows that are looked through at a time."""


class PriceRow(NamedTuple):
    """One row; of a print low, high and close are the same.

    Attributes:
        end_ns: Of a print the nanosecond after it.
    """

    start_ns: int
    end_ns: int
    low: int
    high: int
    close: int


class PriceRows:
    """Keeps the rows of one market as long as they may be asked for.

    Args:
        from_ns: Rows that arrived by then are known, and never leave a band.
    """

    def __init__(self, from_ns: int = 0) -> None:
        self._from_ns = from_ns
        self._columns: tuple[Array, ...] = (np.zeros(0, np.int64),) * 6
        # The latest end of all rows up to each one: rows need not end in their order.
        self._ended = np.zeros(0, np.int64)
        # The first row that was not looked at, and the first that may leave the band.
        self._next = 0
        self._scanned = 0
        self._band: Band | None = None
        self._calm_from_ns = 0

    @property
    def is_watched(self) -> bool:
        """Whether rows that leave a band are asked for."""
        return self._band is not None

    def take(self, chunk: TradeColumns | BarColumns, *, reach_ns: int) -> None:
        """Know more rows; of those before them what is older than `reach_ns` is forgotten."""
        kept = self._first_kept(int(chunk.arrival_time_ns[0]) - reach_ns)
        more = _columns(chunk)
        self._columns = tuple(
            np.concatenate((old[kept:], new)) for old, new in zip(self._columns, more, strict=True)
        )
        self._ended = np.maximum.accumulate(self._columns[2])
        self._next = max(0, self._next - kept)
        self._scanned = max(0, self._scanned - kept)

    def carry(self, carried: Callable[[int], int], at_ns: int) -> None:
        """Have the prices from before a time be as an action of then leaves them.

        A bar that the time lies inside of holds prices of both scales: it stands at the last price
        before it.

        Args:
            carried: Returns a price after the action, in ticks.
            at_ns: When it took effect, in venue time.
        """
        arrival, start, end, *prices = (each.copy() for each in self._columns)
        before = end <= at_ns
        for column in prices:
            column[before] = [carried(each) for each in column[before].tolist()]
        close, last = prices[2], None
        for row in np.flatnonzero(start < at_ns).tolist():
            if before[row]:
                last = int(close[row])
                continue
            for column in prices:
                # Of the first row of all nothing else is known.
                column[row] = column[row] if last is None else last
        self._columns = (arrival, start, end, *prices)
        self._scanned = 0

    def watch(self, band: Band, *, calm_from_ns: int) -> None:
        """Ask for rows that leave a band, and for those that began before a time."""
        self._band = band
        self._scanned = 0
        self._calm_from_ns = calm_from_ns

    def leave(self) -> None:
        """Ask for no rows."""
        self._band = None

    def pass_until(self, arrival_ns: int) -> None:
        """Take the rows that arrived by then as looked at."""
        self._next = max(self._next, self._known(arrival_ns))

    def next_leaving_ns(self, until_ns: int) -> int | None:
        """Return when the first row that is asked for, and not looked at, arrives, if by then."""
        if self._band is None:
            return None
        self.pass_until(self._from_ns)
        self._scanned = max(self._scanned, self._next)
        known = self._known(until_ns)
        while self._scanned < known:
            stop = min(self._scanned + _BLOCK, known)
            found = self._leaving(self._scanned, stop)
            if len(found):
                self._scanned = int(found[0])
                return int(self._columns[0][self._scanned])
            self._scanned = stop
        return None

    def arrived(self, arrival_ns: int) -> Iterator[PriceRow]:
        """Yield the rows that arrived at a time and were not looked at."""
        first = int(np.searchsorted(self._columns[0], arrival_ns, "left"))
        for row in range(max(first, self._next), self._known(arrival_ns)):
            yield self._row(row)

    def last(self, arrival_ns: int) -> PriceRow | None:
        """Return the last row that arrived by then, or None."""
        known = self._known(arrival_ns)
        return self._row(known - 1) if known else None

    def ended_ns(self, arrival_ns: int) -> int:
        """Return the latest end of the rows that arrived by then; 0 without any."""
        known = self._known(arrival_ns)
        return int(self._ended[known - 1]) if known else 0

    def between(self, start_ns: int, end_ns: int, *, arrival_ns: int) -> tuple[int, int] | None:
        """Return the lowest and highest price over a time, by what arrived until then.

        That is the close of the last row before it, and all of the rows that reach into it.
        """
        _, start, end, low, high, close = self._columns
        known = self._known(arrival_ns)
        # All rows before this one end by the start.
        first = min(int(np.searchsorted(self._ended, start_ns, "right")), known)
        late = slice(first, known)
        inside = (end[late] > start_ns) & (start[late] < end_ns)
        lows, highs = low[late][inside].tolist(), high[late][inside].tolist()
        before = self._last_ended(first)
        for row in (first + np.flatnonzero(end[late] <= start_ns)).tolist():
            if before is None or end[row] >= end[before]:
                before = row
        if before is not None:
            lows.append(int(close[before]))
            highs.append(int(close[before]))
        return (min(lows), max(highs)) if lows else None

    def _leaving(self, first: int, stop: int) -> Array:
        assert self._band is not None
        _, start, _, low, high, _ = (each[first:stop] for each in self._columns)
        away = (low <= self._band.low) | (high >= self._band.high) | (start < self._calm_from_ns)
        return first + np.flatnonzero(away)

    def _known(self, arrival_ns: int) -> int:
        return int(np.searchsorted(self._columns[0], arrival_ns, "right"))

    def _first_kept(self, before_ns: int) -> int:
        """Return the first row that is still needed: the last that ended by a time, or later."""
        needed = self._last_ended(int(np.searchsorted(self._ended, before_ns, "right")))
        if needed is None:
            return 0
        return needed if self._band is None else min(needed, self._next)

    def _last_ended(self, count: int) -> int | None:
        """Return which of the first rows ended last, or None of no rows."""
        if not count:
            return None
        row = count - 1
        while self._columns[2][row] != self._ended[count - 1]:
            row -= 1
        return row

    def _row(self, row: int) -> PriceRow:
        return PriceRow(*(int(each[row]) for each in self._columns[1:]))


def _columns(chunk: TradeColumns | BarColumns) -> tuple[Array, ...]:
    if isinstance(chunk, TradeColumns):
        time, price = chunk.venue_time_ns, chunk.price_ticks
        return chunk.arrival_time_ns, time, time + 1, price, price, price
    return (
        chunk.arrival_time_ns,
        chunk.open_time_ns,
        chunk.close_time_ns,
        chunk.low_ticks,
        chunk.high_ticks,
        chunk.close_ticks,
    )
