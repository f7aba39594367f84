"""Compiled strategies on books, the same ones in plain Python, a made market, and runs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.compiled import Unlent, cut
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, MemoryJournal
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.compiled import (
    CompiledStrategy,
    buy,
    buy_limit,
    buy_post_only,
    buy_stop,
    cancel,
    sell,
    sell_limit,
    sell_post_only,
    sell_stop,
    target,
)
from tieout.kernel.loop import Kernel
from tieout.model.columns import BookColumns, BookKind
from tieout.model.events import RunEnded, RunStarted
from tieout.model.money import MONEY_UNIT
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.kernel.risk import RiskLimits
    from tieout.model.profiles import SimulationProfile

MILLISECOND = 1_000_000
EVERY_NS = 10 * MILLISECOND


class Quoting(CompiledStrategy):
    """What it wishes when a timer asks depends on the book, on how often, and on its orders."""

    seed: int = 1
    every_ns: int = EVERY_NS

    def on_start(self, context: Any) -> None:
        context.books(SYMBOL)
        context.timer_every("look", self.every_ns)

    @staticmethod
    def step_timer(book: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:  # noqa: C901
        kept = memory.whole
        kept[0] += 1
        bid, ask = book.bid_ticks, book.ask_ticks
        draw = (
            kept[0] * 7919
            + bid * 104729
            + ask * 31
            + book.bid_lots * 7
            + book.ask_lots * 3
            + (book.venue_time_ns + book.arrival_time_ns + book.now_ns) // 1000
            + given.seed * 31
        ) % 1009
        step, lots = draw % 12, 1 + draw % 4
        if bid == 0 or ask == 0:
            return
        if step <= 2:
            cancel(wishes, kept[1])
            cancel(wishes, kept[2])
            kept[1] = 0
            kept[2] = 0
            if account.position_lots < 6:
                kept[1] = buy_post_only(wishes, lots, bid)
            if account.position_lots > -6:
                kept[2] = sell_post_only(wishes, lots, ask)
        elif step == 3:
            target(wishes, lots - 2)
        elif step == 4:
            kept[1] = buy_limit(wishes, lots, ask + draw % 2)
        elif step == 5:
            kept[2] = sell_limit(wishes, lots, ask - draw % 3)
        elif step == 6:
            kept[1] = buy_stop(wishes, lots, ask + draw % 3)
        elif step == 7:
            kept[2] = sell_stop(wishes, lots, bid)
            sell(wishes, 1)
        elif step == 8:
            kept[1] = buy(wishes, lots)
        elif step == 9 and account.open_orders > 2:
            cancel(wishes, kept[1])
            cancel(wishes, kept[2] - 1)
            target(wishes, account.coming_lots)
        elif step == 10:
            kept[2] = sell_post_only(wishes, lots, bid + draw % 3)


class PlainQuoting(Strategy):
    """`Quoting` as a person would write it in Python."""

    seed: int = 1
    every_ns: int = EVERY_NS

    def on_start(self, context: Any) -> None:
        self.book = context.books(SYMBOL)
        context.timer_every("look", self.every_ns)
        self.calls = 0
        self.bought = self.sold = 0
        self.ids: list[str] = [""]

    def on_timer(self, context: Any, timer: Any) -> None:  # noqa: C901
        book = self.book
        self.calls += 1
        bid, ask = book.bid_ticks or 0, book.ask_ticks or 0
        draw = (
            self.calls * 7919
            + bid * 104729
            + ask * 31
            + book.bid_lots * 7
            + book.ask_lots * 3
            + (book.venue_time_ns + book.arrival_time_ns + timer.due_ns) // 1000
            + self.seed * 31
        ) % 1009
        step, lots = draw % 12, 1 + draw % 4
        if not bid or not ask:
            return
        held = context.position(SYMBOL).lots
        match step:
            case 0 | 1 | 2:
                self.drop(context, self.bought)
                self.drop(context, self.sold)
                self.bought = self.sold = 0
                if held < 6:
                    self.bought = self.keep(
                        context.buy(SYMBOL, units=lots, limit=ES.price(bid), post_only=True)
                    )
                if held > -6:
                    self.sold = self.keep(
                        context.sell(SYMBOL, units=lots, limit=ES.price(ask), post_only=True)
                    )
            case 3:
                context.target(SYMBOL, units=lots - 2)
            case 4:
                at = ES.price(ask + draw % 2)
                self.bought = self.keep(context.buy(SYMBOL, units=lots, limit=at))
            case 5:
                at = ES.price(ask - draw % 3)
                self.sold = self.keep(context.sell(SYMBOL, units=lots, limit=at))
            case 6:
                at = ES.price(ask + draw % 3)
                self.bought = self.keep(context.buy(SYMBOL, units=lots, stop=at))
            case 7:
                self.sold = self.keep(context.sell(SYMBOL, units=lots, stop=ES.price(bid)))
                self.keep(context.sell(SYMBOL, units=1))
            case 8:
                self.bought = self.keep(context.buy(SYMBOL, units=lots))
            case 9 if len(context.open_orders(SYMBOL)) > 2:
                self.drop(context, self.bought)
                self.drop(context, self.sold - 1)
                context.target(SYMBOL, units=context.coming_lots(SYMBOL))
            case 10:
                at = ES.price(bid + draw % 3)
                self.sold = self.keep(context.sell(SYMBOL, units=lots, limit=at, post_only=True))

    def keep(self, order: str) -> int:
        self.ids.append(order)
        return len(self.ids) - 1

    def drop(self, context: Any, handle: int) -> None:
        if 0 < handle < len(self.ids):
            context.cancel(self.ids[handle])


def made_book(rows: int, seed: int, *, delay_ns: int, split: bool = False) -> BookColumns:
    """Return a market of levels, prints, snapshots and clears, in packets of one to four rows.

    Args:
        rows: About how many.
        seed: Of everything that is drawn.
        delay_ns: From the venue to us.
        split: Whether rows of a packet may arrive at several times.
    """
    draw = np.random.default_rng(seed)
    made: list[tuple[int, int, int, int, int, int, bool]] = []
    now = T0 + 1
    middle = 4_000
    while len(made) < rows:
        now += int(draw.integers(0, 3)) * MILLISECOND + int(draw.integers(0, 2))
        middle += int(draw.integers(-1, 2)) if draw.random() < 0.1 else 0
        count = int(draw.integers(1, 5))
        late = 0
        for each in range(count):
            side = 1 if draw.random() < 0.5 else -1
            chance = draw.random()
            price = middle - side * int(draw.integers(0, 5)) - (1 if side > 0 else 0)
            lots = int(draw.integers(0, 9))
            kind = int(BookKind.LEVEL)
            if chance < 0.25:
                kind, price, lots = int(BookKind.TRADE), middle, lots + 1
                side = int(draw.integers(-1, 2))
            elif chance < 0.3:
                kind = int(BookKind.SNAPSHOT)
            elif chance < 0.303:
                kind = int(BookKind.CLEAR)
            stale = now - 5 * MILLISECOND if draw.random() < 0.01 else now
            late += int(split and draw.random() < 0.02) * 12 * MILLISECOND
            made.append((stale, now + delay_ns + late, kind, side, price, lots, each == count - 1))
        now += late
    columns = [np.array(each) for each in zip(*made, strict=True)]
    venue, arrival, kind, side, price, lots, last = columns
    return BookColumns(
        SYMBOL,
        venue.astype(np.int64),
        arrival.astype(np.int64),
        kind.astype(np.int8),
        side.astype(np.int8),
        price.astype(np.int64),
        lots.astype(np.int64),
        last.astype(np.bool_),
    )


def book_run(
    strategy: Callable[[], Strategy],
    seen: BookColumns,
    profile: SimulationProfile,
    *,
    matched: BookColumns | None = None,
    rows: tuple[int, int] = (10**9, 10**9),
    lent: bool = True,
    limits: RiskLimits | None = None,
    journal: Any = None,
    cash: int = 100_000,
    rest_ns: int = 3 * MINUTE,
    past: BookColumns | None = None,
) -> tuple[Kernel, Any, SimulatedVenue]:
    """Run a strategy over a book; its rows, and those that are matched on, come in such chunks."""
    market = seen if matched is None else matched
    own, core = rows
    venue = SimulatedVenue({SYMBOL: ES}, profile, {SYMBOL: HistoryMarket(cut(market, core))})
    journal = journal or MemoryJournal()
    kernel = Kernel(strategy, instruments={SYMBOL: ES}, journal=journal, limits=limits)
    start_ns = T0 if past is None else int(past.arrival_time_ns[-1]) + 1
    end_ns = int(seen.arrival_time_ns[-1]) + rest_ns
    source = HistorySource(
        RunStarted(arrival_time_ns=start_ns, cash=cash * MONEY_UNIT),
        RunEnded(arrival_time_ns=end_ns, reason="end"),
        [Stream("book", cut(seen, own), past=None if past is None else cut(past, own))],
    )
    kernel.run(source, venue if lent else Unlent(venue))  # type: ignore[arg-type]
    # As every run on history ends: what of the book nobody waited for is gone through.
    venue.finish(end_ns)
    return kernel, journal, venue
