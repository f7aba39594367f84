"""One account over several instruments: when it is over, what is closed, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support import worlds
from tests.support.shared_account import CROSS, SharedRun, cross, named
from tests.support.worlds import MINUTE, SECOND, T0
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue, Standing
from tieout.adapters.venues.simulated.margin_watch import own_order
from tieout.errors import InputError
from tieout.model.events import (
    Fill,
    FundingCharged,
    MarginWarned,
    OrderCancelled,
    OrderDenied,
    OrderImposed,
    OrderRejected,
)
from tieout.model.money import money
from tieout.model.profiles import FillLevel, FundingRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.columns import BarColumns, TradeColumns


def prints(symbol: str, ticks: Sequence[int], *, after_ns: int = 0) -> TradeColumns:
    """Return prints, one each second; those of a market some time after those of another."""
    return replace(worlds.trades(ticks, start_ns=T0 + after_ns), instrument=symbol)


def minutes(symbol: str, closes: Sequence[int], *, delay_ns: int = 0) -> BarColumns:
    return replace(worlds.bars(closes, delay_ns=delay_ns), instrument=symbol)


def two(one: Sequence[int], other: Sequence[int]) -> dict[str, TradeColumns]:
    """Return A, and B half a second after each print of it."""
    return {"A": prints("A", one), "B": prints("B", other, after_ns=SECOND // 2)}


# 6 of A are long and 4 of B short at 1,000 each, with 1,000 in the account and 5 % to keep. While B
# stays where it is: 1,000 + 6 p − 6,000 = 0.05 · (6 p + 4,000) at p = 912.28: 3,649 ticks.
HELD = (("A", 6, 4000), ("B", -4, 4000))


def test_the_account_is_over_at_the_tick_and_the_larger_position_is_closed() -> None:
    falls = [4000, 3800, 3650, 3649, 3600, 3600, 3600]
    dear = msgspec.structs.replace(CROSS, liquidation_fee_rate=Decimal("0.01"))

    run = SharedRun(two(falls, [4000] * 7), {}, cross(dear), held=HELD)

    (imposed,) = run.of(OrderImposed)
    assert (imposed.reason, imposed.order.instrument, imposed.order.lots) == ("liquidation", "A", 6)
    assert imposed.venue_time_ns == T0 + 4 * SECOND
    # At the next print of A: 600 lost and 54 taken; 346 are enough for what B must keep.
    assert run.closings == [("A", -6, 3600)]
    assert run.kernel.ledger.balance == money("346")
    assert (run.lots("A"), run.lots("B")) == (0, -4)
    run.kernel.ledger.check()


def test_a_tick_above_it_stands() -> None:
    run = SharedRun(two([4000, 3800, 3650, 3650, 3700], [4000] * 5), {}, cross(), held=HELD)

    assert run.imposed == []


def test_what_the_second_gains_saves_the_first() -> None:
    # B at 900 has gained 400: 1,400 + 6 p − 6,000 = 0.05 · (6 p + 3,600) at 838.6: 3,354 ticks.
    fallen = [4000, 3600, 3600, 3600, 3600, 3600, 3600]

    saved = SharedRun(two([4000, 3800, 3649, 3400, 3355, 3600], fallen), {}, cross(), held=HELD)
    over = SharedRun(two([4000, 3800, 3649, 3400, 3354, 3600], fallen), {}, cross(), held=HELD)

    assert saved.imposed == []
    assert over.imposed == [("A", -6)]


def test_closing_the_first_saves_the_second_until_it_is_over_itself() -> None:
    falls = [4000, 3649, 3600, 3600, 3600, 3600]

    # Without A's loss to come, 400 stand for B: 400 − 4 · (p − 1,000) = 0.2 p at 1,047.6.
    rises = [4000, 4000, 4000, 4190, 4190, 4190]
    assert SharedRun(two(falls, rises), {}, cross(), held=HELD).imposed == [("A", -6)]

    further = [4000, 4000, 4000, 4191, 4191, 4200]
    both = SharedRun(two(falls, further), {}, cross(), held=HELD)
    assert both.imposed == [("A", -6), ("B", 4)]
    assert both.closings == [("A", -6, 3600), ("B", 4, 4191)]
    assert both.kernel.ledger.balance == money("209")


def test_nobody_looks_while_a_position_is_being_closed() -> None:
    # Three lots a print: A is closed over two, and B, which would be over by then, waits for that.
    falls = [4000, 3649, 3000, 2900, 2900, 2900]

    run = SharedRun(two(falls, [4000] * 6), {}, cross(participation=Decimal("0.3")), held=HELD)

    assert [each[:2] for each in run.closings] == [("A", -3), ("A", -3), ("B", 3), ("B", 1)][
        : len(run.closings)
    ]
    assert run.imposed[0] == ("A", -6)
    times = [each.venue_time_ns for each in run.of(OrderImposed)]
    filled = [each.venue_time_ns for each in run.of(Fill) if each.instrument == "A"]
    assert all(time >= filled[-1] for time in times[1:])


def test_within_a_bar_every_price_is_at_its_worst() -> None:
    # A at 925 has lost 450: 550 − 4 · (p − 1,000) = 0.05 · (5,550 + 4 p) at 1,017.26: 4,070 ticks.
    def run(high: int, delay_ns: int = 0) -> SharedRun:
        one, other = minutes("A", [4000, 4000, 4000, 4000]), minutes("B", [4000] * 4)
        one.low_ticks[2] = 3700
        other.high_ticks[2] = high
        later = replace(other, arrival_time_ns=other.arrival_time_ns + delay_ns)
        return SharedRun({"A": one, "B": later}, {}, cross(), held=HELD)

    assert run(4069).imposed == []
    assert run(4070).imposed == [("A", -6)]
    # It does not matter which of the two bars is known first, but for when it is known.
    (imposed,) = run(4070, 20 * SECOND).of(OrderImposed)
    assert imposed.venue_time_ns == T0 + 3 * MINUTE
    assert imposed.arrival_time_ns == T0 + 3 * MINUTE + 20 * SECOND


def test_a_bar_stands_beside_what_others_were_in_its_time_whatever_they_are_now() -> None:
    # A falls to 925 for a second and is looked at; the bar of B, which reaches far less than what
    # would worry anybody now, was at its high in the same minute.
    falls = prints("A", [*[4000] * 80, 3700, *[4000] * 60])

    def run(high: int) -> SharedRun:
        other = minutes("B", [4000] * 4)
        other.high_ticks[1] = high
        return SharedRun({"A": falls, "B": other}, {}, cross(), held=HELD)

    assert run(4069).imposed == []
    (imposed,) = run(4070).of(OrderImposed)
    assert (imposed.order.instrument, imposed.venue_time_ns) == ("A", T0 + 2 * MINUTE)


def test_a_short_that_was_higher_in_the_time_of_a_bar_stands_beside_it_so() -> None:
    def run(high: int) -> SharedRun:
        falls = minutes("A", [4000] * 4)
        falls.low_ticks[1] = 3700
        rises = prints("B", [*[4000] * 80, high, *[4000] * 60])
        return SharedRun({"A": falls, "B": rises}, {}, cross(), held=HELD)

    assert run(4069).imposed == []
    assert run(4070).imposed == [("A", -6)]


def test_funding_of_one_position_brings_the_other_nearer() -> None:
    paying = cross(
        funding_rule=FundingRule.AGAINST,
        funding_rate=Decimal("0.01"),
        funding_interval_ns=10 * SECOND,
    )
    falls = [4000] * 25 + [3750] * 3

    run = SharedRun(two(falls, [4000] * 28), {}, paying, held=HELD)

    assert {each.instrument for each in run.of(FundingCharged)} == {"A", "B"}
    assert run.imposed[0] == ("A", -6)
    assert SharedRun(two(falls, [4000] * 28), {}, cross(), held=HELD).imposed == []


def test_open_orders_are_called_off_but_for_those_that_only_reduce() -> None:
    falls = [4000, 3900, 3800, 3649, 3600, 3600, 3600]
    little = msgspec.structs.replace(
        CROSS,
        brackets=(msgspec.structs.replace(CROSS.brackets[0], initial_rate=Decimal("0.06")),),
    )
    closing = {"limit": 500, "reduce_only": True}
    plan = {1: [("A", 1, {"limit": 800}), ("B", -1, {"limit": 1_500}), ("B", 2, closing)]}

    run = SharedRun(two(falls, [4000] * 7), plan, cross(little), held=HELD)

    (imposed,) = run.of(OrderImposed)
    called_off = run.of(OrderCancelled)
    assert [each.reason for each in called_off] == ["liquidation"] * 2
    assert {each.venue_time_ns for each in called_off} == {imposed.venue_time_ns}
    (left,) = run.kernel.orders.open.values()
    assert left.place.reduce_only


def test_a_warning_is_of_the_account_and_is_told_once_until_something_moves() -> None:
    # At four fifths: 0.8 · (1,000 + 6 p − 6,000) = 0.05 · (6 p + 4,000) at 933.3: 3,733 ticks.
    warning = cross(msgspec.structs.replace(CROSS, warning_ratio=Decimal("0.8")))
    falls = [4000, 3734, 3733, 3720, 3710, 3700, 3685, 3685]

    run = SharedRun(two(falls, [4000] * 8), {}, warning, held=HELD)

    (warned,) = run.of(MarginWarned)
    assert (warned.instrument, warned.position_lots, warned.price_ticks) == ("A", 6, 3733)
    assert warned.liquidation_ticks == 3649
    assert run.warnings == [warned]

    again = SharedRun(two(falls, [4000] * 8), {9: [("B", 1, {})]}, warning, held=HELD)
    assert len(again.of(MarginWarned)) == 2


def test_margin_of_other_positions_and_of_their_orders_counts() -> None:
    flat = two([4000] * 12, [4000] * 12)

    refused = SharedRun(flat, {1: [("A", 6, {})], 5: [("B", -5, {})]}, cross())
    (rejected,) = refused.of(OrderRejected)
    assert rejected.detail == "B: it takes 1100.00 with what is under way; there are 1000.00"
    assert SharedRun(flat, {1: [("A", 6, {})], 5: [("B", -4, {})]}, cross()).lots("B") == -4

    # 6 of A rest at 900 and count at their last price, 1,000.
    resting = {1: [("A", 6, {"limit": 900})], 5: [("B", -5, {})]}
    assert len(SharedRun(flat, resting, cross()).of(OrderRejected)) == 1
    # A's open profit of 600 can carry what its margin could not.
    gained = two([4000, 4000, *[4400] * 10], [4000] * 12)
    assert SharedRun(gained, {1: [("A", 6, {})], 9: [("B", -9, {})]}, cross()).lots("B") == -9


def test_the_kernel_refuses_by_the_same_rule_before_it_is_sent() -> None:
    flat = two([4000] * 12, [4000] * 12)
    plan: dict[int, Any] = {1: [("A", 6, {})], 5: [("B", -5, {})], 7: [("B", -4, {})]}

    asked, unasked = (SharedRun(flat, plan, cross(), asks=asks) for asks in (True, False))

    denied = [each for each in asked.journal.decisions if isinstance(each, OrderDenied)]
    assert [each.detail for each in denied] == [each.detail for each in unasked.of(OrderRejected)]
    assert asked.of(OrderRejected) == []
    assert (asked.lots("B"), unasked.lots("B")) == (-4, -4)


def test_what_has_no_price_yet_stands_at_its_cost() -> None:
    market = {"A": prints("A", [4000] * 6), "B": prints("B", [4000], after_ns=MINUTE)}

    run = SharedRun(market, {1: [("A", 7, {})], 3: [("A", 6, {})]}, cross(), held=HELD[1:])

    assert [each.detail for each in run.of(OrderRejected)] == [
        "A: it takes 1100.00 with what is under way; there are 1000.00"
    ]


def test_orders_under_way_without_any_price_leave_nothing_to_reckon_with() -> None:
    market = {"A": prints("A", [4000] * 6), "B": prints("B", [4000], after_ns=MINUTE)}
    plan = {1: [("B", 1, {"limit": 900})], 3: [("A", 1, {})]}

    run = SharedRun(market, plan, cross())

    assert [each.detail for each in run.of(OrderRejected)] == [
        "B: no price is known by which its margin could be told"
    ]


@pytest.mark.parametrize("level", [FillLevel.DRILLDOWN, FillLevel.BOOK, FillLevel.ORDERS])
def test_levels_that_are_not_matched_row_by_row_are_refused(level: FillLevel) -> None:
    market = {each: HistoryMarket([prints(each, [1])]) for each in ("A", "B")}
    instruments = {each: named(each) for each in market}

    with pytest.raises(InputError, match="cross margin over 2 instruments is watched row by row"):
        SimulatedVenue(instruments, cross(fill_level=level), market, cash=money(1))


STARTED = T0 + 2 * SECOND


def a_venue(falls: Sequence[int], **given: Any) -> SimulatedVenue:
    columns = two(falls, [4000] * len(falls))
    instruments = {each: named(each) for each in columns}
    return SimulatedVenue(
        instruments,
        cross(msgspec.structs.replace(CROSS, warning_ratio=Decimal("0.8")), **given),
        {symbol: HistoryMarket([each]) for symbol, each in columns.items()},
        positions={symbol: lots for symbol, lots, _ in HELD},
        costs={symbol: instruments[symbol].notional(lots, ticks) for symbol, lots, ticks in HELD},
        cash=money(1_000),
        start_ns=STARTED,
    )


def told(venue: SimulatedVenue) -> list[str]:
    return [type(each).__name__ for each in venue.advance(T0 + MINUTE)]


def test_it_is_never_lent_to_a_compiled_run() -> None:
    assert a_venue([4000]).lend() is None


def test_rows_from_before_the_start_are_not_looked_at() -> None:
    assert told(a_venue([3000, 4000, 4000])) == []
    assert told(a_venue([4000, 4000, 3649, 3600])) == ["MarginWarned", "OrderImposed", "Fill"]


def test_after_a_stop_the_account_is_not_warned_of_twice() -> None:
    venue = a_venue([4000, 4000, 3649, 3600])

    venue.go_on((), (), down_ns=STARTED, back_ns=STARTED, warned=["B"])

    assert told(venue) == ["OrderImposed", "Fill"]


def test_after_a_stop_what_the_venue_had_begun_to_close_is_closed_once() -> None:
    # Two lots a print: after the first of them the account is over still.
    venue = a_venue([3560] * 6, participation=Decimal("0.2"))
    begun = own_order(f"liquidation:A:{T0}:6", "A", -6, T0, stop_ticks=None)

    standing = Standing(place=begun, filled_lots=2, fills=1)
    venue.go_on((standing,), (), down_ns=STARTED, back_ns=STARTED)

    assert told(venue) == ["Fill", "Fill", "MarginWarned"]


def test_what_another_venue_closes_still_stands_in_the_account_and_is_not_closed_here() -> None:
    alone = a_venue([4000, 4000, 3649, 3600])
    for symbol in ("A", "B"):
        alone.unwatch(symbol, STARTED)
    assert told(alone) == []

    # A is the larger one, and not ours to close.
    partly = a_venue([4000, 4000, 3649, 3600])
    partly.unwatch("A", STARTED)
    imposed = [each for each in partly.advance(T0 + MINUTE) if isinstance(each, OrderImposed)]
    assert [each.order.instrument for each in imposed] == ["B"]
