"""Columns, files and stores for the tests of history."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.history import Store, import_file
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.history import Dataset

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
T0 = 1_704_067_200 * SECOND  # 2024-01-01
SYMBOL = "ES/USD:USD"
ES = Instrument(
    symbol=SYMBOL, venue_symbol="ES", tick_size=Decimal("0.25"), lot_size=Decimal("0.1")
)
TRADES = "time,price,quantity\n"
BARS = "time,open,high,low,close,volume\n"
GOOD_TRADE = "2024-01-01 00:00:00.5,100.25,1\n"
GOOD_BAR = "2024-01-01 00:00:00,100,101,99.5,100.25,7\n"


def trade_columns(
    prices: Sequence[int], *, step_ns: int = SECOND, start_ns: int = T0, delay_ns: int = 0
) -> TradeColumns:
    """Return trades of ten lots, one each step, the first a step after the start."""
    price = np.asarray(prices, np.int64)
    when = start_ns + step_ns * np.arange(1, len(price) + 1, dtype=np.int64)
    return TradeColumns(
        SYMBOL,
        when,
        when + delay_ns,
        price,
        np.full(len(price), 10, np.int64),
        np.zeros(len(price), np.int8),
        np.arange(1, len(price) + 1, dtype=np.int64),
    )


def bar_columns(
    closes: Sequence[int],
    *,
    interval_ns: int = MINUTE,
    start_ns: int = T0,
    delay_ns: int = 0,
    instrument: str = SYMBOL,
) -> BarColumns:
    """Return bars that do not move inside, one after the other."""
    close = np.asarray(closes, np.int64)
    opened = start_ns + interval_ns * np.arange(len(close), dtype=np.int64)
    return BarColumns(
        instrument,
        interval_ns,
        opened,
        opened + interval_ns,
        opened + interval_ns + delay_ns,
        close.copy(),
        close.copy(),
        close.copy(),
        close.copy(),
        np.full(len(close), 100, np.int64),
        np.zeros(len(close), np.int64),
        np.zeros(len(close), np.bool_),
    )


def import_trades(folder: Path, text: str | bytes, **options: Any) -> Dataset:
    """Import a text as a file of trades into a store inside the folder."""
    return imported(folder, text, kind="trades", **options)


def import_bars(folder: Path, text: str | bytes, **options: Any) -> Dataset:
    """Import a text as a file of minute bars into a store inside the folder."""
    return imported(folder, text, **{"kind": "bars", "interval": "1m"} | options)


def imported(
    folder: Path, text: str | bytes, *, suffix: str = ".csv", name: str = "set", **options: Any
) -> Dataset:
    """Import a text as a file into a store inside the folder."""
    file = folder / f"data{suffix}"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_file(Store(folder / "store"), file, name=name, instrument=ES, **options)


def rows(dataset: Dataset, column: str, **options: Any) -> list[int]:
    """Return one column of a data set whole."""
    batches = dataset.batches(**{"delay_ns": 0} | options)
    return [int(each) for batch in batches for each in getattr(batch, column)]


def left_behind(folder: Path) -> list[str]:
    """Return what a store inside the folder holds, hidden things included."""
    store = folder / "store"
    return sorted(each.name for each in store.iterdir()) if store.exists() else []
