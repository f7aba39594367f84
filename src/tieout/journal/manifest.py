"""A run is a manifest: everything that its result depends on, written down before it starts."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

import msgspec

from tieout.model.calendars import PackedCalendar
from tieout.model.instruments import Instrument
from tieout.model.profiles import SimulationProfile
from tieout.model.venues import EVERYTHING, VenueProfile

__all__ = ["DataUse", "Manifest", "ModelUse", "ReferenceUse", "manifest_hash"]


class DataUse(msgspec.Struct, frozen=True, kw_only=True):
    """A stored data set a run reads.

    Attributes:
        name: Name in the store when the run was made; the fingerprint decides.
        fingerprint: Hash of the content.
        kind: `trades` or `bars`.
        instrument: Symbol.
        interval_ns: Length of a bar; 0 for trades.
    """

    name: str
    fingerprint: str
    kind: str
    instrument: str
    interval_ns: int


class ModelUse(msgspec.Struct, frozen=True, kw_only=True):
    """A user's own model that the simulated venue asks.

    Attributes:
        kind: What it answers: `slippage`, `fill`, `fee`, `latency` or `queue`.
        path: Its file.
        name: The class or function in it.
        label: Name and version it gives itself, e.g. `kraken-tiers-2`.
        code_hash: SHA-256 of the file.
    """

    kind: str
    path: str
    name: str
    label: str
    code_hash: str


class ReferenceUse(msgspec.Struct, frozen=True, kw_only=True):
    """A list, or an instrument's rules, by date: what a run is told of besides its market.

    Attributes:
        name: Name in the store when the run was made, by which the strategy asks for a list.
        kind: `universe` or `rules`.
        fingerprint: Hash of the content.
        symbols: Instruments of the run that are ever on the list, or whose rules they are.
    """

    name: str
    kind: str
    fingerprint: str
    symbols: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run was made of.

    Attributes:
        kind: `backtest`, `paper`, `shadow`, `live`, `twin` or a rung's name.
        strategy_path: File of the strategy; empty when it was handed over in Python.
        strategy_name: Class name.
        strategy_hash: SHA-256 of the file.
        parameters: The strategy's parameters that differ from its defaults, as JSON.
        instruments: Everything the run may trade.
        data: Stored data sets it reads, or its twin will.
        profile: Every assumption of the simulated venue.
        limits: Hard limits, as JSON.
        cash: Starting cash; what the account held where there is an account.
        start_ns, end_ns: Period; None when the run decides itself.
        seed: Keys every random draw.
        code: Hash of the compiled sources.
        versions: Versions of python, numpy, numba and tieout.
        of_run: The run this one is a twin or a rung of; empty for a run of its own.
        venue: Address of the venue; empty for history.
        models: The user's own models that the profile names, as they were.
        slice_ns: Market rows that arrive within a slice of this width are delivered at its end;
            0: as they arrive.
        venue_profile: What the venue does itself, what is composed, what is refused.
        calendars: Those the strategy may ask for, whole, with their sources and versions.
        reference: Lists and rules by date that it is told of.
    """

    kind: str
    strategy_path: str
    strategy_name: str
    strategy_hash: str
    parameters: str
    instruments: tuple[Instrument, ...]
    data: tuple[DataUse, ...]
    profile: SimulationProfile
    limits: str
    cash: Decimal
    start_ns: int | None
    end_ns: int | None
    seed: int
    code: str
    versions: dict[str, str]
    of_run: str = ""
    venue: str = ""
    models: tuple[ModelUse, ...] = ()
    slice_ns: int = 0
    venue_profile: VenueProfile = EVERYTHING
    calendars: tuple[PackedCalendar, ...] = ()
    reference: tuple[ReferenceUse, ...] = ()


def manifest_hash(manifest: Manifest) -> str:
    """Return the SHA-256 of a manifest's canonical JSON."""
    return sha256(msgspec.json.encode(manifest, order="deterministic")).hexdigest()
