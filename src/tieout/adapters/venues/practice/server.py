"""The practice venue as a server on loopback: sockets in front, the engine behind.

/fapi/v1|v2|v3/…            REST, answered here or by the engine
/ws, /ws/<stream or key>    streams; subscriptions by message
/public/ws/<n>, /market/ws/<n>
/private/ws?listenKey=…     the user stream
/practice/v1/clock          virtual time
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from tieout.adapters.venues.practice.clock import VenueClock
from tieout.adapters.venues.practice.engine import USER_STREAM, Cut, Engine
from tieout.adapters.venues.practice.faults import QueryTrouble
from tieout.adapters.venues.practice.orders import Refusal
from tieout.adapters.venues.practice.protocol_rest import (
    PATHS,
    Queries,
    WeightMeter,
    check_key,
    required_access,
)
from tieout.adapters.venues.practice.protocol_stream import ListenKey, StreamHub
from tieout.adapters.venues.practice.query_faults import QueryFaults, bent
from tieout.adapters.venues.practice.tape import read_tapes
from tieout.adapters.venues.practice.truth import TruthLog
from tieout.adapters.venues.practice.wire import milliseconds
from tieout.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tieout.adapters.venues.practice.config import PracticeConfig
    from tieout.adapters.venues.practice.engine import Answer
    from tieout.model.columns import MarketColumns

__all__ = ["PracticeServer", "ThreadedServer", "run"]

CLOCK_PATH: Final = "/practice/v1/clock"

_ORDER_PATHS: Final = {"/fapi/v1/order": False, "/fapi/v1/algoOrder": True}
"""Paths whose requests the engine answers, and whether they are conditional."""

_LISTEN_KEY_PATH: Final = "/fapi/v1/listenKey"


class PracticeServer:
    """The practice venue.

    Args:
        config: What it is and assumes.
        market: Trades or bars of its instruments, in any order; read whole at once.

    Raises:
        DataError: The market does not fit the instruments.
    """

    def __init__(self, config: PracticeConfig, market: Iterable[MarketColumns]) -> None:
        self.config = config
        tapes = read_tapes(config.instruments, market, config.end_ns)
        self._truth = TruthLog(config.truth_path)
        self._hub = StreamHub()
        self.engine = Engine(config, tapes, self._hub, self._truth)
        self._clock = VenueClock(self.engine, self._hub)
        self._queries = Queries(self.engine)
        self._weight = WeightMeter(config.weight_per_minute)
        self._listen_key = ListenKey()
        self._cut_requests: set[str] = set()
        self._query_faults = QueryFaults(config.faults)
        self._runner: web.AppRunner | None = None
        self._pacer: asyncio.Task[None] | None = None
        self._port = config.port

    @property
    def port(self) -> int:
        """Where it listens; the one taken, when the configuration says 0."""
        return self._port

    @property
    def http_url(self) -> str:
        """Root of the REST side, without a path."""
        return f"http://{self.config.host}:{self._port}"

    @property
    def stream_url(self) -> str:
        """Root of the stream side as ccxt wants it."""
        return f"ws://{self.config.host}:{self._port}/ws"

    @property
    def clock_url(self) -> str:
        """The clock socket."""
        return f"ws://{self.config.host}:{self._port}{CLOCK_PATH}"

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            ConnectionFailed: The port is taken.
        """
        application = web.Application(client_max_size=1 << 20)
        application.router.add_route("*", "/{path:.*}", self._dispatch)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConnectionFailed(
                f"practice venue: cannot listen on {self.config.host}:{self.config.port} "
                f"({error.strerror}); choose another port, or 0 for any"
            ) from error
        addresses = self._runner.addresses
        assert addresses, "a started site has an address"
        self._port = int(addresses[0][1])
        if self._clock.is_paced:
            self._pacer = asyncio.create_task(self._clock.keep_pace())

    async def stop(self) -> None:
        """Stop listening, cut everyone off and close the truth log.

        Raises:
            Exception: Whatever ended the pacing of time before its end, if something did.
        """
        if self._pacer is not None and not self._pacer.done():
            self._pacer.cancel()
        self._hub.close_all()
        for ticket, waiter in self._clock.waiting.items():
            if not waiter.done():
                waiter.set_result(Cut(ticket))
        if self._runner is not None:
            await self._runner.cleanup()
        self._truth.close()
        if self._pacer is not None:
            with suppress(asyncio.CancelledError):
                await self._pacer

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == CLOCK_PATH:
            return await self._clock.serve(request)
        await self._clock.catch_up()
        if "/ws" in path or request.headers.get("Upgrade"):
            return await self._stream(request)
        if path in _ORDER_PATHS and request.method != "GET":
            return await self._order_request(request)
        if self.engine.is_down:
            return _cut(request)
        if not self._weight.add(_weight_of(request), self.engine.now_ns):
            refusal = Refusal(-1003, "Too many requests; current limit is used up.")
            return self._json(refusal.body(), http_status=429)
        try:
            if path == _LISTEN_KEY_PATH:
                return self._json(self._listen_key_request(request))
            return await self._answered(request)
        except Refusal as refusal:
            return self._json(refusal.body(), http_status=refusal.http_status)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        """Answer a query, as wrongly as the script wants it."""
        fault = self._query_faults.asked(request.path)
        if fault is None:
            return self._json(await self._query(request))
        if fault.trouble is QueryTrouble.CUT:
            return _cut(request)
        if fault.trouble is QueryTrouble.ERROR:
            refusal = Refusal(-1000, "An unknown error occurred while processing the request.")
            return self._json(refusal.body(), http_status=fault.status)
        await asyncio.sleep(float(fault.by_ms) / 1e3)
        return self._json(bent(fault, await self._query(request)))

    async def _query(self, request: web.Request) -> object:
        wanted = PATHS.get((request.method, request.path))
        if wanted is None:
            raise Refusal(
                -5000, f"Path {request.path}, Method {request.method} is invalid", http_status=404
            )
        if not wanted.signed:
            return wanted.answer(self._queries, request.query)
        access = self._required_access(request, await _sent(request))
        return wanted.answer(self._queries, access)

    async def _order_request(self, request: web.Request) -> web.StreamResponse:
        """Give a request on an order to the engine and wait for what it releases."""
        sent = await _sent(request)
        # A client's HTTP library may send a cut DELETE once more by itself; that is no new request.
        is_repeat = request.method + sent in self._cut_requests
        if self.engine.is_down:
            self._cut_requests.add(request.method + sent)
            if not is_repeat:
                self._clock.answers += 1
                self._clock.count_request()
            return _cut(request)
        self._weight.add(1, self.engine.now_ns)
        waiter: asyncio.Future[Answer | Cut] = asyncio.get_running_loop().create_future()
        self._clock.waiting[self._submit(request, sent)] = waiter
        self._clock.count_request()
        release = await waiter
        if isinstance(release, Cut):
            self._cut_requests.add(request.method + sent)
            return _cut(request)
        return web.Response(
            body=release.body,
            status=release.http_status,
            headers=self._headers(),
            content_type="application/json",
        )

    def _submit(self, request: web.Request, sent: str) -> int:
        conditional = _ORDER_PATHS[request.path]
        try:
            parameters = self._required_access(request, sent)
        except Refusal as refusal:
            return self.engine.take_refused(refusal)
        if request.method == "POST":
            return self.engine.take_order(parameters, conditional=conditional)
        if request.method == "DELETE":
            return self.engine.take_cancel(parameters, conditional=conditional)
        return self.engine.take_refused(
            Refusal(-1000, "The practice venue does not amend; cancel and place anew.")
        )

    def _required_access(self, request: web.Request, sent: str) -> dict[str, str]:
        return required_access(
            key=request.headers.get("X-MBX-APIKEY"),
            sent=sent,
            venue_ms=milliseconds(self.engine.now_ns),
            api_key=self.config.api_key,
            api_secret=self.config.api_secret,
        )

    def _listen_key_request(self, request: web.Request) -> object:
        check_key(request.headers.get("X-MBX-APIKEY"), self.config.api_key)
        known = self._listen_key
        now_ns = self.engine.now_ns
        alive = known.is_valid(known.key, now_ns)
        if request.method == "POST":
            if not alive:
                known.issued += 1
                name = f"{self.config.api_key}:{known.issued}"
                known.key = hashlib.sha256(name.encode()).hexdigest()
            self._renew_listen_key()
            return {"listenKey": known.key}
        if request.method not in {"PUT", "DELETE"}:
            raise Refusal(-5000, f"Path {request.path}, Method {request.method} is invalid")
        if not alive:
            raise Refusal(-1125, "This listenKey does not exist.")
        if request.method == "DELETE":
            known.key = ""
            self._hub.close_user_streams()
            return {}
        self._renew_listen_key()
        return {"listenKey": known.key}

    def _renew_listen_key(self) -> None:
        life_ns = self.config.listen_key_life_ns
        if life_ns is None:
            return
        self._listen_key.expires_ns = self.engine.now_ns + life_ns
        self.engine.at(self._listen_key.expires_ns, self._expire_listen_key)

    def _expire_listen_key(self) -> None:
        known = self._listen_key
        if known.expires_ns is None or self.engine.now_ns < known.expires_ns or not known.key:
            return
        self.engine.end_user_stream({"e": "listenKeyExpired", "E": 0, "listenKey": known.key})
        known.key = ""

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.engine.is_down:
            return _cut(request)
        if self.engine.refuses_streams:
            return web.Response(status=503)
        first_streams: list[str] = []
        listen_key = request.query.get("listenKey")
        tail = request.path.rpartition("/ws")[2].strip("/")
        if listen_key is None and self._listen_key.is_valid(tail, self.engine.now_ns):
            listen_key = tail
        if listen_key is not None:
            if not self._listen_key.is_valid(listen_key, self.engine.now_ns):
                return web.Response(status=401)
            first_streams.append(USER_STREAM)
        elif "@" in tail:
            first_streams.append(tail)
        return await self._hub.serve(request, self.engine, first_streams)

    def _headers(self) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(self._weight.used)}

    def _json(self, body: object, *, http_status: int = 200) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(body),
            status=http_status,
            headers=self._headers(),
            content_type="application/json",
        )


class ThreadedServer:
    """A practice venue in a thread of its own, for tests and for runs in one process.

    A context manager: `with ThreadedServer(config, market) as venue:` gives the server, listening,
    and stops it at the end.

    Args:
        config: What the venue is and assumes.
        market: Trades or bars of its instruments.

    Raises:
        DataError: The market does not fit the instruments.
        ConnectionFailed: On entering, the port is taken.
    """

    def __init__(self, config: PracticeConfig, market: Iterable[MarketColumns]) -> None:
        self.server = PracticeServer(config, market)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="practice venue")

    def __enter__(self) -> PracticeServer:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return self.server

    def __exit__(self, *_: object) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result()
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def run(
    config: PracticeConfig,
    market: Iterable[MarketColumns],
    on_ready: Callable[[PracticeServer], None],
) -> None:
    """Serve until the process is told to stop; `on_ready` is called once it listens.

    Raises:
        ConnectionFailed: The port is taken.
        DataError: The market does not fit the instruments.
    """
    asyncio.run(_serve(PracticeServer(config, market), on_ready))


async def _serve(server: PracticeServer, on_ready: Callable[[PracticeServer], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    try:
        on_ready(server)
        await stopped.wait()
    finally:
        await server.stop()


async def _sent(request: web.Request) -> str:
    """Return query and form as they came, joined: what a signature covers."""
    query = request.raw_path.partition("?")[2]
    form = await request.text()
    return f"{query}&{form}" if query and form else query + form


def _weight_of(request: web.Request) -> int:
    path = PATHS.get((request.method, request.path))
    return 1 if path is None else path.weight


def _cut(request: web.Request) -> web.Response:
    """Close the connection under a request; what is returned never leaves."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=503)
