"""How far a resting order has come in the queue of its level, by a model.

What stands ahead of an order is held in microlots (10⁻⁶ lot), since a model moves it by fractions.
No function of a library decides anything here: powers are products and square roots, logarithms
are an own series in fixed operations, so compiled and interpreted give the same bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tieout.market._compile import compiled, compiled_inner
from tieout.market._models_compiled import call_ahead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

MICRO: Final = 1_000_000
"""Microlots in a lot."""

PESSIMISTIC_QUEUE: Final = 1
POWER_QUEUE: Final = 2
POWER_SHARE_QUEUE: Final = 3
POWER_REST_QUEUE: Final = 4
LOG_QUEUE: Final = 5
LOG_SHARE_QUEUE: Final = 6
OWN_QUEUE: Final = 7

LN2: Final = 0.6931471805599453
SQRT2: Final = 1.4142135623730951
LOG_TERMS: Final = 14
"""At |z| ≤ 0.1716 the term after these is under 10⁻²³."""


@compiled_inner
def natural_log(value: float) -> float:
    """Return ln of a value ≥ 1, to about 2 units in the last place.

    The value is halved, which is exact, until it lies under √2; then ln m = 2·artanh z with
    z = (m − 1)/(m + 1), as z + z³/3 + z⁵/5 + …, smallest term first.

    Source: Abramowitz and Stegun (1964), 4.1.27.
    """
    halvings = 0
    while value >= SQRT2:
        value *= 0.5
        halvings += 1
    z = (value - 1.0) / (value + 1.0)
    square = z * z
    total = 0.0
    for term in range(LOG_TERMS - 1, -1, -1):
        total = total * square + 1.0 / (2 * term + 1)
    return halvings * LN2 + 2.0 * z * total


@compiled_inner
def half_power(value: float, twice: int) -> float:
    """Return a value in [0, 1] to the power twice/2, from products and at most one square root."""
    result = 1.0
    for _ in range(twice // 2):
        result *= value
    if twice % 2 == 1:
        result *= math.sqrt(value)
    return result


@compiled_inner
def share_behind(model: int, twice_power: int, ahead: float, behind: float) -> float:
    """Return the probability that lots which went untraded stood behind us, by the model.

    Source: Rigtorp (2013), "Estimating order queue position": p = f(B) / (f(B) + f(F)); the other
    forms are variations on it.
    """
    both = ahead + behind
    if both <= 0.0:
        return 1.0
    if model == LOG_QUEUE or model == LOG_SHARE_QUEUE:
        above = natural_log(1.0 + behind)
        below = natural_log(1.0 + both)
        if model == LOG_QUEUE:
            below = above + natural_log(1.0 + ahead)
        return above / below
    ahead_power = half_power(ahead / both, twice_power)
    behind_power = half_power(behind / both, twice_power)
    if model == POWER_QUEUE:
        return behind_power / (behind_power + ahead_power)
    if model == POWER_SHARE_QUEUE:
        return behind_power
    return 1.0 - ahead_power


@compiled_inner
def ahead_after_change(
    model: int, parameter: int, ahead: int, traded: int, before: int, after: int
) -> int:
    """Return the microlots ahead once a level went from `before` to `after` lots.

    The model is given with twice its exponent, the user's own with its address; what that answers
    is not looked at here. `ahead` and `traded`, what was printed there since
    the level was last told and is taken off already, are microlots; the other two lots shown.
    """
    if model == OWN_QUEUE:
        return call_ahead(parameter, ahead, traded, before, after)
    most = after * MICRO
    gone = before * MICRO - traded - most
    if model != PESSIMISTIC_QUEUE and gone > 0 and ahead > 0:
        behind = max(0, before * MICRO - traded - ahead)
        share = share_behind(model, parameter, ahead / MICRO, behind / MICRO)
        # What the model puts behind us and more than is there must have stood ahead.
        excess = max(share * gone - behind, 0.0)
        ahead -= int((1.0 - share) * gone + excess)
    return max(0, min(ahead, most))


@compiled("float64(int64, int64, float64, float64)")
def find_share_behind(model: int, twice_power: int, ahead: float, behind: float) -> float:
    """Return `share_behind`, for Python."""
    return share_behind(model, twice_power, ahead, behind)


@compiled("int64(int64, int64, int64, int64, int64, int64)")
def find_ahead(
    model: int, twice_power: int, ahead: int, traded: int, before: int, after: int
) -> int:
    """Return `ahead_after_change`, for Python."""
    return ahead_after_change(model, twice_power, ahead, traded, before, after)


@compiled("float64(float64)")
def find_log(value: float) -> float:
    """Return `natural_log`, for Python."""
    return natural_log(value)
