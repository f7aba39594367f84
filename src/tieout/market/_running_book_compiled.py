"""A whole run in compiled code that is asked by a timer and matched on an L2 book, in one loop.

    core up to the timer ──▶ reports ──▶ strategy ──▶ gate ──▶ decisions ──▶ desk
         ▲                                                                    │
         └─────────────────────────── the next time ◀─────────────────────────┘

What the strategy is shown is the core's own book: the run is only used where the strategy was given
the very rows that the core has, so that what has arrived there is what the strategy knows. At one
instant the timer comes first, then reports, then rows: so all that arrived before its time is met.

The entry point stands last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._book_compiled import level_lots
from tieout.market._book_layout import ASK_ROW, BEST, BID_ROW, NEVER, SIDE_WIDTH
from tieout.market._book_matching_compiled import commit_book, obey_due, put_command
from tieout.market._book_matching_layout import (
    AFTER,
    ANSWER,
    CANCEL_COMMAND,
    COMMAND_COUNT,
    COMMAND_ROOM,
    COMMITTED,
    CURSOR,
    KIND,
    LAST_PRINT,
    LIMIT,
    LIMIT_KIND,
    LOTS,
    MARKET_KIND,
    NEXT_DUE,
    NO_TRIGGER,
    NUMBER,
    ORDER_COUNT,
    ORDER_ROOM,
    ORDER_WIDTH,
    ORDERS_START,
    OUT_COUNT,
    OUT_START,
    PHASE,
    PLACE_COMMAND,
    POST_ONLY,
    SCANNED,
    SIDE,
    STOP,
    STOP_TRIGGER,
    TRIGGER,
    WAITING,
)
from tieout.market._book_matching_layout import OUT_WIDTH as DESK_OUT_WIDTH
from tieout.market._book_orders_compiled import set_bounds
from tieout.market._compile import uncounted, uncounted_inner
from tieout.market._layout import (
    OUT_ARRIVAL,
    OUT_MOMENT,
    OUT_RANK,
    OUT_SEQUENCE,
    OUT_WIDTH,
)
from tieout.market._packing_compiled import pack_written
from tieout.market._placing_compiled import accept, are_plain, lacks_places, write_decisions
from tieout.market._reporting_compiled import make_room, tell_due
from tieout.market._running_layout import (
    ANSWER_WAY,
    BLOCK,
    CANCEL_ANSWER,
    CANCEL_ENTRY,
    CANCELLED_WORDS,
    CLOCK,
    CLOCK_WORDS,
    COMING,
    CORE_REASON,
    CORE_STOPPED,
    DUE,
    ENTRY,
    HELD,
    INTERVAL,
    LIMIT_WISH,
    NO_MORE,
    NO_ROOM,
    OPEN_COUNT,
    PENDING,
    PLACED,
    PLACED_WORDS,
    POST_WISH,
    REACH,
    ROWS_DONE,
    SEEN_ARRIVAL,
    SEEN_VENUE,
    STEP,
    STEP_FAILED,
    STEP_FAILURE,
    STOP_WISH,
    UNTIL,
    WAIT_ASSUMED,
    WAIT_COUNT,
    WAIT_WIDTH,
    WANTS_ROWS,
    WISH_COUNT,
    WISHES_REFUSED,
    WORDS,
    WORDS_FULL,
)
from tieout.market._stepping import call_step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Bytes = NDArray[np.int8]
    Packed = NDArray[np.uint8]

__all__: list[str] = []


@uncounted_inner
def drain_desk(run: Array, waiting: Array, desk: Array) -> None:
    """Let everything that came about wait until it is known to us; the caller has made room."""
    count = desk[OUT_COUNT]
    desk[OUT_COUNT] = 0
    for row in range(count):
        source = desk[OUT_START] + row * DESK_OUT_WIDTH
        base = make_room(
            run,
            waiting,
            desk[source + OUT_ARRIVAL],
            desk[source + OUT_MOMENT],
            desk[source + OUT_RANK],
            desk[source + OUT_SEQUENCE],
        )
        for cell in range(OUT_WIDTH):
            waiting[base + cell] = desk[source + cell]
        waiting[base + WAIT_ASSUMED] = 0


@uncounted_inner
def catch_up_book(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
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
    """Let every row and command act by a time, and take every report; return why it stopped."""
    if desk[OUT_COUNT] > 0:
        # It stopped for want of room.
        if (run[WAIT_COUNT] + desk[OUT_COUNT]) * WAIT_WIDTH > len(waiting):
            return NO_ROOM
        drain_desk(run, waiting, desk)
    reason = commit_book(desk, book, venue_time, arrival_time, kind, side, price, lots, last, until)
    row = desk[CURSOR]
    if row > 0:
        run[SEEN_VENUE] = venue_time[row - 1]
        run[SEEN_ARRIVAL] = arrival_time[row - 1]
    wants = reason == COMMITTED and row >= len(venue_time) and run[NO_MORE] == 0
    if reason == COMMITTED and not wants and desk[COMMAND_COUNT] > 0 and desk[NEXT_DUE] <= until:
        reason = obey_due(desk, book, until)
    if reason != COMMITTED:
        run[CORE_REASON] = reason
    if desk[OUT_COUNT] > 0:
        if (run[WAIT_COUNT] + desk[OUT_COUNT]) * WAIT_WIDTH > len(waiting):
            return NO_ROOM
        drain_desk(run, waiting, desk)
    if reason != COMMITTED:
        return CORE_STOPPED
    return WANTS_ROWS if wants else tell_due(run, waiting, tracked, words, until)


@uncounted_inner
def show_book(run: Array, seen: Array, book: Array, now: int) -> None:
    """Write the row that the strategy is given, in the order of `BOOK_COLUMNS`."""
    seen[0] = now
    seen[1] = run[SEEN_VENUE]
    seen[2] = run[SEEN_ARRIVAL]
    bid = book[BEST]
    ask = book[SIDE_WIDTH + BEST]
    seen[3] = 0
    seen[4] = 0
    seen[5] = 0
    seen[6] = 0
    if bid != -NEVER:
        seen[3] = bid
        seen[4] = level_lots(book, BID_ROW, bid)
    if ask != -NEVER:
        seen[5] = -ask
        seen[6] = level_lots(book, ASK_ROW, ask)


@uncounted_inner
def price_known(desk: Array, book: Array) -> int:
    """Return the last print, else the book's middle rounded down, else its only price, or 0."""
    if desk[LAST_PRINT] != 0:
        return desk[LAST_PRINT]
    bid = book[BEST]
    ask = -book[SIDE_WIDTH + BEST]
    if bid == -NEVER:
        return 0 if ask == NEVER else ask
    return bid if ask == NEVER else (bid + ask) // 2


@uncounted_inner
def place_on_desk(run: Array, waiting: Array, desk: Array, words: Array, at: int, now: int) -> None:
    """Let an order travel; unless the core will say, its acceptance is certain."""
    arrival = now + run[ENTRY]
    number = words[at + 1]
    lots = words[at + 7]
    kind = words[at + 8]
    is_limit = kind == LIMIT_WISH or kind == POST_WISH
    base = desk[ORDERS_START] + desk[ORDER_COUNT] * ORDER_WIDTH
    for cell in range(base, base + ORDER_WIDTH):
        desk[cell] = 0
    desk[base + NUMBER] = number
    desk[base + AFTER] = arrival
    desk[base + SIDE] = 1 if lots > 0 else -1
    desk[base + PHASE] = WAITING
    desk[base + KIND] = LIMIT_KIND if is_limit else MARKET_KIND
    desk[base + TRIGGER] = STOP_TRIGGER if kind == STOP_WISH else NO_TRIGGER
    desk[base + LOTS] = abs(lots)
    desk[base + LIMIT] = words[at + 9] if is_limit else 0
    desk[base + STOP] = words[at + 9] if kind == STOP_WISH else 0
    desk[base + ANSWER] = run[ANSWER_WAY]
    desk[base + POST_ONLY] = 1 if kind == POST_WISH else 0
    desk[ORDER_COUNT] += 1
    put_command(desk, arrival, PLACE_COMMAND, number, run[ANSWER_WAY], 0, 0, 0)
    if kind != POST_WISH:
        accept(run, waiting, number, arrival)


@uncounted_inner
def send_to_desk(
    run: Array, waiting: Array, desk: Array, book: Array, words: Array, first: int, now: int
) -> None:
    """Send every decision that was written down from a word on."""
    at = first
    while at < run[WORDS]:
        if words[at] == PLACED:
            place_on_desk(run, waiting, desk, words, at, now)
            at += PLACED_WORDS
        else:
            arrival = now + run[CANCEL_ENTRY]
            number = words[at + 1]
            put_command(desk, arrival, CANCEL_COMMAND, number, run[CANCEL_ANSWER], 0, 0, 0)
            at += CANCELLED_WORDS
    desk[SCANNED] = desk[CURSOR]
    set_bounds(desk, book)


@uncounted_inner
def decide_at(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    desk: Array,
    book: Array,
    due: int,
    woke_at: int,
) -> int:
    """Decide what was wished at a time, write both down, and send it; return why it stopped."""
    count = wishes[WISH_COUNT]
    price = price_known(desk, book)
    if count > 0 and (price == 0 or not are_plain(run, recent, tracked, wishes, due, 0, price)):
        return WISHES_REFUSED
    if run[WORDS] + CLOCK_WORDS + count * PLACED_WORDS > len(words):
        return WORDS_FULL
    if (
        lacks_places(run, waiting, tracked, count)
        or desk[ORDER_COUNT] + count > desk[ORDER_ROOM]
        or desk[COMMAND_COUNT] + count > desk[COMMAND_ROOM]
    ):
        return NO_ROOM
    at = run[WORDS]
    words[at] = CLOCK
    words[at + 1] = 0
    words[at + 2] = due
    words[at + 3] = woke_at
    run[WORDS] = at + CLOCK_WORDS
    if count > 0:
        first = write_decisions(run, tracked, words, recent, wishes, due, price, due, 0)
        if run[WORDS] > first:
            send_to_desk(run, waiting, desk, book, words, first, due)
    return ROWS_DONE


@uncounted_inner
def ask_on(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    seen: Array,
    desk: Array,
    book: Array,
    venue_time: Array,
    arrival_time: Array,
    kind: Bytes,
    side: Bytes,
    price: Array,
    lots: Array,
    last: Bytes,
) -> int:
    """Ask until there is something to stop for; return what."""
    while run[DUE] <= run[UNTIL]:
        due = run[DUE]
        if run[PENDING] == 0:
            reason = catch_up_book(
                run, waiting, tracked, words, desk, book,
                venue_time, arrival_time, kind, side, price, lots, last, due - 1,
            )  # fmt: skip
            if reason != ROWS_DONE:
                return reason
            show_book(run, seen, book, due)
            wished = call_step(run[STEP], run[BLOCK], 0, 1, run[HELD], run[COMING], run[OPEN_COUNT])
            if wished == STEP_FAILURE:
                return STEP_FAILED
            run[PENDING] = 1
        # Packets arrive whole: the first row that has not come is of the packet that woke us.
        woke_at = run[UNTIL]
        if desk[CURSOR] < len(arrival_time):
            woke_at = min(woke_at, arrival_time[desk[CURSOR]])
        reason = decide_at(run, waiting, tracked, words, recent, wishes, desk, book, due, woke_at)
        if reason != ROWS_DONE:
            return reason
        wishes[WISH_COUNT] = 0
        run[PENDING] = 0
        run[DUE] = due + run[INTERVAL]
    return catch_up_book(
        run, waiting, tracked, words, desk, book,
        venue_time, arrival_time, kind, side, price, lots, last, run[REACH],
    )  # fmt: skip


@uncounted("int64(A, A, A, A, B, A, A, A, A, A, A, C, C, C8, C8, C, C, C8)")
def run_timer(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    packed: Packed,
    kept: Array,
    recent: Array,
    wishes: Array,
    seen: Array,
    desk: Array,
    book: Array,
    venue_time: Array,
    arrival_time: Array,
    kind: Bytes,
    side: Bytes,
    price: Array,
    lots: Array,
    last: Bytes,
) -> int:
    """Ask the strategy at every time from DUE to UNTIL, then catch up to REACH; return why it ends.

    `run` … `wishes` are drawn in `_running_layout`; `seen` is the row that the strategy is given;
    `desk`, `book` and the columns are the core's. The columns reach beyond UNTIL.
    """
    while True:
        reason = ask_on(
            run, waiting, tracked, words, recent, wishes, seen, desk, book,
            venue_time, arrival_time, kind, side, price, lots, last,
        )  # fmt: skip
        if reason != WORDS_FULL or not pack_written(run, words, packed, kept):
            return reason
