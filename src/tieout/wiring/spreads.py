"""The spreads that a run is charged: measured before it starts, and written into its profile."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.history.spreads import spread_from_bars, spread_from_quotes
from tieout.model.columns import BarColumns, QuoteColumns
from tieout.model.profiles import SpreadFrom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.history import Dataset
    from tieout.history.spreads import Spread
    from tieout.model.profiles import SimulationProfile

__all__ = ["with_spreads"]

WINDOW_NS: Final = 30 * 86_400_000_000_000
"""How far before the start is looked."""

ROWS_MIN: Final = 100
"""Fewer quotes or pairs of bars say nothing."""


def with_spreads(
    profile: SimulationProfile, datasets: Sequence[Dataset], start_ns: int | None
) -> SimulationProfile:
    """Return a profile with the spread of each instrument, and what each rests on.

    Only what lies in the thirty days before the start is looked at: a run must not know what its
    own time will cost. Quotes go before bars, finer bars of a minute or more before coarser ones,
    and where neither says anything the profile's `spread_bps` stays.
    """
    if profile.spread_from == SpreadFrom.DEFAULT or profile.spread_sources:
        return profile
    spreads: dict[str, Decimal] = {}
    sources: dict[str, str] = {}
    for symbol in dict.fromkeys(each.meta.instrument.symbol for each in datasets):
        own = [each for each in datasets if each.meta.instrument.symbol == symbol]
        found = None if start_ns is None else _measured(own, start_ns)
        if found is None:
            sources[symbol] = f"default: under {ROWS_MIN} rows before the start"
        else:
            spreads[symbol], sources[symbol] = found
    return msgspec.structs.replace(profile, spreads=spreads, spread_sources=sources)


def _measured(datasets: Sequence[Dataset], start_ns: int) -> tuple[Decimal, str] | None:
    since, until = start_ns - WINDOW_NS, start_ns - 1
    for each in datasets:
        if each.meta.kind == "quotes":
            rows = each.recorded(start_ns=since, end_ns=until)
            spread = spread_from_quotes(one for one in rows if isinstance(one, QuoteColumns))
            if spread.rows >= ROWS_MIN:
                return _bps(spread), f"quotes: {spread.rows} of {each.meta.name}"
    minutes = [
        each
        for each in datasets
        if each.meta.kind == "bars" and each.meta.interval_ns >= 60_000_000_000
    ]
    for each in sorted(minutes, key=lambda one: one.meta.interval_ns):
        batches = each.batches(delay_ns=0, start_ns=since, end_ns=until)
        spread = spread_from_bars(one for one in batches if isinstance(one, BarColumns))
        if spread.rows >= ROWS_MIN and spread.bps > 0:
            return _bps(spread), f"bars: Abdi-Ranaldo, {spread.rows} pairs of {each.meta.name}"
    return None


def _bps(spread: Spread) -> Decimal:
    return Decimal(spread.bps).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
