"""The risk gate: each rule refuses what it must, says why, and lets reductions pass."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.inverse import COIN, PERP
from tests.support.worlds import ES, SECOND, T0
from tests.unit.kernel.test_orders import an_order
from tieout.errors import SettingsError
from tieout.kernel.risk import RiskGate, RiskLimits


def refusal(gate: RiskGate, order: Any = None, **given: Any) -> str | None:
    facts: dict[str, Any] = {
        "position_lots": 0,
        "open_lots": 0,
        "open_orders": 0,
        "input_age_ns": 0,
    }
    asked = order or an_order()
    found = gate.objection(asked, given.pop("instrument", ES), **(facts | given))
    found = found or gate.too_often(asked)
    return None if found is None else found[0]


def test_without_limits_an_order_passes() -> None:
    assert refusal(RiskGate(RiskLimits())) is None


def test_quantity_outside_the_instrument_is_refused() -> None:
    small = msgspec.structs.replace(ES, max_lots=2)
    assert refusal(RiskGate(RiskLimits()), instrument=small) == "quantity"


def test_stale_input_is_refused_unless_the_order_reduces() -> None:
    gate = RiskGate(RiskLimits(input_age_ns_max=SECOND))
    assert refusal(gate, input_age_ns=2 * SECOND) == "stale_input"
    assert refusal(gate, input_age_ns=2 * SECOND, position_lots=-3) is None
    assert refusal(gate, input_age_ns=2 * SECOND, position_lots=-2) == "stale_input"


def test_notional_limits_count_open_orders_in_full() -> None:
    # Three lots at 400 ticks of 0.25 are worth 300.
    assert refusal(RiskGate(RiskLimits(order_notional_max=Decimal(300)))) is None
    assert (
        refusal(RiskGate(RiskLimits(order_notional_max=Decimal("299.99")))) == "order_notional_max"
    )
    gate = RiskGate(RiskLimits(position_notional_max=Decimal(500)))
    assert refusal(gate) is None
    assert refusal(gate, open_lots=3) == "position_notional_max"
    assert refusal(gate, position_lots=-5, open_lots=3) is None


def test_limits_of_inverse_contracts_are_in_coins_and_shown_so() -> None:
    order = msgspec.structs.replace(an_order(), instrument=COIN, decision_price_ticks=20_000)
    gate = RiskGate(RiskLimits(order_notional_max=Decimal("0.0299")))

    # Three contracts of 100 at 10,000 are 0.03 of the coin.
    found = gate.objection(order, PERP, position_lots=0, open_lots=0, open_orders=0, input_age_ns=0)

    assert found is not None
    assert found[0] == "order_notional_max"
    assert "notional 0.03000000; allowed: 0.0299" in found[1]


def test_a_limit_in_money_needs_a_price() -> None:
    blind = msgspec.structs.replace(an_order(), decision_price_ticks=None)
    assert refusal(RiskGate(RiskLimits(order_notional_max=Decimal(1))), blind) == "no_price"
    assert refusal(RiskGate(RiskLimits()), blind) is None
    least = msgspec.structs.replace(ES, min_notional=Decimal(10))
    assert refusal(RiskGate(RiskLimits()), blind, instrument=least) is None
    assert refusal(RiskGate(RiskLimits()), instrument=least) is None
    most = msgspec.structs.replace(ES, min_notional=Decimal(1_000_000))
    assert refusal(RiskGate(RiskLimits()), instrument=most) == "min_notional"


def test_the_venues_least_notional_binds_only_orders_that_open() -> None:
    picky = msgspec.structs.replace(ES, min_notional=Decimal(301))
    gate = RiskGate(RiskLimits())
    assert refusal(gate, instrument=picky) == "min_notional"
    assert refusal(gate, instrument=picky, position_lots=-3) is None


def test_open_orders_and_rate_are_bounded() -> None:
    gate = RiskGate(RiskLimits(open_orders_max=2, orders_per_minute_max=2))
    assert refusal(gate, open_orders=2) == "open_orders"
    assert refusal(gate) is None
    assert refusal(gate) is None
    assert refusal(gate) == "orders_per_minute"
    later = msgspec.structs.replace(an_order(), decided_at_ns=T0 + 60 * SECOND)
    assert refusal(gate, later) is None


def test_a_halt_stays_and_keeps_its_first_reason() -> None:
    gate = RiskGate(RiskLimits())
    gate.halt("by ann")
    gate.halt("by bob")
    assert refusal(gate) == "halted"
    assert gate.halted_by == "by ann"


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_notional_max": Decimal(0)},
        {"position_notional_max": Decimal("NaN")},
        {"open_orders_max": 0},
        {"input_age_ns_max": -1},
    ],
)
def test_impossible_limits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"must be|is no number"):
        RiskLimits(**wrong)
