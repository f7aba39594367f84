"""Calendars, lists and rules end to end: imported, run, replayed, in history and live alike."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.commands import as_json, in_this_process
from tests.support.live_world import (
    LIMITS,
    PROFILE,
    START_NS,
    Killed,
    a_live_run,
    a_market,
    dies_after,
)
from tests.support.worlds import SYMBOL, T0
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import InputError
from tieout.history.reference import ReferenceStore
from tieout.journal import JournalReader
from tieout.model.calendars import Session, calendar_of
from tieout.model.rules import DatedRules, RulesRow
from tieout.model.universes import Change, Universe, UniverseRow
from tieout.model.venues import EVERYTHING
from tieout.reconcile.matching import compare_runs
from tieout.strategy import load_strategy
from tieout.wiring import backtest, ladder, replay, run_facts, twin
from tieout.wiring.reference import venue_of

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder

MINUTE = 60_000_000_000
STRATEGY = '''
from tieout import Bar, Context, Strategy, TimerEvent, UniverseChanged


class ByTheList(Strategy):
    """Trades what is on the list, but for some minutes after the open and before the close."""

    minutes: int = 10

    def on_start(self, context: Context) -> None:
        context.universe_bars("top", "1m")
        context.timer_at_open("begin", "HOURS", self.minutes * 60_000_000_000)
        context.timer_before_close("end", "HOURS", self.minutes * 60_000_000_000)
        self.trading = False
        self.bars = 0

    def on_timer(self, context: Context, timer: TimerEvent) -> None:
        self.trading = timer.name == "begin"
        for symbol in context.universe("top"):
            if not self.trading:
                context.target(symbol, units=0)

    def on_universe(self, context: Context, change: UniverseChanged) -> None:
        for symbol in change.left:
            context.target(symbol, units=0)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.bars += 1
        assert bar.instrument in context.universe("top") or context.position(bar.instrument).lots
        if self.trading and self.bars % 5 == 0:
            context.target(bar.instrument, units=2 + self.bars % 4)
'''


def at(minutes: int) -> int:
    return START_NS + minutes * MINUTE


HOURS = calendar_of(
    "HOURS",
    [Session(at(5), at(60)), Session(at(75), at(130))],
    source="made up",
    first_ns=T0,
    last_ns=at(1000),
)
LIST = Universe(
    name="top",
    rows=(
        UniverseRow(T0, T0, SYMBOL, Change.IN),
        UniverseRow(at(40), at(30), SYMBOL, Change.OUT),
        UniverseRow(at(50), at(50), SYMBOL, Change.IN),
    ),
)
RULES = DatedRules(
    name="es-rules",
    symbol=SYMBOL,
    rows=(
        RulesRow(T0, Decimal("0.25"), Decimal(1)),
        RulesRow(at(90), Decimal("0.5"), Decimal(2)),
    ),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    a_market(folder)
    store = ReferenceStore(folder / "data")
    for each in (HOURS, LIST, RULES):
        store.write(each)
    (folder / "by_the_list.py").write_text(STRATEGY, encoding="utf-8")
    return folder


def on_history(world: Path, **settings: Any) -> RunFolder:
    runs = Runs(world / "runs")
    result = backtest(
        load_strategy(str(world / "by_the_list.py"), {}),
        store=world / "data",
        data=["made", "top", "es-rules"],
        profile=PROFILE,
        calendars=["HOURS"],
        start_ns=START_NS,
        runs=runs,
        **settings,
    )
    assert result.failure == ""
    assert result.fills > 5
    return runs.find(result.run_id)


def names_of(run: RunFolder) -> list[str]:
    inputs = JournalReader(RealDisk(), str(run.journal)).inputs()
    return [type(each).__name__ for each in inputs]


def test_a_run_on_history_replays_and_is_its_own_twin(world: Path) -> None:
    run = on_history(world)

    told = names_of(run)
    assert (told.count("UniverseChanged"), told.count("UniverseAnnounced")) == (3, 1)
    assert told.count("RulesChanged") == 2
    assert replay(run, store=world / "data").identical
    again = twin(run, store=world / "data", runs=Runs(world / "runs"))
    first = run.read("result.json", dict[str, Any])
    assert again.decisions_hash == first["decisions_hash"]
    assert again.state_hash == first["state_hash"]


def test_the_manifest_names_what_the_run_was_told(world: Path) -> None:
    manifest = on_history(world).manifest()

    assert [each.name for each in manifest.calendars] == ["HOURS"]
    assert manifest.calendars[0].source == "made up"
    assert {each.kind: each.fingerprint for each in manifest.reference} == {
        "universe": LIST.fingerprint,
        "rules": RULES.fingerprint,
    }


def test_a_venue_with_hours_fills_in_them_alone(world: Path) -> None:
    run = on_history(world, venue_profile=EVERYTHING.by_calendar("HOURS"))

    inputs = JournalReader(RealDisk(), str(run.journal)).inputs()
    fills = [each.venue_time_ns for each in inputs if type(each).__name__ == "Fill"]
    assert all(HOURS.is_open(each) for each in fills)
    assert venue_of(run.manifest()).sessions == HOURS.hours
    assert run.manifest().calendars[0].unpacked() == HOURS


def test_live_is_told_the_same_and_ties_out(world: Path) -> None:
    pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")
    run = a_live_run(
        world,
        load_strategy(str(world / "by_the_list.py"), {}),
        data=("made", "top", "es-rules"),
        calendars=("HOURS",),
    )

    told = names_of(run)
    assert (told.count("UniverseChanged"), told.count("UniverseAnnounced")) == (3, 1)
    rungs = ladder(run, store=world / "data")
    assert len(rungs[4].fills) > 5
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert replay(run, store=world / "data").identical


def test_paper_that_was_killed_is_told_everything_once(world: Path) -> None:
    pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")
    from tests.integration.test_downtime import time_passes
    from tests.integration.test_paper_and_shadow import a_venue
    from tieout.wiring import paper, resume

    runs = Runs(world / "runs")
    with a_venue(world) as access:
        # Between the announcement and the change, some of which comes while it is away.
        with dies_after(700), pytest.raises(Killed):
            paper(
                load_strategy(str(world / "by_the_list.py"), {}),
                access=access,
                store=world / "data",
                data=["made", "top", "es-rules"],
                calendars=["HOURS"],
                venue_calendar="HOURS",
                profile=PROFILE,
                limits=LIMITS,
                runs=runs,
            )
        killed = names_of(runs.find("last"))
        asyncio.run(time_passes(access.url, 12 * MINUTE))
        resume(runs.find("last"), access=access, store=world / "data")
    run = runs.find("last")

    told = names_of(run)
    assert killed.count("UniverseChanged") < told.count("UniverseChanged") == 3
    assert (told.count("UniverseAnnounced"), told.count("RulesChanged")) == (1, 2)
    assert replay(run, store=world / "data").identical
    fills = [
        each.venue_time_ns
        for each in JournalReader(RealDisk(), str(run.journal)).inputs()
        if type(each).__name__ == "Fill"
    ]
    assert len(fills) > 3
    assert all(HOURS.is_open(each) for each in fills)


def test_a_shown_run_has_its_selections_and_its_calendars(world: Path) -> None:
    facts = run_facts(on_history(world, venue_profile=EVERYTHING.by_calendar("HOURS")))

    assert [(each["entered"], each["left"]) for each in facts["selections"]] == [
        ((SYMBOL,), ()),
        ((), (SYMBOL,)),
        ((SYMBOL,), ()),
    ]
    assert [each["tick_size"] for each in facts["rules"]] == ["0.25", "0.5"]
    assert facts["calendars"].startswith("HOURS ")
    assert facts["venue hours"] == "HOURS"
    assert "universe top" in facts["reference"]


def test_what_is_not_in_the_store_any_more_is_named(world: Path, tmp_path: Path) -> None:
    run = on_history(world)
    kept = world / "data" / "top"
    moved = tmp_path / "top"
    kept.rename(moved)
    try:
        with pytest.raises(InputError, match=r"not there any more .top.; import it again"):
            twin(run, store=world / "data", runs=Runs(world / "runs"))
    finally:
        moved.rename(kept)


# -- by the commands a person types -------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "hours.csv").write_text(
        "date,open,close,kind\n2013-09-03,09:30,16:00,\n2013-09-04,09:30,13:00,half_day\n",
        encoding="utf-8",
    )
    (tmp_path / "list.csv").write_text(
        f"date,symbol,action\n2013-01-01,{SYMBOL},in\n2013-09-04,{SYMBOL},delisted\n",
        encoding="utf-8",
    )
    (tmp_path / "rules.csv").write_text(
        "date,tick,lot,min_notional\n2013-01-01,0.25,1,\n2013-09-04,0.5,2,100\n", encoding="utf-8"
    )
    zone = ("--zone", "America/New_York")
    for kind, more in (("calendar", zone), ("universe", ()), ("rules", ("--symbol", SYMBOL))):
        file = {"calendar": "hours", "universe": "list", "rules": "rules"}[kind]
        facts = as_json("import", f"{file}.csv", "--kind", kind, *more, folder=tmp_path)
        assert (facts["kind"], facts["rows"]) == (kind, 2)
    return tmp_path


def test_what_was_imported_is_listed_shown_and_verified(project: Path) -> None:
    listed = as_json("data", "ls", folder=project)["data"]
    assert [each["name"] for each in listed] == ["hours", "list", "rules"]

    shown = as_json("data", "show", "hours", "list", folder=project)["data"]
    assert shown[0]["half_days"] == 1
    assert shown[1]["ends"][-1]["change"] == "delisted"
    assert "sessions" in in_this_process("data", "ls", folder=project).stdout
    assert in_this_process("data", "show", "rules", folder=project).returncode == 0
    assert all(each["sound"] for each in as_json("data", "verify", folder=project)["data"])

    file = project / "data" / "hours" / "calendar.json"
    file.write_text(file.read_text().replace("half_day", "regular"))
    assert in_this_process("data", "verify", folder=project).returncode == 1


def test_a_hole_outside_of_the_sessions_is_no_gap(project: Path) -> None:
    minutes = [
        *(np.datetime64("2013-09-03T13:30") + each for each in range(390)),
        *(np.datetime64("2013-09-04T13:30") + each for each in range(210) if each != 100),
    ]
    lines = ["time,open,high,low,close,volume"]
    lines += [
        f"{each}:00Z,{100 + n % 7},110,90,{100 + (n + 1) % 7},5" for n, each in enumerate(minutes)
    ]
    (project / "ES-1m.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    words = ("data", "judge", "ES-1m.csv", "--json")
    without = json.loads(in_this_process(*words, folder=project).stdout)
    by_calendar = json.loads(in_this_process(*words, "--calendar", "hours", folder=project).stdout)

    gaps = [each for each in by_calendar if each["kind"] == "gap"]
    assert [each["detail"][:21] for each in gaps] == ["1 bars are missing (0"]
    assert any(each["kind"] == "gap" and "2 holes" in each["detail"] for each in without)
    named = in_this_process(*words, "--calendar", "XLON", folder=project)
    assert named.returncode == 2
    assert "no calendar 'XLON'" in named.stderr


def test_a_backtest_takes_calendars_from_the_command_and_the_settings(project: Path) -> None:
    a_market(project)
    (project / "by_open.py").write_text(
        "from tieout import Context, Strategy, TimerEvent\n\n\n"
        "class ByOpen(Strategy):\n"
        "    def on_start(self, context: Context) -> None:\n"
        f"        context.trades({SYMBOL!r})\n"
        "        context.calendar('hours')\n",
        encoding="utf-8",
    )
    words = ("backtest", "by_open.py", "--data", "made")

    refused = in_this_process(*words, folder=project)
    assert refused.returncode == 2
    assert "name it when you start the run: --calendar" in refused.stderr
    outside = in_this_process(*words, "--calendar", "hours", folder=project)
    assert outside.returncode == 2
    assert "import it for a longer range" in outside.stderr

    (project / "tieout.toml").write_text('calendars = ["hours"]\n', encoding="utf-8")
    assert "longer range" in in_this_process(*words, folder=project).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hours.csv", "--kind", "calendar", "--zone", "Mars"), "time zone 'Mars' is unknown"),
        (("rules.csv", "--kind", "rules"), "whose rules? Give --symbol"),
        (("hours.csv", "--kind", "calendar", "--from", "2013-09-01"), "give --from and --to"),
        (("a.json", "--kind", "calendar"), "which market? Give --entry"),
        (("hours.csv", "--kind", "calendar"), "'hours' exists"),
        (("none.csv", "--kind", "universe"), "none.csv: cannot be read"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    project: Path, words: tuple[str, ...], told: str
) -> None:
    done = in_this_process("import", *words, folder=project)

    assert done.returncode == 2
    assert told in done.stderr
