"""Bars with known times, held until all are read: their versions come together and are numbered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tieout.history.revisions import numbered, repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.history._rules import ShownValue
    from tieout.history._writer import DatasetWriter
    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]
    Chunk = dict[str, Int64s]

__all__ = ["UNCHANGED", "Versions"]

UNCHANGED = "published again unchanged"


class Versions:
    """The rows of a file of bars, in the file's order.

    Args:
        instrument: Whose bars they are.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._chunks: list[Chunk] = []
        self._rows: list[Int64s] = []
        self._files: dict[str, None] = {}

    def add(self, chunk: Chunk, rows: Int64s, file: str) -> None:
        """Hold rows.

        Args:
            chunk: Stored columns, but for the revision.
            rows: (n,) one-based data row of each.
            file: They are in.
        """
        self._chunks.append(chunk)
        self._rows.append(rows)
        self._files[file] = None

    def in_order(self, writer: DatasetWriter) -> tuple[Chunk, Int64s, str]:
        """Return all rows by time and then by when they were known, with revisions.

        What a bar says again unchanged is left out and counted.

        Returns:
            Stored columns, the rows of the file that they are from, and the file.
        """
        whole = {
            name: np.concatenate([each[name] for each in self._chunks]) for name in self._chunks[0]
        }
        rows = np.concatenate(self._rows)
        order = np.lexsort((whole["known_time_ns"], whole["open_time_ns"]))
        whole = {name: column[order] for name, column in whole.items()}
        rows = rows[order]
        known, opened = whole["known_time_ns"], whole["open_time_ns"]
        # The same row twice at one time is a defect, and left to the rules.
        later = np.concatenate(([False], (opened[1:] == opened[:-1]) & (known[1:] > known[:-1])))
        again = repeats(whole) & later
        if again.any():
            writer.count(UNCHANGED, int(again.sum()))
            whole = {name: column[~again] for name, column in whole.items()}
            rows = rows[~again]
        whole["revision"] = numbered(whole["open_time_ns"])
        file = next(iter(self._files))
        return whole, rows, file if len(self._files) == 1 else str(Path(file).parent)

    def shown_in(self, chunk: Chunk) -> ShownValue:
        """Return what shows values of rows that are in no file's order any more."""
        rules = self._instrument

        def shown(field: str, row: int) -> str:
            if field == "volume":
                return f"{rules.quantity(int(chunk['volume_lots'][row])):f}"
            if field in ("time", "known_time"):
                time = chunk["open_time_ns" if field == "time" else "known_time_ns"][row]
                return str(np.datetime64(int(time), "ns"))
            return f"{rules.price(int(chunk[f'{field}_ticks'][row])):f}"

        return shown
