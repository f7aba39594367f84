"""Merged streams equal a plain sort by arrival, stream and row.

The twin of pack_keys, unpack_keys and merge_runs is `sorted` over tuples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tieout.errors import DataError, InputError
from tieout.market.merging import merged_windows
from tieout.model.columns import TradeColumns


def a_stream(name: str, arrivals: Any) -> TradeColumns:
    arrival = np.asarray(arrivals, np.int64)
    row = np.arange(len(arrival), dtype=np.int64)
    return TradeColumns(name, arrival, arrival, row + 1, row + 1, np.zeros(len(row), np.int8), row)


def pieces(columns: TradeColumns, sizes: Any) -> Any:
    at = 0
    while at < len(columns):
        size = next(sizes)
        yield columns.rows(at, at + size)
        at += size


def merged(streams: list[TradeColumns], draw: Any, window_rows: int) -> list[tuple[int, int, int]]:
    """Return (arrival, stream, row) of every row in the order in which it comes."""
    sizes = [iter(lambda: int(draw.integers(0, 12)), -1) for _ in streams]
    cut = [pieces(*each) for each in zip(streams, sizes, strict=True)]
    found: list[tuple[int, int, int]] = []
    for window in merged_windows(cut, window_rows=window_rows):
        assert len(window) > 0
        assert sum(len(rows) for _, rows in window.slices) == len(window)
        found += zip(
            window.merged("arrival_time_ns").tolist(),
            window.stream.tolist(),
            window.merged("trade_id").tolist(),
            strict=True,
        )
    return found


def plain(streams: list[TradeColumns]) -> list[tuple[int, int, int]]:
    return sorted(
        (arrival, number, row)
        for number, each in enumerate(streams)
        for row, arrival in enumerate(each.arrival_time_ns.tolist())
    )


def random_streams(draw: Any) -> list[TradeColumns]:
    count = int(draw.integers(1, 9))
    far = int(draw.choice([1, 1, 10**9, 2**50]))
    return [
        a_stream(
            f"S{number}",
            np.cumsum(draw.choice([0, 0, 0, 1, 5, 100], int(draw.integers(0, 40)))) * far,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("block", range(2))
def test_merged_streams_equal_a_plain_sort_whatever_the_chunks(block: int) -> None:
    for seed in range(block * 400, block * 400 + 400):
        draw = np.random.default_rng(seed)
        streams = random_streams(draw)
        window_rows = int(draw.choice([1, 3, 20, 1 << 18]))
        assert merged(streams, draw, window_rows) == plain(streams), seed


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(5))
def test_many_merged_streams_equal_a_plain_sort(block: int) -> None:
    for seed in range(10_000 + block * 2000, 12_000 + block * 2000):
        draw = np.random.default_rng(seed)
        streams = random_streams(draw)
        assert merged(streams, draw, int(draw.choice([1, 3, 20, 1 << 18]))) == plain(streams), seed


def test_a_column_in_order_is_the_slices_taken_by_position() -> None:
    window, rest = merged_windows([[a_stream("A", [1, 4, 9])], [a_stream("B", [2, 5])]])

    assert window.column("arrival_time_ns").tolist() == [1, 4, 2, 5]
    assert window.position.tolist() == [0, 2, 1, 3]
    assert window.merged("arrival_time_ns").tolist() == [1, 2, 4, 5]
    assert rest.merged("arrival_time_ns").tolist() == [9]


@pytest.mark.parametrize("chunk", [1, 2, 10])
def test_a_stream_that_goes_backwards_is_refused_wherever_its_chunks_end(chunk: int) -> None:
    broken = a_stream("B", [1, 5, 4, 9])
    cut = [broken.rows(at, at + chunk) for at in range(0, 4, chunk)]

    with pytest.raises(DataError, match="the arrival goes backwards") as refused:
        list(merged_windows([[a_stream("A", [1, 2, 30])], cut]))

    assert refused.value.file == "stream 1 (B)"
    assert refused.value.value == "4 ns after 5 ns"


def test_windows_of_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="windows of 0 rows"):
        merged_windows([], window_rows=0)


def test_no_stream_and_streams_without_rows_give_no_window() -> None:
    assert list(merged_windows([])) == []
    assert list(merged_windows([[], [a_stream("A", [])]])) == []
