"""Two series of candles: what differs, what flipped because of it, and what that is worth."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support.worlds import ES, SYMBOL, bars
from tieout import Bar, Strategy
from tieout.cli import app
from tieout.errors import InputError
from tieout.history import Store
from tieout.model.columns import BarColumns
from tieout.model.instruments import Instrument
from tieout.model.money import money
from tieout.strategy import load_strategy
from tieout.wiring import candles
from tieout.wiring.markets import taken

if TYPE_CHECKING:
    from pathlib import Path

    from tieout import Context
    from tieout.reconcile import CandleComparison

FOLDER = "binance_vs_coinbase"
CENTS = Instrument(
    symbol="BTC/USDT", venue_symbol="BTCUSDT", tick_size=Decimal("0.01"), lot_size=Decimal(1)
)
CLOSES = [
    19_000,
    19_004,
    18_998,
    19_010,
    19_002,
    19_020,
    19_016,
    19_030,
    19_028,
    19_040,
    19_041,
    19_050,
]


class Rises(Strategy):
    """Hold one lot after a bar that rose, none after any other."""

    symbol: str = SYMBOL
    length: str = "1m"

    def on_start(self, context: Context) -> None:
        context.bars(self.symbol, self.length)

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.instrument, units=1 if bar.close > bar.open else 0)


STRATEGY = """
from tieout import Strategy


class Rises(Strategy):
    def on_start(self, context):
        context.bars("SYMBOL", "1m")

    def on_bar(self, context, bar):
        context.target(bar.instrument, units=1 if bar.close > bar.open else 0)
"""


def stored(folder: Path, name: str, rows: BarColumns, instrument: Instrument = ES) -> None:
    own = replace(rows, instrument=instrument.symbol)
    Store(folder).write_bars(name, instrument, rows.interval_ns, [own], source="made")


def compared(folder: Path, profile: str = "zero-latency") -> CandleComparison:
    return candles(
        load_strategy(Rises),
        store=folder,
        first="ours",
        second="theirs",
        profile=profile,
        cash=Decimal(1_000_000),
    )


def test_the_same_bars_differ_in_nothing(tmp_path: Path) -> None:
    stored(tmp_path, "ours", bars(CLOSES))
    stored(tmp_path, "theirs", bars(CLOSES))

    result = compared(tmp_path)

    assert (result.bars, result.differing, result.flips) == (12, (), ())
    assert result.orders > 4
    assert (result.difference, result.parts) == (0, {})


def test_a_bar_that_turns_flips_the_decision_on_it_and_the_flip_is_priced(tmp_path: Path) -> None:
    theirs = bars(CLOSES)
    turned = theirs.close_ticks.copy()
    turned[7] = theirs.open_ticks[7] - 1
    low = theirs.low_ticks.copy()
    low[7] = turned[7]
    stored(tmp_path, "ours", bars(CLOSES))
    stored(
        tmp_path,
        "theirs",
        replace(theirs, close_ticks=turned, low_ticks=low),
    )

    result = compared(tmp_path)

    closed = int(theirs.close_time_ns[7])
    (bar,) = result.differing
    assert (bar.close_time_ns, set(bar.fields)) == (closed, {"close_ticks", "low_ticks"})
    assert result.turned == 1
    flipped = [each for each in result.flips if each.bar_close_ns == closed]
    assert [(each.on, each.side, each.because_ns) for each in flipped] == [("first", 1, closed)]
    # Long over the bar after: bought at its open, sold at the open of the one behind it.
    bought, sold = (bars(CLOSES).open_ticks[row] for row in (8, 9))
    earned = (int(sold) - int(bought)) * ES.tick_value
    fees = sum(-(-int(price) * ES.tick_value * 5 // 10_000) for price in (bought, sold))
    assert result.difference == pytest.approx(-(earned - fees), abs=10)
    assert sum(result.parts.values()) == result.difference
    assert sum(each.worth * (1 if each.on == "second" else -1) for each in result.flips) == (
        result.difference
    )


def test_orders_are_matched_on_the_first_whatever_the_second_costs(tmp_path: Path) -> None:
    stored(tmp_path, "ours", bars(CLOSES))
    stored(tmp_path, "theirs", bars([each + 1000 for each in CLOSES]))

    result = compared(tmp_path)

    assert len(result.differing) == len(CLOSES)
    assert (result.flips, result.difference) == ((), 0)
    assert result.first_profit != 0


def test_a_bar_that_is_missing_is_said_so(tmp_path: Path) -> None:
    whole = bars(CLOSES)
    stored(tmp_path, "ours", whole)
    kept = np.ones(len(whole), np.bool_)
    kept[5] = False
    stored(tmp_path, "theirs", taken(whole, np.flatnonzero(kept)))

    result = compared(tmp_path)

    assert [(each.close_time_ns, each.missing) for each in result.differing] == [
        (int(whole.close_time_ns[5]), "second")
    ]
    assert result.flips


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(seed=st.integers(0, 2**31), profile=st.sampled_from(["zero-latency", "pessimistic-1"]))
def test_parts_always_sum_to_the_difference(
    tmp_path_factory: pytest.TempPathFactory, seed: int, profile: str
) -> None:
    folder = tmp_path_factory.mktemp("store")
    draws = np.random.default_rng(seed)
    closes = 19_000 + np.cumsum(draws.integers(-6, 7, 60))
    noise = draws.integers(-2, 3, 60) * (draws.random(60) < 0.3)
    stored(folder, "ours", bars(closes.tolist()))
    stored(folder, "theirs", bars((closes + noise).tolist()))

    result = compared(folder, profile)

    assert sum(result.parts.values()) == result.difference
    assert (len(result.differing) == 0) == (not noise.any())
    assert all(each.because_ns is not None for each in result.flips)


def test_ticks_of_another_size_are_turned_into_the_firsts(tmp_path: Path) -> None:
    stored(tmp_path, "ours", bars(CLOSES))
    coarse = Instrument(
        symbol="OTHER/USD", venue_symbol="OTHER", tick_size=Decimal("0.5"), lot_size=Decimal(1)
    )
    even = bars([each // 2 for each in CLOSES])
    stored(tmp_path, "theirs", even, coarse)

    result = compared(tmp_path)

    odd = sum(each % 2 for each in CLOSES)
    assert 0 < len(result.differing) <= 2 * odd


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    fine = Instrument(
        symbol=SYMBOL, venue_symbol="ES", tick_size=Decimal("0.1"), lot_size=Decimal(1)
    )
    stored(tmp_path, "ours", bars(CLOSES))
    stored(tmp_path, "theirs", bars([47_501] * 12), fine)
    with pytest.raises(InputError, match="is no whole number of ticks"):
        compared(tmp_path)

    stored(tmp_path / "later", "ours", bars(CLOSES))
    stored(tmp_path / "later", "theirs", bars(CLOSES, start_ns=2**60))
    with pytest.raises(InputError, match="share no time"):
        compared(tmp_path / "later")


def test_real_candles_of_two_venues_point_apart_as_often_as_is_known(
    test_data: Path, tmp_path: Path
) -> None:
    for name, file in (
        ("ours", "binance_BTC_USDT-2h.json.gz"),
        ("theirs", "coinbase_futures_BTC_USDT-2h-futures.json.gz"),
    ):
        rows = sorted(json.loads(gzip.decompress((test_data / FOLDER / file).read_bytes())))
        times = np.array([row[0] for row in rows], np.int64) * 1_000_000
        prices = np.rint(np.array([row[1:5] for row in rows]) * 100).astype(np.int64).T
        made = BarColumns(
            CENTS.symbol,
            7_200_000_000_000,
            times,
            times + 7_200_000_000_000,
            times + 7_200_000_000_000,
            *prices,
            np.array([row[5] for row in rows]).astype(np.int64),
            np.zeros(len(rows), np.int64),
            np.zeros(len(rows), np.bool_),
        )
        stored(tmp_path, name, made, CENTS)

    result = candles(
        load_strategy(type("Rises2h", (Rises,), {"symbol": CENTS.symbol, "length": "2h"})),
        store=tmp_path,
        first="ours",
        second="theirs",
        profile="zero-latency",
        cash=Decimal(10_000_000),
    )

    assert (result.bars, result.turned) == (22_675, 1_131)
    assert [round(each) for each in result.close_bps] == [-268, 3, 285]
    assert len(result.flips) >= 2 * 1_000
    assert sum(result.parts.values()) == result.difference != 0


def test_the_command_prints_the_flips_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "rises.py").write_text(STRATEGY.replace("SYMBOL", SYMBOL))
    stored(tmp_path / "data", "ours", bars(CLOSES))
    stored(tmp_path / "data", "theirs", bars([*CLOSES[:7], 19_000, *CLOSES[8:]]))
    call = ["compare", "candles", "ours", "theirs", "--strategy", str(tmp_path / "rises.py")]
    call += ["--project", str(tmp_path), "--profile", "zero-latency"]

    shown = CliRunner().invoke(app, call)
    facts = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)

    assert shown.exit_code == 1
    assert "this bar differs" in shown.stdout
    assert len(facts["differing"]) == 2
    assert facts["flips"]
    total = sum(money(Decimal(each)) for each in facts["parts"].values())
    assert total == money(Decimal(facts["difference"])) != 0
