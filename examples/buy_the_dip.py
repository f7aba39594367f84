"""Hold one unit while the price is under its mean."""

from tieout import Bar, Context, Strategy


class BuyTheDip(Strategy):
    """Buy under the average of the last `window` closes, sell above it."""

    instrument: str = "ES/USDT:USDT"
    window: int = 20
    gap_bps: float = 1.0

    def on_start(self, context: Context) -> None:
        self.bars = context.bars(self.instrument, "1m", warm_up=self.window)
        self.mean = context.indicator("sma", self.bars, self.window)

    def on_bar(self, context: Context, bar: Bar) -> None:
        if self.mean.ready and not bar.warm_up:
            cheap = bar.close < self.mean.value * (1 - self.gap_bps / 1e4)
            context.target(bar.instrument, units=1 if cheap else 0)
