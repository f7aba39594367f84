"""A whole run in compiled code: rows, reports, account, strategy, gate and orders, in one loop.

What the kernel's loop does, for what is plain; whatever is not makes it return, with a reason, and
the kernel goes on from there. The rules of order are the kernel's: at one instant reports come
before the row, and what is wished on a row leaves before the next one.

Where `bars` is None the core is matched on prints, else on bars: what belongs to the other one is
not even compiled. The entry points stand last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._bars_compiled import commit_bars, scan_bars
from tieout.market._commands_compiled import reports_at_most
from tieout.market._compile import inlined, uncounted, uncounted_inner
from tieout.market._crossing_compiled import array_at, bytes_at
from tieout.market._layout import (
    COMMAND_ANSWER,
    COMMAND_COUNT,
    COMMAND_TIME,
    COMMAND_WIDTH,
    COMMITTED,
    CURSOR,
    NEVER,
    OUT_ARRIVAL,
    OUT_COUNT,
    OUT_WIDTH,
    PASSED,
    PROBLEM,
    SCANNED,
)
from tieout.market._layout import OUT_FULL as CORE_OUT_FULL
from tieout.market._lone_compiled import goes_short, trade_alone
from tieout.market._orders_compiled import first_after
from tieout.market._packing_compiled import pack_written
from tieout.market._placing_compiled import decide_wishes, is_idle
from tieout.market._reporting_compiled import drain, tell_due
from tieout.market._running_layout import (
    AHEAD,
    BLOCK,
    COMING,
    HELD,
    KNOWN,
    LAST_KNOWN,
    NO_MORE,
    NO_ROOM,
    OPEN_COUNT,
    OUT_FULL,
    PENDING,
    PRICE_TOO_HIGH,
    REASON_ROW,
    ROW,
    ROWS,
    ROWS_DONE,
    STEP,
    STEP_FAILED,
    STEP_FAILURE,
    TOUCHES,
    WAIT_COUNT,
    WAIT_WIDTH,
    WANTS_ROWS,
    WATCH,
    WISH_COUNT,
    WORDS_FULL,
)
from tieout.market._stepping import call_step
from tieout.market._trades_compiled import answer_commands, commit_trades, scan_trades

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

AHEAD_ROWS = 4096
"""How far a scan looks ahead at least."""


@inlined
def know_quiet(run: Array) -> None:
    """Know that no row of the core touches anything."""
    run[KNOWN] = 1
    run[TOUCHES] = 0
    run[WATCH] = NEVER


@uncounted_inner
def look(
    run: Array,
    state: Array,
    orders: Array,
    commands: Array,
    c_arrival: Array,
    c_first: Array,
    c_second: Array,
    c_high: Array,
    c_low: Array,
    now: int,
    bars: int | None,
) -> None:
    """Learn before which time the core's rows are quiet, and whether the row there touches."""
    know_quiet(run)
    if is_idle(state) or len(c_arrival) == 0:
        return
    if bars is None:
        found = scan_trades(state, orders, commands, c_first, c_arrival, c_second, now, AHEAD_ROWS)
    else:
        found = scan_bars(
            state, orders, commands, c_second, c_arrival, c_high, c_low, now, AHEAD_ROWS
        )
    row = state[SCANNED]
    if row < len(c_arrival):
        run[WATCH] = c_arrival[row]
        run[TOUCHES] = found
    else:
        # No row of this chunk touches.
        run[WATCH] = NEVER


@inlined
def pass_quiet(run: Array, state: Array, c_arrival: Array, row: int, now: int) -> int:
    """Commit the core's rows that arrived by now, which touch nothing: what is sent now is later.

    Returns the first that is later; where both read the same rows it is found without a search.
    """
    state[PASSED] = now
    guess = row + run[AHEAD]
    if (
        guess < state[CURSOR]
        or guess < 1
        or guess >= len(c_arrival)
        or c_arrival[guess - 1] > now
        or c_arrival[guess] <= now
    ):
        guess = first_after(c_arrival, state[CURSOR], now)
        run[AHEAD] = guess - row
    state[CURSOR] = guess
    return guess


@inlined
def next_answer(state: Array, commands: Array, bars: int | None) -> int:
    """Return when the next cancel is answered without a row; never on bars."""
    due = NEVER
    if bars is None:
        for command in range(state[COMMAND_COUNT]):
            base = command * COMMAND_WIDTH
            due = min(due, commands[base + COMMAND_TIME] + commands[base + COMMAND_ANSWER])
    return due


@uncounted_inner
def lacks_room(run: Array, waiting: Array, state: Array) -> bool:
    """Whether what came about is more than can wait."""
    return (run[WAIT_COUNT] + state[OUT_COUNT]) * WAIT_WIDTH > len(waiting)


@uncounted_inner
def room_for_answers(run: Array, waiting: Array, state: Array, out: Array, count: int) -> int:
    """Say whether the answers to cancels have room, which come with the wishes and not after."""
    needed = reports_at_most(state) + 9 * count
    if (state[OUT_COUNT] + needed) * OUT_WIDTH > len(out):
        state[PROBLEM] = needed
        return OUT_FULL
    more = state[OUT_COUNT] + state[COMMAND_COUNT] + 2 * count
    return NO_ROOM if (run[WAIT_COUNT] + more) * WAIT_WIDTH > len(waiting) else ROWS_DONE


@uncounted_inner
def act(
    run: Array,
    waiting: Array,
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    c_arrival: Array,
    c_first: Array,
    c_second: Array,
    c_third: Array,
    c_high: Array,
    c_low: Array,
    c_closing: Array,
    c_volume: Array,
    until: int,
    answers: int,
    bars: int | None,
) -> int:
    """Let every row of the core that arrived by then act; return why it stopped.

    `answers` is 1 where a cancel is answered by then as well.
    """
    run[KNOWN] = 0
    if bars is None:
        reason = commit_trades(
            state, orders, commands, out, ring, impact_y,
            c_first, c_arrival, c_second, c_third, until,
        )  # fmt: skip
        if reason == COMMITTED and answers == 1:
            reason = answer_commands(
                state, orders, commands, out, ring, impact_y,
                c_first, c_arrival, c_second, c_third, until,
            )  # fmt: skip
    else:
        reason = commit_bars(
            state, orders, commands, out, ring, impact_y,
            c_first, c_second, c_arrival, c_third, c_high, c_low, c_closing, c_volume, until,
        )  # fmt: skip
    if lacks_room(run, waiting, state):
        return NO_ROOM
    drain(run, waiting, state, out, bars)
    if reason == CORE_OUT_FULL:
        return OUT_FULL
    return ROWS_DONE if reason == COMMITTED else PRICE_TOO_HIGH


@uncounted_inner
def catch_up(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    c_arrival: Array,
    c_first: Array,
    c_second: Array,
    c_third: Array,
    c_high: Array,
    c_low: Array,
    c_closing: Array,
    c_volume: Array,
    now: int,
    bars: int | None,
) -> int:
    """Take every report known by now; return why it stopped."""
    if state[OUT_COUNT] > 0:
        if lacks_room(run, waiting, state):
            return NO_ROOM
        drain(run, waiting, state, out, bars)
    while True:
        if run[NO_MORE] == 0 and run[LAST_KNOWN] <= now:
            # What the core has acts before it is given more.
            reason = act(
                run, waiting, state, orders, commands, out, ring, impact_y, c_arrival, c_first,
                c_second, c_third, c_high, c_low, c_closing, c_volume, run[LAST_KNOWN], 0, bars,
            )  # fmt: skip
            return WANTS_ROWS if reason == ROWS_DONE else reason
        if run[KNOWN] == 0:
            look(
                run, state, orders, commands, c_arrival, c_first, c_second, c_high, c_low, now, bars
            )
        wake = run[WATCH]
        answer = next_answer(state, commands, bars)
        wake = min(wake, answer)
        if run[WAIT_COUNT] > 0:
            wake = min(wake, waiting[OUT_ARRIVAL])
        if wake > now:
            return ROWS_DONE
        if answer <= wake or (run[WATCH] <= wake and run[TOUCHES] == 1):
            reason = act(
                run, waiting, state, orders, commands, out, ring, impact_y, c_arrival, c_first,
                c_second, c_third, c_high, c_low, c_closing, c_volume, wake,
                1 if answer <= wake else 0, bars,
            )  # fmt: skip
            if reason != ROWS_DONE:
                return reason
        elif run[WATCH] <= wake:
            run[KNOWN] = 0
        reason = tell_due(run, waiting, tracked, words, wake)
        if reason != ROWS_DONE:
            return reason


@inlined
def is_calm(run: Array, state: Array, now: int) -> bool:
    """Whether nothing is open or under way, so that there is nothing to catch up with."""
    return (
        run[WAIT_COUNT] == 0
        and state[OUT_COUNT] == 0
        and is_idle(state)
        and (run[NO_MORE] == 1 or run[LAST_KNOWN] > now)
    )


@inlined
def next_stop(
    run: Array,
    waiting: Array,
    state: Array,
    commands: Array,
    s_arrival: Array,
    row: int,
    bars: int | None,
) -> int:
    """Return the first row later than `row` before which something may have to be told."""
    bound = min(run[WATCH], next_answer(state, commands, bars))
    if run[WAIT_COUNT] > 0:
        bound = min(bound, waiting[OUT_ARRIVAL])
    if run[NO_MORE] == 0:
        bound = min(bound, run[LAST_KNOWN])
    rows = run[ROWS]
    if s_arrival[rows - 1] < bound:
        return rows
    return max(row + 1, first_after(s_arrival, row, bound - 1))


@uncounted_inner
def decide_long(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    c_arrival: Array,
    c_first: Array,
    c_second: Array,
    c_third: Array,
    c_high: Array,
    c_low: Array,
    c_closing: Array,
    c_volume: Array,
    now: int,
    age: int,
    price: int,
    key: int,
    revision: int,
    bars: int | None,
) -> int:
    """Decide whatever is wished, and send it; return why it stopped."""
    if bars is not None:
        reason = room_for_answers(run, waiting, state, out, wishes[WISH_COUNT])
        if reason != ROWS_DONE:
            return reason
    reason = decide_wishes(
        run, waiting, tracked, words, recent, wishes, state, orders, commands,
        now, age, price, key, revision,
    )  # fmt: skip
    if bars is not None and reason == ROWS_DONE and state[COMMAND_COUNT] > 0:
        # A cancel that arrives by the close of the bar that is over is answered now.
        reason = act(
            run, waiting, state, orders, commands, out, ring, impact_y, c_arrival, c_first,
            c_second, c_third, c_high, c_low, c_closing, c_volume, now, 0, bars,
        )  # fmt: skip
    return reason


@uncounted_inner
def run_on(
    run: Array,
    waiting: Array,
    tracked: Array,
    words: Array,
    recent: Array,
    wishes: Array,
    s_arrival: Array,
    s_true: Array,
    s_price: Array,
    s_key: Array,
    s_revision: Array,
    state: Array,
    orders: Array,
    commands: Array,
    out: Array,
    ring: Array,
    impact_y: float,
    c_arrival: Array,
    c_first: Array,
    c_second: Array,
    c_third: Array,
    c_high: Array,
    c_low: Array,
    c_closing: Array,
    c_volume: Array,
    bars: int | None,
) -> int:
    """Run over the strategy's rows until there is something to stop for; return what."""
    while run[ROW] < run[ROWS]:
        row = run[ROW]
        if run[PENDING] == 0:
            if is_calm(run, state, s_arrival[row]):
                know_quiet(run)
            else:
                reason = catch_up(
                    run, waiting, tracked, words, state, orders, commands, out, ring, impact_y,
                    c_arrival, c_first, c_second, c_third, c_high, c_low, c_closing, c_volume,
                    s_arrival[row], bars,
                )  # fmt: skip
                if reason != ROWS_DONE:
                    return reason
            stop = next_stop(run, waiting, state, commands, s_arrival, row, bars)
            wished = call_step(
                run[STEP], run[BLOCK], row, stop, run[HELD], run[COMING], run[OPEN_COUNT]
            )
            if wished == STEP_FAILURE:
                return STEP_FAILED
            if wished == stop:
                run[ROW] = stop
                continue
            row = wished
            run[ROW] = row
            run[REASON_ROW] = row
            run[PENDING] = 1
        now = s_arrival[row]
        met = pass_quiet(run, state, c_arrival, row, now)
        age, price, key, revision = now - s_true[row], s_price[row], s_key[row], s_revision[row]
        is_done = False
        if bars is not None and goes_short(
            run, words, wishes, state, s_arrival, c_arrival, row, met
        ):
            is_done = trade_alone(
                run, tracked, words, recent, wishes, state, ring, impact_y, c_arrival, c_first,
                c_second, c_third, c_high, c_low, c_closing, c_volume, met,
                now, age, price, key, revision,
            )  # fmt: skip
        if not is_done:
            reason = decide_long(
                run, waiting, tracked, words, recent, wishes, state, orders, commands, out, ring,
                impact_y, c_arrival, c_first, c_second, c_third, c_high, c_low, c_closing, c_volume,
                now, age, price, key, revision, bars,
            )  # fmt: skip
            if reason != ROWS_DONE:
                return reason
        wishes[WISH_COUNT] = 0
        run[PENDING] = 0
        run[ROW] = row + 1
    return ROWS_DONE


@uncounted_inner
def run_places(places: Array, impact_y: float, bars: int | None) -> int:
    """Run over the strategy's rows from ROW on; return why it stopped.

    `places` holds address and length of each array, as `_crossing_compiled` has it: handing one
    over costs a quarter of a microsecond, and there are 26. `run` … `wishes` are drawn in
    `_running_layout`, `state` … `ring` in `_layout`. Of a strategy's rows there are arrival, when
    they were true, the last price, and what names them: a trade's id, or a bar's close and
    revision. Of the core's there are arrival, then of prints time, price and lots, of bars open
    time, close time, open, high, low, close and volume.
    """
    run = array_at(places, 0)
    words = array_at(places, 3)
    packed = bytes_at(places, 4)
    kept = array_at(places, 5)
    while True:
        reason = run_on(
            run,
            array_at(places, 1),
            array_at(places, 2),
            words,
            array_at(places, 6),
            array_at(places, 7),
            array_at(places, 8),
            array_at(places, 9),
            array_at(places, 10),
            array_at(places, 11),
            array_at(places, 12),
            array_at(places, 13),
            array_at(places, 14),
            array_at(places, 15),
            array_at(places, 16),
            array_at(places, 17),
            impact_y,
            array_at(places, 18),
            array_at(places, 19),
            array_at(places, 20),
            array_at(places, 21),
            array_at(places, 22),
            array_at(places, 23),
            array_at(places, 24),
            array_at(places, 25),
            bars,
        )
        if reason != WORDS_FULL or not pack_written(run, words, packed, kept):
            return reason


@uncounted("int64(A, float64)")
def run_over_bars(places: Array, impact_y: float) -> int:
    """Do as `run_places` does, on a core that is matched on bars."""
    return run_places(places, impact_y, 1)


@uncounted("int64(A, float64)")
def run_over_trades(places: Array, impact_y: float) -> int:
    """Do as `run_places` does, on a core that is matched on prints."""
    return run_places(places, impact_y, None)
