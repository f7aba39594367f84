"""Own orders against an L2 book: take from levels, wait in queues, meet prints, obey commands.

The rules are on the books page. None of these runs for a row that touches nothing of ours. `desk`
and `book` are drawn in their layouts; `base` is where the row of an order begins in the desk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._book_compiled import level_lots, next_worse
from tieout.market._book_layout import (
    BEST,
    CELL_COUNT,
    FAR_COUNT,
    LOTS_MAX,
    NEVER,
    SIDE_WIDTH,
    SNAPSHOT_ROW,
)
from tieout.market._book_matching_layout import (
    AFTER,
    AHEAD,
    ALL_OR_NOTHING,
    AMEND_COMMAND,
    ANSWER,
    ARMED,
    AT_ONCE,
    CANCEL_COMMAND,
    CLOCK,
    COMMAND_ANSWER,
    COMMAND_COUNT,
    COMMAND_KIND,
    COMMAND_LIMIT,
    COMMAND_LOTS,
    COMMAND_ORDER,
    COMMAND_STOP,
    COMMAND_TIME,
    COMMAND_WIDTH,
    COMMANDS_START,
    DONE,
    FALLS,
    FILLED,
    FUNDING_ANSWER,
    FUNDING_INTERVAL,
    HALF_SPREAD,
    HUNGRY,
    HUNGRY_COUNT,
    KIND,
    LAG,
    LAST_PRINT,
    LIMIT,
    LIMIT_KIND,
    LOTS,
    MODEL,
    MODEL_BROKE,
    MODEL_PARAMETER,
    NEXT_DUE,
    NEXT_FUNDING,
    NEXT_TIME,
    NO_TRIGGER,
    NUMBER,
    ORDER_COUNT,
    ORDER_WIDTH,
    ORDERS_START,
    OUT_AHEAD,
    OUT_COUNT,
    OUT_MID,
    OUT_START,
    OUT_WIDTH,
    OWN_BEST,
    OWN_LOW,
    PHASE,
    PLACE_COMMAND,
    POSITION,
    POST_ONLY,
    REDUCE_ONLY,
    REFERENCE,
    RESTING,
    RISES,
    SEQUENCE,
    SIDE,
    STAYS,
    STOP,
    STOP_TRIGGER,
    TAKEN_COUNT,
    TAKEN_KEY,
    TAKEN_LOTS,
    TAKEN_ROW,
    TAKEN_START,
    TAKEN_WIDTH,
    TAKING,
    TO_LIMIT_KIND,
    TOUCHING,
    TRADED,
    TRIGGER,
    VOID_SINCE,
    WAITING,
    WHOLE,
)
from tieout.market._compile import compiled_inner
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
    TRIGGER_REPORT,
    UNKNOWN_REASON,
)
from tieout.market._queues_compiled import MICRO, ahead_after_change

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


# -- what a level still has for us ------------------------------------------------------------


@compiled_inner
def taken_place(desk: Array, row: int, key: int) -> int:
    """Return where in `taken` a level stands, or −1."""
    for each in range(desk[TAKEN_COUNT]):
        base = desk[TAKEN_START] + each * TAKEN_WIDTH
        if desk[base + TAKEN_KEY] == key and desk[base + TAKEN_ROW] == row:
            return base
    return -1


@compiled_inner
def free_lots(desk: Array, book: Array, row: int, key: int) -> int:
    """Return the lots a level shows and that we have not taken since it was told."""
    lots = level_lots(book, row, key)
    base = taken_place(desk, row, key)
    return lots if base < 0 else max(0, lots - desk[base + TAKEN_LOTS])


@compiled_inner
def remember_taken(desk: Array, row: int, key: int, lots: int) -> None:
    """Take lots off a level; the caller has looked for room."""
    base = taken_place(desk, row, key)
    if base < 0:
        base = desk[TAKEN_START] + desk[TAKEN_COUNT] * TAKEN_WIDTH
        desk[TAKEN_COUNT] += 1
        desk[base + TAKEN_ROW] = row
        desk[base + TAKEN_KEY] = key
        desk[base + TAKEN_LOTS] = 0
    desk[base + TAKEN_LOTS] += lots


@compiled_inner
def forget_taken(desk: Array, base: int) -> None:
    """Let a level be whole again; the last one takes its place."""
    desk[TAKEN_COUNT] -= 1
    end = desk[TAKEN_START] + desk[TAKEN_COUNT] * TAKEN_WIDTH
    for field in range(TAKEN_WIDTH):
        desk[base + field] = desk[end + field]


@compiled_inner
def forget_taken_row(desk: Array, row: int) -> None:
    """Let every level of a side be whole again."""
    each = desk[TAKEN_COUNT] - 1
    while each >= 0:
        if desk[desk[TAKEN_START] + each * TAKEN_WIDTH + TAKEN_ROW] == row:
            forget_taken(desk, desk[TAKEN_START] + each * TAKEN_WIDTH)
        each -= 1


# -- reports ----------------------------------------------------------------------------------


@compiled_inner
def report(
    desk: Array, kind: int, number: int, answer: int, time: int, known: int, rank: int
) -> int:
    """Append a report and return where its row begins.

    It says `kind` of order `number`, true at the venue at `time`. It is known after the response
    latency `answer`, and not before what caused it was `known`; `rank` is what comes first at one
    venue time.
    """
    base = desk[OUT_START] + desk[OUT_COUNT] * OUT_WIDTH
    desk[OUT_COUNT] += 1
    desk[SEQUENCE] += 1
    for field in range(OUT_WIDTH):
        desk[base + field] = 0
    desk[base + OUT_KIND] = kind
    desk[base + OUT_ORDER] = number
    desk[base + OUT_ARRIVAL] = max(time + answer, known)
    desk[base + OUT_MOMENT] = time
    desk[base + OUT_RANK] = rank
    desk[base + OUT_SEQUENCE] = desk[SEQUENCE]
    desk[base + OUT_VENUE_TIME] = time
    return base


@compiled_inner
def fill(
    desk: Array,
    base: int,
    lots: int,
    price: int,
    liquidity: int,
    time: int,
    known: int,
    rank: int,
) -> None:
    """Book a fill: its report with its parts, the order's progress, our position."""
    row = report(desk, FILL_REPORT, desk[base + NUMBER], desk[base + ANSWER], time, known, rank)
    side = desk[base + SIDE]
    desk[row + OUT_LOTS] = lots
    desk[row + OUT_PRICE] = price
    desk[row + OUT_LIQUIDITY] = liquidity
    if liquidity == MAKER:
        desk[row + OUT_REFERENCE] = price
        desk[row + OUT_MID] = price * MICRO
        desk[row + OUT_AHEAD] = desk[base + AHEAD]
    else:
        middle = desk[base + REFERENCE]
        # Whole ticks, rounded so that the shift is not made smaller than it was.
        desk[row + OUT_REFERENCE] = middle // MICRO if side > 0 else -(-middle // MICRO)
        desk[row + OUT_MID] = middle
        shift = max(0, side * (price * MICRO - middle))
        desk[row + OUT_HALF_SPREAD] = min(desk[base + HALF_SPREAD], shift)
    desk[base + FILLED] += lots
    desk[POSITION] += side * lots
    if desk[base + FILLED] == desk[base + LOTS]:
        desk[base + PHASE] = DONE


@compiled_inner
def end_order(
    desk: Array, base: int, kind: int, reason: int, time: int, known: int, rank: int
) -> None:
    """Report that what is left of an order is gone."""
    row = report(desk, kind, desk[base + NUMBER], desk[base + ANSWER], time, known, rank)
    desk[row + OUT_LOTS] = desk[base + FILLED]
    desk[row + OUT_REASON] = reason
    desk[base + PHASE] = DONE


@compiled_inner
def charge_funding(desk: Array, until: int, known: int) -> None:
    """Report every payment due by a venue time, on the position and the last print before it."""
    interval = desk[FUNDING_INTERVAL]
    if interval == 0:
        return
    # A row that comes late finds the payments done that were due by the venue's clock.
    until = max(until, desk[CLOCK])
    if desk[POSITION] != 0 and desk[LAST_PRINT] != 0 and desk[NEXT_FUNDING] >= 0:
        while desk[NEXT_FUNDING] <= until:
            due = desk[NEXT_FUNDING]
            row = report(desk, FUNDING_REPORT, 0, desk[FUNDING_ANSWER], due, known, FUNDING_RANK)
            desk[row + OUT_LOTS] = desk[POSITION]
            desk[row + OUT_PRICE] = desk[LAST_PRINT]
            desk[NEXT_FUNDING] = due + interval
    # Flat, or no price yet: those due by now are over, and paid by nobody.
    desk[NEXT_FUNDING] = max(desk[NEXT_FUNDING], (until // interval + 1) * interval)


@compiled_inner
def funding_count(desk: Array, until: int) -> int:
    """Return how many payments at most fall by a venue time."""
    if desk[FUNDING_INTERVAL] == 0 or desk[POSITION] == 0 or desk[NEXT_FUNDING] < 0:
        return 0
    until = max(until, desk[CLOCK])
    return max(0, (until - desk[NEXT_FUNDING]) // desk[FUNDING_INTERVAL] + 1)


@compiled_inner
def end_useless(desk: Array, time: int, known: int, rank: int) -> None:
    """Take away orders that only reduce when there is nothing left to reduce."""
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        phase = desk[base + PHASE]
        if (
            desk[base + REDUCE_ONLY] == 1
            and phase != DONE
            and phase != WAITING
            and desk[base + SIDE] * desk[POSITION] >= 0
        ):
            end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, time, known, rank)


# -- taking -----------------------------------------------------------------------------------


@compiled_inner
def row_of(side: int) -> int:
    """Return the book's row of a side: 0 of bids, 1 of asks."""
    return (1 - side) // 2


@compiled_inner
def wanted_lots(desk: Array, base: int) -> int:
    """Return what an order may still trade; a reduce-only one never past a flat position."""
    left = desk[base + LOTS] - desk[base + FILLED]
    if desk[base + REDUCE_ONLY] == 1:
        left = max(0, min(left, -desk[base + SIDE] * desk[POSITION]))
    return left


@compiled_inner
def lowest_other_key(desk: Array, base: int) -> int:
    """Return the worst key of the other side that an order takes."""
    if desk[base + LIMIT] == 0:
        return -NEVER
    return -desk[base + SIDE] * desk[base + LIMIT]


@compiled_inner
def would_take(book: Array, side: int, limit: int) -> bool:
    """Whether the best price of the other side lies at or inside a limit."""
    best = book[row_of(-side) * SIDE_WIDTH + BEST]
    return best != -NEVER and side * limit + best >= 0


@compiled_inner
def fillable_lots(desk: Array, book: Array, base: int, enough: int) -> int:
    """Return what the levels within an order's limit have for it, looking until it is enough."""
    row = row_of(-desk[base + SIDE])
    lowest = lowest_other_key(desk, base)
    key = book[row * SIDE_WIDTH + BEST]
    found = 0
    while key != -NEVER and key >= lowest and found < enough:
        found += free_lots(desk, book, row, key)
        key = next_worse(book, row, key)
    return found


@compiled_inner
def set_reference(desk: Array, book: Array, base: int) -> None:
    """Keep the mid, and half the spread, at which an order first meets the book.

    Where its own side is empty the best price of the other is all there is: no spread is known.
    """
    if desk[base + REFERENCE] != 0:
        return
    bid = book[BEST]
    ask = -book[SIDE_WIDTH + BEST]
    has_bid = bid != -NEVER
    has_ask = ask != NEVER
    if has_bid and has_ask:
        desk[base + REFERENCE] = (bid + ask) * (MICRO // 2)
        desk[base + HALF_SPREAD] = max(0, (ask - bid) * (MICRO // 2))
    elif has_ask and desk[base + SIDE] > 0:
        desk[base + REFERENCE] = ask * MICRO
    elif has_bid and desk[base + SIDE] < 0:
        desk[base + REFERENCE] = bid * MICRO


@compiled_inner
def take(desk: Array, book: Array, base: int, time: int, known: int, rank: int) -> None:
    """Take from the levels of the other side, best first, each a fill at its own price."""
    side = desk[base + SIDE]
    row = row_of(-side)
    lowest = lowest_other_key(desk, base)
    key = book[row * SIDE_WIDTH + BEST]
    while key != -NEVER and key >= lowest:
        lots = min(wanted_lots(desk, base), free_lots(desk, book, row, key))
        if lots > 0:
            remember_taken(desk, row, key, lots)
            fill(desk, base, lots, -side * key, TAKER, time, known, rank)
            if desk[base + KIND] == TO_LIMIT_KIND:
                # The best level alone; from here on it is a limit at that price.
                desk[base + KIND] = LIMIT_KIND
                desk[base + LIMIT] = -side * key
                desk[base + PHASE] = TAKING if desk[base + PHASE] != DONE else DONE
                return
        if desk[base + PHASE] == DONE or wanted_lots(desk, base) == 0:
            return
        key = next_worse(book, row, key)


@compiled_inner
def rest(desk: Array, book: Array, base: int) -> None:
    """Put an order at the back of the queue at its price, behind all that the level shows."""
    side = desk[base + SIDE]
    lots = level_lots(
        book,
        row_of(side),
        side * desk[base + LIMIT],
    )
    if desk[VOID_SINCE] != 0:
        # Nobody knows who stands there: the back of whatever is told first.
        lots = LOTS_MAX
    desk[base + PHASE] = RESTING
    desk[base + AHEAD] = lots * MICRO
    desk[base + TRADED] = 0


@compiled_inner
def meet_book(desk: Array, book: Array, base: int, time: int, known: int, rank: int) -> None:
    """Let a hungry or taking order take what the book shows, and settle what is left of it."""
    if wanted_lots(desk, base) == 0:
        end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, time, known, rank)
        return
    side = desk[base + SIDE]
    limit = desk[base + LIMIT]
    if desk[base + POST_ONLY] == 1 and would_take(book, side, limit):
        # A triggered one: at its arrival it could not be judged.
        end_order(desk, base, REJECTION, POST_ONLY_REASON, time, known, rank)
        return
    set_reference(desk, book, base)
    at_once = desk[base + AT_ONCE]
    wanted = wanted_lots(desk, base)
    if at_once != ALL_OR_NOTHING or fillable_lots(desk, book, base, wanted) >= wanted:
        take(desk, book, base, time, known, rank)
    if desk[base + PHASE] == DONE:
        return
    if wanted_lots(desk, base) == 0:
        end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, time, known, rank)
    elif at_once != STAYS:
        end_order(desk, base, EXPIRY_REPORT, IN_FORCE_REASON, time, known, rank)
    elif desk[base + KIND] == LIMIT_KIND:
        rest(desk, book, base)
    else:
        desk[base + PHASE] = HUNGRY


@compiled_inner
def is_open_to_takers(desk: Array, book: Array) -> bool:
    """Whether the book may be taken from: known, whole, and not crossed."""
    if desk[VOID_SINCE] != 0:
        return False
    return desk[WHOLE] == 1 and book[BEST] + book[SIDE_WIDTH + BEST] < 0


# -- rows -------------------------------------------------------------------------------------


@compiled_inner
def next_in_queue(desk: Array, row: int, lowest: int, key: int, place: int, time: int) -> int:
    """Return our next resting order of a side: best price first, then the older; −1 for none.

    Those up to (key, place) were met already; only keys ≥ lowest, and only orders that were there
    before `time`, are looked at.
    """
    found = -1
    found_key = -NEVER
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        side = desk[base + SIDE]
        if desk[base + PHASE] != RESTING or row_of(side) != row or desk[base + AFTER] >= time:
            continue
        own = side * desk[base + LIMIT]
        if own < lowest or own > key or (own == key and base <= place):
            continue
        if own > found_key:
            found = base
            found_key = own
    return found


@compiled_inner
def fill_resting(desk: Array, base: int, lots: int, time: int, known: int) -> int:
    """Fill a resting order at its price with at most these lots; return how many it took."""
    wanted = wanted_lots(desk, base)
    if wanted == 0:
        end_order(desk, base, EXPIRY_REPORT, REDUCE_ONLY_REASON, time, known, EVENT_RANK)
        return 0
    lots = min(lots, wanted)
    if lots > 0:
        fill(desk, base, lots, desk[base + LIMIT], MAKER, time, known, EVENT_RANK)
    return lots


@compiled_inner
def meet_print_side(
    desk: Array, row: int, lowest: int, at: int, lots: int, time: int, known: int
) -> int:
    """Let a print meet our resting orders of one side; return the lots that are left of it.

    It meets keys ≥ `lowest`: at the key `at` the queue decides, above it it traded through. More
    than its lots is never given away, to the queue and to all our orders.
    """
    left = lots * MICRO
    passed = 0
    key = NEVER
    place = -1
    while True:
        base = next_in_queue(desk, row, lowest, key, place, time)
        if base < 0:
            return left // MICRO
        key = desk[base + SIDE] * desk[base + LIMIT]
        place = base
        ahead = desk[base + AHEAD]
        if key == at:
            # Others ahead of this order, and not ahead of an older one of ours, come first.
            others = min(left, max(0, ahead - passed))
            passed += others
            left -= others
            desk[base + TRADED] += lots * MICRO
            after = max(0, ahead - passed)
        else:
            after = 0
        left -= fill_resting(desk, base, left // MICRO, time, known) * MICRO
        desk[base + AHEAD] = after


@compiled_inner
def trigger_by(desk: Array, price: int, time: int, known: int) -> None:
    """Let a print trigger the orders that wait for its price; they meet a later book."""
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        if desk[base + PHASE] != ARMED or desk[base + AFTER] >= time:
            continue
        toward = desk[base + SIDE] if desk[base + TRIGGER] == STOP_TRIGGER else -desk[base + SIDE]
        if toward * price < toward * desk[base + STOP]:
            continue
        report(
            desk,
            TRIGGER_REPORT,
            desk[base + NUMBER],
            desk[base + ANSWER],
            time,
            known,
            EVENT_RANK,
        )
        desk[base + PHASE] = TAKING if desk[base + KIND] == LIMIT_KIND else HUNGRY
        desk[base + AFTER] = time


@compiled_inner
def aggressor_of(book: Array, side: int, price: int) -> int:
    """Return who aggressed: as told, else by the book; 0 where neither says."""
    if side != 0:
        return side
    if book[SIDE_WIDTH + BEST] != -NEVER and price >= -book[SIDE_WIDTH + BEST]:
        return 1
    return -1 if price <= book[BEST] else 0


@compiled_inner
def meet_print(
    desk: Array, book: Array, side: int, price: int, lots: int, time: int, known: int
) -> None:
    """Let one print act on triggers and resting orders; these need a book that is known."""
    trigger_by(desk, price, time, known)
    if desk[VOID_SINCE] != 0:
        desk[LAST_PRINT] = price
        return
    aggressor = aggressor_of(book, side, price)
    if aggressor != 0:
        at = -aggressor * price
        meet_print_side(desk, row_of(-aggressor), at, at, lots, time, known)
    else:
        # Nobody knows whom it hit. What it traded through it would have met, whoever came.
        lots = meet_print_side(desk, 0, price + 1, price, lots, time, known)
        meet_print_side(desk, 1, -price + 1, -price, lots, time, known)
    desk[LAST_PRINT] = price


@compiled_inner
def move_queues(desk: Array, row: int, key: int, before: int, after: int, kind: int) -> None:
    """Bring our orders at a level forward once its size is told."""
    oldest = 0
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        side = desk[base + SIDE]
        if desk[base + PHASE] != RESTING or row_of(side) != row or side * desk[base + LIMIT] != key:
            continue
        if kind == SNAPSHOT_ROW:
            # Nothing is known of how it came about: only a smaller level says something.
            ahead = min(desk[base + AHEAD], after * MICRO)
        else:
            ahead = ahead_after_change(
                desk[MODEL],
                desk[MODEL_PARAMETER],
                desk[base + AHEAD],
                desk[base + TRADED],
                before,
                after,
            )
            if ahead < 0 or ahead > min(desk[base + AHEAD], after * MICRO):
                # The user's own model may not answer this; the step then fails.
                desk[MODEL_BROKE] = 1
                ahead = min(desk[base + AHEAD], after * MICRO)
        # Who came later has at least as many ahead.
        oldest = max(oldest, ahead)
        desk[base + AHEAD] = oldest
        desk[base + TRADED] = 0


@compiled_inner
def meet_crossing(desk: Array, book: Array, row: int, time: int, known: int) -> None:
    """Fill our resting orders that the other side's best price has crossed, by what it shows."""
    other = 1 - row
    key = NEVER
    place = -1
    while True:
        best = book[other * SIDE_WIDTH + BEST]
        if best == -NEVER:
            return
        base = next_in_queue(desk, row, -best, key, place, time)
        if base < 0:
            return
        key = desk[base + SIDE] * desk[base + LIMIT]
        place = base
        while desk[base + PHASE] == RESTING and best != -NEVER and best + key >= 0:
            lots = fill_resting(desk, base, free_lots(desk, book, other, best), time, known)
            if lots > 0:
                remember_taken(desk, other, best, lots)
            best = next_worse(book, other, best)


@compiled_inner
def meet_whole_book(desk: Array, book: Array, time: int, known: int) -> None:
    """Let the orders act that a changed, whole book concerns: who rests first, then who takes."""
    for row in range(2):
        meet_crossing(desk, book, row, time, known)
    if not is_open_to_takers(desk, book):
        return
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        phase = desk[base + PHASE]
        if (phase == HUNGRY or phase == TAKING) and desk[base + AFTER] < time:
            meet_book(desk, book, base, time, known, EVENT_RANK)


# -- commands ---------------------------------------------------------------------------------


@compiled_inner
def order_place(desk: Array, number: int) -> int:
    """Return where an open order's row begins, or −1."""
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        if desk[base + NUMBER] == number:
            return base if desk[base + PHASE] != DONE else -1
    return -1


@compiled_inner
def move_to_back(desk: Array, base: int) -> int:
    """Make an order the youngest; return where it stands now."""
    end = desk[ORDERS_START] + (desk[ORDER_COUNT] - 1) * ORDER_WIDTH
    for field in range(ORDER_WIDTH):
        moved = desk[base + field]
        for place in range(base + field, end + field, ORDER_WIDTH):
            desk[place] = desk[place + ORDER_WIDTH]
        desk[end + field] = moved
    return end


@compiled_inner
def arrive(desk: Array, book: Array, number: int, time: int, known: int) -> None:
    """Let an order reach the matching engine and meet the book as it stands."""
    base = order_place(desk, number)
    if base < 0:
        return
    base = move_to_back(desk, base)
    side = desk[base + SIDE]
    if desk[base + REDUCE_ONLY] == 1 and wanted_lots(desk, base) == 0:
        end_order(desk, base, REJECTION, REDUCE_ONLY_REASON, time, known, ARRIVAL_RANK)
        return
    is_armed = desk[base + TRIGGER] != NO_TRIGGER
    if desk[base + POST_ONLY] == 1 and not is_armed:
        if would_take(book, side, desk[base + LIMIT]):
            end_order(desk, base, REJECTION, POST_ONLY_REASON, time, known, ARRIVAL_RANK)
            return
        rest(desk, book, base)
    if desk[base + POST_ONLY] == 1 or desk[base + REDUCE_ONLY] == 1:
        # Of every other order acceptance is certain, and told by whoever sent it.
        answer = desk[base + ANSWER]
        report(desk, ACCEPTANCE, number, answer, time, known, ARRIVAL_RANK)
    if is_armed:
        desk[base + PHASE] = ARMED
        return
    if desk[base + PHASE] == RESTING:
        return
    desk[base + PHASE] = TAKING if desk[base + KIND] == LIMIT_KIND else HUNGRY
    # What takes at once or never does not wait until a book is known again.
    is_void = desk[VOID_SINCE] != 0 and desk[base + AT_ONCE] != STAYS
    if is_void or is_open_to_takers(desk, book):
        meet_book(desk, book, base, time, known, ARRIVAL_RANK)


@compiled_inner
def refuse(
    desk: Array, kind: int, number: int, reason: int, answer: int, time: int, known: int
) -> None:
    """Answer a command with no."""
    row = report(desk, kind, number, answer, time, known, ARRIVAL_RANK)
    desk[row + OUT_REASON] = reason


@compiled_inner
def amend(
    desk: Array,
    book: Array,
    number: int,
    lots: int,
    limit: int,
    stop: int,
    answer: int,
    time: int,
    known: int,
) -> None:
    """Change an order's terms where it stands; 0 leaves a term as it is."""
    base = order_place(desk, number)
    if base < 0 or desk[base + PHASE] == WAITING:
        reason = FINAL_REASON if base < 0 else UNKNOWN_REASON
        refuse(desk, AMEND_REFUSAL, number, reason, answer, time, known)
        return
    side = desk[base + SIDE]
    phase = desk[base + PHASE]
    if (limit != 0 and desk[base + LIMIT] == 0) or (stop != 0 and phase != ARMED):
        refuse(desk, AMEND_REFUSAL, number, INVALID_REASON, answer, time, known)
        return
    is_moved = limit != 0 and limit != desk[base + LIMIT]
    if (
        is_moved
        and phase == RESTING
        and desk[base + POST_ONLY] == 1
        and would_take(book, side, limit)
    ):
        refuse(desk, AMEND_REFUSAL, number, POST_ONLY_REASON, answer, time, known)
        return
    if lots != 0 and lots <= desk[base + FILLED]:
        # All that is wanted has filled; the answer to the amend says so.
        desk[base + ANSWER] = answer
        end_order(desk, base, EXPIRY_REPORT, AMENDED_REASON, time, known, ARRIVAL_RANK)
        return
    is_larger = lots > desk[base + LOTS]
    if lots != 0:
        desk[base + LOTS] = lots
    if limit != 0:
        desk[base + LIMIT] = limit
    if stop != 0:
        desk[base + STOP] = stop
    row = report(desk, AMEND_REPORT, number, answer, time, known, ARRIVAL_RANK)
    desk[row + OUT_LOTS] = desk[base + LOTS]
    desk[row + OUT_PRICE] = desk[base + LIMIT]
    desk[row + OUT_REFERENCE] = desk[base + STOP]
    if phase != RESTING or not (is_moved or is_larger):
        return
    base = move_to_back(desk, base)
    desk[base + AFTER] = time
    if not is_moved or desk[base + POST_ONLY] == 1:
        rest(desk, book, base)
        return
    desk[base + PHASE] = TAKING
    desk[base + REFERENCE] = 0
    desk[base + HALF_SPREAD] = 0
    if is_open_to_takers(desk, book):
        meet_book(desk, book, base, time, known, ARRIVAL_RANK)


@compiled_inner
def obey_first(desk: Array, book: Array, known: int) -> None:
    """Let the oldest command act on orders and book as they stand."""
    time = desk[desk[COMMANDS_START] + COMMAND_TIME]
    kind = desk[desk[COMMANDS_START] + COMMAND_KIND]
    number = desk[desk[COMMANDS_START] + COMMAND_ORDER]
    answer = desk[desk[COMMANDS_START] + COMMAND_ANSWER]
    charge_funding(desk, time, known)
    held = desk[POSITION]
    if kind == PLACE_COMMAND:
        arrive(desk, book, number, time, known)
    elif kind == AMEND_COMMAND:
        amend(
            desk,
            book,
            number,
            desk[desk[COMMANDS_START] + COMMAND_LOTS],
            desk[desk[COMMANDS_START] + COMMAND_LIMIT],
            desk[desk[COMMANDS_START] + COMMAND_STOP],
            answer,
            time,
            known,
        )
    else:
        base = order_place(desk, number)
        if kind == CANCEL_COMMAND and (base < 0 or desk[base + PHASE] == WAITING):
            reason = FINAL_REASON if base < 0 else UNKNOWN_REASON
            refuse(desk, CANCEL_REFUSAL, number, reason, answer, time, known)
        elif kind == CANCEL_COMMAND:
            row = report(desk, CANCEL_REPORT, number, answer, time, known, ARRIVAL_RANK)
            desk[row + OUT_LOTS] = desk[base + FILLED]
            desk[base + PHASE] = DONE
        elif base >= 0 and desk[base + PHASE] != WAITING:
            end_order(desk, base, EXPIRY_REPORT, EXPIRED_REASON, time + 1, known, EVENT_RANK)
    if desk[POSITION] != held:
        end_useless(desk, time, known, ARRIVAL_RANK)
    desk[COMMAND_COUNT] -= 1
    first = desk[COMMANDS_START]
    for place in range(first, first + desk[COMMAND_COUNT] * COMMAND_WIDTH):
        desk[place] = desk[place + COMMAND_WIDTH]
    remove_done(desk)
    set_bounds(desk, book)


# -- bookkeeping ------------------------------------------------------------------------------


@compiled_inner
def remove_done(desk: Array) -> None:
    """Close the gaps that finished orders leave, keeping the order of age."""
    kept = 0
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        if desk[base + PHASE] == DONE:
            continue
        if kept != order:
            for field in range(ORDER_WIDTH):
                desk[desk[ORDERS_START] + kept * ORDER_WIDTH + field] = desk[base + field]
        kept += 1
    desk[ORDER_COUNT] = kept


@compiled_inner
def set_bounds(desk: Array, book: Array) -> None:
    """Note what a row must reach to concern us, after orders or commands changed."""
    for row in range(2):
        desk[OWN_BEST + row] = -NEVER
        desk[OWN_LOW + row] = NEVER
    desk[HUNGRY_COUNT] = 0
    desk[RISES] = NEVER
    desk[FALLS] = -NEVER
    for order in range(desk[ORDER_COUNT]):
        base = desk[ORDERS_START] + order * ORDER_WIDTH
        phase = desk[base + PHASE]
        side = desk[base + SIDE]
        if phase == RESTING:
            row = row_of(side)
            key = side * desk[base + LIMIT]
            desk[OWN_BEST + row] = max(desk[OWN_BEST + row], key)
            desk[OWN_LOW + row] = min(desk[OWN_LOW + row], key)
        elif phase == HUNGRY or phase == TAKING:
            desk[HUNGRY_COUNT] += 1
        elif phase == ARMED:
            toward = side if desk[base + TRIGGER] == STOP_TRIGGER else -side
            if toward > 0:
                desk[RISES] = min(desk[RISES], desk[base + STOP])
            else:
                desk[FALLS] = max(desk[FALLS], desk[base + STOP])
    touching = desk[OWN_BEST] + book[SIDE_WIDTH + BEST] >= 0 or desk[OWN_BEST + 1] + book[BEST] >= 0
    desk[TOUCHING] = 1 if touching else 0
    desk[NEXT_TIME] = NEVER
    desk[NEXT_DUE] = NEVER
    if desk[COMMAND_COUNT] > 0:
        # One that comes after the clock has passed its time meets any row.
        late = desk[desk[COMMANDS_START] + COMMAND_TIME] < desk[CLOCK]
        desk[NEXT_TIME] = -NEVER if late else desk[desk[COMMANDS_START] + COMMAND_TIME] + 1
        desk[NEXT_DUE] = due_time(desk)
    if desk[FUNDING_INTERVAL] != 0 and desk[POSITION] != 0:
        desk[NEXT_TIME] = min(desk[NEXT_TIME], desk[NEXT_FUNDING])


@compiled_inner
def due_time(desk: Array) -> int:
    """Return when the oldest command acts though no later row has arrived."""
    return desk[desk[COMMANDS_START] + COMMAND_TIME] + max(
        desk[desk[COMMANDS_START] + COMMAND_ANSWER], desk[LAG]
    )


@compiled_inner
def level_count(book: Array) -> int:
    """Return how many levels the book has: an event fills each of them at most once."""
    return (
        book[CELL_COUNT]
        + book[FAR_COUNT]
        + book[SIDE_WIDTH + CELL_COUNT]
        + book[SIDE_WIDTH + FAR_COUNT]
    )
