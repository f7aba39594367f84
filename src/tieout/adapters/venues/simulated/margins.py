"""The venue's own books of an account on margin: what it refuses, and where it closes a position.

The account is counted as the venue has told it: fills with their fees, funding, borrowing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tieout.adapters.venues.simulated.under_way import UnderWay
from tieout.errors import SettingsError
from tieout.ledger import Ledger
from tieout.ledger.margin import initial_margin, liquidation_ticks
from tieout.model.events import Fill, FundingCharged
from tieout.model.margin import MarginMode
from tieout.model.money import decimal_text, round_half_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout.model.events import Report
    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms
    from tieout.model.orders import PlaceOrder

__all__ = ["LIQUIDATION", "Margins"]

LIQUIDATION: Final = "liquidation"
"""What the ids of the venue's own orders begin with."""


class Margins:
    """An account on margin, or on cash alone, at the venue.

    Args:
        terms: The venue's rules.
        instruments: What may be held, by symbol.
        cash: Balance at the start, in money units.
        positions: (signed lots, cost) held at the start, by symbol.

    Raises:
        SettingsError: One account stands for several positions.
    """

    def __init__(
        self,
        terms: MarginTerms,
        instruments: Mapping[str, Instrument],
        *,
        cash: int,
        positions: Mapping[str, tuple[int, int]],
    ) -> None:
        if terms.mode == MarginMode.CROSS and len(instruments) > 1:
            raise SettingsError(
                f"margin: cross over {len(instruments)} instruments; the price that closes one "
                "would hang on all others: use isolated, or one instrument"
            )
        self._terms = terms
        self._instruments = instruments
        self._ledger = Ledger(instruments, cash=cash, positions=positions)
        self.under_way = UnderWay()

    def take(self, reports: Sequence[Report]) -> dict[str, int]:
        """Book what the venue told; return when it last moved a symbol's liquidation price."""
        moved: dict[str, int] = {}
        for report in reports:
            self.under_way.take(report)
            if isinstance(report, Fill):
                self._ledger.book_fill(report)
                moved[report.instrument] = report.venue_time_ns
            elif isinstance(report, FundingCharged):
                self._ledger.book_funding(report)
                moved[report.instrument] = report.venue_time_ns
        return moved

    def held(self, symbol: str) -> int:
        """Return the signed lots of a position."""
        return self._ledger.position(symbol).lots

    def charged(self, report: Report) -> Report:
        """Return a report with what the venue takes for closing a position itself."""
        if type(report) is not Fill or not report.decision_id.startswith(LIQUIDATION):
            return report
        numerator, denominator = self._terms.liquidation_fee_rate.as_integer_ratio()
        notional = self._instruments[report.instrument].notional(report.lots, report.price_ticks)
        extra = round_half_up(notional * numerator, denominator)
        return msgspec.structs.replace(report, fee=report.fee + extra)

    def refusal(self, order: PlaceOrder, last_ticks: int | None) -> str | None:
        """Return why the account cannot afford an order, or None.

        Args:
            order: The wish.
            last_ticks: Last price known at the venue.
        """
        if order.reduce_only:
            return None
        symbol, side = order.instrument, order.side
        held = self.held(symbol)
        after = held + side * (self.under_way.lots(symbol, side) + order.lots)
        if self._terms.mode == MarginMode.CASH:
            return self._unpaid(order, after - held, after, last_ticks)
        if abs(after) <= abs(held):
            return None
        price = order.limit_ticks or order.stop_ticks or last_ticks
        if price is None:
            return f"{symbol}: no price is known by which its margin could be told"
        need = initial_margin(self._terms, self._instruments[symbol].notional(after, price))
        free = self._free(symbol, last_ticks or price)
        return None if need <= free else _short_of(symbol, need, free)

    def liquidation_ticks(self, symbol: str) -> int | None:
        """Return the price at which the venue closes a position; None: never."""
        position = self._ledger.position(symbol)
        if not position.lots or self._terms.mode == MarginMode.CASH:
            return None
        return liquidation_ticks(
            self._terms,
            self._instruments[symbol],
            lots=position.lots,
            cost=position.cost,
            wallet=self._wallet(symbol),
        )

    def _wallet(self, symbol: str) -> int:
        """Return the money that stands for a position."""
        if self._terms.mode == MarginMode.CROSS:
            return self._ledger.balance
        return self._set_aside(symbol)

    def _set_aside(self, symbol: str) -> int:
        return initial_margin(self._terms, self._ledger.position(symbol).cost)

    def _free(self, symbol: str, ticks: int) -> int:
        """Return what the account can put up for a position."""
        if self._terms.mode == MarginMode.CROSS:
            return self._ledger.equity({symbol: ticks})
        others = (self._set_aside(each) for each in self._instruments if each != symbol)
        return self._ledger.balance - sum(others)

    def _unpaid(self, order: PlaceOrder, more: int, after: int, last: int | None) -> str | None:
        """Return why a cash account cannot have an order: not paid in full, or not held."""
        symbol = order.instrument
        if order.side < 0:
            return None if after >= 0 else f"{symbol}: a cash account sells no more than it holds"
        price = order.limit_ticks or order.stop_ticks or last
        if price is None:
            return f"{symbol}: no price is known by which it could be paid"
        need = self._instruments[symbol].notional(more, price)
        free = self._ledger.cash
        return None if need <= free else _short_of(symbol, need, free)


def _short_of(symbol: str, need: int, free: int) -> str:
    return (
        f"{symbol}: it takes {decimal_text(need)} with what is under way; there are "
        f"{decimal_text(free)}"
    )
