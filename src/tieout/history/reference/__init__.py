"""Calendars, lists by date and rules by date: imported once, kept as plain data in the store."""

from tieout.history.reference.exchange_calendars import calendar_from_package
from tieout.history.reference.lean_hours import calendar_from_lean, lean_entries
from tieout.history.reference.store import ReferenceStore
from tieout.history.reference.tables import (
    calendar_from_table,
    rules_from_table,
    universe_from_table,
)
from tieout.history.reference.times import DateRange

__all__ = [
    "DateRange",
    "ReferenceStore",
    "calendar_from_lean",
    "calendar_from_package",
    "calendar_from_table",
    "lean_entries",
    "rules_from_table",
    "universe_from_table",
]
