"""A seeded market for an order book: levels and prints of one instrument, as arrays.

Twenty levels a side stand around a price that moves by whole ticks. A packet is one of: a print at
the best price, with what it leaves of that level; a new size of one level, near the best price more
often than far from it; a move, in which the best level of one side goes and the other side follows.
Packets are 2 ms apart in the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["market"]

LEVELS: Final = 20
MEAN_GAP_NS: Final = 2e6
PRINT_SHARE: Final = 0.115
MOVE_SHARE: Final = 0.005
GONE_SHARE: Final = 0.1
NEARNESS: Final = 4.0
LEVEL, PRINT = 1, 2
SPAN: Final = 1 << 18


def market(rows: int, *, seed: int, start_ns: int, first_ticks: int) -> dict[str, NDArray[Any]]:
    """Make a market of `rows` rows, a few less where the last packet would not be whole."""
    names = ("time_ns", "kind", "side", "price_ticks", "lots", "last")
    columns = _made(rows, seed, start_ns, first_ticks)
    return dict(zip(names, columns, strict=True))


@numba.njit
def _made(rows, seed, start_ns, first_ticks):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0915
    np.random.seed(seed)  # noqa: NPY002 - numba knows no other generator by seed
    times = np.zeros(rows, np.int64)
    kinds = np.zeros(rows, np.int8)
    sides = np.zeros(rows, np.int8)
    prices = np.zeros(rows, np.int64)
    sizes = np.zeros(rows, np.int64)
    lasts = np.zeros(rows, np.bool_)
    # What stands at a price; bids are at and below `bid`, asks above it.
    there = np.zeros(SPAN, np.int64)
    bid = first_ticks
    row = 0
    for away in range(LEVELS):
        for side in (1, -1):
            price = bid - away if side == 1 else bid + 1 + away
            there[price] = np.random.randint(20, 400)  # noqa: NPY002
            times[row], kinds[row], sides[row] = start_ns, LEVEL, side
            prices[row], sizes[row] = price, there[price]
            row += 1
    lasts[row - 1] = True
    elapsed = 0.0
    while row + 6 <= rows:
        elapsed += np.random.exponential(MEAN_GAP_NS)  # noqa: NPY002
        now = start_ns + np.int64(elapsed)
        first = row
        move = 0
        draw = np.random.random()  # noqa: NPY002
        side = 1 if np.random.random() < 0.5 else -1  # noqa: NPY002
        if draw < PRINT_SHARE:
            # `side` is who came; he hits the other side's best level.
            price = bid + 1 if side == 1 else bid
            lots = min(np.random.randint(1, 40), there[price])  # noqa: NPY002
            kinds[row], sides[row], prices[row], sizes[row] = PRINT, side, price, lots
            row += 1
            there[price] -= lots
            if there[price] == 0:
                move = side
            else:
                kinds[row], sides[row], prices[row] = LEVEL, -side, price
                sizes[row] = there[price]
                row += 1
        elif draw > 1.0 - MOVE_SHARE:
            move = side
        else:
            away = min(int(np.random.exponential(NEARNESS)), LEVELS - 1)  # noqa: NPY002
            price = bid - away if side == 1 else bid + 1 + away
            gone = away > 0 and there[price] > 0 and np.random.random() < GONE_SHARE  # noqa: NPY002
            there[price] = 0 if gone else np.random.randint(20, 400)  # noqa: NPY002
            kinds[row], sides[row], prices[row], sizes[row] = LEVEL, side, price, there[price]
            row += 1
        if move != 0:
            # The level goes, and another stands at its price, on the side that follows.
            gone_price = bid + 1 if move == 1 else bid
            far_price = bid + 1 + LEVELS if move == 1 else bid - LEVELS
            dropped = bid - LEVELS + 1 if move == 1 else bid + LEVELS
            bid += move
            kinds[row], sides[row], prices[row], sizes[row] = LEVEL, -move, gone_price, 0
            there[far_price] = np.random.randint(20, 400)  # noqa: NPY002
            kinds[row + 1], sides[row + 1], prices[row + 1] = LEVEL, -move, far_price
            sizes[row + 1] = there[far_price]
            there[gone_price] = np.random.randint(20, 400)  # noqa: NPY002
            kinds[row + 2], sides[row + 2], prices[row + 2] = LEVEL, move, gone_price
            sizes[row + 2] = there[gone_price]
            there[dropped] = 0
            kinds[row + 3], sides[row + 3], prices[row + 3], sizes[row + 3] = (
                LEVEL,
                move,
                dropped,
                0,
            )
            row += 4
            best = bid + 1 if move == 1 else bid
            if there[best] == 0:
                there[best] = np.random.randint(20, 400)  # noqa: NPY002
                kinds[row], sides[row], prices[row], sizes[row] = LEVEL, -move, best, there[best]
                row += 1
        times[first:row] = now
        lasts[row - 1] = True
    return times[:row], kinds[:row], sides[:row], prices[:row], sizes[:row], lasts[:row]
