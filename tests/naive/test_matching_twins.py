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

from tests.naive.driving import (
    START,
    STEP,
    Dice,
    an_order,
    bar_columns,
    bar_rows,
    busy_bars,
    busy_order,
    busy_prints,
    busy_profile,
    busy_sessions,
    columns,
    orders,
    prepared,
    prints,
    profiles,
    run_naive,
    sessions,
    simulated,
)
from tests.naive.matching import NaiveMatching
from tests.support.worlds import ES, SYMBOL
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import Fill
from tieout.model.profiles import FillLevel, SimulationProfile

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))
THOROUGH = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)


@THOROUGH
@given(profiles, prints, orders, st.integers(1, 40), st.booleans(), sessions, st.integers(-4, 4))
def test_trades_are_matched_as_the_naive_twin_matches_them(
    profile: SimulationProfile,
    given_prints: list[tuple[int, int, int]],
    given_orders: list[dict[str, Any]],
    chunk: int,
    drawn: bool,
    trading: tuple[tuple[int, int], ...],
    position: int,
) -> None:
    market = columns(given_prints)
    wishes, naive = prepared(profile, given_orders, drawn=drawn, trading=trading, position=position)
    run_naive(naive, market)

    world = {"drawn": drawn, "sessions": {SYMBOL: trading}, "positions": {SYMBOL: position}}
    found, _ = simulated(profile, market, wishes, chunk, **world)

    assert sorted(found, key=repr) == sorted(naive.reports, key=repr)
    whole, _ = simulated(profile, market, wishes, len(market), **world)
    assert found == whole


@THOROUGH
@given(profiles, bar_rows, orders, st.integers(1, 30), st.booleans(), sessions, st.integers(-4, 4))
def test_bars_are_matched_as_the_naive_twin_matches_them(
    profile: SimulationProfile,
    rows: list[tuple[int, list[int], int]],
    given_orders: list[dict[str, Any]],
    chunk: int,
    drawn: bool,
    trading: tuple[tuple[int, int], ...],
    position: int,
) -> None:
    market = bar_columns(rows)
    wishes, naive = prepared(profile, given_orders, drawn=drawn, trading=trading, position=position)
    run_naive(naive, market)

    world = {"drawn": drawn, "sessions": {SYMBOL: trading}, "positions": {SYMBOL: position}}
    found, ambiguous = simulated(profile, market, wishes, chunk, **world)

    assert sorted(found, key=repr) == sorted(naive.reports, key=repr)
    assert ambiguous == naive.ambiguous
    whole, _ = simulated(profile, market, wishes, len(market), **world)
    assert found == whole


def agrees(seed: int, *, on_bars: bool) -> None:
    """Hold core and twin to one busy world, whole and in chunks."""
    dice = Dice(seed)
    profile, trading = busy_profile(dice), busy_sessions(dice)
    given_orders = [busy_order(dice) for _ in range(dice.between(1, 7))]
    market = bar_columns(busy_bars(dice)) if on_bars else columns(busy_prints(dice))
    drawn, position, chunk = dice.is_one_in(2), dice.between(-4, 4), dice.between(1, 20)
    wishes, naive = prepared(profile, given_orders, drawn=drawn, trading=trading, position=position)
    run_naive(naive, market)

    world = {"drawn": drawn, "sessions": {SYMBOL: trading}, "positions": {SYMBOL: position}}
    found, ambiguous = simulated(profile, market, wishes, chunk, **world)

    assert sorted(found, key=repr) == sorted(naive.reports, key=repr)
    assert ambiguous == naive.ambiguous
    assert (found, ambiguous) == simulated(profile, market, wishes, len(market), **world)
    if profile.participation is not None:
        no_event_gives_more_than_its_volume(found, market)


def no_event_gives_more_than_its_volume(
    found: list[tuple[Any, ...]], market: TradeColumns | BarColumns
) -> None:
    """Hold all fills of one venue time to what traded by then and had not been used."""
    if isinstance(market, TradeColumns):
        times, volume = market.venue_time_ns, market.quantity_lots
    else:
        times, volume = market.close_time_ns, market.volume_lots
    taken = sum(dict(facts)["lots"] for kind, _, _, facts in found if kind == "fill")
    assert taken <= int(volume.sum())
    for until in times.tolist():
        by_then = sum(
            dict(facts)["lots"] for kind, _, at, facts in found if kind == "fill" and at <= until
        )
        # At a bar's close the fills of the next bar's open are stamped, too.
        seen = times <= until
        if not isinstance(market, TradeColumns):
            seen |= market.open_time_ns <= until
        assert by_then <= int(volume[seen].sum())


@THOROUGH
@given(st.integers(0, 2**32 - 1))
def test_busy_trades_are_matched_as_the_naive_twin_matches_them(seed: int) -> None:
    agrees(seed, on_bars=False)


@THOROUGH
@given(st.integers(0, 2**32 - 1))
def test_busy_bars_are_matched_as_the_naive_twin_matches_them(seed: int) -> None:
    agrees(seed, on_bars=True)


@pytest.mark.nightly
@pytest.mark.parametrize("start", range(0, 10_000, 500))
def test_ten_thousand_busy_worlds_are_matched_as_the_naive_twin_matches_them(start: int) -> None:
    for seed in range(start, start + 500):
        agrees(seed, on_bars=False)
        agrees(seed, on_bars=True)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_world_gives_the_same_reports_again(seed: int) -> None:
    dice = Dice(seed)
    profile = busy_profile(dice)
    wishes, _ = prepared(profile, [busy_order(dice) for _ in range(6)], drawn=True)
    market = bar_columns(busy_bars(dice)) if seed % 2 else columns(busy_prints(dice))

    first = simulated(profile, market, wishes, 3, drawn=True)

    assert first == simulated(profile, market, wishes, 3, drawn=True)


@THOROUGH
@given(st.integers(0, 2**32 - 1), st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal(1)]))
def test_no_print_gives_more_than_its_size(seed: int, share: Decimal) -> None:
    dice = Dice(seed)
    market = columns(busy_prints(dice))
    profile = SimulationProfile(name="conserving", fill_level=FillLevel.NAIVE, participation=share)
    given_orders = [busy_order(dice) for _ in range(6)]
    wishes, _ = prepared(profile, given_orders)
    taken: dict[int, int] = {}
    for kind, _, at, facts in simulated(profile, market, wishes, 7)[0]:
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
    order = an_order("d", decided, lots=40)
    order_there = {"name": "d", "arrival": decided, "sent": 0, "side": 1, "kind": "market"}
    naive = NaiveMatching(profile, [{**order_there, "lots": 40, "limit": None, "stop": None}], [])
    run_naive(naive, market)

    assert len(naive.minutes) > 110
    assert simulated(profile, market, [(decided, order)], 33)[0] == naive.reports


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_fees_are_rounded_half_up_at_the_profiles_digits(chunk: int) -> None:
    profile = SimulationProfile(
        name="fees", fill_level=FillLevel.NAIVE, taker_fee_rate=Decimal("0.00033"), fee_digits=2
    )
    market = columns([(1, 401, 5), (1, 402, 5)])
    order = an_order("d", START, lots=3)
    pieces = [market.rows(start, start + chunk) for start in range(0, 2, chunk)]
    venue = SimulatedVenue({SYMBOL: ES}, profile, {SYMBOL: HistoryMarket(pieces)})
    venue.place(order)

    (fill,) = [each for each in venue.advance(START + 9 * STEP) if isinstance(each, Fill)]

    # 3 · 100.25 · 0.00033 = 0.0992475, to cents 0.10
    assert fill.fee == 10**11
    assert msgspec.structs.asdict(fill)["price_ticks"] == 401
