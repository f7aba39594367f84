"""Our values against those of LEAN's test files, which third parties computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from tests.support.indicators import table, table_bars, table_column
from tieout.market.indicators import Indicator, PairIndicator

if TYPE_CHECKING:
    from pathlib import Path


class Vector(NamedTuple):
    """A column of a file, what gives it, and how closely.

    The tolerance is LEAN's own, 1e-3, where the file's decimals or its rounded inputs allow it.
    """

    file: str
    column: str | int
    name: str
    arguments: tuple[float | str, ...] = ()
    options: dict[str, float | str] = {}  # noqa: RUF012
    output: str = ""
    tolerance: float = 1e-3
    rows: int = 250


SMA_SEED: dict[str, float | str] = {"seed": "sma"}
BANDS = "spy_bollinger_bands.txt"
CLOUD = "spy_with_ichimoku.csv"
FIRST = "spy_with_indicators.txt"
VECTORS = [
    Vector("spy_ad.txt", "ad", "accumulation"),
    Vector("spy_apo.txt", "apo_5_10", "apo", (5, 10, "sma")),
    Vector("spy_aroon_oscillator.txt", "aroon oscillator 14", "aroon", (14,)),
    Vector("spy_atr.txt", "average true range 14", "atr", (14, "sma")),
    Vector(BANDS, 5, "bollinger", (20, 2), output="middle"),
    Vector(BANDS, 6, "bollinger", (20, 2), output="upper"),
    Vector(BANDS, 7, "bollinger", (20, 2), output="lower"),
    Vector(BANDS, 8, "bollinger", (20, 2), output="width"),
    Vector(BANDS, 9, "bollinger", (20, 2), output="place"),
    Vector("spy_cmf.txt", "cmf_20", "chaikin_flow", (20,)),
    Vector("spy_heikin_ashi.txt", "ha_open", "heikin_ashi", output="open"),
    Vector("spy_heikin_ashi.txt", "ha_high", "heikin_ashi", output="high"),
    Vector("spy_heikin_ashi.txt", "ha_low", "heikin_ashi", output="low"),
    Vector("spy_heikin_ashi.txt", "ha_close", "heikin_ashi", output="close"),
    Vector("spy_hma.txt", "hma_16", "hma", (16,)),
    Vector("spy_kama.txt", "kama_5", "kama", (5,)),
    Vector("spy_logr14.txt", "logr14", "log_return", (14,)),
    Vector("spy_max.txt", "max_5", "highest", (5, "close")),
    Vector("spy_mfi.txt", "money flow index 20", "money_flow", (20,)),
    Vector("spy_midpoint.txt", "midpoint_5", "midpoint", (5,)),
    Vector("spy_natr.txt", "natr_5", "natr", (5,), {"first_range": "skipped"}),
    Vector("spy_ppo.txt", "ppo_5_10", "ppo", (5, 10, "sma")),
    Vector("spy_sarext.txt", "sar", "parabolic_sar"),
    Vector("spy_sr.txt", "sr_10", "sharpe", (10, 0.0), rows=60),
    Vector("spy_t3.txt", "t3_5", "t3", (5,), SMA_SEED),
    Vector("spy_tema.txt", "tema_5", "tema", (5,), SMA_SEED),
    Vector("spy_tr.txt", "tr", "true_range"),
    Vector("spy_trix.txt", "trix_5", "trix", (5,), SMA_SEED),
    Vector("spy_var.txt", "var", "variance", (10,)),
    Vector("spy_with_adx.txt", "adx 14", "adx", (14,)),
    Vector("spy_with_adx.txt", "+di14", "adx", (14,), output="plus"),
    Vector("spy_with_adx.txt", "-di14", "adx", (14,), output="minus"),
    Vector("spy_with_adx.txt", "adxr 14", "adxr", (14,)),
    Vector("spy_with_don50.txt", "donchian channels 50 top", "donchian", (50,), output="upper"),
    Vector("spy_with_don50.txt", "donchian channels 50 bottom", "donchian", (50,), output="lower"),
    Vector("spy_with_don50.txt", "donchian channels 50 mean", "donchian", (50,), output="middle"),
    # Closes of this file have two decimals, as its averages.
    Vector(FIRST, "sma14", "sma", (14,), tolerance=1e-2),
    Vector(FIRST, "ema14", "ema", (14, "sma"), tolerance=1e-2),
    Vector(FIRST, "macd 12 26", "macd", (), SMA_SEED),
    Vector(FIRST, "rsi 14", "rsi", (14, "sma")),
    Vector(FIRST, "rsi 14 wilder", "rsi", (14,)),
    Vector("spy_with_macd.txt", "macd", "macd", (), SMA_SEED, rows=180),
    Vector("spy_with_macd.txt", "signal", "macd", (), SMA_SEED, output="signal", rows=180),
    Vector("spy_with_macd.txt", "histogram", "macd", (), SMA_SEED, output="histogram", rows=180),
    # Volumes have seven digits here, and the sum grows to 2e9; LEAN compares three digits.
    Vector("spy_with_obv.txt", "obv", "obv", ("volume",), tolerance=5e3),
    Vector("spy_with_roc50.txt", "rate of change 50", "momentum", (50,)),
    Vector("spy_with_rma.csv", "rma5", "relative_average", (5,)),
    Vector("spy_with_rsv.csv", "rsv9", "rogers_satchell", (9,), tolerance=1e-12),
    Vector("spy_with_StochRSI.csv", "k", "stochastic_rsi"),
    Vector("spy_with_StochRSI.csv", "d", "stochastic_rsi", output="signal"),
    Vector("spy_with_chop.csv", "chop14", "choppiness", (14,)),
    Vector(CLOUD, "tenkan", "ichimoku", output="conversion"),
    Vector(CLOUD, "kijun", "ichimoku", output="base"),
    Vector(CLOUD, "senkou a", "ichimoku", output="first_span"),
    Vector(CLOUD, "senkou b", "ichimoku", output="second_span"),
    Vector("spy_with_vtx.csv", "plus_vtx", "vortex", (14,), output="plus"),
    Vector("spy_with_vtx.csv", "minus_vtx", "vortex", (14,), output="minus"),
    Vector("spy_with_vwap.txt", "moving vwap 50", "vwap", (50, "all")),
    Vector("spy_with_zlema.csv", "zlema5", "zlema", (5,), SMA_SEED),
    Vector("spx_lwma.csv", "lwma", "wma", (6,), rows=17),
    Vector("spy_adr.csv", "adr", "average_range", (20,)),
    Vector("spy_crsi.csv", "crsi", "connors_rsi", (3, 2, 100, "keep")),
    Vector("spy_ema.csv", "ema14", "ema", (14, "sma")),
    Vector("spy_tsf.csv", "tsf", "forecast", (5,)),
    Vector("spy_valueatrisk.csv", "var_99", "value_at_risk", (252, 0.99), tolerance=1e-12),
    Vector("spy_valueatrisk.csv", "var_95", "value_at_risk", (252, 0.95), tolerance=1e-12),
    Vector("spy_valueatrisk.csv", "var_90", "value_at_risk", (252, 0.9), tolerance=1e-12),
]
OF_THEIR_OWN = {"zigzag", "correlation", "beta"}
"""Indicators whose files are read by the tests below."""


@pytest.fixture(scope="session")
def vectors(test_data: Path) -> Path:
    """Return the folder of LEAN's files."""
    return test_data / "lean" / "testdata"


@pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda each: f"{each.name}-{each.output or 'value'}-{each.file}"
)
def test_a_line_is_the_one_of_the_file(vector: Vector, vectors: Path) -> None:
    file = table(vectors / vector.file)
    bars, tick = table_bars(file)
    made = Indicator(vector.name, *vector.arguments, tick=tick, **vector.options)

    line = made.extend(bars)[vector.output or made.definition.outputs[0]]

    wanted = table_column(file, vector.column)
    both = ~np.isnan(line) & ~np.isnan(wanted)
    assert both.sum() >= vector.rows
    assert np.abs(line - wanted)[both].max() <= vector.tolerance


def two_symbols(file: Path, first: str, second: str, column: str) -> tuple[Any, Any, Any]:
    """Return the bars of two symbols whose rows alternate, and a column of the second's rows."""
    head, rows = table(file)
    parts = [(head, [row for row in rows if row[0] == name]) for name in (first, second)]
    (one, _), (two, _) = (table_bars(part) for part in parts)
    return one, two, table_column(parts[1], column)


def test_correlation_is_the_one_of_the_file(vectors: Path) -> None:
    one, two, wanted = two_symbols(
        vectors / "spy_qqq_corr.csv", "SPY", "QQQ", "correlation_pearson"
    )

    line = PairIndicator("correlation", 252).extend(one, two)["value"]

    there = ~np.isnan(line)
    assert there.sum() > 3_000
    assert np.abs(line - wanted)[there].max() <= 1e-3


def test_beta_is_the_one_of_the_file(vectors: Path) -> None:
    one, two, wanted = two_symbols(vectors / "bi_datatest.csv", "AMZN", "SPX", "beta")

    rows = min(len(one), len(two))
    line = PairIndicator("beta", 5).extend(one.rows(0, rows), two.rows(0, rows))["value"]

    there = ~np.isnan(line)
    assert there.sum() > 15
    assert np.abs(line - wanted[:rows])[there].max() <= 1e-3


def test_turns_of_the_zigzag_are_those_of_the_file(vectors: Path) -> None:
    file = table(vectors / "spy_zigzag.csv")
    bars, tick = table_bars(file)

    lines = Indicator("zigzag", 5.0, 10, tick=tick).extend(bars)

    # The file marks each turn at its own bar, which is known once the next leg has begun.
    ended = np.flatnonzero(np.diff(lines["side"]) != 0)
    turns = lines["value"][ended][~np.isnan(lines["side"][ended])]
    wanted = table_column(file, "zigzag")
    wanted = wanted[~np.isnan(wanted)]
    assert len(turns) >= len(wanted) - 2
    assert set(wanted.tolist()) <= {*turns.tolist(), float(lines["value"][-1])}


def test_forty_indicators_are_compared_at_least() -> None:
    assert len({each.name for each in VECTORS} | OF_THEIR_OWN) >= 40
