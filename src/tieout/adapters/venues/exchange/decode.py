"""The venue's text and numbers as ticks, lots, money and nanoseconds; hostile input is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from tieout.errors import TieoutError, VenueError
from tieout.model.decimals import plain_decimal
from tieout.model.events import Trade
from tieout.model.instruments import Instrument, InstrumentType
from tieout.model.money import MONEY_DIGITS, round_half_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "MILLISECOND",
    "BarRow",
    "Unreadable",
    "decimal",
    "instrument_of",
    "integer",
    "lots_of",
    "money_units",
    "nanoseconds",
    "rest_bar",
    "rest_trade",
    "stream_bar",
    "stream_trade",
    "ticks_of",
]

MILLISECOND: Final = 1_000_000
_Result = TypeVar("_Result")
_TYPES: Final = {
    "PERPETUAL": InstrumentType.PERPETUAL,
    "CURRENT_QUARTER": InstrumentType.FUTURE,
    "NEXT_QUARTER": InstrumentType.FUTURE,
}
"""What the venue calls them; of what it calls otherwise the symbol tells."""

_ARITHMETIC = (KeyError, IndexError, TypeError, ValueError, ArithmeticError, TieoutError)


class Unreadable(VenueError):
    """A message or answer of the venue that cannot be what it claims to be."""


class BarRow(NamedTuple):
    """A closed bar's figures: open time in ns, prices in ticks, volume in lots."""

    open_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int


def integer(value: object) -> int:
    """Return a whole number that the venue sent as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Unreadable(f"{value!r} is not a whole number")
    try:
        return int(value)
    except ValueError as error:
        raise Unreadable(f"{value!r} is not a whole number") from error


def nanoseconds(milliseconds: object) -> int:
    """Return a time of the wire, in milliseconds, as nanoseconds."""
    value = integer(milliseconds)
    if not 0 <= value < 10**13:
        raise Unreadable(f"{value} is not a time in milliseconds since 1970")
    return value * MILLISECOND


def decimal(value: object) -> Decimal:
    """Return a finite decimal that the venue sent as text or number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Unreadable(f"{value!r} is not a decimal number")
    try:
        return plain_decimal(str(value))
    except ValueError as error:
        raise Unreadable(f"{value!r} is not a decimal number") from error


def ticks_of(instrument: Instrument, price: object) -> int:
    """Return a positive price on the tick."""
    value = decimal(price)
    if value <= 0:
        raise Unreadable(f"{instrument.symbol}: price {price!r} must be positive")
    return _checked(lambda: instrument.exact_ticks(value), f"{instrument.symbol}: price {price!r}")


def lots_of(instrument: Instrument, quantity: object) -> int:
    """Return a quantity on the lot, with its sign."""
    value = decimal(quantity)
    return _checked(
        lambda: instrument.exact_lots(value), f"{instrument.symbol}: quantity {quantity!r}"
    )


def money_units(amount: object) -> int:
    """Return an amount as internal money; digits beyond the twelfth are rounded half up."""
    value = decimal(amount)
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), value
    if exponent < -40 or len(digits) > 40:
        raise Unreadable(f"amount {amount!r} has more digits than money has")
    numerator, denominator = value.as_integer_ratio()
    return round_half_up(numerator * 10**MONEY_DIGITS, denominator)


def stream_bar(instrument: Instrument, candle: Mapping[str, Any]) -> BarRow:
    """Return the bar in a `kline` message; prices must lie on the tick."""
    return _checked(
        lambda: _plausible(
            BarRow(
                nanoseconds(candle["t"]),
                ticks_of(instrument, candle["o"]),
                ticks_of(instrument, candle["h"]),
                ticks_of(instrument, candle["l"]),
                ticks_of(instrument, candle["c"]),
                instrument.round_quantity(decimal(candle["v"])),
            )
        ),
        f"kline of {instrument.symbol}",
    )


def rest_bar(instrument: Instrument, row: Sequence[Any]) -> BarRow:
    """Return the bar in a row of `klines`.

    Prices are taken to the nearest tick: history may reach back before a change of the tick size.
    """

    def ticks(price: object) -> int:
        return instrument.round_stop(decimal(price))

    return _checked(
        lambda: _plausible(
            BarRow(
                nanoseconds(row[0]),
                ticks(row[1]),
                ticks(row[2]),
                ticks(row[3]),
                ticks(row[4]),
                instrument.round_quantity(decimal(row[5])),
            )
        ),
        f"klines row of {instrument.symbol}",
    )


def stream_trade(instrument: Instrument, message: Mapping[str, Any], arrival_ns: int) -> Trade:
    """Return the trade in an `aggTrade` message or a row of `aggTrades`."""

    def build() -> Trade:
        price_ticks = ticks_of(instrument, message["p"])
        lots = lots_of(instrument, message["q"])
        if lots <= 0:
            raise Unreadable(f"quantity {message['q']!r} must be positive")
        return Trade(
            instrument.symbol,
            nanoseconds(message["T"]),
            arrival_ns,
            price_ticks,
            lots,
            # The buyer was resting when the seller was the aggressor.
            -1 if message["m"] else 1,
            integer(message["a"]),
            price_ticks * instrument.tick_float,
        )

    return _checked(build, f"trade of {instrument.symbol}")


rest_trade = stream_trade


def instrument_of(symbol: str, entry: Mapping[str, Any], currency: str) -> Instrument:
    """Return an instrument from its entry in the venue's `exchangeInfo`."""

    def build() -> Instrument:
        filters = {each["filterType"]: each for each in entry["filters"]}
        lot = filters["LOT_SIZE"]
        lot_size = decimal(lot["stepSize"])
        notional = filters.get("MIN_NOTIONAL", {})
        return Instrument(
            symbol=symbol,
            venue_symbol=str(entry["symbol"]),
            tick_size=decimal(filters["PRICE_FILTER"]["tickSize"]).normalize(),
            lot_size=lot_size.normalize(),
            currency=currency,
            min_lots=max(1, int(decimal(lot["minQty"]) / lot_size)),
            max_lots=int(decimal(lot["maxQty"]) / lot_size),
            min_notional=decimal(notional.get("notional", "0")),
            type=_TYPES.get(str(entry.get("contractType"))),
        )

    return _checked(build, f"rules of {symbol}")


def _plausible(row: BarRow) -> BarRow:
    if not 0 < row.low <= min(row.open, row.close) or row.high < max(row.open, row.close):
        raise Unreadable(f"high and low do not enclose open and close, or are not positive: {row}")
    if row.volume < 0:
        raise Unreadable(f"volume must not be negative: {row}")
    return row


def _checked(build: Callable[[], _Result], what: str) -> _Result:
    try:
        return build()
    except _ARITHMETIC as error:
        raise Unreadable(f"{what} cannot be read: {type(error).__name__}: {error}") from error
