"""Corporate actions in a run: positions, orders, cash, what the strategy is told and sees."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars
from tieout.compiled import target
from tieout.errors import InputError
from tieout.model.actions import Action, ActionKind
from tieout.model.events import Delisted, DividendPaid, Split, SymbolChanged
from tieout.model.money import money
from tieout.model.profiles import profile
from tieout.model.venues import GATEWAY
from tieout.strategy import Strategy
from tieout.strategy.compiled import CompiledStrategy
from tieout.wiring import backtest_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.model.columns import BarColumns
    from tieout.wiring.results import Result

BEFORE, AFTER = 10, 10
AT_NS = T0 + BEFORE * MINUTE


def market(before: Sequence[int], after: Sequence[int]) -> BarColumns:
    """Return bars whose first after the action opens at its own close, not at the one before."""
    columns = bars([*before, *after])
    opens = np.array(columns.open_ticks)
    opens[len(before)] = after[0]
    return replace(
        columns,
        open_ticks=opens,
        high_ticks=np.maximum(opens, columns.close_ticks),
        low_ticks=np.minimum(opens, columns.close_ticks),
    )


def an_action(kind: ActionKind, value: int = 0, per: int = 1, **said: Any) -> Action:
    given = {"venue_time_ns": AT_NS, "known_time_ns": AT_NS, **said}
    return Action(instrument=SYMBOL, kind=kind, value=value, per=per, **given)


def a_split(new: int, old: int = 1, **said: Any) -> Action:
    return an_action(ActionKind.SPLIT, new, old, **said)


def a_dividend(amount: str, **said: Any) -> Action:
    return an_action(ActionKind.DIVIDEND, money(amount), **said)


class Watching(Strategy):
    """Keeps what it is told; on the third bar it does what a test wants."""

    _told: Any
    _wish: Any

    def on_start(self, context: Any) -> None:
        self.bars = context.bars(SYMBOL, "1m")

    def on_bar(self, context: Any, bar: Any) -> None:
        self._told.append(("bar", bar.close, context.position(SYMBOL).lots, context.equity))
        if bar.close_time_ns == T0 + 3 * MINUTE:
            type(self)._wish(context, bar)

    def on_fill(self, context: Any, fill: Any) -> None:
        self._told.append(fill)

    def on_order(self, context: Any, update: Any) -> None:
        self._told.append(update)

    def on_corporate_action(self, context: Any, action: Any) -> None:
        self._told.append(("action", action, context.position(SYMBOL).lots, context.equity))


def run(
    wish: Callable[[Any, Any], None],
    actions: Sequence[Action],
    columns: BarColumns | None = None,
    **settings: Any,
) -> tuple[Result, list[Any]]:
    told: list[Any] = []

    class Wishing(Watching):
        pass

    Wishing._told, Wishing._wish = told, staticmethod(wish)
    result = backtest_columns(
        Wishing,
        [market([2800] * BEFORE, [400] * AFTER) if columns is None else columns],
        instruments=[ES],
        profile=profile("zero-latency"),
        actions=actions,
        **settings,
    )
    assert not result.failure, result.failure
    return result, told


def nothing(context: Any, bar: Any) -> None:
    """Wish nothing."""


def buys(lots: int) -> Callable[[Any, Any], None]:
    return lambda context, bar: context.target(SYMBOL, units=lots)


def of(told: Sequence[Any], kind: str) -> list[Any]:
    return [each for each in told if type(each).__name__ == kind]


def actions_told(told: Sequence[Any]) -> list[Any]:
    return [each for each in told if isinstance(each, tuple) and each[0] == "action"]


def when_told(told: Sequence[Any]) -> Any:
    return actions_told(told)[0]


@pytest.mark.parametrize("lots", [3, -3])
def test_a_split_multiplies_the_position_and_changes_no_money(lots: int) -> None:
    result, told = run(buys(lots), [a_split(7)])

    _, action, held, equity = when_told(told)
    assert isinstance(action, Split)
    assert held == 7 * lots
    fees = result.fees
    assert equity == 100_000 - fees
    assert result.profit == -fees


def test_the_fraction_that_is_left_over_becomes_cash() -> None:
    columns = market([400] * BEFORE, [4000] * AFTER)

    result, told = run(buys(15), [a_split(1, 10)], columns)

    assert when_told(told)[2] == 1
    assert result.profit == -result.fees


def test_a_dividend_is_paid_for_what_is_held_and_the_price_falls_by_it() -> None:
    columns = market([2800] * BEFORE, [2788] * AFTER)

    long, told = run(buys(4), [a_dividend("3")], columns)
    short, _ = run(buys(-4), [a_dividend("3")], columns)

    assert long.dividends == 12
    assert short.dividends == -12
    assert when_told(told)[3] == 100_000 - long.fees
    assert long.profit == -long.fees
    assert short.profit == -short.fees


def orders(context: Any, bar: Any) -> None:
    context.buy(SYMBOL, units=3, limit=650.25)
    context.sell(SYMBOL, units=3, limit=800.25)
    context.sell(SYMBOL, units=3, stop=600.25)
    context.buy(SYMBOL, units=3, stop=800.25)
    context.buy(SYMBOL, units=3, touch=600.25)
    context.sell(SYMBOL, units=3, trail=90.25)
    context.sell(SYMBOL, units=3, trail_bps=1000)


def test_open_orders_are_as_large_and_as_priced_as_the_split_leaves_them() -> None:
    _, told = run(orders, [a_split(7)])

    amended = of(told, "OrderAmended")
    assert [each.lots for each in amended] == [21] * 7
    assert [(each.limit_ticks, each.stop_ticks) for each in amended] == [
        (2601 // 7, None),
        (-(-3201 // 7), None),
        (None, 2401 // 7),
        (None, -(-3201 // 7)),
        (None, 2401 // 7),
        # Trailing: 361 ticks below 2800, which a split leaves where a sale rounds it.
        (None, (2800 - 361) // 7),
        (None, 2520 // 7),
    ]
    assert not of(told, "Fill")


def test_an_order_of_which_nothing_is_left_is_cancelled_by_the_venue() -> None:
    columns = market([400] * BEFORE, [4000] * AFTER)

    def rests(context: Any, bar: Any) -> None:
        context.buy(SYMBOL, units=5, limit=50)
        context.buy(SYMBOL, units=25, limit=50)

    _, told = run(rests, [a_split(1, 10)], columns)

    (gone,) = of(told, "OrderCancelled")
    (smaller,) = of(told, "OrderAmended")
    assert (gone.reason, gone.filled_lots) == ("venue", 0)
    assert (smaller.lots, smaller.limit_ticks) == (2, 2000)


def test_an_order_that_waits_for_the_first_price_fills_in_new_units() -> None:
    class Late(Watching):
        def on_bar(self, context: Any, bar: Any) -> None:
            if bar.close_time_ns == AT_NS:
                context.buy(SYMBOL, units=2)

    told: list[Any] = []
    Late._told = told
    backtest_columns(
        Late,
        [market([2800] * BEFORE, [400] * AFTER)],
        instruments=[ES],
        profile=profile("zero-latency"),
        actions=[a_split(7)],
    )

    (fill,) = of(told, "Fill")
    assert (fill.lots, fill.price_ticks) == (14, 400)


def test_an_order_after_the_split_fills_at_prices_after_it() -> None:
    columns = market([2800] * BEFORE, [400, 400, 350, 350, *[400] * 6])

    _, told = run(
        lambda context, bar: context.buy(SYMBOL, units=2, limit=2520 / 4), [a_split(7)], columns
    )

    (fill,) = of(told, "Fill")
    assert (fill.lots, fill.price_ticks) == (14, 360)


def test_a_partly_filled_order_keeps_what_it_has_filled() -> None:
    thin = replace(market([2800] * BEFORE, [400] * AFTER), volume_lots=np.full(20, 10, np.int64))
    columns = replace(
        thin,
        low_ticks=np.array([2800] * 4 + [2700] + [2800] * 5 + [400] * 3 + [300] * 7, np.int64),
    )
    tenth = profile("pessimistic-1")
    assumed = msgspec.structs.replace(
        tenth, name="thin-1", participation=Decimal("0.2"), bar_delay_ns=0, bar_grace_ns=0
    )
    told: list[Any] = []

    class Rests(Watching):
        pass

    Rests._told = told
    Rests._wish = staticmethod(lambda context, bar: context.buy(SYMBOL, units=5, limit=690))
    backtest_columns(Rests, [columns], instruments=[ES], profile=assumed, actions=[a_split(7)])

    fills, (amended,) = of(told, "Fill"), of(told, "OrderAmended")
    assert fills[0].lots == 2
    assert amended.lots == 2 + 3 * 7
    # A fifth of ten lots a bar, counted anew.
    assert {each.lots for each in fills[1:]} == {2}


def test_another_symbol_cancels_orders_and_leaves_the_position() -> None:
    def both(context: Any, bar: Any) -> None:
        context.buy(SYMBOL, units=2)
        context.buy(SYMBOL, units=3, limit=500)

    result, told = run(
        both,
        [an_action(ActionKind.SYMBOL_CHANGE, text="NQ")],
        market([2800] * BEFORE, [2800] * AFTER),
    )

    (gone,) = of(told, "OrderCancelled")
    _, action, held, _ = when_told(told)
    assert isinstance(action, SymbolChanged)
    assert (gone.reason, action.symbol, held) == ("venue", "NQ", 2)
    assert result.profit == -result.fees


def test_a_delisting_closes_the_position_at_the_last_price_and_refuses_orders() -> None:
    class Insists(Watching):
        def on_bar(self, context: Any, bar: Any) -> None:
            super().on_bar(context, bar)
            if bar.close_time_ns == T0 + 15 * MINUTE:
                context.buy(SYMBOL, units=1)

    def both(context: Any, bar: Any) -> None:
        context.sell(SYMBOL, units=2)
        context.sell(SYMBOL, units=3, limit=900)

    told: list[Any] = []
    Insists._told, Insists._wish = told, staticmethod(both)
    result = backtest_columns(
        Insists,
        [market([2800] * (BEFORE - 1) + [2720], [2720] * AFTER)],
        instruments=[ES],
        profile=profile("zero-latency"),
        actions=[an_action(ActionKind.DELISTING)],
    )

    assert isinstance(when_told(told)[1], Delisted)
    (gone,) = of(told, "OrderCancelled")
    closing = of(told, "Fill")[-1]
    (refused,) = of(told, "OrderRejected")
    assert (gone.reason, closing.side, closing.lots) == ("venue", 1, 2)
    assert (closing.price_ticks, closing.fee) == (2720, 0)
    assert "was delisted" in refused.detail
    assert told[-1][2] == 0
    assert result.profit == 2 * 20 - result.fees


def test_a_dividend_of_the_same_instant_is_one_on_the_old_units() -> None:
    columns = market([2800] * BEFORE, [384] * AFTER)

    result, told = run(buys(2), [a_split(7), a_dividend("28")], columns)

    assert result.dividends == 56
    assert [type(each[1]) for each in actions_told(told)] == [DividendPaid, Split]
    assert result.profit == -result.fees


def test_an_action_in_a_gap_of_the_data_is_taken_before_the_next_row() -> None:
    early, late = market([2800] * BEFORE, [400] * AFTER).rows(0, BEFORE), bars([400] * AFTER)
    moved = {
        name: getattr(late, name) + 3000 * MINUTE
        for name in ("open_time_ns", "close_time_ns", "arrival_time_ns")
    }
    late = replace(late, **moved)
    columns = replace(
        late,
        **{
            name: np.concatenate((getattr(early, name), getattr(late, name)))
            for name in (
                *moved, "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots",
                "revision", "warm_up",
            )
        },
    )  # fmt: skip

    at_ns = AT_NS + 777 * MINUTE
    result, told = run(buys(2), [a_split(7, venue_time_ns=at_ns, known_time_ns=at_ns)], columns)

    assert when_told(told)[2] == 14
    assert result.profit == -result.fees


def test_actions_before_the_first_bar_and_after_the_last_touch_no_position() -> None:
    early, late = T0 - 5 * MINUTE, T0 + 100 * MINUTE
    result, told = run(
        buys(2),
        [
            a_split(2, venue_time_ns=early, known_time_ns=early),
            a_split(3, venue_time_ns=late, known_time_ns=late),
        ],
        bars([400] * 10),
    )

    assert not actions_told(told)
    assert told[-1][2] == 2
    assert result.profit == -result.fees


def test_an_action_that_is_known_late_is_taken_then() -> None:
    _, told = run(nothing, [a_split(7, known_time_ns=AT_NS + 3 * MINUTE)])

    assert when_told(told)[1].arrival_time_ns == AT_NS + 3 * MINUTE


def test_a_bracket_guards_what_the_split_leaves() -> None:
    columns = market([2800] * BEFORE, [400, 400, 400, 480, *[480] * 6])

    def guarded(context: Any, bar: Any) -> None:
        context.bracket(SYMBOL, side="buy", units=2, take_profit=770, stop_loss=500)

    _, told = run(guarded, [a_split(7)], columns)

    entry, exit_ = of(told, "Fill")
    assert (entry.lots, exit_.lots, exit_.price_ticks) == (2, 14, 440)
    assert told[-1][2] == 0


def test_equal_parts_of_a_large_order_go_on_in_new_units() -> None:
    def large(context: Any, bar: Any) -> None:
        context.twap(SYMBOL, side="buy", units=10, parts=10, interval_ns=MINUTE)

    _, told = run(large, [a_split(7)])

    lots = [each.lots for each in of(told, "Fill")]
    assert lots == [1] * 7 + [7] * 3
    assert told[-1][2] == 70


def test_what_is_watched_for_here_is_split_like_what_the_venue_has() -> None:
    columns = market([2800] * BEFORE, [400, 400, 344, 342, *[342] * 6])

    def stops(context: Any, bar: Any) -> None:
        context.buy(SYMBOL, units=9)
        context.sell(SYMBOL, units=3, stop=600.25)
        context.sell(SYMBOL, units=2, trail=100)

    _, told = run(stops, [a_split(7)], columns, venue_profile=GATEWAY)

    amended, triggered = of(told, "OrderAmended"), of(told, "OrderTriggered")
    # What is kept here is told at once, what the venue has when it says so.
    assert [each.lots for each in amended] == [14, 21]
    # The stop is at 343; the trailing one stood 400 ticks below 2800, and is at 342.
    assert len(triggered) == 2
    assert sorted(each.lots for each in of(told, "Fill")) == [9, 14, 21]


class Compiled(CompiledStrategy):
    """Holds three lots."""

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        if bar.close_ticks > 1000:
            target(wishes, 3)


class CompiledAware(Compiled):
    """Says that it keeps nothing that a split changes."""

    seen: int = 0

    def on_corporate_action(self, context: Any, action: Any) -> None:
        type(self).seen = context.position(SYMBOL).lots


def test_a_compiled_strategy_that_says_nothing_of_splits_is_refused() -> None:
    with pytest.raises(InputError, match="write on_corporate_action"):
        backtest_columns(
            Compiled,
            [market([2800] * BEFORE, [400] * AFTER)],
            instruments=[ES],
            profile=profile("zero-latency"),
            actions=[a_split(7)],
        )


def test_a_compiled_run_is_left_for_the_action_and_gone_on_with() -> None:
    result = backtest_columns(
        CompiledAware,
        [market([2800] * BEFORE, [400] * AFTER)],
        instruments=[ES],
        profile=profile("zero-latency"),
        actions=[a_split(7)],
    )

    assert CompiledAware.seen == 21
    assert result.fills == 1
    assert result.profit == -result.fees
