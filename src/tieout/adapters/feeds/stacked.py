"""A market in several resolutions: coarse bars in order, and finer rows by time when asked for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tieout.adapters.feeds.history import at_slice_end
from tieout.errors import InputError
from tieout.market import resolution_name, with_gaps
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.market import FinerMarket
    from tieout.model.columns import MarketColumns

__all__ = ["FinerColumns", "SlicedRows", "StackedMarket", "check_nesting"]


class FinerColumns:
    """A whole resolution in memory.

    Args:
        columns: Rows in order of venue time.

    Raises:
        InputError: There are none, or venue times go backwards.
    """

    def __init__(self, columns: MarketColumns) -> None:
        trades = isinstance(columns, TradeColumns)
        self._columns = columns
        self._starts = columns.venue_time_ns if trades else columns.open_time_ns  # type: ignore[union-attr]
        self._ends = columns.venue_time_ns + 1 if trades else columns.close_time_ns  # type: ignore[union-attr]
        self.interval_ns = 0 if trades else columns.interval_ns  # type: ignore[union-attr]
        if not len(columns) or (self._starts[1:] < self._starts[:-1]).any():
            raise InputError(
                f"{columns.instrument}: finer rows must be in order of venue time, and some; sort "
                "them, or leave them out"
            )
        self.first_ns = int(self._starts[0])
        self.last_ns = int(self._ends[-1]) - int(trades)

    def rows(self, from_ns: int, to_ns: int) -> MarketColumns:
        """Return the prints in [from, to), or the bars that open and close within."""
        first = int(np.searchsorted(self._starts, from_ns, "left"))
        stop = int(np.searchsorted(self._ends, to_ns, "right"))
        return self._columns.rows(first, max(first, stop))


class SlicedRows:
    """Finer rows that are known at the end of the slice in which they arrive.

    Args:
        finer: The rows as they arrive.
        slice_ns: Width of a slice; 0: as they arrive.
    """

    def __init__(self, finer: FinerMarket, slice_ns: int) -> None:
        self._finer = finer
        self._slice_ns = slice_ns
        self.interval_ns = finer.interval_ns
        self.first_ns = finer.first_ns
        self.last_ns = finer.last_ns

    def rows(self, from_ns: int, to_ns: int) -> MarketColumns:
        """Return the prints in [from, to), or the bars that open and close within."""
        return at_slice_end(self._finer.rows(from_ns, to_ns), self._slice_ns)


class StackedMarket:
    """A market that is drilled into; a `MarketRecord` of its coarsest bars.

    Args:
        instrument: Symbol.
        interval_ns: Length of the coarsest bars.
        columns: Those bars in order, all of them. Gaps among them become rows of unknown volume.
        finer: The other resolutions, coarse to fine.

    Raises:
        InputError: A resolution does not lie within the one before it.
    """

    def __init__(
        self,
        instrument: str,
        interval_ns: int,
        columns: Iterable[MarketColumns],
        finer: Sequence[FinerMarket],
    ) -> None:
        self.finer = tuple(finer)
        self._instrument = instrument
        self._columns = iter(columns)
        self._closed_ns = 0
        self._interval_ns = interval_ns
        self._ended = False
        self._finest = finer[-1]

    def fetch(self, until_ns: int) -> MarketColumns | None:  # noqa: ARG002
        """Return the next chunk; it may reach beyond the time asked for."""
        if self._ended:
            return None
        chunk = next(self._columns, None)
        if chunk is None:
            # Prints after the last bar are a market too.
            self._ended = True
            chunk = _no_bars(self._instrument, self._interval_ns)
        assert isinstance(chunk, BarColumns), self._instrument
        after_ns = self._closed_ns
        if len(chunk):
            self._closed_ns = int(chunk.close_time_ns[-1])
        finest = self._finest
        return with_gaps(chunk, after_ns=after_ns, first_ns=finest.first_ns, last_ns=finest.last_ns)


def check_nesting(instrument: str, intervals: Sequence[int]) -> None:
    """Check that bars of each length lie within those of the length before; 0 for trades.

    Raises:
        InputError: They do not.
    """
    for coarse, fine in pairwise(intervals):
        if fine and (fine >= coarse or coarse % fine):
            raise InputError(
                f"{instrument}: bars of {resolution_name(fine)} do not lie within bars of "
                f"{resolution_name(coarse)}, so these cannot be opened into them; name one of the "
                "two data sets"
            )


def _no_bars(instrument: str, interval_ns: int) -> BarColumns:
    nothing = np.zeros(0, np.int64)
    return BarColumns(instrument, interval_ns, *(nothing,) * 9, np.zeros(0, np.bool_))
