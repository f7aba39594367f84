"""Reads market data from files of others, exactly, or refuses with file, row, value and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.errors import DataError, InputError
from tieout.history._files import Progress, parts
from tieout.history._headers import FIELDS, columns_of
from tieout.history._rows import Layout, RowReader
from tieout.history._stamps import StampReader
from tieout.history.availability import known_of
from tieout.model.availability import publication_delay_ns
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tieout.history.dataset import Dataset
    from tieout.history.store import Store
    from tieout.model.instruments import Instrument

__all__ = ["FIELDS", "Progress", "import_file"]


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
    published_after: str | None = None,
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
        published_after: How long after it was over a row was published, e.g. `2d`.
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
    columns = columns_of(path, kind, first.table.column_names, dict(mapping or {}))
    known = known_of(kind, columns)
    reader = RowReader(
        kind, instrument, interval_ns=length, volume=volume, set_aside=set_aside, known=known
    )
    reader.begin(
        Layout(
            file=str(path),
            columns=columns,
            stamps=StampReader(str(path), form=time_form, zone=zone),
            arrivals=StampReader(str(path), zone=zone) if known else None,
            stamp=stamp,
        )
    )
    with store.writer(
        name,
        kind,
        instrument,
        interval_ns=length,
        source=source or str(path),
        published_after_ns=publication_delay_ns(published_after) if published_after else 0,
        known=known,
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
