"""Funding: by the venue's own rates or the constant, on what was held just before."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.compiled import cut
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0, MemoryJournal, trades
from tieout import Strategy
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.costs import Holdings, ModelledCosts
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.errors import InputError
from tieout.kernel.loop import Kernel
from tieout.model.events import FundingCharged, RunEnded, RunStarted
from tieout.model.funding import FundingRate, FundingSeries
from tieout.model.instruments import Instrument, InstrumentType
from tieout.model.money import money
from tieout.model.profiles import HOUR, FundingFrom, FundingRule, SimulationProfile, profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout import Context, Trade
    from tieout.ledger import Ledger
    from tieout.model.columns import TradeColumns

DAY = 24 * HOUR
# T0 is 17:00 UTC.
MIDNIGHT = T0 // DAY * DAY + DAY
QUIET = msgspec.structs.replace(
    profile("zero-latency"),
    funding_rule=FundingRule.SIGNED,
    taker_fee_rate=Decimal(0),
    maker_fee_rate=Decimal(0),
)


def rate(at_ns: int, share: str, *, hours: int = 8, mark: int | None = None) -> FundingRate:
    return FundingRate(at_ns, int(Decimal(share) * 10**18), hours * HOUR, mark)


def held(
    prints: TradeColumns,
    lots: int,
    *,
    rates: Sequence[FundingRate] = (),
    assumed: SimulationProfile = QUIET,
    trading: Mapping[int, int] | None = None,
    rows: int = 10**9,
    start_ns: int = 0,
    instrument: Instrument = ES,
) -> tuple[Ledger, list[FundingCharged]]:
    """Hold a position over prints, and trade lots at given prints; return books and charges."""

    class Holding(Strategy):
        def on_start(self, context: Context) -> None:
            context.trades(SYMBOL)

        def on_trade(self, context: Context, trade: Trade) -> None:
            wanted = (trading or {}).get(trade.trade_id, 0)
            if wanted > 0:
                context.buy(SYMBOL, units=wanted)
            if wanted < 0:
                context.sell(SYMBOL, units=-wanted)

    journal = MemoryJournal()
    kernel = Kernel(Holding, instruments={SYMBOL: instrument}, journal=journal)
    began = int(prints.arrival_time_ns[0])
    positions = ((SYMBOL, lots, ES.notional(lots, 4000)),) if lots else ()
    source = HistorySource(
        RunStarted(arrival_time_ns=began, cash=money(1_000), positions=positions),
        RunEnded(arrival_time_ns=int(prints.arrival_time_ns[-1]), reason="end of data"),
        [Stream(f"trades:{SYMBOL}", cut(prints, rows))],
    )
    venue = SimulatedVenue(
        {SYMBOL: instrument},
        assumed,
        {SYMBOL: HistoryMarket(cut(prints, rows))},
        positions={SYMBOL: lots},
        start_ns=start_ns,
        funding_rates=FundingSeries({SYMBOL: rates}) if rates else None,
    )
    kernel.run(source, venue)
    charges = [each for each in journal.inputs if isinstance(each, FundingCharged)]
    return kernel.ledger, charges


def paid(charges: Sequence[FundingCharged]) -> list[tuple[float, str]]:
    """Return (hours after the first midnight, amount) of charges."""
    return [
        ((each.venue_time_ns - MIDNIGHT) / HOUR, str(Decimal(each.amount).scaleb(-12).normalize()))
        for each in charges
    ]


FLAT = trades([4000] * 300, step_ns=10 * MINUTE)
"""1,000 each, for two days."""


def test_the_last_rate_told_is_charged_until_another_is() -> None:
    carried = msgspec.structs.replace(QUIET, funding_from=FundingFrom.LAST_TOLD)
    told = [rate(MIDNIGHT + 4 * HOUR, "0.001"), rate(MIDNIGHT + 16 * HOUR, "0.003")]

    _, charges = held(FLAT, 1, rates=told, assumed=carried)

    # One told at a time is charged at the next one, and nothing before the first was told.
    assert paid(charges)[:4] == [(8.0, "-1"), (16.0, "-1"), (24.0, "-3"), (32.0, "-3")]


def test_without_any_rate_told_nobody_is_charged() -> None:
    carried = msgspec.structs.replace(QUIET, funding_from=FundingFrom.LAST_TOLD)

    assert held(FLAT, 1, assumed=carried)[1] == []


def test_ten_times_leverage_at_a_basis_point_costs_109_5_percent_of_the_margin_a_year() -> None:
    # 1,000 of margin hold 10 lots, worth 10,000, for 365 days.
    year = trades([4000] * (365 * 6 + 1), step_ns=4 * HOUR, start_ns=T0 - 4 * HOUR)

    ledger, charges = held(year, 10, start_ns=T0)

    assert len(charges) == 1095
    assert ledger.funding == -money("1095.00")
    assert ledger.cash == money(1_000) - money(10_000) - money("1095.00")


def test_each_payment_is_on_what_is_held_then() -> None:
    # Payments at 00:00, 08:00, 16:00; print n is at 17:00 and 10 n minutes.
    _, charges = held(FLAT, 4, trading={60: 3, 100: -5, 150: -2})

    assert paid(charges) == [(0, "-0.4"), (8, "-0.7"), (16, "-0.2")]
    assert [each.position_lots for each in charges] == [4, 7, 2]


@pytest.mark.parametrize(
    ("rule", "lots", "share", "amount"),
    [
        (FundingRule.SIGNED, 10, "0.0003", "-3"),
        (FundingRule.SIGNED, -10, "0.0003", "3"),
        (FundingRule.SIGNED, 10, "-0.0003", "3"),
        (FundingRule.SIGNED, -10, "-0.0003", "-3"),
        (FundingRule.AGAINST, -10, "0.0003", "-3"),
        (FundingRule.AGAINST, 10, "-0.0003", "-3"),
    ],
)
def test_longs_pay_a_positive_rate_and_shorts_get_it(
    rule: FundingRule, lots: int, share: str, amount: str
) -> None:
    assumed = msgspec.structs.replace(QUIET, funding_rule=rule)

    _, charges = held(FLAT.rows(0, 50), lots, rates=[rate(MIDNIGHT, share)], assumed=assumed)

    assert paid(charges) == [(0, amount)]


@pytest.mark.parametrize(("late_ns", "lots"), [(-1, 7), (0, 4), (1, 4)])
def test_a_fill_counts_from_the_payment_after_it_on(late_ns: int, lots: int) -> None:
    """What is held just before T pays: a fill before T counts, one at T does not."""
    prints = trades([4000] * 9, step_ns=HOUR, start_ns=T0 + late_ns)
    # Decided at the print of 23:00, filled at that of 00:00.
    assert int(prints.venue_time_ns[6]) == MIDNIGHT + late_ns

    _, charges = held(prints, 4, trading={6: 3}, rates=[rate(MIDNIGHT, "0.0001")])

    assert [each.position_lots for each in charges] == [lots]


def test_a_payment_told_twice_is_booked_once() -> None:
    ledger, charges = held(FLAT.rows(0, 60), 10)
    before = ledger.funding

    assert ledger.book_funding(charges[0]) is False
    assert ledger.funding == before == -money(1)


def test_a_rate_told_twice_is_refused() -> None:
    with pytest.raises(InputError, match="take out what is there twice"):
        FundingSeries({SYMBOL: [rate(MIDNIGHT, "0.1"), rate(MIDNIGHT + 7_000_000, "0.1")]})


@pytest.mark.parametrize("cut_ns", [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1])
def test_a_run_that_goes_on_pays_each_time_once(cut_ns: int) -> None:
    rates = [rate(MIDNIGHT + n * 4 * HOUR, "0.0001", hours=4) for n in range(4)]
    _, whole = held(FLAT, 10, rates=rates)

    first = [each for each in whole if each.venue_time_ns <= cut_ns]
    _, rest = held(FLAT, 10, rates=rates, start_ns=cut_ns)

    assert [*first, *rest] == whole


def test_the_venues_own_intervals_and_rates_go_before_the_constant() -> None:
    rates = [
        # As stamped: 9 ms late.
        rate(MIDNIGHT + 4 * HOUR + 9_000_000, "0.0005"),
        rate(MIDNIGHT + 8 * HOUR, "-0.0002", hours=4),
        rate(MIDNIGHT + 9 * HOUR, "0.0001", hours=1),
        # The one at 13:00 is missing, and what is told of 12:00 … 20:00 begins again at 20:00.
        rate(MIDNIGHT + 28 * HOUR, "0.0004"),
    ]

    _, charges = held(FLAT, 10, rates=rates)

    # 00:00 lies in the first rate's eight hours. 16:00 lies in a hole: the constant, 0.01 %. 24:00
    # lies in the last rate's hours; what comes after it pays the constant again.
    assert paid(charges) == [
        (4, "-5"),
        (8, "2"),
        (9, "-1"),
        (16, "-1"),
        (28, "-4"),
        (32, "-1"),
        (40, "-1"),
    ]
    assert charges[0].rate == "0.0005"


def test_the_moment_at_which_a_rates_hours_begin_is_not_in_them() -> None:
    rates = [rate(MIDNIGHT + 4 * HOUR, "0.0003", hours=4)]

    _, charges = held(FLAT.rows(0, 80), 10, rates=rates)

    assert paid(charges) == [(0, "-1"), (4, "-3")]


def test_hours_that_are_no_multiple_of_eight_since_1970_are_kept() -> None:
    rates = [rate(MIDNIGHT + (4 + 8 * n) * HOUR, "0.0001") for n in range(6)]

    _, charges = held(FLAT, 10, rates=rates)

    assert [hour for hour, _ in paid(charges)] == [4, 12, 20, 28, 36]


def test_the_mark_price_is_the_venues_where_it_is_told_else_the_last_price() -> None:
    prints = trades([4000] * 42 + [4400] * 60, step_ns=10 * MINUTE)
    rates = [rate(MIDNIGHT, "0.0001", mark=4100), rate(MIDNIGHT + 8 * HOUR, "0.0001")]

    _, charges = held(prints, 10, rates=rates)

    assert [each.mark_ticks for each in charges] == [4100, 4400]
    assert [amount for _, amount in paid(charges)] == ["-1.025", "-1.1"]


def test_payments_do_not_hang_on_how_rows_are_cut() -> None:
    rates = [rate(MIDNIGHT + n * HOUR, "0.0001", hours=1) for n in range(20)]
    trading = {5: -3, 77: 4, 110: -20}

    assert (
        held(FLAT, 4, rates=rates, trading=trading)[1]
        == (held(FLAT, 4, rates=rates, trading=trading, rows=7)[1])
    )


def test_a_rung_charges_what_the_venue_would_have() -> None:
    rates = [rate(MIDNIGHT + 4 * HOUR, "0.0003"), rate(MIDNIGHT + 8 * HOUR, "0.0001", hours=4)]
    _, charges = held(FLAT, 6, rates=rates)
    venue = SimulatedVenue({SYMBOL: ES}, QUIET, {SYMBOL: HistoryMarket([FLAT])})
    end_ns = int(FLAT.venue_time_ns[-1])
    venue.advance(end_ns)
    costs = ModelledCosts(QUIET, {SYMBOL: ES}, venue, funding_rates=FundingSeries({SYMBOL: rates}))

    found = costs.funding(T0, end_ns, Holdings({SYMBOL: 6}))

    assert [(each.venue_time_ns, each.amount) for each in found] == (
        [(each.venue_time_ns, each.amount) for each in charges]
    )


def test_a_compiled_run_is_not_lent_a_market_with_rates_of_its_own() -> None:
    def lent(rates: Any) -> bool:
        market = {SYMBOL: HistoryMarket([FLAT])}
        return SimulatedVenue({SYMBOL: ES}, QUIET, market, funding_rates=rates).lend() is not None

    assert lent(None)
    assert not lent(FundingSeries({SYMBOL: [rate(MIDNIGHT, "0.1")]}))


@pytest.mark.parametrize("kind", [each for each in InstrumentType if each != "perpetual"])
def test_what_is_no_perpetual_pays_none_unless_its_rates_are_known(kind: InstrumentType) -> None:
    share = msgspec.structs.replace(ES, type=kind)
    perpetual = msgspec.structs.replace(ES, type=InstrumentType.PERPETUAL)
    against = msgspec.structs.replace(QUIET, funding_rule=FundingRule.AGAINST)

    for assumed in (QUIET, against):
        assert held(FLAT, 10, assumed=assumed, instrument=share)[1] == []
        assert held(FLAT, 10, assumed=assumed, instrument=perpetual)[1] != []
    known = held(FLAT, 10, rates=[rate(MIDNIGHT, "0.1")], instrument=share)[1]
    assert paid(known)[0] == (0, "-1E+3")


def test_a_rung_charges_no_funding_on_a_share() -> None:
    share = msgspec.structs.replace(ES, type=InstrumentType.STOCK)
    venue = SimulatedVenue({SYMBOL: share}, QUIET, {SYMBOL: HistoryMarket([FLAT])})
    end_ns = int(FLAT.venue_time_ns[-1])
    venue.advance(end_ns)

    found = ModelledCosts(QUIET, {SYMBOL: share}, venue).funding(T0, end_ns, Holdings({SYMBOL: 6}))

    assert found == []


def test_a_share_that_is_sold_short_pays_for_what_it_borrows_and_no_funding() -> None:
    share = msgspec.structs.replace(ES, type=InstrumentType.STOCK)
    lending = msgspec.structs.replace(QUIET, borrow_rate=Decimal("0.365"), borrow_days=365)

    _, charges = held(FLAT, -1, assumed=lending, instrument=share)

    assert [each.charge_id[:7] for each in charges] == ["borrow-"] * 2
    assert paid(charges)[0][1] == "-1"


def test_nobody_pays_where_the_profile_says_so() -> None:
    nobody = msgspec.structs.replace(QUIET, funding_rule=FundingRule.NONE)

    assert held(FLAT, 10, rates=[rate(MIDNIGHT, "0.1")], assumed=nobody)[1] == []


@pytest.mark.parametrize(
    ("rates", "says"),
    [
        ([rate(MIDNIGHT + 5 * SECOND, "0.1")], "no whole minute"),
        ([rate(MIDNIGHT, "0.1", hours=25)], "up to a day"),
        ([rate(MIDNIGHT, "0.1"), rate(MIDNIGHT - HOUR, "0.1")], "sort the rates"),
    ],
)
def test_rates_that_cannot_be_are_refused(rates: list[FundingRate], says: str) -> None:
    with pytest.raises(InputError, match=says):
        FundingSeries({SYMBOL: rates})


def test_rates_are_found_by_time() -> None:
    series = FundingSeries({SYMBOL: [rate(MIDNIGHT + n * HOUR, "0.1") for n in range(5)]})

    found = series.at(SYMBOL, MIDNIGHT, MIDNIGHT + 2 * HOUR)

    assert [each.venue_time_ns - MIDNIGHT for each in found] == [HOUR, 2 * HOUR]
    assert series.at("other", 0, 2**62) == ()
