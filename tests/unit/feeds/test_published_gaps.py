"""Holes among bars that somebody else published: one rule, from a file and as bars arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.worlds import (
    ES,
    MINUTE,
    SECOND,
    SYMBOL,
    T0,
    MemoryJournal,
    ScriptedVenue,
    bars,
    single_events,
)
from tests.unit.feeds.arriving import ArrivingSource
from tieout import Context, Strategy
from tieout.adapters.feeds.history import HistorySource, Stream, as_rows
from tieout.adapters.feeds.making import BarMakingSource
from tieout.history import made_bars
from tieout.kernel.loop import Kernel
from tieout.model.bars import BarRule, GapRule, bar_rule
from tieout.model.events import Bar, GapSeen, RunEnded, RunStarted
from tieout.model.profiles import profile
from tieout.wiring.markets import maker_of, taken

if TYPE_CHECKING:
    from tieout.model.columns import BarColumns

BEGIN = T0 // MINUTE * MINUTE
END_NS = BEGIN + 200 * MINUTE
STARTED = RunStarted(arrival_time_ns=BEGIN, cash=10**18)
ENDED = RunEnded(arrival_time_ns=END_NS, reason="end")
PROFILE = profile("practice-1")


class Watcher(Strategy):
    """Notes the bars it is given, and trades on them."""

    gaps: str = "fill"
    made_of: str | None = None
    sessions: Any = ()

    def on_start(self, context: Context) -> None:
        self.seen: list[tuple[int, Bar]] = []
        context.bars(SYMBOL, "1m", gaps=self.gaps, sessions=self.sessions)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen.append((context.now_ns, bar))
        context.target(SYMBOL, units=bar.close_ticks % 3)


def with_holes(seed: int, *, late_ns: int = 200_000_000) -> BarColumns:
    """Return bars of which some are missing, some are late, and some are revised."""
    draw = np.random.default_rng(seed)
    whole = bars((400 + draw.integers(0, 9, 120)).tolist(), start_ns=BEGIN)
    rows = np.sort(draw.choice(120, 100))
    part = taken(whole, rows)
    revision = np.concatenate(([0], (rows[1:] == rows[:-1]).cumsum()))
    again = np.concatenate(([False], rows[1:] == rows[:-1]))
    delay = np.where(again, draw.integers(1, 5, 100) * MINUTE, late_ns)
    delay += draw.choice([0, 7 * SECOND, 3 * MINUTE], 100, p=[0.8, 0.1, 0.1])
    part = replace(
        part,
        arrival_time_ns=part.close_time_ns + delay,
        revision=np.where(again, revision, 0).astype(np.int64),
        volume_lots=draw.integers(0, 50, 100),
    )
    return taken(part, np.argsort(part.arrival_time_ns, kind="stable"))


def a_kernel(**settings: Any) -> tuple[Kernel, MemoryJournal]:
    journal = MemoryJournal()
    return Kernel(lambda: Watcher(**settings), instruments={SYMBOL: ES}, journal=journal), journal


def from_a_file(rows: BarColumns, chunk: int, **settings: Any) -> tuple[Kernel, MemoryJournal]:
    kernel, journal = a_kernel(**settings)
    (asked,) = kernel.subscriptions.made.values()
    pieces = [rows.rows(at, at + chunk) for at in range(0, len(rows), chunk)]
    made = made_bars(pieces, maker_of(asked, PROFILE, BEGIN), until_ns=END_NS)
    streams = [Stream("made", as_rows(made), made=True)]
    kernel.run(HistorySource(STARTED, ENDED, streams), ScriptedVenue())
    return kernel, journal


def as_it_arrives(rows: BarColumns, **settings: Any) -> tuple[Kernel, MemoryJournal]:
    kernel, journal = a_kernel(**settings)
    (asked,) = kernel.subscriptions.made.values()
    source = ArrivingSource([STARTED, *single_events(rows), ENDED])
    making = BarMakingSource(
        source, [maker_of(asked, PROFILE, BEGIN)], ticks={SYMBOL: ES.tick_float}
    )
    kernel.run(making, ScriptedVenue())
    return kernel, journal


@pytest.mark.parametrize("gaps", ["fill", "halt"])
def test_history_and_arrival_know_the_same_bars_to_be_missing_at_the_same_time(gaps: str) -> None:
    told = 0
    for seed in range(8):
        rows = with_holes(seed)
        ours, written = from_a_file(rows, 9 + 20 * seed, gaps=gaps)
        live, arrived = as_it_arrives(rows, gaps=gaps)

        assert ours._strategy.seen == live._strategy.seen, seed
        assert written.decisions == arrived.decisions, seed
        gaps_seen = [
            [each for each in journal.inputs if isinstance(each, GapSeen)]
            for journal in (written, arrived)
        ]
        assert gaps_seen[0] == gaps_seen[1], seed
        told += len(gaps_seen[0]) + sum(bar.synthetic for _, bar in live._strategy.seen)
    assert told > 20


def test_what_is_published_is_given_as_it_is_and_a_hole_is_filled_once_it_is_known() -> None:
    rows = with_holes(1)
    kernel, _ = from_a_file(rows, 1_000)
    seen = kernel._strategy.seen

    first = {bar.open_time_ns: (now, bar) for now, bar in seen[::-1]}
    for opened in range(BEGIN, BEGIN + 110 * MINUTE, MINUTE):
        if opened not in first:
            continue
        now, bar = first[opened]
        if bar.synthetic:
            # Later than a bar that is in time: its close, the way of bars, and the grace.
            assert now > bar.close_time_ns + PROFILE.bar_delay_ns
            assert bar.volume_lots == 0
            assert bar.low == bar.high == bar.close
    given = {(bar.open_time_ns, bar.close_ticks, bar.volume_lots) for _, bar in seen}
    published = zip(
        rows.open_time_ns.tolist(),
        rows.close_ticks.tolist(),
        rows.volume_lots.tolist(),
        strict=True,
    )
    assert set(published) <= given


def test_between_sessions_nothing_is_missing() -> None:
    whole = bars([400, 401, 402, 403, 404, 405], start_ns=BEGIN)
    rows = taken(whole, np.array([0, 1, 4, 5]))
    rows = replace(rows, arrival_time_ns=rows.close_time_ns + 200_000_000)
    sessions = ((BEGIN, BEGIN + 2 * MINUTE), (BEGIN + 4 * MINUTE, BEGIN + 6 * MINUTE))

    inside, _ = from_a_file(rows, 10, sessions=sessions)
    always, _ = from_a_file(rows, 10)

    assert [bar.synthetic for _, bar in inside._strategy.seen] == [False] * 4
    assert [bar.synthetic for _, bar in always._strategy.seen][:6] == [
        *(False, False, True, True),
        *(False, False),
    ]


def test_a_rule_for_gaps_alone_is_for_published_bars() -> None:
    kernel, _ = a_kernel(gaps="halt")
    ((symbol, name),) = kernel.subscriptions.made
    assert (symbol, name) == (SYMBOL, "1m@1m+halt")
    rule: BarRule = bar_rule("1m", ES, made_of="1m", gaps="halt")
    assert rule.gaps is GapRule.HALT
    assert rule.finer_ns == rule.interval_ns
