"""Large orders in parts: by the clock, or with the volume that trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.compositions.base import Composition
from tieout.model.events import Bar, OrderCancelled, Trade
from tieout.model.orders import OrderType

if TYPE_CHECKING:
    from tieout.kernel.desk import Desk
    from tieout.kernel.timers import Timer
    from tieout.model.events import Fill, OrderDenied, OrderRejected
    from tieout.model.orders import WorkOrder

__all__ = ["OverTime", "WithVolume"]


class _Schedule(Composition):
    """Sends market orders, or limit orders where the whole has a limit.

    A part that ends without filling whole puts what is left of it back into the whole; a part that
    is refused, here or at the venue, ends the whole.
    """

    def _send(self, what: str, lots: int) -> None:
        limited = self.order.limit_ticks is not None
        kind = OrderType.LIMIT if limited else OrderType.MARKET
        self.send_part(what, lots, order_type=int(kind), limit_ticks=self.order.limit_ticks)

    def ended(self, news: OrderCancelled | OrderRejected | OrderDenied) -> None:
        if type(news) is OrderCancelled and not self.ending:
            return
        if self.parts:
            self.ending = True
        else:
            self.end_with(news)


class OverTime(_Schedule):
    """Sends equal parts at equal intervals, the first at once.

    By the n-th part, n shares of the whole have been sent: what earlier parts left unfilled goes
    with the next. The last part is followed by one interval more; what is open then is cancelled.

    Attributes:
        number: The next part, from 0.
    """

    def __init__(self, desk: Desk, wish: WorkOrder) -> None:
        super().__init__(desk, wish.order)
        self.count = wish.parts
        self.interval_ns = wish.interval_ns
        self.began_ns = desk.now_ns
        self.number = 0

    def start(self) -> None:
        """Send the first part."""
        self._next()

    def alarm(self, timer: Timer) -> None:
        """Send the part that is due, or end."""
        del timer
        if self.number < self.count:
            self._next()
        elif self.parts:
            for part in list(self.parts):
                self._drop(part, f"{self.id}:late")
            self.ending = True
        else:
            self.finish("expired")

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return *super().snapshot(), self.began_ns, self.number

    def filled(self, fill: Fill) -> None:
        """End where only the last part was waited for."""
        del fill
        if self.ending and not self.parts:
            self.finish("requested")

    def _next(self) -> None:
        number = self.number
        self.number += 1
        self.desk.set_alarm(
            f"leg:{self.id}:slice:{self.number}",
            self.began_ns + self.number * self.interval_ns,
            self,
        )
        share = self.order.lots * self.number // self.count
        lots = self.desk.whole_lots(
            self.order.instrument, share - self.filled_lots - self.under_way_lots
        )
        if lots > 0 and not self.ending:
            self._send(f"slice:{number}", lots)


class WithVolume(_Schedule):
    """Trades a share of the volume it sees, never more.

    What it sees are the prints where the strategy has them, else its shortest bars. Volume counts
    from the moment of the decision: prints later than it, and bars that opened at it or later.
    Later versions of a bar count nothing.

    Attributes:
        volume_lots: Seen so far.
    """

    watches = True

    def __init__(self, desk: Desk, wish: WorkOrder) -> None:
        super().__init__(desk, wish.order)
        self.share_e8 = wish.share_e8
        self.began_ns = desk.now_ns
        self.volume_lots = 0
        self.interval_ns = desk.finest_interval_ns(wish.order.instrument)

    def seen(self, event: Trade | Bar) -> None:
        """Count volume, and send what its share allows."""
        lots = self._volume(event)
        if lots == 0 or self.ending:
            return
        self.volume_lots += lots
        allowed = min(self.order.lots, self.volume_lots * self.share_e8 // 10**8)
        part = self.desk.whole_lots(
            self.order.instrument, allowed - self.filled_lots - self.under_way_lots
        )
        if part >= self.desk.least_lots(self.order.instrument):
            self._send(f"share:{self.desk.cause}", part)

    def filled(self, fill: Fill) -> None:
        """End where only the last part was waited for."""
        del fill
        if self.ending and not self.parts:
            self.finish("requested")

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return *super().snapshot(), self.began_ns, self.volume_lots

    def _volume(self, event: Trade | Bar) -> int:
        if type(event) is Trade:
            counts = self.interval_ns == 0 and event.venue_time_ns > self.began_ns
            return event.quantity_lots if counts else 0
        assert type(event) is Bar, event
        counts = (
            event.interval_ns == self.interval_ns
            and event.open_time_ns >= self.began_ns
            and event.revision == 0
            and not event.warm_up
        )
        return event.volume_lots if counts else 0
