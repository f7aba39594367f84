"""A journal keeps what was committed, whatever happens, and nothing that was not written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import T0
from tieout.adapters.storage.disk import RealDisk, SimulatedDisk
from tieout.errors import InputError, InvariantViolated, JournalDamaged
from tieout.journal import JournalReader, JournalWriter, Kind, first_difference
from tieout.journal.records import decode, encode
from tieout.model.events import ClockReached, StoreWritten

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "run/journal"


def an_input(number: int) -> ClockReached:
    return ClockReached(arrival_time_ns=T0 + number, woke_at_ns=T0 + number)


def a_decision(number: int) -> StoreWritten:
    return StoreWritten(key="n", value="x" * (number % 50), decided_at_ns=T0 + number)


def write(
    disk: Any, script: str, *, folder: str = FOLDER, **options: Any
) -> list[tuple[Kind, Any]]:
    """Write by script: i input, d decision, c commit; return what was committed."""
    writer = JournalWriter(disk, folder, **options)
    written: list[tuple[Kind, Any]] = []
    committed = 0
    for number, letter in enumerate(script):
        if letter == "i":
            writer.input(an_input(number))
            written.append((Kind.INPUT, an_input(number)))
        elif letter == "d":
            writer.decision(a_decision(number))
            written.append((Kind.DECISION, a_decision(number)))
        else:
            writer.commit()
            committed = len(written)
    return written[:committed]


def read(disk: Any, folder: str = FOLDER, chunk_bytes: int = 4096) -> list[tuple[Kind, Any]]:
    reader = JournalReader(disk, folder, chunk_bytes=chunk_bytes)
    return [(each.kind, each.record) for each in reader]


scripts = st.text("idc", max_size=40)


@given(scripts, st.sampled_from([1, 7, 64, 4096]), st.sampled_from([200, 1 << 20]))
def test_what_is_committed_is_read_back_whatever_the_chunks_and_segments(
    script: str, chunk_bytes: int, segment_bytes: int
) -> None:
    disk = SimulatedDisk()
    committed = write(disk, script, segment_bytes_max=segment_bytes)
    assert read(disk, chunk_bytes=chunk_bytes) == committed


@given(scripts, st.integers(0, 1 << 20), scripts)
def test_after_any_crash_the_committed_prefix_survives_and_writing_goes_on(
    script: str, seed: int, more: str
) -> None:
    disk = SimulatedDisk()
    committed = write(disk, script, segment_bytes_max=300)
    disk.crash(seed)

    writer = JournalReader(disk, FOLDER).recover()
    assert read(disk) == committed
    for number, _ in enumerate(more):
        writer.input(an_input(number))
    writer.close()

    later = [(Kind.INPUT, an_input(number)) for number, _ in enumerate(more)]
    assert read(disk) == committed + later
    assert not JournalReader(disk, FOLDER).verify().torn


@given(scripts.filter(lambda text: "ic" in text), st.data())
def test_any_changed_byte_is_noticed_or_lies_in_the_uncommitted_tail(
    script: str, data: st.DataObject
) -> None:
    disk = SimulatedDisk()
    # A commit with nothing new to promise writes no frame.
    script = re.sub("c+", "c", script).lstrip("c")
    committed = write(disk, script)
    (image,) = disk.files.values()
    good = image.whole
    position = data.draw(st.integers(0, len(good) - 1))
    changed = data.draw(st.integers(1, 255))
    image.durable = good[:position] + bytes([good[position] ^ changed]) + good[position + 1 :]
    image.pending.clear()

    try:
        left = read(disk)
    except (JournalDamaged, InputError):
        return
    # Only damage from the last commit frame on can look like a tail that was never promised.
    before_last = script[: script.rindex("c")]
    promised = committed[: len(before_last[: before_last.rfind("c") + 1].replace("c", ""))]
    assert left[: len(promised)] == promised
    assert left == committed[: len(left)]
    assert JournalReader(disk, FOLDER).verify().torn


def test_a_failed_sync_is_never_tried_again() -> None:
    disk = SimulatedDisk()
    writer = JournalWriter(disk, FOLDER)
    writer.input(an_input(1))
    disk.fail_sync = True

    with pytest.raises(InvariantViolated, match="resume the run in a new process"):
        writer.commit()
    with pytest.raises(InvariantViolated, match="failed"):
        writer.commit()
    with pytest.raises(InvariantViolated, match="failed"):
        writer.input(an_input(2))

    assert read(disk) == []


def test_a_full_disk_stops_the_run_and_keeps_what_was_safe() -> None:
    disk = SimulatedDisk()
    writer = JournalWriter(disk, FOLDER)
    writer.input(an_input(1))
    writer.commit()
    disk.bytes_left = 5
    writer.input(an_input(2))

    with pytest.raises(InvariantViolated, match="No space left"):
        writer.commit()

    assert read(disk) == [(Kind.INPUT, an_input(1))]


def test_the_same_records_give_the_same_bytes_durable_or_not(tmp_path: Path) -> None:
    files = []
    for name, durable in (("a", True), ("b", False)):
        folder = tmp_path / name
        folder.mkdir()
        writer = JournalWriter(RealDisk(), str(folder), durable=durable)
        for number in range(100):
            writer.input(an_input(number))
            writer.decision(a_decision(number))
            writer.commit()
        writer.close()
        files.append((folder / "segment-000001.tio").read_bytes())
    assert files[0] == files[1]


def test_the_real_disk_recovers_a_torn_tail(tmp_path: Path) -> None:
    disk = RealDisk()
    write(disk, "idcic", folder=str(tmp_path))
    segment = tmp_path / "segment-000001.tio"
    segment.write_bytes(segment.read_bytes() + b"\x00\x00\x00\x20half a frame")

    reader = JournalReader(disk, str(tmp_path))
    assert reader.verify().torn
    reader.recover().close()

    assert not JournalReader(disk, str(tmp_path)).verify().torn
    assert len(read(disk, str(tmp_path))) == 3


def as_version(disk: SimulatedDisk, version: int) -> None:
    """Let every segment say that it is of another version."""
    for image in disk.files.values():
        image.durable = b"TIEOUT" + version.to_bytes(2) + image.durable[8:]


@pytest.mark.parametrize("version", [0, 3, 9])
def test_a_journal_of_another_version_is_refused_and_says_which(version: int) -> None:
    disk = SimulatedDisk()
    write(disk, "ic")
    as_version(disk, version)

    with pytest.raises(
        InputError, match=f"format version {version}; this tieout reads 1 and 2; use the version"
    ):
        read(disk)


def test_what_is_written_says_that_it_may_have_blocks() -> None:
    disk = SimulatedDisk()
    write(disk, "ic")

    (image,) = disk.files.values()

    assert image.durable[:8] == b"TIEOUT" + (2).to_bytes(2)


@given(script=scripts)
def test_a_journal_of_version_1_is_read_and_gone_on_with_in_a_new_segment(script: str) -> None:
    disk = SimulatedDisk()
    written = write(disk, f"ic{script}")
    as_version(disk, 1)
    assert read(disk) == written

    writer = JournalReader(disk, FOLDER).recover()
    writer.decision(a_decision(77))
    writer.close()

    assert read(disk) == [*written, (Kind.DECISION, a_decision(77))]
    versions = [disk.files[name].whole[6:8] for name in sorted(disk.files)]
    assert versions == [b"\0\1", b"\0\2"]


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no journal here"):
        JournalReader(RealDisk(), str(tmp_path / "nowhere"))


def test_a_closed_journal_takes_nothing_more() -> None:
    writer = JournalWriter(SimulatedDisk(), FOLDER)
    writer.close()
    with pytest.raises(InvariantViolated, match="closed"):
        writer.input(an_input(1))


def test_the_first_difference_of_two_decision_streams_is_named() -> None:
    one = [encode(a_decision(number)) for number in (1, 2, 3)]
    other = [encode(a_decision(number)) for number in (1, 5)]

    assert first_difference(one, one) is None
    found = first_difference(one, other)
    assert found is not None
    assert (found.index, found.recorded, found.replayed) == (1, a_decision(2), a_decision(5))
    ended = first_difference(one[:1], one)
    assert ended is not None
    assert ended.recorded is None
    assert decode(one[0]) == a_decision(1)


def test_chains_tell_journals_and_decisions_apart() -> None:
    first, second = (JournalWriter(SimulatedDisk(), FOLDER) for _ in range(2))
    first.input(an_input(1))
    first.decision(a_decision(1))
    second.decision(a_decision(1))

    assert first.decisions_chain == second.decisions_chain
    assert first.chain != second.chain


def test_inputs_and_decisions_can_be_read_apart() -> None:
    disk = SimulatedDisk()
    write(disk, "idic")
    reader = JournalReader(disk, FOLDER)
    assert list(reader.inputs()) == [an_input(0), an_input(2)]
    assert [decode(each) for each in reader.decisions()] == [a_decision(1)]
