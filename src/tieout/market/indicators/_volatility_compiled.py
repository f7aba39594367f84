"""Steps that measure how widely prices move, and the bands drawn from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import compiled
from tieout.market.indicators._blocks_compiled import (
    STEP,
    average,
    done,
    extreme,
    full,
    mean_deviation_of,
    push,
    ratio,
    running_sum,
    say,
    sum_of,
    true_range_of,
    variance_of,
    whole,
)
from tieout.market.indicators._layout import (
    EMA,
    EXTREME,
    GIVEN,
    MEAN,
    MEMORY,
    RING,
    SEEN,
    SMA,
    TICK,
)
from tieout.market.indicators._logarithms_compiled import log_of_ratio, natural_log

if TYPE_CHECKING:
    from tieout.market.indicators._blocks_compiled import State

__all__: list[str] = []


@compiled(STEP)
def true_range(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """High to low, the last close included; of the first bar high to low alone."""
    wide = true_range_of(high, low, state[SEEN], state[MEMORY])
    state[MEMORY] = float(close)
    return done(state, wide * state[TICK])


@compiled(STEP)
def atr(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Average true range: window, average, seed, whether the first bar's range counts."""
    window, kind, seed, counted = (
        whole(state, 0),
        whole(state, 1),
        whole(state, 2),
        whole(state, 3),
    )
    wide = true_range_of(high, low, state[SEEN], state[MEMORY])
    state[MEMORY] = float(close)
    if state[SEEN] == 0.0 and counted == 2:
        return done(state, math.nan)
    return done(state, average(state, MEMORY + 1, kind, seed, window, wide) * state[TICK])


@compiled(STEP)
def natr(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Average true range in percent of the close: as `atr`."""
    window, kind, seed, counted = (
        whole(state, 0),
        whole(state, 1),
        whole(state, 2),
        whole(state, 3),
    )
    wide = true_range_of(high, low, state[SEEN], state[MEMORY])
    state[MEMORY] = float(close)
    if state[SEEN] == 0.0 and counted == 2:
        return done(state, math.nan)
    mean = average(state, MEMORY + 1, kind, seed, window, wide)
    return done(state, ratio(100.0 * mean, float(close), 0.0))


@compiled(STEP)
def bollinger(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Bands at deviations around an average: window, deviations, deviation, average, seed."""
    window = whole(state, 0)
    ring = MEMORY + MEAN + window
    middle = average(state, MEMORY, whole(state, 3), whole(state, 4), window, float(close))
    push(state, ring, window, float(close))
    if not full(state, ring, window):
        return done(state, math.nan)
    away = state[GIVEN + 1] * math.sqrt(variance_of(state, ring, window, whole(state, 2)))
    say(state, 1, (middle + away) * state[TICK])
    say(state, 2, (middle - away) * state[TICK])
    say(state, 3, ratio(200.0 * away, middle, 0.0))
    say(state, 4, ratio(close - middle + away, 2.0 * away, 0.5))
    return done(state, middle * state[TICK])


@compiled(STEP)
def keltner(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Bands at true ranges around an average: window, ranges, range window, averages, seed.

    Parameters: window, how many ranges, range window, average, average of ranges, seed, source.
    """
    window, reach, seed = whole(state, 0), whole(state, 2), whole(state, 5)
    price = float(close) if whole(state, 6) == 2 else (high + low + close) / 3.0
    wide = true_range_of(high, low, state[SEEN], state[MEMORY])
    state[MEMORY] = float(close)
    middle = average(state, MEMORY + 1, whole(state, 3), seed, window, price)
    away = average(state, MEMORY + 1 + MEAN + window, whole(state, 4), seed, reach, wide)
    say(state, 1, (middle + state[GIVEN + 1] * away) * state[TICK])
    say(state, 2, (middle - state[GIVEN + 1] * away) * state[TICK])
    return done(state, middle * state[TICK])


@compiled(STEP)
def donchian(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Highest high, lowest low and their middle: window."""
    window = whole(state, 0)
    top = extreme(state, MEMORY, window, 1.0, float(high))
    bottom = extreme(state, MEMORY + EXTREME + 2 * window, window, -1.0, float(low))
    say(state, 1, top * state[TICK])
    say(state, 2, bottom * state[TICK])
    return done(state, (top + bottom) / 2.0 * state[TICK])


@compiled(STEP)
def deviation(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Standard deviation of closes: window, deviation."""
    window = whole(state, 0)
    push(state, MEMORY, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    return done(state, math.sqrt(variance_of(state, MEMORY, window, whole(state, 1))) * state[TICK])


@compiled(STEP)
def variance(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Variance of closes: window, deviation."""
    window = whole(state, 0)
    push(state, MEMORY, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    squares = variance_of(state, MEMORY, window, whole(state, 1))
    return done(state, squares * (state[TICK] * state[TICK]))


@compiled(STEP)
def mean_deviation(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Mean distance of closes from their mean: window."""
    window = whole(state, 0)
    total = running_sum(state, MEMORY, window, float(close))
    if not full(state, MEMORY + 1, window):
        return done(state, math.nan)
    away = mean_deviation_of(state, MEMORY + 1, window, total / window)
    return done(state, away * state[TICK])


@compiled(STEP)
def choppiness(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Sum of true ranges over the range of a window, on a logarithmic scale to 100: window."""
    window = whole(state, 0)
    at_low = MEMORY + 1 + EXTREME + 2 * window
    at_sum = at_low + EXTREME + 2 * window
    wide = true_range_of(high, low, state[SEEN], state[MEMORY])
    state[MEMORY] = float(close)
    top = extreme(state, MEMORY + 1, window, 1.0, float(high))
    bottom = extreme(state, at_low, window, -1.0, float(low))
    total = running_sum(state, at_sum, window, wide)
    if not full(state, at_sum + 1, window):
        return done(state, math.nan)
    if top == bottom:
        return done(state, 100.0)
    return done(state, 100.0 * natural_log(total / (top - bottom)) / natural_log(float(window)))


@compiled(STEP)
def mass_index(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Sum of how much ranges outgrow their own average: smoothing, window, seed."""
    smoothing, window, seed = whole(state, 0), whole(state, 1), whole(state, 2)
    ring = MEMORY + 2 * (MEAN + smoothing)
    once = average(state, MEMORY, EMA, seed, smoothing, float(high - low))
    twice = average(state, MEMORY + MEAN + smoothing, EMA, seed, smoothing, once)
    if math.isnan(twice):
        return done(state, math.nan)
    push(state, ring, window, ratio(once, twice, 1.0))
    if not full(state, ring, window):
        return done(state, math.nan)
    return done(state, sum_of(state, ring, window))


@compiled(STEP)
def rogers_satchell(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Rogers and Satchell's volatility of a bar, drift allowed: window."""
    window = whole(state, 0)
    up = log_of_ratio(float(high), float(close)) * log_of_ratio(float(high), float(opened))
    down = log_of_ratio(float(low), float(close)) * log_of_ratio(float(low), float(opened))
    push(state, MEMORY, window, up + down)
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    return done(state, math.sqrt(max(sum_of(state, MEMORY, window) / window, 0.0)))


@compiled(STEP)
def parkinson(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Parkinson's volatility of a bar, from highs and lows: window."""
    window = whole(state, 0)
    wide = log_of_ratio(float(high), float(low))
    push(state, MEMORY, window, wide * wide)
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    scale = 4.0 * natural_log(2.0) * window
    return done(state, math.sqrt(sum_of(state, MEMORY, window) / scale))


@compiled(STEP)
def garman_klass(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Garman and Klass' volatility of a bar: window."""
    window = whole(state, 0)
    wide = log_of_ratio(float(high), float(low))
    body = log_of_ratio(float(close), float(opened))
    push(
        state,
        MEMORY,
        window,
        0.5 * wide * wide - (2.0 * natural_log(2.0) - 1.0) * body * body,
    )
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    return done(state, math.sqrt(max(sum_of(state, MEMORY, window) / window, 0.0)))


@compiled(STEP)
def average_range(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean of high less low: window."""
    window = whole(state, 0)
    total = running_sum(state, MEMORY, window, float(high - low))
    if not full(state, MEMORY + 1, window):
        return done(state, math.nan)
    return done(state, total / window * state[TICK])


@compiled(STEP)
def ulcer(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Root mean square of the fall from the highest close, in percent: window."""
    window = whole(state, 0)
    ring = MEMORY + EXTREME + 2 * window
    top = extreme(state, MEMORY, window, 1.0, float(close))
    if state[SEEN] + 1.0 < window:
        return done(state, math.nan)
    fallen = ratio(100.0 * (close - top), top, 0.0)
    push(state, ring, window, fallen * fallen)
    if not full(state, ring, window):
        return done(state, math.nan)
    return done(state, math.sqrt(sum_of(state, ring, window) / window))


@compiled(STEP)
def relative_volatility(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Dorsey's share of deviation on rising closes, percent: deviation window, window, average.

    Parameters: deviation window, window, average, seed, deviation.
    """
    reach, window, kind, seed = whole(state, 0), whole(state, 1), whole(state, 2), whole(state, 3)
    last = state[MEMORY]
    state[MEMORY] = float(close)
    ring = MEMORY + 1
    at_up = ring + RING + reach
    push(state, ring, reach, float(close))
    if not full(state, ring, reach) or state[SEEN] == 0.0:
        return done(state, math.nan)
    away = math.sqrt(variance_of(state, ring, reach, whole(state, 4)))
    up = average(state, at_up, kind, seed, window, away if close > last else 0.0)
    down = average(state, at_up + MEAN + window, kind, seed, window, away if close < last else 0.0)
    if math.isnan(up):
        return done(state, math.nan)
    return done(state, ratio(100.0 * up, up + down, 50.0))


@compiled(STEP)
def envelope(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Bands at a percentage around an average: window, percent, average, seed."""
    window, share = whole(state, 0), state[GIVEN + 1] / 100.0
    middle = average(state, MEMORY, whole(state, 2), whole(state, 3), window, float(close))
    say(state, 1, middle * (1.0 + share) * state[TICK])
    say(state, 2, middle * (1.0 - share) * state[TICK])
    return done(state, middle * state[TICK])


@compiled(STEP)
def acceleration_bands(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Headley's bands, wider where bars are wide: window, factor."""
    window = whole(state, 0)
    size = MEAN + window
    share = state[GIVEN + 1] * ratio(float(high - low), float(high + low), 0.0)
    top = average(state, MEMORY, SMA, 0, window, high * (1.0 + share))
    bottom = average(state, MEMORY + size, SMA, 0, window, low * (1.0 - share))
    say(state, 1, top * state[TICK])
    say(state, 2, bottom * state[TICK])
    middle = average(state, MEMORY + 2 * size, SMA, 0, window, float(close))
    return done(state, middle * state[TICK])
