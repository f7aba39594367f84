"""What an inverse contract is worth: size over price, in the coin."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.inverse import COIN, PERP
from tests.support.worlds import ES
from tieout.errors import InputError, SettingsError
from tieout.model.bars import bar_rule
from tieout.model.instruments import Instrument
from tieout.model.money import MONEY_UNIT, money
from tieout.model.rules import RulesChanged, in_force

DOLLAR = msgspec.structs.replace(PERP, multiplier=Decimal(1))


def gained(instrument: Instrument, lots: int, entry: int, exit_price: int) -> int:
    """Prices in whole units of the quote currency."""
    return instrument.value(lots, 2 * exit_price) - instrument.value(lots, 2 * entry)


def test_profit_is_the_published_example() -> None:
    # Bybit: 10,000 contracts of one dollar, from 8,000 to 12,500, gain 0.45 BTC.
    assert gained(DOLLAR, 10_000, 8_000, 12_500) == money("0.45")
    assert gained(DOLLAR, -10_000, 8_000, 12_500) == -money("0.45")
    # Deribit's and Binance's formula, a hundred dollars a contract: 0.002 and 0.0025 BTC each.
    assert gained(PERP, 3, 50_000, 40_000) == money("-0.0015")


def test_the_average_entry_is_the_harmonic_one() -> None:
    # 1,000 contracts at 5,000 and 2,000 at 6,000 are 3,000 at 5,625.
    assert DOLLAR.average_ticks([(1000, 10_000), (2000, 12_000)]) == 11_250
    assert ES.average_ticks([(1, 400), (3, 404)]) == 403


def test_notional_has_the_sign_of_the_lots_and_value_the_other_one() -> None:
    assert PERP.notional(4, 20_000) == money("0.04")
    assert PERP.notional(-4, 20_000) == money("-0.04")
    assert PERP.value(4, 20_000) == money("-0.04")
    assert ES.value(4, 400) == ES.notional(4, 400) == money(400)


def test_a_value_is_rounded_once_half_up() -> None:
    # 100 / 30,000 is 0.00333…; seven of them are rounded as one and not seven times.
    assert PERP.value(1, 60_000) == -3_333_333_333
    assert PERP.value(7, 60_000) == -23_333_333_333
    half = msgspec.structs.replace(PERP, multiplier=Decimal("1e-8"), tick_size=Decimal(1))
    # A quarter and a half of 10⁻¹² of the coin.
    assert [half.value(1, ticks) for ticks in (40_000, 20_000)] == [0, -1]
    assert half.value(-1, 20_000) == 1


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**8))
def test_no_value_is_further_off_than_half_a_unit(lots: int, ticks: int) -> None:
    exact = PERP.exact_value(lots, ticks)

    assert exact == Fraction(-lots * 200 * MONEY_UNIT, ticks)
    assert abs(PERP.value(lots, ticks) - exact) <= Fraction(1, 2)
    assert PERP.value(-lots, ticks) == -PERP.value(lots, ticks)
    assert PERP.notional(lots, ticks) == -PERP.value(lots, ticks)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_the_lots_of_an_amount_have_that_notional(amount: int, ticks: int) -> None:
    for instrument in (PERP, ES):
        lots = instrument.lots_worth(amount, ticks)

        assert abs(instrument.exact_value(1, ticks)) * lots == amount


def test_tiers_count_what_the_contracts_stand_for() -> None:
    assert PERP.quote_amount(5, 20_000) == money(500)
    assert ES.quote_amount(5, 400) == money(500)


def test_one_tick_has_no_one_value() -> None:
    with pytest.raises(InputError, match=r"BTC/USD:BTC: one tick of an inverse contract"):
        _ = PERP.tick_value


@pytest.mark.parametrize("ticks", [0, -5])
def test_a_price_that_is_not_positive_is_refused(ticks: int) -> None:
    with pytest.raises(InputError, match=f"a price of {ticks} ticks; an inverse contract"):
        PERP.value(1, ticks)
    assert PERP.value(0, ticks) == 0


def test_rules_by_date_leave_it_inverse() -> None:
    changed = RulesChanged(
        instrument=COIN,
        tick_size="1",
        lot_size="1",
        min_notional="0",
        min_quantity="0",
        venue_time_ns=1,
        arrival_time_ns=1,
    )

    assert in_force(PERP, changed).value(4, 20_000) == money("-0.04")


def test_bars_of_notional_are_refused() -> None:
    with pytest.raises(SettingsError, match="ask for lots"):
        bar_rule("1000 notional", PERP)


def test_an_instrument_of_before_reads_as_linear() -> None:
    raw = msgspec.to_builtins(ES)
    raw.pop("inverse")

    assert msgspec.convert(raw, Instrument) == ES
