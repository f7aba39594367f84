"""An order book as a dictionary of queues, written from its page and from nothing else.

It is the twin of check_events, apply_events, level_events, refill_table and what_lacks.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

ADD, MODIFY, CANCEL, FILL, TRADE, CLEAR = range(1, 7)


class NaiveOrder:
    def __init__(self, order_id: int, side: int, price: int, lots: int) -> None:
        self.order_id = order_id
        self.side = side
        self.price = price
        self.lots = lots
        self.traded = 0


class NaiveOrderBook:
    def __init__(self) -> None:
        self.orders: dict[int, NaiveOrder] = {}
        self.queues: dict[tuple[int, int], list[NaiveOrder]] = {}
        self.breaks: list[tuple[str, int]] = []
        self.time: int | None = None
        self.crossed = False
        self.row = 0

    # -- what is there ------------------------------------------------------------------------

    def lots_at(self, side: int, price: int) -> int:
        return sum(order.lots for order in self.queues.get((side, price), []))

    def levels(self, side: int) -> list[tuple[int, int]]:
        prices = sorted((price for s, price in self.queues if s == side), reverse=side == 1)
        return [(price, self.lots_at(side, price)) for price in prices]

    def best(self, side: int) -> int | None:
        levels = self.levels(side)
        return levels[0][0] if levels else None

    def queue_at(self, side: int, price: int) -> list[tuple[int, int]]:
        return [(order.order_id, order.lots) for order in self.queues.get((side, price), [])]

    @property
    def break_counts(self) -> Counter[str]:
        return Counter(kind for kind, _ in self.breaks)

    # -- rows ---------------------------------------------------------------------------------

    def note(self, kind: str) -> None:
        self.breaks.append((kind, self.row))

    def leave(self, order: NaiveOrder) -> None:
        queue = self.queues[order.side, order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.side, order.price]

    def join(self, order: NaiveOrder) -> None:
        order.traded = 0
        self.queues.setdefault((order.side, order.price), []).append(order)

    def apply(self, event: dict[str, Any]) -> None:
        if self.time is not None and event["time"] < self.time:
            self.note("STALE_TIME")
        else:
            self.time = event["time"]
        order = self.orders.get(event["order_id"])
        if event["action"] == ADD:
            if order is not None:
                self.note("DOUBLE_ADD")
                self.leave(order)
            self.add(event)
        elif event["action"] == CLEAR:
            self.orders.clear()
            self.queues.clear()
        elif event["action"] != TRADE:
            self.change(order, event)
        if event["last"]:
            self.look_whether_crossed()
        self.row += 1

    def change(self, order: NaiveOrder | None, event: dict[str, Any]) -> None:
        if order is None:
            self.note("UNKNOWN_ORDER")
            if event["action"] == MODIFY:
                self.add(event)
        elif event["action"] == MODIFY:
            self.modify(order, event)
        elif event["action"] == FILL:
            order.traded += event["lots"]
        else:
            self.cancel(order, event["lots"])

    def cancel(self, order: NaiveOrder, lots: int) -> None:
        if lots > order.lots:
            self.note("EXCESS_CANCEL")
        order.lots -= lots
        order.traded = max(0, order.traded - lots)
        if order.lots <= 0:
            self.leave(order)
            del self.orders[order.order_id]

    def add(self, event: dict[str, Any]) -> None:
        order = NaiveOrder(event["order_id"], event["side"], event["price"], event["lots"])
        self.orders[order.order_id] = order
        self.join(order)

    def modify(self, order: NaiveOrder, event: dict[str, Any]) -> None:
        stays = (order.side, order.price) == (event["side"], event["price"])
        if stays and event["lots"] <= order.lots - order.traded:
            order.lots = event["lots"]
            order.traded = 0
            return
        self.leave(order)
        order.side, order.price, order.lots = event["side"], event["price"], event["lots"]
        self.join(order)

    def look_whether_crossed(self) -> None:
        bid, ask = self.best(1), self.best(-1)
        crossed = bid is not None and ask is not None and bid >= ask
        if crossed and not self.crossed:
            self.note("CROSSED_BOOK")
        self.crossed = crossed
