"""Bybit captures (public stream v5): `orderbook.N` snapshots and deltas, and `publicTrade`.

Each delta's `u` is the one before plus 1; a snapshot, or a `u` of 1 after a restart of the service,
begins anew. `cts` is the matching engine's time, `ts` when the message was made.

Source: the venue's page "Orderbook", v5 public topics.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tieout.history.captures.lines import read_lines
from tieout.history.captures.rows import RowBuilder, milliseconds
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.captures.lines import Line
    from tieout.history.captures.rows import Capture
    from tieout.model.instruments import Instrument

__all__ = ["read_bybit"]


def read_bybit(
    path: Path,
    instrument: Instrument,
    *,
    clock_offset_ns: int = 0,
    progress: Progress | None = None,
) -> Capture:
    """Read a capture of one symbol's order book and trades; other topics are skipped.

    Lines may be JSON alone, as in the venue's archives: then a message arrives when it was made.

    Args:
        path: The capture.
        instrument: `venue_symbol` names the stream.
        clock_offset_ns: Venue's clock minus the recorder's.
        progress: Called with bytes read, and in total.

    Raises:
        DataError: A line cannot be read, lies off the tick or lot, or arrived before it was sent.
    """
    reader = _Reader(RowBuilder(str(path), instrument, clock_offset_ns=clock_offset_ns))
    for line in read_lines(path, progress):
        message = line.message
        if not isinstance(message, dict):
            raise reader.builder.fault("a message is no object", line.row, str(message))
        words = str(message.get("topic", "")).split(".")
        if words[-1] != instrument.venue_symbol:
            continue
        try:
            if words[0] == "orderbook":
                reader.take_book(line, message)
            elif words[0] == "publicTrade":
                reader.take_trades(line, message)
        except (KeyError, AttributeError, TypeError) as error:
            fault = reader.builder.fault("a message lacks a field", line.row, repr(error))
            raise fault from error
    return reader.builder.finish()


class _Reader:
    """Follows one symbol's updates."""

    def __init__(self, builder: RowBuilder) -> None:
        self.builder = builder
        self._last_id: int | None = None

    def take_book(self, line: Line, message: dict[str, Any]) -> None:
        """Take a snapshot or a delta."""
        builder, data = self.builder, message["data"]
        sent_ns = milliseconds(message["ts"], builder, line.row)
        arrival_ns = builder.arrival(line.received_ns, sent_ns, line.row)
        venue_time_ns = milliseconds(message.get("cts", message["ts"]), builder, line.row)
        update = int(data["u"])
        is_snapshot = message["type"] == "snapshot" or update == 1
        kind = BookKind.SNAPSHOT if is_snapshot else BookKind.LEVEL
        bids = builder.levels(1, data["b"], kind=kind, row=line.row)
        asks = builder.levels(-1, data["a"], kind=kind, row=line.row)
        if is_snapshot:
            builder.add_snapshot(
                bids, asks, venue_time_ns=venue_time_ns, arrival_ns=arrival_ns, book_id=update
            )
        elif self._last_id is None:
            return
        elif update != self._last_id + 1:
            builder.add_gap(
                row=line.row,
                venue_time_ns=venue_time_ns,
                arrival_ns=arrival_ns,
                problem="sequence",
                expected=f"u = {self._last_id + 1}",
                found=f"u = {update}",
            )
            self._last_id = None
            return
        else:
            builder.add_levels(
                bids + asks, venue_time_ns=venue_time_ns, arrival_ns=arrival_ns, book_id=update
            )
        self._last_id = update

    def take_trades(self, line: Line, message: dict[str, Any]) -> None:
        """Take the prints of one message."""
        builder = self.builder
        sent_ns = milliseconds(message["ts"], builder, line.row)
        arrival_ns = builder.arrival(line.received_ns, sent_ns, line.row)
        for trade in message["data"]:
            builder.add_trade(
                price=trade["p"],
                quantity=trade["v"],
                aggressor={"Buy": 1, "Sell": -1}[trade["S"]],
                trade_id=_number_of(str(trade["i"])),
                venue_time_ns=milliseconds(trade["T"], builder, line.row),
                arrival_ns=arrival_ns,
                row=line.row,
            )


def _number_of(trade_id: str) -> int:
    """Return a number for a trade's id, which is one on spot and a UUID on derivatives."""
    if trade_id.isdecimal():
        return int(trade_id)
    return int.from_bytes(sha256(trade_id.encode()).digest()[:7], "big")
