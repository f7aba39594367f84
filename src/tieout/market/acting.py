"""What a corporate action does to what a matching core keeps: one rule, whatever it matches on.

    orders     as large and as priced as a split leaves them (`tieout.model.splits`)
    amends     on their way: they mean what they mean after it
    payments   that fell due since the last row are paid on what was held before it
    prices     from before it are carried over it, divided by a split or less a dividend

A core says where its own arrays hold these; the rules are here, in `Acted`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from tieout.errors import DataError
from tieout.market import _layout as at
from tieout.market.reports import CoreReport
from tieout.model.money import round_half_up
from tieout.model.splits import limit_after, lots_after, trigger_after

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from numpy.typing import NDArray

    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = ["Acted", "Cells", "OrderLeft", "Scales", "cells_of", "nearest_after"]


class OrderLeft(NamedTuple):
    """An open order of a core: terms that it has not are None."""

    number: int
    lots: int
    filled_lots: int
    limit_ticks: int | None
    stop_ticks: int | None


class Cells(NamedTuple):
    """Where a core's arrays hold what an action changes: rows of orders, of commands, and state.

    Attributes:
        number: Of an order's row: what names it in reports.
        after: The latest event that it may not meet.
        touch: The trigger that waits for us; `trigger` holds its own.
        order: Of a command's row: whose new terms it has.
        amend: The kind that has some.
        interval: Of the state: what payments on a position need, to `sequence`.
        price: The last one.
        ticks_max: What the arithmetic of the core takes for a price.
    """

    number: int
    after: int
    side: int
    lots: int
    filled: int
    limit: int
    stop: int
    trigger: int
    touch: int
    order: int
    kind: int
    new_lots: int
    new_limit: int
    new_stop: int
    amend: int
    interval: int
    position: int
    price: int
    due: int
    answer: int
    sequence: int
    ticks_max: int


def cells_of(layout: Any, *, lots: int, price: int, answer: int, ticks_max: int) -> Cells:  # noqa: ANN401
    """Return the cells of a core by its layout, a module; what layouts name differently is told."""
    return Cells(
        number=layout.NUMBER,
        after=layout.AFTER,
        side=layout.SIDE,
        lots=lots,
        filled=layout.FILLED,
        limit=layout.LIMIT,
        stop=layout.STOP,
        trigger=layout.TRIGGER,
        touch=layout.TOUCH_TRIGGER,
        order=layout.COMMAND_ORDER,
        kind=layout.COMMAND_KIND,
        new_lots=layout.COMMAND_LOTS,
        new_limit=layout.COMMAND_LIMIT,
        new_stop=layout.COMMAND_STOP,
        amend=layout.AMEND_COMMAND,
        interval=layout.FUNDING_INTERVAL,
        position=layout.POSITION,
        price=price,
        due=layout.NEXT_FUNDING,
        answer=answer,
        sequence=layout.SEQUENCE,
        ticks_max=ticks_max,
    )


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


class Acted(ABC):
    """A core, as far as it is something that corporate actions happen to."""

    _cells: ClassVar[Cells]
    _view: memoryview
    _scales: Scales

    def split(
        self, ratio: Ratio, *, at_ns: int, known_ns: int
    ) -> tuple[list[OrderLeft], list[CoreReport]]:
        """Be as a split leaves it: the position, the orders, the last price.

        All rows from before it are committed. An order of which no lot is left is gone.

        Args:
            ratio: Of the split.
            at_ns: Venue time of it; orders meet no event before.
            known_ns: When what the position paid before it is told.

        Returns:
            Every order that was open, as it is now; and what fell due since the last row.

        Raises:
            DataError: An order's price is then too high for exact arithmetic.
        """
        view, cells = self._view, self._cells
        rest = self._cut()
        paid = list(_paid_until(view, cells, at_ns, known_ns))
        self._scales.split(at_ns, ratio)
        view[cells.position] = lots_after(view[cells.position], ratio)
        if view[cells.price]:
            view[cells.price] = nearest_after(view[cells.price], ratio)
        self._void(at_ns)
        rows, commands = self._open_orders(), self._open_commands()
        for row in rows:
            _split_order(row, cells, ratio)
            _split_amends(commands, row, cells, ratio)
            row[cells.after] = max(int(row[cells.after]), at_ns - 1)
            self._split_more(row, ratio)
        left = [_order_left(row, cells) for row in rows]
        self._keep(rows[:, cells.lots] > rows[:, cells.filled])
        self._go_on(rest)
        return left, paid

    def pay(self, ticks: int, *, at_ns: int) -> None:
        """Carry the last price over a dividend of so many ticks."""
        self._scales.pay(at_ns, ticks)
        if self._view[self._cells.price]:
            self._view[self._cells.price] = max(1, self._view[self._cells.price] - ticks)

    def drop_orders(self) -> list[OrderLeft]:
        """Forget every order, those on their way too; return them as they were."""
        left = [_order_left(row, self._cells) for row in self._open_orders()]
        self.forget([each.number for each in left])
        return left

    def forget(self, numbers: Collection[int]) -> None:
        """Forget some orders as if they had never been."""
        if not numbers:
            return
        rest = self._cut()
        self._keep(~np.isin(self._open_orders()[:, self._cells.number], list(numbers)))
        self._go_on(rest)

    def hold(self, lots: int) -> None:
        """Hold so many signed lots, whatever the fills so far."""
        self._view[self._cells.position] = lots
        self._unsettled()

    def _cut(self) -> Any:  # noqa: ANN401 - rows of whatever kind the core takes
        """Leave the rows that are committed as a chunk of their own; return the others, if any."""
        return None

    def _go_on(self, rest: Any) -> None:  # noqa: ANN401, B027 - as `_cut` has it
        """Take the rows that were cut off."""

    @abstractmethod
    def _open_orders(self) -> Array:
        """Return the open orders, a row each; what is written there is theirs."""

    @abstractmethod
    def _open_commands(self) -> Array:
        """Return the commands on their way, a row each; what is written there is theirs."""

    @abstractmethod
    def _void(self, at_ns: int) -> None:
        """Forget what was told of prices and volumes before a split."""

    @abstractmethod
    def _split_more(self, order: Array, ratio: Ratio) -> None:
        """Let a split happen to what else this core knows of an order."""

    @abstractmethod
    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the open orders."""

    @abstractmethod
    def _unsettled(self) -> None:
        """Learn that something was changed from outside."""


def _split_order(row: Array, cells: Cells, ratio: Ratio) -> None:
    """Make an order as large and as priced as a split leaves it."""
    side, filled = int(row[cells.side]), int(row[cells.filled])
    limit, stop = int(row[cells.limit]), int(row[cells.stop])
    row[cells.lots] = filled + lots_after(int(row[cells.lots]) - filled, ratio)
    if limit:
        row[cells.limit] = _within(limit_after(limit, side, ratio), cells)
    if stop:
        touched = bool(row[cells.trigger] == cells.touch)
        row[cells.stop] = _within(trigger_after(stop, side, ratio, touched=touched), cells)


def _split_amends(commands: Iterable[Array], order: Array, cells: Cells, ratio: Ratio) -> None:
    """Let the amends of an order that are on their way mean what they mean after a split."""
    side, filled = int(order[cells.side]), int(order[cells.filled])
    touched = bool(order[cells.trigger] == cells.touch)
    for row in commands:
        if row[cells.order] != order[cells.number] or row[cells.kind] != cells.amend:
            continue
        terms = (cells.new_lots, cells.new_limit, cells.new_stop)
        lots, limit, stop = (int(row[each]) for each in terms)
        if lots:
            row[cells.new_lots] = max(1, filled + lots_after(lots - filled, ratio))
        if limit:
            row[cells.new_limit] = _within(limit_after(limit, side, ratio), cells)
        if stop:
            row[cells.new_stop] = _within(trigger_after(stop, side, ratio, touched=touched), cells)


def _order_left(row: Array, cells: Cells) -> OrderLeft:
    return OrderLeft(
        int(row[cells.number]),
        int(row[cells.lots]),
        int(row[cells.filled]),
        int(row[cells.limit]) or None,
        int(row[cells.stop]) or None,
    )


def _paid_until(state: memoryview, cells: Cells, at_ns: int, known_ns: int) -> Iterator[CoreReport]:
    """Yield what fell due since the last row, by a time, on what was held.

    Args:
        state: The core's; the next payment is put forward.
        cells: Where things lie in it.
        at_ns: Venue time.
        known_ns: When it is told at the earliest.
    """
    interval_ns, lots, price = state[cells.interval], state[cells.position], state[cells.price]
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


def _within(ticks: int, cells: Cells) -> int:
    if ticks <= cells.ticks_max:
        return ticks
    raise DataError(
        "an order's price after a split is too high for exact arithmetic",
        file="the actions",
        value=f"{ticks} ticks",
        limit=f"{cells.ticks_max} ticks",
        remedy="Use a larger tick size.",
    )
