"""Corporate actions among the inputs of a source that waits for the world."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from tieout.kernel.ports import Inputs
from tieout.model.events import Bar, RunResumed, RunStarted, Trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.kernel.ports import MarketBatch, MergedBatch, Source
    from tieout.model.events import CorporateAction, Input

__all__ = ["ActingSource"]


class ActingSource:
    """Gives each action once all that arrived by its time was given, as history does.

    What took effect before the start is given with it. What took effect while the process was down
    is given before the first row from after it, since rows from before it are still to come then.

    Each is given by itself: a simulated venue that is fed from here must not be shown what comes
    after an action before it has acted.

    Args:
        source: Live inputs, one by one.
        actions: In order of arrival; of a run that goes on, those that its journal has not.
    """

    def __init__(self, source: Source, actions: Sequence[CorporateAction]) -> None:
        self._source = source
        self._waiting = list(actions)
        self._ready: deque[Inputs] = deque()
        self._reached_ns = 0
        self._down_until_ns = 0

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:
        """Return what comes next."""
        if self._ready:
            return self._ready.popleft()
        # Before its first input a run has no clock that could be asked for.
        if self._waiting and self._reached_ns:
            due_ns = self._waiting[0].arrival_time_ns + 1
            if due_ns > self._reached_ns and (deadline_ns is None or due_ns < deadline_ns):
                deadline_ns = due_ns
        given = self._source.next(deadline_ns)
        if not isinstance(given, Inputs):
            return given
        found: list[Input] = []
        for event in given.events:
            if isinstance(event, RunResumed):
                self._down_until_ns = event.arrival_time_ns
            while self._waiting and self._is_due(event, self._waiting[0]):
                if found:
                    self._ready.append(Inputs(found))
                    found = []
                self._ready.append(Inputs([self._stamped(self._waiting.pop(0))]))
            found.append(event)
            self._reached_ns = max(self._reached_ns, event.arrival_time_ns)
            if isinstance(event, RunStarted):
                found += self._past(event.arrival_time_ns)
        if found:
            self._ready.append(Inputs(found))
        return self._ready.popleft()

    def _is_due(self, event: Input, action: CorporateAction) -> bool:
        if event.arrival_time_ns <= action.arrival_time_ns:
            return False
        if action.arrival_time_ns >= self._down_until_ns:
            return not isinstance(event, RunStarted)
        if isinstance(event, Bar):
            return event.close_time_ns > action.venue_time_ns
        return isinstance(event, Trade) and event.venue_time_ns >= action.venue_time_ns

    def _past(self, started_ns: int) -> list[CorporateAction]:
        past = [each for each in self._waiting if each.venue_time_ns <= started_ns]
        known = [each for each in past if each.arrival_time_ns <= started_ns]
        self._waiting = [each for each in self._waiting if each not in known]
        return [self._stamped(each) for each in known]

    def _stamped(self, action: CorporateAction) -> CorporateAction:
        """Return an action no earlier than what was given before it."""
        arrival_ns = max(action.arrival_time_ns, self._reached_ns)
        return msgspec.structs.replace(action, arrival_time_ns=arrival_ns)
