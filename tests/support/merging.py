"""Merged rows, told as the batches of one stream each that they stand for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tieout.kernel.ports import MarketBatch, MergedBatch

if TYPE_CHECKING:
    from tieout.kernel.ports import Inputs


def batches_of(given: MarketBatch | MergedBatch | Inputs) -> list[MarketBatch]:
    """Return the market rows of an answer of a source, each batch as long as one stream goes on."""
    if isinstance(given, MarketBatch):
        return [given]
    if not isinstance(given, MergedBatch):
        return []
    merged = given.columns
    cuts = [0, *(np.flatnonzero(np.diff(merged.part)) + 1).tolist(), len(merged)]
    return [
        MarketBatch(part, stored=True)
        for start, stop in pairwise(cuts)
        for part in merged.rows(start, stop).parts
    ]
