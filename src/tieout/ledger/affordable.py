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
    from collections.abc import Callable, Mapping

    from tieout.ledger.ledger import Ledger
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
        SettingsError: An inverse contract would have to be paid in full.
    """

    def __init__(self, terms: MarginTerms, instruments: Mapping[str, Instrument]) -> None:
        inverse = next((symbol for symbol, each in instruments.items() if each.inverse), None)
        if terms.mode == MarginMode.CASH and inverse is not None:
            raise SettingsError(
                f"margin: cash for {inverse}: an inverse contract is no coin that could be paid "
                "in full; use isolated, or cross"
            )
        self._terms = terms
        self._instruments = instruments

    def refusal(
        self,
        order: PlaceOrder,
        ledger: Ledger,
        *,
        under_way_lots: Callable[[str, int], int],
        last_ticks: Callable[[str], int | None],
    ) -> str | None:
        """Return why the account cannot afford an order, or None.

        Args:
            order: The wish.
            ledger: The account's books, by what the venue has told.
            under_way_lots: Returns what orders of a symbol and a side may still trade, those that
                only reduce left out; not negative.
            last_ticks: Returns the last price known of a symbol.
        """
        if order.reduce_only:
            return None
        symbol, side = order.instrument, order.side
        held = ledger.position(symbol).lots
        after = held + side * (under_way_lots(symbol, side) + order.lots)
        last = last_ticks(symbol)
        if self._terms.mode == MarginMode.CASH:
            return self._unpaid(order, ledger, after - held, after, last)
        if abs(after) <= abs(held):
            return None
        price = order.limit_ticks or order.stop_ticks or last
        if price is None:
            return _unpriced(symbol)
        need = initial_margin(self._terms, self._instruments[symbol].notional(after, price))
        if self._terms.mode == MarginMode.ISOLATED:
            others = (self.set_aside(each, ledger) for each in self._instruments if each != symbol)
            free = ledger.balance - sum(others)
            return None if need <= free else _short_of(symbol, need, free)
        free = ledger.balance + self._open_profit(symbol, ledger, last)
        # By name, so that what a refusal says does not hang on the order of the instruments.
        for each in sorted(self._instruments.keys() - {symbol}):
            lots, ticks = _most(each, ledger, under_way_lots), last_ticks(each)
            if ticks is not None:
                need += initial_margin(self._terms, self._instruments[each].notional(lots, ticks))
                free += self._open_profit(each, ledger, ticks)
            elif lots == abs(ledger.position(each).lots):
                # It stands at its cost until there is a price.
                need += self.set_aside(each, ledger)
            else:
                return _unpriced(each)
        return None if need <= free else _short_of(symbol, need, free)

    def _open_profit(self, symbol: str, ledger: Ledger, ticks: int | None) -> int:
        if ticks is None:
            return 0
        position = ledger.position(symbol)
        return self._instruments[symbol].value(position.lots, ticks) - position.cost

    def set_aside(self, symbol: str, ledger: Ledger) -> int:
        """Return the initial margin of what a position cost."""
        return initial_margin(self._terms, ledger.position(symbol).cost)

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
    order: PlaceOrder, available_lots: int | None, *, held_lots: int, sales_lots: int
) -> str | None:
    """Return why a sale cannot be covered by what there is to borrow, or None.

    Args:
        order: The wish.
        available_lots: What there is to borrow then; None: no limit.
        held_lots: Signed position.
        sales_lots: What other sales may still sell; purchases under way do not count.
    """
    if order.side > 0 or order.reduce_only or available_lots is None:
        return None
    after = held_lots - sales_lots - order.lots
    if -after <= available_lots:
        return None
    return (
        f"{order.instrument}: short {-after} lots with what is under way; there are "
        f"{available_lots} to borrow"
    )


def _most(symbol: str, ledger: Ledger, under_way_lots: Callable[[str, int], int]) -> int:
    """Return the size that a position may have once all orders of one side have traded."""
    held = ledger.position(symbol).lots
    return max(abs(held + side * under_way_lots(symbol, side)) for side in (1, -1))


def _unpriced(symbol: str) -> str:
    return f"{symbol}: no price is known by which its margin could be told"


def _short_of(symbol: str, need: int, free: int) -> str:
    return (
        f"{symbol}: it takes {decimal_text(need)} with what is under way; there are "
        f"{decimal_text(free)}"
    )
