"""Reports of runs: what is known of a run, read and written as one page."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tieout.adapters.storage.disk import RealDisk
from tieout.errors import InputError
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.columns import QuoteColumns, TradeColumns
from tieout.model.events import Liquidity
from tieout.model.fees import fee_of
from tieout.model.money import round_half_up
from tieout.reconcile import RungRecord, summarise
from tieout.reconcile.figures import drawdown, equity_curve
from tieout.reconcile.statistics import CONVENTIONS, OURS, statistics_of
from tieout.reconcile.valuation import Valuation
from tieout.report import reconciliation_page, run_page, write_page
from tieout.wiring.funding import market_data
from tieout.wiring.manifests import by_symbol, same_data
from tieout.wiring.markets import prices_of
from tieout.wiring.reference import named_facts
from tieout.wiring.tie_out import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.model.columns import MarketColumns
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile
    from tieout.reconcile import Reconciliation, RunSummary
    from tieout.reconcile.statistics import Convention, RunStatistics
    from tieout.wiring.telling import Progress

__all__ = ["closing_summary_of", "report", "report_on", "summary_of"]

_MINUTE_NS = 60_000_000_000
_WITH_A_TWIN = ("live", "paper", "shadow")


def report(
    run: RunFolder,
    *,
    store: StoredAt,
    output: Path,
    convention: str | None = None,
    risk_free: Decimal | None = None,
    progress: Progress | None = None,
) -> RunStatistics | None:
    """Write a run's report: with its twin where it has one, else on its own.

    Args:
        run: A run that ended.
        store: Folder of the data store.
        output: The file to write.
        convention: Of a run on its own, by which its ratios are taken; None: ours.
        risk_free: Rate free of risk a year, as a share; None: 0.
        progress: Told of the rungs run.

    Returns:
        The statistics of a run on its own.

    Raises:
        InputError: The run has not ended, its strategy or data are gone, or `output` cannot be
            written; there is no such convention, or one is named for a run with a twin.
    """
    manifest = run.manifest()
    if manifest.kind in _WITH_A_TWIN:
        if convention is not None or risk_free is not None:
            raise InputError(
                f"run {run.run_id}: the report on a run with a twin compares them at a rate free "
                "of risk of 0, by our own convention; name these for the twin's own report"
            )
        report_on(reconcile(run, store=store, progress=progress), run, output=output)
        return None
    chosen = _convention(convention)
    rate = risk_free or Decimal(0)
    if not -1 < rate < 1:
        raise InputError(f"risk-free rate {rate}; give a share a year, such as 0.03 for 3 %")
    summary = summary_of(run, store=store)
    found = statistics_of(summary, convention=chosen, risk_free=[(0, Fraction(rate))])
    page = run_page(
        summary,
        statistics=found,
        run_id=run.run_id,
        manifest=_facts(manifest),
        profile=manifest.profile,
    )
    write_page(output, page)
    return found


def _convention(name: str | None) -> Convention:
    found = OURS if name is None else CONVENTIONS.get(name)
    if found is None:
        raise InputError(f"there is no convention {name!r}; there are: {', '.join(CONVENTIONS)}")
    return found


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
    datasets = market_data(same_data(Store(store), manifest))
    record = _record_of(run)
    prices = {}
    for instrument in manifest.instruments:
        market = prices_of(instrument.symbol, datasets, manifest.profile, until_ns=record.ended_ns)
        rows = [row for row in _minutely(market) if row[0] >= record.started_ns]
        if rows:
            prices[instrument.symbol] = tuple(rows)
    ends = {symbol: rows[-1][1] for symbol, rows in prices.items()}
    known = replace(record, prices=prices, end_marks={**ends, **record.end_marks})
    return summarise(known, by_symbol(manifest.instruments))


def closing_summary_of(run: RunFolder, *, store: Path) -> RunSummary:
    """Return a run's figures with long positions worth what closing them would bring.

    That is the bid, less the fee of selling there as the profile charges its lowest tier. Only
    quotes within the venue's sessions count. It is how platforms value futures and perpetuals,
    whose profit is open until they are closed.

    Raises:
        InputError: The run has not ended, its data are gone, or it names no quotes.
    """
    manifest = run.manifest()
    datasets = same_data(Store(store), manifest)
    record = _record_of(run)
    if record.ended_ns is None or any(each < 0 for each in record.final_lots().values()):
        raise InputError(
            f"run {run.run_id}: it has not ended, or ended short; only longs are closed"
        )
    prices = {}
    for each in datasets:
        if each.meta.kind == "quotes":
            rows = each.recorded(start_ns=record.started_ns, end_ns=record.ended_ns)
            bids = [row for part in rows if isinstance(part, QuoteColumns) for row in _bids(part)]
            within = [row for row in bids if _in_session(manifest.venue_profile.sessions, row[0])]
            prices[each.meta.instrument.symbol] = tuple(within)
    unknown = sorted({each.instrument for each in record.fills if not prices.get(each.instrument)})
    if unknown:
        raise InputError(
            f"run {run.run_id}: no quotes of {', '.join(unknown)}; name a data set of quotes with "
            "--data when it is made"
        )
    instruments = by_symbol(manifest.instruments)
    ends = {symbol: rows[-1][1] for symbol, rows in prices.items()}
    curve = equity_curve(
        record,
        Valuation(instruments, record.start_marks, ends),
        prices,
        end_ns=record.ended_ns,
        closing_cost=_cost_of_closing(manifest.profile, instruments, record.ended_ns),
    )
    known = replace(record, prices=prices, end_marks=ends)
    found = summarise(known, instruments, equity=curve)
    fallen, share = drawdown(curve)
    return msgspec.structs.replace(
        found, end_equity=curve[-1][1], drawdown=fallen, drawdown_share=share
    )


def _record_of(run: RunFolder) -> RungRecord:
    journal = JournalReader(RealDisk(), str(run.journal))
    return RungRecord.from_records(run.run_id, ((each.kind, each.record) for each in journal))


def _bids(quotes: QuoteColumns) -> list[tuple[int, int]]:
    rows = zip(quotes.arrival_time_ns.tolist(), quotes.bid_ticks.tolist(), strict=True)
    return [(time_ns, bid) for time_ns, bid in rows if bid]


def _in_session(sessions: Sequence[tuple[int, int]], time_ns: int) -> bool:
    """Return whether a time lies within a session, its close included: a bar closes with it."""
    if not sessions:
        return True
    place = bisect_left(sessions, time_ns, key=lambda session: session[0]) - 1
    return place >= 0 and time_ns <= sessions[place][1]


def _cost_of_closing(
    profile: SimulationProfile, instruments: Mapping[str, Instrument], at_ns: int
) -> Callable[[str, int, int], int]:
    schedule = profile.fee_schedule
    version = None if schedule is None else schedule.version_at(at_ns)
    numerator, denominator = profile.taker_fee_rate.as_integer_ratio()

    def cost(symbol: str, lots: int, ticks: int) -> int:
        instrument = instruments[symbol]
        if version is None:
            return round_half_up(abs(instrument.notional(lots, ticks)) * numerator, denominator)
        tier, taker = version.tiers[0], int(Liquidity.TAKER)
        side = -1 if lots > 0 else 1
        owed = fee_of(
            version, tier, instrument, side=side, lots=abs(lots), price_ticks=ticks, liquidity=taker
        )
        return owed.amount

    return cost


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
