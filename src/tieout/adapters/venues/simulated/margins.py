"""The venue's own books of an account on margin: what it refuses, and where it closes a position.

The account is counted as the venue has told it: fills with their fees, funding, borrowing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.adapters.venues.simulated.under_way import UnderWay
from tieout.ledger import Ledger
from tieout.ledger.affordable import Affordable
from tieout.ledger.cross_margin import Stake
from tieout.ledger.margin import liquidation_fee, liquidation_ticks
from tieout.model.events import Fill, FundingCharged
from tieout.model.margin import LIQUIDATION, MarginMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tieout.model.events import ActionBooked, Report
    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms
    from tieout.model.orders import PlaceOrder

__all__ = ["LIQUIDATION", "Margins"]

_WHOLE: Final = Fraction(1)


class Margins:
    """An account on margin, or on cash alone, at the venue.

    Args:
        terms: The venue's rules.
        instruments: What may be held, by symbol.
        cash: Balance at the start, in money units.
        positions: (signed lots, cost) held at the start, by symbol.

    Attributes:
        terms: The venue's rules.
        is_shared: Whether one account stands for several positions.
        under_way: Orders that may still trade.
    """

    def __init__(
        self,
        terms: MarginTerms,
        instruments: Mapping[str, Instrument],
        *,
        cash: int,
        positions: Mapping[str, tuple[int, int]],
    ) -> None:
        self._affordable = Affordable(terms, instruments)
        self.terms = terms
        self.is_shared = terms.mode == MarginMode.CROSS and len(instruments) > 1
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

    def act(self, booked: ActionBooked) -> None:
        """Book what a split or a dividend did to the account, as our ledger did."""
        self._ledger.book_action(booked)

    def held(self, symbol: str) -> int:
        """Return the signed lots of a position."""
        return self._ledger.position(symbol).lots

    def charged(self, report: Report) -> Report:
        """Return a report with what the venue takes for closing a position itself."""
        if type(report) is not Fill or not report.decision_id.startswith(LIQUIDATION):
            return report
        extra = liquidation_fee(self.terms, self._instruments[report.instrument], report)
        return msgspec.structs.replace(report, fee=report.fee + extra)

    @property
    def balance(self) -> int:
        """The balance in money units, without open profit."""
        return self._ledger.balance

    def stakes(self) -> list[Stake]:
        """Return what is held, by name."""
        held = ((each, self._ledger.position(each)) for each in sorted(self._instruments))
        return [
            Stake(self._instruments[symbol], position.lots, position.cost)
            for symbol, position in held
            if position.lots
        ]

    def refusal(self, order: PlaceOrder, last_ticks: Callable[[str], int | None]) -> str | None:
        """Return why the account cannot afford an order, or None.

        Args:
            order: The wish.
            last_ticks: Returns the last price of a symbol known at the venue.
        """
        return self._affordable.refusal(
            order, self._ledger, under_way_lots=self.under_way.lots, last_ticks=last_ticks
        )

    def warning_ticks(self, symbol: str) -> int | None:
        """Return the price at which the venue warns of closing a position; None: never."""
        share = self.terms.warning_ratio
        return None if share is None else self.liquidation_ticks(symbol, Fraction(share))

    def liquidation_ticks(self, symbol: str, ratio: Fraction = _WHOLE) -> int | None:
        """Return the price at which the venue closes a position; None: never.

        Args:
            symbol: What is held.
            ratio: At which maintenance margin, as a share of what stands for it.
        """
        position = self._ledger.position(symbol)
        if not position.lots or self.terms.mode == MarginMode.CASH:
            return None
        return liquidation_ticks(
            self.terms,
            self._instruments[symbol],
            lots=position.lots,
            cost=position.cost,
            wallet=self._wallet(symbol),
            ratio=ratio,
        )

    def _wallet(self, symbol: str) -> int:
        """Return the money that stands for a position."""
        if self.terms.mode == MarginMode.CROSS:
            return self._ledger.balance
        return self._affordable.set_aside(symbol, self._ledger)
