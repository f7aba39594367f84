"""Paper and shadow: live data, simulated fills, and nothing that leaves."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.fees import tiered
from tests.support.live_world import LIMITS, PROFILE, START_NS, Killed, a_market, dies_after
from tests.support.worlds import ES
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.cli import app
from tieout.errors import InputError, TieoutError
from tieout.journal import JournalReader
from tieout.model.events import PriceAged, RunStarted, Trade
from tieout.model.fees import Evaluated
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.profiles import MarketRule, StalePolicy, profile
from tieout.reconcile import compare_runs
from tieout.strategy import Strategy, load_strategy
from tieout.wiring import VenueAccess, ladder, live, paper, reconcile, replay, shadow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.adapters.storage.runs import RunFolder

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tieout.adapters.venues.practice import StopRule, ThreadedServer, config_from_profile

EXAMPLES = Path(__file__).parents[2] / "examples"
STRATEGIES = [
    "moving_average_cross.py",
    "hourly_rebalance.py",
    "breakout_with_stop.py",
    "trade_follower.py",
]


def example(name: str) -> Any:
    return load_strategy(str(EXAMPLES / name), {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watching")
    a_market(folder, rows=14_000)
    return folder


@contextmanager
def a_venue(world: Path, **settings: Any) -> Iterator[VenueAccess]:
    config = config_from_profile(
        PROFILE,
        ES,
        start_ns=START_NS,
        starting_balance=Decimal(1_000_000),
        stop_rule=StopRule.ACCEPT,
        truth_path=str(world / "truth.jsonl"),
        **settings,
    )
    market = a_dataset(world).batches(delay_ns=0)
    with ThreadedServer(config, market) as venue:
        yield VenueAccess(venue.http_url, "practice-key", "practice-secret")


def a_dataset(world: Path) -> Any:
    from tieout.history import Store

    return Store(world / "data").dataset("made")


def on_paper(world: Path, strategy: Any, **settings: Any) -> RunFolder:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        result = paper(
            strategy,
            access=VenueAccess(access.url, "", ""),
            store=world / "data",
            data=["made"],
            runs=runs,
            **{"profile": PROFILE, **settings},
        )
    return runs.find(result.run_id)


def asked_of_the_venue(world: Path) -> Counter[str]:
    lines = (world / "truth.jsonl").read_text().splitlines()
    return Counter(str(json.loads(line)["kind"]) for line in lines)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_paper_and_its_twin_are_the_same_to_the_cent(world: Path, strategy: str) -> None:
    run = on_paper(world, example(strategy))

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    assert len(rungs[4].fills) > 3
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert replay(run, store=world / "data").identical


def test_paper_by_a_fee_schedule_and_its_twin_are_the_same_to_the_cent(world: Path) -> None:
    tiers = tiered((0, "0.001"), (10_000, "0.0005"), evaluated=Evaluated.HOURLY, token="GAS")
    by_schedule = msgspec.structs.replace(
        profile(PROFILE) if isinstance(PROFILE, str) else PROFILE,
        name="by-schedule-1",
        maker_fee_rate=Decimal(0),
        taker_fee_rate=Decimal(0),
        fees=tiers,
        fees_in_token=True,
        fee_prices={"GAS": Decimal("12.5")},
    )
    run = on_paper(world, example("moving_average_cross.py"), profile=by_schedule)

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    fills = rungs[4].fills
    paid = {round(fill.fee / ES.notional(fill.lots, fill.price_ticks), 6) for fill in fills}
    assert paid == {0.001, 0.0005}
    assert {fill.fee_charged_currency for fill in fills} == {"GAS"}
    assert all(fill.fee == fill.fee_charged * 25 // 2 for fill in fills)
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert set(facts["steps"].values()) == {"0.00"}
    assert replay(run, store=world / "data").identical


FLIPS = """
from tieout import Strategy

SYMBOL = "ES/USDT:USDT"


class Flips(Strategy):
    def on_start(self, context):
        context.trades(SYMBOL)
        # Prints come each 600 ms, so what the timer finds is of three ages in turn.
        context.timer_every("flip", 301 * 10**9)

    def on_timer(self, context, timer):
        context.target(SYMBOL, units=-1 if context.position(SYMBOL).lots > 0 else 1)
"""


def test_paper_refuses_stale_prices_where_its_twin_does(world: Path) -> None:
    at_last = msgspec.structs.replace(
        PROFILE,
        name="at-last-1",
        market_rule=MarketRule.LAST,
        stale_after_ns=300_000_000,
        stale_policy=StalePolicy.REFUSE,
    )
    file = world / "flips.py"
    file.write_text(FLIPS)
    run = on_paper(world, load_strategy(str(file)), profile=at_last)

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    told = [each.record for each in JournalReader(RealDisk(), str(run.journal))]
    aged = [each for each in told if isinstance(each, PriceAged)]
    refused = [each.decision_id for each in aged if each.policy == StalePolicy.REFUSE]
    assert len(aged) == len(rungs[4].orders)
    assert 0 < len(refused) < len(aged)
    assert refused == list(rungs[4].rejected)
    assert {each.resolved_by for each in rungs[4].fills} == {"last"}
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert replay(run, store=world / "data").identical


ON_MARGIN = """
from tieout import Strategy

SYMBOL = "ES/USDT:USDT"


class BuysOnMargin(Strategy):
    def on_start(self, context):
        context.trades(SYMBOL)
        context.timer_every("ten minutes", 600 * 10**9)

    def on_timer(self, context, timer):
        if not context.position(SYMBOL).lots:
            context.buy(SYMBOL, units=300)
            # Three times as much again is more than the account can carry: this never leaves.
            context.buy(SYMBOL, units=900)
"""


def with_margin(**given: Any) -> Any:
    """Return the profile with little money for much: a fall of six in a thousand closes it."""
    bracket = MarginBracket(initial_rate=Decimal("0.02"), maintenance_rate=Decimal("0.014"))
    terms = MarginTerms(
        mode=MarginMode.ISOLATED,
        brackets=(bracket,),
        liquidation_fee_rate=Decimal("0.001"),
        **given,
    )
    return msgspec.structs.replace(PROFILE, name="on-margin-1", margin=terms)


def test_paper_that_was_liquidated_and_its_twin_are_the_same_to_the_cent(world: Path) -> None:
    file = world / "on_margin.py"
    file.write_text(ON_MARGIN)
    run = on_paper(world, load_strategy(str(file)), profile=with_margin(), cash=Decimal(15_000))

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    closed = [each for each in rungs[4].orders if each.startswith("liquidation:")]
    assert closed[0] == f"liquidation:{ES.symbol}#1"
    assert all(set(closed) <= set(rung.orders) for rung in rungs)
    assert len(rungs[4].denied) >= len(closed)
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert replay(run, store=world / "data").identical


def test_paper_with_impact_has_the_twins_volume_and_volatility(world: Path) -> None:
    run = on_paper(world, example("moving_average_cross.py"), profile=profile("pessimistic-1"))

    rungs = ladder(run, store=world / "data")

    # The venue published by its own, quicker rules, so the strategy saw other times than its twin;
    # from the same market as recorded on, nothing differs.
    assert len(rungs[4].fills) > 3
    facts = reconcile(run, store=world / "data").facts()
    assert {facts["steps"][each] for each in ("execution", "cost", "logic")} == {"0.00"}
    assert "order_received" not in asked_of_the_venue(world)


def test_paper_sends_nothing_and_needs_no_key(world: Path) -> None:
    run = on_paper(world, example("trade_follower.py"))

    assert "order_received" not in asked_of_the_venue(world)
    assert not run.has("statement.json")


def test_market_data_that_only_the_venue_needs_stays_out_of_the_journal(world: Path) -> None:
    run = on_paper(world, example("moving_average_cross.py"))

    inputs = JournalReader(RealDisk(), str(run.journal)).inputs()

    assert not any(isinstance(each, Trade) for each in inputs)


def test_shadow_starts_from_the_account_and_leaves_it_alone(world: Path) -> None:
    runs = Runs(world / "runs")
    where: Any = {
        "store": world / "data", "data": ["made"], "profile": PROFILE, "limits": LIMITS,
        "runs": runs,
    }  # fmt: skip
    with a_venue(world) as access:
        with dies_after(400), pytest.raises(Killed):
            live(example("trade_follower.py"), access=access, **where)
        sent = asked_of_the_venue(world)["order_received"]
        result = shadow(example("hourly_rebalance.py"), access=access, **where)
        still_sent = asked_of_the_venue(world)["order_received"]

    run = runs.find(result.run_id)
    started = next(iter(JournalReader(RealDisk(), str(run.journal)).inputs()))
    assert isinstance(started, RunStarted)
    assert started.cash not in (0, 1_000_000 * 10**12)
    [(symbol, lots, _)] = started.positions
    assert (symbol, abs(lots)) == (ES.symbol, 1)
    assert result.fills > 3
    assert sent == still_sent > 0
    facts = reconcile(run, store=world / "data").facts()
    assert facts["difference"] == "0.00"
    assert facts["breaks"] == []
    assert replay(run, store=world / "data").identical


def test_a_wrong_key_is_refused_before_anything_starts(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access, pytest.raises(TieoutError, match="key"):
        shadow(
            example("trade_follower.py"), access=VenueAccess(access.url, "wrong", "wrong"),
            store=world / "data", data=["made"], profile=PROFILE, runs=runs,
        )  # fmt: skip


@pytest.mark.parametrize("command", ["paper", "shadow"])
def test_the_command_runs_and_its_run_ties_out(
    world: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    project = ("--project", str(world), "--json")
    strategy = str(EXAMPLES / "moving_average_cross.py")
    with a_venue(world) as access:
        words = [command, strategy, "--data", "made", "--profile", PROFILE.name]
        said = said_by([*words, "--venue", access.url, *project], capsys)
    tied_out = said_by(["reconcile", "last", *project], capsys)

    assert said["fills"] > 3
    assert tied_out["run"] == said["run"]
    assert tied_out["run"].startswith(command)
    assert tied_out["difference"] == "0.00"
    assert tied_out["has_statement"] is False


def said_by(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert app(words, standalone_mode=False) is None
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


class LooksAtBook(Strategy):
    """Asks for what the venue's streams do not bring."""

    def on_start(self, context: Any) -> None:
        context.books(ES.symbol)


def test_a_book_is_refused_at_the_start_since_no_stream_brings_one(world: Path) -> None:
    with pytest.raises(InputError, match=r"asks for a book or quotes.*do not bring as yet"):
        on_paper(world, LooksAtBook)
    for level in ("book", "orders"):
        with pytest.raises(InputError, match=f"at level {level}, on a recorded book"):
            on_paper(world, example("trade_follower.py"), profile=profile(f"{level}-1"))
