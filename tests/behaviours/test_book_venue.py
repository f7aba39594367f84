"""What the simulated venue does with orders on a book, by levels and by single orders alike."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.book_floor import LEVELS, BookFloor
from tests.support.floor import amend, cancel, fills, ns, order, told
from tests.support.worlds import ES, SECOND
from tieout.model.events import (
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
)
from tieout.model.profiles import FundingRule

pytestmark = pytest.mark.parametrize("level", LEVELS)


def a_floor() -> BookFloor:
    """Bid 400 and ask 402, ten lots each; later rows show that time goes on."""
    return BookFloor().quote(0, 400, 402)


def test_n11_a_market_order_takes_the_best_price_and_says_what_decided_it(level: str) -> None:
    market = a_floor().come(3, 1, 398, 1)

    (fill,) = (each for each in market.play(level, order("o", 1)) if isinstance(each, Fill))

    assert (fill.price_ticks, fill.lots, fill.liquidity, fill.resolved_by) == (402, 1, 2, level)
    assert (fill.reference_ticks, fill.half_spread_microticks) == (401, 1_000_000)
    assert fill.venue_time_ns == ns(1)


def test_n12_a_limit_waits_behind_who_was_there_and_before_who_comes_later(level: str) -> None:
    market = a_floor().come(2, 1, 400, 5).trade(3, -1, 12).trade(4, -1, 3).come(5, 1, 398, 1)

    found = market.play(level, order("o", 1, kind="limit", limit=400, lots=5))

    assert fills(found) == [(3, 2, 400), (4, 3, 400)]
    assert all(each.liquidity == 1 for each in found if isinstance(each, Fill))


def test_n19_post_only_is_accepted_or_rejected_by_the_book_it_meets(level: str) -> None:
    market = a_floor().come(5, 1, 398, 1)
    taking = order("taking", 1, kind="limit", limit=402, post_only=True)
    resting = order("resting", 1, kind="limit", limit=401, post_only=True)

    found = market.play(level, taking, resting, response_latency_ns=SECOND)

    (accepted,) = (each for each in found if isinstance(each, OrderAccepted))
    assert (accepted.decision_id, accepted.venue_time_ns) == ("resting", ns(1))
    assert accepted.arrival_time_ns == ns(2)
    assert told(found) == [("rejected", 1, "post_only")]


def test_n19_a_triggered_stop_limit_that_would_take_is_rejected_then(level: str) -> None:
    market = a_floor().trade(2, 1, 1).quote(3, 401, 403).come(4, 1, 398, 1)

    found = market.play(
        level, order("o", 1, kind="stop_limit", stop=402, limit=404, post_only=True)
    )

    assert [each[0::2] for each in told(found)] == [("triggered",), ("rejected", "post_only")]


def test_n20_reduce_only_is_refused_flat_clamped_and_gone_when_nothing_is_left(level: str) -> None:
    market = a_floor().come(5, 1, 398, 1)
    sale = order("sale", 1, side=-1, lots=5, reduce_only=True)
    stop = order("stop", 0.5, side=-1, kind="stop_market", stop=390, reduce_only=True)

    assert told(market.play(level, sale)) == [("rejected", 1, "reduce_only")]
    assert told(market.play(level, stop)) == [("rejected", 0.5, "reduce_only")]
    assert told(market.play(level, stop, sale, position=2)) == [
        ("fill", 1, 2, 400, "taker"),
        ("ended", 1, "reduce_only", 2),
        ("ended", 1, "reduce_only", 0),
    ]


def test_n20_a_resting_order_that_only_reduces_goes_with_the_position(level: str) -> None:
    market = a_floor().come(5, 1, 398, 1)
    exit_at = order("exit", 1, side=-1, kind="limit", limit=405, lots=2, reduce_only=True)

    found = market.play(level, exit_at, order("close", 2, side=-1, lots=2), position=2)

    assert told(found, "exit") == [("ended", 2, "reduce_only", 0)]


@pytest.mark.parametrize(("expires_s", "filled"), [(4, []), (4.5, [(4, 1, 400)])])
def test_an_order_has_no_fill_from_its_end_on(
    level: str, expires_s: float, filled: list[object]
) -> None:
    market = a_floor().come(2, 1, 400, 5).trade(4, -1, 11).come(5, 1, 398, 1)
    wish = order("o", 1, kind="limit", limit=400, force="good_till_date", until_s=expires_s)

    found = market.play(level, wish)

    assert fills(found) == filled
    if not filled:
        assert told(found) == [("ended", expires_s, "expired", 0)]


def test_an_order_of_the_day_ends_with_its_session(level: str) -> None:
    market = a_floor().come(10, 1, 398, 1)
    wish = order("o", 1, kind="limit", limit=399, force="day")

    found = market.play(level, wish, sessions_s=[(0, 8), (20, 30)])

    assert told(found) == [("ended", 8, "expired", 0)]


def test_what_comes_after_its_end_is_rejected(level: str) -> None:
    late = order("o", 3, kind="limit", limit=399, force="good_till_date", until_s=3)

    assert told(a_floor().play(level, late)) == [("rejected", 3, "expired")]


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"force": "at_close"}, "needs an auction"),
        ({"force": "at_open"}, "needs an auction"),
        ({"kind": "trailing_stop", "trail": 3}, "let the venue profile emulate it"),
        ({"kind": "limit", "limit": 399, "lots": 5, "display": 1}, "let the venue profile emulate"),
        ({"kind": "limit", "limit": 2**41}, "price 2199023255552 ticks; allowed"),
    ],
)
def test_what_a_book_cannot_hold_is_rejected_with_its_reason(
    level: str, terms: dict[str, int], why: str
) -> None:
    found = a_floor().come(5, 1, 398, 1).play(level, order("o", 1, **terms))

    (rejected,) = found
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "invalid"
    assert why in rejected.detail


def test_a_cancel_is_answered_and_refused_once_the_order_is_over(level: str) -> None:
    market = a_floor().come(9, 1, 398, 1)
    rests = order("o", 1, kind="limit", limit=399)

    found = market.play(level, rests, cancel("o", 2), cancel("o", 3), cancel("none", 4))

    assert told(found) == [
        ("ended", 2, "requested", 0),
        ("cancel refused", 3, "final"),
        ("cancel refused", 4, "unknown_order"),
    ]


def test_amends_by_the_rules_of_every_level(level: str) -> None:
    market = a_floor().come(2, 1, 400, 5).trade(3, -1, 12).come(9, 1, 398, 1)
    rests = order("o", 1, kind="limit", limit=400, lots=5)

    found = market.play(
        level,
        rests,
        amend("o", 1.5, stop=390),
        amend("o", 1.6, lots=4),
        amend("o", 5, lots=2),
        amend("o", 6, lots=9),
    )

    assert told(found) == [
        ("amend refused", 1.5, "invalid"),
        ("amended", 1.6, 4, 400, None),
        ("fill", 3, 2, 400, "maker"),
        ("ended", 5, "amended", 2),
        ("amend refused", 6, "final"),
    ]


def test_an_amend_to_a_price_that_takes_fills_there(level: str) -> None:
    market = a_floor().come(9, 1, 398, 1)

    found = market.play(
        level, order("o", 1, kind="limit", limit=399, lots=3), amend("o", 2, limit=402)
    )

    assert told(found) == [("amended", 2, 3, 402, None), ("fill", 2, 3, 402, "taker")]


def test_a_stop_is_pulled_by_a_print_and_meets_the_book_after_it(level: str) -> None:
    market = a_floor().trade(2, 1, 4).quote(3, 402, 404).come(4, 1, 398, 1)

    found = market.play(level, order("o", 1, kind="stop_market", stop=402, lots=8))

    # By single orders the moment of the print is over with it; by levels the next book shows it.
    price, at_s = (402, 2) if level == "orders" else (404, 3)
    got = told(found)
    assert got[0] == ("triggered", 2)
    assert got[1][:2] == ("fill", at_s)
    assert got[1][3] == price


@pytest.mark.parametrize(("force", "lots"), [("immediate_or_cancel", 10), ("fill_or_kill", 0)])
def test_what_lives_for_a_moment_leaves_its_rest(level: str, force: str, lots: int) -> None:
    market = a_floor().come(5, 1, 398, 1)

    found = market.play(level, order("o", 1, lots=15, kind="limit", limit=402, force=force))

    assert sum(each[1] for each in fills(found)) == lots
    assert told(found)[-1] == ("ended", 1, "time_in_force", lots)


def test_fees_go_by_who_took(level: str) -> None:
    market = a_floor().come(2, 1, 400, 5).trade(3, -1, 12).come(9, 1, 398, 1)

    found = market.play(
        level,
        order("maker", 1, kind="limit", limit=400, lots=2),
        order("taker", 4, lots=2),
        taker_fee_rate=Decimal("0.001"),
        maker_fee_rate=Decimal("-0.0005"),
    )

    fees = {each.decision_id: each.fee for each in found if isinstance(each, Fill)}
    assert fees["taker"] == ES.notional(2, 402) // 1000
    assert fees["maker"] == -ES.notional(2, 400) // 2000


def test_funding_falls_on_the_position_at_the_last_print_by_our_clock(level: str) -> None:
    market = a_floor().trade(1, 1, 1).come(3600.5, 1, 398, 1).come(7205, 1, 398, 1)

    found = market.play(
        level,
        order("o", 2, lots=3),
        funding_rule=FundingRule.SIGNED,
        funding_rate=Decimal("0.001"),
        funding_interval_ns=3600 * SECOND,
        response_latency_ns=2 * SECOND,
        clock_offset_ns=SECOND,
        delay_ns=0,
    )

    charges = [each for each in found if isinstance(each, FundingCharged)]
    assert [each.position_lots for each in charges] == [3, 3]
    assert all(each.mark_ticks == 402 for each in charges)
    assert [each.amount for each in charges] == [-ES.notional(3, 402) // 1000] * 2
    # Two seconds back, by a clock that is one behind; the second is seen with a later row alone.
    assert [each.arrival_time_ns for each in charges] == [ns(3601), ns(7205)]


def test_an_answer_is_known_after_its_way_back_and_not_before_a_later_row(level: str) -> None:
    market = a_floor().come(4, 1, 398, 1)
    wish = order("o", 1, kind="limit", limit=399)

    found = market.play(
        level,
        wish,
        cancel("o", 2),
        entry_latency_ns=SECOND // 2,
        response_latency_ns=SECOND // 4,
        feed_latency_ns_max=10 * SECOND,
    )

    accepted, ended = found
    assert isinstance(accepted, OrderAccepted)
    assert (accepted.venue_time_ns, accepted.arrival_time_ns) == (ns(1.5), ns(1.75))
    assert isinstance(ended, OrderCancelled)
    assert (ended.venue_time_ns, ended.arrival_time_ns) == (ns(2.5), ns(4))


def test_without_a_row_an_answer_waits_no_longer_than_it_must(level: str) -> None:
    market = a_floor().come(100, 1, 398, 1)

    found = market.play(
        level,
        order("o", 1, kind="limit", limit=399),
        cancel("o", 2),
        feed_latency_ns_max=3 * SECOND,
    )

    assert found[-1].arrival_time_ns == ns(5)
