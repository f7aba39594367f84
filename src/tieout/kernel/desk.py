"""The desk: wishes become primitives, or compositions of them, and nothing leaves unchecked.

    wish ─▶ venue rules ─▶ what the venue lacks is composed ─▶ risk gate ─▶ journal ─▶ outbox

What the venue has itself goes straight through. The kernel sends the outbox once all that follows
from one input is decided and durable, so a process that is killed comes back to all of it or none.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from tieout.errors import InvariantViolated
from tieout.kernel.compositions import (
    Bracket,
    Composition,
    FixedTrigger,
    HeldLeg,
    Iceberg,
    MarketToLimit,
    OneCancelsOther,
    OneUpdatesOther,
    OverTime,
    TrailingTrigger,
    WithVolume,
    Working,
    merged,
)
from tieout.ledger.affordable import unborrowable
from tieout.model.events import AmendRejected, CancelRejected, Fill, OrderAmended, OrderDenied
from tieout.model.identity import decision_id
from tieout.model.orders import (
    AmendOrder,
    CancelOrder,
    HoldOrder,
    Link,
    LinkOrders,
    Method,
    OrderState,
    OrderType,
    PlaceOrder,
    TimeInForce,
    WorkOrder,
)
from tieout.model.venues import Feature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.kernel.compositions import News
    from tieout.kernel.loop import Kernel
    from tieout.kernel.orders import Order
    from tieout.kernel.ports import Venue
    from tieout.kernel.timers import Timer
    from tieout.model.events import Bar, Trade
    from tieout.model.splits import Ratio
    from tieout.model.venues import VenueProfile

__all__ = ["BracketWish", "Desk", "Wish"]


class BracketWish(msgspec.Struct, frozen=True):
    """A bracket as the strategy wished it: held legs, their link, and the entry."""

    legs: tuple[PlaceOrder, ...]
    link: LinkOrders
    entry: PlaceOrder


Wish = PlaceOrder | CancelOrder | AmendOrder | LinkOrders | WorkOrder | BracketWish
"""What a strategy can wish."""

_TRIGGERED = {
    Feature.STOP_MARKET: FixedTrigger,
    Feature.STOP_LIMIT: FixedTrigger,
    Feature.MARKET_IF_TOUCHED: FixedTrigger,
    Feature.LIMIT_IF_TOUCHED: FixedTrigger,
    Feature.TRAILING_STOP: TrailingTrigger,
}
_REPEATED = (OrderAmended, AmendRejected, CancelRejected)
"""News that one order can have several times."""


class Desk:
    """Takes wishes and reports of one kernel; holds what is composed.

    Args:
        kernel: Whose orders these are.
        venue: What the venue can do itself.

    Attributes:
        composed: Orders worked here, by the id that the strategy knows.
        parent_of: The composition that a part belongs to; kept for late fills.
        watchers: Compositions that look at the market, by symbol.
        alarms: Which composition a timer of ours is for; None for an expiry.
        told: News for the strategy, each with its origin.
        outbox: What is decided and not sent yet.
        engaged: Whether anything was ever composed; until then reports pass by.
    """

    def __init__(self, kernel: Kernel, venue: VenueProfile) -> None:
        self._kernel = kernel
        self._venue = venue
        self._plain = venue.plain
        self._links: dict[str, list[OneCancelsOther | OneUpdatesOther]] = {}
        self._every_link: list[OneCancelsOther | OneUpdatesOther] = []
        self._brackets: list[Bracket] = []
        self._clamped: dict[str, int] = {}
        self._expiring: dict[str, str] = {}
        self.composed: dict[str, Composition] = {}
        self.parent_of: dict[str, Composition] = {}
        self.watchers: dict[str, dict[str, Composition]] = {}
        self.alarms: dict[str, Composition | None] = {}
        self.told: deque[tuple[News, str]] = deque()
        self.outbox: list[PlaceOrder | CancelOrder | AmendOrder] = []
        self.engaged = False

    # -- what the strategy wishes -------------------------------------------------------------

    def take(self, wishes: Sequence[Wish]) -> None:
        """Decide the wishes of one callback, in their order."""
        for wish in wishes:
            kind = type(wish)
            if kind is PlaceOrder:
                self.submit(wish)  # type: ignore[arg-type]
            elif kind is CancelOrder:
                self.cancel(wish)  # type: ignore[arg-type]
            else:
                self._take_rich(wish)

    def _take_rich(self, wish: Wish) -> None:
        match wish:
            case AmendOrder():
                self.amend(wish)
            case LinkOrders():
                self._link(wish)
            case WorkOrder():
                self._work(wish)
            case BracketWish():
                self._bracket(wish)
            case PlaceOrder() | CancelOrder():
                raise InvariantViolated(f"{wish} is no composition")

    # -- placing ------------------------------------------------------------------------------

    def submit(self, order: PlaceOrder) -> None:
        """Let an order go as far as it can: to the venue, into a composition, or nowhere."""
        if (
            (order.order_type, order.time_in_force) not in self._plain
            or order.post_only
            or order.reduce_only
            or order.display_lots is not None
        ):
            self._submit_rich(order)
            return
        self.leave(order)

    def _submit_rich(self, order: PlaceOrder) -> None:
        refusal = self._venue.refusal(order)
        if refusal is not None:
            self.deny(order, "venue_rules", refusal)
            return
        lacks = self._venue.lacks(order)
        if order.reduce_only:
            clamped = self._reducing(order, clamp=Feature.REDUCE_ONLY in lacks)
            if clamped is None:
                return
            order = clamped
        expiring = Feature.GOOD_TILL_DATE in lacks or Feature.DAY in lacks
        if expiring:
            self._expire(order)
            forever = int(TimeInForce.GOOD_TILL_CANCEL)
            order = msgspec.structs.replace(order, time_in_force=forever, expires_at_ns=None)
        for feature, trigger in _TRIGGERED.items():
            if feature in lacks and order.order_type == OrderType[feature.name]:
                if not self._kernel.subscriptions.sees_prices(order.instrument):
                    self.deny(
                        order,
                        "venue_rules",
                        f"{order.instrument}: {feature} is watched for here, on prices that no "
                        "stream of the strategy brings; subscribe to its trades, bars or book",
                    )
                    return
                self._hold(trigger(self, order))
                return
        if Feature.MARKET_TO_LIMIT in lacks:
            self._open(MarketToLimit(self, order))
        elif Feature.DISPLAY in lacks:
            self._hold(Iceberg(self, order))
        else:
            self.leave(order)

    def leave(self, order: PlaceOrder) -> None:
        """Pass an order through the risk gate, write it down, and lay it out for sending."""
        kernel = self._kernel
        refusal = self._objection(order) or kernel.risk.too_often(order)
        if refusal is not None:
            self.deny(order, *refusal)
            return
        kernel.orders.add(order)
        kernel.write(order)
        self.outbox.append(order)

    def deny(self, order: PlaceOrder, rule: str, detail: str) -> None:
        """Write down that an order never leaves, and tell it."""
        denied = OrderDenied(
            decision_id=order.decision_id,
            instrument=order.instrument,
            rule=rule,
            detail=detail,
            decided_at_ns=order.decided_at_ns,
            origin=order.origin,
        )
        self._kernel.write(denied)
        self._kernel.denied += 1
        composition = self.composed.get(order.decision_id)
        if composition is not None:
            composition.child(denied)
        elif rule != "warm_up":
            self.publish(denied)

    def _objection(self, order: PlaceOrder) -> tuple[str, str] | None:
        kernel = self._kernel
        age_ns, warm_up = kernel.moment.age()
        if warm_up:
            return (
                "warm_up",
                f"{order.instrument}: this bar only warms the indicators; wait for the start",
            )
        orders = kernel.orders
        symbol = order.instrument
        objection = kernel.risk.objection(
            order,
            kernel.rules[symbol],
            position_lots=kernel.position_lots(symbol),
            open_lots=orders.open_lots(symbol) if orders.open else 0,
            open_orders=len(orders.open),
            input_age_ns=age_ns,
        )
        return objection or self._unaffordable(order)

    def _unaffordable(self, order: PlaceOrder) -> tuple[str, str] | None:
        """Return why the account could not carry an order, by the rule of the venue, or None."""
        kernel, symbol = self._kernel, order.instrument
        available = kernel.available.get(symbol)
        if available is not None:
            detail = unborrowable(
                order,
                available,
                held_lots=kernel.position_lots(symbol),
                sales_lots=kernel.orders.open_lots_of(symbol, -1),
            )
            if detail is not None:
                return "no_borrow", detail
        if kernel.affordable is None:
            return None
        detail = kernel.affordable.refusal(
            order,
            kernel.ledger,
            under_way_lots=kernel.orders.open_lots_of,
            last_ticks=lambda each: kernel.moment.price_ticks(each) or None,
        )
        return None if detail is None else ("margin", detail)

    def _hold(self, composition: Composition) -> None:
        """Keep an order here, once it would pass the gate if it left now."""
        order = composition.order
        refusal = self._objection(order)
        if refusal is not None:
            self.deny(order, *refusal)
            return
        self._kernel.write(HoldOrder(order=order, until=composition.until))
        self._open(composition)

    def _open(self, composition: Composition) -> None:
        identity = composition.id
        if identity in self.composed:
            raise InvariantViolated(f"order {identity} is composed already")
        self.engaged = True
        self.composed[identity] = composition
        if composition.watches:
            watching = self.watchers.setdefault(composition.order.instrument, {})
            watching[identity] = composition
        composition.start()

    def close(self, composition: Composition) -> None:
        """Forget a composition; its parts still lead to it."""
        identity = composition.id
        if self.composed.get(identity) is composition:
            del self.composed[identity]
        watching = self.watchers.get(composition.order.instrument)
        if watching and watching.get(identity) is composition:
            del watching[identity]

    # -- what only reduces --------------------------------------------------------------------

    def _reducing(self, order: PlaceOrder, *, clamp: bool) -> PlaceOrder | None:
        """Return a reduce-only order, no larger than what there is to reduce; None: refused."""
        held = max(0, -self.position_lots(order.instrument) * order.side)
        if held == 0:
            self.deny(
                order,
                "reduce_only",
                f"{order.instrument}: the order may only reduce and there is nothing to reduce; "
                "place it once the position is there, or as the leg of a bracket",
            )
            return None
        if not clamp:
            return order
        self.engaged = True
        self._clamped[order.decision_id] = order.side
        return order if order.lots <= held else msgspec.structs.replace(order, lots=held)

    def _position_moved(self, instrument: str) -> None:
        """Shrink what only reduces to what is left to reduce."""
        position = self.position_lots(instrument)
        for side in (1, -1):
            guarding = [
                each
                for each in self._brackets
                if each.instrument == instrument and each.side == side and each.open_lots
            ]
            excess = sum(each.open_lots for each in guarding) - max(0, position * side)
            for bracket in guarding:
                if excess <= 0:
                    break
                lots = min(excess, bracket.open_lots)
                excess -= lots
                bracket.give_up(lots)
        self._brackets = [each for each in self._brackets if not each.is_done]
        for identity, side in list(self._clamped.items()):
            if not self.is_open(identity):
                del self._clamped[identity]
            elif identity not in self._links and self._instrument_of(identity) == instrument:
                held = max(0, -position * side)
                if self.wanted_lots(identity) > held:
                    self.resize(identity, held, self.cause)

    # -- cancelling and amending --------------------------------------------------------------

    def cancel(self, wish: CancelOrder) -> None:
        """Cancel what is left of an order; one that is done is none of our business."""
        identity = wish.order_decision_id
        composition = self.composed.get(identity)
        if composition is not None:
            composition.cancel(wish)
            return
        order = self._kernel.orders.open.get(identity)
        if order is not None:
            self._cancel_at_venue(order, wish)

    def _cancel_at_venue(self, order: Order, wish: CancelOrder) -> None:
        order.cancel = wish
        self.decided(wish)
        self.outbox.append(wish)

    def drop(self, identity: str, cause: str) -> None:
        """Cancel an order of our own accord; once is enough.

        Args:
            identity: The order, or the part of one.
            cause: Logical origin of the reason; the cancel's identity is made of it.
        """
        if identity in self.composed:
            if not self.composed[identity].ending:
                self.composed[identity].cancel(self._own_cancel(identity, cause))
        else:
            self.drop_at_venue(identity, cause)

    def drop_at_venue(self, identity: str, cause: str) -> None:
        """Cancel the order at the venue that has this id, where it is there."""
        order = self._kernel.orders.open.get(identity)
        if order is not None and order.cancel is None:
            self._cancel_at_venue(order, self._own_cancel(identity, cause))

    def _own_cancel(self, identity: str, cause: str) -> CancelOrder:
        origin = f"leg:{identity}:cancelled:{cause}"
        return CancelOrder(
            decision_id=self.identity(origin),
            order_decision_id=identity,
            decided_at_ns=self.now_ns,
            origin=origin,
        )

    def amend(self, wish: AmendOrder) -> None:
        """Change an order: at the venue where it can, here where it is kept here, else anew."""
        identity = wish.order_decision_id
        composition = self.composed.get(identity)
        if composition is not None:
            if self._amend_passes(wish, composition.order, composition.filled_lots):
                composition.amend(wish)
            return
        order = self._kernel.orders.by_id.get(identity)
        if order is None or not order.is_open or order.cancel is not None:
            self._too_late(wish, order)
        elif self._amend_passes(wish, order.place, order.filled_lots):
            if self._venue.amends(order.place):
                order.amends = (*order.amends, wish)
                self.decided(wish)
                self.outbox.append(wish)
            else:
                working = Working(self, order)
                self._open(working)
                working.amend(wish)

    def _too_late(self, wish: AmendOrder, order: Order | None) -> None:
        if order is None:
            symbol, state = "", f"{wish.order_decision_id} is not open"
        else:
            symbol = order.place.instrument
            state = "is being cancelled" if order.is_open else f"is {order.state.name.lower()}"
        self.deny_amend(
            wish, symbol, "final", f"{symbol}: the order {state} and stays so; place a new one"
        )

    def _amend_passes(self, wish: AmendOrder, place: PlaceOrder, filled_lots: int) -> bool:
        """Ask the gate about an amended order as if it were new and the old one were not."""
        changed = merged(place, wish)
        left = changed.lots - filled_lots
        if left <= 0 or _is_ours(wish):
            return True
        asked = msgspec.structs.replace(changed, lots=left, decided_at_ns=wish.decided_at_ns)
        refusal = self._amend_objection(asked, instead_of=place)
        if refusal is None:
            return True
        self.deny_amend(wish, place.instrument, *refusal)
        return False

    def _amend_objection(
        self, asked: PlaceOrder, *, instead_of: PlaceOrder
    ) -> tuple[str, str] | None:
        kernel, symbol = self._kernel, asked.instrument
        there = kernel.orders.open.get(instead_of.decision_id)
        counted = 0 if there is None or instead_of.reduce_only else there.open_lots
        return kernel.risk.objection(
            asked,
            kernel.rules[symbol],
            position_lots=kernel.position_lots(symbol),
            open_lots=kernel.orders.open_lots(symbol) - counted,
            open_orders=len(kernel.orders.open) - (there is not None),
            input_age_ns=kernel.moment.age()[0],
        )

    def deny_amend(self, wish: AmendOrder, instrument: str, rule: str, detail: str) -> None:
        """Write down that an order stays as it is; what was wished by the strategy is told."""
        denied = OrderDenied(
            decision_id=wish.decision_id,
            instrument=instrument,
            rule=rule,
            detail=detail,
            decided_at_ns=wish.decided_at_ns,
            origin=wish.origin,
        )
        self._kernel.write(denied)
        if not _is_ours(wish):
            self._kernel.denied += 1
            self.publish(denied)

    def resize(self, identity: str, open_lots: int, cause: str) -> None:
        """Make what may still fill of an order so large; nothing left cancels it.

        Args:
            identity: The order; one that is done is left alone.
            open_lots: What it may still fill.
            cause: Logical origin of the reason.
        """
        wanted = self.wanted_lots(identity)
        if not self.is_open(identity) or wanted == open_lots:
            return
        if open_lots <= 0:
            self.drop(identity, cause)
            return
        self.change(identity, cause, lots=self.filled_lots(identity) + open_lots)

    def change(
        self, identity: str, cause: str, *, lots: int | None = None, limit_ticks: int | None = None
    ) -> None:
        """Give an order another size or limit of our own accord; one that is done is left alone.

        Args:
            identity: The order, or the part of one.
            cause: Logical origin of the reason.
            lots: New total, what has filled included.
            limit_ticks: New limit.
        """
        if not self.is_open(identity):
            return
        terms = f"{'' if lots is None else lots}:{'' if limit_ticks is None else limit_ticks}"
        origin = f"leg:{identity}:changed:{terms}:{cause}"
        self.amend(
            AmendOrder(
                decision_id=self.identity(origin),
                order_decision_id=identity,
                lots=lots,
                limit_ticks=limit_ticks,
                stop_ticks=None,
                decided_at_ns=self.now_ns,
                origin=origin,
            )
        )

    # -- compositions the strategy asks for ---------------------------------------------------

    def _link(self, wish: LinkOrders) -> None:
        members = tuple(each for each in wish.orders if self.is_open(each))
        self.decided(wish)
        if len(members) < 2:
            return
        if wish.link == Link.ONE_CANCELS_OTHER:
            self._tie(OneCancelsOther(self, members))
        else:
            wanted = min(self.wanted_lots(each) for each in members)
            link = OneUpdatesOther(self, members, wanted)
            self._tie(link)
            link.share(wish.decision_id)

    def _tie(self, link: OneCancelsOther | OneUpdatesOther, *also: str) -> None:
        self.engaged = True
        self._every_link.append(link)
        for member in (*link.members, *also):
            self._links.setdefault(member, []).append(link)

    def _bracket(self, wish: BracketWish) -> None:
        refusals = [
            (leg, refusal) for leg in wish.legs if (refusal := self._venue.refusal(leg)) is not None
        ]
        if refusals:
            # An entry without the exits that were wished with it would be another trade.
            for leg, refusal in refusals:
                self.deny(leg, "venue_rules", refusal)
            leg, refusal = refusals[0]
            self.deny(wish.entry, "venue_rules", f"a leg of the bracket is refused: {refusal}")
            return
        for leg in wish.legs:
            self._kernel.write(HoldOrder(order=leg, until=HeldLeg.until))
            self._open(HeldLeg(self, leg))
        self.decided(wish.link)
        legs = tuple(leg.decision_id for leg in wish.legs)
        bracket = Bracket(self, wish.entry, legs, whole=wish.link.whole)
        self._brackets.append(bracket)
        self._tie(bracket, wish.entry.decision_id)
        self.submit(wish.entry)

    def _work(self, wish: WorkOrder) -> None:
        refusal = self._venue.refusal(wish.order)
        if refusal is not None:
            self.deny(wish.order, "venue_rules", refusal)
            return
        if self._kernel.risk.halted_by or self._kernel.moment.age()[1]:
            self.deny(wish.order, *(self._objection(wish.order) or ("", "")))
            return
        self.decided(wish)
        by_time = wish.method == Method.OVER_TIME
        self._open(OverTime(self, wish) if by_time else WithVolume(self, wish))

    # -- what happens -------------------------------------------------------------------------

    def report(self, report: News) -> None:
        """Take a report that changed an order; it is booked already."""
        composition = self.composed.get(report.decision_id)
        if composition is not None:
            composition.child(report)
        else:
            self.publish(report)
        if type(report) is Fill:
            self._position_moved(report.instrument)

    def seen(self, event: Trade | Bar) -> None:
        """Show a market event to the compositions that watch its instrument."""
        for composition in list(self.watchers.get(event.instrument, {}).values()):
            composition.seen(event)

    def fire(self, timer: Timer) -> None:
        """Take a timer of ours."""
        composition = self.alarms.pop(timer.name)
        if composition is None:
            self._expired(self._expiring.pop(timer.name), timer.name)
        elif not composition.is_closed:
            composition.alarm(timer)

    def publish(self, news: News, by: str = "") -> None:
        """Tell the news of an order to whom it belongs, and to what is linked with it.

        Args:
            news: Of an order or a part of one.
            by: Logical origin of the news where it is not the input being handled.
        """
        identity = news.decision_id
        parent = self.parent_of.get(identity)
        if parent is None:
            self.told.append((news, self._origin_of(news, by)))
        for link in list(self._links.get(identity, ())):
            link.took(news)
        if parent is not None:
            parent.child(news)

    def tell_amended(self, order: PlaceOrder, by: str) -> None:
        """Tell that an order has these terms now, by an amend or the word of the venue."""
        self.publish(
            OrderAmended(
                decision_id=order.decision_id,
                lots=order.lots,
                limit_ticks=order.limit_ticks,
                stop_ticks=order.stop_ticks,
                venue_time_ns=self.now_ns,
                arrival_time_ns=self.now_ns,
            ),
            by,
        )

    def _origin_of(self, news: News, by: str) -> str:
        if type(news) is Fill:
            return self.cause
        name = "denied" if type(news) is OrderDenied else type(news).__name__
        if type(news) in _REPEATED:
            return f"{name}:{news.decision_id}:{by or self.cause}"
        return f"{name}:{news.decision_id}"

    def _expire(self, order: PlaceOrder) -> None:
        assert order.expires_at_ns is not None, order
        name = f"leg:{order.decision_id}:expiry"
        self._expiring[name] = order.decision_id
        self.engaged = True
        self.set_alarm(name, order.expires_at_ns, None)

    def _expired(self, identity: str, name: str) -> None:
        composition = self.composed.get(identity)
        if composition is not None and not composition.parts:
            composition.finish("expired")
        else:
            self.drop(identity, name)

    # -- sending ------------------------------------------------------------------------------

    def send(self, venue: Venue) -> None:
        """Send what is decided; it is durable already."""
        outbox, self.outbox = self.outbox, []
        orders = self._kernel.orders.by_id
        for leaving in outbox:
            if type(leaving) is PlaceOrder:
                orders[leaving.decision_id].state = OrderState.SENT
                venue.place(self._on_the_wire(leaving) if leaving.reduce_only else leaving)
            elif type(leaving) is CancelOrder:
                venue.cancel(leaving)
            else:
                venue.amend(leaving)  # type: ignore[arg-type]

    def _on_the_wire(self, order: PlaceOrder) -> PlaceOrder:
        """Return an order without what only we keep to."""
        if Feature.REDUCE_ONLY in self._venue.native:
            return order
        return msgspec.structs.replace(order, reduce_only=False)

    def send_cancels_again(self) -> None:
        """Lay out every cancel that was never answered: nobody knows whether it left."""
        self.outbox.extend(
            order.cancel for order in self._kernel.orders.open.values() if order.cancel is not None
        )

    def cancel_everything(self, origin: str) -> None:
        """Cancel what is open, and what is kept here."""
        kernel = self._kernel
        kept = (each for each in self.composed if each not in kernel.orders.open)
        known = [*kernel.orders.open, *kept]
        for place, identity in enumerate(known):
            if self.is_open(identity):
                self.cancel(
                    CancelOrder(
                        decision_id=decision_id(kernel.strategy_name, origin, place),
                        order_decision_id=identity,
                        decided_at_ns=self.now_ns,
                        origin=origin,
                    )
                )

    def acted(self, instrument: str, ratio: Ratio | None, cause: str) -> None:
        """Treat what is kept here as the venue treats what it has, when an action takes effect.

        Args:
            instrument: Whose action it is.
            ratio: Of a split; None: every order is gone.
            cause: Logical origin of the action.
        """
        for composition in list(self.composed.values()):
            if composition.order.instrument != instrument or composition.is_closed:
                continue
            if ratio is None:
                self.drop(composition.id, cause)
            else:
                composition.split(ratio, cause)
        if ratio is not None:
            self._kernel.orders.split(instrument, ratio)
            for link in self._every_link:
                link.split(instrument, ratio)

    # -- what compositions and the context ask ------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Our time."""
        return self._kernel.moment.now_ns

    @property
    def cause(self) -> str:
        """Logical origin of the input that is being handled."""
        return self._kernel.moment.origin()

    def least_lots(self, instrument: str) -> int:
        """Return the smallest order of an instrument."""
        return self._kernel.rules[instrument].min_lots

    def whole_lots(self, instrument: str, lots: int) -> int:
        """Return lots rounded toward zero to what an order may have by the rules in force."""
        return self._kernel.rules[instrument].whole_lots(lots)

    def identity(self, origin: str) -> str:
        """Return the id of a decision that has this origin."""
        return decision_id(self._kernel.strategy_name, origin, 0)

    def price(self, instrument: str) -> int | None:
        """Return the last price seen, in ticks."""
        return self._kernel.moment.price_ticks(instrument)

    def position_lots(self, instrument: str) -> int:
        """Return the signed lots held."""
        return self._kernel.position_lots(instrument)

    def finest_interval_ns(self, instrument: str) -> int:
        """Return the shortest bars the strategy asked for; 0 where it asked for the prints."""
        return self._kernel.subscriptions.finest_interval_ns(instrument)

    def decided(self, record: CancelOrder | AmendOrder | LinkOrders | WorkOrder) -> None:
        """Write a decision down."""
        self._kernel.write(record)

    def stamped(self, order: PlaceOrder, origin: str) -> PlaceOrder:
        """Return an order as decided now, on the price seen last."""
        return msgspec.structs.replace(
            order,
            decided_at_ns=self.now_ns,
            decision_price_ticks=self.price(order.instrument),
            origin=origin,
        )

    def part_of(self, order: PlaceOrder, what: str, **terms: Any) -> PlaceOrder:  # noqa: ANN401
        """Return a part of an order as decided now.

        Args:
            order: The whole.
            what: How far it has come; the part's identity is made of it.
            **terms: What differs from the whole.
        """
        origin = f"leg:{order.decision_id}:{what}"
        return msgspec.structs.replace(
            self.stamped(order, origin),
            decision_id=self.identity(origin),
            parent_id=order.decision_id,
            **terms,
        )

    def set_alarm(self, name: str, due_ns: int, composition: Composition | None) -> None:
        """Wake a composition, or let an order expire, at a time."""
        self.alarms[name] = composition
        self._kernel.timers.set_at(name, due_ns)

    def is_open(self, identity: str) -> bool:
        """Whether an order may still trade: at the venue or here."""
        return identity in self.composed or identity in self._kernel.orders.open

    def open_lots(self, identity: str) -> int:
        """Return what an order may still fill; unsigned."""
        composition = self.composed.get(identity)
        if composition is not None:
            return composition.whole_lots - composition.filled_lots
        return self.open_lots_at_venue(identity)

    def open_lots_at_venue(self, identity: str) -> int:
        """Return what the order at the venue that has this id may still fill; unsigned."""
        order = self._kernel.orders.open.get(identity)
        return 0 if order is None else abs(order.open_lots)

    def wanted_lots(self, identity: str) -> int:
        """Return what an order may still fill once every amend wished of it is done; unsigned."""
        composition = self.composed.get(identity)
        if composition is not None:
            return composition.order.lots - composition.filled_lots
        order = self._kernel.orders.open.get(identity)
        if order is None:
            return 0
        sizes = [each.lots for each in order.amends if each.lots is not None]
        return (sizes[-1] if sizes else order.place.lots) - order.filled_lots

    def terms(self, identity: str) -> PlaceOrder | None:
        """Return an order with the terms wanted of it now; None when it is not known."""
        composition = self.composed.get(identity)
        if composition is not None:
            return composition.order
        order = self._kernel.orders.by_id.get(identity)
        return None if order is None else order.place

    def known_as(self, identity: str) -> str:
        """Return the id by which the strategy knows an order: a part's is the whole's."""
        while (parent := self.parent_of.get(identity)) is not None:
            identity = parent.id
        return identity

    def snapshot(self) -> list[object]:
        """Return everything that a replay must reproduce."""
        links = [each for each in self._every_link if self._lives(each)]
        return [
            *(each.snapshot() for each in self.composed.values()),
            *(each.snapshot() for each in links),
            sorted(self._expiring.items()),
        ]

    def _lives(self, link: OneCancelsOther | OneUpdatesOther) -> bool:
        return any(self.is_open(each) for each in link.members)

    def filled_lots(self, identity: str) -> int:
        """Return what of an order has filled."""
        composition = self.composed.get(identity)
        if composition is not None:
            return composition.filled_lots
        return self._kernel.orders.by_id[identity].filled_lots

    def _instrument_of(self, identity: str) -> str:
        order = self.terms(identity)
        assert order is not None, identity
        return order.instrument


def _is_ours(wish: AmendOrder) -> bool:
    """Whether the desk wished it: it only follows what passed the gate, or reduces."""
    return wish.origin.startswith("leg:")
