"""Reads market data from files of others, exactly, or refuses with file, row, value and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tieout.errors import DataError, InputError
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from tieout.history.store import Dataset, Store
    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]
    Progress = Callable[[float, float | None], None]

__all__ = ["FIELDS", "import_file"]

FIELDS: Final = {
    "trades": ("time", "price", "quantity", "side", "id"),
    "bars": ("time", "open", "high", "low", "close", "volume"),
}
"""What a mapping can name, by kind."""

_OPTIONAL = {"side", "id"}
_KNOWN_HEADERS: Final = {
    "time": ("time", "datetime", "date", "timestamp", "ts", "gmt time", "open time", ""),
    "price": ("price", "px", "last"),
    "quantity": ("quantity", "qty", "volume", "size", "amount"),
    "side": ("side", "aggressor", "taker_side"),
    "id": ("id", "trade_id", "tradeid"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol", "volume usd"),
}
_LINE_BYTES_MAX = 1 << 20
_BLOCK_BYTES = 1 << 23
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?\s*$"
_EXACT_DIGITS = 18
_BUYS = ("buy", "b", "buyer", "1", "bid")
_SELLS = ("sell", "s", "seller", "-1", "ask", "2")


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one file is to be read."""

    file: str
    kind: str
    instrument: Instrument
    columns: Mapping[str, str]
    interval_ns: int
    stamp: str
    zone: str


def import_file(
    store: Store,
    path: Path,
    *,
    name: str,
    kind: str,
    instrument: Instrument | None,
    interval: str | None = None,
    mapping: Mapping[str, str] | None = None,
    stamp: str = "open",
    zone: str = "UTC",
    on_defect: str = "refuse",
    source: str = "",
    progress: Progress | None = None,
) -> Dataset:
    """Import a CSV or Parquet file of trades or bars.

    Args:
        store: Where it goes; nothing is left there on an error.
        path: File with a header row (CSV) or named columns (Parquet).
        name: Name in the store.
        kind: `trades` or `bars`.
        instrument: Whose data it is, with tick and lot.
        interval: Bars only, e.g. `1m`.
        mapping: Field to column; what is not named is found by common names.
        stamp: Bars only: whether a stamp is the `open` or the `close` of its bar.
        zone: Time zone of stamps that carry none.
        on_defect: `refuse` the file, or `set_aside` the rows that cannot be right.
        source: What to write down as the origin; the path when empty.
        progress: Called with bytes done and bytes in total.

    Raises:
        DataError: A row or the file cannot be right; it is named.
        InputError: The request itself is wrong.
    """
    _check_request(path, kind, instrument, interval, stamp, on_defect)
    assert instrument is not None, path
    length = interval_ns(interval) if interval else 0
    tables = _tables(path, progress)
    first = next(tables, None)
    if first is None or not first.num_rows:
        raise DataError("there is no row in it", file=str(path), remedy="Give another file.")
    plan = _Plan(
        str(path),
        kind,
        instrument,
        _columns(path, kind, first.column_names, dict(mapping or {})),
        length,
        stamp,
        zone,
    )
    reader = _Reader(plan, set_aside=on_defect == "set_aside")
    defects: dict[str, int] = {}

    def chunks() -> Iterator[dict[str, Int64s]]:
        yield reader.read(first)
        for table in tables:
            yield reader.read(table)
        defects.update(reader.set_aside_kinds)

    rule = f"stamps in {zone}" + (f", stamped at {stamp}" if kind == "bars" else "")
    return store.write(
        name,
        kind,
        instrument,
        chunks(),
        interval_ns=length,
        source=source or str(path),
        time_rule=rule,
        defects=defects,
    )


def _check_request(
    path: Path,
    kind: str,
    instrument: Instrument | None,
    interval: str | None,
    stamp: str,
    on_defect: str,
) -> None:
    if kind not in FIELDS:
        raise InputError(f"{path}: kind {kind!r}; allowed: trades, bars")
    if instrument is None:
        raise InputError(f"{path}: whose data is it? Give symbol, tick and lot")
    if kind == "bars":
        if interval is None:
            raise InputError(f"{path}: bars need an interval, such as 1m")
        try:
            interval_ns(interval)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error
    if stamp not in ("open", "close"):
        raise InputError(f"{path}: stamp {stamp!r}; allowed: open, close")
    if on_defect not in ("refuse", "set_aside"):
        raise InputError(f"{path}: on_defect {on_defect!r}; allowed: refuse, set_aside")
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name a file in it")
    if not path.stat().st_size:
        raise DataError("the file is empty", file=str(path), remedy="Give another file.")


def _tables(path: Path, progress: Progress | None) -> Iterator[pa.Table]:
    if path.suffix.lower() in (".parquet", ".pq"):
        yield from _parquet_tables(path, progress)
    else:
        yield from _csv_tables(path, progress)


def _parquet_tables(path: Path, progress: Progress | None) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            total = file.metadata.num_rows
            done = 0
            for batch in file.iter_batches(batch_size=131_072, use_threads=False):
                yield pa.Table.from_batches([batch])
                done += batch.num_rows
                if progress:
                    progress(done, total)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"is no whole Parquet file ({str(error).splitlines()[0]})",
            file=str(path),
            remedy="It may be cut off; fetch it again.",
        ) from error


def _csv_tables(path: Path, progress: Progress | None) -> Iterator[pa.Table]:
    _check_lines(path)
    size = path.stat().st_size
    with path.open("rb") as opened:
        header = opened.readline()
    names = _header_names(path, header)
    try:
        with path.open("rb") as opened:
            reader = pacsv.open_csv(
                opened,
                read_options=pacsv.ReadOptions(
                    block_size=_BLOCK_BYTES, use_threads=False, column_names=names, skip_rows=1
                ),
                parse_options=pacsv.ParseOptions(delimiter=_delimiter(header)),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
            for batch in reader:
                yield pa.Table.from_batches([batch])
                if progress:
                    progress(opened.tell(), size)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"is no regular CSV ({str(error).splitlines()[0][:200]})",
            file=str(path),
            remedy="Each row needs as many values as the header has names, in UTF-8.",
        ) from error


def _check_lines(path: Path) -> None:
    """Refuse a line beyond all reason before anything tries to hold it in memory."""
    row = 0
    since_newline = 0
    with path.open("rb") as opened:
        while block := opened.read(_LINE_BYTES_MAX):
            first = block.find(b"\n")
            if since_newline + (len(block) if first < 0 else first) > _LINE_BYTES_MAX:
                raise DataError(
                    "the line is too long",
                    file=str(path),
                    row=row,
                    limit=f"{_LINE_BYTES_MAX:,} bytes",
                    remedy="Is it a CSV file?",
                )
            last = block.rfind(b"\n")
            row += block.count(b"\n")
            since_newline = since_newline + len(block) if last < 0 else len(block) - last - 1


def _header_names(path: Path, header: bytes) -> list[str]:
    try:
        text = header.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"the header is not UTF-8 ({error.reason})",
            file=str(path),
            remedy="Save the file as UTF-8.",
        ) from error
    names = [each.strip().strip('"') for each in text.split(_delimiter(header))]
    if len(set(names)) < len(names):
        raise DataError(
            "the header names a column twice", file=str(path), value=text, remedy="Rename one."
        )
    return names


def _delimiter(header: bytes) -> str:
    return max((b",", b";", b"\t"), key=header.count).decode()


def _columns(path: Path, kind: str, names: list[str], mapping: dict[str, str]) -> dict[str, str]:
    fields = FIELDS[kind]
    unknown = sorted(set(mapping) - set(fields))
    if unknown:
        raise InputError(
            f"{path}: mapping names {', '.join(unknown)}; {kind} have {', '.join(fields)}"
        )
    found: dict[str, str] = {}
    for field in fields:
        if field in mapping:
            if mapping[field] not in names:
                raise InputError(
                    f"{path}: no column {mapping[field]!r} for {field}; it has {', '.join(names)}"
                )
            found[field] = mapping[field]
            continue
        fitting = [name for name in names if name.strip().lower() in _KNOWN_HEADERS[field]]
        if fitting:
            found[field] = fitting[0]
        elif field not in _OPTIONAL:
            raise DataError(
                f"there is no column for {field}",
                file=str(path),
                value=", ".join(names),
                remedy=f"Name it: --column {field}=HEADER.",
            )
    return found


class _Reader:
    """Turns tables into chunks of integers, in order, and knows what it has seen before."""

    def __init__(self, plan: _Plan, *, set_aside: bool) -> None:
        self._plan = plan
        self._set_aside = set_aside
        self._rows = 0
        self._last_ns: int | None = None
        self._last_id = 0
        self.set_aside_kinds: dict[str, int] = {}

    def read(self, table: pa.Table) -> dict[str, Int64s]:
        """Return one table's rows as integers.

        Raises:
            DataError: A value cannot be right and is not to be set aside.
        """
        kept: NDArray[np.bool_] = np.ones(table.num_rows, np.bool_)
        chunk = (
            self._trades(table, kept) if self._plan.kind == "trades" else self._bars(table, kept)
        )
        self._rows += table.num_rows
        return {name: column[kept] for name, column in chunk.items()}

    def _trades(self, table: pa.Table, kept: NDArray[np.bool_]) -> dict[str, Int64s]:
        instrument = self._plan.instrument
        when = self._times(table)
        price = self._scaled(table, "price", instrument.tick_size, "tick size", kept)
        lots = self._scaled(table, "quantity", instrument.lot_size, "lot size", kept)
        self._defect(kept, price <= 0, "price", "price is not positive", table, "above 0")
        self._defect(kept, lots <= 0, "quantity", "quantity is not positive", table, "above 0")
        self._ordered(when, kept, table, strictly=False)
        return {
            "venue_time_ns": when,
            "price_ticks": price,
            "quantity_lots": lots,
            "aggressor": self._sides(table, kept),
            "trade_id": self._ids(table, kept),
        }

    def _bars(self, table: pa.Table, kept: NDArray[np.bool_]) -> dict[str, Int64s]:
        instrument = self._plan.instrument
        length = self._plan.interval_ns
        when = self._times(table)
        opened = when if self._plan.stamp == "open" else when - length
        prices = {
            field: self._scaled(table, field, instrument.tick_size, "tick size", kept)
            for field in ("open", "high", "low", "close")
        }
        volume = self._scaled(table, "volume", instrument.lot_size, "lot size", kept)
        high, low = prices["high"], prices["low"]
        for field in ("open", "high", "low", "close"):
            self._defect(kept, prices[field] <= 0, field, f"{field} is not positive", table, "> 0")
        self._defect(
            kept, high < low, "high", "high is below low; are the columns in this order?", table
        )
        for field in ("open", "close"):
            outside = (prices[field] > high) | (prices[field] < low)
            self._defect(
                kept,
                outside,
                field,
                f"{field} lies outside of low and high; are the columns in this order?",
                table,
            )
        self._defect(kept, volume < 0, "volume", "volume is negative", table, "0 or more")
        self._defect(
            kept,
            opened % length != 0,
            "time",
            "the bar does not begin on a whole interval",
            table,
            f"multiples of {length / 1e9:g} s",
        )
        self._ordered(when, kept, table, strictly=True)
        return {
            "open_time_ns": opened,
            "close_time_ns": opened + length,
            **{f"{field}_ticks": ticks for field, ticks in prices.items()},
            "volume_lots": volume,
        }

    def _times(self, table: pa.Table) -> Int64s:
        column = table.column(self._plan.columns["time"]).combine_chunks()
        if pa.types.is_timestamp(column.type):
            return self._zoned(column)
        if pa.types.is_integer(column.type):
            return self._epoch(column.cast(pa.int64()).to_numpy(zero_copy_only=False))
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        if pc.all(pc.match_substring_regex(text, r"^\d{9,20}$")).as_py():
            return self._epoch(text.cast(pa.int64()).to_numpy(zero_copy_only=False))
        # 31.12.2017 22:00 becomes 2017-12-31 22:00.
        text = pc.replace_substring_regex(text, r"^(\d\d)\.(\d\d)\.(\d{4})", r"\3-\2-\1")
        regular = pc.match_substring_regex(
            text, r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$"
        )
        self._first_false(regular, column, "the time is not readable", "e.g. 2013-09-01 17:00:00")
        zoned = pc.match_substring_regex(text, r"[T ].*(Z|[+-]\d\d:?\d\d)$")
        try:
            if pc.all(zoned).as_py():
                return np.asarray(text.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()))
            return self._zoned(text.cast(pa.timestamp("ns")))
        except pa.ArrowInvalid as error:
            raise DataError(
                f"a time cannot be read ({str(error).splitlines()[0][:120]})",
                file=self._plan.file,
                remedy="Give every row the same form of time, with or without a zone.",
            ) from error

    def _zoned(self, stamps: Any) -> Int64s:  # noqa: ANN401 - pyarrow has no types
        if stamps.null_count:
            self._first_false(pc.is_valid(stamps), stamps, "the time is missing", "a time")
        if stamps.type.tz is None and self._plan.zone != "UTC":
            try:
                ZoneInfo(self._plan.zone)
                stamps = pc.assume_timezone(stamps, self._plan.zone)
            except (ZoneInfoNotFoundError, ValueError, pa.ArrowInvalid) as error:
                raise InputError(
                    f"{self._plan.file}: time zone {self._plan.zone!r}: {error}"
                ) from error
        return np.asarray(stamps.cast(pa.timestamp("ns", stamps.type.tz)).cast(pa.int64()))

    def _epoch(self, numbers: Int64s) -> Int64s:
        """Take whole seconds, milli-, micro- or nanoseconds by their size: 1990 to 2100."""
        for unit in (10**9, 10**6, 10**3, 1):
            low, high = 631_152_000 * 10**9 // unit, 4_102_444_800 * 10**9 // unit
            if low <= int(numbers[0]) <= high:
                wrong = (numbers < low) | (numbers > high)
                if wrong.any():
                    row = int(np.argmax(wrong))
                    self._refuse(row, "the time lies outside 1990 … 2100", str(numbers[row]))
                return numbers * unit
        self._refuse(0, "the time is no time since 1970 in s, ms, µs or ns", str(numbers[0]))
        raise AssertionError

    def _scaled(
        self,
        table: pa.Table,
        field: str,
        step: Decimal,
        step_name: str,
        kept: NDArray[np.bool_],
    ) -> Int64s:
        """Return values as whole multiples of a step, exactly."""
        column = table.column(self._plan.columns[field]).combine_chunks()
        if pa.types.is_floating(column.type):
            return self._scaled_floats(column, field, step, step_name, kept)
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        readable = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)  # noqa: FBT003
        unreadable = ~np.asarray(readable, np.bool_)
        self._defect(kept, unreadable, field, f"{field} is not a finite number", table)
        if unreadable.any():
            text = pc.if_else(readable, text, "0")
        if pc.any(pc.match_substring(text, "e", ignore_case=True)).as_py():
            whole, off = _by_hand(text.to_pylist(), step)
        else:
            whole, off = self._exact(text, step)
        self._defect(kept, off, field, f"{field} is off the {step_name}", table, f"k·{step}")
        return whole

    def _exact(self, text: Any, step: Decimal) -> tuple[Int64s, NDArray[np.bool_]]:  # noqa: ANN401
        digits = max(0, -int(step.normalize().as_tuple().exponent))
        step_units = int(step.scaleb(digits))
        try:
            exact = text.cast(pa.decimal128(38, _EXACT_DIGITS))
        except pa.ArrowInvalid:
            return _by_hand(text.to_pylist(), step)
        rounded = pc.round(exact, ndigits=digits)
        off = np.asarray(pc.not_equal(rounded, exact))
        units, overflow = _integers(rounded.cast(pa.decimal128(38, digits)))
        ticks, rest = np.divmod(units, step_units)
        return ticks, off | overflow | (rest != 0)

    def _scaled_floats(
        self,
        column: Any,  # noqa: ANN401 - pyarrow has no types
        field: str,
        step: Decimal,
        step_name: str,
        kept: NDArray[np.bool_],
    ) -> Int64s:
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        finite = np.isfinite(values) & (np.abs(values) < float(step) * 2**53)
        self._defect_values(kept, ~finite, f"{field} is not a finite number", values)
        ratio = np.where(finite, values, 0.0) / float(step)
        whole = np.rint(ratio)
        # A float that came from a decimal on the step misses it by rounding alone.
        off = np.abs(ratio - whole) > 1e-9 * np.maximum(1.0, np.abs(whole))
        self._defect_values(kept, off, f"{field} is off the {step_name} {step}", values)
        return whole.astype(np.int64)

    def _sides(self, table: pa.Table, kept: NDArray[np.bool_]) -> Int64s:
        if "side" not in self._plan.columns:
            return np.zeros(table.num_rows, np.int64)
        column = table.column(self._plan.columns["side"]).combine_chunks().cast(pa.string())
        text = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        buys = np.asarray(pc.is_in(text, pa.array(_BUYS)))
        sells = np.asarray(pc.is_in(text, pa.array(_SELLS)))
        self._defect(kept, ~(buys | sells), "side", "side is neither buy nor sell", table)
        return buys.astype(np.int64) - sells.astype(np.int64)

    def _ids(self, table: pa.Table, kept: NDArray[np.bool_]) -> Int64s:
        if "id" not in self._plan.columns:
            return np.arange(self._rows + 1, self._rows + table.num_rows + 1, dtype=np.int64)
        ids = self._scaled(table, "id", Decimal(1), "whole numbers", kept)
        back = np.diff(np.concatenate(([self._last_id], ids))) <= 0
        self._defect(kept, back, "id", "trade ids do not ascend", table)
        self._last_id = int(ids[-1])
        return ids

    def _ordered(
        self, when: Int64s, kept: NDArray[np.bool_], table: pa.Table, *, strictly: bool
    ) -> None:
        before = when[0] if self._last_ns is None else self._last_ns
        steps = np.diff(np.concatenate(([before], when)))
        if strictly:
            same = steps == 0
            same[0] = same[0] and self._last_ns is not None
            self._defect(kept, same, "time", "the time was there already", table)
        self._defect(kept, steps < 0, "time", "the time goes backwards", table, "ascending times")
        self._last_ns = int(when[-1])

    def _defect(
        self,
        kept: NDArray[np.bool_],
        wrong: NDArray[np.bool_],
        field: str,
        problem: str,
        table: pa.Table,
        limit: str | None = None,
    ) -> None:
        wrong = wrong & kept
        if not wrong.any():
            return
        if self._set_aside:
            kept &= ~wrong
            self.set_aside_kinds[problem] = self.set_aside_kinds.get(problem, 0) + int(wrong.sum())
            return
        row = int(np.argmax(wrong))
        value = table.column(self._plan.columns[field])[row].as_py()
        self._refuse(row, problem, str(value), limit)

    def _defect_values(
        self,
        kept: NDArray[np.bool_],
        wrong: NDArray[np.bool_],
        problem: str,
        values: NDArray[np.float64],
    ) -> None:
        wrong = wrong & kept
        if not wrong.any():
            return
        if self._set_aside:
            kept &= ~wrong
            self.set_aside_kinds[problem] = self.set_aside_kinds.get(problem, 0) + int(wrong.sum())
            return
        row = int(np.argmax(wrong))
        self._refuse(row, problem, repr(float(values[row])))

    def _first_false(self, fine: Any, column: Any, problem: str, limit: str) -> None:  # noqa: ANN401
        good = np.asarray(pc.fill_null(fine, False), np.bool_)  # noqa: FBT003
        if not good.all():
            row = int(np.argmin(good))
            self._refuse(row, problem, str(column[row].as_py()), limit)

    def _refuse(self, row: int, problem: str, value: str, limit: str | None = None) -> None:
        raise DataError(
            problem,
            file=self._plan.file,
            row=self._rows + row + 1,
            value=value[:80],
            limit=limit,
            remedy="Mend the row, or leave such rows out with --set-aside.",
        )


def _integers(decimals: Any) -> tuple[Int64s, NDArray[np.bool_]]:  # noqa: ANN401
    """Return the unscaled integers of a decimal128 array, and which of them exceed 64 bits.

    Arrow keeps each as 128 bits, low word first; an integer fits when the high word repeats the
    low word's sign.
    """
    words = np.frombuffer(decimals.buffers()[1], "<i8").reshape(-1, 2)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    low = words[:, 0]
    return np.ascontiguousarray(low), words[:, 1] != low >> 63


def _by_hand(texts: list[str], step: Decimal) -> tuple[Int64s, NDArray[np.bool_]]:
    """Return multiples of a step and which values are none, for numbers in unusual dress."""
    values = [Decimal(each) / step for each in texts]
    fits = [value == value.to_integral_value() and abs(value) < 2**62 for value in values]
    ticks = [int(value) if fine else 0 for value, fine in zip(values, fits, strict=True)]
    return np.array(ticks, np.int64), ~np.array(fits, np.bool_)
