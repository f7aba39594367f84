"""Calendars, lists and rules from CSV: rows that cannot be right are named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.calendars import at
from tieout.errors import DataError, InputError
from tieout.history.reference import (
    DateRange,
    calendar_from_table,
    rules_from_table,
    universe_from_table,
)

if TYPE_CHECKING:
    from pathlib import Path

ZONE = "America/New_York"


def a_table(folder: Path, *lines: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_local_times_of_a_day_are_read(tmp_path: Path) -> None:
    table = a_table(
        tmp_path,
        "date,open,close,kind,break_start,break_end",
        "2013-11-27,09:30,16:00,,11:30,12:30",
        "2013-11-29,09:30,13:00,half_day,,",
    )

    calendar = calendar_from_table(table, name="A", zone=ZONE)

    assert calendar.hours == (
        (at("2013-11-27 09:30"), at("2013-11-27 16:00")),
        (at("2013-11-29 09:30"), at("2013-11-29 13:00")),
    )
    assert calendar.sessions[0].break_end_ns == at("2013-11-27 12:30")
    assert calendar.sessions[1].kind == "half_day"


def test_a_close_that_is_not_later_belongs_to_the_next_day(tmp_path: Path) -> None:
    table = a_table(tmp_path, "date,open,close", "2013-11-26,17:00,16:00")

    calendar = calendar_from_table(table, name="A", zone=ZONE)

    assert calendar.hours == ((at("2013-11-26 17:00"), at("2013-11-27 16:00")),)


def test_whole_times_are_read_with_their_own_zone(tmp_path: Path) -> None:
    table = a_table(
        tmp_path,
        "open,close",
        "2013-11-26T09:30-05:00,2013-11-26T21:00Z",
        "2013-11-27 09:30,2013-11-27 16:00",
    )
    span = DateRange(date(2013, 11, 20), date(2013, 12, 1))

    calendar = calendar_from_table(table, name="A", zone=ZONE, span=span)

    assert calendar.hours[0] == (at("2013-11-26 09:30"), at("2013-11-26 16:00"))
    assert (calendar.first_ns, calendar.last_ns) == (at("2013-11-20 00:00"), at("2013-12-02 00:00"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            ("2013-11-26,09:30,16:00", "2013-11-26,15:00,17:00"),
            "row 2: it opens before the session",
        ),
        (("2013-11-27,09:30,16:00", "2013-11-26,09:30,16:00"), "row 2: .*out of order"),
        (("2013-11-26,9h30,16:00",), "row 1: open is no time of a day .value 9h30"),
        (("2013-11-26,09:30,",), "row 1: close is missing"),
        (("26.11.2013,09:30,16:00",), "row 1: no date"),
        (("2013-11-26,09:30",), "row 1: it has another number of values"),
        ((), "there is no row in it"),
    ],
)
def test_a_session_that_cannot_be_right_is_named(
    tmp_path: Path, rows: tuple[str, ...], words: str
) -> None:
    table = a_table(tmp_path, "date,open,close", *rows)

    with pytest.raises(DataError, match=words):
        calendar_from_table(table, name="A", zone=ZONE)


def test_an_unknown_zone_and_a_missing_column_are_named(tmp_path: Path) -> None:
    table = a_table(tmp_path, "date,open", "2013-11-26,09:30")

    with pytest.raises(InputError, match="time zone 'New York' is unknown"):
        calendar_from_table(table, name="A", zone="New York")
    with pytest.raises(DataError, match="there is no column 'close'"):
        calendar_from_table(table, name="A", zone=ZONE)


# -- lists --------------------------------------------------------------------------------------


def test_changes_are_read_with_what_was_known_and_who_was_delisted(tmp_path: Path) -> None:
    table = a_table(
        tmp_path,
        "date,symbol,action,known,weight",
        "2013-01-01,AAA,in,,0.6",
        "2013-01-01,BBB,in,,0.4",
        "2013-06-03,BBB,delisted,2013-05-20,",
    )

    universe = universe_from_table(table, name="top", zone=ZONE)

    assert universe.symbols == ("AAA", "BBB")
    last = universe.rows[-1]
    assert (last.delisted, last.change) == (True, "out")
    assert last.known_time_ns == at("2013-05-20 00:00")


def test_dated_snapshots_become_changes(tmp_path: Path) -> None:
    table = a_table(
        tmp_path,
        "date,symbol",
        "2013-01-01,AAA",
        "2013-01-01,BBB",
        "2013-02-01,BBB",
        "2013-02-01,CCC",
    )

    universe = universe_from_table(table, name="top")

    assert [(each.symbol, str(each.change)) for each in universe.rows] == [
        ("AAA", "in"),
        ("BBB", "in"),
        ("AAA", "out"),
        ("CCC", "in"),
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("2013-01-01,AAA,out",), "row 1: AAA leaves the list and is not on it"),
        (("2013-01-01,AAA,in", "2013-02-01,AAA,in"), "row 2: AAA enters the list and is on it"),
        (("2013-02-01,AAA,in", "2013-01-01,BBB,in"), "row 2: .*sort the rows by time"),
        (("2013-02-01,AAA,buy",), "row 1: action is unknown .value buy"),
        (("then,AAA,in",), "row 1: date is no time .value then"),
        (("2013-02-01,,in",), "row 1:  has no symbol"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(
    tmp_path: Path, rows: tuple[str, ...], words: str
) -> None:
    table = a_table(tmp_path, "date,symbol,action", *rows)

    with pytest.raises(InputError, match=words):
        universe_from_table(table, name="top")


def test_a_snapshot_with_a_name_twice_or_out_of_order_is_refused(tmp_path: Path) -> None:
    twice = a_table(tmp_path, "date,symbol", "2013-01-01,AAA", "2013-01-01,AAA")
    with pytest.raises(DataError, match=r"row 2: it is on the list of this date twice .value AAA"):
        universe_from_table(twice, name="top")

    back = a_table(tmp_path, "date,symbol", "2013-02-01,AAA", "2013-01-01,AAA")
    with pytest.raises(DataError, match="row 2: it is of an earlier date"):
        universe_from_table(back, name="top")


# -- rules --------------------------------------------------------------------------------------


def test_rules_are_read_by_date(tmp_path: Path) -> None:
    table = a_table(
        tmp_path,
        "date,tick,lot,min_notional",
        "2019-09-08,0.01,0.001,",
        "2022-02-17T07:00Z,0.1,0.001,5",
    )

    rules = rules_from_table(table, name="btc", symbol="BTC/USDT:USDT")

    assert [each.tick_size for each in rules.rows] == [Decimal("0.01"), Decimal("0.1")]
    assert [each.min_notional for each in rules.rows] == [Decimal(0), Decimal(5)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("2019-09-08,0,0.001",), "tick_size 0 must be positive"),
        (("2019-09-08,abc,0.001",), "row 1: tick is no number .value abc"),
        (("2020-01-01,0.1,1", "2019-01-01,0.1,1"), "row 2: .* does not come after"),
        ((), "there is no row in it"),
    ],
)
def test_rules_that_cannot_be_are_refused(
    tmp_path: Path, rows: tuple[str, ...], words: str
) -> None:
    table = a_table(tmp_path, "date,tick,lot", *rows)

    with pytest.raises(InputError, match=words):
        rules_from_table(table, name="btc", symbol="BTC")
