"""Prices across corporate actions, as they are known at the time: what indicators and history see.

A stream of bars keeps its last raw bars. When an action takes effect, every indicator on it begins
anew and takes these again, as the view now has them: the same rule in every world. The newest bar
is raw in every view but the total return, since nothing has happened after it yet.

Viewed prices are counted in ten-thousandths of a tick, so that little is lost to rounding.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tieout.errors import DataError
from tieout.market.indicators import Indicator, OtherStream, PairIndicator
from tieout.model.actions import PriceView, kind_of_event
from tieout.model.events import DividendPaid, Split
from tieout.model.money import MONEY_UNIT, round_half_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.events import Bar, CorporateAction
    from tieout.model.instruments import Instrument

__all__ = ["FINER", "Scale", "ViewedBars", "scales_of"]

FINER: Final = 10_000
"""Parts of a tick that viewed prices are counted in."""


class Scale(NamedTuple):
    """What makes a viewed price of a raw one, price·by + plus in ticks, and of a volume."""

    by: Fraction
    plus: Fraction
    volume: Fraction


_RAW: Final = Scale(Fraction(1), Fraction(0), Fraction(1))


def scales_of(
    actions: Sequence[CorporateAction],
    closes: Sequence[tuple[int, int]],
    *,
    view: PriceView,
    instrument: Instrument,
) -> list[Scale]:
    """Return the scale of each bar by the actions that are known.

    An action concerns the bars that closed by the time it took effect. A dividend without a
    reference is one of the last close before it.

    Args:
        actions: In the order in which they take effect.
        closes: (close time, close in ticks) of the bars, in the order in which they were taken.
        view: How prices are to be seen.
        instrument: Whose ticks these are.

    Raises:
        DataError: A dividend is not below the price before it.
    """
    if view is PriceView.RAW:
        return [_RAW] * len(closes)
    tick = Fraction(instrument.tick_size) * MONEY_UNIT
    total = view is PriceView.TOTAL_RETURN
    # From the newest action to the oldest: what came later concerns all that was before.
    steps: list[tuple[int, Scale]] = []
    by, volume, paid = Fraction(1), Fraction(1), Fraction(0)
    dividends_after: list[tuple[int, Fraction]] = []
    for action in reversed(actions):
        if isinstance(action, Split):
            ratio = Fraction(action.old, action.new)
            by, volume = by * ratio, volume / ratio
        elif isinstance(action, DividendPaid):
            if total:
                dividends_after.append((action.venue_time_ns, action.amount / tick * by))
            elif view is PriceView.ADJUSTED:
                by *= 1 - _share_paid(action, closes, tick)
        steps.append((action.venue_time_ns, Scale(by, paid, volume)))
    steps.reverse()
    found = []
    for close_ns, _ in closes:
        scale = next((each for at_ns, each in steps if close_ns <= at_ns), _RAW)
        plus = sum((each for at_ns, each in dividends_after if at_ns < close_ns), Fraction(0))
        found.append(Scale(scale.by, plus, scale.volume))
    return found


def _share_paid(
    action: DividendPaid, closes: Sequence[tuple[int, int]], tick: Fraction
) -> Fraction:
    """Return a dividend as a share of the close before it; 0 where no bar is from before it."""
    price = Fraction(action.reference)
    if not price:
        before = [ticks for close_ns, ticks in closes if close_ns <= action.venue_time_ns]
        if not before:
            return Fraction(0)
        price = before[-1] * tick
    if action.amount >= price:
        raise DataError(
            "a dividend is not below the price before it",
            file=action.instrument,
            value=f"{float(action.amount / MONEY_UNIT)} at {action.venue_time_ns} ns",
            limit=f"below {float(price / MONEY_UNIT)}",
            remedy="Correct the dividend or its reference close, and import the actions again.",
        )
    return action.amount / price


class ViewedBars:
    """The bars of one stream as a view has them, and the indicators that follow them.

    Args:
        instrument: Whose bars they are.
        view: How they are seen.
        kept: How many are kept, and indicators made again of.

    Attributes:
        view: The same.
    """

    def __init__(self, instrument: Instrument, view: PriceView, *, kept: int) -> None:
        self._instrument = instrument
        self.view = view
        self._kept: deque[Bar] = deque(maxlen=kept)
        self._actions: list[CorporateAction] = []
        # How many of them the indicators know: one from before the start waits for the bars.
        self._taken = 0
        self._followers: list[Indicator | PairIndicator | OtherStream] = []
        self._pairs: list[tuple[PairIndicator, ViewedBars, ViewedBars]] = []
        self._newest = _RAW

    @property
    def tick(self) -> float:
        """Size of what viewed prices are counted in."""
        return self._instrument.tick_float / FINER

    def follow(self, indicator: Indicator) -> None:
        """Let an indicator take these bars from now on."""
        self._followers.append(indicator)

    def follow_both(self, pair: PairIndicator, other: ViewedBars) -> None:
        """Let an indicator of two streams take these bars, and those of the other."""
        self._followers.append(pair)
        other._followers.append(pair.other)
        for each in (self, other):
            each._pairs.append((pair, self, other))  # noqa: SLF001 - of its own kind

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        waiting = self._actions[self._taken :]
        if waiting and waiting[0].venue_time_ns < bar.close_time_ns:
            while waiting and waiting[0].venue_time_ns < bar.close_time_ns:
                self._taken += 1
                waiting = self._actions[self._taken :]
            if self._kept:
                self._begin_anew()
            self._newest = self._scales((*self._closes(), _close_of(bar)))[-1]
        self._kept.append(bar)
        scale = self._newest
        if bar.close_time_ns <= self._last_action_ns:
            # It comes late, from before an action that is known.
            scale = self._scales(self._closes())[-1]
        seen = self._seen(bar, scale)
        for each in self._followers:
            each.update(seen)

    def acted(self, action: CorporateAction) -> None:
        """Take it that an action of the instrument has taken effect."""
        if not isinstance(action, Split | DividendPaid):
            return
        self._insert(action)
        if self._kept:
            self._taken = len(self._actions)
            self._begin_anew()

    def history(self, count: int) -> list[Bar]:
        """Return the last bars, oldest first, as the view has them now."""
        bars = list(self._kept)
        scales = self._scales(self._closes())
        return [
            self._seen(bar, scale)
            for bar, scale in zip(bars[-count:], scales[-count:], strict=True)
        ]

    @property
    def _last_action_ns(self) -> int:
        return self._actions[self._taken - 1].venue_time_ns if self._taken else -1

    def _insert(self, action: CorporateAction) -> None:
        self._actions.append(action)
        self._actions.sort(key=lambda each: (each.venue_time_ns, kind_of_event(each)))

    def _begin_anew(self) -> None:
        """Make every indicator again, of the bars that are kept."""
        scales = self._scales(self._closes())
        self._newest = _RAW if self.view is not PriceView.TOTAL_RETURN else self._plus_of_next()
        seen = [self._seen(bar, scale) for bar, scale in zip(self._kept, scales, strict=True)]
        for each in self._followers:
            if isinstance(each, Indicator):
                each.begin_anew()
                for bar in seen:
                    each.update(bar)
        for pair, first, second in self._pairs:
            _pair_anew(pair, first.history(len(first._kept)), second.history(len(second._kept)))  # noqa: SLF001

    def _plus_of_next(self) -> Scale:
        """Return the scale of a bar that closes after every action known."""
        return self._scales((*self._closes(), (self._last_action_ns + 1, 1)))[-1]

    def _closes(self) -> list[tuple[int, int]]:
        return [_close_of(each) for each in self._kept]

    def _scales(self, closes: Sequence[tuple[int, int]]) -> list[Scale]:
        return scales_of(
            self._actions[: self._taken], closes, view=self.view, instrument=self._instrument
        )

    def _seen(self, bar: Bar, scale: Scale) -> Bar:
        by, plus = scale.by * FINER, scale.plus * FINER
        numerator, denominator = by.numerator, by.denominator

        def viewed(ticks: int) -> int:
            if denominator == 1 and not plus:
                return ticks * numerator
            exact = ticks * by + plus
            return round_half_up(exact.numerator, exact.denominator)

        volume = bar.volume_lots * scale.volume
        return msgspec.structs.replace(
            bar,
            open_ticks=viewed(bar.open_ticks),
            high_ticks=viewed(bar.high_ticks),
            low_ticks=viewed(bar.low_ticks),
            close_ticks=viewed(bar.close_ticks),
            volume_lots=round_half_up(volume.numerator, volume.denominator),
            tick=self.tick,
        )


def _close_of(bar: Bar) -> tuple[int, int]:
    return bar.close_time_ns, bar.close_ticks


def _pair_anew(pair: PairIndicator, bars: Sequence[Bar], others: Sequence[Bar]) -> None:
    """Make an indicator of two streams again: its steps are where both have a bar."""
    pair.begin_anew()
    by_close = {each.close_time_ns: each for each in others}
    for bar in bars:
        other = by_close.get(bar.close_time_ns)
        if other is not None:
            pair.update_other(other)
            pair.update(bar)
    # What has no partner yet waits for it.
    if bars and bars[-1].close_time_ns not in by_close:
        pair.update(bars[-1])
    if others and (not bars or others[-1].close_time_ns > bars[-1].close_time_ns):
        pair.update_other(others[-1])
