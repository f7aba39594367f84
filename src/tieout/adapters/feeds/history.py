"""History as a source: stored streams merged in order of arrival, and as a venue's market."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heapreplace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from tieout.errors import DataError, InputError
from tieout.kernel.ports import Inputs, MarketBatch, MergedBatch
from tieout.market import merged_windows, never_decrease
from tieout.model.columns import (
    BarColumns,
    BookColumns,
    OrderEventColumns,
    QuoteColumns,
    TradeColumns,
)
from tieout.model.events import DataOpened, RunEnded, RunStarted, SourceRank
from tieout.model.merged import MergedColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tieout.market import MadeBars, Window
    from tieout.model.columns import Int64Column, MarketColumns, RecordedColumns
    from tieout.model.events import CorporateAction, Input

__all__ = [
    "SLICE_NS_MAX",
    "HistoryMarket",
    "HistorySource",
    "InputRows",
    "Stream",
    "action_stream",
    "as_rows",
    "at_slice_end",
    "check_slice",
]

Rows = TypeVar("Rows", bound="MarketColumns | RecordedColumns")

_RANKS: Final[dict[type, int]] = {
    TradeColumns: int(SourceRank.TRADE),
    QuoteColumns: int(SourceRank.QUOTE),
    BookColumns: int(SourceRank.BOOK),
    OrderEventColumns: int(SourceRank.BOOK),
}
"""Of what comes as columns; all else is told of bars, or of the connection."""

SLICE_NS_MAX: Final = 1_000_000_000
"""Widest slice; what is wider is a bar, and should be asked for as one."""


@dataclass(frozen=True, slots=True)
class InputRows:
    """What is told beside the market, in order of arrival: rows that are single inputs.

    Attributes:
        events: Gaps among bars that we make, corporate actions, or outages of the way to stored
            data: each is lost, and restored when its rows come late.
        arrival_time_ns: (n,) when each was known.
        rank: `SourceRank` at one arrival; a gap comes as the bar would that it stands for.
    """

    events: Sequence[Input]
    arrival_time_ns: Int64Column
    rank: int = int(SourceRank.BAR)

    def __len__(self) -> int:
        return len(self.events)

    def rows(self, start: int, stop: int) -> InputRows:
        """Return rows [start, stop)."""
        return InputRows(self.events[start:stop], self.arrival_time_ns[start:stop], self.rank)


_AnyRows = BarColumns | TradeColumns | QuoteColumns | BookColumns | OrderEventColumns | InputRows


def action_stream(actions: Sequence[CorporateAction]) -> Stream:
    """Return corporate actions as a stream: each comes after the rows that arrive with it."""
    arrivals = np.array([each.arrival_time_ns for each in actions], np.int64)
    rows = InputRows(actions, arrivals, int(SourceRank.ACTION))
    return Stream("actions", iter((rows,)), made=True, may_halt=False)


def as_rows(made: Iterable[MadeBars]) -> Iterator[MarketColumns | InputRows]:
    """Yield what a bar maker tells as chunks of a stream."""
    for each in made:
        if isinstance(each, BarColumns):
            yield each
        else:
            yield InputRows((each,), np.array([each.arrival_time_ns], np.int64))


def check_slice(slice_ns: int) -> None:
    """Check the width of slices.

    Raises:
        InputError: It is negative, or wider than any slice.
    """
    if not 0 <= slice_ns <= SLICE_NS_MAX:
        raise InputError(
            f"slices of {slice_ns} ns; allowed: 0 (rows as they arrive) … {SLICE_NS_MAX} ns"
        )


def at_slice_end(columns: Rows, slice_ns: int) -> Rows:
    """Return rows that are delivered at the end of the slice in which they arrive.

    Slices end at whole multiples of their width since 1970; what arrives at an end is in the slice
    that ends there. Width 0: rows as they are.
    """
    if not slice_ns:
        return columns
    return replace(columns, arrival_time_ns=-(-columns.arrival_time_ns // slice_ns) * slice_ns)


@dataclass(slots=True)
class Stream:
    """One stream of a source.

    Attributes:
        name: For the journal, e.g. `trades:ES/USDT:USDT`.
        columns: Chunks in order of arrival, from the start on.
        warm_up: Rows from before the start, oldest first; they are given at the start time.
        opened: Which stored data it is, for the journal; None for data in memory.
        made: Whether the rows are bars that we make, of rows as they are delivered to us.
        may_halt: Whether gaps may come among bars that we make: single inputs, never merged.
        past: Rows of a book from before the start; it begins with them.
    """

    name: str
    columns: Iterator[_AnyRows]
    warm_up: BarColumns | None = None
    opened: DataOpened | None = None
    made: bool = False
    may_halt: bool = True
    past: Iterator[RecordedColumns] | None = None
    _chunk: _AnyRows | None = field(default=None, init=False)
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
        if isinstance(self._chunk, InputRows):
            return self._chunk.rank
        return _RANKS.get(type(self._chunk), int(SourceRank.BAR))

    def take(self, before_ns: int) -> _AnyRows:
        """Return the rows of the present chunk that arrive before a time; the next one does."""
        assert self._chunk is not None, self.name
        stop = int(np.searchsorted(self._chunk.arrival_time_ns, before_ns, "left"))
        assert stop > self._row, (self.name, before_ns)
        taken = self._chunk.rows(self._row, stop)
        self._row = stop
        return taken

    def rest(self) -> Iterator[MarketColumns]:
        """Yield what is left, chunk by chunk; no gap may be among it."""
        while self.head_ns() is not None:
            chunk = self._chunk
            assert chunk is not None, self.name
            assert isinstance(chunk, TradeColumns | BarColumns), self.name
            yield chunk.rows(self._row, len(chunk))
            self._chunk = None

    def _check(self, chunk: _AnyRows) -> None:
        arrivals = chunk.arrival_time_ns
        if not len(arrivals):
            return
        if arrivals[0] < self._last_ns or not never_decrease(arrivals):
            backwards = np.flatnonzero(arrivals[1:] < arrivals[:-1])
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


class _Joined:
    """Streams of one kind as one stream: their rows in order of arrival, then of the streams.

    Args:
        streams: Two or more; each has a row left, and none has gaps.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.made = streams[0].made
        self.rank = streams[0].rank
        self._windows = merged_windows([each.rest() for each in streams])
        self._chunk: MergedColumns | None = None
        self._row = 0

    def head_ns(self) -> int | None:
        """Return the arrival of the next row, or None at the end."""
        if self._chunk is None or self._row >= len(self._chunk):
            window = next(self._windows, None)
            if window is None:
                return None
            self._chunk = _merged_columns(window)
            self._row = 0
        return int(self._chunk.arrival_time_ns[self._row])

    def take(self, before_ns: int) -> MergedColumns:
        """Return the rows of the present window that arrive before a time; the next one does."""
        chunk = self._chunk
        assert chunk is not None, before_ns
        stop = int(np.searchsorted(chunk.arrival_time_ns, before_ns, "left"))
        assert stop > self._row, before_ns
        taken = chunk if stop - self._row == len(chunk) else chunk.rows(self._row, stop)
        self._row = stop
        return taken


def _merged_columns(window: Window) -> MergedColumns:
    numbers = np.array([number for number, _ in window.slices], np.int64)
    part = np.searchsorted(numbers, window.stream)
    arrival: Any = window.merged("arrival_time_ns")
    return MergedColumns([rows for _, rows in window.slices], part, window.position, arrival)


def _joined(streams: Sequence[Stream]) -> list[Stream | _Joined]:
    """Return the streams with a row, those of trades or bars of one kind as one.

    Bars that we make come by themselves where one of them may tell of gaps, since these come among
    them as single inputs.
    """
    halting = any(each.made and each.may_halt for each in streams)
    kinds: dict[tuple[bool, int, int], list[Stream]] = {}
    for place, stream in enumerate(streams):
        if stream.head_ns() is not None:
            plain = stream.rank in (SourceRank.TRADE, SourceRank.BAR)
            alone = -1 if plain and not (stream.made and halting) else place
            kinds.setdefault((stream.made, stream.rank, alone), []).append(stream)
    return [each[0] if len(each) == 1 else _Joined(each) for each in kinds.values()]


class HistorySource:
    """Gives the start, then every stream's rows merged by arrival, then the end.

    Rows that arrive together come trades first, then bars, quotes, books, then in the order of the
    streams; bars that we make come after the rows that are delivered with them.

    Args:
        started: The first input.
        ended: The last input; rows that arrive later are not given.
        streams: What the strategy asked for.
        slice_ns: Rows that arrive within a slice of this width are delivered at its end, in the
            order of their arrival; 0: as they arrive. Bars that we make are told when they are
            known: the streams they come from hold rows as they are delivered.
        past_actions: Corporate actions from before the start, given with it.
        progress: Called with time done and time in total, in seconds.

    Raises:
        InputError: The slice is out of range, the end lies before the start, or a warm-up bar is
            not over at the start.
    """

    def __init__(
        self,
        started: RunStarted,
        ended: RunEnded,
        streams: Sequence[Stream],
        *,
        slice_ns: int = 0,
        past_actions: Sequence[CorporateAction] = (),
        progress: Callable[[float, float | None], None] | None = None,
    ) -> None:
        if ended.arrival_time_ns < started.arrival_time_ns:
            raise InputError(
                f"the run ends ({ended.arrival_time_ns} ns) before it starts "
                f"({started.arrival_time_ns} ns)"
            )
        check_slice(slice_ns)
        self._started = started
        self._ended = ended
        self._slice_ns = slice_ns
        self._past_actions = tuple(past_actions)
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

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:  # noqa: ARG002
        """Return what comes next; history does not wait, so a deadline means nothing."""
        return next(self._steps, None)

    def _all(self) -> Iterator[MarketBatch | MergedBatch | Inputs]:
        opened = [each.opened for each in self._streams if each.opened is not None]
        # The book of the start before any other input: a timer may be due then, and look at it.
        past = (columns for stream in self._streams for columns in stream.past or ())
        first = next(past, None)
        if first is None:
            yield Inputs((self._started, *opened, *self._past_actions))
        else:
            yield Inputs((self._started,))
            for columns in chain((first,), past):
                yield MarketBatch(columns, stored=True, past=True)
            yield Inputs((*opened, *self._past_actions))
        for stream in self._streams:
            if stream.warm_up is not None and len(stream.warm_up):
                yield MarketBatch(_warming(stream.warm_up, self._started), stored=True)
        yield from self._merged()
        yield Inputs((self._ended,))

    def _merged(self) -> Iterator[MarketBatch | MergedBatch | Inputs]:
        start, end = self._started.arrival_time_ns, self._ended.arrival_time_ns
        # The next row of each stream, earliest first. A batch is what one stream, or those of one
        # kind, have before the next row of any other.
        lanes = _joined(self._streams)
        heads = [
            head
            for place, stream in enumerate(lanes)
            if (head := self._head(place, stream)) is not None
        ]
        heapify(heads)
        while heads:
            first = heads[0]
            stream = lanes[first.place]
            taken = stream.take(self._before(heads))
            if self._progress:
                done = int(taken.arrival_time_ns[-1]) - start
                self._progress(done / 1e9, (end - start) / 1e9)
            if isinstance(taken, InputRows):
                yield Inputs(taken.events)
            elif isinstance(taken, MergedColumns):
                yield MergedBatch(taken if first.made else self._delivered(taken))
            elif first.made:
                yield MarketBatch(taken, stored=True)
            else:
                yield MarketBatch(at_slice_end(taken, self._slice_ns), stored=True)
            head = self._head(first.place, stream)
            if head is not None:
                heapreplace(heads, head)
            else:
                heappop(heads)

    def _delivered(self, taken: MergedColumns) -> MergedColumns:
        if not self._slice_ns:
            return taken
        return replace(
            taken,
            parts=[at_slice_end(each, self._slice_ns) for each in taken.parts],
            arrival_time_ns=-(-taken.arrival_time_ns // self._slice_ns) * self._slice_ns,
        )

    def _head(self, place: int, stream: Stream | _Joined) -> _Head | None:
        """Return where a stream's next row stands in the order; None when none is given any more.

        A row that is delivered after the end is not given.
        """
        arrival = stream.head_ns()
        if arrival is None:
            return None
        delivered = arrival if stream.made else _slice_end(arrival, self._slice_ns)
        if delivered > self._ended.arrival_time_ns:
            return None
        return _Head(delivered, stream.made, arrival, stream.rank, place)

    def _before(self, heads: list[_Head]) -> int:
        """Return the arrival before which the first stream's rows come before all others'."""
        first, end = heads[0], self._ended.arrival_time_ns
        last = end if first.made else _slice_start(end, self._slice_ns)
        if len(heads) == 1:
            return last + 1
        # In a heap the second is one of the first's two children.
        second = min(heads[1:3])
        if first.made == second.made:
            before = second.arrival + (first[3:] < second[3:])
        elif second.made:
            before = _slice_start(second.delivered, self._slice_ns) + 1
        else:
            before = second.delivered
        return min(before, last + 1)


class _Head(NamedTuple):
    """Where a stream's next row stands in the order of all rows."""

    delivered: int
    made: bool
    arrival: int
    rank: int
    place: int


def _slice_end(arrival_ns: int, slice_ns: int) -> int:
    return -(-arrival_ns // slice_ns) * slice_ns if slice_ns else arrival_ns


def _slice_start(time_ns: int, slice_ns: int) -> int:
    """Return the last end of a slice up to a time: what arrived by then is delivered by then."""
    return time_ns // slice_ns * slice_ns if slice_ns else time_ns


class HistoryMarket:
    """A stored stream as the market that a simulated venue matches on.

    Args:
        columns: Chunks in order of arrival.
        slice_ns: As in `HistorySource`: a fill is not known before the print that caused it.
    """

    def __init__(
        self, columns: Iterable[MarketColumns | RecordedColumns], *, slice_ns: int = 0
    ) -> None:
        self._columns = (at_slice_end(each, slice_ns) for each in columns)

    def fetch(self, until_ns: int) -> MarketColumns | RecordedColumns | None:  # noqa: ARG002
        """Return the next chunk; it may reach beyond the time asked for."""
        return next(self._columns, None)


def _warming(bars: BarColumns, started: RunStarted) -> BarColumns:
    """Return warm-up bars flagged and arriving at the start."""
    rows = len(bars)
    return replace(
        bars,
        arrival_time_ns=np.full(rows, started.arrival_time_ns, np.int64),
        warm_up=np.ones(rows, np.bool_),
    )
