"""What every matching core reports, in one numbering, whatever it matches on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.market import _layout as at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "REASONS",
    "CoreReport",
    "ReportKind",
    "ReportReason",
    "book_reports",
    "core_report",
]


class ReportKind:
    """Kinds of `CoreReport`."""

    FILL = at.FILL_REPORT
    TRIGGER = at.TRIGGER_REPORT
    EXPIRY = at.EXPIRY_REPORT
    CANCEL = at.CANCEL_REPORT
    CANCEL_REFUSAL = at.CANCEL_REFUSAL
    FUNDING = at.FUNDING_REPORT
    ACCEPTANCE = at.ACCEPTANCE
    REJECTION = at.REJECTION
    AMEND = at.AMEND_REPORT
    AMEND_REFUSAL = at.AMEND_REFUSAL


class ReportReason:
    """Why an order ended, or a command was refused: values of `CoreReport.reason`."""

    NONE = at.NO_REASON
    IN_FORCE = at.IN_FORCE_REASON
    EXPIRED = at.EXPIRED_REASON
    POST_ONLY = at.POST_ONLY_REASON
    REDUCE_ONLY = at.REDUCE_ONLY_REASON
    FINAL = at.FINAL_REASON
    UNKNOWN = at.UNKNOWN_REASON
    INVALID = at.INVALID_REASON
    AMENDED = at.AMENDED_REASON


REASONS: Final = {
    at.NO_REASON: "",
    at.IN_FORCE_REASON: "time_in_force",
    at.EXPIRED_REASON: "expired",
    at.POST_ONLY_REASON: "post_only",
    at.REDUCE_ONLY_REASON: "reduce_only",
    at.FINAL_REASON: "final",
    at.UNKNOWN_REASON: "unknown_order",
    at.INVALID_REASON: "invalid",
    at.AMENDED_REASON: "amended",
}
"""The words of `CoreReport.reason`."""


class CoreReport(msgspec.Struct, frozen=True, gc=False):
    """A row of `out`, in the order of its fields, and what decided it.

    Attributes:
        kind: `ReportKind` value.
        order: The order's number; 0 of FUNDING.
        arrival_ns: When we know it.
        moment_ns, rank, sequence: What comes first among reports known at one time.
        venue_time_ns: When it was true.
        lots: Of FILL: of this fill; of AMEND: the new total; of what ends an order: filled before;
            of FUNDING: the position.
        price_ticks: Of FILL; of AMEND the limit; of FUNDING the mark. 0: none.
        reference_ticks: Of FILL: the reference in whole ticks, rounded so that the shift from it is
            not made smaller; of AMEND the trigger. 0: none.
        half_spread_microticks: Of a taker's FILL: the part of its shift that is half the spread.
        liquidity: `Liquidity` value.
        reason: `ReportReason` value; `REASONS` has its word.
        resolved_by: Of FILL: what decided it, as in `Fill`.
        reference_microticks: Of FILL on a book: exactly the mid when the order met it, or a
            maker's own price. 0: not known.
        queue_ahead_microlots: Of a maker's FILL on a book: what stood ahead of it just before.
    """

    kind: int
    order: int
    arrival_ns: int
    moment_ns: int
    rank: int
    sequence: int
    venue_time_ns: int
    lots: int
    price_ticks: int
    reference_ticks: int
    half_spread_microticks: int
    liquidity: int
    reason: int
    resolved_by: str = ""
    reference_microticks: int = 0
    queue_ahead_microlots: int = 0


def book_reports(cells: Sequence[Any], width: int, resolved_by: str) -> list[CoreReport]:
    """Return the rows of `out` of a core on a book: those of the others, and two columns more."""
    found = []
    for base in range(0, len(cells), width):
        row = list(cells[base : base + width])
        row.insert(at.OUT_WIDTH, resolved_by if row[at.OUT_KIND] == at.FILL_REPORT else "")
        found.append(CoreReport(*row))
    return found


def core_report(row: Sequence[Any], resolved_by: str) -> CoreReport:
    """Return a row of `out` as a report."""
    made: Callable[..., CoreReport] = CoreReport
    return made(*row, resolved_by)
