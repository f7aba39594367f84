"""Lines through closes, ranks, returns and what they risk, and two streams together."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

from tieout.market.indicators import _statistics_compiled as steps
from tieout.market.indicators._layout import RING
from tieout.market.indicators.definitions import (
    Definition,
    choice,
    deviation,
    number,
    window,
)

__all__ = ["STATISTICS_DEFINED"]

_PRICE: Final = ("price",)
_PERCENT: Final = ("percent",)
_RATIO: Final = ("ratio",)
_RATE: Final = number("risk_free_rate", least=-1.0, most=1.0)

STATISTICS_DEFINED: Final = (
    Definition(
        name="linear_regression",
        step=steps.linear_regression,
        parameters=(window(14, least=2),),
        outputs=("value", "slope", "intercept", "explained"),
        units=(*_PRICE * 3, "ratio"),
        memory=lambda window: RING + window,
        warm_up=lambda window: window,
        formula="least squares line through n closes: now, a bar, at the oldest bar, R²",
    ),
    Definition(
        name="forecast",
        step=steps.forecast,
        parameters=(window(14, least=2),),
        units=_PRICE,
        memory=lambda window: RING + window,
        warm_up=lambda window: window,
        formula="least squares line through n closes, one bar ahead",
    ),
    Definition(
        name="log_return",
        step=steps.log_return,
        parameters=(window(1),),
        units=_RATIO,
        memory=lambda window: RING + window + 1,
        warm_up=lambda window: window + 1,
        formula="ln(close / close of n bars ago); 0 where one is not positive",
    ),
    Definition(
        name="zscore",
        step=steps.zscore,
        parameters=(window(20, least=2), deviation()),
        units=_RATIO,
        memory=lambda window, **_: RING + window,
        warm_up=lambda window, **_: window,
        formula="(close − mean) / deviation; 0 when flat",
    ),
    Definition(
        name="percent_rank",
        step=steps.percent_rank,
        parameters=(window(100),),
        units=_PERCENT,
        memory=lambda window: RING + window,
        warm_up=lambda window: window + 1,
        formula="100·(closes of the n bars before that are ≤ this one) / n",
    ),
    Definition(
        name="sharpe",
        step=steps.sharpe,
        parameters=(window(least=2), _RATE, deviation()),
        units=_RATIO,
        memory=lambda window, **_: 1 + RING + window,
        warm_up=lambda window, **_: window + 1,
        formula="(mean return − rate) / deviation of returns, rate a bar, not scaled to a year",
        source="Sharpe 1966",
    ),
    Definition(
        name="sortino",
        step=steps.sortino,
        parameters=(window(least=2), _RATE),
        units=_RATIO,
        memory=lambda window, **_: 1 + RING + window,
        warm_up=lambda window, **_: window + 1,
        formula="(mean return − rate) / √mean of min(return − rate, 0)², rate a bar",
        source="Sortino and Price 1994",
    ),
    Definition(
        name="value_at_risk",
        step=steps.value_at_risk,
        parameters=(
            window(least=2),
            number("confidence", 0.95, least=0.5, most=0.999999),
        ),
        units=_RATIO,
        memory=lambda window, **_: 1 + RING + window,
        warm_up=lambda window, **_: window + 1,
        formula="mean return + z·sample deviation of returns, z the normal quantile",
        source="RiskMetrics 1996",
        numbers=lambda window, confidence: (
            float(window),
            NormalDist().inv_cdf(1.0 - confidence),
        ),
    ),
    Definition(
        name="drawdown",
        step=steps.drawdown,
        parameters=(window(),),
        units=_PERCENT,
        memory=lambda window: RING + window,
        warm_up=lambda window: window,
        formula="100·(close / highest close of n bars − 1)",
    ),
    Definition(
        name="correlation",
        step=steps.correlation,
        parameters=(window(least=2), choice("source", "close", "returns")),
        units=_RATIO,
        memory=lambda window, **_: 2 * (1 + RING + window),
        warm_up=lambda window, source: window + (source == "returns"),
        formula="Pearson's correlation with another stream, of closes or returns; 0 when flat",
        streams=2,
    ),
    Definition(
        name="beta",
        step=steps.beta,
        parameters=(window(least=2),),
        units=_RATIO,
        memory=lambda window: 2 * (1 + RING + window),
        warm_up=lambda window: window + 1,
        formula="covariance of returns with those of another stream / variance of those",
        streams=2,
    ),
    Definition(
        name="spread",
        step=steps.spread,
        parameters=(window(20, least=2), deviation()),
        units=_RATIO,
        memory=lambda window, **_: RING + window,
        warm_up=lambda window, **_: window,
        formula="ln(close / other close) in deviations from its mean; 0 when flat",
        streams=2,
    ),
)
