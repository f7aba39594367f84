"""The user stream: every execution type, in any order, and words nobody has seen yet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.exchange.bench import (
    INSTRUMENT,
    START,
    Bench,
    a_limit,
    a_stop,
    an_algo_row,
    an_order_row,
    client_id,
    refusal,
)
from tieout.adapters.venues.exchange.decode import Unreadable
from tieout.adapters.venues.exchange.user import UserStream
from tieout.model.events import Fill, ForeignOrderSeen, Liquidity, OrderCancelled, OrderRejected
from tieout.model.orders import TimeInForce

TIME_MS = START // 1_000_000 + 30


class User:
    """The user stream on the bench, with one limit order sent."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.charged = self.expired = 0
        self.broken: list[str] = []
        self.stream = UserStream(
            bench.desk,
            bench.sender,
            spawn=bench.spawn,
            funding_charged=self._charge,
            key_expired=self._expire,
            broken=self.broken.append,
        )
        self.stream.trade({INSTRUMENT.symbol: INSTRUMENT})

    def _charge(self) -> None:
        self.charged += 1

    def _expire(self) -> None:
        self.expired += 1

    def receive(self, *messages: dict[str, Any]) -> list[Any]:
        for message in messages:
            self.stream.receive(message)
        return self.bench.settle()


@pytest.fixture
def user(bench: Bench) -> User:
    user = User(bench)
    order = a_limit()
    bench.desk.add(order, INSTRUMENT)
    return user


def update(execution: str, number: int = 0, **fields: Any) -> dict[str, Any]:
    order = {
        "s": "BTCUSDT",
        "c": client_id(number),
        "S": "BUY",
        "x": execution,
        "X": execution,
        "i": 1000 + number,
        "l": "0",
        "z": "0",
        "L": "0",
        "T": TIME_MS,
        "t": 0,
        "m": False,
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": TIME_MS, "T": TIME_MS, "o": order | fields}


def trade(trade_id: int, quantity: str = "0.002", **fields: Any) -> dict[str, Any]:
    values = {"t": trade_id, "l": quantity, "L": "42000.0", "n": "0.0336", "N": "USDT"}
    return update("TRADE", **(values | fields))


def algo(status: str, **fields: Any) -> dict[str, Any]:
    order = {"s": "BTCUSDT", "caid": client_id(1), "aid": 2001, "X": status, "S": "SELL", "ai": ""}
    return {"e": "ALGO_UPDATE", "E": TIME_MS, "T": TIME_MS, "o": order | fields}


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_new_is_an_acceptance_told_once(user: User) -> None:
    assert names(user.receive(update("NEW"), update("NEW"))) == ["OrderAccepted"]


def test_a_trade_is_a_fill_to_the_last_digit(user: User) -> None:
    events = user.receive(trade(9, m=True))

    assert names(events) == ["OrderAccepted", "Fill"]
    assert events[1] == Fill(
        decision_id=f"{0:024x}",
        trade_id="9",
        instrument="BTC/USDT:USDT",
        side=1,
        lots=2,
        price_ticks=420_000,
        fee=33_600_000_000,
        fee_currency="USDT",
        liquidity=int(Liquidity.MAKER),
        venue_time_ns=TIME_MS * 1_000_000,
        arrival_time_ns=START,
    )


def test_a_fill_without_a_commission_costs_nothing(user: User) -> None:
    message = trade(9)
    del message["o"]["n"], message["o"]["N"]

    fill = user.receive(message)[1]

    assert (fill.fee, fill.fee_currency) == (0, "USDT")


def test_a_fee_in_a_token_is_booked_at_what_it_was_worth(user: User) -> None:
    user.bench.token_prices["BNB"] = Decimal("612.5")

    fill = user.receive(trade(9, n="0.00005", N="BNB"))[1]

    # 0.00005 BNB at 612.50 are 0.030625.
    assert (fill.fee, fill.fee_currency) == (30_625_000_000, "USDT")
    assert (fill.fee_charged, fill.fee_charged_currency) == (50_000_000, "BNB")


def test_a_fee_whose_worth_is_not_known_is_shown_and_not_booked(user: User) -> None:
    fill = user.receive(trade(9, n="0.00005", N="BNB"))[1]

    assert (fill.fee, fill.fee_charged, fill.fee_charged_currency) == (0, 50_000_000, "BNB")


def test_a_fill_sent_twice_is_told_once(user: User) -> None:
    assert names(user.receive(trade(9), trade(9))) == ["OrderAccepted", "Fill"]


def test_a_late_fill_after_the_cancel_is_told(user: User) -> None:
    events = user.receive(update("CANCELED", z="0.002"), trade(9))

    assert names(events) == ["OrderAccepted", "OrderCancelled", "Fill"]


def test_a_cancel_nobody_asked_for_is_the_venues(user: User) -> None:
    cancelled = user.receive(update("CANCELED"))[1]

    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.reason == "venue"


@pytest.mark.parametrize("word", ["EXPIRED", "EXPIRED_IN_MATCH"])
@pytest.mark.parametrize(
    ("time_in_force", "reason"),
    [
        (TimeInForce.GOOD_TILL_CANCEL, "expired"),
        (TimeInForce.IMMEDIATE_OR_CANCEL, "time_in_force"),
    ],
)
def test_expiry_says_whether_the_time_in_force_did_it(
    user: User, word: str, time_in_force: TimeInForce, reason: str
) -> None:
    user.bench.desk.add(a_limit(3, time_in_force=int(time_in_force)), INSTRUMENT)

    cancelled = user.receive(update(word, 3, z="0.003"))[1]

    assert (cancelled.reason, cancelled.filled_lots) == (reason, 3)


def test_a_rejection_by_the_engine_is_a_rejection(user: User) -> None:
    [rejected] = user.receive(update("REJECTED", r="MARGIN"))

    assert isinstance(rejected, OrderRejected)
    assert rejected.detail == "MARGIN"


@pytest.mark.parametrize("word", ["AMENDMENT", "SOMETHING_NEW", None])
def test_a_word_we_do_not_know_makes_us_ask(user: User, word: str) -> None:
    user.bench.client.answers["GET", "order"] = an_order_row(status="CANCELED")

    events = user.receive(update(word))

    assert names(events) == ["OrderAccepted", "OrderCancelled"]
    assert user.bench.client.paths() == ["GET order"]


def test_when_the_venue_cannot_be_asked_the_stream_is_given_up(user: User) -> None:
    user.bench.client.answers["GET", "order"] = refusal(status=503)

    assert user.receive(update("SOMETHING_NEW")) == []
    assert "could not be asked for" in user.broken[0]


def test_an_order_of_somebody_else_is_named(user: User) -> None:
    events = user.receive(
        update("NEW", c="web_1", i=77),
        update("TRADE", c="web_1", i=77, z="0.004", l="0.004", L="42000.0", t=5),
    )

    assert [(type(event), event.filled_lots) for event in events] == [
        (ForeignOrderSeen, 0),
        (ForeignOrderSeen, 4),
    ]


def test_a_liquidation_is_named_and_not_booked_as_ours(user: User) -> None:
    [event] = user.receive(
        update("CALCULATED", c="autoclose-1", i=78, S="SELL", z="0.001", l="0.001", t=6)
    )

    assert isinstance(event, ForeignOrderSeen)
    assert (event.client_order_id, event.side) == ("autoclose-1", -1)


def test_an_order_in_another_instrument_is_counted(user: User) -> None:
    assert user.receive(update("NEW", s="DOGEUSDT")) == []
    assert user.stream.other == 1


# -- stops ------------------------------------------------------------------------------------


@pytest.fixture
def stop(user: User) -> User:
    user.bench.desk.add(a_stop(1), INSTRUMENT)
    return user


def test_a_stop_is_accepted_triggered_and_filled(stop: User) -> None:
    events = stop.receive(
        algo("NEW"),
        algo("TRIGGERING"),
        algo("TRIGGERED", ai="1001"),
        update("NEW", 1, S="SELL", o="MARKET", ot="STOP_MARKET"),
        trade(9, "0.005", c=client_id(1), i=1001, S="SELL"),
        algo("FINISHED", ai="1001"),
    )

    assert names(events) == ["OrderAccepted", "OrderTriggered", "Fill"]
    assert events[0].venue_order_id == "2001"


def test_the_order_a_stop_became_says_that_it_was_triggered(stop: User) -> None:
    events = stop.receive(algo("NEW"), update("NEW", 1, S="SELL", o="MARKET", ot="STOP_MARKET"))

    assert names(events) == ["OrderAccepted", "OrderTriggered"]


def test_a_stop_that_became_an_order_under_another_id_is_followed(stop: User) -> None:
    events = stop.receive(
        algo("NEW"),
        algo("TRIGGERED", ai="5555"),
        trade(9, "0.005", c="venue-made", i=5555, S="SELL"),
    )

    assert names(events) == ["OrderAccepted", "OrderTriggered", "Fill"]


def test_its_fill_may_even_come_before_the_trigger_is_known(stop: User) -> None:
    client = stop.bench.client
    client.answers["GET", "algoOrder"] = an_algo_row(
        1, algoStatus="TRIGGERED", actualOrderId="5555"
    )
    actual = an_order_row(1, orderId=5555, clientOrderId="venue-made", side="SELL")
    client.answers["GET", "order"] = actual

    events = stop.receive(algo("NEW"), trade(9, "0.005", c="venue-made", i=5555, S="SELL"))

    assert names(events) == ["OrderAccepted", "OrderTriggered", "Fill"]


def test_a_cancelled_and_an_expired_stop_are_gone(stop: User) -> None:
    stop.bench.desk.add(a_stop(2), INSTRUMENT)

    events = stop.receive(algo("CANCELED"), algo("EXPIRED", caid=client_id(2)))

    assert [(event.decision_id[-1], event.reason) for event in events] == [
        ("1", "venue"),
        ("2", "expired"),
    ]


def test_a_stop_refused_at_its_trigger_is_rejected_with_the_reason(stop: User) -> None:
    [event] = stop.receive(algo("REJECTED", rm="Margin is insufficient."))

    assert isinstance(event, OrderRejected)
    assert event.detail == "Margin is insufficient."


def test_a_foreign_stop_is_named(stop: User) -> None:
    [event] = stop.receive(algo("NEW", caid="web_2", aid=9))

    assert isinstance(event, ForeignOrderSeen)


# -- everything else --------------------------------------------------------------------------


def test_funding_is_announced_and_other_balance_changes_are_not(user: User) -> None:
    user.receive(
        {"e": "ACCOUNT_UPDATE", "a": {"m": "FUNDING_FEE", "B": [], "P": []}},
        {"e": "ACCOUNT_UPDATE", "a": {"m": "ORDER", "B": [], "P": []}},
    )

    assert user.charged == 1


def test_an_expired_key_is_noticed(user: User) -> None:
    user.receive({"e": "listenKeyExpired", "E": TIME_MS})

    assert user.expired == 1


def test_an_event_younger_than_this_code_is_counted(user: User) -> None:
    user.receive({"e": "TRADE_LITE"}, {"e": "BRAND_NEW"})

    assert user.stream.other == 1


@pytest.mark.parametrize(
    "message",
    [
        {"e": "ORDER_TRADE_UPDATE"},
        {"e": "ORDER_TRADE_UPDATE", "o": []},
        update("TRADE", t="x", l="0.002", L="42000.0"),
        update("TRADE", t=1, l="0.0021", L="42000.0"),
        update("TRADE", t=1, l="0.002", L="nan"),
        update("TRADE", t=1, l="0.002", L="42000.0", n="much"),
        update("NEW", T=None),
    ],
)
def test_a_message_that_cannot_be_true_is_refused(user: User, message: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        user.stream.receive(message)
