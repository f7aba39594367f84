"""Many streams in one order of arrival, window by window, with memory that does not grow.

Rows that arrive together come in the order of the streams, and rows of one stream in their own
order. So a caller puts first what comes first at one arrival (trades before bars), and the order is
the same however the streams are cut into chunks.

    window       slices of the streams, one after the other       s0 s0 s0 s1 s1 s2 s2 s2 s2
    keys         time and stream, packed, sorted                  k  k  k  k  k  k  k  k  k
    position     where each row in order lies among the slices    0  3  5  1  6  7  4  2  8
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import DataError, InputError
from tieout.market._merging_compiled import merge_runs, pack_keys, unpack_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import MarketColumns

    Array = NDArray[np.int64]

__all__ = ["STREAMS_MAX", "Window", "merged_windows"]

STREAMS_MAX: Final = 1 << 16
_KEY_BITS: Final = 62
_WINDOW_ROWS: Final = 1 << 18
"""Rows of all streams in a window, about: small enough for the cache, large enough to be few."""
_SLICE_ROWS_MIN: Final = 256


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of all streams that come next, in order.

    Attributes:
        slices: Pairs (number of the stream, its rows in this window); none is empty.
        stream: (n,) number of the stream that each row is of, in order.
        position: (n,) where each row lies when the slices stand one after the other.
    """

    slices: Sequence[tuple[int, MarketColumns]]
    stream: Array
    position: Array

    def __len__(self) -> int:
        return len(self.position)

    def column(self, name: str) -> NDArray[np.generic]:
        """Return a column of the slices one after the other; `position` points into it."""
        return np.concatenate([getattr(rows, name) for _, rows in self.slices])

    def merged(self, name: str) -> NDArray[np.generic]:
        """Return a column with its rows in order."""
        return self.column(name)[self.position]


class _Stream:
    """What is left of one stream: rows of the chunk in hand, and the chunks to come."""

    def __init__(self, number: int, chunks: Iterable[MarketColumns], rows_max: int) -> None:
        self.number = number
        self._chunks = iter(chunks)
        self._rows_max = rows_max
        self._last_ns = -1
        self._arrivals: Array
        self.chunk: MarketColumns | None = None
        self.row = 0
        self.head_ns = 0
        self.last_ns = 0

    def look(self) -> bool:
        """Have some rows in hand, unless there are none any more; say whether.

        `head_ns` is then the arrival of the first of them, `last_ns` of the last; more of the same
        arrival may come after it.
        """
        while self.chunk is None or self.row >= len(self._arrivals):
            self.chunk = next(self._chunks, None)
            if self.chunk is None:
                return False
            self._arrivals = self.chunk.arrival_time_ns
            self.row = 0
            if len(self._arrivals):
                first_ns = int(self._arrivals[0])
                if first_ns < self._last_ns:
                    raise _backwards(self.number, self.chunk, 0, self._last_ns)
                self._last_ns = int(self._arrivals[-1])
        end = min(self.row + self._rows_max, len(self._arrivals))
        self.head_ns = int(self._arrivals[self.row])
        self.last_ns = int(self._arrivals[end - 1])
        return True

    def stop(self, until_ns: int, *, with_ties: bool) -> int:
        """Return the first row in hand that arrives later, or with ties excluded, then."""
        end = min(self.row + self._rows_max, len(self._arrivals))
        # All times are whole, so later than a time is not before the next.
        bound_ns = until_ns + 1 if with_ties else until_ns
        return self.row + int(self._arrivals[self.row : end].searchsorted(bound_ns))


def merged_windows(
    streams: Sequence[Iterable[MarketColumns]], *, window_rows: int = _WINDOW_ROWS
) -> Iterator[Window]:
    """Yield the rows of all streams in order of arrival.

    Args:
        streams: Chunks of each, in order of arrival; at one arrival the first stream comes first.
        window_rows: Rows in a window, about; the order does not depend on it.

    Raises:
        InputError: There are too many streams, or a window holds no row.
        DataError: A stream's arrivals go backwards.
    """
    if len(streams) > STREAMS_MAX or window_rows < 1:
        raise InputError(
            f"{len(streams)} streams in windows of {window_rows} rows; allowed: up to "
            f"{STREAMS_MAX} streams and 1 row or more"
        )
    return _windows(streams, window_rows)


def _windows(streams: Sequence[Iterable[MarketColumns]], window_rows: int) -> Iterator[Window]:
    rows_max = max(window_rows // max(len(streams), 1), min(_SLICE_ROWS_MIN, window_rows))
    left = [_Stream(number, each, rows_max) for number, each in enumerate(streams)]
    bits = max(len(streams) - 1, 1).bit_length()
    # Work space is kept from window to window: fresh memory costs more than sorting it.
    room = len(streams) * rows_max
    spaces = (np.empty(room, np.int64), np.empty(room, np.int64))
    next_row = np.empty(max(len(streams), 1), np.int64)
    while left := [each for each in left if each.look()]:
        origin = min(each.head_ns for each in left)
        # Until the last row in hand of one stream nothing can come between any more; with its
        # arrival only the streams before it are done.
        limit_ns, limit = min((each.last_ns, each.number) for each in left)
        far_ns = origin + (1 << (_KEY_BITS - bits)) - 1
        if limit_ns > far_ns:
            limit_ns, limit = far_ns, len(streams)
        slices: list[tuple[int, MarketColumns]] = []
        bounds = [0]
        for each in left:
            chunk = each.chunk
            assert chunk is not None, each.number
            stop = each.stop(limit_ns, with_ties=each.number <= limit)
            if stop <= each.row:
                continue
            at = pack_keys(
                chunk.arrival_time_ns,
                each.row,
                stop,
                origin,
                bits,
                each.number,
                spaces[0],
                bounds[-1],
            )
            if at < 0:
                row = -1 - at
                before = int(chunk.arrival_time_ns[row - 1])
                raise _backwards(each.number, chunk, row, before)
            slices.append((each.number, chunk.rows(each.row, stop)))
            next_row[each.number] = bounds[-1]
            bounds.append(at)
            each.row = stop
        keys = _ordered(spaces, bounds)
        count = bounds[-1]
        stream, position = np.empty(count, np.int64), np.empty(count, np.int64)
        unpack_keys(keys, count, bits, next_row, stream, position)
        yield Window(slices, stream, position)


def _ordered(spaces: tuple[Array, Array], bounds: list[int]) -> Array:
    """Return the sorted keys: those in the first space are sorted runs between the bounds.

    Neighbouring runs are merged until one is left. Sorting the keys at once is faster only where
    the sort is made of vector instructions, and four times slower where it is not.
    """
    keys, merged = spaces
    while len(bounds) > 2:
        for place in range(0, len(bounds) - 2, 2):
            merge_runs(keys, merged, *bounds[place : place + 3])
        if len(bounds) % 2 == 0:
            merged[bounds[-2] : bounds[-1]] = keys[bounds[-2] : bounds[-1]]
        bounds = [*bounds[:-1:2], bounds[-1]]
        keys, merged = merged, keys
    return keys


def _backwards(number: int, chunk: MarketColumns, row: int, before_ns: int) -> DataError:
    return DataError(
        "the arrival goes backwards",
        file=f"stream {number} ({chunk.instrument})",
        row=row + 1,
        value=f"{int(chunk.arrival_time_ns[row])} ns after {before_ns} ns",
        limit="arrivals that never decrease",
        remedy="Sort the data by time.",
    )
