"""What a row must reach to concern our orders, told from scratch: twins of both `note_bounds`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.acted_markets import order, profile_of
from tieout.market import _book_matching_layout as levels_at
from tieout.market import _order_matching_layout as orders_at
from tieout.market.book_matching import BookCore
from tieout.market.order_matching import OrderCore

NEVER = 2**62


def bounds(orders: list[tuple[int, int, int, int]], names: Any) -> dict[str, int]:
    """Return the bounds of (side, limit, stop, phase), by what each of them means."""
    resting = [(side, side * limit) for side, limit, _, phase in orders if phase == names.RESTING]
    armed = [(side, stop) for side, _, stop, phase in orders if phase == names.ARMED]
    return {
        "best bid": max([key for side, key in resting if side > 0], default=-NEVER),
        "best ask": max([key for side, key in resting if side < 0], default=-NEVER),
        "low bid": min([key for side, key in resting if side > 0], default=NEVER),
        "low ask": min([key for side, key in resting if side < 0], default=NEVER),
        "rises": min([stop for side, stop in armed if side > 0], default=NEVER),
        "falls": max([stop for side, stop in armed if side < 0], default=-NEVER),
    }


def noted(core: Any, names: Any) -> dict[str, int]:
    view = core._view
    return {
        "best bid": view[names.OWN_BEST],
        "best ask": view[names.OWN_BEST + 1],
        "low bid": view[names.OWN_LOW],
        "low ask": view[names.OWN_LOW + 1],
        "rises": view[names.RISES],
        "falls": view[names.FALLS],
    }


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("level", ["book", "orders"])
def test_note_bounds_is_what_the_orders_say(level: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    names: Any = levels_at if level == "book" else orders_at
    core: Any = (BookCore if level == "book" else OrderCore)(profile_of(level))
    told = []
    for number in range(int(draw.integers(0, 9))):
        side, limit, stop = int(draw.choice([1, -1])), *map(int, draw.integers(1, 99, 2))
        phase = int(draw.choice([names.RESTING, names.ARMED]))
        kind = "limit" if phase == names.RESTING else "stop"
        placed = order(f"d{number}", side, kind, 1, limit if kind == "limit" else stop)
        core.place(number, placed, arrival_ns=10, response_ns=0)
        told.append((side, limit, stop, phase))
    rows = core._open_orders()
    for row, (_, _, _, phase) in zip(rows, told, strict=True):
        row[names.PHASE] = phase

    # Nothing else that it does: it calls `note_bounds`.
    core.hold(0)

    assert noted(core, names) == bounds(told, names)
