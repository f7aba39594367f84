"""What a trader writes against."""

from tieout.strategy.context import (
    Allocated,
    Amount,
    BarStream,
    BookLevel,
    BookLevels,
    BookView,
    BracketOrders,
    Context,
    OrderTerms,
    PositionView,
    TimerEvent,
)
from tieout.strategy.indicators import INDICATORS, Indicator, make_indicator
from tieout.strategy.loader import LoadedStrategy, load_strategy
from tieout.strategy.strategy import Strategy

__all__ = [
    "INDICATORS",
    "Allocated",
    "Amount",
    "BarStream",
    "BookLevel",
    "BookLevels",
    "BookView",
    "BracketOrders",
    "Context",
    "Indicator",
    "LoadedStrategy",
    "OrderTerms",
    "PositionView",
    "Strategy",
    "TimerEvent",
    "load_strategy",
    "make_indicator",
]
