"""What matching on trades and matching on bars share: prices, quantities, reports, cancels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner
from tieout.market._layout import (
    AFTER,
    ARMED,
    ARRIVAL_RANK,
    AT_ONCE,
    CANCEL_COUNT,
    CANCEL_ORDER,
    CANCEL_REFUSAL,
    CANCEL_REPORT,
    CANCEL_SEQUENCE,
    CANCEL_TIME,
    CANCEL_WIDTH,
    CURSOR,
    DONE,
    EVENT_RANK,
    EXPIRY_REPORT,
    FILL_REPORT,
    FILLED,
    FUNDING_INTERVAL,
    FUNDING_RANK,
    FUNDING_REPORT,
    IMPACT_LEVEL,
    LEVEL,
    LIMIT,
    LOTS,
    NAIVE_LEVEL,
    NEVER,
    NEXT_FUNDING,
    NUMBER,
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
    OUT_REFERENCE,
    OUT_SEQUENCE,
    OUT_VENUE_TIME,
    OUT_WIDTH,
    PASSED,
    PHASE,
    POSITION,
    RESPONSE,
    RESTING,
    SEQUENCE,
    SHARE_DENOMINATOR,
    SHARE_NUMERATOR,
    SHIFT_MAX,
    SIDE,
    SLIPPAGE,
    SPREAD,
    STAT_COUNT,
    STAT_HEAD,
    STOP,
    TOUCH,
    VOLUME,
    WAITING,
    WINDOW,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@compiled_inner
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


@compiled_inner
def pass_over(state: Array, arrival_time: Array) -> int:
    """Commit the rows that arrived by PASSED, which are known to be quiet; return the next."""
    state[CURSOR] = first_after(arrival_time, state[CURSOR], state[PASSED])
    return state[CURSOR]


@compiled_inner
def time_bound(state: Array, orders: Array, cancels: Array, cancel_lead: int) -> int:
    """Return the venue time from which on any row may matter, whatever its price.

    `cancel_lead` is 1 on trades, where a cancel acts before the first print later than it, and 0
    on bars, where it is answered by the first bar that closes at or after it.
    """
    bound = NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        phase = orders[base + PHASE]
        if phase == WAITING or (
            phase != ARMED and (phase != RESTING or orders[base + AT_ONCE] == 1)
        ):
            bound = min(bound, orders[base + AFTER] + 1)
    if state[CANCEL_COUNT] > 0:
        bound = min(bound, cancels[CANCEL_TIME] + cancel_lead)
    if state[FUNDING_INTERVAL] > 0 and state[POSITION] != 0:
        bound = min(bound, state[NEXT_FUNDING])
    return bound


@compiled_inner
def low_bound(state: Array, orders: Array) -> int:
    """Return the highest price at or below which an order fills or triggers."""
    bound = -NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == RESTING and orders[base + SIDE] == 1:
            bound = max(bound, orders[base + LIMIT] - 1 + state[TOUCH])
        elif orders[base + PHASE] == ARMED and orders[base + SIDE] == -1:
            bound = max(bound, orders[base + STOP])
    return bound


@compiled_inner
def high_bound(state: Array, orders: Array) -> int:
    """Return the lowest price at or above which an order fills or triggers."""
    bound = NEVER
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == RESTING and orders[base + SIDE] == -1:
            bound = min(bound, orders[base + LIMIT] + 1 - state[TOUCH])
        elif orders[base + PHASE] == ARMED and orders[base + SIDE] == 1:
            bound = min(bound, orders[base + STOP])
    return bound


@compiled_inner
def impact_shift(state: Array, ring: Array, impact_y: float, lots: int) -> int:
    """Return Y·σ·sqrt(Q/V) in 10⁻⁴ bps, rounded up, at most 100 %.

    The order of operations is part of the contract: left to right, oldest return first.

    Source: square-root law, Almgren et al. (2005), Tóth et al. (2011).
    """
    count = state[STAT_COUNT]
    if count < 2:
        return 0
    head = state[STAT_HEAD]
    traded = 0
    for row in range(count):
        traded += ring[WINDOW + (head + row) % WINDOW]
    if traded == 0:
        return 0
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
    sigma = math.sqrt(squares / (count - 1))
    shift = impact_y * sigma * math.sqrt(lots / (traded / count)) * 1e8
    if shift >= SHIFT_MAX:
        return SHIFT_MAX
    return int(math.ceil(shift))  # noqa: RUF046  numba's ceil gives a float


@compiled_inner
def shifted_price(
    state: Array, ring: Array, impact_y: float, side: int, reference: int, lots: int
) -> int:
    """Return what `lots` taken at a reference price cost; a sale never below one tick."""
    if state[LEVEL] == NAIVE_LEVEL:
        return reference
    twice = 2 * state[SLIPPAGE]
    if state[LEVEL] == IMPACT_LEVEL:
        impact = impact_shift(state, ring, impact_y, lots)
        twice = state[SPREAD] + 2 * max(state[SLIPPAGE], impact)
    shift = -(-reference * twice // 200_000_000)
    return max(1, reference + side * shift)


@compiled_inner
def offered_lots(state: Array, orders: Array, base: int, left: int) -> int:
    """Return how much of an order may trade now, given the event's volume not yet taken by us.

    floor(share · volume) in two parts, so that the product cannot overflow.
    """
    remaining = orders[base + LOTS] - orders[base + FILLED]
    denominator = state[SHARE_DENOMINATOR]
    if denominator == 0:
        return remaining
    numerator = state[SHARE_NUMERATOR]
    volume = orders[base + VOLUME]
    most = volume // denominator * numerator + volume % denominator * numerator // denominator
    return max(0, min(remaining, left, most - orders[base + FILLED]))


@compiled_inner
def write_report(
    state: Array,
    out: Array,
    kind: int,
    order: int,
    venue_time: int,
    row_arrival: int,
    moment: int,
    rank: int,
) -> int:
    """Append a report and return where its row begins."""
    base = state[OUT_COUNT] * OUT_WIDTH
    state[OUT_COUNT] += 1
    state[SEQUENCE] += 1
    out[base + OUT_KIND] = kind
    out[base + OUT_ORDER] = order
    out[base + OUT_ARRIVAL] = max(venue_time + state[RESPONSE], row_arrival)
    out[base + OUT_MOMENT] = moment
    out[base + OUT_RANK] = rank
    out[base + OUT_SEQUENCE] = state[SEQUENCE]
    out[base + OUT_VENUE_TIME] = venue_time
    return base


@compiled_inner
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
    row_arrival: int,
    rank: int,
) -> None:
    """Book a fill: its report, the order's progress, our position."""
    row = write_report(
        state, out, FILL_REPORT, orders[base + NUMBER], venue_time, row_arrival, venue_time, rank
    )
    half_spread = 0
    if state[LEVEL] == IMPACT_LEVEL and liquidity == 2:
        shift = abs(price - reference)
        half_spread = min(reference * state[SPREAD] // 200, shift * 1_000_000)
    out[row + OUT_LOTS] = lots
    out[row + OUT_PRICE] = price
    out[row + OUT_REFERENCE] = reference
    out[row + OUT_HALF_SPREAD] = half_spread
    out[row + OUT_LIQUIDITY] = liquidity
    orders[base + FILLED] += lots
    state[POSITION] += orders[base + SIDE] * lots
    if orders[base + FILLED] == orders[base + LOTS]:
        orders[base + PHASE] = DONE


@compiled_inner
def expire(
    state: Array, orders: Array, out: Array, base: int, venue_time: int, row_arrival: int
) -> None:
    """Cancel what an immediate-or-cancel order leaves after the one event it lives for."""
    row = write_report(
        state,
        out,
        EXPIRY_REPORT,
        orders[base + NUMBER],
        venue_time,
        row_arrival,
        venue_time,
        EVENT_RANK,
    )
    out[row + OUT_LOTS] = orders[base + FILLED]
    orders[base + PHASE] = DONE


@compiled_inner
def charge_funding(
    state: Array, out: Array, until: int, position: int, mark: int, row_arrival: int
) -> None:
    """Report every payment due by a venue time, on one position and one mark."""
    if state[FUNDING_INTERVAL] == 0:
        return
    if position != 0 and mark != 0:
        while state[NEXT_FUNDING] <= until:
            due = state[NEXT_FUNDING]
            row = write_report(state, out, FUNDING_REPORT, 0, due, row_arrival, due, FUNDING_RANK)
            out[row + OUT_LOTS] = position
            out[row + OUT_PRICE] = mark
            state[NEXT_FUNDING] = due + state[FUNDING_INTERVAL]
    # Flat, or no price yet: those due by now are over, and paid by nobody.
    following = (until // state[FUNDING_INTERVAL] + 1) * state[FUNDING_INTERVAL]
    state[NEXT_FUNDING] = max(state[NEXT_FUNDING], following)


@compiled_inner
def funding_count(state: Array, until: int) -> int:
    """Return how many payments at most `charge_funding` may report by a venue time."""
    # Before the first event NEXT_FUNDING is unset (negative), and there is no mark to pay on.
    if state[FUNDING_INTERVAL] == 0 or state[POSITION] == 0 or state[NEXT_FUNDING] < 0:
        return 0
    return max(0, (until - state[NEXT_FUNDING]) // state[FUNDING_INTERVAL] + 1)


@compiled_inner
def answer_first_cancel(
    state: Array, orders: Array, cancels: Array, out: Array, row_arrival: int, moment: int
) -> None:
    """Let the oldest cancel act on its order as it stands now, and report the answer."""
    time = cancels[CANCEL_TIME]
    number = cancels[CANCEL_ORDER]
    found = -1
    for order in range(state[ORDER_COUNT]):
        if orders[order * ORDER_WIDTH + NUMBER] == number:
            found = order * ORDER_WIDTH
            break
    refused = found < 0 or orders[found + PHASE] == DONE
    kind = CANCEL_REFUSAL if refused else CANCEL_REPORT
    row = write_report(state, out, kind, number, time, row_arrival, moment, ARRIVAL_RANK)
    out[row + OUT_SEQUENCE] = cancels[CANCEL_SEQUENCE]
    if not refused:
        out[row + OUT_LOTS] = orders[found + FILLED]
        orders[found + PHASE] = DONE
    state[CANCEL_COUNT] -= 1
    for place in range(state[CANCEL_COUNT] * CANCEL_WIDTH):
        cancels[place] = cancels[place + CANCEL_WIDTH]


@compiled_inner
def remove_done(state: Array, orders: Array) -> None:
    """Close the gaps that finished orders leave, keeping the order of age."""
    kept = 0
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == DONE:
            continue
        if kept != order:
            for field in range(ORDER_WIDTH):
                orders[kept * ORDER_WIDTH + field] = orders[base + field]
        kept += 1
    state[ORDER_COUNT] = kept


@compiled("void(A, A, A, A, int64)")
def answer_cancels(state: Array, orders: Array, cancels: Array, out: Array, until: int) -> None:
    """Answer the cancels whose answers are due by `until`, on what has been seen so far.

    The caller leaves room in `out` for one row a cancel.
    """
    while state[CANCEL_COUNT] > 0 and cancels[CANCEL_TIME] + state[RESPONSE] <= until:
        answer_first_cancel(state, orders, cancels, out, -NEVER, cancels[CANCEL_TIME])
    remove_done(state, orders)
