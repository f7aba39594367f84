"""Orders that no venue need know: a bracket with a trailing stop, an amended limit, TWAP."""

from tieout import Bar, Context, Fill, Strategy

MINUTE_NS = 60_000_000_000


class GuardedPullback(Strategy):
    """Buy below a rising mean with a guard around it; sell short in parts when it falls.

    The limit that waits below the market follows it down for a few bars, then is given up. Each
    entry carries a target and a stop that trails; a short is built and closed by TWAP.
    """

    instrument: str = "ES/USDT:USDT"
    window: int = 30
    below_bps: float = 2.0
    target_bps: float = 10.0
    trail_bps: float = 6.0
    patience: int = 4
    hold: int = 12

    def on_start(self, context: Context) -> None:
        self.bars = context.bars(self.instrument, "1m", warm_up=self.window + 1)
        self.mean = context.indicator("sma", self.bars, self.window)
        self.before = 0.0
        self.entry = ""
        self.waited = 0
        self.short_since = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        before, self.before = self.before, self.mean.value
        if bar.warm_up or not self.mean.ready or not before:
            return
        lots = context.position(self.instrument).lots
        under_way = context.open_orders(self.instrument, held=True)
        if lots < 0:
            self.short_since += 1
            if self.short_since >= self.hold and not under_way:
                context.twap(
                    self.instrument, side="buy", units=-lots, parts=2, interval_ns=MINUTE_NS
                )
        elif self.entry in under_way and lots == 0:
            self._follow(context, bar)
        elif lots == 0 and not under_way:
            if self.mean.value > before:
                self._enter(context, bar)
            else:
                self.short_since = 0
                context.twap(self.instrument, side="sell", units=4, parts=2, interval_ns=MINUTE_NS)

    def _enter(self, context: Context, bar: Bar) -> None:
        self.waited = 0
        price = bar.close * (1 - self.below_bps / 1e4)
        self.entry = context.bracket(
            self.instrument,
            side="buy",
            units=3,
            limit=price,
            take_profit=price * (1 + self.target_bps / 1e4),
            stop_loss={"trail_bps": self.trail_bps},
        ).entry

    def _follow(self, context: Context, bar: Bar) -> None:
        self.waited += 1
        if self.waited > self.patience:
            context.cancel(self.entry)
        else:
            context.amend(self.entry, limit=bar.close * (1 - self.below_bps / 2e4))

    def on_fill(self, context: Context, fill: Fill) -> None:
        if fill.decision_id == self.entry:
            self.waited = 0
