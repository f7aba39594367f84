"""Time runs one way, chunks change nothing, and a run that is repeated is the same run."""

from __future__ import annotations

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
    ScriptedSource,
    ended,
    single_events,
    started,
)
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.feeds.recorded import RecordedSource
from tieout.adapters.venues.recorded import RecordedVenue
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs
from tieout.model.columns import TradeColumns
from tieout.model.events import Fill, OrderDenied, RunEnded, RunStarted
from tieout.model.money import MONEY_UNIT
from tieout.model.orders import (
    AmendOrder,
    CancelOrder,
    HoldOrder,
    LinkOrders,
    PlaceOrder,
    WorkOrder,
)
from tieout.model.profiles import profile
from tieout.model.venues import EVERYTHING, GATEWAY, VenueProfile
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

END_NS = T0 + 60 * MINUTE
ROWS = 3000


class Rich(Strategy):
    """Something of everything, one thing every twenty seconds, by the second of the hour."""

    def on_start(self, context: Any) -> None:
        context.trades(SYMBOL)
        context.timer_every("act", 20 * SECOND)
        self.last: list[str] = []

    def on_timer(self, context: Any, timer: Any) -> None:
        number = timer.due_ns // (20 * SECOND)
        wish = self.wishes()[number % 13]
        made = wish(context)
        if isinstance(made, str):
            self.last.append(made)

    def wishes(self) -> list[Callable[[Any], Any]]:
        price = 100.0
        return [
            lambda c: c.bracket(
                SYMBOL, side="buy", units=5, take_profit=price + 0.5, stop_loss={"trail_ticks": 4}
            ),
            lambda c: c.bracket(
                SYMBOL,
                side="sell",
                units=4,
                limit=price,
                take_profit=price - 1,
                stop_loss=price + 1,
            ),
            lambda c: c.twap(SYMBOL, side="buy", units=9, parts=3, interval_ns=7 * SECOND),
            lambda c: c.participate(SYMBOL, side="sell", units=6, share=0.05),
            lambda c: c.buy(SYMBOL, units=7, limit=price + 0.25, display=2),
            lambda c: c.sell(SYMBOL, units=3, touch=price + 0.25, limit=price),
            lambda c: c.buy(SYMBOL, units=3, stop=price + 0.5, limit=price + 1),
            lambda c: c.sell(SYMBOL, units=8, market_to_limit=True),
            lambda c: c.sell(SYMBOL, units=3, trail_bps=20, activation=price + 0.5),
            lambda c: c.buy(SYMBOL, units=2, limit=price - 0.25, expires_at_ns=c.now_ns + SECOND),
            lambda c: c.sell(SYMBOL, units=3, limit=price + 2, reduce_only=True),
            lambda c: [c.amend(each, units=4) for each in self.last[-3:]],
            lambda c: [c.cancel(each) for each in c.open_orders(held=True)[::3]],
        ]

    def on_fill(self, context: Any, fill: Any) -> None:
        if fill.lots == 3:
            ids = context.open_orders(SYMBOL)
            if len(ids) > 1:
                context.one_cancels_other(*ids[:2])


def a_walk() -> TradeColumns:
    """Return prints around 100, one each 1.2 s, arriving 100 ms late."""
    draw = np.random.default_rng(11)
    when = T0 + SECOND + 1_200_000_000 * np.arange(ROWS, dtype=np.int64)
    pull = np.cumsum(draw.choice([-1, 0, 1], ROWS))
    return TradeColumns(
        SYMBOL,
        when,
        when + 100_000_000,
        (400 + pull % 17 - 8).astype(np.int64),
        draw.integers(1, 60, ROWS),
        np.zeros(ROWS, np.int8),
        np.arange(1, ROWS + 1, dtype=np.int64),
    )


COLUMNS = a_walk()


def cut(rows: int) -> Iterator[TradeColumns]:
    for start in range(0, ROWS, rows):
        yield COLUMNS.rows(start, start + rows)


def a_kernel(profile_of: VenueProfile) -> tuple[Kernel, MemoryJournal]:
    journal = MemoryJournal()
    kernel = Kernel(Rich, instruments={SYMBOL: ES}, journal=journal, venue_profile=profile_of)
    return kernel, journal


def a_venue(rows: int = ROWS) -> SimulatedVenue:
    market = HistoryMarket(cut(rows))
    return SimulatedVenue({SYMBOL: ES}, profile("pessimistic-1"), {SYMBOL: market})


def in_chunks(profile_of: VenueProfile, rows: int) -> tuple[Kernel, MemoryJournal]:
    kernel, journal = a_kernel(profile_of)
    source = HistorySource(
        RunStarted(arrival_time_ns=T0, cash=100_000 * MONEY_UNIT),
        RunEnded(arrival_time_ns=END_NS, reason="end"),
        [Stream("trades", cut(rows))],
    )
    kernel.run(source, a_venue(rows))
    return kernel, journal


def one_by_one(profile_of: VenueProfile) -> tuple[Kernel, MemoryJournal]:
    kernel, journal = a_kernel(profile_of)
    events = (Inputs((each,)) for each in single_events(COLUMNS))
    kernel.run(ScriptedSource(started(), *events, ended(END_NS)), a_venue())
    return kernel, journal


@pytest.fixture(scope="module", params=[GATEWAY, EVERYTHING], ids=lambda venue: venue.name)
def whole(request: pytest.FixtureRequest) -> tuple[Kernel, MemoryJournal]:
    return one_by_one(request.param)


def test_the_strategy_uses_all_of_it(whole: tuple[Kernel, MemoryJournal]) -> None:
    kernel, journal = whole
    kinds = {type(each) for each in journal.decisions}

    assert kernel.failure is None
    assert kinds >= {PlaceOrder, CancelOrder, AmendOrder, HoldOrder, LinkOrders, WorkOrder}
    assert sum(type(each) is Fill for each in journal.inputs) > 200
    wished = {each.origin.split(":")[2] for each in journal.decisions if is_part(each)}
    assert wished >= {"slice", "share", "released"}
    if kernel.venue_profile is GATEWAY:
        assert wished >= {"shown", "rest", "again", "triggered"}
    parts = [each for each in journal.decisions if isinstance(each, OrderDenied)]
    assert len(parts) < len(journal.decisions) / 4


def is_part(decision: Any) -> bool:
    return isinstance(decision, PlaceOrder) and decision.origin.startswith("leg:")


@pytest.mark.parametrize("rows", [1, 7, 4096])
def test_chunks_of_any_size_lead_to_the_same_decisions(
    whole: tuple[Kernel, MemoryJournal], rows: int
) -> None:
    kernel, journal = in_chunks(whole[0].venue_profile, rows)

    assert journal.decisions == whole[1].decisions
    assert kernel.state_hash() == whole[0].state_hash()


def test_no_decision_is_made_of_an_arrival_time(whole: tuple[Kernel, MemoryJournal]) -> None:
    parts = [each for each in whole[1].decisions if is_part(each)]

    assert parts
    late = COLUMNS.arrival_time_ns.tolist()
    seconds = {str(each) for each in late}
    assert not [each.origin for each in parts if seconds & set(each.origin.split(":"))]


def test_a_replay_of_the_record_is_the_same_byte_for_byte(
    whole: tuple[Kernel, MemoryJournal],
) -> None:
    kernel, journal = a_kernel(whole[0].venue_profile)
    kernel.run(RecordedSource(whole[1].inputs), RecordedVenue())

    assert journal.decisions == whole[1].decisions
    assert kernel.state_hash() == whole[0].state_hash()


def test_a_kill_at_any_commit_comes_back_to_the_decisions_it_had_made(
    whole: tuple[Kernel, MemoryJournal],
) -> None:
    records, commits = whole[1].records, sorted(set(whole[1].commits))
    again, journal = a_kernel(whole[0].venue_profile)
    fed = 0
    for durable in commits:
        inputs = [record for kind, record in records[fed:durable] if kind == "input"]
        again.run(RecordedSource(inputs), RecordedVenue())
        fed = durable
        made = [record for kind, record in records[:durable] if kind == "decision"]
        # Two things may be due at one moment, and the first of them be durable before the second.
        assert journal.decisions[: len(made)] == made
        assert len(journal.decisions) - len(made) <= 2
    assert journal.decisions == whole[1].decisions


def test_everything_sent_was_durable_before(whole: tuple[Kernel, MemoryJournal]) -> None:
    kernel, journal = a_kernel(whole[0].venue_profile)
    venue = a_venue()
    late: list[str] = []
    place = venue.place

    def watched(order: PlaceOrder) -> None:
        written = [record for _, record in journal.records[: journal.commits[-1]]]
        if not any(
            isinstance(e, PlaceOrder) and e.decision_id == order.decision_id for e in written[-40:]
        ):
            late.append(order.decision_id)
        place(order)

    venue.place = watched  # type: ignore[method-assign]
    events = (Inputs((each,)) for each in single_events(COLUMNS.rows(0, 600)))
    kernel.run(ScriptedSource(started(), *events, ended(END_NS)), venue)

    assert late == []
    assert whole[0].failure is None


def test_the_books_and_the_orders_agree(whole: tuple[Kernel, MemoryJournal]) -> None:
    kernel, _ = whole
    filled = sum(each.filled_lots * each.place.side for each in kernel.orders.by_id.values())

    assert kernel.position_lots(SYMBOL) == filled
    over = [each for each in kernel.orders.by_id.values() if each.filled_lots > each.place.lots]
    assert over == []
