"""Holes of a market that closes: what lies outside of its sessions is none."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.calendars import a_calendar, a_session, at
from tieout.history.judging.names import Named
from tieout.history.judging.of_trades import judge_trades
from tieout.history.judging.sheets import Sheet
from tieout.history.judging.spans import gaps_of, open_ns_between
from tieout.model.calendars import ALWAYS

MINUTE = 60_000_000_000
DAY = 1440 * MINUTE


def a_sheet(times: list[int], *, kind: str = "bars") -> Sheet:
    rows = len(times)
    ones = np.ones(rows)
    fields = {"price": ones, "quantity": ones} if kind == "trades" else {"volume": ones}
    name = Named()
    return Sheet("a.csv", name, kind, np.arange(1, rows + 1), np.array(times, np.int64), fields)


def session_minutes(*, stamped: int = 0, without: tuple[str, ...] = ()) -> list[int]:
    """Return the stamps of every minute in the sessions of the half-day week but some."""
    missing = {at(f"2013-11-{each}") + stamped * MINUTE for each in without}
    return [
        time_ns + stamped * MINUTE
        for opened, closed in a_calendar().trading_hours
        for time_ns in range(opened, closed, MINUTE)
        if time_ns + stamped * MINUTE not in missing
    ]


@pytest.mark.parametrize("stamped", [0, 1])
def test_nights_holidays_and_half_days_are_no_gaps(stamped: int) -> None:
    sheet = a_sheet(session_minutes(stamped=stamped))

    assert len(gaps_of(sheet, MINUTE)) == 4
    assert gaps_of(sheet, MINUTE, a_calendar()) == []
    assert len(gaps_of(sheet, MINUTE, ALWAYS)) == 4


@pytest.mark.parametrize("stamped", [0, 1])
def test_a_hole_over_a_close_counts_only_what_lies_in_sessions(stamped: int) -> None:
    without = ("26 15:58", "26 15:59", "27 09:30", "27 11:00")

    found = gaps_of(
        a_sheet(session_minutes(stamped=stamped, without=without)), MINUTE, a_calendar()
    )

    assert [each.bars for each in found] == [3, 1]
    assert found[0].from_ns == at("2013-11-26 15:58") + stamped * MINUTE


def test_a_weekend_of_days_is_no_gap_and_a_missing_session_is_one() -> None:
    days = [at(f"2013-11-{day} 00:00") for day in (25, 26, 29)] + [at("2013-12-02 00:00")]

    found = gaps_of(a_sheet(days), DAY, a_calendar())

    assert [(each.bars, each.from_ns) for each in found] == [(1, at("2013-11-27 00:00"))]


def test_a_hole_outside_of_what_a_calendar_knows_stays_one() -> None:
    times = [at("2013-12-20 10:00"), at("2013-12-20 10:01"), at("2013-12-21 10:00")]

    assert len(gaps_of(a_sheet(times), MINUTE, a_calendar())) == 1


def test_a_break_is_no_trading() -> None:
    calendar = a_calendar(a_session("2013-11-26", pause=("11:30", "12:30")))
    begin, end = at("2013-11-26 11:00"), at("2013-11-26 13:00")

    assert open_ns_between(begin, end, calendar) == 60 * MINUTE


def test_a_silence_over_night_is_none_and_one_by_day_is() -> None:
    times = [
        each
        for day in (25, 26, 27)
        for each in range(at(f"2013-11-{day} 09:30"), at(f"2013-11-{day} 16:00"), MINUTE // 2)
    ]
    quiet = [each for each in times if not at("2013-11-26 11:00") <= each < at("2013-11-26 13:00")]

    assert judge_trades(a_sheet(times, kind="trades"), a_calendar()) == []
    (found,) = judge_trades(a_sheet(quiet, kind="trades"), a_calendar())
    assert (found.kind, found.count) == ("gap", 1)
    assert "the longest is 120 minutes" in found.detail
