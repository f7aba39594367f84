"""Reads market data from files of others, exactly, or refuses with file, row, value and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import DataError, InputError
from tieout.history._defects import Defects
from tieout.history._files import Part, Progress, parts
from tieout.history._headers import FIELDS, columns_of
from tieout.history._numbers import STEPS_MAX, scaled
from tieout.history._rules import BarRules, TradeRules
from tieout.history._stamps import StampReader
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tieout.history._writer import DatasetWriter
    from tieout.history.dataset import Dataset
    from tieout.history.store import Store
    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]

__all__ = ["FIELDS", "Progress", "import_file"]

_BUYS = ("buy", "b", "buyer", "1", "+1", "bid")
_SELLS = ("sell", "s", "seller", "-1", "ask", "a", "2")
_UNKNOWN_SIDES = ("", "0", "n", "none", "unknown")
_ROUNDED = "volume rounded down to the lot"


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
    time_form: str = "auto",
    volume: str = "exact",
    on_defect: str = "refuse",
    source: str = "",
    time_note: str = "",
    progress: Progress | None = None,
) -> Dataset:
    """Import a CSV (`.gz` too) or Parquet file of trades or bars; on an error nothing is left.

    Args:
        store: Where it goes.
        path: File with a header row (CSV) or named columns (Parquet).
        name: Name in the store.
        kind: `trades` or `bars`.
        instrument: Whose data it is, with tick and lot.
        interval: Bars only, e.g. `1m`.
        mapping: Field to column; what is not named is found by common names. `-` says that there
            is no such column: sides are unknown then, ids are row numbers, volume is 0.
        stamp: Bars only: whether a stamp is the `open` or the `close` of its bar.
        zone: Time zone of stamps that carry none.
        time_form: `auto`, `s`, `ms`, `us`, `ns`, or a form such as `%d/%m/%Y %H:%M`.
        volume: Bars only: `exact`, or `round_down` to whole lots where it lies between two.
        on_defect: `refuse` the file, or `set_aside` the rows that cannot be right; these are
            counted in the description and listed in `set_aside.csv`.
        source: What to write down as the origin; the path when empty.
        time_note: What is known about the stamps beyond how they were read.
        progress: Called with bytes (CSV) or rows (Parquet) done and in total.

    Raises:
        DataError: A row or the file cannot be right; it is named.
        InputError: The request itself is wrong.
    """
    _check_request(path, kind, instrument, interval, stamp, volume, on_defect)
    assert instrument is not None, path
    length = interval_ns(interval) if interval and kind == "bars" else 0
    set_aside = on_defect == "set_aside"
    pieces = parts(path, set_aside=set_aside, progress=progress)
    first = next(pieces, None)
    if first is None:
        raise DataError("there is no row in it", file=str(path), remedy="Give another file.")
    plan = _Plan(
        file=str(path),
        kind=kind,
        instrument=instrument,
        columns=columns_of(path, kind, first.table.column_names, dict(mapping or {})),
        interval_ns=length,
        stamp=stamp,
        volume=volume,
        set_aside=set_aside,
    )
    reader = _Reader(plan, StampReader(str(path), form=time_form, zone=zone))
    with store.writer(
        name, kind, instrument, interval_ns=length, source=source or str(path)
    ) as writer:
        reader.read(first, writer)
        for part in pieces:
            reader.read(part, writer)
        reader.finish(writer)
        return writer.finish(time_rule=reader.time_rule(time_note))


def _check_request(
    path: Path,
    kind: str,
    instrument: Instrument | None,
    interval: str | None,
    stamp: str,
    volume: str,
    on_defect: str,
) -> None:
    for word, value, allowed in (
        ("kind", kind, ("trades", "bars")),
        ("stamp", stamp, ("open", "close")),
        ("volume", volume, ("exact", "round_down")),
        ("on_defect", on_defect, ("refuse", "set_aside")),
    ):
        if value not in allowed:
            raise InputError(f"{path}: {word} {value!r}; allowed: {', '.join(allowed)}")
    if instrument is None:
        raise InputError(f"{path}: whose data is it? Give symbol, tick and lot")
    if kind == "bars":
        if interval is None:
            raise InputError(f"{path}: bars need an interval, such as 1m")
        try:
            interval_ns(interval)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How one file is to be read."""

    file: str
    kind: str
    instrument: Instrument
    columns: Mapping[str, str]
    interval_ns: int
    stamp: str
    volume: str
    set_aside: bool


class _Reader:
    """Turns parts of a file into chunks of integers for a writer."""

    def __init__(self, plan: _Plan, stamps: StampReader) -> None:
        self._plan = plan
        self._stamps = stamps
        self._rules = TradeRules() if plan.kind == "trades" else BarRules(plan.interval_ns)
        self._kept = 0
        self._left_out = 0
        self._rounded = 0

    def read(self, part: Part, writer: DatasetWriter) -> None:
        """Give the rows of a part that are right to the writer.

        Raises:
            DataError: A value cannot be right and is not to be set aside.
        """
        self._left_out += len(part.ragged)
        if not len(part.rows):
            writer.set_aside(part.ragged)
            return
        defects = Defects(self._plan.file, part.rows, set_aside=self._plan.set_aside)
        table = _Fields(part.table, self._plan.columns)
        if self._plan.kind == "trades":
            chunk = self._trades(table, part.rows, defects)
        else:
            chunk = self._bars(table, defects)
        self._rules.judge(chunk, table.shown, defects)
        left_out = defects.settle()
        kept = {name: column[defects.kept] for name, column in chunk.items()}
        if self._plan.kind == "trades" and "id" not in self._plan.columns:
            rows = int(defects.kept.sum())
            kept["trade_id"] = np.arange(self._kept + 1, self._kept + rows + 1, dtype=np.int64)
        self._kept += int(defects.kept.sum())
        self._left_out += len(left_out)
        writer.append(kept)
        writer.set_aside(sorted((*part.ragged, *left_out)))

    def finish(self, writer: DatasetWriter) -> None:
        """Judge the file as a whole.

        Raises:
            DataError: Nothing is left of it, too little is, or its interval is another.
        """
        if not self._kept and not self._left_out:
            raise DataError(
                "there is no row in it", file=self._plan.file, remedy="Give another file."
            )
        if self._left_out > self._kept:
            raise DataError(
                "more rows are wrong than right",
                file=self._plan.file,
                value=f"{self._left_out:,} of {self._left_out + self._kept:,}",
                limit="half of them",
                remedy="Are columns, tick, lot and interval right? Try without --set-aside first.",
            )
        self._rules.finish(self._plan.file)
        if self._rounded:
            writer.count(_ROUNDED, self._rounded)

    def time_rule(self, note: str) -> str:
        """Return how the stamps were read, in words."""
        words = [self._stamps.rule]
        if self._plan.kind == "bars":
            words.append(f"a bar is stamped at its {self._plan.stamp}")
        if note:
            words.append(note)
        return "; ".join(words)

    def _trades(self, table: _Fields, rows: Int64s, defects: Defects) -> dict[str, Int64s]:
        instrument = self._plan.instrument
        when = self._times(table, defects)
        price = self._steps(table, "price", instrument.tick_size, "tick size", defects)
        lots = self._steps(table, "quantity", instrument.lot_size, "lot size", defects)
        sides = self._sides(table, defects)
        # Without ids the rows are numbered anew once it is known which are kept.
        ids = rows
        if "id" in self._plan.columns:
            ids = self._steps(table, "id", Decimal(1), "whole numbers", defects)
        return {
            "venue_time_ns": when,
            "price_ticks": price,
            "quantity_lots": lots,
            "aggressor": sides,
            "trade_id": ids,
        }

    def _bars(self, table: _Fields, defects: Defects) -> dict[str, Int64s]:
        instrument = self._plan.instrument
        length = self._plan.interval_ns
        when = self._times(table, defects)
        opened = when if self._plan.stamp == "open" else when - length
        prices = {
            f"{field}_ticks": self._steps(table, field, instrument.tick_size, "tick size", defects)
            for field in ("open", "high", "low", "close")
        }
        if "volume" in self._plan.columns:
            volume = self._steps(table, "volume", instrument.lot_size, "lot size", defects)
        else:
            volume = np.zeros(len(when), np.int64)
        return {
            "open_time_ns": opened,
            "close_time_ns": opened + length,
            **prices,
            "volume_lots": volume,
        }

    def _times(self, table: _Fields, defects: Defects) -> Int64s:
        column = table.stamps()
        when, wrong = self._stamps.read(column)
        defects.mark(
            wrong,
            "the time is not readable",
            lambda row: table.shown("time", row),
            limit="like 2013-09-01 17:00:00, 1970 on, and an hour that its zone has once",
            remedy=(
                "Mend the row, say how stamps are written (time_form), or leave such rows out with "
                "--set-aside."
            ),
        )
        return when

    def _steps(
        self, table: _Fields, field: str, step: Decimal, step_name: str, defects: Defects
    ) -> Int64s:
        read = scaled(table.column(field), step)

        def shown(row: int) -> str:
            return table.shown(field, row)

        defects.mark(
            read.unreadable, f"{field} is not a finite number", shown, limit="finite numbers"
        )
        defects.mark(read.huge, f"{field} is too large", shown, limit=f"below {STEPS_MAX} × {step}")
        if field == "volume" and self._plan.volume == "round_down":
            self._rounded += int((read.off & defects.kept).sum())
        else:
            defects.mark(
                read.off, f"{field} is off the {step_name}", shown, limit=f"multiples of {step}"
            )
        return read.steps

    def _sides(self, table: _Fields, defects: Defects) -> Int64s:
        field = "side" if "side" in self._plan.columns else "buyer_is_maker"
        if field not in self._plan.columns:
            return np.zeros(len(table), np.int64)
        text = table.text(field)
        if field == "side":
            buys, sells = _among(text, _BUYS), _among(text, _SELLS)
            unknown = _among(text, _UNKNOWN_SIDES) | ~np.asarray(text.is_valid(), np.bool_)
        else:
            # Where the buyer was resting, the seller came to him.
            buys, sells = _among(text, ("false", "0", "f")), _among(text, ("true", "1", "t"))
            unknown = np.zeros(len(table), np.bool_)
        defects.mark(
            ~(buys | sells | unknown),
            "the side is neither buy nor sell",
            lambda row: table.shown(field, row),
            limit="buy, sell, or nothing",
        )
        return buys.astype(np.int64) - sells.astype(np.int64)


class _Fields:
    """A table's columns by field."""

    def __init__(self, table: Any, columns: Mapping[str, str]) -> None:  # noqa: ANN401
        self._rows = int(table.num_rows)
        self._columns = {
            field: table.column(name).combine_chunks() for field, name in columns.items()
        }

    def __len__(self) -> int:
        return self._rows

    def column(self, field: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return a column in one piece."""
        return self._columns[field]

    def text(self, field: str) -> Any:  # noqa: ANN401
        """Return a column as small letters without space around."""
        return pc.utf8_lower(pc.utf8_trim_whitespace(self.column(field).cast(pa.string())))

    def stamps(self) -> Any:  # noqa: ANN401
        """Return the column of times; days and times of day in one."""
        if "date" not in self._columns:
            column = self.column("time")
            # A float since 1970 means the decimal it was written as.
            return column.cast(pa.string()) if pa.types.is_floating(column.type) else column
        day, clock = (self.column(field).cast(pa.string()) for field in ("date", "time"))
        return pc.binary_join_element_wise(day, clock, " ")

    def shown(self, field: str, row: int) -> str:
        """Return a value as it stands in the file."""
        if field == "time" and "date" in self._columns:
            return f"{self.shown('date', row)} {self.column('time')[row]}"
        return str(self.column(field)[row])


def _among(text: Any, words: tuple[str, ...]) -> NDArray[np.bool_]:  # noqa: ANN401
    return np.asarray(pc.is_in(text, pa.array(words)), np.bool_)
