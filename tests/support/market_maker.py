"""A small market maker: each 100 ms one bid and one ask at the best prices, kept small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout import Context, Strategy

if TYPE_CHECKING:
    from tieout.strategy import TimerEvent


class MarketMaker(Strategy):
    """Quote both sides at the best prices of the book; lean against what is held."""

    instrument: str = "MADE/USDT:USDT"
    units: float = 3
    lots_max: int = 12

    def on_start(self, context: Context) -> None:
        context.books(self.instrument)
        context.timer_every("requote", 100_000_000)
        self.quoted: dict[int, tuple[str, int]] = {}

    def on_timer(self, context: Context, timer: TimerEvent) -> None:
        book = context.book(self.instrument)
        if book.bid_ticks is None or book.ask_ticks is None or book.bid_ticks >= book.ask_ticks:
            return
        resting = set(context.open_orders(self.instrument))
        held = context.position(self.instrument).lots
        for side, ticks, price in ((1, book.bid_ticks, book.bid), (-1, book.ask_ticks, book.ask)):
            known, at = self.quoted.get(side, ("", 0))
            if known in resting and at == ticks:
                continue
            if known in resting:
                context.cancel(known)
            if side * held < self.lots_max:
                send = context.buy if side > 0 else context.sell
                self.quoted[side] = (
                    send(self.instrument, units=self.units, limit=price, post_only=True),
                    ticks,
                )
