"""Orders that may still trade, as the venue's own reports have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.model.events import Fill, OrderAmended, OrderCancelled, OrderRejected

if TYPE_CHECKING:
    from tieout.model.events import Report
    from tieout.model.orders import PlaceOrder

__all__ = ["UnderWay"]


class UnderWay:
    """Lots that orders may still trade; those that only reduce a position are left out."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int, int]] = {}

    def place(self, order: PlaceOrder, *, filled_lots: int = 0) -> None:
        """Know an order that the venue took."""
        if not order.reduce_only:
            lots = order.lots - filled_lots
            self._open[order.decision_id] = (order.instrument, order.side, lots)

    def take(self, report: Report) -> None:
        """Know what became of an order."""
        if isinstance(report, OrderCancelled | OrderRejected):
            self._open.pop(report.decision_id, None)
        elif isinstance(report, OrderAmended) and report.decision_id in self._open:
            symbol, side, _ = self._open[report.decision_id]
            # The new total counts whole: what of it has filled is held already, which errs on the
            # side of refusing.
            self._open[report.decision_id] = (symbol, side, report.lots)
        elif isinstance(report, Fill) and report.decision_id in self._open:
            symbol, side, lots = self._open.pop(report.decision_id)
            if lots > report.lots:
                self._open[report.decision_id] = (symbol, side, lots - report.lots)

    def names(self) -> list[str]:
        """Return the decisions that made them, oldest first."""
        return list(self._open)

    def lots(self, symbol: str, side: int) -> int:
        """Return what orders of one side may still trade."""
        return sum(lots for name, way, lots in self._open.values() if (name, way) == (symbol, side))
