"""Plain orders of strategies in Python: the same run, whichever way they go."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.compiled import bars_like, facts_of, prints_like, run_of
from tests.support.worlds import MINUTE, SECOND, SYMBOL, MemoryJournal
from tieout.kernel.deferred import DeferredOrders
from tieout.kernel.shortcut import Shortcut
from tieout.model.blocks import Block, records_of
from tieout.model.events import ClockReached, Fill, FundingCharged, StoreWritten, StrategyFailed
from tieout.model.orders import CancelOrder, PlaceOrder
from tieout.model.profiles import FillLevel, SimulationProfile, profile
from tieout.strategy import Strategy

ROWS = 600
DRAW = np.random.default_rng(11)
BARS = bars_like(
    4_000 + np.cumsum(DRAW.integers(-2, 3, ROWS)),
    DRAW.integers(0, 4, ROWS),
    DRAW.integers(0, 4, ROWS),
    DRAW.integers(0, 90, ROWS),
    delay_ns=3 * SECOND,
)
PRINTS = prints_like(
    4_000 + np.cumsum(DRAW.integers(-2, 3, ROWS)),
    DRAW.integers(0, 90, ROWS),
    DRAW.integers(1, 90, ROWS),
    delay_ns=SECOND // 10,
)
PESSIMISTIC = profile("pessimistic-1")
NAIVE = profile("zero-latency")
IMPACT = msgspec.structs.replace(PESSIMISTIC, fill_level=FillLevel.IMPACT)
SLOW = msgspec.structs.replace(PESSIMISTIC, entry_latency_ns=90 * SECOND)
PROFILES = (PESSIMISTIC, NAIVE, IMPACT, SLOW)


class BlockJournal(MemoryJournal):
    """Takes blocks record by record, and counts the orders in them: those that went short."""

    placed = 0

    def block(self, block: Block) -> None:
        for record in records_of(block):
            decided = isinstance(record, PlaceOrder | CancelOrder)
            self.placed += isinstance(record, PlaceOrder)
            self.records.append(("decision" if decided else "input", record))


class Scripted(Strategy):
    """Does on each bar what the next letter says, over and over."""

    letters: str = "."

    def on_start(self, context: Any) -> None:
        self.stream = context.bars(SYMBOL, "1m")
        self.mean = context.indicator("sma", self.stream, 3)
        self.asked: list[object] = []
        self.seen = 0

    def on_bar(self, context: Any, bar: Any) -> None:  # noqa: C901, PLR0912
        letter = self.letters[self.seen % len(self.letters)]
        self.seen += 1
        held = context.position(SYMBOL).lots
        match letter:
            case "t":
                context.target(SYMBOL, units=0 if held else 2)
            case "b":
                context.buy(SYMBOL, units=1)
            case "s":
                context.sell(SYMBOL, units=3)
            case "m":
                context.buy(SYMBOL, units=2)
                context.sell(SYMBOL, units=1)
            case "h":
                context.buy(SYMBOL, units=500)
            case "l":
                context.buy(SYMBOL, units=1, limit=bar.close - 0.5)
            case "r":
                context.sell(SYMBOL, units=1, reduce_only=True)
            case "c":
                for each in context.open_orders():
                    context.cancel(each)
            case "a":
                mean = self.mean.value if self.mean.ready else None
                past = [each.close_ticks for each in context.history(self.stream, 3)]
                self.asked.append((context.equity, held, list(context.open_orders()), mean, past))
            case "w":
                context.save("seen", str(self.seen))
            case "k":
                context.timer_at(f"t{self.seen}", context.now_ns + 90 * SECOND)
            case "x":
                _ = 1 // 0
            case _:
                pass

    def on_timer(self, context: Any, timer: Any) -> None:
        self.asked.append((timer.name, context.now_ns, context.position(SYMBOL).lots))


def scripted(letters: str) -> Any:
    made: list[Scripted] = []

    def make() -> Scripted:
        made.append(Scripted(letters=letters))
        return made[-1]

    return make, made


def both(letters: str, assumed: SimulationProfile, **how: Any) -> tuple[Any, Any, BlockJournal]:
    """Run a script with the shortcut and without; return the facts of both, and the journal."""
    journal = BlockJournal()
    make, short = scripted(letters)
    ran = run_of(make, BARS, assumed, journal=journal, **how)
    facts = facts_of(ran)
    make, long = scripted(letters)
    looped = facts_of(run_of(make, BARS, assumed, lent=False, **{**how, "rows": 10**9}))
    assert short[-1].asked == long[-1].asked
    return facts, looped, journal


@pytest.mark.parametrize("assumed", PROFILES, ids=lambda each: f"{each.name}-{each.fill_level}")
@pytest.mark.parametrize(
    "letters", ["t", "b.s.", "ta", "m.a", "h.t", "tw", "t.." + "lcr" + "t." * 40]
)
def test_a_run_is_the_same_whichever_way_its_orders_go(
    letters: str, assumed: SimulationProfile
) -> None:
    facts, looped, _ = both(letters, assumed)

    assert facts == looped
    assert any(isinstance(each, Fill) for _, each in facts["records"])


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_chunks_make_no_difference(rows: int) -> None:
    facts, looped, journal = both("t.a", PESSIMISTIC, rows=rows)

    assert facts == looped
    assert journal.placed or rows == 1


@given(
    letters=st.text("tbsmhlrcawk....", min_size=1, max_size=12),
    assumed=st.sampled_from(PROFILES),
    rows=st.sampled_from([13, 10**9]),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_any_script_is_the_same_run(letters: str, assumed: SimulationProfile, rows: int) -> None:
    facts, looped, _ = both(letters, assumed, rows=rows)

    assert facts == looped


def test_plain_orders_go_short_and_nobody_needs_to_look_at_them() -> None:
    journal = BlockJournal()
    make, _ = scripted("t.")

    kernel, _, _ = run_of(make, BARS, NAIVE, journal=journal)

    assert isinstance(kernel.orders, DeferredOrders)
    orders, fills = kernel.orders.counts()
    assert orders == fills == journal.placed == ROWS // 2


def test_asking_for_open_orders_does_not_end_it() -> None:
    facts, looped, journal = both("tac", NAIVE)

    assert facts == looped
    assert journal.placed == ROWS // 3


def test_funding_is_charged_while_the_strategy_waits() -> None:
    paid = msgspec.structs.replace(PESSIMISTIC, funding_interval_ns=10 * MINUTE)

    facts, looped, journal = both("b" + "." * 50 + "a", paid)

    assert facts == looped
    assert sum(isinstance(each, FundingCharged) for _, each in facts["records"]) > 10
    assert journal.placed


def test_what_is_saved_stands_behind_what_was_decided_before() -> None:
    facts, _, journal = both("tw", NAIVE)

    kinds = [type(each) for _, each in facts["records"]]
    first = kinds.index(StoreWritten)
    assert kinds[:first].count(PlaceOrder) == 1
    assert journal.placed > 1


def test_a_timer_set_between_two_orders_fires_at_its_time() -> None:
    facts, looped, journal = both("t.tk" + "t" * 30, NAIVE)

    assert facts == looped
    assert any(isinstance(each, ClockReached) for _, each in facts["records"])
    assert journal.placed


def test_a_strategy_that_raises_ends_in_the_same_row() -> None:
    facts, looped, journal = both("t." * 20 + "x", NAIVE)

    assert facts == looped
    assert any(isinstance(each, StrategyFailed) for _, each in facts["records"])
    assert journal.placed == 20


def test_bars_seen_and_prints_matched_are_the_same_run() -> None:
    seen = BARS.rows(0, 200)
    make, _ = scripted("t.b.s")
    journal = BlockJournal()
    short = facts_of(run_of(make, seen, PESSIMISTIC, matched=PRINTS, journal=journal))
    make, _ = scripted("t.b.s")
    long = facts_of(run_of(make, seen, PESSIMISTIC, matched=PRINTS, lent=False))

    assert short == long
    assert journal.placed


class Listens(Scripted):
    def on_fill(self, context: Any, fill: Any) -> None:
        self.asked.append(fill.trade_id)


def test_who_listens_to_fills_is_told_by_the_loop() -> None:
    journal = BlockJournal()

    run_of(lambda: Listens(letters="t"), BARS, NAIVE, journal=journal)

    assert journal.placed == 0
    assert any(isinstance(each, Fill) for each in (record for _, record in journal.records))


def test_resting_orders_keep_it_from_being_tried_on_every_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = []
    borrow = Shortcut._borrow

    def counted(self: Shortcut, *given: Any) -> bool:
        begun.append(1)
        return borrow(self, *given)

    monkeypatch.setattr(Shortcut, "_borrow", counted)
    make, _ = scripted("l" + "." * 9)

    run_of(make, BARS, PESSIMISTIC, rows=2)

    assert len(begun) < 12
