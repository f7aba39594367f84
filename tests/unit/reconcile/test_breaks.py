"""Where two records disagree a break says so, with its gravity and both sides."""

from __future__ import annotations

import pytest

from tests.unit.reconcile.builders import (
    BTC,
    HOUR,
    T0,
    a_charge,
    a_denial,
    a_fill,
    a_row,
    a_rung,
    a_statement,
    a_trade_of,
    an_acceptance,
    an_order,
    decision,
    reconciled,
)
from tieout.model.events import (
    ConnectionLost,
    ConnectionRestored,
    ForeignOrderSeen,
    OperatorCommand,
    OrderOutcomeUnknown,
    OrderRejected,
    RunResumed,
    StrategyFailed,
)
from tieout.model.money import money
from tieout.reconcile import Break, RungRecord, Severity

FILL = a_fill(price_ticks=100_000)
SOUND = a_rung(an_order(), FILL)


def breaks(twin: RungRecord, live: RungRecord) -> list[tuple[str, Severity]]:
    """Rungs 1 to 4 are live's, so that only the twin and live differ."""
    return [(each.kind, each.severity) for each in reconciled(twin, live).breaks]


def the_break(*rungs: RungRecord) -> Break:
    (found,) = reconciled(*rungs).breaks
    return found


def test_sound_run_has_none() -> None:
    result = reconciled(SOUND)

    assert not result.has_breaks
    assert result.facts()["difference"] == "0.00"


def test_order_on_one_side_is_a_signal_mismatch() -> None:
    found = reconciled(SOUND, a_rung()).breaks

    assert [(each.kind, each.severity) for each in found] == [("signal_mismatch", Severity.HIGH)]
    assert found[0].order == decision(1)
    assert found[0].amount == -10 * 1000 * 10**8
    assert found[0].evidence["live"] is None
    assert breaks(a_rung(), SOUND) == [("signal_mismatch", Severity.HIGH)]


def test_same_order_on_the_other_side_is_a_signal_mismatch() -> None:
    sold = a_rung(an_order(side=-1), a_fill(side=-1, price_ticks=100_000))

    assert breaks(SOUND, sold) == [("signal_mismatch", Severity.HIGH)]


def test_other_quantity_is_a_mismatch_of_its_own() -> None:
    more = a_rung(an_order(lots=11), FILL)

    assert breaks(SOUND, more) == [("quantity_mismatch", Severity.MEDIUM)]


@pytest.mark.parametrize(("ticks", "found"), [(100_500, []), (100_501, ["price_divergence"])])
def test_decision_price_may_differ_by_half_a_percent(ticks: int, found: list[str]) -> None:
    other = a_rung(an_order(decision_price_ticks=ticks), FILL)

    assert [kind for kind, _ in breaks(SOUND, other)] == found


@pytest.mark.parametrize(
    ("ticks", "severity"), [(100_099, Severity.LOW), (100_100, Severity.MEDIUM)]
)
def test_fill_price_is_grave_from_ten_bps_on(ticks: int, severity: Severity) -> None:
    other = a_rung(an_order(), a_fill(price_ticks=ticks))

    assert breaks(SOUND, other) == [("fill_divergence", severity)]


def test_missing_extra_and_partial_fills_are_told_apart() -> None:
    part = a_rung(an_order(), a_fill(lots=4, price_ticks=100_000))

    assert breaks(SOUND, a_rung(an_order())) == [("missing_fill", Severity.MEDIUM)]
    assert breaks(a_rung(an_order()), SOUND) == [("extra_fill", Severity.MEDIUM)]
    assert breaks(SOUND, part) == [("partial_fill", Severity.MEDIUM)]


def test_wish_that_only_one_side_denied() -> None:
    denied = a_rung(a_denial())

    assert breaks(a_rung(an_order()), denied) == [("denied", Severity.MEDIUM)]
    assert breaks(denied, a_rung(an_order())) == [("denied", Severity.LOW)]
    assert breaks(denied, denied) == []


def test_denied_wish_of_one_side_shows_its_rule() -> None:
    found = reconciled(a_rung(), a_rung(a_denial())).breaks

    assert [each.kind for each in found] == ["signal_mismatch", "denied"]
    assert found[0].evidence["live"]["denied"] == "max_position"  # type: ignore[index]


def test_order_the_venue_rejected() -> None:
    rejection = OrderRejected(
        decision_id=decision(1),
        reason="insufficient_margin",
        detail="Margin is insufficient.",
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )

    found = the_break(a_rung(an_order()), a_rung(an_order(), rejection))

    assert (found.kind, found.evidence["reason"]) == ("rejected", "insufficient_margin")
    assert breaks(a_rung(an_order(), rejection), a_rung(an_order(), rejection)) == []


def test_outcome_that_was_unknown_says_whether_it_was_resolved() -> None:
    doubt = OrderOutcomeUnknown(decision_id=decision(1), detail="timed out", arrival_time_ns=T0)

    open_doubt = the_break(a_rung(an_order()), a_rung(an_order(), doubt))
    resolved = the_break(a_rung(an_order()), a_rung(an_order(), doubt, an_acceptance()))

    assert (open_doubt.kind, open_doubt.evidence["resolved"]) == ("outcome_unknown", False)
    assert resolved.evidence["resolved"] is True


@pytest.mark.parametrize(
    ("charged", "severity"), [("0.01", Severity.LOW), ("0.05", Severity.MEDIUM)]
)
def test_fee_other_than_modelled(charged: str, severity: Severity) -> None:
    # A notional of 100: one basis point is 0.01, and what is under it is low.
    live = a_rung(an_order(), a_fill(price_ticks=100_000, fee=money(charged) - 1))

    found = the_break(SOUND, SOUND, SOUND, live)

    assert (found.kind, found.severity) == ("fee", severity)
    assert found.evidence["modelled"]["fills"][0]["fee"] == "0.00"  # type: ignore[index]


def test_funding_other_than_modelled() -> None:
    found = the_break(a_rung(), a_rung(), a_rung(), a_rung(a_charge("-1")))

    assert (found.kind, found.amount) == ("funding", money("-1"))


def test_statement_that_differs_is_grave() -> None:
    found = reconciled(SOUND, statement=a_statement(SOUND, hidden="12.34")).breaks

    assert [(each.kind, each.severity, each.amount) for each in found] == [
        ("statement", Severity.HIGH, money("12.34"))
    ]


def test_fee_of_the_statement_is_a_fee_break() -> None:
    statement = a_statement(SOUND, trades=[a_trade_of(FILL, commission="0.5")])

    assert [each.kind for each in reconciled(SOUND, statement=statement).breaks] == ["fee"]


def test_last_digit_of_the_statement_is_low() -> None:
    row = a_row("r", "realised", "0.00000001", instrument=BTC)

    found = reconciled(SOUND, statement=a_statement(SOUND, extra_rows=[row])).breaks

    assert [(each.kind, each.severity) for each in found] == [("statement", Severity.LOW)]


def test_named_transfer_is_no_break_and_a_foreign_order_is() -> None:
    by_hand = a_trade_of(FILL, trade_id="9", client_order_id="web")
    statement = a_statement(
        SOUND, trades=[a_trade_of(FILL), by_hand], extra_rows=[a_row("t", "transfer", "5")]
    )

    found = reconciled(SOUND, statement=statement).breaks

    assert [(each.kind, each.severity) for each in found] == [("foreign_order", Severity.MEDIUM)]


def test_foreign_order_is_named_without_a_statement_too() -> None:
    seen = ForeignOrderSeen(
        client_order_id="web",
        instrument=BTC,
        side=1,
        filled_lots=3,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )

    found = reconciled(a_rung(seen), statement=None).breaks

    assert [each.kind for each in found] == ["foreign_order"]


def test_gap_is_low_once_it_is_closed() -> None:
    lost = ConnectionLost(stream="trades", reason="closed", arrival_time_ns=T0)
    back = ConnectionRestored(stream="trades", backfilled=4, arrival_time_ns=T0 + HOUR)

    assert breaks(a_rung(), a_rung(lost)) == [("connection_gap", Severity.MEDIUM)]
    assert breaks(a_rung(), a_rung(lost, back)) == [("connection_gap", Severity.LOW)]


def test_interruptions_are_breaks() -> None:
    def back(state: str) -> RunResumed:
        return RunResumed(arrival_time_ns=T0 + HOUR, down_since_ns=T0, state=state)

    halt = OperatorCommand(command="halt", actor="anna", arrival_time_ns=T0)
    failed = StrategyFailed(error="ZeroDivisionError", detail="", decided_at_ns=T0, origin="bar")

    assert breaks(a_rung(), a_rung(back("fresh"))) == [("restart", Severity.HIGH)]
    assert breaks(a_rung(), a_rung(back("kept"))) == [("restart", Severity.LOW)]
    assert breaks(a_rung(), a_rung(halt)) == [("operator", Severity.LOW)]
    assert breaks(a_rung(), a_rung(failed)) == [("strategy_failed", Severity.HIGH)]
    assert breaks(a_rung(failed), a_rung(failed)) == []


def test_gravest_and_then_dearest_come_first() -> None:
    twin = a_rung(an_order(1), a_fill(1), an_order(2), a_fill(2, lots=1), an_order(3), a_fill(3))
    live = a_rung(an_order(3), a_fill(3, price_ticks=100_011))

    found = reconciled(twin, live).breaks

    assert [each.order for each in found] == [decision(1), decision(2), decision(3)]
