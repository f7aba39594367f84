"""A coin-margined contract: a hundred of the quote currency each, in ticks of a half."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.worlds import trades
from tieout import Strategy
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.columns import TradeColumns

__all__ = ["COIN", "PERP", "Scripted", "coin_prints"]

COIN = "BTC/USD:BTC"
PERP = Instrument(
    symbol=COIN,
    venue_symbol="BTCUSD_PERP",
    tick_size=Decimal("0.5"),
    lot_size=Decimal(1),
    multiplier=Decimal(100),
    currency="BTC",
    inverse=True,
)


def coin_prints(prices: Sequence[int], *, step_ns: int) -> TradeColumns:
    """Return two prints at each price: one to decide on, and one to fill at."""
    ticks = [2 * price for price in prices for _ in range(2)]
    return replace(trades(ticks, step_ns=step_ns), instrument=COIN)


class Scripted(Strategy):
    """Trades signed contracts at the market on every other print, as `lots` says."""

    lots: str = ""

    def on_start(self, context: Any) -> None:
        context.trades(COIN)
        self.left = [int(each) for each in self.lots.split()]
        self.seen = 0

    def on_trade(self, context: Any, trade: Any) -> None:
        turn = self.seen % 2 == 0
        self.seen += 1
        if turn and self.left:
            signed = self.left.pop(0)
            if signed > 0:
                context.buy(COIN, units=signed)
            elif signed < 0:
                context.sell(COIN, units=-signed)
