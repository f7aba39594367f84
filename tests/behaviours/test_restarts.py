"""What a process that stops leaves behind, and finds again."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tests.integration.test_paper_and_shadow import world
from tests.integration.test_watching_again import MINUTE, RESTING, on_paper_twice, records
from tieout.model.events import Fill, RunResumed
from tieout.reconcile import compare_runs
from tieout.strategy import load_strategy
from tieout.wiring import ladder, reconcile

__all__ = ["world"]


def test_n58_orders_that_rest_on_paper_survive_a_restart(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "resting.py"
    file.write_text(RESTING)
    strategy = load_strategy(str(file), {})

    # The fifth bar is known after five minutes and three seconds.
    run = on_paper_twice(world, strategy, after=530, down_ns=40 * MINUTE)

    (back,) = (each for each in records(run) if isinstance(each, RunResumed))
    fills = [each for each in records(run) if isinstance(each, Fill)]
    assert {each.lots for each in fills} == {2, 3}
    for fill in fills:
        assert back.down_since_ns < fill.venue_time_ns < back.arrival_time_ns
        assert fill.arrival_time_ns >= back.arrival_time_ns
    rungs = ladder(run, store=world / "data")
    prices = [[(f.lots, f.price_ticks, f.venue_time_ns) for f in each.fills] for each in rungs]
    assert prices[0] == prices[4]
    assert [len(each.orders) for each in rungs] == [3] * 5
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert reconcile(run, store=world / "data").facts()["difference"] == "0.00"
