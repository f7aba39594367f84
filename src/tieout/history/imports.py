"""Imports market data of any known format: a file, or a folder of files that follow each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import DataError, InputError
from tieout.history._files import Part, failures_named
from tieout.history._rows import Layout, RowReader
from tieout.history.formats.borrow import SNAPSHOT_BEGINS
from tieout.history.formats.detection import AUTO, detect, format_named
from tieout.history.formats.reading import (
    ActionsReading,
    Ask,
    RecordedReading,
    TableReading,
    look_at,
)
from tieout.history.stamping import settle_stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tieout.history.dataset import Dataset
    from tieout.history.formats.reading import Format, Guess, Reading
    from tieout.history.store import Store

__all__ = ["import_any", "open_reading"]

_HIDDEN: Final = (".", "_")
_ROWS_SEEN_MIN: Final = 3
_STEPS_DOWN_MIN: Final = 2
"""One step down is a row out of its place; more of them than up are an order."""


def import_any(
    store: Store,
    path: Path,
    ask: Ask,
    *,
    name: str,
    form: str = AUTO,
    volume: str = "exact",
    against: Dataset | None = None,
) -> Dataset:
    """Import a file, or all files of a folder by name; on an error nothing is left.

    Args:
        store: Where it goes.
        path: The file or folder.
        ask: What is wanted of it.
        name: Name in the store.
        form: `auto`, or a key of `FORMATS`.
        volume: Bars only: `exact`, or `round_down` to whole lots where it lies between two.
        against: Finer data of the same market, which shows what the stamps of bars mean.

    Raises:
        DataError: A row or a file cannot be right, or what it says contradicts itself.
        InputError: The request itself is wrong.
    """
    if volume not in ("exact", "round_down"):
        raise InputError(f"{path}: volume {volume!r}; allowed: exact, round_down")
    if ask.stamp not in (None, "open", "close"):
        raise InputError(f"{path}: stamp {ask.stamp!r}; allowed: open, close")
    with failures_named(path):
        return _imported(store, path, ask, name, form, volume, against)


def _imported(
    store: Store,
    path: Path,
    ask: Ask,
    name: str,
    form: str,
    volume: str,
    against: Dataset | None,
) -> Dataset:
    files = _files(path, ask, form)
    chosen, guess, reading = open_reading(files[0], ask, form=form)
    ask = _typed(ask, reading, files[0])
    told = f"format {chosen.name}" + (f", found: {guess.why}" if guess else "")
    if isinstance(reading, ActionsReading):
        return _import_actions(store, files, ask, name, reading, told)
    if isinstance(reading, RecordedReading):
        return _import_recorded(store, files, ask, name, chosen, reading, told)
    return _import_table(store, files, ask, name, chosen, reading, told, volume, against)


def open_reading(path: Path, ask: Ask, *, form: str = AUTO) -> tuple[Format, Guess | None, Reading]:
    """Begin to read a file; its rows come with their numbers in the file.

    Args:
        path: The file.
        ask: What is wanted of it.
        form: `auto`, or a key of `FORMATS`.

    Returns:
        The format, what spoke for it where it was found out, and the reading.

    Raises:
        DataError: No format knows the file, or several do, or it is damaged.
        InputError: The request itself is wrong.
    """
    chosen: Format
    guess: Guess | None = None
    if form == AUTO:
        look = look_at(path)
        chosen, guess = detect(look)
    else:
        chosen = format_named(form)
        look = look_at(path)
    return chosen, guess, chosen.read(look, ask)


def _typed(ask: Ask, reading: Reading, file: Path) -> Ask:
    """Return what is asked, the instrument of the type that the file says.

    Raises:
        InputError: Another was asked for.
    """
    found, asked = reading.instrument_type, ask.instrument.type
    if found is None or asked is found:
        return ask
    if asked is not None:
        raise InputError(
            f"{file}: what lies there is of type {found}, and --type says {asked}; leave --type out"
        )
    return replace(ask, instrument=msgspec.structs.replace(ask.instrument, type=found))


def _files(path: Path, ask: Ask, form: str) -> list[Path]:
    """Return the files of a folder that can be read as was asked, in order of their names."""
    if not path.is_dir():
        return [path]
    found = [
        each
        for each in sorted(path.iterdir())
        if each.is_file() and not each.name.startswith(_HIDDEN)
    ]
    # Trades and quotes of a day may lie side by side.
    fitting, refused = [], None
    for each in found:
        if _is_read_by_people(each):
            continue
        try:
            kind = open_reading(each, ask, form=form)[2].kind
        except InputError as error:
            if isinstance(error, DataError) or ask.kind is None:
                raise
            refused = error
            continue
        fitting.append((each, kind))
    kinds = {kind for _, kind in fitting}
    if not fitting:
        raise refused or InputError(f"{path}: there is no file in it; check the path")
    if len(kinds) > 1:
        raise InputError(
            f"{path}: files of {' and '.join(sorted(kinds))} in one folder; say --kind"
        )
    return [each for each, _ in fitting]


def _is_read_by_people(path: Path) -> bool:
    """Return whether a file tells of the others; a snapshot of what is lent ends in .txt too."""
    ending = path.suffix.lower()
    if ending != ".txt":
        return ending == ".md"
    with path.open("rb") as file:
        return not file.read(len(SNAPSHOT_BEGINS)).startswith(SNAPSHOT_BEGINS)


def _import_actions(
    store: Store, files: Sequence[Path], ask: Ask, name: str, reading: ActionsReading, told: str
) -> Dataset:
    if len(files) > 1:
        raise InputError(
            f"{files[0].parent}: {len(files)} files of corporate actions; import one instrument's "
            "file at a time"
        )
    if not reading.actions:
        raise DataError("there is no action in it", file=str(files[0]), remedy="Give another file.")
    return store.write_actions(
        name,
        ask.instrument,
        reading.actions,
        source=_source(files),
        time_rule="; ".join((reading.time_rule, *reading.notes, told)),
    )


def _import_recorded(
    store: Store,
    files: Sequence[Path],
    ask: Ask,
    name: str,
    chosen: Format,
    first: RecordedReading,
    told: str,
) -> Dataset:
    counted: Counter[str] = Counter()
    readings = [first]

    def chunks() -> Iterator[Any]:
        yield from first.chunks
        counted.update(dict(first.counted.items()))
        for each in files[1:]:
            reading = chosen.read(look_at(each), ask)
            assert isinstance(reading, RecordedReading), each
            readings.append(reading)
            yield from reading.chunks
            counted.update(dict(reading.counted.items()))

    if ask.published_after_ns or ask.outages:
        raise InputError(
            f"{files[0]}: a recording has the time at which each row was received; leave the "
            "publication delay and outages out"
        )
    words: dict[str, str] = {
        "source": _source(files),
        "time_rule": f"{first.time_rule}; {told}",
    }
    if first.kind == "trades":
        return store.write_trades(name, ask.instrument, chunks(), **words)
    return store.write_recorded(name, ask.instrument, chunks(), counted=counted, **words)


def _import_table(
    store: Store,
    files: Sequence[Path],
    ask: Ask,
    name: str,
    chosen: Format,
    first: TableReading,
    told: str,
    volume: str,
    against: Dataset | None,
) -> Dataset:
    if first.kind in ("bars", "mark") and not first.interval_ns:
        raise InputError(f"{files[0]}: how long is a bar? Say --interval 1m")
    reader = RowReader(
        first.kind,
        ask.instrument,
        interval_ns=first.interval_ns,
        volume=volume,
        set_aside=ask.set_aside,
        known=first.known,
    )
    stamp, why = "open", ""
    if first.kind in ("bars", "mark"):
        # The rows are looked at twice: once for what their stamps mean, once to be kept.
        fresh = _reread(chosen, files, ask)
        stamp, why = settle_stamp(store, fresh, first, ask, str(files[0]), against)
    notes = [why, *first.notes, told]
    length = first.interval_ns if first.kind in ("bars", "mark") else 0
    with store.writer(
        name,
        first.kind,
        ask.instrument,
        interval_ns=length,
        source=_source(files),
        published_after_ns=ask.published_after_ns,
        known=first.known,
        outages=ask.outages,
    ) as writer:
        for place, file in enumerate(files):
            reading = first if not place else chosen.read(look_at(file), ask)
            assert isinstance(reading, TableReading), file
            layout = _layout(reading, file, stamp)
            reader.begin(layout)
            pieces, is_reversed = _oldest_first(reading.parts, layout)
            for part in pieces:
                reader.read(part, writer)
            if is_reversed and not place:
                notes.append("newest first in the file, turned round")
            for problem, rows in reading.counted.items():
                writer.count(problem, rows)
        reader.finish(writer)
        return writer.finish(time_rule=reader.time_rule(*notes))


def _reread(chosen: Format, files: Sequence[Path], ask: Ask) -> Iterator[tuple[Layout, Part]]:
    for file in files:
        reading = chosen.read(look_at(file), replace(ask, set_aside=True, progress=None))
        assert isinstance(reading, TableReading), file
        layout = _layout(reading, file, "open")
        pieces, _ = _oldest_first(reading.parts, layout)
        for part in pieces:
            yield layout, part


def _layout(reading: TableReading, file: Path, stamp: str) -> Layout:
    return Layout(
        file=str(file),
        columns=reading.columns,
        stamps=reading.stamps,
        arrivals=reading.arrivals,
        stamp=stamp,
        price_unit=reading.price_unit,
        rate_unit=reading.rate_unit,
        zone_given=reading.zone_given,
    )


def _oldest_first(source: Iterator[Part], layout: Layout) -> tuple[Iterator[Part], bool]:
    """Return the parts in order of time: a file that is newest first is held and turned round."""
    begun: list[Part] = []
    for part in source:
        begun.append(part)
        if sum(len(each.rows) for each in begun) >= _ROWS_SEEN_MIN:
            break
    times: list[Any] = [
        layout.stamps.read(_time_column(each, layout.columns))[0]
        for each in begun
        if len(each.rows)
    ]
    steps = np.diff(np.concatenate(times)) if times else np.empty(0, np.int64)
    falling, rising = int((steps < 0).sum()), int((steps > 0).sum())
    whole = chain(begun, source)
    if falling < _STEPS_DOWN_MIN or falling <= 2 * rising:
        return whole, False
    return (_turned(each) for each in reversed(list(whole))), True


def _time_column(part: Part, columns: Mapping[str, str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    if columns["time"] not in part.table.column_names:
        return pa.nulls(len(part.rows), pa.string())  # The reader of rows will name it.
    column = part.table.column(columns["time"]).combine_chunks()
    if "date" in columns:
        day = part.table.column(columns["date"]).combine_chunks().cast(pa.string())
        return pc.binary_join_element_wise(day, column.cast(pa.string()), " ")
    return column.cast(pa.string()) if pa.types.is_floating(column.type) else column


def _turned(part: Part) -> Part:
    back = np.arange(len(part.rows))[::-1]
    return Part(part.table.take(pa.array(back)), part.rows[back], part.ragged)


def _source(files: Sequence[Path]) -> str:
    if len(files) == 1:
        return str(files[0])
    return f"{files[0].parent}: {len(files)} files, {files[0].name} … {files[-1].name}"
