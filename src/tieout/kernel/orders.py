"""The life of an order: which report moves it where, whatever order the reports come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InvariantViolated
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.orders import AmendOrder, CancelOrder, OrderState, OrderType, PlaceOrder
from tieout.model.splits import order_after

if TYPE_CHECKING:
    from tieout.model.splits import Ratio

__all__ = ["Order", "Orders"]

_FINAL = (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.DENIED)


class Order(msgspec.Struct, gc=False, eq=False):
    """One order as we know it.

    Attributes:
        place: The decision that made it, with the terms that the venue last confirmed.
        state: `OrderState`.
        filled_lots: Booked so far; never above `place.lots` unless the venue overfilled.
        venue_order_id: The venue's id; empty before it accepted.
        fills: Lots by trade id, so that a fill seen twice counts once.
        amends: Amends under way, oldest first; the venue answers them in the order they were sent.
        cancel: The cancel under way; None when none is.
        amended: Whether the venue ever changed its terms.
        answered: Decision id of the cancel or amend that the last report of such answered; of one
            that answered none known here, its number among those, and empty of the first.
        strays: How many reports of such there were that answered none known here.
    """

    place: PlaceOrder
    state: OrderState = OrderState.INTENDED
    filled_lots: int = 0
    venue_order_id: str = ""
    triggered: bool = False
    fills: dict[str, int] = {}
    amends: tuple[AmendOrder, ...] = ()
    cancel: CancelOrder | None = None
    amended: bool = False
    answered: str = ""
    strays: int = 0

    def answers(self, wish: CancelOrder | AmendOrder | None) -> None:
        """Know what the venue answered: each answer has a name of its own."""
        if wish is not None:
            self.answered = wish.decision_id
            return
        self.answered = str(self.strays) if self.strays else ""
        self.strays += 1

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.state not in _FINAL

    @property
    def open_lots(self) -> int:
        """Signed lots that may still trade.

        An unknown order counts in full, and so does an amend that would make it larger.
        """
        if self.state in _FINAL:
            return 0
        lots = self.place.lots
        if self.amends:
            lots = max(lots, *(each.lots or 0 for each in self.amends))
        return (lots - self.filled_lots) * self.place.side

    def snapshot(self) -> tuple[object, ...]:
        """Return (decision id, state, filled lots), and what changed, for a state hash."""
        known = self.place.decision_id, int(self.state), self.filled_lots
        if not (self.amends or self.amended or self.cancel is not None):
            return known
        place = self.place
        return (
            *known,
            (place.lots, place.limit_ticks, place.stop_ticks),
            tuple(each.decision_id for each in self.amends),
            "" if self.cancel is None else self.cancel.decision_id,
        )


OrderReport = (
    OrderAccepted
    | OrderRejected
    | OrderTriggered
    | Fill
    | OrderCancelled
    | CancelRejected
    | OrderAmended
    | AmendRejected
    | OrderOutcomeUnknown
)


class Orders:
    """All orders of a run; open ones are kept apart, since they are asked for at each decision."""

    def __init__(self) -> None:
        self.by_id: dict[str, Order] = {}
        self.open: dict[str, Order] = {}

    def counts(self) -> tuple[int, int]:
        """Return how many orders there were, and how many fills."""
        return len(self.by_id), sum(len(each.fills) for each in self.by_id.values())

    def add(self, place: PlaceOrder) -> Order:
        """Take a new intent.

        Raises:
            InvariantViolated: The decision id is taken; an id is made from its origin, so the
                same origin decided twice.
        """
        identity = place.decision_id
        if identity in self.by_id:
            raise InvariantViolated(
                f"decision {identity} ({place.origin}) exists already; one origin may decide once"
            )
        self.by_id[identity] = self.open[identity] = order = Order(place)
        return order

    def impose(self, place: PlaceOrder) -> None:
        """Know an order that the venue placed by itself; what is said twice counts once."""
        if place.decision_id not in self.by_id:
            self.add(place).state = OrderState.ACCEPTED

    def split(self, instrument: str, ratio: Ratio) -> None:
        """Let the amends under way mean what they mean after a split; the venue tells of orders."""
        for order in self.open.values():
            if order.place.instrument == instrument and order.amends:
                order.amends = tuple(_amend_after(order, each, ratio) for each in order.amends)

    def open_lots(self, instrument: str) -> int:
        """Return the signed sum of lots that may still open a position in an instrument.

        Orders that only reduce are left out: the exits of a position must not make room, in the
        eyes of a limit, for more of it.
        """
        return sum(
            order.open_lots
            for order in self.open.values()
            if order.place.instrument == instrument and not order.place.reduce_only
        )

    def open_lots_of(self, instrument: str, side: int) -> int:
        """Return the lots that orders of one side may still trade; not negative.

        Orders that only reduce are left out.
        """
        return sum(
            abs(order.open_lots)
            for order in self.open.values()
            if order.place.instrument == instrument
            and order.place.side == side
            and not order.place.reduce_only
        )

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
        kind = type(report)
        if kind is Fill:
            moved = self._fill(order, report)  # type: ignore[arg-type]
        elif kind is OrderAccepted and order.state not in _FINAL:
            # The most common report, and one that never ends an order.
            accepted = self._accepted(order, report.venue_order_id)  # type: ignore[union-attr]
            return order if accepted else None
        else:
            moved = self._moves(order, report)
        if not moved:
            return None
        if order.state in _FINAL:
            self.open.pop(report.decision_id, None)
            order.cancel = None
        return order

    def _moves(self, order: Order, report: OrderReport) -> bool:
        kind = type(report)
        if kind is OrderTriggered:
            changed = not order.triggered
            order.triggered = True
            return changed
        if order.state in _FINAL:
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
        if kind is OrderAmended:
            return self._amended(order, report)  # type: ignore[arg-type]
        if kind is AmendRejected:
            # It stands as it stood; that is news even of an amend that was never ours.
            order.answers(order.amends[0] if order.amends else None)
            order.amends = order.amends[1:]
            return True
        assert kind is CancelRejected, report
        # A cancel may be sent again before it is answered: then only the last is known here.
        order.answers(order.cancel)
        order.cancel = None
        return True

    def _accepted(self, order: Order, venue_order_id: str) -> bool:
        order.venue_order_id = venue_order_id
        if order.state in (OrderState.INTENDED, OrderState.SENT, OrderState.UNKNOWN):
            order.state = OrderState.PARTLY_FILLED if order.filled_lots else OrderState.ACCEPTED
            return True
        return False

    def _amended(self, order: Order, report: OrderAmended) -> bool:
        place = order.place
        told = (report.lots, report.limit_ticks, report.stop_ticks)
        if order.amends and _wanted(place, order.amends[0]) == told:
            order.answers(order.amends[0])
            order.amends = order.amends[1:]
        elif told == (place.lots, place.limit_ticks, place.stop_ticks):
            # Told by the answer and by the stream: the second changes nothing.
            return False
        else:
            order.answers(None)
        order.place = msgspec.structs.replace(
            place,
            lots=report.lots,
            limit_ticks=report.limit_ticks,
            stop_ticks=report.stop_ticks,
        )
        order.amended = True
        if order.filled_lots >= report.lots:
            order.state = OrderState.FILLED
        return True

    def _fill(self, order: Order, fill: Fill) -> bool:
        if fill.trade_id in order.fills:
            return False
        order.fills[fill.trade_id] = fill.lots
        order.filled_lots += fill.lots
        if order.filled_lots >= order.place.lots:
            order.state = OrderState.FILLED
        elif order.state is OrderState.REJECTED:
            # The venue has it after all: what is left may trade, so it counts again.
            order.state = OrderState.PARTLY_FILLED
            self.open[fill.decision_id] = order
        elif order.state not in _FINAL:
            order.state = OrderState.PARTLY_FILLED
        return True


def _amend_after(order: Order, amend: AmendOrder, ratio: Ratio) -> AmendOrder:
    place = order.place
    lots, limit, stop = _wanted(place, amend)
    whole = msgspec.structs.replace(place, lots=lots, limit_ticks=limit, stop_ticks=stop)
    after = order_after(whole, order.filled_lots, ratio)
    return msgspec.structs.replace(
        amend,
        lots=None if amend.lots is None else after.lots,
        limit_ticks=None if amend.limit_ticks is None else after.limit_ticks,
        stop_ticks=None if amend.stop_ticks is None else after.stop_ticks,
    )


def _wanted(place: PlaceOrder, wish: AmendOrder) -> tuple[int, int | None, int | None]:
    """Return (lots, limit, stop) of an order once an amend is done."""
    return (
        place.lots if wish.lots is None else wish.lots,
        place.limit_ticks if wish.limit_ticks is None else wish.limit_ticks,
        place.stop_ticks if wish.stop_ticks is None else wish.stop_ticks,
    )
