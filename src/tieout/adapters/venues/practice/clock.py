"""Virtual time and who moves it: the clock socket in lock-step, real time when paced."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from aiohttp import WSMsgType, web

from tieout.adapters.venues.practice.config import Mode
from tieout.adapters.venues.practice.engine import (
    Answer,
    Cut,
    Engine,
    StreamMessage,
    StreamsClosed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.adapters.venues.practice.engine import Release
    from tieout.adapters.venues.practice.protocol_stream import StreamHub

__all__ = ["VenueClock"]

_PATIENCE_S: Final = 30.0
"""How long, in real time, lock-step waits for order requests that were announced."""


class _Hello(msgspec.Struct, frozen=True, tag_field="op", tag="hello"):
    """A client begins, or begins again."""


class _Advance(msgspec.Struct, frozen=True, tag_field="op", tag="advance"):
    """A client has nothing to do before `until_ns` and has issued `requests` so far."""

    requests: int
    until_ns: int | None = None


_Wish = _Hello | _Advance


class _Greeting(msgspec.Struct, frozen=True, tag_field="op", tag="hello"):
    mode: Literal["lockstep", "paced"]
    now_ns: int
    end_ns: int
    speed: float


class _Advanced(msgspec.Struct, frozen=True, tag_field="op", tag="advanced"):
    now_ns: int
    messages: int
    answers: int
    closed: int
    finished: bool


class _Finished(msgspec.Struct, frozen=True, tag_field="op", tag="finished"):
    now_ns: int


class _Complaint(msgspec.Struct, frozen=True, tag_field="op", tag="error"):
    message: str


@dataclass(slots=True)
class VenueClock:
    """Moves the engine's time and sends what it releases.

    Attributes:
        waiting: Order requests whose answer is awaited, by ticket.
        answers: Order answers released since the last hello, lost ones included.
    """

    engine: Engine
    hub: StreamHub
    waiting: dict[int, asyncio.Future[Answer | Cut]] = field(default_factory=dict)
    answers: int = 0
    _requests: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _client: web.WebSocketResponse | None = None
    _started_real_ns: int | None = None

    @property
    def is_paced(self) -> bool:
        """Whether virtual time runs by itself."""
        return self.engine.config.mode is Mode.PACED

    def count_request(self) -> None:
        """Note that an order request is in the venue's hands."""
        self._requests += 1
        self._moved.set()

    async def catch_up(self) -> None:
        """Bring virtual time to now before anything is asked or sent; lock-step stands still."""
        if not self.is_paced or self._started_real_ns is None:
            return
        async with self._turn:
            now_ns = self._paced_now_ns()
            while self.engine.now_ns < now_ns:
                await self._deliver(self.engine.run(now_ns))

    async def keep_pace(self) -> None:
        """Run virtual time by itself until the market is over; for paced mode."""
        while True:
            await self.catch_up()
            if self._started_real_ns is not None and self.engine.is_finished:
                await self._say(_Finished(self._client_ns(self.engine.now_ns)))
                return
            self._moved.clear()
            try:
                async with asyncio.timeout(self._sleep_s()):
                    await self._moved.wait()
            except TimeoutError:
                continue

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve the clock socket; a younger one takes the place of an older one."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        older, self._client = self._client, socket
        if older is not None:
            await older.close(code=4000, message=b"another client took the clock")
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._obey(frame.data)
        finally:
            if self._client is socket:
                self._client = None
        return socket

    async def _obey(self, text: str) -> None:
        try:
            wish: _Wish = msgspec.json.decode(text, type=_Wish)
        except msgspec.DecodeError as error:
            await self._say(_Complaint(f"clock: {error}; send hello or advance"))
            return
        match wish:
            case _Hello():
                await self._greet()
            case _Advance():
                await self._advance(wish)

    async def _greet(self) -> None:
        self._requests = 0
        self.answers = 0
        self.hub.start_counting()
        self.engine.drop_answers()
        for ticket, waiter in self.waiting.items():
            if not waiter.done():
                waiter.set_result(Cut(ticket))
        self.waiting.clear()
        if self.is_paced and self._started_real_ns is None:
            self._started_real_ns = time.monotonic_ns()
            self._moved.set()
        await self.catch_up()
        engine = self.engine
        await self._say(
            _Greeting(
                mode=engine.config.mode.value,
                now_ns=self._client_ns(engine.now_ns),
                end_ns=self._client_ns(engine.end_ns),
                speed=engine.config.speed,
            )
        )

    async def _advance(self, wish: _Advance) -> None:
        if self.is_paced:
            await self._say(_Complaint("clock: advance is refused; this venue paces itself"))
            return
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while self._requests < wish.requests:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            await self._say(
                _Complaint(
                    f"clock: {wish.requests} order requests were announced and only "
                    f"{self._requests} came within {_PATIENCE_S:.0f} s; count what is issued"
                )
            )
            return
        engine = self.engine
        until_ns = None if wish.until_ns is None else wish.until_ns + engine.skew_ns
        await self._deliver(engine.run(until_ns))
        await self._say(
            _Advanced(
                now_ns=self._client_ns(engine.now_ns),
                messages=self.hub.sent,
                answers=self.answers,
                closed=self.hub.closed,
                finished=engine.is_finished,
            )
        )

    async def _deliver(self, releases: Sequence[Release]) -> None:
        for release in releases:
            match release:
                case StreamMessage():
                    await self.hub.send(release.stream, release.body)
                case Answer() | Cut():
                    self.answers += 1
                    waiter = self.waiting.pop(release.ticket, None)
                    if waiter is not None and not waiter.done():
                        waiter.set_result(release)
                case StreamsClosed(user_only=True):
                    self.hub.close_user_streams()
                case StreamsClosed():
                    self.hub.close_all()

    async def _say(self, message: msgspec.Struct) -> None:
        client = self._client
        if client is not None and not client.closed:
            await client.send_str(msgspec.json.encode(message).decode())

    def _client_ns(self, venue_ns: int) -> int:
        """Return a venue time as the client's clock has it, which a script may have put wrong."""
        return venue_ns - self.engine.skew_ns

    def _paced_now_ns(self) -> int:
        assert self._started_real_ns is not None, "the clock has not started"
        elapsed_ns = time.monotonic_ns() - self._started_real_ns
        return self.engine.config.start_ns + int(elapsed_ns * self.engine.config.speed)

    def _sleep_s(self) -> float | None:
        """Return how long nothing happens by itself, in real seconds; None for ever."""
        if self._started_real_ns is None:
            return None
        next_ns = self.engine.next_ns
        if next_ns is None:
            next_ns = self.engine.end_ns
        ahead_ns = next_ns - self._paced_now_ns()
        return max(ahead_ns / self.engine.config.speed / 1e9, 0.0)
