"""What a judge finds: of which kind, in which rows, how grave, and what to do about it."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["KINDS", "ROWS_SHOWN", "Finding", "Severity", "finding"]

ROWS_SHOWN: Final = 100
"""More rows than these are counted and not listed."""

KINDS: Final = {
    "unreadable": "a row whose time or numbers cannot be read",
    "disorder": "times that go backwards, or newest first",
    "duplicate": "a time or an id that is there twice",
    "revised": "bars that were published again later, with other values",
    "column_order": "prices stand under the wrong headers",
    "impossible_bar": "high below low, open or close outside of them, a price not above zero",
    "crossed": "a bid above the ask",
    "interval": "steps or stamps that do not fit the interval, or are not what the venue has",
    "gap": "rows that should be there and are not",
    "halt": "a hole in which nothing was traded at all: the venue stood still",
    "zero_volume": "bars without any volume",
    "flat_run": "bar after bar with one and the same price",
    "outlier": "a price far from the ones around it that comes straight back",
    "unit": "numbers that change their unit within the file",
    "time_zone": "stamps that are hours away from UTC",
    "clock_skew": "a recorder's clock that is wrong: messages received before they were sent",
    "jitter": "stamps a little off the times they stand for",
    "mislabelled_provider": "two providers whose data is one and the same",
    "mislabelled_symbol": "two symbols whose data is one and the same",
    "not_judged": "a file that holds no market data in a form that is known here",
}
"""Every kind a finding may have."""


@unique
class Severity(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    """Good to know; nothing to mend."""
    DEFECT = "defect"
    """A strategy would see, or would have seen, something else."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a judge found.

    Attributes:
        file: The file it is in.
        kind: One of `KINDS`.
        rows: One-based data rows, the first hundred; empty where the whole file is meant.
        count: How many rows in all.
        detail: What it is, with figures.
        remedy: What to do.
        severity: `note` or `defect`.
    """

    file: str
    kind: str
    rows: tuple[int, ...]
    count: int
    detail: str
    remedy: str
    severity: Severity = Severity.DEFECT


def finding(
    file: str,
    kind: str,
    rows: NDArray[np.int64] | Iterable[int],
    detail: str,
    remedy: str,
    *,
    severity: Severity = Severity.DEFECT,
) -> Finding:
    """Return a finding; rows beyond the first hundred are only counted."""
    assert kind in KINDS, kind
    listed = [int(each) for each in rows]
    return Finding(
        file=file,
        kind=kind,
        rows=tuple(listed[:ROWS_SHOWN]),
        count=len(listed),
        detail=detail,
        remedy=remedy,
        severity=severity,
    )
