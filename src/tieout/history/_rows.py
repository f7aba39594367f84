"""Parts of tables turned into chunks of integers for the store, whatever the file was."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import DataError
from tieout.history._borrow_rows import NOT_TOLD
from tieout.history._borrow_rows import RATE_DIGITS as BORROW_DIGITS
from tieout.history._defects import Defects
from tieout.history._numbers import STEPS_MAX, scaled
from tieout.history._rules import rules_of
from tieout.history._versions import Versions
from tieout.history.availability import PUBLISHED
from tieout.history.revisions import numbered
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tieout.history._files import Part
    from tieout.history._stamps import StampReader
    from tieout.history._writer import DatasetWriter
    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]
    Chunk = dict[str, Int64s]

__all__ = ["Layout", "RowReader"]

_BUYS = ("buy", "b", "buyer", "1", "+1", "bid")
_SELLS = ("sell", "s", "seller", "-1", "ask", "a", "2")
_UNKNOWN_SIDES = ("", "0", "n", "none", "unknown")
_ROUNDED = "volume rounded down to the lot"
_ROUNDED_AVAILABLE = "what is available rounded down to the lot"
_SIZES: Final = frozenset({"volume", "bid_quantity", "ask_quantity"})
"""Sums of what was traded or offered, which a float may have gone through; never a trade."""
_ONE: Final = Decimal(1)
_RATE_STEP: Final = Decimal(1).scaleb(-18)
_BORROW_RATE_STEP: Final = Decimal(1).scaleb(-BORROW_DIGITS)
_HOUR_NS: Final = 3_600_000_000_000
_MINUTE_NS: Final = 60_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of one file are to be read.

    Attributes:
        file: Named in errors.
        columns: Field to column.
        stamps: Reads the time column.
        arrivals: Reads the column of arrivals or of known times, where there is one.
        stamp: Whether a bar's stamp is its `open` or its `close`.
        price_unit: What a price of 1 in the file is worth.
        rate_unit: What a rate of borrowing of 1 in the file is, as a share; of percents 0.01.
        zone_given: Whether somebody said the zone of stamps that carry none.
    """

    file: str
    columns: Mapping[str, str]
    stamps: StampReader
    arrivals: StampReader | None = None
    stamp: str = "open"
    price_unit: Decimal = _ONE
    rate_unit: Decimal = _ONE
    zone_given: bool = True


@dataclass(slots=True)
class _Counts:
    seen: int = 0
    kept: int = 0
    left_out: int = 0
    rounded: int = 0
    held: list[Chunk] = field(default_factory=list)


class RowReader:
    """Reads the rows of one data set, from one file or from several one after the other.

    Args:
        kind: `trades`, `bars`, `quotes`, `funding`, `borrow` or `mark`.
        instrument: Whose data it is.
        interval_ns: Length of a bar; of funding the time a rate is for, 0: found out.
        volume: `exact`, or `round_down` to whole lots.
        set_aside: Whether defective rows are left out and listed.
        known: What the known times of trades or bars are, as of `DatasetMeta`; empty: they have
            none. Bars that have some are held until the end: a bar may be published again much
            later.
    """

    def __init__(
        self,
        kind: str,
        instrument: Instrument,
        *,
        interval_ns: int,
        volume: str,
        set_aside: bool,
        known: str = "",
    ) -> None:
        self._kind = kind
        self._instrument = instrument
        self._interval_ns = interval_ns
        self._volume = volume
        self._set_aside = set_aside
        self._known = known
        self._versions = Versions(instrument) if known and kind == "bars" else None
        self._rules = rules_of(kind, interval_ns)
        self._counts = _Counts()
        self._layout: Layout | None = None

    def begin(self, layout: Layout) -> None:
        """Go on with another file."""
        self._layout = layout

    def chunk(self, part: Part) -> tuple[Chunk, Defects]:
        """Return the columns of a part, judged; defects say which rows are right.

        Raises:
            DataError: A value cannot be right and is not to be set aside (when settled).
        """
        layout = self._begun
        defects = Defects(layout.file, part.rows, set_aside=self._set_aside)
        table = _Fields(part.table, layout.columns, layout.file)
        match self._kind:
            case "trades":
                chunk = self._trades(table, defects)
            case "quotes":
                chunk = self._quotes(table, defects)
            case "funding":
                chunk = self._funding(table, defects)
            case "borrow":
                chunk = self._borrow(table, defects)
            case _:
                chunk = self._bars(table, defects)
        if self._versions is None:
            self._rules.judge(chunk, table.shown, defects)
        return chunk, defects

    def read(self, part: Part, writer: DatasetWriter) -> None:
        """Give the rows of a part that are right to the writer.

        Raises:
            DataError: A value cannot be right and is not to be set aside.
        """
        counts = self._counts
        counts.left_out += len(part.ragged)
        if not len(part.rows):
            writer.set_aside(part.ragged)
            return
        chunk, defects = self.chunk(part)
        left_out = defects.settle()
        whole = bool(defects.kept.all())
        kept = chunk if whole else {name: each[defects.kept] for name, each in chunk.items()}
        rows = int(defects.kept.sum())
        if self._kind == "trades" and "id" not in self._begun.columns:
            kept["trade_id"] = np.arange(counts.kept + 1, counts.kept + rows + 1, dtype=np.int64)
        counts.kept += rows
        counts.left_out += len(left_out)
        if self._kind == "funding":
            counts.held.append(kept)
        elif self._versions is not None:
            self._versions.add(kept, part.rows[defects.kept], self._begun.file)
        else:
            writer.append(kept)
        writer.set_aside(sorted((*part.ragged, *left_out)))

    def finish(self, writer: DatasetWriter) -> None:
        """Judge the rows as a whole.

        Raises:
            DataError: Nothing is left, too little is, or the interval is another.
        """
        layout, counts = self._begun, self._counts
        if not counts.kept and not counts.left_out:
            raise DataError("there is no row in it", file=layout.file, remedy="Give another file.")
        if counts.left_out > counts.kept:
            raise DataError(
                "more rows are wrong than right",
                file=layout.file,
                value=f"{counts.left_out:,} of {counts.left_out + counts.kept:,}",
                limit="half of them",
                remedy="Are columns, tick, lot and interval right? Try without --set-aside first.",
            )
        if self._versions is not None:
            self._finish_versions(self._versions, writer)
        self._rules.finish(layout.file)
        if counts.held:
            self._finish_funding(writer)
        if counts.rounded:
            named = _ROUNDED_AVAILABLE if self._kind == "borrow" else _ROUNDED
            writer.count(named, counts.rounded)

    def _finish_versions(self, versions: Versions, writer: DatasetWriter) -> None:
        """Judge bars in order of time, versions of one together, and give them on."""
        chunk, rows, file = versions.in_order(writer)
        defects = Defects(file, rows, set_aside=self._set_aside)
        self._rules.judge(chunk, versions.shown_in(chunk), defects)
        left_out = defects.settle()
        kept = {name: each[defects.kept] for name, each in chunk.items()}
        kept["revision"] = numbered(kept["open_time_ns"])
        writer.append(kept)
        writer.set_aside(left_out)

    def time_rule(self, *notes: str) -> str:
        """Return how the stamps were read, in words."""
        layout = self._begun
        words = [layout.stamps.rule]
        if self._kind in ("bars", "mark"):
            words.append(f"a bar is stamped at its {layout.stamp}")
        if self._known:
            words.append(f"when each row was {self._known} stands in the file")
        if self._kind == "quotes" and layout.arrivals is None:
            words.append("no arrival was recorded, the venue's time stands for it")
        return "; ".join((*words, *(each for each in notes if each)))

    @property
    def _begun(self) -> Layout:
        assert self._layout is not None, "no file was begun"
        return self._layout

    def _finish_funding(self, writer: DatasetWriter) -> None:
        """Give the rows on, with the interval found out where the file does not tell it.

        Raises:
            DataError: It cannot be found out, or the hours say that the zone is another.
        """
        layout = self._begun
        held = self._counts.held
        series = {name: np.concatenate([each[name] for each in held]) for name in held[0]}
        when = series["venue_time_ns"]
        if "interval" not in layout.columns and not self._interval_ns:
            apart = _rounded(np.diff(when), _MINUTE_NS)
            if not len(apart):
                raise DataError(
                    "one rate does not say what time it is for",
                    file=layout.file,
                    remedy="Say it with --interval 8h.",
                )
            lengths, counts = np.unique(apart, return_counts=True)
            series["interval_ns"] = np.full(len(when), lengths[np.argmax(counts)], np.int64)
        if not layout.zone_given and layout.stamps.is_zone_assumed:
            _check_hours(series, layout.file)
        writer.append(series)

    def _trades(self, table: _Fields, defects: Defects) -> Chunk:
        when = self._times(table, defects)
        price = self._prices(table, "price", defects)
        lots = self._steps(table, "quantity", self._instrument.lot_size, "lot size", defects)
        sides = self._sides(table, defects)
        # Without ids the rows are numbered anew once it is known which are kept.
        ids = np.arange(self._counts.seen + 1, self._counts.seen + len(table) + 1, dtype=np.int64)
        self._counts.seen += len(table)
        if "id" in table:
            ids = self._steps(table, "id", _ONE, "whole numbers", defects)
        return {
            "venue_time_ns": when,
            "price_ticks": price,
            "quantity_lots": lots,
            "aggressor": sides,
            "trade_id": ids,
            **self._known_times(table, defects),
        }

    def _known_times(self, table: _Fields, defects: Defects) -> Chunk:
        """Return when rows were published or received, where the file says it."""
        if not self._known:
            return {}
        field = "known_time" if self._known == PUBLISHED else "arrival"
        return {"known_time_ns": self._times(table, defects, field, self._begun.arrivals)}

    def _bars(self, table: _Fields, defects: Defects) -> Chunk:
        length = self._interval_ns
        when = self._times(table, defects)
        opened = when if self._begun.stamp == "open" else when - length
        chunk = {
            "open_time_ns": opened,
            "close_time_ns": opened + length,
            **{
                f"{each}_ticks": self._prices(table, each, defects)
                for each in ("open", "high", "low", "close")
            },
        }
        if self._kind == "mark":
            return chunk
        chunk |= self._known_times(table, defects)
        if "volume" in table:
            lot = self._instrument.lot_size
            chunk["volume_lots"] = self._steps(table, "volume", lot, "lot size", defects)
        else:
            chunk["volume_lots"] = np.zeros(len(when), np.int64)
        return chunk

    def _quotes(self, table: _Fields, defects: Defects) -> Chunk:
        when = self._times(table, defects)
        arrival = when
        if self._begun.arrivals is not None:
            arrival = self._times(table, defects, "arrival", self._begun.arrivals)
        lot = self._instrument.lot_size
        chunk = {"arrival_time_ns": arrival, "venue_time_ns": when}
        for side in ("bid", "ask"):
            chunk[f"{side}_ticks"] = self._prices(table, side, defects)
            size = f"{side}_quantity"
            chunk[f"{side}_lots"] = (
                self._steps(table, size, lot, "lot size", defects)
                if size in table
                else np.zeros(len(when), np.int64)
            )
        return chunk

    def _funding(self, table: _Fields, defects: Defects) -> Chunk:
        when = self._times(table, defects)
        interval = np.full(len(when), self._interval_ns or 1, np.int64)
        if "interval" in table:
            hours = self._steps(table, "interval", _ONE, "whole hours", defects)
            interval = np.where(np.abs(hours) < 10_000, hours, 0) * _HOUR_NS
        return {
            "venue_time_ns": when,
            "rate_e18": self._steps(table, "rate", _RATE_STEP, "18th decimal", defects),
            "interval_ns": interval,
            "mark_ticks": (
                self._prices(table, "mark", defects)
                if "mark" in table
                else np.zeros(len(when), np.int64)
            ),
        }

    def _borrow(self, table: _Fields, defects: Defects) -> Chunk:
        when = known = self._times(table, defects)
        if self._begun.arrivals is not None:
            known = self._times(table, defects, "known_time", self._begun.arrivals)
        step = _BORROW_RATE_STEP / self._begun.rate_unit
        return {
            "venue_time_ns": when,
            "known_time_ns": known,
            "rate_e12": self._steps_told(table, "rate", step, "12th decimal", defects),
            "available_lots": self._steps_told(
                table, "available", self._instrument.lot_size, "lot size", defects
            ),
        }

    def _times(
        self,
        table: _Fields,
        defects: Defects,
        field: str = "time",
        stamps: StampReader | None = None,
    ) -> Int64s:
        when, wrong = (stamps or self._begun.stamps).read(table.stamps(field))
        defects.mark(
            wrong,
            "the time is not readable",
            lambda row: table.shown(field, row),
            limit="like 2013-09-01 17:00:00, 1970 on, and an hour that its zone has once",
            remedy=(
                "Mend the row, say how stamps are written (time_form), or leave such rows out with "
                "--set-aside."
            ),
        )
        return when

    def _prices(self, table: _Fields, field: str, defects: Defects) -> Int64s:
        step = self._instrument.tick_size / self._begun.price_unit
        return self._steps(table, field, step, "tick size", defects)

    def _steps(
        self, table: _Fields, field: str, step: Decimal, step_name: str, defects: Defects
    ) -> Int64s:
        return self._steps_of(table.column(field), table, field, step, step_name, defects)

    def _steps_of(
        self,
        column: Any,  # noqa: ANN401 - pyarrow has no types
        table: _Fields,
        field: str,
        step: Decimal,
        step_name: str,
        defects: Defects,
    ) -> Int64s:
        read = scaled(column, step)

        def shown(row: int) -> str:
            return table.shown(field, row)

        defects.mark(
            read.unreadable, f"{field} is not a finite number", shown, limit="finite numbers"
        )
        defects.mark(read.huge, f"{field} is too large", shown, limit=f"below {STEPS_MAX} × {step}")
        if field == "available" or (field in _SIZES and self._volume == "round_down"):
            self._counts.rounded += int((read.off & defects.kept).sum())
        else:
            defects.mark(
                read.off, f"{field} is off the {step_name}", shown, limit=f"multiples of {step}"
            )
        return read.steps

    def _steps_told(
        self, table: _Fields, field: str, step: Decimal, step_name: str, defects: Defects
    ) -> Int64s:
        """Return a column as whole steps; `NOT_TOLD` where a value is missing."""
        if field not in table:
            return np.full(len(table), NOT_TOLD, np.int64)
        column, told = _without_holes(table.column(field))
        steps = self._steps_of(column, table, field, step, step_name, defects)
        return np.where(told, steps, NOT_TOLD)

    def _sides(self, table: _Fields, defects: Defects) -> Int64s:
        field = "side" if "side" in table else "buyer_is_maker"
        if field not in table:
            return np.zeros(len(table), np.int64)
        known = _plain_sides(table.column(field)) if field == "buyer_is_maker" else None
        if known is not None:
            return known
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

    def __init__(self, table: Any, columns: Mapping[str, str], file: str) -> None:  # noqa: ANN401
        missing = [name for name in columns.values() if name not in table.column_names]
        if missing:
            raise DataError(
                f"there is no column {missing[0]}",
                file=file,
                value=", ".join(table.column_names)[:200],
                remedy="Is this its format? Name another with --format, or map it with --column.",
            )
        self._rows = int(table.num_rows)
        self._columns = {field: _in_one(table.column(name)) for field, name in columns.items()}

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, field: str) -> bool:
        return field in self._columns

    def column(self, field: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return a column in one piece."""
        return self._columns[field]

    def text(self, field: str) -> Any:  # noqa: ANN401
        """Return a column as small letters without space around."""
        return pc.utf8_lower(pc.utf8_trim_whitespace(self.column(field).cast(pa.string())))

    def stamps(self, field: str = "time") -> Any:  # noqa: ANN401
        """Return a column of times; days and times of day in one."""
        if field != "time" or "date" not in self._columns:
            column = self.column(field)
            # A float since 1970 means the decimal it was written as.
            return column.cast(pa.string()) if pa.types.is_floating(column.type) else column
        day, clock = (self.column(field).cast(pa.string()) for field in ("date", "time"))
        return pc.binary_join_element_wise(day, clock, " ")

    def shown(self, field: str, row: int) -> str:
        """Return a value as it stands in the file."""
        if field not in self._columns:
            # A time of its own that the file has not: the row's stands for it.
            field = "time"
        if field == "time" and "date" in self._columns:
            return f"{self.shown('date', row)} {self.column('time')[row]}"
        value = self.column(field)[row]
        try:
            return str(value)
        except (OverflowError, ValueError):
            # A stamp beyond what a calendar knows.
            return str(getattr(value, "value", "no value"))


def _without_holes(column: Any) -> tuple[Any, NDArray[np.bool_]]:  # noqa: ANN401
    """Return a column with 0 where nothing is told, and where something is."""
    if pa.types.is_null(column.type):
        none = np.zeros(len(column), np.bool_)
        return pa.array(none.astype(np.int64)), none
    if pa.types.is_floating(column.type):
        # Where a table of floats says nothing there is a NaN.
        told = pc.fill_null(pc.invert(pc.is_nan(column)), False)  # noqa: FBT003
    elif pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        told = column.is_valid()
    else:
        column = pc.utf8_trim_whitespace(column.cast(pa.string()))
        told = pc.fill_null(pc.not_equal(column, ""), False)  # noqa: FBT003
    zero = pa.scalar(0).cast(column.type)
    return pc.if_else(told, column, zero), np.asarray(told, np.bool_)


def _in_one(column: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a column in one piece, without copying one that is."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _plain_sides(column: Any) -> Int64s | None:  # noqa: ANN401
    """Return who came, where nothing but `true` and `false` is written; else None."""
    if not pa.types.is_string(column.type) or column.null_count:
        return None
    rested = np.asarray(pc.equal(column, "true"), np.bool_)
    if not (rested | np.asarray(pc.equal(column, "false"), np.bool_)).all():
        return None
    # Where the buyer was resting, the seller came to him.
    return 1 - 2 * rested.astype(np.int64)


def _among(text: Any, words: tuple[str, ...]) -> NDArray[np.bool_]:  # noqa: ANN401
    return np.asarray(pc.is_in(text, pa.array(words)), np.bool_)


def _rounded(values: Int64s, step: int) -> Int64s:
    """Return the nearest multiples of a step, which is even."""
    rounded: Int64s = (values + step // 2) // step * step
    return rounded


def _check_hours(series: Chunk, file: str) -> None:
    """Refuse a series without a zone whose hours no venue settles at in UTC."""
    interval = int(np.median(series["interval_ns"]))
    since = _rounded(series["venue_time_ns"], _MINUTE_NS) % interval
    if not 2 * int((since != 0).sum()) > len(since):
        return
    clocks, counts = np.unique(since, return_counts=True)
    first = int(clocks[np.argmax(counts)])
    day = [
        f"{at // _HOUR_NS:02d}:{at // _MINUTE_NS % 60:02d}" for at in _times_of_day(first, interval)
    ]
    told = f"every {interval_name(interval)} at {', '.join(day[:6])}"
    raise DataError(
        "the stamps carry no zone, and in UTC their hours are unusual",
        file=file,
        value=f"{int(counts.max()):,} of {len(since):,} rates {told}",
        limit=f"whole multiples of {interval_name(interval)} since midnight UTC",
        remedy="Say the zone: --zone UTC if they are right, --zone Etc/GMT-3 for UTC+3, …",
    )


def _times_of_day(first: int, interval: int) -> range:
    return range(first, max(24 * _HOUR_NS, first + 1), interval)
