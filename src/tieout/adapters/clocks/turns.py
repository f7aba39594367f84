"""One piece of work at a time: what makes a lock-step rehearsal the same twice.

Sockets deliver what belongs to one instant in any order. In lock-step, work that waits — a task to
start, an answer to be looked at, a sleeper to wake — therefore gets its turn from one queue, and
virtual time moves only when nothing is under way and nobody waits for a turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """Counts work under way on one event loop, and hands out turns.

    Whoever makes work possible counts it, not who does it: a task is counted when it is created and
    a sleeper when it is woken, so that no round of the loop lies between the cause and the count.

    Args:
        one_at_a_time: False lets everything run as it comes: time runs by itself.
    """

    def __init__(self, *, one_at_a_time: bool) -> None:
        self.one_at_a_time = one_at_a_time
        self._under_way = 0
        self._settled: asyncio.Future[None] | None = None
        self._queue: deque[asyncio.Future[None]] = deque()
        self._numbered: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way; somebody may wait for a turn."""
        return self._under_way == 0

    def begin(self) -> None:
        """Count one more piece of work."""
        self._under_way += 1

    def end(self) -> None:
        """Count one piece less: it is done, or waits for something only time can bring."""
        self._under_way -= 1
        assert self._under_way >= 0, "work ended that never began"
        if self._under_way == 0 and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    async def take(self) -> None:
        """Wait for a turn, first come first served."""
        if not self.one_at_a_time:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.end()
        await self.wait_for(turn)

    async def take_numbered(self, number: int) -> None:
        """Wait for a turn after all unnumbered ones, lower numbers first.

        The caller is not counted as under way, but is when this returns.
        """
        if not self.one_at_a_time:
            self.begin()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._numbered, (number, turn))
        await self.wait_for(turn)

    async def wait_for(self, turn: asyncio.Future[None]) -> None:
        """Wait for a future whose setting counts as work begun; stay counted when cancelled."""
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self.begin()
            raise

    async def run_all(self, wake_one: Callable[[], bool]) -> None:
        """Give every turn there is, one after another, until nothing is left to do.

        Args:
            wake_one: Wakes the next sleeper that is due and returns True, or returns False.
        """
        while True:
            while self._under_way:
                self._settled = asyncio.get_running_loop().create_future()
                await self._settled
            self._settled = None
            if not self._give_turn() and not wake_one():
                return

    def _give_turn(self) -> bool:
        while self._queue or self._numbered:
            turn = self._queue.popleft() if self._queue else heappop(self._numbered)[1]
            if not turn.done():
                self.begin()
                turn.set_result(None)
                return True
        return False
