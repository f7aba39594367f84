"""The bare compiled loops of works that make bars of trades: no event, no order, no account.

A bar is of a whole minute and known at its end; the first one, begun before the trades, is not
told, nor is a minute without a trade. An order fills at the first trade later than the bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STATE_WIDTH", "cross", "cross_many", "worth"]

MINUTE_NS = 60_000_000_000
SLOW = 50

OPEN, CLOSE, WHOLE, BARS, FAST_SUM, SLOW_SUM, HELD, WISH, KNOWN, FILLS, PROFIT, MARK = range(12)
RING = 12
STATE_WIDTH = RING + SLOW


@numba.njit(inline="always")
def take(state, base, time, price, fast, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Take one trade of the instrument whose state begins at `base`; a tick is 10,000 millionths.

    The bar under way ends first, then what was wished by then fills, then the trade goes in.
    """
    if time >= state[base + CLOSE]:
        if state[base + WHOLE] == 1:
            close_bar(state, base, fast, slow)
        # The first minute has begun before the first trade.
        state[base + WHOLE] = state[base + CLOSE] > 0
        state[base + CLOSE] = time - time % MINUTE_NS + MINUTE_NS
    if state[base + WISH] != 0 and time > state[base + KNOWN]:
        state[base + PROFIT] -= state[base + WISH] * price * 10_000 + price * 5
        state[base + HELD] += state[base + WISH]
        state[base + FILLS] += 1
        state[base + WISH] = 0
    state[base + OPEN] = price


@numba.njit
def close_bar(state, base, fast, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Decide on a bar whose close is the last price taken."""
    close = state[base + OPEN]
    count = state[base + BARS]
    state[base + MARK] = close
    state[base + KNOWN] = state[base + CLOSE]
    if count >= fast:
        state[base + FAST_SUM] -= state[base + RING + (count - fast) % slow]
    if count >= slow:
        state[base + SLOW_SUM] -= state[base + RING + count % slow]
    state[base + RING + count % slow] = close
    state[base + FAST_SUM] += close
    state[base + SLOW_SUM] += close
    state[base + BARS] = count + 1
    if count + 1 < slow:
        return
    above = state[base + FAST_SUM] * slow - state[base + SLOW_SUM] * fast
    held = state[base + HELD] + state[base + WISH]
    if held == 0 and above > 0:
        state[base + WISH] = 1
    elif held == 1 and above < 0:
        state[base + WISH] = -1


@numba.njit
def cross(times, prices, fast, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the state after all trades of one instrument."""
    state = np.zeros(STATE_WIDTH, np.int64)
    for row in range(len(times)):
        take(state, 0, times[row], prices[row], fast, slow)
    return state


@numba.njit
def cross_many(state, keys, origin, bits, prices, bounds, fast, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Take a window of trades of many instruments in the order of sorted keys.

    A key is the time since `origin`, shifted by `bits`, and the instrument; `bounds` says which
    row of `prices` is the next of each.
    """
    mask = (1 << bits) - 1
    for place in range(len(keys)):
        number = keys[place] & mask
        row = bounds[number]
        bounds[number] = row + 1
        time = (keys[place] >> bits) + origin
        take(state, number * STATE_WIDTH, time, prices[row], fast, slow)


def worth(state: NDArray[np.int64], end_ns: int) -> tuple[int, int]:
    """Return fills and profit in millionths when the run ends, open positions at the last closes.

    A bar that ends by then is known, whether its instrument trades once more or not.
    """
    rows = state.reshape(-1, STATE_WIDTH)
    over = (rows[:, WHOLE] == 1) & (rows[:, CLOSE] <= end_ns)
    marks = np.where(over, rows[:, OPEN], rows[:, MARK])
    profit = rows[:, PROFIT] + rows[:, HELD] * marks * 10_000
    return int(rows[:, FILLS].sum()), int(profit.sum())
