"""A source with what is announced besides the market: lists, rules, what there is to borrow.

source ──rows, reports──▶ ─┬─▶ kernel
announcements, by arrival ─┘

What was known by the start comes right behind it. A later announcement comes before the rows that
arrive with it and, like every input, after the timers that are due by then. A source that waits for
the world is asked to give word when one is due.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from tieout.kernel.ports import Inputs, MarketBatch, MergedBatch
from tieout.model.borrow import BorrowTold
from tieout.model.events import RunResumed, RunStarted
from tieout.model.rules import RulesChanged
from tieout.model.universes import UniverseAnnounced, UniverseChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tieout.kernel.ports import Source
    from tieout.model.events import Input

    Given = MarketBatch | MergedBatch | Inputs

__all__ = ["ANNOUNCED", "AnnouncedSource", "Announcement", "Announcer", "announced"]

Announcement = UniverseChanged | UniverseAnnounced | RulesChanged | BorrowTold
"""What is announced."""

ANNOUNCED = (UniverseChanged, UniverseAnnounced, RulesChanged, BorrowTold)
_LISTS = (UniverseChanged, UniverseAnnounced)


class Announcer(Protocol):
    """A list, an instrument's rules or what there is to borrow, as a data set has them."""

    def known_at(self, start_ns: int) -> Announcement | None:
        """Return what holds at the start of a run; None: nothing is told by then."""

    def changes(self, start_ns: int) -> Sequence[Announcement]:
        """Return what is told after it, in order of arrival."""


def announced(announcers: Iterable[Announcer], start_ns: int) -> list[Announcement]:
    """Return everything that is announced in a run that starts then, in order of arrival.

    Lists come last at one moment: what acts on a list acts by the rules of then.

    Raises:
        InputError: It is not known what held at the start.
    """
    every = list(announcers)
    held = [each.known_at(start_ns) for each in every]
    told: list[Announcement] = [each for each in held if each is not None]
    told += [change for each in every for change in each.changes(start_ns)]
    return sorted(told, key=lambda each: (each.arrival_time_ns, isinstance(each, _LISTS)))


class AnnouncedSource:
    """Passes a source on and gives announcements between its inputs.

    Args:
        source: Whose first input is the start of the run, or word that it goes on.
        tell: Gives all announcements of a run that starts at a time, in order of arrival.
        recorded: How many announcements of this run were given already, by an earlier process.
        started_ns: When the run started, where an earlier process began it.
    """

    def __init__(
        self,
        source: Source,
        tell: Callable[[int], Sequence[Announcement]],
        *,
        recorded: int = 0,
        started_ns: int | None = None,
    ) -> None:
        self._source = source
        self._tell = tell
        self._ready: deque[Given] = deque()
        self._told: Sequence[Announcement] = ()
        self._arrivals: list[int] = []
        self._place = 0
        if started_ns is not None:
            self._begin(started_ns)
            self._place = recorded

    def next(self, deadline_ns: int | None) -> Given | None:
        """Return what comes next."""
        while not self._ready:
            given = self._source.next(self._deadline_ns(deadline_ns))
            if given is None:
                return None
            self._take(given)
        return self._ready.popleft()

    def _begin(self, start_ns: int) -> None:
        self._told = self._tell(start_ns)
        self._arrivals = [each.arrival_time_ns for each in self._told]

    def _deadline_ns(self, deadline_ns: int | None) -> int | None:
        if self._place == len(self._told):
            return deadline_ns
        due_ns = self._arrivals[self._place]
        return due_ns if deadline_ns is None else min(deadline_ns, due_ns)

    def _take(self, given: Given) -> None:
        """Lay out what was given, with the announcements that belong between its parts."""
        if isinstance(given, Inputs):
            events: list[Input] = []
            for event in given.events:
                if isinstance(event, RunStarted) and not self._told:
                    events.append(event)
                    self._begin(event.arrival_time_ns)
                    events += self._until(event.arrival_time_ns)
                elif isinstance(event, RunResumed):
                    # What was announced while nobody listened is known now.
                    now_ns = event.arrival_time_ns
                    late = [_known_at(each, now_ns) for each in self._until(now_ns)]
                    events += [event, *late]
                else:
                    events += [*self._until(event.arrival_time_ns), event]
            self._ready.append(Inputs(tuple(events)))
        elif isinstance(given, MarketBatch) and given.past:
            self._ready.append(given)
        else:
            self._cut(given)

    def _cut(self, given: MarketBatch | MergedBatch) -> None:
        columns = given.columns
        arrivals = columns.arrival_time_ns
        start = 0
        while self._place < len(self._told) and start < len(columns):
            due_ns = self._arrivals[self._place]
            stop = int(np.searchsorted(arrivals, due_ns, "left"))
            if stop >= len(columns):
                break
            if stop > start:
                self._ready.append(_rows(given, start, stop))
            self._ready.append(Inputs(tuple(self._until(due_ns))))
            start = stop
        if start < len(columns):
            self._ready.append(_rows(given, start, len(columns)) if start else given)

    def _until(self, now_ns: int) -> Sequence[Announcement]:
        """Return the announcements that are due by a time and were not given."""
        stop = bisect_right(self._arrivals, now_ns)
        found = self._told[self._place : stop]
        self._place = max(self._place, stop)
        return found


def _known_at(told: Announcement, now_ns: int) -> Announcement:
    return msgspec.structs.replace(told, arrival_time_ns=now_ns)


def _rows(given: MarketBatch | MergedBatch, start: int, stop: int) -> MarketBatch | MergedBatch:
    if isinstance(given, MergedBatch):
        return MergedBatch(given.columns.rows(start, stop))
    return replace(given, columns=given.columns.rows(start, stop))
