"""Order requests as they come off the wire, and the venue's record of each order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tieout.model.decimals import plain_decimal
from tieout.model.orders import OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.adapters.venues.practice.faults import OrderScript
    from tieout.model.instruments import Instrument

__all__ = [
    "CLIENT_ID_LENGTH_MAX",
    "Cancellation",
    "OrderRecord",
    "Placement",
    "Refusal",
    "find_instrument",
    "require",
    "required_cancellation",
    "required_placement",
    "whole_number",
]

CLIENT_ID_LENGTH_MAX: Final = 36

_TIMES_IN_FORCE: Final = {
    "GTC": TimeInForce.GOOD_TILL_CANCEL,
    "IOC": TimeInForce.IMMEDIATE_OR_CANCEL,
}


class Refusal(Exception):
    """The venue says no: its code and words, as the real one has them."""

    def __init__(self, code: int, message: str, *, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(f"{code}: {message}")

    def body(self) -> dict[str, object]:
        """Return the answer's JSON object."""
        return {"code": self.code, "msg": self.message}


@dataclass(frozen=True, slots=True)
class Placement:
    """A wish for an order, its shape checked against the instrument."""

    instrument: Instrument
    client_id: str
    side: Side
    order_type: OrderType
    lots: int
    limit_ticks: int | None
    stop_ticks: int | None
    time_in_force: TimeInForce


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A wish for a cancel: of an order or of a conditional order not yet triggered."""

    instrument: Instrument | None
    client_id: str | None
    number: int | None
    conditional: bool


@dataclass(slots=True)
class OrderRecord:
    """What the venue keeps of an order for ever.

    Attributes:
        sequence: Age in the book.
        number: The how-manieth order request it was.
        order_id: Id in the matching engine; None for a stop that is not triggered.
        algo_id: Id of a conditional order; None for any other.
        status: NEW, PARTIALLY_FILLED, FILLED, CANCELED or EXPIRED.
        filled_ticks_lots: Σ ticks·lots of its fills, for the average price.
    """

    sequence: int
    number: int
    instrument: Instrument
    client_id: str
    side: Side
    order_type: OrderType
    lots: int
    limit_ticks: int | None
    stop_ticks: int | None
    time_in_force: TimeInForce
    script: OrderScript
    created_ns: int
    updated_ns: int
    order_id: int | None
    algo_id: int | None
    status: str = "NEW"
    triggered_ns: int | None = None
    filled_lots: int = 0
    filled_ticks_lots: int = 0

    @property
    def is_open(self) -> bool:
        """Whether something can still happen to it."""
        return self.status in {"NEW", "PARTIALLY_FILLED"}

    @property
    def is_waiting(self) -> bool:
        """Whether it is a conditional order that has not been triggered."""
        return self.algo_id is not None and self.triggered_ns is None

    @property
    def algo_status(self) -> str:
        """What the conditional-order service says of it."""
        if self.triggered_ns is None:
            return self.status
        return "TRIGGERED" if self.is_open else "FINISHED"


def required_placement(
    parameters: Mapping[str, str], instruments: Mapping[str, Instrument], *, conditional: bool
) -> Placement:
    """Read an order request.

    Args:
        parameters: As sent.
        instruments: By venue symbol.
        conditional: Whether it came to the conditional-order endpoint.

    Raises:
        Refusal: As the real venue refuses it.
    """
    instrument = find_instrument(parameters, instruments)
    side = {"BUY": Side.BUY, "SELL": Side.SELL}.get(require(parameters, "side"))
    if side is None:
        raise Refusal(-1117, "Invalid side.")
    order_type = _order_type(require(parameters, "type"), conditional=conditional)
    for name in ("reduceOnly", "closePosition"):
        if parameters.get(name, "false").lower() == "true":
            raise Refusal(-1128, f"Combination of optional parameters invalid: {name} is not here.")
    if parameters.get("positionSide", "BOTH") != "BOTH":
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    lots = _lots(instrument, require(parameters, "quantity"))
    limit_ticks = stop_ticks = None
    time_in_force = TimeInForce.GOOD_TILL_CANCEL
    if order_type is OrderType.LIMIT:
        limit_ticks = _ticks(instrument, require(parameters, "price"))
        time_in_force = _time_in_force(require(parameters, "timeInForce"))
    elif "timeInForce" in parameters:
        time_in_force = _time_in_force(parameters["timeInForce"])
    if order_type is OrderType.STOP_MARKET:
        stop_ticks = _ticks(instrument, require(parameters, "triggerPrice"))
    client_id = parameters.get("clientAlgoId" if conditional else "newClientOrderId", "")
    if len(client_id) > CLIENT_ID_LENGTH_MAX:
        raise Refusal(-4015, "Client order id length should be less than 36 chars")
    return Placement(
        instrument=instrument,
        client_id=client_id,
        side=side,
        order_type=order_type,
        lots=lots,
        limit_ticks=limit_ticks,
        stop_ticks=stop_ticks,
        time_in_force=time_in_force,
    )


def required_cancellation(
    parameters: Mapping[str, str], instruments: Mapping[str, Instrument], *, conditional: bool
) -> Cancellation:
    """Read a cancel, or a query for one order, which names it the same way.

    Raises:
        Refusal: It names no order.
    """
    instrument = None
    if not conditional or "symbol" in parameters:
        instrument = find_instrument(parameters, instruments)
    id_name, client_name = (
        ("algoId", "clientAlgoId") if conditional else ("orderId", "origClientOrderId")
    )
    client_id = parameters.get(client_name)
    number = whole_number(parameters, id_name)
    if client_id is None and number is None:
        raise Refusal(
            -1102, f"Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!"
        )
    return Cancellation(instrument, client_id, number, conditional)


def find_instrument(
    parameters: Mapping[str, str], instruments: Mapping[str, Instrument]
) -> Instrument:
    """Return the instrument a request names.

    Raises:
        Refusal: None is named, or it does not trade here.
    """
    instrument = instruments.get(require(parameters, "symbol"))
    if instrument is None:
        raise Refusal(-1121, "Invalid symbol.")
    return instrument


def require(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there.

    Raises:
        Refusal: It is missing or empty.
    """
    value = parameters.get(name, "")
    if not value:
        raise Refusal(
            -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        )
    return value


def whole_number(parameters: Mapping[str, str], name: str) -> int | None:
    """Return an integer parameter; None when it was not sent.

    Raises:
        Refusal: It is not a whole number.
    """
    text = parameters.get(name)
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdecimal():
        raise Refusal(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def _order_type(name: str, *, conditional: bool) -> OrderType:
    if conditional:
        if name == "STOP_MARKET":
            return OrderType.STOP_MARKET
        raise Refusal(-1116, "Invalid orderType.")
    if name in {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"}:
        raise Refusal(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead.",
        )
    order_type = {"MARKET": OrderType.MARKET, "LIMIT": OrderType.LIMIT}.get(name)
    if order_type is None:
        raise Refusal(-1116, "Invalid orderType.")
    return order_type


def _time_in_force(name: str) -> TimeInForce:
    if name not in _TIMES_IN_FORCE:
        raise Refusal(-1115, "Invalid timeInForce.")
    return _TIMES_IN_FORCE[name]


def _lots(instrument: Instrument, text: str) -> int:
    quantity = _number("quantity", text)
    if quantity <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    lots = quantity / instrument.lot_size
    if lots % 1:
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
    if lots < instrument.min_lots:
        raise Refusal(-4004, "Quantity less than min quantity.")
    if lots > instrument.max_lots:
        raise Refusal(-4005, "Quantity greater than max quantity.")
    return int(lots)


def _ticks(instrument: Instrument, text: str) -> int:
    price = _number("price", text)
    if price <= 0:
        raise Refusal(-4001, "Price less than 0.")
    ticks = price / instrument.tick_size
    if ticks % 1:
        decimals = -int(price.normalize().as_tuple().exponent)
        allowed = -int(instrument.tick_size.normalize().as_tuple().exponent)
        if decimals > max(allowed, 0):
            raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
        raise Refusal(-4014, "Price not increased by tick size.")
    return int(ticks)


def _number(name: str, text: str) -> Decimal:
    try:
        return plain_decimal(text)
    except ValueError as error:
        raise Refusal(-1100, f"Illegal characters found in parameter '{name}'.") from error
