"""Orders that compiled code brought through their lives: made one by one when somebody asks."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tieout.model.blocks import records_of
from tieout.model.events import ClockReached, Fill, FundingCharged
from tieout.model.orders import CancelOrder, OrderState, PlaceOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tieout.kernel.orders import Order, Orders
    from tieout.ledger import Ledger
    from tieout.model.blocks import Block

__all__ = ["DeferredOrders"]

_NONE: Final[Mapping[str, Order]] = MappingProxyType({})


class DeferredOrders:
    """Stands in for the orders of a kernel until one of them is looked at.

    Then every record of the blocks is applied by the very code that would have applied it one by
    one, and the orders themselves take their place again.

    Args:
        orders: Those known before.
        ledger: Has the money already, and takes each booking into its hash.
        put_back: Puts the orders in their place.
        bring: Adds the blocks that are not written yet.

    Attributes:
        none_open: Whether it is known that no order is open: then nothing needs to be applied for
            somebody who asks which are.
    """

    def __init__(
        self,
        orders: Orders,
        ledger: Ledger,
        put_back: Callable[[Orders], None],
        bring: Callable[[], None],
    ) -> None:
        self._orders = orders
        self._ledger = ledger
        self._put_back = put_back
        self._bring = bring
        self.none_open = False
        self._blocks: list[Block] = []
        self._placed = 0
        self._fills = 0
        self._settled = False

    def add_block(self, block: Block) -> None:
        """Take what happened next."""
        self._blocks.append(block)

    def count(self, *, orders: int, fills: int) -> None:
        """Count what the blocks hold."""
        self._placed += orders
        self._fills += fills

    def counts(self) -> tuple[int, int]:
        """Return how many orders there were, and how many fills."""
        orders, fills = self._orders.counts()
        return orders + self._placed, fills + self._fills

    @property
    def open(self) -> Mapping[str, Order]:
        """The orders that may still trade."""
        return _NONE if self.none_open else self.settle().open

    def name(self) -> None:
        """Give every booking to the ledger, by applying everything."""
        self.settle()

    def settle(self) -> Orders:
        """Apply everything, and return the orders, which are in their place again."""
        orders, ledger = self._orders, self._ledger
        if self._settled:
            return orders
        self._bring()
        self._settled = True
        self._put_back(orders)
        blocks, self._blocks = self._blocks, []
        for block in blocks:
            for record in records_of(block):
                if isinstance(record, PlaceOrder):
                    orders.add(record).state = OrderState.SENT
                elif isinstance(record, CancelOrder):
                    orders.open[record.order_decision_id].cancel = record
                elif isinstance(record, FundingCharged):
                    ledger.named(record)
                elif not isinstance(record, ClockReached):
                    orders.apply(record)  # type: ignore[arg-type]
                    if isinstance(record, Fill):
                        ledger.named(record)
        return orders

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the orders have
        return getattr(self.settle(), name)
