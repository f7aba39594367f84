"""Stored data as what a strategy sees, and as what its orders are matched on."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tieout.adapters.feeds.history import HistoryMarket, Stream
from tieout.errors import InputError
from tieout.history import bars_from_trades
from tieout.model.columns import BarColumns, TradeColumns, interval_name
from tieout.model.events import (
    DataOpened,
)
from tieout.wiring.manifests import find_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tieout.history import Dataset
    from tieout.journal.manifest import Manifest
    from tieout.kernel.context import Subscriptions
    from tieout.kernel.ports import MarketRecord
    from tieout.model.columns import MarketColumns
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile


__all__ = [
    "bounds_of",
    "finest_dataset",
    "finest_of",
    "market_records",
    "sliced",
    "stored_market",
    "stream_name",
    "streams_of",
]


_WARM_UP_REACH = 20
"""How many times the nominal length of a warm-up is searched for its bars, gaps included."""


def streams_of(
    subscriptions: Subscriptions,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    start_ns: int,
    end_ns: int,
) -> list[Stream]:
    """Return what the strategy asked for, from the start on, with its warm-up before."""
    streams = [
        _trade_stream(symbol, datasets, profile, start_ns, end_ns)
        for symbol in sorted(subscriptions.trades)
    ]
    for (symbol, interval), asked in sorted(subscriptions.bars.items()):
        dataset, bars = _bar_source(symbol, interval, datasets, profile)
        reach = start_ns - _WARM_UP_REACH * asked.warm_up * interval
        before, rest = _split(bars(max(reach, 0), end_ns), start_ns)
        warm_up = _last_rows(before, asked.warm_up)
        streams.append(
            Stream(
                f"bars:{interval_name(interval)}:{symbol}",
                rest,
                warm_up,
                _opened(f"bars:{interval_name(interval)}:{symbol}", dataset, start_ns),
            )
        )
    return streams


def _trade_stream(
    symbol: str,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    start_ns: int,
    end_ns: int,
) -> Stream:
    dataset = find_dataset(datasets, symbol, "trades")
    if dataset is None:
        raise InputError(
            f"{symbol}: the strategy asks for trades and no data set has them; it has "
            f"{', '.join(each.meta.name for each in datasets)}"
        )
    rows = dataset.batches(delay_ns=profile.trade_delay_ns, start_ns=start_ns, end_ns=end_ns)
    name = f"trades:{symbol}"
    return Stream(name, rows, None, _opened(name, dataset, start_ns))


def _bar_source(
    symbol: str, interval: int, datasets: Sequence[Dataset], profile: SimulationProfile
) -> tuple[Dataset, Callable[[int, int], Iterator[BarColumns]]]:
    """Return the data set that bars come from, and a way to read them in [from, to] by arrival."""
    stored = find_dataset(datasets, symbol, "bars", interval)
    if stored is not None:
        found = stored

        def read(from_ns: int, to_ns: int) -> Iterator[BarColumns]:
            chunks = found.batches(delay_ns=profile.bar_delay_ns, start_ns=from_ns, end_ns=to_ns)
            return (each for each in chunks if isinstance(each, BarColumns))

        return found, read
    trades = find_dataset(datasets, symbol, "trades")
    if trades is None:
        raise InputError(
            f"{symbol}: the strategy asks for {interval_name(interval)} bars; no data set has "
            "them, nor trades to make them from"
        )
    source = trades

    def make(from_ns: int, to_ns: int) -> Iterator[BarColumns]:
        # A bar is whole only when its first trade is read: begin on an interval.
        begin = (from_ns - profile.bar_delay_ns) // interval * interval
        chunks = source.batches(delay_ns=0, start_ns=begin, end_ns=to_ns)
        made = bars_from_trades(
            (each for each in chunks if isinstance(each, TradeColumns)),
            interval,
            delay_ns=profile.bar_delay_ns,
        )
        for bars in made:
            low = int(np.searchsorted(bars.arrival_time_ns, from_ns, "left"))
            high = int(np.searchsorted(bars.arrival_time_ns, to_ns, "right"))
            if low < high:
                yield bars.rows(low, high)

    return source, make


def market_records(
    instruments: Mapping[str, Instrument],
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
) -> dict[str, MarketRecord]:
    """Return what each instrument is matched on: trades where there are some, else its bars."""
    return {
        symbol: HistoryMarket(stored_market(finest_dataset(datasets, symbol), profile))
        for symbol in instruments
    }


def finest_dataset(datasets: Sequence[Dataset], symbol: str) -> Dataset:
    """Return what an instrument is matched on: its trades, else its shortest bars."""
    own = [each for each in datasets if each.meta.instrument.symbol == symbol]
    return min(own, key=lambda each: each.meta.interval_ns)


def stored_market(
    dataset: Dataset, profile: SimulationProfile, *, until_ns: int | None = None
) -> Iterator[MarketColumns]:
    """Yield a data set's rows with the arrivals that the profile gives them."""
    trades = dataset.meta.kind == "trades"
    delay = profile.trade_delay_ns if trades else profile.bar_delay_ns
    return dataset.batches(delay_ns=delay, end_ns=until_ns)


def bounds_of(manifest: Manifest, datasets: Sequence[Dataset]) -> tuple[int, int]:
    """Return first and last arrival of a run on stored data.

    Raises:
        InputError: The period is empty or outside of the data.
    """
    profile = manifest.profile
    delay = max(profile.bar_delay_ns, profile.trade_delay_ns)
    start = manifest.start_ns
    end = manifest.end_ns
    first = min(each.meta.first_time_ns - each.meta.interval_ns for each in datasets)
    last = max(each.meta.last_time_ns for each in datasets) + delay
    start = first if start is None else start
    end = last if end is None else end
    if not start < end:
        raise InputError(f"the period ends ({end} ns) before it starts ({start} ns)")
    if end < first or start > last:
        raise InputError("the period lies outside of the data; give --from and --to inside of it")
    return start, end


def _opened(name: str, dataset: Dataset, at_ns: int) -> DataOpened:
    return DataOpened(
        stream=name,
        fingerprint=dataset.meta.fingerprint,
        rows=dataset.meta.rows,
        arrival_time_ns=at_ns,
    )


def _split(
    bars: Iterator[BarColumns], start_ns: int
) -> tuple[list[BarColumns], Iterator[BarColumns]]:
    """Return the bars that closed by the start, and an iterator over those that arrive after.

    A bar that closed before the start and arrives after it is news: it is not warm-up.
    """
    before: list[BarColumns] = []
    for chunk in bars:
        first = int(np.searchsorted(chunk.arrival_time_ns, start_ns, "right"))
        if first:
            before.append(chunk.rows(0, first))
        if first < len(chunk):
            return before, chain((chunk.rows(first, len(chunk)),), bars)
    return before, iter(())


def _last_rows(chunks: Sequence[BarColumns], count: int) -> BarColumns | None:
    if not count or not chunks:
        return None
    first = chunks[0]
    whole = BarColumns(
        first.instrument,
        first.interval_ns,
        *(
            np.concatenate([getattr(each, name) for each in chunks])
            for name in BarColumns.__slots__
            if name not in ("instrument", "interval_ns")
        ),
    )
    return whole.rows(max(0, len(whole) - count), len(whole))


def sliced(columns: MarketColumns, rows: int) -> Iterator[MarketColumns]:
    """Yield columns in pieces of so many rows."""
    return (columns.rows(start, start + rows) for start in range(0, len(columns), rows))


def finest_of(symbol: str, columns: Sequence[MarketColumns]) -> MarketColumns:
    """Return the finest columns of an instrument: its trades, else its shortest bars.

    Raises:
        InputError: There are none of it.
    """
    own = [each for each in columns if each.instrument == symbol]
    if not own:
        raise InputError(f"{symbol}: there are no columns of this instrument")
    return min(own, key=lambda each: 0 if isinstance(each, TradeColumns) else each.interval_ns)


def stream_name(columns: MarketColumns) -> str:
    """Return the name of the stream that columns make."""
    if isinstance(columns, TradeColumns):
        return f"trades:{columns.instrument}"
    return f"bars:{interval_name(columns.interval_ns)}:{columns.instrument}"
