"""Captures of further venues: BitMEX, Bitstamp, Bybit v2, Coinbase, Deribit, Gate, Huobi.

One reader follows a symbol's book; what differs is how a venue says things, and how it says which
update comes after which:

    BitMEX      a partial, then rows by id; no numbers
    Bitstamp    a REST book, then changes whose time is later
    Bybit v2    a snapshot, then deltas; no numbers
    Coinbase    a snapshot, then changes; no numbers
    Deribit     a snapshot, then changes that name the one before
    Gate        a REST book, then changes U … u, as Binance's spot
    Huobi       whole books

Source: each venue's page on its market data stream, in the version of 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from tieout.history.captures.lines import read_session
from tieout.history.captures.rows import RowBuilder
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history._files import Progress
    from tieout.history.captures.lines import Line
    from tieout.history.captures.rows import Capture
    from tieout.model.instruments import Instrument

__all__ = ["STREAMS", "read_stream"]

Pair = Sequence[Any]
_TIME_MAX_NS: Final = 4_102_444_800 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A change of the book, or a whole one.

    Attributes:
        first, last: Numbers of the updates in it; 0: the venue gives none.
        before: The number it follows; None: not said.
    """

    bids: Sequence[Pair]
    asks: Sequence[Pair]
    time_ns: int | None
    is_snapshot: bool = False
    first: int = 0
    last: int = 0
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Print:
    price: Any
    quantity: Any
    aggressor: int
    time_ns: int
    trade_id: object


@dataclass(frozen=True, slots=True, kw_only=True)
class _Best:
    bid: Pair
    ask: Pair
    time_ns: int


_Told = _Change | _Print | _Best
_Messages = Callable[["Line", str, dict[Any, Any]], Iterator[_Told]]


def read_stream(
    path: Path,
    instrument: Instrument,
    *,
    venue: str,
    clock_offset_ns: int = 0,
    progress: Progress | None = None,
) -> Capture:
    """Read one symbol's book, trades and best prices of a venue's capture.

    Args:
        path: The capture; REST answers recorded beside it are read with it.
        instrument: `venue_symbol` names the stream.
        venue: A key of `STREAMS`.
        clock_offset_ns: Venue's clock minus the recorder's.
        progress: Called with bytes read, and in total.

    Raises:
        DataError: A line cannot be read, lies off the tick or lot, or arrived before it was sent.
    """
    builder = RowBuilder(str(path), instrument, clock_offset_ns=clock_offset_ns)
    reader, memory = _Reader(builder), dict[Any, Any]()
    for line in read_session(path, progress):
        try:
            for told in STREAMS[venue](line, instrument.venue_symbol, memory):
                reader.take(line, told)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
            raise builder.fault("a message lacks a field", line.row, repr(error)) from error
    return builder.finish()


class _Reader:
    """Follows one symbol: what its book stands at, and what waits for a snapshot."""

    def __init__(self, builder: RowBuilder) -> None:
        self._builder = builder
        self._last: int | None = None
        self._newest_ns = 0
        self._waiting: list[tuple[int, _Change]] = []

    def take(self, line: Line, told: _Told) -> None:
        """Take what a message says."""
        builder = self._builder
        time_ns = told.time_ns
        if time_ns is not None and not 0 < time_ns < _TIME_MAX_NS:
            raise builder.fault("a message has no time of the venue", line.row, str(time_ns))
        if time_ns is None:
            # Nothing is known of when it was true but that it was by now.
            arrival_ns = builder.received(line.received_ns or 0)
            time_ns = max(arrival_ns, self._newest_ns)
        else:
            arrival_ns = builder.arrival(line.received_ns, time_ns, line.row)
        match told:
            case _Change():
                self._newest_ns = max(self._newest_ns, time_ns)
                self._change(told, line.row, arrival_ns)
            case _Print():
                builder.add_trade(
                    price=str(told.price),
                    quantity=str(told.quantity),
                    aggressor=told.aggressor,
                    trade_id=_number(told.trade_id),
                    venue_time_ns=time_ns,
                    arrival_ns=arrival_ns,
                    row=line.row,
                )
            case _Best():
                builder.add_quote(
                    bid=(str(told.bid[0]), str(told.bid[1])),
                    ask=(str(told.ask[0]), str(told.ask[1])),
                    venue_time_ns=time_ns,
                    arrival_ns=arrival_ns,
                    update_id=0,
                    row=line.row,
                )

    def _change(self, told: _Change, row: int, arrival_ns: int) -> None:
        if told.is_snapshot:
            self._add(told, row, arrival_ns)
            waiting, self._waiting = self._waiting, []
            for at, each in waiting:
                self._change(each, at, arrival_ns)
            return
        if self._last is None:
            self._waiting.append((row, told))
            return
        if told.last and told.last <= self._last:
            return
        expected = self._last
        broken = told.before is not None and told.before != expected
        broken |= bool(told.first) and told.first > expected + 1
        if broken:
            self._builder.add_gap(
                row=row,
                venue_time_ns=self._newest_ns,
                arrival_ns=arrival_ns,
                problem="sequence",
                expected=f"after {expected}",
                found=f"after {told.before if told.before is not None else told.first - 1}",
            )
            self._last = None
            self._waiting = [(row, told)]
            return
        self._add(told, row, arrival_ns)

    def _add(self, told: _Change, row: int, arrival_ns: int) -> None:
        builder = self._builder
        kind = BookKind.SNAPSHOT if told.is_snapshot else BookKind.LEVEL
        bids, asks = (
            builder.levels(
                side, [(str(each[0]), str(each[1])) for each in pairs], kind=kind, row=row
            )
            for side, pairs in ((1, told.bids), (-1, told.asks))
        )
        self._last = told.last
        times = {"venue_time_ns": self._newest_ns, "arrival_ns": arrival_ns}
        if told.is_snapshot:
            builder.add_snapshot(bids, asks, book_id=told.last, **times)
        elif bids or asks:
            builder.add_levels(bids + asks, book_id=told.last, **times)


def _bitmex(line: Line, symbol: str, memory: dict[Any, Any]) -> Iterator[_Told]:
    message = line.message
    table, rows = message.get("table"), message.get("data") or []
    ours = [each for each in rows if each.get("symbol") == symbol]
    if table == "trade" and message["action"] == "insert":
        for each in ours:
            yield _Print(
                price=each["price"],
                quantity=each["size"],
                aggressor=_SIDES[each["side"]],
                time_ns=_iso(each["timestamp"]),
                trade_id=each["trdMatchID"],
            )
    elif table == "quote":
        for each in ours:
            yield _Best(
                bid=(each["bidPrice"], each["bidSize"]),
                ask=(each["askPrice"], each["askSize"]),
                time_ns=_iso(each["timestamp"]),
            )
    elif table == "orderBookL2" and ours:
        action = message["action"]
        if action == "partial":
            memory.clear()
        levels: dict[int, list[Pair]] = {1: [], -1: []}
        for each in ours:
            side = _SIDES[each["side"]]
            if "price" in each:
                memory[each["id"]] = each["price"]
            price = memory.pop(each["id"]) if action == "delete" else memory.get(each["id"])
            if price is not None:
                levels[side].append((price, 0 if action == "delete" else each["size"]))
        yield _Change(
            bids=levels[1], asks=levels[-1], time_ns=None, is_snapshot=action == "partial"
        )


def _bitstamp(line: Line, symbol: str, _memory: dict[Any, Any]) -> Iterator[_Told]:
    message = line.message
    if line.address.endswith(f"/order_book/{symbol}"):
        yield _bitstamp_change(message, is_snapshot=True)
    elif message.get("event") == "data" and message["channel"] == f"diff_order_book_{symbol}":
        yield _bitstamp_change(message["data"], is_snapshot=False)
    elif message.get("event") == "trade" and message["channel"] == f"live_trades_{symbol}":
        data = message["data"]
        yield _Print(
            price=data["price_str"],
            quantity=data["amount_str"],
            aggressor=-1 if data["type"] else 1,
            time_ns=int(data["microtimestamp"]) * 1_000,
            trade_id=data["id"],
        )


def _bitstamp_change(data: dict[str, Any], *, is_snapshot: bool) -> _Change:
    stamp = int(data["microtimestamp"])
    return _Change(
        bids=data["bids"],
        asks=data["asks"],
        time_ns=stamp * 1_000,
        is_snapshot=is_snapshot,
        last=stamp,
    )


def _bybit(line: Line, symbol: str, memory: dict[Any, Any]) -> Iterator[_Told]:
    message = line.message
    topic, data = message.get("topic", ""), message.get("data")
    if topic == f"trade.{symbol}":
        for each in data:
            yield _Print(
                price=each["price"],
                quantity=each["size"],
                aggressor=_SIDES[each["side"]],
                time_ns=int(each["trade_time_ms"]) * 1_000_000,
                trade_id=each["trade_id"],
            )
    elif topic == f"orderBookL2_25.{symbol}":
        is_snapshot = message["type"] == "snapshot"
        if is_snapshot:
            memory.clear()
            rows = data["order_book"] if isinstance(data, dict) else data
        else:
            gone = [{**each, "size": 0} for each in data["delete"]]
            rows = [*gone, *data["update"], *data["insert"]]
        sides: dict[int, list[Pair]] = {1: [], -1: []}
        for each in rows:
            sides[_SIDES[each["side"]]].append((each["price"], each["size"]))
        yield _Change(
            bids=sides[1],
            asks=sides[-1],
            time_ns=int(message["timestamp_e6"]) * 1_000,
            is_snapshot=is_snapshot,
        )


def _coinbase(line: Line, symbol: str, _memory: dict[Any, Any]) -> Iterator[_Told]:
    message = line.message
    if message.get("product_id") != symbol:
        return
    match message["type"]:
        case "snapshot":
            yield _Change(
                bids=message["bids"], asks=message["asks"], time_ns=None, is_snapshot=True
            )
        case "l2update":
            sides: dict[str, list[Pair]] = {"buy": [], "sell": []}
            for side, price, size in message["changes"]:
                sides[side].append((price, size))
            yield _Change(bids=sides["buy"], asks=sides["sell"], time_ns=_iso(message["time"]))
        case "match":
            yield _Print(
                price=message["price"],
                quantity=message["size"],
                # `side` is that of the order that was resting.
                aggressor={"sell": 1, "buy": -1}[message["side"]],
                time_ns=_iso(message["time"]),
                trade_id=message["trade_id"],
            )
        case _:
            pass


def _deribit(line: Line, symbol: str, _memory: dict[Any, Any]) -> Iterator[_Told]:
    given = line.message.get("params")
    words = given["channel"].split(".") if isinstance(given, dict) and "channel" in given else []
    if words[1:2] != [symbol]:
        return
    data = given["data"]
    if words[0] == "trades":
        for each in data:
            yield _Print(
                price=each["price"],
                quantity=each["amount"],
                aggressor={"buy": 1, "sell": -1}[each["direction"]],
                time_ns=int(each["timestamp"]) * 1_000_000,
                trade_id=each["trade_seq"],
            )
    elif words[0] == "ticker":
        yield _Best(
            bid=(data["best_bid_price"] or 0, data["best_bid_amount"] or 0),
            ask=(data["best_ask_price"] or 0, data["best_ask_amount"] or 0),
            time_ns=int(data["timestamp"]) * 1_000_000,
        )
    elif words[0] == "book":
        sides = (
            [(price, 0 if what == "delete" else size) for what, price, size in data[side]]
            for side in ("bids", "asks")
        )
        bids, asks = sides
        yield _Change(
            bids=bids,
            asks=asks,
            time_ns=int(data["timestamp"]) * 1_000_000,
            is_snapshot=data["type"] == "snapshot",
            last=int(data["change_id"]),
            before=data.get("prev_change_id"),
        )


def _gate(line: Line, symbol: str, _memory: dict[Any, Any]) -> Iterator[_Told]:
    message = line.message
    if line.address:
        if f"currency_pair={symbol}&" in f"{line.address}&":
            yield _Change(
                bids=message["bids"],
                asks=message["asks"],
                time_ns=None,
                is_snapshot=True,
                last=int(message["id"]),
            )
        return
    if message.get("event") != "update":
        return
    result, channel = message["result"], message["channel"]
    if channel == "spot.trades" and result["currency_pair"] == symbol:
        whole, _, fraction = str(result["create_time_ms"]).partition(".")
        yield _Print(
            price=result["price"],
            quantity=result["amount"],
            aggressor={"buy": 1, "sell": -1}[result["side"]],
            time_ns=int(whole) * 1_000_000 + int(f"{fraction:0<6}"[:6]),
            trade_id=result["id"],
        )
    elif channel == "spot.order_book_update" and result["s"] == symbol:
        yield _Change(
            bids=result["b"],
            asks=result["a"],
            time_ns=int(result["t"]) * 1_000_000,
            first=int(result["U"]),
            last=int(result["u"]),
        )


def _huobi(line: Line, symbol: str, _memory: dict[Any, Any]) -> Iterator[_Told]:
    message = line.message
    words = str(message.get("ch", "")).split(".")
    if words[1:2] != [symbol]:
        return
    tick = message["tick"]
    if words[2] == "depth":
        stamp = int(message["ts"])
        yield _Change(
            bids=tick["bids"],
            asks=tick["asks"],
            time_ns=stamp * 1_000_000,
            is_snapshot=True,
            last=stamp,
        )
    elif words[2] == "trade":
        # The newest comes first.
        for each in reversed(tick["data"]):
            yield _Print(
                price=each["price"],
                quantity=each["amount"],
                aggressor={"buy": 1, "sell": -1}[each["direction"]],
                time_ns=int(each["ts"]) * 1_000_000,
                trade_id=each["tradeId"],
            )


_SIDES: Final = {"Buy": 1, "Sell": -1}

STREAMS: Final[dict[str, _Messages]] = {
    "bitmex": _bitmex,
    "bitstamp": _bitstamp,
    "bybit-v2": _bybit,
    "coinbase": _coinbase,
    "deribit": _deribit,
    "gate": _gate,
    "huobi": _huobi,
}
"""How each venue's messages are understood, by name."""


def _iso(text: str) -> int:
    """Return an ISO time with up to six decimals in nanoseconds."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000


def _number(trade_id: object) -> int:
    """Return a whole number for an id; one that is none gets a number of its own."""
    text = str(trade_id)
    if text.isdecimal() and len(text) < 19:
        return int(text)
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1
