"""The rungs between a run and its twin, and what explains the difference."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.feeds.history import HistorySource
from tieout.adapters.feeds.recorded import RecordedSource
from tieout.adapters.feeds.rows import events_of
from tieout.adapters.feeds.unbroken import unbroken
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.costs import ChargedCosts, Holdings, ModelledCosts
from tieout.adapters.venues.recorded import AnsweredVenue, LiveAnswers
from tieout.history import Store
from tieout.journal import (
    JournalReader,
)
from tieout.model.events import (
    AmendRejected,
    Bar,
    CancelRejected,
    Fill,
    FundingCharged,
    MarginWarned,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    RunEnded,
    RunResumed,
    RunStarted,
    Split,
    Trade,
)
from tieout.model.orders import AmendOrder, PlaceOrder
from tieout.model.profiles import FundingRule, SimulationProfile
from tieout.model.statement import Statement
from tieout.reconcile.attribution import Reconciliation, attribute
from tieout.reconcile.records import RungRecord
from tieout.wiring.actions import actions_of, actions_within, streams_of_actions
from tieout.wiring.assumptions import simulated_venue
from tieout.wiring.books import quotes_known
from tieout.wiring.funding import borrow_rates_of, funding_rates_of, market_data
from tieout.wiring.journals import RecordsInMemory
from tieout.wiring.manifests import by_symbol, kernel_of, period_of, same_data, same_strategy
from tieout.wiring.markets import making_of, market_records, stored_rows, streams_of
from tieout.wiring.reference import calendars_of, same_sets, with_announcements
from tieout.wiring.telling import Progress, share_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tieout.adapters.storage.runs import RunFolder
    from tieout.adapters.venues.costs import Costs
    from tieout.adapters.venues.simulated import SimulatedVenue
    from tieout.history import Dataset
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Source, Venue
    from tieout.model.borrow import BorrowSeries
    from tieout.model.events import CorporateAction, Input, Report
    from tieout.model.funding import FundingSeries
    from tieout.strategy import LoadedStrategy
    from tieout.wiring.reference import Sets


__all__ = ["ladder", "reconcile"]


def ladder(
    run: RunFolder, *, store: StoredAt, progress: Progress | None = None
) -> list[RungRecord]:
    """Run the rungs of a finished live run and return what each of them did.

    0: the twin. 1: the strategy sees what live saw. 2: its orders get live's answers. 3: at the
    costs the venue charged. 4: the live run itself.

    Args:
        run: A run that has ended.
        store: Folder of the data store.
        progress: Told of the rungs run, with their parts.

    Raises:
        InputError: The run has not ended, or its strategy or data are gone.
    """
    manifest = run.manifest()
    loaded = same_strategy(manifest)
    stored = same_data(Store(store), manifest)
    rates, datasets = funding_rates_of(stored), market_data(stored)
    borrow_rates = borrow_rates_of(stored)
    actions = actions_of(stored, manifest.profile, slice_ns=manifest.slice_ns)
    recorded = list(JournalReader(RealDisk(), str(run.journal)))
    started, ended = period_of(run)
    sets = same_sets(store, manifest)
    kept = _Rungs(
        manifest,
        loaded,
        datasets,
        started,
        ended,
        rates,
        actions,
        sets=sets,
        borrow_rates=borrow_rates,
    )
    whole = unbroken(
        [each.record for each in recorded],
        profile=manifest.profile,
        missed=kept.stored_rows,
        slice_ns=manifest.slice_ns,
    )
    seen = kept.with_bars(whole.market)
    down = [each.record for each in recorded if isinstance(each.record, RunResumed)]
    answers = msgspec.structs.replace(
        _live_answers([*whole.answers, *whole.market]),
        down=tuple((each.down_since_ns, each.arrival_time_ns) for each in down),
    )
    positions = {symbol: lots for symbol, lots, _ in started.positions}
    # What positions pay is charged by the rung's own costs.
    free = None if borrow_rates is None else borrow_rates.without_rates()
    quiet = msgspec.structs.replace(
        manifest.profile, funding_rule=FundingRule.NONE, borrow_rate=Decimal(0)
    )

    def far(rung: int) -> Progress | None:
        return share_of(progress, rung, parts=4)

    rungs = [
        kept.run("twin", kept.history(far(0)), kept.simulated(manifest.profile, borrow_rates)),
        kept.run(
            "seen",
            RecordedSource(seen, progress=far(1)),
            kept.simulated(manifest.profile, borrow_rates),
        ),
    ]
    for rung, name in enumerate(("answered", "charged"), start=2):
        simulated = kept.simulated(quiet, free)
        modelled = ModelledCosts(
            manifest.profile,
            kept.instruments,
            simulated,
            fee_meter=simulated.fee_meter,
            funding_rates=rates,
            borrow_rates=borrow_rates,
        )
        costs: Costs = modelled
        if name == "charged":
            since = [
                each for each in answers.splits if each.venue_time_ns > started.arrival_time_ns
            ]
            live = Holdings(positions, answers.fills(), since)
            costs = ChargedCosts(answers.funding, live, modelled)
        venue = AnsweredVenue(
            simulated,
            answers,
            costs,
            profile=manifest.profile,
            positions=positions,
            start_ns=started.arrival_time_ns,
            lends=borrow_rates is not None,
        )
        rungs.append(kept.run(name, RecordedSource(seen, progress=far(rung)), venue))
    rungs.append(RungRecord.from_records("live", ((each.kind, each.record) for each in recorded)))
    return rungs


def reconcile(
    run: RunFolder, *, store: StoredAt, progress: Progress | None = None
) -> Reconciliation:
    """Explain a live run minus its twin, in money, order by order.

    Args:
        run: A run that has ended.
        store: Folder of the data store.
        progress: Told of the rungs run.

    Raises:
        InputError: The run is no live run, has not ended, or its strategy or data are gone.
        InvariantViolated: The parts do not sum to the difference; this is our fault.
    """
    # Paper and shadow have no account that could send one.
    statement = run.read("statement.json", Statement) if run.has("statement.json") else None
    manifest = run.manifest()
    return attribute(
        ladder(run, store=store, progress=progress),
        statement,
        run_id=run.run_id,
        instruments=by_symbol(manifest.instruments),
        profile_used=manifest.profile,
    )


def _live_answers(recorded: Sequence[object]) -> LiveAnswers:
    orders: dict[str, PlaceOrder] = {}
    reports: dict[str, list[Report]] = {}
    funding: list[FundingCharged] = []
    amends: list[AmendOrder] = []
    imposed: list[OrderImposed | MarginWarned] = []
    splits: list[Split] = []
    for record in recorded:
        if isinstance(record, PlaceOrder):
            orders[record.decision_id] = record
        elif isinstance(record, AmendOrder):
            amends.append(record)
        elif isinstance(record, FundingCharged):
            funding.append(record)
        elif isinstance(record, OrderImposed | MarginWarned):
            imposed.append(record)
        elif isinstance(record, Split):
            splits.append(record)
        elif isinstance(record, _ANSWERS):
            reports.setdefault(record.decision_id, []).append(record)
    return LiveAnswers(
        orders=orders,
        reports=reports,
        funding=funding,
        amends=tuple(amends),
        imposed=tuple(imposed),
        splits=tuple(splits),
    )


_ANSWERS = (
    AmendRejected,
    OrderAccepted,
    OrderAmended,
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
        funding_rates: FundingSeries | None,
        actions: Sequence[CorporateAction],
        *,
        sets: Sets,
        borrow_rates: BorrowSeries | None,
    ) -> None:
        self.instruments = by_symbol(manifest.instruments)
        self._manifest = manifest
        self._loaded = loaded
        self._datasets = datasets
        self._funding_rates = funding_rates
        self._sets = sets
        self._borrow_rates = borrow_rates
        self._started = started
        self._ended = ended
        self._actions = actions_within(actions, started.arrival_time_ns)
        self.subscriptions = self._kernel(RecordsInMemory()).subscriptions

    def history(self, progress: Progress | None) -> Source:
        """Return the provider's history over the period."""
        streams = streams_of(
            self.subscriptions,
            self._datasets,
            self._manifest.profile,
            self._started.arrival_time_ns,
            self._ended.arrival_time_ns,
            slice_ns=self._manifest.slice_ns,
        )
        past, later = self._actions
        source = HistorySource(
            self._started,
            self._ended,
            [*streams, *streams_of_actions(later)],
            slice_ns=self._manifest.slice_ns,
            past_actions=past,
            progress=progress,
        )
        return with_announcements(
            source,
            self.instruments,
            self._sets,
            calendars=calendars_of(self._manifest),
            end_ns=self._ended.arrival_time_ns,
            borrow_rates=self._borrow_rates,
        )

    def stored_rows(self, after_ns: int, until_ns: int) -> Iterator[Trade | Bar]:
        """Yield what the strategy asked for, of the provider's history, by arrival in a window."""
        for columns in stored_rows(
            self.subscriptions, self._datasets, self._manifest.profile, after_ns + 1, until_ns
        ):
            yield from events_of(columns, tick=self.instruments[columns.instrument].tick_float)

    def with_bars(self, market: list[Input]) -> list[Input]:
        """Return recorded rows with the bars that we make of them."""
        asked = self.subscriptions.made
        if not asked:
            return market
        return making_of(
            RecordedSource(()),
            asked,
            self._manifest.profile,
            self.instruments,
            started_ns=self._started.arrival_time_ns,
        ).over(market)

    def simulated(
        self, profile: SimulationProfile, borrow_rates: BorrowSeries | None
    ) -> SimulatedVenue:
        """Return the simulated venue on the venue's market."""
        return simulated_venue(
            self._manifest,
            self.instruments,
            market_records(
                self.instruments, self._datasets, profile, slice_ns=self._manifest.slice_ns
            ),
            profile=profile,
            positions=self._started.positions,
            start_ns=self._started.arrival_time_ns,
            cash=self._started.cash,
            funding_rates=self._funding_rates,
            borrow_rates=borrow_rates,
            quotes=quotes_known(self._datasets, profile),
        )

    def run(self, name: str, source: Source, venue: Venue) -> RungRecord:
        """Let the strategy decide again; return what it did."""
        journal = RecordsInMemory()
        self._kernel(journal).run(source, venue)
        return RungRecord.from_records(name, journal.records)

    def _kernel(self, journal: RecordsInMemory) -> Kernel:
        return kernel_of(self._manifest, self._loaded, journal)
