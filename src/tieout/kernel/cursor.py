"""Market rows being handled: columns become objects one by one, and know where they stand."""

from __future__ import annotations

from itertools import islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.kernel.stale import newest_prices
from tieout.model.columns import BarColumns, TradeColumns, interval_name
from tieout.model.events import Bar, Trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tieout.model.columns import Int64Column, MarketColumns, RecordedColumns
    from tieout.strategy import BarStream

__all__ = ["Cursor", "OneStream", "are_closed_bars_of", "origin_begins", "origin_in", "origin_of"]


class OneStream:
    """What all cursors over rows of one stream have in common; the merged one does it otherwise."""

    __slots__ = ()

    columns: Any
    prices: Any

    if TYPE_CHECKING:

        @property
        def row(self) -> int:
            """Index of the row last taken."""

    @property
    def instrument(self) -> str:
        """Whose row was last taken."""
        return self.columns.instrument  # type: ignore[no-any-return]

    @property
    def parts(self) -> Sequence[MarketColumns | RecordedColumns]:
        """The rows stream by stream."""
        return (self.columns,)

    def without_stale(self, closes: Mapping[str, int], before: Mapping[str, int]) -> None:
        """Let rows that are no news of the price keep the price as it was before them."""
        self.prices = newest_prices(self.parts, None, self.prices, closes, before)

    def watched_in(self, watchers: Mapping[str, Any]) -> bool:
        """Whether somebody watches what these rows are of."""
        return bool(watchers.get(self.instrument))

    def price_of(self, instrument: str, row: int) -> int | None:
        """Return the last price of an instrument among the rows up to `row`, or None."""
        return self.prices[row] if instrument == self.columns.instrument else None

    def prices_into(self, marks: dict[str, int], start: int, row: int) -> None:  # noqa: ARG002
        """Write the last price of each instrument among the rows from `start` to `row`."""
        price = self.prices[row]
        if price is not None:
            marks[self.columns.instrument] = price

    def seen_of(self, stream: BarStream) -> BarColumns | None:
        """Return the closed bars of a stream among the rows taken, or None."""
        if not are_closed_bars_of(self.columns, stream):
            return None
        return self.columns.rows(0, self.row + 1)  # type: ignore[no-any-return]


class Cursor(OneStream):
    """A chunk of market rows being handled: makes the objects, knows the row.

    The row is read off the first column's iterator: the object maker takes from all columns in
    step, so what is left of the first tells where we are, at no cost per event.

    Attributes:
        arrivals: Arrival of each row.
        true_at: When each row was true: the trade's time, or the bar's close. The same list as
            `arrivals` where no row was delayed.
        prices: Price of each row in ticks: the trade's, or the bar's close.
        events: The objects, made one by one as they are taken.
    """

    __slots__ = (
        "_begins",
        "_first",
        "_ids",
        "_last",
        "_left",
        "_revisions",
        "_warming",
        "arrivals",
        "columns",
        "events",
        "prices",
        "true_at",
    )

    def __init__(self, columns: MarketColumns, tick: float) -> None:
        self.columns: MarketColumns = columns
        self.arrivals: list[int] = columns.arrival_time_ns.tolist()
        self._last = len(self.arrivals) - 1
        self._begins = origin_begins(columns)
        # None where no row has one.
        self._ids: list[int] | None = None
        self._revisions: list[int] | None = None
        self._warming: list[bool] | None = None
        self.events: Iterator[Trade | Bar]
        if type(columns) is TradeColumns:
            self.true_at = self._times(columns.venue_time_ns)
            self.prices: list[int] = columns.price_ticks.tolist()
            self._ids = columns.trade_id.tolist()
            self._begin(self.true_at)
            self.events = map(
                Trade,
                repeat(columns.instrument),
                self._first,
                self.arrivals,
                self.prices,
                columns.quantity_lots.tolist(),
                columns.aggressor.tolist(),
                self._ids,
                (columns.price_ticks * tick).tolist(),
            )
        else:
            bars: BarColumns = columns  # type: ignore[assignment]
            self.true_at = self._times(bars.close_time_ns)
            self.prices = bars.close_ticks.tolist()
            self._begin(bars.open_time_ns.tolist())
            if bars.revision.any():
                self._revisions = bars.revision.tolist()
            if bars.warm_up.any():
                self._warming = bars.warm_up.tolist()
            self.events = map(
                Bar,
                repeat(bars.instrument),
                repeat(bars.interval_ns),
                self._first,
                self.true_at,
                self.arrivals,
                bars.open_ticks.tolist(),
                bars.high_ticks.tolist(),
                bars.low_ticks.tolist(),
                self.prices,
                bars.volume_lots.tolist(),
                self._revisions or repeat(0),
                repeat(tick),
                self._warming or repeat(False),  # noqa: FBT003
                *_made(bars),
            )

    def _begin(self, first: list[int]) -> None:
        """Take a column as the first one that objects are made of."""
        rows: Any = iter(first)
        self._first: Iterator[int] = rows
        self._left: Callable[[], int] = rows.__length_hint__

    def _times(self, true_at: Int64Column) -> list[int]:
        """Return a column of times; without a delay the numbers need not be made twice."""
        if np.array_equal(true_at, self.columns.arrival_time_ns):
            return self.arrivals
        times: list[int] = true_at.tolist()
        return times

    @property
    def row(self) -> int:
        """Index of the row last taken."""
        return self._last - self._left()

    def skip_to(self, row: int) -> None:
        """Pass over rows up to `row` without making objects."""
        for _ in islice(self._first, row - self.row - 1):
            pass

    def age(self) -> tuple[int, bool]:
        """Arrival of the row last taken minus the time it was true; whether it only warms up."""
        if self.true_at is self.arrivals and self._warming is None:
            return 0, False
        row = self.row
        warming = self._warming is not None and self._warming[row]
        return self.arrivals[row] - self.true_at[row], warming

    def origin(self, row: int) -> str:
        """Logical origin of a row."""
        return self._origin(self._begins, row) or origin_in(self.columns, row)

    def _origin(self, begins: str, row: int) -> str:
        """Return the origin of a row that begins so; empty where more than these columns tells."""
        if self._ids is not None:
            return f"{begins}:{self._ids[row]}"
        revision = 0 if self._revisions is None else self._revisions[row]
        return begins and f"{begins}:{self.true_at[row]}:{revision}"


def are_closed_bars_of(columns: MarketColumns | RecordedColumns, stream: BarStream) -> bool:
    """Whether rows are closed bars of a stream."""
    return (
        type(columns) is BarColumns
        and columns.instrument == stream.instrument
        and columns.interval_ns == stream.interval_ns
        and columns.rule == stream.rule
        and not columns.running
    )


def origin_begins(columns: MarketColumns) -> str:
    """Return what the origins of all rows of a stream begin with; empty of bars still forming."""
    if type(columns) is TradeColumns:
        return f"trade:{columns.instrument}"
    bars: BarColumns = columns  # type: ignore[assignment]
    return "" if bars.running else f"bar:{_name_of(bars)}"


def origin_in(columns: MarketColumns, row: int) -> str:
    """Return the logical origin of a row: what a decision on it is named after."""
    if type(columns) is TradeColumns:
        return f"trade:{columns.instrument}:{int(columns.trade_id[row])}"
    bars: BarColumns = columns  # type: ignore[assignment]
    return _bar_origin(
        bars,
        int(bars.close_time_ns[row]),
        None if bars.trades is None else int(bars.trades[row]),
        int(bars.revision[row]),
    )


def origin_of(event: Trade | Bar) -> str:
    """Return the logical origin of a market event: what a decision on it is named after."""
    if type(event) is Trade:
        return f"trade:{event.instrument}:{event.trade_id}"
    assert type(event) is Bar, event
    return _bar_origin(event, event.close_time_ns, event.trades, event.revision)


def _bar_origin(bars: BarColumns | Bar, close_ns: int, trades: int | None, revision: int) -> str:
    if bars.running:
        # How much it holds tells one update from another, whenever they arrived.
        return f"running:{_name_of(bars)}:{close_ns}:{trades}:{revision}"
    return f"bar:{_name_of(bars)}:{close_ns}:{revision}"


def _name_of(bars: BarColumns | Bar) -> str:
    return f"{bars.rule or interval_name(bars.interval_ns)}:{bars.instrument}"


def _made(bars: BarColumns) -> Iterable[Iterable[Any]]:
    """Return what only bars that we made have, for the making of objects."""
    if not bars.rule:
        return ()
    return (
        repeat(None) if bars.trades is None else bars.trades.tolist(),
        repeat(False) if bars.synthetic is None else bars.synthetic.tolist(),  # noqa: FBT003
        repeat(bars.running),
        repeat(bars.rule),
    )
