"""Matching by drilling down: bars are scanned, and one is opened only where its path may matter.

    coarse bars ──scan──▶ quiet: passed over
                     └──▶ may touch an order, or one arrives, or funding falls in it: opened
                              └──▶ finer bars ──scan──▶ … ──▶ prints: matched

The result is that of matching on every row of the finest market, at the cost of the few bars that
matter. Where the finer rows are missing or contradict the bar, its own pessimistic rule decides,
what it decides is *assumed*, and how much any other path could have changed is kept as a band.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

from tieout.errors import SettingsError
from tieout.market import _layout as at
from tieout.market.bounds import bar_bounds
from tieout.market.finer import UNKNOWN_VOLUME, Children, Frame
from tieout.market.opened import OpenedCore
from tieout.market.reports import ReportKind
from tieout.market.resolution import ASSUMED, resolution_name
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.profiles import LimitRule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tieout.market.acting import OrderLeft
    from tieout.market.bounds import BarSeen
    from tieout.market.finer import DataBreak, FinerMarket
    from tieout.market.reports import CoreReport
    from tieout.model.columns import MarketColumns
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

__all__ = ["Band", "DrillingCore"]

_MINUTE_NS: Final = at.MINUTE
_KEPT_FRAMES: Final = 4
_FIRST_SPAN: Final = at.WINDOW + 20


class Band(msgspec.Struct):
    """What the unresolved bars came to, and between what bounds; ticks times lots, before fees.

    Attributes:
        worst, taken, best: Least that any path could have given, what was booked, and most; each
            fill is priced at the close of its bar.
    """

    worst: int = 0
    taken: int = 0
    best: int = 0


class DrillingCore:
    """Matches our orders on one instrument's bars and what lies inside of them.

    It offers what `MatchingCore` does. Rows are given as bars of the coarsest resolution, gaps
    among them as rows of unknown volume (`with_gaps`).

    Args:
        profile: Every assumption.
        instrument: Symbol.
        finer: Resolutions below the coarsest, coarse to fine, each within the one before.
        position_lots: Signed lots at the start.
        start_ns: Since when that position is held: funding due later is paid on it; 0: since ever.
        sessions: Pairs [open, close) of venue times; empty: always open.
        models: The user's own models by kind.

    Attributes:
        calm_before_ns: No row that arrives before this time, and no command, can cause a report.
        opened: Bars that were looked into, by the name of their length.
        rows: Rows that were matched on, by the name of their resolution.
        scanned: Bars of the coarsest resolution that were gone through.
        band: What the unresolved bars came to.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        *,
        instrument: str,
        finer: Sequence[FinerMarket],
        position_lots: int = 0,
        start_ns: int = 0,
        sessions: Sequence[tuple[int, int]] = (),
        models: Mapping[str, object] | None = None,
    ) -> None:
        assert finer, "without finer data this is a MatchingCore"
        if profile.clock_offset_ns < 0:
            raise SettingsError(
                f"profile {profile.name}: clock_offset_ns {profile.clock_offset_ns}; where bars "
                "are drilled into, the venue's clock must not be behind ours (allowed: 0 or more), "
                "since an order would arrive among what was passed over; use level impact"
            )
        self._by_prints = finer[-1].interval_ns == 0
        self._core = OpenedCore(
            profile,
            position_lots=position_lots,
            start_ns=start_ns,
            sessions=sessions,
            models=models or {},
            by_prints=self._by_prints,
        )
        self._finer = finer
        self._children = Children(instrument, finer)
        self._touch = profile.limit_rule is LimitRule.TOUCH
        share = profile.participation
        self._share = None if share is None else share.as_integer_ratio()
        self._frames: list[Frame] = []
        self._past: list[Frame] = []
        self._now_ns = -at.NEVER
        self._unresolved = 0
        self.opened: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.scanned = 0
        self.band = Band()
        self._settled()

    # -- orders -------------------------------------------------------------------------------

    def place(
        self, number: int, order: PlaceOrder, *, arrival_ns: int, response_ns: int
    ) -> str | None:
        """Let an order arrive; see `MatchingCore.place`."""
        refused = self._core.place(number, order, arrival_ns=arrival_ns, response_ns=response_ns)
        self._unsettled()
        return refused

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> Sequence[CoreReport]:
        """Let a cancel arrive; see `MatchingCore.cancel`."""
        # Bars that were quiet are over for the core once they are passed.
        found = self.commit(self._now_ns)
        found += self._core.cancel(number, arrival_ns=arrival_ns, response_ns=response_ns)
        self._unsettled()
        return found

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let an amend arrive; see `MatchingCore.amend`."""
        self._core.amend(number, order, arrival_ns=arrival_ns, response_ns=response_ns)
        self._unsettled()

    # -- what happens to the instrument ---------------------------------------------------------

    def split(
        self, ratio: Ratio, *, at_ns: int, known_ns: int
    ) -> tuple[list[OrderLeft], list[CoreReport]]:
        """Be as a split leaves it; see `MatchingCore.split`.

        A bar that it lies inside of is opened, whether it may touch an order or not, so that what
        traded before it is met before it. Where there are no finer rows it is not met at all.
        """
        found = self._open_around(at_ns)
        left, paid = self._core.split(ratio, at_ns=at_ns, known_ns=known_ns)
        self._unsettled()
        return left, [*found, *paid]

    def pay(self, ticks: int, *, at_ns: int) -> None:
        """Carry the last price over a dividend of so many ticks."""
        self._core.pay(ticks, at_ns=at_ns)

    def drop_orders(self) -> list[OrderLeft]:
        """Forget every order, those on their way too; return them as they were."""
        left = self._core.drop_orders()
        self._unsettled()
        return left

    def forget(self, numbers: Collection[int]) -> None:
        """Forget some orders as if they had never been."""
        self._core.forget(numbers)
        self._unsettled()

    def hold(self, lots: int) -> None:
        """Hold so many signed lots, whatever the fills so far."""
        self._core.hold(lots)
        self._unsettled()

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""
        return self._core.position_lots

    @property
    def ambiguous_bars(self) -> int:
        """Bars met by their own rule that could have filled both a stop and a limit."""
        return self._core.ambiguous_bars

    @property
    def unresolved_bars(self) -> int:
        """Bars met by their own rule in which another path would have come to something else."""
        return self._unresolved

    @property
    def breaks(self) -> Sequence[DataBreak]:
        """Bars that finer rows contradict or do not reach over, or that a split lies inside of.

        Of the first the first thousand.
        """
        return [*self._children.breaks, *self._core.data_breaks(self._children.instrument)[1]]

    @property
    def break_counts(self) -> dict[str, int]:
        """How many breaks there are, by kind."""
        return {
            **self._children.counts,
            **self._core.data_breaks(self._children.instrument)[0],
        }

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether everything given so far is gone through."""
        frames = self._frames
        passed = not frames or (len(frames) == 1 and frames[0].cursor == len(frames[0]))
        return passed and self._core.wants_rows

    @property
    def last_arrival_ns(self) -> int | None:
        """Close of the last bar given, or None before any: what comes next is met no earlier."""
        if not self._frames:
            return None
        closed_ns = int(self._frames[0].close_time[-1])
        return closed_ns if self._core.wants_rows else max(closed_ns, self._core.given_until_ns)

    def first_arrival_ns(self, chunk: MarketColumns) -> int:
        """Return when the first of what a chunk stands for may arrive: with its first print."""
        assert isinstance(chunk, BarColumns), type(chunk)
        return int(chunk.open_time_ns[0])

    def expect(self, chunk: MarketColumns) -> None:  # noqa: ARG002  rows are rows
        """Learn that there are rows, before they are given."""
        self._core.expects_rows = True

    def give(self, chunk: MarketColumns) -> None:
        """Take the next bars; those given before are all gone through."""
        assert self.wants_rows, "bars of the chunk before are not gone through yet"
        assert isinstance(chunk, BarColumns), type(chunk)
        self._frames = [Frame(chunk, 0)]
        self._past = [*self._past[1 - _KEPT_FRAMES :], *self._frames]
        self._watch(-at.NEVER, touches=False)

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return a time by which something may be to report, if it is due by then.

        It may be that of a bar to be opened: then nothing need come of it.
        """
        if until_ns < self._watch_ns or not self._frames:
            return None
        if not self._touches:
            self._look(until_ns)
        return self._watch_ns if self._touches and self._watch_ns <= until_ns else None

    def passes(self, until_ns: int) -> bool:
        """Pass over what is known to be quiet up to a time; say whether all of it is."""
        core = self._core
        if until_ns >= self._watch_ns or core.has_commands or until_ns >= core.due_ns:
            return False
        self._now_ns = max(self._now_ns, until_ns)
        return True

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let everything that arrived by then act, and return what came about.

        Raises:
            DataError: A price is not positive, or too high for exact arithmetic.
        """
        found: list[CoreReport] = []
        self._now_ns = max(self._now_ns, until_ns)
        while True:
            if not self._core.wants_rows:
                found += self._commit_opened(until_ns)
                if not self._core.wants_rows:
                    break
            if not self._frames or not self._descend(until_ns):
                break
        self._settled()
        return found

    def answer(self, until_ns: int) -> Sequence[CoreReport]:
        """Answer what is due by then that no later row can precede; see `MatchingCore.answer`."""
        due_ns = self._core.next_answer_ns()
        if due_ns is None or due_ns > until_ns or self._waits_for_bar(until_ns):
            return ()
        answers = self._core.answer(until_ns)
        self._settled()
        return answers

    def next_answer_ns(self) -> int | None:
        """Return when the next command or expiry is answered without a row, or None."""
        core = self._core
        due_ns = core.next_answer_ns()
        if due_ns is None:
            return None
        if self._bar_is_pending:
            return max(due_ns, core.given_until_ns)
        return None if self._waits_for_bar(due_ns) else due_ns

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last print at or before a venue time, as `MatchingCore` does."""
        return self._last_price(venue_time_ns, "right")

    def price_before(self, at_ns: int) -> int | None:
        """Return the last price of what opened before a venue time, as it is at it."""
        return self._last_price(at_ns, "left")

    def _last_price(self, time_ns: int, side: Literal["left", "right"]) -> int | None:
        for frame in reversed(self._past):
            row = int(np.searchsorted(frame.open_time, time_ns, side)) - 1
            while row >= 0:
                price = self._price_in(frame, row, time_ns)
                if price is not None:
                    return price
                row -= 1
        return None

    # -- going down ---------------------------------------------------------------------------

    def _descend(self, until_ns: int) -> bool:
        """Open the next bar that matters and opens by a time, or leave a frame; say if either."""
        frame = self._frames[-1]
        row, touches = self._first_touch(frame, until_ns)
        if touches and frame.opens_ns(row) <= until_ns:
            self._pass_to(frame, row)
            self._open(frame, row)
            return True
        # Orders still to come arrive later than this: they do not see a bar that is over.
        self._pass_to(frame, min(row, frame.closed_by(until_ns)))
        if frame.cursor == len(frame) and len(self._frames) > 1:
            self._frames.pop()
            return True
        return False

    def _first_touch(self, frame: Frame, until_ns: int) -> tuple[int, bool]:
        if frame.cursor < len(frame) and self._core.must_see_all:
            return frame.cursor, True
        return self._core.first_touch(frame, until_ns)

    def _pass_to(self, frame: Frame, row: int) -> None:
        """Pass over bars; where it is a gap among them, over the prints that lie in it."""
        if frame.cursor == row:
            return
        finest = frame.depth == len(self._finer)
        if frame.depth == 0:
            gaps = np.flatnonzero(frame.volume[frame.cursor : row] == UNKNOWN_VOLUME)
            self.scanned += row - frame.cursor - len(gaps)
            for gap in (gaps + frame.cursor).tolist():
                self._core.pass_over(frame, gap, finest=finest)
                self._pass_gap(frame, gap)
                frame.cursor = gap + 1
        if frame.cursor < row:
            self._core.pass_over(frame, row, finest=finest)
            frame.cursor = row

    def _pass_gap(self, frame: Frame, row: int) -> None:
        children = self._children.of(frame, row)
        if children is None or not len(children[1]):
            return
        rows = children[1]
        if isinstance(rows, TradeColumns):
            self._core.pass_prints(rows)
        else:
            frame = Frame(rows, len(self._finer))
            self._core.pass_over(frame, len(frame), finest=True)

    def _open(self, frame: Frame, row: int) -> None:
        """Look into a bar, and give the core what is to be matched on."""
        frame.cursor = row + 1
        if frame.depth == 0 and frame.volume[row] != UNKNOWN_VOLUME:
            self.scanned += 1
        if frame.depth == len(self._finer):
            self._give_bar(frame, row, assumed=False)
            return
        if frame.volume[row] != UNKNOWN_VOLUME:
            _count(self.opened, resolution_name(frame.bars.interval_ns))
        children = self._children.of(frame, row)
        if children is None:
            self._give_bar(frame, row, assumed=True)
            return
        depth, rows = children
        if not len(rows):
            return
        if isinstance(rows, BarColumns):
            self._frames.append(Frame(rows, depth))
            return
        self._gather(frame.opens_ns(row))
        _count(self.rows, resolution_name(0), len(rows))
        self._core.give_prints(rows)

    def _give_bar(self, frame: Frame, row: int, *, assumed: bool) -> None:
        self._gather(frame.opens_ns(row))
        bar = frame.bars.rows(row, row + 1)
        _count(self.rows, resolution_name(bar.interval_ns))
        self._core.give_bar(bar, assumed=assumed)

    def _commit_opened(self, until_ns: int) -> list[CoreReport]:
        core = self._core
        if core.meets_prints:
            return core.commit(until_ns)
        if until_ns < core.given_until_ns:
            return []
        bar, before = core.bar_given(), core.order_rows()
        disturbed = core.disturbed_in(bar.open_time_ns, bar.close_time_ns)
        found = core.commit(until_ns)
        if core.is_assuming or any(each.resolved_by == ASSUMED for each in found):
            self._bound(bar, before, disturbed, found)
        return found

    def _bound(
        self,
        bar: BarSeen,
        orders: Sequence[Sequence[int]],
        disturbed: dict[int, int],
        found: Sequence[CoreReport],
    ) -> None:
        """Take the bounds of a bar that its own rule decided into the band."""
        worst, best = bar_bounds(
            bar,
            orders,
            price_taken=self._core.price_taken,
            share=self._share,
            gives_all=self._core.gives_all,
            touch=self._touch,
            disturbed=disturbed,
        )
        if worst == best:
            return
        sides = {each[at.NUMBER]: each[at.SIDE] for each in orders}
        taken = sum(
            sides[each.order] * each.lots * (bar.close_ticks - each.price_ticks)
            for each in found
            if each.kind == ReportKind.FILL
        )
        self._unresolved += 1
        self.band.worst += min(worst, taken)
        self.band.taken += taken
        self.band.best += max(best, taken)

    def _open_around(self, time_ns: int) -> list[CoreReport]:
        """Open every bar that a time lies inside of, and let act what is known of it."""
        found = self.commit(self._now_ns)
        while self._core.wants_rows and self._frames:
            frame = self._frames[-1]
            row = frame.row_around(time_ns)
            if row is None:
                break
            self._pass_to(frame, row)
            self._open(frame, row)
            found += self.commit(self._now_ns)
        return found

    # -- statistics ---------------------------------------------------------------------------

    def _gather(self, before_ns: int) -> None:
        """Gather the statistics anew where what was passed over did not tell them."""
        core = self._core
        if not core.stale:
            return
        source, step = self._statistics_source(before_ns)
        # Prices and volumes of both sides of a split have no variance in common.
        first_ns = max(source.first_ns, core.since_ns)
        span = _FIRST_SPAN * step
        while True:
            from_ns = max((before_ns - span) // _MINUTE_NS * _MINUTE_NS, core.since_ns)
            full = core.gather(source.rows(from_ns, before_ns))
            if full or from_ns <= first_ns:
                break
            span *= 4
        core.stale = False

    def _statistics_source(self, before_ns: int) -> tuple[FinerMarket, int]:
        """Return the coarsest market that tells of whole minutes, or the finest bars."""
        finest = self._finer[-1]
        if not self._by_prints:
            return finest, finest.interval_ns
        for each in self._finer[:-1]:
            if _MINUTE_NS % each.interval_ns == 0 and before_ns % each.interval_ns == 0:
                return each, _MINUTE_NS
        return finest, _MINUTE_NS

    # -- looking ahead ------------------------------------------------------------------------

    def _look(self, until_ns: int) -> None:
        """Find the first thing that may matter; of what comes later than now nothing changes."""
        core = self._core
        while True:
            earliest_ns = self._now_ns
            if not core.wants_rows:
                touch_ns = core.next_touch_ns(until_ns)
                if touch_ns is not None or core.given_until_ns > until_ns:
                    self._watch(core.quiet_before_ns, touches=touch_ns is not None)
                    return
                # What is opened next is met after what was opened last.
                earliest_ns = max(earliest_ns, core.given_until_ns)
            frame, row, touches = self._first_of_all(until_ns)
            if frame is None:
                self._watch(int(self._frames[0].close_time[-1]), touches=False)
                return
            opens_ns = frame.opens_ns(row)
            if not (touches and core.wants_rows and opens_ns <= self._now_ns):
                self._watch(max(opens_ns, earliest_ns), touches=touches)
                return
            # We are inside of it already: opened now, it need not be woken up for.
            while self._frames[-1] is not frame:
                self._pass_to(self._frames[-1], len(self._frames[-1]))
                self._frames.pop()
            self._pass_to(frame, row)
            self._open(frame, row)

    def _first_of_all(self, until_ns: int) -> tuple[Frame | None, int, bool]:
        """Return the first bar that may matter or was not looked at, deepest frames first."""
        for frame in reversed(self._frames):
            row, touches = self._first_touch(frame, until_ns)
            if row < len(frame):
                return frame, row, touches
        return None, 0, False

    @property
    def _bar_is_pending(self) -> bool:
        """Whether a bar was given that is not known yet: nothing after it is."""
        return not self._core.wants_rows and not self._core.meets_prints

    def _waits_for_bar(self, until_ns: int) -> bool:
        """Return whether what is due by then depends on a bar that its own rule decides."""
        if self._bar_is_pending:
            return True
        pending = self._core.pending()
        last_ns = max(time for time, answer in pending if time + answer <= until_ns)
        return any(self._is_assumed_at(time) for time, _ in pending if time <= last_ns)

    def _is_assumed_at(self, time_ns: int) -> bool:
        """Return whether the bar's own rule decides what happens at a venue time."""
        frame: Frame | None = next(
            (each for each in reversed(self._frames) if each.row_around(time_ns) is not None), None
        )
        while frame is not None and frame.depth < len(self._finer):
            row = frame.row_around(time_ns)
            if row is None:
                return False
            children = self._children.of(frame, row)
            if children is None:
                return True
            depth, rows = children
            frame = Frame(rows, depth) if isinstance(rows, BarColumns) and len(rows) else None
        return False

    def _price_in(self, frame: Frame, row: int, time_ns: int) -> int | None:
        """Return the last price of a bar by a time; None where nothing had traded in it."""
        unknown = frame.volume[row] == UNKNOWN_VOLUME
        closed_ns = int(frame.close_time[row])
        if not unknown and time_ns >= closed_ns and not self._core.is_spanned(frame.bars, row):
            return self._core.carried(int(frame.closing[row]), closed_ns, time_ns)
        until_ns = min(time_ns + 1, int(frame.close_time[row]))
        rows = self._finer[-1].rows(frame.opens_ns(row), until_ns)
        if not len(rows):
            return None
        if isinstance(rows, TradeColumns):
            # A print at the instant of a split is one after it.
            traded_ns = int(rows.venue_time_ns[-1]) + 1
            return self._core.carried(int(rows.price_ticks[-1]), traded_ns, time_ns)
        last = len(rows) - 1
        while last >= 0 and self._core.is_spanned(rows, last):
            last -= 1
        if last < 0:
            return None
        closed_ns = int(rows.close_time_ns[last])
        return self._core.carried(int(rows.close_ticks[last]), closed_ns, time_ns)

    # -- what is known ------------------------------------------------------------------------

    def _watch(self, time_ns: int, *, touches: bool) -> None:
        self._watch_ns = time_ns
        self._touches = touches
        core = self._core
        self.calm_before_ns = -at.NEVER if core.has_commands else min(time_ns, core.due_ns)

    def _unsettled(self) -> None:
        self._watch(-at.NEVER, touches=False)

    def _settled(self) -> None:
        """Nothing is looked at yet; an idle market is quiet to the end of what it was given."""
        if not self._core.is_idle:
            self._unsettled()
            return
        self._watch(self.last_arrival_ns or -at.NEVER, touches=False)
        self.calm_before_ns = at.NEVER


def _count(counts: dict[str, int], name: str, many: int = 1) -> None:
    counts[name] = counts.get(name, 0) + many
