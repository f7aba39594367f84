"""How much the venue lets an account be short: what there is to borrow at the time of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.adapters.venues.simulated.under_way import UnderWay
from tieout.model.events import Fill

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
        self.under_way = UnderWay()

    def take(self, reports: Iterable[Report]) -> None:
        """Know what became of orders."""
        for report in reports:
            self.under_way.take(report)
            if isinstance(report, Fill):
                held = self._held.get(report.instrument, 0)
                self._held[report.instrument] = held + report.side * report.lots

    def refusal(self, order: PlaceOrder, at_ns: int) -> str | None:
        """Return why a sale cannot be covered, or None."""
        if order.side > 0 or order.reduce_only:
            return None
        known = self._rates.at(order.instrument, at_ns)
        if known is None or known.available_lots is None:
            return None
        sales = self.under_way.lots(order.instrument, -1) + order.lots
        after = self._held.get(order.instrument, 0) - sales
        if -after <= known.available_lots:
            return None
        return (
            f"{order.instrument}: short {-after} lots with what is under way; there are "
            f"{known.available_lots} to borrow"
        )
