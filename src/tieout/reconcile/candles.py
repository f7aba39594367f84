"""Two series of the same bars: where they differ, and what that made a strategy do otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.errors import InvariantViolated
from tieout.reconcile.matching import match_orders
from tieout.reconcile.rows import Step
from tieout.reconcile.steps import open_step
from tieout.reconcile.valuation import profit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import BarColumns
    from tieout.model.orders import PlaceOrder
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.valuation import Valuation

    Int64s = NDArray[np.int64]

__all__ = ["BarDifference", "CandleComparison", "Flip", "compare_candles"]

FIELDS: Final = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")
_SHARES: Final = (0.01, 0.5, 0.99)


class BarDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One bar that is not the same on both sides.

    Attributes:
        close_time_ns: Names the bar.
        fields: Field to (first, second), in ticks or lots; empty where one side has no such bar.
        missing: `first` or `second`: the side that has none; empty where both do.
    """

    close_time_ns: int
    fields: Mapping[str, tuple[int, int]]
    missing: str = ""


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was decided on one series alone.

    Attributes:
        decision_id: Its id.
        on: `first` or `second`: the series on which it was decided.
        side: +1 buy, −1 sale.
        lots: How much was wished.
        decided_at_ns: When.
        worth: What it earned by the final mark, fees taken off, in internal money units.
        bar_close_ns: The bar that it was decided on; None where it was no bar.
        because_ns: Close of the bar that differs: that bar itself, or the last one before, which
            the strategy still remembered; None: none differed by then.
    """

    decision_id: str
    on: str
    side: int
    lots: int
    decided_at_ns: int
    worth: int
    bar_close_ns: int | None
    because_ns: int | None


class CandleComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two series of bars, and one strategy on each of them in the same market.

    Attributes:
        bars: Bars that both have, of the period that both cover.
        differing: Every bar that is not the same, in order of time.
        turned: Bars that rise on one side and fall on the other.
        close_bps: Second close over the first in bps: 1st percentile, median and 99th.
        orders: Decisions that both made.
        flips: Orders that one alone decided, as they were decided.
        first_profit, second_profit: In internal money units.
        parts: What the difference of the two is made of: the same orders at other prices, other
            quantities, and `knock_on`: orders of one side alone.
    """

    bars: int
    differing: tuple[BarDifference, ...]
    turned: int
    close_bps: tuple[float, float, float]
    orders: int
    flips: tuple[Flip, ...]
    first_profit: int
    second_profit: int
    parts: Mapping[str, int]

    @property
    def difference(self) -> int:
        """Second profit minus the first."""
        return self.second_profit - self.first_profit

    @property
    def turned_share(self) -> Fraction:
        """Share of the bars that point the other way."""
        return Fraction(self.turned, self.bars) if self.bars else Fraction(0)


def compare_candles(
    first: BarColumns,
    second: BarColumns,
    *,
    on_first: RungRecord,
    on_second: RungRecord,
    valuation: Valuation,
) -> CandleComparison:
    """Compare two series of one interval and tick, and what a strategy did on each.

    Args:
        first: In order of time.
        second: Of the same period.
        on_first: The strategy's run that saw the first.
        on_second: The one that saw the second; both were matched on one market.
        valuation: Marks of that market.

    Raises:
        InvariantViolated: The parts do not sum to the difference; this is our fault.
    """
    differing, ours, theirs = _differing(first, second)
    rows = open_step(on_first, on_second, step=Step.DATA, valuation=valuation)
    parts: dict[str, int] = {}
    worth: dict[str, int] = {}
    for row in rows:
        parts[row.part] = parts.get(row.part, 0) + row.amount
        if row.decision_id:
            worth[row.decision_id] = worth.get(row.decision_id, 0) + row.amount
    result = CandleComparison(
        bars=len(ours),
        differing=differing,
        turned=int(np.sum(_direction(first, ours) * _direction(second, theirs) < 0)),
        close_bps=_close_bps(first.close_ticks[ours], second.close_ticks[theirs]),
        orders=len(match_orders(on_first, on_second).matched),
        flips=_flips(on_first, on_second, worth, [each.close_time_ns for each in differing]),
        first_profit=profit(on_first, valuation),
        second_profit=profit(on_second, valuation),
        parts=parts,
    )
    if sum(parts.values()) != result.difference:
        raise InvariantViolated(
            f"parts {parts} sum to {sum(parts.values())} and not to {result.difference}"
        )
    return result


def _differing(
    first: BarColumns, second: BarColumns
) -> tuple[tuple[BarDifference, ...], Int64s, Int64s]:
    """Return what differs, and the places of the bars that both have."""
    closes = (first.close_time_ns, second.close_time_ns)
    _, ours, theirs = np.intersect1d(*closes, assume_unique=True, return_indices=True)
    found = []
    differs = np.zeros(len(ours), np.bool_)
    for name in FIELDS:
        differs |= getattr(first, name)[ours] != getattr(second, name)[theirs]
    for one, other in zip(ours[differs].tolist(), theirs[differs].tolist(), strict=True):
        values = {
            name: (int(getattr(first, name)[one]), int(getattr(second, name)[other]))
            for name in FIELDS
        }
        fields = {name: pair for name, pair in values.items() if pair[0] != pair[1]}
        found.append(BarDifference(close_time_ns=int(first.close_time_ns[one]), fields=fields))
    for side, here, there in (("second", closes[0], closes[1]), ("first", closes[1], closes[0])):
        alone = np.setdiff1d(here, there, assume_unique=True).tolist()
        found += [BarDifference(close_time_ns=each, fields={}, missing=side) for each in alone]
    return tuple(sorted(found, key=lambda each: each.close_time_ns)), ours, theirs


def _direction(bars: BarColumns, places: Int64s) -> Int64s:
    rises: Int64s = np.sign(bars.close_ticks[places] - bars.open_ticks[places])
    return rises


def _close_bps(first: Int64s, second: Int64s) -> tuple[float, float, float]:
    if not len(first):
        return (0.0, 0.0, 0.0)
    apart = (second / first - 1) * 1e4
    low, middle, high = (float(each) for each in np.quantile(apart, _SHARES))
    return (low, middle, high)


def _flips(
    first: RungRecord, second: RungRecord, worth: Mapping[str, int], differing: Sequence[int]
) -> tuple[Flip, ...]:
    matched = match_orders(first, second)
    times = np.asarray(differing, np.int64)
    found = []
    for name, record, ids, sign in (
        ("first", first, (*matched.only_first, *matched.changed), -1),
        ("second", second, (*matched.only_second, *matched.changed), 1),
    ):
        for each in ids:
            order = record.orders.get(each)
            if order is None:
                continue
            closed_ns = _bar_of(order)
            by_ns = order.decided_at_ns if closed_ns is None else closed_ns
            place = int(np.searchsorted(times, by_ns, "right"))
            found.append(
                Flip(
                    decision_id=each,
                    on=name,
                    side=order.side,
                    lots=order.lots,
                    decided_at_ns=order.decided_at_ns,
                    worth=sign * worth.get(each, 0),
                    bar_close_ns=closed_ns,
                    because_ns=int(times[place - 1]) if place else None,
                )
            )
    return tuple(sorted(found, key=lambda each: (each.decided_at_ns, each.decision_id)))


def _bar_of(order: PlaceOrder) -> int | None:
    """Return the close of the bar that an order was decided on, as its origin says."""
    if not order.origin.startswith("bar:"):
        return None
    return int(order.origin.split(":")[-2])
