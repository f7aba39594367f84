"""The seeded arrays every engine gets, kept as one .npy file a column in the user's cache folder.

    bars    close_time_ns, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots
            The open of a bar is the close of the one before, so engines that fill at this close
            and engines that fill at the next open must agree.
    trades  time_ns, price_ticks, quantity_lots, aggressor (1 buyer, 2 seller)
    many    the same three columns of each of twenty instruments: time_ns_00 …
    book    time_ns, kind (1 level, 2 print), side (+1 bids, or who came), price_ticks, lots, last;
            drawn in `book_market`
    csv     files as an archive has them: five sixths of the rows trades, one sixth minute bars
    store   a data store with the one data set `trades`, written a million rows at a time

A tick is 0.01; all columns are int64 but `aggressor`, which is uint8.
"""

from __future__ import annotations

import itertools
import os
from decimal import Decimal
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import platformdirs
import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.book_market import market
from tieout import Instrument
from tieout.history import Store
from tieout.model.columns import TradeColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

__all__ = [
    "CSV_NAMES",
    "INSTRUMENT",
    "INSTRUMENTS",
    "MAKERS",
    "bars",
    "book",
    "folder",
    "load",
    "many",
    "pieces",
    "trade_columns",
    "trades",
]

INSTRUMENTS: Final = 20
"""How many there are in `many`."""

INSTRUMENT: Final = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(1),
)
PIECE_ROWS: Final = 1_000_000

START_NS: Final = 1_704_067_200_000_000_000
"""2024-01-01T00:00:00Z."""

MINUTE_NS: Final = 60_000_000_000
FIRST_TICKS: Final = 100_000
CSV_NAMES: Final = ("BTCUSDT-aggTrades-2024-01.csv", "BTCUSDT-1m-2024-01.csv")
VERSION: Final = 1
"""Part of the folder's name; raise it when a maker changes."""


def bars(rows: int, *, seed: int = 1) -> Columns:
    """Make one-minute bars: a log-normal walk of closes, wicks of a normal's size."""
    draw = np.random.default_rng(seed)
    walk = np.cumsum(draw.normal(0, 3e-4, rows))
    closes = np.rint(FIRST_TICKS * np.exp(walk)).astype(np.int64)
    opens = np.concatenate([[np.int64(FIRST_TICKS)], closes[:-1]])
    above = np.rint(np.abs(draw.normal(0, 15, rows))).astype(np.int64)
    below = np.rint(np.abs(draw.normal(0, 15, rows))).astype(np.int64)
    return {
        "close_time_ns": START_NS + MINUTE_NS * np.arange(1, rows + 1, dtype=np.int64),
        "open_ticks": opens,
        "high_ticks": np.maximum(opens, closes) + above,
        "low_ticks": np.minimum(opens, closes) - below,
        "close_ticks": closes,
        "volume_lots": draw.integers(1, 10_000, rows),
    }


def trades(
    rows: int,
    *,
    seed: int = 2,
    mean_ns: float = 200e6,
    start_ns: int = START_NS,
    first_ticks: float = FIRST_TICKS,
) -> Columns:
    """Make trades: exponential waiting times, 200 ms in the mean, a log-normal walk of prices."""
    draw = np.random.default_rng(seed)
    times = start_ns + np.cumsum(draw.exponential(mean_ns, rows)).astype(np.int64)
    walk = np.cumsum(draw.normal(0, 2e-5, rows))
    return {
        "time_ns": times,
        "price_ticks": np.rint(first_ticks * np.exp(walk)).astype(np.int64),
        "quantity_lots": draw.integers(1, 100, rows),
        "aggressor": draw.integers(1, 3, rows).astype(np.uint8),
    }


def many(rows: int, *, seed: int = 100) -> Columns:
    """Make trades of twenty instruments, `rows` in all; each waits 2 s from one to the next."""
    columns: Columns = {}
    for number in range(INSTRUMENTS):
        own = trades(rows // INSTRUMENTS, seed=seed + number, mean_ns=2e9)
        for name in ("time_ns", "price_ticks", "quantity_lots"):
            columns[f"{name}_{number:02d}"] = own[name]
    return columns


def pieces(rows: int, *, seed: int = 3) -> Iterator[Columns]:
    """Make trades that go on from piece to piece, so that they never are in memory together."""
    time_ns, first = START_NS, float(FIRST_TICKS)
    for number in range(-(-rows // PIECE_ROWS)):
        count = min(PIECE_ROWS, rows - number * PIECE_ROWS)
        own = trades(count, seed=seed + number, start_ns=time_ns, first_ticks=first)
        time_ns, first = int(own["time_ns"][-1]), float(own["price_ticks"][-1])
        yield own


def book(rows: int, *, seed: int = 7) -> Columns:
    """Make levels and prints of one instrument, ten of those to one of these."""
    return market(rows, seed=seed, start_ns=START_NS, first_ticks=FIRST_TICKS)


MAKERS: Final = {"bars": bars, "trades": trades, "many": many, "book": book}


def folder(kind: str, rows: int) -> Path:
    """Return the folder with the columns of `kind`, made now where it is not there yet."""
    target = platformdirs.user_cache_path("tieout") / "benchmarks" / f"{kind}-{rows}-v{VERSION}"
    if target.is_dir():
        return target
    half = target.with_name(f"{target.name}.{os.getpid()}.part")
    half.mkdir(parents=True, exist_ok=True)
    if kind == "store":
        _write_store(half, rows)
    elif kind == "csv":
        _write_csv(half, rows)
    else:
        for name, column in MAKERS[kind](rows).items():
            np.save(half / f"{name}.npy", column)
    try:
        half.rename(target)
    except OSError:
        # Another run was quicker; its files are the same.
        rmtree(half)
    return target


def _write_store(target: Path, rows: int) -> None:
    Store(target).write_trades(
        "trades",
        INSTRUMENT,
        (
            trade_columns(each, INSTRUMENT.symbol, first_id=1 + number * PIECE_ROWS)
            for number, each in enumerate(pieces(rows))
        ),
        source="seeded, for benchmarks",
    )


def _write_csv(target: Path, rows: int) -> None:
    of_trades, of_bars = CSV_NAMES
    _write_tables(target / of_trades, map(_archive_trades, *_numbered(rows * 5 // 6)))
    _write_tables(target / of_bars, [_archive_bars(rows // 6)])


def _write_tables(file: Path, tables: Iterable[pa.Table]) -> None:
    whole = iter(tables)
    first = next(whole)
    plain = pacsv.WriteOptions(quoting_style="none", include_header=False)
    with file.open("wb") as opened:
        # Its own writer would quote the names.
        opened.write(",".join(first.column_names).encode() + b"\n")
        with pacsv.CSVWriter(opened, first.schema, write_options=plain) as writer:
            writer.write_table(first)
            for table in whole:
                writer.write_table(table)


def _numbered(rows: int) -> tuple[Iterator[Columns], Iterator[int]]:
    return pieces(rows), itertools.count(0, PIECE_ROWS)


def _archive_trades(columns: Columns, done: int) -> pa.Table:
    """Return trades as an archive's aggregate trades: a tick is 0.1, a lot 0.001."""
    ids = np.arange(done + 1, done + 1 + len(columns["time_ns"]), dtype=np.int64)
    return pa.table(
        {
            "agg_trade_id": ids,
            "price": columns["price_ticks"] / 10,
            "quantity": columns["quantity_lots"] / 1000,
            "first_trade_id": ids,
            "last_trade_id": ids,
            "transact_time": columns["time_ns"] // 1_000_000,
            "is_buyer_maker": columns["aggressor"] == 2,
        }
    )


def _archive_bars(rows: int) -> pa.Table:
    """Return bars as an archive's klines."""
    columns = bars(rows)
    opened = columns["close_time_ns"] // 1_000_000 - 60_000
    volume = columns["volume_lots"] / 1000
    return pa.table(
        {
            "open_time": opened,
            **{each: columns[f"{each}_ticks"] / 10 for each in ("open", "high", "low", "close")},
            "volume": volume,
            "close_time": opened + 59_999,
            "quote_volume": np.round(volume * columns["close_ticks"] / 10, 4),
            "count": columns["volume_lots"],
            "taker_buy_volume": volume,
            "taker_buy_quote_volume": np.round(volume * columns["close_ticks"] / 10, 4),
            "ignore": np.zeros(rows, np.int64),
        }
    )


def trade_columns(
    columns: Columns, symbol: str, *, suffix: str = "", first_id: int = 1
) -> TradeColumns:
    """Return trades as the product takes them; they arrive when they happen."""
    times = columns[f"time_ns{suffix}"].astype(np.int64, copy=False)
    sides = columns.get(f"aggressor{suffix}", np.ones(len(times), np.uint8))
    return TradeColumns(
        instrument=symbol,
        venue_time_ns=times,
        arrival_time_ns=times,
        price_ticks=columns[f"price_ticks{suffix}"].astype(np.int64, copy=False),
        quantity_lots=columns[f"quantity_lots{suffix}"].astype(np.int64, copy=False),
        aggressor=np.where(sides == 1, 1, -1).astype(np.int8),
        trade_id=np.arange(first_id, first_id + len(times), dtype=np.int64),
    )


def load(source: Path) -> Columns:
    """Read every column of a folder."""
    return {path.stem: np.load(path) for path in sorted(source.glob("*.npy"))}
