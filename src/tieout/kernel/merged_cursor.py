"""Market rows of several streams being handled in one order: see the cursor over one stream."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.kernel.cursor import Cursor, are_closed_bars_of, origin_begins, origin_in
from tieout.kernel.stale import newest_prices
from tieout.model.columns import TradeColumns
from tieout.model.events import Bar, Trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tieout.model.columns import BarColumns, MarketColumns
    from tieout.model.merged import MergedColumns
    from tieout.strategy import BarStream

__all__ = ["MergedCursor"]


class MergedCursor(Cursor):
    """A chunk of rows of several streams: each object is the one its own stream would have made.

    Args:
        merged: The rows.
        ticks: Size of a tick by instrument.
    """

    __slots__ = ("_begins_of", "_instruments", "_names", "_parts", "merged")

    def __init__(self, merged: MergedColumns, ticks: Mapping[str, float]) -> None:
        self.merged = merged
        self._parts = merged.part.tolist()
        self._names = [each.instrument for each in merged.parts]
        self._instruments: list[str] = self._of_each(self._names)
        # In order, as if they were all of one stream; what tells the streams apart comes from here.
        self.columns = merged.in_order()
        self.arrivals = merged.arrival_time_ns.tolist()
        self._last = len(self.arrivals) - 1
        self._begins_of = [origin_begins(each) for each in merged.parts]
        self._ids = None
        self._revisions = None
        self._warming = None
        sizes = [ticks[name] for name in self._names]
        if type(self.columns) is TradeColumns:
            self._begin_trades(self.columns, sizes)
        else:
            self._begin_bars(self.columns, sizes)  # type: ignore[arg-type]

    @property
    def instrument(self) -> str:
        """Whose row was last taken."""
        return self._instruments[self.row]

    @property
    def parts(self) -> Sequence[MarketColumns]:
        """The rows stream by stream."""
        return self.merged.parts

    def by_stream(
        self, handlers: Sequence[Callable[[Any, Any], None] | None]
    ) -> Callable[[Any, Any], None]:
        """Return what gives each row to the handler of its part; where that is None, to nobody."""
        table = {
            _stream_of(part): handler for part, handler in zip(self.parts, handlers, strict=True)
        }

        def give(context: Any, event: Trade | Bar) -> None:  # noqa: ANN401
            handler = table[_stream_of(event)]
            if handler is not None:
                handler(context, event)

        return give

    def without_stale(self, closes: Mapping[str, int], before: Mapping[str, int]) -> None:
        """Let rows that are no news of the price keep the price as it was before them."""
        rows = [np.flatnonzero(self.merged.part == each) for each in range(len(self.parts))]
        self.prices = newest_prices(self.parts, rows, self.prices, closes, before)

    def watched_in(self, watchers: Mapping[str, Any]) -> bool:
        """Whether somebody watches one of these rows' instruments."""
        return any(watchers.get(name) for name in self._names)

    def price_of(self, instrument: str, row: int) -> int | None:
        """Return the last price of an instrument among the rows up to `row`, or None."""
        instruments = self._instruments
        for each in range(row, -1, -1):
            if instruments[each] == instrument:
                return self.prices[each]
        return None

    def prices_into(self, marks: dict[str, int], start: int, row: int) -> None:
        """Write the last price of each instrument among the rows from `start` to `row`."""
        stop = row + 1
        marks.update(zip(self._instruments[start:stop], self.prices[start:stop], strict=True))

    def origin(self, row: int) -> str:
        """Logical origin of a row."""
        part = self._parts[row]
        origin = self._origin(self._begins_of[part], row)
        if origin:
            return origin
        parts = self.merged.parts
        before = sum(len(each) for each in parts[:part])
        return origin_in(parts[part], int(self.merged.position[row]) - before)

    def seen_of(self, stream: BarStream) -> BarColumns | None:
        """Return the closed bars of a stream among the rows taken, or None."""
        for each in self.merged.rows(0, self.row + 1).parts:
            if are_closed_bars_of(each, stream):
                return each  # type: ignore[return-value]
        return None

    def runs(self) -> Iterator[MarketColumns]:
        """Yield all rows in order, cut where bars of another length begin: for the data chain."""
        lengths = [getattr(each, "interval_ns", 0) for each in self.parts]
        if len(set(lengths)) == 1:
            yield self.columns
            return
        length = np.array(lengths, np.int64)[self.merged.part]
        cuts = [0, *(np.flatnonzero(length[1:] != length[:-1]) + 1).tolist(), len(length)]
        for start, stop in pairwise(cuts):
            bars: Any = self.columns.rows(start, stop)
            yield replace(bars, interval_ns=int(length[start]))

    # -- inside -------------------------------------------------------------------------------

    def _begin_trades(self, trades: TradeColumns, ticks: list[float]) -> None:
        self.true_at = self._times(trades.venue_time_ns)
        self.prices = trades.price_ticks.tolist()
        self._ids = trades.trade_id.tolist()
        self._begin(self.true_at)
        self.events = map(
            Trade,
            self._instruments,
            self._first,
            self.arrivals,
            self.prices,
            trades.quantity_lots.tolist(),
            trades.aggressor.tolist(),
            self._ids,
            (trades.price_ticks * np.array(ticks)[self.merged.part]).tolist(),
        )

    def _begin_bars(self, bars: BarColumns, ticks: list[float]) -> None:
        self.true_at = self._times(bars.close_time_ns)
        self.prices = bars.close_ticks.tolist()
        self._begin(bars.open_time_ns.tolist())
        if bars.revision.any():
            self._revisions = bars.revision.tolist()
        if bars.warm_up.any():
            self._warming = bars.warm_up.tolist()
        self.events = map(
            Bar,
            self._instruments,
            self._each("interval_ns"),
            self._first,
            self.true_at,
            self.arrivals,
            bars.open_ticks.tolist(),
            bars.high_ticks.tolist(),
            bars.low_ticks.tolist(),
            self.prices,
            bars.volume_lots.tolist(),
            self._revisions or repeat(0),
            self._of_each(ticks),
            self._warming or repeat(False),  # noqa: FBT003
            *self._made(bars),
        )

    def _made(self, bars: BarColumns) -> Iterator[Iterable[Any]]:
        """Yield what only bars that we made have."""
        parts: Sequence[BarColumns] = self.merged.parts  # type: ignore[assignment]
        if not any(each.rule for each in parts):
            return
        for whole, name, missing in (
            (bars.trades, "trades", None),
            (bars.synthetic, "synthetic", False),
        ):
            if whole is not None:
                yield whole.tolist()
            else:
                yield self._sparse([getattr(each, name) for each in parts], missing)
        yield self._each("running")
        yield self._each("rule")

    def _each(self, name: str) -> list[Any]:
        """Return for each row what is the same for all rows of its part."""
        return self._of_each([getattr(each, name) for each in self.merged.parts])

    def _of_each(self, values: list[Any]) -> list[Any]:
        if all(each == values[0] for each in values):
            return [values[0]] * len(self._parts)
        return list(map(values.__getitem__, self._parts))

    def _sparse(self, columns: list[Any], missing: object) -> list[Any]:
        """Return a column in order that not every part has."""
        ends: list[Any] = []
        for each, part in zip(columns, self.merged.parts, strict=True):
            ends += [missing] * len(part) if each is None else each.tolist()
        return list(map(ends.__getitem__, self.merged.position.tolist()))


def _stream_of(rows: MarketColumns | Trade | Bar) -> tuple[object, ...]:
    if isinstance(rows, Trade | TradeColumns):
        return (rows.instrument,)
    return rows.instrument, rows.interval_ns, rows.rule, rows.running
