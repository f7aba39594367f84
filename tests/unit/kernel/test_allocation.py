"""Shares of the equity on accounts that are too small for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stages import perform
from tests.support.worlds import ES, SYMBOL
from tieout.errors import SettingsError
from tieout.kernel.allocation import Held, lots_for
from tieout.model.money import money
from tieout.model.venues import EVERYTHING

LEAST = msgspec.structs.replace(ES, min_lots=5, max_lots=40, min_notional=Decimal(9_000))


def lots(weight: str, *, held: int = 0, equity: int = 100_000, rules: Any = ES) -> Held:
    return lots_for(rules, Decimal(weight), equity=money(equity), price_ticks=4000, held_lots=held)


def test_a_share_is_rounded_toward_zero_on_both_sides() -> None:
    assert lots("0.0999") == Held(9, 9, "")
    assert lots("-0.0999") == Held(-9, -9, "")
    assert lots("0.1") == Held(10, 10, "")


def test_an_account_too_small_for_a_lot_holds_none() -> None:
    assert lots("0.1", equity=9_999) == Held(0, 0, "")


def test_only_the_difference_is_traded() -> None:
    assert lots("0.1", held=7) == Held(10, 3, "")
    assert lots("0.1", held=10) == Held(10, 0, "")
    assert lots("-0.02", held=10) == Held(-2, -12, "")


def test_an_order_under_the_least_is_not_sent_and_what_is_held_stays() -> None:
    assert lots("0.1", held=7, rules=LEAST) == Held(7, 0, "min_quantity")
    assert lots("0.08", rules=LEAST) == Held(0, 0, "min_notional")
    assert lots("0.09", rules=LEAST) == Held(9, 9, "")


def test_making_a_position_smaller_asks_for_no_least_notional() -> None:
    assert lots("0", held=8, rules=LEAST) == Held(0, -8, "")
    # To the other side it does: 5 of these 8 lots open.
    assert lots("-0.05", held=3, rules=LEAST) == Held(3, 0, "min_notional")


def test_the_largest_order_is_held() -> None:
    assert lots("0.9", rules=LEAST) == Held(40, 40, "max_quantity")


@given(
    weight=st.decimals(-2, 2, places=4),
    held=st.integers(-50, 50),
    equity=st.integers(0, 100_000),
)
def test_never_more_is_held_than_was_asked_for(weight: Decimal, held: int, equity: int) -> None:
    found = lots_for(ES, weight, equity=money(equity), price_ticks=4000, held_lots=held)

    wanted = weight * equity / 1000
    assert found.lots == held + found.order_lots == int(wanted)
    assert abs(found.lots) <= abs(wanted)


def test_a_strategy_is_told_what_it_could_not_place() -> None:
    told: list[Any] = []

    def rebalance(context: Any) -> None:
        told.append(context.targets({SYMBOL: 0.1}))

    run = perform(
        [4000, 4000, 4000, 4400, 4400], {1: rebalance, 4: rebalance}, cash=Decimal(25_500)
    )

    first, second = (each[SYMBOL] for each in told)
    assert (first.wanted, first.reached, first.residual) == (2550, 2000, 550)
    assert first.order_id == run.fills[0].decision_id
    assert [fill.lots for fill in run.fills] == [2]
    # At 1,100 a share of 25,699 and a half is worth two lots and 370.
    assert second.order_id is None
    assert second.reached == 2200
    assert second.wanted - second.reached == second.residual


def test_orders_on_their_way_count_and_a_second_call_sends_nothing() -> None:
    told: list[Any] = []

    def twice(context: Any) -> None:
        told.extend(context.targets({SYMBOL: "0.5"})[SYMBOL].order_id for _ in range(2))

    run = perform([4000] * 4, {1: twice}, base="pessimistic-1", participation=None)

    assert told[0] is not None
    assert told[1] is None
    assert len(run.journal.decisions) == 1


@pytest.mark.parametrize("weight", [0, "-0.25", Decimal("0.25")])
def test_weights_are_numbers_of_any_kind(weight: Any) -> None:
    run = perform([4000] * 4, {1: lambda context: context.targets({SYMBOL: weight})})

    assert run.kernel.position_lots(SYMBOL) == int(Decimal(weight) * 100)


def test_a_venue_profile_may_leave_a_part_of_the_equity_in_cash() -> None:
    buffered = msgspec.structs.replace(EVERYTHING, target_buffer=Decimal("0.0025"))
    whole = {1: lambda context: context.targets({SYMBOL: 1})}

    # 25,000 hold 25 lots at 1,000; less a quarter of a percent they hold 24.
    assert perform([4000] * 4, whole, cash=Decimal(25_000)).fills[0].lots == 25
    run = perform([4000] * 4, whole, cash=Decimal(25_000), venue_profile=buffered)
    assert run.fills[0].lots == 24


def test_a_buffer_that_is_no_share_is_refused() -> None:
    with pytest.raises(SettingsError, match="target_buffer 1; allowed: a share"):
        msgspec.structs.replace(EVERYTHING, target_buffer=Decimal(1))
