"""The client library, tamed: one address only, our clock, our limiter, raw messages.

ccxt is imported inside `make_client` because it is an optional extra and takes seconds to load. Its
package files stay untouched; what we need otherwise is overridden in the subclass made here.
"""

# ruff: noqa: ANN401 - the library has no types.

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from tieout.adapters.venues.exchange.decode import Unreadable
from tieout.adapters.venues.exchange.outcomes import RequestFailed, RequestRecord
from tieout.adapters.venues.exchange.rates import RequestKind
from tieout.errors import SettingsError, TieoutError, VenueError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from tieout.adapters.venues.exchange.traffic import ClientHooks

__all__ = [
    "ExchangeClient",
    "MillisecondClock",
    "current_request",
    "import_library",
    "is_loopback",
    "make_client",
    "refuse_leaks",
    "replaced_addresses",
]

_FUTURES_PREFIX = "https://fapi.binance.com/"
"""The library knows the futures error codes only under this address."""

_HARD_TIMEOUT_MS = 600_000
"""Where our own time-out runs on another clock, the library's is only a last resort."""

_NOWHERE = "/no-such-service"
"""Path of every service that is not USD-M futures: asked by mistake, it is not found."""

current_request: ContextVar[RequestRecord | None] = ContextVar("current_request", default=None)
"""The record of the request that the running task is making."""


class MillisecondClock(Protocol):
    """The part of a clock that requests need."""

    def now_ns(self) -> int:
        """Return the time now."""


class ExchangeClient(Protocol):
    """What the gateway uses of the client library."""

    urls: dict[str, Any]
    markets: dict[str, Any]
    timeout: int

    async def load_markets(self) -> dict[str, Any]:
        """Read the venue's rules."""

    def create_order(
        self,
        symbol: str,
        type: str,  # noqa: A002 - the library's word
        side: str,
        amount: str,
        price: str | None,
        params: dict[str, Any],
    ) -> Awaitable[dict[str, Any]]:
        """Send an order."""

    def amount_to_precision(self, symbol: str, amount: str) -> str:
        """Return an amount as the library would send it."""

    def price_to_precision(self, symbol: str, price: str) -> str:
        """Return a price as the library would send it."""

    async def call(self, section: str, method: str, path: str, /, **params: object) -> Any:
        """Make one request and return the decoded answer.

        Raises:
            RequestFailed: No answer, or one that says no.
        """

    async def subscribe(self, category: str, streams: list[str]) -> str:
        """Open a market stream, wait until the venue confirms, return its address."""

    async def listen(self, listen_key: str) -> str:
        """Open the user stream and return its address."""

    async def drop(self, url: str) -> None:
        """Close a stream without telling anybody."""

    async def close(self) -> None:
        """Close everything."""


def is_loopback(url: str) -> bool:
    """Whether an address can only mean this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def make_client(
    base_url: str,
    ws_url: str,
    key: str,
    secret: str,
    clock: MillisecondClock,
    *,
    hooks: ClientHooks,
    recv_window_ms: int = 5_000,
) -> ExchangeClient:
    """Return a ccxt.pro `binanceusdm` that talks to one venue only, on our clock.

    Args:
        base_url: REST address without a path.
        ws_url: Stream address ending in `/ws`.
        key: API key; empty for public data only.
        secret: API secret.
        clock: Stamps requests.
        hooks: Counts, limits and receives.
        recv_window_ms: How long after its timestamp the venue may take a request.

    Raises:
        SettingsError: The extra is not installed; or the venue is on this machine and some address
            of the library would still lead elsewhere.
    """
    rehearsal = is_loopback(base_url)
    streaming = {"keepAlive": 0, "compress": 0} if rehearsal else {}
    client = _subclass(import_library())(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "timeout": _HARD_TIMEOUT_MS if rehearsal else 15_000,
            "options": {
                "fetchCurrencies": False,
                "recvWindow": recv_window_ms,
                "ws": streaming,
            },
        }
    )
    client.has["fetchCurrencies"] = False
    client.timeout_on_exit = 0 if rehearsal else 250
    client.tieout_clock = clock
    client.tieout_hooks = hooks
    client.tieout_hosts = frozenset({urlsplit(base_url).netloc, urlsplit(ws_url).netloc})
    client.urls["api"] = replaced_addresses(client.urls["api"], base_url, ws_url)
    # Other sets of addresses could be switched to; there is nothing to switch to.
    for name in ("test", "demo"):
        client.urls.pop(name, None)
    if rehearsal:
        refuse_leaks(client.urls["api"], hostname=client.hostname or "")
    typed: ExchangeClient = client
    return typed


def import_library() -> Any:
    """Import the client library, which takes seconds, and return its class.

    Raises:
        SettingsError: The extra is not installed.
    """
    try:
        from ccxt.pro import binanceusdm  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise SettingsError(
            "trading at an exchange needs ccxt; install it with: pip install 'tieout[live]'"
        ) from error
    return binanceusdm


def replaced_addresses(addresses: Mapping[str, Any], base_url: str, ws_url: str) -> dict[str, Any]:
    """Return the library's tree of addresses with every leaf on our venue."""
    return {
        name: (
            _stream_leaves(leaf, ws_url)
            if isinstance(leaf, dict)
            else base_url + _PATHS.get(name, _NOWHERE)
        )
        for name, leaf in addresses.items()
    }


def refuse_leaks(addresses: Mapping[str, Any], *, hostname: str) -> None:
    """Check that no address leads off this machine.

    Raises:
        SettingsError: One does.
    """
    for name, leaf in _leaves(addresses, ""):
        address = leaf.replace("{hostname}", hostname)
        if not is_loopback(address):
            raise SettingsError(
                f"urls.api{name} is {address}, which is not on this machine; a rehearsal must not "
                "reach a real exchange, so give loopback addresses for base_url and ws_url"
            )


_PATHS = {
    "fapiPublic": "/fapi/v1",
    "fapiPrivate": "/fapi/v1",
    "fapiPublicV2": "/fapi/v2",
    "fapiPrivateV2": "/fapi/v2",
    "fapiPublicV3": "/fapi/v3",
    "fapiPrivateV3": "/fapi/v3",
    "fapiData": "/futures/data",
}


def _stream_leaves(tree: Mapping[str, Any], ws_url: str) -> dict[str, Any]:
    return {
        name: _stream_leaves(leaf, ws_url) if isinstance(leaf, dict) else ws_url
        for name, leaf in tree.items()
    }


def _leaves(tree: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, leaf in tree.items():
        if isinstance(leaf, dict):
            yield from _leaves(leaf, f"{path}.{name}")
        else:
            yield f"{path}.{name}", str(leaf)


def _kind_of(path: str, method: str) -> RequestKind:
    if path not in ("order", "algoOrder") or method == "GET":
        return RequestKind.QUERY
    return RequestKind.CANCEL if method == "DELETE" else RequestKind.ORDER


def _subclass(library_class: Any) -> Any:  # noqa: C901 - a class in a function
    """Return the library's class with what we override; made here since it is imported late."""

    class TieoutClient(library_class):  # type: ignore[misc]
        """See the module."""

        tieout_clock: MillisecondClock
        tieout_hooks: ClientHooks
        tieout_hosts: frozenset[str]
        tieout_requests = 0

        # -- our clock ------------------------------------------------------------------------

        def milliseconds(self) -> int:
            return self.tieout_clock.now_ns() // 1_000_000

        def seconds(self) -> int:
            return self.tieout_clock.now_ns() // 1_000_000_000

        def microseconds(self) -> int:
            return self.tieout_clock.now_ns() // 1_000

        def ws_dial_delay(self, url: str) -> float:
            # The library would wait in real time; our own back-off follows our clock.
            del url
            return 0.0

        # -- requests -------------------------------------------------------------------------

        def open(self, *arguments: Any, **named: Any) -> None:
            super().open(*arguments, **named)
            # aiohttp repeats a DELETE on a cut connection by itself; we decide what is repeated.
            self.session._retry_connection = False  # noqa: SLF001 - there is no public switch

        async def call(self, section: str, method: str, path: str, /, **params: object) -> Any:
            record = RequestRecord()
            before = current_request.set(record)
            try:
                return await self.request(path, [section], method, params)
            except TieoutError:
                raise
            except Exception as error:
                raise RequestFailed(f"{method} {path}", record, error) from error
            finally:
                current_request.reset(before)

        async def fetch2(
            self, path: str, api: Any = None, method: str = "GET", params: Any = None, *rest: Any
        ) -> Any:
            limiter = self.tieout_hooks.limiter
            if limiter is not None:
                # Before signing: a request that waited would carry a stale timestamp.
                await limiter.admit(_kind_of(path, method))
            return await super().fetch2(path, api, method, params or {}, *rest)

        async def fetch(
            self, url: str, method: str = "GET", headers: Any = None, body: Any = None
        ) -> Any:
            self._refuse_stranger(url)
            path = urlsplit(url).path.rpartition("/")[2]
            if _kind_of(path, method) is RequestKind.QUERY:
                return await super().fetch(url, method, headers, body)
            return await self._fetch_order(url, method, headers, body)

        async def _fetch_order(self, url: str, method: str, headers: Any, body: Any) -> Any:
            from aiohttp import ClientConnectorError  # noqa: PLC0415 - of an extra

            traffic = self.tieout_hooks.traffic
            record = current_request.get() or RequestRecord()
            record.sent = True
            number = traffic.request_sent()
            try:
                answer = await super().fetch(url, method, headers, body)
            except Exception as error:
                if isinstance(error.__cause__, ClientConnectorError):
                    record.unreachable = True
                    await traffic.request_lost(number)
                else:
                    await traffic.answer_seen(number)
                raise
            except asyncio.CancelledError:
                traffic.forget()
                raise
            await traffic.answer_seen(number)
            return answer

        def on_rest_response(
            self, code: int, reason: str, url: str, method: str, headers: Any, *rest: Any
        ) -> Any:
            limiter = self.tieout_hooks.limiter
            if limiter is not None:
                limiter.observe(code, headers)
            return super().on_rest_response(code, reason, url, method, headers, *rest)

        def handle_errors(self, code: int, reason: str, url: str, *rest: Any) -> Any:
            _, _, body, answer, *_ = rest
            record = current_request.get()
            if record is not None:
                record.status = code
                if code >= 400:
                    record.text = str(body)[:500]
                    if isinstance(answer, dict):
                        record.code = _integer(answer.get("code"))
            return super().handle_errors(code, reason, url, *rest)

        def get_exceptions_by_url(self, url: str, exactOrBroad: str) -> Any:  # noqa: N803 - theirs
            del url
            return super().get_exceptions_by_url(_FUTURES_PREFIX, exactOrBroad)

        # -- streams --------------------------------------------------------------------------

        def client(self, url: str) -> Any:
            self._refuse_stranger(url)
            stream = super().client(url)
            if not hasattr(stream, "tieout_ended"):
                stream.tieout_ended = False
                stream.handle_text_or_binary_message = partial(
                    self._decode, stream, stream.handle_text_or_binary_message
                )
            return stream

        def _decode(self, stream: Any, decode: Callable[[Any], None], frame: Any) -> None:
            try:
                decode(frame)
            except Exception as error:  # noqa: BLE001 - it would end the library's receive loop
                self._garbled(stream, f"{type(error).__name__}: {error}", frame)

        def _garbled(self, stream: Any, why: str, frame: Any) -> None:
            self.tieout_hooks.traffic.message_seen()
            self.tieout_hooks.on_message(stream.url, Unreadable(f"{why}: {str(frame)[:200]!r}"))

        async def subscribe(self, category: str, streams: list[str]) -> str:
            url: str = self.get_ws_url("linear", category)
            self.tieout_requests += 1
            number = self.tieout_requests
            message = {"method": "SUBSCRIBE", "params": streams, "id": number}
            await self.watch(url, str(number), message, str(number))
            return url

        async def listen(self, listen_key: str) -> str:
            url: str = self.get_private_ws_url("linear", listen_key)
            stream = self.client(url)
            # The library settles `connected` only on success, and rejects futures on failure.
            failed = stream.future("dial")
            connected = stream.connect(self.session)
            await asyncio.wait({connected, failed}, return_when=asyncio.FIRST_COMPLETED)
            if not connected.done():
                failed.result()
            del stream.futures["dial"]
            failed.cancel()
            return url

        async def drop(self, url: str) -> None:
            stream = self.clients.pop(url, None)
            if stream is not None:
                stream.tieout_ended = True
                await stream.close()

        def handle_message(self, client: Any, message: Any) -> None:
            if not isinstance(message, dict):
                self._garbled(client, "not an object", message)
                return
            if "id" in message and "e" not in message:
                self._acknowledge(client, message)
                return
            self.tieout_hooks.traffic.message_seen()
            self.tieout_hooks.on_message(client.url, message)

        def on_error(self, client: Any, error: Any) -> None:
            dialling = client.dial_failed
            super().on_error(client, error)
            if not dialling:
                self._ended(client, str(error) or type(error).__name__)

        def on_close(self, client: Any, error: Any) -> None:
            super().on_close(client, error)
            self._ended(client, f"closed with code {error}")

        def _ended(self, client: Any, reason: str) -> None:
            if client.tieout_ended or not client.isConnected:
                return
            client.tieout_ended = True
            if self.clients.get(client.url) is client:
                del self.clients[client.url]
            self.tieout_hooks.traffic.close_seen()
            self.tieout_hooks.on_closed(client.url, reason)

        def _acknowledge(self, client: Any, message: Any) -> None:
            number = str(message["id"])
            if message.get("error") is None:
                client.resolve(message, number)
            else:
                client.reject(VenueError(f"subscription refused: {message['error']}"), number)

        def _refuse_stranger(self, url: str) -> None:
            if urlsplit(url).netloc not in self.tieout_hosts:
                raise SettingsError(
                    f"{url} is not an address of this venue "
                    f"({', '.join(sorted(self.tieout_hosts))}); the gateway connects nowhere else"
                )

    return TieoutClient


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
