"""What drilling down asks of arrays: do children make up their parent, and what passed in between.

Entry points only; each is compiled as it is defined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.market._compile import compiled
from tieout.market._layout import (
    CURSOR,
    LAST_LEFT,
    LAST_PRICE,
    LAST_TIME,
    MET,
    MINUTE,
    RUN_CLOSE,
    RUN_MINUTE,
    RUN_VOLUME,
    SCANNED,
    STAT_COUNT,
    STAT_HEAD,
    STAT_ROW,
    TRADED_ROW,
    TRADED_TIME,
)
from tieout.market._orders_compiled import shifted_price
from tieout.market._trades_compiled import complete_minute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

# what children contradict first; the order in which the fields are looked at
AGREES: Final = 0
OPEN_DIFFERS: Final = 1
HIGH_DIFFERS: Final = 2
LOW_DIFFERS: Final = 3
CLOSE_DIFFERS: Final = 4
VOLUME_DIFFERS: Final = 5


@compiled("int64(C, C, C, C, C, A)")
def sum_up_bars(
    opening: Array, high: Array, low: Array, closing: Array, volume: Array, whole: Array
) -> int:
    """Write open, high, low, close and volume of all rows together; return how many traded.

    A row without volume carries a price forward and says nothing, unless no row has any.
    """
    traded = 0
    for row in range(len(volume)):
        traded += 1 if volume[row] > 0 else 0
    first = True
    for row in range(len(volume)):
        if traded > 0 and volume[row] == 0:
            continue
        if first:
            whole[0] = opening[row]
            whole[1] = high[row]
            whole[2] = low[row]
            whole[4] = 0
            first = False
        whole[1] = max(whole[1], high[row])
        whole[2] = min(whole[2], low[row])
        whole[3] = closing[row]
        whole[4] += volume[row]
    return traded


@compiled("void(C, C, A)")
def sum_up_trades(price: Array, quantity: Array, whole: Array) -> None:
    """Write open, high, low, close and volume of prints; there is at least one."""
    whole[0] = price[0]
    whole[1] = price[0]
    whole[2] = price[0]
    whole[3] = price[len(price) - 1]
    whole[4] = 0
    for row in range(len(price)):
        whole[1] = max(whole[1], price[row])
        whole[2] = min(whole[2], price[row])
        whole[4] += quantity[row]


@compiled("void(A, A, C, C, C, C, int64, int64, int64)")
def pass_bars(
    state: Array,
    ring: Array,
    open_time: Array,
    close_time: Array,
    closing: Array,
    volume: Array,
    first: int,
    stop: int,
    keeps_minutes: int,
) -> None:
    """Leave behind what the prints of quiet bars would have left: the last price, and minutes.

    Bars without volume had no prints. `keeps_minutes` is 1 where bars lie within minutes: such a
    bar is to the statistics as one print at its open with its close and its volume.
    """
    for row in range(first, stop):
        if volume[row] <= 0:
            continue
        if keeps_minutes == 1:
            complete_minute(state, ring, open_time[row] // MINUTE)
            state[RUN_CLOSE] = closing[row]
            state[RUN_VOLUME] += volume[row]
        state[LAST_PRICE] = closing[row]
        # When exactly, and how much was left of it, only orders for the close ask; as long as there
        # is one every bar is opened, and it does not look at what traded before it came.
        state[LAST_TIME] = close_time[row] - 1
        state[LAST_LEFT] = volume[row]
        state[TRADED_TIME] = close_time[row]
    state[MET] = 0
    state[TRADED_ROW] = 0
    state[CURSOR] = 0
    state[SCANNED] = 0
    state[STAT_ROW] = 0


@compiled("void(A, A, int64)")
def begin_minute(state: Array, ring: Array, minute: int) -> None:
    """Close the running minute if this is a later one, as its first print would."""
    complete_minute(state, ring, minute)


@compiled("void(A)")
def forget_statistics(state: Array) -> None:
    """Begin the statistics anew; rows from before now follow."""
    state[STAT_HEAD] = 0
    state[STAT_COUNT] = 0
    state[STAT_ROW] = 0
    state[RUN_MINUTE] = 0
    state[RUN_VOLUME] = 0


@compiled("int64(A, A, float64, int64, int64, int64)")
def price_taken(
    state: Array, ring: Array, impact_y: float, side: int, reference: int, lots: int
) -> int:
    """Return what `lots` taken at a reference price cost now; 0 lots: without any impact."""
    return shifted_price(state, ring, impact_y, side, reference, lots)
