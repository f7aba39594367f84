"""What a fill costs by a schedule: rates, currencies, an order's least and most, rounding."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.fees import BTC, SHARES, a_schedule, a_version, tiered
from tests.support.worlds import ES
from tieout.errors import SettingsError
from tieout.model import fees
from tieout.model.fees import (
    Evaluated,
    Fee,
    FeeCurrency,
    FeeTier,
    FeeVersion,
    OrderFees,
    Rounding,
    Sides,
    Surcharge,
    fee_of,
    fee_schedule,
    fee_schedule_names,
)
from tieout.model.money import money, money_decimal

if TYPE_CHECKING:
    from tieout.model.instruments import Instrument

DAY = fees.DAY_NS
PINNED = {
    "alpaca-crypto-1": "42036761",
    "alpaca-us-stocks-1": "4aca4be9",
    "binance-coinm-1": "cde6273b",
    "binance-coinm-2": "6a180330",
    "binance-spot-1": "ae004400",
    "binance-usdm-1": "8e82fcbf",
    "bybit-linear-1": "65a3a094",
    "bybit-spot-1": "2ce92bb1",
    "cme-emini-equity-1": "b591e87f",
    "coinbase-advanced-1": "f7484dcf",
    "coinbase-pro-1": "313079dd",
    "hyperliquid-perps-1": "b91a76c2",
    "hyperliquid-spot-1": "a8d30879",
    "ib-us-stocks-fixed-1": "91e9e2fd",
    "ib-us-stocks-tiered-1": "ceb786c5",
    "kraken-futures-1": "abf22e79",
    "kraken-spot-1": "cb656c11",
    "kucoin-spot-b-1": "c4cde85c",
    "lean-ib-futures-1": "907cfe9d",
    "lean-ib-us-stocks-1": "76f8b845",
    "okx-spot-1": "eff225fa",
    "okx-swap-1": "384423ef",
}


def owed(
    version: FeeVersion,
    lots: int = 1,
    *,
    price: int = 10_000,
    side: int = 1,
    instrument: Instrument = ES,
    liquidity: int = 2,
    order: OrderFees | None = None,
    token_price: Fraction | None = None,
) -> Fee:
    return fee_of(
        version,
        version.tiers[0],
        instrument,
        side=side,
        lots=lots,
        price_ticks=price,
        liquidity=liquidity,
        order=order,
        token_price=token_price,
    )


def rated(maker: str, taker: str, **given: Any) -> FeeVersion:
    tier = FeeTier(maker_rate=Decimal(maker), taker_rate=Decimal(taker))
    return a_version(tiers=(tier,), **given)


def a_share(**given: Any) -> FeeVersion:
    """Half a cent a share."""
    return a_version(tiers=(FeeTier(per_unit=Decimal("0.005")),), digits=6, **given)


def test_the_rate_goes_by_the_liquidity_flag() -> None:
    version = rated("0.0002", "0.0005")

    assert owed(version, liquidity=1).amount == money("0.5")
    assert owed(version, liquidity=2).amount == money("1.25")


def test_a_rebate_is_paid_to_us() -> None:
    assert owed(rated("-0.0001", "0.0005"), liquidity=1).amount == money("-0.25")


def test_a_share_and_a_contract_cost_the_same_at_any_price() -> None:
    version = a_share()

    assert owed(version, 1000, price=25, instrument=SHARES).amount == money("5")
    assert owed(version, 1000, price=90_000, instrument=SHARES).amount == money("5")


def test_the_venues_token_takes_its_share_off_and_is_converted_exactly() -> None:
    version = rated("0.001", "0.001", token="BNB", token_share_off=Decimal("0.25"))

    fee = owed(version, token_price=Fraction(300))

    # 2,500 · 0.1 % · 0.75 = 1.875 USDT = 0.00625 BNB.
    assert (fee.amount, fee.charged, fee.currency) == (money("1.875"), money("0.00625"), "BNB")


def test_what_the_token_rounds_away_is_rounded_in_the_money_too() -> None:
    version = rated("0.001", "0.001", token="BNB", digits=2)

    fee = owed(version, token_price=Fraction(300))

    assert (fee.amount, fee.charged) == (money("3"), money("0.01"))


def test_a_buy_pays_in_what_it_receives_at_the_fills_own_price() -> None:
    version = rated("0.001", "0.001", currency=FeeCurrency.RECEIVED)

    bought = owed(version, 100_000, price=4_000_000, instrument=BTC)
    sold = owed(version, 100_000, price=4_000_000, side=-1, instrument=BTC)

    assert (bought.amount, bought.charged, bought.currency) == (money(40), money("0.001"), "BTC")
    assert (sold.amount, sold.charged, sold.currency) == (money(40), 0, "")


def test_what_is_received_must_stand_in_the_symbol() -> None:
    version = rated("0.001", "0.001", currency=FeeCurrency.RECEIVED)

    with pytest.raises(SettingsError, match="AAPL: a fee in what is received"):
        owed(version, instrument=SHARES)


@pytest.mark.parametrize(
    ("way", "paid", "received"),
    [
        (Rounding.HALF_UP, "0.01", "-0.01"),
        (Rounding.UP, "0.01", "0"),
        (Rounding.DOWN, "0", "-0.01"),
    ],
)
def test_fees_round_the_stated_way(way: Rounding, paid: str, received: str) -> None:
    # 0.25 · 0.02 = 0.005.
    assert owed(rated("0", "0.02", digits=2, rounding=way), price=1).amount == money(paid)
    assert owed(rated("0", "-0.02", digits=2, rounding=way), price=1).amount == money(received)


def test_an_orders_least_falls_on_its_first_fill_and_is_charged_once() -> None:
    version = a_share(min_per_order=Decimal(1))
    first = owed(version, 100, price=2500, instrument=SHARES)

    second = owed(version, 50, price=2500, instrument=SHARES, order=first.order)
    third = owed(version, 100, price=2500, instrument=SHARES, order=second.order)

    # 100 shares owe 0.50, 150 owe 0.75, 250 owe 1.25.
    assert [each.amount for each in (first, second, third)] == [money(1), 0, money("0.25")]


def test_an_orders_most_goes_before_its_least() -> None:
    version = a_share(min_per_order=Decimal(1), max_share_per_order=Decimal("0.01"))

    # 10 shares at 0.20: 1 % of 2.00.
    assert owed(version, 10, price=20, instrument=SHARES).amount == money("0.02")
    # The three examples on the broker's page.
    assert owed(version, 100, price=2500, instrument=SHARES).amount == money(1)
    assert owed(version, 1000, price=2500, instrument=SHARES).amount == money(5)
    assert owed(version, 1000, price=25, instrument=SHARES).amount == money("2.5")


@pytest.mark.parametrize("cuts", [(1000,), (999, 1), (1, 999), (250,) * 4, (1,) * 1000])
def test_an_order_costs_the_same_however_it_fills(cuts: tuple[int, ...]) -> None:
    version = a_share(
        min_per_order=Decimal("0.35"),
        max_share_per_order=Decimal("0.01"),
        per_order=Decimal("0.123457"),
    )

    order, paid = None, 0
    for lots in cuts:
        fee = owed(version, lots, price=37, instrument=SHARES, order=order)
        order, paid = fee.order, paid + fee.amount

    # 1 % of 370.00 is 3.70, under 5.123457.
    assert paid == money("3.7")


def test_a_fills_least_and_most_are_held() -> None:
    version = rated("0", "0.001", min_per_fill=Decimal("0.5"), max_per_fill=Decimal(2))

    assert [owed(version, price=ticks).amount for ticks in (400, 4000, 40_000)] == [
        money("0.5"),
        money(1),
        money(2),
    ]


def test_a_rebate_is_no_least_of_nothing() -> None:
    assert owed(rated("0", "-0.001", max_per_fill=Decimal(2))).amount == money("-2.5")


def test_regulators_take_theirs_of_sales_alone_up_to_their_most() -> None:
    activity = Surcharge(
        name="TAF", sides=Sides.SELL, per_unit=Decimal("0.000166"), max_per_fill=Decimal("8.30")
    )
    section = Surcharge(name="SEC", sides=Sides.SELL, rate=Decimal("0.0000278"))
    version = a_version(tiers=(FeeTier(),), surcharges=(activity, section), digits=6)

    assert owed(version, 100, price=10_000, instrument=SHARES).amount == 0
    sold = owed(version, 100, price=10_000, side=-1, instrument=SHARES)
    assert sold.amount == money("0.2946")
    many = owed(version, 1_000_000, price=1, side=-1, instrument=SHARES)
    assert many.amount == money("8.578")


def test_surcharges_count_neither_for_an_orders_least_nor_its_most() -> None:
    extra = Surcharge(name="CAT", per_unit=Decimal("0.01"))
    version = a_share(min_per_order=Decimal(1), surcharges=(extra,))
    first = owed(version, 100, price=2500, instrument=SHARES)

    second = owed(version, 100, price=2500, instrument=SHARES, order=first.order)

    assert (first.amount, second.amount) == (money(2), money(1))


def test_the_tier_is_the_last_whose_volume_is_reached() -> None:
    version = tiered((0, "0.003"), (10_000, "0.002"), (50_000, "0.001")).versions[0]

    rates = [version.tier_at(money(each)).taker_rate for each in ("9999.99", "10000", "99999")]

    assert rates == [Decimal("0.003"), Decimal("0.002"), Decimal("0.001")]


def test_the_version_is_that_of_the_date() -> None:
    kraken = fee_schedule("kraken-spot-1")
    changed_ns = kraken.versions[1].since_ns

    assert kraken.version_at(changed_ns - 1).tiers[0].taker_rate == Decimal("0.0026")
    assert kraken.version_at(changed_ns).tiers[0].taker_rate == Decimal("0.004")


def test_a_fill_before_the_schedule_began_is_refused() -> None:
    with pytest.raises(SettingsError, match="binance-usdm-1 begins on 2019-09-08"):
        fee_schedule("binance-usdm-1").version_at(0)


@pytest.mark.parametrize(
    ("at", "since", "until"),
    [
        # Looked at at 07:00: at 06:59 of day 40 that of day 39 holds.
        (40 * DAY + 7 * 3600 * 10**9 - 1, 9 * DAY, 39 * DAY + 7 * 3600 * 10**9),
        (40 * DAY + 7 * 3600 * 10**9, 10 * DAY, 40 * DAY + 7 * 3600 * 10**9),
    ],
)
def test_a_daily_tier_looks_at_whole_days_and_today_until_it_is_looked_at(
    at: int, since: int, until: int
) -> None:
    version = a_schedule(evaluated_at_s=7 * 3600).versions[0]

    assert version.window(at) == (since, until)


def test_a_tier_may_begin_to_hold_later_than_it_is_looked_at() -> None:
    version = a_schedule(delay_s=3600).versions[0]
    one_ns = 40 * DAY + 3600 * 10**9

    assert version.window(one_ns - 1) == (9 * DAY, 39 * DAY)
    assert version.window(one_ns) == (10 * DAY, 40 * DAY)


def test_an_hourly_tier_and_one_by_fill_and_one_by_month() -> None:
    hour = fees.HOUR_NS
    at = 40 * DAY + 2 * hour + 5

    assert a_schedule(evaluated=Evaluated.HOURLY).versions[0].window(at) == (
        10 * DAY,
        40 * DAY + 2 * hour,
    )
    assert a_schedule(evaluated=Evaluated.EACH_FILL).versions[0].window(at) == (10 * DAY, at)
    # Day 40 is 1970-02-10.
    monthly = a_schedule(evaluated=Evaluated.EACH_FILL, window_days=0).versions[0]
    assert monthly.window(at) == (31 * DAY, at)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tiers": ()}, "first tier"),
        ({"tiers": (FeeTier(from_volume=Decimal(5)),)}, "first tier"),
        ({"tiers": (FeeTier(), FeeTier())}, "ascending from_volume"),
        ({"tiers": (FeeTier(taker_rate=Decimal(5)),)}, "must be a share"),
        ({"token_share_off": Decimal("0.1")}, "needs a token"),
        ({"min_per_order": Decimal(-1)}, "min_per_order"),
        ({"max_per_fill": Decimal(0)}, "max_per_fill"),
        ({"per_order": Decimal(1), "token": "BNB"}, "fees by order"),
        ({"digits": 13}, "digits"),
        ({"window_days": 400}, "window_days"),
        ({"evaluated_at_s": 86_400}, "time of day"),
        ({"since": "soon"}, "since 'soon'"),
        ({"since": "1969-12-31"}, "before 1970"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        a_schedule(**given) if "tiers" not in given else fees.FeeSchedule(
            name="made-1", venue="made", versions=(a_version(**given),)
        )


def test_unknown_keys_and_names_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="takerrate"):
        msgspec.convert({"takerrate": "0.1"}, FeeTier)
    with pytest.raises(SettingsError, match=r"unknown; name a \.toml file, or one of alpaca"):
        fee_schedule("nobody-1")


def test_versions_ascend() -> None:
    with pytest.raises(SettingsError, match="ascending date"):
        fees.FeeSchedule(name="made-1", venue="made", versions=(a_version(tiers=(FeeTier(),)),) * 2)


@pytest.mark.parametrize("name", fee_schedule_names())
def test_every_shipped_schedule_is_dated_and_says_where_it_is_from(name: str) -> None:
    schedule = fee_schedule(name)

    assert schedule.name == name
    for version in schedule.versions:
        assert version.source
        assert version.as_of >= version.since[:4]


def test_a_shipped_schedule_is_never_edited() -> None:
    """A run names its schedule: a change is a new name. New schedules are added here."""
    told = {
        name: sha256(msgspec.json.encode(fee_schedule(name))).hexdigest()[:8]
        for name in fee_schedule_names()
    }

    assert told == PINNED


def test_money_reads_back() -> None:
    assert money_decimal(owed(rated("0", "0.0001")).amount) == Decimal("0.25")
