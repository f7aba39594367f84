"""A compiled strategy on prints: it follows a run of prices that go one way."""

from __future__ import annotations

from typing import Any

from tieout.compiled import CompiledStrategy, target

PRINTS, LAST, RUN = range(3)


class CompiledPrints(CompiledStrategy):
    """Long after so many rises in a row, short after so many falls."""

    instrument: str = "ES/USDT:USDT"
    steps: int = 6

    def on_start(self, context: Any) -> None:
        context.trades(self.instrument)

    @staticmethod
    def step_trade(trade: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        kept = memory.whole
        kept[PRINTS] += 1
        price = trade.price_ticks
        if kept[PRINTS] > 1 and price != kept[LAST]:
            way = 1 if price > kept[LAST] else -1
            kept[RUN] = kept[RUN] + way if kept[RUN] * way > 0 else way
        kept[LAST] = price
        if kept[RUN] >= given.steps:
            wanted = 1
        elif kept[RUN] <= -given.steps:
            wanted = -1
        else:
            return
        if wanted != account.position_lots + account.coming_lots:
            target(wishes, wanted)
