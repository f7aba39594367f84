"""Terms of orders: rounded by the side, and refused where they contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import ES, T0
from tieout.errors import InputError, OrderRefused
from tieout.kernel.wishes import exact_terms
from tieout.model.orders import OrderType, Side, TimeInForce
from tieout.model.venues import EVERYTHING, VenueProfile


def terms(side: Side = Side.BUY, lots: int = 5, **given_: Any) -> dict[str, Any]:
    return exact_terms(ES, side, lots, given_, now_ns=T0, venue=EVERYTHING)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_", "kind"),
    [
        ({}, OrderType.MARKET),
        ({"limit": 100}, OrderType.LIMIT),
        ({"stop": 100}, OrderType.STOP_MARKET),
        ({"stop": 100, "limit": 101}, OrderType.STOP_LIMIT),
        ({"touch": 100}, OrderType.MARKET_IF_TOUCHED),
        ({"touch": 100, "limit": 101}, OrderType.LIMIT_IF_TOUCHED),
        ({"trail": 1}, OrderType.TRAILING_STOP),
        ({"trail_bps": 1, "stop": 100}, OrderType.TRAILING_STOP),
        ({"market_to_limit": True}, OrderType.MARKET_TO_LIMIT),
        ({"market_to_limit": False, "limit": None}, OrderType.MARKET),
    ],
)
def test_the_words_make_the_type(given_: dict[str, Any], kind: OrderType) -> None:
    assert terms(**given_)["order_type"] == kind


@given(price=st.decimals(1, 10_000, places=4))
def test_a_limit_is_never_worse_than_asked_for_and_a_trigger_is_nearest(price: Any) -> None:
    bought = terms(Side.BUY, limit=price, stop=price)
    sold = terms(Side.SELL, limit=price, touch=price)

    assert ES.price(bought["limit_ticks"]) <= price <= ES.price(sold["limit_ticks"])
    assert sold["limit_ticks"] - bought["limit_ticks"] <= 1
    assert abs(ES.price(bought["stop_ticks"]) - price) <= ES.tick_size / 2
    assert bought["stop_ticks"] == sold["stop_ticks"]


def test_distances_and_shares_are_exact() -> None:
    assert terms(trail=1.1)["trail_ticks"] == 4
    assert terms(trail_ticks=3)["trail_ticks"] == 3
    assert terms(trail_bps=12.5)["trail_share_e8"] == 125_000
    assert terms(trail=1, activation=100.1)["activation_ticks"] == 400
    assert terms(limit=100, display=2.9)["display_lots"] == 2
    assert terms(limit=100, display=5)["display_lots"] is None


def test_an_expiry_makes_an_order_good_till_date() -> None:
    found = terms(limit=100, expires_at_ns=T0 + 1)

    assert found["time_in_force"] == TimeInForce.GOOD_TILL_DATE
    assert found["expires_at_ns"] == T0 + 1
    assert terms(immediate=True)["time_in_force"] == TimeInForce.IMMEDIATE_OR_CANCEL
    day = terms(limit=100, in_force="day")
    assert day["expires_at_ns"] == EVERYTHING.day_end_ns(T0)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"stop": 1, "touch": 1}, "stop and touch"),
        ({"trail": 1, "trail_bps": 1}, "trail and trail_bps"),
        ({"trail": 1, "touch": 1}, "trail and touch"),
        ({"market_to_limit": True, "limit": 1}, "limit and market_to_limit"),
        ({"trail": 1, "limit": 1}, "limit and trail"),
        ({"activation": 1}, "give a trail"),
        ({"limit": 0.1}, "at least one tick"),
        ({"stop": 0}, "at least one tick"),
        ({"trail": 1, "activation": -1}, "at least one tick"),
        ({"trail": 0.1}, "one tick or more"),
        ({"trail_ticks": 0}, "one tick or more"),
        ({"trail_bps": 0}, "under 10000"),
        ({"trail_bps": 10_000}, "under 10000"),
        ({"in_force": "ever"}, "allowed: gtc"),
        ({"in_force": "gtd"}, "gtd needs one"),
        ({"in_force": "gtc", "expires_at_ns": T0 + 1}, "no other takes one"),
        ({"expires_at_ns": T0}, "has passed"),
        ({"immediate": True, "in_force": "fok"}, "immediate and fok"),
        ({"stop": 1, "in_force": "at_open"}, "market and limit"),
        ({"market_to_limit": True, "in_force": "ioc"}, "no rest"),
        ({"post_only": True}, "post_only is for"),
        ({"post_only": True, "limit": 1, "in_force": "ioc"}, "post_only is for"),
        ({"display": 1}, "display is for"),
        ({"display": 0.5, "limit": 1}, "under one lot"),
        ({"limit": float("nan")}, "nan"),
    ],
)
def test_a_contradiction_is_refused_with_what_would_be_right(
    given_: dict[str, Any], words: str
) -> None:
    with pytest.raises(OrderRefused, match=words):
        terms(**given_)


def test_an_unknown_term_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'limt' is unknown; there are: limit"):
        terms(limt=100)


def test_a_day_without_a_session_left_is_refused() -> None:
    over = VenueProfile(
        name="over", native=EVERYTHING.native, emulated=EVERYTHING.emulated, sessions=((1, 2),)
    )
    with pytest.raises(OrderRefused, match="no session"):
        exact_terms(ES, Side.BUY, 1, {"in_force": "day"}, now_ns=T0, venue=over)
