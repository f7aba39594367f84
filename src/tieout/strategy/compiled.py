"""Strategies whose decisions are compiled: the same function runs whole histories and live rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieout.errors import SettingsError
from tieout.market.stepping import (
    CANCEL_WISH,
    LIMIT_WISH,
    MARKET_WISH,
    POST_WISH,
    STEPS,
    TARGET_WISH,
    WISHES_MAX,
    StepEntry,
)
from tieout.strategy.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.market.stepping import Account, BarRow, BookRow, Memory, TradeRow
    from tieout.model.events import Bar, Trade
    from tieout.model.instruments import Instrument
    from tieout.strategy.context import BookView, Context, TimerEvent

__all__ = ["CompiledStrategy", "Given", "Wishes"]

Given = Any
"""The strategy's parameters that are numbers, by name: made for each strategy."""

Wishes = Any
"""What the words of `tieout.compiled` write to."""

_HANDLES_KEPT = 4_096
"""Ids of orders that are kept before those of finished ones are dropped."""


class CompiledStrategy(Strategy):
    """A strategy that is one compiled function over the rows of one stream.

    Name the stream in `on_start`, and write `step_bar`, `step_trade`, `step_book` or `step_timer`
    as a static method. It is compiled by numba and must keep to what that can do: numbers,
    arithmetic, `if`, loops, other compiled functions. What it keeps from call to call is in
    `memory`, what it wishes it says by the words of `tieout.compiled`. Parameters that are numbers
    are fields of `given`.

    Example:
        >>> from tieout.compiled import target
        >>> class Momentum(CompiledStrategy):
        ...     gap_ticks: int = 5
        ...     def on_start(self, context):
        ...         context.bars("ES/USDT:USDT", "1m")
        ...     @staticmethod
        ...     def step_bar(bar, given, memory, account, wishes):
        ...         target(wishes, 1 if bar.close_ticks > bar.open_ticks + given.gap_ticks else 0)
        >>> Momentum(gap_ticks=3).parameters()
        {'gap_ticks': 3}
    """

    def __init_subclass__(cls) -> None:
        """Listen to books and timers only where the function is asked on them."""
        super().__init_subclass__()
        for function, callback in (("step_book", "on_book"), ("step_timer", "on_timer")):
            if function in vars(cls) and callback not in vars(cls):
                setattr(cls, callback, getattr(cls, f"_{callback}"))

    def __init__(self, **parameters: object) -> None:
        super().__init__(**parameters)
        self._entry: StepEntry | None = None
        self._ids: dict[int, str] = {}

    def cells(self) -> tuple[int, int]:
        """Return how many whole numbers and how many floats the function keeps."""
        return 64, 64

    def prepare(self, memory: Memory, instrument: Instrument) -> None:
        """Write what the function shall find in its memory at the start; zeros where nothing is."""

    @staticmethod
    def step_bar(
        bar: BarRow,
        given: Given,
        memory: Memory,
        account: Account,
        wishes: Wishes,
    ) -> None:
        """Take a closed bar.

        Args:
            bar: Its fields are those of `tieout.Bar`.
            given: The strategy's parameters that are numbers.
            memory: `whole` and `real`, arrays that stay as they are left.
            account: Position and orders, those of earlier rows.
            wishes: For the words of `tieout.compiled`.
        """

    @staticmethod
    def step_trade(
        trade: TradeRow,
        given: Given,
        memory: Memory,
        account: Account,
        wishes: Wishes,
    ) -> None:
        """Take a print of the market; as `step_bar`."""

    @staticmethod
    def step_book(
        book: BookRow,
        given: Given,
        memory: Memory,
        account: Account,
        wishes: Wishes,
    ) -> None:
        """Take a book after each packet of the venue; otherwise as `step_bar`."""

    @staticmethod
    def step_timer(
        book: BookRow,
        given: Given,
        memory: Memory,
        account: Account,
        wishes: Wishes,
    ) -> None:
        """Take a book, as it is known then, whenever a timer is due; otherwise as `step_bar`."""

    def entry(self, instrument: Instrument) -> StepEntry:
        """Return the function, compiled, with its memory; it is made when first asked for.

        Raises:
            SettingsError: There is not exactly one function, or it does not compile.
        """
        if self._entry is None:
            entry = StepEntry(
                self._step(),
                self.parameters(),
                cells=self.cells(),
                tick=instrument.tick_float,
                name=type(self).__name__,
            )
            self.prepare(entry.memory, instrument)
            self._entry = entry
        return self._entry

    def _step(self) -> Any:  # noqa: ANN401  a function that numba may have wrapped
        made = type(self)
        own = [
            getattr(made, name)
            for name in STEPS
            if getattr(made, name) is not getattr(CompiledStrategy, name)
        ]
        if len(own) != 1:
            raise SettingsError(
                f"strategy {made.__name__}: it has {len(own)} compiled functions; write one of "
                f"{', '.join(STEPS)}"
            )
        return own[0]

    # -- row by row, in every world ------------------------------------------------------------

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Give one bar to the compiled function, and wish what it wishes."""
        self._take(
            context,
            bar.instrument,
            (
                bar.open_time_ns,
                bar.close_time_ns,
                bar.arrival_time_ns,
                bar.open_ticks,
                bar.high_ticks,
                bar.low_ticks,
                bar.close_ticks,
                bar.volume_lots,
                bar.revision,
                int(bar.warm_up),
            ),
            "step_bar",
        )

    def on_trade(self, context: Context, trade: Trade) -> None:
        """Give one print to the compiled function, and wish what it wishes."""
        self._take(
            context,
            trade.instrument,
            (
                trade.venue_time_ns,
                trade.arrival_time_ns,
                trade.price_ticks,
                trade.quantity_lots,
                trade.aggressor,
                trade.trade_id,
            ),
            "step_trade",
        )

    def _on_book(self, context: Context, book: BookView) -> None:
        """Give a book to the compiled function, and wish what it wishes."""
        self._take(context, book.instrument, _book_row(book, book.arrival_time_ns), "step_book")

    def _on_timer(self, context: Context, timer: TimerEvent) -> None:
        """Give the book to the compiled function, and wish what it wishes."""
        asked = context.book_symbols
        if len(asked) != 1:
            raise SettingsError(
                f"strategy {type(self).__name__}: step_timer is given a book, and it asks for "
                f"{len(asked)} of them; ask for one in on_start, context.books(symbol)"
            )
        book = context.book(asked[0])
        self._take(context, book.instrument, _book_row(book, timer.due_ns), "step_timer")

    def _take(self, context: Context, symbol: str, row: Sequence[int], question: str) -> None:
        entry = self._entry or self.entry(context.instrument(symbol))
        if entry.question != question:
            raise SettingsError(
                f"strategy {type(self).__name__}: it asks for what {question} takes, and has "
                f"{entry.question}; write the function for what it asks for"
            )
        if entry.one(
            row,
            position=context.position(symbol).lots,
            coming=context.coming_lots(symbol),
            orders=len(context.open_orders(symbol)),
        ):
            self.wish(context, symbol)

    def wish(self, context: Context, symbol: str) -> None:
        """Wish what the compiled function left to be wished.

        Raises:
            SettingsError: It wished too much at once.
            OrderRefused: A quantity or price is impossible.
        """
        assert self._entry is not None, self
        rules = context.instrument(symbol)
        wishes, excess = self._entry.taken()
        if excess:
            raise SettingsError(
                f"strategy {type(self).__name__}: more than {WISHES_MAX} wishes in one call; wish "
                "less, or over several rows"
            )
        for kind, lots, price, handle in wishes:
            if kind == CANCEL_WISH:
                identity = self._ids.get(handle)
                if identity is not None:
                    context.cancel(identity)
            elif kind == TARGET_WISH:
                context.target(symbol, units=rules.quantity(lots))
            else:
                self._ids[handle] = self._order(context, rules, kind, lots, price)
        if len(self._ids) > _HANDLES_KEPT:
            live = set(context.open_orders(symbol))
            self._ids = {handle: each for handle, each in self._ids.items() if each in live}

    def know(self, handle: int, order_id: str) -> None:
        """Learn the id of an order that the compiled function placed."""
        self._ids[handle] = order_id

    def _order(self, context: Context, rules: Instrument, kind: int, lots: int, price: int) -> str:
        trade = context.buy if lots > 0 else context.sell
        units = rules.quantity(abs(lots))
        if kind == MARKET_WISH:
            return trade(rules.symbol, units=units)
        at_price = rules.price(price)
        if kind in (LIMIT_WISH, POST_WISH):
            post_only = kind == POST_WISH
            return trade(rules.symbol, units=units, limit=at_price, post_only=post_only)
        return trade(rules.symbol, units=units, stop=at_price)


def _book_row(book: BookView, now_ns: int) -> tuple[int, ...]:
    """Return the values of a `BookRow`, but for the tick."""
    return (
        now_ns,
        book.venue_time_ns,
        book.arrival_time_ns,
        book.bid_ticks or 0,
        book.bid_lots,
        book.ask_ticks or 0,
        book.ask_lots,
    )
