"""Margin of positions, and the price at which the venue closes one: pure and exact."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tieout.model.margin import LIQUIDATION
from tieout.model.money import MONEY_UNIT, round_half_up

if TYPE_CHECKING:
    from tieout.model.events import Fill
    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms

__all__ = [
    "TICKS_MAX",
    "initial_margin",
    "liquidation_fee",
    "liquidation_ticks",
    "maintenance_margin",
]

TICKS_MAX: Final = 2**40
"""Prices are searched up to here."""
_WHOLE: Final = Fraction(1)


def initial_margin(terms: MarginTerms, notional: int) -> int:
    """Return what a position of this value must have at the order, rounded up.

    Args:
        terms: The account's.
        notional: In money units, of any sign.
    """
    size = abs(notional)
    rate = Fraction(terms.brackets[_bracket(terms, size)].initial_rate)
    if terms.leverage is not None:
        rate = max(rate, 1 / Fraction(terms.leverage))
    return -(-size * rate.numerator // rate.denominator)


def maintenance_margin(terms: MarginTerms, notional: int) -> int:
    """Return what a position of this value must keep, rounded up."""
    size = abs(notional)
    place = _bracket(terms, size)
    rate = Fraction(terms.brackets[place].maintenance_rate)
    return -(-size * rate.numerator // rate.denominator) - terms.deductions[place]


def liquidation_ticks(
    terms: MarginTerms,
    instrument: Instrument,
    *,
    lots: int,
    cost: int,
    wallet: int,
    ratio: Fraction = _WHOLE,
) -> int | None:
    """Return the first price, going against a position, at which the venue closes it.

    There the maintenance margin is no less than the wallet and the open profit; or, for a warning,
    than a share of them. A short of an inverse contract never loses more than its notional at
    entry, so one that has this much stand for it is never closed.

    Args:
        terms: The account's.
        instrument: What is held.
        lots: Signed, not 0.
        cost: Value of the position when it was opened, as a ledger has it.
        wallet: Money that stands for it, without its open profit.
        ratio: That share, above 0.

    Returns:
        A price of at least one tick; None where no such price is ever reached.
    """

    def is_over(ticks: int) -> bool:
        notional = instrument.notional(lots, ticks)
        there = (wallet + instrument.value(lots, ticks) - cost) * ratio.numerator
        return there <= maintenance_margin(terms, notional) * ratio.denominator

    # A long is over from some price downward, a short from some price upward.
    if lots > 0:
        if not is_over(1):
            return None
        low, high = 1, 2
        while is_over(high):
            low, high = high, high * 2
            if high > TICKS_MAX:
                return low
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_over(middle) else (low, middle)
        return low
    if is_over(1):
        return 1
    low, high = 1, 2
    while not is_over(high):
        low, high = high, high * 2
        if high > TICKS_MAX:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_over(middle) else (middle, high)
    return high


def liquidation_fee(terms: MarginTerms, instrument: Instrument, fill: Fill) -> int:
    """Return what the venue takes on top of its fee for closing a position itself; else 0."""
    if not fill.decision_id.startswith(LIQUIDATION):
        return 0
    numerator, denominator = terms.liquidation_fee_rate.as_integer_ratio()
    notional = instrument.notional(fill.lots, fill.price_ticks)
    extra: int = round_half_up(notional * numerator, denominator)
    return extra


def _bracket(terms: MarginTerms, size: int) -> int:
    place = 0
    for number, each in enumerate(terms.brackets):
        if size < each.from_notional * MONEY_UNIT:
            break
        place = number
    return place
