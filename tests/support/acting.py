"""Markets across corporate actions, and a run that gets one row by row as a live feed brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.live_world import SECOND
from tests.support.worlds import ES, SYMBOL, T0
from tests.unit.feeds.arriving import ArrivingSource
from tieout.adapters.feeds.acting import ActingSource
from tieout.adapters.feeds.rows import events_of
from tieout.adapters.feeds.watched import WatchedSource
from tieout.adapters.venues.simulated import LiveMarket, SimulatedVenue
from tieout.history import Store
from tieout.kernel.loop import Kernel
from tieout.model.actions import Action, ActionKind
from tieout.model.events import RunEnded, RunStarted
from tieout.model.money import money
from tieout.wiring.actions import events_of_actions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.history import Dataset
    from tieout.model.columns import MarketColumns
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile
    from tieout.strategy import Strategy

SPLIT_NS = T0 + 5400 * SECOND
DIVIDEND_NS = T0 + 4800 * SECOND
ACTIONS = (
    Action(
        instrument=SYMBOL,
        kind=ActionKind.DIVIDEND,
        venue_time_ns=DIVIDEND_NS,
        known_time_ns=DIVIDEND_NS,
        value=money("10"),
    ),
    Action(
        instrument=SYMBOL,
        kind=ActionKind.SPLIT,
        venue_time_ns=SPLIT_NS,
        known_time_ns=SPLIT_NS,
        value=3,
        per=2,
    ),
)
"""Ten a unit, then three for two."""


def a_market_with_actions(folder: Path, *, rows: int = 3000, step_ns: int = 2 * SECOND) -> Dataset:
    """Store prints that fall by a dividend and by a split, as `made`, and both as `actions`."""
    draw = np.random.default_rng(5)
    when = T0 + step_ns * np.arange(rows, dtype=np.int64)
    price = 6560 + np.cumsum(draw.choice([-2, -1, 0, 0, 1, 2], rows))
    price = np.where(when >= DIVIDEND_NS, price - 40, price)
    price = np.where(when >= SPLIT_NS, price * 2 // 3, price)
    # Nothing trades for half a minute, as an exchange is closed between two days.
    open_ = (when < SPLIT_NS - 30 * SECOND) | (when >= SPLIT_NS + 30 * SECOND)
    chunk = {
        "venue_time_ns": when,
        "price_ticks": price,
        "quantity_lots": draw.integers(1, 20, rows),
        "aggressor": np.zeros(rows, np.int64),
        "trade_id": np.arange(1, rows + 1, dtype=np.int64),
    }
    store = Store(folder / "data")
    store.write_actions("actions", ES, ACTIONS, source="made up")
    kept = {name: values[open_] for name, values in chunk.items()}
    return store.write("made", "trades", ES, [kept], source="made up", time_rule="made up")


class Nowhere:
    """A journal that keeps the decisions."""

    def __init__(self) -> None:
        self.decisions: list[Any] = []

    def input(self, event: Any) -> None:
        """Forget an input."""

    def decision(self, record: Any) -> None:
        """Keep a decision."""
        self.decisions.append(record)

    def commit(self) -> None:
        """Have nothing to make durable."""


def arriving(
    strategy: type[Strategy],
    columns: MarketColumns,
    instrument: Instrument,
    *,
    profile: SimulationProfile,
    actions: Sequence[Action],
    cash: int,
) -> tuple[Kernel, list[Any]]:
    """Run on a feed that brings one row after the other, as a run on paper does."""
    journal = Nowhere()
    kernel = Kernel(
        strategy,
        instruments={instrument.symbol: instrument},
        journal=journal,
        acted={each.instrument for each in actions},
    )
    rows = list(events_of(columns, tick=instrument.tick_float))
    market = LiveMarket()
    venue = SimulatedVenue({instrument.symbol: instrument}, profile, {instrument.symbol: market})
    key = (instrument.symbol, getattr(columns, "interval_ns", 0))
    started = RunStarted(arrival_time_ns=rows[0].arrival_time_ns, cash=cash)
    ended = RunEnded(arrival_time_ns=rows[-1].arrival_time_ns, reason="end")
    feed = ArrivingSource([started, *rows, ended])
    acting = ActingSource(feed, events_of_actions(actions, profile))
    kernel.run(WatchedSource(acting, venue, {key: market}, asked={key}), venue)
    return kernel, journal.decisions
