"""A strategy on every print: long above the average of the last prints, short below it."""

from __future__ import annotations

from collections import deque

from tieout import Context, Strategy, Trade


class TapeReader(Strategy):
    """Hold the side of the last print against the average of the last `window`, with a band."""

    instrument: str = "ES/USDT:USDT"
    window: int = 45
    band_bps: float = 10.0
    units: float = 3.0

    def on_start(self, context: Context) -> None:
        context.trades(self.instrument)
        self.prints: deque[int] = deque(maxlen=self.window)
        self.total_ticks = 0

    def on_trade(self, context: Context, trade: Trade) -> None:
        if len(self.prints) == self.window:
            self.total_ticks -= self.prints[0]
        self.prints.append(trade.price_ticks)
        self.total_ticks += trade.price_ticks
        if len(self.prints) < self.window:
            return
        off = trade.price_ticks * self.window - self.total_ticks
        if abs(off) * 10_000 > self.band_bps * self.total_ticks:
            context.target(self.instrument, units=self.units if off > 0 else -self.units)
