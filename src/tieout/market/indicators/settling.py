"""How long an indicator remembers its start, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import SettingsError
from tieout.market.indicators.indicator import Indicator, make_indicator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.model.columns import BarColumns

__all__ = ["settling"]

_STARTS: Final = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Where the later runs start, as shares of the bars."""


def settling(
    name: str,
    bars: BarColumns,
    *arguments: float | str,
    tolerance: float = 0.0,
    tick: float = 1.0,
    **options: float | str,
) -> int | None:
    """Return after how many bars the values no longer depend on where the indicator started.

    One run takes all bars, others start later; the answer is the longest time that one of those
    took until it stayed with the first. What a mean of a window says settles with its warm-up; an
    exponential average takes many times its window; a sum from the beginning never settles.

    Args:
        name: One of `INDICATORS` that reads one stream.
        bars: Bars to measure on; what is found holds for markets like these.
        *arguments: Of the indicator.
        tolerance: How far values may lie apart, relative to the larger one; 0 for the same bits.
        tick: Size of a tick.
        **options: Of the indicator.

    Returns:
        Bars, at least the warm-up; None where a run had not settled by the end of the bars.

    Raises:
        SettingsError: The indicator reads two streams, or an argument is not allowed.
    """
    whole = make_indicator(name, *arguments, tick=tick, **options)
    if not isinstance(whole, Indicator):
        raise SettingsError(f"indicator {name} reads two streams; what it remembers is its window")
    expected = whole.extend(bars)
    longest = whole.warm_up
    for share in _STARTS:
        start = int(len(bars) * share)
        later = Indicator(name, *arguments, tick=tick, **options)
        lines = later.extend(bars.rows(start, len(bars)))
        for output, line in lines.items():
            apart = _apart(line, expected[output][start:], tolerance)
            if not len(apart):
                continue
            settled = int(apart[-1]) + 1
            if settled == len(line):
                return None
            longest = max(longest, settled)
    return longest


def _apart(
    line: NDArray[np.float64], expected: NDArray[np.float64], tolerance: float
) -> NDArray[np.int64]:
    """Return the rows in which two lines differ by more than the tolerance."""
    larger = np.maximum(np.abs(line), np.abs(expected))
    # A row that is not there yet in one of both is NaN, which no comparison finds close.
    close = np.abs(line - expected) <= tolerance * larger
    rows: NDArray[np.int64] = np.flatnonzero(~close)
    return rows
