"""Post-only, reduce-only, expiry, and what is refused."""

from __future__ import annotations

import pytest

from tests.support.floor import amend, cancel, fills, minute_bars, order, play, prints, told
from tests.support.worlds import SECOND
from tieout.model.latencies import ConstantLatency

DAY_S = 86_400


def test_n19_post_only_that_would_take_is_rejected() -> None:
    taking = order("o", 1, kind="limit", limit=400, post_only=True)
    resting = order("o", 1, kind="limit", limit=399, post_only=True)
    market = prints((1, 400), (2, 398))

    assert told(play(market, taking)) == [("rejected", 1, "post_only")]
    assert told(play(market, resting)) == [("fill", 2, 1, 399, "maker")]


def test_n19_post_only_on_bars_is_judged_by_the_open() -> None:
    market = minute_bars((400, 401, 399, 400), (398, 399, 397, 398))

    found = play(market, order("o", 60, kind="limit", limit=398, post_only=True))

    assert told(found) == [("rejected", 60, "post_only")]


def test_n19_a_stop_limit_that_triggers_as_taker_is_rejected_then() -> None:
    market = prints((1, 400), (2, 402), (3, 402))

    found = play(market, order("o", 1, kind="stop_limit", stop=402, limit=403, post_only=True))

    assert told(found) == [("triggered", 2), ("rejected", 2, "post_only")]


def test_n19_an_amend_that_would_cross_is_rejected_and_the_order_keeps_its_place() -> None:
    market = prints((1, 400), (2, 394, 1))
    first = order("first", 1, kind="limit", limit=395, post_only=True)
    second = order("second", 1, kind="limit", limit=395)

    found = play(market, first, second, amend("first", 1.5, limit=401), participation=1)

    assert told(found, "first") == [
        ("amend refused", 1.5, "post_only"),
        ("fill", 2, 1, 395, "maker"),
    ]


def test_n20_reduce_only_is_refused_flat_clamped_and_gone_when_nothing_is_left() -> None:
    market = prints((1, 400), (2, 401), (3, 402))
    sale = order("o", 0.5, side=-1, lots=5, reduce_only=True)

    assert told(play(market, sale)) == [("rejected", 0.5, "reduce_only")]
    assert told(play(market, sale, position=2)) == [
        ("fill", 1, 2, 400, "taker"),
        ("ended", 1, "reduce_only", 2),
    ]


def test_n20_reduce_only_shrinks_when_another_order_shrinks_the_position() -> None:
    market = prints((1, 400), (2, 400), (3, 394))
    stop = order("stop", side=-1, lots=5, kind="stop_market", stop=395, reduce_only=True)

    found = play(market, stop, order("sale", side=-1, lots=3), position=5)
    gone = play(market, stop, order("sale", side=-1, lots=5), position=5)

    assert told(found, "stop") == [("triggered", 3)]
    assert told(gone, "stop") == [("ended", 1, "reduce_only", 0)]


@pytest.mark.parametrize("last_s", [4.999, 5, 5.001])
def test_n21_an_expired_order_does_not_fill_and_a_print_at_its_expiry_comes_too_late(
    last_s: float,
) -> None:
    market = prints((1, 400), (last_s, 390))

    found = play(market, order("o", 1, kind="limit", limit=395, force="good_till_date", until_s=5))

    in_time = [("fill", last_s, 1, 395, "maker")]
    assert told(found) == (in_time if last_s < 5 else [("ended", 5, "expired", 0)])


def test_n21_in_the_bar_that_holds_its_expiry_an_order_meets_only_the_open() -> None:
    market = minute_bars((400, 401, 380, 400), (400, 400, 380, 400))
    rests = order("rests", kind="limit", limit=395, force="good_till_date", until_s=30)
    takes = order("takes", kind="limit", limit=400, force="good_till_date", until_s=30)

    assert told(play(market, rests)) == [("ended", 30, "expired", 0)]
    assert told(play(market, takes)) == [("fill", 0, 1, 400, "taker")]


def test_n21_a_bar_that_closes_at_the_expiry_came_in_time() -> None:
    market = minute_bars((400, 401, 380, 400))
    wish = order("o", kind="limit", limit=395, force="good_till_date", until_s=60)

    ((second, lots, price),) = fills(play(market, wish))

    assert (lots, price) == (1, 395)
    assert second < 60


def test_n22_a_market_order_without_a_market_stays_open_until_there_is_one() -> None:
    """Nothing is known of a market that only begins; who does not want to wait gives a date."""
    found = play(prints((100, 400)), order("o", 1))
    dated = play(prints((100, 400)), order("o", 1, until_s=50))

    assert fills(found) == [(100, 1, 400)]
    assert told(dated) == [("ended", 50, "expired", 0)]


def test_n23_a_sale_goes_short_unless_it_says_that_it_only_reduces() -> None:
    """Accounts are margined; what must not go short says so on the order."""
    market = prints((1, 400))

    assert fills(play(market, order("o", side=-1))) == [(1, 1, 400)]
    refused = play(market, order("o", side=-1, reduce_only=True))
    assert told(refused) == [("rejected", 0, "reduce_only")]


def test_n24_an_order_for_the_day_is_refused_when_no_session_is_left() -> None:
    """A contract's life is its sessions here; that its end settles positions comes with it."""
    found = play(prints((1, 400)), order("o", 20, force="day"), sessions_s=[(0, 10)])

    assert told(found) == [("rejected", 20, "no_session")]


def test_l33_the_venue_fills_what_the_risk_gate_let_pass() -> None:
    """Buying power is counted before an order leaves, open orders included; not again at a fill."""
    assert fills(play(prints((1, 400, 10**9)), order("o", lots=10**9))) == [(1, 10**9, 400)]


def test_l34_good_till_cancel_stays() -> None:
    market = prints((1, 400), (30 * DAY_S, 394))

    assert fills(play(market, order("o", 1, kind="limit", limit=395))) == [(30 * DAY_S, 1, 395)]


def test_l34_an_order_for_the_day_ends_with_its_session() -> None:
    market = prints((1, 400), (150, 400))
    trading = [(0, 100), (200, 300)]
    wishes = [
        order("in", 1, kind="limit", limit=395, force="day"),
        order("between", 150, kind="limit", limit=395, force="day"),
    ]

    found = play(market, *wishes, sessions_s=trading)

    assert told(found, "in") == [("ended", 100, "expired", 0)]
    assert told(found, "between") == [("ended", 300, "expired", 0)]


def test_l34_where_the_market_never_closes_a_day_ends_at_midnight_utc() -> None:
    found = play(prints((1, 400)), order("o", 1, kind="limit", limit=395, force="day"))

    (ended,) = [each for each in found if type(each).__name__ == "OrderCancelled"]
    assert ended.venue_time_ns % (DAY_S * 10**9) == 0


def test_a_cancel_or_amend_that_overtakes_its_order_is_refused() -> None:
    slow = ConstantLatency(entry_ns=10 * SECOND)
    market = prints((1, 400), (20, 390))

    found = play(
        market,
        order("o", 1, kind="limit", limit=395),
        cancel("o", 2),
        amend("o", 3, lots=2),
        latency=slow,
        cancel_latency=ConstantLatency(),
        amend_latency=ConstantLatency(),
    )

    assert told(found) == [
        ("cancel refused", 2, "unknown_order"),
        ("amend refused", 3, "unknown_order"),
        ("fill", 20, 1, 395, "maker"),
    ]


def test_a_bar_that_fills_wins_over_an_amend_that_arrives_inside() -> None:
    market = minute_bars((400, 401, 399, 400), (400, 400, 390, 391), (391, 391, 391, 391))

    found = play(market, order("o", kind="limit", limit=395), amend("o", 90, limit=380))

    assert told(found) == [("fill", 120, 1, 395, "maker"), ("amend refused", 90, "final")]
