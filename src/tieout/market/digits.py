"""Columns of decimal text as whole steps, read digit by digit in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market._digits_compiled import DIGITS_MAX, OFF, OTHER, parse_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["DIGITS_MAX", "steps_of_text"]


def steps_of_text(
    letters: NDArray[np.uint8], starts: Int64s, *, digits: int, units: int
) -> tuple[Int64s, Bools, Bools]:
    """Return decimals in steps of `units · 10^−digits`, and which could not be read so.

    Args:
        letters: (m,) the text of all rows, one after the other.
        starts: (n + 1,) where each row begins, and where the last one ends; ascending, at most m.
        digits: 0 … `DIGITS_MAX`.
        units: Positive.

    Returns:
        (n,) steps, rounded down; (n,) which lie between two steps; (n,) which are no plain decimals
        below 2⁶² units of the last digit, whose steps say nothing.
    """
    assert 0 <= digits <= DIGITS_MAX, digits
    assert units > 0, units
    assert not len(starts) or (starts[0] >= 0 and starts[-1] <= len(letters)), starts[-1]
    rows = max(0, len(starts) - 1)
    steps, found = np.zeros(rows, np.int64), np.zeros(rows, np.uint8)
    parse_steps(letters, starts, digits, units, steps, found)
    return steps, found == OFF, found == OTHER
