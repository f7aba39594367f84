"""The life of an order: which report moves it where, whatever order the reports come in."""

from __future__ import annotations

import msgspec

from tieout.errors import InvariantViolated
from tieout.model.events import (
    CancelRejected,
    Fill,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.orders import OrderState, OrderType, PlaceOrder

__all__ = ["Order", "Orders"]

_FINAL = (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.DENIED)


class Order(msgspec.Struct, gc=False, eq=False):
    """One order as we know it.

    Attributes:
        place: The decision that made it.
        state: `OrderState`.
        filled_lots: Booked so far; never above `place.lots` unless the venue overfilled.
        venue_order_id: The venue's id; empty before it accepted.
        fills: Lots by trade id, so that a fill seen twice counts once.
    """

    place: PlaceOrder
    state: OrderState = OrderState.INTENDED
    filled_lots: int = 0
    venue_order_id: str = ""
    triggered: bool = False
    fills: dict[str, int] = {}

    @property
    def open_lots(self) -> int:
        """Signed lots that may still trade; an unknown order counts in full."""
        if self.state in _FINAL:
            return 0
        return (self.place.lots - self.filled_lots) * self.place.side

    def snapshot(self) -> tuple[str, int, int]:
        """Return (decision id, state, filled lots) for a state hash."""
        return self.place.decision_id, int(self.state), self.filled_lots


OrderReport = (
    OrderAccepted
    | OrderRejected
    | OrderTriggered
    | Fill
    | OrderCancelled
    | CancelRejected
    | OrderOutcomeUnknown
)


class Orders:
    """All orders of a run; open ones are kept apart, since they are asked for at each decision."""

    def __init__(self) -> None:
        self.by_id: dict[str, Order] = {}
        self.open: dict[str, Order] = {}

    def add(self, place: PlaceOrder) -> Order:
        """Take a new intent.

        Raises:
            InvariantViolated: The decision id is taken; an id is made from its origin, so the
                same origin decided twice.
        """
        if place.decision_id in self.by_id:
            raise InvariantViolated(
                f"decision {place.decision_id} ({place.origin}) exists already; "
                "one origin may decide once"
            )
        order = Order(place)
        self.by_id[place.decision_id] = order
        self.open[place.decision_id] = order
        return order

    def open_lots(self, instrument: str) -> int:
        """Return the signed sum of lots that may still trade in an instrument."""
        return sum(o.open_lots for o in self.open.values() if o.place.instrument == instrument)

    def coming_lots(self, instrument: str) -> int:
        """Return the signed sum of lots under way: no limits, no sleeping stops."""
        return sum(
            order.open_lots
            for order in self.open.values()
            if order.place.instrument == instrument
            and (order.place.order_type == OrderType.MARKET or order.triggered)
        )

    def apply(self, report: OrderReport) -> Order | None:
        """Move an order by a report; return it when something changed, None when nothing did.

        A report of an order that is not ours, a second acceptance and a fill seen before change
        nothing. A fill is applied whatever the state: the venue's fills are facts.
        """
        order = self.by_id.get(report.decision_id)
        if order is None:
            return None
        moved = self._fill(order, report) if type(report) is Fill else self._moves(order, report)
        if not moved:
            return None
        if order.state in _FINAL:
            self.open.pop(report.decision_id, None)
        return order

    def _moves(self, order: Order, report: OrderReport) -> bool:
        kind = type(report)
        if kind is OrderTriggered:
            changed = not order.triggered
            order.triggered = True
            return changed
        if order.state in _FINAL:
            return False
        if kind is OrderAccepted:
            order.venue_order_id = report.venue_order_id  # type: ignore[union-attr]
            waiting = (OrderState.INTENDED, OrderState.SENT, OrderState.UNKNOWN)
            if order.state in waiting:
                order.state = OrderState.PARTLY_FILLED if order.filled_lots else OrderState.ACCEPTED
                return True
            return False
        if kind is OrderRejected:
            order.state = OrderState.REJECTED
            return True
        if kind is OrderCancelled:
            order.state = OrderState.CANCELLED
            return True
        if kind is OrderOutcomeUnknown:
            changed = order.state in (OrderState.INTENDED, OrderState.SENT)
            if changed:
                order.state = OrderState.UNKNOWN
            return changed
        return kind is CancelRejected

    def _fill(self, order: Order, fill: Fill) -> bool:
        if fill.trade_id in order.fills:
            return False
        order.fills[fill.trade_id] = fill.lots
        order.filled_lots += fill.lots
        if order.filled_lots >= order.place.lots:
            order.state = OrderState.FILLED
        elif order.state not in _FINAL:
            order.state = OrderState.PARTLY_FILLED
        return True
