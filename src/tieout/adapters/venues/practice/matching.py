"""The practice venue's matching: plain, slow, written from the matching rules page alone.

A book knows working orders and nothing else: no accounts, no clock, no protocol. The engine
gives it one market event after the other and gets back what happened, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from tieout.model.events import Liquidity
from tieout.model.orders import OrderType, Side, TimeInForce
from tieout.model.profiles import FillLevel, LimitRule

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "BarBook",
    "BarEvent",
    "FirstFill",
    "Lapsed",
    "MatchingRules",
    "Outcome",
    "TradeBook",
    "Traded",
    "Triggered",
    "WorkingOrder",
    "adverse_shift",
]

_BPS_SCALE = 10**8
"""One in units of 10⁻⁴ basis points."""


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """The part of a configuration that decides fills.

    Attributes:
        fill_level: `naive` or `fixed`.
        slippage_bps: Adverse shift of `fixed`, at most four decimals.
        limit_rule: When a resting limit order fills.
        participation: Share of volume our orders may take; None for no limit.
    """

    fill_level: FillLevel
    slippage_bps: Decimal
    limit_rule: LimitRule
    participation: Decimal | None


@dataclass(frozen=True, slots=True)
class FirstFill:
    """A scripted partial fill: the first fill gives only so much.

    Attributes:
        lots: At most this many at first.
        resume_ns: How long after that fill the rest may trade; None cancels the rest.
    """

    lots: int
    resume_ns: int | None


@dataclass(slots=True)
class WorkingOrder:
    """An order in a book. It sees only market events strictly later than `active_ns`.

    Attributes:
        sequence: Age: older orders have smaller numbers.
        may_take: A limit order that has not yet met its first event and may take there.
        eligible_lots: Volume of all events in which the order could have traded.
    """

    sequence: int
    side: Side
    order_type: OrderType
    lots: int
    active_ns: int
    limit_ticks: int | None = None
    stop_ticks: int | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCEL
    may_take: bool = False
    filled_lots: int = 0
    eligible_lots: int = 0
    first_fill: FirstFill | None = None


@dataclass(frozen=True, slots=True)
class Traded:
    """Some lots of an order traded at `price_ticks`; `reference_ticks` is before the shift."""

    sequence: int
    lots: int
    price_ticks: int
    reference_ticks: int
    liquidity: Liquidity
    venue_time_ns: int


@dataclass(frozen=True, slots=True)
class Triggered:
    """A stop order became a market order."""

    sequence: int
    venue_time_ns: int


@dataclass(frozen=True, slots=True)
class Lapsed:
    """What was left of an order is gone: its time in force, or a script."""

    sequence: int
    venue_time_ns: int


Outcome = Traded | Triggered | Lapsed


@dataclass(frozen=True, slots=True)
class BarEvent:
    """One bar [open_time_ns, close_time_ns) of the market."""

    open_time_ns: int
    close_time_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int


@dataclass(slots=True)
class _Event:
    """A market event while it is shared out among our orders."""

    venue_time_ns: int
    lots: int
    lots_left: int
    outcomes: list[Outcome] = field(default_factory=list)


def adverse_shift(rules: MatchingRules, reference_ticks: int) -> int:
    """Return how many ticks worse than the reference a taking order trades: ceil(r·k / 10⁴)."""
    if rules.fill_level is FillLevel.NAIVE:
        return 0
    shift = int(rules.slippage_bps * 10**4)
    return -(-reference_ticks * shift // _BPS_SCALE)


class _Book:
    """What both books share: the orders by age, and how much an event gives an order."""

    def __init__(self, rules: MatchingRules) -> None:
        self._rules = rules
        self._share = None if rules.participation is None else Fraction(rules.participation)
        self._orders: list[WorkingOrder] = []

    def __len__(self) -> int:
        return len(self._orders)

    def _drop(self, sequence: int) -> None:
        self._orders = [order for order in self._orders if order.sequence != sequence]

    def _taking_price(self, order: WorkingOrder, reference_ticks: int) -> int:
        return reference_ticks + order.side * adverse_shift(self._rules, reference_ticks)

    def _trades_through(self, order: WorkingOrder, ticks: int) -> bool:
        assert order.limit_ticks is not None, order
        distance = (order.limit_ticks - ticks) * order.side
        return distance >= 0 if self._rules.limit_rule is LimitRule.TOUCH else distance > 0

    def _give(
        self,
        order: WorkingOrder,
        event: _Event,
        *,
        price_ticks: int,
        reference_ticks: int,
        liquidity: Liquidity,
        venue_time_ns: int,
    ) -> None:
        """Fill as much of the order as the event allows; it met its condition to trade."""
        lots = order.lots - order.filled_lots
        if self._share is not None:
            order.eligible_lots += event.lots
            allowed = floor(self._share * order.eligible_lots) - order.filled_lots
            lots = min(lots, allowed, event.lots_left)
        script = order.first_fill
        if script is not None:
            lots = min(lots, script.lots)
        if lots <= 0:
            return
        event.lots_left -= lots
        order.filled_lots += lots
        event.outcomes.append(
            Traded(order.sequence, lots, price_ticks, reference_ticks, liquidity, venue_time_ns)
        )
        if script is not None:
            order.first_fill = None
            if script.resume_ns is None:
                self._lapse(order, event, venue_time_ns)
            else:
                order.active_ns = venue_time_ns + script.resume_ns

    def _lapse(self, order: WorkingOrder, event: _Event, venue_time_ns: int) -> None:
        event.outcomes.append(Lapsed(order.sequence, venue_time_ns))
        order.lots = order.filled_lots

    def _retire(self, order: WorkingOrder, event: _Event) -> None:
        """Take an order out when nothing is left; what an immediate order leaves, lapses."""
        immediate = order.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL
        if immediate and order.filled_lots < order.lots:
            self._lapse(order, event, event.venue_time_ns)
        if order.filled_lots == order.lots:
            self._drop(order.sequence)


class TradeBook(_Book):
    """Working orders of one instrument against its trades, one print at a time."""

    def add(self, order: WorkingOrder, last_ticks: int | None) -> None:
        """Take an order in.

        Args:
            order: Younger than every order here.
            last_ticks: The last print at or before its arrival; None before any.
        """
        if order.order_type is OrderType.LIMIT and last_ticks is not None:
            assert order.limit_ticks is not None, order
            order.may_take = (order.limit_ticks - last_ticks) * order.side >= 0
        self._orders.append(order)

    def remove(self, sequence: int) -> bool:
        """Cancel what is left of an order; False when it is not here any more."""
        before = len(self._orders)
        self._drop(sequence)
        return len(self._orders) < before

    def on_trade(self, venue_time_ns: int, price_ticks: int, lots: int) -> list[Outcome]:
        """Return what one print did to our orders: stops first, older before younger."""
        event = _Event(venue_time_ns, lots, lots)
        for order in self._orders:
            if order.order_type is OrderType.STOP_MARKET and order.active_ns < venue_time_ns:
                assert order.stop_ticks is not None, order
                if (price_ticks - order.stop_ticks) * order.side >= 0:
                    order.order_type = OrderType.MARKET
                    order.active_ns = venue_time_ns
                    event.outcomes.append(Triggered(order.sequence, venue_time_ns))
        for order in tuple(self._orders):
            if order.order_type is OrderType.STOP_MARKET or order.active_ns >= venue_time_ns:
                continue
            if order.order_type is OrderType.MARKET:
                self._take(order, event, price_ticks)
            else:
                self._meet_limit(order, event, price_ticks)
            self._retire(order, event)
        return event.outcomes

    def _meet_limit(self, order: WorkingOrder, event: _Event, price_ticks: int) -> None:
        assert order.limit_ticks is not None, order
        if order.may_take:
            order.may_take = False
            shifted = self._taking_price(order, price_ticks)
            if (order.limit_ticks - shifted) * order.side >= 0:
                self._take(order, event, price_ticks)
                return
        # An order that could not take rests from here on, so the same print may trade through it.
        if self._trades_through(order, price_ticks):
            self._give(
                order,
                event,
                price_ticks=order.limit_ticks,
                reference_ticks=order.limit_ticks,
                liquidity=Liquidity.MAKER,
                venue_time_ns=event.venue_time_ns,
            )

    def _take(self, order: WorkingOrder, event: _Event, price_ticks: int) -> None:
        self._give(
            order,
            event,
            price_ticks=self._taking_price(order, price_ticks),
            reference_ticks=price_ticks,
            liquidity=Liquidity.TAKER,
            venue_time_ns=event.venue_time_ns,
        )


class BarBook(_Book):
    """Working orders of one instrument against bars.

    What a bar does to the orders that were there before it is settled when it opens, since
    whether a cancel inside the bar wins depends on it; it is told when the bar closes.

    Attributes:
        bar: The bar that is open now; None between bars.
        ambiguous_bars: Bars that could have filled both a stop and a limit.
    """

    def __init__(self, rules: MatchingRules) -> None:
        super().__init__(rules)
        self.bar: BarEvent | None = None
        self.ambiguous_bars = 0
        self._event: _Event | None = None

    def open_bar(self, bar: BarEvent) -> None:
        """Begin a bar and settle it for the orders here; call it after all arrivals ≤ open."""
        assert self.bar is None, self.bar
        self.bar = bar
        # The bar as a market event has its close as venue time; fills may be stamped earlier.
        self._event = _Event(bar.close_time_ns, bar.volume_lots, bar.volume_lots)
        stops = [order for order in self._orders if order.order_type is OrderType.STOP_MARKET]
        others = [order for order in self._orders if order.order_type is not OrderType.STOP_MARKET]
        if any(self._reaches_stop(order, bar) for order in stops) and any(
            self._could_fill_limit(order, bar) for order in others
        ):
            self.ambiguous_bars += 1
        for order in (*stops, *others):
            self._meet(order, bar, self._event)

    def add(self, order: WorkingOrder) -> None:
        """Take an order in; what an open bar does to it is settled at once."""
        inside = self.bar is not None and order.active_ns > self.bar.open_time_ns
        order.may_take = order.order_type is OrderType.LIMIT and not inside
        self._orders.append(order)
        if self.bar is not None and self._event is not None:
            self._meet(order, self.bar, self._event)

    def remove(self, sequence: int) -> bool:
        """Cancel what is left of an order; False when it is gone or the open bar fills it."""
        told = [] if self._event is None else self._event.outcomes
        own = [outcome for outcome in told if outcome.sequence == sequence]
        if any(not isinstance(outcome, Lapsed) for outcome in own):
            return False
        known = bool(own) or any(order.sequence == sequence for order in self._orders)
        if self._event is not None:
            # An immediate order that the bar would let lapse at its close is cancelled first.
            self._event.outcomes = [each for each in told if each.sequence != sequence]
        self._drop(sequence)
        return known

    def close_bar(self) -> list[Outcome]:
        """End the open bar and return what it did, in order of happening."""
        assert self._event is not None, "no bar is open"
        outcomes = sorted(self._event.outcomes, key=lambda outcome: outcome.venue_time_ns)
        self.bar = None
        self._event = None
        return outcomes

    def _meet(self, order: WorkingOrder, bar: BarEvent, event: _Event) -> None:
        if order.active_ns >= bar.close_time_ns:
            return
        if order.active_ns > bar.open_time_ns:
            # The path before it arrived is not known: the worse of open and close.
            if order.order_type is not OrderType.MARKET:
                return
            worse = max if order.side is Side.BUY else min
            reference = worse(bar.open_ticks, bar.close_ticks)
            self._take(order, event, reference, bar.close_time_ns)
        elif order.order_type is OrderType.MARKET:
            self._take(order, event, bar.open_ticks, bar.open_time_ns)
        elif order.order_type is OrderType.LIMIT:
            self._meet_limit(order, bar, event)
        elif not self._meet_stop(order, bar, event):
            return
        self._retire(order, event)

    def _meet_limit(self, order: WorkingOrder, bar: BarEvent, event: _Event) -> None:
        assert order.limit_ticks is not None, order
        if order.may_take:
            order.may_take = False
            shifted = self._taking_price(order, bar.open_ticks)
            if (order.limit_ticks - shifted) * order.side >= 0:
                self._take(order, event, bar.open_ticks, bar.open_time_ns)
                return
        if self._trades_through(order, _worst_for_resting(order, bar)):
            self._give(
                order,
                event,
                price_ticks=order.limit_ticks,
                reference_ticks=order.limit_ticks,
                liquidity=Liquidity.MAKER,
                venue_time_ns=bar.close_time_ns,
            )

    def _meet_stop(self, order: WorkingOrder, bar: BarEvent, event: _Event) -> bool:
        assert order.stop_ticks is not None, order
        if not self._reaches_stop(order, bar):
            return False
        gapped = (bar.open_ticks - order.stop_ticks) * order.side >= 0
        reference = bar.open_ticks if gapped else order.stop_ticks
        venue_time_ns = bar.open_time_ns if gapped else bar.close_time_ns
        order.order_type = OrderType.MARKET
        event.outcomes.append(Triggered(order.sequence, venue_time_ns))
        self._take(order, event, reference, venue_time_ns)
        return True

    def _reaches_stop(self, order: WorkingOrder, bar: BarEvent) -> bool:
        assert order.stop_ticks is not None, order
        extreme = bar.high_ticks if order.side is Side.BUY else bar.low_ticks
        before = order.active_ns <= bar.open_time_ns
        return before and (extreme - order.stop_ticks) * order.side >= 0

    def _could_fill_limit(self, order: WorkingOrder, bar: BarEvent) -> bool:
        if order.order_type is not OrderType.LIMIT or order.active_ns > bar.open_time_ns:
            return False
        assert order.limit_ticks is not None, order
        shifted = self._taking_price(order, bar.open_ticks)
        takes = order.may_take and (order.limit_ticks - shifted) * order.side >= 0
        return takes or self._trades_through(order, _worst_for_resting(order, bar))

    def _take(
        self, order: WorkingOrder, event: _Event, reference_ticks: int, venue_time_ns: int
    ) -> None:
        self._give(
            order,
            event,
            price_ticks=self._taking_price(order, reference_ticks),
            reference_ticks=reference_ticks,
            liquidity=Liquidity.TAKER,
            venue_time_ns=venue_time_ns,
        )


def _worst_for_resting(order: WorkingOrder, bar: BarEvent) -> int:
    """Return the price of the bar that went furthest through a resting order."""
    return bar.low_ticks if order.side is Side.BUY else bar.high_ticks
