"""When the bot looks, and how long the way is: schedules, logs, and settings that are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tieout.errors import SettingsError
from tieout.model.availability import (
    DrawnFeed,
    MeasuredArrival,
    MeasuredFeed,
    Polling,
    publication_delay_ns,
)
from tieout.model.latencies import WHOLE, Quantiles
from tieout.model.profiles import profile

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
TEN = 10 * HOUR


@pytest.mark.parametrize(
    ("record_ns", "known_ns", "seen_ns"),
    [
        (0, TEN + 1, TEN + 1),
        (SECOND, TEN + 1, TEN + SECOND),
        (30 * SECOND, TEN + 1, TEN + SECOND),
        (MINUTE, TEN + 1, TEN + MINUTE),
        (15 * MINUTE, TEN + 1, TEN + MINUTE),
        (HOUR, TEN + 1, TEN + 30 * MINUTE),
        (HOUR, TEN + 30 * MINUTE, TEN + 30 * MINUTE),
        (HOUR, TEN + 30 * MINUTE + 1, TEN + HOUR),
        (DAY, TEN + 1, TEN + 30 * MINUTE),
    ],
)
def test_by_length_ticks_are_seen_at_once_and_long_bars_every_half_hour(
    record_ns: int, known_ns: int, seen_ns: int
) -> None:
    assert Polling().next_look_ns(known_ns, record_ns=record_ns) == seen_ns


def test_an_interval_of_ones_own_is_for_trades_and_bars_alike_and_has_an_offset() -> None:
    schedule = Polling(every_ns=15 * MINUTE, offset_ns=5 * SECOND)
    for record_ns in (0, MINUTE, DAY):
        at = schedule.next_look_ns(TEN, record_ns=record_ns)
        assert at == TEN + 5 * SECOND
        assert schedule.next_look_ns(at, record_ns=record_ns) == at
        assert schedule.next_look_ns(at + 1, record_ns=record_ns) == at + 15 * MINUTE


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every_ns": 0}, "polling: every_ns 0; allowed: 1 …"),
        ({"every_ns": -1}, "polling: every_ns -1"),
        ({"every_ns": 32 * DAY}, "31 days"),
        ({"every_ns": 5, "offset_ns": 5}, "polling: offset_ns 5; allowed: 0 … 4"),
        ({"offset_ns": -1}, "polling: offset_ns -1"),
        ({"offset_ns": SECOND}, "polling: offset_ns 1000000000"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(settings: dict[str, int], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Polling(**settings)


def test_a_measured_way_goes_in_straight_lines_between_the_rows_of_its_log() -> None:
    feed = MeasuredFeed(log=(MeasuredArrival(100, 110), MeasuredArrival(200, 230)))
    ways = [feed.delay_ns(sent, 0) for sent in (50, 100, 125, 150, 199, 200, 900)]
    assert ways == [10, 10, 15, 20, 29, 30, 30]
    assert feed.delay_ns_max == 30


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ([], "there is no row"),
        ([(100, 110), (100, 120)], "row 2: sent at 100, not after 100"),
        ([(100, 99)], "row 1: sent 100, arrived 99"),
        ([(0, HOUR + 1)], "an hour"),
    ],
)
def test_a_log_that_cannot_be_right_is_refused_by_row(
    log: list[tuple[int, int]], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        MeasuredFeed(log=tuple(MeasuredArrival(*each) for each in log))


@pytest.mark.parametrize(("text", "hours"), [("2d", 48), ("36h", 36), ("90m", 1.5)])
def test_a_publication_delay_is_written_as_a_length(text: str, hours: float) -> None:
    assert publication_delay_ns(text) == hours * HOUR


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-2d", "'-2d': give a whole number above 0"),
        ("0d", "above 0"),
        ("two days", "36h or 2d"),
        ("1.5d", "36h or 2d"),
        ("3661d", "up to 3660d"),
        ("9999999999999999999999h", "up to 3660d"),
    ],
)
def test_a_publication_delay_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        publication_delay_ns(text)


DRAWN = DrawnFeed(delay=Quantiles(((0, 0), (WHOLE, SECOND))))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"polling": "hourly"}, "polling 'hourly'; allowed: by-length-1"),
        ({"bar_feed": DRAWN}, "bar_feed and bar_delay_ns"),
        ({"trade_feed": DRAWN}, "trade_feed and trade_delay_ns"),
    ],
)
def test_a_profile_with_two_answers_or_none_is_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        msgspec.structs.replace(profile("pessimistic-1"), **settings)


def test_a_schedule_has_a_name_and_nobody_polls_who_did_not_say_so() -> None:
    shipped = profile("pessimistic-1")
    assert shipped.schedule is None
    assert msgspec.structs.replace(shipped, polling="by-length-1").schedule == Polling()


def test_feeds_and_schedules_are_the_same_after_they_were_written_down() -> None:
    whole = msgspec.structs.replace(
        profile("zero-latency"),
        bar_feed=MeasuredFeed(log=(MeasuredArrival(1, 2),)),
        trade_feed=DRAWN,
        polling=Polling(every_ns=MINUTE),
        feed_seed=3,
    )
    assert msgspec.json.decode(msgspec.json.encode(whole), type=type(whole)) == whole
