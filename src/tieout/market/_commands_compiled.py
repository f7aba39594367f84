"""What comes after an order: cancels, amends, the judgement of arrivals, expiries, the close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import uncounted_inner
from tieout.market._layout import (
    ACCEPTANCE,
    AFTER,
    AMEND_REFUSAL,
    AMEND_REPORT,
    AMENDED_REASON,
    ARMED,
    ARRIVAL,
    ARRIVAL_RANK,
    ARRIVE_COMMAND,
    CANCEL_COMMAND,
    CANCEL_REFUSAL,
    CANCEL_REPORT,
    CLOSE_PHASE,
    COMMAND_ANSWER,
    COMMAND_COUNT,
    COMMAND_EARLY,
    COMMAND_KIND,
    COMMAND_LIMIT,
    COMMAND_LOTS,
    COMMAND_ORDER,
    COMMAND_SENT,
    COMMAND_STOP,
    COMMAND_TIME,
    COMMAND_WIDTH,
    DONE,
    EVENT_RANK,
    EXPIRED_REASON,
    EXPIRES,
    EXPIRY_REPORT,
    EXTREME,
    FILLED,
    FINAL_REASON,
    IN_FORCE_REASON,
    INVALID_REASON,
    KIND,
    KNOWN_TIME,
    LAST_LEFT,
    LAST_PRICE,
    LAST_TIME,
    LEFT,
    LIMIT,
    LIMIT_KIND,
    LOTS,
    NEVER,
    NO_REASON,
    NO_TRIGGER,
    NUMBER,
    ORDER_COUNT,
    ORDER_WIDTH,
    OUT_LOTS,
    OUT_PRICE,
    OUT_REASON,
    OUT_REFERENCE,
    OUT_SEQUENCE,
    PHASE,
    POSITION,
    POST_ONLY,
    POST_ONLY_REASON,
    REDUCE_ONLY,
    REDUCE_ONLY_REASON,
    RESTING,
    SHOWN,
    SIDE,
    STARTS,
    STOP,
    TAKER,
    TAKING,
    TRIGGER,
    UNJUDGED,
    UNKNOWN_REASON,
    WAITING,
)
from tieout.market._orders_compiled import (
    charge_funding,
    count_volume,
    end_order,
    end_useless,
    fill,
    lose_place,
    offered_lots,
    report_order,
    settle,
    shifted_price,
    write_report,
)
from tieout.market._triggers_compiled import is_marketable, reject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@uncounted_inner
def find_order(state: Array, orders: Array, number: int) -> int:
    """Return where the row of an order begins, or −1 when it is over."""
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + NUMBER] == number and orders[base + PHASE] != DONE:
            return base
    return -1


@uncounted_inner
def judge(state: Array, orders: Array, out: Array, base: int, price: int, known: int) -> None:
    """Decide whether an order that may be refused is accepted, by a price and our position."""
    time = orders[base + ARRIVAL]
    orders[base + UNJUDGED] = 0
    reason = NO_REASON
    if orders[base + REDUCE_ONLY] == 1 and orders[base + SIDE] * state[POSITION] >= 0:
        reason = REDUCE_ONLY_REASON
    elif (
        orders[base + POST_ONLY] == 1
        and orders[base + TRIGGER] == NO_TRIGGER
        and is_marketable(orders, base, price)
    ):
        reason = POST_ONLY_REASON
    if reason != NO_REASON:
        reject(state, orders, out, base, reason, time, known, time, ARRIVAL_RANK)
    else:
        report_order(state, orders, out, base, ACCEPTANCE, time, known, time, ARRIVAL_RANK)


@uncounted_inner
def amend_refusal(orders: Array, commands: Array, base: int, price: int) -> int:
    """Return why an amend cannot be; NO_REASON when it can."""
    limit = commands[COMMAND_LIMIT]
    stop = commands[COMMAND_STOP]
    waits = orders[base + PHASE] == ARMED or orders[base + PHASE] == WAITING
    if limit != 0 and orders[base + LIMIT] == 0:
        return INVALID_REASON
    if stop != 0 and (orders[base + TRIGGER] == NO_TRIGGER or not waits):
        return INVALID_REASON
    if limit != 0 and limit != orders[base + LIMIT] and orders[base + POST_ONLY] == 1:
        side = orders[base + SIDE]
        armed = waits and orders[base + TRIGGER] != NO_TRIGGER
        if not armed and price != 0 and side * price <= side * limit:
            return POST_ONLY_REASON
    return NO_REASON


@uncounted_inner
def amend(orders: Array, commands: Array, base: int, price: int, may_take: int) -> None:
    """Give an order the new terms of the first command; more lots or another price cost its place.

    A limit order whose new limit the price lies at or inside may take at its next event.
    """
    limit = commands[COMMAND_LIMIT]
    stop = commands[COMMAND_STOP]
    lots = commands[COMMAND_LOTS]
    time = commands[COMMAND_TIME]
    new_limit = limit != 0 and limit != orders[base + LIMIT]
    new_stop = stop != 0 and stop != orders[base + STOP]
    loses = new_limit or new_stop or lots > orders[base + LOTS]
    if lots != 0:
        orders[base + LOTS] = lots
    if new_stop:
        orders[base + STOP] = stop
        # A stop that trails follows from here on whatever price is nearer.
        orders[base + EXTREME] = 0
    if new_limit:
        orders[base + LIMIT] = limit
        if orders[base + PHASE] == RESTING or orders[base + PHASE] == TAKING:
            orders[base + AFTER] = max(orders[base + AFTER], time)
            takes = may_take == 1 and is_marketable(orders, base, price)
            orders[base + PHASE] = TAKING if takes else RESTING
    if loses:
        lose_place(orders, base, time, commands[COMMAND_SENT])
    else:
        left = orders[base + LOTS] - orders[base + FILLED]
        orders[base + SHOWN] = min(orders[base + SHOWN], left)


@uncounted_inner
def answer_amend(
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    base: int,
    price: int,
    may_take: int,
    known: int,
    moment: int,
) -> None:
    """Let an amend act on an order that stands, and report the answer."""
    time = commands[COMMAND_TIME]
    known = max(time + commands[COMMAND_ANSWER], known)
    number = commands[COMMAND_ORDER]
    lots = commands[COMMAND_LOTS]
    reason = amend_refusal(orders, commands, base, price)
    kind = AMEND_REPORT
    if reason != NO_REASON:
        kind = AMEND_REFUSAL
    elif lots != 0 and lots <= orders[base + FILLED]:
        kind = EXPIRY_REPORT
        reason = AMENDED_REASON
    else:
        amend(orders, commands, base, price, may_take)
    row = write_report(state, out, kind, number, time, known, moment, ARRIVAL_RANK)
    out[row + OUT_SEQUENCE] = commands[COMMAND_SENT]
    out[row + OUT_REASON] = reason
    if kind == EXPIRY_REPORT:
        out[row + OUT_LOTS] = orders[base + FILLED]
        orders[base + PHASE] = DONE
    elif kind == AMEND_REPORT:
        out[row + OUT_LOTS] = orders[base + LOTS]
        out[row + OUT_PRICE] = orders[base + LIMIT]
        out[row + OUT_REFERENCE] = orders[base + STOP]


@uncounted_inner
def answer_first(
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    price: int,
    may_take: int,
    known: int,
    moment: int,
) -> None:
    """Let the first command act on its order as it stands now, and report the answer."""
    time = commands[COMMAND_TIME]
    kind = commands[COMMAND_KIND]
    number = commands[COMMAND_ORDER]
    base = find_order(state, orders, number)
    if kind == ARRIVE_COMMAND:
        if base >= 0 and orders[base + UNJUDGED] == 1:
            judge(state, orders, out, base, price, known)
    elif base < 0 or commands[COMMAND_EARLY] == 1:
        refusal = CANCEL_REFUSAL if kind == CANCEL_COMMAND else AMEND_REFUSAL
        answered = max(time + commands[COMMAND_ANSWER], known)
        row = write_report(state, out, refusal, number, time, answered, moment, ARRIVAL_RANK)
        out[row + OUT_SEQUENCE] = commands[COMMAND_SENT]
        out[row + OUT_REASON] = UNKNOWN_REASON if commands[COMMAND_EARLY] == 1 else FINAL_REASON
    elif kind == CANCEL_COMMAND:
        answered = max(time + commands[COMMAND_ANSWER], known)
        row = write_report(state, out, CANCEL_REPORT, number, time, answered, moment, ARRIVAL_RANK)
        out[row + OUT_SEQUENCE] = commands[COMMAND_SENT]
        out[row + OUT_LOTS] = orders[base + FILLED]
        orders[base + PHASE] = DONE
    else:
        answer_amend(state, orders, commands, out, base, price, may_take, known, moment)
    state[COMMAND_COUNT] -= 1
    for cell in range(state[COMMAND_COUNT] * COMMAND_WIDTH):
        commands[cell] = commands[cell + COMMAND_WIDTH]


@uncounted_inner
def first_to_expire(state: Array, orders: Array) -> int:
    """Return where the row of the order begins that expires first, or −1 when none does."""
    found = -1
    for order in range(state[ORDER_COUNT]):
        base = order * ORDER_WIDTH
        if orders[base + PHASE] == DONE or orders[base + EXPIRES] == NEVER:
            continue
        if found < 0 or orders[base + EXPIRES] < orders[found + EXPIRES]:
            found = base
    return found


@uncounted_inner
def expire(
    state: Array,
    orders: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    base: int,
    closed: int,
    known: int,
) -> None:
    """End an order at its time; one that waits for the session's close fills there if it can.

    `closed` is 1 when LAST_PRICE is the close of a bar, 0 when it is a print.
    """
    time = orders[base + EXPIRES]
    reason = EXPIRED_REASON
    if orders[base + PHASE] == CLOSE_PHASE:
        reason = IN_FORCE_REASON
        charge_funding(state, out, time, state[POSITION], state[LAST_PRICE], state[KNOWN_TIME])
        fill_at_close(state, orders, out, ring, impact_y, base, closed, known)
        end_useless(state, orders, out, time, known)
    if orders[base + PHASE] != DONE:
        end_order(state, orders, out, base, reason, time, known, time)


@uncounted_inner
def fill_at_close(
    state: Array,
    orders: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    base: int,
    closed: int,
    known: int,
) -> None:
    """Fill an order at the last price of its session, as far as that event has lots left."""
    price = state[LAST_PRICE]
    from_time = max(orders[base + ARRIVAL] + 1, orders[base + STARTS] + closed)
    if price == 0 or state[LAST_TIME] < from_time:
        return
    kept = state[LEFT]
    state[LEFT] = state[LAST_LEFT]
    count_volume(orders, base, max(0, state[LAST_LEFT]))
    lots = offered_lots(state, orders, base, state[POSITION])
    if lots > 0:
        side = orders[base + SIDE]
        paid = shifted_price(state, ring, impact_y, side, price, lots)
        if orders[base + KIND] != LIMIT_KIND or side * paid <= side * orders[base + LIMIT]:
            time = orders[base + EXPIRES]
            fill(state, orders, out, base, lots, paid, price, TAKER, time, known, time, EVENT_RANK)
    state[LAST_LEFT] = state[LEFT]
    state[LEFT] = kept


@uncounted_inner
def act_until(
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    commands_until: int,
    expiries_until: int,
    price: int,
    may_take: int,
    closed: int,
    known: int,
    late_moment: int,
) -> None:
    """Let commands and expiries that are due act, in order of time; an expiry before a command.

    `price` is what amends and arrivals are judged by, `may_take` whether an amended limit order may
    take; `late_moment` is the earliest moment of an answer.
    """
    acted = False
    while True:
        base = first_to_expire(state, orders)
        expiry = NEVER if base < 0 else orders[base + EXPIRES]
        time = NEVER if state[COMMAND_COUNT] == 0 else commands[COMMAND_TIME]
        if expiry <= expiries_until and expiry <= time:
            expire(state, orders, out, ring, impact_y, base, closed, known)
        elif time < commands_until or (
            # At a bar's close only a cancel acts: what else arrives then is before the next bar.
            time == commands_until and (may_take == 1 or commands[COMMAND_KIND] == CANCEL_COMMAND)
        ):
            moment = max(time, late_moment)
            answer_first(state, orders, commands, out, price, may_take, known, moment)
        else:
            break
        acted = True
    if acted:
        settle(state, orders)


@uncounted_inner
def price_to_check(state: Array, orders: Array, highest: int) -> int:
    """Return the highest price that the next event may be computed with."""
    for order in range(state[ORDER_COUNT]):
        if orders[order * ORDER_WIDTH + PHASE] == CLOSE_PHASE:
            return max(highest, state[LAST_PRICE])
    return highest


@uncounted_inner
def reports_at_most(state: Array) -> int:
    """Return how many reports at most an event may give, funding not counted."""
    return 8 * state[ORDER_COUNT] + state[COMMAND_COUNT]
