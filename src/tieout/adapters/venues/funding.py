"""What a held position pays: by the venue's own rates where they are known, else as assumed."""

from __future__ import annotations

from decimal import Decimal
from math import gcd
from typing import TYPE_CHECKING, Final

from tieout.model.events import FundingCharged
from tieout.model.funding import INTERVAL_NS_MAX, RATE_DIGITS
from tieout.model.money import MONEY_DIGITS, round_half_up
from tieout.model.profiles import FundingRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tieout.model.funding import FundingRates
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile

__all__ = ["Funding"]

_EVER_NS: Final = 2**62


class Funding:
    """Payments on positions.

    A time is covered by a known rate when it lies in the interval that the rate is for. Where no
    rate covers it, the profile's constant falls due on whole multiples of its interval: before the
    first rate, after the last, and in a hole between two.

    Args:
        profile: Who pays, the constant, and the rounding.
        instruments: What may be held, by symbol.
        rates: The venue's own; None: the constant alone.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        instruments: Mapping[str, Instrument],
        rates: FundingRates | None = None,
    ) -> None:
        self._profile = profile
        self._instruments = instruments
        self._rates = rates
        self._rounding: int = 10 ** (MONEY_DIGITS - profile.fee_digits)
        self._steps: dict[str, int] = {}
        self._constant = profile.funding_rate.as_integer_ratio()

    @property
    def is_constant(self) -> bool:
        """Whether nothing but the profile's constant is ever paid."""
        return self._rates is None or self._profile.funding_rule is FundingRule.NONE

    def step_ns(self, symbol: str) -> int:
        """Return a time whose whole multiples since 1970 every payment falls on."""
        step = self._steps.get(symbol)
        if step is None:
            step = self._profile.funding_interval_ns
            if self._rates is not None:
                for each in self._rates.at(symbol, -1, _EVER_NS):
                    step = gcd(step, each.venue_time_ns)
            self._steps[symbol] = step
        return step

    def due(self, symbol: str, after_ns: int, until_ns: int) -> Iterator[int]:
        """Yield the times in (after, until] at which a position would pay."""
        step = self.step_ns(symbol)
        for due_ns in range((after_ns // step + 1) * step, until_ns + 1, step):
            if self._rate(symbol, due_ns) is not None:
                yield due_ns

    def charge(
        self, symbol: str, due_ns: int, *, lots: int, last_ticks: int, known_ns: int
    ) -> FundingCharged | None:
        """Return what a position pays at a time; None where nothing falls due then.

        Args:
            symbol: What is held.
            due_ns: A whole multiple of the step.
            lots: Signed, held just before that time.
            last_ticks: Last price before it: the mark, where the rate does not tell one.
            known_ns: When we hear of it.
        """
        found = self._rate(symbol, due_ns)
        if found is None:
            return None
        numerator, denominator, rate, mark_ticks = found
        mark = last_ticks if mark_ticks is None else mark_ticks
        rounding = self._rounding
        notional = self._instruments[symbol].notional(lots, mark)
        owed = round_half_up(notional * numerator, denominator * rounding) * rounding
        if self._profile.funding_rule is FundingRule.AGAINST:
            owed = abs(owed)
        return FundingCharged(
            instrument=symbol,
            charge_id=f"{symbol}-{due_ns}",
            amount=-owed,
            rate=rate,
            position_lots=lots,
            mark_ticks=mark,
            venue_time_ns=due_ns,
            arrival_time_ns=known_ns,
        )

    def _rate(self, symbol: str, due_ns: int) -> tuple[int, int, str, int | None] | None:
        """Return the rate at a time as a fraction and as text, with its mark price, or None."""
        profile = self._profile
        if self._rates is not None:
            later = self._rates.at(symbol, due_ns - 1, due_ns + INTERVAL_NS_MAX)
            if later and later[0].venue_time_ns == due_ns:
                known = later[0]
                text = f"{Decimal(known.rate_e18).scaleb(-RATE_DIGITS).normalize():f}"
                return known.rate_e18, 10**RATE_DIGITS, text, known.mark_ticks
            if later and later[0].venue_time_ns - later[0].interval_ns < due_ns:
                return None
            if due_ns % profile.funding_interval_ns:
                return None
        return *self._constant, str(profile.funding_rate), None
