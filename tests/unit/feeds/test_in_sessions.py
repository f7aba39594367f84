"""A venue with hours sees the rows of its sessions, however they are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.worlds import MINUTE, T0, bars, trades
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.feeds.in_sessions import SessionMarket

if TYPE_CHECKING:
    from collections.abc import Iterator

HOURS = [(T0 + 2 * MINUTE, T0 + 4 * MINUTE), (T0 + 7 * MINUTE, T0 + 8 * MINUTE)]


def minutes_of(columns: Any, cut: int, when: str) -> list[int]:
    """Return the minutes that are left of rows that come in pieces."""

    def pieces() -> Iterator[Any]:
        for start in range(0, len(columns), cut):
            yield columns.rows(start, start + cut)

    market = SessionMarket(HistoryMarket(pieces()), HOURS)
    found: list[int] = []
    while (rows := market.fetch(1 << 62)) is not None:
        found += ((getattr(rows, when) - T0) // MINUTE).tolist()
    return found


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_print_is_in_a_session_from_its_open_on_and_before_its_close(cut: int) -> None:
    rows = trades([1] * 10, step_ns=MINUTE)

    assert minutes_of(rows, cut, "venue_time_ns") == [2, 3, 7]


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_bar_is_in_a_session_when_a_part_of_it_is(cut: int) -> None:
    rows = bars([1] * 10, start_ns=T0 + MINUTE // 2)

    # From half past one on a bar reaches into the session that opens at two.
    assert minutes_of(rows, cut, "open_time_ns") == [1, 2, 3, 6, 7]


def test_rows_that_are_all_in_sessions_are_passed_as_they_are() -> None:
    rows = trades([1, 1], step_ns=MINUTE, start_ns=T0 + MINUTE)

    assert SessionMarket(HistoryMarket([rows]), HOURS).fetch(0) is rows
