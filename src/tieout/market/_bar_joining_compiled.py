"""Bars made from finer bars, one after the other, by the same rules as from trades.

A finer bar belongs to the interval that holds its open, and must end in it. A coarser bar is known
as soon as the finer one that ends it is. A finer bar that was revised has its coarser bar put
together anew from the finer bars that are remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._bar_layout import (
    ARRIVAL_BACKWARDS,
    BAR_NOT_INSIDE,
    BAR_WIDTH,
    BARS_FULL,
    CLOSE,
    CLOSE_TIME,
    CORRECTED,
    CURSOR,
    DONE,
    FINER_CLOSE,
    FINER_COUNT,
    FINER_FORGOTTEN,
    FINER_HIGH,
    FINER_LOW,
    FINER_NEXT,
    FINER_OPEN,
    FINER_OPEN_TIME,
    FINER_TRADES,
    FINER_VOLUME,
    FINER_WIDTH,
    FIRST_TIME,
    HIGH,
    KEPT_CLOSE,
    KEPT_COUNT,
    KEPT_FIRST_TIME,
    KEPT_HIGH,
    KEPT_LAST_TIME,
    KEPT_LOW,
    KEPT_OPEN,
    KEPT_TRADES,
    KEPT_VOLUME,
    LAST_ARRIVAL,
    LAST_TIME,
    LOW,
    OPEN,
    OPEN_TIME,
    OUT_COUNT,
    OUTSIDE,
    PAUSED,
    PRICE_NOT_POSITIVE,
    PROBLEM,
    QUANTITY_NOT_POSITIVE,
    STARTED,
    TIME_MAX,
    TIME_OUT_OF_RANGE,
    TOO_LATE,
    TOTAL_MAX,
    TRADES,
    VOLUME,
    VOLUME_TOO_LARGE,
    WHOLE_FROM,
)
from tieout.market._bar_making_compiled import (
    carry_on,
    catch_up,
    close_interval,
    come_to,
    find_kept,
    interval_close,
    interval_open,
    take_row,
    tell_running,
    write_kept,
)
from tieout.market._compile import compiled, compiled_inner
from tieout.market._layout import NEVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@compiled_inner
def find_finer(state: Array, finer: Array, opened: int) -> int:
    """Return where the finer bar that opens then lies, or −1."""
    rows = len(finer) // FINER_WIDTH
    for back in range(1, state[FINER_COUNT] + 1):
        base = ((state[FINER_NEXT] - back) % rows) * FINER_WIDTH
        if finer[base + FINER_OPEN_TIME] == opened:
            return base
    return -1


@compiled_inner
def next_finer(state: Array, finer: Array) -> int:
    """Return where the next finer bar goes; the oldest makes room for it."""
    rows = len(finer) // FINER_WIDTH
    base = state[FINER_NEXT] * FINER_WIDTH
    if state[FINER_COUNT] == rows:
        state[FINER_FORGOTTEN] = max(state[FINER_FORGOTTEN], finer[base + FINER_OPEN_TIME] + 1)
    else:
        state[FINER_COUNT] += 1
    state[FINER_NEXT] = (state[FINER_NEXT] + 1) % rows
    return base


@compiled_inner
def put_finer(
    finer: Array,
    base: int,
    opened: int,
    opening: int,
    high: int,
    low: int,
    closing: int,
    volume: int,
    trades: int,
) -> None:
    """Write a finer bar to its place."""
    finer[base + FINER_OPEN_TIME] = opened
    finer[base + FINER_OPEN] = opening
    finer[base + FINER_HIGH] = high
    finer[base + FINER_LOW] = low
    finer[base + FINER_CLOSE] = closing
    finer[base + FINER_VOLUME] = volume
    finer[base + FINER_TRADES] = trades


@compiled_inner
def join_kept(state: Array, kept: Array, finer: Array, base: int, opened: int, closed: int) -> int:
    """Put a kept bar together anew from the finer bars in [opened, closed)."""
    first, last = NEVER, -1
    trades, volume = 0, 0
    high, low = 0, NEVER
    for row in range(state[FINER_COUNT]):
        place = row * FINER_WIDTH
        time = finer[place + FINER_OPEN_TIME]
        if time < opened or time >= closed or finer[place + FINER_TRADES] == 0:
            continue
        if finer[place + FINER_VOLUME] > TOTAL_MAX - volume:
            return VOLUME_TOO_LARGE
        volume += finer[place + FINER_VOLUME]
        trades += finer[place + FINER_TRADES]
        high = max(high, finer[place + FINER_HIGH])
        low = min(low, finer[place + FINER_LOW])
        if time < first:
            first = time
            kept[base + KEPT_OPEN] = finer[place + FINER_OPEN]
        if time > last:
            last = time
            kept[base + KEPT_CLOSE] = finer[place + FINER_CLOSE]
    if trades == 0:
        return DONE
    kept[base + KEPT_HIGH] = high
    kept[base + KEPT_LOW] = low
    kept[base + KEPT_VOLUME] = volume
    kept[base + KEPT_TRADES] = trades
    kept[base + KEPT_FIRST_TIME] = first
    kept[base + KEPT_LAST_TIME] = last
    return DONE


@compiled_inner
def join_running(state: Array, finer: Array) -> int:
    """Put the bar under way together anew from its finer bars."""
    first, last = NEVER, -1
    trades, volume = 0, 0
    high, low = 0, NEVER
    for row in range(state[FINER_COUNT]):
        place = row * FINER_WIDTH
        time = finer[place + FINER_OPEN_TIME]
        outside = time < state[OPEN_TIME] or time >= state[CLOSE_TIME]
        if outside or finer[place + FINER_TRADES] == 0:
            continue
        if finer[place + FINER_VOLUME] > TOTAL_MAX - volume:
            return VOLUME_TOO_LARGE
        volume += finer[place + FINER_VOLUME]
        trades += finer[place + FINER_TRADES]
        high = max(high, finer[place + FINER_HIGH])
        low = min(low, finer[place + FINER_LOW])
        if time < first:
            first = time
            state[OPEN] = finer[place + FINER_OPEN]
        if time > last:
            last = time
            state[CLOSE] = finer[place + FINER_CLOSE]
    if trades == 0:
        return DONE
    state[HIGH] = high
    state[LOW] = low
    state[VOLUME] = volume
    state[TRADES] = trades
    state[FIRST_TIME] = first
    state[LAST_TIME] = last
    return DONE


@compiled_inner
def correct(
    state: Array, kept: Array, finer: Array, out: Array, opened: int, closed: int, arrival: int
) -> int:
    """Put the coarser bar of a corrected finer one together anew: under way, or closed."""
    if opened == state[OPEN_TIME]:
        state[CORRECTED] += 1
        reason = join_running(state, finer)
        if reason == DONE and opened >= state[WHOLE_FROM]:
            tell_running(state, out, arrival)
        return reason
    base = find_kept(state, kept, opened)
    if base == -1:
        state[TOO_LATE] += 1
        return DONE
    reason = join_kept(state, kept, finer, base, opened, closed)
    if reason == DONE:
        write_kept(state, kept, out, base, arrival)
        carry_on(state, kept, out, base, arrival)
    return reason


@compiled_inner
def take_bar(
    state: Array,
    sessions: Array,
    kept: Array,
    out: Array,
    finer: Array,
    open_time: int,
    close_time: int,
    arrival: int,
    opening: int,
    high: int,
    low: int,
    closing: int,
    volume: int,
    trades: int,
) -> int:
    """Take one finer bar and return why it could not be taken, or DONE."""
    if arrival < state[LAST_ARRIVAL]:
        return ARRIVAL_BACKWARDS
    if low <= 0 or high < low:
        return PRICE_NOT_POSITIVE
    if volume < 0 or trades < 0:
        return QUANTITY_NOT_POSITIVE
    if open_time < 0 or close_time <= open_time or close_time > TIME_MAX or arrival > TIME_MAX:
        return TIME_OUT_OF_RANGE
    opened = interval_open(state, sessions, open_time)
    closed = NEVER if opened == NEVER else interval_close(state, sessions, opened)
    if closed != NEVER and close_time > closed:
        return BAR_NOT_INSIDE
    reason = catch_up(state, sessions, kept, out, arrival)
    if reason == DONE and (trades > 0 or state[STARTED] == 1):
        reason = come_to(state, sessions, kept, out, open_time, arrival)
    if reason != DONE:
        return reason
    if state[OUT_COUNT] + state[KEPT_COUNT] + 3 > len(out) // BAR_WIDTH:
        return BARS_FULL
    if opened == NEVER:
        state[OUTSIDE] += 1
        return DONE
    known = find_finer(state, finer, open_time)
    if known >= 0 and opened < state[FINER_FORGOTTEN]:
        state[TOO_LATE] += 1
        return DONE
    if known >= 0 and finer[known + FINER_TRADES] > 0:
        put_finer(finer, known, open_time, opening, high, low, closing, volume, trades)
        return correct(state, kept, finer, out, opened, closed, arrival)
    # A bar made up to fill a gap tells that time has passed, and nothing else.
    if trades > 0:
        reason = take_row(
            state,
            sessions,
            kept,
            out,
            open_time,
            arrival,
            opening,
            high,
            low,
            closing,
            volume,
            trades,
            0,
        )
        if reason != DONE:
            return reason
    place = next_finer(state, finer) if known == -1 else known
    put_finer(finer, place, open_time, opening, high, low, closing, volume, trades)
    if state[STARTED] == 1 and close_time == state[CLOSE_TIME]:
        # The finer bar is over, so this one is.
        close_interval(state, sessions, kept, out, arrival)
    return DONE


@compiled("int64(A, C, A, A, A, C, C, C, C, C, C, C, C, C, int64, int64)")
def join_bars(
    state: Array,
    sessions: Array,
    kept: Array,
    out: Array,
    finer: Array,
    open_time: Array,
    close_time: Array,
    arrival: Array,
    opening: Array,
    high: Array,
    low: Array,
    closing: Array,
    volume: Array,
    trades: Array,
    stop: int,
    pause: int,
) -> int:
    """Take finer bars from the cursor on, up to `stop`, or until `out` has `pause` rows.

    Returns:
        DONE, PAUSED, BARS_FULL, or what is wrong with row PROBLEM; the rows before are taken.
    """
    for row in range(state[CURSOR], stop):
        reason = take_bar(
            state,
            sessions,
            kept,
            out,
            finer,
            open_time[row],
            close_time[row],
            arrival[row],
            opening[row],
            high[row],
            low[row],
            closing[row],
            volume[row],
            trades[row],
        )
        if reason != DONE:
            state[CURSOR] = row
            state[PROBLEM] = row
            return reason
        if state[OUT_COUNT] >= pause:
            state[CURSOR] = row + 1
            return PAUSED
    state[CURSOR] = stop
    return DONE
