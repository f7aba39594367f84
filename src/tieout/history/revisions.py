"""Bars that were published more than once: which version is meant, and how versions are numbered.

Rows of one bar lie together, in the order in which they were known: revision 0, 1, 2, …
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    Int64s = NDArray[np.int64]
    Chunk = dict[str, Int64s]

__all__ = ["last_versions", "numbered", "repeats"]

_VALUES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")


def last_versions(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the last version of each bar, with the known time of its first.

    Args:
        chunks: Stored bars in order; the versions of a bar may lie in several chunks.
    """
    held: Chunk | None = None
    for chunk in chunks:
        rows = chunk if held is None else _joined(held, chunk)
        closes = rows["close_time_ns"]
        # The versions of the last bar may go on in the next chunk.
        ready = int(np.searchsorted(closes, closes[-1], "left"))
        held = {name: column[ready:] for name, column in rows.items()}
        if ready:
            yield _last({name: column[:ready] for name, column in rows.items()})
    if held is not None:
        yield _last(held)


def numbered(opened: Int64s) -> Int64s:
    """Return the revision of each row, of rows in which those of a bar lie together.

    >>> numbered(np.array([60, 60, 60, 120, 180, 180]))
    array([0, 1, 2, 0, 0, 1])
    """
    rows = np.arange(len(opened), dtype=np.int64)
    begins = np.concatenate(([True], opened[1:] != opened[:-1])) if len(opened) else opened > 0
    revision: Int64s = rows - np.maximum.accumulate(np.where(begins, rows, 0))
    return revision


def repeats(rows: Mapping[str, Int64s]) -> NDArray[np.bool_]:
    """Return which rows say of a bar what the row before had said of it."""
    columns = [rows["open_time_ns"], *(rows[name] for name in _VALUES)]
    same = [column[1:] == column[:-1] for column in columns]
    return np.concatenate(([False], np.logical_and.reduce(same)))


def _last(rows: Chunk) -> Chunk:
    closes = rows["close_time_ns"]
    ends = np.concatenate((closes[1:] != closes[:-1], [True]))
    begins = np.concatenate(([True], ends[:-1]))
    chosen = {name: column[ends] for name, column in rows.items()}
    if "known_time_ns" in rows:
        chosen["known_time_ns"] = rows["known_time_ns"][begins]
    # For whoever is given these there is one version, and it is news.
    chosen["revision"] = np.zeros(len(chosen["close_time_ns"]), np.int64)
    return chosen


def _joined(one: Chunk, other: Chunk) -> Chunk:
    return {name: np.concatenate((one[name], other[name])) for name in one}
