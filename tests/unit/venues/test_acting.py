"""Corporate actions at the simulated venue: one rule, whatever orders are matched on."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.acted_markets import (
    AFTER_NS,
    AT_NS,
    BOOKS,
    LEVELS,
    a_venue,
    acting,
    an_action,
    driven,
    market_of,
    order,
    placing,
    profile_of,
    quoted,
)
from tests.support.order_events import add, cancel, events, fill, print_of
from tests.support.stacks import START, bars_of, stacked, whole
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0, trades
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.market.order_book import OrderBook
from tieout.model.actions import ActionKind
from tieout.model.columns import OrderEventColumns
from tieout.model.events import (
    Fill,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.money import money
from tieout.model.profiles import FillLevel, MarketRule

BEFORE = [2800] * 6
SEVEN = an_action(ActionKind.SPLIT, 7)


def of(told: list[Any], kind: type[Any]) -> list[Any]:
    return [each for each in told if isinstance(each, kind)]


def traded(told: list[Any], name: str) -> list[tuple[int, int]]:
    """Return what an order has filled: lots and ticks, of one price together."""
    fills = [each for each in of(told, Fill) if each.decision_id == name]
    prices = dict.fromkeys(each.price_ticks for each in fills)
    return [(sum(f.lots for f in fills if f.price_ticks == each), each) for each in prices]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("cut", [1, 3, 10**6])
def test_orders_meet_the_prices_after_a_split_as_it_left_them(level: str, cut: int) -> None:
    market = market_of(level, BEFORE, [400, 400, 360, 360, 330, 330, 330], cut=cut)
    venue = a_venue(level, market)

    told = driven(
        venue,
        [
            placing(order("bought", 1, "market", 5)),
            placing(order("limit", 1, "limit", 3, 2601)),
            placing(order("stop", -1, "stop", 3, 2401)),
            acting(SEVEN, held=5),
        ],
    )

    amended = {each.decision_id: each for each in of(told, OrderAmended)}
    assert [(name, each.lots) for name, each in amended.items()] == [("limit", 21), ("stop", 21)]
    assert (amended["limit"].limit_ticks, amended["stop"].stop_ticks) == (371, 343)
    assert sum(lots for lots, _ in traded(told, "bought")) == 5
    assert traded(told, "limit") == [(21, 371)]
    ((lots, ticks),) = traded(told, "stop")
    assert (lots, ticks in (329, 330, 343)) == (21, True)
    assert venue._markets[SYMBOL].core.position_lots == 35
    assert venue.certainty.break_counts.get("unscaled", 0) == 0


@pytest.mark.parametrize("level", LEVELS)
def test_lots_are_rounded_down_and_what_has_none_left_is_cancelled(level: str) -> None:
    three = an_action(ActionKind.SPLIT, 3, 2)
    tenth = an_action(ActionKind.SPLIT, 1, 10, at_ns=AT_NS + SECOND)
    venue = a_venue(level, market_of(level, BEFORE, [18_000] * 3))

    told = driven(
        venue,
        [
            placing(order("small", 1, "limit", 5, 2000)),
            placing(order("large", 1, "limit", 25, 2000)),
            acting(three),
            acting(tenth),
        ],
    )

    assert [each.lots for each in of(told, OrderAmended)] == [7, 37, 3]
    (gone,) = of(told, OrderCancelled)
    assert (gone.decision_id, gone.reason, gone.filled_lots) == ("small", "venue", 0)
    assert of(told, OrderAmended)[-1].limit_ticks == 2000 * 2 // 3 * 10


@pytest.mark.parametrize("level", LEVELS)
def test_an_order_on_its_way_arrives_as_the_split_left_it(level: str) -> None:
    venue = a_venue(level, market_of(level, BEFORE, [400, 400, 400]), latency_ns=3 * MINUTE)
    late = order("late", 1, "market", 2, decided_at_ns=T0 + 8 * MINUTE)

    told = driven(venue, [placing(late), acting(SEVEN)])

    ((lots, ticks),) = traded(told, "late")
    assert (lots, ticks in (400, 401)) == (14, True)


@pytest.mark.parametrize("level", LEVELS)
def test_another_symbol_cancels_every_order(level: str) -> None:
    venue = a_venue(level, market_of(level, BEFORE, [2800, 2500, 2500]))

    told = driven(
        venue,
        [
            placing(order("limit", 1, "limit", 3, 2601)),
            placing(order("stop", -1, "stop", 3, 2601)),
            acting(an_action(ActionKind.SYMBOL_CHANGE)),
        ],
    )

    assert [each.reason for each in of(told, OrderCancelled)] == ["venue"] * 2
    assert of(told, Fill) == []


@pytest.mark.parametrize("level", LEVELS)
def test_a_delisting_closes_at_the_last_price_and_takes_no_more(level: str) -> None:
    venue = a_venue(level, market_of(level, [2800] * 5 + [2720], [2600] * 3), held=-4)
    late = order("late", 1, "market", 2, decided_at_ns=AFTER_NS)

    told = driven(
        venue,
        [
            placing(order("limit", 1, "limit", 3, 2700)),
            acting(an_action(ActionKind.DELISTING), held=-4),
            placing(late),
        ],
    )

    (imposed,), (closing,) = of(told, OrderImposed), of(told, Fill)
    assert (imposed.reason, closing.side, closing.lots, closing.fee) == ("delisting", 1, 4, 0)
    assert closing.price_ticks == 2720
    (gone,), (refused,) = of(told, OrderCancelled), of(told, OrderRejected)
    assert (gone.decision_id, "was delisted" in refused.detail) == ("limit", True)
    assert venue._markets[SYMBOL].core.position_lots == 0


@pytest.mark.parametrize("level", LEVELS)
def test_the_last_price_is_carried_over_what_took_effect_since(level: str) -> None:
    venue = a_venue(level, market_of(level, BEFORE, [400, 400]))
    dividend = an_action(ActionKind.DIVIDEND, money("7"))
    seen: list[Any] = []

    def look(at_ns: int) -> Any:
        def ask(venue: Any) -> None:
            venue.advance(at_ns)
            seen.append(venue.reference_ticks(SYMBOL, at_ns))

        return at_ns, ask

    driven(
        venue,
        [
            look(AT_NS - 1),
            acting(dividend),
            acting(SEVEN),
            look(AT_NS + 1),
            look(AFTER_NS + 3 * MINUTE),
        ],
    )

    assert seen == [2800, (2800 - 28) // 7, 400]


# -- books ----------------------------------------------------------------------------------------


def a_book(level: str, told: list[tuple[int, int]], *, begins_ns: int | None) -> Any:
    rows: Any = quoted(told, begins_ns=begins_ns)
    return HistoryMarket([rows if level == "orders" else OrderBook().levels_of(rows)])


@pytest.mark.parametrize("level", BOOKS)
def test_a_book_that_goes_on_as_it_was_fills_nothing_and_is_named(level: str) -> None:
    minutes = [T0 + each * MINUTE for each in (1, 2, 3, 4, 5, 12, 13, 14, 15)]
    told_prices = list(zip(minutes, [2800] * 5 + [340, 400, 400, 400], strict=True))
    venue = a_venue(level, a_book(level, told_prices, begins_ns=None))
    late = {"decided_at_ns": AT_NS + MINUTE}

    told = driven(
        venue,
        [
            placing(order("limit", 1, "limit", 3, 2601)),
            placing(order("stop", -1, "stop", 3, 2401)),
            acting(SEVEN),
            placing(order("market", 1, "market", 1, **late)),
            placing(order("at once", 1, "limit", 1, 500, time_in_force=2, **late)),
        ],
    )

    assert of(told, Fill) == []
    assert [each.decision_id for each in of(told, OrderTriggered)] == ["stop"]
    assert [each.decision_id for each in of(told, OrderCancelled)] == ["at once"]
    counts = venue.certainty.break_counts
    assert counts["unscaled"] >= 8
    first = next(each for each in venue.certainty.breaks if each.kind == "unscaled")
    assert (first.level, first.open_time_ns) == (level, T0 + 12 * MINUTE)


@pytest.mark.parametrize("level", BOOKS)
def test_a_book_that_is_told_anew_fills_from_then_on(level: str) -> None:
    minutes = [T0 + each * MINUTE for each in (1, 2, 3, 4, 5, 12, 13, 14, 15)]
    told_prices = list(zip(minutes, [2800] * 5 + [340, 400, 360, 360], strict=True))
    venue = a_venue(level, a_book(level, told_prices, begins_ns=T0 + 13 * MINUTE))

    told = driven(
        venue,
        [
            placing(order("limit", 1, "limit", 3, 2601)),
            acting(SEVEN),
            placing(order("market", 1, "market", 1, decided_at_ns=AT_NS + MINUTE)),
        ],
    )

    fills = {each.decision_id: each for each in of(told, Fill)}
    assert fills["market"].venue_time_ns == T0 + 13 * MINUTE
    assert fills["limit"].venue_time_ns == T0 + 14 * MINUTE
    assert 0 < venue.certainty.break_counts["unscaled"] < 8


@pytest.mark.parametrize("level", BOOKS)
def test_a_resting_order_goes_to_the_back_of_its_new_queue(level: str) -> None:
    def hit(who: int, lots: int, at: int) -> Any:
        return events(
            print_of(-1, 400, lots, at=at, last=False),
            fill(who, 1, 400, lots, at=at, last=False),
            cancel(who, lots, at=at),
        )

    first, second = AFTER_NS + MINUTE, AFTER_NS + 2 * MINUTE
    parts = [
        quoted([(T0 + MINUTE, 2800), (T0 + 2 * MINUTE, 2800)], begins_ns=None),
        quoted([(AFTER_NS, 401)], begins_ns=AFTER_NS),
        # A thousand stand there before the split order, and one comes after it.
        events(add(99, 1, 400, 5, at=AFTER_NS + SECOND)),
        hit(1, 1000, first),
        hit(99, 2, second),
    ]
    names = [each for each in type(parts[0]).__slots__ if each != "instrument"]
    columns = {name: np.concatenate([getattr(each, name) for each in parts]) for name in names}
    rows: Any = OrderEventColumns(instrument=SYMBOL, **columns)
    venue = a_venue(
        level, HistoryMarket([rows if level == "orders" else OrderBook().levels_of(rows)])
    )
    # Inside of the spread, so that it is first in its queue before the split.
    alone = order("limit", 1, "limit", 2, 2800, decided_at_ns=T0 + 2 * MINUTE + 1)

    told = driven(venue, [placing(alone), acting(an_action(ActionKind.SPLIT, 7))])

    assert [each.venue_time_ns for each in of(told, Fill)[:1]] == [second]


# -- bars -----------------------------------------------------------------------------------------


def spanning() -> Any:
    """Return prints whose split lies in the middle of a bar of ten minutes, and of one."""
    seconds = [60, 120, 180, 590, 599, 601, 620, 700, 1300, 1900]
    columns = trades([2800] * 5 + [400] * 5)
    for place, second in enumerate(seconds):
        columns.venue_time_ns[place] = columns.arrival_time_ns[place] = START + second * SECOND
    return columns


INSIDE = an_action(ActionKind.SPLIT, 7, at_ns=START + 600 * SECOND)
AROUND = 7 * MINUTE
OPENED = START + 8 * MINUTE
"""When the bar of seven minutes begins that it lies inside of."""


def on_spanning(market: Any, level: str) -> tuple[list[Any], Any]:
    venue = a_venue(level, market)
    early = {"decided_at_ns": START + 200 * SECOND}
    told = driven(
        venue,
        [
            placing(order("low", 1, "limit", 3, 2590, **early)),
            placing(order("high", -1, "limit", 3, 2900, **early)),
            acting(INSIDE),
            placing(order("after", 1, "market", 2, decided_at_ns=START + 610 * SECOND)),
        ],
        until_ns=START + 4_000 * SECOND,
    )
    return told, venue.certainty


def test_nothing_is_filled_from_a_bar_that_a_split_lies_inside_of() -> None:
    told, certainty = on_spanning(whole(bars_of(spanning(), AROUND)), "bars")

    # Its low of 400 would have filled the purchase at 370, its high the sale at 415.
    (fill_,) = of(told, Fill)
    assert (fill_.decision_id, fill_.price_ticks) == ("after", 400)
    assert fill_.venue_time_ns >= OPENED + AROUND
    assert certainty.break_counts == {"spanned": 1}
    (seen,) = certainty.breaks
    assert (seen.open_time_ns, seen.coarse_value, seen.finer_value) == (OPENED, 2800, 400)


def test_a_bar_that_a_split_lies_inside_of_is_opened_into_its_prints() -> None:
    prints = spanning()
    drilled, certainty = on_spanning(stacked(bars_of(prints, AROUND), prints), "drilldown")
    matched, _ = on_spanning(whole(prints), "trades")

    assert drilled == matched
    assert [each.venue_time_ns for each in of(drilled, Fill)] == [START + 620 * SECOND]
    assert certainty.break_counts == {}


def test_where_there_are_no_finer_rows_it_is_left_out_by_name() -> None:
    prints = spanning()
    coarse, fine = bars_of(prints, 2 * AROUND), bars_of(prints, AROUND)
    told, certainty = on_spanning(stacked(coarse, fine), "drilldown")

    (fill_,) = of(told, Fill)
    assert (fill_.decision_id, fill_.venue_time_ns >= OPENED + AROUND) == ("after", True)
    assert certainty.break_counts == {"spanned": 1}


def test_a_market_order_at_the_last_price_finds_it_as_a_split_left_it() -> None:
    assumed = msgspec.structs.replace(
        profile_of("trades"), fill_level=FillLevel.NAIVE, market_rule=MarketRule.LAST
    )
    market = market_of("trades", BEFORE, [400])
    venue = SimulatedVenue({SYMBOL: ES}, assumed, {SYMBOL: market})

    told = driven(
        venue,
        [
            acting(SEVEN),
            placing(order("early", 1, "market", 2, decided_at_ns=AT_NS + MINUTE)),
        ],
    )

    assert traded(told, "early") == [(2, 400)]
    assert of(told, Fill)[0].venue_time_ns == AT_NS + MINUTE


@pytest.mark.parametrize("level", LEVELS)
def test_what_took_effect_before_a_stop_is_known_after_it(level: str) -> None:
    venue = a_venue(level, market_of(level, BEFORE, [400, 400]), held=35)

    told = driven(
        venue,
        [
            acting(SEVEN, past=True),
            acting(an_action(ActionKind.DELISTING, at_ns=AT_NS + MINUTE), past=True),
            placing(order("late", 1, "market", 2, decided_at_ns=AFTER_NS)),
        ],
    )

    assert [type(each) for each in told] == [OrderRejected]
    assert venue.reference_ticks(SYMBOL, AFTER_NS) == 400
