"""Bars made from stored rows: as a venue would publish them, and as a run makes them itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tieout.errors import InputError
from tieout.market import BarMaker
from tieout.model.bars import BarKind, BarRule
from tieout.model.columns import BarColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.market import MadeBars
    from tieout.model.columns import TradeColumns

__all__ = ["bars_from_trades", "made_bars"]

_NO_CLOCK_NS: Final = 1 << 59
"""A grace that no trade outlives: the trades alone close bars."""


def bars_from_trades(
    trades: Iterable[TradeColumns], interval_ns: int, *, delay_ns: int = 0
) -> Iterator[BarColumns]:
    """Yield bars of whole intervals since 1970; a bar across chunks is one bar.

    This is what a venue would have published: complete, and known a fixed time after the close. An
    interval without trades gives no bar. The last bar is given even when its interval goes on
    after the last trade.

    Args:
        trades: In order of venue time.
        interval_ns: Positive.
        delay_ns: Arrival of a bar minus its close; not negative.

    Raises:
        InputError: Interval or delay are out of range.
        DataError: A trade cannot be right.
    """
    if interval_ns <= 0 or delay_ns < 0:
        raise InputError(
            f"bars: interval {interval_ns} ns must be positive and delay {delay_ns} ns 0 or more"
        )
    return _bars_from_trades(trades, interval_ns, delay_ns)


def _bars_from_trades(
    trades: Iterable[TradeColumns], interval_ns: int, delay_ns: int
) -> Iterator[BarColumns]:
    rule = BarRule(BarKind.TIME, interval_ns, f"{interval_ns}ns")
    maker: BarMaker | None = None
    for chunk in trades:
        if maker is None:
            maker = BarMaker(chunk.instrument, rule, grace_ns=_NO_CLOCK_NS)
        # When a trade was known does not matter here: the venue made the bars where it traded.
        for made in maker.take(replace(chunk, arrival_time_ns=chunk.venue_time_ns)):
            yield _published(made, delay_ns)
    while maker is not None and (due_ns := maker.next_due_ns) is not None:
        for made in maker.pass_time(due_ns):
            yield _published(made, delay_ns)


def _published(made: MadeBars, delay_ns: int) -> BarColumns:
    assert isinstance(made, BarColumns), made
    arrival = made.close_time_ns + delay_ns
    return replace(made, arrival_time_ns=arrival, trades=None, synthetic=None, rule="")


def made_bars(
    rows: Iterable[TradeColumns | BarColumns], maker: BarMaker, *, until_ns: int
) -> Iterator[MadeBars]:
    """Yield what a maker tells of rows, and of the time after them.

    The bar under way at the end is not told: nobody knows yet what will go into it.

    Args:
        rows: In order of arrival, none later than `until_ns`.
        maker: Makes the bars; it keeps what it has begun.
        until_ns: When the run ends by our clock.

    Raises:
        DataError: A row cannot be right.
    """
    for chunk in rows:
        yield from maker.take(chunk)
    yield from maker.pass_time(until_ns)
