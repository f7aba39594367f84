"""Calendars from the package `exchange-calendars`, where it is installed: when importing only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tieout.errors import InputError
from tieout.history.reference.times import at_local, zone_named
from tieout.model.calendars import ALWAYS, Calendar, Session, SessionKind, calendar_of

if TYPE_CHECKING:
    from tieout.history.reference.times import DateRange

__all__ = ["calendar_from_package"]

_NO_TIME: Final = -(1 << 63)
"""How the package's arrays say that a session has no break."""
_WHOLE_DAY: Final = 86_400


def calendar_from_package(exchange: str, *, name: str, span: DateRange) -> Calendar:
    """Return a calendar that the package knows.

    Args:
        exchange: The package's name of it, e.g. `XNYS`.
        name: What to call the calendar.
        span: Local days it is to know.

    Raises:
        InputError: The package is not installed, knows no such calendar, or not for these days.
    """
    if exchange == ALWAYS.name:
        raise InputError("24/7 is the calendar that every run has; nothing is to be imported")
    package = _package()
    try:
        made = package.get_calendar(
            exchange, start=span.first.isoformat(), end=span.last.isoformat()
        )
    except Exception as error:
        raise InputError(
            f"exchange-calendars: {exchange} from {span.first} to {span.last}: {error}"
        ) from error
    zone = zone_named(str(made.tz))
    # Sessions are named by their date; those that are shorter are listed by name.
    shorter = {*made.early_closes.asi8.tolist(), *made.late_opens.asi8.tolist()}
    rows = zip(
        *(
            getattr(made, f"{edge}_nanos").tolist()
            for edge in ("sessions", "opens", "closes", "break_starts", "break_ends")
        ),
        strict=True,
    )
    sessions = [
        Session(
            opened,
            closed,
            SessionKind.HALF_DAY if session in shorter else SessionKind.REGULAR,
            None if start == _NO_TIME else start,
            None if end == _NO_TIME else end,
        )
        for session, opened, closed, start, end in rows
    ]
    first_ns = at_local(span.first, 0, zone)
    last_ns = at_local(span.last, _WHOLE_DAY, zone)
    opens = [each.open_ns for each in sessions]
    closes = [each.close_ns for each in sessions]
    return calendar_of(
        name,
        sessions,
        source=f"exchange-calendars: {exchange}",
        version=str(package.__version__),
        zone=str(made.tz),
        first_ns=min([first_ns, *opens[:1]]),
        last_ns=max([last_ns, *closes[-1:]]),
    )


def _package() -> Any:  # noqa: ANN401 - it ships no types
    try:
        # An extra that takes a second to import, and is needed only while importing.
        import exchange_calendars  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "exchange-calendars is not installed; install tieout[calendars], or import the "
            "calendar from a CSV or a market hours data base of LEAN"
        ) from error
    return exchange_calendars
