"""Lists by date: what was known when, and who is on them for somebody who acts on that."""

from __future__ import annotations

import pytest

from tieout.errors import InputError
from tieout.model.universes import Change, Universe, UniverseAnnounced, UniverseRow

IN, OUT = Change.IN, Change.OUT


def a_list(*rows: tuple[object, ...]) -> Universe:
    return Universe(name="top", rows=tuple(UniverseRow(*each) for each in rows))  # type: ignore[arg-type]


def test_a_run_begins_with_everybody_on_the_list_by_then() -> None:
    made = a_list((10, 10, "AAA", IN, "0.6"), (10, 10, "BBB", IN), (20, 20, "AAA", OUT))

    first = made.known_at(15)

    assert first.entered == ("AAA", "BBB")
    assert first.weights == (("AAA", "0.6"),)
    assert first.arrival_time_ns == 15


def test_a_change_acts_when_it_is_known_and_effective() -> None:
    made = a_list((10, 10, "AAA", IN), (20, 30, "AAA", OUT), (40, 40, "BBB", IN))

    told = made.changes(15)

    assert [(each.arrival_time_ns, each.venue_time_ns) for each in told] == [(30, 20), (40, 40)]


def test_what_is_announced_ahead_is_told_twice() -> None:
    made = a_list((10, 10, "AAA", IN), (40, 20, "AAA", OUT), (40, 20, "BBB", IN))

    announcement, change = made.changes(15)

    assert isinstance(announcement, UniverseAnnounced)
    assert (announcement.arrival_time_ns, announcement.venue_time_ns) == (20, 40)
    assert (announcement.entering, announcement.leaving) == (("BBB",), ("AAA",))
    assert change.arrival_time_ns == 40


def test_what_was_announced_before_the_start_is_told_at_the_start() -> None:
    made = a_list((10, 10, "AAA", IN), (40, 20, "AAA", OUT))

    assert [each.arrival_time_ns for each in made.changes(30)] == [30, 40]


def test_a_new_weight_is_no_entry() -> None:
    made = a_list((10, 10, "AAA", IN, "0.5"), (20, 20, "AAA", IN, "0.7"))

    (change,) = made.changes(15)

    assert not isinstance(change, UniverseAnnounced)
    assert (change.entered, change.weights) == ((), (("AAA", "0.7"),))


def test_only_who_is_on_it_during_a_run_must_be_there() -> None:
    made = a_list(
        (10, 10, "OLD", IN), (20, 20, "OLD", OUT), (20, 20, "AAA", IN), (50, 50, "NEW", IN)
    )

    assert made.symbols_between(15, 20) == ("AAA", "OLD")
    assert made.symbols_between(25, 40) == ("AAA",)
    assert made.symbols_between(25, None) == ("AAA", "NEW")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(10, 10, "AAA", OUT)], "row 1: AAA leaves the list and is not on it"),
        ([(10, 10, "AAA", IN), (20, 20, "AAA", IN)], "row 2: AAA enters the list and is on it"),
        ([(20, 20, "AAA", IN), (10, 10, "BBB", IN)], "row 2: 10 comes after 20; sort"),
        ([(10, 30, "AAA", IN), (20, 20, "AAA", OUT)], "row 2: AAA was known at 20, before"),
        ([(10, 10, "AAA", IN, "much")], "the weight 'much'"),
        ([(10, 10, "AAA", IN, "-1")], "the weight '-1'"),
        ([(10, 10, "AAA", IN, "", True)], "is delisted and enters"),
        ([(10, 10, "", IN)], "has no symbol"),
    ],
)
def test_a_contradiction_is_refused_with_its_row(
    rows: list[tuple[object, ...]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        a_list(*rows)
