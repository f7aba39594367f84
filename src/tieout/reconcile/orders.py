"""One line for each order over all rungs: what it filled at, and what it did to every step."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.reconcile.rows import Row, Step
from tieout.reconcile.steps import OrderSide, side_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.events import Fill
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.valuation import Valuation

__all__ = ["OrderLine", "OrderOnRung", "order_lines"]

_PRICE_DIGITS: Final = 10


class OrderOnRung(msgspec.Struct, frozen=True, kw_only=True):
    """What one order did on one rung; `average_price` is in currency, rounded for reading."""

    rung: int
    filled_lots: int
    average_price: Decimal | None
    fee: int


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order over all rungs.

    Attributes:
        rungs: Only the rungs that have the order.
        steps: What the order did to each step, in internal money units.
        matched: Whether both the twin and live placed it.
        slippage: Σ side·(fill − decision price)·lots of live's fills in internal money units;
            positive is worse. None where live filled nothing or no price was known.
        slippage_bps: The same over the notional of those fills.
    """

    decision_id: str
    instrument: str
    side: int
    order_type: int
    origin: str
    decided_at_ns: int
    matched: bool
    rungs: tuple[OrderOnRung, ...]
    steps: Mapping[Step, int]
    slippage: int | None
    slippage_bps: Fraction | None

    @property
    def amount(self) -> int:
        """What the order adds to live minus twin."""
        return sum(self.steps.values())


def order_lines(
    rungs: Sequence[RungRecord], rows: Sequence[Row], valuation: Valuation
) -> tuple[OrderLine, ...]:
    """Return every order that any rung placed, or that any row names, as it was decided.

    Args:
        rungs: Rung 0 first; the last is live.
        rows: Every row of every step.
        valuation: Knows the instruments.
    """
    amounts: dict[str, dict[Step, int]] = {}
    for row in rows:
        if row.decision_id:
            of_order = amounts.setdefault(row.decision_id, dict.fromkeys(Step, 0))
            of_order[row.step] += row.amount
    fills = [record.fills_of() for record in rungs]
    ids = dict.fromkeys((*(each for record in rungs for each in record.orders), *amounts))
    lines = [
        _line(
            [side_of(record, each, own) for record, own in zip(rungs, fills, strict=True)],
            amounts.get(each, dict.fromkeys(Step, 0)),
            valuation,
        )
        for each in ids
    ]
    return tuple(sorted(lines, key=lambda line: (line.decided_at_ns, line.decision_id)))


def _line(sides: Sequence[OrderSide], steps: Mapping[Step, int], valuation: Valuation) -> OrderLine:
    live = sides[-1]
    # What is nearest to the account says most about the order.
    order = next((each.order for each in reversed(sides) if each.order is not None), None)
    known = next((each for each in reversed(sides) if each.exists), live)
    instrument, side = known.direction or ("", 0)
    slippage, notional = _slippage(live, valuation)
    return OrderLine(
        decision_id=live.decision_id,
        instrument=instrument,
        side=side,
        order_type=0 if order is None else order.order_type,
        origin="" if order is None else order.origin,
        decided_at_ns=known.time_ns if order is None else order.decided_at_ns,
        matched=sides[0].order is not None and live.order is not None,
        rungs=tuple(
            _order_on_rung(number, each.fills, valuation)
            for number, each in enumerate(sides)
            if each.exists
        ),
        steps=steps,
        slippage=slippage,
        slippage_bps=Fraction(10_000 * slippage, notional) if slippage is not None else None,
    )


def _slippage(live: OrderSide, valuation: Valuation) -> tuple[int | None, int]:
    """Return (adverse shift, notional) of live's fills in internal money units."""
    if live.order is None or live.order.decision_price_ticks is None or not live.fills:
        return None, 0
    symbol, decided = live.order.instrument, live.order.decision_price_ticks
    decided_ns = live.order.decided_at_ns
    shift = 0
    for fill in live.fills:
        then = valuation.carried(symbol, decided, decided_ns, fill.venue_time_ns)
        shift += valuation.shift(symbol, fill.side * fill.lots, then, fill.price_ticks)
    return shift, sum(valuation.notional(fill) for fill in live.fills)


def _order_on_rung(number: int, fills: Sequence[Fill], valuation: Valuation) -> OrderOnRung:
    lots = sum(fill.lots for fill in fills)
    average = None
    if lots:
        instrument = valuation.instrument(fills[0].instrument)
        ticks = instrument.average_ticks([(fill.lots, fill.price_ticks) for fill in fills])
        with localcontext(prec=40):
            exact = ticks.numerator * instrument.tick_size / ticks.denominator
            average = round(exact, _PRICE_DIGITS).normalize()
    return OrderOnRung(
        rung=number,
        filled_lots=lots,
        average_price=average,
        fee=sum(fill.fee for fill in fills),
    )
