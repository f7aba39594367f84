"""CSV and Parquet files of others as a stream of tables, or a refusal that names file and row."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError, ReadingFailed, TieoutError
from tieout.history._defects import SetAside

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "LINE_BYTES_MAX",
    "ZIP_FAILURES",
    "CsvShape",
    "Part",
    "Progress",
    "checked_file",
    "failures_named",
    "names_and_types",
    "opened",
    "parts",
]

Progress = Callable[[float, float | None], None]
"""Called with work done and in total, in one unit; the total is None when it is not known."""

LINE_BYTES_MAX: Final = 1 << 20
"""A longer line is refused before anything tries to hold it in memory."""

_BLOCK_BYTES = 1 << 23
_BATCH_ROWS = 131_072
_READ_FAILURES = (OSError, EOFError, zlib.error)
ZIP_FAILURES: Final = (
    *(zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, UnicodeDecodeError),
    *_READ_FAILURES,
)
"""What a damaged zip, or one with a password, may end in."""
_FEATHER: Final = b"ARROW1"


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file, in order.

    Attributes:
        table: Columns by name; of a CSV file all are text.
        rows: (n,) one-based data row of each.
        ragged: Rows before or between these that have too few or too many values.
    """

    table: Any
    rows: NDArray[np.int64]
    ragged: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvShape:
    """How a CSV file is laid out.

    Attributes:
        names: Of the columns; None: its header has them.
        lines_before: Lines before the first row, the header among them.
        member: Name inside a zip; None: the file is none.
        wanted: Columns that are read, which saves reading the others; None: all.
    """

    names: tuple[str, ...] | None = None
    lines_before: int = 1
    member: str | None = None
    wanted: tuple[str, ...] | None = None


_PLAIN: Final = CsvShape()


def parts(
    path: Path, *, set_aside: bool, progress: Progress | None = None, shape: CsvShape = _PLAIN
) -> Iterator[Part]:
    """Yield a file piece by piece; how large a piece is does not matter to what is in it.

    Args:
        path: CSV (`.gz` too, or in a zip), Parquet or Feather, told by its first bytes.
        set_aside: Whether a row with a wrong number of values is left out and named, or refused.
        progress: Called with bytes or rows done.
        shape: How a CSV file is laid out.

    Raises:
        InputError: There is no such file, or it cannot be read.
        DataError: It is not a regular file of its kind.
    """
    start = checked_file(path)
    if start.startswith(b"PAR1") or path.suffix.lower() in {".parquet", ".pq"}:
        return _parquet_parts(path, progress)
    if start.startswith(_FEATHER):
        return _feather_parts(path, progress)
    return _csv_parts(path, progress, shape, set_aside=set_aside)


def checked_file(path: Path) -> bytes:
    """Return the first bytes of a file that can be read.

    Raises:
        InputError: There is no such file, or it cannot be read.
        DataError: It is empty.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name a file in it")
    if not path.is_file():
        raise InputError(f"{path}: this is a pipe or a device; name a file")
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    if not start:
        raise DataError("the file is empty", file=str(path), remedy="Give another file.")
    return start


def names_and_types(schema: Any) -> dict[str, str]:  # noqa: ANN401 - pyarrow has no types
    """Return the columns of a schema and their types, in words.

    Raises:
        UnicodeDecodeError: A name or a zone has letters that are none: found when it is asked for.
    """
    for each in schema:
        getattr(each.type, "tz", None)
    return {each.name: str(each.type) for each in schema}


@contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Let whatever breaks over a file leave as an error that names it.

    A reader refuses what it knows to be wrong. This stands behind all of them, since no list of
    what may be wrong with a file is ever complete; what is no fault of a file passes.

    Raises:
        ReadingFailed: A reader broke.
    """
    try:
        yield
    except (TieoutError, OSError, MemoryError):
        raise
    except BaseException as error:
        # What panics in a library's compiled code is no Exception to Python.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ReadingFailed(
            f"its reader broke ({type(error).__name__}: {_first_line(error)})",
            file=str(path),
            remedy="The file is damaged, or this is a defect of tieout: report it with the file.",
        ) from error


def _parquet_parts(path: Path, progress: Progress | None) -> Iterator[Part]:
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            total = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                _look_at(batch)
                rows = np.arange(done + 1, done + batch.num_rows + 1, dtype=np.int64)
                yield Part(pa.Table.from_batches([batch]), rows)
                done += batch.num_rows
                if progress:
                    progress(done, total)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"is no whole Parquet file ({_first_line(error)})",
            file=str(path),
            row=done + 1 if done else None,
            remedy="It may be cut off; fetch it again.",
        ) from error


def _look_at(batch: Any) -> None:  # noqa: ANN401 - pyarrow has no types
    """Look at all of a batch: it says nothing of what a damaged one holds until somebody does."""
    batch.validate(full=True)
    names_and_types(batch.schema)


def _feather_parts(path: Path, progress: Progress | None) -> Iterator[Part]:
    done = 0
    try:
        with pa.OSFile(str(path)) as raw, pa.ipc.open_file(raw) as file:
            for place in range(file.num_record_batches):
                batch = file.get_batch(place)
                _look_at(batch)
                rows = np.arange(done + 1, done + batch.num_rows + 1, dtype=np.int64)
                done += batch.num_rows
                yield Part(pa.Table.from_batches([batch]), rows)
                if progress:
                    progress(place + 1, file.num_record_batches)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"is no whole Feather file ({_first_line(error)})",
            file=str(path),
            row=done + 1 if done else None,
            remedy="It may be cut off; fetch it again.",
        ) from error


def _csv_parts(
    path: Path, progress: Progress | None, shape: CsvShape, *, set_aside: bool
) -> Iterator[Part]:
    header = _checked_header(path, shape)
    delimiter = _delimiter(header)
    names = list(shape.names or _header_names(path, header, delimiter))
    ragged = _Ragged(path, shape.lines_before, set_aside=set_aside)
    size = path.stat().st_size
    done = 0
    try:
        with path.open("rb") as raw, opened(path, shape.member, raw) as source:
            reader = pacsv.open_csv(
                source,
                read_options=pacsv.ReadOptions(
                    block_size=_BLOCK_BYTES,
                    use_threads=False,
                    column_names=names,
                    skip_rows=shape.lines_before,
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=delimiter, invalid_row_handler=ragged.seen
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=False,
                    include_columns=list(shape.wanted or names),
                ),
            )
            for batch in reader:
                rows = ragged.rows_after(done, batch.num_rows)
                done += batch.num_rows
                if not len(rows):
                    continue
                yield Part(pa.Table.from_batches([batch]), rows, ragged.take_before(int(rows[-1])))
                if progress:
                    progress(raw.tell(), size)
            if done and (rest := ragged.take_before(None)):
                none = pa.table({name: pa.array([], pa.string()) for name in shape.wanted or names})
                yield Part(none, np.empty(0, np.int64), rest)
    except (pa.ArrowException, *_READ_FAILURES) as error:
        ragged.refuse_first()
        row = _first_row_not_utf8(path, shape)
        if row is not None:
            raise DataError(
                "is not UTF-8", file=str(path), row=row, remedy="Save the file as UTF-8."
            ) from error
        raise DataError(
            f"is no regular CSV ({_first_line(error)})",
            file=str(path),
            remedy="It may be cut off; fetch it again.",
        ) from error


class _Ragged:
    """Hears of rows with too few or too many values, and numbers the others around them."""

    def __init__(self, path: Path, lines_before: int, *, set_aside: bool) -> None:
        self._path = path
        self._lines_before = lines_before
        self._set_aside = set_aside
        self._rows: list[int] = []
        self._new: list[SetAside] = []

    def seen(self, row: Any) -> str:  # noqa: ANN401 - pyarrow has no types
        """Answer the reader's question what to do with an irregular row."""
        # The header counts as the reader's first row.
        number = row.number - self._lines_before
        values = f"{row.actual_columns} of {row.expected_columns}: {row.text[:60]}"
        self._rows.append(number)
        self._new.append(SetAside(number, "the row has a wrong number of values", values))
        return "skip" if self._set_aside else "error"

    def rows_after(self, done: int, count: int) -> NDArray[np.int64]:
        """Return the data rows of the next regular rows, after `done` regular ones."""
        regular = np.arange(done + 1, done + count + 1, dtype=np.int64)
        skipped = np.asarray(self._rows, np.int64)
        ahead = skipped - np.arange(len(skipped))
        return regular + np.searchsorted(ahead, regular, "right")

    def take_before(self, row: int | None) -> tuple[SetAside, ...]:
        """Return what was skipped before a row (None: at all) and not taken before.

        The reader looks ahead: it tells of rows whose neighbours it has not given yet.
        """
        taken = tuple(each for each in self._new if row is None or each.row < row)
        self._new = self._new[len(taken) :]
        return taken

    def refuse_first(self) -> None:
        """Raise if an irregular row is what stopped the reader."""
        if self._new and not self._set_aside:
            first = self._new[0]
            raise DataError(
                first.problem,
                file=str(self._path),
                row=first.row,
                value=first.value,
                remedy="Mend the row, or leave such rows out with --set-aside.",
            )


def _checked_header(path: Path, shape: CsvShape) -> bytes:
    """Return the header, or the first line; refuse a line beyond all reason wherever it is."""
    done, since_newline = 0, 0
    header: bytes | None = None
    decoder = getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as raw, opened(path, shape.member, raw) as text:
            while block := text.read(LINE_BYTES_MAX):
                # Arrow tells of irregular rows as text, and cannot where it is none.
                if not block.isascii() or decoder.getstate()[0]:
                    decoder.decode(block)
                first = block.find(b"\n")
                if since_newline + (len(block) if first < 0 else first) > LINE_BYTES_MAX:
                    raise DataError(
                        "the line is too long",
                        file=str(path),
                        row=_lines_before(path, shape, done) or None,
                        limit=f"{LINE_BYTES_MAX:,} bytes",
                        remedy="Is it a CSV file, with lines that end in a newline?",
                    )
                if header is None:
                    header = block.split(b"\n", shape.lines_before)[max(0, shape.lines_before - 1)]
                last = block.rfind(b"\n")
                done += len(block)
                since_newline = since_newline + len(block) if last < 0 else len(block) - last - 1
            decoder.decode(b"", True)  # noqa: FBT003 - it has no name
    except UnicodeDecodeError as error:
        raise DataError(
            "is not UTF-8",
            file=str(path),
            row=_first_row_not_utf8(path, shape),
            remedy="Save the file as UTF-8.",
        ) from error
    except _READ_FAILURES as error:
        raise DataError(
            f"cannot be read ({_first_line(error)})",
            file=str(path),
            remedy="It may be cut off; fetch it again.",
        ) from error
    return (header or b"").rstrip(b"\r")


def _lines_before(path: Path, shape: CsvShape, size: int) -> int:
    """Return how many lines end within so many bytes."""
    with path.open("rb") as raw, opened(path, shape.member, raw) as text:
        return text.read(size).count(b"\n")


def _header_names(path: Path, header: bytes, delimiter: str) -> list[str]:
    try:
        text = header.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"the header is not UTF-8 ({error.reason})",
            file=str(path),
            remedy="Save the file as UTF-8.",
        ) from error
    names = [each.strip().strip('"').strip() for each in text.split(delimiter)]
    if len(set(names)) < len(names):
        raise DataError(
            "the header names a column twice",
            file=str(path),
            value=text[:200],
            remedy="Rename one of them.",
        )
    return names


def _delimiter(header: bytes) -> str:
    return max((b",", b";", b"\t", b"|"), key=header.count).decode()


def _first_row_not_utf8(path: Path, shape: CsvShape) -> int | None:
    row = 1 - shape.lines_before
    try:
        with path.open("rb") as raw, opened(path, shape.member, raw) as text:
            for line in text:
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return row
                row += bool(line.strip())
    except _READ_FAILURES:
        return None
    return None


@contextmanager
def opened(path: Path, member: str | None, raw: BinaryIO) -> Iterator[BinaryIO]:
    """Open what is inside a file: a member of a zip, what is gzipped, or the file itself.

    Args:
        path: The file.
        member: Name inside a zip; None: it is none.
        raw: The file, opened, at its start.

    Raises:
        DataError: The zip is damaged, or asks for a password.
    """
    if member is not None:
        try:
            with zipfile.ZipFile(raw) as archive, archive.open(member) as file:
                yield cast("BinaryIO", file)
        except ZIP_FAILURES as error:
            raise DataError(
                f"is no whole zip ({_first_line(error)})",
                file=str(path),
                value=member,
                remedy="It may be cut off, or ask for a password; fetch it again.",
            ) from error
    elif raw.read(2) == b"\x1f\x8b":
        raw.seek(0)
        with gzip.open(raw, "rb") as file:
            yield cast("BinaryIO", file)
    else:
        raw.seek(0)
        yield raw


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
