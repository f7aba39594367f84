"""The chained hash of market rows, compiled.

A row is hashed by itself, so many of them at once; then each lane takes one word a row:

    lane ← lane · K + word (mod 2⁶⁴)

which depends on the order, and on nothing else: however rows are cut, the lanes are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market._compile import compiled, compiled_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Lanes = NDArray[np.uint64]
    Bytes = NDArray[np.int8]

__all__: list[str] = []

SCRATCH_ROWS = 512
"""Rows hashed at once; their words lie in a scratch array in between."""

FACTORS = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0xD6E8FEB86659FD93),
    np.uint64(0xA0761D6478BD642F),
    np.uint64(0xE7037ED1A0B428DB),
    np.uint64(0x8EBC6AF09C88C6E3),
)
FIRST_K = np.uint64(0x5851F42D4C957F2D)
SECOND_K = np.uint64(0xDA942042E4DD58B5)
_SHIFT = np.uint64(32)
_LAST_SHIFT = np.uint64(29)


@compiled_inner
def word_of(value: int, factor: np.uint64) -> np.uint64:
    """Return a word in which every bit of a value counts."""
    word = np.uint64(value) * factor
    return word ^ (word >> _SHIFT)


@compiled_inner
def mixed(word: np.uint64) -> np.uint64:
    """Spread the sum of a row's words once more."""
    word = word * FACTORS[0]
    return word ^ (word >> _LAST_SHIFT)


@compiled_inner
def take_words(state: Lanes, scratch: Lanes, count: int) -> None:
    """Let both lanes take the words of so many rows, in their order, four at a time."""
    one, other = state[0], state[1]
    first_two = FIRST_K * FIRST_K
    second_two = SECOND_K * SECOND_K
    row = 0
    while row + 4 <= count:
        a, b = scratch[row], scratch[row + 1]
        c, d = scratch[row + 2], scratch[row + 3]
        one = one * (first_two * first_two) + ((a * FIRST_K + b) * first_two + (c * FIRST_K + d))
        other = other * (second_two * second_two) + (
            (turned(a) * SECOND_K + turned(b)) * second_two + (turned(c) * SECOND_K + turned(d))
        )
        row += 4
    while row < count:
        one = one * FIRST_K + scratch[row]
        other = other * SECOND_K + turned(scratch[row])
        row += 1
    state[0], state[1] = one, other


@compiled_inner
def turned(word: np.uint64) -> np.uint64:
    """Return the other lane's word of a row."""
    return (word << _SHIFT) | (word >> _SHIFT)


@compiled("void(U, U, C, C, C, C, int64, int64)")
def extend_trades(
    state: Lanes,
    scratch: Lanes,
    venue_time: Array,
    price: Array,
    quantity: Array,
    trade_id: Array,
    first: int,
    end: int,
) -> None:
    """Chain the trades of rows [first, end), one after the other."""
    for start in range(first, end, SCRATCH_ROWS):
        stop = min(start + SCRATCH_ROWS, end)
        times, prices = venue_time[start:stop], price[start:stop]
        quantities, ids = quantity[start:stop], trade_id[start:stop]
        for row in range(stop - start):
            scratch[row] = mixed(
                word_of(times[row], FACTORS[0])
                + word_of(prices[row], FACTORS[1])
                + word_of(quantities[row], FACTORS[2])
                + word_of(ids[row], FACTORS[3])
            )
        take_words(state, scratch, stop - start)


@compiled("void(U, U, int64, C, C, C, C, C, C, C, int64, int64)")
def extend_bars(
    state: Lanes,
    scratch: Lanes,
    interval: int,
    open_time: Array,
    opening: Array,
    high: Array,
    low: Array,
    closing: Array,
    volume: Array,
    revision: Array,
    first: int,
    end: int,
) -> None:
    """Chain the bars of rows [first, end), one after the other."""
    for start in range(first, end, SCRATCH_ROWS):
        stop = min(start + SCRATCH_ROWS, end)
        times, opens = open_time[start:stop], opening[start:stop]
        highs, lows = high[start:stop], low[start:stop]
        closes, volumes = closing[start:stop], volume[start:stop]
        revisions = revision[start:stop]
        for row in range(stop - start):
            scratch[row] = mixed(
                word_of(times[row], FACTORS[0])
                + word_of(opens[row], FACTORS[1])
                + word_of(highs[row], FACTORS[2])
                + word_of(lows[row], FACTORS[3])
                + word_of(closes[row], FACTORS[4])
                + word_of(volumes[row], FACTORS[5])
                + word_of(revisions[row] + interval, FACTORS[6])
            )
        take_words(state, scratch, stop - start)


@compiled("void(U, U, int64, C, C, C, C8, C8, int64, int64)")
def extend_book(
    state: Lanes,
    scratch: Lanes,
    kind_number: int,
    venue_time: Array,
    price: Array,
    lots: Array,
    kind: Bytes,
    side: Bytes,
    first: int,
    end: int,
) -> None:
    """Chain the book's rows [first, end), one after the other: as bars whose other values are 0."""
    if first == end:
        return
    # As a value of a row: a plain negative number has no word where nothing is compiled.
    number = word_of(venue_time[first] * 0 + kind_number, FACTORS[6])
    for start in range(first, end, SCRATCH_ROWS):
        stop = min(start + SCRATCH_ROWS, end)
        times, prices = venue_time[start:stop], price[start:stop]
        sizes, kinds, sides = lots[start:stop], kind[start:stop], side[start:stop]
        for row in range(stop - start):
            scratch[row] = mixed(
                word_of(times[row], FACTORS[0])
                + word_of(prices[row], FACTORS[1])
                + word_of(sizes[row], FACTORS[2])
                + word_of(4 * int(kinds[row]) + int(sides[row]) + 1, FACTORS[3])
                + number
            )
        take_words(state, scratch, stop - start)
