"""A small venue in real time, scripted by a test; it can be ruder than the practice venue."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRY = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1569398400000,
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 1,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "orderTypes": ["LIMIT", "MARKET", "STOP_MARKET"],
    "timeInForce": ["GTC", "IOC"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "9e9", "tickSize": "0.1"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "9", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}


class FakeVenue:
    """Runs in a thread; use as a context manager.

    `answers[method, path]` is JSON to answer, a (status, JSON) pair, or a function of the
    request's parameters that returns one of these. What is not there is answered 404 with the
    venue's "no such order".
    """

    def __init__(self, *, clock_ahead_ms: int = 0) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.answers: dict[tuple[str, str], Any] = {
            ("GET", "time"): lambda _: {"serverTime": time.time_ns() // 1_000_000 + clock_ahead_ms},
            ("GET", "exchangeInfo"): {"symbols": [ENTRY]},
            ("GET", "premiumIndex"): {"symbol": "BTCUSDT", "markPrice": "42000.04000000"},
            ("GET", "positionSide/dual"): {"dualSidePosition": False},
            ("GET", "multiAssetsMargin"): {"multiAssetsMargin": False},
            ("GET", "account"): {"assets": [{"asset": "USDT", "walletBalance": "1000"}]},
            ("GET", "positionRisk"): [],
            ("POST", "listenKey"): {"listenKey": "abc"},
            ("PUT", "listenKey"): {},
            ("GET", "klines"): [],
            ("GET", "aggTrades"): [],
            ("GET", "openOrders"): [],
            ("GET", "allOrders"): [],
            ("GET", "userTrades"): [],
            ("GET", "income"): [],
        }
        self.sockets: dict[str, list[web.WebSocketResponse]] = {"market": [], "user": []}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake venue")
        self._runner: web.AppRunner

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def __enter__(self) -> FakeVenue:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def push(self, stream: str, message: object) -> None:
        """Send a message on the newest socket of a stream; text goes out as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        self._do(self.sockets[stream][-1].send_str(text))

    def hang_up(self, stream: str) -> None:
        """Close the newest socket of a stream."""
        self._do(self.sockets[stream][-1].close())

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._dispatch)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        for sockets in self.sockets.values():
            for socket in sockets:
                await socket.close()
        await self._runner.cleanup()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade") and "/ws" in request.path:
            return await self._stream(request)
        parts = request.path.split("/", 3)
        path = parts[3] if len(parts) > 3 else request.path
        sent = dict(request.query) | {k: str(v) for k, v in (await request.post()).items()}
        self.asked.append((request.method, path, sent))
        answer = self.answers.get(
            (request.method, path), (404, {"code": -2013, "msg": "Order does not exist."})
        )
        if callable(answer):
            answer = answer(sent)
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets["user" if "listenKey" in request.query else "market"].append(socket)
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                await socket.send_json({"result": None, "id": json.loads(frame.data)["id"]})
        return socket


def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait in real time for what another thread does."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)
