"""Scripted faults of market queries: an answer that comes late, not at all, or not as it should."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tieout.adapters.venues.practice.faults import Query, QueryTrouble

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tieout.adapters.venues.practice.faults import Fault

__all__ = ["QueryFaults", "bent"]


class QueryFaults:
    """Counts queries by the last word of their path, and knows which of them go wrong.

    Args:
        faults: The script.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = [each for each in faults if isinstance(each, Query)]
        self._asked: Counter[str] = Counter()

    def asked(self, path: str) -> Query | None:
        """Count a query; return what is scripted for it, the first where there is more."""
        word = path.rpartition("/")[2]
        self._asked[word] += 1
        for fault in self._faults:
            if fault.path == word and fault.hits(self._asked[word]):
                return fault
        return None


def bent(fault: Query, answer: object) -> object:
    """Return an answer as the fault leaves it; only lists of rows can be bent."""
    if not isinstance(answer, list) or not answer:
        return answer
    match fault.trouble:
        case QueryTrouble.REPEAT:
            twice = [row for row in answer[-fault.rows :] for _ in range(2)]
            return [*answer[: -fault.rows], *twice]
        case QueryTrouble.DROP:
            first = max(1, (len(answer) - fault.rows) // 2)
            return [*answer[:first], *answer[first + fault.rows :]]
        case QueryTrouble.REVERSE:
            return answer[::-1]
        case QueryTrouble.REVISE:
            return [_doubled(answer[0]), *answer[1:]]
        case QueryTrouble.ERROR | QueryTrouble.CUT | QueryTrouble.DELAY:
            return answer


def _doubled(row: Any) -> object:  # noqa: ANN401 - a row of the wire
    """Return a row with another quantity; prices of a mark, or a rate, where it has none."""
    if isinstance(row, dict):
        name = "q" if "q" in row else "fundingRate"
        return {**row, name: _twice(row[name])}
    places = (5,) if Decimal(row[5]) else (1, 2, 3, 4)
    return [_twice(each) if place in places else each for place, each in enumerate(row)]


def _twice(text: str) -> str:
    return format(2 * Decimal(text), "f")
