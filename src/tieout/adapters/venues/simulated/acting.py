"""What a simulated venue does to open orders and positions when a corporate action takes effect.

    split            every order is made as large and as priced as it leaves it; what is left with
                     no lot is cancelled
    symbol change    every order is cancelled
    delisting        every order is cancelled, the position is closed at the last price by an order
                     of the venue's own, without a fee; nothing is taken any more
    dividend         orders stay as they are

What becomes of orders is told when the action is known, one response later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.market import ASSUMED
from tieout.model.events import (
    CorporateAction,
    Fill,
    Liquidity,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    Split,
)
from tieout.model.orders import OrderType, PlaceOrder, TimeInForce

if TYPE_CHECKING:
    from tieout.market.matching import OrderLeft

__all__ = ["DELISTING", "closing_order", "closing_reports", "order_report"]

DELISTING: Final = "delisting"
"""What the id of the order begins with that closes a position."""


def order_report(
    order: PlaceOrder, left: OrderLeft, action: CorporateAction, known_ns: int
) -> OrderAmended | OrderCancelled:
    """Return what is told of an order that was open when an action took effect.

    Args:
        order: As the venue knows it.
        left: As it is after the action.
        action: The action.
        known_ns: When it is told.
    """
    if isinstance(action, Split) and left.lots > left.filled_lots:
        return OrderAmended(
            decision_id=order.decision_id,
            lots=left.lots,
            limit_ticks=left.limit_ticks,
            stop_ticks=left.stop_ticks,
            venue_time_ns=action.venue_time_ns,
            arrival_time_ns=known_ns,
        )
    return OrderCancelled(
        decision_id=order.decision_id,
        reason="venue",
        filled_lots=left.filled_lots,
        venue_time_ns=action.venue_time_ns,
        arrival_time_ns=known_ns,
    )


def closing_order(action: CorporateAction, lots: int, price_ticks: int) -> PlaceOrder:
    """Return the order by which the venue closes a position of so many signed lots."""
    at_ns = action.venue_time_ns
    return PlaceOrder(
        decision_id=f"{DELISTING}:{action.instrument}:{at_ns}",
        instrument=action.instrument,
        side=-1 if lots > 0 else 1,
        order_type=int(OrderType.MARKET),
        lots=abs(lots),
        limit_ticks=None,
        stop_ticks=None,
        time_in_force=int(TimeInForce.GOOD_TILL_CANCEL),
        decided_at_ns=at_ns,
        decision_price_ticks=price_ticks,
        origin=f"venue:{DELISTING}",
        reduce_only=True,
    )


def closing_reports(
    order: PlaceOrder, price_ticks: int, currency: str, known_ns: int
) -> tuple[OrderImposed, Fill]:
    """Return what is told of a closed position."""
    imposed = OrderImposed(
        order=order,
        reason=DELISTING,
        venue_time_ns=order.decided_at_ns,
        arrival_time_ns=known_ns,
    )
    fill = Fill(
        decision_id=order.decision_id,
        trade_id=f"{order.decision_id}-1",
        instrument=order.instrument,
        side=order.side,
        lots=order.lots,
        price_ticks=price_ticks,
        fee=0,
        fee_currency=currency,
        liquidity=int(Liquidity.TAKER),
        venue_time_ns=order.decided_at_ns,
        arrival_time_ns=known_ns,
        reference_ticks=price_ticks,
        resolved_by=ASSUMED,
    )
    return imposed, fill
