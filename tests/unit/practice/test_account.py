from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.practice.builders import BTC
from tieout.adapters.venues.practice.account import Account
from tieout.model.instruments import Instrument
from tieout.model.money import money
from tieout.model.orders import Side

FINE = Instrument(
    symbol="SHIB/USDT:USDT",
    venue_symbol="SHIBUSDT",
    tick_size=Decimal("0.000001"),
    lot_size=Decimal("0.001"),
)
"""One tick of one lot is worth 10⁻⁹, finer than the venue rounds."""


def a_fill(account: Account, side: Side, lots: int, price: int, fee: int = 0) -> int:
    return account.book_fill(
        BTC, side, lots=lots, price_ticks=price, fee=fee, trade_id=1, time_ns=7
    )


def test_opening_realises_nothing() -> None:
    account = Account(money(1000))

    assert a_fill(account, Side.BUY, 10, 1000) == 0
    assert account.wallet == money(1000)
    assert account.unrealised(BTC, 1001) == BTC.notional(10, 1)


def test_closing_whole_releases_the_whole_cost() -> None:
    account = Account(money(1000))
    a_fill(account, Side.BUY, 3, 1000)
    a_fill(account, Side.BUY, 7, 1001)

    realised = a_fill(account, Side.SELL, 10, 1000)

    assert realised == -BTC.notional(7, 1)
    assert account.position(BTC.symbol).cost == 0


def test_a_split_is_rounded_half_up_at_eight_decimals_and_the_rest_stays_in_the_cost() -> None:
    account = Account(money(1000))
    a_fill(account, Side.BUY, 3, 1000)
    account.position(BTC.symbol).cost = money("0.00000010")

    realised = a_fill(account, Side.SELL, 1, 1000)

    released = BTC.notional(1, 1000) - realised
    assert released == money("0.00000003")
    assert account.position(BTC.symbol).cost == money("0.00000007")


def test_the_last_close_releases_a_cost_finer_than_the_rounding_whole() -> None:
    account = Account(money(1000))
    account.book_fill(FINE, Side.BUY, lots=3, price_ticks=1, fee=0, trade_id=1, time_ns=7)
    account.book_fill(FINE, Side.SELL, lots=3, price_ticks=1, fee=0, trade_id=2, time_ns=8)

    assert account.position(FINE.symbol).cost == 0
    assert account.wallet == money(1000)


def test_a_flip_closes_and_opens_at_the_fill_price() -> None:
    account = Account(money(1000))
    a_fill(account, Side.BUY, 5, 1000)

    realised = a_fill(account, Side.SELL, 8, 1010)

    assert realised == BTC.notional(5, 10)
    assert account.position(BTC.symbol).lots == -3
    assert account.position(BTC.symbol).cost == -BTC.notional(3, 1010)
    assert account.unrealised(BTC, 1000) == BTC.notional(3, 10)


def test_a_hidden_transfer_leaves_no_row() -> None:
    account = Account(money(1000))

    account.slip_in(money(5))
    account.book_transfer(money(3), 1)

    assert account.wallet == money(1008)
    assert [row.amount for row in account.income] == [money(3)]
    assert account.hidden == money(5)


def test_income_rows_have_ids_of_their_own() -> None:
    account = Account(money(1000))
    a_fill(account, Side.BUY, 5, 1000, fee=money("0.1"))
    a_fill(account, Side.SELL, 5, 1010, fee=money("0.1"))
    account.book_funding(BTC, money("-0.5"), 9)

    kinds = [(row.transfer_id, row.kind) for row in account.income]

    assert kinds == [
        (1, "COMMISSION"),
        (2, "REALIZED_PNL"),
        (3, "COMMISSION"),
        (4, "FUNDING_FEE"),
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Side.BUY, Side.SELL]),
            st.integers(1, 1000),
            st.integers(1, 10**6),
            st.integers(-(10**9), 10**9),
        ),
        max_size=40,
    ),
    st.integers(1, 10**6),
    st.sampled_from([BTC, FINE]),
)
def test_balance_and_open_profit_are_exact_after_any_fills(
    fills: list[tuple[Side, int, int, int]], mark: int, instrument: Instrument
) -> None:
    start = money(Decimal("12345.67"))
    account = Account(start)
    cash = start

    for side, lots, price, fee in fills:
        account.book_fill(
            instrument, side, lots=lots, price_ticks=price, fee=fee, trade_id=1, time_ns=7
        )
        cash -= instrument.notional(side * lots, price) + fee
    held = account.position(instrument.symbol).lots

    assert account.wallet == start + sum(row.amount for row in account.income)
    worth = account.wallet + account.unrealised(instrument, mark)
    assert worth == cash + instrument.notional(held, mark)
    assert held == sum(side * lots for side, lots, _, _ in fills)
