"""Reports of runs: what is known of a run, read and written as one page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tieout.adapters.storage.disk import RealDisk
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.columns import TradeColumns
from tieout.reconcile import RungRecord, summarise
from tieout.report import reconciliation_page, run_page, write_page
from tieout.wiring.manifests import by_symbol, same_data
from tieout.wiring.markets import prices_of
from tieout.wiring.reference import named_facts
from tieout.wiring.tie_out import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.model.columns import MarketColumns
    from tieout.reconcile import Reconciliation, RunSummary
    from tieout.wiring.telling import Progress

__all__ = ["report", "report_on", "summary_of"]

_MINUTE_NS = 60_000_000_000
_WITH_A_TWIN = ("live", "paper", "shadow")


def report(
    run: RunFolder, *, store: StoredAt, output: Path, progress: Progress | None = None
) -> Path:
    """Write a run's report: with its twin where it has one, else on its own.

    Args:
        run: A run that ended.
        store: Folder of the data store.
        output: The file to write.
        progress: Told of the rungs run.

    Raises:
        InputError: The run has not ended, its strategy or data are gone, or `output` cannot be
            written.
    """
    manifest = run.manifest()
    if manifest.kind in _WITH_A_TWIN:
        return report_on(reconcile(run, store=store, progress=progress), run, output=output)
    page = run_page(
        summary_of(run, store=store),
        run_id=run.run_id,
        manifest=_facts(manifest),
        profile=manifest.profile,
    )
    write_page(output, page)
    return output


def report_on(found: Reconciliation, run: RunFolder, *, output: Path) -> Path:
    """Write the report on a tie-out that was made already.

    Raises:
        InputError: `output` cannot be written.
    """
    manifest = run.manifest()
    page = reconciliation_page(found, manifest=_facts(manifest), profile=manifest.profile)
    write_page(output, page)
    return output


def summary_of(run: RunFolder, *, store: StoredAt) -> RunSummary:
    """Return the figures of one run on stored history, valued once a minute.

    Raises:
        InputError: The run has not ended, or its data are gone.
    """
    manifest = run.manifest()
    datasets = same_data(Store(store), manifest)
    journal = JournalReader(RealDisk(), str(run.journal))
    record = RungRecord.from_records(run.run_id, ((each.kind, each.record) for each in journal))
    prices = {}
    for instrument in manifest.instruments:
        market = prices_of(instrument.symbol, datasets, manifest.profile, until_ns=record.ended_ns)
        rows = [row for row in _minutely(market) if row[0] >= record.started_ns]
        if rows:
            prices[instrument.symbol] = tuple(rows)
    ends = {symbol: rows[-1][1] for symbol, rows in prices.items()}
    known = replace(record, prices=prices, end_marks={**ends, **record.end_marks})
    return summarise(known, by_symbol(manifest.instruments))


def _minutely(market: Iterator[MarketColumns]) -> Iterator[tuple[int, int]]:
    """Yield (arrival, ticks) of the last price of each minute, chunk by chunk."""
    for columns in market:
        times = columns.arrival_time_ns
        ticks = columns.price_ticks if isinstance(columns, TradeColumns) else columns.close_ticks
        last = np.append(np.flatnonzero(np.diff(times // _MINUTE_NS)), len(times) - 1)
        yield from zip(times[last].tolist(), ticks[last].tolist(), strict=True)


def _facts(manifest: Manifest) -> dict[str, object]:
    return {
        "strategy": f"{manifest.strategy_name} ({manifest.strategy_path or 'handed over'})",
        "code": manifest.strategy_hash[:16],
        "parameters": manifest.parameters,
        "kind": manifest.kind,
        # Without its scheme, so that nothing in the file is a link.
        "venue": manifest.venue.partition("://")[2] or "stored history",
        "data": ", ".join(f"{each.name} ({each.fingerprint[:12]})" for each in manifest.data),
        **named_facts(manifest),
        "limits": manifest.limits,
        "cash": str(manifest.cash),
        "seed": str(manifest.seed),
        **manifest.versions,
    }
