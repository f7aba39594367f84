"""TA-Lib as a second witness: where its convention is named, both give the same values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.support.indicators import walk
from tieout.market.indicators import Indicator, PairIndicator

talib: Any = pytest.importorskip("talib", reason="the extra `indicators` is not installed")

TICK = 0.25
"""A power of two: with 0.01 TA-Lib sees equal moves as unequal, and ADX takes another side."""
SMA_SEED: dict[str, float | str] = {"seed": "sma"}


class Witness(NamedTuple):
    """A function of TA-Lib, its inputs by their first letters, and what we call the same."""

    function: str
    inputs: str
    given: dict[str, float]
    name: str
    arguments: tuple[float | str, ...] = ()
    options: dict[str, float | str] = {}  # noqa: RUF012
    outputs: tuple[str, ...] = ()
    settled: int = 0
    """Rows after which two starts have come together."""


def period(count: int) -> dict[str, float]:
    return {"timeperiod": count}


FAST_SLOW: dict[str, float] = {"fastperiod": 12, "slowperiod": 26, "matype": 1}
WITNESSES = [
    Witness("SMA", "c", period(20), "sma", (20,)),
    Witness("EMA", "c", period(20), "ema", (20, "sma")),
    Witness("WMA", "c", period(20), "wma", (20,)),
    Witness("DEMA", "c", period(10), "dema", (10, "sma")),
    Witness("TEMA", "c", period(10), "tema", (10, "sma")),
    Witness("TRIMA", "c", period(11), "trima", (11,)),
    Witness("TRIMA", "c", period(12), "trima", (12,)),
    Witness("KAMA", "c", period(10), "kama", (10,)),
    Witness("T3", "c", {"timeperiod": 5, "vfactor": 0.7}, "t3", (5, 0.7, "sma")),
    Witness("MIDPOINT", "c", period(14), "midpoint", (14,)),
    Witness("MIDPRICE", "hl", period(14), "midprice", (14,)),
    Witness("MAX", "c", period(14), "highest", (14, "close")),
    Witness("MIN", "c", period(14), "lowest", (14, "close")),
    Witness("MACD", "c", {}, "macd", (), SMA_SEED, ("value", "signal", "histogram"), 250),
    Witness("APO", "c", FAST_SLOW, "apo", (), SMA_SEED, (), 250),
    Witness("PPO", "c", FAST_SLOW, "ppo", (), SMA_SEED, (), 250),
    Witness("RSI", "c", period(14), "rsi", (14,)),
    Witness(
        "STOCH", "hlc", {"fastk_period": 14, "slowk_period": 3, "slowd_period": 3},
        "stochastic", (), {}, ("value", "signal"),
    ),
    Witness("CCI", "hlc", period(20), "cci", (20,)),
    Witness("ROC", "c", period(10), "roc", (10,)),
    Witness("MOM", "c", period(10), "momentum", (10,)),
    Witness("WILLR", "hlc", period(14), "williams_r", (14,)),
    Witness("ULTOSC", "hlc", {}, "ultimate"),
    Witness("CMO", "c", period(14), "cmo", (14, "wilder")),
    Witness("TRIX", "c", period(10), "trix", (10, "sma")),
    Witness("BOP", "ohlc", {}, "balance_of_power"),
    Witness("TRANGE", "hlc", {}, "true_range"),
    Witness("ATR", "hlc", period(14), "atr", (14,), {"first_range": "skipped"}),
    Witness("NATR", "hlc", period(14), "natr", (14,), {"first_range": "skipped"}),
    Witness(
        "BBANDS", "c", {"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0},
        "bollinger", (), {}, ("upper", "middle", "lower"),
    ),
    Witness("STDDEV", "c", period(20), "deviation", (20,)),
    Witness("VAR", "c", period(20), "variance", (20,)),
    Witness("AVGDEV", "c", period(20), "mean_deviation", (20,)),
    Witness(
        "ACCBANDS", "hlc", period(20), "acceleration_bands", (), {}, ("upper", "middle", "lower")
    ),
    Witness("ADX", "hlc", period(14), "adx", (14, "short")),
    Witness("PLUS_DI", "hlc", period(14), "adx", (14, "short"), {}, ("plus",)),
    Witness("MINUS_DI", "hlc", period(14), "adx", (14, "short"), {}, ("minus",)),
    Witness("ADXR", "hlc", period(14), "adxr", (14, "short")),
    Witness("AROON", "hl", period(14), "aroon", (14,), {}, ("down", "up")),
    Witness("AROONOSC", "hl", period(14), "aroon", (14,)),
    Witness("SAR", "hl", {}, "parabolic_sar"),
    Witness("OBV", "cv", {}, "obv", ("volume",)),
    Witness("AD", "hlcv", {}, "accumulation"),
    Witness("ADOSC", "hlcv", {}, "accumulation_oscillator"),
    Witness("MFI", "hlcv", period(14), "money_flow", (14,)),
    Witness("LINEARREG", "c", period(14), "linear_regression", (14,)),
    Witness("LINEARREG_SLOPE", "c", period(14), "linear_regression", (14,), {}, ("slope",)),
    Witness("LINEARREG_INTERCEPT", "c", period(14), "linear_regression", (14,), {}, ("intercept",)),
    Witness("TSF", "c", period(14), "forecast", (14,)),
]  # fmt: skip


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda each: f"{each.function}-{each.outputs}")
def test_a_line_is_the_one_of_talib(witness: Witness) -> None:
    bars = walk(1_500)
    prices = {
        "o": bars.open_ticks * TICK, "h": bars.high_ticks * TICK, "l": bars.low_ticks * TICK,
        "c": bars.close_ticks * TICK, "v": bars.volume_lots.astype(np.float64),
    }  # fmt: skip
    told = getattr(talib, witness.function)(
        *(prices[each] for each in witness.inputs), **witness.given
    )
    wanted = told if isinstance(told, tuple) else (told,)

    made = Indicator(witness.name, *witness.arguments, tick=TICK, **witness.options)
    lines = made.extend(bars)

    for output, want in zip(witness.outputs or made.definition.outputs[:1], wanted, strict=True):
        there = ~np.isnan(want) & ~np.isnan(lines[output])
        there[: witness.settled] = False
        assert there.sum() > 1_000
        np.testing.assert_allclose(lines[output][there], want[there], rtol=1e-8, atol=1e-8)


def test_correlation_is_the_one_of_talib() -> None:
    one, two = walk(1_000), walk(1_000, seed=8)
    want = talib.CORREL(one.close_ticks * TICK, two.close_ticks * TICK, timeperiod=30)

    line = PairIndicator("correlation", 30).extend(one, two)["value"]

    there = ~np.isnan(line) & ~np.isnan(want)
    np.testing.assert_allclose(line[there], want[there], rtol=0, atol=1e-7)
