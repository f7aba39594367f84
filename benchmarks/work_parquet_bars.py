"""Twenty million trades from our own store on disk, minute bars of them to a Python callback.

The callback counts bars and their trades and keeps the last price, as the work `trades_python` does
with trades; it sends no orders. A run reads its data set while it goes, keeps its journal on disk,
and needs no more memory for more rows.
"""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
import pyarrow.parquet as pq

from benchmarks.data import INSTRUMENT, folder
from benchmarks.work_bars_python import CASH
from tieout import Bar, Context, Strategy
from tieout.adapters.storage.runs import Runs
from tieout.history import Store
from tieout.wiring import backtest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tieout.wiring import Result

__all__ = ["DATA", "ENGINES", "ROWS", "SAME", "WARM_UP_ROWS", "bare_columns", "stored_rows"]

DATA: Final = "store"
ROWS: Final = 20_000_000
SAME: Final = {"equity": 0.0, "bars": 0.0, "seen": 0.0, "last_ticks": 0.0}
"""What every engine must agree on, and how closely."""

WARM_UP_ROWS: Final = 200_000
MINUTE_NS: Final = 60_000_000_000
GROUPS: Final = 16
COUNTED: Final[dict[str, int]] = {}
"""What the last run's strategy had seen when it stopped."""


class CountBars(Strategy):
    """Trade nothing; show that every bar was seen, and what went into it."""

    def on_start(self, context: Context) -> None:
        context.bars(INSTRUMENT.symbol, "1m", made_of="trades")
        self.bars = 0
        self.seen = 0
        self.last_ticks = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.bars += 1
        self.seen += bar.trades or 0
        self.last_ticks = bar.close_ticks

    def on_stop(self, context: Context) -> None:
        COUNTED.update(bars=self.bars, seen=self.seen, last_ticks=self.last_ticks)


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
    """Read the columns that bars need and count bars in a bare compiled loop: no engine."""
    _bare_run(folder(DATA, WARM_UP_ROWS))
    started, begun = time.perf_counter(), time.process_time()
    state = _bare_run(source)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": stored_rows(source),
        "fills": 0,
        "equity": float(CASH),
        "bars": int(state[2]),
        "seen": int(state[3]),
        "last_ticks": int(state[4]),
    }


ENGINES: Final = {"tieout": tieout, "limit": limit}


def stored_rows(source: Path) -> int:
    """Return how many trades a store of this work holds."""
    return Store(source).dataset("trades").meta.rows


def _engine_run(store: Path) -> Result:
    with tempfile.TemporaryDirectory() as runs:
        return backtest(
            CountBars,
            store=store,
            data=["trades"],
            profile="zero-latency",
            cash=Decimal(CASH),
            runs=Runs(Path(runs)),
        )


def bare_columns(store: Path) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Read times, prices and quantities of a store, some 131,072 rows at a time."""
    names = ["venue_time_ns", "price_ticks", "quantity_lots"]
    # Files of one data set are in order of time when sorted by name.
    for part in sorted((store / "trades").glob("*.parquet")):
        with pq.ParquetFile(part) as file:
            groups = range(file.num_row_groups)
            for start in range(0, len(groups), GROUPS):
                for batch in file.iter_batches(
                    131_072,
                    row_groups=groups[start : start + GROUPS],
                    columns=names,
                    use_threads=False,
                ):
                    yield tuple(batch.column(name).to_numpy() for name in names)


def _bare_run(store: Path) -> Any:  # noqa: ANN401  an array of the bare loop
    state = np.zeros(6, np.int64)
    for columns in bare_columns(store):
        _bare(state, *columns)
    return state


@numba.njit
def _bare(state, times, prices, quantities):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count bars that are over, but for the first, their trades, and the last close.

    state: end of the minute under way, trades in it, bars, trades in bars, last close, last price.
    """
    end, inside, last = state[0], state[1], state[5]
    lots = 0
    for row in range(len(times)):
        if times[row] >= end:
            if inside > 0:
                state[2] += 1
                state[3] += inside
                state[4] = last
            # The minute in which the data begins is not whole.
            inside = 0 if end > 0 else -(1 << 62)
            end = times[row] - times[row] % MINUTE_NS + MINUTE_NS
        inside += 1
        last = prices[row]
        lots += quantities[row]
    state[0], state[1], state[5] = end, inside, last
    return lots
