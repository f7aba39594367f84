"""The work of `trades_python` with a compiled callback: five million prints, counted one by one."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from benchmarks.work_trades_python import (
    CASH,
    DATA,
    ROWS,
    SAME,
    SYMBOL,
    WARM_UP_ROWS,
    limit,
    trade_columns,
)
from tieout import Context, Instrument
from tieout.compiled import Account, CompiledStrategy, Given, Memory, TradeRow, Wishes
from tieout.model.profiles import profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from benchmarks.data import Columns
    from tieout.model.columns import TradeColumns

__all__ = ["DATA", "ENGINES", "ROWS", "SAME"]

COUNTED: Final[dict[str, int]] = {}
"""What the last run's strategy had seen when it stopped."""


class CompiledCount(CompiledStrategy):
    """Trade nothing; show that every print was seen."""

    def on_start(self, context: Context) -> None:
        context.trades(SYMBOL)

    def prepare(self, memory: Memory, instrument: Instrument) -> None:
        self.memory = memory

    @staticmethod
    def step_trade(
        trade: TradeRow, given: Given, memory: Memory, account: Account, wishes: Wishes
    ) -> None:
        memory.whole[0] += 1
        memory.whole[1] = trade.price_ticks

    def on_stop(self, context: Context) -> None:
        seen, last_ticks = self.memory.whole[:2].tolist()
        COUNTED.update(seen=seen, last_ticks=last_ticks)


def tieout(columns: Columns) -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    whole = trade_columns(columns)
    _engine_run(whole.rows(0, WARM_UP_ROWS))
    started = time.perf_counter()
    result = _engine_run(whole)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(whole),
        "fills": result.fills,
        "equity": float(result.equity),
        **COUNTED,
    }


ENGINES: Final = {"tieout": tieout, "limit": limit}


def _engine_run(trades: TradeColumns) -> Result:
    return backtest_columns(
        CompiledCount,
        columns=[trades],
        instruments=[
            Instrument(
                symbol=SYMBOL,
                venue_symbol="BTCUSDT",
                tick_size=Decimal("0.01"),
                lot_size=Decimal(1),
            )
        ],
        profile=profile("zero-latency"),
        cash=Decimal(CASH),
    )
