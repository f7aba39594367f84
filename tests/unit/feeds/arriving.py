"""A market that arrives one by one, as a live feed brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.support.worlds import SYMBOL, T0
from tieout.kernel.ports import Inputs
from tieout.model.columns import TradeColumns
from tieout.model.events import ClockReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.kernel.ports import MarketBatch
    from tieout.model.events import Input

MILLISECOND = 1_000_000


class ArrivingSource:
    """Gives inputs at their arrival, and word of the clock when a deadline comes first."""

    def __init__(self, events: Sequence[Input]) -> None:
        self._events = sorted(events, key=lambda each: each.arrival_time_ns)
        self.clocks: list[int] = []

    def next(self, deadline_ns: int | None) -> MarketBatch | Inputs | None:
        if not self._events:
            return None
        first_ns = self._events[0].arrival_time_ns
        if deadline_ns is not None and deadline_ns < first_ns:
            self.clocks.append(deadline_ns)
            return Inputs([ClockReached(arrival_time_ns=deadline_ns, woke_at_ns=deadline_ns + 9)])
        together = [each for each in self._events if each.arrival_time_ns == first_ns]
        self._events = self._events[len(together) :]
        return Inputs(together)


def disordered(seed: int, rows: int = 200, *, symbol: str = SYMBOL) -> TradeColumns:
    """Return trades in the order of their arrival: delayed, in disorder, with gaps between."""
    draw = np.random.default_rng(seed)
    steps = draw.choice([0, 1, 20, 400, 2000, 30_000], rows, p=[0.1, 0.2, 0.3, 0.2, 0.15, 0.05])
    sent = T0 + np.cumsum(steps) * MILLISECOND
    arrival = sent + draw.choice([5, 5, 80, 700, 9000], rows, p=[0.4, 0.3, 0.2, 0.08, 0.02]) * (
        MILLISECOND
    )
    order = np.argsort(arrival, kind="stable")
    return TradeColumns(
        symbol,
        sent[order],
        arrival[order],
        draw.integers(390, 410, rows),
        draw.integers(1, 50, rows),
        np.zeros(rows, np.int8),
        (order + 1).astype(np.int64),
    )
