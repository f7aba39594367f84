"""Orders that wait here for a price, where the venue cannot wait for it itself.

What is looked at are the prices that the strategy's own streams bring, as they arrive: so a trigger
on one-minute bars acts when the bar is known, in every world. The order that leaves then carries
the id that the strategy knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.compositions.base import Composition, span_of, untriggered
from tieout.model.events import Bar, OrderTriggered, Trade
from tieout.model.orders import OrderType, Side
from tieout.model.splits import trigger_after

if TYPE_CHECKING:
    from tieout.kernel.desk import Desk
    from tieout.model.orders import PlaceOrder
    from tieout.model.splits import Ratio

__all__ = ["FixedTrigger", "TrailingTrigger", "trail_level"]

_STOPS = (OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)


class _Trigger(Composition):
    until = "triggered"
    watches = True

    def __init__(self, desk: Desk, order: PlaceOrder) -> None:
        super().__init__(desk, order)
        self.armed_at_ns = desk.now_ns

    def snapshot(self) -> tuple[object, ...]:
        return *super().snapshot(), self.armed_at_ns

    def _release(self, event: Trade | Bar) -> None:
        """Let the order go as what it is once it is triggered."""
        desk, order = self.desk, self.order
        self.close()
        true_at_ns = event.close_time_ns if type(event) is Bar else event.venue_time_ns  # type: ignore[union-attr]
        desk.publish(
            OrderTriggered(
                decision_id=self.id, venue_time_ns=true_at_ns, arrival_time_ns=desk.now_ns
            )
        )
        desk.submit(desk.stamped(untriggered(order), f"leg:{self.id}:triggered"))


class FixedTrigger(_Trigger):
    """A stop or an if-touched order: goes when its trigger price is reached.

    A stop waits for the market to move against its side's wish (a buy stop for a rise), an
    if-touched order for it to move in its favour.
    """

    def seen(self, event: Trade | Bar) -> None:
        """Let the order go once a price at or beyond the trigger is seen."""
        prices = span_of(event, self.armed_at_ns)
        if prices is None:
            return
        low, high, _ = prices
        trigger = self.order.stop_ticks
        assert trigger is not None, self.order
        rises = (self.order.side == Side.BUY) == (self.order.order_type in _STOPS)
        if high >= trigger if rises else low <= trigger:
            self._release(event)


class TrailingTrigger(_Trigger):
    """A stop that follows the market in our favour and never comes back.

    Of one event the stop is tested first and moved afterwards; inside a bar the adverse extreme
    is taken to come first, then the favourable one, then the close. A bar in which the trailing is
    activated reached its favourable extreme at or after that, and is tested by its close.

    Attributes:
        level_ticks: Where the stop is; None before the first price.
        active: Whether the activation price was reached.
    """

    def __init__(self, desk: Desk, order: PlaceOrder) -> None:
        super().__init__(desk, order)
        self.level_ticks = order.stop_ticks
        self.active = order.activation_ticks is None

    def seen(self, event: Trade | Bar) -> None:
        """Test the stop, then let it follow."""
        prices = span_of(event, self.armed_at_ns)
        if prices is None:
            return
        low, high, last = prices
        sells = self.order.side == Side.SELL
        worst, best = (low, high) if sells else (high, low)
        if not self.active:
            activation = self.order.activation_ticks
            assert activation is not None, self.order
            if best < activation if sells else best > activation:
                return
            self.active = True
        elif self._beyond(worst):
            self._release(event)
            return
        self._follow(best)
        if self._beyond(last):
            self._release(event)

    def split(self, ratio: Ratio, cause: str) -> None:
        """Be as a split leaves it, where it stands now included."""
        if self.level_ticks is not None:
            self.level_ticks = trigger_after(
                self.level_ticks, self.order.side, ratio, touched=False
            )
        super().split(ratio, cause)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return *super().snapshot(), self.level_ticks, self.active

    def _beyond(self, price_ticks: int) -> bool:
        level = self.level_ticks
        if level is None:
            return False
        return price_ticks <= level if self.order.side == Side.SELL else price_ticks >= level

    def _follow(self, best_ticks: int) -> None:
        order = self.order
        level = trail_level(
            order.side,
            best_ticks,
            trail_ticks=order.trail_ticks,
            trail_share_e8=order.trail_share_e8,
        )
        if self.level_ticks is None or (level - self.level_ticks) * order.side < 0:
            self.level_ticks = level


def trail_level(
    side: int, best_ticks: int, *, trail_ticks: int | None, trail_share_e8: int | None
) -> int:
    """Return where a trailing stop is when the best price since its activation is this.

    The distance is rounded up to whole ticks, away from the market.

    Args:
        side: `Side` value of the stop order: a sell trails below, a buy above.
        best_ticks: Highest price for a sell, lowest for a buy.
        trail_ticks: Distance; None when it is a share.
        trail_share_e8: Distance as a share of `best_ticks`, in 10⁻⁸.

    >>> trail_level(-1, 1000, trail_ticks=None, trail_share_e8=150_000)
    998
    """
    if trail_ticks is None:
        assert trail_share_e8 is not None, "a trailing stop has a distance"
        trail_ticks = -(-best_ticks * trail_share_e8 // 10**8)
    return best_ticks + side * trail_ticks
