"""What in a book's rows cannot be right, as the breaks that a report names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.market.finer import DataBreak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["BREAKS_KEPT", "Resets", "book_break"]

BREAKS_KEPT: Final = 1_000
"""Breaks that are kept one by one; all are counted."""


def book_break(
    instrument: str, kind: str, level: str, field: str, time_ns: int, values: tuple[int, int]
) -> DataBreak:
    """Return a break of a row with the book; `values` are what stood there and what it told."""
    return DataBreak(
        instrument=instrument,
        kind=kind,
        level=level,
        finer=level,
        open_time_ns=time_ns,
        field=field,
        coarse_value=values[0],
        finer_value=values[1],
    )


class Resets:
    """Counts where a book was emptied in the middle: a sequence broke, or a snapshot began.

    What clears a book that has not begun is none, though prints may have come before it.
    """

    def __init__(self) -> None:
        self.count = 0
        self.times_ns: list[int] = []
        self._begun = False
        self._clearing = False

    def look(
        self,
        venue_time_ns: NDArray[np.int64],
        clears: NDArray[np.bool_],
        builds: NDArray[np.bool_],
    ) -> None:
        """Take the next rows: their times, which are clears, and which put something there."""
        if not len(clears):
            return
        # Clears in one go are one reset, of both sides.
        first = clears & ~np.concatenate(([self._clearing], clears[:-1]))
        rows = np.flatnonzero(first)
        if not self._begun:
            built = np.flatnonzero(builds)
            self._begun = len(built) > 0
            rows = rows[rows > built[0]] if len(built) else rows[:0]
        self._clearing = bool(clears[-1])
        self.count += len(rows)
        self.times_ns += venue_time_ns[rows[: BREAKS_KEPT - len(self.times_ns)]].tolist()

    def added_to(
        self,
        counts: Mapping[str, int],
        found: Sequence[DataBreak],
        instrument: str,
        level: str,
    ) -> tuple[dict[str, int], tuple[DataBreak, ...]]:
        """Return breaks by kind, and the first of them in order of time, resets included."""
        resets = [
            book_break(instrument, "reset", level, "rows", time, (0, 0)) for time in self.times_ns
        ]
        total = {**counts, "reset": self.count} if self.count else dict(counts)
        every = sorted([*found, *resets], key=lambda each: each.open_time_ns)
        return total, tuple(every[:BREAKS_KEPT])
