"""Decisions that live made otherwise are laid on what its journal says happened before."""

from __future__ import annotations

import pytest

from tests.unit.reconcile.builders import (
    END_MARKS,
    INSTRUMENTS,
    MINUTE,
    START_MARKS,
    T0,
    UNIT,
    a_charge,
    a_fill,
    a_rung,
    an_order,
    decision,
)
from tieout.model.events import OperatorCommand, RunResumed
from tieout.model.money import money
from tieout.reconcile import RungRecord, Valuation, profit
from tieout.reconcile.logic import model_band, open_logic

VALUATION = Valuation(INSTRUMENTS, START_MARKS, END_MARKS)
SOUND = a_rung(*(each for n in (1, 5, 9) for each in (an_order(n), a_fill(n, price_ticks=100_000))))
WORTH = 10 * 1000 * UNIT


def resumed(state: str, *, since: int = 3, until: int = 4) -> RunResumed:
    return RunResumed(
        arrival_time_ns=T0 + until * MINUTE + 1, down_since_ns=T0 + since * MINUTE, state=state
    )


def live_with(*between: object, orders: tuple[int, ...] = (1,)) -> RungRecord:
    own = [each for n in orders for each in (an_order(n), a_fill(n, price_ticks=100_000))]
    return a_rung(*own, *between)


def parts(live: RungRecord, *, modelled: RungRecord | None = None) -> dict[str, int]:
    rows = open_logic(
        SOUND, live, modelled=a_rung() if modelled is None else modelled, valuation=VALUATION
    )
    assert sum(row.amount for row in rows) == profit(live, VALUATION) - profit(SOUND, VALUATION)
    found: dict[str, int] = {}
    for row in rows:
        found[row.part] = found.get(row.part, 0) + row.amount
    return found


def test_sound_run_has_no_logic_difference() -> None:
    assert parts(SOUND) == {}


def test_orders_lost_after_a_fresh_start_are_restart() -> None:
    assert parts(live_with(resumed("fresh"))) == {"restart": -2 * WORTH}


def test_orders_due_while_the_process_was_down_are_downtime() -> None:
    live = live_with(resumed("kept", since=4, until=6), orders=(1, 9))

    assert parts(live) == {"downtime": -WORTH}


def test_what_diverges_after_a_downtime_follows_from_it() -> None:
    live = live_with(resumed("kept", since=6, until=7), orders=(1, 5))

    assert parts(live) == {"downtime": -WORTH}


def test_orders_after_a_halt_are_the_operators() -> None:
    halt = OperatorCommand(command="halt", actor="anna", arrival_time_ns=T0 + 6 * MINUTE)

    assert parts(live_with(halt, orders=(1, 5))) == {"operator": -WORTH}


def test_other_decisions_without_any_interruption_are_decisions() -> None:
    rows = open_logic(SOUND, live_with(orders=(1, 5)), modelled=a_rung(), valuation=VALUATION)

    assert [(row.part, row.decision_id) for row in rows] == [("decisions", decision(9))]
    assert "no interruption" in str(rows[0].evidence["cause"])


def test_interruption_explains_nothing_that_came_before_it() -> None:
    live = live_with(resumed("fresh", since=6, until=7), orders=(1, 9))

    assert parts(live) == {"decisions": -WORTH}


def test_order_that_only_live_has_is_priced_by_the_model_and_the_rest_is_its_error() -> None:
    # The model pays one tenth of a percent over the decision price and 2 a ten lots' notional.
    modelled = a_rung(an_order(1), a_fill(1, price_ticks=100_100, fee=money("0.1001")))
    live = a_rung(
        *(each for n in (1, 5, 9) for each in (an_order(n), a_fill(n, price_ticks=100_000))),
        an_order(12),
        a_fill(12, price_ticks=100_300, fee=money("0.2")),
    )

    assert parts(live, modelled=modelled) == {
        "decisions": 10 * 900 * UNIT - money("0.1001"),
        "model_error": -10 * 200 * UNIT - money("0.0999"),
    }


def test_order_decided_before_any_price_is_not_split() -> None:
    modelled = a_rung(an_order(1), a_fill(1, price_ticks=100_100))
    live = a_rung(
        *(each for n in (1, 5, 9) for each in (an_order(n), a_fill(n, price_ticks=100_000))),
        an_order(12, decision_price_ticks=None),
        a_fill(12, price_ticks=100_300),
    )

    assert parts(live, modelled=modelled) == {"decisions": 10 * 700 * UNIT}


def test_funding_follows_the_cause_of_its_time() -> None:
    live = a_rung(
        *(each for n in (1, 5, 9) for each in (an_order(n), a_fill(n, price_ticks=100_000))),
        resumed("fresh"),
        a_charge("-1"),
    )

    assert parts(live) == {"restart": money("-1")}


def test_model_is_measured_on_matched_orders() -> None:
    modelled = a_rung(
        *(each for n in range(6) for each in (an_order(n), a_fill(n, price_ticks=100_000)))
    )
    worse = [0, 10, 20, 30, 40]
    live = a_rung(
        *(
            each
            for n, ticks in enumerate(worse)
            for each in (an_order(n), a_fill(n, price_ticks=100_000 + ticks))
        )
    )

    band = model_band(modelled, live, modelled=modelled, valuation=VALUATION)

    # Mean error 20 ticks, two deviations 31.6 ticks, on the ten lots of one order.
    assert (band.orders, band.measured_on) == (1, 5)
    assert band.low == pytest.approx(-51.623 * 10 * UNIT, rel=1e-4)
    assert band.high == pytest.approx(11.623 * 10 * UNIT, rel=1e-4)


def test_model_measured_on_too_few_orders_has_no_band() -> None:
    band = model_band(SOUND, SOUND, modelled=SOUND, valuation=VALUATION)

    assert (band.orders, band.measured_on, band.low, band.high) == (0, 3, None, None)


def test_model_error_needs_the_same_instrument_and_side() -> None:
    other = a_rung(an_order(1, side=-1), a_fill(1, side=-1))

    assert model_band(SOUND, SOUND, modelled=other, valuation=VALUATION).measured_on == 0
