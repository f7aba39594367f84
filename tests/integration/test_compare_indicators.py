"""Another platform's column is explained by the convention that gives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support.indicators import walk
from tieout.cli import app
from tieout.errors import InputError
from tieout.market.indicators import Indicator
from tieout.wiring.conventions import Explanation, explain_indicator

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.model.columns import BarColumns

TICK = 0.01
ROWS = 300


def chart(path: Path, bars: BarColumns, values: Any) -> Path:
    """Write bars and what another platform says of them."""
    columns = (bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks)
    lines = ["Time,Open,High,Low,Close,Volume,Theirs"]
    for row, value in enumerate(values):
        prices = ",".join(f"{each[row] * TICK:.2f}" for each in columns)
        text = "" if np.isnan(value) else repr(float(value))
        lines.append(f"{row},{prices},{bars.volume_lots[row]},{text}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def line(
    name: str, *arguments: Any, bars: BarColumns, output: str = "value", **options: Any
) -> Any:
    return Indicator(name, *arguments, tick=TICK, **options).extend(bars)[output]


def explained(path: Path, name: str, **arguments: Any) -> Explanation:
    return explain_indicator(path, indicator=name, column="theirs", arguments=arguments)


def test_what_is_ours_needs_no_cause(tmp_path: Path) -> None:
    bars = walk(ROWS)
    file = chart(tmp_path / "a.csv", bars, line("rsi", 14, bars=bars))

    result = explained(file, "rsi", window=14)

    assert result.same
    assert result.difference == 0.0
    assert result.rows == ROWS - 14


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rsi", {"average": "sma"}),
        ("rsi", {"average": "ema", "seed": "first"}),
        ("atr", {"first_range": "skipped"}),
        ("deviation", {"deviation": "sample"}),
        ("stochastic", {"average": "ema", "seed": "sma"}),
    ],
)
def test_other_words_are_found(name: str, options: dict[str, str], tmp_path: Path) -> None:
    bars = walk(ROWS)
    file = chart(tmp_path / "a.csv", bars, line(name, bars=bars, **options))

    result = explained(file, name)

    assert result.causes == ("arguments",)
    assert result.found is not None
    assert {each: result.found.arguments[each] for each in options} == options


@pytest.mark.parametrize("shift", [-2, 1])
def test_stamps_that_are_rows_apart_are_found(shift: int, tmp_path: Path) -> None:
    bars = walk(ROWS)
    moved = np.roll(line("sma", 20, bars=bars), shift)
    moved[: max(shift, 0)] = np.nan
    moved[len(moved) + min(shift, 0) :] = np.nan
    file = chart(tmp_path / "a.csv", bars, moved)

    result = explained(file, "sma", window=20)

    assert result.causes == ("stamps",)
    assert result.found is not None
    assert result.found.shift == shift


def test_a_seed_and_stamps_together_are_found(tmp_path: Path) -> None:
    bars = walk(ROWS)
    late = np.roll(line("macd", bars=bars, seed="sma", output="signal"), 1)
    file = chart(tmp_path / "a.csv", bars, late)

    result = explained(file, "macd")

    assert result.causes == ("arguments", "stamps")
    assert result.found is not None
    assert (result.found.output, result.found.shift) == ("signal", 1)


def test_another_price_is_found(tmp_path: Path) -> None:
    bars = walk(ROWS)
    typical = (bars.high_ticks + bars.low_ticks + bars.close_ticks) / 3.0 * TICK
    theirs = np.full(ROWS, np.nan)
    theirs[19:] = np.convolve(typical, np.ones(20) / 20, "valid")
    file = chart(tmp_path / "a.csv", bars, theirs)

    result = explained(file, "sma", window=20)

    assert result.causes == ("prices",)
    assert result.found is not None
    assert result.found.prices == "(high + low + close) / 3"


def test_a_longer_past_is_found(tmp_path: Path) -> None:
    bars = walk(900)
    theirs = line("wilder", 20, bars=bars)[300:]
    file = chart(tmp_path / "a.csv", bars.rows(300, 900), theirs)

    result = explained(file, "wilder", window=20)

    assert result.causes == ("warm_up",)
    assert result.found is not None
    assert 20 < result.found.unsettled < 300


@pytest.mark.parametrize("name", ["sharpe", "sortino"])
def test_the_rate_is_found(name: str, tmp_path: Path) -> None:
    bars = walk(ROWS)
    file = chart(tmp_path / "a.csv", bars, line(name, 30, 0.00015, bars=bars))

    result = explained(file, name, window=30)
    told = explained(file, name, window=30, risk_free_rate=0.00015)

    assert result.causes == ("risk_free_rate",)
    assert result.found is not None
    assert result.found.arguments["risk_free_rate"] == pytest.approx(0.00015, abs=1e-8)
    assert result.difference is None
    assert told.same


def test_what_nobody_knows_is_not_explained(tmp_path: Path) -> None:
    bars = walk(ROWS)
    noise = np.random.default_rng(1).normal(50, 10, ROWS)
    file = chart(tmp_path / "a.csv", bars, noise)

    result = explained(file, "rsi", window=14)

    assert (result.found, result.causes, result.same) == (None, (), False)
    assert result.difference is not None


def test_the_command_tells_the_cause_and_exits_1(tmp_path: Path) -> None:
    bars = walk(ROWS)
    file = chart(tmp_path / "a.csv", bars, line("ema", 20, "sma", bars=bars))
    call = ["compare", "indicators", str(file), "--indicator", "ema", "--column", "Theirs"]

    told = CliRunner().invoke(app, [*call, "--set", "window=20"])
    facts = CliRunner().invoke(app, [*call, "--set", "window=20", "--json"])
    same = CliRunner().invoke(app, [*call, "--set", "window=20", "--set", "seed=sma"])

    assert told.exit_code == facts.exit_code == 1
    assert "with:\n    seed=sma\n" in told.stdout
    assert json.loads(facts.stdout)["causes"] == ["arguments"]
    assert same.exit_code == 0
    assert "theirs are ours: value" in same.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("close\n1\n", "no column 'theirs'; it has close"),
        ("open,theirs\n1,2\n", "no column 'close'"),
        ("close,theirs\n1,2\n", "has 1 values; at least 10"),
        ("close,theirs\nx,2\n", "a row is not numbers"),
        ("close,theirs\nNaN,2\n", "a row is not numbers"),
        ("close,theirs\n0.1234567891,2\n", "prices have 10 decimals"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=told):
        explained(file, "sma", window=2)
    with pytest.raises(InputError, match="no such file"):
        explained(tmp_path / "b.csv", "sma", window=2)
    with pytest.raises(InputError, match="two streams"):
        explained(file, "beta", window=2)
