"""When a record could be known: published, looked for, brought here.

    over ──published after──▶ known ──next look──▶ polled ──feed──▶ arrived

A row is over when it traded or its bar closed. Its data set says when it was published, the profile
how often the bot looks and how long the way to it is. See `tieout.history.availability`, where this
is done to columns.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.errors import SettingsError
from tieout.model.columns import interval_ns
from tieout.model.latencies import LATENCY_NS_MAX, Quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "KNOWN_NS_MAX",
    "POLLINGS",
    "PUBLISHED_AFTER_NS_MAX",
    "DrawnFeed",
    "FeedSettings",
    "MeasuredArrival",
    "MeasuredFeed",
    "Polling",
    "Spans",
    "check_outages",
    "publication_delay_ns",
    "union",
]

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

PUBLISHED_AFTER_NS_MAX: Final = 3_660 * DAY
"""Ten years: what is published later than that is a mistake in the units."""

KNOWN_NS_MAX: Final = 2**62 - 2**60
"""Nothing is known later than 2079: so that sums of times stay in 64 bits."""

POLLING_NS_MAX: Final = 31 * DAY


class Polling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the bot looks for new records: at whole multiples of an interval since 1970, UTC.

    What is published between two looks is seen at the next one, what is published at a look in it.

    Attributes:
        every_ns: The interval, of trades and bars alike. None: by the length of the record: trades
            at once; bars shorter than a minute every second, shorter than an hour every minute,
            longer ones every half hour.
        offset_ns: So much after the multiples, and less than the interval.

    Source: QuantConnect LEAN, how often live custom data is read, by its resolution.

    >>> Polling().next_look_ns(3_600_000_000_000 * 10 + 1, record_ns=3_600_000_000_000)
    37800000000000
    """

    every_ns: int | None = None
    offset_ns: int = 0

    def __post_init__(self) -> None:
        if self.every_ns is not None and not 0 < self.every_ns <= POLLING_NS_MAX:
            raise SettingsError(
                f"polling: every_ns {self.every_ns}; allowed: 1 … {POLLING_NS_MAX} (31 days); "
                "leave polling out to see records as they are published"
            )
        shortest = SECOND if self.every_ns is None else self.every_ns
        if not 0 <= self.offset_ns < shortest:
            raise SettingsError(
                f"polling: offset_ns {self.offset_ns}; allowed: 0 … {shortest - 1}, less than "
                "from one look to the next"
            )

    def interval_ns(self, record_ns: int) -> int:
        """Return the time between two looks for records of a length; 0: always looking."""
        if self.every_ns is not None:
            return self.every_ns
        if not record_ns:
            return 0
        if record_ns < MINUTE:
            return SECOND
        return MINUTE if record_ns < HOUR else HOUR // 2

    def next_look_ns(self, known_ns: int, *, record_ns: int) -> int:
        """Return the first look at or after a time."""
        interval = self.interval_ns(record_ns)
        if not interval:
            return known_ns
        return -(-(known_ns - self.offset_ns) // interval) * interval + self.offset_ns


POLLINGS: Final = {"by-length-1": Polling()}
"""The schedules that have a name."""


class DrawnFeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="drawn"):
    """Each row draws its own way to us, by what it is and by nothing that came before it.

    Attributes:
        delay: The distribution.
    """

    delay: Quantiles

    @property
    def delay_ns_max(self) -> int:
        """The longest way there is."""
        return self.delay.points[-1][1]

    def delay_ns(self, sent_ns: int, number: int) -> int:
        """Return the way of a row.

        Args:
            sent_ns: When it left, which does not matter here.
            number: The row's draw, in [0, 2⁶⁴).
        """
        del sent_ns
        return self.delay.drawn(number)


class MeasuredArrival(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One row of a log of what arrived, both times on our clock.

    Attributes:
        sent_ns: When it was true, or published.
        arrived_ns: When we had it.
    """

    sent_ns: int
    arrived_ns: int


class MeasuredFeed(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="measured"
):
    """Straight lines between the arrivals of a log; before its first and after its last, as they.

    Attributes:
        log: In order of sending.
    """

    log: tuple[MeasuredArrival, ...]

    def __post_init__(self) -> None:
        if not self.log:
            raise SettingsError("feed log: there is no row in it; give one arrival at least")
        for number, (before, after) in enumerate(pairwise(self.log), 2):
            if after.sent_ns <= before.sent_ns:
                raise SettingsError(
                    f"feed log, row {number}: sent at {after.sent_ns}, not after "
                    f"{before.sent_ns}; sort it by time of sending and leave no two at one time"
                )
        for number, row in enumerate(self.log, 1):
            if not 0 <= row.arrived_ns - row.sent_ns <= LATENCY_NS_MAX:
                raise SettingsError(
                    f"feed log, row {number}: sent {row.sent_ns}, arrived {row.arrived_ns}; "
                    f"allowed: 0 … {LATENCY_NS_MAX} ns on the way (an hour); apply the clock "
                    "offset first"
                )

    @property
    def delay_ns_max(self) -> int:
        """The longest way there is: lines between rows lie between them."""
        return max(each.arrived_ns - each.sent_ns for each in self.log)

    def delay_ns(self, sent_ns: int, number: int) -> int:
        """Return the way of a row that left then; nothing is drawn."""
        del number
        after = bisect_right(self.log, sent_ns, key=lambda row: row.sent_ns)
        latest = self.log[max(after - 1, 0)]
        following = self.log[min(after, len(self.log) - 1)]
        way = latest.arrived_ns - latest.sent_ns
        if following is latest or sent_ns <= latest.sent_ns:
            return way
        more = following.arrived_ns - following.sent_ns - way
        gone, span = sent_ns - latest.sent_ns, following.sent_ns - latest.sent_ns
        return way + more * gone // span


FeedSettings = DrawnFeed | MeasuredFeed
"""Ways of market data to us that are not always of one length."""


Spans = tuple[tuple[int, int], ...]
"""Pairs [from, to) of our clock, ascending."""


def check_outages(subject: str, outages: Sequence[tuple[int, int]]) -> None:
    """Check that spans ascend and do not overlap.

    Raises:
        SettingsError: They do not, or one is empty.
    """
    before_ns = 0
    for begin_ns, end_ns in outages:
        if not before_ns <= begin_ns < end_ns <= KNOWN_NS_MAX:
            raise SettingsError(
                f"{subject}: outage {begin_ns} … {end_ns} ns is empty, or begins before "
                f"{before_ns} ns; give ascending spans that do not overlap"
            )
        before_ns = end_ns


def union(one: Spans, other: Spans) -> Spans:
    """Return the times that lie in either, as spans that do not touch.

    >>> union(((1, 3), (8, 9)), ((2, 5),))
    ((1, 5), (8, 9))
    """
    found: list[tuple[int, int]] = []
    for begin_ns, end_ns in sorted((*one, *other)):
        if found and begin_ns <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end_ns))
        else:
            found.append((begin_ns, end_ns))
    return tuple(found)


def publication_delay_ns(text: str) -> int:
    """Return how long after it was over a record is published, of what a person writes: `2d`.

    A day has 24 hours here: no calendar is asked.

    Raises:
        SettingsError: It is no whole number of ms, s, m, h or d, or over ten years.

    >>> publication_delay_ns("36h") // 3_600_000_000_000
    36
    """
    try:
        length = interval_ns(text)
    except ValueError as error:
        raise SettingsError(
            f"published after {text!r}: give a whole number above 0 of ms, s, m, h or d, such as "
            "36h or 2d; leave it out for what is known as soon as it is over"
        ) from error
    if length > PUBLISHED_AFTER_NS_MAX:
        raise SettingsError(f"published after {text!r}; allowed: up to 3660d")
    return length
