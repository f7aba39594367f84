"""Runs on stored history: backtests and twins."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.clocks.wall import WallClock
from tieout.adapters.feeds.history import HistorySource, Stream
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.errors import InputError
from tieout.history import Store
from tieout.journal import (
    JournalWriter,
)
from tieout.kernel.loop import Kernel
from tieout.kernel.risk import RiskLimits
from tieout.model.availability import union
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    RunEnded,
    RunStarted,
)
from tieout.model.money import money
from tieout.model.venues import EVERYTHING, on_book
from tieout.strategy import LoadedStrategy, Strategy, load_strategy
from tieout.wiring.actions import (
    actions_of,
    actions_within,
    check_actions,
    events_of_actions,
    streams_of_actions,
)
from tieout.wiring.assumptions import profile_of, simulated_venue
from tieout.wiring.books import quotes_known
from tieout.wiring.funding import borrow_rates_of, funding_rates_of, market_data
from tieout.wiring.journals import Nowhere
from tieout.wiring.manifests import (
    by_symbol,
    datasets_of,
    kernel_of,
    manifest_of,
    outages_in,
    period_of,
    same_data,
    same_strategy,
)
from tieout.wiring.markets import (
    bounds_of,
    check_resolutions,
    columns_record,
    made_of_columns,
    market_records,
    only_feeds,
    sliced,
    stream_name,
    streams_of,
)
from tieout.wiring.reference import (
    Named,
    calendars_of,
    in_sessions,
    keep_sets,
    named_of,
    same_sets,
    with_announcements,
    with_calendar,
)
from tieout.wiring.results import Result, result_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.adapters.storage.runs import RunFolder, Runs
    from tieout.history import Dataset
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.kernel.ports import JournalPort
    from tieout.model.actions import Action
    from tieout.model.borrow import BorrowSeries
    from tieout.model.calendars import Calendar
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile
    from tieout.model.venues import VenueProfile
    from tieout.wiring.reference import Sets
    from tieout.wiring.telling import Progress

__all__ = ["backtest", "backtest_columns", "run_columns", "run_on_history", "twin"]


def backtest(
    strategy: LoadedStrategy | type[Strategy],
    *,
    store: StoredAt,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    seed: int = 0,
    start_ns: int | None = None,
    end_ns: int | None = None,
    slice_ns: int = 0,
    venue_profile: VenueProfile = EVERYTHING,
    calendars: Sequence[str] = (),
    runs: Runs,
    progress: Progress | None = None,
) -> Result:
    """Run a strategy over stored history on the simulated venue, and keep the run.

    Args:
        strategy: Class, or what `load_strategy` gave.
        store: Folder of the data store.
        data: Names of data sets; bars that are not stored are made from trades. Lists and rules
            by date are named here too.
        profile: Assumptions.
        cash: Starting cash.
        limits: Hard limits.
        seed: Keys every random draw.
        start_ns: First arrival time; the data's own start when None.
        end_ns: Last arrival time; the data's own end when None.
        slice_ns: Market rows are delivered in slices of this width; 0: as they arrive.
        venue_profile: What the venue does itself, what is composed, what is refused; the calendar
            that it names says when orders are matched.
        calendars: Names of calendars that the strategy may ask for.
        runs: Where the run is kept.
        progress: Called with seconds of history done and in total.

    Raises:
        InputError: Data, settings or strategy do not fit together.
    """
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    named = named_of(store, data, calendars, venue_profile)
    datasets = datasets_of(Store(store), named.data)
    chosen = profile_of(profile)
    manifest = manifest_of(
        "backtest",
        loaded,
        datasets,
        profile=chosen,
        cash=cash,
        limits=limits or RiskLimits(),
        seed=seed,
        start_ns=start_ns,
        end_ns=end_ns,
        slice_ns=slice_ns,
        venue_profile=on_book(venue_profile) if chosen.matches_on_book else venue_profile,
        named=named,
    )
    return run_on_history(manifest, loaded, datasets, sets=named.sets, runs=runs, progress=progress)


def twin(
    run: RunFolder,
    *,
    store: StoredAt,
    runs: Runs,
    with_outages: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Backtest a run's manifest over the same period, from the run's first start.

    It reads the provider's history by fingerprint and never the run's own recordings.

    Args:
        run: A run that has ended.
        store: Folder of the data store.
        runs: Where the twin is kept.
        with_outages: Whether history stops coming while the run's market stream was down, and comes
            late when it was back.
        progress: Called with seconds of history done and in total.

    Raises:
        InputError: Strategy or data are no longer what the run used.
    """
    manifest = run.manifest()
    loaded = same_strategy(manifest)
    datasets = same_data(Store(store), manifest)
    started, ended = period_of(run)
    profile = manifest.profile
    if with_outages:
        down = union(profile.outages, outages_in(run, ended.arrival_time_ns))
        profile = msgspec.structs.replace(profile, outages=down)
    twin_manifest = msgspec.structs.replace(
        manifest,
        kind="twin",
        profile=profile,
        of_run=run.run_id,
        start_ns=started.arrival_time_ns,
        end_ns=ended.arrival_time_ns,
    )
    return run_on_history(
        twin_manifest,
        loaded,
        datasets,
        sets=same_sets(store, manifest),
        runs=runs,
        started=started,
        progress=progress,
    )


def backtest_columns(
    strategy: LoadedStrategy | type[Strategy],
    columns: Sequence[MarketColumns | RecordedColumns],
    *,
    instruments: Sequence[Instrument],
    profile: str | SimulationProfile = "pessimistic-1",
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    seed: int = 0,
    chunk_rows: int = 131_072,
    venue_profile: VenueProfile = EVERYTHING,
    actions: Sequence[Action] = (),
    calendars: Sequence[Calendar] = (),
    sets: Sets = (),
    borrow_rates: BorrowSeries | None = None,
) -> Result:
    """Run a strategy over columns in memory, without a store and without keeping the run.

    Each stream of columns is both what the strategy may see and, the finest of an instrument,
    what its orders are matched on; trades that only bars are made of are not given one by one. The
    journal is kept in memory.

    Args:
        strategy: Class, or what `load_strategy` gave.
        columns: Whole streams in order of arrival, arrival times set.
        instruments: Every instrument of the columns.
        profile: Assumptions about fills; the arrival times are the columns' own.
        cash: Starting cash.
        limits: Hard limits.
        seed: Keys every random draw.
        chunk_rows: Rows given at a time; the result does not depend on it.
        venue_profile: What the venue does itself, what is composed, what is refused.
        actions: Corporate actions of the instruments.
        calendars: That the strategy may ask for, and that the venue profile may name.
        sets: Lists and rules by date.
        borrow_rates: What borrowing costs and how much there is; None: as the profile has it.

    Raises:
        InputError: Columns and instruments do not fit together.
    """
    if not columns or not all(len(each) for each in columns):
        raise InputError("backtest: give at least one stream, and none without rows")
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    journal = JournalWriter(Nowhere(), "memory", durable=False)
    kernel, venue = run_columns(
        loaded,
        columns,
        market=columns,
        instruments=instruments,
        profile=profile_of(profile),
        cash=cash,
        limits=limits,
        seed=seed,
        journal=journal,
        chunk_rows=chunk_rows,
        venue_profile=venue_profile,
        actions=actions,
        calendars=calendars,
        sets=sets,
        borrow_rates=borrow_rates,
    )
    return result_of(
        "", kernel, journal, ambiguous_bars=venue.ambiguous_bars, certainty=venue.certainty
    )


def run_columns(
    loaded: LoadedStrategy,
    seen: Sequence[MarketColumns | RecordedColumns],
    *,
    market: Sequence[MarketColumns | RecordedColumns],
    instruments: Sequence[Instrument],
    profile: SimulationProfile,
    cash: Decimal,
    journal: JournalPort,
    limits: RiskLimits | None = None,
    seed: int = 0,
    chunk_rows: int = 131_072,
    venue_profile: VenueProfile = EVERYTHING,
    actions: Sequence[Action] = (),
    calendars: Sequence[Calendar] = (),
    sets: Sets = (),
    borrow_rates: BorrowSeries | None = None,
    progress: Progress | None = None,
) -> tuple[Kernel, SimulatedVenue]:
    """Run a strategy over columns in memory; return what ran, at its end.

    Args:
        loaded: The strategy.
        seen: What it may see.
        market: What its orders are matched on; most often the same.
        instruments: Every instrument of the columns.
        profile: Assumptions.
        cash: Starting cash.
        journal: Takes the records.
        limits: Hard limits.
        seed: Keys every random draw.
        chunk_rows: Rows given at a time.
        venue_profile: What the venue does itself, what is composed, what is refused.
        actions: Corporate actions of the instruments.
        calendars: That the strategy may ask for, and that the venue profile may name.
        sets: Lists and rules by date.
        borrow_rates: What borrowing costs and how much there is; None: as the profile has it.
        progress: Called with seconds of history done and in total.
    """
    known = by_symbol(instruments)
    venue_profile = with_calendar(venue_profile, calendars)
    reference = Named((), sets, tuple(calendars)).known(instruments)
    kernel = Kernel(
        loaded,
        instruments=known,
        journal=journal,
        limits=limits,
        seed=seed,
        venue_profile=on_book(venue_profile) if profile.matches_on_book else venue_profile,
        margin=profile.margin,
        acted={each.instrument for each in actions},
        reference=reference,
    )
    given = events_of_actions(actions, profile)
    check_actions(given, loaded.made)
    records = {symbol: columns_record(symbol, market, profile, chunk_rows) for symbol in known}
    asked = kernel.subscriptions
    start = min(int(each.arrival_time_ns[0]) for each in seen)
    end = max(int(each.arrival_time_ns[-1]) for each in seen)
    streams = [
        Stream(stream_name(each), sliced(each, chunk_rows))
        for each in seen
        if not only_feeds(asked, each)
    ]
    traded = [each for each in seen if isinstance(each, TradeColumns | BarColumns)]
    streams += made_of_columns(asked, traded, profile, (start, end), chunk_rows)
    if not profile.matches_on_book:
        records = in_sessions(records, venue_profile)
    hours = dict.fromkeys(known, venue_profile.sessions)
    venue = SimulatedVenue(known, profile, records, sessions=hours, borrow_rates=borrow_rates)
    started = RunStarted(arrival_time_ns=start, cash=money(cash))
    ended = RunEnded(arrival_time_ns=end, reason="end of data")
    past, later = actions_within(given, start)
    streams += streams_of_actions(later)
    source = HistorySource(started, ended, streams, past_actions=past, progress=progress)
    told = with_announcements(
        source, known, sets, calendars=calendars, end_ns=end, borrow_rates=borrow_rates
    )
    kernel.run(told, venue)
    venue.finish(end)
    return kernel, venue


def run_on_history(
    manifest: Manifest,
    loaded: LoadedStrategy,
    datasets: Sequence[Dataset],
    *,
    sets: Sets = (),
    runs: Runs,
    started: RunStarted | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run over stored data on the simulated venue, and keep the run."""
    instruments = by_symbol(manifest.instruments)
    rates = funding_rates_of(datasets)
    borrow_rates = borrow_rates_of(datasets)
    actions = actions_of(datasets, manifest.profile, slice_ns=manifest.slice_ns)
    datasets = market_data(datasets)
    start_ns, end_ns = bounds_of(manifest, datasets)
    check_resolutions(instruments, datasets, manifest.profile)
    run = runs.create(manifest, now_ns=WallClock().now_ns())
    keep_sets(run, sets)
    try:
        journal = JournalWriter(RealDisk(), str(run.journal), durable=False)
        kernel = kernel_of(manifest, loaded, journal)
        begun = started or RunStarted(arrival_time_ns=start_ns, cash=money(manifest.cash))
        check_actions(actions, loaded.made)
        past, later = actions_within(actions, begun.arrival_time_ns)
        streams = streams_of(
            kernel.subscriptions,
            datasets,
            manifest.profile,
            start_ns,
            end_ns,
            slice_ns=manifest.slice_ns,
        )
        source = HistorySource(
            begun,
            RunEnded(arrival_time_ns=end_ns, reason="end of period"),
            [*streams, *streams_of_actions(later)],
            slice_ns=manifest.slice_ns,
            past_actions=past,
            progress=progress,
        )
        venue = simulated_venue(
            manifest,
            instruments,
            market_records(instruments, datasets, manifest.profile, slice_ns=manifest.slice_ns),
            positions=begun.positions,
            start_ns=begun.arrival_time_ns,
            cash=begun.cash,
            funding_rates=rates,
            borrow_rates=borrow_rates,
            quotes=quotes_known(datasets, manifest.profile),
        )
        told = with_announcements(
            source,
            instruments,
            sets,
            calendars=calendars_of(manifest),
            end_ns=end_ns,
            borrow_rates=borrow_rates,
        )
        kernel.run(told, venue)
        venue.finish(end_ns)
        journal.close()
        result = result_of(
            run.run_id,
            kernel,
            journal,
            ambiguous_bars=venue.ambiguous_bars,
            certainty=venue.certainty,
        )
        run.write("result.json", result.facts())
    finally:
        run.unlock()
    return result
