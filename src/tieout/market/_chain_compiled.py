"""The chained hash of market rows, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market._compile import compiled, compiled_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Lanes = NDArray[np.uint64]

__all__: list[str] = []

_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(29)


@compiled_inner
def mix(lane: np.uint64, value: int, factor: np.uint64) -> np.uint64:
    """Take one value into a lane: xor, multiply, fold the high bits down."""
    lane = (lane ^ np.uint64(value)) * factor
    return lane ^ (lane >> _SHIFT)


@compiled("void(U, C, C, C, C)")
def extend_trades(
    state: Lanes, venue_time: Array, price: Array, quantity: Array, trade_id: Array
) -> None:
    """Chain trades, one row after the other."""
    one, other = state[0], state[1]
    for row in range(len(price)):
        one = mix(one, venue_time[row], _FIRST)
        other = mix(other, price[row], _SECOND)
        one = mix(one, quantity[row], _SECOND)
        other = mix(other, trade_id[row], _FIRST)
        one ^= other
    state[0], state[1] = one, other


@compiled("void(U, int64, C, C, C, C, C, C, C)")
def extend_bars(
    state: Lanes,
    interval: int,
    open_time: Array,
    opening: Array,
    high: Array,
    low: Array,
    closing: Array,
    volume: Array,
    revision: Array,
) -> None:
    """Chain bars, one row after the other."""
    one, other = state[0], state[1]
    for row in range(len(closing)):
        one = mix(one, open_time[row], _FIRST)
        other = mix(other, opening[row], _SECOND)
        one = mix(one, high[row], _SECOND)
        other = mix(other, low[row], _FIRST)
        one = mix(one, closing[row], _FIRST)
        other = mix(other, volume[row], _SECOND)
        one = mix(one, revision[row] + interval, _SECOND)
        one ^= other
    state[0], state[1] = one, other
