"""Merged rows, told as the batches of one stream each that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.ports import MarketBatch, MergedBatch

if TYPE_CHECKING:
    from tieout.kernel.ports import Inputs


def batches_of(given: MarketBatch | MergedBatch | Inputs) -> list[MarketBatch]:
    """Return the market rows of an answer of a source, each batch as long as one stream goes on."""
    if isinstance(given, MarketBatch):
        return [given]
    if not isinstance(given, MergedBatch):
        return []
    return [MarketBatch(rows, stored=True) for rows in given.columns.one_by_one()]
