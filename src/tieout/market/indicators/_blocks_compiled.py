"""What indicators are made of: rings, sums, averages, extremes. Layout: `_layout`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import compiled_inner
from tieout.market.indicators._layout import (
    EMA,
    FIRST,
    GIVEN,
    OUTPUTS,
    SAMPLE,
    SEEN,
    SMA,
    WMA,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    State = NDArray[np.float64]

__all__: list[str] = []

STEP = "float64(F, int64, int64, int64, int64, int64)"
"""A step takes the state and open, high, low, close in ticks and the volume in lots."""


# -- what is given, and what is said -------------------------------------------------------------


@compiled_inner
def whole(state: State, which: int) -> int:
    """Return a parameter that is a whole number."""
    return int(state[GIVEN + which])


@compiled_inner
def say(state: State, which: int, value: float) -> None:
    """Write an output, unless it is not there yet."""
    if not math.isnan(value):
        state[OUTPUTS + which] = value


@compiled_inner
def done(state: State, value: float) -> float:
    """Write the first output, count the bar and return what stands there."""
    if not math.isnan(value):
        state[OUTPUTS] = value
    state[SEEN] += 1.0
    return float(state[OUTPUTS])


@compiled_inner
def ratio(part: float, of: float, otherwise: float) -> float:
    """Return a quotient, or what is said where there is nothing to divide by."""
    if of == 0.0:
        return otherwise
    return part / of


# -- rings ---------------------------------------------------------------------------------------


@compiled_inner
def push(state: State, at: int, window: int, value: float) -> float:
    """Put a value into a ring; return the one it replaces, 0.0 while the ring fills."""
    taken = int(state[at])
    place = at + 1 + taken % window
    out = state[place]
    state[place] = value
    state[at] = taken + 1.0
    return out


@compiled_inner
def full(state: State, at: int, window: int) -> bool:
    """Return whether a ring holds as much as it can."""
    return state[at] >= window


@compiled_inner
def before(state: State, at: int, window: int, age: int) -> float:
    """Return the value that many pushes ago: 0 is the last one, `window - 1` the oldest."""
    return state[at + 1 + (int(state[at]) - 1 - age) % window]


@compiled_inner
def sum_of(state: State, at: int, window: int) -> float:
    """Return the sum of a full ring, always added from the oldest on, so that it never drifts."""
    first = int(state[at]) % window
    total = 0.0
    for place in range(at + 1 + first, at + 1 + window):
        total += state[place]
    for place in range(at + 1, at + 1 + first):
        total += state[place]
    return total


@compiled_inner
def weighted_mean(state: State, at: int, window: int) -> float:
    """Return the mean of a full ring with weights 1 … window, the newest the heaviest."""
    first = int(state[at]) % window
    total = 0.0
    weight = 0.0
    for place in range(at + 1 + first, at + 1 + window):
        weight += 1.0
        total += weight * state[place]
    for place in range(at + 1, at + 1 + first):
        weight += 1.0
        total += weight * state[place]
    return total / (window * (window + 1.0) / 2.0)


@compiled_inner
def mean_of(state: State, at: int, window: int) -> float:
    """Return the mean of a full ring; of equal values it is exactly that value."""
    oldest = before(state, at, window, window - 1)
    total = 0.0
    for age in range(window - 2, -1, -1):
        total += before(state, at, window, age) - oldest
    return oldest + total / window


@compiled_inner
def variance_of(state: State, at: int, window: int, kind: int) -> float:
    """Return the variance of a full ring, by deviations from its own mean."""
    mean = mean_of(state, at, window)
    first = int(state[at]) % window
    total = 0.0
    for place in range(at + 1 + first, at + 1 + window):
        total += (state[place] - mean) * (state[place] - mean)
    for place in range(at + 1, at + 1 + first):
        total += (state[place] - mean) * (state[place] - mean)
    if kind == SAMPLE:
        return total / (window - 1.0)
    return total / window


@compiled_inner
def mean_deviation_of(state: State, at: int, window: int, mean: float) -> float:
    """Return the mean distance of a full ring's values from a mean."""
    first = int(state[at]) % window
    total = 0.0
    for place in range(at + 1 + first, at + 1 + window):
        total += abs(state[place] - mean)
    for place in range(at + 1, at + 1 + first):
        total += abs(state[place] - mean)
    return total / window


@compiled_inner
def highest_of(state: State, at: int, window: int) -> float:
    """Return the highest value of a full ring."""
    best = state[at + 1]
    for place in range(at + 2, at + 1 + window):
        best = max(best, state[place])
    return best


@compiled_inner
def lowest_of(state: State, at: int, window: int) -> float:
    """Return the lowest value of a full ring."""
    best = state[at + 1]
    for place in range(at + 2, at + 1 + window):
        best = min(best, state[place])
    return best


# -- sums, averages, extremes --------------------------------------------------------------------


@compiled_inner
def running_sum(state: State, at: int, window: int, value: float) -> float:
    """Take a whole number; return the exact sum of the last `window` of them."""
    state[at] += value - push(state, at + 1, window, value)
    return state[at]


@compiled_inner
def fresh_sum(state: State, at: int, window: int, value: float) -> float:
    """Take any number; return the sum of the last `window`, added anew so that it never drifts."""
    push(state, at, window, value)
    return sum_of(state, at, window)


@compiled_inner
def average(state: State, at: int, kind: int, seed: int, window: int, value: float) -> float:
    """Take a value into an average of a kind; return the average, NaN until it has begun."""
    if math.isnan(value):
        return math.nan
    if kind == SMA or kind == WMA:
        push(state, at + 2, window, value)
        state[at] += 1.0
        if state[at] < window:
            return math.nan
        if kind == WMA:
            return weighted_mean(state, at + 2, window)
        return sum_of(state, at + 2, window) / window
    taken = state[at]
    state[at] = taken + 1.0
    if seed == FIRST:
        if taken == 0.0:
            state[at + 1] = value
            return value
    elif taken < window:
        state[at + 1] += value
        if taken + 1.0 < window:
            return math.nan
        state[at + 1] /= window
        return state[at + 1]
    weight = 2.0 / (window + 1.0) if kind == EMA else 1.0 / window
    state[at + 1] += weight * (value - state[at + 1])
    return state[at + 1]


@compiled_inner
def extreme(state: State, at: int, window: int, sign: float, value: float) -> float:
    """Take a value; return the highest (sign +1) or lowest (−1) of the last `window`.

    Only values that may still become the extreme are kept, so the cost is the same for any window.
    Of equal ones the newest is kept.
    """
    numbers = at + 3
    values = numbers + window
    number = state[at]
    first = int(state[at + 1])
    count = int(state[at + 2])
    if count > 0 and state[numbers + first] <= number - window:
        first = (first + 1) % window
        count -= 1
    while count > 0:
        last = (first + count - 1) % window
        if sign * state[values + last] > sign * value:
            break
        count -= 1
    last = (first + count) % window
    state[numbers + last] = number
    state[values + last] = value
    state[at] = number + 1.0
    state[at + 1] = float(first)
    state[at + 2] = count + 1.0
    return state[values + first]


@compiled_inner
def extreme_age(state: State, at: int) -> float:
    """Return how many bars ago the extreme was."""
    return state[at] - 1.0 - state[at + 3 + int(state[at + 1])]


# -- what many are made of -----------------------------------------------------------------------


@compiled_inner
def true_range_of(high: int, low: int, seen: float, last_close: float) -> float:
    """Return high to low, the last close included; without one high to low alone."""
    if seen == 0.0:
        return float(high - low)
    return max(float(high), last_close) - min(float(low), last_close)


@compiled_inner
def strength(gain: float, loss: float) -> float:
    """Return gains as a share of all movement, in percent; 50 where nothing moved."""
    if math.isnan(gain) or math.isnan(loss):
        return math.nan
    return ratio(100.0 * gain, gain + loss, 50.0)


@compiled_inner
def fit(state: State, at: int, window: int) -> tuple[float, float]:
    """Return level at the newest value and slope of the line through a full ring."""
    middle = (window - 1.0) / 2.0
    mean = mean_of(state, at, window)
    total = 0.0
    for age in range(window - 1, -1, -1):
        total += (window - 1.0 - age - middle) * before(state, at, window, age)
    slope = total / (window * (window * window - 1.0) / 12.0)
    return mean + slope * middle, slope


@compiled_inner
def share_of_range(value: float, lowest: float, highest: float, otherwise: float) -> float:
    """Return where a value stands between two others, in percent."""
    return ratio(100.0 * (value - lowest), highest - lowest, otherwise)
