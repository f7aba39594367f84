"""Calendars from a market hours data base of LEAN: hours by weekday, holidays, early and late days.

Of each local day the hours of its weekday hold; a holiday has none, an early close cuts off what
comes after it, a late open what comes before. Where a day has both and closes before it opens, it
trades on both sides of the pause. Hours that touch across midnight are one session.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.errors import DataError, InputError
from tieout.history.reference.times import DateRange, at_local, zone_named
from tieout.model.calendars import Calendar, Session, SessionKind, calendar_of

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

__all__ = ["calendar_from_lean", "lean_entries"]

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WHOLE_DAY: Final = 86_400
_SPAN: Final = re.compile(r"(?:(\d+)[.:])?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?")
_STATES: Final = {
    "regular": frozenset({"market"}),
    "extended": frozenset({"premarket", "market", "postmarket"}),
}

Span = tuple[int, int]
"""Seconds of a local day, [from, to)."""


def lean_entries(path: Path) -> dict[str, Any]:
    """Return every entry of a data base by its key, as it stands there.

    Raises:
        DataError: The file is no such data base.
    """
    try:
        whole = msgspec.json.decode(path.read_bytes())
        return dict(whole["entries"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"it is no market hours data base ({error})",
            file=str(path),
            limit="JSON with `entries`",
            remedy="Give market-hours-database.json.",
        ) from error


def calendar_from_lean(
    path: Path,
    entry: str,
    *,
    name: str,
    span: DateRange | None = None,
    hours: str = "regular",
    break_s_max: int = 0,
    entries: dict[str, Any] | None = None,
) -> Calendar:
    """Return the calendar of one entry.

    Args:
        path: The data base.
        entry: Key such as `Equity-usa-[*]`; one for a symbol that is not there falls back to its
            market's.
        name: What to call the calendar.
        span: Local days it is to know; None: the years from its first holiday to its last.
        hours: `regular`, or `extended` with what comes before and after.
        break_s_max: Pauses between two hours of a day up to so long are breaks inside of a
            session; the data base does not say which are.
        entries: Of the data base, where it was read before.

    Raises:
        DataError: The entry contradicts itself, or has a form that is not known here.
        InputError: There is no such entry, it never closes, or the range is empty or not known.
    """
    if hours not in _STATES:
        raise InputError(f"hours {hours!r}; allowed: {', '.join(_STATES)}")
    known = lean_entries(path) if entries is None else entries
    key = entry if entry in known else f"{entry.rpartition('-')[0]}-[*]"
    if key not in known:
        raise InputError(
            f"{path}: no entry {entry!r} and none for its market; there are {len(known)}, such as "
            f"{', '.join(list(known)[:3])}"
        )
    days = _Days(path, key, known[key], _STATES[hours])
    if days.always:
        raise InputError(f"{path}: {key} never closes; use 24/7, the calendar that every run has")
    span = span or days.years()
    made = _merged(days.trading(span))
    sessions = _with_breaks(made, break_s_max * 1_000_000_000)
    first_ns = at_local(span.first, 0, days.zone)
    last_ns = at_local(span.last, _WHOLE_DAY, days.zone)
    inside = [each for each in sessions if each.close_ns > first_ns and each.open_ns < last_ns]
    if not inside:
        raise InputError(f"{path}: {key} has no session from {span.first} to {span.last}")
    return calendar_of(
        name,
        inside,
        source=f"{path.name}: {key}, {hours} hours",
        zone=days.zone_name,
        # A session that reaches over an end of the range is known whole.
        first_ns=min(first_ns, inside[0].open_ns),
        last_ns=max(last_ns, inside[-1].close_ns),
    )


class _Days:
    """What an entry says of each local day."""

    def __init__(self, path: Path, key: str, entry: Any, states: frozenset[str]) -> None:  # noqa: ANN401 - JSON
        self._where = f"{path}: {key}"
        self._path, self._key = path, key
        try:
            self.zone_name = str(entry["exchangeTimeZone"])
            self._week = [self._spans(entry.get(day) or (), states) for day in _DAYS]
            self._holidays = {self._date(each) for each in entry.get("holidays") or ()}
            self._early = self._times(entry.get("earlyCloses") or {})
            self._late = self._times(entry.get("lateOpens") or {})
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"it lacks or mistakes {error}", None) from error
        self.zone: tzinfo = zone_named(self.zone_name)

    @property
    def always(self) -> bool:
        """Whether it is open around the clock on every day."""
        never = not (self._holidays or self._early or self._late)
        return never and all(each == [(0, _WHOLE_DAY)] for each in self._week)

    def years(self) -> DateRange:
        """Return the whole years in which it has holidays, early closes or late opens."""
        told = {*self._holidays, *self._early, *self._late}
        if not told:
            raise InputError(
                f"{self._where}: it lists no holiday, so nothing says for which years it is; give "
                "--from and --to"
            )
        return DateRange(date(min(told).year, 1, 1), date(max(told).year, 12, 31))

    def trading(self, span: DateRange) -> list[tuple[int, int, bool]]:
        """Return (open, close, unusual) of every hours around a range, in UTC nanoseconds."""
        found: list[tuple[int, int, bool]] = []
        # A week more on both sides: a session may last that long.
        day, last = span.first - timedelta(days=8), span.last + timedelta(days=8)
        while day <= last:
            spans, unusual = self._of(day)
            for begin, end in spans:
                opened, closed = (at_local(day, each, self.zone) for each in (begin, end))
                if opened < closed:
                    found.append((opened, closed, unusual))
            day += timedelta(days=1)
        return found

    def _of(self, day: date) -> tuple[list[Span], bool]:
        usual = self._week[day.weekday()]
        if day in self._holidays:
            return [], False
        early, late = self._early.get(day), self._late.get(day)
        if early is None and late is None:
            return usual, False
        if early is not None and late is not None and early < late:
            allowed = [(0, early), (late, _WHOLE_DAY)]
        else:
            allowed = [(late or 0, _WHOLE_DAY if early is None else early)]
        cut = [
            (max(begin, first), min(end, last))
            for begin, end in usual
            for first, last in allowed
            if max(begin, first) < min(end, last)
        ]
        return sorted(cut), cut != usual

    def _spans(self, given: Any, states: frozenset[str]) -> list[Span]:  # noqa: ANN401 - JSON
        spans = sorted(
            (self._seconds(each["start"]), self._seconds(each["end"]))
            for each in given
            if each["state"] in states
        )
        joined: list[Span] = []
        for begin, end in spans:
            if not begin < end <= _WHOLE_DAY:
                raise self._damaged("hours end before they begin", f"{begin} … {end} s")
            if joined and begin < joined[-1][1]:
                raise self._damaged("hours of a day overlap", f"{joined[-1]} and {(begin, end)} s")
            if joined and begin == joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((begin, end))
        return joined

    def _times(self, given: Any) -> dict[date, int]:  # noqa: ANN401 - JSON
        return {self._date(day): self._seconds(text) for day, text in given.items()}

    def _seconds(self, text: str) -> int:
        found = _SPAN.fullmatch(text)
        if found is None:
            raise self._damaged("no time of a day", text)
        days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
        return days * _WHOLE_DAY + hours * 3600 + minutes * 60 + seconds

    def _date(self, text: str) -> date:
        try:
            month, day, year = (int(each) for each in text.split("/"))
            return date(year, month, day)
        except ValueError as error:
            raise self._damaged("no date", str(text)) from error

    def _damaged(self, problem: str, value: str | None) -> DataError:
        return DataError(
            f"{self._key}: {problem}",
            file=str(self._path),
            value=value,
            remedy="Correct the entry, or choose another.",
        )


def _merged(spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Join hours that touch: a session goes on over midnight."""
    made: list[tuple[int, int, bool]] = []
    for opened, closed, unusual in spans:
        if made and opened <= made[-1][1]:
            before = made[-1]
            made[-1] = (before[0], max(closed, before[1]), before[2] or unusual)
        else:
            made.append((opened, closed, unusual))
    return made


def _with_breaks(spans: list[tuple[int, int, bool]], break_ns_max: int) -> list[Session]:
    """Return sessions; a short pause is a break of one, no session has two."""
    sessions: list[Session] = []
    for opened, closed, unusual in spans:
        kind = SessionKind.HALF_DAY if unusual else SessionKind.REGULAR
        before = sessions[-1] if sessions else None
        if (
            before is not None
            and before.break_start_ns is None
            and 0 < opened - before.close_ns <= break_ns_max
        ):
            half = SessionKind.HALF_DAY in (before.kind, kind)
            sessions[-1] = Session(
                before.open_ns,
                closed,
                SessionKind.HALF_DAY if half else SessionKind.REGULAR,
                before.close_ns,
                opened,
            )
        else:
            sessions.append(Session(opened, closed, kind))
    return sessions
