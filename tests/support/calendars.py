"""Calendars of a few days, in New York's hours of autumn 2013."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tieout.model.calendars import Calendar, Session, SessionKind, calendar_of

NEW_YORK = ZoneInfo("America/New_York")
HOUR = 3_600_000_000_000


def at(text: str, zone: ZoneInfo = NEW_YORK) -> int:
    """Return a local time such as `2013-11-29 13:00` as UTC nanoseconds."""
    moment = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    return int(moment.timestamp()) * 1_000_000_000


def a_calendar(
    *sessions: Session, name: str = "XNYS", first: str = "2013-11-25", last: str = "2013-12-07"
) -> Calendar:
    """Return a calendar; without sessions, the week of Thanksgiving 2013 and the Monday after."""
    given = sessions or (
        *(a_session(f"2013-11-{day}") for day in (25, 26, 27)),
        a_session("2013-11-29", close="13:00", kind=SessionKind.HALF_DAY),
        a_session("2013-12-02"),
    )
    return calendar_of(
        name,
        given,
        source="a test",
        zone="America/New_York",
        first_ns=at(f"{first} 00:00"),
        last_ns=at(f"{last} 00:00"),
    )


def a_session(
    day: str,
    *,
    open: str = "09:30",  # noqa: A002 - a market's word
    close: str = "16:00",
    kind: SessionKind = SessionKind.REGULAR,
    pause: tuple[str, str] | None = None,
) -> Session:
    """Return a session of a local day."""
    start, end = (None, None) if pause is None else (at(f"{day} {each}") for each in pause)
    return Session(at(f"{day} {open}"), at(f"{day} {close}"), kind, start, end)
