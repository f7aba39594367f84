"""A run in compiled code is the run of the kernel's loop, and that of a strategy in Python.

The twin of `run_over_bars` and `run_over_trades` is the loop itself; that of `pack_words` unpacks
what it packed. The words of a strategy (`target`, `buy`, `sell`, `buy_limit`, `sell_limit`,
`buy_stop`, `sell_stop`, `cancel`) are said by `Mixed`, and in Python by `PlainMixed`.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any, ClassVar
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.compiled import (
    Mixed,
    MixedTrades,
    PlainMixed,
    Seldom,
    Turning,
    bars_like,
    facts_of,
    prints_like,
    run_of,
)
from tests.support.worlds import MINUTE, SECOND
from tieout.kernel import compiled as lane
from tieout.kernel.risk import RiskLimits
from tieout.market import _layout as core_at
from tieout.market import _running_layout as at
from tieout.market._packing_compiled import pack_words
from tieout.market.running import RunningRows
from tieout.model.blocks import Block, entries_of
from tieout.model.latencies import ConstantLatency
from tieout.model.profiles import (
    FillLevel,
    FundingRule,
    LimitRule,
    SimulationProfile,
    profile,
)

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "60"))
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TIEOUT_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LATENCIES = st.sampled_from([0, 1, SECOND // 2, 20 * SECOND, MINUTE, 90 * SECOND])


@st.composite
def profiles(draw: st.DrawFn) -> SimulationProfile:
    """Draw assumptions; those that a compiled run leaves to the loop as well."""
    response = draw(LATENCIES)
    slower = draw(st.sampled_from([-1, 0, 0, 7 * SECOND]))
    return SimulationProfile(
        name="random",
        fill_level=draw(st.sampled_from([FillLevel.NAIVE, FillLevel.FIXED, FillLevel.IMPACT])),
        spread_bps=Decimal(3),
        slippage_bps=draw(st.sampled_from([Decimal(0), Decimal(5), Decimal("33.3333")])),
        participation=draw(st.sampled_from([None, Decimal("0.1"), Decimal("0.01")])),
        limit_rule=draw(st.sampled_from(LimitRule)),
        entry_latency_ns=draw(LATENCIES),
        response_latency_ns=response,
        taker_fee_rate=draw(st.sampled_from([Decimal("0.0005"), Decimal("0.00033"), Decimal(0)])),
        maker_fee_rate=draw(st.sampled_from([Decimal("0.0002"), Decimal("-0.00025")])),
        fee_digits=draw(st.sampled_from([0, 2, 8, 12])),
        funding_rule=draw(st.sampled_from(FundingRule)),
        funding_interval_ns=7 * MINUTE,
        cancel_latency=draw(
            st.none()
            | st.builds(
                ConstantLatency,
                entry_ns=LATENCIES,
                matching_ns=st.just(0),
                response_ns=st.just(max(0, response + slower)),
            )
        ),
        stale_after_ns=draw(st.sampled_from([None, 2 * MINUTE])),
    )


LIMITS = st.builds(
    RiskLimits,
    order_notional_max=st.sampled_from([None, Decimal(405), Decimal(100_000)]),
    position_notional_max=st.sampled_from([None, None, Decimal(350), Decimal(1_200)]),
    open_orders_max=st.sampled_from([2, 5, 200]),
    orders_per_minute_max=st.sampled_from([2, 40, 100_000]),
    input_age_ns_max=st.sampled_from([SECOND, 60 * SECOND]),
)
STEPS = st.lists(
    st.tuples(st.integers(-2, 2), st.integers(0, 3), st.integers(0, 3), st.integers(0, 60)),
    min_size=5,
    max_size=80,
)
CHUNKS = st.sampled_from([1, 7, 30, 4096])


@relaxed
@given(
    steps=STEPS,
    profile=profiles(),
    limits=LIMITS,
    rows=CHUNKS,
    seed=st.integers(1, 50),
    every=st.integers(1, 4),
    delay=st.sampled_from([0, 3 * SECOND]),
)
def test_on_bars_all_three_are_the_same_run(
    steps: list[tuple[int, int, int, int]],
    profile: SimulationProfile,
    limits: RiskLimits,
    rows: int,
    seed: int,
    every: int,
    delay: int,
) -> None:
    moves, highs, lows, volumes = zip(*steps, strict=True)
    bars = bars_like(400 + np.cumsum(moves), highs, lows, volumes, delay_ns=delay)

    def made() -> Mixed:
        return Mixed(seed=seed, every=every)

    compiled = facts_of(run_of(made, bars, profile, rows=rows, limits=limits))
    looped = facts_of(run_of(made, bars, profile, lent=False, limits=limits))
    named = type("Mixed", (PlainMixed,), {})
    plain = facts_of(
        run_of(lambda: named(seed=seed, every=every), bars, profile, lent=False, limits=limits)
    )
    assert compiled == looped
    assert looped == plain


@relaxed
@given(
    steps=STEPS,
    profile=profiles(),
    limits=LIMITS,
    rows=CHUNKS,
    seed=st.integers(1, 50),
    every=st.integers(1, 4),
    delay=st.sampled_from([0, SECOND // 10]),
)
def test_on_prints_all_three_are_the_same_run(
    steps: list[tuple[int, int, int, int]],
    profile: SimulationProfile,
    limits: RiskLimits,
    rows: int,
    seed: int,
    every: int,
    delay: int,
) -> None:
    moves, gaps, _, volumes = zip(*steps, strict=True)
    tenths = [each * each * 60 for each in gaps]
    prints = prints_like(400 + np.cumsum(moves), tenths, volumes, delay_ns=delay)

    def made() -> MixedTrades:
        return MixedTrades(seed=seed, every=every)

    compiled = facts_of(run_of(made, prints, profile, rows=rows, limits=limits))
    looped = facts_of(run_of(made, prints, profile, lent=False, limits=limits))
    named = type("MixedTrades", (PlainMixed,), {})
    plain = facts_of(
        run_of(
            lambda: named(seed=seed, every=every, trades=True),
            prints,
            profile,
            lent=False,
            limits=limits,
        )
    )
    assert compiled == looped
    assert looped == plain


# What of a run says only where to look next, which may be known earlier or later; and addresses.
LOOKED = (at.WATCH, at.TOUCHES, at.KNOWN, at.AHEAD, at.SHORT_WAY, at.STEP, at.BLOCK)


class Watched(RunningRows):
    """Keeps what all cells were whenever compiled code came back, and says which way orders go.

    `waited` counts how often something had waited meanwhile: it does on the long way only.
    """

    short = 1
    kept: ClassVar[list[tuple[list[int], ...]]] = []
    waited: ClassVar[int] = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._run[at.SHORT_WAY] = self.short

    def go_on(self, until_row: int) -> int:
        reason = super().go_on(until_row)
        if reason == at.WANTS_ROWS:
            # In the middle of a row: what the long way tells next the short one has told.
            return reason
        run = self._run.copy()
        run[list(LOOKED)] = 0
        core = self._core.arrays()
        orders = core.state[core_at.ORDER_COUNT] * core_at.ORDER_WIDTH
        waiting, tracked = run[at.WAIT_COUNT], run[at.TRACKED_COUNT]
        recent = run[at.RATE_COUNT]
        self.kept.append(
            tuple(
                each.tolist()
                for each in (
                    run,
                    self._words[: run[at.WORDS]],
                    self._waiting[: waiting * at.WAIT_WIDTH],
                    self._tracked[: tracked * at.TRACK_WIDTH],
                    self._recent[:recent],
                    core.state,
                    core.orders[:orders],
                    core.ring,
                )
            )
        )
        type(self).waited += int(self._waiting.any())
        self._waiting[waiting * at.WAIT_WIDTH :] = 0
        return reason


def cells_of(short: int, *given: Any, piece: int = 7, **named: Any) -> tuple[Any, list[Any], int]:
    """Run, and return its facts, all cells as they were whenever it stopped, and what waited."""
    watched = type("WatchedRun", (Watched,), {"short": short, "kept": [], "waited": 0})
    with patch.object(lane, "RunningRows", watched), patch.object(lane, "_PIECE_ROWS", piece):
        facts = facts_of(run_of(*given, **named))
    return facts, watched.kept, watched.waited


NEAR = st.sampled_from([0, 0, 1, SECOND // 2, 20 * SECOND, 59 * SECOND, MINUTE])


@st.composite
def near_profiles(draw: st.DrawFn) -> SimulationProfile:
    """Draw assumptions under which most orders are over with the next bar."""
    return SimulationProfile(
        name="near",
        fill_level=draw(st.sampled_from([FillLevel.NAIVE, FillLevel.FIXED, FillLevel.IMPACT])),
        spread_bps=Decimal(3),
        slippage_bps=draw(st.sampled_from([Decimal(0), Decimal("33.3333")])),
        participation=draw(st.sampled_from([None, None, Decimal("0.1")])),
        limit_rule=LimitRule.THROUGH,
        entry_latency_ns=draw(NEAR),
        response_latency_ns=draw(NEAR),
        taker_fee_rate=Decimal("0.00033"),
        maker_fee_rate=Decimal("-0.00025"),
        fee_digits=draw(st.sampled_from([2, 8])),
        funding_rule=draw(st.sampled_from([FundingRule.NONE, *FundingRule])),
        funding_interval_ns=draw(st.sampled_from([MINUTE, 7 * MINUTE])),
        stale_after_ns=draw(st.sampled_from([None, None, MINUTE // 3, 2 * MINUTE])),
    )


@relaxed
@given(
    steps=STEPS,
    profile=near_profiles(),
    limits=LIMITS,
    rows=CHUNKS,
    seed=st.integers(1, 50),
    every=st.integers(1, 4),
    delay=st.sampled_from([0, 0, 3 * SECOND]),
)
def test_an_order_that_is_alone_goes_the_short_way_as_it_goes_the_long_one(
    steps: list[tuple[int, int, int, int]],
    profile: SimulationProfile,
    limits: RiskLimits,
    rows: int,
    seed: int,
    every: int,
    delay: int,
) -> None:
    moves, highs, lows, volumes = zip(*steps, strict=True)
    bars = bars_like(400 + np.cumsum(moves), highs, lows, volumes, delay_ns=delay)

    def made() -> Seldom:
        return Seldom(seed=seed, every=every)

    short, short_cells, _ = cells_of(1, made, bars, profile, rows=rows, limits=limits)
    long, long_cells, _ = cells_of(0, made, bars, profile, rows=rows, limits=limits)
    looped = facts_of(run_of(made, bars, profile, lent=False, limits=limits))

    assert short_cells == long_cells
    assert short == long == looped


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"fill_level": FillLevel.IMPACT, "participation": Decimal("0.1")},
        {"entry_latency_ns": 20 * SECOND, "response_latency_ns": SECOND},
        {"stale_after_ns": MINUTE},
        {"funding_rule": FundingRule.SIGNED, "funding_interval_ns": 7 * MINUTE},
    ],
    ids=["plain", "impact", "inside", "stale", "funding"],
)
def test_most_orders_go_the_short_way(terms: dict[str, Any]) -> None:
    draw = np.random.default_rng(5)
    bars = bars_like(
        4_000 + np.cumsum(draw.integers(-2, 3, 400)),
        draw.integers(0, 4, 400),
        draw.integers(0, 4, 400),
        draw.integers(60, 90, 400),
        delay_ns=3 * SECOND if "entry_latency_ns" in terms else 0,
    )
    assumed = msgspec.structs.replace(profile("zero-latency"), **terms)

    facts, _, waited = cells_of(1, Turning, bars, assumed, piece=5)
    _, _, waited_long = cells_of(0, Turning, bars, assumed, piece=5)

    assert facts["counts"] == (80, 80)
    assert waited_long >= 80
    # Funding is due in every seventh bar, and then the long way is gone.
    assert waited == 0 or ("funding_rule" in terms and waited < waited_long / 2)


@pytest.mark.parametrize(
    "terms",
    [
        {"funding_rule": FundingRule.SIGNED, "funding_interval_ns": MINUTE},
        {"funding_rule": FundingRule.AGAINST, "funding_interval_ns": 7 * MINUTE},
        {"participation": Decimal("0.05"), "fill_level": FillLevel.IMPACT},
        {"entry_latency_ns": 40 * SECOND, "stale_after_ns": 20 * SECOND},
        {"entry_latency_ns": 40 * SECOND, "response_latency_ns": 3 * SECOND},
        {"entry_latency_ns": 40 * SECOND, "response_latency_ns": 3 * SECOND + 1},
        {"entry_latency_ns": 57 * SECOND},
    ],
    ids=["every bar", "at times", "share", "stale", "just known", "not yet known", "at the close"],
)
def test_where_the_short_way_ends_both_are_the_same_run(terms: dict[str, Any]) -> None:
    draw = np.random.default_rng(6)
    bars = bars_like(
        4_000 + np.cumsum(draw.integers(-2, 3, 300)),
        draw.integers(0, 4, 300),
        draw.integers(0, 4, 300),
        draw.integers(0, 90, 300),
        delay_ns=3 * SECOND if "entry_latency_ns" in terms else 0,
    )
    assumed = msgspec.structs.replace(profile("zero-latency"), **terms)

    def made() -> Seldom:
        return Seldom(seed=3, every=2)

    short, short_cells, waited = cells_of(1, made, bars, assumed)
    long, long_cells, waited_long = cells_of(0, made, bars, assumed)

    assert short_cells == long_cells
    assert short == long == facts_of(run_of(made, bars, assumed, lent=False))
    assert waited <= waited_long
    assert short["counts"][1] > 60


ENTRIES = st.sampled_from(
    [
        (at.PLACED, at.PLACED_WORDS),
        (at.CANCELLED, at.CANCELLED_WORDS),
        (11, at.REPORT_WORDS),
        (12, 4),
        (13, 6),
        (14, 6),
        (15, 6),
        (16, 7),
        (17, 4),
    ]
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200)


@given(data=st.data(), revised=st.booleans())
def test_packed_words_are_unpacked_to_the_same(data: st.DataObject, revised: bool) -> None:
    entries: list[list[int]] = []
    for kind, length in data.draw(st.lists(ENTRIES, max_size=12)):
        size = length - 1
        entries.append([kind, *data.draw(st.lists(NUMBERS, min_size=size, max_size=size))])
    # Differences wrap in int64 as sums do; what is journaled stays far from its ends.
    bounded = [[each[0], *(word >> 1 for word in each[1:])] for each in entries]
    words = np.array([word for each in bounded for word in each], np.int64)
    packed = np.zeros(10 * len(words) + 1, np.uint8)
    kept = np.zeros(at.KINDS * at.KEPT_WIDTH, np.int64)

    used = pack_words(words, len(words), packed, 0, kept, int(revised))

    assert list(entries_of(a_block(packed[:used].tobytes(), revised=revised))) == bounded


def a_block(words: bytes, **terms: Any) -> Block:
    return Block(
        strategy="Mixed",
        instrument="ES",
        currency="USD",
        origin="bar:1m:ES",
        resolution="1m",
        funding_rate="0",
        known=(),
        words=words,
        **terms,
    )


@pytest.mark.parametrize("length", [at.PLACED_WORDS, at.REPORT_WORDS])
def test_an_entry_has_room_for_its_last_words(length: int) -> None:
    assert length <= at.KEPT_WIDTH
