"""The compiled matching and its naive twin report the same on random markets."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.matching import NaiveMatching
from tests.support.worlds import ES, SYMBOL, T0
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    CancelRejected,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderTriggered,
)
from tieout.model.orders import CancelOrder, PlaceOrder
from tieout.model.profiles import FillLevel, FundingRule, LimitRule, SimulationProfile

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))
STEP = 7_000_000_000
START = T0 // STEP * STEP
KINDS = {"market": 1, "limit": 2, "stop": 3}

profiles = st.builds(
    SimulationProfile,
    name=st.just("random"),
    fill_level=st.sampled_from(FillLevel),
    spread_bps=st.sampled_from([Decimal(0), Decimal(3), Decimal("12.5")]),
    slippage_bps=st.sampled_from([Decimal(0), Decimal(5), Decimal("33.3333")]),
    impact_y=st.sampled_from([0.0, 1.0, 2.5]),
    participation=st.sampled_from([None, Decimal("0.1"), Decimal("0.35"), Decimal(1)]),
    limit_rule=st.sampled_from(LimitRule),
    entry_latency_ns=st.sampled_from([0, STEP // 2, STEP]),
    response_latency_ns=st.sampled_from([0, STEP // 3]),
    funding_rule=st.sampled_from(FundingRule),
    funding_interval_ns=st.just(5 * STEP),
)
prints = st.lists(
    st.tuples(st.integers(0, 3), st.integers(399, 402), st.integers(1, 30)),
    min_size=1,
    max_size=40,
)
orders = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from([1, -1]),
        st.sampled_from(["market", "limit", "stop"]),
        st.integers(1, 6),
        st.integers(399, 402),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 10)),
    ),
    max_size=6,
)


def columns(given_prints: list[tuple[int, int, int]]) -> TradeColumns:
    steps, price, quantity = (np.array(each, np.int64) for each in zip(*given_prints, strict=True))
    when = START + np.cumsum(steps) * STEP
    rows = len(when)
    return TradeColumns(
        SYMBOL, when, when, price, quantity, np.zeros(rows, np.int8), np.arange(1, rows + 1)
    )


def simulated(
    profile: SimulationProfile, market: TradeColumns | BarColumns, wishes: list[Any], chunk: int
) -> list[tuple[Any, ...]]:
    """Drive the venue as the kernel does: wishes in order of time, every wake answered."""
    pieces = [market.rows(start, start + chunk) for start in range(0, len(market), chunk)]
    venue = SimulatedVenue({SYMBOL: ES}, profile, {SYMBOL: HistoryMarket(pieces)})
    found: list[Any] = []

    def until(limit: int) -> None:
        while (wake := venue.next_wake_ns(limit)) is not None:
            assert wake <= limit
            found.extend(venue.advance(wake))

    for at, wish in wishes:
        until(at)
        if isinstance(wish, PlaceOrder):
            venue.place(wish)
        else:
            venue.cancel(wish)
    until(START + 10_000 * STEP)
    return [plain(report) for report in found if not isinstance(report, OrderAccepted)]


def plain(report: Any) -> tuple[Any, ...]:
    at = report.venue_time_ns
    name = getattr(report, "decision_id", None)
    facts: dict[str, Any] = {}
    if isinstance(report, Fill):
        kind = "fill"
        facts = {
            "lots": report.lots,
            "price": report.price_ticks,
            "reference": report.reference_ticks,
            "maker": report.liquidity == 1,
        }
    elif isinstance(report, OrderTriggered):
        kind = "triggered"
    elif isinstance(report, CancelRejected):
        kind = "cancel refused"
    elif isinstance(report, OrderCancelled):
        kind = "cancelled" if report.reason == "requested" else "expired"
        facts = {"filled": report.filled_lots}
    else:
        assert isinstance(report, FundingCharged), report
        kind = "funding"
        facts = {"position": report.position_lots, "mark": report.mark_ticks}
    return (kind, name, at, tuple(sorted(facts.items())))


def prepared(
    profile: SimulationProfile, given_orders: list[Any]
) -> tuple[list[tuple[int, Any]], NaiveMatching]:
    """Return the wishes in order of time, and the twin that knows when they arrive."""
    latency = profile.order_latency_ns
    wishes: list[tuple[int, Any]] = []
    naive_orders, naive_cancels = [], []
    for number, (step, side, kind, lots, price, at_once, cancel_after) in enumerate(
        sorted(given_orders, key=lambda each: each[0])
    ):
        decided = START + step * STEP
        name = f"d{number}"
        once = at_once and kind != "stop"
        wishes.append((decided, an_order(name, decided, side, kind, lots, price, once)))
        naive_orders.append(
            {
                "name": name,
                "arrival": decided + latency,
                "side": side,
                "kind": kind,
                "lots": lots,
                "limit": price,
                "stop": price,
                "at_once": once,
            }
        )
        if cancel_after is not None:
            at = decided + cancel_after * STEP
            wishes.append((at, a_cancel(name, at)))
            naive_cancels.append((at + latency, name))
    wishes.sort(key=lambda each: each[0])
    return wishes, NaiveMatching(profile, naive_orders, naive_cancels)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(profiles, prints, orders, st.integers(1, 40))
def test_trades_are_matched_as_the_naive_twin_matches_them(
    profile: SimulationProfile,
    given_prints: list[tuple[int, int, int]],
    given_orders: list[Any],
    chunk: int,
) -> None:
    market = columns(given_prints)
    wishes, naive = prepared(profile, given_orders)
    for at, price, quantity in zip(
        market.venue_time_ns.tolist(),
        market.price_ticks.tolist(),
        market.quantity_lots.tolist(),
        strict=True,
    ):
        naive.on_trade(at, price, quantity)
    naive.finish(START + 10_000 * STEP)

    found = simulated(profile, market, wishes, chunk)
    assert sorted(found, key=repr) == sorted(naive.reports, key=repr)


bar_rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.lists(st.integers(398, 403), min_size=4, max_size=4),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=30,
)


def bar_columns(rows: list[tuple[int, list[int], int]]) -> BarColumns:
    """Return bars of three steps, some intervals without one; highs and lows fit."""
    opened, prices, volumes = [], [], []
    at = START
    for skipped, four, volume in rows:
        at += skipped * 3 * STEP
        opened.append(at)
        prices.append((four[0], max(four), min(four), four[3]))
        volumes.append(volume)
        at += 3 * STEP
    open_time = np.array(opened, np.int64)
    columns_of = [np.array(each, np.int64) for each in zip(*prices, strict=True)]
    count = len(opened)
    return BarColumns(
        SYMBOL,
        3 * STEP,
        open_time,
        open_time + 3 * STEP,
        open_time + 3 * STEP + STEP // 7,
        *columns_of,
        np.array(volumes, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
    )


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(profiles, bar_rows, orders, st.integers(1, 30))
def test_bars_are_matched_as_the_naive_twin_matches_them(
    profile: SimulationProfile,
    rows: list[tuple[int, list[int], int]],
    given_orders: list[Any],
    chunk: int,
) -> None:
    profile = msgspec.structs.replace(profile, funding_rule=FundingRule.NONE)
    market = bar_columns(rows)
    wishes, naive = prepared(profile, given_orders)
    for row in range(len(market)):
        four = tuple(
            int(getattr(market, f"{name}_ticks")[row]) for name in ("open", "high", "low", "close")
        )
        naive.on_bar(
            int(market.open_time_ns[row]),
            int(market.close_time_ns[row]),
            four,  # type: ignore[arg-type]
            int(market.volume_lots[row]),
        )

    found = simulated(profile, market, wishes, chunk)
    assert sorted(found, key=repr) == sorted(naive.reports, key=repr)


def an_order(
    name: str, decided: int, side: int, kind: str, lots: int, price: int, at_once: bool
) -> PlaceOrder:
    return PlaceOrder(
        decision_id=name,
        instrument=SYMBOL,
        side=side,
        order_type=KINDS[kind],
        lots=lots,
        limit_ticks=price if kind == "limit" else None,
        stop_ticks=price if kind == "stop" else None,
        time_in_force=2 if at_once else 1,
        decided_at_ns=decided,
        decision_price_ticks=400,
        origin="test",
    )


def a_cancel(name: str, at: int) -> CancelOrder:
    return CancelOrder(
        decision_id=f"c-{name}", order_decision_id=name, decided_at_ns=at, origin="test"
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(prints, orders, st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal(1)]))
def test_no_print_gives_more_than_its_size(
    given_prints: list[tuple[int, int, int]], given_orders: list[Any], share: Decimal
) -> None:
    market = columns(given_prints)
    profile = SimulationProfile(name="conserving", fill_level=FillLevel.NAIVE, participation=share)
    wishes = [
        (
            START + each[0] * STEP,
            an_order(f"d{number}", START + each[0] * STEP, each[1], "market", each[3], 0, False),
        )
        for number, each in enumerate(sorted(given_orders, key=lambda each: each[0]))
    ]
    taken: dict[int, int] = {}
    for kind, _, at, facts in simulated(profile, market, wishes, 7):
        if kind == "fill":
            taken[at] = taken.get(at, 0) + dict(facts)["lots"]
    for at, lots in taken.items():
        assert lots <= int(market.quantity_lots[market.venue_time_ns == at].sum())


@pytest.mark.parametrize("seed", range(3))
def test_impact_looks_back_over_the_last_hundred_minutes(seed: int) -> None:
    draw = np.random.default_rng(seed)
    given_prints = [
        (int(step), int(price), int(size))
        for step, price, size in zip(
            draw.integers(3, 20, 400),
            draw.integers(380, 420, 400),
            draw.integers(1, 30, 400),
            strict=True,
        )
    ]
    market = columns(given_prints)
    profile = SimulationProfile(
        name="impact", fill_level=FillLevel.IMPACT, spread_bps=Decimal(3), impact_y=2.0
    )
    decided = int(market.venue_time_ns[350])
    order = an_order("d", decided, 1, "market", 40, 0, False)
    naive = NaiveMatching(
        profile,
        [
            {
                "name": "d",
                "arrival": decided,
                "side": 1,
                "kind": "market",
                "lots": 40,
                "limit": 0,
                "stop": 0,
                "at_once": False,
            }
        ],
        [],
    )
    for at, price, quantity in zip(
        market.venue_time_ns.tolist(),
        market.price_ticks.tolist(),
        market.quantity_lots.tolist(),
        strict=True,
    ):
        naive.on_trade(at, price, quantity)

    assert len(naive.minutes) > 110
    assert simulated(profile, market, [(decided, order)], 33) == naive.reports


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_fees_are_rounded_half_up_at_the_profiles_digits(chunk: int) -> None:
    profile = SimulationProfile(
        name="fees", fill_level=FillLevel.NAIVE, taker_fee_rate=Decimal("0.00033"), fee_digits=2
    )
    market = columns([(1, 401, 5), (1, 402, 5)])
    order = an_order("d", START, 1, "market", 3, 0, False)
    pieces = [market.rows(start, start + chunk) for start in range(0, 2, chunk)]
    venue = SimulatedVenue({SYMBOL: ES}, profile, {SYMBOL: HistoryMarket(pieces)})
    venue.place(order)

    (fill,) = [each for each in venue.advance(START + 9 * STEP) if isinstance(each, Fill)]

    # 3 · 100.25 · 0.00033 = 0.0992475, to cents 0.10
    assert fill.fee == 10**11
    assert msgspec.structs.asdict(fill)["price_ticks"] == 401
