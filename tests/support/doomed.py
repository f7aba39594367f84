"""Live clients that die, as by a power cut, at a given venue time.

The signal cannot be caught: nothing is closed, cancelled or written any more. Each client is a
process of its own, forked from this one, so that the seconds its imports take are paid once.

    stdin    one JSON list a line: folder, venue's address, strategy file, time of death in ns
    stdout   one line for each: how the client ended, as an exit code
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.live_world import LIMITS, PROFILE
from tieout.adapters.storage.runs import Runs
from tieout.adapters.venues import exchange
from tieout.adapters.venues.exchange.client import import_library
from tieout.strategy import load_strategy
from tieout.wiring import VenueAccess, live

if TYPE_CHECKING:
    from tieout.kernel.ports import Inputs


class DoomedGateway(exchange.ExchangeGateway):
    """Kills the process before the kernel sees anything of the last moment or after."""

    kill_ns: int

    def next(self, deadline_ns: int | None) -> Inputs | None:
        given = super().next(deadline_ns)
        if given is not None and given.events[-1].arrival_time_ns >= self.kill_ns:
            os.kill(os.getpid(), signal.SIGKILL)
        return given


def trade(folder: Path, url: str, strategy: str, kill_ns: int) -> None:
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


def main() -> None:
    import_library()
    for line in sys.stdin:
        folder, url, strategy, kill_ns = json.loads(line)
        client = os.fork()
        if client == 0:
            trade(Path(folder), url, strategy, kill_ns)
            sys.exit(0)
        _, status = os.waitpid(client, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
