"""Data sets that say what positions pay, apart from those that orders are matched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import InputError
from tieout.model.borrow import BorrowSeries
from tieout.model.funding import FundingRate, FundingSeries, funding_due_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tieout.history import Dataset

__all__ = ["borrow_rates_of", "funding_rates_of", "market_data"]

_NOT_A_MARKET: Final = frozenset({"funding", "mark", "actions", "borrow"})


def market_data(datasets: Iterable[Dataset]) -> list[Dataset]:
    """Return the data sets that strategies see and orders are matched on."""
    return [each for each in datasets if each.meta.kind not in _NOT_A_MARKET]


def funding_rates_of(datasets: Sequence[Dataset]) -> FundingSeries | None:
    """Return the venue's own funding rates among data sets; None where there are none.

    A rate that is told without its mark price is charged at the stored one of that moment, where a
    data set of mark prices reaches over it.

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
                FundingRate(int(at_ns), int(rate), int(length), int(mark) or stored)
                for at_ns, rate, length, mark, stored in zip(
                    told.venue_time_ns,
                    told.rate_e18,
                    told.interval_ns,
                    told.mark_ticks,
                    _marks_at(symbol, told.venue_time_ns, datasets),
                    strict=True,
                )
            ]
            for symbol, told in series.items()
        }
    )


def borrow_rates_of(datasets: Iterable[Dataset]) -> BorrowSeries | None:
    """Return what borrowing costs, and how much there is, among data sets; None: none tells it.

    Raises:
        InputError: Two data sets tell it of one instrument.
    """
    told: dict[str, Dataset] = {}
    for each in datasets:
        if each.meta.kind != "borrow":
            continue
        symbol = each.meta.instrument.symbol
        if symbol in told:
            raise InputError(
                f"{symbol}: {told[symbol].meta.name} and {each.meta.name} both tell what there is "
                "to borrow; name one of them"
            )
        told[symbol] = each
    if not told:
        return None
    return BorrowSeries({symbol: each.borrow() for symbol, each in told.items()})


def _marks_at(
    symbol: str, times_ns: NDArray[np.int64], datasets: Sequence[Dataset]
) -> list[int | None]:
    """Return the stored mark prices at some times, in ticks; None where none reaches over one.

    That is the open of the bar that begins then, else the close of the one that ends then.
    """
    due = np.array([funding_due_ns(int(each)) for each in times_ns], np.int64)
    found = np.zeros(len(due), np.int64)
    for each in datasets:
        if each.meta.kind != "mark" or each.meta.instrument.symbol != symbol or not len(due):
            continue
        for bars in each.marks(start_ns=int(due[0]), end_ns=int(due[-1]) + each.meta.interval_ns):
            for stamps, ticks in (
                (bars.close_time_ns, bars.close_ticks),
                (bars.open_time_ns, bars.open_ticks),
            ):
                place = np.minimum(np.searchsorted(stamps, due), len(stamps) - 1)
                found = np.where(stamps[place] == due, ticks[place], found)
    return [int(each) or None for each in found]
