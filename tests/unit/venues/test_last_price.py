"""A market order at the last price known: when it fills, when it waits, when it is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.compiled import cut
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0, MemoryJournal, bars, trades
from tieout import Strategy
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.adapters.venues.simulated.last_price import StoredQuotes
from tieout.errors import SettingsError
from tieout.kernel.loop import Kernel
from tieout.model.columns import QuoteColumns
from tieout.model.events import Fill, OrderRejected, PriceAged, RunEnded, RunStarted
from tieout.model.money import money
from tieout.model.profiles import (
    FillLevel,
    InsideRule,
    MarketRule,
    SimulationProfile,
    StalePolicy,
    StopLimitRule,
    profile,
)


def at_last(**given: Any) -> SimulationProfile:
    last = {"market_rule": MarketRule.LAST, "inside_rule": InsideRule.CLOSE, **given}
    return msgspec.structs.replace(profile("zero-latency"), name="last-1", **last)


class Run:
    """One order of so many lots, at a bar's or print's arrival or by a timer so long after T0."""

    def __init__(
        self,
        columns: Any,
        assumed: SimulationProfile,
        *,
        lots: int = 1,
        on_row: int | None = None,
        after_ns: int = 0,
        rows: int = 10**9,
        **venue: Any,
    ) -> None:
        class Buys(Strategy):
            def on_start(self, context: Any) -> None:
                if hasattr(columns, "trade_id"):
                    context.trades(SYMBOL)
                else:
                    context.bars(SYMBOL, "1m")
                if on_row is None:
                    context.timer_at("buy", T0 + after_ns)
                self.rows = 0

            def on_timer(self, context: Any, timer: Any) -> None:
                self.act(context)

            def on_bar(self, context: Any, bar: Any) -> None:
                self.rows += 1
                if self.rows == on_row:
                    self.act(context)

            on_trade = on_bar

            def act(self, context: Any) -> None:
                context.target(SYMBOL, units=lots)

        self.journal = MemoryJournal()
        kernel = Kernel(Buys, instruments={SYMBOL: ES}, journal=self.journal)
        first, last = (int(columns.arrival_time_ns[n]) for n in (0, -1))
        source = HistorySource(
            RunStarted(arrival_time_ns=first, cash=money(10**6)),
            RunEnded(arrival_time_ns=last + 5 * MINUTE, reason="end of data"),
            [Stream("rows", cut(columns, rows))],
        )
        market = {SYMBOL: HistoryMarket(cut(columns, rows))}
        kernel.run(source, SimulatedVenue({SYMBOL: ES}, assumed, market, **venue))
        self.kernel = kernel

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.journal.inputs if isinstance(each, kind)]

    @property
    def paid(self) -> tuple[int, int]:
        """(ticks, seconds after T0) of the only fill."""
        (fill,) = self.of(Fill)
        return fill.price_ticks, (fill.venue_time_ns - T0) // SECOND


MINUTES = bars([400, 410, 420, 430])
"""Bar n closes at T0 + n minutes and opens at the close before."""


@pytest.mark.parametrize("rows", [1, 2, 10**9])
def test_an_order_decided_on_a_bar_fills_at_its_close_at_once(rows: int) -> None:
    assert Run(MINUTES, at_last(), on_row=2, rows=rows).paid == (410, 120)


def test_an_order_between_two_bars_fills_at_the_last_close() -> None:
    assert Run(MINUTES, at_last(), after_ns=150 * SECOND).paid == (410, 150)


def test_an_order_on_prints_fills_at_the_last_print() -> None:
    assert Run(trades([400, 410, 420]), at_last(), on_row=2).paid == (410, 2)


def test_a_price_older_than_allowed_waits_for_the_close_of_the_bar_under_way() -> None:
    run = Run(MINUTES, at_last(stale_after_ns=29 * SECOND), after_ns=150 * SECOND)

    assert run.paid == (420, 180)
    (aged,) = run.of(PriceAged)
    assert (aged.policy, aged.price_ticks) == ("next", 410)
    assert aged.venue_time_ns - aged.price_time_ns == 30 * SECOND


def test_a_price_as_old_as_allowed_is_fresh() -> None:
    run = Run(MINUTES, at_last(stale_after_ns=30 * SECOND), after_ns=150 * SECOND)

    assert run.paid == (410, 150)
    assert [each.policy for each in run.of(PriceAged)] == ["fresh"]


@pytest.mark.parametrize("rule", MarketRule)
def test_a_stale_price_is_refused_where_the_policy_says_so(rule: MarketRule) -> None:
    refuses = {"stale_after_ns": 29 * SECOND, "stale_policy": StalePolicy.REFUSE}

    run = Run(MINUTES, at_last(market_rule=rule, **refuses), after_ns=150 * SECOND)

    assert run.of(Fill) == []
    assert [each.reason for each in run.of(OrderRejected)] == ["stale_price"]
    assert [each.policy for each in run.of(PriceAged)] == ["refuse"]


def test_a_bar_without_volume_tells_no_new_price() -> None:
    quiet = MINUTES.rows(0, 4)
    quiet.volume_lots[1] = 0

    run = Run(quiet, at_last(stale_after_ns=60 * SECOND), after_ns=130 * SECOND)
    quiet.volume_lots[1] = 100

    # The price of the first bar is 70 seconds old, so the third one's close decides.
    assert run.paid == (420, 180)


def test_an_order_waits_where_the_market_is_closed() -> None:
    hours = [(T0, T0 + 120 * SECOND), (T0 + 180 * SECOND, T0 + 600 * SECOND)]

    run = Run(MINUTES, at_last(), on_row=2, sessions={SYMBOL: hours})

    # At the close itself nobody trades any more; the next bar's open is what it meets.
    assert run.paid == (410, 120)
    assert run.of(Fill)[0].resolved_by == "1m"


def test_an_order_in_a_break_of_a_session_waits() -> None:
    day = {SYMBOL: [(T0, T0 + 600 * SECOND)]}
    hours = {SYMBOL: [(T0, T0 + 140 * SECOND), (T0 + 170 * SECOND, T0 + 600 * SECOND)]}
    then = {"after_ns": 150 * SECOND, "sessions": day}

    assert Run(MINUTES, at_last(), **then).paid == (410, 150)
    assert Run(MINUTES, at_last(), **then, hours=hours).paid == (420, 180)


def test_the_side_of_a_quote_that_is_taken_goes_before_an_older_trade() -> None:
    quotes = StoredQuotes([a_quote(T0 + 130 * SECOND, bid=415, ask=417)])
    then = {"after_ns": 150 * SECOND, "quotes": {SYMBOL: quotes}}

    assert Run(MINUTES, at_last(), **then).paid == (417, 150)
    assert Run(MINUTES, at_last(), lots=-1, **then).paid == (415, 150)


@pytest.mark.parametrize(("seconds", "ask"), [(110, 417), (160, 417), (130, 0)])
def test_a_quote_that_is_older_later_or_empty_changes_nothing(seconds: int, ask: int) -> None:
    quotes = StoredQuotes([a_quote(T0 + seconds * SECOND, bid=415, ask=ask)])

    run = Run(MINUTES, at_last(), after_ns=150 * SECOND, quotes={SYMBOL: quotes})

    assert run.paid == (410, 150)


def test_slippage_of_level_fixed_is_paid_on_the_last_price() -> None:
    fixed = at_last(fill_level=FillLevel.FIXED, slippage_bps=profile("pessimistic-1").slippage_bps)

    run = Run(MINUTES, fixed, on_row=2)

    (fill,) = run.of(Fill)
    assert (fill.reference_ticks, fill.price_ticks) == (410, 411)


def test_the_age_counts_until_the_order_arrives() -> None:
    slow = at_last(stale_after_ns=30 * SECOND, entry_latency_ns=31 * SECOND)

    assert Run(MINUTES, slow, on_row=2).paid == (420, 180)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"fill_level": FillLevel.IMPACT}, "market_rule last at level impact"),
        ({"participation": profile("pessimistic-1").participation}, "with participation"),
        ({"models": {"slippage": "mine.py:Mine"}}, "models.slippage"),
        ({"stale_policy": StalePolicy.REFUSE}, "without stale_after_ns"),
        (
            {"market_rule": MarketRule.NEXT, "fill_level": FillLevel.DRILLDOWN},
            "inside_rule at level drilldown",
        ),
        (
            {
                "market_rule": MarketRule.NEXT,
                "inside_rule": InsideRule.WORSE,
                "stop_limit_rule": StopLimitRule.CLOSE,
                "fill_level": FillLevel.DRILLDOWN,
            },
            "stop_limit_rule at level drilldown",
        ),
    ],
)
def test_rules_that_do_not_go_together_are_refused(given: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        at_last(**given)


def a_quote(time_ns: int, *, bid: int, ask: int) -> QuoteColumns:
    times, bids, asks, lots = (np.array([each], np.int64) for each in (time_ns, bid, ask, 1))
    return QuoteColumns(SYMBOL, times, times, bids, lots, asks, lots)
