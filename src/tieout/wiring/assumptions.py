"""Profiles by name or from a file, the user's own models they name, and the venue that has both."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.errors import InputError, SettingsError
from tieout.journal.manifest import ModelUse
from tieout.market.models import (
    check_fee_model,
    check_fill_model,
    check_latency_model,
    check_queue_model,
    check_slippage_model,
)
from tieout.model.fees import fee_schedule
from tieout.model.money import money
from tieout.model.profiles import PROFILES, SimulationProfile
from tieout.model.profiles import profile as shipped_profile
from tieout.strategy.loader import load_module
from tieout.wiring.reference import in_sessions, venue_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tieout.adapters.venues.simulated.last_price import QuotesKnown
    from tieout.journal.manifest import Manifest
    from tieout.kernel.ports import MarketRecord
    from tieout.model.borrow import BorrowRates
    from tieout.model.funding import FundingRates
    from tieout.model.instruments import Instrument

__all__ = ["checked_models", "models_of", "profile_of", "simulated_venue"]

_CHECKS: dict[str, Any] = {
    "slippage": check_slippage_model,
    "fill": check_fill_model,
    "latency": check_latency_model,
    "queue": check_queue_model,
}


def profile_of(given: str | SimulationProfile) -> SimulationProfile:
    """Return a profile: as it is, a shipped one by name, or from a `.toml` file.

    A file names the profile it starts from as `base` and what differs; it must give itself a new
    `name`. Models stand below `[models]`, their files relative to the profile's own, as is a fee
    schedule that is a file; its whole text goes into the profile.

    Raises:
        SettingsError: No such profile or file, or a key or value in it is not allowed.
    """
    if not isinstance(given, str):
        return given
    if not given.endswith(".toml"):
        return shipped_profile(given)
    file = Path(given)
    if not file.is_file():
        raise SettingsError(f"profile {file}: no such file")
    try:
        values: dict[str, Any] = msgspec.toml.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"profile {file}: {error}") from error
    base = shipped_profile(str(values.pop("base", "pessimistic-1")))
    if values.get("name") in (None, *PROFILES):
        raise SettingsError(
            f"profile {file}: name {values.get('name')!r}; give it a name of its own, with a "
            "version, since it stands in every report"
        )
    values["models"] = {
        kind: _beside(file, str(named)) for kind, named in dict(values.get("models", {})).items()
    }
    if "fees" in values:
        values["fees"] = _fees_of(file, values["fees"])
        values = {"taker_fee_rate": 0, "maker_fee_rate": 0, **values}
    for feed, constant in (("bar_feed", "bar_delay_ns"), ("trade_feed", "trade_delay_ns")):
        if feed in values:
            values = {constant: 0, **values}
    whole = {**msgspec.to_builtins(base), **values}
    try:
        return msgspec.convert(whole, SimulationProfile, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"profile {file}: {error}") from error


def models_of(profile: SimulationProfile) -> tuple[ModelUse, ...]:
    """Return the models that a profile names, with what identifies them.

    Raises:
        SettingsError: A file or name is not there.
    """
    return tuple(_use(kind, named) for kind, named in sorted(profile.models.items()))


def checked_models(
    uses: Sequence[ModelUse], instruments: Sequence[Instrument]
) -> dict[str, object]:
    """Make the models of a run, by kind, and hold each to its contract.

    Raises:
        InputError: A model's file has changed since the run was made.
        SettingsError: A model breaks its contract.
    """
    made: dict[str, object] = {}
    for use in uses:
        if _hash(Path(use.path)) != use.code_hash:
            raise InputError(
                f"{use.path} has changed since the run; a twin needs the same model, restore it or "
                "run again"
            )
        made[use.kind] = model = _made(use.path, use.name)
        if use.kind == "fee":
            check_fee_model(model, instruments)  # type: ignore[arg-type]
        elif use.kind in _CHECKS:
            _CHECKS[use.kind](model)
    return made


def simulated_venue(
    manifest: Manifest,
    instruments: Mapping[str, Instrument],
    records: Mapping[str, MarketRecord],
    *,
    profile: SimulationProfile | None = None,
    positions: Iterable[tuple[str, int, int]] = (),
    start_ns: int = 0,
    cash: int | None = None,
    funding_rates: FundingRates | None = None,
    borrow_rates: BorrowRates | None = None,
    quotes: Mapping[str, QuotesKnown] | None = None,
) -> SimulatedVenue:
    """Return the simulated venue of a run, with the user's own models that it names.

    Args:
        manifest: Of the run.
        instruments: What can be traded, by symbol.
        records: The market of each.
        profile: Another profile than the manifest's (a rung of the ladder).
        positions: Triples (symbol, signed lots, cost) held at the start.
        start_ns: When the run starts, by our clock.
        cash: Balance at the start, in money units; None: the manifest's.
        funding_rates: The venue's own, where the run has them.
        borrow_rates: What borrowing costs and how much there is, where the run has it.
        quotes: Best bids and asks that market orders fill at, by symbol.
    """
    held = list(positions)
    assumed, venue = profile or manifest.profile, venue_of(manifest)
    if not assumed.matches_on_book:
        records = in_sessions(records, venue)
    return SimulatedVenue(
        instruments,
        assumed,
        records,
        positions={symbol: lots for symbol, lots, _ in held},
        costs={symbol: cost for symbol, _, cost in held},
        cash=money(manifest.cash) if cash is None else cash,
        start_ns=start_ns,
        models=checked_models(manifest.models, list(instruments.values())),
        seed=manifest.seed,
        sessions=dict.fromkeys(instruments, venue.sessions),
        hours=dict.fromkeys(instruments, venue.trading_hours),
        funding_rates=funding_rates,
        borrow_rates=borrow_rates,
        quotes=quotes,
    )


def _beside(file: Path, named: str) -> str:
    path, colon, name = named.partition(":")
    return f"{(file.parent / path).resolve()}{colon}{name}"


def _fees_of(file: Path, named: object) -> object:
    """Return a shipped schedule's name, or the whole of one that stands in a file of the user's."""
    if not isinstance(named, str) or not named.endswith(".toml"):
        return named
    return msgspec.to_builtins(fee_schedule(str((file.parent / named).resolve())))


def _use(kind: str, named: str) -> ModelUse:
    path, _, name = named.partition(":")
    if not name:
        raise SettingsError(f"model {named}: name it as file.py:Name")
    model = _made(path, name)
    label = f"{getattr(model, 'name', name)}-{getattr(model, 'version', 1)}"
    return ModelUse(
        kind=kind,
        path=str(Path(path).resolve()),
        name=name,
        label=label,
        code_hash=_hash(Path(path)),
    )


def _made(path: str, name: str) -> object:
    module = load_module(Path(path), "model")
    found = getattr(module, name, None)
    if found is None:
        raise SettingsError(f"model {path}: it has no {name}")
    return found() if isinstance(found, type) else found


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
