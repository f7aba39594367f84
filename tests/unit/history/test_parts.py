"""A data set in several files: cut by size, added to at its end, replaced; its content is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.history.builders import ES, SECOND, T0, left_behind, rows, trade_columns
from tieout.errors import DataError, InputError
from tieout.history import Store, StoredRanges, _writer, ends_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from tieout.history import Dataset
    from tieout.model.columns import TradeColumns


def store_of(folder: Path) -> Store:
    return Store(folder / "store")


def written(folder: Path, columns: TradeColumns, name: str = "set") -> Dataset:
    return store_of(folder).write_trades(name, ES, [columns], source="a test")


def stored(columns: TradeColumns) -> dict[str, np.ndarray]:
    names = ("venue_time_ns", "price_ticks", "quantity_lots", "aggressor", "trade_id")
    return {name: getattr(columns, name) for name in names}


def added(folder: Path, columns: TradeColumns) -> Dataset:
    with store_of(folder).extension("set") as writer:
        writer.append(stored(columns))
        return writer.finish(time_rule="ns")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_writer, "_PART_ROWS", 8)
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 4)


@pytest.mark.usefixtures("small_parts")
def test_a_large_data_set_is_cut_into_files_and_is_the_same_data(tmp_path: Path) -> None:
    columns = trade_columns(range(1, 31))

    made = written(tmp_path, columns)

    assert [each.rows for each in made.meta.parts] == [8, 8, 8, 6]
    assert sorted(each.name for each in made.path.glob("*.parquet")) == [
        "part.parquet", "part_0002.parquet", "part_0003.parquet", "part_0004.parquet",
    ]  # fmt: skip
    assert rows(made, "price_ticks") == list(range(1, 31))
    assert rows(made, "price_ticks", rows=3) == list(range(1, 31))
    store_of(tmp_path).verify("set")


def test_the_fingerprint_does_not_depend_on_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = trade_columns(range(1, 31))
    whole = written(tmp_path, columns, "whole")
    monkeypatch.setattr(_writer, "_PART_ROWS", 7)

    cut = written(tmp_path, columns, "cut")

    assert (len(whole.meta.parts), len(cut.meta.parts)) == (0, 5)
    assert whole.meta.fingerprint == cut.meta.fingerprint


@pytest.mark.usefixtures("small_parts")
def test_a_period_opens_only_the_files_that_it_lies_in(tmp_path: Path) -> None:
    made = written(tmp_path, trade_columns(range(1, 31)))
    for name in ("part.parquet", "part_0004.parquet"):
        (made.path / name).write_bytes(b"damaged")

    found = rows(made, "price_ticks", start_ns=T0 + 9 * SECOND, end_ns=T0 + 24 * SECOND)

    assert found == list(range(9, 25))
    with pytest.raises(DataError, match=r"part_0004.parquet: cannot be read"):
        rows(made, "price_ticks", start_ns=T0 + 9 * SECOND)


@pytest.mark.usefixtures("small_parts")
def test_ends_and_ranges_go_over_the_borders_of_files(tmp_path: Path) -> None:
    made = written(tmp_path, trade_columns(range(1, 31)))

    assert [each["price_ticks"] for each in ends_of(made, 2)] == [1, 2, 29, 30]
    ranges = StoredRanges(made, delay_ns=0)
    found = ranges.rows(T0 + 7 * SECOND, T0 + 18 * SECOND)
    assert found.price_ticks.tolist() == list(range(7, 18))  # type: ignore[union-attr]
    assert ranges.groups_read == 4


def test_a_small_data_set_is_described_as_it_always_was(tmp_path: Path) -> None:
    made = written(tmp_path, trade_columns([401]))

    assert "parts" not in json.loads((made.path / "meta.json").read_text())
    assert made.part == made.path / "part.parquet"


def test_rows_are_added_in_a_file_of_their_own(tmp_path: Path) -> None:
    first = written(tmp_path, trade_columns(range(1, 31)).rows(0, 20))
    before = (first.path / "part.parquet").read_bytes()

    made = added(tmp_path, trade_columns(range(1, 31)).rows(20, 30))

    assert (first.path / "part.parquet").read_bytes() == before
    assert rows(made, "price_ticks") == list(range(1, 31))
    whole = written(tmp_path, trade_columns(range(1, 31)), "whole")
    assert made.meta.fingerprint == whole.meta.fingerprint
    assert store_of(tmp_path).dataset("set").meta == made.meta
    store_of(tmp_path).verify("set")
    assert left_behind(tmp_path) == ["set", "whole"]


def test_who_reads_while_rows_are_added_reads_what_was_there(tmp_path: Path) -> None:
    first = written(tmp_path, trade_columns(range(1, 31)).rows(0, 20))
    reading = first.batches(delay_ns=0, rows=5)
    begun = next(reading)

    added(tmp_path, trade_columns(range(1, 31)).rows(20, 30))

    rest = [int(each) for batch in reading for each in batch.price_ticks]  # type: ignore[union-attr]
    assert [*begun.price_ticks.tolist(), *rest] == list(range(1, 21))  # type: ignore[union-attr]


def test_nothing_is_added_when_it_breaks_off(tmp_path: Path) -> None:
    written(tmp_path, trade_columns(range(1, 21)))

    with store_of(tmp_path).extension("set") as writer:
        writer.append(stored(trade_columns(range(1, 31)).rows(20, 30)))

    assert left_behind(tmp_path) == ["set"]
    assert sorted(each.name for each in (tmp_path / "store" / "set").iterdir()) == [
        "meta.json", "part.parquet",
    ]  # fmt: skip
    store_of(tmp_path).verify("set")


def test_what_a_kill_left_in_the_folder_is_written_over(tmp_path: Path) -> None:
    made = written(tmp_path, trade_columns(range(1, 31)).rows(0, 20))
    (made.path / "part_0002.parquet").write_bytes(b"half of something")

    added(tmp_path, trade_columns(range(1, 31)).rows(20, 30))

    store_of(tmp_path).verify("set")
    assert rows(store_of(tmp_path).dataset("set"), "price_ticks") == list(range(1, 31))


def test_rows_are_not_added_to_damaged_ones(tmp_path: Path) -> None:
    made = written(tmp_path, trade_columns(range(1, 21)))
    other = written(tmp_path, trade_columns(range(2, 22)), "other")
    made.part.write_bytes(other.part.read_bytes())

    with pytest.raises(DataError, match="not what was imported"):
        store_of(tmp_path).extension("set")

    assert left_behind(tmp_path) == ["other", "set"]


def test_nothing_is_added_to_what_changed_meanwhile(tmp_path: Path) -> None:
    made = written(tmp_path, trade_columns(range(1, 21)))
    description = made.path / "meta.json"

    with store_of(tmp_path).extension("set") as writer:
        description.write_text(description.read_text().replace("a test", "another"))
        writer.append(stored(trade_columns(range(1, 31)).rows(20, 30)))
        with pytest.raises(InputError, match="it changed meanwhile; try again"):
            writer.finish(time_rule="ns")

    assert sorted(each.name for each in made.path.iterdir()) == ["meta.json", "part.parquet"]
    assert store_of(tmp_path).dataset("set").meta.source == "another"


def test_two_do_not_add_rows_at_once(tmp_path: Path) -> None:
    written(tmp_path, trade_columns(range(1, 21)))

    with (
        store_of(tmp_path).extension("set"),
        pytest.raises(InputError, match="another process writes to it"),
    ):
        store_of(tmp_path).extension("set")

    added(tmp_path, trade_columns(range(1, 31)).rows(20, 30))


def test_a_replaced_data_set_is_the_new_one_and_its_old_files_are_gone(tmp_path: Path) -> None:
    written(tmp_path, trade_columns(range(1, 21)))
    added(tmp_path, trade_columns(range(1, 31)).rows(20, 30))

    with store_of(tmp_path).replacement("set", "trades", ES, source="again") as writer:
        writer.append(stored(trade_columns(range(5, 12))))
        made = writer.finish(time_rule="ns")

    assert rows(made, "price_ticks") == list(range(5, 12))
    assert [each.file for each in made.meta.parts] == ["part_0003.parquet"]
    assert sorted(each.name for each in made.path.iterdir()) == ["meta.json", "part_0003.parquet"]
    assert made.meta.source == "again"
    store_of(tmp_path).verify("set")


def test_a_replacement_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    before = written(tmp_path, trade_columns(range(1, 21)))

    with store_of(tmp_path).replacement("set", "trades", ES, source="again") as writer:
        writer.append(stored(trade_columns(range(5, 12))))

    assert store_of(tmp_path).dataset("set").meta == before.meta
    store_of(tmp_path).verify("set")
