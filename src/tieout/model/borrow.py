"""What borrowing for a short costs, and how much there is to borrow, as it was told by date."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import msgspec

from tieout.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["BorrowRate", "BorrowRates", "BorrowSeries"]


class BorrowRate(msgspec.Struct, frozen=True, gc=False):
    """What holds from a time on.

    Attributes:
        since_ns: From this venue time on.
        rate_e18: Share of the short's market value a year, in 10⁻¹⁸.
        available_lots: The most that may be short; None: no limit is known.
    """

    since_ns: int
    rate_e18: int
    available_lots: int | None = None


class BorrowRates(Protocol):
    """What is known of borrowing a run's instruments."""

    def at(self, instrument: str, at_ns: int) -> BorrowRate | None:
        """Return what holds at a time; None where nothing was told by then."""

    def next_change_ns(self, instrument: str, after_ns: int) -> int | None:
        """Return when something else holds next; None: never again."""


class BorrowSeries:
    """Rates held in memory.

    Args:
        rates: By symbol, in order of time.

    Raises:
        InputError: Times do not ascend, or a rate or an availability is negative.
    """

    def __init__(self, rates: Mapping[str, Iterable[BorrowRate]]) -> None:
        self._rates = {symbol: list(given) for symbol, given in rates.items()}
        self._times = {
            symbol: [each.since_ns for each in known] for symbol, known in self._rates.items()
        }
        for symbol, known in self._rates.items():
            if any(one.since_ns >= other.since_ns for one, other in pairwise(known)):
                raise InputError(f"{symbol}: borrow rates must stand by ascending time; sort them")
            if any(each.rate_e18 < 0 or (each.available_lots or 0) < 0 for each in known):
                raise InputError(f"{symbol}: a borrow rate and what is available are not negative")

    def at(self, instrument: str, at_ns: int) -> BorrowRate | None:
        """Return what holds at a time; None where nothing was told by then."""
        place = bisect_right(self._times.get(instrument, []), at_ns)
        return self._rates[instrument][place - 1] if place else None

    def next_change_ns(self, instrument: str, after_ns: int) -> int | None:
        """Return when something else holds next; None: never again."""
        times = self._times.get(instrument, [])
        place = bisect_right(times, after_ns)
        return times[place] if place < len(times) else None
