"""What fills, positions and whole runs are worth at one pair of marks, exactly.

profit = Σ side·lots·(final mark − price) − Σ fees + Σ funding + Σ start lots·(final − start mark)

Where an instrument was split since, what was one lot is new/old of them now: lots·(ratio·final mark
− price), rounded half up at 10⁻¹², and dividends are added as they were paid. What a split leaves
over is paid at the price of then and takes no part in what follows: that, with what was rounded
here, is `left_over`.

Of an inverse contract the value of lots at a price is rounded, so side·lots·(final mark − price) is
the difference of two such values, and the position's own value at the final mark is not quite the
sum of its fills' there: what is between them, less than 10⁻¹² of the coin a fill, is
`value_rounding`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tieout.errors import InputError, InvariantViolated
from tieout.ledger import Ledger
from tieout.model.actions import ActionKind
from tieout.model.events import ActionBooked, Split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout.model.events import Fill
    from tieout.model.instruments import Instrument
    from tieout.reconcile.records import RungRecord

__all__ = ["Valuation", "dividends_of", "profit", "splits_of"]

_EVER_NS: Final = 2**62
_ZERO: Final = Fraction(0)
_ONE: Final = Fraction(1)
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Valuation:
    """One start mark and one final mark for every instrument, shared by all rungs.

    Attributes:
        start, end: Mark prices in ticks, by symbol.
        splits: (venue time, new/old) of every split after the start, by symbol, in order of time.
    """

    instruments: Mapping[str, Instrument]
    start: Mapping[str, int]
    end: Mapping[str, int]
    splits: Mapping[str, tuple[tuple[int, Fraction], ...]] = field(default_factory=dict)

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

    def value(self, symbol: str, signed_lots: int, price_ticks: int) -> int:
        """Return what lots are worth at a price, in internal money units."""
        return self.instrument(symbol).value(signed_lots, price_ticks)

    def shift(self, symbol: str, signed_lots: int, from_ticks: int, to_ticks: int) -> int:
        """Return what lots gain from one price to another, in internal money units."""
        value = self.instrument(symbol).value
        return value(signed_lots, to_ticks) - value(signed_lots, from_ticks)

    def half_spread(
        self, symbol: str, signed_lots: int, reference_ticks: int, microticks: int
    ) -> Fraction:
        """Return what a fill's half spread cost in internal money units, unrounded.

        Args:
            symbol: The instrument.
            signed_lots: Bought, or sold if negative.
            reference_ticks: The price that it is counted from.
            microticks: The half spread, not negative when it was paid.
        """
        if not microticks:
            return _ZERO
        instrument = self.instrument(symbol)
        if not instrument.inverse:
            return Fraction(abs(signed_lots) * microticks * instrument.tick_value, _MICRO)
        away = Fraction(microticks, _MICRO) * (1 if signed_lots > 0 else -1)
        exact = instrument.exact_value
        return exact(signed_lots, reference_ticks + away) - exact(signed_lots, reference_ticks)

    def notional(self, fill: Fill) -> int:
        """Return the size of a fill in internal money units, not negative."""
        return self.instrument(fill.instrument).notional(fill.lots, fill.price_ticks)

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

    def ratio_since(self, symbol: str, venue_time_ns: int, until_ns: int = _EVER_NS) -> Fraction:
        """Return how many lots one lot of a venue time has become by another one."""
        ratio = _ONE
        for at_ns, each in self.splits.get(symbol, ()):
            if venue_time_ns < at_ns <= until_ns:
                ratio *= each
        return ratio

    def carried(self, symbol: str, price_ticks: int, from_ns: int, until_ns: int) -> int:
        """Return a price of one time as it is at another, the splits between them done."""
        ratio = self.ratio_since(symbol, from_ns, until_ns)
        return price_ticks if ratio == 1 else _nearest(price_ticks / ratio)

    def worth(
        self, symbol: str, signed_lots: int, price_ticks: int, since_ns: int = _EVER_NS
    ) -> int:
        """Return what lots bought (or, negative, sold) at a price gain by the final mark.

        Args:
            symbol: The instrument.
            signed_lots: As they were counted then.
            price_ticks: As it was then.
            since_ns: Venue time of then; without it nothing was split since.
        """
        if not self.splits:
            return self.shift(symbol, signed_lots, price_ticks, self.end_mark(symbol))
        return _nearest(self._exact(symbol, signed_lots, price_ticks, since_ns))

    def fill_worth(self, fill: Fill) -> int:
        """Return what a fill gains by the final mark, after its fee."""
        signed = fill.side * fill.lots
        return self.worth(fill.instrument, signed, fill.price_ticks, fill.venue_time_ns) - fill.fee

    def slice_worth(self, fill: Fill, start: int, stop: int) -> int:
        """Return what lots [start, stop) of a fill gain by the final mark, before its fee.

        The slices of a fill sum to the whole, rounded though each value is.
        """
        at = (fill.price_ticks, fill.venue_time_ns)
        if self.instrument(fill.instrument).inverse:
            whole = self.worth(fill.instrument, fill.side * stop, *at)
            return whole - self.worth(fill.instrument, fill.side * start, *at)
        return self.worth(fill.instrument, fill.side * (stop - start), *at)

    def value_rounding(self, record: RungRecord) -> int:
        """Return what the final value of a run's inverse positions is more than its fills' sum."""
        pieces: dict[str, list[int]] = {}
        for symbol, (lots, _) in record.start_positions.items():
            pieces.setdefault(symbol, []).append(lots)
        for fill in record.fills:
            pieces.setdefault(fill.instrument, []).append(fill.side * fill.lots)
        return sum(self.rounding_of(symbol, lots) for symbol, lots in pieces.items())

    def rounding_of(self, symbol: str, pieces: Sequence[int]) -> int:
        """Return what signed lots are worth at the final mark together less what they are apart."""
        instrument = self.instrument(symbol)
        if not instrument.inverse or not any(pieces):
            return 0
        mark = self.end_mark(symbol)
        return instrument.value(sum(pieces), mark) - sum(
            instrument.value(each, mark) for each in pieces
        )

    def holding(self, symbol: str, lots: int) -> int:
        """Return what lots held from start to end gain; nothing held needs no mark."""
        if not lots:
            return 0
        return self.worth(symbol, lots, self.start_mark(symbol), 0)

    def left_over(self, record: RungRecord) -> int:
        """Return what splits left over gained besides, and what was rounded of fills since.

        Raises:
            InvariantViolated: It is no whole amount, so a fill or an action is missing.
        """
        if not record.bookings:
            return 0
        exact = Fraction(0)
        for fill in record.fills:
            symbol, signed = fill.instrument, fill.side * fill.lots
            at = (symbol, signed, fill.price_ticks, fill.venue_time_ns)
            exact += self._exact(*at) - self.worth(*at)
        for symbol, (lots, _) in record.start_positions.items():
            if lots:
                at = (symbol, lots, self.start_mark(symbol), 0)
                exact += self._exact(*at) - self.worth(*at)
        for each in record.bookings:
            fraction = Fraction(each.lots_before * each.new, each.old) - each.lots_after
            if fraction:
                ratio = self.ratio_since(each.instrument, each.effective_ns)
                unit = self.instrument(each.instrument).tick_value
                mark = self.end_mark(each.instrument) * unit
                exact += each.cash - fraction * ratio * mark
        if exact.denominator != 1:
            raise InvariantViolated(
                f"{record.name}: splits left over {exact} (10⁻¹² of currency), which is no whole "
                "amount; a fill or an action of its journal is missing"
            )
        return exact.numerator

    def _exact(self, symbol: str, lots: int, price_ticks: int, since_ns: int) -> Fraction:
        instrument, mark = self.instrument(symbol), self.end_mark(symbol)
        if instrument.inverse:
            # Such contracts are never split, and what is rounded of them is counted elsewhere.
            return Fraction(self.shift(symbol, lots, price_ticks, mark))
        ratio = self.ratio_since(symbol, since_ns)
        return lots * (ratio * mark - price_ticks) * instrument.tick_value

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
                valuation.value(symbol, lots, valuation.start_mark(symbol)),
            )
            for symbol, (lots, _) in record.start_positions.items()
            if lots
        },
    )
    for move in record.moves():
        valuation.instrument(move.instrument)
        valuation.end_mark(move.instrument)
        if isinstance(move, ActionBooked):
            ledger.book_action(move)
        else:
            ledger.book_fill(move)
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
        + dividends_of(record)
        + valuation.left_over(record)
        + valuation.value_rounding(record)
    )


def dividends_of(record: RungRecord) -> int:
    """Return the dividends that a run received."""
    return sum(each.cash for each in record.bookings if each.kind == ActionKind.DIVIDEND)


def splits_of(record: RungRecord) -> dict[str, tuple[tuple[int, Fraction], ...]]:
    """Return the splits that a run was given after its start, for its valuation."""
    found: dict[str, tuple[tuple[int, Fraction], ...]] = {}
    splits = [each for each in record.actions if isinstance(each, Split)]
    for each in sorted(splits, key=lambda split: split.venue_time_ns):
        ratio = Fraction(each.new, each.old)
        found[each.instrument] = (
            *found.get(each.instrument, ()),
            (each.venue_time_ns, ratio),
        )
    return found


def _nearest(exact: Fraction) -> int:
    """Return the nearest whole amount, halves up: whole amounts added before change nothing."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
