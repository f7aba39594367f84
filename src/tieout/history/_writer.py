"""Writes one data set into a hidden folder beside its place and moves it there whole, or not."""

from __future__ import annotations

import csv
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.history.dataset import TIME_COLUMN, Dataset, DatasetMeta, Fingerprint, columns_stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from tieout.history._defects import SetAside
    from tieout.model.instruments import Instrument

    Chunk = Mapping[str, NDArray[np.int64]]

__all__ = ["DatasetWriter", "sync"]

_GROUP_ROWS = 1 << 16
"""Small enough to read an hour of a busy market alone; larger ones are not read faster."""


class DatasetWriter:
    """Takes a data set chunk by chunk; left without `finish`, nothing of it remains.

    Args:
        store: Folder of the store.
        name: Name of the data set, checked by the store.
        kind: `trades`, `bars`, `quotes`, `book` or `orders`.
        instrument: Whose data it is.
        interval_ns: Length of a bar; 0 for all else.
        source: Where it comes from, in words.
        published_after_ns: As of `DatasetMeta`.
        known: The same; the rows have known times then, and bars revisions.
        outages: The same.

    Attributes:
        source: The same.
        columns: What a chunk must have.
        interval_ns: Length of a bar; 0 for all else.
    """

    def __init__(
        self,
        store: Path,
        name: str,
        kind: str,
        instrument: Instrument,
        *,
        interval_ns: int,
        source: str,
        published_after_ns: int = 0,
        known: str = "",
        outages: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._place = store / name
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
        try:
            store.mkdir(parents=True, exist_ok=True)
            self._half = Path(mkdtemp(prefix=f".{name}.", suffix=".part", dir=store))
            self._parquet = pq.ParquetWriter(
                self._half / "part.parquet",
                self._schema,
                compression="none",
                use_dictionary=False,
                column_encoding=dict.fromkeys(self.columns, "DELTA_BINARY_PACKED"),
            )
        except OSError as error:
            raise self._cannot_write(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._half.exists():
            # Closing writes the footer, which a full disk refuses; the folder goes either way.
            with suppress(OSError):
                self._parquet.close()
            # Else it tries again when it is collected, and complains to the screen.
            self._parquet.is_open = False
            shutil.rmtree(self._half, ignore_errors=True)

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
        self._last_ns = int(when[-1])
        self._rows += len(when)
        if self._known:
            self._last_known_ns = max(self._last_known_ns, int(arrays["known_time_ns"].max()))
            if "revision" in arrays:
                self._revised += int(np.count_nonzero(arrays["revision"]))
        self._fingerprint.add(arrays)
        try:
            self._parquet.write_table(
                pa.table(list(arrays.values()), schema=self._schema), row_group_size=_GROUP_ROWS
            )
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
        listing = self._half / "set_aside.csv"
        try:
            begun = listing.exists()
            with listing.open("a", encoding="utf-8", newline="") as opened:
                lines = csv.writer(opened, lineterminator="\n")
                if not begun:
                    lines.writerow(("row", "problem", "value"))
                lines.writerows((each.row, each.problem, each.value) for each in rows)
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
        meta = self._description(time_rule)
        try:
            self._parquet.close()
            (self._half / "meta.json").write_bytes(meta.json())
            # mkdtemp makes a folder for one user; a data set is like any other file of its store.
            self._half.chmod(self._place.parent.stat().st_mode & 0o777)
            for each in (*self._half.iterdir(), self._half):
                sync(each)
            if self._place.exists():
                raise InputError(
                    f"{self._place.parent}: a data set {self._place.name!r} was made meanwhile; "
                    "choose another name"
                )
            self._half.rename(self._place)
            sync(self._place.parent)
        except OSError as error:
            raise self._cannot_write(error) from error
        return Dataset(self._place, meta)

    def replace(self, old: Dataset, *, time_rule: str) -> Dataset:
        """Become what a data set holds from now on; what it held stays beside it, and is found.

        The description is exchanged last and at once: whoever is stopped before has the old one.

        Raises:
            DataError: There is no row in it.
            InputError: The folder cannot be written to.
        """
        described = self._description(time_rule)
        short = described.fingerprint[:16]
        meta = msgspec.structs.replace(described, name=old.meta.name, part=f"part-{short}.parquet")
        place = old.path
        try:
            self._parquet.close()
            kept = place / f"meta-{old.meta.fingerprint[:16]}.json"
            kept.write_bytes((place / "meta.json").read_bytes())
            (self._half / "part.parquet").rename(place / meta.part)
            if (self._half / "set_aside.csv").exists():
                (self._half / "set_aside.csv").rename(place / f"set_aside-{short}.csv")
            half = self._half / "meta.json"
            half.write_bytes(meta.json())
            for each in (kept, place / meta.part, half, place):
                sync(each)
            half.replace(place / "meta.json")
            sync(place)
        except OSError as error:
            raise self._cannot_write(error) from error
        return Dataset(place, meta)

    def _description(self, time_rule: str) -> DatasetMeta:
        if not self._rows:
            raise DataError("there is no row in it", file=self.source, remedy="Give other data.")
        meta = DatasetMeta(
            name=self._place.name,
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
        )
        found = self._fingerprint.text(self._instrument, self.interval_ns, meta.terms)
        return msgspec.structs.replace(meta, fingerprint=found)

    def _cannot_write(self, error: OSError) -> InputError:
        return InputError(
            f"{self._place}: cannot be written ({error.strerror or error}); free some space, or "
            "choose a folder you may write to"
        )


def sync(path: Path) -> None:
    """Make a file or a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
