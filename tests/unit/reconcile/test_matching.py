"""Two runs are matched by the ids of their decisions, and compared fact by fact."""

from __future__ import annotations

import msgspec

from tests.unit.reconcile.builders import BTC, a_denial, a_fill, a_rung, an_order, decision
from tieout.reconcile import Discrepancy, compare_runs, match_fills, match_orders


def test_decisions_are_matched_by_id() -> None:
    match = match_orders(a_rung(an_order(1), an_order(2)), a_rung(an_order(2), an_order(3)))

    assert match.matched == (decision(2),)
    assert (match.only_first, match.only_second) == ((decision(1),), (decision(3),))
    assert match.union == 3


def test_denied_wish_is_a_decision_all_the_same() -> None:
    match = match_orders(a_rung(an_order(1)), a_rung(a_denial(1)))

    assert match.matched == (decision(1),)


def test_same_id_with_another_side_is_changed() -> None:
    match = match_orders(a_rung(an_order(1)), a_rung(an_order(1, side=-1)))

    assert (match.matched, match.changed, match.union) == ((), (decision(1),), 1)


def test_fills_are_matched_by_their_place_in_the_order() -> None:
    first = a_rung(a_fill(1, lots=3), a_fill(1, lots=7))
    second = a_rung(a_fill(1, lots=10), a_fill(2))

    match = match_fills(first, second)

    assert match.matched == ((decision(1), 0),)
    assert match.only_first == ((decision(1), 1),)
    assert match.only_second == ((decision(2), 0),)


def test_runs_that_differ_only_in_what_they_knew_when_are_identical() -> None:
    late = msgspec.structs.replace(a_fill(), arrival_time_ns=5, trade_id="other")

    comparison = compare_runs(
        a_rung(an_order(), a_fill()), a_rung(an_order(origin="elsewhere"), late)
    )

    assert comparison.identical
    assert (comparison.orders, comparison.fills) == (1, 1)


def test_each_fact_that_differs_is_named() -> None:
    comparison = compare_runs(
        a_rung(an_order(lots=10), a_fill(fee=1)),
        a_rung(an_order(lots=11, limit_ticks=5), a_fill(fee=2, price_ticks=9)),
    )

    assert not comparison.identical
    assert [(each.fill, each.fact) for each in comparison.discrepancies] == [
        (None, "lots"),
        (None, "limit_ticks"),
        (0, "price_ticks"),
        (0, "fee"),
    ]


def test_missing_order_and_fill_are_named_once() -> None:
    comparison = compare_runs(a_rung(an_order(1), a_fill(1)), a_rung())

    shown = f"{BTC} side +1, 10 lots"
    assert comparison.discrepancies == (
        Discrepancy(decision_id=decision(1), fill=None, fact="missing", first=shown, second=None),
        Discrepancy(decision_id=decision(1), fill=0, fact="missing", first=shown, second=None),
    )
