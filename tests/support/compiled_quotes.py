"""A compiled strategy on bars that rests limit and stop orders and takes them back."""

from __future__ import annotations

from typing import Any

from tieout.compiled import (
    CompiledStrategy,
    buy_limit,
    buy_stop,
    cancel,
    sell_limit,
    sell_stop,
    target,
)

BARS, ENTRY, GUARD = range(3)


class CompiledQuotes(CompiledStrategy):
    """Bids under the close and guards what it got; every so many bars it begins anew."""

    instrument: str = "ES/USDT:USDT"
    gap_ticks: int = 2
    guard_ticks: int = 3
    every: int = 4

    def on_start(self, context: Any) -> None:
        context.bars(self.instrument, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        kept = memory.whole
        kept[BARS] += 1
        close = bar.close_ticks
        place = kept[BARS] % given.every
        if place == 1:
            cancel(wishes, kept[ENTRY])
            cancel(wishes, kept[GUARD])
            target(wishes, 0)
        elif place == 2:
            if kept[BARS] % (2 * given.every) == 2:
                kept[ENTRY] = buy_limit(wishes, 1, close - given.gap_ticks)
            else:
                kept[ENTRY] = sell_limit(wishes, 1, close + given.gap_ticks)
        elif place == 3 and account.position_lots > 0:
            kept[GUARD] = sell_stop(wishes, account.position_lots, close - given.guard_ticks)
        elif place == 3 and account.position_lots < 0:
            kept[GUARD] = buy_stop(wishes, -account.position_lots, close + given.guard_ticks)
