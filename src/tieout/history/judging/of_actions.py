"""Judges files of corporate actions: whether every line tells of one that can be."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tieout.errors import DataError, InputError
from tieout.history.formats.actions import ActionTable, LeanFactors
from tieout.history.formats.reading import Ask, look_at
from tieout.history.judging.findings import finding
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history.formats.reading import Look
    from tieout.history.judging.findings import Finding

__all__ = ["judge_actions"]

_FORMATS: Final = (ActionTable(), LeanFactors())
# Whose they are, and in which zone, is nothing that a line could be wrong about.
_ANY: Final = Instrument(
    symbol="ANY", venue_symbol="ANY", tick_size=Decimal("0.01"), lot_size=Decimal(1)
)


def judge_actions(path: Path) -> list[Finding] | None:
    """Return the first thing that is wrong with a file of actions; None: it is no such file."""
    try:
        look = look_at(path)
    except InputError:
        # What it is, if anything, others will say.
        return None
    known = next((each for each in _FORMATS if each.detect(look) is not None), None)
    if known is None:
        return None
    try:
        _read(known, look)
    except DataError as error:
        rows = () if error.row is None else (error.row,)
        detail = error.problem if error.value is None else f"{error.problem}: {error.value}"
        return [finding(str(path), "unreadable", rows, detail, error.remedy)]
    return []


def _read(known: ActionTable | LeanFactors, look: Look) -> None:
    try:
        known.read(look, Ask(instrument=_ANY))
    except DataError:
        raise
    except InputError:
        known.read(look, Ask(instrument=_ANY, zone="UTC"))
