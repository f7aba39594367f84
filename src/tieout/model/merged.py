"""Rows of several streams in one order, without one object or one batch for each.

parts      rows of a stream each, one after the other     a a a a | b b | c c c
part       (n,) which part the row is of, in order        0 2 0 1 0 2 2 1 0
position   (n,) where it lies when parts are put end      0 6 1 4 2 7 8 5 3
           to end

The rows of one part keep their own order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import Int64Column, MarketColumns

__all__ = ["MergedColumns"]


@dataclass(frozen=True, slots=True)
class MergedColumns:
    """Trades, or bars, of several streams in order of arrival. See the module's drawing.

    Attributes:
        parts: Rows of a stream each, all of one kind; none is empty.
        part: (n,) which of them each row is of.
        position: (n,) which row of all parts, put end to end, it is.
        arrival_time_ns: (n,) never decreasing.
    """

    parts: Sequence[MarketColumns]
    part: Int64Column
    position: Int64Column
    arrival_time_ns: Int64Column

    def __len__(self) -> int:
        return len(self.position)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column with its rows in order."""
        ends: NDArray[Any] = np.concatenate([getattr(each, name) for each in self.parts])
        return ends[self.position]

    def in_order(self) -> MarketColumns:
        """Return all rows in order as if they were of the first part's stream.

        What only some parts have is left out; what is the same for all rows of a stream is that of
        the first.
        """
        first = self.parts[0]
        whole: dict[str, Any] = {
            name: self.column(name)
            for name in type(first).__slots__
            if all(isinstance(getattr(each, name), np.ndarray) for each in self.parts)
        }
        whole["arrival_time_ns"] = self.arrival_time_ns
        left_out: dict[str, Any] = {
            name: None
            for name in type(first).__slots__
            if name not in whole and isinstance(getattr(first, name), np.ndarray)
        }
        return replace(first, **whole, **left_out)

    def rows(self, start: int, stop: int) -> MergedColumns:
        """Return rows [start, stop), parts without a row among them left out."""
        part, position = self.part[start:stop], self.position[start:stop]
        counts = np.bincount(part, minlength=len(self.parts))
        # Of equal indices the last one written stays: from the end, the first row of each part.
        first = np.zeros(len(self.parts), np.int64)
        first[part[::-1]] = position[::-1]
        lengths = np.array([len(each) for each in self.parts], np.int64)
        low = first - (np.cumsum(lengths) - lengths)
        kept = np.flatnonzero(counts)
        number = np.zeros(len(self.parts), np.int64)
        number[kept] = np.arange(len(kept))
        moved = (np.cumsum(counts) - counts) - first
        return MergedColumns(
            [self.parts[each].rows(low[each], low[each] + counts[each]) for each in kept.tolist()],
            number[part],
            position + moved[part],
            self.arrival_time_ns[start:stop],
        )
