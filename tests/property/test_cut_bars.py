"""A run does not depend on how its bars are cut: the same records, times included.

At zero latency most of all: what is sent on a bar arrives at that bar's very close.
"""

from __future__ import annotations

import os
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.worlds import ES, SYMBOL, bars
from tieout import Bar, Strategy
from tieout.errors import OrderRefused
from tieout.model.events import OrderCancelled
from tieout.model.profiles import profile
from tieout.wiring import backtest_columns
from tieout.wiring import history as on_history
from tieout.wiring.journals import RecordsInMemory

if TYPE_CHECKING:
    from tieout import Context
    from tieout.model.columns import BarColumns
    from tieout.strategy.strategy import OrderUpdate

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "60"))
"""Each is five runs."""


class Fickle(Strategy):
    """Places, amends and cancels at random, often what it placed a moment ago."""

    seed: int = 0

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")
        self.dice = Random(self.seed)
        self.placed: list[str] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        for _ in range(self.dice.randint(0, 2)):
            price = bar.close + self.dice.randint(-3, 2) * bar.tick
            turn = self.dice.randint(0, 4)
            if turn < 2:
                terms: dict[str, Any] = {"limit": price, "post_only": self.dice.random() < 0.3}
                self.placed.append(context.buy(SYMBOL, units=1, **terms))
            elif turn == 2 and self.placed:
                context.cancel(self.dice.choice(self.placed))
            elif turn == 3 and self.placed:
                try:
                    context.amend(self.dice.choice(self.placed), limit=price)
                except OrderRefused:
                    continue


class Canceller(Strategy):
    """Cancels on the second bar what it placed on the first, and notes when it is told so."""

    told: ClassVar[list[int]] = []

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")
        self.seen = 0
        self.order = ""

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        if self.seen == 1:
            self.order = context.buy(SYMBOL, units=1, limit=bar.close - 50 * bar.tick)
        elif self.seen == 2:
            context.cancel(self.order)

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        if isinstance(update, OrderCancelled):
            self.told.append(context.now_ns)


def records_of(
    strategy: type[Strategy], market: BarColumns, chunk_rows: int, *, clock_offset_ns: int = 0
) -> list[Any]:
    kept = RecordsInMemory()
    with patch.object(on_history, "JournalWriter", return_value=kept):
        backtest_columns(
            strategy,
            [market],
            instruments=[ES],
            profile=replace(profile("zero-latency"), clock_offset_ns=clock_offset_ns),
            cash=Decimal(1_000_000),
            chunk_rows=chunk_rows,
        )
    return kept.records


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 16), st.sampled_from([0, 0, -60, -5, 5, 60]))
def test_however_bars_are_cut_the_records_are_the_same(seed: int, rows: int, ahead_s: int) -> None:
    steps = np.random.default_rng(seed).integers(-2, 3, rows)
    market = bars([int(each) for each in 19_000 + np.cumsum(steps)])
    names = {"seed": seed, "__annotations__": {"seed": int}, "__module__": __name__}
    strategy = type("Fickle", (Fickle,), names)

    offset_ns = ahead_s * 1_000_000_000

    whole = records_of(strategy, market, 1000, clock_offset_ns=offset_ns)

    for chunk_rows in (1, 2, 3, 5):
        cut = records_of(strategy, market, chunk_rows, clock_offset_ns=offset_ns)
        assert cut == whole, chunk_rows


@pytest.mark.parametrize("chunk_rows", [1, 2, 1000])
def test_a_cancel_at_a_bars_close_is_answered_at_once(chunk_rows: int) -> None:
    market = bars([19_000] * 5)
    Canceller.told.clear()

    records_of(Canceller, market, chunk_rows)

    assert Canceller.told == [market.close_time_ns[1]]
