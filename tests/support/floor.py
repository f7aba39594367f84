"""The trading floor: a market, orders at seconds of its clock, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.orders import AmendOrder, CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.events import Report

Wish = PlaceOrder | CancelOrder | AmendOrder
HOUR_S = 3600


def ns(seconds: float) -> int:
    """Return a time of the floor's clock."""
    return T0 + round(seconds * SECOND)


def order(name: str, at_s: float = 0, **terms: Any) -> PlaceOrder:
    """Return an order, to buy one at the market unless said otherwise.

    `kind` and `force` are the names of `OrderType` and `TimeInForce`; `limit`, `stop`, `trail`,
    `activation` are ticks, `share` is a trailing share in 10⁻⁸, `until_s` the expiry.
    """
    until = terms.get("until_s")
    return PlaceOrder(
        decision_id=name,
        instrument=SYMBOL,
        side=terms.get("side", 1),
        order_type=int(OrderType[terms.get("kind", "market").upper()]),
        lots=terms.get("lots", 1),
        limit_ticks=terms.get("limit"),
        stop_ticks=terms.get("stop"),
        time_in_force=int(TimeInForce[terms.get("force", "good_till_cancel").upper()]),
        decided_at_ns=ns(at_s),
        decision_price_ticks=None,
        origin="test",
        expires_at_ns=None if until is None else ns(until),
        post_only=terms.get("post_only", False),
        reduce_only=terms.get("reduce_only", False),
        trail_ticks=terms.get("trail"),
        trail_share_e8=terms.get("share"),
        activation_ticks=terms.get("activation"),
        display_lots=terms.get("display"),
    )


def cancel(name: str, at_s: float) -> CancelOrder:
    """Return a cancel."""
    return CancelOrder(
        decision_id=f"cancel-{name}-{at_s}",
        order_decision_id=name,
        decided_at_ns=ns(at_s),
        origin="test",
    )


def amend(name: str, at_s: float, **terms: int) -> AmendOrder:
    """Return an amend of `lots`, `limit`, `stop`."""
    return AmendOrder(
        decision_id=f"amend-{name}-{at_s}",
        order_decision_id=name,
        lots=terms.get("lots"),
        limit_ticks=terms.get("limit"),
        stop_ticks=terms.get("stop"),
        decided_at_ns=ns(at_s),
        origin="test",
    )


def minute_bars(
    *rows: tuple[int, ...], start_s: float = 0, interval_ns: int = MINUTE, delay_ns: int = 0
) -> BarColumns:
    """Return bars (open, high, low, close[, volume]) one after the other; 100 lots each."""
    four = np.array([row[:4] for row in rows], np.int64)
    opens = ns(start_s) + interval_ns * np.arange(len(rows), dtype=np.int64)
    return BarColumns(
        SYMBOL,
        interval_ns,
        opens,
        opens + interval_ns,
        opens + interval_ns + delay_ns,
        *(np.ascontiguousarray(four[:, column]) for column in range(4)),
        np.array([row[4] if len(row) > 4 else 100 for row in rows], np.int64),
        np.zeros(len(rows), np.int64),
        np.zeros(len(rows), np.bool_),
    )


def prints(*rows: tuple[float, int] | tuple[float, int, int], delay_ns: int = 0) -> TradeColumns:
    """Return prints (second, price[, lots]) of ten lots each."""
    when = np.array([ns(row[0]) for row in rows], np.int64)
    return TradeColumns(
        SYMBOL,
        when,
        when + delay_ns,
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] if len(row) > 2 else 10 for row in rows], np.int64),
        np.zeros(len(rows), np.int8),
        np.arange(1, len(rows) + 1, dtype=np.int64),
    )


def play(
    market: TradeColumns | BarColumns | Sequence[TradeColumns | BarColumns],
    *wishes: Wish,
    sessions_s: Sequence[tuple[float, float]] = (),
    position: int = 0,
    chunk: int = 10_000,
    until_s: float = 1e7,
    models: dict[str, object] | None = None,
    **assumed: Any,
) -> list[Report]:
    """Return every report of the simulated venue, in the order in which they are known."""
    pieces = [market] if isinstance(market, TradeColumns | BarColumns) else list(market)
    rows = [each.rows(at, at + chunk) for each in pieces for at in range(0, len(each), chunk)]
    venue = SimulatedVenue(
        {SYMBOL: ES},
        msgspec.structs.replace(profile("zero-latency"), **assumed),
        {SYMBOL: HistoryMarket(rows)},
        positions={SYMBOL: position},
        models=models,
        sessions={SYMBOL: [(ns(one), ns(other)) for one, other in sessions_s]},
    )
    found: list[Report] = []

    def until(limit_ns: int) -> None:
        while (wake := venue.next_wake_ns(limit_ns)) is not None:
            found.extend(venue.advance(wake))

    for wish in sorted(wishes, key=lambda each: each.decided_at_ns):
        until(wish.decided_at_ns)
        match wish:
            case PlaceOrder():
                venue.place(wish)
            case CancelOrder():
                venue.cancel(wish)
            case AmendOrder():
                venue.amend(wish)
    until(ns(until_s))
    return found


def told(reports: Sequence[Report], name: str | None = None) -> list[tuple[Any, ...]]:
    """Return reports in short: what, when in seconds, and the facts; acceptances left out."""
    short = [
        (report, _short(report))
        for report in reports
        if name is None or getattr(report, "decision_id", "") == name
    ]
    return [
        (fact[0], (report.venue_time_ns - T0) / SECOND, *fact[1:])  # type: ignore[union-attr]
        for report, fact in short
        if fact
    ]


def fills(reports: Sequence[Report], name: str | None = None) -> list[tuple[float, int, int]]:
    """Return (second, lots, price) of every fill."""
    return [
        ((each.venue_time_ns - T0) / SECOND, each.lots, each.price_ticks)
        for each in reports
        if isinstance(each, Fill) and (name is None or each.decision_id == name)
    ]


def _short(report: Report) -> tuple[Any, ...]:
    match report:
        case Fill():
            liquidity = "maker" if report.liquidity == 1 else "taker"
            return ("fill", report.lots, report.price_ticks, liquidity)
        case OrderTriggered():
            return ("triggered",)
        case OrderCancelled():
            return ("ended", report.reason, report.filled_lots)
        case OrderRejected():
            return ("rejected", report.reason)
        case OrderAmended():
            return ("amended", report.lots, report.limit_ticks, report.stop_ticks)
        case AmendRejected():
            return ("amend refused", report.reason)
        case CancelRejected():
            return ("cancel refused", report.reason)
        case OrderAccepted():
            return ()
        case _:
            return (type(report).__name__,)
