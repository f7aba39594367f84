"""The market as the venue knows it: one instrument's whole history, asked only about the past.

trades: row = one print              bars: row = one bar, an event at its close
  times_ns   int64  venue time          times_ns   int64  close time
  prices     int64  ticks               prices     int64  close in ticks
  lots       int64                      lots       int64  volume

Klines (n rows, one per interval that traded)
  open_ns, close_ns        int64  [open, close)
  open, high, low, close   int64  ticks
  volume, buy_volume       int64  lots; buy: aggressor was the buyer
  turnover, buy_turnover   int64  Σ ticks·lots
  count, first_id, last_id int64  trades in it; 0, 0, 0 when made from bars
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tieout.adapters.venues.practice.matching import BarEvent
from tieout.errors import DataError
from tieout.model.columns import BarColumns, MarketColumns, TradeColumns, interval_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.model.instruments import Instrument

    Int64 = NDArray[np.int64]

__all__ = ["Kline", "Klines", "Tape", "read_tapes"]

_SAFE_TOTAL = 2**62


@dataclass(frozen=True, slots=True)
class Kline:
    """One candle, closed or running; prices in ticks, volumes in lots."""

    open_ns: int
    close_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    count: int
    first_id: int
    last_id: int
    buy_volume: int
    buy_turnover: int


@dataclass(frozen=True, slots=True)
class Klines:
    """Candles of one interval as columns; see the module's drawing."""

    columns: Mapping[str, Int64]

    def __len__(self) -> int:
        return len(self.columns["open_ns"])

    @property
    def close_ns(self) -> Int64:
        """Close times, ascending."""
        return self.columns["close_ns"]

    @property
    def open_ns(self) -> Int64:
        """Open times, ascending."""
        return self.columns["open_ns"]

    def row(self, number: int) -> Kline:
        """Return one candle as Python integers."""
        return Kline(**{name: int(column[number]) for name, column in self.columns.items()})


class Tape:
    """One instrument's market. Rows are events in order of venue time.

    Attributes:
        instrument: What trades.
        times_ns: Venue time of each event.
        bars: The bars behind the events; None when the market is trades.
    """

    def __init__(self, instrument: Instrument, batches: Sequence[MarketColumns]) -> None:
        self.instrument = instrument
        self.times_ns: Int64
        self.bars: BarColumns | None = None
        self._klines: dict[int, Klines] = {}
        self._mark_klines: dict[int, Klines] = {}
        if not batches:
            raise DataError(
                "the practice venue has no market for it",
                file=instrument.symbol,
                remedy="Hand over trades or bars of every instrument.",
            )
        trades = [batch for batch in batches if isinstance(batch, TradeColumns)]
        bars = [batch for batch in batches if isinstance(batch, BarColumns)]
        if trades and bars:
            raise DataError(
                "the market mixes trades and bars",
                file=instrument.symbol,
                remedy="Hand over one kind for an instrument.",
            )
        if trades:
            self._read_trades(trades)
        else:
            self._read_bars(bars)

    def __len__(self) -> int:
        return len(self.times_ns)

    def last_row(self, now_ns: int) -> int:
        """Return the last row with venue time ≤ now; −1 before any."""
        return int(np.searchsorted(self.times_ns, now_ns, side="right")) - 1

    def price_at(self, now_ns: int) -> int | None:
        """Return the last price with venue time ≤ now, in ticks; None before any."""
        row = self.last_row(now_ns)
        return None if row < 0 else int(self.prices[row])

    def mark_before(self, time_ns: int) -> int | None:
        """Return the funding mark: last print before, or last bar close at or before."""
        row = self.last_row(time_ns if self.bars is not None else time_ns - 1)
        return None if row < 0 else int(self.prices[row])

    def first_after(self, time_ns: int) -> int:
        """Return the first row with venue time > time; `len` when there is none."""
        return int(np.searchsorted(self.times_ns, time_ns, side="right"))

    def bar(self, row: int) -> BarEvent:
        """Return one bar as a market event."""
        assert self.bars is not None, self.instrument.symbol
        bars = self.bars
        return BarEvent(
            open_time_ns=int(bars.open_time_ns[row]),
            close_time_ns=int(bars.close_time_ns[row]),
            open_ticks=int(bars.open_ticks[row]),
            high_ticks=int(bars.high_ticks[row]),
            low_ticks=int(bars.low_ticks[row]),
            close_ticks=int(bars.close_ticks[row]),
            volume_lots=int(bars.volume_lots[row]),
        )

    def serves(self, length_ns: int) -> bool:
        """Whether candles of this interval can be made."""
        return self.bars is None or length_ns % self.bars.interval_ns == 0

    def klines(self, length_ns: int) -> Klines:
        """Return all candles of an interval, future ones included; ask by close time."""
        known = self._klines.get(length_ns)
        if known is None:
            assert self.serves(length_ns), interval_name(length_ns)
            known = self._klines[length_ns] = self._make_klines(length_ns, 0, len(self))
        return known

    def running_kline(self, length_ns: int, now_ns: int) -> Kline | None:
        """Return the candle that is open now, of what is known by now; None without trading."""
        first = self.first_after(now_ns // length_ns * length_ns - 1)
        if self.bars is not None:
            # A bar belongs to the interval it opened in; one that closes at its start does not.
            first = self.first_after(now_ns // length_ns * length_ns)
        last = self.last_row(now_ns)
        if first > last:
            return None
        return self._make_klines(length_ns, first, last + 1).row(0)

    def mark_klines(self, length_ns: int) -> Klines:
        """Return candles of the mark price, future ones included: one for each interval.

        The mark is the last price, so a candle opens at the close before it, and one without
        trading stays there.
        """
        known = self._mark_klines.get(length_ns)
        if known is None:
            known = self._mark_klines[length_ns] = _marked(
                self.klines(length_ns).columns, length_ns
            )
        return known

    def running_mark_kline(self, length_ns: int, now_ns: int) -> Kline | None:
        """Return the mark's candle that is open now; None before any price."""
        open_ns = now_ns // length_ns * length_ns
        traded = self.running_kline(length_ns, now_ns)
        before = self.price_at(open_ns - 1 if self.bars is None else open_ns)
        if traded is not None:
            first = traded.open if before is None else before
            high, low, close = max(traded.high, first), min(traded.low, first), traded.close
        elif before is not None:
            first = high = low = close = before
        else:
            return None
        return Kline(open_ns, open_ns + length_ns, first, high, low, close, *(0,) * 7)

    def _read_trades(self, batches: Sequence[TradeColumns]) -> None:
        times = np.concatenate([batch.venue_time_ns for batch in batches])
        ids = np.concatenate([batch.trade_id for batch in batches])
        order = np.lexsort((ids, times))
        self.times_ns = times[order]
        self.trade_ids: Int64 = ids[order]
        self.prices: Int64 = np.concatenate([batch.price_ticks for batch in batches])[order]
        self.lots: Int64 = np.concatenate([batch.quantity_lots for batch in batches])[order]
        self.aggressors = np.concatenate([batch.aggressor for batch in batches])[order]
        self._require_positive("price", self.prices)
        self._require_positive("quantity", self.lots)

    def _read_bars(self, batches: Sequence[BarColumns]) -> None:
        intervals = {batch.interval_ns for batch in batches}
        if len(intervals) > 1:
            raise DataError(
                "the market mixes bar intervals",
                file=self.instrument.symbol,
                value=", ".join(interval_name(each) for each in sorted(intervals)),
                remedy="Hand over bars of the finest interval only; coarser ones are made here.",
            )
        joined = _join_bars(batches)
        order = np.lexsort((joined.revision, joined.open_time_ns))
        # Of several revisions of one bar the last is what really traded.
        opens = joined.open_time_ns[order]
        keep = order[np.append(opens[1:] != opens[:-1], True)] if len(order) else order
        self.bars = _take_bars(joined, keep)
        self.times_ns = self.bars.close_time_ns
        self.prices = self.bars.close_ticks
        self.lots = self.bars.volume_lots
        self.trade_ids = np.arange(1, len(keep) + 1, dtype=np.int64)
        self._require_positive("low", self.bars.low_ticks)
        if np.any(self.bars.open_time_ns[1:] < self.bars.close_time_ns[:-1]):
            raise DataError(
                "bars overlap",
                file=self.instrument.symbol,
                remedy="Hand over bars that follow each other.",
            )

    def _require_positive(self, name: str, column: Int64) -> None:
        wrong = np.flatnonzero(column <= 0)
        if len(wrong):
            raise DataError(
                f"{name} is not positive",
                file=self.instrument.symbol,
                row=int(wrong[0]) + 1,
                value=str(int(column[wrong[0]])),
                limit="at least 1",
                remedy="Judge and repair the market data first.",
            )

    def _make_klines(self, length_ns: int, first: int, stop: int) -> Klines:
        """Group rows [first, stop) into candles; intervals without rows have none."""
        part = slice(first, stop)
        lots = self.lots[part]
        if self.bars is None:
            times, opens, highs, lows = (self.times_ns, *[self.prices] * 3)
        else:
            bars = self.bars
            times, opens, highs, lows = (
                bars.open_time_ns,
                bars.open_ticks,
                bars.high_ticks,
                bars.low_ticks,
            )
        bucket = times[part] // length_ns
        if not len(bucket):
            return Klines({name: np.empty(0, np.int64) for name in Kline.__slots__})
        starts = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
        ends = np.append(starts[1:], len(bucket)) - 1
        turnover = lots * self.prices[part]
        assert (
            int(lots.max()) * int(self.prices[part].max()) * int((ends - starts).max() + 1)
            < _SAFE_TOTAL
        ), "turnover of a candle does not fit"
        is_trades = self.bars is None
        bought = self.aggressors[part] > 0 if is_trades else np.zeros(len(lots), np.bool_)
        nothing = np.zeros(len(starts), np.int64)
        open_ns = bucket[starts] * length_ns
        return Klines(
            {
                "open_ns": open_ns,
                "close_ns": open_ns + length_ns,
                "open": opens[part][starts],
                "high": np.maximum.reduceat(highs[part], starts),
                "low": np.minimum.reduceat(lows[part], starts),
                "close": self.prices[part][ends],
                "volume": np.add.reduceat(lots, starts),
                "turnover": np.add.reduceat(turnover, starts),
                "count": ends - starts + 1 if is_trades else nothing,
                "first_id": self.trade_ids[part][starts] if is_trades else nothing,
                "last_id": self.trade_ids[part][ends] if is_trades else nothing,
                "buy_volume": np.add.reduceat(lots * bought, starts),
                "buy_turnover": np.add.reduceat(turnover * bought, starts),
            }
        )


def _marked(traded: Mapping[str, Int64], length_ns: int) -> Klines:
    """Return candles of the last price on the whole grid of an interval."""
    opens = traded["open_ns"]
    if not len(opens):
        return Klines(traded)
    grid = np.arange(opens[0], opens[-1] + 1, length_ns, dtype=np.int64)
    # The last candle with trading at or before each place of the grid.
    last = np.searchsorted(opens, grid, side="right") - 1
    is_traded = opens[last] == grid
    close = traded["close"][last]
    first = np.concatenate((traded["open"][:1], close[:-1]))
    nothing = np.zeros(len(grid), np.int64)
    return Klines(
        {
            **dict.fromkeys(Kline.__slots__, nothing),
            "open_ns": grid,
            "close_ns": grid + length_ns,
            "open": first,
            "high": np.where(is_traded, np.maximum(traded["high"][last], first), first),
            "low": np.where(is_traded, np.minimum(traded["low"][last], first), first),
            "close": close,
        }
    )


def read_tapes(
    instruments: Sequence[Instrument], market: Iterable[MarketColumns], end_ns: int | None
) -> dict[str, Tape]:
    """Return the tape of each instrument by symbol.

    Args:
        instruments: What trades.
        market: Batches of any of them, in any order.
        end_ns: Events after it are left out; None keeps all.

    Raises:
        DataError: A batch is of an unknown instrument, an instrument has none, or rows are wrong.
    """
    batches: dict[str, list[MarketColumns]] = {each.symbol: [] for each in instruments}
    for batch in market:
        if batch.instrument not in batches:
            raise DataError(
                "the practice venue does not trade this instrument",
                file=batch.instrument,
                limit=", ".join(batches),
                remedy="Add it to the configuration or leave its market out.",
            )
        if len(batch):
            batches[batch.instrument].append(_until(batch, end_ns))
    return {each.symbol: Tape(each, batches[each.symbol]) for each in instruments}


def _until(batch: MarketColumns, end_ns: int | None) -> MarketColumns:
    if end_ns is None:
        return batch
    if isinstance(batch, TradeColumns):
        return _take_trades(batch, np.flatnonzero(batch.venue_time_ns <= end_ns))
    return _take_bars(batch, np.flatnonzero(batch.close_time_ns <= end_ns))


def _take_trades(batch: TradeColumns, rows: NDArray[np.intp]) -> TradeColumns:
    return TradeColumns(
        batch.instrument,
        batch.venue_time_ns[rows],
        batch.arrival_time_ns[rows],
        batch.price_ticks[rows],
        batch.quantity_lots[rows],
        batch.aggressor[rows],
        batch.trade_id[rows],
    )


def _take_bars(batch: BarColumns, rows: NDArray[np.intp]) -> BarColumns:
    return BarColumns(
        batch.instrument,
        batch.interval_ns,
        batch.open_time_ns[rows],
        batch.close_time_ns[rows],
        batch.arrival_time_ns[rows],
        batch.open_ticks[rows],
        batch.high_ticks[rows],
        batch.low_ticks[rows],
        batch.close_ticks[rows],
        batch.volume_lots[rows],
        batch.revision[rows],
        batch.warm_up[rows],
    )


def _join_bars(batches: Sequence[BarColumns]) -> BarColumns:
    return BarColumns(
        batches[0].instrument,
        batches[0].interval_ns,
        np.concatenate([batch.open_time_ns for batch in batches]),
        np.concatenate([batch.close_time_ns for batch in batches]),
        np.concatenate([batch.arrival_time_ns for batch in batches]),
        np.concatenate([batch.open_ticks for batch in batches]),
        np.concatenate([batch.high_ticks for batch in batches]),
        np.concatenate([batch.low_ticks for batch in batches]),
        np.concatenate([batch.close_ticks for batch in batches]),
        np.concatenate([batch.volume_lots for batch in batches]),
        np.concatenate([batch.revision for batch in batches]),
        np.concatenate([batch.warm_up for batch in batches]),
    )
