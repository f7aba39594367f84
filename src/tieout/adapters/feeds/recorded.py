"""Inputs read back from a journal, for replays and for the rungs of the ladder."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tieout.kernel.ports import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.kernel.ports import MarketBatch, MergedBatch, Source
    from tieout.model.events import Input

__all__ = ["FirstSource", "RecordedSource"]


class RecordedSource:
    """A source that gives recorded inputs in the order they were recorded.

    Args:
        inputs: In journal order.
        group: How many are given at once; the result does not depend on it.
        progress: Called with how many were given, and how many there are.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        *,
        group: int = 512,
        progress: Callable[[float, float | None], None] | None = None,
    ) -> None:
        self._inputs = iter(inputs)
        self._count = len(inputs)
        self._given = 0
        self._group = group
        self._progress = progress

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:  # noqa: ARG002
        """Return the next recorded inputs; a deadline means nothing to a record."""
        events = tuple(islice(self._inputs, self._group))
        self._given += len(events)
        if self._progress is not None:
            self._progress(self._given, self._count)
        return Inputs(events) if events else None


class FirstSource:
    """Gives what was taken from a source to look at, then the source.

    Args:
        first: What was taken.
        source: Where it came from.
    """

    def __init__(self, first: MarketBatch | Inputs, source: Source) -> None:
        self._first: MarketBatch | Inputs | None = first
        self._source = source

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:
        """Return what was taken, and then what comes next."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return self._source.next(deadline_ns)
