"""Manifests: made before a run, read back for its twin, its replay and its rungs."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from tieout.adapters.feeds.history import check_slice
from tieout.adapters.storage.disk import RealDisk
from tieout.errors import InputError, JournalDamaged
from tieout.journal import (
    JournalReader,
)
from tieout.journal.manifest import DataUse, Manifest
from tieout.kernel.loop import Kernel
from tieout.kernel.risk import RiskLimits
from tieout.market import sources_digest
from tieout.model.availability import union
from tieout.model.events import (
    ConnectionLost,
    ConnectionRestored,
    RunEnded,
    RunStarted,
)
from tieout.model.venues import EVERYTHING
from tieout.strategy import LoadedStrategy, load_strategy
from tieout.wiring.assumptions import models_of
from tieout.wiring.reference import reference_of, venue_of, with_calendar
from tieout.wiring.spreads import with_spreads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from tieout.adapters.storage.runs import RunFolder
    from tieout.history import Dataset, Store
    from tieout.kernel.ports import JournalPort
    from tieout.model.availability import Spans
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile
    from tieout.model.venues import VenueProfile
    from tieout.wiring.reference import Named


__all__ = [
    "by_symbol",
    "datasets_of",
    "find_dataset",
    "kernel_of",
    "manifest_of",
    "outages_in",
    "period_of",
    "same_data",
    "same_strategy",
    "strategy_of",
]


_ACCOUNT = "user"
"""The stream of an account's own news; all others bring the market."""


def kernel_of(manifest: Manifest, loaded: LoadedStrategy, journal: JournalPort) -> Kernel:
    """Return the kernel of a manifest: one for the run, its twin, its replay and its rungs."""
    return Kernel(
        loaded,
        instruments=by_symbol(manifest.instruments),
        journal=journal,
        limits=msgspec.json.decode(manifest.limits, type=RiskLimits),
        seed=manifest.seed,
        venue_profile=venue_of(manifest),
        margin=manifest.profile.margin,
        acted={each.instrument for each in manifest.data if each.kind == "actions"},
        reference=reference_of(manifest),
    )


def manifest_of(
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
    slice_ns: int = 0,
    venue_profile: VenueProfile = EVERYTHING,
    named: Named | None = None,
) -> Manifest:
    """Write down everything that a run's result depends on.

    Raises:
        InputError: The slice is out of range, two data sets of one instrument have another tick
            or lot, or rules by date do not fit an instrument.
    """
    check_slice(slice_ns)
    # Only to see that it is there: the manifest names it, and has its sessions once.
    with_calendar(venue_profile, named.calendars if named else ())
    profile = with_spreads(profile, datasets, start_ns)
    if profile.feed_seed is None and (profile.bar_feed or profile.trade_feed):
        profile = msgspec.structs.replace(profile, feed_seed=seed)
    instruments = _instruments_of(datasets)
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
        models=models_of(profile),
        limits=msgspec.json.encode(limits).decode(),
        cash=cash,
        start_ns=start_ns,
        end_ns=end_ns,
        seed=seed,
        venue_profile=venue_profile,
        calendars=tuple(each.packed() for each in named.calendars) if named else (),
        reference=named.uses(instruments.values()) if named else (),
        code=sources_digest(),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("tieout", "numpy", "numba")},
        },
        slice_ns=slice_ns,
    )


def _instruments_of(datasets: Sequence[Dataset]) -> dict[str, Instrument]:
    """Return the instruments of data sets; what type one is of need only be said by one of them."""
    found: dict[str, Instrument] = {}
    for each in datasets:
        own = each.meta.instrument
        known = found.get(own.symbol, own)
        typed = msgspec.structs.replace(known, type=known.type or own.type)
        if typed != msgspec.structs.replace(own, type=own.type or typed.type):
            raise InputError(
                f"{each.meta.name}: {own.symbol} has another tick, lot or type in another data set "
                "of this run; import them with the same"
            )
        found[own.symbol] = typed
    return found


def strategy_of(manifest: Manifest) -> LoadedStrategy:
    """Load a run's strategy with the parameters it had, as its file is now.

    Raises:
        InputError: The run's strategy has no file.
    """
    if not manifest.strategy_path:
        raise InputError(
            "the run's strategy was handed over in Python and has no file; run it from a file"
        )
    parameters = msgspec.json.decode(manifest.parameters, type=dict[str, Any])
    return load_strategy(f"{manifest.strategy_path}:{manifest.strategy_name}", parameters)


def same_strategy(manifest: Manifest) -> LoadedStrategy:
    """Load a run's strategy.

    Raises:
        InputError: Its file has changed since.
    """
    loaded = strategy_of(manifest)
    if loaded.code_hash != manifest.strategy_hash:
        raise InputError(
            f"{manifest.strategy_path} has changed since the run; a twin needs the same code, "
            "restore it or run again"
        )
    return loaded


def same_data(store: Store, manifest: Manifest) -> list[Dataset]:
    """Return the data sets a run used, found by fingerprint."""
    stored = store.contents()
    missing = [each.name for each in manifest.data if each.fingerprint not in stored]
    if missing:
        raise InputError(
            f"{store.path}: the data the run used is not there any more ({', '.join(missing)}); "
            "import it again"
        )
    return [stored[each.fingerprint] for each in manifest.data]


def datasets_of(store: Store, names: Sequence[str]) -> list[Dataset]:
    """Return data sets by name.

    Raises:
        InputError: None is named, or one is not there.
    """
    if not names:
        raise InputError(f"name a data set with --data; there are: {', '.join(store.names())}")
    return [store.dataset(name) for name in names]


def find_dataset(
    datasets: Sequence[Dataset], symbol: str, kind: str, interval: int = 0
) -> Dataset | None:
    """Return the data set of an instrument, kind and interval, or None."""
    for each in datasets:
        meta = each.meta
        if (meta.instrument.symbol, meta.kind, meta.interval_ns) == (symbol, kind, interval):
            return each
    return None


def by_symbol(instruments: Iterable[Instrument]) -> dict[str, Instrument]:
    """Return instruments by their symbol."""
    return {each.symbol: each for each in instruments}


def period_of(run: RunFolder) -> tuple[RunStarted, RunEnded]:
    """Return a run's first and last input.

    Raises:
        InputError: The run did not end.
        JournalDamaged: It does not begin with a start.
    """
    reader = JournalReader(RealDisk(), str(run.journal))
    found = [each for each in reader.inputs() if isinstance(each, RunStarted | RunEnded)]
    if len(found) < 2 or not isinstance(found[-1], RunEnded):
        raise InputError(f"run {run.run_id} did not end; resume it, or run it again")
    if not isinstance(found[0], RunStarted):
        raise JournalDamaged(f"run {run.run_id}: the journal does not begin with a start")
    return found[0], found[-1]


def outages_in(run: RunFolder, ended_ns: int) -> Spans:
    """Return when a run's way to the market was down, as its journal has it.

    Args:
        run: A run.
        ended_ns: Its last arrival: what was not restored was down until then.
    """
    reader = JournalReader(RealDisk(), str(run.journal))
    lost: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    for each in reader.inputs():
        if isinstance(each, ConnectionLost) and each.stream != _ACCOUNT:
            lost.setdefault(each.stream, each.arrival_time_ns)
        elif isinstance(each, ConnectionRestored) and each.stream in lost:
            spans.append((lost.pop(each.stream), each.arrival_time_ns))
    spans += [(since_ns, ended_ns) for since_ns in lost.values()]
    return union(tuple(each for each in spans if each[0] < each[1]), ())
