"""A live run with faults, taken up again by commands in fresh processes."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tests.support.commands import as_json, in_this_process
from tests.support.live_world import a_live_run, a_market
from tieout.adapters.feeds.recorded import RecordedSource
from tieout.adapters.feeds.told import ToldSource
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import RunFolder, Runs
from tieout.journal import JournalReader, JournalWriter, Kind
from tieout.model.events import ClockReached
from tieout.strategy import load_strategy
from tieout.wiring import reconcile, replay

EXAMPLES = Path(__file__).parents[2] / "examples"
FAULTS: list[dict[str, object]] = [
    {"fault": "latency", "by_ms": 150},
    {"fault": "fee", "by_bps": 1.0},
    {"fault": "late_candle", "interval": "1m", "nth": 20, "by_ms": 45_000},
    {"fault": "partial_fill", "nth": 3, "fraction": 0.5, "remainder": "cancel"},
    {"fault": "disconnect", "after_s": 1800, "for_s": 30},
    {"fault": "reject", "nth": 5, "code": -2019, "message": "Margin is insufficient."},
    {"fault": "timeout_placed", "nth": 4, "cut_after_ms": 5000},
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    a_market(folder)
    return folder


def a_run(world: Path, name: str, faults: list[dict[str, object]]) -> RunFolder:
    """Trade live with a strategy's file inside of the project."""
    file = world / "strategies" / name
    file.parent.mkdir(exist_ok=True)
    shutil.copyfile(EXAMPLES / name, file)
    return a_live_run(world, load_strategy(str(file), {"units": 4}), faults=faults)


@pytest.fixture(scope="module")
def faulty(world: Path) -> RunFolder:
    return a_run(world, "moving_average_cross.py", FAULTS)


def entries_of(run: RunFolder) -> list[Any]:
    return list(JournalReader(RealDisk(), str(run.journal)))


@pytest.mark.parametrize(("seed", "chunk"), [("0", "7"), ("4711", "1048576")])
def test_the_live_run_with_faults_replays_in_a_fresh_process(
    world: Path, faulty: RunFolder, seed: str, chunk: str
) -> None:
    words = ("replay", faulty.run_id, "--verify", "--chunk", chunk)

    replayed = as_json(*words, folder=world, PYTHONHASHSEED=seed)

    decisions = sum(each.kind is Kind.DECISION for each in entries_of(faulty))
    assert replayed == {"identical": True, "decisions": decisions, "code_changed": False}
    assert decisions > 5


def test_a_changed_constant_is_named_by_its_first_decision(world: Path, faulty: RunFolder) -> None:
    file = world / "strategies" / "moving_average_cross.py"
    source = file.read_text()
    file.write_text(source.replace("rising = ", "rising = bar.close_ticks % 7 != 0 and "))
    try:
        replayed = in_this_process("replay", faulty.run_id, "--verify", "--json", folder=world)
    finally:
        file.write_text(source)

    assert replayed.returncode == 1, replayed.stderr
    facts = json.loads(replayed.stdout)
    assert facts["code_changed"]
    assert facts["difference"]["recorded"] != facts["difference"]["replayed"]
    assert "Bar(" in facts["difference"]["after"]


def test_a_live_journal_stripped_of_its_decisions_regenerates_them(
    world: Path, faulty: RunFolder
) -> None:
    entries = entries_of(faulty)
    stripped = world / "runs" / "stripped"
    (stripped / "journal").mkdir(parents=True)
    shutil.copyfile(faulty.path / "manifest.json", stripped / "manifest.json")
    writer = JournalWriter(RealDisk(), str(stripped / "journal"))
    for each in entries:
        if each.kind is Kind.INPUT:
            writer.input(each.record)
    writer.close()

    found = replay(Runs(world / "runs").find("stripped"), store=world / "data")

    shutil.rmtree(stripped)
    assert found.decisions == sum(each.kind is Kind.DECISION for each in entries)
    assert found.difference is not None
    assert (found.difference.index, found.difference.recorded) == (0, None)


def test_a_run_with_breaks_makes_reconcile_exit_with_1(world: Path, faulty: RunFolder) -> None:
    done = in_this_process("reconcile", faulty.run_id, "--json", folder=world)

    assert done.returncode == 1, done.stderr
    facts = json.loads(done.stdout)
    assert sum(map(Decimal, facts["steps"].values())) == Decimal(facts["difference"])
    for step in facts["steps"]:
        assert sum(map(Decimal, facts[f"{step}_parts"].values())) == Decimal(facts["steps"][step])
    assert facts["steps"]["unexplained"] == "0.00"
    kinds = {each["kind"] for each in facts["breaks"]}
    assert {"fee", "partial_fill", "rejected", "connection_gap"} <= kinds
    assert set(facts["metrics"]) >= {
        *("signal_match_rate", "fill_rate", "average_slippage_bps", "pnl_divergence"),
        "latency_p99_ms",
    }
    assert [each["rung"] for each in facts["rungs"]] == [0, 1, 2, 3, 4, 5]


def test_a_fault_free_run_ties_out_with_exit_0_and_its_twin_needs_no_recording(
    world: Path,
) -> None:
    run = a_run(world, "moving_average_cross.py", [])
    done = in_this_process("reconcile", run.run_id, "--json", folder=world)
    assert done.returncode == 0, done.stderr + done.stdout
    facts = json.loads(done.stdout)
    assert facts["difference"] == "0.00"
    assert facts["breaks"] == []
    with_recordings = as_json("twin", run.run_id, folder=world)

    shutil.move(run.journal, run.path / "moved")
    run.journal.mkdir()
    framing = [
        each.record
        for each in JournalReader(RealDisk(), str(run.path / "moved"))
        if type(each.record).__name__ in ("RunStarted", "RunEnded")
    ]
    writer = JournalWriter(RealDisk(), str(run.journal))
    for each in framing:
        writer.input(each)
    writer.close()
    without = as_json("twin", run.run_id, folder=world)

    def segment(twin: dict[str, Any]) -> bytes:
        [file] = (world / "runs" / twin["run"] / "journal").glob("*.tio")
        return file.read_bytes()

    assert {**without, "run": ""} == {**with_recordings, "run": ""}
    assert segment(without) == segment(with_recordings)
    assert with_recordings["fills"] == facts["rungs"][4]["fills"]


def test_the_report_of_a_live_run_is_the_tie_out(world: Path, faulty: RunFolder) -> None:
    written = as_json(
        "report", faulty.run_id, "--output", str(world / "out" / "page.html"), folder=world
    )

    page = Path(written["path"]).read_text()
    assert "From twin to live" in page
    assert "http" not in page
    assert [each.name for each in (world / "out").iterdir()] == ["page.html"]


def test_whoever_waits_is_told_how_far_the_rungs_are(world: Path, faulty: RunFolder) -> None:
    told: list[tuple[float, float | None]] = []

    reconcile(faulty, store=world / "data", progress=lambda *far: told.append(far))

    assert {total for _, total in told} == {4}
    shares = [done for done, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 4


def test_a_source_tells_the_time_since_its_first_input() -> None:
    told: list[tuple[float, float | None]] = []
    inputs = [ClockReached(arrival_time_ns=at, woke_at_ns=at) for at in (10**9, 4 * 10**9)]
    source = ToldSource(RecordedSource(inputs, group=1), lambda *far: told.append(far))

    while source.next(None) is not None:
        pass

    assert told == [(0.0, None), (3.0, None)]
