"""Bars made from trades, one trade after the other. The rules are on the page about bars.

    take_trade   a row in, no, one or more bars out; for other compiled loops too
    pass_time    what is due by a time of our clock: bars that close by their grace, running bars
    make_bars    a chunk of rows; where nothing can happen, whole stretches are taken at once

A row that has no room in `out` changes nothing: empty `out` and call again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._bar_layout import (
    ARRIVAL_BACKWARDS,
    BAR_CLOSE,
    BAR_CLOSE_TIME,
    BAR_HIGH,
    BAR_KNOWN,
    BAR_LAST_ID,
    BAR_LOW,
    BAR_OPEN,
    BAR_OPEN_TIME,
    BAR_REVISION,
    BAR_ROW_KIND,
    BAR_TRADES,
    BAR_VOLUME,
    BAR_WIDTH,
    BARS_FULL,
    CALM,
    CHECKED,
    CLOSE,
    CLOSE_TIME,
    CLOSED_ROW,
    CORRECTED,
    COUNTED_UNTIL,
    CURSOR,
    DONE,
    EACH_TRADE,
    FILL,
    FIRST_ID,
    FIRST_TIME,
    FORGOTTEN,
    GAP_ROW,
    GAP_TOLD,
    GAPS,
    GRACE,
    HALT,
    HIGH,
    KEPT_CLOSE,
    KEPT_CLOSE_TIME,
    KEPT_COUNT,
    KEPT_FIRST_ID,
    KEPT_FIRST_TIME,
    KEPT_HIGH,
    KEPT_LAST_ID,
    KEPT_LAST_TIME,
    KEPT_LOW,
    KEPT_MIXED,
    KEPT_NEXT,
    KEPT_OPEN,
    KEPT_OPEN_TIME,
    KEPT_REVISION,
    KEPT_TRADES,
    KEPT_VOLUME,
    KEPT_WIDTH,
    KIND,
    LAST_ARRIVAL,
    LAST_CLOSE,
    LAST_ID,
    LAST_TIME,
    LOW,
    NOTIONAL,
    NOTIONAL_KIND,
    NOTIONAL_TOO_LARGE,
    OPEN,
    OPEN_TIME,
    OUT_COUNT,
    OUTSIDE,
    PARTIAL,
    PAUSED,
    PRICE_NOT_POSITIVE,
    PROBLEM,
    QUANTITY_NOT_POSITIVE,
    RUNNING,
    RUNNING_DUE,
    RUNNING_ROW,
    SIZE,
    SKIP,
    STARTED,
    TIME_KIND,
    TIME_MAX,
    TIME_OUT_OF_RANGE,
    TOO_LATE,
    TOTAL_MAX,
    TRADES,
    TRADES_KIND,
    VOLUME,
    VOLUME_KIND,
    VOLUME_TOO_LARGE,
    WHOLE_FROM,
)
from tieout.market._compile import compiled, compiled_inner, uncounted_inner
from tieout.market._layout import NEVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

BLOCK = 4096


# -- intervals ----------------------------------------------------------------------------------


@uncounted_inner
def session_at(sessions: Array, time: int) -> int:
    """Return the number of the first session that is not over at a time."""
    low, high = 0, len(sessions) // 2
    while low < high:
        middle = (low + high) // 2
        if sessions[2 * middle + 1] <= time:
            low = middle + 1
        else:
            high = middle
    return low


@uncounted_inner
def interval_open(state: Array, sessions: Array, time: int) -> int:
    """Return when the interval that holds a time opens, or NEVER between sessions."""
    length = state[SIZE]
    if len(sessions) == 0:
        return time - time % length
    session = session_at(sessions, time)
    if session == len(sessions) // 2 or time < sessions[2 * session]:
        return NEVER
    return time - (time - sessions[2 * session]) % length


@uncounted_inner
def interval_close(state: Array, sessions: Array, opened: int) -> int:
    """Return when the interval that opens then closes: never after its session."""
    closed = opened + state[SIZE]
    if len(sessions) > 0:
        closed = min(closed, sessions[2 * session_at(sessions, opened) + 1])
    return closed


@uncounted_inner
def seek(state: Array, sessions: Array, time: int) -> None:
    """Set the interval under way to the one that holds a time, or the first one after it."""
    opened = interval_open(state, sessions, time)
    if opened == NEVER:
        session = session_at(sessions, time)
        if session == len(sessions) // 2:
            state[OPEN_TIME] = NEVER
            state[CLOSE_TIME] = NEVER
            return
        opened = sessions[2 * session]
    state[OPEN_TIME] = opened
    state[CLOSE_TIME] = interval_close(state, sessions, opened)


# -- what is told -------------------------------------------------------------------------------


@uncounted_inner
def write_bar(state: Array, out: Array, kind: int, known: int, revision: int) -> None:
    """Append the bar under way to `out`."""
    base = state[OUT_COUNT] * BAR_WIDTH
    out[base + BAR_ROW_KIND] = kind
    out[base + BAR_OPEN_TIME] = state[OPEN_TIME]
    out[base + BAR_CLOSE_TIME] = state[CLOSE_TIME]
    out[base + BAR_KNOWN] = known
    out[base + BAR_OPEN] = state[OPEN]
    out[base + BAR_HIGH] = state[HIGH]
    out[base + BAR_LOW] = state[LOW]
    out[base + BAR_CLOSE] = state[CLOSE]
    out[base + BAR_VOLUME] = state[VOLUME]
    out[base + BAR_TRADES] = state[TRADES]
    out[base + BAR_REVISION] = revision
    out[base + BAR_LAST_ID] = state[LAST_ID]
    state[OUT_COUNT] += 1


@uncounted_inner
def write_kept(state: Array, kept: Array, out: Array, base: int, known: int) -> None:
    """Append a bar that was closed before, as it is now, to `out`; its revision rises by one."""
    kept[base + KEPT_REVISION] += 1
    row = state[OUT_COUNT] * BAR_WIDTH
    out[row + BAR_ROW_KIND] = CLOSED_ROW
    out[row + BAR_OPEN_TIME] = kept[base + KEPT_OPEN_TIME]
    out[row + BAR_CLOSE_TIME] = kept[base + KEPT_CLOSE_TIME]
    out[row + BAR_KNOWN] = known
    out[row + BAR_OPEN] = kept[base + KEPT_OPEN]
    out[row + BAR_HIGH] = kept[base + KEPT_HIGH]
    out[row + BAR_LOW] = kept[base + KEPT_LOW]
    out[row + BAR_CLOSE] = kept[base + KEPT_CLOSE]
    out[row + BAR_VOLUME] = kept[base + KEPT_VOLUME]
    out[row + BAR_TRADES] = kept[base + KEPT_TRADES]
    out[row + BAR_REVISION] = kept[base + KEPT_REVISION]
    out[row + BAR_LAST_ID] = kept[base + KEPT_LAST_ID]
    state[OUT_COUNT] += 1


@uncounted_inner
def next_kept(state: Array, kept: Array) -> int:
    """Return where the next kept bar goes; the one that opened first makes room for it."""
    rows = len(kept) // KEPT_WIDTH
    if state[KEPT_MIXED] == 1 and state[KEPT_COUNT] == rows:
        state[KEPT_NEXT] = kept_after(state, kept, -1) // KEPT_WIDTH
    base = state[KEPT_NEXT] * KEPT_WIDTH
    if state[KEPT_COUNT] == rows:
        state[FORGOTTEN] = max(state[FORGOTTEN], kept[base + KEPT_CLOSE_TIME])
    else:
        state[KEPT_COUNT] += 1
    state[KEPT_NEXT] = (state[KEPT_NEXT] + 1) % rows
    return base


@uncounted_inner
def keep_bar(state: Array, kept: Array) -> None:
    """Remember the bar under way: a late trade may revise it."""
    base = next_kept(state, kept)
    kept[base + KEPT_OPEN_TIME] = state[OPEN_TIME]
    kept[base + KEPT_CLOSE_TIME] = state[CLOSE_TIME]
    kept[base + KEPT_TRADES] = state[TRADES]
    kept[base + KEPT_VOLUME] = state[VOLUME]
    kept[base + KEPT_OPEN] = state[OPEN]
    kept[base + KEPT_HIGH] = state[HIGH]
    kept[base + KEPT_LOW] = state[LOW]
    kept[base + KEPT_CLOSE] = state[CLOSE]
    kept[base + KEPT_FIRST_TIME] = state[FIRST_TIME]
    kept[base + KEPT_FIRST_ID] = state[FIRST_ID]
    kept[base + KEPT_LAST_TIME] = state[LAST_TIME]
    kept[base + KEPT_LAST_ID] = state[LAST_ID]
    kept[base + KEPT_REVISION] = 0


# -- closing ------------------------------------------------------------------------------------


@uncounted_inner
def close_interval(state: Array, sessions: Array, kept: Array, out: Array, known: int) -> None:
    """Close the interval under way and begin the next; at most one row goes to `out`."""
    if state[TRADES] > 0:
        state[GAP_TOLD] = 0
        state[LAST_CLOSE] = state[CLOSE]
        if state[OPEN_TIME] >= state[WHOLE_FROM]:
            keep_bar(state, kept)
            write_bar(state, out, CLOSED_ROW, known, 0)
    elif state[GAPS] == FILL:
        fill_gap(state)
        if state[OPEN_TIME] >= state[WHOLE_FROM]:
            keep_bar(state, kept)
            write_bar(state, out, CLOSED_ROW, known, 0)
    elif state[GAPS] == HALT and state[GAP_TOLD] == 0:
        fill_gap(state)
        if state[OPEN_TIME] >= state[WHOLE_FROM]:
            state[GAP_TOLD] = 1
            write_bar(state, out, GAP_ROW, known, 0)
    state[TRADES] = 0
    state[VOLUME] = 0
    state[CORRECTED] = 0
    state[RUNNING_DUE] = NEVER
    seek(state, sessions, state[CLOSE_TIME])


@uncounted_inner
def fill_gap(state: Array) -> None:
    """Set the prices of an interval without trades to the last close."""
    price = state[LAST_CLOSE]
    state[OPEN] = price
    state[HIGH] = price
    state[LOW] = price
    state[CLOSE] = price
    state[FIRST_TIME] = state[OPEN_TIME]
    state[LAST_TIME] = state[OPEN_TIME]
    state[FIRST_ID] = 0
    state[LAST_ID] = 0


@uncounted_inner
def passes_silently(state: Array) -> bool:
    """Whether the interval under way, were it over now, would be told to nobody."""
    return state[TRADES] == 0 and (
        state[GAPS] == SKIP or (state[GAPS] == HALT and state[GAP_TOLD] == 1)
    )


@uncounted_inner
def close_due(state: Array) -> int:
    """Return when the interval under way closes by our clock, or NEVER."""
    if (
        state[KIND] != TIME_KIND
        or state[STARTED] == 0
        or state[GRACE] == NEVER
        or state[CLOSE_TIME] == NEVER
        or passes_silently(state)
    ):
        return NEVER
    return state[CLOSE_TIME] + state[GRACE]


@uncounted_inner
def catch_up(state: Array, sessions: Array, kept: Array, out: Array, now: int) -> int:
    """Do what is due by a time of our clock, in order; a closed bar before a running one."""
    while True:
        closing, running = close_due(state), state[RUNNING_DUE]
        if closing > now and running > now:
            break
        if state[OUT_COUNT] >= len(out) // BAR_WIDTH:
            return BARS_FULL
        if closing <= running:
            close_interval(state, sessions, kept, out, closing)
        else:
            write_bar(state, out, RUNNING_ROW, running, state[CORRECTED])
            state[RUNNING_DUE] = NEVER
    if (
        state[KIND] == TIME_KIND
        and state[STARTED] == 1
        and state[GRACE] != NEVER
        and now - state[GRACE] >= state[CLOSE_TIME]
    ):
        # Intervals that passed silently are over as well: what comes for them is late.
        seek(state, sessions, now - state[GRACE])
    state[LAST_ARRIVAL] = max(state[LAST_ARRIVAL], now)
    return DONE


# -- late trades --------------------------------------------------------------------------------


@uncounted_inner
def find_kept(state: Array, kept: Array, opened: int) -> int:
    """Return where the kept bar that opens then lies, or −1."""
    rows = len(kept) // KEPT_WIDTH
    for back in range(1, state[KEPT_COUNT] + 1):
        base = ((state[KEPT_NEXT] - back) % rows) * KEPT_WIDTH
        if kept[base + KEPT_OPEN_TIME] == opened:
            return base
    return -1


@uncounted_inner
def kept_after(state: Array, kept: Array, opened: int) -> int:
    """Return where the first kept bar that opens later lies, or −1."""
    found = -1
    for row in range(state[KEPT_COUNT]):
        base = row * KEPT_WIDTH
        if kept[base + KEPT_OPEN_TIME] > opened and (
            found == -1 or kept[base + KEPT_OPEN_TIME] < kept[found + KEPT_OPEN_TIME]
        ):
            found = base
    return found


@uncounted_inner
def carry_on(state: Array, kept: Array, out: Array, base: int, known: int) -> None:
    """Carry a revised close into the filled bars that follow, up to the next that traded."""
    price = kept[base + KEPT_CLOSE]
    while True:
        after = kept_after(state, kept, kept[base + KEPT_OPEN_TIME])
        if after == -1:
            state[LAST_CLOSE] = price
            return
        base = after
        if kept[base + KEPT_TRADES] > 0 or kept[base + KEPT_CLOSE] == price:
            return
        kept[base + KEPT_OPEN] = price
        kept[base + KEPT_HIGH] = price
        kept[base + KEPT_LOW] = price
        kept[base + KEPT_CLOSE] = price
        write_kept(state, kept, out, base, known)


@uncounted_inner
def revise(
    state: Array,
    sessions: Array,
    kept: Array,
    out: Array,
    time: int,
    arrival: int,
    opening: int,
    high: int,
    low: int,
    closing: int,
    volume: int,
    trades: int,
    trade_id: int,
) -> int:
    """Take what belongs to an interval that is over: a revision, unless it is too late for one."""
    opened = interval_open(state, sessions, time)
    if opened == NEVER:
        state[OUTSIDE] += trades
        return DONE
    if opened < state[WHOLE_FROM]:
        state[PARTIAL] += trades
        return DONE
    base = find_kept(state, kept, opened)
    if base == -1 and (
        opened < state[FORGOTTEN]
        or (
            state[KEPT_COUNT] == len(kept) // KEPT_WIDTH
            and opened < kept[kept_after(state, kept, -1) + KEPT_OPEN_TIME]
        )
    ):
        state[TOO_LATE] += trades
        return DONE
    if state[OUT_COUNT] + state[KEPT_COUNT] + 1 > len(out) // BAR_WIDTH:
        return BARS_FULL
    if base >= 0 and volume > TOTAL_MAX - kept[base + KEPT_VOLUME]:
        return VOLUME_TOO_LARGE
    if base == -1:
        # That nothing traded was said by silence; now something did.
        base = next_kept(state, kept)
        state[KEPT_MIXED] = 1
        kept[base + KEPT_OPEN_TIME] = opened
        kept[base + KEPT_CLOSE_TIME] = interval_close(state, sessions, opened)
        kept[base + KEPT_TRADES] = 0
        kept[base + KEPT_VOLUME] = 0
        kept[base + KEPT_REVISION] = 0
    first = kept[base + KEPT_TRADES] == 0
    if first or later(kept[base + KEPT_FIRST_TIME], kept[base + KEPT_FIRST_ID], time, trade_id):
        kept[base + KEPT_FIRST_TIME] = time
        kept[base + KEPT_FIRST_ID] = trade_id
        kept[base + KEPT_OPEN] = opening
    if first or not later(kept[base + KEPT_LAST_TIME], kept[base + KEPT_LAST_ID], time, trade_id):
        kept[base + KEPT_LAST_TIME] = time
        kept[base + KEPT_LAST_ID] = trade_id
        kept[base + KEPT_CLOSE] = closing
    kept[base + KEPT_HIGH] = high if first else max(kept[base + KEPT_HIGH], high)
    kept[base + KEPT_LOW] = low if first else min(kept[base + KEPT_LOW], low)
    kept[base + KEPT_VOLUME] += volume
    kept[base + KEPT_TRADES] += trades
    write_kept(state, kept, out, base, arrival)
    carry_on(state, kept, out, base, arrival)
    return DONE


@uncounted_inner
def later(time: int, number: int, than_time: int, than_number: int) -> bool:
    """Whether a trade comes after another at the venue: by its time, then by its id."""
    return time > than_time or (time == than_time and number > than_number)


# -- one row ------------------------------------------------------------------------------------


@uncounted_inner
def come_to(state: Array, sessions: Array, kept: Array, out: Array, time: int, arrival: int) -> int:
    """Close the intervals that are over at a venue time, since somebody saw it pass."""
    if state[STARTED] == 0:
        # The first trade of a session begins: before it there is no price to fill a gap with.
        if interval_open(state, sessions, time) == NEVER:
            return DONE
        state[STARTED] = 1
        # By the clock the interval of a first trade may be over already: then the trade is late.
        overdue = -NEVER if state[GRACE] == NEVER else arrival - state[GRACE]
        seek(state, sessions, max(time, overdue))
    while time >= state[CLOSE_TIME]:
        if passes_silently(state):
            seek(state, sessions, time)
            break
        if state[OUT_COUNT] >= len(out) // BAR_WIDTH:
            return BARS_FULL
        close_interval(state, sessions, kept, out, arrival)
    return DONE


@uncounted_inner
def take_row(
    state: Array,
    sessions: Array,
    kept: Array,
    out: Array,
    time: int,
    arrival: int,
    opening: int,
    high: int,
    low: int,
    closing: int,
    volume: int,
    trades: int,
    trade_id: int,
) -> int:
    """Take a trade, or a finer bar, into bars of time; `come_to` was called for its time."""
    if state[STARTED] == 0:
        state[OUTSIDE] += trades
        return DONE
    if state[LAST_CLOSE] == 0:
        state[LAST_CLOSE] = closing
    if time < state[OPEN_TIME]:
        return revise(
            state,
            sessions,
            kept,
            out,
            time,
            arrival,
            opening,
            high,
            low,
            closing,
            volume,
            trades,
            trade_id,
        )
    if state[OUT_COUNT] >= len(out) // BAR_WIDTH:
        return BARS_FULL
    if volume > TOTAL_MAX - state[VOLUME]:
        return VOLUME_TOO_LARGE
    first = state[TRADES] == 0
    if first or later(state[FIRST_TIME], state[FIRST_ID], time, trade_id):
        state[FIRST_TIME] = time
        state[FIRST_ID] = trade_id
        state[OPEN] = opening
    if first or not later(state[LAST_TIME], state[LAST_ID], time, trade_id):
        state[LAST_TIME] = time
        state[LAST_ID] = trade_id
        state[CLOSE] = closing
    state[HIGH] = high if first else max(state[HIGH], high)
    state[LOW] = low if first else min(state[LOW], low)
    state[VOLUME] += volume
    state[TRADES] += trades
    if state[OPEN_TIME] < state[WHOLE_FROM]:
        state[PARTIAL] += trades
    else:
        tell_running(state, out, arrival)
    return DONE


@uncounted_inner
def tell_running(state: Array, out: Array, arrival: int) -> None:
    """Tell the bar under way at once, or set when it is told next, as the rule says."""
    if state[RUNNING] == EACH_TRADE:
        write_bar(state, out, RUNNING_ROW, arrival, state[CORRECTED])
    elif state[RUNNING] > 0 and state[RUNNING_DUE] == NEVER:
        state[RUNNING_DUE] = (arrival // state[RUNNING] + 1) * state[RUNNING]


@uncounted_inner
def take_counted(
    state: Array, out: Array, time: int, arrival: int, price: int, quantity: int, trade_id: int
) -> int:
    """Take a trade into bars of so many trades, lots or ticks·lots, in order of arrival."""
    if state[OUT_COUNT] >= len(out) // BAR_WIDTH:
        return BARS_FULL
    if quantity > TOTAL_MAX - state[VOLUME]:
        return VOLUME_TOO_LARGE
    if state[KIND] == NOTIONAL_KIND:
        if quantity > (TOTAL_MAX - state[NOTIONAL]) // price:
            return NOTIONAL_TOO_LARGE
        state[NOTIONAL] += price * quantity
    if state[TRADES] == 0:
        state[OPEN] = price
        state[HIGH] = price
        state[LOW] = price
        state[OPEN_TIME] = time
        # Two bars never close together: what is decided on a bar is named after its close.
        state[CLOSE_TIME] = state[COUNTED_UNTIL] + 1
    state[OPEN_TIME] = min(state[OPEN_TIME], time)
    state[CLOSE_TIME] = max(state[CLOSE_TIME], time + 1)
    state[HIGH] = max(state[HIGH], price)
    state[LOW] = min(state[LOW], price)
    state[CLOSE] = price
    state[LAST_ID] = trade_id
    state[VOLUME] += quantity
    state[TRADES] += 1
    if progress(state) >= state[SIZE]:
        write_bar(state, out, CLOSED_ROW, arrival, 0)
        state[COUNTED_UNTIL] = state[CLOSE_TIME]
        state[TRADES] = 0
        state[VOLUME] = 0
        state[NOTIONAL] = 0
        state[RUNNING_DUE] = NEVER
    else:
        tell_running(state, out, arrival)
    return DONE


@uncounted_inner
def progress(state: Array) -> int:
    """Return how far the bar under way has come, in what its size is counted in."""
    if state[KIND] == TRADES_KIND:
        return state[TRADES]
    if state[KIND] == VOLUME_KIND:
        return state[VOLUME]
    return state[NOTIONAL]


@uncounted_inner
def take_trade(
    state: Array,
    sessions: Array,
    kept: Array,
    out: Array,
    time: int,
    arrival: int,
    price: int,
    quantity: int,
    trade_id: int,
) -> int:
    """Take one trade and return why it could not be taken, or DONE."""
    if arrival < state[LAST_ARRIVAL]:
        return ARRIVAL_BACKWARDS
    if price <= 0:
        return PRICE_NOT_POSITIVE
    if quantity <= 0:
        return QUANTITY_NOT_POSITIVE
    if time < 0 or time > TIME_MAX or arrival > TIME_MAX:
        return TIME_OUT_OF_RANGE
    reason = catch_up(state, sessions, kept, out, arrival)
    if reason != DONE:
        return reason
    if state[KIND] == TIME_KIND:
        reason = come_to(state, sessions, kept, out, time, arrival)
        if reason != DONE:
            return reason
        return take_row(
            state,
            sessions,
            kept,
            out,
            time,
            arrival,
            price,
            price,
            price,
            price,
            quantity,
            1,
            trade_id,
        )
    return take_counted(state, out, time, arrival, price, quantity, trade_id)


# -- many rows ----------------------------------------------------------------------------------


@compiled_inner
def is_calm(
    venue_time: Array, arrival: Array, price: Array, quantity: Array, trade_id: Array
) -> bool:
    """Whether rows are in order at the venue too, and nothing about them needs a closer look."""
    last = len(price) - 1
    if last < 0 or venue_time[0] < 0 or venue_time[last] > TIME_MAX or arrival[last] > TIME_MAX:
        return False
    wrong = 0
    price_min = price[0]
    price_max = price[0]
    quantity_min = quantity[0]
    quantity_max = quantity[0]
    for row in range(len(price)):
        price_min = min(price_min, price[row])
        price_max = max(price_max, price[row])
        quantity_min = min(quantity_min, quantity[row])
        quantity_max = max(quantity_max, quantity[row])
    ties = 0
    times_before, times_after = venue_time[:last], venue_time[1:]
    arrivals_before, arrivals_after = arrival[:last], arrival[1:]
    for row in range(len(times_after)):
        wrong |= times_after[row] < times_before[row]
        ties |= times_after[row] == times_before[row]
        wrong |= arrivals_after[row] < arrivals_before[row]
    if ties != 0:
        ids_before, ids_after = trade_id[:last], trade_id[1:]
        for row in range(len(times_after)):
            wrong |= (times_after[row] == times_before[row]) & (ids_after[row] < ids_before[row])
    return (
        wrong == 0
        and price_min > 0
        and quantity_min > 0
        and quantity_max <= TOTAL_MAX // 4 // BLOCK
        and quantity_max <= TOTAL_MAX // 4 // price_max
    )


@uncounted_inner
def first_at_least(values: Array, start: int, stop: int, bound: int) -> int:
    """Return the first row in [start, stop) whose value reaches a bound, or stop; ascending."""
    step = 16
    while start + step <= stop and values[start + step - 1] < bound:
        start += step
        step *= 2
    stop = min(start + step, stop)
    while start < stop:
        middle = (start + stop) // 2
        if values[middle] < bound:
            start = middle + 1
        else:
            stop = middle
    return start


@uncounted_inner
def calm_stop(
    state: Array,
    venue_time: Array,
    arrival: Array,
    price: Array,
    quantity: Array,
    start: int,
    stop: int,
) -> int:
    """Return the first of calm rows that does more than go into the bar under way."""
    limit = min(close_due(state), state[RUNNING_DUE])
    kind = state[KIND]
    if kind == TRADES_KIND:
        stop = min(stop, start + state[SIZE] - state[TRADES] - 1)
    elif kind == TIME_KIND:
        stop = first_at_least(venue_time, start, stop, state[CLOSE_TIME])
    # That nothing is due before the bar ends is the rule, and quickly seen.
    if stop > start and arrival[stop - 1] >= limit:
        stop = first_at_least(arrival, start, stop, limit)
    if kind == VOLUME_KIND:
        left = state[SIZE] - state[VOLUME]
        for row in range(start, stop):
            left -= quantity[row]
            if left <= 0:
                return row
    elif kind == NOTIONAL_KIND:
        left = state[SIZE] - state[NOTIONAL]
        for row in range(start, stop):
            left -= price[row] * quantity[row]
            if left <= 0:
                return row
    return stop


@compiled_inner
def take_calm(
    state: Array,
    venue_time: Array,
    arrival: Array,
    price: Array,
    quantity: Array,
    trade_id: Array,
    start: int,
    stop: int,
) -> int:
    """Take calm rows as long as they only go into the bar under way; return the first left."""
    # A bar is never begun here, nor a time set at which it is told; and late rows are not calm.
    if (
        start >= stop
        or state[TRADES] == 0
        or state[RUNNING] == EACH_TRADE
        or (state[RUNNING] > 0 and state[RUNNING_DUE] == NEVER)
        or state[VOLUME] > TOTAL_MAX // 2
        or venue_time[start] < state[OPEN_TIME]
        or (
            state[KIND] == TIME_KIND
            and later(state[LAST_TIME], state[LAST_ID], venue_time[start], trade_id[start])
        )
    ):
        return start
    stop = calm_stop(state, venue_time, arrival, price, quantity, start, stop)
    if stop <= start:
        return start
    high, low, volume = state[HIGH], state[LOW], 0
    prices, quantities = price[start:stop], quantity[start:stop]
    for row in range(len(prices)):
        high = max(high, prices[row])
        low = min(low, prices[row])
        volume += quantities[row]
    if state[KIND] == NOTIONAL_KIND:
        for row in range(len(prices)):
            state[NOTIONAL] += prices[row] * quantities[row]
    last = stop - 1
    if state[KIND] != TIME_KIND:
        state[CLOSE_TIME] = max(state[CLOSE_TIME], venue_time[last] + 1)
    state[HIGH] = high
    state[LOW] = low
    state[CLOSE] = price[last]
    state[VOLUME] += volume
    state[TRADES] += stop - start
    state[LAST_TIME] = venue_time[last]
    state[LAST_ID] = trade_id[last]
    state[LAST_ARRIVAL] = arrival[last]
    if state[KIND] == TIME_KIND and state[OPEN_TIME] < state[WHOLE_FROM]:
        state[PARTIAL] += stop - start
    return stop


@compiled("int64(A, C, A, A, C, C, C, C, C, int64, int64)")
def make_bars(
    state: Array,
    sessions: Array,
    kept: Array,
    out: Array,
    venue_time: Array,
    arrival: Array,
    price: Array,
    quantity: Array,
    trade_id: Array,
    stop: int,
    pause: int,
) -> int:
    """Take rows from the cursor on, up to `stop`, or until `out` has `pause` rows.

    Returns:
        DONE, PAUSED, BARS_FULL, or what is wrong with row PROBLEM; the rows before are taken.
    """
    row = state[CURSOR]
    while row < stop:
        if row >= state[CHECKED]:
            state[CHECKED] = min(row + BLOCK, stop)
            end = state[CHECKED]
            state[CALM] = is_calm(
                venue_time[row:end],
                arrival[row:end],
                price[row:end],
                quantity[row:end],
                trade_id[row:end],
            )
        reason = take_trade(
            state,
            sessions,
            kept,
            out,
            venue_time[row],
            arrival[row],
            price[row],
            quantity[row],
            trade_id[row],
        )
        if reason != DONE:
            state[CURSOR] = row
            state[PROBLEM] = row
            return reason
        row += 1
        if state[CALM] == 1:
            row = take_calm(
                state, venue_time, arrival, price, quantity, trade_id, row, state[CHECKED]
            )
        if state[OUT_COUNT] >= pause:
            state[CURSOR] = row
            return PAUSED
    state[CURSOR] = row
    return DONE


@compiled("int64(A, C, A, A, int64)")
def pass_time(state: Array, sessions: Array, kept: Array, out: Array, now: int) -> int:
    """Say that our clock has come to a time and all that arrived before it was given."""
    if now < state[LAST_ARRIVAL]:
        return ARRIVAL_BACKWARDS
    if now > TIME_MAX:
        return TIME_OUT_OF_RANGE
    return catch_up(state, sessions, kept, out, now)


@compiled("int64(A)")
def next_due(state: Array) -> int:
    """Return when `pass_time` has something to do next, or NEVER."""
    return min(close_due(state), state[RUNNING_DUE])
