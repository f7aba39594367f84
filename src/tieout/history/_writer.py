"""Writes one data set into hidden files beside its place and shows them whole, or not at all."""

from __future__ import annotations

import csv
import io
import re
from contextlib import suppress
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.history.dataset import (
    TIME_COLUMN,
    Dataset,
    DatasetMeta,
    Fingerprint,
    PartMeta,
    columns_stored,
    parts_of,
)
from tieout.history.objects import ONE_PART

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from tieout.history._defects import SetAside
    from tieout.history.places import Unfinished
    from tieout.model.instruments import Instrument

    Chunk = Mapping[str, NDArray[np.int64]]

__all__ = ["EARLIER", "DatasetWriter"]

_GROUP_ROWS = 1 << 16
"""Small enough to read an hour of a busy market alone; larger ones are not read faster."""

_PART_ROWS = 1 << 25
"""Most rows of a file: some hundred megabytes, a month of a busy market."""

_NUMBER: Final = re.compile(r"part_(\d+)")
_SET_ASIDE: Final = "set_aside.csv"
EARLIER: Final = "meta-"
"""What the descriptions of what a data set held before begin with."""


class DatasetWriter:
    """Takes a data set chunk by chunk; left without `finish`, nothing of it remains.

    Args:
        half: Where its files go.
        place: The data set's folder, for messages.
        name: Name of the data set, checked by the store.
        kind: `trades`, `bars`, `quotes`, `book` or `orders`.
        instrument: Whose data it is.
        interval_ns: Length of a bar; 0 for all else.
        source: Where it comes from, in words.
        published_after_ns: As of `DatasetMeta`.
        known: The same; the rows have known times then, and bars revisions.
        outages: The same.
        replaced: What the new data set takes the place of; its files are deleted at the end.
        revised: The same, but its files stay, and so does its description, beside the new one.

    Attributes:
        source: The same.
        columns: What a chunk must have.
        interval_ns: Length of a bar; 0 for all else.
    """

    def __init__(
        self,
        half: Unfinished,
        place: object,
        name: str,
        kind: str,
        instrument: Instrument,
        *,
        interval_ns: int,
        source: str,
        published_after_ns: int = 0,
        known: str = "",
        outages: Sequence[tuple[int, int]] = (),
        replaced: DatasetMeta | None = None,
        revised: Dataset | None = None,
    ) -> None:
        self._half = half
        self._place = place
        self._name = name
        self._kind = kind
        self._instrument = instrument
        self.interval_ns = interval_ns
        self.source = source
        self.columns = columns_stored(kind, known)
        self._published_after_ns = published_after_ns
        self._known = known
        self._outages = tuple(outages)
        self._fingerprint = Fingerprint(kind, known)
        self._defects: dict[str, int] = {}
        self._rows = 0
        self._first_ns = 0
        self._last_ns = 0
        self._last_known_ns = 0
        self._revised = 0
        # Columns that may have holes are read at two thirds of the speed: a mark for every value.
        whole = [pa.field(column, pa.int64(), nullable=False) for column in self.columns]
        self._schema = pa.schema(whole)
        self._replaced = [] if replaced is None else [each.file for each in parts_of(replaced)]
        there = self._replaced if revised is None else list(revised.files.sizes())
        self._file_number = max(map(_number_of, there), default=0)
        self._before = revised
        self._parts: list[PartMeta] = []
        self._part_rows = 0
        self._part_first_ns = 0
        self._parquet: pq.ParquetWriter | None = None
        self._sink: Any = None
        self._listing: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._parquet is not None:
            # Closing writes the footer, which a full disk refuses; the files go either way.
            with suppress(OSError, pa.ArrowException):
                self._parquet.close()
            # Else it tries again when it is collected, and complains to the screen.
            self._parquet.is_open = False
            if self._sink_is_stream:
                with suppress(OSError, pa.ArrowException):
                    self._sink.close()
            self._parquet = None
        if self._listing is not None:
            self._listing.close()
        self._half.discard()

    def follow(self, before: Dataset) -> None:
        """Begin behind the rows of a data set, whose files stay what they are.

        They are read once more, since the fingerprint is one of all rows.

        Raises:
            DataError: Its content is not what its fingerprint says.
        """
        meta = before.meta
        before.feed(self._fingerprint)
        self._rows, self._first_ns, self._last_ns = meta.rows, meta.first_time_ns, meta.last_time_ns
        self._last_known_ns, self._revised = meta.last_known_ns, meta.revised
        self._defects = dict(meta.defects)
        self._parts = list(parts_of(meta))
        self._file_number = max(_number_of(each.file) for each in self._parts)

    def append(self, chunk: Chunk) -> None:
        """Write rows, which must be judged and in order.

        Raises:
            InputError: The folder cannot be written to.
        """
        arrays = {name: np.ascontiguousarray(chunk[name], np.int64) for name in self.columns}
        when = arrays[TIME_COLUMN[self._kind]]
        if not len(when):
            return
        assert not self._rows or when[0] >= self._last_ns, self._place
        if not self._rows:
            self._first_ns = int(when[0])
        self._rows += len(when)
        if self._known:
            self._last_known_ns = max(self._last_known_ns, int(arrays["known_time_ns"].max()))
            if "revision" in arrays:
                self._revised += int(np.count_nonzero(arrays["revision"]))
        self._fingerprint.add(arrays)
        try:
            start = 0
            while start < len(when):
                if self._parquet is None:
                    self._begin_part(int(when[start]))
                stop = min(len(when), start + _PART_ROWS - self._part_rows)
                self._write(arrays, start, stop)
                self._last_ns = int(when[stop - 1])
                start = stop
                if self._part_rows == _PART_ROWS:
                    self._end_part()
        except OSError as error:
            raise self._cannot_write(error) from error

    def set_aside(self, rows: Sequence[SetAside]) -> None:
        """Count and list rows that were left out.

        Raises:
            InputError: The folder cannot be written to.
        """
        if not rows:
            return
        for each in rows:
            self.count(each.problem, 1)
        try:
            if self._listing is None:
                self._listing = TemporaryFile()  # noqa: SIM115 - closed on leaving
                self._listing.write(b"row,problem,value\n")
            text = io.StringIO(newline="")
            lines = csv.writer(text, lineterminator="\n")
            lines.writerows((each.row, each.problem, each.value) for each in rows)
            self._listing.write(text.getvalue().encode())
        except OSError as error:
            raise self._cannot_write(error) from error

    def count(self, problem: str, rows: int) -> None:
        """Count rows in the description."""
        self._defects[problem] = self._defects.get(problem, 0) + rows

    def finish(self, *, time_rule: str) -> Dataset:
        """Make the data set durable and give it its name.

        Raises:
            DataError: There is no row in it.
            InputError: The name was taken meanwhile, or the folder cannot be written to.
        """
        if not self._rows:
            raise DataError("there is no row in it", file=self.source, remedy="Give other data.")
        try:
            if self._parquet is not None:
                self._end_part()
            if self._listing is not None:
                self._listing.seek(0)
                self._half.put(_SET_ASIDE, self._listing)
            if self._before is not None:
                described = self._before.meta
                kept = f"{EARLIER}{described.fingerprint[:16]}.json"
                self._half.put(kept, io.BytesIO(described.json()))
            meta = self._meta(time_rule)
            files = self._half.settle(meta.json())
        except OSError as error:
            raise self._cannot_write(error) from error
        named = {each.file for each in self._parts}
        for file in self._replaced:
            if file not in named:
                # A reader that opened it reads on; nobody is told where deleting fails.
                with suppress(OSError):
                    files.drop(file)
        return Dataset(files, meta)

    def _meta(self, time_rule: str) -> DatasetMeta:
        alone = len(self._parts) == 1 and self._parts[0].file == ONE_PART
        meta = DatasetMeta(
            name=self._name,
            kind=self._kind,
            instrument=self._instrument,
            interval_ns=self.interval_ns,
            rows=self._rows,
            first_time_ns=self._first_ns,
            last_time_ns=self._last_ns,
            fingerprint="",
            source=self.source,
            time_rule=time_rule,
            defects=dict(sorted(self._defects.items())),
            published_after_ns=self._published_after_ns,
            known=self._known,
            last_known_ns=self._last_known_ns,
            revised=self._revised,
            outages=self._outages,
            parts=() if alone else tuple(self._parts),
        )
        found = self._fingerprint.text(self._instrument, self.interval_ns, meta.terms)
        return msgspec.structs.replace(meta, fingerprint=found)

    def _begin_part(self, first_ns: int) -> None:
        self._file_number += 1
        file = self._half.name_of(self._file_number)
        self._sink = self._half.sink(file)
        self._parquet = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression="none",
            use_dictionary=False,
            column_encoding=dict.fromkeys(self.columns, "DELTA_BINARY_PACKED"),
        )
        self._part_file, self._part_rows, self._part_first_ns = file, 0, first_ns

    def _write(self, arrays: dict[str, NDArray[np.int64]], start: int, stop: int) -> None:
        assert self._parquet is not None, self._place
        table = pa.table([each[start:stop] for each in arrays.values()], schema=self._schema)
        self._parquet.write_table(table, row_group_size=_GROUP_ROWS)
        self._part_rows += stop - start

    def _end_part(self) -> None:
        assert self._parquet is not None, self._place
        self._parquet.close()
        if self._sink_is_stream:
            self._sink.close()
        self._parquet = None
        self._parts.append(
            PartMeta(
                file=self._part_file,
                rows=self._part_rows,
                first_time_ns=self._part_first_ns,
                last_time_ns=self._last_ns,
            )
        )

    @property
    def _sink_is_stream(self) -> bool:
        return hasattr(self._sink, "close")

    def _cannot_write(self, error: OSError) -> InputError:
        return InputError(
            f"{self._place}: cannot be written ({error.strerror or error}); free some space, or "
            "choose a folder you may write to"
        )


def _number_of(file: str) -> int:
    found = _NUMBER.match(file)
    return int(found[1]) if found else 1
