"""Which terms of an order the venue takes, and when markets are open."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.floor import amend, cancel, fills, ns, order, play, prints
from tests.support.worlds import SECOND
from tieout.errors import DataError, SettingsError
from tieout.market import MatchingCore
from tieout.market.terms import amend_refused, terms_refused
from tieout.model.events import AmendRejected, OrderCancelled, OrderRejected
from tieout.model.latencies import ConstantLatency
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.profiles import profile
from tieout.model.sessions import DAY_NS, Sessions

LIMIT = {"kind": "limit", "limit": 400}
TRAIL = {"kind": "trailing_stop", "side": -1}


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"lots": 0}, "must be positive"),
        ({"lots": 2**53 + 1}, "at most"),
        ({"kind": "limit"}, "needs a limit price"),
        ({"kind": "limit", "limit": -4}, "limit price -4"),
        ({"kind": "limit", "limit": 2**62}, "limit price"),
        ({"kind": "stop_market"}, "needs a trigger price"),
        ({"kind": "stop_limit", "stop": 400}, "needs a limit price"),
        ({"kind": "market_if_touched", "stop": 0}, "trigger price 0"),
        ({**TRAIL}, "needs a distance"),
        ({**TRAIL, "trail": 3, "share": 100}, "needs a distance"),
        ({**TRAIL, "trail": 0}, "trail_ticks 0"),
        ({**TRAIL, "share": 10**8}, "trail_share_e8"),
        ({**TRAIL, "trail": 3, "activation": -1}, "activation price"),
        ({"force": "good_till_date"}, "needs the date"),
        ({"kind": "stop_market", "stop": 400, "force": "at_close"}, "open or the close"),
        ({"post_only": True}, "post-only"),
        ({**LIMIT, "post_only": True, "force": "immediate_or_cancel"}, "post-only"),
        ({"display": 1}, "show a part"),
        ({**LIMIT, "force": "fill_or_kill", "display": 1}, "show a part"),
        ({**LIMIT, "lots": 3, "display": 4}, "4 lots shown of 3"),
    ],
)
def test_terms_that_cannot_be_are_named(terms: dict[str, Any], words: str) -> None:
    refused = terms_refused(order("o", **terms))

    assert refused is not None
    assert words in refused
    (report,) = play(prints((1, 400)), order("o", **terms))
    assert isinstance(report, OrderRejected)
    assert (report.reason, report.detail) == ("invalid", refused)


def test_types_and_times_in_force_that_nobody_knows_are_named() -> None:
    known = order("o")

    for field in ("order_type", "time_in_force"):
        unknown = msgspec.structs.replace(known, **{field: 99})
        assert "99 is unknown" in str(terms_refused(unknown))


@pytest.mark.parametrize("kind", list(OrderType))
def test_every_type_is_taken_with_the_terms_it_needs(kind: OrderType) -> None:
    given = {"limit": 400, "stop": 401}
    if kind is OrderType.TRAILING_STOP:
        given = {"trail": 2}

    assert terms_refused(order("o", kind=kind.name, **given)) is None


@pytest.mark.parametrize("force", list(TimeInForce))
def test_every_time_in_force_is_taken(force: TimeInForce) -> None:
    assert terms_refused(order("o", force=force.name, until_s=5)) is None


@pytest.mark.parametrize("terms", [{"lots": 0}, {"limit": -1}, {"stop": 2**62}])
def test_an_amend_to_what_cannot_be_is_refused(terms: dict[str, int]) -> None:
    wish = amend("o", 2, **terms)

    assert amend_refused(wish) is not None
    found = play(prints((1, 400)), order("o", 1, kind="limit", limit=390), wish)
    assert [each.reason for each in found if isinstance(each, AmendRejected)] == ["invalid"]


def test_an_amend_of_nothing_the_venue_knows_is_refused() -> None:
    (found,) = play(prints((1, 400)), amend("o", 2, lots=1))

    assert isinstance(found, AmendRejected)
    assert found.reason == "unknown_order"


def test_an_order_that_arrives_when_its_time_is_over_is_rejected() -> None:
    (found,) = play(prints((1, 400)), order("o", 5, force="good_till_date", until_s=5))

    assert isinstance(found, OrderRejected)
    assert found.reason == "expired"


def test_each_report_takes_its_own_way_back() -> None:
    found = play(
        prints((1, 400)),
        order("o", 1, kind="limit", limit=390),
        cancel("o", 5),
        latency=ConstantLatency(entry_ns=SECOND, response_ns=3 * SECOND),
        cancel_latency=ConstantLatency(response_ns=SECOND // 2),
    )

    accepted, ended = found
    assert accepted.arrival_time_ns == ns(5)
    assert isinstance(ended, OrderCancelled)
    assert (ended.venue_time_ns, ended.arrival_time_ns) == (ns(5), ns(5.5))


def test_an_expiry_is_known_after_the_orders_own_way_back() -> None:
    found = play(
        prints((1, 400)),
        order("o", 1, kind="limit", limit=390, until_s=7),
        latency=ConstantLatency(response_ns=2 * SECOND),
    )

    assert [each.arrival_time_ns for each in found] == [ns(3), ns(9)]


class Half:
    """A fill model that fills half of what is wanted, and remembers at which prices."""

    name, version = "half", 1

    def __init__(self) -> None:
        self.prices: list[int] = []

    def lots(self, *question: int) -> int:
        self.prices.append(question[2])
        return -(-question[6] // 2)


def test_a_fill_model_is_asked_with_the_price_of_the_print() -> None:
    model = Half()

    found = play(prints((1, 400), (2, 405)), order("o", lots=2), models={"fill": model})

    assert fills(found) == [(1, 1, 400), (2, 1, 405)]
    assert model.prices == [400, 405]


@pytest.mark.parametrize("edges", [[(5, 5)], [(5, 3)], [(0, 10), (5, 20)], [(20, 30), (0, 10)]])
def test_sessions_that_overlap_or_do_not_ascend_are_refused(edges: list[tuple[int, int]]) -> None:
    with pytest.raises(SettingsError, match="ascend and not overlap"):
        Sessions(edges)


def test_sessions_may_follow_each_other_at_once() -> None:
    sessions = Sessions([(0, 10), (10, 20)])

    assert sessions.closing_after(9) == (0, 10)
    assert sessions.closing_after(10) == (10, 20)
    assert sessions.opening_after(0) == (10, 20)
    assert sessions.opening_after(10) is None
    assert sessions.day_end_ns(10) == 20
    assert sessions.day_end_ns(20) is None


def test_a_market_without_sessions_is_always_open_and_its_days_end_at_midnight() -> None:
    assert Sessions().always
    assert Sessions().day_end_ns(DAY_NS) == 2 * DAY_NS
    assert Sessions().day_end_ns(DAY_NS - 1) == DAY_NS


def test_more_lots_than_can_be_counted_exactly_are_refused() -> None:
    with pytest.raises(DataError, match="too many for exact arithmetic"):
        play(prints((1, 400, 2**53), (2, 400, 2**52)), order("o"))


def test_a_share_of_the_volume_has_nine_decimals_at_most() -> None:
    fine = msgspec.structs.replace(profile("zero-latency"), participation=Decimal("0.0000000001"))

    with pytest.raises(SettingsError, match="nine decimals"):
        MatchingCore(fine)


def test_an_age_below_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="stale_after_ns"):
        msgspec.structs.replace(profile("zero-latency"), stale_after_ns=-1).__post_init__()
