"""A user's own models decide what a simulated fill is, costs, and when it comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.stages import perform
from tests.support.worlds import SECOND, SYMBOL, T0, trades
from tieout.errors import SettingsError
from tieout.market.models import compiled_model
from tieout.model.events import OrderAccepted, OrderRejected
from tieout.model.latencies import (
    DrawnLatency,
    Journey,
    MeasuredLatency,
    MeasuredRequest,
    Quantiles,
)
from tieout.model.money import money_decimal


def buy(lots: int, **terms: Any) -> Any:
    return lambda context: context.buy(SYMBOL, units=lots, **terms)


class OnePercent:
    name = "one-percent"
    version = 1

    def shift_e8(self, *question: float) -> int:
        return 1_000_000


@compiled_model(name="one-percent", version=1)
def shift_e8(side: int, reference_ticks: int, lots: int, sigma: float, volume: float) -> int:
    return 1_000_000


@pytest.mark.parametrize("model", [OnePercent(), shift_e8])
def test_a_slippage_model_shifts_what_is_taken_and_not_what_rested(model: object) -> None:
    run = perform(
        [400, 400, 400, 390], {1: buy(1), 2: buy(1, limit=99)}, models={"slippage": model}
    )

    taken, rested = run.fills
    assert (taken.price_ticks, taken.reference_ticks) == (404, 400)
    assert rested.price_ticks == 396


class Asked:
    name = "asked"
    version = 1

    def __init__(self) -> None:
        self.questions: list[tuple[float, ...]] = []

    def shift_e8(self, *question: float) -> int:
        self.questions.append(question)
        return 0


def test_a_slippage_model_is_told_deviation_and_volume_of_the_minutes_before() -> None:
    model = Asked()

    perform(
        trades([400, 400, 404, 404, 402, 402, 408, 408], step_ns=30 * SECOND),
        {6: buy(3)},
        models={"slippage": model},
    )

    ((side, reference, lots, sigma, volume),) = model.questions
    assert (side, reference, lots) == (1, 408, 3)
    # The first minute holds one print of ten lots, the two after it two.
    assert volume == pytest.approx(50 / 3)
    assert sigma > 0


class HalfOfIt:
    name = "half"
    version = 1

    def lots(self, *question: int) -> int:
        event_lots, wanted = question[3], question[6]
        return min(wanted, event_lots // 2)


def test_a_fill_model_says_how_much_of_an_event_an_order_gets() -> None:
    run = perform([400] * 5, {1: buy(12)}, models={"fill": HalfOfIt()})

    assert [fill.lots for fill in run.fills] == [5, 5, 2]


class Broken:
    name = "broken"
    version = 1

    def shift_e8(self, *question: float) -> int:
        raise LookupError("no table for this hour")


class TooMuch:
    name = "too-much"
    version = 1

    def lots(self, *question: int) -> int:
        return 1 + question[6]


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ({"slippage": Broken()}, "model broken: LookupError: no table for this hour"),
        ({"fill": TooMuch()}, "model too-much: it raised, or answered out of its bounds"),
    ],
)
def test_a_model_that_fails_ends_the_run_with_its_own_words(models: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        perform([400] * 4, {1: buy(1)}, models=models)


class Flat:
    name = "flat"
    version = 1

    def fee(self, instrument: Any, **fill: int) -> Decimal:
        return Decimal("0.125") * fill["lots"]


def test_a_fee_model_is_charged() -> None:
    run = perform([400] * 4, {1: buy(3)}, models={"fee": Flat()})

    assert money_decimal(run.fills[0].fee) == Decimal("0.375")


class SlowToPlace:
    """Four seconds there, one back; a cancel is at once."""

    def journey(self, command: str, sent_ns: int, draw: Any) -> Journey:
        return Journey(4 * SECOND, SECOND) if command == "place" else Journey(0, 0)


def test_a_latency_model_says_when_an_order_arrives_and_when_we_hear_of_it() -> None:
    run = perform(
        [400, 401, 402, 403, 404, 405, 406, 407], {1: buy(1)}, models={"latency": SlowToPlace()}
    )

    (accepted,) = run.reports(OrderAccepted)
    (fill,) = run.fills
    decided = T0 + SECOND
    assert accepted.venue_time_ns == decided + 4 * SECOND
    assert accepted.arrival_time_ns == decided + 5 * SECOND
    assert fill.price_ticks == 405


def test_an_order_that_the_measured_venue_refused_is_rejected_when_its_log_says() -> None:
    log = (
        MeasuredRequest(T0, T0 + 10, T0 + 20),
        MeasuredRequest(T0 + 2 * SECOND, 0, T0 + 5 * SECOND),
    )

    run = perform([400] * 8, {3: buy(1)}, latency=MeasuredLatency(log=log))

    (rejected,) = run.reports(OrderRejected)
    assert rejected.arrival_time_ns == T0 + 6 * SECOND
    assert run.fills == []


def test_a_drawn_latency_is_the_same_whatever_else_is_ordered() -> None:
    latency = DrawnLatency(entry=Quantiles(((0, 0), (1_000_000, 3 * SECOND))))
    few = perform([400] * 20, {5: buy(1)}, latency=latency)
    many = perform([400] * 20, {1: buy(1), 3: buy(1), 5: buy(1)}, latency=latency)
    other = perform([400] * 20, {5: buy(1)}, latency=latency, seed=8)

    arrived = {each.decision_id: each.venue_time_ns for each in many.reports(OrderAccepted)}
    (alone,) = few.reports(OrderAccepted)
    assert arrived[alone.decision_id] == alone.venue_time_ns
    assert other.reports(OrderAccepted)[0].venue_time_ns != alone.venue_time_ns


def test_orders_overtake_each_other_when_their_latencies_say_so() -> None:
    class FirstIsSlow:
        def journey(self, command: str, sent_ns: int, draw: Any) -> Journey:
            return Journey(5 * SECOND if sent_ns == T0 + SECOND else 0, 0)

    run = perform(
        [400, 401, 402, 403, 404, 405, 406, 407, 408],
        {1: buy(1), 3: buy(2)},
        models={"latency": FirstIsSlow()},
    )

    assert [fill.lots for fill in run.fills] == [2, 1]


def test_the_venues_clock_ahead_of_ours_shifts_stamps_and_not_what_is_traded() -> None:
    plain = perform([400] * 6, {2: buy(1)}, entry_latency_ns=SECOND)
    ahead = perform([400] * 6, {2: buy(1)}, entry_latency_ns=SECOND, clock_offset_ns=SECOND // 2)

    (before,), (after,) = plain.reports(OrderAccepted), ahead.reports(OrderAccepted)
    assert after.venue_time_ns - before.venue_time_ns == SECOND // 2
    assert after.arrival_time_ns == before.arrival_time_ns
