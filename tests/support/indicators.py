"""Bars for indicators, from plain numbers, and from files of values that others computed."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tieout.model.columns import BarColumns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["bar_columns", "table", "table_bars", "table_column", "walk"]

Table = tuple[list[str], list[list[str]]]


def bar_columns(*columns: Sequence[int] | NDArray[np.int64]) -> BarColumns:
    """Return minute bars: open, high, low, close in ticks, volume in lots."""
    prices = [np.ascontiguousarray(each, np.int64) for each in columns]
    rows = len(prices[0])
    opened = 60 * np.arange(rows, dtype=np.int64)
    nothing = np.zeros(rows, np.int64)
    return BarColumns(
        "ES/USDT:USDT", 60, opened, opened + 60, opened + 60, *prices, nothing,
        np.zeros(rows, np.bool_),
    )  # fmt: skip


def walk(rows: int, seed: int = 7) -> BarColumns:
    """Return bars of a random walk around 10,000 ticks."""
    random = np.random.default_rng(seed)
    close = 10_000 + np.cumsum(random.integers(-20, 21, rows))
    opened = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(opened, close) + random.integers(0, 9, rows)
    low = np.minimum(opened, close) - random.integers(0, 9, rows)
    return bar_columns(opened, high, low, close, random.integers(1, 1_000, rows))


def table(path: Path) -> Table:
    """Return header, in lower case, and rows of a file."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        head, *rows = [each for each in csv.reader(lines) if len(each) > 1]
    return [each.strip().lower() for each in head], rows


def table_column(of: Table, column: str | int) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where there is none."""
    head, rows = of
    at = column if isinstance(column, int) else head.index(column.lower())
    cells = [row[at] if at < len(row) else "" for row in rows]
    return np.array([float(each) if each not in ("", "NaN") else np.nan for each in cells])


def table_bars(of: Table) -> tuple[BarColumns, float]:
    """Return the bars of a file in its own decimals, and their tick; a lone close is all four."""
    head, rows = of
    names = ("open", "high", "low", "close") if "open" in head else ("close",) * 4
    cells = [[Decimal(row[head.index(name)]).normalize() for row in rows] for name in names]
    places = max(max(-int(each.as_tuple().exponent), 0) for line in cells for each in line)
    prices = [[int(each.scaleb(places)) for each in line] for line in cells]
    volume = [0] * len(rows)
    if "volume" in head:
        volume = [int(Decimal(row[head.index("volume")] or 0)) for row in rows]
    return bar_columns(*prices, volume), 10.0**-places
