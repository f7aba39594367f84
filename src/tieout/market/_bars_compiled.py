"""Matching on bars: a bar is met at its open and once more by its close.

The rules are on the matching page. An order is *before* a bar when it arrived by its open,
*inside* when it arrived later but before its close.

Entry points stand last: they are compiled as they are defined, after what they call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market._commands_compiled import act_until, judge, price_to_check, reports_at_most
from tieout.market._compile import uncounted, uncounted_inner
from tieout.market._layout import (
    ACTIVATION,
    AFTER,
    AMBIGUOUS,
    ARMED,
    ARRIVAL,
    AT_ONCE,
    CANCEL_COMMAND,
    CLOSE_PHASE,
    CLOSE_TIME,
    CLOSING,
    COMMAND_COUNT,
    COMMAND_KIND,
    COMMAND_TIME,
    COMMITTED,
    COUNTED,
    CURSOR,
    DONE,
    EVENT_RANK,
    EXPIRES,
    FUNDING_INTERVAL,
    HIGH,
    HUNGRY,
    IN_FORCE_REASON,
    INSIDE_BY_CLOSE,
    KIND,
    KNOWN_TIME,
    LAST_LEFT,
    LAST_PRICE,
    LAST_TIME,
    LEFT,
    LIMIT,
    LIMIT_KIND,
    LIMIT_MET,
    LOW,
    MET,
    NEVER,
    NO_TRIGGER,
    OPEN_TIME,
    OPENED,
    OPENING,
    OPENING_RANK,
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
    REDUCE_ONLY,
    RESTING,
    SCANNED,
    SIDE,
    STALE_AFTER,
    STARTS,
    STAT_COUNT,
    STAT_HEAD,
    STAT_ROW,
    STATISTICS,
    STAYS,
    STOP,
    STOP_LIMIT_BY_CLOSE,
    STOP_MET,
    STOP_TRIGGER,
    TAKER,
    TAKING,
    TO_LIMIT_KIND,
    TOUCH_TRIGGER,
    TRADED_ROW,
    TRADED_TIME,
    TRAILING_TRIGGER,
    TRIGGER,
    UNJUDGED,
    UNSURE,
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
    fill_resting_at,
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
from tieout.market._triggers_compiled import (
    activates,
    fires,
    is_marketable,
    is_reached,
    ratchet,
    release,
    trailed_stop,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

BLOCK = 64


@uncounted_inner
def next_touch(
    state: Array,
    orders: Array,
    commands: Array,
    close_time: Array,
    highs: Array,
    lows: Array,
    start: int,
    stop: int,
) -> int:
    """Return the first row in [start, stop) that may touch an order, or stop."""
    if start >= stop:
        return stop
    from_time = time_bound(state, orders, commands, 0)
    low = low_bound(state, orders)
    high = high_bound(state, orders)
    if close_time[start] >= from_time or lows[start] <= low or highs[start] >= high:
        return start
    row = start + 1
    # Whole blocks without an early exit, so that the loop becomes vector code.
    while row + BLOCK <= stop:
        touches = 0
        # Unsigned, so that no index is looked at for being negative.
        for place in range(np.uint64(row), np.uint64(row + BLOCK)):
            touches |= (
                (close_time[place] >= from_time) | (lows[place] <= low) | (highs[place] >= high)
            )
        if touches != 0:
            break
        row += BLOCK
    while row < stop:
        if close_time[row] >= from_time or lows[row] <= low or highs[row] >= high:
            return row
        row += 1
    return stop


@uncounted_inner
def meet_bar(
    state: Array, orders: Array, commands: Array, out: Array, ring: Array, impact_y: float
) -> None:
    """Let the bar that stands in the state act on commands, funding, and every open order."""
    opened = state[OPEN_TIME]
    closed = state[CLOSE_TIME]
    known = state[KNOWN_TIME]
    opening = state[OPENING]
    act_until(
        state, orders, commands, out, ring, impact_y, opened, opened, opening, 1, 1, known, -NEVER
    )
    last = state[LAST_PRICE]
    charge_funding(state, out, opened, state[POSITION], last, known)
    activate(state, orders)
    state[OPENED] = state[POSITION]
    state[STOP_MET] = 0
    state[LIMIT_MET] = 0
    state[UNSURE] = 0
    meet_orders(state, orders, out, ring, impact_y)
    if state[UNSURE] == 1 or (state[STOP_MET] == 1 and state[LIMIT_MET] == 1):
        state[AMBIGUOUS] += 1
    # What traded at the open counts for what is due inside, the rest does not. At the close itself
    # the mark is this bar's close, before that the last one's.
    charge_funding(state, out, closed - 1, state[OPENED], last, known)
    charge_funding(state, out, closed, state[OPENED], state[CLOSING], known)
    close_session(state, orders)
    act_until(
        state,
        orders,
        commands,
        out,
        ring,
        impact_y,
        closed,
        closed,
        state[CLOSING],
        0,
        1,
        known,
        closed,
    )
    end_useless(state, orders, out, closed, known)
    settle(state, orders)


@uncounted_inner
def meet_orders(state: Array, orders: Array, out: Array, ring: Array, impact_y: float) -> None:
    """Show the bar to every order: stops before the rest, older ones before younger ones.

    Inside of the bar, orders that only reduce come last, so that no order of the others', whose
    place in the bar is not known, can leave them to open the other side.
    """
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if is_stop(orders, base) and meets(state, orders, base):
            stop_at_open(state, orders, out, ring, impact_y, base)
            if orders[base + REDUCE_ONLY] == 0:
                stop_inside(state, orders, out, ring, impact_y, base)
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if not is_stop(orders, base) and meets(state, orders, base):
            meet_at_open(state, orders, out, ring, impact_y, base)
            if orders[base + REDUCE_ONLY] == 0:
                meet_inside(state, orders, out, ring, impact_y, base)
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + REDUCE_ONLY] == 1 and is_stop(orders, base) and meets(state, orders, base):
            stop_inside(state, orders, out, ring, impact_y, base)
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if (
            orders[base + REDUCE_ONLY] == 1
            and not is_stop(orders, base)
            and meets(state, orders, base)
        ):
            meet_inside(state, orders, out, ring, impact_y, base)


@uncounted_inner
def activate(state: Array, orders: Array) -> None:
    """Decide what orders that arrived before this bar's close are."""
    opened = state[OPEN_TIME]
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if (
            orders[base + PHASE] != WAITING
            or orders[base + AFTER] >= state[CLOSE_TIME]
            or orders[base + STARTS] > opened
        ):
            continue
        if orders[base + TRIGGER] != NO_TRIGGER:
            orders[base + PHASE] = ARMED
        elif orders[base + KIND] != LIMIT_KIND:
            orders[base + PHASE] = HUNGRY
        else:
            takes = orders[base + AFTER] <= opened and orders[base + POST_ONLY] == 0
            orders[base + PHASE] = TAKING if takes else RESTING


@uncounted_inner
def is_stop(orders: Array, base: int) -> bool:
    """Whether an order waits for the price to go against us."""
    trigger = orders[base + TRIGGER]
    return orders[base + PHASE] == ARMED and trigger != TOUCH_TRIGGER


@uncounted_inner
def meets(state: Array, orders: Array, base: int) -> bool:
    """Whether the bar may act on an order: it has arrived, and the price was fresh when it did."""
    phase = orders[base + PHASE]
    if phase == WAITING or phase == DONE or phase == CLOSE_PHASE:
        return False
    if state[STALE_AFTER] == NEVER:
        return True
    traded = state[OPEN_TIME] if state[QUANTITY] > 0 else state[TRADED_TIME]
    return orders[base + ARRIVAL] - traded <= state[STALE_AFTER]


@uncounted_inner
def is_before(state: Array, orders: Array, base: int) -> bool:
    """Whether an order was there at the bar's open."""
    return orders[base + AFTER] <= state[OPEN_TIME]


@uncounted_inner
def outlives(state: Array, orders: Array, base: int) -> bool:
    """Whether an order lives to the bar's close; one that does not meets only the open."""
    return orders[base + EXPIRES] >= state[CLOSE_TIME]


@uncounted_inner
def stamp_inside(state: Array, orders: Array, base: int) -> int:
    """Return the venue time of what happens inside: the close, or the last moment before expiry."""
    return min(state[CLOSE_TIME], orders[base + EXPIRES] - 1)


@uncounted_inner
def far_price(state: Array, way: int) -> int:
    """Return the bar's extreme on a way: its high up, its low down."""
    return state[HIGH] if way == 1 else state[LOW]


@uncounted_inner
def stop_at_open(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Trigger a stop that the open is at or beyond; a market order fills there."""
    if goes_by_close(state, orders, base):
        return
    if is_before(state, orders, base) and fires(orders, base, state[OPENING]):
        state[STOP_MET] = 1
        trigger_at_open(state, orders, out, ring, impact_y, base)


@uncounted_inner
def goes_by_close(state: Array, orders: Array, base: int) -> bool:
    """Whether an order is a stop-limit one that fills by the closes of bars."""
    return (
        state[STOP_LIMIT_BY_CLOSE] == 1
        and orders[base + TRIGGER] == STOP_TRIGGER
        and orders[base + KIND] == LIMIT_KIND
    )


@uncounted_inner
def fill_by_close(state: Array, orders: Array, out: Array, base: int, stamp: int) -> None:
    """Fill a triggered stop-limit order that the bar closes within the limit of.

    It trades at its limit, or at the bar's extreme where the bar did not go as far.
    """
    side = orders[base + SIDE]
    limit = orders[base + LIMIT]
    closed = state[CLOSE_TIME]
    if side * state[CLOSING] >= side * limit:
        return
    state[LIMIT_MET] = 1
    if orders[base + COUNTED] != closed:
        count_volume(orders, base, state[QUANTITY])
    price = side * min(side * limit, side * far_price(state, side))
    fill_resting_at(state, orders, out, base, price, stamp, closed)


@uncounted_inner
def trigger_at_open(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Trigger an order at the open; what is a limit order then meets the bar as one."""
    time = state[OPEN_TIME]
    release(state, orders, out, base, state[OPENING], time, time, OPENING_RANK)
    if orders[base + PHASE] == HUNGRY:
        take(state, orders, out, ring, impact_y, base, state[OPENING], time, time, OPENING_RANK)
        finish_triggered(state, orders, out, base)


@uncounted_inner
def stop_inside(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Trigger a stop that the bar reaches after its open."""
    if not is_stop(orders, base) or not is_before(state, orders, base):
        return
    if not outlives(state, orders, base):
        return
    side = orders[base + SIDE]
    if orders[base + TRIGGER] == TRAILING_TRIGGER:
        if not trails_into(state, orders, base):
            return
    elif side * far_price(state, side) < side * orders[base + STOP]:
        return
    state[STOP_MET] = 1
    trigger_inside(state, orders, out, ring, impact_y, base)


@uncounted_inner
def trails_into(state: Array, orders: Array, base: int) -> bool:
    """Whether a trailing stop is reached inside of the bar, the worse way where both are possible.

    The price that goes against us is tested against the stop as it stood, then the stop follows
    the price that comes our way, then it is tested again. UNSURE where another order of high and
    low would have filled at another price or not at all.
    """
    side = orders[base + SIDE]
    against = far_price(state, side)
    best = far_price(state, -side)
    closing = state[CLOSING]
    was_active = orders[base + ACTIVATION] == 0
    if not was_active:
        activation = orders[base + ACTIVATION]
        if not activates(orders, base, best):
            return False
        if is_reached(orders, base, activation):
            # The start of the stop lies beyond its activation: the price was there.
            orders[base + STOP] = activation
            return True
        ratchet(orders, base, activation)
    if is_reached(orders, base, against):
        stop = orders[base + STOP]
        higher = side * trailed_stop(orders, base, best) < side * stop
        if higher or not (was_active or side * closing >= side * stop):
            state[UNSURE] = 1
        return True
    ratchet(orders, base, best)
    if not is_reached(orders, base, against):
        return False
    if not is_reached(orders, base, closing):
        state[UNSURE] = 1
    return True


@uncounted_inner
def trigger_inside(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Trigger an order inside of the bar: a market order fills at the trigger price.

    A limit order fills only where the close proves it: the price went through the limit, and did
    so after the trigger, since the close itself does not reach the trigger.
    """
    stop = orders[base + STOP]
    stamp = stamp_inside(state, orders, base)
    closed = state[CLOSE_TIME]
    release(state, orders, out, base, stop, stamp, closed, EVENT_RANK)
    if orders[base + PHASE] == DONE:
        return
    if orders[base + PHASE] == HUNGRY:
        take(state, orders, out, ring, impact_y, base, stop, stamp, closed, EVENT_RANK)
    elif goes_by_close(state, orders, base):
        orders[base + PHASE] = RESTING
        fill_by_close(state, orders, out, base, stamp)
    else:
        orders[base + PHASE] = RESTING
        closing = state[CLOSING]
        if is_through(state, orders, base, closing) and not is_reached(orders, base, closing):
            state[LIMIT_MET] = 1
            count_volume(orders, base, state[QUANTITY])
            fill_resting(state, orders, out, base, stamp, closed)
    finish_triggered(state, orders, out, base)


@uncounted_inner
def finish_triggered(state: Array, orders: Array, out: Array, base: int) -> None:
    """Let an order that was triggered in this bar meet it no further."""
    orders[base + AFTER] = state[CLOSE_TIME]
    end_if_at_once(state, orders, out, base)


@uncounted_inner
def meet_at_open(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Let an order that was there at the open meet it."""
    if not is_before(state, orders, base):
        return
    opening = state[OPENING]
    opened = state[OPEN_TIME]
    if orders[base + PHASE] == ARMED and is_reached(orders, base, opening):
        state[LIMIT_MET] = 1
        trigger_at_open(state, orders, out, ring, impact_y, base)
        if not is_before(state, orders, base):
            return
    if orders[base + PHASE] == HUNGRY:
        take(state, orders, out, ring, impact_y, base, opening, opened, opened, OPENING_RANK)
    elif orders[base + PHASE] == TAKING:
        if is_marketable(orders, base, opening):
            take_within(state, orders, out, ring, impact_y, base)
        if orders[base + PHASE] == TAKING:
            orders[base + PHASE] = RESTING
    if orders[base + STARTS] != 0:
        # An order for the open has no part in what follows.
        end_if_at_once(state, orders, out, base)


@uncounted_inner
def meet_inside(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Let an order meet what comes after the open."""
    if not meets(state, orders, base) or not outlives(state, orders, base):
        return
    phase = orders[base + PHASE]
    closed = state[CLOSE_TIME]
    side = orders[base + SIDE]
    if is_before(state, orders, base):
        if phase == ARMED:
            if is_reached(orders, base, far_price(state, -side)):
                state[LIMIT_MET] = 1
                trigger_inside(state, orders, out, ring, impact_y, base)
        elif phase == RESTING:
            if goes_by_close(state, orders, base):
                fill_by_close(state, orders, out, base, stamp_inside(state, orders, base))
            elif is_through(state, orders, base, far_price(state, -side)):
                state[LIMIT_MET] = 1
                if orders[base + COUNTED] != closed:
                    count_volume(orders, base, state[QUANTITY])
                fill_resting(state, orders, out, base, stamp_inside(state, orders, base), closed)
            end_if_at_once(state, orders, out, base)
        elif phase == HUNGRY:
            end_if_at_once(state, orders, out, base)
    elif phase == HUNGRY and orders[base + AFTER] < closed:
        if orders[base + UNJUDGED] == 1:
            judge(state, orders, out, base, state[CLOSING], state[KNOWN_TIME])
        if orders[base + PHASE] == HUNGRY:
            reference = side * max(side * state[OPENING], side * state[CLOSING])
            if state[INSIDE_BY_CLOSE] == 1:
                reference = state[CLOSING]
            stamp = stamp_inside(state, orders, base)
            take(state, orders, out, ring, impact_y, base, reference, stamp, closed, EVENT_RANK)
            end_if_at_once(state, orders, out, base)


@uncounted_inner
def take(
    state: Array,
    orders: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    base: int,
    reference: int,
    time: int,
    moment: int,
    rank: int,
) -> None:
    """Fill a market order at a reference price; what is to rest then does so from the next bar."""
    count_volume(orders, base, state[QUANTITY])
    position = state[OPENED] if rank == OPENING_RANK else state[POSITION]
    lots = offered_lots(state, orders, base, position)
    if lots == 0:
        return
    paid = shifted_price(state, ring, impact_y, orders[base + SIDE], reference, lots)
    known = state[KNOWN_TIME]
    fill(state, orders, out, base, lots, paid, reference, TAKER, time, known, moment, rank)
    if orders[base + KIND] == TO_LIMIT_KIND and orders[base + PHASE] != DONE:
        rest_at(orders, base, paid, state[CLOSE_TIME])
        end_if_at_once(state, orders, out, base)


@uncounted_inner
def take_within(
    state: Array, orders: Array, out: Array, ring: Array, impact_y: float, base: int
) -> None:
    """Take at the open unless the shifted price is worse than the limit."""
    side = orders[base + SIDE]
    eligible = orders[base + VOLUME]
    opening = state[OPENING]
    count_volume(orders, base, state[QUANTITY])
    lots = offered_lots(state, orders, base, state[OPENED])
    if lots > 0:
        paid = shifted_price(state, ring, impact_y, side, opening, lots)
        if side * paid <= side * orders[base + LIMIT]:
            time = state[OPEN_TIME]
            known = state[KNOWN_TIME]
            fill(
                state,
                orders,
                out,
                base,
                lots,
                paid,
                opening,
                TAKER,
                time,
                known,
                time,
                OPENING_RANK,
            )
            state[LIMIT_MET] = 1
            orders[base + COUNTED] = state[CLOSE_TIME]
            return
    orders[base + VOLUME] = eligible


@uncounted_inner
def end_if_at_once(state: Array, orders: Array, out: Array, base: int) -> None:
    """End an order that lives for one bar and has met it."""
    if (
        orders[base + AT_ONCE] != STAYS
        and orders[base + PHASE] != DONE
        and outlives(state, orders, base)
    ):
        time = state[CLOSE_TIME]
        end_order(state, orders, out, base, IN_FORCE_REASON, time, state[KNOWN_TIME], time)


@uncounted_inner
def close_session(state: Array, orders: Array) -> None:
    """Where a session closes with the bar, let it be the last one for those who wait for that."""
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == CLOSE_PHASE and orders[base + EXPIRES] == state[CLOSE_TIME]:
            state[LAST_PRICE] = state[CLOSING]
            state[LAST_TIME] = state[CLOSE_TIME]
            state[LAST_LEFT] = state[LEFT]


@uncounted_inner
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


@uncounted_inner
def recall_last(state: Array, close_time: Array, closing: Array, volume: Array, row: int) -> None:
    """Remember of the bar before a row what later ones need; that before a chunk is known."""
    if row > 0:
        state[LAST_PRICE] = closing[row - 1]
        state[LAST_TIME] = close_time[row - 1]
        state[LAST_LEFT] = state[LEFT] if state[MET] == row else volume[row - 1]
    if state[STALE_AFTER] != NEVER:
        for past in range(state[TRADED_ROW], row):
            if volume[past] > 0:
                state[TRADED_TIME] = close_time[past]
        state[TRADED_ROW] = max(state[TRADED_ROW], row)


@uncounted_inner
def is_answered_by_close(state: Array, commands: Array) -> bool:
    """Whether the first command is a cancel that arrived by the close of the last bar."""
    return commands[COMMAND_KIND] == CANCEL_COMMAND and commands[COMMAND_TIME] <= state[LAST_TIME]


@uncounted_inner
def act_at_close(
    state: Array, orders: Array, commands: Array, out: Array, ring: Array, impact_y: float
) -> None:
    """Let cancels act that arrived by the close of a bar that is over: the next one is later.

    Nothing is known of that bar before it has arrived.
    """
    closed = state[LAST_TIME]
    last = state[LAST_PRICE]
    known = state[KNOWN_TIME]
    act_until(
        state, orders, commands, out, ring, impact_y, closed, -NEVER, last, 0, 1, known, closed
    )


@uncounted("int64(A, A, A, C, C, C, C, int64, int64)")
def scan_bars(
    state: Array,
    orders: Array,
    commands: Array,
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
    row = next_touch(state, orders, commands, close_time, high, low, start, stop)
    state[SCANNED] = row
    return 1 if row < stop else 0


@uncounted("int64(A, A, A, A, A, float64, C, C, C, C, C, C, C, C, int64)")
def commit_bars(
    state: Array,
    orders: Array,
    commands: Array,
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
    row = pass_over(state, arrival_time)
    if state[COMMAND_COUNT] > 0:
        recall_last(state, close_time, closing, volume, row)
        if is_answered_by_close(state, commands):
            if (state[OUT_COUNT] + reports_at_most(state)) * OUT_WIDTH > len(out):
                state[PROBLEM] = reports_at_most(state)
                return OUT_FULL
            act_at_close(state, orders, commands, out, ring, impact_y)
    stop = first_after(arrival_time, row, until)
    while True:
        start = max(state[CURSOR], min(state[SCANNED], stop))
        row = next_touch(state, orders, commands, close_time, high, low, start, stop)
        state[CURSOR] = row
        state[SCANNED] = max(state[SCANNED], row)
        if row == stop:
            return COMMITTED
        needed = reports_at_most(state) + funding_count(state, open_time[row])
        if state[FUNDING_INTERVAL] > 0:
            needed += (close_time[row] - open_time[row]) // state[FUNDING_INTERVAL] + 1
        if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
            state[PROBLEM] = needed
            return OUT_FULL
        recall_last(state, close_time, closing, volume, row)
        highest = price_to_check(state, orders, high[row])
        if highest > PRICE_MAX:
            state[PROBLEM] = highest
            return PRICE_TOO_HIGH
        if state[STATISTICS] == 1:
            take_in_bars(state, ring, closing, volume, row)
        state[OPEN_TIME] = open_time[row]
        state[CLOSE_TIME] = close_time[row]
        state[KNOWN_TIME] = arrival_time[row]
        state[OPENING] = opening[row]
        state[HIGH] = high[row]
        state[LOW] = low[row]
        state[CLOSING] = closing[row]
        state[QUANTITY] = volume[row]
        state[LEFT] = volume[row]
        meet_bar(state, orders, commands, out, ring, impact_y)
        state[CURSOR] = row + 1
        state[MET] = row + 1


@uncounted("void(A, A, C, C, C)")
def leave_bars(state: Array, ring: Array, close_time: Array, closing: Array, volume: Array) -> None:
    """Carry over what later chunks need from a chunk that is committed to its end."""
    count = len(closing)
    if state[STATISTICS] == 1:
        take_in_bars(state, ring, closing, volume, count)
    recall_last(state, close_time, closing, volume, count)
    state[CURSOR] = 0
    state[SCANNED] = 0
    state[STAT_ROW] = 0
    state[MET] = 0
    state[TRADED_ROW] = 0
