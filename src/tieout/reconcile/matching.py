"""Matches decisions, orders and fills of two runs by id, and says where two runs are identical."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tieout.model.events import Fill
    from tieout.model.orders import PlaceOrder
    from tieout.reconcile.records import RungRecord

__all__ = [
    "Discrepancy",
    "FillMatch",
    "OrderMatch",
    "RunComparison",
    "compare_runs",
    "match_fills",
    "match_orders",
]

_ORDER_FACTS = ("instrument", "side", "order_type", "lots", "limit_ticks", "stop_ticks")
_FILL_FACTS = ("lots", "price_ticks", "fee", "venue_time_ns")


class OrderMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of two runs, by id, each list in the order of the run that has it.

    Attributes:
        matched: Placed or denied on both, with the same instrument and side where both placed.
        changed: The same id on both, but another instrument or side.
        only_first, only_second: On one side alone.
    """

    matched: tuple[str, ...]
    changed: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def union(self) -> int:
        """How many decisions the two runs made, each counted once."""
        return sum(map(len, (self.matched, self.changed, self.only_first, self.only_second)))


class FillMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Fills of two runs, n-th of an order against n-th: (decision id, n) of each.

    Attributes:
        matched: There on both, whether or not they agree.
        only_first, only_second: On one side alone.
    """

    matched: tuple[tuple[str, int], ...]
    only_first: tuple[tuple[str, int], ...]
    only_second: tuple[tuple[str, int], ...]


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that two runs have otherwise.

    Attributes:
        decision_id: The order.
        fill: Which fill of the order, from 0; None when the order itself is meant.
        fact: Name of the field, or `missing`.
        first, second: What each run has, as text; None where it has nothing.
    """

    decision_id: str
    fill: int | None
    fact: str
    first: str | None
    second: str | None


class RunComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Whether two runs placed the same orders and got the same fills.

    Attributes:
        orders, fills: How many were compared, each counted once.
        discrepancies: Every fact that differs, orders first.
    """

    orders: int
    fills: int
    discrepancies: tuple[Discrepancy, ...]

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return not self.discrepancies


def match_orders(first: RungRecord, second: RungRecord) -> OrderMatch:
    """Match the decisions of two runs: orders placed, and wishes the risk gate denied."""
    ours, theirs = _decisions(first), _decisions(second)
    both = [each for each in ours if each in theirs]
    changed = tuple(
        each
        for each in both
        if each in first.orders
        and each in second.orders
        and _direction(first.orders[each]) != _direction(second.orders[each])
    )
    return OrderMatch(
        matched=tuple(each for each in both if each not in set(changed)),
        changed=changed,
        only_first=tuple(each for each in ours if each not in theirs),
        only_second=tuple(each for each in theirs if each not in ours),
    )


def match_fills(first: RungRecord, second: RungRecord) -> FillMatch:
    """Match fills by their order and their place within it."""
    ours, theirs = _numbered(first), _numbered(second)
    return FillMatch(
        matched=tuple(key for key in ours if key in theirs),
        only_first=tuple(key for key in ours if key not in theirs),
        only_second=tuple(key for key in theirs if key not in ours),
    )


def compare_runs(first: RungRecord, second: RungRecord) -> RunComparison:
    """Compare orders (id, instrument, side, type, lots, prices) and fills (price, lots, fee, time).

    What each run saw, and when answers arrived, is not compared: two worlds may differ there and
    still trade alike.
    """
    found = []
    ids = dict.fromkeys((*first.orders, *second.orders))
    for each in ids:
        found += _order_discrepancies(each, first.orders.get(each), second.orders.get(each))
    ours, theirs = _numbered(first), _numbered(second)
    keys = dict.fromkeys((*ours, *theirs))
    for key in keys:
        found += _fill_discrepancies(key, ours.get(key), theirs.get(key))
    return RunComparison(orders=len(ids), fills=len(keys), discrepancies=tuple(found))


def _decisions(record: RungRecord) -> dict[str, None]:
    return dict.fromkeys((*record.orders, *record.denied))


def _direction(order: PlaceOrder) -> tuple[str, int]:
    return order.instrument, order.side


def _numbered(record: RungRecord) -> dict[tuple[str, int], Fill]:
    seen: Counter[str] = Counter()
    numbered = {}
    for fill in record.fills:
        numbered[fill.decision_id, seen[fill.decision_id]] = fill
        seen[fill.decision_id] += 1
    return numbered


def _order_discrepancies(
    decision_id: str, first: PlaceOrder | None, second: PlaceOrder | None
) -> list[Discrepancy]:
    if first is None or second is None:
        return [_missing(decision_id, None, first, second)]
    return [
        _differs(decision_id, None, fact, getattr(first, fact), getattr(second, fact))
        for fact in _ORDER_FACTS
        if getattr(first, fact) != getattr(second, fact)
    ]


def _fill_discrepancies(
    key: tuple[str, int], first: Fill | None, second: Fill | None
) -> list[Discrepancy]:
    decision_id, number = key
    if first is None or second is None:
        return [_missing(decision_id, number, first, second)]
    return [
        _differs(decision_id, number, fact, getattr(first, fact), getattr(second, fact))
        for fact in _FILL_FACTS
        if getattr(first, fact) != getattr(second, fact)
    ]


def _missing(
    decision_id: str,
    fill: int | None,
    first: PlaceOrder | Fill | None,
    second: PlaceOrder | Fill | None,
) -> Discrepancy:
    return Discrepancy(
        decision_id=decision_id,
        fill=fill,
        fact="missing",
        first=None if first is None else _described(first),
        second=None if second is None else _described(second),
    )


def _differs(
    decision_id: str, fill: int | None, fact: str, first: object, second: object
) -> Discrepancy:
    return Discrepancy(
        decision_id=decision_id, fill=fill, fact=fact, first=str(first), second=str(second)
    )


def _described(row: PlaceOrder | Fill) -> str:
    return f"{row.instrument} side {row.side:+d}, {row.lots} lots"
