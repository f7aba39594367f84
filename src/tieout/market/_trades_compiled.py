"""Matching on trades: one print is one event. The rules are on the matching page.

Entry points stand last: they are compiled as they are defined, after what they call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner
from tieout.market._layout import (
    AFTER,
    ARMED,
    AT_ONCE,
    CANCEL_COUNT,
    CANCEL_TIME,
    COMMITTED,
    CURSOR,
    DONE,
    EVENT_RANK,
    HUNGRY,
    IMPACT_LEVEL,
    KIND,
    LAST_PRICE,
    LEVEL,
    LIMIT,
    LIMIT_KIND,
    MARKET_KIND,
    MINUTE,
    NEVER,
    NUMBER,
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
    RUN_CLOSE,
    RUN_MINUTE,
    RUN_VOLUME,
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

BLOCK = 256


@compiled_inner
def next_touch(
    state: Array,
    orders: Array,
    cancels: Array,
    venue_time: Array,
    price: Array,
    start: int,
    stop: int,
) -> int:
    """Return the first row in [start, stop) that may touch an order, or stop."""
    if start >= stop:
        return stop
    from_time = time_bound(state, orders, cancels, 1)
    low = low_bound(state, orders)
    high = high_bound(state, orders)
    row = start
    # Whole blocks without an early exit, so that the loop becomes vector code.
    while row + BLOCK <= stop:
        times = venue_time[row : row + BLOCK]
        prices = price[row : row + BLOCK]
        touches = 0
        for place in range(BLOCK):
            touches |= (
                (times[place] >= from_time) | (prices[place] <= low) | (prices[place] >= high)
            )
        if touches != 0:
            break
        row += BLOCK
    while row < stop:
        if venue_time[row] >= from_time or price[row] <= low or price[row] >= high:
            return row
        row += 1
    return stop


@compiled_inner
def meet_trade(
    state: Array,
    orders: Array,
    cancels: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    time: int,
    arrival: int,
    price: int,
    quantity: int,
    last: int,
) -> None:
    """Let one print act on cancels, funding, and every open order."""
    while state[CANCEL_COUNT] > 0 and cancels[CANCEL_TIME] < time:
        # Its answer was on the way already: it does not wait for this print.
        answer_first_cancel(state, orders, cancels, out, -NEVER, cancels[CANCEL_TIME])
    charge_funding(state, out, time, state[POSITION], last, arrival)
    activate(state, orders, time, last)
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == ARMED and orders[base + AFTER] < time:
            trigger(state, orders, out, base, time, arrival, price)
    left = quantity
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        phase = orders[base + PHASE]
        if (phase == HUNGRY or phase == TAKING or phase == RESTING) and orders[base + AFTER] < time:
            left -= meet_order(
                state, orders, out, ring, impact_y, base, time, arrival, price, quantity, left
            )
    remove_done(state, orders)


@compiled_inner
def activate(state: Array, orders: Array, time: int, last: int) -> None:
    """Decide what orders that arrived before this print are: hungry, taking, resting or armed."""
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] != WAITING or orders[base + AFTER] >= time:
            continue
        if orders[base + KIND] == MARKET_KIND:
            orders[base + PHASE] = HUNGRY
        elif orders[base + KIND] == LIMIT_KIND:
            side = orders[base + SIDE]
            marketable = last != 0 and side * last <= side * orders[base + LIMIT]
            orders[base + PHASE] = TAKING if marketable else RESTING
        else:
            orders[base + PHASE] = ARMED


@compiled_inner
def trigger(
    state: Array, orders: Array, out: Array, base: int, time: int, arrival: int, price: int
) -> None:
    """Make a stop order hungry when this print is at or beyond its trigger."""
    side = orders[base + SIDE]
    if side * price >= side * orders[base + STOP]:
        write_report(
            state, out, TRIGGER_REPORT, orders[base + NUMBER], time, arrival, time, EVENT_RANK
        )
        orders[base + PHASE] = HUNGRY
        orders[base + AFTER] = time


@compiled_inner
def meet_order(
    state: Array,
    orders: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    base: int,
    time: int,
    arrival: int,
    price: int,
    quantity: int,
    left: int,
) -> int:
    """Fill one order against one print as far as the rules allow; return the lots it took."""
    side = orders[base + SIDE]
    limit = orders[base + LIMIT]
    phase = orders[base + PHASE]
    lots = 0
    if phase == RESTING:
        through = side * price < side * limit or (state[TOUCH] == 1 and price == limit)
        if through:
            orders[base + VOLUME] += quantity
            lots = offered_lots(state, orders, base, left)
            if lots > 0:
                fill(state, orders, out, base, lots, limit, limit, 1, time, arrival, EVENT_RANK)
    else:
        if phase == TAKING:
            # One chance only: what it leaves rests from the next print on.
            orders[base + PHASE] = RESTING
        orders[base + VOLUME] += quantity
        lots = offered_lots(state, orders, base, left)
        if lots > 0:
            paid = shifted_price(state, ring, impact_y, side, price, lots)
            if phase == TAKING and side * paid > side * limit:
                lots = 0
            else:
                fill(state, orders, out, base, lots, paid, price, 2, time, arrival, EVENT_RANK)
        if phase == TAKING and lots == 0:
            orders[base + VOLUME] -= quantity
    if orders[base + AT_ONCE] == 1 and orders[base + PHASE] != DONE:
        expire(state, orders, out, base, time, arrival)
    return lots


@compiled_inner
def take_in_trades(
    state: Array, ring: Array, venue_time: Array, price: Array, quantity: Array, until_row: int
) -> None:
    """Bring the minute statistics up to a row, that row not included."""
    for row in range(state[STAT_ROW], until_row):
        complete_minute(state, ring, venue_time[row] // MINUTE)
        state[RUN_CLOSE] = price[row]
        state[RUN_VOLUME] += quantity[row]
    state[STAT_ROW] = max(state[STAT_ROW], until_row)


@compiled_inner
def complete_minute(state: Array, ring: Array, minute: int) -> None:
    """Close the running minute when a later one begins."""
    if minute <= state[RUN_MINUTE]:
        return
    if state[RUN_VOLUME] > 0:
        count = state[STAT_COUNT]
        place = (state[STAT_HEAD] + count) % WINDOW
        if count == WINDOW:
            state[STAT_HEAD] = (state[STAT_HEAD] + 1) % WINDOW
        else:
            state[STAT_COUNT] = count + 1
        ring[place] = state[RUN_CLOSE]
        ring[WINDOW + place] = state[RUN_VOLUME]
    state[RUN_MINUTE] = minute
    state[RUN_VOLUME] = 0


@compiled("int64(A, A, A, C, C, C, int64, int64)")
def scan_trades(
    state: Array,
    orders: Array,
    cancels: Array,
    venue_time: Array,
    arrival_time: Array,
    price: Array,
    until: int,
    ahead: int,
) -> int:
    """Look for the first row that may touch an order; return 1 when SCANNED is one, else 0.

    Every row that arrives by `until` is looked at, and `ahead` rows in any case.
    """
    start = max(pass_over(state, arrival_time), state[SCANNED])
    stop = max(first_after(arrival_time, start, until), min(start + ahead, len(arrival_time)))
    row = next_touch(state, orders, cancels, venue_time, price, start, stop)
    state[SCANNED] = row
    return 1 if row < stop else 0


@compiled("int64(A, A, A, A, A, float64, C, C, C, C, int64)")
def commit_trades(
    state: Array,
    orders: Array,
    cancels: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    venue_time: Array,
    arrival_time: Array,
    price: Array,
    quantity: Array,
    until: int,
) -> int:
    """Let every row that arrived by `until` act on the orders; return why it stopped."""
    stop = first_after(arrival_time, pass_over(state, arrival_time), until)
    while True:
        start = max(state[CURSOR], min(state[SCANNED], stop))
        row = next_touch(state, orders, cancels, venue_time, price, start, stop)
        state[CURSOR] = row
        state[SCANNED] = max(state[SCANNED], row)
        if row == stop:
            return COMMITTED
        needed = 2 * state[ORDER_COUNT] + state[CANCEL_COUNT]
        needed += funding_count(state, venue_time[row])
        if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
            state[PROBLEM] = needed
            return OUT_FULL
        if price[row] > PRICE_MAX:
            state[PROBLEM] = price[row]
            return PRICE_TOO_HIGH
        if state[LEVEL] == IMPACT_LEVEL:
            take_in_trades(state, ring, venue_time, price, quantity, row)
            complete_minute(state, ring, venue_time[row] // MINUTE)
        last = price[row - 1] if row > 0 else state[LAST_PRICE]
        meet_trade(
            state,
            orders,
            cancels,
            out,
            ring,
            impact_y,
            venue_time[row],
            arrival_time[row],
            price[row],
            quantity[row],
            last,
        )
        state[CURSOR] = row + 1


@compiled("void(A, A, C, C, C)")
def leave_trades(
    state: Array, ring: Array, venue_time: Array, price: Array, quantity: Array
) -> None:
    """Carry over what later chunks need from a chunk that is committed to its end."""
    count = len(price)
    if state[LEVEL] == IMPACT_LEVEL:
        take_in_trades(state, ring, venue_time, price, quantity, count)
    state[LAST_PRICE] = price[count - 1]
    state[CURSOR] = 0
    state[SCANNED] = 0
    state[STAT_ROW] = 0
