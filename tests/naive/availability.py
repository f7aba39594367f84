"""When rows arrive, worked out one by one with plain numbers: what the columns must agree with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.history.availability import Availability


@dataclass(frozen=True)
class Row:
    """One stored row: when it was over, when it was known if that is told, and what it is."""

    over_ns: int
    known_ns: int | None
    identity: int
    revision: int = 0


def arrivals(rows: Sequence[Row], how: Availability) -> list[tuple[int, Row]]:
    """Return all rows with their arrivals, in order of arrival."""
    known = [
        (row.over_ns + how.published_after_ns if row.known_ns is None else row.known_ns, place)
        for place, row in enumerate(rows)
    ]
    found: list[tuple[int, Row]] = []
    latest = 0
    for known_ns, place in sorted(known):
        row = rows[place]
        arrival = known_ns if how.known == "received" else on_the_way(known_ns, row, how)
        latest = max(latest, arrival)
        found.append((when_back(latest, how), row))
    return found


def matched(rows: Sequence[Row], how: Availability) -> list[tuple[int, int]]:
    """Return arrival and place of the last version of each bar, as the venue's own market.

    Args:
        rows: In the order in which they are stored, of one bar together.
        how: How they come to be seen.
    """
    found: list[tuple[int, int]] = []
    latest = 0
    for over_ns in dict.fromkeys(row.over_ns for row in rows):
        places = [place for place, row in enumerate(rows) if row.over_ns == over_ns]
        first = rows[places[0]]
        pushed = replace(how, look_ns=0, offset_ns=0)
        if how.known == "received":
            assert first.known_ns is not None, first
            latest = max(latest, first.known_ns)
        else:
            latest = max(latest, on_the_way(over_ns, first, pushed))
        found.append((when_back(latest, how), places[-1]))
    return found


def on_the_way(known_ns: int, row: Row, how: Availability) -> int:
    """Return when a row would come by itself."""
    look = known_ns
    if how.look_ns:
        look = how.offset_ns
        look += -(-(known_ns - how.offset_ns) // how.look_ns) * how.look_ns
    if how.feed is None:
        return look + how.feed_ns
    return look + how.feed.delay_ns(look, number(row, how))


def when_back(arrival: int, how: Availability) -> int:
    """Return the end of the outage that a time lies in, or the time."""
    return next((end for begin, end in how.outages if begin <= arrival < end), arrival)


def number(row: Row, how: Availability) -> int:
    """Return a row's draw: SplitMix64 over what the row is, keyed by seed and stream."""
    text = f"{how.seed}\x1f{how.stream}\x1ffeed".encode()
    key = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return mixed(mixed(row.identity ^ key) ^ row.revision)


def mixed(word: int) -> int:
    """Return the next output of SplitMix64 whose state was this."""
    word = (word + 0x9E3779B97F4A7C15) & (2**64 - 1)
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return word ^ (word >> 31)
