"""The bars that a strategy has seen, as it asks for them: each once, as it was last known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.cursor import Cursor
from tieout.model.events import Bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tieout.model.columns import BarColumns

__all__ = ["newest_bars"]

_TAIL_ROWS = 256
"""Rows that are made into bars at a time; most who ask want fewer."""


def newest_bars(parts: Sequence[BarColumns | Bar], count: int, tick: float) -> list[Bar]:
    """Return the last `count` bars by time, each in its newest version, oldest first.

    Args:
        parts: Bars as they were seen, oldest first, single ones and columns of them.
        count: How many; positive.
        tick: Size of a tick.
    """
    newest: dict[int, Bar] = {}
    first_words = 0
    for bar in _backwards(parts, count, tick):
        # What was seen later is the better word.
        newest.setdefault(bar.close_time_ns, bar)
        # Before the first word on so many bars there are older bars alone.
        first_words += bar.revision == 0
        if first_words == count:
            break
    return [newest[close_ns] for close_ns in sorted(newest)[-count:]]


def _backwards(parts: Sequence[BarColumns | Bar], count: int, tick: float) -> Iterator[Bar]:
    rows = min(count, _TAIL_ROWS)
    for part in reversed(parts):
        if isinstance(part, Bar):
            yield part
            continue
        stop = len(part)
        while stop:
            start = max(0, stop - rows)
            events = Cursor(part.rows(start, stop), tick).events
            yield from reversed([each for each in events if isinstance(each, Bar)])
            stop = start
            rows = _TAIL_ROWS
