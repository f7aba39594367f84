"""Kill the live process at random moments: nothing is sent twice, no fill is lost or doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_world import LIMITS, PROFILE, START_NS, a_market
from tests.support.worlds import ES
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.journal import JournalReader
from tieout.model.events import Fill, RunResumed
from tieout.wiring import reconcile, replay

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tieout.adapters.venues.practice import ThreadedServer, config_from_profile

EXAMPLES = Path(__file__).parents[2] / "examples"
KILLS_A_RUN = 5


def tieout(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from tieout.cli import main; main()", *words, "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def run_with_kills(folder: Path, seed: int) -> int:
    """Run live, killed again and again, to the end; return how many kills hit a running process."""
    draw = random.Random(seed)
    dataset = a_market(folder, seed=seed, rows=12_000)
    (folder / "tieout.toml").write_text(
        f'[risk]\norder_notional_max = "{LIMITS.order_notional_max}"\n'
        f'position_notional_max = "{LIMITS.position_notional_max}"\n'
    )
    shutil.copyfile(EXAMPLES / "trade_follower.py", folder / "trade_follower.py")
    config = config_from_profile(
        PROFILE, ES, start_ns=START_NS, truth_path=str(folder / "truth.jsonl"),
        starting_balance=Decimal(1_000_000),
    )  # fmt: skip
    kills = 0
    with ThreadedServer(config, dataset.batches(delay_ns=0)) as venue:
        where = ("--venue", venue.http_url)
        words = ("live", "trade_follower.py", "--data", "made", "--profile", PROFILE.name, *where)
        while True:
            client = tieout(folder, *words)
            if kills < KILLS_A_RUN:
                journal_grows(folder, client)
                time.sleep(draw.uniform(0, 0.4))
                client.send_signal(signal.SIGKILL)
                client.communicate()
                if client.returncode == -signal.SIGKILL:
                    kills += 1
                    words = ("live", "--resume", "last", *where)
                    continue
            output, errors = client.communicate(timeout=120)
            assert client.returncode == 0, errors + output
            return kills


def journal_grows(folder: Path, client: subprocess.Popen[str]) -> None:
    """Wait until this process writes, so that the kill hits it at work and not at its imports."""
    before = journal_bytes(folder)
    deadline = time.monotonic() + 60
    while client.poll() is None and journal_bytes(folder) == before:
        assert time.monotonic() < deadline, "the client writes nothing"
        time.sleep(0.01)


def journal_bytes(folder: Path) -> int:
    # Of a run that was started: one that was killed before that cannot be gone on with.
    return sum(
        each.stat().st_size
        for each in folder.glob("runs/*/journal/*.tio")
        if (each.parent.parent / "snapshot.json").is_file()
    )


def check(folder: Path) -> None:
    """Compare the journal with the venue's own log, and replay the whole of it."""
    run = Runs(folder / "runs").find("last")
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    reader = JournalReader(RealDisk(), str(run.journal))
    sent = [each for each in truth if created(each)]
    ids = [client_id(each) for each in sent]
    assert len(ids) == len(set(ids)), "an order was sent twice"
    booked = [each for each in reader.inputs() if isinstance(each, Fill)]
    ours = sorted((each.trade_id, each.lots, each.price_ticks) for each in booked)
    assert len({each[0] for each in ours}) == len(ours)
    theirs = sorted(fill_of(each) for each in truth if each["kind"] == "fill")
    assert [each[0] for each in ours] == [each[0] for each in theirs]
    assert sum(isinstance(each, RunResumed) for each in reader.inputs()) >= 1
    assert replay(run, store=folder / "data").identical
    facts = reconcile(run, store=folder / "data").facts()
    assert facts["steps"]["unexplained"] == "0.00"


def created(line: dict[str, Any]) -> bool:
    return bool(line["kind"] == "order_received")


def client_id(line: dict[str, Any]) -> str:
    parameters = line["parameters"]
    return str(parameters.get("newClientOrderId") or parameters["clientAlgoId"])


def fill_of(line: dict[str, Any]) -> tuple[str, int]:
    return str(line["fill_id"]), int(line["lots"])


@pytest.mark.parametrize("seed", [1, 2])
def test_ten_kills_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    assert run_with_kills(tmp_path, seed) == KILLS_A_RUN
    check(tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 112))
def test_fifty_kills_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    assert run_with_kills(tmp_path, seed) == KILLS_A_RUN
    check(tmp_path)
