"""What is wrong with one recording: messages as they came, with the recorder's stamps."""

from __future__ import annotations

import gzip
import re
import zlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tieout.errors import DataError
from tieout.history.captures.lines import read_lines
from tieout.history.judging.findings import finding

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.judging.findings import Finding

__all__ = ["is_recording", "judge_recording"]

_MS: Final = 1_000_000
_LINE: Final = re.compile(rb"^(\d{19}|\d{10}\.\d{1,9}:) [\[{]")
_ADDRESS: Final = re.compile(rb"^(wss?|https?)://")
_SENT: Final = ("E", "ts", "T", "timestamp")
_LEAST: Final = 10
_CLOCK_MS_MAX: Final = 60_000


def is_recording(path: Path) -> bool:
    """Whether a file begins as a recording does: a stamp of the recorder's, then a message."""
    try:
        with path.open("rb") as opened:
            packed = opened.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as opened:
            for line in islice(iter(lambda: opened.readline(1 << 16), b""), 20):
                if not _ADDRESS.match(line):
                    return bool(_LINE.match(line))
    except (OSError, EOFError, zlib.error):
        return False
    return False


def judge_recording(path: Path, progress: Progress | None = None) -> list[Finding]:
    """Return what is wrong with a recording's clock and order."""
    rows: list[int] = []
    late_ms: list[float] = []
    found: list[Finding] = []
    try:
        for line in read_lines(path, progress):
            sent_ns = _sent_ns(line.message)
            if sent_ns is not None and line.received_ns is not None:
                rows.append(line.row)
                late_ms.append((line.received_ns - sent_ns) / _MS)
    except DataError as error:
        kind = "disorder" if "before the one above" in str(error) else "unreadable"
        at = () if error.row is None else (error.row,)
        found.append(finding(str(path), kind, at, error.problem, error.remedy or "Fetch it again."))
    late = np.array(late_ms)
    # What is about another time than its own sending, a snapshot say, tells nothing of the clock.
    usual = np.abs(late) < _CLOCK_MS_MAX
    if usual.sum() < _LEAST:
        return found
    fastest, middle = np.quantile(late[usual], [0.01, 0.5])
    if middle < 0:
        early = usual & (late < 0)
        detail = (
            f"{early.sum() / usual.sum():.0%} of the messages were received before they were sent; "
            f"the recorder's clock is at least {-middle / 1000:.3f} s behind the venue's "
            f"(p1 {fastest / 1000:.3f} s)"
        )
        remedy = "Import with --clock-offset measure; without it nothing is known when it was."
        told = np.array(rows, np.int64)[early]
        found.append(finding(str(path), "clock_skew", told, detail, remedy))
    elif fastest < 0:
        early = usual & (late < 0)
        detail = f"{int(early.sum()):,} messages were received before they were sent"
        remedy = "The recorder's clock was set meanwhile: look at the rows where that begins."
        told = np.array(rows, np.int64)[early]
        found.append(finding(str(path), "clock_skew", told, detail, remedy))
    return found


def _sent_ns(message: Any) -> int | None:  # noqa: ANN401 - whatever a venue sends
    """Return when a message says that it was sent."""
    if not isinstance(message, dict):
        return None
    inner = message.get("data")
    for each in (inner if isinstance(inner, dict) else message, message):
        for name in _SENT:
            value = each.get(name)
            if isinstance(value, int) and 10**12 < value < 10**13:
                return value * _MS
    return None
