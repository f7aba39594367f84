"""Orders that go in parts: shown slices, a market order's rest, by the clock, with the volume."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.bench import Bench
from tests.support.worlds import SECOND, SYMBOL, T0, bars, run, single_events
from tieout.errors import OrderRefused
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.kernel.risk import RiskLimits
from tieout.model.events import Fill, OrderAccepted, OrderAmended, OrderCancelled
from tieout.model.identity import decision_id
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.venues import EVERYTHING, GATEWAY
from tieout.strategy import Strategy

Benches = Callable[..., Bench]


def sizes(bench: Bench) -> list[int]:
    return [each.lots for each in bench.placed]


# -- shown slices -------------------------------------------------------------------------------


def test_the_next_slice_is_shown_when_the_one_before_is_done(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=3))
    assert sizes(bench) == [3]
    bench.accept(bench.sent.decision_id)
    bench.fill(bench.sent.decision_id, 2)
    assert sizes(bench) == [3]
    bench.fill(bench.sent.decision_id, 1)
    assert sizes(bench) == [3, 3]
    bench.accept(bench.sent.decision_id)
    bench.fill(bench.sent.decision_id, 3)
    bench.fill(bench.sent.decision_id, 1)

    assert sizes(bench) == [3, 3, 1]
    assert {each.limit_ticks for each in bench.placed} == {396}
    assert [each.decision_id for each in bench.news(Fill)] == [order] * 4
    assert [each.decision_id for each in bench.news(OrderAccepted)] == [order]
    assert bench.open_orders(held=True) == []
    assert bench.lots == 7


def test_a_slice_is_named_by_what_has_filled_before_it(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=3))
    bench.fill(bench.sent.decision_id, 3)

    origin = f"leg:{order}:shown:3"
    assert bench.sent.origin == origin
    assert bench.sent.decision_id == decision_id("Player", origin, 0)
    assert bench.sent.parent_id == order


def test_cancelling_it_cancels_the_slice_that_is_shown(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=3))
    slice_ = bench.sent.decision_id
    bench.fill(slice_, 1)
    bench.do(lambda c: c.cancel(order))
    assert bench.cancels == [slice_]
    assert bench.news(OrderCancelled) == []
    bench.cancelled(slice_)

    told = bench.news(OrderCancelled)
    assert [(each.decision_id, each.filled_lots) for each in told] == [(order, 1)]


def test_a_slice_that_fills_while_it_is_cancelled_is_the_last(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=3))
    bench.do(lambda c: c.cancel(order))
    bench.fill(bench.sent.decision_id, 3)

    assert sizes(bench) == [3]
    assert [each.filled_lots for each in bench.news(OrderCancelled)] == [3]
    assert bench.open_orders(held=True) == []


def test_a_new_price_reaches_the_slice_that_is_shown(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=3))
    first = bench.sent.decision_id
    bench.fill(first, 1)
    bench.do(lambda c: c.amend(order, limit=98, units=9))
    assert bench.cancels == [first]
    bench.cancelled(first)

    assert (bench.sent.lots, bench.sent.limit_ticks) == (2, 392)
    bench.fill(bench.sent.decision_id, 2)
    assert (bench.sent.lots, bench.sent.limit_ticks) == (3, 392)
    bench.fill(bench.sent.decision_id, 3)
    bench.fill(bench.sent.decision_id, 3)
    assert bench.lots == 9
    assert {each.decision_id for each in bench.news(Fill)} == {order}
    assert bench.open_orders(held=True) == []


def test_a_refused_slice_ends_the_order(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=3))
    bench.rejected(bench.sent.decision_id)

    assert bench.open_orders(held=True) == []
    assert bench.told[-1].decision_id == order


def test_all_of_it_shown_is_an_order_like_any(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, limit=99, display=7))

    assert bench.sent.decision_id == order
    assert bench.sent.display_lots is None


def test_a_trigger_may_let_a_hidden_order_go(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=7, touch=99, limit=98, display=3))
    bench.trade(396)

    assert (bench.sent.lots, bench.sent.limit_ticks, bench.sent.parent_id) == (3, 392, order)


# -- market to limit ----------------------------------------------------------------------------


def test_what_the_market_leaves_rests_at_the_price_of_the_first_fill(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, market_to_limit=True))
    assert (bench.sent.order_type, bench.sent.decision_id) == (OrderType.MARKET, order)
    assert bench.sent.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL
    bench.fill(order, 1, 401)
    bench.fill(order, 1, 402)
    bench.cancelled(order, "time_in_force")

    assert (bench.sent.order_type, bench.sent.lots) == (OrderType.LIMIT, 3)
    assert bench.sent.limit_ticks == 401
    assert bench.news(OrderCancelled) == []
    assert bench.open_orders() == [order]

    bench.fill(bench.sent.decision_id, 3, 401)

    assert [each.decision_id for each in bench.news(Fill)] == [order] * 3
    assert bench.open_orders(held=True) == []


def test_the_rest_of_a_market_order_that_goes_on_is_cancelled_first(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, market_to_limit=True))
    bench.fill(order, 1, 401)

    assert bench.cancels == [order]
    assert len(bench.placed) == 1


def test_a_cancel_before_the_rest_rests_is_the_end(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, market_to_limit=True))
    bench.fill(order, 1, 401)
    bench.do(lambda c: c.cancel(order))
    bench.cancelled(order)

    assert len(bench.placed) == 1
    told = bench.news(OrderCancelled)
    assert [(each.decision_id, each.filled_lots) for each in told] == [(order, 1)]


def test_nothing_filled_rests_nowhere(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, market_to_limit=True))
    bench.cancelled(order, "time_in_force")

    assert len(bench.placed) == 1
    assert [each.decision_id for each in bench.news(OrderCancelled)] == [order]


def test_a_late_fill_of_the_market_order_makes_the_rest_smaller(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, market_to_limit=True))
    bench.fill(order, 1, 401)
    bench.cancelled(order)
    rest = bench.sent.decision_id
    bench.fill(order, 1, 401)
    assert bench.cancels == [order, rest]
    bench.cancelled(rest)

    assert bench.sent.lots == 3
    bench.fill(bench.sent.decision_id, 3)
    assert bench.lots == 5
    assert bench.open_orders(held=True) == []


def test_the_rest_may_be_repriced(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, market_to_limit=True))
    bench.do(lambda c: c.amend(order, units=4))
    assert bench.rules() == ["amend"]
    bench.fill(order, 1, 401)
    bench.cancelled(order)
    rest = bench.sent.decision_id
    bench.do(lambda c: c.amend(order, units=4))
    bench.cancelled(rest)

    assert bench.sent.lots == 3


# -- by the clock -------------------------------------------------------------------------------


def twap(bench: Bench, **terms: Any) -> str:
    wanted = {"units": 10, "parts": 4, "interval_ns": 60 * SECOND, **terms}
    order: str = bench.do(lambda c: c.twap(SYMBOL, side="buy", **wanted))
    return order


def test_equal_parts_go_at_equal_intervals(bench: Bench) -> None:
    order = twap(bench)
    began = bench.now_ns
    assert sizes(bench) == [2]
    for _ in range(3):
        bench.fill(bench.sent.decision_id, bench.sent.lots)
        bench.wait(58)
        bench.wait(1)

    assert sizes(bench) == [2, 3, 2, 3]
    assert [each.decided_at_ns - began for each in bench.placed] == [
        0,
        60 * SECOND,
        120 * SECOND,
        180 * SECOND,
    ]
    assert [each.origin for each in bench.placed] == [f"leg:{order}:slice:{k}" for k in range(4)]
    bench.fill(bench.sent.decision_id, 3)
    assert bench.open_orders(held=True) == []
    assert {each.decision_id for each in bench.news(Fill)} == {order}


def test_what_one_part_leaves_goes_with_the_next(bench: Bench) -> None:
    twap(bench)
    bench.fill(bench.sent.decision_id, 1)
    bench.cancelled(bench.sent.decision_id, "time_in_force")
    bench.wait(60)

    assert sizes(bench) == [2, 4]


def test_what_is_under_way_is_not_sent_twice(bench: Bench) -> None:
    twap(bench, limit=99)
    bench.wait(60)

    assert sizes(bench) == [2, 3]
    assert {each.limit_ticks for each in bench.placed} == {396}


def test_after_the_last_part_it_waits_one_interval_and_ends(bench: Bench) -> None:
    order = twap(bench, parts=1, limit=99)
    bench.fill(bench.sent.decision_id, 4)
    bench.wait(61)
    assert bench.cancels == [bench.sent.decision_id]
    bench.cancelled(bench.sent.decision_id)

    told = bench.news(OrderCancelled)
    assert [(each.decision_id, each.filled_lots) for each in told] == [(order, 4)]
    assert bench.open_orders(held=True) == []


def test_cancelling_it_between_two_parts_ends_it_at_once(bench: Bench) -> None:
    order = twap(bench)
    bench.fill(bench.sent.decision_id, 2)
    assert bench.open_orders() == []
    assert bench.open_orders(held=True) == [order]
    bench.do(lambda c: c.cancel(order))
    bench.wait(61)

    assert sizes(bench) == [2]
    assert [each.filled_lots for each in bench.news(OrderCancelled)] == [2]


def test_a_part_that_is_refused_ends_it(a_bench: Benches) -> None:
    bench = a_bench(GATEWAY, limits=RiskLimits(position_notional_max=Decimal(300)))
    twap(bench)
    bench.fill(bench.sent.decision_id, 2)
    bench.wait(60)
    bench.wait(60)

    assert sizes(bench) == [2]
    assert bench.rules() == ["position_notional_max"]
    assert bench.open_orders(held=True) == []


def test_its_size_and_limit_may_change_under_way(bench: Bench) -> None:
    order = twap(bench, limit=99)
    bench.fill(bench.sent.decision_id, 2)
    bench.do(lambda c: c.amend(order, units=20, limit=98))
    bench.wait(60)

    assert (bench.sent.lots, bench.sent.limit_ticks) == (8, 392)
    assert len(bench.news(OrderAmended)) == 1
    bench.do(lambda c: c.amend(order, units=9))
    assert bench.rules() == ["amend"]


def test_an_oco_may_hold_a_schedule(bench: Bench) -> None:
    order = twap(bench)
    stop = bench.do(lambda c: c.buy(SYMBOL, units=1, stop=120))
    bench.do(lambda c: c.one_cancels_other(order, stop))
    bench.fill(bench.placed[0].decision_id, 1)

    assert bench.cancels == [stop]


# -- with the volume ----------------------------------------------------------------------------


def test_a_share_of_the_volume_seen_and_never_more(bench: Bench) -> None:
    order = bench.do(lambda c: c.participate(SYMBOL, side="sell", units=6, share=0.1))
    bench.trade(lots=9)
    assert sizes(bench) == []
    bench.trade(lots=12)
    assert sizes(bench) == [2]
    bench.trade(lots=18)
    assert sizes(bench) == [2, 1]
    bench.trade(lots=1000)
    bench.trade(lots=1000)

    assert sizes(bench) == [2, 1, 3]
    assert bench.sent.origin == f"leg:{order}:share:trade:{SYMBOL}:5"
    for each in list(bench.placed):
        bench.fill(each.decision_id, each.lots)
    assert bench.open_orders(held=True) == []
    assert bench.lots == -6


def test_volume_from_before_counts_nothing(bench: Bench) -> None:
    bench.trade(lots=1000)
    bench.do(lambda c: c.participate(SYMBOL, side="sell", units=6, share=1))

    assert sizes(bench) == []


def test_a_print_from_before_that_arrives_late_counts_nothing(bench: Bench) -> None:
    bench.do(lambda c: c.participate(SYMBOL, side="sell", units=6, share=1))
    bench.trade(lots=1000, late_s=2)
    assert sizes(bench) == []
    bench.trade(lots=3)

    assert sizes(bench) == [3]


def test_on_bars_only_whole_first_versions_from_then_on_count() -> None:
    class Early(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")
            context.timer_at("start", T0 + 90 * SECOND)

        def on_timer(self, context: Any, timer: Any) -> None:
            context.participate(SYMBOL, side="sell", units=100, share=0.1)

    columns = bars([400, 400, 400, 400, 400])
    columns.volume_lots[:] = [10, 20, 30, 40, 50]
    columns.revision[3] = 1
    for given in (MarketBatch(columns, stored=True), Inputs(tuple(single_events(columns)))):
        _, _, venue = run(Early, given, venue_profile=GATEWAY)

        assert [each.lots for each in venue.placed] == [3, 5]


def test_a_venue_with_everything_gets_the_same_parts(a_bench: Benches) -> None:
    found = []
    for venue in (GATEWAY, EVERYTHING):
        bench = a_bench(venue)
        twap(bench)
        bench.do(lambda c: c.participate(SYMBOL, side="buy", units=6, share="0.5"))
        bench.trade(lots=5)
        bench.wait(60)
        found.append([(each.decision_id, each.lots) for each in bench.placed])

    assert found[0] == found[1]
    assert len(found[0]) == 4


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda c: c.twap(SYMBOL, side="up", units=4, parts=2, interval_ns=1), "'buy', 'sell'"),
        (lambda c: c.twap(SYMBOL, side="buy", units=4, parts=5, interval_ns=1), "make fewer"),
        (lambda c: c.twap(SYMBOL, side="buy", units=4, parts=0, interval_ns=1), "make fewer"),
        (lambda c: c.twap(SYMBOL, side="buy", units=4, parts=2, interval_ns=0), "positive"),
        (lambda c: c.participate(SYMBOL, side="buy", units=4, share=0), "at most 1"),
        (lambda c: c.participate(SYMBOL, side="buy", units=4, share=1.01), "at most 1"),
        (lambda c: c.participate(SYMBOL, side="buy", units=4, share="1e-9"), "eight decimals"),
        (lambda c: c.bracket(SYMBOL, side="buy", units=4), "without exits"),
        (lambda c: c.bracket(SYMBOL, side="no", units=4, stop_loss=1), "'buy', 'sell'"),
        (
            lambda c: c.bracket(SYMBOL, side="buy", units=4, stop_loss=1, release="late"),
            "'partial', 'full'",
        ),
        (lambda c: c.one_cancels_other("a"), "two or more"),
        (lambda c: c.one_updates_other("a", "b"), "not known here"),
        (lambda c: c.amend("a"), "nothing to change"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(
    bench: Bench, act: Callable[[Any], Any], words: str
) -> None:
    with pytest.raises(OrderRefused, match=words):
        bench.do(act)
