"""Commands work with a store in object storage as with a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import as_json, in_this_process
from tests.support.object_server import ObjectServer
from tests.unit.history.formats.files import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

BTC = ("--symbol", "BTC/USDT:USDT", "--tick", "0.01", "--lot", "0.001")
BARS = "BTCUSDT-1m-2024-01.csv"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a file of minute bars, and keys in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    (sample,) = (each for each in SAMPLES.values() if each.name == BARS)
    (tmp_path / BARS).write_bytes(sample.content())
    return tmp_path


def test_a_store_of_the_settings_may_be_a_url(project: Path) -> None:
    with ObjectServer() as server:
        (project / "tieout.toml").write_text(f'data = "{server.url("markets")}"\n')
        imported = as_json("import", BARS, "--name", "minutes", *BTC, folder=project)
        listed = as_json("data", "ls", folder=project)["data"]
        done = in_this_process("data", "verify", folder=project)
        shown = in_this_process("data", "show", "minutes", "--rows", "1", folder=project)

    assert [each["fingerprint"] for each in listed] == [imported["fingerprint"]]
    assert listed[0]["bytes"] > 0
    assert (done.returncode, done.stdout) == (0, "minutes  sound\n")
    assert "2024-01-01 00:00:00.000000000  2024-01-01 00:01:00.000000000  100.10" in shown.stdout
    assert not (project / "data").exists()


def test_a_strategy_runs_on_a_store_named_by_an_option(project: Path) -> None:
    with ObjectServer() as server:
        url = server.url("markets")
        as_json("import", BARS, "--name", "minutes", "--store", url, *BTC, folder=project)
        (project / "idle.py").write_text(
            "from tieout import Strategy\n\n\n"
            "class Idle(Strategy):\n"
            "    def on_start(self, context):\n"
            '        context.bars("BTC/USDT:USDT", "1m")\n'
        )
        far = as_json("backtest", "idle.py", "--data", "minutes", "--store", url, folder=project)
    as_json("import", BARS, "--name", "minutes", *BTC, folder=project)
    near = as_json("backtest", "idle.py", "--data", "minutes", folder=project)

    assert {**far, "run": ""} == {**near, "run": ""}
