"""Simulation profiles: every assumption about a venue, named and versioned.

A profile is data. A default that changes results is a new version, never an edit.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique
from math import isfinite
from re import compile as pattern
from typing import Final

import msgspec

from tieout.errors import SettingsError
from tieout.model.availability import POLLINGS, FeedSettings, Polling, Spans, check_outages
from tieout.model.decimals import check_decimals
from tieout.model.fees import FeeSchedule, fee_schedule
from tieout.model.latencies import ConstantLatency, LatencySettings
from tieout.model.margin import MarginTerms

__all__ = [
    "BOOK_LEVELS",
    "MODEL_KINDS",
    "PROFILES",
    "FillLevel",
    "FundingFrom",
    "FundingRule",
    "InsideRule",
    "LimitRule",
    "MarketRule",
    "SimulationProfile",
    "SpreadFrom",
    "StalePolicy",
    "StopLimitRule",
    "profile",
]

MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
HOUR: Final = 3600 * SECOND
CLOCK_OFFSET_NS_MAX: Final = 60 * SECOND
FEED_LATENCY_NS_MAX: Final = 3600 * SECOND
MODEL_KINDS: Final = ("slippage", "fill", "fee", "latency", "queue")
"""What a user's own model may answer."""


@unique
class FillLevel(StrEnum):
    """How finely a fill is modelled; see the matching rules page."""

    NAIVE = "naive"
    FIXED = "fixed"
    IMPACT = "impact"
    DRILLDOWN = "drilldown"
    """Priced as `impact`; a bar is opened into finer data wherever its path may matter."""
    BOOK = "book"
    """On the levels of a recorded book (L2), the place in the queue by a model."""
    ORDERS = "orders"
    """On the single orders of a recorded book (L3), in the true queue."""


BOOK_LEVELS: Final = frozenset({FillLevel.BOOK, FillLevel.ORDERS})
"""Levels that match on a recorded book: what a fill costs is what the book shows."""


@unique
class LimitRule(StrEnum):
    """When a resting limit order fills: the price trades through it, or only touches it."""

    THROUGH = "through"
    TOUCH = "touch"


@unique
class FundingRule(StrEnum):
    """Who pays funding: nobody, longs when the rate is positive, or always us."""

    NONE = "none"
    SIGNED = "signed"
    AGAINST = "against"


@unique
class FundingFrom(StrEnum):
    """Which rate a position is charged at a time of funding."""

    TOLD = "told"
    """The one that was told for that time, else the profile's constant."""
    LAST_TOLD = "last_told"
    """The last one that was told before, on whole multiples of the interval; nothing before any."""


@unique
class MarketRule(StrEnum):
    """What a market order fills at."""

    NEXT = "next"
    """The next event of the market."""
    LAST = "last"
    """The last price known here when it arrives, of a quote the side that it takes: at once, if
    the market is open and the price is fresh; else the next event."""


@unique
class InsideRule(StrEnum):
    """What a market order fills at that arrives inside of a bar."""

    WORSE = "worse"
    """The worse of the bar's open and close."""
    CLOSE = "close"
    """The bar's close."""


@unique
class StopLimitRule(StrEnum):
    """When a stop-limit order fills on bars, once it is triggered inside of one."""

    PROVEN = "proven"
    """Where the close proves that the limit traded after the trigger; later as any that rests."""
    CLOSE = "close"
    """In any bar that closes within the limit, at the limit or the bar's extreme where the bar
    did not reach the limit, whichever is better."""


@unique
class StalePolicy(StrEnum):
    """What becomes of an order that finds only a price older than the profile allows."""

    NEXT = "next"
    """It waits for a fresh price."""
    REFUSE = "refuse"
    """The venue rejects it (`stale_price`)."""


@unique
class SpreadFrom(StrEnum):
    """Where the spread is from that a taker pays half of."""

    DEFAULT = "default"
    """`spread_bps`, whatever the market."""
    DATA = "data"
    """Measured for each instrument before the start: on quotes, else on bars, else the default."""


class SimulationProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the simulated venue and its feed assume.

    Attributes:
        name: Name with version.
        fill_level: `FillLevel`.
        spread_bps: Full quoted spread assumed where none is known; half is paid at `impact`.
        slippage_bps: `fixed`: the whole adverse shift; `impact`: floor of the impact part.
        impact_y: Y of the square-root law Y·σ·sqrt(Q/V).
        participation: Share of traded volume our orders may take; None for no limit.
        limit_rule: `LimitRule`.
        entry_latency_ns: Decision to venue.
        matching_latency_ns: Venue gateway to matching engine, added to the entry.
        response_latency_ns: Venue to us.
        bar_delay_ns: Close of a bar to its arrival here.
        trade_delay_ns: Trade to its arrival here.
        bar_grace_ns: End of a bar that we make to its close by our clock, when no later trade has
            closed it before.
        taker_fee_rate, maker_fee_rate: Share of notional; negative is a rebate.
        fee_digits: Decimals a commission or funding payment is rounded to, half up.
        funding_rule: `FundingRule`.
        funding_rate: Per funding interval, share of notional at mark price.
        funding_interval_ns: Funding falls on whole multiples of this since 1970, UTC.
        input_age_ns_max: Orders resting on older input than this are refused.
        latency: How long an order takes; None: the three constants above.
        amend_latency, cancel_latency: The same of amends and cancels; None: as of an order.
        clock_offset_ns: The venue's clock minus ours; orders arrive and answers leave by the
            venue's, everything is known by ours.
        models: A user's own models by what they answer (`MODEL_KINDS`), as `file.py:Name`.
        stale_after_ns: A bar without a trade since longer than this before an order arrived does
            not fill it; None: a price of any age does.
        queue: `book`: how the queue ahead of a resting order thins out, by the name of its model:
            `pessimistic`, `log`, `log-share`, or `power-n`, `power-share-n`, `power-rest-n` with an
            exponent n that is a multiple of 0.5 from 0.5 to 10.
        feed_latency_ns_max: `book` and `orders`: how long what we send waits, beyond the time at
            which it is answered, for rows that were true before it reached the venue.
        fees: What fills cost by a dated schedule: the name of a shipped one, or the schedule; the
            two rates above are 0 then. None: the two rates.
        fees_in_token: Whether fees are paid in the venue's token, where it has one.
        fee_volume: What the account trades outside of the run in the schedule's window, in what the
            schedule counts.
        fee_prices: Stated prices of currencies that fees are taken in, in the account's currency.
        borrow_rate: What a short pays for what it borrows, share of its market value a year.
        borrow_days: Days of that year: 365 or 360.
        borrow_at_s: Time of day at which a day's share falls due, in seconds after 00:00 UTC.
        spread_from: `SpreadFrom`.
        spreads: Full spread by symbol, in bps, before `spread_bps`; a run writes here what it
            measured.
        spread_sources: What each of them rests on.
        margin: What the account may hold for its money, and when the venue closes a position; None:
            whatever is ordered.
        market_rule: `MarketRule`.
        inside_rule: `InsideRule`.
        stop_limit_rule: `StopLimitRule`.
        stale_policy: What becomes of an order that finds no price within `stale_after_ns`.
        funding_from: `FundingFrom`.
        polling: When the bot looks for new trades and bars, as a schedule or the name of one; None:
            it is given them as they come.
        bar_feed, trade_feed: How long a bar or a trade takes from where it is published to us,
            where that is not always `bar_delay_ns` or `trade_delay_ns`.
        feed_seed: Keys the draws of these; None: a run writes its own seed here.
        outages: Pairs [from, to) of our clock in which the way to us was down: what would have
            arrived meanwhile arrives when it is back.
    """

    name: str
    fill_level: FillLevel
    spread_bps: Decimal = Decimal(0)
    slippage_bps: Decimal = Decimal(0)
    impact_y: float = 1.0
    participation: Decimal | None = None
    limit_rule: LimitRule = LimitRule.THROUGH
    entry_latency_ns: int = 0
    matching_latency_ns: int = 0
    response_latency_ns: int = 0
    bar_delay_ns: int = 0
    trade_delay_ns: int = 0
    taker_fee_rate: Decimal = Decimal("0.0005")
    maker_fee_rate: Decimal = Decimal("0.0002")
    fee_digits: int = 8
    funding_rule: FundingRule = FundingRule.NONE
    funding_rate: Decimal = Decimal("0.0001")
    funding_interval_ns: int = 8 * HOUR
    input_age_ns_max: int = 60 * SECOND
    latency: LatencySettings | None = None
    amend_latency: LatencySettings | None = None
    cancel_latency: LatencySettings | None = None
    clock_offset_ns: int = 0
    models: dict[str, str] = {}
    bar_grace_ns: int = 3 * SECOND
    stale_after_ns: int | None = None
    queue: str = "pessimistic"
    feed_latency_ns_max: int = SECOND
    fees: str | FeeSchedule | None = None
    fees_in_token: bool = False
    fee_volume: Decimal = Decimal(0)
    fee_prices: dict[str, Decimal] = {}
    borrow_rate: Decimal = Decimal(0)
    borrow_days: int = 365
    borrow_at_s: int = 0
    margin: MarginTerms | None = None
    spread_from: SpreadFrom = SpreadFrom.DEFAULT
    spreads: dict[str, Decimal] = {}
    spread_sources: dict[str, str] = {}
    market_rule: MarketRule = MarketRule.NEXT
    inside_rule: InsideRule = InsideRule.WORSE
    stop_limit_rule: StopLimitRule = StopLimitRule.PROVEN
    stale_policy: StalePolicy = StalePolicy.NEXT
    funding_from: FundingFrom = FundingFrom.TOLD
    polling: Polling | str | None = None
    bar_feed: FeedSettings | None = None
    trade_feed: FeedSettings | None = None
    feed_seed: int | None = None
    outages: Spans = ()

    def __post_init__(self) -> None:
        check_decimals(f"profile {self.name}", self)
        for kind in self.models:
            if kind not in MODEL_KINDS:
                raise SettingsError(
                    f"profile {self.name}: model {kind!r}; allowed: {', '.join(MODEL_KINDS)}"
                )
        if abs(self.clock_offset_ns) > CLOCK_OFFSET_NS_MAX:
            raise SettingsError(
                f"profile {self.name}: clock_offset_ns {self.clock_offset_ns} is more than "
                f"{CLOCK_OFFSET_NS_MAX} (a minute); set the clock first"
            )
        for name in (
            "entry_latency_ns",
            "matching_latency_ns",
            "response_latency_ns",
            "bar_delay_ns",
            "trade_delay_ns",
            "bar_grace_ns",
            "spread_bps",
            "slippage_bps",
            "impact_y",
        ):
            value = getattr(self, name)
            if not isfinite(value) or value < 0:
                raise SettingsError(
                    f"profile {self.name}: {name} {value} must be finite and not negative"
                )
        if self.participation is not None and not 0 < self.participation <= 1:
            raise SettingsError(
                f"profile {self.name}: participation {self.participation} must lie in (0, 1]"
            )
        if self.funding_interval_ns <= 0 or self.input_age_ns_max <= 0:
            raise SettingsError(
                f"profile {self.name}: funding_interval_ns and input_age_ns_max must be positive"
            )
        if self.stale_after_ns is not None and self.stale_after_ns < 0:
            raise SettingsError(
                f"profile {self.name}: stale_after_ns {self.stale_after_ns} must not be negative"
            )
        if not 0 <= self.fee_digits <= 12:
            raise SettingsError(f"profile {self.name}: fee_digits must lie in 0 … 12")
        self._check_prices()
        self._check_costs()
        self._check_fees()
        self._check_book()
        self._check_feeds()

    def _check_feeds(self) -> None:
        """Refuse a schedule that nobody knows, and two answers to how long a way is."""
        if isinstance(self.polling, str) and self.polling not in POLLINGS:
            raise SettingsError(
                f"profile {self.name}: polling {self.polling!r}; allowed: {', '.join(POLLINGS)}, "
                "or a table with every_ns and offset_ns"
            )
        for feed, constant in (("bar_feed", "bar_delay_ns"), ("trade_feed", "trade_delay_ns")):
            if getattr(self, feed) is not None and getattr(self, constant):
                raise SettingsError(
                    f"profile {self.name}: {feed} and {constant}; one of them says how long the "
                    f"way is: set {constant} to 0, or leave {feed} out"
                )
        check_outages(f"profile {self.name}", self.outages)

    def _check_prices(self) -> None:
        """Refuse rules about prices that do not go together."""
        if self.stale_policy != StalePolicy.NEXT and self.stale_after_ns is None:
            raise SettingsError(
                f"profile {self.name}: stale_policy {self.stale_policy} without stale_after_ns; "
                "say from which age on a price is stale"
            )
        rules = {
            "stale_policy": self.stale_policy is not StalePolicy.NEXT,
            "inside_rule": self.inside_rule is not InsideRule.WORSE,
            "stop_limit_rule": self.stop_limit_rule is not StopLimitRule.PROVEN,
        }
        given = [name for name, differs in rules.items() if differs]
        if given and self.fill_level in (FillLevel.DRILLDOWN, *BOOK_LEVELS):
            raise SettingsError(
                f"profile {self.name}: {', '.join(given)} at level {self.fill_level}, where finer "
                "rows or the book decide; leave it out"
            )
        if self.market_rule is MarketRule.NEXT:
            return
        if self.fill_level not in (FillLevel.NAIVE, FillLevel.FIXED):
            raise SettingsError(
                f"profile {self.name}: market_rule {self.market_rule} at level {self.fill_level}; "
                f"allowed: {FillLevel.NAIVE}, {FillLevel.FIXED}"
            )
        if self.participation is not None or {"fill", "slippage"} & set(self.models):
            raise SettingsError(
                f"profile {self.name}: market_rule {self.market_rule} with participation or with "
                "models.fill, models.slippage; at the last price nobody trades: leave them out"
            )

    def _check_costs(self) -> None:
        """Refuse a spread or a price of borrowing that cannot be."""
        if self.borrow_rate < 0 or self.borrow_days not in (360, 365):
            raise SettingsError(
                f"profile {self.name}: borrow_rate must not be negative, borrow_days 360 or 365"
            )
        if not (0 <= self.borrow_at_s < 86_400 and self.borrow_at_s % 60 == 0):
            raise SettingsError(
                f"profile {self.name}: borrow_at_s {self.borrow_at_s}; allowed: a whole minute of "
                "the day"
            )
        if (self.spread_from != SpreadFrom.DEFAULT or self.spreads) and not self.pays_half_spread:
            raise SettingsError(
                f"profile {self.name}: spread_from or spreads at level {self.fill_level}, which "
                "charges no spread; leave them out, or use level impact or drilldown"
            )
        if any(each < 0 for each in self.spreads.values()):
            raise SettingsError(f"profile {self.name}: spreads must be finite and not negative")

    def _check_fees(self) -> None:
        """Refuse two answers to what a fill costs."""
        if self.fees is None:
            given = [
                name
                for name in ("fees_in_token", "fee_volume", "fee_prices")
                if getattr(self, name)
            ]
            if given:
                raise SettingsError(
                    f"profile {self.name}: {', '.join(given)} without a schedule; name one: "
                    "fees = 'binance-usdm-1'"
                )
            return
        if self.taker_fee_rate or self.maker_fee_rate:
            raise SettingsError(
                f"profile {self.name}: fees and taker_fee_rate, maker_fee_rate; the schedule says "
                "what fills cost: set both rates to 0, or leave fees out"
            )
        if "fee" in self.models:
            raise SettingsError(
                f"profile {self.name}: fees and models.fee; one of them says what fills cost"
            )
        if self.fee_volume < 0 or any(price <= 0 for price in self.fee_prices.values()):
            raise SettingsError(
                f"profile {self.name}: fee_volume must not be negative, fee_prices must be positive"
            )
        assert self.fee_schedule is not None

    @property
    def fee_schedule(self) -> FeeSchedule | None:
        """The schedule that `fees` is or names.

        Raises:
            SettingsError: No schedule has this name.
        """
        return fee_schedule(self.fees) if isinstance(self.fees, str) else self.fees

    def _check_book(self) -> None:
        """Refuse what does not exist on a book, so that nobody believes it was assumed."""
        if not _QUEUE.fullmatch(self.queue):
            raise SettingsError(
                f"profile {self.name}: queue {self.queue!r}; allowed: pessimistic, log, log-share, "
                "or power-n, power-share-n, power-rest-n with n a multiple of 0.5 from 0.5 to 10"
            )
        if not 0 <= self.feed_latency_ns_max <= FEED_LATENCY_NS_MAX:
            raise SettingsError(
                f"profile {self.name}: feed_latency_ns_max {self.feed_latency_ns_max}; allowed: "
                f"0 … {FEED_LATENCY_NS_MAX} (an hour)"
            )
        if "queue" in self.models and self.fill_level is not FillLevel.BOOK:
            raise SettingsError(
                f"profile {self.name}: models.queue at level {self.fill_level}; the queue is "
                f"guessed at level {FillLevel.BOOK} alone"
            )
        if self.fill_level not in BOOK_LEVELS:
            return
        given = [
            name
            for name in ("spread_bps", "slippage_bps", "participation", "stale_after_ns")
            if getattr(self, name)
        ]
        given += [f"models.{kind}" for kind in ("slippage", "fill") if kind in self.models]
        if given:
            raise SettingsError(
                f"profile {self.name}: {', '.join(given)} at level {self.fill_level}, where the "
                "book itself says what a fill costs and how much there is; leave it out and "
                f"start from base = '{self.fill_level}-1'"
            )

    @property
    def schedule(self) -> Polling | None:
        """The polling schedule that `polling` is or names; None: nothing is waited for."""
        return POLLINGS[self.polling] if isinstance(self.polling, str) else self.polling

    def feed_delay_ns_max(self, *, bars: bool) -> int:
        """Return the longest way of a bar, or of a trade, to us."""
        feed = self.bar_feed if bars else self.trade_feed
        constant = self.bar_delay_ns if bars else self.trade_delay_ns
        return constant if feed is None else feed.delay_ns_max

    @property
    def action_delay_ns(self) -> int:
        """How long after a corporate action all that happened before it has arrived, fills too."""
        bars_ns = self.feed_delay_ns_max(bars=True) + self.bar_grace_ns
        known_ns = max(self.feed_delay_ns_max(bars=False), bars_ns)
        return known_ns + self.response_latency_ns

    @property
    def pays_half_spread(self) -> bool:
        """Whether a taker pays half of the spread apart from impact."""
        return self.fill_level in (FillLevel.IMPACT, FillLevel.DRILLDOWN)

    def spread_of(self, symbol: str) -> Decimal:
        """Return the full spread of an instrument where none is quoted, in bps."""
        return self.spreads.get(symbol, self.spread_bps)

    @property
    def matches_on_book(self) -> bool:
        """Whether orders meet a recorded book rather than prints or bars."""
        return self.fill_level in BOOK_LEVELS

    @property
    def order_latency_ns(self) -> int:
        """Decision to matching engine."""
        return self.entry_latency_ns + self.matching_latency_ns

    def latency_of(self, command: str) -> LatencySettings:
        """Return the latency of `place`, `amend` or `cancel`."""
        own = {"amend": self.amend_latency, "cancel": self.cancel_latency}.get(command)
        return (
            own
            or self.latency
            or ConstantLatency(
                entry_ns=self.entry_latency_ns,
                matching_ns=self.matching_latency_ns,
                response_ns=self.response_latency_ns,
            )
        )


_QUEUE: Final = pattern(
    r"pessimistic|log|log-share|power(-share|-rest)?-(0\.5|[1-9](\.[05])?|10(\.0)?)"
)

_PESSIMISTIC_1 = SimulationProfile(
    name="pessimistic-1",
    fill_level=FillLevel.IMPACT,
    spread_bps=Decimal(3),
    slippage_bps=Decimal(5),
    impact_y=1.0,
    participation=Decimal("0.10"),
    limit_rule=LimitRule.THROUGH,
    entry_latency_ns=490 * MILLISECOND,
    matching_latency_ns=10 * MILLISECOND,
    response_latency_ns=100 * MILLISECOND,
    bar_delay_ns=3 * SECOND,
    trade_delay_ns=100 * MILLISECOND,
    taker_fee_rate=Decimal("0.0005"),
    maker_fee_rate=Decimal("0.0005"),
    funding_rule=FundingRule.AGAINST,
)

_BOOK_1 = msgspec.structs.replace(
    _PESSIMISTIC_1,
    name="book-1",
    fill_level=FillLevel.BOOK,
    spread_bps=Decimal(0),
    slippage_bps=Decimal(0),
    participation=None,
)

_LEAN_1 = SimulationProfile(
    # Source: LEAN's own models as of 2026-08, each with its defaults. A daily bar of stocks ends
    # here at midnight, and what it decides waits for the open, as what is decided after hours does.
    name="lean-1",
    fill_level=FillLevel.NAIVE,
    limit_rule=LimitRule.THROUGH,
    market_rule=MarketRule.LAST,
    inside_rule=InsideRule.CLOSE,
    stop_limit_rule=StopLimitRule.CLOSE,
    stale_after_ns=HOUR,
    bar_grace_ns=0,
    taker_fee_rate=Decimal(0),
    maker_fee_rate=Decimal(0),
    fees="lean-ib-us-stocks-1",
    funding_rule=FundingRule.SIGNED,
    funding_from=FundingFrom.LAST_TOLD,
)

PROFILES: Final = {
    each.name: each
    for each in (
        _PESSIMISTIC_1,
        msgspec.structs.replace(_PESSIMISTIC_1, name="drilldown-1", fill_level=FillLevel.DRILLDOWN),
        _BOOK_1,
        msgspec.structs.replace(_BOOK_1, name="orders-1", fill_level=FillLevel.ORDERS),
        SimulationProfile(
            name="zero-latency",
            bar_grace_ns=0,
            fill_level=FillLevel.NAIVE,
            limit_rule=LimitRule.TOUCH,
        ),
        SimulationProfile(
            name="practice-1",
            fill_level=FillLevel.FIXED,
            slippage_bps=Decimal(1),
            entry_latency_ns=20 * MILLISECOND,
            matching_latency_ns=1 * MILLISECOND,
            response_latency_ns=20 * MILLISECOND,
            bar_delay_ns=200 * MILLISECOND,
            bar_grace_ns=200 * MILLISECOND,
            trade_delay_ns=10 * MILLISECOND,
            taker_fee_rate=Decimal("0.0004"),
            maker_fee_rate=Decimal("0.0002"),
            funding_rule=FundingRule.SIGNED,
        ),
        _LEAN_1,
        msgspec.structs.replace(_LEAN_1, name="lean-futures-1", fees="lean-ib-futures-1"),
        msgspec.structs.replace(
            _LEAN_1,
            name="lean-coinm-1",
            fees=None,
            taker_fee_rate=Decimal("0.0005"),
            maker_fee_rate=Decimal("0.0001"),
        ),
    )
}
"""The profiles that ship, by name."""


def profile(name: str) -> SimulationProfile:
    """Return a shipped profile.

    Raises:
        SettingsError: No profile has this name.
    """
    if name not in PROFILES:
        raise SettingsError(f"profile {name!r} is unknown; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
