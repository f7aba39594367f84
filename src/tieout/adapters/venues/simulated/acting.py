"""What a simulated venue does to open orders and positions when a corporate action takes effect.

    split            every order is made as large and as priced as it leaves it; what is left with
                     no lot is cancelled
    symbol change    every order is cancelled
    delisting        every order is cancelled, the position is closed at the last price by an order
                     of the venue's own, without a fee; nothing is taken any more
    dividend         orders stay as they are; the last price is less by it

What becomes of orders is told when the action is known, one response later. It is one rule for all
levels: what a core does to its own orders is in `tieout.market.acting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tieout.ledger.actions import carried_ticks, paid_ticks
from tieout.market import ASSUMED
from tieout.model.events import (
    CorporateAction,
    Delisted,
    DividendPaid,
    Fill,
    Liquidity,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    Split,
)
from tieout.model.orders import OrderType, PlaceOrder, TimeInForce
from tieout.model.splits import Ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.adapters.venues.simulated.cores import Core
    from tieout.market import CoreReport
    from tieout.market.acting import OrderLeft
    from tieout.model.instruments import Instrument

__all__ = ["DELISTING", "Acted", "act_on", "carried_over", "closing_of", "order_report"]

DELISTING: Final = "delisting"
"""What the id of the order begins with that closes a position."""


_SAME: Final = Ratio(1, 1)


class Acted(NamedTuple):
    """What an action did in a market.

    Attributes:
        left: Every order that was open, as it is now.
        paid: What fell due on the position by then.
        ratio: New units for old ones.
    """

    left: Sequence[OrderLeft]
    paid: Sequence[CoreReport]
    ratio: Ratio


def act_on(
    core: Core, instrument: Instrument, action: CorporateAction, *, told_ns: int, past: bool
) -> Acted:
    """Let an action take effect in a market, whatever it is matched on.

    Args:
        core: All of whose rows from before the action are met.
        instrument: Whose ticks these are.
        action: The action.
        told_ns: When what fell due before it is told.
        past: Whether positions are as it left them already.
    """
    at_ns = action.venue_time_ns
    if isinstance(action, Split):
        ratio, held = Ratio(action.new, action.old), core.position_lots
        left, paid = core.split(ratio, at_ns=at_ns, known_ns=told_ns)
        if past:
            core.hold(held)
        return Acted(left, paid, ratio)
    if not isinstance(action, DividendPaid):
        return Acted(core.drop_orders(), (), _SAME)
    core.pay(paid_ticks(action, instrument), at_ns=at_ns)
    return Acted((), (), _SAME)


def carried_over(action: CorporateAction, instrument: Instrument, price_ticks: int) -> int:
    """Return a price from before an action as it is after it, in ticks."""
    if isinstance(action, Split | DividendPaid):
        return carried_ticks(action, instrument, price_ticks)
    return price_ticks


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


def closing_of(
    core: Core, instrument: Instrument, action: Delisted, held_lots: int, told_ns: int
) -> Sequence[OrderImposed | Fill]:
    """Close a position at the last price and return what is told of it.

    Nothing is, where nothing is held or there never was a price.
    """
    price = core.price_before(action.venue_time_ns)
    core.hold(0)
    if not held_lots or price is None:
        return ()
    order = _closing_order(action, held_lots, price)
    return _closing_reports(order, price, instrument.currency, told_ns)


def _closing_order(action: Delisted, lots: int, price_ticks: int) -> PlaceOrder:
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


def _closing_reports(
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
