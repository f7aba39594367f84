"""Imports recordings of books: raw captures of a venue's streams, and market-by-order files."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from tieout.errors import DataError, InputError
from tieout.history.captures import (
    measure_clock_offset,
    read_binance,
    read_bybit,
    read_kraken,
    read_okx,
)
from tieout.history.mbo import MboFile
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.captures import Capture
    from tieout.history.dataset import Dataset
    from tieout.history.store import Store
    from tieout.model.columns import BookColumns, OrderEventColumns
    from tieout.model.instruments import Instrument

__all__ = ["RECORDINGS", "import_recording"]

_CAPTURES: Final[Mapping[str, Callable[..., Capture]]] = {
    "binance": read_binance,
    "bybit": read_bybit,
    "kraken": read_kraken,
    "okx": read_okx,
}
_MBO: Final = "mbo"
_KINDS: Final = ("book", "quotes", "trades")

RECORDINGS: Final = {**dict.fromkeys(_CAPTURES, _KINDS), _MBO: ("orders",)}
"""Forms of recordings, with the kinds of data set that can be made of each, the usual one first."""

_STAMPS: Final = "venue time as the venue stamped it; arrival as the recorder did"


def import_recording(
    store: Store,
    path: Path,
    *,
    name: str,
    form: str,
    kind: str | None,
    instrument: Instrument | None,
    clock_offset_ns: int | None = 0,
    instrument_id: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Import what was recorded of one instrument; on an error nothing is left.

    Args:
        store: Where it goes.
        path: The recording.
        name: Name in the store.
        form: A key of `RECORDINGS`.
        kind: What to make of it; None for the usual one.
        instrument: Whose data it is; of a capture `venue_symbol` names its streams.
        clock_offset_ns: Venue's clock minus the recorder's, added to what the recorder stamped;
            None to measure it (`binance` alone).
        instrument_id: The vendor's number, where a market-by-order file holds several.
        progress: Called with what was read, and in total where that is known.

    Raises:
        DataError: A line or record cannot be right; it is named.
        InputError: The request itself is wrong.
    """
    if form not in RECORDINGS:
        raise InputError(f"{path}: format {form!r}; allowed: {', '.join(RECORDINGS)}")
    wanted = kind or RECORDINGS[form][0]
    if wanted not in RECORDINGS[form]:
        raise InputError(
            f"{path}: kind {wanted!r} of format {form}; allowed: {', '.join(RECORDINGS[form])}"
        )
    if instrument is None:
        raise InputError(f"{path}: whose data is it? Give symbol, tick and lot")
    if form == _MBO:
        return _import_orders(store, path, name, instrument, instrument_id, progress)
    if instrument_id is not None:
        raise InputError(f"{path}: an instrument id is for format {_MBO}; leave it out")
    if clock_offset_ns is None:
        if form != "binance":
            raise InputError(
                f"{path}: the clock's offset cannot be measured in format {form}; give it in ns"
            )
        clock_offset_ns = measure_clock_offset(path)
    capture = _CAPTURES[form](path, instrument, clock_offset_ns=clock_offset_ns, progress=progress)
    rows: Any = getattr(capture, wanted)
    if not len(rows) or (wanted == "book" and _is_lone_snapshot(rows)):
        raise DataError(
            f"there is no row of {wanted} of {instrument.venue_symbol} in it",
            file=str(path),
            remedy="Check --venue-symbol and --kind, or give another file.",
        )
    words = {"source": str(path), "time_rule": _rule(clock_offset_ns)}
    if wanted == "trades":
        return store.write_trades(name, instrument, [rows], **words)
    gaps = Counter(f"gap: {each.problem}" for each in capture.gaps)
    return store.write_recorded(
        name, instrument, [rows], counted=gaps if wanted == "book" else None, **words
    )


def _is_lone_snapshot(rows: BookColumns) -> bool:
    """Whether nothing came after the first snapshot, which may not even say whose it is."""
    told = (rows.kind == int(BookKind.CLEAR)) | (rows.kind == int(BookKind.SNAPSHOT))
    return bool(told.all() and rows.arrival_time_ns[0] == rows.arrival_time_ns[-1])


def _import_orders(
    store: Store,
    path: Path,
    name: str,
    instrument: Instrument,
    instrument_id: int | None,
    progress: Progress | None,
) -> Dataset:
    if instrument.lot_size != 1:
        raise InputError(
            f"{path}: lot {instrument.lot_size}; a market-by-order file counts whole contracts, "
            "give lot 1"
        )
    file = MboFile(
        path,
        instrument=instrument.symbol,
        tick_size=instrument.tick_size,
        instrument_id=instrument_id,
    )
    return store.write_recorded(
        name,
        instrument,
        _told(file.chunks(), progress),
        source=str(path),
        time_rule=_STAMPS,
        counted=_Facts(file),
    )


def _told(
    chunks: Iterator[OrderEventColumns], progress: Progress | None
) -> Iterator[OrderEventColumns]:
    done = 0
    for each in chunks:
        yield each
        done += len(each)
        if progress is not None:
            progress(done, None)


class _Facts(dict[str, int]):
    """What was not taken as it stood; known once the file is read to its end."""

    def __init__(self, file: MboFile) -> None:
        super().__init__()
        self._file = file

    def items(self) -> Any:  # noqa: ANN401 - a view of another dictionary
        """Return the counts that are not zero."""
        counted = asdict(self._file.facts)
        named = ("aggressor_fills", "empty_records", "unsure_arrivals", "gaps")
        return {each.replace("_", " "): counted[each] for each in named if counted[each]}.items()


def _rule(clock_offset_ns: int) -> str:
    if not clock_offset_ns:
        return _STAMPS
    return f"{_STAMPS}, plus {clock_offset_ns} ns by which its clock was behind the venue's"
