"""Public streams: which message is due when, made from the tape at the moment it is due.

A feed has rows; a row is due at a time that does not depend on who listens. The engine keeps
one pending row for each feed that somebody listens to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from tieout.adapters.venues.practice.faults import Messages
from tieout.adapters.venues.practice.wire import (
    book_levels,
    kline_message,
    milliseconds,
    plain,
    price_text,
    trade_message,
)
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from tieout.adapters.venues.practice.config import PracticeConfig
    from tieout.adapters.venues.practice.faults import FaultPlan
    from tieout.adapters.venues.practice.tape import Kline, Tape

__all__ = ["Feed", "Message", "make_feeds", "next_funding_ns"]

Message = dict[str, object]

_TRADE_RANK: Final = 0
_BOOK_RANK: Final = 1
_MARK_RANK: Final = 2
_KLINE_RANK: Final = 3


class Feed(Protocol):
    """One source of messages for one stream.

    Attributes:
        kind: Which faults fall on it.
        rank: Place among feeds that are due at the same time.
    """

    kind: Messages
    rank: int

    def first_row(self, after_ns: int) -> int:
        """Return the first row due strictly after a time."""

    def due_ns(self, row: int) -> int | None:
        """Return when a row is due; None when there is no such row."""

    def messages(self, row: int) -> list[tuple[int, Message]]:
        """Return what a row sends: pairs (how much later than due, message)."""


class _RowFeed:
    """A message for each event of the tape, due a constant delay after it."""

    kind = Messages.TRADE

    def __init__(self, tape: Tape, delay_ns: int) -> None:
        self._tape = tape
        self._delay_ns = delay_ns

    def first_row(self, after_ns: int) -> int:
        return self._tape.first_after(after_ns - self._delay_ns)

    def due_ns(self, row: int) -> int | None:
        if row >= len(self._tape):
            return None
        return int(self._tape.times_ns[row]) + self._delay_ns


class _TradeFeed(_RowFeed):
    rank = _TRADE_RANK

    def __init__(self, tape: Tape, delay_ns: int, name: str) -> None:
        super().__init__(tape, delay_ns)
        self._aggregate = name == "aggtrade"

    def messages(self, row: int) -> list[tuple[int, Message]]:
        tape = self._tape
        message = trade_message(
            tape.instrument,
            aggregate=self._aggregate,
            trade_id=int(tape.trade_ids[row]),
            price_ticks=int(tape.prices[row]),
            lots=int(tape.lots[row]),
            aggressor=int(tape.aggressors[row]),
            time_ns=int(tape.times_ns[row]),
        )
        return [(0, message)]


class _TickerFeed(_RowFeed):
    kind = Messages.MARKET
    rank = _BOOK_RANK

    def messages(self, row: int) -> list[tuple[int, Message]]:
        tape = self._tape
        bid, ask = book_levels(tape.instrument, int(tape.prices[row]), int(tape.lots[row]))
        message: Message = {
            "e": "bookTicker",
            "E": 0,
            "T": milliseconds(int(tape.times_ns[row])),
            "u": row + 1,
            "s": tape.instrument.venue_symbol,
            "b": bid[0],
            "B": bid[1],
            "a": ask[0],
            "A": ask[1],
        }
        return [(0, message)]


class _DepthFeed(_RowFeed):
    kind = Messages.MARKET
    rank = _BOOK_RANK

    def messages(self, row: int) -> list[tuple[int, Message]]:
        tape = self._tape
        price = int(tape.prices[row])
        bid, ask = book_levels(tape.instrument, price, int(tape.lots[row]))
        bids, asks = [bid], [ask]
        previous = int(tape.prices[row - 1]) if row else price
        if previous != price:
            old_bid, old_ask = book_levels(tape.instrument, previous, 1)
            bids.insert(0, (old_bid[0], "0"))
            asks.insert(0, (old_ask[0], "0"))
        message: Message = {
            "e": "depthUpdate",
            "E": 0,
            "T": milliseconds(int(tape.times_ns[row])),
            "s": tape.instrument.venue_symbol,
            "U": row + 1,
            "u": row + 1,
            "pu": row,
            "b": bids,
            "a": asks,
        }
        return [(0, message)]


class _ClosedKlineFeed:
    kind = Messages.KLINE
    rank = _KLINE_RANK

    def __init__(
        self, tape: Tape, interval: str, *, config: PracticeConfig, plan: FaultPlan, end_ns: int
    ) -> None:
        self._tape = tape
        self._interval = interval
        self._plan = plan
        self._delay_ns = config.kline_delay_ns
        self._klines = tape.klines(interval_ns(interval))
        self._end_ns = end_ns
        self._first = int(np.searchsorted(self._klines.close_ns, config.start_ns, side="right"))

    def first_row(self, after_ns: int) -> int:
        after = after_ns - self._delay_ns
        return int(np.searchsorted(self._klines.close_ns, after, side="right"))

    def due_ns(self, row: int) -> int | None:
        if row >= len(self._klines):
            return None
        close_ns = int(self._klines.close_ns[row])
        return None if close_ns > self._end_ns else close_ns + self._delay_ns

    def messages(self, row: int) -> list[tuple[int, Message]]:
        instrument = self._tape.instrument
        candle = self._klines.row(row)
        number = row - self._first + 1
        late_ns = self._plan.late_candle_ns(self._interval, number)
        right = kline_message(instrument, candle, closed=True)
        revision = self._plan.revise_candle(self._interval, number)
        if revision is None:
            return [(late_ns, right)]
        wrong = kline_message(instrument, _bent(candle, revision.by_ticks), closed=True)
        correct_ns = int(revision.correct_after_ms * 1_000_000)
        return [(late_ns, wrong), (late_ns + correct_ns, right)]


class _RunningKlineFeed:
    kind = Messages.KLINE
    rank = _KLINE_RANK

    def __init__(self, tape: Tape, interval: str, config: PracticeConfig, end_ns: int) -> None:
        self._tape = tape
        self._length_ns = interval_ns(interval)
        self._pace_ns = config.running_kline_ns
        self._delay_ns = config.trade_delay_ns
        self._end_ns = end_ns

    def first_row(self, after_ns: int) -> int:
        return (after_ns - self._delay_ns) // self._pace_ns + 1

    def due_ns(self, row: int) -> int | None:
        tick_ns = row * self._pace_ns
        return None if tick_ns > self._end_ns else tick_ns + self._delay_ns

    def messages(self, row: int) -> list[tuple[int, Message]]:
        tick_ns = row * self._pace_ns
        if self._tape.last_row(tick_ns) == self._tape.last_row(tick_ns - self._pace_ns):
            return []
        candle = self._tape.running_kline(self._length_ns, tick_ns)
        if candle is None:
            return []
        return [(0, kline_message(self._tape.instrument, candle, closed=False))]


class _MarkPriceFeed:
    kind = Messages.MARKET
    rank = _MARK_RANK

    def __init__(self, tape: Tape, pace_ns: int, config: PracticeConfig, end_ns: int) -> None:
        self._tape = tape
        self._pace_ns = pace_ns
        self._config = config
        self._end_ns = end_ns

    def first_row(self, after_ns: int) -> int:
        return after_ns // self._pace_ns + 1

    def due_ns(self, row: int) -> int | None:
        due = row * self._pace_ns
        return None if due > self._end_ns else due

    def messages(self, row: int) -> list[tuple[int, Message]]:
        now_ns = row * self._pace_ns
        ticks = self._tape.price_at(now_ns)
        if ticks is None:
            return []
        instrument = self._tape.instrument
        price = price_text(instrument, ticks)
        message: Message = {
            "e": "markPriceUpdate",
            "E": 0,
            "s": instrument.venue_symbol,
            "p": price,
            "ap": price,
            "i": price,
            "P": price,
            "r": plain(self._config.funding_rate),
            "T": milliseconds(next_funding_ns(self._config, now_ns)),
        }
        return [(0, message)]


def make_feeds(
    channel: str, tape: Tape, *, config: PracticeConfig, plan: FaultPlan, end_ns: int
) -> list[Feed]:
    """Return the feeds behind a channel such as `kline_1m` or `aggTrade`.

    Raises:
        ValueError: The channel is unknown, or its interval cannot be made from this market.
    """
    name = channel.lower()
    delay_ns = config.trade_delay_ns if tape.bars is None else config.kline_delay_ns
    if name in {"aggtrade", "trade"}:
        return [_TradeFeed(tape, delay_ns, name)] if tape.bars is None else []
    if name == "bookticker":
        return [_TickerFeed(tape, delay_ns)]
    if name.partition("@")[0] == "depth":
        return [_DepthFeed(tape, delay_ns)]
    if name in {"markprice", "markprice@1s"}:
        pace_ns = 1_000_000_000 if name.endswith("1s") else 3_000_000_000
        return [_MarkPriceFeed(tape, pace_ns, config, end_ns)]
    if name.startswith("kline_"):
        interval = name.removeprefix("kline_")
        if not tape.serves(interval_ns(interval)):
            raise ValueError(f"interval {interval} is finer than the bars this market is made of")
        feeds: list[Feed] = [
            _ClosedKlineFeed(tape, interval, config=config, plan=plan, end_ns=end_ns)
        ]
        if config.running_kline_ns:
            feeds.append(_RunningKlineFeed(tape, interval, config, end_ns))
        return feeds
    raise ValueError(f"unknown stream {channel}")


def next_funding_ns(config: PracticeConfig, now_ns: int) -> int:
    """Return the next whole multiple of the funding interval after a time."""
    return (now_ns // config.funding_interval_ns + 1) * config.funding_interval_ns


def _bent(candle: Kline, by_ticks: int) -> Kline:
    close = max(candle.close + by_ticks, 1)
    return replace(candle, close=close, high=max(candle.high, close), low=min(candle.low, close))
