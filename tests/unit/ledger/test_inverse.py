"""Margin, fees and refusals of inverse contracts, with answers worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from tests.support.inverse import COIN, PERP
from tests.support.worlds import T0
from tests.unit.kernel.test_orders import an_order
from tieout.errors import InputError, SettingsError
from tieout.ledger import Ledger
from tieout.ledger.actions import booking_of
from tieout.ledger.affordable import Affordable
from tieout.ledger.fees import FeeMeter
from tieout.ledger.margin import initial_margin, liquidation_ticks
from tieout.model.events import Fill, Split
from tieout.model.fees import FeeCurrency, FeeSchedule, FeeTier, FeeVersion, VolumeIn
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money

BRACKET = MarginBracket(
    from_notional=Decimal(0), initial_rate=Decimal("0.01"), maintenance_rate=Decimal("0.004")
)


def isolated(leverage: int) -> MarginTerms:
    return MarginTerms(mode=MarginMode.ISOLATED, brackets=(BRACKET,), leverage=Decimal(leverage))


def closed_at(lots: int, leverage: int, entry: int = 10_000) -> int | None:
    """Return the tick, a half of the quote currency, at which a position is closed."""
    terms, cost = isolated(leverage), PERP.value(lots, 2 * entry)
    wallet = initial_margin(terms, cost)
    return liquidation_ticks(terms, PERP, lots=lots, cost=cost, wallet=wallet)


def test_a_short_that_is_not_levered_is_never_closed() -> None:
    # It can lose no more coins than its notional at entry, and they all stand for it.
    assert closed_at(-10, leverage=1) is None


def test_a_levered_position_is_closed_where_the_formula_says() -> None:
    # Long: m/10,000 + 1/10,000 − 1/p = 0.004/p, so p = 10,000·1.004/(1 + m) with m = 1/10.
    assert closed_at(10, leverage=10) == 18_254
    # Short: m/10,000 − 1/10,000 + 1/p = 0.004/p, so p = 10,000·0.996/(1 − m).
    assert closed_at(-10, leverage=10) == 22_134
    # A long at the full value in coins is closed at half the price, not at nothing.
    assert closed_at(10, leverage=1) == 10_040


@pytest.mark.parametrize("lots", [-7, 3])
def test_the_price_found_is_the_first_one(lots: int) -> None:
    terms, cost = isolated(20), PERP.value(lots, 61_234)
    wallet = initial_margin(terms, cost)
    found = liquidation_ticks(terms, PERP, lots=lots, cost=cost, wallet=wallet)
    assert found is not None

    def left(ticks: int) -> Fraction:
        gained = PERP.value(lots, ticks) - cost
        kept = abs(PERP.exact_value(lots, ticks)) * Fraction("0.004")
        return wallet + gained - kept

    side = 1 if lots > 0 else -1
    assert left(found) <= 1
    assert left(found + side) > 0


def test_contracts_cannot_be_paid_in_full() -> None:
    with pytest.raises(SettingsError, match="an inverse contract is no coin"):
        Affordable(MarginTerms(mode=MarginMode.CASH), {COIN: PERP})


def test_a_loss_of_coins_is_not_there_to_be_margin() -> None:
    terms = MarginTerms(mode=MarginMode.CROSS, brackets=(BRACKET,), leverage=Decimal(10))
    ledger = Ledger({COIN: PERP}, cash=money("0.15"), positions={})
    ledger.book_fill(a_fill(1))
    affordable = Affordable(terms, {COIN: PERP})

    def refused(lots: int) -> bool:
        order = msgspec.structs.replace(an_order(), instrument=COIN, lots=lots)
        told = affordable.refusal(
            order, ledger, under_way_lots=lambda *_: 0, last_ticks=lambda _: 16_000
        )
        return told is not None

    # Ten long from 10,000 to 8,000 lost 0.025: 0.125 are a tenth of 100 contracts at 8,000.
    assert not refused(90)
    assert refused(91)


def test_tiers_go_by_what_was_traded_in_the_quote_currency() -> None:
    meter = FeeMeter(a_schedule(), {COIN: PERP})

    first, second = (meter.charge(a_fill(number)) for number in (1, 2))

    # Ten contracts at 10,000 are 0.1 of the coin, and a thousand dollars: then the second tier.
    assert (first.fee, first.fee_currency) == (money("0.0001"), "BTC")
    assert second.fee == money("0.00005")


def test_a_fee_in_what_is_received_is_refused() -> None:
    with pytest.raises(SettingsError, match="an inverse contract, which brings nothing"):
        FeeMeter(a_schedule(currency=FeeCurrency.RECEIVED), {COIN: PERP})


def test_a_split_is_refused() -> None:
    split = Split(instrument=COIN, new=2, old=1, venue_time_ns=T0, arrival_time_ns=T0)

    with pytest.raises(InputError, match=r"corporate action at .* of an inverse contract"):
        booking_of(split, PERP, lots=1, price_ticks=100, decided_at_ns=T0)


def a_schedule(currency: FeeCurrency = FeeCurrency.QUOTE) -> FeeSchedule:
    tiers = (
        FeeTier(from_volume=Decimal(0), taker_rate=Decimal("0.001")),
        FeeTier(from_volume=Decimal(1000), taker_rate=Decimal("0.0005")),
    )
    return FeeSchedule(
        name="made-1",
        venue="made up",
        versions=(
            FeeVersion(
                since="2010-01-01",
                source="made up",
                as_of="2010-01-01",
                tiers=tiers,
                volume_in=VolumeIn.NOTIONAL,
                evaluated="each_fill",  # type: ignore[arg-type]
                currency=currency,
            ),
        ),
    )


def a_fill(number: int) -> Fill:
    return Fill(
        decision_id=f"d{number}",
        trade_id=str(number),
        instrument=COIN,
        side=1,
        lots=10,
        price_ticks=20_000,
        fee=0,
        fee_currency="BTC",
        liquidity=2,
        venue_time_ns=T0 + number,
        arrival_time_ns=T0 + number,
    )
