"""Recordings of books by the commands a person types, and runs on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_book_runs import MAKER, near
from tests.support.commands import as_json, in_this_process
from tests.unit.history.captures.builders import capture
from tests.unit.history.captures.test_binance import diff, futures, snapshot, trade
from tests.unit.market.test_real_orders import OPEN_NS
from tieout.adapters.storage.runs import Runs
from tieout.history import Store
from tieout.strategy import load_strategy
from tieout.wiring import backtest, replay

BTC = ("--symbol", "BTC/USDT:USDT", "--tick", "0.1", "--lot", "0.001")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "project"
    made = in_this_process("new", "project", folder=folder.parent)
    assert made.returncode == 0, made.stderr
    return folder


def messages() -> list[tuple[int, Any]]:
    """A snapshot with diffs of a futures stream, and a print."""
    return [*futures(), (6, trade(6, 7, maker_bought=False))]


def test_a_capture_becomes_a_book_and_its_trades(project: Path) -> None:
    path = capture(project, messages())
    told = as_json(
        *("import", path.name, "--name", "made-book", "--format", "binance", *BTC), folder=project
    )
    trades = as_json(
        *("import", path.name, "--name", "made-trades", "--format", "binance", "--kind", "trades"),
        *BTC,
        folder=project,
    )

    assert (told["kind"], told["instrument"], told["set_aside"]) == ("book", "BTC/USDT:USDT", {})
    assert told["rows"] > 5
    assert (trades["kind"], trades["rows"]) == ("trades", 1)
    store = Store(project / "data")
    store.verify("made-book")
    (rows,) = store.dataset("made-book").recorded()
    assert int(rows.last[-1]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "tape"), "format 'tape'; allowed: auto, table, actions, binance-klines"),
        (("--format", "binance", "--kind", "bars"), "kind 'bars' of format binance; allowed: book"),
        (("--format", "bybit", "--clock-offset", "measure"), "no message says when it was sent"),
        (("--format", "binance", "--clock-offset", "1.5"), "whole nanoseconds, or measure"),
        (("--format", "binance", "--instrument-id", "5"), "an instrument id is for format mbo"),
        (("--format", "binance", "--venue-symbol", "ETHUSDT"), "no row of book of ETHUSDT"),
        (("--format", "mbo"), "give lot 1"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_leaves_nothing(
    project: Path, words: tuple[str, ...], said: str
) -> None:
    path = capture(project, messages())
    done = in_this_process(
        "import", path.name, "--name", "refused", *words, *BTC, "--json", folder=project
    )

    assert done.returncode == 2
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "refused" not in Store(project / "data").names()


def test_a_line_off_the_tick_is_named_and_leaves_nothing(project: Path) -> None:
    wrong = messages()
    wrong[3] = (4, diff(4, 9, 9, 8, b=[["99.95", "1"]]))
    path = capture(project, wrong)

    done = in_this_process(
        "import", path.name, "--name", "refused", "--format", "binance", *BTC, folder=project
    )

    assert done.returncode == 2
    assert "row 4" in " ".join((done.stdout + done.stderr).split())
    assert "refused" not in Store(project / "data").names()


def test_a_gap_is_counted_in_the_description_and_named_by_a_run(project: Path) -> None:
    again = [(6, snapshot(6, 12)), (7, diff(7, 13, 13, 12, b=[["99.5", "1"]]))]
    path = capture(project, [*futures(lost=True), *again])
    told = as_json(
        *("import", path.name, "--name", "broken", "--format", "binance", *BTC), folder=project
    )
    assert told["set_aside"] == {"gap: sequence": 1}

    run = as_json(
        *("backtest", str(MAKER), "--data", "broken", "--profile", "book-1"),
        *("--set", "instrument=BTC/USDT:USDT"),
        folder=project,
    )
    assert run["failure"] == ""
    assert run["data_breaks"]["reset"] == 1


@pytest.mark.parametrize(
    ("form", "file", "symbols", "level"),
    [
        (
            "binance",
            "binance_ws_raw/usdm_btcusdt_20240808.gz",
            (*BTC, "--clock-offset", "measure"),
            "book",
        ),
        (
            "mbo",
            "nautilus_testdata/esh4-glbx-mdp3-20231225.mbo.dbn.zst",
            ("--symbol", "ES/USD:USD", "--tick", "0.25"),
            "orders",
        ),
    ],
)
def test_a_market_maker_runs_on_a_real_recording(
    project: Path, test_data: Path, form: str, file: str, symbols: tuple[str, ...], level: str
) -> None:
    if not (test_data / file).is_file():
        pytest.skip(f"TIEOUT_TEST_DATA has no {file}")
    name = f"real-{level}"
    told = as_json(
        *("import", str(test_data / file), "--name", name, "--format", form, *symbols),
        folder=project,
    )
    assert told["kind"] == level
    maker = load_strategy(
        str(MAKER),
        {
            "instrument": told["instrument"],
            "units": 0.002 if level == "book" else 2,
            "lots_max": 10,
        },
    )
    runs = Runs(project / "runs")

    # Of the day of single orders only the hour after the open: the book is built up before it.
    start = OPEN_NS if level == "orders" else None
    result = backtest(
        maker,
        store=project / "data",
        data=[name],
        profile=near(level),
        start_ns=start,
        runs=runs,
    )

    assert result.failure == ""
    assert result.fills > 30
    again = replay(runs.find(result.run_id), store=project / "data")
    assert again.difference is None
    facts = json.loads(json.dumps(result.facts()))
    assert set(facts["resolved_by"]) == {level}
