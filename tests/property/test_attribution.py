"""Whatever the rungs did, every step's rows sum exactly to what the ledgers say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reconcile.builders import (
    BTC,
    END_MARKS,
    ETH,
    HOUR,
    INSTRUMENTS,
    INVERSE,
    RUN,
    START_MARKS,
    T0,
    a_row,
    a_rung,
    a_statement,
    a_trade_of,
    decision,
)
from tieout.errors import InvariantViolated
from tieout.model.events import Fill, FundingCharged, OperatorCommand, RunResumed
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import profile
from tieout.reconcile import Reconciliation, RungRecord, Step, Valuation, attribute, open_step
from tieout.reconcile.valuation import profit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tieout.model.instruments import Instrument
    from tieout.model.statement import Statement

KINDS = pytest.mark.parametrize("instruments", [INSTRUMENTS, INVERSE], ids=["linear", "inverse"])
POSITIONS = ((BTC, 7, 7 * 90_000 * INSTRUMENTS[BTC].tick_value), (ETH, -3, -12_345))


@st.composite
def some_records(draw: Callable[..., Any]) -> list[object]:
    """Orders with fills in parts, at any price, with any decomposition, and funding."""
    records: list[object] = []
    trade = 0
    for number in draw(st.lists(st.integers(0, 9), unique=True, max_size=7)):
        symbol = BTC if number % 2 else ETH
        side = draw(st.sampled_from((1, 1, 1, -1)))
        asked = draw(st.integers(1, 12))
        middle = START_MARKS[symbol]
        records.append(
            PlaceOrder(
                decision_id=decision(number),
                instrument=symbol,
                side=side,
                order_type=1,
                lots=asked,
                limit_ticks=None,
                stop_ticks=None,
                time_in_force=1,
                decided_at_ns=T0 + number * HOUR,
                decision_price_ticks=draw(st.none() | st.integers(middle - 50, middle + 50)),
                origin="bar",
            )
        )
        for lots in draw(st.lists(st.integers(1, 5), max_size=4)):
            trade += 1
            price = draw(st.integers(middle - 300, middle + 300))
            reference = draw(st.none() | st.integers(middle - 300, middle + 300))
            shift = 0 if reference is None else abs(price - reference) * 1_000_000
            records.append(
                Fill(
                    decision_id=decision(number),
                    trade_id=str(trade),
                    instrument=symbol,
                    side=side,
                    lots=lots,
                    price_ticks=price,
                    fee=draw(st.integers(-(10**9), 10**12)),
                    fee_currency="USDT",
                    liquidity=draw(st.sampled_from((1, 2))),
                    venue_time_ns=T0 + number * HOUR + trade,
                    arrival_time_ns=T0 + number * HOUR + trade,
                    reference_ticks=reference,
                    half_spread_microticks=draw(st.integers(0, shift)),
                )
            )
    records.extend(
        FundingCharged(
            instrument=BTC,
            charge_id=str(hour),
            amount=draw(st.integers(-(10**12), 10**12)),
            rate="0.0001",
            position_lots=draw(st.none() | st.integers(-3, 3)),
            mark_ticks=None,
            venue_time_ns=T0 + hour * HOUR,
            arrival_time_ns=T0 + hour * HOUR,
        )
        for hour in draw(st.lists(st.sampled_from((8, 16, 24)), unique=True))
    )
    return records


@st.composite
def rungs(draw: Callable[..., Any]) -> RungRecord:
    return a_rung(*draw(some_records()), positions=POSITIONS)


@st.composite
def live_runs(draw: Callable[..., Any]) -> RungRecord:
    between = draw(
        st.lists(
            st.sampled_from(
                (
                    RunResumed(
                        arrival_time_ns=T0 + 4 * HOUR, down_since_ns=T0 + 3 * HOUR, state="fresh"
                    ),
                    RunResumed(
                        arrival_time_ns=T0 + 7 * HOUR, down_since_ns=T0 + 6 * HOUR, state="kept"
                    ),
                    OperatorCommand(command="halt", actor="anna", arrival_time_ns=T0 + 5 * HOUR),
                )
            ),
            unique=True,
        )
    )
    return a_rung(*draw(some_records()), *between, positions=POSITIONS)


@st.composite
def statements(
    draw: Callable[..., Any], live: RungRecord, instruments: Mapping[str, Instrument]
) -> Statement:
    """What a venue may say that is not what the journal has."""
    trades = []
    for fill in live.fills:
        what = ("same", "same", "missing", "price", "lots", "both", "fee", "unnamed")
        match draw(st.sampled_from(what)):
            case "missing":
                continue
            case "price":
                trades.append(a_trade_of(fill, price_ticks=fill.price_ticks + 3))
            case "lots":
                trades.append(a_trade_of(fill, lots=fill.lots + 2))
            case "both":
                trades.append(a_trade_of(fill, lots=fill.lots + 2, price_ticks=1))
            case "fee":
                trades.append(a_trade_of(fill, commission=0))
            case "unnamed":
                trades.append(a_trade_of(fill, client_order_id=""))
            case _:
                trades.append(a_trade_of(fill))
    if live.fills and draw(st.booleans()):
        trades.append(a_trade_of(live.fills[0], trade_id="999", client_order_id="by hand"))
    if live.fills and draw(st.booleans()):
        trades.append(a_trade_of(live.fills[0], trade_id="998"))
    rows = draw(
        st.lists(
            st.sampled_from(
                (
                    a_row("t1", "transfer", "-250"),
                    a_row("w1", "WELCOME_BONUS", "1.5"),
                    a_row("f1", "funding", "0.25", instrument=BTC, time_ns=T0 + 12 * HOUR),
                    a_row("c1", "commission", "-0.5", instrument=BTC, trade_id="unheard"),
                    a_row("x1", "realised", "3", instrument="DOGE/USDT:USDT", trade_id="5"),
                    a_row("r1", "realised", "0.00000001", instrument=BTC),
                )
            ),
            unique_by=lambda row: row.row_id,
        )
    )
    statement = a_statement(
        live,
        trades=trades,
        extra_rows=rows,
        hidden=draw(st.sampled_from(("0", "12.34"))),
        instruments=instruments,
    )
    if draw(st.booleans()):
        moved = tuple(
            msgspec.structs.replace(each, mark=each.mark + draw(st.integers(-2, 2)))
            for each in statement.end_positions
        )
        statement = msgspec.structs.replace(statement, end_positions=moved)
    return statement


@st.composite
def reconciliations(
    draw: Callable[..., Any], instruments: Mapping[str, Instrument]
) -> Reconciliation:
    ladder = [draw(rungs()) for _ in range(4)]
    ladder[0] = replace(ladder[0], end_marks={BTC: draw(st.integers(90_000, 110_000))})
    live = draw(live_runs())
    return attribute(
        [*ladder, live],
        draw(st.none() | statements(live, instruments)),
        run_id=RUN,
        instruments=instruments,
        profile_used=profile("practice-1"),
    )


@KINDS
@settings(max_examples=300, deadline=None)
@given(upper=rungs(), lower=rungs(), step=st.sampled_from((Step.DATA, Step.EXECUTION, Step.COST)))
def test_rows_of_a_step_sum_to_the_difference_of_its_ledgers(
    instruments: Mapping[str, Instrument], upper: RungRecord, lower: RungRecord, step: Step
) -> None:
    valuation = Valuation(instruments, START_MARKS, END_MARKS)

    rows = open_step(upper, lower, step=step, valuation=valuation, grain=10_000)

    expected = profit(lower, valuation) - profit(upper, valuation)
    assert sum(row.amount for row in rows) == expected


@KINDS
@settings(max_examples=60, deadline=None)
@given(rung=rungs())
def test_a_rung_beside_itself_has_nothing_to_open(
    instruments: Mapping[str, Instrument], rung: RungRecord
) -> None:
    valuation = Valuation(instruments, START_MARKS, END_MARKS)

    assert open_step(rung, rung, step=Step.EXECUTION, valuation=valuation) == []


@settings(max_examples=200, deadline=None)
@given(rungs(), rungs())
def test_what_is_rounded_of_inverse_contracts_is_under_one_unit_a_value(
    upper: RungRecord, lower: RungRecord
) -> None:
    valuation = Valuation(INVERSE, START_MARKS, END_MARKS)

    rows = open_step(upper, lower, step=Step.EXECUTION, valuation=valuation)

    rounded = [row.amount for row in rows if row.part == "value_rounding"]
    values = 4 * sum(len(record.fills) + 1 for record in (upper, lower))
    assert sum(map(abs, rounded)) <= values


@KINDS
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_steps_sum_to_live_minus_twin(
    instruments: Mapping[str, Instrument], data: st.DataObject
) -> None:
    result = data.draw(reconciliations(instruments))

    result.check()

    assert sum(result.steps.values()) == result.live_pnl - result.twin_pnl
    for step, amount in result.steps.items():
        assert sum(result.parts(step).values()) == amount


@settings(max_examples=100, deadline=None)
@given(reconciliations(INSTRUMENTS), st.data())
def test_altering_any_row_breaks_the_proof(result: Reconciliation, data: st.DataObject) -> None:
    if not result.rows:
        return
    at = data.draw(st.integers(0, len(result.rows) - 1))
    changed = msgspec.structs.replace(result.rows[at], amount=result.rows[at].amount + 1)
    altered = msgspec.structs.replace(
        result, rows=(*result.rows[:at], changed, *result.rows[at + 1 :])
    )

    with pytest.raises(InvariantViolated, match="its rows sum to"):
        altered.check()


@KINDS
@settings(max_examples=60, deadline=None)
@given(live=live_runs())
def test_an_honest_statement_leaves_nothing_unexplained(
    instruments: Mapping[str, Instrument], live: RungRecord
) -> None:
    result = attribute(
        [live] * 5,
        a_statement(live, instruments=instruments),
        run_id=RUN,
        instruments=instruments,
        profile_used=profile("practice-1"),
    )

    assert result.difference == 0
    assert result.rows == ()


@KINDS
@settings(max_examples=60, deadline=None)
@given(live=live_runs(), cents=st.integers(-10_000, 10_000).filter(bool))
def test_hidden_money_is_unexplained_to_the_cent(
    instruments: Mapping[str, Instrument], live: RungRecord, cents: int
) -> None:
    result = attribute(
        [live] * 5,
        a_statement(live, hidden=f"{cents}e-2", instruments=instruments),
        run_id=RUN,
        instruments=instruments,
        profile_used=profile("practice-1"),
    )

    assert result.steps[Step.UNEXPLAINED] == cents * 10**10
    assert [row.part for row in result.rows] == ["balance"]
