"""Small worlds: instruments, columns, a scripted source, a scripted venue, a journal in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    Bar,
    Fill,
    OrderAccepted,
    OrderCancelled,
    RunEnded,
    RunStarted,
    Trade,
)
from tieout.model.instruments import Instrument
from tieout.model.money import MONEY_UNIT
from tieout.model.venues import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.kernel.risk import RiskLimits
    from tieout.model.events import Report
    from tieout.model.orders import AmendOrder, CancelOrder, PlaceOrder
    from tieout.model.venues import VenueProfile
    from tieout.strategy import Strategy

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
T0 = 1_378_054_800 * SECOND
SYMBOL = "ES/USDT:USDT"
ES = Instrument(
    symbol=SYMBOL, venue_symbol="ESUSDT", tick_size=Decimal("0.25"), lot_size=Decimal(1)
)


def bars(closes: Sequence[int], *, delay_ns: int = 0, start_ns: int = T0) -> BarColumns:
    """Return minute bars that open at the close before and touch nothing beyond the two."""
    close = np.asarray(closes, np.int64)
    opens = np.concatenate((close[:1], close[:-1]))
    open_time = start_ns + MINUTE * np.arange(len(close), dtype=np.int64)
    return BarColumns(
        SYMBOL,
        MINUTE,
        open_time,
        open_time + MINUTE,
        open_time + MINUTE + delay_ns,
        opens,
        np.maximum(opens, close),
        np.minimum(opens, close),
        close,
        np.full(len(close), 100, np.int64),
        np.zeros(len(close), np.int64),
        np.zeros(len(close), np.bool_),
    )


def trades(
    prices: Sequence[int], *, step_ns: int = SECOND, delay_ns: int = 0, start_ns: int = T0
) -> TradeColumns:
    """Return prints of ten lots, one each step."""
    price = np.asarray(prices, np.int64)
    when = start_ns + step_ns * np.arange(1, len(price) + 1, dtype=np.int64)
    return TradeColumns(
        SYMBOL,
        when,
        when + delay_ns,
        price,
        np.full(len(price), 10, np.int64),
        np.zeros(len(price), np.int8),
        np.arange(1, len(price) + 1, dtype=np.int64),
    )


def single_events(columns: BarColumns | TradeColumns) -> list[Bar | Trade]:
    """Return the rows of columns one by one, as a live feed brings them."""
    tick = ES.tick_float
    if isinstance(columns, TradeColumns):
        return [
            Trade(
                columns.instrument,
                int(columns.venue_time_ns[row]),
                int(columns.arrival_time_ns[row]),
                int(columns.price_ticks[row]),
                int(columns.quantity_lots[row]),
                int(columns.aggressor[row]),
                int(columns.trade_id[row]),
                int(columns.price_ticks[row]) * tick,
            )
            for row in range(len(columns))
        ]
    return [
        Bar(
            columns.instrument,
            columns.interval_ns,
            int(columns.open_time_ns[row]),
            int(columns.close_time_ns[row]),
            int(columns.arrival_time_ns[row]),
            int(columns.open_ticks[row]),
            int(columns.high_ticks[row]),
            int(columns.low_ticks[row]),
            int(columns.close_ticks[row]),
            int(columns.volume_lots[row]),
            int(columns.revision[row]),
            tick,
            bool(columns.warm_up[row]),
        )
        for row in range(len(columns))
    ]


class ScriptedSource:
    """Gives what it is told to give, in order."""

    def __init__(self, *given: MarketBatch | Inputs) -> None:
        self._given = list(given)

    def next(self, deadline_ns: int | None) -> MarketBatch | Inputs | None:
        return self._given.pop(0) if self._given else None


class ScriptedVenue:
    """Accepts at once and fills at a given price some time later.

    Args:
        price_ticks: Price of every fill.
        delay_ns: Decision to report.
        fill_lots: At most so many lots of an order trade; None for all.
    """

    def __init__(
        self, *, price_ticks: int = 400, delay_ns: int = SECOND, fill_lots: int | None = None
    ) -> None:
        self.placed: list[PlaceOrder] = []
        self.cancelled: list[CancelOrder] = []
        self.amended: list[AmendOrder] = []
        self.waiting: list[Report] = []
        self.price_ticks = price_ticks
        self.delay_ns = delay_ns
        self.fill_lots = fill_lots

    def place(self, order: PlaceOrder) -> None:
        self.placed.append(order)
        at = order.decided_at_ns + self.delay_ns
        self.waiting.append(
            OrderAccepted(
                decision_id=order.decision_id,
                venue_order_id=f"v{len(self.placed)}",
                venue_time_ns=at,
                arrival_time_ns=at,
            )
        )
        lots = order.lots if self.fill_lots is None else min(order.lots, self.fill_lots)
        if lots:
            self.waiting.append(a_fill(order, lots=lots, price_ticks=self.price_ticks, at_ns=at))

    def cancel(self, order: CancelOrder) -> None:
        self.cancelled.append(order)
        at = order.decided_at_ns + self.delay_ns
        self.waiting.append(
            OrderCancelled(
                decision_id=order.order_decision_id,
                reason="requested",
                filled_lots=0,
                venue_time_ns=at,
                arrival_time_ns=at,
            )
        )

    def amend(self, order: AmendOrder) -> None:
        self.amended.append(order)

    def next_wake_ns(self, limit_ns: int) -> int | None:
        due = [each.arrival_time_ns for each in self.waiting if each.arrival_time_ns <= limit_ns]
        return min(due, default=None)

    def advance(self, until_ns: int) -> list[Report]:
        given = [each for each in self.waiting if each.arrival_time_ns <= until_ns]
        self.waiting = [each for each in self.waiting if each.arrival_time_ns > until_ns]
        return sorted(given, key=lambda report: report.arrival_time_ns)


class MemoryJournal:
    """Keeps every record, and how many were durable at each commit."""

    def __init__(self) -> None:
        self.records: list[tuple[str, object]] = []
        self.commits: list[int] = []

    def input(self, event: object) -> None:
        self.records.append(("input", event))

    def decision(self, record: object) -> None:
        self.records.append(("decision", record))

    def commit(self) -> None:
        self.commits.append(len(self.records))

    @property
    def inputs(self) -> list[object]:
        return [record for kind, record in self.records if kind == "input"]

    @property
    def decisions(self) -> list[object]:
        return [record for kind, record in self.records if kind == "decision"]


def a_fill(
    order: PlaceOrder, *, lots: int = 1, price_ticks: int = 400, at_ns: int = T0, trade_id: str = ""
) -> Fill:
    """Return a fill of an order."""
    return Fill(
        decision_id=order.decision_id,
        trade_id=trade_id or f"{order.decision_id}-1",
        instrument=order.instrument,
        side=order.side,
        lots=lots,
        price_ticks=price_ticks,
        fee=0,
        fee_currency="USDT",
        liquidity=2,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns,
    )


def started(at_ns: int = T0, *, cash: int = 100_000) -> Inputs:
    """Return the first input of a run."""
    return Inputs((RunStarted(arrival_time_ns=at_ns, cash=cash * MONEY_UNIT),))


def ended(at_ns: int) -> Inputs:
    """Return the last input of a run."""
    return Inputs((RunEnded(arrival_time_ns=at_ns, reason="end"),))


def run(
    strategy: Callable[[], Strategy],
    *given: MarketBatch | Inputs,
    venue: ScriptedVenue | None = None,
    limits: RiskLimits | None = None,
    until_ns: int = T0 + 1000 * MINUTE,
    venue_profile: VenueProfile = EVERYTHING,
) -> tuple[Kernel, MemoryJournal, ScriptedVenue]:
    """Run a strategy over inputs, with a start before and an end after them."""
    journal = MemoryJournal()
    venue = venue or ScriptedVenue()
    kernel = Kernel(
        strategy,
        instruments={SYMBOL: ES},
        journal=journal,
        limits=limits,
        venue_profile=venue_profile,
    )
    kernel.run(ScriptedSource(started(), *given, ended(until_ns)), venue)
    return kernel, journal, venue
