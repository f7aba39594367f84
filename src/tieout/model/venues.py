"""Venue profiles: what a venue can do by itself, what the kernel does for it, what is refused.

A venue profile is data, like a simulation profile; a change of a shipped one is a new version. The
same validator stands before every venue, so that an order the venue would refuse is refused on
history too, with the same words.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from enum import StrEnum, unique
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.errors import SettingsError
from tieout.model.decimals import check_decimals
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.sessions import DAY_NS, Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.model.orders import PlaceOrder

__all__ = ["EVERYTHING", "GATEWAY", "VENUES", "Feature", "VenueProfile", "on_book", "venue_profile"]


@unique
class Feature(StrEnum):
    """What an order can ask of a venue."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"
    TRAILING_STOP = "trailing_stop"
    MARKET_TO_LIMIT = "market_to_limit"
    GOOD_TILL_CANCEL = "gtc"
    IMMEDIATE_OR_CANCEL = "ioc"
    FILL_OR_KILL = "fok"
    GOOD_TILL_DATE = "gtd"
    DAY = "day"
    AT_OPEN = "at_open"
    AT_CLOSE = "at_close"
    POST_ONLY = "post_only"
    REDUCE_ONLY = "reduce_only"
    DISPLAY = "display"
    AMEND_LIMIT = "amend_limit"
    AMEND_TRIGGER = "amend_trigger"


TYPE_FEATURES: Final = {int(each): Feature[each.name] for each in OrderType}
FORCE_FEATURES: Final = {int(each): Feature[each.name] for each in TimeInForce}

EMULABLE: Final = frozenset(
    {
        Feature.STOP_MARKET,
        Feature.STOP_LIMIT,
        Feature.MARKET_IF_TOUCHED,
        Feature.LIMIT_IF_TOUCHED,
        Feature.TRAILING_STOP,
        Feature.MARKET_TO_LIMIT,
        Feature.GOOD_TILL_DATE,
        Feature.DAY,
        Feature.REDUCE_ONLY,
        Feature.DISPLAY,
        Feature.AMEND_LIMIT,
        Feature.AMEND_TRIGGER,
    }
)
"""What can be composed of market and limit orders and cancels, here, without the venue's help."""

_NEEDED = (Feature.MARKET, Feature.LIMIT, Feature.GOOD_TILL_CANCEL, Feature.IMMEDIATE_OR_CANCEL)
_SESSION_FEATURES = (Feature.AT_OPEN, Feature.AT_CLOSE)


class VenueProfile(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """What a venue can do.

    A feature may be both native and emulated: what the venue's own form does not cover (a trailing
    distance out of its range, say) is emulated then.

    Attributes:
        name: Name.
        version: Changes with every change.
        native: `Feature`s the venue has itself.
        emulated: `Feature`s that the kernel composes of others.
        trail_by: Forms of a native trailing distance: `share`, `ticks`.
        trail_share_e8_min, trail_share_e8_max: Range of a native trailing share, in 10⁻⁸.
        post_only_in_force: Times in force a post-only order may have at the venue.
        expiry_ahead_ns_min: A native good-till-date order must live at least so long.
        sessions: [open, close) venue times of trading, ascending; empty: always open. A run that
            names a calendar for the venue fills them in from it.
        day_ends_at_ns: When a day ends where always open, after 00:00 UTC.
        calendar: Name of the calendar that the sessions are from; nothing is matched outside of
            them then. Empty: none.
        breaks: Pauses [start, end) inside of sessions, in which nothing is matched either.
        target_buffer: Share of the equity that `context.targets` leaves in cash.

    Raises:
        SettingsError: Something is emulated that cannot be, a primitive that all else is made of is
            missing, sessions overlap, or the buffer is no share.
    """

    name: str
    version: int = 1
    native: tuple[Feature, ...]
    emulated: tuple[Feature, ...] = ()
    trail_by: tuple[str, ...] = ("share", "ticks")
    trail_share_e8_min: int = 1
    trail_share_e8_max: int = 10**8 - 1
    post_only_in_force: tuple[Feature, ...] = (
        Feature.GOOD_TILL_CANCEL,
        Feature.GOOD_TILL_DATE,
        Feature.DAY,
    )
    expiry_ahead_ns_min: int = 0
    sessions: tuple[tuple[int, int], ...] = ()
    day_ends_at_ns: int = 0
    calendar: str = ""
    breaks: tuple[tuple[int, int], ...] = ()
    target_buffer: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        check_decimals(f"venue {self.name}", self)
        missing = [each for each in _NEEDED if each not in self.native]
        if missing:
            raise SettingsError(
                f"venue {self.name}: {', '.join(missing)} must be native; all else is made of them"
            )
        impossible = [each for each in self.emulated if each not in EMULABLE]
        if impossible:
            raise SettingsError(
                f"venue {self.name}: {', '.join(impossible)} cannot be emulated; only the venue "
                "can promise it, take it out"
            )
        if not set(self.trail_by) <= {"share", "ticks"}:
            raise SettingsError(
                f"venue {self.name}: trail_by {self.trail_by}; allowed: share, ticks"
            )
        if not 0 < self.trail_share_e8_min <= self.trail_share_e8_max < 10**8:
            raise SettingsError(
                f"venue {self.name}: trailing shares {self.trail_share_e8_min} … "
                f"{self.trail_share_e8_max}; allowed: 1 … 99999999, ascending"
            )
        if not 0 <= self.day_ends_at_ns < DAY_NS:
            raise SettingsError(
                f"venue {self.name}: day_ends_at_ns {self.day_ends_at_ns}; allowed: a time of day"
            )
        if not 0 <= self.target_buffer < 1:
            raise SettingsError(
                f"venue {self.name}: target_buffer {self.target_buffer}; allowed: a share, 0 or "
                "more and less than 1"
            )
        try:
            Sessions(self.sessions)
            Sessions(self.breaks)
        except SettingsError as error:
            raise SettingsError(f"venue {self.name}: {error}") from error

    @cached_property
    def trading_hours(self) -> tuple[tuple[int, int], ...]:
        """Pairs [open, close) in which orders are matched: sessions without their breaks."""
        pauses = dict(self.breaks)
        starts = sorted(pauses)
        hours: list[tuple[int, int]] = []
        for opened, closed in self.sessions:
            begin = opened
            for start in starts[bisect_left(starts, opened) : bisect_left(starts, closed)]:
                hours.append((begin, start))
                begin = pauses[start]
            hours.append((begin, closed))
        return tuple(hours)

    @cached_property
    def plain(self) -> frozenset[tuple[int, int]]:
        """Pairs (order type, time in force) that need nothing done when no flag is set.

        Triggers and trailing distances are looked at one by one, so only market, limit and stop
        orders that live until cancelled or for a moment are plain.
        """
        types = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET)
        forces = (TimeInForce.GOOD_TILL_CANCEL, TimeInForce.IMMEDIATE_OR_CANCEL)
        return frozenset(
            (int(each), int(force))
            for each in types
            for force in forces
            if TYPE_FEATURES[each] in self.native and FORCE_FEATURES[force] in self.native
        )

    def lacks(self, order: PlaceOrder) -> tuple[Feature, ...]:
        """Return what an order asks for that the venue does not have in this form."""
        return tuple(each for each in _asked(order) if not self._has(each, order))

    def refusal(self, order: PlaceOrder) -> str | None:
        """Return why the venue cannot have this order, neither by itself nor emulated, or None."""
        for each in _asked(order):
            if each in _SESSION_FEATURES and not self.sessions:
                return (
                    f"{order.instrument}: {each} at venue {self.name}, which never opens or "
                    "closes; use gtc or day"
                )
            if each not in self.emulated and not self._has(each, order):
                return (
                    f"{order.instrument}: {each} is not offered by venue {self.name}; it has: "
                    f"{', '.join(sorted({*self.native, *self.emulated}))}"
                )
        if Feature.FILL_OR_KILL in _asked(order) and self._split(order):
            return (
                f"{order.instrument}: fok cannot be kept at venue {self.name}, where this order "
                "is composed of parts; use ioc"
            )
        return None

    def amends(self, order: PlaceOrder) -> bool:
        """Whether the venue can change this order where it stands."""
        feature = (
            Feature.AMEND_LIMIT if order.order_type == OrderType.LIMIT else Feature.AMEND_TRIGGER
        )
        return feature in self.native and order.order_type != OrderType.MARKET

    def by_calendar(self, name: str) -> VenueProfile:
        """Return the same venue trading by a calendar; a run fills in its sessions."""
        return msgspec.structs.replace(self, calendar=name)

    def day_end_ns(self, now_ns: int) -> int | None:
        """Return when the trading day that holds, or follows, this moment ends; None: never again.

        With sessions: the end of the one that is open, or of the next one.
        """
        return self._hours.day_end_ns(now_ns, midnight_ns=self.day_ends_at_ns)

    @cached_property
    def _hours(self) -> Sessions:
        return Sessions(self.sessions)

    def _has(self, feature: Feature, order: PlaceOrder) -> bool:
        if feature not in self.native:
            return False
        if feature is Feature.TRAILING_STOP:
            return self._trails(order)
        if feature is Feature.GOOD_TILL_DATE:
            expires_at_ns = order.expires_at_ns
            assert expires_at_ns is not None, order
            ahead = expires_at_ns - order.decided_at_ns
            return ahead >= self.expiry_ahead_ns_min and (
                not order.post_only or feature in self.post_only_in_force
            )
        if feature is Feature.DAY and order.post_only:
            return feature in self.post_only_in_force
        return True

    def _trails(self, order: PlaceOrder) -> bool:
        if order.trail_ticks is not None:
            return "ticks" in self.trail_by
        assert order.trail_share_e8 is not None, order
        return "share" in self.trail_by and (
            self.trail_share_e8_min <= order.trail_share_e8 <= self.trail_share_e8_max
        )

    def _split(self, order: PlaceOrder) -> bool:
        """Whether the kernel would send this order in parts."""
        parts = (Feature.DISPLAY, Feature.MARKET_TO_LIMIT)
        return any(each in parts for each in self.lacks(order))


def _asked(order: PlaceOrder) -> Iterator[Feature]:
    yield TYPE_FEATURES[order.order_type]
    yield FORCE_FEATURES[order.time_in_force]
    if order.post_only:
        yield Feature.POST_ONLY
    if order.reduce_only:
        yield Feature.REDUCE_ONLY
    if order.display_lots is not None:
        yield Feature.DISPLAY


EVERYTHING: Final = VenueProfile(name="everything", native=tuple(Feature))
"""The simulated venue: all that the matching page describes."""

BINANCE_USDM: Final = VenueProfile(
    # Source: the venue's API documentation (new order, algo order, modify order), 2026-11.
    name="binance-usdm",
    native=(
        Feature.MARKET,
        Feature.LIMIT,
        Feature.STOP_MARKET,
        Feature.STOP_LIMIT,
        Feature.MARKET_IF_TOUCHED,
        Feature.LIMIT_IF_TOUCHED,
        Feature.TRAILING_STOP,
        Feature.GOOD_TILL_CANCEL,
        Feature.IMMEDIATE_OR_CANCEL,
        Feature.FILL_OR_KILL,
        Feature.GOOD_TILL_DATE,
        Feature.POST_ONLY,
        Feature.REDUCE_ONLY,
        Feature.AMEND_LIMIT,
    ),
    emulated=(
        Feature.TRAILING_STOP,
        Feature.MARKET_TO_LIMIT,
        Feature.GOOD_TILL_DATE,
        Feature.DAY,
        Feature.DISPLAY,
        Feature.AMEND_TRIGGER,
    ),
    trail_by=("share",),
    # 0.1 % to 10 %.
    trail_share_e8_min=100_000,
    trail_share_e8_max=10_000_000,
    # Post-only is a time in force of its own there, and lives until cancelled.
    post_only_in_force=(Feature.GOOD_TILL_CANCEL,),
    expiry_ahead_ns_min=600_000_000_000,
)
"""Binance USD-M futures."""

GATEWAY: Final = VenueProfile(
    name="gateway",
    native=(
        Feature.MARKET,
        Feature.LIMIT,
        Feature.STOP_MARKET,
        Feature.GOOD_TILL_CANCEL,
        Feature.IMMEDIATE_OR_CANCEL,
    ),
    emulated=tuple(each for each in Feature if each in EMULABLE - {Feature.STOP_MARKET}),
)
"""What our gateway, and so the practice venue behind it, takes as yet."""

LEAN_VENUE: Final = msgspec.structs.replace(
    EVERYTHING, name="lean", target_buffer=Decimal("0.0025")
)
"""What runs of LEAN are compared on: whole targets leave a quarter of a percent in cash."""

VENUES: Final = {each.name: each for each in (EVERYTHING, BINANCE_USDM, GATEWAY, LEAN_VENUE)}
"""The venue profiles that ship, by name."""


_NOT_ON_BOOKS: Final = (
    Feature.TRAILING_STOP,
    Feature.DISPLAY,
    Feature.AT_OPEN,
    Feature.AT_CLOSE,
)
"""What a simulated venue does on prints and bars, and cannot on a book."""


def on_book(venue: VenueProfile) -> VenueProfile:
    """Return what a simulated venue can do that matches on a book.

    Trailing stops and display quantities are composed; orders for the open and the close are
    refused, since a book does not show an auction.
    """
    lost = [each for each in _NOT_ON_BOOKS if each in venue.native]
    if not lost:
        return venue
    composed = [each for each in lost if each in EMULABLE and each not in venue.emulated]
    return msgspec.structs.replace(
        venue,
        name=f"{venue.name} on a book",
        native=tuple(each for each in venue.native if each not in lost),
        emulated=(*venue.emulated, *composed),
    )


def venue_profile(name: str) -> VenueProfile:
    """Return a shipped venue profile.

    Raises:
        SettingsError: No venue profile has this name.
    """
    if name not in VENUES:
        raise SettingsError(f"venue {name!r} is unknown; choose one of {', '.join(VENUES)}")
    return VENUES[name]
