"""A store in object storage is the same store: whole data sets, the same fingerprints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import fs

from tests.support.object_server import ObjectServer
from tests.unit.history.builders import ES, SECOND, T0, rows, trade_columns
from tests.unit.history.test_parts import stored
from tieout.errors import DataError, InputError
from tieout.history import Store, StoredRanges, _writer, ends_of
from tieout.history.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tieout.model.columns import TradeColumns


pytestmark = pytest.mark.slow


@pytest.fixture
def server(keys: None) -> Iterator[ObjectServer]:
    with ObjectServer() as running:
        yield running


def impatient(port: int) -> Store:
    """Return a store whose client asks once, so that a test need not wait for its pauses."""
    filesystem = fs.S3FileSystem(
        scheme="http",
        region="us-east-1",
        endpoint_override=f"127.0.0.1:{port}",
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )
    place = Objects(filesystem, "bucket/data", "s3://bucket/data")
    return Store("s3://bucket/data", place=place)


def in_memory(_: Path) -> Store:
    filesystem = fs._MockFileSystem()
    filesystem.create_dir("bucket")
    return Store("mock://bucket/data", place=Objects(filesystem, "bucket/data", "mock://bucket"))


def in_a_subtree(folder: Path) -> Store:
    tree = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    return Store("tree://data", place=Objects(tree, "data", "tree://data"))


def by_file_url(folder: Path) -> Store:
    return Store((folder / "data").as_uri())


PLACES = {"memory": in_memory, "subtree": in_a_subtree, "file": by_file_url}


def write(store: Store, columns: TradeColumns, name: str = "set") -> str:
    return store.write_trades(name, ES, [columns], source="a test").meta.fingerprint


@pytest.fixture(params=[*PLACES, "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return Store(request.getfixturevalue("server").url("some/where"))
    return PLACES[request.param](tmp_path)


def test_what_is_written_is_read_listed_and_verified(store: Store, tmp_path: Path) -> None:
    assert store.names() == []
    columns = trade_columns(range(1, 200))

    fingerprint = write(store, columns)

    made = store.dataset("set")
    assert store.names() == ["set"]
    assert rows(made, "price_ticks") == list(range(1, 200))
    assert [each["price_ticks"] for each in ends_of(made, 1)] == [1, 199]
    assert sum(made.files.sizes().values()) > 1_000
    assert fingerprint == write(Store(tmp_path / "local"), columns)
    store.verify("set")


def test_a_large_data_set_is_cut_added_to_and_replaced(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_writer, "_PART_ROWS", 30)
    columns = trade_columns(range(1, 101))
    write(store, columns.rows(0, 80))

    with store.extension("set") as writer:
        writer.append(stored(columns.rows(80, 100)))
        made = writer.finish(time_rule="ns")

    assert made.meta.fingerprint == write(Store(tmp_path / "local"), columns)
    assert rows(store.dataset("set"), "price_ticks") == list(range(1, 101))
    ranges = StoredRanges(store.dataset("set"), delay_ns=0)
    within = ranges.rows(T0 + 25 * SECOND, T0 + 65 * SECOND)
    assert within.price_ticks.tolist() == list(range(25, 65))  # type: ignore[union-attr]
    store.verify("set")
    with store.replacement("set", "trades", ES, source="again") as writer:
        writer.append(stored(columns.rows(0, 5)))
        writer.finish(time_rule="ns")
    assert rows(store.dataset("set"), "price_ticks") == [1, 2, 3, 4, 5]
    description, *parts = sorted(store.dataset("set").files.sizes())
    assert (description, len(parts), parts[0][:9]) == ("meta.json", 1, "part_0005")


def test_a_name_is_never_overwritten(store: Store) -> None:
    write(store, trade_columns([401]))

    with pytest.raises(InputError, match="a data set 'set' exists"):
        write(store, trade_columns([402]))
    with pytest.raises(InputError, match="no data set 'other'; there are: set"):
        store.dataset("other")


def test_nothing_is_left_of_a_writing_that_was_broken_off(store: Store) -> None:
    def broken() -> Iterator[TradeColumns]:
        yield trade_columns(range(1, 500))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write_trades("set", ES, broken(), source="a test")

    assert store.names() == []
    write(store, trade_columns([401]))
    assert rows(store.dataset("set"), "price_ticks") == [401]


def test_a_name_taken_while_writing_is_not_overwritten(store: Store) -> None:
    def slow() -> Iterator[TradeColumns]:
        yield trade_columns([402])
        write(store, trade_columns([401]))

    if isinstance(store.path, str) and store.path.startswith("file"):
        pytest.skip("a folder, which has a test of its own")
    with pytest.raises(InputError, match="meanwhile"):
        store.write_trades("set", ES, slow(), source="a test")

    assert store.names() == ["set"]


def test_two_writers_of_one_name_do_not_mix_their_rows(server: ObjectServer) -> None:
    store = Store(server.url("data"))

    def slow() -> Iterator[TradeColumns]:
        yield trade_columns(range(1, 50))
        write(store, trade_columns([401]))

    with pytest.raises(InputError, match="meanwhile"):
        store.write_trades("set", ES, slow(), source="a test")

    store.verify("set")
    assert rows(store.dataset("set"), "price_ticks") == [401]


# -- what goes wrong on the way ---------------------------------------------------------------


def test_objects_without_a_description_are_no_data_set(server: ObjectServer) -> None:
    store = Store(server.url("data"))
    write(store, trade_columns([401]))
    del server.objects["bucket/data/set/meta.json"]

    assert store.names() == []
    with pytest.raises(InputError, match="no data set"):
        store.dataset("set")
    write(store, trade_columns([402]))
    assert rows(store.dataset("set"), "price_ticks") == [402]


def test_the_description_is_written_last(server: ObjectServer) -> None:
    write(Store(server.url("data")), trade_columns(range(1, 100)))

    completed = [path for method, path, _ in server.asked if method in ("PUT", "POST")]
    assert completed[-1].endswith("meta.json")
    assert all(each.endswith(".parquet") for each in completed[:-3])
    assert server.unfinished == {}


def test_a_connection_that_is_reset_once_is_tried_again(server: ObjectServer) -> None:
    store = Store(server.url("data"))
    write(store, trade_columns(range(1, 100)))
    server.cut["GET", ".parquet"] = 1

    assert rows(store.dataset("set"), "price_ticks") == list(range(1, 100))


def test_a_connection_that_stays_reset_is_named(server: ObjectServer) -> None:
    store = impatient(server.port)
    write(store, trade_columns(range(1, 100)))
    made = store.dataset("set")
    server.cut["GET", ".parquet"] = 1_000

    with pytest.raises(DataError, match="cannot be read") as refused:
        rows(made, "price_ticks")

    assert refused.value.file == str(made.part)
    assert refused.value.file.startswith("s3://bucket/data/set/part_0001-")
    assert "Is the storage reachable?" in str(refused.value)


def test_an_upload_that_is_reset_leaves_no_data_set(server: ObjectServer) -> None:
    store = impatient(server.port)
    server.cut["PUT", ".parquet"] = 1_000

    with pytest.raises(InputError, match="cannot be written"):
        write(store, trade_columns(range(1, 100)))

    assert store.names() == []
    assert [each for each in server.objects if each.endswith("meta.json")] == []


def test_a_changed_object_is_noticed(server: ObjectServer) -> None:
    store = Store(server.url("data"))
    write(store, trade_columns(range(1, 100)))
    write(store, trade_columns(range(2, 101)), "other")
    first, other = (
        next(each for each in server.objects if f"/{name}/part" in each)
        for name in ("set", "other")
    )
    server.objects[first] = server.objects[other]

    with pytest.raises(DataError, match="not what was imported"):
        store.verify("set")


def test_row_groups_outside_of_the_period_are_not_fetched(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 4_000)
    store = Store(server.url("data"))
    draw = np.random.default_rng(1)
    write(store, trade_columns(draw.integers(1, 1 << 40, 40_000)))
    made = store.dataset("set")

    def fetched(**period: int) -> int:
        before = len(server.asked)
        rows(made, "price_ticks", **period)
        parts = [each for method, _, each in server.asked[before:] if method == "GET" and each]
        return sum(1 + int(last) - int(first) for first, last in map(_bounds, parts))

    whole = fetched()
    assert fetched(start_ns=T0 + 38_000 * SECOND) < whole / 3


def _bounds(asked: str) -> list[str]:
    return asked.removeprefix("bytes=").split("-")


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "s3://an-id:hidden@bucket/data",
        "s3://bucket/data?secret_key=hidden",
        "abfs://container:hidden@account.dfs.core.windows.net/data",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError, match="carries credentials") as refused:
        Store(url)

    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("url", ["ftp://some.where/data", "nonsense://x"])
def test_a_url_of_no_storage_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="cannot be reached as a storage"):
        Store(url)


def test_a_storage_that_is_not_there_is_named(keys: None) -> None:
    with pytest.raises(InputError, match="the storage cannot be read"):
        impatient(9).names()


def test_paths_and_urls_of_folders_are_one_store(tmp_path: Path) -> None:
    write(Store(tmp_path / "data"), trade_columns([401]))

    opened: list[Callable[[], Store]] = [
        lambda: Store((tmp_path / "data").as_uri()),
        lambda: Store(str(tmp_path / "data")),
    ]
    assert [each().names() for each in opened] == [["set"], ["set"]]
