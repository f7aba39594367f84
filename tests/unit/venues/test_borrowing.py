"""Borrowing for a short: paid once a day on its market value, and no more than there is."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.compiled import cut
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, MemoryJournal, trades
from tieout import Strategy
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.costs import ChargedCosts, Holdings, ModelledCosts
from tieout.adapters.venues.simulated import SimulatedVenue, Standing
from tieout.errors import InputError, SettingsError
from tieout.kernel.loop import Kernel
from tieout.model.borrow import BorrowRate, BorrowSeries
from tieout.model.events import (
    Fill,
    FundingCharged,
    OrderImposed,
    OrderRejected,
    RunEnded,
    RunStarted,
)
from tieout.model.money import money
from tieout.model.profiles import HOUR, FundingRule, SimulationProfile, profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout import Context, Trade

DAY = 24 * HOUR
# T0 is 17:00 UTC.
MIDNIGHT = T0 // DAY * DAY + DAY
DEAR = msgspec.structs.replace(
    profile("zero-latency"),
    borrow_rate=Decimal("0.0365"),
    taker_fee_rate=Decimal(0),
    maker_fee_rate=Decimal(0),
)
"""A basis point of the short's value a day."""

FLAT = trades([4000] * 300, step_ns=10 * MINUTE)
"""1,000 each, for two days."""


def shorted(
    lots: int,
    *,
    assumed: SimulationProfile = DEAR,
    rates: Sequence[BorrowRate] | None = None,
    trading: Mapping[int, int] | None = None,
    rows: int = 10**9,
    start_ns: int = 0,
) -> tuple[Kernel, list[FundingCharged], list[OrderRejected]]:
    """Hold lots over the prints and trade at given ones; a hundred more are a resting sale."""

    class Trading(Strategy):
        def on_start(self, context: Context) -> None:
            context.trades(SYMBOL)

        def on_trade(self, context: Context, trade: Trade) -> None:
            wanted = (trading or {}).get(trade.trade_id, 0)
            if wanted > 0:
                context.buy(SYMBOL, units=wanted)
            elif -100 < wanted < 0:
                context.sell(SYMBOL, units=-wanted)
            elif wanted:
                context.sell(SYMBOL, units=-wanted - 100, limit=2000)

    journal = MemoryJournal()
    kernel = Kernel(Trading, instruments={SYMBOL: ES}, journal=journal)
    positions = ((SYMBOL, lots, ES.notional(lots, 4000)),) if lots else ()
    source = HistorySource(
        RunStarted(
            arrival_time_ns=int(FLAT.arrival_time_ns[0]), cash=money(1_000), positions=positions
        ),
        RunEnded(arrival_time_ns=int(FLAT.arrival_time_ns[-1]), reason="end of data"),
        [Stream(f"trades:{SYMBOL}", cut(FLAT, rows))],
    )
    venue = SimulatedVenue(
        {SYMBOL: ES},
        assumed,
        {SYMBOL: HistoryMarket(cut(FLAT, rows))},
        positions={SYMBOL: lots},
        start_ns=start_ns,
        borrow_rates=None if rates is None else BorrowSeries({SYMBOL: rates}),
    )
    kernel.run(source, venue)
    charges = [each for each in journal.inputs if isinstance(each, FundingCharged)]
    refused = [each for each in journal.inputs if isinstance(each, OrderRejected)]
    return kernel, charges, refused


def paid(charges: Sequence[FundingCharged]) -> list[tuple[float, str]]:
    """Return (hours after the first midnight, amount)."""
    return [
        (
            (each.venue_time_ns - MIDNIGHT) / HOUR,
            f"{Decimal(each.amount).scaleb(-12).normalize():f}",
        )
        for each in charges
    ]


def a_rate(share: str, available: int | None = None, *, since_ns: int = T0) -> BorrowRate:
    return BorrowRate(since_ns, int(Decimal(share) * 10**18), available)


def test_a_short_pays_a_days_share_once_a_day_on_what_it_is_worth() -> None:
    # At 00:00 of both days; 3 more are bought back in between.
    kernel, charges, _ = shorted(-10, trading={60: 3})

    assert paid(charges) == [(0, "-1"), (24, "-0.7")]
    assert [each.charge_id[:7] for each in charges] == ["borrow-"] * 2
    assert kernel.ledger.funding == -money("1.7")
    kernel.ledger.check()


def test_a_long_borrows_nothing() -> None:
    assert shorted(10)[1] == []


def test_the_time_of_day_and_the_days_of_a_year_are_stated() -> None:
    assumed = msgspec.structs.replace(
        DEAR, borrow_at_s=21 * 3600 + 1800, borrow_days=360, borrow_rate=Decimal("0.036")
    )

    assert paid(shorted(-10, assumed=assumed)[1]) == [(-2.5, "-1"), (21.5, "-1")]


def test_the_rate_is_that_of_the_moment_before() -> None:
    rates = [
        a_rate("0.0730"),
        a_rate("0.3650", since_ns=MIDNIGHT),
        a_rate("0", since_ns=MIDNIGHT + HOUR),
    ]

    # The day's second one costs nothing, so nothing is told.
    assert paid(shorted(-10, rates=rates)[1]) == [(0, "-2")]
    assert paid(shorted(-10, rates=rates[:2])[1]) == [(0, "-2"), (24, "-10")]


def test_a_short_of_a_perpetual_gets_funding_and_pays_for_borrowing() -> None:
    both = msgspec.structs.replace(DEAR, funding_rule=FundingRule.SIGNED)

    assert paid(shorted(-10, assumed=both)[1])[:2] == [(0, "1"), (0, "-1")]


def test_payments_do_not_hang_on_how_rows_are_cut() -> None:
    trading = {5: -3, 77: 4, 200: -2}

    assert shorted(-4, trading=trading)[1] == shorted(-4, trading=trading, rows=7)[1]


def test_a_sale_is_refused_where_it_would_be_shorter_than_there_is_to_borrow() -> None:
    # Long 5: 11 may be sold, and no more.
    kernel, _, refused = shorted(5, rates=[a_rate("0", 6)], trading={1: -11, 9: -1, 20: 2, 30: -2})

    assert [each.reason for each in refused] == ["no_borrow"]
    assert (
        refused[0].detail == f"{SYMBOL}: short 7 lots with what is under way; there are 6 to borrow"
    )
    assert kernel.position_lots(SYMBOL) == -6


def test_sales_that_rest_count_and_purchases_under_way_do_not() -> None:
    # A sale of 4 rests; 3 more would make 7 of 6.
    kernel, _, refused = shorted(0, rates=[a_rate("0", 6)], trading={1: -104, 5: -3, 9: -2})

    assert len(refused) == 1
    assert kernel.position_lots(SYMBOL) == -2


def test_what_there_is_to_borrow_is_that_of_the_orders_arrival() -> None:
    rates = [a_rate("0", 0), a_rate("0", 5, since_ns=MIDNIGHT)]

    kernel, _, refused = shorted(0, rates=rates, trading={1: -5, 60: -5})

    assert len(refused) == 1
    assert kernel.position_lots(SYMBOL) == -5


def test_what_the_lender_wants_back_is_bought_in_by_the_venue() -> None:
    # Prints every ten minutes: the one after midnight is an hour later than the change at 23:00.
    rates = [a_rate("0", 6), a_rate("0", 2, since_ns=MIDNIGHT - HOUR + 1)]

    kernel, _, _ = shorted(-5, rates=rates)

    (imposed,) = [each for each in kernel.orders.by_id.values() if "recall" in each.place.origin]
    assert (imposed.place.side, imposed.place.lots) == (1, 3)
    assert kernel.position_lots(SYMBOL) == -2
    assert not kernel.orders.open
    kernel.ledger.check()


def test_it_is_bought_at_the_first_print_after_and_only_once() -> None:
    rates = [a_rate("0", 2, since_ns=MIDNIGHT + n * MINUTE) for n in range(4)]

    kernel, _, _ = shorted(-5, rates=rates)

    bought = [each for each in kernel.orders.by_id.values() if "recall" in each.place.origin]
    assert [each.place.decision_id for each in bought] == [f"recall:{SYMBOL}:{MIDNIGHT}"]
    assert [each.place.lots for each in bought] == [3]


def test_what_was_bought_back_in_time_is_not_called() -> None:
    kernel, _, _ = shorted(-5, rates=[a_rate("0", 2, since_ns=MIDNIGHT)], trading={5: 4})

    assert kernel.position_lots(SYMBOL) == -1
    assert len(kernel.orders.by_id) == 1


def test_what_was_told_before_a_short_began_calls_nothing_back() -> None:
    rates = [a_rate("0", 0, since_ns=T0 + HOUR), a_rate("0", 9, since_ns=MIDNIGHT)]

    kernel, _, _ = shorted(0, rates=rates, trading={60: -5})

    assert kernel.position_lots(SYMBOL) == -5


def test_recalls_do_not_hang_on_how_rows_are_cut() -> None:
    rates = [
        a_rate("0", 6),
        a_rate("0", 3, since_ns=MIDNIGHT),
        a_rate("0", 0, since_ns=MIDNIGHT + HOUR),
    ]

    whole, pieces = (shorted(-5, rates=rates, rows=rows)[0] for rows in (10**9, 7))

    assert whole.position_lots(SYMBOL) == 0
    assert whole.state_hash() == pieces.state_hash()


def test_a_rung_charges_what_the_venue_would_have() -> None:
    charges = shorted(-10)[1]
    venue = SimulatedVenue({SYMBOL: ES}, profile("zero-latency"), {SYMBOL: HistoryMarket([FLAT])})
    end_ns = int(FLAT.venue_time_ns[-1])
    venue.advance(end_ns)

    found = ModelledCosts(DEAR, {SYMBOL: ES}, venue).funding(T0, end_ns, Holdings({SYMBOL: -10}))

    assert [(each.charge_id, each.amount) for each in found] == (
        [(each.charge_id, each.amount) for each in charges]
    )


def test_a_compiled_run_is_not_lent_a_market_on_which_shorts_pay_or_are_refused() -> None:
    free = msgspec.structs.replace(DEAR, borrow_rate=Decimal(0), funding_rule=FundingRule.NONE)
    limit = BorrowSeries({SYMBOL: [BorrowRate(T0, None, 5)]})

    def lent(assumed: SimulationProfile, rates: BorrowSeries | None) -> bool:
        record = {SYMBOL: HistoryMarket([FLAT])}
        return SimulatedVenue({SYMBOL: ES}, assumed, record, borrow_rates=rates).lend() is not None

    assert [lent(free, None), lent(DEAR, None), lent(free, limit)] == [True, False, False]


def test_a_short_gets_what_a_rate_below_zero_gives() -> None:
    # Half a cent rounds away from nothing, on either side.
    cents = msgspec.structs.replace(DEAR, fee_digits=2)

    paid_for = paid(shorted(-10, assumed=cents, rates=[a_rate("0.001825")])[1])
    given = paid(shorted(-10, assumed=cents, rates=[a_rate("-0.001825")])[1])

    assert paid_for == [(0, "-0.05"), (24, "-0.05")]
    assert given == [(0, "0.05"), (24, "0.05")]
    assert paid(shorted(-1, assumed=cents, rates=[a_rate("-0.001825")])[1])[0] == (0, "0.01")


def test_where_no_rate_is_told_the_constant_holds() -> None:
    rates = [a_rate("0.0730"), BorrowRate(MIDNIGHT, None, 50)]

    assert paid(shorted(-10, rates=rates)[1]) == [(0, "-2"), (24, "-1")]


def test_what_was_told_before_a_run_calls_nothing_back() -> None:
    rates = [a_rate("0", 2, since_ns=T0 - DAY), a_rate("0", 9, since_ns=T0 - HOUR)]

    # Five are short at the start, and nine are there.
    kernel, _, _ = shorted(-5, rates=rates, start_ns=T0)

    assert kernel.position_lots(SYMBOL) == -5


def test_a_venue_that_goes_on_calls_no_more_back_than_the_one_before() -> None:
    # Both are told between two prints, of which there is one every ten minutes.
    one, other = T0 + HOUR + MINUTE, T0 + HOUR + 3 * MINUTE
    series = BorrowSeries({SYMBOL: [a_rate("0", 2, since_ns=one), a_rate("0", 1, since_ns=other)]})

    def venue(start_ns: int) -> SimulatedVenue:
        record, held = {SYMBOL: HistoryMarket([FLAT])}, {SYMBOL: -5}
        return SimulatedVenue(
            {SYMBOL: ES}, DEAR, record, positions=held, start_ns=start_ns, borrow_rates=series
        )

    told = venue(T0).advance(one + MINUTE)
    (imposed,) = (each for each in told if isinstance(each, OrderImposed))
    # It stopped with the purchase of three under way.
    again = venue(one + MINUTE)
    again.go_on([Standing(place=imposed.order)], (), down_ns=one + MINUTE, back_ns=one + MINUTE)
    reports = again.advance(T0 + 4 * HOUR)

    recalled = [each.order.lots for each in reports if isinstance(each, OrderImposed)]
    bought = [each.lots for each in reports if isinstance(each, Fill)]
    assert (imposed.order.lots, recalled, sorted(bought)) == (3, [1], [1, 3])


def test_a_charge_on_a_short_falls_on_no_long() -> None:
    (charge, *_) = shorted(-10)[1]
    none = ModelledCosts(
        msgspec.structs.replace(DEAR, borrow_rate=Decimal(0)),
        {SYMBOL: ES},
        SimulatedVenue({SYMBOL: ES}, DEAR, {SYMBOL: HistoryMarket([FLAT])}),
    )
    costs = ChargedCosts([charge], Holdings({SYMBOL: -10}), none)

    def charged(lots: int) -> list[int]:
        end_ns = charge.arrival_time_ns
        return [each.amount for each in costs.funding(T0, end_ns, Holdings({SYMBOL: lots}))]

    assert (charged(-5), charged(5)) == ([-money("0.5")], [])


def test_the_prices_of_a_market_that_nobody_looked_at_are_known() -> None:
    record = {SYMBOL: HistoryMarket([FLAT])}
    venue = SimulatedVenue(
        {SYMBOL: ES}, DEAR, record, borrow_rates=BorrowSeries({SYMBOL: [a_rate("0", 6)]})
    )

    assert venue.reference_ticks(SYMBOL, T0 + HOUR) == 4000


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="ascending time"):
        BorrowSeries({SYMBOL: [a_rate("0"), a_rate("0")]})
    with pytest.raises(InputError, match="not negative"):
        BorrowSeries({SYMBOL: [a_rate("0", -1)]})
    with pytest.raises(SettingsError, match="borrow_days 360 or 365"):
        msgspec.structs.replace(DEAR, borrow_days=364)
    with pytest.raises(SettingsError, match="borrow_at_s"):
        msgspec.structs.replace(DEAR, borrow_at_s=90_000)
