"""Small markets and venues for tests; a builder shows only what matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from tieout.adapters.venues.practice import PracticeConfig, config_from_profile
from tieout.adapters.venues.practice.engine import USER_STREAM, Answer, Engine, StreamMessage
from tieout.adapters.venues.practice.tape import read_tapes
from tieout.adapters.venues.practice.truth import TruthLog
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.instruments import Instrument

MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_040 * SECOND
"""A whole minute."""

BTC = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_notional=Decimal(5),
)


def trades(*rows: tuple[float, int] | tuple[float, int, int], symbol: str = BTC.symbol) -> Any:
    """Return trades from (seconds after START, price in ticks, lots = 10)."""
    times = np.array([START + round(row[0] * SECOND) for row in rows], np.int64)
    lots = [row[2] if len(row) == 3 else 10 for row in rows]
    return TradeColumns(
        symbol,
        times,
        times,
        np.array([row[1] for row in rows], np.int64),
        np.array(lots, np.int64),
        np.array([1 if number % 2 else -1 for number in range(len(rows))], np.int8),
        np.arange(1, len(rows) + 1, dtype=np.int64),
    )


def bars(*rows: tuple[int, int, int, int, int], first: int = 0) -> Any:
    """Return minute bars from (open, high, low, close, volume), one after the other."""
    opens = START + (first + np.arange(len(rows), dtype=np.int64)) * MINUTE
    columns = [np.array([row[place] for row in rows], np.int64) for place in range(5)]
    rest: Any = (*columns, np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_))
    return BarColumns(
        BTC.symbol,
        MINUTE,
        opens,
        opens + MINUTE,
        opens + MINUTE,
        *rest,
    )


def a_config(**settings: Any) -> PracticeConfig:
    settings.setdefault("start_ns", START)
    settings.setdefault("instruments", (BTC,))
    instruments = settings.pop("instruments")
    start_ns = settings.pop("start_ns")
    return config_from_profile("practice-1", instruments, start_ns=start_ns, **settings)


@dataclass
class Everyone:
    """An audience in which somebody listens to everything, unless told otherwise."""

    deaf: bool = False
    closed: int = 0

    def listeners(self, stream: str) -> int:
        return 0 if self.deaf else 1

    def sockets(self) -> int:
        return 0 if self.deaf else 1


@dataclass
class Desk:
    """A client without sockets: sends to an engine and keeps what is released, with its time."""

    engine: Engine
    audience: Everyone
    truth: TruthLog
    answers: dict[int, tuple[int, int, Any]] = field(default_factory=dict)
    seen: list[tuple[int, str, Any]] = field(default_factory=list)
    others: list[tuple[int, Any]] = field(default_factory=list)

    def order(self, side: str = "BUY", lots: int = 10, **parameters: Any) -> int:
        """Send a market order, or a limit or stop order by its parameters."""
        wish = {"symbol": "BTCUSDT", "side": side, "quantity": str(lots * BTC.lot_size)}
        conditional = "triggerPrice" in parameters
        if conditional:
            wish["type"] = "STOP_MARKET"
        elif "price" in parameters:
            wish |= {"type": "LIMIT", "timeInForce": "GTC"}
        else:
            wish["type"] = "MARKET"
        wish |= parameters
        return self.engine.take_order(wish, conditional=conditional)

    def cancel(self, *, conditional: bool = False, **parameters: Any) -> int:
        wish = {"symbol": "BTCUSDT", **parameters}
        return self.engine.take_cancel(wish, conditional=conditional)

    def run(self, until_s: float | None = None) -> None:
        """Let time pass to `until_s` seconds after START, or to the end."""
        until_ns = None if until_s is None else START + round(until_s * SECOND)
        while released := self.engine.run(until_ns):
            for release in released:
                now_ns = self.engine.now_ns
                match release:
                    case StreamMessage():
                        self.seen.append(
                            (now_ns, release.stream, msgspec.json.decode(release.body))
                        )
                    case Answer():
                        body = msgspec.json.decode(release.body)
                        self.answers[release.ticket] = (now_ns, release.http_status, body)
                    case _:
                        self.others.append((now_ns, release))

    def code(self, ticket: int) -> int | None:
        """Return the error code of an answer; None for an answer without."""
        code: int | None = self.answers[ticket][2].get("code")
        return code

    def events(self, name: str = "ORDER_TRADE_UPDATE") -> list[tuple[int, Any]]:
        """Return user-stream events as (released, payload)."""
        return [
            (now_ns, body.get("o", body))
            for now_ns, stream, body in self.seen
            if stream == USER_STREAM and body["e"] == name
        ]

    def states(self) -> list[tuple[str, str, str]]:
        """Return (execution, status, price) of every order event."""
        return [(event["x"], event["X"], event["L"]) for _, event in self.events()]

    def after(self, now_ns: int) -> float:
        """Return a time as milliseconds after START."""
        return (now_ns - START) / MS


def a_desk(*market: Any, **settings: Any) -> Desk:
    config = a_config(**settings)
    tapes = read_tapes(config.instruments, market, config.end_ns)
    audience = Everyone()
    truth = TruthLog(config.truth_path)
    return Desk(Engine(config, tapes, audience, truth), audience, truth)
