"""Answers that never came: the venue is asked, nothing is sent twice, and a doubt stays a doubt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.exchange.bench import (
    MINUTE,
    SECOND,
    Bench,
    InTurn,
    a_limit,
    an_order_row,
    fails,
    refusal,
)
from tieout.model.events import OrderOutcomeUnknown, OrderRejected


@pytest.fixture
def gateway() -> Iterator[Bench]:
    """Return the exchange gateway's order side before a venue that answers by script."""
    bench = Bench()
    yield bench
    bench.close()


def kinds(events: list[object]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_n56_an_order_whose_answer_is_lost_is_asked_for(gateway: Bench) -> None:
    fails(gateway, status=None)
    gateway.client.answers["GET", "order"] = an_order_row()

    events = gateway.place(a_limit())

    assert kinds(events) == ["OrderOutcomeUnknown", "OrderAccepted"]
    assert len(gateway.client.created) == 1


def test_n56_an_order_that_timed_out_is_rejected_only_once_it_cannot_appear_any_more(
    gateway: Bench,
) -> None:
    # Elsewhere a submit that timed out is rejected at once. Ours waits until the venue could no
    # longer take it: an order that is believed dead and fills is worse than one in doubt.
    fails(gateway, status=None)

    (unknown,) = gateway.place(a_limit())
    early = gateway.run_for(15 * SECOND)
    (absent,) = gateway.run_for(2 * SECOND)

    assert isinstance(unknown, OrderOutcomeUnknown)
    assert early == []
    assert isinstance(absent, OrderRejected)
    assert absent.reason == "absent"
    assert len(gateway.client.created) == 1


def test_n56_a_cancel_of_unknown_outcome_stays_unknown_until_the_venue_tells(
    gateway: Bench,
) -> None:
    gateway.place(a_limit())
    gateway.client.answers["DELETE", "order"] = InTurn(
        *[refusal(status=503)] * 5, an_order_row(status="CANCELED")
    )
    gateway.client.answers["GET", "order"] = refusal(status=503)
    gateway.spawn(gateway.sender.cancel(gateway.desk.by_decision[f"{0:024x}"]))

    silent = gateway.settle()
    told = gateway.run_for(5 * MINUTE)

    # A cancel may be repeated: no answer is neither taken for a success nor for a refusal.
    assert silent == []
    assert kinds(told) == ["OrderCancelled"]
    assert gateway.client.paths().count("DELETE order") == 6
