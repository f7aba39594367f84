"""Logarithm and exponential that give the same bits on every machine, compiled or not.

Only +, −, ×, ÷ and the exact taking apart of a float are used. Both are within 2 ulp of the true
value over the floats that indicators meet (measured in the tests).
"""

from __future__ import annotations

import math
from typing import Final

from tieout.market._compile import compiled, compiled_inner

__all__: list[str] = []

_ROOT_HALF: Final = 0.7071067811865476
_LN2_HIGH: Final = 6.93147180369123816490e-01
_LN2_LOW: Final = 1.90821492927058770002e-10
"""ln 2 in two parts: the first has 21 zero bits at its end, so whole multiples of it are exact."""
_LN2_INVERSE: Final = 1.4426950408889634
_SQUARES: Final = 12
_TERMS: Final = 14
_POWER_MAX: Final = 700.0


@compiled("float64(float64)")
def logarithm(value: float) -> float:
    """Return the natural logarithm of a positive number; 0.0 for what has none."""
    return natural_log(value)


@compiled("float64(float64)")
def exponential(power: float) -> float:
    """Return e to a power, which is held to −700 … 700."""
    return natural_power(power)


@compiled_inner
def natural_log(value: float) -> float:
    """Return the natural logarithm of a positive number; 0.0 for what has none.

    With value = m·2**k and m in [√½, √2): k·ln 2 + 2·artanh((m − 1)/(m + 1)), the latter as a sum.
    """
    if not value > 0.0 or math.isinf(value):
        return 0.0
    part, doublings = math.frexp(value)
    if part < _ROOT_HALF:
        part *= 2.0
        doublings -= 1
    excess = part - 1.0
    root = excess / (2.0 + excess)
    square = root * root
    total = 0.0
    for term in range(_SQUARES, 0, -1):
        total = (total + 1.0 / (2.0 * term + 1.0)) * square
    # 2·artanh(root) = excess − root·(excess − 2·total'), which keeps the leading part exact.
    small = excess - root * (excess - 2.0 * total)
    return doublings * _LN2_HIGH + (doublings * _LN2_LOW + small)


@compiled_inner
def natural_power(power: float) -> float:
    """Return e to a power: 2**k times the sum for what is left, at most half of ln 2."""
    held = min(max(power, -_POWER_MAX), _POWER_MAX)
    doublings = math.floor(held * _LN2_INVERSE + 0.5)
    left = (held - doublings * _LN2_HIGH) - doublings * _LN2_LOW
    total = 0.0
    for term in range(_TERMS, 1, -1):
        total = (total + 1.0) * left / term
    return math.ldexp(1.0 + (left + left * total), int(doublings))


@compiled_inner
def log_of_ratio(part: float, of: float) -> float:
    """Return the logarithm of a quotient; 0.0 where one of both is not positive."""
    if part <= 0.0 or of <= 0.0:
        return 0.0
    return natural_log(part / of)
