"""Bars rebuilt from finer data by our own maker: the provider's, or exactly where they differ.

The folder is named by TIEOUT_TEST_DATA; without it these tests are skipped. `rebuilding.json` lists
each bar that differs, as its provider's notes say that some do: its open and the field.
To write the list anew: `TIEOUT_TEST_DATA=… python -m tests.golden.test_rebuilding`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from tests.golden.plan import jobs
from tieout.history import Dataset, Store, bars_from_trades, import_any, made_bars
from tieout.market import BarMaker
from tieout.model.bars import BarKind, BarRule
from tieout.model.columns import BarColumns, TradeColumns, interval_name

LISTED = Path(__file__).parent / "rebuilding.json"
PRICES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")


@dataclass(frozen=True)
class Pair:
    """Two files of one market, and what their provider's notes say of them."""

    finer: str
    coarser: str
    bars: int
    opens: int = 0
    highs: int = 0
    lows: int = 0
    closes: int = 0


PAIRS = [
    Pair("freqtrade_testdata/XRP_ETH-trades.parquet", "freqtrade_testdata/XRP_ETH-1m.feather",
         2469),
    Pair("freqtrade_testdata/XRP_ETH-trades.parquet", "freqtrade_testdata/XRP_ETH-5m.feather", 706),
    Pair(
        "binance_vs_coinbase/binance_BTC_USDT-1m.json.gz",
        "binance_vs_coinbase/binance_BTC_USDT-5m.json.gz",
        8639,
    ),
    Pair("bittrex_candles/ETH_BTC-1m.json.gz", "bittrex_candles/ETH_BTC-5m.json.gz",
         7509, opens=153, highs=38, lows=41),
    Pair("bittrex_candles/ETH_BTC-5m.json.gz", "bittrex_candles/ETH_BTC-1h.json.gz", 610),
    Pair("freqtrade_live_s012/candles_binance/DOGE_BTC-1m.json.gz",
         "freqtrade_live_s012/candles_binance/DOGE_BTC-5m.json.gz", 11_438, highs=5, lows=3),
]  # fmt: skip


def imported(root: Path, name: str, folder: Path) -> Dataset:
    """Return a file of the test data as a data set."""
    (job,) = (each for each in jobs(root) if each.file == name)
    return import_any(
        Store(folder), root / name, job.ask(), name="made", form=job.form, volume=job.volume
    )


def made_of(finer: Dataset, length_ns: int) -> dict[int, tuple[int, ...]]:
    """Return the bars that our maker makes, by their open; of bars only where none is missing."""
    batches: list[Any] = list(finer.batches(delay_ns=0))
    step = finer.meta.interval_ns
    if isinstance(batches[0], TradeColumns):
        return rows_of(bars_from_trades(batches, length_ns))
    rule = BarRule(
        BarKind.TIME, length_ns, interval_name(length_ns), interval_name(finer.meta.interval_ns)
    )
    maker = BarMaker(finer.meta.instrument.symbol, rule, grace_ns=1_000_000)
    made = rows_of(made_bars(batches, maker, until_ns=finer.meta.last_time_ns + length_ns))
    opened = np.concatenate([each.open_time_ns for each in batches])
    bins, counts = np.unique(opened // length_ns * length_ns, return_counts=True)
    whole = set(bins[counts == length_ns // step].tolist())
    return {at: row for at, row in made.items() if at in whole}


def rows_of(chunks: Any) -> dict[int, tuple[int, ...]]:
    return {
        row[0]: row[1:]
        for each in chunks
        if isinstance(each, BarColumns)
        for row in zip(
            each.open_time_ns.tolist(),
            *(getattr(each, name).tolist() for name in PRICES),
            strict=True,
        )
    }


def compared(pair: Pair, root: Path) -> tuple[int, list[list[Any]]]:
    """Return how many bars both have, and what differs: the open of the bar, and the field."""
    with TemporaryDirectory() as folder:
        finer = imported(root, pair.finer, Path(folder) / "finer")
        coarser = imported(root, pair.coarser, Path(folder) / "coarser")
        theirs = rows_of(coarser.batches(delay_ns=0))
        ours = made_of(finer, coarser.meta.interval_ns)
    both = sorted(ours.keys() & theirs.keys())
    differing = [
        [at, name.removesuffix("_ticks")]
        for at in both
        for name, one, other in zip(PRICES, ours[at], theirs[at], strict=True)
        if one != other
    ]
    return len(both), differing


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.coarser)
def test_rebuilt_bars_are_the_providers_but_for_those_that_are_listed(
    pair: Pair, test_data: Path
) -> None:
    count, differing = compared(pair, test_data)

    assert count == pair.bars
    told = [sum(each[1] == name for each in differing) for name in ("open", "high", "low", "close")]
    assert told == [pair.opens, pair.highs, pair.lows, pair.closes]
    assert differing == json.loads(LISTED.read_text(encoding="utf-8"))[pair.coarser]


if __name__ == "__main__":
    found = {}
    for each in PAIRS:
        count, found[each.coarser] = compared(each, Path(os.environ["TIEOUT_TEST_DATA"]))
        print(each.coarser, count, len(found[each.coarser]))  # noqa: T201
    lines = ",\n".join(f'"{name}": {json.dumps(rows)}' for name, rows in found.items())
    LISTED.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
