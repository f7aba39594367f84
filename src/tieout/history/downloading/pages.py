"""Pages of a venue's history joined into one series, each edge compared.

A page is asked for from the last row known, that row included. So each page shows one row that the
page before it showed too: if the venue now says otherwise, the download stops and names it.

    key      what rows are asked for by   trades: the trade's id   funding: its time
                                          bars, mark: the open time
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from tieout.errors import VenueError
from tieout.history.dataset import COLUMNS, TIME_COLUMN
from tieout.model.instruments import Instrument

__all__ = ["KEY", "Contradiction", "Joiner", "Past", "Rows", "Wanted", "holes_in", "time_words"]

Rows = dict[str, NDArray[np.int64]]
"""Rows by stored column."""

KEY: Final = {
    "trades": "trade_id",
    "bars": "open_time_ns",
    "mark": "open_time_ns",
    "funding": "venue_time_ns",
}
"""What rows are asked for by, for each kind that can be downloaded."""

_FIRST_TIME: Final = {**TIME_COLUMN, "bars": "open_time_ns", "mark": "open_time_ns"}
"""Where a row begins, by kind."""

_FRUITLESS_MAX: Final = 3
"""Holes that were there when asked again; then the venue has holes, and no more is asked twice."""

_MINUTE_NS: Final = 60_000_000_000
_FUNDING_NS_MAX: Final = 8 * 3_600_000_000_000
"""No venue waits longer from one funding to the next: what is further apart is a hole."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is downloaded.

    Attributes:
        venue: Its address.
        kind: `trades`, `bars`, `funding` or `mark`.
        instrument: Whose, by the venue's rules.
        interval_ns: Length of a bar; 0 for trades and funding.
        start_ns: Rows from then on; of bars, those that open then or later.
        end_ns: Rows before then; of bars, those that have closed by then.
    """

    venue: str
    kind: str
    instrument: Instrument
    interval_ns: int
    start_ns: int
    end_ns: int

    @property
    def words(self) -> str:
        """What it is, for messages."""
        return f"{self.instrument.symbol} {self.kind} at {self.venue}"


class Past(Protocol):
    """A venue's history."""

    def page(self, wanted: Wanted, from_key: int | None) -> Rows:
        """Return the next rows from a key on, that row included, by stored column.

        Args:
            wanted: Of what.
            from_key: Where to begin; None: at the wanted start. Of funding, the row before the
                start may come first: it says how long the first one was in force.

        Raises:
            InputError: The venue does not have it.
            VenueError: The venue does not answer, or nobody can read its answer.
        """

    def first_ns(self, wanted: Wanted) -> int | None:
        """Return the time of the first row the venue has at all; None where it has none.

        Raises:
            VenueError: The venue does not answer, or nobody can read its answer.
        """


class Contradiction(VenueError):
    """The venue says of one row two different things, or gives rows out of order."""


class Joiner:
    """Takes pages in order and gives the rows that are new.

    Args:
        wanted: What is downloaded.
        last: The last row known, by column; None: none is.

    Attributes:
        repeated: Rows that came again with the same values, and were left out.
        is_over: Whether no further page can have anything that is wanted.
        last: The last row known.
    """

    def __init__(self, wanted: Wanted, last: dict[str, int] | None) -> None:
        self._wanted = wanted
        self._key = KEY[wanted.kind]
        self._time = TIME_COLUMN[wanted.kind]
        self._fruitless = 0
        self._asked_again_from: int | None = None
        self.last = last
        self.repeated = 0
        self.is_over = False

    @property
    def from_key(self) -> int | None:
        """From where the next page is to be asked for."""
        return None if self.last is None else self.last[self._key]

    def take(self, page: Rows) -> Rows:
        """Return what is new in a page and wanted.

        Raises:
            Contradiction: A row is not what it was on the page before, or comes out of order.
        """
        self._check_order(page)
        fresh = self._behind_last(_part(page, self._apart(page)))
        if self._wanted.kind == "funding":
            fresh = self._with_intervals(fresh)
        inside, is_beyond = self._period(fresh)
        kept = self._until_hole(inside)
        count, whole = len(kept[self._key]), len(inside[self._key])
        self.is_over = count == whole and (is_beyond or not count)
        if count:
            self.last = _row(kept, -1)
        return kept

    def _period(self, rows: Rows) -> tuple[Rows, bool]:
        """Return the rows of the wanted period, and whether none can come that is in it."""
        wanted = self._wanted
        first, when = rows[_FIRST_TIME[wanted.kind]], rows[self._time]
        # A bar is over at its end; a trade or a rate at the end is one too late.
        last_ns = wanted.end_ns if wanted.interval_ns else wanted.end_ns - 1
        inside = (first >= wanted.start_ns) & (when <= last_ns)
        is_beyond = len(when) > 0 and int(when[-1]) + max(wanted.interval_ns, 1) > last_ns
        return _part(rows, inside), is_beyond

    def _check_order(self, page: Rows) -> None:
        for column in {self._key, self._time}:
            steps = np.diff(page[column])
            if (steps < 0).any():
                row = int(np.argmax(steps < 0)) + 1
                raise Contradiction(
                    f"{self._wanted.words}: row {row + 1} of a page has {column} "
                    f"{page[column][row]}, and the row above {page[column][row - 1]}; a venue that "
                    "gives its history out of order is not read, try again later"
                )

    def _apart(self, page: Rows) -> NDArray[np.bool_]:
        """Return which rows are not the row above once more."""
        keys = page[self._key]
        again = np.flatnonzero(np.diff(keys) == 0) + 1
        for row in again:
            self._compare(_row(page, int(row) - 1), _row(page, int(row)))
        self.repeated += len(again)
        apart = np.ones(len(keys), np.bool_)
        apart[again] = False
        return apart

    def _behind_last(self, page: Rows) -> Rows:
        """Compare the row that is known already, and return what lies behind it."""
        if self.last is None:
            return page
        keys = page[self._key]
        known = int(self.last[self._key])
        place = int(np.searchsorted(keys, known))
        if place == len(keys) or int(keys[place]) != known:
            raise Contradiction(
                f"{self._wanted.words}: the row with {self._key} {known} was there, and is not "
                "there any more; the venue has changed its history, fetch it anew with --refresh"
            )
        self._compare(self.last, _row(page, place))
        self.repeated += place + 1
        return _part(page, slice(place + 1, None))

    def _compare(self, first: dict[str, int], second: dict[str, int]) -> None:
        for column in COLUMNS[self._wanted.kind]:
            # How long a rate was in force is worked out here; the venue does not say it.
            if column != "interval_ns" and first[column] != second[column]:
                raise Contradiction(
                    f"{self._wanted.words}: the row with {self._key} {first[self._key]} has "
                    f"{column} {first[column]} on one page and {second[column]} on the next; the "
                    "venue has changed its history, fetch it anew with --refresh"
                )

    def _with_intervals(self, page: Rows) -> Rows:
        """Fill in what time each rate is for: since the one before; the first as the second."""
        when = page["venue_time_ns"]
        if not len(when):
            return page
        before = None if self.last is None else self.last["venue_time_ns"]
        lengths = np.diff(when, prepend=when[0] if before is None else before)
        lengths = (lengths + _MINUTE_NS // 2) // _MINUTE_NS * _MINUTE_NS
        if before is None and len(lengths) > 1:
            lengths[0] = min(lengths[1], _FUNDING_NS_MAX)
        known = 0 if self.last is None else self.last["interval_ns"]
        for row, length in enumerate(lengths.tolist()):
            # Behind a hole the interval is the one before it.
            known = length if 0 < length <= _FUNDING_NS_MAX else known
            lengths[row] = known
        return {**page, "interval_ns": lengths}

    def _until_hole(self, rows: Rows) -> Rows:
        """Return the rows before the first hole that was not asked for once more."""
        for row in holes_in(rows, self._wanted, self.last):
            before = self.from_key if row == 0 else int(rows[self._key][row - 1])
            if before == self._asked_again_from:
                self._fruitless += 1
            elif self._fruitless < _FRUITLESS_MAX:
                self._asked_again_from = before
                return _part(rows, slice(0, row))
        return rows


def holes_in(rows: Rows, wanted: Wanted, before: dict[str, int] | None) -> list[int]:
    """Return the rows in front of which something is missing.

    Args:
        rows: In order.
        wanted: What they are.
        before: The row before them; None: there is none.
    """
    keys = rows[KEY[wanted.kind]]
    if not len(keys):
        return []
    first = keys[0] if before is None else before[KEY[wanted.kind]]
    return np.flatnonzero(np.diff(keys, prepend=first) > _step_max(wanted)).tolist()


def time_words(time_ns: int) -> str:
    """Return a time as a person writes it, UTC, no longer than it has to be."""
    return str(np.datetime_as_string(np.datetime64(time_ns, "ns"), unit="auto"))


def _step_max(wanted: Wanted) -> int:
    match wanted.kind:
        case "trades":
            return 1
        case "funding":
            return _FUNDING_NS_MAX + _MINUTE_NS
        case _:
            return wanted.interval_ns


def _part(rows: Rows, which: NDArray[np.bool_] | slice) -> Rows:
    return {name: column[which] for name, column in rows.items()}


def _row(rows: Rows, place: int) -> dict[str, int]:
    return {name: int(column[place]) for name, column in rows.items()}
