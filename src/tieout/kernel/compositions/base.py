"""What every composition is: an order that the kernel works by primitives.

A composition stands for an order that the strategy knows by its id. What it sends are *parts*, each
a `PlaceOrder` with an id of its own, made of the parent's id and of how far it has come; what
becomes of the parts is told to the strategy as news of the one order it made.

    strategy ── order ──▶ composition ── parts ──▶ venue
             ◀── fills ──             ◀── reports ──

Its state is a fold of the journal: it is fed the reports of its parts, the market events that the
strategy's streams bring, and alarms, all of which are inputs of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from tieout.errors import InvariantViolated
from tieout.model.events import (
    AmendRejected,
    Bar,
    CancelRejected,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderDenied,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    Trade,
)
from tieout.model.orders import OrderType
from tieout.model.splits import order_after

if TYPE_CHECKING:
    from tieout.kernel.desk import Desk
    from tieout.kernel.timers import Timer
    from tieout.model.orders import AmendOrder, CancelOrder, PlaceOrder
    from tieout.model.splits import Ratio

__all__ = ["Composition", "News", "merged", "span_of", "untriggered"]

News = (
    OrderAccepted
    | OrderRejected
    | OrderDenied
    | OrderTriggered
    | Fill
    | OrderCancelled
    | CancelRejected
    | OrderAmended
    | AmendRejected
    | OrderOutcomeUnknown
)
"""What can be told of an order or of a part of one."""

_WITH_LIMIT = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED)

ENDS = (OrderCancelled, OrderRejected, OrderDenied)


class Composition:
    """An order that is kept here and worked by parts.

    Args:
        desk: Takes the parts and tells the news.
        order: As it is wanted now; amends change it.

    Attributes:
        filled_lots: Of all parts together.
        parts: Ids of the parts that may still trade, oldest first.
        ending: Whether it only waits for its parts to end.
    """

    until: ClassVar[str] = ""
    """What a `HoldOrder` of this kind says it waits for."""

    watches: ClassVar[bool] = False
    """Whether it is shown the market events of its instrument."""

    def __init__(self, desk: Desk, order: PlaceOrder) -> None:
        self.desk = desk
        self.order = order
        self.filled_lots = 0
        self.parts: list[str] = []
        self.ending = False

    @property
    def id(self) -> str:
        """The id that the strategy knows."""
        return self.order.decision_id

    @property
    def whole_lots(self) -> int:
        """What it takes to be done."""
        return self.order.lots

    @property
    def left_lots(self) -> int:
        """What has neither filled nor is under way in a part."""
        return self.order.lots - self.filled_lots - self.under_way_lots

    @property
    def under_way_lots(self) -> int:
        """What may still fill of the parts."""
        return sum(self._open_lots(part) for part in self.parts)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is done for it; late fills are told all the same."""
        return self.desk.composed.get(self.id) is not self

    def start(self) -> None:
        """Begin; called once, after the order is in the journal."""

    def seen(self, event: Trade | Bar) -> None:
        """Take a market event of the instrument."""
        raise InvariantViolated(f"{type(self).__name__} watches no market, not even {event}")

    def alarm(self, timer: Timer) -> None:
        """Take an alarm that was set."""
        raise InvariantViolated(f"{type(self).__name__} sets no alarm, not even {timer}")

    # -- wishes -------------------------------------------------------------------------------

    def cancel(self, wish: CancelOrder) -> None:
        """Stop, and cancel the parts that are at the venue; a second wish changes nothing."""
        if self.ending:
            return
        self.ending = True
        self.desk.decided(wish)
        for part in list(self.parts):
            self._drop(part, wish.decision_id)
        if not self.parts:
            self.finish("requested")

    def amend(self, wish: AmendOrder) -> None:
        """Change what is wanted; nothing of it has left, so it is done at once."""
        changed = merged(self.order, wish)
        gone = self.filled_lots + self.under_way_lots
        if changed.lots <= gone:
            self.refuse(wish, changed.lots, gone)
            return
        self.order = changed
        self.desk.decided(wish)
        self.desk.tell_amended(self.order, wish.decision_id)

    def refuse(self, wish: AmendOrder, lots: int, gone_lots: int) -> None:
        """Refuse to become smaller than what is done already."""
        symbol = self.order.instrument
        self.desk.deny_amend(
            wish,
            symbol,
            "amend",
            f"{symbol}: {lots} lots wanted, {gone_lots} have filled or are under way; cancel the "
            "order instead",
        )

    def split(self, ratio: Ratio, cause: str) -> None:
        """Be as a split leaves an order; where no lot is left of it, it ends.

        The venue splits the parts that it has, and tells of each.
        """
        self.order = order_after(self.order, self.filled_lots, ratio)
        if self.order.lots > self.filled_lots or self.parts:
            self.desk.tell_amended(self.order, cause)
        else:
            self.finish("venue")

    # -- parts --------------------------------------------------------------------------------

    def send_part(self, what: str, lots: int, **terms: object) -> None:
        """Send a part of the order.

        Args:
            what: How far the order has come, in words that no arrival time or counter is in: the
                part's identity is made of it.
            lots: Of the part.
            **terms: What differs from the whole order.
        """
        part = self.desk.part_of(self.order, what, lots=lots, **terms)
        self.parts.append(part.decision_id)
        self.desk.parent_of[part.decision_id] = self
        self.desk.submit(part)

    def child(self, news: News) -> None:
        """Take the news of a part."""
        part = news.decision_id
        if type(news) is Fill:
            self.filled_lots += news.lots
            if not self._open_lots(part):
                self._forget(part)
            if self.filled_lots >= self.whole_lots:
                self.close()
            self.desk.publish(msgspec.structs.replace(news, decision_id=self.id))
            if not self.is_closed:
                self.filled(news)
        elif isinstance(news, ENDS):
            self._forget(part)
            if not self.is_closed:
                self.ended(news)
        elif not self.is_closed:
            self.told(news)

    def filled(self, fill: Fill) -> None:
        """Go on after a fill that leaves some to do; it is counted and told already."""

    def ended(self, news: OrderCancelled | OrderRejected | OrderDenied) -> None:
        """Go on after a part ended without filling whole: here the order ends with it."""
        if not self.parts:
            self.end_with(news)

    def told(self, news: News) -> None:
        """Take other news of a part; the strategy is not told."""

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Forget the order here; late fills of its parts are still told."""
        self.desk.close(self)

    def finish(self, reason: str) -> None:
        """End what is left of the order, and tell it."""
        self.close()
        now_ns = self.desk.now_ns
        self.desk.publish(
            OrderCancelled(
                decision_id=self.id,
                reason=reason,
                filled_lots=self.filled_lots,
                venue_time_ns=now_ns,
                arrival_time_ns=now_ns,
            )
        )

    def end_with(self, news: OrderCancelled | OrderRejected | OrderDenied) -> None:
        """End the order as its last part ended, and tell it."""
        self.close()
        if type(news) is OrderCancelled:
            told = msgspec.structs.replace(news, decision_id=self.id, filled_lots=self.filled_lots)
            self.desk.publish(told)
        else:
            self.desk.publish(msgspec.structs.replace(news, decision_id=self.id))

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return (
            type(self).__name__,
            msgspec.structs.astuple(self.order),
            self.filled_lots,
            tuple(self.parts),
            self.ending,
        )

    def _open_lots(self, part: str) -> int:
        # A part may carry the id of the whole, which here means the order at the venue.
        return self.desk.open_lots_at_venue(part) if part == self.id else self.desk.open_lots(part)

    def _drop(self, part: str, cause: str) -> None:
        if part == self.id:
            self.desk.drop_at_venue(part, cause)
        else:
            self.desk.drop(part, cause)

    def _forget(self, part: str) -> None:
        if part in self.parts:
            self.parts.remove(part)


def merged(order: PlaceOrder, wish: AmendOrder) -> PlaceOrder:
    """Return an order with the terms that an amend wants."""
    return msgspec.structs.replace(
        order,
        lots=order.lots if wish.lots is None else wish.lots,
        limit_ticks=order.limit_ticks if wish.limit_ticks is None else wish.limit_ticks,
        stop_ticks=order.stop_ticks if wish.stop_ticks is None else wish.stop_ticks,
    )


def untriggered(order: PlaceOrder) -> PlaceOrder:
    """Return a triggered order as what it is from then on: a market or a limit order."""
    kind = OrderType.LIMIT if order.order_type in _WITH_LIMIT else OrderType.MARKET
    return msgspec.structs.replace(
        order,
        order_type=int(kind),
        stop_ticks=None,
        trail_ticks=None,
        trail_share_e8=None,
        activation_ticks=None,
    )


def span_of(event: Trade | Bar, after_ns: int) -> tuple[int, int, int] | None:
    """Return (low, high, last) of the prices that are known to be later than a moment.

    Of a bar that was under way only the close is; where its extremes lie before, nobody knows.

    Args:
        event: A market event.
        after_ns: The moment; venue time.

    Returns:
        Prices in ticks; None when nothing of the event is later, or it only warms indicators.
    """
    if type(event) is Trade:
        price = event.price_ticks
        return (price, price, price) if event.venue_time_ns > after_ns else None
    assert type(event) is Bar, event
    if event.warm_up or event.close_time_ns <= after_ns:
        return None
    close = event.close_ticks
    if event.open_time_ns < after_ns:
        return close, close, close
    return event.low_ticks, event.high_ticks, close
