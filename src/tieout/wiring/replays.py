"""A run again, from its recorded inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.adapters.feeds.announced import ANNOUNCED
from tieout.adapters.feeds.history import HistorySource
from tieout.adapters.feeds.recorded import RecordedSource
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.recorded import (
    RecordedVenue,
)
from tieout.errors import InputError
from tieout.history import Store
from tieout.journal import (
    JournalReader,
    Kind,
    first_difference,
)
from tieout.model.events import (
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    CorporateAction,
    DataOpened,
    GapSeen,
    RunEnded,
    RunStarted,
)
from tieout.wiring.actions import actions_of, actions_within, streams_of_actions
from tieout.wiring.funding import market_data
from tieout.wiring.journals import DecisionsInMemory
from tieout.wiring.manifests import kernel_of, same_data, strategy_of
from tieout.wiring.markets import streams_of
from tieout.wiring.reference import announced_again
from tieout.wiring.results import Replayed, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.adapters.storage.runs import RunFolder
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Source, Venue
    from tieout.model.events import Input, Report
    from tieout.wiring.telling import Progress


__all__ = ["replay"]


def replay(
    run: RunFolder, *, store: StoredAt, chunk_bytes: int = 1 << 16, progress: Progress | None = None
) -> Replayed:
    """Fold a run's recorded inputs again and compare the decisions byte by byte.

    Market rows that the run named by fingerprint come from the store again; everything else,
    the venue's answers included, comes from the journal.

    Args:
        run: The run.
        store: Folder of the data store.
        chunk_bytes: How much of the journal is read at a time; the result does not depend on it.
        progress: Told of the inputs read.

    Raises:
        JournalDamaged: The journal does not verify.
        InputError: The strategy's file or the stored data are gone.
    """
    manifest = run.manifest()
    loaded = strategy_of(manifest)
    reader = JournalReader(RealDisk(), str(run.journal), chunk_bytes=chunk_bytes)
    journal = DecisionsInMemory()
    kernel = kernel_of(manifest, loaded, journal)
    recorded = list(reader.inputs())
    if any(isinstance(each, DataOpened) for each in recorded):
        source, venue = _history_again(manifest, kernel, Store(store), recorded, progress)
    else:
        source, venue = RecordedSource(recorded, progress=progress), RecordedVenue()
    kernel.run(source, venue)
    difference = first_difference(reader.decisions(), journal.decisions)
    after = "" if difference is None else _input_before(reader, difference.index)
    return Replayed(
        decisions=len(journal.decisions),
        difference=difference,
        after=after,
        code_changed=loaded.code_hash != manifest.strategy_hash,
    )


def _history_again(
    manifest: Manifest,
    kernel: Kernel,
    store: Store,
    recorded: Sequence[Input],
    progress: Progress | None,
) -> tuple[Source, Venue]:
    """Return the stored market again, with the venue's answers as they were recorded."""
    started = next(each for each in recorded if isinstance(each, RunStarted))
    ended = next((each for each in recorded if isinstance(each, RunEnded)), None)
    if ended is None:
        raise InputError("the run did not end; a run on history is replayed whole, run it again")
    stored = same_data(store, manifest)
    datasets = market_data(stored)
    actions = actions_of(stored, manifest.profile, slice_ns=manifest.slice_ns)
    past, later = actions_within(actions, started.arrival_time_ns)
    streams = streams_of(
        kernel.subscriptions,
        datasets,
        manifest.profile,
        started.arrival_time_ns,
        ended.arrival_time_ns,
        slice_ns=manifest.slice_ns,
    )
    framing = (
        *(RunStarted, RunEnded, DataOpened, ClockReached, GapSeen, CorporateAction),
        *(ConnectionLost, ConnectionRestored, *ANNOUNCED),
    )
    answers: list[Report] = [each for each in recorded if not isinstance(each, framing)]  # type: ignore[misc]
    source: Source = HistorySource(
        started,
        ended,
        [*streams, *streams_of_actions(later)],
        slice_ns=manifest.slice_ns,
        past_actions=past,
        progress=progress,
    )
    return announced_again(source, recorded), RecordedVenue(answers)


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
            last = in_words(entry.record)
    return last
