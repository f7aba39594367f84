"""Market-by-order files: what becomes of a record, and what is refused by its number."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from tieout.errors import DataError, InputError
from tieout.history.mbo import MboFacts, MboFile
from tieout.model.columns import OrderAction

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000_000_000_000
LAST, SNAPSHOT, UNSURE, GAP = 128, 32, 8, 4


def header(*, version: int = 1, schema: int = 0, sent: bool = False) -> bytes:
    """A file's header, as short as it may be."""
    body = b"XNAS.ITCH".ljust(16, b"\0") + struct.pack("<HQQQ", schema, 0, 0, 0)
    body += struct.pack("<Q", 0) if version == 1 else b""
    body += bytes([0, 0, sent]) + (b"" if version == 1 else struct.pack("<H", 71))
    body = body.ljust(100, b"\0") + bytes(20)
    return b"DBN" + bytes([version]) + struct.pack("<I", len(body)) + body


def record(
    action: str,
    order: int = 7,
    side: str = "B",
    price: int = 100_250_000_000,
    size: int = 3,
    *,
    flags: int = LAST,
    at: int = NOW,
    received: int | None = None,
    instrument: int = 5,
    kind: int = 0xA0,
    sent: int | None = None,
) -> bytes:
    """One record of 56 bytes, or of 64 with the time it was sent."""
    length = 14 if sent is None else 16
    packed = struct.pack(
        "<BBHIQQqIBBccQiI",
        *(length, kind, 1, instrument, at, order, price, size, flags, 0),
        *(action.encode(), side.encode(), at + 9 if received is None else received, 0, 0),
    )
    return packed if sent is None else packed + struct.pack("<Q", sent)


def a_file(folder: Path, *records: bytes, head: bytes | None = None, zstd: bool = True) -> Path:
    """A file of these records."""
    content = (header() if head is None else head) + b"".join(records)
    path = folder / ("day.dbn.zst" if zstd else "day.dbn")
    packed = pa.Codec("zstd").compress(content, asbytes=True) if zstd else content
    path.write_bytes(packed)
    return path


def opened(path: Path, **arguments: Any) -> MboFile:
    return MboFile(path, instrument="AB", tick_size=Decimal("0.25"), **arguments)


@pytest.mark.parametrize("zstd", [True, False])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_record_becomes_a_row(tmp_path: Path, version: int, zstd: bool) -> None:
    path = a_file(
        tmp_path,
        record("A"),
        record("R", 0, "N", price=2**63 - 1, size=0, at=NOW + 1),
        head=header(version=version),
        zstd=zstd,
    )

    rows = opened(path).read()

    assert rows.instrument == "AB"
    assert rows.action.tolist() == [OrderAction.ADD, OrderAction.CLEAR]
    assert rows.side.tolist() == [1, 0]
    assert rows.price_ticks.tolist() == [401, 0]
    assert rows.lots.tolist() == [3, 0]
    assert rows.order_id.tolist() == [7, 0]
    assert rows.venue_time_ns.tolist() == [NOW, NOW + 1]
    assert rows.arrival_time_ns.tolist() == [NOW + 9, NOW + 10]
    assert rows.last.tolist() == [True, True]


def test_records_with_the_time_they_were_sent_are_longer(tmp_path: Path) -> None:
    path = a_file(tmp_path, record("A", sent=NOW), head=header(version=3, sent=True))

    assert opened(path).read().order_id.tolist() == [7]


def test_an_id_of_64_bits_keeps_its_bits(tmp_path: Path) -> None:
    rows = opened(a_file(tmp_path, record("A", 2**64 - 1))).read()

    assert rows.order_id.tolist() == [-1]


def test_a_snapshot_is_one_event_however_it_is_flagged(tmp_path: Path) -> None:
    file = opened(
        a_file(
            tmp_path,
            record("A", 1, flags=SNAPSHOT | UNSURE | LAST),
            record("A", 2, flags=SNAPSHOT | UNSURE),
            record("A", 3, flags=GAP),
        )
    )

    rows = file.read()

    assert rows.last.tolist() == [False, True, False]
    assert file.facts == MboFacts(records=3, snapshot_records=2, unsure_arrivals=2, gaps=1)


def test_an_aggressors_own_fill_is_left_out_and_whoever_is_before_it_ends_the_event(
    tmp_path: Path,
) -> None:
    file = opened(
        a_file(
            tmp_path,
            record("T", 8, "B", flags=0),
            record("F", 7, "A", flags=0),
            record("F", 8, "B", flags=LAST),
            record("N", 9, flags=LAST),
            record("F", 8, "B", flags=LAST),
        )
    )

    rows = file.read()

    assert [OrderAction(each).name for each in rows.action] == ["TRADE", "FILL"]
    assert rows.last.tolist() == [False, True]
    assert (file.facts.aggressor_fills, file.facts.empty_records) == (2, 1)


def test_one_instrument_of_several_is_read(tmp_path: Path) -> None:
    path = a_file(tmp_path, record("A", 1), record("A", 2, instrument=6), record("A", 3))

    assert opened(path).read().order_id.tolist() == [1, 3]
    assert opened(path, instrument_id=6).read().order_id.tolist() == [2]


@pytest.mark.parametrize("records", [1, 2, 3, 100])
def test_chunks_of_any_size_hold_the_same_rows_and_end_whole(tmp_path: Path, records: int) -> None:
    flags = [SNAPSHOT, SNAPSHOT, 0, LAST, LAST, 0, 0, LAST, 0]
    path = a_file(
        tmp_path,
        *(record("AT"[each % 2], each + 1, flags=flag) for each, flag in enumerate(flags)),
    )
    file, whole = opened(path), opened(path).read()

    chunks = list(file.chunks(records))

    assert all(chunk.last[-1] for chunk in chunks[:-1])
    ids = [each for chunk in chunks for each in chunk.order_id.tolist()]
    assert ids == whole.order_id.tolist()
    last = [each for chunk in chunks for each in chunk.last.tolist()]
    assert (
        last == whole.last.tolist() == [False, True, False, True, True, False, False, True, False]
    )
    assert file.facts.records == 9


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is no DBN file (value b''); allowed: DBN"),
        (b"CSV,1,2,3,4", "is no DBN file (value b'CSV,'); allowed: DBN"),
        (b"DBN\x09" + bytes(200), "has an unknown version (value 9); allowed: 1, 2, 3"),
        (b"DBN\x01\x05\0\0\0" + bytes(200), "has a header of no possible length (value 5 bytes)"),
        (header()[:60], "is cut off in its header"),
        (header(schema=1), "has another schema (value number 1); allowed: 0, market by order"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(
    tmp_path: Path, content: bytes, named: str
) -> None:
    path = tmp_path / "day.dbn"
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        opened(path)

    assert f"day.dbn: {named}" in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (record("A", price=100_250_000_001), "has a price off the tick (value 100250000001·10⁻⁹)"),
        (record("A", price=2**63 - 1), "has a price off the tick"),
        (record("X"), "has an unknown action (value 'X'); allowed: A, M, C, F, T, R"),
        (record("A", side="Q"), "has an unknown side (value 'Q'); allowed: B, A, N"),
        (record("A", at=0), "has no time it was true (value 0)"),
        (record("A", at=2**64 - 1, received=NOW), "has no time it was true"),
        (record("A", received=2**64 - 1), "has no time it was received"),
        (record("A", received=NOW - 1), "was received before the one above"),
        (record("A", kind=0x16), "is no market-by-order record (value type 0x16, 56 bytes)"),
        (record("A", sent=5)[:56], "is no market-by-order record (value type 0xa0, 64 bytes)"),
        (b"\xff" + record("A")[1:], "is no market-by-order record (value type 0xa0, 1020 bytes)"),
        (record("A")[:-1], "is cut off within a record"),
    ],
)
@pytest.mark.parametrize("records", [1, 100])
def test_a_record_that_cannot_be_right_is_refused_by_its_number(
    tmp_path: Path, bad: bytes, named: str, records: int
) -> None:
    file = opened(a_file(tmp_path, record("A", 1), record("A", 2), bad))

    with pytest.raises(DataError) as caught:
        list(file.chunks(records))

    assert f"day.dbn.zst, row 3: {named}" in str(caught.value)


def test_a_damaged_or_cut_off_compression_is_refused_by_name(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    ids = random.integers(1, 2**60, 5000).tolist()
    path = a_file(tmp_path, *(record("A", each) for each in ids))
    whole = path.read_bytes()

    for damaged in (whole[: len(whole) // 2], whole[:-1], whole[:4] + b"\xff" * 40 + whole[44:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="is damaged or cut off"):
            opened(path).read()


def test_a_file_without_records_of_the_instrument_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no records"):
        opened(a_file(tmp_path)).read()
    with pytest.raises(DataError, match="holds no records"):
        opened(a_file(tmp_path, record("A")), instrument_id=99).read()


def test_a_missing_file_and_an_impossible_tick_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        opened(tmp_path / "none.dbn")
    path = a_file(tmp_path, record("A"))
    for tick in ("0", "-1", "0.00000000015"):
        with pytest.raises(InputError, match="allowed: a positive multiple"):
            MboFile(path, instrument="AB", tick_size=Decimal(tick))
