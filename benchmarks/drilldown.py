"""A year of minute bars and prints with about 20,000 orders: drilling down beside every print.

    python -m benchmarks.drilldown [prints a minute] [bars between orders]

Prints one JSON line for each way; the decisions and the ledger must be the same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tests.support.trader import NowAndThen
from tests.support.worlds import ES, MINUTE, SYMBOL, T0
from tieout.adapters.storage.runs import Runs
from tieout.history import Store, bars_from_trades
from tieout.model.columns import TradeColumns
from tieout.model.profiles import FillLevel, profile
from tieout.wiring import backtest

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTES = int(os.environ.get("TIEOUT_BENCH_DAYS", "365")) * 24 * 60
DRILLED = profile("drilldown-1")
FINE = msgspec.structs.replace(DRILLED, name="every-print", fill_level=FillLevel.IMPACT)


def days(prints_a_minute: int) -> Iterator[TradeColumns]:
    """Yield a year of prints, one day at a time."""
    draw = np.random.default_rng(11)
    count = 24 * 60 * prints_a_minute
    last, number = 40_000, 1
    for day in range(MINUTES // (24 * 60)):
        begin = T0 + day * 24 * 60 * MINUTE
        when = begin + np.sort(draw.integers(0, 24 * 60 * MINUTE, count))
        price = np.maximum(1_000, last + np.cumsum(draw.integers(-1, 2, count)))
        last = int(price[-1])
        yield TradeColumns(
            SYMBOL,
            when,
            when,
            price,
            draw.integers(1, 60, count),
            np.zeros(count, np.int8),
            np.arange(number, number + count),
        )
        number += count


def main() -> None:
    """Make the data, run both ways, and print what each took."""
    prints_a_minute, every = (int(each) for each in [*sys.argv[1:3], "40", "26"][:2])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "data")
        made = store.write_trades("ticks", ES, days(prints_a_minute), source="made up")
        trades = made.batches(delay_ns=0)
        store.write_bars("minutes", ES, MINUTE, bars_from_trades(trades, MINUTE), source="made up")  # type: ignore[arg-type]
        strategy = type("Here", (NowAndThen,), {"symbol": SYMBOL, "every": every})
        for chosen in (DRILLED, FINE) * 2:
            began, began_cpu = time.perf_counter(), time.process_time()
            result = backtest(
                strategy,
                store=store.path,
                data=["minutes", "ticks"],
                profile=chosen,
                runs=Runs(Path(folder) / "runs"),
            )
            took = time.perf_counter() - began
            sure = result.certainty
            assert sure is not None
            line = {
                "way": chosen.name,
                "seconds": round(took, 2),
                "cpu_seconds": round(time.process_time() - began_cpu, 2),
                "prints": made.meta.rows,
                "orders": result.orders,
                "fills": result.fills,
                "bars_opened": sure.bars_opened,
                "bars_scanned": sure.bars_scanned,
                "prints_matched": sure.rows_matched.get("trade", made.meta.rows),
                "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "state": result.state_hash[:16],
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
