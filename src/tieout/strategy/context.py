"""What a strategy may ask and do; the kernel implements it, the same in every world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    import numpy as np

    from tieout.model.events import Bar
    from tieout.strategy.indicators import Indicator

__all__ = ["BarStream", "Context", "PositionView", "TimerEvent"]


class TimerEvent(Protocol):
    """A timer that fired."""

    @property
    def name(self) -> str:
        """As you named it."""

    @property
    def due_ns(self) -> int:
        """When it was due."""


class BarStream(Protocol):
    """Bars of one instrument and interval."""

    @property
    def instrument(self) -> str:
        """Symbol."""

    @property
    def interval_ns(self) -> int:
        """Length of a bar."""


class PositionView(Protocol):
    """A position, exact in lots, and as plain numbers beside."""

    @property
    def lots(self) -> int:
        """Signed lots."""

    @property
    def units(self) -> Decimal:
        """Signed quantity."""


class Context(Protocol):
    """The market, the clock, the orders and the memory of one strategy."""

    @property
    def now_ns(self) -> int:
        """Our time: arrival of the event, or due time of the timer, being handled."""

    @property
    def equity(self) -> Decimal:
        """Cash plus open profit at the last prices seen, by our own ledger."""

    def bars(self, instrument: str, interval: str, *, warm_up: int = 0) -> BarStream:
        """Subscribe to closed bars; in `on_start` only.

        Args:
            instrument: Symbol.
            interval: Such as `1m`, `15m`, `4h`.
            warm_up: How many bars from before the start come first, flagged `warm_up`; they fill
                indicators, and orders placed on them are refused.
        """

    def trades(self, instrument: str) -> None:
        """Subscribe to every print; in `on_start` only."""

    def indicator(self, name: str, stream: BarStream, *arguments: int) -> Indicator:
        """Make an indicator that is brought up to date before each `on_bar`."""

    def timer_every(self, name: str, interval_ns: int, *, offset_ns: int = 0) -> None:
        """Fire at each whole multiple of the interval since 1970 (UTC), plus the offset."""

    def timer_at(self, name: str, due_ns: int) -> None:
        """Fire once."""

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""

    def history(self, stream: BarStream, count: int) -> Sequence[Bar]:
        """Return the last `count` bars this strategy has seen, oldest first."""

    def position(self, instrument: str) -> PositionView:
        """Return what our ledger holds."""

    def open_orders(self, instrument: str | None = None) -> Sequence[str]:
        """Return ids of orders that may still trade, oldest first."""

    def target(self, instrument: str, *, units: Decimal | str | float) -> str | None:
        """Trade the difference between a wanted position and what is held or under way.

        Under way are market orders and triggered stops; resting limits and stops do not count.

        Returns:
            The order's id, or None when there is nothing to trade.
        """

    def buy(
        self,
        instrument: str,
        *,
        units: Decimal | str | float,
        limit: Decimal | str | float | None = None,
        stop: Decimal | str | float | None = None,
        immediate: bool = False,
    ) -> str:
        """Wish to buy: at market, with a limit, or by a stop; return the order's id."""

    def sell(
        self,
        instrument: str,
        *,
        units: Decimal | str | float,
        limit: Decimal | str | float | None = None,
        stop: Decimal | str | float | None = None,
        immediate: bool = False,
    ) -> str:
        """Wish to sell: at market, with a limit, or by a stop; return the order's id."""

    def cancel(self, order_id: str) -> None:
        """Wish to cancel what is left of an order; a finished order is no error."""

    def random(self, purpose: str) -> np.random.Generator:
        """Return a generator keyed by seed, this callback's origin and the purpose."""

    def load(self, key: str) -> str | None:
        """Read the key–value store, which survives restarts."""

    def save(self, key: str, value: str) -> None:
        """Write the key–value store; journaled like a decision."""
