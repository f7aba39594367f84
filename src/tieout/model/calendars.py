"""Trading calendars: an exchange's sessions as plain data, and what can be asked of them.

A calendar is made once, when it is imported: time zones, holidays and daylight saving are over
then, and what is left are UTC nanoseconds. It knows nothing outside of the range it was made for
and says so, rather than take silence for a holiday.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import StrEnum, unique
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.errors import InputError, SettingsError
from tieout.model.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ALWAYS", "Calendar", "PackedCalendar", "Session", "SessionKind", "calendar_of"]

_NS_MAX: Final = 1 << 62
_SECOND: Final = 1_000_000_000


@unique
class SessionKind(StrEnum):
    """How long a session is, as its exchange sees it."""

    REGULAR = "regular"
    HALF_DAY = "half_day"
    """It closes earlier, or opens later, than sessions of its day do."""


class Session(msgspec.Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """One session, [open_ns, close_ns), in venue time.

    Attributes:
        open_ns, close_ns: UTC nanoseconds.
        kind: `SessionKind`.
        break_start_ns, break_end_ns: A pause [start, end) inside; both None where there is none.
    """

    open_ns: int
    close_ns: int
    kind: SessionKind = SessionKind.REGULAR
    break_start_ns: int | None = None
    break_end_ns: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.open_ns < self.close_ns < _NS_MAX:
            raise SettingsError(
                f"session [{self.open_ns}, {self.close_ns}) closes before it opens, or at once; "
                "give the open first, in UTC nanoseconds since 1970"
            )
        start, end = self.break_start_ns, self.break_end_ns
        if (start is None) != (end is None):
            raise SettingsError(
                f"session {self.open_ns}: a break needs its start and its end; give both or none"
            )
        if start is not None and end is not None:
            inside = self.open_ns < start < end < self.close_ns
            if not inside:
                raise SettingsError(
                    f"session [{self.open_ns}, {self.close_ns}): break [{start}, {end}) does not "
                    "lie inside of it; give a break that begins and ends while it is open"
                )

    @property
    def trading(self) -> tuple[tuple[int, int], ...]:
        """When it trades: one pair [open, close), or two around its break."""
        if self.break_start_ns is None or self.break_end_ns is None:
            return ((self.open_ns, self.close_ns),)
        return ((self.open_ns, self.break_start_ns), (self.break_end_ns, self.close_ns))


class Calendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """An exchange's sessions from a time to a time; without any sessions it never closes.

    Attributes:
        name: Name in the store, e.g. `XNYS`.
        source: Where it is from, in words.
        version: Of that source; empty where it has none.
        zone: Time zone in which it was written; the sessions are UTC.
        first_ns, last_ns: It knows [first, last) and nothing else.
        sessions: Ascending, never overlapping; one may open when the one before closes.

    Raises:
        SettingsError: Sessions overlap, do not ascend, or lie outside of the range.
    """

    name: str
    source: str = ""
    version: str = ""
    zone: str = "UTC"
    first_ns: int
    last_ns: int
    sessions: tuple[Session, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.first_ns < self.last_ns <= _NS_MAX:
            raise SettingsError(
                f"calendar {self.name}: range [{self.first_ns}, {self.last_ns}) is empty; give the "
                "first time before the last"
            )
        for one, other in pairwise(self.sessions):
            if other.open_ns < one.close_ns:
                raise SettingsError(
                    f"calendar {self.name}: session [{other.open_ns}, {other.close_ns}) overlaps "
                    f"the one before, [{one.open_ns}, {one.close_ns}), or stands out of order; "
                    "sort and merge them"
                )
        if self.sessions and not (
            self.first_ns <= self.sessions[0].open_ns and self.sessions[-1].close_ns <= self.last_ns
        ):
            raise SettingsError(
                f"calendar {self.name}: sessions from {self.sessions[0].open_ns} to "
                f"{self.sessions[-1].close_ns} do not lie in [{self.first_ns}, {self.last_ns}); "
                "widen the range"
            )

    @property
    def always(self) -> bool:
        """Whether it never closes: the calendar without data."""
        return not self.sessions

    @cached_property
    def whole(self) -> Sessions:
        """The sessions, breaks included: what days, opens and closes are counted by."""
        return Sessions([(each.open_ns, each.close_ns) for each in self.sessions])

    @cached_property
    def trading(self) -> Sessions:
        """When it trades: sessions without their breaks."""
        return Sessions(self.trading_hours)

    @cached_property
    def trading_hours(self) -> tuple[tuple[int, int], ...]:
        """Pairs [open, close) of trading, ascending: sessions without their breaks."""
        return tuple(pair for each in self.sessions for pair in each.trading)

    @cached_property
    def hours(self) -> tuple[tuple[int, int], ...]:
        """Pairs [open, close) of whole sessions, ascending."""
        return tuple((each.open_ns, each.close_ns) for each in self.sessions)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what it says; where it is from and what it is called do not count."""
        whole = sha256(b"tieout calendar 1")
        whole.update(msgspec.json.encode([self.first_ns, self.last_ns, self.sessions]))
        return whole.hexdigest()

    # -- what can be asked --------------------------------------------------------------------

    def is_open(self, at_ns: int) -> bool:
        """Whether it trades at a time; not in a break.

        Raises:
            InputError: The time lies outside of its range.
        """
        self._check(at_ns)
        return self.always or self.trading.holding(at_ns) is not None

    def next_open_ns(self, at_ns: int) -> int | None:
        """Return when trading next begins after a time, after a break too; None: it never closes.

        Raises:
            InputError: The time, or the answer, lies outside of its range.
        """
        self._check(at_ns)
        if self.always:
            return None
        found = self.trading.opening_after(at_ns)
        if found is None:
            raise self._ends(f"when it opens after {at_ns}")
        return found[0]

    def next_close_ns(self, at_ns: int) -> int | None:
        """Return when trading next ends after a time, at a break too; None: it never closes.

        Raises:
            InputError: The time, or the answer, lies outside of its range.
        """
        self._check(at_ns)
        if self.always:
            return None
        found = self.trading.closing_after(at_ns)
        if found is None:
            raise self._ends(f"when it closes after {at_ns}")
        return found[1]

    def session_of(self, at_ns: int) -> Session | None:
        """Return the session that holds a time, its break too; None between sessions.

        Raises:
            InputError: The time lies outside of its range.
        """
        self._check(at_ns)
        place = bisect_right(self._session_closes, at_ns)
        if place == len(self.sessions) or self.sessions[place].open_ns > at_ns:
            return None
        return self.sessions[place]

    def session_after(self, at_ns: int) -> Session | None:
        """Return the first session that opens after a time; None: it never closes.

        Raises:
            InputError: The time, or the answer, lies outside of its range.
        """
        self._check(at_ns)
        if self.always:
            return None
        place = bisect_right(self._session_opens, at_ns)
        if place == len(self.sessions):
            raise self._ends(f"the session after {at_ns}")
        return self.sessions[place]

    def check_covers(self, start_ns: int, end_ns: int | None) -> None:
        """Check that a run lies in its range.

        Args:
            start_ns: Of the run.
            end_ns: Of the run; None where nobody knows yet.

        Raises:
            InputError: It does not.
        """
        if self.always:
            return
        last = start_ns if end_ns is None else end_ns
        if not self.first_ns <= start_ns <= last <= self.last_ns:
            raise InputError(
                f"calendar {self.name} knows {self.first_ns} … {self.last_ns}; the run goes from "
                f"{start_ns} to {'an open end' if end_ns is None else end_ns}; import it for a "
                "longer range, or choose a period inside"
            )

    def packed(self) -> PackedCalendar:
        """Return the same in little room, for the manifest of a run."""
        before_ns, words = self.first_ns, []
        for each in self.sessions:
            word = f"{_span(each.open_ns - before_ns)}+{_span(each.close_ns - each.open_ns)}"
            if each.break_start_ns is not None and each.break_end_ns is not None:
                pause = each.break_end_ns - each.break_start_ns
                word += f"/{_span(each.break_start_ns - each.open_ns)}+{_span(pause)}"
            words.append(word + "h" * (each.kind is SessionKind.HALF_DAY))
            before_ns = each.close_ns
        return PackedCalendar(
            name=self.name,
            source=self.source,
            version=self.version,
            zone=self.zone,
            fingerprint=self.fingerprint,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            sessions=" ".join(words),
        )

    @cached_property
    def _session_opens(self) -> list[int]:
        return [each.open_ns for each in self.sessions]

    @cached_property
    def _session_closes(self) -> list[int]:
        return [each.close_ns for each in self.sessions]

    def _check(self, at_ns: int) -> None:
        if not self.always and not self.first_ns <= at_ns < self.last_ns:
            raise InputError(
                f"calendar {self.name}: {at_ns} lies outside of what it knows, {self.first_ns} … "
                f"{self.last_ns}; import it for a longer range"
            )

    def _ends(self, asked: str) -> InputError:
        return InputError(
            f"calendar {self.name}: {asked} is not known, it ends at {self.last_ns}; import it for "
            "a longer range"
        )


class PackedCalendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calendar in little room; a session takes a dozen characters.

    Attributes:
        name, source, version, zone, first_ns, last_ns: As in `Calendar`.
        fingerprint: Of the calendar.
        sessions: `WAIT+LENGTH` for each, in seconds, where it waits since the close before (the
            first one since `first_ns`); with a break `/WAIT+LENGTH` since its open; `h` behind a
            half day. A number with `n` behind it counts nanoseconds.
    """

    name: str
    source: str
    version: str
    zone: str
    fingerprint: str
    first_ns: int
    last_ns: int
    sessions: str

    def unpacked(self) -> Calendar:
        """Return the calendar.

        Raises:
            InputError: It is damaged.
        """
        return _unpacked(self)


@lru_cache(maxsize=16)
def _unpacked(packed: PackedCalendar) -> Calendar:
    before_ns, sessions = packed.first_ns, []
    for word in packed.sessions.split():
        found = _WORD.fullmatch(word)
        if found is None:
            raise _damaged(packed, f"{word!r} is no session")
        wait, length, pause_wait, pause_length, half = found.groups()
        opened = before_ns + _ns(wait)
        start = None if pause_wait is None else opened + _ns(pause_wait)
        sessions.append(
            Session(
                opened,
                opened + _ns(length),
                SessionKind.HALF_DAY if half else SessionKind.REGULAR,
                start,
                None if start is None else start + _ns(pause_length),
            )
        )
        before_ns = sessions[-1].close_ns
    made = Calendar(
        name=packed.name,
        source=packed.source,
        version=packed.version,
        zone=packed.zone,
        first_ns=packed.first_ns,
        last_ns=packed.last_ns,
        sessions=tuple(sessions),
    )
    if made.fingerprint != packed.fingerprint:
        raise _damaged(packed, f"its content is {made.fingerprint[:16]}")
    return made


_WORD: Final = re.compile(r"(\d+n?)\+(\d+n?)(?:/(\d+n?)\+(\d+n?))?(h?)")


def _span(span_ns: int) -> str:
    return f"{span_ns}n" if span_ns % _SECOND else str(span_ns // _SECOND)


def _ns(text: str) -> int:
    return int(text[:-1]) if text.endswith("n") else int(text) * _SECOND


def _damaged(packed: PackedCalendar, problem: str) -> InputError:
    return InputError(
        f"calendar {packed.name} of the manifest: {problem}, it should be "
        f"{packed.fingerprint[:16]}; the file is damaged, run again"
    )


ALWAYS: Final = Calendar(name="24/7", source="never closes", first_ns=0, last_ns=_NS_MAX)
"""The calendar without data, which every run has."""


def calendar_of(
    name: str,
    sessions: Iterable[Session],
    *,
    source: str,
    first_ns: int,
    last_ns: int,
    version: str = "",
    zone: str = "UTC",
) -> Calendar:
    """Return a calendar that has sessions.

    Raises:
        SettingsError: There is none, or they contradict each other or the range.
    """
    given = tuple(sessions)
    if not given:
        raise SettingsError(
            f"calendar {name}: there is no session in it; 24/7 is the calendar of a market that "
            "never closes, for another give its sessions"
        )
    return Calendar(
        name=name,
        source=source,
        version=version,
        zone=zone,
        first_ns=first_ns,
        last_ns=last_ns,
        sessions=given,
    )
