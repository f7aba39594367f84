"""Raw captures of venues' streams, and market-by-order files, as formats."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from tieout.errors import DataError, InputError
from tieout.history.captures import (
    STREAMS,
    measure_clock_offset,
    read_binance,
    read_bybit,
    read_kraken,
    read_okx,
    read_stream,
)
from tieout.history.formats.reading import Ask, Guess, Look, RecordedReading, Surety
from tieout.history.mbo import MboFile
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.captures import Capture
    from tieout.model.columns import BookColumns, OrderEventColumns, TradeColumns

__all__ = ["CAPTURES", "CaptureFormat", "MarketByOrder"]

_STAMPS: Final = "venue time as the venue stamped it; arrival as the recorder did"
_READERS: Final[Mapping[str, Callable[..., Capture]]] = {
    "binance": read_binance,
    "bybit": read_bybit,
    "kraken": read_kraken,
    "okx": read_okx,
}
_HOSTS: Final = {
    "binance": ("binance.com",),
    "bybit": ("bybit.com/v5",),
    "bybit-v2": ("stream.bybit.com/realtime",),
    "kraken": ("ws.kraken.com",),
    "okx": ("okx.com",),
    "bitmex": ("bitmex.com",),
    "bitstamp": ("bitstamp.net",),
    "coinbase": ("pro.coinbase.com",),
    "deribit": ("deribit.com",),
    "gate": ("gateio.ws",),
    "huobi": ("huobi.pro",),
}
_ANY_TICK: Final = Decimal("1e-9")
_AHEAD_NS: Final = 86_400 * 10**9


class CaptureFormat:
    """Lines of one venue's stream.

    Args:
        name: The venue.
    """

    kinds = ("book", "quotes", "trades")

    def __init__(self, name: str) -> None:
        self.name = name

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the stream's address, or from the words of its messages."""
        if look.schema or not look.lines:
            return None
        for line in look.lines:
            if not line.startswith(("wss://", "ws://")):
                continue
            venue = next((v for v, hosts in _HOSTS.items() if any(h in line for h in hosts)), None)
            return (
                Guess(Surety.CONTENT, f"it was recorded from {line[:60]}")
                if venue == self.name
                else None
            )
        venue = _venue_of(look.lines)
        return (
            Guess(Surety.CONTENT, f"messages as {self.name} writes them")
            if venue == self.name
            else None
        )

    def read(self, look: Look, ask: Ask) -> RecordedReading:
        """Read the capture."""
        wanted = ask.kind or "book"
        if wanted not in self.kinds:
            raise InputError(
                f"{look.path}: kind {wanted!r} of format {self.name}; allowed: "
                f"{', '.join(self.kinds)}"
            )
        if ask.instrument_id is not None:
            raise InputError(f"{look.path}: an instrument id is for format mbo; leave it out")
        offset = ask.clock_offset_ns
        if offset is None:
            offset = self._measured(look.path, ask)
        capture = self._capture(look.path, ask, offset)
        rows: Any = getattr(capture, wanted)
        if not len(rows) or (wanted == "book" and _is_lone_snapshot(rows)):
            raise DataError(
                f"there is no row of {wanted} of {ask.instrument.venue_symbol} in it",
                file=str(look.path),
                remedy="Check --venue-symbol and --kind, or give another file.",
            )
        rule = _STAMPS
        if offset:
            rule = f"{rule}, plus {offset} ns by which its clock was behind the venue's"
        gaps: Mapping[str, int] = {}
        if wanted == "trades":
            rows, note = _in_venue_order(rows)
            rule += note
        elif wanted == "book":
            gaps = Counter(f"gap: {each.problem}" for each in capture.gaps)
        return RecordedReading(kind=wanted, chunks=[rows], time_rule=rule, counted=gaps)

    def _capture(self, path: Path, ask: Ask, offset_ns: int) -> Capture:
        options: dict[str, Any] = {"clock_offset_ns": offset_ns, "progress": ask.progress}
        if self.name in STREAMS:
            return read_stream(path, ask.instrument, venue=self.name, **options)
        return _READERS[self.name](path, ask.instrument, **options)

    def _measured(self, path: Path, ask: Ask) -> int:
        """Return the offset at which the fastest message took no time at all."""
        if self.name == "binance":
            return measure_clock_offset(path)
        # Read once with a clock far ahead, so that nothing arrives before it was sent.
        least = self._capture(path, ask, _AHEAD_NS).least_latency_ns
        if least is None:
            raise DataError(
                "no message says when it was sent",
                file=str(path),
                remedy="Give the clock's offset in ns.",
            )
        return max(0, -least)


CAPTURES: Final = tuple(CaptureFormat(name) for name in (*_READERS, *STREAMS))
"""Every venue's captures."""


class MarketByOrder:
    """A DBN file of single orders."""

    name = "mbo"
    kinds = ("orders",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the header."""
        if not look.path.name.endswith((".dbn", ".dbn.zst")):
            return None
        try:
            MboFile(look.path, instrument="any", tick_size=_ANY_TICK)
        except DataError:
            return None
        return Guess(Surety.CONTENT, "a DBN file of single orders")

    def read(self, look: Look, ask: Ask) -> RecordedReading:
        """Begin to read the file."""
        instrument = ask.instrument
        if ask.kind not in (None, "orders"):
            raise InputError(
                f"{look.path}: kind {ask.kind!r} of format {self.name}; allowed: orders"
            )
        if instrument.lot_size != 1:
            raise InputError(
                f"{look.path}: lot {instrument.lot_size}; a market-by-order file counts whole "
                "contracts, give lot 1"
            )
        file = MboFile(
            look.path,
            instrument=instrument.symbol,
            tick_size=instrument.tick_size,
            instrument_id=ask.instrument_id,
        )
        return RecordedReading(
            kind="orders",
            chunks=_told(file.chunks(), ask.progress),
            time_rule=_STAMPS,
            counted=_Facts(file),
        )


def _venue_of(lines: list[str]) -> str | None:
    """Return whose messages these are, by their words."""
    for line in lines:
        start = min((at for at in (line.find("{"), line.find("[")) if at >= 0), default=-1)
        if start < 0:
            continue
        try:
            message: Any = msgspec.json.decode(line[start:])
        except msgspec.DecodeError:
            text = line[start : start + 200]
            if '"lastUpdateId"' in text or '"e":"depthUpdate"' in text:
                return "binance"
            if '"topic":"orderbook.' in text:
                return "bybit"
            continue
        if isinstance(message, list):
            return (
                "kraken"
                if len(message) > 2 and str(message[-2]).startswith(("book-", "trade"))
                else None
            )
        if {"stream", "data"} <= message.keys() or "lastUpdateId" in message or "e" in message:
            return "binance"
        topic = str(message.get("topic", ""))
        if topic:
            return "bybit" if topic.startswith(("orderbook.", "publicTrade.")) else "bybit-v2"
        if isinstance(message.get("arg"), dict) and "instId" in message["arg"]:
            return "okx"
    return None


def _is_lone_snapshot(rows: BookColumns) -> bool:
    """Whether nothing came after the first snapshot, which may not even say whose it is."""
    told = (rows.kind == int(BookKind.CLEAR)) | (rows.kind == int(BookKind.SNAPSHOT))
    return bool(told.all() and rows.arrival_time_ns[0] == rows.arrival_time_ns[-1])


def _in_venue_order(trades: TradeColumns) -> tuple[TradeColumns, str]:
    """Put trades into the venue's order, and number them anew where their ids do not ascend."""
    note = ""
    when = trades.venue_time_ns
    order = np.argsort(when, kind="stable")
    if (np.diff(when) < 0).any():
        moved = int((order != np.arange(len(order))).sum())
        note += f"; {moved:,} trades came after later ones and stand in the venue's order"
    columns = {
        name: getattr(trades, name)[order]
        for name in type(trades).__slots__
        if name != "instrument"
    }
    if (np.diff(columns["trade_id"]) <= 0).any():
        columns["trade_id"] = np.arange(1, len(trades) + 1, dtype=np.int64)
        note += "; the venue's ids do not ascend, trades are numbered"
    return replace(trades, **columns), note


def _told(
    chunks: Iterator[OrderEventColumns], progress: Progress | None
) -> Iterator[OrderEventColumns]:
    done = 0
    for each in chunks:
        yield each
        done += len(each)
        if progress is not None:
            progress(done, None)


class _Facts(dict[str, int]):
    """What was not taken as it stood; known once the file is read to its end."""

    def __init__(self, file: MboFile) -> None:
        super().__init__()
        self._file = file

    def items(self) -> Any:  # noqa: ANN401 - a view of another dictionary
        """Return the counts that are not zero."""
        counted = asdict(self._file.facts)
        named = ("aggressor_fills", "empty_records", "unsure_arrivals", "gaps")
        return {each.replace("_", " "): counted[each] for each in named if counted[each]}.items()
