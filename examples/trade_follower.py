"""A strategy on every print: follows bursts of buying and selling."""

from tieout import Context, Strategy, Trade


class TradeFollower(Strategy):
    """Hold the side of the last move of at least `move_ticks`, at most once in `rest` prints."""

    instrument: str = "ES/USDT:USDT"
    move_ticks: int = 4
    rest: int = 50

    def on_start(self, context: Context) -> None:
        context.trades(self.instrument)
        self.anchor = 0
        self.waiting = 0

    def on_trade(self, context: Context, trade: Trade) -> None:
        if self.anchor == 0:
            self.anchor = trade.price_ticks
        self.waiting -= 1
        move = trade.price_ticks - self.anchor
        if abs(move) >= self.move_ticks and self.waiting <= 0:
            self.anchor = trade.price_ticks
            self.waiting = self.rest
            context.target(self.instrument, units=1 if move > 0 else -1)
