"""What a compiled run does with wishes: the risk gate, and orders and cancels into the core.

A call's wishes are first looked at as a whole. When every one of them is plain and passes the gate
they are decided here; otherwise none is, and the run stops, so that the same wishes are decided by
the kernel, which says in words what it refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._accounting_compiled import fits
from tieout.market._compile import inlined, uncounted_inner
from tieout.market._layout import (
    ACCEPTANCE,
    AFTER,
    ANSWER,
    ARRIVAL,
    ARRIVAL_RANK,
    CANCEL_COMMAND,
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
    CURSOR,
    EXPIRES,
    FUNDING_INTERVAL,
    KIND,
    LIMIT,
    LIMIT_KIND,
    LOTS,
    MARKET_KIND,
    NEVER,
    NO_TRIGGER,
    NUMBER,
    ORDER_COUNT,
    ORDER_WIDTH,
    OUT_ARRIVAL,
    OUT_KIND,
    OUT_MOMENT,
    OUT_ORDER,
    OUT_RANK,
    OUT_VENUE_TIME,
    OUT_WIDTH,
    PHASE,
    POSITION,
    QUEUED,
    SCANNED,
    SENT,
    SEQUENCE,
    SIDE,
    STOP,
    STOP_TRIGGER,
    TRIGGER,
    WAITING,
)
from tieout.market._reporting_compiled import make_room
from tieout.market._running_layout import (
    AGE_MAX,
    ANSWER_WAY,
    CANCEL_ANSWER,
    CANCEL_ENTRY,
    CANCEL_WISH,
    CANCELLED,
    CANCELLED_WORDS,
    COMING,
    ENTRY,
    HALTED,
    HELD,
    KNOWN,
    LATEST_ARRIVAL,
    LIMIT_WISH,
    MARKET_WISH,
    MAX_LOTS,
    MIN_LOTS,
    MIN_NOTIONAL,
    NEXT_NUMBER,
    NO_ROOM,
    OPEN_COUNT,
    OPEN_MAX,
    ORDER_MAX,
    ORDERS,
    PLACED,
    PLACED_WORDS,
    PLAIN_LIMIT,
    PLAIN_MARKET,
    PLAIN_POST,
    PLAIN_STOP,
    POSITION_MAX,
    POST_WISH,
    RATE_COUNT,
    RATE_HEAD,
    RATE_MAX,
    ROWS_DONE,
    STOP_WISH,
    TARGET_WISH,
    TICK_VALUE,
    TRACK_CANCELS,
    TRACK_COMES,
    TRACK_DECIDED,
    TRACK_FILLED,
    TRACK_HANDLE,
    TRACK_KEY,
    TRACK_KIND,
    TRACK_LOTS,
    TRACK_MARK,
    TRACK_NUMBER,
    TRACK_OVER,
    TRACK_PLACE,
    TRACK_PRICE,
    TRACK_REVISION,
    TRACK_SIDE,
    TRACK_WIDTH,
    TRACKED_COUNT,
    WAIT_ASSUMED,
    WAIT_COUNT,
    WAIT_WIDTH,
    WARM_UP,
    WISH_COUNT,
    WISH_EXCESS,
    WISH_HANDLE,
    WISH_KIND,
    WISH_LOTS,
    WISH_PRICE,
    WISH_ROWS,
    WISH_WIDTH,
    WISHES_REFUSED,
    WORDS,
    WORDS_FULL,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

MINUTE_NS = 60_000_000_000


@inlined
def is_idle(state: Array) -> bool:
    """Whether no row, whatever it says, can bring a report."""
    return (
        state[ORDER_COUNT] == 0
        and state[COMMAND_COUNT] == 0
        and (state[FUNDING_INTERVAL] == 0 or state[POSITION] == 0)
    )


@inlined
def open_lots(run: Array, tracked: Array) -> int:
    """Return the signed lots of all open orders that have not filled."""
    total = 0
    for row in range(run[TRACKED_COUNT]):
        base = row * TRACK_WIDTH
        if tracked[base + TRACK_OVER] == 1:
            continue
        left = tracked[base + TRACK_LOTS] - tracked[base + TRACK_FILLED]
        total += tracked[base + TRACK_SIDE] * left
    return total


@uncounted_inner
def find_handle(run: Array, tracked: Array, handle: int) -> int:
    """Return where the row of the open order that has a handle begins, or −1."""
    if handle <= 0:
        # What `target` placed has none.
        return -1
    for row in range(run[TRACKED_COUNT]):
        base = row * TRACK_WIDTH
        if tracked[base + TRACK_HANDLE] == handle and tracked[base + TRACK_OVER] == 0:
            return base
    return -1


@inlined
def passes_gate(
    run: Array, recent: Array, lots: int, price: int, after: int, orders: int, sent: int, now: int
) -> bool:
    """Whether an order passes every rule of the gate; where it may not, words are needed.

    `lots` are signed and worth `price`; `after` is the position with it and all open orders filled,
    `orders` are open, and `sent` of this call come before it.
    """
    size = abs(lots)
    if run[HALTED] == 1 or size < run[MIN_LOTS] or size > run[MAX_LOTS]:
        return False
    if orders >= run[OPEN_MAX]:
        return False
    limit = run[RATE_MAX]
    if run[RATE_COUNT] + sent >= limit:
        # The oldest of the last `limit` orders; those of this call are sent now.
        if sent >= limit:
            return False
        place = (run[RATE_HEAD] + run[RATE_COUNT] + sent - limit) % limit
        if recent[place] > now - MINUTE_NS:
            return False
    limited = run[ORDER_MAX] != NEVER or run[POSITION_MAX] != NEVER
    if limited or run[MIN_NOTIONAL] != 0:
        if not fits(size, price, run[TICK_VALUE]) or not fits(after, price, run[TICK_VALUE]):
            return False
        held = run[HELD]
        reduces = (held > 0) != (lots > 0) and held != 0 and size <= abs(held)
        notional = size * price * run[TICK_VALUE]
        if not reduces and (
            notional < run[MIN_NOTIONAL]
            or notional > run[ORDER_MAX]
            or abs(after * price * run[TICK_VALUE]) > run[POSITION_MAX]
        ):
            return False
    return True


@inlined
def market_lots(run: Array, wishes: Array, base: int, wished: int) -> int:
    """Return the signed lots of a wish; of a target what is not held, under way or wished yet."""
    if wishes[base + WISH_KIND] == TARGET_WISH:
        return wishes[base + WISH_LOTS] - run[HELD] - run[COMING] - wished
    return wishes[base + WISH_LOTS]


@inlined
def are_plain(
    run: Array,
    recent: Array,
    tracked: Array,
    wishes: Array,
    now: int,
    age: int,
    price: int,
) -> bool:
    """Whether every wish of this call can be decided here."""
    count = wishes[WISH_COUNT]
    if run[WARM_UP] == 1 or wishes[WISH_EXCESS] == 1:
        return False
    open_after = run[HELD] + open_lots(run, tracked)
    orders = run[OPEN_COUNT]
    wished = 0
    sent = 0
    for place in range(count):
        base = WISH_ROWS + place * WISH_WIDTH
        kind = wishes[base + WISH_KIND]
        if kind == CANCEL_WISH:
            continue
        lots = market_lots(run, wishes, base, wished)
        if kind == TARGET_WISH and lots == 0:
            continue
        worth = price
        if kind == TARGET_WISH or kind == MARKET_WISH:
            wished += lots
            if run[PLAIN_MARKET] == 0:
                return False
        else:
            worth = wishes[base + WISH_PRICE]
            plain = run[PLAIN_LIMIT] if kind == LIMIT_WISH else run[PLAIN_STOP]
            if kind == POST_WISH:
                plain = run[PLAIN_POST]
            if plain == 0 or worth <= 0:
                return False
        held = run[HELD]
        reduces = (held > 0) != (lots > 0) and held != 0 and abs(lots) <= abs(held)
        if lots == 0 or (age > run[AGE_MAX] and not reduces):
            return False
        open_after += lots
        if not passes_gate(run, recent, lots, worth, open_after, orders, sent, now):
            return False
        orders += 1
        sent += 1
    return True


@uncounted_inner
def decide_wishes(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    state: Array,
    orders: Array,
    commands: Array,
    now: int,
    age: int,
    price: int,
    key: int,
    revision: int,
) -> int:
    """Decide what a call wished, write it down, and send it; return why it stopped."""
    count = wishes[WISH_COUNT]
    if not are_plain(run, recent, tracked, wishes, now, age, price):
        return WISHES_REFUSED
    if run[WORDS] + count * PLACED_WORDS > len(words):
        return WORDS_FULL
    if (
        lacks_places(run, waiting, tracked, count)
        or (state[ORDER_COUNT] + count) * ORDER_WIDTH > len(orders)
        or (state[COMMAND_COUNT] + count) * COMMAND_WIDTH > len(commands)
    ):
        return NO_ROOM
    first = write_decisions(run, tracked, words, recent, wishes, now, price, key, revision)
    send_written(run, waiting, words, state, orders, commands, first, now)
    return ROWS_DONE


@uncounted_inner
def lacks_places(run: Array, waiting: Array, tracked: Array, count: int) -> bool:
    """Whether so many orders more are more than can wait, or be open as we know it."""
    return (run[WAIT_COUNT] + count) * WAIT_WIDTH > len(waiting) or (
        run[TRACKED_COUNT] + count
    ) * TRACK_WIDTH > len(tracked)


@uncounted_inner
def write_decisions(
    run: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    now: int,
    price: int,
    key: int,
    revision: int,
) -> int:
    """Write down what plain wishes come to, and return where the words of it begin.

    The caller has looked for room.
    """
    count = wishes[WISH_COUNT]
    # What was open before: an order cannot be cancelled in the call that wishes it.
    known = run[TRACKED_COUNT]
    number = run[NEXT_NUMBER]
    wished = 0
    place = 0
    first = run[WORDS]
    for row in range(count):
        base = WISH_ROWS + row * WISH_WIDTH
        if wishes[base + WISH_KIND] == CANCEL_WISH:
            order = find_handle(run, tracked, wishes[base + WISH_HANDLE])
            if order < 0 or order >= known * TRACK_WIDTH:
                continue
            tracked[order + TRACK_CANCELS] += 1
            write_cancelled(run, words, tracked[order + TRACK_NUMBER], key, revision, place, now)
        else:
            lots = market_lots(run, wishes, base, wished)
            kind = wishes[base + WISH_KIND]
            if kind == TARGET_WISH and lots == 0:
                continue
            if kind == TARGET_WISH or kind == MARKET_WISH:
                wished += lots
            write_placed(
                run, words, number, key, revision, place, now, price, lots, kind,
                wishes[base + WISH_PRICE],
            )  # fmt: skip
            number += 1
            track(run, tracked, words, wishes[base + WISH_HANDLE])
            count_sent(run, recent, now)
        place += 1
    # Coming lots change once all wishes are read: each was measured against the same account.
    run[COMING] += wished
    return first


@inlined
def count_sent(run: Array, recent: Array, now: int) -> None:
    """Remember when an order left, and forget the oldest where there are as many as are asked."""
    limit = run[RATE_MAX]
    place = run[RATE_HEAD] + run[RATE_COUNT]
    recent[place if place < limit else place - limit] = now
    if run[RATE_COUNT] < limit:
        run[RATE_COUNT] += 1
    else:
        run[RATE_HEAD] = run[RATE_HEAD] + 1 if run[RATE_HEAD] + 1 < limit else 0


@uncounted_inner
def write_cancelled(
    run: Array, words: Array, number: int, key: int, revision: int, place: int, now: int
) -> None:
    """Write a cancel down."""
    at = run[WORDS]
    words[at] = CANCELLED
    words[at + 1] = number
    words[at + 2] = key
    words[at + 3] = revision
    words[at + 4] = place
    words[at + 5] = now
    run[WORDS] = at + CANCELLED_WORDS


@inlined
def write_placed(
    run: Array,
    words: Array,
    number: int,
    key: int,
    revision: int,
    place: int,
    now: int,
    price: int,
    lots: int,
    kind: int,
    limit: int,
) -> None:
    """Write an order down."""
    at = run[WORDS]
    words[at] = PLACED
    words[at + 1] = number
    words[at + 2] = key
    words[at + 3] = revision
    words[at + 4] = place
    words[at + 5] = now
    words[at + 6] = price
    words[at + 7] = lots
    words[at + 8] = MARKET_WISH if kind == TARGET_WISH else kind
    words[at + 9] = limit
    words[at + 10] = 0
    run[WORDS] = at + PLACED_WORDS


@uncounted_inner
def track(run: Array, tracked: Array, words: Array, handle: int) -> None:
    """Count the order that was written down last among those that are open."""
    at = run[WORDS] - PLACED_WORDS
    base = run[TRACKED_COUNT] * TRACK_WIDTH
    for cell in range(base, base + TRACK_WIDTH):
        tracked[cell] = 0
    lots = words[at + 7]
    kind = words[at + 8]
    tracked[base + TRACK_NUMBER] = run[NEXT_NUMBER]
    tracked[base + TRACK_HANDLE] = handle
    tracked[base + TRACK_SIDE] = 1 if lots > 0 else -1
    tracked[base + TRACK_LOTS] = abs(lots)
    tracked[base + TRACK_COMES] = 1 if kind == MARKET_WISH else 0
    tracked[base + TRACK_KEY] = words[at + 2]
    tracked[base + TRACK_REVISION] = words[at + 3]
    tracked[base + TRACK_PLACE] = words[at + 4]
    tracked[base + TRACK_DECIDED] = words[at + 5]
    tracked[base + TRACK_MARK] = words[at + 6]
    tracked[base + TRACK_KIND] = kind
    tracked[base + TRACK_PRICE] = words[at + 9]
    run[TRACKED_COUNT] += 1
    run[OPEN_COUNT] += 1
    run[NEXT_NUMBER] += 1
    run[ORDERS] += 1


@uncounted_inner
def send_written(
    run: Array,
    waiting: Array,
    words: Array,
    state: Array,
    orders: Array,
    commands: Array,
    first: int,
    now: int,
) -> None:
    """Send every decision that was written down from a word on."""
    at = first
    while at < run[WORDS]:
        number = words[at + 1]
        if words[at] == PLACED:
            send_order(run, waiting, state, orders, words, at, now)
            at += PLACED_WORDS
        else:
            send_cancel(run, state, orders, commands, number, now)
            at += CANCELLED_WORDS
    if at > first:
        state[SCANNED] = state[CURSOR]
        run[KNOWN] = 0


@uncounted_inner
def send_order(
    run: Array,
    waiting: Array,
    state: Array,
    orders: Array,
    words: Array,
    at: int,
    now: int,
) -> None:
    """Let an order arrive after its way, and its acceptance after the answer's."""
    arrival = now + run[ENTRY]
    state[SEQUENCE] += 1
    base = state[ORDER_COUNT] * ORDER_WIDTH
    for cell in range(base, base + ORDER_WIDTH):
        orders[cell] = 0
    lots = words[at + 7]
    kind = words[at + 8]
    orders[base + NUMBER] = words[at + 1]
    orders[base + ARRIVAL] = arrival
    orders[base + AFTER] = arrival
    orders[base + SIDE] = 1 if lots > 0 else -1
    orders[base + PHASE] = WAITING
    orders[base + KIND] = LIMIT_KIND if kind == LIMIT_WISH else MARKET_KIND
    orders[base + LOTS] = abs(lots)
    orders[base + LIMIT] = words[at + 9] if kind == LIMIT_WISH else 0
    orders[base + STOP] = words[at + 9] if kind == STOP_WISH else 0
    orders[base + SENT] = state[SEQUENCE]
    orders[base + QUEUED] = arrival
    orders[base + ANSWER] = run[ANSWER_WAY]
    orders[base + TRIGGER] = STOP_TRIGGER if kind == STOP_WISH else NO_TRIGGER
    orders[base + EXPIRES] = NEVER
    state[ORDER_COUNT] += 1
    run[LATEST_ARRIVAL] = max(run[LATEST_ARRIVAL], arrival)
    accept(run, waiting, words[at + 1], arrival)


@uncounted_inner
def accept(run: Array, waiting: Array, number: int, arrival: int) -> None:
    """Let an order's acceptance wait until it is known to us."""
    known = arrival + run[ANSWER_WAY]
    row = make_room(run, waiting, known, arrival, ARRIVAL_RANK, 0)
    for cell in range(row, row + OUT_WIDTH):
        waiting[cell] = 0
    waiting[row + OUT_KIND] = ACCEPTANCE
    waiting[row + OUT_ORDER] = number
    waiting[row + OUT_ARRIVAL] = known
    waiting[row + OUT_MOMENT] = arrival
    waiting[row + OUT_RANK] = ARRIVAL_RANK
    waiting[row + OUT_VENUE_TIME] = arrival
    waiting[row + WAIT_ASSUMED] = 0


@uncounted_inner
def send_cancel(
    run: Array, state: Array, orders: Array, commands: Array, number: int, now: int
) -> None:
    """Let a cancel arrive after its way; earlier ones have arrived by then."""
    arrival = now + run[CANCEL_ENTRY]
    state[SEQUENCE] += 1
    early = 0
    if arrival < run[LATEST_ARRIVAL]:
        for order in range(state[ORDER_COUNT]):
            base = order * ORDER_WIDTH
            if orders[base + NUMBER] == number and orders[base + ARRIVAL] > arrival:
                early = 1
    base = state[COMMAND_COUNT] * COMMAND_WIDTH
    commands[base + COMMAND_TIME] = arrival
    commands[base + COMMAND_ORDER] = number
    commands[base + COMMAND_SENT] = state[SEQUENCE]
    commands[base + COMMAND_KIND] = CANCEL_COMMAND
    commands[base + COMMAND_ANSWER] = run[CANCEL_ANSWER]
    commands[base + COMMAND_LOTS] = 0
    commands[base + COMMAND_LIMIT] = 0
    commands[base + COMMAND_STOP] = 0
    commands[base + COMMAND_EARLY] = early
    state[COMMAND_COUNT] += 1
