"""The last price that is known when an order comes: what it fills at, or why it does not."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from tieout.market import MatchingCore
from tieout.market.matching import KnownPrice
from tieout.model.orders import OrderType, TimeInForce
from tieout.model.profiles import MarketRule, StalePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout.adapters.venues.simulated.cores import Core
    from tieout.model.columns import QuoteColumns
    from tieout.model.orders import PlaceOrder
    from tieout.model.profiles import SimulationProfile

__all__ = ["FRESH", "LastPrices", "QuotesKnown", "Seen", "StoredQuotes"]

FRESH = "fresh"
"""The price is young enough."""


class QuotesKnown(Protocol):
    """What is known of the best bid and ask of an instrument."""

    def side_taken(self, side: int, arrival_ns: int) -> KnownPrice | None:
        """Return what a buy (+1) or a sale (−1) takes, as known here at a time of ours."""


class StoredQuotes:
    """Quotes held in memory.

    Args:
        columns: In order of arrival.
    """

    def __init__(self, columns: Sequence[QuoteColumns]) -> None:
        self._arrivals = _joined(columns, "arrival_time_ns")
        self._times = _joined(columns, "venue_time_ns")
        self._taken = {1: _joined(columns, "ask_ticks"), -1: _joined(columns, "bid_ticks")}

    def side_taken(self, side: int, arrival_ns: int) -> KnownPrice | None:
        """Return what a buy (+1) or a sale (−1) takes; None where nobody was there, or before."""
        row = int(np.searchsorted(self._arrivals, arrival_ns, "right")) - 1
        if row < 0 or not self._taken[side][row]:
            return None
        return KnownPrice(int(self._taken[side][row]), int(self._times[row]))


class Seen(NamedTuple):
    """What was found when a market order came.

    Attributes:
        price: The last price known.
        policy: `FRESH`, or the policy that a stale one falls under.
        fills: Whether the order fills at it.
    """

    price: KnownPrice
    policy: str
    fills: bool


class LastPrices:
    """Looks at the last known price for each market order, by the profile's rules.

    What is known is what had arrived here when the order was sent, so that a run on history and one
    on a venue's streams find the same. Its age counts until the order arrives.

    Args:
        profile: Every assumption.
        sessions: Pairs [open, close) of venue times by symbol; always open where there are none.
        quotes: Best bids and asks by symbol, where they are known.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        sessions: Mapping[str, Sequence[tuple[int, int]]],
        quotes: Mapping[str, QuotesKnown],
    ) -> None:
        self._profile = profile
        self._fills = profile.market_rule is MarketRule.LAST
        self._sessions = sessions
        self._quotes = quotes

    @staticmethod
    def asked_by(profile: SimulationProfile) -> bool:
        """Whether a profile has anything looked at."""
        return profile.market_rule is MarketRule.LAST or (
            profile.stale_policy is StalePolicy.REFUSE
        )

    def seen(self, order: PlaceOrder, core: Core, *, sent_ns: int, arrival_ns: int) -> Seen | None:
        """Return what a market order finds; None for other orders, or where no price is known."""
        waits = order.time_in_force in (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)
        if order.order_type != OrderType.MARKET or waits or not isinstance(core, MatchingCore):
            return None
        price = self._last(order, core, sent_ns)
        if price is None:
            return None
        stale_after = self._profile.stale_after_ns
        if stale_after is not None and arrival_ns - price.venue_time_ns > stale_after:
            return Seen(price, self._profile.stale_policy.value, fills=False)
        open_now = self._is_open(order.instrument, arrival_ns)
        return Seen(price, FRESH, fills=self._fills and open_now and not order.reduce_only)

    def _last(self, order: PlaceOrder, core: MatchingCore, sent_ns: int) -> KnownPrice | None:
        traded = core.last_known(sent_ns)
        quotes = self._quotes.get(order.instrument)
        quoted = None if quotes is None else quotes.side_taken(order.side, sent_ns)
        if traded is None or quoted is None:
            return quoted or traded
        return quoted if quoted.venue_time_ns >= traded.venue_time_ns else traded

    def _is_open(self, symbol: str, arrival_ns: int) -> bool:
        sessions = self._sessions.get(symbol, ())
        if not sessions:
            return True
        place = bisect_right(sessions, arrival_ns, key=lambda session: session[0]) - 1
        return place >= 0 and arrival_ns < sessions[place][1]


def _joined(
    columns: Sequence[QuoteColumns], name: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if not columns:
        return np.zeros(0, np.int64)
    return np.concatenate([getattr(each, name) for each in columns])
