"""What positions and fills cost on a rung: funding falls on the position that the rung holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.support.worlds import ES, SECOND, SYMBOL
from tieout.adapters.venues.costs import ChargedCosts, Holdings, ModelledCosts
from tieout.model.events import Fill, FundingCharged
from tieout.model.money import MONEY_UNIT
from tieout.model.profiles import HOUR, profile

if TYPE_CHECKING:
    from tieout.model.profiles import SimulationProfile

PRACTICE = profile("practice-1")
DUE_NS = 47_850 * 8 * HOUR
KNOWN_NS = DUE_NS + 2 * SECOND
MARK_TICKS = 4000
"""1,000 in money."""


class Market:
    """The price never moves."""

    def reference_ticks(self, instrument: str, venue_time_ns: int) -> int:
        return MARK_TICKS


def a_fill(lots: int, *, at_ns: int) -> Fill:
    """Return a buy, or a sale where the lots are negative."""
    return Fill(
        decision_id="d",
        trade_id=f"t{at_ns}",
        instrument=SYMBOL,
        side=1 if lots > 0 else -1,
        lots=abs(lots),
        price_ticks=MARK_TICKS,
        fee=0,
        fee_currency="USDT",
        liquidity=2,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns + SECOND,
    )


def a_charge(amount: int, *, position_lots: int | None = None) -> FundingCharged:
    """Return a charge of so much money, known two seconds after it fell."""
    return FundingCharged(
        instrument=SYMBOL,
        charge_id="c",
        amount=amount * MONEY_UNIT,
        rate="0.0001",
        position_lots=position_lots,
        mark_ticks=MARK_TICKS,
        venue_time_ns=DUE_NS,
        arrival_time_ns=KNOWN_NS,
    )


def modelled(chosen: SimulationProfile = PRACTICE) -> ModelledCosts:
    return ModelledCosts(chosen, {SYMBOL: ES}, Market())


def charged(held_lots: int, live_lots: int, *recorded: FundingCharged) -> list[int]:
    """Return what a rung pays that holds something else than live did."""
    costs = ChargedCosts(recorded, Holdings({SYMBOL: live_lots}), modelled())
    found = costs.funding(DUE_NS - SECOND, KNOWN_NS, Holdings({SYMBOL: held_lots}))
    return [each.amount for each in found]


def test_the_position_live_held_pays_what_live_paid() -> None:
    assert charged(3, 3, a_charge(-6)) == [-6 * MONEY_UNIT]


def test_another_position_pays_in_proportion() -> None:
    assert charged(-1, 3, a_charge(-6)) == [2 * MONEY_UNIT]
    assert charged(6, -3, a_charge(6)) == [-12 * MONEY_UNIT]


def test_the_position_the_venue_names_counts_more_than_our_own_fills() -> None:
    assert charged(2, 3, a_charge(-8, position_lots=4)) == [-4 * MONEY_UNIT]


def test_a_charge_says_the_position_it_fell_on() -> None:
    costs = ChargedCosts([a_charge(-6)], Holdings({SYMBOL: 3}), modelled())

    (found,) = costs.funding(DUE_NS - SECOND, KNOWN_NS, Holdings({SYMBOL: 3}))

    assert found.position_lots == 3


def test_a_charge_stamped_late_falls_on_what_was_held_when_it_was_due() -> None:
    late = msgspec.structs.replace(a_charge(-6), venue_time_ns=DUE_NS + 9_000_000)
    live = Holdings({SYMBOL: 3}, [a_fill(-3, at_ns=DUE_NS + 4_000_000)])
    costs = ChargedCosts([late], live, modelled())

    (found,) = costs.funding(DUE_NS - SECOND, KNOWN_NS, Holdings({SYMBOL: 1}))

    assert found.amount == -2 * MONEY_UNIT


def test_a_charge_on_nothing_we_know_of_stands_as_it_is() -> None:
    charge = a_charge(-6)
    costs = ChargedCosts([charge], Holdings({}), modelled())

    assert charge in costs.funding(DUE_NS - SECOND, KNOWN_NS, Holdings({SYMBOL: 3}))


def test_a_flat_rung_pays_nothing() -> None:
    assert charged(0, 3, a_charge(-6)) == []


def test_where_live_was_flat_a_position_pays_as_modelled() -> None:
    # 3 lots at 1,000 and 0.01 % of it.
    assert charged(3, 0) == [-3 * MONEY_UNIT // 10]


def test_where_live_held_something_and_paid_nothing_nothing_is_paid() -> None:
    assert charged(3, 3) == []


def test_a_fill_at_the_charge_or_after_it_is_not_charged() -> None:
    fills = [a_fill(2, at_ns=DUE_NS - 1), a_fill(4, at_ns=DUE_NS), a_fill(8, at_ns=DUE_NS + 1)]
    held = Holdings({SYMBOL: 1}, fills)

    assert held.lots_before(SYMBOL, DUE_NS) == 3
    amounts = [each.amount for each in modelled().funding(DUE_NS - SECOND, KNOWN_NS, held)]
    assert amounts == [-3 * MONEY_UNIT // 10]


def test_a_charge_is_known_when_it_arrives_and_only_once() -> None:
    held = Holdings({SYMBOL: 3})
    costs = ChargedCosts([a_charge(-6)], Holdings({SYMBOL: 3}), modelled())

    assert not costs.funding(DUE_NS - SECOND, KNOWN_NS - 1, held)
    assert len(costs.funding(KNOWN_NS - 1, KNOWN_NS, held)) == 1
    assert not costs.funding(KNOWN_NS, KNOWN_NS + HOUR, held)


def test_fees_are_the_model_s_or_the_venue_s() -> None:
    fill = msgspec.structs.replace(a_fill(3, at_ns=DUE_NS), fee=7 * MONEY_UNIT)

    # 3,000 at 0.04 %.
    assert modelled().fee(fill) == 12 * MONEY_UNIT // 10
    assert ChargedCosts([], Holdings({}), modelled()).fee(fill) == 7 * MONEY_UNIT


def test_a_fee_is_rounded_half_up_to_the_profile_s_digits() -> None:
    cents = msgspec.structs.replace(PRACTICE, fee_digits=2)
    fill = msgspec.structs.replace(a_fill(1, at_ns=DUE_NS), price_ticks=50)

    # 12.50 at 0.04 % is half a cent.
    assert modelled(cents).fee(fill) == MONEY_UNIT // 100
