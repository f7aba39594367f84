"""Compiled strategies that a timer asks on a book: when they run in compiled code, and when not."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.compiled import facts_of
from tests.support.compiled_books import MILLISECOND, Quoting, book_run, made_book
from tests.support.worlds import SYMBOL, MemoryJournal
from tieout.compiled import CompiledStrategy, buy, buy_post_only
from tieout.errors import DataError, SettingsError
from tieout.kernel import compiled_timer
from tieout.model.blocks import Block, records_of
from tieout.model.columns import BookColumns
from tieout.model.events import ClockReached, Fill, OrderRejected
from tieout.model.orders import CancelOrder, PlaceOrder
from tieout.model.profiles import profile

pytestmark = pytest.mark.slow

BOOK = made_book(1_200, 4, delay_ns=2 * MILLISECOND)
PROFILE = msgspec.structs.replace(
    profile("book-1"), entry_latency_ns=4 * MILLISECOND, response_latency_ns=MILLISECOND
)


class BlockJournal(MemoryJournal):
    """Takes blocks record by record, and counts what was decided in compiled code."""

    placed = 0

    def block(self, block: Block) -> None:
        for record in records_of(block):
            is_decision = isinstance(record, PlaceOrder | CancelOrder)
            self.placed += isinstance(record, PlaceOrder)
            self.records.append(("decision" if is_decision else "input", record))


@cache
def looped_facts() -> dict[str, Any]:
    return facts_of(book_run(Quoting, BOOK, PROFILE, lent=False))


@pytest.mark.parametrize("rows", [(10**9, 10**9), (1, 500), (500, 7), (37, 100)])
def test_a_long_run_is_the_same_whatever_the_chunks(
    rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    looped = looped_facts()
    for piece in (64, 65_536):
        monkeypatch.setattr(compiled_timer, "_PIECE_ROWS", piece)
        journal = BlockJournal()
        assert facts_of(book_run(Quoting, BOOK, PROFILE, rows=rows, journal=journal)) == looped
        assert journal.placed > 60
    kinds = {type(each) for _, each in looped["records"]}
    assert {Fill, OrderRejected, ClockReached} <= kinds


def test_a_run_that_begins_in_the_middle_is_the_same() -> None:
    cut = int(np.flatnonzero(BOOK.last[:500])[-1]) + 1
    past, seen = BOOK.rows(0, cut), BOOK.rows(cut, 1_200)
    begin = int(np.searchsorted(seen.arrival_time_ns, past.arrival_time_ns[-1] + 1))
    seen = seen.rows(begin, len(seen))
    journal = BlockJournal()
    terms: dict[str, Any] = {"matched": joined(past, seen), "past": past}

    compiled = facts_of(book_run(Quoting, seen, PROFILE, rows=(500, 300), journal=journal, **terms))

    assert compiled == facts_of(book_run(Quoting, seen, PROFILE, lent=False, **terms))
    assert journal.placed > 20


def test_a_market_of_other_rows_is_left_to_the_loop() -> None:
    other = made_book(1_200, 5, delay_ns=2 * MILLISECOND)
    late = joined(BOOK.rows(0, 300), BOOK.rows(340, 1_200))
    for market in (other, late):
        journal = BlockJournal()
        compiled = facts_of(book_run(Quoting, BOOK, PROFILE, matched=market, journal=journal))

        assert compiled == facts_of(book_run(Quoting, BOOK, PROFILE, matched=market, lent=False))
        assert journal.placed < 60


class Listening(Quoting):
    """Is told of every packet too."""

    def on_book(self, context: Any, book: Any) -> None:
        self.packets = getattr(self, "packets", 0) + 1


class TwoTimers(Quoting):
    def on_start(self, context: Any) -> None:
        super().on_start(context)
        context.timer_every("other", 70 * MILLISECOND)


OFFSET = msgspec.structs.replace(PROFILE, clock_offset_ns=5)


@pytest.mark.parametrize(
    ("strategy", "assumed"), [(Listening, PROFILE), (TwoTimers, PROFILE), (Quoting, OFFSET)]
)
def test_what_is_not_plain_runs_in_the_loop_with_the_same_result(
    strategy: Any, assumed: Any
) -> None:
    few = BOOK.rows(0, 1_000)
    journal = BlockJournal()

    compiled = facts_of(book_run(strategy, few, assumed, journal=journal))

    assert compiled == facts_of(book_run(strategy, few, assumed, lent=False))
    assert journal.placed == 0


class Packets(CompiledStrategy):
    """Is asked after every packet."""

    def on_start(self, context: Any) -> None:
        context.books(SYMBOL)

    @staticmethod
    def step_book(book: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] += 1
        if memory.whole[0] % 50 == 0 and book.bid_lots > 0 and account.open_orders < 9:
            buy_post_only(wishes, 1, book.bid_ticks)


def test_a_function_on_packets_trades() -> None:
    kernel, _, _ = book_run(Packets, BOOK.rows(0, 1_000), PROFILE)

    assert kernel.failure is None
    assert kernel.orders.counts()[0] > 5


class Dividing(CompiledStrategy):
    def on_start(self, context: Any) -> None:
        context.books(SYMBOL)
        context.timer_every("look", 10 * MILLISECOND)

    @staticmethod
    def step_timer(book: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] += 1
        if memory.whole[0] % 10 == 0:
            buy(wishes, 400 // (60 - memory.whole[0]))
        elif memory.whole[0] % 10 == 1:
            buy(wishes, 1)


def test_a_function_that_raises_ends_the_strategy_at_the_same_time() -> None:
    compiled, looped = (book_run(Dividing, BOOK, PROFILE, lent=lent) for lent in (True, False))

    assert isinstance(compiled[0].failure, SettingsError)
    assert facts_of(compiled) == facts_of(looped)


def test_a_row_that_cannot_be_ends_both_with_the_same_words() -> None:
    lots = BOOK.lots.copy()
    lots[800] = -1
    bad = with_lots(BOOK, lots)
    told = []
    for lent in (True, False):
        journal = BlockJournal()
        with pytest.raises(DataError) as error:
            book_run(Quoting, bad, PROFILE, lent=lent, journal=journal)
        told.append((str(error.value), journal.records))

    (words, compiled), (same_words, looped) = told
    # The loop may go on a little: it meets rows when they matter.
    shorter = min(len(compiled), len(looped))
    assert words == same_words
    assert shorter > 50
    assert compiled[:shorter] == looped[:shorter]


class WithoutBook(Quoting):
    def on_start(self, context: Any) -> None:
        context.timer_every("look", 10 * MILLISECOND)


def test_a_timer_without_a_book_is_said() -> None:
    kernel, _, _ = book_run(WithoutBook, BOOK.rows(0, 200), PROFILE)

    assert "asks for 0 of them" in str(kernel.failure)


def joined(first: BookColumns, second: BookColumns) -> BookColumns:
    names = ("venue_time_ns", "arrival_time_ns", "kind", "side", "price_ticks", "lots", "last")
    return BookColumns(
        SYMBOL, *(np.concatenate((getattr(first, each), getattr(second, each))) for each in names)
    )


def with_lots(book: BookColumns, lots: Any) -> BookColumns:
    return BookColumns(
        SYMBOL,
        book.venue_time_ns,
        book.arrival_time_ns,
        book.kind,
        book.side,
        book.price_ticks,
        lots,
        book.last,
    )
