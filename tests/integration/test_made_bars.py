"""A strategy on bars that we make: backtest, replay and twin agree, sliced or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.worlds import ES, SYMBOL, T0
from tests.unit.feeds.arriving import disordered
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import InputError
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.columns import TradeColumns
from tieout.strategy import load_strategy
from tieout.wiring import backtest, replay, twin

STRATEGY = f'''
from tieout import Strategy

class OnMade(Strategy):
    gaps: str = "skip"

    def on_start(self, context):
        self.short = context.bars("{SYMBOL}", "5s", made_of="trades", gaps=self.gaps, warm_up=4)
        context.bars("{SYMBOL}", "1m", running="trade")
        context.bars("{SYMBOL}", "30 trades")
        self.mean = context.indicator("sma", self.short, 3)

    def on_bar(self, context, bar):
        context.target(bar.instrument, units=bar.close_ticks % 4)

    def on_running_bar(self, context, bar):
        if bar.trades % 7 == 0 and self.mean.ready:
            context.target(bar.instrument, units=1 if bar.close > self.mean.value else 0)
'''


@pytest.fixture
def world(tmp_path: Path) -> Path:
    trades = [disordered(seed, rows=800) for seed in range(3)]
    time = np.sort(np.concatenate([each.venue_time_ns for each in trades]))
    rows = len(time)
    price = np.concatenate([each.price_ticks for each in trades])
    columns = TradeColumns(
        SYMBOL, time, time, price, np.full(rows, 5), np.zeros(rows, np.int8), np.arange(1, rows + 1)
    )
    Store(tmp_path / "data").write_trades("made", ES, [columns], source="test")
    (tmp_path / "on_made.py").write_text(STRATEGY)
    return tmp_path


def run_of(world: Path, **settings: Any) -> Any:
    runs = Runs(world / "runs")
    loaded = load_strategy(str(world / "on_made.py"), settings.pop("parameters", {}))
    start_ns = T0 + 60 * 10**9
    result = backtest(
        loaded, store=world / "data", data=["made"], runs=runs, start_ns=start_ns, **settings
    )
    return runs.find(result.run_id), result


def decisions(run: Any) -> list[Any]:
    return list(JournalReader(RealDisk(), str(run.journal)).decisions())


@pytest.mark.parametrize("slice_ns", [0, 70_000_000])
@pytest.mark.parametrize("gaps", ["skip", "fill", "halt"])
def test_a_run_on_made_bars_replays_and_its_twin_is_itself(
    world: Path, gaps: str, slice_ns: int
) -> None:
    run, result = run_of(world, parameters={"gaps": gaps}, slice_ns=slice_ns)
    again, _ = run_of(world, parameters={"gaps": gaps}, slice_ns=slice_ns)
    runs = Runs(world / "runs")
    mirrored = twin(run, store=world / "data", runs=runs)

    assert result.failure == ""
    assert len(decisions(run)) > (20 if gaps != "halt" else 0)
    assert decisions(run) == decisions(again) == decisions(runs.find(mirrored.run_id))
    assert replay(run, store=world / "data").difference is None
    assert run.manifest().slice_ns == slice_ns


def test_slices_change_what_is_decided_and_when(world: Path) -> None:
    plain, result = run_of(world)
    sliced, other = run_of(world, slice_ns=70_000_000)

    assert result.orders > 100
    assert other.orders > 100
    assert decisions(plain) != decisions(sliced)


@pytest.mark.parametrize("slice_ns", [-1, 1_000_000_001])
def test_slices_out_of_range_are_refused_before_a_run_is_made(world: Path, slice_ns: int) -> None:
    with pytest.raises(InputError, match="slices of"):
        run_of(world, slice_ns=slice_ns)
    assert not (world / "runs").exists() or not list((world / "runs").iterdir())
