"""How long a command takes to the venue and its answer back: constant, drawn, or measured.

    decided ──outbound──▶ matching engine ──response──▶ known to us

A model is data, or a class of the user's own. It is asked once a command, and what it answers
depends on the command's identity and time alone, never on how many were asked before; so one order
more changes no other order's latency.
"""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

import msgspec

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ConstantLatency",
    "DrawnLatency",
    "Journey",
    "LatencyModel",
    "LatencySettings",
    "MeasuredLatency",
    "MeasuredRequest",
    "Quantiles",
    "draws_for",
]

WHOLE: Final = 1_000_000
"""Shares are counted in millionths."""

LATENCY_NS_MAX: Final = 3_600_000_000_000
"""An hour: a longer latency is a mistake in the units."""


class Journey(NamedTuple):
    """One command's way there and back.

    Attributes:
        outbound_ns: From our decision to the matching engine, ≥ 0.
        response_ns: From the matching engine to us, ≥ 0; of every report of the command's order.
        refused: Whether the venue was too busy to take it: it is rejected, and we know it after
            both ways.
    """

    outbound_ns: int
    response_ns: int
    refused: bool = False


@runtime_checkable
class LatencyModel(Protocol):
    """What answers how long a command takes. Users write their own; see `check_latency_model`."""

    def journey(self, command: str, sent_ns: int, draw: Callable[[str], int]) -> Journey:
        """Return the way of one command.

        Args:
            command: `place`, `amend` or `cancel`.
            sent_ns: When the strategy decided, our clock, UTC nanoseconds.
            draw: Gives a number in [0, 2⁶⁴) for a purpose; keyed by the run's seed and the
                command's identity, so the same command has the same luck in every world.
        """


def draws_for(seed: int, decision: str) -> Callable[[str], int]:
    """Return the keyed draws of one command: purpose → number in [0, 2⁶⁴).

    >>> draws_for(7, "051a5eb9")("entry") == draws_for(7, "051a5eb9")("entry")
    True
    """

    def draw(purpose: str) -> int:
        key = f"{seed}\x1f{decision}\x1f{purpose}".encode()
        return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")

    return draw


def _check_length(name: str, length_ns: int) -> None:
    if not 0 <= length_ns <= LATENCY_NS_MAX:
        raise SettingsError(
            f"latency: {name} {length_ns} ns must lie in 0 … {LATENCY_NS_MAX} (an hour)"
        )


class ConstantLatency(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="constant"
):
    """The same for every command.

    Attributes:
        entry_ns: Decision to the venue's door.
        matching_ns: From there to the matching engine.
        response_ns: Matching engine to us.
    """

    entry_ns: int = 0
    matching_ns: int = 0
    response_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("entry_ns", "matching_ns", "response_ns"):
            _check_length(name, getattr(self, name))

    def journey(self, command: str, sent_ns: int, draw: Callable[[str], int]) -> Journey:
        """Return the same way for every command."""
        del command, sent_ns, draw
        return Journey(self.entry_ns + self.matching_ns, self.response_ns)


class Quantiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A distribution by its quantiles, straight lines between them; whole numbers throughout.

    Attributes:
        points: Pairs (share in millionths, nanoseconds); shares ascend from 0 to 1 000 000,
            lengths never fall.

    >>> Quantiles(((0, 100), (500_000, 200), (1_000_000, 1_200))).at(750_000)
    700
    """

    points: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        shares = [share for share, _ in self.points]
        lengths = [length for _, length in self.points]
        if len(shares) < 2 or shares[0] != 0 or shares[-1] != WHOLE:
            raise SettingsError(
                f"latency quantiles {self.points}: the first share must be 0 and the last {WHOLE}"
            )
        if any(after <= before for before, after in pairwise(shares)):
            raise SettingsError(f"latency quantiles: shares {shares} must ascend")
        if lengths != sorted(lengths):
            raise SettingsError(f"latency quantiles: lengths {lengths} must not fall")
        for length in lengths:
            _check_length("quantile", length)

    def at(self, share: int) -> int:
        """Return the length at a share of [0, 1 000 000], in nanoseconds, rounded down."""
        place = min(bisect_right(self.points, (share, LATENCY_NS_MAX)), len(self.points) - 1)
        (low, shorter), (high, longer) = self.points[place - 1], self.points[place]
        return shorter + (longer - shorter) * (share - low) // (high - low)

    def drawn(self, number: int) -> int:
        """Return the length that a number of [0, 2⁶⁴) stands for."""
        return self.at(number * WHOLE >> 64)


class DrawnLatency(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="drawn"
):
    """Each command draws its own, independently: entry, matching and response apart.

    Attributes:
        entry, matching, response: Distributions of the three parts.
        refused_e6: Share of commands the venue is too busy for, in millionths.
    """

    entry: Quantiles
    matching: Quantiles = Quantiles(((0, 0), (WHOLE, 0)))
    response: Quantiles = Quantiles(((0, 0), (WHOLE, 0)))
    refused_e6: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.refused_e6 <= WHOLE:
            raise SettingsError(f"latency: refused_e6 {self.refused_e6} must lie in 0 … {WHOLE}")

    def journey(self, command: str, sent_ns: int, draw: Callable[[str], int]) -> Journey:
        """Return a way of its own for every command."""
        del sent_ns
        outbound = self.entry.drawn(draw(f"{command}:entry"))
        outbound += self.matching.drawn(draw(f"{command}:matching"))
        refused = draw(f"{command}:refused") * WHOLE >> 64 < self.refused_e6
        return Journey(outbound, self.response.drawn(draw(f"{command}:response")), refused)


class MeasuredRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One request of a latency log, all times on our clock.

    Attributes:
        sent_ns: When we sent it.
        venue_ns: When the matching engine had it; 0 when the venue refused it.
        answered_ns: When we had the answer.
    """

    sent_ns: int
    venue_ns: int
    answered_ns: int


class MeasuredLatency(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="measured"
):
    """Straight lines between the requests of a log; before its first and after its last, as they.

    A command sent while the log's latest request was refused is refused.

    Attributes:
        log: Requests, sent one after the other.
    """

    log: tuple[MeasuredRequest, ...]

    def __post_init__(self) -> None:
        if not any(row.venue_ns for row in self.log):
            raise SettingsError("latency log: no request in it reached the venue")
        before = -1
        for number, row in enumerate(self.log, 1):
            if row.sent_ns <= before:
                raise SettingsError(
                    f"latency log, row {number}: sent at {row.sent_ns}, not after {before}; "
                    "sort it by time of sending and leave no two at one time"
                )
            before = row.sent_ns
            order = (row.sent_ns, row.venue_ns or row.sent_ns, row.answered_ns)
            if list(order) != sorted(order):
                raise SettingsError(
                    f"latency log, row {number}: sent {row.sent_ns}, at the venue {row.venue_ns}, "
                    f"answered {row.answered_ns}; these must not go backwards, apply the clock "
                    "offset first"
                )
            _check_length(f"log, row {number}", row.answered_ns - row.sent_ns)

    def journey(self, command: str, sent_ns: int, draw: Callable[[str], int]) -> Journey:
        """Return what the log says of the time of sending."""
        del command, draw
        after = bisect_right(self.log, sent_ns, key=lambda row: row.sent_ns)
        latest = self.log[max(after - 1, 0)]
        if not latest.venue_ns:
            return Journey(0, latest.answered_ns - latest.sent_ns, refused=True)
        following = self.log[min(after, len(self.log) - 1)]
        if not following.venue_ns or following.sent_ns <= sent_ns or sent_ns < latest.sent_ns:
            return Journey(latest.venue_ns - latest.sent_ns, latest.answered_ns - latest.venue_ns)
        span, gone = following.sent_ns - latest.sent_ns, sent_ns - latest.sent_ns
        return Journey(
            _between(
                latest.venue_ns - latest.sent_ns,
                following.venue_ns - following.sent_ns,
                gone,
                span,
            ),
            _between(
                latest.answered_ns - latest.venue_ns,
                following.answered_ns - following.venue_ns,
                gone,
                span,
            ),
        )


LatencySettings = ConstantLatency | DrawnLatency | MeasuredLatency
"""The models that are data, and so may stand in a profile."""


def _between(before: int, after: int, gone: int, span: int) -> int:
    return before + (after - before) * gone // span
