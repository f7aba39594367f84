"""How much the venue lets an account be short: what there is to borrow at the time of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.model.events import Fill, OrderAmended, OrderCancelled, OrderRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tieout.model.borrow import BorrowRates
    from tieout.model.events import Report
    from tieout.model.orders import PlaceOrder

__all__ = ["Shorting"]


class Shorting:
    """Refuses a sale that could leave the account shorter than there is to borrow.

    What counts is what is held and every sale that may still trade, by what the venue has reported;
    purchases under way do not, since they may not fill.

    Args:
        rates: What there is to borrow.
        positions: Signed lots at the start, by symbol.
    """

    def __init__(self, rates: BorrowRates, positions: Mapping[str, int]) -> None:
        self._rates = rates
        self._held = dict(positions)
        self._sales: dict[str, tuple[str, int]] = {}

    def place(self, order: PlaceOrder, *, filled_lots: int = 0) -> None:
        """Know an order that the venue took."""
        if order.side < 0 and not order.reduce_only:
            self._sales[order.decision_id] = (order.instrument, order.lots - filled_lots)

    def take(self, reports: Iterable[Report]) -> None:
        """Know what became of orders."""
        for report in reports:
            if isinstance(report, Fill):
                self._traded(report)
            elif isinstance(report, OrderCancelled | OrderRejected):
                self._sales.pop(report.decision_id, None)
            elif isinstance(report, OrderAmended) and report.decision_id in self._sales:
                symbol, _ = self._sales[report.decision_id]
                # The new total counts whole: what of it has filled is held already, which errs
                # on the side of refusing.
                self._sales[report.decision_id] = (symbol, report.lots)

    def refusal(self, order: PlaceOrder, at_ns: int) -> str | None:
        """Return why a sale cannot be covered, or None."""
        if order.side > 0 or order.reduce_only:
            return None
        known = self._rates.at(order.instrument, at_ns)
        if known is None or known.available_lots is None:
            return None
        under_way = sum(lots for symbol, lots in self._sales.values() if symbol == order.instrument)
        after = self._held.get(order.instrument, 0) - under_way - order.lots
        if -after <= known.available_lots:
            return None
        return (
            f"{order.instrument}: short {-after} lots with what is under way; there are "
            f"{known.available_lots} to borrow"
        )

    def _traded(self, fill: Fill) -> None:
        self._held[fill.instrument] = self._held.get(fill.instrument, 0) + fill.side * fill.lots
        if fill.decision_id in self._sales:
            symbol, lots = self._sales[fill.decision_id]
            if lots > fill.lots:
                self._sales[fill.decision_id] = (symbol, lots - fill.lots)
            else:
                del self._sales[fill.decision_id]
