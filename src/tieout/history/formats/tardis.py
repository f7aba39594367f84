"""Tardis CSV files: trades, quotes, books as updates or snapshots, and the derivative ticker.

Stamps are microseconds: `timestamp` is the exchange's, `local_timestamp` when it was received.
Updates of one message have one local time; a snapshot's rows say so.

Source: docs.tardis.dev, "Downloadable CSV files".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import DataError, InputError
from tieout.history._files import CsvShape, Part, parts
from tieout.history._numbers import scaled
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
    length_of,
)
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Tardis"]

_FIRST: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
_PRODUCTS: Final = {
    ("id", "side", "price", "amount"): "trades",
    ("is_snapshot", "side", "price", "amount"): "incremental_book_L2",
    ("ask_amount", "ask_price", "bid_price", "bid_amount"): "quotes",
    (
        *("funding_timestamp", "funding_rate", "predicted_funding_rate", "open_interest"),
        *("last_price", "index_price", "mark_price"),
    ): "derivative_ticker",
}
_LEVEL: Final = re.compile(r"(asks|bids)\[(\d+)\]\.(price|amount)")
_RULE: Final = "stamps are us since 1970, UTC; arrival as the recorder stamped it"


class Tardis:
    """A file of one product, told by its header."""

    name = "tardis"
    kinds = ("trades", "quotes", "book", "funding")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess where the header is one of the products'."""
        product = _product(look)
        return Guess(Surety.CONTENT, f"the header is Tardis {product}") if product else None

    def read(self, look: Look, ask: Ask) -> Reading:
        """Begin to read the file."""
        file, product = str(look.path), _product(look)
        if product is None:
            raise DataError(
                "the header is none of Tardis",
                file=file,
                value=",".join(look.cells)[:120],
                remedy="Name its true format with --format.",
            )
        kinds = {
            "trades": "trades",
            "quotes": "quotes",
            "incremental_book_L2": "book",
            "book_snapshot": "book",
            "derivative_ticker": "funding",
        }
        if ask.kind not in (None, kinds[product]):
            raise InputError(f"{file}: {product} gives {kinds[product]}, not {ask.kind}")
        source = _of_symbol(
            parts(
                look.path,
                set_aside=ask.set_aside,
                progress=ask.progress,
                shape=CsvShape(member=look.member),
            ),
            ask,
            file,
        )
        match product:
            case "incremental_book_L2":
                levels = (_updates(each, file) for each in source)
            case "book_snapshot":
                levels = (_snapshots(each, file) for each in source)
            case "derivative_ticker":
                return _funding(look, ask, source)
            case _:
                return _table(look, product, source)
        return RecordedReading(
            kind="book", chunks=book_of(levels, ask.instrument, file), time_rule=_RULE
        )


def _product(look: Look) -> str | None:
    cells = tuple(look.cells)
    if cells[:4] != _FIRST:
        return None
    rest = cells[4:]
    if rest and all(_LEVEL.fullmatch(each) for each in rest):
        return "book_snapshot"
    return _PRODUCTS.get(rest)


def _of_symbol(source: Iterator[Part], ask: Ask, file: str) -> Iterator[Part]:
    """Yield the rows of one symbol: files of a whole group of them have several."""
    known: set[str] = set()
    found = 0
    for part in source:
        symbols = part.table.column("symbol").combine_chunks()
        known |= set(pc.unique(symbols).to_pylist())
        if len(known) == 1 and not found:
            # The only symbol of a file is ours, whatever its venue calls it.
            yield part
            continue
        keep = np.asarray(pc.equal(symbols, ask.instrument.venue_symbol), np.bool_)
        found += int(keep.sum())
        if len(known) > 1 and not found:
            raise InputError(
                f"{file}: several symbols, none of them {ask.instrument.venue_symbol!r}; say "
                f"--venue-symbol, one of {', '.join(sorted(known))[:200]}"
            )
        yield Part(part.table.filter(pa.array(keep)), part.rows[keep], part.ragged)


def _table(look: Look, product: str, source: Iterator[Part]) -> TableReading:
    file = str(look.path)
    if product == "quotes":
        columns = {
            "time": "timestamp",
            "arrival": "local_timestamp",
            "bid": "bid_price",
            "bid_quantity": "bid_amount",
            "ask": "ask_price",
            "ask_quantity": "ask_amount",
        }
        source = (_without_empty(each) for each in source)
    else:
        columns = {"time": "timestamp", "price": "price", "quantity": "amount", "side": "side"}
        first = look.lines[1].split(",") if look.lines[1:] else []
        if len(first) > 4 and first[4].isdecimal():
            columns["id"] = "id"
    return TableReading(
        kind=product,
        parts=source,
        columns=columns,
        stamps=StampReader(file, form="us"),
        arrivals=StampReader(file, form="us") if product == "quotes" else None,
        notes=(f"Tardis {product}",),
    )


def _without_empty(part: Part) -> Part:
    """Say 0, nobody, where a side of the book was empty."""
    table = part.table
    for name in ("ask_amount", "ask_price", "bid_price", "bid_amount"):
        column = table.column(name).combine_chunks()
        table = table.set_column(
            table.column_names.index(name), name, pc.if_else(pc.equal(column, ""), "0", column)
        )
    return Part(table, part.rows, part.ragged)


def _funding(look: Look, ask: Ask, source: Iterator[Part]) -> TableReading:
    """Return what was charged: of the rows before each funding time the last that names it."""
    file = str(look.path)
    return TableReading(
        kind="funding",
        parts=_charged(source, file),
        columns={"time": "funding_timestamp", "rate": "funding_rate", "mark": "mark_price"},
        stamps=StampReader(file, form="us"),
        interval_ns=length_of(ask.interval, file) if ask.interval else 0,
        notes=("Tardis derivative_ticker: of each funding time the last rate told before it",),
    )


def _charged(source: Iterator[Part], file: str) -> Iterator[Part]:
    held: Part | None = None
    for part in source:
        told = pc.not_equal(part.table.column("funding_timestamp").combine_chunks(), "")
        told = pc.and_(told, pc.not_equal(part.table.column("funding_rate").combine_chunks(), ""))
        keep = np.asarray(told, np.bool_)
        table, rows = part.table.filter(pa.array(keep)), part.rows[keep]
        if held is not None:
            table = pa.concat_tables([held.table, table])
            rows = np.concatenate((held.rows, rows))
        if not len(rows):
            continue
        table = table.combine_chunks()
        due = _micros(table, "funding_timestamp", rows, file)
        now = _micros(table, "timestamp", rows, file)
        # Rows that come after the time they name tell of what was charged: later ones win.
        ends = np.append(due[1:] != due[:-1], np.False_)
        ends &= now <= due
        yield Part(table.filter(pa.array(ends)), rows[ends], part.ragged)
        held = Part(table.slice(len(rows) - 1), rows[-1:])
    if held is not None:
        yield held


def _updates(part: Part, file: str) -> Levels:
    table = part.table
    is_snapshot = _flags(table, "is_snapshot", part, file)
    local = _micros(table, "local_timestamp", part.rows, file)
    kind = np.where(is_snapshot, int(BookKind.SNAPSHOT), int(BookKind.LEVEL))
    return Levels(
        venue_time_ns=_micros(table, "timestamp", part.rows, file) * 1_000,
        arrival_time_ns=local * 1_000,
        kind=kind,
        side=_sides(table, part, file),
        price=table.column("price").combine_chunks(),
        size=table.column("amount").combine_chunks(),
        # A snapshot and updates received in one microsecond are two events.
        update=local * 2 + is_snapshot,
        rows=part.rows,
    )


def _snapshots(part: Part, file: str) -> Levels:
    """Turn rows of whole books into rows of levels, the best ones first, bids before asks."""
    table = part.table
    cells = []
    for name in table.column_names:
        level = _LEVEL.fullmatch(name)
        if level and level[3] == "price":
            cells.append((-1 if level[1] == "asks" else 1, int(level[2]), name))
    cells.sort(key=lambda each: (-each[0], each[1]))
    count, width = len(part.rows), len(cells)
    pick = np.arange(count * width).reshape(width, count).T.ravel()

    def levels(names: list[str]) -> Any:  # noqa: ANN401
        columns = [table.column(name).combine_chunks() for name in names]
        return pa.concat_arrays(columns).take(pa.array(pick))

    prices = levels([name for _, _, name in cells])
    sizes = levels([name.replace(".price", ".amount") for _, _, name in cells])
    keep = np.asarray(pc.not_equal(prices, ""), np.bool_)
    local = _micros(table, "local_timestamp", part.rows, file)
    return Levels(
        venue_time_ns=np.repeat(_micros(table, "timestamp", part.rows, file), width) * 1_000,
        arrival_time_ns=np.repeat(local, width) * 1_000,
        kind=np.full(count * width, int(BookKind.SNAPSHOT)),
        side=np.tile(np.array([side for side, _, _ in cells], np.int64), count),
        price=prices,
        size=sizes,
        update=np.repeat(part.rows, width),
        rows=np.repeat(part.rows, width),
        keep=keep,
    )


def _micros(table: Any, name: str, rows: NDArray[np.int64], file: str) -> NDArray[np.int64]:  # noqa: ANN401
    column = table.column(name).combine_chunks()
    read = scaled(column, Decimal(1))
    wrong = read.unreadable | read.huge | read.off
    wrong |= (read.steps < 10**14) | (read.steps > 41 * 10**14)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{name} is no time",
            file=file,
            row=int(rows[row]),
            value=str(column[row]),
            limit="microseconds since 1970",
            remedy="Mend the row, or fetch the file again.",
        )
    return read.steps


def _sides(table: Any, part: Part, file: str) -> NDArray[np.int64]:  # noqa: ANN401
    return _words(table, "side", {"bid": 1, "ask": -1}, part, file)


def _flags(table: Any, name: str, part: Part, file: str) -> NDArray[np.bool_]:  # noqa: ANN401
    return _words(table, name, {"true": 1, "false": 0}, part, file).astype(np.bool_)


def _words(
    table: Any,  # noqa: ANN401 - pyarrow has no types
    name: str,
    codes: dict[str, int],
    part: Part,
    file: str,
) -> NDArray[np.int64]:
    column = table.column(name).combine_chunks()
    found = np.full(len(column), 9, np.int64)
    for word, code in codes.items():
        found[np.asarray(pc.equal(column, word), np.bool_)] = code
    if (found == 9).any():
        row = int(np.argmax(found == 9))
        raise DataError(
            f"{name} is not known",
            file=file,
            row=int(part.rows[row]),
            value=str(column[row])[:40],
            limit=", ".join(codes),
            remedy="Mend the row, or fetch the file again.",
        )
    return found
