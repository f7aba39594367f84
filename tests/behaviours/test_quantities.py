"""How much of an order fills."""

from __future__ import annotations

import inspect
from decimal import Decimal

import pytest

from tests.support.floor import amend, cancel, fills, minute_bars, order, play, prints, told
from tieout import Context
from tieout.errors import DataError
from tieout.model.orders import OrderType
from tieout.model.profiles import FillLevel, LimitRule

WHOLE = {"participation": Decimal(1)}
TENTH = {"participation": Decimal("0.1")}


def test_n11_a_market_order_beyond_one_print_goes_on_at_the_next() -> None:
    """The levels of a book are walked where there is a book; prints give what they traded."""
    market = prints((1, 400), (2, 401), (3, 402))

    assert fills(play(market, order("o", lots=15), **WHOLE)) == [(1, 10, 400), (2, 5, 401)]


def test_n11_immediate_or_cancel_ends_the_rest_and_fill_or_kill_all_of_it() -> None:
    market = prints((1, 400), (2, 401))
    rest = play(market, order("o", lots=15, force="immediate_or_cancel"), **WHOLE)
    none = play(market, order("o", lots=15, force="fill_or_kill"), **WHOLE)
    whole = play(market, order("o", lots=10, force="fill_or_kill"), **WHOLE)

    assert told(rest) == [("fill", 1, 10, 400, "taker"), ("ended", 1, "time_in_force", 10)]
    assert told(none) == [("ended", 1, "time_in_force", 0)]
    assert told(whole) == [("fill", 1, 10, 400, "taker")]


def test_n12_a_limit_larger_than_the_offer_takes_a_part_and_rests_with_the_other() -> None:
    market = prints((1, 400), (2, 400), (3, 399))

    found = play(market, order("o", 1.5, kind="limit", limit=401, lots=15), **WHOLE)

    assert told(found) == [("fill", 2, 10, 400, "taker"), ("fill", 3, 5, 401, "maker")]


def test_n13_what_a_market_to_limit_order_leaves_rests_at_the_price_of_its_first_fill() -> None:
    market = prints((1, 400), (2, 401), (3, 399))
    wish = order("o", kind="market_to_limit", lots=15)

    found = play(market, wish, limit_rule=LimitRule.THROUGH, **WHOLE)

    assert told(found) == [("fill", 1, 10, 400, "taker"), ("fill", 3, 5, 400, "maker")]


@pytest.mark.parametrize(("volume", "lots"), [(0, 0), (3, 0), (9, 0), (10, 1), (57, 5)])
def test_n14_a_bar_gives_the_whole_lots_of_its_share_and_no_more(volume: int, lots: int) -> None:
    market = minute_bars((400, 401, 399, 400, volume))

    assert sum(each[1] for each in fills(play(market, order("o", lots=50), **TENTH))) == lots


@pytest.mark.parametrize("terms", [{"lots": 0}, {"lots": -1}, {"kind": "limit", "limit": 0}])
def test_n15_what_no_lot_or_tick_is_gets_rejected(terms: dict[str, int]) -> None:
    """Parts of a lot or a tick cannot be said here: what a strategy asks is rounded, or refused,
    by the stated rule before it becomes an order."""
    assert told(play(prints((1, 400)), order("o", **terms))) == [("rejected", 0, "invalid")]


def test_n16_an_order_says_lots_and_not_money() -> None:
    """How much a sum of money buys is the strategy's to say; it sees the price."""
    assert "quote" not in " ".join(inspect.signature(Context.buy).parameters)


def test_n17_a_print_of_nothing_fills_nothing_and_one_below_nothing_is_refused() -> None:
    assert fills(play(prints((1, 400, 0), (2, 401, 4)), order("o"), **WHOLE)) == [(2, 1, 401)]
    with pytest.raises(DataError, match="negative"):
        play(prints((1, 400, -3)), order("o"))


def test_n18_a_fill_of_exactly_what_is_left_closes_the_order() -> None:
    market = prints((1, 400), (2, 400), (3, 400))

    found = play(market, order("o", lots=20), cancel("o", 2.5), **WHOLE)

    assert fills(found) == [(1, 10, 400), (2, 10, 400)]
    assert told(found)[-1] == ("cancel refused", 2.5, "final")


def test_n37_an_order_that_is_filled_or_triggered_is_not_met_again() -> None:
    market = prints((1, 400), (2, 405), (3, 404), (4, 405), (5, 405))

    found = play(market, order("s", 1, kind="stop_market", stop=405))

    assert told(found) == [("triggered", 2), ("fill", 3, 1, 404, "taker")]


def test_l30_an_order_is_of_one_instrument() -> None:
    """Legs are orders of their own here; what holds them together is composed in the kernel."""
    assert not [each.name for each in OrderType if "COMBO" in each.name]


def test_l31_one_bar_is_used_once_and_the_parts_are_the_whole() -> None:
    market = minute_bars(*[(400, 401, 399, 400, 40)] * 5)

    found = fills(play(market, order("o", lots=10), **TENTH))

    assert found == [(0, 4, 400), (60, 4, 400), (120, 2, 400)]


@pytest.mark.parametrize(("side", "price"), [(1, 4002), (-1, 3998)])
def test_l35_slippage_is_added_to_buys_and_taken_from_sales(side: int, price: int) -> None:
    market = minute_bars((4000, 4000, 4000, 4000, 0))
    slipping = {"fill_level": FillLevel.FIXED, "slippage_bps": Decimal(5)}

    assert fills(play(market, order("o", side=side), **slipping)) == [(0, 1, price)]


def test_l35_a_limit_that_rests_pays_no_slippage() -> None:
    market = minute_bars((4000, 4000, 4000, 4000), (4000, 4000, 3900, 4000))
    slipping = {"fill_level": FillLevel.FIXED, "slippage_bps": Decimal(5)}

    found = play(market, order("o", kind="limit", limit=3990), **slipping)

    assert fills(found) == [(120, 1, 3990)]


def test_what_is_not_shown_is_not_filled_by_the_event_that_takes_what_is() -> None:
    market = prints((1, 400), (2, 390), (3, 390), (4, 390))

    found = play(market, order("o", 1, kind="limit", limit=395, lots=5, display=2))

    assert fills(found) == [(2, 2, 395), (3, 2, 395), (4, 1, 395)]


def test_a_slice_that_is_shown_anew_stands_behind_those_that_rest() -> None:
    market = prints((1, 400), (2, 394, 2), (3, 394, 2))
    first = order("hidden", 1, kind="limit", limit=395, lots=4, display=2)
    second = order("open", 1, kind="limit", limit=395, lots=2)

    found = play(market, first, second, **WHOLE)

    assert (fills(found, "hidden"), fills(found, "open")) == ([(2, 2, 395)], [(3, 2, 395)])


def test_fewer_lots_keep_the_place_and_more_lose_it() -> None:
    market = prints((1, 400), (2, 394, 2))
    first = order("first", 1, kind="limit", limit=395, lots=3)
    second = order("second", 1, kind="limit", limit=395, lots=2)

    fewer = play(market, first, second, amend("first", 1.5, lots=2), **WHOLE)
    more = play(market, first, second, amend("first", 1.5, lots=4), **WHOLE)

    assert fills(fewer, "first") == [(2, 2, 395)]
    assert fills(more, "second") == [(2, 2, 395)]


def test_an_amend_to_what_has_filled_closes_the_order() -> None:
    found = play(prints((1, 400, 2)), order("o", lots=5), amend("o", 1.5, lots=2), **WHOLE)

    assert told(found)[-1] == ("ended", 1.5, "amended", 2)
