"""The practice venue, served from stored data."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tieout.errors import InputError
from tieout.history import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tieout.history.places import StoredAt
    from tieout.model.profiles import SimulationProfile


__all__ = ["practice"]


def practice(
    *,
    store: StoredAt,
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


def _no_mode(mode: str) -> str:
    raise InputError(f"practice venue: mode {mode!r}; allowed: lockstep, paced")
