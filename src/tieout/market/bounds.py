"""How much an unresolved bar could have earned or lost us, whatever its path was.

Each order is taken alone and between the worst and the best that any path through the bar allows,
from nothing filled to everything; the sums hold for every path, and for every way in which the
orders may have depended on each other. All exact, in ticks times lots, priced at the bar's close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.market import _layout as at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    PriceTaken = Callable[[int, int, int], int]

__all__ = ["BarSeen", "bar_bounds"]


class BarSeen(msgspec.Struct, frozen=True, gc=False):
    """One bar: its times and what it says of its path."""

    open_time_ns: int
    close_time_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int


def bar_bounds(
    bar: BarSeen,
    orders: Iterable[Sequence[int]],
    *,
    price_taken: PriceTaken,
    share: tuple[int, int] | None,
    gives_all: bool,
    touch: bool,
    disturbed: Mapping[int, int],
) -> tuple[int, int]:
    """Return the least and the most that the orders can have earned in a bar.

    Args:
        bar: What is known of the path.
        orders: Rows of `orders` as they stand before the bar.
        price_taken: What a taker pays, from side, reference and lots; 0 lots: without impact. σ and
            V are those before the bar, which is exact for bars within a minute.
        share: Numerator and denominator of the volume our orders may take; None for no limit.
        gives_all: Whether an order that is reached fills whole.
        touch: Whether a limit fills when it is only touched.
        disturbed: Orders with a cancel or amend inside of the bar, by number, and the most lots
            that an amend gives them; 0 for a cancel.

    Returns:
        Ticks times lots against the close, before fees; equal when the path does not matter.
    """
    there = [
        each for each in orders if each[at.PHASE] != at.DONE and each[at.AFTER] < bar.close_time_ns
    ]
    least = most = 0
    together = _stop_and_limit(bar, there, touch=touch)
    for order in there:
        changed = disturbed.get(order[at.NUMBER])
        lots = _lots_at_most(order, bar.volume_lots, share, changed or 0)
        at_open = gives_all and changed is None and _meets_open(bar, order)
        reach = _prices(bar, order, lots, price_taken, at_open=at_open, touch=touch)
        if changed:
            # Its price may be another one by then.
            reach = _any_price(bar, order[at.SIDE], lots, price_taken)
        if lots == 0 or reach is None:
            continue
        side = order[at.SIDE]
        ends = [side * (bar.close_ticks - price) * lots for price in reach]
        whole = at_open or (gives_all and _is_sure_to_fill(bar, order))
        if not whole or together or changed is not None:
            ends.append(0)
        least += min(ends)
        most += max(ends)
    return least, most


def _lots_at_most(
    order: Sequence[int], volume: int, share: tuple[int, int] | None, amended: int
) -> int:
    whole = order[at.LOTS] if amended == at.NEVER else max(order[at.LOTS], amended)
    remaining = whole - order[at.FILLED]
    if share is None:
        return remaining
    most = (order[at.VOLUME] + volume) * share[0] // share[1] - order[at.FILLED]
    return max(0, min(remaining, volume, most))


def _prices(
    bar: BarSeen,
    order: Sequence[int],
    lots: int,
    price_taken: PriceTaken,
    *,
    at_open: bool,
    touch: bool,
) -> tuple[int, int] | None:
    """Return the prices between which an order fills if it does; None when no path reaches it."""
    side = order[at.SIDE]
    if _waits_for_trigger(order) and not _may_trigger(bar, order):
        return None
    if order[at.KIND] == at.LIMIT_KIND:
        limit = order[at.LIMIT]
        best = _extreme(bar, -side)
        if side * best > side * limit:
            return None
        if order[at.PHASE] == at.RESTING:
            return (limit, limit) if touch or best != limit else None
        # It may take at any print that lies within its limit.
        taken = price_taken(side, best, 0)
        return (taken if side * taken < side * limit else limit), limit
    if at_open:
        opening = price_taken(side, bar.open_ticks, lots)
        return opening, opening
    return _any_price(bar, side, lots, price_taken)


def _any_price(bar: BarSeen, side: int, lots: int, price_taken: PriceTaken) -> tuple[int, int]:
    """Return the best and the worst that a taker can pay in the bar."""
    best = price_taken(side, _extreme(bar, -side), 0)
    return best, price_taken(side, _extreme(bar, side), lots)


def _extreme(bar: BarSeen, way: int) -> int:
    return bar.high_ticks if way == 1 else bar.low_ticks


def _meets_open(bar: BarSeen, order: Sequence[int]) -> bool:
    """Return whether an order fills whole at the bar's first print, which is its open.

    One that arrives at the open itself does not see a print of that very moment.
    """
    if order[at.PHASE] == at.HUNGRY:
        hungry = True
    else:
        market = order[at.KIND] != at.LIMIT_KIND and order[at.TRIGGER] == at.NO_TRIGGER
        hungry = market and order[at.PHASE] == at.WAITING
    unbound = order[at.STARTS] == 0 and order[at.REDUCE_ONLY] == 0
    lives = order[at.EXPIRES] > bar.open_time_ns and _price_is_fresh(bar)
    return hungry and unbound and lives and order[at.AFTER] < bar.open_time_ns


def _price_is_fresh(bar: BarSeen) -> bool:
    """Return whether anything traded: else the open is no print."""
    return bar.volume_lots > 0


def _is_sure_to_fill(bar: BarSeen, order: Sequence[int]) -> bool:
    """Return whether an order that the bar reaches fills whole in it on every path."""
    rests = order[at.PHASE] == at.RESTING and order[at.AFTER] < bar.open_time_ns
    plain = order[at.REDUCE_ONLY] == 0 and order[at.DISPLAY] == 0 and order[at.AT_ONCE] == at.STAYS
    return rests and plain and order[at.EXPIRES] >= bar.close_time_ns


def _waits_for_trigger(order: Sequence[int]) -> bool:
    waiting = order[at.PHASE] in (at.ARMED, at.WAITING)
    return order[at.TRIGGER] != at.NO_TRIGGER and waiting


def _may_trigger(bar: BarSeen, order: Sequence[int]) -> bool:
    side, stop = order[at.SIDE], order[at.STOP]
    match order[at.TRIGGER]:
        case at.STOP_TRIGGER:
            return side * _extreme(bar, side) >= side * stop
        case at.TOUCH_TRIGGER:
            return side * _extreme(bar, -side) <= side * stop
        case _:
            # Where a trailing stop stands when it is reached, the path decides.
            return True


def _stop_and_limit(bar: BarSeen, orders: Sequence[Sequence[int]], *, touch: bool) -> bool:
    """Return whether the bar reaches both a stop and a limit: one may have undone the other."""
    stop = limit = False
    for order in orders:
        side = order[at.SIDE]
        if _waits_for_trigger(order):
            reached = _may_trigger(bar, order)
            comes = order[at.TRIGGER] == at.TOUCH_TRIGGER
            limit = limit or (reached and comes)
            stop = stop or (reached and not comes)
        elif order[at.KIND] == at.LIMIT_KIND:
            best = _extreme(bar, -side)
            through = side * best < side * order[at.LIMIT]
            limit = limit or through or (touch and best == order[at.LIMIT])
    return stop and limit
