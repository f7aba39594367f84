"""The watch over a shared account finds what a look at every row finds, on random markets."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.cross_margin import Seen, naive_watch
from tests.support.shared_account import SharedRun, cross
from tests.support.worlds import MINUTE, SECOND, T0
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import MarginWarned, OrderImposed
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.profiles import FillLevel, FundingRule

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "300"))
THOROUGH = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)

BRACKETS = (
    MarginBracket(initial_rate=Decimal("0.02"), maintenance_rate=Decimal("0.011")),
    MarginBracket(
        from_notional=Decimal(7_000),
        initial_rate=Decimal("0.02"),
        maintenance_rate=Decimal("0.017"),
    ),
    MarginBracket(
        from_notional=Decimal(20_000),
        initial_rate=Decimal("0.03"),
        maintenance_rate=Decimal("0.03"),
    ),
)
STEP = 5 * SECOND

walks = st.lists(st.integers(-120, 120), min_size=3, max_size=40)


@st.composite
def markets(draw: st.DrawFn) -> dict[str, Any]:
    """Return two to four markets of prints or bars, each with a delay of its own.

    Some follow each other, so that one gains what another loses.
    """
    symbols = draw(st.permutations(["A", "B", "C", "D"]))[: draw(st.integers(2, 4))]
    shared = draw(walks)
    made = {}
    for symbol in symbols:
        steps = shared if draw(st.booleans()) else draw(walks)
        prices = 4000 + np.cumsum(np.asarray(steps, np.int64))
        delay = draw(st.sampled_from([0, 0, SECOND, 3 * SECOND, 2 * MINUTE]))
        if draw(st.booleans()):
            made[symbol] = _prints(symbol, prices, draw(st.sampled_from([1, 3, 5, 7])), delay)
        else:
            made[symbol] = _bars(symbol, prices, delay, draw(st.integers(0, 15)))
    return made


@st.composite
def terms(draw: st.DrawFn) -> MarginTerms:
    """Return brackets, and perhaps a share at which the venue warns."""
    return MarginTerms(
        mode=MarginMode.CROSS,
        brackets=BRACKETS[: draw(st.integers(1, 3))],
        liquidation_fee_rate=draw(st.sampled_from([Decimal(0), Decimal("0.004")])),
        warning_ratio=draw(st.sampled_from([None, Decimal("0.8"), Decimal("0.3")])),
    )


plans = st.dictionaries(
    st.integers(1, 60),
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(-9, 9).filter(bool),
            st.sampled_from([{}, {"limit": 995}]),
        ),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=8,
)


@THOROUGH
@given(
    markets(),
    terms(),
    plans,
    st.integers(1, 50),
    st.integers(100, 900),
    st.lists(st.integers(-9, 9), min_size=4, max_size=4),
    st.sampled_from([0, 0, SECOND, 40 * SECOND]),
    st.sampled_from([None, Decimal("0.3")]),
    st.sampled_from([FundingRule.NONE, FundingRule.SIGNED]),
)
@pytest.mark.slow
def test_the_account_is_over_where_a_look_at_every_row_finds_it(
    given_markets: dict[str, Any],
    given_terms: MarginTerms,
    plan: dict[int, list[tuple[int, int, dict[str, int]]]],
    rows: int,
    cash: int,
    held: list[int],
    response_ns: int,
    participation: Decimal | None,
    funding: FundingRule,
) -> None:
    symbols = sorted(given_markets)
    named = {
        row: [(symbols[place % len(symbols)], lots, rest) for place, lots, rest in wishes]
        for row, wishes in plan.items()
    }
    assumed = cross(
        given_terms,
        fill_level=FillLevel.FIXED,
        spread_bps=Decimal(0),
        response_latency_ns=response_ns,
        participation=participation,
        funding_rule=funding,
        funding_rate=Decimal("0.003"),
        funding_interval_ns=5 * MINUTE,
        taker_fee_rate=Decimal("0.0005"),
    )
    start = [(each, lots, 4000) for each, lots in zip(symbols, held, strict=False) if lots]

    def run(columns: dict[str, Any], rows: int) -> SharedRun:
        return SharedRun(columns, named, assumed, cash=cash, rows=rows, held=start)

    watched = run(given_markets, 10**9)
    found = _found(watched)
    told = [each for each in watched.journal.inputs if hasattr(each, "venue_time_ns")]
    told = [each for each in told if not isinstance(each, MarginWarned | OrderImposed)]
    naive = naive_watch(
        given_terms,
        watched.instruments,
        given_markets,
        told,
        cash=watched.cash,
        positions=watched.start,
        response_ns=response_ns,
    )
    # They are told as they become known; what happened later may be known sooner.
    naive.sort(key=lambda each: (each.arrival, each.time))
    assert found == [each for each in naive if each.arrival <= _end(given_markets)]
    watched.kernel.ledger.check()

    # However the rows are cut; and in whatever order the markets are looked at, but for what is
    # told first of what came about at one time.
    assert run(given_markets, rows).journal.records == watched.journal.records
    other = run(dict(reversed(given_markets.items())), rows)
    assert _found(other) == found
    assert other.kernel.ledger.accounts() == watched.kernel.ledger.accounts()


def _found(run: SharedRun) -> list[Seen]:
    return [
        Seen(
            "warned", each.arrival_time_ns, each.venue_time_ns, each.instrument, each.position_lots
        )
        if isinstance(each, MarginWarned)
        else Seen(
            "closed",
            each.arrival_time_ns,
            each.venue_time_ns,
            each.order.instrument,
            -each.order.side * each.order.lots,
        )
        for each in run.of(MarginWarned | OrderImposed)
    ]


def _end(columns: dict[str, Any]) -> int:
    return max(int(each.arrival_time_ns[-1]) for each in columns.values()) + 30 * MINUTE


def _prints(symbol: str, prices: Any, seconds: int, delay: int) -> TradeColumns:
    when = T0 + seconds * STEP * np.arange(1, len(prices) + 1, dtype=np.int64)
    return TradeColumns(
        symbol,
        when,
        when + delay,
        prices,
        np.full(len(prices), 10, np.int64),
        np.zeros(len(prices), np.int8),
        np.arange(1, len(prices) + 1, dtype=np.int64),
    )


def _bars(symbol: str, prices: Any, delay: int, more: int) -> BarColumns:
    opens = np.concatenate((prices[:1], prices[:-1]))
    opened = T0 + MINUTE * np.arange(len(prices), dtype=np.int64)
    return BarColumns(
        symbol,
        MINUTE,
        opened,
        opened + MINUTE,
        opened + MINUTE + delay,
        opens,
        np.maximum(opens, prices) + more,
        np.minimum(opens, prices) - more,
        prices,
        np.full(len(prices), 100, np.int64),
        np.zeros(len(prices), np.int64),
        np.zeros(len(prices), np.bool_),
    )
