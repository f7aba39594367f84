"""The matching core on single orders: who fills when, at what price, known when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.order_events import add, cancel, clear, events, fill, modify, print_of
from tests.support.own_orders import NEVER, K, Stage, a_core, an_order, terms_of
from tieout.errors import DataError, OrderRefused, SettingsError
from tieout.market.reports import ReportReason as Why
from tieout.model.orders import OrderType, TimeInForce

BUY, SELL = 1, -1


def two_sided(**arguments: Any) -> Stage:
    """Bids 5 and 3 at 100, asks 4 and 2 at 101 and 6 at 103."""
    return Stage(
        add(1, BUY, 100, 5, at=1),
        add(2, BUY, 100, 3, at=1),
        add(3, SELL, 101, 4, at=1),
        add(4, SELL, 101, 2, at=1),
        add(5, SELL, 103, 6, at=1),
        **arguments,
    )


# -- taking ---------------------------------------------------------------------------------------


def test_a_market_order_walks_the_book_and_each_price_is_a_fill_of_its_own() -> None:
    stage = two_sided()

    order = stage.place(5, an_order(BUY, 8))

    assert stage.fills == [(order, 6, 101), (order, 2, 103)]
    assert [each.liquidity for each in stage.reports] == [2, 2]


def test_a_taker_is_told_its_mid_and_half_the_spread() -> None:
    stage = two_sided()

    stage.place(5, an_order(BUY, 1))
    stage.place(5, an_order(SELL, 1))

    bought, sold = stage.reports
    assert (bought.reference_microticks, bought.reference_ticks) == (100_500_000, 100)
    assert (sold.reference_microticks, sold.reference_ticks) == (100_500_000, 101)
    assert bought.half_spread_microticks == sold.half_spread_microticks == 500_000


def test_what_a_market_order_has_left_goes_on_when_somebody_comes() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 20))

    stage.rows(add(8, SELL, 110, 3, at=6, last=False), add(9, SELL, 109, 1, at=6))

    assert stage.fills[2:] == [(order, 1, 109), (order, 3, 110)]


def test_a_limit_order_takes_within_its_limit_and_the_rest_stands_at_the_back() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 9, limit=101))

    assert stage.fills == [(order, 6, 101)]
    assert stage.core.queue_ahead(order) == 0


def test_a_market_to_limit_order_takes_the_best_price_alone_and_rests_there() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 8, to_limit=True))

    stage.rows(add(8, SELL, 101, 1, at=6))

    assert stage.fills == [(order, 6, 101), (order, 1, 101)]
    assert [each.liquidity for each in stage.reports] == [2, 1]


@pytest.mark.parametrize(("lots", "filled"), [(6, [6]), (7, [])])
def test_fill_or_kill_takes_all_of_it_or_nothing(lots: int, filled: list[int]) -> None:
    stage = two_sided()

    stage.place(5, an_order(BUY, lots, limit=102, in_force="fok"))

    assert [each for _, each, _ in stage.fills] == filled
    assert [kind for _, kind, _ in stage.ends()] == ([] if filled else [K.EXPIRY])


def test_lots_that_a_print_has_taken_and_no_row_removed_yet_are_not_offered() -> None:
    stage = two_sided()
    stage.rows(print_of(BUY, 101, 3, at=4, last=False), fill(3, SELL, 101, 3, at=4, last=False))

    order = stage.place(5, an_order(BUY, 9, limit=101, in_force="ioc"))

    assert stage.fills == [(order, 3, 101)]


def test_a_crossed_book_takes_nothing_and_is_met_when_it_is_crossed_no_more() -> None:
    """Orders that cross gather in an auction: nobody trades with them before it ends."""
    stage = Stage(add(1, BUY, 102, 5, at=1), add(2, SELL, 101, 4, at=1))
    market = stage.place(5, an_order(BUY, 1))
    gone = stage.place(5, an_order(SELL, 1, limit=100, in_force="ioc"))

    assert stage.fills == []
    assert stage.ends() == [(gone, K.EXPIRY, Why.IN_FORCE)]

    stage.rows(cancel(1, 5, at=6))

    assert stage.fills == [(market, 1, 101)]


# -- resting --------------------------------------------------------------------------------------


def test_a_stranger_who_crosses_us_fills_us_as_maker_up_to_what_he_shows() -> None:
    stage = two_sided()
    stage.rows(cancel(1, 5, at=4), cancel(2, 3, at=4))
    order = stage.place(5, an_order(BUY, 9, limit=100))

    stage.rows(add(6, SELL, 99, 4, at=6), modify(6, SELL, 99, 6, at=7))

    assert stage.fills == [(order, 4, 100), (order, 2, 100)]
    assert [each.liquidity for each in stage.reports] == [1, 1]


def test_nobody_is_crossed_before_the_book_is_whole() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 9, limit=100))

    stage.rows(add(6, SELL, 99, 4, at=6, last=False))
    assert stage.fills == []

    stage.rows(cancel(6, 4, at=6))
    assert stage.fills == []


def test_the_better_of_our_prices_trades_first_and_then_the_older() -> None:
    stage = two_sided()
    stage.rows(cancel(1, 5, at=4), cancel(2, 3, at=4))
    old = stage.place(5, an_order(BUY, 1, limit=98))
    young = stage.place(6, an_order(BUY, 1, limit=98))
    better = stage.place(7, an_order(BUY, 1, limit=99))

    stage.rows(add(6, SELL, 97, 2, at=8))

    assert [order for order, _, _ in stage.fills] == [better, old]
    assert stage.core.queue_ahead(young) == 0


def test_a_fill_at_a_worse_price_than_ours_would_have_been_ours() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 1, limit=101, post_only=False))
    assert stage.fills == [(order, 1, 101)]
    resting = stage.place(6, an_order(SELL, 2, limit=102))

    stage.rows(print_of(BUY, 103, 5, at=7, last=False), fill(5, SELL, 103, 5, at=7))

    assert stage.fills[1:] == [(resting, 2, 102)]


def test_a_fill_of_somebody_ahead_of_us_is_not_ours_whatever_price_an_auction_gave_him() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 1, limit=99))

    # He bid 100 and got 98: at his own price he stood ahead of us.
    stage.rows(print_of(0, 98, 5, at=7, last=False), fill(1, BUY, 98, 5, at=7))

    assert stage.fills == []


def test_a_fill_of_somebody_unknown_is_ours_only_where_it_is_worse_than_our_price() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(fill(77, BUY, 100, 1, at=6), fill(77, BUY, 99, 1, at=7))

    assert stage.fills == [(order, 1, 100)]


def test_a_fill_of_whoever_came_just_before_us_is_his() -> None:
    stage = Stage(add(1, BUY, 100, 1, at=1))
    stage.place(5, an_order(BUY, 1, limit=100))

    stage.rows(fill(1, BUY, 100, 1, at=6))

    assert stage.fills == []


def test_a_fill_at_a_better_price_than_the_book_has_says_nothing_of_that_place() -> None:
    """He moved without a row: where the book still has him, nothing traded."""
    stage = two_sided()
    stage.place(5, an_order(BUY, 1, limit=100))

    stage.rows(add(6, BUY, 100, 1, at=6), fill(6, BUY, 101, 1, at=7))

    assert stage.fills == []


def test_a_print_through_our_price_is_watched_until_its_event_is_whole() -> None:
    core = a_core()
    core.place(1, an_order(BUY, 1, limit=100), arrival_ns=1, response_ns=0)
    core.answer(1)
    core.give(events(print_of(SELL, 99, 2, at=5, last=False), cancel(9, 1, at=6)))

    assert core.next_touch_ns(9) == 5
    assert core.commit(5) == []
    assert core.next_touch_ns(9) == 6
    (filled,) = core.commit(6)
    assert (filled.lots, filled.price_ticks, filled.arrival_ns) == (1, 100, 6)


def test_a_makers_report_says_what_stood_ahead_of_it() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 1, limit=100))

    stage.rows(add(6, BUY, 100, 1, at=6), fill(6, BUY, 100, 1, at=7))

    assert stage.reports[0].queue_ahead_microlots == 8_000_000
    assert stage.reports[0].reference_ticks == 100


# -- times ----------------------------------------------------------------------------------------


def test_an_order_meets_the_book_as_it_was_when_it_came_and_is_told_when_that_is_known() -> None:
    core = a_core(feed_latency_ns_max=1_000)
    core.place(1, an_order(BUY, 1), arrival_ns=10, response_ns=5)
    core.give(
        events(
            add(1, SELL, 101, 1, at=9, arrives=12),
            add(2, SELL, 100, 1, at=10, arrives=13),
            add(3, SELL, 99, 1, at=11, arrives=40),
        )
    )

    (filled,) = core.commit(NEVER)

    assert (filled.price_ticks, filled.venue_time_ns, filled.arrival_ns) == (100, 10, 40)


def test_a_command_waits_for_a_later_row_only_so_long() -> None:
    core = a_core(feed_latency_ns_max=7)
    core.give(events(add(1, SELL, 101, 1, at=9)))
    core.commit(9)
    core.place(1, an_order(BUY, 1), arrival_ns=10, response_ns=5)

    assert core.next_answer_ns() == 22
    assert core.answer(21) == []
    (filled,) = core.answer(22)

    assert (filled.venue_time_ns, filled.arrival_ns) == (10, 22)


def test_a_row_of_the_same_time_as_our_order_is_not_ours() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))
    stage.rows(add(6, BUY, 100, 2, at=6))

    stage.rows(fill(6, BUY, 100, 1, at=5, arrives=7), fill(6, BUY, 100, 1, at=6, arrives=7))

    assert stage.fills == [(order, 1, 100)]


def test_a_makers_fill_is_known_no_earlier_than_the_row_that_caused_it() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 2, limit=100), response=3)

    stage.rows(
        add(6, BUY, 100, 2, at=6, arrives=6),
        fill(6, BUY, 100, 1, at=7, arrives=20),
        fill(6, BUY, 100, 1, at=21, arrives=21),
    )

    assert [(each.venue_time_ns, each.arrival_ns) for each in stage.reports] == [(7, 20), (21, 24)]


def test_a_cancel_acts_after_every_row_up_to_its_time() -> None:
    stage = two_sided(feed_latency_ns_max=100)
    order = stage.place(5, an_order(BUY, 1, limit=100))
    stage.core.cancel(order, arrival_ns=8, response_ns=0)

    stage.rows(add(6, BUY, 100, 1, at=6), fill(6, BUY, 100, 1, at=8), add(7, BUY, 90, 1, at=9))

    assert stage.fills == [(order, 1, 100)]
    assert stage.ends() == [(order, K.CANCEL_REFUSAL, Why.FINAL)]


def test_a_cancel_that_overtakes_its_order_finds_none() -> None:
    core = a_core(feed_latency_ns_max=100)
    core.place(1, an_order(BUY, 1, limit=100), arrival_ns=10, response_ns=0)
    core.cancel(1, arrival_ns=9, response_ns=0)

    core.give(events(add(6, BUY, 100, 1, at=20)))
    (refused,) = core.commit(NEVER)

    assert (refused.kind, refused.reason) == (K.CANCEL_REFUSAL, Why.UNKNOWN)
    assert core.queue_ahead(1) == 0


@pytest.mark.parametrize(("at", "filled"), [(9, 1), (10, 0), (11, 0)])
def test_an_order_no_longer_fills_from_the_time_at_which_it_expires(at: int, filled: int) -> None:
    stage = two_sided(feed_latency_ns_max=100)
    order = stage.place(5, an_order(BUY, 1, limit=100, expires_at_ns=10))

    stage.rows(add(6, BUY, 100, 1, at=6), fill(6, BUY, 100, 1, at=at), add(7, BUY, 90, 1, at=20))

    assert len(stage.fills) == filled
    if not filled:
        assert stage.ends() == [(order, K.EXPIRY, Why.EXPIRED)]
        assert stage.reports[0].venue_time_ns == 10


def test_an_order_that_comes_after_its_end_is_refused_in_a_word() -> None:
    core = a_core()

    word = core.place(
        1, an_order(BUY, 1, limit=100, expires_at_ns=10), arrival_ns=10, response_ns=0
    )

    assert word == "expired"
    assert core.next_answer_ns() is None


# -- triggers, amends, reduce-only ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "terms", "price", "pulled"),
    [
        (BUY, {"stop": 101}, 101, True),
        (BUY, {"stop": 102}, 101, False),
        (SELL, {"stop": 99}, 99, True),
        (SELL, {"stop": 98}, 99, False),
        (BUY, {"touch": 99}, 99, True),
        (BUY, {"touch": 98}, 99, False),
        (SELL, {"touch": 101}, 101, True),
        (SELL, {"touch": 102}, 101, False),
    ],
)
def test_a_print_at_or_beyond_the_trigger_pulls_it(
    side: int, terms: dict[str, int], price: int, pulled: bool
) -> None:
    stage = two_sided()
    order = stage.place(5, an_order(side, 1, **terms))

    stage.rows(print_of(0, price, 1, at=6), add(9, BUY, 90, 1, at=7))

    assert (stage.ends() == [(order, K.TRIGGER, Why.NONE)]) == pulled
    assert [price for _, _, price in stage.fills] == ([101 if side == BUY else 100] * pulled)


def test_an_armed_order_takes_new_terms() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 1, limit=104, stop=110))
    stage.amend(6, order, lots=2, limit=105, stop=101)

    stage.rows(print_of(0, 101, 1, at=7), add(9, BUY, 90, 1, at=8))

    assert stage.fills == [(order, 2, 101)]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"stop": 5}, Why.INVALID)],
)
def test_an_amend_that_cannot_be_is_refused(terms: dict[str, int], reason: int) -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=99))
    stage.rows(add(6, BUY, 99, 1, at=6), fill(6, BUY, 99, 1, at=6))

    stage.amend(7, order, **terms)

    assert stage.ends() == [(order, K.AMEND_REFUSAL, reason)]


def test_an_amended_price_that_crosses_takes() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=99))

    stage.amend(7, order, limit=101)

    assert stage.fills == [(order, 2, 101)]
    assert stage.reports[-1].liquidity == 2


def test_a_reduce_only_order_never_opens_the_other_side() -> None:
    stage = two_sided(position_lots=-3)
    order = stage.place(5, an_order(BUY, 9, reduce_only=True))
    refused = stage.place(6, an_order(BUY, 9, reduce_only=True))

    assert stage.fills == [(order, 3, 101)]
    assert stage.ends() == [
        (order, K.EXPIRY, Why.REDUCE_ONLY),
        (refused, K.REJECTION, Why.REDUCE_ONLY),
    ]
    assert stage.core.position_lots == 0


def test_a_resting_reduce_only_order_ends_when_it_has_nothing_left_to_reduce() -> None:
    stage = two_sided(position_lots=-3)
    resting = stage.place(5, an_order(BUY, 3, limit=100, reduce_only=True))
    stage.place(6, an_order(BUY, 3))

    stage.rows(add(6, BUY, 100, 1, at=7), fill(6, BUY, 100, 1, at=8))

    assert stage.ends() == [(resting, K.EXPIRY, Why.REDUCE_ONLY)]
    assert stage.core.position_lots == 0


def test_funding_falls_on_the_position_and_the_last_print_before_it() -> None:
    stage = Stage(
        print_of(0, 100, 1, at=1), print_of(0, 102, 1, at=9), position_lots=2, funding_ns=10
    )

    stage.rows(print_of(0, 107, 1, at=31))

    charged = [(each.venue_time_ns, each.lots, each.price_ticks) for each in stage.reports]
    assert charged == [(10, 2, 102), (20, 2, 102), (30, 2, 102)]


def test_funding_falls_before_an_order_that_arrives_after_it() -> None:
    stage = Stage(
        print_of(0, 100, 1, at=1), add(1, BUY, 99, 5, at=2), position_lots=2, funding_ns=10
    )

    stage.place(12, an_order(SELL, 2))

    assert [(each.kind, each.venue_time_ns, each.lots) for each in stage.reports] == [
        (K.FUNDING, 10, 2),
        (K.FILL, 12, 2),
    ]


def test_a_position_that_a_maker_opens_is_not_charged_for_the_time_before() -> None:
    stage = two_sided(funding_ns=10)
    stage.place(5, an_order(BUY, 1, limit=100))

    stage.rows(add(6, BUY, 100, 1, at=35), fill(6, BUY, 100, 1, at=36), print_of(0, 99, 1, at=37))
    stage.rows(print_of(0, 99, 1, at=41))

    assert [each.venue_time_ns for each in stage.reports if each.kind == K.FUNDING] == [40]


# -- the shape of a core --------------------------------------------------------------------------


def test_quiet_rows_are_passed_over_and_act_later() -> None:
    core = a_core()
    core.give(events(add(1, BUY, 100, 5, at=1), add(2, SELL, 101, 5, at=2)))
    core.commit(2)
    core.place(1, an_order(BUY, 1, limit=100), arrival_ns=3, response_ns=0)
    core.answer(3)
    core.give(events(*(cancel(1, 1, at=at) for at in range(4, 8)), fill(1, BUY, 90, 1, at=9)))

    assert core.next_touch_ns(8) is None
    assert core.passes(7)
    assert not core.wants_rows
    assert core.next_touch_ns(100) == 9
    core.commit(9)
    assert (core.wants_rows, core.queue_ahead(1)) == (True, 1)


def test_an_idle_core_is_calm_and_one_with_a_command_is_not() -> None:
    core = a_core()
    assert core.calm_before_ns > NEVER

    core.place(1, an_order(BUY, 1, limit=100), arrival_ns=3, response_ns=0)

    assert core.calm_before_ns < 0
    assert not core.passes(-5)


def test_the_last_print_by_a_time_is_remembered_for_a_few_chunks() -> None:
    core = a_core()
    assert core.price_at(5) is None
    core.give(events(print_of(0, 100, 1, at=1), add(1, BUY, 90, 1, at=2)))
    core.commit(NEVER)
    core.give(events(add(2, BUY, 90, 1, at=3), print_of(0, 105, 1, at=5)))

    assert [core.price_at(at) for at in (0, 1, 4, 5)] == [None, 100, 100, 105]
    assert core.last_arrival_ns == 5


def test_many_orders_and_reports_find_room() -> None:
    core = a_core(feed_latency_ns_max=10**6)
    for number in range(200):
        core.place(number, an_order(BUY, 400), arrival_ns=1_000, response_ns=0)
        core.place(1000 + number, an_order(BUY, 1, stop=90), arrival_ns=1, response_ns=0)
    core.give(
        events(
            *(add(each, SELL, 100 + each, 2, at=each) for each in range(1, 900)),
            print_of(0, 95, 1, at=950),
            add(2000, SELL, 5000, 1, at=2_000),
        )
    )

    reports = core.commit(NEVER)

    fills = [each for each in reports if each.kind == K.FILL]
    assert sum(each.lots for each in fills) == 2 * 899 + 1
    assert sum(each.kind == K.TRIGGER for each in reports) == 200


def test_a_row_that_cannot_be_read_is_refused_before_it_acts() -> None:
    core = a_core()

    with pytest.raises(DataError, match="ES, row 1: a quantity is not positive"):
        core.give(events(add(1, BUY, 100, 0)))

    assert core.wants_rows


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"order_type": OrderType.TRAILING_STOP}, "order type TRAILING_STOP"),
        ({"time_in_force": TimeInForce.AT_OPEN}, "time in force AT_OPEN needs an auction"),
        ({"limit_ticks": None}, "limit price None; the type has one"),
        ({"stop_ticks": 5}, "trigger price 5; the type has none"),
        ({"limit_ticks": 2**41}, "limit price 2199023255552 ticks; allowed: 1 … 1099511627776"),
        ({"lots": 0}, "0 lots; allowed: 1 … "),
        ({"post_only": True, "time_in_force": 2}, "post-only; allowed: a limit order"),
        ({"display_lots": 1}, "display quantity; a part"),
    ],
)
def test_an_order_that_this_core_cannot_hold_is_refused_by_name(
    terms: dict[str, Any], named: str
) -> None:
    import msgspec

    order = msgspec.structs.replace(an_order(BUY, 1, limit=100), **terms)

    with pytest.raises(OrderRefused, match=named):
        a_core().place(1, order, arrival_ns=1, response_ns=0)


def test_an_amend_beyond_exact_arithmetic_is_refused_by_name() -> None:
    with pytest.raises(OrderRefused, match="amend: lots -1; allowed: 1 … "):
        a_core().amend(1, terms_of(lots=-1), arrival_ns=1, response_ns=0)


def test_a_negative_wait_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="feed latency -1 ns; allowed: 0 or more"):
        a_core(feed_latency_ns_max=-1)


def test_a_core_without_bars_has_no_ambiguous_ones_and_clears_are_met() -> None:
    stage = two_sided()
    stage.rows(clear(at=4))

    assert stage.core.ambiguous_bars == 0
    assert len(stage.core.book) == 0
