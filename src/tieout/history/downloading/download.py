"""A download: pages into a log, the log into the store, whole or not at all.

venue ──pages──▶ joined, judged ──▶ page log ──▶ data set, written whole
                                      │ killed? the next one goes on behind its last row
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.errors import InputError
from tieout.history._rules import rules_of
from tieout.history.dataset import TIME_COLUMN, ends_of
from tieout.history.downloading.page_log import Begun, PageLog
from tieout.history.downloading.pages import KEY, Joiner, holes_in, time_words
from tieout.history.store import judge
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal
    from pathlib import Path

    from tieout.history.dataset import Dataset
    from tieout.history.downloading.pages import Past, Rows, Wanted
    from tieout.history.store import Store

    Progress = Callable[[float, float | None], None]

__all__ = ["Downloaded", "download"]

_HOLES_SHOWN: Final = 20
_EARLY_NS: Final = {"trades": 60_000_000_000, "funding": 24 * 3_600_000_000_000}
"""How long after the start the first row may come without more being asked."""

_MISSING: Final = {
    "trades": "trades missing by their ids",
    "bars": "bars missing",
    "mark": "bars missing",
    "funding": "times without a rate for over eight hours",
}


@dataclass(slots=True)
class Downloaded:
    """What became of a download.

    Attributes:
        dataset: The data set as it is now.
        new_rows: Rows added to it.
        resumed_rows: Of these, rows that an earlier attempt had fetched.
        pages: Asked for this time.
        repeated: Rows that came on two pages, the same on both, and were left out.
        missing: Rows that are missing inside, or times.
        holes: Times of the rows before and behind a hole, the first twenty.
    """

    dataset: Dataset
    new_rows: int = 0
    resumed_rows: int = 0
    pages: int = 0
    repeated: int = 0
    missing: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)


def download(
    store: Store,
    past: Past,
    wanted: Wanted,
    *,
    name: str,
    log: Path,
    is_end_given: bool = True,
    refresh: bool = False,
    progress: Progress | None = None,
) -> Downloaded:
    """Download a venue's history into the store, or what is missing of it.

    A data set of the name that was downloaded from there is gone on with at its end. What an
    attempt before has left in the log is not asked for again.

    Args:
        store: Where it goes.
        past: The venue.
        wanted: What.
        name: Name in the store.
        log: File of what there is so far; deleted at the end.
        is_end_given: Whether the end was asked for; else an attempt before keeps its own.
        refresh: Fetch everything anew; the data set of the name is replaced when that is whole.
        progress: Called with seconds of history done, and in total.

    Raises:
        InputError: There is no such history, or the name holds something else.
        DataError: A row cannot be right.
        VenueError: The venue does not answer, or contradicts itself.
    """
    if wanted.end_ns <= wanted.start_ns:
        raise InputError(
            f"{wanted.words}: the end must lie after the start; the start is "
            f"{time_words(wanted.start_ns)}, the end {time_words(wanted.end_ns)}"
        )
    before = store.dataset(name) if name in store.names() else None
    if before is not None:
        _check_follows(past, before, wanted, refresh=refresh)
    with closing(PageLog(log)) as pages:
        begun = Begun(
            wanted=wanted,
            base="" if before is None else before.meta.fingerprint,
            replaces=refresh and before is not None,
        )
        wanted = _resumed(pages, begun, is_end_given=is_end_given, refresh=refresh)
        known = None
        if before is not None and not refresh:
            known = ends_of(before, 1)[-1]
        joiner = Joiner(wanted, pages.last or known)
        resumed, asked = pages.rows, 0
        while not joiner.is_over:
            asked += 1
            _take_page(past, wanted, joiner, pages)
            if progress and joiner.last is not None:
                done = joiner.last[TIME_COLUMN[wanted.kind]] - wanted.start_ns
                progress(done / 1e9, (wanted.end_ns - wanted.start_ns) / 1e9)
        if not pages.rows:
            pages.remove()
            if before is None or refresh:
                raise _nothing_there(past, wanted)
            return Downloaded(before, pages=asked, repeated=joiner.repeated)
        found = _written(store, name, wanted, pages, before, refresh=refresh)
        found.resumed_rows, found.pages, found.repeated = resumed, asked, joiner.repeated
        pages.remove()
        return found


def _source_of(wanted: Wanted) -> str:
    """Return where a download is from, in the words of its description."""
    length = f" of {interval_name(wanted.interval_ns)}" if wanted.interval_ns else ""
    return (
        f"downloaded from {wanted.venue}: {wanted.kind}{length}, {wanted.instrument.venue_symbol}"
    )


def _check_follows(past: Past, before: Dataset, wanted: Wanted, *, refresh: bool) -> None:
    meta = before.meta
    same = (meta.source, meta.interval_ns) == (_source_of(wanted), wanted.interval_ns)
    if not same:
        raise InputError(
            f"{meta.name}: there is a data set of this name, {meta.source}; this would be "
            f"{_source_of(wanted)}; choose another name with --as"
        )
    if refresh:
        return
    steps = (meta.instrument.tick_size, meta.instrument.lot_size)
    if (meta.instrument.symbol, *steps) != _steps(wanted):
        raise InputError(
            f"{meta.name}: its tick and lot are {steps[0]} and {steps[1]}, and now they are "
            f"{wanted.instrument.tick_size} and {wanted.instrument.lot_size}; give --tick and "
            "--lot as they were, or fetch it anew with --refresh"
        )
    first_ns = meta.first_time_ns - meta.interval_ns
    if wanted.start_ns < first_ns:
        # The start asked for may lie before the first row there is, today as it did then.
        rows = Joiner(wanted, None).take(past.page(wanted, None))
        keys = rows[KEY[wanted.kind]]
        if len(keys) and int(keys[0]) < ends_of(before, 1)[0][KEY[wanted.kind]]:
            raise InputError(
                f"{meta.name}: it begins at {time_words(first_ns)}, after the start asked for, "
                f"{time_words(wanted.start_ns)}; rows are added at its end alone, so fetch it anew "
                "with --refresh"
            )


def _resumed(pages: PageLog, begun: Begun, *, is_end_given: bool, refresh: bool) -> Wanted:
    """Return what is downloaded: what was begun before, where that is what is asked for now."""
    earlier = pages.begun
    if earlier is None or earlier.base != begun.base:
        # Of a data set that is finished, or that has changed meanwhile: nothing is lost.
        pages.begin(begun)
        return begun.wanted
    now, then = begun.wanted, earlier.wanted
    if not is_end_given:
        now = msgspec.structs.replace(now, end_ns=then.end_ns)
    if _steps(now) == _steps(then):
        # Rules such as the smallest order may change; what the rows count in did not.
        now = msgspec.structs.replace(now, instrument=then.instrument)
    if begun.base and not refresh:
        now = msgspec.structs.replace(now, start_ns=then.start_ns)
    if now == then and begun.replaces == earlier.replaces:
        return then
    if refresh:
        pages.begin(begun)
        return begun.wanted
    raise InputError(
        f"{now.words}: there is an unfinished download of {_source_of(then)}, from "
        f"{time_words(then.start_ns)} to {time_words(then.end_ns)}"
        f"{', a refresh' if earlier.replaces else ''}; ask for the same to "
        "go on with it, or begin anew with --refresh"
    )


def _steps(wanted: Wanted) -> tuple[str, Decimal, Decimal]:
    instrument = wanted.instrument
    return instrument.symbol, instrument.tick_size, instrument.lot_size


def _take_page(past: Past, wanted: Wanted, joiner: Joiner, pages: PageLog) -> None:
    is_first = joiner.last is None
    rows = joiner.take(past.page(wanted, joiner.from_key))
    if not len(rows[KEY[wanted.kind]]):
        return
    if is_first:
        _check_early(past, wanted, rows)
    if wanted.kind == "funding" and not rows["interval_ns"].all():
        raise InputError(
            f"{wanted.words}: one rate does not say what time it is for; take a longer period"
        )
    judge(
        rows,
        rules_of(wanted.kind, wanted.interval_ns),
        source=_source_of(wanted),
        done=pages.rows,
        interval_ns=wanted.interval_ns,
    )
    pages.append(rows)


def _check_early(past: Past, wanted: Wanted, rows: Rows) -> None:
    """Refuse a history that begins later than asked for."""
    begins_ns = int(rows[TIME_COLUMN[wanted.kind]][0]) - wanted.interval_ns
    slack_ns = _EARLY_NS.get(wanted.kind, wanted.interval_ns)
    if begins_ns < wanted.start_ns + slack_ns:
        return
    first_ns = past.first_ns(wanted)
    if first_ns is None or first_ns >= begins_ns:
        raise InputError(
            f"{wanted.words}: the venue's history begins at {time_words(begins_ns)}, later than "
            f"the start asked for, {time_words(wanted.start_ns)}; say --start "
            f"{time_words(begins_ns)}"
        )


def _nothing_there(past: Past, wanted: Wanted) -> InputError:
    first_ns = past.first_ns(wanted)
    told = (
        "it has none at all"
        if first_ns is None
        else f"the first it has is of {time_words(first_ns)}, choose a later period"
    )
    return InputError(
        f"{wanted.words}: the venue has nothing from {time_words(wanted.start_ns)} to "
        f"{time_words(wanted.end_ns)}; {told}"
    )


def _written(
    store: Store,
    name: str,
    wanted: Wanted,
    pages: PageLog,
    before: Dataset | None,
    *,
    refresh: bool,
) -> Downloaded:
    if before is None:
        writer = store.writer(
            name,
            wanted.kind,
            wanted.instrument,
            interval_ns=wanted.interval_ns,
            source=_source_of(wanted),
        )
    elif refresh:
        writer = store.replacement(
            name,
            wanted.kind,
            wanted.instrument,
            interval_ns=wanted.interval_ns,
            source=_source_of(wanted),
        )
    else:
        writer = store.extension(name)
    last = ends_of(before, 1)[-1] if before is not None and not refresh else None
    missing = 0
    holes: list[tuple[int, int]] = []
    with writer:
        for rows in _gathered(pages.pages()):
            for place in holes_in(rows, wanted, last):
                missing += _missing_before(rows, place, wanted, last)
                if len(holes) < _HOLES_SHOWN:
                    holes.append(_around(rows, place, wanted, last))
            last = {each: int(column[-1]) for each, column in rows.items()}
            writer.append(rows)
        if missing:
            writer.count(_MISSING[wanted.kind], missing)
        made = writer.finish(time_rule=_time_rule(wanted))
    return Downloaded(made, new_rows=pages.rows, missing=missing, holes=holes)


_GATHERED_ROWS: Final = 1 << 16


def _gathered(pages: Iterator[Rows]) -> Iterator[Rows]:
    """Yield rows in pieces of one size, so that what is stored does not show the pages."""
    held: list[Rows] = []
    count = 0
    for page in pages:
        held.append(page)
        count += len(next(iter(page.values())))
        while count >= _GATHERED_ROWS:
            joined = {each: np.concatenate([rows[each] for rows in held]) for each in held[0]}
            yield {each: column[:_GATHERED_ROWS] for each, column in joined.items()}
            held = [{each: column[_GATHERED_ROWS:] for each, column in joined.items()}]
            count -= _GATHERED_ROWS
    if count:
        yield {each: np.concatenate([rows[each] for rows in held]) for each in held[0]}


def _missing_before(rows: Rows, place: int, wanted: Wanted, last: dict[str, int] | None) -> int:
    key = KEY[wanted.kind]
    before = last[key] if place == 0 and last is not None else int(rows[key][place - 1])
    step = int(rows[key][place]) - before
    match wanted.kind:
        case "trades":
            return step - 1
        case "funding":
            return 1
        case _:
            return step // wanted.interval_ns - 1


def _around(rows: Rows, place: int, wanted: Wanted, last: dict[str, int] | None) -> tuple[int, int]:
    time = TIME_COLUMN[wanted.kind]
    before = last[time] if place == 0 and last is not None else int(rows[time][place - 1])
    return before, int(rows[time][place]) - wanted.interval_ns


def _time_rule(wanted: Wanted) -> str:
    told = "the venue's milliseconds, UTC"
    return f"{told}; a bar is stamped at its open" if wanted.interval_ns else told
