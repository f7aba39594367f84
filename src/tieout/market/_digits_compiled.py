"""Decimal text turned into whole steps, compiled.

letters   uint8   (m,)    the text of all rows, one after the other
starts    int64   (n+1,)  where each row begins; the last one: where the last row ends
steps     int64   (n,)    out: the value in steps of units · 10^−digits, rounded down
found     uint8   (n,)    out: EXACT, OFF between two steps, or OTHER, which says nothing of it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Letters = NDArray[np.uint8]
    Int64s = NDArray[np.int64]

__all__: list[str] = []

EXACT, OFF, OTHER = 0, 1, 2
DIGITS_MAX = 18
"""More decimals are not asked for: ten to their power must fit 64 bits."""

_TENTH_OF_MOST = (2**62 - 10) // 10
_ZERO, _NINE, _POINT, _PLUS, _MINUS = 48, 57, 46, 43, 45


@compiled("void(CB, C, int64, int64, A, B)")
def parse_steps(
    letters: Letters, starts: Int64s, digits: int, units: int, steps: Int64s, found: Letters
) -> None:
    """Read plain decimals; an exponent, blanks or 2⁶² units and more are told as OTHER."""
    for row in range(len(steps)):
        at, end = starts[row], starts[row + 1]
        negative = False
        if at < end and (letters[at] == _MINUS or letters[at] == _PLUS):
            negative = letters[at] == _MINUS
            at += 1
        value, seen, decimals, rest = 0, 0, -1, False
        found[row] = EXACT
        steps[row] = 0
        while at < end:
            letter = int(letters[at])
            at += 1
            if letter == _POINT and decimals < 0:
                decimals = 0
                continue
            if letter < _ZERO or letter > _NINE:
                found[row] = OTHER
                break
            seen += 1
            if decimals >= digits:
                rest |= letter != _ZERO
                continue
            if decimals >= 0:
                decimals += 1
            if value > _TENTH_OF_MOST:
                found[row] = OTHER
                break
            value = value * 10 + (letter - _ZERO)
        if not seen:
            found[row] = OTHER
        if found[row] == OTHER:
            continue
        for _ in range(max(decimals, 0), digits):
            if value > _TENTH_OF_MOST:
                found[row] = OTHER
                break
            value *= 10
        if found[row] == OTHER:
            continue
        if negative:
            value = -value - (1 if rest else 0)
        # Rounded down twice is rounded down once: what was cut off is less than one unit.
        whole = value // units
        steps[row] = whole
        if rest or whole * units != value:
            found[row] = OFF
