"""What is wrong with the order of a sheet's rows, whatever they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.history.judging.findings import Severity, finding

if TYPE_CHECKING:
    from tieout.history.judging.findings import Finding
    from tieout.history.judging.sheets import Sheet

__all__ = ["in_order"]

_MOSTLY: Final = 0.9


def in_order(sheet: Sheet) -> tuple[Sheet, list[Finding]]:
    """Return the rows by time, those that are there twice once, and what was found on the way."""
    found: list[Finding] = []
    if sheet.unreadable:
        found.append(
            finding(
                sheet.file,
                "unreadable",
                sheet.unreadable,
                f"{len(sheet.unreadable):,} rows whose time or numbers cannot be read",
                "Mend them, or import with --set-aside.",
            )
        )
    if sheet.known_ns is not None:
        sheet, revised = _last_versions(sheet)
        found += revised
    steps = np.diff(sheet.time_ns)
    back = np.flatnonzero(steps < 0)
    if len(back):
        newest_first = len(back) >= _MOSTLY * len(steps)
        detail = (
            "the newest row comes first"
            if newest_first
            else f"the time goes backwards {len(back):,} times"
        )
        rows = sheet.rows[back + 1]
        found.append(
            finding(
                sheet.file, "disorder", rows, detail, "Sort the rows by time before the import."
            )
        )
        sheet = sheet.taken(np.argsort(sheet.time_ns, kind="stable"))
    if sheet.kind == "trades":
        return sheet, found + _same_ids(sheet)
    if sheet.kind == "quotes":
        return sheet, found
    same = np.flatnonzero(np.diff(sheet.time_ns) == 0) + 1
    if len(same):
        values = np.stack(list(sheet.fields.values()))
        differs = (values[:, same] != values[:, same - 1]).any(axis=0)
        detail = f"{len(same):,} times are there twice, {int(differs.sum()):,} with other values"
        remedy = "Keep one row of each time; where values differ, the venue says which is right."
        found.append(finding(sheet.file, "duplicate", sheet.rows[same], detail, remedy))
        kept = np.ones(len(sheet), np.bool_)
        kept[same] = False
        sheet = sheet.taken(kept)
    return sheet, found


def _last_versions(sheet: Sheet) -> tuple[Sheet, list[Finding]]:
    """Return the last version of each bar; a row that was known later is no duplicate."""
    known = sheet.known_ns
    assert known is not None, sheet.file
    if (np.diff(known) >= 0).all() and (np.diff(sheet.time_ns) < 0).any():
        # A log of what was published: in order of that, and of nothing else.
        sheet = sheet.taken(np.argsort(sheet.time_ns, kind="stable"))
        known = sheet.known_ns
        assert known is not None, sheet.file
    later = (np.diff(sheet.time_ns) == 0) & (np.diff(known) > 0)
    places = np.flatnonzero(later) + 1
    if not len(places):
        return sheet, []
    detail = f"{len(places):,} rows are later versions of a bar"
    remedy = "Nothing: a strategy is given each version when it was known."
    note = finding(
        sheet.file, "revised", sheet.rows[places], detail, remedy, severity=Severity.NOTE
    )
    return sheet.taken(np.concatenate((~later, [True]))), [note]


def _same_ids(sheet: Sheet) -> list[Finding]:
    ids = sheet.fields.get("id")
    if ids is None or not np.isfinite(ids).all():
        return []
    by_id = np.argsort(ids, kind="stable")
    same = by_id[1:][np.diff(ids[by_id]) == 0]
    found = []
    if len(same):
        detail = f"{len(same):,} trades have an id that was there already"
        remedy = "Leave the second ones out: import with --set-aside."
        found.append(finding(sheet.file, "duplicate", sheet.rows[np.sort(same)], detail, remedy))
    steps = np.diff(ids[by_id])
    holes = np.flatnonzero(steps > 1)
    if len(holes) and (steps == 1).mean() > _MOSTLY:
        missing = int((steps[holes] - 1).sum())
        detail = f"{missing:,} ids are missing at {len(holes):,} places"
        remedy = "Fetch the days around these rows again."
        found.append(finding(sheet.file, "gap", sheet.rows[by_id[holes + 1]], detail, remedy))
    elif len(holes) and not len(same):
        detail = "ids do not run on: others' trades, or another market's, are counted too"
        found.append(
            finding(sheet.file, "gap", (), detail, "Do not rely on ids.", severity=Severity.NOTE)
        )
    return found
