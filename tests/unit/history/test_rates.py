"""Funding and mark prices in the store: they come back as they were, and only if they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.history.builders import ES, MINUTE, T0
from tieout.errors import DataError, InputError
from tieout.history import Store

if TYPE_CHECKING:
    from pathlib import Path

EIGHT = 480 * MINUTE


def rates(**changed: list[int]) -> dict[str, Any]:
    columns = {
        "venue_time_ns": [T0, T0 + EIGHT, T0 + 2 * EIGHT],
        "rate_e18": [10**14, -(10**14), 0],
        "interval_ns": [EIGHT] * 3,
        "mark_ticks": [400, 0, 410],
    }
    return {name: np.array(values, np.int64) for name, values in {**columns, **changed}.items()}


def marks() -> dict[str, Any]:
    opened = np.array([T0, T0 + MINUTE], np.int64)
    prices = {f"{name}_ticks": np.array([400, 401]) for name in ("open", "high", "low", "close")}
    return {"open_time_ns": opened, "close_time_ns": opened + MINUTE, **prices}


def test_a_funding_series_comes_back_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("rates", "funding", ES, [rates()], source="a test")

    found = store.dataset("rates").funding()

    assert found.instrument == ES.symbol
    for name, values in rates().items():
        np.testing.assert_array_equal(getattr(found, name), values)
    assert len(found.rows(1, 3)) == 2
    store.verify("rates")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rate_e18": [2 * 10**18, 0, 0]}, "beyond all reason"),
        ({"interval_ns": [EIGHT, 0, EIGHT]}, "interval is not positive"),
        ({"mark_ticks": [1, -1, 1]}, "mark is negative"),
        ({"venue_time_ns": [T0, T0, T0 + 1]}, "there already"),
        ({"venue_time_ns": [T0, T0 + 2, T0 + 1]}, "goes backwards"),
    ],
)
def test_a_rate_that_cannot_be_is_named_and_nothing_is_left(
    tmp_path: Path, changed: dict[str, list[int]], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        Store(tmp_path).write("rates", "funding", ES, [rates(**changed)], source="a test")

    assert list(tmp_path.iterdir()) == []


def test_mark_prices_come_back_as_bars_known_at_their_close(tmp_path: Path) -> None:
    made = Store(tmp_path).write(
        "marks", "mark", ES, [marks()], interval_ns=MINUTE, source="a test"
    )

    (found,) = made.marks()
    assert found.arrival_time_ns.tolist() == [T0 + MINUTE, T0 + 2 * MINUTE]
    assert found.open_ticks.tolist() == [400, 401]
    assert [len(each) for each in made.marks(start_ns=T0 + 2 * MINUTE)] == [1]


def test_what_holds_something_else_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    series = store.write("rates", "funding", ES, [rates()], source="a test")
    bars = store.write("marks", "mark", ES, [marks()], interval_ns=MINUTE, source="a test")

    for wrong in (
        lambda: series.batches(delay_ns=0),
        lambda: bars.batches(delay_ns=0),
        series.recorded,
        series.marks,
        bars.funding,
    ):
        with pytest.raises(InputError, match=r"holds (funding|mark)"):
            wrong()
