"""A strategy on stops: enter a breakout at market, leave by a stop that rests at the venue."""

from tieout import Bar, Context, Fill, Strategy


class BreakoutWithStop(Strategy):
    """Buy a new high of `window` bars; protect it with a stop; leave after `hold` bars."""

    instrument: str = "ES/USDT:USDT"
    window: int = 20
    stop_bps: float = 5.0
    hold: int = 15
    tick: float = 0.25

    def on_start(self, context: Context) -> None:
        self.bars = context.bars(self.instrument, "1m", warm_up=self.window + 1)
        self.highest = context.indicator("highest", self.bars, self.window)
        self.before = 0.0
        self.entry = ""
        self.stop = ""
        self.held = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        before, self.before = self.before, self.highest.value
        if bar.warm_up or not self.highest.ready:
            return
        holding = context.position(self.instrument).lots > 0
        if holding:
            self.held += 1
            if self.held >= self.hold:
                context.cancel(self.stop)
                context.target(self.instrument, units=0)
        elif bar.close > before > 0 and not context.open_orders(self.instrument):
            self.entry = context.buy(self.instrument, units=1)

    def on_fill(self, context: Context, fill: Fill) -> None:
        if fill.decision_id == self.entry:
            self.held = 0
            trigger = fill.price_ticks * (1 - self.stop_bps / 1e4)
            self.stop = context.sell(self.instrument, units=1, stop=trigger * self.tick)
