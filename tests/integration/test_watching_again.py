"""A paper or shadow run whose process stopped goes on: its orders rested, its market was missed."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_world import LIMITS, PROFILE, SECOND, Killed, dies_after
from tests.support.worlds import SYMBOL
from tieout.errors import InputError

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tests.integration.test_downtime import time_passes
from tests.integration.test_paper_and_shadow import (
    ON_MARGIN,
    a_venue,
    example,
    with_margin,
    world,
)
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import RunFolder, Runs
from tieout.journal import JournalReader
from tieout.model.events import Fill, MarginWarned, OrderImposed, RunResumed
from tieout.strategy import load_strategy
from tieout.wiring import paper, reconcile, replay, resume, shadow

__all__ = ["world"]

MINUTE = 60 * SECOND
RESTING = f'''
from tieout import Strategy

class Resting(Strategy):
    """Rests a limit below and a stop above once, and never looks again."""

    def on_start(self, context):
        context.bars("{SYMBOL}", "1m")
        self.bars = 0

    def on_bar(self, context, bar):
        self.bars += 1
        if self.bars == 5:
            context.buy("{SYMBOL}", units=2, limit=bar.close - 5)
            context.buy("{SYMBOL}", units=3, stop=bar.close + 5)
            context.sell("{SYMBOL}", units=1, limit=bar.close + 500)
'''


def on_paper_twice(
    world: Path, strategy: Any, *, after: int, down_ns: int, fresh: bool = False, **settings: Any
) -> RunFolder:
    """Trade on paper, die, stay away, come back, trade to the end."""
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        with dies_after(after), pytest.raises(Killed):
            paper(
                strategy,
                access=access,
                store=world / "data",
                data=["made"],
                runs=runs,
                **{"profile": PROFILE, "limits": LIMITS, **settings},
            )
        if down_ns:
            asyncio.run(time_passes(access.url, down_ns))
        resume(runs.find("last"), access=access, store=world / "data", fresh=fresh)
    return runs.find("last")


def records(run: RunFolder) -> list[Any]:
    return [each.record for each in JournalReader(RealDisk(), str(run.journal))]


@pytest.mark.parametrize(
    ("strategy", "after"),
    [
        ("moving_average_cross.py", 1_500),
        ("trade_follower.py", 3_217),
        ("guarded_pullback.py", 5_003),
        pytest.param("moving_average_cross.py", 5_003, marks=pytest.mark.nightly),
        pytest.param("trade_follower.py", 1_500, marks=pytest.mark.nightly),
        pytest.param("guarded_pullback.py", 1_500, marks=pytest.mark.nightly),
        pytest.param("guarded_pullback.py", 3_217, marks=pytest.mark.nightly),
    ],
)
def test_a_paper_run_that_was_killed_goes_on(world: Path, strategy: str, after: int) -> None:
    run = on_paper_twice(world, example(strategy), after=after, down_ns=10 * MINUTE)

    facts = reconcile(run, store=world / "data").facts()

    assert replay(run, store=world / "data").identical
    fills = [each for each in records(run) if isinstance(each, Fill)]
    assert max(Counter((each.decision_id, each.trade_id) for each in fills).values()) == 1
    (back,) = (each for each in records(run) if isinstance(each, RunResumed))
    assert fills[-1].arrival_time_ns > back.arrival_time_ns
    # What being away cost is logic; the market and the model of the venue are the same.
    assert facts["steps"]["logic"] == facts["difference"]
    assert facts["steps"]["unexplained"] == "0.00"


def test_a_paper_run_on_margin_goes_on_with_its_position_watched(
    world: Path, tmp_path: Path
) -> None:
    file = tmp_path / "on_margin.py"
    file.write_text(ON_MARGIN)

    run = on_paper_twice(
        world,
        load_strategy(str(file)),
        after=1_300,
        down_ns=10 * MINUTE,
        profile=with_margin(warning_ratio=Decimal("0.97")),
        cash=Decimal(15_000),
    )

    told = records(run)
    back = next(place for place, each in enumerate(told) if isinstance(each, RunResumed))
    held = sum(each.side * each.lots for each in told[:back] if isinstance(each, Fill))
    assert held == 300
    after = [each for each in told[back:] if isinstance(each, Fill | OrderImposed | MarginWarned)]
    warned, imposed, closing = after[:3]
    assert isinstance(warned, MarginWarned)
    assert isinstance(imposed, OrderImposed)
    assert isinstance(closing, Fill)
    assert (warned.position_lots, imposed.order.lots, closing.lots) == (300, 300, 300)
    facts = reconcile(run, store=world / "data").facts()
    assert facts["steps"]["logic"] == facts["difference"]
    assert facts["steps"]["unexplained"] == "0.00"
    assert replay(run, store=world / "data").identical


def test_a_fresh_strategy_forgets_and_its_orders_stay(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "resting.py"
    file.write_text(RESTING)

    run = on_paper_twice(
        world, load_strategy(str(file), {}), after=530, down_ns=40 * MINUTE, fresh=True
    )

    names = Counter(type(each).__name__ for each in records(run))
    # It counts bars anew, and what it wishes on rows that were fetched is too old to leave.
    assert names["PlaceOrder"] + names["OrderDenied"] == 6
    assert {each.lots for each in records(run) if isinstance(each, Fill)} == {2, 3}
    assert replay(run, store=world / "data").identical


def test_a_shadow_run_goes_on_from_its_own_positions(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        with dies_after(4_000), pytest.raises(Killed):
            shadow(
                example("hourly_rebalance.py"), access=access, store=world / "data",
                data=["made"], profile=PROFILE, limits=LIMITS, runs=runs,
            )  # fmt: skip
        result = resume(runs.find("last"), access=access, store=world / "data")
    run = runs.find("last")

    assert run.manifest().kind == "shadow"
    assert result.fills > 0
    assert Decimal(reconcile(run, store=world / "data").facts()["difference"]) == 0
    assert replay(run, store=world / "data").identical


def test_what_cannot_go_on_says_so(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        with dies_after(30), pytest.raises(Killed):
            paper(
                example("moving_average_cross.py"), access=access, store=world / "data",
                data=["made"], profile=PROFILE, limits=LIMITS, runs=runs,
            )  # fmt: skip
        with pytest.raises(InputError, match="name the folder of its data store"):
            resume(runs.find("last"), access=access)
        with pytest.raises(InputError):
            resume(runs.find("last"), access=access, store=world / "nowhere")
        resume(runs.find("last"), access=access, store=world / "data")
        with pytest.raises(InputError, match="has ended"):
            resume(runs.find("last"), access=access, store=world / "data")
