"""Live: the gateway is both source and venue; and going on after the process stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.clocks.wall import WallClock
from tieout.adapters.feeds.acting import ActingSource
from tieout.adapters.feeds.recorded import FirstSource
from tieout.adapters.feeds.slicing import SlicedSource
from tieout.adapters.storage.disk import RealDisk
from tieout.errors import InputError
from tieout.history import Store
from tieout.journal import (
    JournalWriter,
)
from tieout.model.venues import GATEWAY
from tieout.strategy import LoadedStrategy, Strategy, load_strategy
from tieout.wiring.actions import actions_of, check_actions, not_recorded
from tieout.wiring.assumptions import profile_of
from tieout.wiring.books import check_no_books
from tieout.wiring.funding import borrow_rates_of
from tieout.wiring.journals import WrittenSource
from tieout.wiring.manifests import datasets_of, kernel_of, manifest_of, period_of, same_data
from tieout.wiring.markets import making_of
from tieout.wiring.reference import announced_to, keep_sets, named_of
from tieout.wiring.refolding import refolded, resume_point
from tieout.wiring.results import Result, result_of
from tieout.wiring.telling import Progress, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.adapters.feeds.watched import StreamKey
    from tieout.adapters.storage.runs import RunFolder, Runs
    from tieout.adapters.venues.exchange import ExchangeGateway, Subscription
    from tieout.history import Dataset
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Source
    from tieout.kernel.risk import RiskLimits
    from tieout.model.borrow import BorrowSeries
    from tieout.model.events import CorporateAction, Input
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile


__all__ = [
    "VenueAccess",
    "acted",
    "check_rules",
    "delivered",
    "gateway_of",
    "go_on_live",
    "live",
    "streams_asked",
    "subscriptions_to",
    "warm_up_of",
]


@dataclass(frozen=True, slots=True)
class VenueAccess:
    """How to reach an account at a venue.

    Attributes:
        url: REST address without a path.
        key: API key; empty for public data alone.
        secret: API secret; never shown.
    """

    url: str
    key: str
    secret: str = field(repr=False)


def live(
    strategy: LoadedStrategy | type[Strategy],
    *,
    access: VenueAccess,
    store: StoredAt,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    limits: RiskLimits,
    seed: int = 0,
    slice_ns: int = 0,
    calendars: Sequence[str] = (),
    venue_calendar: str = "",
    runs: Runs,
    progress: Progress | None = None,
) -> Result:
    """Trade at a venue; every order and what it rests on is in the journal before it leaves.

    Args:
        strategy: Class, or what `load_strategy` gave.
        access: The venue.
        store: Folder of the data store.
        data: The history the run's twin will use; its instruments are the ones traded.
        profile: Assumptions of the run's twin.
        limits: Hard limits; the two notional ones must be set.
        seed: Keys every random draw.
        slice_ns: Market rows are delivered in slices of this width; 0: as they arrive.
        calendars: Names of calendars that the strategy may ask for.
        venue_calendar: The one that says when the venue trades; empty: always.
        runs: Where the run is kept.
        progress: Told how much of the market was seen.

    Raises:
        InputError: Limits are missing, or the venue's rules contradict the data's.
        VenueError: The venue cannot be reached or was lost.
    """
    if limits.order_notional_max is None or limits.position_notional_max is None:
        raise InputError(
            "live: set risk.order_notional_max and risk.position_notional_max in tieout.toml; "
            "without hard limits nothing is sent"
        )
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    venue_profile = GATEWAY.by_calendar(venue_calendar)
    named = named_of(store, data, calendars, venue_profile)
    datasets = datasets_of(Store(store), named.data)
    manifest = manifest_of(
        "live",
        loaded,
        datasets,
        profile=profile_of(profile),
        cash=Decimal(0),
        limits=limits,
        seed=seed,
        start_ns=None,
        end_ns=None,
        slice_ns=slice_ns,
        venue_profile=venue_profile,
        named=named,
    )
    run = runs.create(
        msgspec.structs.replace(manifest, venue=access.url), now_ns=WallClock().now_ns()
    )
    keep_sets(run, named.sets)
    try:
        actions = actions_of(datasets, manifest.profile, slice_ns=slice_ns)
        check_actions(actions, loaded.made)
        borrow_rates = borrow_rates_of(datasets)
        return _trade_live(run, loaded, access, actions, borrow_rates, progress)
    finally:
        run.unlock()


def _trade_live(
    run: RunFolder,
    loaded: LoadedStrategy,
    access: VenueAccess,
    actions: Sequence[CorporateAction],
    borrow_rates: BorrowSeries | None,
    progress: Progress | None,
) -> Result:
    manifest = run.manifest()
    with gateway_of(run, manifest, access) as gateway:
        rules = gateway.instruments([each.symbol for each in manifest.instruments])
        check_rules(manifest.instruments, rules)
        manifest = msgspec.structs.replace(manifest, instruments=tuple(rules))
        run.write("manifest.json", manifest)
        journal = JournalWriter(RealDisk(), str(run.journal))
        kernel = kernel_of(manifest, loaded, journal)
        gateway.start(
            subscriptions_to(streams_asked(kernel)),
            warmup_bars=warm_up_of(kernel),
            bar_delay_ns=manifest.profile.feed_delay_ns_max(bars=True),
        )
        run.write("snapshot.json", gateway.snapshot())
        first = gateway.next(None)
        assert first is not None, "a run begins with its start"
        source = delivered(
            FirstSource(first, gateway),
            kernel,
            manifest,
            started_ns=first.events[0].arrival_time_ns,
        )
        source = announced_to(acted(source, actions), run, manifest, borrow_rates=borrow_rates)
        return _to_the_end(run, kernel, journal, gateway, source, progress)


def go_on_live(
    run: RunFolder,
    loaded: LoadedStrategy,
    access: VenueAccess,
    store: StoredAt | None,
    *,
    fresh: bool,
    progress: Progress | None,
) -> Result:
    """Go on with a live run; see `resume`."""
    from tieout.adapters.venues import exchange  # noqa: PLC0415 - an extra

    manifest = run.manifest()
    stored = _stored_again(run, manifest, store)
    actions = actions_of(stored, manifest.profile, slice_ns=manifest.slice_ns)
    borrow_rates = borrow_rates_of(stored)
    folded = refolded(run, loaded)
    kernel, recorded = folded.kernel, folded.recorded
    with gateway_of(run, manifest, access) as gateway:
        gateway.instruments([each.symbol for each in manifest.instruments])
        gateway.start(
            subscriptions_to(streams_asked(kernel)),
            warmup_bars=warm_up_of(kernel),
            bar_delay_ns=manifest.profile.feed_delay_ns_max(bars=True),
            resume=resume_point(folded, fresh=fresh),
            start_snapshot=run.read("snapshot.json", exchange.AccountSnapshot),
        )
        source = delivered(
            gateway,
            kernel,
            manifest,
            started_ns=recorded[0].arrival_time_ns,
            recorded=recorded,
        )
        source = acted(source, not_recorded(actions, recorded))
        source = announced_to(source, run, manifest, borrow_rates=borrow_rates, recorded=recorded)
        return _to_the_end(run, kernel, folded.journal, gateway, source, progress)


def acted(source: Source, actions: Sequence[CorporateAction]) -> Source:
    """Return a source with the corporate actions that a run is given; itself without any."""
    return ActingSource(source, actions) if actions else source


def _stored_again(run: RunFolder, manifest: Manifest, store: StoredAt | None) -> list[Dataset]:
    """Return the data that a run is told of besides its market; none where it is told nothing."""
    told = {each.kind for each in manifest.data} & {"actions", "borrow"}
    if not told:
        return []
    if store is None:
        words = {"actions": "corporate actions", "borrow": "what there is to borrow"}
        raise InputError(
            f"run {run.run_id} is told {' and '.join(words[each] for each in sorted(told))}: name "
            "the folder of its data store"
        )
    return same_data(Store(store), manifest)


def warm_up_of(kernel: Kernel) -> int:
    """Return how many bars of the past the strategy's indicators want at most."""
    asked = kernel.subscriptions
    published = [each for each in asked.made.values() if each.is_published]
    return max((each.warm_up for each in (*asked.bars.values(), *published)), default=0)


def gateway_of(run: RunFolder, manifest: Manifest, access: VenueAccess) -> ExchangeGateway:
    """Return a gateway to the account, or to public data alone where there is no key."""
    # The gateway's library is an extra that history does not need.
    from tieout.adapters.venues import exchange  # noqa: PLC0415

    scheme, _, address = access.url.partition("://")
    settings = exchange.ExchangeSettings(
        base_url=access.url,
        ws_url=f"{'wss' if scheme == 'https' else 'ws'}://{address}/ws",
        currency=manifest.instruments[0].currency,
        fee_prices=manifest.profile.fee_prices,
        fee_tokens=_fee_tokens(manifest.profile),
    )
    credentials = exchange.Credentials(access.key, access.secret) if access.key else None
    return exchange.ExchangeGateway(run.run_id, settings, credentials)


def _fee_tokens(profile: SimulationProfile) -> tuple[str, ...]:
    """Return the tokens that the account pays fees in, as the profile has it."""
    schedule = profile.fee_schedule if profile.fees_in_token else None
    if schedule is None:
        return ()
    return tuple(dict.fromkeys(each.token for each in schedule.versions if each.token))


def streams_asked(kernel: Kernel) -> set[StreamKey]:
    """Return the streams that the strategy subscribed to, and those its bars are made of.

    Raises:
        InputError: It asks for a book or quotes.
    """
    asked = kernel.subscriptions
    check_no_books(asked)
    return {*((symbol, 0) for symbol in asked.trades), *asked.bars, *asked.feeding()}


def delivered(
    source: Source,
    kernel: Kernel,
    manifest: Manifest,
    *,
    started_ns: int,
    recorded: Sequence[Input] = (),
) -> Source:
    """Return a live source as the run sees it: in slices, with the bars that we make.

    Args:
        source: What arrives, one by one.
        kernel: Has the strategy that says what it wants.
        manifest: The run.
        started_ns: When the run started; bars that opened before are not whole.
        recorded: Inputs of the run that its journal has already.

    Raises:
        InputError: Bars that we make are to be warmed up: of their past nothing is there.
    """
    if manifest.slice_ns:
        source = SlicedSource(source, manifest.slice_ns)
    asked = kernel.subscriptions.made
    for (symbol, name), each in asked.items():
        if each.warm_up and not each.is_published:
            raise InputError(
                f"{symbol}: bars {name} are made as trades arrive and have no past at the start; "
                "set warm_up to 0, or ask for bars as the venue publishes them"
            )
    if not asked:
        return source
    making = making_of(source, asked, manifest.profile, kernel.instruments, started_ns=started_ns)
    making.fold(recorded)
    return making


def subscriptions_to(streams: Iterable[StreamKey]) -> list[Subscription]:
    """Return streams in the gateway's words: trades first, then by instrument and interval."""
    from tieout.adapters.venues import exchange  # noqa: PLC0415 - an extra

    ordered = sorted(streams, key=lambda stream: (stream[1] > 0, stream))
    return [exchange.Subscription(symbol, length or None) for symbol, length in ordered]


def _to_the_end(
    run: RunFolder,
    kernel: Kernel,
    journal: JournalWriter,
    gateway: ExchangeGateway,
    source: Source,
    progress: Progress | None,
) -> Result:
    """Run until the venue or the operator ends it, and keep the venue's statement."""
    kernel.run(WrittenSource(told(source, progress), journal), gateway)
    journal.close()
    started, ended = period_of(run)
    statement = gateway.statement(started.arrival_time_ns, ended.arrival_time_ns)
    run.write("statement.json", statement)
    result = result_of(run.run_id, kernel, journal, ambiguous_bars=0)
    run.write("result.json", result.facts())
    return result


def check_rules(stored: Sequence[Instrument], rules: Sequence[Instrument]) -> None:
    """Compare tick, lot and multiplier of the data with the venue's.

    Raises:
        InputError: They differ; twin and live would round differently.
    """
    for ours, theirs in zip(stored, rules, strict=True):
        if ours.inverse != theirs.inverse:
            inverse, linear = ("data", "venue") if ours.inverse else ("venue", "data")
            raise InputError(
                f"{ours.symbol}: an inverse contract in the {inverse} and a linear one at the "
                f"{linear}; live trades linear contracts, so run an inverse one on history"
            )
        one = (ours.tick_size, ours.lot_size, ours.multiplier)
        other = (theirs.tick_size, theirs.lot_size, theirs.multiplier)
        if one != other:
            raise InputError(
                f"{ours.symbol}: the venue's tick, lot and multiplier are {other}, the data's are "
                f"{one}; import the data with the venue's"
            )
