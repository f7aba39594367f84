"""Rules by date: coarser steps in units of the finest, and rounding by those in force."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tieout.errors import InputError, OrderRefused
from tieout.model.instruments import Instrument
from tieout.model.orders import OrderType, PlaceOrder, Side, TimeInForce
from tieout.model.rules import DatedInstrument, DatedRules, RulesRow, in_force

BTC = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.001"),
)
# In the manner of a venue whose tick became coarser and whose least order appeared later.
ROWS = (
    RulesRow(100, Decimal("0.01"), Decimal("0.001")),
    RulesRow(200, Decimal("0.1"), Decimal("0.01"), Decimal(5), Decimal("0.02")),
)


def rules(*rows: RulesRow) -> DatedRules:
    return DatedRules(name="btc", symbol=BTC.symbol, rows=rows or ROWS)


def now(at_ns: int) -> DatedInstrument:
    return in_force(BTC, rules().known_at(at_ns))


def test_integers_count_the_finest_units_under_every_rule() -> None:
    fine, coarse = now(150), now(200)

    assert fine.price(4_213_337) == coarse.price(4_213_337) == Decimal("42133.37")
    assert (fine.tick_step, fine.lot_step) == (1, 1)
    assert (coarse.tick_step, coarse.lot_step) == (10, 10)
    assert (coarse.min_lots, coarse.min_notional) == (20, Decimal(5))
    assert coarse.price_step == Decimal("0.1")
    assert coarse.quantity_step == Decimal("0.01")
    assert coarse.tick_value == BTC.tick_value


def test_prices_are_rounded_by_the_rule_in_force_and_never_against_us() -> None:
    coarse = now(200)

    assert coarse.round_price("42133.37", side=Side.BUY) == 4_213_330
    assert coarse.round_price("42133.37", side=Side.SELL) == 4_213_340
    assert coarse.round_price("42133.3", side=Side.SELL) == 4_213_330
    assert coarse.round_stop("42133.36") == 4_213_340
    assert now(150).round_price("42133.37", side=Side.BUY) == 4_213_337


def test_quantities_are_rounded_toward_zero() -> None:
    coarse = now(200)

    assert coarse.round_quantity("0.0579") == 50
    assert coarse.round_quantity("-0.0579") == -50
    assert coarse.whole_lots(-57) == -50
    assert now(150).round_quantity("0.0579") == 57


def test_what_must_lie_on_a_step_is_refused_off_it() -> None:
    with pytest.raises(OrderRefused, match=r"price 42133.37 is not a multiple of 0.10, the tick"):
        now(200).exact_ticks("42133.37")
    with pytest.raises(OrderRefused, match=r"quantity 0.055 is not a multiple of 0.010, the lot"):
        now(200).exact_lots("0.055")
    assert now(200).exact_lots("0.05") == 50
    assert now(200).exact_ticks("42133.3") == 4_213_330


def an_order(**terms: Any) -> PlaceOrder:
    plain = PlaceOrder(
        decision_id="a",
        instrument=BTC.symbol,
        side=1,
        order_type=int(OrderType.LIMIT),
        lots=50,
        limit_ticks=4_213_330,
        stop_ticks=None,
        time_in_force=int(TimeInForce.GOOD_TILL_CANCEL),
        decided_at_ns=0,
        decision_price_ticks=None,
        origin="a",
    )
    return msgspec.structs.replace(plain, **terms)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"lots": 55}, "quantity 0.055 is not a multiple of 0.010"),
        ({"limit_ticks": 4_213_337}, "limit price 42133.37 is not a multiple of 0.10"),
        ({"stop_ticks": 4_213_337}, "stop price 42133.37 is not a multiple of 0.10"),
    ],
)
def test_an_order_off_a_step_says_which(terms: dict[str, int], words: str) -> None:
    found = now(200).off_step(an_order(**terms))

    assert found is not None
    assert words in found
    assert now(200).off_step(an_order()) is None
    assert now(150).off_step(an_order(**terms)) is None


def test_a_change_acts_when_it_holds_and_is_known() -> None:
    late = rules(ROWS[0], msgspec.structs.replace(ROWS[1], known_time_ns=250))

    (change,) = late.changes(150)

    assert (change.venue_time_ns, change.arrival_time_ns) == (200, 250)
    assert change.tick_size == "0.1"


def test_a_run_before_the_first_rule_is_refused() -> None:
    with pytest.raises(InputError, match="begin at 100, after the start of the run, 50; add"):
        rules().known_at(50)


def test_data_coarser_than_a_rule_is_refused() -> None:
    coarse = msgspec.structs.replace(BTC, tick_size=Decimal("0.1"))

    with pytest.raises(InputError, match=r"the tick 0.01 .* no multiple of 0.1.*import the data"):
        rules().check_units(coarse)
    with pytest.raises(InputError, match="import its data with the finest"):
        in_force(coarse, rules().known_at(150))
    rules().check_units(BTC)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((ROWS[1], ROWS[0]), "row 2: 100 .* does not come after 200"),
        ((ROWS[0], ROWS[0]), "row 2: .* does not come after"),
        ((RulesRow(1, Decimal(0), Decimal(1)),), "tick_size 0 must be positive"),
        ((RulesRow(1, Decimal(1), Decimal(1), Decimal(-1)),), "min_notional -1 must be 0 or more"),
        ((RulesRow(1, Decimal("NaN"), Decimal(1)),), "tick_size NaN is no number"),
    ],
)
def test_rules_that_cannot_be_are_refused(rows: tuple[RulesRow, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rules(*rows)


def test_rules_without_a_row_are_refused() -> None:
    with pytest.raises(InputError, match="there is no row in it"):
        DatedRules(name="btc", symbol="BTC", rows=())
