"""A source that tells how far it is: for runs whose end nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.ports import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.kernel.ports import MarketBatch, MergedBatch, Source

__all__ = ["ToldSource"]


class ToldSource:
    """Passes a source on and reports how much time of the run has gone by.

    Args:
        source: Live inputs.
        progress: Called with seconds since the first input; the total is not known.
    """

    def __init__(self, source: Source, progress: Callable[[float, float | None], None]) -> None:
        self._source = source
        self._progress = progress
        self._first_ns: int | None = None

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:
        """Return what comes next."""
        given = self._source.next(deadline_ns)
        if isinstance(given, Inputs):
            last_ns = given.events[-1].arrival_time_ns
            self._first_ns = last_ns if self._first_ns is None else self._first_ns
            self._progress((last_ns - self._first_ns) / 1e9, None)
        return given
