"""A judge reads corporate actions too, and names the line that cannot be."""

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


def test_sound_actions_are_found_sound(tmp_path: Path) -> None:
    table = judged(tmp_path / "own.csv", "date,action,value", "2014-06-09,split,7:1")
    factors = judged(
        tmp_path / "equity" / "usa" / "factor_files" / "aapl.csv",
        "20140606,1,0.1428571,645.57",
        "20501231,1,1,0",
    )

    assert table == factors == []


def test_a_line_that_cannot_be_is_found_with_its_row(tmp_path: Path) -> None:
    (found,) = judged(
        tmp_path / "own.csv",
        "date,action,value",
        "2014-06-09,split,7:1",
        "2014-08-07,dividend,none",
    )

    assert (found.kind, found.rows, found.severity) == ("unreadable", (2,), "defect")
    assert found.detail == "the amount is not readable: none"
