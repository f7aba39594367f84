"""tieout runs one trading strategy in every world and ties live to backtest, to the cent."""

from tieout.model.events import (
    Bar,
    CancelRejected,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    Trade,
)
from tieout.model.instruments import Instrument
from tieout.model.orders import OrderType, Side, TimeInForce
from tieout.model.profiles import SimulationProfile
from tieout.strategy import Context, Strategy, TimerEvent

__all__ = [
    "Bar",
    "CancelRejected",
    "Context",
    "Fill",
    "FundingCharged",
    "Instrument",
    "OrderAccepted",
    "OrderCancelled",
    "OrderDenied",
    "OrderOutcomeUnknown",
    "OrderRejected",
    "OrderTriggered",
    "OrderType",
    "Side",
    "SimulationProfile",
    "Strategy",
    "TimeInForce",
    "TimerEvent",
    "Trade",
]

__version__ = "0.1.0"
