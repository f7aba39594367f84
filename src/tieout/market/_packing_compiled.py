"""Words of a compiled run made short: differences in seven bits a byte, for the journal.

time words     the difference to the time word before, whatever it belongs to
other words    the difference to the same word of the last entry of the same kind
a byte         seven bits, lowest first; the eighth says that more follow; signs lie in bit 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import inlined, uncounted, uncounted_inner
from tieout.market._layout import (
    ACCEPTANCE,
    FILL_REPORT,
    FUNDING_REPORT,
    TRIGGER_REPORT,
)
from tieout.market._running_layout import (
    BYTES_A_WORD,
    CANCELLED,
    CANCELLED_WORDS,
    CLOCK,
    CLOCK_WORDS,
    KEPT_WIDTH,
    NAMED_BY_TIME,
    PACKED,
    PLACED,
    PLACED_WORDS,
    REPORT_KINDS,
    REPORT_WORDS,
    WORDS,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

__all__: list[str] = []


@inlined
def entry_length(kind: int) -> int:
    """Return how many words an entry has."""
    if kind == PLACED:
        return PLACED_WORDS
    if kind == CANCELLED:
        return CANCELLED_WORDS
    if kind == CLOCK:
        return CLOCK_WORDS
    if kind == FILL_REPORT + REPORT_KINDS:
        return REPORT_WORDS
    if kind == FUNDING_REPORT + REPORT_KINDS:
        return 7
    if kind == ACCEPTANCE + REPORT_KINDS or kind == TRIGGER_REPORT + REPORT_KINDS:
        return 4
    return 6


@inlined
def times_of(kind: int, key_is_time: int) -> int:
    """Return which words of an entry are times: a bit for each place."""
    if kind >= REPORT_KINDS or kind == CLOCK:
        return 1 << 2 | 1 << 3
    return 1 << 5 | key_is_time << 2


@uncounted("int64(A, int64, B, int64, A, int64)")
def pack_words(
    words: Array, count: int, packed: Bytes, used: int, kept: Array, key_is_time: int
) -> int:
    """Write words in short and return where the bytes end; ten a word are enough.

    Args:
        words: Whole entries.
        count: How many words.
        packed: Takes the bytes, from `used` on.
        used: Bytes of the same block that are there already.
        kept: (kinds, KEPT_WIDTH) last words by kind, and the last time in its first cell; zeros at
            the start of a block.
        key_is_time: 1 where a row is named by a time.
    """
    at = 0
    while at < count:
        kind = words[at]
        length = entry_length(kind)
        times = times_of(kind, key_is_time)
        packed[used] = kind
        used += 1
        for place in range(1, length):
            last = 0 if times >> place & 1 else kind * KEPT_WIDTH + place
            word = words[at + place]
            step = word - kept[last]
            kept[last] = word
            folded = (step << 1) ^ (step >> 63)
            while folded < 0 or folded >= 128:
                packed[used] = (folded & 127) | 128
                # As if without a sign: the bits that come in from above are zeros.
                folded = (folded >> 7) & 0x1FFFFFFFFFFFFFF
                used += 1
            packed[used] = folded
            used += 1
        at += length
    return used


@uncounted_inner
def pack_written(run: Array, words: Array, packed: Bytes, kept: Array) -> bool:
    """Pack what was written down, where room is left to pack as much again; return whether."""
    if run[PACKED] + (run[WORDS] + len(words)) * BYTES_A_WORD > len(packed):
        return False
    run[PACKED] = pack_words(words, run[WORDS], packed, run[PACKED], kept, run[NAMED_BY_TIME])
    run[WORDS] = 0
    return True
