"""A market that arrives while it is traded: rows are appended as the feed brings them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tieout.model.columns import MarketColumns

__all__ = ["LiveMarket"]


class LiveMarket:
    """Rows in order of arrival, given once each."""

    def __init__(self) -> None:
        self._rows: deque[MarketColumns] = deque()

    def append(self, columns: MarketColumns) -> None:
        """Take rows that have just arrived."""
        self._rows.append(columns)

    def fetch(self, until_ns: int) -> MarketColumns | None:
        """Return the next rows, or None when none with arrival ≤ until are there yet."""
        if not self._rows or int(self._rows[0].arrival_time_ns[0]) > until_ns:
            return None
        return self._rows.popleft()
