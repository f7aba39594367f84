"""Timers: due times are facts of the calendar, so they are the same in every world."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Protocol

from tieout.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["Schedule", "Timer", "Timers"]


class Schedule(Protocol):
    """Due times that are no multiples of anything, such as the opens of an exchange."""

    def after(self, time_ns: int) -> int | None:
        """Return the first due time later than this; None: there is none any more."""

    def check(self, due_ns: int) -> None:
        """Check a due time that was reached.

        Raises:
            InputError: The schedule had ended before.
        """


@dataclass(frozen=True, slots=True)
class Timer:
    """One firing of a timer.

    Attributes:
        name: As the strategy named it.
        due_ns: When it was due; *now* inside the callback.
    """

    name: str
    due_ns: int


class Timers:
    """Due times in order; ties fire in the order the timers were first set.

    Attributes:
        next_due_ns: The earliest due time, or None when no timer is set. It is asked for between
            any two events, and changes only with a timer.
    """

    def __init__(self) -> None:
        self.next_due_ns: int | None = None
        self._due: list[tuple[int, int, str, int]] = []
        self._number = 0
        self._live: dict[str, int] = {}
        self._schedules: dict[str, Schedule] = {}

    def set_at(self, name: str, due_ns: int) -> None:
        """Set a timer for one time, replacing one of the same name."""
        self._push(name, due_ns, 0)

    def set_every(self, name: str, interval_ns: int, *, after_ns: int, offset_ns: int = 0) -> None:
        """Set a timer for each whole multiple of the interval (since 1970, plus the offset).

        Args:
            name: Replaces a timer of the same name.
            interval_ns: Positive.
            after_ns: The first due time is the first multiple later than this.
            offset_ns: Shifts all due times, e.g. 5 s past each hour.

        Raises:
            InputError: The interval is not positive.
        """
        if interval_ns <= 0:
            raise InputError(f"timer {name!r}: interval {interval_ns} ns must be positive")
        first = (after_ns - offset_ns) // interval_ns * interval_ns + interval_ns + offset_ns
        self._push(name, first, interval_ns)

    def set_each(self, name: str, schedule: Schedule, *, after_ns: int) -> None:
        """Set a timer for each time of a schedule that is later than this.

        Args:
            name: Replaces a timer of the same name.
            schedule: Says when.
            after_ns: The first due time is later.

        Raises:
            InputError: The schedule has ended by then.
        """
        first = schedule.after(after_ns)
        if first is None:
            schedule.check(after_ns)
            raise InputError(f"timer {name!r}: its schedule has ended by {after_ns}")
        self._push(name, first, 0)
        self._schedules[name] = schedule

    def schedule_of(self, name: str) -> Schedule | None:
        """Return the schedule that a timer follows, or None."""
        return self._schedules.get(name)

    @property
    def only(self) -> tuple[str, int, int] | None:
        """Name, due time and interval of the only timer, where there is one that repeats."""
        if len(self._live) != 1:
            return None
        ((due_ns, name, interval_ns),) = self.snapshot()
        return (name, due_ns, interval_ns) if interval_ns else None

    def skip_to(self, due_ns: int) -> None:
        """Take the only timer's firings before a time as done; it is next due then."""
        ((_, number, name, interval_ns),) = (
            each for each in self._due if self._live.get(each[2]) == each[1]
        )
        self._due = [(due_ns, number, name, interval_ns)]
        self._look()

    def cancel(self, name: str) -> None:
        """Forget a timer; a name that is not set is no error."""
        self._live.pop(name, None)
        self._schedules.pop(name, None)
        self._look()

    def pop(self) -> Timer:
        """Take the earliest timer and set its next due time when it repeats."""
        assert self.next_due_ns is not None, "pop needs a due timer"
        due_ns, number, name, interval_ns = heappop(self._due)
        if interval_ns:
            heappush(self._due, (due_ns + interval_ns, number, name, interval_ns))
        else:
            schedule = self._schedules.get(name)
            following = None if schedule is None else schedule.after(due_ns)
            if following is None:
                del self._live[name]
            else:
                heappush(self._due, (following, number, name, 0))
        self._look()
        return Timer(name, due_ns)

    def clear(self, *, but: Container[str] = ()) -> None:
        """Forget all timers, except those with these names."""
        self._live = {name: number for name, number in self._live.items() if name in but}
        self._schedules = {name: each for name, each in self._schedules.items() if name in but}
        self._due = [each for each in self._due if self._live.get(each[2]) == each[1]]
        heapify(self._due)
        self._look()

    def snapshot(self) -> tuple[tuple[int, str, int], ...]:
        """Return (due, name, interval) of every live timer, in firing order."""
        live = [each for each in self._due if self._live.get(each[2]) == each[1]]
        return tuple((due, name, interval) for due, _, name, interval in sorted(live))

    def _push(self, name: str, due_ns: int, interval_ns: int) -> None:
        number = self._number
        self._number += 1
        self._live[name] = number
        self._schedules.pop(name, None)
        heappush(self._due, (due_ns, number, name, interval_ns))
        self._look()

    def _look(self) -> None:
        """Forget what was cancelled or replaced at the head, and keep the earliest due time."""
        due = self._due
        while due and self._live.get(due[0][2]) != due[0][1]:
            heappop(due)
        self.next_due_ns = due[0][0] if due else None
