"""The small parts: text to numbers, order of inputs, request weight, settings, clocks."""

from __future__ import annotations

import asyncio
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.exchange.bench import INSTRUMENT, MINUTE, SECOND, START
from tieout.adapters.clocks import RunningClock, WallClock
from tieout.adapters.venues.exchange.decode import (
    Unreadable,
    decimal,
    instrument_of,
    integer,
    lots_of,
    money_units,
    nanoseconds,
    ticks_of,
)
from tieout.adapters.venues.exchange.inbox import Inbox, Outlet
from tieout.adapters.venues.exchange.rates import RateLimiter, RequestKind
from tieout.adapters.venues.exchange.settings import Credentials, ExchangeSettings
from tieout.errors import SettingsError, VenueError
from tieout.model.events import (
    Bar,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    OperatorCommand,
    OrderAccepted,
    RunEnded,
    RunStarted,
    Trade,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.exchange.bench import Bench

# -- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (integer, "1.5"),
        (integer, 1.5),
        (integer, True),
        (integer, None),
        (nanoseconds, -1),
        (nanoseconds, 10**13),
        (decimal, "NaN"),
        (decimal, "Infinity"),
        (decimal, float("inf")),
        (decimal, [1]),
        (decimal, False),
        (decimal, "1,5"),
        (money_units, "1E-60"),
    ],
)
def test_hostile_numbers_are_refused(read: Callable[[Any], Any], value: object) -> None:
    with pytest.raises(Unreadable):
        read(value)


def test_numbers_come_as_text_or_as_numbers() -> None:
    assert integer("12") == integer(12) == 12
    assert nanoseconds(1_500) == 1_500_000_000
    assert ticks_of(INSTRUMENT, "42000.10") == 420_001
    assert lots_of(INSTRUMENT, "-0.005") == -5


def test_money_beyond_its_last_digit_is_rounded_half_up() -> None:
    assert money_units("0.03360000") == 33_600_000_000
    assert money_units("0.0000000000005") == 1
    assert money_units("-0.0000000000005") == -1


@pytest.mark.parametrize("price", ["0", "-1", "42000.15"])
def test_a_price_off_the_tick_or_not_positive_is_refused(price: str) -> None:
    with pytest.raises(Unreadable, match="price"):
        ticks_of(INSTRUMENT, price)


def rules(**fields: Any) -> dict[str, Any]:
    entry = {
        "symbol": "BTCUSDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "1"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.002", "maxQty": "100"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }
    return entry | fields


def test_an_instrument_is_made_of_the_venues_filters() -> None:
    instrument = instrument_of("BTC/USDT:USDT", rules(), "USDT")

    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (instrument.min_lots, instrument.max_lots) == (2, 100_000)
    assert instrument.min_notional == 5


@pytest.mark.parametrize("filters", [[], [{"filterType": "LOT_SIZE", "stepSize": "0"}], None])
def test_rules_that_lack_something_are_refused(filters: object) -> None:
    with pytest.raises(Unreadable, match="rules of BTC/USDT:USDT"):
        instrument_of("BTC/USDT:USDT", rules(filters=filters), "USDT")


# -- inbox ------------------------------------------------------------------------------------


def test_inputs_of_one_instant_come_by_rank_then_by_sequence() -> None:
    inbox = Inbox()
    bar = Bar("S", MINUTE, 0, MINUTE, 5, 1, 1, 1, 1, 0, 0, 1.0)
    trade = Trade("S", 1, 5, 1, 1, 0, 1, 1.0)
    first = OrderAccepted(decision_id="a", venue_order_id="", venue_time_ns=1, arrival_time_ns=5)
    second = OrderAccepted(decision_id="b", venue_order_id="", venue_time_ns=1, arrival_time_ns=5)
    lost = ConnectionLost(stream="market", reason="", arrival_time_ns=5)
    command = OperatorCommand(command="halt", actor="me", arrival_time_ns=5)
    started = RunStarted(arrival_time_ns=5, cash=0)
    ended = RunEnded(arrival_time_ns=5, reason="")
    earlier = ClockReached(arrival_time_ns=4, woke_at_ns=4)

    for event in (ended, bar, trade, first, second, lost, command, started, earlier):
        inbox.put(event)

    assert inbox.take() == [
        earlier,
        started,
        command,
        lost,
        first,
        second,
        trade,
        bar,
        ended,
    ]
    assert inbox.take() == []


def test_what_a_shut_outlet_kept_is_stamped_when_it_opens() -> None:
    inbox = Inbox()
    now_ns = 10
    outlet = Outlet(inbox, lambda: now_ns)
    trade = Trade("S", 1, 5, 1, 1, 0, 1, 1.0)
    outlet.shut()
    outlet.put(trade)
    nothing = inbox.take()

    outlet.open(
        lambda count, stamp: ConnectionRestored(
            stream="market", backfilled=count, arrival_time_ns=stamp
        )
    )

    assert nothing == []
    restored, late = inbox.take()
    assert isinstance(restored, ConnectionRestored)
    assert restored.backfilled == 1
    assert (restored.arrival_time_ns, late.arrival_time_ns) == (10, 10)


# -- request weight ---------------------------------------------------------------------------


@pytest.fixture
def limiter(bench: Bench) -> RateLimiter:
    return RateLimiter(bench.clock, Decimal("0.5"))


def admitted(bench: Bench, limiter: RateLimiter, kind: RequestKind) -> list[int]:
    """Ask for admission and return when it was given."""
    times: list[int] = []

    async def ask() -> None:
        await limiter.admit(kind)
        times.append(bench.clock.now_ns())

    bench.spawn(ask())
    return times


def test_queries_wait_for_the_next_minute_when_their_share_is_used(
    bench: Bench, limiter: RateLimiter
) -> None:
    bench.run_for(10 * SECOND)
    limiter.observe(200, {"X-MBX-USED-WEIGHT-1M": "1200"})

    times = admitted(bench, limiter, RequestKind.QUERY)
    bench.run_for(MINUTE)

    next_minute = (START + 10 * SECOND) // MINUTE * MINUTE + MINUTE
    assert times == [next_minute]


def test_orders_may_use_what_queries_must_not(bench: Bench, limiter: RateLimiter) -> None:
    limiter.observe(200, {"x-mbx-used-weight-1m": "2000"})

    times = admitted(bench, limiter, RequestKind.ORDER)
    bench.settle()

    assert times == [START]


def test_an_order_is_refused_rather_than_sent_late(bench: Bench, limiter: RateLimiter) -> None:
    limiter.observe(200, {"X-MBX-USED-WEIGHT-1M": "2400"})

    with pytest.raises(VenueError, match="an order is not sent late"):
        bench.loop.run_until_complete(limiter.admit(RequestKind.ORDER))


def test_cancels_leave_whatever_is_used(bench: Bench, limiter: RateLimiter) -> None:
    limiter.observe(200, {"X-MBX-USED-WEIGHT-1M": "9999"})

    times = admitted(bench, limiter, RequestKind.CANCEL)
    bench.settle()

    assert times == [START]


@pytest.mark.parametrize(("headers", "wait_s"), [({"Retry-After": "30"}, 30), ({}, 120)])
def test_a_ban_stops_even_cancels_until_it_is_over(
    bench: Bench, limiter: RateLimiter, headers: dict[str, str], wait_s: int
) -> None:
    limiter.observe(429, headers)

    times = admitted(bench, limiter, RequestKind.CANCEL)
    bench.run_for(5 * MINUTE)

    assert times == [START + wait_s * SECOND]


def test_a_burst_counts_before_its_answers_come(bench: Bench, limiter: RateLimiter) -> None:
    for _ in range(1200):
        bench.loop.run_until_complete(limiter.admit(RequestKind.QUERY))

    times = admitted(bench, limiter, RequestKind.QUERY)
    bench.settle()

    assert times == []


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "https://fapi.binance.com/"}, "base_url"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"ws_url": "wss://fstream.binance.com"}, "ending in /ws"),
        ({"leverage": 0}, "leverage 0 must lie in 1 … 125"),
        ({"recv_window_ms": 60_001}, "recv_window_ms"),
        ({"request_timeout_ns": 5}, "at least one second"),
        ({"weight_share": Decimal(1)}, "weight_share"),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ExchangeSettings(**fields)


def test_credentials_are_neither_printed_nor_written() -> None:
    credentials = Credentials("the-key", "the-secret")

    assert "the-" not in repr(credentials)
    assert "the-" not in str(credentials)
    with pytest.raises(SettingsError, match="never written"):
        pickle.dumps(credentials)
    with pytest.raises(SettingsError, match="both"):
        Credentials("key", "")


# -- clocks -----------------------------------------------------------------------------------


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time_ns = 1_000

    def now_ns(self) -> int:
        return self.time_ns


def test_the_wall_clock_never_goes_backwards() -> None:
    clock = WallClock()
    stamps = [clock.now_ns() for _ in range(1_000)]

    assert stamps == sorted(stamps)


def test_a_paced_clock_starts_at_the_venues_time_and_runs_at_its_speed() -> None:
    hand = Hand()
    clock = RunningClock(hand, start_ns=START, speed=Fraction("2.5"))
    hand.time_ns += 1_000

    assert clock.now_ns() == START + 2_500
    assert clock.real_s(START + 2_500 + 5 * SECOND) == pytest.approx(2.0)


def test_a_clock_corrected_backwards_stands_until_time_has_caught_up() -> None:
    hand = Hand()
    clock = RunningClock(hand)
    clock.shift(500)
    before = clock.now_ns()

    clock.shift(0)
    stood = clock.now_ns()
    hand.time_ns += 600

    assert (before, stood, clock.now_ns()) == (1_500, 1_500, 1_600)


def test_sleepers_wake_one_by_one_in_the_order_they_are_due(bench: Bench) -> None:
    woken: list[str] = []

    async def sleep(name: str, duration_ns: int) -> None:
        await bench.clock.sleep(duration_ns)
        woken.append(f"{name} begins")
        await asyncio.sleep(0)
        woken.append(f"{name} ends")

    bench.spawn(sleep("late", 2 * SECOND))
    bench.spawn(sleep("early", SECOND))
    bench.spawn(sleep("with late", 2 * SECOND))
    bench.run_for(3 * SECOND)

    assert woken == [
        "early begins",
        "early ends",
        "late begins",
        "late ends",
        "with late begins",
        "with late ends",
    ]


def test_work_that_waits_goes_before_answers_and_answers_before_sleepers(bench: Bench) -> None:
    done: list[str] = []

    async def sleep() -> None:
        await bench.clock.sleep(SECOND)
        done.append("sleeper")

    async def answer(number: int) -> None:
        bench.turns.end()
        await bench.turns.take_numbered(number)
        done.append(f"answer {number}")

    async def work() -> None:
        done.append("work")

    async def all_at_once() -> None:
        await bench.clock.sleep(SECOND)
        for number in (2, 1):
            bench.turns.begin()
            bench.loop.create_task(answer(number)).add_done_callback(lambda _: bench.turns.end())
        bench.spawn(work())

    bench.spawn(all_at_once())
    bench.spawn(sleep())
    bench.run_for(SECOND)

    assert done == ["work", "answer 1", "answer 2", "sleeper"]


def test_a_cancelled_sleeper_leaves_no_trace(bench: Bench) -> None:
    task = bench.spawn(bench.clock.sleep(SECOND))
    bench.settle()

    task.cancel()
    bench.run_for(2 * SECOND)

    assert bench.turns.is_idle
    assert bench.clock.next_wake_ns is None


def test_a_task_cancelled_before_its_first_step_leaves_no_trace(bench: Bench) -> None:
    bench.spawn(bench.clock.sleep(SECOND)).cancel()

    bench.run_for(2 * SECOND)

    assert bench.turns.is_idle
