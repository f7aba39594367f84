"""Packets, their names, and views that are brought up to date when somebody looks."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bench import NobodyVenue
from tests.support.books import CLEAR, LEVEL, TRADE, book_rows
from tests.support.worlds import ES, SECOND, SYMBOL, T0, MemoryJournal, ScriptedSource
from tieout.errors import InputError
from tieout.kernel.books import Books, PacketNames
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.model.columns import QuoteColumns
from tieout.model.events import Quote, RunEnded, RunStarted
from tieout.model.orders import PlaceOrder
from tieout.strategy import Strategy

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "200"))


def names_one_by_one(times: list[int]) -> list[str]:
    """What the docstring says, in plain words."""
    found, latest, late = [], None, 0
    seen: Counter[int] = Counter()
    for time in times:
        if latest is not None and time < latest:
            late += 1
            found.append(f"late{late}")
            continue
        latest = time
        found.append(str(seen[time]))
        seen[time] += 1
    return found


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.lists(st.integers(1, 5)))
def test_packets_are_named_the_same_however_they_are_cut(times: list[int], cuts: list[int]) -> None:
    names, found = PacketNames(), []
    rest = times
    for cut in cuts:
        found += names.of(np.array(rest[:cut], np.int64))
        rest = rest[cut:]
    found += names.of(np.array(rest, np.int64))

    assert found == names_one_by_one(times)
    assert len(set(zip(times, found, strict=True))) == len(times)


def drained(books: Books, rows: Any) -> list[Any]:
    """Tell every packet; return what the view shows after each."""
    return [
        (cursor.origin(cursor.row), view.bid_ticks, view.ask_ticks)  # type: ignore[union-attr]
        for cursor in books.cursors(rows)
        for view in cursor.events
    ]


ROWS = [
    (1, LEVEL, 1, 99, 5, False),
    (1, LEVEL, -1, 101, 5, True),
    (2, TRADE, 1, 101, 1, True),
    (2, LEVEL, 1, 100, 2, True),
    (3, CLEAR, 0, 0, 0, False),
    (3, LEVEL, 1, 98, 2, True),
    (4, LEVEL, -1, 103, 2, False),
]
SHOWN = [
    ("book:X:1:0", 99, 101),
    ("book:X:2:0", 99, 101),
    ("book:X:2:1", 100, 101),
    ("book:X:3:0", 98, None),
]


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_a_packet_is_told_when_it_is_whole_however_its_rows_come(cut: int) -> None:
    rows, books = book_rows(ROWS), Books({"X": 0.5})
    shown = []
    for start in range(0, len(rows), cut):
        shown += drained(books, rows.rows(start, start + cut))
    assert shown == SHOWN


def test_a_view_shows_what_was_handled_and_nothing_of_what_is_to_come() -> None:
    books = Books({"X": 0.5})
    view = books.view("X")
    assert (view.bid, view.ask, view.bid_lots, view.ask_lots) == (None, None, 0, 0)
    assert (view.mark_ticks, view.venue_time_ns, view.levels(1)) == (None, 0, ((), ()))

    for cursor in books.cursors(book_rows(ROWS, latency_ns=10)):
        assert view.bid_ticks is None
        assert books.mark_ticks("X") is None
        cursor.skip_to(1)
        assert (view.bid_ticks, view.mark_ticks) == (99, 100)
        next(cursor.events)
        assert (view.bid_ticks, view.mark_ticks, view.arrival_time_ns) == (99, 101, 12)
        cursor.skip_to(4)
        assert (view.bid, view.ask, view.bid_lots, view.ask_lots) == (49.0, None, 2, 0)
        assert [tuple(each) for each in view.levels(5).bids] == [(98, 2, 49.0)]
        assert (view.lots_at(1, 98), view.lots_at(-1, 103)) == (2, 0)
        assert cursor.age() == (10, False)
    assert view.venue_time_ns == 3


def test_no_levels_cannot_be_asked_for() -> None:
    with pytest.raises(InputError, match="0 levels of a book; allowed: 1 or more"):
        Books({"X": 1.0}).view("X").levels(0)


def test_what_printed_before_the_start_is_the_mark_at_the_start() -> None:
    books = Books({"X": 0.5})
    books.before(book_rows(ROWS[:3]))
    view = books.view("X")
    assert (view.mark_ticks, view.bid_ticks) == (101, 99)


def test_a_view_that_nobody_asks_keeps_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieout.kernel.books._WAITING_ROWS_MAX", 4)
    books = Books({"X": 0.5})
    for start in range(6):
        for cursor in books.cursors(book_rows(ROWS).rows(start, start + 1)):
            cursor.skip_to(1)
    view = books.view("X")
    assert view._waiting_rows <= 4
    assert view.bid_ticks == 98


class OnQuotes(Strategy):
    """Buy on every third quote."""

    def on_start(self, context: Any) -> None:
        context.quotes(SYMBOL)
        self.count = 0

    def on_quote(self, context: Any, quote: Any) -> None:
        self.count += 1
        assert quote.ask - quote.bid == 0.5
        if self.count % 3 == 0:
            context.buy(SYMBOL, units=1)


def test_quotes_that_come_one_by_one_lead_to_the_decisions_of_a_batch() -> None:
    count = 12
    when = T0 + SECOND * (np.arange(count, dtype=np.int64) // 4)
    bids = 400 + np.arange(count, dtype=np.int64) % 3
    ones = np.ones(count, np.int64)
    rows = QuoteColumns(SYMBOL, when, when + SECOND, bids, ones, bids + 2, ones)
    alone = [
        Quote(SYMBOL, int(at), int(at) + SECOND, int(bid), 1, int(bid) + 2, 1, 0.25)
        for at, bid in zip(when, bids, strict=True)
    ]
    ended = RunEnded(arrival_time_ns=T0 + 60 * SECOND, reason="end")
    found = []
    for batches in (
        [MarketBatch(rows, stored=True)],
        [MarketBatch(rows.rows(at, at + 5), stored=True) for at in (0, 5, 10)],
        [Inputs(tuple(alone))],
    ):
        journal = MemoryJournal()
        kernel = Kernel(OnQuotes, instruments={SYMBOL: ES}, journal=journal)
        started = Inputs((RunStarted(arrival_time_ns=T0, cash=10**18),))
        kernel.run(ScriptedSource(started, *batches, Inputs((ended,))), NobodyVenue())
        assert kernel.failure is None
        found.append((journal.decisions, kernel.state_hash()))

    assert found[0] == found[1] == found[2]
    origins = [each.origin for each in found[0][0] if isinstance(each, PlaceOrder)]
    assert origins == [
        f"quote:{SYMBOL}:{T0 + at * SECOND}:{name}" for at, name in ((0, 2), (1, 1), (2, 0), (2, 3))
    ]
    prices = [each.decision_price_ticks for each in found[0][0] if isinstance(each, PlaceOrder)]
    assert prices == [403, 403, 403, 403]
