"""Splits and dividends move lots, costs and cash, and nobody is richer for it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import ES, SYMBOL, T0
from tieout.errors import InvariantViolated
from tieout.ledger import Ledger
from tieout.ledger.actions import booking_of, carried_ticks
from tieout.model.events import ActionBooked, DividendPaid, Split
from tieout.model.money import MONEY_UNIT


def a_split(new: int, old: int) -> Split:
    return Split(instrument=SYMBOL, new=new, old=old, venue_time_ns=T0, arrival_time_ns=T0)


def a_dividend(amount: int) -> DividendPaid:
    return DividendPaid(
        instrument=SYMBOL, amount=amount, reference=0, venue_time_ns=T0, arrival_time_ns=T0
    )


def a_ledger(lots: int, cost_ticks: int) -> Ledger:
    cost = ES.notional(lots, cost_ticks)
    return Ledger({SYMBOL: ES}, cash=10**15, positions={SYMBOL: (lots, cost)})


def booked(action: Split | DividendPaid, lots: int, price: int | None) -> ActionBooked:
    return booking_of(action, ES, lots=lots, price_ticks=price, decided_at_ns=T0)


def test_a_split_multiplies_lots_and_keeps_what_they_cost() -> None:
    ledger = a_ledger(10, 4000)

    ledger.book_action(booked(a_split(7, 1), 10, 4200))

    position = ledger.position(SYMBOL)
    assert (position.lots, position.cost) == (70, ES.notional(10, 4000))
    assert ledger.realised == 0


def test_what_a_split_leaves_over_is_paid_at_the_last_price() -> None:
    ledger = a_ledger(15, 400)

    one = booked(a_split(1, 10), 15, 440)
    ledger.book_action(one)

    # Half of a new unit, which is worth ten old ones of 440 ticks.
    assert (one.lots_after, one.cash) == (1, ES.notional(5, 440))
    assert ledger.position(SYMBOL).cost == ES.notional(10, 400)
    assert ledger.realised == ES.notional(5, 40)


def test_whoever_is_short_pays_what_a_split_leaves_over() -> None:
    ledger = a_ledger(-15, 400)

    one = booked(a_split(1, 10), -15, 440)
    ledger.book_action(one)

    assert (one.lots_after, one.cash) == (-1, -ES.notional(5, 440))
    assert ledger.realised == -ES.notional(5, 40)


def test_a_position_smaller_than_a_new_lot_is_paid_out_whole() -> None:
    ledger = a_ledger(4, 400)

    ledger.book_action(booked(a_split(1, 10), 4, 400))

    position = ledger.position(SYMBOL)
    assert (position.lots, position.cost, ledger.realised) == (0, 0, 0)


def test_a_dividend_is_paid_to_the_long_and_by_the_short() -> None:
    long, short = a_ledger(4, 400), a_ledger(-4, 400)

    long.book_action(booked(a_dividend(308 * MONEY_UNIT // 100), 4, 400))
    short.book_action(booked(a_dividend(308 * MONEY_UNIT // 100), -4, 400))

    assert long.dividends == 1232 * MONEY_UNIT // 100
    assert short.dividends == -long.dividends
    assert long.accounts()["dividends"] == -long.dividends


def test_an_action_that_is_told_twice_is_booked_once() -> None:
    ledger = a_ledger(10, 4000)
    one = booked(a_split(7, 1), 10, 4200)

    assert ledger.book_action(one)
    assert not ledger.book_action(one)


def test_a_booking_on_another_position_is_our_mistake() -> None:
    ledger = a_ledger(10, 4000)

    with pytest.raises(InvariantViolated, match="11 lots and 10 are held"):
        ledger.book_action(booked(a_split(7, 1), 11, 4200))


def test_without_any_price_nothing_is_paid_for_what_is_left_over() -> None:
    assert booked(a_split(1, 10), 15, None).cash == 0


def test_books_without_dividends_have_no_account_for_them() -> None:
    assert "dividends" not in a_ledger(1, 400).accounts()


@given(
    lots=st.integers(-500, 500).filter(bool),
    price=st.integers(1, 50_000),
    cost=st.integers(1, 50_000),
    new=st.integers(1, 40),
    old=st.integers(1, 40),
)
def test_equity_goes_on_over_a_split_but_for_the_rounding_of_the_price(
    lots: int, price: int, cost: int, new: int, old: int
) -> None:
    ledger = a_ledger(lots, cost)
    split = a_split(new, old)
    before, profit = ledger.equity({SYMBOL: price}), ledger.profit({SYMBOL: price})

    one = booked(split, lots, price)
    ledger.book_action(one)

    mark = carried_ticks(split, ES, price)
    after = ledger.equity({SYMBOL: mark})
    # The mark is off by half a tick at most, or by less than one where it would be none at all.
    off = abs(ES.notional(1, mark) * new - ES.notional(1, price) * old)
    assert abs(after - before) * new <= abs(one.lots_after) * off + new
    assert ledger.profit({SYMBOL: mark}) - profit == after - before
    ledger.check()


@given(lots=st.integers(-500, 500).filter(bool), paid=st.integers(1, 400))
def test_equity_goes_on_over_a_dividend(lots: int, paid: int) -> None:
    ledger = a_ledger(lots, 1000)
    dividend = a_dividend(paid * MONEY_UNIT // 4)
    before = ledger.equity({SYMBOL: 1000})

    ledger.book_action(booked(dividend, lots, 1000))

    assert ledger.equity({SYMBOL: carried_ticks(dividend, ES, 1000)}) == before
    ledger.check()


def test_the_state_knows_of_an_action() -> None:
    one, other = a_ledger(10, 4000), a_ledger(10, 4000)
    action = booked(a_split(7, 1), 10, 4200)

    one.book_action(action)
    other.book_action(msgspec.structs.replace(action, effective_ns=T0 + 1))

    assert one.state_hash() != other.state_hash()
