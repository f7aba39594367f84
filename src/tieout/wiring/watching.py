"""Paper and shadow: live data, the simulated venue, and nothing leaves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.clocks.wall import WallClock
from tieout.adapters.feeds.recorded import FirstSource
from tieout.adapters.feeds.watched import StreamKey, WatchedSource, is_matched, stream_key
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.simulated import LiveMarket, SimulatedVenue, Standing
from tieout.history import Store
from tieout.journal import JournalWriter
from tieout.kernel.risk import RiskLimits
from tieout.model.events import (
    Bar,
    CorporateAction,
    Fill,
    FundingCharged,
    MarginWarned,
    RunStarted,
    Trade,
)
from tieout.model.margin import MarginMode
from tieout.model.money import money
from tieout.model.orders import OrderState
from tieout.model.venues import GATEWAY
from tieout.strategy import LoadedStrategy, Strategy, load_strategy
from tieout.wiring.actions import actions_of, check_actions, not_recorded
from tieout.wiring.assumptions import profile_of, simulated_venue
from tieout.wiring.books import check_trades_or_bars
from tieout.wiring.funding import borrow_rates_of, market_data
from tieout.wiring.journals import WrittenSource
from tieout.wiring.manifests import datasets_of, kernel_of, manifest_of, same_data
from tieout.wiring.markets import check_resolutions, finest_dataset, stored_market
from tieout.wiring.reference import announced_to, keep_sets, named_of
from tieout.wiring.refolding import refolded, resume_point
from tieout.wiring.results import result_of
from tieout.wiring.telling import Progress, told
from tieout.wiring.trading import (
    VenueAccess,
    acted,
    check_rules,
    delivered,
    gateway_of,
    streams_asked,
    subscriptions_to,
    warm_up_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tieout.adapters.storage.runs import RunFolder, Runs
    from tieout.adapters.venues.exchange import ExchangeGateway
    from tieout.history import Dataset
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Source
    from tieout.model.borrow import BorrowSeries
    from tieout.model.events import Input
    from tieout.model.margin import MarginTerms
    from tieout.model.profiles import SimulationProfile
    from tieout.wiring.refolding import Refolded
    from tieout.wiring.results import Result

__all__ = ["go_on_watching", "paper", "shadow"]


def paper(
    strategy: LoadedStrategy | type[Strategy],
    *,
    access: VenueAccess,
    store: StoredAt,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    seed: int = 0,
    slice_ns: int = 0,
    calendars: Sequence[str] = (),
    venue_calendar: str = "",
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
        calendars: Names of calendars that the strategy may ask for.
        venue_calendar: The one in whose sessions alone orders are matched; empty: always.
        runs: Where the run is kept.
        progress: Told how much of the market was seen.

    Raises:
        InputError: The venue's rules contradict the data's.
        VenueError: The venue cannot be reached or was lost.
    """
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    venue_profile = GATEWAY.by_calendar(venue_calendar)
    named = named_of(store, data, calendars, venue_profile)
    datasets = datasets_of(Store(store), named.data)
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
        venue_profile=venue_profile,
        named=named,
    )
    run = _created(manifest, access, runs)
    keep_sets(run, named.sets)
    try:
        started = RunStarted(arrival_time_ns=0, cash=money(cash))
        return _watch(run, loaded, datasets, access, started, progress)
    finally:
        run.unlock()


def shadow(
    strategy: LoadedStrategy | type[Strategy],
    *,
    access: VenueAccess,
    store: StoredAt,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    limits: RiskLimits | None = None,
    seed: int = 0,
    slice_ns: int = 0,
    calendars: Sequence[str] = (),
    venue_calendar: str = "",
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
        calendars: Names of calendars that the strategy may ask for.
        venue_calendar: The one in whose sessions alone orders are matched; empty: always.
        runs: Where the run is kept.
        progress: Told how much of the market was seen.

    Raises:
        InputError: The venue's rules contradict the data's.
        VenueError: The venue cannot be reached, the key was refused, or the venue was lost.
    """
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    venue_profile = GATEWAY.by_calendar(venue_calendar)
    named = named_of(store, data, calendars, venue_profile)
    datasets = datasets_of(Store(store), named.data)
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
        venue_profile=venue_profile,
        named=named,
    )
    run = _created(manifest, access, runs)
    keep_sets(run, named.sets)
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
    actions = actions_of(datasets, manifest.profile, slice_ns=manifest.slice_ns)
    check_actions(actions, loaded.made)
    borrow_rates = borrow_rates_of(datasets)
    datasets = market_data(datasets)
    with gateway_of(run, manifest, VenueAccess(access.url, "", "")) as gateway:
        rules = gateway.instruments([each.symbol for each in manifest.instruments])
        check_rules(manifest.instruments, rules)
        manifest = msgspec.structs.replace(manifest, instruments=tuple(rules))
        run.write("manifest.json", manifest)
        journal = JournalWriter(RealDisk(), str(run.journal))
        kernel = kernel_of(manifest, loaded, journal)
        watched, venue = _beside(
            gateway, kernel, manifest, datasets, started, actions, borrow_rates
        )
        source = announced_to(watched, run, manifest, borrow_rates=borrow_rates)
        return _to_the_end(run, kernel, journal, source, venue, progress)


def go_on_watching(
    run: RunFolder,
    loaded: LoadedStrategy,
    access: VenueAccess,
    store: StoredAt,
    *,
    fresh: bool,
    progress: Progress | None,
) -> Result:
    """Go on with a paper or shadow run; see `resume`."""
    manifest = run.manifest()
    stored = same_data(Store(store), manifest)
    actions = actions_of(stored, manifest.profile, slice_ns=manifest.slice_ns)
    borrow_rates = borrow_rates_of(stored)
    datasets = market_data(stored)
    folded = refolded(run, loaded)
    with gateway_of(run, manifest, VenueAccess(access.url, "", "")) as gateway:
        gateway.instruments([each.symbol for each in manifest.instruments])
        missing = not_recorded(actions, folded.recorded)
        watched, venue = _beside_again(
            gateway, folded, manifest, datasets, missing, borrow_rates, fresh=fresh
        )
        source = announced_to(
            watched, run, manifest, borrow_rates=borrow_rates, recorded=folded.recorded
        )
        return _to_the_end(run, folded.kernel, folded.journal, source, venue, progress)


def _to_the_end(
    run: RunFolder,
    kernel: Kernel,
    journal: JournalWriter,
    source: Source,
    venue: SimulatedVenue,
    progress: Progress | None,
) -> Result:
    kernel.run(WrittenSource(told(source, progress), journal), venue)
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
    actions: Sequence[CorporateAction],
    borrow_rates: BorrowSeries | None,
) -> tuple[WatchedSource, SimulatedVenue]:
    """Start the gateway; return it as a source beside a simulated venue that it feeds."""
    check_trades_or_bars(manifest.profile)
    check_resolutions(kernel.instruments, datasets, manifest.profile)
    matched = _matched(kernel, datasets)
    gateway.start(
        subscriptions_to({*streams_asked(kernel), *matched.values()}),
        warmup_bars=warm_up_of(kernel),
        bar_delay_ns=manifest.profile.feed_delay_ns_max(bars=True),
        started=started,
    )
    first = gateway.next(None)
    assert first is not None, "a run begins with its start"
    begun = first.events[0]
    assert isinstance(begun, RunStarted), begun
    markets = _markets(matched, datasets, manifest.profile, begun.arrival_time_ns)
    venue = simulated_venue(
        manifest,
        kernel.instruments,
        {symbol: markets[key] for symbol, key in matched.items()},
        positions=begun.positions,
        start_ns=begun.arrival_time_ns,
        cash=begun.cash,
        borrow_rates=borrow_rates,
    )
    source = delivered(
        FirstSource(first, gateway), kernel, manifest, started_ns=begun.arrival_time_ns
    )
    watched = WatchedSource(acted(source, actions), venue, markets, asked=streams_asked(kernel))
    return watched, venue


def _beside_again(
    gateway: ExchangeGateway,
    folded: Refolded,
    manifest: Manifest,
    datasets: Sequence[Dataset],
    actions: Sequence[CorporateAction],
    borrow_rates: BorrowSeries | None,
    *,
    fresh: bool,
) -> tuple[WatchedSource, SimulatedVenue]:
    """Start the gateway behind the journal, beside a simulated venue that holds its orders."""
    kernel, recorded = folded.kernel, folded.recorded
    matched = _matched(kernel, datasets)
    point = resume_point(folded, fresh=fresh)
    gateway.start(
        subscriptions_to({*streams_asked(kernel), *matched.values()}),
        warmup_bars=warm_up_of(kernel),
        bar_delay_ns=manifest.profile.feed_delay_ns_max(bars=True),
        resume=point,
    )
    first = gateway.next(None)
    assert first is not None, "a run goes on with word that it does"
    back_ns = first.events[0].arrival_time_ns
    started_ns = recorded[0].arrival_time_ns
    markets = _markets(matched, datasets, manifest.profile, started_ns)
    for row in recorded:
        if isinstance(row, Trade | Bar) and is_matched(row) and stream_key(row) in markets:
            markets[stream_key(row)].append(row)
    venue = simulated_venue(
        manifest,
        kernel.instruments,
        {symbol: markets[key] for symbol, key in matched.items()},
        positions=(
            (symbol, kernel.position_lots(symbol), kernel.ledger.position(symbol).cost)
            for symbol in kernel.instruments
        ),
        start_ns=point.down_since_ns,
        cash=kernel.ledger.balance,
        borrow_rates=borrow_rates,
    )
    for row in recorded:
        if isinstance(row, CorporateAction):
            # Positions are as it left them; what the venue knows of before it is not.
            venue.act(row, held_lots=0, past=True)
    under_way = kernel.orders.open.values()
    unsent = (OrderState.INTENDED, OrderState.SENT)
    venue.go_on(
        (
            Standing(
                place=each.place,
                filled_lots=each.filled_lots,
                fills=len(each.fills),
                triggered=each.triggered,
            )
            for each in under_way
            if each.state not in unsent
        ),
        (each for each in recorded if isinstance(each, Fill)),
        down_ns=point.down_since_ns,
        back_ns=back_ns,
        warned=_warned(recorded, manifest.profile.margin),
    )
    for each in under_way:
        if each.state in unsent:
            # It is in the journal, and the venue that it was for is gone with the process.
            venue.place(each.place)
    source = delivered(
        FirstSource(first, gateway), kernel, manifest, started_ns=started_ns, recorded=recorded
    )
    watched = WatchedSource(acted(source, actions), venue, markets, asked=streams_asked(kernel))
    return watched, venue


def _warned(recorded: Iterable[Input], terms: MarginTerms | None) -> set[str]:
    """Return the symbols whose position was warned of, and has not been moved since.

    Where the whole account stands for a position, whatever is traded or paid moves it.
    """
    is_shared = terms is not None and terms.mode == MarginMode.CROSS
    warned: set[str] = set()
    for each in recorded:
        if isinstance(each, MarginWarned):
            warned.add(each.instrument)
        elif isinstance(each, Fill | FundingCharged | CorporateAction):
            warned -= warned if is_shared else {each.instrument}
    return warned


def _matched(kernel: Kernel, datasets: Sequence[Dataset]) -> dict[str, StreamKey]:
    """Return the stream that each instrument's orders are matched on."""
    return {
        symbol: (symbol, finest_dataset(datasets, symbol).meta.interval_ns)
        for symbol in kernel.instruments
    }


def _markets(
    matched: Mapping[str, StreamKey],
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    started_ns: int,
) -> dict[StreamKey, LiveMarket]:
    return {
        key: LiveMarket(
            stored_market(finest_dataset(datasets, symbol), profile, until_ns=started_ns)
        )
        for symbol, key in matched.items()
    }
