"""What borrowing for a short costs, and how much there is to borrow, as it was told by date.

rate, available ──since_ns──▶ the venue charges by it, refuses and recalls
available ────────since and known──▶ `BorrowTold` ──▶ the kernel refuses before it is sent
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import msgspec

from tieout.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["BorrowNews", "BorrowRate", "BorrowRates", "BorrowSeries", "BorrowTold"]


class BorrowRate(msgspec.Struct, frozen=True, gc=False):
    """What holds from a time on, until something else is told.

    Attributes:
        since_ns: From this venue time on.
        rate_e18: Share of the short's market value a year, in 10⁻¹⁸; the short pays a positive one
            and gets a negative one. None: not told, the profile's constant holds.
        available_lots: The most that may be short; None: no limit is known.
        known_ns: When one could know it, by our clock; None: when it began to hold.
    """

    since_ns: int
    rate_e18: int | None
    available_lots: int | None = None
    known_ns: int | None = None

    @property
    def acts_ns(self) -> int:
        """When it holds for somebody who can only act on what he knows."""
        return self.since_ns if self.known_ns is None else max(self.since_ns, self.known_ns)


class BorrowTold(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=63):
    """Another amount of an instrument can be borrowed from now on. An input.

    Attributes:
        instrument: Symbol.
        available_lots: The most that may be short; None: no limit is known any more.
        venue_time_ns: Since when it holds.
        arrival_time_ns: When we knew, and never before it held.
    """

    instrument: str
    available_lots: int | None
    venue_time_ns: int
    arrival_time_ns: int


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
        InputError: Times do not ascend, or an availability is negative.
    """

    def __init__(self, rates: Mapping[str, Iterable[BorrowRate]]) -> None:
        self._rates = {symbol: list(given) for symbol, given in rates.items()}
        self._times = {
            symbol: [each.since_ns for each in known] for symbol, known in self._rates.items()
        }
        for symbol, known in self._rates.items():
            if any(one.since_ns >= other.since_ns for one, other in pairwise(known)):
                raise InputError(f"{symbol}: borrow rates must stand by ascending time; sort them")
            wrong = next((each for each in known if (each.available_lots or 0) < 0), None)
            if wrong is not None:
                raise InputError(
                    f"{symbol}: {wrong.available_lots} lots to borrow from {wrong.since_ns} ns on; "
                    "what is available is not negative, give 0 where there is nothing"
                )

    def at(self, instrument: str, at_ns: int) -> BorrowRate | None:
        """Return what holds at a time; None where nothing was told by then."""
        place = bisect_right(self._times.get(instrument, []), at_ns)
        return self._rates[instrument][place - 1] if place else None

    def next_change_ns(self, instrument: str, after_ns: int) -> int | None:
        """Return when something else holds next; None: never again."""
        times = self._times.get(instrument, [])
        place = bisect_right(times, after_ns)
        return times[place] if place < len(times) else None

    def without_rates(self) -> BorrowSeries:
        """Return what there is to borrow, and nothing of what it costs."""
        return BorrowSeries(
            {
                symbol: [msgspec.structs.replace(each, rate_e18=None) for each in known]
                for symbol, known in self._rates.items()
            }
        )

    def news(self) -> list[BorrowNews]:
        """Return what a run is told of each instrument whose availability is told at all."""
        every = (BorrowNews(symbol, _changes(known)) for symbol, known in self._rates.items())
        return [each for each in every if each.rows]


@dataclass(frozen=True, slots=True)
class BorrowNews:
    """What there is to borrow of one instrument, as a run is told of it.

    Attributes:
        symbol: The instrument.
        rows: Changes of what is available, by the time at which one can act on them.
    """

    symbol: str
    rows: Sequence[BorrowRate]

    def known_at(self, start_ns: int) -> BorrowTold | None:
        """Return what there is at the start of a run; None: no limit was ever told by then."""
        held = [each for each in self.rows if each.acts_ns <= start_ns]
        return self._told(held[-1], start_ns) if held else None

    def changes(self, start_ns: int) -> list[BorrowTold]:
        """Return the changes after a start, in order of arrival."""
        return [self._told(each, each.acts_ns) for each in self.rows if each.acts_ns > start_ns]

    def _told(self, row: BorrowRate, at_ns: int) -> BorrowTold:
        return BorrowTold(
            instrument=self.symbol,
            available_lots=row.available_lots,
            venue_time_ns=row.since_ns,
            arrival_time_ns=at_ns,
        )


def _changes(known: Sequence[BorrowRate]) -> list[BorrowRate]:
    """Return the rows that change what is available for somebody who acts on what he knows.

    A row that becomes known when a later one is known already changes nothing.
    """
    found: list[BorrowRate] = []
    available: int | None = None
    latest_ns: int | None = None
    for each in sorted(known, key=lambda row: (row.acts_ns, -row.since_ns)):
        if latest_ns is not None and each.since_ns < latest_ns:
            continue
        latest_ns = each.since_ns
        if each.available_lots != available:
            found.append(each)
            available = each.available_lots
    return found
