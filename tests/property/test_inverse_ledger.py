"""The books of an inverse contract beside ones kept in fifty digits, which round nothing."""

from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.inverse import COIN, PERP
from tests.support.worlds import T0
from tieout.ledger import Ledger
from tieout.model.events import Fill
from tieout.model.money import MONEY_UNIT

TRADES = st.lists(
    st.tuples(
        st.integers(-700, 700).filter(bool), st.integers(1, 200_000), st.integers(-(10**6), 10**9)
    ),
    min_size=1,
    max_size=40,
)


class Exact:
    """Average cost in fractions of a coin, unrounded as far as fifty digits go."""

    def __init__(self, contract: Decimal) -> None:
        self.contract = contract
        self.lots = 0
        self.owed = Decimal(0)
        self.realised = Decimal(0)

    def trade(self, lots: int, price: Decimal) -> None:
        closing = min(abs(lots), abs(self.lots)) if lots * self.lots < 0 else 0
        if closing:
            side = 1 if self.lots > 0 else -1
            part = self.owed * closing / abs(self.lots)
            # A long owes coins for its contracts: it gains by owing fewer when it gives them back.
            self.realised += part - side * closing * self.contract / price
            self.owed -= part
        opening = lots + (closing if lots < 0 else -closing)
        self.owed += opening * self.contract / price
        self.lots += lots


@settings(max_examples=300, deadline=None)
@given(TRADES, st.integers(1, 200_000), st.sampled_from(("1", "10", "100")))
def test_rounding_stays_under_one_unit_a_booking(
    trades: list[tuple[int, int, int]], mark: int, size: str
) -> None:
    contract = msgspec.structs.replace(PERP, multiplier=Decimal(size))
    ledger = Ledger({COIN: contract}, cash=10**12, positions={})
    with localcontext(prec=50):
        exact = Exact(Decimal(size))

        for number, (lots, ticks, fee) in enumerate(trades):
            ledger.book_fill(a_fill(number, lots, ticks, fee))
            exact.trade(lots, contract.price(ticks))

            ledger.check()
            # Each booking rounds a value or two, and a share of the cost.
            bound = 2 * (number + 1)
            assert ledger.position(COIN).lots == exact.lots
            assert abs(Decimal(-ledger.position(COIN).cost) - exact.owed * MONEY_UNIT) <= bound
            assert abs(Decimal(ledger.realised) - exact.realised * MONEY_UNIT) <= bound

        worth = exact.owed - exact.lots * exact.contract / contract.price(mark)
        fees = sum(fee for _, _, fee in trades)
        profit = (exact.realised + worth) * MONEY_UNIT - fees
        # In cash nothing but each fill's value is rounded, and the position's at the end.
        bound = Decimal(len(trades) + 1) / 2
        assert abs(ledger.profit({COIN: mark}) - profit) <= bound + Decimal("1e-20")
        assert ledger.equity({COIN: mark}) == 10**12 + ledger.profit({COIN: mark})
        if not exact.lots:
            assert ledger.position(COIN).cost == 0


def a_fill(number: int, lots: int, ticks: int, fee: int) -> Fill:
    return Fill(
        decision_id=f"d{number}",
        trade_id=str(number),
        instrument=COIN,
        side=1 if lots > 0 else -1,
        lots=abs(lots),
        price_ticks=ticks,
        fee=fee,
        fee_currency="BTC",
        liquidity=2,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )
