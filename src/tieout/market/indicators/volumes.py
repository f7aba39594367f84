"""Prices weighed by what traded; volume is in lots."""

from __future__ import annotations

from typing import Final

from tieout.market.indicators import _volumes_compiled as steps
from tieout.market.indicators._layout import MEAN, RING, SUM
from tieout.market.indicators.definitions import (
    Definition,
    average,
    choice,
    number,
    seed,
    window,
)

__all__ = ["VOLUMES_DEFINED"]

_LOTS: Final = ("lots",)
_PERCENT: Final = ("percent",)
_RATIO: Final = ("ratio",)

VOLUMES_DEFINED: Final = (
    Definition(
        name="obv",
        step=steps.obv,
        parameters=(choice("start", "zero", "volume"),),
        units=_LOTS,
        memory=lambda **_: 2,
        warm_up=lambda start: 1 if start == "volume" else 2,
        formula="Σ lots with the sign of the change of close, from 0 or from the first volume",
        source="Granville 1963",
    ),
    Definition(
        name="accumulation",
        step=steps.accumulation,
        units=_LOTS,
        memory=lambda: 1,
        warm_up=lambda: 1,
        formula="Σ lots·((close − low) − (high − close)) / (high − low)",
        source="Chaikin",
    ),
    Definition(
        name="accumulation_oscillator",
        step=steps.accumulation_oscillator,
        parameters=(window(3, "fast"), window(10, "slow"), seed()),
        units=_LOTS,
        memory=lambda fast, slow, **_: 1 + 2 * MEAN + fast + slow,
        warm_up=lambda fast, slow, **_: max(fast, slow),
        formula="EMA(fast) − EMA(slow) of accumulation",
        source="Chaikin",
    ),
    Definition(
        name="money_flow",
        step=steps.money_flow,
        parameters=(window(14),),
        units=_PERCENT,
        memory=lambda window: 1 + 2 * (RING + window),
        warm_up=lambda window: window + 1,
        formula="RSI of typical price·lots by the sign of its change; 50 when nothing changed",
        source="Quong and Soudack 1989",
    ),
    Definition(
        name="chaikin_flow",
        step=steps.chaikin_flow,
        parameters=(window(20),),
        units=_RATIO,
        memory=lambda window: RING + window + SUM + window,
        warm_up=lambda window: window,
        formula="Σ lots·((close − low) − (high − close))/(high − low) / Σ lots; 0 without volume",
        source="Chaikin",
    ),
    Definition(
        name="force_index",
        step=steps.force_index,
        parameters=(window(13), average("ema"), seed()),
        units=("price·lots",),
        memory=lambda window, **_: 1 + MEAN + window,
        warm_up=lambda window, **_: window + 1,
        formula="average of change·lots",
        source="Elder 1993",
    ),
    Definition(
        name="ease_of_movement",
        step=steps.ease_of_movement,
        parameters=(window(14), number("scale", 1.0)),
        units=("price²/lots",),
        memory=lambda window, **_: 1 + MEAN + window,
        warm_up=lambda window, **_: window + 1,
        formula="mean of change of (high + low)/2 · (high − low) · scale / lots; 0 without volume",
        source="Arms 1996",
    ),
    Definition(
        name="relative_volume",
        step=steps.relative_volume,
        parameters=(window(20),),
        units=_RATIO,
        memory=lambda window: SUM + window,
        warm_up=lambda window: window + 1,
        formula="lots / mean lots of the n bars before; 1 where those had none",
    ),
    Definition(
        name="price_volume_trend",
        step=steps.price_volume_trend,
        units=_LOTS,
        memory=lambda: 2,
        warm_up=lambda: 2,
        formula="Σ lots·(close / last close − 1)",
    ),
    Definition(
        name="volume_index",
        step=steps.volume_index,
        outputs=("negative", "positive"),
        units=_RATIO * 2,
        memory=lambda: 4,
        warm_up=lambda: 2,
        formula="from 1000, grown by the return of bars with less volume; with more volume",
        source="Dysart 1936, Fosback 1976",
    ),
    Definition(
        name="volume_oscillator",
        step=steps.volume_oscillator,
        parameters=(window(5, "fast"), window(10, "slow"), average("ema"), seed()),
        units=_PERCENT,
        memory=lambda fast, slow, **_: 2 * MEAN + fast + slow,
        warm_up=lambda fast, slow, **_: max(fast, slow),
        formula="100·(average(fast) − average(slow)) / average(slow) of lots; 0 without volume",
    ),
    Definition(
        name="klinger",
        step=steps.klinger,
        parameters=(window(34, "fast"), window(55, "slow"), window(13, "signal"), seed()),
        outputs=("value", "signal"),
        units=_LOTS * 2,
        memory=lambda fast, slow, signal, **_: 1 + 3 * MEAN + fast + slow + signal,
        warm_up=lambda fast, slow, signal, **_: max(fast, slow) + signal,
        formula="EMA(fast) − EMA(slow) of lots with the sign of the change of h + l + c; its EMA",
        source="Klinger 1997, signed volume as charts draw it",
    ),
)
