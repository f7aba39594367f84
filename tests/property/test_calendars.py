"""Whatever a table says, sessions ascend, never overlap, and questions agree with a plain walk."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.errors import InputError
from tieout.model.calendars import Calendar, Session, calendar_of

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = 1000


@st.composite
def calendars(draw: Callable[..., int]) -> Calendar:
    """Draw sessions, some touching, some with a break."""
    edges = sorted(draw(st.lists(st.integers(1, LAST - 1), min_size=2, max_size=24, unique=True)))
    sessions = []
    for opened, closed in zip(edges[::2], edges[1::2], strict=False):
        pause = draw(st.booleans()) and closed - opened > 3
        middle = (opened + 1, closed - 1) if pause else (None, None)
        sessions.append(Session(opened, closed, "regular", *middle))  # type: ignore[arg-type]
    touching = draw(st.booleans()) and sessions[-1].close_ns < LAST - 1
    if touching:
        sessions.append(Session(sessions[-1].close_ns, LAST - 1))
    return calendar_of("A", sessions, source="drawn", first_ns=0, last_ns=LAST)


@given(calendars(), st.lists(st.integers(0, LAST - 1), min_size=1, max_size=40))
def test_questions_agree_with_a_walk_over_the_sessions(
    calendar: Calendar, times: list[int]
) -> None:
    hours = [pair for each in calendar.sessions for pair in each.trading]
    assert calendar.packed().unpacked() == calendar

    assert all(one.close_ns <= other.open_ns for one, other in pairwise(calendar.sessions))
    assert all(one[0] < one[1] <= other[0] for one, other in pairwise(hours))
    for time in times:
        assert calendar.is_open(time) == any(low <= time < high for low, high in hours)
        holding = [each for each in calendar.sessions if each.open_ns <= time < each.close_ns]
        assert calendar.session_of(time) == (holding[0] if holding else None)
        for ask, edges in (
            (calendar.next_open_ns, [low for low, _ in hours]),
            (calendar.next_close_ns, [high for _, high in hours]),
        ):
            later = [each for each in edges if each > time]
            if later:
                assert ask(time) == later[0]
            else:
                with pytest.raises(InputError, match="longer range"):
                    ask(time)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=6))
def test_sessions_are_refused_when_they_overlap_or_stand_out_of_order(
    pairs: list[tuple[int, int]],
) -> None:
    sessions = [Session(low, low + length) for low, length in pairs]
    sound = all(one.close_ns <= other.open_ns for one, other in pairwise(sessions))

    try:
        calendar_of("A", sessions, source="drawn", first_ns=0, last_ns=LAST)
    except InputError:
        assert not sound
    else:
        assert sound
