"""Five million trades, minute bars that the engine makes, averages of 20 and 50 closes in Python.

One unit long or flat, market orders that fill at a later trade, 5 bps a side, profile
`zero-latency`, one million in cash.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from benchmarks import bare_cross, data
from benchmarks.work_bars_python import CASH, FAST, SLOW, SYMBOL, Cross
from tieout.model.profiles import profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from benchmarks.data import Columns
    from tieout import Context
    from tieout.model.columns import TradeColumns

__all__ = ["DATA", "ENGINES", "EXACT", "ROWS", "SAME"]

DATA: Final = "trades"
ROWS: Final = 5_000_000
SAME: Final = {"equity": 15.0}
"""What every engine must agree on, and how closely: a peer's bars or fills are a trade apart."""

EXACT: Final = {"equity": 1e-6, "fills": 0.0}
"""What ours must agree on."""

WARM_UP_ROWS: Final = 20_000


class CrossOfTrades(Cross):
    """The same strategy on bars made of trades."""

    def ask(self, context: Context) -> None:
        """Ask for the bars."""
        context.bars(SYMBOL, "1m", made_of="trades")


def tieout(columns: Columns) -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    whole = data.trade_columns(columns, SYMBOL)
    _engine_run(whole.rows(0, WARM_UP_ROWS))
    started, begun = time.perf_counter(), time.process_time()
    result = _engine_run(whole)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": len(whole),
        "fills": result.fills,
        "equity": float(result.equity),
    }


def limit(columns: Columns) -> dict[str, Any]:
    """Run the bare arithmetic, compiled: an upper bound, no engine."""
    times, prices = columns["time_ns"], columns["price_ticks"]
    bare_cross.cross(times[:WARM_UP_ROWS], prices[:WARM_UP_ROWS], FAST, SLOW)
    started, begun = time.perf_counter(), time.process_time()
    state = bare_cross.cross(times, prices, FAST, SLOW)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    fills, millionths = bare_cross.worth(state, int(times[-1]))
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows": len(times),
        "fills": fills,
        "equity": CASH + millionths / 1_000_000,
    }


ENGINES: Final = {"tieout": tieout, "limit": limit}


def _engine_run(trades: TradeColumns) -> Result:
    return backtest_columns(
        CrossOfTrades,
        columns=[trades],
        instruments=[data.INSTRUMENT],
        profile=profile("zero-latency"),
        cash=Decimal(CASH),
    )
