"""Liquidity and queues where every order of the market is known."""

from __future__ import annotations

import pytest

from tests.support.order_events import add, cancel, clear, events, fill, modify, print_of
from tests.support.own_orders import NEVER, K, Stage, an_order
from tieout.market.reports import ReportReason as Why

BUY, SELL = 1, -1


def two_sided(*more: dict[str, object]) -> Stage:
    """Bids 5 and 3 at 100, asks 4 and 2 at 101 and 6 at 102."""
    return Stage(
        add(1, BUY, 100, 5, at=1),
        add(2, BUY, 100, 3, at=1),
        add(3, SELL, 101, 4, at=1),
        add(4, SELL, 101, 2, at=1),
        add(5, SELL, 102, 6, at=1),
        *more,
    )


# -- quantities and flags -------------------------------------------------------------------------


def test_n18_a_fill_of_exactly_what_is_left_closes_the_order() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(
        add(6, BUY, 100, 2, at=6),
        print_of(SELL, 100, 10, at=7, last=False),
        fill(6, BUY, 100, 2, at=7, last=False),
        cancel(6, 2, at=7),
        add(7, BUY, 100, 9, at=8),
        fill(7, BUY, 100, 9, at=9),
    )

    assert stage.fills == [(order, 2, 100)]
    assert stage.core.queue_ahead(order) is None


def test_n19_a_post_only_order_that_would_take_is_rejected() -> None:
    stage = two_sided()
    taking = stage.place(5, an_order(BUY, 1, limit=101, post_only=True))
    resting = stage.place(5, an_order(BUY, 1, limit=100, post_only=True))

    assert stage.ends() == [(taking, K.REJECTION, Why.POST_ONLY)]
    assert stage.core.queue_ahead(resting) == 8


def test_n19_a_triggered_post_only_limit_that_would_take_ends() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 1, limit=102, stop=101, post_only=True))

    stage.rows(print_of(BUY, 101, 1, at=6), add(9, BUY, 90, 1, at=7))

    assert stage.ends() == [(order, K.TRIGGER, Why.NONE), (order, K.REJECTION, Why.POST_ONLY)]
    assert stage.fills == []


def test_n19_a_refused_amend_keeps_the_place_in_the_queue() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100, post_only=True))
    stage.rows(add(6, BUY, 100, 7, at=6), cancel(1, 5, at=7))

    stage.amend(8, order, limit=101)

    assert stage.ends() == [(order, K.AMEND_REFUSAL, Why.POST_ONLY)]
    assert stage.core.queue_ahead(order) == 3


# -- what is taken is gone ------------------------------------------------------------------------


def test_n30_what_was_taken_of_an_order_stays_taken_until_the_order_goes() -> None:
    stage = two_sided()
    first = stage.place(5, an_order(BUY, 3, limit=101, in_force="ioc"))
    second = stage.place(6, an_order(BUY, 9, limit=101, in_force="ioc"))

    assert stage.fills == [(first, 3, 101), (second, 3, 101)]
    assert stage.ends() == [(second, K.EXPIRY, Why.IN_FORCE)]


def test_n30_an_order_that_goes_and_comes_again_shows_all_of_its_lots() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 6, limit=101, in_force="ioc"))
    stage.rows(cancel(3, 4, at=6), add(3, SELL, 101, 4, at=7))

    again = stage.place(8, an_order(BUY, 9, limit=101, in_force="ioc"))

    assert stage.fills[-1] == (again, 4, 101)


def test_n30_a_snapshot_shows_all_lots_anew() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 6, limit=101, in_force="ioc"))
    stage.rows(clear(at=6, last=False), add(3, SELL, 101, 4, at=6))

    again = stage.place(8, an_order(BUY, 9, limit=101, in_force="ioc"))

    assert stage.fills[-1] == (again, 4, 101)


def test_n30_what_was_taken_of_one_side_says_nothing_of_the_other() -> None:
    stage = two_sided()
    stage.place(5, an_order(BUY, 6, limit=101, in_force="ioc"))
    sold = stage.place(5, an_order(SELL, 8, limit=100, in_force="ioc"))

    assert stage.fills[-1] == (sold, 8, 100)


# -- prints ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aggressor", "filled"),
    [(BUY, "ask"), (SELL, "bid")],
)
def test_n31_a_print_fills_only_the_side_that_rested(aggressor: int, filled: str) -> None:
    stage = Stage(add(1, BUY, 90, 1, at=1), add(2, SELL, 110, 1, at=1))
    orders = {
        "bid": stage.place(5, an_order(BUY, 1, limit=100)),
        "ask": stage.place(5, an_order(SELL, 1, limit=101)),
    }

    # Through both of our prices, and nobody else is told of as its other side.
    stage.rows(print_of(aggressor, 105 if aggressor == BUY else 95, 3, at=6))

    assert [order for order, _, _ in stage.fills] == [orders[filled]]


def test_n31_a_print_without_an_aggressor_fills_whom_it_trades_through() -> None:
    stage = Stage(add(1, BUY, 90, 1, at=1), add(2, SELL, 110, 1, at=1))
    bid = stage.place(5, an_order(BUY, 1, limit=100))
    stage.place(5, an_order(SELL, 1, limit=101))

    stage.rows(print_of(0, 95, 3, at=6))

    assert stage.fills == [(bid, 1, 100)]


def test_n32_a_print_fills_no_more_than_its_size_over_all_our_orders() -> None:
    stage = two_sided()
    better = stage.place(5, an_order(BUY, 2, limit=100))
    worse = stage.place(6, an_order(BUY, 5, limit=100))
    stage.rows(
        add(6, BUY, 100, 4, at=7),
        print_of(SELL, 100, 4, at=8, last=False),
        fill(6, BUY, 100, 4, at=8),
    )

    assert stage.fills == [(better, 2, 100), (worse, 2, 100)]


def test_n33_the_print_that_triggers_a_stop_does_not_lend_its_lots_again() -> None:
    """The order enters when the moment of that print is over, on what is left of the book."""
    stage = two_sided()
    stop = stage.place(5, an_order(BUY, 5, stop=101))

    stage.rows(
        print_of(BUY, 101, 6, at=6, last=False),
        fill(3, SELL, 101, 4, at=6, last=False),
        fill(4, SELL, 101, 2, at=6, last=False),
        cancel(3, 4, at=6, last=False),
        cancel(4, 2, at=6),
        add(9, BUY, 90, 1, at=7),
    )

    assert stage.ends() == [(stop, K.TRIGGER, Why.NONE)]
    assert stage.fills == [(stop, 5, 102)]


# -- the queue ------------------------------------------------------------------------------------


def test_n34_no_fill_when_exactly_the_queue_ahead_trades() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(
        print_of(SELL, 100, 8, at=6, last=False),
        fill(1, BUY, 100, 5, at=6, last=False),
        fill(2, BUY, 100, 3, at=6, last=False),
        cancel(1, 5, at=6, last=False),
        cancel(2, 3, at=6),
    )

    assert stage.fills == []
    assert stage.core.queue_ahead(order) == 0


def test_n34_only_what_trades_behind_us_would_have_been_ours() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 4, limit=100))

    stage.rows(
        add(6, BUY, 100, 9, at=6),
        print_of(SELL, 100, 11, at=7, last=False),
        fill(1, BUY, 100, 5, at=7, last=False),
        fill(2, BUY, 100, 3, at=7, last=False),
        fill(6, BUY, 100, 3, at=7),
    )

    assert stage.fills == [(order, 3, 100)]


def test_n34_a_strangers_delete_ahead_advances_us_by_his_lots_and_no_more() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(cancel(1, 5, at=6))

    assert stage.core.queue_ahead(order) == 3
    assert stage.fills == []


def test_n34_a_strangers_delete_behind_does_not_advance_us() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(add(6, BUY, 100, 4, at=6), cancel(6, 4, at=7))

    assert stage.core.queue_ahead(order) == 8


def test_n34_a_stranger_who_grows_goes_behind_us() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(modify(1, BUY, 100, 6, at=6), modify(2, BUY, 100, 2, at=7))

    assert stage.core.queue_ahead(order) == 2


def test_n34_a_larger_amend_and_another_price_go_to_the_back_and_a_smaller_one_stays() -> None:
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 3, limit=100))
    stage.rows(add(6, BUY, 100, 4, at=6))

    ahead = [stage.core.queue_ahead(order)]
    for at, terms in ((7, {"lots": 2}), (8, {"lots": 4}), (9, {"limit": 99}), (10, {"limit": 100})):
        stage.amend(at, order, **terms)
        ahead.append(stage.core.queue_ahead(order))

    assert ahead == [8, 8, 12, 0, 12]


def test_n34_the_price_that_goes_away_and_comes_back_leaves_us_ahead_of_who_comes_later() -> None:
    """Nothing is capped by a model: the strangers ahead are gone, those that come are behind."""
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(cancel(1, 5, at=6), cancel(2, 3, at=7), add(6, BUY, 100, 20, at=8))

    assert stage.core.queue_ahead(order) == 0


def test_n34_a_cleared_book_puts_us_behind_everyone_who_is_there_when_it_is_whole_again() -> None:
    """Who of a snapshot had come before us cannot be known, so we assume that all had."""
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(
        clear(at=6, last=False),
        add(1, BUY, 100, 5, at=6, last=False),
        add(8, BUY, 100, 4, at=6),
        add(9, BUY, 100, 7, at=7),
    )

    assert stage.core.queue_ahead(order) == 9


def test_n34_rows_told_late_of_a_time_before_ours_are_ahead_of_us() -> None:
    """The feed is slower than the way to the venue: he was there first, and we hear of it later."""
    stage = two_sided()
    order = stage.place(5, an_order(BUY, 2, limit=100))

    stage.rows(add(6, BUY, 100, 4, at=5, arrives=9), add(7, BUY, 100, 6, at=6, arrives=9))

    assert stage.core.queue_ahead(order) == 12


def test_n34_two_streams_of_one_market_give_the_same_whether_cut_or_whole() -> None:
    rows = [
        add(6, BUY, 100, 4, at=6),
        print_of(SELL, 100, 9, at=7, last=False),
        fill(1, BUY, 100, 5, at=7, last=False),
        fill(6, BUY, 100, 4, at=7),
    ]
    cut, whole = two_sided(), two_sided()
    for stage in (cut, whole):
        stage.place(5, an_order(BUY, 3, limit=100))

    for each in rows:
        cut.rows(each)
    whole.rows(*rows)

    assert cut.reports == whole.reports != []
    assert whole.core.commit(NEVER) == []
    assert len(events(*rows)) == 4
