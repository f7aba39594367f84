"""History as a source: stored streams merged in order of arrival, and as a venue's market."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import DataError, InputError
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

    def begin(self, start_ns: int) -> None:
        """Say when the run starts; no row may arrive earlier."""
        self._last_ns = start_ns

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
        """Which of two streams comes first at one arrival; known once `head_ns` gave one."""
        return int(SourceRank.TRADE if isinstance(self._chunk, TradeColumns) else SourceRank.BAR)

    def take(self, before_ns: int) -> MarketColumns:
        """Return the rows of the present chunk that arrive before a time; the next one does."""
        assert self._chunk is not None, self.name
        stop = int(np.searchsorted(self._chunk.arrival_time_ns, before_ns, "left"))
        assert stop > self._row, (self.name, before_ns)
        taken = self._chunk.rows(self._row, stop)
        self._row = stop
        return taken

    def _check(self, chunk: MarketColumns) -> None:
        arrivals = chunk.arrival_time_ns
        if not len(arrivals):
            return
        backwards = np.flatnonzero(arrivals[1:] < arrivals[:-1])
        if arrivals[0] < self._last_ns or len(backwards):
            row = 0 if arrivals[0] < self._last_ns else int(backwards[0]) + 1
            before = self._last_ns if row == 0 else int(arrivals[row - 1])
            raise DataError(
                "the arrival goes backwards, or lies before the start",
                file=self.name,
                value=f"{arrivals[row]} ns after {before} ns",
                limit="arrivals that never decrease",
                remedy="Sort the data by time and give it from the start of the run on.",
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

    Raises:
        InputError: The end lies before the start, or a warm-up bar is not over at the start.
    """

    def __init__(
        self,
        started: RunStarted,
        ended: RunEnded,
        streams: Sequence[Stream],
        *,
        progress: Callable[[float, float | None], None] | None = None,
    ) -> None:
        if ended.arrival_time_ns < started.arrival_time_ns:
            raise InputError(
                f"the run ends ({ended.arrival_time_ns} ns) before it starts "
                f"({started.arrival_time_ns} ns)"
            )
        self._started = started
        self._ended = ended
        self._streams = list(streams)
        for each in self._streams:
            each.begin(started.arrival_time_ns)
            if (
                each.warm_up is not None
                and (each.warm_up.close_time_ns > started.arrival_time_ns).any()
            ):
                raise InputError(
                    f"{each.name}: a warm-up bar closes after the start of the run "
                    f"({started.arrival_time_ns} ns); give it with the rows from the start on"
                )
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
        # The next row of each stream as (arrival, rank, place), earliest first. A batch is what
        # one stream has before the next row of any other.
        heads: list[tuple[int, int, int]] = []
        for place, stream in enumerate(self._streams):
            head = stream.head_ns()
            if head is not None and head <= end:
                heads.append((head, stream.rank, place))
        heapify(heads)
        while heads:
            _, rank, place = heads[0]
            stream = self._streams[place]
            columns = stream.take(_before(heads, end))
            if self._progress:
                done = int(columns.arrival_time_ns[-1]) - start
                self._progress(done / 1e9, (end - start) / 1e9)
            yield MarketBatch(columns, stored=True)
            head = stream.head_ns()
            if head is not None and head <= end:
                heapreplace(heads, (head, rank, place))
            else:
                heappop(heads)


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


def _before(heads: list[tuple[int, int, int]], end_ns: int) -> int:
    """Return the arrival before which all rows of the first stream come before all others'."""
    if len(heads) == 1:
        return end_ns + 1
    # In a heap the second is one of the first's two children.
    second = min(heads[1:3])
    return second[0] + 1 if heads[0][1:] < second[1:] else second[0]


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
