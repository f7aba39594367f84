"""What we ask of a venue: orders and cancels, as commands."""

from __future__ import annotations

from enum import IntEnum, unique

import msgspec

__all__ = ["CancelOrder", "OrderState", "OrderType", "PlaceOrder", "Side", "TimeInForce"]


@unique
class Side(IntEnum):
    """Direction of an order or fill; the value is the sign of the position change."""

    BUY = 1
    SELL = -1


@unique
class OrderType(IntEnum):
    """How an order meets the market. Numbers are the journal format and are never reused."""

    MARKET = 1
    LIMIT = 2
    STOP_MARKET = 3


@unique
class TimeInForce(IntEnum):
    """How long an order lives."""

    GOOD_TILL_CANCEL = 1
    IMMEDIATE_OR_CANCEL = 2


@unique
class OrderState(IntEnum):
    """Where an order stands, as far as we know.

    INTENDED and UNKNOWN count at full remaining size against every limit.
    """

    INTENDED = 1
    SENT = 2
    ACCEPTED = 3
    PARTLY_FILLED = 4
    FILLED = 5
    CANCELLED = 6
    REJECTED = 7
    UNKNOWN = 8
    DENIED = 9

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the order (a late fill is still booked)."""
        return self in _FINAL


_FINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.DENIED}
)


class PlaceOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=1):
    """The strategy's wish for an order, after rounding: a decision.

    Attributes:
        decision_id: 24 hex digits from the decision's origin; the same in every world.
        instrument: Symbol.
        side: `Side` value.
        order_type: `OrderType` value.
        lots: Positive.
        limit_ticks: Limit price; None unless LIMIT.
        stop_ticks: Trigger price; None unless STOP_MARKET.
        time_in_force: `TimeInForce` value.
        decided_at_ns: Our clock when the strategy decided (arrival or due time, UTC).
        decision_price_ticks: Last price the strategy had seen then; None before any.
        origin: Readable origin of the decision, for evidence.
    """

    decision_id: str
    instrument: str
    side: int
    order_type: int
    lots: int
    limit_ticks: int | None
    stop_ticks: int | None
    time_in_force: int
    decided_at_ns: int
    decision_price_ticks: int | None
    origin: str


class CancelOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=2):
    """The strategy's wish to cancel what is left of an order.

    Attributes:
        decision_id: Identity of this wish.
        order_decision_id: The order meant.
        decided_at_ns: Our clock when the strategy decided.
        origin: Readable origin of the wish.
    """

    decision_id: str
    order_decision_id: str
    decided_at_ns: int
    origin: str
