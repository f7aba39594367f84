"""A data set is written whole or not at all, and read as it was written."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.history.builders import (
    ES,
    MINUTE,
    SECOND,
    SYMBOL,
    T0,
    bar_columns,
    left_behind,
    rows,
    trade_columns,
)
from tieout.errors import DataError, InputError
from tieout.history import Store, _writer, dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tieout.history import Dataset
    from tieout.model.columns import TradeColumns
    from tieout.model.instruments import Instrument


def write(
    folder: Path, *chunks: TradeColumns, name: str = "set", instrument: Instrument = ES
) -> Dataset:
    return Store(folder / "store").write_trades(name, instrument, chunks, source="a test")


def test_trades_are_read_as_they_were_written(tmp_path: Path) -> None:
    columns = trade_columns([401, 402, 399])
    made = write(tmp_path, columns)

    (batch,) = made.batches(delay_ns=7)

    for name in ("venue_time_ns", "price_ticks", "quantity_lots", "aggressor", "trade_id"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(columns, name))
        assert getattr(batch, name).dtype == getattr(columns, name).dtype
    np.testing.assert_array_equal(batch.arrival_time_ns, columns.venue_time_ns + 7)
    assert batch.instrument == SYMBOL
    assert (made.meta.first_time_ns, made.meta.last_time_ns) == (T0 + SECOND, T0 + 3 * SECOND)
    assert Store(tmp_path / "store").dataset("set").meta == made.meta


def test_bars_are_read_as_they_were_written(tmp_path: Path) -> None:
    columns = bar_columns([401, 402], delay_ns=5)
    store = Store(tmp_path / "store")
    made = store.write_bars("set", ES, MINUTE, [columns], source="a test")

    (batch,) = made.batches(delay_ns=5)

    for name in columns.__slots__:
        np.testing.assert_array_equal(getattr(batch, name), getattr(columns, name))
    store.verify("set")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    prices=st.lists(st.integers(1, 400_000), min_size=1, max_size=60),
    written=st.integers(1, 60),
    read=st.integers(1, 60),
)
def test_the_fingerprint_and_what_is_read_do_not_depend_on_chunks(
    tmp_path: Path, prices: list[int], written: int, read: int
) -> None:
    whole = trade_columns(prices)
    name = f"s{len(left_behind(tmp_path))}"
    pieces = [whole.rows(at, at + written) for at in range(0, len(whole), written)]

    made = write(tmp_path, *pieces, name=name)
    again = write(tmp_path, whole, name=name + "x")

    assert made.meta.fingerprint == again.meta.fingerprint
    assert rows(made, "price_ticks", rows=read) == prices
    longer = write(tmp_path, trade_columns([*prices, 1]), name=name + "y")
    assert longer.meta.fingerprint != made.meta.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"tick_size": Decimal("0.5")},
        {"lot_size": Decimal(1)},
        {"multiplier": Decimal(50)},
        {"currency": "EUR"},
    ],
)
def test_what_the_integers_mean_is_part_of_the_fingerprint(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    columns = trade_columns([401])
    one = write(tmp_path, columns)
    other = write(tmp_path, columns, name="b", instrument=msgspec.structs.replace(ES, **change))
    assert one.meta.fingerprint != other.meta.fingerprint


def test_what_the_venue_allows_is_not_part_of_the_fingerprint(tmp_path: Path) -> None:
    columns = trade_columns([401])
    strict = msgspec.structs.replace(ES, min_lots=5, tick_size=Decimal("0.250"))
    one = write(tmp_path, columns)
    other = write(tmp_path, columns, name="b", instrument=strict)
    assert one.meta.fingerprint == other.meta.fingerprint


def test_only_rows_that_arrive_in_the_period_are_read(tmp_path: Path) -> None:
    made = write(tmp_path, trade_columns(range(1, 11)))

    def read(**period: int) -> list[int]:
        return rows(made, "price_ticks", delay_ns=100, rows=3, **period)

    third, fifth = T0 + 3 * SECOND + 100, T0 + 5 * SECOND + 100
    assert read(start_ns=third, end_ns=fifth) == [3, 4, 5]
    assert read(start_ns=third + 1, end_ns=fifth - 1) == [4]
    assert read(start_ns=third)[0] == 3
    assert read(end_ns=fifth)[-1] == 5
    assert read(start_ns=T0 + 60 * SECOND) == []
    assert read(end_ns=T0) == []


def test_row_groups_outside_of_the_period_are_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 2)
    made = write(tmp_path, trade_columns(range(1, 11)))
    part = made.path / "part.parquet"
    with pq.ParquetFile(part) as file:
        assert file.metadata.num_row_groups == 5
        group = file.metadata.row_group(0).column(0)
        damaged = slice(group.data_page_offset, group.data_page_offset + 8)
    content = bytearray(part.read_bytes())
    content[damaged] = b"\xff" * 8
    part.write_bytes(content)

    assert rows(made, "price_ticks", start_ns=T0 + 3 * SECOND) == list(range(3, 11))
    assert rows(made, "price_ticks", start_ns=T0 + 4 * SECOND) == list(range(4, 11))
    period = {"start_ns": T0 + 4 * SECOND, "end_ns": T0 + 5 * SECOND}
    assert rows(made, "price_ticks", **period) == [4, 5]
    with pytest.raises(DataError, match="cannot be read"):
        rows(made, "price_ticks")


@pytest.mark.parametrize("options", [{"delay_ns": -1}, {"delay_ns": 0, "rows": 0}])
def test_a_reading_that_cannot_be_is_refused_at_once(
    tmp_path: Path, options: dict[str, int]
) -> None:
    made = write(tmp_path, trade_columns([401]))
    with pytest.raises(InputError, match="must be"):
        made.batches(**options)


BAD_TRADES = {
    "price": ({"price_ticks": [401, 0]}, "price is not positive"),
    "quantity": ({"quantity_lots": [1, -1]}, "quantity is not positive"),
    "time": ({"venue_time_ns": [T0, T0 - 1]}, "time goes backwards"),
    "id": ({"trade_id": [5, 4]}, "ids do not ascend"),
    "id twice": ({"trade_id": [5, 5]}, "was there already"),
    "side": ({"aggressor": [1, 2]}, "no side"),
}


@pytest.mark.parametrize("case", BAD_TRADES)
@pytest.mark.parametrize("apart", [False, True])
def test_trades_that_cannot_be_right_are_not_written(
    tmp_path: Path, case: str, apart: bool
) -> None:
    change, problem = BAD_TRADES[case]
    arrays: dict[str, Any] = {name: np.array(values, np.int64) for name, values in change.items()}
    columns = replace(trade_columns([401, 402]), **arrays)
    chunks = [columns.rows(0, 1), columns.rows(1, 2)] if apart else [columns]

    with pytest.raises(DataError, match=problem) as refused:
        write(tmp_path, *chunks)

    assert refused.value.row == 2
    assert left_behind(tmp_path) == []


BAD_BARS = {
    "length": ({"close_time_ns": [T0 + MINUTE, T0 + 3 * MINUTE]}, "another length"),
    "high": ({"high_ticks": [401, 400]}, "high is below low"),
    "close": ({"close_ticks": [401, 500]}, "close lies outside"),
    "volume": ({"volume_lots": [0, -1]}, "volume is negative"),
}


@pytest.mark.parametrize("case", BAD_BARS)
def test_bars_that_cannot_be_right_are_not_written(tmp_path: Path, case: str) -> None:
    change, problem = BAD_BARS[case]
    arrays: dict[str, Any] = {name: np.array(values, np.int64) for name, values in change.items()}
    columns = replace(bar_columns([401, 401]), **arrays)

    with pytest.raises(DataError, match=problem) as refused:
        Store(tmp_path / "store").write_bars("set", ES, MINUTE, [columns], source="a test")

    assert refused.value.row == 2
    assert left_behind(tmp_path) == []


def test_a_revised_bar_is_not_written(tmp_path: Path) -> None:
    columns = replace(bar_columns([401, 401]), revision=np.array([0, 1]))
    with pytest.raises(DataError, match="is a revision"):
        Store(tmp_path / "store").write_bars("set", ES, MINUTE, [columns], source="a test")
    assert left_behind(tmp_path) == []


def test_columns_of_something_else_are_not_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for columns in (bar_columns([1], instrument="NQ"), bar_columns([1], interval_ns=SECOND)):
        with pytest.raises(InputError, match="do not belong"):
            store.write_bars("set", ES, MINUTE, [columns], source="a test")
    with pytest.raises(InputError, match="do not belong"):
        store.write_trades("set", ES, [replace(trade_columns([1]), instrument="NQ")], source="x")
    with pytest.raises(InputError, match="interval 0 ns"):
        store.write_bars("set", ES, 0, [bar_columns([1])], source="a test")
    with pytest.raises(InputError, match="kind 'ticks'"):
        store.write("set", "ticks", ES, [], source="a test")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", ".hidden", "-x", "a b", "é", "a" * 101, "a\n"]
)
def test_names_that_are_no_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        write(tmp_path, trade_columns([401]), name=name)
    with pytest.raises(InputError, match="no data set"):
        Store(tmp_path / "store").dataset(name)


def test_a_name_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path, trade_columns([401]))
    with pytest.raises(InputError, match="exists"):
        write(tmp_path, trade_columns([402]))


def test_a_name_taken_while_writing_is_not_overwritten(tmp_path: Path) -> None:
    def slow() -> Iterator[TradeColumns]:
        write(tmp_path, trade_columns([401]))
        yield trade_columns([402])

    with pytest.raises(InputError, match="made meanwhile"):
        Store(tmp_path / "store").write_trades("set", ES, slow(), source="a test")

    assert rows(Store(tmp_path / "store").dataset("set"), "price_ticks") == [401]
    assert left_behind(tmp_path) == ["set"]


def test_nothing_is_left_of_a_writing_that_was_broken_off(tmp_path: Path) -> None:
    def broken() -> Iterator[TradeColumns]:
        yield trade_columns([401])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path / "store").write_trades("set", ES, broken(), source="a test")
    with pytest.raises(DataError, match="no row"):
        Store(tmp_path / "store").write_trades("set", ES, [], source="a test")

    assert left_behind(tmp_path) == []


def test_a_data_set_under_way_is_not_listed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.names() == []
    with store.writer("set", "trades", ES, source="a test") as writer:
        half = tmp_path / "store" / left_behind(tmp_path)[0]
        (half / "meta.json").write_text("{}")
        assert store.names() == []
        writer.append({name: np.array([1]) for name in writer.columns})
        writer.finish(time_rule="given")
    assert store.names() == ["set"]


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("write_table", "close"):
        with monkeypatch.context() as patch:
            patch.setattr(pq.ParquetWriter, name, full)
            with pytest.raises(InputError, match="No space left on device"):
                write(tmp_path, trade_columns([401]))
        assert left_behind(tmp_path) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left on device"):
            write(tmp_path, trade_columns([401]))
    assert left_behind(tmp_path) == []


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    assert Store(tmp_path / "store").names() == []
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path, trade_columns([401]))


def test_any_changed_byte_of_the_rows_is_noticed(tmp_path: Path) -> None:
    made = write(tmp_path, trade_columns(range(1, 200)))
    part = made.path / "part.parquet"
    good = part.read_bytes()
    with pq.ParquetFile(part) as file:
        group = file.metadata.row_group(0)
        places = [group.column(each).data_page_offset + 40 for each in range(5)]
    for place in places:
        content = bytearray(good)
        content[place] ^= 1
        part.write_bytes(content)
        with pytest.raises(DataError):
            made.verify()


def test_a_part_that_is_gone_or_no_parquet_is_named(tmp_path: Path) -> None:
    made = write(tmp_path, trade_columns([401]))
    part = made.path / "part.parquet"
    part.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read") as refused:
        rows(made, "price_ticks")
    assert refused.value.file == str(part)
    part.unlink()
    with pytest.raises(DataError, match="Import the data again"):
        made.verify()


def test_a_damaged_description_and_an_unknown_set_are_named(tmp_path: Path) -> None:
    made = write(tmp_path, trade_columns([401]))
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="there are: set"):
        store.dataset("other")
    (made.path / "meta.json").write_text("{}")
    with pytest.raises(DataError, match="Import the data again"):
        store.dataset("set")


def test_columns_that_nobody_looks_at_are_0_and_the_rest_as_it_was_written(tmp_path: Path) -> None:
    columns = trade_columns([401, 402, 399, 400])
    made = write(tmp_path, columns)

    (batch,) = made.batches(
        delay_ns=7, start_ns=T0 + 2 * SECOND, only=("price_ticks", "quantity_lots")
    )

    expected = columns.rows(1, 4)
    for name in ("venue_time_ns", "price_ticks", "quantity_lots"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(expected, name))
    np.testing.assert_array_equal(batch.arrival_time_ns, expected.venue_time_ns + 7)
    assert isinstance(batch, type(columns))
    assert not batch.trade_id.any()
    assert not batch.aggressor.any()
    assert batch.trade_id.dtype == np.int64
    assert batch.aggressor.dtype == np.int8
    assert not batch.trade_id.flags.writeable


def test_of_bars_every_column_is_read_whatever_is_looked_at(tmp_path: Path) -> None:
    columns = bar_columns([401, 402], delay_ns=5)
    made = Store(tmp_path / "store").write_bars("set", ES, MINUTE, [columns], source="a test")

    (batch,) = made.batches(delay_ns=5, only=("close_ticks",))

    np.testing.assert_array_equal(batch.volume_lots, columns.volume_lots)


@pytest.mark.parametrize("at_a_time", [1, 2, 16])
@pytest.mark.parametrize("batch_rows", [3, 8, 1_000])
def test_rows_come_once_and_in_order_however_many_groups_are_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int, batch_rows: int
) -> None:
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 8)
    monkeypatch.setattr(dataset, "_GROUPS_AT_A_TIME", at_a_time)
    columns = trade_columns(list(range(400, 475)))
    made = write(tmp_path, columns)
    assert pq.ParquetFile(made.part).metadata.num_row_groups == 10

    whole = rows(made, "price_ticks", delay_ns=0, rows=batch_rows)
    part = rows(
        made,
        "price_ticks",
        delay_ns=0,
        rows=batch_rows,
        start_ns=T0 + 20 * SECOND,
        end_ns=T0 + 61 * SECOND,
    )

    assert whole == list(range(400, 475))
    assert part == list(range(419, 461))


def test_reading_takes_no_more_memory_when_the_file_is_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 4_096)
    draw = np.random.default_rng(1)

    def most_bytes(count: int) -> int:
        made = write(
            tmp_path, trade_columns(draw.integers(400, 4_000_000, count)), name=f"s{count}"
        )
        before = pa.total_allocated_bytes()
        return max(
            pa.total_allocated_bytes() - before for _ in made.batches(delay_ns=0, rows=4_096)
        )

    # How much of the next piece is there already, is a matter of the moment.
    assert most_bytes(800_000) < 2 * most_bytes(100_000)


def test_a_file_whose_columns_may_have_holes_is_read_as_before(tmp_path: Path) -> None:
    columns = trade_columns([401, 402, 399])
    made = write(tmp_path, columns)
    table = pq.read_table(made.part)
    assert not any(field.nullable for field in table.schema)

    pq.write_table(
        table.cast(pa.schema([pa.field(each, pa.int64()) for each in table.column_names])),
        made.part,
    )

    made.verify()
    assert rows(made, "price_ticks", delay_ns=0) == [401, 402, 399]
