"""A file of market data as a judge sees it: its rows in their order, numbers as floats.

Nothing here is imported or kept, so what cannot be read is counted and left out, and prices need
not be exact.
"""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.history._files import ZIP_FAILURES, names_and_types
from tieout.history._stamps import StampReader, with_24_hours
from tieout.history.judging.names import Named, named

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Int64s = NDArray[np.int64]

__all__ = ["PRICES", "Sheet", "read_sheet"]

PRICES: Final = ("open", "high", "low", "close")
BYTES_MAX: Final = 1 << 31

_FIELDS: Final = {
    "time": (
        *("time", "date", "datetime", "timestamp", "open time", "open_time", "opentime", "ts"),
        *(
            "gmt time",
            "unix",
            "timestamp_utc",
            "ts_event",
            "transact_time",
            "calc_time",
            "funding_time",
            "fundingtime",
            "t",
        ),
    ),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "volume_btc", "volumefrom", "v"),
    "rate": ("rate", "funding rate", "funding_rate", "fundingrate", "last_funding_rate"),
    "price": ("price", "p"),
    "quantity": ("quantity", "qty", "size", "amount", "q"),
    "bid": ("bid", "bid_price", "bid price", "best_bid", "best_bid_price"),
    "ask": ("ask", "ask_price", "ask price", "best_ask", "best_ask_price"),
    "id": ("id", "trade_id", "tradeid", "agg_trade_id", "aggtradeid"),
    "known_time": ("known_time",),
}
_NEEDED: Final = {
    "bars": PRICES,
    "rates": ("rate",),
    "quotes": ("bid", "ask"),
    "trades": ("price", "quantity"),
}
_KLINE_WIDTHS: Final = (6, 8, 12)
_HEADER_LINES: Final = 5


@dataclass(frozen=True)
class Sheet:
    """The rows of one file that could be read, in the file's order.

    Attributes:
        file: Path as it was given.
        name: What the file's name says.
        kind: `bars`, `rates`, `quotes` or `trades`.
        rows: (n,) one-based data rows.
        time_ns: (n,) stamps; those without a zone are taken as UTC.
        fields: (n,) each, by name: of bars open, high, low, close and mostly volume.
        headers: Field to what the file calls it.
        unreadable: Rows that are left out.
        has_zone: Whether the stamps say their zone, or are numbers since 1970.
        known_ns: (n,) when each row was published, where the file says it.
    """

    file: str
    name: Named
    kind: str
    rows: Int64s
    time_ns: Int64s
    fields: dict[str, Floats]
    headers: dict[str, str] = field(default_factory=dict)
    unreadable: tuple[int, ...] = ()
    has_zone: bool = True
    known_ns: Int64s | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def taken(self, places: NDArray[Any]) -> Sheet:
        """Return some of the rows, by place or by a mask."""
        return replace(
            self,
            rows=self.rows[places],
            time_ns=self.time_ns[places],
            fields={name: values[places] for name, values in self.fields.items()},
            known_ns=None if self.known_ns is None else self.known_ns[places],
        )


def read_sheet(path: Path) -> Sheet:
    """Read a CSV, JSON, Feather or Parquet file, also packed, of bars, funding rates or trades.

    Raises:
        InputError: There is no such file, or it cannot be opened.
        DataError: It holds nothing of these kinds in a form that is known.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    table = _table(path, _unpacked(path))
    name = named(path)
    kind, columns = _kind_of(path, name, table)
    stamps = StampReader(str(path))
    when, wrong = stamps.read(_stamps(table[columns["time"]]))
    known_ns = None
    if "known_time" in columns:
        known_ns, unknown = StampReader(str(path)).read(_stamps(table[columns["known_time"]]))
        wrong = wrong | unknown
    fields = {}
    for what, column in columns.items():
        if what in ("time", "known_time"):
            continue
        fields[what] = _floats(path, table[column])
        if what != "id":
            wrong = wrong | ~np.isfinite(fields[what])
    rows = np.arange(1, len(table) + 1, dtype=np.int64)
    whole = Sheet(
        file=str(path),
        name=name,
        kind=kind,
        rows=rows,
        time_ns=when,
        fields=fields,
        headers=columns,
        unreadable=tuple(rows[wrong].tolist()),
        has_zone="taken as" not in stamps.rule,
        known_ns=known_ns,
    )
    return whole.taken(~wrong) if wrong.any() else whole


def _stamps(column: pl.Series) -> Any:  # noqa: ANN401 - pyarrow has no types
    if column.dtype.is_integer():
        # Wider than 64 bits is no time, and arrow does not know it.
        column = column.cast(pl.Int64, strict=False)
    text = pa.array(column.to_arrow())
    if pa.types.is_large_string(text.type) or pa.types.is_string(text.type):
        return with_24_hours(text.cast(pa.string()))
    return text


def _unpacked(path: Path) -> bytes:
    """Return a file's bytes; of a zip those of the only file in it."""
    try:
        with path.open("rb") as opened:
            start = opened.read(4)
        if start[:2] == b"\x1f\x8b":
            with gzip.open(path, "rb") as packed:
                return _bounded(path, packed.read(BYTES_MAX + 1))
        if start == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                inside = archive.namelist()
                if len(inside) != 1:
                    raise DataError(
                        "a zip with several files is not judged as one",
                        file=str(path),
                        value=f"{len(inside)} files",
                        remedy="Unpack it and name the files.",
                    )
                with archive.open(inside[0]) as packed:
                    return _bounded(path, packed.read(BYTES_MAX + 1))
        return _bounded(path, path.read_bytes())
    except ZIP_FAILURES as error:
        raise DataError(
            f"cannot be read ({error})", file=str(path), remedy="It may be cut off; fetch it again."
        ) from error


def _bounded(path: Path, content: bytes) -> bytes:
    if len(content) > BYTES_MAX:
        raise DataError(
            "is too large to be judged as a whole",
            file=str(path),
            limit=f"{BYTES_MAX:,} bytes unpacked",
            remedy="Judge it day by day.",
        )
    return content


def _table(path: Path, content: bytes) -> pl.DataFrame:
    try:
        if content[:4] == b"PAR1" or content[:6] == b"ARROW1":
            return _from_arrow(content)
        if content.lstrip()[:1] in (b"[", b"{"):
            return _from_json(path, content)
        return _from_text(path, content)
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unknown(path, (str(error).splitlines() or [""])[0][:200]) from error


def _from_arrow(content: bytes) -> pl.DataFrame:
    """Read Parquet or Feather. Arrow says what is wrong with a damaged one; polars panics."""
    source = pa.BufferReader(content)
    if content[:4] == b"PAR1":
        table = pq.read_table(source, use_threads=False)
    else:
        with pa.ipc.open_file(source) as file:
            table = file.read_all()
    table.validate(full=True)
    names_and_types(table.schema)
    # Without what else a schema says: polars takes its letters for sound.
    return pl.DataFrame(pa.Table.from_arrays(table.columns, names=table.column_names))


def _from_json(path: Path, content: bytes) -> pl.DataFrame:
    """Read a list of lists or of objects; lists of numbers are bars as most venues send them."""
    try:
        rows = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise _unknown(path, f"no JSON: {error}") from error
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], (list, dict)):
        raise _unknown(path, "no list of rows")
    if isinstance(rows[0], dict):
        names = list(rows[0])
        lists = [[each.get(name) for name in names] for each in rows if isinstance(each, dict)]
    else:
        width = len(rows[0])
        names = list(("time", *PRICES, "volume")[:width])
        if width < len(PRICES) + 1:
            raise _unknown(path, f"rows of {width} values")
        names += [f"column {place}" for place in range(len(names), width)]
        lists = [each for each in rows if isinstance(each, list) and len(each) == width]
    if len(lists) < len(rows):
        raise _unknown(path, "rows of different shapes")
    columns = zip(*lists, strict=True)
    return pl.DataFrame(
        {name: pl.Series(values, strict=False) for name, values in zip(names, columns, strict=True)}
    )


def _from_text(path: Path, content: bytes) -> pl.DataFrame:
    head = content[:65_536].decode("utf-8-sig", "replace").splitlines()[:_HEADER_LINES]
    if not head:
        raise _unknown(path, "it is empty")
    delimiter = max(",;\t|", key=lambda each: sum(line.count(each) for line in head))
    widths = [line.count(delimiter) for line in head]
    # Some providers write a line of their own above the header.
    skipped = next(place for place, width in enumerate(widths) if width == max(widths))
    names = [each.strip().strip('"') for each in head[skipped].split(delimiter)]
    is_header = not any(_is_number(each) for each in names)
    table = pl.read_csv(
        content,
        separator=delimiter,
        skip_rows=skipped,
        has_header=is_header,
        infer_schema=False,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    )
    if is_header:
        return table
    if len(names) not in _KLINE_WIDTHS:
        raise _unknown(path, f"no header, and rows of {len(names)} values")
    return table.rename(dict(zip(table.columns, ("time", *PRICES, "volume"), strict=False)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _kind_of(path: Path, name: Named, table: pl.DataFrame) -> tuple[str, dict[str, str]]:
    """Say what a table holds, and which of its columns is what."""
    columns: dict[str, str] = {}
    for what, words in _FIELDS.items():
        # The first word that fits, not the first column: `volume_btc` before `volume` in quote.
        fitting = [
            column
            for word in words
            for column in table.columns
            if column.strip().lower().strip('"') == word
        ]
        if fitting:
            columns[what] = fitting[0]
    if "volume_btc" in {each.lower() for each in table.columns}:
        columns["volume"] = next(each for each in table.columns if each.lower() == "volume_btc")
    if any("update" in each.lower() for each in table.columns):
        raise _unknown(path, "changes of a book")
    if "time" not in columns:
        raise _unknown(path, f"no column is the time: {', '.join(table.columns)[:120]}")
    kinds = [kind for kind, needed in _NEEDED.items() if all(each in columns for each in needed)]
    if not kinds:
        raise _unknown(path, f"columns {', '.join(table.columns)[:120]}")
    kind = kinds[0]
    if kind == "bars" and name.is_funding:
        # Kept as candles by some, with the rate where the open would be.
        return "rates", {"time": columns["time"], "rate": columns["open"]}
    wanted = {
        "bars": ("time", *PRICES, *(() if name.is_mark else ("volume",)), "known_time"),
        "rates": ("time", "rate"),
        "quotes": ("time", "bid", "ask"),
        "trades": ("time", "price", "quantity", "id"),
    }[kind]
    return kind, {what: columns[what] for what in wanted if what in columns}


def _floats(path: Path, column: pl.Series) -> Floats:
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean)):
        raise _unknown(path, f"column {column.name!r} holds {column.dtype}, not numbers")
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    numbers = column.cast(pl.Float64, strict=False)
    return numbers.fill_null(float("nan")).to_numpy().astype(np.float64)


def _unknown(path: Path, why: str) -> DataError:
    return DataError(
        f"is of no form that is known here ({why})",
        file=str(path),
        remedy="Name files of bars, trades, funding rates, or recordings.",
    )
