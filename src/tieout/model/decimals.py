"""Which decimal numbers are taken at all.

A decimal has room for 1e999999999, and exact arithmetic with it takes all memory and never ends. No
price, size, rate or amount of money is anywhere near; so what a text says is looked at here before
anything is computed with it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from msgspec import Struct

__all__ = ["POWER_MAX", "check_decimals", "is_plain", "plain_decimal"]

POWER_MAX: Final = 60
"""Magnitude that is taken, either way: 10⁶⁰ and 10⁻⁶⁰."""

_LENGTH_MAX: Final = 400


def is_plain(value: Decimal) -> bool:
    """Tell whether a number is finite, and of a magnitude that exact arithmetic can work with."""
    return value.is_finite() and -POWER_MAX <= value.adjusted() <= POWER_MAX


def plain_decimal(text: str) -> Decimal:
    """Return the number that a text says, exactly.

    Raises:
        ValueError: The text is no number, or none that is taken.
    """
    try:
        value = Decimal(text) if len(text) <= _LENGTH_MAX else Decimal("NaN")
    except ArithmeticError:
        value = Decimal("NaN")
    if not is_plain(value):
        raise ValueError(f"{text[:40]!r} is no number between 1e-{POWER_MAX} and 1e{POWER_MAX}")
    return value


def check_decimals(where: str, settings: Struct) -> None:
    """Refuse settings with a number that nothing can be computed with, however deep it stands.

    Raises:
        SettingsError: Names the setting.
    """
    for name in settings.__struct_fields__:
        _check(f"{where}: {name}", getattr(settings, name))


def _check(where: str, value: Any) -> None:  # noqa: ANN401  whatever settings are made of
    if isinstance(value, Decimal):
        if not is_plain(value):
            raise SettingsError(
                f"{where} {value} is no number between 1e-{POWER_MAX} and 1e{POWER_MAX}; correct it"
            )
    elif hasattr(value, "__struct_fields__"):
        check_decimals(where, value)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check(f"{where} {key}", each)
    elif isinstance(value, tuple | list):
        for number, each in enumerate(value, start=1):
            if not isinstance(each, int | str | float):
                _check(f"{where} {number}", each)
