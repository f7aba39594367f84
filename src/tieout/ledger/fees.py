"""What an account pays by a fee schedule: the volume it traded lately, and its orders so far.

Volume is exact and kept as it comes: a fill costs a few comparisons, however many there were.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InputError, SettingsError
from tieout.model.fees import FeeCurrency, OrderFees, VolumeIn, base_of, fee_of
from tieout.model.money import MONEY_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from tieout.model.events import Fill
    from tieout.model.fees import Fee, FeeSchedule, FeeTier, FeeVersion
    from tieout.model.instruments import Instrument

__all__ = ["FeeMeter", "RollingVolume"]


class RollingVolume:
    """The sum of what traded in a window that mostly moves forward."""

    def __init__(self) -> None:
        self._traded: list[tuple[int, int]] = []
        # The sum is of what stands between these two places.
        self._first = 0
        self._last = 0
        self._sum = 0
        self._since_ns = 0
        self._until_ns = 0

    def add(self, at_ns: int, amount: int) -> None:
        """Count what traded at a time, in any order."""
        traded = self._traded
        if not traded or traded[-1][0] <= at_ns:
            traded.append((at_ns, amount))
        else:
            insort(traded, (at_ns, amount))
        if at_ns < self._since_ns:
            self._first += 1
        if at_ns < self._until_ns:
            self._last += 1
            if at_ns >= self._since_ns:
                self._sum += amount

    def within(self, since_ns: int, until_ns: int) -> int:
        """Return what traded in [since, until)."""
        if (since_ns, until_ns) != (self._since_ns, self._until_ns):
            traded = self._traded
            first = bisect_left(traded, (since_ns,))
            last = max(first, bisect_left(traded, (until_ns,)))
            if first >= self._last or last <= self._first:
                self._sum = sum(amount for _, amount in traded[first:last])
            else:
                self._sum += _moved(traded, last, self._last) - _moved(traded, first, self._first)
            self._first, self._last = first, last
            self._since_ns, self._until_ns = since_ns, max(since_ns, until_ns)
        return self._sum


class FeeMeter:
    """Charges fills by a schedule, in the order in which they become known.

    Args:
        schedule: What the venue charges.
        instruments: What may trade, by symbol; all in one currency.
        in_token: Whether fees are paid in the venue's token, where it has one.
        volume_elsewhere: Traded in the window by the same account outside of this run, in what the
            schedule counts; it is taken for the same at all times.
        prices: Stated prices of foreign fee currencies, in the account's currency.
        price_ticks_at: The last price of an instrument of the run at or before a venue time.

    Raises:
        SettingsError: A fee would be in a currency that has no price here.
    """

    def __init__(
        self,
        schedule: FeeSchedule,
        instruments: Mapping[str, Instrument],
        *,
        in_token: bool = False,
        volume_elsewhere: Decimal | int = 0,
        prices: Mapping[str, Decimal] | None = None,
        price_ticks_at: Callable[[str, int], int | None] | None = None,
    ) -> None:
        self.schedule = schedule
        self._instruments = instruments
        self._in_token = in_token
        self._elsewhere = int(volume_elsewhere * MONEY_UNIT)
        self._prices = {name: Fraction(price) for name, price in (prices or {}).items()}
        self._price_ticks_at = price_ticks_at
        self._volume = {each: RollingVolume() for each in VolumeIn}
        self._orders: dict[str, OrderFees] = {}
        self._check()

    def charge(self, fill: Fill) -> Fill:
        """Return a fill with what it costs, and count it."""
        version = self.schedule.version_at(fill.venue_time_ns)
        fee = self._fee(version, self.tier_at(fill.venue_time_ns), fill)
        self._count(fill)
        if version.by_order:
            self._orders[_order_of(fill)] = fee.order
        return msgspec.structs.replace(
            fill,
            fee=fee.amount,
            fee_currency=self._instruments[fill.instrument].currency,
            fee_charged=fee.charged,
            fee_charged_currency=fee.currency,
        )

    def take(self, fills: Iterable[Fill]) -> None:
        """Count fills that were charged before this process began, in their order."""
        for fill in fills:
            version = self.schedule.version_at(fill.venue_time_ns)
            if version.by_order:
                tier = self.tier_at(fill.venue_time_ns)
                self._orders[_order_of(fill)] = self._fee(version, tier, fill).order
            self._count(fill)

    def tier_at(self, at_ns: int) -> FeeTier:
        """Return the tier that holds at a time, by the fills known so far."""
        version = self.schedule.version_at(at_ns)
        volume = self._volume[version.volume_in].within(*version.window(at_ns))
        return version.tier_at(volume + self._elsewhere)

    def _fee(self, version: FeeVersion, tier: FeeTier, fill: Fill) -> Fee:
        instrument = self._instruments[fill.instrument]
        token_price = None
        if self._in_token and version.token:
            token_price = self._price_of(version.token, instrument.currency, fill.venue_time_ns)
        return fee_of(
            version,
            tier,
            instrument,
            side=fill.side,
            lots=fill.lots,
            price_ticks=fill.price_ticks,
            liquidity=fill.liquidity,
            order=self._orders.get(_order_of(fill)),
            token_price=token_price,
        )

    def _count(self, fill: Fill) -> None:
        instrument = self._instruments[fill.instrument]
        amount = instrument.quote_amount(fill.lots, fill.price_ticks)
        units = Fraction(instrument.lot_size) * fill.lots * MONEY_UNIT
        self._volume[VolumeIn.NOTIONAL].add(fill.venue_time_ns, int(amount))
        self._volume[VolumeIn.UNITS].add(fill.venue_time_ns, int(units))

    def _price_of(self, token: str, currency: str, at_ns: int) -> Fraction:
        """Return a token's price: of its pair in this run, else as stated."""
        if token == currency:
            return Fraction(1)
        pair = self._pair(token, currency)
        if pair is None or self._price_ticks_at is None:
            return self._prices[token]
        ticks = self._price_ticks_at(pair.symbol, at_ns)
        if ticks:
            return Fraction(pair.price(ticks))
        if token not in self._prices:
            raise InputError(
                f"fee in {token}: {pair.symbol} has no price yet when the first fee is due; state "
                f"one in fee_prices, or start its data earlier"
            )
        return self._prices[token]

    def _pair(self, token: str, currency: str) -> Instrument | None:
        wanted = f"{token}/{currency}"
        return next(
            (
                each
                for symbol, each in self._instruments.items()
                if symbol == wanted or symbol.startswith(f"{wanted}:")
            ),
            None,
        )

    def _check(self) -> None:
        for version in self.schedule.versions:
            for instrument in self._instruments.values():
                if version.currency is FeeCurrency.RECEIVED:
                    self._check_received(instrument)
                token, currency = version.token, instrument.currency
                if not self._in_token or not token or token in (currency, *self._prices):
                    continue
                if self._price_ticks_at is None or self._pair(token, currency) is None:
                    raise SettingsError(
                        f"fee schedule {self.schedule.name}: fees are paid in {token}, which has "
                        f"no price here; trade or name {token}/{currency} in the run, state "
                        f"fee_prices.{token}, or take fees_in_token away"
                    )
        self._check_token()

    def _check_received(self, instrument: Instrument) -> None:
        base_of(instrument)
        if instrument.inverse:
            raise SettingsError(
                f"fee schedule {self.schedule.name}: fees are taken in what a trade brings, and "
                f"{instrument.symbol} is an inverse contract, which brings nothing; name a "
                "schedule with currency = 'quote'"
            )

    def _check_token(self) -> None:
        if self._in_token and not any(version.token for version in self.schedule.versions):
            raise SettingsError(
                f"fee schedule {self.schedule.name}: the venue has no token to pay fees in; take "
                "fees_in_token away"
            )


def _order_of(fill: Fill) -> str:
    """Return the order that a fill belongs to: the rest of an answered one is the same order."""
    return fill.decision_id.rstrip("+")


def _moved(traded: list[tuple[int, int]], to: int, came_from: int) -> int:
    """Return what an edge of the window passed over on its way; negative when it went back."""
    if to >= came_from:
        return sum(amount for _, amount in traded[came_from:to])
    return -sum(amount for _, amount in traded[to:came_from])
