"""Fee schedules on the simulated venue: at every level, by code that runs either way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.compiled import Mixed, bars_like, cut, facts_of, run_of
from tests.support.fees import a_fill, a_schedule, tiered
from tests.support.stages import perform
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars, trades
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.costs import ModelledCosts
from tieout.adapters.venues.practice import config_from_profile
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.errors import SettingsError
from tieout.model.events import Fill
from tieout.model.fees import Evaluated, FeeTier
from tieout.model.money import money
from tieout.model.orders import OrderType, PlaceOrder, Side
from tieout.model.profiles import SimulationProfile, profile

FLAT = a_schedule(FeeTier(taker_rate=Decimal("0.0005"), maker_rate=Decimal("0.0002")))


def by(schedule: Any, base: str = "zero-latency", **given: Any) -> SimulationProfile:
    return msgspec.structs.replace(
        profile(base), taker_fee_rate=Decimal(0), maker_fee_rate=Decimal(0), fees=schedule, **given
    )


def rates_of(fills: list[Fill]) -> list[float]:
    return [round(fill.fee / ES.notional(fill.lots, fill.price_ticks), 6) for fill in fills]


def test_a_schedule_of_two_rates_is_the_two_rates() -> None:
    plan = {
        1: lambda context: context.buy(SYMBOL, units=3),
        3: lambda context: context.sell(SYMBOL, units=3, limit=1002),
    }
    prints = [4000, 4000, 4004, 4004, 4012, 4012]

    rated = perform(prints, plan)
    scheduled = perform(prints, plan, base=by(FLAT))

    assert [fill.liquidity for fill in scheduled.fills] == [2, 1]
    assert scheduled.fills == rated.fills
    assert scheduled.kernel.ledger.accounts() == rated.kernel.ledger.accounts()


def test_a_new_tier_holds_from_the_next_hour_on() -> None:
    schedule = tiered((0, "0.002"), (4_000, "0.001"), evaluated=Evaluated.HOURLY)
    # 21:00 at the first print, and ten minutes a print.
    prints = trades([4000] * 12, step_ns=10 * MINUTE)
    plan = {n: lambda context: context.buy(SYMBOL, units=1) for n in range(1, 11)}

    fills = perform(prints, plan, base=by(schedule)).fills

    # Five fills from 21:20 to 21:50, which are 4,000; the next from 22:00 on.
    assert T0 % (60 * MINUTE) // MINUTE == 0
    assert rates_of(fills) == [0.002] * 4 + [0.001] * 6


@pytest.mark.parametrize("level", ["pessimistic-1", "drilldown-1"])
def test_fills_at_any_level_are_charged_by_the_schedule(level: str) -> None:
    plan = {1: lambda context: context.buy(SYMBOL, units=1)}

    fills = perform([4000] * 400, plan, base=by(FLAT, level)).fills

    assert rates_of(fills) == [0.0005]


def test_a_compiled_strategy_runs_in_the_loop_where_a_schedule_decides() -> None:
    rows = bars_like(
        [4000 + n % 7 for n in range(900)], [1] * 900, [1] * 900, [50] * 900, delay_ns=0
    )
    steps = tiered((0, "0.002"), (50_000, "0.001"), evaluated=Evaluated.HOURLY)
    scheduled = by(steps, "pessimistic-1")
    venue = SimulatedVenue({SYMBOL: ES}, scheduled, {SYMBOL: HistoryMarket(cut(rows, 100))})

    assert venue.lend() is None
    whole = facts_of(run_of(Mixed, rows, scheduled))
    assert whole == facts_of(run_of(Mixed, rows, scheduled, lent=False, rows=37))
    fills = [each for _, each in whole["records"] if isinstance(each, Fill)]
    assert set(rates_of(fills)) == {0.002, 0.001}


def test_what_is_charged_does_not_hang_on_how_far_each_market_was_gone_through() -> None:
    """Two markets, one advance over midnight: the second one's fill is the day before's."""
    other = msgspec.structs.replace(ES, symbol="NQ/USDT:USDT", venue_symbol="NQUSDT")
    prints = trades([4000] * 800, step_ns=MINUTE)
    both = {SYMBOL: ES, other.symbol: other}
    steps = tiered((0, "0.002"), (1_000, "0.001"))

    def fees(stops: list[int]) -> list[float]:
        elsewhere = type(prints)(other.symbol, *(getattr(prints, name) for name in _FIELDS))
        venue = SimulatedVenue(
            both,
            by(steps),
            {SYMBOL: HistoryMarket([prints]), other.symbol: HistoryMarket([elsewhere])},
        )
        # 23:59 and 00:01.
        venue.place(_buy("a", SYMBOL, T0 + 421 * MINUTE))
        venue.place(_buy("b", other.symbol, T0 + 418 * MINUTE))
        found = [each for stop in stops for each in venue.advance(T0 + stop * MINUTE)]
        return rates_of([each for each in found if isinstance(each, Fill)])

    assert fees([800]) == fees([419, 420, 421, 422, 800]) == [0.002, 0.001]


_FIELDS = (
    "venue_time_ns",
    "arrival_time_ns",
    "price_ticks",
    "quantity_lots",
    "aggressor",
    "trade_id",
)


def _buy(name: str, symbol: str, at_ns: int) -> PlaceOrder:
    return PlaceOrder(
        decision_id=name,
        instrument=symbol,
        side=int(Side.BUY),
        order_type=int(OrderType.MARKET),
        lots=1,
        limit_ticks=None,
        stop_ticks=None,
        time_in_force=1,
        decided_at_ns=at_ns,
        decision_price_ticks=4000,
        origin="test",
    )


def test_a_rung_charges_recorded_and_simulated_fills_as_one_account() -> None:
    market = HistoryMarket([trades([4000] * 10)])
    steps = tiered((0, "0.002"), (1_000, "0.001"), evaluated=Evaluated.EACH_FILL)
    venue = SimulatedVenue({SYMBOL: ES}, by(steps), {SYMBOL: market})
    costs = ModelledCosts(by(steps), {SYMBOL: ES}, venue, fee_meter=venue.fee_meter)
    venue.place(_buy("a", SYMBOL, T0))

    first = [each for each in venue.advance(T0 + MINUTE) if isinstance(each, Fill)]

    assert rates_of(first) == [0.002]
    assert costs.fee(a_fill(at_ns=T0 + MINUTE)) == money(1)


def test_both_a_schedule_and_rates_are_refused() -> None:
    with pytest.raises(SettingsError, match="set both rates to 0, or leave fees out"):
        msgspec.structs.replace(profile("zero-latency"), fees="binance-usdm-1")
    with pytest.raises(SettingsError, match="fee_volume without a schedule"):
        msgspec.structs.replace(profile("zero-latency"), fee_volume=Decimal(1))
    with pytest.raises(SettingsError, match=r"fees and models\.fee"):
        by(FLAT, models={"fee": "a.py:B"})
    with pytest.raises(SettingsError, match="'nothing-1' is unknown"):
        by("nothing-1")
    with pytest.raises(SettingsError, match="fee_prices must be positive"):
        by(FLAT, fee_prices={"BNB": Decimal(0)})


def test_a_run_before_the_schedule_began_is_refused_at_its_start() -> None:
    with pytest.raises(SettingsError, match="begins on 2019-09-08"):
        SimulatedVenue(
            {SYMBOL: ES},
            by("binance-usdm-1"),
            {SYMBOL: HistoryMarket([bars([4000])])},
            start_ns=T0,
        )


def test_the_practice_venue_wants_two_rates() -> None:
    with pytest.raises(SettingsError, match="give maker_fee_rate and taker_fee_rate"):
        config_from_profile(by(FLAT, "practice-1"), ES, start_ns=T0)
