"""Single market events from columns, and columns from single events."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import Bar, Trade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tieout.model.columns import Int64Column, MarketColumns

__all__ = ["columns_of", "events_of"]


def events_of(columns: MarketColumns, *, tick: float) -> Iterator[Trade | Bar]:
    """Return each row as an event.

    Args:
        columns: Any number of rows.
        tick: Size of a tick, for the prices as floats.
    """
    if isinstance(columns, TradeColumns):
        return map(
            Trade,
            repeat(columns.instrument),
            columns.venue_time_ns.tolist(),
            columns.arrival_time_ns.tolist(),
            columns.price_ticks.tolist(),
            columns.quantity_lots.tolist(),
            columns.aggressor.tolist(),
            columns.trade_id.tolist(),
            (columns.price_ticks * tick).tolist(),
        )
    return map(
        Bar,
        repeat(columns.instrument),
        repeat(columns.interval_ns),
        *(getattr(columns, name).tolist() for name in _BAR_COLUMNS),
        repeat(tick),
        columns.warm_up.tolist(),
        repeat(None) if columns.trades is None else columns.trades.tolist(),
        repeat(False) if columns.synthetic is None else columns.synthetic.tolist(),  # noqa: FBT003
        repeat(columns.running),
        repeat(columns.rule),
    )


def columns_of(events: Sequence[Trade] | Sequence[Bar]) -> MarketColumns:
    """Return events of one stream as columns; at least one, in order of arrival."""
    first = events[0]
    if isinstance(first, Trade):
        return TradeColumns(
            first.instrument,
            _column(events, "venue_time_ns"),
            _column(events, "arrival_time_ns"),
            _column(events, "price_ticks"),
            _column(events, "quantity_lots"),
            _column(events, "aggressor").astype(np.int8),
            _column(events, "trade_id"),
        )
    return BarColumns(
        first.instrument,
        first.interval_ns,
        _column(events, "open_time_ns"),
        _column(events, "close_time_ns"),
        _column(events, "arrival_time_ns"),
        _column(events, "open_ticks"),
        _column(events, "high_ticks"),
        _column(events, "low_ticks"),
        _column(events, "close_ticks"),
        _column(events, "volume_lots"),
        _column(events, "revision"),
        _column(events, "warm_up").astype(np.bool_),
        None if first.trades is None else _column(events, "trades"),
        _column(events, "synthetic").astype(np.bool_),
        first.rule,
        first.running,
    )


_BAR_COLUMNS = (
    "open_time_ns",
    "close_time_ns",
    "arrival_time_ns",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume_lots",
    "revision",
)


def _column(events: Sequence[Trade] | Sequence[Bar], name: str) -> Int64Column:
    return np.array([getattr(each, name) for each in events], np.int64)
