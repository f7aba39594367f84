"""Every difference of two rungs lands on the part it belongs to."""

from __future__ import annotations

import pytest

from tests.unit.reconcile.builders import (
    BTC,
    END_MARKS,
    INSTRUMENTS,
    START_MARKS,
    UNIT,
    a_charge,
    a_fill,
    a_rung,
    an_order,
    decision,
)
from tieout.errors import InputError, InvariantViolated
from tieout.model.events import Liquidity
from tieout.model.money import money
from tieout.reconcile import Row, RungRecord, Step, Valuation, open_step, profit

MICRO = 1_000_000
VALUATION = Valuation(INSTRUMENTS, START_MARKS, END_MARKS)


def opened(
    upper: RungRecord, lower: RungRecord, step: Step = Step.EXECUTION, grain: int = 0
) -> dict[str, int]:
    rows = open_step(upper, lower, step=step, valuation=VALUATION, grain=grain)
    assert sum(row.amount for row in rows) == profit(lower, VALUATION) - profit(upper, VALUATION)
    parts: dict[str, int] = {}
    for row in rows:
        parts[row.part] = parts.get(row.part, 0) + row.amount
    return parts


def only_row(upper: RungRecord, lower: RungRecord, step: Step) -> Row:
    (row,) = open_step(upper, lower, step=step, valuation=VALUATION)
    return row


def test_price_of_common_lots_opens_into_delay_half_spread_and_impact() -> None:
    modelled = a_fill(
        price_ticks=100_030, reference_ticks=100_010, half_spread_microticks=15_000_000
    )
    real = a_fill(price_ticks=100_050, reference_ticks=100_020, half_spread_microticks=5 * MICRO)

    parts = opened(a_rung(an_order(), modelled), a_rung(an_order(), real))

    # Reference 10 ticks worse; 10 ticks less half spread; 25 instead of 5 ticks of impact.
    assert parts == {"delay": -100 * UNIT, "half_spread": 100 * UNIT, "impact": -200 * UNIT}


def test_selling_lower_is_worse() -> None:
    modelled = a_fill(side=-1, price_ticks=100_000)
    real = a_fill(side=-1, price_ticks=99_990)

    parts = opened(a_rung(an_order(side=-1), modelled), a_rung(an_order(side=-1), real))

    assert parts == {"delay": -100 * UNIT}


def test_fill_without_reference_counts_all_its_shift_as_delay() -> None:
    modelled = a_fill(
        price_ticks=100_030, reference_ticks=100_000, half_spread_microticks=10_000_000
    )
    real = a_fill(price_ticks=100_030)

    parts = opened(a_rung(an_order(), modelled), a_rung(an_order(), real))

    assert parts == {"delay": -300 * UNIT, "half_spread": 100 * UNIT, "impact": 200 * UNIT}


def test_common_lots_are_first_in_first_out_and_the_rest_is_queue_and_partial() -> None:
    upper = a_rung(an_order(), a_fill(lots=10, price_ticks=100_000, fee=10_000))
    lower = a_rung(
        an_order(),
        a_fill(lots=3, price_ticks=100_001, fee=3_000),
        a_fill(lots=4, price_ticks=100_002, fee=4_000),
    )

    parts = opened(upper, lower)

    assert parts == {
        "delay": -(3 * 1 + 4 * 2) * UNIT,
        # Three lots were not bought at 100,000 that are worth 101,000, and cost no fee.
        "queue_and_partial": -3 * 1000 * UNIT + 3_000,
    }


def test_fee_of_a_split_fill_loses_nothing() -> None:
    upper = a_rung(an_order(), a_fill(lots=3, price_ticks=100_000, fee=100))
    lower = a_rung(an_order(), a_fill(lots=1, price_ticks=100_000, fee=33))

    parts = opened(upper, lower)

    assert parts == {"queue_and_partial": -2 * 1000 * UNIT + 67}


def test_order_that_live_could_not_fill_is_missed() -> None:
    upper = a_rung(an_order(), a_fill(price_ticks=100_000))

    assert opened(upper, a_rung(an_order())) == {"missed": -10 * 1000 * UNIT}
    assert opened(a_rung(an_order()), upper) == {"missed": 10 * 1000 * UNIT}


def test_maker_here_and_taker_there_is_queue() -> None:
    upper = a_rung(an_order(), a_fill(fee=200, liquidity=int(Liquidity.MAKER)))
    lower = a_rung(an_order(), a_fill(fee=500))

    assert opened(upper, lower) == {"queue_and_partial": -300}


def test_fee_that_follows_the_price_is_impact() -> None:
    upper = a_rung(an_order(), a_fill(fee=200))
    lower = a_rung(an_order(), a_fill(fee=201))

    assert opened(upper, lower) == {"impact": -1}


def test_order_on_one_rung_only_is_knock_on() -> None:
    upper = a_rung(an_order(1), a_fill(1, price_ticks=100_000, fee=7))
    lower = a_rung(an_order(2), a_fill(2, price_ticks=100_500, fee=9))

    parts = opened(upper, lower)

    assert parts == {"knock_on": -(10 * 1000 * UNIT - 7) + (10 * 500 * UNIT - 9)}


def test_same_decision_with_another_side_is_two_orders() -> None:
    upper = a_rung(an_order(), a_fill(price_ticks=100_000))
    lower = a_rung(an_order(side=-1), a_fill(side=-1, price_ticks=100_000))

    row = only_row(upper, lower, Step.EXECUTION)

    assert row.part == "knock_on"
    assert row.amount == -2 * 10 * 1000 * UNIT
    assert set(row.evidence) >= {"upper", "lower"}


def test_lots_beyond_what_one_side_asked_for_are_knock_on() -> None:
    upper = a_rung(an_order(lots=10), a_fill(lots=10, price_ticks=100_000))
    lower = a_rung(an_order(lots=6), a_fill(lots=4, price_ticks=100_000))

    parts = opened(upper, lower)

    assert parts == {"queue_and_partial": -2 * 1000 * UNIT, "knock_on": -4 * 1000 * UNIT}


def test_fill_of_an_order_the_journal_lacks_is_still_opened() -> None:
    upper = a_rung(an_order(1), a_fill(1, price_ticks=100_000))
    lower = a_rung(a_fill(1, price_ticks=100_001), a_fill(2, price_ticks=100_000))

    assert opened(upper, lower) == {"delay": -10 * UNIT, "knock_on": 10 * 1000 * UNIT}


def test_fill_that_the_venue_repeated_counts_once() -> None:
    fill = a_fill()

    assert opened(a_rung(an_order(), fill), a_rung(an_order(), fill, fill)) == {}


def test_data_step_knows_price_quantity_and_knock_on() -> None:
    upper = a_rung(an_order(1), a_fill(1, price_ticks=100_000), an_order(2), a_charge("-1"))
    lower = a_rung(
        an_order(1, lots=12, decision_price_ticks=100_002),
        a_fill(1, lots=12, price_ticks=100_002),
        an_order(3),
        a_fill(3, price_ticks=101_000, fee=5),
    )

    parts = opened(upper, lower, Step.DATA)

    assert parts == {
        "price": -10 * 2 * UNIT,
        "quantity": 2 * 998 * UNIT,
        "knock_on": -5 + money("1"),
    }


def test_cost_step_tells_commission_from_the_last_digit() -> None:
    upper = a_rung(an_order(1), a_fill(1, fee=50_000), an_order(2), a_fill(2, fee=50_000))
    lower = a_rung(an_order(1), a_fill(1, fee=60_000), an_order(2), a_fill(2, fee=80_000))

    parts = opened(upper, lower, Step.COST, grain=10_000)

    assert parts == {"rounding": -10_000, "commission": -30_000}


def test_cost_step_compares_funding_by_minute() -> None:
    modelled = a_charge("-1.5", position_lots=10)
    charged = a_charge(
        "-1.25",
        charge_id="venue",
        position_lots=10,
        venue_time_ns=modelled.venue_time_ns + 8_000_000,
    )

    row = only_row(a_rung(modelled), a_rung(charged), Step.COST)

    assert (row.part, row.amount) == ("funding", money("0.25"))


def test_funding_on_another_position_is_knock_on() -> None:
    upper, lower = a_charge("-1", position_lots=10), a_charge("-2", position_lots=20)

    assert opened(a_rung(upper), a_rung(lower), Step.COST) == {"knock_on": money("-1")}


def test_cost_step_calls_another_price_knock_on() -> None:
    upper = a_rung(an_order(), a_fill(price_ticks=100_000))
    lower = a_rung(an_order(), a_fill(price_ticks=100_003))

    assert opened(upper, lower, Step.COST) == {"knock_on": -30 * UNIT}


def test_rows_name_the_order_and_show_both_sides() -> None:
    row = only_row(
        a_rung(an_order(), a_fill(price_ticks=100_000)),
        a_rung(an_order(), a_fill(price_ticks=100_003)),
        Step.EXECUTION,
    )

    assert row.decision_id == decision(1)
    assert row.evidence["upper"]["fills"][0]["price_ticks"] == 100_000  # type: ignore[index]
    assert row.evidence["lower"]["fills"][0]["price_ticks"] == 100_003  # type: ignore[index]


def test_logic_is_not_opened_by_these_rules() -> None:
    with pytest.raises(InvariantViolated, match="step logic has rules of its own"):
        open_step(a_rung(), a_rung(), step=Step.LOGIC, valuation=VALUATION)


def test_missing_mark_is_named_with_its_remedy() -> None:
    blind = Valuation(INSTRUMENTS, START_MARKS, {})

    with pytest.raises(InputError, match=f"{BTC}: the live journal has no final mark price; stop"):
        profit(a_rung(an_order(), a_fill()), blind)


def test_unknown_instrument_is_named() -> None:
    with pytest.raises(InputError, match="instrument 'XRP' was traded but is not given; known"):
        profit(a_rung(a_fill(instrument="XRP")), VALUATION)


def test_ledger_and_formula_are_two_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Valuation, "fill_worth", lambda self, fill: 0)

    with pytest.raises(InvariantViolated, match="its ledger says a profit of"):
        profit(a_rung(an_order(), a_fill()), VALUATION)
