"""What a paper run that goes on knows of the warnings it was given."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.worlds import T0
from tieout.model.events import Fill, FundingCharged, MarginWarned
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.wiring.watching import _warned

BRACKET = MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05"))
WARNED = MarginWarned(
    instrument="A",
    position_lots=1,
    price_ticks=1,
    liquidation_ticks=1,
    venue_time_ns=T0,
    arrival_time_ns=T0,
)


def a_payment(symbol: str) -> FundingCharged:
    return FundingCharged(
        instrument=symbol,
        charge_id=symbol,
        amount=0,
        rate="0",
        position_lots=1,
        mark_ticks=1,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )


def a_fill(symbol: str) -> Fill:
    return Fill(
        decision_id="d",
        trade_id="t",
        instrument=symbol,
        side=1,
        lots=1,
        price_ticks=1,
        fee=0,
        fee_currency="USDT",
        liquidity=2,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )


@pytest.mark.parametrize(
    ("mode", "after", "still"),
    [
        (MarginMode.ISOLATED, [], {"A"}),
        (MarginMode.ISOLATED, [a_fill("B"), a_payment("B")], {"A"}),
        (MarginMode.ISOLATED, [a_fill("A")], set()),
        (MarginMode.CROSS, [], {"A"}),
        # The whole account stands for A, so whatever moves the balance has it warned of again.
        (MarginMode.CROSS, [a_fill("B")], set()),
        (MarginMode.CROSS, [a_payment("B")], set()),
    ],
)
def test_a_warning_holds_until_what_stands_for_the_position_moves(
    mode: MarginMode, after: list[Any], still: set[str]
) -> None:
    assert _warned([WARNED, *after], MarginTerms(mode=mode, brackets=(BRACKET,))) == still
