"""The same decisions and quantities on adjusted history and on raw prices, at every fill level."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.acted_markets import AT_NS, BOOKS, LEVELS, LOTS, columns_of, profile_of
from tests.support.worlds import ES, MINUTE, SYMBOL, T0
from tieout.model.actions import Action, ActionKind
from tieout.strategy import Strategy
from tieout.wiring import backtest_columns

if TYPE_CHECKING:
    from tieout.wiring.results import Result

AFTER = [400, 400, 360, 360, 360, 336, 336, 336, 336]
SPLIT = Action(
    instrument=SYMBOL,
    kind=ActionKind.SPLIT,
    venue_time_ns=AT_NS,
    known_time_ns=AT_NS,
    value=7,
    per=1,
)


class Plans(Strategy):
    """Buys, rests a purchase below and a stop under it, and sells a part after the split."""

    _told: Any
    units: int = 1
    price: float = 1.0
    sees_books: bool = False

    def on_start(self, context: Any) -> None:
        if self.sees_books:
            context.books(SYMBOL)
        self.many, self.scale = self.units, self.price
        context.timer_every("minute", MINUTE)
        self.count = 0

    def on_timer(self, context: Any, timer: Any) -> None:
        self.count += 1
        if self.count == 3:
            context.buy(SYMBOL, units=5 * self.many)
            context.buy(SYMBOL, units=3 * self.many, limit=651 * self.scale)
            context.sell(SYMBOL, units=4 * self.many, stop=602 * self.scale)
        if self.count == 14:
            context.sell(SYMBOL, units=2 * self.many)

    def on_corporate_action(self, context: Any, action: Any) -> None:
        self.many, self.scale = self.many * 7, self.scale / 7

    def on_fill(self, context: Any, fill: Any) -> None:
        self._told.append(fill)


def run(level: str, *, is_raw: bool, rows: int = 10**6) -> tuple[Result, list[Any]]:
    told: list[Any] = []

    class Planned(Plans):
        units = 1 if is_raw else 7
        price = 1.0 if is_raw else 1 / 7
        sees_books = level in BOOKS

    Planned._told = told
    result = backtest_columns(
        Planned,
        columns_of(
            level, [2800 if is_raw else 400] * 6, AFTER, lots=(LOTS if is_raw else 7 * LOTS, LOTS)
        ),
        instruments=[ES],
        profile=profile_of(level),
        actions=[SPLIT] if is_raw else [],
        chunk_rows=rows,
    )
    assert not result.failure, result.failure
    return result, told


def in_new_units(fills: list[Any], *, is_raw: bool) -> dict[tuple[int, int], int]:
    """Return the lots of each time and side, in the units of after the split."""
    found: dict[tuple[int, int], int] = {}
    for each in fills:
        lots = each.lots * (7 if is_raw and each.venue_time_ns < AT_NS else 1)
        key = (each.venue_time_ns, each.side)
        found[key] = found.get(key, 0) + lots
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_raw_prices_and_adjusted_ones_are_traded_alike(level: str) -> None:
    raw, on_raw = run(level, is_raw=True)
    adjusted, on_adjusted = run(level, is_raw=False)

    traded = in_new_units(on_raw, is_raw=True)
    assert traded == in_new_units(on_adjusted, is_raw=False)
    assert sorted(traded.values()) == [14, 21, 28, 35]
    assert min(traded)[0] < AT_NS < T0 + 13 * MINUTE < max(traded)[0]
    assert raw.orders == adjusted.orders == 4
    late = [
        [each.price_ticks for each in fills if each.venue_time_ns > AT_NS]
        for fills in (on_raw, on_adjusted)
    ]
    assert late[0] == late[1]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("rows", [1, 5])
def test_however_rows_are_cut_a_run_over_a_split_is_the_same(level: str, rows: int) -> None:
    whole, _ = run(level, is_raw=True)
    cut, _ = run(level, is_raw=True, rows=rows)

    assert whole.fills >= 4
    assert replace(cut, run_id="") == replace(whole, run_id="")
