"""History as a source: stored streams merged in order of arrival, and as a venue's market."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import DataError
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import DataOpened, RunEnded, RunStarted, SourceRank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tieout.model.columns import MarketColumns

__all__ = ["HistoryMarket", "HistorySource", "Stream"]


@dataclass(slots=True)
class Stream:
    """One stream of a source.

    Attributes:
        name: For the journal, e.g. `trades:ES/USDT:USDT`.
        columns: Chunks in order of arrival, from the start on.
        warm_up: Rows from before the start, oldest first; they are given at the start time.
        opened: Which stored data it is, for the journal; None for data in memory.
    """

    name: str
    columns: Iterator[MarketColumns]
    warm_up: BarColumns | None = None
    opened: DataOpened | None = None
    _chunk: MarketColumns | None = field(default=None, init=False)
    _row: int = field(default=0, init=False)
    _last_ns: int = field(default=0, init=False)

    def head_ns(self) -> int | None:
        """Return the arrival of the next row, or None at the end."""
        while self._chunk is None or self._row >= len(self._chunk):
            self._chunk = next(self.columns, None)
            self._row = 0
            if self._chunk is None:
                return None
            self._check(self._chunk)
        return int(self._chunk.arrival_time_ns[self._row])

    @property
    def rank(self) -> int:
        """Which of two streams comes first at one arrival."""
        return int(SourceRank.TRADE if type(self._chunk) is TradeColumns else SourceRank.BAR)

    def take(self, until_ns: int, *, inclusive: bool) -> MarketColumns:
        """Return the rows of the present chunk up to an arrival; at least the next one is due."""
        assert self._chunk is not None, self.name
        # Times are whole: "up to t" is "before t + 1".
        bound_ns = until_ns + inclusive
        stop = int(np.searchsorted(self._chunk.arrival_time_ns, bound_ns, "left"))
        taken = self._chunk.rows(self._row, max(stop, self._row + 1))
        self._row += len(taken)
        return taken

    def _check(self, chunk: MarketColumns) -> None:
        arrivals = chunk.arrival_time_ns
        steps = np.diff(arrivals)
        if not len(arrivals):
            return
        if arrivals[0] < self._last_ns or (len(steps) and steps.min() < 0):
            raise DataError(
                "arrival times go backwards",
                file=self.name,
                remedy="Sort the data by time, or import it again.",
            )
        self._last_ns = int(arrivals[-1])


class HistorySource:
    """Gives the start, then every stream's rows merged by arrival, then the end.

    Rows that arrive together come trades first, then bars, then in the order of the streams.

    Args:
        started: The first input.
        ended: The last input; rows that arrive later are not given.
        streams: What the strategy asked for.
        progress: Called with time done and time in total, in seconds.
    """

    def __init__(
        self,
        started: RunStarted,
        ended: RunEnded,
        streams: Sequence[Stream],
        *,
        progress: Callable[[float, float | None], None] | None = None,
    ) -> None:
        self._started = started
        self._ended = ended
        self._streams = list(streams)
        self._progress = progress
        self._steps = self._all()

    def next(self, deadline_ns: int | None) -> MarketBatch | Inputs | None:  # noqa: ARG002
        """Return what comes next; history does not wait, so a deadline means nothing."""
        return next(self._steps, None)

    def _all(self) -> Iterator[MarketBatch | Inputs]:
        opened = [each.opened for each in self._streams if each.opened is not None]
        yield Inputs((self._started, *opened))
        for stream in self._streams:
            if stream.warm_up is not None and len(stream.warm_up):
                yield MarketBatch(_warming(stream.warm_up, self._started), stored=True)
        yield from self._merged()
        yield Inputs((self._ended,))

    def _merged(self) -> Iterator[MarketBatch]:
        start, end = self._started.arrival_time_ns, self._ended.arrival_time_ns
        while True:
            heads = [
                (head, stream.rank, place, stream)
                for place, stream in enumerate(self._streams)
                if (head := stream.head_ns()) is not None and head <= end
            ]
            if not heads:
                return
            heads.sort(key=lambda each: each[:3])
            _, rank, place, stream = heads[0]
            if len(heads) == 1:
                columns = stream.take(end, inclusive=True)
            else:
                other_ns, other_rank, other_place, _ = heads[1]
                first = (rank, place) < (other_rank, other_place)
                columns = stream.take(min(other_ns, end), inclusive=first or other_ns > end)
            if self._progress:
                done = int(columns.arrival_time_ns[-1]) - start
                self._progress(done / 1e9, (end - start) / 1e9)
            yield MarketBatch(columns, stored=True)


class HistoryMarket:
    """A stored stream as the market that a simulated venue matches on.

    Args:
        columns: Chunks in order of arrival.
    """

    def __init__(self, columns: Iterable[MarketColumns]) -> None:
        self._columns = iter(columns)

    def fetch(self, until_ns: int) -> MarketColumns | None:  # noqa: ARG002
        """Return the next chunk; it may reach beyond the time asked for."""
        return next(self._columns, None)


def _warming(bars: BarColumns, started: RunStarted) -> BarColumns:
    """Return warm-up bars flagged and arriving at the start."""
    rows = len(bars)
    return BarColumns(
        bars.instrument,
        bars.interval_ns,
        bars.open_time_ns,
        bars.close_time_ns,
        np.full(rows, started.arrival_time_ns, np.int64),
        bars.open_ticks,
        bars.high_ticks,
        bars.low_ticks,
        bars.close_ticks,
        bars.volume_lots,
        bars.revision,
        np.ones(rows, np.bool_),
    )
