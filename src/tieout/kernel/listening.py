"""Who is given what: which callback of a strategy rows and events go to, or that none does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieout.kernel.books import handler_of as handler_on_book
from tieout.kernel.merged_cursor import MergedCursor
from tieout.market.indicators import Indicator
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import Bar, Quote, Trade

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.kernel.context import (
        BarSubscription,
        FollowsBars,
        KernelContext,
        Subscriptions,
    )
    from tieout.kernel.cursor import OneStream
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.strategy import Strategy

    Handler = Callable[[Any, Any], None]

__all__ = ["handler_of", "handler_of_event", "only_feeds"]


def handler_of(strategy: Strategy, asked: Subscriptions, cursor: OneStream) -> Handler | None:
    """Return what rows under a cursor must be given to, or None when nobody asked."""
    handlers = [_handler_of_rows(strategy, asked, each) for each in cursor.parts]
    if all(each == handlers[0] for each in handlers):
        return handlers[0]
    assert isinstance(cursor, MergedCursor), cursor
    return cursor.by_stream(handlers)


def handler_of_event(
    strategy: Strategy, asked: Subscriptions, event: Trade | Bar | Quote
) -> Handler | None:
    """Return what a market event that came alone must be given to, or None when nobody asked."""
    if isinstance(event, Quote):
        return handler_on_book(strategy, asked, event)
    if isinstance(event, Trade):
        return strategy.on_trade if event.instrument in asked.trades else None
    return _handler_of_bars(strategy, asked, event)


def only_feeds(asked: Subscriptions, event: Trade | Bar) -> bool:
    """Whether the strategy sees only the bars that are made of this event."""
    if not asked.made:
        return False
    if type(event) is Trade:
        stream, wanted = (event.instrument, 0), event.instrument in asked.trades
    else:
        assert type(event) is Bar, event
        stream, wanted = (event.instrument, event.interval_ns), asked.of(event) is not None
    return not wanted and stream in asked.feeding()


def _handler_of_rows(
    strategy: Strategy, asked: Subscriptions, rows: MarketColumns | RecordedColumns
) -> Handler | None:
    if isinstance(rows, TradeColumns):
        return strategy.on_trade if rows.instrument in asked.trades else None
    if isinstance(rows, BarColumns):
        return _handler_of_bars(strategy, asked, rows)
    return handler_on_book(strategy, asked, rows)


def _handler_of_bars(
    strategy: Strategy, asked: Subscriptions, bars: BarColumns | Bar
) -> Handler | None:
    wanted = asked.of(bars)
    if wanted is None:
        return None
    if bars.running:
        # Indicators take closed bars in; one that is still forming would be taken twice.
        return strategy.on_running_bar
    on_bar = strategy.on_bar if wanted.always else _while_wanted(strategy.on_bar, wanted)
    updates = tuple(_taking(each, bars) for each in wanted.indicators)
    if not updates:
        return on_bar

    def bring_up_to_date(context: KernelContext, bar: Bar) -> None:
        for update in updates:
            update(bar)
        on_bar(context, bar)

    return bring_up_to_date


def _while_wanted(on_bar: Handler, asked: BarSubscription) -> Handler:
    """Return what gives a strategy its bars while their instrument is on a list, or held."""

    def given(context: KernelContext, bar: Bar) -> None:
        if asked.is_wanted:
            on_bar(context, bar)

    return given


def _taking(follower: FollowsBars, bars: BarColumns | Bar) -> Callable[[Bar], None]:
    """Return what gives an indicator its next bar; those of a batch are worked out at once."""
    if isinstance(follower, Indicator) and isinstance(bars, BarColumns):
        return follower.follow(bars)
    return follower.update
