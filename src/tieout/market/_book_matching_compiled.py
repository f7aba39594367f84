"""Matching on an L2 book: one pass over the rows, which stops to think only where ours is touched.

A row that touches nothing of ours costs a few compares beside what it does to the book: the best
and worst price of our resting orders a side, the next command, whether anything waits for the
book. Entry points stand last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._book_compiled import (
    clear_row,
    fault_of,
    level_lots,
    note_break,
    note_crossing,
    set_level,
)
from tieout.market._book_layout import (
    APPLIED,
    ARRIVAL_TIME,
    ASK_ROW,
    BAD_ARRIVAL,
    BASE,
    BEST,
    BOOK_TIME,
    BREAK_COUNT,
    BREAK_ROOM,
    BREAKS_FULL,
    CELL_COUNT,
    CELLS,
    CLEAR_ROW,
    CROSSED,
    LEVEL_ROW,
    LOTS_MAX,
    NEVER,
    PRICE_MAX,
    PROBLEM_ROW,
    SIDE_WIDTH,
    SNAPSHOT_ROW,
    STALE_BREAK,
    TRADE_ROW,
    UNSCALED_BREAK,
    WINDOW,
)
from tieout.market._book_matching_layout import (
    CLOCK,
    COMMAND_ANSWER,
    COMMAND_COUNT,
    COMMAND_KIND,
    COMMAND_LIMIT,
    COMMAND_LOTS,
    COMMAND_ORDER,
    COMMAND_SEQUENCE,
    COMMAND_STOP,
    COMMAND_TIME,
    COMMAND_WIDTH,
    COMMANDS_START,
    COMMITTED,
    CURSOR,
    FALLS,
    HUNGRY_COUNT,
    LAST_PRINT,
    NEXT_DUE,
    NEXT_TIME,
    ORDER_COUNT,
    OUT_COUNT,
    OUT_FULL,
    OUT_ROOM,
    OWN_BEST,
    OWN_LOW,
    POSITION,
    PROBLEM,
    RISES,
    SCANNED,
    SEQUENCE,
    TAKEN_COUNT,
    TAKEN_FULL,
    TAKEN_ROOM,
    TOUCHING,
    VOID_SINCE,
    WHOLE,
)
from tieout.market._book_orders_compiled import (
    charge_funding,
    due_time,
    end_useless,
    forget_taken,
    forget_taken_row,
    funding_count,
    level_count,
    meet_print,
    meet_whole_book,
    move_queues,
    obey_first,
    remove_done,
    set_bounds,
    taken_place,
)
from tieout.market._compile import compiled, compiled_inner, inlined
from tieout.market._layout import EVENT_RANK
from tieout.market._orders_compiled import first_after

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Bytes = NDArray[np.int8]

__all__: list[str] = []


@compiled_inner
def room_for(desk: Array, book: Array, payments: int) -> int:
    """Return COMMITTED if whatever one event can cause fits, else what is too small.

    A fill finishes an order or a level, so there are no more of them than of both together.
    """
    most = level_count(book) + 2 * desk[ORDER_COUNT] + payments + 4
    if desk[OUT_COUNT] + most > desk[OUT_ROOM]:
        desk[PROBLEM] = most
        return OUT_FULL
    if desk[TAKEN_COUNT] + most > desk[TAKEN_ROOM]:
        desk[PROBLEM] = most
        return TAKEN_FULL
    return COMMITTED


@compiled_inner
def obey_until(desk: Array, book: Array, time: int, arrival: int) -> int:
    """Let commands act that came before a row, or that were due before it arrived."""
    first = desk[COMMANDS_START]
    while desk[COMMAND_COUNT] > 0:
        due = due_time(desk)
        if desk[first + COMMAND_TIME] >= time and due >= arrival:
            break
        reason = room_for(desk, book, funding_count(desk, desk[first + COMMAND_TIME]))
        if reason != COMMITTED:
            return reason
        obey_first(desk, book, min(due, arrival))
    return COMMITTED


@compiled_inner
def meet_level(desk: Array, book: Array, kind: int, side: int, price: int, lots: int) -> int:
    """Let a level's row change the book, our queues there, and what we have taken of it."""
    row = (1 - side) // 2
    key = side * price
    before = level_lots(book, row, key)
    reason = set_level(book, row, key, lots)
    if reason != APPLIED:
        return reason
    if desk[OWN_LOW + row] <= key <= desk[OWN_BEST + row]:
        move_queues(desk, row, key, before, lots, kind)
    if desk[TAKEN_COUNT] > 0 and (before != lots or kind == SNAPSHOT_ROW):
        taken = taken_place(desk, row, key)
        if taken >= 0:
            forget_taken(desk, taken)
    return APPLIED


@compiled_inner
def meet_clear(desk: Array, book: Array, side: int) -> None:
    """Empty one side or both; our places in queues stay, since nothing tells of them."""
    if side >= 0:
        clear_row(book, 0)
        forget_taken_row(desk, 0)
    if side <= 0:
        clear_row(book, ASK_ROW)
        forget_taken_row(desk, ASK_ROW)


@compiled_inner
def meet_row(
    desk: Array,
    book: Array,
    place: int,
    time: int,
    arrival: int,
    kind: int,
    side: int,
    price: int,
    lots: int,
    last: int,
) -> int:
    """Let one row act on everything, whatever it is; return COMMITTED, or why it did not.

    What it has done when it did not may be done again: it can be called for the row once more.
    """
    fault = fault_of(kind, side, price, lots)
    if fault == APPLIED and arrival < book[ARRIVAL_TIME]:
        fault = BAD_ARRIVAL
    if fault == APPLIED and book[BREAK_COUNT] + 2 > BREAK_ROOM:
        fault = BREAKS_FULL
    if fault != APPLIED:
        return fault
    clock = max(desk[CLOCK], time)
    reason = obey_until(desk, book, clock, arrival)
    if reason == COMMITTED:
        reason = room_for(desk, book, funding_count(desk, time))
    if reason != COMMITTED:
        set_bounds(desk, book)
        return reason
    desk[CLOCK] = clock
    charge_funding(desk, time, arrival)
    held = desk[POSITION]
    if kind == TRADE_ROW:
        meet_print(desk, book, side, price, lots, time, arrival)
    elif desk[VOID_SINCE] != 0 and (kind == LEVEL_ROW or time < desk[VOID_SINCE]):
        note_break(book, UNSCALED_BREAK, place, time, price)
    elif time < book[BOOK_TIME]:
        note_break(book, STALE_BREAK, place, time, price)
    else:
        desk[VOID_SINCE] = 0
        if kind == CLEAR_ROW:
            meet_clear(desk, book, side)
        else:
            reason = meet_level(desk, book, kind, side, price, lots)
            if reason != APPLIED:
                set_bounds(desk, book)
                return reason
        book[BOOK_TIME] = time
    book[ARRIVAL_TIME] = arrival
    if kind == TRADE_ROW or time >= book[BOOK_TIME]:
        desk[WHOLE] = last
        if last != 0:
            note_crossing(book, place, time)
            meet_whole_book(desk, book, time, arrival)
    if desk[POSITION] != held:
        end_useless(desk, time, arrival, EVENT_RANK)
    remove_done(desk)
    set_bounds(desk, book)
    return COMMITTED


@compiled_inner
def print_alone(
    desk: Array, book: Array, side: int, price: int, lots: int, time: int, known: int
) -> None:
    """Let a print act that leaves the book as it is, and before which no command acts."""
    # None is due; while flat it moves on past those that nobody owes.
    charge_funding(desk, time, known)
    reports, held = desk[OUT_COUNT], desk[POSITION]
    meet_print(desk, book, side, price, lots, time, known)
    if desk[OUT_COUNT] == reports:
        return
    if desk[POSITION] != held:
        end_useless(desk, time, known, EVENT_RANK)
    remove_done(desk)
    set_bounds(desk, book)


@inlined
def is_quiet(desk: Array, book: Array) -> bool:
    """Whether a whole book neither crosses, nor meets an order of ours."""
    bid = book[BEST]
    ask = book[SIDE_WIDTH + BEST]
    return (
        bid + ask < 0
        and desk[OWN_BEST] + ask < 0
        and desk[OWN_BEST + 1] + bid < 0
        and desk[HUNGRY_COUNT] == 0
        and book[CROSSED] == 0
    )


@compiled(
    "int64(A, A, C, C, C8, C8, C, C, C8, int64)",
)
def commit_book(
    desk: Array,
    book: Array,
    venue_time: Array,
    arrival_time: Array,
    kind: Bytes,
    side: Bytes,
    price: Array,
    lots: Array,
    last: Bytes,
    until: int,
) -> int:
    """Let every row that arrived by `until` act on book and orders; return why it stopped."""
    width = book[WINDOW]
    mask = width - 1
    start = desk[CURSOR]
    stop = first_after(arrival_time, start, until)
    clock = desk[CLOCK]
    changed = book[BOOK_TIME]
    arrived = book[ARRIVAL_TIME]
    whole = desk[WHOLE]
    for row in range(start, stop):
        sign = int(side[row])
        size = lots[row]
        time = venue_time[row]
        arrival = arrival_time[row]
        # The common rows, written out. The signs of many differences are looked at in one compare.
        sound = (
            size
            | (LOTS_MAX - size)
            | (price[row] - 1)
            | (arrival - arrived)
            | (desk[NEXT_TIME] - 1 - time)
            | (desk[NEXT_DUE] - arrival)
        )
        is_level = kind[row] == LEVEL_ROW or kind[row] == SNAPSHOT_ROW
        if is_level and sound >= 0 and sign * sign == 1:
            line = (1 - sign) >> 1
            base = line * SIDE_WIDTH
            key = sign * price[row]
            offset = key - book[base + BASE]
            quiet = key > desk[OWN_BEST + line] or key < desk[OWN_LOW + line]
            inside = offset | (mask - offset) | (time - changed)
            if inside >= 0 and desk[TAKEN_COUNT] == 0:
                cell = CELLS + line * width + (key & mask)
                before = book[cell]
                best = book[base + BEST]
                done = True
                if size != 0 and best != -NEVER:
                    book[cell] = size
                    if before == 0:
                        book[base + CELL_COUNT] += 1
                        if key > best:
                            book[base + BEST] = key
                elif size == 0 and key < best:
                    if before != 0:
                        book[cell] = 0
                        book[base + CELL_COUNT] -= 1
                else:
                    # Room for far levels is the slow path's business: it comes here again.
                    done = set_level(book, line, key, size) == APPLIED
                if done:
                    if not quiet:
                        # Where the row has to be met again below, this changes nothing more.
                        move_queues(desk, line, key, before, size, int(kind[row]))
                    clock = max(clock, time)
                    changed = time
                    arrived = arrival
                    whole = last[row]
                    if whole == 0 or is_quiet(desk, book):
                        continue
        elif kind[row] == TRADE_ROW and sound >= 0 and size != 0 and sign * sign == 1:
            line = (1 + sign) >> 1
            is_simple = price[row] <= PRICE_MAX and (last[row] == 0 or is_quiet(desk, book))
            if is_simple and room_for(desk, book, 0) == COMMITTED:
                clock = max(clock, time)
                arrived = arrival
                whole = last[row]
                if (
                    desk[OWN_BEST + line] < -sign * price[row]
                    and price[row] < desk[RISES]
                    and price[row] > desk[FALLS]
                ):
                    desk[LAST_PRINT] = price[row]
                    continue
                desk[CLOCK] = clock
                print_alone(desk, book, sign, price[row], size, time, arrival)
                desk[SCANNED] = row + 1
                continue
        desk[CLOCK] = clock
        desk[WHOLE] = whole
        book[BOOK_TIME] = changed
        book[ARRIVAL_TIME] = arrived
        reason = meet_row(
            desk, book, row, time, arrival, kind[row], sign, price[row], size, last[row]
        )
        if reason != COMMITTED:
            desk[CURSOR] = row
            book[PROBLEM_ROW] = row
            return reason
        clock = desk[CLOCK]
        changed = book[BOOK_TIME]
        arrived = book[ARRIVAL_TIME]
        whole = desk[WHOLE]
        # What a scan saw beyond this row it saw with other orders.
        desk[SCANNED] = row + 1
    desk[CLOCK] = clock
    desk[WHOLE] = whole
    book[BOOK_TIME] = changed
    book[ARRIVAL_TIME] = arrived
    desk[CURSOR] = stop
    desk[SCANNED] = max(desk[SCANNED], stop)
    set_bounds(desk, book)
    return COMMITTED


@compiled("int64(A, C, C, C8, C8, C, C, int64, int64)")
def scan_book(
    desk: Array,
    venue_time: Array,
    arrival_time: Array,
    kind: Bytes,
    side: Bytes,
    price: Array,
    lots: Array,
    until: int,
    ahead: int,
) -> int:
    """Look for the first row that may cause a report; return 1 when SCANNED is one, else 0.

    It changes nothing else. Every row that arrives by `until` is looked at, and `ahead` in any
    case. A row that may: a print that reaches one of our prices, a level of the other side at or
    inside of one, any row while an order waits for the book, and what comes after a command.
    """
    start = max(desk[CURSOR], desk[SCANNED])
    stop = max(first_after(arrival_time, start, until), min(start + ahead, len(arrival_time)))
    next_time = desk[NEXT_TIME]
    is_awake = desk[HUNGRY_COUNT] > 0 or desk[TOUCHING] == 1
    bids = desk[OWN_BEST]
    asks = -desk[OWN_BEST + 1]
    rises = desk[RISES]
    falls = desk[FALLS]
    for row in range(start, stop):
        sign = side[row]
        touches = is_awake or venue_time[row] >= next_time
        if kind[row] == TRADE_ROW:
            touches = touches or price[row] >= rises or price[row] <= falls
        if kind[row] != CLEAR_ROW and lots[row] != 0:
            touches = touches or (sign >= 0 and price[row] >= asks)
            touches = touches or (sign <= 0 and price[row] <= bids)
        if touches:
            desk[SCANNED] = row
            return 1
    desk[SCANNED] = stop
    return 0


@compiled("int64(A, A, int64)")
def obey_due(
    desk: Array,
    book: Array,
    until: int,
) -> int:
    """Let the commands act that are due by `until` though no later row has arrived."""
    reason = obey_until(desk, book, -NEVER, until + 1)
    desk[SCANNED] = desk[CURSOR]
    set_bounds(desk, book)
    return reason


@compiled("void(A, A)")
def note_bounds(desk: Array, book: Array) -> None:
    """Note what a row must reach to concern us, after orders were changed from outside."""
    set_bounds(desk, book)


@compiled("void(A, A, int64, int64, int64, int64, int64, int64, int64)")
def send(
    desk: Array,
    book: Array,
    time: int,
    kind: int,
    order: int,
    answer: int,
    lots: int,
    limit: int,
    stop: int,
) -> None:
    """Put a command among those on their way, for which there is room, and note the bounds."""
    put_command(desk, time, kind, order, answer, lots, limit, stop)
    set_bounds(desk, book)


@compiled_inner
def put_command(
    desk: Array,
    time: int,
    kind: int,
    order: int,
    answer: int,
    lots: int,
    limit: int,
    stop: int,
) -> None:
    """Put a command among those on their way, behind those of the same time."""
    place = desk[COMMANDS_START] + desk[COMMAND_COUNT] * COMMAND_WIDTH
    while place > desk[COMMANDS_START] and desk[place - COMMAND_WIDTH + COMMAND_TIME] > time:
        for field in range(COMMAND_WIDTH):
            desk[place + field] = desk[place - COMMAND_WIDTH + field]
        place -= COMMAND_WIDTH
    desk[SEQUENCE] += 1
    desk[COMMAND_COUNT] += 1
    desk[place + COMMAND_TIME] = time
    desk[place + COMMAND_SEQUENCE] = desk[SEQUENCE]
    desk[place + COMMAND_KIND] = kind
    desk[place + COMMAND_ORDER] = order
    desk[place + COMMAND_ANSWER] = answer
    desk[place + COMMAND_LOTS] = lots
    desk[place + COMMAND_LIMIT] = limit
    desk[place + COMMAND_STOP] = stop
