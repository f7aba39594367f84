"""Stored rows by time: only the row groups that a range lies in are read, and few are kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tieout.errors import InputError
from tieout.history.dataset import COLUMNS, TIME_COLUMN, parts_of
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from tieout.history.dataset import Dataset
    from tieout.model.columns import MarketColumns

    Int64s = NDArray[np.int64]

__all__ = ["StoredRanges"]

_GROUPS_KEPT: Final = 3


class StoredRanges:
    """A data set that is asked for rows of a time, in any order, with memory that does not grow.

    Args:
        dataset: Trades or bars.
        delay_ns: Arrival minus trade time, or minus the close of a bar; not negative.

    Attributes:
        interval_ns: Length of a bar; 0 for trades.
        first_ns: Open of the first bar, or time of the first print.
        last_ns: Close of the last bar, or time of the last print.
        groups_read: Row groups decoded so far, those read again included.

    Raises:
        InputError: The delay is negative, or there are no rows.
        DataError: The file is damaged.
    """

    def __init__(self, dataset: Dataset, *, delay_ns: int) -> None:
        meta = dataset.meta
        if delay_ns < 0 or not meta.rows:
            raise InputError(
                f"{meta.name}: delay_ns {delay_ns} must be 0 or more, rows {meta.rows} 1 or more"
            )
        self._dataset = dataset
        self._delay_ns = delay_ns
        self.interval_ns = meta.interval_ns
        self.first_ns = meta.first_time_ns - meta.interval_ns
        self.last_ns = meta.last_time_ns
        self.groups_read = 0
        self._names = COLUMNS[meta.kind]
        self._time = TIME_COLUMN[meta.kind]
        self._groups: list[tuple[str, pq.ParquetFile, int]] = []
        self._first, self._last = self._bounds()
        self._kept: OrderedDict[int, MarketColumns] = OrderedDict()

    def rows(self, from_ns: int, to_ns: int) -> MarketColumns:
        """Return the prints in [from, to), or the bars that open and close within, in order.

        Raises:
            DataError: The file is damaged.
        """
        # Stored by the close of a bar: it opens one interval earlier.
        low_ns, high_ns = from_ns + self.interval_ns, to_ns if self.interval_ns else to_ns - 1
        first = int(np.searchsorted(self._last, low_ns, "left"))
        stop = int(np.searchsorted(self._first, high_ns, "right"))
        parts = [self._part(group, low_ns, high_ns) for group in range(first, stop)]
        if not parts:
            return self._group(0).rows(0, 0)
        whole = parts[0] if len(parts) == 1 else _joined(parts)
        return _last_versions(whole) if self._dataset.meta.revised else whole

    def _part(self, group: int, low_ns: int, high_ns: int) -> MarketColumns:
        columns = self._group(group)
        times = (
            columns.venue_time_ns if isinstance(columns, TradeColumns) else columns.close_time_ns
        )
        start = int(times.searchsorted(low_ns, "left"))
        return columns.rows(start, max(start, int(times.searchsorted(high_ns, "right"))))

    def _group(self, group: int) -> MarketColumns:
        """Return a row group, from the few that are kept or from the file."""
        kept = self._kept.get(group)
        if kept is not None:
            self._kept.move_to_end(group)
            return kept
        file, opened, place = self._groups[group]
        try:
            table = opened.read_row_group(place, columns=list(self._names), use_threads=False)
            stored = {name: table.column(name).to_numpy() for name in self._names}
        except (pa.ArrowException, OSError, KeyError) as error:
            raise self._dataset.damaged(file, error) from error
        self.groups_read += 1
        self._kept[group] = columns = self._dataset.columns(stored, delay_ns=self._delay_ns)
        if len(self._kept) > _GROUPS_KEPT:
            self._kept.popitem(last=False)
        return columns

    def _bounds(self) -> tuple[Int64s, Int64s]:
        """Open every file, note its row groups, and return first and last time of each."""
        bounds = []
        for part in parts_of(self._dataset.meta):
            try:
                opened = self._dataset.opened(part.file)
            except (pa.ArrowException, OSError) as error:
                raise self._dataset.damaged(part.file, error) from error
            place = opened.schema_arrow.get_field_index(self._time)
            for group in range(opened.metadata.num_row_groups):
                times = opened.metadata.row_group(group).column(place).statistics
                if times is None:
                    raise self._dataset.damaged(part.file, "no statistics of the times")
                self._groups.append((part.file, opened, group))
                bounds.append((times.min, times.max))
        first, last = zip(*bounds, strict=True)
        return np.array(first, np.int64), np.array(last, np.int64)


def _last_versions(columns: MarketColumns) -> MarketColumns:
    assert isinstance(columns, BarColumns), columns.instrument
    closes = columns.close_time_ns
    if not len(closes):
        return columns
    last = np.concatenate((closes[1:] != closes[:-1], [True]))
    chosen: dict[str, Any] = {
        name: getattr(columns, name)[last]
        for name in BarColumns.__slots__
        if isinstance(getattr(columns, name), np.ndarray)
    }
    return replace(columns, **chosen)


def _joined(parts: list[MarketColumns]) -> MarketColumns:
    first = parts[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in type(first).__slots__
        if isinstance(getattr(first, name), np.ndarray)
    }
    return replace(first, **columns)
