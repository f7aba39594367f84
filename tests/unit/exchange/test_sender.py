"""Sending orders: what each answer, and each missing answer, means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.exchange.bench import (
    INSTRUMENT,
    MINUTE,
    NOT_FOUND,
    SECOND,
    START,
    InTurn,
    a_fill_row,
    a_limit,
    a_stop,
    an_algo_row,
    an_order,
    an_order_row,
    client_id,
    fails,
    refusal,
)
from tieout.adapters.venues.exchange.orders import OrderPhase
from tieout.adapters.venues.exchange.settings import KnownOrder
from tieout.model.events import (
    CancelRejected,
    Fill,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.orders import OrderState, TimeInForce

if TYPE_CHECKING:
    from tests.unit.exchange.bench import Bench


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


# -- what leaves ------------------------------------------------------------------------------


def test_a_market_order_carries_its_own_id_and_text(bench: Bench) -> None:
    bench.place(an_order())

    assert bench.client.created == [
        ("BTC/USDT:USDT", "market", "buy", "0.005", None, {"clientOrderId": client_id()})
    ]


@pytest.mark.parametrize(
    ("time_in_force", "word"),
    [(TimeInForce.GOOD_TILL_CANCEL, "GTC"), (TimeInForce.IMMEDIATE_OR_CANCEL, "IOC")],
)
def test_a_limit_order_says_price_and_time_in_force(
    bench: Bench, time_in_force: TimeInForce, word: str
) -> None:
    bench.place(a_limit(side=-1, time_in_force=int(time_in_force)))

    [(_, kind, side, amount, price, params)] = bench.client.created
    assert (kind, side, amount, price) == ("limit", "sell", "0.005", "42000.0")
    assert params["timeInForce"] == word


def test_a_stop_order_goes_to_the_conditional_orders(bench: Bench) -> None:
    bench.client.create = lambda: {"info": an_algo_row()}

    [accepted] = bench.place(a_stop())

    [(_, kind, side, _, price, params)] = bench.client.created
    assert (kind, side, price, params["stopLossPrice"]) == ("market", "sell", None, "41000.0")
    assert accepted == OrderAccepted(
        decision_id=f"{0:024x}",
        venue_order_id="2000",
        venue_time_ns=START,
        arrival_time_ns=START,
    )


def test_what_the_library_would_round_is_never_sent(bench: Bench) -> None:
    bench.client.rounded = "0.004"

    [rejected] = bench.place(an_order())

    assert bench.client.created == []
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "precision"
    assert "quantity 0.005 would be sent as 0.004" in rejected.detail


# -- what comes back --------------------------------------------------------------------------


def test_an_answer_is_an_acceptance(bench: Bench) -> None:
    events = bench.place(an_order())

    assert events == [
        OrderAccepted(
            decision_id=f"{0:024x}",
            venue_order_id="1000",
            venue_time_ns=START + 21_000_000,
            arrival_time_ns=START,
        )
    ]


def test_a_listed_error_is_a_rejection(bench: Bench) -> None:
    fails(bench, status=400, code=-2019, text="Margin is insufficient.")

    [rejected] = bench.place(an_order())

    assert isinstance(rejected, OrderRejected)
    assert (rejected.reason, rejected.detail) == ("insufficient_margin", "Margin is insufficient.")
    assert bench.run_for(MINUTE) == []


def test_a_refused_timestamp_makes_us_doubt_our_clock(bench: Bench) -> None:
    fails(bench, status=400, code=-1021)

    [rejected] = bench.place(an_order())

    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "timestamp"
    assert bench.doubts == 1


@pytest.mark.parametrize(
    ("status", "code"), [(None, None), (500, None), (503, None), (400, -1007), (400, -9999)]
)
def test_anything_else_leaves_the_outcome_unknown(
    bench: Bench, status: int | None, code: int | None
) -> None:
    fails(bench, status=status, code=code, text="what happened?")

    [unknown] = bench.place(an_order())

    assert unknown == OrderOutcomeUnknown(
        decision_id=f"{0:024x}", detail="what happened?", arrival_time_ns=START
    )


def test_an_unknown_order_is_never_sent_again(bench: Bench) -> None:
    fails(bench, status=None)

    bench.place(an_order())
    bench.run_for(10 * MINUTE)

    assert len(bench.client.created) == 1


def test_an_answer_that_takes_too_long_leaves_the_outcome_unknown(bench: Bench) -> None:
    answer = bench.loop.create_future()
    bench.client.create = lambda: answer
    order = an_order()
    bench.turns.begin()

    async def send() -> None:
        bench.turns.end()  # Only time brings the answer of a request on its way.
        await bench.sender.create(bench.desk.add(order, INSTRUMENT), order)

    task = bench.loop.create_task(send())
    events = bench.run_for(10 * SECOND)

    assert names(events) == ["OrderOutcomeUnknown"]
    assert events[0].arrival_time_ns == START + 10 * SECOND
    answer.set_result({"info": an_order_row()})
    bench.turns.begin()
    bench.loop.run_until_complete(task)
    assert names(bench.inbox.take()) == ["OrderAccepted"]


# -- unknown outcomes -------------------------------------------------------------------------


def test_a_lost_order_is_found_by_its_id_with_its_fills(bench: Bench) -> None:
    fails(bench, status=None)
    bench.client.answers["GET", "order"] = an_order_row(status="FILLED", executedQty="0.005")
    bench.client.answers["GET", "userTrades"] = [
        a_fill_row(8, qty="0.003"),
        a_fill_row(7, qty="0.002"),
    ]

    events = bench.place(an_order())

    assert names(events) == ["OrderOutcomeUnknown", "OrderAccepted", "Fill", "Fill"]
    assert [fill.trade_id for fill in events[2:]] == ["7", "8"]
    assert [fill.lots for fill in events[2:]] == [2, 3]


def test_a_lost_order_is_found_among_open_orders_when_the_id_is_not_known_yet(
    bench: Bench,
) -> None:
    fails(bench, status=None)
    bench.client.answers["GET", "openOrders"] = [an_order_row()]

    events = bench.place(a_limit())

    assert names(events) == ["OrderOutcomeUnknown", "OrderAccepted"]


def test_a_lost_order_is_found_by_its_fill_alone(bench: Bench) -> None:
    fails(bench, status=None)
    by_id = an_order_row(status="FILLED", executedQty="0.002", origQty="0.002")
    bench.client.answers["GET", "userTrades"] = [a_fill_row(7)]
    bench.client.answers["GET", "order"] = lambda **key: by_id if "orderId" in key else NOT_FOUND

    events = bench.place(an_order(lots=2))

    assert names(events) == ["OrderOutcomeUnknown", "OrderAccepted", "Fill"]


def test_absence_is_proved_only_after_the_venues_horizon(bench: Bench) -> None:
    fails(bench, status=None)
    bench.place(an_order())

    early = bench.run_for(15 * SECOND)
    [absent] = bench.run_for(2 * SECOND)

    assert early == []
    assert isinstance(absent, OrderRejected)
    assert absent.reason == "absent"
    # Receive window 5 s, the venue's 10 s and a second for the clock.
    assert absent.arrival_time_ns == START + 16 * SECOND


def test_absence_is_not_proved_while_a_query_fails(bench: Bench) -> None:
    fails(bench, status=None)
    bench.client.answers["GET", "allOrders"] = refusal(status=503)
    bench.place(an_order())

    assert bench.run_for(5 * MINUTE) == []

    bench.client.answers["GET", "allOrders"] = []
    assert names(bench.run_for(10 * SECOND)) == ["OrderRejected"]


def test_an_order_that_appears_late_is_no_absence(bench: Bench) -> None:
    fails(bench, status=None)
    bench.place(an_order())
    bench.run_for(14 * SECOND)
    bench.client.answers["GET", "order"] = an_order_row()

    events = bench.run_for(MINUTE)

    assert names(events) == ["OrderAccepted"]


def test_a_known_id_is_our_own_order_and_not_a_refusal(bench: Bench) -> None:
    fails(bench, status=400, code=-4116, text="ClientOrderId is duplicated.")
    bench.client.answers["GET", "order"] = an_order_row()

    events = bench.place(an_order())

    assert names(events) == ["OrderOutcomeUnknown", "OrderAccepted"]


def test_a_lost_stop_is_found_with_the_order_it_became(bench: Bench) -> None:
    fails(bench, status=None)
    triggered_ms = START // 1_000_000 + 400
    bench.client.answers["GET", "algoOrder"] = an_algo_row(
        algoStatus="FINISHED", actualOrderId="1000", triggerTime=triggered_ms
    )
    bench.client.answers["GET", "order"] = an_order_row(
        status="FILLED", executedQty="0.005", side="SELL"
    )
    bench.client.answers["GET", "userTrades"] = [a_fill_row(9, qty="0.005", side="SELL")]

    events = bench.place(a_stop())

    assert names(events) == ["OrderOutcomeUnknown", "OrderAccepted", "OrderTriggered", "Fill"]
    assert isinstance(events[2], OrderTriggered)
    assert events[2].venue_time_ns == triggered_ms * 1_000_000


# -- cancels ----------------------------------------------------------------------------------


def cancelled(bench: Bench, number: int = 0) -> list[Any]:
    bench.spawn(bench.sender.cancel(bench.desk.by_decision[f"{number:024x}"]))
    return bench.settle()


def test_a_cancel_tells_what_had_traded(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["DELETE", "order"] = an_order_row(
        status="CANCELED", executedQty="0.002", updateTime=START // 1_000_000 + 900
    )

    [event] = cancelled(bench)

    assert event == OrderCancelled(
        decision_id=f"{0:024x}",
        reason="requested",
        filled_lots=2,
        venue_time_ns=START + 900_000_000,
        arrival_time_ns=START,
    )


def test_a_cancel_without_an_answer_is_repeated(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["GET", "order"] = an_order_row()
    bench.client.answers["DELETE", "order"] = InTurn(
        refusal(status=None), an_order_row(status="CANCELED")
    )

    first = cancelled(bench)
    second = bench.run_for(SECOND)

    assert first == []
    assert names(second) == ["OrderCancelled"]
    assert bench.client.paths().count("DELETE order") == 2


def test_a_lost_cancel_that_worked_is_no_refusal(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["DELETE", "order"] = refusal(status=None)
    bench.client.answers["GET", "order"] = an_order_row(status="CANCELED")

    events = cancelled(bench)

    assert names(events) == ["OrderCancelled"]
    assert events[0].reason == "requested"


def test_a_cancel_that_came_too_late_is_refused_and_the_fill_told(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["DELETE", "order"] = refusal(-2011)
    bench.client.answers["GET", "order"] = an_order_row(status="FILLED", executedQty="0.005")
    bench.client.answers["GET", "userTrades"] = [a_fill_row(3, qty="0.005")]

    events = cancelled(bench)

    assert names(events) == ["Fill", "CancelRejected"]
    assert isinstance(events[1], CancelRejected)
    assert events[1].reason == "already_final"


def test_a_cancel_overtaking_its_order_waits_for_it(bench: Bench) -> None:
    fails(bench, status=None)
    bench.place(a_limit())
    bench.client.answers["DELETE", "order"] = InTurn(
        refusal(-2011), an_order_row(status="CANCELED")
    )

    assert cancelled(bench) == []
    bench.client.answers["GET", "order"] = an_order_row()

    assert names(bench.run_for(2 * SECOND)) == ["OrderAccepted", "OrderCancelled"]


def test_a_stop_that_triggers_under_its_cancel_is_cancelled_as_an_order(bench: Bench) -> None:
    bench.client.create = lambda: {"info": an_algo_row()}
    bench.place(a_stop())
    bench.client.answers["DELETE", "algoOrder"] = refusal(-2011)
    bench.client.answers["GET", "algoOrder"] = an_algo_row(
        algoStatus="TRIGGERED", actualOrderId="1000"
    )
    bench.client.answers["GET", "order"] = an_order_row(side="SELL")
    bench.client.answers["DELETE", "order"] = an_order_row(status="CANCELED", side="SELL")

    events = cancelled(bench) + bench.run_for(SECOND)

    assert names(events) == ["OrderTriggered", "OrderCancelled"]


def test_the_end_of_a_cancelled_stop_is_asked_for(bench: Bench) -> None:
    bench.client.create = lambda: {"info": an_algo_row()}
    bench.place(a_stop())
    bench.client.answers["DELETE", "algoOrder"] = {"algoId": 2000, "code": "200", "msg": "success"}
    bench.client.answers["GET", "algoOrder"] = an_algo_row(
        algoStatus="CANCELED", updateTime=START // 1_000_000 + 700
    )

    [event] = cancelled(bench)

    assert isinstance(event, OrderCancelled)
    assert event.venue_time_ns == START + 700_000_000


def test_a_cancel_of_a_final_order_is_refused_at_once(bench: Bench) -> None:
    fails(bench, status=400, code=-2019)
    bench.place(a_limit())

    events = cancelled(bench)

    assert names(events) == ["CancelRejected"]
    assert "DELETE order" not in bench.client.paths()


def test_a_cancel_refused_for_another_reason_says_which(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["DELETE", "order"] = refusal(-1022)

    [event] = cancelled(bench)

    assert isinstance(event, CancelRejected)
    assert event.reason == "venue_1022"


# -- what was missed --------------------------------------------------------------------------


def catch_up(bench: Bench) -> list[Any]:
    bench.sender.known_until(START)
    bench.spawn(bench.sender.catch_up([INSTRUMENT]))
    return bench.settle()


def test_missed_fills_come_with_the_orders_they_belong_to(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["GET", "userTrades"] = [a_fill_row(4)]
    bench.client.answers["GET", "order"] = an_order_row(
        status="PARTIALLY_FILLED", executedQty="0.002"
    )

    events = catch_up(bench)

    assert names(events) == ["Fill"]
    assert events[0].fee == 33_600_000_000
    assert bench.desk.by_decision[f"{0:024x}"].filled_lots == 2


def test_a_fill_is_told_once_however_often_it_is_seen(bench: Bench) -> None:
    bench.place(a_limit())
    bench.client.answers["GET", "userTrades"] = [a_fill_row(4)]
    bench.client.answers["GET", "order"] = an_order_row(
        status="PARTIALLY_FILLED", executedQty="0.002"
    )

    assert names(catch_up(bench)) == ["Fill"]
    assert catch_up(bench) == []


def test_an_order_of_our_run_that_we_forgot_is_taken_up(bench: Bench) -> None:
    bench.client.answers["GET", "openOrders"] = [an_order_row(5)]

    [event] = catch_up(bench)

    assert isinstance(event, OrderAccepted)
    assert event.decision_id == f"{5:024x}"


def test_an_order_of_somebody_else_is_named_and_its_fills_are_not_ours(bench: Bench) -> None:
    stranger = an_order_row(clientOrderId="web_abc", executedQty="0.002")
    bench.client.answers["GET", "userTrades"] = [a_fill_row(4)]
    bench.client.answers["GET", "order"] = stranger
    bench.client.answers["GET", "openOrders"] = [stranger]

    events = catch_up(bench)

    assert events == [
        ForeignOrderSeen(
            client_order_id="web_abc",
            instrument="BTC/USDT:USDT",
            side=1,
            filled_lots=2,
            venue_time_ns=START + 21_000_000,
            arrival_time_ns=START,
        )
    ]


def test_a_full_page_of_fills_is_followed_by_the_next(bench: Bench) -> None:
    bench.place(a_limit(lots=5000))
    rows = [a_fill_row(number, qty="0.001") for number in range(1, 1501)]

    def user_trades(**bounds: Any) -> list[dict[str, Any]]:
        return [row for row in rows if row["id"] >= bounds.get("fromId", 0)][:1000]

    bench.client.answers["GET", "userTrades"] = user_trades
    bench.client.answers["GET", "order"] = an_order_row(executedQty="1.5", origQty="5")

    events = catch_up(bench)

    assert len(events) == 1500
    assert len({event.trade_id for event in events}) == 1500


def test_the_audit_finds_a_fill_that_the_stream_kept_from_us(bench: Bench) -> None:
    bench.place(a_limit())
    bench.sender.known_until(START)
    bench.spawn(bench.sender.audit([INSTRUMENT], MINUTE))
    bench.client.answers["GET", "userTrades"] = [a_fill_row(4, qty="0.005")]
    bench.client.answers["GET", "order"] = an_order_row(status="FILLED", executedQty="0.005")

    before = bench.run_for(MINUTE - 1)
    [fill] = bench.run_for(1)

    assert before == []
    assert isinstance(fill, Fill)


def test_the_audit_asks_nothing_while_no_order_lives(bench: Bench) -> None:
    bench.spawn(bench.sender.audit([INSTRUMENT], MINUTE))

    bench.run_for(10 * MINUTE)

    assert bench.client.asked == []


# -- resume -----------------------------------------------------------------------------------


def test_an_intent_without_an_answer_is_asked_for_and_not_sent(bench: Bench) -> None:
    bench.client.answers["GET", "order"] = an_order_row()
    known = KnownOrder(place=a_limit(), state=OrderState.SENT, filled_lots=0)

    bench.spawn(bench.sender.resume([bench.desk.restore(known, INSTRUMENT)]))
    events = bench.settle()

    assert names(events) == ["OrderOutcomeUnknown", "OrderAccepted"]
    assert bench.client.created == []


def test_a_restored_order_does_not_give_its_booked_fills_again(bench: Bench) -> None:
    known = KnownOrder(
        place=a_limit(),
        state=OrderState.PARTLY_FILLED,
        filled_lots=2,
        venue_order_id="1000",
        trade_ids=("4",),
    )
    order = bench.desk.restore(known, INSTRUMENT)
    bench.client.answers["GET", "userTrades"] = [a_fill_row(4), a_fill_row(5, qty="0.003")]
    bench.client.answers["GET", "order"] = an_order_row(status="FILLED", executedQty="0.005")

    events = catch_up(bench)

    assert [event.trade_id for event in events] == ["5"]
    assert order.phase is OrderPhase.FINAL
