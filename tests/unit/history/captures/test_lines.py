"""Lines of captures in every form, and what is no line."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import pytest

from tieout.errors import DataError
from tieout.history.captures.lines import read_lines

if TYPE_CHECKING:
    from pathlib import Path

NS = 1_700_000_000_123_456_789


def written(folder: Path, *lines: str) -> Path:
    path = folder / "capture.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("line", "stamp"),
    [
        (f'{NS} {{"a": 1}}', NS),
        ('1700000000.123456: {"a": 1}', NS // 1000 * 1000),
        ('1700000000.5: {"a": 1}', 1_700_000_000_500_000_000),
        ('{"a": 1}', None),
    ],
)
def test_a_line_has_a_stamp_and_a_message(tmp_path: Path, line: str, stamp: int | None) -> None:
    (found,) = read_lines(written(tmp_path, line))
    assert (found.row, found.received_ns, found.message) == (1, stamp, {"a": 1})


def test_what_the_recorder_sent_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, 'wss://venue <- 1700000000.5: {"op": "subscribe"}', "", f"{NS} [1]")
    assert [each.row for each in read_lines(path)] == [3]


def test_a_capture_may_be_gzipped_or_alone_in_a_zip(tmp_path: Path) -> None:
    packed = tmp_path / "capture.gz"
    packed.write_bytes(gzip.compress(b"[1]\n"))
    zipped = tmp_path / "capture.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("capture", "[1]\n")
    assert [next(read_lines(path)).message for path in (packed, zipped)] == [[1], [1]]
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("another", "[1]\n")
    with pytest.raises(DataError, match="a zip holds one capture"):
        next(read_lines(zipped))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("yesterday {}", "does not begin with when"),
        ("17000000 {}", "does not begin with when"),
        ("1700000000.x: {}", "does not begin with when"),
        (f"{NS} {{", "not JSON"),
        (f"{NS}", "does not begin with when"),
        (f"{NS} ", "not JSON"),
    ],
)
def test_what_is_no_line_is_named_with_its_row(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as refused:
        list(read_lines(written(tmp_path, f"{NS} {{}}", line)))
    assert refused.value.row == 2


def test_a_stamp_before_the_one_above_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="received before") as refused:
        list(read_lines(written(tmp_path, f"{NS} {{}}", f"{NS - 1} {{}}")))
    assert (refused.value.row, refused.value.limit) == (2, f"at least {NS} ns")


def test_a_file_that_was_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "capture.gz"
    path.write_bytes(gzip.compress(b"[1]\n" * 50_000)[:-20])
    with pytest.raises(DataError, match="ends or is damaged"):
        list(read_lines(path))
