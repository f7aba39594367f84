"""What matching on trades and matching on bars share: bounds, prices, quantities, reports, rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import uncounted_inner
from tieout.market._layout import (
    ACTIVATION,
    AFTER,
    ALL_OR_NOTHING,
    ANSWER,
    ARMED,
    AT_ONCE,
    CLOSE_PHASE,
    COMMAND_COUNT,
    COMMAND_TIME,
    CURSOR,
    DISPLAY,
    DONE,
    EVENT_RANK,
    EXPIRES,
    EXPIRY_REPORT,
    EXTREME,
    FILL_REPORT,
    FILLED,
    FUNDING_INTERVAL,
    FUNDING_RANK,
    FUNDING_REPORT,
    HIGH,
    IMPACT_LEVEL,
    KIND,
    KNOWN_TIME,
    LEFT,
    LEVEL,
    LIMIT,
    LIMIT_KIND,
    LOTS,
    LOTS_MODEL,
    LOW,
    MAKER,
    MODEL_BROKE,
    MOVED,
    NAIVE_LEVEL,
    NEVER,
    NEXT_DUE,
    NEXT_FUNDING,
    NUMBER,
    OPENED,
    OPENING,
    OPENING_RANK,
    ORDER_COUNT,
    ORDER_WIDTH,
    OUT_ARRIVAL,
    OUT_COUNT,
    OUT_HALF_SPREAD,
    OUT_KIND,
    OUT_LIQUIDITY,
    OUT_LOTS,
    OUT_MOMENT,
    OUT_ORDER,
    OUT_PRICE,
    OUT_RANK,
    OUT_REASON,
    OUT_REFERENCE,
    OUT_SEQUENCE,
    OUT_VENUE_TIME,
    OUT_WIDTH,
    PASSED,
    PHASE,
    POSITION,
    QUANTITY,
    QUEUED,
    REDUCE_ONLY,
    REDUCE_ONLY_REASON,
    RESPONSE,
    RESTING,
    SENT,
    SEQUENCE,
    SHARE_DENOMINATOR,
    SHARE_NUMERATOR,
    SHIFT_MAX,
    SHIFT_MODEL,
    SHOWN,
    SIDE,
    SLIPPAGE,
    SPREAD,
    STARTS,
    STAT_COUNT,
    STAT_HEAD,
    STAYS,
    STOP,
    TAKER,
    TOUCH,
    TOUCH_TRIGGER,
    TRAILING_TRIGGER,
    TRIGGER,
    UNJUDGED,
    VOLUME,
    VOLUME_MAX,
    WINDOW,
)
from tieout.market._models_compiled import call_lots, call_shift

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@uncounted_inner
def first_after(times: Array, start: int, until: int) -> int:
    """Return the first row ≥ start with time > until; gallops, since it is usually near."""
    count = len(times)
    if start >= count or times[start] > until:
        return start
    step = 1
    low = start
    while low + step < count and times[low + step] <= until:
        low += step
        step *= 2
    high = min(low + step, count)
    while high - low > 1:
        middle = (low + high) // 2
        if times[middle] <= until:
            low = middle
        else:
            high = middle
    return low + 1


@uncounted_inner
def pass_over(state: Array, arrival_time: Array) -> int:
    """Commit the rows that arrived by PASSED, which are known to be quiet; return the next."""
    state[CURSOR] = first_after(arrival_time, state[CURSOR], state[PASSED])
    return state[CURSOR]


@uncounted_inner
def trigger_direction(orders: Array, base: int) -> int:
    """Return +1 where a rising price reaches the trigger of an order, −1 where a falling one."""
    side = orders[base + SIDE]
    return -side if orders[base + TRIGGER] == TOUCH_TRIGGER else side


@uncounted_inner
def time_bound(state: Array, orders: Array, commands: Array, command_lead: int) -> int:
    """Return the venue time from which on any row may matter, whatever its price.

    `command_lead` is 1 on trades, where a command acts before the first print later than it, and 0
    on bars, where it is answered by the first bar that closes at or after it.
    """
    bound = NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        bound = min(bound, orders[base + EXPIRES])
        phase = orders[base + PHASE]
        if phase == CLOSE_PHASE:
            continue
        if phase == RESTING:
            at_any_price = orders[base + AT_ONCE] != STAYS
        elif phase == ARMED:
            # A trailing stop that has seen no price yet.
            at_any_price = (
                orders[base + TRIGGER] == TRAILING_TRIGGER
                and orders[base + EXTREME] == 0
                and orders[base + ACTIVATION] == 0
            )
        else:
            at_any_price = True
        if at_any_price:
            bound = min(bound, max(orders[base + AFTER] + 1, orders[base + STARTS]))
    if state[COMMAND_COUNT] > 0:
        bound = min(bound, commands[COMMAND_TIME] + command_lead)
    if state[FUNDING_INTERVAL] > 0 and state[POSITION] != 0:
        bound = min(bound, state[NEXT_FUNDING])
    return bound


@uncounted_inner
def price_bound(state: Array, orders: Array, way: int) -> int:
    """Return the first price on a way, +1 up or −1 down, at which an order fills or changes.

    Times `way`, so that a price is at it or beyond when `way · price ≥` the bound.
    """
    bound = NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        phase = orders[base + PHASE]
        side = orders[base + SIDE]
        if phase == RESTING and side == -way:
            bound = min(bound, way * orders[base + LIMIT] + 1 - state[TOUCH])
        elif phase == ARMED:
            if orders[base + TRIGGER] != TRAILING_TRIGGER:
                if trigger_direction(orders, base) == way:
                    bound = min(bound, way * orders[base + STOP])
            elif orders[base + ACTIVATION] != 0:
                if side == -way:
                    bound = min(bound, way * orders[base + ACTIVATION])
            elif side == way:
                if orders[base + STOP] != 0:
                    bound = min(bound, way * orders[base + STOP])
            elif orders[base + EXTREME] != 0:
                bound = min(bound, way * orders[base + EXTREME] + 1)
    return bound


@uncounted_inner
def low_bound(state: Array, orders: Array) -> int:
    """Return the highest price at or below which an order fills or changes."""
    return -price_bound(state, orders, -1)


@uncounted_inner
def high_bound(state: Array, orders: Array) -> int:
    """Return the lowest price at or above which an order fills or changes."""
    return price_bound(state, orders, 1)


@uncounted_inner
def mean_volume(state: Array, ring: Array) -> float:
    """Return the mean lots of the window's bars or minutes; 0.0 before there are two."""
    count = state[STAT_COUNT]
    if count < 2:
        return 0.0
    traded = 0
    for row in range(count):
        traded += ring[WINDOW + (state[STAT_HEAD] + row) % WINDOW]
    return traded / count


@uncounted_inner
def deviation_of_returns(state: Array, ring: Array) -> float:
    """Return the deviation of the window's simple returns; 0.0 before there are two closes.

    The order of operations is part of the contract: left to right, oldest return first.
    """
    count = state[STAT_COUNT]
    if count < 2:
        return 0.0
    head = state[STAT_HEAD]
    total = 0.0
    for row in range(1, count):
        before = ring[(head + row - 1) % WINDOW]
        total += (ring[(head + row) % WINDOW] - before) / before
    mean = total / (count - 1)
    squares = 0.0
    for row in range(1, count):
        before = ring[(head + row - 1) % WINDOW]
        deviation = (ring[(head + row) % WINDOW] - before) / before - mean
        squares += deviation * deviation
    return math.sqrt(squares / (count - 1))


@uncounted_inner
def impact_shift(state: Array, ring: Array, impact_y: float, lots: int) -> int:
    """Return Y·σ·sqrt(Q/V) in 10⁻⁴ bps, rounded up, at most 100 %.

    Source: square-root law, Almgren et al. (2005), Tóth et al. (2011).
    """
    volume = mean_volume(state, ring)
    if volume == 0.0:
        return 0
    sigma = deviation_of_returns(state, ring)
    shift = impact_y * sigma * math.sqrt(lots / volume) * 1e8
    if shift >= SHIFT_MAX:
        return SHIFT_MAX
    return int(math.ceil(shift))  # noqa: RUF046  numba's ceil gives a float


@uncounted_inner
def shifted_price(
    state: Array, ring: Array, impact_y: float, side: int, reference: int, lots: int
) -> int:
    """Return what `lots` taken at a reference price cost; a sale never below one tick."""
    if state[SHIFT_MODEL] != 0:
        twice = 2 * modelled_shift(state, ring, side, reference, lots)
    elif state[LEVEL] == NAIVE_LEVEL:
        return reference
    else:
        twice = 2 * state[SLIPPAGE]
        if state[LEVEL] == IMPACT_LEVEL:
            impact = impact_shift(state, ring, impact_y, lots)
            twice = state[SPREAD] + 2 * max(state[SLIPPAGE], impact)
    shift = -(-reference * twice // 200_000_000)
    return max(1, reference + side * shift)


@uncounted_inner
def modelled_shift(state: Array, ring: Array, side: int, reference: int, lots: int) -> int:
    """Ask the user's slippage model; what it may not answer is marked, and the step then fails."""
    sigma = deviation_of_returns(state, ring)
    volume = mean_volume(state, ring)
    shift = call_shift(state[SHIFT_MODEL], side, reference, lots, sigma, volume)
    if shift < 0 or shift > SHIFT_MAX:
        state[MODEL_BROKE] = 1
        return 0
    return shift


@uncounted_inner
def modelled_lots(state: Array, orders: Array, base: int, wanted: int) -> int:
    """Ask the user's fill model; what it may not answer is marked, and the step then fails."""
    rests = orders[base + PHASE] == RESTING
    price = state[OPENING]
    if rests:
        price = state[LOW] if orders[base + SIDE] == 1 else state[HIGH]
    lots = call_lots(
        state[LOTS_MODEL],
        orders[base + SIDE],
        orders[base + LIMIT] if rests else 0,
        price,
        state[QUANTITY],
        orders[base + VOLUME],
        orders[base + FILLED],
        wanted,
    )
    if lots < 0 or lots > wanted:
        state[MODEL_BROKE] = 1
        return 0
    return lots


@uncounted_inner
def count_volume(orders: Array, base: int, lots: int) -> None:
    """Let an order be eligible for a share of so many lots more."""
    orders[base + VOLUME] = min(orders[base + VOLUME] + lots, VOLUME_MAX)


@uncounted_inner
def offered_lots(state: Array, orders: Array, base: int, position: int) -> int:
    """Return how much of an order may trade now, given the event's volume not yet taken by us.

    floor(share · volume) in two parts, so that the product cannot overflow.
    """
    unfilled = orders[base + LOTS] - orders[base + FILLED]
    lots = unfilled
    denominator = state[SHARE_DENOMINATOR]
    if denominator != 0:
        numerator = state[SHARE_NUMERATOR]
        volume = orders[base + VOLUME]
        most = volume // denominator * numerator + volume % denominator * numerator // denominator
        lots = min(lots, state[LEFT], most - orders[base + FILLED])
    if orders[base + REDUCE_ONLY] == 1:
        lots = min(lots, -orders[base + SIDE] * position)
    if orders[base + PHASE] == RESTING and orders[base + DISPLAY] != 0:
        lots = min(lots, orders[base + SHOWN])
    if state[LOTS_MODEL] != 0 and lots > 0:
        lots = modelled_lots(state, orders, base, lots)
    if orders[base + AT_ONCE] == ALL_OR_NOTHING and lots < unfilled:
        return 0
    return max(0, lots)


@uncounted_inner
def is_through(state: Array, orders: Array, base: int, price: int) -> bool:
    """Whether a price that trades fills a limit order that rests."""
    side = orders[base + SIDE]
    limit = orders[base + LIMIT]
    return side * price < side * limit or (state[TOUCH] == 1 and price == limit)


@uncounted_inner
def write_report(
    state: Array,
    out: Array,
    kind: int,
    order: int,
    venue_time: int,
    known: int,
    moment: int,
    rank: int,
) -> int:
    """Append a report and return where its row begins."""
    base = state[OUT_COUNT] * OUT_WIDTH
    state[OUT_COUNT] += 1
    state[SEQUENCE] += 1
    for cell in range(base, base + OUT_WIDTH):
        out[cell] = 0
    out[base + OUT_KIND] = kind
    out[base + OUT_ORDER] = order
    out[base + OUT_ARRIVAL] = known
    out[base + OUT_MOMENT] = moment
    out[base + OUT_RANK] = rank
    out[base + OUT_SEQUENCE] = state[SEQUENCE]
    out[base + OUT_VENUE_TIME] = venue_time
    return base


@uncounted_inner
def report_order(
    state: Array,
    orders: Array,
    out: Array,
    base: int,
    kind: int,
    venue_time: int,
    known: int,
    moment: int,
    rank: int,
) -> int:
    """Append a report of an order, known after its own response time and not before `known`."""
    known = max(venue_time + orders[base + ANSWER], known)
    return write_report(state, out, kind, orders[base + NUMBER], venue_time, known, moment, rank)


@uncounted_inner
def fill(
    state: Array,
    orders: Array,
    out: Array,
    base: int,
    lots: int,
    price: int,
    reference: int,
    liquidity: int,
    venue_time: int,
    known: int,
    moment: int,
    rank: int,
) -> None:
    """Book a fill: its report, the order's progress, our position, what is left of the event."""
    row = report_order(state, orders, out, base, FILL_REPORT, venue_time, known, moment, rank)
    half_spread = 0
    if state[LEVEL] == IMPACT_LEVEL and liquidity == TAKER:
        shift = abs(price - reference)
        half_spread = min(reference * state[SPREAD] // 200, shift * 1_000_000)
    out[row + OUT_LOTS] = lots
    out[row + OUT_PRICE] = price
    out[row + OUT_REFERENCE] = reference
    out[row + OUT_HALF_SPREAD] = half_spread
    out[row + OUT_LIQUIDITY] = liquidity
    orders[base + FILLED] += lots
    state[POSITION] += orders[base + SIDE] * lots
    state[LEFT] -= lots
    if rank == OPENING_RANK:
        state[OPENED] += orders[base + SIDE] * lots
    if orders[base + FILLED] == orders[base + LOTS]:
        orders[base + PHASE] = DONE


@uncounted_inner
def fill_resting_at(
    state: Array, orders: Array, out: Array, base: int, price: int, stamp: int, moment: int
) -> int:
    """Fill an order that rests, as maker and at a price within its limit; return the lots.

    The next slice of an order that shows only a part is placed behind all that rests by then.
    """
    lots = offered_lots(state, orders, base, state[POSITION])
    if lots == 0:
        return 0
    known = state[KNOWN_TIME]
    fill(state, orders, out, base, lots, price, price, MAKER, stamp, known, moment, EVENT_RANK)
    if orders[base + DISPLAY] != 0:
        orders[base + SHOWN] -= lots
        if orders[base + SHOWN] == 0:
            state[SEQUENCE] += 1
            # Before what arrives at that very time: an event acts before arrivals.
            lose_place(orders, base, stamp, state[SEQUENCE] - NEVER)
    return lots


@uncounted_inner
def fill_resting(
    state: Array, orders: Array, out: Array, base: int, stamp: int, moment: int
) -> int:
    """Fill a limit order that the event went through, at its own price; return the lots."""
    return fill_resting_at(state, orders, out, base, orders[base + LIMIT], stamp, moment)


@uncounted_inner
def lose_place(orders: Array, base: int, time: int, sent: int) -> None:
    """Put an order behind all that were there before it, once the rows are put in order."""
    orders[base + QUEUED] = time
    orders[base + SENT] = sent
    orders[base + MOVED] = 1
    left = orders[base + LOTS] - orders[base + FILLED]
    orders[base + SHOWN] = min(orders[base + DISPLAY], left)


@uncounted_inner
def rest_at(orders: Array, base: int, limit: int, time: int) -> None:
    """Let what is left of an order rest at a price, from the events after a time on."""
    orders[base + KIND] = LIMIT_KIND
    orders[base + LIMIT] = limit
    orders[base + PHASE] = RESTING
    orders[base + AFTER] = time


@uncounted_inner
def end_order(
    state: Array,
    orders: Array,
    out: Array,
    base: int,
    reason: int,
    venue_time: int,
    known: int,
    moment: int,
) -> None:
    """Take away what is left of an order, not by our cancel."""
    row = report_order(
        state, orders, out, base, EXPIRY_REPORT, venue_time, known, moment, EVENT_RANK
    )
    out[row + OUT_LOTS] = orders[base + FILLED]
    out[row + OUT_REASON] = reason
    orders[base + PHASE] = DONE


@uncounted_inner
def end_useless(state: Array, orders: Array, out: Array, time: int, known: int) -> None:
    """Take away orders that only reduce when there is nothing left to reduce."""
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if (
            orders[base + REDUCE_ONLY] == 1
            and orders[base + UNJUDGED] == 0
            and orders[base + PHASE] != DONE
            and orders[base + SIDE] * state[POSITION] >= 0
        ):
            end_order(state, orders, out, base, REDUCE_ONLY_REASON, time, known, time)


@uncounted_inner
def charge_funding(
    state: Array, out: Array, until: int, position: int, mark: int, row_arrival: int
) -> None:
    """Report every payment due by a venue time, on one position and one mark."""
    if state[FUNDING_INTERVAL] == 0:
        return
    if position != 0 and mark != 0:
        while state[NEXT_FUNDING] <= until:
            due = state[NEXT_FUNDING]
            known = max(due + state[RESPONSE], row_arrival)
            row = write_report(state, out, FUNDING_REPORT, 0, due, known, due, FUNDING_RANK)
            out[row + OUT_LOTS] = position
            out[row + OUT_PRICE] = mark
            state[NEXT_FUNDING] = due + state[FUNDING_INTERVAL]
    # Flat, or no price yet: those due by now are over, and paid by nobody.
    following = (until // state[FUNDING_INTERVAL] + 1) * state[FUNDING_INTERVAL]
    state[NEXT_FUNDING] = max(state[NEXT_FUNDING], following)


@uncounted_inner
def funding_count(state: Array, until: int) -> int:
    """Return how many payments at most `charge_funding` may report by a venue time."""
    # Before the first event NEXT_FUNDING is unset (negative), and there is no mark to pay on.
    if state[FUNDING_INTERVAL] == 0 or state[POSITION] == 0 or state[NEXT_FUNDING] < 0:
        return 0
    return max(0, (until - state[NEXT_FUNDING]) // state[FUNDING_INTERVAL] + 1)


@uncounted_inner
def first_out(orders: Array, base: int, other: int) -> bool:
    """Whether one order has its place before another."""
    if orders[base + QUEUED] != orders[other + QUEUED]:
        return orders[base + QUEUED] < orders[other + QUEUED]
    return orders[base + SENT] < orders[other + SENT]


@uncounted_inner
def put_in_order(state: Array, orders: Array) -> None:
    """Let orders that lost their place go where they belong."""
    moved = 0
    for order in range(state[ORDER_COUNT]):
        moved |= orders[order * ORDER_WIDTH + MOVED]
    if moved == 0:
        return
    for order in range(state[ORDER_COUNT]):
        orders[order * ORDER_WIDTH + MOVED] = 0
        row = order * ORDER_WIDTH
        while row > 0 and first_out(orders, row, row - ORDER_WIDTH):
            for cell in range(row, row + ORDER_WIDTH):
                kept = orders[cell]
                orders[cell] = orders[cell - ORDER_WIDTH]
                orders[cell - ORDER_WIDTH] = kept
            row -= ORDER_WIDTH


@uncounted_inner
def settle(state: Array, orders: Array) -> None:
    """Close the gaps that finished orders leave, put the rest in order, find the next expiry."""
    kept = 0
    due = NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == DONE:
            continue
        if orders[base + EXPIRES] != NEVER:
            due = min(due, orders[base + EXPIRES] + orders[base + ANSWER])
        if kept != order:
            for field in range(ORDER_WIDTH):
                orders[kept * ORDER_WIDTH + field] = orders[base + field]
        kept += 1
    state[ORDER_COUNT] = kept
    state[NEXT_DUE] = due
    put_in_order(state, orders)
