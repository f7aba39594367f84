"""Bars that we make are the same from a file and from trades that arrive one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.worlds import (
    ES,
    SECOND,
    SYMBOL,
    T0,
    MemoryJournal,
    ScriptedSource,
    ScriptedVenue,
    single_events,
)
from tests.unit.feeds.arriving import MILLISECOND, ArrivingSource, disordered
from tieout import Context, Strategy
from tieout.adapters.feeds.history import HistorySource, Stream, as_rows, at_slice_end
from tieout.adapters.feeds.making import BarMakingSource
from tieout.adapters.feeds.slicing import SlicedSource
from tieout.errors import InputError
from tieout.history import made_bars
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs
from tieout.model.events import Bar, GapSeen, RunEnded, RunResumed, RunStarted, Trade
from tieout.model.profiles import profile
from tieout.wiring.markets import maker_of

if TYPE_CHECKING:
    from tieout.market import BarMaker

END_NS = T0 + 3600 * SECOND
STARTED = RunStarted(arrival_time_ns=T0, cash=10**18)
ENDED = RunEnded(arrival_time_ns=END_NS, reason="end")
PROFILE = profile("practice-1")


class Watcher(Strategy):
    """Notes all that it is given, and trades on it."""

    interval: str = "5s"
    gaps: str = "skip"
    running: str = "1s"
    with_trades: bool = True

    def on_start(self, context: Context) -> None:
        self.stream = context.bars(
            SYMBOL, self.interval, made_of="trades", gaps=self.gaps, running=self.running
        )
        self.slow = context.bars(SYMBOL, "17s", made_of="trades")
        self.mean = context.indicator("sma", self.stream, 3)
        if self.with_trades:
            context.trades(SYMBOL)
        self.seen: list[Any] = []
        context.timer_every("tick", 7 * SECOND)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen.append((context.now_ns, bar, self.mean.value))
        context.target(SYMBOL, units=bar.close_ticks % 3)

    def on_running_bar(self, context: Context, bar: Bar) -> None:
        self.seen.append((context.now_ns, bar, self.mean.value))
        if bar.close_ticks % 5 == 0:
            context.target(SYMBOL, units=bar.trades)

    def on_trade(self, context: Context, trade: Trade) -> None:
        self.seen.append((context.now_ns, trade))

    def on_timer(self, context: Context, timer: Any) -> None:
        self.seen.append((context.now_ns, timer.name, len(context.history(self.stream, 5))))


def a_kernel(**settings: Any) -> tuple[Kernel, MemoryJournal]:
    journal = MemoryJournal()
    return Kernel(lambda: Watcher(**settings), instruments={SYMBOL: ES}, journal=journal), journal


def makers(kernel: Kernel) -> list[BarMaker]:
    return [maker_of(each, PROFILE, T0) for _, each in sorted(kernel.subscriptions.made.items())]


def from_a_file(
    trades: Any, *, chunk: int = 50, slice_ns: int = 0, **settings: Any
) -> tuple[Kernel, MemoryJournal]:
    kernel, journal = a_kernel(**settings)
    rows = [at_slice_end(trades.rows(at, at + chunk), slice_ns) for at in range(0, 200, chunk)]
    last = END_NS // (slice_ns or 1) * (slice_ns or 1)
    made = [made_bars(rows, each, until_ns=END_NS) for each in makers(kernel)]
    streams = [Stream("made", as_rows(each), made=True) for each in made]
    if kernel.subscriptions.trades:
        pieces = [trades.rows(at, at + chunk) for at in range(0, 200, chunk)]
        streams.insert(0, Stream("trades", iter(pieces)))
    assert int(trades.arrival_time_ns[-1]) <= last
    kernel.run(HistorySource(STARTED, ENDED, streams, slice_ns=slice_ns), ScriptedVenue())
    return kernel, journal


def as_it_arrives(
    trades: Any, *, slice_ns: int = 0, **settings: Any
) -> tuple[Kernel, MemoryJournal]:
    kernel, journal = a_kernel(**settings)
    source: Any = ArrivingSource([STARTED, *single_events(trades), ENDED])
    if slice_ns:
        source = SlicedSource(source, slice_ns)
    ticks = {SYMBOL: ES.tick_float}
    kernel.run(BarMakingSource(source, makers(kernel), ticks=ticks), ScriptedVenue())
    return kernel, journal


@pytest.mark.parametrize("slice_ns", [0, MILLISECOND, 70 * MILLISECOND])
@pytest.mark.parametrize(
    ("interval", "running", "gaps"),
    [
        ("5s", "1s", "skip"),
        ("5s", "trade", "fill"),
        ("5s", "250ms", "halt"),
        ("20 trades", "trade", "skip"),
        ("100 lots", "500ms", "skip"),
    ],
)
@pytest.mark.slow
def test_history_and_arrival_give_the_same_bars_revisions_and_decisions(
    interval: str, running: str, gaps: str, slice_ns: int
) -> None:
    revised = 0
    for seed in range(6):
        trades = disordered(seed)
        settings = {"interval": interval, "running": running, "gaps": gaps}
        ours, written = from_a_file(trades, slice_ns=slice_ns, chunk=33 + seed, **settings)
        live, arrived = as_it_arrives(trades, slice_ns=slice_ns, **settings)

        assert ours._strategy.seen == live._strategy.seen, seed
        assert written.decisions == arrived.decisions, seed
        assert ours.state_hash() == live.state_hash(), seed
        revised += sum(
            isinstance(each[1], Bar) and each[1].revision > 0 for each in live._strategy.seen
        )
    assert revised > 5


def test_trades_that_only_bars_are_made_of_reach_the_journal_and_nothing_else() -> None:
    trades = disordered(1)
    ours, _ = from_a_file(trades, with_trades=False)
    live, journal = as_it_arrives(trades, with_trades=False)

    assert ours._strategy.seen == live._strategy.seen
    assert ours.state_hash() == live.state_hash()
    assert sum(isinstance(each, Trade) for each in journal.inputs) == len(trades)


def test_a_record_of_arrivals_leads_to_the_same_decisions() -> None:
    from tieout.adapters.feeds.recorded import RecordedSource
    from tieout.adapters.venues.recorded import RecordedVenue

    live, journal = as_it_arrives(disordered(2), with_trades=False)
    again, replayed = a_kernel(with_trades=False)

    again.run(RecordedSource(journal.inputs), RecordedVenue())  # type: ignore[arg-type]

    assert replayed.decisions == journal.decisions
    assert again.state_hash() == live.state_hash()


@pytest.mark.parametrize("cut", [0, 1, 40, 137])
def test_makers_go_on_where_a_record_ends(cut: int) -> None:
    trades = disordered(3)
    events = [STARTED, *single_events(trades)]
    whole = BarMakingSource(ArrivingSource(events), makers(a_kernel()[0]), ticks={SYMBOL: 0.25})
    given: list[Any] = []
    while (answer := whole.next(None)) is not None:
        given += answer.events  # type: ignore[union-attr]
    rest_of = BarMakingSource(
        ArrivingSource(events[cut:]), makers(a_kernel()[0]), ticks={SYMBOL: 0.25}
    )

    before = given[: given.index(events[cut])]
    # What is due before the next row was not told yet when the process stopped.
    while before and isinstance(before[-1], Bar) and cut:
        before.pop()
    rest_of.fold(before)
    rest: list[Any] = []
    while (answer := rest_of.next(None)) is not None:
        rest += answer.events  # type: ignore[union-attr]

    def bars(found: list[Any]) -> list[Any]:
        return [each for each in found if isinstance(each, Bar)]

    assert bars(before) + bars(rest) == bars(given)


def test_bars_that_were_due_while_the_process_was_down_are_known_when_it_is_back() -> None:
    trades = single_events(disordered(4))
    back = RunResumed(
        arrival_time_ns=trades[20].arrival_time_ns + 60 * SECOND, down_since_ns=0, state="kept"
    )
    making = BarMakingSource(
        ScriptedSource(Inputs([back])), makers(a_kernel()[0]), ticks={SYMBOL: 0.25}
    )
    making.fold([STARTED, *trades[:20]])

    answer = making.next(None)
    assert answer is not None
    resumed, *bars = answer.events  # type: ignore[union-attr]

    assert resumed == back
    assert bars
    assert {each.arrival_time_ns for each in bars} == {back.arrival_time_ns}


def test_what_was_missed_is_no_revision_and_no_look_at_a_bar_that_forms() -> None:
    trades = single_events(disordered(4))
    orderly = [
        msgspec.structs.replace(each, arrival_time_ns=each.venue_time_ns)
        for each in sorted(trades[:60], key=lambda each: each.venue_time_ns)
    ]
    back_ns = orderly[-1].arrival_time_ns + 90 * SECOND
    down_ns = orderly[19].arrival_time_ns
    back = RunResumed(arrival_time_ns=back_ns, down_since_ns=down_ns, state="kept")
    missed = [msgspec.structs.replace(each, arrival_time_ns=back_ns) for each in orderly[20:]]
    making = BarMakingSource(
        ScriptedSource(Inputs([back, *missed])), makers(a_kernel()[0]), ticks={SYMBOL: 0.25}
    )
    making.fold([STARTED, *orderly[:20]])

    answer = making.next(None)
    assert answer is not None
    bars = [each for each in answer.events if isinstance(each, Bar)]  # type: ignore[union-attr]

    assert bars
    assert not any(each.running for each in bars)
    assert not any(each.revision for each in bars)
    whole = makers(a_kernel()[0])
    alone = BarMakingSource(ScriptedSource(), whole, ticks={SYMBOL: 0.25}).over(orderly)
    closed = {
        (each.rule, each.close_time_ns): each.volume_lots
        for each in alone
        if isinstance(each, Bar) and not each.running
    }
    known = {(each.rule, each.close_time_ns): each.volume_lots for each in bars}
    assert known.items() >= {key: closed[key] for key in known if key in closed}.items()


def test_a_gap_halts_the_run_in_both_worlds() -> None:
    trades = disordered(5)
    ours, written = from_a_file(trades, gaps="halt")
    live, arrived = as_it_arrives(trades, gaps="halt")

    gaps = [each for each in written.inputs if isinstance(each, GapSeen)]
    assert gaps
    assert gaps == [each for each in arrived.inputs if isinstance(each, GapSeen)]
    assert ours.denied == live.denied > 0


def test_indicators_take_no_bar_that_is_still_forming() -> None:
    kernel, _ = from_a_file(disordered(6), running="trade")

    means = [each[2] for each in kernel._strategy.seen if isinstance(each[1], Bar)]
    running = [
        (before[2], each[2])
        for before, each in zip(kernel._strategy.seen, kernel._strategy.seen[1:], strict=False)
        if isinstance(before[1], Bar) and isinstance(each[1], Bar) and each[1].running
    ]

    assert len(set(means)) > 3
    assert all(before == after for before, after in running)


def test_slices_wider_than_a_second_are_refused() -> None:
    with pytest.raises(InputError, match="slices of 1000000001 ns"):
        HistorySource(STARTED, ENDED, [], slice_ns=1_000_000_001)
