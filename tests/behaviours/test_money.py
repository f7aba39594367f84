"""What fills, flips and funding do to the books."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.stages import Performance, perform
from tests.support.worlds import ES, SECOND, SYMBOL, T0, trades
from tieout.kernel.risk import RiskLimits
from tieout.model.borrow import BorrowRate, BorrowSeries
from tieout.model.events import FundingCharged, MarginWarned, OrderImposed, OrderRejected
from tieout.model.identity import decision_id
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money, money_decimal
from tieout.model.profiles import FundingRule, LimitRule

if TYPE_CHECKING:
    from tieout import Context

HOUR = 3600 * SECOND


def buy(lots: int, **terms: object) -> object:
    return lambda context: context.buy(SYMBOL, units=lots, **terms)


def sell(lots: int, **terms: object) -> object:
    return lambda context: context.sell(SYMBOL, units=lots, **terms)


def realised(run: Performance) -> Decimal:
    return money_decimal(run.kernel.equity()) - 100_000


# -- fees ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["0.0005", "-0.0001"])
def test_n44_maker_and_taker_pay_their_own_rate_and_a_negative_one_is_a_rebate(rate: str) -> None:
    """A fee in the base currency and inverse contracts come with the cost schedules."""
    run = perform(
        [400, 400, 400, 396, 396],
        {1: buy(2), 3: buy(1, limit=99.5)},
        maker_fee_rate=Decimal(rate),
        taker_fee_rate=Decimal("0.001"),
    )

    taken, made = run.fills
    assert (taken.liquidity, made.liquidity) == (2, 1)
    assert money_decimal(taken.fee) == Decimal("0.001") * 2 * 100
    assert money_decimal(made.fee) == Decimal(rate) * Decimal("99.5")


def test_l41_only_an_order_that_rested_pays_the_makers_rate() -> None:
    run = perform(
        [400, 400, 398, 396],
        {1: buy(1, limit=101), 2: buy(1, limit=99.5)},
        limit_rule=LimitRule.THROUGH,
    )

    assert [fill.liquidity for fill in run.fills] == [2, 1]


# -- positions ----------------------------------------------------------------------------------


def test_n46_each_instrument_has_one_net_position_and_a_closed_cycle_keeps_its_profit() -> None:
    """There is one net position an instrument; two opposite ones at once are not offered."""
    run = perform(
        [400, 400, 408, 408, 408, 412, 412], {1: buy(1), 3: sell(1), 4: buy(1), 6: sell(1)}
    )

    assert run.kernel.position_lots(SYMBOL) == 0
    fees = sum((money_decimal(fill.fee) for fill in run.fills), Decimal(0))
    assert realised(run) == Decimal(2) + Decimal(1) - fees


def test_n45_a_fill_that_turns_the_position_closes_it_and_opens_the_other_side() -> None:
    run = perform([400, 400, 408, 408, 404], {1: buy(2), 3: sell(5)}, taker_fee_rate=Decimal(0))

    assert run.kernel.position_lots(SYMBOL) == -3
    # 2 lots gained 2.00 each; 3 short lots gained 1.00 each since.
    assert realised(run) == Decimal(4) + Decimal(3)


def test_n47_a_cancelled_order_gives_its_room_under_the_limits_back() -> None:
    """No balance is locked by an order: what is open counts against the limits instead."""
    identities: list[str] = []

    def rest(context: Context) -> None:
        identities.append(context.buy(SYMBOL, units=1, limit=99))

    plan = {1: rest, 3: lambda context: context.cancel(identities[0]), 5: buy(1)}
    one_at_a_time = RiskLimits(position_notional_max=Decimal(150))

    kept = perform([400] * 6, {1: rest, 5: buy(1)}, limits=one_at_a_time)
    cancelled = perform([400] * 6, plan, limits=one_at_a_time)

    assert (kept.kernel.denied, len(kept.fills)) == (1, 0)
    assert (cancelled.kernel.denied, len(cancelled.fills)) == (0, 1)


# -- funding ------------------------------------------------------------------------------------


def funded(position: int, rule: FundingRule) -> list[FundingCharged]:
    """Hold a position over one funding time, 8 hours after a print and an hour before the next."""
    boundary = (T0 // (8 * HOUR) + 1) * 8 * HOUR
    start = boundary - 3 * HOUR
    run = perform(
        trades([400, 400, 404, 408, 412, 416], step_ns=HOUR, start_ns=start - HOUR),
        {},
        positions=((SYMBOL, position, money(Decimal(100) * position)),) if position else (),
        funding_rule=rule,
        funding_rate=Decimal("0.0001"),
    )
    return run.reports(FundingCharged)


@pytest.mark.parametrize(("position", "sign"), [(3, -1), (-3, 1)])
def test_n48_funding_falls_once_at_its_boundary_on_the_mark_of_that_moment(
    position: int, sign: int
) -> None:
    (charge,) = funded(position, FundingRule.SIGNED)

    assert charge.venue_time_ns % (8 * HOUR) == 0
    assert charge.mark_ticks == 404
    assert money_decimal(charge.amount) == sign * 3 * Decimal(404) * ES.tick_size / 10_000


def test_n48_a_flat_position_neither_pays_nor_receives() -> None:
    assert funded(0, FundingRule.SIGNED) == []


def test_l42_against_us_a_short_pays_too() -> None:
    (charge,) = funded(-3, FundingRule.AGAINST)

    assert charge.amount < 0


def test_l42_a_position_opened_just_before_the_boundary_is_charged() -> None:
    boundary = (T0 // (8 * HOUR) + 1) * 8 * HOUR
    run = perform(
        trades([400] * 6, step_ns=SECOND, start_ns=boundary - 4 * SECOND),
        {1: buy(1)},
        funding_rule=FundingRule.SIGNED,
    )

    assert len(run.reports(FundingCharged)) == 1


# -- identity -----------------------------------------------------------------------------------


def test_n57_what_a_decision_is_called_depends_on_its_origin_alone() -> None:
    first, second = (perform([400] * 4, {2: buy(1)}) for _ in range(2))

    (placed,) = [each for each in first.journal.decisions if hasattr(each, "order_type")]
    assert placed in second.journal.decisions
    assert placed.decision_id == decision_id("Acting", f"trade:{SYMBOL}:2", 0)


# -- borrowing ------------------------------------------------------------------------------------


def test_l40_a_short_beyond_what_can_be_borrowed_is_refused() -> None:
    three = BorrowSeries({SYMBOL: [BorrowRate(T0, 0, available_lots=3)]})

    run = perform([4000] * 9, {1: sell(4), 3: sell(3), 5: sell(1), 7: buy(1)}, borrow_rates=three)

    refused = run.reports(OrderRejected)
    assert [each.reason for each in refused] == ["no_borrow", "no_borrow"]
    assert [fill.side * fill.lots for fill in run.fills] == [-3, 1]


# -- margin ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "closed"), [(3790, False), (3789, True)])
def test_n49_a_position_is_closed_at_the_threshold_and_stands_one_tick_before(
    low: int,
    closed: bool,
) -> None:
    """1,000 hold ten lots at 1,000; five percent must stay: 947.25 is 3,789 ticks."""
    ten = MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05"))
    terms = MarginTerms(mode=MarginMode.CROSS, brackets=(ten,))
    free = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}

    run = perform(
        [4000, 4000, low, 3900, 4000], {1: buy(10)}, cash=Decimal(1_000), margin=terms, **free
    )

    assert len(run.reports(OrderImposed)) == int(closed)
    assert run.kernel.position_lots(SYMBOL) == (0 if closed else 10)


def test_l44_a_warning_comes_before_a_position_is_closed_and_is_heeded() -> None:
    """At 960, where five percent of the position are eighty percent of what stands for it.

    Ours differs: the venue warns and closes at a price, whenever that trades, and never by a clock.
    """
    ten = MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05"))
    terms = MarginTerms(mode=MarginMode.CROSS, brackets=(ten,), warning_ratio=Decimal("0.8"))
    free = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}
    falling = [4000, 4000, 3841, 3840, 3839, 3788, 3780, 3780]
    world = {"cash": Decimal(1_000), "margin": terms, **free}

    closed = perform(falling, {1: buy(10)}, **world)
    heeded = perform(falling, {1: buy(10)}, on_warning=sell(5), **world)

    (warned,) = closed.reports(MarginWarned)
    assert (warned.price_ticks, warned.liquidation_ticks, warned.position_lots) == (3840, 3789, 10)
    (imposed,) = closed.reports(OrderImposed)
    assert warned.venue_time_ns < imposed.venue_time_ns
    # With half of it sold in time nothing is closed.
    assert heeded.reports(OrderImposed) == []
    assert heeded.kernel.position_lots(SYMBOL) == 5


def test_n50_an_account_that_was_liquidated_trades_on_with_what_is_left() -> None:
    """Ours differs: no account is frozen. What its money still carries it may do, and no more."""
    ten = MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05"))
    terms = MarginTerms(mode=MarginMode.CROSS, brackets=(ten,))
    free = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}

    run = perform(
        [4000, 4000, 3780, 3780, 3780, 3780, 3780, 3780],
        {1: buy(10), 4: buy(5), 6: buy(1)},
        cash=Decimal(1_000),
        margin=terms,
        **free,
    )

    assert len(run.reports(OrderImposed)) == 1
    # 450 are left: of five lots at 945 the tenth is 472.50, of one 94.50.
    assert [each.side * each.lots for each in run.fills] == [10, -10, 1]
    assert run.kernel.position_lots(SYMBOL) == 1
