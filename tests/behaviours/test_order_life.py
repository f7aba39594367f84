"""What becomes of an order, whatever order the venue's words come in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.bench import Bench
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, ScriptedVenue, bars, run
from tieout.errors import InvariantViolated
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import MarketBatch
from tieout.kernel.risk import RiskLimits
from tieout.model.events import (
    AmendRejected,
    Fill,
    OrderAmended,
    OrderCancelled,
    OrderDenied,
    OrderRejected,
)
from tieout.model.orders import OrderState, OrderType
from tieout.model.venues import EVERYTHING, GATEWAY, Feature, VenueProfile
from tieout.strategy import Strategy

Benches = Callable[..., Bench]
AMENDING = VenueProfile(name="amending", native=tuple(Feature))


def order_of(bench: Bench, identity: str) -> Any:
    return bench.kernel.orders.by_id[identity]


def long(bench: Bench, units: int) -> None:
    """Hold a position."""
    entry = bench.do(lambda c: c.buy(SYMBOL, units=units))
    bench.fill(entry, units)


# -- reports ------------------------------------------------------------------------------------


def test_n37_a_filled_order_is_never_matched_again_and_a_trigger_fires_once(bench: Bench) -> None:
    long(bench, 2)
    stop = bench.do(lambda c: c.sell(SYMBOL, units=2, touch=110))
    bench.trade(440)
    bench.trade(450)
    bench.trade(440)

    assert [each.decision_id for each in bench.placed[1:]] == [stop]
    bench.fill(stop, 2)
    bench.trade(460)
    assert bench.open_orders(held=True) == []
    assert len(bench.placed) == 2


def test_n45_a_fill_that_turns_the_position_closes_it_and_opens_the_other(bench: Bench) -> None:
    long(bench, 2)
    turn = bench.do(lambda c: c.sell(SYMBOL, units=5))
    bench.fill(turn, 5, 404, trade_id="turn")

    position = bench.kernel.ledger.position(SYMBOL)
    assert position.lots == -3
    assert position.cost == ES.notional(-3, 404)
    assert bench.kernel.ledger.realised == ES.notional(2, 404) - ES.notional(2, 400)

    bench.fill(turn, 5, 404, trade_id="turn")

    assert bench.lots == -3
    assert len(bench.news(Fill)) == 2


def test_n51_a_fill_told_twice_is_booked_and_told_once(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=3))
    bench.fill(order, 1, trade_id="same")
    bench.fill(order, 1, trade_id="same")

    assert bench.lots == 1
    assert len(bench.news(Fill)) == 1


def test_n51_more_than_was_ordered_is_a_fact_and_is_booked(bench: Bench) -> None:
    """A venue's fills are facts: other engines may refuse an overfill, the account would not."""
    order = bench.do(lambda c: c.buy(SYMBOL, units=3))
    bench.fill(order, 4)

    assert bench.lots == 4
    assert order_of(bench, order).state is OrderState.FILLED
    assert bench.kernel.orders.open_lots(SYMBOL) == 0


def test_n52_a_late_fill_completes_a_cancelled_order(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    bench.do(lambda c: c.cancel(order))
    bench.cancelled(order)
    bench.fill(order, 1)
    assert order_of(bench, order).state is OrderState.CANCELLED

    bench.fill(order, 2)

    assert order_of(bench, order).state is OrderState.FILLED
    assert bench.lots == 3
    assert len(bench.news(Fill)) == 2


def test_n52_a_fill_of_an_order_thought_absent_opens_it_again(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    bench.unknown(order)
    assert bench.kernel.orders.open_lots(SYMBOL) == 3
    bench.rejected(order, "absent")
    assert bench.open_orders() == []

    bench.fill(order, 1)

    assert bench.open_orders() == [order]
    assert bench.kernel.orders.open_lots(SYMBOL) == 2


def test_n53_a_cancel_told_after_the_fill_is_no_news(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    bench.do(lambda c: c.cancel(order))
    bench.fill(order, 3)
    bench.cancelled(order)

    assert order_of(bench, order).state is OrderState.FILLED
    assert bench.news(OrderCancelled) == []


def test_n54_the_position_is_booked_before_anybody_is_told(bench: Bench) -> None:
    seen: list[tuple[int, list[str]]] = []
    bench.on[Fill] = lambda context, fill: seen.append(
        (context.position(SYMBOL).lots, list(context.open_orders(SYMBOL)))
    )
    order = bench.do(lambda c: c.buy(SYMBOL, units=3))
    bench.fill(order, 1)
    bench.fill(order, 2)

    assert seen == [(1, [order]), (3, [])]
    seen.clear()


def test_n59_one_decision_cannot_be_made_twice() -> None:
    class Twice(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            context.buy(SYMBOL, units=1)
            context.wishes.append(context.wishes[0])

    with pytest.raises(InvariantViolated, match="exists already"):
        run(Twice, MarketBatch(bars([400]), stored=True))


@pytest.mark.parametrize("venue", [GATEWAY, EVERYTHING, AMENDING], ids=lambda venue: venue.name)
def test_n59_nor_can_one_that_is_kept_here(venue: VenueProfile) -> None:
    class Twice(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            context.buy(SYMBOL, units=1, touch=1)
            context.wishes.append(context.wishes[0])

    with pytest.raises(InvariantViolated, match=r"exists already|composed already"):
        run(Twice, MarketBatch(bars([400]), stored=True), venue_profile=venue)


def test_l32_a_cancelled_order_that_is_kept_here_never_goes(bench: Bench) -> None:
    stop = bench.do(lambda c: c.buy(SYMBOL, units=1, touch=90))
    bench.do(lambda c: c.cancel(stop))
    bench.trade(350)

    assert bench.placed == []
    assert [each.reason for each in bench.news(OrderCancelled)] == ["requested"]


def test_l32_a_cancel_under_way_is_not_undone_by_a_refused_order(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=1, limit=99))
    bench.do(lambda c: c.cancel(order))
    bench.command("stop")
    bench.do(lambda c: c.buy(SYMBOL, units=1))

    assert bench.rules() == ["halted"]
    assert order_of(bench, order).cancel is not None
    bench.cancelled(order)
    assert order_of(bench, order).state is OrderState.CANCELLED


# -- amends -------------------------------------------------------------------------------------


def test_an_amend_goes_to_a_venue_that_has_it_and_moves_the_order_when_told(
    a_bench: Benches,
) -> None:
    bench = a_bench(AMENDING)
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    wish = bench.do(lambda c: c.amend(order, units=5, limit=98.9))

    sent = bench.venue.amended[-1]
    assert (sent.decision_id, sent.lots, sent.limit_ticks) == (wish, 5, 395)
    assert bench.kernel.orders.open_lots(SYMBOL) == 5
    assert order_of(bench, order).place.lots == 3

    bench.amended(order, 5, 395)
    bench.amended(order, 5, 395)

    assert order_of(bench, order).place.lots == 5
    assert len(bench.news(OrderAmended)) == 1


def test_a_refused_amend_keeps_the_order_as_it_was(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    bench.do(lambda c: c.amend(order, units=5))
    bench.amend_rejected(order)

    assert len(bench.news(AmendRejected)) == 1
    assert bench.kernel.orders.open_lots(SYMBOL) == 3
    assert bench.open_orders() == [order]


def test_an_amend_below_what_has_filled_closes_the_order(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    bench.fill(order, 2)
    bench.do(lambda c: c.amend(order, units=1))
    bench.amended(order, 2, 396)

    assert order_of(bench, order).state is OrderState.FILLED


def test_two_amends_are_answered_in_their_order(a_bench: Benches) -> None:
    bench = a_bench(AMENDING)
    order = bench.do(lambda c: c.buy(SYMBOL, units=3, limit=99))
    bench.do(lambda c: c.amend(order, units=9))
    bench.do(lambda c: c.amend(order, units=4))
    assert bench.kernel.orders.open_lots(SYMBOL) == 9

    bench.amended(order, 9, 396)
    bench.amend_rejected(order)

    assert order_of(bench, order).place.lots == 9
    assert order_of(bench, order).amends == ()


def test_without_amends_the_rest_is_sent_anew_once_the_old_order_is_gone(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.accept(order)
    bench.do(lambda c: c.amend(order, units=6, limit=98))
    assert bench.cancels == [order]
    assert len(bench.placed) == 1

    bench.fill(order, 2)
    bench.cancelled(order)

    anew = bench.sent
    assert (anew.lots, anew.limit_ticks, anew.parent_id) == (4, 392, order)
    assert bench.news(OrderCancelled) == []
    bench.accept(anew.decision_id)
    told = bench.news(OrderAmended)[-1]
    assert (told.decision_id, told.lots, told.limit_ticks) == (order, 6, 392)
    assert bench.open_orders() == [order]

    bench.fill(anew.decision_id, 4)

    assert [each.decision_id for each in bench.news(Fill)] == [order, order]
    assert bench.lots == 6
    assert bench.open_orders(held=True) == []


def test_an_order_sent_anew_is_cancelled_by_the_id_it_always_had(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.do(lambda c: c.amend(order, limit=98))
    bench.cancelled(order)
    bench.do(lambda c: c.cancel(order))
    bench.cancelled(bench.sent.decision_id)

    assert bench.cancels == [order, bench.sent.decision_id]
    assert [each.decision_id for each in bench.news(OrderCancelled)] == [order]
    assert bench.open_orders(held=True) == []


def test_a_cancel_while_an_amend_is_under_way_sends_nothing_anew(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.do(lambda c: c.amend(order, limit=98))
    bench.do(lambda c: c.cancel(order))
    bench.cancelled(order)

    assert len(bench.placed) == 1
    assert [each.reason for each in bench.news(OrderCancelled)] == ["requested"]


def test_the_last_of_several_amends_is_the_one_sent_anew(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.do(lambda c: c.amend(order, limit=98))
    bench.do(lambda c: c.amend(order, units=7, limit=97))
    bench.cancelled(order)

    assert bench.cancels == [order]
    assert (bench.sent.lots, bench.sent.limit_ticks) == (7, 388)


def test_an_amend_that_comes_too_late_is_refused_and_the_order_was_what_it_was(
    bench: Bench,
) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.do(lambda c: c.amend(order, units=9))
    bench.fill(order, 5)
    bench.cancel_rejected(order)

    assert [each.reason for each in bench.news(AmendRejected)] == ["final"]
    assert len(bench.placed) == 1
    assert bench.open_orders(held=True) == []


def test_a_cancel_refused_for_another_reason_leaves_the_order_and_its_terms(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.do(lambda c: c.amend(order, units=9))
    bench.cancel_rejected(order)

    assert len(bench.news(AmendRejected)) == 1
    assert bench.kernel.desk.terms(order) == order_of(bench, order).place
    bench.fill(order, 5)
    assert bench.open_orders(held=True) == []


def test_an_order_rejected_while_its_amend_is_under_way_is_not_sent_anew(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.do(lambda c: c.amend(order, units=9))
    bench.rejected(order)

    assert len(bench.placed) == 1
    assert [each.decision_id for each in bench.news(OrderRejected)] == [order]
    assert bench.open_orders(held=True) == []


@pytest.mark.parametrize("early", [True, False], ids=["triggered before", "triggered after"])
def test_l20_a_triggered_stop_is_sent_anew_as_what_it_is(bench: Bench, *, early: bool) -> None:
    order = bench.do(lambda c: c.sell(SYMBOL, units=5, stop=99))
    assert bench.sent.order_type == OrderType.STOP_MARKET
    if early:
        bench.triggered(order)
    bench.do(lambda c: c.amend(order, units=6))
    if not early:
        bench.triggered(order)
    bench.cancelled(order)

    assert (bench.sent.order_type, bench.sent.stop_ticks) == (OrderType.MARKET, None)
    assert bench.sent.lots == 6


def test_l43_an_amend_of_a_finished_order_is_refused_and_told(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    bench.fill(order, 5)
    wish = bench.do(lambda c: c.amend(order, units=9))

    assert bench.rules() == ["final"]
    assert bench.news(OrderDenied)[-1].decision_id == wish
    assert bench.venue.amended == []
    assert bench.cancels == []


def test_l43_an_amend_of_an_order_nobody_knows_is_refused_and_told(bench: Bench) -> None:
    bench.do(lambda c: c.amend("0" * 24, units=9))

    assert bench.rules() == ["final"]


@pytest.mark.parametrize("venue", [GATEWAY, AMENDING], ids=lambda venue: venue.name)
def test_l36_an_amend_below_the_smallest_order_is_refused(
    a_bench: Benches, venue: VenueProfile
) -> None:
    bench = a_bench(venue)
    rules = msgspec.structs.replace(ES, min_lots=3)
    bench.instrument(rules)
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99.3))
    assert bench.sent.limit_ticks == 397
    bench.do(lambda c: c.amend(order, units=2.9))
    bench.do(lambda c: c.amend(order, units=4.9, limit=99.4))

    assert bench.rules() == ["quantity"]
    assert bench.kernel.desk.wanted_lots(order) == 4
    terms = bench.kernel.desk.terms(order)
    sent = bench.venue.amended[-1].limit_ticks if venue is AMENDING else None
    assert 397 in (sent, None if terms is None else terms.limit_ticks)


def test_an_amend_that_adds_exposure_passes_the_gate(a_bench: Benches) -> None:
    bench = a_bench(AMENDING, limits=RiskLimits(position_notional_max=Decimal(1000)))
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=100))
    bench.do(lambda c: c.amend(order, units=11))
    bench.do(lambda c: c.amend(order, units=10))

    assert bench.rules() == ["position_notional_max"]
    assert [each.lots for each in bench.venue.amended] == [10]


def test_a_resumed_run_repeats_every_cancel_that_was_not_answered(bench: Bench) -> None:
    order = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=99))
    other = bench.do(lambda c: c.buy(SYMBOL, units=5, limit=98))
    bench.do(lambda c: (c.cancel(order), c.cancel(other)))
    bench.cancelled(other)
    bench.resume()

    assert bench.cancels == [order, other, order]


def test_a_fresh_strategy_finds_what_was_kept_here_as_it_was(bench: Bench) -> None:
    bench.do(lambda c: c.twap(SYMBOL, side="buy", units=4, parts=2, interval_ns=MINUTE))
    stop = bench.do(lambda c: c.buy(SYMBOL, units=1, touch=90))
    bench.resume("fresh")
    bench.wait(61)
    assert [each.lots for each in bench.placed] == [2, 2]
    bench.trade(360)

    assert bench.sent.decision_id == stop


def test_the_state_hash_covers_what_is_kept_here(bench: Bench) -> None:
    order = bench.do(lambda c: c.sell(SYMBOL, units=1, trail_ticks=4))
    bench.trade(400)
    trigger: Any = bench.kernel.desk.composed[order]
    before = bench.kernel.state_hash()
    trigger.level_ticks += 1
    assert bench.kernel.state_hash() != before
    trigger.level_ticks -= 1

    assert bench.kernel.state_hash() == before


def test_an_operator_ends_what_is_kept_here_too(bench: Bench) -> None:
    stop = bench.do(lambda c: c.buy(SYMBOL, units=1, touch=90))
    twap = bench.do(lambda c: c.twap(SYMBOL, side="buy", units=4, parts=4, interval_ns=MINUTE))
    bench.command("cancel_all")
    bench.cancelled(bench.sent.decision_id)

    assert bench.open_orders(held=True) == []
    assert {each.decision_id for each in bench.news(OrderCancelled)} == {stop, twap}


def test_a_strategy_that_raises_leaves_nothing_behind() -> None:
    class Faulty(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            if bar.close_ticks == 401:
                raise ZeroDivisionError
            context.bracket(SYMBOL, side="buy", units=1, limit=90, stop_loss=80)
            context.sell(SYMBOL, units=1, touch=120)

    kernel, _, venue = run(
        Faulty,
        MarketBatch(bars([400, 401, 500]), stored=True),
        venue=ScriptedVenue(fill_lots=0),
        venue_profile=GATEWAY,
        until_ns=T0 + 10 * MINUTE,
    )

    assert len(venue.placed) == len(venue.cancelled) == 1
    assert kernel.desk.composed == {}


# -- reduce-only --------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", [GATEWAY, EVERYTHING], ids=lambda venue: venue.name)
def test_n20_an_order_that_may_only_reduce_is_refused_where_there_is_nothing_to_reduce(
    a_bench: Benches, venue: VenueProfile
) -> None:
    bench = a_bench(venue)
    bench.do(lambda c: c.sell(SYMBOL, units=1, reduce_only=True))
    long(bench, 1)
    bench.do(lambda c: c.buy(SYMBOL, units=1, reduce_only=True))

    assert bench.rules() == ["reduce_only", "reduce_only"]


def test_n20_it_is_cut_to_the_position_where_the_venue_does_not_do_so(bench: Bench) -> None:
    long(bench, 2)
    bench.do(lambda c: c.sell(SYMBOL, units=5, limit=110, reduce_only=True))

    assert bench.sent.lots == 2
    assert not bench.sent.reduce_only


def test_n20_it_shrinks_with_the_position_and_goes_with_it(bench: Bench) -> None:
    long(bench, 4)
    exit_ = bench.do(lambda c: c.sell(SYMBOL, units=4, limit=110, reduce_only=True))
    other = bench.do(lambda c: c.sell(SYMBOL, units=3))
    bench.fill(other, 3)
    assert bench.cancels == [exit_]
    bench.cancelled(exit_)
    assert (bench.sent.lots, bench.sent.parent_id) == (1, exit_)

    last = bench.do(lambda c: c.sell(SYMBOL, units=1))
    bench.fill(last, 1)

    assert bench.cancels[1:] == [next(e.decision_id for e in bench.placed if e.parent_id == exit_)]


def test_n20_a_stop_kept_here_never_opens_the_other_side(bench: Bench) -> None:
    long(bench, 4)
    stop = bench.do(lambda c: c.sell(SYMBOL, units=4, touch=110, reduce_only=True))
    other = bench.do(lambda c: c.sell(SYMBOL, units=3))
    bench.fill(other, 3)
    bench.trade(440)

    assert (bench.sent.decision_id, bench.sent.lots) == (stop, 1)
    assert bench.sent.order_type == OrderType.MARKET


def test_n20_on_a_turn_it_is_gone_before_it_can_add(bench: Bench) -> None:
    long(bench, 2)
    bench.do(lambda c: c.sell(SYMBOL, units=2, touch=110, reduce_only=True))
    turn = bench.do(lambda c: c.sell(SYMBOL, units=5))
    bench.fill(turn, 5)
    bench.trade(440)

    assert len(bench.placed) == 2
    assert [each.reason for each in bench.news(OrderCancelled)] == ["requested"]


# -- what a venue does not offer ----------------------------------------------------------------


@pytest.mark.parametrize("terms", [{"in_force": "fok"}, {"limit": 99, "post_only": True}])
def test_what_only_the_venue_can_promise_is_refused_by_the_same_rule_everywhere(
    a_bench: Benches, terms: dict[str, Any]
) -> None:
    here, there = a_bench(GATEWAY), a_bench(EVERYTHING)
    here.do(lambda c: c.buy(SYMBOL, units=1, **terms))
    there.do(lambda c: c.buy(SYMBOL, units=1, **terms))

    assert here.rules() == ["venue_rules"]
    assert "gateway" in here.news(OrderDenied)[-1].detail
    assert there.rules() == []
    assert len(there.placed) == 1


def test_orders_at_the_open_are_refused_where_it_never_opens(a_bench: Benches) -> None:
    bench = a_bench(EVERYTHING)
    bench.do(lambda c: c.buy(SYMBOL, units=1, in_force="at_open"))

    assert bench.rules() == ["venue_rules"]


def test_a_bracket_of_which_one_leg_is_refused_does_not_begin(a_bench: Benches) -> None:
    bench = a_bench(GATEWAY)
    bench.do(
        lambda c: c.bracket(
            SYMBOL, side="buy", units=1, take_profit={"limit": 110, "post_only": True}, stop_loss=90
        )
    )

    assert bench.placed == []
    assert bench.rules() == ["venue_rules", "venue_rules"]
    assert bench.open_orders(held=True) == []


def test_the_kernel_runs_on_everything_where_nothing_is_said(a_bench: Benches) -> None:
    assert a_bench(EVERYTHING).kernel.venue_profile is EVERYTHING
    assert Kernel.__init__.__kwdefaults__["venue_profile"] is EVERYTHING
