"""Worlds in which one cause matters: a market of trends, a live run with that one thing wrong.

VENUE/data, runs, truth.jsonl    the venue, its own log, and the client that trades there
DESK/data, runs/ID               all that reconciliation gets: the store and the run's folder
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tests.support.live_world import PROFILE, START_NS, a_live_run
from tests.support.worlds import ES, T0
from tieout.adapters.storage.runs import Runs
from tieout.adapters.venues.practice import ThreadedServer, config_from_profile
from tieout.history import Store
from tieout.strategy import load_strategy
from tieout.wiring import VenueAccess, resume

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.adapters.storage.runs import RunFolder
    from tieout.model.profiles import SimulationProfile

KEY, SECRET = "practice-key", "practice-secret"
ROOT = Path(__file__).parents[2]
DOOMED = ROOT / "tests" / "support" / "doomed.py"
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
STEP_NS = 2 * SECOND
WARM_UP_NS = START_NS - T0


def a_trending_market(folder: Path, *, seed: int, minutes: int, bps_a_minute: float = 60.0) -> None:
    """Store prints every two seconds of a market that trends, as the data set `made`.

    Legs of 6 to 14 minutes go up and down in turn by `bps_a_minute` a minute on average; around
    that prints move at random: in a minute by half of it, one standard deviation.
    """
    draw = np.random.default_rng(seed)
    a_minute = MINUTE // STEP_NS
    rows = minutes * a_minute + WARM_UP_NS // STEP_NS
    trend = np.zeros(rows)
    row, side = 0, draw.choice([-1, 1])
    while row < rows:
        length = int(draw.integers(6 * a_minute, 14 * a_minute))
        trend[row : row + length] = side
        row, side = row + length, -side
    pace = bps_a_minute / 1e4 / a_minute
    noise = draw.normal(0.0, bps_a_minute / 2e4 / np.sqrt(a_minute), rows)
    price = 6560 * np.exp(np.cumsum(trend * pace + noise))
    chunk = {
        "venue_time_ns": T0 + STEP_NS * np.arange(1, rows + 1, dtype=np.int64),
        "price_ticks": np.rint(price).astype(np.int64),
        "quantity_lots": draw.integers(1, 20, rows),
        "aggressor": np.zeros(rows, np.int64),
        "trade_id": np.arange(1, rows + 1, dtype=np.int64),
    }
    Store(folder / "data").write(
        "made", "trades", ES, [chunk], source="made up", time_rule="made up"
    )


@dataclass(frozen=True)
class Cause:
    """One thing that goes wrong, the step it belongs to, and who trades meanwhile.

    Attributes:
        step: Where the difference must be.
        strategy: File and parameters.
        minutes: Length of the live run.
        faults: The venue's script for a seed; nothing where the client is killed instead.
        assumed: What the venue is like, and what the twin takes it for.
    """

    step: str
    strategy: str
    minutes: int
    parameters: tuple[tuple[str, Any], ...] = ()
    faults: Callable[[int], list[dict[str, object]]] = lambda seed: []
    assumed: SimulationProfile = PROFILE


CROSS = str(ROOT / "examples" / "moving_average_cross.py")
READER = str(ROOT / "tests" / "support" / "tape_reader.py")
APPRENTICE = str(ROOT / "tests" / "support" / "apprentice.py")
CENTS = msgspec.structs.replace(PROFILE, name="practice-cents-1", fee_digits=2)
"""A venue that rounds every fee to the cent."""
FEE_FAULT_BPS = 23.456789
QUICK = (("fast", 1), ("slow", 4), ("units", 3.0))

CAUSES = {
    "late_candle": Cause(
        "data",
        CROSS,
        420,
        QUICK,
        lambda seed: [{"fault": "late_candle", "interval": "1m", "every": 1, "by_ms": 50_000}],
    ),
    "dropped_trades": Cause(
        "data",
        READER,
        240,
        (),
        lambda seed: [{"fault": "drop", "stream": "trade", "probability": 0.98, "seed": seed}],
    ),
    "disconnect": Cause(
        "data",
        READER,
        130,
        (),
        lambda seed: [
            {"fault": "disconnect", "after_s": 60 * minute, "for_s": 360}
            for minute in range(5, 130, 10)
        ],
    ),
    "latency": Cause(
        "execution", CROSS, 420, QUICK, lambda seed: [{"fault": "latency", "by_ms": 45_000}]
    ),
    "partial_fill": Cause(
        "execution",
        CROSS,
        420,
        QUICK,
        lambda seed: [
            {"fault": "partial_fill", "every": 1, "fraction": 0.34, "remainder": "cancel"}
        ],
    ),
    "fee": Cause(
        "cost", CROSS, 420, QUICK, lambda seed: [{"fault": "fee", "by_bps": FEE_FAULT_BPS}], CENTS
    ),
    "lost_state": Cause("logic", APPRENTICE, 420),
}


def a_run_with(cause: Cause, venue: Path, *, seed: int) -> RunFolder:
    """Trade live with that one thing wrong, to the end of the market."""
    a_trending_market(venue, seed=seed, minutes=cause.minutes)
    strategy = load_strategy(cause.strategy, dict(cause.parameters))
    return a_live_run(venue, strategy, faults=cause.faults(seed), assumed=cause.assumed)


def a_run_that_forgets(cause: Cause, venue: Path, *, seed: int, nursery: Nursery) -> RunFolder:
    """Kill the live process in the middle of its trading, then go on without what it knew.

    Virtual time stands still while no client is there, so almost no time is lost: only state.
    """
    a_trending_market(venue, seed=seed, minutes=cause.minutes)
    dataset = Store(venue / "data").dataset("made")
    config = config_from_profile(
        cause.assumed,
        ES,
        start_ns=START_NS,
        starting_balance=Decimal(1_000_000),
        truth_path=str(venue / "truth.jsonl"),
    )
    minute = random.Random(seed).randrange(cause.minutes * 2 // 5, cause.minutes * 3 // 5)
    with ThreadedServer(config, dataset.batches(delay_ns=0)) as server:
        nursery.send_and_kill(
            venue, server.http_url, cause.strategy, kill_ns=START_NS + minute * MINUTE
        )
        run = Runs(venue / "runs").find("last")
        resume(run, access=VenueAccess(server.http_url, KEY, SECRET), fresh=True)
    return run


class Nursery:
    """Starts live clients, each a process of its own, that are killed at their work."""

    def __enter__(self) -> Nursery:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, str(DOOMED)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                # Threads do not survive a fork.
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def send_and_kill(self, folder: Path, url: str, strategy: str, *, kill_ns: int) -> None:
        """Trade until the client is killed at that venue time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(folder), url, strategy, kill_ns]) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == str(-signal.SIGKILL)


def handed_over(run: RunFolder, venue: Path, desk: Path) -> RunFolder:
    """Copy the run's folder and the store to a place of their own; the venue's is deleted."""
    shutil.copytree(run.path, desk / "runs" / run.run_id)
    shutil.copytree(venue / "data", desk / "data")
    shutil.rmtree(venue)
    return Runs(desk / "runs").find(run.run_id)
