"""Positions that a run starts with: the market before the start is there, and none of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from tests.support.stacks import bars_of, stacked
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, trades
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.model.events import FundingCharged
from tieout.model.profiles import FillLevel, profile

if TYPE_CHECKING:
    from tieout.kernel.ports import MarketRecord

EIGHT_HOURS = 480 * MINUTE
PRINTS = trades([6600] * (3 * 24 * 60), step_ns=MINUTE)
END_NS = int(PRINTS.venue_time_ns[-1])
DUE_NS = [each for each in range(T0 // EIGHT_HOURS * EIGHT_HOURS, END_NS, EIGHT_HOURS) if each > T0]


def a_market(kind: str) -> MarketRecord:
    if kind == "trades":
        return HistoryMarket([PRINTS])
    bars = bars_of(PRINTS, MINUTE)
    return HistoryMarket([bars]) if kind == "bars" else stacked(bars, PRINTS)


def charged_at(kind: str, *, start_ns: int) -> list[int]:
    level = FillLevel.DRILLDOWN if kind == "drilldown" else FillLevel.IMPACT
    assumed = msgspec.structs.replace(profile("pessimistic-1"), fill_level=level)
    venue = SimulatedVenue(
        {SYMBOL: ES},
        assumed,
        {SYMBOL: a_market(kind)},
        positions={SYMBOL: 5},
        start_ns=start_ns,
    )
    found = []
    while (wake := venue.next_wake_ns(END_NS)) is not None:
        found += venue.advance(wake)
    assert all(isinstance(each, FundingCharged) for each in found)
    return [each.venue_time_ns for each in found]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["bars", "trades", "drilldown"])
@pytest.mark.parametrize("since", [0, 1, 4, len(DUE_NS)])
def test_only_funding_that_is_due_after_the_start_is_paid(kind: str, since: int) -> None:
    start_ns = 0 if since == 0 else DUE_NS[since - 1]

    assert charged_at(kind, start_ns=start_ns) == DUE_NS[since:]


@pytest.mark.parametrize("kind", ["bars", "trades", "drilldown"])
def test_a_start_between_two_payments_pays_the_next(kind: str) -> None:
    assert charged_at(kind, start_ns=DUE_NS[2] - 1) == DUE_NS[2:]
    assert np.all(np.diff(DUE_NS) == EIGHT_HOURS)
