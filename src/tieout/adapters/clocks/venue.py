"""Our clock as the venue keeps it, in three modes: lock-step, paced and wall.

Time-outs, keep-alives, back-off and stamps of an exchange gateway all follow one of these, so that
a rehearsal at fifty times real time behaves like the real thing.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from tieout.adapters.clocks.turns import Turns
    from tieout.kernel.ports import Clock

__all__ = ["LockStepClock", "RunningClock", "VenueClock"]

_NAP_S_MAX = 60.0
"""Sleepers look at the clock this often, since its offset may be corrected meanwhile."""


class VenueClock(ABC):
    """Time as the venue has it: a base clock plus the measured offset, never going backwards."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self._latest_ns = 0

    def now_ns(self) -> int:
        """Return the time now."""
        self._latest_ns = max(self._latest_ns, self._base_ns() + self.offset_ns)
        return self._latest_ns

    def shift(self, offset_ns: int) -> None:
        """Set venue − base; a correction backwards holds the clock until the base caught up."""
        self.offset_ns = offset_ns

    def base_ns(self) -> int:
        """Return the time now without the offset, for measuring it."""
        return self._base_ns()

    @abstractmethod
    async def sleep_until(self, due_ns: int) -> None:
        """Wait until the clock shows at least `due_ns`."""

    async def sleep(self, duration_ns: int) -> None:
        """Wait for a length of time on this clock."""
        await self.sleep_until(self.now_ns() + duration_ns)

    @abstractmethod
    def _base_ns(self) -> int:
        """Return the base clock's time, which may jump."""


class LockStepClock(VenueClock):
    """Virtual time: it shows what it was last moved to, and sleepers wake after a move.

    Args:
        start_ns: Where it stands before the first move.
        turns: A sleeper is no work under way; waking one is.
    """

    def __init__(self, start_ns: int, turns: Turns) -> None:
        super().__init__()
        self._now_ns = start_ns
        self._turns = turns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._slept = 0

    @property
    def next_wake_ns(self) -> int | None:
        """When the next sleeper is due, on this clock; None when nobody sleeps."""
        sleepers = self._sleepers
        while sleepers and sleepers[0][2].done():
            heappop(sleepers)
        return sleepers[0][0] if sleepers else None

    def move_to(self, base_ns: int) -> None:
        """Move virtual time; who is due is woken one by one."""
        self._now_ns = base_ns

    def wake_one(self) -> bool:
        """Wake the sleeper due first; False when nobody is due."""
        due_ns = self.next_wake_ns
        if due_ns is None or due_ns > self.now_ns():
            return False
        _, _, wake = heappop(self._sleepers)
        self._turns.begin()
        wake.set_result(None)
        return True

    async def sleep_until(self, due_ns: int) -> None:
        """Wait until the clock is moved to `due_ns` or beyond."""
        if due_ns <= self.now_ns():
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heappush(self._sleepers, (due_ns, self._slept, wake))
        self._turns.end()
        await self._turns.wait_for(wake)

    def _base_ns(self) -> int:
        return self._now_ns


class RunningClock(VenueClock):
    """Time that runs by itself: a real venue's, or a paced rehearsal's.

    Args:
        base: A clock in real time.
        start_ns: What this clock shows now; None for what the base shows.
        speed: Seconds of this clock in one real second.
    """

    def __init__(
        self, base: Clock, *, start_ns: int | None = None, speed: Fraction | int = 1
    ) -> None:
        super().__init__()
        self._base = base
        self._anchor_ns = base.now_ns()
        self._start_ns = self._anchor_ns if start_ns is None else start_ns
        self.speed = speed

    def real_s(self, due_ns: int) -> float:
        """Return how many real seconds are left until `due_ns`; negative when it has passed."""
        return float((due_ns - self.now_ns()) / self.speed) / 1e9

    async def sleep_until(self, due_ns: int) -> None:
        """Wait in real time, however often the offset is corrected meanwhile."""
        while (left_s := self.real_s(due_ns)) > 0:
            await asyncio.sleep(min(left_s, _NAP_S_MAX))

    def _base_ns(self) -> int:
        return self._start_ns + int((self._base.now_ns() - self._anchor_ns) * self.speed)
