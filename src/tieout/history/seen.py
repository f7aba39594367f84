"""Stored trades and bars as they came to be seen here, and as the venue's own market.

Rows are stored in the order in which they were over. What is read ahead is held back until no row
that is still to be read can have been known before it; so memory grows with how late rows are, and
not with how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.history.availability import RECEIVED
from tieout.history.dataset import BATCH_ROWS, TIME_COLUMN
from tieout.history.revisions import last_versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from tieout.history.availability import Availability
    from tieout.history.dataset import Dataset
    from tieout.model.columns import MarketColumns

    Int64s = NDArray[np.int64]
    Chunk = dict[str, Int64s]

__all__ = ["matched_rows", "seen_rows"]

_KNOWN: Final = "known_time_ns"


def seen_rows(
    dataset: Dataset,
    how: Availability,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    rows: int = BATCH_ROWS,
    only: Collection[str] = (),
) -> Iterator[MarketColumns]:
    """Yield rows in order of arrival, every version of a bar by itself.

    Args:
        dataset: Trades or bars.
        how: When they are known, and how long the way to us is.
        start_ns: Rows that arrive earlier are left out.
        end_ns: Rows that arrive later are left out.
        rows: Most rows read at a time; what is given does not depend on it.
        only: As of `Dataset.batches`.

    Raises:
        InputError: The data set holds something else.
        DataError: The file is damaged, or a row would arrive after 2079.
    """
    shift_ns = how.shift_ns
    if shift_ns is not None:
        return dataset.batches(
            delay_ns=shift_ns, start_ns=start_ns, end_ns=end_ns, rows=rows, only=only
        )
    return _within(_arriving(dataset, how, start_ns, end_ns, rows, only), start_ns, end_ns)


def matched_rows(
    dataset: Dataset,
    how: Availability,
    *,
    end_ns: int | None = None,
    rows: int = BATCH_ROWS,
    only: Collection[str] = (),
) -> Iterator[MarketColumns]:
    """Yield rows as the venue's own market: the best word on each bar, in order of venue time.

    They arrive as if the venue had sent them as they happened: a fill waits for the row that caused
    it, and not until somebody publishes that row or looks for it.

    Args:
        dataset: Trades or bars.
        how: How its rows come to be seen; publication and polling are no part of this.
        end_ns: Rows that arrive later are left out.
        rows: Most rows read at a time.
        only: As of `Dataset.batches`.

    Raises:
        InputError: The data set holds something else.
        DataError: The file is damaged, or a row would arrive after 2079.
    """
    direct = how.direct()
    shift_ns = direct.shift_ns
    if shift_ns is not None:
        return dataset.batches(delay_ns=shift_ns, end_ns=end_ns, rows=rows, only=only)
    return _within(_direct(dataset, direct, end_ns, rows, only), None, end_ns)


def _arriving(
    dataset: Dataset,
    how: Availability,
    start_ns: int | None,
    end_ns: int | None,
    rows: int,
    only: Collection[str],
) -> Iterator[MarketColumns]:
    """Yield rows in order of arrival; those before the start are there as far as they matter."""
    over = TIME_COLUMN[dataset.meta.kind]
    after_ns = 0
    for ready in _in_order_known(dataset, how, start_ns, end_ns, rows, only):
        known = how.known_ns(ready[over], ready.get(_KNOWN))
        columns, arrival = _arrived(dataset, how, ready, known, after_ns)
        yield columns
        after_ns = int(arrival[-1])
        if end_ns is not None and after_ns > end_ns:
            return


def _in_order_known(
    dataset: Dataset,
    how: Availability,
    start_ns: int | None,
    end_ns: int | None,
    rows: int,
    only: Collection[str],
) -> Iterator[Chunk]:
    """Yield stored rows in the order in which they were known, none of them empty."""
    # A row that was known so long before the start has arrived by then, and nobody behind waits.
    first_ns = None if start_ns is None else start_ns - how.late_ns_max
    last_ns = end_ns
    if not how.known:
        first_ns = None if first_ns is None else first_ns - how.published_after_ns
        last_ns = None if last_ns is None else last_ns - how.published_after_ns
    wanted = _wanted(dataset, how, only)
    bounded_by = _KNOWN if how.known else None
    chunks = dataset.chunks(rows, first_ns, last_ns, wanted, bounded_by)
    if not how.known:
        # Published in the order in which they were over.
        yield from chunks
        return
    over = TIME_COLUMN[dataset.meta.kind]
    held: Chunk | None = None
    for chunk in chunks:
        sure_ns = int(chunk[over][-1])
        held = chunk if held is None else _joined(held, chunk)
        order = np.argsort(held[_KNOWN], kind="stable")
        held = {name: column[order] for name, column in held.items()}
        # A row that is still to be read is over, and so known, no earlier than the last one read.
        ready = int(np.searchsorted(held[_KNOWN], sure_ns, "right"))
        if ready:
            yield {name: column[:ready] for name, column in held.items()}
            held = {name: column[ready:] for name, column in held.items()}
    if held is not None and len(held[over]):
        yield held


def _direct(
    dataset: Dataset, how: Availability, end_ns: int | None, rows: int, only: Collection[str]
) -> Iterator[MarketColumns]:
    over = TIME_COLUMN[dataset.meta.kind]
    after_ns = 0
    chunks = dataset.chunks(rows, None, end_ns, _wanted(dataset, how, only))
    for chunk in last_versions(chunks) if dataset.meta.revised else chunks:
        known = how.known_ns(chunk[over], chunk[_KNOWN] if how.known == RECEIVED else None)
        if how.known == RECEIVED:
            # What was received late holds up what the venue did later: a fill waits for its print.
            known = np.maximum.accumulate(known)
        columns, arrival = _arrived(dataset, how, chunk, known, after_ns)
        yield columns
        after_ns = int(arrival[-1])
        if end_ns is not None and after_ns > end_ns:
            return


def _arrived(
    dataset: Dataset, how: Availability, chunk: Chunk, known: Int64s, after_ns: int
) -> tuple[MarketColumns, Int64s]:
    # Of trades their id, of bars their close.
    identity = chunk.get("trade_id", chunk[TIME_COLUMN[dataset.meta.kind]])
    arrival = how.arrivals(known, identity, chunk.get("revision"), after_ns=after_ns)
    return dataset.with_arrival(chunk, arrival), arrival


def _wanted(dataset: Dataset, how: Availability, only: Collection[str]) -> list[str] | None:
    """Return the columns to read: what is asked for, and what arrivals follow from."""
    if not only:
        return None
    more = ("trade_id",) if how.feed is not None else ()
    return dataset.wanted({*only, *more, *((_KNOWN,) if how.known else ())})


def _within(
    chunks: Iterator[MarketColumns], start_ns: int | None, end_ns: int | None
) -> Iterator[MarketColumns]:
    for columns in chunks:
        arrival = columns.arrival_time_ns
        low = 0 if start_ns is None else int(np.searchsorted(arrival, start_ns, "left"))
        high = len(arrival) if end_ns is None else int(np.searchsorted(arrival, end_ns, "right"))
        if low < high:
            yield columns.rows(low, high)


def _joined(one: Chunk, other: Chunk) -> Chunk:
    return {name: np.concatenate((one[name], other[name])) for name in one}
