"""Stored rows by time: what is asked for, and no more than that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.worlds import ES, MINUTE, SECOND, T0, bars, trades
from tieout.errors import DataError, InputError
from tieout.history import Store, StoredRanges

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history import Dataset

ROWS = 1_000


@pytest.fixture
def stored(tmp_path: Path) -> Dataset:
    """A thousand prints in row groups of a hundred."""
    store = Store(tmp_path)
    rows = trades([400 + row % 7 for row in range(ROWS)])
    made = store.write_trades("ticks", ES, [rows], source="made up")
    pq.write_table(pq.read_table(made.part), made.part, row_group_size=100)
    return made


@pytest.mark.parametrize(
    ("first", "last"), [(0, 5), (95, 105), (100, 100), (250, 730), (999, 1_200), (-50, 3)]
)
def test_prints_from_a_time_up_to_another_come_in_order(
    stored: Dataset, first: int, last: int
) -> None:
    ranges = StoredRanges(stored, delay_ns=7)

    rows = ranges.rows(T0 + first * SECOND, T0 + last * SECOND)

    when = T0 + SECOND * np.arange(1, ROWS + 1)
    wanted = when[(when >= T0 + first * SECOND) & (when < T0 + last * SECOND)]
    assert rows.venue_time_ns.tolist() == wanted.tolist()  # type: ignore[union-attr]
    assert (rows.arrival_time_ns - wanted == 7).all()


def test_only_the_row_groups_of_the_time_are_read_and_few_are_kept(stored: Dataset) -> None:
    ranges = StoredRanges(stored, delay_ns=0)

    for _ in range(3):
        ranges.rows(T0 + 410 * SECOND, T0 + 420 * SECOND)
    assert ranges.groups_read == 1
    ranges.rows(T0, T0 + ROWS * SECOND)
    ranges.rows(T0 + 410 * SECOND, T0 + 420 * SECOND)

    # The long range pushed out what was kept, and the first one was read again after it.
    assert ranges.groups_read == 1 + 10 + 1
    assert len(ranges._kept) == 3


def test_bars_open_and_close_within_the_time(tmp_path: Path) -> None:
    columns = bars([400, 401, 402, 403])
    stored = Store(tmp_path).write_bars("bars", ES, MINUTE, [columns], source="made up")
    ranges = StoredRanges(stored, delay_ns=0)

    within = ranges.rows(T0 + 1, T0 + 3 * MINUTE)

    assert within.open_time_ns.tolist() == [T0 + MINUTE, T0 + 2 * MINUTE]  # type: ignore[union-attr]
    assert (ranges.first_ns, ranges.last_ns) == (T0, T0 + 4 * MINUTE)
    assert ranges.interval_ns == MINUTE
    assert len(ranges.rows(T0 + 1, T0 + MINUTE)) == 0


def test_a_negative_delay_is_refused(stored: Dataset) -> None:
    with pytest.raises(InputError, match="delay_ns -1"):
        StoredRanges(stored, delay_ns=-1)


def test_a_damaged_file_is_named(stored: Dataset) -> None:
    ranges = StoredRanges(stored, delay_ns=0)
    stored.part.write_bytes(b"PAR1" + bytes(200))
    with pytest.raises(DataError, match="cannot be read"):
        StoredRanges(stored, delay_ns=0)
    with pytest.raises(DataError, match="cannot be read"):
        ranges.rows(T0 + 10 * SECOND, T0 + 20 * SECOND)


def test_a_file_without_statistics_is_named(stored: Dataset) -> None:
    pq.write_table(pq.read_table(stored.part), stored.part, write_statistics=False)
    with pytest.raises(DataError, match="no statistics"):
        StoredRanges(stored, delay_ns=0)
