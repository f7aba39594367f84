"""What a strategy may ask for, and what it is told when it may not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.worlds import MINUTE, SECOND, SYMBOL, T0, bars, run
from tieout.errors import InputError
from tieout.kernel.ports import MarketBatch
from tieout.model.events import ClockReached
from tieout.model.orders import PlaceOrder
from tieout.strategy import Strategy

Act = Callable[[Any], object]


def on_a_bar(act: Act) -> Any:
    """Return the kernel after a strategy did something on its first bar."""

    class Actor(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")
            context.stream = self.stream

        def on_bar(self, context: Any, bar: Any) -> None:
            act(context)

    return run(Actor, MarketBatch(bars([400]), stored=True))[0]


def on_start(act: Act) -> None:
    class Actor(Strategy):
        def on_start(self, context: Any) -> None:
            act(context)

    run(Actor)


MISTAKES: dict[str, tuple[Act, str]] = {
    "history of none": (lambda c: c.history(c.stream, 0), "allowed: 1"),
    "too much history": (lambda c: c.history(c.stream, 10**9), "allowed: 1"),
    "no text in the store": (lambda c: c.save("key", 3), r"save str\(value\)"),
    "under a lot": (lambda c: c.buy(SYMBOL, units=0.2), "under one lot"),
    "nothing": (lambda c: c.sell(SYMBOL, units=0), "under one lot"),
    "no number": (lambda c: c.buy(SYMBOL, units=float("nan")), "nan"),
    "endless": (lambda c: c.buy(SYMBOL, units=float("inf")), "inf"),
    "stop and touch": (lambda c: c.buy(SYMBOL, units=1, touch=100, stop=101), "choose one"),
    "limit of nought": (lambda c: c.buy(SYMBOL, units=1, limit=0.1), "at least one tick"),
    "stop of nought": (lambda c: c.buy(SYMBOL, units=1, stop=0), "at least one tick"),
    "unknown instrument": (lambda c: c.buy("SPAM", units=1), "it has: "),
    "late subscription": (lambda c: c.trades(SYMBOL), "subscribe in on_start"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_ends_the_strategy_with_what_would_be_right(case: str) -> None:
    act, words = MISTAKES[case]

    failure = on_a_bar(act).failure

    assert isinstance(failure, InputError)
    with pytest.raises(InputError, match=words):
        raise failure


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda c: c.bars(SYMBOL, "1 minute"), "whole number of ms, s, m, h or d"),
        (lambda c: c.bars(SYMBOL, "1m", warm_up=-1), "allowed: 0"),
        (lambda c: c.bars("SPAM", "1m"), "not part of this run"),
        (lambda c: c.cancel("any"), "not possible in on_start"),
        (lambda c: c.save("key", "text"), "not possible in on_start"),
    ],
)
def test_a_mistake_in_on_start_stops_the_run_before_it_begins(act: Act, words: str) -> None:
    with pytest.raises(InputError, match=words):
        on_start(act)


def test_cancelling_what_is_finished_or_unknown_is_no_error() -> None:
    assert on_a_bar(lambda context: context.cancel("gone")).failure is None


def test_equity_is_cash_and_open_profit() -> None:
    seen: list[Decimal] = []

    on_a_bar(lambda context: seen.append(context.equity))

    assert seen == [Decimal(100_000)]


class Waker(Strategy):
    """Acts once, by a timer, and forgets another."""

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")
        context.timer_every("never", SECOND)
        self.fired: list[str] = []

    def on_bar(self, context: Any, bar: Any) -> None:
        context.cancel_timer("never")
        context.timer_at("once", bar.arrival_time_ns + 90 * SECOND)

    def on_timer(self, context: Any, timer: Any) -> None:
        self.fired.append(timer.name)
        if timer.name == "once":
            context.buy(SYMBOL, units=1)


def test_a_timer_fires_once_and_a_cancelled_one_not_again() -> None:
    kernel, _, _ = run(Waker, MarketBatch(bars([400, 401, 402, 403]), stored=True))

    strategy: Any = kernel._strategy
    assert strategy.fired.count("once") == 1
    assert set(strategy.fired) == {"never", "once"}


def test_that_a_timers_time_came_is_written_before_what_it_decides() -> None:
    _, journal, _ = run(Waker, MarketBatch(bars([400, 401, 402, 403]), stored=True))

    records = [record for _, record in journal.records]
    [order] = [each for each in records if isinstance(each, PlaceOrder)]
    before = records[: records.index(order)]
    reached = [each for each in before if isinstance(each, ClockReached)]
    assert reached[-1].arrival_time_ns == order.decided_at_ns
    # The bar after it woke us, and is not written yet.
    assert reached[-1].woke_at_ns > order.decided_at_ns
    assert T0 < order.decided_at_ns < T0 + 10 * MINUTE
