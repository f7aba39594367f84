"""Which way prices go, and where they turned."""

from __future__ import annotations

from typing import Final

from tieout.market.indicators import _trends_compiled as steps
from tieout.market.indicators._layout import EXTREME, MEAN, RING, SUM
from tieout.market.indicators.definitions import (
    Definition,
    average,
    choice,
    number,
    seed,
    window,
)

__all__ = ["TRENDS_DEFINED"]

_PRICE: Final = ("price",)
_PERCENT: Final = ("percent",)

TRENDS_DEFINED: Final = (
    Definition(
        name="adx",
        step=steps.adx,
        parameters=(window(14, least=2), choice("start", "full", "short")),
        outputs=("value", "plus", "minus"),
        units=_PERCENT * 3,
        memory=lambda window, **_: 9 + MEAN + window,
        warm_up=lambda window, **_: 2 * window,
        formula="Wilder average of 100·|+DI − −DI| / (+DI + −DI); +DI; −DI",
        source="Wilder 1978",
    ),
    Definition(
        name="adxr",
        step=steps.adxr,
        parameters=(window(14, least=2), choice("start", "full", "short")),
        outputs=("value", "plus", "minus"),
        units=_PERCENT * 3,
        memory=lambda window, **_: 9 + MEAN + window + RING + window,
        warm_up=lambda window, **_: 3 * window - 1,
        formula="(ADX + ADX of n − 1 bars ago) / 2; +DI; −DI",
        source="Wilder 1978",
    ),
    Definition(
        name="aroon",
        step=steps.aroon,
        parameters=(window(14),),
        outputs=("value", "up", "down"),
        units=_PERCENT * 3,
        memory=lambda window: 2 * (EXTREME + 2 * (window + 1)),
        warm_up=lambda window: window + 1,
        formula="up − down; 100·(n − age of the highest high)/n of n + 1 bars; of the lowest low",
        source="Chande 1995",
    ),
    Definition(
        name="vortex",
        step=steps.vortex,
        parameters=(window(14),),
        outputs=("plus", "minus"),
        units=("ratio", "ratio"),
        memory=lambda window: 3 + 3 * (SUM + window),
        warm_up=lambda window: window + 1,
        formula="Σ|high − last low| / Σ true range; Σ|low − last high| / Σ true range",
        source="Botes and Siepman 2010",
    ),
    Definition(
        name="parabolic_sar",
        step=steps.parabolic_sar,
        parameters=(
            number("start", 0.02, most=1.0),
            number("growth", 0.02, most=1.0),
            number("largest", 0.2, most=1.0),
        ),
        outputs=("value", "side"),
        units=("price", "side"),
        memory=lambda **_: 6,
        warm_up=lambda **_: 2,
        formula="stop + pace·(extreme − stop), outside of the last two bars, turned where reached",
        source="Wilder 1978",
    ),
    Definition(
        name="supertrend",
        step=steps.supertrend,
        parameters=(window(10), number("ranges", 3.0), average("wilder"), seed("sma")),
        outputs=("value", "side"),
        units=("price", "side"),
        memory=lambda window, **_: 4 + MEAN + window,
        warm_up=lambda window, **_: window,
        formula="(high + low)/2 ∓ k·ATR, which moves with the trend only; a close beyond turns it",
        source="Seban 2008",
    ),
    Definition(
        name="ichimoku",
        step=steps.ichimoku,
        parameters=(
            window(9, "conversion"),
            window(26, "base"),
            window(52, "span"),
            window(26, "ahead"),
        ),
        outputs=("conversion", "base", "first_span", "second_span"),
        units=_PRICE * 4,
        memory=lambda conversion, base, span, ahead: (
            6 * EXTREME + 4 * (conversion + base + span) + 2 * (RING + ahead + 1)
        ),
        warm_up=lambda conversion, base, span, ahead: max(conversion, base, span) + ahead,
        formula="middles of three ranges; the spans are those of 26 bars ago, as drawn at this bar",
        source="Hosoda 1969",
    ),
    Definition(
        name="heikin_ashi",
        step=steps.heikin_ashi,
        outputs=("close", "open", "high", "low"),
        units=_PRICE * 4,
        memory=lambda: 2,
        warm_up=lambda: 1,
        formula="(o + h + l + c)/4; mean of the last such open and close; extremes with both",
    ),
    Definition(
        name="zigzag",
        step=steps.zigzag,
        parameters=(number("percent", 5.0, least=1e-6, most=100.0), window(1, "shortest")),
        outputs=("value", "side"),
        units=("price", "side"),
        memory=lambda **_: 3,
        warm_up=lambda shortest, **_: shortest + 1,
        formula="extreme of the leg under way; a move of p percent against it begins the next one",
    ),
    Definition(
        name="fractal",
        step=steps.fractal,
        parameters=(window(2, "reach"),),
        outputs=("top", "bottom", "turn"),
        units=("price", "price", "side"),
        memory=lambda reach: 2 * (RING + 2 * reach + 1),
        warm_up=lambda reach: 2 * reach + 1,
        formula="last high above n highs on both sides; last such low; 0.0 before there was one",
        source="Williams 1995",
    ),
    Definition(
        name="pivot",
        step=steps.pivot,
        parameters=(window(1),),
        outputs=(
            "value",
            "first_resistance",
            "second_resistance",
            "first_support",
            "second_support",
        ),
        units=_PRICE * 5,
        memory=lambda window: 2 * (EXTREME + 2 * window),
        warm_up=lambda window: window,
        formula="p = (highest + lowest + close)/3; 2p − lowest; p + range; 2p − highest; p − range",
    ),
    Definition(
        name="chandelier",
        step=steps.chandelier,
        parameters=(window(22), number("ranges", 3.0), average("wilder"), seed("sma")),
        outputs=("long", "short"),
        units=_PRICE * 2,
        memory=lambda window, **_: 1 + 2 * (EXTREME + 2 * window) + MEAN + window,
        warm_up=lambda window, **_: window,
        formula="highest high − k·ATR; lowest low + k·ATR",
        source="Le Beau 1999",
    ),
)
