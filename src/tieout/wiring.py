"""The only file that chooses adapters: each world is a source, a venue and a journal.

world      source                         venue                      journal
backtest   history                        simulated, on history      buffered
twin       history, from the run's start  simulated, on history      buffered
replay     the run's recorded inputs      the run's recorded answers in memory
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tieout.adapters.clocks.wall import WallClock
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.feeds.recorded import RecordedSource
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.recorded import (
    AnsweredVenue,
    ChargedCosts,
    Costs,
    LiveAnswers,
    ModelledCosts,
    RecordedVenue,
)
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.errors import InputError, JournalDamaged
from tieout.history import Store, bars_from_trades
from tieout.journal import (
    Difference,
    JournalReader,
    JournalWriter,
    Kind,
    first_difference,
)
from tieout.journal.manifest import DataUse, Manifest
from tieout.journal.records import encode
from tieout.kernel.loop import Kernel
from tieout.kernel.risk import RiskLimits
from tieout.market import sources_digest
from tieout.model.columns import BarColumns, TradeColumns, interval_name
from tieout.model.events import (
    Bar,
    CancelRejected,
    ClockOffsetMeasured,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    DataOpened,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    RunEnded,
    RunStarted,
    Trade,
)
from tieout.model.money import money, money_decimal
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import FundingRule, SimulationProfile
from tieout.model.profiles import profile as profile_named
from tieout.model.statement import Statement
from tieout.reconcile.attribution import Reconciliation, attribute
from tieout.reconcile.records import RungRecord
from tieout.strategy import LoadedStrategy, Strategy, load_strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder, Runs
    from tieout.adapters.venues.exchange import ExchangeGateway, ResumePoint, Subscription
    from tieout.history import Dataset
    from tieout.journal import Entry
    from tieout.kernel.context import Subscriptions
    from tieout.kernel.ports import MarketRecord, Source, Venue
    from tieout.model.columns import MarketColumns
    from tieout.model.events import Input, Report
    from tieout.model.instruments import Instrument

    Progress = Callable[[float, float | None], None]

__all__ = [
    "Replayed",
    "Result",
    "VenueAccess",
    "backtest",
    "backtest_columns",
    "ladder",
    "live",
    "practice",
    "reconcile",
    "replay",
    "resume",
    "run_facts",
    "run_summary",
    "twin",
]

_WARM_UP_REACH = 20
"""How many times the nominal length of a warm-up is searched for its bars, gaps included."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to.

    Attributes:
        run_id: Empty for a run that was not kept.
        fills: How many.
        orders: How many left.
        denied: How many wishes the risk gate refused.
        profit: Realised and open profit at the final marks, less fees, plus funding.
        fees, funding: Paid and received.
        equity: At the final marks.
        state_hash: Of the kernel at the end.
        decisions_hash: Chained hash of all decisions.
        failure: What the strategy raised; empty when it did not.
        ambiguous_bars: Bars in which a stop and a limit could have filled; the stop was taken.
    """

    run_id: str
    fills: int
    orders: int
    denied: int
    profit: Decimal
    fees: Decimal
    funding: Decimal
    equity: Decimal
    state_hash: str
    decisions_hash: str
    failure: str
    ambiguous_bars: int

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values for JSON or a table."""
        return {
            "run": self.run_id,
            "profit": str(self.profit),
            "fees": str(self.fees),
            "funding": str(self.funding),
            "equity": str(self.equity),
            "orders": self.orders,
            "fills": self.fills,
            "denied": self.denied,
            "ambiguous_bars": self.ambiguous_bars,
            "decisions_hash": self.decisions_hash,
            "state_hash": self.state_hash,
            "failure": self.failure,
        }


@dataclass(frozen=True, slots=True)
class VenueAccess:
    """How to reach an account at a venue.

    Attributes:
        url: REST address without a path.
        key: API key.
        secret: API secret; never shown.
    """

    url: str
    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        decisions: How many the replay made.
        difference: The first decision that differs, or None.
        after: The input that came before it, in words.
        code_changed: Whether the strategy's file is another than the run's.
    """

    decisions: int
    difference: Difference | None
    after: str
    code_changed: bool

    @property
    def identical(self) -> bool:
        """Whether the decision streams are the same, byte for byte."""
        return self.difference is None

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        facts: dict[str, Any] = {
            "identical": self.identical,
            "decisions": self.decisions,
            "code_changed": self.code_changed,
        }
        if self.difference is not None:
            facts["difference"] = {
                "index": self.difference.index,
                "recorded": _words(self.difference.recorded),
                "replayed": _words(self.difference.replayed),
                "after": self.after,
            }
        return facts

    def text(self) -> str:
        """Return the finding as a person reads it."""
        changed = " (the strategy's file has changed since)" if self.code_changed else ""
        if self.difference is None:
            return f"identical: {self.decisions} decisions, byte for byte{changed}"
        return (
            f"decision {self.difference.index} differs{changed}\n"
            f"  recorded: {_words(self.difference.recorded) or 'nothing more'}\n"
            f"  replayed: {_words(self.difference.replayed) or 'nothing more'}\n"
            f"  after:    {self.after}"
        )


# -- the worlds -----------------------------------------------------------------------------------


def backtest(
    strategy: LoadedStrategy | type[Strategy],
    *,
    store: Path,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    seed: int = 0,
    start_ns: int | None = None,
    end_ns: int | None = None,
    runs: Runs,
    progress: Progress | None = None,
) -> Result:
    """Run a strategy over stored history on the simulated venue, and keep the run.

    Args:
        strategy: Class, or what `load_strategy` gave.
        store: Folder of the data store.
        data: Names of data sets; bars that are not stored are made from trades.
        profile: Assumptions.
        cash: Starting cash.
        limits: Hard limits.
        seed: Keys every random draw.
        start_ns: First arrival time; the data's own start when None.
        end_ns: Last arrival time; the data's own end when None.
        runs: Where the run is kept.
        progress: Called with seconds of history done and in total.

    Raises:
        InputError: Data, settings or strategy do not fit together.
    """
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    datasets = _datasets(Store(store), data)
    manifest = _manifest(
        "backtest",
        loaded,
        datasets,
        profile=profile_named(profile) if isinstance(profile, str) else profile,
        cash=cash,
        limits=limits or RiskLimits(),
        seed=seed,
        start_ns=start_ns,
        end_ns=end_ns,
    )
    return _run_on_history(manifest, loaded, datasets, runs=runs, progress=progress)


def twin(run: RunFolder, *, store: Path, runs: Runs, progress: Progress | None = None) -> Result:
    """Backtest a run's manifest over the same period, from the run's first start.

    It reads the provider's history by fingerprint and never the run's own recordings.

    Raises:
        InputError: Strategy or data are no longer what the run used.
    """
    manifest = run.manifest()
    loaded = _same_strategy(manifest)
    datasets = _same_data(Store(store), manifest)
    started, ended = _period(run)
    twin_manifest = msgspec.structs.replace(
        manifest,
        kind="twin",
        of_run=run.run_id,
        start_ns=started.arrival_time_ns,
        end_ns=ended.arrival_time_ns,
    )
    return _run_on_history(
        twin_manifest, loaded, datasets, runs=runs, started=started, progress=progress
    )


def replay(run: RunFolder, *, store: Path, chunk_bytes: int = 1 << 16) -> Replayed:
    """Fold a run's recorded inputs again and compare the decisions byte by byte.

    Market rows that the run named by fingerprint come from the store again; everything else,
    the venue's answers included, comes from the journal.

    Args:
        run: The run.
        store: Folder of the data store.
        chunk_bytes: How much of the journal is read at a time; the result does not depend on it.

    Raises:
        JournalDamaged: The journal does not verify.
        InputError: The strategy's file or the stored data are gone.
    """
    manifest = run.manifest()
    loaded = _strategy_of(manifest)
    reader = JournalReader(RealDisk(), str(run.journal), chunk_bytes=chunk_bytes)
    journal = _DecisionsInMemory()
    limits = msgspec.json.decode(manifest.limits, type=RiskLimits)
    kernel = Kernel(
        loaded,
        instruments=_by_symbol(manifest.instruments),
        journal=journal,
        limits=limits,
        seed=manifest.seed,
    )
    recorded = list(reader.inputs())
    if any(isinstance(each, DataOpened) for each in recorded):
        source, venue = _history_again(manifest, kernel, Store(store), recorded)
    else:
        source, venue = RecordedSource(recorded), RecordedVenue()
    kernel.run(source, venue)
    difference = first_difference(reader.decisions(), journal.decisions)
    after = "" if difference is None else _input_before(reader, difference.index)
    return Replayed(
        decisions=len(journal.decisions),
        difference=difference,
        after=after,
        code_changed=loaded.code_hash != manifest.strategy_hash,
    )


def live(
    strategy: LoadedStrategy | type[Strategy],
    *,
    access: VenueAccess,
    store: Path,
    data: Sequence[str],
    profile: str | SimulationProfile = "pessimistic-1",
    limits: RiskLimits,
    seed: int = 0,
    runs: Runs,
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
        runs: Where the run is kept.

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
    datasets = _datasets(Store(store), data)
    manifest = _manifest(
        "live",
        loaded,
        datasets,
        profile=profile_named(profile) if isinstance(profile, str) else profile,
        cash=Decimal(0),
        limits=limits,
        seed=seed,
        start_ns=None,
        end_ns=None,
    )
    run = runs.create(
        msgspec.structs.replace(manifest, venue=access.url), now_ns=WallClock().now_ns()
    )
    try:
        return _trade_live(run, loaded, access)
    finally:
        run.unlock()


def resume(run: RunFolder, *, access: VenueAccess, fresh: bool = False) -> Result:
    """Go on with a live run whose process stopped.

    The durable journal is folded to the state it leads to; the venue is asked what became of every
    order under way and what was missed; only then the run goes on.

    Args:
        run: A live run.
        access: The same venue.
        fresh: Forget what the strategy knew. The log says so, and the tie-out shows its price.

    Raises:
        InputError: The run ended, never started, or its strategy has changed.
        JournalDamaged: The durable part of the journal does not verify.
        VenueError: The venue cannot be reached or was lost.
    """
    manifest = run.manifest()
    if manifest.kind != "live" or not run.has("snapshot.json"):
        raise InputError(f"run {run.run_id} is no live run that was started; start a new one")
    loaded = _same_strategy(manifest)
    run.lock()
    try:
        return _resume_live(run, loaded, access, fresh=fresh)
    finally:
        run.unlock()


def ladder(run: RunFolder, *, store: Path) -> list[RungRecord]:
    """Run the rungs of a finished live run and return what each of them did.

    0: the twin. 1: the strategy sees what live saw. 2: its orders get live's answers. 3: at the
    costs the venue charged. 4: the live run itself.

    Raises:
        InputError: The run has not ended, or its strategy or data are gone.
    """
    manifest = run.manifest()
    loaded = _same_strategy(manifest)
    datasets = _same_data(Store(store), manifest)
    recorded = list(JournalReader(RealDisk(), str(run.journal)))
    started, ended = _period(run)
    inputs = [each.record for each in recorded if each.kind is Kind.INPUT]
    framing = (RunStarted, RunEnded)
    seen = [each for each in inputs if isinstance(each, (*framing, *_SEEN))]
    answers = _live_answers(recorded)
    kept = _Rungs(manifest, loaded, datasets, started, ended)
    quiet = msgspec.structs.replace(manifest.profile, funding_rule=FundingRule.NONE)
    rungs = [
        kept.run("twin", kept.history(), kept.simulated(manifest.profile)),
        kept.run("seen", RecordedSource(seen), kept.simulated(manifest.profile)),
    ]
    for name in ("answered", "charged"):
        simulated = kept.simulated(quiet)
        costs: Costs = ChargedCosts(answers.funding)
        if name == "answered":
            costs = ModelledCosts(manifest.profile, kept.instruments, simulated)
        venue = AnsweredVenue(
            simulated,
            answers,
            costs,
            profile=manifest.profile,
            positions={symbol: lots for symbol, lots, _ in started.positions},
            start_ns=started.arrival_time_ns,
        )
        rungs.append(kept.run(name, RecordedSource(seen), venue))
    rungs.append(RungRecord.from_records("live", ((each.kind, each.record) for each in recorded)))
    return rungs


def reconcile(run: RunFolder, *, store: Path) -> Reconciliation:
    """Explain a live run minus its twin, in money, order by order.

    Raises:
        InputError: The run is no live run, has not ended, or its strategy or data are gone.
        InvariantViolated: The parts do not sum to the difference; this is our fault.
    """
    statement = run.read("statement.json", Statement)
    manifest = run.manifest()
    return attribute(
        ladder(run, store=store),
        statement,
        run_id=run.run_id,
        instruments=_by_symbol(manifest.instruments),
        profile_used=manifest.profile,
    )


def backtest_columns(
    strategy: LoadedStrategy | type[Strategy],
    columns: Sequence[MarketColumns],
    *,
    instruments: Sequence[Instrument],
    profile: str | SimulationProfile = "pessimistic-1",
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    seed: int = 0,
    chunk_rows: int = 131_072,
) -> Result:
    """Run a strategy over columns in memory, without a store and without keeping the run.

    Each stream of columns is both what the strategy may see and, the finest of an instrument,
    what its orders are matched on. The journal is kept in memory.

    Args:
        strategy: Class, or what `load_strategy` gave.
        columns: Whole streams in order of arrival, arrival times set.
        instruments: Every instrument of the columns.
        profile: Assumptions about fills; the arrival times are the columns' own.
        cash: Starting cash.
        limits: Hard limits.
        seed: Keys every random draw.
        chunk_rows: Rows given at a time; the result does not depend on it.

    Raises:
        InputError: Columns and instruments do not fit together.
    """
    if not columns or not all(len(each) for each in columns):
        raise InputError("backtest: give at least one stream, and none without rows")
    loaded = strategy if isinstance(strategy, LoadedStrategy) else load_strategy(strategy)
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    journal = JournalWriter(_Nowhere(), "memory", durable=False)
    by_symbol = _by_symbol(instruments)
    kernel = Kernel(loaded, instruments=by_symbol, journal=journal, limits=limits, seed=seed)
    records: dict[str, MarketRecord] = {
        symbol: HistoryMarket(_sliced(_finest(symbol, columns), chunk_rows)) for symbol in by_symbol
    }
    streams = [Stream(_stream_name(each), _sliced(each, chunk_rows)) for each in columns]
    start = min(int(each.arrival_time_ns[0]) for each in columns)
    end = max(int(each.arrival_time_ns[-1]) for each in columns)
    venue = SimulatedVenue(by_symbol, chosen, records)
    started = RunStarted(arrival_time_ns=start, cash=money(cash))
    source = HistorySource(started, RunEnded(arrival_time_ns=end, reason="end of data"), streams)
    kernel.run(source, venue)
    return _result("", kernel, journal, ambiguous_bars=venue.ambiguous_bars)


def practice(
    *,
    store: Path,
    data: str,
    on_ready: Callable[[str], None],
    profile: str | SimulationProfile = "practice-1",
    mode: str = "lockstep",
    speed: float = 1.0,
    faults: Path | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    cash: Decimal = Decimal(100_000),
    port: int = 0,
    log: Path | None = None,
) -> None:
    """Serve the practice venue on loopback until the process is told to stop.

    Args:
        store: Folder of the data store.
        data: The data set that is its market: trades or bars.
        on_ready: Called with the venue's address once it listens.
        profile: Where its latencies, fees and fill level come from.
        mode: `lockstep` or `paced`.
        speed: Virtual seconds a second when paced.
        faults: Fault script.
        start_ns: When it opens; the start of the data when None.
        end_ns: When its market ends; the end of the data when None.
        cash: Starting balance.
        port: 0 takes a free one.
        log: File for the venue's own record of what really happened.

    Raises:
        InputError: Data, script or settings do not fit together.
        ConnectionFailed: The port is taken.
    """
    # The server's library is an extra that history does not need.
    from tieout.adapters.venues import practice as venue  # noqa: PLC0415

    dataset = Store(store).dataset(data)
    meta = dataset.meta
    config = venue.config_from_profile(
        profile,
        meta.instrument,
        start_ns=meta.first_time_ns - meta.interval_ns if start_ns is None else start_ns,
        end_ns=end_ns,
        mode=venue.Mode(mode) if mode in set(venue.Mode) else _no_mode(mode),
        speed=speed,
        starting_balance=cash,
        faults=venue.load_faults(faults) if faults else (),
        port=port,
        truth_path=None if log is None else str(log),
    )
    market = dataset.batches(delay_ns=0, end_ns=end_ns)
    venue.run(config, market, lambda server: on_ready(server.http_url))


def run_summary(run: RunFolder) -> dict[str, Any]:
    """Return one line about a run: id, strategy, profile, profit."""
    manifest = run.manifest()
    facts: dict[str, Any] = {
        "run": run.run_id,
        "strategy": manifest.strategy_name,
        "profile": manifest.profile.name,
        "profit": "not finished",
    }
    if run.has("result.json"):
        facts["profit"] = run.read("result.json", dict)["profit"]
    return facts


def run_facts(run: RunFolder) -> dict[str, Any]:
    """Return a run's manifest, result and what its journal holds."""
    manifest = run.manifest()
    reader = JournalReader(RealDisk(), str(run.journal))
    counts: dict[str, int] = {}
    for entry in reader:
        name = type(entry.record).__name__
        counts[name] = counts.get(name, 0) + 1
    facts: dict[str, Any] = {
        **run_summary(run),
        "kind": manifest.kind,
        "parameters": manifest.parameters,
        "data": ", ".join(f"{each.name} {each.fingerprint[:12]}" for each in manifest.data),
        "journal": ", ".join(f"{count} {name}" for name, count in sorted(counts.items())),
        "versions": ", ".join(f"{name} {text}" for name, text in manifest.versions.items()),
    }
    if run.has("result.json"):
        facts |= run.read("result.json", dict)
    return facts


# -- how a live run and its rungs are put together ------------------------------------------------

_SEEN = (Trade, Bar, ClockReached, ClockOffsetMeasured, ConnectionLost, ConnectionRestored)
"""Inputs that are the market as the run saw it; the venue's answers are none."""


def _trade_live(run: RunFolder, loaded: LoadedStrategy, access: VenueAccess) -> Result:
    manifest = run.manifest()
    with _gateway(run, manifest, access) as gateway:
        rules = gateway.instruments([each.symbol for each in manifest.instruments])
        _check_rules(manifest.instruments, rules)
        manifest = msgspec.structs.replace(manifest, instruments=tuple(rules))
        run.write("manifest.json", manifest)
        journal = JournalWriter(RealDisk(), str(run.journal))
        kernel = Kernel(
            loaded,
            instruments=_by_symbol(rules),
            journal=journal,
            limits=msgspec.json.decode(manifest.limits, type=RiskLimits),
            seed=manifest.seed,
        )
        bars = kernel.subscriptions.bars.values()
        gateway.start(
            _subscriptions(kernel),
            warmup_bars=max((each.warm_up for each in bars), default=0),
            bar_delay_ns=manifest.profile.bar_delay_ns,
        )
        run.write("snapshot.json", gateway.snapshot())
        return _to_the_end(run, kernel, journal, gateway)


def _resume_live(
    run: RunFolder, loaded: LoadedStrategy, access: VenueAccess, *, fresh: bool
) -> Result:
    from tieout.adapters.venues import exchange  # noqa: PLC0415 - an extra

    manifest = run.manifest()
    reader = JournalReader(RealDisk(), str(run.journal))
    recorded = list(reader.inputs())
    if not recorded:
        raise InputError(f"run {run.run_id}: nothing is in its journal yet; start a new run")
    if isinstance(recorded[-1], RunEnded):
        raise InputError(f"run {run.run_id} has ended ({recorded[-1].reason}); start a new run")
    journal = reader.recover()
    folded = _DecisionsInMemory()
    kernel = Kernel(
        loaded,
        instruments=_by_symbol(manifest.instruments),
        journal=folded,
        limits=msgspec.json.decode(manifest.limits, type=RiskLimits),
        seed=manifest.seed,
    )
    kernel.run(RecordedSource(recorded), RecordedVenue())
    if first_difference(reader.decisions(), folded.decisions) is not None:
        raise JournalDamaged(
            f"run {run.run_id}: its inputs lead to other decisions than it made; see "
            "`tieout replay --verify`"
        )
    kernel.go_on(journal)
    with _gateway(run, manifest, access) as gateway:
        gateway.instruments([each.symbol for each in manifest.instruments])
        gateway.start(
            _subscriptions(kernel),
            resume=_resume_point(kernel, recorded, state="fresh" if fresh else "kept"),
            start_snapshot=run.read("snapshot.json", exchange.AccountSnapshot),
        )
        return _to_the_end(run, kernel, journal, gateway)


def _resume_point(kernel: Kernel, recorded: Sequence[Input], *, state: str) -> ResumePoint:
    """Return how far the journal came, for the gateway to ask for the rest."""
    from tieout.adapters.venues import exchange  # noqa: PLC0415 - an extra

    bars: dict[tuple[str, int], int] = {}
    trades: dict[str, int] = {}
    for each in recorded:
        if isinstance(each, Bar):
            bars[each.instrument, each.interval_ns] = each.open_time_ns
        elif isinstance(each, Trade):
            trades[each.instrument] = each.trade_id
    return exchange.ResumePoint(
        down_since_ns=recorded[-1].arrival_time_ns,
        state=state,
        orders=tuple(
            exchange.KnownOrder(
                place=each.place,
                state=each.state,
                filled_lots=each.filled_lots,
                venue_order_id=each.venue_order_id,
                trade_ids=tuple(sorted(each.fills)),
            )
            for each in kernel.orders.by_id.values()
        ),
        charge_ids=tuple(each.charge_id for each in recorded if isinstance(each, FundingCharged)),
        last_bar_ns=bars,
        last_trade_id=trades,
    )


def _gateway(run: RunFolder, manifest: Manifest, access: VenueAccess) -> ExchangeGateway:
    # The gateway's library is an extra that history does not need.
    from tieout.adapters.venues import exchange  # noqa: PLC0415

    scheme, _, address = access.url.partition("://")
    settings = exchange.ExchangeSettings(
        base_url=access.url,
        ws_url=f"{'wss' if scheme == 'https' else 'ws'}://{address}/ws",
        currency=manifest.instruments[0].currency,
    )
    credentials = exchange.Credentials(access.key, access.secret)
    return exchange.ExchangeGateway(run.run_id, settings, credentials)


def _subscriptions(kernel: Kernel) -> list[Subscription]:
    from tieout.adapters.venues import exchange  # noqa: PLC0415 - an extra

    asked = kernel.subscriptions
    return [
        *(exchange.Subscription(symbol) for symbol in sorted(asked.trades)),
        *(exchange.Subscription(symbol, length) for symbol, length in sorted(asked.bars)),
    ]


def _to_the_end(
    run: RunFolder, kernel: Kernel, journal: JournalWriter, gateway: ExchangeGateway
) -> Result:
    """Run until the venue or the operator ends it, and keep the venue's statement."""
    kernel.run(gateway, gateway)
    journal.close()
    started, ended = _period(run)
    statement = gateway.statement(started.arrival_time_ns, ended.arrival_time_ns)
    run.write("statement.json", statement)
    result = _result(run.run_id, kernel, journal, ambiguous_bars=0)
    run.write("result.json", result.facts())
    return result


def _check_rules(stored: Sequence[Instrument], rules: Sequence[Instrument]) -> None:
    for ours, theirs in zip(stored, rules, strict=True):
        one = (ours.tick_size, ours.lot_size, ours.multiplier)
        other = (theirs.tick_size, theirs.lot_size, theirs.multiplier)
        if one != other:
            raise InputError(
                f"{ours.symbol}: the venue's tick, lot and multiplier are {other}, the data's are "
                f"{one}; import the data with the venue's"
            )


def _live_answers(recorded: Sequence[Entry]) -> LiveAnswers:
    orders: dict[str, PlaceOrder] = {}
    reports: dict[str, list[Report]] = {}
    funding: list[FundingCharged] = []
    for each in recorded:
        record = each.record
        if isinstance(record, PlaceOrder):
            orders[record.decision_id] = record
        elif isinstance(record, FundingCharged):
            funding.append(record)
        elif isinstance(record, _ANSWERS):
            reports.setdefault(record.decision_id, []).append(record)
    return LiveAnswers(orders=orders, reports=reports, funding=funding)


_ANSWERS = (
    OrderAccepted,
    OrderRejected,
    OrderTriggered,
    Fill,
    OrderCancelled,
    CancelRejected,
    OrderOutcomeUnknown,
)


class _Rungs:
    """Runs the same strategy over one period again and again, with other ingredients."""

    def __init__(
        self,
        manifest: Manifest,
        loaded: LoadedStrategy,
        datasets: Sequence[Dataset],
        started: RunStarted,
        ended: RunEnded,
    ) -> None:
        self.instruments = _by_symbol(manifest.instruments)
        self._manifest = manifest
        self._loaded = loaded
        self._datasets = datasets
        self._started = started
        self._ended = ended

    def history(self) -> Source:
        """Return the provider's history over the period."""
        streams = _streams(
            self._kernel(_Records()).subscriptions,
            self._datasets,
            self._manifest.profile,
            self._started.arrival_time_ns,
            self._ended.arrival_time_ns,
        )
        return HistorySource(self._started, self._ended, streams)

    def simulated(self, profile: SimulationProfile) -> SimulatedVenue:
        """Return the simulated venue on the venue's market."""
        return SimulatedVenue(
            self.instruments,
            profile,
            _records(self.instruments, self._datasets, profile),
            positions={symbol: lots for symbol, lots, _ in self._started.positions},
        )

    def run(self, name: str, source: Source, venue: Venue) -> RungRecord:
        """Let the strategy decide again; return what it did."""
        journal = _Records()
        self._kernel(journal).run(source, venue)
        return RungRecord.from_records(name, journal.records)

    def _kernel(self, journal: _Records) -> Kernel:
        return Kernel(
            self._loaded,
            instruments=self.instruments,
            journal=journal,
            limits=msgspec.json.decode(self._manifest.limits, type=RiskLimits),
            seed=self._manifest.seed,
        )


class _Records:
    """A journal in memory: what a rung did, for reconciliation to read."""

    def __init__(self) -> None:
        self.records: list[tuple[object, object]] = []

    def input(self, event: Input) -> None:
        """Keep an input."""
        self.records.append((Kind.INPUT, event))

    def decision(self, record: Any) -> None:  # noqa: ANN401 - every decision record
        """Keep a decision."""
        self.records.append((Kind.DECISION, record))

    def commit(self) -> None:
        """Nothing leaves a rung."""


# -- how a run on history is put together ---------------------------------------------------------


def _run_on_history(
    manifest: Manifest,
    loaded: LoadedStrategy,
    datasets: Sequence[Dataset],
    *,
    runs: Runs,
    started: RunStarted | None = None,
    progress: Progress | None = None,
) -> Result:
    instruments = _by_symbol(manifest.instruments)
    start_ns, end_ns = _bounds(manifest, datasets)
    run = runs.create(manifest, now_ns=WallClock().now_ns())
    try:
        journal = JournalWriter(RealDisk(), str(run.journal), durable=False)
        kernel = Kernel(
            loaded,
            instruments=instruments,
            journal=journal,
            limits=msgspec.json.decode(manifest.limits, type=RiskLimits),
            seed=manifest.seed,
        )
        begun = started or RunStarted(arrival_time_ns=start_ns, cash=money(manifest.cash))
        streams = _streams(kernel.subscriptions, datasets, manifest.profile, start_ns, end_ns)
        source = HistorySource(
            begun,
            RunEnded(arrival_time_ns=end_ns, reason="end of period"),
            streams,
            progress=progress,
        )
        venue = SimulatedVenue(
            instruments,
            manifest.profile,
            _records(instruments, datasets, manifest.profile),
            positions={symbol: lots for symbol, lots, _ in begun.positions},
        )
        kernel.run(source, venue)
        journal.close()
        result = _result(run.run_id, kernel, journal, ambiguous_bars=venue.ambiguous_bars)
        run.write("result.json", result.facts())
    finally:
        run.unlock()
    return result


def _streams(
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
    dataset = _find(datasets, symbol, "trades")
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
    stored = _find(datasets, symbol, "bars", interval)
    if stored is not None:
        found = stored

        def read(from_ns: int, to_ns: int) -> Iterator[BarColumns]:
            chunks = found.batches(delay_ns=profile.bar_delay_ns, start_ns=from_ns, end_ns=to_ns)
            return (each for each in chunks if isinstance(each, BarColumns))

        return found, read
    trades = _find(datasets, symbol, "trades")
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


def _records(
    instruments: Mapping[str, Instrument],
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
) -> dict[str, MarketRecord]:
    """Return what each instrument is matched on: trades where there are some, else its bars."""
    records: dict[str, MarketRecord] = {}
    for symbol in instruments:
        own = [each for each in datasets if each.meta.instrument.symbol == symbol]
        finest = min(own, key=lambda each: each.meta.interval_ns)
        trades = finest.meta.kind == "trades"
        delay = profile.trade_delay_ns if trades else profile.bar_delay_ns
        records[symbol] = HistoryMarket(finest.batches(delay_ns=delay))
    return records


def _bounds(manifest: Manifest, datasets: Sequence[Dataset]) -> tuple[int, int]:
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


def _history_again(
    manifest: Manifest, kernel: Kernel, store: Store, recorded: Sequence[Input]
) -> tuple[Source, Venue]:
    """Return the stored market again, with the venue's answers as they were recorded."""
    started = next(each for each in recorded if isinstance(each, RunStarted))
    ended = next((each for each in recorded if isinstance(each, RunEnded)), None)
    if ended is None:
        raise InputError("the run did not end; a run on history is replayed whole, run it again")
    datasets = _same_data(store, manifest)
    streams = _streams(
        kernel.subscriptions,
        datasets,
        manifest.profile,
        started.arrival_time_ns,
        ended.arrival_time_ns,
    )
    framing = (RunStarted, RunEnded, DataOpened)
    answers: list[Report] = [each for each in recorded if not isinstance(each, framing)]  # type: ignore[misc]
    return HistorySource(started, ended, streams), RecordedVenue(answers)


# -- manifests ------------------------------------------------------------------------------------


def _manifest(
    kind: str,
    loaded: LoadedStrategy,
    datasets: Sequence[Dataset],
    *,
    profile: SimulationProfile,
    cash: Decimal,
    limits: RiskLimits,
    seed: int,
    start_ns: int | None,
    end_ns: int | None,
) -> Manifest:
    instruments = {each.meta.instrument.symbol: each.meta.instrument for each in datasets}
    for each in datasets:
        if each.meta.instrument != instruments[each.meta.instrument.symbol]:
            raise InputError(
                f"{each.meta.name}: {each.meta.instrument.symbol} has another tick or lot in "
                "another data set of this run; import them with the same"
            )
    return Manifest(
        kind=kind,
        strategy_path=loaded.path,
        strategy_name=loaded.name,
        strategy_hash=loaded.code_hash,
        parameters=msgspec.json.encode(loaded.all_parameters()).decode(),
        instruments=tuple(instruments.values()),
        data=tuple(
            DataUse(
                name=each.meta.name,
                fingerprint=each.meta.fingerprint,
                kind=each.meta.kind,
                instrument=each.meta.instrument.symbol,
                interval_ns=each.meta.interval_ns,
            )
            for each in datasets
        ),
        profile=profile,
        limits=msgspec.json.encode(limits).decode(),
        cash=cash,
        start_ns=start_ns,
        end_ns=end_ns,
        seed=seed,
        code=sources_digest(),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("tieout", "numpy", "numba")},
        },
    )


def _strategy_of(manifest: Manifest) -> LoadedStrategy:
    if not manifest.strategy_path:
        raise InputError(
            "the run's strategy was handed over in Python and has no file; run it from a file"
        )
    parameters = msgspec.json.decode(manifest.parameters, type=dict[str, Any])
    return load_strategy(f"{manifest.strategy_path}:{manifest.strategy_name}", parameters)


def _no_mode(mode: str) -> str:
    raise InputError(f"practice venue: mode {mode!r}; allowed: lockstep, paced")


def _same_strategy(manifest: Manifest) -> LoadedStrategy:
    loaded = _strategy_of(manifest)
    if loaded.code_hash != manifest.strategy_hash:
        raise InputError(
            f"{manifest.strategy_path} has changed since the run; a twin needs the same code, "
            "restore it or run again"
        )
    return loaded


def _same_data(store: Store, manifest: Manifest) -> list[Dataset]:
    """Return the data sets a run used, found by fingerprint."""
    stored = {each.meta.fingerprint: each for each in map(store.dataset, store.names())}
    missing = [each.name for each in manifest.data if each.fingerprint not in stored]
    if missing:
        raise InputError(
            f"{store.path}: the data the run used is not there any more ({', '.join(missing)}); "
            "import it again"
        )
    return [stored[each.fingerprint] for each in manifest.data]


def _period(run: RunFolder) -> tuple[RunStarted, RunEnded]:
    reader = JournalReader(RealDisk(), str(run.journal))
    found = [each for each in reader.inputs() if isinstance(each, RunStarted | RunEnded)]
    if len(found) < 2 or not isinstance(found[-1], RunEnded):
        raise InputError(f"run {run.run_id} did not end; resume it, or run it again")
    if not isinstance(found[0], RunStarted):
        raise JournalDamaged(f"run {run.run_id}: the journal does not begin with a start")
    return found[0], found[-1]


# -- small things ---------------------------------------------------------------------------------


class _DecisionsInMemory:
    """A journal that keeps the decisions of a replay and nothing else."""

    def __init__(self) -> None:
        self.decisions: list[bytes] = []

    def input(self, event: Input) -> None:
        """Forget an input: it was read from a journal."""

    def decision(self, record: Any) -> None:  # noqa: ANN401 - every decision record
        """Keep a decision's canonical bytes."""
        self.decisions.append(encode(record))

    def commit(self) -> None:
        """Nothing leaves a replay."""


class _Nowhere:
    """A disk for journals that only count: what is written is dropped."""

    def open_append(self, path: str) -> _Nowhere:  # noqa: ARG002
        """Return something that takes bytes."""
        return self

    def append(self, data: bytes) -> None:
        """Drop the bytes."""

    def sync(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def read(self, path: str, chunk_bytes: int) -> Iterator[bytes]:  # noqa: ARG002
        """Nothing is kept."""
        return iter(())

    def truncate(self, path: str, length: int) -> None:
        """Nothing to cut."""

    def sync_folder(self, path: str) -> None:
        """Nothing to do."""

    def names(self, path: str) -> list[str]:  # noqa: ARG002
        """Nothing is there."""
        return []


def _datasets(store: Store, names: Sequence[str]) -> list[Dataset]:
    if not names:
        raise InputError(f"name a data set with --data; there are: {', '.join(store.names())}")
    return [store.dataset(name) for name in names]


def _find(datasets: Sequence[Dataset], symbol: str, kind: str, interval: int = 0) -> Dataset | None:
    for each in datasets:
        meta = each.meta
        if (meta.instrument.symbol, meta.kind, meta.interval_ns) == (symbol, kind, interval):
            return each
    return None


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


def _sliced(columns: MarketColumns, rows: int) -> Iterator[MarketColumns]:
    return (columns.rows(start, start + rows) for start in range(0, len(columns), rows))


def _finest(symbol: str, columns: Sequence[MarketColumns]) -> MarketColumns:
    own = [each for each in columns if each.instrument == symbol]
    if not own:
        raise InputError(f"{symbol}: there are no columns of this instrument")
    return min(own, key=lambda each: 0 if isinstance(each, TradeColumns) else each.interval_ns)


def _stream_name(columns: MarketColumns) -> str:
    if isinstance(columns, TradeColumns):
        return f"trades:{columns.instrument}"
    return f"bars:{interval_name(columns.interval_ns)}:{columns.instrument}"


def _by_symbol(instruments: Iterable[Instrument]) -> dict[str, Instrument]:
    return {each.symbol: each for each in instruments}


def _result(run_id: str, kernel: Kernel, journal: JournalWriter, *, ambiguous_bars: int) -> Result:
    marks = kernel.last_prices()
    ledger = kernel.ledger
    return Result(
        run_id=run_id,
        fills=sum(len(each.fills) for each in kernel.orders.by_id.values()),
        orders=len(kernel.orders.by_id),
        denied=kernel.denied,
        profit=money_decimal(ledger.profit(marks)),
        fees=money_decimal(ledger.fees),
        funding=money_decimal(ledger.funding),
        equity=money_decimal(ledger.equity(marks)),
        state_hash=kernel.state_hash(),
        decisions_hash=journal.decisions_chain,
        failure="" if kernel.failure is None else repr(kernel.failure),
        ambiguous_bars=ambiguous_bars,
    )


def _input_before(reader: JournalReader, decision_index: int) -> str:
    """Return the input that a decision follows in the journal, in words."""
    seen = -1
    last = "the start"
    for entry in reader:
        if entry.kind is Kind.DECISION:
            seen += 1
            if seen == decision_index:
                break
        else:
            last = _words(entry.record)
    return last


def _words(record: object) -> str:
    if record is None:
        return ""
    return repr(record)
