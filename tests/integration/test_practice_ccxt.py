"""The real, unmodified ccxt client against the practice venue, and the clock socket itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.practice.builders import BTC, MINUTE, MS, SECOND, START, a_config, trades
from tieout.adapters.venues.practice import PracticeServer, ThreadedServer, load_faults
from tieout.errors import ConnectionFailed, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

aiohttp = pytest.importorskip("aiohttp", reason="the live extra is not installed")
ccxt = pytest.importorskip("ccxt.pro", reason="the live extra is not installed")

SYMBOL = BTC.symbol
MARKET = trades(*[(number * 0.5 - 120, 1_000_000 + number % 7) for number in range(1, 1440)])
"""Two prints a second, from two minutes before the start to ten minutes after."""

QUIET = {"funding_rule": "none", "slippage_bps": Decimal(0), "end_ns": START + 10 * MINUTE}


def loopback_urls(exchange: Any, venue: PracticeServer) -> Any:
    """Return ccxt's addresses with every leaf on the venue, so that nothing can leak out."""

    def moved(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {name: moved(branch) for name, branch in tree.items()}
        return venue.http_url + "/elsewhere"

    api = moved(exchange.urls["api"])
    for version in ("", "V2", "V3"):
        path = venue.http_url + f"/fapi/v{version[1:] or 1}"
        api |= {f"fapiPublic{version}": path, f"fapiPrivate{version}": path}
    api["ws"]["linear"] = venue.stream_url
    return {"api": api}


@dataclass
class Client:
    """ccxt, and the clock socket beside it."""

    venue: PracticeServer
    exchange: Any
    session: Any
    clock: Any
    sent: int = 0
    now_ns: int = START
    tasks: list[Any] = field(default_factory=list)

    async def ask(self, **wish: Any) -> Any:
        await self.clock.send_str(json.dumps(wish))
        answer = await asyncio.wait_for(self.clock.receive_json(), 10)
        self.now_ns = answer.get("now_ns", self.now_ns)
        return answer

    async def advance(self, until_s: float | None = None) -> Any:
        until_ns = None if until_s is None else START + round(until_s * SECOND)
        answer = await self.ask(op="advance", until_ns=until_ns, requests=self.sent)
        # ccxt reads the clock of this machine; the venue's runs by itself.
        await self.exchange.load_time_difference()
        return answer

    async def run(self, until_s: float) -> Any:
        while True:
            answer = await self.advance(until_s)
            if answer["now_ns"] >= START + round(until_s * SECOND):
                return answer

    def issue(self, call: Awaitable[Any]) -> asyncio.Future[Any]:
        """Issue an order request; its answer comes when time has passed."""
        self.sent += 1
        return asyncio.ensure_future(call)

    async def order(self, side: str = "buy", amount: float = 0.01, **parameters: Any) -> Any:
        price = parameters.pop("price", None)
        kind = "market" if price is None else "limit"
        call = self.exchange.create_order(SYMBOL, kind, side, amount, price, parameters)
        answer = self.issue(call)
        await self.run((self.now_ns - START) / SECOND + 0.05)
        return await asyncio.wait_for(answer, 10)

    def watch(self, call: Callable[[], Awaitable[Any]]) -> list[Any]:
        """Collect what a watch call gives, until it raises; the error comes last."""
        seen: list[Any] = []

        async def collect() -> None:
            try:
                while True:
                    # A snapshot of positions may be empty.
                    seen.extend((await call())[-1:])
            except ccxt.BaseError as error:
                seen.append(error)

        self.tasks.append(asyncio.create_task(collect()))
        return seen


@asynccontextmanager
async def a_client(venue: PracticeServer, **settings: Any) -> AsyncIterator[Client]:
    # By an instance, never by the class: describe() is what a user's copy has too.
    addresses = loopback_urls(ccxt.binanceusdm(), venue)
    exchange = ccxt.binanceusdm(
        {
            "apiKey": venue.config.api_key,
            "secret": venue.config.api_secret,
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False},
            "urls": addresses,
        }
        | settings
    )
    session = aiohttp.ClientSession()
    client = Client(venue, exchange, session, await session.ws_connect(venue.clock_url))
    try:
        await client.ask(op="hello")
        await exchange.load_time_difference()
        await exchange.load_markets()
        yield client
    finally:
        for task in client.tasks:
            task.cancel()
        await asyncio.gather(*client.tasks, return_exceptions=True)
        await exchange.close()
        await client.clock.close()
        await session.close()


@asynccontextmanager
async def a_venue(script: str = "[]", **settings: Any) -> AsyncIterator[PracticeServer]:
    config = a_config(**(QUIET | {"faults": load_faults(script)} | settings))
    venue = PracticeServer(config, [MARKET])
    await venue.start()
    try:
        yield venue
    finally:
        await venue.stop()


def against(
    scenario: Callable[[Client], Awaitable[None]], script: str = "[]", **settings: Any
) -> None:
    """Run a scenario with one client on one venue in lock-step."""

    async def both() -> None:
        async with a_venue(script, **settings) as venue, a_client(venue) as client:
            await scenario(client)

    asyncio.run(both())


async def until(ready: Callable[[], object]) -> None:
    """Wait until what was sent over a socket has been read on this side."""
    async with asyncio.timeout(10):
        while not ready():
            await asyncio.sleep(0.002)


class TestCalls:
    def test_every_query_of_the_client_is_answered(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            market = exchange.market(SYMBOL)
            assert (market["precision"]["amount"], market["precision"]["price"]) == (0.001, 0.1)
            assert market["limits"]["cost"]["min"] == 5
            assert market["active"]

            candles = await exchange.fetch_ohlcv(SYMBOL, "1m")
            assert [candle[0] for candle in candles] == [
                (START - 2 * MINUTE) // MS,
                (START - MINUTE) // MS,
                START // MS,
            ]
            since = (START - MINUTE) // MS
            assert len(await exchange.fetch_ohlcv(SYMBOL, "1m", since, 1)) == 1

            prints = await exchange.fetch_trades(SYMBOL, limit=3)
            assert [each["timestamp"] for each in prints] == [
                (START - 1000 * MS) // MS,
                (START - 500 * MS) // MS,
                START // MS,
            ]
            book = await exchange.fetch_order_book(SYMBOL, 5)
            assert round(book["asks"][0][0] - book["bids"][0][0], 1) == 0.2
            assert (await exchange.fetch_balance())["USDT"]["total"] == 10_000
            assert await exchange.fetch_positions() == []
            rate = await exchange.fetch_funding_rate(SYMBOL)
            assert rate["fundingRate"] == 0.0001
            assert await exchange.fetch_funding_rate_history(SYMBOL) == []
            assert await exchange.fetch_open_orders(SYMBOL) == []
            assert await exchange.fetch_open_orders(SYMBOL, params={"trigger": True}) == []
            assert await exchange.fetch_orders(SYMBOL) == []
            assert await exchange.fetch_my_trades(SYMBOL) == []
            assert await exchange.fetch_funding_history(SYMBOL) == []
            assert await exchange.fetch_ledger("USDT") == []
            fee = await exchange.fetch_trading_fee(SYMBOL)
            assert (fee["maker"], fee["taker"]) == (0.0002, 0.0004)
            assert (await exchange.set_leverage(5, SYMBOL))["leverage"] == 5
            with pytest.raises(ccxt.MarginModeAlreadySet):
                await exchange.set_margin_mode("cross", SYMBOL)
            assert (await exchange.fetch_position_mode(SYMBOL))["hedged"] is False
            assert SYMBOL in await exchange.fetch_leverage_tiers([SYMBOL])
            assert (await exchange.fetch_leverage(SYMBOL))["longLeverage"] == 5
            assert await exchange.fetch_time() == START // MS
            assert (await exchange.fetch_bids_asks([SYMBOL]))[SYMBOL]["bid"] > 0

        against(scenario)

    def test_an_order_lives_on_rest_and_on_the_streams(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            orders = client.watch(exchange.watch_orders)
            fills = client.watch(exchange.watch_my_trades)
            prints = client.watch(lambda: exchange.watch_trades(SYMBOL))
            candles = client.watch(lambda: exchange.watch_ohlcv(SYMBOL, "1m"))
            positions = client.watch(exchange.watch_positions)
            await until(lambda: client.venue._hub.sockets() == 3)

            placed = await client.order(clientOrderId="mine")
            await client.run(61)

            assert (placed["status"], placed["clientOrderId"]) == ("open", "mine")
            # ccxt gives one list for all that came together, so states may be skipped, not lost.
            await until(lambda: orders and orders[-1]["status"] == "closed")
            assert orders[-1]["clientOrderId"] == "mine"
            await until(lambda: fills)
            assert fills[0]["order"] == placed["id"]
            assert fills[0]["takerOrMaker"] == "taker"
            await until(lambda: candles)
            assert candles[-1][0] == START // MS
            await until(lambda: len(prints) > 50)
            await until(lambda: positions)
            assert positions[-1]["contracts"] == 0.01

            told = await exchange.fetch_order(placed["id"], SYMBOL)
            assert (told["status"], told["filled"]) == ("closed", 0.01)
            trade = (await exchange.fetch_my_trades(SYMBOL))[0]
            assert trade["fee"]["cost"] == round(0.0004 * 0.01 * trade["price"], 8)
            position = (await exchange.fetch_positions([SYMBOL]))[0]
            assert (position["side"], position["entryPrice"]) == ("long", trade["price"])
            balance = (await exchange.fetch_balance())["USDT"]["total"]
            assert abs(balance - 10_000) < 1

        against(scenario)

    def test_a_limit_order_is_found_open_and_cancelled(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            placed = await client.order(price=90_000.1, clientOrderId="low")
            found = await exchange.fetch_open_orders(SYMBOL)
            cancel = client.issue(exchange.cancel_order(placed["id"], SYMBOL))
            await client.run(1)

            assert [(each["id"], each["price"]) for each in found] == [(placed["id"], 90_000.1)]
            assert (await cancel)["status"] == "canceled"
            assert await exchange.fetch_open_orders(SYMBOL) == []
            by_name = {"origClientOrderId": "low"}
            assert (await exchange.fetch_order("", SYMBOL, by_name))["status"] == "canceled"

        against(scenario)

    def test_a_stop_goes_through_the_algo_service_and_keeps_its_id(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            orders = client.watch(exchange.watch_orders)
            await until(lambda: client.venue._hub.sockets() == 1)
            await client.run(1.3)

            far = await client.order(triggerPrice=200_000.0, clientOrderId="far")
            near = await client.order(triggerPrice=100_000.6, clientOrderId="near")
            waiting = await exchange.fetch_open_orders(SYMBOL, params={"trigger": True})
            assert [each["clientOrderId"] for each in waiting] == ["far", "near"]
            assert far["triggerPrice"] == 200_000
            await client.run(10)

            told = await exchange.fetch_order(near["id"], SYMBOL, {"trigger": True})
            assert told["status"] == "closed"
            real = await exchange.fetch_order("", SYMBOL, {"origClientOrderId": "near"})
            assert (real["status"], real["id"]) == ("closed", told["info"]["actualOrderId"])
            cancel = client.issue(exchange.cancel_order(far["id"], SYMBOL, {"trigger": True}))
            await client.run(11)
            assert (await cancel)["info"]["msg"] == "success"
            await until(lambda: orders[-1]["clientOrderId"] == "far")
            assert orders[-1]["status"] == "canceled"

        against(scenario)

    def test_the_order_book_stream_follows_its_snapshot(self) -> None:
        async def scenario(client: Client) -> None:
            books: list[Any] = []

            async def collect() -> None:
                while True:
                    book = await client.exchange.watch_order_book(SYMBOL)
                    books.append((book["bids"][0][0], book["asks"][0][0], len(book["bids"])))

            client.tasks.append(asyncio.create_task(collect()))
            await until(lambda: client.venue._hub.sockets() == 1)
            await until(lambda: books)
            await client.run(3)

            await until(lambda: len(books) >= 5)
            assert all(round(ask - bid, 1) == 0.2 and levels == 1 for bid, ask, levels in books)

        against(scenario)


class TestErrors:
    def test_a_wrong_secret_and_a_wrong_key_are_refused(self) -> None:
        async def scenario(client: Client) -> None:
            client.exchange.secret = "wrong"
            with pytest.raises(ccxt.AuthenticationError, match="-1022"):
                await client.exchange.fetch_balance()
            client.exchange.apiKey = "wrong"
            with pytest.raises(ccxt.AuthenticationError, match="-2015"):
                await client.exchange.fetch_balance()

        against(scenario)

    def test_a_clock_that_is_off_is_refused_and_measuring_it_helps(self) -> None:
        async def scenario(client: Client) -> None:
            for off_ms, words in ((30_000, "ahead"), (-30_000, "recvWindow")):
                client.exchange.options["timeDifference"] -= off_ms
                with pytest.raises(ccxt.InvalidNonce, match=words):
                    await client.exchange.fetch_balance()
                await client.exchange.load_time_difference()
                await client.exchange.fetch_balance()

        against(scenario)

    def test_refusals_reach_the_client_as_its_own_errors(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            await client.run(1)
            with pytest.raises(ccxt.ExchangeError, match="-2019"):
                await client.order(amount=1000)
            with pytest.raises(ccxt.BaseError, match="-2021"):
                await client.order(triggerPrice=90_000.0)
            await client.order(price=90_000.0, clientOrderId="once")
            with pytest.raises(ccxt.BaseError, match="-4116"):
                await client.order(price=90_000.0, clientOrderId="once")
            unknown = client.issue(exchange.cancel_order("77", SYMBOL))
            await client.run(3)
            with pytest.raises(ccxt.OrderNotFound, match="-2011"):
                await unknown
            with pytest.raises(ccxt.OrderNotFound, match="-2013"):
                await exchange.fetch_order("77", SYMBOL)
            with pytest.raises(ccxt.BadSymbol, match="-1121"):
                await exchange.fapiPublicGetKlines({"symbol": "NOPE", "interval": "1m"})
            with pytest.raises(ccxt.ExchangeError, match="-1120"):
                await exchange.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "7"})
            with pytest.raises(ccxt.BaseError, match="-5000"):
                await exchange.fapiPublicGetTicker24hr({"symbol": "BTCUSDT"})
            with pytest.raises(ccxt.BaseError, match="-4021"):
                await exchange.fapiPublicGetDepth({"symbol": "BTCUSDT", "limit": 7})
            with pytest.raises(ccxt.BaseError, match="-1130"):
                await exchange.fapiPublicGetAggTrades({"symbol": "BTCUSDT", "limit": 0})

        against(scenario)

    def test_used_weight_is_told_and_its_limit_kept(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            await exchange.fetch_ohlcv(SYMBOL, "1m")
            used = int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"])
            await exchange.fetch_ohlcv(SYMBOL, "1m")
            assert int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"]) == used + 5
            for _ in range((30 - used - 5) // 5):
                await exchange.fetch_ohlcv(SYMBOL, "1m")
            with pytest.raises(ccxt.DDoSProtection, match="-1003"):
                await exchange.fetch_ohlcv(SYMBOL, "1m")
            await client.ask(op="advance", until_ns=START + MINUTE, requests=0)
            await exchange.fetch_ohlcv(SYMBOL, "1m")

        against(scenario, weight_per_minute=30)

    def test_an_unknown_stream_is_refused_and_known_ones_are_listed(self) -> None:
        async def scenario(client: Client) -> None:
            url = client.venue.stream_url.removesuffix("/ws") + "/market/ws/3"
            stream = await client.session.ws_connect(url)

            async def ask(**wish: Any) -> Any:
                await stream.send_str(json.dumps(wish))
                return await stream.receive_json()

            assert await ask(method="SUBSCRIBE", params=["btcusdt@aggTrade"], id=1) == {
                "result": None,
                "id": 1,
            }
            assert (
                "unknown stream"
                in (await ask(method="SUBSCRIBE", params=["x@y"], id=2))["error"]["msg"]
            )
            assert (await ask(method="LIST_SUBSCRIPTIONS", id=3))["result"] == ["btcusdt@aggTrade"]
            await ask(method="UNSUBSCRIBE", params=["btcusdt@aggTrade"], id=4)
            assert (await ask(method="LIST_SUBSCRIPTIONS", id=5))["result"] == []
            assert "error" in await ask(method="DANCE", id=6)
            await stream.send_str("not json")
            assert "error" in await stream.receive_json()
            await stream.close()

        against(scenario)


class TestFaultsOnTheWire:
    def test_a_placed_order_whose_answer_is_lost_is_found_by_its_id(self) -> None:
        async def scenario(client: Client) -> None:
            with pytest.raises(ccxt.NetworkError):
                await client.order(clientOrderId="a")
            with pytest.raises(ccxt.NetworkError):
                await client.order(clientOrderId="b")
            await client.run(3)

            by_id = {"origClientOrderId": "a"}
            assert (await client.exchange.fetch_order("", SYMBOL, by_id))["status"] == "closed"
            with pytest.raises(ccxt.OrderNotFound):
                await client.exchange.fetch_order("", SYMBOL, {"origClientOrderId": "b"})

        against(
            scenario,
            '[{"fault":"timeout_placed","nth":1},{"fault":"timeout_not_placed","nth":2}]',
        )

    def test_a_disconnect_cuts_the_streams_and_refuses_new_ones_while_it_lasts(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            seen = client.watch(lambda: exchange.watch_trades(SYMBOL))
            await until(lambda: client.venue._hub.sockets() == 1)
            answer = await client.run(3)

            assert answer["closed"] == 1
            await until(lambda: seen and isinstance(seen[-1], ccxt.NetworkError))
            assert await exchange.fetch_time() == START // MS + 3000
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await client.session.ws_connect(client.venue.stream_url)
            await client.run(4)
            again = client.watch(lambda: exchange.watch_trades(SYMBOL))
            await until(lambda: client.venue._hub.sockets() == 1)
            await client.run(6)
            await until(lambda: again)
            assert all(each["timestamp"] > START // MS + 3900 for each in again)

        against(scenario, '[{"fault":"disconnect","after_s":2.2,"for_s":1.5}]')

    def test_a_restart_answers_nobody_and_open_orders_survive(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            await client.order(price=90_000.0, clientOrderId="kept")
            pending = client.issue(exchange.create_order(SYMBOL, "market", "buy", 0.01))
            answer = await client.ask(op="advance", until_ns=START + 900 * MS, requests=2)
            with pytest.raises(ccxt.NetworkError):
                await pending
            assert (answer["now_ns"], answer["answers"]) == (START + 60 * MS, 2)
            with pytest.raises(ccxt.NetworkError):
                await exchange.fetch_time()
            down = client.issue(exchange.cancel_order("1000001", SYMBOL))
            with pytest.raises(ccxt.NetworkError):
                await down
            answer = await client.ask(op="advance", until_ns=START + 900 * MS, requests=3)
            assert answer["answers"] == 3

            await client.ask(op="advance", until_ns=START + 2 * SECOND, requests=3)
            await exchange.load_time_difference()
            assert len(await exchange.fetch_open_orders(SYMBOL)) == 1

        against(scenario, '[{"fault":"restart","after_s":0.06,"for_s":1}]')

    def test_a_hidden_transfer_is_in_the_balance_and_nowhere_else(self) -> None:
        async def scenario(client: Client) -> None:
            await client.run(5)
            rows = await client.exchange.fapiPrivateGetIncome()
            balance = await client.exchange.fetch_balance()
            assert [(row["incomeType"], Decimal(row["income"])) for row in rows] == [
                ("TRANSFER", Decimal("2.5"))
            ]
            assert balance["USDT"]["total"] == 10_009.5

        against(
            scenario,
            '[{"fault":"transfer","after_s":1,"amount":2.5},'
            '{"fault":"hidden_transfer","after_s":2,"amount":7}]',
        )

    def test_a_skewed_clock_is_the_clients_and_can_be_measured(self) -> None:
        async def scenario(client: Client) -> None:
            greeting = await client.ask(op="hello")
            assert greeting["now_ns"] == START - 1500 * MS
            answer = await client.ask(op="advance", until_ns=START, requests=0)
            assert answer["now_ns"] == START
            assert await client.exchange.fetch_time() == START // MS + 1500

        against(scenario, '[{"fault":"clock_skew","ahead_ms":1500}]')

    def test_a_forming_then_revised_candle_reaches_the_raw_stream(self) -> None:
        async def scenario(client: Client) -> None:
            raw: list[Any] = []
            exchange = client.exchange
            plain = exchange.handle_ohlcv

            def keep(socket: Any, message: Any) -> None:
                raw.append((message["k"]["x"], message["k"]["c"]))
                plain(socket, message)

            exchange.handle_ohlcv = keep
            client.watch(lambda: exchange.watch_ohlcv(SYMBOL, "1m"))
            await until(lambda: client.venue._hub.sockets() == 1)
            # The candle that closed at the start is on its way already; the next is the first.
            await client.run(70)
            await until(lambda: len(raw) == 3)
            closes = [Decimal(close) for closed, close in raw if closed]
            assert closes[2] - closes[1] == 1
            candle = (await exchange.fetch_ohlcv(SYMBOL, "1m", START // MS, 1))[0]
            assert Decimal(str(candle[4])) == closes[2]

        against(
            scenario,
            '[{"fault":"revise_candle","nth":1,"by_ticks":-10,"correct_after_ms":500}]',
        )


class TestClock:
    def test_the_counts_are_what_a_client_sees(self) -> None:
        async def scenario(client: Client) -> None:
            orders: list[Any] = []
            client.exchange.handle_order_update = lambda _, message: orders.append(message)
            client.exchange.handle_acount_update = lambda _, message: orders.append(message)
            client.watch(client.exchange.watch_orders)
            await until(lambda: client.venue._hub.sockets() == 1)
            answer = client.issue(client.exchange.create_order(SYMBOL, "market", "buy", 0.01))

            first = await client.ask(op="advance", until_ns=None, requests=1)
            second = await client.ask(op="advance", until_ns=None, requests=1)

            assert (first["now_ns"], first["messages"], first["answers"]) == (
                START + 41 * MS,
                1,
                1,
            )
            assert (second["now_ns"], second["messages"], second["answers"]) == (
                START + 520 * MS,
                3,
                1,
            )
            await answer
            await until(lambda: len(orders) == 3)
            assert (await client.ask(op="hello"))["now_ns"] == START + 520 * MS
            rest = await client.ask(op="advance", until_ns=None, requests=0)
            assert (rest["messages"], rest["answers"]) == (0, 0)
            assert rest["finished"]
            assert rest["now_ns"] == START + 10 * MINUTE

        against(scenario)

    def test_the_venue_waits_for_announced_requests(self) -> None:
        async def scenario(client: Client) -> None:
            asked = asyncio.ensure_future(client.ask(op="advance", until_ns=None, requests=1))
            await asyncio.sleep(0.05)
            assert not asked.done()
            answer = client.issue(client.exchange.create_order(SYMBOL, "market", "buy", 0.01))
            assert (await asked)["answers"] == 1
            await answer

        against(scenario)

    def test_a_client_that_comes_back_is_not_owed_the_old_answers(self) -> None:
        async def scenario(client: Client) -> None:
            lost = client.issue(client.exchange.create_order(SYMBOL, "market", "buy", 0.01))
            await until(lambda: client.venue.engine.next_ns == START + 21 * MS)
            younger = await client.session.ws_connect(client.venue.clock_url)
            await younger.send_str('{"op":"hello"}')
            await younger.receive_json()
            with pytest.raises(ccxt.NetworkError):
                await lost
            await younger.send_str('{"op":"advance","until_ns":null,"requests":0}')
            answer = await younger.receive_json()
            assert (answer["answers"], answer["finished"]) == (0, True)
            assert len(client.venue.engine.fills) == 1
            await younger.close()

        against(scenario)

    def test_what_the_clock_does_not_understand_is_said(self) -> None:
        async def scenario(client: Client) -> None:
            assert "send hello or advance" in (await client.ask(op="rewind"))["message"]

        against(scenario)

    def test_a_listen_key_that_nobody_renews_expires_and_is_said(self) -> None:
        async def scenario(client: Client) -> None:
            exchange = client.exchange
            key = (await exchange.fapiPrivatePostListenKey())["listenKey"]
            url = client.venue.stream_url.removesuffix("/ws") + f"/private/ws?listenKey={key}"
            stream = await client.session.ws_connect(url)
            await client.run(50)
            await exchange.fapiPrivatePutListenKey()
            await client.run(100)
            assert client.venue._hub.sockets() == 1
            await client.run(111)

            assert (await stream.receive_json())["e"] == "listenKeyExpired"
            assert (await stream.receive()).type is aiohttp.WSMsgType.CLOSED
            with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
                await client.session.ws_connect(url)
            with pytest.raises(ccxt.BaseError, match="-1125"):
                await exchange.fapiPrivatePutListenKey()

        against(scenario, listen_key_life_s=60)

    def test_paced_time_runs_by_itself_from_hello_to_the_end(self) -> None:
        async def scenario() -> None:
            settings: Any = {"mode": "paced", "speed": 100.0, "end_ns": START + 100 * SECOND}
            async with a_venue(**settings) as venue:
                await asyncio.sleep(0.05)
                assert venue.engine.now_ns == START
                async with a_client(venue) as client:
                    orders = client.watch(client.exchange.watch_orders)
                    candles = client.watch(lambda: client.exchange.watch_ohlcv(SYMBOL, "1m"))
                    await until(lambda: venue._hub.sockets() == 2)
                    await client.exchange.load_time_difference()
                    placed = await client.exchange.create_order(SYMBOL, "market", "buy", 0.01)
                    await until(lambda: orders and orders[-1]["status"] == "closed")
                    assert orders[-1]["id"] == placed["id"]
                    refused = await client.ask(op="advance", until_ns=None, requests=0)
                    assert "paces itself" in refused["message"]
                    finished = await asyncio.wait_for(client.clock.receive_json(), 10)
                    assert finished["op"] == "finished"
                    assert finished["now_ns"] >= START + 100 * SECOND
                    # Running candles came too.
                    await until(lambda: len(candles) > 3)

        asyncio.run(scenario())


class TestServer:
    def test_a_run_repeated_gives_the_same_truth_byte_for_byte(self, tmp_path: Path) -> None:
        async def scenario(client: Client) -> None:
            client.watch(client.exchange.watch_orders)
            client.watch(lambda: client.exchange.watch_trades(SYMBOL))
            await until(lambda: client.venue._hub.sockets() == 2)
            await client.order(clientOrderId="a")
            await client.order(price=99_000.0, clientOrderId="b")
            await client.run(5)

        logs = []
        script = '[{"fault":"drop","stream":"trade","probability":0.5,"seed":4}]'
        for name in ("one", "two"):
            path = tmp_path / name
            against(scenario, script, truth_path=str(path))
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            for line in lines:
                # What the client sent carries the time of this machine's clock.
                line.get("parameters", {}).pop("timestamp", None)
            logs.append(lines)

        assert logs[0] == logs[1]
        assert {line["kind"] for line in logs[0]} >= {
            "order_received",
            "order_accepted",
            "fill",
            "answer",
            "message",
        }

    def test_it_serves_from_a_thread(self) -> None:
        async def scenario(venue: PracticeServer) -> None:
            async with a_client(venue) as client:
                assert (await client.order())["status"] == "open"

        with ThreadedServer(a_config(**QUIET), [MARKET]) as venue:
            asyncio.run(scenario(venue))
        assert all(thread.name != "practice venue" for thread in threading.enumerate())

    def test_a_taken_port_is_said(self) -> None:
        with (
            ThreadedServer(a_config(**QUIET), [MARKET]) as venue,
            pytest.raises(ConnectionFailed, match="choose another port"),
            ThreadedServer(a_config(**QUIET, port=venue.port), [MARKET]),
        ):
            pass

    def test_a_truth_log_that_cannot_be_written_is_said(self) -> None:
        with pytest.raises(SettingsError, match="cannot write the truth log"):
            PracticeServer(a_config(**QUIET, truth_path="/nowhere/truth"), [MARKET])

    def test_it_runs_as_a_process_until_told_to_stop(self, tmp_path: Path) -> None:
        program = tmp_path / "serve.py"
        program.write_text(
            "from tests.integration.test_practice_ccxt import MARKET, QUIET\n"
            "from tests.unit.practice.builders import a_config\n"
            "from tieout.adapters.venues.practice import run\n"
            "run(a_config(**QUIET), [MARKET], lambda venue: print(venue.http_url, flush=True))\n"
        )
        process = subprocess.Popen(
            [sys.executable, str(program)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()
