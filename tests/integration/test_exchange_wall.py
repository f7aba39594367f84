"""The gateway in real time, against a venue without a clock socket, as a real exchange is one."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("ccxt", reason="the extra `live` is not installed")

from tests.integration.drill import (
    BARS,
    INSTRUMENT,
    MINUTE,
    RUN,
    a_gateway,
    a_market,
    a_venue,
    drilled,
)
from tests.integration.fake_venue import FakeVenue, until
from tieout.adapters.venues.exchange import (
    Credentials,
    ExchangeGateway,
    ExchangeSettings,
    Subscription,
)
from tieout.adapters.venues.practice import Mode, ThreadedServer
from tieout.errors import InvariantViolated, SettingsError, VenueError
from tieout.model.events import (
    Bar,
    ClockOffsetMeasured,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    Fill,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    RunEnded,
    RunStarted,
    Trade,
)
from tieout.model.identity import client_order_id
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SYMBOL = "BTC/USDT:USDT"
TRADES = Subscription(SYMBOL)
MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@pytest.fixture
def venue() -> Iterator[FakeVenue]:
    with FakeVenue() as venue:
        yield venue


def begin(
    venue: FakeVenue,
    *subscriptions: Subscription,
    fee_tokens: tuple[str, ...] = (),
    **how: Any,
) -> ExchangeGateway:
    gateway = ExchangeGateway(
        RUN,
        ExchangeSettings(base_url=venue.http_url, ws_url=venue.stream_url, fee_tokens=fee_tokens),
        Credentials("key", "secret"),
    )
    try:
        gateway.instruments([SYMBOL])
        gateway.start(subscriptions or (TRADES,), **how)
    except BaseException:
        gateway.close()
        raise
    return gateway


def gather(gateway: ExchangeGateway, done: Callable[[list[Any]], bool]) -> list[Any]:
    """Take inputs until enough are here."""
    seen: list[Any] = []
    end = time.monotonic() + 10
    while not done(seen):
        assert time.monotonic() < end, seen
        given = gateway.next(time.time_ns() + SECOND)
        assert given is not None, seen
        seen += [event for event in given.events if not isinstance(event, ClockReached)]
    return seen


def has(kind: type) -> Callable[[list[Any]], bool]:
    return lambda seen: any(isinstance(event, kind) for event in seen)


def print_of(trade_id: int) -> dict[str, Any]:
    now_ms = time.time_ns() // MILLISECOND
    return {
        "e": "aggTrade", "E": now_ms, "T": now_ms, "s": "BTCUSDT", "a": trade_id,
        "p": "42000.0", "q": "0.010", "m": True,
    }  # fmt: skip


def an_order(number: int = 0) -> PlaceOrder:
    return PlaceOrder(
        decision_id=f"{number:024x}",
        instrument=SYMBOL,
        side=1,
        order_type=int(OrderType.MARKET),
        lots=5,
        limit_ticks=None,
        stop_ticks=None,
        time_in_force=1,
        decided_at_ns=time.time_ns(),
        decision_price_ticks=None,
        origin="test",
    )


def a_row(number: int = 0, **fields: Any) -> dict[str, Any]:
    now_ms = time.time_ns() // MILLISECOND
    row = {
        "orderId": 77 + number, "symbol": "BTCUSDT", "status": "NEW", "side": "BUY",
        "clientOrderId": client_order_id(RUN, f"{number:024x}"), "origQty": "0.005",
        "executedQty": "0", "type": "MARKET", "timeInForce": "GTC", "time": now_ms,
        "updateTime": now_ms, "price": "0", "avgPrice": "0", "cumQuote": "0",
    }  # fmt: skip
    return row | fields


def a_trade_update(trade_id: int = 5, **fields: Any) -> dict[str, Any]:
    now_ms = time.time_ns() // MILLISECOND
    order = {
        "s": "BTCUSDT", "c": client_order_id(RUN, f"{0:024x}"), "S": "BUY", "x": "TRADE",
        "X": "FILLED", "i": 77, "l": "0.005", "z": "0.005", "L": "42000.0", "T": now_ms,
        "t": trade_id, "m": False, "n": "0.084", "N": "USDT",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": order | fields}


# -- start and time ---------------------------------------------------------------------------


def test_a_run_in_real_time_starts_with_the_account_and_the_measured_clock() -> None:
    with FakeVenue(clock_ahead_ms=5_000) as venue, begin(venue) as gateway:
        started, offset = gather(gateway, lambda seen: len(seen) >= 2)
        given = gateway.next(1)

    assert isinstance(started, RunStarted)
    assert started.cash == 1_000 * 10**12
    assert started.marks == ((SYMBOL, 420_000),)
    assert isinstance(offset, ClockOffsetMeasured)
    assert abs(offset.offset_ns - 5 * SECOND) <= offset.error_ns + 2 * MILLISECOND
    assert given is not None
    [reached] = given.events
    assert isinstance(reached, ClockReached)
    assert abs(reached.woke_at_ns - time.time_ns() - 5 * SECOND) < SECOND


def test_a_deadline_is_kept_in_real_time(venue: FakeVenue) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        deadline_ns = time.time_ns() + 80 * MILLISECOND

        given = gateway.next(deadline_ns)

    assert given is not None
    [reached] = given.events
    assert isinstance(reached, ClockReached)
    assert reached.arrival_time_ns == deadline_ns <= reached.woke_at_ns
    assert reached.woke_at_ns - deadline_ns < 500 * MILLISECOND


def test_another_thread_may_stop_a_waiting_run(venue: FakeVenue) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        threading.Timer(0.05, gateway.stop, ["operator"]).start()

        given = gateway.next(None)

        assert given is not None
        [ended] = given.events
        assert isinstance(ended, RunEnded)
        assert ended.reason == "operator"
        assert gateway.next(None) is None


def test_trades_flow(venue: FakeVenue) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.push("market", print_of(1))
        [trade] = gather(gateway, has(Trade))

    assert (trade.price_ticks, trade.quantity_lots, trade.aggressor) == (420_000, 10, -1)
    # Stamps are whole milliseconds, so the measured offset of the clocks is right to one of them.
    assert -SECOND // 1000 <= trade.arrival_time_ns - trade.venue_time_ns < SECOND


# -- orders -----------------------------------------------------------------------------------


def test_an_order_is_accepted_by_its_answer_and_filled_by_the_stream(venue: FakeVenue) -> None:
    venue.answers["POST", "order"] = lambda _: a_row()
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        gateway.place(an_order())
        accepted = gather(gateway, has(OrderAccepted))[-1]
        venue.push("user", a_trade_update())
        fill = gather(gateway, has(Fill))[-1]

    sent = next(sent for method, path, sent in venue.asked if (method, path) == ("POST", "order"))
    assert sent["newClientOrderId"] == client_order_id(RUN, f"{0:024x}")
    assert (sent["quantity"], sent["type"]) == ("0.005", "MARKET")
    assert accepted.venue_order_id == "77"
    assert (fill.fee, fill.lots) == (84_000_000_000, 5)


@pytest.mark.parametrize(
    "answer",
    [
        (503, {"code": -1000, "msg": "Unknown error, please check your request."}),
        (500, "<html>a proxy says sorry</html>"),
        (200, "not json at all"),
        (400, {"code": -9999, "msg": "A code from the future."}),
        None,
    ],
)
def test_a_doubtful_answer_is_resolved_by_asking(venue: FakeVenue, answer: object) -> None:
    venue.answers["POST", "order"] = lambda _: answer
    venue.answers["GET", "order"] = lambda _: a_row(status="FILLED", executedQty="0.005")
    venue.answers["GET", "userTrades"] = lambda _: [
        {
            "id": 5, "orderId": 77, "price": "42000.0", "qty": "0.005", "commission": "0.084",
            "commissionAsset": "USDT", "maker": False, "time": time.time_ns() // MILLISECOND,
            "side": "BUY", "symbol": "BTCUSDT",
        }
    ]  # fmt: skip
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        gateway.place(an_order())
        events = gather(gateway, has(Fill))

    assert [type(event) for event in events] == [OrderOutcomeUnknown, OrderAccepted, Fill]
    assert venue.paths().count("POST order") == 1


def test_only_we_decide_that_a_cancel_is_repeated(venue: FakeVenue) -> None:
    """Left to itself, the HTTP library sends a cut DELETE again at once."""
    venue.answers["POST", "order"] = lambda _: a_row()
    venue.answers["GET", "order"] = lambda _: a_row()
    cuts = iter([None])
    venue.answers["DELETE", "order"] = lambda _: next(cuts, a_row(status="CANCELED"))
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        gateway.place(an_order())
        gather(gateway, has(OrderAccepted))
        gateway.cancel(
            CancelOrder(
                decision_id="c", order_decision_id=f"{0:024x}", decided_at_ns=0, origin="test"
            )
        )
        gather(gateway, has(OrderCancelled))

    paths = venue.paths()
    first = paths.index("DELETE order")
    assert paths[first : first + 3] == ["DELETE order", "GET order", "DELETE order"]


def test_a_documented_refusal_is_final(venue: FakeVenue) -> None:
    venue.answers["POST", "order"] = (400, {"code": -2019, "msg": "Margin is insufficient."})
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        gateway.place(an_order())
        [rejected] = gather(gateway, has(OrderRejected))

    assert rejected.reason == "insufficient_margin"


def test_a_ban_refuses_the_next_order_before_it_leaves(venue: FakeVenue) -> None:
    venue.answers["POST", "order"] = (429, {"code": -1003, "msg": "Too many requests."})
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        gateway.place(an_order(0))
        gather(gateway, has(OrderRejected))
        gateway.place(an_order(1))
        [second] = gather(gateway, has(OrderRejected))

    assert second.reason == "not_sent"
    assert venue.paths().count("POST order") == 1


def test_an_order_from_the_venues_own_page_is_named(venue: FakeVenue) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.push("user", a_trade_update(c="web_1", i=99))
        [foreign] = gather(gateway, has(ForeignOrderSeen))

    assert (foreign.client_order_id, foreign.filled_lots) == ("web_1", 5)


# -- streams ----------------------------------------------------------------------------------


def test_a_dropped_stream_comes_back_and_the_gap_is_filled(venue: FakeVenue) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.push("market", print_of(1))
        gather(gateway, has(Trade))
        venue.answers["GET", "aggTrades"] = lambda sent: [
            print_of(number) for number in range(int(sent["fromId"]), 4)
        ]
        venue.hang_up("market")
        events = gather(gateway, lambda seen: len([e for e in seen if isinstance(e, Trade)]) == 2)
        venue.push("market", print_of(4))
        [after] = gather(gateway, has(Trade))

    assert [type(event) for event in events] == [
        ConnectionLost,
        ConnectionRestored,
        Trade,
        Trade,
    ]
    assert events[1].backfilled == 2
    assert after.trade_id == 4


def test_a_fee_in_a_token_is_worth_the_venues_mark_of_it(venue: FakeVenue) -> None:
    marks = {"BTCUSDT": "42000.0", "BNBUSDT": "600.0"}
    venue.answers["GET", "premiumIndex"] = lambda asked: {"markPrice": marks[asked["symbol"]]}
    venue.answers["POST", "order"] = lambda _: a_row()
    with begin(venue, fee_tokens=("BNB",)) as gateway:
        gather(gateway, has(RunStarted))
        gateway.place(an_order())
        gather(gateway, has(OrderAccepted))
        venue.push("user", a_trade_update(n="0.0001", N="BNB"))
        fill = gather(gateway, has(Fill))[-1]

    assert (fill.fee, fill.fee_currency) == (60_000_000_000, "USDT")
    assert (fill.fee_charged, fill.fee_charged_currency) == (100_000_000, "BNB")


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("market", {"e": "aggTrade", "s": "BTCUSDT", "a": 2, "p": "NaN", "q": "1", "T": 1}),
        ("user", {"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": "what?"}),
    ],
)
def test_an_unreadable_message_costs_the_connection_and_nothing_else(
    venue: FakeVenue, stream: str, message: object
) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.push(stream, message)
        events = gather(gateway, has(ConnectionRestored))
        venue.push("market", print_of(1))
        assert has(Trade)(gather(gateway, has(Trade)))

    assert isinstance(events[0], ConnectionLost)
    assert events[0].stream == stream
    assert events[0].reason.startswith("unreadable message")


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"', "{}", '{"e":[]}', "[[[[[["])
def test_no_text_on_a_stream_harms_the_run(venue: FakeVenue, text: str) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.push("market", text)
        if text[:2] not in ("{}", '{"'):
            gather(gateway, has(ConnectionRestored))
        venue.push("market", print_of(1))
        [trade] = gather(gateway, has(Trade))

    assert trade.trade_id == 1


def test_a_trade_missed_before_the_first_message_is_fetched(venue: FakeVenue) -> None:
    venue.answers["GET", "aggTrades"] = lambda sent: [
        print_of(number) for number in range(int(sent.get("fromId", 7)), 8)
    ]
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.answers["GET", "aggTrades"] = lambda sent: [
            print_of(number) for number in range(int(sent["fromId"]), 11)
        ]
        venue.push("market", print_of(10))
        events = gather(gateway, lambda seen: len(seen) == 3)

    assert [trade.trade_id for trade in events] == [8, 9, 10]


def test_an_expired_listen_key_brings_a_new_stream(venue: FakeVenue) -> None:
    with begin(venue) as gateway:
        gather(gateway, has(RunStarted))
        venue.push("user", {"e": "listenKeyExpired", "E": time.time_ns() // MILLISECOND})
        events = gather(gateway, has(ConnectionRestored))
        until(lambda: len(venue.sockets["user"]) == 2)

    assert [type(event) for event in events] == [ConnectionLost, ConnectionRestored]
    assert venue.paths().count("POST listenKey") == 2


# -- without credentials, paced, egress -------------------------------------------------------


def test_without_credentials_only_public_data_is_asked_for(venue: FakeVenue) -> None:
    with ExchangeGateway(
        RUN, ExchangeSettings(base_url=venue.http_url, ws_url=venue.stream_url)
    ) as gateway:
        gateway.instruments([SYMBOL])
        with pytest.raises(SettingsError, match="give `started`"):
            gateway.start([TRADES])
        gateway.start([TRADES], started=RunStarted(arrival_time_ns=0, cash=5 * 10**12))
        started = gather(gateway, has(RunStarted))[0]
        venue.push("market", print_of(1))
        gather(gateway, has(Trade))
        with pytest.raises(InvariantViolated, match="simulated venue"):
            gateway.place(an_order())
        with pytest.raises(SettingsError, match="start snapshot"):
            gateway.statement(0, 1)

    assert started.cash == 5 * 10**12
    asked = {path for _, path, _ in venue.asked}
    assert asked == {"aggTrades", "clock", "exchangeInfo", "time", "premiumIndex"}


def test_a_venue_that_is_not_there_is_named_so() -> None:
    settings = ExchangeSettings(base_url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:9/ws")
    with (
        ExchangeGateway(RUN, settings) as gateway,
        pytest.raises(VenueError, match="is the venue up"),
    ):
        gateway.instruments([SYMBOL])


def test_a_paced_rehearsal_runs_by_itself_to_its_end() -> None:
    with ThreadedServer(a_venue(mode=Mode.PACED, speed=120.0), [a_market(3)]) as server:
        gateway = a_gateway(server)
        with gateway:
            gateway.instruments([INSTRUMENT.symbol])
            gateway.start([BARS], warmup_bars=2)
            events = drilled(gateway)

    bars = [event for event in events if isinstance(event, Bar) and not event.warm_up]
    assert len(bars) >= 2
    delays_ns = [bar.arrival_time_ns - bar.close_time_ns for bar in bars]
    assert all(0 <= delay_ns < 4 * MINUTE for delay_ns in delays_ns), delays_ns
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"


EGRESS = """
import sys
places = []

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        place = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        places.append(place[0] if isinstance(place, tuple) else place)

sys.addaudithook(watch)
from tests.integration.drill import *
from tests.integration.test_exchange_practice import trade_a_little
from tieout.adapters.venues.practice import ThreadedServer

faults = '[{"fault":"disconnect","after_s":70,"for_s":20},{"fault":"timeout_placed","nth":1}]'
with ThreadedServer(a_venue(faults), [a_market(5)]) as server:
    with started(server, BARS, TRADES, warmup_bars=3) as gateway:
        events = drilled(gateway, trade_a_little)
        gateway.statement(START, events[-1].arrival_time_ns)
assert len(places) > 5, places
print(sorted({str(place) for place in places}))
"""


def test_nothing_but_this_machine_is_ever_connected_to() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", EGRESS], capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "['127.0.0.1']"
