"""A chained hash of market rows: what was seen, in which order, whatever the chunks were.

Two 64-bit lanes take every logical field of a row; arrival times and the warm-up flag are left
out, so two runs that saw the same market at other times agree. It is no cryptographic hash: it
finds where two runs parted, the journal's SHA-256 chain guards against change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.market._chain_compiled import (
    SCRATCH_ROWS,
    extend_bars,
    extend_book,
    extend_trades,
)
from tieout.market._compile import COMPILES
from tieout.model.columns import (
    BarColumns,
    BookColumns,
    OrderEventColumns,
    QuoteColumns,
    TradeColumns,
)
from tieout.model.events import Quote, Trade

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.model.events import Bar

__all__ = ["DataChain"]


class DataChain:
    """The chain of everything a strategy could have seen."""

    def __init__(self) -> None:
        self._state = np.array([0x243F6A8885A308D3, 0x13198A2E03707344], np.uint64)
        self._scratch = np.zeros(SCRATCH_ROWS, np.uint64)

    def extend(self, columns: MarketColumns | RecordedColumns, start: int, stop: int) -> None:
        """Take rows [start, stop), all of them there."""
        assert 0 <= start <= stop <= len(columns), (start, stop)
        if COMPILES:
            self._extend(columns, start, stop)
            return
        # Compiled words wrap silently; interpreted ones would warn of it.
        with np.errstate(over="ignore"):
            self._extend(columns, start, stop)

    def _extend(self, columns: MarketColumns | RecordedColumns, start: int, stop: int) -> None:
        if isinstance(columns, TradeColumns):
            extend_trades(
                self._state,
                self._scratch,
                columns.venue_time_ns,
                columns.price_ticks,
                columns.quantity_lots,
                columns.trade_id,
                start,
                stop,
            )
        elif isinstance(columns, BarColumns):
            extend_bars(
                self._state,
                self._scratch,
                columns.interval_ns,
                columns.open_time_ns,
                columns.open_ticks,
                columns.high_ticks,
                columns.low_ticks,
                columns.close_ticks,
                columns.volume_lots,
                columns.revision,
                start,
                stop,
            )
        elif isinstance(columns, BookColumns):
            extend_book(
                self._state,
                self._scratch,
                _BOOK_NUMBER,
                columns.venue_time_ns,
                columns.price_ticks,
                columns.lots,
                columns.kind,
                columns.side,
                start,
                stop,
            )
        else:
            self._extend_recorded(columns.rows(start, stop))

    def _extend_recorded(self, rows: QuoteColumns | OrderEventColumns) -> None:
        kind, values = _values(rows)
        none = np.zeros(len(rows), np.int64)
        columns: list[Any] = [*values, *(none,) * (6 - len(values))]
        extend_bars(self._state, self._scratch, kind, rows.venue_time_ns, *columns, 0, len(rows))  # type: ignore[call-arg]

    def extend_one(self, event: Trade | Bar | Quote) -> None:
        """Take one event: the same as its row."""
        if isinstance(event, Trade):
            self.extend(_trade_row(event), 0, 1)
        elif isinstance(event, Quote):
            self.extend(_quote_row(event), 0, 1)
        else:
            self.extend(_bar_row(event), 0, 1)

    def mark(self) -> tuple[int, int]:
        """Return where the chain is, to come back to."""
        one, other = self._state.tolist()
        return one, other

    def back_to(self, mark: tuple[int, int]) -> None:
        """Forget the rows taken since a mark."""
        self._state[:] = mark

    def hexdigest(self) -> str:
        """Return the chain as 32 hex digits."""
        return "".join(f"{int(lane):016x}" for lane in self._state)


_BOOK_NUMBER = -2
"""As below, of a book's rows."""


def _values(
    rows: QuoteColumns | OrderEventColumns,
) -> tuple[int, tuple[NDArray[np.int64], ...]]:
    """Return what tells a row from another one, and a number that no bar's interval has."""
    if isinstance(rows, QuoteColumns):
        return -1, (rows.bid_ticks, rows.bid_lots, rows.ask_ticks, rows.ask_lots)
    return -3, (rows.price_ticks, rows.lots, rows.order_id, _coded(rows.action, rows.side))


def _coded(kind: NDArray[np.int8], side: NDArray[np.int8]) -> NDArray[np.int64]:
    return 4 * kind.astype(np.int64) + side + 1


def _trade_row(event: Trade) -> TradeColumns:
    return TradeColumns(
        event.instrument,
        _one(event.venue_time_ns),
        _one(event.arrival_time_ns),
        _one(event.price_ticks),
        _one(event.quantity_lots),
        np.array([event.aggressor], np.int8),
        _one(event.trade_id),
    )


def _quote_row(event: Quote) -> QuoteColumns:
    return QuoteColumns(
        event.instrument,
        _one(event.venue_time_ns),
        _one(event.arrival_time_ns),
        _one(event.bid_ticks),
        _one(event.bid_lots),
        _one(event.ask_ticks),
        _one(event.ask_lots),
    )


def _bar_row(event: Bar) -> BarColumns:
    return BarColumns(
        event.instrument,
        event.interval_ns,
        _one(event.open_time_ns),
        _one(event.close_time_ns),
        _one(event.arrival_time_ns),
        _one(event.open_ticks),
        _one(event.high_ticks),
        _one(event.low_ticks),
        _one(event.close_ticks),
        _one(event.volume_lots),
        _one(event.revision),
        np.array([event.warm_up], np.bool_),
    )


def _one(value: int) -> NDArray[np.int64]:
    return np.array([value], np.int64)
