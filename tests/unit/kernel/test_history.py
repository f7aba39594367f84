"""The past of bars: each once, in its newest version, whatever was revised and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.worlds import MINUTE, T0, bars, single_events
from tieout.kernel.history import newest_bars
from tieout.model.events import Bar


def seen(rows: list[tuple[int, int, int]]) -> list[Bar]:
    """Return bars of which each is (minute, close, revision)."""
    whole = bars([close for _, close, _ in rows])
    places = np.array([minute for minute, _, _ in rows], np.int64)
    columns = replace(
        whole,
        open_time_ns=T0 + MINUTE * places,
        close_time_ns=T0 + MINUTE * (places + 1),
        revision=np.array([revision for _, _, revision in rows], np.int64),
    )
    return [each for each in single_events(columns) if isinstance(each, Bar)]


def closes(found: list[Bar]) -> list[int]:
    return [each.close_ticks for each in found]


@pytest.mark.parametrize(
    ("rows", "count", "wanted"),
    [
        ([(0, 1, 0), (1, 2, 0), (2, 3, 0)], 2, [2, 3]),
        ([(0, 1, 0), (1, 2, 0), (0, 9, 1)], 2, [9, 2]),
        ([(0, 1, 0), (1, 2, 0), (2, 3, 0), (0, 9, 1)], 2, [2, 3]),
        ([(0, 1, 0), (0, 8, 1), (0, 9, 2), (1, 2, 0)], 5, [9, 2]),
        ([(0, 1, 0), (2, 3, 0), (1, 2, 1)], 2, [2, 3]),
        ([(1, 2, 0), (0, 1, 0)], 2, [1, 2]),
        ([], 3, []),
    ],
)
def test_the_last_bars_by_time_are_given_as_they_were_last_known(
    rows: list[tuple[int, int, int]], count: int, wanted: list[int]
) -> None:
    assert closes(newest_bars(seen(rows), count, 0.25)) == wanted


@pytest.mark.parametrize("count", [1, 3, 299, 700])
@pytest.mark.parametrize("chunk", [1, 7, 1_000])
def test_columns_and_single_bars_are_one_past(count: int, chunk: int) -> None:
    columns = bars(list(range(400, 1_000)))
    parts = [columns.rows(at, at + chunk) for at in range(0, 600, chunk)]
    single = list(single_events(bars([7, 8], start_ns=T0 + 600 * MINUTE)))
    found = newest_bars([*parts, *single], count, 0.25)  # type: ignore[list-item]
    assert closes(found) == [*range(400, 1_000), 7, 8][-count:]
