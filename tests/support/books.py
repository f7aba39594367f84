"""Builders of L2 rows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.market.book_matching import BookCore
from tieout.model.columns import BookColumns
from tieout.model.orders import AmendOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
ZERO = profile("zero-latency")


def book_rows(
    rows: Sequence[tuple[int, int, int, int, int, bool]],
    *,
    latency_ns: int = 0,
    instrument: str = "X",
) -> BookColumns:
    """Return rows of (venue time, kind, side, price, lots, last); arrivals never decrease."""
    table = np.array([tuple(map(int, row)) for row in rows], np.int64).reshape(-1, 6)
    venue_time = np.ascontiguousarray(table[:, 0])
    return BookColumns(
        instrument,
        venue_time,
        np.maximum.accumulate(venue_time + latency_ns) if len(table) else venue_time,
        table[:, 1].astype(np.int8),
        table[:, 2].astype(np.int8),
        np.ascontiguousarray(table[:, 3]),
        np.ascontiguousarray(table[:, 4]),
        table[:, 5].astype(np.bool_),
    )


def drive(
    core: Any, chunks: Sequence[BookColumns], wishes: Sequence[tuple[int, Any]], end_ns: int
) -> list[Any]:
    """Run a core as the simulated venue does: from one wake to the next, never further.

    Args:
        core: The core.
        chunks: The market, in order of arrival.
        wishes: Pairs (our time, what to do with the core then), in order of time.
        end_ns: When to stop.

    Returns:
        Reports; each is asserted to be found no later than it is known.
    """
    ahead = deque(chunks)
    found: list[Any] = []

    def wake_by(limit: int) -> int | None:
        touch = core.next_touch_ns(limit)
        if touch is None and ahead and (core.last_arrival_ns or -1) <= limit:
            first = int(ahead[0].arrival_time_ns[0])
            touch = first if first <= limit else None
        due = core.next_answer_ns()
        if due is not None and due <= limit and (touch is None or due < touch):
            return int(due)
        return touch

    def advance(until: int) -> None:
        if core.passes(until):
            return
        reports = list(core.commit(until))
        while core.wants_rows and ahead and int(ahead[0].arrival_time_ns[0]) <= until:
            core.give(ahead.popleft())
            reports += core.commit(until)
        reports += core.answer(until)
        assert all(each.arrival_ns >= until for each in reports), (until, reports)
        found.extend(reports)

    def go(limit: int) -> None:
        while limit >= core.calm_before_ns or (core.last_arrival_ns or -1) <= limit:
            wake = wake_by(limit)
            if wake is None:
                return
            advance(wake)

    for at, wish in wishes:
        go(at)
        wish(core)
    go(end_ns)
    # What no wake led to is quiet: nothing comes of it.
    late = list(core.commit(end_ns))
    while ahead:
        core.give(ahead.popleft())
        late += core.commit(end_ns)
    assert late == []
    return found


_KINDS = {
    1: "fill",
    2: "triggered",
    3: "expired",
    4: "cancelled",
    5: "cancel refused",
    6: "funding",
    7: "accepted",
    8: "rejected",
    9: "amended",
    10: "amend refused",
}
_WHY = {1: "in force", 2: "date", 3: "post only", 4: "reduce only", 8: "amended"}
_EARLY = {5: False, 6: True, 3: None, 7: "invalid"}


def plain(report: Any) -> tuple[Any, ...]:
    """Return a core's report as the naive twin writes it."""
    kind = _KINDS[report.kind]
    facts: dict[str, Any] = {}
    if kind == "fill":
        facts = {
            "lots": report.lots,
            "price": report.price_ticks,
            "maker": report.liquidity == 1,
            "mid": report.reference_microticks,
            "half": report.half_spread_microticks,
            "ahead": report.queue_ahead_microlots,
        }
    elif kind in ("expired", "rejected"):
        facts = {"why": _WHY[report.reason], "filled": report.lots}
    elif kind == "cancelled":
        facts = {"filled": report.lots}
    elif kind == "funding":
        facts = {"position": report.lots, "mark": report.price_ticks}
    elif kind == "amended":
        facts = {
            "lots": report.lots,
            "limit": report.price_ticks,
            "stop": report.reference_ticks,
        }
    elif kind.endswith("refused"):
        facts = {"early": _EARLY[report.reason]}
    return (
        kind,
        report.order,
        report.venue_time_ns,
        report.arrival_ns,
        tuple(sorted(facts.items())),
    )


def an_order(**terms: Any) -> PlaceOrder:
    """Return a good-till-cancel order; a limit order to buy 5 lots at 100 unless told otherwise."""
    chosen: dict[str, Any] = {
        "decision_id": "d",
        "instrument": "X",
        "side": 1,
        "order_type": OrderType.LIMIT,
        "lots": 5,
        "limit_ticks": 100,
        "stop_ticks": None,
        "time_in_force": TimeInForce.GOOD_TILL_CANCEL,
        "decided_at_ns": 0,
        "decision_price_ticks": None,
        "origin": "test",
    } | terms
    if chosen["order_type"] in (
        OrderType.MARKET,
        OrderType.STOP_MARKET,
        OrderType.MARKET_IF_TOUCHED,
        OrderType.MARKET_TO_LIMIT,
    ):
        chosen["limit_ticks"] = None
    return PlaceOrder(**chosen)


class Scene:
    """A core without latency on a book that a test tells row by row; reports gather.

    The book begins with bids 100 and 99, asks 101 and 102, ten lots each, at time 0.

    Args:
        levels: Other levels to begin with, (side, price, lots).
        core: What `BookCore` takes beside its profile.
    """

    def __init__(self, levels: Sequence[tuple[int, int, int]] | None = None, **core: Any) -> None:
        opening = levels or [(1, 100, 10), (1, 99, 10), (-1, 101, 10), (-1, 102, 10)]
        self.core = BookCore(ZERO, **core)
        self.time = 0
        self.reports: list[Any] = []
        end = len(opening) - 1
        self.rows(
            [
                (LEVEL, side, price, lots, place == end)
                for place, (side, price, lots) in enumerate(opening)
            ]
        )

    def rows(self, rows: Sequence[tuple[int, int, int, int, bool]]) -> Scene:
        """Let rows (kind, side, price, lots, last) come, all one nanosecond later."""
        self.time += 1
        self.core.give(book_rows([(self.time, *row) for row in rows]))
        self.reports += self.core.commit(self.time)
        return self

    def level(self, side: int, price: int, lots: int) -> Scene:
        """Let a level be told."""
        return self.rows([(LEVEL, side, price, lots, True)])

    def print(self, side: int, price: int, lots: int) -> Scene:
        """Let a trade print, by a buyer (+1) or a seller (−1)."""
        return self.rows([(TRADE, side, price, lots, True)])

    def place(self, number: int, **terms: Any) -> Scene:
        """Let an order arrive now."""
        self.core.place(number, an_order(**terms), arrival_ns=self.time, response_ns=0)
        return self.settle()

    def amend(self, number: int, **terms: Any) -> Scene:
        """Let an amend arrive now."""
        wish = AmendOrder(
            decision_id="a",
            order_decision_id="d",
            decided_at_ns=0,
            origin="test",
            **{"lots": None, "limit_ticks": None, "stop_ticks": None, **terms},
        )
        self.core.amend(number, wish, arrival_ns=self.time, response_ns=0)
        return self.settle()

    def cancel(self, number: int) -> Scene:
        """Let a cancel arrive now."""
        self.core.cancel(number, arrival_ns=self.time, response_ns=0)
        return self.settle()

    def settle(self) -> Scene:
        """Let what has arrived act, as when the next row shows that its time is over."""
        self.reports += self.core.answer(self.time + 2_000_000_000)
        return self

    def told(self, number: int = 0) -> list[tuple[Any, ...]]:
        """Return of one order's reports: fills as (price, lots, maker), the others by name."""
        found: list[tuple[Any, ...]] = []
        for each in self.reports:
            name = plain(each)[0]
            if each.order == number and name == "fill":
                found.append((each.price_ticks, each.lots, each.liquidity == 1))
            elif each.order == number and name != "accepted":
                found.append((name, *(_WHY[each.reason] for _ in [0] if each.reason in _WHY)))
        return found

    def ahead(self, number: int = 0) -> float | None:
        """Return the lots ahead of an order."""
        return self.core.queue_ahead(number)
