"""A run's record with the time its process was down healed, for the rungs of the ladder.

    recorded   ──── rows ────┤ down ├ resumed: missed rows and reports, all at once ──── rows ────
    unbroken   ──── rows ──── rows ──── rows and reports when they would have arrived ── rows ────

Time in which our process was down is no fault of the data, of the venue or of the costs: the rungs
above the live journal see what the run would have seen, and what being down cost is left to the
step from there to the live journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from itertools import chain
from typing import TYPE_CHECKING, TypeVar, get_args

import msgspec

from tieout.history import stream_availability
from tieout.model.borrow import BorrowTold
from tieout.model.events import (
    Bar,
    CancelRejected,
    ClockOffsetMeasured,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    CorporateAction,
    Fill,
    FundingCharged,
    GapSeen,
    MarginWarned,
    OrderAccepted,
    OrderCancelled,
    OrderImposed,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    RunEnded,
    RunResumed,
    RunStarted,
    SourceRank,
    Trade,
)
from tieout.model.orders import PlaceOrder
from tieout.model.rules import RulesChanged
from tieout.model.universes import UniverseAnnounced, UniverseChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tieout.model.events import Input
    from tieout.model.profiles import SimulationProfile

    Missed = Callable[[int, int], Iterable[Trade | Bar]]

__all__ = ["Unbroken", "unbroken"]


@dataclass(frozen=True, slots=True)
class Unbroken:
    """What a run would have got.

    Attributes:
        market: The market as the strategy sees it, with start and end, in order of arrival.
        answers: Orders and the reports about them, in journal order.
    """

    market: list[Input]
    answers: list[object]


def unbroken(
    records: Sequence[object], *, profile: SimulationProfile, missed: Missed, slice_ns: int = 0
) -> Unbroken:
    """Return a journal's market and answers as they would be had the process never been down.

    Rows and reports that were fetched afterwards arrive when the profile says they would have.
    A stream of which nothing was fetched comes from `missed`. Warm-up of a strategy that was
    started anew is left out. So are orders that died with the process, or left when it was back: no
    answer to them says what the venue would have answered. And so are bars that we make: they are
    made again, of all rows.

    Args:
        records: Inputs and decisions, in journal order.
        profile: Delays of market data and reports.
        missed: Gives the stored market rows with arrival in (from, to].
        slice_ns: How wide the slices are in which rows were delivered; 0: one by one.
    """
    healer = _Healer(
        profile, slice_ns or 1, [each for each in records if isinstance(each, RunResumed)]
    )
    kept = [healed for each in records if (healed := healer.heal(each)) is not None]
    market = [each for each in kept if isinstance(each, _MARKET)]
    rows = sorted(
        chain(healer.moved, healer.missing(missed)),
        key=lambda row: (row.arrival_time_ns, _rank(row), row.instrument),
    )
    return Unbroken(
        market=list(merge(market, rows, key=lambda each: each.arrival_time_ns)),
        answers=[
            each
            for each in kept
            if not isinstance(each, _MARKET)
            and not (isinstance(each, PlaceOrder) and each.decision_id in healer.died)
        ],
    )


_MARKET = (
    RunStarted,
    Trade,
    Bar,
    ClockReached,
    ClockOffsetMeasured,
    ConnectionLost,
    ConnectionRestored,
    UniverseChanged,
    UniverseAnnounced,
    RulesChanged,
    BorrowTold,
    RunEnded,
    CorporateAction,
)
"""Inputs that are the market as the run saw it; the venue's answers are none."""

_Timed = OrderAccepted | OrderRejected | OrderTriggered | Fill | OrderCancelled | CancelRejected
_Report = _Timed | OrderOutcomeUnknown
_REPORTS = get_args(_Report)
_OWN = (FundingCharged, OrderImposed, MarginWarned)
"""What the venue does and tells by itself."""

_Told = TypeVar("_Told", bound=_Timed | FundingCharged | OrderImposed | MarginWarned)


@dataclass(slots=True)
class _Gone:
    """What is known of the interruption that the record has reached."""

    window: RunResumed
    unanswered: frozenset[str]


class _Healer:
    """Walks over the records once and tells what each becomes."""

    def __init__(
        self, profile: SimulationProfile, slice_ns: int, windows: Sequence[RunResumed]
    ) -> None:
        self._profile = profile
        self._slice_ns = slice_ns
        self._windows = windows
        self._gone: _Gone | None = None
        self._placed: set[str] = set()
        self._reported: set[str] = set()
        self._streams: dict[int, set[tuple[str, int]]] = {}
        self.moved: list[Trade | Bar | CorporateAction] = []
        self.died: set[str] = set()

    def heal(self, record: object) -> object | None:
        """Return what stands for a record in its place; None where nothing does."""
        if isinstance(record, RunResumed):
            self._gone = _Gone(record, frozenset(self._placed - self._reported))
            return None
        if isinstance(record, GapSeen) or (isinstance(record, Bar) and record.rule):
            return None
        if isinstance(record, PlaceOrder):
            self._placed.add(record.decision_id)
            return record
        if isinstance(record, _REPORTS):
            return self._report(record)
        if isinstance(record, Trade | Bar) and self._gone is not None:
            return self._row(record, self._gone.window)
        if isinstance(record, _OWN) and self._gone is not None:
            return self._known_in_time(record, self._gone.window)
        if isinstance(record, CorporateAction) and self._gone is not None:
            return self._action(record, self._gone.window)
        return record

    def missing(self, missed: Missed) -> Iterable[Trade | Bar]:
        """Yield the stored rows of streams of which nothing was fetched afterwards."""
        for window in self._windows:
            fetched = self._streams.get(window.arrival_time_ns, set())
            for row in missed(window.down_since_ns, window.arrival_time_ns):
                if _stream(row) not in fetched:
                    known_ns = self._slice_end(row.arrival_time_ns)
                    yield msgspec.structs.replace(row, arrival_time_ns=known_ns)

    def _row(self, row: Trade | Bar, window: RunResumed) -> Trade | Bar | None:
        if isinstance(row, Bar) and row.warm_up:
            return None
        due_ns = self._due_ns(row)
        if due_ns >= window.arrival_time_ns:
            return row
        self._streams.setdefault(window.arrival_time_ns, set()).add(_stream(row))
        arrival_ns = max(due_ns, window.down_since_ns)
        self.moved.append(msgspec.structs.replace(row, arrival_time_ns=arrival_ns))
        return None

    def _action(self, action: CorporateAction, window: RunResumed) -> CorporateAction | None:
        due_ns = self._slice_end(action.venue_time_ns + self._profile.action_delay_ns)
        if due_ns >= window.arrival_time_ns:
            return action
        arrival_ns = max(due_ns, window.down_since_ns)
        self.moved.append(msgspec.structs.replace(action, arrival_time_ns=arrival_ns))
        return None

    def _due_ns(self, row: Trade | Bar) -> int:
        how = stream_availability(*_stream(row), self._profile)
        # A venue's streams bring rows as they happen: nobody looks for them.
        return self._slice_end(how.direct().arrival_ns(row))

    def _slice_end(self, time_ns: int) -> int:
        return -(-time_ns // self._slice_ns) * self._slice_ns

    def _report(self, report: _Report) -> _Report | None:
        gone, decision = self._gone, report.decision_id
        if gone is not None and decision in gone.unanswered and decision not in self._reported:
            if isinstance(report, OrderRejected) and report.reason == "absent":
                self.died.add(decision)
                return None
            if isinstance(report, OrderOutcomeUnknown):
                return None
            if report.venue_time_ns >= gone.window.arrival_time_ns:
                # It left only when the process was back, as on paper.
                self.died.add(decision)
        self._reported.add(decision)
        if gone is None or isinstance(report, OrderOutcomeUnknown):
            return report
        return self._known_in_time(report, gone.window)

    def _known_in_time(self, told: _Told, window: RunResumed) -> _Told:
        known_ns = told.venue_time_ns + self._profile.response_latency_ns
        if known_ns >= window.arrival_time_ns:
            return told
        arrival_ns = max(known_ns, window.down_since_ns)
        return msgspec.structs.replace(told, arrival_time_ns=arrival_ns)


def _stream(row: Trade | Bar) -> tuple[str, int]:
    return (row.instrument, row.interval_ns if isinstance(row, Bar) else 0)


def _rank(row: Trade | Bar | CorporateAction) -> int:
    if isinstance(row, CorporateAction):
        return int(SourceRank.ACTION)
    return int(SourceRank.TRADE if isinstance(row, Trade) else SourceRank.BAR)
