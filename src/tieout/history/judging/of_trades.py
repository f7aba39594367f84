"""What is wrong with one file of trades, or of quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.history.judging.findings import Severity, finding
from tieout.history.judging.spans import open_ns_between, shown_time

if TYPE_CHECKING:
    from tieout.history.judging.findings import Finding
    from tieout.history.judging.sheets import Sheet
    from tieout.model.calendars import Calendar

__all__ = ["judge_quotes", "judge_trades"]

_MINUTE: Final = 60_000_000_000
_ROWS_MIN: Final = 100
_SPIKE: Final = 0.05
_SILENCES: Final = 20


def judge_trades(sheet: Sheet, calendar: Calendar | None = None) -> list[Finding]:
    """Return what is wrong with trades in order of time, of a market with a calendar."""
    price = sheet.fields["price"]
    wrong = price <= 0
    quantity = sheet.fields.get("quantity")
    if quantity is not None:
        wrong |= quantity <= 0
    found = []
    if wrong.any():
        detail = f"{int(wrong.sum()):,} trades without a price or a quantity above zero"
        remedy = "Fetch them again, or import with --set-aside."
        found.append(finding(sheet.file, "impossible_bar", sheet.rows[wrong], detail, remedy))
    if len(sheet) < _ROWS_MIN or wrong.any():
        return found
    before, here, after = price[:-2], price[1:-1], price[2:]
    near = np.abs(after / before - 1)
    far = np.minimum(np.abs(here / before - 1), np.abs(here / after - 1))
    spikes = (far > _SPIKE) & (far > 5 * near)
    if spikes.any():
        detail = (
            f"{int(spikes.sum()):,} prints lie {far[spikes].min():.1%} and more off both others"
        )
        remedy = "Compare with another provider; a print that nobody could trade at fills stops."
        found.append(finding(sheet.file, "outlier", sheet.rows[1:-1][spikes], detail, remedy))
    steps = np.diff(sheet.time_ns)
    if calendar is not None:
        # Only what passes while the market trades is silence.
        times = sheet.time_ns.tolist()
        for place in np.flatnonzero(steps > 5 * _MINUTE).tolist():
            steps[place] = open_ns_between(times[place], times[place + 1], calendar)
    limit = max(_SILENCES * float(np.quantile(steps, 0.999)), 5 * _MINUTE)
    holes = np.flatnonzero(steps > limit)
    if len(holes):
        longest = int(np.argmax(steps))
        detail = (
            f"{len(holes)} silences beyond all usual ones; the longest is "
            f"{steps[longest] / _MINUTE:.0f} minutes from {shown_time(int(sheet.time_ns[longest]))}"
        )
        remedy = "A session's end, a halt, or a lost stream: compare with bars of these hours."
        rows = sheet.rows[holes + 1]
        found.append(finding(sheet.file, "gap", rows, detail, remedy, severity=Severity.NOTE))
    return found


def judge_quotes(sheet: Sheet) -> list[Finding]:
    """Return what is wrong with best bids and asks in order of time."""
    bid, ask = sheet.fields["bid"], sheet.fields["ask"]
    crossed = (bid > ask) & (ask > 0) & (bid > 0)
    if not crossed.any():
        return []
    detail = f"in {int(crossed.sum()):,} rows the bid is above the ask"
    remedy = "Are the columns the right way round? A market order would be paid for trading there."
    return [finding(sheet.file, "crossed", sheet.rows[crossed], detail, remedy)]
