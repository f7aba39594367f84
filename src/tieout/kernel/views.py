"""Prices across corporate actions, as they are known at the time: what indicators and history see.

A stream of bars keeps its last raw bars. When an action takes effect, every indicator on it begins
anew and takes these again, as the view now has them: the same rule in every world. The newest bar
is raw in every view but the total return, since nothing has happened after it yet.

Viewed prices are counted in ten-thousandths of a tick, so that little is lost to rounding.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from tieout.market.indicators import Indicator, OtherStream, PairIndicator
from tieout.model.actions import kind_of_event
from tieout.model.events import DividendPaid, Split
from tieout.model.views import FINER, Scale, Scales

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.actions import PriceView
    from tieout.model.events import Bar, CorporateAction
    from tieout.model.instruments import Instrument

__all__ = ["ViewedBars"]


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
        self.view = view
        self._instrument = instrument
        self._kept: deque[Bar] = deque(maxlen=kept)
        self._actions: list[CorporateAction] = []
        # How many of them the indicators know: one from before the start waits for the bars.
        self._taken = 0
        self._followers: list[Indicator | PairIndicator | OtherStream] = []
        self._pairs: list[tuple[PairIndicator, ViewedBars, ViewedBars]] = []
        self._scales = self._scales_now()

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
        self._pairs.append((pair, self, other))
        if other is not self:
            other.join(pair, self)
        else:
            self._followers.append(pair.other)

    def join(self, pair: PairIndicator, first: ViewedBars) -> None:
        """Be the second stream of an indicator of two."""
        self._followers.append(pair.other)
        self._pairs.append((pair, first, self))

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        known = self._taken
        while known < len(self._actions) and self._actions[known].venue_time_ns < bar.close_time_ns:
            known += 1
        if known > self._taken:
            self._taken = known
            self._begin_anew()
        self._kept.append(bar)
        seen = self._seen(bar, self._scales.at(bar.close_time_ns))
        for each in self._followers:
            each.update(seen)

    def acted(self, action: CorporateAction) -> None:
        """Take it that an action of the instrument has taken effect."""
        if not isinstance(action, Split | DividendPaid):
            return
        self._actions.append(action)
        self._actions.sort(key=lambda each: (each.venue_time_ns, kind_of_event(each)))
        if self._kept:
            self._taken = len(self._actions)
            self._begin_anew()

    def history(self, count: int) -> list[Bar]:
        """Return the last bars, oldest first, as the view has them now."""
        bars = list(self._kept)[-count:]
        return [self._seen(bar, self._scales.at(bar.close_time_ns)) for bar in bars]

    def whole(self) -> list[Bar]:
        """Return all bars that are kept, oldest first, as the view has them now."""
        return self.history(len(self._kept))

    def _begin_anew(self) -> None:
        """Make every indicator again, of the bars that are kept."""
        self._scales = self._scales_now()
        if not self._kept:
            return
        seen = self.whole()
        for each in self._followers:
            if isinstance(each, Indicator):
                each.begin_anew()
                for bar in seen:
                    each.update(bar)
        for pair, first, second in self._pairs:
            _pair_anew(pair, first.whole(), second.whole())

    def _scales_now(self) -> Scales:
        return Scales(
            self._actions[: self._taken],
            view=self.view,
            instrument=self._instrument,
            close_by=self._close_by,
        )

    def _close_by(self, time_ns: int) -> int | None:
        """Return the last close by a time, of the bars that are kept."""
        before = (
            each.close_ticks for each in reversed(self._kept) if each.close_time_ns <= time_ns
        )
        return next(before, None)

    def _seen(self, bar: Bar, scale: Scale) -> Bar:
        return msgspec.structs.replace(
            bar,
            open_ticks=scale.ticks(bar.open_ticks),
            high_ticks=scale.ticks(bar.high_ticks),
            low_ticks=scale.ticks(bar.low_ticks),
            close_ticks=scale.ticks(bar.close_ticks),
            volume_lots=scale.lots(bar.volume_lots),
            tick=self.tick,
        )


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
