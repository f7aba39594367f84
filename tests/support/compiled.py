"""A compiled strategy that wishes of everything, the same one in plain Python, and runs of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0, MemoryJournal
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.compiled import (
    CompiledStrategy,
    buy,
    buy_limit,
    buy_stop,
    cancel,
    sell,
    sell_limit,
    sell_stop,
    target,
)
from tieout.kernel.loop import Kernel
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import RunEnded, RunStarted
from tieout.model.money import MONEY_UNIT
from tieout.model.venues import EVERYTHING
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tieout.kernel.risk import RiskLimits
    from tieout.model.columns import MarketColumns
    from tieout.model.profiles import SimulationProfile
    from tieout.model.venues import VenueProfile


class Mixed(CompiledStrategy):
    """What it wishes on a row depends on the row, on how many there were, and on its orders."""

    seed: int = 1
    every: int = 3
    gap: float = 0.5

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    def prepare(self, memory: Any, instrument: Any) -> None:
        memory.whole[2] = instrument.min_lots

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:  # noqa: C901
        kept = memory.whole
        kept[0] += 1
        price = bar.close_ticks
        draw = (kept[0] * 7919 + price * 104729 + given.seed * 31) % 1009
        memory.real[0] = memory.real[0] * given.gap + price * bar.tick
        if draw % given.every != 0 or bar.warm_up:
            return
        step = draw // given.every % 11
        lots = kept[2] + draw % 4
        if step == 0:
            target(wishes, lots)
        elif step == 1:
            target(wishes, -lots)
        elif step == 2:
            kept[1] = buy(wishes, lots)
        elif step == 3:
            kept[1] = sell(wishes, lots)
        elif step == 4:
            kept[1] = buy_limit(wishes, lots, price - draw % 3)
            buy(wishes, 1)
        elif step == 5:
            kept[1] = sell_limit(wishes, lots, price + draw % 3)
        elif step == 6:
            kept[1] = buy_stop(wishes, lots, price + draw % 3)
        elif step == 7:
            sell(wishes, 1)
            kept[1] = sell_stop(wishes, lots, price - draw % 3)
        elif step == 8:
            cancel(wishes, kept[1])
        elif step == 9:
            cancel(wishes, kept[1] - 1)
            target(wishes, 0)
            target(wishes, 1)
        elif account.open_orders > 3 or memory.real[0] < 0.0:
            cancel(wishes, kept[1])
            cancel(wishes, kept[1] - 2)
            target(wishes, account.coming_lots - account.position_lots)


class Turning(CompiledStrategy):
    """Turns its position every fifth bar."""

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] += 1
        if memory.whole[0] % 5 == 1:
            target(wishes, 1 - account.position_lots)


class Seldom(CompiledStrategy):
    """Wishes one market order at a time, most of the time, and rests a limit order now and then."""

    seed: int = 1
    every: int = 3

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        kept = memory.whole
        kept[0] += 1
        draw = (kept[0] * 7919 + bar.close_ticks * 104729 + given.seed * 31) % 1009
        kept[2] += (account.position_lots * 3 + account.coming_lots + account.open_orders) % 7
        if draw % given.every != 0 or bar.warm_up:
            return
        step, lots = draw // given.every % 19, 1 + draw % 4
        if step < 6:
            target(wishes, lots if kept[2] % 2 == 0 else -lots)
        elif step < 11:
            buy(wishes, lots)
        elif step < 16:
            sell(wishes, lots)
        elif step == 16:
            kept[1] = buy_limit(wishes, lots, bar.close_ticks - draw % 3)
        elif step == 17:
            cancel(wishes, kept[1])
        else:
            buy(wishes, 1)
            target(wishes, 0)


class MixedTrades(CompiledStrategy):
    """The same on prints."""

    seed: int = 1
    every: int = 3
    gap: float = 0.5

    def on_start(self, context: Any) -> None:
        context.trades(SYMBOL)

    def prepare(self, memory: Any, instrument: Any) -> None:
        memory.whole[2] = instrument.min_lots

    @staticmethod
    def step_trade(trade: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:  # noqa: C901
        kept = memory.whole
        kept[0] += 1
        price = trade.price_ticks
        draw = (kept[0] * 7919 + price * 104729 + given.seed * 31) % 1009
        memory.real[0] = memory.real[0] * given.gap + price * trade.tick
        if draw % given.every != 0 or trade.aggressor > 1:
            return
        step = draw // given.every % 11
        lots = kept[2] + draw % 4
        if step == 0:
            target(wishes, lots)
        elif step == 1:
            target(wishes, -lots)
        elif step == 2:
            kept[1] = buy(wishes, lots)
        elif step == 3:
            kept[1] = sell(wishes, lots)
        elif step == 4:
            kept[1] = buy_limit(wishes, lots, price - draw % 3)
            buy(wishes, 1)
        elif step == 5:
            kept[1] = sell_limit(wishes, lots, price + draw % 3)
        elif step == 6:
            kept[1] = buy_stop(wishes, lots, price + draw % 3)
        elif step == 7:
            sell(wishes, 1)
            kept[1] = sell_stop(wishes, lots, price - draw % 3)
        elif step == 8:
            cancel(wishes, kept[1])
        elif step == 9:
            cancel(wishes, kept[1] - 1)
            target(wishes, 0)
            target(wishes, 1)
        elif account.open_orders > 3 or memory.real[0] < 0.0:
            cancel(wishes, kept[1])
            cancel(wishes, kept[1] - 2)
            target(wishes, account.coming_lots - account.position_lots)


class PlainMixed(Strategy):
    """`Mixed` as a person would write it in Python; only `target` knows what is under way."""

    seed: int = 1
    every: int = 3
    gap: float = 0.5
    trades: bool = False

    def on_start(self, context: Any) -> None:
        if self.trades:
            context.trades(SYMBOL)
        else:
            context.bars(SYMBOL, "1m")
        self.rows = 0
        self.last = 0
        self.ids: list[str] = [""]
        self.real = 0.0

    def on_bar(self, context: Any, bar: Any) -> None:
        self.row(context, bar.close_ticks, ES.tick_float, skipped=bar.warm_up)

    def on_trade(self, context: Any, trade: Any) -> None:
        self.row(context, trade.price_ticks, ES.tick_float, skipped=trade.aggressor > 1)

    def row(  # noqa: C901
        self, context: Any, price: int, tick: float, *, skipped: bool
    ) -> None:
        self.rows += 1
        draw = (self.rows * 7919 + price * 104729 + self.seed * 31) % 1009
        self.real = self.real * self.gap + price * tick
        if draw % self.every or skipped:
            return
        step, lots = draw // self.every % 11, 1 + draw % 4
        far = draw % 3
        match step:
            case 0:
                context.target(SYMBOL, units=lots)
            case 1:
                context.target(SYMBOL, units=-lots)
            case 2:
                self.keep(context.buy(SYMBOL, units=lots))
            case 3:
                self.keep(context.sell(SYMBOL, units=lots))
            case 4:
                self.keep(context.buy(SYMBOL, units=lots, limit=ES.price(price - far)))
                self.ids.append(context.buy(SYMBOL, units=1))
            case 5:
                self.keep(context.sell(SYMBOL, units=lots, limit=ES.price(price + far)))
            case 6:
                self.keep(context.buy(SYMBOL, units=lots, stop=ES.price(price + far)))
            case 7:
                self.ids.append(context.sell(SYMBOL, units=1))
                self.keep(context.sell(SYMBOL, units=lots, stop=ES.price(price - far)))
            case 8:
                self.drop(context, self.last)
            case 9:
                self.drop(context, self.last - 1)
                context.target(SYMBOL, units=0)
                context.target(SYMBOL, units=1)
            case _ if len(context.open_orders()) > 3 or self.real < 0.0:
                self.drop(context, self.last)
                self.drop(context, self.last - 2)
                held = context.position(SYMBOL).lots
                context.target(SYMBOL, units=context.coming_lots(SYMBOL) - held)

    def keep(self, order: str) -> None:
        self.last = len(self.ids)
        self.ids.append(order)

    def drop(self, context: Any, handle: int) -> None:
        if 0 < handle < len(self.ids):
            context.cancel(self.ids[handle])


class Unlent:
    """A simulated venue that is not lent: every row goes through the kernel's loop."""

    def __init__(self, venue: SimulatedVenue) -> None:
        self.place = venue.place
        self.cancel = venue.cancel
        self.amend = venue.amend
        self.next_wake_ns = venue.next_wake_ns
        self.advance = venue.advance


def bars_like(prices: Any, highs: Any, lows: Any, volumes: Any, *, delay_ns: int) -> BarColumns:
    """Return minute bars that open at the close before, with wicks."""
    close = np.asarray(prices, np.int64)
    opens = np.concatenate((close[:1], close[:-1]))
    open_time = T0 + MINUTE * np.arange(len(close), dtype=np.int64)
    rows = len(close)
    return BarColumns(
        SYMBOL,
        MINUTE,
        open_time,
        open_time + MINUTE,
        open_time + MINUTE + delay_ns,
        opens,
        np.maximum(opens, close) + np.asarray(highs, np.int64),
        np.minimum(opens, close) - np.asarray(lows, np.int64),
        close,
        np.asarray(volumes, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.bool_),
    )


def prints_like(prices: Any, gaps: Any, volumes: Any, *, delay_ns: int) -> TradeColumns:
    """Return prints with these gaps between them, in tenths of a second."""
    price = np.asarray(prices, np.int64)
    when = T0 + SECOND // 10 * np.cumsum(np.asarray(gaps, np.int64))
    return TradeColumns(
        SYMBOL,
        when,
        when + delay_ns,
        price,
        np.maximum(1, np.asarray(volumes, np.int64)),
        np.ones(len(price), np.int8),
        np.arange(1, len(price) + 1, dtype=np.int64),
    )


def cut(columns: MarketColumns, rows: int) -> Iterator[MarketColumns]:
    for start in range(0, len(columns), rows):
        yield columns.rows(start, start + rows)


def run_of(
    strategy: Callable[[], Strategy],
    seen: MarketColumns,
    profile: SimulationProfile,
    *,
    matched: MarketColumns | None = None,
    rows: int = 10**9,
    lent: bool = True,
    limits: RiskLimits | None = None,
    venue_profile: VenueProfile = EVERYTHING,
    journal: Any = None,
    cash: int = 100_000,
) -> tuple[Kernel, Any, SimulatedVenue]:
    """Run a strategy over columns on the simulated venue, lent or not."""
    market = seen if matched is None else matched
    venue = SimulatedVenue({SYMBOL: ES}, profile, {SYMBOL: HistoryMarket(cut(market, rows))})
    journal = journal or MemoryJournal()
    kernel = Kernel(
        strategy,
        instruments={SYMBOL: ES},
        journal=journal,
        limits=limits,
        venue_profile=venue_profile,
    )
    end_ns = int(max(seen.arrival_time_ns[-1], market.arrival_time_ns[-1])) + 3 * MINUTE
    source = HistorySource(
        RunStarted(arrival_time_ns=T0, cash=cash * MONEY_UNIT),
        RunEnded(arrival_time_ns=end_ns, reason="end"),
        [Stream("rows", cut(seen, rows))],
    )
    kernel.run(source, venue if lent else Unlent(venue))  # type: ignore[arg-type]
    return kernel, journal, venue


def facts_of(run: tuple[Kernel, Any, SimulatedVenue]) -> dict[str, Any]:
    """Return everything about a run that must not depend on how it was run."""
    kernel, journal, venue = run
    return {
        "records": journal.records,
        "counts": kernel.orders.counts(),
        "denied": kernel.denied,
        "accounts": kernel.ledger.accounts(),
        "prices": kernel.last_prices(),
        "ambiguous": venue.ambiguous_bars,
        "certainty": venue.certainty,
        "failure": repr(kernel.failure),
        "state": kernel.state_hash(),
    }
