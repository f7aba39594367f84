"""Real candles and trades of several providers, with the defects they are known for.

The folder is named by TIEOUT_TEST_DATA; without it these tests are skipped, and the made-up files
of the other tests stand for it.
"""

from __future__ import annotations

import gzip
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.history.builders import BARS, left_behind, rows
from tieout.errors import DataError
from tieout.history import Store, import_file
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from tieout.history import Dataset

ROOT = Path(os.environ.get("TIEOUT_TEST_DATA") or "/nonexistent")
BTC = Instrument(
    symbol="BTC/USDT", venue_symbol="BTCUSDT", tick_size=Decimal("0.01"), lot_size=Decimal("1e-8")
)


def real(name: str) -> Path:
    """Return a file of the test data, or skip the test."""
    if not (ROOT / name).is_file():
        pytest.skip(f"TIEOUT_TEST_DATA has no {name}")
    return ROOT / name


def candles(folder: Path, name: str, **options: Any) -> Dataset:
    """Import a file of JSON rows [ms, open, high, low, close, volume] as CSV."""
    content = json.loads(gzip.decompress(real(name).read_bytes()), parse_float=str)
    file = folder / "candles.csv"
    file.write_text(BARS + "".join(",".join(map(str, row)) + "\n" for row in content))
    return import_file(
        Store(folder / "store"), file, name="set", kind="bars", instrument=BTC, **options
    )


def test_hours_with_gaps_come_in_exactly(tmp_path: Path) -> None:
    made = candles(tmp_path, "binance_vs_coinbase/binance_BTC_USDT-1h.json.gz", interval="1h")

    assert made.meta.rows == 45_345
    assert rows(made, "open_ticks")[0] == 426_148
    assert rows(made, "volume_lots")[0] == 4_718_100_900
    made.verify()


def test_newest_first_and_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    name = "binance_vs_coinbase/coinbase_futures_BTC_USDT-1h-futures.json.gz"
    with pytest.raises(DataError, match="columns"):
        candles(tmp_path, name, interval="1h")
    with pytest.raises(DataError, match="more rows are wrong than right"):
        candles(tmp_path, name, interval="1h", on_defect="set_aside", volume="round_down")
    assert left_behind(tmp_path) == []


def test_minutes_taken_for_five_minutes_are_refused(tmp_path: Path) -> None:
    name = "binance_vs_coinbase/binance_BTC_USDT-1m.json.gz"
    with pytest.raises(DataError, match="not a whole interval"):
        candles(tmp_path, name, interval="5m")


def test_trades_of_a_parquet_come_in_without_their_unordered_ids(tmp_path: Path) -> None:
    folder = real("hyperliquid_eth/README.md").parent
    file = min((folder / "trades").glob("*.parquet"))
    eth = Instrument(
        symbol="ETH/USDC:USDC",
        venue_symbol="ETH",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.0001"),
        currency="USDC",
    )
    options: dict[str, Any] = {"name": "set", "kind": "trades", "instrument": eth}
    with pytest.raises(DataError, match="ids do not ascend"):
        import_file(Store(tmp_path / "store"), file, **options)

    made = import_file(
        Store(tmp_path / "store"),
        file,
        mapping={"id": "-", "time": "exchange_timestamp"},
        on_defect="set_aside",
        **options,
    )

    assert set(rows(made, "aggressor")) == {-1, 1}
    made.verify()
