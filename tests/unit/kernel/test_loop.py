"""The loop: one order of events, whatever the events come in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.worlds import (
    MINUTE,
    SECOND,
    SYMBOL,
    T0,
    ScriptedSource,
    ScriptedVenue,
    bars,
    ended,
    run,
    single_events,
    started,
    trades,
)
from tieout.errors import InputError, InvariantViolated
from tieout.kernel.ports import Inputs, MarketBatch
from tieout.kernel.risk import RiskLimits
from tieout.model.events import (
    Fill,
    OperatorCommand,
    OrderDenied,
    RunResumed,
    StoreWritten,
    StrategyFailed,
)
from tieout.model.orders import CancelOrder, OrderState, PlaceOrder
from tieout.strategy import Strategy


class Recorder(Strategy):
    """Writes down everything it is told."""

    def on_start(self, context: Any) -> None:
        self.told: list[tuple[str, int]] = []
        self.stream = context.bars(SYMBOL, "1m")
        context.timer_every("half", 30 * SECOND)

    def on_bar(self, context: Any, bar: Any) -> None:
        assert context.now_ns == bar.arrival_time_ns
        self.told.append(("bar", context.now_ns))

    def on_timer(self, context: Any, timer: Any) -> None:
        assert context.now_ns == timer.due_ns
        self.told.append(("timer", context.now_ns))

    def on_fill(self, context: Any, fill: Any) -> None:
        self.told.append(("fill", context.now_ns))


class Alternator(Strategy):
    """Long one bar, flat the next."""

    units: float = 1

    def on_start(self, context: Any) -> None:
        self.stream = context.bars(SYMBOL, "1m")

    def on_bar(self, context: Any, bar: Any) -> None:
        held = context.position(SYMBOL).lots
        context.target(SYMBOL, units=0 if held else self.units)


def test_timers_fire_at_their_time_between_bars_and_before_the_bar_that_arrives_with_them() -> None:
    seen = Recorder()

    run(lambda: seen, MarketBatch(bars([400, 401]), stored=True), until_ns=T0 + 2 * MINUTE)

    assert seen.told == [
        ("timer", T0 + 30 * SECOND),
        ("timer", T0 + 60 * SECOND),
        ("bar", T0 + 60 * SECOND),
        ("timer", T0 + 90 * SECOND),
        ("timer", T0 + 120 * SECOND),
        ("bar", T0 + 120 * SECOND),
    ]


class SetsTimers(Recorder):
    """Sets a timer on every other bar, due between the next two; one of them repeats."""

    def on_start(self, context: Any) -> None:
        self.told: list[tuple[str, int]] = []
        context.bars(SYMBOL, "1m")

    def on_bar(self, context: Any, bar: Any) -> None:
        self.told.append(("bar", context.now_ns))
        if len(self.told) == 1:
            context.timer_every("again", 100 * SECOND, offset_ns=5 * SECOND)
        if len(self.told) % 2:
            context.timer_at(f"later {len(self.told)}", context.now_ns + 90 * SECOND)


def test_a_timer_set_on_a_bar_fires_at_its_time_in_whole_columns_and_one_by_one() -> None:
    columns = bars([400] * 9)
    pieces = [MarketBatch(columns.rows(start, start + 4), stored=True) for start in range(0, 9, 4)]
    whole, chunked, single = SetsTimers(), SetsTimers(), SetsTimers()

    run(lambda: whole, MarketBatch(columns, stored=True))
    run(lambda: chunked, *pieces)
    run(lambda: single, Inputs(tuple(single_events(columns))))

    assert whole.told == chunked.told == single.told
    times = [at_ns for _, at_ns in whole.told]
    assert times == sorted(times)
    assert ("timer", T0 + 150 * SECOND) in whole.told
    assert len([each for each in whole.told if each[0] == "timer"]) > 6


def test_timers_due_after_the_last_event_fire_until_the_end() -> None:
    seen = Recorder()

    run(lambda: seen, until_ns=T0 + 65 * SECOND)

    assert seen.told == [("timer", T0 + 30 * SECOND), ("timer", T0 + 60 * SECOND)]


@pytest.mark.parametrize("columns", [bars([400, 404, 396, 400, 410] * 30)])
def test_columns_whole_chunked_or_one_by_one_give_the_same_decisions_and_state(
    columns: Any,
) -> None:
    whole, whole_journal, _ = run(Alternator, MarketBatch(columns, stored=True))
    pieces = [
        MarketBatch(columns.rows(start, start + 7), stored=True)
        for start in range(0, len(columns), 7)
    ]
    chunked, chunked_journal, _ = run(Alternator, *pieces)
    single, single_journal, _ = run(Alternator, Inputs(tuple(single_events(columns))))

    assert len(whole_journal.decisions) > 50
    assert whole_journal.decisions == chunked_journal.decisions == single_journal.decisions
    assert whole.state_hash() == chunked.state_hash() == single.state_hash()


def test_a_report_comes_before_the_bar_that_arrives_with_it() -> None:
    venue = ScriptedVenue(delay_ns=MINUTE)

    kernel, journal, _ = run(
        Alternator, MarketBatch(bars([400, 401, 402]), stored=True), venue=venue
    )

    # Bought on bar 1, filled as bar 2 arrives, so bar 2 already sells.
    assert [order.side for order in venue.placed] == [1, -1, 1]
    assert kernel.orders.by_id[venue.placed[0].decision_id].state is OrderState.FILLED
    assert any(isinstance(each, Fill) for each in journal.inputs)


def test_an_order_is_durable_with_all_its_inputs_before_it_leaves() -> None:
    class WatchingVenue(ScriptedVenue):
        def place(self, order: PlaceOrder) -> None:
            assert journal_holder[0].commits[-1] == len(journal_holder[0].records)
            super().place(order)

    from tests.support.worlds import ES, MemoryJournal
    from tieout.kernel.loop import Kernel

    journal_holder = [MemoryJournal()]
    kernel = Kernel(Alternator, instruments={SYMBOL: ES}, journal=journal_holder[0])
    venue = WatchingVenue()

    events = tuple(single_events(bars([400, 401, 402])))
    kernel.run(ScriptedSource(started(), Inputs(events), ended(T0 + MINUTE * 5)), venue)

    assert len(venue.placed) == 3


def test_decision_ids_do_not_depend_on_arrival() -> None:
    _, on_time, _ = run(Alternator, MarketBatch(bars([400, 401]), stored=True))
    _, late, _ = run(Alternator, MarketBatch(bars([400, 401], delay_ns=SECOND), stored=True))

    ids = [each.decision_id for each in on_time.decisions]
    assert ids == [each.decision_id for each in late.decisions]
    assert len(set(ids)) == 2


def test_backward_arrival_is_refused() -> None:
    with pytest.raises(InvariantViolated, match="order of their arrival"):
        run(
            Alternator,
            MarketBatch(bars([400, 401]), stored=True),
            MarketBatch(bars([400]), stored=True),
        )


def test_a_strategy_that_raises_is_ended_and_its_orders_cancelled() -> None:
    class Faulty(Alternator):
        def on_bar(self, context: Any, bar: Any) -> None:
            if bar.close_ticks == 402:
                raise ZeroDivisionError("no volume")
            context.buy(SYMBOL, units=1, limit=50)

    venue = ScriptedVenue(fill_lots=0)
    kernel, journal, _ = run(
        Faulty, MarketBatch(bars([400, 401, 402, 403]), stored=True), venue=venue
    )

    failed = [each for each in journal.decisions if isinstance(each, StrategyFailed)]
    assert [each.error for each in failed] == ["ZeroDivisionError"]
    assert len(venue.placed) == 2
    assert len(venue.cancelled) == 2
    assert isinstance(kernel.failure, ZeroDivisionError)


def test_the_failure_of_a_strategy_is_the_same_in_columns_and_one_by_one() -> None:
    class Faulty(Alternator):
        def on_bar(self, context: Any, bar: Any) -> None:
            super().on_bar(context, bar)
            if bar.close_ticks == 402:
                raise ValueError("enough")

    columns = bars([400, 401, 402, 403])
    _, batch, _ = run(Faulty, MarketBatch(columns, stored=True))
    _, single, _ = run(Faulty, Inputs(tuple(single_events(columns))))

    assert batch.decisions == single.decisions


def test_orders_on_warm_up_bars_are_refused() -> None:
    columns = bars([400, 401, 402])
    columns.warm_up[:2] = True

    _, journal, venue = run(Alternator, MarketBatch(columns, stored=True))

    denied = [each for each in journal.decisions if isinstance(each, OrderDenied)]
    assert [each.rule for each in denied] == ["warm_up", "warm_up"]
    assert len(venue.placed) == 1


def test_orders_on_stale_input_are_refused_unless_they_reduce() -> None:
    columns = bars([400, 401], delay_ns=2 * MINUTE)

    _, journal, venue = run(
        Alternator,
        MarketBatch(columns, stored=True),
        limits=RiskLimits(input_age_ns_max=MINUTE),
    )

    assert not venue.placed
    assert {each.rule for each in journal.decisions} == {"stale_input"}


def test_a_denied_order_is_told_to_the_strategy() -> None:
    told = []

    class Greedy(Alternator):
        def on_order(self, context: Any, update: Any) -> None:
            if isinstance(update, OrderDenied):
                told.append(update.rule)

    run(
        Greedy,
        MarketBatch(bars([400]), stored=True),
        limits=RiskLimits(order_notional_max=Decimal(10)),
    )

    assert told == ["order_notional_max"]


def test_subscribing_after_the_start_and_ordering_before_it_are_refused() -> None:
    class Late(Strategy):
        def on_start(self, context: Any) -> None:
            context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            context.bars(SYMBOL, "5m")

    class Early(Strategy):
        def on_start(self, context: Any) -> None:
            context.buy(SYMBOL, units=1)

    kernel, _, _ = run(Late, MarketBatch(bars([400]), stored=True))
    assert isinstance(kernel.failure, InputError)
    with pytest.raises(InputError, match="on_start"):
        run(Early)


def test_the_store_survives_a_resume_and_is_lost_by_a_fresh_one() -> None:
    class Counter(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            context.save("bars", str(int(context.load("bars") or 0) + 1))

    def resumed(state: str) -> Inputs:
        return Inputs(
            (RunResumed(arrival_time_ns=T0 + MINUTE, down_since_ns=T0 + MINUTE, state=state),)
        )

    first, second = bars([400, 401]).rows(0, 1), bars([400, 401]).rows(1, 2)
    for state, expected in (("kept", "2"), ("fresh", "1")):
        _, journal, _ = run(
            Counter,
            MarketBatch(first, stored=True),
            resumed(state),
            MarketBatch(second, stored=True),
        )
        written = [each for each in journal.decisions if isinstance(each, StoreWritten)]
        assert written[-1].value == expected


def test_an_operator_halt_cancels_what_is_open_and_refuses_what_follows() -> None:
    class Resting(Alternator):
        def on_bar(self, context: Any, bar: Any) -> None:
            context.buy(SYMBOL, units=1, limit=50)

    halt = OperatorCommand(command="halt", actor="ann", arrival_time_ns=T0 + MINUTE)
    _, journal, venue = run(
        Resting,
        MarketBatch(bars([400, 401]).rows(0, 1), stored=True),
        Inputs((halt,)),
        MarketBatch(bars([400, 401]).rows(1, 2), stored=True),
        venue=ScriptedVenue(fill_lots=0),
    )

    assert len(venue.placed) == 1
    assert [type(each) for each in venue.cancelled] == [CancelOrder]
    assert any(
        isinstance(each, OrderDenied) and each.rule == "halted" for each in journal.decisions
    )


def test_history_gives_the_last_bars_seen_across_chunks_and_events() -> None:
    class Historian(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")
            self.seen: list[list[int]] = []

        def on_bar(self, context: Any, bar: Any) -> None:
            self.seen.append([each.close_ticks for each in context.history(self.stream, 3)])

    columns = bars([400, 401, 402, 403])
    results = []
    for given in (
        [MarketBatch(columns, stored=True)],
        [
            MarketBatch(columns.rows(0, 2), stored=True),
            MarketBatch(columns.rows(2, 4), stored=True),
        ],
        [Inputs(tuple(single_events(columns)))],
    ):
        historian = Historian()
        run(lambda made=historian: made, *given)
        results.append(historian.seen)

    assert results[0] == [[400], [400, 401], [400, 401, 402], [401, 402, 403]]
    assert results[0] == results[1] == results[2]


def test_history_reaches_back_over_many_small_batches() -> None:
    class Historian(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")

        def on_bar(self, context: Any, bar: Any) -> None:
            self.last = [each.close_ticks for each in context.history(self.stream, 25)]

    columns = bars(list(range(400, 440)))
    historian = Historian()
    run(
        lambda: historian,
        *(MarketBatch(columns.rows(row, row + 1), stored=True) for row in range(40)),
    )

    assert historian.last == list(range(415, 440))


def test_a_timer_between_two_bars_of_a_chunk_sees_the_bars_before_it() -> None:
    class Clocked(Strategy):
        def on_start(self, context: Any) -> None:
            self.stream = context.bars(SYMBOL, "1m")
            self.seen: list[list[int]] = []
            context.timer_every("half", MINUTE, offset_ns=30 * SECOND)

        def on_timer(self, context: Any, timer: Any) -> None:
            self.seen.append([each.close_ticks for each in context.history(self.stream, 2)])

    columns = bars([400, 401, 402])
    results = []
    for given in (MarketBatch(columns, stored=True), Inputs(tuple(single_events(columns)))):
        clocked = Clocked()
        run(lambda made=clocked: made, given, until_ns=T0 + 3 * MINUTE)
        results.append(clocked.seen)

    assert results[0] == results[1] == [[], [400], [400, 401]]


def test_random_draws_depend_on_the_origin_and_not_on_how_many_came_before() -> None:
    draws: dict[str, list[float]] = {"few": [], "many": []}

    def drawing(name: str, extra: int) -> type[Strategy]:
        class Drawing(Alternator):
            def on_bar(self, context: Any, bar: Any) -> None:
                for _ in range(extra):
                    context.random("noise").random()
                draws[name].append(context.random("size").random())

        return Drawing

    run(drawing("few", 0), MarketBatch(bars([400, 401]), stored=True))
    run(drawing("many", 5), MarketBatch(bars([400, 401]), stored=True))

    assert draws["few"] == draws["many"]
    assert len(set(draws["few"])) == 2


def test_trades_reach_on_trade_one_object_each() -> None:
    class Counting(Strategy):
        def on_start(self, context: Any) -> None:
            context.trades(SYMBOL)
            self.prices: list[float] = []

        def on_trade(self, context: Any, trade: Any) -> None:
            self.prices.append(trade.price)

    counting = Counting()
    run(lambda: counting, MarketBatch(trades([400, 401, 402]), stored=True))

    assert counting.prices == [100.0, 100.25, 100.5]


def test_a_target_counts_what_is_under_way_but_not_resting_stops() -> None:
    class Patient(Alternator):
        def on_bar(self, context: Any, bar: Any) -> None:
            context.target(SYMBOL, units=1)
            if bar.close_ticks == 400:
                context.sell(SYMBOL, units=1, stop=90)

    _, _, venue = run(
        Patient,
        MarketBatch(bars([400, 401, 402]), stored=True),
        venue=ScriptedVenue(delay_ns=10 * MINUTE, fill_lots=0),
    )

    assert [order.side for order in venue.placed] == [1, -1]
