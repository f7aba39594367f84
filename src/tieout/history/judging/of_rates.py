"""What is wrong with one file of funding rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.history.judging.findings import Severity, finding
from tieout.history.judging.spans import length, shown_time, zone_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.history.judging.findings import Finding
    from tieout.history.judging.sheets import Sheet

    Int64s = NDArray[np.int64]

__all__ = ["FUNDING_TIMES", "judge_rates", "usual_rate_step"]

_SECOND: Final = 1_000_000_000
_HOUR: Final = 3600 * _SECOND
_JITTER: Final = 5 * _SECOND
_OFF_SHARE_MAX: Final = 0.2

FUNDING_TIMES: Final = {
    "binance": (8, 0),
    "bitget": (8, 0),
    "bitmex": (8, 4),
    "bybit": (8, 0),
    "dydx": (1, 0),
    "gate": (8, 0),
    "gateio": (8, 0),
    "htx": (8, 0),
    "huobi": (8, 0),
    "hyperliquid": (1, 0),
    "kucoin": (8, 4),
    "mexc": (8, 0),
    "okx": (8, 0),
}
"""Hours between fundings of a venue's main perpetuals, and the first hour of the day in UTC.

Source: the venues' own pages on funding.
"""


def judge_rates(sheet: Sheet) -> list[Finding]:
    """Return what is wrong with rates in order of time."""
    if len(sheet) < 10:
        return []
    found, times = _judge_jitter(sheet)
    step = usual_rate_step(times)
    phases = times % step
    values, counts = np.unique(phases, return_counts=True)
    phase = int(values[np.argmax(counts)])
    off = phases != phase
    if off.mean() <= _OFF_SHARE_MAX and off.any():
        detail = f"{int(off.sum()):,} stamps are not at {_clocks(phase, step)}"
        remedy = "Ask the venue what was paid there; a rate at another hour is charged then."
        found.append(finding(sheet.file, "interval", sheet.rows[off], detail, remedy))
    found += _judge_schedule(sheet, step, phase)
    steps = np.diff(times[~off])
    holes = np.flatnonzero(steps > step)
    if len(holes):
        missing = int((steps[holes] // step - 1).sum())
        longest = int(np.argmax(steps))
        detail = (
            f"{missing:,} rates are missing in {len(holes)} holes; the longest is "
            f"{int(steps[longest] - step) / (24 * _HOUR):.1f} days from "
            f"{shown_time(int(times[~off][longest]) + step)}"
        )
        remedy = "Fetch them again: a missing rate is a payment that is not charged."
        found.append(finding(sheet.file, "gap", sheet.rows[~off][holes + 1], detail, remedy))
    return found


def usual_rate_step(times: Int64s) -> int:
    """Return the most frequent distance of two rates, in ns."""
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return max(int(steps[np.argmax(counts)]), 1)


def _judge_jitter(sheet: Sheet) -> tuple[list[Finding], Int64s]:
    """Return the stamps on the minutes they stand for, and a note where they were off."""
    minute = 60 * _SECOND
    whole = (sheet.time_ns + minute // 2) // minute * minute
    off = np.abs(sheet.time_ns - whole)
    little = (off > 0) & (off <= _JITTER)
    if not little.any():
        return [], sheet.time_ns
    detail = f"{int(little.sum()):,} stamps are up to {int(off[little].max()) / 1e6:.0f} ms off"
    remedy = "Rates are taken at the whole minute; nothing to do."
    note = finding(sheet.file, "jitter", sheet.rows[little], detail, remedy, severity=Severity.NOTE)
    return [note], np.where(little, whole, sheet.time_ns)


def _judge_schedule(sheet: Sheet, step: int, phase: int) -> list[Finding]:
    """Compare the hours with those at which the venue settles."""
    found = []
    provider = sheet.name.provider
    hours, first = FUNDING_TIMES.get(provider or "", (8, 0))
    said = f"{provider} settles" if provider in FUNDING_TIMES else "most venues settle"
    if step != 8 * _HOUR or (hours, first) != (8, 0):
        every = length(step)
        detail = f"funding every {every}"
        if (hours, first) != (8, 0) and step == hours * _HOUR and hours > 1:
            detail += f", at {_clocks(first * _HOUR, step)} UTC and not at 00, 08, 16"
        remedy = f"Charge it so: a rate of this file is for {every}, at these hours."
        found.append(
            finding(sheet.file, "interval", sheet.rows, detail, remedy, severity=Severity.NOTE)
        )
    if step != hours * _HOUR or hours == 1:
        return found
    ahead = (phase - first * _HOUR) % step
    ahead = ahead - step if ahead > step // 2 else ahead
    if ahead:
        zone = f"UTC{ahead / _HOUR:+g}"
        detail = (
            f"stamps at {_clocks(phase, step)}, while {said} at {_clocks(first * _HOUR, step)} "
            f"UTC: they are in {zone}"
        )
        remedy = (
            f"Import with {zone_option(ahead / _HOUR)}; else each payment is "
            f"{abs(ahead) / _HOUR:g} h off."
        )
        found.append(finding(sheet.file, "time_zone", sheet.rows, detail, remedy))
    return found


def _clocks(phase: int, step: int) -> str:
    """Return the times of day of a schedule."""
    times = [phase + place * step for place in range(24 * _HOUR // step)]
    shown = [f"{each // _HOUR % 24:02}:{each // (60 * _SECOND) % 60:02}" for each in times]
    return ", ".join(shown) if len(shown) <= 6 else f"{shown[0]}, {shown[1]}, …"
