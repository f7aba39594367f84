"""Our own orders against single orders of strangers, told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.order_events import SYMBOL, events
from tieout.market.order_matching import OrderCore
from tieout.market.reports import CoreReport, ReportKind
from tieout.model.orders import AmendOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import FillLevel, FundingRule, SimulationProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

NEVER = 1 << 61
K = ReportKind

TYPES = {
    ("market", None): OrderType.MARKET,
    ("limit", None): OrderType.LIMIT,
    ("to limit", None): OrderType.MARKET_TO_LIMIT,
    ("market", "stop"): OrderType.STOP_MARKET,
    ("limit", "stop"): OrderType.STOP_LIMIT,
    ("market", "touch"): OrderType.MARKET_IF_TOUCHED,
    ("limit", "touch"): OrderType.LIMIT_IF_TOUCHED,
}
IN_FORCE = {
    "gtc": TimeInForce.GOOD_TILL_CANCEL,
    "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fok": TimeInForce.FILL_OR_KILL,
}


def an_order(
    side: int,
    lots: int,
    *,
    limit: int | None = None,
    stop: int | None = None,
    touch: int | None = None,
    in_force: str = "gtc",
    to_limit: bool = False,
    **terms: Any,
) -> PlaceOrder:
    """A limit order where there is a limit, else a market order."""
    kind = "limit" if limit is not None else "to limit" if to_limit else "market"
    trigger = "stop" if stop is not None else "touch" if touch is not None else None
    return PlaceOrder(
        decision_id="d",
        instrument=SYMBOL,
        side=side,
        order_type=TYPES[kind, trigger],
        lots=lots,
        limit_ticks=limit,
        stop_ticks=stop if stop is not None else touch,
        time_in_force=IN_FORCE[in_force],
        decided_at_ns=0,
        decision_price_ticks=None,
        origin="test",
        **terms,
    )


def terms_of(
    *, lots: int | None = None, limit: int | None = None, stop: int | None = None
) -> AmendOrder:
    """New terms of an order."""
    return AmendOrder(
        decision_id="a",
        order_decision_id="d",
        lots=lots,
        limit_ticks=limit,
        stop_ticks=stop,
        decided_at_ns=0,
        origin="test",
    )


def a_core(*, funding_ns: int = 0, **arguments: Any) -> OrderCore:
    """A core whose commands wait for a later row only as long as they are answered."""
    profile = SimulationProfile(
        name="test",
        fill_level=FillLevel.NAIVE,
        funding_rule=FundingRule.SIGNED if funding_ns else FundingRule.NONE,
        funding_interval_ns=funding_ns or 1,
    )
    return OrderCore(profile, **{"feed_latency_ns_max": 0, **arguments})


class Stage:
    """Rows and commands in the order in which a test tells them."""

    def __init__(self, *rows: dict[str, Any], **arguments: Any) -> None:
        self.core = a_core(**arguments)
        self.reports: list[CoreReport] = []
        self._numbers = 0
        if rows:
            self.rows(*rows)

    def rows(self, *rows: dict[str, Any]) -> Stage:
        """Let rows of the market arrive and act."""
        self.core.give(events(*rows))
        self.reports += self.core.commit(NEVER)
        return self

    def place(self, at: int, order: PlaceOrder, *, response: int = 0) -> int:
        """Let an order reach the venue; return its number."""
        self._numbers += 1
        self.core.place(self._numbers, order, arrival_ns=at, response_ns=response)
        self.reports += self.core.answer(at + response)
        return self._numbers

    def cancel(self, at: int, number: int) -> Stage:
        """Let a cancel reach the venue."""
        self.core.cancel(number, arrival_ns=at, response_ns=0)
        self.reports += self.core.answer(at)
        return self

    def amend(self, at: int, number: int, **terms: Any) -> Stage:
        """Let new terms reach the venue."""
        self.core.amend(number, terms_of(**terms), arrival_ns=at, response_ns=0)
        self.reports += self.core.answer(at)
        return self

    @property
    def fills(self) -> list[tuple[int, int, int]]:
        """(order, lots, price) of each fill."""
        return [
            (each.order, each.lots, each.price_ticks)
            for each in self.reports
            if each.kind == ReportKind.FILL
        ]

    def ends(self) -> list[tuple[int, int, int]]:
        """(order, kind, reason) of each report that is neither a fill nor an acceptance."""
        return [
            (each.order, each.kind, each.reason)
            for each in self.reports
            if each.kind not in (ReportKind.FILL, ReportKind.ACCEPTANCE)
        ]


def kinds(reports: Sequence[CoreReport]) -> list[int]:
    """The kinds of reports."""
    return [each.kind for each in reports]
