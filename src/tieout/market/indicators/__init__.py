"""Indicators: one compiled step each, bar by bar and over columns, the same bits both ways."""

from tieout.market.indicators.definitions import Definition, Parameter
from tieout.market.indicators.indicator import (
    Indicator,
    OtherStream,
    PairIndicator,
    make_indicator,
)
from tieout.market.indicators.registry import FAMILIES, INDICATORS, indicator_named
from tieout.market.indicators.settling import settling

__all__ = [
    "FAMILIES",
    "INDICATORS",
    "Definition",
    "Indicator",
    "OtherStream",
    "PairIndicator",
    "Parameter",
    "indicator_named",
    "make_indicator",
    "settling",
]
