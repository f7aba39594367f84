"""Steps that weigh prices by what traded; volume is in lots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner
from tieout.market.indicators._blocks_compiled import (
    STEP,
    average,
    done,
    fresh_sum,
    full,
    push,
    ratio,
    running_sum,
    say,
    strength,
    sum_of,
    whole,
)
from tieout.market.indicators._layout import (
    EMA,
    GIVEN,
    MEAN,
    MEMORY,
    RING,
    SEEN,
    SMA,
    TICK,
)

if TYPE_CHECKING:
    from tieout.market.indicators._blocks_compiled import State

__all__: list[str] = []


@compiled(STEP)
def obv(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """On balance volume in lots: what the first bar counts as (nothing, its volume)."""
    last = state[MEMORY]
    state[MEMORY] = float(close)
    if state[SEEN] == 0.0:
        state[MEMORY + 1] = float(volume) if whole(state, 0) == 2 else 0.0
    elif close > last:
        state[MEMORY + 1] += volume
    elif close < last:
        state[MEMORY + 1] -= volume
    return done(state, state[MEMORY + 1])


@compiled_inner
def flow(high: int, low: int, close: int, volume: int) -> float:
    """Return the volume times where the close stands in its bar, −1 … 1."""
    return ratio(float((close - low) - (high - close)) * volume, float(high - low), 0.0)


@compiled(STEP)
def accumulation(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Accumulation and distribution in lots."""
    state[MEMORY] += flow(high, low, close, volume)
    return done(state, state[MEMORY])


@compiled(STEP)
def accumulation_oscillator(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Chaikin's oscillator, two averages of accumulation: fast, slow, seed."""
    fast, slow, seed = whole(state, 0), whole(state, 1), whole(state, 2)
    state[MEMORY] += flow(high, low, close, volume)
    quick = average(state, MEMORY + 1, EMA, seed, fast, state[MEMORY])
    calm = average(state, MEMORY + 1 + MEAN + fast, EMA, seed, slow, state[MEMORY])
    return done(state, quick - calm)


@compiled(STEP)
def money_flow(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Money flow index, percent: window."""
    window = whole(state, 0)
    price = float(high + low + close)
    last = state[MEMORY]
    state[MEMORY] = price
    if state[SEEN] == 0.0:
        return done(state, math.nan)
    money = price * float(volume)
    at_out = MEMORY + 1 + RING + window
    gained = fresh_sum(state, MEMORY + 1, window, money if price > last else 0.0)
    lost = fresh_sum(state, at_out, window, money if price < last else 0.0)
    if not full(state, MEMORY + 1, window):
        return done(state, math.nan)
    return done(state, strength(gained, lost))


@compiled(STEP)
def chaikin_flow(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Sum of flows over the sum of volume, −1 … 1: window."""
    window = whole(state, 0)
    at_lots = MEMORY + RING + window
    push(state, MEMORY, window, flow(high, low, close, volume))
    lots = running_sum(state, at_lots, window, float(volume))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    return done(state, ratio(sum_of(state, MEMORY, window), lots, 0.0))


@compiled(STEP)
def force_index(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Elder's force, change times lots, averaged: window, average, seed."""
    last = state[MEMORY]
    state[MEMORY] = float(close)
    if state[SEEN] == 0.0:
        return done(state, math.nan)
    force = (close - last) * volume
    mean = average(state, MEMORY + 1, whole(state, 1), whole(state, 2), whole(state, 0), force)
    return done(state, mean * state[TICK])


@compiled(STEP)
def ease_of_movement(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Move of the middle per volume, mean of a window: window, lots that count as one."""
    window = whole(state, 0)
    last = state[MEMORY]
    middle = (high + low) / 2.0
    state[MEMORY] = middle
    if state[SEEN] == 0.0:
        return done(state, math.nan)
    ease = ratio((middle - last) * float(high - low) * state[GIVEN + 1], float(volume), 0.0)
    mean = average(state, MEMORY + 1, SMA, 0, window, ease)
    return done(state, mean * (state[TICK] * state[TICK]))


@compiled(STEP)
def relative_volume(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Volume over the mean of the window before it: window."""
    window = whole(state, 0)
    known = full(state, MEMORY + 1, window)
    before = state[MEMORY]
    running_sum(state, MEMORY, window, float(volume))
    if not known:
        return done(state, math.nan)
    return done(state, ratio(float(volume) * window, before, 1.0))


@compiled(STEP)
def price_volume_trend(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Sum of relative changes times lots."""
    last = state[MEMORY]
    state[MEMORY] = float(close)
    if state[SEEN] > 0.0:
        state[MEMORY + 1] += ratio(close - last, last, 0.0) * volume
    return done(state, state[MEMORY + 1])


@compiled(STEP)
def volume_index(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Negative and positive volume index from 1000: returns of bars with less, or more, volume."""
    last, lots = state[MEMORY], state[MEMORY + 1]
    state[MEMORY] = float(close)
    state[MEMORY + 1] = float(volume)
    if state[SEEN] == 0.0:
        state[MEMORY + 2] = 1000.0
        state[MEMORY + 3] = 1000.0
    elif volume < lots:
        state[MEMORY + 2] += state[MEMORY + 2] * ratio(close - last, last, 0.0)
    elif volume > lots:
        state[MEMORY + 3] += state[MEMORY + 3] * ratio(close - last, last, 0.0)
    say(state, 1, state[MEMORY + 3])
    return done(state, state[MEMORY + 2])


@compiled(STEP)
def volume_oscillator(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Two averages of volume, difference in percent of the slow one: fast, slow, average, seed."""
    fast, kind, seed = whole(state, 0), whole(state, 2), whole(state, 3)
    quick = average(state, MEMORY, kind, seed, fast, float(volume))
    calm = average(state, MEMORY + MEAN + fast, kind, seed, whole(state, 1), float(volume))
    if math.isnan(quick) or math.isnan(calm):
        return done(state, math.nan)
    return done(state, ratio(100.0 * (quick - calm), calm, 0.0))


@compiled(STEP)
def klinger(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Klinger's oscillator of signed volume: fast, slow, signal, seed.

    The signed volume is the lots, taken with the sign of the change of high + low + close.
    """
    fast, slow, signal, seed = whole(state, 0), whole(state, 1), whole(state, 2), whole(state, 3)
    price = float(high + low + close)
    last = state[MEMORY]
    state[MEMORY] = price
    if state[SEEN] == 0.0:
        return done(state, math.nan)
    signed = float(volume) if price > last else -float(volume) if price < last else 0.0
    at_slow = MEMORY + 1 + MEAN + fast
    quick = average(state, MEMORY + 1, EMA, seed, fast, signed)
    line = quick - average(state, at_slow, EMA, seed, slow, signed)
    say(state, 1, average(state, at_slow + MEAN + slow, EMA, seed, signal, line))
    return done(state, line)
