"""Local times of an exchange as UTC nanoseconds: daylight saving is decided here, once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from tieout.errors import InputError

__all__ = ["DateRange", "at_local", "moment_ns", "zone_named"]

_SECOND: Final = 1_000_000_000
_FIXED: Final = re.compile(r"UTC([+-])(\d{1,2})(?::?(\d{2}))?")


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days [first, last], both included, in local time."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError(
                f"the range ends on {self.last}, before it begins on {self.first}; give --from "
                "before --to"
            )


def zone_named(name: str) -> tzinfo:
    """Return a time zone: of the IANA data base, or a fixed one such as `UTC-05`.

    Raises:
        InputError: There is none of this name.
    """
    fixed = _FIXED.fullmatch(name)
    if fixed is not None:
        sign, hours, minutes = fixed.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if ahead < timedelta(days=1):
            return timezone(ahead if sign == "+" else -ahead)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"time zone {name!r} is unknown here; give one such as America/New_York, or UTC"
        ) from error


def at_local(day: date, seconds: int, zone: tzinfo) -> int:
    """Return a time of a day as UTC nanoseconds.

    A time that the clock skips in spring is taken as if it did not; of one that it shows twice in
    autumn the first is meant.

    Args:
        day: Local date.
        seconds: After its midnight by the clock on the wall; may reach beyond the day.
        zone: Whose clock.
    """
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001
    return _utc_ns(wall.replace(tzinfo=zone))


def moment_ns(text: str, zone: tzinfo) -> int:
    """Return an ISO date or time as UTC nanoseconds; without a zone of its own it is local.

    Raises:
        ValueError: It is neither, or lies before 1970.
    """
    moment = datetime.fromisoformat(text.strip())
    moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    found = _utc_ns(moment)
    if found < 0:
        raise ValueError(f"{text!r} lies before 1970")
    return found


def _utc_ns(moment: datetime) -> int:
    whole = moment.astimezone(UTC)
    # A float of so many seconds is not exact to the microsecond.
    return int(whole.replace(microsecond=0).timestamp()) * _SECOND + whole.microsecond * 1000
