"""A book on the trading floor: told as single orders, and as the levels they make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.support.floor import ns, play
from tests.support.order_events import add, cancel, events, fill, print_of
from tests.support.worlds import SYMBOL
from tieout.market.order_book import OrderBook
from tieout.model.profiles import FillLevel

if TYPE_CHECKING:
    from tieout.model.columns import BookColumns, OrderEventColumns
    from tieout.model.events import Report

LEVELS = ["book", "orders"]


class BookFloor:
    """Strangers' orders, second by second."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._standing: dict[int, list[int]] = {}
        self._names = 0

    def quote(self, at_s: float, bid: int, ask: int, lots: int = 10) -> BookFloor:
        """Let all go, and one bid and one ask come."""
        for name, (_, _, left) in list(self._standing.items()):
            self._rows.append(cancel(name, left, at=ns(at_s), last=False))
        self._standing.clear()
        self._come(at_s, 1, bid, lots, last=False)
        self._come(at_s, -1, ask, lots, last=True)
        return self

    def come(self, at_s: float, side: int, price: int, lots: int) -> BookFloor:
        """Let a stranger's order come."""
        self._come(at_s, side, price, lots, last=True)
        return self

    def trade(self, at_s: float, side: int, lots: int) -> BookFloor:
        """Let a stranger take from the best price of the other side, first come first."""
        other = [each for each in self._standing.items() if each[1][0] == -side]
        price = min(other, key=lambda each: side * each[1][1])[1][1]
        when = ns(at_s)
        self._rows.append(print_of(side, price, lots, at=when, last=False))
        for name, order in [each for each in other if each[1][1] == price]:
            part = min(lots, order[2])
            if part:
                self._rows.append(fill(name, -side, price, part, at=when, last=False))
                self._rows.append(cancel(name, part, at=when, last=False))
            lots -= part
            order[2] -= part
            if not order[2]:
                del self._standing[name]
        assert not lots, "the price has not so many"
        self._rows[-1]["last"] = True
        return self

    def rows(self, level: str, *, delay_ns: int = 0) -> OrderEventColumns | BookColumns:
        """Return the rows that a fill level matches on."""
        told = events(*self._rows)
        orders = replace(told, instrument=SYMBOL, arrival_time_ns=told.venue_time_ns + delay_ns)
        return orders if level == "orders" else OrderBook().levels_of(orders)

    def play(self, level: str, *wishes: Any, delay_ns: int = 0, **assumed: Any) -> list[Report]:
        """Return every report of the simulated venue; it waits for no late row."""
        rows: Any = [self.rows(level, delay_ns=delay_ns)]
        settings = {"fill_level": FillLevel(level), "feed_latency_ns_max": 0, **assumed}
        return play(rows, *wishes, **settings)

    def _come(self, at_s: float, side: int, price: int, lots: int, *, last: bool) -> None:
        self._names += 1
        self._standing[self._names] = [side, price, lots]
        self._rows.append(add(self._names, side, price, lots, at=ns(at_s), last=last))
