"""All indicators by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.errors import SettingsError
from tieout.market.indicators.averages import AVERAGES_DEFINED
from tieout.market.indicators.oscillators import OSCILLATORS_DEFINED
from tieout.market.indicators.statistics import STATISTICS_DEFINED
from tieout.market.indicators.trends import TRENDS_DEFINED
from tieout.market.indicators.volatility import VOLATILITY_DEFINED
from tieout.market.indicators.volumes import VOLUMES_DEFINED

if TYPE_CHECKING:
    from tieout.market.indicators.definitions import Definition

__all__ = ["FAMILIES", "INDICATORS", "indicator_named"]

FAMILIES: Final[dict[str, tuple[Definition, ...]]] = {
    "averages and levels": AVERAGES_DEFINED,
    "oscillators": OSCILLATORS_DEFINED,
    "volatility and bands": VOLATILITY_DEFINED,
    "trends and turns": TRENDS_DEFINED,
    "volume": VOLUMES_DEFINED,
    "statistics": STATISTICS_DEFINED,
}
"""Definitions by what they are about."""

INDICATORS: Final[dict[str, Definition]] = {
    each.name: each for family in FAMILIES.values() for each in family
}
"""Definitions by the name that `context.indicator` takes."""


def indicator_named(name: str) -> Definition:
    """Return the definition of an indicator.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in INDICATORS:
        raise SettingsError(f"indicator {name!r} is unknown; choose one of {', '.join(INDICATORS)}")
    return INDICATORS[name]
