"""Long while the fast average is above the slow one, short while it is below."""

from tieout import Bar, Context, Strategy


class MovingAverageCross(Strategy):
    """Always in the market after warm-up: one unit long or one unit short."""

    instrument: str = "ES/USDT:USDT"
    fast: int = 5
    slow: int = 20
    units: float = 1.0

    def on_start(self, context: Context) -> None:
        bars = context.bars(self.instrument, "1m", warm_up=self.slow)
        self.fast_mean = context.indicator("sma", bars, self.fast)
        self.slow_mean = context.indicator("sma", bars, self.slow)

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.warm_up or not self.slow_mean.ready:
            return
        rising = self.fast_mean.value > self.slow_mean.value
        context.target(bar.instrument, units=self.units if rising else -self.units)
