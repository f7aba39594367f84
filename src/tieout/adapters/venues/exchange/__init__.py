"""Real exchanges through ccxt, behind our own thin gateway.

Importing this package does not import ccxt; making a gateway and loading instruments does.
"""

from __future__ import annotations

from tieout.adapters.venues.exchange.gateway import ExchangeGateway
from tieout.adapters.venues.exchange.market import MarketCounts
from tieout.adapters.venues.exchange.settings import (
    AccountSnapshot,
    Credentials,
    ExchangeSettings,
    KnownOrder,
    MarginType,
    ResumePoint,
    Subscription,
)

__all__ = [
    "AccountSnapshot",
    "Credentials",
    "ExchangeGateway",
    "ExchangeSettings",
    "KnownOrder",
    "MarginType",
    "MarketCounts",
    "ResumePoint",
    "Subscription",
]
