"""The words a compiled strategy writes in: `from tieout.compiled import CompiledStrategy, target`.

target(wishes, lots)              trade the difference to a position
buy, sell(wishes, lots)           at the market; return a handle
buy_limit, sell_limit(wishes, lots, limit_ticks)
buy_post_only, sell_post_only(wishes, lots, limit_ticks)
buy_stop, sell_stop(wishes, lots, stop_ticks)
cancel(wishes, handle)
"""

from tieout.market.stepping import (
    Account,
    BarRow,
    BookRow,
    Memory,
    TradeRow,
    buy,
    buy_limit,
    buy_post_only,
    buy_stop,
    cancel,
    sell,
    sell_limit,
    sell_post_only,
    sell_stop,
    target,
)
from tieout.strategy.compiled import CompiledStrategy, Given, Wishes

__all__ = [
    "Account",
    "BarRow",
    "BookRow",
    "CompiledStrategy",
    "Given",
    "Memory",
    "TradeRow",
    "Wishes",
    "buy",
    "buy_limit",
    "buy_post_only",
    "buy_stop",
    "cancel",
    "sell",
    "sell_limit",
    "sell_post_only",
    "sell_stop",
    "target",
]
