"""What an order book does with our orders."""

from __future__ import annotations

import pytest

from tests.support.books import CLEAR, LEVEL, SNAPSHOT, TRADE, Scene, book_rows
from tieout.market.book import Book, BookBreakKind
from tieout.model.orders import OrderType, TimeInForce

MARKET, STOP = OrderType.MARKET, OrderType.STOP_MARKET
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
MAKER, TAKER = True, False


# -- taking ---------------------------------------------------------------------------------------


def test_n11_a_market_order_beyond_the_top_walks_the_levels_each_its_own_fill() -> None:
    scene = Scene().place(0, order_type=MARKET, lots=15)
    assert scene.told() == [(101, 10, TAKER), (102, 5, TAKER)]


def test_n11_immediate_or_cancel_cancels_the_rest() -> None:
    scene = Scene().place(0, order_type=MARKET, lots=25, time_in_force=IOC)
    assert scene.told() == [(101, 10, TAKER), (102, 10, TAKER), ("expired", "in force")]


@pytest.mark.parametrize(("lots", "filled"), [(20, 20), (21, 0)])
def test_n11_fill_or_kill_fills_all_or_nothing(lots: int, filled: int) -> None:
    scene = Scene().place(0, order_type=MARKET, lots=lots, time_in_force=FOK)
    assert scene.core.position_lots == filled
    assert (scene.told()[-1] == ("expired", "in force")) == (filled == 0)


def test_n11_what_a_market_order_leaves_goes_on_with_the_next_change() -> None:
    """There is no slip by a tick for the rest: a book shows what there is, and no more fills."""
    scene = Scene().place(0, order_type=MARKET, lots=25)
    scene.level(-1, 105, 3).level(-1, 104, 9)
    assert scene.told()[2:] == [(105, 3, TAKER), (104, 2, TAKER)]


def test_n12_a_limit_larger_than_the_book_fills_in_part_then_rests_as_maker() -> None:
    scene = Scene().place(0, limit_ticks=101, lots=15)
    assert scene.told() == [(101, 10, TAKER)]

    scene.level(-1, 101, 0).print(-1, 101, 3)
    assert scene.told() == [(101, 10, TAKER), (101, 3, MAKER)]


def test_n13_market_to_limit_rests_its_remainder_at_its_first_fills_price() -> None:
    scene = Scene().place(0, order_type=OrderType.MARKET_TO_LIMIT, lots=15)
    scene.level(-1, 101, 0).print(-1, 101, 9)
    assert scene.told() == [(101, 10, TAKER), (101, 5, MAKER)]


@pytest.mark.parametrize("first", [4, 10])
def test_n18_a_fill_of_exactly_what_is_left_closes_the_order(first: int) -> None:
    scene = Scene([(1, 99, 5), (-1, 101, 5)]).place(0, lots=10)
    scene.print(-1, 100, first).print(-1, 100, 10 - first or 1).print(-1, 100, 50)
    assert sum(lots for _, lots, _ in scene.told()) == 10
    assert scene.ahead() is None
    assert scene.cancel(0).told()[-1] == ("cancel refused",)


def test_n19_post_only_that_would_take_is_rejected() -> None:
    scene = Scene().place(0, limit_ticks=101, post_only=True)
    assert scene.told() == [("rejected", "post only")]


def test_n19_a_triggered_stop_limit_that_is_post_only_and_would_take_goes() -> None:
    terms = {"order_type": OrderType.STOP_LIMIT, "stop_ticks": 101, "limit_ticks": 102}
    scene = Scene().place(0, post_only=True, **terms)
    scene.print(1, 101, 1).level(1, 98, 1)
    assert scene.told() == [("triggered",), ("rejected", "post only")]


def test_n19_a_refused_amend_keeps_the_place_in_the_queue() -> None:
    scene = Scene().place(0, post_only=True).print(-1, 100, 4)
    assert scene.ahead() == 6

    scene.amend(0, limit_ticks=101)
    assert scene.told() == [("amend refused", "post only")]
    assert scene.ahead() == 6


# -- liquidity ------------------------------------------------------------------------------------


def test_n30_a_level_we_consumed_stays_consumed_until_its_size_is_fresh() -> None:
    scene = Scene([(1, 99, 9), (-1, 101, 10)]).place(0, order_type=MARKET, lots=10)
    scene.level(-1, 101, 10).place(1, order_type=MARKET, lots=4, time_in_force=IOC)
    assert scene.told(1) == [("expired", "in force")]

    scene.level(-1, 101, 11).place(2, order_type=MARKET, lots=4, time_in_force=IOC)
    assert scene.told(2) == [(101, 4, TAKER)]


def test_n30_a_level_deleted_and_added_again_is_whole() -> None:
    scene = Scene().place(0, order_type=MARKET, lots=10).level(-1, 101, 0).level(-1, 101, 10)
    assert scene.place(1, order_type=MARKET, lots=4).told(1) == [(101, 4, TAKER)]


def test_n30_a_snapshot_makes_levels_whole() -> None:
    scene = Scene().place(0, order_type=MARKET, lots=10)
    scene.rows([(SNAPSHOT, -1, 101, 10, True)])
    assert scene.place(1, order_type=MARKET, lots=4).told(1) == [(101, 4, TAKER)]


def test_n30_the_sides_are_consumed_independently() -> None:
    scene = Scene().place(0, order_type=MARKET, lots=10)
    assert scene.place(1, side=-1, order_type=MARKET, lots=4).told(1) == [(100, 4, TAKER)]
    assert scene.place(2, order_type=MARKET, lots=4).told(2) == [(102, 4, TAKER)]


@pytest.mark.parametrize(("aggressor", "fills"), [(-1, [(100, 2, MAKER)]), (1, [])])
def test_n31_a_print_fills_only_the_side_it_hit(aggressor: int, fills: list[object]) -> None:
    scene = Scene([(1, 99, 5), (-1, 101, 5)]).place(0).print(aggressor, 100, 2)
    assert scene.told() == fills


def test_n31_a_print_without_an_aggressor_hit_the_side_whose_best_price_it_has() -> None:
    scene = Scene().place(0, limit_ticks=100).place(1, side=-1, limit_ticks=101)
    scene.print(0, 100, 12).print(0, 101, 13)
    assert (scene.told(0), scene.told(1)) == ([(100, 2, MAKER)], [(101, 3, MAKER)])


def test_n31_a_print_between_the_best_prices_fills_only_what_it_traded_through() -> None:
    """Nobody knows whom it hit, so the queue at its own price gets nothing."""
    scene = Scene([(1, 95, 5), (-1, 105, 5)]).place(0, limit_ticks=100).place(1, limit_ticks=99)
    scene.print(0, 99, 9)
    assert (scene.told(0), scene.told(1)) == ([(100, 5, MAKER)], [])


def test_n32_one_print_never_fills_more_than_its_size_over_our_orders() -> None:
    scene = Scene([(1, 99, 5), (-1, 105, 5)])
    scene.place(0, limit_ticks=101, lots=4).place(1, lots=4).place(2, lots=4)
    scene.print(-1, 100, 9)
    assert [scene.told(number) for number in range(3)] == [
        [(101, 4, MAKER)],
        [(100, 4, MAKER)],
        [(100, 1, MAKER)],
    ]


def test_n33_a_print_that_triggers_a_stop_does_not_lend_its_size_again() -> None:
    scene = Scene().place(0, order_type=STOP, stop_ticks=101, lots=5)
    scene.print(1, 101, 10)
    assert scene.told() == [("triggered",)]

    # The rows that tell what the print took come later: they are what the order meets.
    scene.level(-1, 101, 0)
    assert scene.told() == [("triggered",), (102, 5, TAKER)]


def test_n33_a_book_of_the_prints_own_time_is_not_met() -> None:
    """At an equal time nobody knows whether the levels already tell the print: we wait."""
    scene = Scene().place(0, order_type=STOP, stop_ticks=101, lots=5)
    scene.rows([(TRADE, 1, 101, 10, False), (LEVEL, -1, 101, 0, True)])
    assert scene.told() == [("triggered",)]


# -- the queue ------------------------------------------------------------------------------------


def test_n34_no_fill_when_the_trades_equal_the_queue_ahead() -> None:
    scene = Scene().place(0).print(-1, 100, 10)
    assert (scene.told(), scene.ahead()) == ([], 0)


def test_n34_only_the_excess_fills_on_the_clearing_print() -> None:
    scene = Scene().place(0).print(-1, 100, 8).print(-1, 100, 4)
    assert scene.told() == [(100, 2, MAKER)]


def test_n34_strangers_who_leave_do_not_clear_the_queue() -> None:
    scene = Scene().place(0).level(1, 100, 12).level(1, 100, 10)
    assert scene.ahead() == 10

    assert scene.level(1, 100, 4).ahead() == 4


def test_n34_a_level_that_goes_leaves_nobody_ahead_and_who_comes_back_is_behind() -> None:
    scene = Scene().place(0).level(1, 100, 0).level(1, 100, 30).print(-1, 100, 2)
    assert scene.told() == [(100, 2, MAKER)]


@pytest.mark.parametrize(
    ("terms", "ahead"),
    [({"lots": 3}, 6), ({"lots": 9}, 15), ({"limit_ticks": 99}, 10)],
)
def test_n34_a_smaller_order_keeps_its_place_and_a_larger_or_moved_one_does_not(
    terms: dict[str, int], ahead: int
) -> None:
    scene = Scene().place(0).print(-1, 100, 4).level(1, 100, 15)
    assert scene.ahead() == 6

    assert scene.amend(0, **terms).ahead() == ahead


def test_n34_the_price_away_and_back_caps_what_is_ahead() -> None:
    scene = Scene().place(0).level(1, 101, 5).level(1, 100, 3).level(1, 101, 0).level(1, 100, 20)
    assert scene.ahead() == 3


def test_n34_a_clear_keeps_the_place_and_a_snapshot_caps_it() -> None:
    scene = Scene().place(0).rows([(CLEAR, 0, 0, 0, False)])
    assert scene.ahead() == 10

    scene.rows([(SNAPSHOT, 1, 99, 5, False), (SNAPSHOT, -1, 101, 5, True)])
    assert scene.ahead() == 10
    assert scene.rows([(SNAPSHOT, 1, 100, 7, True)]).ahead() == 7


def test_n36_a_print_does_not_change_the_book() -> None:
    """No best price is moved for a moment and restored: only the levels' own rows move it."""
    book = Book("X")
    book.apply(book_rows([(1, LEVEL, 1, 100, 5, False), (1, LEVEL, -1, 101, 5, True)]))
    book.apply(book_rows([(2, TRADE, 1, 105, 9, True), (3, TRADE, -1, 90, 9, True)]))
    assert (book.best(1), book.best(-1)) == ((100, 5), (101, 5))


def test_n38_a_stale_level_does_not_change_the_book_and_is_named() -> None:
    book = Book("X")
    rows = [(5, LEVEL, 1, 100, 5, True), (4, LEVEL, 1, 100, 9, True), (5, LEVEL, 1, 99, 1, True)]
    book.apply(book_rows(rows))
    assert book.levels(1) == [(100, 5), (99, 1)]
    (stale,) = book.breaks
    assert (stale.kind, stale.row, stale.value, stale.limit) == (BookBreakKind.STALE, 2, 100, 5)


# -- quotes, as far as a book has them ------------------------------------------------------------


@pytest.mark.parametrize(("side", "price"), [(1, 101), (-1, 100)])
def test_l01_a_market_order_buys_at_the_ask_and_sells_at_the_bid(side: int, price: int) -> None:
    scene = Scene().print(1, 103, 1).place(0, side=side, order_type=MARKET, lots=5)
    assert scene.told() == [(price, 5, TAKER)]


def test_l01_without_a_quote_a_market_order_waits_for_one() -> None:
    """A print is no quote: on a book nothing is bought at the price of someone else's trade."""
    scene = Scene([(1, 100, 5)])
    scene.print(1, 103, 9).place(0, order_type=MARKET, lots=5)
    assert scene.told() == []
    assert scene.level(-1, 104, 5).told() == [(104, 5, TAKER)]


def test_l02_the_newest_book_counts_and_not_the_newest_print() -> None:
    """Ours differs: no kind of data beats another by its age, an order meets the levels alone."""
    scene = Scene().level(-1, 101, 0).print(1, 101, 5).place(0, order_type=MARKET, lots=5)
    assert scene.told() == [(102, 5, TAKER)]


def test_l03_an_empty_side_is_nobody_and_never_a_price_of_zero() -> None:
    """Ours differs: we never fall back to the price of a tick whose bid or ask is missing."""
    scene = Scene([(1, 100, 5)]).place(0, order_type=MARKET, lots=5, time_in_force=IOC)
    assert scene.told() == [("expired", "in force")]
