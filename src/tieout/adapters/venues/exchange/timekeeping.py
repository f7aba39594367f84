"""Which clock a run follows, how virtual time is moved, and how far we are from the venue's."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tieout.adapters.clocks import ClockSocket, LockStepClock, RunningClock, Turns, WallClock
from tieout.adapters.venues.exchange.client import is_loopback
from tieout.adapters.venues.exchange.decode import MILLISECOND, Unreadable, nanoseconds
from tieout.adapters.venues.exchange.traffic import Traffic
from tieout.errors import ConnectionFailed
from tieout.model.events import ClockOffsetMeasured

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from tieout.adapters.venues.exchange.client import ExchangeClient
    from tieout.kernel.ports import Clock

__all__ = ["Timekeeper"]

_CLOCK_PATH: Final = "/practice/v1/clock"
_SAMPLES: Final = 5
_DELIVERY_S_MAX: Final = 30.0
"""Real seconds in which everything the venue says it sent must be here; it is on this machine."""


class Timekeeper:
    """The clock of a run and, in a rehearsal, the socket that moves it.

    Args:
        clock: Virtual and moved by us, or running by itself.
        socket: The venue's clock socket; None at a real exchange.
        turns: Order of work.
    """

    def __init__(
        self, clock: LockStepClock | RunningClock, socket: ClockSocket | None, turns: Turns
    ) -> None:
        self.clock = clock
        self.turns = turns
        self.traffic = Traffic(turns)
        self.is_finished = False
        self.has_own_time = socket is None
        self._socket = socket
        self._error_ns = 0

    @staticmethod
    async def open(session: ClientSession, ws_url: str, machine: Clock | None = None) -> Timekeeper:
        """Ask the venue how it keeps time; only one on this machine is asked.

        Args:
            session: For the clock socket.
            ws_url: Address of the venue's streams.
            machine: The machine's clock.

        Raises:
            ConnectionFailed: The venue does not answer, or speaks of a mode we do not know.
        """
        machine = machine or WallClock()
        socket: ClockSocket | None = None
        if is_loopback(ws_url):
            socket = await ClockSocket.open(session, f"ws://{urlsplit(ws_url).netloc}{_CLOCK_PATH}")
        if socket is None:
            return Timekeeper(RunningClock(machine), None, Turns(one_at_a_time=False))
        greeting = await socket.hello()
        if greeting.mode == "lockstep":
            turns = Turns(one_at_a_time=True)
            return Timekeeper(LockStepClock(greeting.now_ns, turns), socket, turns)
        if greeting.mode == "paced":
            # Through its text, so that 0.1 is a tenth.
            speed = Fraction(str(greeting.speed or 1))
            running = RunningClock(machine, start_ns=greeting.now_ns, speed=speed)
            return Timekeeper(running, socket, Turns(one_at_a_time=False))
        await socket.close()
        raise ConnectionFailed(
            f"the venue's clock is in mode {greeting.mode!r}; known are lockstep and paced"
        )

    # -- lock-step ----------------------------------------------------------------------------

    async def step(self, until_ns: int | None) -> None:
        """Move virtual time to where the venue owes us something, and wait until it is here.

        Args:
            until_ns: No further than this on our clock; sleepers may shorten it.
        """
        clock = self.clock
        assert isinstance(clock, LockStepClock), clock
        assert self._socket is not None, "lock-step without a clock socket"
        wake_ns = clock.next_wake_ns
        if wake_ns is not None and (until_ns is None or wake_ns < until_ns):
            until_ns = wake_ns
        if until_ns is not None:
            until_ns = max(until_ns - clock.offset_ns, clock.base_ns())
        told = await self._socket.advance(until_ns, self.traffic.requests)
        clock.move_to(told.now_ns)
        if not self.traffic.has_seen(told):
            try:
                async with asyncio.timeout(_DELIVERY_S_MAX):
                    await self.traffic.seen(told)
            except TimeoutError as error:
                raise ConnectionFailed(
                    f"the venue says it sent {told.messages} messages, {told.answers} answers and "
                    f"closed {told.closed} streams; after {_DELIVERY_S_MAX:g} s "
                    f"{self.traffic.messages}, {self.traffic.answers} and {self.traffic.closed} "
                    "are here"
                ) from error
        self.is_finished = told.finished

    async def settle(self) -> None:
        """Let everything run that can run without virtual time moving."""
        clock = self.clock
        assert isinstance(clock, LockStepClock), clock
        await self.turns.run_all(clock.wake_one)

    # -- paced --------------------------------------------------------------------------------

    async def wait_for_end(self) -> None:
        """Return when a paced rehearsal is over; at a real exchange, never."""
        if self._socket is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._socket.finished()
        self.is_finished = True

    # -- offset -------------------------------------------------------------------------------

    @property
    def doubt_ns(self) -> int:
        """How far a venue's stamp may lie ahead of us before the offset is measured again."""
        return self._error_ns + 2 * MILLISECOND

    async def measure(self, client: ExchangeClient) -> ClockOffsetMeasured | None:
        """Measure venue − ours and apply it; None when nothing is known better than before.

        The venue tells whole milliseconds, rounded down. A running clock is compared several times
        and the quickest answer counts; it bounds the error by half its way plus half a millisecond.
        """
        clock = self.clock
        if isinstance(clock, LockStepClock):
            # Virtual time stands still while we ask: exact, to the millisecond the wire has.
            venue_ns = await _venue_time_ns(client)
            offset_ns = venue_ns - clock.base_ns() // MILLISECOND * MILLISECOND
            error_ns = 0
        else:
            samples = [await self._sample(client, clock) for _ in range(_SAMPLES)]
            error_ns, offset_ns = min(samples)
        if abs(offset_ns - clock.offset_ns) <= error_ns and not self._is_first_of_real(clock):
            return None
        self._error_ns = error_ns
        clock.shift(offset_ns)
        if offset_ns == 0 and error_ns == 0:
            return None
        return ClockOffsetMeasured(
            offset_ns=offset_ns, error_ns=error_ns, arrival_time_ns=clock.now_ns()
        )

    def _is_first_of_real(self, clock: RunningClock | LockStepClock) -> bool:
        return self.has_own_time and clock.offset_ns == 0 and self._error_ns == 0

    @staticmethod
    async def _sample(client: ExchangeClient, clock: RunningClock) -> tuple[int, int]:
        asked_ns = clock.base_ns()
        venue_ns = await _venue_time_ns(client)
        answered_ns = clock.base_ns()
        half_ns = (answered_ns - asked_ns) // 2
        offset_ns = venue_ns + MILLISECOND // 2 - (asked_ns + half_ns)
        return half_ns + MILLISECOND // 2, offset_ns

    async def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close()


async def _venue_time_ns(client: ExchangeClient) -> int:
    answer = await client.call("fapiPublic", "GET", "time")
    if not isinstance(answer, dict):
        raise Unreadable(f"time: the venue answered {str(answer)[:200]!r} and not an object")
    return nanoseconds(answer.get("serverTime"))
