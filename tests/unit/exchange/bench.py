"""A gateway's parts on a bench: virtual time, a scripted venue, and what came out of them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tieout.adapters.clocks import LockStepClock, Turns
from tieout.adapters.venues.exchange.client import current_request
from tieout.adapters.venues.exchange.inbox import Inbox, Outlet
from tieout.adapters.venues.exchange.orders import OrderDesk
from tieout.adapters.venues.exchange.outcomes import RequestFailed, RequestRecord
from tieout.adapters.venues.exchange.sender import OrderSender
from tieout.adapters.venues.exchange.settings import ExchangeSettings
from tieout.model.identity import client_order_id
from tieout.model.instruments import Instrument
from tieout.model.orders import OrderType, PlaceOrder, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_040 * SECOND
RUN = "run-1"

INSTRUMENT = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)


def an_order(number: int = 0, **fields: Any) -> PlaceOrder:
    """Return a market buy of 5 lots, or what the fields say."""
    values: dict[str, Any] = {
        "decision_id": f"{number:024x}",
        "instrument": INSTRUMENT.symbol,
        "side": int(Side.BUY),
        "order_type": int(OrderType.MARKET),
        "lots": 5,
        "limit_ticks": None,
        "stop_ticks": None,
        "time_in_force": int(TimeInForce.GOOD_TILL_CANCEL),
        "decided_at_ns": START,
        "decision_price_ticks": 420_000,
        "origin": f"test:{number}",
    }
    return PlaceOrder(**(values | fields))


def a_limit(number: int = 0, **fields: Any) -> PlaceOrder:
    """Return a limit buy of 5 lots at 42 000.0."""
    return an_order(number, **({"order_type": 2, "limit_ticks": 420_000} | fields))


def a_stop(number: int = 0, **fields: Any) -> PlaceOrder:
    """Return a stop sell of 5 lots at 41 000.0."""
    return an_order(number, **({"order_type": 3, "stop_ticks": 410_000, "side": -1} | fields))


def client_id(number: int = 0) -> str:
    """Return the id the numbered order carries at the venue."""
    return client_order_id(RUN, f"{number:024x}")


def an_order_row(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return the numbered order as REST has it."""
    row = {
        "orderId": 1000 + number,
        "symbol": "BTCUSDT",
        "status": "NEW",
        "clientOrderId": client_id(number),
        "side": "BUY",
        "type": "LIMIT",
        "origType": "LIMIT",
        "timeInForce": "GTC",
        "origQty": "0.005",
        "executedQty": "0",
        "time": START // 1_000_000,
        "updateTime": START // 1_000_000 + 21,
    }
    return row | fields


def an_algo_row(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return the numbered stop as REST has it."""
    row = {
        "algoId": 2000 + number,
        "clientAlgoId": client_id(number),
        "symbol": "BTCUSDT",
        "side": "SELL",
        "algoStatus": "NEW",
        "actualOrderId": "",
        "createTime": START // 1_000_000,
        "updateTime": START // 1_000_000,
        "triggerTime": 0,
    }
    return row | fields


def a_fill_row(trade_id: int, order_id: int = 1000, **fields: Any) -> dict[str, Any]:
    """Return a fill of 2 lots at 42 000.0 as the trade history has it."""
    row = {
        "symbol": "BTCUSDT",
        "id": trade_id,
        "orderId": order_id,
        "side": "BUY",
        "price": "42000.0",
        "qty": "0.002",
        "commission": "0.03360000",
        "commissionAsset": "USDT",
        "time": START // 1_000_000 + 500,
        "maker": False,
    }
    return row | fields


def refusal(code: int | None = None, status: int | None = 400, text: str = "") -> RequestFailed:
    """Return what a request raises when the venue says no, or nothing at all (no status)."""
    record = RequestRecord(sent=True, status=status, code=code, text=text or f"code {code}")
    return RequestFailed("GET test", record, RuntimeError("no"))


NOT_FOUND = refusal(-2013)


class InTurn:
    """Answers to be given one after another, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def next(self) -> Any:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class ScriptedClient:
    """Answers as told, and remembers what it was asked.

    `answers[method, path]` is an answer for ever, an error to raise, a function of the parameters,
    or several of these `InTurn`.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Any] = {
            ("GET", "order"): NOT_FOUND,
            ("GET", "algoOrder"): NOT_FOUND,
            ("GET", "openOrders"): [],
            ("GET", "openAlgoOrders"): [],
            ("GET", "allOrders"): [],
            ("GET", "allAlgoOrders"): [],
            ("GET", "userTrades"): [],
            ("GET", "income"): [],
            ("GET", "fundingRate"): [],
        }
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.created: list[tuple[Any, ...]] = []
        self.create: Callable[[], Any] = lambda: {"info": an_order_row()}
        self.rounded = ""

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [f"{method} {path}" for method, path, _ in self.asked]

    async def call(self, section: str, method: str, path: str, /, **params: Any) -> Any:
        self.asked.append((method, path, params))
        answer = self.answers[method, path]
        if isinstance(answer, InTurn):
            answer = answer.next()
        if callable(answer):
            answer = answer(**params)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def create_order(self, *request: Any) -> dict[str, Any]:
        self.created.append(request)
        answer = self.create()
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def amount_to_precision(self, symbol: str, amount: str) -> str:
        return self.rounded or amount

    def price_to_precision(self, symbol: str, price: str) -> str:
        return self.rounded or price


class Bench:
    """Virtual time for the parts under test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.turns = Turns(one_at_a_time=True)
        self.clock = LockStepClock(START, self.turns)
        self.inbox = Inbox()
        self.outlet = Outlet(self.inbox, self.clock.now_ns)
        self.client = ScriptedClient()
        self.token_prices: dict[str, Decimal] = {}
        self.desk = OrderDesk(RUN, self.clock, self.outlet, price_of=self.token_prices.get)
        self.doubts = 0
        self.failures: list[Exception] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.sender = OrderSender(
            self.client,  # type: ignore[arg-type]
            self.clock,
            self.desk,
            ExchangeSettings(),
            spawn=self.spawn,
            clock_doubted=self._doubt,
        )

    def _doubt(self) -> None:
        self.doubts += 1

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.turns.begin()
        task = self.loop.create_task(self._watched(work))
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            work.close()
            self.turns.end()

        task.add_done_callback(done)
        return task

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self.turns.take()
            await work
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.failures.append(error)

    def run_for(self, duration_ns: int) -> list[Any]:
        """Let virtual time pass and return what came out, in order."""

        async def run() -> None:
            until_ns = self.clock.now_ns() + duration_ns
            while True:
                await self.turns.run_all(self.clock.wake_one)
                wake_ns = self.clock.next_wake_ns
                if wake_ns is None or wake_ns > until_ns:
                    break
                self.clock.move_to(wake_ns)
            self.clock.move_to(until_ns)
            await self.turns.run_all(self.clock.wake_one)

        self.loop.run_until_complete(run())
        assert not self.failures, self.failures
        return self.inbox.take()

    def settle(self) -> list[Any]:
        """Let everything run that needs no time and return what came out."""
        return self.run_for(0)

    def place(self, order: PlaceOrder) -> list[Any]:
        """Send an order and return what is known at once."""
        self.spawn(self.sender.create(self.desk.add(order, INSTRUMENT), order))
        return self.settle()

    def close(self) -> None:
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def fails(bench: Bench, *, status: int | None, code: int | None = None, text: str = "") -> None:
    """Make the next creates fail after they were sent."""

    def create() -> Exception:
        record = current_request.get()
        assert record is not None
        record.sent, record.status, record.code, record.text = True, status, code, text
        return RuntimeError("the library raised something")

    bench.client.create = create
