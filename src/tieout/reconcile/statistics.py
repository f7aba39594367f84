"""Statistics of a run by a stated convention: returns of days, made yearly, and of round trips.

Two platforms that print a Sharpe ratio seldom mean the same: they end their days in another zone,
count another number of them a year, leave out the first, compound the mean return or sum it, or
take another rate for free of risk. A `Convention` says all of that; `OURS` is what reports print,
`LEAN` is what LEAN prints.

These are statistics: floats, or None where there is too little to say something. No money of the
attribution depends on them.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.reconcile.figures import EquityPoint
    from tieout.reconcile.summary import RunSummary

__all__ = [
    "CONVENTIONS",
    "LEAN",
    "OURS",
    "Convention",
    "FirstDay",
    "RunStatistics",
    "Yearly",
    "sharpe",
    "statistics_of",
]

_NS: Final = 1_000_000_000
_FEWEST_OF_A_VARIANCE: Final = 2

RateStep = tuple[int, Fraction]
"""(from when on in ns, rate free of risk a year as a share)."""


@unique
class FirstDay(StrEnum):
    """What becomes of the first day's return."""

    COUNTED = "counted"
    LEFT_OUT = "left_out"


@unique
class Yearly(StrEnum):
    """How the mean daily return becomes a yearly one."""

    SUMMED = "summed"
    """Mean · days a year: the ratio of Sharpe (1994), from periods to years."""
    COMPOUNDED = "compounded"
    """(1 + mean) ^ days a year − 1."""


class Convention(msgspec.Struct, frozen=True, kw_only=True):
    """How returns are taken and made yearly.

    Attributes:
        name: Name, for reports.
        zone: Time zone whose midnights end the days; every day of the calendar counts.
        days_a_year: Days that a year is taken to have.
        first_day: `FirstDay`.
        yearly: `Yearly`.
        fewest_returns: With fewer daily returns nothing is said.
    """

    name: str
    zone: str
    days_a_year: int
    first_day: FirstDay
    yearly: Yearly
    fewest_returns: int

    @property
    def words(self) -> str:
        """What it says, for people."""
        first = "" if self.first_day is FirstDay.COUNTED else ", the first day left out"
        return f"{self.name}: days of {self.zone}, {self.days_a_year} a year, {self.yearly}{first}"


OURS: Final = Convention(
    name="tieout",
    zone="UTC",
    days_a_year=365,
    first_day=FirstDay.COUNTED,
    yearly=Yearly.SUMMED,
    fewest_returns=30,
)
"""What our reports print."""

LEAN: Final = Convention(
    # Source: LEAN's portfolio statistics as of 2026-08; found equal to the digits that it prints.
    name="lean",
    zone="America/New_York",
    days_a_year=252,
    first_day=FirstDay.LEFT_OUT,
    yearly=Yearly.COMPOUNDED,
    fewest_returns=2,
)
"""What LEAN prints for US markets; its days end in the zone of the algorithm."""

CONVENTIONS: Final = {each.name: each for each in (OURS, LEAN)}
"""By name."""


class RunStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a dozen figures.

    None where the convention says nothing, or where equity or capital was ever used up.

    Attributes:
        convention: By which they were taken.
        returns: Daily ones, the first day's as the convention has it.
        net_profit: Last equity ÷ first − 1.
        drawdown: Deepest fall from an earlier high, as a share of it, at every price of the curve.
        average_win, average_loss: Mean profit of the round trips that won and that did not, after
            fees, each as a share of the capital before it: the first equity and all profits since.
        win_rate: Closed round trips that won ÷ all closed.
        turnover: Mean over all days of what traded ÷ the equity at the day's end.
        risk_free: Mean rate of the days, a year.
        annual_return: The mean daily return a year, as the convention has it.
        annual_deviation: Deviation of daily returns (n − 1) · √(days a year).
        annual_downside: The same of the negative ones alone; None with fewer than two.
        sharpe: (annual return − risk-free) ÷ annual deviation.
        sortino: The same ÷ annual downside.
    """

    convention: Convention
    returns: tuple[float, ...]
    net_profit: float | None
    drawdown: float | None
    average_win: float | None
    average_loss: float | None
    win_rate: float | None
    turnover: float
    risk_free: float
    annual_return: float | None
    annual_deviation: float | None
    annual_downside: float | None
    sharpe: float | None
    sortino: float | None

    def facts(self) -> dict[str, Any]:
        """Return all of it for machines, but for the returns."""
        told = {
            name: value for name, value in msgspec.structs.asdict(self).items() if name != "returns"
        }
        return {**told, "convention": self.convention.words, "days": len(self.returns)}


def statistics_of(
    summary: RunSummary,
    *,
    convention: Convention = OURS,
    risk_free: Sequence[RateStep] = (),
    since_ns: int | None = None,
) -> RunStatistics:
    """Return the statistics of a run.

    Args:
        summary: Its equity at every price, its round trips, and what it traded when.
        convention: How returns are taken and made yearly.
        risk_free: Steps of the yearly rate, ascending; before the first one, and without any, 0.
        since_ns: A time in the first day; the run's start when None.

    Raises:
        SettingsError: No such time zone.
    """
    started_ns = summary.started_ns if since_ns is None else since_ns
    days = _days(started_ns, summary.ended_ns, convention.zone)
    closes = _closes(summary.equity, days)
    start = summary.equity[0][1]
    returns = _returns(start, closes, convention)
    rates = [_rate_at(risk_free, day_ns) for day_ns in (started_ns, *days)]
    free = float(sum(rates, Fraction(0)) / len(rates))
    says = len(returns) >= convention.fewest_returns
    yearly = _yearly(returns, convention) if says else _Year()
    wins, losses = _trips(summary) if says else ([], [])
    share = summary.drawdown_share
    return RunStatistics(
        convention=convention,
        returns=tuple(returns),
        net_profit=closes[-1] / start - 1 if says else None,
        drawdown=float(share) if says and share is not None else None,
        average_win=_mean(wins) if wins else None,
        average_loss=_mean(losses) if losses else None,
        win_rate=len(wins) / (len(wins) + len(losses)) if wins or losses else None,
        turnover=_turnover(summary, days, closes),
        risk_free=free,
        annual_return=yearly.gain,
        annual_deviation=yearly.deviation,
        annual_downside=yearly.downside,
        sharpe=yearly.over(free, yearly.deviation),
        sortino=yearly.over(free, yearly.downside),
    )


def sharpe(curve: Sequence[EquityPoint], *, convention: Convention = OURS) -> float | None:
    """Return the yearly Sharpe ratio of an equity curve, at a rate free of risk of 0.

    None with fewer daily returns than the convention asks for, without any variation, or where
    equity was ever used up: a figure from less would be read as if it meant something.
    """
    if not curve:
        return None
    days = _days(curve[0][0], curve[-1][0], convention.zone)
    returns = _returns(curve[0][1], _closes(curve, days), convention)
    if len(returns) < convention.fewest_returns:
        return None
    year = _yearly(returns, convention)
    return year.over(0.0, year.deviation)


def _days(started_ns: int, ended_ns: int, zone: str) -> list[int]:
    """Return the ends of all days of a zone that a run lies in, as UTC nanoseconds."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"statistics: there is no time zone {zone!r}") from error
    first = datetime.fromtimestamp(started_ns // _NS, UTC).astimezone(place).date()
    ends: list[int] = []
    while not ends or ends[-1] < ended_ns:
        following = first + timedelta(days=len(ends) + 1)
        midnight = datetime(following.year, following.month, following.day, tzinfo=place)
        ends.append(int(midnight.timestamp()) * _NS)
    return ends


def _closes(curve: Sequence[EquityPoint], days: Sequence[int]) -> list[int]:
    """Return the equity at the end of each day; what came at midnight belongs to the day before."""
    times = [time_ns for time_ns, _ in curve]
    return [curve[max(0, bisect_right(times, end_ns) - 1)][1] for end_ns in days]


def _rate_at(steps: Sequence[RateStep], at_ns: int) -> Fraction:
    place = bisect_right(steps, at_ns, key=lambda step: step[0]) - 1
    return steps[place][1] if place >= 0 else Fraction(0)


def _returns(start: int, closes: Sequence[int], convention: Convention) -> list[float]:
    """Return what each day made; nothing where equity was used up, since no share is one of it."""
    if min(start, *closes) <= 0:
        return []
    every = [after / before - 1 for before, after in pairwise([start, *closes])]
    return every[1:] if convention.first_day is FirstDay.LEFT_OUT else every


class _Year(msgspec.Struct, frozen=True):
    gain: float | None = None
    deviation: float | None = None
    downside: float | None = None

    def over(self, free: float, deviation: float | None) -> float | None:
        """Return what was made beyond a rate, over a deviation."""
        return (self.gain - free) / deviation if self.gain is not None and deviation else None


def _yearly(returns: Sequence[float], convention: Convention) -> _Year:
    root = sqrt(convention.days_a_year)
    below = _deviation([each for each in returns if each < 0])
    return _Year(
        gain=_annual(_mean(returns), convention),
        deviation=(_deviation(returns) or 0.0) * root,
        downside=None if below is None else below * root,
    )


def _annual(mean: float, convention: Convention) -> float | None:
    if convention.yearly is Yearly.SUMMED:
        return mean * convention.days_a_year
    try:
        compounded: float = (1 + mean) ** convention.days_a_year - 1
    except OverflowError:
        # Of a few days that multiplied the account; beyond any number that means something.
        return None
    return compounded


def _deviation(values: Sequence[float]) -> float | None:
    """Return the deviation of a sample (n − 1); None with fewer than two."""
    if len(values) < _FEWEST_OF_A_VARIANCE:
        return None
    mean = _mean(values)
    return sqrt(sum((each - mean) ** 2 for each in values) / (len(values) - 1))


def _trips(summary: RunSummary) -> tuple[list[float], list[float]]:
    """Return what closed round trips won, and what they did not, as shares of the capital.

    Nothing where the capital was used up before one of them.
    """
    capital = summary.equity[0][1]
    wins: list[float] = []
    losses: list[float] = []
    closed = [each for each in summary.trips if each.closed_ns is not None]
    for trip in sorted(closed, key=lambda each: each.closed_ns or 0):
        if capital <= 0:
            return [], []
        (wins if trip.profit > 0 else losses).append(trip.profit / capital)
        capital += trip.profit
    return wins, losses


def _turnover(summary: RunSummary, days: Sequence[int], closes: Sequence[int]) -> float:
    shares = [0.0] * len(days)
    for time_ns, notional in summary.traded:
        # What became known at midnight belongs to the day before, as its price does.
        day = min(len(days) - 1, bisect_right(days, time_ns - 1))
        shares[day] += notional / closes[day] if closes[day] > 0 else 0.0
    return _mean(shares)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
