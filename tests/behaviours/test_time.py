"""When orders meet the market: ties, gaps, old prices, sessions, the end of the data."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.floor import (
    HOUR_S,
    amend,
    cancel,
    fills,
    minute_bars,
    order,
    play,
    prints,
    told,
)
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.errors import InputError
from tieout.model.profiles import FillLevel, profile

if TYPE_CHECKING:
    from tests.support.floor import Wish

HOUR = 60 * MINUTE


def test_n31_a_print_fills_by_its_price_whoever_began_it() -> None:
    """Prints without quotes do not say which side rested; the price says who could have."""
    markets = [prints((1, 400), (2, 394)) for _ in range(3)]
    for aggressor, market in zip((1, -1, 0), markets, strict=True):
        market.aggressor[:] = np.int8(aggressor)

    found = [fills(play(each, order("o", 1, kind="limit", limit=395))) for each in markets]

    assert found == [[(2, 1, 395)]] * 3


def test_n35_on_prints_alone_the_price_follows_them_both_ways() -> None:
    market = prints((1, 400), (2, 410), (3, 390))

    found = play(market, order("buy", 1), order("sale", 2, side=-1))

    assert fills(found) == [(2, 1, 410), (3, 1, 390)]


def test_n36_one_print_far_off_is_not_the_price_any_more_after_the_next() -> None:
    """Without quotes the price is the last print: nothing of it is left once the next is there."""
    market = prints((1, 400), (2, 380), (3, 400), (4, 400))

    assert fills(play(market, order("o", 3, kind="limit", limit=390))) == []


def test_n38_a_print_that_arrives_late_does_not_fill_an_order_that_came_after_it() -> None:
    late = prints((4, 390), delay_ns=3 * SECOND)

    assert fills(play(late, order("o", 5, kind="limit", limit=400))) == []


def test_n39_an_order_at_the_time_of_a_print_meets_the_next_one() -> None:
    """That timers come before data, and among themselves by time, is the kernel's to keep."""
    assert fills(play(prints((1, 400), (2, 401)), order("o", 1))) == [(2, 1, 401)]


def test_n40_orders_that_arrive_together_act_in_the_order_they_were_sent() -> None:
    market = prints((1, 400, 3))
    wishes = [order(name, 0, lots=2) for name in ("a", "b")]

    found = play(market, *wishes, participation=Decimal(1), entry_latency_ns=SECOND // 2)

    assert (fills(found, "a"), fills(found, "b")) == ([(1, 2, 400)], [(1, 1, 400)])


def test_n40_an_order_that_arrives_in_a_gap_fills_at_the_next_event() -> None:
    assert fills(play(prints((1, 400), (500, 420)), order("o", 100))) == [(500, 1, 420)]


def test_n40_what_is_under_way_when_the_data_end_is_settled() -> None:
    found = play(
        prints((1, 400)),
        order("o", 2, kind="limit", limit=390),
        amend("o", 3, lots=2),
        cancel("o", 4),
        entry_latency_ns=SECOND // 2,
    )

    assert told(found) == [("amended", 3.5, 2, 390, None), ("ended", 4.5, "requested", 0)]


def busy() -> tuple[Wish, ...]:
    return (
        order("market", 1, lots=25),
        order("limit", 1, kind="limit", limit=399, lots=12, display=5),
        order("stop", 1, side=-1, kind="stop_limit", stop=398, limit=397, lots=4),
        order("trail", 1, side=-1, kind="trailing_stop", trail=2, lots=3),
        amend("limit", 3, limit=400),
        cancel("stop", 5),
    )


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_n41_pieces_of_the_data_give_what_the_whole_gives_with_equal_times_across_edges(
    chunk: int,
) -> None:
    rows = [(second // 2, 400 - second % 5, 6) for second in range(2, 24)]
    assert any(one[0] == other[0] for one, other in pairwise(rows))
    share = {"participation": Decimal("0.5")}

    assert play(prints(*rows), *busy(), chunk=chunk, **share) == play(
        prints(*rows), *busy(), **share
    )


def test_n42_reports_are_known_in_the_order_of_their_arrival() -> None:
    found = play(
        prints(*((second, 398 + second % 5) for second in range(1, 20))),
        *busy(),
        entry_latency_ns=SECOND // 3,
        response_latency_ns=2 * SECOND,
    )

    arrivals = [each.arrival_time_ns for each in found]
    assert len(arrivals) > 5
    assert arrivals == sorted(arrivals)


def test_n43_the_same_again_is_the_same() -> None:
    """Unsorted data are refused where they are imported."""
    market = prints(*((second, 398 + second % 5) for second in range(1, 20)))

    assert play(market, *busy()) == play(market, *busy())


# -- which price, and how old it may be ---------------------------------------------------------


def test_l01_without_quotes_half_the_assumed_spread_is_paid_each_way() -> None:
    """Best bid and ask come with the books; `naive` fills at the trade itself."""
    market = prints((1, 4000), (2, 4000))
    spread = {"fill_level": FillLevel.IMPACT, "spread_bps": Decimal(20), "impact_y": 0.0}

    found = play(market, order("buy", 1), order("sale", 1, side=-1), **spread)

    assert fills(found) == [(2, 1, 4004), (2, 1, 3996)]
    assert fills(play(market, order("buy", 1))) == [(2, 1, 4000)]


def test_l02_the_event_after_an_order_decides_and_not_the_newest_before_it() -> None:
    """One kind of data is the market of an instrument; which one is said, not guessed."""
    assert fills(play(prints((1, 400), (9, 407)), order("o", 8))) == [(9, 1, 407)]


def test_l03_a_row_without_a_price_is_refused() -> None:
    """Nothing is put in its place: the row is named, so that it can be looked at."""
    with pytest.raises(InputError, match="not positive"):
        play(prints((1, 0)), order("o"))


def test_l04_a_market_without_data_is_refused_at_the_start() -> None:
    with pytest.raises(InputError, match="no market data"):
        SimulatedVenue({SYMBOL: ES}, profile("zero-latency"), {})


def test_l05_how_late_a_feed_is_does_not_make_its_prices_old() -> None:
    market = minute_bars((400, 401, 399, 400), (402, 402, 402, 402), delay_ns=30 * SECOND)

    assert fills(play(market, order("o", 60), stale_after_ns=0)) == [(60, 1, 402)]


@pytest.mark.parametrize(("window_s", "filled"), [(30, (60, 402)), (29, (60, 390))])
def test_l06_an_order_inside_of_a_bar_fills_within_the_window_and_waits_beyond_it(
    window_s: int, filled: tuple[float, int]
) -> None:
    market = minute_bars((400, 402, 399, 402), (390, 390, 390, 390))

    found = play(market, order("o", 30), stale_after_ns=window_s * SECOND)

    assert fills(found) == [(filled[0], 1, filled[1])]


def test_l07_an_order_before_an_hour_fills_at_its_open_and_one_inside_at_the_worse_end() -> None:
    hours = minute_bars((400, 420, 390, 410), (410, 415, 405, 412), interval_ns=HOUR)

    assert fills(play(hours, order("before", HOUR_S))) == [(HOUR_S, 1, 410)]
    assert fills(play(hours, order("buy", HOUR_S + 60))) == [(2 * HOUR_S, 1, 412)]
    assert fills(play(hours, order("sale", HOUR_S + 60, side=-1))) == [(2 * HOUR_S, 1, 410)]


def test_l08_late_in_the_hour_with_a_short_window_the_next_hour_fills_at_its_open() -> None:
    hours = minute_bars((400, 402, 399, 401), (405, 406, 404, 405), interval_ns=HOUR)

    found = play(hours, order("o", 55 * 60), stale_after_ns=MINUTE)

    assert fills(found) == [(HOUR_S, 1, 405)]


def test_l08_a_bar_that_only_repeats_an_old_price_does_not_fill() -> None:
    """It has no volume, and is as old as the close of the last bar that had."""
    hours = minute_bars(
        (400, 402, 399, 401), (401, 401, 401, 401, 0), (405, 406, 404, 405), interval_ns=HOUR
    )

    found = play(hours, order("o", 65 * 60), stale_after_ns=MINUTE)

    assert fills(found) == [(2 * HOUR_S, 1, 405)]


def test_l09_a_market_order_out_of_hours_fills_at_the_next_open() -> None:
    market = [minute_bars((400, 401, 399, 400)), minute_bars((410, 411, 409, 410), start_s=900)]

    assert fills(play(market, order("o", 300))) == [(900, 1, 410)]


# -- the open and the close ----------------------------------------------------------------------

SESSIONS = [(100.0, 200.0), (300.0, 400.0)]


def test_l26_an_order_for_the_open_fills_at_the_first_print_of_the_session() -> None:
    market = prints((50, 390), (101, 400), (102, 410))

    found = play(market, order("o", 10, force="at_open"), sessions_s=SESSIONS)

    assert told(found) == [("fill", 101, 1, 400, "taker")]


def test_l26_a_limit_for_the_open_is_gone_when_the_open_is_beyond_it() -> None:
    market = prints((50, 390), (101, 400), (102, 390))
    wish = order("o", 10, kind="limit", limit=395, force="at_open")

    assert told(play(market, wish, sessions_s=SESSIONS)) == [("ended", 101, "time_in_force", 0)]


@pytest.mark.parametrize(("sent_s", "filled_s"), [(99, 101), (100, 301), (150, 301)])
def test_l27_an_order_for_the_open_sent_at_it_or_in_session_waits_for_the_next(
    sent_s: float, filled_s: float
) -> None:
    market = prints((101, 400), (160, 405), (301, 410))

    found = play(market, order("o", sent_s, force="at_open"), sessions_s=SESSIONS)

    assert [each[0] for each in fills(found)] == [filled_s]


def test_l27_the_bar_that_holds_the_open_is_left_out_when_it_began_before() -> None:
    market = minute_bars(*[(400 + minute, 400 + minute, 400, 400) for minute in range(5)])

    found = play(market, order("o", 10, force="at_open"), sessions_s=[(90, 250)])

    assert fills(found) == [(120, 1, 402)]


def test_l28_an_order_for_the_close_fills_at_the_last_print_of_the_session() -> None:
    market = prints((150, 400), (199, 404), (200, 410), (250, 420))

    found = play(market, order("o", 120, force="at_close"), sessions_s=SESSIONS)

    assert told(found) == [("fill", 200, 1, 404, "taker")]


def test_l28_on_bars_it_fills_at_the_close_of_the_last_bar_in_time() -> None:
    market = minute_bars(*[(400, 410, 390, 400 + minute) for minute in range(5)])

    whole = play(market, order("o", 70, force="at_close"), sessions_s=[(60, 240)])
    beyond = play(market, order("o", 70, force="at_close"), sessions_s=[(60, 250)])

    assert told(whole) == [("fill", 240, 1, 403, "taker")]
    assert told(beyond) == [("fill", 250, 1, 403, "taker")]


def test_l28_at_the_close_there_is_what_others_left_of_the_last_print() -> None:
    market = prints((150, 400), (199, 404, 10), (250, 410))
    wishes = [order("now", 160, lots=7), order("close", 120, lots=8, force="at_close")]

    found = play(market, *wishes, sessions_s=SESSIONS, participation=Decimal(1))

    assert told(found, "close") == [
        ("fill", 200, 3, 404, "taker"),
        ("ended", 200, "time_in_force", 3),
    ]


def test_l28_without_a_print_after_it_the_order_for_the_close_ends_there() -> None:
    market = prints((150, 400), (250, 420))

    found = play(market, order("o", 160, force="at_close"), sessions_s=SESSIONS)

    assert told(found) == [("ended", 200, "time_in_force", 0)]


def test_l28_after_the_last_close_it_is_too_late() -> None:
    found = play(prints((1, 400)), order("o", 400, force="at_close"), sessions_s=SESSIONS)

    assert told(found) == [("rejected", 400, "no_session")]


@pytest.mark.parametrize("force", ["at_open", "at_close"])
def test_l29_where_the_market_never_closes_there_is_no_open_and_no_close(force: str) -> None:
    assert told(play(prints((1, 400)), order("o", force=force))) == [("rejected", 0, "no_session")]
