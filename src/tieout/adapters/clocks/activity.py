"""How much work an adapter has under way: virtual time may move only when there is none."""

from __future__ import annotations

import asyncio

__all__ = ["Activity"]


class Activity:
    """Counts unfinished work on one event loop.

    Whoever makes work possible counts it, not who does it: a task is counted when it is created and
    a sleeper when it is woken, so that no turn of the loop lies between the cause and the count.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self._under_way == 0

    def begin(self) -> None:
        """Count one more piece of work."""
        self._under_way += 1

    def end(self) -> None:
        """Count one piece less: it is done, or waits for something only time can bring."""
        self._under_way -= 1
        assert self._under_way >= 0, "work ended that never began"
        if self._under_way == 0 and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._waiter = None
