"""Binance captures: diffs of a book, a snapshot to hang them on, prints and best prices.

A diff says which updates it covers, U … u. On spot the next one begins where the last ended
(U = last u + 1); on futures it names the last (pu = last u). The first diff after a snapshot with
`lastUpdateId` L covers it: U ≤ L + 1 ≤ u on spot, U ≤ L ≤ u on futures.

Source: the venue's own pages, "How to manage a local order book correctly", spot and futures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieout.errors import DataError
from tieout.history.captures.lines import read_lines, read_session
from tieout.history.captures.rows import RowBuilder, milliseconds
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.captures.lines import Line
    from tieout.history.captures.rows import Capture
    from tieout.model.instruments import Instrument

__all__ = ["measure_clock_offset", "read_binance"]


def read_binance(
    path: Path,
    instrument: Instrument,
    *,
    clock_offset_ns: int = 0,
    progress: Progress | None = None,
) -> Capture:
    """Read a capture of combined streams (depth, trade, bookTicker) and REST depth snapshots.

    Spot and futures are told apart by what the diffs carry. Messages of other symbols or kinds are
    skipped. The venue time is `T` where there is one, else `E`; a spot `bookTicker` has neither,
    so its arrival is all that is known.

    Args:
        path: The capture; a line is the recorder's nanoseconds and the message.
        instrument: `venue_symbol` names the stream; prices and sizes become its ticks and lots.
        clock_offset_ns: Venue's clock minus the recorder's; see `measure_clock_offset`.
        progress: Called with bytes read, and in total.

    Raises:
        DataError: A line cannot be read, lies off the tick or lot, or arrived before it was sent.
    """
    reader = _Reader(RowBuilder(str(path), instrument, clock_offset_ns=clock_offset_ns), instrument)
    for line in read_session(path, progress):
        if line.address and f"symbol={instrument.venue_symbol}&" not in f"{line.address}&":
            continue
        reader.take(line)
    return reader.builder.finish()


def measure_clock_offset(path: Path) -> int:
    """Return the offset at which the fastest message of a capture took no time at all, in ns.

    It is the least that the venue's clock can be ahead of the recorder's, and 0 where no message
    arrived before it was sent: then nothing says that the clocks differ.

    Raises:
        DataError: A line cannot be read, or no message says when it was sent.
    """
    least: int | None = None
    for line in read_lines(path):
        data = line.message.get("data", line.message) if isinstance(line.message, dict) else {}
        if line.received_ns is not None and isinstance(data.get("E"), int):
            latency: int = line.received_ns - data["E"] * 1_000_000
            least = latency if least is None else min(least, latency)
    if least is None:
        raise DataError(
            "no message says when it was sent",
            file=str(path),
            remedy="Name a capture of Binance streams with stamps of the recorder.",
        )
    return max(0, -least)


class _Reader:
    """Follows one symbol: which update the book stands at, and what waits for a snapshot."""

    def __init__(self, builder: RowBuilder, instrument: Instrument) -> None:
        self.builder = builder
        self._venue_symbol = instrument.venue_symbol
        self._last_id: int | None = None
        self._is_first = False
        self._prints = ""
        # Diffs that came before a snapshot, or since a gap: a snapshot may be older than they are.
        self._waiting: list[tuple[Line, dict[str, Any]]] = []

    def take(self, line: Line) -> None:
        """Take one message."""
        message = line.message
        if not isinstance(message, dict):
            raise self.builder.fault("a message is no object", line.row, str(message))
        data = message.get("data", message)
        try:
            if "lastUpdateId" in data:
                self._snapshot(line, data)
            elif data.get("s") != self._venue_symbol:
                return
            elif data.get("e") == "depthUpdate":
                self._diff(line, data)
            elif data.get("e") in ("trade", "aggTrade"):
                # Both streams tell of the same trades: the first one met is taken.
                self._prints = self._prints or data["e"]
                if data["e"] == self._prints:
                    self._trade(line, data)
            elif "B" in data and "A" in data:
                self._quote(line, data)
        except (KeyError, AttributeError, TypeError) as error:
            raise self.builder.fault("a message lacks a field", line.row, repr(error)) from error

    def _snapshot(self, line: Line, data: dict[str, Any]) -> None:
        builder = self.builder
        last_id = int(data["lastUpdateId"])
        covered = [diff for _, diff in self._waiting if diff["u"] <= last_id]
        # A spot snapshot has no time: the newest update that it holds is the best there is.
        stamp = data.get("T") or (covered[-1]["E"] if covered else None)
        if stamp is None and self._waiting:
            stamp = self._waiting[0][1]["E"]
        if stamp is None:
            raise builder.fault("a snapshot has no time, nor a diff before it", line.row, "")
        sent_ns = milliseconds(data.get("E", stamp), builder, line.row)
        # What it holds was true no later than the first diff that is applied to it.
        beyond = [
            diff.get("T", diff["E"]) for _, diff in self._waiting if not _is_covered(diff, last_id)
        ]
        venue_time_ns = milliseconds(min([stamp, *beyond]), builder, line.row)
        arrival_ns = builder.arrival(line.received_ns, sent_ns, line.row)
        kind = BookKind.SNAPSHOT
        builder.add_snapshot(
            builder.levels(1, data["bids"], kind=kind, row=line.row),
            builder.levels(-1, data["asks"], kind=kind, row=line.row),
            venue_time_ns=venue_time_ns,
            arrival_ns=arrival_ns,
            book_id=last_id,
        )
        self._last_id, self._is_first = last_id, True
        waiting, self._waiting = self._waiting, []
        for earlier, diff in waiting:
            # Known since it came, but of use only from here on.
            self._apply(earlier, diff, arrival_ns)

    def _diff(self, line: Line, data: dict[str, Any]) -> None:
        arrival_ns = self.builder.arrival(
            line.received_ns, milliseconds(data["E"], self.builder, line.row), line.row
        )
        if self._last_id is None:
            self._waiting.append((line, data))
        else:
            self._apply(line, data, arrival_ns)

    def _apply(self, line: Line, data: dict[str, Any], arrival_ns: int) -> None:
        builder = self.builder
        if self._last_id is None:
            self._waiting.append((line, data))
            return
        first, last, before = int(data["U"]), int(data["u"]), data.get("pu")
        is_spot = before is None
        if _is_covered(data, self._last_id):
            return
        venue_time_ns = milliseconds(data.get("T", data["E"]), builder, line.row)
        if self._is_first:
            covers = first <= self._last_id + is_spot
            expected, found = f"U ≤ {self._last_id + is_spot}", f"U = {first}"
        elif is_spot:
            covers = first == self._last_id + 1
            expected, found = f"U = {self._last_id + 1}", f"U = {first}"
        else:
            covers = before == self._last_id
            expected, found = f"pu = {self._last_id}", f"pu = {before}"
        if not covers:
            builder.add_gap(
                row=line.row,
                venue_time_ns=venue_time_ns,
                arrival_ns=arrival_ns,
                problem="sequence",
                expected=expected,
                found=found,
            )
            self._last_id = None
            self._waiting.append((line, data))
            return
        self._last_id, self._is_first = last, False
        kind = BookKind.LEVEL
        levels = builder.levels(1, data["b"], kind=kind, row=line.row)
        levels += builder.levels(-1, data["a"], kind=kind, row=line.row)
        builder.add_levels(levels, venue_time_ns=venue_time_ns, arrival_ns=arrival_ns, book_id=last)

    def _trade(self, line: Line, data: dict[str, Any]) -> None:
        builder = self.builder
        if data.get("X") not in (None, "MARKET"):
            # Insurance fund and liquidation settlements: no order of the book was met.
            return
        sent_ns = milliseconds(data["E"], builder, line.row)
        builder.add_trade(
            price=data["p"],
            quantity=data["q"],
            # `m`: the buyer was resting, so a seller came.
            aggressor=-1 if data["m"] else 1,
            trade_id=int(data["t"] if "t" in data else data["a"]),
            venue_time_ns=milliseconds(data["T"], builder, line.row),
            arrival_ns=builder.arrival(line.received_ns, sent_ns, line.row),
            row=line.row,
        )

    def _quote(self, line: Line, data: dict[str, Any]) -> None:
        builder = self.builder
        if "E" in data:
            sent_ns = milliseconds(data["E"], builder, line.row)
            arrival_ns = builder.arrival(line.received_ns, sent_ns, line.row)
            venue_time_ns = milliseconds(data["T"], builder, line.row)
        else:
            if line.received_ns is None:
                raise builder.fault("a best price has no time at all", line.row, str(data))
            arrival_ns = venue_time_ns = builder.received(line.received_ns)
        builder.add_quote(
            bid=(data["b"], data["B"]),
            ask=(data["a"], data["A"]),
            venue_time_ns=venue_time_ns,
            arrival_ns=arrival_ns,
            update_id=int(data["u"]),
            row=line.row,
        )


def _is_covered(diff: dict[str, Any], last_id: int) -> bool:
    """Whether a book that stands at an update has no use for a diff.

    On futures the diff that ends there is the one the chain begins with, though it changes nothing.
    """
    return bool(diff["u"] < last_id + ("pu" not in diff))
