"""Stop and target inside of one bar: which came first decides, and is read if it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import (
    START,
    an_order,
    bars_of,
    prints,
    reports_of,
    stacked,
    venue_on,
    whole,
)
from tests.support.worlds import MINUTE, SECOND, SYMBOL
from tieout.model.events import Fill
from tieout.model.profiles import FillLevel, SimulationProfile

if TYPE_CHECKING:
    from tieout.model.columns import TradeColumns

PLAIN = SimulationProfile(name="plain", fill_level=FillLevel.DRILLDOWN, impact_y=0.0)
WISHES = [
    (START, an_order("target", START, -1, "limit", 1, 405)),
    (START, an_order("stop", START, -1, "stop", 1, 395)),
]


def a_minute(second: int, third: int) -> TradeColumns:
    """Return prints at 400, then at two extremes twice each, then at 400."""
    path = [400, second, second, third, third, 400]
    return prints([(9 * SECOND, price, 5) for price in path])


def names(fills: list[Fill]) -> list[str]:
    return [each.decision_id for each in fills]


@pytest.mark.parametrize(
    ("extremes", "first"), [((410, 390), "target"), ((390, 410), "stop")], ids=["high", "low"]
)
def test_n05_a_bar_with_target_and_stop_depends_on_which_extreme_came_first(
    extremes: tuple[int, int], first: str
) -> None:
    trades = a_minute(*extremes)
    venue = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), trades))

    fills = [each for each in reports_of(venue, WISHES) if isinstance(each, Fill)]

    assert names(fills)[0] == first
    assert {each.resolved_by for each in fills} == {"trade"}
    assert venue.certainty.unresolved_bars == 0


@pytest.mark.parametrize("extremes", [(410, 390), (390, 410)])
def test_n05_without_finer_data_the_stop_comes_first_and_the_fills_say_so(
    extremes: tuple[int, int],
) -> None:
    """Ours takes the worse order and marks it; no setting chooses the kinder one."""
    venue = venue_on(PLAIN, whole(bars_of(a_minute(*extremes), MINUTE)))

    fills = [each for each in reports_of(venue, WISHES) if isinstance(each, Fill)]

    assert names(fills) == ["stop", "target"]
    assert {each.resolved_by for each in fills} == {"assumed"}
    assert venue.certainty.unresolved_bars == 1


def test_l05_data_the_strategy_did_not_ask_for_decide_fills_and_never_how_old_a_price_is() -> None:
    """Ours matches on the finest data that the run names, whatever the strategy subscribed to.

    Which data are used is said at the start and in each fill; none are used in silence.
    """
    trades = a_minute(410, 390)
    minutes = bars_of(trades, MINUTE)
    at = START + 20 * SECOND
    wishes = [(at, an_order("d", at, 1, "market", 1, 0))]

    drilled = venue_on(PLAIN, stacked(minutes, trades))
    (fill,) = [each for each in reports_of(drilled, wishes) if isinstance(each, Fill)]
    coarse = venue_on(PLAIN, whole(minutes))
    (assumed,) = [each for each in reports_of(coarse, wishes) if isinstance(each, Fill)]

    assert (fill.price_ticks, fill.resolved_by) == (410, "trade")
    assert fill.venue_time_ns == START + 27 * SECOND
    assert (assumed.price_ticks, assumed.resolved_by) == (400, "assumed")
    assert drilled.reference_ticks(SYMBOL, at) == 410
