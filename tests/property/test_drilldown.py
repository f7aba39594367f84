"""Drilling down gives what matching on every row gives, whatever was opened on the way."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest import mock

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.support.stacks import (
    START,
    any_wishes,
    bars_of,
    prints,
    reports_of,
    stacked,
    venue_on,
    whole,
    wishes_of,
)
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL
from tieout.market.bounds import bar_bounds
from tieout.model.events import Fill, Split
from tieout.model.orders import CancelOrder
from tieout.model.profiles import FillLevel, FundingRule, LimitRule, SimulationProfile
from tieout.model.splits import Ratio, order_after

if TYPE_CHECKING:
    from tieout.model.columns import MarketColumns, TradeColumns

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))
TENTH = SECOND // 10
HOUR = 60 * MINUTE
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def ticks(low: int, high: int) -> st.SearchStrategy[int]:
    """Return prices that meet often, of ticks fine enough for any change of impact to show."""
    return st.integers(low, high).map(lambda step: 1_000 * step)


profiles = st.builds(
    SimulationProfile,
    name=st.just("random"),
    fill_level=st.just(FillLevel.DRILLDOWN),
    spread_bps=st.sampled_from([Decimal(0), Decimal(3)]),
    slippage_bps=st.sampled_from([Decimal(0), Decimal(5)]),
    impact_y=st.sampled_from([0.0, 1.0, 2.5]),
    participation=st.sampled_from([None, Decimal("0.1"), Decimal("0.5"), Decimal(1)]),
    limit_rule=st.sampled_from(LimitRule),
    entry_latency_ns=st.sampled_from([0, 3 * TENTH, 7 * SECOND]),
    response_latency_ns=st.sampled_from([0, TENTH, 4 * SECOND]),
    bar_delay_ns=st.just(3 * SECOND),
    trade_delay_ns=st.sampled_from([0, TENTH, 5 * SECOND]),
    funding_rule=st.sampled_from(FundingRule),
    funding_interval_ns=st.sampled_from([2 * MINUTE, 90 * SECOND, 47 * SECOND]),
)
steps = st.one_of(
    st.integers(0, 3).map(lambda tenths: tenths * TENTH),
    st.integers(0, 40).map(lambda seconds: seconds * SECOND),
    st.integers(1, 9).map(lambda minutes: minutes * MINUTE),
)
print_rows = st.lists(
    st.tuples(steps, ticks(398, 403), st.integers(1, 30)), min_size=1, max_size=80
)
order_rows = st.lists(
    st.tuples(
        st.one_of(
            st.integers(0, 300).map(lambda seconds: seconds * SECOND),
            st.integers(0, 9_000).map(lambda tenths: tenths * TENTH),
            st.integers(0, 4_000).map(lambda seconds: seconds * SECOND),
        ),
        st.sampled_from([1, -1]),
        st.sampled_from(["market", "limit", "stop"]),
        st.integers(1, 6),
        ticks(397, 404),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 90).map(lambda seconds: seconds * SECOND)),
    ),
    max_size=7,
)
down_to_prints = st.sampled_from(
    [
        (MINUTE,),
        (MINUTE, SECOND),
        (5 * MINUTE, MINUTE),
        (5 * MINUTE, MINUTE, 10 * SECOND, TENTH),
        (10 * MINUTE,),
        (10 * SECOND, SECOND),
    ]
)
down_to_bars = st.sampled_from(
    [(MINUTE, SECOND), (5 * MINUTE, MINUTE), (5 * MINUTE, MINUTE, 10 * SECOND), (MINUTE, TENTH)]
)


@relaxed
@given(
    profiles,
    print_rows,
    order_rows,
    down_to_prints,
    st.sampled_from([1, 2, 7, 1_000]),
    st.sampled_from([0, 3, -2]),
)
def test_down_to_prints_it_is_the_run_on_all_prints(
    profile: SimulationProfile,
    rows: list[tuple[int, int, int]],
    given_orders: list[Any],
    lengths: tuple[int, ...],
    chunk: int,
    position: int,
) -> None:
    trades = prints(rows, delay_ns=profile.trade_delay_ns)
    levels = [bars_of(trades, each, delay_ns=profile.bar_delay_ns) for each in lengths]
    wishes = wishes_of(given_orders)

    drilled = venue_on(profile, stacked(*levels, trades, chunk=chunk), position=position)
    fine = venue_on(profile, whole(trades, chunk=chunk), position=position)

    assert reports_of(drilled, wishes) == reports_of(fine, wishes)


@relaxed
@given(
    profiles,
    print_rows,
    order_rows,
    down_to_bars,
    st.sampled_from([1, 2, 7, 1_000]),
    st.sampled_from([0, 3, -2]),
)
def test_down_to_bars_it_is_the_run_on_all_of_the_finest_bars(
    profile: SimulationProfile,
    rows: list[tuple[int, int, int]],
    given_orders: list[Any],
    lengths: tuple[int, ...],
    chunk: int,
    position: int,
) -> None:
    trades = prints(rows)
    levels: list[MarketColumns] = [
        bars_of(trades, each, delay_ns=profile.bar_delay_ns) for each in lengths
    ]
    wishes = wishes_of(given_orders)

    drilled = venue_on(profile, stacked(*levels, chunk=chunk), position=position)  # type: ignore[arg-type]
    fine = venue_on(profile, whole(levels[-1], chunk=chunk), position=position)

    assert reports_of(drilled, wishes) == reports_of(fine, wishes)


splits = st.sampled_from([Ratio(7, 1), Ratio(3, 2), Ratio(1, 10)])


@settings(relaxed, max_examples=max(1, EXAMPLES // 4))
@given(
    profiles,
    print_rows,
    print_rows,
    order_rows,
    order_rows,
    st.one_of(down_to_prints.map(lambda each: (*each, 0)), down_to_bars),
    splits,
    st.integers(0, 600).map(lambda tenths: tenths * TENTH),
    st.sampled_from([1, 2, 7, 1_000]),
    st.sampled_from([0, 30, -20]),
)
def test_over_a_split_it_is_the_run_on_the_finest_rows(
    profile: SimulationProfile,
    before: list[tuple[int, int, int]],
    after: list[tuple[int, int, int]],
    early: list[Any],
    late: list[Any],
    lengths: tuple[int, ...],
    ratio: Ratio,
    within_ns: int,
    chunk: int,
    position: int,
) -> None:
    # Nothing trades from the split until it is known, wherever in a bar that is.
    last_ns = START + sum(step for step, _, _ in before)
    at_ns = last_ns + within_ns + TENTH
    known_ns = at_ns + profile.action_delay_ns
    step, _, lots = after[0]
    scaled = [(each, max(1, price * ratio.old // ratio.new), many) for each, price, many in after]
    scaled[0] = (known_ns - last_ns + TENTH + step, scaled[0][1], lots)
    trades = prints([*before, *scaled], delay_ns=profile.trade_delay_ns)
    every = [
        bars_of(trades, each, delay_ns=profile.bar_delay_ns) if each else trades for each in lengths
    ]
    action = Split(
        instrument=SYMBOL,
        new=ratio.new,
        old=ratio.old,
        venue_time_ns=at_ns,
        arrival_time_ns=known_ns,
    )
    wishes = [
        *((at, each) for at, each in wishes_of(early) if at < at_ns),
        *(
            (at + known_ns - START, _of_after(each, ratio, by_ns=known_ns - START))
            for at, each in wishes_of(late)
        ),
        (known_ns, lambda venue: venue.act(action, held_lots=0, past=False)),
    ]
    wishes.sort(key=lambda each: each[0])

    drilled = venue_on(profile, stacked(*every, chunk=chunk), position=position)  # type: ignore[arg-type]
    fine = venue_on(profile, whole(every[-1], chunk=chunk), position=position)

    assert reports_of(drilled, wishes) == reports_of(fine, wishes)
    assert drilled._markets[SYMBOL].core.position_lots == fine._markets[SYMBOL].core.position_lots


def _of_after(wish: Any, ratio: Ratio, *, by_ns: int) -> Any:
    """Return a wish as it is made after a split, so much later."""
    named = {"decision_id": f"late-{wish.decision_id}", "decided_at_ns": wish.decided_at_ns + by_ns}
    if isinstance(wish, CancelOrder):
        of_order = f"late-{wish.order_decision_id}"
        return msgspec.structs.replace(wish, order_decision_id=of_order, **named)
    scaled = order_after(msgspec.structs.replace(wish, **named), 0, ratio)
    return msgspec.structs.replace(scaled, lots=wish.lots)


def prints_known_after(trades: TradeColumns, delay_ns: int) -> TradeColumns:
    """Return prints that arrive so much later."""
    return replace(trades, arrival_time_ns=trades.venue_time_ns + delay_ns)


def a_long_market(seed: int, hours: int = 8) -> tuple[TradeColumns, list[Any]]:
    """Return prints of a walk with busy and empty minutes, and orders now and then."""
    draw = np.random.default_rng(seed)
    count = 400 * hours
    steps = draw.exponential(9 * 10, count).astype(np.int64) * TENTH
    steps[draw.integers(0, count, 12)] += 7 * MINUTE
    price = 400_000 + np.cumsum(draw.integers(-160, 161, count))
    sizes = draw.integers(1, 40, count)
    trades = prints(list(zip(steps.tolist(), price.tolist(), sizes.tolist(), strict=True)))
    orders = [
        (
            int(draw.integers(0, hours * 36_000)) * TENTH,
            int(draw.choice([1, -1])),
            str(draw.choice(["market", "limit", "stop"])),
            int(draw.integers(1, 60)),
            int(price[draw.integers(0, count)]),
            bool(draw.integers(0, 8) == 0),
            int(draw.integers(1, 40_000)) * TENTH if draw.integers(0, 2) else None,
        )
        for _ in range(30)
    ]
    return trades, orders


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "lengths", [(MINUTE,), (5 * MINUTE,), (60 * MINUTE, 5 * MINUTE, MINUTE, SECOND), (10 * SECOND,)]
)
def test_statistics_of_what_was_passed_over_are_as_if_it_had_been_met(
    seed: int, lengths: tuple[int, ...]
) -> None:
    trades, given_orders = a_long_market(seed)
    profile = SimulationProfile(
        name="long",
        fill_level=FillLevel.DRILLDOWN,
        impact_y=3.0,
        participation=Decimal("0.5") if seed % 2 else None,
        funding_rule=FundingRule.SIGNED,
        funding_interval_ns=25 * MINUTE,
    )
    levels = [bars_of(trades, each) for each in lengths]
    wishes = wishes_of(given_orders)

    drilled = venue_on(profile, stacked(*levels, trades, chunk=50))
    fine = venue_on(profile, whole(trades, chunk=333))

    assert reports_of(drilled, wishes) == reports_of(fine, wishes)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lengths", [(5 * MINUTE, MINUTE), (60 * MINUTE, 5 * MINUTE, 10 * SECOND)])
def test_statistics_of_the_finest_bars_are_those_of_all_of_them(
    seed: int, lengths: tuple[int, ...]
) -> None:
    trades, given_orders = a_long_market(seed)
    profile = SimulationProfile(name="long", fill_level=FillLevel.DRILLDOWN, impact_y=3.0)
    levels = [bars_of(trades, each, delay_ns=SECOND) for each in lengths]
    wishes = wishes_of(given_orders)

    drilled = venue_on(profile, stacked(*levels, chunk=50))
    fine = venue_on(profile, whole(levels[-1], chunk=333))

    assert reports_of(drilled, wishes) == reports_of(fine, wishes)


rich = st.builds(
    SimulationProfile,
    name=st.just("rich"),
    fill_level=st.just(FillLevel.DRILLDOWN),
    spread_bps=st.sampled_from([Decimal(0), Decimal(3)]),
    slippage_bps=st.sampled_from([Decimal(0), Decimal(5)]),
    impact_y=st.sampled_from([0.0, 2.5]),
    participation=st.sampled_from([None, Decimal("0.1"), Decimal(1)]),
    limit_rule=st.sampled_from(LimitRule),
    entry_latency_ns=st.sampled_from([0, 3 * TENTH]),
    response_latency_ns=st.sampled_from([0, TENTH]),
    trade_delay_ns=st.sampled_from([0, TENTH, 5 * SECOND]),
    bar_delay_ns=st.just(3 * SECOND),
    funding_rule=st.sampled_from(FundingRule),
    funding_interval_ns=st.sampled_from([25 * MINUTE, 47 * SECOND]),
    stale_after_ns=st.sampled_from([None, 2 * MINUTE]),
)
SESSIONS = [
    (START + 20 * MINUTE, START + 50 * MINUTE),
    (START + 55 * MINUTE, START + 85 * MINUTE + 13 * SECOND),
    (START + 100 * MINUTE, START + 400 * MINUTE),
]


@settings(relaxed, max_examples=max(10, EXAMPLES // 2))
@given(
    rich,
    st.integers(0, 10**6),
    st.sampled_from(
        [(MINUTE,), (MINUTE, SECOND), (5 * MINUTE, MINUTE), (60 * MINUTE, 10 * MINUTE)]
    ),
    st.booleans(),
    st.booleans(),
)
def test_every_kind_of_order_meets_what_it_would_have_met(
    profile: SimulationProfile, seed: int, lengths: tuple[int, ...], to_bars: bool, closes: bool
) -> None:
    draw = np.random.default_rng(seed)
    found, _ = a_long_market(seed, hours=2)
    trades = prints_known_after(found, profile.trade_delay_ns)
    levels: list[Any] = [bars_of(trades, each, delay_ns=profile.bar_delay_ns) for each in lengths]
    if not to_bars or len(levels) == 1:
        levels.append(trades)
    wishes = any_wishes(
        draw,
        trades.price_ticks.tolist(),
        span_ns=150 * MINUTE,
        count=int(draw.integers(1, 9)),
        closes=closes,
    )
    sessions = SESSIONS if closes else ()

    drilled = venue_on(profile, stacked(*levels, chunk=37), sessions=sessions)
    fine = venue_on(profile, whole(levels[-1], chunk=333), sessions=sessions)

    assert reports_of(drilled, wishes) == reports_of(fine, wishes)


bounded = st.builds(
    SimulationProfile,
    name=st.just("bounded"),
    fill_level=st.just(FillLevel.DRILLDOWN),
    spread_bps=st.sampled_from([Decimal(0), Decimal(3)]),
    slippage_bps=st.sampled_from([Decimal(0), Decimal(5)]),
    impact_y=st.sampled_from([0.0, 1.0]),
    participation=st.sampled_from([None, Decimal("0.1"), Decimal("0.5"), Decimal(1)]),
    limit_rule=st.sampled_from(LimitRule),
)
inside_rows = st.lists(
    st.tuples(
        st.integers(0, 20).map(lambda seconds: seconds * SECOND),
        ticks(398, 403),
        st.integers(1, 30),
    ),
    min_size=1,
    max_size=12,
)
inside_orders = st.lists(
    st.tuples(
        st.integers(0, 115).map(lambda seconds: seconds * SECOND),
        st.sampled_from([1, -1]),
        st.sampled_from(["market", "limit", "stop"]),
        st.integers(1, 6),
        ticks(397, 404),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 60).map(lambda seconds: seconds * SECOND)),
    ),
    max_size=4,
)


@relaxed
@given(bounded, inside_rows, inside_orders)
def test_the_truth_of_an_unresolved_bar_lies_within_its_bounds(
    profile: SimulationProfile, rows: list[tuple[int, int, int]], given_orders: list[Any]
) -> None:
    """One minute of prints before, which resolves, and one of which only the bar is known."""
    before = [(SECOND, 400_000, 20), (29 * SECOND, 401_000, 20), (10 * SECOND, 400_000, 20)]
    first = prints([*before, (20 * SECOND + rows[0][0] % MINUTE, *rows[0][1:]), *rows[1:]])
    minute = first.venue_time_ns // MINUTE
    trades = first.rows(0, int(np.searchsorted(minute, minute[0] + 2)))
    coarse = bars_of(trades, MINUTE)
    known = trades.rows(0, len(before))
    wishes = wishes_of(given_orders)
    end = int(coarse.close_time_ns[-1])

    unsure = venue_on(profile, stacked(coarse, known))
    raw: list[tuple[int, int]] = []

    def bounds_kept(*arguments: Any, **more: Any) -> tuple[int, int]:
        raw.append(bar_bounds(*arguments, **more))
        return raw[-1]

    with mock.patch("tieout.market.drilldown.bar_bounds", bounds_kept):
        told = reports_of(unsure, wishes)
    truth = reports_of(venue_on(profile, stacked(coarse, trades)), wishes)

    bounds = unsure.certainty.bounds
    assert bounds is not None
    earned, taken = (
        sum(
            each.side * ES.notional(each.lots, int(coarse.close_ticks[-1]) - each.price_ticks)
            for each in reports
            if isinstance(each, Fill) and START + MINUTE <= each.venue_time_ns <= end
        )
        for reports in (truth, told)
    )
    if unsure.certainty.unresolved_bars:
        # Before anything is put right by what was taken.
        ((worst, best),) = raw
        assert ES.notional(worst, 1) <= earned <= ES.notional(best, 1)
        assert ES.notional(worst, 1) <= bounds.taken <= ES.notional(best, 1)
        assert (bounds.worst, bounds.taken) == (ES.notional(worst, 1), taken)
        event(f"width {bounds.best - bounds.worst > 0}")
    else:
        assert earned == taken
