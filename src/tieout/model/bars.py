"""By which rule bars are made: of what, how much goes into one, and what becomes of a gap."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Final

from tieout.errors import SettingsError
from tieout.model.columns import interval_name, interval_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.instruments import Instrument

__all__ = ["BarKind", "BarRule", "GapRule", "bar_rule"]

Sessions = tuple[tuple[int, int], ...]

_SIZE_MAX: Final = 2**61


@unique
class BarKind(IntEnum):
    """What the size of a bar is counted in."""

    TIME = 1
    """Nanoseconds at the venue."""
    TRADES = 2
    VOLUME = 3
    """Lots."""
    NOTIONAL = 4
    """Ticks·lots."""


@unique
class GapRule(IntEnum):
    """What is told of an interval in which nothing traded."""

    SKIP = 1
    """Nothing."""
    FILL = 2
    """A bar at the last close without volume, marked `synthetic`."""
    HALT = 3
    """`GapSeen`, once a gap: the run sends no more orders."""


@dataclass(frozen=True, slots=True)
class BarRule:
    """How bars are made; `bar_rule` makes one from what a person writes.

    Attributes:
        kind: `BarKind`.
        size: How much goes into a bar, in what the kind counts.
        label: The size as a person writes it, e.g. `5m` or `100-trades`.
        made_of: `trades`, or the interval of the finer bars; the interval itself for published
            bars that are to have a rule for gaps.
        gaps: `GapRule`; bars of time alone have gaps.
        sessions: Pairs [open, close) in venue time, ascending; a bar begins at the open of its
            session or a whole number of sizes later, and ends with it. Empty: always open, and
            bars begin at whole multiples of their size since 1970, UTC.
        calendar: Name of the calendar that they are from; empty where they were given themselves.
    """

    kind: BarKind
    size: int
    label: str
    made_of: str = "trades"
    gaps: GapRule = GapRule.SKIP
    sessions: Sessions = ()
    calendar: str = ""

    @property
    def name(self) -> str:
        """The rule in a word: part of the identity of what is decided on its bars."""
        made = self.label if self.kind is not BarKind.TIME else f"{self.label}@{self.made_of}"
        gaps = "" if self.gaps is GapRule.SKIP else f"+{self.gaps.name.lower()}"
        hours = f"+{self.calendar or 'sessions'}" if self.sessions else ""
        return f"{made}{gaps}{hours}"

    @property
    def interval_ns(self) -> int:
        """Length of a bar of time; 0 for the other kinds, whose bars last as long as they last."""
        return self.size if self.kind is BarKind.TIME else 0

    @property
    def finer_ns(self) -> int:
        """Length of the finer bars it is made of; 0 when it is made of trades."""
        return 0 if self.made_of == "trades" else interval_ns(self.made_of)


_COUNTED: Final = {
    "trades": BarKind.TRADES,
    "lots": BarKind.VOLUME,
    "notional": BarKind.NOTIONAL,
}


def bar_rule(
    size: str,
    instrument: Instrument,
    *,
    made_of: str = "trades",
    gaps: str = "skip",
    sessions: Sequence[tuple[int, int]] = (),
    calendar: str = "",
) -> BarRule:
    """Return the rule that a person means.

    Args:
        size: An interval (`250ms`, `1m`, `4h`), or `100 trades`, `5000 lots`, `2000000 notional`;
            notional in the instrument's currency.
        instrument: Whose bars.
        made_of: `trades`, or the interval of finer bars: `1m`; of `1m` bars themselves it is the
            published ones, with a rule for gaps.
        gaps: `skip`, `fill` or `halt`.
        sessions: As in `BarRule`.
        calendar: As in `BarRule`.

    Raises:
        SettingsError: It is no rule, or it contradicts itself.
    """
    symbol = instrument.symbol
    if gaps.upper() not in GapRule.__members__:
        raise SettingsError(f"{symbol}: gaps {gaps!r}; allowed: skip, fill, halt")
    gap_rule = GapRule[gaps.upper()]
    count, _, unit = size.replace("-", " ").partition(" ")
    if unit.strip() in _COUNTED:
        kind = _COUNTED[unit.strip()]
        if made_of != "trades" or sessions or gap_rule is not GapRule.SKIP:
            raise SettingsError(
                f"{symbol}: bars of {size!r} are made of trades, know no gaps and no sessions; "
                "leave these settings out, or ask for bars of time"
            )
        length = _whole(symbol, size, count, kind, instrument)
        return BarRule(kind, length, f"{count}-{unit.strip()}")
    length = _length(symbol, size)
    if made_of != "trades":
        finer = _length(symbol, made_of)
        if finer > length or length % finer:
            raise SettingsError(
                f"{symbol}: bars of {size} cannot be made of bars of {made_of}; the longer must "
                "be a whole multiple of the shorter"
            )
        made_of = interval_name(finer)
    _check_sessions(symbol, sessions)
    given = tuple((int(opened), int(closed)) for opened, closed in sessions)
    return BarRule(BarKind.TIME, length, interval_name(length), made_of, gap_rule, given, calendar)


def _length(symbol: str, name: str) -> int:
    try:
        return interval_ns(name)
    except ValueError as error:
        raise SettingsError(
            f"{symbol}: {error}; or ask for '100 trades', '5000 lots', '2000000 notional'"
        ) from error


def _whole(symbol: str, size: str, count: str, kind: BarKind, instrument: Instrument) -> int:
    if not (count.isascii() and count.isdecimal()) or int(count) == 0:
        raise SettingsError(f"{symbol}: bars of {size!r}; give a whole number above 0, as '100'")
    length = Decimal(count)
    if kind is BarKind.NOTIONAL and instrument.inverse:
        raise SettingsError(
            f"{symbol}: bars of {size!r}: contracts of an inverse instrument have one size at any "
            "price; ask for lots"
        )
    if kind is BarKind.NOTIONAL:
        length /= instrument.tick_size * instrument.lot_size * instrument.multiplier
    if length != int(length) or length > _SIZE_MAX:
        raise SettingsError(
            f"{symbol}: bars of {size!r} are {length} ticks·lots or lots; it must be a whole "
            f"number up to {_SIZE_MAX}"
        )
    return int(length)


def _check_sessions(symbol: str, sessions: Sequence[tuple[int, int]]) -> None:
    before = -1
    for opened, closed in sessions:
        if not before <= opened < closed < _SIZE_MAX:
            raise SettingsError(
                f"{symbol}: session [{opened}, {closed}) is empty, or begins before {before}; give "
                "ascending pairs of [open, close) in ns that do not overlap"
            )
        before = closed
