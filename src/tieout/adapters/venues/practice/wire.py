"""The shapes of messages and answers: exact figures in, text as the real venue writes it out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tieout.model.columns import interval_name
from tieout.model.events import Liquidity
from tieout.model.money import MONEY_DIGITS, decimal_text
from tieout.model.orders import OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from tieout.adapters.venues.practice.account import IncomeRow, Position
    from tieout.adapters.venues.practice.orders import OrderRecord
    from tieout.adapters.venues.practice.tape import Kline
    from tieout.model.instruments import Instrument

__all__ = [
    "ORDER_TYPES",
    "WireFill",
    "account_update",
    "algo_answer",
    "algo_update",
    "book_levels",
    "entry_price",
    "fill_row",
    "income_row",
    "kline_message",
    "kline_row",
    "mark_kline_row",
    "milliseconds",
    "money_text",
    "order_answer",
    "order_update",
    "plain",
    "price_text",
    "quantity_text",
    "trade_message",
]

ORDER_TYPES: Final = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_MARKET: "STOP_MARKET",
}

_TIMES_IN_FORCE: Final = {
    TimeInForce.GOOD_TILL_CANCEL: "GTC",
    TimeInForce.IMMEDIATE_OR_CANCEL: "IOC",
}

_AVERAGE_GRAIN: Final = Decimal("0.0000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFill:
    """One fill as the trade history and the user stream have it."""

    record: OrderRecord
    fill_id: int
    lots: int
    price_ticks: int
    fee: int
    realised: int
    liquidity: Liquidity
    venue_time_ns: int


def milliseconds(time_ns: int) -> int:
    """Return a time as the wire has it, whole milliseconds, rounded down."""
    return time_ns // 1_000_000


def plain(number: Decimal) -> str:
    """Return a decimal as text without an exponent."""
    return format(number, "f")


def price_text(instrument: Instrument, ticks: int) -> str:
    """Return a price in ticks as text."""
    return plain(instrument.price(ticks))


def quantity_text(instrument: Instrument, lots: int) -> str:
    """Return a quantity in lots as text."""
    return plain(instrument.quantity(lots))


def money_text(units: int) -> str:
    """Return money with eight decimals, or more where fewer would not be exact."""
    return decimal_text(units, least_digits=8)


def entry_price(instrument: Instrument, position: Position) -> str:
    """Return the mean price paid for what is held; for show, cost is what is exact."""
    if position.lots == 0:
        return "0.0"
    return _mean(instrument, position.cost, position.lots * instrument.tick_value)


def order_update(
    record: OrderRecord, execution: str, *, time_ns: int, fill: WireFill | None = None
) -> dict[str, object]:
    """Return ORDER_TRADE_UPDATE as of now, without the event time the release adds."""
    instrument = record.instrument
    triggered = record.algo_id is not None
    order: dict[str, object] = {
        "s": instrument.venue_symbol,
        "c": record.client_id,
        "S": _side(record.side),
        "o": "MARKET" if triggered else ORDER_TYPES[record.order_type],
        "f": _TIMES_IN_FORCE[record.time_in_force],
        "q": quantity_text(instrument, record.lots),
        "p": _limit_text(record),
        "ap": _average(record),
        "sp": _stop_text(record),
        "x": execution,
        "X": record.status,
        "i": record.order_id,
        "l": "0",
        "z": quantity_text(instrument, record.filled_lots),
        "L": "0",
        "T": milliseconds(time_ns),
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": False,
        "wt": "CONTRACT_PRICE",
        "ot": ORDER_TYPES[record.order_type],
        "ps": "BOTH",
        "cp": False,
        "rp": "0",
        "pP": False,
        "si": record.algo_id or 0,
        "ss": 0,
        "V": "NONE",
        "pm": "NONE",
        "gtd": 0,
    }
    if fill is not None:
        order["l"] = quantity_text(instrument, fill.lots)
        order["L"] = price_text(instrument, fill.price_ticks)
        order["N"] = instrument.currency
        order["n"] = money_text(fill.fee)
        order["t"] = fill.fill_id
        order["m"] = fill.liquidity is Liquidity.MAKER
        order["rp"] = money_text(fill.realised)
    return {"e": "ORDER_TRADE_UPDATE", "E": 0, "T": milliseconds(time_ns), "o": order}


def algo_update(record: OrderRecord, *, time_ns: int) -> dict[str, object]:
    """Return ALGO_UPDATE as of now, without the event time the release adds."""
    instrument = record.instrument
    triggered = record.triggered_ns is not None
    return {
        "e": "ALGO_UPDATE",
        "E": 0,
        "T": milliseconds(time_ns),
        "o": {
            "caid": record.client_id,
            "aid": record.algo_id,
            "at": "CONDITIONAL",
            "o": ORDER_TYPES[record.order_type],
            "s": instrument.venue_symbol,
            "S": _side(record.side),
            "ps": "BOTH",
            "f": _TIMES_IN_FORCE[record.time_in_force],
            "q": quantity_text(instrument, record.lots),
            "X": record.algo_status,
            "ai": str(record.order_id) if triggered else "",
            "ap": _average(record),
            "aq": quantity_text(instrument, record.filled_lots),
            "act": "MARKET" if triggered else "0",
            "tp": _stop_text(record),
            "p": "0",
            "V": "NONE",
            "wt": "CONTRACT_PRICE",
            "pm": "NONE",
            "cp": False,
            "pP": False,
            "R": False,
            "tt": milliseconds(record.triggered_ns or 0),
            "gtd": 0,
            "rm": "",
        },
    }


def account_update(
    reason: str,
    *,
    currency: str,
    wallet: int,
    change: int,
    time_ns: int,
    positions: list[dict[str, object]],
) -> dict[str, object]:
    """Return ACCOUNT_UPDATE as of now; `change` is what moved the balance but trading."""
    balance = {
        "a": currency,
        "wb": money_text(wallet),
        "cw": money_text(wallet),
        "bc": money_text(change),
    }
    return {
        "e": "ACCOUNT_UPDATE",
        "E": 0,
        "T": milliseconds(time_ns),
        "a": {"m": reason, "B": [balance], "P": positions},
    }


def order_answer(record: OrderRecord) -> dict[str, object]:
    """Return an order as REST has it."""
    instrument = record.instrument
    turnover = record.filled_ticks_lots * instrument.tick_value
    return {
        "orderId": record.order_id,
        "symbol": instrument.venue_symbol,
        "status": record.status,
        "clientOrderId": record.client_id,
        "price": _limit_text(record),
        "avgPrice": _average(record),
        "origQty": quantity_text(instrument, record.lots),
        "executedQty": quantity_text(instrument, record.filled_lots),
        "cumQty": quantity_text(instrument, record.filled_lots),
        "cumQuote": money_text(turnover),
        "timeInForce": _TIMES_IN_FORCE[record.time_in_force],
        "type": "MARKET" if record.algo_id is not None else ORDER_TYPES[record.order_type],
        "reduceOnly": False,
        "closePosition": False,
        "side": _side(record.side),
        "positionSide": "BOTH",
        "stopPrice": _stop_text(record),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": ORDER_TYPES[record.order_type],
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "time": milliseconds(
            record.created_ns if record.triggered_ns is None else record.triggered_ns
        ),
        "updateTime": milliseconds(record.updated_ns),
    }


def algo_answer(record: OrderRecord) -> dict[str, object]:
    """Return a conditional order as REST has it."""
    instrument = record.instrument
    triggered = record.triggered_ns is not None
    return {
        "algoId": record.algo_id,
        "clientAlgoId": record.client_id,
        "algoType": "CONDITIONAL",
        "orderType": ORDER_TYPES[record.order_type],
        "symbol": instrument.venue_symbol,
        "side": _side(record.side),
        "positionSide": "BOTH",
        "timeInForce": _TIMES_IN_FORCE[record.time_in_force],
        "quantity": quantity_text(instrument, record.lots),
        "algoStatus": record.algo_status,
        "actualOrderId": str(record.order_id) if triggered else "",
        "actualPrice": _average(record),
        "actualQty": quantity_text(instrument, record.filled_lots),
        "triggerPrice": _stop_text(record),
        "price": "0",
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": False,
        "createTime": milliseconds(record.created_ns),
        "updateTime": milliseconds(record.updated_ns),
        "triggerTime": milliseconds(record.triggered_ns or 0),
        "goodTillDate": 0,
    }


def fill_row(fill: WireFill) -> dict[str, object]:
    """Return a fill as userTrades has it."""
    instrument = fill.record.instrument
    return {
        "symbol": instrument.venue_symbol,
        "id": fill.fill_id,
        "orderId": fill.record.order_id,
        "side": _side(fill.record.side),
        "price": price_text(instrument, fill.price_ticks),
        "qty": quantity_text(instrument, fill.lots),
        "realizedPnl": money_text(fill.realised),
        "quoteQty": money_text(instrument.notional(fill.lots, fill.price_ticks)),
        "commission": money_text(fill.fee),
        "commissionAsset": instrument.currency,
        "time": milliseconds(fill.venue_time_ns),
        "positionSide": "BOTH",
        "buyer": fill.record.side is Side.BUY,
        "maker": fill.liquidity is Liquidity.MAKER,
    }


def income_row(row: IncomeRow, currency: str) -> dict[str, object]:
    """Return a line of the income history."""
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": money_text(row.amount),
        "asset": currency,
        "info": row.kind,
        "time": milliseconds(row.time_ns),
        "tranId": row.transfer_id,
        "tradeId": row.trade_id,
    }


def trade_message(
    instrument: Instrument,
    *,
    aggregate: bool,
    trade_id: int,
    price_ticks: int,
    lots: int,
    aggressor: int,
    time_ns: int,
) -> dict[str, object]:
    """Return a print as `@aggTrade` or `@trade` has it, without the event time."""
    message: dict[str, object] = {
        "e": "aggTrade" if aggregate else "trade",
        "E": 0,
        "T": milliseconds(time_ns),
        "s": instrument.venue_symbol,
        "p": price_text(instrument, price_ticks),
        "q": quantity_text(instrument, lots),
        # The buyer was resting when the seller was the aggressor.
        "m": aggressor < 0,
    }
    if aggregate:
        message |= {"a": trade_id, "f": trade_id, "l": trade_id}
    else:
        message |= {"t": trade_id, "X": "MARKET"}
    return message


def kline_message(instrument: Instrument, candle: Kline, *, closed: bool) -> dict[str, object]:
    """Return a candle as `@kline_<i>` has it, without the event time."""
    return {
        "e": "kline",
        "E": 0,
        "s": instrument.venue_symbol,
        "k": {
            "t": milliseconds(candle.open_ns),
            "T": milliseconds(candle.close_ns) - 1,
            "s": instrument.venue_symbol,
            "i": interval_name(candle.close_ns - candle.open_ns),
            "f": candle.first_id,
            "L": candle.last_id,
            "o": price_text(instrument, candle.open),
            "c": price_text(instrument, candle.close),
            "h": price_text(instrument, candle.high),
            "l": price_text(instrument, candle.low),
            "v": quantity_text(instrument, candle.volume),
            "n": candle.count,
            "x": closed,
            "q": money_text(candle.turnover * instrument.tick_value),
            "V": quantity_text(instrument, candle.buy_volume),
            "Q": money_text(candle.buy_turnover * instrument.tick_value),
            "B": "0",
        },
    }


def kline_row(instrument: Instrument, candle: Kline) -> list[object]:
    """Return a candle as REST has it."""
    return [
        milliseconds(candle.open_ns),
        price_text(instrument, candle.open),
        price_text(instrument, candle.high),
        price_text(instrument, candle.low),
        price_text(instrument, candle.close),
        quantity_text(instrument, candle.volume),
        milliseconds(candle.close_ns) - 1,
        money_text(candle.turnover * instrument.tick_value),
        candle.count,
        quantity_text(instrument, candle.buy_volume),
        money_text(candle.buy_turnover * instrument.tick_value),
        "0",
    ]


def mark_kline_row(instrument: Instrument, candle: Kline) -> list[object]:
    """Return a candle of the mark price as REST has it."""
    return [
        milliseconds(candle.open_ns),
        price_text(instrument, candle.open),
        price_text(instrument, candle.high),
        price_text(instrument, candle.low),
        price_text(instrument, candle.close),
        "0",
        milliseconds(candle.close_ns) - 1,
        "0",
        candle.count,
        "0",
        "0",
        "0",
    ]


def book_levels(
    instrument: Instrument, price_ticks: int, lots: int
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the one synthetic level on each side, a tick around the last price."""
    size = quantity_text(instrument, max(lots, 1))
    bid = price_text(instrument, max(price_ticks - 1, 1))
    return (bid, size), (price_text(instrument, price_ticks + 1), size)


def _side(side: Side) -> str:
    return "BUY" if side is Side.BUY else "SELL"


def _limit_text(record: OrderRecord) -> str:
    if record.limit_ticks is None:
        return "0"
    return price_text(record.instrument, record.limit_ticks)


def _stop_text(record: OrderRecord) -> str:
    if record.stop_ticks is None:
        return "0"
    return price_text(record.instrument, record.stop_ticks)


def _average(record: OrderRecord) -> str:
    if record.filled_lots == 0:
        return "0"
    return _mean(
        record.instrument,
        record.filled_ticks_lots * record.instrument.tick_value,
        record.filled_lots * record.instrument.tick_value,
    )


def _mean(instrument: Instrument, money: int, ticks_worth: int) -> str:
    """Return tick_size · money / ticks_worth as text; only for show."""
    mean = instrument.tick_size * Decimal(money) / Decimal(ticks_worth)
    return plain(mean.quantize(_AVERAGE_GRAIN).normalize())


assert MONEY_DIGITS >= 8, "the wire shows at least eight decimals of money"
