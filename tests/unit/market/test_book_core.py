"""The matching core on a book: what it reports, refuses, and how it grows."""

from __future__ import annotations

import pytest

from tests.support.books import CLEAR, LEVEL, TRADE, ZERO, Scene, an_order, book_rows
from tieout.errors import DataError, OrderRefused, SettingsError
from tieout.market.book import BookBreakKind
from tieout.market.book_matching import BookCore
from tieout.market.book_terms import book_refusal
from tieout.market.queues import QueueModel
from tieout.market.reports import ReportKind
from tieout.model.orders import AmendOrder, OrderType, TimeInForce


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"order_type": OrderType.TRAILING_STOP}, "TRAILING_STOP"),
        ({"time_in_force": TimeInForce.AT_OPEN}, "auction"),
        ({"time_in_force": TimeInForce.AT_CLOSE}, "auction"),
        ({"limit_ticks": None}, "limit price None"),
        ({"stop_ticks": 5}, "trigger price 5"),
        ({"limit_ticks": 0}, "limit price 0"),
        ({"limit_ticks": 2**41}, "limit price"),
        ({"lots": 0}, "0 lots"),
        ({"lots": 2**44}, "lots"),
        ({"order_type": OrderType.MARKET, "post_only": True}, "post-only"),
        ({"time_in_force": TimeInForce.FILL_OR_KILL, "post_only": True}, "post-only"),
        ({"display_lots": 2}, "display quantity"),
    ],
)
def test_an_order_that_no_book_can_hold_is_refused(terms: dict[str, object], why: str) -> None:
    order = an_order(**terms)
    assert why in (book_refusal(order) or "")
    with pytest.raises(OrderRefused, match=why):
        BookCore(ZERO).place(0, order, arrival_ns=0, response_ns=0)


def test_terms_that_cannot_be_computed_are_refused_in_an_amend() -> None:
    wish = AmendOrder(
        decision_id="a",
        order_decision_id="d",
        lots=0,
        limit_ticks=None,
        stop_ticks=None,
        decided_at_ns=0,
        origin="test",
    )
    with pytest.raises(OrderRefused, match="lots 0"):
        BookCore(ZERO).amend(0, wish, arrival_ns=0, response_ns=0)


def test_a_feed_latency_below_zero_is_refused() -> None:
    with pytest.raises(SettingsError, match="-1 ns"):
        BookCore(ZERO, feed_latency_ns_max=-1)


def test_a_row_that_cannot_be_right_is_named_over_all_chunks() -> None:
    scene = Scene().level(1, 98, 3)
    with pytest.raises(DataError, match="price") as refused:
        scene.level(1, 0, 3)
    assert refused.value.row == 6


def test_the_half_spread_of_a_fill_is_exact_and_the_levels_walked_are_impact() -> None:
    scene = Scene([(1, 100, 5), (-1, 103, 5), (-1, 105, 5)])
    scene.place(0, order_type=OrderType.MARKET, lots=10)
    near, far = scene.reports
    for fill in (near, far):
        assert fill.reference_microticks == 101_500_000
        assert fill.half_spread_microticks == 1_500_000
    # In whole ticks the reference is rounded so that the shift is not made smaller.
    assert (near.reference_ticks, near.price_ticks, far.price_ticks) == (101, 103, 105)


def test_the_reference_is_the_mid_at_arrival_though_the_rest_fills_later() -> None:
    scene = Scene([(1, 100, 5), (-1, 102, 5)]).place(0, order_type=OrderType.MARKET, lots=9)
    scene.level(-1, 102, 0).level(-1, 110, 4)
    assert [each.reference_microticks for each in scene.reports] == [101_000_000] * 2
    assert [each.half_spread_microticks for each in scene.reports] == [1_000_000] * 2


def test_a_sale_below_the_mid_has_the_same_parts() -> None:
    scene = Scene([(1, 100, 5), (-1, 103, 5)]).place(0, side=-1, order_type=OrderType.MARKET)
    (fill,) = scene.reports
    assert (fill.reference_ticks, fill.half_spread_microticks) == (102, 1_500_000)


def test_a_makers_fill_tells_what_was_ahead_of_it() -> None:
    scene = Scene().place(0).print(-1, 100, 4).print(-1, 100, 8)
    (fill,) = scene.reports
    assert fill.queue_ahead_microlots == 6_000_000
    assert (fill.reference_ticks, fill.half_spread_microticks) == (100, 0)


def test_a_crossing_level_fills_a_maker_with_no_more_than_it_shows() -> None:
    scene = Scene([(1, 99, 5), (-1, 105, 5)]).place(0, limit_ticks=101, lots=9)
    scene.rows([(LEVEL, 1, 99, 0, False), (LEVEL, -1, 101, 4, True)])
    scene.level(1, 98, 3).level(-1, 101, 6)
    assert scene.told() == [(101, 4, True), (101, 5, True)]


def test_a_book_that_is_crossed_serves_nobody_who_takes() -> None:
    scene = Scene([(1, 100, 5), (-1, 101, 5)]).level(1, 101, 3)
    scene.place(0, order_type=OrderType.MARKET)
    assert scene.told() == []
    assert [each.kind for each in scene.core.breaks] == [BookBreakKind.CROSSED]
    assert scene.level(1, 101, 0).told() == [(101, 5, False)]


def test_a_book_that_is_half_told_serves_nobody_who_takes() -> None:
    scene = Scene().rows([(CLEAR, 0, 0, 0, False)]).place(0, order_type=OrderType.MARKET)
    scene.rows([(LEVEL, -1, 103, 9, False)])
    assert scene.told() == []
    assert scene.level(1, 99, 9).told() == [(103, 5, False)]


def test_an_order_meets_the_book_of_its_arrival_and_not_that_of_its_answer() -> None:
    core = BookCore(ZERO)
    rows = [(1, LEVEL, 1, 99, 5, False), (1, LEVEL, -1, 101, 5, True)]
    rows += [(20, LEVEL, -1, 102, 5, False), (20, LEVEL, -1, 101, 0, True)]
    rows += [(30, LEVEL, 1, 98, 5, True)]
    core.give(book_rows(rows, latency_ns=100))
    core.commit(110)
    core.place(0, an_order(order_type=OrderType.MARKET), arrival_ns=25, response_ns=1)
    (fill,) = core.commit(1_000)
    # The row of 20 was true before it came, and is known at 120: the order waited for it.
    assert (fill.price_ticks, fill.venue_time_ns, fill.arrival_ns) == (102, 25, 130)


def test_where_no_later_row_comes_a_command_waits_as_long_as_a_row_may_take() -> None:
    core = BookCore(ZERO, feed_latency_ns_max=50)
    core.give(book_rows([(1, LEVEL, 1, 99, 5, False), (1, LEVEL, -1, 101, 5, True)]))
    core.commit(1)
    core.place(0, an_order(order_type=OrderType.MARKET), arrival_ns=10, response_ns=7)
    assert core.next_answer_ns() == 60
    assert list(core.answer(59)) == []
    (fill,) = core.answer(60)
    assert (fill.venue_time_ns, fill.arrival_ns) == (10, 60)


def test_a_print_from_before_the_order_that_comes_late_does_not_fill_it() -> None:
    scene = Scene([(1, 99, 5), (-1, 105, 5)]).level(1, 98, 1)
    scene.place(0, limit_ticks=100)
    late = book_rows([(1, TRADE, -1, 99, 50, True)])
    late.arrival_time_ns[:] = scene.time + 1
    scene.core.give(late)
    assert scene.core.commit(scene.time + 1) == []


def test_an_order_that_expired_does_not_fill_at_that_very_time() -> None:
    scene = Scene([(1, 99, 5), (-1, 105, 5)])
    scene.core.place(0, an_order(expires_at_ns=4), arrival_ns=1, response_ns=0)
    scene.print(-1, 99, 1).print(-1, 99, 1).print(-1, 99, 9)
    assert scene.told() == [(100, 1, True), (100, 1, True), ("expired", "date")]


def test_reduce_only_never_opens_the_other_side() -> None:
    terms = {"reduce_only": True, "side": -1, "order_type": OrderType.MARKET, "lots": 9}
    assert Scene().place(0, **terms).told() == [("rejected", "reduce only")]
    scene = Scene(position_lots=4).place(0, **terms)
    assert scene.told() == [(100, 4, False), ("expired", "reduce only")]
    assert scene.core.position_lots == 0


def test_many_orders_commands_levels_and_reports_grow_the_arrays() -> None:
    asks = [(-1, 200 + price, 1) for price in range(600)]
    scene = Scene([(1, 100, 5), *asks])
    for number in range(60):
        scene.core.place(number, an_order(limit_ticks=90), arrival_ns=1, response_ns=0)
    scene.settle()
    scene.place(99, order_type=OrderType.MARKET, lots=600)
    assert len(scene.told(99)) == 600
    for number in range(60):
        scene.core.cancel(number, arrival_ns=1, response_ns=0)
    scene.settle()
    assert [scene.told(number) for number in (0, 59)] == [[("cancelled",)]] * 2


def test_quiet_rows_are_passed_over_up_to_the_one_that_touches() -> None:
    core = BookCore(ZERO, feed_latency_ns_max=0)
    rows = [(1, LEVEL, 1, 99, 5, False), (1, LEVEL, -1, 105, 5, True)]
    rows += [(time, LEVEL, 1, 98, time, True) for time in range(2, 10)]
    core.give(book_rows([*rows, (10, TRADE, -1, 99, 3, True)]))
    core.commit(1)
    assert core.passes(9)
    core.place(0, an_order(), arrival_ns=1, response_ns=0)
    assert core.next_touch_ns(100) == 2
    core.commit(2)
    assert core.next_touch_ns(100) == 10
    assert core.calm_before_ns == 10
    assert core.passes(9)
    assert not core.passes(10)
    assert [each.kind for each in core.commit(10)] == [ReportKind.FILL]
    assert core.wants_rows


def test_the_price_at_a_time_is_the_last_print() -> None:
    scene = Scene()
    assert scene.core.price_at(9) is None
    scene.print(1, 101, 1).level(1, 97, 1)
    assert scene.core.price_at(1) is None
    assert scene.core.price_at(9) == 101


def test_a_queue_model_decides_how_far_strangers_who_leave_bring_us() -> None:
    scene = Scene(queue=QueueModel.named("power-1")).place(0).level(1, 100, 20).level(1, 100, 10)
    # Ten ahead, ten behind: of the ten that left, half stood ahead.
    assert scene.ahead() == 5


class Breaks:
    name = "breaks"
    version = 1

    def ahead_after(self, ahead: int, traded: int, before: int, after: int) -> int:
        if after == 3:
            raise ValueError("three is too few")
        return min(ahead, after * 10**6) if after > 5 else ahead + 1


@pytest.mark.parametrize(("after", "told"), [(3, "three is too few"), (4, "out of its bounds")])
def test_what_a_queue_model_may_not_answer_ends_the_run(after: int, told: str) -> None:
    scene = Scene(models={"queue": Breaks()}).place(0, limit_ticks=100)
    scene.level(1, 100, 9)
    with pytest.raises(SettingsError, match=f"model breaks.*{told}"):
        scene.level(1, 100, after)
