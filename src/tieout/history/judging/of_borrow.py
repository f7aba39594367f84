"""Judges files of what borrowing costs and how much there is: rows that cannot be, and holes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import DataError, InputError
from tieout.history._rows import Layout, RowReader
from tieout.history.formats.borrow import BorrowSnapshot, LeanShortable
from tieout.history.formats.reading import Ask, look_at
from tieout.history.formats.table import Table
from tieout.history.judging.findings import Severity, finding
from tieout.history.judging.spans import shown_time
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tieout.history._defects import SetAside
    from tieout.history.formats.reading import Look, TableReading
    from tieout.history.judging.findings import Finding

    Int64s = NDArray[np.int64]

__all__ = ["judge_borrow"]

_DAY: Final = 86_400_000_000_000
_USUAL_STEP_MAX: Final = 4 * _DAY
"""A file with longer steps has a row for each change, not for each day: it has no holes."""
_HOLE_MIN: Final = 7 * _DAY
_KINDS: Final = {
    "the time was there already": "duplicate",
    "the time goes backwards": "disorder",
}
# Whose they are is nothing that a line could be wrong about.
_ANY: Final = Instrument(
    symbol="ANY", venue_symbol="ANY", tick_size=Decimal("0.01"), lot_size=Decimal(1)
)


def judge_borrow(path: Path) -> list[Finding] | None:
    """Return what is wrong with a file of what there is to borrow; None: it is no such file."""
    try:
        look = look_at(path)
        if BorrowSnapshot().detect(look) is not None:
            detail = "a snapshot tells of every instrument at one moment, and is judged at import"
            remedy = "Import the instrument you need."
            note = finding(str(path), "not_judged", (), detail, remedy, severity=Severity.NOTE)
            return [note]
        reading = _reading(look)
    except InputError:
        # What it is, if anything, others will say.
        return None
    if reading is None:
        return None
    try:
        return _judged(str(path), reading)
    except DataError as error:
        rows = () if error.row is None else (error.row,)
        return [finding(str(path), "unreadable", rows, error.problem, error.remedy)]


def _reading(look: Look) -> TableReading | None:
    """Return the rows of such a file, or None where it is none."""
    ask = Ask(instrument=_ANY, set_aside=True)
    lean = LeanShortable()
    if lean.detect(look) is None:
        table = Table().read(look, ask)
        return table if table.kind == "borrow" else None
    try:
        return lean.read(look, ask)
    except InputError:
        # Nothing hangs on the zone here.
        return lean.read(look, Ask(instrument=_ANY, set_aside=True, zone="UTC"))


def _judged(file: str, reading: TableReading) -> list[Finding]:
    reader = RowReader("borrow", _ANY, interval_ns=0, volume="exact", set_aside=True)
    reader.begin(
        Layout(
            file=file,
            columns=reading.columns,
            stamps=reading.stamps,
            arrivals=reading.arrivals,
            rate_unit=reading.rate_unit,
        )
    )
    wrong: list[SetAside] = []
    times, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part in reading.parts:
        wrong += part.ragged
        if len(part.rows):
            chunk, defects = reader.chunk(part)
            wrong += defects.settle()
            times.append(chunk["venue_time_ns"][defects.kept])
            rows.append(part.rows[defects.kept])
    found = []
    for problem in dict.fromkeys(each.problem for each in wrong):
        alike = [each for each in wrong if each.problem == problem]
        detail = f"{problem}: {alike[0].value}"
        remedy = "Mend the rows, or leave them out with --set-aside."
        kind = _KINDS.get(problem, "unreadable")
        found.append(finding(file, kind, [each.row for each in alike], detail, remedy))
    return found + _holes(file, np.concatenate(times), np.concatenate(rows))


def _holes(file: str, times: Int64s, rows: Int64s) -> list[Finding]:
    steps = np.diff(times)
    if not len(steps) or int(np.median(steps)) > _USUAL_STEP_MAX:
        return []
    holes = np.flatnonzero(steps > _HOLE_MIN)
    if not len(holes):
        return []
    longest = int(np.argmax(steps))
    detail = (
        f"{len(holes)} holes of more than a week; the longest is {steps[longest] / _DAY:.0f} days "
        f"from {shown_time(int(times[longest]))}"
    )
    remedy = "Fetch what is missing: what was told last holds on over a hole."
    return [finding(file, "gap", rows[holes + 1], detail, remedy)]
