"""Market rows delivered in slices: what arrives within one is held until its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.kernel.ports import Inputs
from tieout.model.events import Bar, ClockReached, RunEnded, Trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.kernel.ports import MarketBatch, Source
    from tieout.model.events import Input

__all__ = ["SlicedSource"]


class SlicedSource:
    """Holds trades and bars until the slice in which they arrive is over; all else passes.

    Slices end at whole multiples of their width since 1970 by our clock. A row's arrival is from
    then on the end of its slice: that is when the run knows it, and what its journal keeps. Rows
    of a slice that the run does not live to see the end of are not given.

    Args:
        source: Inputs one by one.
        slice_ns: Width, positive.
    """

    def __init__(self, source: Source, slice_ns: int) -> None:
        assert slice_ns > 0, slice_ns
        self._source = source
        self._slice_ns = slice_ns
        self._held: list[Trade | Bar] = []

    def next(self, deadline_ns: int | None) -> MarketBatch | Inputs | None:
        """Return what comes next."""
        while True:
            end_ns = self._held[0].arrival_time_ns if self._held else None
            wake_ns = end_ns if deadline_ns is None else deadline_ns
            if end_ns is not None and wake_ns is not None:
                wake_ns = min(wake_ns, end_ns)
            given = self._source.next(wake_ns)
            if given is None:
                return None
            assert isinstance(given, Inputs), given
            events = self._sliced(given.events, deadline_ns)
            if events:
                return Inputs(events)

    def _sliced(self, events: Sequence[Input], deadline_ns: int | None) -> list[Input]:
        found: list[Input] = []
        for event in events:
            arrival_ns = event.arrival_time_ns
            is_row = isinstance(event, Trade | Bar) and not (
                isinstance(event, Bar) and event.warm_up
            )
            # The clock, or the end of the run, at the end of a slice tells that it is over.
            over_ns = arrival_ns + isinstance(event, ClockReached | RunEnded)
            if self._held and self._held[0].arrival_time_ns < over_ns:
                found += self._held
                self._held = []
            if is_row:
                assert isinstance(event, Trade | Bar), event
                self._held.append(
                    msgspec.structs.replace(event, arrival_time_ns=self._end(arrival_ns))
                )
            elif not isinstance(event, ClockReached) or _is_due(arrival_ns, deadline_ns):
                # The clock comes before the rows of its moment, as timers do.
                place = len(found)
                while place and found[place - 1].arrival_time_ns >= arrival_ns:
                    place -= 1
                if isinstance(event, ClockReached):
                    found.insert(place, event)
                else:
                    found.append(event)
        return found

    def _end(self, arrival_ns: int) -> int:
        return -(-arrival_ns // self._slice_ns) * self._slice_ns


def _is_due(arrival_ns: int, deadline_ns: int | None) -> bool:
    return deadline_ns is not None and arrival_ns >= deadline_ns
