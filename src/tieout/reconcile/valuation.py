"""What fills, positions and whole runs are worth at one pair of marks, exactly.

profit = Σ side·lots·(final mark − price) − Σ fees + Σ funding + Σ start lots·(final − start mark)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tieout.errors import InputError, InvariantViolated
from tieout.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.model.events import Fill
    from tieout.model.instruments import Instrument
    from tieout.reconcile.records import RungRecord

__all__ = ["Valuation", "profit"]


@dataclass(frozen=True, slots=True)
class Valuation:
    """One start mark and one final mark for every instrument, shared by all rungs.

    Attributes:
        start, end: Mark prices in ticks, by symbol.
    """

    instruments: Mapping[str, Instrument]
    start: Mapping[str, int]
    end: Mapping[str, int]

    def instrument(self, symbol: str) -> Instrument:
        """Return an instrument.

        Raises:
            InputError: It is not among those given.
        """
        found = self.instruments.get(symbol)
        if found is None:
            known = ", ".join(self.instruments) or "none"
            raise InputError(f"instrument {symbol!r} was traded but is not given; known: {known}")
        return found

    def tick_value(self, symbol: str) -> int:
        """Return what one tick of one lot is worth, in internal money units."""
        return self.instrument(symbol).tick_value

    def end_mark(self, symbol: str) -> int:
        """Return the final mark in ticks.

        Raises:
            InputError: There is none.
        """
        return self._mark(self.end, symbol, "final")

    def start_mark(self, symbol: str) -> int:
        """Return the start mark in ticks.

        Raises:
            InputError: There is none.
        """
        return self._mark(self.start, symbol, "start")

    def worth(self, symbol: str, signed_lots: int, price_ticks: int) -> int:
        """Return what lots bought (or, negative, sold) at a price gain by the final mark."""
        return signed_lots * (self.end_mark(symbol) - price_ticks) * self.tick_value(symbol)

    def fill_worth(self, fill: Fill) -> int:
        """Return what a fill gains by the final mark, after its fee."""
        return self.worth(fill.instrument, fill.side * fill.lots, fill.price_ticks) - fill.fee

    def holding(self, symbol: str, lots: int) -> int:
        """Return what lots held from start to end gain; nothing held needs no mark."""
        if not lots:
            return 0
        return self.worth(symbol, lots, self.start_mark(symbol))

    def _mark(self, marks: Mapping[str, int], symbol: str, which: str) -> int:
        mark = marks.get(symbol)
        if mark is None:
            raise InputError(
                f"{symbol}: the live journal has no {which} mark price; stop the run properly, or "
                "resume and end it, so that it records one"
            )
        return mark


def profit(record: RungRecord, valuation: Valuation) -> int:
    """Return a run's profit between the two marks, from its ledger, checked by the plain formula.

    Raises:
        InvariantViolated: Ledger and formula differ.
        InputError: A mark or an instrument is missing.
    """
    by_ledger = _by_ledger(record, valuation)
    by_formula = _by_formula(record, valuation)
    if by_ledger != by_formula:
        raise InvariantViolated(
            f"{record.name}: its ledger says a profit of {by_ledger} and the sum over its fills "
            f"{by_formula} (10⁻¹² of currency); they must be equal"
        )
    return by_ledger


def _by_ledger(record: RungRecord, valuation: Valuation) -> int:
    ledger = Ledger(
        valuation.instruments,
        cash=record.cash,
        positions={
            symbol: (
                lots,
                valuation.instrument(symbol).notional(lots, valuation.start_mark(symbol)),
            )
            for symbol, (lots, _) in record.start_positions.items()
            if lots
        },
    )
    for fill in record.fills:
        valuation.instrument(fill.instrument)
        valuation.end_mark(fill.instrument)
        ledger.book_fill(fill)
    for charge in record.funding:
        ledger.book_funding(charge)
    ledger.check()
    return ledger.profit(valuation.end)


def _by_formula(record: RungRecord, valuation: Valuation) -> int:
    return (
        sum(valuation.fill_worth(fill) for fill in record.fills)
        + sum(charge.amount for charge in record.funding)
        + sum(
            valuation.holding(symbol, lots) for symbol, (lots, _) in record.start_positions.items()
        )
    )
