"""Holes in a sheet, and how times and spans are written in a finding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from tieout.history.judging.sheets import Sheet

__all__ = ["Gap", "clock", "gaps_of", "length", "shown_time", "zone_option"]

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


def gaps_of(sheet: Sheet, step_ns: int) -> list[Gap]:
    """Return every hole of bars in order of time that are open-stamped, or all alike."""
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
