"""A strategy that lives by what it has learned: forgotten, it must learn again before it trades."""

from __future__ import annotations

from tieout import Bar, Context, Strategy


class Apprentice(Strategy):
    """Learn for `lessons` bars how far a bar usually goes; then follow moves larger than that."""

    instrument: str = "ES/USDT:USDT"
    lessons: int = 90
    reach: int = 3
    units: float = 3.0

    def on_start(self, context: Context) -> None:
        context.bars(self.instrument, "1m")
        self.closes: list[int] = []
        self.learned = 0
        self.path_ticks = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.warm_up:
            return
        self.closes = [*self.closes[-self.reach :], bar.close_ticks]
        if len(self.closes) <= self.reach:
            return
        if self.learned < self.lessons:
            self.learned += 1
            self.path_ticks += abs(self.closes[-1] - self.closes[-2])
            # Without knowing what is usual, holding anything would be a guess.
            context.target(self.instrument, units=0)
            return
        move = self.closes[-1] - self.closes[0]
        if abs(move) * self.lessons > self.path_ticks:
            context.target(self.instrument, units=self.units if move > 0 else -self.units)
