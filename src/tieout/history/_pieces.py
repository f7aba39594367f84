"""Row groups decoded a few at a time: ahead of who reads them, and once for all who do so together.

A run goes through its market twice, as the venue matches it and as the strategy sees it, both never
far apart. Each column of a piece is decoded once, in a thread, while the piece before it is used.

There is one such thread, and nobody waits for it to end. A reader that is given up may be collected
anywhere, also where a thread is being started or ended: joining one there would wait for itself.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[np.int64]]
    Key = tuple[str, tuple[int, ...]]

__all__ = ["Pieces"]

_PIECES_KEPT: Final = 3
"""The one in use, the next one, and the one that a slower reader is still at."""

_WHOLE: Final = 1 << 30


class Pieces:
    """The pieces of one data set that were decoded last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, dict[str, Future[Columns]]] = OrderedDict()

    def read(
        self,
        file: pq.ParquetFile,
        name: str,
        groups: Sequence[int],
        columns: Sequence[str],
        *,
        at_a_time: int,
    ) -> Iterator[Columns]:
        """Yield row groups in order, several joined.

        Args:
            file: Opened; this reader's own. Close it once all was read, and only then: what is
                under way for a reader that was given up still reads it.
            name: What it is called, the same for all of its readers.
            groups: Which.
            columns: Which.
            at_a_time: Most groups of a piece.

        Raises:
            OSError, ArrowException, KeyError: The file is damaged.
        """
        keys = [
            (name, tuple(groups[start : start + at_a_time]))
            for start in range(0, len(groups), at_a_time)
        ]
        ahead = self._begun(file, keys[0], columns) if keys else {}
        for place in range(len(keys)):
            begun = ahead
            if place + 1 < len(keys):
                ahead = self._begun(file, keys[place + 1], columns)
            try:
                piece = {column: each.result()[column] for column, each in begun.items()}
            except BaseException:
                # What failed once may be well the next time: a connection comes back.
                self._kept.clear()
                raise
            yield piece

    def _begun(
        self, file: pq.ParquetFile, key: Key, columns: Sequence[str]
    ) -> dict[str, Future[Columns]]:
        """Return the columns of a piece, those that nobody has asked for yet being decoded."""
        kept = self._kept.setdefault(key, {})
        self._kept.move_to_end(key)
        while len(self._kept) > _PIECES_KEPT:
            self._kept.popitem(last=False)
        missing = [each for each in columns if each not in kept]
        if missing:
            begun = _Thread.it.submit(_decoded, file, key[1], missing)
            kept.update(dict.fromkeys(missing, begun))
        return {each: kept[each] for each in columns}


class _Thread:
    """The thread; it is made when it is first needed."""

    it = ThreadPoolExecutor(1, "reading ahead")

    @classmethod
    def renew(cls) -> None:
        """Make another one: a forked process has none, and would wait for it."""
        cls.it = ThreadPoolExecutor(1, "reading ahead")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Thread.renew)


def _decoded(file: pq.ParquetFile, groups: tuple[int, ...], columns: list[str]) -> Columns:
    batches = list(
        file.iter_batches(_WHOLE, row_groups=list(groups), columns=columns, use_threads=False)
    )
    if len(batches) == 1:
        return {each: batches[0].column(each).to_numpy() for each in columns}
    return {
        each: np.concatenate([batch.column(each).to_numpy() for batch in batches])
        for each in columns
    }
