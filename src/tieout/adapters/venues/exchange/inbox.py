"""What has arrived and not been given to the kernel yet, in the one order of inputs."""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tieout.model.events import (
    Bar,
    ClockOffsetMeasured,
    ConnectionLost,
    ConnectionRestored,
    OperatorCommand,
    RunEnded,
    RunResumed,
    RunStarted,
    SourceRank,
    Trade,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.model.events import Input

__all__ = ["Inbox", "Outlet"]

_FIRST = 0
"""Before any rank: a run begins with its start or resume."""

_RANKS: dict[type, int] = {
    RunStarted: _FIRST,
    RunResumed: _FIRST,
    OperatorCommand: SourceRank.OPERATOR,
    ClockOffsetMeasured: SourceRank.CONNECTION,
    ConnectionLost: SourceRank.CONNECTION,
    ConnectionRestored: SourceRank.CONNECTION,
    Trade: SourceRank.TRADE,
    Bar: SourceRank.BAR,
    RunEnded: SourceRank.END,
}


class Inbox:
    """Orders inputs by (arrival, source rank, sequence); the sequence is the order of putting."""

    def __init__(self) -> None:
        self._entries: list[tuple[tuple[int, int, int], Input]] = []
        self._sequence = 0
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, event: Input) -> None:
        """Add an input that arrived."""
        self._sequence += 1
        rank = _RANKS.get(type(event), SourceRank.VENUE_REPORT)
        self._entries.append(((event.arrival_time_ns, int(rank), self._sequence), event))
        self.wake()

    def take(self) -> list[Input]:
        """Return everything that is here, in order, and forget it."""
        entries, self._entries = self._entries, []
        entries.sort(key=itemgetter(0))
        return [event for _, event in entries]

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, timeout_s: float | None) -> None:
        """Wait until something is put, somebody wakes us, or the time is over."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = None if timeout_s is None else loop.call_later(max(timeout_s, 0.0), self.wake)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


class Outlet:
    """One component's way into the inbox; it can be held shut while a gap is filled.

    What is put meanwhile is stamped anew when the outlet opens: only then could we trust it.
    """

    def __init__(self, inbox: Inbox, now_ns: Callable[[], int]) -> None:
        self._inbox = inbox
        self._now_ns = now_ns
        self._staged: list[Any] | None = None

    def put(self, event: Input) -> None:
        """Let an input through, or keep it until the outlet opens."""
        if self._staged is None:
            self._inbox.put(event)
        else:
            self._staged.append(event)

    def shut(self) -> None:
        """Keep what comes from here on."""
        if self._staged is None:
            self._staged = []

    def open(self, announcement: Callable[[int, int], Input] | None = None) -> None:
        """Let everything through that was kept, stamped now.

        Args:
            announcement: Makes the input that comes before, from the number kept and the stamp.
        """
        staged, self._staged = self._staged or [], None
        now_ns = self._now_ns()
        if announcement is not None:
            self._inbox.put(announcement(len(staged), now_ns))
        for event in staged:
            self._inbox.put(msgspec.structs.replace(event, arrival_time_ns=now_ns))
