"""tieout runs one trading strategy in every world and ties live to backtest, to the cent."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tieout.model.events import (
        AmendRejected,
        Bar,
        CancelRejected,
        Fill,
        FundingCharged,
        OrderAccepted,
        OrderAmended,
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
    from tieout.model.universes import UniverseChanged
    from tieout.strategy import Context, Strategy, TimerEvent

__all__ = [
    "AmendRejected",
    "Bar",
    "CancelRejected",
    "Context",
    "Fill",
    "FundingCharged",
    "Instrument",
    "OrderAccepted",
    "OrderAmended",
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
    "UniverseChanged",
]

__version__ = "0.1.0"

_HOMES = {
    "Context": "tieout.strategy",
    "Instrument": "tieout.model.instruments",
    "OrderType": "tieout.model.orders",
    "Side": "tieout.model.orders",
    "SimulationProfile": "tieout.model.profiles",
    "Strategy": "tieout.strategy",
    "TimeInForce": "tieout.model.orders",
    "TimerEvent": "tieout.strategy",
    "UniverseChanged": "tieout.model.universes",
}
"""Where a name lives, if not with the events."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    """Fetch a public name when it is first used, so that `tieout --help` need not wait for all."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "tieout.model.events")), name)
