"""Parquet files of particular writers: Hyperliquid's collectors, and NautilusTrader's quotes.

Hyperliquid: `exchange_timestamp` is ms, `timestamp` the recorder's seconds; order books of twenty
levels a row, prices with one side a row, trades. NautilusTrader: prices and sizes are integers of
8 or 16 bytes, in units of 10⁻⁹ or 10⁻¹⁶; `ts_event` and `ts_init` are ns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import InputError
from tieout.history._files import Part, parts
from tieout.history._stamps import StampReader
from tieout.history.formats.books import Levels, book_of
from tieout.history.formats.reading import (
    Ask,
    Guess,
    Look,
    Reading,
    RecordedReading,
    Surety,
    TableReading,
)
from tieout.history.formats.times import times_of
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Hyperliquid", "Nautilus"]

_BOOK: Final = {"timestamp", "sequence", "exchange_timestamp", "bid_price_0", "ask_size_0"}
_TRADES: Final = ["timestamp", "price", "size", "side", "trade_id", "exchange_timestamp"]
_PRICES: Final = ["timestamp", "price", "size", "side", "exchange_timestamp"]
_QUOTES: Final = ["bid_price", "ask_price", "bid_size", "ask_size", "ts_event", "ts_init"]
_RULE: Final = "exchange_timestamp is ms since 1970, UTC; arrival as the recorder stamped it"


class Hyperliquid:
    """Collected order books, prices or trades, told by their columns."""

    name = "hyperliquid"
    kinds = ("book", "quotes", "trades")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the columns."""
        kind = self._kind(look)
        return Guess(Surety.CONTENT, f"columns of collected {kind}") if kind else None

    def read(self, look: Look, ask: Ask) -> Reading:
        """Begin to read the file."""
        file, kind = str(look.path), self._kind(look)
        if kind is None or ask.kind not in (None, kind):
            raise InputError(
                f"{file}: kind {ask.kind!r}; its columns hold {kind or 'something else'}"
            )
        source = parts(look.path, set_aside=ask.set_aside, progress=ask.progress)
        if kind == "book":
            return RecordedReading(
                kind="book",
                chunks=book_of((_levels(each, file) for each in source), ask.instrument, file),
                time_rule=_RULE,
            )
        columns = {
            "time": "exchange_timestamp",
            "price": "price",
            "quantity": "size",
            "side": "side",
        }
        if kind == "quotes":
            columns = {
                "time": "exchange_timestamp",
                "arrival": "timestamp",
                **{f"{side}": side for side in ("bid", "ask")},
                **{f"{side}_quantity": f"{side}_size" for side in ("bid", "ask")},
            }
            source = _both_sides(source)
        return TableReading(
            kind=kind,
            parts=source,
            columns=columns,
            stamps=StampReader(file, form="ms"),
            arrivals=StampReader(file, form="s") if kind == "quotes" else None,
            notes=(f"Hyperliquid {kind}",),
        )

    @staticmethod
    def _kind(look: Look) -> str | None:
        names = list(look.schema)
        if set(names) >= _BOOK:
            return "book"
        return {tuple(_TRADES): "trades", tuple(_PRICES): "quotes"}.get(tuple(names))


class Nautilus:
    """Quotes of a catalogue, told by their columns and their binary numbers."""

    name = "nautilus"
    kinds = ("quotes",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the columns."""
        if list(look.schema) != _QUOTES or not self._width(look):
            return None
        return Guess(Surety.CONTENT, "its columns are those of NautilusTrader's quotes")

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        file = str(look.path)
        width = self._width(look)
        if ask.kind not in (None, "quotes") or not width or list(look.schema) != _QUOTES:
            raise InputError(f"{file}: kind {ask.kind!r}; of {self.name}: quotes")
        source = parts(look.path, set_aside=ask.set_aside, progress=ask.progress)
        return TableReading(
            kind="quotes",
            parts=(_decimals(each, width) for each in source),
            columns={
                "time": "ts_event",
                "arrival": "ts_init",
                "bid": "bid_price",
                "bid_quantity": "bid_size",
                "ask": "ask_price",
                "ask_quantity": "ask_size",
            },
            stamps=StampReader(file, form="ns"),
            arrivals=StampReader(file, form="ns"),
            notes=(f"NautilusTrader quotes, numbers of {width} bytes",),
        )

    @staticmethod
    def _width(look: Look) -> int:
        kinds = {look.schema.get(name) for name in _QUOTES[:4]}
        return {"fixed_size_binary[16]": 16, "fixed_size_binary[8]": 8}.get(
            next(iter(kinds)) or "" if len(kinds) == 1 else "", 0
        )


def _levels(part: Part, file: str) -> Levels:
    table = part.table
    depth = sum(name.startswith("bid_price_") for name in table.column_names)
    cells = [(1, "bid", at) for at in range(depth)] + [(-1, "ask", at) for at in range(depth)]
    count, width = len(part.rows), len(cells)
    pick = pa.array(np.arange(count * width).reshape(width, count).T.ravel())

    def levels(what: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        names = [f"{side}_{what}_{at}" for _, side, at in cells]
        missing = [name for name in names if name not in table.column_names]
        if missing:
            raise InputError(f"{file}: no column {missing[0]}; give a whole file")
        columns = [table.column(name).combine_chunks().cast(pa.float64()) for name in names]
        return pa.concat_arrays(columns).take(pick)

    price = levels("price")
    # A side with fewer levels than columns has no price there, or 0.
    keep = np.asarray(pc.fill_null(pc.greater(price, 0), False), np.bool_)  # noqa: FBT003
    venue = times_of(table.column("exchange_timestamp").combine_chunks(), "ms", part.rows, file)
    arrival = times_of(table.column("timestamp").combine_chunks(), "s", part.rows, file)
    return Levels(
        venue_time_ns=np.repeat(venue, width),
        arrival_time_ns=np.repeat(arrival, width),
        kind=np.full(count * width, int(BookKind.SNAPSHOT)),
        side=np.tile(np.array([side for side, _, _ in cells], np.int64), count),
        price=price,
        size=levels("size"),
        update=np.repeat(part.rows, width),
        rows=np.repeat(part.rows, width),
        keep=keep,
    )


def _both_sides(source: Iterator[Part]) -> Iterator[Part]:
    """Yield one row for each message, with both sides: the one not told stays as it was."""
    known: dict[str, float] = {}
    for part in source:
        table = part.table.combine_chunks()
        side = np.array(table.column("side").to_pylist())
        columns: dict[str, Any] = {}
        for name in ("bid", "ask"):
            place = np.maximum.accumulate(np.where(side == name, np.arange(len(side)), -1))
            for what, field in (("price", name), ("size", f"{name}_size")):
                values = table.column(what).to_numpy()
                columns[field] = np.where(place >= 0, values[place], known.get(field, 0.0))
        known = {name: float(values[-1]) for name, values in columns.items() if len(values)}
        stamps = table.column("timestamp").to_numpy()
        ends = np.append(stamps[1:] != stamps[:-1], np.True_)[: len(stamps)]
        made = pa.table({**{name: table.column(name) for name in _PRICES}, **columns})
        yield Part(made.filter(pa.array(ends)), part.rows[ends], part.ragged)


def _decimals(part: Part, width: int) -> Part:
    """Read binary integers as the decimals they are."""
    columns: dict[str, Any] = {}
    for name in _QUOTES[:4]:
        column = part.table.column(name).combine_chunks()
        start = column.offset * width
        raw = (column.buffers()[1] or pa.py_buffer(b"")).to_pybytes()
        data = np.frombuffer(raw[start : start + len(column) * width], "<i8")
        if width == 8:
            data = np.column_stack((data, np.where(data < 0, -1, 0))).ravel()
        kind = pa.decimal128(38, 16 if width == 16 else 9)
        buffers = [None, pa.py_buffer(np.ascontiguousarray(data).tobytes())]
        decimals = pa.Array.from_buffers(kind, len(column), buffers)
        columns[name] = pc.if_else(column.is_valid(), decimals.cast(pa.string()), None)
    made = pa.table({**columns, **{name: part.table.column(name) for name in _QUOTES[4:]}})
    return Part(made, part.rows, part.ragged)
