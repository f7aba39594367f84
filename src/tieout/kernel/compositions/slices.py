"""Limit orders that show a part at a time, and market orders whose rest becomes a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.kernel.compositions.base import Composition, merged
from tieout.model.events import OrderAccepted, OrderAmended, OrderCancelled
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.splits import limit_after, order_after

if TYPE_CHECKING:
    from tieout.kernel.compositions.base import News
    from tieout.kernel.desk import Desk
    from tieout.model.events import Fill, OrderDenied, OrderRejected
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.splits import Ratio

__all__ = ["Iceberg", "MarketToLimit"]


class Iceberg(Composition):
    """Shows the market at most `display_lots` at a time; the next slice goes when one is done.

    Each slice goes to the back of the queue at its price. A slice that is refused or cancelled ends
    the whole order. The order of the strategy counts as accepted when the first slice is.
    """

    until = "shown"

    def start(self) -> None:
        """Show the first slice."""
        self._show()

    def filled(self, fill: Fill) -> None:
        """Show the next slice once none is there."""
        del fill
        if not self.parts:
            if self.ending:
                self.finish("requested")
            else:
                self._show()

    def told(self, news: News) -> None:
        """Tell that the first slice was accepted."""
        if type(news) is OrderAccepted and self.filled_lots == 0:
            self.desk.publish(msgspec.structs.replace(news, decision_id=self.id))

    def amend(self, wish: AmendOrder) -> None:
        """Change what is wanted; a new price reaches the slice that is shown as well."""
        before = self.order
        super().amend(wish)
        if self.order is not before and self.order.limit_ticks != before.limit_ticks:
            for part in list(self.parts):
                self.desk.change(part, wish.decision_id, limit_ticks=self.order.limit_ticks)

    def _show(self) -> None:
        display = self.order.display_lots
        assert display is not None, self.order
        self.send_part(
            f"shown:{self.filled_lots}",
            min(display, self.left_lots),
            display_lots=None,
            limit_ticks=self.order.limit_ticks,
        )


class MarketToLimit(Composition):
    """Takes what the market gives at once; what is left rests at the price of the first fill.

    The market order carries the id of the whole. It is immediate-or-cancel, and where a venue
    keeps the rest of a market order working all the same, the rest is cancelled.

    Attributes:
        first_price_ticks: Price of the first fill; None before.
    """

    def __init__(self, desk: Desk, order: PlaceOrder) -> None:
        super().__init__(desk, order)
        self.first_price_ticks: int | None = None

    def start(self) -> None:
        """Send the market order under the id of the whole."""
        self.parts.append(self.id)
        self.desk.leave(
            msgspec.structs.replace(
                self.order,
                order_type=int(OrderType.MARKET),
                time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL),
            )
        )

    def filled(self, fill: Fill) -> None:
        """Remember the first price, and end the market order where it goes on."""
        if self.first_price_ticks is None:
            self.first_price_ticks = fill.price_ticks
            self.desk.drop_at_venue(self.id, self.desk.cause)
        # The venue filled after it said that the rest was cancelled: the limit order is too large.
        over = -self.left_lots
        if over > 0 and self.parts:
            part = self.parts[-1]
            self.desk.resize(part, self.desk.open_lots(part) - over, self.desk.cause)

    def amend(self, wish: AmendOrder) -> None:
        """Change the rest where it rests; before that there is nothing to change."""
        rest = next((part for part in self.parts if part != self.id), None)
        if rest is None:
            self.desk.deny_amend(
                wish,
                self.order.instrument,
                "amend",
                f"{self.order.instrument}: the order still takes what the market gives; amend it "
                "once its rest is a limit order",
            )
            return
        changed = merged(self.order, wish)
        if changed.lots <= self.filled_lots:
            self.refuse(wish, changed.lots, self.filled_lots)
            return
        self.order = changed
        self.desk.decided(wish)
        others = self.filled_lots - self.desk.filled_lots(rest)
        self.desk.change(
            rest,
            wish.decision_id,
            lots=None if wish.lots is None else wish.lots - others,
            limit_ticks=wish.limit_ticks,
        )

    def split(self, ratio: Ratio, cause: str) -> None:  # noqa: ARG002 - the venue tells of it
        """Want what a split leaves; the venue tells of what it has."""
        self.order = order_after(self.order, self.filled_lots, ratio)
        if self.first_price_ticks is not None:
            self.first_price_ticks = limit_after(self.first_price_ticks, self.order.side, ratio)

    def ended(self, news: OrderCancelled | OrderRejected | OrderDenied) -> None:
        """Let the rest of the market order rest."""
        rests = (
            type(news) is OrderCancelled
            and news.decision_id == self.id
            and self.first_price_ticks is not None
            and not self.ending
        )
        if rests and self.left_lots > 0:
            self.send_part(
                f"rest:{self.filled_lots}",
                self.left_lots,
                order_type=int(OrderType.LIMIT),
                limit_ticks=self.first_price_ticks,
            )
        else:
            super().ended(news)

    def told(self, news: News) -> None:
        """Tell that the market order was accepted, and that the rest was changed."""
        if type(news) is OrderAccepted and news.decision_id == self.id:
            self.desk.publish(news)
        elif type(news) is OrderAmended:
            self.desk.tell_amended(self.order, self.desk.cause)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return *super().snapshot(), self.first_price_ticks
