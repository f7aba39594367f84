"""The order machine accepts any legal order of reports and never counts a fill twice."""

from __future__ import annotations

import itertools

import pytest

from tests.support.worlds import SYMBOL, T0, a_fill
from tieout.errors import InvariantViolated
from tieout.kernel.orders import Orders
from tieout.model.events import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.orders import CancelOrder, OrderState, OrderType, PlaceOrder


def an_order(*, lots: int = 3, order_type: OrderType = OrderType.MARKET) -> PlaceOrder:
    return PlaceOrder(
        decision_id="d1",
        instrument=SYMBOL,
        side=1,
        order_type=int(order_type),
        lots=lots,
        limit_ticks=None,
        stop_ticks=None,
        time_in_force=1,
        decided_at_ns=T0,
        decision_price_ticks=400,
        origin="bar",
    )


def accepted() -> OrderAccepted:
    return OrderAccepted(
        decision_id="d1", venue_order_id="v1", venue_time_ns=T0, arrival_time_ns=T0
    )


def cancelled() -> OrderCancelled:
    return OrderCancelled(
        decision_id="d1", reason="requested", filled_lots=0, venue_time_ns=T0, arrival_time_ns=T0
    )


def rejected() -> OrderRejected:
    return OrderRejected(
        decision_id="d1", reason="margin", detail="", venue_time_ns=T0, arrival_time_ns=T0
    )


def test_any_order_of_acceptance_and_fills_ends_filled() -> None:
    place = an_order()
    reports = [accepted(), accepted()] + [
        a_fill(place, trade_id=str(number)) for number in range(3)
    ]
    for sequence in itertools.permutations(reports):
        orders = Orders()
        order = orders.add(place)
        for report in sequence:
            orders.apply(report)
        assert order.state is OrderState.FILLED
        assert order.filled_lots == 3
        assert not orders.open


def test_a_fill_seen_twice_counts_once() -> None:
    orders = Orders()
    place = an_order()
    order = orders.add(place)

    first = orders.apply(a_fill(place, trade_id="t"))
    second = orders.apply(a_fill(place, trade_id="t"))

    assert first is order
    assert second is None
    assert order.filled_lots == 1
    assert order.open_lots == 2


def test_a_fill_after_the_cancel_is_still_booked() -> None:
    orders = Orders()
    place = an_order()
    order = orders.add(place)
    orders.apply(cancelled())

    assert orders.apply(a_fill(place, trade_id="late")) is order
    assert order.filled_lots == 1
    assert order.state is OrderState.CANCELLED


def test_an_unknown_order_counts_in_full_until_evidence_comes() -> None:
    orders = Orders()
    order = orders.add(an_order())

    unknown = OrderOutcomeUnknown(decision_id="d1", detail="time-out", arrival_time_ns=T0)
    assert orders.apply(unknown) is order
    assert orders.open_lots(SYMBOL) == 3
    assert orders.apply(unknown) is None
    orders.apply(accepted())

    assert order.state is OrderState.ACCEPTED
    assert orders.apply(unknown) is None


def test_final_orders_do_not_move_and_rejection_closes() -> None:
    orders = Orders()
    order = orders.add(an_order())
    orders.apply(rejected())

    assert order.state is OrderState.REJECTED
    assert order.open_lots == 0
    assert orders.apply(accepted()) is None
    assert orders.apply(cancelled()) is None


def test_reports_of_strangers_change_nothing() -> None:
    assert Orders().apply(accepted()) is None


def test_one_origin_decides_once() -> None:
    orders = Orders()
    orders.add(an_order())
    with pytest.raises(InvariantViolated, match="exists already"):
        orders.add(an_order())


def test_a_sleeping_stop_is_not_coming_and_a_triggered_one_is() -> None:
    orders = Orders()
    order = orders.add(an_order(order_type=OrderType.STOP_MARKET))
    triggered = OrderTriggered(decision_id="d1", venue_time_ns=T0, arrival_time_ns=T0)

    assert orders.coming_lots(SYMBOL) == 0
    assert orders.apply(triggered) is order
    assert orders.apply(triggered) is None
    assert orders.coming_lots(SYMBOL) == 3


def test_every_refused_cancel_of_an_order_has_a_name_of_its_own() -> None:
    orders = Orders()
    order = orders.add(an_order())
    order.cancel = CancelOrder(
        decision_id="c3", order_decision_id="d1", decided_at_ns=T0, origin="third"
    )
    refused = CancelRejected(decision_id="d1", reason="final", venue_time_ns=T0, arrival_time_ns=T0)

    names = []
    for _ in range(4):
        assert orders.apply(refused) is order
        names.append(order.answered)

    assert names == ["c3", "", "1", "2"]


def test_a_refused_cancel_is_news_but_changes_no_state() -> None:
    orders = Orders()
    order = orders.add(an_order())
    refused = CancelRejected(decision_id="d1", reason="final", venue_time_ns=T0, arrival_time_ns=T0)

    assert orders.apply(refused) is order
    assert order.state is OrderState.INTENDED
    assert order.snapshot() == ("d1", int(OrderState.INTENDED), 0)
