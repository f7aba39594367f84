"""Matching on bars: a bar is met at its open and once more by its close.

The rules are on the matching page. An order is *before* a bar when it arrived by its open,
*inside* when it arrived later but before its close.

Entry points stand last: they are compiled as they are defined, after what they call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner
from tieout.market._layout import (
    AFTER,
    AMBIGUOUS,
    ARMED,
    AT_ONCE,
    CANCEL_COUNT,
    CANCEL_TIME,
    COMMITTED,
    CURSOR,
    DONE,
    EVENT_RANK,
    FUNDING_INTERVAL,
    HUNGRY,
    IMPACT_LEVEL,
    KIND,
    LAST_PRICE,
    LEVEL,
    LIMIT,
    LIMIT_KIND,
    MARKET_KIND,
    NUMBER,
    OPENING_RANK,
    ORDER_COUNT,
    ORDER_WIDTH,
    OUT_COUNT,
    OUT_FULL,
    OUT_WIDTH,
    PHASE,
    POSITION,
    PRICE_MAX,
    PRICE_TOO_HIGH,
    PROBLEM,
    RESTING,
    SCANNED,
    SIDE,
    STAT_COUNT,
    STAT_HEAD,
    STAT_ROW,
    STOP,
    TAKING,
    TOUCH,
    TRIGGER_REPORT,
    VOLUME,
    WAITING,
    WINDOW,
)
from tieout.market._orders_compiled import (
    answer_first_cancel,
    charge_funding,
    expire,
    fill,
    first_after,
    funding_count,
    high_bound,
    low_bound,
    offered_lots,
    pass_over,
    remove_done,
    shifted_price,
    time_bound,
    write_report,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

BLOCK = 64


@compiled_inner
def next_touch(
    state: Array,
    orders: Array,
    cancels: Array,
    close_time: Array,
    highs: Array,
    lows: Array,
    start: int,
    stop: int,
) -> int:
    """Return the first row in [start, stop) that may touch an order, or stop."""
    if start >= stop:
        return stop
    from_time = time_bound(state, orders, cancels, 0)
    low = low_bound(state, orders)
    high = high_bound(state, orders)
    row = start
    # Whole blocks without an early exit, so that the loop becomes vector code.
    while row + BLOCK <= stop:
        times = close_time[row : row + BLOCK]
        tops = highs[row : row + BLOCK]
        bottoms = lows[row : row + BLOCK]
        touches = 0
        for place in range(BLOCK):
            touches |= (times[place] >= from_time) | (bottoms[place] <= low) | (tops[place] >= high)
        if touches != 0:
            break
        row += BLOCK
    while row < stop:
        if close_time[row] >= from_time or lows[row] <= low or highs[row] >= high:
            return row
        row += 1
    return stop


@compiled_inner
def meet_bar(
    state: Array,
    orders: Array,
    cancels: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    open_time: int,
    close_time: int,
    arrival: int,
    opening: int,
    high: int,
    low: int,
    closing: int,
    volume: int,
    last: int,
) -> None:
    """Let one bar act on cancels, funding, and every open order."""
    while state[CANCEL_COUNT] > 0 and cancels[CANCEL_TIME] <= open_time:
        answer_first_cancel(state, orders, cancels, out, arrival, cancels[CANCEL_TIME])
    charge_funding(state, out, open_time, state[POSITION], last, arrival)
    activate(state, orders, open_time, close_time)
    position = state[POSITION]
    left = volume
    stop_filled = False
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == ARMED and orders[base + AFTER] <= open_time:
            side = orders[base + SIDE]
            stop = orders[base + STOP]
            reached = high if side == 1 else low
            if side * reached < side * stop:
                continue
            stop_filled = True
            at_open = side * opening >= side * stop
            time = open_time if at_open else close_time
            rank = OPENING_RANK if at_open else EVENT_RANK
            write_report(
                state, out, TRIGGER_REPORT, orders[base + NUMBER], time, arrival, time, rank
            )
            orders[base + PHASE] = HUNGRY
            orders[base + AFTER] = time
            lots = take(
                state,
                orders,
                out,
                ring,
                impact_y,
                base,
                time,
                arrival,
                opening if at_open else stop,
                volume,
                left,
                rank,
            )
            left -= lots
            if at_open:
                position += side * lots
            end_if_at_once(state, orders, out, base, close_time, arrival)
            if orders[base + PHASE] == HUNGRY:
                # Met this bar already; the second round leaves it alone.
                orders[base + AFTER] = close_time
    limit_filled = False
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        phase = orders[base + PHASE]
        side = orders[base + SIDE]
        before = orders[base + AFTER] <= open_time
        if phase == HUNGRY and orders[base + AFTER] < close_time:
            reference = opening if before else side * max(side * opening, side * closing)
            lots = take(
                state,
                orders,
                out,
                ring,
                impact_y,
                base,
                open_time if before else close_time,
                arrival,
                reference,
                volume,
                left,
                OPENING_RANK if before else EVENT_RANK,
            )
            left -= lots
            if before:
                position += side * lots
            end_if_at_once(state, orders, out, base, close_time, arrival)
        elif (phase == TAKING or phase == RESTING) and before:
            limit = orders[base + LIMIT]
            reached = low if side == 1 else high
            through = side * reached < side * limit or (state[TOUCH] == 1 and reached == limit)
            counted = False
            if phase == TAKING:
                orders[base + PHASE] = RESTING
                if side * opening <= side * limit:
                    lots = take_within(
                        state,
                        orders,
                        out,
                        ring,
                        impact_y,
                        base,
                        open_time,
                        arrival,
                        opening,
                        volume,
                        left,
                    )
                    left -= lots
                    position += side * lots
                    counted = lots > 0
            limit_filled = limit_filled or counted or through
            if through and orders[base + PHASE] != DONE:
                if not counted:
                    orders[base + VOLUME] += volume
                lots = offered_lots(state, orders, base, left)
                if lots > 0:
                    fill(
                        state,
                        orders,
                        out,
                        base,
                        lots,
                        limit,
                        limit,
                        1,
                        close_time,
                        arrival,
                        EVENT_RANK,
                    )
                    left -= lots
            end_if_at_once(state, orders, out, base, close_time, arrival)
    if stop_filled and limit_filled:
        state[AMBIGUOUS] += 1
    charge_inside(state, out, close_time, position, last, closing, arrival)
    while state[CANCEL_COUNT] > 0 and cancels[CANCEL_TIME] <= close_time:
        answer_first_cancel(state, orders, cancels, out, arrival, close_time)
    remove_done(state, orders)


@compiled_inner
def activate(state: Array, orders: Array, open_time: int, close_time: int) -> None:
    """Decide what orders that arrived before this bar's close are."""
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] != WAITING or orders[base + AFTER] >= close_time:
            continue
        if orders[base + KIND] == MARKET_KIND:
            orders[base + PHASE] = HUNGRY
        elif orders[base + KIND] == LIMIT_KIND:
            orders[base + PHASE] = TAKING if orders[base + AFTER] <= open_time else RESTING
        else:
            orders[base + PHASE] = ARMED


@compiled_inner
def take(
    state: Array,
    orders: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    base: int,
    time: int,
    arrival: int,
    reference: int,
    volume: int,
    left: int,
    rank: int,
) -> int:
    """Fill a hungry order at a reference price; return the lots."""
    orders[base + VOLUME] += volume
    lots = offered_lots(state, orders, base, left)
    if lots > 0:
        paid = shifted_price(state, ring, impact_y, orders[base + SIDE], reference, lots)
        fill(state, orders, out, base, lots, paid, reference, 2, time, arrival, rank)
    return lots


@compiled_inner
def take_within(
    state: Array,
    orders: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    base: int,
    time: int,
    arrival: int,
    reference: int,
    volume: int,
    left: int,
) -> int:
    """Take at the open unless the shifted price is worse than the limit; return the lots."""
    side = orders[base + SIDE]
    orders[base + VOLUME] += volume
    lots = offered_lots(state, orders, base, left)
    if lots > 0:
        paid = shifted_price(state, ring, impact_y, side, reference, lots)
        if side * paid <= side * orders[base + LIMIT]:
            fill(state, orders, out, base, lots, paid, reference, 2, time, arrival, OPENING_RANK)
            return lots
    orders[base + VOLUME] -= volume
    return 0


@compiled_inner
def end_if_at_once(
    state: Array, orders: Array, out: Array, base: int, close_time: int, arrival: int
) -> None:
    """Expire an immediate-or-cancel order that has met its one bar."""
    if orders[base + AT_ONCE] == 1 and orders[base + PHASE] != DONE:
        expire(state, orders, out, base, close_time, arrival)


@compiled_inner
def charge_inside(
    state: Array,
    out: Array,
    close_time: int,
    position: int,
    last: int,
    closing: int,
    arrival: int,
) -> None:
    """Charge funding due in (open, close]: what traded at the open counts, the rest does not.

    At the close itself the mark is this bar's close, before that the last one's.
    """
    charge_funding(state, out, close_time - 1, position, last, arrival)
    charge_funding(state, out, close_time, position, closing, arrival)


@compiled_inner
def take_in_bars(state: Array, ring: Array, closing: Array, volume: Array, until_row: int) -> None:
    """Bring the bar statistics up to a row, that row not included."""
    first = max(state[STAT_ROW], until_row - WINDOW)
    for row in range(first, until_row):
        count = state[STAT_COUNT]
        place = (state[STAT_HEAD] + count) % WINDOW
        if count == WINDOW:
            state[STAT_HEAD] = (state[STAT_HEAD] + 1) % WINDOW
        else:
            state[STAT_COUNT] = count + 1
        ring[place] = closing[row]
        ring[WINDOW + place] = volume[row]
    state[STAT_ROW] = max(state[STAT_ROW], until_row)


@compiled("int64(A, A, A, C, C, C, C, int64, int64)")
def scan_bars(
    state: Array,
    orders: Array,
    cancels: Array,
    close_time: Array,
    arrival_time: Array,
    high: Array,
    low: Array,
    until: int,
    ahead: int,
) -> int:
    """Look for the first row that may touch an order; return 1 when SCANNED is one, else 0.

    Every row that arrives by `until` is looked at, and `ahead` rows in any case.
    """
    start = max(pass_over(state, arrival_time), state[SCANNED])
    stop = max(first_after(arrival_time, start, until), min(start + ahead, len(arrival_time)))
    row = next_touch(state, orders, cancels, close_time, high, low, start, stop)
    state[SCANNED] = row
    return 1 if row < stop else 0


@compiled("int64(A, A, A, A, A, float64, C, C, C, C, C, C, C, C, int64)")
def commit_bars(
    state: Array,
    orders: Array,
    cancels: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    open_time: Array,
    close_time: Array,
    arrival_time: Array,
    opening: Array,
    high: Array,
    low: Array,
    closing: Array,
    volume: Array,
    until: int,
) -> int:
    """Let every bar that arrived by `until` act on the orders; return why it stopped."""
    stop = first_after(arrival_time, pass_over(state, arrival_time), until)
    while True:
        start = max(state[CURSOR], min(state[SCANNED], stop))
        row = next_touch(state, orders, cancels, close_time, high, low, start, stop)
        state[CURSOR] = row
        state[SCANNED] = max(state[SCANNED], row)
        if row == stop:
            return COMMITTED
        needed = 3 * state[ORDER_COUNT] + state[CANCEL_COUNT]
        needed += funding_count(state, open_time[row])
        if state[FUNDING_INTERVAL] > 0:
            needed += (close_time[row] - open_time[row]) // state[FUNDING_INTERVAL] + 1
        if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
            state[PROBLEM] = needed
            return OUT_FULL
        if high[row] > PRICE_MAX:
            state[PROBLEM] = high[row]
            return PRICE_TOO_HIGH
        if state[LEVEL] == IMPACT_LEVEL:
            take_in_bars(state, ring, closing, volume, row)
        last = closing[row - 1] if row > 0 else state[LAST_PRICE]
        meet_bar(
            state,
            orders,
            cancels,
            out,
            ring,
            impact_y,
            open_time[row],
            close_time[row],
            arrival_time[row],
            opening[row],
            high[row],
            low[row],
            closing[row],
            volume[row],
            last,
        )
        state[CURSOR] = row + 1


@compiled("void(A, A, C, C)")
def leave_bars(state: Array, ring: Array, closing: Array, volume: Array) -> None:
    """Carry over what later chunks need from a chunk that is committed to its end."""
    count = len(closing)
    if state[LEVEL] == IMPACT_LEVEL:
        take_in_bars(state, ring, closing, volume, count)
    state[LAST_PRICE] = closing[count - 1]
    state[CURSOR] = 0
    state[SCANNED] = 0
    state[STAT_ROW] = 0
