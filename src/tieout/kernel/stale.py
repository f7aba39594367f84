"""Bars that are no news of the price: they closed before a published bar that was seen already.

A bar may be published days late, or again. The strategy is given it like any other, but what the
instrument costs is told by the newest bar, whenever an older one became known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market import never_decrease
from tieout.model.columns import BarColumns
from tieout.model.events import Bar

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import MarketColumns, RecordedColumns

__all__ = ["is_published", "newest_prices", "none_is_stale", "note"]


def is_published(bars: MarketColumns | RecordedColumns | Bar) -> bool:
    """Whether these are closed bars that somebody else made."""
    return not getattr(bars, "rule", "") and not getattr(bars, "running", False)


def none_is_stale(columns: MarketColumns | RecordedColumns, closes: Mapping[str, int]) -> bool:
    """Whether all rows are news of the price.

    Args:
        columns: Rows in order of arrival.
        closes: Close of the newest published bar of each instrument before them.
    """
    if type(columns) is not BarColumns or not is_published(columns) or not len(columns):
        return True
    ends = columns.close_time_ns
    return bool(ends[0] >= closes.get(columns.instrument, 0)) and never_decrease(ends)


def newest_prices(
    parts: Sequence[MarketColumns | RecordedColumns],
    rows: Sequence[NDArray[np.int64]] | None,
    prices: list[int],
    closes: Mapping[str, int],
    before: Mapping[str, int],
) -> list[int]:
    """Return the price at each row: its own, or of the newest bar where the row is stale.

    Args:
        parts: Rows stream by stream.
        rows: Where the rows of each part lie in the order of all; None: there is one part.
        prices: Each row's own.
        closes: Close of the newest published bar of each instrument before them.
        before: Last price of each instrument before them.
    """
    if rows is None and none_is_stale(parts[0], closes):
        return prices
    told = prices
    for name in {each.instrument for each in parts}:
        own = [
            (each, np.arange(len(each)) if rows is None else rows[place])
            for place, each in enumerate(parts)
            if each.instrument == name and type(each) is BarColumns and is_published(each)
        ]
        if not own:
            continue
        places = np.concatenate([place for _, place in own])
        order = np.argsort(places)
        ends = np.concatenate([bars.close_time_ns for bars, _ in own])[order]
        newest = np.maximum.accumulate(np.maximum(ends, closes.get(name, 0)))
        stale = places[order][ends < newest].tolist()
        if not stale:
            continue
        told = list(told) if told is prices else told
        ordered, last = set(stale), before.get(name)
        for place in places[order].tolist():
            if place not in ordered:
                last = prices[place]
            elif last is not None:
                told[place] = last
    return told


def note(bars: MarketColumns | RecordedColumns | Bar, closes: MutableMapping[str, int]) -> bool:
    """Remember the newest close of published bars; return whether the last of these is news."""
    if not isinstance(bars, BarColumns | Bar) or not is_published(bars):
        return True
    if isinstance(bars, Bar):
        last_ns = newest_ns = bars.close_time_ns
    elif len(bars):
        last_ns, newest_ns = int(bars.close_time_ns[-1]), int(bars.close_time_ns.max())
    else:
        return True
    newest_ns = max(newest_ns, closes.get(bars.instrument, 0))
    closes[bars.instrument] = newest_ns
    return last_ns >= newest_ns
