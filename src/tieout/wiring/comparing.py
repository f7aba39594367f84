"""One strategy on two series of the same bars, in one and the same market."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import InputError
from tieout.history import Store
from tieout.kernel.risk import RiskLimits
from tieout.model.columns import BarColumns, interval_name
from tieout.reconcile.candles import CandleComparison, compare_candles
from tieout.reconcile.records import RungRecord
from tieout.reconcile.valuation import Valuation
from tieout.wiring.assumptions import profile_of
from tieout.wiring.history import run_columns
from tieout.wiring.journals import RecordsInMemory
from tieout.wiring.markets import joined
from tieout.wiring.telling import share_of

if TYPE_CHECKING:
    from decimal import Decimal

    from tieout.history import Dataset
    from tieout.history.places import StoredAt
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile
    from tieout.strategy import LoadedStrategy
    from tieout.wiring.telling import Progress

__all__ = ["candles"]


def candles(
    strategy: LoadedStrategy,
    *,
    store: StoredAt,
    first: str,
    second: str,
    profile: str | SimulationProfile,
    cash: Decimal,
    limits: RiskLimits | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> CandleComparison:
    """Run a strategy on two data sets of bars, both times matched on the first, and compare.

    So what it saw is all that differs. The second is taken for bars of the first's instrument,
    whatever it calls itself: of another provider it may have another symbol.

    Args:
        strategy: What `load_strategy` gave.
        store: Folder of the data store.
        first: Name of a data set of bars; the market of both runs.
        second: Another one, of the same interval.
        profile: Assumptions.
        cash: Starting cash.
        limits: Hard limits.
        seed: Keys every random draw.
        progress: Told of the two runs.

    Raises:
        InputError: They are no bars of one interval, share no time, or prices of the second cannot
            be said in ticks of the first.
    """
    stored = Store(store)
    one, other = stored.dataset(first), stored.dataset(second)
    _check(one, other)
    chosen = profile_of(profile)
    ours = _whole(one, chosen.bar_delay_ns)
    theirs = _as_bars_of(one.meta.instrument, _whole(other, chosen.bar_delay_ns), other)
    begin_ns = max(int(ours.open_time_ns[0]), int(theirs.open_time_ns[0]))
    end_ns = min(int(ours.close_time_ns[-1]), int(theirs.close_time_ns[-1]))
    ours, theirs = (_within(each, begin_ns, end_ns) for each in (ours, theirs))
    if not len(ours) or not len(theirs):
        raise InputError(f"{first} and {second} share no time; nothing can be compared")
    records = []
    for part, (name, seen) in enumerate(((first, ours), (second, theirs))):
        journal = RecordsInMemory()
        run_columns(
            strategy,
            [seen],
            market=[ours],
            instruments=[one.meta.instrument],
            profile=chosen,
            cash=cash,
            limits=limits or RiskLimits(),
            seed=seed,
            journal=journal,
            progress=share_of(progress, part, parts=2),
        )
        records.append(RungRecord.from_records(name, journal.records))
    symbol = one.meta.instrument.symbol
    return compare_candles(
        ours,
        theirs,
        on_first=records[0],
        on_second=records[1],
        valuation=Valuation(
            {symbol: one.meta.instrument},
            start={symbol: int(ours.open_ticks[0])},
            end={symbol: int(ours.close_ticks[-1])},
        ),
    )


def _check(one: Dataset, other: Dataset) -> None:
    for each in (one, other):
        if each.meta.kind != "bars":
            raise InputError(f"{each.meta.name} holds {each.meta.kind}; name two data sets of bars")
    if one.meta.interval_ns != other.meta.interval_ns:
        lengths = (interval_name(each.meta.interval_ns) for each in (one, other))
        raise InputError(
            f"{one.meta.name} and {other.meta.name} are bars of {' and '.join(lengths)}; name two "
            "of one interval"
        )


def _whole(dataset: Dataset, delay_ns: int) -> BarColumns:
    chunks = dataset.batches(delay_ns=delay_ns)
    return joined([each for each in chunks if isinstance(each, BarColumns)])


def _as_bars_of(instrument: Instrument, bars: BarColumns, dataset: Dataset) -> BarColumns:
    """Return bars in an instrument's ticks and lots."""
    own = dataset.meta.instrument
    prices = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    changed = {name: getattr(bars, name) for name in (*prices, "volume_lots")}
    for names, ratio, what, sizes in (
        (
            prices,
            own.tick_size / instrument.tick_size,
            "tick",
            (own.tick_size, instrument.tick_size),
        ),
        (
            ("volume_lots",),
            own.lot_size / instrument.lot_size,
            "lot",
            (own.lot_size, instrument.lot_size),
        ),
    ):
        numerator, denominator = ratio.as_integer_ratio()
        for name in names:
            whole = changed[name] * numerator
            if what == "tick" and np.any(whole % denominator):
                row = int(np.argmax(whole % denominator != 0))
                raise InputError(
                    f"{dataset.meta.name}, bar {row + 1}: {name} {changed[name][row]} of {what} "
                    f"{sizes[0]} is no whole number of {what}s of {sizes[1]}; import both with one "
                    f"{what}"
                )
            changed[name] = whole // denominator
    return replace(bars, instrument=instrument.symbol, **changed)


def _within(bars: BarColumns, begin_ns: int, end_ns: int) -> BarColumns:
    low = int(np.searchsorted(bars.open_time_ns, begin_ns, "left"))
    high = int(np.searchsorted(bars.close_time_ns, end_ns, "right"))
    return bars.rows(low, max(low, high))
