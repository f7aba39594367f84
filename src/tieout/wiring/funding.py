"""Data sets that say what positions pay, apart from those that orders are matched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.model.funding import FundingRate, FundingSeries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.history import Dataset

__all__ = ["funding_rates_of", "market_data"]

_NOT_A_MARKET: Final = frozenset({"funding", "mark", "actions"})


def market_data(datasets: Iterable[Dataset]) -> list[Dataset]:
    """Return the data sets that strategies see and orders are matched on."""
    return [each for each in datasets if each.meta.kind not in _NOT_A_MARKET]


def funding_rates_of(datasets: Sequence[Dataset]) -> FundingSeries | None:
    """Return the venue's own funding rates among data sets; None where there are none.

    Raises:
        InputError: Rates that cannot be: see `FundingSeries`.
    """
    series = {
        each.meta.instrument.symbol: each.funding()
        for each in datasets
        if each.meta.kind == "funding"
    }
    if not series:
        return None
    return FundingSeries(
        {
            symbol: [
                FundingRate(int(at_ns), int(rate), int(length), int(mark) or None)
                for at_ns, rate, length, mark in zip(
                    told.venue_time_ns,
                    told.rate_e18,
                    told.interval_ns,
                    told.mark_ticks,
                    strict=True,
                )
            ]
            for symbol, told in series.items()
        }
    )
