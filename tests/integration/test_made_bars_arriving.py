"""Bars that we make of a market that arrives: paper is its twin to the cent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_paper_and_shadow import on_paper, world
from tests.support.worlds import SYMBOL
from tieout.adapters.storage.disk import RealDisk
from tieout.journal import JournalReader
from tieout.model.events import Bar, Trade
from tieout.reconcile import compare_runs
from tieout.strategy import load_strategy
from tieout.wiring import ladder, reconcile, replay

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["world"]

STRATEGY = f'''
from tieout import Strategy

class OnMade(Strategy):
    size: str = "5m"
    made_of: str = "trades"
    running: str = "30s"

    def on_start(self, context):
        made = context.bars("{SYMBOL}", self.size, made_of=self.made_of, running=self.running)
        self.mean = context.indicator("sma", made, 3)

    def on_bar(self, context, bar):
        if self.mean.ready:
            context.target(bar.instrument, units=bar.close_ticks % 2)

    def on_running_bar(self, context, bar):
        if self.mean.ready and bar.close < 0.9995 * self.mean.value:
            context.target(bar.instrument, units=0)
'''


def on_made(world: Path, **parameters: Any) -> Any:
    file = world / "on_made.py"
    file.write_text(STRATEGY)
    return load_strategy(str(file), parameters)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slice_ns", "parameters"),
    [
        (0, {}),
        (70_000_000, {"size": "1m", "running": "trade"}),
        (0, {"size": "5m", "made_of": "1m"}),
        (1_000_000, {"size": "200 trades", "running": "1s"}),
    ],
)
def test_paper_on_made_bars_is_its_twin_to_the_cent(
    world: Path, slice_ns: int, parameters: dict[str, str]
) -> None:
    run = on_paper(world, on_made(world, **parameters), slice_ns=slice_ns)

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    assert len(rungs[4].fills) > 3
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert facts["difference"] == "0.00"
    assert facts["breaks"] == []
    assert replay(run, store=world / "data").identical


@pytest.mark.slow
def test_what_bars_are_made_of_is_in_the_journal(world: Path) -> None:
    run = on_paper(world, on_made(world))

    inputs = list(JournalReader(RealDisk(), str(run.journal)).inputs())

    assert sum(isinstance(each, Trade) for each in inputs) > 5_000
    assert sum(isinstance(each, Bar) and each.running for each in inputs) > 100
    assert {each.rule for each in inputs if isinstance(each, Bar)} == {"5m@trades"}
