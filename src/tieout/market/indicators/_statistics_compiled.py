"""Steps of statistics: lines through closes, ranks, returns and what they risk, two streams."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner
from tieout.market.indicators._blocks_compiled import (
    STEP,
    before,
    done,
    fit,
    full,
    mean_of,
    push,
    ratio,
    say,
    variance_of,
    whole,
)
from tieout.market.indicators._layout import GIVEN, MEMORY, RING, SEEN, TICK
from tieout.market.indicators._logarithms_compiled import log_of_ratio

if TYPE_CHECKING:
    from tieout.market.indicators._blocks_compiled import State

__all__: list[str] = []


@compiled(STEP)
def linear_regression(
    state: State, opened: int, high: int, low: int, close: int, volume: int
) -> float:
    """Least squares line through closes: window.

    Outputs: the line at this bar, its slope a bar, the line at the oldest bar, share explained.
    """
    window = whole(state, 0)
    push(state, MEMORY, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    level, slope = fit(state, MEMORY, window)
    spread = variance_of(state, MEMORY, window, 1)
    explained = slope * slope * (window * window - 1.0) / 12.0
    say(state, 1, slope * state[TICK])
    say(state, 2, (level - slope * (window - 1.0)) * state[TICK])
    say(state, 3, min(ratio(explained, spread, 0.0), 1.0))
    return done(state, level * state[TICK])


@compiled(STEP)
def forecast(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """The least squares line one bar ahead: window."""
    window = whole(state, 0)
    push(state, MEMORY, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    level, slope = fit(state, MEMORY, window)
    return done(state, (level + slope) * state[TICK])


@compiled(STEP)
def log_return(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Logarithm of the close over the close a window ago: window."""
    window = whole(state, 0)
    push(state, MEMORY, window + 1, float(close))
    if not full(state, MEMORY, window + 1):
        return done(state, math.nan)
    return done(state, log_of_ratio(float(close), before(state, MEMORY, window + 1, window)))


@compiled(STEP)
def zscore(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Distance of the close from its mean in deviations: window, deviation."""
    window = whole(state, 0)
    push(state, MEMORY, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    away = math.sqrt(variance_of(state, MEMORY, window, whole(state, 1)))
    return done(state, ratio(close - mean_of(state, MEMORY, window), away, 0.0))


@compiled(STEP)
def percent_rank(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Share of the window before that is not above this close, percent: window."""
    window = whole(state, 0)
    known = full(state, MEMORY, window)
    below = 0.0
    for place in range(window):
        if state[MEMORY + 1 + place] <= close:
            below += 1.0
    push(state, MEMORY, window, float(close))
    if not known:
        return done(state, math.nan)
    return done(state, 100.0 * below / window)


@compiled_inner
def taken_return(state: State, at: int, window: int, close: int) -> bool:
    """Put the relative change since the last close into a ring; the last close is kept first."""
    last = state[at]
    state[at] = float(close)
    if state[SEEN] == 0.0:
        return False
    push(state, at + 1, window, ratio(close - last, last, 0.0))
    return full(state, at + 1, window)


@compiled(STEP)
def sharpe(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean return above a rate over deviation, a bar: window, rate, deviation."""
    window = whole(state, 0)
    if not taken_return(state, MEMORY, window, close):
        return done(state, math.nan)
    mean = mean_of(state, MEMORY + 1, window)
    away = math.sqrt(variance_of(state, MEMORY + 1, window, whole(state, 2)))
    return done(state, ratio(mean - state[GIVEN + 1], away, 0.0))


@compiled(STEP)
def sortino(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Mean return above a rate over the root mean square of what lies below: window, rate."""
    window, rate = whole(state, 0), state[GIVEN + 1]
    if not taken_return(state, MEMORY, window, close):
        return done(state, math.nan)
    below = 0.0
    for age in range(window - 1, -1, -1):
        short = min(before(state, MEMORY + 1, window, age) - rate, 0.0)
        below += short * short
    mean = mean_of(state, MEMORY + 1, window)
    return done(state, ratio(mean - rate, math.sqrt(below / window), 0.0))


@compiled(STEP)
def value_at_risk(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Return that is undercut with 1 − confidence, were returns normal: window, its quantile."""
    window = whole(state, 0)
    if not taken_return(state, MEMORY, window, close):
        return done(state, math.nan)
    mean = mean_of(state, MEMORY + 1, window)
    away = math.sqrt(variance_of(state, MEMORY + 1, window, 2))
    return done(state, mean + state[GIVEN + 1] * away)


@compiled(STEP)
def drawdown(state: State, opened: int, high: int, low: int, close: int, volume: int) -> float:
    """Fall of the close from the highest close of the window, percent: window."""
    window = whole(state, 0)
    push(state, MEMORY, window, float(close))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    top = float(close)
    for place in range(MEMORY + 1, MEMORY + 1 + window):
        top = max(top, state[place])
    return done(state, ratio(100.0 * (close - top), top, 0.0))


@compiled_inner
def joint(state: State, first: int, second: int, window: int) -> float:
    """Return the sum of products of deviations of two full rings."""
    mean = mean_of(state, first, window)
    other_mean = mean_of(state, second, window)
    total = 0.0
    for age in range(window - 1, -1, -1):
        away = before(state, first, window, age) - mean
        total += away * (before(state, second, window, age) - other_mean)
    return total


@compiled(STEP)
def correlation(state: State, other: int, high: int, low: int, close: int, volume: int) -> float:
    """Pearson's correlation of closes, or of returns, with another stream: window, source."""
    window = whole(state, 0)
    at_other = MEMORY + 1 + RING + window
    if whole(state, 1) == 1:
        push(state, MEMORY + 1, window, float(close))
        push(state, at_other + 1, window, float(other))
        if not full(state, MEMORY + 1, window):
            return done(state, math.nan)
    else:
        taken_return(state, MEMORY, window, close)
        if not taken_return(state, at_other, window, other):
            return done(state, math.nan)
    first, second = MEMORY + 1, at_other + 1
    own, its = joint(state, first, first, window), joint(state, second, second, window)
    both = joint(state, first, second, window)
    return done(state, min(max(ratio(both, math.sqrt(own) * math.sqrt(its), 0.0), -1.0), 1.0))


@compiled(STEP)
def beta(state: State, other: int, high: int, low: int, close: int, volume: int) -> float:
    """Slope of returns on those of another stream: window."""
    window = whole(state, 0)
    at_other = MEMORY + 1 + RING + window
    taken_return(state, MEMORY, window, close)
    if not taken_return(state, at_other, window, other):
        return done(state, math.nan)
    its = joint(state, at_other + 1, at_other + 1, window)
    return done(state, ratio(joint(state, MEMORY + 1, at_other + 1, window), its, 0.0))


@compiled(STEP)
def spread(state: State, other: int, high: int, low: int, close: int, volume: int) -> float:
    """Log of the quotient of two closes in deviations from its mean: window, deviation."""
    window = whole(state, 0)
    push(state, MEMORY, window, log_of_ratio(float(close), float(other)))
    if not full(state, MEMORY, window):
        return done(state, math.nan)
    now = before(state, MEMORY, window, 0)
    away = math.sqrt(variance_of(state, MEMORY, window, whole(state, 1)))
    return done(state, ratio(now - mean_of(state, MEMORY, window), away, 0.0))
