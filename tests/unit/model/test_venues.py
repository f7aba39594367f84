"""What a venue has, what is composed for it, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.worlds import SECOND, SYMBOL, T0
from tieout.errors import SettingsError
from tieout.model.orders import OrderType, PlaceOrder, TimeInForce
from tieout.model.venues import EVERYTHING, GATEWAY, VENUES, Feature, VenueProfile, venue_profile

BINANCE = VENUES["binance-usdm"]


def an_order(**terms: Any) -> PlaceOrder:
    return msgspec.structs.replace(
        PlaceOrder(
            decision_id="d",
            instrument=SYMBOL,
            side=1,
            order_type=int(OrderType.LIMIT),
            lots=5,
            limit_ticks=400,
            stop_ticks=None,
            time_in_force=int(TimeInForce.GOOD_TILL_CANCEL),
            decided_at_ns=T0,
            decision_price_ticks=400,
            origin="bar",
        ),
        **terms,
    )


def until(seconds: int, **terms: Any) -> PlaceOrder:
    force = int(TimeInForce.GOOD_TILL_DATE)
    return an_order(time_in_force=force, expires_at_ns=T0 + seconds * SECOND, **terms)


def test_an_expiry_nearer_than_the_venue_takes_is_kept_here() -> None:
    assert BINANCE.lacks(until(600)) == ()
    assert BINANCE.lacks(until(599)) == (Feature.GOOD_TILL_DATE,)


def test_a_post_only_order_that_the_venue_lets_live_only_until_cancelled_expires_here() -> None:
    assert BINANCE.lacks(until(600, post_only=True)) == (Feature.GOOD_TILL_DATE,)
    assert EVERYTHING.lacks(until(600, post_only=True)) == ()


@pytest.mark.parametrize(
    ("terms", "native"),
    [
        ({"trail_share_e8": 99_999}, False),
        ({"trail_share_e8": 100_000}, True),
        ({"trail_share_e8": 10_000_000}, True),
        ({"trail_share_e8": 10_000_001}, False),
        ({"trail_ticks": 4}, False),
    ],
)
def test_a_trailing_distance_is_native_only_in_the_venues_range(
    terms: dict[str, int], *, native: bool
) -> None:
    order = an_order(order_type=int(OrderType.TRAILING_STOP), limit_ticks=None, **terms)

    assert BINANCE.lacks(order) == (() if native else (Feature.TRAILING_STOP,))
    assert BINANCE.refusal(order) is None


def test_fill_or_kill_is_refused_where_the_order_would_go_in_parts() -> None:
    killed = int(TimeInForce.FILL_OR_KILL)
    whole = an_order(time_in_force=killed)

    assert BINANCE.refusal(whole) is None
    parted = BINANCE.refusal(msgspec.structs.replace(whole, display_lots=2))
    assert parted is not None
    assert "use ioc" in parted
    assert GATEWAY.refusal(whole) is not None


def test_amends_are_asked_for_by_the_type_of_the_order() -> None:
    stop = an_order(order_type=int(OrderType.STOP_MARKET))
    market = an_order(order_type=int(OrderType.MARKET))

    assert BINANCE.amends(an_order())
    assert not BINANCE.amends(stop)
    assert not GATEWAY.amends(an_order())
    assert not VenueProfile(name="all", native=tuple(Feature)).amends(market)


def test_a_day_ends_at_its_hour_or_with_its_session() -> None:
    day = 86_400 * SECOND
    late = msgspec.structs.replace(EVERYTHING, day_ends_at_ns=22 * 3600 * SECOND)
    midnight = T0 // day * day

    assert EVERYTHING.day_end_ns(midnight) == midnight + day
    assert EVERYTHING.day_end_ns(midnight - 1) == midnight
    assert late.day_end_ns(midnight) == midnight + 22 * 3600 * SECOND
    assert late.day_end_ns(midnight + 23 * 3600 * SECOND) == midnight + day + 22 * 3600 * SECOND
    sessions = msgspec.structs.replace(EVERYTHING, sessions=((10, 20), (30, 40)))
    assert [sessions.day_end_ns(now) for now in (5, 19, 20, 39, 40)] == [20, 20, 40, 40, None]


def test_orders_at_the_open_need_one() -> None:
    at_open = an_order(time_in_force=int(TimeInForce.AT_OPEN))
    sessions = msgspec.structs.replace(EVERYTHING, sessions=((10, 20),))

    assert EVERYTHING.refusal(at_open) is not None
    assert sessions.refusal(at_open) is None
    assert BINANCE.refusal(at_open) is not None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"native": (Feature.MARKET,)}, "must be native"),
        ({"emulated": (Feature.POST_ONLY,)}, "cannot be emulated"),
        ({"trail_by": ("hope",)}, "share, ticks"),
        ({"trail_share_e8_min": 0}, "ascending"),
        ({"day_ends_at_ns": -1}, "time of day"),
        ({"sessions": ((10, 20), (15, 30))}, "not overlap"),
        ({"sessions": ((20, 10),)}, "not overlap"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        msgspec.structs.replace(EVERYTHING, **wrong)


def test_profiles_are_found_by_name_and_survive_a_manifest() -> None:
    for name, profile in VENUES.items():
        assert venue_profile(name) is profile
        assert msgspec.json.decode(msgspec.json.encode(profile), type=VenueProfile) == profile
    with pytest.raises(SettingsError, match="choose one of"):
        venue_profile("moon")


def test_every_plain_pair_is_native_and_needs_nothing() -> None:
    for profile in VENUES.values():
        for kind, force in profile.plain:
            order = an_order(order_type=kind, time_in_force=force)
            assert profile.lacks(order) == ()
            assert profile.refusal(order) is None
