"""Whatever is split and paid, nobody is richer for it, and nobody knows of it before."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars
from tieout.kernel.views import ViewedBars
from tieout.model.actions import Action, ActionKind, PriceView, event_of
from tieout.model.columns import BarColumns
from tieout.model.events import Bar
from tieout.model.money import MONEY_UNIT
from tieout.model.profiles import profile
from tieout.strategy import Strategy
from tieout.wiring import backtest_columns

ROWS = 12
terms = st.integers(1, 12)
splits = st.tuples(st.integers(1, ROWS - 1), terms, terms)
dividends = st.tuples(st.integers(1, ROWS - 1), st.integers(1, 40), st.just(0))


def stored(minute: int, first: int, second: int, known: int = 0) -> Action:
    at_ns = T0 + minute * MINUTE
    paid = not second
    return Action(
        instrument=SYMBOL,
        kind=ActionKind.DIVIDEND if paid else ActionKind.SPLIT,
        venue_time_ns=at_ns,
        known_time_ns=at_ns + known * MINUTE,
        value=first * MONEY_UNIT // 4 if paid else first,
        per=1 if paid else second,
    )


def as_it_trades(actions: list[Action]) -> tuple[BarColumns, list[Fraction]]:
    """Return bars that move by actions alone, and how far each open is off for its rounding."""
    price, closes = Fraction(4_000_000), []
    for minute in range(ROWS):
        for each in actions:
            if each.venue_time_ns == T0 + minute * MINUTE:
                if each.kind is ActionKind.SPLIT:
                    price = price * each.per / each.value
                else:
                    price -= Fraction(4 * each.value, MONEY_UNIT)
        closes.append(max(1, round(price)))
    flat = np.array(closes, np.int64)
    columns = bars(closes)
    same = BarColumns(
        SYMBOL, MINUTE, columns.open_time_ns, columns.close_time_ns, columns.arrival_time_ns,
        flat, flat, flat, flat, columns.volume_lots, columns.revision, columns.warm_up,
    )  # fmt: skip
    return same, [abs(price - Fraction(each)) for each in closes]


class Holds(Strategy):
    """A position from the first bar on."""

    _lots: Any = 0
    _equity: Any = None

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")
        self.placed = False

    def on_bar(self, context: Any, bar: Any) -> None:
        if not self.placed:
            self.placed = True
            context.target(SYMBOL, units=self._lots)
        self._equity.append(context.equity)

    def on_corporate_action(self, context: Any, action: Any) -> None:
        self._equity.append(context.equity)


@settings(max_examples=25, deadline=None)
@given(st.lists(splits | dividends, max_size=4), st.integers(-400, 400).filter(bool))
def test_equity_is_continuous_over_any_actions(told: list[tuple[int, int, int]], lots: int) -> None:
    unique = {(minute, second > 0): (minute, first, second) for minute, first, second in told}
    actions = sorted(
        (stored(*each) for each in unique.values()),
        key=lambda each: (each.venue_time_ns, each.kind),
    )
    columns, _ = as_it_trades(actions)
    equity: list[Decimal] = []
    Holds._lots, Holds._equity = lots, equity

    result = backtest_columns(
        Holds, [columns], instruments=[ES], profile=profile("zero-latency"), actions=actions
    )

    assert not result.failure
    # Half a tick a lot at each action and at each bar after one, in the units of then.
    ratio = most = Fraction(1)
    for each in actions:
        if each.kind is ActionKind.SPLIT:
            ratio *= Fraction(each.value, each.per)
            most = max(most, ratio)
    bound = Decimal("0.25") * (abs(lots) * int(most + 1) + 1) * (2 * len(actions) + 1)
    settled = equity[1:]
    assert all(abs(each - settled[0]) <= bound for each in settled)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(splits | dividends, st.integers(0, 5)), max_size=5))
def test_no_adjusted_value_changes_before_its_action_is_known(
    told: list[tuple[tuple[int, int, int], int]],
) -> None:
    actions = [event_of(stored(*each, known=late), delay_ns=0) for each, late in told]
    columns, _ = as_it_trades([])
    viewed = ViewedBars(ES, PriceView.ADJUSTED, kept=ROWS)
    seen: list[list[int]] = []
    waiting = sorted(actions, key=lambda each: each.arrival_time_ns)
    for row in range(ROWS):
        close_ns = int(columns.close_time_ns[row])
        viewed.update(
            Bar(SYMBOL, MINUTE, close_ns - MINUTE, close_ns, close_ns, 4000, 4000, 4000, 4000, 1,
                0, ES.tick_float)
        )  # fmt: skip
        before = [each.close_ticks for each in viewed.history(ROWS)]
        if seen:
            assert before[:-1] == seen[-1]
        while waiting and waiting[0].arrival_time_ns <= close_ns:
            viewed.acted(waiting.pop(0))
        seen.append([each.close_ticks for each in viewed.history(ROWS)])
