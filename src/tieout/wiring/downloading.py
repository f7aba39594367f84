"""History of a venue, fetched into the store."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import platformdirs

from tieout.adapters.venues.exchange.past import ExchangePast
from tieout.adapters.venues.exchange.settings import ExchangeSettings
from tieout.errors import InputError
from tieout.history import Store, Wanted
from tieout.history import download as fetch
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from tieout.history import Downloaded
    from tieout.history.places import StoredAt

    Progress = Callable[[float, float | None], None]

__all__ = ["download"]

_WITH_INTERVAL = ("bars", "mark")
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


def download(
    *,
    store: StoredAt,
    url: str,
    symbol: str,
    kind: str = "bars",
    interval: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    name: str | None = None,
    tick: Decimal | None = None,
    lot: Decimal | None = None,
    refresh: bool = False,
    pauses_s: Sequence[float] = _PAUSES_S,
    progress: Progress | None = None,
    told: Callable[[str, float], None] | None = None,
) -> Downloaded:
    """Download bars, trades, funding rates or mark prices, or what is missing of them.

    Args:
        store: Folder or URL of the data store.
        url: The venue's REST address without a path.
        symbol: As the venue's rules name it, such as `BTC/USDT:USDT`.
        kind: `bars`, `trades`, `funding` or `mark`.
        interval: Of bars and mark prices, such as `1m`.
        start_ns: Where it begins; None: where the data set of the name begins.
        end_ns: Where it ends; None, or in the future: now, by the venue's clock.
        name: In the store; None: made of symbol and interval or kind.
        tick: Finer than the venue's tick of today, for history from before it changed.
        lot: The same for its lot.
        refresh: Fetch everything anew; the data set of the name is replaced when that is whole.
        pauses_s: Seconds before each further attempt of a request that failed on the way.
        progress: Called with seconds of history done, and in total.
        told: Called with what failed on the way, and the pause that follows.

    Raises:
        InputError: There is no such history, or the name holds something else.
        VenueError: The venue does not answer, or contradicts itself.
    """
    length_ns = _length(kind, interval)
    stored = Store(store)
    scheme, address = urlsplit(url).scheme, urlsplit(url).netloc
    settings = ExchangeSettings(
        base_url=url.rstrip("/"), ws_url=f"{'wss' if scheme == 'https' else 'ws'}://{address}/ws"
    )
    with ExchangePast(settings, pauses_s=pauses_s, told=told) as past:
        now_ns = past.now_ns()
        rules = past.instrument(symbol)
        instrument = msgspec.structs.replace(
            rules, tick_size=tick or rules.tick_size, lot_size=lot or rules.lot_size
        )
        name = name or f"{instrument.venue_symbol}-{_suffix(kind, interval)}"
        wanted = Wanted(
            venue=settings.base_url,
            kind=kind,
            instrument=instrument,
            interval_ns=length_ns,
            start_ns=_start(stored, name) if start_ns is None else start_ns,
            end_ns=now_ns if end_ns is None else min(end_ns, now_ns),
        )
        return fetch(
            stored,
            past,
            wanted,
            name=name,
            log=_log_of(store, name),
            is_end_given=end_ns is not None and end_ns <= now_ns,
            refresh=refresh,
            progress=progress,
        )


def _length(kind: str, interval: str | None) -> int:
    if kind not in ("bars", "trades", "funding", "mark"):
        raise InputError(f"--kind {kind}: allowed are bars, trades, funding, mark")
    if kind not in _WITH_INTERVAL:
        if interval is not None:
            raise InputError(f"--interval {interval}: {kind} have none; leave it out")
        return 0
    if interval is None:
        raise InputError(f"--kind {kind}: how long is a bar? Say --interval 1m")
    try:
        return interval_ns(interval)
    except ValueError as error:
        raise InputError(f"--interval {interval}: {error}") from error


def _suffix(kind: str, interval: str | None) -> str:
    match kind:
        case "bars":
            return str(interval)
        case "mark":
            return f"mark-{interval}"
        case _:
            return kind


def _start(store: Store, name: str) -> int:
    if name not in store.names():
        raise InputError(f"{name}: there is no such data set yet; say --start, such as 2024-01-01")
    meta = store.dataset(name).meta
    return meta.first_time_ns - meta.interval_ns


def _log_of(store: StoredAt, name: str) -> Path:
    """Return the file of what an unfinished download has: beside the data, or on this machine."""
    if isinstance(store, Path):
        return store / f".{name}.download"
    cache = Path(os.environ.get("TIEOUT_CACHE") or platformdirs.user_cache_dir("tieout"))
    return cache / "downloads" / sha256(store.encode()).hexdigest()[:16] / f"{name}.download"
