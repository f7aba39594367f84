"""Bars that are published again are added to what is stored; what was there can still be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.history.builders import ES, MINUTE, SECOND, T0, rows
from tieout.errors import DataError, InputError
from tieout.history import (
    Ask,
    Availability,
    Store,
    StoredRanges,
    import_any,
    revise,
    seen_rows,
)
from tieout.model.columns import BarColumns

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "time,open,high,low,close,volume\n"
LATER_NS = T0 + 60 * MINUTE


def bar(minute: int, close: int) -> str:
    return f"2024-01-01 00:{minute:02d}:00,100,105,95,{close},7\n"


def a_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    file = folder / "file.csv"
    file.write_text(header + "".join(lines))
    return file


def a_store(folder: Path, **asked: Any) -> Store:
    store = Store(folder / "store")
    file = a_file(folder, bar(0, 100), bar(1, 101), bar(2, 102))
    import_any(store, file, Ask(instrument=ES, interval="1m", **asked), name="set")
    return store


def versions(store: Store) -> list[tuple[int, int, int, int]]:
    """Return seconds of arrival and close since T0, close price in ticks, and revision."""
    dataset = store.dataset("set")
    how = Availability(
        stream="a test",
        record_ns=MINUTE,
        known=dataset.meta.known,
        published_after_ns=dataset.meta.published_after_ns,
    )
    return [
        ((arrival - T0) // SECOND, (close - T0) // SECOND, price, revision)
        for each in seen_rows(dataset, how)
        if isinstance(each, BarColumns)
        for arrival, close, price, revision in zip(
            each.arrival_time_ns.tolist(),
            each.close_time_ns.tolist(),
            each.close_ticks.tolist(),
            each.revision.tolist(),
            strict=True,
        )
    ]


def test_later_versions_are_rows_of_their_own_and_new_bars_are_added(tmp_path: Path) -> None:
    store = a_store(tmp_path)

    file = a_file(tmp_path, bar(1, 104), bar(2, 102), bar(3, 103))
    made = revise(store, file, Ask(instrument=ES), name="set", known_at_ns=LATER_NS)

    assert versions(store) == [
        (60, 60, 400, 0),
        (120, 120, 404, 0),
        (180, 180, 408, 0),
        (3600, 120, 416, 1),
        (3600, 240, 412, 0),
    ]
    assert (made.meta.revised, made.meta.rows) == (1, 5)
    assert made.meta.defects == {"published again unchanged": 1}
    assert rows(made, "close_ticks") == [400, 416, 408, 412]
    store.verify("set")
    (old,) = store.earlier("set")
    old.part.write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be read"):
        store.verify("set")


def test_what_was_there_is_found_by_its_fingerprint(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    before = store.dataset("set").meta

    first = revise(
        store, a_file(tmp_path, bar(1, 104)), Ask(instrument=ES), name="set", known_at_ns=LATER_NS
    )
    second = revise(
        store,
        a_file(tmp_path, bar(1, 105)),
        Ask(instrument=ES),
        name="set",
        known_at_ns=LATER_NS + 1,
    )

    contents = store.contents()
    prints = {before.fingerprint, first.meta.fingerprint, second.meta.fingerprint}
    assert set(contents) == prints
    assert store.names() == ["set"]
    assert store.dataset("set").meta.fingerprint == second.meta.fingerprint
    for each in contents.values():
        each.verify()
    assert rows(contents[before.fingerprint], "close_ticks") == [400, 404, 408]
    assert [revision for *_, revision in versions(store)] == [0, 0, 0, 1, 2]


def test_a_publication_delay_becomes_the_known_time_of_what_was_stored(tmp_path: Path) -> None:
    store = a_store(tmp_path, published_after_ns=5 * MINUTE)

    ask = Ask(instrument=ES, published_after_ns=30 * MINUTE)
    revise(store, a_file(tmp_path, bar(0, 103)), ask, name="set")

    assert [each[0] for each in versions(store)] == [360, 420, 480, 60 + 1800]
    assert store.dataset("set").meta.published_after_ns == 0


def test_each_row_may_say_when_it_was_known(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    header = "time,open,high,low,close,volume,known_time\n"
    lines = [f"{bar(0, 103).strip()},2024-01-01 02:00\n", f"{bar(0, 104).strip()},2024-01-01 03:00"]

    revise(store, a_file(tmp_path, *lines, header=header), Ask(instrument=ES), name="set")

    assert [each for each in versions(store) if each[3]] == [
        (7200, 60, 412, 1),
        (10_800, 60, 416, 2),
    ]


def test_a_version_that_was_known_before_the_one_that_is_stored_is_refused(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    file = a_file(tmp_path, bar(0, 103))
    revise(store, file, Ask(instrument=ES), name="set", known_at_ns=LATER_NS)
    before = store.dataset("set").meta
    there = sorted(each.name for each in store.dataset("set").path.iterdir())

    with pytest.raises(DataError, match="known no later than the version that is stored"):
        revise(
            store,
            a_file(tmp_path, bar(0, 104)),
            Ask(instrument=ES),
            name="set",
            known_at_ns=LATER_NS - 1,
        )

    assert store.dataset("set").meta == before
    assert sorted(each.name for each in store.dataset("set").path.iterdir()) == there
    assert sorted(each.name for each in store.path.iterdir()) == ["set"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "when were these versions known"),
        ({"known_at_ns": T0}, "was not over when all of it is said to have been known"),
    ],
)
def test_nobody_guesses_when_a_revision_was_known(
    tmp_path: Path, settings: dict[str, int], words: str
) -> None:
    store = a_store(tmp_path)
    with pytest.raises(InputError, match=words):
        revise(store, a_file(tmp_path, bar(0, 103)), Ask(instrument=ES), name="set", **settings)


def test_bars_that_lie_across_stored_ones_are_refused(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    lines = [bar(0, 103).replace("00:00:00", "00:00:30")]
    with pytest.raises(DataError, match="lie across bars that are stored"):
        revise(
            store, a_file(tmp_path, *lines), Ask(instrument=ES), name="set", known_at_ns=LATER_NS
        )


def test_finer_bars_that_others_are_opened_into_are_the_last_versions(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    file = a_file(tmp_path, bar(0, 103), bar(2, 104))
    made = revise(store, file, Ask(instrument=ES), name="set", known_at_ns=LATER_NS)

    ranges = StoredRanges(made, delay_ns=0)

    found = ranges.rows(T0, T0 + 3 * MINUTE)
    assert isinstance(found, BarColumns)
    assert found.close_ticks.tolist() == [412, 404, 416]
    assert len(ranges.rows(T0 + 3 * MINUTE, T0 + 9 * MINUTE)) == 0


def test_trades_are_not_revised(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    file = a_file(tmp_path, "2024-01-01 00:00:01,100,1\n", header="time,price,quantity\n")
    import_any(store, file, Ask(instrument=ES), name="set")
    with pytest.raises(InputError, match="set holds trades"):
        revise(store, file, Ask(instrument=ES), name="set", known_at_ns=LATER_NS)
