"""Statistics by a stated convention: days of a zone, what is left out, and when nothing is said."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import msgspec
import pytest

from tieout.errors import SettingsError
from tieout.reconcile.figures import Slippage
from tieout.reconcile.statistics import (
    LEAN,
    OURS,
    RunStatistics,
    Yearly,
    sharpe,
    statistics_of,
)
from tieout.reconcile.summary import RoundTrip, RunSummary

HOUR = 3600 * 10**9
DAY = 24 * HOUR
THURSDAY = 16_002 * DAY
"""2013-10-24 00:00 UTC, when it is still Wednesday in New York."""

DAILY = msgspec.structs.replace(OURS, name="daily", fewest_returns=2)
COMPOUNDED = msgspec.structs.replace(DAILY, name="compounded", yearly=Yearly.COMPOUNDED)


def a_summary(
    *equity: tuple[int, int],
    trips: tuple[int, ...] = (),
    traded: tuple[tuple[int, int], ...] = (),
) -> RunSummary:
    made = [
        RoundTrip(
            instrument="A",
            side=1,
            opened_ns=THURSDAY,
            closed_ns=THURSDAY + number,
            lots=1,
            entry_ticks=Fraction(1),
            exit_ticks=Fraction(1),
            fees=0,
            profit=profit,
        )
        for number, profit in enumerate(trips)
    ]
    nothing = Slippage(total=0, delay=0, half_spread=0, impact=0, missed=0, notional=0)
    return RunSummary(
        currency="USD",
        started_ns=equity[0][0],
        ended_ns=equity[-1][0],
        start_equity=equity[0][1],
        end_equity=equity[-1][1],
        profit=0,
        gain=None,
        fees=0,
        funding=0,
        turnover=0,
        drawdown=0,
        drawdown_share=Fraction(1, 8),
        sharpe=None,
        orders=0,
        denied=0,
        rejected=0,
        fills=0,
        trips=tuple(made),
        win_rate=None,
        profit_factor=None,
        exposure=None,
        slippage=nothing,
        equity=equity,
        traded=traded,
    )


THREE_DAYS = (
    (THURSDAY, 100),
    (THURSDAY + DAY, 110),
    (THURSDAY + 2 * DAY, 99),
    (THURSDAY + 3 * DAY, 108),
)


def test_a_price_at_midnight_belongs_to_the_day_before() -> None:
    found = statistics_of(a_summary(*THREE_DAYS), convention=DAILY)

    assert found.returns == pytest.approx((0.1, -0.1, 1 / 11))


def test_lean_leaves_out_the_first_day() -> None:
    utc = msgspec.structs.replace(LEAN, zone="UTC")

    assert statistics_of(a_summary(*THREE_DAYS), convention=utc).returns == pytest.approx(
        (-0.1, 1 / 11)
    )


def test_days_end_at_midnight_of_the_zone() -> None:
    # At 21:00 in New York it is another day in Greenwich.
    curve = ((THURSDAY, 100), (THURSDAY + HOUR, 110), (THURSDAY + 30 * HOUR, 121))

    found = statistics_of(a_summary(*curve), convention=LEAN)

    assert found.returns == pytest.approx((0.0, 0.1))


def test_a_year_is_made_of_the_mean_and_the_deviation_of_a_sample() -> None:
    found = statistics_of(
        a_summary(*THREE_DAYS), convention=DAILY, risk_free=[(0, Fraction(1, 50))]
    )

    mean = (0.1 - 0.1 + 1 / 11) / 3
    spread = sqrt(sum((each - mean) ** 2 for each in (0.1, -0.1, 1 / 11)) / 2) * sqrt(365)
    assert found.annual_return == pytest.approx(mean * 365)
    assert found.annual_deviation == pytest.approx(spread)
    assert found.sharpe == pytest.approx((mean * 365 - 0.02) / spread)


def test_a_year_may_be_compounded() -> None:
    found = statistics_of(a_summary(*THREE_DAYS), convention=COMPOUNDED)

    assert found.annual_return == pytest.approx((1 + 1 / 33) ** 365 - 1)


def test_what_compounds_beyond_every_number_is_not_said() -> None:
    curve = tuple((THURSDAY + day * DAY, 100 * 1000**day) for day in range(4))

    found = statistics_of(a_summary(*curve), convention=COMPOUNDED)

    assert (found.annual_return, found.sharpe) == (None, None)


@pytest.mark.parametrize("used_up", [0, -5])
def test_of_an_account_that_was_used_up_no_share_is_said(used_up: int) -> None:
    curve = (*THREE_DAYS[:2], (THURSDAY + 2 * DAY, used_up), THREE_DAYS[3])

    found = statistics_of(a_summary(*curve, traded=((THURSDAY + 40 * HOUR, 50),)), convention=DAILY)

    assert (found.returns, found.sharpe, found.net_profit, found.turnover) == ((), None, None, 0.0)


def test_trips_after_the_capital_was_used_up_are_no_shares_of_it() -> None:
    found = statistics_of(a_summary(*THREE_DAYS, trips=(-100, 40)), convention=DAILY)

    assert (found.average_loss, found.win_rate) == (None, None)


def test_the_ratio_alone_is_that_of_the_statistics() -> None:
    curve = tuple((THURSDAY + day * DAY, 1000 + day * day % 37) for day in range(40))

    found = statistics_of(a_summary(*curve), convention=OURS)

    assert found.sharpe == sharpe(curve)


def test_one_loss_has_no_deviation_and_so_no_sortino_ratio() -> None:
    found = statistics_of(a_summary(*THREE_DAYS), convention=DAILY)

    assert (found.annual_downside, found.sortino) == (None, None)


def test_too_few_returns_say_nothing_but_what_was_turned_over() -> None:
    found = statistics_of(a_summary(*THREE_DAYS, traded=((THURSDAY + 1, 50),)), convention=OURS)

    assert found.turnover == pytest.approx(50 / 110 / 3)
    said = msgspec.structs.asdict(found)
    quiet = {"convention", "returns", "turnover", "risk_free"}
    assert all(value is None for name, value in said.items() if name not in quiet)


def test_the_rate_free_of_risk_is_the_mean_over_the_days() -> None:
    steps = [(0, Fraction(1, 100)), (THURSDAY + 2 * DAY, Fraction(3, 100))]

    found = statistics_of(a_summary(*THREE_DAYS), convention=DAILY, risk_free=steps)

    assert found.risk_free == pytest.approx(0.02)


def test_wins_and_losses_are_shares_of_the_capital_before_them() -> None:
    found = statistics_of(a_summary(*THREE_DAYS, trips=(100, -50, 0)), convention=DAILY)

    assert found.average_win == pytest.approx(1.0)
    assert found.average_loss == pytest.approx((-50 / 200 + 0) / 2)
    assert found.win_rate == pytest.approx(1 / 3)


def test_the_day_before_a_run_that_begins_at_midnight_can_be_left_out() -> None:
    early = ((THURSDAY - 1, 100), *THREE_DAYS[1:])

    found: RunStatistics = statistics_of(a_summary(*early), convention=DAILY, since_ns=THURSDAY)

    assert len(found.returns) == 3


def test_a_zone_that_does_not_exist_is_refused() -> None:
    nowhere = msgspec.structs.replace(DAILY, zone="Atlantis/Capital")

    with pytest.raises(SettingsError, match="Atlantis"):
        statistics_of(a_summary(*THREE_DAYS), convention=nowhere)


def test_sharpe_of_daily_returns() -> None:
    equity = [100.0]
    for day in range(40):
        equity.append(equity[-1] * (1.01 if day % 2 else 1.0))
    curve = [
        (THURSDAY + day * DAY + HOUR, round(value * 10**12)) for day, value in enumerate(equity)
    ]

    # The first day's return is nought; then twenty of one percent and twenty of none.
    returns = [0.0] + [0.01 if day % 2 else 0.0 for day in range(40)]
    mean = sum(returns) / 41
    deviation = (sum((each - mean) ** 2 for each in returns) / 40) ** 0.5
    assert sharpe(curve) == pytest.approx(mean / deviation * 365**0.5, rel=1e-6)


def test_day_without_a_price_has_a_return_of_nought() -> None:
    with_gap = [(THURSDAY + day * DAY, 100 + day) for day in range(40) if day not in {7, 8}]

    assert sharpe(with_gap) is not None


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [(THURSDAY + day * DAY, 100 + day) for day in range(29)],
        [(THURSDAY + day * DAY, 100) for day in range(60)],
        [(THURSDAY + day * DAY, day) for day in range(60)],
    ],
    ids=["empty", "too few", "no variation", "not positive"],
)
def test_sharpe_is_refused(curve: list[tuple[int, int]]) -> None:
    assert sharpe(curve) is None
