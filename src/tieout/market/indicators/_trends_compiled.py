"""Steps that say which way prices go, and where they turned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner
from tieout.market.indicators._blocks_compiled import (
    STEP,
    average,
    before,
    done,
    extreme,
    extreme_age,
    full,
    push,
    ratio,
    running_sum,
    say,
    true_range_of,
    whole,
)
from tieout.market.indicators._layout import (
    EXTREME,
    GIVEN,
    MEAN,
    MEMORY,
    RING,
    SEEN,
    SUM,
    TICK,
    WILDER,
)

if TYPE_CHECKING:
    from tieout.market.indicators._blocks_compiled import State

__all__: list[str] = []


@compiled_inner
def wilder_sum(state: State, at: int, window: int, early: int, value: float) -> float:
    """Take a value; return Wilder's decaying sum, which starts from a sum of the first ones.

    Args:
        state: Of the indicator.
        at: Values taken, then the sum.
        window: S := S − S / window + value.
        early: 1 where the sum starts from window − 1 values, 0 where from all of the window.
        value: The next one.
    """
    taken = state[at]
    state[at] = taken + 1.0
    if taken < window - early:
        state[at + 1] += value
        return state[at + 1] if taken + 1.0 == window - early and early == 0 else math.nan
    state[at + 1] += value - state[at + 1] / window
    return state[at + 1]


@compiled_inner
def directional_index(
    state: State, window: int, early: int, high: int, low: int, close: int
) -> float:
    """Take a bar into Wilder's directional movement; say +DI and −DI, return ADX.

    Memory: last high, low and close, three sums of two numbers, the average of DX.
    """
    at_sums = MEMORY + 3
    last_high, last_low, last_close = state[MEMORY], state[MEMORY + 1], state[MEMORY + 2]
    state[MEMORY] = float(high)
    state[MEMORY + 1] = float(low)
    state[MEMORY + 2] = float(close)
    if state[SEEN] == 0.0:
        return math.nan
    up = high - last_high
    down = last_low - low
    wide = true_range_of(high, low, state[SEEN], last_close)
    rise = up if up > down and up > 0.0 else 0.0
    fall = down if down > up and down > 0.0 else 0.0
    ranges = wilder_sum(state, at_sums, window, early, wide)
    rises = wilder_sum(state, at_sums + 2, window, early, rise)
    falls = wilder_sum(state, at_sums + 4, window, early, fall)
    if math.isnan(ranges):
        return math.nan
    plus = ratio(100.0 * rises, ranges, 0.0)
    minus = ratio(100.0 * falls, ranges, 0.0)
    say(state, 1, plus)
    say(state, 2, minus)
    strength = ratio(100.0 * abs(plus - minus), plus + minus, 0.0)
    return average(state, at_sums + 6, WILDER, 2, window, strength)


@compiled(STEP)
def adx(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Wilder's average directional index: window, start of the sums (full, short)."""
    return done(
        state, directional_index(state, whole(state, 0), whole(state, 1) - 1, high, low, close)
    )


@compiled(STEP)
def adxr(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean of ADX now and window − 1 bars ago: window, start of the sums (full, short)."""
    window = whole(state, 0)
    ring = MEMORY + 9 + MEAN + window
    index = directional_index(state, window, whole(state, 1) - 1, high, low, close)
    if math.isnan(index):
        return done(state, math.nan)
    push(state, ring, window, index)
    if not full(state, ring, window):
        return done(state, math.nan)
    return done(state, (index + before(state, ring, window, window - 1)) / 2.0)


@compiled(STEP)
def aroon(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """How long ago the highest high and lowest low of window + 1 bars were: window."""
    window = whole(state, 0)
    at_low = MEMORY + EXTREME + 2 * (window + 1)
    extreme(state, MEMORY, window + 1, 1.0, float(high))
    extreme(state, at_low, window + 1, -1.0, float(low))
    if state[SEEN] < window:
        return done(state, math.nan)
    up = 100.0 * (window - extreme_age(state, MEMORY)) / window
    down = 100.0 * (window - extreme_age(state, at_low)) / window
    say(state, 1, up)
    say(state, 2, down)
    return done(state, up - down)


@compiled(STEP)
def vortex(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Movement from the last low up and from the last high down, over true range: window."""
    window = whole(state, 0)
    size = SUM + window
    last_high, last_low, last_close = state[MEMORY], state[MEMORY + 1], state[MEMORY + 2]
    state[MEMORY] = float(high)
    state[MEMORY + 1] = float(low)
    state[MEMORY + 2] = float(close)
    if state[SEEN] == 0.0:
        return done(state, math.nan)
    at = MEMORY + 3
    wide = running_sum(state, at, window, true_range_of(high, low, state[SEEN], last_close))
    up = running_sum(state, at + size, window, abs(high - last_low))
    down = running_sum(state, at + 2 * size, window, abs(low - last_high))
    if not full(state, at + 1, window):
        return done(state, math.nan)
    say(state, 1, ratio(down, wide, 0.0))
    return done(state, ratio(up, wide, 0.0))


@compiled(STEP)
def parabolic_sar(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Wilder's parabolic stop and reverse: first pace, how much it grows, largest pace.

    Memory: side (+1 long, −1 short), stop, extreme price, pace, last high, last low.
    """
    at_side, at_stop, at_extreme, at_pace = MEMORY, MEMORY + 1, MEMORY + 2, MEMORY + 3
    first, growth, largest = state[GIVEN], state[GIVEN + 1], state[GIVEN + 2]
    last_high, last_low = state[MEMORY + 4], state[MEMORY + 5]
    state[MEMORY + 4] = float(high)
    state[MEMORY + 5] = float(low)
    if state[SEEN] == 0.0:
        return done(state, math.nan)
    if state[SEEN] == 1.0:
        up, down = high - last_high, last_low - low
        side = -1.0 if down > 0.0 and down > up else 1.0
        state[at_side] = side
        state[at_stop] = last_low if side > 0.0 else last_high
        state[at_extreme] = float(high) if side > 0.0 else float(low)
        state[at_pace] = first
        last_high, last_low = float(high), float(low)
    side, stop = state[at_side], state[at_stop]
    if (side > 0.0 and low <= stop) or (side < 0.0 and high >= stop):
        # The stop is reached: it turns, and stands at the extreme of the way it came.
        side = -side
        shown = beyond(side, state[at_extreme], last_high, last_low, high, low)
        state[at_pace] = first
        state[at_extreme] = float(high) if side > 0.0 else float(low)
    else:
        shown = stop
        reached = float(high) if side > 0.0 else float(low)
        if side * (reached - state[at_extreme]) > 0.0:
            state[at_extreme] = reached
            state[at_pace] = min(state[at_pace] + growth, largest)
    moved = shown + state[at_pace] * (state[at_extreme] - shown)
    state[at_stop] = beyond(side, moved, last_high, last_low, high, low)
    state[at_side] = side
    say(state, 1, side)
    return done(state, shown * state[TICK])


@compiled_inner
def beyond(
    side: float, stop: float, last_high: float, last_low: float, high: int, low: int
) -> float:
    """Return a stop that lies outside of the last two bars."""
    if side > 0.0:
        return min(stop, last_low, float(low))
    return max(stop, last_high, float(high))


@compiled(STEP)
def supertrend(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """A band at true ranges that only moves with the trend: window, ranges, average, seed.

    Memory: last close, upper band, lower band, side (0 before there is one).
    """
    window, ranges = whole(state, 0), state[GIVEN + 1]
    last, seen = state[MEMORY], state[SEEN]
    state[MEMORY] = float(close)
    wide = true_range_of(high, low, seen, last)
    mean = average(state, MEMORY + 4, whole(state, 2), whole(state, 3), window, wide)
    if math.isnan(mean):
        return done(state, math.nan)
    middle = (high + low) / 2.0
    upper, lower = middle + ranges * mean, middle - ranges * mean
    side = state[MEMORY + 3]
    if side != 0.0:
        if upper > state[MEMORY + 1] and last <= state[MEMORY + 1]:
            upper = state[MEMORY + 1]
        if lower < state[MEMORY + 2] and last >= state[MEMORY + 2]:
            lower = state[MEMORY + 2]
    if side == 0.0:
        side = 1.0 if close > middle else -1.0
    elif side > 0.0 and close < lower:
        side = -1.0
    elif side < 0.0 and close > upper:
        side = 1.0
    state[MEMORY + 1] = upper
    state[MEMORY + 2] = lower
    state[MEMORY + 3] = side
    say(state, 1, side)
    return done(state, (lower if side > 0.0 else upper) * state[TICK])


@compiled_inner
def middle_of_range(state: State, at: int, window: int, high: int, low: int) -> float:
    """Return the middle between the highest high and lowest low, NaN before the window is full."""
    top = extreme(state, at, window, 1.0, float(high))
    bottom = extreme(state, at + EXTREME + 2 * window, window, -1.0, float(low))
    if state[SEEN] + 1.0 < window:
        return math.nan
    return (top + bottom) / 2.0


@compiled(STEP)
def ichimoku(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Conversion, base, and two spans as they stand at this bar: windows and how far ahead.

    Parameters: conversion window, base window, span window, bars ahead.
    """
    short, middle, long, ahead = whole(state, 0), whole(state, 1), whole(state, 2), whole(state, 3)
    at_middle = MEMORY + 2 * (EXTREME + 2 * short)
    at_long = at_middle + 2 * (EXTREME + 2 * middle)
    at_first = at_long + 2 * (EXTREME + 2 * long)
    at_second = at_first + RING + ahead + 1
    conversion = middle_of_range(state, MEMORY, short, high, low)
    base = middle_of_range(state, at_middle, middle, high, low)
    span = middle_of_range(state, at_long, long, high, low)
    push(state, at_first, ahead + 1, (conversion + base) / 2.0)
    push(state, at_second, ahead + 1, span)
    say(state, 1, base * state[TICK])
    if full(state, at_first, ahead + 1):
        say(state, 2, before(state, at_first, ahead + 1, ahead) * state[TICK])
        say(state, 3, before(state, at_second, ahead + 1, ahead) * state[TICK])
    return done(state, conversion * state[TICK])


@compiled(STEP)
def heikin_ashi(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Averaged bars: close, open, high, low."""
    middle = (opened + high + low + close) / 4.0
    if state[SEEN] == 0.0:
        start = (opened + close) / 2.0
    else:
        start = (state[MEMORY] + state[MEMORY + 1]) / 2.0
    state[MEMORY] = start
    state[MEMORY + 1] = middle
    say(state, 1, start * state[TICK])
    say(state, 2, max(float(high), start, middle) * state[TICK])
    say(state, 3, min(float(low), start, middle) * state[TICK])
    return done(state, middle * state[TICK])


@compiled(STEP)
def zigzag(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """The extreme that a leg has reached: percent that turns it, fewest bars of a leg.

    Memory: side of the extreme (−1 a low, +1 a high), its price, bars since. A leg starts as a low.
    """
    turn, shortest = state[GIVEN] / 100.0, state[GIVEN + 1]
    side, price, since = state[MEMORY], state[MEMORY + 1], state[MEMORY + 2]
    if state[SEEN] == 0.0:
        side, price, since = -1.0, float(low), -1.0
    elif side < 0.0:
        if high >= price * (1.0 + turn) and since >= shortest:
            side, price, since = 1.0, float(high), 0.0
        elif low <= price:
            price, since = float(low), 0.0
    elif low <= price * (1.0 - turn) and since >= shortest:
        side, price, since = -1.0, float(low), 0.0
    elif high >= price:
        price, since = float(high), 0.0
    state[MEMORY] = side
    state[MEMORY + 1] = price
    state[MEMORY + 2] = since + 1.0
    say(state, 1, side)
    return done(state, price * state[TICK])


@compiled(STEP)
def fractal(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Last high with `reach` lower ones on both sides, and last low alike: reach.

    Outputs: the last such high, the last such low, whether this bar confirmed one.
    """
    reach = whole(state, 0)
    size = 2 * reach + 1
    at_low = MEMORY + RING + size
    push(state, MEMORY, size, float(high))
    push(state, at_low, size, float(low))
    if not full(state, MEMORY, size):
        return done(state, math.nan)
    top, bottom = before(state, MEMORY, size, reach), before(state, at_low, size, reach)
    is_top, is_bottom = True, True
    for age in range(size):
        if age != reach:
            is_top = is_top and before(state, MEMORY, size, age) < top
            is_bottom = is_bottom and before(state, at_low, size, age) > bottom
    if is_bottom:
        say(state, 1, bottom * state[TICK])
    say(state, 2, (1.0 if is_top else 0.0) - (1.0 if is_bottom else 0.0))
    return done(state, top * state[TICK] if is_top else math.nan)


@compiled(STEP)
def pivot(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Floor pivots of the last `window` bars taken as one: window.

    Outputs: pivot, two resistances, two supports.
    """
    window = whole(state, 0)
    top = extreme(state, MEMORY, window, 1.0, float(high))
    bottom = extreme(state, MEMORY + EXTREME + 2 * window, window, -1.0, float(low))
    if state[SEEN] + 1.0 < window:
        return done(state, math.nan)
    middle = (top + bottom + close) / 3.0
    say(state, 1, (2.0 * middle - bottom) * state[TICK])
    say(state, 2, (middle + top - bottom) * state[TICK])
    say(state, 3, (2.0 * middle - top) * state[TICK])
    say(state, 4, (middle - top + bottom) * state[TICK])
    return done(state, middle * state[TICK])


@compiled(STEP)
def chandelier(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Exits at true ranges from the extremes of a window: window, ranges, average, seed."""
    window, ranges = whole(state, 0), state[GIVEN + 1]
    at_low = MEMORY + 1 + EXTREME + 2 * window
    at_mean = at_low + EXTREME + 2 * window
    wide = true_range_of(high, low, state[SEEN], state[MEMORY])
    state[MEMORY] = float(close)
    top = extreme(state, MEMORY + 1, window, 1.0, float(high))
    bottom = extreme(state, at_low, window, -1.0, float(low))
    mean = average(state, at_mean, whole(state, 2), whole(state, 3), window, wide)
    say(state, 1, (bottom + ranges * mean) * state[TICK])
    return done(state, (top - ranges * mean) * state[TICK])
