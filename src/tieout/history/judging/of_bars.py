"""What is wrong with one file of bars."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.history.judging.findings import Finding, Severity, finding
from tieout.history.judging.sheets import PRICES
from tieout.history.judging.spans import Gap, clock, gaps_of, length, shown_time
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.history.judging.sheets import Sheet
    from tieout.model.calendars import Calendar

    Floats = NDArray[np.float64]

__all__ = ["columns_put_right", "is_busy", "judge_bars", "usual_step"]

_DAY: Final = 86_400_000_000_000
_ROWS_MIN: Final = 20
_WRONG_SHARE: Final = 0.2
"""With more impossible bars than this the columns are in question, not the bars."""
_FLAT_BARS: Final = 10
_OUTLIER_DEVIATIONS: Final = 25
_OUTLIER_LEAST: Final = 0.02
_UNIT_FACTOR: Final = 5.0
_DAILY_SHARE: Final = 0.8
_THIN_SHARE: Final = 0.9
_IDLE_SHARE: Final = 0.02


def columns_put_right(sheet: Sheet) -> tuple[Sheet, list[Finding]]:
    """Return bars with their prices under the right names, and the finding where they were not.

    Of the orders in which high and low enclose open and close, the one is taken in which bars open
    where the ones before them closed.
    """
    prices = [sheet.fields[name] for name in PRICES]
    wrong = float(_impossible(*prices).mean()) if len(sheet) else 0.0
    if len(sheet) < _ROWS_MIN or wrong < _WRONG_SHARE:
        return sheet, []
    ranked = sorted(
        permutations(range(4)),
        key=lambda order: (
            round(float(_impossible(*(prices[each] for each in order)).mean()), 3),
            _break_between(prices[order[0]], prices[order[3]]),
        ),
    )
    best = ranked[0]
    left = float(_impossible(*(prices[each] for each in best)).mean())
    if left > _WRONG_SHARE / 10:
        return sheet, []
    names = [sheet.headers.get(name, name) for name in PRICES]
    says = ", ".join(f"{PRICES[place]} is under {names[best[place]]!r}" for place in range(4))
    fields = {name: prices[best[place]] for place, name in enumerate(PRICES)}
    mapping = " ".join(f"--column {PRICES[place]}={names[best[place]]}" for place in range(4))
    told = finding(
        sheet.file,
        "column_order",
        sheet.rows,
        f"{wrong:.0%} of the bars are impossible as the columns are named and "
        f"{left:.1%} when {says}",
        f"Import with {mapping}.",
    )
    return replace(sheet, fields={**sheet.fields, **fields}), [told]


def judge_bars(sheet: Sheet, calendar: Calendar | None = None) -> list[Finding]:
    """Return what is wrong with bars in order of time, of a market that trades by a calendar."""
    if len(sheet) < 2:
        return []
    step_ns = usual_step(sheet)
    found = _judge_values(sheet)
    found += _judge_interval(sheet, step_ns)
    found += _judge_gaps(sheet, step_ns, calendar)
    found += _judge_volume(sheet)
    found += _judge_flat_runs(sheet)
    found += _judge_outliers(sheet)
    return found + _judge_units(sheet)


def usual_step(sheet: Sheet) -> int:
    """Return the most frequent distance of two rows, in ns."""
    steps, counts = np.unique(np.diff(sheet.time_ns), return_counts=True)
    return int(steps[np.argmax(counts)])


def _impossible(opens: Floats, highs: Floats, lows: Floats, closes: Floats) -> NDArray[np.bool_]:
    return (highs < np.maximum(opens, closes)) | (lows > np.minimum(opens, closes))


def _break_between(opens: Floats, closes: Floats) -> float:
    """Return how far bars open, in the middle, from where the one before closed."""
    return float(np.median(np.abs(opens[1:] - closes[:-1])))


def _judge_values(sheet: Sheet) -> list[Finding]:
    prices = [sheet.fields[name] for name in PRICES]
    wrong = _impossible(*prices)
    for values in prices:
        wrong |= values <= 0
    volume = sheet.fields.get("volume")
    if volume is not None:
        wrong |= volume < 0
    if not wrong.any():
        return []
    return [
        finding(
            sheet.file,
            "impossible_bar",
            sheet.rows[wrong],
            f"{int(wrong.sum()):,} bars cannot be: a price not above zero, a volume below zero, or "
            "open or close outside of high and low",
            "Fetch them again, or import with --set-aside.",
        )
    ]


def _judge_interval(sheet: Sheet, step_ns: int) -> list[Finding]:
    found = []
    said = sheet.name.interval_ns
    if said is not None and said != step_ns:
        found.append(
            finding(
                sheet.file,
                "interval",
                sheet.rows,
                f"the name says {interval_name(said)}, the rows are {length(step_ns)} apart",
                "Say what it is: --interval.",
            )
        )
    off = sheet.time_ns % step_ns != sheet.time_ns[0] % step_ns
    if off.any() and not off.all():
        found.append(
            finding(
                sheet.file,
                "interval",
                sheet.rows[off],
                f"{int(off.sum()):,} stamps do not lie on the grid of {length(step_ns)}",
                "Bars of several intervals in one file? Part them.",
            )
        )
    return found


def _judge_gaps(sheet: Sheet, step_ns: int, calendar: Calendar | None) -> list[Finding]:
    gaps = gaps_of(sheet, step_ns, calendar)
    found: list[Finding] = []
    if calendar is None:
        gaps, found = _without_weekends(sheet, gaps)
    if not gaps:
        return found
    missing = sum(each.bars for each in gaps)
    longest = max(gaps, key=lambda each: each.bars)
    share = missing / (len(sheet) + missing)
    detail = (
        f"{missing:,} bars are missing ({share:.1%}) in {len(gaps):,} holes; the longest has "
        f"{longest.bars:,} bars from {shown_time(longest.from_ns)}"
    )
    remedy = "Fetch these hours again; until then say what a hole is where you ask for bars: gaps=."
    daily = _daily_hole(gaps, sheet)
    short = np.mean([each.bars <= 3 for each in gaps])
    if daily is not None:
        begins, ends, days = daily
        detail += f"; {days} of its days lack the hours {begins} to {ends} UTC"
        remedy = "Data was lost at the same hours every day: the collector stood still. " + remedy
    elif len(gaps) > _ROWS_MIN and short > _THIN_SHARE:
        detail += "; most holes are short: minutes without a trade seem to have no row"
        remedy = "If that is so, say it when importing; nothing is missing then."
    rows = np.array([each.row for each in gaps], np.int64)
    found.append(finding(sheet.file, "gap", rows, detail, remedy))
    stood = [each for each in gaps if each.beside_idle]
    if stood and daily is None and is_busy(sheet, gaps):
        spans = "; ".join(f"{shown_time(each.from_ns)}, {each.bars} bars" for each in stood[:5])
        found.append(
            finding(
                sheet.file,
                "halt",
                [each.row for each in stood],
                f"{len(stood)} holes begin or end in bars without volume, as when a venue stops: "
                f"{spans}",
                "Keep them as outages of the venue; another file of it would tell for sure.",
                severity=Severity.NOTE,
            )
        )
    return found


def is_busy(sheet: Sheet, gaps: Sequence[Gap]) -> bool:
    """Whether nearly every bar has trades, so that a hole is something out of the ordinary."""
    volume = sheet.fields.get("volume")
    idle = 0.0 if volume is None else float((volume == 0).mean())
    return idle < _IDLE_SHARE and len(gaps) < _IDLE_SHARE * len(sheet)


def _without_weekends(sheet: Sheet, gaps: list[Gap]) -> tuple[list[Gap], list[Finding]]:
    """Take away the holes of a market that closes each weekend, and say so."""
    weeks = (sheet.time_ns[-1] - sheet.time_ns[0]) // (7 * _DAY)
    closed = [each for each in gaps if _spans_saturday_noon(each)]
    if weeks < 2 or len(closed) < _DAILY_SHARE * weeks:
        return gaps, []
    longest = max(closed, key=lambda each: each.bars)
    detail = (
        f"{len(closed)} holes lie over weekends, the longest {longest.bars:,} bars from "
        f"{shown_time(longest.from_ns)}"
    )
    note = finding(
        sheet.file,
        "gap",
        [each.row for each in closed],
        detail,
        "A market that closes: import its calendar and judge with --calendar.",
        severity=Severity.NOTE,
    )
    return [each for each in gaps if not _spans_saturday_noon(each)], [note]


def _spans_saturday_noon(gap: Gap) -> bool:
    # 1970 began on a Thursday: Saturday noon came two and a half days later.
    week, noon = 7 * _DAY, 2 * _DAY + _DAY // 2
    next_noon = (gap.from_ns - noon + week - 1) // week * week + noon
    return next_noon < gap.until_ns and _DAY < gap.until_ns - gap.from_ns < 5 * _DAY


def _daily_hole(gaps: list[Gap], sheet: Sheet) -> tuple[str, str, int] | None:
    """Return from when to when nearly every day has a hole, and on how many days it has."""
    days = int((sheet.time_ns[-1] - sheet.time_ns[0]) // _DAY)
    if days < 5 or len(gaps) < _DAILY_SHARE * days:
        return None
    # Per minute of the day: in how many holes it lies.
    covered = np.zeros(1441, np.int64)
    for each in gaps:
        first = each.from_ns // MINUTE
        count = min((each.until_ns - each.from_ns) // MINUTE, 1440)
        minutes = (first + np.arange(count)) % 1440
        covered[:1440] += np.bincount(minutes, minlength=1440)
    always = covered[:1440] >= _DAILY_SHARE * days
    if not always.any() or always.all():
        return None
    edges = np.flatnonzero(np.diff(np.concatenate((always[-1:], always)).astype(np.int8)) == 1)
    ends = np.flatnonzero(np.diff(np.concatenate((always, always[:1])).astype(np.int8)) == -1)
    begin = int(edges[0])
    end = int(ends[ends >= begin][0] if (ends >= begin).any() else ends[0]) + 1
    return clock(begin), clock(end % 1440), int(covered[:1440].max())


MINUTE: Final = 60_000_000_000


def _judge_volume(sheet: Sheet) -> list[Finding]:
    volume = sheet.fields.get("volume")
    if volume is None:
        return []
    idle = volume == 0
    if not idle.any():
        return []
    if idle.all():
        detail, remedy = (
            "no bar has a volume",
            "Quotes or an index? Nothing can be filled by the share of a volume.",
        )
    else:
        detail = f"{int(idle.sum()):,} bars without volume ({idle.mean():.1%})"
        remedy = "Mind that no order could have traded there."
    return [
        finding(sheet.file, "zero_volume", sheet.rows[idle], detail, remedy, severity=Severity.NOTE)
    ]


def _judge_flat_runs(sheet: Sheet) -> list[Finding]:
    prices = [sheet.fields[name] for name in PRICES]
    same = np.ones(len(sheet), np.bool_)
    for values in prices[1:]:
        same &= values == prices[0]
    goes_on = same[1:] & same[:-1] & (prices[3][1:] == prices[3][:-1])
    edges = np.diff(np.concatenate(([0], goes_on.astype(np.int8), [0])))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = ends - begins + 1
    long = lengths >= _FLAT_BARS
    if not long.any():
        return []
    rows = sheet.rows[begins[long]]
    detail = (
        f"{int(long.sum()):,} runs of {_FLAT_BARS} and more bars with one price, the longest "
        f"{int(lengths.max()):,}"
    )
    remedy = "A thin market, or rows that were filled in where nothing came: compare the volume."
    return [finding(sheet.file, "flat_run", rows, detail, remedy, severity=Severity.NOTE)]


def _judge_outliers(sheet: Sheet) -> list[Finding]:
    """Find extremes that are far from the closes on both sides: there and straight back."""
    closes = sheet.fields["close"]
    if len(closes) < 10 * _ROWS_MIN or (closes <= 0).any():
        return []
    returns = np.abs(np.diff(closes)) / closes[:-1]
    usual = max(float(np.median(returns)) / 0.6745, 1e-6)
    limit = max(_OUTLIER_DEVIATIONS * usual, _OUTLIER_LEAST)
    before, after = closes[:-2], closes[2:]
    here = slice(1, -1)
    up = np.minimum(sheet.fields["high"][here] / before, sheet.fields["high"][here] / after) - 1
    down = 1 - np.maximum(sheet.fields["low"][here] / before, sheet.fields["low"][here] / after)
    far = np.maximum(up, down)
    # The market's own wide hours are no errors: what counts is far beyond both neighbours' range.
    ranges = (sheet.fields["high"] - sheet.fields["low"]) / closes
    near = np.maximum(ranges[:-2], ranges[2:])
    wrong = far > np.maximum(limit, 5 * near)
    if not wrong.any():
        return []
    rows = sheet.rows[1:-1][wrong]
    detail = (
        f"{int(wrong.sum()):,} bars reach {far[wrong].min():.1%} to {far[wrong].max():.1%} beyond "
        "the closes on both sides of them"
    )
    remedy = "Compare with another provider; a print that nobody could trade at fills stops."
    return [finding(sheet.file, "outlier", rows, detail, remedy)]


def _judge_units(sheet: Sheet) -> list[Finding]:
    """Find where prices, all at once and for good, are ten or more times what they were."""
    closes = sheet.fields["close"]
    if (closes <= 0).any():
        return []
    ratios = closes[1:] / closes[:-1]
    jumps = np.flatnonzero((ratios > _UNIT_FACTOR) | (ratios < 1 / _UNIT_FACTOR))
    kept = []
    for jump in jumps.tolist():
        before = np.median(closes[max(0, jump - 9) : jump + 1])
        after = np.median(closes[jump + 1 : jump + 11])
        if not 1 / _UNIT_FACTOR < after / before < _UNIT_FACTOR:
            kept.append(jump + 1)
    if not kept:
        return []
    factor = float(ratios[kept[0] - 1])
    detail = f"prices are {factor:.4g} times what they were from one bar to the next, for good"
    remedy = "A new unit, a split, or another instrument: part the file there."
    return [finding(sheet.file, "unit", sheet.rows[kept], detail, remedy)]
