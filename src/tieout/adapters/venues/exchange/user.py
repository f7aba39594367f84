"""What the venue's user stream says about our orders and our account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tieout.adapters.venues.exchange.decode import Unreadable, lots_of, nanoseconds
from tieout.adapters.venues.exchange.orders import FillRow
from tieout.errors import VenueError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

    from tieout.adapters.venues.exchange.orders import OrderDesk, TrackedOrder
    from tieout.adapters.venues.exchange.sender import OrderSender
    from tieout.model.instruments import Instrument

__all__ = ["UserStream"]

_LIQUIDATION: Final = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
"""Client ids of orders that the venue itself makes on our account."""

_QUIET: Final = frozenset(
    {
        "ACCOUNT_CONFIG_UPDATE",
        "MARGIN_CALL",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
        "TRADE_LITE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
    }
)
"""Events that change nothing we keep: orders and money come by other messages."""


class UserStream:
    """Turns ORDER_TRADE_UPDATE, ALGO_UPDATE and ACCOUNT_UPDATE into reports.

    A message that is not understood is never guessed at: the order is asked for instead.

    Args:
        desk: Knows the orders and tells.
        sender: Asks about orders that the stream leaves unclear.
        spawn: Runs a coroutine beside the stream.
        funding_charged: Called when a funding payment was booked.
        key_expired: Called when the stream's key is no longer good.
        broken: Called with a reason when only a new connection, and asking, can help.
    """

    def __init__(
        self,
        desk: OrderDesk,
        sender: OrderSender,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        funding_charged: Callable[[], None],
        key_expired: Callable[[], None],
        broken: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._sender = sender
        self._spawn = spawn
        self._funding_charged = funding_charged
        self._key_expired = key_expired
        self._broken = broken
        self._instruments: dict[str, Instrument] = {}
        self.other = 0

    def trade(self, instruments: Mapping[str, Instrument]) -> None:
        """Say which instruments the run may trade; orders in others are strangers' business."""
        self._instruments = {each.venue_symbol: each for each in instruments.values()}

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take one message.

        Raises:
            Unreadable: It cannot be what it claims to be; what it said must be asked for.
        """
        match message.get("e"):
            case "ORDER_TRADE_UPDATE":
                self._order_update(_body(message))
            case "ALGO_UPDATE":
                self._algo_update(_body(message), nanoseconds(message.get("T")))
            case "ACCOUNT_UPDATE":
                account = message.get("a")
                if isinstance(account, dict) and account.get("m") == "FUNDING_FEE":
                    self._funding_charged()
            case "listenKeyExpired":
                self._key_expired()
            case kind:
                # Not in `_QUIET` either: a kind of event younger than this code.
                self.other += str(kind) not in _QUIET

    # -- orders -------------------------------------------------------------------------------

    def _order_update(self, body: Mapping[str, Any]) -> None:
        instrument = self._instruments.get(str(body.get("s")))
        if instrument is None:
            self.other += 1
            return
        client_id = str(body.get("c"))
        order = self._desk.find(client_id, body.get("i"))
        if order is not None:
            self._own_update(order, body)
        elif client_id.startswith(_LIQUIDATION) or not self._may_be_ours(instrument):
            self._foreign_update(instrument, client_id, body)
        else:
            self._spawn(self._identify(instrument, body))

    def _own_update(self, order: TrackedOrder, body: Mapping[str, Any]) -> None:
        """Tell what one execution report says of an order of ours."""
        desk = self._desk
        time_ns = nanoseconds(body.get("T"))
        desk.link(order, body.get("i"))
        if order.is_conditional:
            # The order a stop turned into: that it exists says that the stop was triggered.
            desk.triggered(order, time_ns)
        match body.get("x"):
            case "NEW":
                desk.accepted(order, order.order_id, time_ns)
            case "TRADE" | "CALCULATED":
                desk.accepted(order, order.order_id, time_ns)
                desk.filled(order, FillRow.from_stream(order.instrument, body))
            case "CANCELED":
                self._gone(order, body, time_ns, expired=False)
            case "EXPIRED" | "EXPIRED_IN_MATCH":
                self._gone(order, body, time_ns, expired=True)
            case "REJECTED":
                desk.rejected(order, "rejected", str(body.get("r", "")), time_ns)
            case _:
                # AMENDMENT, or a word younger than this code: the venue is asked what it means.
                self._spawn(self._ask(order))

    def _gone(
        self, order: TrackedOrder, body: Mapping[str, Any], time_ns: int, *, expired: bool
    ) -> None:
        self._desk.accepted(order, order.order_id, time_ns)
        self._desk.cancelled(
            order,
            expired=expired,
            filled_lots=lots_of(order.instrument, body.get("z", "0")),
            venue_time_ns=time_ns,
        )

    def _foreign_update(
        self, instrument: Instrument, client_id: str, body: Mapping[str, Any]
    ) -> None:
        self._desk.foreign(
            client_id,
            instrument,
            {
                "orderId": body.get("i"),
                "side": body.get("S"),
                "executedQty": body.get("z", "0"),
                "updateTime": body.get("T"),
            },
        )

    def _may_be_ours(self, instrument: Instrument) -> bool:
        """Whether a stop of ours may have turned into this order under another id."""
        return any(
            order.is_conditional and order.instrument is instrument for order in self._desk.live()
        )

    async def _identify(self, instrument: Instrument, body: Mapping[str, Any]) -> None:
        try:
            order = await self._sender.introduce(instrument, str(body.get("i")))
            if order is not None:
                self._own_update(order, body)
        except VenueError as error:
            self._broken(f"an order could not be identified: {error}")

    async def _ask(self, order: TrackedOrder) -> None:
        try:
            await self._sender.refresh(order)
        except VenueError as error:
            self._broken(f"order {order.client_id} could not be asked for: {error}")

    # -- conditional orders -------------------------------------------------------------------

    def _algo_update(self, body: Mapping[str, Any], time_ns: int) -> None:
        instrument = self._instruments.get(str(body.get("s")))
        if instrument is None:
            self.other += 1
            return
        client_id = str(body.get("caid"))
        order = self._desk.find(client_id, body.get("ai") or "")
        if order is None:
            self._foreign_update(
                instrument,
                client_id,
                {"i": f"algo-{body.get('aid')}", "S": body.get("S"), "T": time_ns // 1_000_000},
            )
            return
        order.algo_id = str(body.get("aid"))
        desk = self._desk
        match body.get("X"):
            case "NEW":
                desk.accepted(order, order.algo_id, time_ns)
            case "TRIGGERING" | "TRIGGERED" | "FINISHED":
                desk.accepted(order, order.algo_id, time_ns)
                desk.link(order, body.get("ai"))
                desk.triggered(order, time_ns)
            case "CANCELED":
                desk.cancelled(order, expired=False, filled_lots=0, venue_time_ns=time_ns)
            case "EXPIRED":
                desk.cancelled(order, expired=True, filled_lots=0, venue_time_ns=time_ns)
            case "REJECTED":
                desk.rejected(order, "rejected", str(body.get("rm", "")), time_ns)
            case _:
                self._spawn(self._ask(order))


def _body(message: Mapping[str, Any]) -> Mapping[str, Any]:
    body = message.get("o")
    if not isinstance(body, dict):
        raise Unreadable(f"a message of the user stream has no order: {str(message)[:200]}")
    return body
