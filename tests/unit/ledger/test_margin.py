"""Margin by brackets, and the very tick at which a position is closed."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import ES
from tieout.errors import SettingsError
from tieout.ledger.margin import initial_margin, liquidation_ticks, maintenance_margin
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money


def a_bracket(from_notional: int, initial: str, maintenance: str) -> MarginBracket:
    return MarginBracket(
        from_notional=Decimal(from_notional),
        initial_rate=Decimal(initial),
        maintenance_rate=Decimal(maintenance),
    )


STEPS = MarginTerms(
    mode=MarginMode.CROSS,
    brackets=(
        a_bracket(0, "0.01", "0.005"),
        a_bracket(50_000, "0.02", "0.01"),
        a_bracket(250_000, "0.1", "0.05"),
    ),
)


@pytest.mark.parametrize(
    ("notional", "initial", "maintenance"),
    [
        (10_000, "100", "50"),
        (49_999, "499.99", "249.995"),
        (50_000, "1000", "250"),
        (-60_000, "1200", "350"),
        (250_000, "25000", "2250"),
        (300_000, "30000", "4750"),
    ],
)
def test_margin_goes_by_the_bracket_of_the_whole_position(
    notional: int, initial: str, maintenance: str
) -> None:
    assert initial_margin(STEPS, money(notional)) == money(initial)
    assert maintenance_margin(STEPS, money(notional)) == money(maintenance)


def test_the_leverage_chosen_asks_for_more_never_for_less() -> None:
    chosen = MarginTerms(mode=MarginMode.ISOLATED, brackets=STEPS.brackets, leverage=Decimal(20))

    assert initial_margin(chosen, money(10_000)) == money(500)
    assert initial_margin(chosen, money(250_000)) == money(25_000)


def test_what_a_bracket_takes_off_keeps_maintenance_without_a_jump() -> None:
    for edge in (50_000, 250_000):
        below = maintenance_margin(STEPS, money(edge) - 1)
        assert 0 <= maintenance_margin(STEPS, money(edge)) - below <= 1


def test_a_long_is_closed_where_its_money_is_down_to_the_maintenance_margin() -> None:
    flat = MarginTerms(mode=MarginMode.CROSS, brackets=(a_bracket(0, "0.1", "0.05"),))

    # 10 lots at 1,000 with 1,000: 1,000 + 10 p − 10,000 = 0.5 p at p = 947.37.
    ticks = liquidation_ticks(flat, ES, lots=10, cost=money(10_000), wallet=money(1_000))

    assert ticks == 3789
    assert ES.price(3789) == Decimal("947.25")


def test_a_short_is_closed_above() -> None:
    flat = MarginTerms(mode=MarginMode.CROSS, brackets=(a_bracket(0, "0.1", "0.05"),))

    # 1,000 − 10 p + 10,000 = 0.5 p at p = 1,047.62.
    ticks = liquidation_ticks(flat, ES, lots=-10, cost=-money(10_000), wallet=money(1_000))

    assert ES.price(ticks or 0) == Decimal("1047.75")


def test_just_the_maintenance_margin_is_too_little() -> None:
    flat = MarginTerms(mode=MarginMode.CROSS, brackets=(a_bracket(0, "0.1", "0.05"),))

    # 975 + 9,500 − 10,000 is 475, which is a twentieth of 9,500.
    ticks = liquidation_ticks(flat, ES, lots=10, cost=money(10_000), wallet=money(975))

    assert ES.price(ticks or 0) == 950


def test_a_long_that_is_paid_in_full_is_never_closed() -> None:
    assert liquidation_ticks(STEPS, ES, lots=1, cost=money(1_000), wallet=money(1_000)) is None


@given(
    lots=st.integers(-2_000, 2_000).filter(bool),
    price=st.integers(1, 40_000),
    wallet=st.integers(-1_000_000, 50_000_000),
)
def test_one_tick_before_it_the_position_stands(lots: int, price: int, wallet: int) -> None:
    cost, units = ES.notional(lots, price), money(wallet) // 100

    ticks = liquidation_ticks(STEPS, ES, lots=lots, cost=cost, wallet=units)

    def over(at: int) -> bool:
        value = ES.notional(lots, at)
        return units + value - cost <= maintenance_margin(STEPS, value)

    if ticks is None:
        assert lots > 0
        assert not over(1)
        return
    assert over(ticks)
    before = ticks + 1 if lots > 0 else ticks - 1
    assert before == 0 or not over(before)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mode": MarginMode.CASH, "brackets": STEPS.brackets}, "no brackets"),
        ({"brackets": ()}, "begin at 0"),
        ({"brackets": (a_bracket(5, "0.1", "0.05"),)}, "begin at 0"),
        ({"brackets": (a_bracket(0, "0.1", "0.05"),) * 2}, "must be larger"),
        ({"brackets": (a_bracket(0, "0.1", "0.2"),)}, "maintenance_rate ≤ initial_rate"),
        ({"leverage": Decimal("0.5")}, "leverage"),
        ({"liquidation_fee_rate": Decimal(2)}, "liquidation_fee_rate"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        MarginTerms(**{"mode": MarginMode.CROSS, "brackets": STEPS.brackets, **given})


@given(lots=st.integers(1, 50), price=st.integers(400, 8_000), share=st.integers(1, 99))
def test_a_warning_never_comes_after_the_price_it_warns_of(
    lots: int, price: int, share: int
) -> None:
    for signed in (lots, -lots):
        cost = ES.notional(signed, price)
        held = {"lots": signed, "cost": cost, "wallet": initial_margin(STEPS, cost)}
        closes = liquidation_ticks(STEPS, ES, **held)
        warns = liquidation_ticks(STEPS, ES, **held, ratio=Fraction(share, 100))

        # A long is warned above the price, a short below it.
        assert closes is None or (warns is not None and (warns - closes) * signed >= 0)


@pytest.mark.parametrize("share", ["0", "1", "-0.5"])
def test_a_warning_ratio_that_is_no_share_is_refused(share: str) -> None:
    with pytest.raises(SettingsError, match="above 0 and below 1"):
        MarginTerms(mode=MarginMode.CROSS, brackets=STEPS.brackets, warning_ratio=Decimal(share))
