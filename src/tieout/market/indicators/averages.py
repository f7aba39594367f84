"""Moving averages and other levels that follow the price."""

from __future__ import annotations

from typing import Final

from tieout.market.indicators import _averages_compiled as steps
from tieout.market.indicators._layout import EXTREME, MEAN, RING, SEEDS, SUM
from tieout.market.indicators.definitions import (
    Definition,
    choice,
    number,
    seed,
    window,
)

__all__ = ["AVERAGES_DEFINED"]

_PRICE: Final = ("price",)


def _hull(window: int) -> tuple[int, int]:
    """Return half of a window and its square root, both to the nearest whole, at least 1."""
    return max(round(window / 2), 1), max(round(window**0.5), 1)


def _lag(window: int) -> int:
    return (window - 1) // 2


AVERAGES_DEFINED: Final = (
    Definition(
        name="sma",
        step=steps.sma,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: SUM + window,
        warm_up=lambda window: window,
        formula="mean of the last n closes",
    ),
    Definition(
        name="relative_average",
        step=steps.relative_average,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: 3 * SUM + 6 * window,
        warm_up=lambda window: 3 * window,
        formula="SMA(n) − SMA(2n) + SMA(3n); some call this RMA, others mean `wilder`",
    ),
    Definition(
        name="ema",
        step=steps.ema,
        parameters=(window(), seed()),
        units=_PRICE,
        memory=lambda window, **_: MEAN + window,
        warm_up=lambda window, **_: window,
        formula="m + 2/(n + 1)·(close − m), from the first close or the first full mean",
    ),
    Definition(
        name="wilder",
        step=steps.wilder,
        parameters=(window(), seed("sma")),
        units=_PRICE,
        memory=lambda window, **_: MEAN + window,
        warm_up=lambda window, **_: window,
        formula="m + (close − m)/n; also called RMA or SMMA",
        source="Wilder 1978",
    ),
    Definition(
        name="wma",
        step=steps.wma,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: MEAN + window,
        warm_up=lambda window: window,
        formula="Σ i·close / Σ i, i = 1 … n, the newest weighs n; also called LWMA",
    ),
    Definition(
        name="hma",
        step=steps.hma,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: 3 * MEAN + window + sum(_hull(window)),
        warm_up=lambda window: max(window, _hull(window)[0]) + _hull(window)[1] - 1,
        formula="WMA over √n of 2·WMA(n/2) − WMA(n); halves and roots to the nearest",
        source="Hull 2005",
        numbers=lambda window: (float(window), *map(float, _hull(window))),
    ),
    Definition(
        name="dema",
        step=steps.dema,
        parameters=(window(), seed()),
        units=_PRICE,
        memory=lambda window, **_: 2 * (MEAN + window),
        warm_up=lambda window, **_: 2 * window - 1,
        formula="2·EMA − EMA(EMA)",
        source="Mulloy 1994",
    ),
    Definition(
        name="tema",
        step=steps.tema,
        parameters=(window(), seed()),
        units=_PRICE,
        memory=lambda window, **_: 3 * (MEAN + window),
        warm_up=lambda window, **_: 3 * window - 2,
        formula="3·EMA − 3·EMA(EMA) + EMA(EMA(EMA))",
        source="Mulloy 1994",
    ),
    Definition(
        name="trima",
        step=steps.trima,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: 2 * (MEAN + window) + 2,
        warm_up=lambda window: window,
        formula="mean over (n + 1)/2 of the mean over n/2 + 1, both rounded down",
    ),
    Definition(
        name="kama",
        step=steps.kama,
        parameters=(window(), window(2, "fast"), window(30, "slow"), choice("seed", "last", "sma")),
        units=_PRICE,
        memory=lambda window, **_: 2 + RING + 2 * window + SUM,
        warm_up=lambda window, **_: window + 1,
        formula="k + (e·(2/(f + 1) − 2/(s + 1)) + 2/(s + 1))²·(close − k), e = |move| / path",
        source="Kaufman 1995",
    ),
    Definition(
        name="zlema",
        step=steps.zlema,
        parameters=(window(), seed()),
        units=_PRICE,
        memory=lambda window, **_: MEAN + window + RING + _lag(window) + 1,
        warm_up=lambda window, **_: window + _lag(window),
        formula="EMA of 2·close − close of (n − 1)/2 bars ago, rounded down",
        source="Ehlers and Way 2010",
        numbers=lambda window, seed: (float(window), float(SEEDS[seed]), float(_lag(window))),
    ),
    Definition(
        name="t3",
        step=steps.t3,
        parameters=(window(), number("factor", 0.7, most=1.0), seed()),
        units=_PRICE,
        memory=lambda window, **_: 6 * (MEAN + window),
        warm_up=lambda window, **_: 6 * window - 5,
        formula="GD(GD(GD(close))), GD = (1 + v)·EMA − v·EMA(EMA), of six averages in a row",
        source="Tillson 1998",
    ),
    Definition(
        name="alma",
        step=steps.alma,
        parameters=(
            window(),
            number("offset", 0.85, most=1.0),
            number("sigma", 6.0, least=0.1, most=1000.0),
        ),
        units=_PRICE,
        memory=lambda window, **_: 2 * window + 1 + RING,
        warm_up=lambda window, **_: window,
        formula="mean with weights exp(−(i − o·(n − 1))² / (2·(n/σ)²)), i = 0 the oldest",
        source="Legoux and Kouzis-Loukas 2009",
    ),
    Definition(
        name="frama",
        step=steps.frama,
        parameters=(
            window(16, least=2),
            window(198, "longest"),
            choice("source", "middle", "close"),
        ),
        units=_PRICE,
        memory=lambda window, **_: 1 + RING + window,
        warm_up=lambda window, **_: window,
        formula="a·price + (1 − a)·f, a = exp(ln(2/(L + 1))·(D − 1)) in 0.01 … 1, D the dimension",
        source="Ehlers 2005",
    ),
    Definition(
        name="vwma",
        step=steps.vwma,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: RING + window + 2 * (SUM + window),
        warm_up=lambda window: window,
        formula="Σ close·lots / Σ lots over n bars",
    ),
    Definition(
        name="vwap",
        step=steps.vwap,
        parameters=(window(), choice("source", "typical", "all")),
        units=_PRICE,
        memory=lambda window, **_: RING + window + 2 * (SUM + window),
        warm_up=lambda window, **_: window,
        formula="Σ price·lots / Σ lots over n bars, price = (h + l + c)/3 or (o + h + l + c)/4",
    ),
    Definition(
        name="mcginley",
        step=steps.mcginley,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: 1,
        warm_up=lambda window: window,
        formula="m + (close − m) / max(1, n·(close/m)⁴), from the first close",
        source="McGinley 1990",
    ),
    Definition(
        name="vidya",
        step=steps.vidya,
        parameters=(window(), window(9, "momentum")),
        units=_PRICE,
        memory=lambda momentum, **_: 2 + 2 * (SUM + momentum),
        warm_up=lambda window, momentum: max(window, momentum + 1),
        formula="v + 2/(n + 1)·|CMO|/100·(close − v)",
        source="Chande 1992",
    ),
    Definition(
        name="midpoint",
        step=steps.midpoint,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: 2 * (EXTREME + 2 * window),
        warm_up=lambda window: window,
        formula="(highest close + lowest close) / 2",
    ),
    Definition(
        name="midprice",
        step=steps.midprice,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: 2 * (EXTREME + 2 * window),
        warm_up=lambda window: window,
        formula="(highest high + lowest low) / 2",
    ),
    Definition(
        name="highest",
        step=steps.highest,
        parameters=(window(), choice("source", "high", "close")),
        units=_PRICE,
        memory=lambda window, **_: EXTREME + 2 * window,
        warm_up=lambda window, **_: window,
        formula="highest high, or close, of n bars",
    ),
    Definition(
        name="lowest",
        step=steps.lowest,
        parameters=(window(), choice("source", "low", "close")),
        units=_PRICE,
        memory=lambda window, **_: EXTREME + 2 * window,
        warm_up=lambda window, **_: window,
        formula="lowest low, or close, of n bars",
    ),
    Definition(
        name="median",
        step=steps.rolling_median,
        parameters=(window(),),
        units=_PRICE,
        memory=lambda window: RING + 2 * window,
        warm_up=lambda window: window,
        formula="median of the last n closes",
    ),
)
