"""Orders that hang together: brackets, one cancels the other, one updates the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.bench import Bench
from tests.support.worlds import SYMBOL
from tieout.model.events import Fill, OrderAmended, OrderCancelled, OrderDenied
from tieout.model.orders import OrderState, OrderType
from tieout.model.venues import EVERYTHING, GATEWAY, Feature, VenueProfile

Benches = Callable[..., Bench]

AMENDING = VenueProfile(name="amending", native=tuple(Feature))
"""A venue that amends whatever it has."""

VENUES = [EVERYTHING, GATEWAY, AMENDING]


@pytest.fixture(params=VENUES, ids=lambda venue: venue.name)
def any_bench(a_bench: Benches, request: pytest.FixtureRequest) -> Bench:
    """Return a bench at each kind of venue: what is asked for is the same."""
    return a_bench(request.param)


def bracketed(bench: Bench, units: int = 4, **terms: Any) -> Any:
    """Wish a bracket around a limit entry at 100: exits at 110 and 90."""
    wanted = {"limit": 100, "take_profit": 110, "stop_loss": 90, **terms}
    return bench.do(lambda c: c.bracket(SYMBOL, side="buy", units=units, **wanted))


def place_of(bench: Bench, order: str) -> Any:
    """Return the terms in force of an order at the venue."""
    return bench.kernel.orders.by_id[order].place


def test_n25_the_legs_of_a_bracket_stay_here_until_the_entry_fills(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.accept(ids.entry)

    assert [each.decision_id for each in any_bench.placed] == [ids.entry]
    assert any_bench.open_orders() == [ids.entry]
    assert any_bench.open_orders(held=True) == list(ids)
    assert any_bench.kernel.orders.open_lots(SYMBOL) == 4

    any_bench.fill(ids.entry, 4)

    exits = {each.decision_id: each for each in any_bench.placed[1:]}
    assert set(exits) == {ids.take_profit, ids.stop_loss}
    assert exits[ids.take_profit].limit_ticks == 440
    assert exits[ids.stop_loss].stop_ticks == 360
    assert {each.lots for each in exits.values()} == {4}
    assert {each.side for each in exits.values()} == {-1}
    assert {each.decided_at_ns for each in exits.values()} == {any_bench.now_ns}


def test_n25_with_partial_release_the_legs_grow_with_every_fill(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    ids = bracketed(bench)
    bench.fill(ids.entry, 1)

    assert [each.lots for each in bench.placed] == [4, 1, 1]

    bench.fill(ids.entry, 2)

    assert [(each.order_decision_id, each.lots) for each in bench.venue.amended] == [
        (ids.take_profit, 3),
        (ids.stop_loss, 3),
    ]


def test_n25_with_full_release_the_legs_wait_until_the_entry_is_done(any_bench: Bench) -> None:
    ids = bracketed(any_bench, release="full")
    any_bench.fill(ids.entry, 3)
    assert len(any_bench.placed) == 1

    any_bench.do(lambda c: c.cancel(ids.entry))
    any_bench.cancelled(ids.entry)

    assert [each.lots for each in any_bench.placed] == [4, 3, 3]


def test_n25_a_rejected_entry_denies_its_legs(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.rejected(ids.entry)

    assert [each.decision_id for each in any_bench.news(OrderDenied)] == list(ids)[1:]
    assert any_bench.rules() == ["parent", "parent"]
    assert any_bench.open_orders(held=True) == []


def test_n25_an_entry_that_never_leaves_denies_its_legs(any_bench: Bench) -> None:
    any_bench.command("stop")
    bracketed(any_bench)

    assert any_bench.rules() == ["halted", "parent", "parent"]
    assert any_bench.placed == []


def test_n25_an_entry_cancelled_before_any_fill_takes_its_legs_with_it(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.do(lambda c: c.cancel(ids.entry))
    any_bench.cancelled(ids.entry)

    told = [(each.decision_id, each.reason) for each in any_bench.news(OrderCancelled)]
    assert sorted(told) == sorted(
        [(ids.entry, "requested"), (ids.take_profit, "parent"), (ids.stop_loss, "parent")]
    )
    assert any_bench.open_orders(held=True) == []


def test_n26_a_fill_of_one_cancels_the_other(any_bench: Bench) -> None:
    def both(context: Any) -> tuple[str, str]:
        low = context.buy(SYMBOL, units=3, limit=95)
        high = context.buy(SYMBOL, units=3, stop=105)
        context.one_cancels_other(low, high)
        return low, high

    low, high = any_bench.do(both)
    any_bench.fill(low, 1)

    assert any_bench.cancels == [high]
    any_bench.fill(low, 2)
    assert any_bench.cancels == [high]


def test_n26_a_part_filled_of_one_makes_the_other_smaller_by_as_much(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    ids = bracketed(bench)
    bench.fill(ids.entry, 4)
    bench.fill(ids.take_profit, 1)

    assert [(each.order_decision_id, each.lots) for each in bench.venue.amended] == [
        (ids.stop_loss, 3)
    ]

    bench.amended(ids.stop_loss, 3, None, 360)
    bench.fill(ids.take_profit, 3)

    assert bench.cancels == [ids.stop_loss]
    assert bench.lots == 0


def test_n26_where_a_venue_cannot_amend_the_other_is_cancelled_and_sent_anew(bench: Bench) -> None:
    ids = bracketed(bench)
    bench.fill(ids.entry, 4)
    bench.fill(ids.take_profit, 1)

    assert bench.cancels == [ids.stop_loss]
    assert len(bench.placed) == 3
    bench.cancelled(ids.stop_loss)

    anew = bench.sent
    assert (anew.order_type, anew.lots, anew.stop_ticks) == (OrderType.STOP_MARKET, 3, 360)
    assert anew.parent_id == ids.stop_loss
    bench.fill(anew.decision_id, 3, 359)

    assert bench.news(Fill)[-1].decision_id == ids.stop_loss
    assert bench.cancels[1:] == [ids.take_profit]
    assert bench.lots == 0


def test_n26_two_fills_at_once_never_leave_more_open_than_there_is(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    ids = bracketed(bench)
    bench.fill(ids.entry, 4)
    bench.fill(ids.take_profit, 1)
    # The stop filled at the venue before it was told to become smaller.
    bench.fill(ids.stop_loss, 1)

    assert [(each.order_decision_id, each.lots) for each in bench.venue.amended] == [
        (ids.stop_loss, 3),
        (ids.take_profit, 3),
    ]
    wanted = bench.kernel.desk.wanted_lots
    assert wanted(ids.take_profit) == wanted(ids.stop_loss) == bench.lots == 2


def test_n26_a_new_size_of_one_leg_becomes_the_size_of_the_other(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    ids = bracketed(bench)
    bench.fill(ids.entry, 4)
    bench.do(lambda c: c.amend(ids.take_profit, units=2))
    bench.amended(ids.take_profit, 2, 440)

    assert [(each.order_decision_id, each.lots) for each in bench.venue.amended] == [
        (ids.take_profit, 2),
        (ids.stop_loss, 2),
    ]


def test_n26_cancelling_a_leg_that_the_cascade_has_closed_does_nothing(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.fill(ids.entry, 4)
    any_bench.fill(ids.take_profit, 4)
    any_bench.cancelled(ids.stop_loss)
    before = list(any_bench.cancels)

    any_bench.do(lambda c: (c.cancel(ids.stop_loss), c.cancel(ids.take_profit)))

    assert any_bench.cancels == before == [ids.stop_loss]


def test_n26_a_refused_leg_leaves_the_other_alone(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.fill(ids.entry, 4)
    any_bench.rejected(ids.take_profit)

    assert any_bench.cancels == []
    assert any_bench.open_orders() == [ids.stop_loss]


def test_n27_closing_the_position_by_another_order_cancels_the_legs(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.fill(ids.entry, 4)
    close = any_bench.do(lambda c: c.sell(SYMBOL, units=4))
    any_bench.fill(close, 4)

    assert sorted(any_bench.cancels) == sorted([ids.take_profit, ids.stop_loss])


def test_n27_closing_the_position_ends_an_entry_that_still_rests(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.fill(ids.entry, 2)
    close = any_bench.do(lambda c: c.sell(SYMBOL, units=2))
    any_bench.fill(close, 2)

    assert set(any_bench.cancels) == set(ids)


def test_n27_what_others_closed_is_not_guarded_when_the_entry_fills_on(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    ids = bracketed(bench)
    bench.fill(ids.entry, 3)
    close = bench.do(lambda c: c.sell(SYMBOL, units=1))
    bench.fill(close, 1)
    bench.fill(ids.entry, 1)

    assert bench.lots == 3
    assert bench.kernel.desk.wanted_lots(ids.stop_loss) == 3
    assert bench.kernel.desk.wanted_lots(ids.take_profit) == 3
    assert [each.lots for each in bench.venue.amended] == [2, 2, 3, 3]


def test_n28_two_brackets_on_one_position_keep_their_own_sizes(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    first = bracketed(bench, units=2)
    second = bracketed(bench, units=3, limit=99)
    bench.fill(first.entry, 2)
    bench.fill(second.entry, 3)
    assert [each.lots for each in bench.placed] == [2, 3, 2, 2, 3, 3]

    bench.fill(first.take_profit, 2)

    assert bench.cancels == [first.stop_loss]
    assert place_of(bench, second.stop_loss).lots == 3
    assert bench.lots == 3


def test_n28_what_other_orders_close_is_taken_off_the_oldest_bracket_first(
    a_bench: Benches,
) -> None:
    bench = a_bench(AMENDING)
    first = bracketed(bench, units=2)
    second = bracketed(bench, units=3, limit=99)
    bench.fill(first.entry, 2)
    bench.fill(second.entry, 3)
    close = bench.do(lambda c: c.sell(SYMBOL, units=3))
    bench.fill(close, 3)

    assert sorted(bench.cancels) == sorted([first.take_profit, first.stop_loss])
    assert {(each.order_decision_id, each.lots) for each in bench.venue.amended} == {
        (second.take_profit, 2),
        (second.stop_loss, 2),
    }


def test_n29_a_stop_placed_in_on_fill_is_live_in_the_same_instant(any_bench: Bench) -> None:
    any_bench.on[Fill] = lambda context, fill: (
        context.sell(SYMBOL, units=1, stop=90) if fill.side > 0 else None
    )
    entry = any_bench.do(lambda c: c.buy(SYMBOL, units=1))
    any_bench.fill(entry, 1)

    assert any_bench.sent.stop_ticks == 360
    assert any_bench.sent.decided_at_ns == any_bench.now_ns


def test_n29_a_cascade_settles_in_one_instant_and_one_commit(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.on[Fill] = lambda context, fill: (
        context.cancel(ids.take_profit) if fill.decision_id == ids.entry else None
    )
    commits = len(any_bench.journal.commits)
    any_bench.fill(ids.entry, 4)

    assert [each.decided_at_ns for each in any_bench.placed[1:]] == [any_bench.now_ns] * 2
    assert any_bench.cancels == [ids.take_profit]
    # The last one is the end of the source: all that the fill led to was one commit.
    assert len(any_bench.journal.commits) == commits + 2


def test_n29_all_that_is_told_of_one_input_is_answered_before_anything_leaves(
    any_bench: Bench,
) -> None:
    ids = bracketed(any_bench)
    any_bench.on[OrderDenied] = lambda context, denied: context.buy(SYMBOL, units=1)
    commits = len(any_bench.journal.commits)
    any_bench.rejected(ids.entry)

    assert len(any_bench.placed) == 3
    assert len(any_bench.journal.commits) == commits + 2


def test_a_late_fill_of_an_entry_given_up_is_told_and_not_guarded_twice(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.fill(ids.entry, 2)
    close = any_bench.do(lambda c: c.sell(SYMBOL, units=2))
    any_bench.fill(close, 2)
    any_bench.cancelled(ids.take_profit)
    any_bench.cancelled(ids.stop_loss)
    any_bench.fill(ids.entry, 1)

    assert any_bench.news(Fill)[-1].decision_id == ids.entry
    assert any_bench.lots == 1


def test_a_leg_may_be_repriced_before_it_is_released(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.do(lambda c: c.amend(ids.stop_loss, stop=95))
    assert any_bench.news(OrderAmended)[-1].stop_ticks == 380

    any_bench.fill(ids.entry, 4)

    stop = next(each for each in any_bench.placed if each.decision_id == ids.stop_loss)
    assert stop.stop_ticks == 380


def test_a_leg_gets_its_size_from_the_entry_alone(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.do(lambda c: c.amend(ids.stop_loss, units=1))

    assert any_bench.rules() == ["held"]


def test_the_exits_of_a_position_make_no_room_for_more_of_it(any_bench: Bench) -> None:
    ids = bracketed(any_bench)
    any_bench.fill(ids.entry, 4)

    assert any_bench.kernel.orders.open_lots(SYMBOL) == 0
    assert any_bench.kernel.orders.by_id[ids.stop_loss].state is OrderState.SENT
