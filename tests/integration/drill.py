"""A gateway drilled against the practice venue in lock-step, without a kernel in between."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.adapters.venues.exchange import (
    Credentials,
    ExchangeGateway,
    ExchangeSettings,
    Subscription,
)
from tieout.adapters.venues.practice import PracticeConfig, PracticeServer, load_faults
from tieout.model.columns import TradeColumns
from tieout.model.events import Bar
from tieout.model.identity import decision_id
from tieout.model.instruments import Instrument
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_040 * SECOND
RUN = "drill-1"

INSTRUMENT = Instrument(
    symbol="ES/USDT:USDT",
    venue_symbol="ESUSDT",
    tick_size=Decimal("0.25"),
    lot_size=Decimal("0.01"),
)
BARS = Subscription(INSTRUMENT.symbol, MINUTE)
TRADES = Subscription(INSTRUMENT.symbol)


def a_market(minutes: int = 20, *, seed: int = 1) -> TradeColumns:
    """Return a walk with a print every second, from ten minutes before the start."""
    generator = np.random.default_rng(seed)
    rows = (minutes + 10) * 60
    times = START - 10 * MINUTE + np.arange(rows, dtype=np.int64) * SECOND
    return TradeColumns(
        INSTRUMENT.symbol,
        times,
        times.copy(),
        7000 + np.cumsum(generator.integers(-1, 2, rows)).astype(np.int64),
        generator.integers(1, 50, rows).astype(np.int64),
        generator.choice(np.array([-1, 1], dtype=np.int8), rows),
        np.arange(1, rows + 1, dtype=np.int64),
    )


def a_venue(faults: str = "[]", **settings: Any) -> PracticeConfig:
    """Return the venue's configuration with a fault script."""
    values: dict[str, Any] = {
        "instruments": (INSTRUMENT,),
        "start_ns": START,
        "faults": load_faults(faults),
    }
    return PracticeConfig(**(values | settings))


def a_gateway(server: PracticeServer, run_id: str = RUN, **settings: Any) -> ExchangeGateway:
    """Return a gateway to a running practice venue."""
    return ExchangeGateway(
        run_id,
        ExchangeSettings(base_url=server.http_url, ws_url=server.stream_url, **settings),
        Credentials(server.config.api_key, server.config.api_secret),
    )


def started(server: PracticeServer, *subscriptions: Subscription, **how: Any) -> ExchangeGateway:
    """Return a gateway that has begun its run.

    One bar warms up, so that the bar that closes with the start is not a live one.
    """
    how.setdefault("warmup_bars", 1)
    gateway = a_gateway(server)
    try:
        gateway.instruments([INSTRUMENT.symbol])
        gateway.start(subscriptions or (BARS,), **how)
    except BaseException:
        gateway.close()
        raise
    return gateway


def drilled(
    gateway: ExchangeGateway,
    act: Callable[[ExchangeGateway, Bar, int], None] | None = None,
    *,
    bars: int | None = None,
) -> list[Any]:
    """Run to the end, or until `bars` live bars were seen, acting on each; return all inputs."""
    seen: list[Any] = []
    count = 0
    while (given := gateway.next(None)) is not None:
        for event in given.events:
            seen.append(event)
            if isinstance(event, Bar) and not event.warm_up and event.revision == 0:
                count += 1
                if act is not None:
                    act(gateway, event, count)
        if bars is not None and count >= bars:
            break
    return seen


def an_order(bar: Bar, name: str, **fields: Any) -> PlaceOrder:
    """Return a market buy of 5 lots decided on a bar, or what the fields say."""
    values: dict[str, Any] = {
        "decision_id": an_id(name),
        "instrument": bar.instrument,
        "side": 1,
        "order_type": int(OrderType.MARKET),
        "lots": 5,
        "limit_ticks": None,
        "stop_ticks": None,
        "time_in_force": int(TimeInForce.GOOD_TILL_CANCEL),
        "decided_at_ns": bar.arrival_time_ns,
        "decision_price_ticks": bar.close_ticks,
        "origin": name,
    }
    return PlaceOrder(**(values | fields))


def a_cancel(bar: Bar, name: str) -> CancelOrder:
    """Return a cancel of the order of that name."""
    return CancelOrder(
        decision_id=an_id(f"cancel {name}"),
        order_decision_id=an_id(name),
        decided_at_ns=bar.arrival_time_ns,
        origin=name,
    )


def an_id(name: str) -> str:
    return decision_id("drill", name, 0)


def told(events: list[Any], name: str) -> list[str]:
    """Return what was told about the order of that name, in order, as words."""
    return [
        type(event).__name__
        for event in events
        if getattr(event, "decision_id", None) == an_id(name)
    ]
