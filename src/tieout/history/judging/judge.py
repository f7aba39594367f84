"""Judges files of market data, each by itself and those of a kind against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieout.errors import DataError, InputError
from tieout.history._files import failures_named
from tieout.history.judging.findings import Severity, finding
from tieout.history.judging.of_actions import judge_actions
from tieout.history.judging.of_bars import columns_put_right, judge_bars
from tieout.history.judging.of_borrow import judge_borrow
from tieout.history.judging.of_rates import judge_rates
from tieout.history.judging.of_recordings import is_recording, judge_recording
from tieout.history.judging.of_trades import judge_quotes, judge_trades
from tieout.history.judging.order import in_order
from tieout.history.judging.sheets import Sheet, read_sheet
from tieout.history.judging.together import judge_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.history._files import Progress
    from tieout.history.judging.findings import Finding
    from tieout.model.calendars import Calendar

__all__ = ["judge"]

_NO_DATA: Final = {".md", ".txt", ".toml", ".html", ".py", ".yaml", ".yml"}


def judge(
    paths: Iterable[Path],
    *,
    calendar: Calendar | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return what is wrong with files, gravest first within a file; folders mean what is in them.

    Args:
        paths: Files and folders.
        calendar: When the market of the files trades; None: nobody said.
        progress: Called with files judged, and how many there are.

    Raises:
        InputError: A path leads nowhere, or there is nothing to judge.
    """
    files, named = _files(paths)
    if not files:
        raise InputError("judge: no file is there; name files or a folder with some")
    found: list[Finding] = []
    sheets: list[Sheet] = []
    for done, path in enumerate(files):
        if progress:
            progress(done, len(files))
        try:
            with failures_named(path):
                told, sheet = _judge_any(path, calendar)
        except DataError as error:
            if path in named:
                raise
            remedy = error.remedy or "Name it alone to see why."
            note = finding(
                str(path), "not_judged", (), error.problem, remedy, severity=Severity.NOTE
            )
            found.append(note)
            continue
        found += told
        sheets += [sheet] if sheet is not None else []
    found += judge_together(sheets, calendar)
    if progress:
        progress(len(files), len(files))
    place = {str(path): number for number, path in enumerate(files)}
    return sorted(found, key=lambda each: (place[each.file], each.severity is Severity.NOTE))


def _judge_any(path: Path, calendar: Calendar | None) -> tuple[list[Finding], Sheet | None]:
    """Return what is wrong with a file, and its sheet where it is one."""
    if is_recording(path):
        return judge_recording(path), None
    for judged in (judge_actions, judge_borrow):
        told = judged(path)
        if told is not None:
            return told, None
    sheet, told = _judge_one(read_sheet(path), calendar)
    return told, sheet


def _judge_one(sheet: Sheet, calendar: Calendar | None) -> tuple[Sheet, list[Finding]]:
    """Return a sheet in order, prices under their names, and what is wrong with it."""
    sheet, found = in_order(sheet)
    if sheet.kind == "rates":
        return sheet, found + judge_rates(sheet)
    if sheet.kind == "trades":
        return sheet, found + judge_trades(sheet, calendar)
    if sheet.kind == "quotes":
        return sheet, found + judge_quotes(sheet)
    sheet, told = columns_put_right(sheet)
    return sheet, found + told + judge_bars(sheet, calendar)


def _files(paths: Iterable[Path]) -> tuple[Sequence[Path], set[Path]]:
    """Return every file, and those that were named themselves."""
    files: list[Path] = []
    named: set[Path] = set()
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.is_file())
            files += [
                each
                for each in inside
                if each.suffix.lower() not in _NO_DATA and not each.name.startswith(".")
            ]
        elif path.exists():
            files.append(path)
            named.add(path)
        else:
            raise InputError(f"{path}: no such file; check the path")
    return list(dict.fromkeys(files)), named
