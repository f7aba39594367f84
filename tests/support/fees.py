"""Fee schedules and fills that show only what matters."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.worlds import ES, T0
from tieout.model.events import Fill
from tieout.model.fees import FeeSchedule, FeeTier, FeeVersion
from tieout.model.instruments import Instrument

__all__ = ["BTC", "HALVES", "SHARES", "a_fill", "a_schedule", "a_version", "tiered"]

BTC = Instrument(
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
)
SHARES = Instrument(
    symbol="AAPL",
    venue_symbol="AAPL",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(1),
    currency="USD",
)
HALVES = FeeTier(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0005"))


def a_version(**given: Any) -> FeeVersion:
    return FeeVersion(**{"since": "2013-01-01", "source": "a test", "as_of": "2013-01-01", **given})


def a_schedule(*tiers: FeeTier, **given: Any) -> FeeSchedule:
    return FeeSchedule(
        name="made-1",
        venue="made",
        versions=(a_version(tiers=tiers or (HALVES,), **given),),
    )


def tiered(*steps: tuple[int, str], **given: Any) -> FeeSchedule:
    """Return a schedule of (volume, rate) whose rate is both the maker's and the taker's."""
    tiers = [
        FeeTier(from_volume=Decimal(volume), maker_rate=Decimal(rate), taker_rate=Decimal(rate))
        for volume, rate in steps
    ]
    return a_schedule(*tiers, **given)


def a_fill(
    lots: int = 1,
    *,
    price_ticks: int = 4000,
    at_ns: int = T0,
    instrument: Instrument = ES,
    order: str = "d",
    maker: bool = False,
) -> Fill:
    """Return a buy, or a sale where the lots are negative."""
    return Fill(
        decision_id=order,
        trade_id=f"{order}-{at_ns}",
        instrument=instrument.symbol,
        side=1 if lots > 0 else -1,
        lots=abs(lots),
        price_ticks=price_ticks,
        fee=0,
        fee_currency=instrument.currency,
        liquidity=1 if maker else 2,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns,
    )
