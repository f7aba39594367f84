"""A strategy on timers: every quarter of an hour it looks at the last bars and decides."""

from tieout import Bar, Context, Strategy, TimerEvent

MINUTE_NS = 60_000_000_000


class QuarterHour(Strategy):
    """Follow the move of the last `look_back` bars, decided by the clock and not by a bar."""

    instrument: str = "ES/USDT:USDT"
    look_back: int = 10
    every_minutes: int = 15

    def on_start(self, context: Context) -> None:
        self.bars = context.bars(self.instrument, "1m", warm_up=self.look_back)
        # Five seconds past the mark, so that the bar closed there has arrived.
        context.timer_every("decide", self.every_minutes * MINUTE_NS, offset_ns=5_000_000_000)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Bars are only remembered; the timer decides."""

    def on_timer(self, context: Context, timer: TimerEvent) -> None:
        seen = context.history(self.bars, self.look_back)
        if len(seen) < self.look_back:
            return
        move = seen[-1].close_ticks - seen[0].open_ticks
        if move:
            context.target(self.instrument, units=1 if move > 0 else -1)
