"""What a split does to an order, rounded: never larger, never nearer to the market than it was.

Lots round down. A buy's limit rounds down and a sale's up. A stop rounds away from the market, a
buy's up and a sale's down, what waits for the price to come our way the other way round; distances
round up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tieout.model.orders import OrderType

if TYPE_CHECKING:
    from tieout.model.orders import PlaceOrder

__all__ = ["Ratio", "distance_after", "limit_after", "lots_after", "order_after", "trigger_after"]

_TOUCHED: Final = (OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)


class Ratio(NamedTuple):
    """`new` units for each `old`."""

    new: int
    old: int


def lots_after(lots: int, ratio: Ratio) -> int:
    """Return lots after a split, toward zero.

    >>> lots_after(-15, Ratio(1, 10))
    -1
    """
    after = abs(lots) * ratio.new // ratio.old
    return after if lots >= 0 else -after


def limit_after(ticks: int, side: int, ratio: Ratio) -> int:
    """Return a limit price after a split."""
    return _price_after(ticks, ratio, up=side < 0)


def trigger_after(ticks: int, side: int, ratio: Ratio, *, touched: bool) -> int:
    """Return a trigger price after a split.

    Args:
        ticks: Before it.
        side: `Side` value of the order.
        ratio: Of the split.
        touched: Whether the order waits for the price to come its way, as an activation does.
    """
    return _price_after(ticks, ratio, up=(side > 0) != touched)


def distance_after(ticks: int, ratio: Ratio) -> int:
    """Return a distance in price after a split."""
    return _price_after(ticks, ratio, up=True)


def order_after(order: PlaceOrder, filled_lots: int, ratio: Ratio) -> PlaceOrder:
    """Return an order as a split leaves it; what has filled keeps the count it filled with."""
    side = order.side
    return msgspec.structs.replace(
        order,
        lots=filled_lots + lots_after(max(0, order.lots - filled_lots), ratio),
        limit_ticks=None
        if order.limit_ticks is None
        else limit_after(order.limit_ticks, side, ratio),
        stop_ticks=None
        if order.stop_ticks is None
        else trigger_after(
            order.stop_ticks, side, ratio, touched=OrderType(order.order_type) in _TOUCHED
        ),
        trail_ticks=None if order.trail_ticks is None else distance_after(order.trail_ticks, ratio),
        activation_ticks=None
        if order.activation_ticks is None
        else trigger_after(order.activation_ticks, side, ratio, touched=True),
        display_lots=None
        if order.display_lots is None
        else max(1, lots_after(order.display_lots, ratio)),
        decision_price_ticks=None
        if order.decision_price_ticks is None
        else max(1, (2 * order.decision_price_ticks * ratio.old + ratio.new) // (2 * ratio.new)),
    )


def _price_after(ticks: int, ratio: Ratio, *, up: bool) -> int:
    exact = ticks * ratio.old
    return max(1, -(-exact // ratio.new) if up else exact // ratio.new)
