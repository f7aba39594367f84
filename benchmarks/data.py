"""The seeded arrays every engine gets, kept as one .npy file a column in the user's cache folder.

    bars    close_time_ns, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots
            The open of a bar is the close of the one before, so engines that fill at this close
            and engines that fill at the next open must agree.
    trades  time_ns, price_ticks, quantity_lots, aggressor (1 buyer, 2 seller)

A tick is 0.01; all columns are int64 but `aggressor`, which is uint8.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import platformdirs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[np.int64] | NDArray[np.uint8]]

__all__ = ["MAKERS", "bars", "folder", "load", "trades"]

START_NS: Final = 1_704_067_200_000_000_000
"""2024-01-01T00:00:00Z."""

MINUTE_NS: Final = 60_000_000_000
FIRST_TICKS: Final = 100_000
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


def trades(rows: int, *, seed: int = 2) -> Columns:
    """Make trades: exponential waiting times of 200 ms, a log-normal walk of prices."""
    draw = np.random.default_rng(seed)
    times = START_NS + np.cumsum(draw.exponential(200e6, rows)).astype(np.int64)
    walk = np.cumsum(draw.normal(0, 2e-5, rows))
    return {
        "time_ns": times,
        "price_ticks": np.rint(FIRST_TICKS * np.exp(walk)).astype(np.int64),
        "quantity_lots": draw.integers(1, 100, rows),
        "aggressor": draw.integers(1, 3, rows).astype(np.uint8),
    }


MAKERS: Final = {"bars": bars, "trades": trades}


def folder(kind: str, rows: int) -> Path:
    """Return the folder with the columns of `kind`, made now where it is not there yet."""
    target = platformdirs.user_cache_path("tieout") / "benchmarks" / f"{kind}-{rows}-v{VERSION}"
    if target.is_dir():
        return target
    half = target.with_name(f"{target.name}.{os.getpid()}.part")
    half.mkdir(parents=True, exist_ok=True)
    for name, column in MAKERS[kind](rows).items():
        np.save(half / f"{name}.npy", column)
    try:
        half.rename(target)
    except OSError:
        # Another run was quicker; its files are the same.
        for each in half.iterdir():
            each.unlink()
        half.rmdir()
    return target


def load(source: Path) -> Columns:
    """Read every column of a folder."""
    return {path.stem: np.load(path) for path in sorted(source.glob("*.npy"))}
