"""Bars that we make, among inputs that come one by one: the same makers as over stored history.

source ──rows──▶ kernel
          └────▶ makers ──bars, revisions, gaps──▶ kernel, after the rows that are known with them

A bar that closes by the clock is a matter of waking up: the source is asked to give word when it is
due, by the same `ClockReached` as for a timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from tieout.adapters.feeds.rows import columns_of, events_of
from tieout.kernel.ports import Inputs
from tieout.model.bars import GapRule
from tieout.model.columns import BarColumns
from tieout.model.events import Bar, GapSeen, RunEnded, RunResumed, Trade
from tieout.model.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tieout.kernel.ports import MarketBatch, Source
    from tieout.market import BarMaker, MadeBars
    from tieout.model.bars import BarRule
    from tieout.model.events import Input

    _Told = tuple[int, int, Input]

__all__ = ["BarMakingSource", "without_holes"]

Row = TypeVar("Row", Trade, Bar)


class BarMakingSource:
    """Passes inputs on and gives the bars that are made of them.

    Args:
        source: Inputs one by one; those of equal arrival come in one answer.
        makers: In the order in which their bars are given when they are known together.
        ticks: Size of a tick by instrument.
        warm_ups: How many bars of the past each maker's bars begin with, for makers of published
            bars with a rule for gaps; the source brings the published ones.
    """

    def __init__(
        self,
        source: Source,
        makers: Sequence[BarMaker],
        *,
        ticks: Mapping[str, float],
        warm_ups: Sequence[int] = (),
    ) -> None:
        self._source = source
        self._makers = makers
        self._ticks = ticks
        self._warm_ups = warm_ups
        self._resumed_ns = 0
        self._missed_ns = 0

    def next(self, deadline_ns: int | None) -> MarketBatch | Inputs | None:
        """Return what comes next, bars that we make included."""
        given = self._source.next(self._deadline_ns(deadline_ns))
        if given is None:
            return None
        assert isinstance(given, Inputs), given
        return Inputs(self._with_bars(given.events))

    def fold(self, recorded: Iterable[Input]) -> None:
        """Bring the makers to where they were after recorded inputs; their bars are in the record.

        What is given afterwards is given as if the source had brought the record as well.
        """
        self._with_bars([each for each in recorded if not _is_made(each)])

    def over(self, recorded: Iterable[Input]) -> list[Input]:
        """Return a whole record with the bars that are made of it; it holds none."""
        return self._with_bars(list(recorded))

    def _deadline_ns(self, deadline_ns: int | None) -> int | None:
        dues = [each.next_due_ns for each in self._makers]
        return min((each for each in (deadline_ns, *dues) if each is not None), default=None)

    def _with_bars(self, events: Sequence[Input]) -> list[Input]:
        found: list[Input] = []
        # Bars known at the time of the rows being passed on: they come after them.
        waiting: list[_Told] = []
        last_ns: int | None = None
        past = [each for each in events if isinstance(each, Bar) and each.warm_up and not each.rule]
        for event in events:
            now_ns = event.arrival_time_ns
            if now_ns != last_ns:
                found += _in_order(waiting)
                told: list[_Told] = []
                if isinstance(event, RunResumed):
                    # Nobody looked at the clock while the process was down: what was missed is in
                    # time, and closes the bars it belongs to before the clock does.
                    self._resumed_ns, self._missed_ns = now_ns, event.down_since_ns
                else:
                    told = self._until(now_ns)
                found += _in_order([each for each in told if each[0] < now_ns])
                waiting = [each for each in told if each[0] == now_ns]
                last_ns = now_ns
            if isinstance(event, RunEnded):
                found += _in_order(waiting)
                waiting = []
            found.append(event)
            waiting += self._made_of(event)
            if past and event is past[-1]:
                waiting += self._warmed(past)
        if last_ns is not None and last_ns == self._resumed_ns:
            waiting += self._until(last_ns)
        return found + _in_order(waiting)

    def _until(self, now_ns: int) -> list[_Told]:
        """Return what is known by a time without another row."""
        return [
            each
            for place, maker in enumerate(self._makers)
            for each in self._events(place, maker.pass_time(now_ns))
        ]

    def _made_of(self, event: Input) -> list[_Told]:
        if isinstance(event, Trade):
            rows, length = columns_of([self._in_time(event, event.venue_time_ns)]), 0
        elif isinstance(event, Bar) and not event.warm_up and not event.rule:
            rows = columns_of([self._in_time(event, event.close_time_ns)])
            length = event.interval_ns
        else:
            return []
        return [
            each
            for place, maker in enumerate(self._makers)
            if maker.instrument == event.instrument and maker.rule.finer_ns == length
            for each in self._events(place, maker.take(rows))
        ]

    def _warmed(self, past: Sequence[Bar]) -> list[_Told]:
        """Return the past of published bars with a rule for gaps: their holes are filled too."""
        found: list[_Told] = []
        for place, (maker, count) in enumerate(zip(self._makers, self._warm_ups, strict=False)):
            own = (maker.instrument, maker.rule.size)
            bars = [each for each in past if (each.instrument, each.interval_ns) == own]
            if count and bars:
                filled = without_holes(bars, maker.rule, grace_ns=maker.grace_ns)
                found += [(each.arrival_time_ns, place, each) for each in filled[-count:]]
        return found

    def _in_time(self, row: Row, true_ns: int) -> Row:
        """Return a row that was missed as if it had come when it was true; any other as it is."""
        if row.arrival_time_ns != self._resumed_ns:
            return row
        self._missed_ns = max(self._missed_ns, min(true_ns, self._resumed_ns))
        return msgspec.structs.replace(row, arrival_time_ns=self._missed_ns)

    def _events(self, place: int, made: Iterable[MadeBars]) -> list[_Told]:
        found: list[Bar | Trade | GapSeen] = []
        for each in made:
            if isinstance(each, BarColumns):
                found += events_of(each, tick=self._ticks[each.instrument])
            else:
                found.append(each)
        told: list[_Told] = []
        for event in found:
            known_ns = max(event.arrival_time_ns, self._resumed_ns)
            if known_ns == self._resumed_ns and isinstance(event, Bar) and event.running:
                # How bars looked meanwhile is no news: nobody should act on all of it at once.
                continue
            at_once = known_ns == event.arrival_time_ns
            told.append(
                (
                    known_ns,
                    place,
                    event if at_once else msgspec.structs.replace(event, arrival_time_ns=known_ns),
                )
            )
        return told


def without_holes(past: Sequence[Bar], rule: BarRule, *, grace_ns: int | None) -> list[Bar]:
    """Return published bars as a rule for gaps has them: named after it, and filled by it.

    Args:
        past: Of the rule's own length, one after the other, all known at one time.
        rule: For bars of time.
        grace_ns: How long after its close a bar is known to be missing; None: when the next came.
    """
    fills = rule.gaps is GapRule.FILL
    found: list[Bar] = []
    for bar in past:
        while fills and found and found[-1].close_time_ns < bar.open_time_ns:
            found.append(_filled(found[-1]))
        found.append(msgspec.structs.replace(bar, rule=rule.name))
    while (
        fills
        and grace_ns is not None
        and _over_ns(found[-1]) + grace_ns <= past[-1].arrival_time_ns
    ):
        found.append(_filled(found[-1]))
    sessions = Sessions(rule.sessions)
    return [
        each
        for each in found
        if not each.synthetic or sessions.always or sessions.holding(each.open_time_ns)
    ]


def _over_ns(before: Bar) -> int:
    """Return when the bar after another one closes."""
    return before.close_time_ns + before.interval_ns


def _filled(before: Bar) -> Bar:
    """Return a bar without trading that follows another one."""
    price = before.close_ticks
    return msgspec.structs.replace(
        before,
        open_time_ns=before.close_time_ns,
        close_time_ns=before.close_time_ns + before.interval_ns,
        open_ticks=price,
        high_ticks=price,
        low_ticks=price,
        close_ticks=price,
        volume_lots=0,
        revision=0,
        trades=0 if before.trades is not None else None,
        synthetic=True,
    )


def _in_order(told: list[_Told]) -> list[Input]:
    """Return what was told by time, what is known together in the order of the makers."""
    return [event for _, _, event in sorted(told, key=lambda each: each[:2])]


def _is_made(event: Input) -> bool:
    return isinstance(event, GapSeen) or (isinstance(event, Bar) and bool(event.rule))
