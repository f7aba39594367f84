"""A live run on the practice venue in one process: made-up market, faults by script."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tests.support.worlds import ES, T0
from tieout.adapters.storage.runs import Runs
from tieout.adapters.venues import exchange
from tieout.adapters.venues.practice import (
    StopRule,
    ThreadedServer,
    config_from_profile,
    load_faults,
)
from tieout.history import Store
from tieout.kernel.risk import RiskLimits
from tieout.model.profiles import profile
from tieout.wiring import VenueAccess, live

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder
    from tieout.history import Dataset
    from tieout.model.profiles import SimulationProfile

SECOND = 1_000_000_000
START_NS = T0 + 3600 * SECOND
PROFILE = profile("practice-1")
LIMITS = RiskLimits(order_notional_max=Decimal(10**7), position_notional_max=Decimal(10**7))


class Killed(Exception):
    """What a kill looks like from inside of one process."""


@contextmanager
def dies_after(inputs: int) -> Iterator[None]:
    """Let the gateway end the process, without a word, after so many answers."""
    original = exchange.ExchangeGateway.next
    given = 0

    def next_(self: Any, deadline_ns: int | None) -> Any:
        nonlocal given
        given += 1
        if given > inputs:
            raise Killed
        return original(self, deadline_ns)

    exchange.ExchangeGateway.next = next_  # type: ignore[method-assign]
    try:
        yield
    finally:
        exchange.ExchangeGateway.next = original  # type: ignore[method-assign]


def a_market(
    folder: Path, *, seed: int = 7, rows: int = 20_000, step_ns: int = 600_000_000
) -> Dataset:
    """Store a random walk of prints, one each step, as the data set `made`."""
    draw = np.random.default_rng(seed)
    when = T0 + step_ns * np.arange(rows, dtype=np.int64)
    chunk = {
        "venue_time_ns": when,
        "price_ticks": 6560 + np.cumsum(draw.choice([-2, -1, 0, 0, 1, 2], rows)),
        "quantity_lots": draw.integers(1, 20, rows),
        "aggressor": np.zeros(rows, np.int64),
        "trade_id": np.arange(1, rows + 1, dtype=np.int64),
    }
    return Store(folder / "data").write(
        "made", "trades", ES, [chunk], source="made up", time_rule="made up"
    )


def a_live_run(
    folder: Path,
    strategy: Any,
    *,
    faults: list[dict[str, object]] | None = None,
    end_ns: int | None = None,
    assumed: SimulationProfile = PROFILE,
    data: Sequence[str] = ("made",),
    calendars: Sequence[str] = (),
    **settings: object,
) -> RunFolder:
    """Trade live on the practice venue in lock-step, to the end of the market."""
    dataset = Store(folder / "data").dataset("made")
    config = config_from_profile(
        assumed,
        ES,
        start_ns=START_NS,
        end_ns=end_ns,
        starting_balance=Decimal(1_000_000),
        stop_rule=StopRule.ACCEPT,
        faults=load_faults(msgspec.json.encode(faults or []).decode()),
        truth_path=str(folder / "truth.jsonl"),
        **settings,
    )
    runs = Runs(folder / "runs")
    with ThreadedServer(config, dataset.batches(delay_ns=0)) as venue:
        result = live(
            strategy,
            access=VenueAccess(venue.http_url, "practice-key", "practice-secret"),
            store=folder / "data",
            data=data,
            calendars=calendars,
            profile=assumed,
            limits=LIMITS,
            runs=runs,
        )
    return runs.find(result.run_id)
