"""An order book kept order by order. The arrays are drawn in `_order_book_layout`.

Entry points stand last: they are compiled as they are defined, after what they call. The caller
has checked every row with `check_events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import inlined, uncounted, uncounted_inner
from tieout.market._order_book_layout import (
    ADD,
    APPLIED,
    ARRIVAL_TIME,
    BAD_ACTION,
    BAD_ARRIVAL,
    BAD_ID,
    BAD_LOTS,
    BAD_PRICE,
    BAD_SIDE,
    BOOK_TIME,
    BREAK_COUNT,
    BREAK_COUNTS,
    BREAK_KIND,
    BREAK_LIMIT,
    BREAK_ORDER,
    BREAK_ROW,
    BREAK_TIME,
    BREAK_VALUE,
    BREAK_WIDTH,
    BREAKS_MAX,
    CANCEL,
    CLEAR,
    CLEAR_ROW,
    COUNT,
    CROSSED,
    CROSSED_BREAK,
    DOUBLE_BREAK,
    EXCESS_BREAK,
    FILL,
    FREE_PLACE,
    FREE_SLOT,
    GOOD,
    HEAD,
    ID,
    KEY,
    LEVEL_COUNT,
    LEVEL_LOTS,
    LEVEL_ROW,
    LOTS,
    LOTS_MAX,
    MODIFY,
    NEVER,
    NEXT,
    ORDER_COUNT,
    OUT_ROWS,
    PLACE,
    PLACE_WIDTH,
    PLACES_FULL,
    PLACES_USED,
    PREVIOUS,
    PRICE_MAX,
    ROW,
    ROWS_BEFORE,
    SLOT_WIDTH,
    SLOTS_FULL,
    SLOTS_USED,
    STALE_BREAK,
    STAMP,
    STAMPS,
    TAIL,
    TAKEN,
    TRADE,
    TRADE_ROW,
    TRADED,
    UNKNOWN_BREAK,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Flags = NDArray[np.int8]

__all__: list[str] = []


# -- orders by id -----------------------------------------------------------------------------


@inlined
def home_of(table: Array, order_id: int) -> int:
    """Return the cell where the search for an id begins.

    The id is folded to 31 bits before it is multiplied, so that nothing overflows: a compiled
    overflow wraps in silence and an interpreted one does not.
    """
    folded = (order_id ^ (order_id >> 31)) & 0x7FFFFFFF
    return (folded * 0x9E3779B1 >> 24) & (len(table) // 2 - 1)


@inlined
def slot_of(table: Array, order_id: int) -> int:
    """Return the slot of an order, or −1 when it is not there."""
    last = len(table) // 2 - 1
    cell = home_of(table, order_id)
    while table[2 * cell + 1] != 0:
        if table[2 * cell] == order_id:
            return table[2 * cell + 1] - 1
        cell = (cell + 1) & last
    return -1


@uncounted_inner
def enter_order(table: Array, order_id: int, slot: int) -> None:
    """Let an order be found by its id; it is not in the table yet."""
    last = len(table) // 2 - 1
    cell = home_of(table, order_id)
    while table[2 * cell + 1] != 0:
        cell = (cell + 1) & last
    table[2 * cell] = order_id
    table[2 * cell + 1] = slot + 1


@uncounted_inner
def forget_order(table: Array, order_id: int) -> None:
    """Take an order out of the table; those that its cell had pushed on move back.

    No mark is left behind, so a table never fills with them.
    """
    last = len(table) // 2 - 1
    hole = home_of(table, order_id)
    while table[2 * hole] != order_id or table[2 * hole + 1] == 0:
        hole = (hole + 1) & last
    cell = (hole + 1) & last
    while table[2 * cell + 1] != 0:
        home = home_of(table, table[2 * cell])
        # It may move into the hole if its search, from its home on, comes past the hole.
        if ((cell - home) & last) >= ((cell - hole) & last):
            table[2 * hole] = table[2 * cell]
            table[2 * hole + 1] = table[2 * cell + 1]
            hole = cell
        cell = (cell + 1) & last
    table[2 * hole] = 0
    table[2 * hole + 1] = 0


# -- levels -----------------------------------------------------------------------------------


@uncounted_inner
def rung_of(book: Array, ladder: Array, row: int, key: int) -> int:
    """Return how many keys of a row are worse than this one: where it stands, or would.

    The search starts at the best price, near which nearly everything happens.
    """
    base = row * (len(ladder) // 4)
    high = book[LEVEL_COUNT + row]
    step = 1
    low = high - 1
    while low >= 0 and ladder[base + low] >= key:
        high = low
        low -= step
        step *= 2
    low = max(low, -1)
    while high - low > 1:
        middle = (low + high) // 2
        if ladder[base + middle] >= key:
            high = middle
        else:
            low = middle
    return high


@uncounted_inner
def place_of(book: Array, ladder: Array, row: int, key: int) -> int:
    """Return the place of a level, or −1 where nobody stands."""
    rung = rung_of(book, ladder, row, key)
    room = len(ladder) // 4
    if rung < book[LEVEL_COUNT + row] and ladder[row * room + rung] == key:
        return ladder[(2 + row) * room + rung]
    return -1


@inlined
def best_key(book: Array, ladder: Array, row: int) -> int:
    """Return the best key of a row, or −NEVER when it is empty."""
    count = book[LEVEL_COUNT + row]
    if count == 0:
        return -NEVER
    return ladder[row * (len(ladder) // 4) + count - 1]


@uncounted_inner
def lots_at(book: Array, levels: Array, ladder: Array, row: int, key: int) -> int:
    """Return the lots that stand at a key."""
    place = place_of(book, ladder, row, key)
    return 0 if place < 0 else levels[place * PLACE_WIDTH + LEVEL_LOTS]


@uncounted_inner
def open_place(book: Array, levels: Array, ladder: Array, row: int, key: int) -> int:
    """Return the place of a level, which is made if nobody stood there."""
    room = len(ladder) // 4
    base = row * room
    count = book[LEVEL_COUNT + row]
    rung = rung_of(book, ladder, row, key)
    if rung < count and ladder[base + rung] == key:
        return ladder[2 * room + base + rung]
    place = book[FREE_PLACE]
    if place >= 0:
        book[FREE_PLACE] = levels[place * PLACE_WIDTH]
    else:
        place = book[PLACES_USED]
        book[PLACES_USED] += 1
    for other in range(count, rung, -1):
        ladder[base + other] = ladder[base + other - 1]
        ladder[2 * room + base + other] = ladder[2 * room + base + other - 1]
    ladder[base + rung] = key
    ladder[2 * room + base + rung] = place
    book[LEVEL_COUNT + row] = count + 1
    cell = place * PLACE_WIDTH
    levels[cell + KEY] = key
    levels[cell + ROW] = row
    levels[cell + HEAD] = -1
    levels[cell + TAIL] = -1
    levels[cell + LEVEL_LOTS] = 0
    levels[cell + COUNT] = 0
    return place


@uncounted_inner
def close_place(book: Array, levels: Array, ladder: Array, place: int) -> None:
    """Take away a level that nobody stands at any more."""
    room = len(ladder) // 4
    row = levels[place * PLACE_WIDTH + ROW]
    base = row * room
    rung = rung_of(book, ladder, row, levels[place * PLACE_WIDTH + KEY])
    count = book[LEVEL_COUNT + row] - 1
    for other in range(rung, count):
        ladder[base + other] = ladder[base + other + 1]
        ladder[2 * room + base + other] = ladder[2 * room + base + other + 1]
    book[LEVEL_COUNT + row] = count
    levels[place * PLACE_WIDTH] = book[FREE_PLACE]
    book[FREE_PLACE] = place


# -- the queue of a level -----------------------------------------------------------------------


@uncounted_inner
def join(
    book: Array, orders: Array, levels: Array, ladder: Array, slot: int, row: int, key: int
) -> None:
    """Let an order stand at the back of a level; its lots are set."""
    place = open_place(book, levels, ladder, row, key)
    level = place * PLACE_WIDTH
    cell = slot * SLOT_WIDTH
    tail = levels[level + TAIL]
    book[STAMPS] += 1
    orders[cell + PLACE] = place
    orders[cell + TRADED] = 0
    orders[cell + STAMP] = book[STAMPS]
    orders[cell + NEXT] = -1
    orders[cell + PREVIOUS] = tail
    if tail < 0:
        levels[level + HEAD] = slot
    else:
        orders[tail * SLOT_WIDTH + NEXT] = slot
    levels[level + TAIL] = slot
    levels[level + LEVEL_LOTS] += orders[cell + LOTS]
    levels[level + COUNT] += 1


@uncounted_inner
def leave(book: Array, orders: Array, levels: Array, ladder: Array, slot: int) -> None:
    """Take an order out of its level, which goes with the last one."""
    cell = slot * SLOT_WIDTH
    place = orders[cell + PLACE]
    level = place * PLACE_WIDTH
    before = orders[cell + PREVIOUS]
    after = orders[cell + NEXT]
    if before < 0:
        levels[level + HEAD] = after
    else:
        orders[before * SLOT_WIDTH + NEXT] = after
    if after < 0:
        levels[level + TAIL] = before
    else:
        orders[after * SLOT_WIDTH + PREVIOUS] = before
    levels[level + LEVEL_LOTS] -= orders[cell + LOTS]
    levels[level + COUNT] -= 1
    if levels[level + COUNT] == 0:
        close_place(book, levels, ladder, place)


@uncounted_inner
def add_order(
    book: Array,
    orders: Array,
    levels: Array,
    ladder: Array,
    table: Array,
    row: int,
    key: int,
    lots: int,
    order_id: int,
) -> None:
    """Let a new order stand at the back of its level."""
    slot = book[FREE_SLOT]
    if slot >= 0:
        book[FREE_SLOT] = orders[slot * SLOT_WIDTH]
    else:
        slot = book[SLOTS_USED]
        book[SLOTS_USED] += 1
    orders[slot * SLOT_WIDTH + ID] = order_id
    orders[slot * SLOT_WIDTH + LOTS] = lots
    orders[slot * SLOT_WIDTH + TAKEN] = 0
    enter_order(table, order_id, slot)
    join(book, orders, levels, ladder, slot, row, key)
    book[ORDER_COUNT] += 1


@uncounted_inner
def drop_order(
    book: Array, orders: Array, levels: Array, ladder: Array, table: Array, slot: int
) -> None:
    """Let an order go."""
    leave(book, orders, levels, ladder, slot)
    forget_order(table, orders[slot * SLOT_WIDTH + ID])
    orders[slot * SLOT_WIDTH] = book[FREE_SLOT]
    book[FREE_SLOT] = slot
    book[ORDER_COUNT] -= 1


@uncounted_inner
def change_order(
    book: Array,
    orders: Array,
    levels: Array,
    ladder: Array,
    slot: int,
    row: int,
    key: int,
    lots: int,
) -> None:
    """Give an order new terms; it keeps its place when its price stays and it only gets smaller.

    Smaller than what its fills have left of it: an order that shows a new slice of a hidden
    quantity after a fill has the old size again, and goes to the back.
    """
    cell = slot * SLOT_WIDTH
    level = orders[cell + PLACE] * PLACE_WIDTH
    same = levels[level + KEY] == key and levels[level + ROW] == row
    if same and lots <= orders[cell + LOTS] - orders[cell + TRADED]:
        levels[level + LEVEL_LOTS] -= orders[cell + LOTS] - lots
        orders[cell + LOTS] = lots
        orders[cell + TRADED] = 0
    else:
        leave(book, orders, levels, ladder, slot)
        orders[cell + LOTS] = lots
        join(book, orders, levels, ladder, slot, row, key)


@inlined
def cancel_lots(
    book: Array, orders: Array, levels: Array, ladder: Array, table: Array, slot: int, lots: int
) -> None:
    """Take lots off an order; with its last ones it goes."""
    cell = slot * SLOT_WIDTH
    if lots >= orders[cell + LOTS]:
        drop_order(book, orders, levels, ladder, table, slot)
    else:
        orders[cell + LOTS] -= lots
        orders[cell + TRADED] = max(0, orders[cell + TRADED] - lots)
        levels[orders[cell + PLACE] * PLACE_WIDTH + LEVEL_LOTS] -= lots


@uncounted_inner
def empty_book(book: Array, table: Array) -> None:
    """Let all orders go. Stamps go on: what comes later is later."""
    table[:] = 0
    book[LEVEL_COUNT] = 0
    book[LEVEL_COUNT + 1] = 0
    book[ORDER_COUNT] = 0
    book[SLOTS_USED] = 0
    book[FREE_SLOT] = -1
    book[PLACES_USED] = 0
    book[FREE_PLACE] = -1


# -- rows -------------------------------------------------------------------------------------


@uncounted_inner
def note_break(
    book: Array, breaks: Array, kind: int, row: int, order_id: int, value: int, limit: int
) -> None:
    """Count what a row told that cannot be right; the first ones are kept."""
    book[BREAK_COUNTS + kind] += 1
    if book[BREAK_COUNT] == BREAKS_MAX:
        return
    base = book[BREAK_COUNT] * BREAK_WIDTH
    book[BREAK_COUNT] += 1
    breaks[base + BREAK_KIND] = kind
    breaks[base + BREAK_ROW] = book[ROWS_BEFORE] + row
    breaks[base + BREAK_TIME] = book[BOOK_TIME]
    breaks[base + BREAK_ORDER] = order_id
    breaks[base + BREAK_VALUE] = value
    breaks[base + BREAK_LIMIT] = limit


@inlined
def shortage(book: Array, orders: Array, levels: Array) -> int:
    """Return what has no room for one more row, or APPLIED."""
    if book[FREE_SLOT] < 0 and book[SLOTS_USED] * SLOT_WIDTH == len(orders):
        return SLOTS_FULL
    if book[FREE_PLACE] < 0 and book[PLACES_USED] * PLACE_WIDTH == len(levels):
        return PLACES_FULL
    return APPLIED


@inlined
def apply_event(
    book: Array,
    orders: Array,
    levels: Array,
    ladder: Array,
    table: Array,
    breaks: Array,
    place: int,
    time: int,
    action: int,
    side: int,
    price: int,
    lots: int,
    order_id: int,
    last: int,
) -> None:
    """Let one row act on the book; `place` is its number in the chunk, for breaks."""
    if time < book[BOOK_TIME]:
        note_break(book, breaks, STALE_BREAK, place, order_id, time, book[BOOK_TIME])
    else:
        book[BOOK_TIME] = time
    if action == ADD:
        slot = slot_of(table, order_id)
        if slot >= 0:
            held = orders[slot * SLOT_WIDTH + LOTS]
            note_break(book, breaks, DOUBLE_BREAK, place, order_id, lots, held)
            drop_order(book, orders, levels, ladder, table, slot)
        add_order(
            book, orders, levels, ladder, table, (1 - side) // 2, side * price, lots, order_id
        )
    elif action == CANCEL:
        slot = slot_of(table, order_id)
        if slot < 0:
            note_break(book, breaks, UNKNOWN_BREAK, place, order_id, lots, 0)
        else:
            held = orders[slot * SLOT_WIDTH + LOTS]
            if lots > held:
                note_break(book, breaks, EXCESS_BREAK, place, order_id, lots, held)
            cancel_lots(book, orders, levels, ladder, table, slot, lots)
    elif action == MODIFY:
        slot = slot_of(table, order_id)
        row = (1 - side) // 2
        if slot < 0:
            note_break(book, breaks, UNKNOWN_BREAK, place, order_id, lots, 0)
            add_order(book, orders, levels, ladder, table, row, side * price, lots, order_id)
        else:
            change_order(book, orders, levels, ladder, slot, row, side * price, lots)
    elif action == FILL:
        slot = slot_of(table, order_id)
        if slot < 0:
            note_break(book, breaks, UNKNOWN_BREAK, place, order_id, lots, 0)
        else:
            orders[slot * SLOT_WIDTH + TRADED] += lots
    elif action == CLEAR:
        empty_book(book, table)
    if last == 1:
        bid = best_key(book, ladder, 0)
        ask = best_key(book, ladder, 1)
        if bid + ask < 0:
            book[CROSSED] = 0
        elif book[CROSSED] == 0:
            book[CROSSED] = 1
            note_break(book, breaks, CROSSED_BREAK, place, order_id, bid, -ask)


@uncounted("int64(A, C8, C8, C, C, C, C, int64)")
def check_events(
    fault: Array,
    action: Flags,
    side: Flags,
    price: Array,
    lots: Array,
    order_id: Array,
    arrival: Array,
    before: int,
) -> int:
    """Look at every row of a chunk once; return what is wrong with the first bad one, or GOOD.

    `fault` (1,) gets its row; `before` is the arrival of the row before the chunk.
    """
    for row in range(len(action)):
        kind = action[row]
        reason = GOOD
        if kind < ADD or kind > CLEAR:
            reason = BAD_ACTION
        elif side[row] < -1 or side[row] > 1 or (side[row] == 0 and kind <= MODIFY):
            reason = BAD_SIDE
        elif kind != CLEAR and (lots[row] <= 0 or lots[row] > LOTS_MAX):
            reason = BAD_LOTS
        elif kind != CLEAR and kind != CANCEL and (price[row] <= 0 or price[row] > PRICE_MAX):
            reason = BAD_PRICE
        elif kind <= MODIFY and order_id[row] == 0:
            reason = BAD_ID
        elif arrival[row] < before:
            reason = BAD_ARRIVAL
        if reason != GOOD:
            fault[0] = row
            return reason
        before = arrival[row]
    return GOOD


@uncounted("int64(A, A, A, A, A, A, C, C, C8, C8, C, C, C, C8, int64)")
def apply_events(
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
    start: int,
) -> int:
    """Let rows from `start` on act; return how many rows of the chunk have acted.

    Fewer than all: `shortage` says what has to grow first.
    """
    for row in range(start, len(action)):
        if shortage(book, orders, levels) != APPLIED:
            return row
        apply_event(
            book,
            orders,
            levels,
            ladder,
            table,
            breaks,
            row,
            venue_time[row],
            int(action[row]),
            int(side[row]),
            price[row],
            lots[row],
            order_id[row],
            int(last[row]),
        )
        book[ARRIVAL_TIME] = arrival_time[row]
    return len(action)


@uncounted("void(A, A)")
def refill_table(table: Array, grown: Array) -> None:
    """Enter every order of a table into a larger one, which is empty."""
    for cell in range(len(table) // 2):
        if table[2 * cell + 1] != 0:
            enter_order(grown, table[2 * cell], table[2 * cell + 1] - 1)


@uncounted("int64(A, A, A)")
def what_lacks(book: Array, orders: Array, levels: Array) -> int:
    """Do as `shortage`, for the class that owns the arrays."""
    return shortage(book, orders, levels)


@uncounted_inner
def write_level(
    book: Array, out: Array, source: int, kind: int, side: int, price: int, lots: int, last: int
) -> None:
    """Append a row of six cells: source row, kind, side, price, lots, last."""
    base = book[OUT_ROWS] * 6
    book[OUT_ROWS] += 1
    out[base] = source
    out[base + 1] = kind
    out[base + 2] = side
    out[base + 3] = price
    out[base + 4] = lots
    out[base + 5] = last


@uncounted("int64(A, A, A, A, A, A, A, C, C, C8, C8, C, C, C, C8, int64)")
def level_events(
    book: Array,
    orders: Array,
    levels: Array,
    ladder: Array,
    table: Array,
    breaks: Array,
    out: Array,
    venue_time: Array,
    arrival_time: Array,
    action: Flags,
    side: Flags,
    price: Array,
    lots: Array,
    order_id: Array,
    last: Flags,
    start: int,
) -> int:
    """Do as `apply_events`, and write what each row made of the levels.

    `out` has room for two rows of six cells for each row of the chunk. A row that makes the book
    whole is always told, if only by a level that stays as it was.
    """
    for row in range(start, len(action)):
        if shortage(book, orders, levels) != APPLIED:
            return row
        kind = int(action[row])
        slot = -1
        if kind != TRADE and kind != CLEAR:
            slot = slot_of(table, order_id[row])
        old_row, old_key, old_lots = 0, 0, 0
        if slot >= 0:
            level = orders[slot * SLOT_WIDTH + PLACE] * PLACE_WIDTH
            old_row = levels[level + ROW]
            old_key = levels[level + KEY]
            old_lots = levels[level + LEVEL_LOTS]
        apply_event(
            book,
            orders,
            levels,
            ladder,
            table,
            breaks,
            row,
            venue_time[row],
            kind,
            int(side[row]),
            price[row],
            lots[row],
            order_id[row],
            int(last[row]),
        )
        book[ARRIVAL_TIME] = arrival_time[row]
        if kind == TRADE:
            write_level(
                book, out, row, TRADE_ROW, int(side[row]), price[row], lots[row], int(last[row])
            )
            continue
        if kind == CLEAR:
            write_level(book, out, row, CLEAR_ROW, 0, 0, 0, last[row])
            continue
        # Where the order stands now, or would: the second level of a move.
        new_row, new_key, moved = old_row, old_key, False
        if kind == ADD or kind == MODIFY:
            new_row = (1 - int(side[row])) // 2
            new_key = int(side[row]) * price[row]
            moved = slot < 0 or new_row != old_row or new_key != old_key
        elif slot < 0:
            # Nothing changed; the best bid says so where the book is whole.
            if last[row] == 0:
                continue
            new_key = max(best_key(book, ladder, 0), 1)
            moved = True
        if slot >= 0:
            now_lots = lots_at(book, levels, ladder, old_row, old_key)
            ends = last[row] == 1 and not moved
            if now_lots != old_lots or ends:
                at = old_key if old_row == 0 else -old_key
                write_level(book, out, row, LEVEL_ROW, 1 - 2 * old_row, at, now_lots, int(ends))
        if moved:
            at = new_key if new_row == 0 else -new_key
            now_lots = lots_at(book, levels, ladder, new_row, new_key)
            write_level(book, out, row, LEVEL_ROW, 1 - 2 * new_row, at, now_lots, last[row])
    return len(action)
