"""hftbacktest's .npz files: depth, trades and snapshots with both times in one array.

Each row: ev (flags and kind), exch_ts, local_ts (ns), px, qty (float), order_id, ival, fval. Rows
that only the exchange saw in this place are there twice; those that the recorder saw are taken, in
their order.

Source: hftbacktest's documentation, "Data", and its types.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tieout.errors import DataError, InputError
from tieout.history.formats.books import Levels, book_of, steps_of
from tieout.history.formats.reading import Ask, Guess, Look, RecordedReading, Surety
from tieout.model.columns import BookKind, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["HftBacktest"]

_DEPTH, _TRADE, _CLEAR, _SNAPSHOT = 1, 2, 3, 4
_LOCAL: Final = 1 << 30
_BUY: Final = 1 << 29
_SELL: Final = 1 << 28
_KIND_BITS: Final = 0xFF
_NEEDED: Final = {
    "ev": "<u8",
    "exch_ts": "<i8",
    "local_ts": "<i8",
    "px": "<f8",
    "qty": "<f8",
}
_TIME_MIN: Final = 631_152_000 * 10**9
_TIME_MAX: Final = 4_102_444_800 * 10**9
_ROWS: Final = 1 << 18
_BYTES_MAX: Final = 1 << 36


class HftBacktest:
    """An array named `data` in an .npz file."""

    name = "hftbacktest"
    kinds = ("book", "trades")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess where the zip holds data.npy with the fields of an event."""
        if "data.npy" not in look.members:
            return None
        if look.members[0] == "data.npy" and b"exch_ts" not in look.head[:1024]:
            return None
        return Guess(Surety.CONTENT, "an array of events with exch_ts and local_ts")

    def read(self, look: Look, ask: Ask) -> RecordedReading:
        """Read the file."""
        file = str(look.path)
        kind = ask.kind or "book"
        if kind not in self.kinds:
            raise InputError(f"{file}: kind {kind!r}; of {self.name}: {', '.join(self.kinds)}")
        events = _events(look.path)
        number = np.arange(1, len(events) + 1, dtype=np.int64)
        seen = (events["ev"] & _LOCAL) != 0
        events, number = events[seen], number[seen]
        _check(events, number, file)
        counted: dict[str, int] = {}
        left_out = int((~seen).sum())
        if left_out:
            counted["rows for the exchange's order alone"] = left_out
        rule = "stamps are ns since 1970, UTC; arrival as the recorder stamped it"
        if kind == "trades":
            chunks: Any = iter((_trades(events, number, ask, file),))
        else:
            chunks = book_of(_levels(events, number), ask.instrument, file)
        return RecordedReading(kind=kind, chunks=chunks, time_rule=rule, counted=counted)


def _events(path: Path) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            events: NDArray[Any] = archive["data"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, SyntaxError) as error:
        raise _damaged(path, str(error)) from error
    except Exception as error:
        # What a damaged header or stream raises is the business of numpy and zlib.
        if isinstance(error, MemoryError) or type(error).__module__ in ("zlib", "tokenize"):
            raise _damaged(path, str(error)) from error
        raise
    have = (
        {} if events.dtype.names is None else {n: events.dtype[n].str for n in events.dtype.names}
    )
    if events.ndim != 1 or any(have.get(name) != kind for name, kind in _NEEDED.items()):
        raise DataError(
            "the array is none of events",
            file=str(path),
            value=str(events.dtype)[:120],
            limit=", ".join(f"{name} {kind}" for name, kind in _NEEDED.items()),
            remedy="Give a file that hftbacktest wrote.",
        )
    return events


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"is no whole .npz ({(reason.splitlines() or [''])[0][:160]})",
        file=str(path),
        remedy="It may be cut off; fetch it again.",
    )


def _check(events: NDArray[Any], number: NDArray[np.int64], file: str) -> None:
    kind = events["ev"] & _KIND_BITS
    for wrong, problem, shown in (
        ((kind < _DEPTH) | (kind > _SNAPSHOT), "the event is of no known kind", "ev"),
        (_no_time(events["exch_ts"]), "exch_ts is no time", "exch_ts"),
        (_no_time(events["local_ts"]), "local_ts is no time", "local_ts"),
        (
            (kind != _TRADE) & (kind != _CLEAR) & ((events["ev"] & (_BUY | _SELL)) == 0),
            "the level has no side",
            "ev",
        ),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                problem,
                file=file,
                row=int(number[row]),
                value=str(events[shown][row]),
                remedy="Give a file that hftbacktest wrote.",
            )


def _no_time(times: NDArray[np.int64]) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = (times < _TIME_MIN) | (times > _TIME_MAX)
    return wrong


def _sides(events: NDArray[Any]) -> NDArray[np.int64]:
    buys, sells = (events["ev"] & _BUY) != 0, (events["ev"] & _SELL) != 0
    sides: NDArray[np.int64] = buys.astype(np.int64) - sells.astype(np.int64)
    return sides


def _levels(events: NDArray[Any], number: NDArray[np.int64]) -> Iterator[Levels]:
    kinds = np.zeros(_KIND_BITS + 1, np.int64)
    kinds[_DEPTH], kinds[_TRADE] = BookKind.LEVEL, BookKind.TRADE
    kinds[_CLEAR], kinds[_SNAPSHOT] = BookKind.CLEAR, BookKind.SNAPSHOT
    local, venue = events["local_ts"], events["exch_ts"]
    change = (np.diff(local, prepend=0) != 0) | (np.diff(venue, prepend=0) != 0)
    kind = kinds[events["ev"] & _KIND_BITS]
    # A snapshot and the changes that follow it in the same instant are two events.
    change[1:] |= (kind[1:] == BookKind.LEVEL) & (kind[:-1] == BookKind.SNAPSHOT)
    update = np.cumsum(change)
    clear = kind == BookKind.CLEAR
    for start in range(0, len(events), _ROWS):
        part = slice(start, start + _ROWS)
        yield Levels(
            venue_time_ns=venue[part],
            arrival_time_ns=local[part],
            kind=kind[part],
            side=_sides(events[part]),
            price=pa.array(np.where(clear[part], 0.0, events["px"][part])),
            size=pa.array(np.where(clear[part], 0.0, events["qty"][part])),
            update=update[part],
            rows=number[part],
        )


def _trades(events: NDArray[Any], number: NDArray[np.int64], ask: Ask, file: str) -> TradeColumns:
    chosen = (events["ev"] & _KIND_BITS) == _TRADE
    trades, rows = events[chosen], number[chosen]
    # In the exchange's order, as trades are stored.
    order = np.argsort(trades["exch_ts"], kind="stable")
    trades, rows = trades[order], rows[order]
    instrument = ask.instrument
    return TradeColumns(
        instrument.symbol,
        np.ascontiguousarray(trades["exch_ts"]),
        np.ascontiguousarray(trades["local_ts"]),
        steps_of(pa.array(trades["px"]), instrument.tick_size, "a price", rows, file),
        steps_of(pa.array(trades["qty"]), instrument.lot_size, "a quantity", rows, file),
        _sides(trades).astype(np.int8),
        np.arange(1, len(trades) + 1, dtype=np.int64),
    )
