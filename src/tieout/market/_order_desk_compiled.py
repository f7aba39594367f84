"""What our orders do to a book of single orders, and what is reported of it.

The rules are on the page of the order-by-order level, the arrays in `_order_matching_layout` and
`_order_book_layout`. These functions are called when something of ours may happen; the rows of the
market are met in `_order_matching_compiled`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import uncounted_inner
from tieout.market._layout import (
    ACCEPTANCE,
    AMEND_REFUSAL,
    AMEND_REPORT,
    AMENDED_REASON,
    ARRIVAL_RANK,
    CANCEL_REFUSAL,
    CANCEL_REPORT,
    EVENT_RANK,
    EXPIRED_REASON,
    EXPIRY_REPORT,
    FILL_REPORT,
    FINAL_REASON,
    FUNDING_RANK,
    FUNDING_REPORT,
    IN_FORCE_REASON,
    INVALID_REASON,
    MAKER,
    OUT_ARRIVAL,
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
    POST_ONLY_REASON,
    REDUCE_ONLY_REASON,
    REJECTION,
    TAKER,
    UNKNOWN_REASON,
)
from tieout.market._order_book_compiled import best_key, lots_at
from tieout.market._order_book_layout import (
    HEAD,
    LEVEL_COUNT,
    LOTS,
    NEVER,
    NEXT,
    PLACE_WIDTH,
    SLOT_WIDTH,
    STAMPS,
    TAKEN,
    TRADED,
)
from tieout.market._order_matching_layout import (
    AFTER,
    AHEAD,
    ALL_OR_NOTHING,
    AMEND_COMMAND,
    ANSWER,
    ARMED,
    BACK,
    CANCEL_COMMAND,
    CLEARED,
    COMMAND_ANSWER,
    COMMAND_COUNT,
    COMMAND_KIND,
    COMMAND_LIMIT,
    COMMAND_LOTS,
    COMMAND_ORDER,
    COMMAND_READY,
    COMMAND_SEQUENCE,
    COMMAND_STOP,
    COMMAND_TIME,
    COMMAND_WIDTH,
    DONE,
    ENTER_COMMAND,
    EXPIRE_COMMAND,
    FALLS,
    FILLED,
    FUNDING_ANSWER,
    FUNDING_INTERVAL,
    HALF_SPREAD,
    HUNGRY,
    IN_FORCE,
    KIND,
    LAG,
    LAST_PRINT,
    LATEST,
    LIMIT,
    LIMIT_KIND,
    MID,
    NEXT_DUE,
    NEXT_FUNDING,
    NEXT_TIME,
    NO_TRIGGER,
    NUMBER,
    OBEYED,
    OUT_AHEAD,
    OUT_COUNT,
    OUT_MID,
    OUT_WIDTH,
    OWN_BEST,
    OWN_COUNT,
    OWN_LOTS,
    OWN_LOW,
    OWN_STAMP,
    OWN_WIDTH,
    PENDING,
    PHASE,
    PLACE_COMMAND,
    POSITION,
    POST_ONLY,
    REDUCE_ONLY,
    RESTING,
    RISES,
    SEQUENCE,
    SIDE,
    STAYS,
    STOP,
    STOP_TRIGGER,
    TO_LIMIT_KIND,
    TRIGGER,
    TRIGGERED,
    VOID_SINCE,
    WAITING,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Desk = tuple[Array, Array, Array, Array]
    Shelf = tuple[Array, Array, Array, Array, Array, Array]

__all__: list[str] = []

MICRO = 1_000_000


# -- reports ------------------------------------------------------------------------------------


@uncounted_inner
def report(
    desk: Desk, kind: int, number: int, venue_time: int, known: int, rank: int, reason: int
) -> int:
    """Append a report and return where its row begins."""
    state, _, _, out = desk
    base = state[OUT_COUNT] * OUT_WIDTH
    state[OUT_COUNT] += 1
    state[SEQUENCE] += 1
    for cell in range(base, base + OUT_WIDTH):
        out[cell] = 0
    out[base + OUT_KIND] = kind
    out[base + OUT_ORDER] = number
    out[base + OUT_ARRIVAL] = known
    out[base + OUT_MOMENT] = venue_time
    out[base + OUT_RANK] = rank
    out[base + OUT_SEQUENCE] = state[SEQUENCE]
    out[base + OUT_VENUE_TIME] = venue_time
    out[base + OUT_REASON] = reason
    return base


@uncounted_inner
def end_order(
    desk: Desk, base: int, kind: int, reason: int, venue_time: int, known: int, rank: int
) -> None:
    """Report that what is left of an order is gone."""
    _, own, _, out = desk
    row = report(desk, kind, own[base + NUMBER], venue_time, known, rank, reason)
    out[row + OUT_LOTS] = own[base + FILLED]
    own[base + PHASE] = DONE


@uncounted_inner
def fill_own(
    desk: Desk,
    base: int,
    lots: int,
    price: int,
    liquidity: int,
    venue_time: int,
    known: int,
    rank: int,
) -> None:
    """Book a fill: its report, the order's progress, our position."""
    state, own, _, out = desk
    side = own[base + SIDE]
    row = report(desk, FILL_REPORT, own[base + NUMBER], venue_time, known, rank, 0)
    out[row + OUT_LOTS] = lots
    out[row + OUT_PRICE] = price
    out[row + OUT_LIQUIDITY] = liquidity
    out[row + OUT_REFERENCE] = price
    out[row + OUT_MID] = price * MICRO
    if liquidity == MAKER:
        out[row + OUT_AHEAD] = min(own[base + AHEAD], NEVER // MICRO) * MICRO
    elif own[base + MID] != 0:
        middle = own[base + MID]
        out[row + OUT_MID] = middle
        # In whole ticks the shift from it is not made smaller.
        out[row + OUT_REFERENCE] = side * (side * middle // MICRO)
        shift = side * (price * MICRO - middle)
        out[row + OUT_HALF_SPREAD] = max(0, min(own[base + HALF_SPREAD], shift))
    own[base + FILLED] += lots
    state[POSITION] += side * lots
    if own[base + FILLED] == own[base + OWN_LOTS]:
        own[base + PHASE] = DONE


@uncounted_inner
def charge_funding(desk: Desk, until: int, known: int) -> None:
    """Report every payment due by a venue time, on the position and the last print."""
    state, _, _, out = desk
    interval = state[FUNDING_INTERVAL]
    if interval == 0:
        return
    if state[NEXT_FUNDING] >= 0 and state[POSITION] != 0 and state[LAST_PRINT] != 0:
        while state[NEXT_FUNDING] <= until:
            due = state[NEXT_FUNDING]
            answered = max(due + state[FUNDING_ANSWER], known)
            row = report(desk, FUNDING_REPORT, 0, due, answered, FUNDING_RANK, 0)
            out[row + OUT_LOTS] = state[POSITION]
            out[row + OUT_PRICE] = state[LAST_PRINT]
            state[NEXT_FUNDING] = due + interval
    # Flat, or no price yet: those due by now are over, and paid by nobody.
    state[NEXT_FUNDING] = max(state[NEXT_FUNDING], (until // interval + 1) * interval)


@uncounted_inner
def funding_count(state: Array, until: int) -> int:
    """Return how many payments at most `charge_funding` may report by a venue time."""
    if state[FUNDING_INTERVAL] == 0 or state[POSITION] == 0 or state[NEXT_FUNDING] < 0:
        return 0
    return max(0, (until - state[NEXT_FUNDING]) // state[FUNDING_INTERVAL] + 1)


# -- what the book offers us --------------------------------------------------------------------


@uncounted_inner
def offered(orders: Array, slot: int) -> int:
    """Return the lots of a stranger's order that have neither traded nor been taken by us."""
    cell = slot * SLOT_WIDTH
    return max(0, orders[cell + LOTS] - orders[cell + TRADED] - orders[cell + TAKEN])


@uncounted_inner
def lots_within(shelf: Shelf, row: int, bound: int, most: int) -> int:
    """Return the lots a row offers at a key or better, at most `most`."""
    book, orders, levels, ladder, _, _ = shelf
    room = len(ladder) // 4
    found = 0
    rung = book[LEVEL_COUNT + row] - 1
    while rung >= 0 and found < most and ladder[row * room + rung] >= bound:
        slot = levels[ladder[(2 + row) * room + rung] * PLACE_WIDTH + HEAD]
        while slot >= 0 and found < most:
            found += offered(orders, slot)
            slot = orders[slot * SLOT_WIDTH + NEXT]
        rung -= 1
    return min(found, most)


@uncounted_inner
def take_at(shelf: Shelf, place: int, most: int) -> int:
    """Take up to `most` lots of a level, first in its queue first; return how many."""
    _, orders, levels, _, _, _ = shelf
    taken = 0
    slot = levels[place * PLACE_WIDTH + HEAD]
    while slot >= 0 and taken < most:
        part = min(most - taken, offered(orders, slot))
        orders[slot * SLOT_WIDTH + TAKEN] += part
        taken += part
        slot = orders[slot * SLOT_WIDTH + NEXT]
    return taken


@uncounted_inner
def is_crossed(shelf: Shelf) -> bool:
    """Whether strangers' orders cross each other: an auction, in which nobody takes."""
    book, _, _, ladder, _, _ = shelf
    return best_key(book, ladder, 0) + best_key(book, ladder, 1) >= 0


@uncounted_inner
def fillable(desk: Desk, base: int) -> int:
    """Return how many lots of an order may fill now."""
    state, own, _, _ = desk
    left = own[base + OWN_LOTS] - own[base + FILLED]
    if own[base + REDUCE_ONLY] == 0:
        return left
    return max(0, min(left, -own[base + SIDE] * state[POSITION]))


@uncounted_inner
def take(
    desk: Desk, shelf: Shelf, base: int, bound: int, venue_time: int, known: int, rank: int
) -> None:
    """Take from the other side what stands at a key or better: each price is a fill of its own.

    An order that becomes a limit takes the best offered price alone.
    """
    _, own, _, _ = desk
    book, _, _, ladder, _, _ = shelf
    side = own[base + SIDE]
    row = (1 + side) // 2
    room = len(ladder) // 4
    rung = book[LEVEL_COUNT + row] - 1
    while rung >= 0 and ladder[row * room + rung] >= bound:
        most = fillable(desk, base)
        if most == 0:
            return
        key = ladder[row * room + rung]
        lots = take_at(shelf, ladder[(2 + row) * room + rung], most)
        if lots > 0:
            fill_own(desk, base, lots, -side * key, TAKER, venue_time, known, rank)
            if own[base + KIND] == TO_LIMIT_KIND:
                own[base + KIND] = LIMIT_KIND
                own[base + LIMIT] = -side * key
                return
        rung -= 1


@uncounted_inner
def rest(desk: Desk, shelf: Shelf, base: int) -> None:
    """Let what is left of a limit order stand at the back of its level."""
    state, own, _, _ = desk
    book, _, levels, ladder, _, _ = shelf
    side = own[base + SIDE]
    book[STAMPS] += 1
    own[base + PHASE] = RESTING
    own[base + OWN_STAMP] = book[STAMPS]
    own[base + AHEAD] = lots_at(book, levels, ladder, (1 - side) // 2, side * own[base + LIMIT])
    own[base + BACK] = state[CLEARED]
    if state[CLEARED] == 1:
        # Where it stands is not known before the book is whole.
        own[base + AHEAD] = 0
        state[PENDING] = 1


@uncounted_inner
def note_mid(desk: Desk, shelf: Shelf, base: int) -> None:
    """Keep the mid and half the spread that an order meets, for the decomposition of its fills."""
    _, own, _, _ = desk
    book, _, _, ladder, _, _ = shelf
    bid = best_key(book, ladder, 0)
    ask = -best_key(book, ladder, 1)
    own[base + MID] = 0
    own[base + HALF_SPREAD] = 0
    if bid > 0 and ask < NEVER and bid < ask:
        own[base + MID] = (bid + ask) * (MICRO // 2)
        own[base + HALF_SPREAD] = (ask - bid) * (MICRO // 2)


# -- an order meets the book --------------------------------------------------------------------


@uncounted_inner
def enter(
    desk: Desk, shelf: Shelf, base: int, ends: int, venue_time: int, known: int, rank: int
) -> None:
    """Let an order take what it may at once, and do with the rest what its terms say.

    `ends` is the kind of report of an order that has nothing to reduce: a refusal when it has just
    come, an expiry when a trigger had let it wait.
    """
    state, own, _, _ = desk
    side = own[base + SIDE]
    row = (1 + side) // 2
    is_limit = own[base + KIND] == LIMIT_KIND
    bound = -side * own[base + LIMIT] if is_limit else -NEVER
    note_mid(desk, shelf, base)
    most = fillable(desk, base)
    if most == 0:
        end_order(desk, base, ends, REDUCE_ONLY_REASON, venue_time, known, rank)
        return
    is_open = not is_crossed(shelf)
    if own[base + POST_ONLY] == 1 and is_open and lots_within(shelf, row, bound, 1) > 0:
        end_order(desk, base, REJECTION, POST_ONLY_REASON, venue_time, known, rank)
        return
    if ends == REJECTION:
        accept(desk, base, venue_time, known)
    in_force = own[base + IN_FORCE]
    if is_open and (in_force != ALL_OR_NOTHING or lots_within(shelf, row, bound, most) == most):
        take(desk, shelf, base, bound, venue_time, known, rank)
    if not is_open:
        state[PENDING] = 1
    settle_rest(desk, shelf, base, venue_time, known, rank)


@uncounted_inner
def accept(desk: Desk, base: int, time: int, known: int) -> None:
    """Report that an order is accepted that might not have been; of any other it is certain."""
    _, own, _, _ = desk
    if own[base + POST_ONLY] == 1 or own[base + REDUCE_ONLY] == 1:
        report(desk, ACCEPTANCE, own[base + NUMBER], time, known, ARRIVAL_RANK, 0)


@uncounted_inner
def settle_rest(
    desk: Desk, shelf: Shelf, base: int, venue_time: int, known: int, rank: int
) -> None:
    """Do with what an order has left what its terms say."""
    state, own, _, _ = desk
    if own[base + PHASE] == DONE:
        return
    if own[base + IN_FORCE] != STAYS:
        end_order(desk, base, EXPIRY_REPORT, IN_FORCE_REASON, venue_time, known, rank)
    elif fillable(desk, base) == 0:
        end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, venue_time, known, rank)
    elif own[base + KIND] == LIMIT_KIND:
        rest(desk, shelf, base)
    else:
        own[base + PHASE] = HUNGRY
        state[PENDING] = 1


@uncounted_inner
def arrive(desk: Desk, shelf: Shelf, base: int, time: int, known: int) -> None:
    """Let an order reach the venue."""
    _, own, _, _ = desk
    if own[base + TRIGGER] != NO_TRIGGER and fillable(desk, base) == 0:
        end_order(desk, base, REJECTION, REDUCE_ONLY_REASON, time, known, ARRIVAL_RANK)
    elif own[base + TRIGGER] != NO_TRIGGER:
        own[base + PHASE] = ARMED
        accept(desk, base, time, known)
    else:
        enter(desk, shelf, base, REJECTION, time, known, ARRIVAL_RANK)


@uncounted_inner
def amend(
    desk: Desk,
    shelf: Shelf,
    base: int,
    lots: int,
    limit: int,
    stop: int,
    time: int,
    known: int,
) -> None:
    """Give an order new terms; a refused one stands as it stood, in its place."""
    _, own, _, out = desk
    number = own[base + NUMBER]
    side = own[base + SIDE]
    phase = own[base + PHASE]
    if (limit != 0 and own[base + LIMIT] == 0) or (stop != 0 and phase != ARMED):
        report(desk, AMEND_REFUSAL, number, time, known, ARRIVAL_RANK, INVALID_REASON)
        return
    is_moved = limit != 0 and limit != own[base + LIMIT]
    if (
        is_moved
        and phase == RESTING
        and own[base + POST_ONLY] == 1
        and not is_crossed(shelf)
        and lots_within(shelf, (1 + side) // 2, -side * limit, 1) > 0
    ):
        report(desk, AMEND_REFUSAL, number, time, known, ARRIVAL_RANK, POST_ONLY_REASON)
        return
    if lots != 0 and lots <= own[base + FILLED]:
        # All that is wanted has filled.
        end_order(desk, base, EXPIRY_REPORT, AMENDED_REASON, time, known, ARRIVAL_RANK)
        return
    is_larger = lots > own[base + OWN_LOTS]
    if lots != 0:
        own[base + OWN_LOTS] = lots
    if limit != 0:
        own[base + LIMIT] = limit
    if stop != 0:
        own[base + STOP] = stop
    row = report(desk, AMEND_REPORT, number, time, known, ARRIVAL_RANK, 0)
    out[row + OUT_LOTS] = own[base + OWN_LOTS]
    out[row + OUT_PRICE] = own[base + LIMIT]
    out[row + OUT_REFERENCE] = own[base + STOP]
    if phase == RESTING and is_moved:
        own[base + AFTER] = time
        enter(desk, shelf, base, EXPIRY_REPORT, time, known, ARRIVAL_RANK)
    elif phase == RESTING and is_larger:
        own[base + AFTER] = time
        rest(desk, shelf, base)


# -- commands -----------------------------------------------------------------------------------


@uncounted_inner
def own_base(desk: Desk, number: int) -> int:
    """Return where an open order lies, or −1."""
    state, own, _, _ = desk
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        if own[base + NUMBER] == number and own[base + PHASE] != DONE:
            return base
    return -1


@uncounted_inner
def send(
    desk: Desk,
    time: int,
    kind: int,
    number: int,
    ready: int,
    answer: int,
    lots: int,
    limit: int,
    stop: int,
) -> None:
    """Put a command on its way, behind those of the same time; there is room for it.

    A triggered order enters before what we send to arrive at that time: the print that triggered it
    came first, whenever we sent it.
    """
    state, _, commands, _ = desk
    place = state[COMMAND_COUNT]
    while place > 0:
        before = (place - 1) * COMMAND_WIDTH
        overtakes = kind == ENTER_COMMAND and commands[before + COMMAND_KIND] != ENTER_COMMAND
        if commands[before + COMMAND_TIME] < time + 1 - int(overtakes):
            break
        for cell in range(place * COMMAND_WIDTH, (place + 1) * COMMAND_WIDTH):
            commands[cell] = commands[cell - COMMAND_WIDTH]
        place -= 1
    base = place * COMMAND_WIDTH
    state[COMMAND_COUNT] += 1
    state[SEQUENCE] += 1
    commands[base + COMMAND_TIME] = time
    commands[base + COMMAND_SEQUENCE] = state[SEQUENCE]
    commands[base + COMMAND_KIND] = kind
    commands[base + COMMAND_ORDER] = number
    commands[base + COMMAND_READY] = ready
    commands[base + COMMAND_ANSWER] = answer
    commands[base + COMMAND_LOTS] = lots
    commands[base + COMMAND_LIMIT] = limit
    commands[base + COMMAND_STOP] = stop


@uncounted_inner
def obey_first(desk: Desk, shelf: Shelf, arrival: int) -> None:
    """Let the oldest command act on orders and book as they stand.

    `arrival` is that of a row that tells that no earlier one is to come, NEVER where there is none.
    """
    state, own, commands, out = desk
    seen = min(arrival, max(state[OBEYED], commands[COMMAND_READY] + state[LAG]))
    state[OBEYED] = seen
    time = commands[COMMAND_TIME]
    kind = commands[COMMAND_KIND]
    number = commands[COMMAND_ORDER]
    known = max(commands[COMMAND_READY], seen)
    charge_funding(desk, time, seen)
    base = own_base(desk, number)
    waits = base >= 0 and own[base + PHASE] == WAITING
    held = state[POSITION]
    if kind == PLACE_COMMAND:
        if waits:
            arrive(desk, shelf, base, time, known)
    elif kind == ENTER_COMMAND:
        if base >= 0 and own[base + PHASE] == TRIGGERED:
            enter(desk, shelf, base, EXPIRY_REPORT, time, known, EVENT_RANK)
    elif kind == EXPIRE_COMMAND:
        if base >= 0 and not waits:
            end_order(desk, base, EXPIRY_REPORT, EXPIRED_REASON, time + 1, known, EVENT_RANK)
    elif base < 0 or waits:
        refusal = CANCEL_REFUSAL if kind == CANCEL_COMMAND else AMEND_REFUSAL
        reason = UNKNOWN_REASON if waits else FINAL_REASON
        report(desk, refusal, number, time, known, ARRIVAL_RANK, reason)
    elif kind == CANCEL_COMMAND:
        row = report(desk, CANCEL_REPORT, number, time, known, ARRIVAL_RANK, 0)
        out[row + OUT_LOTS] = own[base + FILLED]
        own[base + PHASE] = DONE
    elif kind == AMEND_COMMAND:
        lots, limit = commands[COMMAND_LOTS], commands[COMMAND_LIMIT]
        amend(desk, shelf, base, lots, limit, commands[COMMAND_STOP], time, known)
    if state[POSITION] != held:
        end_useless(desk, time, seen, ARRIVAL_RANK)
    state[COMMAND_COUNT] -= 1
    for cell in range(state[COMMAND_COUNT] * COMMAND_WIDTH):
        commands[cell] = commands[cell + COMMAND_WIDTH]
    tidy(desk)


@uncounted_inner
def end_useless(desk: Desk, time: int, known: int, rank: int) -> None:
    """Take away orders that only reduce when there is nothing left to reduce."""
    state, own, _, _ = desk
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        phase = own[base + PHASE]
        if (
            own[base + REDUCE_ONLY] == 1
            and phase != DONE
            and phase != WAITING
            and own[base + SIDE] * state[POSITION] >= 0
        ):
            known_then = max(time + own[base + ANSWER], known)
            end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, time, known_then, rank)


@uncounted_inner
def tidy(desk: Desk) -> None:
    """Let finished orders go, and set the bounds."""
    state, own, commands, _ = desk
    kept = 0
    best_bid, best_ask, low_bid, low_ask = -NEVER, -NEVER, NEVER, NEVER
    latest, rises, falls = -NEVER, NEVER, -NEVER
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        if own[base + PHASE] == DONE:
            continue
        if kept != order:
            for cell in range(OWN_WIDTH):
                own[kept * OWN_WIDTH + cell] = own[base + cell]
            base = kept * OWN_WIDTH
        kept += 1
        side = own[base + SIDE]
        if own[base + PHASE] == RESTING:
            key = side * own[base + LIMIT]
            latest = max(latest, own[base + AFTER])
            if side == 1:
                best_bid, low_bid = max(best_bid, key), min(low_bid, key)
            else:
                best_ask, low_ask = max(best_ask, key), min(low_ask, key)
        elif own[base + PHASE] == ARMED:
            if (own[base + TRIGGER] == STOP_TRIGGER) == (side == 1):
                rises = min(rises, own[base + STOP])
            else:
                falls = max(falls, own[base + STOP])
    if state[VOID_SINCE] != 0:
        # Every row is looked at: most of them tell of a book that is no more.
        latest = NEVER
    state[OWN_COUNT] = kept
    state[OWN_BEST], state[OWN_BEST + 1] = best_bid, best_ask
    state[OWN_LOW], state[OWN_LOW + 1] = low_bid, low_ask
    state[LATEST], state[RISES], state[FALLS] = latest, rises, falls
    state[NEXT_TIME], state[NEXT_DUE] = NEVER, NEVER
    if state[COMMAND_COUNT] > 0:
        state[NEXT_TIME] = commands[COMMAND_TIME]
        state[NEXT_DUE] = commands[COMMAND_READY] + state[LAG]
    if state[FUNDING_INTERVAL] > 0 and state[POSITION] != 0:
        state[NEXT_TIME] = min(state[NEXT_TIME], state[NEXT_FUNDING] - 1)
