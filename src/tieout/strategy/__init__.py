"""What a trader writes against."""

from tieout.strategy.context import (
    Allocated,
    Amount,
    BarStream,
    BookLevel,
    BookLevels,
    BookView,
    BracketOrders,
    CalendarView,
    ComingChange,
    Context,
    Indicator,
    OrderTerms,
    PositionView,
    TimerEvent,
    UniverseView,
)
from tieout.strategy.loader import LoadedStrategy, load_strategy
from tieout.strategy.strategy import Strategy

__all__ = [
    "Allocated",
    "Amount",
    "BarStream",
    "BookLevel",
    "BookLevels",
    "BookView",
    "BracketOrders",
    "CalendarView",
    "ComingChange",
    "Context",
    "Indicator",
    "LoadedStrategy",
    "OrderTerms",
    "PositionView",
    "Strategy",
    "TimerEvent",
    "UniverseView",
    "load_strategy",
]
