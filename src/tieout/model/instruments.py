"""Instruments: ticks, lots, and what a position of them is worth at a price.

Profit is the difference of two values of the same lots. In internal money units, S the multiplier:

    linear     value =  lots·lot_size·S·price              paid in the quote currency
    inverse    value = −lots·lot_size·S/price              paid in the base coin

so that an inverse contract, which is worth S of the quote currency at any price, gains
lots·S·(1/entry − 1/exit). Its value is rounded once, half up, at 10⁻¹² of the coin.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum, unique
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InputError, OrderRefused, SettingsError
from tieout.model.decimals import check_decimals, is_plain
from tieout.model.money import MONEY_DIGITS, round_half_up
from tieout.model.orders import Side

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Instrument", "InstrumentType", "as_decimal"]

_FLOAT_NOISE = Decimal("1e-15")
"""By what share of itself a float of whole ticks may miss them: tick and product are rounded."""

_CENT_DIGITS = 2
_COIN_DIGITS = 8


@unique
class InstrumentType(StrEnum):
    """What is traded: of all of these only a perpetual pays funding."""

    SPOT = "spot"
    STOCK = "stock"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"
    FX = "fx"
    CFD = "cfd"
    INDEX = "index"


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """An instrument as its venue defines it.

    Attributes:
        symbol: Unified symbol, e.g. `BTC/USDT:USDT`.
        venue_symbol: The venue's own id, e.g. `BTCUSDT`.
        tick_size: Smallest price step, positive.
        lot_size: Smallest quantity step, positive.
        multiplier: Units of the underlying per unit of quantity, positive; of an inverse contract
            units of the quote currency.
        currency: What profit, fees and funding are paid in; of an inverse contract the base coin.
        min_lots: Smallest order.
        max_lots: Largest order.
        min_notional: Smallest notional of an order that opens, in `currency`; 0 for none.
        type: `InstrumentType`; None: nobody said so.
        inverse: Whether it is worth a fixed amount of the quote currency and settled in the coin.
    """

    symbol: str
    venue_symbol: str
    tick_size: Decimal
    lot_size: Decimal
    multiplier: Decimal = Decimal(1)
    currency: str = "USDT"
    min_lots: int = 1
    max_lots: int = 10**12
    min_notional: Decimal = Decimal(0)
    type: InstrumentType | None = None
    inverse: bool = False

    def __post_init__(self) -> None:
        check_decimals(self.symbol, self)
        for name in ("tick_size", "lot_size", "multiplier"):
            value: Decimal = getattr(self, name)
            if value <= 0:
                raise SettingsError(f"{self.symbol}: {name} {value} must be positive")
        if self.inverse:
            return
        exact = self.tick_size * self.lot_size * self.multiplier * 10**MONEY_DIGITS
        if exact != exact.to_integral_value():
            raise SettingsError(
                f"{self.symbol}: one tick of one lot is worth {exact.scaleb(-MONEY_DIGITS)} "
                f"{self.currency}, finer than {MONEY_DIGITS} decimals; use a larger lot_size"
            )

    @cached_property
    def tick_value(self) -> int:
        """Money, in internal units, that one lot gains when the price rises one tick.

        Raises:
            InputError: It is inverse: what a tick is worth hangs on the price.
        """
        if self.inverse:
            raise InputError(
                f"{self.symbol}: one tick of an inverse contract is worth less the higher the "
                "price; ask for its value at two prices"
            )
        return int(self.tick_size * self.lot_size * self.multiplier * 10**MONEY_DIGITS)

    @property
    def shown_digits(self) -> int:
        """Decimals that people read its money in: a hundredth of a coin is much."""
        return _COIN_DIGITS if self.inverse else _CENT_DIGITS

    @cached_property
    def lots_per_unit(self) -> tuple[int, int]:
        """How many lots a unit has, as numerator and denominator."""
        numerator, denominator = self.lot_size.as_integer_ratio()
        return denominator, numerator

    @cached_property
    def tick_float(self) -> float:
        """Tick size as a float; price as a float is ticks times this."""
        return float(self.tick_size)

    @cached_property
    def pays_funding(self) -> bool:
        """Whether a position pays funding, by its type, else by how its symbol is written.

        `BTC/USDT` is spot, `BTC/USDT:USDT` a perpetual, `BTC/USDT:USDT-260327` a future. Another
        name says nothing, and is taken for a perpetual's: what is paid too much is seen.
        """
        if self.type is not None:
            return self.type is InstrumentType.PERPETUAL
        pair, colon, settled = self.symbol.partition(":")
        return "-" not in settled if colon else "/" not in pair

    @property
    def price_step(self) -> Decimal:
        """Smallest price step of an order now: the tick, or more by rules of an earlier date."""
        return self.tick_size

    @property
    def quantity_step(self) -> Decimal:
        """Smallest quantity step of an order now: the lot, or more by rules of an earlier date."""
        return self.lot_size

    def value(self, lots: int, price_ticks: int) -> int:
        """Return what lots are worth at a price, in internal money units.

        What a position gains from one price to another is the difference of its two values; the
        cost of a fill is the value of its signed lots at its price. Of a long inverse position it
        is negative: that much coin is owed for the quote currency that the contracts stand for.

        Raises:
            InputError: It is inverse and the price is not positive.

        Source: Binance, "A Beginner's Guide to Futures Trading", COIN-M: size·multiplier·direction
            ·(1/entry − 1/mark); Bybit and Deribit count inverse contracts the same way.
        """
        if self.inverse:
            return -self._coins(lots, price_ticks)
        return lots * price_ticks * self.tick_value

    def notional(self, lots: int, price_ticks: int) -> int:
        """Return the size of lots at a price in internal money units; the sign follows `lots`.

        This is what fees, funding, margin and limits are shares of: in the quote currency of a
        linear instrument, in the coin of an inverse one.

        Raises:
            InputError: It is inverse and the price is not positive.
        """
        if self.inverse:
            return self._coins(lots, price_ticks)
        return lots * price_ticks * self.tick_value

    def exact_value(self, lots: int, price_ticks: int | Fraction) -> Fraction:
        """Return the value of lots at a price between ticks, in internal money units, unrounded.

        Raises:
            InputError: It is inverse and the price is not positive.
        """
        if not self.inverse:
            return Fraction(lots * price_ticks * self.tick_value)
        self._check_price(price_ticks)
        return -self._coin_ticks * lots / price_ticks

    def lots_worth(self, amount: int | Fraction, price_ticks: int) -> Fraction:
        """Return how many lots have a notional, exactly; the sign follows `amount`.

        Args:
            amount: In internal money units.
            price_ticks: Positive.
        """
        if self.inverse:
            return amount * price_ticks / self._coin_ticks
        return Fraction(amount) / (price_ticks * self.tick_value)

    def average_ticks(self, traded: Iterable[tuple[int | Fraction, int | Fraction]]) -> Fraction:
        """Return the one price at which all of it would have cost the same, in ticks.

        Args:
            traded: (lots, price in ticks), of one side and not empty; of an inverse contract this
                is the harmonic mean, as such a venue states an entry price.
        """
        rows = [(Fraction(lots), ticks) for lots, ticks in traded]
        lots = sum((each for each, _ in rows), Fraction(0))
        if self.inverse:
            return lots / sum((each / ticks for each, ticks in rows), Fraction(0))
        return sum((each * ticks for each, ticks in rows), Fraction(0)) / lots

    def quote_amount(self, lots: int, price_ticks: int) -> Fraction:
        """Return the size of lots in the quote currency, in internal money units: venues' tiers."""
        if self.inverse:
            size = Fraction(self.lot_size) * Fraction(self.multiplier)
            return lots * size * 10**MONEY_DIGITS
        return Fraction(self.notional(lots, price_ticks))

    def _coins(self, lots: int, price_ticks: int) -> int:
        if not lots:
            return 0
        self._check_price(price_ticks)
        numerator, denominator = self._coin_terms
        return round_half_up(lots * numerator, price_ticks * denominator)

    def _check_price(self, price_ticks: int | Fraction) -> None:
        if price_ticks <= 0:
            raise InputError(
                f"{self.symbol}: a price of {price_ticks} ticks; an inverse contract has a value "
                "at prices above 0 alone"
            )

    @cached_property
    def _coin_ticks(self) -> Fraction:
        """What one lot of an inverse contract is worth at a price of one tick, exactly."""
        size = Fraction(self.lot_size) * Fraction(self.multiplier)
        return size / Fraction(self.tick_size) * 10**MONEY_DIGITS

    @cached_property
    def _coin_terms(self) -> tuple[int, int]:
        return self._coin_ticks.as_integer_ratio()

    def price(self, ticks: int) -> Decimal:
        """Return a price in ticks as a `Decimal`."""
        return ticks * self.tick_size

    def quantity(self, lots: int) -> Decimal:
        """Return a quantity in lots as a `Decimal`."""
        return lots * self.lot_size

    def exact_ticks(self, price: Decimal | str | float) -> int:
        """Return a price that must lie on the tick as ticks.

        Raises:
            OrderRefused: The price is not a multiple of the tick size.
        """
        value = as_decimal(price)
        ticks = value / self.tick_size
        if ticks != ticks.to_integral_value():
            raise OrderRefused(
                f"{self.symbol}: price {value} is not a multiple of tick size {self.tick_size}; "
                "round it with instrument.round_price(side=...)"
            )
        return int(ticks)

    def exact_lots(self, quantity: Decimal | str | float) -> int:
        """Return a quantity that must lie on the lot as lots.

        Raises:
            OrderRefused: The quantity is not a multiple of the lot size.
        """
        value = as_decimal(quantity)
        lots = value / self.lot_size
        if lots != lots.to_integral_value():
            raise OrderRefused(
                f"{self.symbol}: quantity {value} is not a multiple of lot size {self.lot_size}; "
                "round it with instrument.round_quantity()"
            )
        return int(lots)

    def round_price(self, price: Decimal | str | float, *, side: Side) -> int:
        """Return the nearest tick that is no worse for us: a buy rounds down, a sell up.

        A limit rounded so never pays more, or takes less, than was asked for. A float that is a
        tick but for its last bits is that tick: 1001 · 0.1 is 100.1, and not a tick above it.
        """
        ticks = as_decimal(price) / self.tick_size
        if isinstance(price, float):
            nearest = ticks.to_integral_value(rounding=ROUND_HALF_EVEN)
            if abs(ticks - nearest) <= abs(nearest) * _FLOAT_NOISE:
                return int(nearest)
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        return int(ticks.to_integral_value(rounding=rounding))

    def round_stop(self, price: Decimal | str | float) -> int:
        """Return the tick nearest to a trigger price, ties to even."""
        ticks = as_decimal(price) / self.tick_size
        return int(ticks.to_integral_value(rounding=ROUND_HALF_EVEN))

    def round_quantity(self, quantity: Decimal | str | float) -> int:
        """Return whole lots, rounded toward zero: never more than was asked for."""
        if type(quantity) is int:
            numerator, denominator = self.lots_per_unit
            lots = abs(quantity) * numerator // denominator
            return lots if quantity >= 0 else -lots
        return int(as_decimal(quantity) / self.lot_size)

    def whole_lots(self, lots: int) -> int:
        """Return lots rounded toward zero to what an order may have: here, as they are."""
        return lots


def as_decimal(number: Decimal | str | float) -> Decimal:
    """Return a finite number as the `Decimal` a person would have typed.

    A float goes through its shortest text, so 0.1 is 0.1 and not 0.1000000000000000055.

    Raises:
        OrderRefused: Not a finite number.
    """
    if type(number) is int:
        return Decimal(number)
    try:
        value = number if isinstance(number, Decimal) else Decimal(str(number))
    except ArithmeticError:
        value = Decimal("NaN")
    if not is_plain(value):
        raise OrderRefused(f"{number!r} is not a finite number; check what computed it")
    return value
