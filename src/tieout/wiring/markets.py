"""Stored data as what a strategy sees, and as what its orders are matched on."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from tieout.adapters.feeds.history import (
    HistoryMarket,
    InputRows,
    Stream,
    as_rows,
    at_slice_end,
)
from tieout.adapters.feeds.making import BarMakingSource
from tieout.adapters.feeds.stacked import FinerColumns, SlicedRows, StackedMarket, check_nesting
from tieout.errors import InputError
from tieout.history import (
    StoredRanges,
    availability_of,
    bars_from_trades,
    made_bars,
    matched_rows,
    seen_rows,
)
from tieout.history.availability import PUBLISHED
from tieout.market import BarMaker, resolution_name
from tieout.model.bars import GapRule
from tieout.model.columns import (
    BarColumns,
    BookColumns,
    OrderEventColumns,
    QuoteColumns,
    TradeColumns,
    interval_name,
)
from tieout.model.events import ConnectionLost, ConnectionRestored, DataOpened, SourceRank
from tieout.model.profiles import FillLevel
from tieout.wiring.books import (
    BOOK_KINDS,
    any_book,
    book_rows,
    book_streams,
    check_books,
    prints,
    recorded_market,
)
from tieout.wiring.manifests import find_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.history import Availability, Dataset
    from tieout.journal.manifest import Manifest
    from tieout.kernel.context import BarSubscription, Subscriptions
    from tieout.kernel.ports import MarketRecord, Source
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile


__all__ = [
    "bounds_of",
    "check_resolutions",
    "columns_record",
    "finest_dataset",
    "finest_of",
    "joined",
    "made_of_columns",
    "maker_of",
    "making_of",
    "market_records",
    "only_feeds",
    "outages_of",
    "prices_of",
    "sliced",
    "stored_market",
    "stored_rows",
    "stream_name",
    "streams_of",
    "taken",
]


Rows = TypeVar("Rows", bound="MarketColumns | RecordedColumns")

_WARM_UP_REACH = 20
"""How many times the nominal length of a warm-up is searched for its bars, gaps included."""

_BAR_SLACK_NS = 1_000_000
"""How much later than expected a finer bar may come, at least, before the longer one closes."""

_MAKING_COLUMNS = ("price_ticks", "quantity_lots", "trade_id")
_MATCHING_COLUMNS = ("price_ticks", "quantity_lots")
"""What bars are made of, and orders matched on: nobody asks who traded."""

_DAY_NS = 86_400_000_000_000
"""For how long, times that, the past of bars that are not bars of time is read."""


def streams_of(
    subscriptions: Subscriptions,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    start_ns: int,
    end_ns: int,
    *,
    slice_ns: int = 0,
) -> list[Stream]:
    """Return what the strategy asked for, from the start on, with its warm-up before.

    Bars that we make are made of rows as they are delivered, at the end of their slices.
    """
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
    streams += [
        _made_stream(asked, datasets, profile, start_ns, end_ns, slice_ns)
        for _, asked in sorted(subscriptions.made.items())
    ]
    streams += book_streams(subscriptions, datasets, profile, start_ns, end_ns)
    return [*outages_of(datasets, profile, (start_ns, end_ns), slice_ns=slice_ns), *streams]


def outages_of(
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    bounds: tuple[int, int],
    *,
    slice_ns: int = 0,
) -> list[Stream]:
    """Return what is told of outages within [start, end]: of data sets, and of the profile.

    What is told within a slice is told at its end, as rows are.
    """
    start_ns, end_ns = bounds
    width = slice_ns or 1
    named = [(f"store:{each.meta.name}", each.meta.outages) for each in datasets]
    streams = []
    for name, outages in (("market", profile.outages), *named):
        told: list[ConnectionLost | ConnectionRestored] = []
        for span in outages:
            lost_ns, back_ns = (-(-each // width) * width for each in span)
            told.append(
                ConnectionLost(stream=name, reason="as was assumed", arrival_time_ns=lost_ns)
            )
            told.append(ConnectionRestored(stream=name, backfilled=0, arrival_time_ns=back_ns))
        told = [each for each in told if start_ns <= each.arrival_time_ns <= end_ns]
        if told:
            arrivals = np.array([each.arrival_time_ns for each in told], np.int64)
            streams.append(
                Stream(name, iter((InputRows(told, arrivals, int(SourceRank.CONNECTION)),)))
            )
    return streams


def stored_rows(
    subscriptions: Subscriptions,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    from_ns: int,
    to_ns: int,
) -> Iterator[MarketColumns]:
    """Yield what would have arrived in [from, to]: what was asked for, and what feeds our bars."""
    trades = subscriptions.trades | {
        symbol for symbol, length in subscriptions.feeding() if not length
    }
    for symbol in sorted(trades):
        dataset = _trades_of(symbol, datasets)
        yield from _seen(dataset, profile, from_ns, to_ns)
    feeding = {key for key in subscriptions.feeding() if key[1]}
    for symbol, interval in sorted(subscriptions.bars.keys() | feeding):
        yield from _bar_source(symbol, interval, datasets, profile)[1](from_ns, to_ns)


def made_of_columns(
    subscriptions: Subscriptions,
    columns: Sequence[MarketColumns],
    profile: SimulationProfile,
    bounds: tuple[int, int],
    chunk_rows: int,
) -> list[Stream]:
    """Return the streams of bars that a strategy wants made of columns in memory.

    Raises:
        InputError: There are no columns to make them of.
    """
    start, end = bounds
    streams: list[Stream] = []
    for (symbol, name), asked in sorted(subscriptions.made.items()):
        assert asked.made is not None, asked
        source = next(
            (
                each
                for each in columns
                if each.instrument == symbol and _interval_of(each) == asked.made.finer_ns
            ),
            None,
        )
        if source is None:
            raise InputError(
                f"{symbol}: bars {name} are made of {asked.made.made_of}; give columns of these"
            )
        made = made_bars(sliced(source, chunk_rows), maker_of(asked, profile, start), until_ns=end)
        halts = asked.made.gaps is GapRule.HALT
        streams.append(Stream(f"made:{name}:{symbol}", as_rows(made), made=True, may_halt=halts))
    return streams


def only_feeds(subscriptions: Subscriptions, columns: MarketColumns | RecordedColumns) -> bool:
    """Whether the strategy asked for what is made of these rows, and not for them.

    Books and quotes that it did not ask for are for the venue alone.
    """
    if isinstance(columns, QuoteColumns):
        return columns.instrument not in subscriptions.quotes
    if isinstance(columns, BookColumns | OrderEventColumns):
        return columns.instrument not in subscriptions.books
    key = (columns.instrument, _interval_of(columns))
    asked = columns.instrument in subscriptions.trades if not key[1] else key in subscriptions.bars
    return not asked and key in subscriptions.feeding()


def _interval_of(columns: MarketColumns) -> int:
    return 0 if isinstance(columns, TradeColumns) else columns.interval_ns


def maker_of(
    asked: BarSubscription,
    profile: SimulationProfile,
    start_ns: int,
    *,
    running: bool = True,
    late_ns: int | None = None,
) -> BarMaker:
    """Return what makes the bars a strategy asked for, in a run that starts then.

    Args:
        asked: What it asked for.
        profile: Assumptions.
        start_ns: Start of the run.
        running: Whether bars under way are wanted too.
        late_ns: How long after its close a finer bar may come and be in time; None: what the
            profile says of the way to us.
    """
    rule = asked.made
    assert rule is not None, asked
    grace_ns = profile.bar_grace_ns
    if rule.finer_ns:
        # A finer bar that comes when it is expected to come is in time.
        late_ns = profile.feed_delay_ns_max(bars=True) if late_ns is None else late_ns
        grace_ns = late_ns + max(grace_ns, _BAR_SLACK_NS)
    return BarMaker(
        asked.instrument,
        rule,
        grace_ns=grace_ns,
        running_ns=asked.running_ns if running else 0,
        # A bar that somebody else made is whole, whenever it began.
        whole_from_ns=0 if rule.finer_ns == rule.interval_ns else start_ns,
    )


def making_of(
    source: Source,
    asked: Mapping[tuple[str, str], BarSubscription],
    profile: SimulationProfile,
    instruments: Mapping[str, Instrument],
    *,
    started_ns: int,
) -> BarMakingSource:
    """Return a source of single inputs with the bars that a strategy wants made of them."""
    wanted = [each for _, each in sorted(asked.items())]
    return BarMakingSource(
        source,
        [maker_of(each, profile, started_ns) for each in wanted],
        ticks={symbol: each.tick_float for symbol, each in instruments.items()},
        warm_ups=[each.warm_up if each.is_published else 0 for each in wanted],
    )


def _made_stream(
    asked: BarSubscription,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    start_ns: int,
    end_ns: int,
    slice_ns: int,
) -> Stream:
    assert asked.made is not None, asked
    symbol, finer = asked.instrument, asked.made.finer_ns
    read: Callable[[int, int], Iterator[MarketColumns]]
    late_ns = None
    if finer:
        dataset, read = _bar_source(symbol, finer, datasets, profile)
        late_ns = _bar_late_ns(dataset, finer, profile)
    else:
        dataset = _trades_of(symbol, datasets)
        read = _reader(dataset, profile)

    def rows(from_ns: int, to_ns: int) -> Iterator[MarketColumns]:
        return (
            at_slice_end(each, slice_ns)
            for each in read(from_ns, to_ns // (slice_ns or 1) * (slice_ns or 1))
        )

    maker = maker_of(asked, profile, start_ns, late_ns=late_ns)
    made = made_bars(rows(start_ns, end_ns), maker, until_ns=end_ns)
    name = f"made:{asked.rule}:{symbol}"
    return Stream(
        name,
        as_rows(made),
        _made_warm_up(asked, profile, start_ns, rows, late_ns),
        _opened(name, dataset, start_ns),
        made=True,
        may_halt=asked.made.gaps is GapRule.HALT,
    )


def _made_warm_up(
    asked: BarSubscription,
    profile: SimulationProfile,
    start_ns: int,
    rows: Callable[[int, int], Iterator[MarketColumns]],
    late_ns: int | None,
) -> BarColumns | None:
    """Return the last version of the bars that were known by the start."""
    if not asked.warm_up:
        return None
    assert asked.made is not None, asked
    reach = max(start_ns - _WARM_UP_REACH * asked.warm_up * (asked.interval_ns or _DAY_NS), 0)
    maker = maker_of(asked, profile, reach, running=False, late_ns=late_ns)
    known = made_bars(rows(reach, start_ns - 1), maker, until_ns=start_ns)
    bars = [each for each in known if isinstance(each, BarColumns)]
    if not bars:
        return None
    return _last_rows(bars, asked.warm_up)


def _trades_of(symbol: str, datasets: Sequence[Dataset]) -> Dataset:
    dataset = find_dataset(datasets, symbol, "trades")
    if dataset is None:
        raise InputError(
            f"{symbol}: the strategy asks for trades, or bars made of them, and no data set has "
            f"them; it has {', '.join(each.meta.name for each in datasets)}"
        )
    return dataset


def _seen(
    dataset: Dataset,
    profile: SimulationProfile,
    from_ns: int,
    to_ns: int,
    only: Collection[str] = (),
) -> Iterator[MarketColumns]:
    """Yield a data set's rows as they came to be seen, in [from, to] by arrival."""
    how = availability_of(dataset.meta, profile)
    return seen_rows(dataset, how, start_ns=from_ns, end_ns=to_ns, only=only)


def _reader(
    dataset: Dataset, profile: SimulationProfile
) -> Callable[[int, int], Iterator[MarketColumns]]:
    def read(from_ns: int, to_ns: int) -> Iterator[MarketColumns]:
        return _seen(dataset, profile, from_ns, to_ns, _MAKING_COLUMNS)

    return read


def _trade_stream(
    symbol: str,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    start_ns: int,
    end_ns: int,
) -> Stream:
    name = f"trades:{symbol}"
    stored = find_dataset(datasets, symbol, "trades")
    book = any_book(symbol, datasets, profile) if stored is None else None
    rows: Iterator[MarketColumns]
    if book is not None:
        rows = _from(start_ns, prints(book, end_ns=end_ns))
        return Stream(name, rows, None, _opened(name, book, start_ns))
    dataset = _trades_of(symbol, datasets)
    rows = _seen(dataset, profile, start_ns, end_ns)
    return Stream(name, rows, None, _opened(name, dataset, start_ns))


def _from(start_ns: int, trades: Iterator[TradeColumns]) -> Iterator[MarketColumns]:
    for each in trades:
        first = int(np.searchsorted(each.arrival_time_ns, start_ns, "left"))
        if first < len(each):
            yield each.rows(first, len(each))


def _bar_source(
    symbol: str, interval: int, datasets: Sequence[Dataset], profile: SimulationProfile
) -> tuple[Dataset, Callable[[int, int], Iterator[BarColumns]]]:
    """Return the data set that bars come from, and a way to read them in [from, to] by arrival."""
    stored = find_dataset(datasets, symbol, "bars", interval)
    if stored is not None:
        found = stored

        def read(from_ns: int, to_ns: int) -> Iterator[BarColumns]:
            chunks = _seen(found, profile, from_ns, to_ns)
            return (each for each in chunks if isinstance(each, BarColumns))

        return found, read
    trades = find_dataset(datasets, symbol, "trades")
    if trades is None:
        raise InputError(
            f"{symbol}: the strategy asks for {interval_name(interval)} bars; no data set has "
            "them, nor trades to make them from"
        )
    source = trades
    how = _made_availability(source, interval, profile)
    # Bars are known so long after their close at least, and at most.
    soonest_ns, latest_ns = how.published_after_ns, how.published_after_ns + how.late_ns_max

    def make(from_ns: int, to_ns: int) -> Iterator[BarColumns]:
        # A bar is whole only when its first trade is read: begin on an interval.
        begin = (from_ns - latest_ns) // interval * interval
        chunks = source.batches(
            delay_ns=0, start_ns=begin, end_ns=to_ns - soonest_ns, only=_MAKING_COLUMNS
        )
        made = bars_from_trades(
            (each for each in chunks if isinstance(each, TradeColumns)),
            interval,
            delay_ns=how.shift_ns or 0,
        )
        for bars in made if how.shift_ns is not None else _arriving(made, how):
            low = int(np.searchsorted(bars.arrival_time_ns, from_ns, "left"))
            high = int(np.searchsorted(bars.arrival_time_ns, to_ns, "right"))
            if low < high:
                yield bars.rows(low, high)

    return source, make


def _bar_late_ns(dataset: Dataset, interval: int, profile: SimulationProfile) -> int:
    """Return how long after its close a published bar is expected at the latest."""
    bars = dataset.meta.kind == "bars"
    how = (
        availability_of(dataset.meta, profile)
        if bars
        else _made_availability(dataset, interval, profile)
    )
    return how.published_after_ns + replace(how, outages=()).late_ns_max


def _made_availability(trades: Dataset, interval: int, profile: SimulationProfile) -> Availability:
    """Return how bars come to be known that a venue would have made of its trades.

    Raises:
        InputError: When the trades were known is told one by one: of their bars nothing is.
    """
    meta = trades.meta
    if meta.known == PUBLISHED:
        raise InputError(
            f"{meta.name}: each trade says when it was published, and of bars made of them nobody "
            f"knows it; import bars of {interval_name(interval)} too, or ask for "
            'made_of="trades"'
        )
    as_bars = msgspec.structs.replace(meta, kind="bars", interval_ns=interval, known="")
    return availability_of(as_bars, profile)


def _arriving(made: Iterable[BarColumns], how: Availability) -> Iterator[BarColumns]:
    """Yield bars of one stream, in order of their close, with the arrivals that they have."""
    after_ns = 0
    for bars in made:
        known = how.known_ns(bars.close_time_ns, None)
        arrival = how.arrivals(known, bars.close_time_ns, bars.revision, after_ns=after_ns)
        after_ns = int(arrival[-1])
        yield replace(bars, arrival_time_ns=arrival)


def market_records(
    instruments: Mapping[str, Instrument],
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    *,
    slice_ns: int = 0,
) -> dict[str, MarketRecord]:
    """Return what each instrument is matched on: trades where there are some, else its bars.

    A profile that drills down is given all resolutions, bars in front.

    A profile that matches on a book is given the book.

    Raises:
        InputError: It has nothing to drill into, or there is no book.
    """
    check_resolutions(instruments, datasets, profile)
    return {symbol: _stored_record(symbol, datasets, profile, slice_ns) for symbol in instruments}


def _stored_record(
    symbol: str, datasets: Sequence[Dataset], profile: SimulationProfile, slice_ns: int
) -> MarketRecord:
    if profile.matches_on_book:
        return HistoryMarket(recorded_market(symbol, datasets, profile), slice_ns=slice_ns)
    coarse, *finer = _resolutions(datasets, symbol)
    if profile.fill_level is not FillLevel.DRILLDOWN or not finer:
        finest = stored_market(finest_dataset(datasets, symbol), profile)
        return HistoryMarket(finest, slice_ns=slice_ns)
    below = [
        SlicedRows(
            StoredRanges(each, delay_ns=profile.feed_delay_ns_max(bars=each.meta.kind == "bars")),
            slice_ns,
        )
        for each in finer
    ]
    bars = (at_slice_end(each, slice_ns) for each in stored_market(coarse, profile))
    return StackedMarket(symbol, coarse.meta.interval_ns, bars, below)


def columns_record(
    symbol: str,
    given: Sequence[MarketColumns | RecordedColumns],
    profile: SimulationProfile,
    chunk_rows: int,
) -> MarketRecord:
    """Return what an instrument is matched on, of columns in memory.

    Raises:
        InputError: There are none of it, nothing to drill into, or no book where one is asked for.
    """
    if profile.matches_on_book:
        return HistoryMarket(book_rows(symbol, given, profile, chunk_rows))
    columns = [each for each in given if isinstance(each, TradeColumns | BarColumns)]
    finest = finest_of(symbol, columns)
    if profile.fill_level is not FillLevel.DRILLDOWN:
        return HistoryMarket(sliced(finest, chunk_rows))
    own = {_length(each): each for each in reversed(columns) if each.instrument == symbol}
    lengths = sorted(own, reverse=True)
    _check_lengths(symbol, lengths, profile, ", ".join(stream_name(each) for each in own.values()))
    if len(lengths) == 1:
        return HistoryMarket(sliced(finest, chunk_rows))
    below = [FinerColumns(own[each]) for each in lengths[1:]]
    return StackedMarket(symbol, lengths[0], sliced(own[lengths[0]], chunk_rows), below)


def check_resolutions(
    instruments: Iterable[str], datasets: Sequence[Dataset], profile: SimulationProfile
) -> None:
    """Check that every instrument has what a profile's fill level needs.

    Raises:
        InputError: There is nothing to drill into, or the resolutions do not lie within each other;
            a book is asked for and there is none; there are neither trades nor bars.
    """
    if profile.matches_on_book:
        check_books(instruments, datasets, profile)
        return
    for symbol in instruments:
        if not _resolutions(datasets, symbol):
            names = ", ".join(each.meta.name for each in datasets)
            raise InputError(
                f"{symbol}: profile {profile.name} fills orders at level {profile.fill_level}, on "
                f"trades or bars, and {names} holds neither; name a data set of trades too, or "
                "choose a profile of level book or orders (book-1, orders-1)"
            )
    if profile.fill_level is not FillLevel.DRILLDOWN:
        return
    for symbol in instruments:
        own = _resolutions(datasets, symbol)
        lengths = [each.meta.interval_ns for each in own]
        _check_lengths(symbol, lengths, profile, ", ".join(each.meta.name for each in own))


def _check_lengths(
    symbol: str, lengths: Sequence[int], profile: SimulationProfile, names: str
) -> None:
    if len(lengths) == 1 and lengths[0]:
        raise InputError(
            f"{symbol}: profile {profile.name} opens bars into finer data, and there is only "
            f"{names}, bars of {resolution_name(lengths[0])}; import its trades, or shorter bars "
            "that divide these, and name them too, or choose a profile that does not drill down"
        )
    check_nesting(symbol, lengths)


def _resolutions(datasets: Sequence[Dataset], symbol: str) -> list[Dataset]:
    """Return an instrument's data sets from coarse to fine, the first named of each length."""
    own: dict[int, Dataset] = {}
    for each in datasets:
        if each.meta.instrument.symbol == symbol and each.meta.kind not in BOOK_KINDS:
            own.setdefault(each.meta.interval_ns, each)
    return [own[length] for length in sorted(own, reverse=True)]


def _length(columns: MarketColumns) -> int:
    return 0 if isinstance(columns, TradeColumns) else columns.interval_ns


def finest_dataset(datasets: Sequence[Dataset], symbol: str) -> Dataset:
    """Return what an instrument is matched on: its trades, else its shortest bars."""
    return _resolutions(datasets, symbol)[-1]


def prices_of(
    symbol: str, datasets: Sequence[Dataset], profile: SimulationProfile, *, until_ns: int | None
) -> Iterator[MarketColumns]:
    """Yield what tells an instrument's price: its trades or bars, else what its book printed."""
    if _resolutions(datasets, symbol):
        return stored_market(finest_dataset(datasets, symbol), profile, until_ns=until_ns)
    book = any_book(symbol, datasets, profile)
    return iter(()) if book is None else prints(book, end_ns=until_ns)


def stored_market(
    dataset: Dataset, profile: SimulationProfile, *, until_ns: int | None = None
) -> Iterator[MarketColumns]:
    """Yield a data set's rows as the venue's market, with the arrivals that they have."""
    how = availability_of(dataset.meta, profile)
    return matched_rows(dataset, how, end_ns=until_ns, only=_MATCHING_COLUMNS)


def bounds_of(manifest: Manifest, datasets: Sequence[Dataset]) -> tuple[int, int]:
    """Return first and last arrival of a run on stored data.

    Raises:
        InputError: The period is empty or outside of the data.
    """
    start = manifest.start_ns
    end = manifest.end_ns
    first = min(each.meta.first_time_ns - each.meta.interval_ns for each in datasets)
    last = max(_last_ns(each, manifest.profile) for each in datasets)
    start = first if start is None else start
    end = last if end is None else end
    if not start < end:
        raise InputError(f"the period ends ({end} ns) before it starts ({start} ns)")
    if end < first or start > last:
        raise InputError("the period lies outside of the data; give --from and --to inside of it")
    return start, end


def _last_ns(dataset: Dataset, profile: SimulationProfile) -> int:
    """Return a time by which all rows of a data set have arrived."""
    meta = dataset.meta
    plain_ns = meta.last_time_ns + max(profile.bar_delay_ns, profile.trade_delay_ns)
    if meta.kind not in ("trades", "bars"):
        return plain_ns
    how = availability_of(meta, profile)
    known_ns = meta.last_known_ns or meta.last_time_ns + meta.published_after_ns
    return max(plain_ns, known_ns + how.late_ns_max)


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
    whole = joined(chunks)
    # A revised bar stands once, as it was last known, in the place of its time.
    order = np.lexsort((whole.revision, whole.close_time_ns))
    closes = whole.close_time_ns[order]
    last = order[np.concatenate((closes[1:] != closes[:-1], [True]))]
    return taken(whole, last[-count:])


def taken(bars: BarColumns, rows: NDArray[np.int64]) -> BarColumns:
    """Return the rows that are named."""
    columns: dict[str, Any] = {
        name: getattr(bars, name)[rows]
        for name in BarColumns.__slots__
        if isinstance(getattr(bars, name), np.ndarray)
    }
    return replace(bars, **columns)


def joined(chunks: Sequence[BarColumns]) -> BarColumns:
    """Return bars of one stream as one piece."""
    first = chunks[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in chunks])
        for name in BarColumns.__slots__
        if isinstance(getattr(first, name), np.ndarray)
    }
    return replace(first, **columns)


def sliced(columns: Rows, rows: int) -> Iterator[Rows]:
    """Yield columns in pieces of so many rows."""
    # Rows of one kind are of that kind.
    return (
        columns.rows(start, start + rows)  # type: ignore[misc]
        for start in range(0, len(columns), rows)
    )


def finest_of(symbol: str, columns: Sequence[MarketColumns]) -> MarketColumns:
    """Return the finest columns of an instrument: its trades, else its shortest bars.

    Raises:
        InputError: There are none of it.
    """
    own = [each for each in columns if each.instrument == symbol]
    if not own:
        raise InputError(f"{symbol}: there are no columns of this instrument")
    return min(own, key=_length)


def stream_name(columns: MarketColumns | RecordedColumns) -> str:
    """Return the name of the stream that columns make."""
    if isinstance(columns, TradeColumns):
        return f"trades:{columns.instrument}"
    if isinstance(columns, QuoteColumns):
        return f"quotes:{columns.instrument}"
    if isinstance(columns, BookColumns | OrderEventColumns):
        return f"book:{columns.instrument}"
    return f"bars:{interval_name(columns.interval_ns)}:{columns.instrument}"
