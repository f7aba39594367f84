"""Runs that drill down, from a store and from columns: those of the full run, and how sure."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from tests.support.commands import as_json, in_this_process
from tests.support.stacks import bars_of, changed, prints, without
from tests.support.trader import NowAndThen
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import InputError
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import Fill
from tieout.model.instruments import Instrument
from tieout.model.profiles import FillLevel, SimulationProfile, profile
from tieout.wiring import backtest, backtest_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.wiring.results import Result

DRILLED = profile("drilldown-1")
FINE = msgspec.structs.replace(DRILLED, name="fine", fill_level=FillLevel.IMPACT)
NOW_AND_THEN = Path(__file__).parents[1] / "support" / "trader.py"
REAL = Path(os.environ.get("TIEOUT_TEST_DATA") or "/nonexistent") / "freqtrade_testdata"


def a_walk(hours: int = 10, *, seed: int = 3) -> TradeColumns:
    """Return prints of a walk, thirty a minute."""
    draw = np.random.default_rng(seed)
    count = 1_800 * hours
    steps = draw.exponential(20, count).astype(np.int64) * SECOND // 10
    price = 6_560 + np.cumsum(draw.choice([-1, 0, 0, 1], count))
    return prints(
        list(zip(steps.tolist(), price.tolist(), draw.integers(1, 9, count), strict=True))
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the prints of a walk, its bars of a minute and of ten seconds."""
    work = tmp_path_factory.mktemp("drilldown")
    created = in_this_process("new", "project", folder=work)
    assert created.returncode == 0, created.stderr
    folder = work / "project" / "data"
    walk = a_walk()
    made = Store(folder)
    made.write_trades("ticks", ES, [walk], source="made up")
    made.write_bars("minutes", ES, MINUTE, [bars_of(walk, MINUTE)], source="made up")
    made.write_bars("tens", ES, 10 * SECOND, [bars_of(walk, 10 * SECOND)], source="made up")
    broken = bars_of(walk, MINUTE)
    for row in range(50, 500, 3):
        broken = changed(broken, row, high_ticks=int(broken.high_ticks[row]) + 1)
    made.write_bars("broken", ES, MINUTE, [broken], source="made up")
    return folder


def run(store: Path, data: Sequence[str], chosen: SimulationProfile) -> tuple[Result, list[Fill]]:
    runs = Runs(store.parent / "runs")
    strategy = type("Here", (NowAndThen,), {"symbol": SYMBOL, "every": 3})
    result = backtest(strategy, store=store, data=data, profile=chosen, runs=runs)
    reader = JournalReader(RealDisk(), str(runs.find(result.run_id).journal))
    return result, [each for each in reader.inputs() if isinstance(each, Fill)]


@pytest.mark.parametrize("data", [("minutes", "ticks"), ("tens", "ticks", "minutes")])
def test_a_run_that_drills_down_is_the_run_on_every_print(store: Path, data: Any) -> None:
    drilled, fills = run(store, data, DRILLED)
    fine, all_fills = run(store, data, FINE)

    assert len(fills) > 100
    assert fills == all_fills
    assert (drilled.decisions_hash, drilled.state_hash) == (fine.decisions_hash, fine.state_hash)
    assert drilled.certainty is not None
    assert drilled.certainty.fills == {"trade": len(fills)}
    assert 0 < drilled.certainty.rows_matched["trade"] < 9_000


def test_a_result_says_how_sure_it_is(store: Path) -> None:
    result, fills = run(store, ("broken", "ticks"), DRILLED)

    facts = result.facts()
    assert sum(facts["resolved_by"].values()) == len(fills) == result.fills
    assert 0 < facts["bars_opened"]["1m"] < facts["bars_scanned"] <= 601
    lines = facts["data_break_lines"]
    assert facts["data_breaks"] == {"contradiction": len(lines)}
    assert len(lines) > 10
    assert {line["field"] for line in lines} == {"high"}
    assert all(line["coarse_value"] == line["finer_value"] + 1 for line in lines)
    assert facts["resolved_by"]["assumed"] > 0
    bound = {name: Decimal(text) for name, text in facts["unresolved_profit"].items()}
    assert bound["worst"] <= bound["taken"] <= bound["best"]
    low, high = Decimal(facts["profit_at_worst"]), Decimal(facts["profit_at_best"])
    assert low <= result.profit <= high
    assert high - low == bound["best"] - bound["worst"]


def test_without_finer_data_a_run_is_refused_and_says_what_is_there(store: Path) -> None:
    before = list((store.parent / "runs").glob("*"))

    with pytest.raises(InputError, match="only minutes, bars of 1m; import its trades"):
        run(store, ("minutes",), DRILLED)

    assert list((store.parent / "runs").glob("*")) == before


def test_with_trades_alone_every_print_is_met(store: Path) -> None:
    drilled, fills = run(store, ("ticks",), DRILLED)
    fine, all_fills = run(store, ("ticks",), FINE)

    assert fills == all_fills
    assert drilled.decisions_hash == fine.decisions_hash


def test_finer_bars_are_the_last_word_where_there_are_no_trades(store: Path) -> None:
    drilled, fills = run(store, ("minutes", "tens"), DRILLED)
    fine, all_fills = run(store, ("minutes", "tens"), FINE)

    assert len(fills) > 100
    assert fills == all_fills
    assert drilled.state_hash == fine.state_hash
    assert {each.resolved_by for each in fills} <= {"10s", "assumed"}


@pytest.mark.parametrize("chunk", [1_000, 131_072])
def test_columns_in_memory_are_drilled_into_too(chunk: int) -> None:
    walk = a_walk(3)
    strategy = type("Here", (NowAndThen,), {"symbol": SYMBOL, "every": 4})
    streams = [bars_of(walk, MINUTE, delay_ns=3 * SECOND), walk]

    drilled, fine = (
        backtest_columns(strategy, streams, instruments=[ES], profile=each, chunk_rows=chunk)
        for each in (DRILLED, FINE)
    )

    assert drilled.fills > 20
    assert drilled.state_hash == fine.state_hash
    with pytest.raises(InputError, match="only bars:1m"):
        backtest_columns(strategy, streams[:1], instruments=[ES], profile=DRILLED)


def test_a_run_that_drills_down_replays_and_its_twin_is_itself(store: Path) -> None:
    project = store.parent
    words = ("backtest", f"{NOW_AND_THEN}:NowAndThen", "--data", "minutes", "--data", "ticks")
    done = as_json(*words, "--set", f"symbol={SYMBOL}", "--profile", "drilldown-1", folder=project)
    assert done["fills"] > 20

    replayed = as_json("replay", done["run"], "--verify", folder=project)
    twin = as_json("twin", done["run"], folder=project)

    assert replayed["identical"] is True
    assert twin["decisions_hash"] == done["decisions_hash"]
    assert twin["resolved_by"] == done["resolved_by"]
    shown = in_this_process("show", done["run"], folder=project)
    assert "resolved by" in shown.stdout


XRP = Instrument(
    symbol="XRP/ETH",
    venue_symbol="XRPETH",
    tick_size=Decimal("0.00000001"),
    lot_size=Decimal(1),
    currency="ETH",
)


def real_market() -> tuple[BarColumns, TradeColumns]:
    """Return the provider's own minute bars and prints; skip without the data."""
    if not REAL.is_dir():
        pytest.skip("TIEOUT_TEST_DATA has no freqtrade_testdata")
    table = pq.read_table(REAL / "XRP_ETH-trades.parquet")
    when = table.column("timestamp").to_numpy() * 1_000_000
    count = len(when)
    trades = TradeColumns(
        XRP.symbol,
        when,
        when + DRILLED.trade_delay_ns,
        np.rint(table.column("price").to_numpy() * 1e8).astype(np.int64),
        np.rint(table.column("amount").to_numpy()).astype(np.int64),
        np.zeros(count, np.int8),
        np.array([int(each) for each in table.column("id").to_pylist()], np.int64),
    )
    candles = feather.read_table(REAL / "XRP_ETH-1m.feather")
    opened = candles.column("date").to_numpy().astype("datetime64[ns]").astype(np.int64)
    prices = [
        np.rint(candles.column(name).to_numpy() * 1e8).astype(np.int64)
        for name in ("open", "high", "low", "close")
    ]
    volume = np.rint(candles.column("volume").to_numpy()).astype(np.int64)
    rows = len(opened)
    closed = opened + MINUTE
    minutes = BarColumns(
        *(XRP.symbol, MINUTE, opened, closed, closed + DRILLED.bar_delay_ns, *prices, volume),
        *(np.zeros(rows, np.int64), np.zeros(rows, np.bool_)),
    )
    return minutes, trades


@pytest.mark.parametrize("every", [3, 25])
@pytest.mark.parametrize("levels", [(), (5 * MINUTE,), (SECOND,)])
def test_on_real_bars_and_prints_it_is_the_run_on_every_print(
    every: int, levels: tuple[int, ...]
) -> None:
    minutes, trades = real_market()
    strategy = type("Here", (NowAndThen,), {"symbol": XRP.symbol, "every": every, "units": 40.0})
    more = [bars_of(trades, each, delay_ns=DRILLED.bar_delay_ns) for each in levels]
    rules = {"instruments": [XRP], "cash": Decimal(1_000)}

    drilled, fine = (
        backtest_columns(strategy, [minutes, *more, trades], profile=each, **rules)  # type: ignore[arg-type]
        for each in (DRILLED, FINE)
    )

    assert drilled.fills > 80
    assert (drilled.decisions_hash, drilled.state_hash) == (fine.decisions_hash, fine.state_hash)
    sure = drilled.certainty
    assert sure is not None
    assert sure.break_counts == {}
    assert sure.rows_matched["trade"] < len(trades)


def test_a_real_hole_in_the_prints_is_named_and_assumed() -> None:
    minutes, trades = real_market()
    third = len(trades) // 3
    strategy = type("Here", (NowAndThen,), {"symbol": XRP.symbol, "every": 3, "units": 40.0})
    kept = without(trades, list(range(third, 2 * third)))

    found = backtest_columns(
        strategy, [minutes, kept], instruments=[XRP], profile=DRILLED, cash=Decimal(1_000)
    )

    sure = found.certainty
    assert sure is not None
    assert sure.fills["assumed"] > 10
    assert sure.fills["trade"] > 10
    assert set(sure.break_counts) <= {"missing", "contradiction"}
    assert sure.unresolved_bars > 10
    assert sure.bounds is not None
    assert sure.bounds.worst < sure.bounds.taken < sure.bounds.best
