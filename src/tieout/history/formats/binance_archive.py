"""Binance's public archives: klines, trades, aggTrades, bookTicker, fundingRate and depth.

A file is a CSV or a zip of one, with a header or without (spot never had one, futures have since
2022). Stamps are milliseconds, of spot microseconds since 2025. A kline names both of its ends:
its close is the last unit of time before the next one begins, so that its first stamp is its open.

Of COIN-M futures quantities are contracts, and the volume beside them, of the quote currency in
all other files, is of the base coin: it tells what a contract is worth.

Source: the README of github.com/binance/binance-public-data, and its issues 168 and 267.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

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
from tieout.history.formats.table import only_rows
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from numpy.typing import NDArray

    from tieout.model.instruments import Instrument

__all__ = ["ARCHIVES", "Archive"]

_INTERVALS: Final = r"1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1mo"
_KLINE_NAME: Final = re.compile(rf"[A-Z0-9_]+-({_INTERVALS})-\d{{4}}-\d\d(-\d\d)?(\.csv)?$")
_KLINES: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
_TRADES: Final = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match")
_AGG_TRADES: Final = (
    *("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time"),
    *("is_buyer_maker", "is_best_match"),
)
_BOOK_TICKER: Final = (
    *("update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty"),
    *("transaction_time", "event_time"),
)
_FUNDING: Final = ("calc_time", "funding_interval_hours", "last_funding_rate")
_DEPTH: Final = (
    *("symbol", "timestamp", "first_update_id", "last_update_id", "side", "update_type"),
    *("price", "qty", "pu"),
)
_CALLED: Final = {"base_qty": "quote_qty"}
"""What files of COIN-M call a column, and what all others do."""
_EIGHTH: Final = Decimal("1e-8")
"""What archives count volumes in."""
_APART: Final = 1.5
"""How far the size of a contract may seem off: a bar's trades are not all at its close."""
_SIZES: Final = (1, 10, 100)
"""What an inverse contract may stand for, of the quote currency."""
_NEAR: Final = 0.05
_MILLISECONDS_MIN: Final = 10**12
_MICROSECONDS_MIN: Final = 10**15


class Archive:
    """One product of the archives.

    Args:
        name: What a person types.
        kind: What is made of it.
        word: Of the file's name.
        names: Its columns; the last ones may be absent.
        columns: Field to column.
        spare: How many of the last columns may be absent.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        word: str,
        names: tuple[str, ...],
        columns: Mapping[str, str],
        *,
        spare: int = 0,
    ) -> None:
        self.name = name
        self.kinds = (kind, "mark") if kind == "bars" else (kind,)
        self._word = word
        self._names = names
        self._columns = columns
        self._spare = spare

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the header, or from the name and the shape of the first line."""
        if look.schema:
            return None
        count = len(look.cells)
        shown = look.lines[0][:80] if look.lines else ""
        if self._is_header(look.columns):
            return Guess(Surety.CONTENT, f"the header is {shown}")
        if not len(self._names) - self._spare <= count <= len(self._names):
            return None
        if not self._is_named(look):
            return None
        first = dict(zip(self._names, look.cells, strict=False))
        stamp = first[self._columns["time"]]
        if not (stamp.isdecimal() and int(stamp) >= _MILLISECONDS_MIN):
            return None
        return Guess(Surety.NAME, f"it is called {look.path.name} and has {count} columns")

    def read(self, look: Look, ask: Ask) -> Reading:
        """Begin to read the file."""
        file = str(look.path)
        count = len(look.cells)
        if not len(self._names) - self._spare <= count <= len(self._names):
            raise DataError(
                f"the first line is not one of {self.name}",
                file=file,
                value=f"{count} columns",
                limit=", ".join(self._names),
                remedy="Name its true format with --format.",
            )
        if look.members and look.member is None:
            raise InputError(f"{file}: there are several files in it; unpack it and name one")
        has_header = self._is_header(look.columns)
        kind = ask.kind or self.kinds[0]
        columns = {
            field: column
            for field, column in {**self._columns, **ask.mapping}.items()
            if not (kind == "mark" and field == "volume")
        }
        wanted = {*columns.values(), *ask.only}
        if "close_time" in self._names:
            wanted.add("close_time")
        if kind == "bars":
            wanted.add("quote_volume")
        names = self._names[:count]
        source = parts(
            look.path,
            set_aside=ask.set_aside,
            progress=ask.progress,
            shape=CsvShape(
                names=names,
                lines_before=int(has_header),
                member=look.member,
                wanted=None if kind == "book" else tuple(each for each in names if each in wanted),
            ),
        )
        told = f"Binance archive, {self._word}, {'with' if has_header else 'without'} a header"
        if kind == "book":
            return _depth(look, ask, source, told)
        interval = self._interval(look, ask) if kind in ("bars", "mark") else 0
        if interval:
            source = _with_both_ends(source, interval, file)
        if kind == "bars":
            source = _of_contracts(source, ask.instrument, file)
        return TableReading(
            kind=kind,
            parts=only_rows(source, ask.only, file),
            columns=columns,
            stamps=StampReader(file),
            arrivals=StampReader(file) if "arrival" in columns else None,
            interval_ns=interval,
            stamp="open" if interval else None,
            stamp_why="its other stamp is its close, a unit of time before the next bar",
            notes=(told,),
        )

    def _is_header(self, columns: list[str]) -> bool:
        known = list(self._names)
        columns = [_CALLED.get(each, each) for each in columns]
        return columns in [known[: len(known) - less] for less in range(self._spare + 1)]

    def _is_named(self, look: Look) -> bool:
        if self._word == "klines":
            return _KLINE_NAME.match(look.name) is not None
        return f"-{self._word}-" in look.name

    @staticmethod
    def _interval(look: Look, ask: Ask) -> int:
        named = _KLINE_NAME.match(look.name)
        told = named[1] if named else None
        if told in ("1w", "1mo") or ask.interval in ("1w", "1mo"):
            raise InputError(f"{look.path}: bars of {told or ask.interval} are not of one length")
        if (
            told
            and ask.interval
            and length_of(told, look.path) != length_of(ask.interval, look.path)
        ):
            raise InputError(
                f"{look.path}: its name says {told}, --interval says {ask.interval}; which is it? "
                "Rename the file or leave the option out"
            )
        if not (told or ask.interval):
            raise InputError(f"{look.path}: how long is a bar? Say --interval 1m")
        return length_of(told or ask.interval or "", look.path)


ARCHIVES: Final = (
    Archive(
        "binance-klines",
        "bars",
        "klines",
        _KLINES,
        {
            "time": "open_time",
            **{each: each for each in ("open", "high", "low", "close", "volume")},
        },
    ),
    Archive(
        "binance-trades",
        "trades",
        "trades",
        _TRADES,
        {
            "time": "time",
            "price": "price",
            "quantity": "qty",
            "buyer_is_maker": "is_buyer_maker",
            "id": "id",
        },
        spare=1,
    ),
    Archive(
        "binance-aggtrades",
        "trades",
        "aggTrades",
        _AGG_TRADES,
        {
            "time": "transact_time",
            "price": "price",
            "quantity": "quantity",
            "buyer_is_maker": "is_buyer_maker",
            "id": "agg_trade_id",
        },
        spare=1,
    ),
    Archive(
        "binance-bookticker",
        "quotes",
        "bookTicker",
        _BOOK_TICKER,
        {
            "time": "transaction_time",
            "arrival": "event_time",
            "bid": "best_bid_price",
            "bid_quantity": "best_bid_qty",
            "ask": "best_ask_price",
            "ask_quantity": "best_ask_qty",
        },
    ),
    Archive(
        "binance-funding",
        "funding",
        "fundingRate",
        _FUNDING,
        {
            "time": "calc_time",
            "interval": "funding_interval_hours",
            "rate": "last_funding_rate",
        },
    ),
    Archive("binance-depth", "book", "depth", _DEPTH, {"time": "timestamp"}),
)
"""The products by name."""


def _with_both_ends(source: Iterator[Part], length_ns: int, file: str) -> Iterator[Part]:
    """Yield klines after a look at their second stamp.

    Raises:
        DataError: A kline is not as long as its name says.
    """
    for part in source:
        ends = [
            scaled(part.table.column(name).combine_chunks(), Decimal(1))
            for name in ("open_time", "close_time")
        ]
        readable = np.ones(len(part.rows), np.bool_)
        for each in ends:
            readable &= ~(each.unreadable | each.huge | each.off)
        opened, closed = (each.steps for each in ends)
        unit = np.where(opened >= _MICROSECONDS_MIN, 1_000, 1_000_000)
        wrong = readable & (closed + 1 - opened != length_ns // unit)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                "the bar is not as long as its file says",
                file=file,
                row=int(part.rows[row]),
                value=f"{opened[row]} … {closed[row]}",
                limit=f"{length_ns // int(unit[row])} units of time",
                remedy="Is the file named after its interval? Say it with --interval.",
            )
        yield part


def _of_contracts(source: Iterator[Part], instrument: Instrument, file: str) -> Iterator[Part]:
    """Yield klines after a look at what a contract is worth by the two volumes of the first.

    Raises:
        DataError: Inverse contracts are taken for linear ones, or have another size.
    """
    is_told = False
    for part in source:
        is_told = is_told or _is_worth(part, instrument, file)
        yield part


def _is_worth(part: Part, instrument: Instrument, file: str) -> bool:
    """Check what a contract is worth; return whether there was anything to tell it by.

    Of a linear contract the other volume is volume·size·price, of an inverse one volume·size/price.
    Rows that nobody can read are left to who reads them.
    """
    told = np.ones(len(part.rows), np.bool_)
    found = []
    for name in ("volume", "quote_volume", "close"):
        numbers = scaled(part.table.column(name).combine_chunks(), _EIGHTH)
        told &= ~(numbers.unreadable | numbers.huge) & (numbers.steps > 0)
        found.append(numbers.steps.astype(np.float64) * float(_EIGHTH))
    if not told.any():
        return False
    volume, other, close = (each[told] for each in found)
    size = float(np.median(other / volume * close))
    linear = float(np.median(other / volume / close))
    expected = float(instrument.multiplier)
    if instrument.inverse and not expected / _APART < size < expected * _APART:
        raise DataError(
            "a contract is not worth what was said",
            file=file,
            value=f"about {size:.4g} by its two volumes",
            limit=f"{instrument.multiplier} of the quote currency",
            remedy="Say its size with --contract-size; leave --inverse out if it is settled in the "
            "quote currency.",
        )
    # Where the price is about the root of a contract's size, nobody could tell.
    is_linear = 1 / _APART < linear / expected < _APART
    is_round = any(abs(size / known - 1) < _NEAR for known in _SIZES)
    if not instrument.inverse and not is_linear and is_round:
        raise DataError(
            "the other volume is of the base coin, as of inverse contracts",
            file=file,
            value=f"a contract of about {size:.4g} of the quote currency",
            remedy="Say --inverse and --contract-size.",
        )
    return True


def _depth(look: Look, ask: Ask, source: Iterator[Part], told: str) -> RecordedReading:
    """Return historical depth: a snapshot's rows, and updates whose `pu` names the one before."""
    file = str(look.path)
    symbol = ask.instrument.venue_symbol
    counted: dict[str, int] = {}

    def chunks() -> Iterator[Levels]:
        last_id: int | None = None
        for part in source:
            last_id = yield from _depth_levels(part, file, symbol, last_id, counted)

    return RecordedReading(
        kind="book",
        chunks=book_of(chunks(), ask.instrument, file),
        time_rule=(
            f"{told}; stamps are ms since 1970, UTC; no arrival was recorded, the venue's time "
            "stands for it"
        ),
        counted=counted,
    )


def _depth_levels(
    part: Part, file: str, symbol: str, last_id: int | None, counted: dict[str, int]
) -> Generator[Levels, None, int | None]:
    table = part.table
    texts = {name: table.column(name).cast(pa.string()).to_pylist() for name in table.column_names}
    numbers = {
        name: _whole(table, name, part, file)
        for name in ("timestamp", "first_update_id", "last_update_id", "pu")
    }
    is_ours = np.array([each == symbol for each in texts["symbol"]], np.bool_)
    side = _coded(texts["side"], {"b": 1, "a": -1}, "the side", part, file)
    is_snapshot = _coded(texts["update_type"], {"snap": 1, "set": 0}, "the update", part, file) == 1
    ids, before = numbers["last_update_id"], numbers["pu"]
    update = ids.copy()
    gap = np.zeros(len(ids), np.bool_)
    for row in np.flatnonzero(is_ours):
        is_new = last_id is None or update[row] != last_id
        if is_new and not is_snapshot[row] and last_id is not None and before[row] != last_id:
            gap[row] = True
            counted["gap: sequence"] = counted.get("gap: sequence", 0) + 1
        last_id = int(update[row])
    yield Levels(
        venue_time_ns=numbers["timestamp"] * 1_000_000,
        arrival_time_ns=numbers["timestamp"] * 1_000_000,
        kind=np.where(is_snapshot, int(BookKind.SNAPSHOT), int(BookKind.LEVEL)),
        side=side,
        price=table.column("price").combine_chunks(),
        size=table.column("qty").combine_chunks(),
        update=update,
        broken=gap,
        rows=part.rows,
        keep=is_ours,
    )
    return last_id


def _whole(table: pa.Table, name: str, part: Part, file: str) -> NDArray[np.int64]:
    read = scaled(table.column(name).combine_chunks(), Decimal(1))
    wrong = read.unreadable | read.huge | read.off
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{name} is not a whole number",
            file=file,
            row=int(part.rows[row]),
            value=str(table.column(name)[row]),
            remedy="Mend the row, or fetch the file again.",
        )
    return read.steps


def _coded(
    texts: list[str | None], codes: Mapping[str, int], what: str, part: Part, file: str
) -> NDArray[np.int64]:
    found = np.array([codes.get(each or "", 9) for each in texts], np.int64)
    if (found == 9).any():
        row = int(np.argmax(found == 9))
        raise DataError(
            f"{what} is not known",
            file=file,
            row=int(part.rows[row]),
            value=str(texts[row])[:40],
            limit=", ".join(codes),
            remedy="Mend the row, or fetch the file again.",
        )
    return found
