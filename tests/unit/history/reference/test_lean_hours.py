"""Calendars from a market hours data base of LEAN."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.calendars import at
from tieout.errors import DataError, InputError
from tieout.history.reference import DateRange, calendar_from_lean, lean_entries

if TYPE_CHECKING:
    from pathlib import Path

CHICAGO = ZoneInfo("America/Chicago")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def entry(hours: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
    spans = [{"start": start, "end": end, "state": "market"} for start, end in hours]
    return {
        "exchangeTimeZone": "America/New_York",
        **dict.fromkeys(DAYS, spans),
        "saturday": [],
        "sunday": [],
        "holidays": [],
        **more,
    }


def a_base(folder: Path, **entries: Any) -> Path:
    path = folder / "market-hours-database.json"
    named = {key.replace("_", "-"): value for key, value in entries.items()}
    path.write_text(json.dumps({"entries": named}), encoding="utf-8")
    return path


NOVEMBER = DateRange(date(2013, 11, 25), date(2013, 12, 1))


def test_a_holiday_and_an_early_close_are_kept(tmp_path: Path) -> None:
    base = a_base(
        tmp_path,
        Equity_usa_A=entry(
            [("09:30:00", "16:00:00")],
            holidays=["11/28/2013"],
            earlyCloses={"11/29/2013": "13:00:00"},
        ),
    )

    calendar = calendar_from_lean(base, "Equity-usa-A", name="XNYS", span=NOVEMBER)

    assert [each.close_ns for each in calendar.sessions[-2:]] == [
        at("2013-11-27 16:00"),
        at("2013-11-29 13:00"),
    ]
    assert [each.kind for each in calendar.sessions] == ["regular"] * 3 + ["half_day"]
    assert calendar.zone == "America/New_York"


def test_a_day_that_closes_early_and_opens_late_trades_on_both_sides(tmp_path: Path) -> None:
    base = a_base(
        tmp_path,
        A=entry(
            [("00:00:00", "17:00:00"), ("18:00:00", "1.00:00:00")],
            earlyCloses={"11/28/2013": "11:30:00"},
            lateOpens={"11/28/2013": "20:00:00"},
        ),
    )

    calendar = calendar_from_lean(base, "A", name="A", span=NOVEMBER)

    assert not calendar.is_open(at("2013-11-28 12:00"))
    assert calendar.next_open_ns(at("2013-11-28 12:00")) == at("2013-11-28 20:00")
    # Hours that touch across midnight are one session.
    session = calendar.session_of(at("2013-11-28 20:00"))
    assert session is not None
    assert session.close_ns == at("2013-11-29 17:00")


def test_the_clock_of_new_york_is_kept_over_both_changes(tmp_path: Path) -> None:
    base = a_base(tmp_path, A=entry([("09:30:00", "16:00:00")], holidays=["1/1/2013"]))

    calendar = calendar_from_lean(base, "A", name="A")

    for day in ("2013-03-08", "2013-03-11", "2013-11-01", "2013-11-04"):
        session = calendar.session_of(at(f"{day} 12:00"))
        assert session is not None
        assert (session.open_ns, session.close_ns) == (at(f"{day} 09:30"), at(f"{day} 16:00"))
    before, after = at("2013-03-08 09:30"), at("2013-03-11 09:30")
    assert after - before == (3 * 24 - 1) * 3_600_000_000_000


def test_a_session_over_the_night_of_the_change_lasts_an_hour_less_or_more(tmp_path: Path) -> None:
    base = a_base(
        tmp_path,
        A=entry(
            [("00:00:00", "16:00:00"), ("17:00:00", "1.00:00:00")],
            exchangeTimeZone="America/Chicago",
            sunday=[{"start": "00:00:00", "end": "16:00:00", "state": "market"}],
            saturday=[{"start": "17:00:00", "end": "1.00:00:00", "state": "market"}],
        ),
    )
    year = DateRange(date(2013, 1, 1), date(2013, 12, 31))

    calendar = calendar_from_lean(base, "A", name="A", span=year)

    hours = {}
    for day in ("2013-03-10", "2013-03-17", "2013-11-03"):
        session = calendar.session_of(at(f"{day} 12:00", CHICAGO))
        assert session is not None
        hours[day] = (session.close_ns - session.open_ns) / 3_600_000_000_000
    assert hours == {"2013-03-10": 22.0, "2013-03-17": 23.0, "2013-11-03": 24.0}


def test_short_pauses_are_breaks_where_they_are_said_to_be(tmp_path: Path) -> None:
    base = a_base(tmp_path, A=entry([("09:30:00", "12:00:00"), ("13:00:00", "16:00:00")]))

    apart = calendar_from_lean(base, "A", name="A", span=NOVEMBER)
    joined = calendar_from_lean(base, "A", name="A", span=NOVEMBER, break_s_max=3600)

    assert (len(apart.sessions), len(joined.sessions)) == (10, 5)
    assert apart.trading_hours == joined.trading_hours


def test_extended_hours_are_those_before_and_after_too(tmp_path: Path) -> None:
    spans = [
        {"start": "04:00:00", "end": "09:30:00", "state": "premarket"},
        {"start": "09:30:00", "end": "16:00:00", "state": "market"},
        {"start": "16:00:00", "end": "20:00:00", "state": "postmarket"},
    ]
    base = a_base(tmp_path, A={**entry([]), "monday": spans})

    calendar = calendar_from_lean(base, "A", name="A", span=NOVEMBER, hours="extended")

    assert calendar.hours == ((at("2013-11-25 04:00"), at("2013-11-25 20:00")),)


def test_a_symbol_without_an_entry_has_its_markets(tmp_path: Path) -> None:
    path = tmp_path / "market-hours-database.json"
    whole = {"entries": {"Equity-usa-[*]": entry([("09:30:00", "16:00:00")])}}
    path.write_text(json.dumps(whole), encoding="utf-8")

    calendar = calendar_from_lean(path, "Equity-usa-SPY", name="A", span=NOVEMBER)

    assert len(calendar.sessions) == 5
    with pytest.raises(InputError, match=r"no entry 'Future-cme-ES' and none for its market"):
        calendar_from_lean(path, "Future-cme-ES", name="A", span=NOVEMBER)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exchangeTimeZone": "America/Newyork"}, "time zone 'America/Newyork' is unknown"),
        ({"holidays": ["2013-11-28"]}, "no date .value 2013-11-28"),
        ({"earlyCloses": {"11/29/2013": "1 pm"}}, "no time of a day .value 1 pm"),
        (
            {"monday": [{"start": "10:00:00", "end": "09:00:00", "state": "market"}]},
            "end before they begin",
        ),
        (
            {
                "monday": [
                    {"start": "09:00:00", "end": "12:00:00", "state": "market"},
                    {"start": "11:00:00", "end": "16:00:00", "state": "market"},
                ]
            },
            "hours of a day overlap",
        ),
        ({"monday": [{"start": "10:00:00"}]}, "it lacks or mistakes"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_by_name(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    base = a_base(tmp_path, A={**entry([("09:30:00", "16:00:00")]), **change})

    with pytest.raises(InputError, match=words):
        calendar_from_lean(base, "A", name="A", span=NOVEMBER)


def test_years_are_asked_for_where_no_holiday_says_them(tmp_path: Path) -> None:
    base = a_base(tmp_path, A=entry([("09:30:00", "16:00:00")]))

    with pytest.raises(InputError, match=r"lists no holiday.*give --from and --to"):
        calendar_from_lean(base, "A", name="A")


def test_what_never_closes_is_no_calendar_to_import(tmp_path: Path) -> None:
    whole = [{"start": "00:00:00", "end": "1.00:00:00", "state": "market"}]
    base = a_base(tmp_path, A={**entry([]), **dict.fromkeys((*DAYS, "saturday", "sunday"), whole)})

    with pytest.raises(InputError, match="never closes; use 24/7"):
        calendar_from_lean(base, "A", name="A", span=NOVEMBER)


def test_another_file_is_no_data_base(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[]", encoding="utf-8")

    with pytest.raises(DataError, match="no market hours data base"):
        lean_entries(file)


# -- the real one -------------------------------------------------------------------------------


def test_every_entry_of_the_real_data_base_is_a_calendar_or_refused_by_name(
    test_data: Path,
) -> None:
    base = test_data / "lean" / "data" / "market-hours" / "market-hours-database.json"
    entries = lean_entries(base)
    span = DateRange(date(2013, 10, 15), date(2013, 12, 31))
    made, refused = 0, {}

    for key in entries:
        try:
            calendar_from_lean(base, key, name="A", span=span, hours="extended", entries=entries)
            made += 1
        except InputError as error:
            refused[key] = str(error)

    assert (len(entries), made, len(refused)) == (549, 537, 12)
    assert all("never closes; use 24/7" in each for each in refused.values()), refused


def test_the_half_day_of_new_york_and_the_hours_of_chicago_are_right(test_data: Path) -> None:
    base = test_data / "lean" / "data" / "market-hours" / "market-hours-database.json"

    stocks = calendar_from_lean(base, "Equity-usa-SPY", name="XNYS")
    future = calendar_from_lean(base, "Future-cme-ES", name="ES", hours="extended")

    half = stocks.session_of(at("2013-11-29 12:00"))
    assert half is not None
    assert (half.kind, half.close_ns) == ("half_day", at("2013-11-29 13:00"))
    assert stocks.session_of(at("2013-11-28 12:00")) is None
    night = future.session_of(at("2013-10-15 03:00"))
    assert night is not None
    assert (night.open_ns, night.close_ns) == (at("2013-10-14 18:00"), at("2013-10-15 17:00"))
