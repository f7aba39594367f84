"""On a book too, a run in compiled code is the run of the kernel's loop, and one in Python.

The twin of `run_timer` is the loop itself. `buy_post_only` and `sell_post_only` are said by
`Quoting`, and in Python by `PlainQuoting`.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.compiled import facts_of
from tests.support.compiled_books import (
    MILLISECOND,
    PlainQuoting,
    Quoting,
    book_run,
    made_book,
)
from tieout.kernel.risk import RiskLimits
from tieout.model.latencies import ConstantLatency
from tieout.model.profiles import FillLevel, FundingRule, SimulationProfile

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "60"))
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TIEOUT_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LATENCIES = st.sampled_from([0, 1, MILLISECOND, 10 * MILLISECOND, 35 * MILLISECOND])


@st.composite
def profiles(draw: st.DrawFn) -> SimulationProfile:
    """Draw assumptions of level `book`; those that a compiled run leaves to the loop as well."""
    response = draw(LATENCIES)
    slower = draw(st.sampled_from([-1, 0, 0, 7 * MILLISECOND]))
    return SimulationProfile(
        name="random",
        fill_level=FillLevel.BOOK,
        queue=draw(st.sampled_from(["pessimistic", "power-2", "log-share"])),
        feed_latency_ns_max=draw(st.sampled_from([0, 5 * MILLISECOND, 1_000 * MILLISECOND])),
        entry_latency_ns=draw(LATENCIES),
        response_latency_ns=response,
        taker_fee_rate=draw(st.sampled_from([Decimal("0.0005"), Decimal("0.00033")])),
        maker_fee_rate=draw(st.sampled_from([Decimal("0.0002"), Decimal("-0.00025")])),
        fee_digits=draw(st.sampled_from([0, 2, 8, 12])),
        funding_rule=draw(st.sampled_from(FundingRule)),
        funding_interval_ns=700 * MILLISECOND,
        cancel_latency=draw(
            st.none()
            | st.builds(
                ConstantLatency,
                entry_ns=LATENCIES,
                matching_ns=st.just(0),
                response_ns=st.just(max(0, response + slower)),
            )
        ),
    )


LIMITS = st.builds(
    RiskLimits,
    order_notional_max=st.sampled_from([None, None, Decimal(100_000)]),
    position_notional_max=st.sampled_from([None, None, Decimal(5_000)]),
    open_orders_max=st.sampled_from([4, 200, 200]),
    orders_per_minute_max=st.sampled_from([40, 100_000, 100_000]),
)
CHUNKS = st.sampled_from([1, 7, 30, 500, 4096])


@relaxed
@given(
    seed=st.integers(1, 10_000),
    profile=profiles(),
    limits=LIMITS,
    rows=st.tuples(CHUNKS, CHUNKS),
    delay=st.sampled_from([0, 3 * MILLISECOND]),
    split=st.booleans(),
    rest=st.sampled_from([0, 1, 25 * MILLISECOND]),
)
def test_when_a_timer_asks_all_three_are_the_same_run(
    seed: int,
    profile: SimulationProfile,
    limits: RiskLimits,
    rows: tuple[int, int],
    delay: int,
    split: bool,
    rest: int,
) -> None:
    book = made_book(500, seed, delay_ns=delay, split=split)

    def made() -> Quoting:
        return Quoting(seed=seed)

    terms: dict[str, Any] = {"limits": limits, "rest_ns": rest}
    compiled = facts_of(book_run(made, book, profile, rows=rows, **terms))
    looped = facts_of(book_run(made, book, profile, lent=False, **terms))
    plain = facts_of(book_run(lambda: plain_one(seed), book, profile, lent=False, **terms))

    assert compiled == looped
    assert plain == looped


def plain_one(seed: int) -> PlainQuoting:
    """Return the strategy in Python under the compiled one's name, which is part of every id."""
    made = type("Quoting", (PlainQuoting,), {})
    return made(seed=seed)  # type: ignore[no-any-return]
