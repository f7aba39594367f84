"""A run that stopped, folded again: the journal leads to the state it was in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tieout.adapters.feeds.recorded import RecordedSource
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.venues.recorded import RecordedVenue
from tieout.errors import InputError, JournalDamaged
from tieout.journal import JournalReader, first_difference
from tieout.journal.records import decode
from tieout.model.events import Bar, FundingCharged, RunEnded, Trade
from tieout.wiring.journals import DecisionsInMemory
from tieout.wiring.manifests import kernel_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.adapters.storage.runs import RunFolder
    from tieout.adapters.venues.exchange import ResumePoint
    from tieout.journal import JournalWriter
    from tieout.kernel.loop import Kernel
    from tieout.model.events import Input
    from tieout.strategy import LoadedStrategy

__all__ = ["Refolded", "refolded", "resume_point"]


@dataclass(frozen=True, slots=True)
class Refolded:
    """A run as it stood when its process stopped.

    Attributes:
        kernel: In the state that the journal leads to; writes to the journal from now on.
        journal: Open behind its last durable record.
        recorded: Every input so far; never empty.
    """

    kernel: Kernel
    journal: JournalWriter
    recorded: Sequence[Input]


def refolded(run: RunFolder, loaded: LoadedStrategy) -> Refolded:
    """Fold a run's journal and open it for more.

    Raises:
        InputError: Nothing is in the journal, or the run has ended.
        JournalDamaged: It leads to other decisions than it holds.
    """
    manifest = run.manifest()
    reader = JournalReader(RealDisk(), str(run.journal))
    recorded = list(reader.inputs())
    if not recorded:
        raise InputError(f"run {run.run_id}: nothing is in its journal yet; start a new run")
    if isinstance(recorded[-1], RunEnded):
        raise InputError(f"run {run.run_id} has ended ({recorded[-1].reason}); start a new run")
    made = list(reader.decisions())
    journal = reader.recover()
    folded = DecisionsInMemory()
    kernel = kernel_of(manifest, loaded, folded)
    kernel.run(RecordedSource(recorded), RecordedVenue())
    if first_difference(made, folded.decisions[: len(made)]) is not None:
        raise JournalDamaged(
            f"run {run.run_id}: its inputs lead to other decisions than it made; see "
            "`tieout replay --verify`"
        )
    # Two things can be due at one moment, each made durable by itself: what the process was killed
    # before is decided now, and the venue is asked about it like about all that is unanswered.
    for late in folded.decisions[len(made) :]:
        journal.decision(decode(late))
    journal.commit()
    kernel.go_on(journal)
    return Refolded(kernel, journal, recorded)


def resume_point(folded: Refolded, *, fresh: bool) -> ResumePoint:
    """Return how far the journal came, for the gateway to ask for the rest."""
    from tieout.adapters.venues import exchange  # noqa: PLC0415 - an extra

    recorded = folded.recorded
    bars: dict[tuple[str, int], int] = {}
    trades: dict[str, int] = {}
    for each in recorded:
        if isinstance(each, Bar) and not each.rule:
            bars[each.instrument, each.interval_ns] = each.open_time_ns
        elif isinstance(each, Trade):
            trades[each.instrument] = each.trade_id
    return exchange.ResumePoint(
        down_since_ns=recorded[-1].arrival_time_ns,
        state="fresh" if fresh else "kept",
        orders=tuple(
            exchange.KnownOrder(
                place=each.place,
                state=each.state,
                filled_lots=each.filled_lots,
                venue_order_id=each.venue_order_id,
                trade_ids=tuple(sorted(each.fills)),
            )
            for each in folded.kernel.orders.by_id.values()
        ),
        charge_ids=tuple(each.charge_id for each in recorded if isinstance(each, FundingCharged)),
        last_bar_ns=bars,
        last_trade_id=trades,
    )
