"""Money is an integer number of 10⁻¹² currency units inside, a `Decimal` at the edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tieout.errors import InputError
from tieout.model.decimals import is_plain

__all__ = ["MONEY_DIGITS", "MONEY_UNIT", "decimal_text", "money", "money_decimal", "round_half_up"]

MONEY_DIGITS: Final = 12
"""Decimal digits of the internal money integer."""

MONEY_UNIT: Final = 10**MONEY_DIGITS
"""How many internal units make one unit of currency."""


def money(amount: Decimal | str | int) -> int:
    """Return `amount` of currency as internal units, exactly.

    Raises:
        InputError: The amount is not finite or has more than 12 decimal digits.
    """
    value = Decimal(amount)
    if not is_plain(value):
        raise InputError(f"money: {amount} is not a finite amount; give a plain decimal number")
    # By digits and not by arithmetic: a decimal context would round at 28 digits.
    exact = True
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), exponent
    units = int("".join(map(str, digits)))
    power: int = 10 ** abs(exponent + MONEY_DIGITS)
    if exponent + MONEY_DIGITS >= 0:
        units *= power
    else:
        units, lost = divmod(units, power)
        exact = not lost
    if not exact:
        raise InputError(
            f"money: {amount} has more than {MONEY_DIGITS} decimal digits; round it first"
        )
    return -units if sign else units


def money_decimal(units: int) -> Decimal:
    """Return internal units as a `Decimal` of currency, exactly and without trailing zeros."""
    return Decimal(decimal_text(units, least_digits=0))


def decimal_text(units: int, least_digits: int = 2) -> str:
    """Return internal units as plain text: exact, never scientific, at least two decimals."""
    sign = "-" if units < 0 else ""
    whole, fraction = divmod(abs(units), MONEY_UNIT)
    digits = f"{fraction:0{MONEY_DIGITS}d}".rstrip("0").ljust(least_digits, "0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def round_half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded to the nearest integer, ties away from zero.

    This is how the venues modelled here round a commission or a funding payment.

    Args:
        numerator: Any sign.
        denominator: Positive.
    """
    quotient, remainder = divmod(abs(numerator), denominator)
    quotient += 2 * remainder >= denominator
    return -quotient if numerator < 0 else quotient
