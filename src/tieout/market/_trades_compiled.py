"""Matching on trades: one print is one event. The rules are on the matching page.

Entry points stand last: they are compiled as they are defined, after what they call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market._commands_compiled import act_until, price_to_check, reports_at_most
from tieout.market._compile import uncounted, uncounted_inner
from tieout.market._layout import (
    AFTER,
    ANSWER,
    ARMED,
    AT_ONCE,
    CLOSE_TIME,
    CLOSING,
    COMMAND_ANSWER,
    COMMAND_COUNT,
    COMMAND_TIME,
    COMMAND_WIDTH,
    COMMITTED,
    CURSOR,
    DONE,
    EVENT_RANK,
    EXPIRES,
    HIGH,
    HUNGRY,
    IN_FORCE_REASON,
    KIND,
    KNOWN_TIME,
    LAST_LEFT,
    LAST_PRICE,
    LAST_TIME,
    LEFT,
    LIMIT,
    LIMIT_KIND,
    LOW,
    MET,
    MINUTE,
    NEVER,
    NO_TRIGGER,
    OPENING,
    ORDER_COUNT,
    ORDER_WIDTH,
    OUT_COUNT,
    OUT_FULL,
    OUT_WIDTH,
    PHASE,
    POSITION,
    POST_ONLY,
    PRICE_MAX,
    PRICE_TOO_HIGH,
    PROBLEM,
    QUANTITY,
    RESTING,
    RUN_CLOSE,
    RUN_MINUTE,
    RUN_VOLUME,
    SCANNED,
    SIDE,
    STARTS,
    STAT_COUNT,
    STAT_HEAD,
    STAT_ROW,
    STATISTICS,
    STAYS,
    TAKER,
    TAKING,
    TO_LIMIT_KIND,
    TRIGGER,
    VOLUME,
    WAITING,
    WINDOW,
)
from tieout.market._orders_compiled import (
    charge_funding,
    count_volume,
    end_order,
    end_useless,
    fill,
    fill_resting,
    first_after,
    funding_count,
    high_bound,
    is_through,
    low_bound,
    offered_lots,
    pass_over,
    rest_at,
    settle,
    shifted_price,
    time_bound,
)
from tieout.market._triggers_compiled import fires, is_marketable, release

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

BLOCK = 256


@uncounted_inner
def next_touch(
    state: Array,
    orders: Array,
    commands: Array,
    venue_time: Array,
    price: Array,
    start: int,
    stop: int,
) -> int:
    """Return the first row in [start, stop) that may touch an order, or stop."""
    if start >= stop:
        return stop
    from_time = time_bound(state, orders, commands, 1)
    low = low_bound(state, orders)
    high = high_bound(state, orders)
    if from_time == NEVER and low == -NEVER and high == NEVER:
        return stop
    if venue_time[start] >= from_time or price[start] <= low or price[start] >= high:
        return start
    row = start + 1
    # Whole blocks without an early exit, so that the loop becomes vector code.
    while row + BLOCK <= stop:
        touches = 0
        # Unsigned, so that no index is looked at for being negative.
        for place in range(np.uint64(row), np.uint64(row + BLOCK)):
            touches |= (
                (venue_time[place] >= from_time) | (price[place] <= low) | (price[place] >= high)
            )
        if touches != 0:
            break
        row += BLOCK
    while row < stop:
        if venue_time[row] >= from_time or price[row] <= low or price[row] >= high:
            return row
        row += 1
    return stop


@uncounted_inner
def meet_trade(
    state: Array, orders: Array, commands: Array, out: Array, ring: Array, impact_y: float
) -> None:
    """Let the print that stands in the state act on commands, funding, and every open order."""
    time = state[CLOSE_TIME]
    price = state[CLOSING]
    last = state[LAST_PRICE]
    # Their answers were on the way already: they do not wait for this print.
    act_until(
        state, orders, commands, out, ring, impact_y, time - 1, time, last, 1, 0, -NEVER, -NEVER
    )
    if state[STATISTICS] == 1:
        complete_minute(state, ring, time // MINUTE)
    charge_funding(state, out, time, state[POSITION], last, state[KNOWN_TIME])
    activate(state, orders, time, last)
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if (
            orders[base + PHASE] == ARMED
            and orders[base + AFTER] < time
            and fires(orders, base, price)
        ):
            release(state, orders, out, base, price, time, time, EVENT_RANK)
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        phase = orders[base + PHASE]
        if (phase == HUNGRY or phase == TAKING or phase == RESTING) and orders[base + AFTER] < time:
            meet_order(state, orders, out, ring, impact_y, base)
    end_useless(state, orders, out, time, state[KNOWN_TIME])
    settle(state, orders)


@uncounted_inner
def activate(state: Array, orders: Array, time: int, last: int) -> None:
    """Decide what orders that arrived before this print are: hungry, taking, resting or armed."""
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if (
            orders[base + PHASE] != WAITING
            or orders[base + AFTER] >= time
            or orders[base + STARTS] > time
        ):
            continue
        if orders[base + TRIGGER] != NO_TRIGGER:
            orders[base + PHASE] = ARMED
        elif orders[base + KIND] != LIMIT_KIND:
            orders[base + PHASE] = HUNGRY
        elif orders[base + POST_ONLY] == 1:
            orders[base + PHASE] = RESTING
        else:
            # An order for the open takes part in it, whatever traded before.
            takes = orders[base + STARTS] != 0 or is_marketable(orders, base, last)
            orders[base + PHASE] = TAKING if takes else RESTING


@uncounted_inner
def meet_order(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Fill one order against the print as far as the rules allow."""
    time = state[CLOSE_TIME]
    price = state[CLOSING]
    if orders[base + PHASE] == RESTING:
        if is_through(state, orders, base, price):
            count_volume(orders, base, state[QUANTITY])
            fill_resting(state, orders, out, base, time, time)
    else:
        take(state, orders, out, ring, impact_y, base)
    if orders[base + AT_ONCE] != STAYS and orders[base + PHASE] != DONE:
        known = state[KNOWN_TIME]
        end_order(state, orders, out, base, IN_FORCE_REASON, time, known, time)


@uncounted_inner
def take(state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int) -> None:
    """Let an order take from the print; a limit order has this one chance, and rests then."""
    time = state[CLOSE_TIME]
    price = state[CLOSING]
    side = orders[base + SIDE]
    has_limit = orders[base + PHASE] == TAKING
    eligible = orders[base + VOLUME]
    count_volume(orders, base, state[QUANTITY])
    lots = offered_lots(state, orders, base, state[POSITION])
    if has_limit:
        orders[base + PHASE] = RESTING
    if lots > 0:
        paid = shifted_price(state, ring, impact_y, side, price, lots)
        if not has_limit or side * paid <= side * orders[base + LIMIT]:
            known = state[KNOWN_TIME]
            fill(state, orders, out, base, lots, paid, price, TAKER, time, known, time, EVENT_RANK)
            if orders[base + KIND] == TO_LIMIT_KIND and orders[base + PHASE] != DONE:
                rest_at(orders, base, paid, time)
            return
    if has_limit:
        orders[base + VOLUME] = eligible


@uncounted_inner
def take_in_trades(
    state: Array, ring: Array, venue_time: Array, price: Array, quantity: Array, until_row: int
) -> None:
    """Bring the minute statistics up to a row, that row not included."""
    for row in range(state[STAT_ROW], until_row):
        complete_minute(state, ring, venue_time[row] // MINUTE)
        state[RUN_CLOSE] = price[row]
        state[RUN_VOLUME] += quantity[row]
    state[STAT_ROW] = max(state[STAT_ROW], until_row)


@uncounted_inner
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


@uncounted_inner
def recall_last(state: Array, venue_time: Array, price: Array, quantity: Array, row: int) -> None:
    """Remember of the print before a row what later ones need; that before a chunk is known."""
    if row > 0:
        state[LAST_PRICE] = price[row - 1]
        state[LAST_TIME] = venue_time[row - 1]
        state[LAST_LEFT] = state[LEFT] if state[MET] == row else quantity[row - 1]


@uncounted("int64(A, A, A, C, C, C, int64, int64)")
def scan_trades(
    state: Array,
    orders: Array,
    commands: Array,
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
    row = next_touch(state, orders, commands, venue_time, price, start, stop)
    state[SCANNED] = row
    return 1 if row < stop else 0


@uncounted("int64(A, A, A, A, A, float64, C, C, C, C, int64)")
def commit_trades(
    state: Array,
    orders: Array,
    commands: Array,
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
        row = next_touch(state, orders, commands, venue_time, price, start, stop)
        state[CURSOR] = row
        state[SCANNED] = max(state[SCANNED], row)
        if row == stop:
            return COMMITTED
        needed = reports_at_most(state) + funding_count(state, venue_time[row])
        if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
            state[PROBLEM] = needed
            return OUT_FULL
        recall_last(state, venue_time, price, quantity, row)
        highest = price_to_check(state, orders, price[row])
        if highest > PRICE_MAX:
            state[PROBLEM] = highest
            return PRICE_TOO_HIGH
        if state[STATISTICS] == 1:
            take_in_trades(state, ring, venue_time, price, quantity, row)
        state[CLOSE_TIME] = venue_time[row]
        state[KNOWN_TIME] = arrival_time[row]
        state[OPENING] = price[row]
        state[HIGH] = price[row]
        state[LOW] = price[row]
        state[CLOSING] = price[row]
        state[QUANTITY] = quantity[row]
        state[LEFT] = quantity[row]
        meet_trade(state, orders, commands, out, ring, impact_y)
        state[CURSOR] = row + 1
        state[MET] = row + 1


@uncounted("int64(A, A, A, A, A, float64, C, C, C, C, int64)")
def answer_commands(
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    venue_time: Array,
    arrival_time: Array,
    price: Array,
    quantity: Array,
    until: int,
) -> int:
    """Answer what is known to us by `until` without a later print, on what has been seen so far.

    All rows that arrived by then are committed. What a command or an expiry finds depends on those
    before it, so they act too. Returns why it stopped.
    """
    commands_until = -NEVER
    for command in range(state[COMMAND_COUNT]):
        base = command * COMMAND_WIDTH
        if commands[base + COMMAND_TIME] + commands[base + COMMAND_ANSWER] <= until:
            commands_until = max(commands_until, commands[base + COMMAND_TIME])
    expiries_until = -NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        expiry = orders[base + EXPIRES]
        if expiry != NEVER and expiry + orders[base + ANSWER] <= until:
            expiries_until = max(expiries_until, expiry)
    act = max(commands_until, expiries_until)
    if act == -NEVER:
        return COMMITTED
    needed = reports_at_most(state) + funding_count(state, act)
    if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
        state[PROBLEM] = needed
        return OUT_FULL
    row = pass_over(state, arrival_time)
    recall_last(state, venue_time, price, quantity, row)
    highest = price_to_check(state, orders, 0)
    if highest > PRICE_MAX:
        state[PROBLEM] = highest
        return PRICE_TOO_HIGH
    if state[STATISTICS] == 1:
        take_in_trades(state, ring, venue_time, price, quantity, row)
    left = state[LEFT]
    state[KNOWN_TIME] = until
    commands_until = max(commands_until, expiries_until - 1)
    last = state[LAST_PRICE]
    act_until(
        state,
        orders,
        commands,
        out,
        ring,
        impact_y,
        commands_until,
        act,
        last,
        1,
        0,
        -NEVER,
        -NEVER,
    )
    # The lots a close took are gone from its print, which may be asked for again.
    state[LEFT] = state[LAST_LEFT] if row > 0 else left
    state[MET] = row
    return COMMITTED


@uncounted("void(A, A, C, C, C)")
def leave_trades(
    state: Array, ring: Array, venue_time: Array, price: Array, quantity: Array
) -> None:
    """Carry over what later chunks need from a chunk that is committed to its end."""
    count = len(price)
    if state[STATISTICS] == 1:
        take_in_trades(state, ring, venue_time, price, quantity, count)
    recall_last(state, venue_time, price, quantity, count)
    state[CURSOR] = 0
    state[SCANNED] = 0
    state[STAT_ROW] = 0
    state[MET] = 0
