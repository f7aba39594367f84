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
        # Symbol, side, lots left, and lots filled.
        self._open: dict[str, tuple[str, int, int, int]] = {}

    def place(self, order: PlaceOrder, *, filled_lots: int = 0) -> None:
        """Know an order that the venue took."""
        if not order.reduce_only:
            lots = order.lots - filled_lots
            self._open[order.decision_id] = (order.instrument, order.side, lots, filled_lots)

    def take(self, report: Report) -> None:
        """Know what became of an order."""
        if isinstance(report, OrderCancelled | OrderRejected):
            self._open.pop(report.decision_id, None)
        elif isinstance(report, OrderAmended) and report.decision_id in self._open:
            symbol, side, _, filled = self._open[report.decision_id]
            left = report.lots - filled
            self._open[report.decision_id] = (symbol, side, left, filled)
        elif isinstance(report, Fill) and report.decision_id in self._open:
            symbol, side, lots, filled = self._open.pop(report.decision_id)
            if lots > report.lots:
                left, filled = lots - report.lots, filled + report.lots
                self._open[report.decision_id] = (symbol, side, left, filled)

    def names(self) -> list[str]:
        """Return the decisions that made them, oldest first."""
        return list(self._open)

    def lots(self, symbol: str, side: int) -> int:
        """Return what orders of one side may still trade."""
        return sum(
            lots for name, way, lots, _ in self._open.values() if (name, way) == (symbol, side)
        )
