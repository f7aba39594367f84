"""Market data from the venue: closed bars and trades, in order, without repeats, gaps filled.

A gap is seen when an id or an open time is skipped. What lies behind it is held back until the
venue was asked; then the missing rows come first, late, and the held ones after them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tieout.adapters.venues.exchange.decode import (
    MILLISECOND,
    BarRow,
    Unreadable,
    rest_bar,
    rest_trade,
    stream_bar,
    stream_trade,
)
from tieout.errors import VenueError
from tieout.model.columns import interval_name
from tieout.model.events import Bar, Trade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence

    from tieout.adapters.clocks import VenueClock
    from tieout.adapters.venues.exchange.client import ExchangeClient
    from tieout.adapters.venues.exchange.inbox import Outlet
    from tieout.adapters.venues.exchange.settings import ResumePoint, Subscription
    from tieout.model.instruments import Instrument

__all__ = ["MarketCounts", "MarketData"]

_KLINES_MAX: Final = 1_500
_TRADES_MAX: Final = 1_000
_BARS_KEPT: Final = 1_000
"""Closed bars remembered per stream, to tell a revision from a repeat."""

_FRUITLESS_MAX: Final = 3
"""Skipped trade ids that turned out to hold nothing; then ids are not contiguous here."""


@dataclass(slots=True)
class MarketCounts:
    """What the streams brought besides new bars and trades.

    Attributes:
        running_bars: Bars that had not closed; dropped.
        repeated_bars: Closed bars seen before with the same values; dropped.
        stale_bars: Closed bars older than anything remembered; dropped.
        revised_bars: Closed bars seen before with other values; given as revisions.
        repeated_trades: Trades seen before; dropped.
        gaps: Times a skipped id or interval was asked for.
        other: Messages of kinds we did not subscribe to; dropped.
    """

    running_bars: int = 0
    repeated_bars: int = 0
    stale_bars: int = 0
    revised_bars: int = 0
    repeated_trades: int = 0
    gaps: int = 0
    other: int = 0


@dataclass(slots=True)
class _BarStream:
    instrument: Instrument
    interval_ns: int
    last_open_ns: int | None = None
    asked_until_ns: int = 0
    seen: dict[int, tuple[BarRow, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _TradeStream:
    instrument: Instrument
    last_id: int | None = None
    # The newest there was at the start: what lies between it and the first message was missed. It
    # is no `last_id`, since the stream may still bring trades that the history has already.
    start_id: int | None = None
    # Where no id is known: everything from this time on was missed.
    since_ns: int | None = None
    asked_until_id: int = 0
    fruitless: int = 0

    @property
    def known_id(self) -> int | None:
        """The id behind which trades are asked for; None when nothing is known."""
        return self.start_id if self.last_id is None else self.last_id


class MarketData:
    """Turns kline and aggTrade messages into bars and trades.

    Args:
        client: For asking what was missed.
        clock: Stamps arrivals.
        outlet: Where bars and trades go.
        spawn: Runs a coroutine beside the streams.
        broken: Called with a reason when only a new connection can help.
    """

    def __init__(
        self,
        client: ExchangeClient,
        clock: VenueClock,
        outlet: Outlet,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        broken: Callable[[str], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._outlet = outlet
        self._spawn = spawn
        self._broken = broken
        self._bars: dict[tuple[str, str], _BarStream] = {}
        self._trades: dict[str, _TradeStream] = {}
        self._held: list[Mapping[str, Any]] | None = None
        self.counts = MarketCounts()

    def subscribe(
        self, subscriptions: Iterable[Subscription], instruments: Mapping[str, Instrument]
    ) -> None:
        """Say what will be listened to, before the stream is opened."""
        for each in subscriptions:
            instrument = instruments[each.instrument]
            venue_symbol = instrument.venue_symbol
            if each.interval_ns is None:
                self._trades[venue_symbol] = _TradeStream(instrument)
            else:
                key = venue_symbol, interval_name(each.interval_ns)
                self._bars[key] = _BarStream(instrument, each.interval_ns)

    @property
    def streams(self) -> list[str]:
        """The venue's names of what is listened to."""
        bars = [f"{symbol.lower()}@kline_{name}" for symbol, name in self._bars]
        return bars + [f"{symbol.lower()}@aggTrade" for symbol in self._trades]

    # -- live ---------------------------------------------------------------------------------

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take one stream message; a gap it shows is filled before it counts."""
        if self._held is not None:
            self._held.append(message)
            return
        kind = message.get("e")
        if kind == "kline":
            self._receive_bar(message)
        elif kind == "aggTrade":
            self._receive_trade(message)
        else:
            self.counts.other += 1

    def hold(self) -> None:
        """Keep messages until `release`: something must come before them."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Take the kept messages in their order; a gap among them holds the rest again."""
        held, self._held = self._held or [], None
        for message in held:
            self.receive(message)

    def _receive_bar(self, message: Mapping[str, Any]) -> None:
        candle = message.get("k")
        if not isinstance(candle, dict):
            raise Unreadable(f"kline message without a candle: {str(message)[:200]}")
        stream = self._bars.get((str(message.get("s")), str(candle.get("i"))))
        if stream is None:
            self.counts.other += 1
            return
        if candle.get("x") is not True:
            self.counts.running_bars += 1
            return
        row = stream_bar(stream.instrument, candle)
        if self._skips_bars(stream, row.open_ns):
            stream.asked_until_ns = row.open_ns
            self._fill(message, self._missing_bars(stream, row.open_ns))
            return
        self._give_bar(stream, row)

    def _receive_trade(self, message: Mapping[str, Any]) -> None:
        stream = self._trades.get(str(message.get("s")))
        if stream is None:
            self.counts.other += 1
            return
        trade = stream_trade(stream.instrument, message, self._clock.now_ns())
        if self._skips_trades(stream, trade.trade_id):
            stream.asked_until_id = trade.trade_id
            self._fill(message, self._missing_trades(stream, trade.trade_id))
            return
        self._give_trade(stream, trade)

    def _give_bar(self, stream: _BarStream, row: BarRow) -> None:
        seen = stream.seen.get(row.open_ns)
        if seen is None:
            oldest = next(iter(stream.seen), None)
            if oldest is not None and row.open_ns < oldest:
                self.counts.stale_bars += 1
                return
            revision = 0
        elif seen[0] == row:
            self.counts.repeated_bars += 1
            return
        else:
            revision = seen[1] + 1
            self.counts.revised_bars += 1
        self._outlet.put(self._bar(stream, row, revision))

    def _give_trade(self, stream: _TradeStream, trade: Trade) -> None:
        if stream.last_id is not None and trade.trade_id <= stream.last_id:
            self.counts.repeated_trades += 1
            return
        stream.last_id = trade.trade_id
        self._outlet.put(trade)

    def _bar(self, stream: _BarStream, row: BarRow, revision: int, *, warm_up: bool = False) -> Bar:
        """Return the event of a closed bar and remember it."""
        stream.seen[row.open_ns] = (row, revision)
        if len(stream.seen) > _BARS_KEPT:
            del stream.seen[min(stream.seen)]
        stream.last_open_ns = max(stream.last_open_ns or 0, row.open_ns)
        return Bar(
            stream.instrument.symbol,
            stream.interval_ns,
            row.open_ns,
            row.open_ns + stream.interval_ns,
            self._clock.now_ns(),
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            revision,
            stream.instrument.tick_float,
            warm_up,
        )

    # -- gaps in a running stream -------------------------------------------------------------

    @staticmethod
    def _skips_bars(stream: _BarStream, open_ns: int) -> bool:
        last_ns = stream.last_open_ns
        return (
            last_ns is not None
            and open_ns > last_ns + stream.interval_ns
            and open_ns > stream.asked_until_ns
        )

    @staticmethod
    def _skips_trades(stream: _TradeStream, trade_id: int) -> bool:
        last_id = stream.known_id
        return (
            last_id is not None
            and trade_id > last_id + 1
            and trade_id > stream.asked_until_id
            and stream.fruitless < _FRUITLESS_MAX
        )

    def _fill(self, message: Mapping[str, Any], work: Coroutine[Any, Any, None]) -> None:
        """Hold the stream at this message until what lies before it was asked for."""
        self.counts.gaps += 1
        self._held = [message]
        self._spawn(self._filled(work))

    async def _filled(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except VenueError as error:
            # What is held stays held: the new connection asks for all of it first.
            self._broken(f"a gap could not be filled: {error}")
            return
        self.release()

    async def _missing_bars(self, stream: _BarStream, until_open_ns: int) -> None:
        start_ns = (stream.last_open_ns or 0) + stream.interval_ns
        for row in await self._klines(stream, start_ns):
            if row.open_ns < until_open_ns:
                self._give_bar(stream, row)

    async def _missing_trades(self, stream: _TradeStream, until_id: int) -> None:
        found = 0
        async for trade in self._agg_trades(stream):
            if trade.trade_id >= until_id:
                break
            found += 1
            self._give_trade(stream, trade)
        stream.fruitless = 0 if found else stream.fruitless + 1

    # -- start, resume, reconnection ----------------------------------------------------------

    async def warm_up(self, bars: int, *, until_ns: int) -> None:
        """Give the last `bars` bars of each stream that closed by `until_ns`, flagged."""
        for stream in self._bars.values():
            # A bar that closed later is left to the stream, or to the filling of the first gap.
            stream.last_open_ns = until_ns // stream.interval_ns * stream.interval_ns
            stream.last_open_ns -= stream.interval_ns
        given: list[Bar] = []
        for stream in self._bars.values():
            rows = await self._last_klines(stream, bars, until_ns)
            given += [self._bar(stream, row, 0, warm_up=True) for row in rows]
        for bar in _by_close(given):
            self._outlet.put(bar)

    async def mark_start(self) -> None:
        """Note where each trade stream stands, so that a gap before its first message is seen."""
        for stream in self._trades.values():
            answer = await self._client.call(
                "fapiPublic",
                "GET",
                "aggTrades",
                symbol=stream.instrument.venue_symbol,
                limit=1,
            )
            rows = _list(answer, "aggTrades")
            if rows:
                stream.start_id = rest_trade(stream.instrument, rows[-1], 0).trade_id

    def go_on_from(self, point: ResumePoint) -> None:
        """Set each stream behind the last row that the journal has."""
        for stream in self._bars.values():
            key = stream.instrument.symbol, stream.interval_ns
            last_ns = point.last_bar_ns.get(key)
            if last_ns is None:
                last_ns = point.down_since_ns // stream.interval_ns * stream.interval_ns
                last_ns -= 2 * stream.interval_ns
            stream.last_open_ns = last_ns
        for trades in self._trades.values():
            trades.last_id = point.last_trade_id.get(trades.instrument.symbol)
            trades.since_ns = point.down_since_ns

    async def catch_up(self) -> None:
        """Give everything that happened since the last row of each stream."""
        missed: list[Bar] = []
        for stream in self._bars.values():
            if stream.last_open_ns is not None:
                missed += await self._bars_since(stream)
        for bar in _by_close(missed):
            self._outlet.put(bar)
        for trades in self._trades.values():
            if trades.known_id is None and trades.since_ns is not None:
                await self._find_first(trades, trades.since_ns)
            if trades.known_id is not None:
                async for trade in self._agg_trades(trades):
                    self._give_trade(trades, trade)

    async def _find_first(self, stream: _TradeStream, since_ns: int) -> None:
        """Set a stream behind the last trade before a time, of which no id is known."""
        answer = await self._client.call(
            "fapiPublic",
            "GET",
            "aggTrades",
            symbol=stream.instrument.venue_symbol,
            startTime=-(-since_ns // MILLISECOND),
            limit=1,
        )
        rows = _list(answer, "aggTrades")
        if rows:
            stream.start_id = rest_trade(stream.instrument, rows[0], 0).trade_id - 1

    async def _bars_since(self, stream: _BarStream) -> list[Bar]:
        """Return new bars; the last one seen is asked for again, it may have been revised."""
        last_ns = stream.last_open_ns or 0
        known = last_ns in stream.seen
        start_ns = last_ns if known else last_ns + stream.interval_ns
        bars: list[Bar] = []
        for row in await self._klines(stream, start_ns):
            seen = stream.seen.get(row.open_ns)
            if seen is not None and seen[0] == row:
                continue
            bars.append(self._bar(stream, row, 0 if seen is None else seen[1] + 1))
        return bars

    # -- queries ------------------------------------------------------------------------------

    async def _klines(self, stream: _BarStream, start_ns: int) -> list[BarRow]:
        """Return closed bars that open at `start_ns` or later."""
        rows: list[BarRow] = []
        while True:
            page = await self._kline_page(
                stream, startTime=start_ns // MILLISECOND, limit=_KLINES_MAX
            )
            rows += self._closed(stream, page)
            next_ns = page[-1].open_ns + stream.interval_ns if page else start_ns
            if len(page) < _KLINES_MAX or next_ns <= start_ns:
                return rows
            start_ns = next_ns

    async def _last_klines(self, stream: _BarStream, count: int, until_ns: int) -> list[BarRow]:
        """Return the last `count` bars closed by `until_ns`."""
        rows: list[BarRow] = []
        end_ns = until_ns
        while len(rows) < count:
            # One more than asked for: the last row may still be running.
            limit = min(count - len(rows) + 1, _KLINES_MAX)
            page = await self._kline_page(stream, endTime=end_ns // MILLISECOND, limit=limit)
            known_ns = rows[0].open_ns if rows else until_ns
            fresh = [
                row
                for row in page
                if row.open_ns < known_ns and row.open_ns + stream.interval_ns <= until_ns
            ]
            if not fresh:
                break
            rows = fresh + rows
            end_ns = rows[0].open_ns - MILLISECOND
        return rows[-count:] if count else []

    async def _kline_page(self, stream: _BarStream, **bounds: int) -> list[BarRow]:
        answer = await self._client.call(
            "fapiPublic",
            "GET",
            "klines",
            symbol=stream.instrument.venue_symbol,
            interval=interval_name(stream.interval_ns),
            **bounds,
        )
        rows = [rest_bar(stream.instrument, row) for row in _list(answer, "klines")]
        return sorted(rows)

    def _closed(self, stream: _BarStream, rows: Sequence[BarRow]) -> list[BarRow]:
        now_ns = self._clock.now_ns()
        return [row for row in rows if row.open_ns + stream.interval_ns <= now_ns]

    async def _agg_trades(self, stream: _TradeStream) -> AsyncIterator[Trade]:
        """Yield the trades after the last one seen."""
        next_id = (stream.known_id or 0) + 1
        while True:
            answer = await self._client.call(
                "fapiPublic",
                "GET",
                "aggTrades",
                symbol=stream.instrument.venue_symbol,
                fromId=next_id,
                limit=_TRADES_MAX,
            )
            now_ns = self._clock.now_ns()
            page = [
                rest_trade(stream.instrument, row, now_ns) for row in _list(answer, "aggTrades")
            ]
            for trade in page:
                yield trade
            if len(page) < _TRADES_MAX or page[-1].trade_id < next_id:
                return
            next_id = page[-1].trade_id + 1


def _by_close(bars: list[Bar]) -> list[Bar]:
    return sorted(bars, key=lambda bar: (bar.close_time_ns, bar.interval_ns, bar.instrument))


def _list(answer: object, what: str) -> list[Any]:
    if not isinstance(answer, list):
        raise Unreadable(f"{what}: the venue answered {str(answer)[:200]!r} and not a list")
    return answer
