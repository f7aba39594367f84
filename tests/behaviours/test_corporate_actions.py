"""What happens to positions and open orders when something happens to the share itself."""

from __future__ import annotations

from typing import Any

from tests.support.worlds import SYMBOL
from tests.unit.kernel.test_corporate_actions import (
    AFTER,
    BEFORE,
    a_split,
    an_action,
    market,
    of,
    orders,
    run,
    when_told,
)
from tieout.model.actions import ActionKind


def short_and_resting(context: Any, bar: Any) -> None:
    context.sell(SYMBOL, units=15)
    context.buy(SYMBOL, units=25, limit=50)
    context.buy(SYMBOL, units=5, limit=50)


def test_l37_open_orders_and_a_short_go_through_a_split() -> None:
    _, told = run(orders, [a_split(7)])
    reverse, also = run(short_and_resting, [a_split(1, 10)], market([400] * BEFORE, [4000] * AFTER))

    # Buys never pay more and sales never take less; stops are never nearer; a percentage stays.
    amended = of(told, "OrderAmended")
    assert {each.lots for each in amended} == {21}
    assert [each.limit_ticks or each.stop_ticks for each in amended] == [
        371, 458, 343, 458, 343, 348, 360,
    ]  # fmt: skip
    # The short of a lot and a half keeps one, and pays for the half.
    assert when_told(also)[2] == -1
    assert [each.lots for each in of(also, "OrderAmended")] == [2]
    assert [each.reason for each in of(also, "OrderCancelled")] == ["venue"]
    assert reverse.profit == -reverse.fees


def test_l38_another_symbol_cancels_open_orders() -> None:
    change = an_action(ActionKind.SYMBOL_CHANGE, text="NQ")

    _, told = run(orders, [change], market([2800] * BEFORE, [2800] * AFTER))

    assert [each.reason for each in of(told, "OrderCancelled")] == ["venue"] * 7


def test_l39_a_delisting_closes_the_position_and_cancels_orders() -> None:
    end = an_action(ActionKind.DELISTING)

    _, told = run(short_and_resting, [end], market([400] * BEFORE, [400] * AFTER))

    assert [each.reason for each in of(told, "OrderCancelled")] == ["venue"] * 2
    assert [each.lots * each.side for each in of(told, "Fill")] == [-15, 15]
    assert told[-1][2] == 0
