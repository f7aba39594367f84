"""The client library: one address only, our clock in it, errors as the real venue means them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tieout.adapters.clocks import Turns
from tieout.adapters.venues.exchange.client import (
    is_loopback,
    make_client,
    refuse_leaks,
    replaced_addresses,
)
from tieout.adapters.venues.exchange.traffic import ClientHooks, Traffic
from tieout.errors import SettingsError

ccxt = pytest.importorskip("ccxt", reason="the extra `live` is not installed")

BASE = "http://127.0.0.1:1"
STREAMS = "ws://127.0.0.1:1/ws"


class Fixed:
    """A clock that shows one time."""

    def now_ns(self) -> int:
        return 1_700_000_000_123_456_789


@pytest.fixture(scope="module")
def client() -> Any:
    hooks = ClientHooks(Traffic(Turns(one_at_a_time=False)))
    return make_client(BASE, STREAMS, "key", "secret", Fixed(), hooks=hooks)


def leaves(tree: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for leaf in tree.values():
        found += leaves(leaf) if isinstance(leaf, dict) else [leaf]
    return found


def test_importing_the_gateway_does_not_import_the_library() -> None:
    program = (
        "import sys, tieout.adapters.venues.exchange; "
        "print([name for name in ('ccxt', 'aiohttp', 'numba') if name in sys.modules])"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"


def test_every_address_of_the_library_is_on_our_venue(client: Any) -> None:
    addresses = leaves(client.urls["api"])

    assert len(addresses) > 25
    assert {address for address in addresses if not is_loopback(address)} == set()
    assert client.urls["api"]["fapiPrivateV3"] == BASE + "/fapi/v3"
    assert client.urls["api"]["sapi"] == BASE + "/no-such-service"
    assert client.urls["api"]["ws"]["ws-api"]["spot"] == STREAMS


def test_a_rehearsal_with_one_address_elsewhere_is_refused() -> None:
    addresses = replaced_addresses({"fapiPublic": "x", "ws": {"linear": "y"}}, BASE, STREAMS)
    addresses["ws"]["linear"] = "wss://fstream.{hostname}/ws"

    with pytest.raises(SettingsError, match=r"ws\.linear is wss://fstream\.binance\.com/ws"):
        refuse_leaks(addresses, hostname="binance.com")


def test_streams_elsewhere_are_refused_when_the_base_is_here() -> None:
    hooks = ClientHooks(Traffic(Turns(one_at_a_time=False)))

    with pytest.raises(SettingsError, match="not on this machine"):
        make_client(BASE, "wss://fstream.binance.com/ws", "", "", Fixed(), hooks=hooks)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://127.9.9.9", True),
        ("ws://[::1]:1/ws", True),
        ("http://localhost:1", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example/", False),
        ("https://fapi.binance.com", False),
        ("http://0.0.0.0", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(url: str, here: bool) -> None:
    assert is_loopback(url) is here


def test_requests_are_stamped_with_our_clock(client: Any) -> None:
    assert client.milliseconds() == client.nonce() == 1_700_000_000_123
    assert client.seconds() == 1_700_000_000
    signed = client.sign("order", ["fapiPrivate"], "GET", {"symbol": "BTCUSDT"})
    assert "timestamp=1700000000123&" in signed["url"].replace("symbol=BTCUSDT&", "")
    assert "recvWindow=5000" in signed["url"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (-2019, "InsufficientFunds"),
        (-5022, "OrderNotFillable"),
        (-2021, "OrderImmediatelyFillable"),
        (-1021, "InvalidNonce"),
    ],
)
def test_futures_error_codes_mean_the_same_on_loopback(client: Any, code: int, error: str) -> None:
    body = f'{{"code":{code},"msg":"words"}}'

    with pytest.raises(getattr(ccxt, error)):
        client.handle_errors(
            400,
            "Bad",
            BASE + "/fapi/v1/order",
            "POST",
            {},
            body,
            {"code": code, "msg": "words"},
            {},
            "",
        )


def test_the_gateway_connects_nowhere_else(client: Any) -> None:
    with pytest.raises(SettingsError, match="connects nowhere else"):
        client.client("wss://stream.binance.com/ws")


def test_reconnecting_never_waits_in_real_time(client: Any) -> None:
    client.ws_dial_backoff = {STREAMS: {"attempts": 9, "until": 2**60}}

    assert client.ws_dial_delay(STREAMS) == 0.0
