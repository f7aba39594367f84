"""The stream side: who is connected, what they subscribed to, and the counts lock-step needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiohttp import WSMsgType, web

from tieout.adapters.venues.practice.engine import USER_STREAM

if TYPE_CHECKING:
    import asyncio

    from tieout.adapters.venues.practice.engine import Engine

__all__ = ["ListenKey", "StreamHub"]


@dataclass(slots=True)
class ListenKey:
    """The key of the user stream; there is one account, hence one key.

    Attributes:
        key: Its text; empty when there is none.
        expires_ns: When it ends unless renewed; None for never.
    """

    key: str = ""
    expires_ns: int | None = None
    issued: int = 0

    def is_valid(self, key: str, now_ns: int) -> bool:
        """Whether this key opens the user stream now."""
        alive = self.expires_ns is None or now_ns < self.expires_ns
        return bool(key) and key == self.key and alive


@dataclass(slots=True)
class StreamHub:
    """Every open stream socket and what it gets.

    Attributes:
        sent: Stream messages since the last hello, all sockets together.
        closed: Sockets the venue has closed since the last hello.
    """

    sent: int = 0
    closed: int = 0
    _streams: dict[str, list[web.WebSocketResponse]] = field(default_factory=dict)
    _sockets: dict[web.WebSocketResponse, asyncio.Transport | None] = field(default_factory=dict)

    def listeners(self, stream: str) -> int:
        """Return how many sockets get this stream."""
        return len(self._streams.get(stream, ()))

    def sockets(self) -> int:
        """Return how many stream sockets are open."""
        return len(self._sockets)

    def start_counting(self) -> None:
        """Begin the counts of a new client at zero."""
        self.sent = 0
        self.closed = 0

    async def send(self, stream: str, body: bytes) -> None:
        """Send a message to every socket that gets the stream."""
        for socket in tuple(self._streams.get(stream, ())):
            try:
                await socket.send_str(body.decode())
            except ConnectionError:
                # The client went away; its reader notices and takes the socket out.
                continue
            self.sent += 1

    def close_all(self) -> None:
        """Cut every stream socket."""
        for socket in tuple(self._sockets):
            self._cut(socket)

    def close_user_streams(self) -> None:
        """Cut the sockets of the user stream."""
        for socket in tuple(self._streams.get(USER_STREAM, ())):
            self._cut(socket)

    async def serve(
        self, request: web.Request, engine: Engine, first_streams: list[str]
    ) -> web.WebSocketResponse:
        """Serve one stream socket until it closes.

        Args:
            request: The upgrade.
            engine: Where subscriptions begin.
            first_streams: What it gets without asking.
        """
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        self._sockets[socket] = request.transport
        for stream in first_streams:
            self._subscribe(socket, stream, engine)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._answer(socket, frame.data, engine)
        finally:
            self._forget(socket)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, text: str, engine: Engine) -> None:
        wish_id: int | str | None = None
        try:
            wish = msgspec.json.decode(text, type=_Wish)
            wish_id = wish.id
            body: dict[str, object] = {"result": self._obey(socket, wish, engine), "id": wish_id}
        except (msgspec.DecodeError, ValueError) as error:
            body = {"error": {"code": 2, "msg": f"Invalid request: {error}"}, "id": wish_id}
        await socket.send_str(msgspec.json.encode(body).decode())

    def _obey(self, socket: web.WebSocketResponse, wish: _Wish, engine: Engine) -> object:
        if wish.method == "SUBSCRIBE":
            for stream in wish.params:
                self._subscribe(socket, stream, engine)
            return None
        if wish.method == "UNSUBSCRIBE":
            for stream in wish.params:
                members = self._streams.get(stream, [])
                if socket in members:
                    members.remove(socket)
            return None
        if wish.method == "LIST_SUBSCRIPTIONS":
            return [stream for stream, members in self._streams.items() if socket in members]
        raise ValueError(f"unknown method {wish.method}")

    def _subscribe(self, socket: web.WebSocketResponse, stream: str, engine: Engine) -> None:
        if stream != USER_STREAM:
            engine.subscribe(stream)
        members = self._streams.setdefault(stream, [])
        if socket not in members:
            members.append(socket)

    def _cut(self, socket: web.WebSocketResponse) -> None:
        """Close the line under a socket, without the farewell a polite server would send."""
        transport = self._sockets[socket]
        self._forget(socket)
        self.closed += 1
        if transport is not None:
            transport.close()

    def _forget(self, socket: web.WebSocketResponse) -> None:
        self._sockets.pop(socket, None)
        for members in self._streams.values():
            if socket in members:
                members.remove(socket)


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks on a stream socket."""

    method: str
    params: tuple[str, ...] = ()
    id: int | str | None = None
