"""A strategy that trades now and then in every way it can, by what it has seen alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout import Strategy

if TYPE_CHECKING:
    from tieout.model.events import Bar
    from tieout.strategy import Context


class NowAndThen(Strategy):
    """Place a market order, a limit and a stop in turn; cancel what rests after a while."""

    symbol: str = ""
    every: int = 7
    units: float = 1.0

    def on_start(self, context: Context) -> None:
        context.bars(self.symbol, "1m")
        self.seen = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        turn = self.seen // self.every
        if self.seen % self.every == 0:
            spread = 3 * bar.tick
            buys = (turn // 3) % 2 == 0
            send = context.buy if buys else context.sell
            way = 1 if buys else -1
            if turn % 3 == 0:
                send(bar.instrument, units=self.units)
            elif turn % 3 == 1:
                send(bar.instrument, units=self.units, limit=bar.close - way * spread)
            else:
                send(bar.instrument, units=self.units, stop=bar.close + way * spread)
        elif self.seen % (5 * self.every) == 3:
            for order in context.open_orders():
                context.cancel(order)
