"""Actions among live inputs: after all from before them, and before all that is from after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars
from tests.unit.feeds.arriving import ArrivingSource
from tieout.adapters.feeds.acting import ActingSource
from tieout.adapters.feeds.rows import events_of
from tieout.model.events import ClockReached, RunEnded, RunResumed, RunStarted, Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.events import Input


def a_split(minute: float, *, delay_ns: int = 5) -> Split:
    at_ns = T0 + int(minute * MINUTE)
    return Split(
        instrument=SYMBOL, new=2, old=1, venue_time_ns=at_ns, arrival_time_ns=at_ns + delay_ns
    )


def given_by(events: Sequence[Input], *actions: Split, deadline: int | None = None) -> list[Any]:
    source = ActingSource(ArrivingSource(events), actions)
    found: list[Any] = []
    while (given := source.next(deadline)) is not None:
        found += given.events  # type: ignore[union-attr]
    return found


def names(events: Sequence[Any]) -> list[str]:
    return [type(each).__name__ for each in events]


def four_bars(delay_ns: int = 3) -> list[Any]:
    return list(events_of(bars([400] * 4, delay_ns=delay_ns), tick=ES.tick_float))


def test_an_action_comes_after_the_bar_that_closed_before_it() -> None:
    found = given_by(four_bars(), a_split(2))

    assert names(found) == ["Bar", "Bar", "Split", "ClockReached", "Bar", "Bar"]
    stamps = [each.arrival_time_ns for each in found]
    assert stamps == sorted(stamps)


def test_an_action_wakes_a_market_in_which_nothing_happens() -> None:
    quiet = [RunStarted(arrival_time_ns=T0, cash=0), *four_bars()[3:]]

    found = given_by(quiet, a_split(1))

    split = next(each for each in found if isinstance(each, Split))
    clock = next(each for each in found if isinstance(each, ClockReached))
    assert split.arrival_time_ns == T0 + MINUTE + 5
    assert clock.arrival_time_ns == split.arrival_time_ns + 1


def test_an_action_that_arrives_with_a_row_comes_after_it() -> None:
    found = given_by(four_bars(delay_ns=5), a_split(2))

    rows = [each for each in names(found) if each != "ClockReached"]
    assert rows == ["Bar", "Bar", "Split", "Bar", "Bar"]


def test_what_took_effect_before_the_start_comes_with_it() -> None:
    start = T0 + MINUTE
    events = [RunStarted(arrival_time_ns=start, cash=0), *four_bars()[1:]]

    found = given_by(events, a_split(-3), a_split(0.5))

    assert names(found[:3]) == ["RunStarted", "Split", "Split"]
    assert {each.arrival_time_ns for each in found[:3]} == {start}


def test_what_took_effect_while_down_waits_for_the_first_row_from_after_it() -> None:
    back = T0 + 60 * MINUTE
    late = list(events_of(bars([400] * 4, delay_ns=100 * MINUTE), tick=ES.tick_float))
    resumed = RunResumed(arrival_time_ns=back, down_since_ns=T0, state="kept")
    end = RunEnded(arrival_time_ns=T0 + 500 * MINUTE, reason="end")

    found = given_by([resumed, *late, end], a_split(2))

    rows = [each for each in names(found) if each != "ClockReached"]
    assert rows == ["RunResumed", "Bar", "Bar", "Split", "Bar", "Bar", "RunEnded"]
    stamps = [each.arrival_time_ns for each in found]
    assert stamps == sorted(stamps)


def test_an_action_after_the_end_is_not_given() -> None:
    end = RunEnded(arrival_time_ns=T0 + 4 * MINUTE + 3, reason="end")

    assert "Split" not in names(given_by([*four_bars(), end], a_split(9)))
