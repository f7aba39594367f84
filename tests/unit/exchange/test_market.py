"""Bars and trades off the wire: closed, once, in order, gaps filled first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.exchange.bench import INSTRUMENT, MINUTE, SECOND, START, Bench, refusal
from tieout.adapters.venues.exchange.decode import Unreadable
from tieout.adapters.venues.exchange.market import MarketData
from tieout.adapters.venues.exchange.settings import ResumePoint, Subscription
from tieout.model.events import Bar, Trade

SYMBOL = INSTRUMENT.symbol


class Market:
    """Market data on the bench, listening to minute bars and trades."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.broken: list[str] = []
        self.data = MarketData(
            bench.client,  # type: ignore[arg-type]
            bench.clock,
            bench.outlet,
            spawn=bench.spawn,
            broken=self.broken.append,
        )
        self.data.subscribe(
            [Subscription(SYMBOL, MINUTE), Subscription(SYMBOL)], {SYMBOL: INSTRUMENT}
        )
        bench.client.answers["GET", "klines"] = []
        bench.client.answers["GET", "aggTrades"] = []

    def receive(self, *messages: dict[str, Any]) -> list[Any]:
        for message in messages:
            self.data.receive(message)
        return self.bench.settle()


@pytest.fixture
def market(bench: Bench) -> Market:
    return Market(bench)


def candle(minute: int, close: str = "42000.5", **fields: Any) -> dict[str, Any]:
    """Return the kline message of the minute that opens `minute` minutes after the start."""
    open_ms = (START + minute * MINUTE) // 1_000_000
    k = {
        "t": open_ms,
        "T": open_ms + 59_999,
        "s": "BTCUSDT",
        "i": "1m",
        "o": "42000.0",
        "h": "42001.0",
        "l": "41999.0",
        "c": close,
        "v": "1.250",
        "x": True,
    }
    return {"e": "kline", "E": open_ms + 60_000, "s": "BTCUSDT", "k": k | fields}


def row(minute: int, close: str = "42000.5") -> list[Any]:
    """Return the same candle as REST has it."""
    k = candle(minute, close)["k"]
    return [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], "0", 3, "0", "0", "0"]


def print_of(trade_id: int, **fields: Any) -> dict[str, Any]:
    message = {
        "e": "aggTrade",
        "s": "BTCUSDT",
        "a": trade_id,
        "p": "42000.0",
        "q": "0.010",
        "T": START // 1_000_000 + trade_id,
        "m": False,
    }
    return message | fields


def minutes(events: list[Any]) -> list[int]:
    return [(bar.open_time_ns - START) // MINUTE for bar in events]


# -- bars -------------------------------------------------------------------------------------


def test_the_streams_asked_for_carry_the_venues_names(market: Market) -> None:
    assert market.data.streams == ["btcusdt@kline_1m", "btcusdt@aggTrade"]


def test_a_closed_candle_is_a_bar_stamped_with_our_clock(market: Market) -> None:
    market.bench.run_for(61 * SECOND)

    [bar] = market.receive(candle(0))

    assert bar == Bar(
        SYMBOL,
        MINUTE,
        START,
        START + MINUTE,
        START + 61 * SECOND,
        420_000,
        420_010,
        419_990,
        420_005,
        1250,
        0,
        0.1,
        False,
    )


def test_a_running_candle_is_counted_and_dropped(market: Market) -> None:
    assert market.receive(candle(0, x=False)) == []
    assert market.data.counts.running_bars == 1


def test_the_same_closed_candle_twice_is_one_bar(market: Market) -> None:
    market.receive(candle(0))

    assert market.receive(candle(0)) == []
    assert market.data.counts.repeated_bars == 1


def test_other_values_for_the_same_minute_are_a_revision(market: Market) -> None:
    market.receive(candle(0))

    [first] = market.receive(candle(0, close="42000.7"))
    [second] = market.receive(candle(0, close="42000.9"))

    assert (first.revision, first.close_ticks) == (1, 420_007)
    assert (second.revision, second.close_ticks) == (2, 420_009)


def test_a_skipped_minute_is_asked_for_and_given_first(market: Market) -> None:
    market.receive(candle(0))
    market.bench.run_for(4 * MINUTE)
    market.bench.client.answers["GET", "klines"] = [row(1), row(2), row(3)]

    events = market.receive(candle(3), candle(4))

    assert minutes(events) == [1, 2, 3, 4]
    assert market.data.counts.gaps == 1


def test_a_minute_without_trading_is_asked_for_once_only(market: Market) -> None:
    market.receive(candle(0))
    market.bench.run_for(4 * MINUTE)

    events = market.receive(candle(3)) + market.receive(candle(3, close="42000.6"))

    assert minutes(events) == [3, 3]
    assert market.bench.client.paths() == ["GET klines"]


def test_a_gap_that_cannot_be_filled_costs_the_connection_but_no_bar(market: Market) -> None:
    market.receive(candle(0))
    market.bench.run_for(4 * MINUTE)
    market.bench.client.answers["GET", "klines"] = refusal(status=503)

    lost = market.receive(candle(3))
    market.bench.client.answers["GET", "klines"] = [row(0), row(1), row(2), row(3)]
    market.bench.spawn(market.data.catch_up())
    found = market.bench.settle()
    market.data.release()

    assert lost == []
    assert "could not be filled" in market.broken[0]
    assert minutes(found + market.bench.settle()) == [1, 2, 3]


def test_a_candle_that_comes_late_is_still_a_bar(market: Market) -> None:
    market.receive(candle(0))
    market.bench.run_for(4 * MINUTE)
    market.receive(candle(2))

    [late] = market.receive(candle(1))

    assert (late.revision, minutes([late])) == (0, [1])


@pytest.mark.parametrize(
    "broken",
    [
        {"o": "NaN"},
        {"c": "1e309"},
        {"h": "41000.0"},
        {"l": "-1"},
        {"c": "42000.55"},
        {"v": "-1"},
        {"t": None},
        {"t": "soon"},
        {"o": True},
    ],
)
def test_a_candle_that_cannot_be_true_is_refused(market: Market, broken: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="BTC/USDT:USDT"):
        market.data.receive(candle(0, **broken))


def test_messages_nobody_asked_for_are_counted(market: Market) -> None:
    market.receive({"e": "markPriceUpdate"}, candle(0, i="5m"), print_of(1, s="ETHUSDT"))

    assert market.data.counts.other == 3


# -- trades -----------------------------------------------------------------------------------


def test_a_print_is_a_trade(market: Market) -> None:
    [buy] = market.receive(print_of(7))
    [sell] = market.receive(print_of(8, m=True))

    assert buy == Trade(SYMBOL, START + 7_000_000, START, 420_000, 10, 1, 7, 42000.0)
    assert sell.aggressor == -1


def test_a_print_seen_twice_is_one_trade(market: Market) -> None:
    assert len(market.receive(print_of(7), print_of(7), print_of(6))) == 1
    assert market.data.counts.repeated_trades == 2


def test_skipped_prints_are_fetched_and_come_first(market: Market) -> None:
    def agg_trades(**bounds: Any) -> list[dict[str, Any]]:
        return [print_of(number) for number in range(bounds["fromId"], 12)]

    market.bench.client.answers["GET", "aggTrades"] = agg_trades
    market.receive(print_of(7))

    events = market.receive(print_of(10), print_of(11))

    assert [event.trade_id for event in events] == [8, 9, 10, 11]


def test_a_long_gap_is_fetched_page_by_page(market: Market) -> None:
    def agg_trades(**bounds: Any) -> list[dict[str, Any]]:
        first = bounds["fromId"]
        return [print_of(number) for number in range(first, min(first + 1000, 2501))]

    market.bench.client.answers["GET", "aggTrades"] = agg_trades
    market.receive(print_of(1))

    events = market.receive(print_of(2500))

    assert [event.trade_id for event in events] == list(range(2, 2501))


def test_where_ids_are_not_contiguous_gaps_are_soon_ignored(market: Market) -> None:
    events = market.receive(print_of(10))
    for trade_id in range(20, 120, 10):
        events += market.receive(print_of(trade_id))

    assert len(events) == 11
    assert market.bench.client.paths() == ["GET aggTrades"] * 3


@pytest.mark.parametrize("broken", [{"q": "0"}, {"q": "0.0001"}, {"p": "inf"}, {"a": "x"}])
def test_a_print_that_cannot_be_true_is_refused(market: Market, broken: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        market.data.receive(print_of(1, **broken))


# -- warm-up, resume, reconnection ------------------------------------------------------------


def test_warm_up_gives_closed_bars_flagged_and_stamped_now(market: Market) -> None:
    market.bench.client.answers["GET", "klines"] = [row(-3), row(-2), row(-1), row(0)]

    market.bench.spawn(market.data.warm_up(2, until_ns=START))
    events = market.bench.settle()

    assert minutes(events) == [-2, -1]
    assert all(bar.warm_up and bar.arrival_time_ns == START for bar in events)


def test_a_bar_not_published_yet_is_left_to_the_stream(market: Market) -> None:
    market.bench.client.answers["GET", "klines"] = [row(-3), row(-2), row(-1)]

    market.bench.spawn(market.data.warm_up(2, until_ns=START - SECOND))
    events = market.bench.settle() + market.receive(candle(-1))

    assert minutes(events) == [-3, -2, -1]
    assert [bar.warm_up for bar in events] == [True, True, False]
    assert market.data.counts.gaps == 0


def test_a_bar_lost_before_the_first_message_is_found(market: Market) -> None:
    market.bench.spawn(market.data.warm_up(0, until_ns=START))
    market.bench.run_for(3 * MINUTE)
    market.bench.client.answers["GET", "klines"] = [row(0), row(1)]

    assert minutes(market.receive(candle(2))) == [0, 1, 2]


def test_a_long_warm_up_is_fetched_backwards_page_by_page(market: Market) -> None:
    history = [row(number) for number in range(-2000, 0)]

    def klines(**bounds: Any) -> list[Any]:
        chosen = [each for each in history if each[0] <= bounds["endTime"]]
        return chosen[-bounds["limit"] :]

    market.bench.client.answers["GET", "klines"] = klines

    market.bench.spawn(market.data.warm_up(1800, until_ns=START))

    assert minutes(market.bench.settle()) == list(range(-1800, 0))


def test_after_a_gap_rows_come_from_the_last_one_seen(market: Market) -> None:
    market.receive(candle(0), print_of(5))
    market.bench.run_for(3 * MINUTE)
    market.bench.client.answers["GET", "klines"] = [row(0, "42000.7"), row(1), row(2), row(3)]
    market.bench.client.answers["GET", "aggTrades"] = [print_of(6)]

    market.bench.spawn(market.data.catch_up())
    events = market.bench.settle()

    bars = [event for event in events if isinstance(event, Bar)]
    # Minute 0 was revised meanwhile; minute 3 has not closed.
    assert [(m, bar.revision) for m, bar in zip(minutes(bars), bars, strict=True)] == [
        (0, 1),
        (1, 0),
        (2, 0),
    ]
    assert [event.trade_id for event in events if isinstance(event, Trade)] == [6]


def test_a_resumed_run_goes_on_behind_the_journal(market: Market) -> None:
    market.bench.run_for(3 * MINUTE)
    market.bench.client.answers["GET", "klines"] = lambda **bounds: [
        each for each in (row(0), row(1), row(2)) if each[0] >= bounds["startTime"]
    ]
    point = ResumePoint(
        down_since_ns=START, last_bar_ns={(SYMBOL, MINUTE): START}, last_trade_id={SYMBOL: 5}
    )

    market.data.go_on_from(point)
    market.bench.spawn(market.data.catch_up())
    events = market.bench.settle()

    assert minutes([event for event in events if isinstance(event, Bar)]) == [1, 2]
    assert market.bench.client.asked[-1][2]["fromId"] == 6
