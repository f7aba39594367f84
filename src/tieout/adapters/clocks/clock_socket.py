"""The client's end of the practice venue's clock socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.errors import ConnectionFailed

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse

__all__ = ["Advanced", "ClockSocket", "Greeting"]

_ANSWER_S_MAX = 60.0
"""Real seconds the venue may think about one step before we call it dead."""


class Greeting(msgspec.Struct, frozen=True):
    """The venue's answer to hello.

    Attributes:
        mode: `lockstep` or `paced`.
        now_ns: Virtual time now.
        end_ns: Where its history ends; None when it does not say.
        speed: Virtual seconds in a real second, in paced mode.
    """

    mode: str
    now_ns: int
    end_ns: int | None = None
    speed: float | None = None


class Advanced(msgspec.Struct, frozen=True):
    """The venue's answer to a step; counts run since hello.

    Attributes:
        now_ns: Virtual time now.
        messages: Stream messages sent.
        answers: Answers to order requests released.
        closed: Stream sockets the venue closed.
        finished: Nothing is owed any more, and nothing will be.
    """

    now_ns: int
    messages: int
    answers: int
    closed: int
    finished: bool


class _Heading(msgspec.Struct, frozen=True):
    op: str = ""


_heading = msgspec.json.Decoder(_Heading)
_greeting = msgspec.json.Decoder(Greeting)
_advanced = msgspec.json.Decoder(Advanced)


class ClockSocket:
    """One connection that says hello, asks for steps, or waits for the end.

    Args:
        socket: An open WebSocket to `/practice/v1/clock`.
    """

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket

    @staticmethod
    async def open(session: ClientSession, url: str) -> ClockSocket | None:
        """Connect; None when the server has no such socket and so keeps real time.

        Raises:
            ConnectionFailed: Nobody listens there.
        """
        from aiohttp import ClientError, WSServerHandshakeError  # noqa: PLC0415 - of an extra

        try:
            return ClockSocket(await session.ws_connect(url, compress=0))
        except WSServerHandshakeError as error:
            if error.status in (400, 404, 405):
                return None
            raise ConnectionFailed(
                f"{url}: the clock socket was refused with status {error.status}; "
                "is another client connected?"
            ) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise ConnectionFailed(f"{url}: nobody answers ({error}); is the venue up?") from error

    async def hello(self) -> Greeting:
        """Say hello; the venue counts from zero from here on."""
        await self._send('{"op":"hello"}')
        return _greeting.decode(await self._receive("hello"))

    async def advance(self, until_ns: int | None, requests: int) -> Advanced:
        """Ask for the next instant, at most `until_ns`, at which the venue owes us something.

        Args:
            until_ns: No further than this; None for wherever there is something.
            requests: Order requests sent since hello.
        """
        until = "null" if until_ns is None else until_ns
        await self._send(f'{{"op":"advance","until_ns":{until},"requests":{requests}}}')
        return _advanced.decode(await self._receive("advanced"))

    async def finished(self) -> int:
        """Wait for the end of a paced rehearsal and return the venue's time then."""
        while True:
            message = await self._next_text(None)
            if _heading.decode(message).op == "finished":
                return int(msgspec.json.decode(message)["now_ns"])

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except ConnectionError as error:
            raise ConnectionFailed(f"the clock socket is closed ({error})") from error

    async def _receive(self, wanted: str) -> str:
        text = await self._next_text(_ANSWER_S_MAX)
        try:
            heading = _heading.decode(text)
        except msgspec.DecodeError as error:
            raise ConnectionFailed(f"the clock socket sent {text[:200]!r} ({error})") from error
        if heading.op != wanted:
            raise ConnectionFailed(f"the clock socket answered {text[:200]!r}, not {wanted!r}")
        return text

    async def _next_text(self, patience_s: float | None) -> str:
        from aiohttp import WSMsgType  # noqa: PLC0415 - of an extra

        try:
            message = await self._socket.receive(patience_s)
        except TimeoutError as error:
            raise ConnectionFailed(
                f"the clock socket was silent for {patience_s} s; the venue hangs, or waits for a "
                "request that never reached it"
            ) from error
        if message.type is not WSMsgType.TEXT:
            raise ConnectionFailed("the venue closed the clock socket; start it again and resume")
        text: str = message.data
        return text
