"""Announcements between the inputs of a source: in order of arrival, however rows are cut."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.worlds import MINUTE, T0, ScriptedSource, bars, ended, started
from tieout.adapters.feeds.announced import AnnouncedSource, announced
from tieout.errors import InputError
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.model.events import ClockReached, RunResumed
from tieout.model.rules import DatedRules, RulesRow
from tieout.model.universes import Change, Universe, UniverseRow


def a_list(*times: int) -> Universe:
    """Return a list that a name enters and leaves at these minutes in turn, from long ago on."""
    rows = [UniverseRow(1, 1, "AAA", Change.IN)]
    rows += [
        UniverseRow(
            T0 + at * MINUTE, T0 + at * MINUTE, "AAA", Change.IN if turn % 2 else Change.OUT
        )
        for turn, at in enumerate(times)
    ]
    return Universe(name="top", rows=tuple(rows))


def passed(source: AnnouncedSource, deadline_ns: int | None = None) -> list[tuple[str, int]]:
    """Return name and arrival of everything a source gives; rows one by one."""
    found: list[tuple[str, int]] = []
    while (given := source.next(deadline_ns)) is not None:
        if isinstance(given, Inputs):
            found += [(type(each).__name__, each.arrival_time_ns - T0) for each in given.events]
        else:
            found += [("row", int(each) - T0) for each in given.columns.arrival_time_ns]
    return found


def telling(*times: int) -> Any:
    return lambda start_ns: announced([a_list(*times)], start_ns)


def test_a_batch_is_cut_where_an_announcement_comes() -> None:
    rows = bars([1, 2, 3, 4])
    source = ScriptedSource(started(), MarketBatch(rows, stored=True), ended(T0 + 9 * MINUTE))

    found = passed(AnnouncedSource(source, telling(2, 4, 9)))

    assert found == [
        ("RunStarted", 0),
        ("UniverseChanged", 0),
        ("row", 1 * MINUTE),
        ("UniverseChanged", 2 * MINUTE),
        ("row", 2 * MINUTE),
        ("row", 3 * MINUTE),
        ("UniverseChanged", 4 * MINUTE),
        ("row", 4 * MINUTE),
        ("UniverseChanged", 9 * MINUTE),
        ("RunEnded", 9 * MINUTE),
    ]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_how_rows_are_cut_makes_no_difference(cut: int) -> None:
    rows = bars([1, 2, 3, 4])
    whole = ScriptedSource(started(), MarketBatch(rows, stored=True), ended(T0 + 9 * MINUTE))
    parts = ScriptedSource(
        started(),
        MarketBatch(rows.rows(0, cut), stored=True),
        MarketBatch(rows.rows(cut, 4), stored=True),
        ended(T0 + 9 * MINUTE),
    )

    one = passed(AnnouncedSource(whole, telling(2, 3)))
    other = passed(AnnouncedSource(parts, telling(2, 3)))

    assert one == other


def test_nothing_later_than_the_end_is_told() -> None:
    source = ScriptedSource(started(), ended(T0 + MINUTE))

    found = passed(AnnouncedSource(source, telling(5)))

    assert [name for name, _ in found] == ["RunStarted", "UniverseChanged", "RunEnded"]


def test_a_source_that_waits_is_asked_to_give_word() -> None:
    asked: list[int | None] = []

    class Waiting(ScriptedSource):
        def next(self, deadline_ns: int | None) -> Any:
            asked.append(deadline_ns)
            return super().next(deadline_ns)

    due = T0 + 2 * MINUTE
    clock = Inputs((ClockReached(arrival_time_ns=due, woke_at_ns=due + 5),))
    source = AnnouncedSource(Waiting(started(), clock, ended(T0 + 9 * MINUTE)), telling(2))

    found = passed(source, T0 + 7 * MINUTE)

    assert asked[:3] == [T0 + 7 * MINUTE, due, T0 + 7 * MINUTE]
    assert found[2:4] == [("UniverseChanged", 2 * MINUTE), ("ClockReached", 2 * MINUTE)]


def test_a_process_that_goes_on_hears_what_it_missed_once() -> None:
    back = T0 + 6 * MINUTE
    resumed = RunResumed(arrival_time_ns=back, down_since_ns=T0 + 3 * MINUTE, state="kept")
    source = ScriptedSource(Inputs((resumed,)), ended(T0 + 9 * MINUTE))

    # The first two were recorded: the list at the start, and its change in the second minute.
    found = passed(AnnouncedSource(source, telling(2, 5, 8), recorded=2, started_ns=T0))

    assert found == [
        ("RunResumed", 6 * MINUTE),
        ("UniverseChanged", 6 * MINUTE),
        ("UniverseChanged", 8 * MINUTE),
        ("RunEnded", 9 * MINUTE),
    ]


def test_rules_come_before_lists_of_the_same_moment() -> None:
    rules = DatedRules(name="r", symbol="AAA", rows=(RulesRow(1, Decimal(1), Decimal(1)),))

    told = announced([a_list(), rules], T0)

    assert [type(each).__name__ for each in told] == ["RulesChanged", "UniverseChanged"]


def test_what_is_wrong_is_told_when_the_run_starts() -> None:
    def tell(start_ns: int) -> Any:
        raise InputError(f"not known at {start_ns}")

    with pytest.raises(InputError, match="not known"):
        AnnouncedSource(ScriptedSource(started()), tell).next(None)
