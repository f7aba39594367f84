"""One account over two instruments on paper: liquidated, killed, gone on, and tied out."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.live_world import PROFILE, SECOND, START_NS, Killed, dies_after
from tests.support.worlds import ES, T0
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.events import Fill, MarginWarned, OrderCancelled, OrderImposed, RunResumed
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.strategy import load_strategy
from tieout.wiring import VenueAccess, ladder, paper, reconcile, replay, resume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tests.integration.test_downtime import time_passes
from tieout.adapters.venues.practice import StopRule, ThreadedServer, config_from_profile

MINUTE = 60 * SECOND
NQ = msgspec.structs.replace(ES, symbol="NQ/USDT:USDT", venue_symbol="NQUSDT")
DATA = ["es", "nq"]

SPREADS = """
from tieout import Strategy

LONG, SHORT = "ES/USDT:USDT", "NQ/USDT:USDT"


class Spreads(Strategy):
    def on_start(self, context):
        context.trades(LONG)
        context.trades(SHORT)
        context.timer_every("ten minutes", 600 * 10**9)

    def on_timer(self, context, timer):
        if not context.position(LONG).lots:
            context.buy(LONG, units=250)
            # It rests far below until it is called off.
            context.buy(LONG, units=1, limit=1_000)
        if not context.position(SHORT).lots:
            context.sell(SHORT, units=150)
            # With both it is more than the account can carry: this never leaves.
            context.sell(SHORT, units=400)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    for seed, (name, instrument) in enumerate(zip(DATA, (ES, NQ), strict=True), start=7):
        draw = np.random.default_rng(seed)
        rows = 14_000
        chunk = {
            "venue_time_ns": T0 + seed * 40_000_000 + 600_000_000 * np.arange(rows, dtype=np.int64),
            "price_ticks": 6560 + np.cumsum(draw.choice([-2, -1, 0, 0, 1, 2], rows)),
            "quantity_lots": draw.integers(1, 20, rows),
            "aggressor": np.zeros(rows, np.int64),
            "trade_id": np.arange(1, rows + 1, dtype=np.int64),
        }
        Store(folder / "data").write(
            name, "trades", instrument, [chunk], source="made up", time_rule="made up"
        )
    (folder / "spreads.py").write_text(SPREADS)
    return folder


@contextmanager
def a_venue(world: Path) -> Iterator[VenueAccess]:
    config = config_from_profile(
        PROFILE,
        (ES, NQ),
        start_ns=START_NS,
        starting_balance=Decimal(1_000_000),
        stop_rule=StopRule.ACCEPT,
        truth_path=str(world / "truth.jsonl"),
    )
    store = Store(world / "data")
    market = [each for name in DATA for each in store.dataset(name).batches(delay_ns=0)]
    with ThreadedServer(config, market) as venue:
        yield VenueAccess(venue.http_url, "", "")


def settings(world: Path, **given: Any) -> dict[str, Any]:
    bracket = MarginBracket(initial_rate=Decimal("0.02"), maintenance_rate=Decimal("0.014"))
    terms = MarginTerms(
        mode=MarginMode.CROSS,
        brackets=(bracket,),
        liquidation_fee_rate=Decimal("0.001"),
        warning_ratio=Decimal("0.9"),
    )
    profile = msgspec.structs.replace(PROFILE, name="shared-1", margin=terms)
    return {"store": world / "data", "data": DATA, "profile": profile, **given}


def records(run: RunFolder) -> list[Any]:
    return [each.record for each in JournalReader(RealDisk(), str(run.journal))]


def test_paper_that_was_liquidated_and_its_twin_are_the_same_to_the_cent(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        strategy = load_strategy(str(world / "spreads.py"))
        cash = Decimal(15_000)
        result = paper(strategy, access=access, runs=runs, **settings(world, cash=cash))
    run = runs.find(result.run_id)

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    told = records(run)
    imposed = [each for each in told if isinstance(each, OrderImposed)]
    assert {each.order.instrument for each in imposed} == {ES.symbol, NQ.symbol}
    assert any(isinstance(each, MarginWarned) for each in told)
    called_off = [each for each in told if isinstance(each, OrderCancelled)]
    assert "liquidation" in {each.reason for each in called_off}
    closed = {each for each in rungs[4].orders if each.startswith("liquidation:")}
    assert len(closed) == len(imposed)
    assert all(closed <= set(rung.orders) for rung in rungs)
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert replay(run, store=world / "data").identical


def test_paper_that_was_killed_goes_on_with_its_account_watched(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        strategy = load_strategy(str(world / "spreads.py"))
        with dies_after(2_600), pytest.raises(Killed):
            paper(strategy, access=access, runs=runs, **settings(world, cash=Decimal(15_000)))
        asyncio.run(time_passes(access.url, 5 * MINUTE))
        resume(runs.find("last"), access=access, store=world / "data")
    run = runs.find("last")

    told = records(run)
    back = next(place for place, each in enumerate(told) if isinstance(each, RunResumed))
    held = {ES.symbol: 0, NQ.symbol: 0}
    for each in told[:back]:
        if isinstance(each, Fill):
            held[each.instrument] += each.side * each.lots
    assert all(held.values())
    assert any(isinstance(each, OrderImposed) for each in told[back:])
    facts = reconcile(run, store=world / "data").facts()
    assert facts["steps"]["unexplained"] == "0.00"
    assert replay(run, store=world / "data").identical
