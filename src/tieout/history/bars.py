"""Bars made from stored trades, by the one rule of the matching page: [open, close), none empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import InputError
from tieout.model.columns import BarColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.model.columns import TradeColumns

__all__ = ["bars_from_trades"]


def bars_from_trades(
    trades: Iterable[TradeColumns], interval_ns: int, *, delay_ns: int = 0
) -> Iterator[BarColumns]:
    """Yield bars of whole intervals since 1970; a bar across chunks is one bar.

    An interval without trades gives no bar. The last bar is given even when its interval goes on
    after the last trade.

    Args:
        trades: In order of venue time.
        interval_ns: Positive.
        delay_ns: Arrival of a bar minus its close; not negative.

    Raises:
        InputError: Interval or delay are out of range.
    """
    if interval_ns <= 0 or delay_ns < 0:
        raise InputError(
            f"bars: interval {interval_ns} ns must be positive and delay {delay_ns} ns 0 or more"
        )
    return _bars_from_trades(trades, interval_ns, delay_ns)


def _bars_from_trades(
    trades: Iterable[TradeColumns], interval_ns: int, delay_ns: int
) -> Iterator[BarColumns]:
    unfinished: BarColumns | None = None
    for chunk in trades:
        if not len(chunk):
            continue
        bars = _bars(chunk, interval_ns, delay_ns)
        if unfinished is not None:
            if unfinished.open_time_ns[0] == bars.open_time_ns[0]:
                _continue(unfinished, bars)
            else:
                yield unfinished
        # The last interval may go on in the next chunk.
        unfinished = bars.rows(len(bars) - 1, len(bars))
        if len(bars) > 1:
            yield bars.rows(0, len(bars) - 1)
    if unfinished is not None:
        yield unfinished


def _bars(trades: TradeColumns, interval_ns: int, delay_ns: int) -> BarColumns:
    """Return the bars of one chunk, each as far as the chunk tells."""
    number = trades.venue_time_ns // interval_ns
    first = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))
    last = np.concatenate((first[1:], [len(number)])) - 1
    price = trades.price_ticks
    opened = number[first] * interval_ns
    return BarColumns(
        trades.instrument,
        interval_ns,
        opened,
        opened + interval_ns,
        opened + interval_ns + delay_ns,
        price[first],
        np.maximum.reduceat(price, first),
        np.minimum.reduceat(price, first),
        price[last],
        np.add.reduceat(trades.quantity_lots, first),
        np.zeros(len(first), np.int64),
        np.zeros(len(first), np.bool_),
    )


def _continue(begun: BarColumns, bars: BarColumns) -> None:
    """Put what was known of the first bar before in front of what the chunk tells of it."""
    bars.open_ticks[0] = begun.open_ticks[0]
    bars.high_ticks[0] = max(begun.high_ticks[0], bars.high_ticks[0])
    bars.low_ticks[0] = min(begun.low_ticks[0], bars.low_ticks[0])
    bars.volume_lots[0] += begun.volume_lots[0]
