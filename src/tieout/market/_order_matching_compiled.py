"""Matching at the order-by-order level: the rows of the market meet our orders.

The rules are on the page of that level. Entry points stand last: they are compiled as they are
defined, after what they call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import inlined, uncounted, uncounted_inner
from tieout.market._layout import (
    EVENT_RANK,
    EXPIRY_REPORT,
    MAKER,
    REDUCE_ONLY_REASON,
    TRIGGER_REPORT,
)
from tieout.market._order_book_compiled import (
    apply_event,
    best_key,
    note_break,
    shortage,
    slot_of,
)
from tieout.market._order_book_layout import (
    APPLIED,
    ARRIVAL_TIME,
    BOOK_TIME,
    CLEAR,
    FILL,
    HEAD,
    KEY,
    LEVEL_COUNT,
    LOTS,
    MODIFY,
    NEVER,
    NEXT,
    PLACE,
    PLACE_WIDTH,
    ROW,
    SLOT_WIDTH,
    STAMP,
    TRADE,
    UNSCALED_BREAK,
)
from tieout.market._order_desk_compiled import (
    charge_funding,
    end_order,
    end_useless,
    fill_own,
    fillable,
    funding_count,
    is_crossed,
    obey_first,
    report,
    rest,
    send,
    settle_rest,
    take,
    take_at,
    tidy,
)
from tieout.market._order_matching_layout import (
    AFTER,
    AHEAD,
    ANSWER,
    ARMED,
    BACK,
    CLEARED,
    COMMAND_COUNT,
    COMMAND_READY,
    COMMAND_TIME,
    COMMAND_WIDTH,
    COMMANDS_FULL,
    COMMITTED,
    CURSOR,
    ENTER_COMMAND,
    FALLS,
    FUNDING_INTERVAL,
    HUNGRY,
    KIND,
    LAG,
    LAST_PRINT,
    LATEST,
    LEFT_LOTS,
    LEFT_PRICE,
    LEFT_SIDE,
    LEFT_TIME,
    LIMIT,
    LIMIT_KIND,
    NEEDED,
    NEXT_DUE,
    NEXT_TIME,
    NUMBER,
    OUT_COUNT,
    OUT_FULL,
    OUT_WIDTH,
    OWN_BEST,
    OWN_COUNT,
    OWN_LOW,
    OWN_STAMP,
    OWN_WIDTH,
    PENDING,
    PHASE,
    POSITION,
    RESTING,
    RISES,
    SCANNED,
    SIDE,
    STOP,
    STOP_TRIGGER,
    TRIGGER,
    TRIGGERED,
    VOID_SINCE,
)

if TYPE_CHECKING:
    from tieout.market._order_desk_compiled import Array, Desk, Shelf
    from tieout.market.order_book import Flags

__all__: list[str] = []


# -- our orders in their queues -------------------------------------------------------------------


@uncounted_inner
def first_in_line(desk: Desk, row: int, key: int, stamp: int, after: int) -> int:
    """Return our resting order that trades first among those ahead of a key and stamp, or −1.

    Only those count that were there before the venue time `after`. An order that waits to be put
    at the back stands ahead of worse prices only.
    """
    state, own, _, _ = desk
    found = -1
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        side = own[base + SIDE]
        if own[base + PHASE] != RESTING or (1 - side) // 2 != row or own[base + AFTER] >= after:
            continue
        own_key = side * own[base + LIMIT]
        is_ahead = own_key > key or (
            own_key == key and own[base + BACK] == 0 and own[base + OWN_STAMP] < stamp
        )
        if not is_ahead:
            continue
        if found >= 0:
            best = side * own[found + LIMIT]
            if own_key < best or (
                own_key == best and own[base + OWN_STAMP] >= own[found + OWN_STAMP]
            ):
                continue
        found = base
    return found


@uncounted_inner
def hand_out(
    desk: Desk, row: int, key: int, stamp: int, lots: int, after: int, time: int, arrival: int
) -> int:
    """Give lots that traded at a key and stamp to our orders ahead of it; return what is left."""
    _, own, _, _ = desk
    while lots > 0:
        base = first_in_line(desk, row, key, stamp, after)
        if base < 0:
            break
        most = min(lots, fillable(desk, base))
        known = max(time + own[base + ANSWER], arrival)
        if most > 0:
            fill_own(desk, base, most, own[base + LIMIT], MAKER, time, known, EVENT_RANK)
            lots -= most
        end_if_spent(desk, base, time, known)
    return lots


@uncounted_inner
def end_if_spent(desk: Desk, base: int, time: int, known: int) -> None:
    """End a reduce-only order that has nothing left to reduce."""
    _, own, _, _ = desk
    if own[base + PHASE] != RESTING or fillable(desk, base) > 0:
        return
    end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, time, known, EVENT_RANK)


@uncounted_inner
def move_queues(desk: Desk, row: int, key: int, stamp: int, lots: int) -> None:
    """Let lots of a stranger with this stamp come to, or go from, those ahead of our orders."""
    state, own, _, _ = desk
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        side = own[base + SIDE]
        if (
            own[base + PHASE] == RESTING
            and (1 - side) // 2 == row
            and side * own[base + LIMIT] == key
            and own[base + BACK] == 0
            and stamp <= own[base + OWN_STAMP]
        ):
            own[base + AHEAD] += lots


@uncounted_inner
def let_ahead(desk: Desk, shelf: Shelf, place: int, stamp: int, after: int) -> None:
    """Put a stranger who was there before some of our orders, but is told of late, before them."""
    state, own, _, _ = desk
    _, orders, levels, _, _, _ = shelf
    level = place * PLACE_WIDTH
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        side = own[base + SIDE]
        if (
            own[base + PHASE] != RESTING
            or (1 - side) // 2 != levels[level + ROW]
            or side * own[base + LIMIT] != levels[level + KEY]
            or own[base + BACK] == 1
            or own[base + AFTER] < after
            or own[base + OWN_STAMP] >= stamp
        ):
            continue
        own[base + OWN_STAMP] = stamp
        ahead = 0
        slot = levels[level + HEAD]
        while slot >= 0:
            if orders[slot * SLOT_WIDTH + STAMP] <= stamp:
                ahead += orders[slot * SLOT_WIDTH + LOTS]
            slot = orders[slot * SLOT_WIDTH + NEXT]
        own[base + AHEAD] = ahead


# -- prints ---------------------------------------------------------------------------------------


@uncounted_inner
def explain_rest(desk: Desk, time: int, arrival: int) -> None:
    """Give what no fill row told of the last print to our orders that it traded through."""
    state, _, _, _ = desk
    lots = state[LEFT_LOTS]
    state[LEFT_LOTS] = 0
    if lots == 0:
        return
    price = state[LEFT_PRICE]
    # Stamp −NEVER: at the print's own price nobody knows who stood where.
    if state[LEFT_SIDE] <= 0:
        lots = hand_out(desk, 0, price, -NEVER, lots, state[LEFT_TIME], time, arrival)
    if state[LEFT_SIDE] >= 0:
        hand_out(desk, 1, -price, -NEVER, lots, state[LEFT_TIME], time, arrival)


@uncounted_inner
def pull_triggers(desk: Desk, price: int, venue_time: int, time: int, arrival: int) -> None:
    """Trigger the orders that a print reaches; they enter the book when its moment is over."""
    state, own, _, _ = desk
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        if own[base + PHASE] != ARMED or own[base + AFTER] >= venue_time:
            continue
        rising = (own[base + TRIGGER] == STOP_TRIGGER) == (own[base + SIDE] == 1)
        if (rising and price < own[base + STOP]) or (not rising and price > own[base + STOP]):
            continue
        known = max(time + own[base + ANSWER], arrival)
        report(desk, TRIGGER_REPORT, own[base + NUMBER], time, known, EVENT_RANK, 0)
        own[base + PHASE] = TRIGGERED
        own[base + AFTER] = time
        number, answer = own[base + NUMBER], own[base + ANSWER]
        send(desk, time, ENTER_COMMAND, number, known, answer, 0, 0, 0)


# -- a whole book ---------------------------------------------------------------------------------


@uncounted_inner
def meet_whole_book(desk: Desk, shelf: Shelf, venue_time: int, time: int, arrival: int) -> None:
    """Let a book that is whole meet our orders: those put back, those crossed, the hungry."""
    state, own, _, _ = desk
    state[CLEARED] = 0
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        if own[base + PHASE] == RESTING and own[base + BACK] == 1:
            rest(desk, shelf, base)
    if is_crossed(shelf):
        return
    state[PENDING] = 0
    for row in range(2):
        meet_crossing(desk, shelf, row, venue_time, time, arrival)
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        if own[base + PHASE] != HUNGRY:
            continue
        known = max(time + own[base + ANSWER], arrival)
        take(desk, shelf, base, -NEVER, time, known, EVENT_RANK)
        if own[base + KIND] == LIMIT_KIND or fillable(desk, base) == 0:
            settle_rest(desk, shelf, base, time, known, EVENT_RANK)
        elif own[base + PHASE] == HUNGRY:
            state[PENDING] = 1


@uncounted_inner
def meet_crossing(
    desk: Desk, shelf: Shelf, row: int, venue_time: int, time: int, arrival: int
) -> None:
    """Fill our resting orders of a row as far as strangers who cross them show lots."""
    state, own, _, _ = desk
    book, _, _, ladder, _, _ = shelf
    room = len(ladder) // 4
    other = 1 - row
    # The best of the other side, with its sign turned, is what a key must reach to be crossed.
    bound = -best_key(book, ladder, other) - 1
    rung = book[LEVEL_COUNT + other] - 1
    while True:
        base = first_in_line(desk, row, bound, -NEVER, venue_time)
        if base < 0:
            break
        known = max(time + own[base + ANSWER], arrival)
        key = own[base + SIDE] * own[base + LIMIT]
        lots = 0
        most = fillable(desk, base)
        while lots < most and rung >= 0 and ladder[other * room + rung] + key >= 0:
            lots += take_at(shelf, ladder[(2 + other) * room + rung], most - lots)
            if lots < most:
                rung -= 1
        if lots > 0:
            fill_own(desk, base, lots, own[base + LIMIT], MAKER, time, known, EVENT_RANK)
        end_if_spent(desk, base, time, known)
        if own[base + PHASE] == RESTING:
            # Nothing crosses it any more, and so nothing those behind it.
            break
    for order in range(state[OWN_COUNT]):
        base = order * OWN_WIDTH
        is_late = own[base + AFTER] >= venue_time
        if own[base + PHASE] == RESTING and (1 - own[base + SIDE]) // 2 == row and is_late:
            state[PENDING] = 1


# -- rows -----------------------------------------------------------------------------------------


@inlined
def is_near(
    state: Array,
    shelf: Shelf,
    action: int,
    side: int,
    price: int,
    order_id: int,
    venue_time: int,
    last: int,
) -> bool:
    """Whether a row may matter to an order of ours; most rows do not."""
    _, orders, levels, _, table, _ = shelf
    if action > FILL or venue_time <= state[LATEST] or (last == 1 and state[PENDING] == 1):
        return True
    if state[LEFT_LOTS] > 0 and (last == 1 or action == FILL):
        return True
    if action <= MODIFY and side * price + state[OWN_BEST + (1 + side) // 2] >= 0:
        return True
    slot = slot_of(table, order_id)
    if slot < 0:
        return action == FILL
    level = orders[slot * SLOT_WIDTH + PLACE] * PLACE_WIDTH
    row, key = levels[level + ROW], levels[level + KEY]
    if action == FILL:
        return key <= state[OWN_BEST + row]
    return state[OWN_LOW + row] <= key <= state[OWN_BEST + row]


@uncounted_inner
def meet_fill(
    desk: Desk,
    shelf: Shelf,
    side: int,
    price: int,
    lots: int,
    order_id: int,
    venue_time: int,
    time: int,
    arrival: int,
) -> None:
    """Let a stranger's fill reach our orders that stand ahead of him, as far as its lots go."""
    state, _, _, _ = desk
    _, orders, levels, _, table, _ = shelf
    state[LEFT_LOTS] = max(0, state[LEFT_LOTS] - lots)
    slot = slot_of(table, order_id)
    if slot >= 0:
        level = orders[slot * SLOT_WIDTH + PLACE] * PLACE_WIDTH
        row, key = levels[level + ROW], levels[level + KEY]
        stamp = orders[slot * SLOT_WIDTH + STAMP]
        if side != 0 and row != (1 - side) // 2:
            return
    elif side != 0:
        # A stranger who is not in the book: ours stands ahead of him at better prices only.
        row, key, stamp = (1 - side) // 2, side * price, -NEVER
    else:
        return
    # An order fills at its own price or a better one; a row that tells otherwise, of an order
    # that moved without a row, is no fill at the place where the book has it.
    if (1 - 2 * row) * price <= key:
        hand_out(desk, row, key, stamp, lots, venue_time, time, arrival)


@uncounted_inner
def meet_void(
    desk: Desk,
    shelf: Shelf,
    place: int,
    venue_time: int,
    time: int,
    arrival: int,
    action: int,
    price: int,
    order_id: int,
) -> None:
    """Let a row act while no book is known since a split: a print triggers, the others are left."""
    state, _, _, _ = desk
    book, _, _, _, _, breaks = shelf
    book[BOOK_TIME] = time
    if action == TRADE:
        pull_triggers(desk, price, venue_time, time, arrival)
        state[LAST_PRINT] = price
    else:
        note_break(book, breaks, UNSCALED_BREAK, place, order_id, price, 0)
    tidy(desk)


@uncounted_inner
def meet_row(
    desk: Desk,
    shelf: Shelf,
    place: int,
    venue_time: int,
    arrival: int,
    action: int,
    side: int,
    price: int,
    lots: int,
    order_id: int,
    last: int,
) -> None:
    """Let one row of the market act on our orders and on the book."""
    state, own, _, _ = desk
    book, orders, levels, ladder, table, breaks = shelf
    time = max(venue_time, book[BOOK_TIME])
    if state[FUNDING_INTERVAL] > 0:
        # Those due by now are charged already; this is for a position that a fill opens.
        charge_funding(desk, time, arrival)
    if state[VOID_SINCE] != 0:
        if action != CLEAR or venue_time < state[VOID_SINCE]:
            meet_void(desk, shelf, place, venue_time, time, arrival, action, price, order_id)
            return
        state[VOID_SINCE] = 0
    held = state[POSITION]
    if action == TRADE:
        explain_rest(desk, time, arrival)
        pull_triggers(desk, price, venue_time, time, arrival)
        state[LAST_PRINT] = price
        state[LEFT_LOTS], state[LEFT_PRICE] = lots, price
        state[LEFT_SIDE], state[LEFT_TIME] = side, venue_time
    elif action == FILL:
        meet_fill(desk, shelf, side, price, lots, order_id, venue_time, time, arrival)
    elif action == CLEAR:
        state[CLEARED] = 1
        state[PENDING] = 1
        for order in range(state[OWN_COUNT]):
            if own[order * OWN_WIDTH + PHASE] == RESTING:
                own[order * OWN_WIDTH + BACK] = 1
                own[order * OWN_WIDTH + AHEAD] = 0
    else:
        slot = slot_of(table, order_id)
        if slot >= 0:
            cell = slot * SLOT_WIDTH
            level = orders[cell + PLACE] * PLACE_WIDTH
            row, key = levels[level + ROW], levels[level + KEY]
            move_queues(desk, row, key, orders[cell + STAMP], -orders[cell + LOTS])
        if action <= MODIFY and side * price + state[OWN_BEST + (1 + side) // 2] >= 0:
            state[PENDING] = 1
    apply_event(
        book,
        orders,
        levels,
        ladder,
        table,
        breaks,
        place,
        venue_time,
        action,
        side,
        price,
        lots,
        order_id,
        last,
    )
    if action < FILL:
        slot = slot_of(table, order_id)
        if slot >= 0:
            cell = slot * SLOT_WIDTH
            level = orders[cell + PLACE] * PLACE_WIDTH
            row, key = levels[level + ROW], levels[level + KEY]
            move_queues(desk, row, key, orders[cell + STAMP], orders[cell + LOTS])
            if venue_time <= state[LATEST]:
                let_ahead(desk, shelf, orders[cell + PLACE], orders[cell + STAMP], venue_time)
    if last == 1:
        explain_rest(desk, time, arrival)
        if state[PENDING] == 1:
            meet_whole_book(desk, shelf, venue_time, time, arrival)
    if state[POSITION] != held:
        end_useless(desk, time, arrival, EVENT_RANK)
    tidy(desk)


@uncounted_inner
def room_lacks(desk: Desk, shelf: Shelf, until: int) -> int:
    """Return what has no room for one more row or command, or COMMITTED."""
    state, _, commands, out = desk
    book, _, _, _, _, _ = shelf
    takers = max(1, state[OWN_COUNT]) if state[PENDING] == 1 else 1
    steps = book[LEVEL_COUNT] + book[LEVEL_COUNT + 1] + 2
    # A trigger, three fills and an end are the most that a row does to an order that rests.
    needed = 5 * state[OWN_COUNT] + takers * steps + funding_count(state, until) + 2
    if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
        state[NEEDED] = needed
        return OUT_FULL
    if (state[COMMAND_COUNT] + state[OWN_COUNT]) * COMMAND_WIDTH > len(commands):
        state[NEEDED] = state[OWN_COUNT]
        return COMMANDS_FULL
    return COMMITTED


@inlined
def first_waits(state: Array, commands: Array, time: int, arrival: int) -> bool:
    """Whether the oldest command acts before a row of this venue time and arrival."""
    return state[COMMAND_COUNT] > 0 and (
        commands[COMMAND_TIME] < time or commands[COMMAND_READY] + state[LAG] < arrival
    )


@uncounted_inner
def obey_before(desk: Desk, shelf: Shelf, time: int, arrival: int) -> int:
    """Let every command act that comes before a row, and the payments due with that row."""
    state, _, commands, _ = desk
    while first_waits(state, commands, time, arrival):
        lacks = room_lacks(desk, shelf, commands[COMMAND_TIME])
        if lacks != COMMITTED:
            return lacks
        obey_first(desk, shelf, arrival)
    lacks = room_lacks(desk, shelf, time)
    if lacks == COMMITTED and state[FUNDING_INTERVAL] > 0:
        charge_funding(desk, time, arrival)
        tidy(desk)
    return lacks


@inlined
def touches(
    state: Array,
    time: int,
    arrival: int,
    action: int,
    side: int,
    price: int,
) -> bool:
    """Whether a row may cause a report, told by the row alone: never no where the answer is yes."""
    if time > state[NEXT_TIME] or arrival > state[NEXT_DUE]:
        return True
    if state[PENDING] == 1 or state[LEFT_LOTS] > 0:
        return True
    if action <= MODIFY:
        return side * price + state[OWN_BEST + (1 + side) // 2] >= 0
    if action == FILL:
        return (side >= 0 and price <= state[OWN_BEST]) or (
            side <= 0 and -price <= state[OWN_BEST + 1]
        )
    if action == TRADE:
        return (
            price >= state[RISES]
            or price <= state[FALLS]
            or (side <= 0 and price < state[OWN_BEST])
            or (side >= 0 and -price < state[OWN_BEST + 1])
        )
    return action == CLEAR


# -- entry points ---------------------------------------------------------------------------------


@uncounted("int64(A, A, C, C, C8, C8, C, int64, int64)")
def scan_orders(
    state: Array,
    book: Array,
    venue_time: Array,
    arrival_time: Array,
    action: Flags,
    side: Flags,
    price: Array,
    until: int,
    ahead: int,
) -> int:
    """Look for the first row that may cause a report; return 1 when SCANNED is one, else 0.

    Every row that arrives by `until` is looked at, and `ahead` rows in any case.
    """
    row = max(state[CURSOR], state[SCANNED])
    least = min(row + ahead, len(action))
    while row < len(action) and (row < least or arrival_time[row] <= until):
        # No quiet row is later than what comes next, so the book's time is enough to know.
        # A number of 8 bits would overflow where this runs uncompiled.
        time = max(venue_time[row], book[BOOK_TIME])
        if touches(state, time, arrival_time[row], int(action[row]), int(side[row]), price[row]):
            state[SCANNED] = row
            return 1
        row += 1
    state[SCANNED] = row
    return 0


@uncounted("int64(A, A, A, A, A, A, A, A, A, A, C, C, C8, C8, C, C, C, C8, int64)")
def commit_orders(
    state: Array,
    own: Array,
    commands: Array,
    out: Array,
    book: Array,
    orders: Array,
    levels: Array,
    ladder: Array,
    table: Array,
    breaks: Array,
    venue_time: Array,
    arrival_time: Array,
    action: Flags,
    side: Flags,
    price: Array,
    lots: Array,
    order_id: Array,
    last: Flags,
    until: int,
) -> int:
    """Let every row that arrived by `until` act; return why it stopped."""
    desk = (state, own, commands, out)
    shelf = (book, orders, levels, ladder, table, breaks)
    for row in range(state[CURSOR], len(action)):
        arrival = arrival_time[row]
        if arrival > until:
            break
        state[CURSOR] = row
        lacks = shortage(book, orders, levels)
        if lacks != APPLIED:
            return lacks
        time = venue_time[row]
        if max(time, book[BOOK_TIME]) > state[NEXT_TIME] or arrival > state[NEXT_DUE]:
            lacks = obey_before(desk, shelf, max(time, book[BOOK_TIME]), arrival)
            if lacks != COMMITTED:
                return lacks
        kind, sign, whole = int(action[row]), int(side[row]), int(last[row])
        if is_near(state, shelf, kind, sign, price[row], order_id[row], time, whole):
            lacks = room_lacks(desk, shelf, time)
            if lacks != COMMITTED:
                return lacks
            meet_row(
                desk,
                shelf,
                row,
                time,
                arrival,
                kind,
                sign,
                price[row],
                lots[row],
                order_id[row],
                whole,
            )
        else:
            apply_event(
                book,
                orders,
                levels,
                ladder,
                table,
                breaks,
                row,
                time,
                kind,
                sign,
                price[row],
                lots[row],
                order_id[row],
                whole,
            )
        book[ARRIVAL_TIME] = arrival
        state[CURSOR] = row + 1
    return COMMITTED


@uncounted("int64(A, A, A, A, A, A, A, A, A, A, int64)")
def obey_due(
    state: Array,
    own: Array,
    commands: Array,
    out: Array,
    book: Array,
    orders: Array,
    levels: Array,
    ladder: Array,
    table: Array,
    breaks: Array,
    until: int,
) -> int:
    """Let the commands act that have waited long enough by `until`; return why it stopped."""
    desk = (state, own, commands, out)
    shelf = (book, orders, levels, ladder, table, breaks)
    while state[COMMAND_COUNT] > 0 and commands[COMMAND_READY] + state[LAG] <= until:
        lacks = room_lacks(desk, shelf, commands[COMMAND_TIME])
        if lacks != COMMITTED:
            return lacks
        obey_first(desk, shelf, NEVER)
    return COMMITTED


@uncounted("void(A, A, A, A, int64, int64, int64, int64, int64, int64, int64, int64)")
def send_command(
    state: Array,
    own: Array,
    commands: Array,
    out: Array,
    time: int,
    kind: int,
    number: int,
    ready: int,
    answer: int,
    lots: int,
    limit: int,
    stop: int,
) -> None:
    """Put a command on its way; there is room for it."""
    desk = (state, own, commands, out)
    send(desk, time, kind, number, ready, answer, lots, limit, stop)
    tidy(desk)


@uncounted("void(A, A, A, A)")
def note_bounds(state: Array, own: Array, commands: Array, out: Array) -> None:
    """Note what a row must reach to concern us, after orders were changed from outside."""
    tidy((state, own, commands, out))
