"""The process is down for a while: what that cost is logic, and nothing else."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_made_bars_arriving import on_made
from tests.support.live_world import (
    LIMITS,
    PROFILE,
    SECOND,
    START_NS,
    Killed,
    a_market,
    dies_after,
)
from tests.support.worlds import ES
from tieout.adapters.storage.runs import Runs
from tieout.strategy import load_strategy
from tieout.wiring import VenueAccess, live, reconcile, replay, resume

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from aiohttp import ClientSession

from tieout.adapters.clocks import ClockSocket
from tieout.adapters.venues.practice import StopRule, ThreadedServer, config_from_profile

EXAMPLES = Path(__file__).parents[2] / "examples"
MINUTE = 60 * SECOND


async def time_passes(url: str, by_ns: int) -> None:
    """Move the venue's time on while nobody trades."""
    async with ClientSession() as session:
        clock = await ClockSocket.open(session, f"{url}/practice/v1/clock")
        assert clock is not None
        until_ns = (await clock.hello()).now_ns + by_ns
        while (await clock.advance(until_ns, 0)).now_ns < until_ns:
            pass
        await clock.close()


def an_interrupted_run(
    folder: Path, strategy: Any, *, after: int, down_ns: int, fresh: bool = False
) -> RunFolder:
    """Trade, die, stay away, come back, trade to the end."""
    dataset = a_market(folder)
    config = config_from_profile(
        PROFILE,
        ES,
        start_ns=START_NS,
        starting_balance=Decimal(1_000_000),
        stop_rule=StopRule.ACCEPT,
        truth_path=str(folder / "truth.jsonl"),
    )
    runs = Runs(folder / "runs")
    with ThreadedServer(config, dataset.batches(delay_ns=0)) as venue:
        access = VenueAccess(venue.http_url, "practice-key", "practice-secret")
        with dies_after(after), pytest.raises(Killed):
            live(
                strategy, access=access, store=folder / "data", data=["made"], profile=PROFILE,
                limits=LIMITS, runs=runs,
            )  # fmt: skip
        if down_ns:
            asyncio.run(time_passes(venue.http_url, down_ns))
        resume(runs.find("last"), access=access, fresh=fresh)
    return runs.find("last")


def facts_of(folder: Path, run: RunFolder) -> dict[str, Any]:
    assert replay(run, store=folder / "data").identical
    return reconcile(run, store=folder / "data").facts()


@pytest.mark.parametrize(
    ("strategy", "after"),
    [
        ("moving_average_cross.py", 60),
        ("hourly_rebalance.py", 60),
        ("trade_follower.py", 60),
        ("guarded_pullback.py", 95),
        ("guarded_pullback.py", 150),
    ],
)
def test_time_away_costs_logic_and_nothing_else(tmp_path: Path, strategy: str, after: int) -> None:
    loaded = load_strategy(str(EXAMPLES / strategy), {})

    run = an_interrupted_run(tmp_path, loaded, after=after, down_ns=25 * MINUTE)

    facts = facts_of(tmp_path, run)
    steps = facts["steps"]
    assert Decimal(facts["difference"]) != 0
    assert steps["logic"] == facts["difference"]
    assert {steps[each] for each in ("data", "execution", "cost", "unexplained")} == {"0.00"}
    assert {name for name, amount in facts["logic_parts"].items() if Decimal(amount)} <= {
        "downtime",
        "model_error",
    }


@pytest.mark.parametrize(
    ("after", "parameters"),
    [
        (40, {}),
        (95, {"size": "1m", "running": "trade"}),
        (150, {"size": "200 trades", "running": "1s"}),
        (95, {"size": "5m", "made_of": "1m"}),
    ],
)
def test_time_away_from_bars_that_we_make_is_no_fault_of_the_data(
    tmp_path: Path, after: int, parameters: dict[str, str]
) -> None:
    loaded = on_made(tmp_path, **parameters)

    run = an_interrupted_run(tmp_path, loaded, after=after, down_ns=25 * MINUTE)

    facts = facts_of(tmp_path, run)
    assert Decimal(facts["difference"]) != 0
    assert facts["steps"]["logic"] == facts["difference"]
    assert set(facts["logic_parts"]) >= {"downtime"}


def test_a_short_absence_in_which_nothing_happened_costs_nothing(tmp_path: Path) -> None:
    loaded = load_strategy(str(EXAMPLES / "moving_average_cross.py"), {})

    run = an_interrupted_run(tmp_path, loaded, after=60, down_ns=0)

    facts = facts_of(tmp_path, run)
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
