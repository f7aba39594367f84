"""The orders the gateway knows, and the reports about them: each fact is told once.

The same fact comes by the answer to a request, by the user stream and by queries, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Any

from tieout.adapters.venues.exchange.decode import (
    decimal,
    integer,
    lots_of,
    money_units,
    nanoseconds,
    ticks_of,
)
from tieout.model.events import (
    CancelRejected,
    Fill,
    ForeignOrderSeen,
    Liquidity,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.identity import client_order_id, decision_id_of
from tieout.model.money import round_half_up
from tieout.model.orders import OrderState, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from tieout.adapters.clocks import VenueClock
    from tieout.adapters.venues.exchange.inbox import Outlet
    from tieout.adapters.venues.exchange.settings import KnownOrder
    from tieout.model.instruments import Instrument
    from tieout.model.orders import PlaceOrder

__all__ = ["FillRow", "OrderDesk", "OrderPhase", "TrackedOrder", "side_of"]


@unique
class OrderPhase(IntEnum):
    """What we know of an order.

    SENDING waits for the first answer, UNKNOWN is being asked for, LIVE is at the venue, FINAL can
    only get late fills.
    """

    SENDING = 1
    UNKNOWN = 2
    LIVE = 3
    FINAL = 4


def _unknown(_: str) -> None:
    return None


@dataclass(slots=True)
class TrackedOrder:
    """One order of this run.

    Attributes:
        sent_ns: Our clock when it left at the latest; the proof of absence counts from it.
        since_ns: Our clock before which nothing can have become of it.
        order_id: The matching engine's id; empty before it is known.
        algo_id: The id of a conditional order that has not triggered; else empty.
        filled_lots: Told so far.
        touched_ns: Our clock when something was last learned.
    """

    decision_id: str
    client_id: str
    instrument: Instrument
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    lots: int
    sent_ns: int
    since_ns: int
    phase: OrderPhase = OrderPhase.SENDING
    order_id: str = ""
    algo_id: str = ""
    filled_lots: int = 0
    touched_ns: int = 0
    is_accepted: bool = False
    is_triggered: bool = False
    is_cancel_wanted: bool = False
    trade_ids: set[str] = field(default_factory=set)

    @property
    def is_final(self) -> bool:
        """Whether nothing but a late fill can come."""
        return self.phase is OrderPhase.FINAL

    @property
    def is_conditional(self) -> bool:
        """Whether the venue keeps it among the conditional orders still."""
        return self.order_type is OrderType.STOP_MARKET and not self.is_triggered


@dataclass(frozen=True, slots=True)
class FillRow:
    """A fill as the stream and the trade history both have it."""

    trade_id: str
    lots: int
    price_ticks: int
    fee: int
    fee_currency: str
    liquidity: Liquidity
    venue_time_ns: int

    @staticmethod
    def from_stream(instrument: Instrument, order: Mapping[str, Any]) -> FillRow:
        """Read the fill in an ORDER_TRADE_UPDATE; without a commission there is none to pay."""
        return FillRow(
            trade_id=str(integer(order.get("t"))),
            lots=lots_of(instrument, order.get("l")),
            price_ticks=ticks_of(instrument, order.get("L")),
            fee=money_units(order.get("n", "0")),
            fee_currency=str(order.get("N") or instrument.currency),
            liquidity=Liquidity.MAKER if order.get("m") is True else Liquidity.TAKER,
            venue_time_ns=nanoseconds(order.get("T")),
        )

    @staticmethod
    def from_history(instrument: Instrument, row: Mapping[str, Any]) -> FillRow:
        """Read a row of `userTrades`."""
        return FillRow(
            trade_id=str(integer(row.get("id"))),
            lots=lots_of(instrument, row.get("qty")),
            price_ticks=ticks_of(instrument, row.get("price")),
            fee=money_units(row.get("commission")),
            fee_currency=str(row.get("commissionAsset") or instrument.currency),
            liquidity=Liquidity.MAKER if row.get("maker") is True else Liquidity.TAKER,
            venue_time_ns=nanoseconds(row.get("time")),
        )


def side_of(word: object) -> Side:
    """Return the side the venue's word means."""
    return Side.BUY if str(word).upper() == "BUY" else Side.SELL


class OrderDesk:
    """Finds orders and tells what became of them.

    Args:
        run_id: Makes and recognises client order ids.
        clock: Stamps arrivals.
        outlet: Where reports go.
        price_of: Price of a currency that fees are taken in, in the account's; None: not known.
    """

    def __init__(
        self,
        run_id: str,
        clock: VenueClock,
        outlet: Outlet,
        *,
        price_of: Callable[[str], Decimal | None] = _unknown,
    ) -> None:
        self._run_id = run_id
        self._clock = clock
        self._outlet = outlet
        self._price_of = price_of
        self.by_decision: dict[str, TrackedOrder] = {}
        self.by_order_id: dict[str, TrackedOrder] = {}
        self.foreign_fills: dict[str, int] = {}

    # -- finding ------------------------------------------------------------------------------

    def add(self, place: PlaceOrder, instrument: Instrument) -> TrackedOrder:
        """Take an order that is about to leave."""
        order = TrackedOrder(
            decision_id=place.decision_id,
            client_id=client_order_id(self._run_id, place.decision_id),
            instrument=instrument,
            side=Side(place.side),
            order_type=OrderType(place.order_type),
            time_in_force=TimeInForce(place.time_in_force),
            lots=place.lots,
            sent_ns=self._clock.now_ns(),
            since_ns=place.decided_at_ns,
        )
        order.touched_ns = order.sent_ns
        self.by_decision[place.decision_id] = order
        return order

    def restore(self, known: KnownOrder, instrument: Instrument) -> TrackedOrder:
        """Take an order of the journal; one without an answer there is still SENDING here."""
        order = self.add(known.place, instrument)
        order.filled_lots = known.filled_lots
        order.trade_ids.update(known.trade_ids)
        order.order_id = "" if order.order_type is OrderType.STOP_MARKET else known.venue_order_id
        order.algo_id = known.venue_order_id if order.is_conditional else ""
        order.is_accepted = bool(known.venue_order_id)
        if known.state.is_final:
            order.phase = OrderPhase.FINAL
        elif known.state in (OrderState.ACCEPTED, OrderState.PARTLY_FILLED):
            order.phase = OrderPhase.LIVE
        if order.order_id:
            self.by_order_id[order.order_id] = order
        return order

    def find(self, client_id: object, order_id: object) -> TrackedOrder | None:
        """Return the order behind a client id or an order id; None for a stranger's."""
        decision = decision_id_of(self._run_id, str(client_id))
        if decision is not None and decision in self.by_decision:
            return self.by_decision[decision]
        return self.by_order_id.get(str(order_id))

    def adopt(
        self, client_id: str, instrument: Instrument, row: Mapping[str, Any]
    ) -> TrackedOrder | None:
        """Take an order that carries our mark though we do not remember it; None for others.

        Args:
            client_id: As the venue has it.
            instrument: What it trades.
            row: With `side`, `origQty` and `type`, as REST has an order.
        """
        decision = decision_id_of(self._run_id, client_id)
        if decision is None:
            return None
        kind = str(row.get("origType", row.get("type")))
        order = TrackedOrder(
            decision_id=decision,
            client_id=client_id,
            instrument=instrument,
            side=side_of(row.get("side")),
            order_type={"LIMIT": OrderType.LIMIT, "STOP_MARKET": OrderType.STOP_MARKET}.get(
                kind, OrderType.MARKET
            ),
            time_in_force=(
                TimeInForce.IMMEDIATE_OR_CANCEL
                if row.get("timeInForce") == "IOC"
                else TimeInForce.GOOD_TILL_CANCEL
            ),
            lots=lots_of(instrument, row.get("origQty")),
            sent_ns=self._clock.now_ns(),
            since_ns=nanoseconds(row.get("time", 0)),
        )
        self.by_decision[decision] = order
        return order

    def live(self) -> Iterable[TrackedOrder]:
        """Return the orders that are not final."""
        return [each for each in self.by_decision.values() if each.phase is not OrderPhase.FINAL]

    def link(self, order: TrackedOrder, order_id: object) -> None:
        """Remember the matching engine's id of an order."""
        text = str(order_id)
        if text not in ("", "0", "None"):
            order.order_id = text
            self.by_order_id[text] = order

    # -- telling ------------------------------------------------------------------------------

    def accepted(self, order: TrackedOrder, venue_order_id: str, venue_time_ns: int) -> None:
        """The venue has the order."""
        self._touch(order)
        if order.phase in (OrderPhase.SENDING, OrderPhase.UNKNOWN):
            order.phase = OrderPhase.LIVE
        if order.is_accepted:
            return
        order.is_accepted = True
        self._outlet.put(
            OrderAccepted(
                decision_id=order.decision_id,
                venue_order_id=venue_order_id,
                venue_time_ns=venue_time_ns,
                arrival_time_ns=order.touched_ns,
            )
        )

    def triggered(self, order: TrackedOrder, venue_time_ns: int) -> None:
        """A stop's trigger price was reached."""
        self._touch(order)
        if order.phase in (OrderPhase.SENDING, OrderPhase.UNKNOWN):
            order.phase = OrderPhase.LIVE
        if order.is_triggered:
            return
        order.is_triggered = True
        self._outlet.put(
            OrderTriggered(
                decision_id=order.decision_id,
                venue_time_ns=venue_time_ns,
                arrival_time_ns=order.touched_ns,
            )
        )

    def filled(self, order: TrackedOrder, row: FillRow) -> None:
        """A part of the order traded; the venue's fills are facts in any phase."""
        self._touch(order)
        if row.trade_id in order.trade_ids:
            return
        order.trade_ids.add(row.trade_id)
        order.filled_lots += row.lots
        if order.filled_lots >= order.lots:
            order.phase = OrderPhase.FINAL
        elif order.phase is not OrderPhase.FINAL:
            order.phase = OrderPhase.LIVE
        other = row.fee_currency != order.instrument.currency
        fee = self._worth(row) if other else row.fee
        self._outlet.put(
            Fill(
                decision_id=order.decision_id,
                trade_id=row.trade_id,
                instrument=order.instrument.symbol,
                side=int(order.side),
                lots=row.lots,
                price_ticks=row.price_ticks,
                fee=fee,
                fee_currency=order.instrument.currency,
                liquidity=int(row.liquidity),
                venue_time_ns=row.venue_time_ns,
                arrival_time_ns=order.touched_ns,
                fee_charged=row.fee if other else 0,
                fee_charged_currency=row.fee_currency if other else "",
            )
        )

    def _worth(self, row: FillRow) -> int:
        """Return what a fee in another currency was worth; 0 where its price is not known.

        A fill is a fact and cannot wait for a price: what was charged stands in it all the same.
        """
        price = self._price_of(row.fee_currency)
        if price is None:
            return 0
        numerator, denominator = price.as_integer_ratio()
        worth: int = round_half_up(row.fee * numerator, denominator)
        return worth

    def cancelled(
        self, order: TrackedOrder, *, expired: bool, filled_lots: int, venue_time_ns: int
    ) -> None:
        """What was left of the order is gone."""
        self._touch(order)
        if order.phase is OrderPhase.FINAL:
            return
        order.phase = OrderPhase.FINAL
        if not expired:
            reason = "requested" if order.is_cancel_wanted else "venue"
        elif order.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL:
            reason = "time_in_force"
        else:
            reason = "expired"
        self._outlet.put(
            OrderCancelled(
                decision_id=order.decision_id,
                reason=reason,
                filled_lots=filled_lots,
                venue_time_ns=venue_time_ns,
                arrival_time_ns=order.touched_ns,
            )
        )

    def rejected(
        self, order: TrackedOrder, reason: str, detail: str, venue_time_ns: int | None = None
    ) -> None:
        """The venue refused the order, or it is proved that it never had it."""
        self._touch(order)
        if order.phase is OrderPhase.FINAL:
            return
        order.phase = OrderPhase.FINAL
        self._outlet.put(
            OrderRejected(
                decision_id=order.decision_id,
                reason=reason,
                detail=detail,
                venue_time_ns=order.touched_ns if venue_time_ns is None else venue_time_ns,
                arrival_time_ns=order.touched_ns,
            )
        )

    def outcome_unknown(self, order: TrackedOrder, detail: str) -> None:
        """Nobody but the venue knows whether it has the order."""
        self._touch(order)
        if order.phase is not OrderPhase.SENDING:
            return
        order.phase = OrderPhase.UNKNOWN
        self._outlet.put(
            OrderOutcomeUnknown(
                decision_id=order.decision_id, detail=detail, arrival_time_ns=order.touched_ns
            )
        )

    def cancel_rejected(self, decision_id: str, reason: str) -> None:
        """The venue could not cancel."""
        now_ns = self._clock.now_ns()
        self._outlet.put(
            CancelRejected(
                decision_id=decision_id,
                reason=reason,
                venue_time_ns=now_ns,
                arrival_time_ns=now_ns,
            )
        )

    def foreign(self, client_id: str, instrument: Instrument, row: Mapping[str, Any]) -> None:
        """An order that is not this run's was seen; told again only when it traded more.

        Args:
            client_id: As the venue has it.
            instrument: What it trades.
            row: With `orderId`, `side`, `executedQty` and `updateTime`, as REST has an order.
        """
        order_id = str(row.get("orderId"))
        executed = decimal(row.get("executedQty", "0"))
        filled_lots = instrument.round_quantity(executed)
        if self.foreign_fills.get(order_id) == filled_lots:
            return
        self.foreign_fills[order_id] = filled_lots
        self._outlet.put(
            ForeignOrderSeen(
                client_order_id=client_id,
                instrument=instrument.symbol,
                side=int(side_of(row.get("side"))),
                filled_lots=filled_lots,
                venue_time_ns=nanoseconds(row.get("updateTime", 0)),
                arrival_time_ns=self._clock.now_ns(),
            )
        )

    def _touch(self, order: TrackedOrder) -> None:
        order.touched_ns = self._clock.now_ns()
