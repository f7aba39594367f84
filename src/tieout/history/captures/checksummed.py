"""Captures of venues that send a checksum of their best levels with every change: Kraken, OKX.

The checksum is over the venue's own text of prices and sizes, so the levels are kept as text here.
Where it does not agree, the book is not the venue's: a gap, until the next snapshot.

Source: Kraken, "Book checksum" (WebSocket API v1); OKX, "Checksum" of the book channel (v5).
"""

from __future__ import annotations

from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from tieout.history.captures.lines import read_lines
from tieout.history.captures.rows import RowBuilder, milliseconds
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.captures.lines import Line
    from tieout.history.captures.rows import Capture
    from tieout.model.instruments import Instrument

__all__ = ["kraken_checksum", "okx_checksum", "read_kraken", "read_okx"]

Level = tuple[str, str]


def kraken_checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Return the CRC32 of the ten best asks, then bids, without points and leading zeros.

    Levels are (price, size) as the venue wrote them, best first.
    """
    text = "".join(
        each.replace(".", "").lstrip("0")
        for side in (asks[:10], bids[:10])
        for level in side
        for each in level
    )
    return crc32(text.encode())


def okx_checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Return the signed CRC32 of the 25 best bids and asks in turn, joined by colons.

    Levels are (price, size) as the venue wrote them, best first.
    """
    words: list[str] = []
    for place in range(25):
        for side in (bids, asks):
            if place < len(side):
                words += side[place]
    found = crc32(":".join(words).encode())
    return found - (1 << 32) if found >= 1 << 31 else found


def read_kraken(
    path: Path,
    instrument: Instrument,
    *,
    clock_offset_ns: int = 0,
    progress: Progress | None = None,
) -> Capture:
    """Read the book and trades of one pair (`venue_symbol`, e.g. `XMR/USD`) from a v1 capture.

    Args:
        path: The capture.
        instrument: Whose pair, tick and lot.
        clock_offset_ns: Venue's clock minus the recorder's.
        progress: Called with bytes read, and in total.

    Raises:
        DataError: A line cannot be read, lies off the tick or lot, or arrived before it was sent.
    """
    return _read(path, instrument, _kraken_messages, kraken_checksum, clock_offset_ns, progress)


def read_okx(
    path: Path,
    instrument: Instrument,
    *,
    clock_offset_ns: int = 0,
    progress: Progress | None = None,
) -> Capture:
    """Read the book (`books`) and trades of one instrument (`venue_symbol`) from a v5 capture.

    Args:
        path: The capture.
        instrument: Whose id, tick and lot.
        clock_offset_ns: Venue's clock minus the recorder's.
        progress: Called with bytes read, and in total.

    Raises:
        DataError: A line cannot be read, lies off the tick or lot, or arrived before it was sent.
    """
    return _read(path, instrument, _okx_messages, okx_checksum, clock_offset_ns, progress)


class _Change(msgspec.Struct, frozen=True):
    """A snapshot or change of a book, in words of both venues.

    Attributes:
        is_snapshot: Whether all levels are there.
        bids, asks: Price and size stand first in each.
        checksum: What the venue says; None: nothing.
        depth: Levels a side that the venue keeps up to date; None: all.
        time_ns: The venue's.
    """

    is_snapshot: bool
    bids: list[list[str]]
    asks: list[list[str]]
    checksum: int | None
    depth: int | None
    time_ns: int


class _Print(msgspec.Struct, frozen=True):
    """A trade."""

    price: str
    quantity: str
    aggressor: int
    trade_id: int
    time_ns: int


def _read(
    path: Path,
    instrument: Instrument,
    messages: Callable[[Line, RowBuilder, str], Iterator[_Change | _Print]],
    checksum: Callable[[Sequence[Level], Sequence[Level]], int],
    clock_offset_ns: int,
    progress: Progress | None,
) -> Capture:
    builder = RowBuilder(str(path), instrument, clock_offset_ns=clock_offset_ns)
    book = _TextBook(builder, checksum)
    for line in read_lines(path, progress):
        try:
            for each in messages(line, builder, instrument.venue_symbol):
                arrival_ns = builder.arrival(line.received_ns, each.time_ns, line.row)
                if isinstance(each, _Change):
                    book.take(each, line.row, arrival_ns)
                else:
                    builder.add_trade(
                        price=each.price,
                        quantity=each.quantity,
                        aggressor=each.aggressor,
                        trade_id=each.trade_id,
                        venue_time_ns=each.time_ns,
                        arrival_ns=arrival_ns,
                        row=line.row,
                    )
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
            raise builder.fault("a message lacks a field", line.row, repr(error)) from error
    return builder.finish()


class _TextBook:
    """The levels as the venue wrote them, and whether they are still the venue's."""

    def __init__(
        self, builder: RowBuilder, checksum: Callable[[Sequence[Level], Sequence[Level]], int]
    ) -> None:
        self._builder = builder
        self._checksum = checksum
        self._sides: dict[int, dict[int, Level]] = {1: {}, -1: {}}
        self._is_known = False
        self._newest_ns = 0

    def take(self, change: _Change, row: int, arrival_ns: int) -> None:
        """Take one message: its rows if it agrees, else a gap."""
        builder = self._builder
        if not (change.is_snapshot or self._is_known):
            return
        # A change may carry older times of its levels: the book's time does not turn back.
        self._newest_ns = max(self._newest_ns, change.time_ns)
        times = {"venue_time_ns": self._newest_ns, "arrival_ns": arrival_ns}
        kind = BookKind.SNAPSHOT if change.is_snapshot else BookKind.LEVEL
        if change.is_snapshot:
            self._sides = {1: {}, -1: {}}
        rows = []
        for side, pairs in ((1, change.bids), (-1, change.asks)):
            levels = builder.levels(side, pairs, kind=kind, row=row)
            for level, pair in zip(levels, pairs, strict=True):
                _, _, ticks, lots = level
                if lots:
                    self._sides[side][ticks] = (pair[0], pair[1])
                else:
                    self._sides[side].pop(ticks, None)
            rows.append(levels + self._cut(side, change.depth))
        found = self._checksum(self._best(1), self._best(-1))
        if change.checksum is not None and change.checksum != found:
            builder.add_gap(
                row=row, problem="checksum", expected=change.checksum, found=found, **times
            )
            self._is_known = False
            return
        self._is_known = True
        if change.is_snapshot:
            builder.add_snapshot(rows[0], rows[1], book_id=0, **times)
        else:
            builder.add_levels(rows[0] + rows[1], book_id=0, **times)

    def _best(self, side: int) -> list[Level]:
        levels = self._sides[side]
        best = nlargest(25, levels) if side > 0 else nsmallest(25, levels)
        return [levels[ticks] for ticks in best]

    def _cut(self, side: int, depth: int | None) -> list[tuple[int, int, int, int]]:
        """Take away the levels that the venue no longer tells of, being too far from the best."""
        levels = self._sides[side]
        if depth is None or len(levels) <= depth:
            return []
        beyond = sorted(levels, reverse=side > 0)[depth:]
        for ticks in beyond:
            del levels[ticks]
        return [(int(BookKind.LEVEL), side, ticks, 0) for ticks in beyond]


def _kraken_messages(line: Line, _: RowBuilder, pair: str) -> Iterator[_Change | _Print]:
    message = line.message
    if not isinstance(message, list) or message[-1] != pair:
        return
    name = str(message[-2])
    if name == "trade":
        for price, quantity, time, side, *_ in message[1]:
            time_ns = _seconds(time)
            yield _Print(price, quantity, {"b": 1, "s": -1}[side], time_ns, time_ns)
    elif name.startswith("book-"):
        told: dict[str, Any] = {}
        for part in message[1:-2]:
            told |= part
        is_snapshot = "as" in told
        bids = told.get("bs" if is_snapshot else "b", [])
        asks = told.get("as" if is_snapshot else "a", [])
        stamps = [_seconds(each[2]) for each in (*bids, *asks)]
        if stamps:
            yield _Change(
                is_snapshot=is_snapshot,
                bids=bids,
                asks=asks,
                checksum=int(told["c"]) if "c" in told else None,
                depth=int(name.removeprefix("book-")),
                time_ns=max(stamps),
            )


def _okx_messages(line: Line, builder: RowBuilder, name: str) -> Iterator[_Change | _Print]:
    message = line.message
    if not isinstance(message, dict) or "data" not in message or message["arg"]["instId"] != name:
        return
    channel = message["arg"]["channel"]
    for data in message["data"]:
        if channel == "trades":
            yield _Print(
                data["px"],
                data["sz"],
                {"buy": 1, "sell": -1}[data["side"]],
                int(data["tradeId"]),
                milliseconds(data["ts"], builder, line.row),
            )
        elif channel == "books":
            yield _Change(
                is_snapshot=message["action"] == "snapshot",
                bids=data["bids"],
                asks=data["asks"],
                checksum=int(data["checksum"]) if "checksum" in data else None,
                depth=None,
                time_ns=milliseconds(data["ts"], builder, line.row),
            )


def _seconds(text: str) -> int:
    """Return seconds with a fraction, as text, in nanoseconds."""
    whole, _, fraction = text.partition(".")
    return int(whole) * 1_000_000_000 + int(f"{fraction:0<9}"[:9])
