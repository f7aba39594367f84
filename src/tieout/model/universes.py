"""Universes: lists of instruments as they were known at a time, never as they are known today."""

from __future__ import annotations

from enum import StrEnum, unique
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InputError
from tieout.model.decimals import plain_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "Change",
    "Universe",
    "UniverseAnnounced",
    "UniverseChanged",
    "UniverseRow",
    "members_after",
]


@unique
class Change(StrEnum):
    """What happens to an instrument on a list."""

    IN = "in"
    OUT = "out"


class UniverseRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One change of a list.

    Attributes:
        effective_time_ns: From this time on.
        known_time_ns: When it could be known: before, where it was announced, or later.
        symbol: Whose.
        change: `Change`.
        weight: Share on the list, as decimal text; empty where the list has none.
        delisted: It left because it trades no more.
    """

    effective_time_ns: int
    known_time_ns: int
    symbol: str
    change: Change
    weight: str = ""
    delisted: bool = False

    @property
    def acts_ns(self) -> int:
        """When membership changes for somebody who can only act on what he knows."""
        return max(self.effective_time_ns, self.known_time_ns)


class UniverseChanged(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=60):
    """A list is another one from now on. An input.

    Attributes:
        universe: Name.
        entered: Who is on it now and was not before; at the start of a run everybody on it.
        left: Who was on it before.
        delisted: Those of them that trade no more.
        weights: Pairs (symbol, share as decimal text) that are said anew.
        venue_time_ns: Since when it was so.
        arrival_time_ns: When we knew, and never before it was so.
    """

    universe: str
    entered: tuple[str, ...]
    left: tuple[str, ...]
    delisted: tuple[str, ...]
    weights: tuple[tuple[str, str], ...]
    venue_time_ns: int
    arrival_time_ns: int


class UniverseAnnounced(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=61
):
    """A list will be another one from a time on that has not come yet. An input.

    Attributes:
        universe: Name.
        entering, leaving: Who will be on it, and who will not any more.
        venue_time_ns: From when on.
        arrival_time_ns: When we knew.
    """

    universe: str
    entering: tuple[str, ...]
    leaving: tuple[str, ...]
    venue_time_ns: int
    arrival_time_ns: int


class Universe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All changes of a list, in order.

    Attributes:
        name: Name in the store.
        source: Where it is from, in words.
        rows: By effective time; those of a symbol by known time too.

    Raises:
        InputError: Rows contradict each other.
    """

    name: str
    source: str = ""
    rows: tuple[UniverseRow, ...]

    def __post_init__(self) -> None:
        before_ns = 0
        last: dict[str, UniverseRow] = {}
        for number, row in enumerate(self.rows, start=1):
            if row.effective_time_ns < before_ns:
                raise InputError(
                    f"universe {self.name}, row {number}: {row.effective_time_ns} comes after "
                    f"{before_ns}; sort the rows by time"
                )
            before_ns = row.effective_time_ns
            refusal = _contradiction(last.get(row.symbol), row)
            if refusal is not None:
                raise InputError(f"universe {self.name}, row {number}: {row.symbol} {refusal}")
            last[row.symbol] = row

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its rows."""
        whole = sha256(b"tieout universe 1")
        whole.update(msgspec.json.encode(self.rows))
        return whole.hexdigest()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Everybody who is ever on it, delisted ones too, sorted."""
        return tuple(sorted({each.symbol for each in self.rows}))

    def symbols_between(self, start_ns: int, end_ns: int | None) -> tuple[str, ...]:
        """Return everybody who is on it at some time of a run, sorted."""
        later = {
            each.symbol
            for each in self.rows
            if each.change is Change.IN
            and each.acts_ns > start_ns
            and (end_ns is None or each.acts_ns <= end_ns)
        }
        return tuple(sorted(later.union(members_after(self._by_knowledge(), start_ns))))

    def known_at(self, start_ns: int) -> UniverseChanged:
        """Return who is on it at the start of a run, as the change that puts them there."""
        members = members_after(self._by_knowledge(), start_ns)
        return UniverseChanged(
            universe=self.name,
            entered=tuple(sorted(members)),
            left=(),
            delisted=(),
            weights=tuple((each, weight) for each, weight in sorted(members.items()) if weight),
            venue_time_ns=start_ns,
            arrival_time_ns=start_ns,
        )

    def changes(self, start_ns: int) -> list[UniverseChanged | UniverseAnnounced]:
        """Return what is told after a start, in order of arrival.

        What was announced before the start and is not effective yet is told at the start.
        """
        members = set(members_after(self._by_knowledge(), start_ns))
        acting: dict[int, list[UniverseRow]] = {}
        coming: dict[tuple[int, int], list[UniverseRow]] = {}
        for row in self._by_knowledge():
            if row.acts_ns > start_ns:
                acting.setdefault(row.acts_ns, []).append(row)
                known_ns = max(row.known_time_ns, start_ns)
                if known_ns < row.effective_time_ns:
                    coming.setdefault((known_ns, row.effective_time_ns), []).append(row)
        told: list[UniverseChanged | UniverseAnnounced] = [
            UniverseAnnounced(
                universe=self.name,
                entering=_symbols(rows, Change.IN),
                leaving=_symbols(rows, Change.OUT),
                venue_time_ns=effective_ns,
                arrival_time_ns=known_ns,
            )
            for (known_ns, effective_ns), rows in coming.items()
        ]
        for at_ns, rows in acting.items():
            told.append(self._changed(at_ns, rows, members))
            members = members.union(_symbols(rows, Change.IN)) - {*_symbols(rows, Change.OUT)}
        # Of one moment the announcements come last: what is effective is effective already.
        return sorted(
            told,
            key=lambda each: (
                each.arrival_time_ns,
                isinstance(each, UniverseAnnounced),
                each.venue_time_ns,
            ),
        )

    def _changed(
        self, at_ns: int, rows: Sequence[UniverseRow], members: set[str]
    ) -> UniverseChanged:
        # Who is on it already is only weighted anew.
        return UniverseChanged(
            universe=self.name,
            entered=tuple(each for each in _symbols(rows, Change.IN) if each not in members),
            left=tuple(each for each in _symbols(rows, Change.OUT) if each in members),
            delisted=tuple(sorted(each.symbol for each in rows if each.delisted)),
            weights=tuple(sorted((each.symbol, each.weight) for each in rows if each.weight)),
            venue_time_ns=max(each.effective_time_ns for each in rows),
            arrival_time_ns=at_ns,
        )

    def _by_knowledge(self) -> Iterator[UniverseRow]:
        return iter(sorted(self.rows, key=lambda each: each.acts_ns))


def members_after(rows: Iterator[UniverseRow], at_ns: int) -> dict[str, str]:
    """Return who is on a list at a time, by rows in order of when they act, with weights."""
    members: dict[str, str] = {}
    for each in rows:
        if each.acts_ns > at_ns:
            break
        if each.change is Change.IN:
            members[each.symbol] = each.weight
        else:
            members.pop(each.symbol, None)
    return members


def _symbols(rows: Sequence[UniverseRow], change: Change) -> tuple[str, ...]:
    """Return those whose last change of a moment is this one, sorted."""
    last = {each.symbol: each.change for each in rows}
    return tuple(sorted(symbol for symbol, what in last.items() if what is change))


def _contradiction(before: UniverseRow | None, row: UniverseRow) -> str | None:
    if not row.symbol:
        return "has no symbol; name it"
    if row.weight and not _is_share(row.weight):
        return f"has the weight {row.weight!r}; give a number that is not negative, or none"
    is_in = before is not None and before.change is Change.IN
    if row.change is Change.OUT and not is_in:
        return "leaves the list and is not on it; add the row that puts it there, or remove this"
    if row.change is Change.IN and row.delisted:
        return "is delisted and enters; one of the two is wrong"
    if row.change is Change.IN and is_in and before is not None and row.weight == before.weight:
        return "enters the list and is on it already; remove one of the two rows"
    if before is not None and row.acts_ns < before.acts_ns:
        return (
            f"was known at {row.known_time_ns}, before its change of {before.effective_time_ns} "
            "was; correct the known times"
        )
    return None


def _is_share(text: str) -> bool:
    try:
        return plain_decimal(text) >= 0
    except ValueError:
        return False
