"""Compiled strategies: when they run in compiled code, when not, and what they may not do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import numba
import numpy as np
import pytest

from tests.support.compiled import (
    Mixed,
    MixedTrades,
    bars_like,
    cut,
    facts_of,
    prints_like,
    run_of,
)
from tests.support.worlds import (
    ES,
    MINUTE,
    SECOND,
    SYMBOL,
    MemoryJournal,
    ScriptedSource,
    ended,
    single_events,
    started,
)
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.storage.disk import SimulatedDisk
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.compiled import CompiledStrategy, buy, sell, target
from tieout.errors import JournalDamaged, SettingsError
from tieout.journal import JournalReader, JournalWriter, Kind, decode
from tieout.kernel import compiled as lane
from tieout.kernel.deferred import DeferredOrders
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs
from tieout.kernel.risk import RiskLimits
from tieout.market.stepping import StepEntry
from tieout.model.blocks import Block, records_of
from tieout.model.events import Fill, StrategyFailed
from tieout.model.orders import CancelOrder, PlaceOrder
from tieout.model.profiles import FillLevel, SimulationProfile, profile
from tieout.model.venues import Feature, VenueProfile

ROWS = 3_000
DRAW = np.random.default_rng(3)
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


class BlockJournal(MemoryJournal):
    """Takes blocks record by record, and counts them: what was done in compiled code."""

    blocks = 0

    def block(self, block: Block) -> None:
        self.blocks += 1
        for record in records_of(block):
            kind = "decision" if isinstance(record, PlaceOrder | CancelOrder) else "input"
            self.records.append((kind, record))


class Steady(CompiledStrategy):
    """Turns its position every fifth bar, and has nothing open at the end."""

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] += 1
        if memory.whole[0] % 5 == 1:
            target(wishes, 1 - account.position_lots)


@pytest.mark.parametrize("rows", [1, 7, 4096, 10**9])
@pytest.mark.parametrize("assumed", [PESSIMISTIC, NAIVE], ids=lambda each: each.name)
@pytest.mark.slow
def test_a_long_run_is_the_same_whatever_the_chunks(
    rows: int, assumed: SimulationProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    looped = facts_of(run_of(Mixed, BARS, assumed, lent=False))
    for piece in (64, 16_384):
        monkeypatch.setattr(lane, "_PIECE_ROWS", piece)
        journal = BlockJournal()
        assert facts_of(run_of(Mixed, BARS, assumed, rows=rows, journal=journal)) == looped
        assert journal.blocks > 0
    assert any(isinstance(each, Fill) for _, each in looped["records"])


def test_bars_seen_and_prints_matched_are_the_same_run() -> None:
    seen = BARS.rows(0, 60)

    compiled = run_of(Mixed, seen, PESSIMISTIC, matched=PRINTS, rows=100)
    looped = run_of(Mixed, seen, PESSIMISTIC, matched=PRINTS, lent=False)

    assert facts_of(compiled) == facts_of(looped)
    assert compiled[0].orders.counts()[1] > 10


@pytest.mark.parametrize(("strategy", "rows"), [(Mixed, BARS), (MixedTrades, PRINTS)])
def test_rows_one_by_one_as_live_are_the_same_run(strategy: Any, rows: Any) -> None:
    few = rows.rows(0, 800)
    journal = MemoryJournal()
    venue = SimulatedVenue({SYMBOL: ES}, PESSIMISTIC, {SYMBOL: HistoryMarket(cut(few, 100))})
    kernel = Kernel(strategy, instruments={SYMBOL: ES}, journal=journal)
    single = (Inputs((each,)) for each in single_events(few))
    end_ns = int(few.arrival_time_ns[-1]) + 3 * MINUTE

    kernel.run(ScriptedSource(started(), *single, ended(end_ns)), venue)

    compiled = run_of(strategy, few, PESSIMISTIC)
    assert kernel.ledger.accounts() == compiled[0].ledger.accounts()
    assert kernel.state_hash() == compiled[0].state_hash()
    assert journal.decisions == compiled[1].decisions


def test_the_journal_on_disk_reads_as_the_loops() -> None:
    disks = SimulatedDisk(), SimulatedDisk()
    writers = [JournalWriter(disk, "j", durable=False) for disk in disks]
    for writer, lent in zip(writers, (True, False), strict=True):
        run_of(Mixed, BARS, PESSIMISTIC, lent=lent, journal=writer)
        writer.close()

    compiled, looped = (list(JournalReader(disk, "j")) for disk in disks)

    assert compiled == looped
    assert writers[0].decisions_chain == writers[1].decisions_chain
    sizes = [len(disk.files["j/segment-000001.tio"].whole) for disk in disks]
    assert sizes[0] < sizes[1] / 5


def test_a_block_that_was_changed_is_found() -> None:
    disk = SimulatedDisk()
    writer = JournalWriter(disk, "j", durable=False)
    run_of(Mixed, BARS, PESSIMISTIC, journal=writer)
    writer.close()
    image = disk.files["j/segment-000001.tio"]
    data = bytearray(image.whole)
    data[len(data) // 2] ^= 1
    image.durable, image.pending = bytes(data), []

    with pytest.raises(JournalDamaged, match="commit follows"):
        list(JournalReader(disk, "j"))


def test_the_orders_are_made_when_somebody_looks_at_them() -> None:
    kernel, _, _ = run_of(Steady, BARS.rows(0, 400), NAIVE)
    assert isinstance(kernel.orders, DeferredOrders)
    counted = kernel.orders.counts()

    orders = kernel.orders.by_id

    assert not isinstance(kernel.orders, DeferredOrders)
    assert counted == kernel.orders.counts()
    assert len(orders) == counted[0] == 80


class WithTimer(Mixed):
    def on_start(self, context: Any) -> None:
        super().on_start(context)
        context.timer_every("hour", 60 * MINUTE)


class Told(Mixed):
    def on_fill(self, context: Any, fill: Any) -> None:
        self.fills = getattr(self, "fills", 0) + fill.lots


DRAWN = msgspec.structs.replace(PESSIMISTIC, clock_offset_ns=5)
QUICK_CANCEL = msgspec.structs.replace(
    PESSIMISTIC, response_latency_ns=SECOND, cancel_latency=NAIVE.latency_of("cancel")
)


@pytest.mark.parametrize(
    ("strategy", "assumed"),
    [(WithTimer, NAIVE), (Told, NAIVE), (Mixed, DRAWN), (Mixed, QUICK_CANCEL)],
)
def test_what_is_not_plain_runs_in_the_loop_with_the_same_result(
    strategy: Any, assumed: SimulationProfile
) -> None:
    journal = BlockJournal()

    run = run_of(strategy, BARS.rows(0, 500), assumed, journal=journal)

    assert journal.blocks == 0
    assert facts_of(run) == facts_of(run_of(strategy, BARS.rows(0, 500), assumed, lent=False))


def test_a_venue_without_stops_composes_them_in_both() -> None:
    lacking = VenueProfile(
        name="bare",
        native=frozenset(
            {Feature.MARKET, Feature.LIMIT, Feature.GOOD_TILL_CANCEL, Feature.IMMEDIATE_OR_CANCEL}
        ),
    )
    few = BARS.rows(0, 600)

    compiled = facts_of(run_of(Mixed, few, PESSIMISTIC, venue_profile=lacking))

    assert compiled == facts_of(run_of(Mixed, few, PESSIMISTIC, venue_profile=lacking, lent=False))


def test_what_the_gate_refuses_is_said_in_words_and_the_run_goes_on() -> None:
    limits = RiskLimits(order_notional_max=Decimal(1_000))

    journal = BlockJournal()
    compiled = facts_of(run_of(Steady, BARS, NAIVE, limits=limits, journal=journal))

    assert journal.blocks > 1
    assert compiled["denied"] > 10
    assert compiled == facts_of(run_of(Steady, BARS, NAIVE, limits=limits, lent=False))


class Rich(CompiledStrategy):
    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] += 1
        if memory.whole[0] % 5 == 1:
            target(wishes, 900_000_000 - account.position_lots)


def test_money_past_the_end_of_int64_is_exact_in_the_loop() -> None:
    few = bars_like(
        [4_000 + row % 7 for row in range(60)], [1] * 60, [1] * 60, [9] * 60, delay_ns=0
    )

    compiled = facts_of(run_of(Rich, few, NAIVE))

    assert compiled["accounts"]["cash"] != 0
    assert compiled == facts_of(run_of(Rich, few, NAIVE, lent=False))
    assert max(map(abs, compiled["accounts"].values())) > 2**63


class Dividing(CompiledStrategy):
    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] += 1
        buy(wishes, 1 + 6 // (20 - memory.whole[0]))


def test_a_function_that_raises_ends_the_strategy_in_the_same_row() -> None:
    few = BARS.rows(0, 60)
    compiled = run_of(Dividing, few, NAIVE)
    looped = run_of(Dividing, few, NAIVE, lent=False)

    assert facts_of(compiled) == facts_of(looped)
    failed = next(each for each in compiled[1].decisions if isinstance(each, StrategyFailed))
    assert failed.origin.endswith(f":{int(few.close_time_ns[19])}:0")
    assert "NUMBA_DISABLE_JIT=1" in failed.detail
    assert len([each for each in compiled[1].decisions if isinstance(each, PlaceOrder)]) == 19


class Greedy(CompiledStrategy):
    many: int = 33

    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")

    @staticmethod
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        for _ in range(given.many):
            sell(wishes, 1)


def test_more_wishes_than_fit_end_the_strategy_and_as_many_as_fit_do_not() -> None:
    few = BARS.rows(0, 5)

    failed = run_of(Greedy, few, NAIVE)[0].failure

    assert isinstance(failed, SettingsError)
    assert "more than 32 wishes" in str(failed)
    enough = run_of(lambda: Greedy(many=32), few, NAIVE)
    assert enough[0].failure is None
    assert facts_of(enough) == facts_of(run_of(lambda: Greedy(many=32), few, NAIVE, lent=False))


class Both(Mixed):
    @staticmethod
    def step_trade(trade: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        """Take a print too, which is one function too many."""


class Wrong(MixedTrades):
    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")


def broken_step() -> Any:
    def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
        memory.whole[0] = {"no": "dictionary"}

    return step_bar


def test_what_a_compiled_strategy_must_not_be_is_said() -> None:
    few = BARS.rows(0, 5)

    assert "2 compiled functions" in str(run_of(Both, few, NAIVE, lent=False)[0].failure)
    assert "it asks for what step_bar takes, and has step_trade" in str(
        run_of(Wrong, few, NAIVE)[0].failure
    )
    with pytest.raises(SettingsError, match="allowed: 0 … 10000000"):
        StepEntry(Mixed.step_bar, {}, cells=(-1, 0), tick=0.1, name="Mixed")


@pytest.mark.slow
def test_a_function_that_does_not_compile_is_refused() -> None:
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    with pytest.raises(SettingsError, match="step_bar does not compile"):
        StepEntry(broken_step(), {}, cells=(1, 1), tick=0.1, name="Broken")


def test_drilling_down_is_left_to_the_loop() -> None:
    drilling = msgspec.structs.replace(PESSIMISTIC, fill_level=FillLevel.DRILLDOWN)

    assert facts_of(run_of(Mixed, BARS.rows(0, 300), drilling)) == facts_of(
        run_of(Mixed, BARS.rows(0, 300), drilling, lent=False)
    )


def test_records_of_a_journal_are_of_the_kinds_they_were() -> None:
    disk = SimulatedDisk()
    writer = JournalWriter(disk, "j", durable=False)
    run_of(Mixed, BARS.rows(0, 200), PESSIMISTIC, journal=writer)
    writer.close()

    entries = list(JournalReader(disk, "j"))

    assert [each.sequence for each in entries] == list(range(len(entries)))
    placed = [each for each in entries if isinstance(decode(each.payload), PlaceOrder)]
    assert placed
    assert {each.kind for each in placed} == {Kind.DECISION}
