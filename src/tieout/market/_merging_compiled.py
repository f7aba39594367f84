"""Merging of streams by time, compiled: packed keys of a window, and what is read off them.

A key is (time − start of the window) · 2^bits + stream. Keys that are sorted give the rows of all
streams in order of time, ties by stream; rows of one stream keep their order, since equal keys are
of one stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import compiled, compiled_inner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []


@compiled("int64(C, int64, int64, int64, int64, int64, A, int64)")
def pack_keys(
    time: Array, start: int, stop: int, origin: int, bits: int, stream: int, keys: Array, at: int
) -> int:
    """Write the keys of rows [start, stop) of a stream to `keys`; return where the next one goes.

    A time that is lower than the one before it gives −1 − its row.
    """
    times, place = time[start:stop], keys[at : at + stop - start]
    backwards = 0
    for row in range(1, len(times)):
        backwards |= times[row] < times[row - 1]
    if backwards != 0:
        for row in range(1, len(times)):
            if times[row] < times[row - 1]:
                return -1 - (start + row)
    for row in range(len(times)):
        place[row] = ((times[row] - origin) << bits) | stream
    return at + stop - start


@compiled("void(A, int64, int64, A, A, A)")
def unpack_keys(
    keys: Array, count: int, bits: int, next_row: Array, stream: Array, row: Array
) -> None:
    """Write stream and row of each sorted key; `next_row` has the next row of each stream."""
    mask = (1 << bits) - 1
    for place in range(count):
        number = keys[place] & mask
        stream[place] = number
        row[place] = next_row[number]
        next_row[number] += 1


@compiled_inner
def merge_rest(
    keys: Array, first: int, first_stop: int, second: int, second_stop: int, merged: Array, at: int
) -> None:
    """Merge two runs of `keys` into `merged` from a place on."""
    while first < first_stop and second < second_stop:
        left, right = keys[first], keys[second]
        from_first = left <= right
        merged[at] = left if from_first else right
        first += from_first
        second += not from_first
        at += 1
    while first < first_stop:
        merged[at] = keys[first]
        first += 1
        at += 1
    while second < second_stop:
        merged[at] = keys[second]
        second += 1
        at += 1


@compiled("void(A, A, int64, int64, int64)")
def merge_runs(keys: Array, merged: Array, start: int, middle: int, stop: int) -> None:
    """Merge the sorted runs [start, middle) and [middle, stop) of `keys` into `merged`.

    From both ends at once: the smallest and the largest do not wait for each other, and neither
    side can run out of keys while it takes no more than the shorter run has.
    """
    count = min(middle - start, stop - middle)
    low, other_low = start, middle
    high, other_high = middle - 1, stop - 1
    for step in range(count):
        # No branch on which run is next: that is not to be foreseen.
        left, right = keys[low], keys[other_low]
        from_left = left <= right
        merged[start + step] = left if from_left else right
        low += from_left
        other_low += not from_left
        left, right = keys[high], keys[other_high]
        from_left = left > right
        merged[stop - 1 - step] = left if from_left else right
        high -= from_left
        other_high -= not from_left
    merge_rest(keys, low, high + 1, other_low, other_high + 1, merged, start + count)
