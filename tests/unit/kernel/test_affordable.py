"""What an account cannot carry never leaves: the same refusals before any venue, by one rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.stages import acting, perform
from tests.support.worlds import (
    ES,
    SYMBOL,
    T0,
    MemoryJournal,
    ScriptedSource,
    ScriptedVenue,
    single_events,
    trades,
)
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs
from tieout.model.borrow import BorrowRate, BorrowSeries
from tieout.model.events import OrderDenied, OrderRejected, RunEnded, RunStarted
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money
from tieout.model.orders import PlaceOrder

TEN = (MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05")),)
CASH = MarginTerms(mode=MarginMode.CASH)
ISOLATED = MarginTerms(mode=MarginMode.ISOLATED, brackets=TEN)

PLAN = {
    # 1,000 a lot: ten times 1,000 is what 1,000 of cash can hold.
    1: lambda context: context.buy(SYMBOL, units=11),
    3: lambda context: context.buy(SYMBOL, units=6),
    6: lambda context: context.buy(SYMBOL, units=5),
    8: lambda context: context.sell(SYMBOL, units=6),
    11: lambda context: context.sell(SYMBOL, units=11),
}


def on_history(plan: Any, told: BorrowSeries | None = None, **given: Any) -> list[Any]:
    """Return what was decided on stored prints, filled by the simulated venue."""
    free = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}
    run = perform([4000] * 20, plan, cash=Decimal(1_000), told=told, kernel_terms=given, **free)
    assert run.reports(OrderRejected) == []
    return run.journal.decisions


def as_live(plan: Any, told: BorrowSeries | None = None, **given: Any) -> list[Any]:
    """Return what was decided on single events, filled by a venue that asks for nothing."""
    journal = MemoryJournal()
    kernel = Kernel(acting(plan), instruments={SYMBOL: ES}, journal=journal, **given)
    events = single_events(trades([4000] * 20))
    kernel.run(
        ScriptedSource(
            Inputs([RunStarted(arrival_time_ns=T0, cash=money(1_000))]),
            *(Inputs([each.known_at(T0)]) for each in (told.news() if told else ())),
            *(Inputs([each]) for each in events),
            Inputs([RunEnded(arrival_time_ns=events[-1].arrival_time_ns + 1, reason="over")]),
        ),
        ScriptedVenue(price_ticks=4000),
    )
    return journal.decisions


def decided_on(decisions: list[Any]) -> list[tuple[str, str]]:
    return [
        (each.rule, each.detail) if isinstance(each, OrderDenied) else ("sent", str(each.lots))
        for each in decisions
        if isinstance(each, OrderDenied | PlaceOrder)
    ]


def test_history_and_live_refuse_the_same_before_it_is_sent() -> None:
    history, live = on_history(PLAN, margin=ISOLATED), as_live(PLAN, margin=ISOLATED)

    assert decided_on(history) == decided_on(live)
    assert [rule for rule, _ in decided_on(history)] == [
        "margin",
        "sent",
        "margin",
        "sent",
        "margin",
    ]
    assert [each.decision_id for each in history] == [each.decision_id for each in live]


def test_the_refusal_names_what_it_takes_and_what_there_is() -> None:
    (denied,) = decided_on(as_live({1: PLAN[1]}, margin=ISOLATED))

    assert denied == (
        "margin",
        f"{SYMBOL}: it takes 1100.00 with what is under way; there are 1000.00",
    )


def test_without_terms_nothing_is_asked() -> None:
    assert [rule for rule, _ in decided_on(as_live(PLAN))] == ["sent"] * 5


def test_a_cash_account_pays_in_full_and_sells_what_it_holds() -> None:
    plan = {
        1: lambda context: context.buy(SYMBOL, units=2),
        3: lambda context: context.buy(SYMBOL, units=1),
        6: lambda context: context.sell(SYMBOL, units=2),
    }

    rules = [rule for rule, _ in decided_on(as_live(plan, margin=CASH))]

    assert rules == ["margin", "sent", "margin"]


def test_orders_of_the_same_side_under_way_count() -> None:
    plan = {1: lambda context: [context.buy(SYMBOL, units=6, limit=900) for _ in range(2)]}

    rules = [rule for rule, _ in decided_on(as_live(plan, margin=ISOLATED))]

    assert rules == ["sent", "margin"]


@pytest.mark.parametrize("make", [on_history, as_live])
def test_a_short_beyond_what_can_be_borrowed_never_leaves(make: Any) -> None:
    three = BorrowSeries({SYMBOL: [BorrowRate(T0, 0, available_lots=3)]})
    plan = {
        1: lambda context: context.sell(SYMBOL, units=4),
        3: lambda context: context.sell(SYMBOL, units=3),
        6: lambda context: context.sell(SYMBOL, units=1),
        8: lambda context: context.buy(SYMBOL, units=1),
    }

    rules = [rule for rule, _ in decided_on(make(plan, told=three))]

    assert rules == ["no_borrow", "sent", "no_borrow", "sent"]
