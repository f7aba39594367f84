"""A record with its interruption healed."""

from __future__ import annotations

from typing import Any

import msgspec

from tieout.adapters.feeds.unbroken import Unbroken, unbroken
from tieout.model.events import (
    Bar,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderOutcomeUnknown,
    OrderRejected,
    RunEnded,
    RunResumed,
    RunStarted,
    Trade,
)
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import profile

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DOWN, UP = 100 * MINUTE, 110 * MINUTE
PROFILE = profile("practice-1")
STARTED = RunStarted(arrival_time_ns=90 * MINUTE, cash=0)
RESUMED = RunResumed(arrival_time_ns=UP, down_since_ns=DOWN, state="kept")
ENDED = RunEnded(arrival_time_ns=120 * MINUTE, reason="finished")


def a_trade(venue_ns: int, arrival_ns: int, number: int = 1) -> Trade:
    return Trade("ES", venue_ns, arrival_ns, 100, 1, 0, number, 25.0)


def a_bar(close_ns: int, arrival_ns: int, *, warm_up: bool = False) -> Bar:
    return Bar(
        "ES", MINUTE, close_ns - MINUTE, close_ns, arrival_ns, 1, 1, 1, 1, 1, 0, 0.25, warm_up
    )


def an_order(decision: str, decided_ns: int) -> PlaceOrder:
    return PlaceOrder(
        decision_id=decision, instrument="ES", side=1, order_type=1, lots=1,
        limit_ticks=None, stop_ticks=None, time_in_force=1, decision_price_ticks=100,
        decided_at_ns=decided_ns, origin="",
    )  # fmt: skip


def a_fill(decision: str, venue_ns: int, arrival_ns: int) -> Fill:
    return Fill(
        decision_id=decision, trade_id="1", instrument="ES", side=1, lots=1, price_ticks=100,
        fee=0, fee_currency="USD", liquidity=2, venue_time_ns=venue_ns, arrival_time_ns=arrival_ns,
    )  # fmt: skip


def accepted(decision: str, venue_ns: int, arrival_ns: int) -> OrderAccepted:
    return OrderAccepted(
        decision_id=decision, venue_order_id="1", venue_time_ns=venue_ns, arrival_time_ns=arrival_ns
    )


def healed(*records: object, missed: tuple[Trade | Bar, ...] = ()) -> Unbroken:
    def stored(after_ns: int, until_ns: int) -> list[Trade | Bar]:
        assert (after_ns, until_ns) == (DOWN, UP)
        return list(missed)

    return unbroken([STARTED, *records, ENDED], profile=PROFILE, missed=stored)


def market_of(whole: Unbroken) -> list[Any]:
    assert (whole.market[0], whole.market[-1]) == (STARTED, ENDED)
    return whole.market[1:-1]


def test_a_record_without_interruption_stays_as_it_is() -> None:
    records = [a_trade(DOWN, DOWN + 5), an_order("a", DOWN + 5), accepted("a", DOWN, DOWN + 9)]

    whole = healed(*records)

    assert market_of(whole) == records[:1]
    assert whole.answers == records[1:]


def test_missed_rows_arrive_when_they_would_have() -> None:
    missed = [a_trade(DOWN + SECOND, UP, 1), a_trade(UP - SECOND, UP, 2)]
    live = a_trade(UP, UP + PROFILE.trade_delay_ns, 3)

    whole = healed(RESUMED, *missed, live)

    times = [each.arrival_time_ns for each in market_of(whole)]
    delay = PROFILE.trade_delay_ns
    assert times == [DOWN + SECOND + delay, UP - SECOND + delay, UP + delay]


def test_a_row_that_would_have_arrived_before_the_stop_arrives_at_it() -> None:
    whole = healed(RESUMED, a_trade(DOWN - MINUTE, UP))

    assert [each.arrival_time_ns for each in market_of(whole)] == [DOWN]


def test_warm_up_of_a_strategy_started_anew_is_left_out() -> None:
    whole = healed(RESUMED, a_bar(DOWN, UP, warm_up=True))

    assert market_of(whole) == []


def test_a_stream_of_which_nothing_was_fetched_comes_from_the_store() -> None:
    stored = (a_trade(DOWN + 1, DOWN + 2, 7), a_bar(DOWN + MINUTE, DOWN + MINUTE + 3))

    whole = healed(RESUMED, a_bar(DOWN + MINUTE, UP), missed=stored)

    assert market_of(whole) == [
        stored[0],
        a_bar(DOWN + MINUTE, DOWN + MINUTE + PROFILE.bar_delay_ns),
    ]


def test_reports_and_charges_are_known_when_they_would_have_been() -> None:
    order = an_order("a", DOWN - 1)
    charge = FundingCharged(
        instrument="ES", charge_id="1", amount=1, rate="0", position_lots=1, mark_ticks=1,
        venue_time_ns=DOWN + MINUTE, arrival_time_ns=UP,
    )  # fmt: skip

    whole = healed(order, RESUMED, a_fill("a", DOWN + MINUTE, UP), charge)

    known = DOWN + MINUTE + PROFILE.response_latency_ns
    assert [each.arrival_time_ns for each in whole.answers[1:]] == [known, known]  # type: ignore[attr-defined]


def test_bars_that_we_make_are_left_to_be_made_again() -> None:
    made = msgspec.structs.replace(a_bar(UP, UP), rule="5m of trades")

    whole = healed(
        a_bar(DOWN - 1, DOWN - 1), made, RESUMED, msgspec.structs.replace(made, revision=1)
    )

    assert [each.rule for each in whole.market if isinstance(each, Bar)] == [""]


def test_an_order_that_died_with_the_process_takes_no_answer() -> None:
    unknown = OrderOutcomeUnknown(decision_id="a", detail="", arrival_time_ns=UP)
    absent = OrderRejected(
        decision_id="a", reason="absent", detail="", venue_time_ns=UP, arrival_time_ns=UP
    )

    whole = healed(an_order("a", DOWN), RESUMED, unknown, absent)

    assert whole.answers == []


def test_an_order_that_had_reached_the_venue_keeps_its_answers() -> None:
    unknown = OrderOutcomeUnknown(decision_id="a", detail="", arrival_time_ns=UP)
    order = an_order("a", DOWN)

    whole = healed(order, RESUMED, unknown, accepted("a", DOWN + SECOND, UP))

    known = DOWN + SECOND + PROFILE.response_latency_ns
    assert whole.answers == [order, accepted("a", DOWN + SECOND, known)]
