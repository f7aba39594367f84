"""What decided a fill: prints, a bar whose path did not matter, or an assumption about its path.

A bar says four prices and not when they were. Where only one thing could have happened the bar
itself decides; where the order of its prices decides, the pessimistic rule of the matching page
does, and the fill is *assumed*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.market import _layout as at
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["ASSUMED", "TRADE", "path_decided", "resolution_name"]

TRADE: Final = "trade"
ASSUMED: Final = "assumed"

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000


_NONE: Final[frozenset[int]] = frozenset()
_THE_ONE: Final = frozenset({0})


def resolution_name(interval_ns: int) -> str:
    """Return the name of what decides at a length of bars: `1m`, `1s`, `100ms`; 0: `trade`.

    Raises:
        ValueError: Not a whole number of milliseconds.
    """
    if interval_ns == 0:
        return TRADE
    if interval_ns % _SECOND == 0:
        return interval_name(interval_ns)
    if interval_ns % _MILLISECOND:
        raise ValueError(f"{interval_ns} ns is not a whole number of milliseconds")
    return f"{interval_ns // _MILLISECOND}ms"


def path_decided(
    reports: Sequence[Sequence[int]], *, ambiguous: int = 0, at_close: Collection[int] = ()
) -> Collection[int]:
    """Return which fills, by their place, the unknown path of a bar decided.

    These are: a market order that arrived inside of the bar; an order whose cancel arrived inside;
    all that filled inside of a bar in which both a stop and a limit did; and a trailing stop that
    high and low could have moved otherwise. A stop that the bar reached alone fills at its trigger
    by the rule, and one that the open was beyond at the open.

    Args:
        reports: Rows of `out` that bars gave.
        ambiguous: How many of these bars the core found ambiguous.
        at_close: Orders that fill at the close of a session, by number.
    """
    if len(reports) == 1:
        # Nothing to compare it with: a taker inside of a bar is a market order that arrived there.
        (each,) = reports
        alone = each[at.OUT_RANK] == at.EVENT_RANK and each[at.OUT_LIQUIDITY] == at.TAKER
        is_fill = alone and each[at.OUT_KIND] == at.FILL_REPORT
        return _THE_ONE if is_fill and each[at.OUT_ORDER] not in at_close else _NONE
    # What came about by the close of a bar has that close as its moment, which so names the bar.
    inside = [
        (place, each[at.OUT_ORDER], each[at.OUT_MOMENT], each[at.OUT_LIQUIDITY])
        for place, each in enumerate(reports)
        if each[at.OUT_KIND] == at.FILL_REPORT
        and each[at.OUT_RANK] == at.EVENT_RANK
        and each[at.OUT_ORDER] not in at_close
    ]
    if not inside:
        return _NONE
    triggered = {
        (each[at.OUT_ORDER], each[at.OUT_MOMENT])
        for each in reports
        if each[at.OUT_KIND] == at.TRIGGER_REPORT and each[at.OUT_RANK] == at.EVENT_RANK
    }
    refused = {
        (each[at.OUT_ORDER], each[at.OUT_MOMENT])
        for each in reports
        if each[at.OUT_KIND] in (at.CANCEL_REFUSAL, at.AMEND_REFUSAL)
    }
    moments = {moment for _, moment in triggered}
    both = {moment for _, _, moment, liquidity in inside if liquidity == at.MAKER} & moments
    if ambiguous > len(both):
        # The core knows more than its reports say, of trailing stops for one.
        both = moments
    return {
        place
        for place, order, moment, liquidity in inside
        if moment in both
        or (order, moment) in refused
        or (liquidity == at.TAKER and (order, moment) not in triggered)
    }
