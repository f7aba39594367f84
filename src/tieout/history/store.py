"""The data store: a folder of fingerprinted data sets, each written whole or not at all."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.errors import DataError, InputError
from tieout.history._action_rows import (
    AMOUNT_MAX,
    TEXT_LETTERS_MAX,
    action_columns,
    in_order,
)
from tieout.history._defects import Defects
from tieout.history._rules import Rules, ShownValue, rules_of
from tieout.history._writer import EARLIER, DatasetWriter
from tieout.history.availability import PUBLISHED, RECEIVED
from tieout.history.dataset import COLUMNS, WITH_INTERVAL, Dataset, DatasetMeta
from tieout.history.places import META, place_of
from tieout.model.availability import KNOWN_NS_MAX, PUBLISHED_AFTER_NS_MAX, check_outages
from tieout.model.columns import (
    BookColumns,
    BookKind,
    OrderAction,
    OrderEventColumns,
    QuoteColumns,
)
from tieout.model.money import decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.history.places import DatasetFiles, Place, StoredAt
    from tieout.model.actions import Action
    from tieout.model.columns import BarColumns, RecordedColumns, TradeColumns
    from tieout.model.instruments import Instrument

    Chunk = Mapping[str, NDArray[np.int64]]

__all__ = ["Store", "judge"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_GIVEN = "as given in nanoseconds, UTC"
_RECORDED_KINDS: Final[dict[type, str]] = {
    QuoteColumns: "quotes",
    BookColumns: "book",
    OrderEventColumns: "orders",
}
_LARGEST: Final = 2**53
_RECORDED_BOUNDS: Final = (
    ("kind", 1, max(BookKind)),
    ("action", 1, max(OrderAction)),
    ("side", -1, 1),
    ("price_ticks", 0, _LARGEST),
    ("lots", 0, _LARGEST),
    ("bid_ticks", 0, _LARGEST),
    ("bid_lots", 0, _LARGEST),
    ("ask_ticks", 0, _LARGEST),
    ("ask_lots", 0, _LARGEST),
)
"""Column, least and largest value."""
_COLUMN_OF: Final = {
    "quantity": "quantity_lots",
    "volume": "volume_lots",
    "id": "trade_id",
    "rate": "rate_e18",
    "available": "available_lots",
    "interval": "interval_ns",
    "bid_quantity": "bid_lots",
    "ask_quantity": "ask_lots",
    "arrival": "arrival_time_ns",
    "known_time": "known_time_ns",
}


class Store:
    """A folder of data sets, on this machine or in object storage.

    Args:
        path: Made when the first data set is written; or a URL such as `s3://bucket/prefix`, whose
            credentials are taken from the environment.
        place: Stands for the path; by default what it names.

    Raises:
        InputError: The URL carries credentials, or no storage of its kind is known.
    """

    def __init__(self, path: StoredAt, *, place: Place | None = None) -> None:
        self.path = path
        self._place = place_of(path) if place is None else place

    def names(self) -> list[str]:
        """Return the names of all data sets, sorted."""
        return sorted(each for each in self._place.names() if _NAME.fullmatch(each))

    def dataset(self, name: str) -> Dataset:
        """Return a data set.

        Raises:
            InputError: There is none of this name, or its description is damaged.
        """
        files = self._place.files(name) if _NAME.fullmatch(name) else None
        if files is None:
            known = ", ".join(self.names()) or "none"
            raise InputError(f"{self.path}: no data set {name!r}; there are: {known}")
        return Dataset(files, _described(files, META))

    def verify(self, name: str) -> None:
        """Read a data set whole, and what it held before, and compare fingerprints.

        Raises:
            InputError: There is none of this name.
            DataError: Its content is not what was imported.
        """
        for each in (self.dataset(name), *self.earlier(name)):
            each.verify()

    def write(
        self,
        name: str,
        kind: str,
        instrument: Instrument,
        chunks: Iterable[Chunk],
        *,
        interval_ns: int = 0,
        source: str,
        time_rule: str = _GIVEN,
        published_after_ns: int = 0,
        known: str = "",
        outages: Sequence[tuple[int, int]] = (),
    ) -> Dataset:
        """Write a data set from its stored columns by name, in order of time; on an error nothing.

        Args:
            name: Name in the store.
            kind: As of `DatasetMeta`, as are all that follow but the rows.
            instrument: Whose data it is.
            chunks: Stored columns by name.
            interval_ns: Length of a bar; 0 for all else.
            source: Where it comes from, in words.
            time_rule: How its times were read, in words.
            published_after_ns: After a row is over.
            known: What known times are, where the rows have some.
            outages: When the way to this data was down.

        Raises:
            InputError: The name is taken or not allowed, or the folder cannot be written to.
            DataError: A row cannot be right, or there is none.
        """
        rules = rules_of(kind, interval_ns)
        with self.writer(
            name,
            kind,
            instrument,
            interval_ns=interval_ns,
            source=source,
            published_after_ns=published_after_ns,
            known=known,
            outages=outages,
        ) as writer:
            _append_judged(writer, chunks, rules)
            return writer.finish(time_rule=time_rule)

    def write_trades(
        self,
        name: str,
        instrument: Instrument,
        chunks: Iterable[TradeColumns],
        *,
        source: str,
        time_rule: str = _GIVEN,
    ) -> Dataset:
        """Write trades from columns in order of venue time; arrival times are not stored.

        Raises:
            InputError: The name is taken or not allowed, or the folder cannot be written to.
            DataError: A row cannot be right, or there is none.
        """
        stored = (_stored_trades(each, instrument) for each in chunks)
        return self.write(name, "trades", instrument, stored, source=source, time_rule=time_rule)

    def write_bars(
        self,
        name: str,
        instrument: Instrument,
        interval_ns: int,
        chunks: Iterable[BarColumns],
        *,
        source: str,
        time_rule: str = _GIVEN,
    ) -> Dataset:
        """Write bars from columns in order of time; arrival times and warm-up are not stored.

        Raises:
            InputError: The name is taken or not allowed, or the folder cannot be written to.
            DataError: A row cannot be right, a bar has another length, or there is none.
        """
        stored = (_stored_bars(each, instrument, interval_ns, source) for each in chunks)
        return self.write(
            name,
            "bars",
            instrument,
            stored,
            interval_ns=interval_ns,
            source=source,
            time_rule=time_rule,
        )

    def write_actions(
        self,
        name: str,
        instrument: Instrument,
        actions: Sequence[Action],
        *,
        source: str,
        time_rule: str = _GIVEN,
    ) -> Dataset:
        """Write corporate actions of one instrument, in whatever order they are given.

        Raises:
            InputError: The name is taken or not allowed, or the folder cannot be written to.
            DataError: An action cannot be right or stored, or there is none.
        """
        for row, each in enumerate(actions):
            _check_belongs(each.instrument, 0, instrument, 0)
            if not each.text.isascii() or len(each.text) > TEXT_LETTERS_MAX:
                raise DataError(
                    "the symbol cannot be stored",
                    file=source,
                    row=row + 1,
                    value=each.text,
                    limit=f"{TEXT_LETTERS_MAX} ASCII letters",
                    remedy="Shorten it.",
                )
            if max(abs(each.venue_time_ns), abs(each.known_time_ns)) > KNOWN_NS_MAX:
                raise DataError(
                    "its time lies beyond those that are known here",
                    file=source,
                    row=row + 1,
                    value=f"{each.venue_time_ns} ns",
                    limit=f"{KNOWN_NS_MAX} ns (2079)",
                    remedy="Is its day right?",
                )
            if max(map(abs, (each.value, each.per, each.reference))) > AMOUNT_MAX:
                raise DataError(
                    "an amount of it cannot be stored",
                    file=source,
                    row=row + 1,
                    value=", ".join(map(decimal_text, (each.value, each.reference))),
                    limit=f"dividend and close up to {decimal_text(AMOUNT_MAX)}",
                    remedy="Is its decimal point where it belongs?",
                )
        columns = action_columns(in_order(actions))
        return self.write(
            name, "actions", instrument, [columns], source=source, time_rule=time_rule
        )

    def write_recorded(
        self,
        name: str,
        instrument: Instrument,
        chunks: Iterable[RecordedColumns],
        *,
        source: str,
        time_rule: str,
        counted: Mapping[str, int] | None = None,
    ) -> Dataset:
        """Write quotes, a book or orders as they were received, in order of arrival.

        Args:
            name: Name in the store.
            instrument: Whose they are.
            chunks: All of one kind.
            source: Where they come from, in words.
            time_rule: How their times were read, in words.
            counted: Gaps and other defects found on the way, for the description.

        Raises:
            InputError: The name is taken or not allowed, or the folder cannot be written to.
            DataError: A row cannot be right, or there is none.
        """
        given = iter(chunks)
        first = next(given, None)
        if first is None:
            raise DataError("there is no row in it", file=source, remedy="Give other data.")
        kind = _RECORDED_KINDS[type(first)]
        with self.writer(name, kind, instrument, source=source) as writer:
            done, before_ns = 0, None
            for each in chain((first,), given):
                _check_belongs(each.instrument, 0, instrument, 0)
                _check_recorded(each, source, done, before_ns)
                writer.append({column: getattr(each, column) for column in writer.columns})
                if len(each):
                    done, before_ns = done + len(each), int(each.arrival_time_ns[-1])
            for problem, rows in (counted or {}).items():
                writer.count(problem, rows)
            return writer.finish(time_rule=time_rule)

    def writer(
        self,
        name: str,
        kind: str,
        instrument: Instrument,
        *,
        interval_ns: int = 0,
        source: str,
        published_after_ns: int = 0,
        known: str = "",
        outages: Sequence[tuple[int, int]] = (),
    ) -> DatasetWriter:
        """Return a writer for rows that are judged already; use it in a `with` block.

        The settings are those of `write`.

        Raises:
            InputError: The name is taken or not allowed, the folder cannot be written to, or what
                is said of known times is not possible.
        """
        if kind not in COLUMNS or (interval_ns > 0) != (kind in WITH_INTERVAL):
            raise InputError(
                f"{name}: kind {kind!r} with interval {interval_ns} ns; allowed: "
                f"{', '.join(each for each in COLUMNS if each not in WITH_INTERVAL)} with 0, "
                f"{' and '.join(sorted(WITH_INTERVAL))} with a positive one"
            )
        if not _NAME.fullmatch(name):
            raise InputError(
                f"data set name {name!r}: use up to 100 of a-z, A-Z, 0-9, '_', '-' and '.', and "
                "begin with a letter, a digit or '_'"
            )
        if self._place.holds(name):
            raise InputError(
                f"{self.path}: a data set {name!r} exists; choose another name or delete it first"
            )
        _check_terms(name, kind, published_after_ns, known, outages)
        return self._writer(
            name,
            kind,
            instrument,
            interval_ns,
            source,
            published_after_ns=published_after_ns,
            known=known,
            outages=outages,
        )

    def extension(self, name: str) -> DatasetWriter:
        """Return a writer for rows that follow those of a data set; use it in a `with` block.

        The data set stays what it is until the writer has finished, and its files stay for good.

        Raises:
            InputError: There is none of this name, or another process writes to it.
            DataError: Its content is not what its fingerprint says.
        """
        before = self.dataset(name)
        meta = before.meta
        writer = self._writer(
            name,
            meta.kind,
            meta.instrument,
            meta.interval_ns,
            meta.source,
            before=before,
            published_after_ns=meta.published_after_ns,
            known=meta.known,
            outages=meta.outages,
        )
        try:
            writer.follow(before)
        except BaseException as error:
            writer.__exit__(type(error), error, None)
            raise
        return writer

    def replacement(
        self, name: str, kind: str, instrument: Instrument, *, interval_ns: int = 0, source: str
    ) -> DatasetWriter:
        """Return a writer whose data set takes the place of the one that has the name.

        Raises:
            InputError: There is none of this name, or another process writes to it.
        """
        before = self.dataset(name)
        return self._writer(
            name, kind, instrument, interval_ns, source, before=before, replaced=before.meta
        )

    def revision(self, name: str, *, source: str) -> DatasetWriter:
        """Return a writer of bars with known times that a data set holds from now on.

        What it held stays beside them, and is among `earlier`.

        Raises:
            InputError: There is none of this name, or another process writes to it.
        """
        before = self.dataset(name)
        meta = before.meta
        return self._writer(
            name,
            meta.kind,
            meta.instrument,
            meta.interval_ns,
            source,
            before=before,
            revised=before,
            known=PUBLISHED,
            outages=meta.outages,
        )

    def _writer(
        self,
        name: str,
        kind: str,
        instrument: Instrument,
        interval_ns: int,
        source: str,
        *,
        before: Dataset | None = None,
        replaced: DatasetMeta | None = None,
        revised: Dataset | None = None,
        published_after_ns: int = 0,
        known: str = "",
        outages: Sequence[tuple[int, int]] = (),
    ) -> DatasetWriter:
        where = self.path / name if isinstance(self.path, Path) else f"{self.path}/{name}"
        try:
            half = self._place.begun(name, None if before is None else before.files.read(META))
        except OSError as error:
            raise InputError(
                f"{where}: cannot be written ({error.strerror or error}); free some space, or "
                "choose a folder you may write to"
            ) from error
        return DatasetWriter(
            half,
            where,
            name,
            kind,
            instrument,
            interval_ns=interval_ns,
            source=source,
            published_after_ns=published_after_ns,
            known=known,
            outages=outages,
            replaced=replaced,
            revised=revised,
        )

    def earlier(self, name: str) -> list[Dataset]:
        """Return what a data set held before it was revised, in no order.

        Raises:
            InputError: There is none of this name.
            DataError: A description is damaged.
        """
        files = self.dataset(name).files
        before = [each for each in sorted(files.sizes()) if each.startswith(EARLIER)]
        return [Dataset(files, _described(files, each)) for each in before]

    def contents(self) -> dict[str, Dataset]:
        """Return all that is there by fingerprint, what data sets held before included."""
        names = self.names()
        before = (each for name in names for each in self.earlier(name))
        now = map(self.dataset, names)
        return {each.meta.fingerprint: each for each in chain(before, now)}


def _described(files: DatasetFiles, file: str) -> DatasetMeta:
    try:
        return msgspec.json.decode(files.read(file), type=DatasetMeta)
    except (msgspec.DecodeError, OSError) as error:
        raise DataError(
            f"the description is damaged ({error})",
            file=str(files.shown(file)),
            remedy="Delete its folder. Import the data again.",
        ) from error


def _check_terms(
    name: str, kind: str, published_after_ns: int, known: str, outages: Sequence[tuple[int, int]]
) -> None:
    """Check what is said of when a data set's rows are known.

    Raises:
        InputError: It is not possible, or not of this kind.
    """
    if kind not in ("trades", "bars") and (published_after_ns or known or outages):
        raise InputError(
            f"{name}: {kind} have no publication delay, known times or outages; of trades and bars "
            "alone these are known"
        )
    if not 0 <= published_after_ns <= PUBLISHED_AFTER_NS_MAX:
        raise InputError(
            f"{name}: published_after_ns {published_after_ns}; allowed: 0 … "
            f"{PUBLISHED_AFTER_NS_MAX} (3660 days)"
        )
    if known not in ("", PUBLISHED, RECEIVED):
        raise InputError(f"{name}: known {known!r}; allowed: {PUBLISHED}, {RECEIVED}, or nothing")
    if known and published_after_ns:
        raise InputError(
            f"{name}: known times and a publication delay; each row's known time counts, leave the "
            "delay out"
        )
    check_outages(name, outages)


def _check_recorded(
    columns: RecordedColumns, source: str, done: int, before_ns: int | None
) -> None:
    """Refuse rows out of order and values that no book can have; what is in it, the book judges."""
    arrival = np.asarray(columns.arrival_time_ns)
    if not len(arrival):
        return
    first = arrival[0] if before_ns is None else before_ns
    if (np.diff(arrival, prepend=first) < 0).any():
        row = int(np.argmax(np.diff(arrival, prepend=first) < 0))
        raise DataError(
            "it was received before the row above",
            file=source,
            row=done + row + 1,
            value=f"{arrival[row]} ns",
            limit=f"at least {arrival[row - 1] if row else before_ns} ns",
            remedy="Sort the rows by the time of their receipt.",
        )
    for name, low, high in _RECORDED_BOUNDS:
        values = getattr(columns, name, None)
        if values is None:
            continue
        wrong = (values < low) | (values > high)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{name} is not possible",
                file=source,
                row=done + row + 1,
                value=str(values[row]),
                limit=f"{low} … {high}",
                remedy="Correct the row, or leave it out.",
            )


def _append_judged(writer: DatasetWriter, chunks: Iterable[Chunk], rules: Rules) -> None:
    """Judge rows by the importers' rules and write them."""
    done = 0
    for each in chunks:
        chunk = {name: np.asarray(each[name], np.int64) for name in writer.columns}
        judge(chunk, rules, source=writer.source, done=done, interval_ns=writer.interval_ns)
        writer.append(chunk)
        done += len(chunk[writer.columns[0]])
    rules.finish(writer.source)


def judge(chunk: Chunk, rules: Rules, *, source: str, done: int, interval_ns: int) -> None:
    """Refuse stored columns that cannot be right, by the importers' rules.

    Args:
        chunk: The columns.
        rules: Of their kind.
        source: Named in errors.
        done: Rows before these.
        interval_ns: Length of a bar.

    Raises:
        DataError: A row cannot be right; it is named.
    """
    count = len(next(iter(chunk.values())))
    rows = np.arange(done + 1, done + count + 1, dtype=np.int64)
    defects = Defects(source, rows, set_aside=False)
    if "aggressor" in chunk:
        sides = chunk["aggressor"]
        defects.mark(
            abs(sides) > 1,
            "no side",
            lambda row: str(sides[row]),
            limit="-1, 0, 1",
        )
    elif "open_time_ns" in chunk:
        _mark_lengths(chunk, interval_ns, defects)
    rules.judge(chunk, _shown_in(chunk), defects)
    defects.settle()


def _mark_lengths(chunk: Chunk, interval_ns: int, defects: Defects) -> None:
    lengths = chunk["close_time_ns"] - chunk["open_time_ns"]
    defects.mark(
        lengths != interval_ns,
        "the bar has another length than its interval",
        lambda row: f"{lengths[row]} ns",
        limit=f"{interval_ns} ns",
    )


def _stored_trades(columns: TradeColumns, instrument: Instrument) -> Chunk:
    _check_belongs(columns.instrument, 0, instrument, 0)
    return {name: getattr(columns, name) for name in COLUMNS["trades"]}


def _stored_bars(
    columns: BarColumns, instrument: Instrument, interval_ns: int, source: str
) -> Chunk:
    _check_belongs(columns.instrument, columns.interval_ns, instrument, interval_ns)
    if columns.revision.any():
        row = int(np.argmax(columns.revision != 0))
        raise DataError(
            f"the bar that closes at {columns.close_time_ns[row]} ns is a revision",
            file=source,
            value=str(columns.revision[row]),
            limit="one version of each bar",
            remedy="Give the last version of each bar as revision 0.",
        )
    return {name: getattr(columns, name) for name in COLUMNS["bars"]}


def _check_belongs(symbol: str, length_ns: int, instrument: Instrument, interval_ns: int) -> None:
    if (symbol, length_ns) != (instrument.symbol, interval_ns):
        raise InputError(
            f"columns of {symbol}, {length_ns} ns do not belong to a data set of "
            f"{instrument.symbol}, {interval_ns} ns (0: trades)"
        )


def _shown_in(chunk: Chunk) -> ShownValue:
    def shown(field: str, row: int) -> str:
        if field == "time":
            field = "open_time_ns" if "open_time_ns" in chunk else "venue_time_ns"
            return str(chunk[field][row])
        known = (_COLUMN_OF.get(field, f"{field}_ticks"), f"{field}_e12", field)
        return str(chunk[next(each for each in known if each in chunk)][row])

    return shown
