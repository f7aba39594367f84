"""Calendars: what they know, what they refuse to know."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from tests.support.calendars import HOUR, a_calendar, a_session, at
from tieout.errors import InputError, SettingsError
from tieout.model.calendars import ALWAYS, Calendar, Session, SessionKind


def test_a_half_day_closes_at_one() -> None:
    calendar = a_calendar()

    assert calendar.is_open(at("2013-11-29 12:59"))
    assert not calendar.is_open(at("2013-11-29 13:00"))
    assert calendar.next_close_ns(at("2013-11-29 10:00")) == at("2013-11-29 13:00")
    found = calendar.session_of(at("2013-11-29 10:00"))
    assert found is not None
    assert found.kind == "half_day"


def test_a_holiday_is_no_session() -> None:
    calendar = a_calendar()

    assert not calendar.is_open(at("2013-11-28 11:00"))
    assert calendar.session_of(at("2013-11-28 11:00")) is None
    assert calendar.next_open_ns(at("2013-11-27 16:00")) == at("2013-11-29 09:30")


def test_a_break_closes_trading_and_not_the_session() -> None:
    calendar = a_calendar(a_session("2013-11-26", pause=("11:30", "12:30")))
    noon = at("2013-11-26 12:00")

    assert not calendar.is_open(noon)
    assert calendar.next_close_ns(at("2013-11-26 10:00")) == at("2013-11-26 11:30")
    assert calendar.next_open_ns(noon) == at("2013-11-26 12:30")
    session = calendar.session_of(noon)
    assert session is not None
    assert session.close_ns == at("2013-11-26 16:00")
    assert calendar.hours == ((at("2013-11-26 09:30"), at("2013-11-26 16:00")),)


def test_a_session_may_open_when_the_one_before_closes() -> None:
    calendar = a_calendar(
        a_session("2013-11-26", close="12:00"), a_session("2013-11-26", open="12:00")
    )

    assert calendar.is_open(at("2013-11-26 12:00"))


def test_what_never_closes_has_no_next_open() -> None:
    assert ALWAYS.is_open(0)
    assert ALWAYS.next_open_ns(10) is None
    assert ALWAYS.next_close_ns(10) is None
    assert ALWAYS.session_of(10) is None
    assert ALWAYS.session_after(10) is None
    ALWAYS.check_covers(0, 1 << 61)


@pytest.mark.parametrize("when", ["2013-11-24 12:00", "2013-12-07 00:00"])
def test_a_time_outside_of_the_range_is_not_taken_for_a_holiday(when: str) -> None:
    with pytest.raises(InputError, match="import it for a longer range"):
        a_calendar().is_open(at(when))


def test_an_answer_beyond_the_end_is_refused() -> None:
    calendar = a_calendar()

    for ask in (calendar.next_open_ns, calendar.next_close_ns, calendar.session_after):
        with pytest.raises(InputError, match=r"XNYS.*it ends at.*longer range"):
            ask(at("2013-12-02 16:00"))


def test_a_run_must_lie_in_the_range() -> None:
    calendar = a_calendar()
    calendar.check_covers(at("2013-11-25 00:00"), at("2013-12-07 00:00"))

    with pytest.raises(InputError, match=r"XNYS knows .* longer range, or choose a period inside"):
        calendar.check_covers(at("2013-11-26 00:00"), at("2013-12-08 00:00"))
    with pytest.raises(InputError, match="an open end"):
        calendar.check_covers(at("2013-11-24 23:00"), None)


def test_overlapping_sessions_are_refused_by_name() -> None:
    with pytest.raises(
        SettingsError, match=r"calendar XNYS: session .* overlaps .* sort and merge"
    ):
        a_calendar(a_session("2013-11-26"), a_session("2013-11-26", open="15:00", close="17:00"))


def test_sessions_out_of_order_are_refused() -> None:
    with pytest.raises(SettingsError, match="stands out of order"):
        a_calendar(a_session("2013-11-27"), a_session("2013-11-26"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((20, 10), "closes before it opens"),
        ((10, 10), "closes before it opens"),
        ((10, 20, "regular", 12, None), "both or none"),
        ((10, 20, "regular", 15, 12), "does not lie inside"),
        ((10, 20, "regular", 10, 12), "does not lie inside"),
    ],
)
def test_a_session_that_cannot_be_is_refused(values: tuple[int, ...], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Session(*values)  # type: ignore[arg-type]


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(SettingsError, match="is empty"):
        Calendar(name="A", first_ns=10, last_ns=10)


def test_the_fingerprint_is_of_the_sessions_and_not_of_the_name() -> None:
    one, other = a_calendar(name="A"), a_calendar(name="B")

    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != a_calendar(a_session("2013-11-26")).fingerprint


def test_a_packed_calendar_is_the_same_calendar() -> None:
    calendar = a_calendar(
        a_session("2013-11-25", pause=("11:00", "12:00")),
        a_session("2013-11-26", open="16:00", close="16:01"),
        a_session("2013-11-26", open="16:01", close="18:00"),
        a_session("2013-11-29", close="13:00", kind=SessionKind.HALF_DAY),
        Session(at("2013-12-02 09:30") + 1, at("2013-12-02 16:00") + 7),
    )

    packed = calendar.packed()

    assert packed.unpacked() == calendar
    assert packed.sessions.split()[:3] == ["34200+23400/5400+3600", "86400+60", "0+7140"]
    assert ALWAYS.packed().unpacked() == ALWAYS


@pytest.mark.parametrize(
    ("sessions", "words"), [("34200+23400", "its content is"), ("early", "'early' is no session")]
)
def test_a_packed_calendar_that_was_changed_is_found(sessions: str, words: str) -> None:
    packed = msgspec.structs.replace(a_calendar().packed(), sessions=sessions)

    with pytest.raises(InputError, match=words):
        packed.unpacked()


def test_answers_agree_with_a_walk_over_all_hours() -> None:
    calendar = a_calendar(
        a_session("2013-11-25", pause=("11:00", "12:00")),
        a_session("2013-11-26", open="00:00", close="23:30"),
        a_session("2013-11-29", close="13:00"),
    )
    opens = [opened for opened, _ in calendar.trading_hours]
    closes = [closed for _, closed in calendar.trading_hours]

    for time_ns in range(calendar.first_ns, opens[-1], HOUR // 4):
        held = any(opened <= time_ns < closed for opened, closed in calendar.trading_hours)
        assert calendar.is_open(time_ns) == held
        assert calendar.next_open_ns(time_ns) == min(each for each in opens if each > time_ns)
        assert calendar.next_close_ns(time_ns) == min(each for each in closes if each > time_ns)
    assert all(one[1] <= other[0] for one, other in pairwise(calendar.trading_hours))
