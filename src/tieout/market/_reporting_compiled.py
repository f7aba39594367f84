"""The venue's reports on their way to us, as a compiled run keeps them: in order, until due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._accounting_compiled import (
    book_fill,
    book_funding,
    fee_of,
    fits,
    has_margin,
)
from tieout.market._compile import uncounted_inner
from tieout.market._layout import (
    ACCEPTANCE,
    AMBIGUOUS,
    CANCEL_REFUSAL,
    CANCEL_REPORT,
    EVENT_RANK,
    EXPIRY_REPORT,
    FILL_REPORT,
    FUNDING_REPORT,
    MAKER,
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
    OUT_REASON,
    OUT_REFERENCE,
    OUT_SEQUENCE,
    OUT_VENUE_TIME,
    OUT_WIDTH,
    REJECTION,
    TAKER,
    TRIGGER_REPORT,
)
from tieout.market._running_layout import (
    ASSUMED_FILLS,
    COMING,
    COUNTED_AMBIGUOUS,
    FUNDING_NUMERATOR,
    MARGIN_SPENT,
    OPEN_COUNT,
    REPORT_KINDS,
    REPORT_WORDS,
    REPORTED,
    ROWS_DONE,
    TRACK_CANCELS,
    TRACK_COMES,
    TRACK_FILLED,
    TRACK_FILLS,
    TRACK_LOTS,
    TRACK_NUMBER,
    TRACK_OVER,
    TRACK_SIDE,
    TRACK_WIDTH,
    TRACKED_COUNT,
    UNRESOLVED,
    WAIT_ASSUMED,
    WAIT_COUNT,
    WAIT_REPORTED,
    WAIT_WIDTH,
    WORDS,
    WORDS_FULL,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@uncounted_inner
def comes_before(waiting: Array, row: int, arrival: int, moment: int, rank: int, seq: int) -> bool:
    """Whether a report that waits is told before one with these keys; older ones come first."""
    base = row * WAIT_WIDTH
    if waiting[base + OUT_ARRIVAL] != arrival:
        return waiting[base + OUT_ARRIVAL] < arrival
    if waiting[base + OUT_MOMENT] != moment:
        return waiting[base + OUT_MOMENT] < moment
    if waiting[base + OUT_RANK] != rank:
        return waiting[base + OUT_RANK] < rank
    return waiting[base + OUT_SEQUENCE] <= seq


@uncounted_inner
def make_room(run: Array, waiting: Array, arrival: int, moment: int, rank: int, seq: int) -> int:
    """Open a row where a report belongs, and return where it begins."""
    row = run[WAIT_COUNT]
    while row > 0 and not comes_before(waiting, row - 1, arrival, moment, rank, seq):
        below = row * WAIT_WIDTH
        for cell in range(below, below + WAIT_WIDTH):
            waiting[cell] = waiting[cell - WAIT_WIDTH]
        row -= 1
    run[WAIT_COUNT] += 1
    run[REPORTED] += 1
    base = row * WAIT_WIDTH
    waiting[base + WAIT_REPORTED] = run[REPORTED]
    return base


@uncounted_inner
def wait_for(run: Array, waiting: Array, out: Array, row: int, assumed: int) -> None:
    """Let a report of the core wait until it is known to us."""
    source = row * OUT_WIDTH
    base = make_room(
        run,
        waiting,
        out[source + OUT_ARRIVAL],
        out[source + OUT_MOMENT],
        out[source + OUT_RANK],
        out[source + OUT_SEQUENCE],
    )
    for cell in range(OUT_WIDTH):
        waiting[base + cell] = out[source + cell]
    waiting[base + WAIT_ASSUMED] = assumed


@uncounted_inner
def is_inside(out: Array, row: int) -> bool:
    """Whether a row of `out` is a fill that came about after a bar's open."""
    base = row * OUT_WIDTH
    return out[base + OUT_KIND] == FILL_REPORT and out[base + OUT_RANK] == EVENT_RANK


@uncounted_inner
def triggered_at(out: Array, count: int, moment: int, order: int) -> bool:
    """Whether an order, −1 for any, was triggered inside of the bar that has this moment."""
    for row in range(count):
        base = row * OUT_WIDTH
        if (
            out[base + OUT_KIND] == TRIGGER_REPORT
            and out[base + OUT_RANK] == EVENT_RANK
            and out[base + OUT_MOMENT] == moment
            and (order == -1 or out[base + OUT_ORDER] == order)
        ):
            return True
    return False


@uncounted_inner
def refused_at(out: Array, count: int, moment: int, order: int) -> bool:
    """Whether a cancel of an order was refused in the bar that has this moment."""
    for row in range(count):
        base = row * OUT_WIDTH
        if (
            out[base + OUT_KIND] == CANCEL_REFUSAL
            and out[base + OUT_MOMENT] == moment
            and out[base + OUT_ORDER] == order
        ):
            return True
    return False


@uncounted_inner
def both_met(out: Array, count: int, moment: int) -> bool:
    """Whether a resting order filled and another was triggered inside of one bar."""
    for row in range(count):
        base = row * OUT_WIDTH
        if (
            is_inside(out, row)
            and out[base + OUT_LIQUIDITY] == MAKER
            and out[base + OUT_MOMENT] == moment
        ):
            return triggered_at(out, count, moment, -1)
    return False


@uncounted_inner
def count_both(out: Array, count: int) -> int:
    """Return in how many bars a resting order filled and another was triggered."""
    found = 0
    for row in range(count):
        moment = out[row * OUT_WIDTH + OUT_MOMENT]
        first = is_inside(out, row) and both_met(out, count, moment)
        for before in range(row):
            if is_inside(out, before) and out[before * OUT_WIDTH + OUT_MOMENT] == moment:
                first = False
        if first:
            found += 1
    return found


@uncounted_inner
def is_assumed(out: Array, count: int, row: int, unclear: bool) -> bool:  # noqa: FBT001
    """Whether a fill on bars rests on an assumption about the bar's path, as `path_decided` has it.

    `unclear`: the core found more ambiguous bars than its reports tell.
    """
    if not is_inside(out, row):
        return False
    base = row * OUT_WIDTH
    moment, order = out[base + OUT_MOMENT], out[base + OUT_ORDER]
    if unclear:
        if triggered_at(out, count, moment, -1):
            return True
    elif both_met(out, count, moment):
        return True
    if refused_at(out, count, moment, order):
        return True
    return out[base + OUT_LIQUIDITY] == TAKER and not triggered_at(out, count, moment, order)


@uncounted_inner
def drain(run: Array, waiting: Array, state: Array, out: Array, bars: int | None) -> None:
    """Let everything that came about wait until it is known to us."""
    count = state[OUT_COUNT]
    state[OUT_COUNT] = 0
    if bars is None:
        for row in range(count):
            wait_for(run, waiting, out, row, 0)
        return
    more = state[AMBIGUOUS] - run[COUNTED_AMBIGUOUS]
    run[COUNTED_AMBIGUOUS] = state[AMBIGUOUS]
    unclear = more > 0 and more > count_both(out, count)
    last = 0
    for row in range(count):
        assumed = is_assumed(out, count, row, unclear)
        moment = out[row * OUT_WIDTH + OUT_MOMENT]
        if assumed:
            # Rows come bar by bar, so a moment that differs is another bar.
            run[UNRESOLVED] += last != moment
            last = moment
        wait_for(run, waiting, out, row, 1 if assumed else 0)


@uncounted_inner
def find_tracked(run: Array, tracked: Array, number: int) -> int:
    """Return where the row of an open order begins, or −1."""
    for row in range(run[TRACKED_COUNT]):
        if tracked[row * TRACK_WIDTH + TRACK_NUMBER] == number:
            return row * TRACK_WIDTH
    return -1


@uncounted_inner
def forget(run: Array, tracked: Array, base: int) -> None:
    """Take an order that is over from those that are open."""
    if tracked[base + TRACK_COMES] == 1:
        left = tracked[base + TRACK_LOTS] - tracked[base + TRACK_FILLED]
        run[COMING] -= tracked[base + TRACK_SIDE] * left
    run[OPEN_COUNT] -= 1
    tracked[base + TRACK_OVER] = 1


@uncounted_inner
def drop_if_done(run: Array, waiting: Array, tracked: Array, base: int, told: int) -> None:
    """Take out the row of an order that is over and that no report will be of any more.

    `told` is where the report begins that is being told: those after it wait.
    """
    if tracked[base + TRACK_OVER] == 0 or tracked[base + TRACK_CANCELS] != 0:
        return
    number = tracked[base + TRACK_NUMBER]
    for row in range(told + WAIT_WIDTH, run[WAIT_COUNT] * WAIT_WIDTH, WAIT_WIDTH):
        # A trigger or a fill at a bar's close may be known later than the end by a cancel.
        if waiting[row + OUT_ORDER] == number and waiting[row + OUT_KIND] != FUNDING_REPORT:
            return
    run[TRACKED_COUNT] -= 1
    for cell in range(base, run[TRACKED_COUNT] * TRACK_WIDTH):
        tracked[cell] = tracked[cell + TRACK_WIDTH]


@uncounted_inner
def tell_due(run: Array, waiting: Array, tracked: Array, words: Array, until: int) -> int:
    """Tell every report that is known to us by a time, in order; return why it stopped."""
    told = 0
    reason = ROWS_DONE
    while told < run[WAIT_COUNT]:
        base = told * WAIT_WIDTH
        if waiting[base + OUT_ARRIVAL] > until:
            break
        if run[WORDS] + REPORT_WORDS > len(words):
            reason = WORDS_FULL
            break
        reason = tell(run, waiting, tracked, words, base)
        if reason != ROWS_DONE:
            break
        told += 1
    if told > 0:
        run[WAIT_COUNT] -= told
        shift = told * WAIT_WIDTH
        for cell in range(run[WAIT_COUNT] * WAIT_WIDTH):
            waiting[cell] = waiting[cell + shift]
    return reason


@uncounted_inner
def tell(run: Array, waiting: Array, tracked: Array, words: Array, base: int) -> int:
    """Book one report, and write it down; return `MARGIN_SPENT` where it cannot be booked yet."""
    kind = waiting[base + OUT_KIND]
    number = waiting[base + OUT_ORDER]
    order = -1 if kind == FUNDING_REPORT else find_tracked(run, tracked, number)
    lots = waiting[base + OUT_LOTS]
    price = waiting[base + OUT_PRICE]
    money = 0
    if kind == FILL_REPORT:
        if not has_margin(run, lots, price):
            return MARGIN_SPENT
        side = tracked[order + TRACK_SIDE]
        money = fee_of(run, lots, price, waiting[base + OUT_LIQUIDITY])
        book_fill(run, side, lots, price, money)
        run[ASSUMED_FILLS] += waiting[base + WAIT_ASSUMED]
        tracked[order + TRACK_FILLED] += lots
        tracked[order + TRACK_FILLS] += 1
        if tracked[order + TRACK_OVER] == 0:
            if tracked[order + TRACK_COMES] == 1:
                run[COMING] -= side * lots
            if tracked[order + TRACK_FILLED] >= tracked[order + TRACK_LOTS]:
                forget(run, tracked, order)
    elif kind == FUNDING_REPORT:
        if not has_margin(run, lots, price) or not fits(lots, price, run[FUNDING_NUMERATOR]):
            return MARGIN_SPENT
        money = book_funding(run, lots, price)
    elif kind == TRIGGER_REPORT:
        if tracked[order + TRACK_COMES] == 0 and tracked[order + TRACK_OVER] == 0:
            left = tracked[order + TRACK_LOTS] - tracked[order + TRACK_FILLED]
            run[COMING] += tracked[order + TRACK_SIDE] * left
            tracked[order + TRACK_COMES] = 1
    elif kind == CANCEL_REFUSAL:
        tracked[order + TRACK_CANCELS] -= 1
    elif kind == EXPIRY_REPORT or kind == CANCEL_REPORT or kind == REJECTION:
        if kind == CANCEL_REPORT:
            tracked[order + TRACK_CANCELS] -= 1
        if tracked[order + TRACK_OVER] == 0:
            forget(run, tracked, order)
    if order >= 0:
        drop_if_done(run, waiting, tracked, order, base)
    at = run[WORDS]
    words[at] = kind + REPORT_KINDS
    words[at + 1] = number
    words[at + 2] = waiting[base + OUT_ARRIVAL]
    words[at + 3] = waiting[base + OUT_VENUE_TIME]
    used = 4
    if kind == FILL_REPORT:
        words[at + 4] = lots
        words[at + 5] = price
        words[at + 6] = money
        words[at + 7] = waiting[base + OUT_LIQUIDITY]
        words[at + 8] = waiting[base + OUT_REFERENCE]
        words[at + 9] = waiting[base + OUT_HALF_SPREAD]
        words[at + 10] = waiting[base + WAIT_ASSUMED]
        used = REPORT_WORDS
    elif kind == FUNDING_REPORT:
        words[at + 4] = lots
        words[at + 5] = price
        words[at + 6] = money
        used = 7
    elif kind != ACCEPTANCE and kind != TRIGGER_REPORT:
        words[at + 4] = lots
        words[at + 5] = waiting[base + OUT_REASON]
        used = 6
    run[WORDS] = at + used
    return ROWS_DONE
