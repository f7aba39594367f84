"""A live client in a process of its own that dies, as by a power cut, at a given venue time.

The signal cannot be caught: nothing is closed, cancelled or written any more.

    python doomed.py FOLDER VENUE_URL STRATEGY KILL_NS
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.live_world import LIMITS, PROFILE
from tieout.adapters.storage.runs import Runs
from tieout.adapters.venues.exchange import ExchangeGateway
from tieout.strategy import load_strategy
from tieout.wiring import VenueAccess, live

if TYPE_CHECKING:
    from tieout.kernel.ports import Inputs


class DoomedGateway(ExchangeGateway):
    """Kills the process before the kernel sees anything of the last moment or after."""

    kill_ns: int

    def next(self, deadline_ns: int | None) -> Inputs | None:
        given = super().next(deadline_ns)
        if given is not None and given.events[-1].arrival_time_ns >= self.kill_ns:
            os.kill(os.getpid(), signal.SIGKILL)
        return given


def main(folder: Path, url: str, strategy: str, kill_ns: int) -> None:
    from tieout.adapters.venues import exchange

    DoomedGateway.kill_ns = kill_ns
    # The wiring looks the gateway up by this name when the run starts.
    exchange.ExchangeGateway = DoomedGateway  # type: ignore[misc]
    live(
        load_strategy(strategy),
        access=VenueAccess(url, "practice-key", "practice-secret"),
        store=folder / "data",
        data=["made"],
        profile=PROFILE,
        limits=LIMITS,
        runs=Runs(folder / "runs"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
