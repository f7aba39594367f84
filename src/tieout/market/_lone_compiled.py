"""A market order that meets nobody, from the wish to its fill in one go.

Most orders of most runs are alone: nothing else is open or under way, the next bar fills them
whole, and both answers are known with that bar, before the strategy is asked again. The long way
(decide, send, scan, meet the bar, wait, tell) then comes to one result, which is written here at
once:

    wish ──▶ gate ──▶ order, acceptance and fill as words ──▶ account

Whatever else could matter makes `goes_short` say no, and the long way is gone. Both leave every
array in the same state; a twin test compares them cell by cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._accounting_compiled import book_fill, fee_of, has_margin
from tieout.market._bars_compiled import recall_last, take_in_bars
from tieout.market._compile import inlined
from tieout.market._layout import (
    ACCEPTANCE,
    CLOSE_TIME,
    CLOSING,
    COMMAND_COUNT,
    CURSOR,
    FILL_REPORT,
    FUNDING_INTERVAL,
    HIGH,
    IMPACT_LEVEL,
    KNOWN_TIME,
    LEFT,
    LEVEL,
    LIMIT_MET,
    LOW,
    MET,
    NEVER,
    NEXT_DUE,
    NEXT_FUNDING,
    OPEN_TIME,
    OPENED,
    OPENING,
    ORDER_COUNT,
    OUT_COUNT,
    POSITION,
    PRICE_MAX,
    QUANTITY,
    SCANNED,
    SEQUENCE,
    SHARE_DENOMINATOR,
    SHARE_NUMERATOR,
    SPREAD,
    STALE_AFTER,
    STATISTICS,
    STOP_MET,
    TAKER,
    UNSURE,
)
from tieout.market._orders_compiled import shifted_price
from tieout.market._placing_compiled import are_plain, count_sent, market_lots, write_placed
from tieout.market._running_layout import (
    ANSWER_WAY,
    ASSUMED_FILLS,
    ENTRY,
    KNOWN,
    LATEST_ARRIVAL,
    MARKET_WISH,
    NEXT_NUMBER,
    ORDERS,
    PLACED_WORDS,
    REPORT_KINDS,
    REPORT_WORDS,
    REPORTED,
    ROWS,
    SHORT_WAY,
    TARGET_WISH,
    TRACKED_COUNT,
    UNRESOLVED,
    WAIT_COUNT,
    WISH_COUNT,
    WISH_KIND,
    WISH_ROWS,
    WORDS,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

ACCEPTANCE_WORDS = 4


@inlined
def goes_short(
    run: Array,
    words: Array,
    wishes: Array,
    state: Array,
    s_arrival: Array,
    c_arrival: Array,
    row: int,
    met: int,
) -> bool:
    """Whether one market order is wished, nothing is open, and `met` may be the bar that fills it.

    The core's row `met` is the first that arrives after the strategy's `row`.
    """
    if run[SHORT_WAY] == 0 or wishes[WISH_COUNT] != 1:
        return False
    kind = wishes[WISH_ROWS + WISH_KIND]
    if kind != MARKET_WISH and kind != TARGET_WISH:
        return False
    if run[WAIT_COUNT] != 0 or run[TRACKED_COUNT] != 0:
        return False
    if state[ORDER_COUNT] != 0 or state[COMMAND_COUNT] != 0 or state[OUT_COUNT] != 0:
        return False
    if met >= len(c_arrival) or row + 1 >= run[ROWS] or c_arrival[met] > s_arrival[row + 1]:
        return False
    if met + 1 < len(c_arrival) and c_arrival[met + 1] == c_arrival[met]:
        return False
    return run[WORDS] + PLACED_WORDS + ACCEPTANCE_WORDS + REPORT_WORDS <= len(words)


@inlined
def next_funding(state: Array, opened: int) -> int:
    """Return when funding is due after a bar's open, at which nobody pays; see `charge_funding`."""
    interval = state[FUNDING_INTERVAL]
    if interval == 0:
        return NEVER
    if state[POSITION] != 0:
        return state[NEXT_FUNDING]
    return max(state[NEXT_FUNDING], (opened // interval + 1) * interval)


@inlined
def fills_whole(state: Array, lots: int, volume: int) -> bool:
    """Whether a bar of this volume fills a market order that it is the first to meet."""
    denominator = state[SHARE_DENOMINATOR]
    if denominator == 0:
        return True
    numerator = state[SHARE_NUMERATOR]
    most = volume // denominator * numerator + volume % denominator * numerator // denominator
    return lots <= min(volume, most)


@inlined
def is_fresh(state: Array, arrival: int, opened: int, volume: int) -> bool:
    """Whether the price of a bar with volume is no older than allowed when an order arrives."""
    stale = state[STALE_AFTER]
    return stale == NEVER or (volume > 0 and arrival - opened <= stale)


@inlined
def trade_alone(
    run: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    state: Array,
    ring: Array,
    impact_y: float,
    c_arrival: Array,
    c_open_time: Array,
    c_close_time: Array,
    c_opening: Array,
    c_high: Array,
    c_low: Array,
    c_closing: Array,
    c_volume: Array,
    met: int,
    now: int,
    age: int,
    price: int,
    key: int,
    revision: int,
) -> bool:
    """Decide, fill and book the order that is wished, where it `goes_short`; else change nothing.

    Returns:
        Whether it was done.
    """
    opened, closed, known = c_open_time[met], c_close_time[met], c_arrival[met]
    volume = c_volume[met]
    arrival = now + run[ENTRY]
    before = arrival <= opened
    stamp = opened if before else closed
    # Both answers come with the bar: it is what tells of the fill.
    answered = max(arrival, stamp) + run[ANSWER_WAY]
    if arrival >= closed or opened >= closed or answered > known or c_high[met] > PRICE_MAX:
        return False
    due = next_funding(state, opened)
    if due <= closed or not is_fresh(state, arrival, opened, volume):
        return False
    lots = market_lots(run, wishes, WISH_ROWS, 0)
    size = abs(lots)
    if lots == 0 or not fills_whole(state, size, volume):
        return False
    if not are_plain(run, recent, tracked, wishes, now, age, price):
        return False
    side = 1 if lots > 0 else -1
    opening, closing = c_opening[met], c_closing[met]
    reference = opening if before else side * max(side * opening, side * closing)
    statistics = state[STATISTICS] == 1
    if statistics:
        # What is not gone through here the long way takes in again: a row counts once.
        take_in_bars(state, ring, c_closing, c_volume, met)
    paid = shifted_price(state, ring, impact_y, side, reference, size)
    if not has_margin(run, size, paid):
        return False
    recall_last(state, c_close_time, c_closing, c_volume, met)
    # The bar, as the core has it while it is met and afterwards.
    state[OPEN_TIME] = opened
    state[CLOSE_TIME] = closed
    state[KNOWN_TIME] = known
    state[OPENING] = opening
    state[HIGH] = c_high[met]
    state[LOW] = c_low[met]
    state[CLOSING] = closing
    state[QUANTITY] = volume
    state[LEFT] = volume - size
    state[OPENED] = state[POSITION] + (lots if before else 0)
    state[STOP_MET] = 0
    state[LIMIT_MET] = 0
    state[UNSURE] = 0
    state[POSITION] += lots
    # The order's place, and its report's.
    state[SEQUENCE] += 2
    state[NEXT_DUE] = NEVER
    if state[FUNDING_INTERVAL] != 0:
        state[NEXT_FUNDING] = due
    state[CURSOR] = met + 1
    state[SCANNED] = met + 1
    state[MET] = met + 1
    half_spread = 0
    if state[LEVEL] == IMPACT_LEVEL:
        half_spread = min(reference * state[SPREAD] // 200, abs(paid - reference) * 1_000_000)
    fee = fee_of(run, size, paid, TAKER)
    book_fill(run, side, size, paid, fee)
    assumed = 0 if before else 1
    run[ASSUMED_FILLS] += assumed
    run[UNRESOLVED] += assumed
    number = run[NEXT_NUMBER]
    write_placed(run, words, number, key, revision, 0, now, price, lots, MARKET_WISH, 0)
    write_answers(
        run, words, number, arrival, run[ANSWER_WAY], known, stamp, size, paid, fee, reference,
        half_spread, assumed,
    )  # fmt: skip
    run[NEXT_NUMBER] = number + 1
    run[ORDERS] += 1
    run[REPORTED] += 2
    run[LATEST_ARRIVAL] = max(run[LATEST_ARRIVAL], arrival)
    count_sent(run, recent, now)
    run[KNOWN] = 0
    return True


@inlined
def write_answers(
    run: Array,
    words: Array,
    number: int,
    arrival: int,
    answer_way: int,
    known: int,
    stamp: int,
    lots: int,
    price: int,
    fee: int,
    reference: int,
    half_spread: int,
    assumed: int,
) -> None:
    """Write an acceptance and a fill down."""
    at = run[WORDS]
    words[at] = ACCEPTANCE + REPORT_KINDS
    words[at + 1] = number
    words[at + 2] = arrival + answer_way
    words[at + 3] = arrival
    at += ACCEPTANCE_WORDS
    words[at] = FILL_REPORT + REPORT_KINDS
    words[at + 1] = number
    words[at + 2] = known
    words[at + 3] = stamp
    words[at + 4] = lots
    words[at + 5] = price
    words[at + 6] = fee
    words[at + 7] = TAKER
    words[at + 8] = reference
    words[at + 9] = half_spread
    words[at + 10] = assumed
    run[WORDS] = at + REPORT_WORDS
