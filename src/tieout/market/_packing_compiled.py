"""Words of a compiled run made short: differences in seven bits a byte, for the journal.

time words     the difference to the time word before, whatever it belongs to
other words    the difference to the same word of the last entry of the same kind
a byte         seven bits, lowest first; the eighth says that more follow; signs lie in bit 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import uncounted, uncounted_inner
from tieout.market._layout import (
    ACCEPTANCE,
    FILL_REPORT,
    FUNDING_REPORT,
    TRIGGER_REPORT,
)
from tieout.market._running_layout import (
    CANCELLED,
    CANCELLED_WORDS,
    CLOCK,
    CLOCK_WORDS,
    KEPT_WIDTH,
    PLACED,
    PLACED_WORDS,
    REPORT_KINDS,
    REPORT_WORDS,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

__all__: list[str] = []


@uncounted_inner
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


@uncounted_inner
def is_time(kind: int, place: int, key_is_time: int) -> bool:
    """Whether a word of an entry is a time."""
    if kind < REPORT_KINDS and kind != CLOCK:
        return place == 5 or (place == 2 and key_is_time == 1)
    return place == 2 or place == 3


@uncounted("int64(A, int64, B, A, int64)")
def pack_words(words: Array, count: int, packed: Bytes, kept: Array, key_is_time: int) -> int:
    """Write words in short and return how many bytes they take; ten a word are enough.

    Args:
        words: Whole entries.
        count: How many words.
        packed: Takes the bytes.
        kept: (kinds, KEPT_WIDTH) last words by kind, and the last time in its first cell; zeros.
        key_is_time: 1 where a row is named by a time.
    """
    used = 0
    at = 0
    while at < count:
        kind = words[at]
        length = entry_length(kind)
        packed[used] = kind
        used += 1
        for place in range(1, length):
            last = 0 if is_time(kind, place, key_is_time) else kind * KEPT_WIDTH + place
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
