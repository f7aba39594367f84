"""Stamps become UTC nanoseconds exactly, or are called unreadable."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.errors import InputError
from tieout.history._stamps import StampReader

NEW_YEAR = 1_704_067_200 * 10**9  # 2024-01-01


def read(*stamps: str | None, form: str = "auto", zone: str = "UTC") -> list[int | None]:
    return read_column(pa.array(stamps, pa.string()), form=form, zone=zone)


def read_column(column: pa.Array, *, form: str = "auto", zone: str = "UTC") -> list[int | None]:
    when, wrong = StampReader("file.csv", form=form, zone=zone).read(column)
    return [None if bad else int(each) for each, bad in zip(when, wrong, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01",
        "2024-01-01 00",
        "2024-01-01 00:00",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00.000000000",
        "2024-01-01T00:00:00Z",
        "2024-01-01 00:00:00 UTC",
        "2024-01-01 00:00 GMT",
        "2024-01-01 02:00:00+02:00",
        "2023-12-31 19:00:00-0500",
        " 2024-01-01 00:00 ",
        "2024/01/01 00:00",
        "2024.01.01",
        "01.01.2024 00:00:00.000",
        "20240101",
        "20240101 000000",
        "20240101 00:00",
        "1704067200",
        "1704067200.000",
        "1704067200000",
        "1704067200000000",
        "1704067200000000000",
    ],
)
def test_one_moment_is_read_in_every_form(text: str) -> None:
    assert read(text) == [NEW_YEAR]


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "2024-02-30", "2024-01-01 24:00:00", "2024-01-01 00:00:60", "2024-13-01"),
        *("9999-01-01", "1960-01-01", "01/02/2024", "1/2/2024", "12345", "-1704067200"),
        *("2024-01-01 00:00:00.0000000001", "20240101000000", "1704067200,5", "2024-01-01 1:00"),
    ],
)
def test_what_is_no_moment_or_could_be_two_is_unreadable(text: str) -> None:
    assert read(text) == [None]
    assert read("2024-01-01 00:00:00", text) == [NEW_YEAR, None]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)), min_size=1, max_size=5),  # noqa: DTZ001
    st.sampled_from(["%Y-%m-%d %H:%M:%S.%f", "%d.%m.%Y %H:%M:%S.%f", "%Y/%m/%dT%H:%M:%S.%f"]),
)
def test_any_moment_survives_being_written(moments: list[datetime], form: str) -> None:
    expected = [
        (each.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for each in moments
    ]
    assert read(*(each.strftime(form) for each in moments)) == [each * 1000 for each in expected]


def test_a_unit_that_is_given_is_not_guessed() -> None:
    assert read("1704067200", form="s") == [NEW_YEAR]
    assert read("1704067200", form="ms") == [None]
    assert read("1704067200.000000001", form="s") == [NEW_YEAR + 1]
    assert read("1704067200.0000000001", form="s") == [None]


def test_the_first_stamp_settles_the_unit_of_all() -> None:
    assert read("1704067200", "1704067200000") == [NEW_YEAR, None]


def test_a_form_that_is_given_reads_days_and_months_of_one_digit() -> None:
    form = "%d/%m/%Y %H:%M"
    assert read("1/1/2024 0:00", "01/01/2024 00:00", "31/2/2024 0:00", form=form) == [
        *(NEW_YEAR, NEW_YEAR, None)
    ]
    assert read("1-31-2024", form="%m-%d-%Y") == [NEW_YEAR + 30 * 86_400 * 10**9]
    assert read("2024 01 01 05h", form="%Y %m %d %Hh") == [NEW_YEAR + 5 * 3600 * 10**9]


@pytest.mark.parametrize("form", ["%d/%m/%y", "%H:%M", "minutes", "%Y%Y-%m-%d", ""])
def test_a_form_that_cannot_be_is_refused(form: str) -> None:
    with pytest.raises(InputError, match=r"file\.csv: time form"):
        StampReader("file.csv", form=form)


def test_a_zone_is_taken_only_by_stamps_without_one() -> None:
    stamps = ("2024-01-01 00:00:00", "2024-01-01 00:00:00Z")
    assert read(*stamps, zone="Europe/Berlin") == [NEW_YEAR - 3600 * 10**9, NEW_YEAR]


@pytest.mark.parametrize("text", ["2024-11-03 01:30:00", "2024-03-10 02:30:00"])
def test_an_hour_that_is_there_twice_or_never_is_unreadable(text: str) -> None:
    assert read(text, "2024-03-10 03:30:00", zone="America/New_York")[0] is None
    assert read(text) != [None]


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InputError, match="Mars/Olympus"):
        StampReader("file.csv", zone="Mars/Olympus")


def test_typed_columns_are_read_by_their_type() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for kind in (pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("ns", "Asia/Tokyo")):
        assert read_column(pa.array([moment, None], kind)) == [NEW_YEAR, None]
    assert read_column(pa.array([date(2024, 1, 1)])) == [NEW_YEAR]
    assert read_column(pa.array([1_704_067_200_000, None])) == [NEW_YEAR, None]
    assert read_column(pa.array([None, 1_704_067_200])) == [None, NEW_YEAR]
    assert read_column(pa.array([5])) == [None]
    far = pa.array([0, 10**15], pa.timestamp("s"))
    assert read_column(far) == [0, None]


def test_the_rule_says_how_stamps_were_read() -> None:
    for text, rule in (
        ("2024-01-01", "stamps taken as UTC"),
        ("2024-01-01 00:00Z", "stamps carry their zone"),
        ("1704067200000", "stamps are ms since 1970, UTC"),
    ):
        reader = StampReader("file.csv")
        reader.read(pa.array([text]))
        assert reader.rule == rule
