"""A made-up market of single orders, with the levels it shows: the same every time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.order_events import add, cancel, events, fill, print_of
from tests.support.worlds import T0
from tieout.market.order_book import OrderBook
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from tieout.model.columns import BookColumns, OrderEventColumns

SYMBOL = "MADE/USDT:USDT"
MADE = Instrument(
    symbol=SYMBOL, venue_symbol="MADEUSDT", tick_size=Decimal("0.5"), lot_size=Decimal(1)
)
MILLISECOND = 1_000_000


def made_orders(  # noqa: C901  a market in one piece
    moves: int = 4_000, *, seed: int = 5, latency_ns: int = 0
) -> OrderEventColumns:
    """Return orders that come, go and trade around 1,000 ticks, one move each 20 ms or so.

    Nobody crosses but who trades at once: a print, then a fill and a cancel of each who gave.
    """
    draw = np.random.default_rng(seed)
    queues: dict[tuple[int, int], list[list[int]]] = {}
    rows: list[dict[str, Any]] = []
    time, names = T0, 0

    def best(side: int) -> int | None:
        prices = [price for each, price in queues if each == side and queues[each, price]]
        return (max(prices) if side > 0 else min(prices)) if prices else None

    def come(side: int, price: int, lots: int) -> None:
        nonlocal names
        names += 1
        queues.setdefault((side, price), []).append([names, lots])
        rows.append(add(names, side, price, lots, at=time))

    def trade(side: int, lots: int) -> None:
        price = best(-side)
        assert price is not None
        queue = queues[-side, price]
        lots = min(lots, sum(each[1] for each in queue))
        rows.append(print_of(side, price, lots, at=time, last=False))
        while lots:
            name, there = queue[0]
            part = min(lots, there)
            rows.append(fill(name, -side, price, part, at=time, last=False))
            rows.append(cancel(name, part, at=time, last=part == lots))
            lots -= part
            queue[0][1] -= part
            if not queue[0][1]:
                queue.pop(0)

    middle = 1_000
    for depth in range(1, 6):
        for side in (1, -1):
            come(side, middle - side * depth, 20)
    for _ in range(moves):
        time += int(draw.integers(1, 40)) * MILLISECOND
        side = int(draw.choice([1, -1]))
        other, own = best(-side), best(side)
        kind = draw.random()
        if other is None or own is None or kind < 0.55:
            reach = -side * int(draw.integers(0, 4)) if own is not None else 0
            price = (own if own is not None else middle - side) + reach
            if draw.random() < 0.25 and other is not None and side * (price + side - other) < 0:
                price += side
            come(side, price, int(draw.integers(1, 9)))
        elif kind < 0.8:
            there = [each for (its, _), each in queues.items() if its == side and each]
            queue = there[int(draw.integers(len(there)))]
            if len(there) > 2:
                name, lots = queue.pop(int(draw.integers(len(queue))))
                rows.append(cancel(name, lots, at=time))
        else:
            trade(side, int(draw.integers(1, 12)))
    made = events(*rows)
    return replace(made, instrument=SYMBOL, arrival_time_ns=made.venue_time_ns + latency_ns)


def levels_of(orders: OrderEventColumns) -> BookColumns:
    """Return what the orders make of the levels."""
    return OrderBook().levels_of(orders)
