"""A market of which a venue sees only what trades in its sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.kernel.ports import MarketRecord
    from tieout.model.columns import MarketColumns, RecordedColumns

__all__ = ["SessionMarket"]

Rows = TypeVar("Rows", TradeColumns, BarColumns)


class SessionMarket:
    """Passes a record on without the rows between sessions: nothing is matched on them.

    A print belongs to a session when it is in [open, close), a bar when a part of it is.

    Args:
        record: Trades or bars.
        sessions: Pairs [open, close) in venue time, ascending.
    """

    def __init__(self, record: MarketRecord, sessions: Sequence[tuple[int, int]]) -> None:
        self._record = record
        self._opens = np.array([each[0] for each in sessions], np.int64)
        self._closes = np.array([each[1] for each in sessions], np.int64)

    def fetch(self, until_ns: int) -> MarketColumns | RecordedColumns | None:
        """Return the next rows in sessions, which may be none of a chunk; None when none came."""
        rows = self._record.fetch(until_ns)
        if isinstance(rows, TradeColumns):
            return _kept(rows, self._holds(rows.venue_time_ns, rows.venue_time_ns + 1))
        if isinstance(rows, BarColumns):
            return _kept(rows, self._holds(rows.open_time_ns, rows.close_time_ns))
        return rows

    def _holds(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which spans [begin, end) meet a session."""
        # The first session that closes after a span's begin must open before its end.
        place = np.searchsorted(self._closes, begins, "right")
        there = place < len(self._opens)
        opens = self._opens[np.minimum(place, len(self._opens) - 1)]
        return there & (opens < ends)


def _kept(columns: Rows, holds: NDArray[np.bool_]) -> Rows:
    if holds.all():
        return columns
    chosen: dict[str, Any] = {
        name: getattr(columns, name)[holds]
        for name in type(columns).__slots__
        if isinstance(getattr(columns, name), np.ndarray)
    }
    return replace(columns, **chosen)
