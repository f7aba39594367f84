"""Imports recordings of books by the name of their format: raw captures, and single orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.errors import InputError
from tieout.history.formats.reading import Ask
from tieout.history.formats.recorded import CAPTURES, MarketByOrder
from tieout.history.imports import import_any

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.dataset import Dataset
    from tieout.history.formats.reading import Format
    from tieout.history.store import Store
    from tieout.model.instruments import Instrument

__all__ = ["RECORDINGS", "import_recording"]

_ALL: Final[tuple[Format, ...]] = (*CAPTURES, MarketByOrder())

RECORDINGS: Final[dict[str, tuple[str, ...]]] = {each.name: each.kinds for each in _ALL}
"""Forms of recordings, with the kinds of data set that can be made of each, the usual one first."""


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
            None to measure it.
        instrument_id: The vendor's number, where a market-by-order file holds several.
        progress: Called with what was read, and in total where that is known.

    Raises:
        DataError: A line or record cannot be right; it is named.
        InputError: The request itself is wrong.
    """
    if form not in RECORDINGS:
        raise InputError(f"{path}: format {form!r}; allowed: {', '.join(RECORDINGS)}")
    if instrument is None:
        raise InputError(f"{path}: whose data is it? Give symbol, tick and lot")
    ask = Ask(
        instrument=instrument,
        kind=kind,
        clock_offset_ns=clock_offset_ns,
        instrument_id=instrument_id,
        progress=progress,
    )
    return import_any(store, path, ask, name=name, form=form)
