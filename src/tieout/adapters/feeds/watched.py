"""Live public data as a source beside a simulated venue: it sees the market, nothing is sent.

gateway ──rows of the matched stream──▶ live market ──▶ simulated venue
        ──what the strategy asked for──▶ kernel ◀──── its reports ────┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.ports import Inputs
from tieout.model.events import Bar, Trade

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tieout.adapters.venues.simulated import LiveMarket
    from tieout.kernel.ports import MarketBatch, Source, Venue
    from tieout.model.events import Input

__all__ = ["StreamKey", "WatchedSource", "is_matched", "stream_key"]

StreamKey = tuple[str, int]
"""An instrument with the length of its bars; 0 for its trades."""

_ANY_TIME_NS = 1 << 61
"""A limit that no clock reaches, and still before what a market with nothing to say calls never."""
_WAITING_MAX = 4096
"""Rows that pile up while nothing is under way are passed on when there are so many."""


class WatchedSource:
    """Gives the kernel what the strategy asked for and the venue the market it matches on.

    It wakes the kernel, by asking for a word from the clock, when the simulated venue has a report.

    Args:
        source: Live inputs, one by one.
        venue: The simulated venue.
        markets: The venue's markets, by the stream that feeds each.
        asked: Streams the strategy subscribed to, and those its bars are made of.
    """

    def __init__(
        self,
        source: Source,
        venue: Venue,
        markets: Mapping[StreamKey, LiveMarket],
        *,
        asked: Collection[StreamKey],
    ) -> None:
        self._source = source
        self._venue = venue
        self._markets = markets
        self._asked = frozenset(asked)
        self._given_until_ns = 0

    def next(self, deadline_ns: int | None) -> MarketBatch | Inputs | None:
        """Return what comes next for the kernel."""
        while True:
            given = self._take(deadline_ns)
            if given is None:
                return None
            events = [each for each in given.events if self._is_for_kernel(each)]
            if events:
                self._given_until_ns = events[-1].arrival_time_ns
                return Inputs(events)

    def _take(self, deadline_ns: int | None) -> Inputs | None:
        wake_ns = self._venue.next_wake_ns(_ANY_TIME_NS)
        if wake_ns is None:
            self._pass_on()
        elif deadline_ns is None or wake_ns < deadline_ns:
            # Rows that piled up while nothing was under way are older than the kernel's now.
            deadline_ns = max(wake_ns, self._given_until_ns)
        given = self._source.next(deadline_ns)
        assert given is None or isinstance(given, Inputs), given
        return given

    def _is_for_kernel(self, event: Input) -> bool:
        if not isinstance(event, Trade | Bar) or (isinstance(event, Bar) and event.rule):
            return True
        key = stream_key(event)
        market = self._markets.get(key)
        if market is not None and is_matched(event):
            market.append(event)
        return key in self._asked

    def _pass_on(self) -> None:
        """Let the venue look at rows that nothing rests on, so that they do not pile up."""
        if any(len(market) > _WAITING_MAX for market in self._markets.values()):
            # Nothing is under way, so there is nothing to report; orders come after this time.
            reports = self._venue.advance(self._given_until_ns)
            assert not reports, reports


def is_matched(event: Trade | Bar) -> bool:
    """Whether a venue may match on a row: it is news, and no word on what was before."""
    return isinstance(event, Trade) or not (event.rule or event.warm_up or event.revision)


def stream_key(event: Trade | Bar) -> StreamKey:
    """Return which stream an event belongs to."""
    return event.instrument, event.interval_ns if isinstance(event, Bar) else 0
