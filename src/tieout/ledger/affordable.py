"""What an account can afford: one rule, asked before an order leaves and again by the venue.

Both ask it of their own books, which are the same as far as the venue has told: so what history
refuses before it is sent is refused so live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.errors import SettingsError
from tieout.ledger.margin import initial_margin
from tieout.model.margin import MarginMode
from tieout.model.money import decimal_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.ledger.ledger import Ledger
    from tieout.model.borrow import BorrowRate
    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms
    from tieout.model.orders import PlaceOrder

__all__ = ["Affordable", "unborrowable"]


class Affordable:
    """Says why an account cannot have an order.

    Args:
        terms: The venue's rules.
        instruments: What may be held, by symbol.

    Raises:
        SettingsError: One account stands for several positions.
    """

    def __init__(self, terms: MarginTerms, instruments: Mapping[str, Instrument]) -> None:
        if terms.mode == MarginMode.CROSS and len(instruments) > 1:
            raise SettingsError(
                f"margin: cross over {len(instruments)} instruments; the price that closes one "
                "would hang on all others: use isolated, or one instrument"
            )
        self._terms = terms
        self._instruments = instruments

    def refusal(
        self, order: PlaceOrder, ledger: Ledger, *, under_way_lots: int, last_ticks: int | None
    ) -> str | None:
        """Return why the account cannot afford an order, or None.

        Args:
            order: The wish.
            ledger: The account's books, by what the venue has told.
            under_way_lots: What orders of the same side may still trade, those that only reduce
                left out; not negative.
            last_ticks: Last price known.
        """
        if order.reduce_only:
            return None
        symbol, side = order.instrument, order.side
        held = ledger.position(symbol).lots
        after = held + side * (under_way_lots + order.lots)
        if self._terms.mode == MarginMode.CASH:
            return self._unpaid(order, ledger, after - held, after, last_ticks)
        if abs(after) <= abs(held):
            return None
        price = order.limit_ticks or order.stop_ticks or last_ticks
        if price is None:
            return f"{symbol}: no price is known by which its margin could be told"
        need = initial_margin(self._terms, self._instruments[symbol].notional(after, price))
        free = self._free(symbol, ledger, last_ticks or price)
        return None if need <= free else _short_of(symbol, need, free)

    def set_aside(self, symbol: str, ledger: Ledger) -> int:
        """Return the initial margin of what a position cost."""
        return initial_margin(self._terms, ledger.position(symbol).cost)

    def _free(self, symbol: str, ledger: Ledger, ticks: int) -> int:
        """Return what the account can put up for a position."""
        if self._terms.mode == MarginMode.CROSS:
            return ledger.equity({symbol: ticks})
        others = (self.set_aside(each, ledger) for each in self._instruments if each != symbol)
        return ledger.balance - sum(others)

    def _unpaid(
        self, order: PlaceOrder, ledger: Ledger, more: int, after: int, last: int | None
    ) -> str | None:
        """Return why a cash account cannot have an order: not paid in full, or not held."""
        symbol = order.instrument
        if order.side < 0:
            return None if after >= 0 else f"{symbol}: a cash account sells no more than it holds"
        price = order.limit_ticks or order.stop_ticks or last
        if price is None:
            return f"{symbol}: no price is known by which it could be paid"
        need = self._instruments[symbol].notional(more, price)
        free = ledger.cash
        return None if need <= free else _short_of(symbol, need, free)


def unborrowable(
    order: PlaceOrder, known: BorrowRate | None, *, held_lots: int, sales_lots: int
) -> str | None:
    """Return why a sale cannot be covered by what there is to borrow, or None.

    Args:
        order: The wish.
        known: What there is to borrow then; None: no limit.
        held_lots: Signed position.
        sales_lots: What other sales may still sell; purchases under way do not count.
    """
    if order.side > 0 or order.reduce_only or known is None or known.available_lots is None:
        return None
    after = held_lots - sales_lots - order.lots
    if -after <= known.available_lots:
        return None
    return (
        f"{order.instrument}: short {-after} lots with what is under way; there are "
        f"{known.available_lots} to borrow"
    )


def _short_of(symbol: str, need: int, free: int) -> str:
    return (
        f"{symbol}: it takes {decimal_text(need)} with what is under way; there are "
        f"{decimal_text(free)}"
    )
