"""When the rows of a stream arrive: the one place where it is worked out, for every world.

    over ──published after──▶ known ──next look──▶ polled ──feed──▶ arrived
            or known_time_ns                                  a feed keeps its order

A row that its data set keeps the time of receipt of arrives then, and nothing is added. Rows leave
in the order in which they were known, of equal ones in the order in which they are stored, and no
row arrives before one that left ahead of it, as on one connection. What would arrive in an outage
of the data set arrives when it is over.

Each row's draw follows from the seed, its stream and what it is, never from how many came before;
so rows read in pieces, or from the middle on, arrive as if all had been read.

Source: of the mixing of numbers, Steele, Lea and Flood (2014), SplitMix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import DataError
from tieout.model.availability import KNOWN_NS_MAX, DrawnFeed, union
from tieout.model.columns import interval_name
from tieout.model.latencies import WHOLE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from tieout.history.dataset import DatasetMeta
    from tieout.model.availability import FeedSettings, MeasuredFeed
    from tieout.model.events import Bar, Trade
    from tieout.model.profiles import SimulationProfile

    Int64s = NDArray[np.int64]
    Uint64s = NDArray[np.uint64]

__all__ = [
    "PUBLISHED",
    "RECEIVED",
    "Availability",
    "availability_of",
    "known_of",
    "stream_availability",
]

PUBLISHED: Final = "published"
"""A data set's known times say when each row was published: the way to us comes on top."""

RECEIVED: Final = "received"
"""A data set's known times say when each row was received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """How the rows of one stream come to be known.

    Attributes:
        stream: Names it in draws and errors.
        record_ns: Length of a bar; 0: trades.
        published_after_ns: After a row is over; rows that have a known time have that instead.
        look_ns, offset_ns: From one look to the next, and when; 0: always looking.
        feed_ns: The way to us, where it is always of one length.
        feed: The way to us, where it is not.
        seed: Keys draws.
        known: `PUBLISHED` or `RECEIVED`: what known times are; empty: the rows have none.
        outages: Pairs [from, to) in which the way to us was down, ascending.
    """

    stream: str
    record_ns: int = 0
    published_after_ns: int = 0
    look_ns: int = 0
    offset_ns: int = 0
    feed_ns: int = 0
    feed: FeedSettings | None = None
    seed: int = 0
    known: str = ""
    outages: tuple[tuple[int, int], ...] = ()

    @property
    def shift_ns(self) -> int | None:
        """Arrival minus the time at which a row is over; None: not the same for all rows."""
        if self.known or self.look_ns or self.feed is not None or self.outages:
            return None
        return self.published_after_ns + self.feed_ns

    @property
    def feed_ns_max(self) -> int:
        """The longest way to us."""
        return self.feed_ns if self.feed is None else self.feed.delay_ns_max

    @property
    def late_ns_max(self) -> int:
        """The longest time from when a row is known to its arrival."""
        down_ns = max((end - begin for begin, end in self.outages), default=0)
        return down_ns + (0 if self.known == RECEIVED else self.look_ns + self.feed_ns_max)

    def direct(self) -> Availability:
        """Return how the venue's own market would be known here: sent as it happens.

        The venue tells of our fills itself. It waits for nobody to publish its market, and pushes.
        """
        return Availability(
            stream=self.stream,
            record_ns=self.record_ns,
            feed_ns=self.feed_ns,
            feed=self.feed,
            seed=self.seed,
            known=self.known if self.known == RECEIVED else "",
            outages=self.outages,
        )

    def known_ns(self, over: Int64s, known: Int64s | None) -> Int64s:
        """Return when rows were published, or received.

        Args:
            over: (n,) when each traded or closed.
            known: (n,) their known times, where there are some.
        """
        return over + self.published_after_ns if known is None else known

    def arrivals(
        self, known: Int64s, identity: Int64s, revision: Int64s | None, *, after_ns: int
    ) -> Int64s:
        """Return when rows arrive that left in this order.

        Args:
            known: (n,) when each was known, never decreasing.
            identity: (n,) close of a bar, id of a trade.
            revision: (n,) of bars; None: none is revised.
            after_ns: Arrival of the row before the first; no row arrives earlier.

        Raises:
            DataError: A row would arrive after 2079.
        """
        if not len(known):
            return known
        if self.known == RECEIVED:
            arrival = known
        else:
            polled = self.polled(known)
            arrival = polled + self.delays(polled, identity, revision)
        arrival = np.maximum(np.maximum.accumulate(arrival), after_ns)
        if self.outages:
            arrival = _when_back(arrival, self.outages)
        if arrival[-1] > KNOWN_NS_MAX:
            raise DataError(
                "a row would arrive beyond the times that are known here",
                file=self.stream,
                value=f"{arrival[-1]} ns",
                limit=f"{KNOWN_NS_MAX} ns (2079)",
                remedy="Are its times, and the unit of its publication delay, right?",
            )
        return arrival

    def polled(self, known: Int64s) -> Int64s:
        """Return the first look at or after each time."""
        if not self.look_ns:
            return known
        looks = -(-(known - self.offset_ns) // self.look_ns)
        polled: Int64s = looks * self.look_ns + self.offset_ns
        return polled

    def delays(self, sent: Int64s, identity: Int64s, revision: Int64s | None) -> Int64s:
        """Return the way of each row to us, in ns."""
        if self.feed is None:
            return np.full(len(sent), self.feed_ns, np.int64)
        if isinstance(self.feed, DrawnFeed):
            return _drawn(self.feed, _numbers(self._key(), identity, revision))
        return _measured(self.feed, sent)

    def arrival_ns(self, row: Trade | Bar) -> int:
        """Return when one row by itself would arrive, whatever left ahead of it."""
        over, identity, revision = _of(row)
        sent_ns = over + self.published_after_ns
        if self.look_ns:
            looks = -(-(sent_ns - self.offset_ns) // self.look_ns)
            sent_ns = looks * self.look_ns + self.offset_ns
        if self.feed is None:
            return sent_ns + self.feed_ns
        number = _mixed_one(_mixed_one(identity ^ self._key()) ^ revision)
        return sent_ns + self.feed.delay_ns(sent_ns, number)

    def _key(self) -> int:
        key = f"{self.seed}\x1f{self.stream}\x1ffeed".encode()
        return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def availability_of(meta: DatasetMeta, profile: SimulationProfile) -> Availability:
    """Return how a data set's rows come to be known under a profile.

    Args:
        meta: Of trades or bars.
        profile: Says how often the bot looks, and how long the way is.
    """
    found = stream_availability(meta.instrument.symbol, meta.interval_ns, profile)
    return replace(
        found,
        published_after_ns=meta.published_after_ns,
        known=meta.known,
        outages=union(meta.outages, found.outages),
    )


def stream_availability(symbol: str, record_ns: int, profile: SimulationProfile) -> Availability:
    """Return how rows come to be known that are published as soon as they are over.

    Args:
        symbol: Of the instrument.
        record_ns: Length of its bars; 0: its trades.
        profile: As above.
    """
    schedule = profile.schedule
    return Availability(
        stream=f"bars:{interval_name(record_ns)}:{symbol}" if record_ns else f"trades:{symbol}",
        record_ns=record_ns,
        look_ns=0 if schedule is None else schedule.interval_ns(record_ns),
        offset_ns=0 if schedule is None else schedule.offset_ns,
        feed_ns=profile.bar_delay_ns if record_ns else profile.trade_delay_ns,
        feed=profile.bar_feed if record_ns else profile.trade_feed,
        seed=profile.feed_seed or 0,
        outages=profile.outages,
    )


def known_of(kind: str, fields: Collection[str]) -> str:
    """Return what known times of a kind are, by the fields of a file that has some."""
    if kind not in ("trades", "bars"):
        return ""
    if "known_time" in fields:
        return PUBLISHED
    return RECEIVED if "arrival" in fields else ""


# -- draws --------------------------------------------------------------------------------------


def _numbers(key: int, identity: Int64s, revision: Int64s | None) -> Uint64s:
    """Return a number of [0, 2⁶⁴) for each row."""
    mixed = _mixed(identity.astype(np.uint64) ^ np.uint64(key))
    if revision is None:
        return _mixed(mixed)
    return _mixed(mixed ^ revision.astype(np.uint64))


def _mixed(numbers: Uint64s) -> Uint64s:
    """Return numbers of which every bit depends on every bit; sums wrap, which is meant."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _mixed_one(number: int) -> int:
    """Return what `_mixed` does with one number."""
    number = (number + 0x9E3779B97F4A7C15) % 2**64
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
    return number ^ (number >> 31)


def _drawn(feed: DrawnFeed, numbers: Uint64s) -> Int64s:
    """Return the delays that numbers stand for, as `Quantiles.drawn` does one by one."""
    points = np.array(feed.delay.points, np.int64)
    # The upper bits of number · WHOLE, a product that no 64 bits hold, from its two halves.
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    whole = np.uint64(WHOLE)
    share = (((numbers >> half) * whole + (((numbers & low) * whole) >> half)) >> half).astype(
        np.int64
    )
    shares, lengths = points[:, 0], points[:, 1]
    place = np.minimum(np.searchsorted(shares, share, "right"), len(points) - 1)
    begin, shorter = shares[place - 1], lengths[place - 1]
    longer, width = lengths[place] - shorter, shares[place] - begin
    drawn: Int64s = shorter + longer * (share - begin) // width
    return drawn


def _measured(feed: MeasuredFeed, sent: Int64s) -> Int64s:
    """Return the delays between the rows of a log, as `MeasuredFeed.delay_ns` does one by one."""
    times = np.array([each.sent_ns for each in feed.log], np.int64)
    ways = np.array([each.arrived_ns - each.sent_ns for each in feed.log], np.int64)
    after = np.searchsorted(times, sent, "right")
    latest, following = np.maximum(after - 1, 0), np.minimum(after, len(times) - 1)
    gone = np.maximum(sent - times[latest], 0)
    span = np.maximum(times[following] - times[latest], 1)
    more = ways[following] - ways[latest]
    between = following > latest
    if int(np.abs(more).max()) * int(gone.max()) < 2**63:
        part: Int64s = more * gone // span
    else:
        # Rows of a log that lie days apart: products that no 64 bits hold.
        part = (more.astype(object) * gone.astype(object) // span).astype(np.int64)
    return ways[latest] + np.where(between, part, 0)


def _when_back(arrival: Int64s, outages: Sequence[tuple[int, int]]) -> Int64s:
    """Return arrivals of which those in an outage are at its end."""
    begins, ends = (np.array(each, np.int64) for each in zip(*outages, strict=True))
    place = np.searchsorted(begins, arrival, "right") - 1
    inside = (place >= 0) & (arrival < ends[place])
    back: Int64s = np.where(inside, ends[place], arrival)
    return back


def _of(row: Trade | Bar) -> tuple[int, int, int]:
    """Return when a row was over, what tells it apart, and its revision."""
    closed = getattr(row, "close_time_ns", None)
    if closed is None:
        return row.venue_time_ns, row.trade_id, 0  # type: ignore[union-attr]
    return closed, closed, row.revision  # type: ignore[union-attr]
