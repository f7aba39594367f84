"""The project's `tieout.toml`: validated, unknown keys refused, every key with a default."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import SettingsError
from tieout.kernel.risk import RiskLimits

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ProjectSettings", "VenueSettings", "load_settings"]


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach a venue.

    Attributes:
        url: Address of its REST side.
        key: API key; `env:NAME` reads it from the environment.
        secret: API secret; `env:NAME` reads it from the environment.
    """

    url: str
    key: str = "practice-key"
    secret: str = "practice-secret"  # noqa: S105 - the practice venue's well-known pair


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a project folder.

    Attributes:
        data: Folder of the data store, or its URL.
        runs: Folder of the runs.
        reports: Folder of the reports.
        profile: Simulation profile of backtests and twins.
        cash: Starting cash of a backtest or paper run.
        seed: Keys every random draw.
        slice_ms: Market rows are delivered in slices of this width, in every world; 0: as they
            arrive.
        calendars: Calendars that strategies may ask for.
        venue_calendar: The one in whose sessions alone orders are matched; empty: always.
        risk: Hard limits; live refuses to start without the two notional limits.
        venue: Venues by name.
    """

    data: str = "data"
    runs: str = "runs"
    reports: str = "reports"
    profile: str = "pessimistic-1"
    cash: Decimal = Decimal(100_000)
    seed: int = 0
    slice_ms: int = 0
    calendars: tuple[str, ...] = ()
    venue_calendar: str = ""
    risk: RiskLimits = RiskLimits()
    venue: dict[str, VenueSettings] = {}


def load_settings(folder: Path) -> ProjectSettings:
    """Return the settings of a project folder; defaults where it has no `tieout.toml`.

    Raises:
        SettingsError: The file is no TOML, or a key or value in it is not allowed.
    """
    file = folder / "tieout.toml"
    if not file.is_file():
        return ProjectSettings()
    try:
        return msgspec.toml.decode(file.read_bytes(), type=ProjectSettings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}; see the settings guide for what is known") from error
