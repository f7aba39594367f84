"""What goes to and fro between gateway and venue: counts for the barrier, and who is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tieout.adapters.clocks import Advanced, Turns
    from tieout.adapters.venues.exchange.decode import Unreadable
    from tieout.adapters.venues.exchange.rates import RateLimiter

__all__ = ["ClientHooks", "Traffic"]


class Traffic:
    """Counts what went to and fro since hello, for the lock-step barrier.

    An order request that is on its way is no work under way: only time can bring its answer.

    Args:
        turns: Answers are looked at in the order of their requests.
    """

    def __init__(self, turns: Turns) -> None:
        self.requests = 0
        self.answers = 0
        self.messages = 0
        self.closed = 0
        self._turns = turns
        self._waiter: asyncio.Future[None] | None = None

    def reset(self) -> None:
        """Start counting anew: the venue was greeted."""
        self.requests = self.answers = self.messages = self.closed = 0

    def request_sent(self) -> int:
        """An order request is handed to a connection; return its number."""
        self.requests += 1
        self._turns.end()
        return self.requests

    async def request_lost(self, number: int) -> None:
        """The connection could not even be made: the venue will never hold this request."""
        self.requests -= 1
        self._changed()
        await self._turns.take_numbered(number)

    async def answer_seen(self, number: int) -> None:
        """The answer is here, or the connection was cut instead; wait for its turn."""
        self.answers += 1
        self._changed()
        await self._turns.take_numbered(number)

    def forget(self) -> None:
        """Whoever waited for an answer was cancelled: the end has come."""
        self._turns.begin()

    def message_seen(self) -> None:
        """A stream message is here."""
        self.messages += 1
        self._changed()

    def close_seen(self) -> None:
        """The venue closed a stream socket."""
        self.closed += 1
        self._changed()

    def has_seen(self, told: Advanced) -> bool:
        """Whether everything is here that the venue says it sent."""
        return (
            self.messages >= told.messages
            and self.answers >= told.answers
            and self.closed >= told.closed
        )

    async def seen(self, told: Advanced) -> None:
        """Wait until everything is here that the venue says it sent."""
        while not self.has_seen(told):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _changed(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _ignore_message(url: str, message: Mapping[str, Any] | Unreadable) -> None:
    del url, message


def _ignore_close(url: str, reason: str) -> None:
    del url, reason


@dataclass(slots=True)
class ClientHooks:
    """What the gateway hangs into the client.

    Attributes:
        traffic: Counts.
        limiter: Admits requests; None for no limit.
        on_message: Gets every raw stream message with the address it came from, or what stands
            for one that is no message at all; must not raise.
        on_closed: Hears of every connection lost after it was made.
    """

    traffic: Traffic
    limiter: RateLimiter | None = None
    on_message: Callable[[str, Mapping[str, Any] | Unreadable], None] = field(
        default=_ignore_message
    )
    on_closed: Callable[[str, str], None] = field(default=_ignore_close)
