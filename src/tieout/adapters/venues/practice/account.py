"""The practice account: one currency, one-way positions, cross margin, exact to the last digit.

Money is in internal units (10⁻¹²). The wallet changes only together with an income row, so
balance = start + Σ rows at every instant; a hidden transfer is the one scripted exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tieout.model.money import MONEY_DIGITS, round_half_up

if TYPE_CHECKING:
    from tieout.model.instruments import Instrument
    from tieout.model.orders import Side

__all__ = ["Account", "IncomeRow", "Position"]

_EIGHT_DIGITS: Final[int] = 10 ** (MONEY_DIGITS - 8)
"""Internal units in 10⁻⁸ of currency, the venue's grain for money."""


@dataclass(slots=True)
class Position:
    """What is held of one instrument.

    Attributes:
        lots: Signed.
        cost: Signed money paid for the lots held; unrealised = lots·mark − cost.
        realised: Profit realised so far, before fees.
        updated_ns: When it last changed.
    """

    lots: int = 0
    cost: int = 0
    realised: int = 0
    updated_ns: int = 0


@dataclass(frozen=True, slots=True)
class IncomeRow:
    """One line of the venue's income history."""

    transfer_id: int
    kind: str
    amount: int
    symbol: str
    trade_id: str
    time_ns: int


@dataclass(slots=True)
class Account:
    """Wallet, positions and the income history that explains the wallet.

    Attributes:
        wallet: Balance in internal units, without unrealised profit.
        hidden: Sum of scripted transfers that left no income row.
    """

    wallet: int
    positions: dict[str, Position] = field(default_factory=dict)
    income: list[IncomeRow] = field(default_factory=list)
    hidden: int = 0

    def position(self, symbol: str) -> Position:
        """Return the position of an instrument, flat if it never traded."""
        return self.positions.setdefault(symbol, Position())

    def unrealised(self, instrument: Instrument, mark_ticks: int | None) -> int:
        """Return profit not yet realised at a mark price; a flat position has none."""
        position = self.position(instrument.symbol)
        if position.lots == 0 or mark_ticks is None:
            return 0
        return instrument.notional(position.lots, mark_ticks) - position.cost

    def book_fill(
        self,
        instrument: Instrument,
        side: Side,
        *,
        lots: int,
        price_ticks: int,
        fee: int,
        trade_id: int,
        time_ns: int,
    ) -> int:
        """Book one fill and its commission; return the profit it realised.

        Closing releases cost·q/Q rounded half up to 8 decimals and leaves the remainder in the
        cost, so realised and unrealised profit always sum to the same exact figure.
        """
        position = self.position(instrument.symbol)
        realised = 0
        closing = min(lots, abs(position.lots)) if position.lots * side < 0 else 0
        if closing:
            released = _share_of(position.cost, closing, abs(position.lots))
            realised = -instrument.notional(side * closing, price_ticks) - released
            position.lots += side * closing
            position.cost -= released
            position.realised += realised
        opening = lots - closing
        position.lots += side * opening
        position.cost += instrument.notional(side * opening, price_ticks)
        position.updated_ns = time_ns
        symbol = instrument.venue_symbol
        if realised:
            self._book("REALIZED_PNL", realised, symbol, str(trade_id), time_ns)
        if fee:
            self._book("COMMISSION", -fee, symbol, str(trade_id), time_ns)
        return realised

    def book_funding(self, instrument: Instrument, amount: int, time_ns: int) -> None:
        """Book a funding payment; positive is received."""
        self._book("FUNDING_FEE", amount, instrument.venue_symbol, "", time_ns)

    def book_transfer(self, amount: int, time_ns: int) -> None:
        """Book money that came in (positive) or went out, with its income row."""
        self._book("TRANSFER", amount, "", "", time_ns)

    def slip_in(self, amount: int) -> None:
        """Change the wallet without any record: a scripted fault for reconcilers to find."""
        self.wallet += amount
        self.hidden += amount

    def _book(self, kind: str, amount: int, symbol: str, trade_id: str, time_ns: int) -> None:
        self.wallet += amount
        row = IncomeRow(len(self.income) + 1, kind, amount, symbol, trade_id, time_ns)
        self.income.append(row)


def _share_of(cost: int, lots: int, lots_held: int) -> int:
    if lots == lots_held:
        return cost
    return round_half_up(cost * lots, lots_held * _EIGHT_DIGITS) * _EIGHT_DIGITS
