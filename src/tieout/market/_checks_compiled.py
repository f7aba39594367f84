"""A quick look at market rows, compiled: whether a closer one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import compiled
from tieout.market._layout import LOTS_MAX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@compiled("int64(C, C)")
def looks_odd(lowest: Array, lots: Array) -> int:
    """Return 1 where a price may not be positive or lots negative or too many, else 0.

    Of the lots bits are gathered instead of a sum, which is as fast as the rows come from memory:
    none of them is above all their bits together.
    """
    odd = 0
    bits = 0
    for row in range(len(lowest)):
        odd |= lowest[row] <= 0
    for row in range(len(lots)):
        odd |= lots[row] < 0
        bits |= lots[row]
    return 1 if odd != 0 or bits > LOTS_MAX // max(len(lots), 1) else 0


@compiled("int64(C)")
def goes_back(times: Array) -> int:
    """Return 1 where a time is before the one before it, else 0."""
    found = 0
    for row in range(1, len(times)):
        found |= times[row] < times[row - 1]
    return 1 if found != 0 else 0
