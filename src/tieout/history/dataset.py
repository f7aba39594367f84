"""A stored data set: what it is, how it is laid out on disk, and how it is read.

data/NAME/meta.json        what it is, where it is from, its fingerprint
data/NAME/part.parquet     int64 columns, delta-packed, in row groups of at most 2^16
data/NAME/part_0002.parquet  … further stretches of time: of a large data set, or added later
data/NAME/set_aside.csv    rows of the source that were left out; only where there are some

trades: venue_time_ns, price_ticks, quantity_lots, aggressor, trade_id
bars:   open_time_ns, close_time_ns, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots
quotes: arrival_time_ns, venue_time_ns, bid_ticks, bid_lots, ask_ticks, ask_lots
book:   arrival_time_ns, venue_time_ns, kind, side, price_ticks, lots, last
orders: arrival_time_ns, venue_time_ns, action, side, price_ticks, lots, order_id, last
funding: venue_time_ns, rate_e18, interval_ns, mark_ticks
mark:   open_time_ns, close_time_ns, open_ticks, high_ticks, low_ticks, close_ticks
actions: venue_time_ns, known_time_ns, action, value, per, reference, text_1, text_2, text_3
borrow: venue_time_ns, known_time_ns, rate_e12, available_lots

Of actions, `action` is an `ActionKind`, `value` and `per` are a split's new and old units or a
dividend's money a unit and 1, money and the reference close are in 10⁻¹², and the three texts hold
eight ASCII letters each, the first in the lowest byte.

Of what there is to borrow, a row holds from its venue time on; `rate_e12` is a share of the short's
value a year in 10⁻¹², positive where the short pays. −2⁶² stands for what a row does not tell.

Trades and bars may have known_time_ns too: when each row was published, or received. Bars then have
a revision, 0 for what was published first; rows of one bar lie together, the first one in front.

Quotes, books and orders were recorded with the time at which each row was received, and come back
with it; when trades and bars arrive, `availability` says.

The fingerprint is the SHA-256 over the content, column by column, whatever chunks and files were.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.history._action_rows import action_of_row
from tieout.history._borrow_rows import borrow_rates_of_columns
from tieout.history._pieces import Pieces
from tieout.history.objects import ONE_PART
from tieout.history.revisions import last_versions
from tieout.model.columns import (
    BarColumns,
    BookColumns,
    FundingColumns,
    OrderEventColumns,
    QuoteColumns,
    TradeColumns,
)
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.history.places import DatasetFiles, StoredAt
    from tieout.model.actions import Action
    from tieout.model.borrow import BorrowRate
    from tieout.model.columns import MarketColumns, RecordedColumns

    Int64s = NDArray[np.int64]

__all__ = [
    "BATCH_ROWS",
    "COLUMNS",
    "RECORDED",
    "TIME_COLUMN",
    "WITH_INTERVAL",
    "Dataset",
    "DatasetMeta",
    "Fingerprint",
    "PartMeta",
    "columns_stored",
    "ends_of",
    "parts_of",
]

COLUMNS: Final = {
    "trades": ("venue_time_ns", "price_ticks", "quantity_lots", "aggressor", "trade_id"),
    "bars": (
        "open_time_ns",
        "close_time_ns",
        "open_ticks",
        "high_ticks",
        "low_ticks",
        "close_ticks",
        "volume_lots",
    ),
    "quotes": (
        "arrival_time_ns",
        "venue_time_ns",
        "bid_ticks",
        "bid_lots",
        "ask_ticks",
        "ask_lots",
    ),
    "book": (
        "arrival_time_ns",
        "venue_time_ns",
        "kind",
        "side",
        "price_ticks",
        "lots",
        "last",
    ),
    "orders": (
        "arrival_time_ns",
        "venue_time_ns",
        "action",
        "side",
        "price_ticks",
        "lots",
        "order_id",
        "last",
    ),
    "funding": ("venue_time_ns", "rate_e18", "interval_ns", "mark_ticks"),
    "mark": (
        "open_time_ns",
        "close_time_ns",
        "open_ticks",
        "high_ticks",
        "low_ticks",
        "close_ticks",
    ),
    "actions": (
        "venue_time_ns",
        "known_time_ns",
        "action",
        "value",
        "per",
        "reference",
        "text_1",
        "text_2",
        "text_3",
    ),
    "borrow": ("venue_time_ns", "known_time_ns", "rate_e12", "available_lots"),
}
"""Stored columns by kind."""

WITH_INTERVAL: Final = frozenset({"bars", "mark"})
"""Kinds whose rows are all of one length."""

TIME_COLUMN: Final = {
    "trades": "venue_time_ns",
    "bars": "close_time_ns",
    "quotes": "arrival_time_ns",
    "book": "arrival_time_ns",
    "orders": "arrival_time_ns",
    "funding": "venue_time_ns",
    "mark": "close_time_ns",
    "actions": "venue_time_ns",
    "borrow": "venue_time_ns",
}
"""The column that a row's arrival follows from, by kind."""

RECORDED: Final = frozenset({"quotes", "book", "orders"})
"""Kinds whose arrivals were recorded; no delay is added to them."""

_TRADED: Final = frozenset({"trades", "bars"})
_KNOWN_COLUMNS: Final = {"trades": ("known_time_ns",), "bars": ("known_time_ns", "revision")}
BATCH_ROWS: Final = 131_072
"""Rows read at a time where nobody says otherwise."""

_GROUPS_AT_A_TIME = 2
_GROUPS_FROM_FAR = 8


class PartMeta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of rows: a stretch of time.

    Attributes:
        file: Its name.
        rows: How many are in it.
        first_time_ns, last_time_ns: As of a data set.
    """

    file: str
    rows: int
    first_time_ns: int
    last_time_ns: int


def columns_stored(kind: str, known: str) -> tuple[str, ...]:
    """Return the stored columns of a data set whose rows have known times, or have none."""
    return (*COLUMNS[kind], *_KNOWN_COLUMNS[kind]) if known else COLUMNS[kind]


class DatasetMeta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a data set is.

    Attributes:
        name: Name in the store.
        kind: `trades`, `bars`, `quotes`, `book`, `orders`, `funding`, `mark`, `actions` or
            `borrow`.
        instrument: With the tick and lot that its integers count.
        interval_ns: Length of a bar, of trades or of mark prices; 0 for all else.
        rows: How many.
        first_time_ns, last_time_ns: Venue times of the first and last row (bars: their closes;
            quotes, books and orders: their arrivals).
        fingerprint: SHA-256 of the content.
        source: Where it came from, in words.
        time_rule: How its stamps were read, in words.
        defects: Rows set aside or values rounded, by kind.
        parts: Files of its rows in order of time; none: all are in `part.parquet`.
        published_after_ns: After a row is over; of rows that have no known time.
        known: What known times are: `published` or `received`; empty: the rows have none.
        last_known_ns: The latest of them.
        revised: Rows that are later versions of a bar.
        outages: Pairs [from, to) of our clock in which the way to this data was down.
    """

    name: str
    kind: str
    instrument: Instrument
    interval_ns: int
    rows: int
    first_time_ns: int
    last_time_ns: int
    fingerprint: str
    source: str
    time_rule: str
    defects: dict[str, int] = {}
    parts: tuple[PartMeta, ...] = ()
    published_after_ns: int = 0
    known: str = ""
    last_known_ns: int = 0
    revised: int = 0
    outages: tuple[tuple[int, int], ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """What beside the rows decides when they are known; nothing for most data sets."""
        found = [f"known {self.known}"] if self.known else []
        if self.published_after_ns:
            found.append(f"published after {self.published_after_ns}")
        return (*found, *(f"outage {begin} {end}" for begin, end in self.outages))

    def json(self) -> bytes:
        """Return it as it is stored: what only some data sets have is left out of the others."""
        facts = msgspec.to_builtins(self)
        for name, plain in _PLAIN.items():
            if getattr(self, name) == plain:
                del facts[name]
        return msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"


_PLAIN: Final = {
    "published_after_ns": 0,
    "known": "",
    "last_known_ns": 0,
    "revised": 0,
    "outages": (),
    "parts": (),
}


def parts_of(meta: DatasetMeta) -> tuple[PartMeta, ...]:
    """Return the files of a data set's rows in order of time, also where there is one."""
    if meta.parts:
        return meta.parts
    return (
        PartMeta(
            file=ONE_PART,
            rows=meta.rows,
            first_time_ns=meta.first_time_ns,
            last_time_ns=meta.last_time_ns,
        ),
    )


class Fingerprint:
    """Sums up rows as they come; where chunks begin and end does not matter.

    Args:
        kind: `trades`, `bars`, ….
        known: As of `DatasetMeta`.
    """

    def __init__(self, kind: str, known: str = "") -> None:
        self._kind = kind
        self._digests = {column: sha256() for column in columns_stored(kind, known)}

    def add(self, chunk: Mapping[str, Int64s]) -> None:
        """Add rows."""
        for column, digest in self._digests.items():
            digest.update(np.ascontiguousarray(chunk[column], "<i8").data)

    def text(self, instrument: Instrument, interval_ns: int, terms: Sequence[str] = ()) -> str:
        """Return the sum of what the data is, apart from how it is stored and what it is called.

        Rules such as the smallest order belong to the venue and not to the data.

        Args:
            instrument: Whose data it is.
            interval_ns: Length of a bar; 0 for all else.
            terms: As of `DatasetMeta`.
        """
        whole = sha256(b"tieout data 1")
        for word in (
            self._kind,
            str(interval_ns),
            instrument.symbol,
            str(instrument.tick_size.normalize()),
            str(instrument.lot_size.normalize()),
            str(instrument.multiplier.normalize()),
            instrument.currency,
            # A word more only where it says something: sums of linear data stay what they were.
            *(("inverse",) if instrument.inverse else ()),
            *terms,
        ):
            whole.update(word.encode() + b"\0")
        for column, digest in sorted(self._digests.items()):
            whole.update(column.encode() + b"\0" + digest.digest())
        return whole.hexdigest()


class Dataset:
    """A stored data set, read in order of time with memory that does not grow.

    Args:
        files: Where its files are.
        meta: What its description says.
    """

    def __init__(self, files: DatasetFiles, meta: DatasetMeta) -> None:
        self.files = files
        self.meta = meta
        self._pieces = Pieces()

    @property
    def path(self) -> StoredAt:
        """Its folder."""
        return self.files.path

    def batches(
        self,
        *,
        delay_ns: int,
        start_ns: int | None = None,
        end_ns: int | None = None,
        rows: int = BATCH_ROWS,
        only: Collection[str] = (),
    ) -> Iterator[MarketColumns]:
        """Yield columns in order, of a bar that was revised its last version alone.

        Args:
            delay_ns: Arrival minus trade time, or minus the close of a bar; not negative.
            start_ns: Rows whose arrival is earlier are left out.
            end_ns: Rows whose arrival is later are left out.
            rows: Most rows a batch.
            only: Of trades, the columns that somebody looks at, which saves reading the others:
                these are 0. The venue time is always there. Empty: all.

        Raises:
            InputError: Delay or rows are out of range.
            DataError: The file is damaged.
        """
        if delay_ns < 0 or rows < 1:
            raise InputError(
                f"{self.meta.name}: delay_ns {delay_ns} must be 0 or more, rows {rows} 1 or more"
            )
        if self.meta.kind in RECORDED:
            raise InputError(
                f"{self.meta.name} holds {self.meta.kind}, whose arrivals were recorded; trades or "
                "bars are asked for here"
            )
        if self.meta.kind not in _TRADED:
            raise self._other_kind("trades or bars")
        return self._batches(delay_ns, start_ns, end_ns, rows, self.wanted(only))

    @property
    def part(self) -> StoredAt:
        """The file of its first rows."""
        return self.files.shown(parts_of(self.meta)[0].file)

    def opened(self, file: str) -> pq.ParquetFile:
        """Return a file of its rows, opened; close it, or use it in a `with` block.

        Raises:
            OSError, ArrowException: It is not there, or it is damaged.
        """
        # What takes a network's way is fetched together; a local file is read column by column.
        return pq.ParquetFile(self.files.source(file), pre_buffer=self.files.is_far)

    def damaged(self, file: str, reason: object) -> DataError:
        """Return the error that says why a file of its rows cannot be read."""
        return DataError(
            f"cannot be read ({str(reason)[:200]})",
            file=str(self.files.shown(file)),
            remedy=self.files.remedy,
        )

    def columns(self, chunk: dict[str, Int64s], *, delay_ns: int) -> MarketColumns:
        """Return stored columns as market columns that arrive so much later than they happened."""
        return self.with_arrival(chunk, chunk[TIME_COLUMN[self.meta.kind]] + delay_ns)

    def with_arrival(self, chunk: dict[str, Int64s], arrival: Int64s) -> MarketColumns:
        """Return stored columns as market columns that arrive then."""
        symbol = self.meta.instrument.symbol
        if self.meta.kind != "trades":
            return self._bar_columns(chunk, arrival, chunk["volume_lots"])
        is_whole = all(each in chunk for each in COLUMNS["trades"])
        left_out = arrival if is_whole else _zeros(len(arrival))
        return TradeColumns(
            symbol,
            chunk["venue_time_ns"],
            arrival,
            chunk.get("price_ticks", left_out),
            chunk.get("quantity_lots", left_out),
            chunk.get("aggressor", left_out).astype(np.int8),
            chunk.get("trade_id", left_out),
        )

    def recorded(
        self,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        rows: int = BATCH_ROWS,
    ) -> Iterator[RecordedColumns]:
        """Yield quotes, a book or orders as they were received.

        Args:
            start_ns: Rows that arrived earlier are left out.
            end_ns: Rows that arrived later are left out.
            rows: Most rows a batch.

        Raises:
            InputError: The data set holds something else, or rows are out of range.
            DataError: The file is damaged.
        """
        if self.meta.kind not in RECORDED:
            raise InputError(
                f"{self.meta.name} holds {self.meta.kind}, whose arrivals were not recorded; "
                f"{', '.join(sorted(RECORDED))} are asked for here"
            )
        if rows < 1:
            raise InputError(f"{self.meta.name}: rows {rows} must be 1 or more")
        return (
            self._recorded(chunk).rows(low, high)
            for chunk, low, high in self._within(rows, start_ns, end_ns)
        )

    def funding(self) -> FundingColumns:
        """Return a funding series whole, in order of time.

        Raises:
            InputError: The data set holds something else.
            DataError: The file is damaged.
        """
        if self.meta.kind != "funding":
            raise self._other_kind("funding")
        chunks = list(self.chunks(BATCH_ROWS, None, None))
        whole = (np.concatenate([each[name] for each in chunks]) for name in COLUMNS["funding"])
        return FundingColumns(self.meta.instrument.symbol, *whole)

    def actions(self) -> list[Action]:
        """Return corporate actions whole, in the order in which they take effect.

        Raises:
            InputError: The data set holds something else.
            DataError: The file is damaged.
        """
        if self.meta.kind != "actions":
            raise self._other_kind("corporate actions")
        symbol = self.meta.instrument.symbol
        return [
            action_of_row(symbol, dict(zip(chunk, row, strict=True)))
            for chunk in self.chunks(BATCH_ROWS, None, None)
            for row in zip(*(column.tolist() for column in chunk.values()), strict=True)
        ]

    def borrow(self) -> list[BorrowRate]:
        """Return what borrowing costs and how much there is, whole, in order of time.

        Raises:
            InputError: The data set holds something else.
            DataError: The file is damaged.
        """
        if self.meta.kind != "borrow":
            raise self._other_kind("what there is to borrow")
        return [
            each
            for chunk in self.chunks(BATCH_ROWS, None, None)
            for each in borrow_rates_of_columns(chunk)
        ]

    def marks(
        self,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        rows: int = BATCH_ROWS,
    ) -> Iterator[BarColumns]:
        """Yield mark prices as bars that nobody traded: no volume, known at their close.

        Args:
            start_ns: Bars that close earlier are left out.
            end_ns: Bars that close later are left out.
            rows: Most rows a batch.

        Raises:
            InputError: The data set holds something else.
            DataError: The file is damaged.
        """
        if self.meta.kind != "mark":
            raise self._other_kind("mark prices")
        return (
            self._bar_columns(chunk, chunk["close_time_ns"], _zeros(len(chunk["close_time_ns"])))
            .rows(low, high)
            for chunk, low, high in self._within(rows, start_ns, end_ns)
        )  # fmt: skip

    def verify(self) -> None:
        """Read everything and compare the fingerprint.

        Raises:
            DataError: The content is not what was imported.
        """
        self.feed(Fingerprint(self.meta.kind, self.meta.known))

    def feed(self, fingerprint: Fingerprint) -> None:
        """Add every row to a fingerprint that has seen none, and compare it.

        Raises:
            DataError: The content is not what was imported.
        """
        meta = self.meta
        count = 0
        for chunk in self.chunks(BATCH_ROWS, None, None):
            fingerprint.add(chunk)
            count += len(chunk[TIME_COLUMN[self.meta.kind]])
        found = fingerprint.text(meta.instrument, meta.interval_ns, meta.terms)
        if (found, count) != (self.meta.fingerprint, self.meta.rows):
            raise DataError(
                "the content is not what was imported",
                file=str(self.path),
                value=f"{count:,} rows, {found[:16]}",
                limit=f"{self.meta.rows:,} rows, {self.meta.fingerprint[:16]}",
                remedy="Import the data again.",
            )

    def wanted(self, only: Collection[str]) -> list[str] | None:
        """Return the stored columns to read, or None for all."""
        if self.meta.kind != "trades" or not only:
            return None
        stored = columns_stored("trades", self.meta.known)
        return [each for each in stored if each in only or each in TIME_COLUMN.values()]

    def _batches(
        self,
        delay_ns: int,
        start_ns: int | None,
        end_ns: int | None,
        rows: int,
        wanted: list[str] | None,
    ) -> Iterator[MarketColumns]:
        first_ns = None if start_ns is None else start_ns - delay_ns
        last_ns = None if end_ns is None else end_ns - delay_ns
        for chunk, low, high in self._within(rows, first_ns, last_ns, wanted):
            when = chunk[TIME_COLUMN[self.meta.kind]]
            # The same array where nothing is added: what is compared with it is in the cache then.
            arrival = when + delay_ns if delay_ns else when
            yield self.with_arrival(chunk, arrival).rows(low, high)

    def _within(
        self,
        rows: int,
        first_ns: int | None,
        last_ns: int | None,
        wanted: list[str] | None = None,
    ) -> Iterator[tuple[dict[str, Int64s], int, int]]:
        """Yield stored columns and which of their rows lie in [first, last], none of them empty."""
        chunks = self.chunks(rows, first_ns, last_ns, wanted)
        for chunk in last_versions(chunks) if self.meta.revised else chunks:
            when = chunk[TIME_COLUMN[self.meta.kind]]
            low = 0 if first_ns is None else int(np.searchsorted(when, first_ns, "left"))
            high = len(when) if last_ns is None else int(np.searchsorted(when, last_ns, "right"))
            if low < high:
                yield chunk, low, high
            if high < len(when):
                return

    def chunks(
        self,
        rows: int,
        first_ns: int | None,
        last_ns: int | None,
        wanted: list[str] | None = None,
        bounded_by: str | None = None,
    ) -> Iterator[dict[str, Int64s]]:
        """Yield stored columns as they are, without row groups that lie wholly before or after.

        Args:
            rows: Most rows a piece.
            first_ns: Groups whose last time is earlier are left out.
            last_ns: Groups whose first time is later are left out.
            wanted: Columns; None: all.
            bounded_by: The column that is compared with the first time; None: the one that rows
                are ordered by.

        Raises:
            DataError: The file is damaged.
        """
        for part in parts_of(self.meta):
            # Of what is bounded by another column a file says nothing.
            before = first_ns is not None and not bounded_by and part.last_time_ns < first_ns
            after = last_ns is not None and part.first_time_ns > last_ns
            # Where there is one file, its own statistics decide, as they always did.
            if not self.meta.parts or not (before or after):
                yield from self._part_chunks(part.file, rows, first_ns, last_ns, wanted, bounded_by)

    def _part_chunks(
        self,
        name: str,
        rows: int,
        first_ns: int | None,
        last_ns: int | None,
        wanted: list[str] | None,
        bounded_by: str | None,
    ) -> Iterator[dict[str, Int64s]]:
        try:
            file = self.opened(name)
            # Memory stays flat, however long the file is. What comes over a network comes in larger
            # pieces, since each way there takes its time.
            far = self.files.is_far
            for piece in self._pieces.read(
                file,
                name,
                self._groups(file, first_ns, last_ns, bounded_by),
                wanted or file.schema_arrow.names,
                at_a_time=_GROUPS_FROM_FAR if far else _GROUPS_AT_A_TIME,
            ):
                count = len(next(iter(piece.values())))
                for start in range(0, count, rows):
                    yield {each: column[start : start + rows] for each, column in piece.items()}
            # Not in a `with` block: whoever gives up leaves it to those who still decode.
            file.close()
        except (pa.ArrowException, OSError, KeyError, IndexError) as error:
            raise self.damaged(name, error) from error

    def _groups(
        self,
        file: pq.ParquetFile,
        first_ns: int | None,
        last_ns: int | None,
        bounded_by: str | None,
    ) -> list[int]:
        ordered_by = TIME_COLUMN[self.meta.kind]
        schema = file.schema_arrow
        places = [schema.get_field_index(each) for each in (bounded_by or ordered_by, ordered_by)]
        found = []
        for group in range(file.metadata.num_row_groups):
            described = file.metadata.row_group(group)
            bounds, times = (described.column(place).statistics for place in places)
            before = first_ns is not None and bounds is not None and bounds.max < first_ns
            after = last_ns is not None and times is not None and times.min > last_ns
            if not before and not after:
                found.append(group)
        return found

    def _bar_columns(self, chunk: dict[str, Int64s], arrival: Int64s, volume: Int64s) -> BarColumns:
        return BarColumns(
            self.meta.instrument.symbol,
            self.meta.interval_ns,
            chunk["open_time_ns"],
            chunk["close_time_ns"],
            arrival,
            chunk["open_ticks"],
            chunk["high_ticks"],
            chunk["low_ticks"],
            chunk["close_ticks"],
            volume,
            chunk.get("revision", np.zeros(len(arrival), np.int64)),
            np.zeros(len(arrival), np.bool_),
        )

    def _other_kind(self, asked: str) -> InputError:
        return InputError(
            f"{self.meta.name} holds {self.meta.kind}; {asked} are asked for here, name a data set "
            "that holds some"
        )

    def _recorded(self, chunk: dict[str, Int64s]) -> RecordedColumns:
        symbol = self.meta.instrument.symbol
        times = (symbol, chunk["venue_time_ns"], chunk["arrival_time_ns"])
        if self.meta.kind == "quotes":
            return QuoteColumns(
                *times,
                chunk["bid_ticks"],
                chunk["bid_lots"],
                chunk["ask_ticks"],
                chunk["ask_lots"],
            )
        if self.meta.kind == "book":
            return BookColumns(
                *times,
                chunk["kind"].astype(np.int8),
                chunk["side"].astype(np.int8),
                chunk["price_ticks"],
                chunk["lots"],
                chunk["last"].astype(np.bool_),
            )
        return OrderEventColumns(
            *times,
            chunk["action"].astype(np.int8),
            chunk["side"].astype(np.int8),
            chunk["price_ticks"],
            chunk["lots"],
            chunk["order_id"],
            chunk["last"].astype(np.bool_),
        )


def ends_of(dataset: Dataset, rows: int) -> list[dict[str, int]]:
    """Return the first and the last stored rows, by column; all of them where they meet.

    Args:
        dataset: Of any kind.
        rows: Of each end; not negative.

    Raises:
        DataError: The file is damaged.
    """
    total = dataset.meta.rows
    wanted = sorted({*range(min(rows, total)), *range(max(0, total - rows), total)})
    found: list[dict[str, int]] = []
    start = 0
    for part in parts_of(dataset.meta):
        try:
            with dataset.opened(part.file) as file:
                for group in range(file.metadata.num_row_groups):
                    count = file.metadata.row_group(group).num_rows
                    here = [each - start for each in wanted if start <= each < start + count]
                    if here:
                        table = file.read_row_group(group, use_threads=False)
                        found += table.take(pa.array(here)).to_pylist()
                    start += count
        except (pa.ArrowException, OSError) as error:
            raise dataset.damaged(part.file, error) from error
    return found


@lru_cache(maxsize=2)
def _zeros(rows: int) -> Int64s:
    """Return zeros that nobody can write to; batches of one file are of few lengths."""
    zeros = np.zeros(rows, np.int64)
    zeros.flags.writeable = False
    return zeros
