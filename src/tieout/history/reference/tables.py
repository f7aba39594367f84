"""Calendars, lists and rules from CSV files; a row that cannot be right is named and refused."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tieout.errors import DataError, InputError
from tieout.history.reference.times import at_local, moment_ns, zone_named
from tieout.model.calendars import Calendar, Session, SessionKind, calendar_of
from tieout.model.decimals import plain_decimal
from tieout.model.rules import DatedRules, RulesRow
from tieout.model.universes import Change, Universe, UniverseRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from pathlib import Path

    from tieout.history.reference.times import DateRange

__all__ = ["calendar_from_table", "rules_from_table", "universe_from_table"]

_DAY_S: Final = 86_400
_DAY_NS: Final = 86_400_000_000_000
_ACTIONS: Final = {
    "in": Change.IN,
    "add": Change.IN,
    "out": Change.OUT,
    "remove": Change.OUT,
    "delisted": Change.OUT,
}


def calendar_from_table(
    path: Path, *, name: str, zone: str = "UTC", span: DateRange | None = None
) -> Calendar:
    """Return a calendar from a CSV.

    Columns: `open`, `close`, and where there are some `break_start`, `break_end` and `kind`
    (`regular` or `half_day`). With a column `date` the others are times of that local day, and a
    close that is not later than its open belongs to the next; without, they are ISO times.

    Args:
        path: The file.
        name: What to call the calendar.
        zone: Of times without a zone.
        span: Local days it knows; None: from the day of the first open to that of the last close.

    Raises:
        DataError: A row cannot be right; it is named.
        InputError: The zone is unknown or the range too short.
    """
    local = zone_named(zone)
    sessions: list[Session] = []
    for row in _rows(path, needed=("open", "close")):
        sessions.append(_session(row, local))
        if len(sessions) > 1 and sessions[-1].open_ns < sessions[-2].close_ns:
            raise row.wrong(
                "it opens before the session above closes, or stands out of order",
                row.text("open"),
                remedy="Sort the rows by time and merge sessions that overlap.",
            )
    if not sessions:
        raise DataError("there is no row in it", file=str(path), remedy="Give a session a row.")
    first_ns, last_ns = sessions[0].open_ns, sessions[-1].close_ns
    if span is not None:
        first_ns = at_local(span.first, 0, local)
        last_ns = at_local(span.last, _DAY_S, local)
    return calendar_of(
        name,
        sessions,
        source=str(path),
        zone=zone,
        first_ns=first_ns if span else first_ns // _DAY_NS * _DAY_NS,
        last_ns=last_ns if span else -(-last_ns // _DAY_NS) * _DAY_NS,
    )


def universe_from_table(path: Path, *, name: str, zone: str = "UTC") -> Universe:
    """Return a list from a CSV of changes or of dated snapshots.

    Changes have the columns `date` (from when on), `symbol`, `action` (`in`, `out`, `delisted`),
    and where there are some `known` (when it could be known; else the date) and `weight`.
    Without `action` the rows of one date are the whole list as it was then; who is not among those
    of the next is out.

    Args:
        path: The file.
        name: What to call the list.
        zone: Of dates and times without one; a date means its local midnight.

    Raises:
        DataError: A row cannot be right; it is named.
        InputError: The rows contradict each other.
    """
    local = zone_named(zone)
    given = list(_rows(path, needed=("date", "symbol")))
    if not given:
        raise DataError("there is no row in it", file=str(path), remedy="Give a change a row.")
    told = _changes if "action" in given[0].values else _differences
    rows = tuple(told(given, local))
    try:
        return Universe(name=name, source=str(path), rows=rows)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def rules_from_table(path: Path, *, name: str, symbol: str, zone: str = "UTC") -> DatedRules:
    """Return an instrument's rules from a CSV.

    Columns: `date` (from when on), `tick`, `lot`, and where there are some `min_notional`,
    `min_quantity` and `known`.

    Args:
        path: The file.
        name: What to call the rules.
        symbol: Whose they are.
        zone: Of dates and times without one.

    Raises:
        DataError: A row cannot be right; it is named.
        InputError: The rows contradict each other.
    """
    local = zone_named(zone)
    rows = [
        RulesRow(
            effective_time_ns=row.time("date", local),
            tick_size=row.exact("tick"),
            lot_size=row.exact("lot"),
            min_notional=row.exact("min_notional", or_else="0"),
            min_quantity=row.exact("min_quantity", or_else="0"),
            known_time_ns=row.time("known", local) if row.text("known") else 0,
        )
        for row in _rows(path, needed=("date", "tick", "lot"))
    ]
    try:
        return DatedRules(name=name, symbol=symbol, source=str(path), rows=tuple(rows))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a CSV, with its place for messages."""

    file: str
    number: int
    values: dict[str, str]

    def text(self, column: str) -> str:
        """Return a value; empty where there is none."""
        return self.values.get(column, "").strip()

    def time(self, column: str, zone: tzinfo) -> int:
        """Return a time in UTC nanoseconds."""
        try:
            return moment_ns(self.text(column), zone)
        except ValueError as error:
            raise self.wrong(
                f"{column} is no time",
                self.text(column),
                limit="2013-11-29, or 2013-11-29T09:30, from 1970 on",
            ) from error

    def exact(self, column: str, *, or_else: str | None = None) -> Decimal:
        """Return an exact number."""
        text = self.text(column) or or_else or ""
        try:
            return plain_decimal(text)
        except ValueError as error:
            raise self.wrong(f"{column} is no number", text, limit="such as 0.001") from error

    def wrong(
        self,
        problem: str,
        value: str,
        *,
        limit: str | None = None,
        remedy: str = "Correct the row, or leave it out.",
    ) -> DataError:
        """Return what is wrong with the row."""
        return DataError(
            problem, file=self.file, row=self.number, value=value, limit=limit, remedy=remedy
        )


def _rows(path: Path, *, needed: tuple[str, ...]) -> Iterator[_Row]:
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"cannot be read ({error})", file=str(path), remedy="Give a CSV in UTF-8."
        ) from error
    reader = iter(lines)
    head = [each.strip().lower() for each in next(reader, [])]
    missing = [each for each in needed if each not in head]
    if missing:
        raise DataError(
            f"there is no column {missing[0]!r}",
            file=str(path),
            value=", ".join(head),
            limit=", ".join(needed),
            remedy="Name the columns in the first row.",
        )
    for number, cells in enumerate(filter(any, reader), start=1):
        if len(cells) != len(head):
            raise DataError(
                "it has another number of values than the header",
                file=str(path),
                row=number,
                value=str(len(cells)),
                limit=str(len(head)),
                remedy="Correct the row, or leave it out.",
            )
        yield _Row(str(path), number, dict(zip(head, cells, strict=True)))


def _session(row: _Row, zone: tzinfo) -> Session:
    kind = row.text("kind") or SessionKind.REGULAR.value
    if kind not in list(SessionKind):
        raise row.wrong("kind is unknown", kind, limit=", ".join(SessionKind))
    names = ("open", "close", "break_start", "break_end")
    if row.text("date"):
        opened, closed, start, end = _of_day(row, zone)
    else:
        opened, closed = row.time("open", zone), row.time("close", zone)
        start, end = (row.time(each, zone) if row.text(each) else None for each in names[2:])
    try:
        return Session(opened, closed, SessionKind(kind), start, end)
    except InputError as error:
        raise row.wrong(str(error), " … ".join(row.text(each) for each in names[:2])) from error


def _of_day(row: _Row, zone: tzinfo) -> tuple[int, int, int | None, int | None]:
    """Return open, close and break of a local day; what is not later than the open is tomorrow."""
    try:
        day = date.fromisoformat(row.text("date"))
    except ValueError as error:
        raise row.wrong("no date", row.text("date"), limit="such as 2013-11-29") from error
    opened = _seconds(row, "open")

    def later(column: str) -> int | None:
        if not row.text(column):
            return None
        seconds = _seconds(row, column)
        return at_local(day, seconds + _DAY_S * (seconds <= opened), zone)

    closed = later("close")
    if closed is None:
        raise row.wrong("close is missing", "", limit="a time such as 16:00")
    return at_local(day, opened, zone), closed, later("break_start"), later("break_end")


def _seconds(row: _Row, column: str) -> int:
    parts = row.text(column).split(":")
    try:
        hours, minutes, seconds = (int(each) for each in (*parts, "0", "0")[:3])
    except ValueError as error:
        raise row.wrong(f"{column} is no time of a day", row.text(column)) from error
    total = hours * 3600 + minutes * 60 + seconds
    if len(parts) not in (2, 3) or not 0 <= total <= _DAY_S or max(minutes, seconds) > 59:
        raise row.wrong(f"{column} is no time of a day", row.text(column), limit="00:00 … 24:00")
    return total


def _changes(given: list[_Row], zone: tzinfo) -> Iterator[UniverseRow]:
    for row in given:
        action = row.text("action").lower()
        if action not in _ACTIONS:
            raise row.wrong("action is unknown", action, limit=", ".join(_ACTIONS))
        effective_ns = row.time("date", zone)
        yield UniverseRow(
            effective_time_ns=effective_ns,
            known_time_ns=row.time("known", zone) if row.text("known") else effective_ns,
            symbol=row.text("symbol"),
            change=_ACTIONS[action],
            weight=row.text("weight"),
            delisted=action == "delisted",
        )


def _differences(given: list[_Row], zone: tzinfo) -> Iterator[UniverseRow]:
    """Yield what changes from one dated list to the next."""
    lists: dict[int, dict[str, _Row]] = {}
    for row in given:
        at_ns = row.time("date", zone)
        if lists and at_ns < max(lists):
            raise row.wrong(
                "it is of an earlier date than the row above",
                row.text("date"),
                remedy="Sort the rows by date.",
            )
        listed = lists.setdefault(at_ns, {})
        if row.text("symbol") in listed:
            raise row.wrong(
                "it is on the list of this date twice",
                row.text("symbol"),
                remedy="Remove one of the two rows.",
            )
        listed[row.text("symbol")] = row
    members: dict[str, str] = {}
    for at_ns, listed in lists.items():
        for symbol in sorted(members.keys() - listed.keys()):
            yield UniverseRow(at_ns, at_ns, symbol, Change.OUT)
        for symbol, row in sorted(listed.items()):
            weight = row.text("weight")
            if members.get(symbol) != weight:
                known_ns = row.time("known", zone) if row.text("known") else at_ns
                yield UniverseRow(at_ns, known_ns, symbol, Change.IN, weight)
        members = {symbol: row.text("weight") for symbol, row in listed.items()}
