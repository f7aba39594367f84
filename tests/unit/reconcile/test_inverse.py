"""Tie-outs of inverse contracts: each part worked out by hand, and nothing left over."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from tests.unit.reconcile.builders import (
    BTC,
    END_MARKS,
    INVERSE,
    START_MARKS,
    a_charge,
    a_fill,
    a_rung,
    a_statement,
    a_trade_of,
    an_acceptance,
    an_order,
    reconciled,
)
from tieout.model.money import money
from tieout.model.profiles import profile
from tieout.reconcile import Row, Step, Valuation, open_step, round_trips, summarise
from tieout.reconcile.valuation import profit as profit_of
from tieout.report import reconciliation_page

VALUATION = Valuation(INVERSE, {BTC: 100_000}, {BTC: 200_000})
"""Ten thousand at the start, twenty thousand at the end: a hundredth and half of it a contract."""

MICRO = 1_000_000


def parts(rows: list[Row]) -> dict[str, int]:
    return {row.part: row.amount for row in rows}


def test_profit_is_the_formula() -> None:
    rung = a_rung(an_order(), a_fill(lots=10, price_ticks=125_000, fee=money("0.00004")))

    # 10·100·(1/12,500 − 1/20,000) = 0.03.
    assert profit_of(rung, VALUATION) == money("0.03") - money("0.00004")


def test_parts_of_a_matched_order_are_differences_of_one_over_the_price() -> None:
    # Model: reference 10,000, half spread 6,000, paid 20,000. Live: reference 12,500, paid 25,000.
    model = a_fill(
        price_ticks=200_000, reference_ticks=100_000, half_spread_microticks=60_000 * MICRO
    )
    real = a_fill(price_ticks=250_000, reference_ticks=125_000, half_spread_microticks=0)
    upper, lower = a_rung(an_order(), model), a_rung(an_order(), real)

    rows = open_step(upper, lower, step=Step.EXECUTION, valuation=VALUATION)

    # A contract is worth 0.01 at 10,000, 0.00625 at 16,000, 0.008 at 12,500, 0.005 and 0.004 at
    # what was paid; to have bought lower is to owe more coins, so a lower worth is the cost.
    assert parts(rows) == {
        "delay": 10 * (money("0.008") - money("0.01")),
        "half_spread": 10 * (money("0.01") - money("0.00625")),
        "impact": 10 * ((money("0.00625") - money("0.005")) - (money("0.008") - money("0.004"))),
    }
    assert sum(parts(rows).values()) == profit_of(lower, VALUATION) - profit_of(upper, VALUATION)


def test_fills_cut_otherwise_leave_their_rounding_in_a_part_of_its_own() -> None:
    third = {"price_ticks": 30_000, "reference_ticks": 30_000}
    upper = a_rung(an_order(lots=3), a_fill(lots=3, **third))
    lower = a_rung(
        an_order(lots=3),
        *(a_fill(lots=1, trade_id=str(place), **third) for place in range(3)),
    )

    rows = open_step(upper, lower, step=Step.EXECUTION, valuation=VALUATION)

    # 100/3,000 is 0.0333…: three roundings are 10⁻¹² less than the one of all three lots.
    assert parts(rows) == {"value_rounding": -1}
    assert profit_of(lower, VALUATION) - profit_of(upper, VALUATION) == -1


def a_live_run() -> Any:
    return a_rung(
        an_order(1),
        an_acceptance(1),
        a_fill(1, lots=7, price_ticks=100_030, fee=money("0.00003499"), reference_ticks=100_010),
        an_order(2, side=-1, lots=12),
        an_acceptance(2),
        a_fill(2, side=-1, lots=12, price_ticks=99_970, fee=money("0.00006")),
        an_order(3, lots=2),
        an_acceptance(3),
        a_fill(3, lots=2, price_ticks=100_970, fee=money("0.00001")),
        a_charge("0.0000012"),
        positions=((BTC, 4, INVERSE[BTC].value(4, 97_000)),),
    )


def a_twin() -> Any:
    return a_rung(
        an_order(1),
        a_fill(1, lots=10, price_ticks=100_040, fee=money("0.00005"), reference_ticks=100_000),
        an_order(2, side=-1, lots=12),
        a_fill(2, side=-1, lots=5, price_ticks=99_990, fee=money("0.000025"), trade_id="a"),
        a_fill(2, side=-1, lots=7, price_ticks=99_980, fee=money("0.000035"), trade_id="b"),
        an_order(4, side=-1, lots=1),
        a_fill(4, side=-1, lots=1, price_ticks=100_500),
        positions=((BTC, 4, INVERSE[BTC].value(4, 97_000)),),
    )


def test_a_ladder_of_other_fills_is_explained_to_the_last_digit() -> None:
    live, twin = a_live_run(), a_twin()

    result = reconciled(twin, twin, live, live, live, instruments=INVERSE)

    result.check()
    assert result.steps[Step.UNEXPLAINED] == 0
    assert result.difference == result.steps[Step.EXECUTION] != 0
    assert result.live_pnl == exactly(live) + money("0.0000012")
    execution = result.parts(Step.EXECUTION)
    assert {"delay", "half_spread", "impact", "queue_and_partial"} <= execution.keys()
    assert abs(execution.get("value_rounding", 0)) <= 8


def exactly(rung: Any) -> int:
    """Return profit after fees in fractions of a coin, rounded to the last digit."""
    mark = Fraction(END_MARKS[BTC])
    total = 4 * (1 / Fraction(START_MARKS[BTC]) - 1 / mark)
    for fill in rung.fills:
        total += fill.side * fill.lots * (1 / Fraction(fill.price_ticks) - 1 / mark)
    fees = sum(fill.fee for fill in rung.fills)
    return round(total * 1000 * 10**12) - fees


def test_the_venues_last_digit_is_named_rounding() -> None:
    live = a_live_run()
    honest = a_statement(live, instruments=INVERSE)
    rounded = [
        msgspec.structs.replace(row, amount=round(row.amount, 8)) if row.kind == "realised" else row
        for row in honest.rows
    ]
    moved = sum((row.amount for row in rounded), Decimal(0))
    statement = msgspec.structs.replace(
        honest, rows=tuple(rounded), end_balance=honest.start_balance + moved
    )

    result = reconciled(live, statement=statement, instruments=INVERSE)

    (row,) = result.rows
    assert (row.step, row.part) == (Step.UNEXPLAINED, "rounding")
    assert 0 < abs(row.amount) < 10**4


def test_a_trade_the_journal_has_otherwise_is_priced_at_its_own_price() -> None:
    live = a_live_run()
    trades = [a_trade_of(fill) for fill in live.fills]
    trades[2] = msgspec.structs.replace(trades[2], price_ticks=100_000, lots=3)
    statement = a_statement(live, trades=trades, instruments=INVERSE)

    result = reconciled(live, statement=statement, instruments=INVERSE)

    result.check()
    found = {row.part: row.amount for row in result.rows}
    # Two contracts at 10,000.0 and not at 10,097.0, and one more at 10,000.0 up to 10,100.0.
    coin = INVERSE[BTC]
    assert found["price"] == coin.value(2, 100_970) - coin.value(2, 100_000)
    assert found["quantity"] == pytest.approx(10**15 // 100_000 - 10**15 // 101_000, abs=2)
    assert abs(found.get("value_rounding", 0)) <= 2


def test_marks_of_the_venue_are_a_line_of_valuation() -> None:
    live = a_live_run()
    honest = a_statement(live, instruments=INVERSE)
    positions = tuple(
        msgspec.structs.replace(
            each,
            mark=Decimal(10200),
            unrealised=each.unrealised
            + Decimal(INVERSE[BTC].value(1, 102_000) - INVERSE[BTC].value(1, 101_000)).scaleb(-12),
        )
        if each.instrument == BTC
        else each
        for each in honest.end_positions
    )

    result = reconciled(
        live,
        statement=msgspec.structs.replace(honest, end_positions=positions),
        instruments=INVERSE,
    )

    (row,) = result.rows
    assert row.part == "valuation"
    # One contract is left: a hundred over 10,100 less a hundred over 10,200.
    assert row.amount == 9_900_990_099 - 9_803_921_569


def test_round_trips_enter_and_leave_at_the_price_of_the_same_coins() -> None:
    rung = a_rung(
        an_order(1),
        a_fill(1, lots=10, price_ticks=50_000),
        an_order(2, lots=20),
        a_fill(2, lots=20, price_ticks=60_000),
        an_order(3, side=-1, lots=40),
        a_fill(3, side=-1, lots=40, price_ticks=62_500),
    )

    long, short = round_trips(rung, VALUATION)

    assert (long.entry_ticks, long.exit_ticks) == (56_250, 62_500)
    # 30·100·(1/5,625 − 1/6,250) = 0.0533…
    assert long.profit == 53_333_333_333
    # Ten short from 6,250 to the mark, 20,000.
    assert short.profit == money("-0.11")
    assert long.profit + short.profit == profit_of(rung, VALUATION)


def test_figures_are_in_coins() -> None:
    live = a_live_run()

    summary = summarise(live, INVERSE)
    result = reconciled(a_twin(), live, live, live, live, instruments=INVERSE)
    page = reconciliation_page(result, manifest={}, profile=profile("practice-1"))

    sizes = ((7, 100_030), (12, 99_970), (2, 100_970))
    assert summary.turnover == sum(round(lots * 10**15 / ticks) for lots, ticks in sizes)
    assert summary.start_equity - money("10000") == pytest.approx(
        4 * (10**15 / 97_000 - 10**15 / 100_000), abs=2
    )
    assert summary.digits == result.digits == 8
    # 0.00039604 + 0.00067208 − 0.00122413 + 0.00000588, fees of 0.00010499, funding of 0.0000012.
    assert "Live made \N{MINUS SIGN}0.00025392 USDT" in page
    first = result.orders[0]
    assert first.slippage == INVERSE[BTC].value(7, 100_030) - INVERSE[BTC].value(7, 100_000)
    assert first.rungs[-1].average_price == Decimal(10003)
