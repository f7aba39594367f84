"""The practice venue's configuration: every assumption it trades under, checked once."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.adapters.venues.practice.faults import Fault
from tieout.adapters.venues.practice.matching import MatchingRules
from tieout.errors import SettingsError
from tieout.model.instruments import Instrument
from tieout.model.profiles import FillLevel, FundingRule, LimitRule, SimulationProfile, profile

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Mode", "PracticeConfig", "StopRule", "config_from_profile"]

PRACTICE_KEY: Final = "practice-key"
PRACTICE_SECRET: Final = "practice-secret"  # noqa: S105 - protects play money on loopback only


@unique
class Mode(StrEnum):
    """How virtual time moves: when the client asks, or by itself."""

    LOCKSTEP = "lockstep"
    PACED = "paced"


@unique
class StopRule(StrEnum):
    """What becomes of a stop order whose trigger the last price has reached already."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class PracticeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the practice venue is and assumes. The defaults are the profile `practice-1`.

    Attributes:
        instruments: What trades here.
        start_ns: Virtual time at which the venue opens; market data before it is history.
        end_ns: When the market ends; None for the end of the market data.
        mode: `lockstep` or `paced`.
        speed: Virtual seconds per real second when paced.
        starting_balance: Wallet at start, in the instruments' currency.
        leverage: Initial leverage of every instrument.
        entry_latency_ns, matching_latency_ns, response_latency_ns: Way in, and way back.
        kline_delay_ns: Close of a candle to its publication.
        trade_delay_ns: Trade to its publication.
        kline_update_ms: Pace of running candles; 0 for none; None for 0 in lock-step, else 250.
        fill_level: `naive` or `fixed`.
        slippage_bps: Adverse shift of `fixed`, at most four decimals.
        limit_rule: When a resting limit order fills.
        participation: Share of volume our orders may take; None for no limit.
        stop_rule: `refuse` a stop that would trigger at once, as the real venue does (−2021), or
            `accept` it, as the matching rules alone would.
        maker_fee_rate, taker_fee_rate: Share of notional; negative is a rebate.
        fee_digits: Decimals a commission or funding payment is rounded to, half up.
        funding_rule, funding_rate, funding_interval_ns: As in a simulation profile.
        api_key, api_secret: What signed requests must carry.
        listen_key_life_s: How long a listen key lives without being renewed; None for an hour
            when paced and for ever in lock-step, where a client's own timers cannot keep pace.
        weight_per_minute: Request weight allowed per virtual minute before 429; 0 for no limit.
        faults: The fault script.
        truth_path: File for the venue's own record of what really happened; None for none.
        host, port: Where to listen, loopback only; port 0 takes a free one.
    """

    instruments: tuple[Instrument, ...]
    start_ns: int
    end_ns: int | None = None
    mode: Mode = Mode.LOCKSTEP
    speed: float = 1.0
    starting_balance: Decimal = Decimal(10_000)
    leverage: int = 20
    entry_latency_ns: int = 20_000_000
    matching_latency_ns: int = 1_000_000
    response_latency_ns: int = 20_000_000
    kline_delay_ns: int = 200_000_000
    trade_delay_ns: int = 10_000_000
    kline_update_ms: int | None = None
    fill_level: FillLevel = FillLevel.FIXED
    slippage_bps: Decimal = Decimal(1)
    limit_rule: LimitRule = LimitRule.THROUGH
    participation: Decimal | None = None
    stop_rule: StopRule = StopRule.REFUSE
    maker_fee_rate: Decimal = Decimal("0.0002")
    taker_fee_rate: Decimal = Decimal("0.0004")
    fee_digits: int = 8
    funding_rule: FundingRule = FundingRule.SIGNED
    funding_rate: Decimal = Decimal("0.0001")
    funding_interval_ns: int = 8 * 3_600_000_000_000
    api_key: str = PRACTICE_KEY
    api_secret: str = PRACTICE_SECRET
    listen_key_life_s: int | None = None
    weight_per_minute: int = 2400
    faults: tuple[Fault, ...] = ()
    truth_path: str | None = None
    host: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        self._check_instruments()
        if self.end_ns is not None and self.end_ns <= self.start_ns:
            raise _refused("end_ns", self.end_ns, f"must lie after start_ns {self.start_ns}")
        if self.fill_level not in (FillLevel.NAIVE, FillLevel.FIXED):
            raise _refused("fill_level", self.fill_level, "must be naive or fixed")
        if not 0 <= self.slippage_bps < 10_000 or self.slippage_bps * 10**4 % 1:
            raise _refused("slippage_bps", self.slippage_bps, "must lie in [0, 10000), 4 decimals")
        if self.participation is not None and not 0 < self.participation <= 1:
            raise _refused("participation", self.participation, "must lie in (0, 1]")
        self._check_numbers()
        if self.kline_update_ms is not None and self.kline_update_ms < 0:
            raise _refused("kline_update_ms", self.kline_update_ms, "must not be negative")
        if not _is_loopback(self.host):
            raise _refused("host", self.host, "must be a loopback address such as 127.0.0.1")

    def _check_numbers(self) -> None:
        for name in (
            "entry_latency_ns",
            "matching_latency_ns",
            "response_latency_ns",
            "kline_delay_ns",
            "trade_delay_ns",
            "weight_per_minute",
        ):
            if getattr(self, name) < 0:
                raise _refused(name, getattr(self, name), "must not be negative")
        for name in ("speed", "starting_balance", "funding_interval_ns"):
            if getattr(self, name) <= 0:
                raise _refused(name, getattr(self, name), "must be positive")
        if not 1 <= self.leverage <= 125:
            raise _refused("leverage", self.leverage, "must lie in 1 … 125")
        if not 0 <= self.fee_digits <= 12:
            raise _refused("fee_digits", self.fee_digits, "must lie in 0 … 12")

    @property
    def currency(self) -> str:
        """What the account is kept in."""
        return self.instruments[0].currency

    @property
    def order_latency_ns(self) -> int:
        """Sending to matching engine."""
        return self.entry_latency_ns + self.matching_latency_ns

    @property
    def running_kline_ns(self) -> int:
        """Pace of running candles; 0 for none."""
        if self.kline_update_ms is not None:
            return self.kline_update_ms * 1_000_000
        return 0 if self.mode is Mode.LOCKSTEP else 250_000_000

    @property
    def listen_key_life_ns(self) -> int | None:
        """Life of a listen key that nobody renews; None for ever."""
        if self.listen_key_life_s is not None:
            return self.listen_key_life_s * 1_000_000_000
        return None if self.mode is Mode.LOCKSTEP else 3_600_000_000_000

    @property
    def matching_rules(self) -> MatchingRules:
        """The part that decides fills."""
        return MatchingRules(
            fill_level=self.fill_level,
            slippage_bps=self.slippage_bps,
            limit_rule=self.limit_rule,
            participation=self.participation,
        )

    def _check_instruments(self) -> None:
        if not self.instruments:
            raise _refused("instruments", "empty", "must name at least one")
        for each in self.instruments:
            if each.inverse:
                raise _refused(
                    "instruments",
                    each.symbol,
                    "must be linear: this venue speaks the protocol of USD-margined contracts, and "
                    "this one is inverse; run it on history",
                )
        names = [each.venue_symbol for each in self.instruments]
        if len(set(names)) < len(names):
            raise _refused("instruments", ", ".join(names), "must not repeat a venue symbol")
        if len({each.currency for each in self.instruments}) > 1:
            raise _refused("instruments", ", ".join(names), "must share one currency")


def config_from_profile(
    name: str | SimulationProfile,
    instrument: Instrument | Iterable[Instrument],
    *,
    start_ns: int,
    **settings: object,
) -> PracticeConfig:
    """Return a configuration with the numbers of a simulation profile.

    Args:
        name: A shipped profile's name, or a profile.
        instrument: What trades: one instrument or several.
        start_ns: When the venue opens.
        settings: Any other field of `PracticeConfig`; they win over the profile.

    Raises:
        SettingsError: The profile is unknown, or a setting is unknown or impossible.
    """
    chosen = profile(name) if isinstance(name, str) else name
    if chosen.fees is not None and not {"maker_fee_rate", "taker_fee_rate"} <= set(settings):
        raise SettingsError(
            f"practice venue: profile {chosen.name} has a fee schedule, and the practice venue "
            "charges two rates; give maker_fee_rate and taker_fee_rate"
        )
    instruments = (instrument,) if isinstance(instrument, Instrument) else tuple(instrument)
    fields: dict[str, object] = {
        "fill_level": chosen.fill_level,
        "slippage_bps": chosen.slippage_bps,
        "limit_rule": chosen.limit_rule,
        "participation": chosen.participation,
        "entry_latency_ns": chosen.entry_latency_ns,
        "matching_latency_ns": chosen.matching_latency_ns,
        "response_latency_ns": chosen.response_latency_ns,
        "kline_delay_ns": chosen.bar_delay_ns,
        "trade_delay_ns": chosen.trade_delay_ns,
        "maker_fee_rate": chosen.maker_fee_rate,
        "taker_fee_rate": chosen.taker_fee_rate,
        "fee_digits": chosen.fee_digits,
        "funding_rule": chosen.funding_rule,
        "funding_rate": chosen.funding_rate,
        "funding_interval_ns": chosen.funding_interval_ns,
        **settings,
        "instruments": instruments,
        "start_ns": start_ns,
    }
    unknown = sorted(set(fields) - set(PracticeConfig.__struct_fields__))
    if unknown:
        raise SettingsError(
            f"practice venue: unknown setting {', '.join(unknown)}; "
            f"known are {', '.join(PracticeConfig.__struct_fields__)}"
        )
    try:
        return msgspec.convert(fields, PracticeConfig)
    except msgspec.ValidationError as error:
        raise SettingsError(f"practice venue: {error}; check the setting named there") from error


def _refused(name: str, value: object, limit: str) -> SettingsError:
    return SettingsError(f"practice venue: {name} {value} {limit}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
