"""Market-by-order files of the DBN format as rows of single orders.

One record type is read, with numpy, from a file that is zstd-compressed or plain; the format is
public and fixed, so no package of its vendor is needed.

    file       "DBN" | version u8 | length u32 | header of that length | records
    header     dataset 16 bytes | schema u16 (0: market by order) | …
    record     length u8, in words of 4 | type u8 (0xA0) | publisher u16 | instrument u32
               | ts_event u64 | order id u64 | price i64, 10⁻⁹ | size u32 | flags u8 | channel u8
               | action | side | ts_recv u64 | ts_in_delta i32 | sequence u32 [| ts_out u64]

What a row becomes: `ts_event` is its venue time, `ts_recv` its arrival. A run of snapshot records
is one event, whole after its last record. A fill record of the order that a print names as its
aggressor tells of no resting order and is left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from tieout.errors import DataError, InputError
from tieout.model.columns import OrderAction, OrderEventColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MboFacts", "MboFile", "opened_dbn"]

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_VERSIONS: Final = (1, 2, 3)
_MBO_SCHEMA: Final = 0
_MBO_TYPE: Final = 0xA0
_FIXED_HEADER_BYTES: Final = 100
_TS_OUT_AT: Final = {1: 52, 2: 44, 3: 44}
_HEADER_BYTES_MAX: Final = 1 << 26
_CHUNK_RECORDS: Final = 1 << 18
_NANO: Final = 10**9
_LAST_FLAG, _SNAPSHOT_FLAG, _BAD_RECEIVE_FLAG, _BAD_BOOK_FLAG = 128, 32, 8, 4
_TIME_MAX: Final = 2**62

_FIELDS: Final[list[tuple[str, str]]] = [
    ("length", "u1"),
    ("type", "u1"),
    ("publisher", "<u2"),
    ("instrument", "<u4"),
    ("event", "<u8"),
    ("order", "<u8"),
    ("price", "<i8"),
    ("size", "<u4"),
    ("flags", "u1"),
    ("channel", "u1"),
    ("action", "u1"),
    ("side", "u1"),
    ("received", "<u8"),
    ("delta", "<i4"),
    ("sequence", "<u4"),
]
_COLUMNS: Final = (
    "venue_time_ns",
    "arrival_time_ns",
    "action",
    "side",
    "price_ticks",
    "lots",
    "order_id",
    "last",
)
_ACTIONS: Final = {
    ord("A"): OrderAction.ADD,
    ord("M"): OrderAction.MODIFY,
    ord("C"): OrderAction.CANCEL,
    ord("F"): OrderAction.FILL,
    ord("T"): OrderAction.TRADE,
    ord("R"): OrderAction.CLEAR,
}
_NOTHING: Final = ord("N")
"""An action that changes nothing, and a side that is none."""
_SIDES: Final = {ord("B"): 1, ord("A"): -1, _NOTHING: 0}


@dataclass(slots=True)
class MboFacts:
    """What was read, and what of it was not taken as it stood.

    Attributes:
        records: Records of the instrument.
        snapshot_records: Those of a snapshot.
        aggressor_fills: Fill records of the order that a print names as its aggressor, left out.
        empty_records: Records without an action, left out.
        unsure_arrivals: Records whose time of receipt the vendor does not vouch for.
        gaps: Records after which the vendor does not vouch for the book.
    """

    records: int = 0
    snapshot_records: int = 0
    aggressor_fills: int = 0
    empty_records: int = 0
    unsure_arrivals: int = 0
    gaps: int = 0


class MboFile:
    """One instrument's records of a market-by-order file.

    Args:
        path: The file, `.dbn.zst` or `.dbn`, told by its first bytes.
        instrument: Symbol that the rows are to have.
        tick_size: Size of a tick; every price is a multiple of it.
        instrument_id: The vendor's number, needed when the file holds several instruments.

    Attributes:
        facts: Complete once `chunks` has been read to its end.

    Raises:
        InputError: There is no such file, or the tick size is none.
        DataError: It is no market-by-order file of a version known here.
    """

    def __init__(
        self,
        path: Path,
        *,
        instrument: str,
        tick_size: Decimal,
        instrument_id: int | None = None,
    ) -> None:
        tick = tick_size * _NANO
        if tick <= 0 or tick != int(tick):
            raise InputError(
                f"{instrument}: tick size {tick_size}; allowed: a positive multiple of 10⁻⁹"
            )
        if not path.is_file():
            raise InputError(f"{path}: no such file; check the path")
        self.facts = MboFacts()
        self._path = path
        self._instrument = instrument
        self._tick = int(tick)
        self._instrument_id = instrument_id
        self._arrived = 0
        self._aggressor = 0
        with opened_dbn(path) as stream:
            self._read_header(stream)

    def chunks(self, records: int = _CHUNK_RECORDS) -> Iterator[OrderEventColumns]:
        """Yield the rows in order of arrival; a chunk ends with a whole book, but for the last.

        Args:
            records: Read at a time; more are held while an event or a snapshot goes on.

        Raises:
            DataError: A record cannot be right; the message has its number, from 1.
        """
        self.facts = MboFacts()
        self._arrived, self._aggressor = 0, 0
        held = np.empty(0, self._kind)
        number = 0
        with opened_dbn(self._path) as stream:
            self._read_header(stream)
            while True:
                new = self._read_records(stream, records, number)
                self._check(new, number)
                number += len(new)
                held = np.concatenate((held, new[self._chosen(new)]))
                if not len(new):
                    break
                ends = np.flatnonzero(_whole_after(held["flags"])[:-1])
                whole = int(ends[-1]) + 1 if len(ends) else 0
                if whole:
                    yield from self._rows(held[:whole], number - len(held))
                    held = held[whole:]
        if len(held):
            yield from self._rows(held, number - len(held))

    def read(self) -> OrderEventColumns:
        """Return all rows at once.

        Raises:
            DataError: A record cannot be right, or the file has none of the instrument.
        """
        parts = list(self.chunks())
        if not parts:
            raise self._wrong("holds no records", remedy="Give another file.")
        return OrderEventColumns(
            self._instrument,
            *(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS),
        )

    # -- bytes --------------------------------------------------------------------------------

    def _read_header(self, stream: BinaryIO) -> None:
        start = self._read(stream, 8, 0)
        if len(start) < 8 or start[:3] != b"DBN":
            raise self._wrong("is no DBN file", value=repr(start[:4]), limit="DBN")
        version, length = start[3], struct.unpack("<I", start[4:])[0]
        if version not in _VERSIONS:
            raise self._wrong("has an unknown version", value=str(version), limit="1, 2, 3")
        if not _FIXED_HEADER_BYTES <= length <= _HEADER_BYTES_MAX:
            raise self._wrong("has a header of no possible length", value=f"{length} bytes")
        header = self._read(stream, length, 0)
        if len(header) < length:
            raise self._wrong("is cut off in its header", remedy="Fetch it again.")
        schema = struct.unpack_from("<H", header, 16)[0]
        if schema != _MBO_SCHEMA:
            raise self._wrong(
                "has another schema", value=f"number {schema}", limit="0, market by order"
            )
        sent = [("sent", "<u8")] if header[_TS_OUT_AT[version]] else []
        self._kind = np.dtype(_FIELDS + sent)

    def _read_records(self, stream: BinaryIO, most: int, number: int) -> NDArray[Any]:
        data = self._read(stream, most * self._kind.itemsize, number)
        whole, rest = divmod(len(data), self._kind.itemsize)
        if rest:
            # What comes before may be of another kind, which is the better thing to say.
            self._check(np.frombuffer(data[: len(data) - rest], self._kind), number)
            record = number + whole + 1
            raise self._wrong("is cut off within a record", row=record, remedy="Fetch it again.")
        return np.frombuffer(data, self._kind)

    def _read(self, stream: BinaryIO, size: int, number: int) -> bytes:
        """Read so many bytes, or what is left."""
        found = bytearray()
        try:
            while len(found) < size:
                more = stream.read(size - len(found))
                if not more:
                    break
                found += more
        except (OSError, pa.ArrowException) as error:
            raise self._wrong(
                "is damaged or cut off", row=number + 1, value=type(error).__name__
            ) from error
        return bytes(found)

    # -- records ------------------------------------------------------------------------------

    def _check(self, records: NDArray[Any], before: int) -> None:
        """Refuse records of another kind before anything is made of their bytes."""
        self._refuse(
            (records["type"] != _MBO_TYPE) | (records["length"] != self._kind.itemsize // 4),
            before,
            "is no market-by-order record",
            lambda row: f"type {records['type'][row]:#x}, {int(records['length'][row]) * 4} bytes",
            f"type {_MBO_TYPE:#x}, {self._kind.itemsize} bytes",
        )

    def _chosen(self, records: NDArray[Any]) -> NDArray[np.bool_]:
        if self._instrument_id is None and len(records):
            self._instrument_id = int(records["instrument"][0])
        chosen: NDArray[np.bool_] = records["instrument"] == self._instrument_id
        return chosen

    def _rows(self, records: NDArray[Any], before: int) -> Iterator[OrderEventColumns]:
        """Make rows of whole events; `before` is the number of the record before the first."""
        self._count(records)
        keep = self._kept(records)
        last = _whole_after(records["flags"])
        # A record that is left out may have been the one that made the book whole.
        places = np.flatnonzero(keep)
        if not len(places):
            return
        for row in np.flatnonzero(last & ~keep):
            earlier = places[places < row]
            if len(earlier):
                last[earlier[-1]] = True
        action = self._coded(records["action"], _ACTIONS, keep, before, "an unknown action")
        side = self._coded(records["side"], _SIDES, keep, before, "an unknown side")
        price = np.where(action == OrderAction.CLEAR, 0, records["price"])
        self._check_values(records, price, keep, before)
        yield OrderEventColumns(
            self._instrument,
            records["event"][keep].astype(np.int64),
            records["received"][keep].astype(np.int64),
            action[keep],
            side[keep],
            (price // self._tick)[keep],
            records["size"][keep].astype(np.int64),
            records["order"][keep].view(np.int64),
            last[keep],
        )

    def _count(self, records: NDArray[Any]) -> None:
        flags, facts = records["flags"], self.facts
        facts.records += len(records)
        facts.snapshot_records += int(np.count_nonzero(flags & _SNAPSHOT_FLAG))
        facts.unsure_arrivals += int(np.count_nonzero(flags & _BAD_RECEIVE_FLAG))
        facts.gaps += int(np.count_nonzero(flags & _BAD_BOOK_FLAG))

    def _kept(self, records: NDArray[Any]) -> NDArray[np.bool_]:
        """Leave out records without an action, and the aggressors' own fills."""
        action, order = records["action"], records["order"]
        nothing = action == _NOTHING
        place = np.where(action == ord("T"), np.arange(len(records)), -1)
        print_before = np.maximum.accumulate(place)
        aggressor = np.where(print_before >= 0, order[print_before], np.uint64(self._aggressor))
        own_fill = (action == ord("F")) & (order == aggressor) & (order != 0)
        self._aggressor = int(aggressor[-1])
        self.facts.empty_records += int(np.count_nonzero(nothing))
        self.facts.aggressor_fills += int(np.count_nonzero(own_fill))
        kept: NDArray[np.bool_] = ~nothing & ~own_fill
        return kept

    def _coded(
        self,
        letters: NDArray[np.uint8],
        codes: dict[int, Any],
        keep: NDArray[np.bool_],
        before: int,
        problem: str,
    ) -> NDArray[np.int8]:
        table = np.full(256, np.iinfo(np.int8).min, np.int8)
        for letter, code in codes.items():
            table[letter] = code
        found = table[letters]
        self._refuse(
            keep & (found == np.iinfo(np.int8).min),
            before,
            f"has {problem}",
            lambda row: repr(chr(letters[row])),
            ", ".join(chr(letter) for letter in codes),
        )
        return found

    def _check_values(
        self,
        records: NDArray[Any],
        price: NDArray[np.int64],
        keep: NDArray[np.bool_],
        before: int,
    ) -> None:
        self._refuse(
            keep & (price % self._tick != 0),
            before,
            "has a price off the tick",
            lambda row: f"{int(price[row])}·10⁻⁹",
            f"multiples of {self._tick}·10⁻⁹",
        )
        for name, what in (("event", "true"), ("received", "received")):
            self._check_times(records[name], keep, before, f"has no time it was {what}")
        received = records["received"].astype(np.int64)
        earlier = np.concatenate(([self._arrived], received[:-1]))
        self._refuse(
            received < earlier,
            before,
            "was received before the one above",
            lambda row: str(int(received[row])),
            "not before it",
        )
        self._arrived = int(received[-1])

    def _check_times(
        self, times: NDArray[np.uint64], keep: NDArray[np.bool_], before: int, problem: str
    ) -> None:
        self._refuse(
            keep & ((times == 0) | (times >= _TIME_MAX)),
            before,
            problem,
            lambda row: str(int(times[row])),
            "nanoseconds since 1970",
        )

    def _refuse(
        self,
        bad: NDArray[np.bool_],
        before: int,
        problem: str,
        value: Callable[[int], str],
        limit: str,
    ) -> None:
        rows = np.flatnonzero(bad)
        if len(rows):
            row = int(rows[0])
            raise self._wrong(problem, row=before + row + 1, value=value(row), limit=limit)

    def _wrong(
        self,
        problem: str,
        *,
        row: int | None = None,
        value: str | None = None,
        limit: str | None = None,
        remedy: str = "Give a whole market-by-order file.",
    ) -> DataError:
        return DataError(
            problem, file=str(self._path), row=row, value=value, limit=limit, remedy=remedy
        )


def _whole_after(flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return after which records the book is whole: of a run of snapshot records, the last."""
    is_snapshot = (flags & _SNAPSHOT_FLAG) != 0
    run_ends = is_snapshot.copy()
    run_ends[:-1] &= ~is_snapshot[1:]
    whole: NDArray[np.bool_] = np.where(is_snapshot, run_ends, (flags & _LAST_FLAG) != 0)
    return whole


def opened_dbn(path: Path) -> BinaryIO:
    """Open a file for reading, through a decompressor where its first bytes ask for one."""
    with path.open("rb") as file:
        is_compressed = file.read(4) == _ZSTD_MAGIC
    if is_compressed:
        stream: BinaryIO = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        return stream
    return path.open("rb")
