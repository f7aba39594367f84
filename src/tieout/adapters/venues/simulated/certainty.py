"""How sure a run on the simulated venue is of its fills."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.venues.simulated.cores import BookedCore
from tieout.market import DataBreak, DrillingCore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tieout.adapters.venues.simulated.cores import Core
    from tieout.model.instruments import Instrument

__all__ = ["Bounds", "Certainty", "certainty_of"]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What the unresolved bars came to, in internal money units, each fill at its bar's close.

    Attributes:
        worst: Least that any path through the bars could have given, before fees.
        taken: What the run booked.
        best: Most that any path could have given.
    """

    worst: int
    taken: int
    best: int


class Certainty(msgspec.Struct, frozen=True, kw_only=True):
    """What decided the fills of a run, and what was assumed.

    Attributes:
        fills: How many, by what resolved them.
        unresolved_bars: Bars whose path is not known and decided something.
        bars_scanned: Coarsest bars that were gone through; 0 where nothing is drilled into.
        bars_opened: Bars that were looked into, by their length.
        rows_matched: Rows that were matched on, by resolution.
        bounds: Of the unresolved bars; None where nothing is drilled into.
        break_counts: Bars that finer rows contradict or do not reach over, and rows that cannot be
            right in their book, by kind.
        breaks: The first of them.
    """

    fills: dict[str, int]
    unresolved_bars: int
    bars_scanned: int = 0
    bars_opened: dict[str, int] = {}
    rows_matched: dict[str, int] = {}
    bounds: Bounds | None = None
    break_counts: dict[str, int] = {}
    breaks: tuple[DataBreak, ...] = ()


def certainty_of(fills: Mapping[str, int], cores: Iterable[tuple[Instrument, Core]]) -> Certainty:
    """Add up what the cores of all instruments say."""
    every = list(cores)
    unresolved = sum(core.unresolved_bars for _, core in every)
    drilled = [(its, core) for its, core in every if isinstance(core, DrillingCore)]
    if not drilled:
        told = [core.data_breaks(its.symbol) for its, core in every if isinstance(core, BookedCore)]
        return Certainty(
            fills=dict(sorted(fills.items())),
            unresolved_bars=unresolved,
            break_counts=_added(counts for counts, _ in told),
            breaks=tuple(each for _, found in told for each in found),
        )
    return Certainty(
        fills=dict(sorted(fills.items())),
        unresolved_bars=unresolved,
        bars_scanned=sum(core.scanned for _, core in drilled),
        bars_opened=_added(core.opened for _, core in drilled),
        rows_matched=_added(core.rows for _, core in drilled),
        # Bounds are summed as ticks times lots, which are no money where a tick has no one value.
        bounds=None
        if any(its.inverse for its, _ in drilled)
        else Bounds(
            worst=sum(its.notional(core.band.worst, 1) for its, core in drilled),
            taken=sum(its.notional(core.band.taken, 1) for its, core in drilled),
            best=sum(its.notional(core.band.best, 1) for its, core in drilled),
        ),
        break_counts=_added(core.break_counts for _, core in drilled),
        breaks=tuple(each for _, core in drilled for each in core.breaks),
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
