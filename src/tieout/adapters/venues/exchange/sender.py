"""Sends orders and cancels, and asks the venue about what became of them.

A create leaves once. When its outcome is not known it is asked for — by client id, among open
orders, in the order history, in the trade history — until there is evidence, or until a proof of
absence: the venue refuses a request later than its timestamp plus the receive window and gives one
up after ten seconds, so what none of the four queries shows after that time was never there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tieout.adapters.venues.exchange.client import current_request
from tieout.adapters.venues.exchange.decode import (
    MILLISECOND,
    Unreadable,
    decimal,
    lots_of,
    nanoseconds,
)
from tieout.adapters.venues.exchange.orders import FillRow, OrderPhase
from tieout.adapters.venues.exchange.outcomes import (
    Refused,
    RequestFailed,
    RequestRecord,
    create_outcome,
)
from tieout.errors import InvariantViolated, VenueError
from tieout.model.orders import OrderType, Side, TimeInForce

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

    from tieout.adapters.clocks import VenueClock
    from tieout.adapters.venues.exchange.client import ExchangeClient
    from tieout.adapters.venues.exchange.orders import OrderDesk, TrackedOrder
    from tieout.adapters.venues.exchange.settings import ExchangeSettings
    from tieout.model.instruments import Instrument
    from tieout.model.orders import PlaceOrder

__all__ = ["OrderSender"]

SECOND: Final = 1_000_000_000
_GIVES_UP_NS: Final = 10 * SECOND
"""The venue's API gives a request up after this while the engine may still take it."""

_CLOCK_MARGIN_NS: Final = SECOND
"""For the error of the measured offset; beyond it the venue refuses our timestamps anyway."""

_PAUSES_NS: Final = (SECOND // 4, SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND)
_OVERLAP_NS: Final = 60 * SECOND
"""Fills are asked for from this long before the time up to which we believe to know them."""

_CANCEL_TRIES_MAX: Final = 20
_PAGE: Final = 1_000
_WEEK_MS: Final = 7 * 24 * 3_600_000
_EXPIRED: Final = frozenset({"EXPIRED", "EXPIRED_IN_MATCH"})
_OVER: Final = frozenset({"FILLED", "CANCELED", "REJECTED"}) | _EXPIRED


class OrderSender:
    """The REST side of orders.

    Args:
        client: The venue.
        clock: Time-outs and pauses.
        desk: Knows the orders and tells what is learned.
        settings: Receive window and time-out.
        spawn: Runs a coroutine beside the others.
        clock_doubted: Called when the venue refused a timestamp.
    """

    def __init__(
        self,
        client: ExchangeClient,
        clock: VenueClock,
        desk: OrderDesk,
        settings: ExchangeSettings,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        clock_doubted: Callable[[], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._desk = desk
        self._settings = settings
        self._spawn = spawn
        self._clock_doubted = clock_doubted
        self._known_until_ns = 0
        self._strangers: set[str] = set()

    # -- create -------------------------------------------------------------------------------

    async def create(self, order: TrackedOrder, place: PlaceOrder) -> None:
        """Send a new order, once, and tell what is known then."""
        try:
            request = self._request_of(order, place)
        except InvariantViolated as error:
            self._desk.rejected(order, "precision", str(error))
            return
        record = RequestRecord()
        current_request.set(record)
        order.sent_ns = self._clock.now_ns()
        watch = self._spawn(self._watch_answer(order))
        try:
            answer = await self._client.create_order(*request)
            row = _placed(answer.get("info"))
        except Exception as error:  # noqa: BLE001 - an unlisted error leaves the outcome unknown
            watch.cancel()
            self._create_failed(order, record, error)
        else:
            watch.cancel()
            self._create_answered(order, row)

    def _request_of(
        self, order: TrackedOrder, place: PlaceOrder
    ) -> tuple[str, str, str, str, str | None, dict[str, Any]]:
        """Return what the library is called with; it must not round any of it."""
        instrument = order.instrument
        amount = _plain(instrument.quantity(place.lots))
        price: str | None = None
        kind = "market"
        params: dict[str, Any] = {"clientOrderId": order.client_id}
        if order.order_type is OrderType.LIMIT:
            assert place.limit_ticks is not None, place
            kind, price = "limit", _plain(instrument.price(place.limit_ticks))
            immediate = order.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL
            params["timeInForce"] = "IOC" if immediate else "GTC"
            self._refuse_rounding(instrument, "price", price, self._client.price_to_precision)
        elif order.order_type is OrderType.STOP_MARKET:
            assert place.stop_ticks is not None, place
            stop = _plain(instrument.price(place.stop_ticks))
            params["stopLossPrice"] = stop
            self._refuse_rounding(instrument, "price", stop, self._client.price_to_precision)
        self._refuse_rounding(instrument, "quantity", amount, self._client.amount_to_precision)
        side = "buy" if order.side is Side.BUY else "sell"
        return instrument.symbol, kind, side, amount, price, params

    @staticmethod
    def _refuse_rounding(
        instrument: Instrument, what: str, text: str, rounded: Callable[[str, str], str]
    ) -> None:
        try:
            sent = rounded(instrument.symbol, text)
        except Exception as error:
            raise InvariantViolated(
                f"{instrument.symbol}: {what} {text} is refused by the client library ({error}); "
                "the venue's rules differ from ours, load the instruments again"
            ) from error
        if decimal(sent) != decimal(text):
            raise InvariantViolated(
                f"{instrument.symbol}: {what} {text} would be sent as {sent}; "
                "the venue's steps differ from ours, load the instruments again"
            )

    def _create_failed(self, order: TrackedOrder, record: RequestRecord, error: Exception) -> None:
        outcome = create_outcome(record, error)
        if isinstance(outcome, Refused):
            if outcome.reason == "timestamp":
                self._clock_doubted()
            self._desk.rejected(order, outcome.reason, outcome.detail)
        elif order.phase is OrderPhase.SENDING:
            self._desk.outcome_unknown(order, outcome.detail)
            self._spawn(self.resolve(order))

    def _create_answered(self, order: TrackedOrder, row: Mapping[str, Any]) -> None:
        self._told_accepted(order, row)
        if str(row.get("status")) in _OVER:
            # The stream brings the rest; if it does not within a moment, ask.
            self._spawn(self._expect_end(order))

    async def _watch_answer(self, order: TrackedOrder) -> None:
        """Declare the outcome unknown when the answer takes too long on our clock."""
        timeout_ns = self._settings.request_timeout_ns
        await self._clock.sleep_until(order.sent_ns + timeout_ns)
        if order.phase is OrderPhase.SENDING:
            self._desk.outcome_unknown(order, f"no answer within {timeout_ns / 1e9:g} s")
            await self.resolve(order)

    async def _expect_end(self, order: TrackedOrder) -> None:
        await self._clock.sleep(5 * SECOND)
        if not order.is_final:
            await self._refresh_if_possible(order)

    # -- unknown outcomes ---------------------------------------------------------------------

    async def resume(self, orders: list[TrackedOrder]) -> None:
        """Ask for every order whose answer a stopped process did not hear, all before returning.

        What the venue does not show yet is asked for further in the background.
        """
        for order in orders:
            self._desk.outcome_unknown(order, "the process stopped before the answer came")
            await self._is_absent(order)
            if order.phase is OrderPhase.UNKNOWN:
                self._spawn(self.resolve(order))

    async def resolve(self, order: TrackedOrder) -> None:
        """Ask until there is evidence or a proof of absence."""
        horizon_ns = (
            order.sent_ns
            + self._settings.recv_window_ms * MILLISECOND
            + _GIVES_UP_NS
            + _CLOCK_MARGIN_NS
        )
        attempt = 0
        while order.phase is OrderPhase.UNKNOWN:
            asked_ns = self._clock.now_ns()
            if await self._is_absent(order) and asked_ns >= horizon_ns:
                self._desk.rejected(
                    order,
                    "absent",
                    "not found by client id, among open orders, in the order history or in the "
                    f"trade history, asked {(asked_ns - order.sent_ns) / 1e9:g} s after sending",
                )
                return
            if order.phase is not OrderPhase.UNKNOWN:
                return
            pause_ns = _PAUSES_NS[min(attempt, len(_PAUSES_NS) - 1)]
            due_ns = asked_ns + pause_ns
            if asked_ns < horizon_ns:
                due_ns = min(due_ns, horizon_ns)
            await self._clock.sleep_until(due_ns)
            attempt += 1

    async def _is_absent(self, order: TrackedOrder) -> bool:
        """Ask all four ways; False when it was found, or when a query itself failed."""
        try:
            if await self.refresh(order):
                return False
            return not await self._is_listed(order)
        except VenueError:
            return False

    async def _is_listed(self, order: TrackedOrder) -> bool:
        """Look for the order where it is not asked for by its id."""
        symbol = order.instrument.venue_symbol
        since_ms = max(order.since_ns - _OVERLAP_NS, 0) // MILLISECOND
        lists = [("openOrders", {}), ("allOrders", {"startTime": since_ms, "limit": _PAGE})]
        if order.order_type is OrderType.STOP_MARKET:
            lists += [
                ("openAlgoOrders", {}),
                ("allAlgoOrders", {"startTime": since_ms, "limit": _PAGE}),
            ]
        for path, bounds in lists:
            for row in await self._rows(path, symbol=symbol, **bounds):
                if order.client_id in (row.get("clientOrderId"), row.get("clientAlgoId")):
                    await self._learn(order, row)
                    return True
        await self._fills_of(order.instrument, since_ms)
        return order.phase is not OrderPhase.UNKNOWN

    # -- state of one order -------------------------------------------------------------------

    async def refresh(self, order: TrackedOrder) -> bool:
        """Ask for an order by its id and tell what is new; False when the venue has none.

        Raises:
            VenueError: The venue gave no good answer.
        """
        symbol = order.instrument.venue_symbol
        if order.order_type is OrderType.STOP_MARKET:
            algo = await self._one("algoOrder", symbol=symbol, clientAlgoId=order.client_id)
            if algo is None:
                return False
            await self._learn(order, algo)
            return True
        row = await self._one("order", symbol=symbol, origClientOrderId=order.client_id)
        if row is None:
            return False
        await self._learn(order, row)
        return True

    async def _refresh_if_possible(self, order: TrackedOrder) -> None:
        try:
            await self.refresh(order)
        except VenueError:
            return  # The next audit, or the next connection, asks again.

    async def _learn(self, order: TrackedOrder, row: Mapping[str, Any]) -> None:
        """Tell everything that a REST row of the order says."""
        if "algoId" in row:
            await self._learn_algo(order, row)
            return
        self._told_accepted(order, row)
        executed = lots_of(order.instrument, row.get("executedQty", "0"))
        if executed > order.filled_lots:
            rows = await self._rows(
                "userTrades",
                symbol=order.instrument.venue_symbol,
                orderId=row["orderId"],
                limit=_PAGE,
            )
            for fill in sorted(rows, key=_trade_number):
                self._desk.filled(order, FillRow.from_history(order.instrument, fill))
        self._told_end(order, row, str(row.get("status")), executed)

    async def _learn_algo(self, order: TrackedOrder, row: Mapping[str, Any]) -> None:
        order.algo_id = str(row["algoId"])
        updated_ns = _updated_ns(row)
        self._desk.accepted(order, order.algo_id, nanoseconds(row.get("createTime", 0)))
        order_id = str(row.get("actualOrderId") or "")
        if order_id not in ("", "0"):
            self._desk.link(order, order_id)
            self._desk.triggered(order, nanoseconds(row.get("triggerTime") or 0) or updated_ns)
            symbol = order.instrument.venue_symbol
            actual = await self._one("order", symbol=symbol, orderId=order_id)
            if actual is not None:
                await self._learn(order, actual)
            return
        self._told_end(order, row, str(row.get("algoStatus")), 0)

    def _told_accepted(self, order: TrackedOrder, row: Mapping[str, Any]) -> None:
        if row.get("status") == "REJECTED":
            return
        if "algoId" in row:
            order.algo_id = str(row["algoId"])
            venue_order_id = order.algo_id
        else:
            self._desk.link(order, row.get("orderId"))
            venue_order_id = order.order_id
        self._desk.accepted(order, venue_order_id, _updated_ns(row))

    def _told_end(
        self, order: TrackedOrder, row: Mapping[str, Any], status: str, executed: int
    ) -> None:
        updated_ns = _updated_ns(row)
        if status == "REJECTED":
            self._desk.rejected(order, "rejected", str(row.get("rm") or status), updated_ns)
        elif status == "CANCELED" or status in _EXPIRED:
            self._desk.cancelled(
                order,
                expired=status != "CANCELED",
                filled_lots=executed,
                venue_time_ns=updated_ns,
            )

    # -- cancel -------------------------------------------------------------------------------

    async def cancel(self, order: TrackedOrder) -> None:
        """Cancel what is left; unlike a create, this may be repeated."""
        order.is_cancel_wanted = True
        for attempt in range(_CANCEL_TRIES_MAX):
            if order.is_final:
                self._desk.cancel_rejected(order.decision_id, "already_final")
                return
            try:
                row = await self._delete(order)
            except RequestFailed as error:
                if await self._is_settled(order, error):
                    return
            else:
                await self._cancel_answered(order, row)
                return
            await self._clock.sleep(_PAUSES_NS[min(attempt, len(_PAUSES_NS) - 1)])
        self._desk.cancel_rejected(order.decision_id, "unresolved")

    async def _delete(self, order: TrackedOrder) -> Mapping[str, Any]:
        symbol = order.instrument.venue_symbol
        if order.is_conditional:
            answer = await self._client.call(
                "fapiPrivate", "DELETE", "algoOrder", symbol=symbol, clientAlgoId=order.client_id
            )
        elif order.order_id:
            answer = await self._client.call(
                "fapiPrivate", "DELETE", "order", symbol=symbol, orderId=order.order_id
            )
        else:
            answer = await self._client.call(
                "fapiPrivate", "DELETE", "order", symbol=symbol, origClientOrderId=order.client_id
            )
        return _mapping(answer, "cancel")

    async def _cancel_answered(self, order: TrackedOrder, row: Mapping[str, Any]) -> None:
        if "status" in row:
            executed = lots_of(order.instrument, row.get("executedQty", "0"))
            self._told_accepted(order, row)
            self._told_end(order, row, str(row["status"]), executed)
        else:
            # The answer to a conditional order names only its id; when it went is asked for.
            await self._refresh_if_possible(order)

    async def _is_settled(self, order: TrackedOrder, error: RequestFailed) -> bool:
        """Whether a failed cancel needs no other try."""
        code = error.record.code
        if order.phase in (OrderPhase.SENDING, OrderPhase.UNKNOWN):
            return False  # The order may be on its way still; cancel it when it has come.
        if code is not None and not error.is_not_found:
            self._desk.cancel_rejected(order.decision_id, f"venue_{-code}")
            return True
        was_conditional = order.is_conditional
        await self._refresh_if_possible(order)
        if error.is_not_found and (order.is_final or not was_conditional):
            # Final: it ended before our cancel came. Else the venue contradicts itself; the next
            # audit finds the truth. A stop may just have become an order: cancel that one.
            reason = "already_final" if order.is_final else "unknown_order"
            self._desk.cancel_rejected(order.decision_id, reason)
            return True
        return order.is_final

    # -- what was missed ----------------------------------------------------------------------

    def known_until(self, time_ns: int) -> None:
        """Say up to when every fill is known; asking goes back a little further."""
        self._known_until_ns = max(self._known_until_ns, time_ns)

    async def catch_up(self, instruments: list[Instrument]) -> None:
        """Fetch every fill since the known time, then the state of every order that is not final.

        Raises:
            VenueError: The venue gave no good answer; nothing learned so far is lost.
        """
        now_ns = self._clock.now_ns()
        since_ms = max(self._known_until_ns - _OVERLAP_NS, 0) // MILLISECOND
        for instrument in instruments:
            await self._fills_of(instrument, since_ms)
        for order in self._desk.live():
            if order.phase is OrderPhase.LIVE:
                await self.refresh(order)
        for instrument in instruments:
            await self._open_strangers(instrument)
        self.known_until(now_ns)

    async def _fills_of(self, instrument: Instrument, since_ms: int) -> None:
        """Tell every fill since a time, also of orders whose acceptance we never saw."""
        for row in await self._trade_rows(instrument, since_ms):
            order_id = str(row.get("orderId"))
            order = self._desk.by_order_id.get(order_id)
            if order is None and order_id not in self._strangers:
                order = await self._introduce(instrument, order_id)
            if order is not None:
                self._desk.filled(order, FillRow.from_history(instrument, row))

    async def _trade_rows(self, instrument: Instrument, since_ms: int) -> list[Mapping[str, Any]]:
        """Return our fills since a time, oldest first; the venue gives a week at most at once."""
        rows: dict[int, Mapping[str, Any]] = {}
        now_ms = self._clock.now_ns() // MILLISECOND
        while since_ms <= now_ms:
            bounds: dict[str, int] = {"startTime": since_ms, "endTime": since_ms + _WEEK_MS - 1}
            while True:
                page = await self._rows(
                    "userTrades", symbol=instrument.venue_symbol, limit=_PAGE, **bounds
                )
                rows |= {_trade_number(row): row for row in page}
                if len(page) < _PAGE:
                    break
                bounds = {"fromId": max(rows) + 1}
            since_ms += _WEEK_MS
        return [rows[number] for number in sorted(rows)]

    async def _introduce(self, instrument: Instrument, order_id: str) -> TrackedOrder | None:
        """Find out whose order traded; ours are taken up, others are named."""
        symbol = instrument.venue_symbol
        row = await self._one("order", symbol=symbol, orderId=order_id)
        if row is None:
            return None
        client_id = str(row.get("clientOrderId"))
        order = self._desk.find(client_id, order_id)
        if order is None:
            order = await self._stop_behind(instrument, order_id)
        if order is None:
            order = self._desk.adopt(client_id, instrument, row)
        if order is None:
            self._strangers.add(order_id)
            self._desk.foreign(client_id, instrument, row)
            return None
        self._desk.link(order, order_id)
        if order.is_conditional:
            self._desk.triggered(order, nanoseconds(row.get("time", 0)))
        self._desk.accepted(order, order_id, nanoseconds(row.get("time", 0)))
        return order

    async def _stop_behind(self, instrument: Instrument, order_id: str) -> TrackedOrder | None:
        """Return our stop that triggered into an order which carries another client id."""
        for order in self._desk.live():
            if order.instrument is instrument and order.is_conditional:
                await self.refresh(order)
                if order.order_id == order_id:
                    return order
        return None

    async def introduce(self, instrument: Instrument, order_id: str) -> TrackedOrder | None:
        """Find out whose order a stream message speaks of; see `_introduce`."""
        if order_id in self._strangers:
            return None
        return self._desk.by_order_id.get(order_id) or await self._introduce(instrument, order_id)

    async def _open_strangers(self, instrument: Instrument) -> None:
        for row in await self._rows("openOrders", symbol=instrument.venue_symbol):
            client_id = str(row.get("clientOrderId"))
            order = self._desk.find(client_id, row.get("orderId"))
            if order is None:
                order = self._desk.adopt(client_id, instrument, row)
            if order is None:
                self._desk.foreign(client_id, instrument, row)
            else:
                await self._learn(order, row)

    async def audit(self, instruments: list[Instrument], interval_ns: int) -> None:
        """For ever: look whether the user stream kept something from us.

        An audit is made only when some order was alive since the last one.
        """
        audited_ns = self._clock.now_ns()
        while True:
            await self._clock.sleep(interval_ns)
            touched = any(
                not order.is_final or order.touched_ns >= audited_ns
                for order in self._desk.by_decision.values()
            )
            if touched:
                audited_ns = self._clock.now_ns()
                try:
                    await self.catch_up(instruments)
                except VenueError:
                    continue  # The next audit asks for the same.

    # -- queries ------------------------------------------------------------------------------

    async def _rows(self, path: str, **bounds: object) -> list[Mapping[str, Any]]:
        answer = await self._client.call("fapiPrivate", "GET", path, **bounds)
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise Unreadable(f"{path}: the venue answered {str(answer)[:200]!r}, no rows")
        return answer

    async def _one(self, path: str, **key: object) -> Mapping[str, Any] | None:
        try:
            return _mapping(await self._client.call("fapiPrivate", "GET", path, **key), path)
        except RequestFailed as error:
            if error.is_not_found:
                return None
            raise


def _placed(row: object) -> Mapping[str, Any]:
    """Return the answer to a create when it names an order; anything else tells nothing."""
    if isinstance(row, dict) and ("orderId" in row or "algoId" in row):
        _updated_ns(row)
        return row
    raise Unreadable(f"the venue answered {str(row)[:200]!r}, which names no order")


def _plain(number: object) -> str:
    return format(number, "f")


def _trade_number(row: Mapping[str, Any]) -> int:
    return int(row["id"])


def _updated_ns(row: Mapping[str, Any]) -> int:
    return nanoseconds(row.get("updateTime") or row.get("createTime") or row.get("time") or 0)


def _mapping(answer: object, what: str) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise Unreadable(f"{what}: the venue answered {str(answer)[:200]!r} and not an object")
    return answer
