"""An order that is changed by cancelling it and sending the rest anew, where a venue cannot amend.

    wanted terms ──▶ cancel what works ──▶ wait for the venue's word ──▶ the rest, on new terms

Nothing is sent before the venue has said that the old order is gone: two orders for one wish are
never there at once, and what filled in between is taken off. What a venue's own amend would keep,
and this cannot, is the place in the queue; and where the venue refuses the new order, the old one
is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.kernel.compositions.base import Composition, merged, untriggered
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderTriggered,
)
from tieout.model.splits import order_after

if TYPE_CHECKING:
    from tieout.kernel.compositions.base import News
    from tieout.kernel.desk import Desk
    from tieout.kernel.orders import Order
    from tieout.model.events import OrderDenied, OrderRejected
    from tieout.model.orders import AmendOrder, CancelOrder
    from tieout.model.splits import Ratio

__all__ = ["Working"]


class Working(Composition):
    """Keeps an order at the terms wanted: one part works at a time, the order itself first.

    Attributes:
        standing: Terms of the part that works; what holds again when a cancel is refused.
        wish: The last amend not done yet; None when there is none.
        telling: Whether the next acceptance tells that an amend was done.
        triggered: Whether its trigger price was reached; what is sent anew then waits for none.
    """

    def __init__(self, desk: Desk, order: Order) -> None:
        super().__init__(desk, order.place)
        self.filled_lots = order.filled_lots
        self.parts.append(order.place.decision_id)
        self.standing = order.place
        self.wish: AmendOrder | None = None
        self.telling = False
        self.triggered = order.triggered

    @property
    def whole_lots(self) -> int:
        """What it takes to be done: the size of what works, until the venue lets go of it."""
        return self.standing.lots

    def amend(self, wish: AmendOrder) -> None:
        """Take new terms; the last ones wished before the venue's word are the ones sent."""
        if self.ending:
            self.desk.deny_amend(
                wish,
                self.order.instrument,
                "final",
                f"{self.order.instrument}: the order is being cancelled; place a new one",
            )
            return
        self.order = merged(self.order, wish)
        waiting = self.wish is not None
        self.wish = wish
        self.desk.decided(wish)
        if not waiting:
            self._drop(self.parts[-1], wish.decision_id)

    def split(self, ratio: Ratio, cause: str) -> None:  # noqa: ARG002 - the venue tells of it
        """Want what a split leaves; the venue tells of what works."""
        self.order = order_after(self.order, self.filled_lots, ratio)
        self.standing = order_after(self.standing, self.filled_lots, ratio)

    def cancel(self, wish: CancelOrder) -> None:
        """Cancel what works, and send nothing after it."""
        waiting, self.wish = self.wish is not None, None
        if waiting and not self.ending:
            # The cancel is under way already.
            self.ending = True
            self.desk.decided(wish)
        else:
            super().cancel(wish)

    def child(self, news: News) -> None:
        """Take the news of the part; an amend that came too late is refused."""
        super().child(news)
        if self.is_closed and self.wish is not None:
            wish, self.wish = self.wish, None
            self._refuse(wish, "final")

    def ended(self, news: OrderCancelled | OrderRejected | OrderDenied) -> None:
        """Send the rest on the terms wanted, once the venue says that the old order is gone."""
        if type(news) is OrderCancelled and self.wish is not None:
            self._again()
        else:
            self.end_with(news)

    def told(self, news: News) -> None:
        """Tell the news of the part as news of the order."""
        if type(news) is CancelRejected:
            self._stands(news)
        elif type(news) is OrderAccepted and self.telling:
            self.telling = False
            self.desk.tell_amended(self.order, news.decision_id)
        else:
            self.triggered |= type(news) is OrderTriggered
            self.desk.publish(msgspec.structs.replace(news, decision_id=self.id))

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        wish = "" if self.wish is None else self.wish.decision_id
        standing = msgspec.structs.astuple(self.standing)
        return *super().snapshot(), standing, wish, self.telling, self.triggered

    def _again(self) -> None:
        wish, self.wish = self.wish, None
        if self.left_lots <= 0 or wish is None:
            self.finish("requested")
            return
        if self.triggered:
            self.order = untriggered(self.order)
        self.standing = self.order
        self.telling = True
        self.send_part(f"again:{self.filled_lots}:{wish.decision_id}", self.left_lots)

    def _stands(self, news: CancelRejected) -> None:
        wish, self.wish = self.wish, None
        if wish is not None:
            self.order = self.standing
            self._refuse(wish, news.reason)
        if self.ending or wish is None:
            self.ending = False
            self.desk.publish(msgspec.structs.replace(news, decision_id=self.id))

    def _refuse(self, wish: AmendOrder, reason: str) -> None:
        now_ns = self.desk.now_ns
        self.desk.publish(
            AmendRejected(
                decision_id=wish.order_decision_id,
                reason=reason,
                venue_time_ns=now_ns,
                arrival_time_ns=now_ns,
            ),
            wish.decision_id,
        )
