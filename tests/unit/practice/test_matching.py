"""Each sentence of the matching rules page that the practice venue must keep."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tieout.adapters.venues.practice.matching import (
    BarBook,
    BarEvent,
    FirstFill,
    Lapsed,
    MatchingRules,
    TradeBook,
    Traded,
    Triggered,
    WorkingOrder,
    adverse_shift,
)
from tieout.model.events import Liquidity
from tieout.model.orders import OrderType, Side, TimeInForce
from tieout.model.profiles import FillLevel, LimitRule

MAKER, TAKER = Liquidity.MAKER, Liquidity.TAKER
BUY, SELL = Side.BUY, Side.SELL
IOC = TimeInForce.IMMEDIATE_OR_CANCEL


def rules(
    bps: str = "0", participation: str | None = None, limit_rule: LimitRule = LimitRule.THROUGH
) -> MatchingRules:
    level = FillLevel.FIXED if Decimal(bps) else FillLevel.NAIVE
    share = None if participation is None else Decimal(participation)
    return MatchingRules(level, Decimal(bps), limit_rule, share)


def an_order(side: Side = BUY, sequence: int = 1, active_ns: int = 100, **values: Any) -> Any:
    order_type = OrderType.MARKET
    if "limit_ticks" in values:
        order_type = OrderType.LIMIT
    if "stop_ticks" in values:
        order_type = OrderType.STOP_MARKET
    values.setdefault("lots", 10)
    return WorkingOrder(
        sequence=sequence, side=side, order_type=order_type, active_ns=active_ns, **values
    )


def a_bar(
    open_ticks: int, high: int, low: int, close: int, volume: int = 100, open_ns: int = 1000
) -> BarEvent:
    return BarEvent(open_ns, open_ns + 1000, open_ticks, high, low, close, volume)


def on_trades(order: Any, *prints: tuple[int, int], last: int | None = None, **kept: Any) -> Any:
    """Return all outcomes of prints (time, price) of 100 lots each."""
    book = TradeBook(rules(**kept))
    book.add(order, last)
    return [each for time, price in prints for each in book.on_trade(time, price, 100)]


def on_bars(order: Any, *events: BarEvent, **kept: Any) -> Any:
    """Return all outcomes of bars, the order being there before the first."""
    book = BarBook(rules(**kept))
    book.add(order)
    outcomes = []
    for event in events:
        book.open_bar(event)
        outcomes += book.close_bar()
    return outcomes


def filled(lots: int, price: int, time: int, liquidity: Liquidity, reference: int = 0) -> Traded:
    return Traded(1, lots, price, reference or price, liquidity, time)


class TestWhatAPriceCosts:
    def test_naive_fills_at_the_reference(self) -> None:
        assert on_trades(an_order(), (200, 1000)) == [filled(10, 1000, 200, TAKER)]

    def test_fixed_shifts_a_buy_up_by_the_ceiling_of_r_k(self) -> None:
        # 10 001 · 1 bps = 1.0001, so 2 ticks.
        assert on_trades(an_order(), (200, 10_001), bps="1") == [
            filled(10, 10_003, 200, TAKER, 10_001)
        ]

    def test_fixed_shifts_a_sell_down(self) -> None:
        assert on_trades(an_order(SELL), (200, 10_000), bps="1") == [
            filled(10, 9_999, 200, TAKER, 10_000)
        ]

    @given(st.integers(1, 10**9), st.decimals(0, 9_999, places=4))
    def test_the_shift_is_the_exact_ceiling(self, reference: int, bps: Decimal) -> None:
        kept = MatchingRules(FillLevel.FIXED, bps, LimitRule.THROUGH, None)

        shift = adverse_shift(kept, reference)

        exact = Decimal(reference) * bps / 10**4
        assert exact <= shift < exact + 1

    def test_a_taking_limit_never_fills_beyond_its_limit(self) -> None:
        order = an_order(limit_ticks=10_001)

        outcomes = on_trades(order, (200, 10_001), (300, 10_001), last=10_001, bps="1")

        assert outcomes == []


class TestWhenAnOrderIsThere:
    def test_a_print_at_the_arrival_is_not_seen(self) -> None:
        assert on_trades(an_order(active_ns=200), (200, 1000), (201, 1001)) == [
            filled(10, 1001, 201, TAKER)
        ]

    def test_stops_come_before_limits_and_old_before_young(self) -> None:
        book = TradeBook(rules())
        book.add(an_order(sequence=1, limit_ticks=900), None)
        book.add(an_order(SELL, sequence=2, stop_ticks=800), None)
        book.add(an_order(sequence=3, limit_ticks=850), None)

        outcomes = book.on_trade(200, 700, 100)

        assert [each.sequence for each in outcomes] == [2, 1, 3]


class TestHowMuch:
    def test_without_participation_an_order_fills_whole(self) -> None:
        assert on_trades(an_order(lots=5000), (200, 1000))[0].lots == 5000

    def test_fills_never_exceed_the_share_of_eligible_volume(self) -> None:
        outcomes = on_trades(an_order(lots=25), (200, 1000), (300, 1001), participation="0.1")

        assert [(each.lots, each.price_ticks) for each in outcomes] == [(10, 1000), (10, 1001)]

    def test_fractions_of_small_prints_add_up_over_events(self) -> None:
        book = TradeBook(rules(participation="0.1"))
        book.add(an_order(), None)

        given_lots = [len(book.on_trade(200 + number, 1000, 4)) for number in range(5)]

        # 0.4, 0.8, 1.2, 1.6, 2.0 lots allowed.
        assert given_lots == [0, 0, 1, 0, 1]

    def test_volume_an_order_could_not_trade_with_is_not_eligible(self) -> None:
        outcomes = on_trades(
            an_order(limit_ticks=900), (200, 1000), (300, 899), participation="0.05"
        )

        assert [each.lots for each in outcomes] == [5]

    def test_one_event_gives_no_more_than_its_volume_to_all_orders(self) -> None:
        book = TradeBook(rules(participation="1"))
        for sequence in (1, 2):
            book.add(an_order(sequence=sequence, lots=80), None)

        outcomes = book.on_trade(200, 1000, 100)

        assert [(each.sequence, each.lots) for each in outcomes if isinstance(each, Traded)] == [
            (1, 80),
            (2, 20),
        ]

    def test_a_market_remainder_goes_on_at_the_next_event(self) -> None:
        outcomes = on_trades(an_order(lots=60), (200, 1000), (300, 1100), participation="0.5")

        assert [(each.lots, each.price_ticks) for each in outcomes] == [(50, 1000), (10, 1100)]

    def test_an_immediate_order_leaves_its_rest_at_its_first_event(self) -> None:
        order = an_order(lots=60, time_in_force=IOC)

        outcomes = on_trades(order, (200, 1000), (300, 1100), participation="0.5")

        assert outcomes == [filled(50, 1000, 200, TAKER), Lapsed(1, 200)]

    def test_an_immediate_limit_out_of_reach_lapses_at_its_first_event(self) -> None:
        order = an_order(limit_ticks=900, time_in_force=IOC)

        assert on_trades(order, (200, 1000), (300, 899)) == [Lapsed(1, 200)]


class TestOnTrades:
    def test_a_limit_inside_the_last_print_takes_at_the_next(self) -> None:
        outcomes = on_trades(an_order(limit_ticks=1010), (200, 1005), last=1000)

        assert outcomes == [filled(10, 1005, 200, TAKER)]

    def test_a_limit_without_an_earlier_print_rests(self) -> None:
        assert on_trades(an_order(limit_ticks=1010), (200, 1005)) == [filled(10, 1010, 200, MAKER)]

    def test_a_resting_limit_fills_at_its_own_price_when_traded_through(self) -> None:
        outcomes = on_trades(an_order(limit_ticks=900), (200, 900), (300, 899), last=1000)

        assert outcomes == [filled(10, 900, 300, MAKER)]

    def test_touch_fills_at_the_limit_itself(self) -> None:
        outcomes = on_trades(
            an_order(SELL, limit_ticks=1100), (200, 1100), last=1000, limit_rule=LimitRule.TOUCH
        )

        assert outcomes == [filled(10, 1100, 200, MAKER)]

    def test_a_limit_takes_only_at_its_first_event(self) -> None:
        # The first print is back above the limit, so it rests; the next at 999 trades through.
        outcomes = on_trades(an_order(limit_ticks=1000), (200, 1001), (300, 999), last=1000)

        assert outcomes == [filled(10, 1000, 300, MAKER)]

    def test_a_limit_whose_shifted_price_is_worse_rests_and_is_traded_through(self) -> None:
        outcomes = on_trades(an_order(limit_ticks=1000), (200, 995), last=1000, bps="100")

        assert outcomes == [filled(10, 1000, 200, MAKER)]

    def test_a_stop_triggers_and_fills_at_a_strictly_later_print(self) -> None:
        outcomes = on_trades(an_order(stop_ticks=1100), (200, 1100), (200, 1150), (300, 1200))

        assert outcomes == [Triggered(1, 200), filled(10, 1200, 300, TAKER)]

    def test_a_print_at_a_stops_arrival_does_not_trigger_it(self) -> None:
        assert on_trades(an_order(stop_ticks=1100, active_ns=200), (200, 1200), (300, 1000)) == []

    def test_a_sell_stop_triggers_from_above(self) -> None:
        outcomes = on_trades(an_order(SELL, stop_ticks=900), (200, 901), (300, 900), (400, 890))

        assert outcomes == [Triggered(1, 300), filled(10, 890, 400, TAKER)]

    def test_a_cancelled_order_sees_nothing_more(self) -> None:
        book = TradeBook(rules())
        book.add(an_order(), None)

        assert book.remove(1) is True
        assert book.on_trade(200, 1000, 10) == []
        assert book.remove(1) is False


class TestOnBars:
    def test_a_market_order_before_a_bar_fills_at_its_open(self) -> None:
        assert on_bars(an_order(), a_bar(1000, 1100, 900, 1050)) == [filled(10, 1000, 1000, TAKER)]

    def test_an_order_arriving_at_the_open_is_before_the_bar(self) -> None:
        assert on_bars(an_order(active_ns=1000), a_bar(1000, 1100, 900, 1050)) == [
            filled(10, 1000, 1000, TAKER)
        ]

    def test_a_market_order_inside_a_bar_gets_the_worse_of_open_and_close(self) -> None:
        for side, expected in ((BUY, 1050), (SELL, 1000)):
            book = BarBook(rules())
            book.open_bar(a_bar(1000, 1100, 900, 1050))
            book.add(an_order(side, active_ns=1500))

            assert book.close_bar() == [filled(10, expected, 2000, TAKER)]

    def test_a_limit_takes_at_the_open_of_its_first_bar(self) -> None:
        outcomes = on_bars(an_order(limit_ticks=1010), a_bar(1000, 1100, 900, 1050))

        assert outcomes == [filled(10, 1000, 1000, TAKER)]

    def test_a_limit_whose_shifted_open_is_worse_rests_in_that_bar(self) -> None:
        outcomes = on_bars(an_order(limit_ticks=1000), a_bar(1000, 1100, 900, 1050), bps="1")

        assert outcomes == [filled(10, 1000, 2000, MAKER)]

    def test_a_resting_limit_fills_at_the_close_when_the_low_is_below_it(self) -> None:
        first = a_bar(1000, 1100, 950, 1050)
        second = a_bar(1050, 1100, 949, 1000, open_ns=2000)

        assert on_bars(an_order(limit_ticks=950), first, second) == [filled(10, 950, 3000, MAKER)]

    def test_touch_is_enough_where_the_rule_says_so(self) -> None:
        outcomes = on_bars(
            an_order(limit_ticks=950), a_bar(1000, 1100, 950, 1050), limit_rule=LimitRule.TOUCH
        )

        assert outcomes == [filled(10, 950, 2000, MAKER)]

    def test_a_limit_inside_a_bar_rests_through_it_unfilled(self) -> None:
        book = BarBook(rules())
        book.open_bar(a_bar(1000, 1100, 900, 1050))
        book.add(an_order(limit_ticks=950, active_ns=1500))
        assert book.close_bar() == []

        book.open_bar(a_bar(940, 1100, 930, 1050, open_ns=2000))

        # It rests by now, so it does not take at the open but fills at its own price.
        assert book.close_bar() == [filled(10, 950, 3000, MAKER)]

    def test_a_stop_gapped_over_triggers_and_fills_at_the_open(self) -> None:
        outcomes = on_bars(an_order(stop_ticks=990), a_bar(1000, 1100, 900, 1050))

        assert outcomes == [Triggered(1, 1000), filled(10, 1000, 1000, TAKER)]

    def test_a_stop_reached_in_the_bar_fills_at_its_trigger_at_the_close(self) -> None:
        outcomes = on_bars(an_order(stop_ticks=1100), a_bar(1000, 1100, 900, 1050), bps="1")

        assert outcomes == [Triggered(1, 2000), filled(10, 1101, 2000, TAKER, 1100)]

    def test_a_stop_inside_a_bar_is_not_looked_at_in_it(self) -> None:
        book = BarBook(rules())
        book.open_bar(a_bar(1000, 1100, 900, 1050))
        book.add(an_order(stop_ticks=1060, active_ns=1500))

        assert book.close_bar() == []

    def test_a_bar_that_could_fill_stop_and_limit_is_ambiguous_and_the_stop_comes_first(
        self,
    ) -> None:
        book = BarBook(rules(participation="0.1"))
        book.add(an_order(SELL, sequence=1, limit_ticks=1090))
        book.add(an_order(SELL, sequence=2, stop_ticks=910))
        book.open_bar(a_bar(1000, 1100, 900, 1050, volume=100))

        outcomes = book.close_bar()

        assert [each.sequence for each in outcomes] == [2, 2, 1]
        assert book.ambiguous_bars == 1

    def test_a_bar_that_could_fill_only_one_is_not_ambiguous(self) -> None:
        book = BarBook(rules())
        book.add(an_order(SELL, sequence=1, limit_ticks=1200))
        book.add(an_order(SELL, sequence=2, stop_ticks=910))
        book.open_bar(a_bar(1000, 1100, 900, 1050))

        assert len(book.close_bar()) == 2
        assert book.ambiguous_bars == 0

    def test_a_cancel_inside_a_bar_loses_to_a_fill_of_that_bar(self) -> None:
        book = BarBook(rules())
        book.add(an_order(limit_ticks=950))
        book.open_bar(a_bar(1000, 1100, 900, 1050))

        assert book.remove(1) is False
        assert len(book.close_bar()) == 1

    def test_a_cancel_inside_a_bar_wins_where_nothing_would_fill(self) -> None:
        book = BarBook(rules())
        book.add(an_order(limit_ticks=850))
        book.open_bar(a_bar(1000, 1100, 900, 1050))

        assert book.remove(1) is True
        assert book.remove(1) is False
        assert book.close_bar() == []
        assert len(book) == 0

    def test_a_cancel_at_the_open_wins(self) -> None:
        book = BarBook(rules())
        book.add(an_order(limit_ticks=950))

        assert book.remove(1) is True

        book.open_bar(a_bar(1000, 1100, 900, 1050))
        assert book.close_bar() == []

    def test_the_remainder_of_a_triggered_stop_goes_on_as_a_market_order(self) -> None:
        first = a_bar(1000, 1100, 900, 1050, volume=50)
        second = a_bar(1060, 1100, 900, 1050, volume=100, open_ns=2000)

        outcomes = on_bars(an_order(stop_ticks=1090), first, second, participation="0.1")

        assert outcomes == [
            Triggered(1, 2000),
            filled(5, 1090, 2000, TAKER),
            filled(5, 1060, 2000, TAKER),
        ]

    def test_an_immediate_order_lapses_at_the_close_of_its_bar(self) -> None:
        order = an_order(time_in_force=IOC)

        outcomes = on_bars(order, a_bar(1000, 1100, 900, 1050, volume=50), participation="0.1")

        assert outcomes == [filled(5, 1000, 1000, TAKER), Lapsed(1, 2000)]


class TestScriptedFirstFills:
    def test_a_cancelled_remainder_lapses_at_the_fill(self) -> None:
        order = an_order(first_fill=FirstFill(3, None))

        assert on_trades(order, (200, 1000), (300, 1001)) == [
            filled(3, 1000, 200, TAKER),
            Lapsed(1, 200),
        ]

    def test_a_later_remainder_waits_its_time(self) -> None:
        order = an_order(first_fill=FirstFill(3, 100))

        assert on_trades(order, (200, 1000), (300, 1001), (301, 1002)) == [
            filled(3, 1000, 200, TAKER),
            filled(7, 1002, 301, TAKER),
        ]


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(90, 110), st.integers(1, 50)), max_size=30),
    st.lists(
        st.tuples(
            st.sampled_from(["market", "limit", "stop"]),
            st.sampled_from([BUY, SELL]),
            st.integers(90, 110),
            st.integers(1, 40),
            st.integers(0, 40),
        ),
        max_size=6,
    ),
    st.sampled_from([None, "0.1", "0.37", "1"]),
)
def test_random_orders_never_break_a_bound(
    prints: list[tuple[int, int, int]],
    wishes: list[tuple[str, Side, int, int, int]],
    participation: str | None,
) -> None:
    book = TradeBook(rules("5", participation))
    wished: dict[int, Any] = {}
    active: dict[int, int] = {}
    for number, (kind, side, price, lots, arrival) in enumerate(sorted(wishes, key=lambda w: w[4])):
        values: dict[str, Any] = {"lots": lots}
        if kind != "market":
            values["limit_ticks" if kind == "limit" else "stop_ticks"] = price
        wished[number] = (kind, side, price, lots)
        active[number] = arrival
        book.add(an_order(side, number, arrival, **values), None)
    given_lots = dict.fromkeys(wished, 0)
    time = 0

    for gap, price, volume in prints:
        time += gap
        event_lots = 0
        for outcome in book.on_trade(time, price, volume):
            assert time > active[outcome.sequence]
            kind, side, wished_price, lots = wished[outcome.sequence]
            if isinstance(outcome, Triggered):
                assert kind == "stop"
                assert (price - wished_price) * side >= 0
                active[outcome.sequence] = time
                continue
            assert isinstance(outcome, Traded)
            given_lots[outcome.sequence] += outcome.lots
            event_lots += outcome.lots
            assert given_lots[outcome.sequence] <= lots
            if kind == "limit":
                assert (wished_price - outcome.price_ticks) * side >= 0
            else:
                assert (outcome.price_ticks - price) * side == 1
        if participation is not None:
            assert event_lots <= volume
