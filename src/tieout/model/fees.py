"""Fee schedules: what a venue charges for a fill, as dated data.

A schedule is data, like a profile: a shipped one is never edited, a change is a new name. It holds
what a venue's own page said, by date; what an account pays depends besides on how much it traded
lately, which `tieout.ledger.fees` keeps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum, unique
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tieout.errors import SettingsError
from tieout.model.decimals import check_decimals
from tieout.model.money import MONEY_DIGITS, MONEY_UNIT, round_half_up

if TYPE_CHECKING:
    from tieout.model.instruments import Instrument

__all__ = [
    "Evaluated",
    "Fee",
    "FeeCurrency",
    "FeeSchedule",
    "FeeTier",
    "FeeVersion",
    "OrderFees",
    "Rounding",
    "Sides",
    "Surcharge",
    "VolumeIn",
    "base_of",
    "fee_of",
    "fee_schedule",
    "fee_schedule_names",
]

DAY_NS: Final = 86_400_000_000_000
HOUR_NS: Final = 3_600_000_000_000
_NS: Final = 1_000_000_000
_FOLDER: Final = Path(__file__).parent / "schedules"
_MAKER: Final = 1
_DAYS_MAX: Final = 366


@unique
class FeeCurrency(StrEnum):
    """What a fee is taken in, where it is not paid in the venue's token."""

    QUOTE = "quote"
    """The instrument's own currency."""
    RECEIVED = "received"
    """What a spot trade brings: the base of a buy, the quote of a sale."""


@unique
class VolumeIn(StrEnum):
    """What the volume that decides the tier is counted in."""

    NOTIONAL = "notional"
    """Size in the quote currency, which is taken for the schedule's currency: price times quantity,
    and of an inverse contract what its contracts stand for."""
    UNITS = "units"
    """Quantity: shares or contracts."""


@unique
class Evaluated(StrEnum):
    """When the tier is looked at anew."""

    EACH_FILL = "each_fill"
    HOURLY = "hourly"
    DAILY = "daily"


@unique
class Rounding(StrEnum):
    """How a fee is brought to its last digit."""

    HALF_UP = "half_up"
    """Ties away from zero."""
    UP = "up"
    """Away from zero where we pay, and a rebate toward zero: never in our favour."""
    DOWN = "down"
    """The other way."""


@unique
class Sides(StrEnum):
    """Whom a surcharge falls on."""

    BOTH = "both"
    BUY = "buy"
    SELL = "sell"


class _Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Settings that say no to what they do not know."""


class FeeTier(_Data, frozen=True, kw_only=True):
    """What is charged from a volume on.

    Attributes:
        from_volume: Least volume in the schedule's window, in what the version says.
        maker_rate, taker_rate: Share of the notional; negative is a rebate.
        per_unit: Money for each unit of quantity (share, contract), whatever the liquidity.
    """

    from_volume: Decimal = Decimal(0)
    maker_rate: Decimal = Decimal(0)
    taker_rate: Decimal = Decimal(0)
    per_unit: Decimal = Decimal(0)


class Surcharge(_Data, frozen=True, kw_only=True):
    """What others than the venue take through it: a regulator, a clearing house.

    Attributes:
        name: Whose it is.
        sides: Whom it falls on.
        rate: Share of the notional.
        per_unit: Money for each unit of quantity.
        max_per_fill: No more than this for one fill; None: no limit.
    """

    name: str
    sides: Sides = Sides.BOTH
    rate: Decimal = Decimal(0)
    per_unit: Decimal = Decimal(0)
    max_per_fill: Decimal | None = None


class FeeVersion(_Data, frozen=True, kw_only=True):
    """A schedule as it stood from a date on.

    The volume that decides the tier at an evaluation E is what traded on the `window_days` whole
    days (UTC) before E's day and on that day before E; 0 days: since the month began. The tier that
    E gives holds from E plus `delay_s` on, until the next one's does.

    Attributes:
        since: Date, or date and time, UTC, in ISO form.
        source: Title of the page that says so, and who publishes it.
        as_of: Date at which the page said it.
        note: What is left out, or not sure.
        tiers: By ascending volume, the first from 0.
        volume_in: What volume is counted in.
        window_days: Length of the window; 0: the calendar month.
        evaluated: When the tier is looked at anew.
        evaluated_at_s: Seconds after 00:00 UTC of a daily evaluation.
        delay_s: From an evaluation until it holds.
        currency: What the fee is taken in.
        token: The venue's own token, in which the fee may be paid; empty: there is none.
        token_share_off: What share of the fee that saves.
        per_order: Fixed, on an order's first fill.
        min_per_order: Least of an order, without surcharges.
        max_share_per_order: Most of an order, as a share of its notional; it goes before the least.
        min_per_fill, max_per_fill: Least and most of a fill, without surcharges.
        surcharges: On top.
        digits: Decimals the fee is rounded to, in the currency it is taken in.
        rounding: Which way.
    """

    since: str
    source: str
    as_of: str
    note: str = ""
    tiers: tuple[FeeTier, ...]
    volume_in: VolumeIn = VolumeIn.NOTIONAL
    window_days: int = 30
    evaluated: Evaluated = Evaluated.DAILY
    evaluated_at_s: int = 0
    delay_s: int = 0
    currency: FeeCurrency = FeeCurrency.QUOTE
    token: str = ""
    token_share_off: Decimal = Decimal(0)
    per_order: Decimal = Decimal(0)
    min_per_order: Decimal = Decimal(0)
    max_share_per_order: Decimal | None = None
    min_per_fill: Decimal = Decimal(0)
    max_per_fill: Decimal | None = None
    surcharges: tuple[Surcharge, ...] = ()
    digits: int = 8
    rounding: Rounding = Rounding.HALF_UP

    @cached_property
    def since_ns(self) -> int:
        """From when on it holds."""
        return _date_ns(self.since)

    @property
    def by_order(self) -> bool:
        """Whether what a fill costs depends on its order's other fills."""
        return bool(self.per_order or self.min_per_order or self.max_share_per_order is not None)

    def tier_at(self, volume: int) -> FeeTier:
        """Return the tier of a volume, in 10⁻¹² of what it is counted in."""
        found = self.tiers[0]
        for tier in self.tiers[1:]:
            if volume < tier.from_volume * MONEY_UNIT:
                break
            found = tier
        return found

    def window(self, at_ns: int) -> tuple[int, int]:
        """Return [since, until) of the fills whose volume decides the tier at a time."""
        at_ns -= self.delay_s * _NS
        if self.evaluated is Evaluated.DAILY:
            offset_ns = self.evaluated_at_s * _NS
            until_ns = (at_ns - offset_ns) // DAY_NS * DAY_NS + offset_ns
        elif self.evaluated is Evaluated.HOURLY:
            until_ns = at_ns // HOUR_NS * HOUR_NS
        else:
            until_ns = at_ns
        day_ns = until_ns // DAY_NS * DAY_NS
        if not self.window_days:
            return _month_ns(day_ns), until_ns
        return day_ns - self.window_days * DAY_NS, until_ns

    def check(self, name: str) -> None:
        """Refuse what cannot be.

        Raises:
            SettingsError: A value is out of its range, with the schedule's name.
        """
        where = f"fee schedule {name}, since {self.since}"
        if self.since_ns < 0:
            raise SettingsError(f"{where}: a date before 1970")
        self._check_tiers(where)
        self._check_amounts(where)
        if self.by_order and (self.token or self.currency is FeeCurrency.RECEIVED):
            raise SettingsError(
                f"{where}: fees by order are charged in the instrument's own currency; leave token "
                "and currency out"
            )
        if not 0 <= self.digits <= MONEY_DIGITS:
            raise SettingsError(f"{where}: digits {self.digits}; allowed: 0 … {MONEY_DIGITS}")
        if not (0 <= self.window_days <= _DAYS_MAX and 0 <= self.delay_s < 86_400):
            raise SettingsError(f"{where}: window_days: 0 … 366; delay_s: less than a day")
        if not 0 <= self.evaluated_at_s < 86_400:
            raise SettingsError(f"{where}: evaluated_at_s {self.evaluated_at_s} is no time of day")

    def _check_tiers(self, where: str) -> None:
        if not self.tiers or self.tiers[0].from_volume != 0:
            raise SettingsError(f"{where}: the first tier must begin at volume 0")
        if any(one.from_volume >= other.from_volume for one, other in pairwise(self.tiers)):
            raise SettingsError(f"{where}: tiers must stand by ascending from_volume")
        shares = {
            "token_share_off": self.token_share_off,
            **{f"tier {each.from_volume} maker_rate": each.maker_rate for each in self.tiers},
            **{f"tier {each.from_volume} taker_rate": each.taker_rate for each in self.tiers},
            **{f"{each.name} rate": each.rate for each in self.surcharges},
        }
        for what, share in shares.items():
            if not -1 < share < 1:
                raise SettingsError(f"{where}: {what} {share} must be a share, within -1 … 1")
        if self.token_share_off < 0 or (self.token_share_off and not self.token):
            raise SettingsError(f"{where}: token_share_off needs a token, and is never negative")

    def _check_amounts(self, where: str) -> None:
        for what in ("per_order", "min_per_order", "min_per_fill"):
            amount: Decimal = getattr(self, what)
            if amount < 0:
                raise SettingsError(f"{where}: {what} {amount} must not be negative")
        for what in ("max_share_per_order", "max_per_fill"):
            most: Decimal | None = getattr(self, what)
            if most is not None and most <= 0:
                raise SettingsError(f"{where}: {what} {most} must be positive")


class FeeSchedule(_Data, frozen=True, kw_only=True):
    """What a venue charges, by date.

    Attributes:
        name: Name with version.
        venue: Whose it is, and for what.
        versions: By ascending date.

    Raises:
        SettingsError: A value is out of its range, or dates do not ascend.
    """

    name: str
    venue: str
    versions: tuple[FeeVersion, ...]

    def __post_init__(self) -> None:
        check_decimals(f"fee schedule {self.name}", self)
        if not self.versions:
            raise SettingsError(f"fee schedule {self.name}: it has no version")
        for version in self.versions:
            version.check(self.name)
        if any(one.since_ns >= other.since_ns for one, other in pairwise(self.versions)):
            raise SettingsError(f"fee schedule {self.name}: versions must stand by ascending date")

    def version_at(self, at_ns: int) -> FeeVersion:
        """Return what holds at a time.

        Raises:
            SettingsError: The schedule begins later.
        """
        found = None
        for version in self.versions:
            if version.since_ns > at_ns:
                break
            found = version
        if found is None:
            raise SettingsError(
                f"fee schedule {self.name} begins on {self.versions[0].since}, after the fills it "
                "is asked for; name one that reaches back, or rates"
            )
        return found


class OrderFees(NamedTuple):
    """What an order has come to so far.

    Attributes:
        commission: Owed for its fills before the order's own least and most, exact, in money units.
        notional: Of its fills, in money units.
        charged: Commission taken, in money units.
    """

    commission: Fraction = Fraction(0)
    notional: int = 0
    charged: int = 0


class Fee(NamedTuple):
    """What a fill costs.

    Attributes:
        amount: In internal units of the account's currency; positive is paid.
        charged: What was taken where that is another currency, in 10⁻¹² of it; else 0.
        currency: That currency; empty: the account's.
        order: What the order has come to with this fill.
    """

    amount: int
    charged: int
    currency: str
    order: OrderFees


def fee_of(
    version: FeeVersion,
    tier: FeeTier,
    instrument: Instrument,
    *,
    side: int,
    lots: int,
    price_ticks: int,
    liquidity: int,
    order: OrderFees | None = None,
    token_price: Fraction | None = None,
) -> Fee:
    """Return what a fill costs, exactly.

    Args:
        version: The schedule at the time of the fill.
        tier: By the volume before it.
        instrument: What traded.
        side: +1 bought, −1 sold.
        lots: Positive.
        price_ticks: Price of the fill.
        liquidity: 1 maker, 2 taker.
        order: What its order came to before; None: this is its first fill.
        token_price: Price of the venue's token in the account's currency, where the fee is paid in
            it; None: it is not.
    """
    before = order or OrderFees()
    notional = instrument.notional(lots, price_ticks)
    units = Fraction(instrument.lot_size) * lots * MONEY_UNIT
    rate = tier.maker_rate if liquidity == _MAKER else tier.taker_rate
    commission = notional * Fraction(rate) + units * Fraction(tier.per_unit)
    if version.min_per_fill:
        commission = max(commission, Fraction(version.min_per_fill) * MONEY_UNIT)
    if version.max_per_fill is not None:
        commission = min(commission, Fraction(version.max_per_fill) * MONEY_UNIT)
    extra = sum(
        (_surcharge(each, side, notional, units) for each in version.surcharges), Fraction(0)
    )
    so_far = OrderFees(before.commission + commission, before.notional + notional)
    if version.by_order:
        # The order as a whole owes this much; what its earlier fills paid is taken off, so that
        # its least falls on its first fill and the sum is right after each.
        charged = _rounded(_of_order(version, so_far), version)
        amount = charged - before.charged + _rounded(extra, version)
        return Fee(amount, 0, "", so_far._replace(charged=charged))
    owed = commission + extra
    currency, price = "", Fraction(1)
    if token_price is not None:
        owed *= 1 - Fraction(version.token_share_off)
        currency, price = version.token, token_price
    elif version.currency is FeeCurrency.RECEIVED and side > 0:
        currency = base_of(instrument)
        price = Fraction(instrument.price(price_ticks))
    if not currency:
        amount = _rounded(owed, version)
        return Fee(amount, 0, "", so_far._replace(charged=before.charged + amount))
    taken = _rounded(owed / price, version)
    worth = taken * price
    amount = round_half_up(worth.numerator, worth.denominator)
    return Fee(amount, taken, currency, so_far._replace(charged=before.charged + amount))


def base_of(instrument: Instrument) -> str:
    """Return what a buy of an instrument brings.

    Raises:
        SettingsError: Its symbol does not name it.
    """
    base, slash, _ = instrument.symbol.partition("/")
    if not slash:
        raise SettingsError(
            f"{instrument.symbol}: a fee in what is received needs a symbol such as BTC/USDT; name "
            "a schedule with currency = 'quote'"
        )
    return base


def fee_schedule_names() -> list[str]:
    """Return the names of the schedules that ship, in order."""
    return sorted(file.stem for file in _FOLDER.glob("*.toml"))


@cache
def fee_schedule(name: str) -> FeeSchedule:
    """Return a shipped schedule by name, or one from a `.toml` file.

    Raises:
        SettingsError: There is none, or what it says is not allowed.
    """
    file = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not file.is_file():
        raise SettingsError(
            f"fee schedule {name!r} is unknown; name a .toml file, or one of "
            f"{', '.join(fee_schedule_names())}"
        )
    try:
        schedule = msgspec.toml.decode(file.read_bytes(), type=FeeSchedule)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"fee schedule {file.name}: {error}") from error
    if not name.endswith(".toml") and schedule.name != name:
        raise SettingsError(f"fee schedule {file.name}: its name is {schedule.name}")
    return schedule


def _of_order(version: FeeVersion, order: OrderFees) -> Fraction:
    owed = order.commission + Fraction(version.per_order) * MONEY_UNIT
    if version.min_per_order:
        owed = max(owed, Fraction(version.min_per_order) * MONEY_UNIT)
    if version.max_share_per_order is not None:
        owed = min(owed, order.notional * Fraction(version.max_share_per_order))
    return owed


def _surcharge(surcharge: Surcharge, side: int, notional: int, units: Fraction) -> Fraction:
    wanted = {Sides.BUY: 1, Sides.SELL: -1}.get(surcharge.sides)
    if wanted is not None and side != wanted:
        return Fraction(0)
    owed = notional * Fraction(surcharge.rate) + units * Fraction(surcharge.per_unit)
    if surcharge.max_per_fill is not None:
        owed = min(owed, Fraction(surcharge.max_per_fill) * MONEY_UNIT)
    return owed


def _rounded(owed: Fraction, version: FeeVersion) -> int:
    grain: int = 10 ** (MONEY_DIGITS - version.digits)
    numerator, denominator = owed.numerator, owed.denominator * grain
    match version.rounding:
        case Rounding.HALF_UP:
            return round_half_up(numerator, denominator) * grain
        case Rounding.UP:
            return -(-numerator // denominator) * grain
        case Rounding.DOWN:
            return numerator // denominator * grain


def _date_ns(since: str) -> int:
    try:
        moment = datetime.fromisoformat(since)
    except ValueError as error:
        raise SettingsError(f"fee schedule: since {since!r}; write it as 2024-07-18") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp()) * _NS


def _month_ns(day_ns: int) -> int:
    """Return when the month of a day began."""
    first = datetime.fromtimestamp(day_ns // _NS, UTC).replace(day=1)
    return round(first.timestamp()) * _NS
