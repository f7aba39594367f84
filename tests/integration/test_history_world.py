"""History end to end, by the commands a person types: new, import, backtest, replay, twin, show."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.commands import as_json, in_this_process, tieout
from tests.support.worlds import ES, SYMBOL, T0, bars, trades
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import InputError, RunNotFound
from tieout.history import Store
from tieout.journal import JournalReader, JournalWriter, Kind
from tieout.model.instruments import InstrumentType
from tieout.model.profiles import profile
from tieout.strategy import Strategy, load_strategy
from tieout.wiring import backtest, backtest_columns

EXAMPLES = Path(__file__).parents[2] / "examples"
STRATEGIES = [
    "buy_the_dip.py",
    "moving_average_cross.py",
    "hourly_rebalance.py",
    "breakout_with_stop.py",
    "trade_follower.py",
    "compiled_cross.py",
]


OTHER = msgspec.structs.replace(ES, symbol="NQ/USDT:USDT", venue_symbol="NQUSDT")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 60,000 made-up trades over ten hours and every example strategy."""
    folder = tmp_path_factory.mktemp("work") / "project"
    made = in_this_process("new", "project", folder=folder.parent)
    assert made.returncode == 0, made.stderr
    draw = np.random.default_rng(7)
    price = 6560 + np.cumsum(draw.choice([-1, 0, 0, 1], 60_000))
    lines = ["time,price,quantity"]
    for row, ticks in enumerate(price):
        when = T0 + row * 600_000_000
        moment = np.datetime64(when, "ns")
        lines.append(f"{moment},{Decimal(int(ticks)) / 4},{1 + row % 9}")
    (folder / "trades.csv").write_text("\n".join(lines) + "\n")
    for name in STRATEGIES:
        shutil.copyfile(EXAMPLES / name, folder / "strategies" / name)
    facts = as_json(
        *("import", "trades.csv", "--name", "made", "--symbol", SYMBOL, "--tick", "0.25"),
        folder=folder,
    )
    assert facts["rows"] == 60_000
    return folder


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_example_trades_replays_and_its_twin_is_itself(project: Path, strategy: str) -> None:
    words = ("backtest", strategy, "--data", "made", "--profile", "practice-1")
    run = as_json(*words, "--from", "2013-09-01T18:00", folder=project)
    assert run["fills"] > 10
    assert run["failure"] == ""

    # Each example in one fresh process, all of them together under several seeds and chunks.
    turn = STRATEGIES.index(strategy)
    for seed, chunk in ((str(turn), ("7", "65536", "1000")[turn % 3]),):
        replayed = as_json(
            *("replay", run["run"], "--verify", "--chunk", chunk),
            folder=project,
            PYTHONHASHSEED=seed,
        )
        assert replayed == {
            "identical": True,
            "decisions": replayed["decisions"],
            "code_changed": False,
        }
        assert replayed["decisions"] >= run["orders"]

    twin = as_json("twin", run["run"], folder=project)
    assert {**twin, "run": ""} == {**run, "run": ""}


def test_the_same_command_gives_the_same_journal_byte_for_byte(project: Path) -> None:
    words = ("backtest", "moving_average_cross.py", "--data", "made", "--profile", "practice-1")
    journals = []
    for seed in ("1", "2"):
        run = as_json(*words, folder=project, PYTHONHASHSEED=seed)
        segment = project / "runs" / run["run"] / "journal" / "segment-000001.tio"
        journals.append(segment.read_bytes())
    assert journals[0] == journals[1]
    assert len(journals[0]) > 1_000


def test_a_changed_constant_is_named_by_the_first_decision_it_changes(project: Path) -> None:
    strategy = project / "strategies" / "changing.py"
    source = (EXAMPLES / "moving_average_cross.py").read_text()
    strategy.write_text(source)
    run = as_json(
        *("backtest", "changing.py", "--data", "made", "--profile", "practice-1"), folder=project
    )
    strategy.write_text(source.replace("rising = ", "rising = bar.close_ticks % 7 != 0 and "))

    replayed = in_this_process("replay", run["run"], "--verify", "--json", folder=project)

    assert replayed.returncode == 1
    facts = json.loads(replayed.stdout)
    assert facts["code_changed"]
    assert "PlaceOrder" in facts["difference"]["recorded"] + facts["difference"]["replayed"]
    assert facts["difference"]["after"]
    twin = in_this_process("twin", run["run"], folder=project)
    assert twin.returncode == 2
    assert "has changed since the run" in twin.stderr


def test_a_journal_stripped_of_its_decisions_regenerates_them(project: Path) -> None:
    run = as_json(
        *("backtest", "breakout_with_stop.py", "--data", "made", "--profile", "practice-1"),
        folder=project,
    )
    folder = project / "runs" / run["run"]
    reader = JournalReader(RealDisk(), str(folder / "journal"))
    entries = list(reader)
    stripped = project / "runs" / "stripped"
    (stripped / "journal").mkdir(parents=True)
    shutil.copyfile(folder / "manifest.json", stripped / "manifest.json")
    writer = JournalWriter(RealDisk(), str(stripped / "journal"))
    for entry in entries:
        if entry.kind is Kind.INPUT:
            writer.input(entry.record)
    writer.close()

    replayed = in_this_process("replay", "stripped", "--json", folder=project)

    facts = json.loads(replayed.stdout)
    assert facts["decisions"] == sum(entry.kind is Kind.DECISION for entry in entries)
    assert facts["difference"]["index"] == 0
    assert facts["difference"]["recorded"] == ""
    shutil.rmtree(stripped)


def test_the_twin_needs_nothing_of_the_runs_recordings_but_its_period(project: Path) -> None:
    run = as_json(
        *("backtest", "hourly_rebalance.py", "--data", "made", "--profile", "practice-1"),
        folder=project,
    )
    first = as_json("twin", run["run"], folder=project)
    journal = project / "runs" / run["run"] / "journal"
    kept = JournalReader(RealDisk(), str(journal))
    framing = [each for each in kept.inputs() if type(each).__name__ in ("RunStarted", "RunEnded")]
    shutil.move(journal, journal.with_name("moved"))
    journal.mkdir()
    writer = JournalWriter(RealDisk(), str(journal))
    for each in framing:
        writer.input(each)
    writer.close()

    second = as_json("twin", run["run"], folder=project)

    assert {**first, "run": ""} == {**second, "run": ""}


BAD_COMMANDS = {
    "unknown data": (("backtest", "buy_the_dip.py", "--data", "gone"), "there are: made"),
    "unknown profile": (
        ("backtest", "buy_the_dip.py", "--data", "made", "--profile", "best"),
        "pessimistic-1",
    ),
    "unknown strategy": (("backtest", "none.py", "--data", "made"), "no such file"),
    "unknown class": (("backtest", "buy_the_dip.py:Sell", "--data", "made"), "BuyTheDip"),
    "unknown parameter": (
        ("backtest", "buy_the_dip.py", "--data", "made", "--set", "windw=3"),
        "window",
    ),
    "wrong parameter": (
        ("backtest", "buy_the_dip.py", "--data", "made", "--set", "window=many"),
        "int",
    ),
    "odd time": (("backtest", "buy_the_dip.py", "--data", "made", "--from", "noon"), "2013-09-01"),
    "period outside": (
        ("backtest", "buy_the_dip.py", "--data", "made", "--from", "2020-01-01"),
        "period",
    ),
    "no cash": (("backtest", "buy_the_dip.py", "--data", "made", "--cash", "-1"), "positive"),
    "unknown run": (("replay", "live-2"), "no run is called"),
    "unknown sample": (("import", "spam"), "--symbol"),
    "odd pair": (
        ("backtest", "buy_the_dip.py", "--data", "made", "--set", "window"),
        "name=value",
    ),
    "folder in use": (("new", "."), "not empty"),
    "no number": (("import", "trades.csv", "--symbol", "X", "--tick", "small"), "--tick"),
}


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_wrong_input_is_one_message_and_exit_code_2(project: Path, case: str) -> None:
    words, expected = BAD_COMMANDS[case]
    done = in_this_process(*words, folder=project)
    assert done.returncode == 2, done.stdout
    assert expected in done.stderr
    assert done.stderr.startswith("tieout: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tieout.toml").write_text('profil = "zero-latency"\n')
    done = in_this_process("show", folder=tmp_path)
    assert done.returncode == 2
    assert "profil" in done.stderr
    (tmp_path / "tieout.toml").write_text("risk = 3\n")
    assert in_this_process("show", folder=tmp_path).returncode == 2


def test_a_strategy_that_raises_falls_short_with_exit_code_1(project: Path) -> None:
    (project / "strategies" / "broken.py").write_text(
        (EXAMPLES / "buy_the_dip.py").read_text().replace("cheap = ", "cheap = 1 / 0 or ")
    )
    done = tieout("backtest", "broken.py", "--data", "made", folder=project)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout


def test_show_lists_runs_and_data_and_opens_one(project: Path) -> None:
    run = as_json("backtest", "buy_the_dip.py", "--data", "made", folder=project)
    listed = as_json("show", folder=project)
    assert run["run"] in [each["run"] for each in listed["runs"]]
    assert [each["name"] for each in listed["data"]] == ["made"]
    facts = as_json("show", "last", folder=project)
    assert facts["strategy"] == "BuyTheDip"
    assert "Fill" in facts["journal"]
    assert "fills" in in_this_process("show", "last", folder=project).stdout


def test_the_report_of_a_backtest_has_the_runs_own_profit(project: Path) -> None:
    run = as_json("backtest", "trade_follower.py", "--data", "made", folder=project)

    written = as_json("report", run["run"], folder=project)

    page = (project / written["path"]).read_text()
    assert f'<td class="number">{run["profit"]} USDT</td>' in page
    assert f'<td class="number">{run["fees"]} USDT</td>' in page
    assert "From twin to live" not in page
    assert written["statistics"]["convention"] == "tieout: days of UTC, 365 a year, summed"
    assert written["statistics"]["sharpe"] is None


def test_the_ratios_of_a_report_follow_the_convention_that_is_asked_for(project: Path) -> None:
    as_json("backtest", "trade_follower.py", "--data", "made", folder=project)

    asked = ("report", "last", "--convention", "lean", "--risk-free", "0.03")
    told = as_json(*asked, folder=project)["statistics"]

    assert told["convention"].startswith("lean: days of America/New_York, 252 a year, compounded")
    assert told["risk_free"] == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--convention", "wall-street"), "no convention 'wall-street'; there are: tieout, lean"),
        (("--risk-free", "3"), "risk-free rate 3; give a share a year, such as 0.03"),
        (("--risk-free", "much"), "--risk-free: 'much' is no number"),
    ],
)
def test_a_convention_or_a_rate_that_cannot_be_is_refused(
    project: Path, asked: tuple[str, str], message: str
) -> None:
    as_json("backtest", "trade_follower.py", "--data", "made", folder=project)

    done = in_this_process("report", "last", *asked, folder=project)

    assert done.returncode == 2
    assert message in done.stderr


def test_runs_are_found_by_unique_prefix_and_locked_while_written(project: Path) -> None:
    runs = Runs(project / "runs")
    with pytest.raises(RunNotFound, match="several runs begin with"):
        runs.find("backtest-")
    with pytest.raises(RunNotFound, match="there is no run yet"):
        Runs(project / "nowhere").find("last")
    run = runs.all()[0]
    assert runs.find(run.run_id).path == run.path
    run.lock()
    with pytest.raises(InputError, match="another process"):
        runs.find(run.run_id).lock()
    run.unlock()
    run.unlock()
    with pytest.raises(InputError, match=r"has no statement\.json"):
        run.read("statement.json", dict)
    (run.path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        run.read("bad.json", dict)


def test_columns_in_memory_give_the_fills_of_the_simulated_venue() -> None:
    class Once(Strategy):
        def on_start(self, context: Any) -> None:
            context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            context.target(SYMBOL, units=1)

    result = backtest_columns(
        Once, [bars([400, 404, 408])], instruments=[ES], profile="zero-latency"
    )
    # Decided at the close of the first bar, filled at the open of the second: 400 ticks.
    assert (result.orders, result.fills) == (1, 1)
    assert result.equity == Decimal(100_000) + 2 - Decimal("0.05")

    both = backtest_columns(
        Once,
        [trades([400] * 200), bars([400, 404, 408])],
        instruments=[ES],
        profile="zero-latency",
        chunk_rows=7,
    )
    assert both.fills == 1
    with pytest.raises(InputError, match="at least one stream"):
        backtest_columns(Once, [], instruments=[ES])
    assert load_strategy(Once).name == "Once"


@pytest.mark.parametrize("latency_s", [0, 1, 90])
def test_to_hear_of_ones_orders_and_do_nothing_changes_nothing(latency_s: int) -> None:
    class Trades:
        def on_start(self, context: Any) -> None:
            for each in (ES, OTHER):
                context.bars(each.symbol, "1m")
            self.ids: list[str] = []

        def on_bar(self, context: Any, bar: Any) -> None:
            side = context.buy if bar.close_ticks % 3 else context.sell
            self.ids.append(side(bar.instrument, units=1))
            self.ids.append(side(bar.instrument, units=1, limit=bar.close))
            if bar.close_ticks % 5 == 0:
                for each in self.ids[-8:]:
                    context.cancel(each)
            if bar.close_ticks % 7 == 0:
                context.timer_at("later", context.now_ns + 30_000_000_000)

        def on_timer(self, context: Any, timer: Any) -> None:
            self.ids.append(context.buy(SYMBOL, units=1))

    def hears(self: Any, context: Any, news: Any) -> None:
        """Do nothing."""

    deaf = type("Same", (Trades, Strategy), {})
    hearing = type("Same", (Trades, Strategy), {"on_fill": hears, "on_order": hears})
    closes = [400 + number * 37 % 23 for number in range(200)]
    latency_ns = latency_s * 1_000_000_000
    assumed = msgspec.structs.replace(
        profile("zero-latency"), entry_latency_ns=latency_ns, response_latency_ns=latency_ns
    )
    columns = [bars(closes), replace(bars(closes[::-1]), instrument=OTHER.symbol)]

    results = [
        backtest_columns(
            each, columns, instruments=[ES, OTHER], profile=assumed, chunk_rows=chunk_rows
        )
        for each in (deaf, hearing)
        for chunk_rows in (7, 1_000)
    ]

    assert results[0].fills > 100
    assert len({each.hashes for each in results}) == 1


class Idle(Strategy):
    def on_start(self, context: Any) -> None:
        context.trades(SYMBOL)


@pytest.mark.parametrize("first", [0, 1])
def test_what_one_data_set_says_an_instrument_is_holds_for_the_run(
    tmp_path: Path, first: int
) -> None:
    store, share = Store(tmp_path / "data"), msgspec.structs.replace(ES, type=InstrumentType.STOCK)
    sets = [("typed", share), ("plain", ES)]
    for name, unit in sets:
        store.write_trades(name, unit, [trades([400, 401])], source="a test")
    named = [sets[first][0], sets[1 - first][0]]

    runs = Runs(tmp_path / "runs")
    result = backtest(Idle, store=tmp_path / "data", data=named, runs=runs)

    assert runs.find(result.run_id).manifest().instruments == (share,)


def test_data_sets_that_contradict_each_other_on_an_instrument_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    for name, kind in (("a", InstrumentType.STOCK), ("b", InstrumentType.SPOT)):
        unit = msgspec.structs.replace(ES, type=kind)
        store.write_trades(name, unit, [trades([400, 401])], source="a test")

    with pytest.raises(
        InputError, match=r"b: .* has another tick, lot or type in another data set"
    ):
        backtest(Idle, store=tmp_path / "data", data=["a", "b"], runs=Runs(tmp_path / "runs"))
