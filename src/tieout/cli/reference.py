"""Calendars, lists and rules at the command line: imported, listed, shown and verified."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tieout.cli.terminal import settings_of, store_of, utc
from tieout.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.history.reference import ReferenceStore
    from tieout.model.calendars import Calendar
    from tieout.model.rules import DatedRules
    from tieout.model.universes import Universe

    What = Calendar | Universe | DatedRules

__all__ = [
    "REFERENCE_KINDS",
    "calendar_of_store",
    "import_reference",
    "reference_facts",
    "reference_listing",
    "reference_names",
    "verify_reference",
]

REFERENCE_KINDS = ("calendar", "universe", "rules")
"""What `tieout import --kind` makes that is no market data."""


def import_reference(
    project: Path,
    source: str,
    *,
    kind: str,
    name: str | None,
    form: str,
    symbol: str | None,
    zone: str | None,
    first: str | None,
    last: str | None,
    entry: str | None,
    hours: str,
    break_minutes: int,
    at: str | None,
) -> dict[str, Any]:
    """Import a calendar, a list or rules; return what is shown of it.

    Raises:
        InputError: The request is wrong, or what is read cannot be right.
    """
    from pathlib import Path as Place  # noqa: PLC0415 - a type only elsewhere

    from tieout.history import reference  # noqa: PLC0415 - heavy

    path = Place(source)
    span = _span(first, last)
    made: What
    if kind == "calendar" and form == "exchange-calendars":
        if span is None:
            raise InputError(f"import {source}: for which years? Give --from and --to")
        made = reference.calendar_from_package(source, name=name or source, span=span)
    elif kind == "calendar" and (form == "lean" or path.suffix == ".json"):
        if entry is None:
            raise InputError(f"import {source}: which market? Give --entry, such as Equity-usa-[*]")
        made = reference.calendar_from_lean(
            path,
            entry,
            name=name or path.stem,
            span=span,
            hours=hours,
            break_s_max=break_minutes * 60,
        )
    elif kind == "calendar":
        made = reference.calendar_from_table(
            path, name=name or path.stem, zone=zone or "UTC", span=span
        )
    elif kind == "universe":
        made = reference.universe_from_table(path, name=name or path.stem, zone=zone or "UTC")
    else:
        if symbol is None:
            raise InputError(f"import {source}: whose rules? Give --symbol")
        made = reference.rules_from_table(
            path, name=name or path.stem, symbol=symbol, zone=zone or "UTC"
        )
    _store(project, at).write(made)
    return _facts(made)


def calendar_of_store(project: Path, name: str, at: str | None) -> Calendar:
    """Return a calendar of the project's store, or the one that never closes.

    Raises:
        InputError: There is none of this name.
    """
    from tieout.model.calendars import ALWAYS  # noqa: PLC0415 - heavy

    return ALWAYS if name == ALWAYS.name else _store(project, at).calendar(name)


def reference_names(project: Path, at: str | None = None) -> list[str]:
    """Return the names of all calendars, lists and rules of the store."""
    return _store(project, at).names()


def reference_listing(
    project: Path, wanted: Sequence[str] | None, at: str | None = None
) -> list[dict[str, Any]]:
    """Return what is listed of them, each with a line for people."""
    store = _store(project, at)
    listing: list[dict[str, Any]] = []
    for name in store.names():
        if wanted and name not in wanted:
            continue
        try:
            facts = _facts(store.anything(name))
        except DataError as error:
            listing.append({"name": name, "damaged": str(error)})
            continue
        words = (
            f"{name}  {facts['rows']:,} {facts['holds']}  {facts['first']} … {facts['last']}  "
            f"{facts['fingerprint'][:16]}"
        )
        listing.append({**facts, "words": words})
    return listing


def reference_facts(project: Path, name: str, rows: int, at: str | None = None) -> dict[str, Any]:
    """Return everything that is shown of one, with its first and last rows."""
    what = _store(project, at).anything(name)
    every = _rows(what)
    ends = every if len(every) <= 2 * rows else [*every[:rows], *every[len(every) - rows :]]
    return {**_facts(what), "source": what.source, "ends": ends}


def verify_reference(project: Path, name: str, at: str | None = None) -> None:
    """Read one and compare its fingerprint.

    Raises:
        DataError: It is not what was imported.
    """
    _store(project, at).anything(name)


def _store(project: Path, at: str | None = None) -> ReferenceStore:
    from tieout.history.reference import ReferenceStore as Store  # noqa: PLC0415 - heavy

    return Store(store_of(project, settings_of(project), at))


def _facts(what: What) -> dict[str, Any]:
    from tieout.model.calendars import Calendar as Hours  # noqa: PLC0415 - heavy
    from tieout.model.universes import Universe as Listed  # noqa: PLC0415 - heavy

    facts: dict[str, Any]
    if isinstance(what, Hours):
        half_days = sum(each.kind == "half_day" for each in what.sessions)
        facts = {
            "kind": "calendar",
            "holds": "sessions",
            "rows": len(what.sessions),
            "half_days": half_days,
            "zone": what.zone,
            "version": what.version,
            "first": utc(what.first_ns),
            "last": utc(what.last_ns),
        }
    else:
        listed = isinstance(what, Listed)
        first, last = what.rows[0].effective_time_ns, what.rows[-1].effective_time_ns
        facts = {
            "kind": "universe" if listed else "rules",
            "holds": "changes of a list" if listed else "rules",
            "rows": len(what.rows),
            "instruments": len(what.symbols) if isinstance(what, Listed) else what.symbol,
            "first": utc(first),
            "last": utc(last),
        }
    return {"name": what.name, **facts, "fingerprint": what.fingerprint}


def _rows(what: What) -> list[dict[str, str]]:
    from tieout.model.calendars import Calendar as Hours  # noqa: PLC0415 - heavy
    from tieout.model.universes import Universe as Listed  # noqa: PLC0415 - heavy

    if isinstance(what, Hours):
        return [
            {"open": utc(each.open_ns), "close": utc(each.close_ns), "kind": str(each.kind)}
            for each in what.sessions
        ]
    if isinstance(what, Listed):
        return [
            {
                "from": utc(each.effective_time_ns),
                "known": utc(each.known_time_ns),
                "symbol": each.symbol,
                "change": "delisted" if each.delisted else str(each.change),
                "weight": each.weight,
            }
            for each in what.rows
        ]
    return [
        {
            "from": utc(each.effective_time_ns),
            "tick": f"{each.tick_size:f}",
            "lot": f"{each.lot_size:f}",
            "min_notional": f"{each.min_notional:f}",
            "min_quantity": f"{each.min_quantity:f}",
        }
        for each in what.rows
    ]


def _span(first: str | None, last: str | None) -> Any:  # noqa: ANN401 - a range of days or None
    from tieout.history.reference import DateRange  # noqa: PLC0415 - heavy

    if first is None and last is None:
        return None
    if first is None or last is None:
        raise InputError("a range needs both its ends; give --from and --to")
    try:
        return DateRange(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError as error:
        raise InputError(f"--from {first} --to {last}: {error}; write days: 2013-11-29") from error
