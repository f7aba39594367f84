"""Holes in a sheet, and how times and spans are written in a finding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec.structs import replace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.history.judging.sheets import Sheet
    from tieout.model.calendars import Calendar

__all__ = ["Gap", "clock", "gaps_of", "length", "open_ns_between", "shown_time", "zone_option"]

_SECOND: Final = 1_000_000_000
_UNITS: Final = (
    ("d", 86_400 * _SECOND),
    ("h", 3600 * _SECOND),
    ("m", 60 * _SECOND),
    ("s", _SECOND),
)


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A hole between two bars.

    Attributes:
        from_ns: Open of the first bar that is missing.
        until_ns: Open of the first one that is there again.
        bars: How many are missing.
        row: The row after the hole.
        beside_idle: Whether the bar before or after it is flat and without volume.
    """

    from_ns: int
    until_ns: int
    bars: int
    row: int
    beside_idle: bool = False


def gaps_of(sheet: Sheet, step_ns: int, calendar: Calendar | None = None) -> list[Gap]:
    """Return every hole of bars in order of time that are open-stamped, or all alike.

    Args:
        sheet: The bars.
        step_ns: Their length.
        calendar: When the market trades: what is missing outside of its sessions is no hole.
    """
    found = _every_gap(sheet, step_ns)
    if calendar is None or calendar.always:
        return found
    hours = np.array(calendar.trading_hours, np.int64)
    # Where more rows stand on closes than on opens, a row stands at the end of its bar.
    at_opens, at_closes = (np.isin(hours[:, side], sheet.time_ns).sum() for side in (0, 1))
    back_ns = step_ns if at_closes > at_opens else 0
    known = (calendar.first_ns, calendar.last_ns)
    held = (_in_sessions(each, step_ns, back_ns, hours, known) for each in found)
    return [each for each in held if each is not None]


def open_ns_between(from_ns: int, until_ns: int, calendar: Calendar) -> int:
    """Return how long a market trades in [from, until); all of it outside of what is known."""
    if calendar.always or from_ns < calendar.first_ns or until_ns > calendar.last_ns:
        return until_ns - from_ns
    hours = np.array(calendar.trading_hours, np.int64)
    spans = np.minimum(hours[:, 1], until_ns) - np.maximum(hours[:, 0], from_ns)
    return int(spans[spans > 0].sum())


def _in_sessions(
    gap: Gap, step_ns: int, back_ns: int, hours: NDArray[np.int64], known: tuple[int, int]
) -> Gap | None:
    """Return what of a hole lies in sessions, or None where nothing does."""
    begin, end = gap.from_ns - back_ns, gap.until_ns - back_ns
    if begin < known[0] or end > known[1]:
        return gap
    first = int(np.searchsorted(hours[:, 1], begin, "right"))
    last = int(np.searchsorted(hours[:, 0], end, "left"))
    missing, first_ns, after = 0, 0, 0
    for opened, closed in hours[first:last].tolist():
        # The bars [begin + n·step, + step) that meet the session, none of them twice.
        low = max((opened - begin) // step_ns, after, 0)
        high = min(-(-(closed - begin) // step_ns), -(-(end - begin) // step_ns))
        if high > low:
            first_ns = first_ns if missing else gap.from_ns + low * step_ns
            missing += high - low
            after = high
    return replace(gap, bars=missing, from_ns=first_ns) if missing else None


def _every_gap(sheet: Sheet, step_ns: int) -> list[Gap]:
    steps = np.diff(sheet.time_ns)
    places = np.flatnonzero(steps > step_ns)
    volume = sheet.fields.get("volume")
    idle = np.zeros(len(sheet), np.bool_)
    if volume is not None and "high" in sheet.fields:
        idle = (volume == 0) & (sheet.fields["high"] == sheet.fields["low"])
    return [
        Gap(
            from_ns=int(sheet.time_ns[place]) + step_ns,
            until_ns=int(sheet.time_ns[place + 1]),
            bars=max(1, int(steps[place] // step_ns) - 1),
            row=int(sheet.rows[place + 1]),
            beside_idle=bool(idle[place] or idle[place + 1]),
        )
        for place in places.tolist()
    ]


def shown_time(time_ns: int) -> str:
    """Return a time for a sentence."""
    return datetime.fromtimestamp(time_ns // _SECOND, UTC).strftime("%Y-%m-%d %H:%M")


def clock(minute: int) -> str:
    """Return a minute of the day as hours and minutes."""
    return f"{minute // 60:02}:{minute % 60:02}"


def length(span_ns: int) -> str:
    """Return a span in the largest unit that it is a whole number of."""
    for name, size in _UNITS:
        if span_ns and span_ns % size == 0:
            return f"{span_ns // size}{name}"
    return f"{span_ns / _SECOND:.3f}s"


def zone_option(hours: float) -> str:
    """Return how an import is told of a zone so many hours ahead of UTC."""
    told = f"UTC{hours:+g}"
    if hours % 1:
        return f"a zone of {told}"
    # The names of these zones count the other way round.
    return f"--zone Etc/GMT{-int(hours):+d}, which is {told}"
