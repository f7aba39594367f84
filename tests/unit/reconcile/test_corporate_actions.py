"""Rungs that differ across splits and dividends still add up, and say where the money went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reconcile.builders import (
    BTC,
    HOUR,
    INSTRUMENTS,
    MINUTE,
    T0,
    UNIT,
    a_fill,
    a_rung,
    an_order,
    reconciled,
)
from tieout.ledger.actions import booking_of
from tieout.model.events import DividendPaid, Fill, Split
from tieout.model.money import money
from tieout.reconcile import Step, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.reconcile import RungRecord

Action = Split | DividendPaid


def a_split(new: int, old: int, *, minute: int = 30) -> Split:
    at_ns = T0 + minute * MINUTE
    return Split(instrument=BTC, new=new, old=old, venue_time_ns=at_ns, arrival_time_ns=at_ns + 5)


def a_dividend(amount: str, *, minute: int = 40) -> DividendPaid:
    at_ns = T0 + minute * MINUTE
    return DividendPaid(
        instrument=BTC,
        amount=money(amount),
        reference=0,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns + 5,
    )


def a_run(fills: Sequence[Fill], *actions: Action, held: int = 0) -> RungRecord:
    """Return a rung with these fills and what the actions did to its position."""
    lots, records = held, []
    timed = sorted([*fills, *actions], key=lambda each: each.arrival_time_ns)
    for each in timed:
        if isinstance(each, Fill):
            number = int(each.decision_id, 16)
            records += [an_order(number, side=each.side, lots=each.lots), each]
            lots += each.side * each.lots
            continue
        records.append(each)
        if lots:
            booked = booking_of(
                each,
                INSTRUMENTS[BTC],
                lots=lots,
                price_ticks=100_500,
                decided_at_ns=each.arrival_time_ns,
            )
            records.append(booked)
            lots = booked.lots_after
    positions = ((BTC, held, held * 100_000 * UNIT),) if held else ()
    return a_rung(*records, positions=positions)


fills_of_a_rung = st.lists(
    st.tuples(
        st.integers(1, 60).filter(lambda minute: minute not in (30, 40)),
        st.sampled_from([1, -1]),
        st.integers(1, 20),
        st.integers(90_000, 110_000),
        st.integers(0, 10**9),
    ),
    max_size=5,
    unique_by=lambda each: each[0],
)


@settings(max_examples=80, deadline=None)
@given(
    rungs=st.lists(fills_of_a_rung, min_size=5, max_size=5),
    new=st.integers(1, 9),
    old=st.integers(1, 9),
    held=st.integers(-7, 7),
)
def test_any_rungs_add_up_across_a_split_and_a_dividend(
    rungs: list[list[tuple[int, int, int, int, int]]], new: int, old: int, held: int
) -> None:
    actions = (a_split(new, old), a_dividend("0.37"))
    made = [
        a_run(
            [
                a_fill(number, side=side, lots=lots, price_ticks=price, fee=fee)
                for number, side, lots, price, fee in fills
            ],
            *actions,
            held=held,
        )
        for fills in rungs
    ]

    # Checks that every step sums to the difference of its ledgers, exactly.
    result = reconciled(*made, statement=None)

    assert sum(result.steps.values()) == result.difference


def test_a_position_of_another_size_gets_another_dividend() -> None:
    paid = a_dividend("2")
    twin, live = a_run([a_fill(1, lots=5)], paid), a_run([a_fill(1, lots=8)], paid)

    result = reconciled(twin, live, statement=None)

    # Three lots of a thousandth more, at two each.
    assert result.parts(Step.DATA)["corporate_actions"] == money("0.006")
    assert [each.dividends for each in result.rungs] == [money("0.01"), *[money("0.016")] * 4]


def test_fills_on_both_sides_of_a_split_are_compared_as_a_whole() -> None:
    split = a_split(7, 1)
    before = a_fill(29, lots=10, price_ticks=101_000)
    after = a_fill(
        29,
        lots=70,
        price_ticks=101_000 // 7,
        venue_time_ns=T0 + 31 * MINUTE,
        arrival_time_ns=T0 + 31 * MINUTE,
    )

    result = reconciled(a_run([before], split), a_run([after], split), statement=None)

    # A seventh of 101,000 is 14,428 and four sevenths, which the later buyer did not pay.
    assert result.parts(Step.DATA)["corporate_actions"] == 4 * 10 * UNIT
    assert result.difference == 40 * UNIT


def test_without_actions_no_line_speaks_of_them() -> None:
    result = reconciled(a_run([a_fill(1)]), a_run([a_fill(1, price_ticks=99_000)]))

    assert all("corporate_actions" not in result.parts(step) for step in Step)
    assert "dividends" not in str(result.facts())


def test_a_round_trip_over_a_split_is_counted_in_lots_of_after_it() -> None:
    sold = a_fill(50, side=-1, lots=5, price_ticks=60_000)
    record = a_run([a_fill(1, lots=10, price_ticks=100_000), sold], a_split(1, 2), held=0)

    summary = summarise(record, INSTRUMENTS)

    (trip,) = summary.trips
    assert (trip.lots, trip.entry_ticks, trip.exit_ticks) == (5, 200_000, 60_000)
    assert trip.profit == summary.profit == -5 * 140_000 * UNIT


def test_what_a_split_left_over_is_part_of_the_round_trip() -> None:
    sold = a_fill(50, side=-1, lots=1, price_ticks=60_000)
    record = a_run([a_fill(1, lots=3, price_ticks=100_000), sold], a_split(1, 2))

    summary = summarise(record, INSTRUMENTS)

    (trip,) = summary.trips
    # Half of a new lot at twice the last price.
    left_over = 100_500 * UNIT
    assert trip.profit == summary.profit == (60_000 - 300_000) * UNIT + left_over
    assert trip.closed_ns is not None


def test_equity_goes_on_over_a_split_and_a_dividend() -> None:
    bought = a_fill(1, lots=6, price_ticks=100_000)
    record = a_run([bought], a_split(2, 1), a_dividend("10"))

    curve = dict(summarise(record, INSTRUMENTS).equity)

    start = money("10000")
    at_split, at_dividend = (T0 + minute * MINUTE + 5 for minute in (30, 40))
    assert curve[bought.arrival_time_ns] == curve[at_split] == curve[at_dividend] == start
    assert curve[T0 + 24 * HOUR] != start


def test_a_venue_that_knows_of_no_action_leaves_all_of_it_unexplained() -> None:
    live = a_run([a_fill(1, lots=6)], a_dividend("10"))

    result = reconciled(live)

    assert result.parts(Step.UNEXPLAINED)["corporate_actions"] == -money("0.06")
    assert result.difference == -money("0.06")


def test_a_split_that_the_venue_does_not_know_is_unexplained_too() -> None:
    live = a_run([a_fill(1, lots=6, price_ticks=100_000)], a_split(1, 4))

    result = reconciled(live)

    # Checks that all of it adds up: what the statement says is as if nothing had happened.
    assert result.live_pnl == 6 * 1_000 * UNIT
    assert result.steps[Step.UNEXPLAINED] == result.difference != 0
