"""What an order's terms mean to the matching core, and which cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.market import _layout as at
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.profiles import FundingRule

if TYPE_CHECKING:
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile
    from tieout.model.sessions import Sessions

__all__ = [
    "AT_CLOSE",
    "AT_ONCE",
    "FOR_EVER",
    "KINDS",
    "amend_refused",
    "first_funding_ns",
    "life_of",
    "terms_refused",
]

NO_SESSION: Final = "no_session"
EXPIRED: Final = "expired"

KINDS: Final = {
    int(OrderType.MARKET): (at.MARKET_KIND, at.NO_TRIGGER),
    int(OrderType.LIMIT): (at.LIMIT_KIND, at.NO_TRIGGER),
    int(OrderType.STOP_MARKET): (at.MARKET_KIND, at.STOP_TRIGGER),
    int(OrderType.STOP_LIMIT): (at.LIMIT_KIND, at.STOP_TRIGGER),
    int(OrderType.MARKET_IF_TOUCHED): (at.MARKET_KIND, at.TOUCH_TRIGGER),
    int(OrderType.LIMIT_IF_TOUCHED): (at.LIMIT_KIND, at.TOUCH_TRIGGER),
    int(OrderType.TRAILING_STOP): (at.MARKET_KIND, at.TRAILING_TRIGGER),
    int(OrderType.MARKET_TO_LIMIT): (at.TO_LIMIT_KIND, at.NO_TRIGGER),
}
"""What an order is once triggered, and what triggers it."""

AT_ONCE: Final = {
    int(TimeInForce.GOOD_TILL_CANCEL): at.STAYS,
    int(TimeInForce.IMMEDIATE_OR_CANCEL): at.ONE_EVENT,
    int(TimeInForce.FILL_OR_KILL): at.ALL_OR_NOTHING,
    int(TimeInForce.GOOD_TILL_DATE): at.STAYS,
    int(TimeInForce.DAY): at.STAYS,
    int(TimeInForce.AT_OPEN): at.ONE_EVENT,
    int(TimeInForce.AT_CLOSE): at.STAYS,
}
"""How an order lives that has met an event."""

GOOD_TILL_DATE: Final = int(TimeInForce.GOOD_TILL_DATE)
DAY: Final = int(TimeInForce.DAY)
AT_OPEN: Final = int(TimeInForce.AT_OPEN)
AT_CLOSE: Final = int(TimeInForce.AT_CLOSE)
# Plain numbers: a member of an enumeration is an order of magnitude slower to compare.
_STAYS = (int(TimeInForce.GOOD_TILL_CANCEL), GOOD_TILL_DATE, DAY)
_AT_SESSION = (AT_OPEN, AT_CLOSE)
_FOR_SESSIONS = (int(OrderType.MARKET), int(OrderType.LIMIT))
_SHARE_WHOLE = 10**8
FOR_EVER: Final = (0, at.NEVER)


def first_funding_ns(profile: SimulationProfile, start_ns: int) -> int:
    """Return when funding is first due on what is held from `start_ns` on.

    −1: nothing is owed, or that start is not known; then the first market event tells.
    """
    if not start_ns or profile.funding_rule is FundingRule.NONE:
        return -1
    interval = profile.funding_interval_ns
    return (start_ns // interval + 1) * interval


def life_of(order: PlaceOrder, arrival_ns: int, sessions: Sessions) -> tuple[int, int] | str:
    """Return from when on and until when an order may fill, or why it cannot live at all.

    0 for no start, `NEVER` for no end; in venue time.
    """
    force, ends = order.time_in_force, order.expires_at_ns
    if ends is None and force < GOOD_TILL_DATE:
        return FOR_EVER
    starts, expires = FOR_EVER
    if force == DAY:
        end = sessions.day_end_ns(arrival_ns)
        if end is None:
            return NO_SESSION
        expires = end
    elif force in _AT_SESSION:
        to_open = force == AT_OPEN
        session = (sessions.opening_after if to_open else sessions.closing_after)(arrival_ns)
        if session is None:
            return NO_SESSION
        starts, expires = session
    if ends is not None and force != AT_CLOSE:
        expires = min(expires, ends)
    return EXPIRED if expires <= arrival_ns else (starts, expires)


def terms_refused(order: PlaceOrder) -> str | None:  # noqa: C901, PLR0912  one list of rules
    """Return what of an order's terms cannot be, or None."""
    means, force = KINDS.get(order.order_type), order.time_in_force
    if means is None:
        return f"order type {order.order_type} is unknown"
    if force not in AT_ONCE:
        return f"time in force {force} is unknown"
    if not 0 < order.lots <= at.LOTS_MAX:
        return f"{order.lots} lots; a quantity must be positive and at most {at.LOTS_MAX}"
    kind, trigger = means
    limit, stop, activation = order.limit_ticks, order.stop_ticks, order.activation_ticks
    if limit is not None:
        if not 0 < limit < at.NEVER:
            return f"limit price {limit}; a price must be positive"
    elif kind == at.LIMIT_KIND:
        return "a limit order needs a limit price"
    if stop is not None:
        if not 0 < stop < at.NEVER:
            return f"trigger price {stop}; a price must be positive"
    elif trigger in (at.STOP_TRIGGER, at.TOUCH_TRIGGER):
        return "a stop order needs a trigger price"
    if trigger == at.TRAILING_TRIGGER:
        if activation is not None and not 0 < activation < at.NEVER:
            return f"activation price {activation}; a price must be positive"
        refused = _trail_refused(order)
        if refused is not None:
            return refused
    if force >= GOOD_TILL_DATE:
        if force == GOOD_TILL_DATE and order.expires_at_ns is None:
            return "an order good till a date needs the date"
        if force in _AT_SESSION and order.order_type not in _FOR_SESSIONS:
            return "only market and limit orders are for the open or the close"
    if order.post_only or order.display_lots is not None:
        return _resting_refused(order, may_rest=kind == at.LIMIT_KIND and force in _STAYS)
    return None


def _resting_refused(order: PlaceOrder, *, may_rest: bool) -> str | None:
    display = order.display_lots
    if order.post_only and not may_rest:
        return "post-only is for limit orders that may rest"
    if display is not None:
        if not may_rest:
            return "only limit orders that may rest show a part"
        if not 0 < display <= order.lots:
            return f"{display} lots shown of {order.lots}; show some, at most all"
    return None


def _trail_refused(order: PlaceOrder) -> str | None:
    ticks, share = order.trail_ticks, order.trail_share_e8
    if (ticks is None) == (share is None):
        return "a trailing stop needs a distance, in ticks or as a share of the price"
    if ticks is not None and not 0 < ticks <= at.PRICE_MAX:
        return f"trail_ticks {ticks}; a distance must be positive and at most {at.PRICE_MAX}"
    if share is not None and not 0 < share < _SHARE_WHOLE:
        return f"trail_share_e8 {share}; a share lies between 0 and {_SHARE_WHOLE}"
    return None


def amend_refused(order: AmendOrder) -> str | None:
    """Return what of an amend's terms cannot be, or None."""
    if order.lots is not None and not 0 < order.lots <= at.LOTS_MAX:
        return f"{order.lots} lots; a quantity must be positive and at most {at.LOTS_MAX}"
    for name in ("limit_ticks", "stop_ticks"):
        price = getattr(order, name)
        if price is not None and not 0 < price < at.NEVER:
            return f"{name} {price}; a price must be positive"
    return None
