"""One story of prices across a corporate action, as every fill level has it, and a venue on it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tests.support.order_events import add, cancel, clear, events, print_of
from tests.support.stacks import bars_of, stacked, whole
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, trades
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.market.order_book import OrderBook
from tieout.model.actions import Action as StoredAction
from tieout.model.actions import ActionKind, event_of
from tieout.model.orders import OrderType, PlaceOrder
from tieout.model.profiles import FillLevel, profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.model.columns import OrderEventColumns
    from tieout.model.events import CorporateAction
    from tieout.model.profiles import SimulationProfile

LEVELS = ["trades", "bars", "drilldown", "book", "orders"]
BOOKS = ["book", "orders"]
BEFORE = 6
AT_NS = T0 + 10 * MINUTE
AFTER_NS = T0 + 12 * MINUTE
FAR_NS = T0 + 200 * MINUTE
LOTS = 1_000

Wish = tuple[int, "Callable[[SimulatedVenue], None]"]


def quoted(told: Sequence[tuple[int, int]], *, begins_ns: int | None) -> OrderEventColumns:
    """Return single orders a tick around each of (time, price), and a print at it.

    Args:
        told: In order of time.
        begins_ns: When the book is cleared and begins anew; None: it goes on as it was.
    """
    rows: list[dict[str, Any]] = []
    standing: list[int] = []
    for number, (time, price) in enumerate(told):
        if time == begins_ns:
            rows.append(clear(at=time, last=False))
            standing = []
        rows += [cancel(each, LOTS, at=time, last=False) for each in standing]
        standing = [2 * number + 1, 2 * number + 2]
        rows.append(add(standing[0], 1, price - 1, LOTS, at=time, last=False))
        rows.append(add(standing[1], -1, price + 1, LOTS, at=time))
        rows.append(print_of(0, price, LOTS, at=time))
    return replace(events(*rows), instrument=SYMBOL)


def columns_of(
    level: str, before: Sequence[int], after: Sequence[int], *, lots: tuple[int, int] = (LOTS, LOTS)
) -> list[Any]:
    """Return a price a minute from `T0` on, and from two minutes after the action on.

    Args:
        level: What is matched on.
        before: Ticks of the prints before the action.
        after: Ticks of those after it.
        lots: Of a print before it, and after it.
    """
    prints = [trades(before, step_ns=MINUTE), trades(after, step_ns=MINUTE, start_ns=AFTER_NS)]
    every = [
        (int(when), int(price))
        for columns in prints
        for when, price in zip(columns.venue_time_ns, columns.price_ticks, strict=True)
    ]
    both = trades([price for _, price in every])
    for place, (when, _) in enumerate(every):
        both.venue_time_ns[place] = both.arrival_time_ns[place] = when
        both.quantity_lots[place] = lots[when > AT_NS]
    if level == "trades":
        return [both]
    if level == "bars":
        return [bars_of(both, MINUTE)]
    if level == "drilldown":
        return [bars_of(both, 5 * MINUTE), bars_of(both, MINUTE), both]
    orders = quoted(every, begins_ns=AFTER_NS + MINUTE)
    return [orders if level == "orders" else OrderBook().levels_of(orders)]


def market_of(level: str, before: Sequence[int], after: Sequence[int], *, cut: int = 10**6) -> Any:
    """Return the same as a market, so many rows at a time."""
    rows, *finer = columns_of(level, before, after)
    if finer:
        return stacked(rows, *finer, chunk=cut)
    if level in BOOKS:
        return HistoryMarket([rows.rows(at, at + cut) for at in range(0, len(rows), cut)])
    return whole(rows, chunk=cut)


def profile_of(level: str) -> SimulationProfile:
    """Return a profile without any latency that matches at a level."""
    fill_level = FillLevel.IMPACT if level in ("trades", "bars") else FillLevel(level)
    return msgspec.structs.replace(
        profile("zero-latency"),
        name=f"acted-{level}",
        fill_level=fill_level,
        spread_bps=Decimal(0),
        slippage_bps=Decimal(0),
        impact_y=0.0,
    )


def an_action(kind: ActionKind, value: int = 0, per: int = 1, *, at_ns: int = AT_NS) -> Any:
    """Return an action that arrives when it takes effect."""
    stored = StoredAction(
        instrument=SYMBOL,
        kind=kind,
        venue_time_ns=at_ns,
        known_time_ns=at_ns,
        value=value,
        per=per,
        text="NEW" if kind is ActionKind.SYMBOL_CHANGE else "",
    )
    return event_of(stored, delay_ns=0)


def order(name: str, side: int, kind: str, lots: int, ticks: int = 0, **terms: Any) -> PlaceOrder:
    """Return an order that is decided after the third price; `kind` is market, limit or stop."""
    given: dict[str, Any] = {
        "decision_id": name,
        "instrument": SYMBOL,
        "side": side,
        "order_type": int(
            {"market": OrderType.MARKET, "limit": OrderType.LIMIT, "stop": OrderType.STOP_MARKET}[
                kind
            ]
        ),
        "lots": lots,
        "limit_ticks": ticks if kind == "limit" else None,
        "stop_ticks": ticks if kind == "stop" else None,
        "time_in_force": 1,
        "decided_at_ns": T0 + 3 * MINUTE + 1,
        "decision_price_ticks": None,
        "origin": "test",
        **terms,
    }
    return PlaceOrder(**given)


def placing(wanted: PlaceOrder) -> Wish:
    """Return the wish to place an order when it is decided."""
    return wanted.decided_at_ns, lambda venue: venue.place(wanted)


def acting(action: CorporateAction, *, held: int = 0, past: bool = False) -> Wish:
    """Return the wish to tell the venue of an action when it arrives."""
    return (
        action.arrival_time_ns,
        lambda venue: venue.act(action, held_lots=held, past=past),
    )


def driven(venue: SimulatedVenue, wishes: Sequence[Wish], *, until_ns: int = FAR_NS) -> list[Any]:
    """Drive a venue as the kernel does: wishes in order of time, every wake answered."""
    found: list[Any] = []

    def until(limit: int) -> None:
        wakes = 0
        while (wake := venue.next_wake_ns(limit)) is not None:
            found.extend(venue.advance(wake))
            wakes += 1
            assert wakes < 20_000, "the venue wakes for ever"

    for at, wish in sorted(wishes, key=lambda each: each[0]):
        until(at)
        wish(venue)
    until(until_ns)
    found.extend(venue.advance(until_ns))
    venue.finish(until_ns)
    return found


def a_venue(level: str, market: Any, *, held: int = 0, latency_ns: int = 0) -> SimulatedVenue:
    """Return a venue on a market, so far away."""
    assumed = msgspec.structs.replace(profile_of(level), entry_latency_ns=latency_ns)
    return SimulatedVenue({SYMBOL: ES}, assumed, {SYMBOL: market}, positions={SYMBOL: held})
