"""What a run knows besides its market: calendars; lists and rules that it will be told of.

Calendars are known as a whole, like the instruments. Lists and rules come as inputs; what stands
here of them is what has been told by now, so a strategy that asks early does not see what comes
later.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from tieout.errors import InputError
from tieout.model.calendars import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tieout.kernel.moment import Moment
    from tieout.model.calendars import Calendar, Session
    from tieout.model.universes import UniverseAnnounced, UniverseChanged

__all__ = ["CalendarView", "Coming", "Members", "Reference", "SessionTimes", "calendar_named"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a run was given.

    Attributes:
        calendars: By name.
        universes: Everybody who is ever on a list during the run, by the name of the list.
        dated: Instruments whose rules change during the run.
    """

    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    universes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dated: frozenset[str] = frozenset()


def calendar_named(reference: Reference, name: str) -> Calendar:
    """Return a calendar of a run; `24/7` is always there.

    Raises:
        InputError: The run has none of this name.
    """
    if name == ALWAYS.name:
        return ALWAYS
    found = reference.calendars.get(name)
    if found is None:
        known = ", ".join((ALWAYS.name, *reference.calendars))
        raise InputError(
            f"calendar {name!r} is not part of this run; it has: {known}; name it when you start "
            "the run: --calendar"
        )
    return found


class CalendarView:
    """A calendar as a strategy asks it: without a time it is about now.

    Args:
        calendar: The calendar.
        moment: Tells what now is.
    """

    def __init__(self, calendar: Calendar, moment: Moment) -> None:
        self._calendar = calendar
        self._moment = moment

    @property
    def name(self) -> str:
        """As it was named."""
        return self._calendar.name

    @property
    def always(self) -> bool:
        """Whether it never closes."""
        return self._calendar.always

    def is_open(self, at_ns: int | None = None) -> bool:
        """Whether it trades; not in a break."""
        return self._calendar.is_open(self._time(at_ns))

    def next_open_ns(self, at_ns: int | None = None) -> int | None:
        """Return when trading next begins; None: it never closes."""
        return self._calendar.next_open_ns(self._time(at_ns))

    def next_close_ns(self, at_ns: int | None = None) -> int | None:
        """Return when trading next ends; None: it never closes."""
        return self._calendar.next_close_ns(self._time(at_ns))

    def session_of(self, at_ns: int | None = None) -> Session | None:
        """Return the session that holds a time, its break too; None between sessions."""
        return self._calendar.session_of(self._time(at_ns))

    def session_after(self, at_ns: int | None = None) -> Session | None:
        """Return the first session that opens later; None: it never closes."""
        return self._calendar.session_after(self._time(at_ns))

    def _time(self, at_ns: int | None) -> int:
        return self._moment.now_ns if at_ns is None else at_ns


class SessionTimes:
    """When a timer is due that follows the sessions of a calendar.

    Args:
        calendar: The calendar.
        at_close: Whether it follows the closes, not the opens; breaks do not count.
        offset_ns: Added to each; negative: before.

    Raises:
        InputError: The calendar never opens or closes.
    """

    def __init__(self, calendar: Calendar, *, at_close: bool, offset_ns: int) -> None:
        if calendar.always:
            raise InputError(
                f"calendar {calendar.name} never opens or closes; use timer_every or timer_at"
            )
        self._calendar = calendar
        self._offset_ns = offset_ns
        self._edges = [pair[1 if at_close else 0] for pair in calendar.hours]

    def after(self, time_ns: int) -> int | None:
        """Return the first due time later than this.

        After the last session it is due once more, behind the calendar's end: `check` says why.
        """
        place = bisect_right(self._edges, time_ns - self._offset_ns)
        if place < len(self._edges):
            return self._edges[place] + self._offset_ns
        end_ns = max(self._calendar.last_ns, self._edges[-1] + self._offset_ns) + 1
        return end_ns if time_ns < end_ns else None

    def check(self, due_ns: int) -> None:
        """Check that a session is what was due.

        Raises:
            InputError: Nobody knows: the calendar has ended.
        """
        place = bisect_right(self._edges, due_ns - self._offset_ns)
        if not place or self._edges[place - 1] != due_ns - self._offset_ns:
            raise InputError(
                f"calendar {self._calendar.name} ended at {self._calendar.last_ns}: when the next "
                "session is nobody knows; import it for a longer range"
            )


@dataclass(frozen=True, slots=True)
class Coming:
    """A change of a list that was announced.

    Attributes:
        effective_time_ns: From when on.
        entering, leaving: Who will be on the list, and who will not any more.
    """

    effective_time_ns: int
    entering: tuple[str, ...]
    leaving: tuple[str, ...]


class Members:
    """A list as it is known now.

    Args:
        name: Name of the list.
        ever: Everybody who is ever on it during the run.
    """

    def __init__(self, name: str, ever: tuple[str, ...]) -> None:
        self.name = name
        self._ever = ever
        self._weights: dict[str, str] = {}
        self._delisted: set[str] = set()
        self._coming: list[Coming] = []

    @property
    def symbols(self) -> tuple[str, ...]:
        """Who is on it, sorted."""
        return tuple(sorted(self._weights))

    @property
    def weights(self) -> dict[str, Decimal]:
        """Shares on the list, of those that have one."""
        return {each: Decimal(text) for each, text in sorted(self._weights.items()) if text}

    @property
    def delisted(self) -> frozenset[str]:
        """Who was on it and trades no more."""
        return frozenset(self._delisted)

    @property
    def coming(self) -> tuple[Coming, ...]:
        """Changes that were announced and are not effective yet, the next one first."""
        return tuple(sorted(self._coming, key=lambda each: each.effective_time_ns))

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._weights

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __len__(self) -> int:
        return len(self._weights)

    # -- what happens to it -------------------------------------------------------------------

    def change(self, event: UniverseChanged) -> None:
        """Take a change."""
        for symbol in event.left:
            self._weights.pop(symbol, None)
        for symbol in event.entered:
            self._weights[symbol] = ""
            self._delisted.discard(symbol)
        for symbol, weight in event.weights:
            if symbol in self._weights:
                self._weights[symbol] = weight
        self._delisted.update(event.delisted)
        self._coming = [
            each for each in self._coming if each.effective_time_ns > event.venue_time_ns
        ]

    def announce(self, event: UniverseAnnounced) -> None:
        """Take an announcement."""
        self._coming.append(Coming(event.venue_time_ns, event.entering, event.leaving))

    def lists(self, symbol: str, lots: Callable[[str], int]) -> Callable[[], bool]:
        """Return what tells whether somebody's bars are given now: he is on the list, or held."""
        return lambda: symbol in self._weights or lots(symbol) != 0

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that a replay must reproduce."""
        return (
            self.name,
            sorted(self._weights.items()),
            sorted(self._delisted),
            [(each.effective_time_ns, each.entering, each.leaving) for each in self.coming],
        )
