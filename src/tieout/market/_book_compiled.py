"""An L2 book in flat arrays: set a level, clear a side, apply rows. The layout is drawn beside it.

A level inside of the window costs one store and one compare. When the best price leaves the window
it moves: what falls out below is appended to the far levels, what comes into it is taken from
them; no level is ever dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._book_layout import (
    APPLIED,
    ARRIVAL_TIME,
    ASK_ROW,
    BAD_ARRIVAL,
    BAD_KIND,
    BAD_LOTS,
    BAD_PRICE,
    BAD_SIDE,
    BASE,
    BEST,
    BOOK_TIME,
    BREAK_COUNT,
    BREAK_KIND,
    BREAK_LIMIT,
    BREAK_ROOM,
    BREAK_ROW,
    BREAK_TIME,
    BREAK_VALUE,
    BREAK_WIDTH,
    BREAKS,
    BREAKS_FULL,
    CELL_COUNT,
    CELLS,
    CLEAR_ROW,
    CROSSED,
    CROSSED_BREAK,
    FAR_COUNT,
    FAR_FULL,
    FAR_ROOM,
    LEVEL_ROW,
    LOTS_MAX,
    NEEDED,
    NEVER,
    PRICE_MAX,
    PROBLEM_ROW,
    ROWS_BEFORE,
    SIDE_WIDTH,
    SNAPSHOT_ROW,
    STALE_BREAK,
    TRADE_ROW,
    UNSCALED_BREAK,
    WINDOW,
)
from tieout.market._compile import compiled, compiled_inner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Bytes = NDArray[np.int8]

__all__: list[str] = []


@compiled_inner
def far_start(book: Array, row: int) -> int:
    """Return where the keys of a row's far levels begin; their lots lie FAR_ROOM further on."""
    return CELLS + 2 * book[WINDOW] + 2 * row * book[FAR_ROOM]


@compiled_inner
def first_far_at(book: Array, start: int, count: int, key: int) -> int:
    """Return the first of the `count` far levels from `start` on with a key ≥ this one."""
    low = start
    high = start + count
    while low < high:
        middle = (low + high) // 2
        if book[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@compiled_inner
def level_lots(book: Array, row: int, key: int) -> int:
    """Return the lots shown at a key; 0 where nobody is."""
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    offset = key - book[side + BASE]
    if 0 <= offset < width:
        return book[CELLS + row * width + (key & (width - 1))]
    start = far_start(book, row)
    count = book[side + FAR_COUNT]
    place = first_far_at(book, start, count, key)
    if place < start + count and book[place] == key:
        return book[place + book[FAR_ROOM]]
    return 0


@compiled_inner
def next_worse(book: Array, row: int, key: int) -> int:
    """Return the greatest key of a row that is below this one; −NEVER where there is none."""
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    base = book[side + BASE]
    below = min(key - 1, book[side + BEST])
    while below >= base:
        if book[CELLS + row * width + (below & (width - 1))] != 0:
            return below
        below -= 1
    start = far_start(book, row)
    place = first_far_at(book, start, book[side + FAR_COUNT], min(key, base)) - 1
    return book[place] if place >= start else -NEVER


@compiled_inner
def place_window(book: Array, row: int, best: int) -> None:
    """Move a row's window so that a new best key stands at three quarters of it.

    The far levels have room for all that is in the window: the caller has looked.
    """
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    room = book[FAR_ROOM]
    first_cell = CELLS + row * width
    start = far_start(book, row)
    base = best - width // 4 * 3
    if book[side + CELL_COUNT] > 0 and base > book[side + BASE]:
        # Upward: what falls out is better than all that is far, so it goes to the end.
        key = book[side + BASE]
        stop = min(base, book[side + BEST] + 1)
        while key < stop:
            cell = first_cell + (key & (width - 1))
            if book[cell] != 0:
                end = start + book[side + FAR_COUNT]
                book[end] = key
                book[end + room] = book[cell]
                book[cell] = 0
                book[side + FAR_COUNT] += 1
                book[side + CELL_COUNT] -= 1
            key += 1
    book[side + BASE] = base
    # Downward: the best of the far levels come in.
    while book[side + FAR_COUNT] > 0:
        end = start + book[side + FAR_COUNT] - 1
        if book[end] < base:
            break
        book[first_cell + (book[end] & (width - 1))] = book[end + room]
        book[side + FAR_COUNT] -= 1
        book[side + CELL_COUNT] += 1


@compiled_inner
def repair_best(book: Array, row: int, gone: int) -> None:
    """Find the best key of a row again after the best level went."""
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    start = far_start(book, row)
    if book[side + CELL_COUNT] == 0:
        if book[side + FAR_COUNT] == 0:
            book[side + BEST] = -NEVER
            return
        best = book[start + book[side + FAR_COUNT] - 1]
    else:
        best = gone - 1
        while book[CELLS + row * width + (best & (width - 1))] == 0:
            best -= 1
    book[side + BEST] = best
    if best - book[side + BASE] < width // 8 and book[side + FAR_COUNT] > 0:
        place_window(book, row, best)


@compiled_inner
def set_far_level(book: Array, row: int, key: int, lots: int) -> int:
    """Set a level outside of the window; return FAR_FULL, nothing changed, if there is no room."""
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    room = book[FAR_ROOM]
    start = far_start(book, row)
    count = book[side + FAR_COUNT]
    if key >= book[side + BASE] or book[side + BEST] == -NEVER:
        # Better than the window reaches, or the first of its row.
        if lots == 0:
            return APPLIED
        if count + book[side + CELL_COUNT] > room:
            book[NEEDED] = count + book[side + CELL_COUNT]
            return FAR_FULL
        place_window(book, row, key)
        book[CELLS + row * width + (key & (width - 1))] = lots
        book[side + CELL_COUNT] += 1
        book[side + BEST] = key
        return APPLIED
    place = first_far_at(book, start, count, key)
    end = start + count
    there = place < end and book[place] == key
    if there and lots != 0:
        book[place + room] = lots
    elif there:
        for each in range(place, end - 1):
            book[each] = book[each + 1]
            book[each + room] = book[each + room + 1]
        book[side + FAR_COUNT] -= 1
    elif lots != 0:
        if count + 1 > room:
            book[NEEDED] = count + 1
            return FAR_FULL
        for each in range(end, place, -1):
            book[each] = book[each - 1]
            book[each + room] = book[each + room - 1]
        book[place] = key
        book[place + room] = lots
        book[side + FAR_COUNT] += 1
    return APPLIED


@compiled_inner
def set_level(book: Array, row: int, key: int, lots: int) -> int:
    """Set one level and keep the best key of its row; return APPLIED, or FAR_FULL unchanged."""
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    offset = key - book[side + BASE]
    if offset < 0 or offset >= width or book[side + BEST] == -NEVER:
        return set_far_level(book, row, key, lots)
    cell = CELLS + row * width + (key & (width - 1))
    before = book[cell]
    book[cell] = lots
    if before == 0:
        if lots != 0:
            book[side + CELL_COUNT] += 1
            book[side + BEST] = max(book[side + BEST], key)
    elif lots == 0:
        book[side + CELL_COUNT] -= 1
        if key == book[side + BEST]:
            repair_best(book, row, key)
    return APPLIED


@compiled_inner
def clear_row(book: Array, row: int) -> None:
    """Empty one side; its window stays where it is until its next level."""
    side = row * SIDE_WIDTH
    width = book[WINDOW]
    key = book[side + BEST]
    while book[side + CELL_COUNT] > 0:
        cell = CELLS + row * width + (key & (width - 1))
        if book[cell] != 0:
            book[cell] = 0
            book[side + CELL_COUNT] -= 1
        key -= 1
    book[side + FAR_COUNT] = 0
    book[side + BEST] = -NEVER


@compiled_inner
def note_break(book: Array, kind: int, row: int, time: int, value: int) -> None:
    """Append a break; the caller has looked for room."""
    base = BREAKS + book[BREAK_COUNT] * BREAK_WIDTH
    book[base + BREAK_KIND] = kind
    book[base + BREAK_ROW] = book[ROWS_BEFORE] + row
    book[base + BREAK_TIME] = time
    book[base + BREAK_VALUE] = value
    if kind == STALE_BREAK:
        book[base + BREAK_LIMIT] = book[BOOK_TIME]
    elif kind == UNSCALED_BREAK:
        book[base + BREAK_LIMIT] = 0
    else:
        book[base + BREAK_LIMIT] = -book[SIDE_WIDTH + BEST]
    book[BREAK_COUNT] += 1


@compiled_inner
def note_crossing(book: Array, row: int, time: int) -> None:
    """Keep CROSSED after a row that leaves the book whole; a break names where it began."""
    if book[BEST] + book[SIDE_WIDTH + BEST] >= 0:
        if book[CROSSED] == 0:
            book[CROSSED] = 1
            note_break(book, CROSSED_BREAK, row, time, book[BEST])
    else:
        book[CROSSED] = 0


@compiled_inner
def fault_of(kind: int, side: int, price: int, lots: int) -> int:
    """Return why a row cannot be right, or APPLIED."""
    if kind == CLEAR_ROW:
        return APPLIED if -1 <= side <= 1 else BAD_SIDE
    if kind != LEVEL_ROW and kind != SNAPSHOT_ROW and kind != TRADE_ROW:
        return BAD_KIND
    if side < -1 or side > 1 or (side == 0 and kind != TRADE_ROW):
        return BAD_SIDE
    if price <= 0 or price > PRICE_MAX:
        return BAD_PRICE
    if lots < 0 or lots > LOTS_MAX or (lots == 0 and kind == TRADE_ROW):
        return BAD_LOTS
    return APPLIED


@compiled_inner
def change_book(
    book: Array,
    place: int,
    time: int,
    kind: int,
    side: int,
    price: int,
    lots: int,
    last: int,
) -> int:
    """Let one sound row change the book; return APPLIED, or why it did not."""
    if kind == TRADE_ROW:
        if last != 0:
            note_crossing(book, place, time)
        return APPLIED
    if time < book[BOOK_TIME]:
        note_break(book, STALE_BREAK, place, time, price)
        return APPLIED
    if kind == CLEAR_ROW:
        if side >= 0:
            clear_row(book, 0)
        if side <= 0:
            clear_row(book, ASK_ROW)
    else:
        reason = set_level(book, (1 - side) // 2, side * price, lots)
        if reason != APPLIED:
            return reason
    book[BOOK_TIME] = time
    if last != 0:
        note_crossing(book, place, time)
    return APPLIED


@compiled_inner
def apply_row(
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
    """Check one row and apply it, whatever it is; return APPLIED, or why it could not be."""
    fault = fault_of(kind, side, price, lots)
    if fault == APPLIED and arrival < book[ARRIVAL_TIME]:
        fault = BAD_ARRIVAL
    if fault == APPLIED and book[BREAK_COUNT] + 2 > BREAK_ROOM:
        fault = BREAKS_FULL
    if fault == APPLIED:
        fault = change_book(book, place, time, kind, side, price, lots, last)
    if fault == APPLIED:
        book[ARRIVAL_TIME] = arrival
    return fault


@compiled("int64(A, C, C, C8, C8, C, C, C8, int64)")
def apply_rows(
    book: Array,
    venue_time: Array,
    arrival_time: Array,
    kind: Bytes,
    side: Bytes,
    price: Array,
    lots: Array,
    last: Bytes,
    start: int,
) -> int:
    """Apply the rows from `start` on; return APPLIED, or why PROBLEM_ROW could not be."""
    width = book[WINDOW]
    mask = width - 1
    arrived = book[ARRIVAL_TIME]
    changed = book[BOOK_TIME]
    for row in range(start, len(venue_time)):
        sign = int(side[row])
        key = sign * price[row]
        size = lots[row]
        time = venue_time[row]
        arrival = arrival_time[row]
        line = (1 - sign) >> 1
        base = line * SIDE_WIDTH
        offset = key - book[base + BASE]
        cell = CELLS + line * width + (key & mask)
        # The common row, written out: a level of a sound row inside of the window that is not the
        # last of its side. The signs of many differences are looked at in one compare.
        sound = (
            offset
            | (mask - offset)
            | size
            | (LOTS_MAX - size)
            | (price[row] - 1)
            | (time - changed)
            | (arrival - arrived)
        )
        is_level = kind[row] == LEVEL_ROW or kind[row] == SNAPSHOT_ROW
        if is_level and sound >= 0 and sign * sign == 1:
            before = book[cell]
            best = book[base + BEST]
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
                reason = set_level(book, line, key, size)
                if reason != APPLIED:
                    book[PROBLEM_ROW] = row
                    book[BOOK_TIME] = changed
                    book[ARRIVAL_TIME] = arrived
                    return reason
            changed = time
            arrived = arrival
            if last[row] == 0:
                continue
            if book[BEST] + book[SIDE_WIDTH + BEST] < 0 and book[CROSSED] == 0:
                continue
            if book[BREAK_COUNT] + 2 <= BREAK_ROOM:
                note_crossing(book, row, time)
                continue
        book[BOOK_TIME] = changed
        book[ARRIVAL_TIME] = arrived
        reason = apply_row(
            book,
            row,
            time,
            arrival,
            kind[row],
            sign,
            price[row],
            size,
            last[row],
        )
        if reason != APPLIED:
            book[PROBLEM_ROW] = row
            return reason
        changed = book[BOOK_TIME]
        arrived = book[ARRIVAL_TIME]
    book[BOOK_TIME] = changed
    book[ARRIVAL_TIME] = arrived
    book[PROBLEM_ROW] = len(venue_time)
    return APPLIED


@compiled("int64(A, int64, int64)")
def find_lots(book: Array, row: int, key: int) -> int:
    """Return the lots shown at a key of a row; 0 where nobody is."""
    return level_lots(book, row, key)


@compiled("int64(A, int64, A)")
def copy_levels(book: Array, row: int, found: Array) -> int:
    """Write (key, lots) of a row's levels, best first, as many as fit; return how many."""
    count = 0
    key = book[row * SIDE_WIDTH + BEST]
    while key != -NEVER and 2 * count < len(found):
        found[2 * count] = key
        found[2 * count + 1] = level_lots(book, row, key)
        count += 1
        key = next_worse(book, row, key)
    return count
