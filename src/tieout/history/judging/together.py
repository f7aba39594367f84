"""What two files show that one cannot: which is shifted, copied, or lost what the other kept."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.history.judging.findings import Severity, finding
from tieout.history.judging.of_bars import is_busy, usual_step
from tieout.history.judging.of_rates import usual_rate_step
from tieout.history.judging.spans import Gap, gaps_of, length, shown_time, zone_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.history.judging.findings import Finding
    from tieout.history.judging.sheets import Sheet
    from tieout.model.calendars import Calendar

    Floats = NDArray[np.float64]

__all__ = ["judge_together"]

_HALF_HOUR: Final = 1_800_000_000_000
_HOUR: Final = 2 * _HALF_HOUR
_SHIFTS: Final = tuple(each * _HALF_HOUR for each in range(-28, 29) if each)
_SHARED_MIN: Final = 100
_SAME: Final = 0.99
_VALUES_MIN: Final = 50
"""So many different values at least: prices that hardly move are equal by chance."""
_VOLUME_ERROR: Final = 1e-3


def judge_together(sheets: Sequence[Sheet], calendar: Calendar | None = None) -> list[Finding]:
    """Return what the files show about each other; each is in order of time."""
    found: list[Finding] = []
    for one, other in combinations(sheets, 2):
        if one.kind == other.kind == "bars":
            found += _judge_copies(one, other)
        elif one.kind == other.kind == "rates":
            found += _judge_shift(one, other, "rate")
    bars = [each for each in sheets if each.kind == "bars" and len(each) > 1]
    for fine in bars:
        found += _judge_holes(fine, bars, calendar)
    return found


# -- copies and shifts -------------------------------------------------------------------------


def _judge_copies(one: Sheet, other: Sheet) -> list[Finding]:
    if min(len(one), len(other)) < _SHARED_MIN or usual_step(one) != usual_step(other):
        return []
    shared, equal = _agreement(one, other, "close", 0)
    if shared < _SHARED_MIN:
        return _judge_shift(one, other, "close")
    if equal < _SAME * shared:
        return _judge_shift(one, other, "close") if equal < 0.5 * shared else []
    if _both(one.name.provider, other.name.provider):
        kind, names = "mislabelled_provider", (one.name.provider, other.name.provider)
    elif _both(one.name.market, other.name.market):
        kind, names = "mislabelled_symbol", (one.name.market, other.name.market)
    else:
        return []
    return [
        finding(
            mine.file,
            kind,
            mine.rows,
            f"{equal:,} of {shared:,} closes equal those of {_short(theirs)}: {names[0]} and "
            f"{names[1]} cannot both be right",
            "Compare with the venue itself, and drop the one that is not what it says.",
        )
        for mine, theirs in ((one, other), (other, one))
    ]


def _both(one: str | None, other: str | None) -> bool:
    """Whether two names are known and different."""
    return one is not None and other is not None and one != other


def _judge_shift(one: Sheet, other: Sheet, field: str) -> list[Finding]:
    """Find hours by which one file's stamps are ahead of the other's."""
    if one.name.market != other.name.market or _both(one.name.provider, other.name.provider):
        return []
    if min(len(one), len(other)) < _SHARED_MIN or _step(one) != _step(other):
        return []
    shared, equal = _agreement(one, other, field, 0)
    if shared and equal > 0.5 * shared:
        return []
    tried = [(_agreement(one, other, field, shift), shift) for shift in _SHIFTS]
    (shared, equal), shift = max(tried, key=lambda each: each[0][1])
    if shared < _SHARED_MIN or equal < _SAME * shared:
        return []
    # Stamps that say their zone are believed.
    suspects = [each for each in (one, other) if not each.has_zone] or [one, other]
    return [
        finding(
            mine.file,
            "time_zone",
            mine.rows,
            f"{equal:,} of {shared:,} rows equal those of "
            f"{_short(other if mine is one else one)} when they are moved by "
            f"{(-shift if mine is one else shift) / _HOUR:+g} h",
            f"Import with {zone_option((shift if mine is one else -shift) / _HOUR)}.",
        )
        for mine in suspects
    ]


def _step(sheet: Sheet) -> int:
    if sheet.kind == "rates":
        return usual_rate_step(_minutes(sheet.time_ns))
    return usual_step(sheet)


def _minutes(times: NDArray[np.int64]) -> NDArray[np.int64]:
    minute = 60_000_000_000
    return (times + minute // 2) // minute * minute


def _agreement(one: Sheet, other: Sheet, field: str, shift_ns: int) -> tuple[int, int]:
    """Return how many times both have when one is moved back, and how many values are equal."""
    times = (_minutes(one.time_ns - shift_ns), _minutes(other.time_ns))
    _, mine, theirs = np.intersect1d(*times, return_indices=True)
    values, others = one.fields[field][mine], other.fields[field][theirs]
    if len(np.unique(values)) < _VALUES_MIN:
        return 0, 0
    near = np.abs(values - others) <= 1e-9 * np.maximum(np.abs(values), 1e-9)
    return len(mine), int(near.sum())


# -- holes -------------------------------------------------------------------------------------


def _judge_holes(fine: Sheet, bars: Sequence[Sheet], calendar: Calendar | None) -> list[Finding]:
    """Say of each hole whether something was traded in it, by coarser bars of the same market."""
    step = usual_step(fine)
    gaps = gaps_of(fine, step, calendar)
    coarser = [
        each
        for each in bars
        if each is not fine
        and each.name.market == fine.name.market
        and each.name.provider == fine.name.provider
        and "volume" in each.fields
        and usual_step(each) > step
        and usual_step(each) % step == 0
    ]
    if not gaps or not coarser or "volume" not in fine.fields:
        return []
    still: list[Gap] = []
    lost: list[Gap] = []
    for gap in gaps:
        verdicts = [_was_traded(gap, fine, each) for each in coarser]
        if True in verdicts:
            lost.append(gap)
        elif False in verdicts:
            still.append(gap)
    witnesses = ", ".join(sorted({length(usual_step(each)) for each in coarser}))
    found = []
    # In a market that trades now and then a minute without a trade is no halt.
    if still and is_busy(fine, gaps):
        found.append(
            finding(
                fine.file,
                "halt",
                [each.row for each in still],
                f"in {len(still)} holes nothing was traded, by the bars of {witnesses}: the venue "
                f"stood still (unless those were made of this file), {_longest(still)}",
                "Keep them as outages of the venue: a live run would have seen the same.",
                severity=Severity.NOTE,
            )
        )
    if lost:
        found.append(
            finding(
                fine.file,
                "gap",
                [each.row for each in lost],
                f"in {len(lost)} holes there was trading, by the bars of {witnesses}: the rows "
                f"were lost, {_longest(lost)}",
                "Fetch them again; a strategy on the coarser bars would see what this lacks.",
            )
        )
    return found


def _was_traded(gap: Gap, fine: Sheet, coarse: Sheet) -> bool | None:
    """Return whether coarser bars show trading in a hole; None where they cannot tell."""
    step = usual_step(coarse)
    phase = int(coarse.time_ns[0]) % step
    first = (gap.from_ns - phase) // step * step + phase
    verdict = None
    for opened in range(first, gap.until_ns, step):
        if opened < coarse.time_ns[0] or opened > coarse.time_ns[-1]:
            continue
        place = int(np.searchsorted(coarse.time_ns, opened))
        there = place < len(coarse) and coarse.time_ns[place] == opened
        inside = opened >= gap.from_ns and opened + step <= gap.until_ns
        if not there:
            if inside:
                verdict = False
            continue
        begin, end = np.searchsorted(fine.time_ns, [opened, opened + step])
        kept = float(fine.fields["volume"][begin:end].sum())
        whole = float(coarse.fields["volume"][place])
        if whole - kept > _VOLUME_ERROR * max(whole, 1e-12):
            return True
        verdict = False
    return verdict


def _longest(gaps: Sequence[Gap]) -> str:
    most = max(gaps, key=lambda each: each.until_ns - each.from_ns)
    return f"longest {length(most.until_ns - most.from_ns)} from {shown_time(most.from_ns)}"


def _short(sheet: Sheet) -> str:
    return sheet.file.rsplit("/", 1)[-1]
