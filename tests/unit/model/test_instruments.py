"""Instruments round in the direction that is safe and refuse what cannot be."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.support.worlds import ES
from tieout.errors import OrderRefused, SettingsError
from tieout.model.instruments import Instrument, InstrumentType, as_decimal
from tieout.model.orders import Side


def test_a_tick_of_a_lot_is_worth_exactly_what_the_venue_says() -> None:
    assert ES.tick_value == 250_000_000_000
    assert ES.notional(-2, 400) == -200 * 10**12
    assert ES.price(400) == Decimal(100)
    assert ES.quantity(3) == Decimal(3)


def test_prices_round_to_the_side_that_never_pays_more() -> None:
    assert ES.round_price("100.30", side=Side.BUY) == 401
    assert ES.round_price("100.30", side=Side.SELL) == 402
    assert ES.round_stop(100.3) == 401


@pytest.mark.parametrize(
    ("symbol", "kind", "pays"),
    [
        ("BTC/USDT:USDT", None, True),
        ("BTC/USDT:USDT-260327", None, False),
        ("BTC/USDT", None, False),
        ("BTCUSDT", None, True),
        ("BTCUSDT", InstrumentType.SPOT, False),
        ("BTC/USDT", InstrumentType.PERPETUAL, True),
        ("AAPL", InstrumentType.STOCK, False),
    ],
)
def test_whether_it_pays_funding_is_told_by_its_type_else_by_its_symbol(
    symbol: str, kind: InstrumentType | None, pays: bool
) -> None:
    assert msgspec.structs.replace(ES, symbol=symbol, type=kind).pays_funding is pays


def test_quantities_round_toward_zero() -> None:
    assert ES.round_quantity(1.9) == 1
    assert ES.round_quantity("-1.9") == -1


@pytest.mark.parametrize("price", ["100.3", 100.1])
def test_a_price_off_the_tick_names_price_tick_and_remedy(price: str | float) -> None:
    with pytest.raises(OrderRefused, match=r"not a multiple of tick size 0.25; round it"):
        ES.exact_ticks(price)
    assert ES.exact_ticks("100.25") == 401


def test_a_quantity_off_the_lot_is_refused() -> None:
    with pytest.raises(OrderRefused, match="lot size"):
        ES.exact_lots("1.5")
    assert ES.exact_lots(2) == 2


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "abc", "NaN"])
def test_numbers_that_are_none_are_refused(wrong: str | float) -> None:
    with pytest.raises(OrderRefused, match="finite"):
        as_decimal(wrong)


def test_a_float_means_what_a_person_typed() -> None:
    assert as_decimal(0.1) == Decimal("0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick_size": Decimal(0)},
        {"lot_size": Decimal("NaN")},
        {"multiplier": Decimal(-1)},
        {"tick_size": Decimal("1e-9"), "lot_size": Decimal("1e-9")},
    ],
)
def test_impossible_instruments_are_refused(wrong: dict[str, Decimal]) -> None:
    with pytest.raises(SettingsError):
        msgspec.structs.replace(ES, **wrong)


def test_tick_as_float_serves_statistics() -> None:
    assert isinstance(ES, Instrument)
    assert ES.tick_float == 0.25


@pytest.mark.parametrize("tick", ["0.1", "0.01", "0.05", "0.0001", "0.25", "0.3"])
def test_a_price_that_was_shown_as_a_float_is_that_tick(tick: str) -> None:
    rules = Instrument(symbol="X", venue_symbol="X", tick_size=Decimal(tick), lot_size=Decimal(1))
    for ticks in (1, 3, 7, 1001, 602_347, 1_234_567, 4_999_999):
        for side in Side:
            assert rules.round_price(ticks * rules.tick_float, side=side) == ticks


def test_a_float_between_two_ticks_goes_to_the_side_that_is_no_worse() -> None:
    rules = Instrument(symbol="X", venue_symbol="X", tick_size=Decimal("0.1"), lot_size=Decimal(1))
    assert rules.round_price(100.1000001, side=Side.SELL) == 1002
    assert rules.round_price(100.0999999, side=Side.BUY) == 1000
    assert rules.round_price("100.10000000000001", side=Side.SELL) == 1002
