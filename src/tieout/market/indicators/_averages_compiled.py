"""Steps of the moving averages; all give prices."""

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
    fresh_sum,
    full,
    push,
    ratio,
    running_sum,
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
    SUM,
    TICK,
    WILDER,
    WMA,
)
from tieout.market.indicators._logarithms_compiled import natural_log, natural_power

if TYPE_CHECKING:
    from tieout.market.indicators._blocks_compiled import State

__all__: list[str] = []


@compiled(STEP)
def sma(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Simple moving average: window."""
    window = whole(state, 0)
    total = running_sum(state, MEMORY, window, float(close))
    if not full(state, MEMORY + 1, window):
        return done(state, math.nan)
    return done(state, total / window * state[TICK])


@compiled(STEP)
def relative_average(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """SMA(n) − SMA(2n) + SMA(3n): window."""
    window = whole(state, 0)
    at_double = MEMORY + SUM + window
    at_triple = at_double + SUM + 2 * window
    short = running_sum(state, MEMORY, window, float(close))
    middle = running_sum(state, at_double, 2 * window, float(close))
    long = running_sum(state, at_triple, 3 * window, float(close))
    if not full(state, at_triple + 1, 3 * window):
        return done(state, math.nan)
    return done(state, (6.0 * short - 3.0 * middle + 2.0 * long) / (6.0 * window) * state[TICK])


@compiled(STEP)
def ema(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Exponential moving average: window, seed."""
    mean = average(state, MEMORY, EMA, whole(state, 1), whole(state, 0), float(close))
    return done(state, mean * state[TICK])


@compiled(STEP)
def wilder(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Wilder's average: window, seed."""
    mean = average(state, MEMORY, WILDER, whole(state, 1), whole(state, 0), float(close))
    return done(state, mean * state[TICK])


@compiled(STEP)
def wma(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Linearly weighted moving average: window."""
    mean = average(state, MEMORY, WMA, 0, whole(state, 0), float(close))
    return done(state, mean * state[TICK])


@compiled(STEP)
def hma(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Hull's average: window, half window, root window."""
    window, half, root = whole(state, 0), whole(state, 1), whole(state, 2)
    at_half = MEMORY + MEAN + window
    slow = average(state, MEMORY, WMA, 0, window, float(close))
    fast = average(state, at_half, WMA, 0, half, float(close))
    mean = average(state, at_half + MEAN + half, WMA, 0, root, 2.0 * fast - slow)
    return done(state, mean * state[TICK])


@compiled(STEP)
def dema(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Double exponential average: window, seed."""
    window, seed = whole(state, 0), whole(state, 1)
    size = MEAN + window
    once = average(state, MEMORY, EMA, seed, window, float(close))
    twice = average(state, MEMORY + size, EMA, seed, window, once)
    return done(state, (2.0 * once - twice) * state[TICK])


@compiled(STEP)
def tema(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Triple exponential average: window, seed."""
    window, seed = whole(state, 0), whole(state, 1)
    size = MEAN + window
    once = average(state, MEMORY, EMA, seed, window, float(close))
    twice = average(state, MEMORY + size, EMA, seed, window, once)
    thrice = average(state, MEMORY + 2 * size, EMA, seed, window, twice)
    return done(state, (3.0 * once - 3.0 * twice + thrice) * state[TICK])


@compiled(STEP)
def trima(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Triangular average: window; the mean of a mean."""
    window = whole(state, 0)
    first = window // 2 + 1
    second = (window + 1) // 2
    inner = average(state, MEMORY, SMA, 0, first, float(close))
    mean = average(state, MEMORY + MEAN + first, SMA, 0, second, inner)
    return done(state, mean * state[TICK])


@compiled(STEP)
def kama(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Kaufman's adaptive average: window, fast, slow, seed (the last, or the full mean)."""
    window, seeded = whole(state, 0), whole(state, 3)
    at_path = MEMORY + 1 + RING + window + 1
    seen = int(state[SEEN])
    price = float(close)
    last = before(state, MEMORY + 1, window + 1, 0) if seen > 0 else price
    push(state, MEMORY + 1, window + 1, price)
    if seen > 0:
        running_sum(state, at_path, window, abs(price - last))
    if seen < window:
        state[MEMORY] += price
        if seen + 1 == window:
            # What the average starts from: the last close, or the mean of all so far.
            state[MEMORY] = price if seeded == 1 else state[MEMORY] / window
        return done(state, math.nan)
    moved = abs(price - before(state, MEMORY + 1, window + 1, window))
    efficiency = min(ratio(moved, state[at_path], 0.0), 1.0)
    fast = 2.0 / (state[GIVEN + 1] + 1.0)
    slow = 2.0 / (state[GIVEN + 2] + 1.0)
    weight = efficiency * (fast - slow) + slow
    state[MEMORY] += weight * weight * (price - state[MEMORY])
    return done(state, state[MEMORY] * state[TICK])


@compiled(STEP)
def zlema(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Zero lag exponential average: window, seed, lag."""
    window, lag = whole(state, 0), whole(state, 2)
    ring = MEMORY + MEAN + window
    push(state, ring, lag + 1, float(close))
    if not full(state, ring, lag + 1):
        return done(state, math.nan)
    ahead = 2.0 * close - before(state, ring, lag + 1, lag)
    mean = average(state, MEMORY, EMA, whole(state, 1), window, ahead)
    return done(state, mean * state[TICK])


@compiled(STEP)
def t3(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Tillson's T3: window, volume factor, seed; the third generalised double average, written out.

    With six averages of averages e1 … e6 it is the polynomial (1 + v)³·e3 − … − v³·e6.
    """
    window, v, seed = whole(state, 0), state[GIVEN + 1], whole(state, 2)
    size = MEAN + window
    e1 = average(state, MEMORY, EMA, seed, window, float(close))
    e2 = average(state, MEMORY + size, EMA, seed, window, e1)
    e3 = average(state, MEMORY + 2 * size, EMA, seed, window, e2)
    e4 = average(state, MEMORY + 3 * size, EMA, seed, window, e3)
    e5 = average(state, MEMORY + 4 * size, EMA, seed, window, e4)
    e6 = average(state, MEMORY + 5 * size, EMA, seed, window, e5)
    u = 1.0 + v
    inner = 3.0 * u * v * v * e5 - v * v * v * e6
    return done(state, (u * u * u * e3 - 3.0 * u * u * v * e4 + inner) * state[TICK])


@compiled(STEP)
def alma(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Arnaud Legoux' average: window, offset, sigma; weights are made with the first bar."""
    window = whole(state, 0)
    ring = MEMORY + window + 1
    if state[SEEN] == 0.0:
        middle = state[GIVEN + 1] * (window - 1.0)
        width = window / state[GIVEN + 2]
        for place in range(window):
            away = place - middle
            weight = natural_power(-away * away / (2.0 * width * width))
            state[MEMORY + place] = weight
            state[MEMORY + window] += weight
    push(state, ring, window, float(close))
    if not full(state, ring, window):
        return done(state, math.nan)
    total = 0.0
    for place in range(window):
        total += state[MEMORY + place] * before(state, ring, window, window - 1 - place)
    return done(state, total / state[MEMORY + window] * state[TICK])


@compiled_inner
def span_of(state: State, ring: int, window: int, newest: int, count: int) -> float:
    """Return highest less lowest of `count` values of a ring, from an age on backwards."""
    highest = before(state, ring, window, newest)
    lowest = highest
    for age in range(newest + 1, newest + count):
        value = before(state, ring, window, age)
        highest = max(highest, value)
        lowest = min(lowest, value)
    return highest - lowest


@compiled(STEP)
def frama(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Ehlers' fractal adaptive average of the middle or close: window, longest, source."""
    window, half = whole(state, 0), whole(state, 0) // 2
    ring = MEMORY + 1
    price = float(close) if whole(state, 2) == 2 else (high + low) / 2.0
    push(state, ring, window, price)
    if not full(state, ring, window):
        state[MEMORY] = price
        return done(state, math.nan)
    recent = span_of(state, ring, window, 0, half) / half
    older = span_of(state, ring, window, half, half) / half
    both = span_of(state, ring, window, 0, window) / window
    dimension = 0.0
    if recent > 0.0 and older > 0.0 and both > 0.0:
        dimension = (natural_log(recent + older) - natural_log(both)) / natural_log(2.0)
    steepness = natural_log(2.0 / (state[GIVEN + 1] + 1.0))
    weight = min(max(natural_power(steepness * (dimension - 1.0)), 0.01), 1.0)
    state[MEMORY] = weight * price + (1.0 - weight) * state[MEMORY]
    return done(state, state[MEMORY] * state[TICK])


@compiled(STEP)
def vwma(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean of closes weighted by volume: window; their plain mean where nothing traded."""
    window = whole(state, 0)
    at_lots = MEMORY + RING + window
    at_closes = at_lots + SUM + window
    money = fresh_sum(state, MEMORY, window, float(close) * float(volume))
    lots = running_sum(state, at_lots, window, float(volume))
    closes = running_sum(state, at_closes, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    return done(state, ratio(money, lots, closes / window) * state[TICK])


@compiled(STEP)
def vwap(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean of typical prices weighted by volume: window, source (typical, mean of all four)."""
    window = whole(state, 0)
    at_lots = MEMORY + RING + window
    at_prices = at_lots + SUM + window
    if whole(state, 1) == 1:
        price, parts = float(high + low + close), 3.0
    else:
        price, parts = float(opened + high + low + close), 4.0
    money = fresh_sum(state, MEMORY, window, price * float(volume))
    lots = running_sum(state, at_lots, window, float(volume))
    prices = running_sum(state, at_prices, window, price)
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    return done(state, ratio(money, lots, prices / window) / parts * state[TICK])


@compiled(STEP)
def mcginley(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """McGinley's dynamic: window; it starts from the first close."""
    price = float(close)
    if state[SEEN] == 0.0:
        state[MEMORY] = price
    else:
        part = ratio(price, state[MEMORY], 1.0)
        pace = max(whole(state, 0) * part * part * part * part, 1.0)
        state[MEMORY] += (price - state[MEMORY]) / pace
    return done(state, state[MEMORY] * state[TICK])


@compiled(STEP)
def vidya(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Chande's variable index dynamic average: window, momentum window."""
    window, inner = whole(state, 0), whole(state, 1)
    at_down = MEMORY + 2 + SUM + inner
    price = float(close)
    change = price - state[MEMORY + 1] if state[SEEN] > 0.0 else 0.0
    state[MEMORY + 1] = price
    if state[SEEN] == 0.0:
        state[MEMORY] = price
        return done(state, math.nan)
    rises = running_sum(state, MEMORY + 2, inner, max(change, 0.0))
    falls = running_sum(state, at_down, inner, max(-change, 0.0))
    if not full(state, MEMORY + 3, inner):
        state[MEMORY] = price
        return done(state, math.nan)
    weight = 2.0 / (window + 1.0) * abs(ratio(rises - falls, rises + falls, 0.0))
    state[MEMORY] += weight * (price - state[MEMORY])
    return done(state, state[MEMORY] * state[TICK])


@compiled(STEP)
def midpoint(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Middle between the highest and the lowest close: window."""
    window = whole(state, 0)
    highest = extreme(state, MEMORY, window, 1.0, float(close))
    lowest = extreme(state, MEMORY + EXTREME + 2 * window, window, -1.0, float(close))
    return done(state, (highest + lowest) / 2.0 * state[TICK])


@compiled(STEP)
def midprice(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Middle between the highest high and the lowest low: window."""
    window = whole(state, 0)
    highest = extreme(state, MEMORY, window, 1.0, float(high))
    lowest = extreme(state, MEMORY + EXTREME + 2 * window, window, -1.0, float(low))
    return done(state, (highest + lowest) / 2.0 * state[TICK])


@compiled(STEP)
def highest(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Highest high: window, source (high, close)."""
    price = float(high) if whole(state, 1) == 1 else float(close)
    return done(state, extreme(state, MEMORY, whole(state, 0), 1.0, price) * state[TICK])


@compiled(STEP)
def lowest(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Lowest low: window, source (low, close)."""
    price = float(low) if whole(state, 1) == 1 else float(close)
    return done(state, extreme(state, MEMORY, whole(state, 0), -1.0, price) * state[TICK])


@compiled(STEP)
def rolling_median(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Median of closes: window; a sorted copy is kept beside the ring."""
    window = whole(state, 0)
    ring, ordered = MEMORY, MEMORY + RING + window
    taken = min(int(state[ring]), window)
    out = push(state, ring, window, float(close))
    if taken == window:
        place = 0
        while state[ordered + place] != out:
            place += 1
        for index in range(place, window - 1):
            state[ordered + index] = state[ordered + index + 1]
        taken -= 1
    place = taken
    while place > 0 and state[ordered + place - 1] > close:
        state[ordered + place] = state[ordered + place - 1]
        place -= 1
    state[ordered + place] = float(close)
    if taken + 1 < window:
        return done(state, math.nan)
    middle = (state[ordered + (window - 1) // 2] + state[ordered + window // 2]) / 2.0
    return done(state, middle * state[TICK])
