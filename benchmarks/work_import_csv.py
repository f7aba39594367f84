"""Ten million trades and two million minute bars of an archive's CSV files into a data store.

It is what `tieout import` does: the format is found out, text becomes exact ticks and lots, every
row is judged, and the data set is written and fingerprinted. The limit only parses the same files
into typed columns, on one thread as we do, and keeps nothing.
"""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow.csv as pacsv

from benchmarks.data import CSV_NAMES, folder
from tieout import Instrument
from tieout.history import Ask, Store, import_any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DATA", "ENGINES", "ROWS", "SAME"]

DATA: Final = "csv"
ROWS: Final = 12_000_000
SAME: Final = {"rows": 0.0}
"""What every engine must agree on, and how closely."""

WARM_UP_ROWS: Final = 12_000
INSTRUMENT: Final = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)


def tieout(source: Path) -> dict[str, Any]:
    """Import both files into a store of their own, as the command does."""
    return _measured(source, _imported)


def limit(source: Path) -> dict[str, Any]:
    """Parse both files and forget them."""
    return _measured(source, _parsed)


ENGINES: Final = {"tieout": tieout, "limit": limit}


def _measured(source: Path, work: Callable[[Path], int]) -> dict[str, Any]:
    warm_up = folder(DATA, WARM_UP_ROWS)
    rows, seconds, cpu_seconds = {}, {}, {}
    for file in CSV_NAMES:
        work(warm_up / file)
        started, begun = time.perf_counter(), time.process_time()
        rows[file] = work(source / file)
        seconds[file] = time.perf_counter() - started
        cpu_seconds[file] = time.process_time() - begun
    parts = ", ".join(
        f"{rows[file] / cpu_seconds[file] / 1e6:.2f} M rows a CPU second of {file}"
        for file in CSV_NAMES
    )
    return {
        "seconds": sum(seconds.values()),
        "cpu_seconds": sum(cpu_seconds.values()),
        "rows": sum(rows.values()),
        "fills": 0,
        "equity": 0.0,
        "note": parts,
    }


def _imported(file: Path) -> int:
    with tempfile.TemporaryDirectory(dir=file.parent) as place:
        ask = Ask(instrument=INSTRUMENT)
        return import_any(Store(Path(place)), file, ask, name="made").meta.rows


def _parsed(file: Path) -> int:
    reader = pacsv.open_csv(
        file, read_options=pacsv.ReadOptions(block_size=1 << 23, use_threads=False)
    )
    return sum(batch.num_rows for batch in reader)
