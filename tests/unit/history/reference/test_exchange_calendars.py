"""Calendars from the package, where it is there; a clear word where it is not."""

from __future__ import annotations

from datetime import date
from importlib.util import find_spec

import pytest

from tests.support.calendars import at
from tieout.errors import InputError
from tieout.history.reference import DateRange, calendar_from_package

NOVEMBER = DateRange(date(2013, 11, 1), date(2013, 12, 31))
IS_THERE = find_spec("exchange_calendars") is not None


@pytest.mark.skipif(not IS_THERE, reason="exchange-calendars is an extra")
def test_the_half_day_of_new_york_is_kept_with_its_source() -> None:
    calendar = calendar_from_package("XNYS", name="XNYS", span=NOVEMBER)

    session = calendar.session_of(at("2013-11-29 12:00"))
    assert session is not None
    assert (session.kind, session.close_ns) == ("half_day", at("2013-11-29 13:00"))
    assert calendar.source == "exchange-calendars: XNYS"
    assert calendar.version != ""


@pytest.mark.skipif(not IS_THERE, reason="exchange-calendars is an extra")
def test_a_lunch_is_a_break_and_an_unknown_exchange_is_named() -> None:
    calendar = calendar_from_package("XHKG", name="XHKG", span=NOVEMBER)

    assert calendar.sessions[0].break_start_ns is not None
    with pytest.raises(InputError, match="exchange-calendars: NOPE"):
        calendar_from_package("NOPE", name="NOPE", span=NOVEMBER)


@pytest.mark.skipif(IS_THERE, reason="it is installed")
def test_without_the_package_the_remedy_is_told() -> None:
    with pytest.raises(InputError, match=r"install tieout\[calendars\], or import .* from a CSV"):
        calendar_from_package("XNYS", name="XNYS", span=NOVEMBER)


def test_the_calendar_that_never_closes_is_not_imported() -> None:
    with pytest.raises(InputError, match="every run has"):
        calendar_from_package("24/7", name="A", span=NOVEMBER)
