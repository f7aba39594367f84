"""Row groups are decoded once for all who read together, and what failed is tried again."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.history.builders import ES, trade_columns
from tieout.errors import DataError
from tieout.history import Store, _pieces, _writer

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history import Dataset


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Return trades in ten pieces of two row groups."""
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 10)
    return Store(tmp_path).write_trades("set", ES, [trade_columns(range(1, 201))], source="made")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], str]]:
    """Return what has been decoded so far: row groups and column."""
    found: list[tuple[tuple[int, ...], str]] = []
    really = _pieces._decoded

    def noted(file: object, groups: tuple[int, ...], columns: list[str]) -> object:
        found.extend((groups, each) for each in columns)
        return really(file, groups, columns)

    monkeypatch.setattr(_pieces, "_decoded", noted)
    return found


def test_two_who_read_together_decode_each_column_once(
    made: Dataset, decoded: list[tuple[tuple[int, ...], str]]
) -> None:
    matched = made.batches(delay_ns=0, only=("price_ticks",))
    seen = made.batches(delay_ns=0)

    pairs = list(zip(matched, seen, strict=True))

    assert len(decoded) == len(set(decoded)) == 10 * 5
    assert all(np.array_equal(one.price_ticks, other.price_ticks) for one, other in pairs)  # type: ignore[union-attr]


def test_one_who_is_far_behind_gets_the_same_rows(made: Dataset) -> None:
    ahead = list(made.batches(delay_ns=0))
    behind = made.batches(delay_ns=0)
    first = next(behind)
    again = list(made.batches(delay_ns=0))

    rest = [first, *behind]

    wanted = list(range(1, 201))
    for each in (ahead, again, rest):
        assert [int(price) for batch in each for price in batch.price_ticks] == wanted  # type: ignore[union-attr]


def test_only_what_is_read_soon_is_decoded(
    made: Dataset, decoded: list[tuple[tuple[int, ...], str]]
) -> None:
    reading = made.batches(delay_ns=0, only=("price_ticks",))
    next(reading)
    reading.close()  # type: ignore[attr-defined]

    assert {groups for groups, _ in decoded} <= {(0, 1), (2, 3)}


def test_what_failed_is_decoded_anew_the_next_time(
    made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_pieces, "_decoded", _fails)
        with pytest.raises(DataError, match="cannot be read"):
            list(made.batches(delay_ns=0))

    assert sum(len(batch) for batch in made.batches(delay_ns=0)) == 200


def test_readers_that_are_given_up_leave_no_thread_and_wait_for_none(
    made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = threading.active_count()
    readings = [made.batches(delay_ns=0) for _ in range(20)]
    for each in readings:
        next(each)

    assert threading.active_count() <= before + 1
    monkeypatch.setattr(threading.Thread, "join", _refused)
    readings.clear()
    gc.collect()
    assert sum(len(batch) for batch in made.batches(delay_ns=0)) == 200


def _refused(*_: object) -> None:
    raise AssertionError("a thread was joined: where one is being started that waits for ever")


def test_a_forked_process_reads_with_a_thread_of_its_own(made: Dataset) -> None:
    assert sum(len(batch) for batch in made.batches(delay_ns=0)) == 200

    code = 1
    with warnings.catch_warnings():
        # Later versions warn of a fork beside threads, which is what is tried here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            code = int(sum(len(batch) for batch in made.batches(delay_ns=0)) != 200)
        finally:
            os._exit(code)

    _, status = os.waitpid(child, 0)
    assert status == 0


def _fails(*_: object) -> object:
    raise OSError("the line broke")
