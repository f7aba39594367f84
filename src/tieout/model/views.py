"""How raw prices become those of a view, by the corporate actions that are known."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from tieout.errors import DataError
from tieout.model.actions import PriceView
from tieout.model.events import DividendPaid, Split
from tieout.model.money import MONEY_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.model.events import CorporateAction
    from tieout.model.instruments import Instrument

__all__ = ["FINER", "Scale", "Scales"]

FINER: Final = 10_000
"""Parts of a tick that viewed prices are counted in where nobody says otherwise."""


class Scale(NamedTuple):
    """What makes a viewed price of a raw one, price·by + plus in ticks, and a viewed volume."""

    by: Fraction
    plus: Fraction
    volume: Fraction

    def ticks(self, raw: int, parts: int = FINER) -> int:
        """Return a viewed price in parts of a tick, rounded half up, at least one."""
        exact = (raw * self.by + self.plus) * parts
        return max(1, (2 * exact.numerator + exact.denominator) // (2 * exact.denominator))

    def lots(self, raw: int) -> int:
        """Return a viewed volume, rounded half up."""
        exact = raw * self.volume
        return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


RAW: Final = Scale(Fraction(1), Fraction(0), Fraction(1))


class Scales:
    """The scale of every bar by the actions that are known.

    An action concerns the bars that closed by the time it took effect. A dividend without a
    reference is one of the last close before it.

    Args:
        actions: In the order in which they take effect.
        view: How prices are to be seen.
        instrument: Whose ticks these are.
        close_by: Gives the last close, in ticks, of a bar that closed by a time; None: there is
            none.

    Attributes:
        times: When the scale changes: of bars that close later than the last, nothing has happened
            since.

    Raises:
        DataError: A dividend is not below the price before it.
    """

    def __init__(
        self,
        actions: Sequence[CorporateAction],
        *,
        view: PriceView,
        instrument: Instrument,
        close_by: Callable[[int], int | None],
    ) -> None:
        tick = Fraction(instrument.tick_size) * MONEY_UNIT
        by, volume = Fraction(1), Fraction(1)
        scales: list[tuple[int, Fraction, Fraction]] = []
        paid: list[tuple[int, Fraction]] = []
        # From the newest to the oldest: what came later concerns all that was before.
        for action in reversed(actions):
            if view is PriceView.RAW:
                break
            if isinstance(action, Split):
                by *= Fraction(action.old, action.new)
                volume *= Fraction(action.new, action.old)
            elif isinstance(action, DividendPaid) and view is PriceView.ADJUSTED:
                by *= 1 - _share_paid(action, close_by(action.venue_time_ns), tick)
            elif isinstance(action, DividendPaid) and view is PriceView.TOTAL_RETURN:
                # A unit of today holds so much of what one of then was paid.
                paid.append((action.venue_time_ns, action.amount / tick * by))
            else:
                continue
            scales.append((action.venue_time_ns, by, volume))
        scales.reverse()
        paid.reverse()
        self.times = [at_ns for at_ns, _, _ in scales]
        # The sums of what was paid before each of them, and after all of them.
        sums = [
            sum((each for when, each in paid if when < at_ns), Fraction(0)) for at_ns in self.times
        ]
        self._scales = [
            Scale(by, plus, volume) for (_, by, volume), plus in zip(scales, sums, strict=True)
        ]
        self._newest = RAW._replace(plus=sum((each for _, each in paid), Fraction(0)))

    def at(self, close_ns: int) -> Scale:
        """Return the scale of a bar by its close."""
        place = bisect_left(self.times, close_ns)
        return self._scales[place] if place < len(self._scales) else self._newest


def _share_paid(action: DividendPaid, close_ticks: int | None, tick: Fraction) -> Fraction:
    """Return a dividend as a share of the close before it; 0 where no bar is from before it."""
    if not action.reference and close_ticks is None:
        return Fraction(0)
    price = action.reference or (close_ticks or 0) * tick
    if action.amount >= price:
        raise DataError(
            "a dividend is not below the price before it",
            file=action.instrument,
            value=f"{float(Fraction(action.amount, MONEY_UNIT))} at {action.venue_time_ns} ns",
            limit=f"below {float(Fraction(price) / MONEY_UNIT)}",
            remedy="Correct the dividend or its reference close, and import the actions again.",
        )
    return Fraction(action.amount) / price
