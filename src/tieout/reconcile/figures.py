"""Statistics of a reconciliation: rates, slippage, latency, equity, drawdown.

These are statistics, so they are floats or exact fractions, and None where they are undefined. No
money of the attribution depends on them.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.model.actions import ActionKind
from tieout.model.events import Liquidity
from tieout.model.money import round_half_up
from tieout.model.orders import OrderType
from tieout.reconcile.matching import match_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tieout.model.events import ActionBooked
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.valuation import Valuation

__all__ = [
    "METRIC_LIMITS",
    "EquityPoint",
    "Metrics",
    "Slippage",
    "alerts",
    "drawdown",
    "equity_curve",
    "measure",
    "price_series",
    "slippage_of",
]

EquityPoint = tuple[int, int]
"""(time in ns, equity in internal money units)."""

_MICRO: Final = 1_000_000


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """How well live followed its twin; None where undefined.

    Attributes:
        signal_match_rate: Decisions both made ÷ decisions either made.
        fill_rate: Live ÷ twin filled quantity over matched orders, each instrument weighed at
            its final mark.
        fill_rate_raw: The same over all orders.
        average_slippage_bps: Σ side·(fill − decision price)·quantity ÷ Σ fill price·quantity of
            live's fills; positive is worse.
        pnl_divergence: |live − twin| ÷ |twin|.
        latency_p99_ms: 99th percentile (nearest rank) of decision to first fill over orders
            that took liquidity, and of decision to acceptance over those that rested.
    """

    signal_match_rate: Fraction | None
    fill_rate: Fraction | None
    fill_rate_raw: Fraction | None
    average_slippage_bps: Fraction | None
    pnl_divergence: Fraction | None
    latency_p99_ms: Fraction | None


METRIC_LIMITS: Final[Mapping[str, tuple[str, Fraction]]] = {
    "signal_match_rate": ("least", Fraction(95, 100)),
    "fill_rate": ("least", Fraction(90, 100)),
    "average_slippage_bps": ("most", Fraction(10)),
    "pnl_divergence": ("most", Fraction(20, 100)),
    "latency_p99_ms": ("most", Fraction(500)),
}
"""What each metric should be at `least` or at `most`; beyond it is an alert."""


def alerts(metrics: Metrics) -> tuple[str, ...]:
    """Return the names of the metrics beyond their limit; an undefined one never is."""
    beyond = []
    for name, (bound, limit) in METRIC_LIMITS.items():
        value: Fraction | None = getattr(metrics, name)
        if value is not None and (value < limit if bound == "least" else value > limit):
            beyond.append(name)
    return tuple(beyond)


class Slippage(msgspec.Struct, frozen=True, kw_only=True):
    """What trading cost against the prices at decision, cumulated; positive is worse.

    Attributes:
        total: delay + half_spread + impact + missed, in internal money units.
        delay: The market moved between decision and fill.
        half_spread, impact: From the fill's own decomposition, where it has one.
        missed: What the lots that never filled would have gained by the final mark.
        notional: Σ size of the fills: price·quantity, of inverse contracts quantity ÷ price.
    """

    total: int
    delay: int
    half_spread: int
    impact: int
    missed: int
    notional: int


def measure(
    twin: RungRecord,
    live: RungRecord,
    *,
    twin_profit: int,
    live_profit: int,
    valuation: Valuation,
) -> Metrics:
    """Return the metrics of a live run beside its twin."""
    match = match_orders(twin, live)
    matched = set(match.matched)
    slip = slippage_of(live, valuation)
    shift = slip.delay + slip.half_spread + slip.impact
    return Metrics(
        signal_match_rate=_ratio(len(match.matched), match.union),
        fill_rate=_ratio(_filled(live, valuation, matched), _filled(twin, valuation, matched)),
        fill_rate_raw=_ratio(_filled(live, valuation, None), _filled(twin, valuation, None)),
        average_slippage_bps=_ratio(10_000 * shift, slip.notional),
        pnl_divergence=_ratio(abs(live_profit - twin_profit), abs(twin_profit)),
        latency_p99_ms=_latency_p99_ms(live),
    )


def slippage_of(record: RungRecord, valuation: Valuation) -> Slippage:
    """Return implementation shortfall of a run's orders, opened.

    An order decided before any price was seen has no decision price and is left out.

    Source: Perold (1988), implementation shortfall.
    """
    delay = half_spread = impact = missed = notional = 0
    fills = record.fills_of()
    for decision_id, order in record.orders.items():
        decided = order.decision_price_ticks
        if decided is None:
            continue
        symbol = order.instrument
        filled = Fraction(0)
        for fill in fills.get(decision_id, ()):
            since = (order.decided_at_ns, fill.venue_time_ns)
            decided = valuation.carried(order.instrument, order.decision_price_ticks or 0, *since)
            reference = fill.price_ticks if fill.reference_ticks is None else fill.reference_ticks
            signed = fill.side * fill.lots
            microticks = 0 if fill.reference_ticks is None else fill.half_spread_microticks
            spread = floor(valuation.half_spread(symbol, signed, reference, microticks))
            delay += valuation.shift(symbol, signed, decided, reference)
            half_spread += spread
            impact += valuation.shift(symbol, signed, reference, fill.price_ticks) - spread
            notional += valuation.notional(fill)
            # In lots of when it was decided.
            filled += fill.lots / valuation.ratio_since(order.instrument, *since)
        if filled < order.lots:
            left = order.side * int(order.lots - filled)
            asked = order.decision_price_ticks or 0
            missed += valuation.worth(order.instrument, left, asked, order.decided_at_ns)
    return Slippage(
        total=delay + half_spread + impact + missed,
        delay=delay,
        half_spread=half_spread,
        impact=impact,
        missed=missed,
        notional=notional,
    )


def price_series(live: RungRecord, rungs: Sequence[RungRecord]) -> dict[str, list[tuple[int, int]]]:
    """Return one series of (time, ticks) for each instrument, to value every rung alike.

    These are the live journal's own market data; where it holds none, the prices that the rungs'
    orders were decided at.
    """
    series = {symbol: list(rows) for symbol, rows in (live.prices or {}).items() if rows}
    decided: dict[str, dict[int, int]] = {}
    for record in rungs:
        for order in record.orders.values():
            if order.decision_price_ticks is not None:
                rows = decided.setdefault(order.instrument, {})
                rows[order.decided_at_ns] = order.decision_price_ticks
    for symbol, times in decided.items():
        series.setdefault(symbol, sorted(times.items()))
    return series


def equity_curve(
    record: RungRecord,
    valuation: Valuation,
    series: Mapping[str, Sequence[tuple[int, int]]],
    *,
    end_ns: int,
    closing_cost: Callable[[str, int, int], int] | None = None,
) -> list[EquityPoint]:
    """Return equity at the start, at every price and booking, and at the end.

    Args:
        record: What the run booked.
        valuation: Marks at the start and at the end.
        series: (time, ticks) in order of time, by symbol.
        end_ns: The last point's time.
        closing_cost: What closing a position would cost now, by symbol, signed lots and ticks, in
            internal money units; it is taken off. None: nothing is.
    """
    lots = {symbol: held for symbol, (held, _) in record.start_positions.items() if held}
    cash = record.cash - sum(cost for _, cost in record.start_positions.values())
    marks = {**valuation.start}
    events: list[tuple[int, int, int, str, int, int]] = [
        (time_ns, 0, place, symbol, ticks, 0)
        for symbol, rows in series.items()
        for place, (time_ns, ticks) in enumerate(rows)
        if record.started_ns < time_ns < end_ns
    ]
    events += [
        (fill.arrival_time_ns, 1, place, fill.instrument, fill.price_ticks, 0)
        for place, fill in enumerate(record.fills)
    ]
    events += [
        (charge.arrival_time_ns, 2, place, charge.instrument, 0, charge.amount)
        for place, charge in enumerate(record.funding)
    ]
    events += [
        (each.decided_at_ns, 3, place, each.instrument, 0, each.cash)
        for place, each in enumerate(record.bookings)
    ]
    # Asked at every price: bound once.
    value_of = {symbol: valuation.instrument(symbol).value for symbol in valuation.instruments}

    def equity() -> int:
        worth = cash + sum(value_of[symbol](held, marks[symbol]) for symbol, held in lots.items())
        if closing_cost is None:
            return worth
        return worth - sum(
            closing_cost(symbol, held, marks[symbol]) for symbol, held in lots.items() if held
        )

    curve = [(record.started_ns, equity())]
    for time_ns, kind, place, symbol, ticks, amount in sorted(events):
        if kind == 0:
            marks[symbol] = ticks
        elif kind == 1:
            fill = record.fills[place]
            signed = fill.side * fill.lots
            marks.setdefault(symbol, ticks)
            lots[symbol] = lots.get(symbol, 0) + signed
            cash -= value_of[symbol](signed, ticks) + fill.fee
        elif kind == 2:
            cash += amount
        else:
            cash += amount
            booked = record.bookings[place]
            lots[symbol] = booked.lots_after
            unit = valuation.instrument(symbol).tick_value
            marks[symbol] = _after(marks[symbol], booked, unit)
        if curve[-1][0] == time_ns:
            curve.pop()
        curve.append((time_ns, equity()))
    marks |= valuation.end
    last_ns = max(end_ns, curve[-1][0])
    if curve[-1][0] == last_ns and len(curve) > 1:
        curve.pop()
    curve.append((last_ns, equity()))
    return curve


def _after(mark_ticks: int, booked: ActionBooked, tick_value: int) -> int:
    """Return a mark as it is after an action, so that equity goes on where it stood."""
    if booked.kind == ActionKind.DIVIDEND:
        return mark_ticks - round_half_up(booked.cash, abs(booked.lots_before) * tick_value) * (
            1 if booked.lots_before > 0 else -1
        )
    return max(1, round_half_up(mark_ticks * booked.old, booked.new))


def drawdown(curve: Sequence[EquityPoint]) -> tuple[int, Fraction | None]:
    """Return the deepest fall from an earlier high: in money, and as a share of that high.

    The share is the deepest share, which may be another fall than the deepest in money; it is None
    where equity was never positive.
    """
    deepest, share = 0, None
    high: int | None = None
    for _, equity in curve:
        high = equity if high is None else max(high, equity)
        deepest = max(deepest, high - equity)
        if high > 0:
            fall = Fraction(high - equity, high)
            share = fall if share is None else max(share, fall)
    return deepest, share


def _ratio(numerator: int | Fraction, denominator: int | Fraction) -> Fraction | None:
    return Fraction(numerator) / denominator if denominator else None


def _filled(record: RungRecord, valuation: Valuation, ids: set[str] | None) -> Fraction:
    return sum(
        valuation.instrument(fill.instrument).notional(
            fill.lots, valuation.end_mark(fill.instrument)
        )
        * valuation.ratio_since(fill.instrument, fill.venue_time_ns)
        for fill in record.fills
        if ids is None or fill.decision_id in ids
    ) or Fraction(0)


def _latency_p99_ms(live: RungRecord) -> Fraction | None:
    fills = live.fills_of()
    waits = []
    for decision_id, order in live.orders.items():
        own = fills.get(decision_id, [])
        took = bool(own) and own[0].liquidity == Liquidity.TAKER
        if order.order_type == OrderType.MARKET or (took and order.order_type == OrderType.LIMIT):
            if own:
                waits.append(own[0].arrival_time_ns - order.decided_at_ns)
        elif decision_id in live.accepted:
            waits.append(live.accepted[decision_id].arrival_time_ns - order.decided_at_ns)
    if not waits:
        return None
    waits.sort()
    return Fraction(waits[ceil(99 * len(waits) / 100) - 1], _MICRO)
