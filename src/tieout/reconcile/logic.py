"""The logic step: decisions the live run made otherwise than a sound run would have, and why.

A sound run replays to itself, so both sides are equal and there is nothing here. Where they are
not, the live journal says what happened before: the process was down, it came back without its
state, or a person gave a command.
"""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.model.money import round_half_up
from tieout.reconcile.rows import Row, Step
from tieout.reconcile.steps import Component, open_pieces, side_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.model.events import Fill
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.steps import OrderSide, Piece
    from tieout.reconcile.valuation import Valuation

__all__ = ["ModelBand", "cause_at", "model_band", "open_logic"]

_FEWEST_FOR_A_BAND: Final = 5
_HALTING: Final = ("halt", "stop", "cancel_all")


class ModelBand(msgspec.Struct, frozen=True, kw_only=True):
    """How far the fill model may be off on the orders that only one side has.

    Attributes:
        orders: How many orders only one side has.
        measured_on: Matched orders by which the model was measured against real fills.
        low, high: Two standard deviations around the model's mean error on the notional of those
            orders, in internal money units; None where fewer than five orders measure it.
    """

    orders: int
    measured_on: int
    low: int | None
    high: int | None


def open_logic(
    upper: RungRecord, live: RungRecord, *, modelled: RungRecord, valuation: Valuation
) -> list[Row]:
    """Open what other decisions changed.

    An order that only live has is priced by the model first, and what its real fills
    differ from that is the model's error; a simulated order is priced by the model already.

    Args:
        upper: Rung 3: the strategy decides again on everything live saw.
        live: Rung 4: what live decided.
        modelled: Rung 1: the recorded market, every fill simulated; it measures the model.
        valuation: Marks of the live run.
    """
    model = _Model(modelled, valuation)
    live_fills = live.fills_of()
    rows: list[Row] = []
    for piece in open_pieces(upper, live, valuation=valuation):
        cause, fact = cause_at(live, piece.time_ns)
        evidence = {**piece.evidence, "component": piece.component.name.lower(), "cause": fact}
        if piece.component is Component.ONE_SIDED and piece.evidence.get("only") == "lower":
            own = side_of(live, piece.decision_id, live_fills)
            priced = _at_model_price(own, model, valuation)
            if priced is not None:
                decided, error, model_ticks = priced
                evidence["model_price_ticks"] = model_ticks
                rows.append(_row("model_error", piece, error, evidence))
                rows.append(_row(cause, piece, decided, evidence))
                continue
        rows.append(_row(cause, piece, piece.amount, evidence))
    return [row for row in rows if row.amount]


def cause_at(live: RungRecord, time_ns: int) -> tuple[str, str]:
    """Return the part and the fact that explain why live decided otherwise at a time."""
    for down in live.downtimes:
        if down.since_ns <= time_ns < down.until_ns:
            return "downtime", f"the process was down from {down.since_ns} to {down.until_ns}"
    before = [down for down in live.downtimes if down.until_ns <= time_ns]
    for down in before:
        if down.state == "fresh":
            return "restart", f"the strategy started anew at {down.until_ns}"
    for command in live.commands:
        if command.command in _HALTING and command.arrival_time_ns <= time_ns:
            return (
                "operator",
                f"{command.actor} gave {command.command} at {command.arrival_time_ns}",
            )
    if before:
        return "downtime", f"the process had been down until {before[-1].until_ns}"
    return "decisions", "the live journal records no interruption before it"


def model_band(
    upper: RungRecord, live: RungRecord, *, modelled: RungRecord, valuation: Valuation
) -> ModelBand:
    """Measure the model on matched orders and say how far it may be off on one-sided ones."""
    errors = [float(each) for each in _model_errors(modelled, live)]
    total = float(sum(_one_sided_notionals(upper, live, valuation)))
    orders = len(
        {fill.decision_id for fill in upper.fills if fill.decision_id not in live.orders}
        | {fill.decision_id for fill in live.fills if fill.decision_id not in upper.orders}
    )
    if len(errors) < _FEWEST_FOR_A_BAND:
        return ModelBand(orders=orders, measured_on=len(errors), low=None, high=None)
    mean = sum(errors) / len(errors)
    spread = 2 * sqrt(sum((each - mean) ** 2 for each in errors) / (len(errors) - 1))
    # Orders err together when the market is fast, so their bands are added and not averaged out.
    return ModelBand(
        orders=orders,
        measured_on=len(errors),
        low=round(-(mean + spread) * total),
        high=round(-(mean - spread) * total),
    )


def _row(part: str, piece: Piece, amount: int, evidence: dict[str, object]) -> Row:
    return Row(
        step=Step.LOGIC,
        part=part,
        decision_id=piece.decision_id,
        amount=amount,
        evidence=evidence,
    )


class _Model:
    """What the simulated fills of a rung cost on average, by instrument."""

    def __init__(self, modelled: RungRecord, valuation: Valuation) -> None:
        self._valuation = valuation
        shift: dict[str, int] = {}
        decided: dict[str, int] = {}
        fee: dict[str, int] = {}
        traded: dict[str, int] = {}
        for fill in modelled.fills:
            order = modelled.orders.get(fill.decision_id)
            if order is None or order.decision_price_ticks is None:
                continue
            symbol = fill.instrument
            off = fill.side * (fill.price_ticks - order.decision_price_ticks)
            shift[symbol] = shift.get(symbol, 0) + off * fill.lots
            decided[symbol] = decided.get(symbol, 0) + order.decision_price_ticks * fill.lots
            fee[symbol] = fee.get(symbol, 0) + fill.fee
            traded[symbol] = traded.get(symbol, 0) + valuation.notional(fill)
        self._shift = {symbol: Fraction(shift[symbol], decided[symbol]) for symbol in shift}
        self._fee = {symbol: Fraction(fee[symbol], traded[symbol]) for symbol in fee}

    def knows(self, symbol: str) -> bool:
        return symbol in self._shift

    def price_ticks(self, symbol: str, side: int, decision_price_ticks: int) -> int:
        shift = self._shift[symbol] * decision_price_ticks
        return decision_price_ticks + side * round_half_up(shift.numerator, shift.denominator)

    def fee(self, symbol: str, lots: int, price_ticks: int) -> int:
        fee = self._fee[symbol] * self._valuation.instrument(symbol).notional(lots, price_ticks)
        return round_half_up(fee.numerator, fee.denominator)


def _at_model_price(
    own: OrderSide, model: _Model, valuation: Valuation
) -> tuple[int, int, int] | None:
    """Return (worth at the model's price, the model's error, that price), or None if unknown."""
    order = own.order
    if order is None or order.decision_price_ticks is None or not model.knows(order.instrument):
        return None
    symbol = order.instrument
    price = model.price_ticks(symbol, order.side, order.decision_price_ticks)
    decided = error = 0
    for fill in own.fills:
        fee = model.fee(symbol, fill.lots, price)
        signed = fill.side * fill.lots
        decided += valuation.worth(symbol, signed, price, fill.venue_time_ns) - fee
        better = valuation.shift(symbol, signed, fill.price_ticks, price)
        error += better - (fill.fee - fee)
    return decided, error, price


def _model_errors(modelled: RungRecord, live: RungRecord) -> Iterator[Fraction]:
    """Yield real minus modelled price, adverse positive, as a share, of each matched order."""
    simulated, real = modelled.fills_of(), live.fills_of()
    for decision_id, fills in real.items():
        other = simulated.get(decision_id)
        if other and (other[0].instrument, other[0].side) == (fills[0].instrument, fills[0].side):
            model_price = _average_ticks(other)
            yield fills[0].side * (_average_ticks(fills) - model_price) / model_price


def _one_sided_notionals(
    upper: RungRecord, live: RungRecord, valuation: Valuation
) -> Iterator[int]:
    for one, other in ((upper, live), (live, upper)):
        for fill in one.fills:
            if fill.decision_id not in other.orders:
                yield valuation.notional(fill)


def _average_ticks(fills: Iterable[Fill]) -> Fraction:
    rows = list(fills)
    return Fraction(
        sum(fill.lots * fill.price_ticks for fill in rows), sum(fill.lots for fill in rows)
    )
