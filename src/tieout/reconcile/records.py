"""What reconciliation reads of one run: its orders, fills, charges and interruptions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from tieout.errors import InputError
from tieout.model.events import (
    ActionBooked,
    Bar,
    ConnectionLost,
    ConnectionRestored,
    DividendPaid,
    Fill,
    ForeignOrderSeen,
    FundingCharged,
    OperatorCommand,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderImposed,
    OrderOutcomeUnknown,
    OrderRejected,
    RunEnded,
    RunResumed,
    RunStarted,
    Split,
    StrategyFailed,
    Trade,
)
from tieout.model.orders import PlaceOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

__all__ = ["Downtime", "Gap", "RungRecord"]

_MINUTE_NS: Final = 60_000_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gap:
    """A stream was down.

    Attributes:
        lost_at_ns: When we knew.
        restored_at_ns: When it was back; None when the run ended first.
        backfilled: Events that were asked for afterwards.
    """

    stream: str
    reason: str
    lost_at_ns: int
    restored_at_ns: int | None
    backfilled: int


@dataclass(frozen=True, slots=True)
class Downtime:
    """Our process was not there, [since_ns, until_ns); `state` as `RunResumed` has it."""

    since_ns: int
    until_ns: int
    state: str


@dataclass(frozen=True, slots=True)
class RungRecord:
    """One run as plain tables, each in arrival order.

    Attributes:
        name: What to call it in messages and reports.
        orders, denied, accepted, rejected, cancelled, unknown: By decision id; orders of the
            venue's own by reason, instrument and number.
        fills: Each once, whatever the venue repeated.
        funding: Each once.
        foreign: Orders on the account that are not this run's.
        gaps, downtimes, commands, failures: What interrupted the run.
        start_marks, end_marks: Mark prices in ticks, by symbol.
        start_positions: (signed lots, cost in internal money units), by symbol.
        cash: Starting balance in internal money units.
        started_ns: First start.
        ended_ns: None when the run has no end yet.
        actions: Splits and dividends that took effect after the start.
        bookings: What they did to positions.
        prices: (time, ticks) at most once a minute, by symbol; empty where the run's market data
            is named by fingerprint and not copied into its journal.
    """

    name: str
    orders: Mapping[str, PlaceOrder]
    fills: tuple[Fill, ...]
    funding: tuple[FundingCharged, ...]
    start_marks: Mapping[str, int]
    end_marks: Mapping[str, int]
    start_positions: Mapping[str, tuple[int, int]]
    cash: int
    started_ns: int
    ended_ns: int | None
    denied: Mapping[str, OrderDenied]
    accepted: Mapping[str, OrderAccepted]
    rejected: Mapping[str, OrderRejected]
    cancelled: Mapping[str, OrderCancelled]
    unknown: Mapping[str, OrderOutcomeUnknown]
    foreign: tuple[ForeignOrderSeen, ...] = ()
    gaps: tuple[Gap, ...] = ()
    downtimes: tuple[Downtime, ...] = ()
    commands: tuple[OperatorCommand, ...] = ()
    failures: tuple[StrategyFailed, ...] = ()
    prices: Mapping[str, tuple[tuple[int, int], ...]] | None = None
    actions: tuple[Split | DividendPaid, ...] = ()
    bookings: tuple[ActionBooked, ...] = ()

    @classmethod
    def from_records(cls, name: str, records: Iterable[tuple[object, object]]) -> RungRecord:
        """Read a journal's (kind, record) pairs, in order.

        Raises:
            InputError: There is no `RunStarted`, so nobody knows what the account held.
        """
        tables = _Tables(records)
        starts = tables.of(RunStarted)
        if not starts:
            raise InputError(
                f"{name}: the journal has no start record; a run can be reconciled once it started"
            )
        start = starts[0]
        ends = tables.of(RunEnded)
        return cls(
            name=name,
            orders=_first(
                [*tables.of(PlaceOrder), *(each.order for each in tables.of(OrderImposed))],
                lambda each: each.decision_id,
            ),
            fills=tuple(
                _first(tables.of(Fill), lambda each: (each.decision_id, each.trade_id)).values()
            ),
            funding=tuple(_first(tables.of(FundingCharged), lambda each: each.charge_id).values()),
            start_marks=dict(start.marks),
            end_marks=dict(ends[-1].marks) if ends else {},
            start_positions={symbol: (lots, cost) for symbol, lots, cost in start.positions},
            cash=start.cash,
            started_ns=start.arrival_time_ns,
            ended_ns=ends[-1].arrival_time_ns if ends else None,
            denied=_first(tables.of(OrderDenied), lambda each: each.decision_id),
            accepted=_first(tables.of(OrderAccepted), lambda each: each.decision_id),
            rejected=_first(tables.of(OrderRejected), lambda each: each.decision_id),
            cancelled=_first(tables.of(OrderCancelled), lambda each: each.decision_id),
            unknown=_first(tables.of(OrderOutcomeUnknown), lambda each: each.decision_id),
            foreign=tuple(tables.of(ForeignOrderSeen)),
            gaps=_gaps(tables.of(ConnectionLost), tables.of(ConnectionRestored)),
            downtimes=tuple(
                Downtime(each.down_since_ns, each.arrival_time_ns, each.state)
                for each in tables.of(RunResumed)
            ),
            commands=tuple(tables.of(OperatorCommand)),
            failures=tuple(tables.of(StrategyFailed)),
            prices={symbol: tuple(series) for symbol, series in tables.prices.items()},
            actions=tuple(_after_start(tables, start.arrival_time_ns)),
            bookings=tuple(tables.of(ActionBooked)),
        )

    def fills_of(self) -> dict[str, list[Fill]]:
        """Return the fills by decision id, in arrival order."""
        found: dict[str, list[Fill]] = defaultdict(list)
        for fill in self.fills:
            found[fill.decision_id].append(fill)
        return dict(found)

    def moves(self) -> list[Fill | ActionBooked]:
        """Return fills and what actions did to positions, in the order they were booked."""
        if not self.bookings:
            return list(self.fills)
        # An action comes after everything that arrived with it.
        timed = [
            *((fill.arrival_time_ns, 0, place) for place, fill in enumerate(self.fills)),
            *((each.decided_at_ns, 1, place) for place, each in enumerate(self.bookings)),
        ]
        return [
            self.bookings[place] if of_action else self.fills[place]
            for _, of_action, place in sorted(timed)
        ]

    def final_lots(self) -> dict[str, int]:
        """Return the signed position after the last fill, by symbol."""
        held = {symbol: lots for symbol, (lots, _) in self.start_positions.items()}
        for move in self.moves():
            if isinstance(move, ActionBooked):
                held[move.instrument] = move.lots_after
            else:
                held[move.instrument] = held.get(move.instrument, 0) + move.side * move.lots
        return held


class _Tables:
    """Records by type; market data is sampled and not kept."""

    def __init__(self, records: Iterable[tuple[object, object]]) -> None:
        self._by_type: dict[type, list[object]] = defaultdict(list)
        self._imposed: dict[str, str] = {}
        self.prices: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for _, record in records:
            if isinstance(record, Trade):
                self._sample(record.instrument, record.arrival_time_ns, record.price_ticks)
            elif isinstance(record, Bar):
                if not record.warm_up:
                    self._sample(record.instrument, record.arrival_time_ns, record.close_ticks)
            else:
                self._by_type[type(record)].append(self._named(record))

    def _named(self, record: object) -> object:
        """Return a record with the venue's own orders named by reason, symbol and how manieth.

        Such an order's id holds the time from which its trigger was watched, which is another in
        each run; the n-th liquidation of an instrument is that of the other run.
        """
        if isinstance(record, OrderImposed):
            order = record.order
            stem = f"{record.reason}:{order.instrument}"
            known = {each for each in self._imposed.values() if each.startswith(f"{stem}#")}
            name = self._imposed.setdefault(order.decision_id, f"{stem}#{len(known) + 1}")
            return msgspec.structs.replace(
                record, order=msgspec.structs.replace(order, decision_id=name)
            )
        name = self._imposed.get(getattr(record, "decision_id", ""), "")
        if not name or not isinstance(record, msgspec.Struct):
            return record
        return msgspec.structs.replace(record, decision_id=name)

    def of(self, kind: type[T]) -> list[T]:
        return [each for each in self._by_type[kind] if isinstance(each, kind)]

    def _sample(self, symbol: str, time_ns: int, ticks: int) -> None:
        series = self.prices[symbol]
        if series and series[-1][0] // _MINUTE_NS == time_ns // _MINUTE_NS:
            series.pop()
        series.append((time_ns, ticks))


def _after_start(tables: _Tables, started_ns: int) -> Iterator[Split | DividendPaid]:
    """Yield what took effect after the start; what did before is in the positions already."""
    for split in tables.of(Split):
        if split.venue_time_ns > started_ns:
            yield split
    for dividend in tables.of(DividendPaid):
        if dividend.venue_time_ns > started_ns:
            yield dividend


def _first(rows: Iterable[T], key: Callable[[T], Hashable]) -> dict[str, T]:
    """Return the first row of each key: what is said twice counts once."""
    kept: dict[Hashable, T] = {}
    for each in rows:
        kept.setdefault(key(each), each)
    return kept  # type: ignore[return-value]  # Keys are what `key` returns.


def _gaps(lost: list[ConnectionLost], restored: list[ConnectionRestored]) -> tuple[Gap, ...]:
    waiting: dict[str, list[ConnectionRestored]] = defaultdict(list)
    for each_back in restored:
        waiting[each_back.stream].append(each_back)
    found = []
    for each in lost:
        later = [b for b in waiting[each.stream] if b.arrival_time_ns >= each.arrival_time_ns]
        back = later[0] if later else None
        if back is not None:
            waiting[each.stream].remove(back)
        found.append(
            Gap(
                each.stream,
                each.reason,
                each.arrival_time_ns,
                None if back is None else back.arrival_time_ns,
                0 if back is None else back.backfilled,
            )
        )
    return tuple(found)
