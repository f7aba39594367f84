"""DBN files of one instrument: top of book (mbp-1, tbbo), trades, and bars (ohlcv).

A file is a header and records of one length, all of one schema; prices are 10⁻⁹, times ns UTC. Bars
are stamped at their open. A market-by-order file is read by the format `mbo`.

Source: databento.com/docs, "Databento Binary Encoding".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from tieout.errors import DataError, InputError
from tieout.history._files import Part
from tieout.history._stamps import StampReader
from tieout.history.formats.reading import Ask, Guess, Look, Surety, TableReading
from tieout.history.mbo import opened_dbn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Dbn"]

_HEAD: Final[list[tuple[str, str]]] = [
    ("length", "u1"),
    ("type", "u1"),
    ("publisher", "<u2"),
    ("instrument", "<u4"),
    ("event", "<u8"),
]
_TRADE: Final[list[tuple[str, str]]] = [
    *_HEAD,
    ("price", "<i8"),
    ("size", "<u4"),
    ("action", "u1"),
    ("side", "u1"),
    ("flags", "u1"),
    ("depth", "u1"),
    ("received", "<u8"),
    ("delta", "<i4"),
    ("sequence", "<u4"),
]
_TOP: Final[list[tuple[str, str]]] = [
    *_TRADE,
    ("bid", "<i8"),
    ("ask", "<i8"),
    ("bid_size", "<u4"),
    ("ask_size", "<u4"),
    ("bid_count", "<u4"),
    ("ask_count", "<u4"),
]
_BAR: Final[list[tuple[str, str]]] = [
    *_HEAD,
    ("open", "<i8"),
    ("high", "<i8"),
    ("low", "<i8"),
    ("close", "<i8"),
    ("volume", "<u8"),
]
_SCHEMAS: Final[dict[int, tuple[str, list[tuple[str, str]], tuple[int, ...], int]]] = {
    1: ("mbp-1", _TOP, (0x01,), 0),
    3: ("tbbo", _TOP, (0x01,), 0),
    4: ("trades", _TRADE, (0x00,), 0),
    5: ("ohlcv-1s", _BAR, (0x20,), 10**9),
    6: ("ohlcv-1m", _BAR, (0x21,), 60 * 10**9),
    7: ("ohlcv-1h", _BAR, (0x22,), 3600 * 10**9),
    8: ("ohlcv-1d", _BAR, (0x23,), 86_400 * 10**9),
}
"""Number to name, record, its types, and the length of a bar."""
_TS_OUT_AT: Final = {1: 52, 2: 44, 3: 44}
_RECORDS: Final = 1 << 17
_NONE: Final = 2**63 - 1
_CODES: Final = {ord("B"): 1, ord("A"): -1, ord("N"): 0}


class Dbn:
    """A file whose header names one of the schemas."""

    name = "dbn"
    kinds = ("quotes", "trades", "bars")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the header."""
        if not look.path.name.endswith((".dbn", ".dbn.zst")):
            return None
        try:
            schema = _schema(look.path)[0]
        except DataError:
            return None
        if schema not in _SCHEMAS:
            return None
        return Guess(Surety.CONTENT, f"a DBN file of {_SCHEMAS[schema][0]}")

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        file = str(look.path)
        schema, kind_of_record = _schema(look.path)
        if schema not in _SCHEMAS:
            raise DataError(
                "has another schema",
                file=file,
                value=f"number {schema}",
                limit=", ".join(each[0] for each in _SCHEMAS.values()),
                remedy="A market-by-order file is read with --format mbo.",
            )
        name, _, types, length = _SCHEMAS[schema]
        kinds = ("bars",) if length else ("trades",) if schema == 4 else ("quotes", "trades")
        kind = ask.kind or kinds[0]
        if kind not in kinds:
            raise InputError(f"{file}: kind {kind!r}; of {name}: {', '.join(kinds)}")
        columns = {
            "bars": {"time": "event", **{n: n for n in ("open", "high", "low", "close", "volume")}},
            "trades": {"time": "event", "price": "price", "quantity": "size", "side": "side"},
            "quotes": {
                "time": "event",
                "arrival": "received",
                "bid": "bid",
                "bid_quantity": "bid_size",
                "ask": "ask",
                "ask_quantity": "ask_size",
            },
        }
        return TableReading(
            kind=kind,
            parts=_parts(look.path, kind_of_record, types, kind, ask),
            columns=columns[kind],
            stamps=StampReader(file, form="ns"),
            arrivals=StampReader(file, form="ns") if kind == "quotes" else None,
            interval_ns=length,
            stamp="open" if length else None,
            stamp_why="DBN stamps a bar at its open",
            notes=(f"DBN {name}",),
        )


def _schema(path: Path) -> tuple[int, np.dtype[Any]]:
    with opened_dbn(path) as stream:
        schema, _, kind = _header(stream, path)
    return schema, kind


def _header(stream: BinaryIO, path: Path) -> tuple[int, int, np.dtype[Any]]:
    start = _read(stream, 8, path)
    if len(start) < 8 or start[:3] != b"DBN" or start[3] not in _TS_OUT_AT:
        raise _damaged(path, "is no DBN file of a version known here")
    length = struct.unpack("<I", start[4:])[0]
    if not 100 <= length <= 1 << 26:
        raise _damaged(path, "has a header of no possible length")
    header = _read(stream, length, path)
    if len(header) < length:
        raise _damaged(path, "is cut off in its header")
    schema = int(struct.unpack_from("<H", header, 16)[0])
    fields = _SCHEMAS[schema][1] if schema in _SCHEMAS else _HEAD
    sent = [("sent", "<u8")] if header[_TS_OUT_AT[start[3]]] else []
    return schema, length, np.dtype(fields + sent)


def _parts(
    path: Path, record: np.dtype[Any], types: tuple[int, ...], kind: str, ask: Ask
) -> Iterator[Part]:
    done, chosen = 0, ask.instrument_id
    with opened_dbn(path) as stream:
        _header(stream, path)
        while data := _read(stream, _RECORDS * record.itemsize, path):
            if len(data) % record.itemsize:
                raise _damaged(path, "is cut off within a record")
            records = np.frombuffer(data, record)
            rows = np.arange(done + 1, done + len(records) + 1, dtype=np.int64)
            done += len(records)
            wrong = (records["length"] != record.itemsize // 4) | ~np.isin(records["type"], types)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    "is a record of another kind",
                    file=str(path),
                    row=int(rows[row]),
                    value=f"type {records['type'][row]:#x}",
                    limit=f"type {types[0]:#x}, {record.itemsize} bytes",
                    remedy="Give a file of one schema.",
                )
            ids = np.unique(records["instrument"])
            chosen = int(ids[0]) if chosen is None else chosen
            if ask.instrument_id is None and (len(ids) > 1 or int(ids[0]) != chosen):
                raise InputError(
                    f"{path}: several instruments; say which with --instrument-id, one of "
                    f"{', '.join(map(str, ids[:8]))}"
                )
            keep = records["instrument"] == chosen
            if kind == "trades":
                keep &= records["action"] == ord("T")
            yield Part(_table(records[keep], kind), rows[keep])
            if ask.progress:
                ask.progress(done, None)


def _table(records: NDArray[Any], kind: str) -> pa.Table:
    def price(name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        words = np.column_stack((records[name], np.where(records[name] < 0, -1, 0)))
        nothing = records[name] == _NONE
        words[nothing] = 0
        buffers = [None, pa.py_buffer(np.ascontiguousarray(words).tobytes())]
        decimals = pa.Array.from_buffers(pa.decimal128(38, 9), len(records), buffers)
        return decimals.cast(pa.string())

    def whole(name: str) -> Any:  # noqa: ANN401
        return pa.array(records[name])

    table = {"event": whole("event")}
    match kind:
        case "bars":
            table |= {name: price(name) for name in ("open", "high", "low", "close")}
            table["volume"] = whole("volume")
        case "trades":
            sides = np.full(256, 9, np.int64)
            for letter, code in _CODES.items():
                sides[letter] = code
            table |= {"price": price("price"), "size": whole("size")}
            table["side"] = pa.array(sides[records["side"]])
        case _:
            table |= {name: price(name) for name in ("bid", "ask")}
            table |= {name: whole(name) for name in ("received", "bid_size", "ask_size")}
    return pa.table(table)


def _read(stream: BinaryIO, size: int, path: Path) -> bytes:
    found = bytearray()
    try:
        while len(found) < size:
            more = stream.read(size - len(found))
            if not more:
                break
            found += more
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, "is damaged or cut off") from error
    return bytes(found)


def _damaged(path: Path, problem: str) -> DataError:
    return DataError(problem, file=str(path), remedy="Fetch it again.")
