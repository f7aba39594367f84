"""What we ask of a venue: orders and cancels, as commands."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

import msgspec

__all__ = [
    "REJECTED",
    "AmendOrder",
    "CancelOrder",
    "HoldOrder",
    "Link",
    "LinkOrders",
    "Method",
    "OrderState",
    "OrderType",
    "PlaceOrder",
    "Side",
    "TimeInForce",
    "WorkOrder",
]

REJECTED: Final = {
    "post_only": "it would have taken liquidity",
    "reduce_only": "there is no position that it could reduce",
    "expired": "it arrived when its time was over",
    "no_session": "no session is known that it could wait for",
    "stale_price": "no price was known that is fresh enough",
}
"""What a simulated venue says of an order that it rejects, by the reason."""


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
    STOP_LIMIT = 4
    MARKET_IF_TOUCHED = 5
    LIMIT_IF_TOUCHED = 6
    TRAILING_STOP = 7
    MARKET_TO_LIMIT = 8


@unique
class TimeInForce(IntEnum):
    """How long an order lives."""

    GOOD_TILL_CANCEL = 1
    IMMEDIATE_OR_CANCEL = 2
    FILL_OR_KILL = 3
    GOOD_TILL_DATE = 4
    DAY = 5
    AT_OPEN = 6
    AT_CLOSE = 7


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


@unique
class Link(IntEnum):
    """How orders hang together. Numbers are the journal format and are never reused.

    ONE_CANCELS_OTHER: a fill of one cancels the rest. ONE_UPDATES_OTHER: together they never fill
    more than one of them wants. BRACKET: the first releases the others as it fills; they update
    each other, and they go when the position they guard is gone.
    """

    ONE_CANCELS_OTHER = 1
    ONE_UPDATES_OTHER = 2
    BRACKET = 3


@unique
class Method(IntEnum):
    """How a large order is worked in parts. Numbers are the journal format."""

    OVER_TIME = 1
    WITH_VOLUME = 2


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
        limit_ticks: Limit price; None unless the type has one.
        stop_ticks: Trigger price; None unless the type has one. Of a TRAILING_STOP where it starts;
            None: from the first price after its activation.
        time_in_force: `TimeInForce` value.
        decided_at_ns: Our clock when the strategy decided (arrival or due time, UTC).
        decision_price_ticks: Last price the strategy had seen then; None before any.
        origin: Readable origin of the decision, for evidence.
        expires_at_ns: Venue time from which on it can no longer fill (GOOD_TILL_DATE, DAY).
        post_only: Refused rather than filled as taker.
        reduce_only: Only ever makes the position smaller.
        trail_ticks: Distance of a TRAILING_STOP; None when it trails by a share.
        trail_share_e8: The same as a share of the price, in 10⁻⁸ (1 bp is 10 000).
        activation_ticks: Price at which a TRAILING_STOP begins to trail; None: at once.
        display_lots: Most of a limit order that the market sees at once; None: all.
        parent_id: Decision of the order that this one is a part or a leg of; empty for none.
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
    expires_at_ns: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    trail_ticks: int | None = None
    trail_share_e8: int | None = None
    activation_ticks: int | None = None
    display_lots: int | None = None
    parent_id: str = ""


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


class AmendOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=6):
    """The strategy's wish to change an order where it stands; None leaves a term as it is.

    Attributes:
        decision_id: Identity of this wish.
        order_decision_id: The order meant.
        lots: New total quantity, what has filled included.
        limit_ticks: New limit price.
        stop_ticks: New trigger price.
        decided_at_ns: Our clock when the strategy decided.
        origin: Readable origin of the wish.
    """

    decision_id: str
    order_decision_id: str
    lots: int | None
    limit_ticks: int | None
    stop_ticks: int | None
    decided_at_ns: int
    origin: str


class HoldOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=7):
    """An order that is kept here until something happens; nothing of it has left.

    What leaves later is a `PlaceOrder` with the same id, or parts whose `parent_id` is this order.

    Attributes:
        order: As it was wished, rounded.
        until: What it waits for: `triggered`, `parent`, `shown`.
    """

    order: PlaceOrder
    until: str


class LinkOrders(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=8):
    """Orders that act on each other from now on.

    Attributes:
        decision_id: Identity of this wish.
        link: `Link` value.
        orders: The orders; of a bracket the entry comes first.
        whole: Of a bracket: release the legs once the entry is done, not as it fills.
        decided_at_ns: Our clock when the strategy decided.
        origin: Readable origin of the wish.
    """

    decision_id: str
    link: int
    orders: tuple[str, ...]
    whole: bool
    decided_at_ns: int
    origin: str


class WorkOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=9):
    """An order that is worked in parts: by the clock, or with the volume that trades.

    Attributes:
        order: The whole; its parts are market orders, or limit orders at its limit.
        method: `Method` value.
        parts: OVER_TIME: how many; WITH_VOLUME: 0.
        interval_ns: OVER_TIME: from one part to the next; WITH_VOLUME: 0.
        share_e8: WITH_VOLUME: of the volume seen, in 10⁻⁸; OVER_TIME: 0.
    """

    order: PlaceOrder
    method: int
    parts: int = 0
    interval_ns: int = 0
    share_e8: int = 0
