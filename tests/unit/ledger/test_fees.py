"""What an account pays as it trades: volume that rolls, tiers that change, orders that go on."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fees import BTC, SHARES, a_fill, a_schedule, tiered
from tests.support.worlds import ES, SYMBOL
from tieout.errors import InputError, SettingsError
from tieout.ledger.fees import FeeMeter, RollingVolume
from tieout.model.fees import DAY_NS, Evaluated, FeeTier, fee_schedule
from tieout.model.instruments import Instrument
from tieout.model.money import money

BNB = Instrument(
    symbol="BNB/USDT", venue_symbol="BNBUSDT", tick_size=Decimal("0.1"), lot_size=Decimal("0.001")
)
DAY_0 = 16_000 * DAY_NS
STEPS = tiered((0, "0.003"), (1_000, "0.002"), (3_000, "0.001"))


def rates(meter: FeeMeter, *days: int) -> list[int]:
    """Buy for 1,000 at noon of each day; return the fees in tenths of a percent."""
    fills = (meter.charge(a_fill(at_ns=DAY_0 + day * DAY_NS + DAY_NS // 2)) for day in days)
    return [fill.fee // money(1) for fill in fills]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 60), st.integers(0, 9)),
            st.tuples(st.integers(0, 60), st.integers(0, 30), st.just("within")),
        ),
        max_size=60,
    )
)
def test_rolling_volume_is_the_sum_over_the_window(steps: list[tuple[int, ...]]) -> None:
    rolling, all_of_it = RollingVolume(), []

    for at, amount, *asked in steps:
        if asked:
            told = rolling.within(at, at + amount)
            assert told == sum(much for when, much in all_of_it if at <= when < at + amount)
        else:
            rolling.add(at, amount)
            all_of_it.append((at, amount))


def test_a_tier_holds_from_the_day_after_the_volume() -> None:
    meter = FeeMeter(STEPS, {SYMBOL: ES})

    assert rates(meter, 0, 0, 0, 0, 1, 2) == [3, 3, 3, 3, 1, 1]


def test_volume_older_than_the_window_no_longer_counts() -> None:
    meter = FeeMeter(STEPS, {SYMBOL: ES})

    assert rates(meter, 0, 30, 31, 61, 62) == [3, 2, 2, 2, 2]
    assert rates(meter, 200) == [3]


def test_the_tier_by_fill_sees_the_fill_before() -> None:
    meter = FeeMeter(
        tiered((0, "0.003"), (1_000, "0.002"), evaluated=Evaluated.EACH_FILL), {SYMBOL: ES}
    )

    assert rates(meter, 0, 0) == [3, 3]
    assert rates(meter, 1) == [2]


def test_volume_of_the_account_elsewhere_counts_too() -> None:
    meter = FeeMeter(STEPS, {SYMBOL: ES}, volume_elsewhere=Decimal(2_500))

    assert rates(meter, 0, 1) == [2, 1]


def test_a_meter_that_was_told_the_fills_goes_on_as_if_it_had_run_through() -> None:
    schedule = fee_schedule("ib-us-stocks-tiered-1")
    day = DAY_0 + 4_000 * DAY_NS
    fills = [
        a_fill(90_000, at_ns=day + n, instrument=SHARES, order=f"d{n // 3}", price_ticks=900)
        for n in range(9)
    ]
    whole, resumed = (FeeMeter(schedule, {"AAPL": SHARES}) for _ in range(2))

    charged = [whole.charge(fill) for fill in fills]
    resumed.take(charged[:5])

    assert [resumed.charge(fill) for fill in fills[5:]] == charged[5:]
    # A new tier after 300,000 shares, in the middle of the second order.
    assert charged[3].fee > charged[4].fee


def test_the_rest_of_an_answered_order_is_the_same_order() -> None:
    meter = FeeMeter(fee_schedule("ib-us-stocks-fixed-1"), {"AAPL": SHARES})
    day = DAY_0 + 4_000 * DAY_NS

    answered = meter.charge(a_fill(10, at_ns=day, instrument=SHARES, price_ticks=90_000))
    rest = meter.charge(a_fill(10, at_ns=day, instrument=SHARES, price_ticks=90_000, order="d+"))

    assert (answered.fee, rest.fee) == (money(1), 0)


def test_fees_in_a_token_are_converted_at_its_pairs_price() -> None:
    schedule = a_schedule(FeeTier(taker_rate=Decimal("0.001")), token="BNB")
    meter = FeeMeter(
        schedule,
        {"BTC/USDT": BTC, "BNB/USDT": BNB},
        in_token=True,
        price_ticks_at=lambda symbol, at_ns: 5000 if symbol == "BNB/USDT" else 1,
    )

    fill = meter.charge(a_fill(100_000, price_ticks=4_000_000, instrument=BTC))

    # 40 USDT at 500.
    assert (fill.fee, fill.fee_currency) == (money(40), "USDT")
    assert (fill.fee_charged, fill.fee_charged_currency) == (money("0.08"), "BNB")


def test_or_at_a_stated_price() -> None:
    schedule = a_schedule(FeeTier(taker_rate=Decimal("0.001")), token="BNB")
    meter = FeeMeter(schedule, {"BTC/USDT": BTC}, in_token=True, prices={"BNB": Decimal(250)})

    fill = meter.charge(a_fill(100_000, price_ticks=4_000_000, instrument=BTC))

    assert (fill.fee, fill.fee_charged) == (money(40), money("0.16"))


def test_a_token_without_a_price_is_refused_at_the_start() -> None:
    schedule = a_schedule(FeeTier(), token="BNB")

    with pytest.raises(SettingsError, match=r"fees are paid in BNB.*state fee_prices.BNB"):
        FeeMeter(schedule, {"BTC/USDT": BTC}, in_token=True, price_ticks_at=lambda *_: 1)


def test_a_pair_that_has_no_price_yet_stops_the_run() -> None:
    meter = FeeMeter(
        a_schedule(FeeTier(taker_rate=Decimal("0.001")), token="BNB"),
        {"BTC/USDT": BTC, "BNB/USDT": BNB},
        in_token=True,
        price_ticks_at=lambda *_: None,
    )

    with pytest.raises(InputError, match="BNB/USDT has no price yet"):
        meter.charge(a_fill(100_000, price_ticks=4_000_000, instrument=BTC))


def test_a_venue_without_a_token_takes_no_fees_in_one() -> None:
    with pytest.raises(SettingsError, match="has no token"):
        FeeMeter(STEPS, {SYMBOL: ES}, in_token=True)
