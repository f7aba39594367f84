"""Margin at the venue: what it refuses, and when it closes a position by an order of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.compiled import cut
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0, MemoryJournal, bars, trades
from tieout import Strategy
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.simulated import SimulatedVenue, Standing
from tieout.errors import InputError
from tieout.kernel.loop import Kernel
from tieout.model.events import (
    Fill,
    FundingCharged,
    MarginWarned,
    OrderImposed,
    OrderRejected,
    RunEnded,
    RunStarted,
)
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money
from tieout.model.profiles import FundingRule, SimulationProfile, profile
from tieout.reconcile.records import RungRecord
from tieout.wiring.actions import events_of_actions, streams_of_actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.actions import Action

TEN = (MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05")),)


def on_margin(mode: MarginMode, base: str = "zero-latency", **given: Any) -> SimulationProfile:
    brackets = () if mode is MarginMode.CASH else TEN
    terms = MarginTerms(
        mode=mode, brackets=brackets, liquidation_fee_rate=given.pop("liquidation_fee", Decimal(0))
    )
    fields = {
        "margin": terms,
        "taker_fee_rate": Decimal(0),
        "maker_fee_rate": Decimal(0),
        "funding_rule": FundingRule.NONE,
        **given,
    }
    return msgspec.structs.replace(profile(base), **fields)


CROSS, ISOLATED, CASH = (
    on_margin(each) for each in (MarginMode.CROSS, MarginMode.ISOLATED, MarginMode.CASH)
)


class Run:
    """A plan of lots by row, over prints or bars; 100 more lots are a resting limit at 900."""

    def __init__(
        self,
        columns: Any,
        plan: dict[int, int],
        assumed: SimulationProfile = CROSS,
        *,
        cash: int = 1_000,
        rows: int = 10**9,
        held: int = 0,
        actions: Sequence[Action] = (),
        gate: bool = False,
    ) -> None:
        count = [0]

        class Acting(Strategy):
            def on_start(self, context: Any) -> None:
                if hasattr(columns, "trade_id"):
                    context.trades(SYMBOL)
                else:
                    context.bars(SYMBOL, "1m")

            def on_trade(self, context: Any, trade: Any) -> None:
                self.act(context)

            def on_bar(self, context: Any, bar: Any) -> None:
                self.act(context)

            def act(self, context: Any) -> None:
                count[0] += 1
                lots = plan.get(count[0], 0)
                if lots > 100:
                    context.buy(SYMBOL, units=lots - 100, limit=900)
                elif lots > 0:
                    context.buy(SYMBOL, units=lots)
                elif lots < 0:
                    context.sell(SYMBOL, units=-lots)

        self.journal = MemoryJournal()
        self.kernel = Kernel(
            Acting,
            instruments={SYMBOL: ES},
            journal=self.journal,
            margin=assumed.margin if gate else None,
        )
        first, last = (int(columns.arrival_time_ns[n]) for n in (0, -1))
        cost = ES.notional(held, 4000)
        started = RunStarted(
            arrival_time_ns=first,
            cash=money(cash),
            positions=((SYMBOL, held, cost),) if held else (),
        )
        source = HistorySource(
            started,
            RunEnded(arrival_time_ns=last + 5 * MINUTE, reason="end of data"),
            [
                Stream("rows", cut(columns, rows)),
                *streams_of_actions(events_of_actions(actions, assumed)),
            ],
        )
        self.venue = venue = SimulatedVenue(
            {SYMBOL: ES},
            assumed,
            {SYMBOL: HistoryMarket(cut(columns, rows))},
            positions={SYMBOL: held},
            costs={SYMBOL: cost},
            cash=money(cash),
        )
        self.kernel.run(source, venue)
        self.lots = self.kernel.position_lots(SYMBOL)

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.journal.inputs if isinstance(each, kind)]

    @property
    def closed(self) -> list[Fill]:
        return [each for each in self.of(Fill) if each.decision_id.startswith("liquidation:")]


# 10 lots at 1,000 with 1,000 are closed at 947.25, which is 3,789 ticks.


@pytest.mark.parametrize("assumed", [CROSS, ISOLATED])
def test_a_position_is_closed_at_its_liquidation_price(assumed: SimulationProfile) -> None:
    run = Run(trades([4000, 4000, 3900, 3790, 3789, 3600, 3600]), {1: 10}, assumed)

    (imposed,) = run.of(OrderImposed)
    (fill,) = run.closed
    assert (imposed.reason, imposed.order.lots, imposed.order.side) == ("liquidation", 10, -1)
    # Triggered by the print at 3,789, a market order from then on: it meets the next one.
    assert (fill.price_ticks, fill.lots, fill.side) == (3600, 10, -1)
    assert run.lots == 0
    assert run.kernel.ledger.balance == 0
    assert not run.kernel.orders.open
    run.kernel.ledger.check()


def test_one_that_recovers_before_it_stands() -> None:
    run = Run(trades([4000, 4000, 3900, 3790, 3900, 4000]), {1: 10})

    assert run.of(OrderImposed) == []
    assert run.lots == 10


def test_a_short_is_closed_above() -> None:
    run = Run(trades([4000, 4000, 4100, 4190, 4191, 4200]), {1: -10})

    assert [(each.side, each.price_ticks) for each in run.closed] == [(1, 4200)]


def test_on_bars_the_price_is_the_trigger_and_over_a_gap_the_open() -> None:
    dropped = Run(bars([4000, 4000, 3980, 3700, 3700]), {1: 10})
    assert [each.price_ticks for each in dropped.closed] == [3789]

    columns = bars([4000, 4000, 3980, 3700, 3700])
    columns.open_ticks[3] = columns.high_ticks[3] = 3750
    gapped = Run(columns, {1: 10})
    assert [each.price_ticks for each in gapped.closed] == [3750]


def test_the_price_moves_with_what_is_bought_and_sold() -> None:
    # Half is sold at 1,000: 1,000 + 5 p − 5,000 = 0.25 p at 842.1.
    run = Run(trades([4000, 4000, 4000, 4000, 3700, 3500, 3369, 3368, 3368]), {1: 10, 3: -5})

    assert [(each.lots, each.price_ticks) for each in run.closed] == [(5, 3368)]


def test_isolated_stands_for_itself_and_cross_takes_the_whole_account() -> None:
    # 9,000 more in the account.
    fall = trades([4000, 4000, 3789, 3600, 3600])

    assert len(Run(fall, {1: 10}, ISOLATED, cash=10_000).closed) == 1
    assert Run(fall, {1: 10}, CROSS, cash=10_000).closed == []


def test_funding_paid_brings_the_price_nearer() -> None:
    paying = on_margin(
        MarginMode.CROSS,
        funding_rule=FundingRule.AGAINST,
        funding_rate=Decimal("0.01"),
        funding_interval_ns=10 * MINUTE,
    )
    prints = trades([4000] * 30 + [3850, 3850, 3850], step_ns=MINUTE)

    # After two payments of 100: 800 + 10 p − 10,000 = 0.5 p at 968.4, which is 3,873 ticks.
    run = Run(prints, {1: 10}, paying)

    assert len(run.of(FundingCharged)) >= 2
    assert len(run.closed) == 1
    assert Run(prints, {1: 10}).closed == []


def test_the_venue_takes_its_fee_for_closing() -> None:
    dear = on_margin(
        MarginMode.CROSS, liquidation_fee=Decimal("0.01"), taker_fee_rate=Decimal("0.001")
    )

    run = Run(trades([4000, 4000, 3740, 3740]), {1: 9}, dear)

    assert [each.fee for each in run.closed] == [money("92.565")]


def test_an_order_beyond_the_initial_margin_is_refused() -> None:
    run = Run(trades([4000] * 9), {1: 11, 3: 10, 5: 1, 7: -3})

    refused = run.of(OrderRejected)
    assert [each.reason for each in refused] == ["margin", "margin"]
    assert refused[0].detail == (
        f"{SYMBOL}: it takes 1100.00 with what is under way; there are 1000.00"
    )
    assert run.lots == 7


def test_orders_that_rest_take_margin_too() -> None:
    # 5 rest at 900; 6 more are 11 · 1,000 by the price of the new one.
    run = Run(trades([4000] * 9), {1: 105, 3: 6, 5: 5})

    assert len(run.of(OrderRejected)) == 1
    assert run.lots == 5


def test_open_profit_counts_in_a_cross_account() -> None:
    assert len(Run(trades([4000, 4000, 4400, 4400, 4400]), {1: 9, 3: 5}).of(OrderRejected)) == 0
    assert (
        len(Run(trades([4000, 4000, 4400, 4400, 4400]), {1: 9, 3: 5}, ISOLATED).of(OrderRejected))
        == 1
    )


def test_a_cash_account_pays_in_full_and_sells_what_it_holds() -> None:
    run = Run(trades([4000] * 12), {1: 2, 3: 1, 5: 1, 7: -2, 9: -1}, CASH)

    assert [each.reason for each in run.of(OrderRejected)] == ["margin"] * 3
    assert run.lots == 0
    # A fall closes nothing.
    assert Run(trades([4000, 4000, 1, 1]), {1: 1}, CASH).closed == []


def test_a_position_of_the_start_is_watched_from_the_start() -> None:
    run = Run(trades([3900, 3789, 3780, 3780]), {}, held=10)

    assert [each.price_ticks for each in run.closed] == [3780]


@pytest.mark.parametrize("base", ["zero-latency", "pessimistic-1"])
def test_a_run_is_the_same_however_its_rows_are_cut(base: str) -> None:
    assumed = on_margin(MarginMode.CROSS, base, participation=None)
    fall = trades([*range(4000, 2900, -9), *range(2900, 4100, 17)], step_ns=MINUTE)

    whole, pieces = (Run(fall, {2: 9, 50: -3}, assumed, rows=rows) for rows in (10**9, 7))

    assert whole.closed
    assert whole.journal.records == pieces.journal.records
    assert whole.kernel.state_hash() == pieces.kernel.state_hash()


def test_the_venues_own_order_is_an_order_of_the_record() -> None:
    run = Run(trades([4000, 4000, 3789, 3600, 3600]), {1: 10})

    record = RungRecord.from_records("run", run.journal.records)

    assert {fill.decision_id for fill in record.fills} <= set(record.orders)
    assert record.final_lots()[SYMBOL] == 0


def test_what_cannot_be_watched_is_refused() -> None:
    market = {SYMBOL: HistoryMarket([trades([1])])}
    with pytest.raises(InputError, match="margin needs cash"):
        SimulatedVenue({SYMBOL: ES}, CROSS, market)
    venue = SimulatedVenue({SYMBOL: ES}, CROSS, market, cash=money(1))
    assert venue.lend() is None


def warned_at(columns: Any, plan: dict[int, int], **given: Any) -> list[tuple[int, int]]:
    """Return (lots held, ticks) of each warning at four fifths, in order."""
    terms = msgspec.structs.replace(CROSS.margin, warning_ratio=Decimal("0.8"))
    run = Run(columns, plan, msgspec.structs.replace(CROSS, margin=terms), **given)
    assert run.of(OrderRejected) == []
    return [(each.position_lots, each.price_ticks) for each in run.of(MarginWarned)]


def test_a_warning_is_told_once_and_again_when_the_position_changes() -> None:
    falling = trades([4000, 4000, 3840, 3830, 3820, 3815, 3810])

    assert warned_at(falling, {1: 10}) == [(10, 3840)]
    # With seven lots left it is warned of a lower price, which is not reached.
    assert warned_at(falling, {1: 10, 3: -3}) == [(10, 3840)]


def test_a_short_is_warned_on_its_way_up() -> None:
    ((lots, ticks),) = warned_at(trades([4000, 4000, 4160, 4170]), {1: -10})

    assert lots == -10
    assert 4000 < ticks <= 4170


def test_bars_warn_where_they_reach_the_price_and_the_position_stands() -> None:
    assert warned_at(bars([4000, 4000, 4000, 3835, 3900]), {1: 10}) == [(10, 3840)]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_warnings_are_the_same_however_rows_are_cut(rows: int) -> None:
    falling = trades([4000, 4000, 3840, 3830, 3785, 3780, 3780])

    assert warned_at(falling, {1: 10}, rows=rows) == warned_at(falling, {1: 10})


def test_what_is_flat_is_not_warned() -> None:
    assert warned_at(trades([4000, 4000, 3900, 3900, 3700, 3600]), {1: 10, 2: -10}) == []


@pytest.mark.parametrize(("warned", "told"), [((), ["MarginWarned"]), ((SYMBOL,), [])])
def test_after_a_stop_the_position_is_watched_and_not_warned_of_twice(
    warned: tuple[str, ...], told: list[str]
) -> None:
    terms = msgspec.structs.replace(CROSS.margin, warning_ratio=Decimal("0.8"))
    rows = trades([4000, 3900, 3840, 3789, 3780, 3780])
    venue = SimulatedVenue(
        {SYMBOL: ES},
        msgspec.structs.replace(CROSS, margin=terms),
        {SYMBOL: HistoryMarket([rows])},
        positions={SYMBOL: 10},
        costs={SYMBOL: ES.notional(10, 4000)},
        cash=money(1_000),
        start_ns=T0 + SECOND,
    )

    venue.go_on((), (), down_ns=T0 + SECOND, back_ns=T0 + 2 * SECOND, warned=warned)

    reports = venue.advance(T0 + MINUTE)
    assert [type(each).__name__ for each in reports][: len(told) + 2] == [
        *told,
        "OrderImposed",
        "Fill",
    ]


def test_after_a_stop_what_the_venue_had_begun_to_close_it_closes() -> None:
    run = Run(trades([4000, 4000, 3789, 3600, 3600]), {1: 10})
    (imposed,) = run.of(OrderImposed)
    rows = trades([4000, 3780, 3780, 3780])
    venue = SimulatedVenue(
        {SYMBOL: ES},
        CROSS,
        {SYMBOL: HistoryMarket([rows])},
        positions={SYMBOL: 10},
        costs={SYMBOL: ES.notional(10, 4000)},
        cash=money(1_000),
        start_ns=T0 + SECOND,
    )
    standing = Standing(place=imposed.order)

    venue.go_on((standing,), (), down_ns=T0 + SECOND, back_ns=T0 + SECOND)

    fills = [each for each in venue.advance(T0 + MINUTE) if isinstance(each, Fill)]
    assert [(each.decision_id, each.lots) for each in fills] == [(imposed.order.decision_id, 10)]
