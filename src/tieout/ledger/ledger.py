"""The books of one run: fills, fees, funding and transfers in; positions, cash and profit out.

Every booking is double entry over these accounts, all in internal money units of one currency:

    cash            the balance less what open positions cost
    cost:SYMBOL     value of the open position when it was opened (negative for a short, and for
                    a long of an inverse contract)
    realised        profit taken by closing (credit)
    fees            commissions paid (debit)
    funding         funding received (credit)
    dividends       dividends received (credit)
    transfers       money moved in or out that is no profit (credit)
    opening         balance at the start (credit)

A debit is positive, a credit negative, and the sum of all accounts is zero after every booking.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from tieout.errors import BooksUnbalanced, InputError, InvariantViolated
from tieout.model.actions import ActionKind
from tieout.model.events import ActionBooked, Fill, FundingCharged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tieout.model.instruments import Instrument

__all__ = ["Ledger", "Position"]

_Booking = Fill | FundingCharged | ActionBooked | str

_UNHASHED_MAX = 4096
"""Bookings that wait for the hash: it takes them in many at a time."""


class Position:
    """What is held of one instrument.

    Attributes:
        lots: Signed.
        cost: The value of the open lots when they were opened, in internal money units: what they
            cost, with the sign of `lots` (the other sign if inverse). The position's open profit
            at a mark is its value there less this.
    """

    __slots__ = ("cost", "lots")

    def __init__(self, lots: int = 0, cost: int = 0) -> None:
        self.lots = lots
        self.cost = cost

    def __repr__(self) -> str:
        return f"Position(lots={self.lots}, cost={self.cost})"


class Ledger:
    """Exact double-entry books.

    Args:
        instruments: Everything that may be booked, by symbol.
        cash: Starting balance in internal money units, as a futures venue states it: what
            open positions cost is not taken off it.
        positions: (signed lots, cost) held at the start, by symbol.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        cash: int,
        positions: Mapping[str, tuple[int, int]],
    ) -> None:
        self._instruments = instruments
        self._positions = {symbol: Position() for symbol in instruments}
        for symbol, (lots, cost) in positions.items():
            self._known(symbol)
            self._positions[symbol] = Position(lots, cost)
        self._booked: set[tuple[str, str]] = set()
        # Gives the bookings that are in the figures and not in the hash yet, when they are needed.
        self._to_name: Callable[[], None] | None = None
        self._hash = sha256(b"tieout ledger 1").digest()
        self._unhashed: list[_Booking] = []
        # A venue's balance does not fall when a position opens; full-notional cash does.
        self.cash = cash - sum(each.cost for each in self._positions.values())
        self.realised = 0
        self.fees = 0
        self.funding = 0
        self.dividends = 0
        self.transfers = 0
        self._opening = cash

    def book_fill(self, fill: Fill) -> bool:
        """Book a fill with its commission; return False when it was booked before.

        Raises:
            InputError: The instrument is not part of this ledger.
        """
        if self._to_name is not None:
            self._name()
        key = (fill.decision_id, fill.trade_id)
        if key in self._booked:
            return False
        instrument = self._known(fill.instrument)
        self._booked.add(key)
        position = self._positions[fill.instrument]
        signed = fill.side * fill.lots
        value = instrument.value(signed, fill.price_ticks)
        held = position.lots
        if held * signed >= 0:
            position.cost += value
        else:
            closing = min(abs(held), fill.lots)
            released = _share(position.cost, closing, abs(held))
            # Where a fill turns a position around, what opens is the rest of it: an inverse
            # contract's value is rounded, and the two parts must be the whole.
            closing_value = instrument.value(fill.side * closing, fill.price_ticks)
            self.realised -= closing_value + released
            position.cost += value - closing_value - released
        position.lots = held + signed
        self.cash -= value + fill.fee
        self.fees += fill.fee
        self._booked_now(fill)
        return True

    def book_funding(self, charge: FundingCharged) -> bool:
        """Book a funding payment; return False when it was booked before."""
        if self._to_name is not None:
            self._name()
        key = ("funding", charge.charge_id)
        if key in self._booked:
            return False
        self._booked.add(key)
        self._known(charge.instrument)
        self.cash += charge.amount
        self.funding += charge.amount
        self._booked_now(charge)
        return True

    def book_action(self, booked: ActionBooked) -> bool:
        """Book a split or a dividend; return False when it was booked before.

        A split keeps what the position cost, but for the share of what is paid in cash, which is
        closed at that price.

        Raises:
            InvariantViolated: It was made of another position than the one held.
        """
        if self._to_name is not None:
            self._name()
        key = ("action", f"{booked.instrument} {booked.kind} {booked.effective_ns}")
        if key in self._booked:
            return False
        self._known(booked.instrument)
        position = self._positions[booked.instrument]
        if position.lots != booked.lots_before:
            raise InvariantViolated(
                f"{booked.instrument}: an action was booked on {booked.lots_before} lots and "
                f"{position.lots} are held"
            )
        self._booked.add(key)
        if booked.kind == ActionKind.DIVIDEND:
            self.dividends += booked.cash
        else:
            whole = abs(booked.lots_before) * booked.new
            left_over = whole % booked.old
            released = _share(position.cost, left_over, whole) if left_over else 0
            position.cost -= released
            position.lots = booked.lots_after
            self.realised += booked.cash - released
        self.cash += booked.cash
        self._booked_now(booked)
        return True

    def book_transfer(self, amount: int, transfer_id: str) -> bool:
        """Book money that came in (positive) or went out; it is no profit."""
        if self._to_name is not None:
            self._name()
        key = ("transfer", transfer_id)
        if key in self._booked:
            return False
        self._booked.add(key)
        self.cash += amount
        self.transfers += amount
        self._booked_now(f"transfer {transfer_id} {amount}")
        return True

    def book_ahead(
        self,
        symbol: str,
        *,
        lots: int,
        cost: int,
        cash: int,
        realised: int,
        fees: int,
        funding: int,
        name: Callable[[], None],
    ) -> None:
        """Book what compiled code has added up: many fills and payments of one instrument.

        Args:
            symbol: The instrument.
            lots: Signed, held now.
            cost: Of the position now.
            cash: Added to it, as are the next three to theirs.
            realised: Profit taken.
            fees: Paid.
            funding: Received.
            name: Calls `named` for each fill and payment in order, once somebody asks for the hash.

        Raises:
            BooksUnbalanced: Debits do not equal credits.
        """
        position = self.position(symbol)
        position.lots, position.cost = lots, cost
        self.cash += cash
        self.realised += realised
        self.fees += fees
        self.funding += funding
        self._to_name = name
        self.check()

    def named(self, event: Fill | FundingCharged) -> None:
        """Take a booking whose money is in the figures already into the hash."""
        if isinstance(event, FundingCharged):
            self._booked.add(("funding", event.charge_id))
        else:
            self._booked.add((event.decision_id, event.trade_id))
        self._hash_later(event)

    def _name(self) -> None:
        name, self._to_name = self._to_name, None
        if name is not None:
            name()

    @property
    def balance(self) -> int:
        """The balance as a futures venue states it: without open profit."""
        return self.cash + sum(each.cost for each in self._positions.values())

    def position(self, symbol: str) -> Position:
        """Return what is held of an instrument.

        Raises:
            InputError: The instrument is not part of this ledger.
        """
        position = self._positions.get(symbol)
        if position is None:
            raise self._unknown(symbol)
        return position

    def equity(self, marks: Mapping[str, int]) -> int:
        """Return cash plus the value of all positions at marks (in ticks).

        This is the balance plus open profit, whatever the venue's margin accounting is.

        Raises:
            InputError: A position is held whose mark is missing.
        """
        total = self.cash
        for symbol, position in self._positions.items():
            if position.lots:
                if symbol not in marks:
                    raise InputError(f"{symbol}: no mark price for a position; give one")
                total += self._instruments[symbol].value(position.lots, marks[symbol])
        return total

    def unrealised(self, marks: Mapping[str, int]) -> int:
        """Return the open profit of all positions at marks (in ticks)."""
        return self.equity(marks) - self.cash - sum(p.cost for p in self._positions.values())

    def profit(self, marks: Mapping[str, int]) -> int:
        """Return realised plus unrealised profit minus fees plus funding and dividends.

        With a position at the start, its profit counts from its cost.
        """
        return self.realised + self.unrealised(marks) - self.fees + self.funding + self.dividends

    def state_hash(self) -> str:
        """Return a hash of every booking in order and of the balances they led to."""
        self._name()
        self._take_into_hash()
        digest = sha256(self._hash)
        held = sorted((symbol, each.lots, each.cost) for symbol, each in self._positions.items())
        digest.update(repr((self.cash, held)).encode())
        return digest.hexdigest()

    def accounts(self) -> dict[str, int]:
        """Return every account's balance; debits are positive and the sum is zero."""
        return {
            "cash": self.cash,
            **{f"cost:{symbol}": each.cost for symbol, each in self._positions.items()},
            "realised": -self.realised,
            "fees": self.fees,
            "funding": -self.funding,
            # Most instruments pay none, and their books need no account for it.
            **({"dividends": -self.dividends} if self.dividends else {}),
            "transfers": -self.transfers,
            "opening": -self._opening,
        }

    def check(self) -> None:
        """Prove that debits equal credits.

        Raises:
            BooksUnbalanced: They do not; the accounts are shown.
        """
        if not self._is_balanced():
            raise BooksUnbalanced(f"the accounts do not sum to zero: {self.accounts()}")

    def _is_balanced(self) -> bool:
        """Whether the sum of `accounts` is zero, without their names: it is asked at each fill."""
        return (
            self.cash
            + sum([each.cost for each in self._positions.values()])
            - self.realised
            + self.fees
            - self.funding
            - self.dividends
            - self.transfers
            == self._opening
        )

    def _booked_now(self, booking: _Booking) -> None:
        """Prove that a booking left debits and credits equal, and keep it for the hash."""
        self._hash_later(booking)
        if not self._is_balanced():
            raise BooksUnbalanced(
                f"after '{_text(booking)}' the accounts do not sum: {self.accounts()}"
            )

    def _hash_later(self, booking: _Booking) -> None:
        self._unhashed.append(booking)
        if len(self._unhashed) >= _UNHASHED_MAX:
            self._take_into_hash()

    def _take_into_hash(self) -> None:
        for booking in self._unhashed:
            self._hash = sha256(self._hash + _text(booking).encode()).digest()
        self._unhashed.clear()

    def _known(self, symbol: str) -> Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise self._unknown(symbol)
        return instrument

    def _unknown(self, symbol: str) -> InputError:
        known = ", ".join(self._instruments) or "none"
        return InputError(f"instrument {symbol!r} is not in this ledger; it has: {known}")


def _text(booking: _Booking) -> str:
    """Return what the hash takes of a booking."""
    if isinstance(booking, Fill):
        signed = booking.side * booking.lots
        return (
            f"fill {booking.decision_id} {booking.trade_id} {signed} {booking.price_ticks} "
            f"{booking.fee}"
        )
    if isinstance(booking, FundingCharged):
        return f"funding {booking.charge_id} {booking.amount}"
    if isinstance(booking, ActionBooked):
        return (
            f"action {booking.instrument} {booking.kind} {booking.effective_ns} "
            f"{booking.lots_after} {booking.cash}"
        )
    return booking


def _share(cost: int, lots: int, of_lots: int) -> int:
    """Return the cost of `lots` out of `of_lots`, rounded toward zero; the rest stays behind."""
    if not 0 < lots <= of_lots:
        raise InvariantViolated(f"{lots} lots out of {of_lots} cannot be released")
    part = abs(cost) * lots // of_lots
    return part if cost >= 0 else -part
