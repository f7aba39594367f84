"""What a format is: it looks at a file from outside, says whether it knows it, and reads it.

look_at(path) ──▶ Look ──▶ Format.detect ──▶ Guess          the surest guess is taken
Ask + Look ──▶ Format.read ──▶ TableReading | RecordedReading   rows with their file's row numbers
                               ActionsReading                   corporate actions, read whole
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, unique
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.history._files import checked_file, names_and_types, opened
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from tieout.history._files import Part, Progress
    from tieout.history._stamps import StampReader
    from tieout.model.actions import Action
    from tieout.model.columns import RecordedColumns, TradeColumns
    from tieout.model.instruments import Instrument, InstrumentType

__all__ = [
    "ActionsReading",
    "Ask",
    "Format",
    "Guess",
    "Look",
    "Reading",
    "RecordedReading",
    "Surety",
    "TableReading",
    "length_of",
    "look_at",
]

_HEAD_BYTES = 1 << 16
_ONE = Decimal(1)


@unique
class Surety(IntEnum):
    """How sure a format is that a file is its own."""

    SHAPE = 1
    """The content could be read so, as that of many others."""
    NAME = 2
    """The file's name or folder says so, and the content does not contradict it."""
    CONTENT = 3
    """The content says so in words of this provider."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a format takes a file for.

    Attributes:
        surety: How sure it is.
        why: What it saw, in words.
    """

    surety: Surety
    why: str


@dataclass(frozen=True)
class Look:
    """A file as it shows itself before it is read.

    Attributes:
        path: The file.
        head: The first bytes, unpacked; of a zip those of its first member.
        members: Names inside a zip, folders left out; empty where it is none.
        schema: Column to type of a Parquet or Feather file, in words; empty for all else.
    """

    path: Path
    head: bytes
    members: tuple[str, ...] = ()
    schema: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """The file's name without what tells of its packing."""
        name = self.path.name
        for ending in (".gz", ".zip", ".zst"):
            name = name.removesuffix(ending)
        return name

    @cached_property
    def lines(self) -> list[str]:
        """The first whole lines, or one that goes on; no more than ten."""
        lines = self.head.decode("utf-8-sig", "replace").split("\n", 10)[:10]
        if len(self.head) >= _HEAD_BYTES and 1 < len(lines) < 10:
            lines = lines[:-1]
        return [each.rstrip("\r") for each in lines if each.strip()]

    @cached_property
    def cells(self) -> list[str]:
        """The first line's values as a CSV file has them."""
        return [each.strip().strip('"') for each in self.lines[0].split(",")] if self.lines else []

    @cached_property
    def columns(self) -> list[str]:
        """The names of its columns in small letters, if the first line or the schema has some."""
        return [each.lower() for each in (self.schema or self.cells)]

    @property
    def member(self) -> str | None:
        """The only thing in a zip, None where there is no zip or several."""
        return self.members[0] if len(self.members) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is wanted of a file; None leaves it to the format.

    Attributes:
        instrument: Whose data it is.
        kind: What to make of it.
        interval: Length of a bar, or of funding's interval.
        zone: Of stamps that carry none.
        time_form: As of `StampReader`.
        stamp: Whether bars are stamped at `open` or `close`.
        mapping: Field to column.
        only: Column to value: rows with another one are left out.
        side: Bars of quotes: `bid` or `ask`.
        member: Which part of a zip, where there are several.
        clock_offset_ns: Recordings: venue's clock minus the recorder's; None: measure it.
        instrument_id: The vendor's number, where a file holds several instruments.
        set_aside: Whether defective rows are left out and listed.
        progress: Called with work done and in total.
        published_after_ns: Trades and bars: after they are over.
        outages: Trades and bars: pairs [from, to) in which the way to them was down.
    """

    instrument: Instrument
    kind: str | None = None
    interval: str | None = None
    zone: str | None = None
    time_form: str = "auto"
    stamp: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    side: str | None = None
    member: str | None = None
    clock_offset_ns: int | None = 0
    instrument_id: int | None = None
    set_aside: bool = False
    progress: Progress | None = None
    published_after_ns: int = 0
    outages: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReading:
    """A file as parts of a table; values are as the file has them, rows have its numbers.

    Attributes:
        kind: `trades`, `bars`, `quotes`, `funding`, `borrow` or `mark`.
        parts: In the file's order.
        columns: Field to column.
        stamps: Reads the time column.
        arrivals: Reads the column of arrivals or known times, where there is one.
        interval_ns: Length of a bar, or of funding's interval; 0: not told.
        stamp: `open` or `close` where the format settles it, else None.
        stamp_why: What settles it.
        price_unit: What a price of 1 in the file is worth.
        rate_unit: What a rate of borrowing of 1 in the file is, as a share; of percents 0.01.
        zone_given: Whether the zone is known, and not taken for granted.
        counted: Defects found on the way, by name; complete once the parts are read.
        notes: For the description.
        instrument_type: What the file says its instrument is; None: nothing.
        known: What the known times of its trades or bars are, as of `DatasetMeta`; empty: there are
            none.
    """

    kind: str
    parts: Iterator[Part]
    columns: Mapping[str, str]
    stamps: StampReader
    arrivals: StampReader | None = None
    interval_ns: int = 0
    stamp: str | None = None
    stamp_why: str = ""
    price_unit: Decimal = _ONE
    rate_unit: Decimal = _ONE
    zone_given: bool = True
    counted: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    instrument_type: InstrumentType | None = None
    known: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReading:
    """A file as columns that keep the arrival they were recorded with.

    Attributes:
        kind: `book`, `quotes`, `orders` or `trades`.
        chunks: In order of arrival.
        time_rule: How its times were read, in words.
        counted: Gaps and defects; complete once the chunks are read.
        instrument_type: As of `TableReading`.
    """

    kind: str
    chunks: Iterable[RecordedColumns] | Iterable[TradeColumns]
    time_rule: str
    counted: Mapping[str, int] = field(default_factory=dict)
    instrument_type: InstrumentType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsReading:
    """A file of corporate actions, read whole: they are few.

    Attributes:
        actions: In any order.
        time_rule: How its days were read, in words.
        notes: For the description.
        instrument_type: As of `TableReading`.
    """

    actions: Sequence[Action]
    time_rule: str
    notes: tuple[str, ...] = ()
    kind: str = "actions"
    instrument_type: InstrumentType | None = None


Reading = TableReading | RecordedReading | ActionsReading


class Format(Protocol):
    """A provider's way to write files."""

    @property
    def name(self) -> str:
        """What a person types."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be made of such files, the usual one first."""

    def detect(self, look: Look) -> Guess | None:
        """Return what speaks for the file being of this format, or None."""

    def read(self, look: Look, ask: Ask) -> Reading:
        """Begin to read it; DataError or InputError where it cannot be read as asked."""


def look_at(path: Path) -> Look:
    """Return a file as it shows itself.

    Raises:
        InputError: There is no such file, or it cannot be read.
        DataError: It is empty, or damaged where it begins.
    """
    start = checked_file(path)
    try:
        if start.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive:
                members = tuple(each for each in archive.namelist() if not each.endswith("/"))
            return Look(path, _head(path, members[0]) if members else b"", members)
        if start.startswith((b"PAR1", b"ARROW1")):
            return Look(path, start, schema=_schema(path, start))
        return Look(path, _head(path, None))
    except DataError:
        raise
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"cannot be read ({(str(error).splitlines() or [type(error).__name__])[0][:200]})",
            file=str(path),
            remedy="It may be cut off; fetch it again.",
        ) from error
    except (zlib.error, pa.ArrowException) as error:
        raise DataError(
            f"is damaged ({error})", file=str(path), remedy="Fetch it again."
        ) from error


def length_of(interval: str, file: object) -> int:
    """Return the length of an interval that a person or a name tells.

    Raises:
        InputError: It is none.
    """
    try:
        return interval_ns(interval)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from error


def _head(path: Path, member: str | None) -> bytes:
    with path.open("rb") as raw, opened(path, member, raw) as file:
        return file.read(_HEAD_BYTES)


def _schema(path: Path, start: bytes) -> dict[str, str]:
    schema: Any
    if start.startswith(b"PAR1"):
        schema = pq.read_schema(path)
    else:
        with pa.OSFile(str(path)) as raw, pa.ipc.open_file(raw) as file:
            schema = file.schema
    if len(set(schema.names)) < len(schema.names):
        raise DataError(
            "a column is there twice",
            file=str(path),
            value=", ".join(schema.names)[:200],
            remedy="Rename one of them.",
        )
    return names_and_types(schema)
