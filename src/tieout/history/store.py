"""The data store: fingerprinted Parquet data sets, written whole or not at all.

    data/NAME/meta.json       what it is, where it is from, its fingerprint
    data/NAME/part.parquet    int64 columns, delta-packed

    trades: venue_time_ns, price_ticks, quantity_lots, aggressor, trade_id
    bars:   open_time_ns, close_time_ns, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots

The fingerprint is the SHA-256 over the content, column by column, whatever the chunks were.
"""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tieout.model.columns import MarketColumns

    Chunk = Mapping[str, NDArray[np.int64]]

__all__ = ["BAR_COLUMNS", "TRADE_COLUMNS", "Dataset", "DatasetMeta", "Store"]

TRADE_COLUMNS = ("venue_time_ns", "price_ticks", "quantity_lots", "aggressor", "trade_id")
BAR_COLUMNS = (
    "open_time_ns",
    "close_time_ns",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume_lots",
)
_BATCH_ROWS = 131_072
_GROUP_ROWS = 1 << 18


class DatasetMeta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a data set is.

    Attributes:
        name: Name in the store.
        kind: `trades` or `bars`.
        instrument: With the tick and lot that its integers count.
        interval_ns: Length of a bar; 0 for trades.
        rows: How many.
        first_time_ns, last_time_ns: Venue times of the first and last row (bars: their closes).
        fingerprint: SHA-256 of the content.
        source: Where it came from, in words.
        time_rule: How its stamps were read, in words.
        defects: Rows set aside, by kind.
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


class Store:
    """A folder of data sets.

    Args:
        path: Made when the first data set is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Return the names of all data sets, sorted."""
        if not self.path.is_dir():
            return []
        return sorted(each.name for each in self.path.iterdir() if (each / "meta.json").is_file())

    def dataset(self, name: str) -> Dataset:
        """Return a data set.

        Raises:
            InputError: There is none of this name, or its description is damaged.
        """
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise InputError(f"{self.path}: no data set {name!r}; there are: {known}")
        file = self.path / name / "meta.json"
        try:
            meta = msgspec.json.decode(file.read_bytes(), type=DatasetMeta)
        except msgspec.DecodeError as error:
            raise DataError(str(error), file=str(file), remedy="Import the data again.") from error
        return Dataset(self.path / name, meta)

    def write(
        self,
        name: str,
        kind: str,
        instrument: Instrument,
        chunks: Iterable[Chunk],
        *,
        interval_ns: int = 0,
        source: str,
        time_rule: str,
        defects: Mapping[str, int] | None = None,
    ) -> Dataset:
        """Write a data set from chunks in order of time; on any error nothing is left behind.

        Raises:
            InputError: The name is taken or not allowed.
            DataError: There is no row at all.
        """
        self._free(name)
        half = self.path / f".{name}.{os.getpid()}.part"
        half.mkdir(parents=True)
        try:
            meta = self._write_into(
                half,
                chunks,
                DatasetMeta(
                    name=name,
                    kind=kind,
                    instrument=instrument,
                    interval_ns=interval_ns,
                    rows=0,
                    first_time_ns=0,
                    last_time_ns=0,
                    fingerprint="",
                    source=source,
                    time_rule=time_rule,
                ),
                defects,
            )
            half.rename(self.path / name)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
        return Dataset(self.path / name, meta)

    def _free(self, name: str) -> None:
        if not name or not all(letter.isalnum() or letter in "-_." for letter in name):
            raise InputError(f"data set name {name!r}: use letters, digits, '-', '_' and '.'")
        if name.startswith("."):
            raise InputError(f"data set name {name!r} must not begin with a dot")
        if (self.path / name).exists():
            raise InputError(
                f"{self.path}: a data set {name!r} exists; choose another name or delete it first"
            )

    def _write_into(
        self,
        folder: Path,
        chunks: Iterable[Chunk],
        meta: DatasetMeta,
        defects: Mapping[str, int] | None,
    ) -> DatasetMeta:
        columns = TRADE_COLUMNS if meta.kind == "trades" else BAR_COLUMNS
        time_column = "venue_time_ns" if meta.kind == "trades" else "close_time_ns"
        schema = pa.schema([(column, pa.int64()) for column in columns])
        digests = {column: sha256() for column in columns}
        rows, first, last = 0, 0, 0
        with pq.ParquetWriter(
            folder / "part.parquet",
            schema,
            compression="none",
            use_dictionary=False,
            column_encoding=dict.fromkeys(columns, "DELTA_BINARY_PACKED"),
        ) as writer:
            for chunk in chunks:
                arrays = [np.ascontiguousarray(chunk[column], np.int64) for column in columns]
                if not len(arrays[0]):
                    continue
                for column, array in zip(columns, arrays, strict=True):
                    digests[column].update(array.astype("<i8", copy=False).tobytes())
                first = first if rows else int(chunk[time_column][0])
                last = int(chunk[time_column][-1])
                rows += len(arrays[0])
                writer.write_table(pa.table(arrays, schema=schema), row_group_size=_GROUP_ROWS)
        if not rows:
            raise DataError("there is no row in it", file=meta.source, remedy="Give another file.")
        made = msgspec.structs.replace(
            meta,
            rows=rows,
            first_time_ns=first,
            last_time_ns=last,
            fingerprint=_fingerprint(meta, {c: d.digest() for c, d in digests.items()}),
            defects=dict(defects or {}),
        )
        (folder / "meta.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2))
        for file in folder.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        return made


class Dataset:
    """A stored data set, read in order of time with memory that does not grow."""

    def __init__(self, path: Path, meta: DatasetMeta) -> None:
        self.path = path
        self.meta = meta

    def batches(
        self,
        *,
        delay_ns: int,
        start_ns: int | None = None,
        end_ns: int | None = None,
        rows: int = _BATCH_ROWS,
    ) -> Iterator[MarketColumns]:
        """Yield columns in order.

        Args:
            delay_ns: Arrival minus trade time, or minus the close of a bar.
            start_ns: Rows whose arrival is earlier are left out.
            end_ns: Rows whose arrival is later are left out.
            rows: Most rows a batch.

        Raises:
            DataError: The file is damaged.
        """
        time_column = "venue_time_ns" if self.meta.kind == "trades" else "close_time_ns"
        for chunk in self._chunks(rows):
            arrival = chunk[time_column] + delay_ns
            low = 0 if start_ns is None else int(np.searchsorted(arrival, start_ns, "left"))
            high = (
                len(arrival) if end_ns is None else int(np.searchsorted(arrival, end_ns, "right"))
            )
            if low < high:
                yield self._columns(chunk, arrival).rows(low, high)
            if high < len(arrival):
                return

    def verify(self) -> None:
        """Read everything and compare the fingerprint.

        Raises:
            DataError: The content is not what was imported.
        """
        columns = TRADE_COLUMNS if self.meta.kind == "trades" else BAR_COLUMNS
        digests = {column: sha256() for column in columns}
        for chunk in self._chunks(_BATCH_ROWS):
            for column in columns:
                digests[column].update(chunk[column].astype("<i8", copy=False).tobytes())
        found = _fingerprint(self.meta, {c: d.digest() for c, d in digests.items()})
        if found != self.meta.fingerprint:
            raise DataError(
                "the content is not what was imported",
                file=str(self.path),
                value=found[:16],
                limit=self.meta.fingerprint[:16],
                remedy="Import the data again.",
            )

    def _chunks(self, rows: int) -> Iterator[dict[str, NDArray[np.int64]]]:
        part = self.path / "part.parquet"
        try:
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(batch_size=rows, use_threads=False):
                    yield {name: batch.column(name).to_numpy() for name in batch.schema.names}
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"cannot be read ({error})", file=str(part), remedy="Import the data again."
            ) from error

    def _columns(
        self, chunk: dict[str, NDArray[np.int64]], arrival: NDArray[np.int64]
    ) -> MarketColumns:
        symbol = self.meta.instrument.symbol
        if self.meta.kind == "trades":
            return TradeColumns(
                symbol,
                chunk["venue_time_ns"],
                arrival,
                chunk["price_ticks"],
                chunk["quantity_lots"],
                chunk["aggressor"].astype(np.int8),
                chunk["trade_id"],
            )
        return BarColumns(
            symbol,
            self.meta.interval_ns,
            chunk["open_time_ns"],
            chunk["close_time_ns"],
            arrival,
            chunk["open_ticks"],
            chunk["high_ticks"],
            chunk["low_ticks"],
            chunk["close_ticks"],
            chunk["volume_lots"],
            np.zeros(len(arrival), np.int64),
            np.zeros(len(arrival), np.bool_),
        )


def _fingerprint(meta: DatasetMeta, digests: Mapping[str, bytes]) -> str:
    """Hash what the data is, apart from how it is stored and what it is called."""
    instrument = meta.instrument
    whole = sha256(b"tieout data 1")
    for word in (
        meta.kind,
        str(meta.interval_ns),
        instrument.symbol,
        str(instrument.tick_size.normalize()),
        str(instrument.lot_size.normalize()),
    ):
        whole.update(word.encode() + b"\0")
    for column, digest in sorted(digests.items()):
        whole.update(column.encode() + b"\0" + digest)
    return whole.hexdigest()
