"""Paper and shadow: live data, the simulated venue, and nothing leaves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.clocks.wall import WallClock
from tieout.adapters.feeds.recorded import FirstSource
from tieout.adapters.feeds.watched import WatchedSource
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.simulated import LiveMarket, SimulatedVenue
from tieout.history import Store
from tieout.journal import JournalWriter
from tieout.kernel.loop import Kernel
from tieout.kernel.risk import RiskLimits
from tieout.model.events import RunStarted
from tieout.model.money import money
from tieout.model.venues import GATEWAY
from tieout.strategy import LoadedStrategy, Strategy, load_strategy
from tieout.wiring.assumptions import profile_of, simulated_venue
from tieout.wiring.books import check_trades_or_bars
from tieout.wiring.manifests import by_symbol, datasets_of, manifest_of
from tieout.wiring.markets import check_resolutions, finest_dataset, stored_market
from tieout.wiring.results import result_of
from tieout.wiring.telling import Progress, told
from tieout.wiring.trading import (
    VenueAccess,
    check_rules,
    delivered,
    gateway_of,
    streams_asked,
    subscriptions_to,
    warm_up_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder, Runs
    from tieout.adapters.venues.exchange import ExchangeGateway
    from tieout.history import Dataset
    from tieout.journal.manifest import Manifest
    from tieout.model.profiles import SimulationProfile
    from tieout.wiring.results import Result

__all__ = ["paper", "shadow"]


def paper(
    strategy: LoadedStrategy | type[Strategy],
    *,
    access: VenueAccess,
    store: Path,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    seed: int = 0,
    slice_ns: int = 0,
    runs: Runs,
    progress: Progress | None = None,
) -> Result:
    """Trade a venue's live data on the simulated venue, with cash of our own.

    Only public data is asked for; no key is sent and no order can leave.

    Args:
        strategy: Class, or what `load_strategy` gave.
        access: The venue; its key is not used.
        store: Folder of the data store.
        data: The history the run's twin will use; its instruments are the ones traded, and the
            finest kind it has of each, trades or bars, is what orders are matched on.
        profile: Assumptions of the simulated venue.
        cash: Starting cash.
        limits: Hard limits.
        seed: Keys every random draw.
        slice_ns: Market rows are delivered in slices of this width; 0: as they arrive.
        runs: Where the run is kept.
        progress: Told how much of the market was seen.

    Raises:
        InputError: The venue's rules contradict the data's.
        VenueError: The venue cannot be reached or was lost.
    """
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    datasets = datasets_of(Store(store), data)
    manifest = manifest_of(
        "paper",
        loaded,
        datasets,
        profile=profile_of(profile),
        cash=cash,
        limits=limits or RiskLimits(),
        seed=seed,
        start_ns=None,
        end_ns=None,
        slice_ns=slice_ns,
        venue_profile=GATEWAY,
    )
    run = _created(manifest, access, runs)
    try:
        started = RunStarted(arrival_time_ns=0, cash=money(cash))
        return _watch(run, loaded, datasets, access, started, progress)
    finally:
        run.unlock()


def shadow(
    strategy: LoadedStrategy | type[Strategy],
    *,
    access: VenueAccess,
    store: Path,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    limits: RiskLimits | None = None,
    seed: int = 0,
    slice_ns: int = 0,
    runs: Runs,
    progress: Progress | None = None,
) -> Result:
    """Run beside a real account: start from its balance and positions, send nothing.

    A key that may only read is enough. The account is read once, at the start; its positions are
    the run's own from then on, and every order goes through the same rules and limits as a live
    one before the simulated venue fills it.

    Args:
        strategy: Class, or what `load_strategy` gave.
        access: The account.
        store: Folder of the data store.
        data: As in `paper`.
        profile: Assumptions of the simulated venue.
        limits: Hard limits.
        seed: Keys every random draw.
        slice_ns: Market rows are delivered in slices of this width; 0: as they arrive.
        runs: Where the run is kept.
        progress: Told how much of the market was seen.

    Raises:
        InputError: The venue's rules contradict the data's.
        VenueError: The venue cannot be reached, the key was refused, or the venue was lost.
    """
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    datasets = datasets_of(Store(store), data)
    manifest = manifest_of(
        "shadow",
        loaded,
        datasets,
        profile=profile_of(profile),
        cash=Decimal(0),
        limits=limits or RiskLimits(),
        seed=seed,
        start_ns=None,
        end_ns=None,
        slice_ns=slice_ns,
        venue_profile=GATEWAY,
    )
    run = _created(manifest, access, runs)
    try:
        with gateway_of(run, manifest, access) as reader:
            reader.instruments([each.symbol for each in manifest.instruments])
            started = reader.account()
        return _watch(run, loaded, datasets, access, started, progress)
    finally:
        run.unlock()


def _created(manifest: Manifest, access: VenueAccess, runs: Runs) -> RunFolder:
    named = msgspec.structs.replace(manifest, venue=access.url)
    return runs.create(named, now_ns=WallClock().now_ns())


def _watch(
    run: RunFolder,
    loaded: LoadedStrategy,
    datasets: Sequence[Dataset],
    access: VenueAccess,
    started: RunStarted,
    progress: Progress | None,
) -> Result:
    """Run on public data from a start that is given, to the end of the venue or by command."""
    manifest = run.manifest()
    with gateway_of(run, manifest, VenueAccess(access.url, "", "")) as gateway:
        rules = gateway.instruments([each.symbol for each in manifest.instruments])
        check_rules(manifest.instruments, rules)
        manifest = msgspec.structs.replace(manifest, instruments=tuple(rules))
        run.write("manifest.json", manifest)
        journal = JournalWriter(RealDisk(), str(run.journal))
        kernel = Kernel(
            loaded,
            instruments=by_symbol(rules),
            journal=journal,
            limits=msgspec.json.decode(manifest.limits, type=RiskLimits),
            seed=manifest.seed,
            venue_profile=manifest.venue_profile,
        )
        source, venue = _beside(gateway, kernel, manifest, datasets, started)
        kernel.run(told(source, progress), venue)
        journal.close()
    result = result_of(
        run.run_id, kernel, journal, ambiguous_bars=venue.ambiguous_bars, certainty=venue.certainty
    )
    run.write("result.json", result.facts())
    return result


def _beside(
    gateway: ExchangeGateway,
    kernel: Kernel,
    manifest: Manifest,
    datasets: Sequence[Dataset],
    started: RunStarted,
) -> tuple[WatchedSource, SimulatedVenue]:
    """Start the gateway; return it as a source beside a simulated venue that it feeds."""
    asked = streams_asked(kernel)
    check_trades_or_bars(manifest.profile)
    check_resolutions(kernel.instruments, datasets, manifest.profile)
    finest = {symbol: finest_dataset(datasets, symbol) for symbol in kernel.instruments}
    matched = {symbol: (symbol, each.meta.interval_ns) for symbol, each in finest.items()}
    gateway.start(
        subscriptions_to({*asked, *matched.values()}),
        warmup_bars=warm_up_of(kernel),
        bar_delay_ns=manifest.profile.bar_delay_ns,
        started=started,
    )
    first = gateway.next(None)
    assert first is not None, "a run begins with its start"
    begun = first.events[0]
    assert isinstance(begun, RunStarted), begun
    markets = {
        matched[symbol]: LiveMarket(
            stored_market(each, manifest.profile, until_ns=begun.arrival_time_ns)
        )
        for symbol, each in finest.items()
    }
    venue = simulated_venue(
        manifest,
        kernel.instruments,
        {symbol: markets[key] for symbol, key in matched.items()},
        positions=begun.positions,
    )
    source = delivered(
        FirstSource(first, gateway), kernel, manifest, started_ns=begun.arrival_time_ns
    )
    return WatchedSource(source, venue, markets, asked=asked), venue
