"""Amounts, times and shares as people read them; nothing here is computed with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from tieout.model.money import decimal_text, money_decimal

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["bps", "cents", "clock", "exact", "price", "rate", "share", "signed_cents", "statistic"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def exact(units: int) -> str:
    """Return money as exact plain text, with a dot and at least two decimals."""
    return decimal_text(units)


def cents(units: int, digits: int = 2) -> str:
    """Return money to the cent, or to so many decimals, thousands apart: 1,234.50, −0.07."""
    rounded = money_decimal(units).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    text = f"{abs(rounded):,.{digits}f}"
    return f"\N{MINUS SIGN}{text}" if rounded < 0 else text


def signed_cents(units: int, digits: int = 2) -> str:
    """Return money as `cents` does with its sign, +0.07; nothing but zero has none."""
    text = cents(units, digits)
    return text if units <= 0 or not text.strip("0.") else f"+{text}"


def clock(time_ns: int) -> str:
    """Return a UTC time to the millisecond."""
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}"


def share(value: Fraction | None) -> str:
    """Return a share in per cent; a dash where it is not defined."""
    return "\N{EM DASH}" if value is None else f"{float(value):.2%}"


def bps(value: Fraction | None) -> str:
    """Return basis points to a hundredth; a dash where they are not defined."""
    return "\N{EM DASH}" if value is None else f"{float(value):.2f}"


def statistic(value: float | Fraction | None) -> str:
    """Return a statistic to four figures; where it rests on too little, it says so."""
    return "too few data" if value is None else f"{float(value):.4g}"


def rate(value: float | None) -> str:
    """Return a rate a year in per cent; where it rests on too little, it says so."""
    return "too few data" if value is None else f"{value:.2%}"


def price(value: Decimal | None) -> str:
    """Return a price in plain digits; a dash for none."""
    return "\N{EM DASH}" if value is None else f"{value:f}"
