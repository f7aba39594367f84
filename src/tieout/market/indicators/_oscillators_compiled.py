"""Steps of the oscillators: how far, how fast and how evenly prices have moved."""

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
    full,
    highest_of,
    lowest_of,
    mean_deviation_of,
    push,
    ratio,
    running_sum,
    say,
    share_of_range,
    strength,
    true_range_of,
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
from tieout.market.indicators._logarithms_compiled import natural_log

if TYPE_CHECKING:
    from tieout.market.indicators._blocks_compiled import State

__all__: list[str] = []


@compiled(STEP)
def macd(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Convergence and divergence of averages: fast, slow, signal, average, seed."""
    fast, slow, window = whole(state, 0), whole(state, 1), whole(state, 2)
    kind, seed = whole(state, 3), whole(state, 4)
    at_slow = MEMORY + MEAN + fast
    quick = average(state, MEMORY, kind, seed, fast, float(close))
    calm = average(state, at_slow, kind, seed, slow, float(close))
    line = quick - calm
    signal = average(state, at_slow + MEAN + slow, kind, seed, window, line)
    say(state, 1, signal * state[TICK])
    say(state, 2, (line - signal) * state[TICK])
    return done(state, line * state[TICK])


@compiled(STEP)
def apo(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Difference of two averages: fast, slow, average, seed."""
    fast, kind, seed = whole(state, 0), whole(state, 2), whole(state, 3)
    quick = average(state, MEMORY, kind, seed, fast, float(close))
    calm = average(state, MEMORY + MEAN + fast, kind, seed, whole(state, 1), float(close))
    return done(state, (quick - calm) * state[TICK])


@compiled(STEP)
def ppo(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Difference of two averages in percent of the slow one: fast, slow, average, seed."""
    fast, kind, seed = whole(state, 0), whole(state, 2), whole(state, 3)
    quick = average(state, MEMORY, kind, seed, fast, float(close))
    calm = average(state, MEMORY + MEAN + fast, kind, seed, whole(state, 1), float(close))
    return done(state, ratio(100.0 * (quick - calm), calm, 0.0))


@compiled_inner
def strength_of_change(
    state: State, at: int, window: int, kind: int, seed: int, change: float
) -> float:
    """Take a change; return the relative strength of rises over the window."""
    gain = average(state, at, kind, seed, window, max(change, 0.0))
    loss = average(state, at + MEAN + window, kind, seed, window, max(-change, 0.0))
    return strength(gain, loss)


@compiled_inner
def closing_strength(state: State, at: int, window: int, kind: int, seed: int, close: int) -> float:
    """Take a close; return the relative strength index; the last close is kept first."""
    last = state[at]
    state[at] = float(close)
    if state[SEEN] == 0.0:
        return math.nan
    return strength_of_change(state, at + 1, window, kind, seed, close - last)


@compiled(STEP)
def rsi(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Relative strength index: window, average, seed."""
    index = closing_strength(
        state, MEMORY, whole(state, 0), whole(state, 1), whole(state, 2), close
    )
    return done(state, index)


@compiled(STEP)
def stochastic(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Place of the close in the range: window, smoothing, signal, average, seed."""
    window, smoothing, signal = whole(state, 0), whole(state, 1), whole(state, 2)
    kind, seed = whole(state, 3), whole(state, 4)
    at_low = MEMORY + EXTREME + 2 * window
    at_k = at_low + EXTREME + 2 * window
    top = extreme(state, MEMORY, window, 1.0, float(high))
    bottom = extreme(state, at_low, window, -1.0, float(low))
    place = math.nan
    if state[SEEN] + 1.0 >= window:
        place = share_of_range(float(close), bottom, top, 50.0)
    k = average(state, at_k, kind, seed, smoothing, place)
    say(state, 1, average(state, at_k + MEAN + smoothing, kind, seed, signal, k))
    return done(state, k)


@compiled(STEP)
def stochastic_rsi(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Place of the strength in its own range: window, range, smoothing, signal, average, seed."""
    window, reach = whole(state, 0), whole(state, 1)
    smoothing, signal = whole(state, 2), whole(state, 3)
    ring = MEMORY + 1 + 2 * (MEAN + window)
    at_k = ring + RING + reach
    index = closing_strength(state, MEMORY, window, whole(state, 4), whole(state, 5), close)
    place = math.nan
    if not math.isnan(index):
        push(state, ring, reach, index)
        if full(state, ring, reach):
            bottom, top = lowest_of(state, ring, reach), highest_of(state, ring, reach)
            place = share_of_range(index, bottom, top, 100.0)
    k = average(state, at_k, SMA, 0, smoothing, place)
    say(state, 1, average(state, at_k + MEAN + smoothing, SMA, 0, signal, k))
    return done(state, k)


@compiled(STEP)
def cci(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Commodity channel index: window, constant."""
    window = whole(state, 0)
    price = float(high + low + close)
    total = running_sum(state, MEMORY, window, price)
    if not full(state, MEMORY + 1, window):
        return done(state, math.nan)
    mean = total / window
    away = mean_deviation_of(state, MEMORY + 1, window, mean)
    return done(state, ratio(price - mean, state[GIVEN + 1] * away, 0.0))


@compiled(STEP)
def roc(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Change over a window in percent: window."""
    window = whole(state, 0)
    push(state, MEMORY, window + 1, float(close))
    if not full(state, MEMORY, window + 1):
        return done(state, math.nan)
    then = before(state, MEMORY, window + 1, window)
    return done(state, ratio(100.0 * (close - then), then, 0.0))


@compiled(STEP)
def momentum(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Change over a window: window."""
    window = whole(state, 0)
    push(state, MEMORY, window + 1, float(close))
    if not full(state, MEMORY, window + 1):
        return done(state, math.nan)
    return done(state, (close - before(state, MEMORY, window + 1, window)) * state[TICK])


@compiled(STEP)
def williams_r(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Distance of the close from the top of the range, −100 … 0: window."""
    window = whole(state, 0)
    top = extreme(state, MEMORY, window, 1.0, float(high))
    bottom = extreme(state, MEMORY + EXTREME + 2 * window, window, -1.0, float(low))
    if state[SEEN] + 1.0 < window:
        return done(state, math.nan)
    return done(state, ratio(-100.0 * (top - close), top - bottom, -50.0))


@compiled(STEP)
def ultimate(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Buying pressure over three windows: short, middle, long."""
    short, middle, long = whole(state, 0), whole(state, 1), whole(state, 2)
    seen, last = state[SEEN], state[MEMORY]
    state[MEMORY] = float(close)
    if seen == 0.0:
        return done(state, math.nan)
    pressure = close - min(float(low), last)
    wide = true_range_of(high, low, seen, last)
    at = MEMORY + 1
    value = 0.0
    weight = 4.0
    for which in range(3):
        window = short if which == 0 else middle if which == 1 else long
        bought = running_sum(state, at, window, pressure)
        ranged = running_sum(state, at + SUM + window, window, wide)
        value += weight * ratio(bought, ranged, 0.5)
        weight /= 2.0
        at += 2 * (SUM + window)
    if seen < max(short, middle, long):
        return done(state, math.nan)
    return done(state, 100.0 * value / 7.0)


@compiled(STEP)
def awesome(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Difference of two means of the middle of bars: fast, slow."""
    fast, slow = whole(state, 0), whole(state, 1)
    at_slow = MEMORY + SUM + fast
    quick = running_sum(state, MEMORY, fast, float(high + low))
    calm = running_sum(state, at_slow, slow, float(high + low))
    if not full(state, at_slow + 1, max(fast, slow)):
        return done(state, math.nan)
    return done(state, (quick / fast - calm / slow) / 2.0 * state[TICK])


@compiled(STEP)
def cmo(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Chande's momentum, −100 … 100: window, average, seed."""
    window, kind, seed = whole(state, 0), whole(state, 1), whole(state, 2)
    index = closing_strength(state, MEMORY, window, kind, seed, close)
    return done(state, 2.0 * index - 100.0)


@compiled(STEP)
def trix(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Change of a threefold exponential average in percent: window, seed."""
    window, seed = whole(state, 0), whole(state, 1)
    size = MEAN + window
    once = average(state, MEMORY, EMA, seed, window, float(close))
    twice = average(state, MEMORY + size, EMA, seed, window, once)
    thrice = average(state, MEMORY + 2 * size, EMA, seed, window, twice)
    if math.isnan(thrice):
        return done(state, math.nan)
    kept = MEMORY + 3 * size
    last, known = state[kept], state[kept + 1]
    state[kept] = thrice
    state[kept + 1] = 1.0
    if known == 0.0:
        return done(state, math.nan)
    return done(state, ratio(100.0 * (thrice - last), last, 0.0))


@compiled(STEP)
def dpo(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Detrended price: the close half a window ago less the mean of the window: window."""
    window = whole(state, 0)
    total = running_sum(state, MEMORY, window, float(close))
    ring = MEMORY + SUM + window
    back = window // 2 + 1
    push(state, ring, back + 1, float(close))
    if not full(state, MEMORY + 1, window) or not full(state, ring, back + 1):
        return done(state, math.nan)
    then = before(state, ring, back + 1, back)
    return done(state, (then - total / window) * state[TICK])


@compiled(STEP)
def tsi(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """True strength: twice smoothed change over its size, percent: slow, fast, signal, seed."""
    slow, fast, window, seed = whole(state, 0), whole(state, 1), whole(state, 2), whole(state, 3)
    seen, last = state[SEEN], state[MEMORY]
    state[MEMORY] = float(close)
    if seen == 0.0:
        return done(state, math.nan)
    change = close - last
    both = 2 * MEAN + slow + fast
    at_size = MEMORY + 1 + both
    smooth = average(state, MEMORY + 1, EMA, seed, slow, change)
    smooth = average(state, MEMORY + 1 + MEAN + slow, EMA, seed, fast, smooth)
    size = average(state, at_size, EMA, seed, slow, abs(change))
    size = average(state, at_size + MEAN + slow, EMA, seed, fast, size)
    value = ratio(100.0 * smooth, size, 0.0)
    say(state, 1, average(state, at_size + both, EMA, seed, window, value))
    return done(state, value)


@compiled(STEP)
def coppock(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Coppock's curve: weighted mean of two changes in percent: long, short, window."""
    long, short, window = whole(state, 0), whole(state, 1), whole(state, 2)
    reach = max(long, short)
    push(state, MEMORY, reach + 1, float(close))
    if not full(state, MEMORY, reach + 1):
        return done(state, math.nan)
    far, near = before(state, MEMORY, reach + 1, long), before(state, MEMORY, reach + 1, short)
    both = ratio(100.0 * (close - far), far, 0.0) + ratio(100.0 * (close - near), near, 0.0)
    return done(state, average(state, MEMORY + RING + reach + 1, WMA, 0, window, both))


@compiled(STEP)
def connors_rsi(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean of strength, strength of streaks and rank of change: window, streaks, rank window."""
    window, streaks, reach = whole(state, 0), whole(state, 1), whole(state, 2)
    at_streaks = MEMORY + 2 + 2 * (MEAN + window) + 1
    ring = at_streaks + 2 * (MEAN + streaks)
    last = state[MEMORY + 2]
    # The first bar has no change; it stands as a change of 0 in the ranking.
    index = closing_strength(state, MEMORY + 2, window, WILDER, 2, close)
    if state[SEEN] == 0.0:
        push(state, ring, reach, 0.0)
        return done(state, math.nan)
    change = close - last
    streak = state[MEMORY]
    if change > 0.0:
        streak = max(streak, 0.0) + 1.0
    elif change < 0.0:
        streak = min(streak, 0.0) - 1.0
    elif whole(state, 3) == 1:
        streak = 0.0
    streaking = strength_of_change(state, at_streaks, streaks, WILDER, 2, streak - state[MEMORY])
    state[MEMORY] = streak
    share = ratio(change, last, 0.0)
    below = math.nan
    if full(state, ring, reach):
        below = 0.0
        for place in range(reach):
            if state[ring + 1 + place] < share:
                below += 1.0
    push(state, ring, reach, share)
    return done(state, (index + streaking + 100.0 * below / reach) / 3.0)


@compiled(STEP)
def fisher(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Ehlers' Fisher transform of the middle's place in its range: window."""
    window = whole(state, 0)
    at_low = MEMORY + 2 + EXTREME + 2 * window
    middle = float(high + low)
    top = extreme(state, MEMORY + 2, window, 1.0, middle)
    bottom = extreme(state, at_low, window, -1.0, middle)
    if state[SEEN] + 1.0 < window:
        return done(state, math.nan)
    place = ratio(middle - bottom, top - bottom, 0.5) - 0.5
    value = min(max(0.66 * place + 0.67 * state[MEMORY], -0.999), 0.999)
    turned = 0.5 * natural_log((1.0 + value) / (1.0 - value)) + 0.5 * state[MEMORY + 1]
    say(state, 1, state[MEMORY + 1])
    state[MEMORY] = value
    state[MEMORY + 1] = turned
    return done(state, turned)


@compiled(STEP)
def elder_ray(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """High and low against an exponential average: window, seed."""
    mean = average(state, MEMORY, EMA, whole(state, 1), whole(state, 0), float(close))
    say(state, 1, (low - mean) * state[TICK])
    return done(state, (high - mean) * state[TICK])


@compiled(STEP)
def balance_of_power(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Body over range, mean of a window: window."""
    body = ratio(float(close - opened), float(high - low), 0.0)
    return done(state, average(state, MEMORY, SMA, 0, whole(state, 0), body))


@compiled(STEP)
def know_sure_thing(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Pring's sum of four smoothed changes: first, its smoothing, long smoothing, signal.

    Changes reach over 1, 1.5, 2 and 3 times the first; the last is smoothed by the long one.
    """
    first, smoothing, longest, signal = (
        whole(state, 0),
        whole(state, 1),
        whole(state, 2),
        whole(state, 3),
    )
    reach = 3 * first
    push(state, MEMORY, reach + 1, float(close))
    at = MEMORY + RING + reach + 1
    total = 0.0
    for which in range(4):
        back = first * (2 + which) // 2 if which < 3 else reach
        window = smoothing if which < 3 else longest
        change = math.nan
        if state[MEMORY] > back:
            then = before(state, MEMORY, reach + 1, back)
            change = ratio(100.0 * (close - then), then, 0.0)
        total += (which + 1.0) * average(state, at, SMA, 0, window, change)
        at += MEAN + window
    say(state, 1, average(state, at, SMA, 0, signal, total))
    return done(state, total)


@compiled(STEP)
def relative_vigor(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Symmetrically weighted body over range: window; the signal is weighted alike."""
    window = whole(state, 0)
    at_bodies, at_ranges = MEMORY, MEMORY + RING + 4
    at_above = at_ranges + RING + 4
    at_below = at_above + SUM + window
    at_lines = at_below + SUM + window
    push(state, at_bodies, 4, float(close - opened))
    push(state, at_ranges, 4, float(high - low))
    if not full(state, at_bodies, 4):
        return done(state, math.nan)
    above = running_sum(state, at_above, window, symmetric(state, at_bodies))
    below = running_sum(state, at_below, window, symmetric(state, at_ranges))
    if not full(state, at_above + 1, window):
        return done(state, math.nan)
    line = ratio(above, below, 0.0)
    push(state, at_lines, 4, line)
    if full(state, at_lines, 4):
        say(state, 1, symmetric(state, at_lines) / 6.0)
    return done(state, line)


@compiled_inner
def symmetric(state: State, ring: int) -> float:
    """Return four values with weights 1, 2, 2, 1."""
    outer = before(state, ring, 4, 0) + before(state, ring, 4, 3)
    return outer + 2.0 * (before(state, ring, 4, 1) + before(state, ring, 4, 2))
