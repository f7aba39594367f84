"""Triggers: stops, touches and stops that trail. The rules are on the matching page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import uncounted_inner
from tieout.market._layout import (
    ACTIVATION,
    AFTER,
    DONE,
    EXTREME,
    HUNGRY,
    KIND,
    KNOWN_TIME,
    LIMIT,
    LIMIT_KIND,
    OUT_REASON,
    PHASE,
    POST_ONLY,
    POST_ONLY_REASON,
    REJECTION,
    RESTING,
    SIDE,
    STOP,
    TAKING,
    TRAIL,
    TRAIL_SHARE,
    TRAILING_TRIGGER,
    TRIGGER,
    TRIGGER_REPORT,
)
from tieout.market._orders_compiled import report_order, trigger_direction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@uncounted_inner
def is_reached(orders: Array, base: int, price: int) -> bool:
    """Whether a price is at the trigger of an order or beyond."""
    way = trigger_direction(orders, base)
    return orders[base + STOP] != 0 and way * price >= way * orders[base + STOP]


@uncounted_inner
def ratchet(orders: Array, base: int, price: int) -> None:
    """Let a trailing stop follow a price that comes our way; it never goes back.

    The distance by a share of the price is rounded up: the stop stays further away.
    """
    side = orders[base + SIDE]
    extreme = orders[base + EXTREME]
    if extreme == 0 or side * price < side * extreme:
        orders[base + EXTREME] = price
    stop = trailed_stop(orders, base, price)
    if stop > 0 and (orders[base + STOP] == 0 or side * stop < side * orders[base + STOP]):
        orders[base + STOP] = stop


@uncounted_inner
def trailed_stop(orders: Array, base: int, price: int) -> int:
    """Return where a trailing stop belongs after a price; 0 or less where no price is so low."""
    distance = orders[base + TRAIL]
    if distance == 0:
        distance = max(1, -(-price * orders[base + TRAIL_SHARE] // 100_000_000))
    return price + orders[base + SIDE] * distance


@uncounted_inner
def activates(orders: Array, base: int, price: int) -> bool:
    """Whether a trailing stop trails once a price is seen; it starts with this one."""
    side = orders[base + SIDE]
    if orders[base + ACTIVATION] == 0:
        return True
    if side * price > side * orders[base + ACTIVATION]:
        return False
    orders[base + ACTIVATION] = 0
    return True


@uncounted_inner
def fires(orders: Array, base: int, price: int) -> bool:
    """Show a price to an armed order; return whether it is triggered, tested before it trails."""
    if orders[base + TRIGGER] == TRAILING_TRIGGER:
        if not activates(orders, base, price):
            return False
        if not is_reached(orders, base, price):
            ratchet(orders, base, price)
            return False
        return True
    return is_reached(orders, base, price)


@uncounted_inner
def is_marketable(orders: Array, base: int, price: int) -> bool:
    """Whether a price lies at or inside the limit of an order, so that it would take."""
    side = orders[base + SIDE]
    return price != 0 and side * price <= side * orders[base + LIMIT]


@uncounted_inner
def reject(
    state: Array,
    orders: Array,
    out: Array,
    base: int,
    reason: int,
    venue_time: int,
    known: int,
    moment: int,
    rank: int,
) -> None:
    """Refuse an order."""
    row = report_order(state, orders, out, base, REJECTION, venue_time, known, moment, rank)
    out[row + OUT_REASON] = reason
    orders[base + PHASE] = DONE


@uncounted_inner
def release(
    state: Array,
    orders: Array,
    out: Array,
    base: int,
    price: int,
    venue_time: int,
    moment: int,
    rank: int,
) -> None:
    """Report a trigger at a price, and make the order what it is from then on."""
    known = state[KNOWN_TIME]
    report_order(state, orders, out, base, TRIGGER_REPORT, venue_time, known, moment, rank)
    orders[base + AFTER] = venue_time
    if orders[base + KIND] != LIMIT_KIND:
        orders[base + PHASE] = HUNGRY
    elif not is_marketable(orders, base, price):
        orders[base + PHASE] = RESTING
    elif orders[base + POST_ONLY] == 1:
        reject(state, orders, out, base, POST_ONLY_REASON, venue_time, known, moment, rank)
    else:
        orders[base + PHASE] = TAKING
