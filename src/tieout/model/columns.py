"""Market data as columns: a batch is a run of rows of one stream, in arrival order.

TradeColumns (n rows)                      BarColumns (n rows)
  venue_time_ns     int64                    open_time_ns      int64  inclusive
  arrival_time_ns   int64, never decreasing  close_time_ns     int64  exclusive
  price_ticks       int64, positive          arrival_time_ns   int64, never decreasing
  quantity_lots     int64, positive          open_ticks, high_ticks, low_ticks, close_ticks int64
  aggressor         int8: +1, −1, 0 unknown  volume_lots       int64, ≥ 0
  trade_id          int64, ascending         revision          int64
                                             warm_up           bool
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int64Column = NDArray[np.int64]
    Int8Column = NDArray[np.int8]
    BoolColumn = NDArray[np.bool_]

__all__ = ["BarColumns", "MarketColumns", "TradeColumns", "interval_name", "interval_ns"]


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades of one instrument. See the module's drawing for dtypes and units."""

    instrument: str
    venue_time_ns: Int64Column
    arrival_time_ns: Int64Column
    price_ticks: Int64Column
    quantity_lots: Int64Column
    aggressor: Int8Column
    trade_id: Int64Column

    def __len__(self) -> int:
        return len(self.venue_time_ns)

    def rows(self, start: int, stop: int) -> TradeColumns:
        """Return rows [start, stop) as views, without copying."""
        part = slice(start, stop)
        return TradeColumns(
            self.instrument,
            self.venue_time_ns[part],
            self.arrival_time_ns[part],
            self.price_ticks[part],
            self.quantity_lots[part],
            self.aggressor[part],
            self.trade_id[part],
        )


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars of one instrument and interval. See the module's drawing for dtypes and units."""

    instrument: str
    interval_ns: int
    open_time_ns: Int64Column
    close_time_ns: Int64Column
    arrival_time_ns: Int64Column
    open_ticks: Int64Column
    high_ticks: Int64Column
    low_ticks: Int64Column
    close_ticks: Int64Column
    volume_lots: Int64Column
    revision: Int64Column
    warm_up: BoolColumn

    def __len__(self) -> int:
        return len(self.open_time_ns)

    def rows(self, start: int, stop: int) -> BarColumns:
        """Return rows [start, stop) as views, without copying."""
        part = slice(start, stop)
        return BarColumns(
            self.instrument,
            self.interval_ns,
            self.open_time_ns[part],
            self.close_time_ns[part],
            self.arrival_time_ns[part],
            self.open_ticks[part],
            self.high_ticks[part],
            self.low_ticks[part],
            self.close_ticks[part],
            self.volume_lots[part],
            self.revision[part],
            self.warm_up[part],
        )


MarketColumns = TradeColumns | BarColumns

_UNITS = {"s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}


def interval_ns(name: str) -> int:
    """Return the length of an interval name such as `1m`, `15m`, `4h` or `1d`.

    Raises:
        ValueError: Not a positive whole number of s, m, h or d.
    """
    count, unit = name[:-1], name[-1:]
    if unit not in _UNITS or not count.isdecimal() or int(count) == 0:
        raise ValueError(f"interval {name!r} must be a whole number of s, m, h or d, such as 1m")
    return int(count) * _UNITS[unit]


@cache
def interval_name(length_ns: int) -> str:
    """Return the shortest name of an interval, e.g. 3 600 000 000 000 → `1h`."""
    for unit, size in reversed(_UNITS.items()):
        if length_ns % size == 0:
            return f"{length_ns // size}{unit}"
    raise ValueError(f"{length_ns} ns is not a whole number of seconds")
