"""A market that arrives while it is traded: what is stored of it, then the rows the feed brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.adapters.feeds.rows import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tieout.model.columns import MarketColumns
    from tieout.model.events import Bar, Trade

__all__ = ["LiveMarket"]


class LiveMarket:
    """Rows in order of arrival, given once each.

    Args:
        before: What was known when the run started, so that volume and volatility have a past.
    """

    def __init__(self, before: Iterable[MarketColumns] = ()) -> None:
        self._before = iter(before)
        self._rows: list[Trade | Bar] = []

    def __len__(self) -> int:
        """Return how many rows wait to be fetched, the stored ones not counted."""
        return len(self._rows)

    def append(self, row: Trade | Bar) -> None:
        """Take a row that has just arrived."""
        self._rows.append(row)

    def fetch(self, until_ns: int) -> MarketColumns | None:
        """Return the next rows, or None when none with arrival ≤ until are there yet."""
        stored = next(self._before, None)
        if stored is not None:
            return stored
        if not self._rows or self._rows[0].arrival_time_ns > until_ns:
            return None
        rows, self._rows = self._rows, []
        return columns_of(rows)  # type: ignore[arg-type]  # One stream, so one type.
