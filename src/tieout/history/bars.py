"""Bars made from stored trades, by the one rule of the matching page: [open, close), none empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import InputError
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["bars_from_trades"]


def bars_from_trades(
    trades: Iterable[TradeColumns], interval_ns: int, *, delay_ns: int
) -> Iterator[BarColumns]:
    """Yield bars of whole intervals since 1970; a bar across two chunks is one bar.

    Args:
        trades: In order of venue time.
        interval_ns: Positive.
        delay_ns: Arrival of a bar minus its close.

    Raises:
        InputError: The interval is not positive.
    """
    if interval_ns <= 0:
        raise InputError(f"bars: interval {interval_ns} ns must be positive")
    rest: TradeColumns | None = None
    for chunk in trades:
        whole = chunk if rest is None else _joined(rest, chunk)
        number = whole.venue_time_ns // interval_ns
        # The last interval may go on in the next chunk.
        complete = int(np.searchsorted(number, number[-1], "left"))
        rest = whole.rows(complete, len(whole))
        if complete:
            yield _bars(whole.rows(0, complete), interval_ns, delay_ns)
    if rest is not None:
        yield _bars(rest, interval_ns, delay_ns)


def _bars(trades: TradeColumns, interval_ns: int, delay_ns: int) -> BarColumns:
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


def _joined(one: TradeColumns, other: TradeColumns) -> TradeColumns:
    return TradeColumns(
        one.instrument,
        *(
            np.concatenate((getattr(one, name), getattr(other, name)))
            for name in (
                "venue_time_ns",
                "arrival_time_ns",
                "price_ticks",
                "quantity_lots",
                "aggressor",
                "trade_id",
            )
        ),
    )
