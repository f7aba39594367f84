"""Bars that were published again: later versions are added to what is stored, nothing is changed.

    stored    10:00 rev 0, 10:01 rev 0
    file      10:01 with other values, 10:02         known at T
    then      10:00 rev 0, 10:01 rev 0, 10:01 rev 1 (known at T), 10:02 rev 0 (known at T)

What was stored keeps its file and its fingerprint: runs that used it find it again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import DataError, InputError
from tieout.history._versions import UNCHANGED
from tieout.history.availability import PUBLISHED, RECEIVED
from tieout.history.dataset import BATCH_ROWS, columns_stored
from tieout.history.formats.detection import AUTO
from tieout.history.imports import import_any
from tieout.history.revisions import numbered, repeats
from tieout.history.store import Store
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.history.dataset import Dataset
    from tieout.history.formats.reading import Ask

    Int64s = NDArray[np.int64]
    Chunk = dict[str, Int64s]

__all__ = ["revise"]


def revise(
    store: Store,
    path: Path,
    ask: Ask,
    *,
    name: str,
    known_at_ns: int | None = None,
    form: str = AUTO,
    volume: str = "exact",
) -> Dataset:
    """Add the bars of a file to a data set: new ones, and later versions of those it has.

    When they were known stands in the file, or follows from the publication delay that is asked
    for, or is one time for all of them. A bar that says the same again is counted and left out.

    Args:
        store: Holds the data set.
        path: A file of bars of the same instrument and interval, or a folder of such.
        ask: How to read it; its instrument and interval are the data set's.
        name: Of the data set.
        known_at_ns: When all of the file was published.
        form: `auto`, or a key of `FORMATS`.
        volume: As of `import_any`.

    Returns:
        The data set as it is now; what it held before is among `store.earlier(name)`.

    Raises:
        InputError: The data set holds no bars, or nothing says when the file was known.
        DataError: A row cannot be right, or was known before what is stored of its bar.
    """
    old = store.dataset(name)
    meta = old.meta
    if meta.kind != "bars" or meta.known == RECEIVED:
        raise InputError(
            f"{name} holds {meta.kind}{' as they were received' if meta.known else ''}; bars with "
            "the time at which they were published, or none, can be revised"
        )
    own = replace(ask, instrument=meta.instrument, interval=interval_name(meta.interval_ns))
    with TemporaryDirectory() as folder:
        plain = replace(own, kind="bars", published_after_ns=0)
        new = import_any(Store(Path(folder)), path, plain, name=name, form=form, volume=volume)
        later = _rows(new, _known_of(new, ask, path, known_at_ns))
        counted, time_rule = dict(new.meta.defects), new.meta.time_rule
    before = _rows(old, None)
    whole, unchanged = _merged(before, later, str(path))
    with store.revision(name, source=f"{meta.source}; revised by {path}") as writer:
        writer.append(whole)
        for problem, rows in (*meta.defects.items(), *counted.items(), (UNCHANGED, unchanged)):
            if rows:
                writer.count(problem, rows)
        return writer.finish(time_rule=f"{meta.time_rule}; revised: {time_rule}")


def _known_of(new: Dataset, ask: Ask, path: Path, known_at_ns: int | None) -> int | None:
    """Return by how much rows were known after they closed, or the time at which all were."""
    told = [bool(new.meta.known), bool(ask.published_after_ns), known_at_ns is not None]
    if sum(told) != 1:
        raise InputError(
            f"{path}: when were these versions known? Say one of --column known_time=HEADER, "
            "--published-after 30d, or --known-at 2024-02-01T09:00"
        )
    if new.meta.known == RECEIVED:
        raise InputError(f"{path}: revisions have known times, not arrivals; map known_time")
    if known_at_ns is not None and known_at_ns < new.meta.last_time_ns:
        raise DataError(
            "a bar of it was not over when all of it is said to have been known",
            file=str(path),
            value=str(np.datetime64(known_at_ns, "ns")),
            limit=f"{np.datetime64(new.meta.last_time_ns, 'ns')} or later",
            remedy="Say a later --known-at, or leave these bars out.",
        )
    if new.meta.known:
        return None
    return known_at_ns if known_at_ns is not None else -ask.published_after_ns


def _rows(dataset: Dataset, known: int | None) -> Chunk:
    """Return stored bars whole, with known times.

    Args:
        dataset: Bars.
        known: When all of them were, or, negative, how long after their close; None: as they are.
    """
    chunks = list(dataset.chunks(BATCH_ROWS, None, None))
    whole = {name: np.concatenate([each[name] for each in chunks]) for name in chunks[0]}
    closes = whole["close_time_ns"]
    if known is not None:
        whole["known_time_ns"] = np.full(len(closes), known) if known > 0 else closes - known
    elif not dataset.meta.known:
        whole["known_time_ns"] = closes + dataset.meta.published_after_ns
    whole.setdefault("revision", np.zeros(len(closes), np.int64))
    return {name: whole[name] for name in columns_stored("bars", PUBLISHED)}


def _merged(before: Chunk, later: Chunk, file: str) -> tuple[Chunk, int]:
    """Return all versions in order, and how many of the later ones said nothing new."""
    count = len(before["open_time_ns"])
    whole = {name: np.concatenate((before[name], later[name])) for name in before}
    is_later = np.arange(len(whole["open_time_ns"])) >= count
    # What is stored stands first, so that nothing can slip in before it.
    order = np.lexsort((whole["known_time_ns"], is_later, whole["open_time_ns"]))
    whole = {name: column[order] for name, column in whole.items()}
    is_later = is_later[order]
    again = repeats(whole) & is_later
    whole = {name: column[~again] for name, column in whole.items()}
    is_later = is_later[~again]
    opened, known = whole["open_time_ns"], whole["known_time_ns"]
    wrong = np.zeros(len(opened), np.bool_)
    wrong[1:] = (opened[1:] == opened[:-1]) & (known[1:] <= known[:-1]) & is_later[1:]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"the bar that opens at {np.datetime64(int(opened[row]), 'ns')} was known no later "
            "than the version that is stored",
            file=file,
            value=str(np.datetime64(int(known[row]), "ns")),
            limit=f"after {np.datetime64(int(known[row - 1]), 'ns')}",
            remedy="A later version is known later: is the time right at which it was published?",
        )
    steps = np.diff(opened[np.concatenate(([True], opened[1:] != opened[:-1]))])
    length = int(whole["close_time_ns"][0] - opened[0])
    if len(steps) and int(steps.min()) < length:
        raise DataError(
            "bars of it lie across bars that are stored",
            file=file,
            value=f"{int(steps.min())} ns apart",
            limit=f"{length} ns",
            remedy="Are its zone and what its stamps mean the same as of what is stored?",
        )
    whole["revision"] = numbered(opened)
    return whole, int(again.sum())
