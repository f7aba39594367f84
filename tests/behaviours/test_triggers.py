"""Triggers that are watched for here, where the venue does not watch for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bench import Bench
from tests.support.worlds import (
    SECOND,
    SYMBOL,
    T0,
    ScriptedVenue,
    bars,
    run,
    single_events,
)
from tieout.kernel.compositions import trail_level
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.kernel.risk import RiskLimits
from tieout.model.events import OrderAmended, OrderCancelled, OrderTriggered
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.venues import EVERYTHING, GATEWAY, VENUES
from tieout.strategy import Strategy

Benches = Callable[..., Bench]


def types(bench: Bench) -> list[OrderType]:
    return [OrderType(each.order_type) for each in bench.placed]


@pytest.mark.parametrize(
    ("act", "still", "reached"),
    [
        (lambda c: c.buy(SYMBOL, units=1, touch=99), 397, 396),
        (lambda c: c.sell(SYMBOL, units=1, touch=101), 403, 404),
        (lambda c: c.buy(SYMBOL, units=1, touch=99), 397, 390),
    ],
)
def test_an_if_touched_order_goes_as_a_market_order_once_its_price_is_seen(
    bench: Bench, act: Callable[[Any], str], still: int, reached: int
) -> None:
    order = bench.do(act)
    bench.trade(still)
    assert bench.placed == []
    assert bench.open_orders(held=True) == [order]
    assert bench.open_orders() == []

    bench.trade(reached)

    assert types(bench) == [OrderType.MARKET]
    assert bench.sent.decision_id == order
    assert bench.sent.decided_at_ns == bench.now_ns
    assert bench.sent.decision_price_ticks == reached
    assert [each.decision_id for each in bench.news(OrderTriggered)] == [order]


def test_a_venue_that_has_it_gets_it_as_it_is(a_bench: Benches) -> None:
    bench = a_bench(EVERYTHING)
    bench.do(lambda c: c.buy(SYMBOL, units=1, touch=99, limit=98))
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_bps=50, activation=110))

    assert types(bench) == [OrderType.LIMIT_IF_TOUCHED, OrderType.TRAILING_STOP]
    assert bench.sent.trail_share_e8 == 500_000
    assert bench.sent.activation_ticks == 440
    assert bench.kernel.desk.composed == {}


def test_l20_the_limit_of_a_stop_limit_is_live_from_its_trigger_on(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, stop=101, limit=101.5))
    bench.trade(403)
    assert bench.placed == []
    bench.trade(404)

    assert (bench.sent.order_type, bench.sent.limit_ticks) == (OrderType.LIMIT, 406)
    assert bench.sent.stop_ticks is None
    # Back below its trigger it stays what it is.
    bench.trade(390)
    assert bench.open_orders() == [order]


def test_l20_an_update_does_not_take_the_trigger_back(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, stop=101, limit=101.5))
    bench.trade(404)
    bench.do(lambda c: c.amend(order, limit=102))
    bench.cancelled(order)

    assert (bench.sent.order_type, bench.sent.limit_ticks) == (OrderType.LIMIT, 408)
    assert bench.sent.stop_ticks is None


def test_l20_an_update_before_the_trigger_moves_it(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, stop=101, limit=101.5))
    bench.do(lambda c: c.amend(order, stop=102, limit=103, units=3))
    told = bench.news(OrderAmended)[-1]
    assert (told.lots, told.limit_ticks, told.stop_ticks) == (3, 412, 408)
    bench.trade(404)
    assert bench.placed == []
    bench.trade(408)

    assert (bench.sent.lots, bench.sent.limit_ticks) == (3, 412)


def test_l21_the_limit_sent_is_never_worse_than_the_limit_asked_for(bench: Bench) -> None:
    bench.do(lambda c: c.sell(SYMBOL, units=2, stop=99, limit=98.6))
    bench.trade(300)

    assert (bench.sent.order_type, bench.sent.limit_ticks) == (OrderType.LIMIT, 395)


@pytest.mark.parametrize("terms", [{"trail": 1}, {"trail_ticks": 4}, {"trail_bps": 100}])
def test_l22_a_trailing_stop_moves_only_in_favour_and_goes_when_it_is_reached(
    bench: Bench, terms: dict[str, Any]
) -> None:
    bench.do(lambda c: c.sell(SYMBOL, units=1, **terms))
    for price in (400, 410, 407, 412, 409):
        bench.trade(price)
    assert bench.placed == []
    # The best was 412; a hundredth of it is five whole ticks.
    reached = 407 if "trail_bps" in terms else 408
    bench.trade(reached + 1)
    assert bench.placed == []
    bench.trade(reached)

    assert types(bench) == [OrderType.MARKET]


def test_l22_a_buy_trails_above(bench: Bench) -> None:
    bench.do(lambda c: c.buy(SYMBOL, units=1, trail_ticks=4))
    for price in (400, 390, 393, 380, 383):
        bench.trade(price)
    assert bench.placed == []
    bench.trade(384)

    assert types(bench) == [OrderType.MARKET]


def test_l22_a_jump_through_the_stop_goes_at_once(bench: Bench) -> None:
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=4))
    bench.trade(400)
    bench.trade(300)

    assert len(bench.placed) == 1


def test_l22_prices_from_before_the_order_move_nothing(bench: Bench) -> None:
    bench.trade(500)
    bench.trade(400)
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=4))
    bench.trade(399)
    bench.trade(396)
    assert bench.placed == []
    bench.trade(395)

    assert len(bench.placed) == 1


def test_l23_without_a_start_the_stop_begins_at_the_first_price_seen(bench: Bench) -> None:
    order = bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=4))
    trigger: Any = bench.kernel.desk.composed[order]
    assert trigger.level_ticks is None
    bench.trade(402)

    assert trigger.level_ticks == 398


def test_l23_with_a_start_it_is_there_at_once(bench: Bench) -> None:
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=4, stop=99.5))
    bench.trade(398)

    assert len(bench.placed) == 1


def test_a_trailing_stop_sleeps_until_its_activation(bench: Bench) -> None:
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=4, activation=110))
    for price in (400, 430, 380, 439):
        bench.trade(price)
    assert bench.placed == []
    bench.trade(440)
    bench.trade(437)
    assert bench.placed == []
    bench.trade(436)

    assert len(bench.placed) == 1


@pytest.mark.parametrize(("share", "emulated"), [(5, True), (10, False), (1000, False)])
def test_a_trail_out_of_the_venues_range_is_watched_here(
    a_bench: Benches, share: int, *, emulated: bool
) -> None:
    bench = a_bench(VENUES["binance-usdm"])
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_bps=share))
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=share))

    assert len(bench.kernel.desk.composed) == 1 + emulated


def test_l24_a_limit_if_touched_rests_at_its_limit_from_the_touch_on(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, touch=98, limit=97))
    bench.trade(393)
    assert bench.placed == []
    bench.trade(392)

    assert (bench.sent.order_type, bench.sent.limit_ticks) == (OrderType.LIMIT, 388)
    bench.trade(400)
    assert bench.open_orders() == [order]


def test_l25_an_update_of_size_or_trigger_keeps_what_it_is(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, touch=98, limit=97))
    bench.do(lambda c: c.amend(order, units=5))
    bench.do(lambda c: c.amend(order, stop=99))
    bench.trade(396)
    assert (bench.sent.lots, bench.sent.limit_ticks) == (5, 388)

    bench.do(lambda c: c.amend(order, units=6))
    bench.cancelled(order)

    assert (bench.sent.order_type, bench.sent.lots) == (OrderType.LIMIT, 6)


def test_a_held_order_expires_here(bench: Bench) -> None:
    end = bench.now_ns + 30 * 1_000_000_000
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, touch=98, expires_at_ns=end))
    bench.wait(40)
    bench.trade(380)

    told = bench.news(OrderCancelled)
    assert [(each.decision_id, each.reason) for each in told] == [(order, "expired")]
    assert told[0].arrival_time_ns == end
    assert bench.placed == []


def test_an_order_at_the_venue_is_cancelled_when_it_expires(bench: Bench) -> None:
    end = bench.now_ns + 30 * 1_000_000_000
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, limit=98, expires_at_ns=end))
    assert bench.sent.time_in_force == TimeInForce.GOOD_TILL_CANCEL
    assert bench.sent.expires_at_ns is None
    bench.wait(10)
    assert bench.cancels == []
    bench.wait(30)

    assert bench.cancels == [order]
    assert bench.venue.cancelled[-1].decided_at_ns == end


def test_a_day_order_ends_with_the_day(bench: Bench) -> None:
    day_ns = 86_400 * 1_000_000_000
    end = bench.now_ns // day_ns * day_ns + day_ns
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, limit=98, in_force="day"))
    bench.wait((end - bench.now_ns) / 1e9 - 1)
    assert bench.cancels == []
    bench.wait(2)

    assert bench.cancels == [order]


def test_a_finished_order_does_not_expire(bench: Bench) -> None:
    end = bench.now_ns + 30 * 1_000_000_000
    order = bench.do(lambda c: c.buy(SYMBOL, units=2, limit=98, expires_at_ns=end))
    bench.fill(order, 2)
    bench.wait(40)

    assert bench.cancels == []


def test_a_held_order_counts_in_no_exposure(a_bench: Benches) -> None:
    bench = a_bench(GATEWAY, limits=RiskLimits(open_orders_max=1))
    bench.do(lambda c: c.buy(SYMBOL, units=2, touch=98))
    bench.do(lambda c: c.buy(SYMBOL, units=2, touch=97))
    assert bench.rules() == []
    assert bench.kernel.orders.open_lots(SYMBOL) == 0

    bench.trade(380)

    assert len(bench.placed) == 1
    assert bench.rules() == ["open_orders"]


def test_two_triggers_reached_by_one_print_go_in_the_order_they_were_placed(bench: Bench) -> None:
    first = bench.do(lambda c: c.buy(SYMBOL, units=2, touch=97))
    second = bench.do(lambda c: c.buy(SYMBOL, units=2, touch=98))
    bench.trade(380)

    assert [each.decision_id for each in bench.placed] == [first, second]


def test_a_print_from_before_the_order_that_arrives_late_reaches_nothing(bench: Bench) -> None:
    bench.do(lambda c: c.buy(SYMBOL, units=2, touch=97))
    bench.trade(380, late_s=2)
    assert bench.placed == []
    bench.trade(380, late_s=0.5)

    assert len(bench.placed) == 1


# -- on bars ------------------------------------------------------------------------------------


def on_bars(rows: list[tuple[int, int, int]], at_s: int = 60, **terms: Any) -> list[int]:
    """Sell with these terms so many seconds in; return when the order left, in seconds.

    Args:
        rows: (low, high, close) of each minute bar.
        at_s: When the order is placed.
        **terms: Of the order.
    """

    class Once(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")
            context.timer_at("now", T0 + at_s * SECOND)

        def on_timer(self, context: Any, timer: Any) -> None:
            context.sell(SYMBOL, units=1, **terms)

    columns = bars([close for _, _, close in rows])
    columns.low_ticks[:] = [low for low, _, _ in rows]
    columns.high_ticks[:] = [high for _, high, _ in rows]
    found = []
    for given_ in (MarketBatch(columns, stored=True), Inputs(tuple(single_events(columns)))):
        _, journal, venue = run(
            Once, given_, venue=ScriptedVenue(fill_lots=0), venue_profile=GATEWAY
        )
        found.append((venue.placed, journal.decisions))
    assert found[0] == found[1]
    return [(each.decided_at_ns - T0) // SECOND for each in found[0][0]]


FLAT = (400, 400, 400)


def test_a_bar_reaches_a_trigger_with_its_extreme_and_the_order_goes_when_it_is_known() -> None:
    assert on_bars([FLAT, FLAT, (396, 404, 400), FLAT], touch=101) == [180]
    assert on_bars([FLAT, FLAT, (396, 403, 400), FLAT], touch=101) == []


def test_of_a_bar_that_was_under_way_only_the_close_is_known_to_be_later() -> None:
    assert on_bars([FLAT, (390, 410, 400), FLAT], at_s=90, touch=101) == []
    assert on_bars([FLAT, (390, 410, 404), FLAT], at_s=90, touch=101) == [120]


def test_of_a_bar_the_stop_is_tested_by_the_adverse_extreme_before_it_moves() -> None:
    # The stop is at 398 once 400 was seen; a low of 398 comes before the high of 410.
    assert on_bars([FLAT, FLAT, (398, 410, 409), FLAT], trail_ticks=2) == [180]
    assert on_bars([FLAT, FLAT, (399, 410, 409), FLAT], trail_ticks=2) == [240]


def test_of_a_bar_the_close_comes_after_the_favourable_extreme() -> None:
    assert on_bars([FLAT, FLAT, (399, 410, 408), FLAT], trail_ticks=2) == [180]
    assert on_bars([FLAT, (395, 420, 410), (411, 412, 412)], at_s=90, trail_ticks=5) == []


def test_a_bar_that_activates_is_tested_by_its_close_alone() -> None:
    # Its low may lie before the activation.
    rows = [FLAT, (380, 408, 407), (407, 409, 409)]
    assert on_bars(rows, trail_ticks=2, activation=101.5) == []
    rows[1] = (380, 408, 406)
    assert on_bars(rows, trail_ticks=2, activation=101.5) == [120]


def test_bars_that_only_warm_up_reach_nothing() -> None:
    columns = bars([400, 300, 300])
    columns.warm_up[:] = True

    class Once(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")
            context.timer_at("now", T0 + 30 * SECOND)

        def on_timer(self, context: Any, timer: Any) -> None:
            context.buy(SYMBOL, units=1, touch=80)

    _, _, venue = run(Once, MarketBatch(columns, stored=True), venue_profile=GATEWAY)

    assert venue.placed == []


@given(
    best=st.integers(1, 10**9),
    share=st.integers(1, 10**8 - 1),
    side=st.sampled_from([1, -1]),
)
def test_the_trailing_distance_is_rounded_away_from_the_market(
    best: int, share: int, side: int
) -> None:
    level = trail_level(side, best, trail_ticks=None, trail_share_e8=share)

    distance = (level - best) * side
    assert (distance - 1) * 10**8 < best * share <= distance * 10**8


def naive_trail(prices: list[int], trail: int, activation: int | None) -> int | None:
    """Return the index of the print that lets a sell go, by the plainest words."""
    active_from = 0
    if activation is not None:
        above = [index for index, price in enumerate(prices) if price >= activation]
        if not above:
            return None
        active_from = above[0]
    for index in range(active_from + 1, len(prices)):
        if prices[index] <= max(prices[active_from:index]) - trail:
            return index
    return None


@given(
    prices=st.lists(st.integers(380, 420), min_size=1, max_size=40),
    trail=st.integers(1, 15),
    activation=st.one_of(st.none(), st.integers(395, 420)),
)
def test_a_trailing_stop_agrees_with_its_naive_twin(
    prices: list[int], trail: int, activation: int | None
) -> None:
    bench = Bench(GATEWAY)
    terms = {} if activation is None else {"activation": activation / 4}
    bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=trail, **terms))
    went = None
    for index, price in enumerate(prices):
        bench.trade(price)
        if bench.placed and went is None:
            went = index

    assert went == naive_trail(prices, trail, activation)
