"""What borrowing costs, and how much there is, as stored columns, and back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tieout.model.borrow import BorrowRate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["NOT_TOLD", "RATE_DIGITS", "borrow_rates_of_columns", "shown_rate"]

NOT_TOLD: Final = -(1 << 62)
"""Stands in a column for what a row does not tell."""

RATE_DIGITS: Final = 12
"""Decimal digits of a stored rate: with 18, nine times a short's value a year would not fit."""

_TO_E18: Final = 10 ** (18 - RATE_DIGITS)


def borrow_rates_of_columns(chunk: Mapping[str, NDArray[np.int64]]) -> list[BorrowRate]:
    """Return stored rows as what holds from a time on."""
    return [
        BorrowRate(
            since_ns=since_ns,
            rate_e18=None if rate == NOT_TOLD else rate * _TO_E18,
            available_lots=None if lots == NOT_TOLD else lots,
            known_ns=known_ns,
        )
        for since_ns, known_ns, rate, lots in zip(
            *(
                chunk[name].tolist()
                for name in ("venue_time_ns", "known_time_ns", "rate_e12", "available_lots")
            ),
            strict=True,
        )
    ]


def shown_rate(rate_e12: int) -> str:
    """Return a stored rate as a person reads it."""
    return "-" if rate_e12 == NOT_TOLD else f"{Decimal(rate_e12).scaleb(-RATE_DIGITS):f}"
