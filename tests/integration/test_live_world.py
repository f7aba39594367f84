"""The loop closed: live on the practice venue through ccxt, twin, replay, ladder, statement."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.live_world import a_live_run, a_market
from tieout.reconcile.matching import compare_runs
from tieout.strategy import load_strategy
from tieout.wiring import ladder, reconcile, replay

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, **parameters: Any) -> Any:
    return load_strategy(str(EXAMPLES / name), parameters)


def reconciled(folder: Path, run: RunFolder) -> dict[str, Any]:
    facts: dict[str, Any] = reconcile(run, store=folder / "data").facts()
    total = sum(Decimal(each) for each in facts["steps"].values())
    assert total == Decimal(facts["difference"])
    for step in ("execution", "cost"):
        parts = sum(Decimal(each) for each in facts[f"{step}_parts"].values())
        assert parts == Decimal(facts["steps"][step])
    return facts


def share(facts: dict[str, Any], step: str) -> Decimal:
    """Return which part of all that the steps moved lies in one step."""
    moved = {name: abs(Decimal(each)) for name, each in facts["steps"].items()}
    return moved[step] / sum(moved.values())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    a_market(folder)
    return folder


@pytest.mark.parametrize(
    "strategy",
    [
        "moving_average_cross.py",
        "hourly_rebalance.py",
        "breakout_with_stop.py",
        "buy_the_dip.py",
        "guarded_pullback.py",
    ],
)
def test_without_faults_live_and_twin_are_the_same_to_the_cent(world: Path, strategy: str) -> None:
    run = a_live_run(world, example(strategy))

    facts = reconciled(world, run)
    rungs = ladder(run, store=world / "data")

    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert len(rungs[4].fills) > 5
    comparison = compare_runs(rungs[0], rungs[4])
    assert not comparison.discrepancies
    assert replay(run, store=world / "data").identical


def test_a_fee_above_the_model_lands_in_cost_to_the_cent(world: Path) -> None:
    run = a_live_run(
        world, example("moving_average_cross.py"), faults=[{"fault": "fee", "by_bps": 1.0}]
    )

    facts = reconciled(world, run)

    traded = sum(
        each.lots * each.price_ticks for each in ladder(run, store=world / "data")[4].fills
    )
    expected = -(Decimal(traded) / 4 * Decimal("0.0001"))
    assert Decimal(facts["difference"]) == expected
    assert Decimal(facts["cost_parts"]["commission"]) == expected
    assert share(facts, "cost") == 1


def test_latency_lands_in_execution(world: Path) -> None:
    run = a_live_run(
        world,
        example("moving_average_cross.py"),
        faults=[{"fault": "latency", "by_ms": 20_000}],
    )
    facts = reconciled(world, run)
    assert Decimal(facts["difference"]) != 0
    assert share(facts, "execution") >= Decimal("0.95")


def test_late_candles_land_in_data(world: Path) -> None:
    run = a_live_run(
        world,
        example("moving_average_cross.py"),
        faults=[{"fault": "late_candle", "interval": "1m", "every": 1, "by_ms": 20_000}],
    )
    facts = reconciled(world, run)
    assert Decimal(facts["difference"]) != 0
    assert share(facts, "data") >= Decimal("0.95")


def test_dropped_trades_land_in_data(world: Path) -> None:
    run = a_live_run(
        world,
        example("trade_follower.py"),
        faults=[{"fault": "drop", "stream": "trade", "probability": 0.3, "seed": 1}],
    )
    facts = reconciled(world, run)
    assert Decimal(facts["difference"]) != 0
    assert share(facts, "data") >= Decimal("0.95")


def test_a_hidden_transfer_is_unexplained_to_the_cent(world: Path) -> None:
    run = a_live_run(
        world,
        example("moving_average_cross.py"),
        faults=[{"fault": "hidden_transfer", "after_s": 1800, "amount": 12.34}],
    )
    facts = reconciled(world, run)
    assert facts["steps"]["unexplained"] == "12.34"
    assert facts["difference"] == "12.34"


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "disconnect", "after_s": 1800, "for_s": 30},
        {"fault": "partial_fill", "nth": 3, "fraction": 0.5, "remainder": "cancel"},
        {"fault": "reject", "nth": 5, "code": -2019, "message": "Margin is insufficient."},
        {"fault": "timeout_placed", "nth": 4, "cut_after_ms": 5000},
        {"fault": "timeout_not_placed", "nth": 4, "cut_after_ms": 5000},
        {"fault": "duplicate", "stream": "user"},
    ],
    ids=lambda fault: fault["fault"],
)
def test_with_any_fault_the_run_replays_and_nothing_is_unexplained(
    world: Path, fault: dict[str, object]
) -> None:
    run = a_live_run(world, example("moving_average_cross.py", units=4), faults=[fault])

    facts = reconciled(world, run)

    assert facts["steps"]["unexplained"] == "0.00"
    assert replay(run, store=world / "data").identical
