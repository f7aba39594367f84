"""Market data as columns: a batch is a run of rows of one stream, in arrival order.

TradeColumns (n rows)                      BarColumns (n rows)
  venue_time_ns     int64                    open_time_ns      int64  inclusive
  arrival_time_ns   int64, never decreasing  close_time_ns     int64  exclusive
  price_ticks       int64, positive          arrival_time_ns   int64, never decreasing
  quantity_lots     int64, positive          open_ticks, high_ticks, low_ticks, close_ticks int64
  aggressor         int8: +1, −1, 0 unknown  volume_lots       int64, ≥ 0
  trade_id          int64, ascending         revision          int64
                                             warm_up           bool
                                             trades            int64: how many; None: not known
                                             synthetic         bool: fills a gap; None: no row does
                                             rule, running     of all rows: as in `Bar`

QuoteColumns (n rows)                      BookColumns (n rows): levels and prints, one stream
  venue_time_ns     int64                    venue_time_ns     int64
  arrival_time_ns   int64, never decreasing  arrival_time_ns   int64, never decreasing
  bid_ticks         int64, 0: nobody         kind              int8, `BookKind`
  bid_lots          int64, 0: nobody         side              int8: +1 bids, −1 asks; a print's
  ask_ticks         int64, 0: nobody                           aggressor: +1, −1, 0 unknown
  ask_lots          int64, 0: nobody         price_ticks       int64, positive; 0 for CLEAR
                                             lots              int64: the level's new size, 0 when
OrderEventColumns (n rows)                                     it is gone; a print's size
  venue_time_ns     int64                    last              bool: the book is whole after it
  arrival_time_ns   int64, never decreasing
  action            int8, `OrderAction`
  side              int8: +1 a bid, −1 an ask, 0 none
  price_ticks       int64
  lots              int64: of ADD and MODIFY the order's size, of FILL, TRADE and CANCEL what goes
  order_id          int64: the venue's id; 0 where the venue gives none
  last              bool: the book is whole after it

FundingColumns (n rows): what a holder of a perpetual pays, or gets where the rate is negative
  venue_time_ns     int64, ascending: when it is charged
  rate_e18          int64: the rate of the interval, in 10⁻¹⁸ of the position's value
  interval_ns       int64: the time that the rate is for
  mark_ticks        int64: the mark price it is charged at, 0: not told
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int64Column = NDArray[np.int64]
    Int8Column = NDArray[np.int8]
    BoolColumn = NDArray[np.bool_]

__all__ = [
    "BarColumns",
    "BookColumns",
    "BookKind",
    "FundingColumns",
    "MarketColumns",
    "OrderAction",
    "OrderEventColumns",
    "QuoteColumns",
    "RecordedColumns",
    "TradeColumns",
    "interval_name",
    "interval_ns",
]


@unique
class BookKind(IntEnum):
    """What a row of `BookColumns` tells."""

    LEVEL = 1
    """A level's size is now this."""
    TRADE = 2
    """A print: it does not change a level by itself, the levels' own rows do."""
    CLEAR = 3
    """A side is empty from here on (side 0: both): a snapshot begins, or a sequence broke."""
    SNAPSHOT = 4
    """A level of a snapshot: like LEVEL, and nothing is known of how it came about."""


@unique
class OrderAction(IntEnum):
    """What a row of `OrderEventColumns` does to the order book."""

    ADD = 1
    MODIFY = 2
    """New price or size. A larger size or another price goes to the back of the queue."""
    CANCEL = 3
    """So many lots of the order go away, untraded."""
    FILL = 4
    """So many lots of the resting order traded; it becomes smaller by a row of its own."""
    TRADE = 5
    """A print, by its aggressor's side; it changes nothing by itself."""
    CLEAR = 6
    """All orders are gone: a snapshot begins."""


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
    trades: Int64Column | None = None
    synthetic: BoolColumn | None = None
    rule: str = ""
    running: bool = False

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
            None if self.trades is None else self.trades[part],
            None if self.synthetic is None else self.synthetic[part],
            self.rule,
            self.running,
        )


@dataclass(frozen=True, slots=True)
class QuoteColumns:
    """Best bids and asks of one instrument. See the drawing for dtypes and units."""

    instrument: str
    venue_time_ns: Int64Column
    arrival_time_ns: Int64Column
    bid_ticks: Int64Column
    bid_lots: Int64Column
    ask_ticks: Int64Column
    ask_lots: Int64Column

    def __len__(self) -> int:
        return len(self.venue_time_ns)

    def rows(self, start: int, stop: int) -> QuoteColumns:
        """Return rows [start, stop) as views, without copying."""
        part = slice(start, stop)
        return QuoteColumns(
            self.instrument,
            self.venue_time_ns[part],
            self.arrival_time_ns[part],
            self.bid_ticks[part],
            self.bid_lots[part],
            self.ask_ticks[part],
            self.ask_lots[part],
        )


@dataclass(frozen=True, slots=True)
class BookColumns:
    """Levels and prints of one instrument (L2). See the drawing for dtypes and units."""

    instrument: str
    venue_time_ns: Int64Column
    arrival_time_ns: Int64Column
    kind: Int8Column
    side: Int8Column
    price_ticks: Int64Column
    lots: Int64Column
    last: BoolColumn

    def __len__(self) -> int:
        return len(self.venue_time_ns)

    def rows(self, start: int, stop: int) -> BookColumns:
        """Return rows [start, stop) as views, without copying."""
        part = slice(start, stop)
        return BookColumns(
            self.instrument,
            self.venue_time_ns[part],
            self.arrival_time_ns[part],
            self.kind[part],
            self.side[part],
            self.price_ticks[part],
            self.lots[part],
            self.last[part],
        )


@dataclass(frozen=True, slots=True)
class OrderEventColumns:
    """The orders of one instrument, one by one (L3). See the drawing for dtypes and units."""

    instrument: str
    venue_time_ns: Int64Column
    arrival_time_ns: Int64Column
    action: Int8Column
    side: Int8Column
    price_ticks: Int64Column
    lots: Int64Column
    order_id: Int64Column
    last: BoolColumn

    def __len__(self) -> int:
        return len(self.venue_time_ns)

    def rows(self, start: int, stop: int) -> OrderEventColumns:
        """Return rows [start, stop) as views, without copying."""
        part = slice(start, stop)
        return OrderEventColumns(
            self.instrument,
            self.venue_time_ns[part],
            self.arrival_time_ns[part],
            self.action[part],
            self.side[part],
            self.price_ticks[part],
            self.lots[part],
            self.order_id[part],
            self.last[part],
        )


MarketColumns = TradeColumns | BarColumns
"""What traded; its arrival is what a profile says."""

RecordedColumns = QuoteColumns | BookColumns | OrderEventColumns
"""What stood in a book; its arrival was recorded with it."""

_UNITS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}


@dataclass(frozen=True, slots=True)
class FundingColumns:
    """Funding of one perpetual. See the drawing for dtypes and units."""

    instrument: str
    venue_time_ns: Int64Column
    rate_e18: Int64Column
    interval_ns: Int64Column
    mark_ticks: Int64Column

    def __len__(self) -> int:
        return len(self.venue_time_ns)

    def rows(self, start: int, stop: int) -> FundingColumns:
        """Return rows [start, stop) as views, without copying."""
        part = slice(start, stop)
        return FundingColumns(
            self.instrument,
            self.venue_time_ns[part],
            self.rate_e18[part],
            self.interval_ns[part],
            self.mark_ticks[part],
        )


def interval_ns(name: str) -> int:
    """Return the length of an interval name such as `250ms`, `1m`, `15m`, `4h` or `1d`.

    Raises:
        ValueError: Not a positive whole number of ms, s, m, h or d.
    """
    count = name.rstrip("dhms")
    unit = name[len(count) :]
    if unit not in _UNITS or not (count.isascii() and count.isdecimal()) or int(count) == 0:
        raise ValueError(
            f"interval {name!r} must be a whole number of ms, s, m, h or d, such as 1m"
        )
    return int(count) * _UNITS[unit]


@cache
def interval_name(length_ns: int) -> str:
    """Return the shortest name of an interval, e.g. 3 600 000 000 000 → `1h`."""
    for unit, size in reversed(_UNITS.items()):
        if length_ns % size == 0:
            return f"{length_ns // size}{unit}"
    raise ValueError(f"{length_ns} ns is not a whole number of milliseconds")
