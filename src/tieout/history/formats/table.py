"""Any CSV, Parquet or Feather file with named columns, and JSON lines, by a small mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import DataError, InputError
from tieout.history._defects import SetAside
from tieout.history._files import LINE_BYTES_MAX, CsvShape, Part, opened, parts
from tieout.history._headers import FIELDS, columns_of, kinds_of
from tieout.history._stamps import StampReader
from tieout.history.availability import known_of
from tieout.history.formats.reading import Ask, Guess, Look, Surety, TableReading, length_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Table", "only_rows", "read_table"]

_LINES_AT_A_TIME: Final = 65_536


class Table:
    """Columns found by their names, or as they are mapped."""

    name = "table"
    kinds = ("trades", "bars", "quotes", "funding", "borrow", "mark")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess where the columns' names, or the first line's, say what is in it."""
        names = _names(look)
        kinds = kinds_of(names, {})
        if not kinds:
            return None
        return Guess(Surety.SHAPE, f"columns of {' or '.join(kinds)}: {', '.join(names)[:120]}")

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        names = _names(look)
        kind = ask.kind or _only_kind(look, kinds_of(names, ask.mapping))
        if _is_json(look):
            source = _json_parts(look.path, ask)
        else:
            source = parts(
                look.path,
                set_aside=ask.set_aside,
                progress=ask.progress,
                shape=_shape(look, _wanted(look, ask, kind, names)),
            )
        return read_table(look, ask, kind, source, names=names)


def read_table(
    look: Look,
    ask: Ask,
    kind: str,
    source: Iterator[Part],
    *,
    names: Sequence[str],
    **options: Any,  # noqa: ANN401
) -> TableReading:
    """Return a reading whose columns are found by name, with what a person asked for.

    Args:
        look: The file.
        ask: What is wanted of it.
        kind: What is made of it.
        source: Its parts.
        names: Its columns.
        options: Of `TableReading`, where the format knows better than a person who said nothing.

    Raises:
        InputError: The request does not fit the kind.
        DataError: A column is missing, or several would do.
    """
    file = str(look.path)
    if kind not in FIELDS:
        raise InputError(f"{file}: kind {kind!r}; allowed: {', '.join(FIELDS)}")
    columns = columns_of(look.path, kind, names, dict(ask.mapping))
    zone = ask.zone or "UTC"
    given: dict[str, Any] = {
        "interval_ns": length_of(ask.interval, file) if ask.interval else 0,
        "stamps": StampReader(file, form=ask.time_form, zone=zone),
        "arrivals": (
            StampReader(file, zone=zone) if {"arrival", "known_time"} & columns.keys() else None
        ),
        "known": known_of(kind, columns),
        "zone_given": ask.zone is not None,
        "stamp": ask.stamp,
        "stamp_why": "as was said" if ask.stamp else "",
    }
    return TableReading(
        kind=kind, parts=only_rows(source, ask.only, file), columns=columns, **{**given, **options}
    )


def only_rows(source: Iterator[Part], only: Mapping[str, str], file: str) -> Iterator[Part]:
    """Yield parts without the rows whose columns have other values than was asked for.

    Raises:
        InputError: There is no such column.
    """
    if not only:
        yield from source
        return
    for part in source:
        keep = np.ones(len(part.rows), np.bool_)
        for column, value in only.items():
            if column not in part.table.column_names:
                raise InputError(
                    f"{file}: no column {column!r} to choose rows by; it has "
                    f"{', '.join(part.table.column_names)}"
                )
            text = part.table.column(column).cast(pa.string())
            keep &= np.asarray(pc.fill_null(pc.equal(text, value), False), np.bool_)  # noqa: FBT003
        yield Part(part.table.filter(pa.array(keep)), part.rows[keep], part.ragged)


def _names(look: Look) -> list[str]:
    if look.schema:
        return list(look.schema)
    if _is_json(look):
        # Rows of several kinds may be mixed: the names of all that is seen.
        names: dict[str, None] = {}
        for line in look.lines:
            try:
                names |= dict.fromkeys(msgspec.json.decode(line, type=dict[str, Any]))
            except msgspec.DecodeError:
                return []
        return list(names)
    if not look.lines:
        return []
    delimiter = max(",;\t|", key=look.lines[0].count)
    return [each.strip().strip('"').strip() for each in look.lines[0].split(delimiter)]


def _wanted(look: Look, ask: Ask, kind: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns that are needed, in their order; of a file that is no CSV all are read."""
    if look.schema or kind not in FIELDS:
        return None
    needed = {*columns_of(look.path, kind, names, dict(ask.mapping)).values(), *ask.only}
    return tuple(each for each in names if each in needed)


def _shape(look: Look, wanted: tuple[str, ...] | None) -> CsvShape:
    if look.members and look.member is None:
        raise InputError(
            f"{look.path}: there are several files in it; unpack it and name one of "
            f"{', '.join(look.members[:8])}"
        )
    return CsvShape(member=look.member, wanted=wanted)


def _is_json(look: Look) -> bool:
    return look.head.lstrip()[:1] == b"{"


def _only_kind(look: Look, kinds: Sequence[str]) -> str:
    if len(kinds) == 1:
        return kinds[0]
    told = f"it could be {' or '.join(kinds)}" if kinds else "its columns tell nothing"
    raise DataError(
        "what is in it is not clear",
        file=str(look.path),
        value=told,
        remedy="Say it: --kind trades, bars, quotes, funding, borrow or mark; map columns "
        "with --column.",
    )


def _json_parts(path: Path, ask: Ask) -> Iterator[Part]:
    """Yield JSON lines as tables of text, numbers as they are written; others are left out."""
    # Numbers with a fraction come as text, so that no digit is lost.
    decoder: Any = msgspec.json.Decoder(dict[str, Any], float_hook=str)
    wanted = dict(ask.only)
    needed = set(ask.mapping.values())
    lines: list[dict[str, Any]] = []
    numbers: list[int] = []
    ragged: list[SetAside] = []

    def made() -> Part:
        names = [*needed, *(name for line in lines for name in line if name not in needed)]
        table = pa.table(
            {
                name: pa.array([_text(line.get(name)) for line in lines], pa.string())
                for name in dict.fromkeys(names)
            }
        )
        return Part(table, np.array(numbers, np.int64), tuple(ragged))

    with path.open("rb") as raw, opened(path, None, raw) as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX):
            number += 1
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                wrong = SetAside(
                    number, "the line is no JSON object", line[:60].decode(errors="replace")
                )
                if not ask.set_aside:
                    raise DataError(
                        wrong.problem,
                        file=str(path),
                        row=number,
                        value=wrong.value,
                        remedy="Mend the row, or leave such rows out with --set-aside.",
                    ) from error
                ragged.append(wrong)
                continue
            if any(_text(row.get(name)) != value for name, value in wanted.items()):
                continue
            lines.append(row)
            numbers.append(number)
            if len(lines) == _LINES_AT_A_TIME:
                yield made()
                lines, numbers, ragged = [], [], []
    if lines or ragged:
        if not lines:
            none = {name: pa.array([], pa.string()) for name in needed}
            yield Part(pa.table(none), np.empty(0, np.int64), tuple(ragged))
        else:
            yield made()


def _text(value: Any) -> str | None:  # noqa: ANN401
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
