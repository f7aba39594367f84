"""The ladder: from the twin to the statement, with every figure from its own source."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.unit.reconcile.builders import (
    BTC,
    ETH,
    INSTRUMENTS,
    RUN,
    UNIT,
    a_charge,
    a_fill,
    a_rung,
    a_statement,
    an_order,
    decision,
    reconciled,
)
from tieout.errors import InputError, InvariantViolated
from tieout.model.money import money
from tieout.model.profiles import profile
from tieout.reconcile import Reconciliation, Row, Step, attribute

FEE = money("0.04")


def ladder() -> list[Any]:
    """Five rungs in which each step does one thing."""
    first = a_fill(1, price_ticks=100_010, trade_id="s1", fee=FEE)
    return [
        a_rung(an_order(1), first, an_order(2), a_fill(2, trade_id="s2", fee=FEE)),
        a_rung(an_order(1), first),
        a_rung(an_order(1), a_fill(1, price_ticks=100_040, trade_id="77", fee=FEE)),
        a_rung(
            an_order(1),
            a_fill(1, price_ticks=100_040, trade_id="77", fee=FEE + money("0.01")),
            a_charge("-0.5"),
        ),
        a_rung(
            an_order(1),
            a_fill(1, price_ticks=100_040, trade_id="77", fee=FEE + money("0.01")),
            a_charge("-0.5"),
            an_order(3),
            a_fill(3, price_ticks=100_020, trade_id="78"),
        ),
    ]


def the_result() -> Reconciliation:
    rungs = ladder()
    return reconciled(*rungs, statement=a_statement(rungs[4], hidden="12.34"))


def facts_of(result: Reconciliation) -> Any:
    return json.loads(json.dumps(result.facts()))


def test_each_cause_lands_on_its_step_and_part() -> None:
    result = the_result()

    assert result.steps == {
        Step.DATA: -10 * 990 * UNIT + FEE,
        Step.EXECUTION: -10 * 30 * UNIT,
        Step.COST: money("-0.51"),
        Step.LOGIC: 10 * 980 * UNIT,
        Step.UNEXPLAINED: money("12.34"),
    }
    assert result.parts(Step.EXECUTION)["delay"] == -10 * 30 * UNIT
    assert result.parts(Step.COST)["funding"] == money("-0.5")
    assert result.parts(Step.LOGIC)["decisions"] + result.parts(Step.LOGIC)["model_error"] == (
        10 * 980 * UNIT
    )


def test_facts_are_exact_decimal_texts_that_sum() -> None:
    facts = facts_of(the_result())

    assert Decimal(facts["live_pnl"]) - Decimal(facts["twin_pnl"]) == Decimal(facts["difference"])
    assert sum(map(Decimal, facts["steps"].values())) == Decimal(facts["difference"])
    assert list(facts["steps"]) == ["data", "execution", "cost", "logic", "unexplained"]
    for step, amount in facts["steps"].items():
        assert sum(map(Decimal, facts[f"{step}_parts"].values())) == Decimal(amount)
    assert list(facts["execution_parts"]) == [
        "delay",
        "half_spread",
        "impact",
        "queue_and_partial",
        "missed",
        "knock_on",
    ]
    assert set(facts["metrics"]) >= {
        "signal_match_rate",
        "fill_rate",
        "average_slippage_bps",
        "pnl_divergence",
        "latency_p99_ms",
    }
    assert set(facts["breaks"][0]) == {"kind", "severity", "order", "amount", "evidence"}
    assert facts["steps"]["unexplained"] == "12.34"


def test_orders_open_every_step() -> None:
    facts = facts_of(the_result())

    lines = {line["decision_id"]: line for line in facts["orders"]}
    assert list(lines) == [decision(1), decision(2), decision(3)]
    assert [each["rung"] for each in lines[decision(1)]["rungs"]] == [0, 1, 2, 3, 4]
    assert lines[decision(1)]["rungs"][2]["average_price"] == "10004"
    assert lines[decision(2)]["matched"] is False
    assert lines[decision(3)]["steps"]["logic"] == facts["steps"]["logic"]
    total = sum(Decimal(line["amount"]) for line in lines.values())
    rest = sum(Decimal(row["amount"]) for row in facts["rows"] if not row["order"])
    assert total + rest == Decimal(facts["difference"])


def test_rungs_print_their_own_profit_and_how_much_was_simulated() -> None:
    facts = facts_of(the_result())

    rungs = facts["rungs"]
    assert [each["rung"] for each in rungs] == [0, 1, 2, 3, 4, 5]
    assert rungs[0]["profit"] == facts["twin_pnl"]
    assert rungs[5]["profit"] == facts["live_pnl"]
    assert [each["simulated_share"] for each in rungs] == [1.0, 1.0, 0.0, 0.0, 0.0, None]
    assert Decimal(rungs[3]["gross"]) == Decimal("0.96")
    assert rungs[0]["sharpe"] is None


def test_twins_own_marks_are_a_valuation_line() -> None:
    rungs = ladder()
    rungs[0] = replace(rungs[0], end_marks={BTC: 100_900})

    result = reconciled(*rungs)

    # Twenty lots, one hundred ticks.
    assert result.parts(Step.DATA)["valuation"] == 20 * 100 * UNIT
    assert result.twin_pnl == 10 * (890 + 890) * UNIT - 2 * FEE


def test_twins_own_start_mark_is_valued_too() -> None:
    held = ((BTC, 3, 0),)
    rung = a_rung(positions=held)

    result = reconciled(replace(rung, start_marks={BTC: 99_000}), rung)

    assert result.parts(Step.DATA)["valuation"] == -3 * 1000 * UNIT


def test_without_a_statement_the_ladder_ends_at_the_journal() -> None:
    result = reconciled(*ladder(), statement=None)

    assert not result.has_statement
    assert result.live_pnl == result.rungs[4].profit
    assert len(result.rungs) == 5
    assert result.steps[Step.UNEXPLAINED] == 0
    assert "no account statement" in result.notes[-1]


def altered(result: Reconciliation, **changes: object) -> Reconciliation:
    return msgspec.structs.replace(result, **changes)


def test_any_altered_row_breaks_the_proof() -> None:
    result = the_result()

    for at, row in enumerate(result.rows):
        other = msgspec.structs.replace(row, amount=row.amount - 1)
        rows = (*result.rows[:at], other, *result.rows[at + 1 :])
        with pytest.raises(InvariantViolated, match=f"step {row.step}: its rows sum to"):
            altered(result, rows=rows).check()


def test_lost_row_breaks_the_proof() -> None:
    result = the_result()

    with pytest.raises(InvariantViolated, match="its rows sum to"):
        altered(result, rows=result.rows[1:]).check()


def test_altered_total_breaks_the_proof() -> None:
    result = reconciled(*ladder(), statement=None)

    with pytest.raises(InvariantViolated, match="the steps sum to"):
        altered(result, live_pnl=result.live_pnl + 1).check()


def test_altered_order_breaks_the_proof() -> None:
    result = the_result()

    with pytest.raises(InvariantViolated, match="the orders sum to"):
        altered(result, orders=result.orders[1:]).check()


def test_part_that_no_step_has_breaks_the_proof() -> None:
    result = the_result()
    row = Row(step=Step.DATA, part="plug", decision_id="", amount=0, evidence={})

    with pytest.raises(InvariantViolated, match="unknown part 'plug'"):
        altered(result, rows=(*result.rows, row)).check()


def refused(rungs: list[Any], message: str, instruments: Any = INSTRUMENTS) -> None:
    with pytest.raises(InputError, match=message):
        attribute(
            rungs,
            None,
            run_id=RUN,
            instruments=instruments,
            profile_used=profile("practice-1"),
        )


def test_ladder_with_a_missing_rung_is_refused() -> None:
    refused(ladder()[:4], "attribution needs rungs 0 to 4 and has 4")


def test_run_that_has_not_ended_is_refused() -> None:
    rungs = ladder()
    rungs[4] = replace(rungs[4], ended_ns=None)

    refused(rungs, "the live run has not ended; stop it first")


def test_rung_that_started_from_other_positions_is_refused() -> None:
    rungs = ladder()
    rungs[2] = a_rung(positions=((BTC, 5, 0),), name="rung 2")

    refused(rungs, "rung 2: started from positions .*5.* and live from {}")


def test_instruments_in_two_currencies_are_refused() -> None:
    eth = msgspec.structs.replace(INSTRUMENTS[ETH], currency="USD")

    refused(ladder(), "the instruments are in USD, USDT", {**INSTRUMENTS, ETH: eth})


def test_fill_whose_decision_no_journal_has_is_shown_with_what_is_known() -> None:
    live = a_rung(a_fill(9))

    (line,) = reconciled(a_rung(), live).orders

    assert (line.instrument, line.side, line.origin) == (BTC, 1, "")
