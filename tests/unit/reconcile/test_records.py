"""A journal becomes plain tables, with nothing counted twice."""

from __future__ import annotations

import pytest

from tests.unit.reconcile.builders import (
    BTC,
    END,
    MINUTE,
    T0,
    a_charge,
    a_denial,
    a_fill,
    a_rung,
    an_acceptance,
    an_order,
    decision,
)
from tieout.errors import InputError
from tieout.model.events import (
    Bar,
    ConnectionLost,
    ConnectionRestored,
    OperatorCommand,
    RunResumed,
    Trade,
)
from tieout.reconcile import Gap, RungRecord


def test_tables_hold_orders_answers_and_denials() -> None:
    rung = a_rung(an_order(1), an_acceptance(1), an_acceptance(1), a_fill(1), a_denial(2))

    assert list(rung.orders) == [decision(1)]
    assert rung.accepted[decision(1)].venue_order_id == "v1"
    assert rung.denied[decision(2)].rule == "max_position"
    assert rung.final_lots() == {BTC: 10}
    assert (rung.started_ns, rung.ended_ns) == (T0, END)


def test_repeated_fills_and_charges_count_once() -> None:
    fill, charge = a_fill(), a_charge("1")

    rung = a_rung(fill, charge, fill, charge)

    assert (rung.fills, rung.funding) == ((fill,), (charge,))


def test_start_position_is_part_of_the_final_one() -> None:
    rung = a_rung(a_fill(lots=4), positions=((BTC, -3, -1),))

    assert rung.final_lots() == {BTC: 1}
    assert rung.start_positions == {BTC: (-3, -1)}


def test_gap_is_closed_by_the_next_restoration_of_its_stream() -> None:
    def lost(stream: str, at: int) -> ConnectionLost:
        return ConnectionLost(stream=stream, reason="closed", arrival_time_ns=at)

    def back(stream: str, at: int) -> ConnectionRestored:
        return ConnectionRestored(stream=stream, backfilled=2, arrival_time_ns=at)

    rung = a_rung(
        lost("trades", 1), lost("user", 2), back("user", 3), back("trades", 4), lost("trades", 5)
    )

    assert rung.gaps == (
        Gap("trades", "closed", 1, 4, 2),
        Gap("user", "closed", 2, 3, 2),
        Gap("trades", "closed", 5, None, 0),
    )


def test_interruptions_are_kept() -> None:
    rung = a_rung(
        RunResumed(arrival_time_ns=T0 + 9, down_since_ns=T0 + 5, state="fresh"),
        OperatorCommand(command="halt", actor="anna", arrival_time_ns=T0 + 10),
    )

    assert [(d.since_ns, d.until_ns, d.state) for d in rung.downtimes] == [
        (T0 + 5, T0 + 9, "fresh")
    ]
    assert rung.commands[0].actor == "anna"


def test_market_prices_are_kept_once_a_minute_and_warm_up_is_not_market() -> None:
    def bar(minute: int, close: int, *, warm_up: bool) -> Bar:
        at = T0 + minute * MINUTE
        return Bar(BTC, MINUTE, at - MINUTE, at, at, 1, 9, 1, close, 5, 0, 0.1, warm_up)

    rung = a_rung(
        bar(0, 7, warm_up=True),
        bar(1, 8, warm_up=False),
        Trade(BTC, T0 + 2 * MINUTE, T0 + 2 * MINUTE, 11, 1, 1, 1, 1.1),
        Trade(BTC, T0 + 2 * MINUTE + 1, T0 + 2 * MINUTE + 1, 12, 1, 1, 2, 1.2),
    )

    assert rung.prices == {BTC: ((T0 + MINUTE, 8), (T0 + 2 * MINUTE + 1, 12))}


def test_journal_without_a_start_is_refused() -> None:
    with pytest.raises(InputError, match="live: the journal has no start record"):
        RungRecord.from_records("live", [("decision", an_order())])


def test_run_without_an_end_has_none() -> None:
    rung = a_rung(an_order())

    cut = RungRecord.from_records(
        "live",
        [("input", each) for each in _records_without_end()],
    )

    assert rung.ended_ns == END
    assert (cut.ended_ns, cut.end_marks) == (None, {})


def _records_without_end() -> list[object]:
    from tieout.model.events import RunStarted

    return [RunStarted(arrival_time_ns=T0, cash=0), an_order()]
