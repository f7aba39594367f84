"""What a held position pays, funding and borrowing: by known rates, else as assumed."""

from __future__ import annotations

from decimal import Decimal
from math import gcd
from typing import TYPE_CHECKING, Final

from tieout.model.events import FundingCharged
from tieout.model.funding import INTERVAL_NS_MAX, RATE_DIGITS
from tieout.model.money import MONEY_DIGITS, round_half_up
from tieout.model.profiles import FundingFrom, FundingRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tieout.model.borrow import BorrowRates
    from tieout.model.funding import FundingRates
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile

__all__ = ["BORROW", "Funding"]

BORROW: Final = "borrow-"
"""What the ids of payments for borrowing begin with."""

_EVER_NS: Final = 2**62
_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _NS


class Funding:
    """Payments on positions.

    A position in what is no perpetual pays no funding, unless rates of it are known.

    A time is covered by a known rate when it lies in the interval that the rate is for. Where no
    rate covers it, the profile's constant falls due on whole multiples of its interval: before the
    first rate, after the last, and in a hole between two. With `funding_from` the last rate told,
    each is charged from the multiple after it was told until another is told, and the constant
    never.

    A short pays for what it borrows once a day, at the profile's time of day: what was held just
    before, at the last price, at the rate of then a year; it gets paid at a rate below 0. Both
    are booked as funding; the id of a payment for borrowing begins with `borrow-`.

    Args:
        profile: Who pays, the constant, and the rounding.
        instruments: What may be held, by symbol.
        rates: The venue's own; None: the constant alone.
        borrow: What borrowing costs by date; None: the profile's constant alone.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        instruments: Mapping[str, Instrument],
        rates: FundingRates | None = None,
        borrow: BorrowRates | None = None,
    ) -> None:
        self._profile = profile
        self._instruments = instruments
        self._rates = rates
        self._borrow = borrow
        self._borrows = borrow is not None or bool(profile.borrow_rate)
        self._carries = profile.funding_from is FundingFrom.LAST_TOLD
        self._funds = profile.funding_rule is not FundingRule.NONE and not (
            self._carries and rates is None
        )
        self._paying = {
            symbol
            for symbol, each in instruments.items()
            if each.pays_funding or (rates is not None and rates.at(symbol, -1, _EVER_NS))
        }
        self._rounding: int = 10 ** (MONEY_DIGITS - profile.fee_digits)
        self._steps: dict[str, int] = {}
        self._constant = profile.funding_rate.as_integer_ratio()

    @property
    def is_constant(self) -> bool:
        """Whether nothing but the profile's constant is ever paid."""
        return not self._borrows and (self._rates is None or not self._funds)

    def is_paid_on(self, symbol: str) -> bool:
        """Whether a position in an instrument ever pays something."""
        return self._borrows or (self._funds and symbol in self._paying)

    def step_ns(self, symbol: str) -> int:
        """Return a time whose whole multiples since 1970 every payment falls on."""
        step = self._steps.get(symbol)
        if step is None:
            step = self._profile.funding_interval_ns
            if self._rates is not None:
                for each in self._rates.at(symbol, -1, _EVER_NS):
                    step = gcd(step, each.venue_time_ns)
            if self._borrows:
                step = gcd(step, _DAY_NS, self._profile.borrow_at_s * _NS)
            self._steps[symbol] = step
        return step

    def due(self, symbol: str, after_ns: int, until_ns: int) -> Iterator[int]:
        """Yield the times in (after, until] at which a position may pay."""
        if not self.is_paid_on(symbol):
            return
        step = self.step_ns(symbol)
        for due_ns in range((after_ns // step + 1) * step, until_ns + 1, step):
            if self._rate(symbol, due_ns) is not None or self._is_borrow_time(due_ns):
                yield due_ns

    def charges(
        self, symbol: str, due_ns: int, *, lots: int, last_ticks: int, known_ns: int
    ) -> Iterator[FundingCharged]:
        """Yield what a position pays at a time; nothing where nothing falls due then.

        Args:
            symbol: What is held.
            due_ns: A whole multiple of the step.
            lots: Signed, held just before that time.
            last_ticks: Last price before it: the mark, where the rate does not tell one.
            known_ns: When we hear of it.
        """
        found = self._rate(symbol, due_ns)
        if found is not None:
            numerator, denominator, rate, mark_ticks = found
            mark = last_ticks if mark_ticks is None else mark_ticks
            owed = self._owed(symbol, lots, mark, numerator, denominator)
            if self._profile.funding_rule is FundingRule.AGAINST:
                owed = abs(owed)
            yield FundingCharged(
                instrument=symbol,
                charge_id=f"{symbol}-{due_ns}",
                amount=-owed,
                rate=rate,
                position_lots=lots,
                mark_ticks=mark,
                venue_time_ns=due_ns,
                arrival_time_ns=known_ns,
            )
        if lots < 0 and self._is_borrow_time(due_ns):
            numerator, denominator, rate = self._borrow_rate(symbol, due_ns)
            owed = self._owed(
                symbol, -lots, last_ticks, numerator, denominator * self._profile.borrow_days
            )
            if owed:
                yield FundingCharged(
                    instrument=symbol,
                    charge_id=f"{BORROW}{symbol}-{due_ns}",
                    amount=-owed,
                    rate=rate,
                    position_lots=lots,
                    mark_ticks=last_ticks,
                    venue_time_ns=due_ns,
                    arrival_time_ns=known_ns,
                )

    def _owed(self, symbol: str, lots: int, mark: int, numerator: int, denominator: int) -> int:
        rounding = self._rounding
        notional = self._instruments[symbol].notional(lots, mark)
        return round_half_up(notional * numerator, denominator * rounding) * rounding

    def _is_borrow_time(self, due_ns: int) -> bool:
        return self._borrows and due_ns % _DAY_NS == self._profile.borrow_at_s * _NS

    def _borrow_rate(self, symbol: str, due_ns: int) -> tuple[int, int, str]:
        """Return the rate a year that held just before a time, as a fraction and as text."""
        known = None if self._borrow is None else self._borrow.at(symbol, due_ns - 1)
        if known is None or known.rate_e18 is None:
            constant = self._profile.borrow_rate
            return *constant.as_integer_ratio(), str(constant)
        return known.rate_e18, 10**RATE_DIGITS, _text(known.rate_e18)

    def _rate(self, symbol: str, due_ns: int) -> tuple[int, int, str, int | None] | None:
        """Return the rate at a time as a fraction and as text, with its mark price, or None."""
        profile = self._profile
        if not self._funds or symbol not in self._paying:
            return None
        if self._carries:
            return self._carried_rate(symbol, due_ns)
        if self._rates is not None:
            later = self._rates.at(symbol, due_ns - 1, due_ns + INTERVAL_NS_MAX)
            if later and later[0].venue_time_ns == due_ns:
                known = later[0]
                return known.rate_e18, 10**RATE_DIGITS, _text(known.rate_e18), known.mark_ticks
            if later and later[0].venue_time_ns - later[0].interval_ns < due_ns:
                return None
        if due_ns % profile.funding_interval_ns:
            return None
        return *self._constant, str(profile.funding_rate), None

    def _carried_rate(self, symbol: str, due_ns: int) -> tuple[int, int, str, int | None] | None:
        """Return the last rate that was told before a time, which is charged at the last price."""
        assert self._rates is not None
        if due_ns % self._profile.funding_interval_ns:
            return None
        told = self._rates.at(symbol, -1, due_ns - 1)
        if not told:
            return None
        return told[-1].rate_e18, 10**RATE_DIGITS, _text(told[-1].rate_e18), None


def _text(rate_e18: int) -> str:
    return f"{Decimal(rate_e18).scaleb(-RATE_DIGITS).normalize():f}"
