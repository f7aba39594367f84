"""Compiled strategies through every command: live, paper, shadow, twin, ladder and replay."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tests.support.commands import as_json, in_this_process
from tests.support.live_world import LIMITS, PROFILE, START_NS, Killed, a_market, dies_after
from tests.support.worlds import ES
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import RunFolder, Runs
from tieout.adapters.venues.practice import StopRule, ThreadedServer, config_from_profile
from tieout.history import Store
from tieout.journal import JournalReader, Kind
from tieout.model.events import Fill, RunResumed
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
SUPPORT = Path(__file__).parents[1] / "support"
FILES = {
    "cross": EXAMPLES / "compiled_cross.py",
    "quotes": SUPPORT / "compiled_quotes.py",
    "prints": SUPPORT / "compiled_prints.py",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    a_market(folder, rows=14_000)
    (folder / "strategies").mkdir()
    (folder / "tieout.toml").write_text(
        f'[risk]\norder_notional_max = "{LIMITS.order_notional_max}"\n'
        f'position_notional_max = "{LIMITS.position_notional_max}"\n'
    )
    for file in FILES.values():
        shutil.copyfile(file, folder / "strategies" / file.name)
    return folder


@contextmanager
def a_venue(world: Path) -> Iterator[str]:
    config = config_from_profile(
        PROFILE,
        ES,
        start_ns=START_NS,
        starting_balance=Decimal(1_000_000),
        stop_rule=StopRule.ACCEPT,
        truth_path=str(world / "truth.jsonl"),
    )
    market = Store(world / "data").dataset("made").batches(delay_ns=0)
    with ThreadedServer(config, market) as venue:
        yield venue.http_url


def words_of(name: str) -> tuple[str, ...]:
    file = f"strategies/{FILES[name].name}"
    return file, "--data", "made", "--profile", PROFILE.name


def records_of(run: RunFolder) -> list[Any]:
    return [each.record for each in JournalReader(RealDisk(), str(run.journal))]


def decisions_of(run: RunFolder) -> int:
    entries = JournalReader(RealDisk(), str(run.journal))
    return sum(each.kind is Kind.DECISION for each in entries)


def ties_out(world: Path, run: RunFolder) -> dict[str, Any]:
    """Reconcile and replay by commands; return what reconcile says."""
    facts: dict[str, Any] = as_json("reconcile", run.run_id, folder=world)
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    replayed = as_json("replay", run.run_id, "--verify", folder=world)
    assert replayed["identical"]
    assert replayed["decisions"] == decisions_of(run)
    return facts


def traded(run: RunFolder) -> list[tuple[str, int, int, int]]:
    """Return what was filled, by whom and when, without what names the run."""
    return [
        (each.decision_id, each.lots, each.price_ticks, each.venue_time_ns)
        for each in records_of(run)
        if isinstance(each, Fill)
    ]


@pytest.mark.parametrize("name", FILES)
def test_a_live_run_is_its_twin_and_its_replay(world: Path, name: str) -> None:
    with a_venue(world) as url:
        said = as_json("live", *words_of(name), "--venue", url, folder=world)
    run = Runs(world / "runs").find(said["run"])

    facts = ties_out(world, run)
    twin = as_json("twin", run.run_id, folder=world)

    assert len(traded(run)) > 5
    assert said["fills"] == twin["fills"] == facts["rungs"][4]["fills"] == len(traded(run))
    # The twin was one run in compiled code; the live one took a row at a time.
    assert traded(Runs(world / "runs").find(twin["run"])) == traded(run)


@pytest.mark.parametrize(
    ("command", "name"), [("paper", "quotes"), ("paper", "prints"), ("shadow", "cross")]
)
def test_a_run_that_watches_ties_out(world: Path, command: str, name: str) -> None:
    with a_venue(world) as url:
        said = as_json(command, *words_of(name), "--venue", url, folder=world)
    run = Runs(world / "runs").find(said["run"])

    ties_out(world, run)
    twin = as_json("twin", run.run_id, folder=world)

    assert said["fills"] == len(traded(run)) > 3
    assert traded(Runs(world / "runs").find(twin["run"])) == traded(run)


@pytest.mark.parametrize("name", FILES)
def test_a_backtest_in_compiled_code_replays_in_a_fresh_process(world: Path, name: str) -> None:
    said = as_json("backtest", *words_of(name), folder=world)
    run = Runs(world / "runs").find(said["run"])

    replayed = as_json(
        "replay", run.run_id, "--verify", "--chunk", "7", folder=world, PYTHONHASHSEED="7"
    )

    assert replayed["identical"]
    assert replayed["decisions"] == decisions_of(run) > 5
    assert said["fills"] == len(traded(run))


def test_every_kind_of_wish_was_among_them(world: Path) -> None:
    said = as_json("backtest", *words_of("quotes"), folder=world)
    records = records_of(Runs(world / "runs").find(said["run"]))

    placed = {each.order_type for each in records if isinstance(each, PlaceOrder)}

    assert placed == {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET}
    assert any(isinstance(each, CancelOrder) for each in records)


@pytest.mark.parametrize(("name", "answers"), [("cross", 60), ("quotes", 60), ("prints", 2_000)])
def test_a_killed_run_goes_on_with_what_the_function_remembers(
    world: Path, name: str, answers: int
) -> None:
    with a_venue(world) as url:
        with dies_after(answers), pytest.raises(Killed):
            as_json("live", *words_of(name), "--venue", url, folder=world)
        said = as_json("live", "--resume", "last", "--venue", url, folder=world)
    run = Runs(world / "runs").find(said["run"])

    assert any(isinstance(each, RunResumed) for each in records_of(run))
    assert len(traded(run)) > 3
    replayed = as_json("replay", run.run_id, "--verify", folder=world)
    assert replayed["identical"]
    # The time in which it was down is a break, and no more than that.
    reconciled = in_this_process("reconcile", run.run_id, "--json", folder=world)
    facts = json.loads(reconciled.stdout)
    assert facts["steps"]["unexplained"] == "0.00"
