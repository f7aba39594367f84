"""How much the venue lets an account be short: what there is to borrow at the time of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.adapters.venues.simulated.under_way import UnderWay
from tieout.ledger.affordable import unborrowable
from tieout.model.events import Fill, OrderCancelled, OrderRejected
from tieout.model.splits import lots_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tieout.model.borrow import BorrowRates
    from tieout.model.events import Report
    from tieout.model.orders import PlaceOrder
    from tieout.model.splits import Ratio

__all__ = ["RECALL", "Shorting"]

RECALL: Final = "recall"
"""What the ids of the venue's own purchases begin with."""


class Shorting:
    """Refuses a sale that could leave the account shorter than there is to borrow.

    Where less becomes available than is short, the difference is called back.

    What counts is what is held and every sale that may still trade, by what the venue has reported;
    purchases under way do not, since they may not fill.

    Args:
        rates: What there is to borrow.
        positions: Signed lots at the start, of every symbol that may trade.
        start_ns: Venue time of that start: what was told before it calls nothing back any more.
    """

    def __init__(
        self, rates: BorrowRates, positions: Mapping[str, int], *, start_ns: int = 0
    ) -> None:
        self._rates = rates
        self._held = dict(positions)
        self._called: dict[str, int] = {}
        self._looked_ns = dict.fromkeys(positions, start_ns - 1)
        self._left: set[str] = set()
        self.under_way = UnderWay()

    def take(self, reports: Iterable[Report]) -> None:
        """Know what became of orders."""
        for report in reports:
            self.under_way.take(report)
            if isinstance(report, Fill):
                held = self._held.get(report.instrument, 0)
                self._left.discard(report.instrument)
                self._held[report.instrument] = held + report.side * report.lots
                if report.decision_id.startswith(RECALL):
                    called = self._called.get(report.instrument, 0)
                    self._called[report.instrument] = max(0, called - report.lots)
            elif isinstance(report, OrderCancelled | OrderRejected) and (
                report.decision_id.startswith(RECALL)
            ):
                self._called[report.decision_id.split(":", 1)[1].rsplit(":", 1)[0]] = 0

    def called(self, symbol: str, lots: int) -> None:
        """Know of what an earlier process called back and has not bought yet."""
        self._called[symbol] = self._called.get(symbol, 0) + lots

    def leave(self, symbols: Iterable[str]) -> None:
        """Call nothing back of these until they trade here: another venue watches them."""
        self._left.update(symbols)

    def split(self, symbol: str, ratio: Ratio) -> None:
        """Hold what a split leaves of a position."""
        self._held[symbol] = lots_after(self._held.get(symbol, 0), ratio)
        self._called[symbol] = lots_after(self._called.get(symbol, 0), ratio)

    def next_recall_ns(self, limit_ns: int) -> int | None:
        """Return when a short is next looked at, if that is by the limit."""
        due = [
            change
            for symbol, held in self._held.items()
            if held < 0
            and symbol not in self._left
            and (change := self._rates.next_change_ns(symbol, self._looked_ns.get(symbol, -1)))
            is not None
            and change <= limit_ns
        ]
        return min(due, default=None)

    def recalls(self, until_ns: int) -> Iterator[tuple[str, int, int]]:
        """Yield (symbol, lots to buy back, when) of what is called back by a time."""
        for symbol in self._held:
            # Of those that are not short too: what was told before a short began is over.
            looked = self._looked_ns.get(symbol, -1)
            while (change := self._rates.next_change_ns(symbol, looked)) is not None:
                if change > until_ns:
                    break
                self._looked_ns[symbol] = looked = change
                lots = self._missing(symbol, change)
                if lots > 0 and symbol not in self._left:
                    self._called[symbol] = self._called.get(symbol, 0) + lots
                    yield symbol, lots, change

    def _missing(self, symbol: str, at_ns: int) -> int:
        known = self._rates.at(symbol, at_ns)
        if known is None or known.available_lots is None:
            return 0
        return -self._held[symbol] - known.available_lots - self._called.get(symbol, 0)

    def refusal(self, order: PlaceOrder, at_ns: int) -> str | None:
        """Return why a sale cannot be covered, or None."""
        known = self._rates.at(order.instrument, at_ns)
        return unborrowable(
            order,
            None if known is None else known.available_lots,
            held_lots=self._held.get(order.instrument, 0),
            sales_lots=self.under_way.lots(order.instrument, -1),
        )
