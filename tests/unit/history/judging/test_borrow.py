"""A judge reads what there is to borrow: what cannot be, and weeks of which nothing is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.history.judging import judge

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history.judging import Finding


def judged(path: Path, *lines: str) -> list[Finding]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return judge([path])


def shortable(folder: Path, *lines: str) -> list[Finding]:
    return judged(folder / "equity/usa/shortable/broker/symbols/aapl.csv", *lines)


def test_sound_files_are_found_sound(tmp_path: Path) -> None:
    # A week with two days off is no hole, and a table of changes has none at all.
    days = shortable(tmp_path, *(f"201310{day:02},1000,,0.25" for day in (3, 4, 7, 8, 14)))
    changes = judged(
        tmp_path / "lent.csv", "date,available", "2024-01-02,5", "2024-02-07,9", "2024-05-07,1"
    )

    assert days == changes == []


def test_each_thing_that_cannot_be_is_named_with_its_rows(tmp_path: Path) -> None:
    found = shortable(
        tmp_path,
        "20131003,1000,,0.25",
        "20131004,-5,,0.25",
        "20131005,-6,,0.25",
        "20131003,1000,,0.25",
        "20131002,1000,,0.25",
        "20131006,1000,,0.25,1",
    )

    assert [(each.kind, each.rows, each.severity) for each in found] == [
        ("unreadable", (6,), "defect"),
        ("unreadable", (2, 3), "defect"),
        ("duplicate", (4,), "defect"),
        ("disorder", (5,), "defect"),
    ]
    assert found[1].detail == "what is available is negative: -5"


def test_a_hole_among_days_is_told_with_its_length(tmp_path: Path) -> None:
    (found,) = shortable(
        tmp_path, *(f"2013{day},1000,,0.25" for day in ("1003", "1004", "1007", "1008", "1118"))
    )

    assert (found.kind, found.rows) == ("gap", (5,))
    assert "the longest is 41 days from 2013-10-08" in found.detail


def test_a_snapshot_is_left_to_the_import(tmp_path: Path) -> None:
    (found,) = judged(
        tmp_path / "usa.txt",
        "#BOF|2021.10.14|01:45:03",
        "#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|",
        "A|USD|AGILENT|1715006|XXX|2.8137|0.2563|>10000000|",
    )

    assert (found.kind, found.severity) == ("not_judged", "note")
