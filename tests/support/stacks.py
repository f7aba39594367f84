"""Random markets in several resolutions, orders on them, and the reports of a venue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tests.support.worlds import ES, SECOND, SYMBOL, T0
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.feeds.stacked import FinerColumns, StackedMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.history import bars_from_trades
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.orders import AmendOrder, CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import FillLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.columns import MarketColumns
    from tieout.model.profiles import SimulationProfile

START = T0 // (3_600 * SECOND) * 3_600 * SECOND
KINDS = {"market": 1, "limit": 2, "stop": 3}
_TENTH = SECOND // 10
FAR = START + 10**7 * SECOND


def prints(rows: Sequence[tuple[int, int, int]], *, delay_ns: int = 0) -> TradeColumns:
    """Return prints from (ns since the one before, ticks, lots)."""
    steps, price, quantity = (np.array(each, np.int64) for each in zip(*rows, strict=True))
    when = START + np.cumsum(steps)
    count = len(when)
    return TradeColumns(
        SYMBOL,
        when,
        when + delay_ns,
        price,
        quantity,
        np.zeros(count, np.int8),
        np.arange(1, count + 1, dtype=np.int64),
    )


def bars_of(trades: TradeColumns, interval_ns: int, *, delay_ns: int = 0) -> BarColumns:
    """Return all bars of one length."""
    (*begun, last) = bars_from_trades([trades], interval_ns, delay_ns=delay_ns)
    return joined([*begun, last])


def joined(chunks: Sequence[BarColumns]) -> BarColumns:
    """Return chunks of bars as one."""
    first = chunks[0]
    names = [each for each in BarColumns.__slots__ if each not in ("instrument", "interval_ns")]
    columns = {
        name: np.concatenate([getattr(each, name) for each in chunks])
        for name in names
        if isinstance(getattr(first, name), np.ndarray)
    }
    return BarColumns(first.instrument, first.interval_ns, **columns)


def changed(bars: BarColumns, row: int, **values: int) -> BarColumns:
    """Return bars with other values in one row."""
    columns = {name: getattr(bars, name).copy() for name in values}
    for name, value in values.items():
        columns[name][row] = value
    names = [each for each in BarColumns.__slots__ if each not in columns]
    return BarColumns(**{name: getattr(bars, name) for name in names}, **columns)


def without(columns: Any, rows: Sequence[int]) -> Any:
    """Return columns without some rows."""
    kept = {
        name: np.delete(value, rows)
        if isinstance(value := getattr(columns, name), np.ndarray)
        else value
        for name in type(columns).__slots__
    }
    return type(columns)(**kept)


def stacked(coarse: BarColumns, *finer: MarketColumns, chunk: int = 131_072) -> StackedMarket:
    """Return a market to be drilled into."""
    pieces = [coarse.rows(start, start + chunk) for start in range(0, len(coarse), chunk)]
    below = [FinerColumns(each) for each in finer]
    return StackedMarket(coarse.instrument, coarse.interval_ns, pieces, below)


def whole(columns: MarketColumns, *, chunk: int = 131_072) -> HistoryMarket:
    """Return one resolution as the market."""
    pieces = [columns.rows(start, start + chunk) for start in range(0, len(columns), chunk)]
    return HistoryMarket(pieces)


def an_order(
    name: str,
    decided_ns: int,
    side: int,
    kind: str,
    lots: int,
    price: int,
    *,
    at_once: bool = False,
) -> PlaceOrder:
    """Return an order."""
    return PlaceOrder(
        decision_id=name,
        instrument=SYMBOL,
        side=side,
        order_type=KINDS[kind],
        lots=lots,
        limit_ticks=price if kind == "limit" else None,
        stop_ticks=price if kind == "stop" else None,
        time_in_force=2 if at_once else 1,
        decided_at_ns=decided_ns,
        decision_price_ticks=None,
        origin="test",
    )


def a_cancel(name: str, decided_ns: int) -> CancelOrder:
    """Return the cancel of an order."""
    return CancelOrder(
        decision_id=f"c-{name}", order_decision_id=name, decided_at_ns=decided_ns, origin="test"
    )


def wishes_of(given_orders: Sequence[tuple[Any, ...]]) -> list[tuple[int, Any]]:
    """Return orders and cancels, in order of time, from (ns, side, kind, lots, price, once, ns)."""
    found: list[tuple[int, Any]] = []
    for number, (after, side, kind, lots, price, once, cancel_after) in enumerate(given_orders):
        decided, name = START + after, f"d{number}"
        at_once = once and kind != "stop"
        found.append((decided, an_order(name, decided, side, kind, lots, price, at_once=at_once)))
        if cancel_after is not None:
            found.append((decided + cancel_after, a_cancel(name, decided + cancel_after)))
    return sorted(found, key=lambda each: each[0])


def venue_on(
    profile: SimulationProfile,
    market: HistoryMarket | StackedMarket,
    *,
    position: int = 0,
    sessions: Sequence[tuple[int, int]] = (),
) -> SimulatedVenue:
    """Return a venue of one market; at level `impact` where it is not drilled into."""
    if not isinstance(market, StackedMarket):
        profile = msgspec.structs.replace(profile, fill_level=FillLevel.IMPACT)
    return SimulatedVenue(
        {SYMBOL: ES},
        profile,
        {SYMBOL: market},
        positions={SYMBOL: position},
        sessions={SYMBOL: sessions},
    )


def reports_of(venue: SimulatedVenue, wishes: Sequence[tuple[int, Any]]) -> list[Any]:
    """Drive a venue as the kernel does: wishes in order of time, every wake answered.

    A wish is an order, an amend, a cancel, or what to do with the venue.
    """
    found: list[Any] = []

    def until(limit: int) -> None:
        wakes = 0
        while (wake := venue.next_wake_ns(limit)) is not None:
            assert wake <= limit
            found.extend(venue.advance(wake))
            wakes += 1
            assert wakes < 20_000, "the venue wakes for ever"

    for at, wish in wishes:
        until(at)
        if isinstance(wish, PlaceOrder):
            venue.place(wish)
        elif isinstance(wish, AmendOrder):
            venue.amend(wish)
        elif callable(wish):
            wish(venue)
        else:
            venue.cancel(wish)
    until(FAR)
    found.extend(venue.advance(FAR))
    return found


def any_wishes(
    draw: np.random.Generator, prices: Sequence[int], *, span_ns: int, count: int, closes: bool
) -> list[tuple[int, Any]]:
    """Return orders of every kind, some amended and some cancelled, in order of time.

    Args:
        draw: Where the chance comes from.
        prices: Levels to choose from.
        span_ns: Orders are decided within so long after the start.
        count: How many orders.
        closes: Whether some wait for a session's open or close.
    """
    found: list[tuple[int, Any]] = []
    for number in range(count):
        decided = START + int(draw.integers(0, span_ns // _TENTH)) * _TENTH
        order = _any_order(draw, f"d{number}", decided, prices, closes=closes)
        found.append((decided, order))
        for turn in range(int(draw.integers(0, 3))):
            at = decided + int(draw.integers(0, span_ns // _TENTH // 4)) * _TENTH
            if draw.integers(0, 2):
                found.append((at, a_cancel(order.decision_id, at)))
            else:
                found.append((at, _any_amend(draw, order, f"a{turn}", at, prices)))
    return sorted(found, key=lambda each: each[0])


def _any_order(
    draw: np.random.Generator, name: str, decided: int, prices: Sequence[int], *, closes: bool
) -> PlaceOrder:
    kind = OrderType(int(draw.integers(1, 9)))
    limited = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED)
    triggered = kind not in (OrderType.MARKET, OrderType.LIMIT, OrderType.MARKET_TO_LIMIT)
    trails = kind == OrderType.TRAILING_STOP
    plain = kind in (OrderType.MARKET, OrderType.LIMIT)
    allowed = [TimeInForce.GOOD_TILL_CANCEL] * 3 + [TimeInForce.GOOD_TILL_DATE]
    if not triggered:
        allowed += [TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL]
    if closes:
        allowed += [TimeInForce.DAY]
        if plain:
            allowed += [TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE]
    in_force = allowed[int(draw.integers(0, len(allowed)))]
    stays = in_force in (TimeInForce.GOOD_TILL_CANCEL, TimeInForce.GOOD_TILL_DATE)
    price, trigger = (int(prices[draw.integers(0, len(prices))]) for _ in range(2))
    lots = int(draw.integers(1, 40))
    dated = in_force == TimeInForce.GOOD_TILL_DATE
    return PlaceOrder(
        decision_id=name,
        instrument=SYMBOL,
        side=int(draw.choice([1, -1])),
        order_type=int(kind),
        lots=lots,
        limit_ticks=price if limited else None,
        stop_ticks=trigger if triggered and not (trails and draw.integers(0, 2)) else None,
        time_in_force=int(in_force),
        decided_at_ns=decided,
        decision_price_ticks=None,
        origin="test",
        expires_at_ns=decided + int(draw.integers(1, 9_000)) * _TENTH if dated else None,
        post_only=bool(limited and stays and not draw.integers(0, 4)),
        reduce_only=not draw.integers(0, 5),
        trail_ticks=int(draw.integers(50, 2_000)) if trails else None,
        activation_ticks=price if trails and not draw.integers(0, 3) else None,
        display_lots=max(1, lots // 3) if limited and stays and not draw.integers(0, 4) else None,
    )


def _any_amend(
    draw: np.random.Generator, order: PlaceOrder, name: str, at: int, prices: Sequence[int]
) -> AmendOrder:
    price, trigger = (int(prices[draw.integers(0, len(prices))]) for _ in range(2))
    return AmendOrder(
        decision_id=f"{name}-{order.decision_id}",
        order_decision_id=order.decision_id,
        lots=int(draw.integers(1, 40)) if draw.integers(0, 2) else None,
        limit_ticks=price if order.limit_ticks and draw.integers(0, 2) else None,
        stop_ticks=trigger if order.stop_ticks and draw.integers(0, 2) else None,
        decided_at_ns=at,
        origin="test",
    )
