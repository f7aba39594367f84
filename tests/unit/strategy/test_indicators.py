"""Each indicator against its definition, written out over the whole past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.worlds import bars, single_events
from tieout.model.events import Bar
from tieout.strategy.indicators import make_indicator

if TYPE_CHECKING:
    from collections.abc import Callable


def mean(past: list[Bar], window: int, tick: float) -> float:
    return sum(each.close_ticks for each in past[-window:]) / window * tick


def highest(past: list[Bar], window: int, tick: float) -> float:
    return max(each.high_ticks for each in past[-window:]) * tick


def lowest(past: list[Bar], window: int, tick: float) -> float:
    return min(each.low_ticks for each in past[-window:]) * tick


@pytest.mark.parametrize("window", [1, 2, 7])
@pytest.mark.parametrize(
    ("name", "definition"), [("sma", mean), ("highest", highest), ("lowest", lowest)]
)
def test_an_indicator_equals_its_definition_at_every_bar(
    name: str, definition: Callable[[list[Bar], int, float], float], window: int
) -> None:
    walk = np.random.default_rng(3).integers(395, 405, 200).tolist()
    past = [each for each in single_events(bars(walk)) if isinstance(each, Bar)]
    indicator = make_indicator(name, window, tick=0.25)
    for seen, bar in enumerate(past, start=1):
        indicator.update(bar)
        assert indicator.ready == (seen >= window)
        if indicator.ready:
            assert indicator.value == definition(past[:seen], window, 0.25)
