"""The books balance at every step and agree with the plain sum over fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import ES, SYMBOL, T0
from tieout.errors import BooksUnbalanced, InputError, InvariantViolated
from tieout.ledger import Ledger
from tieout.ledger.ledger import _share
from tieout.model.events import Fill, FundingCharged


def fill(number: int, signed_lots: int, price_ticks: int, fee: int = 0) -> Fill:
    return Fill(
        decision_id=f"d{number}",
        trade_id=str(number),
        instrument=SYMBOL,
        side=1 if signed_lots > 0 else -1,
        lots=abs(signed_lots),
        price_ticks=price_ticks,
        fee=fee,
        fee_currency="USDT",
        liquidity=2,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )


def funding(amount: int, charge_id: str = "f1", instrument: str = SYMBOL) -> FundingCharged:
    return FundingCharged(
        instrument=instrument,
        charge_id=charge_id,
        amount=amount,
        rate="0.0001",
        position_lots=1,
        mark_ticks=400,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )


def a_ledger(cash: int = 0, **held: tuple[int, int]) -> Ledger:
    positions = {SYMBOL: held["held"]} if held else {}
    return Ledger({SYMBOL: ES}, cash=cash, positions=positions)


trades = st.lists(
    st.tuples(
        st.integers(-7, 7).filter(bool), st.integers(1, 10_000), st.integers(-(10**9), 10**12)
    ),
    max_size=40,
)


@given(trades, st.integers(-9, 9), st.integers(1, 10_000), st.integers(1, 10_000))
def test_profit_is_the_sum_over_fills_against_the_mark(
    given_trades: list[tuple[int, int, int]], start_lots: int, start_price: int, mark: int
) -> None:
    start_cost = ES.notional(start_lots, start_price)
    ledger = a_ledger(10**18, held=(start_lots, start_cost))

    for number, (lots, price, fee) in enumerate(given_trades):
        assert ledger.book_fill(fill(number, lots, price, fee))
        ledger.check()

    naive = ES.notional(start_lots, mark) - start_cost
    naive += sum(ES.notional(lots, mark - price) - fee for lots, price, fee in given_trades)
    assert ledger.profit({SYMBOL: mark}) == naive
    assert ledger.equity({SYMBOL: mark}) == 10**18 + naive
    assert ledger.position(SYMBOL).lots == start_lots + sum(lots for lots, _, _ in given_trades)


@given(trades)
def test_the_balance_is_opening_plus_what_was_realised(given_trades: Any) -> None:
    ledger = a_ledger(5)
    for number, (lots, price, fee) in enumerate(given_trades):
        ledger.book_fill(fill(number, lots, price, fee))
    ledger.book_funding(funding(7))
    ledger.book_transfer(11, "in")

    assert ledger.balance == 5 + ledger.realised - ledger.fees + ledger.funding + 11


def test_closing_a_part_releases_its_share_of_the_cost_and_keeps_the_remainder() -> None:
    ledger = a_ledger()
    ledger.book_fill(fill(1, 3, 100))
    ledger.book_fill(fill(2, -1, 101))

    assert ledger.position(SYMBOL).lots == 2
    assert ledger.position(SYMBOL).cost == ES.notional(2, 100)
    assert ledger.realised == ES.notional(1, 1)


def test_a_flip_closes_and_opens_at_the_same_price() -> None:
    ledger = a_ledger()
    ledger.book_fill(fill(1, 2, 100))
    ledger.book_fill(fill(2, -5, 110))

    assert ledger.position(SYMBOL).lots == -3
    assert ledger.position(SYMBOL).cost == ES.notional(-3, 110)
    assert ledger.realised == ES.notional(2, 10)


def test_what_was_booked_before_is_not_booked_again() -> None:
    ledger = a_ledger()
    assert ledger.book_fill(fill(1, 1, 100))
    assert not ledger.book_fill(fill(1, 1, 100))
    assert ledger.book_funding(funding(-3))
    assert not ledger.book_funding(funding(-3))
    assert ledger.book_transfer(4, "t")
    assert not ledger.book_transfer(4, "t")
    assert ledger.position(SYMBOL).lots == 1
    assert ledger.funding == -3
    assert ledger.transfers == 4


def test_order_of_bookings_is_part_of_the_state() -> None:
    one, other = a_ledger(), a_ledger()
    one.book_fill(fill(1, 1, 100))
    one.book_fill(fill(2, 1, 101))
    other.book_fill(fill(2, 1, 101))
    other.book_fill(fill(1, 1, 100))

    assert one.accounts() == other.accounts()
    assert one.state_hash() != other.state_hash()


def test_a_wrong_account_is_noticed_at_the_next_booking() -> None:
    ledger = a_ledger()
    ledger.cash += 1
    with pytest.raises(BooksUnbalanced, match="do not sum"):
        ledger.check()
    with pytest.raises(BooksUnbalanced, match="after 'fill"):
        ledger.book_fill(fill(1, 1, 100))


def test_unknown_instruments_and_missing_marks_are_named() -> None:
    ledger = a_ledger()
    stranger = msgspec.structs.replace(fill(1, 1, 100), instrument="BTC")
    with pytest.raises(InputError, match="'BTC'"):
        ledger.book_fill(stranger)
    with pytest.raises(InputError, match="'BTC'"):
        ledger.book_funding(funding(1, "f9", "BTC"))
    with pytest.raises(InputError, match="'BTC'"):
        Ledger({SYMBOL: ES}, cash=0, positions={"BTC": (1, 1)})
    ledger.book_fill(fill(2, 1, 100))
    with pytest.raises(InputError, match="no mark price"):
        ledger.equity({})


def test_more_than_is_held_cannot_be_released() -> None:
    with pytest.raises(InvariantViolated):
        _share(10, 3, 2)


def test_a_position_shows_itself() -> None:
    assert repr(a_ledger(held=(1, 2)).position(SYMBOL)) == "Position(lots=1, cost=2)"
    assert Decimal(ES.tick_value) == 25 * Decimal(10) ** 10
