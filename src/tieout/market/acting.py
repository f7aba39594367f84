"""What a corporate action does to what a matching core keeps: one rule, whatever it matches on.

    orders     as large and as priced as a split leaves them (`tieout.model.splits`)
    amends     on their way: they mean what they mean after it
    payments   that fell due since the last row are paid on what was held before it
    prices     from before it are carried over it, divided by a split or less a dividend

A core says where its own arrays hold these; the rules are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tieout.errors import DataError
from tieout.market import _layout as at
from tieout.market.reports import CoreReport
from tieout.model.money import round_half_up
from tieout.model.splits import limit_after, lots_after, trigger_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = [
    "CommandCells",
    "OrderCells",
    "OrderLeft",
    "PaymentCells",
    "Scales",
    "nearest_after",
    "order_left",
    "paid_until",
    "split_amends",
    "split_order",
]


class OrderLeft(NamedTuple):
    """An open order of a core: terms that it has not are None."""

    number: int
    lots: int
    filled_lots: int
    limit_ticks: int | None
    stop_ticks: int | None


class OrderCells(NamedTuple):
    """Where a row of a core's orders holds its terms; `touch` is the trigger that waits for us."""

    number: int
    side: int
    lots: int
    filled: int
    limit: int
    stop: int
    trigger: int
    touch: int


class CommandCells(NamedTuple):
    """Where a row of a core's commands holds new terms; `amend` is the kind that has some."""

    order: int
    kind: int
    lots: int
    limit: int
    stop: int
    amend: int


class PaymentCells(NamedTuple):
    """Where a core's state holds what payments on a position need."""

    interval: int
    lots: int
    price: int
    due: int
    answer: int
    sequence: int


class Scales:
    """The actions that prices were carried over so far."""

    def __init__(self) -> None:
        self._splits: list[tuple[int, Ratio]] = []
        self._steps: list[tuple[int, Ratio | int]] = []

    def split(self, at_ns: int, ratio: Ratio) -> None:
        """Know of a split."""
        self._splits.append((at_ns, ratio))
        self._steps.append((at_ns, ratio))

    def pay(self, at_ns: int, ticks: int) -> None:
        """Know of a dividend of so many ticks."""
        self._steps.append((at_ns, ticks))

    @property
    def since_ns(self) -> int:
        """When the last split took effect; far in the past before any."""
        return max((at_ns for at_ns, _ in self._splits), default=-at.NEVER)

    @property
    def any_split(self) -> bool:
        """Whether there was one."""
        return bool(self._splits)

    def spans(self, open_time: Array, close_time: Array) -> NDArray[np.bool_]:
        """Return which bars a split lies inside of: they hold prices of two scales."""
        found = np.zeros(len(open_time), np.bool_)
        for at_ns, _ in self._splits:
            found |= (open_time < at_ns) & (at_ns < close_time)
        return found

    def is_inside(self, open_ns: int, close_ns: int) -> bool:
        """Whether a split lies inside of a bar."""
        return any(open_ns < at_ns < close_ns for at_ns, _ in self._splits)

    def carried(self, price_ticks: int, from_ns: int, until_ns: int) -> int:
        """Return a price as it is after what took effect from a time to another, ends included."""
        for at_ns, step in self._steps:
            if not from_ns <= at_ns <= until_ns:
                continue
            if isinstance(step, int):
                price_ticks = max(1, price_ticks - step)
            else:
                price_ticks = nearest_after(price_ticks, step)
        return price_ticks


def nearest_after(ticks: int, ratio: Ratio) -> int:
    """Return a price after a split, rounded half up, at least one tick."""
    return max(1, round_half_up(ticks * ratio.old, ratio.new))


def split_order(row: Array, cells: OrderCells, ratio: Ratio, *, ticks_max: int) -> None:
    """Make an order as large and as priced as a split leaves it.

    Raises:
        DataError: A price of it is above `ticks_max` then.
    """
    side, filled = int(row[cells.side]), int(row[cells.filled])
    limit, stop = int(row[cells.limit]), int(row[cells.stop])
    row[cells.lots] = filled + lots_after(int(row[cells.lots]) - filled, ratio)
    if limit:
        row[cells.limit] = _within(limit_after(limit, side, ratio), ticks_max)
    if stop:
        touched = bool(row[cells.trigger] == cells.touch)
        stop = trigger_after(stop, side, ratio, touched=touched)
        row[cells.stop] = _within(stop, ticks_max)


def split_amends(
    commands: Iterable[Array],
    cells: CommandCells,
    order: Array,
    terms: OrderCells,
    ratio: Ratio,
    *,
    ticks_max: int,
) -> None:
    """Let the amends of an order that are on their way mean what they mean after a split.

    Raises:
        DataError: A price of one is above `ticks_max` then.
    """
    side, filled = int(order[terms.side]), int(order[terms.filled])
    touched = bool(order[terms.trigger] == terms.touch)
    for row in commands:
        if row[cells.order] != order[terms.number] or row[cells.kind] != cells.amend:
            continue
        lots, limit, stop = (int(row[each]) for each in (cells.lots, cells.limit, cells.stop))
        if lots:
            row[cells.lots] = max(1, filled + lots_after(lots - filled, ratio))
        if limit:
            row[cells.limit] = _within(limit_after(limit, side, ratio), ticks_max)
        if stop:
            stop = trigger_after(stop, side, ratio, touched=touched)
            row[cells.stop] = _within(stop, ticks_max)


def order_left(row: Array, cells: OrderCells) -> OrderLeft:
    """Return an order as its row has it."""
    return OrderLeft(
        int(row[cells.number]),
        int(row[cells.lots]),
        int(row[cells.filled]),
        int(row[cells.limit]) or None,
        int(row[cells.stop]) or None,
    )


def paid_until(
    state: memoryview, cells: PaymentCells, at_ns: int, known_ns: int
) -> Iterator[CoreReport]:
    """Yield what fell due since the last row, by a time, on what was held.

    Args:
        state: The core's; the next payment is put forward.
        cells: Where things lie in it.
        at_ns: Venue time.
        known_ns: When it is told at the earliest.
    """
    interval_ns, lots, price = state[cells.interval], state[cells.lots], state[cells.price]
    while interval_ns and lots and price and 0 <= state[cells.due] <= at_ns:
        due_ns = state[cells.due]
        state[cells.due] = due_ns + interval_ns
        state[cells.sequence] += 1
        yield CoreReport(
            kind=at.FUNDING_REPORT,
            order=0,
            arrival_ns=max(known_ns, due_ns + state[cells.answer]),
            moment_ns=due_ns,
            rank=at.FUNDING_RANK,
            sequence=state[cells.sequence],
            venue_time_ns=due_ns,
            lots=lots,
            price_ticks=price,
            reference_ticks=0,
            half_spread_microticks=0,
            liquidity=0,
            reason=at.NO_REASON,
        )


def _within(ticks: int, ticks_max: int) -> int:
    if ticks <= ticks_max:
        return ticks
    raise DataError(
        "an order's price after a split is too high for exact arithmetic",
        file="the actions",
        value=f"{ticks} ticks",
        limit=f"{ticks_max} ticks",
        remedy="Use a larger tick size.",
    )
