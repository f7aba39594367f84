"""Indicators outside of a run: over columns, for research and tests. Heavy: it needs the compiler.

A strategy asks `context.indicator` for the same ones.
"""

from tieout.market.indicators import (
    FAMILIES,
    INDICATORS,
    Definition,
    Indicator,
    PairIndicator,
    make_indicator,
    settling,
)

__all__ = [
    "FAMILIES",
    "INDICATORS",
    "Definition",
    "Indicator",
    "PairIndicator",
    "make_indicator",
    "settling",
]
