"""At which price orders fill, and what triggers them, on bars and on prints."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.floor import amend, fills, minute_bars, order, play, prints, told
from tieout.errors import DataError
from tieout.model.profiles import FillLevel, LimitRule

THROUGH = {"limit_rule": LimitRule.THROUGH}
FLAT = (400, 400, 400, 400)


def test_n01_a_stop_that_the_open_gaps_over_fills_at_the_open() -> None:
    market = minute_bars(FLAT, (405, 410, 404, 406))

    found = play(market, order("stop", kind="stop_market", stop=402))

    assert told(found) == [("triggered", 60), ("fill", 60, 1, 405, "taker")]


def test_n02_a_stop_that_a_bar_reaches_fills_at_its_trigger() -> None:
    market = minute_bars(FLAT, (400, 405, 399, 404))

    found = play(market, order("stop", kind="stop_market", stop=402))

    assert told(found) == [("triggered", 120), ("fill", 120, 1, 402, "taker")]


@pytest.mark.parametrize(
    ("side", "stop", "bar"), [(1, 398, (400, 401, 395, 399)), (-1, 402, (400, 405, 399, 401))]
)
def test_n03_a_touched_order_fills_at_its_trigger_and_not_at_the_extreme(
    side: int, stop: int, bar: tuple[int, ...]
) -> None:
    touched = order("touched", kind="market_if_touched", side=side, stop=stop)

    assert fills(play(minute_bars(FLAT, bar), touched)) == [(120, 1, stop)]


def test_n03_a_touched_order_that_the_open_gaps_over_fills_at_the_open() -> None:
    market = minute_bars(FLAT, (396, 397, 395, 397))

    assert fills(play(market, order("t", kind="market_if_touched", stop=398))) == [(60, 1, 396)]


def test_n04_a_stop_that_the_market_is_beyond_already_is_triggered_by_the_next_print() -> None:
    """Venues differ; a real one that refuses it does so through its own gateway."""
    market = prints((1, 405), (2, 405), (3, 406))

    found = play(market, order("stop", 1.5, kind="stop_market", stop=402))

    assert told(found) == [("triggered", 2), ("fill", 3, 1, 406, "taker")]


def both_ways() -> tuple[object, ...]:
    return (
        order("target", side=-1, kind="limit", limit=405, reduce_only=True),
        order("stop", side=-1, kind="stop_market", stop=395, reduce_only=True),
    )


def test_n05_of_a_bar_that_holds_target_and_stop_the_stop_is_taken() -> None:
    found = play(minute_bars(FLAT, (400, 406, 394, 400)), *both_ways(), position=1)

    assert fills(found) == [(120, 1, 395)]
    assert told(found, "target") == [("ended", 120, "reduce_only", 0)]


@pytest.mark.parametrize(
    ("path", "filled"), [((406, 394, 400), ("target", 405)), ((394, 394, 406), ("stop", 394))]
)
def test_n05_prints_say_which_came_first(path: tuple[int, ...], filled: tuple[str, int]) -> None:
    market = prints(*((second, price) for second, price in enumerate(path, 1)))

    found = play(market, *both_ways(), position=1)

    name, price = filled
    assert [each[2] for each in fills(found)] == [price]
    assert fills(found, name)


def test_n06_a_limit_above_the_close_takes_at_the_next_open_and_one_below_rests() -> None:
    """The bar's close is over when a strategy hears of it: nothing fills there any more."""
    market = minute_bars(FLAT, (401, 402, 399, 400))

    assert fills(play(market, order("above", 60, kind="limit", limit=405))) == [(60, 1, 401)]
    assert fills(play(market, order("below", 60, kind="limit", limit=395))) == []


def test_n07_a_resting_limit_never_fills_better_than_its_limit() -> None:
    found = play(prints((1, 400), (2, 395)), order("rests", 1.5, kind="limit", limit=398))

    assert told(found) == [("fill", 2, 1, 398, "maker")]


def test_n07_a_marketable_limit_takes_at_the_markets_price() -> None:
    found = play(prints((1, 400), (2, 401)), order("takes", 1.5, kind="limit", limit=402))

    assert told(found) == [("fill", 2, 1, 401, "taker")]


def test_n08_a_stop_limit_is_triggered_before_it_fills_and_not_beyond_its_limit() -> None:
    market = prints((1, 400), (2, 402), (3, 405), (4, 402))

    found = play(market, order("s", 1, kind="stop_limit", stop=402, limit=403), **THROUGH)

    assert told(found) == [("triggered", 2), ("fill", 4, 1, 403, "maker")]


def test_n09_a_stop_is_accepted_where_nobody_trades_and_waits() -> None:
    found = play(prints((1, 400)), order("stop", 2, kind="stop_market", stop=402))

    assert [type(each).__name__ for each in found] == ["OrderAccepted"]


class TestTrailing:
    """A sale that follows the price three ticks below."""

    def test_n10_it_moves_one_way_only(self) -> None:
        market = prints((1, 400), (2, 405), (3, 403), (4, 402), (5, 401))

        found = play(market, order("t", side=-1, kind="trailing_stop", trail=3))

        assert told(found) == [("triggered", 4), ("fill", 5, 1, 401, "taker")]

    def test_n10_before_its_activation_it_neither_moves_nor_triggers(self) -> None:
        market = prints((1, 400), (2, 390), (3, 404), (4, 402), (5, 401), (6, 400))
        trailing = order("t", side=-1, kind="trailing_stop", trail=3, activation=404, stop=395)

        assert told(play(market, trailing))[0] == ("triggered", 5)

    def test_n10_a_price_is_tested_against_the_stop_before_it_moves_it(self) -> None:
        market = minute_bars(FLAT, (400, 410, 396, 409))

        found = play(market, order("t", side=-1, kind="trailing_stop", trail=3))

        assert told(found) == [("triggered", 120), ("fill", 120, 1, 397, "taker")]

    def test_n10_one_that_is_amended_follows_from_where_it_was_put(self) -> None:
        market = prints((1, 405), (2, 404), (3, 400), (4, 400))
        trailing = order("t", side=-1, kind="trailing_stop", trail=3)

        found = play(market, trailing, amend("t", 1.5, stop=390))

        assert told(found)[1:] == [("triggered", 3), ("fill", 4, 1, 400, "taker")]

    def test_n10_a_share_of_the_price_is_rounded_up(self) -> None:
        # 0.5 % of 401 is 2.005 ticks: three of them.
        market = prints((1, 401), (2, 399), (3, 398), (4, 398))

        found = play(market, order("t", side=-1, kind="trailing_stop", share=500_000))

        assert told(found)[0] == ("triggered", 3)


def test_l10_a_limit_equal_to_the_low_does_not_fill_and_one_above_it_does() -> None:
    market = minute_bars(FLAT, (400, 401, 398, 400))

    assert fills(play(market, order("at", kind="limit", limit=398), **THROUGH)) == []
    assert fills(play(market, order("in", kind="limit", limit=399), **THROUGH)) == [(120, 1, 399)]


@pytest.mark.parametrize(("side", "limit", "opening"), [(1, 402, 398), (-1, 398, 402)])
def test_l11_a_limit_fills_at_the_open_when_its_first_bar_opens_through_it(
    side: int, limit: int, opening: int
) -> None:
    wish = order("new", 60, side=side, kind="limit", limit=limit)

    assert fills(play(minute_bars(FLAT, (opening, 403, 397, 400)), wish)) == [(60, 1, opening)]


def test_l11_a_limit_that_rests_fills_at_its_limit() -> None:
    market = minute_bars(FLAT, (400, 401, 395, 396))

    assert fills(play(market, order("old", kind="limit", limit=398))) == [(120, 1, 398)]


def test_l12_the_assumed_spread_does_not_fill_a_limit() -> None:
    """Prints fill limits here; quotes come with the books."""
    market = prints((1, 400), (2, 400))
    wide = {"fill_level": FillLevel.IMPACT, "spread_bps": Decimal(200)}

    assert fills(play(market, order("at", 1.5, kind="limit", limit=399), **wide)) == []


def test_l13_a_limit_is_not_filled_by_what_traded_before_it_or_at_its_own_time() -> None:
    market = prints((1, 390), (2, 390))

    assert fills(play(market, order("late", 2, kind="limit", limit=400))) == []


def test_l14_prints_outside_of_the_session_fill_like_others() -> None:
    """What is in the data traded; who wants the session only imports the session only."""
    market = prints((1, 400), (50, 395))

    found = play(market, order("o", 2, kind="limit", limit=398), sessions_s=[(0, 10)])

    assert fills(found) == [(50, 1, 398)]


def test_l15_a_marketable_limit_fills_at_the_next_print_never_worse_than_its_limit() -> None:
    market = prints((1, 4000), (2, 4000), (3, 3990))
    slipping = {"fill_level": FillLevel.FIXED, "slippage_bps": Decimal(5)}

    found = play(market, order("tight", 1, kind="limit", limit=4001), **slipping)
    wide = play(market, order("wide", 1, kind="limit", limit=4002), **slipping)

    assert told(found) == [("fill", 3, 1, 4001, "maker")]
    assert told(wide) == [("fill", 2, 1, 4002, "taker")]


def test_l16_a_stop_that_is_touched_exactly_is_triggered() -> None:
    market = minute_bars(FLAT, (400, 402, 399, 400))

    assert fills(play(market, order("s", kind="stop_market", stop=402))) == [(120, 1, 402)]


def test_l17_a_sale_stopped_by_a_gap_fills_at_the_open_below_its_trigger() -> None:
    market = minute_bars(FLAT, (390, 392, 388, 391))

    found = play(market, order("s", side=-1, kind="stop_market", stop=395))

    assert fills(found) == [(60, 1, 390)]


def test_l18_a_stop_is_not_triggered_by_what_traded_before_it() -> None:
    market = prints((1, 410), (2, 400), (3, 401))

    assert told(play(market, order("s", 1, kind="stop_market", stop=405))) == []


def test_l19_a_stop_is_triggered_outside_of_the_session_where_there_are_prints() -> None:
    market = prints((1, 400), (50, 405), (51, 406))

    found = play(market, order("s", 2, kind="stop_market", stop=402), sessions_s=[(0, 10)])

    assert told(found) == [("triggered", 50), ("fill", 51, 1, 406, "taker")]


def test_l24_a_touched_limit_stays_triggered_and_needs_its_limit() -> None:
    market = prints((1, 400), (2, 398), (3, 401), (4, 399), (5, 398))

    found = play(market, order("t", kind="limit_if_touched", stop=398, limit=399), **THROUGH)

    assert told(found) == [("triggered", 2), ("fill", 5, 1, 399, "maker")]


def test_l25_an_amend_of_a_touched_limit_keeps_what_it_is() -> None:
    market = prints((1, 400), (2, 398), (3, 401), (4, 399), (5, 396), (6, 396))
    wish = order("t", kind="limit_if_touched", stop=397, limit=399)

    asleep = play(market, wish, amend("t", 1.5, stop=398, lots=2), **THROUGH)
    awake = play(market, wish, amend("t", 5.5, lots=2), amend("t", 5.6, stop=398), **THROUGH)

    assert told(asleep)[:2] == [("amended", 1.5, 2, 399, 398), ("triggered", 2)]
    assert told(awake)[0] == ("triggered", 5)
    assert told(awake)[2] == ("amend refused", 5.6, "invalid")


def test_a_stop_limit_fills_in_the_bar_of_its_trigger_only_where_the_close_proves_it() -> None:
    wish = order("s", kind="stop_limit", stop=405, limit=403)

    proved = play(minute_bars(FLAT, (400, 406, 399, 402)), wish, **THROUGH)
    not_proved = play(
        minute_bars(FLAT, (400, 406, 395, 404), (404, 404, 404, 404)), wish, **THROUGH
    )

    assert fills(proved) == [(120, 1, 403)]
    assert told(not_proved) == [("triggered", 120)]


def test_a_price_that_is_none_is_named_with_its_row() -> None:
    with pytest.raises(DataError, match="not positive"):
        play(prints((1, 400), (2, 0)), order("o"))
