"""Twenty million trades from our own store on disk to a compiled callback, counted one by one.

It is the work `trades_compiled` with rows that are read while the run goes on: its journal is on
disk, and more rows need no more memory. No orders are sent. A peer reads the same rows from files
of its own form, written beside the store before.
"""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np

from benchmarks.data import INSTRUMENT, folder
from benchmarks.work_bars_python import CASH
from benchmarks.work_parquet_bars import DATA, ROWS, WARM_UP_ROWS, bare_columns, stored_rows
from tieout.adapters.storage.runs import Runs
from tieout.compiled import Account, CompiledStrategy, Given, Memory, TradeRow, Wishes
from tieout.wiring import backtest

if TYPE_CHECKING:
    from tieout import Context, Instrument
    from tieout.wiring import Result

__all__ = ["DATA", "ENGINES", "ROWS", "SAME"]

SAME: Final = {"equity": 0.0, "seen": 0.0, "last_ticks": 0.0}
"""What every engine must agree on, and how closely."""

COUNTED: Final[dict[str, int]] = {}
"""What the last run's strategy had seen when it stopped."""


class CompiledCount(CompiledStrategy):
    """Trade nothing; show that every print was seen."""

    def on_start(self, context: Context) -> None:
        context.trades(INSTRUMENT.symbol)

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


def tieout(source: Path) -> dict[str, Any]:
    """Run a backtest as a user would, from the store to the run's folder."""
    _engine_run(folder(DATA, WARM_UP_ROWS))
    started, begun = time.perf_counter(), time.process_time()
    result = _engine_run(source)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": stored_rows(source),
        "fills": result.fills,
        "equity": float(result.equity),
        **COUNTED,
    }


def limit(source: Path) -> dict[str, Any]:
    """Read the three columns that a print is made of and count them in a bare compiled loop."""
    _bare_run(folder(DATA, WARM_UP_ROWS))
    started, begun = time.perf_counter(), time.process_time()
    seen, last_ticks = _bare_run(source)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": stored_rows(source),
        "fills": 0,
        "equity": float(CASH),
        "seen": seen,
        "last_ticks": last_ticks,
    }


ENGINES: Final = {"tieout": tieout, "limit": limit}


def _engine_run(store: Path) -> Result:
    with tempfile.TemporaryDirectory() as runs:
        return backtest(
            CompiledCount,
            store=store,
            data=["trades"],
            profile="zero-latency",
            cash=Decimal(CASH),
            runs=Runs(Path(runs)),
        )


def _bare_run(store: Path) -> tuple[int, int]:
    state = np.zeros(2, np.int64)
    for columns in bare_columns(store):
        _bare(state, *columns)
    seen, last_ticks = state.tolist()
    return seen, last_ticks


@numba.njit
def _bare(state, times, prices, quantities):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count prints; state: how many, last price. The sums keep the columns from being skipped."""
    elapsed = lots = 0
    for row in range(len(times)):
        state[0] += 1
        state[1] = prices[row]
        elapsed += times[row] - times[0]
        lots += quantities[row]
    return elapsed, lots
