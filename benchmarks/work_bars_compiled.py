"""The work of `bars_python` decided in compiled code: a million minute bars, averages of closes.

Market orders, 5 bps a side, profile `zero-latency`, one million in cash.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from benchmarks.work_bars_python import (
    CASH,
    DATA,
    FAST,
    ROWS,
    SAME,
    SLOW,
    SYMBOL,
    WARM_UP_ROWS,
    bar_columns,
    limit,
)
from tieout import Context, Instrument
from tieout.compiled import Account, BarRow, CompiledStrategy, Given, Memory, Wishes, buy, sell
from tieout.model.profiles import profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from benchmarks.data import Columns
    from tieout.model.columns import BarColumns

__all__ = ["DATA", "ENGINES", "ROWS", "SAME"]

SEEN, FAST_SUM, SLOW_SUM, LONG, FAST_PLACE, SLOW_PLACE, CLOSES = range(7)
"""What lies where in the memory; the last closes lie from CLOSES on, in a ring."""


class CompiledCross(CompiledStrategy):
    """Long one unit while the fast average is above the slow one, else flat."""

    fast: int = FAST
    slow: int = SLOW

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")

    def cells(self) -> tuple[int, int]:
        return CLOSES + self.slow, 0

    def prepare(self, memory: Memory, instrument: Instrument) -> None:
        memory.whole[FAST_PLACE] = self.slow - self.fast

    @staticmethod
    def step_bar(
        bar: BarRow, given: Given, memory: Memory, account: Account, wishes: Wishes
    ) -> None:
        kept = memory.whole
        close = bar.close_ticks
        slow_place, fast_place = kept[SLOW_PLACE], kept[FAST_PLACE]
        kept[FAST_SUM] += close - kept[CLOSES + fast_place]
        kept[SLOW_SUM] += close - kept[CLOSES + slow_place]
        kept[CLOSES + slow_place] = close
        kept[SLOW_PLACE] = slow_place + 1 if slow_place + 1 < given.slow else 0
        kept[FAST_PLACE] = fast_place + 1 if fast_place + 1 < given.slow else 0
        kept[SEEN] += 1
        if kept[SEEN] < given.slow:
            return
        above = kept[FAST_SUM] * given.slow - kept[SLOW_SUM] * given.fast
        if kept[LONG] == 1:
            if above < 0:
                kept[LONG] = 0
                sell(wishes, 1)
        elif above > 0:
            kept[LONG] = 1
            buy(wishes, 1)


def tieout(columns: Columns) -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    _engine_run(bar_columns(columns).rows(0, WARM_UP_ROWS))
    whole = bar_columns(columns)
    started = time.perf_counter()
    result = _engine_run(whole)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(whole),
        "fills": result.fills,
        "equity": float(result.equity),
    }


ENGINES: Final = {"tieout": tieout, "limit": limit}


def _engine_run(bars: BarColumns) -> Result:
    return backtest_columns(
        CompiledCross,
        columns=[bars],
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
