"""Funding rates of perpetuals as their venue told them: when, how much, for how long, at what mark.

A rate falls on the position held just before its time: fills with an earlier venue time count, one
at that very time does not.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tieout.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["RATE_DIGITS", "FundingRate", "FundingRates", "FundingSeries", "funding_due_ns"]

RATE_DIGITS: Final = 18
"""Decimal digits of a rate's integer."""

INTERVAL_NS_MAX: Final = 24 * 3600 * 1_000_000_000
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND


class FundingRate(msgspec.Struct, frozen=True, gc=False):
    """One payment's rate.

    Attributes:
        venue_time_ns: When it falls due.
        rate_e18: Share of the position's value at mark, in 10⁻¹⁸; longs pay a positive one.
        interval_ns: The time before it that it is for.
        mark_ticks: Mark price that it is charged at; None: not told.
    """

    venue_time_ns: int
    rate_e18: int
    interval_ns: int
    mark_ticks: int | None = None


class FundingRates(Protocol):
    """What is known of the rates of a run's instruments."""

    def at(self, instrument: str, after_ns: int, until_ns: int) -> Sequence[FundingRate]:
        """Return the rates that fall due in (after, until], in order; none for an unknown one."""


class FundingSeries:
    """Rates held in memory.

    Args:
        rates: By symbol, in order of time; a time up to a second after a whole minute is taken for
            the minute, as venues stamp payments when they have made them.

    Raises:
        InputError: Times do not ascend, do not fall on whole minutes, or an interval is not within
            a day.
    """

    def __init__(self, rates: Mapping[str, Iterable[FundingRate]]) -> None:
        self._rates = {
            symbol: [
                msgspec.structs.replace(each, venue_time_ns=funding_due_ns(each.venue_time_ns))
                for each in given
            ]
            for symbol, given in rates.items()
        }
        self._times = {
            symbol: [each.venue_time_ns for each in known] for symbol, known in self._rates.items()
        }
        for symbol, known in self._rates.items():
            _check(symbol, known)

    def at(self, instrument: str, after_ns: int, until_ns: int) -> Sequence[FundingRate]:
        """Return the rates that fall due in (after, until], in order; none for an unknown one."""
        times = self._times.get(instrument, [])
        first, last = bisect_right(times, after_ns), bisect_right(times, until_ns)
        return self._rates[instrument][first:last] if first < last else ()


def funding_due_ns(venue_time_ns: int) -> int:
    """Return when a payment fell; venues stamp it some milliseconds after the whole minute."""
    late_ns = venue_time_ns % _MINUTE
    return venue_time_ns - (late_ns if late_ns < _SECOND else 0)


def _check(symbol: str, rates: Sequence[FundingRate]) -> None:
    for each in rates:
        if each.venue_time_ns % _MINUTE:
            raise InputError(
                f"{symbol}: funding at {each.venue_time_ns} ns, which is no whole minute; look at "
                "the times of the source"
            )
        if not 0 < each.interval_ns <= INTERVAL_NS_MAX:
            raise InputError(
                f"{symbol}: funding at {each.venue_time_ns} ns is for {each.interval_ns} ns; "
                "allowed: up to a day"
            )
    for one, other in pairwise(rates):
        if one.venue_time_ns >= other.venue_time_ns:
            raise InputError(
                f"{symbol}: funding at {other.venue_time_ns} ns comes after that at "
                f"{one.venue_time_ns}; sort the rates and take out what is there twice"
            )
