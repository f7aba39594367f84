"""The gateway against the practice venue in lock-step: a whole life, every fault, a resume."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.integration.drill import (
    BARS,
    INSTRUMENT,
    MINUTE,
    RUN,
    SECOND,
    START,
    TRADES,
    a_cancel,
    a_gateway,
    a_market,
    a_venue,
    an_id,
    an_order,
    drilled,
    started,
    told,
)
from tieout.adapters.clocks import Advanced, ClockSocket
from tieout.adapters.venues.exchange import AccountSnapshot, KnownOrder, ResumePoint
from tieout.adapters.venues.practice import ThreadedServer
from tieout.errors import ConnectionFailed, InvariantViolated, SettingsError
from tieout.model.events import (
    Bar,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderOutcomeUnknown,
    OrderRejected,
    RunEnded,
    RunResumed,
    RunStarted,
    Trade,
)
from tieout.model.identity import client_order_id
from tieout.model.money import money_decimal
from tieout.model.orders import OrderState

if TYPE_CHECKING:
    from tieout.adapters.venues.exchange import ExchangeGateway

pytest.importorskip("ccxt", reason="the extra `live` is not installed")


def of_kind(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if type(event) is kind]


def trade_a_little(gateway: ExchangeGateway, bar: Bar, count: int) -> None:
    """Send a market, a resting limit and a stop on the first bar; take the rest back later."""
    if count == 1:
        gateway.place(an_order(bar, "market"))
        gateway.place(an_order(bar, "limit", order_type=2, limit_ticks=bar.close_ticks - 400))
        gateway.place(an_order(bar, "stop", order_type=3, stop_ticks=bar.close_ticks + 400))
    if count == 4:
        gateway.place(an_order(bar, "flat", side=-1))
        gateway.cancel(a_cancel(bar, "limit"))
        gateway.cancel(a_cancel(bar, "stop"))


# -- a whole life -----------------------------------------------------------------------------


def test_a_run_begins_trades_ends_and_ties_to_its_statement() -> None:
    with (
        ThreadedServer(a_venue(), [a_market(8)]) as server,
        started(server, BARS, TRADES, warmup_bars=3) as gateway,
    ):
        events = drilled(gateway, trade_a_little)
        statement = gateway.statement(START, events[-1].arrival_time_ns)

    started_event, *rest = events
    assert isinstance(started_event, RunStarted)
    assert (started_event.cash, started_event.positions) == (10_000 * 10**12, ())
    assert [type(event) for event in rest[:3]] == [Bar] * 3
    assert all(bar.warm_up and bar.arrival_time_ns == START for bar in rest[:3])
    assert told(events, "market") == ["OrderAccepted", "Fill"]
    assert told(events, "limit") == ["OrderAccepted", "OrderCancelled"]
    assert told(events, "stop") == ["OrderAccepted", "OrderCancelled"]
    assert isinstance(events[-1], RunEnded)

    fills = of_kind(events, Fill)
    profit = sum(-fill.side * INSTRUMENT.notional(fill.lots, fill.price_ticks) for fill in fills)
    profit -= sum(fill.fee for fill in fills)
    assert statement.end_balance - statement.start_balance == money_decimal(profit)
    assert sum(row.amount for row in statement.rows) == money_decimal(profit)
    assert [trade.trade_id for trade in statement.trades] == [fill.trade_id for fill in fills]
    assert statement.trades[0].client_order_id == client_order_id(RUN, an_id("market"))


def test_arrivals_never_decrease_and_match_the_venues_delays() -> None:
    with (
        ThreadedServer(a_venue(), [a_market(4)]) as server,
        started(server, BARS, TRADES) as gateway,
    ):
        events = drilled(gateway, trade_a_little)

    stamps = [event.arrival_time_ns for event in events]
    assert stamps == sorted(stamps)
    bars = [bar for bar in of_kind(events, Bar) if not bar.warm_up]
    assert {bar.arrival_time_ns - bar.close_time_ns for bar in bars} == {200_000_000}
    trades = of_kind(events, Trade)
    assert {trade.arrival_time_ns - trade.venue_time_ns for trade in trades} == {10_000_000}
    accepted = of_kind(events, OrderAccepted)[0]
    assert accepted.venue_time_ns == bars[0].arrival_time_ns + 21_000_000
    assert accepted.arrival_time_ns == bars[0].arrival_time_ns + 41_000_000


def test_the_same_run_twice_is_the_same_to_the_byte() -> None:
    def once() -> bytes:
        faults = '[{"fault":"disconnect","after_s":90,"for_s":20},{"fault":"duplicate"}]'
        with (
            ThreadedServer(a_venue(faults), [a_market(6)]) as server,
            started(server, BARS, TRADES, warmup_bars=2) as gateway,
        ):
            return msgspec.json.encode(drilled(gateway, trade_a_little))

    assert once() == once()


def test_orders_sent_together_reach_the_venue_in_the_order_they_were_sent() -> None:
    def burst(gateway: ExchangeGateway, bar: Bar, count: int) -> None:
        if count == 1:
            for number in range(12):
                gateway.place(an_order(bar, f"order {number}", lots=1))

    with ThreadedServer(a_venue(), [a_market(3)]) as server, started(server) as gateway:
        events = drilled(gateway, burst)

    ids = [event.venue_order_id for event in of_kind(events, OrderAccepted)]
    assert ids == sorted(ids)
    assert [event.decision_id for event in of_kind(events, Fill)] == [
        an_id(f"order {number}") for number in range(12)
    ]


def test_the_venue_holds_each_order_before_the_next_one_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Connections race, so the order above could be luck; the clock socket makes it certain."""
    steps: list[tuple[int | None, int]] = []
    advance = ClockSocket.advance

    async def watched(socket: ClockSocket, until_ns: int | None, requests: int) -> Advanced:
        steps.append((until_ns, requests))
        return await advance(socket, until_ns, requests)

    monkeypatch.setattr(ClockSocket, "advance", watched)
    with ThreadedServer(a_venue(), [a_market(3)]) as server, started(server) as gateway:
        bar = drilled(gateway, bars=1)[-1]
        for number in range(3):
            gateway.place(an_order(bar, f"order {number}"))
        steps.clear()
        gateway.next(None)

    now_ns = bar.arrival_time_ns
    assert steps[:2] == [(now_ns, 1), (now_ns, 2)]
    assert steps[2][1] == 3


def test_a_deadline_without_an_input_gives_the_time_reached() -> None:
    with ThreadedServer(a_venue(), [a_market(3)]) as server, started(server) as gateway:
        gateway.next(None)

        given = gateway.next(START + 5 * SECOND)

    assert given is not None
    assert list(given.events) == [
        ClockReached(arrival_time_ns=START + 5 * SECOND, woke_at_ns=START + 5 * SECOND)
    ]


def test_a_stop_triggers_and_fills() -> None:
    def protect(gateway: ExchangeGateway, bar: Bar, count: int) -> None:
        if count == 1:
            trigger = bar.close_ticks + 2
            gateway.place(an_order(bar, "stop", order_type=3, stop_ticks=trigger))

    with ThreadedServer(a_venue(), [a_market(8)]) as server, started(server) as gateway:
        events = drilled(gateway, protect)

    assert told(events, "stop") == ["OrderAccepted", "OrderTriggered", "Fill"]


def test_what_does_not_fill_at_once_of_an_immediate_order_expires() -> None:
    def try_it(gateway: ExchangeGateway, bar: Bar, count: int) -> None:
        if count == 1:
            far = bar.close_ticks - 400
            gateway.place(an_order(bar, "ioc", order_type=2, limit_ticks=far, time_in_force=2))

    with ThreadedServer(a_venue(), [a_market(3)]) as server, started(server) as gateway:
        events = drilled(gateway, try_it)

    assert told(events, "ioc") == ["OrderAccepted", "OrderCancelled"]
    assert of_kind(events, OrderCancelled)[0].reason == "time_in_force"


def test_funding_is_booked_as_the_venue_charged_it() -> None:
    venue = a_venue(funding_interval_ns=2 * MINUTE, funding_rate=Decimal("0.0003"))

    def hold(gateway: ExchangeGateway, bar: Bar, count: int) -> None:
        if count == 1:
            gateway.place(an_order(bar, "market"))

    with ThreadedServer(venue, [a_market(8)]) as server, started(server) as gateway:
        events = drilled(gateway, hold)
        statement = gateway.statement(START, events[-1].arrival_time_ns)

    charged = of_kind(events, FundingCharged)
    assert len(charged) >= 3
    assert {Decimal(each.rate) for each in charged} == {Decimal("0.0003")}
    assert [money_decimal(each.amount) for each in charged] == [
        row.amount for row in statement.rows if row.kind == "funding"
    ]


def test_stopping_ends_the_run_with_its_reason() -> None:
    with ThreadedServer(a_venue(), [a_market(8)]) as server, started(server) as gateway:
        drilled(gateway, bars=1)

        gateway.stop("enough")
        events = drilled(gateway)
        after = gateway.next(None)

    assert isinstance(events[-1], RunEnded)
    assert (events[-1].reason, after) == ("enough", None)


def test_an_operators_command_comes_first_of_its_instant() -> None:
    with ThreadedServer(a_venue(), [a_market(3)]) as server, started(server) as gateway:
        gateway.next(None)
        gateway.command("halt", "anna")

        given = gateway.next(None)

    assert given is not None
    assert [type(event).__name__ for event in given.events] == ["OperatorCommand"]


# -- faults -----------------------------------------------------------------------------------


def run_with(faults: str, minutes: int = 6, **how: Any) -> list[Any]:
    with (
        ThreadedServer(a_venue(faults), [a_market(minutes)]) as server,
        started(server, BARS, TRADES, **how) as gateway,
    ):
        return drilled(gateway, trade_a_little)


def test_an_order_that_was_placed_without_an_answer_is_found() -> None:
    faults = '[{"fault":"timeout_placed","nth":1},{"fault":"drop","stream":"user","for_s":62}]'

    events = run_with(faults)

    assert told(events, "market")[-1] == "Fill"
    assert "OrderRejected" not in told(events, "market")
    assert len(of_kind(events, Fill)) == 2


def test_an_order_that_was_never_placed_is_absent_after_the_horizon() -> None:
    events = run_with('[{"fault":"timeout_not_placed","nth":1}]')

    assert told(events, "market") == ["OrderOutcomeUnknown", "OrderRejected"]
    [unknown] = of_kind(events, OrderOutcomeUnknown)
    [absent] = of_kind(events, OrderRejected)
    assert absent.reason == "absent"
    sent_ns = START + MINUTE + 200_000_000
    assert unknown.arrival_time_ns == sent_ns + 41_000_000
    assert absent.arrival_time_ns >= sent_ns + 15 * SECOND


def test_a_refused_order_says_why() -> None:
    events = run_with('[{"fault":"reject","nth":1,"code":-2019,"message":"Margin."}]')

    [rejected] = of_kind(events, OrderRejected)
    assert (rejected.decision_id, rejected.reason) == (an_id("market"), "insufficient_margin")
    # No stream message tells of it: the answer itself is waited for.
    assert rejected.arrival_time_ns == START + MINUTE + 241_000_000


def test_after_a_disconnect_nothing_is_missing_and_nothing_double() -> None:
    whole = run_with("[]")
    events = run_with('[{"fault":"disconnect","after_s":70,"for_s":45}]')

    lost = of_kind(events, ConnectionLost)
    restored = of_kind(events, ConnectionRestored)
    assert {event.stream for event in lost} == {"market", "user"}
    assert {event.stream for event in restored} == {"market", "user"}
    # Upgrades are refused until 115 s; the pauses between tries are five seconds at most.
    assert all(115 * SECOND <= event.arrival_time_ns - START <= 121 * SECOND for event in restored)
    trade_ids = [trade.trade_id for trade in of_kind(events, Trade)]
    assert trade_ids == [trade.trade_id for trade in of_kind(whole, Trade)]
    keys = [(bar.open_time_ns, bar.close_ticks) for bar in of_kind(events, Bar)]
    assert keys == [(bar.open_time_ns, bar.close_ticks) for bar in of_kind(whole, Bar)]


def test_back_filled_rows_follow_the_word_that_the_stream_is_back() -> None:
    events = run_with('[{"fault":"disconnect","after_s":70,"for_s":45}]')

    place = next(
        index
        for index, event in enumerate(events)
        if isinstance(event, ConnectionRestored) and event.stream == "market"
    )
    count = events[place].backfilled
    late = [
        event
        for event in events[place:]
        if isinstance(event, (Trade, Bar))
        and event.arrival_time_ns == events[place].arrival_time_ns
    ]
    assert count >= 45
    assert len(late) == count


def test_a_fill_made_while_disconnected_is_fetched() -> None:
    """The order leaves at 60.2 s, is cut off at 60.5 s and fills at 61 s."""
    events = run_with('[{"fault":"disconnect","after_s":"60.5","for_s":30}]')

    assert told(events, "market") == ["OrderAccepted", "Fill"]
    fill = of_kind(events, Fill)[0]
    assert fill.venue_time_ns == START + 61 * SECOND
    assert fill.arrival_time_ns > START + 90 * SECOND


def test_an_outage_of_the_whole_venue_is_survived() -> None:
    events = run_with('[{"fault":"restart","after_s":"60.21","for_s":30}]')

    assert told(events, "market")[-1] in ("Fill", "OrderRejected")
    assert told(events, "market")[0] == "OrderOutcomeUnknown"
    assert isinstance(events[-1], RunEnded)


def test_dropped_prints_and_bars_are_fetched_late() -> None:
    whole = run_with("[]")
    events = run_with('[{"fault":"drop","stream":"market","after_s":100,"for_s":90}]')

    assert [each.trade_id for each in of_kind(events, Trade)] == [
        each.trade_id for each in of_kind(whole, Trade)
    ]
    bars = [bar for bar in of_kind(events, Bar) if not bar.warm_up]
    assert [bar.open_time_ns for bar in bars] == [
        bar.open_time_ns for bar in of_kind(whole, Bar) if not bar.warm_up
    ]
    assert max(bar.arrival_time_ns - bar.close_time_ns for bar in bars) > 10 * SECOND


def test_messages_sent_twice_are_given_once() -> None:
    events = run_with('[{"fault":"duplicate"}]')

    trade_ids = [trade.trade_id for trade in of_kind(events, Trade)]
    assert len(trade_ids) == len(set(trade_ids))
    fills = of_kind(events, Fill)
    assert len(fills) == len({fill.trade_id for fill in fills}) == 2


def test_a_revised_candle_is_an_event_of_its_own() -> None:
    events = run_with('[{"fault":"revise_candle","nth":2,"by_ticks":3,"correct_after_ms":5000}]')

    revised = [bar for bar in of_kind(events, Bar) if bar.revision]
    assert len(revised) == 1
    first = next(
        bar
        for bar in of_kind(events, Bar)
        if bar.open_time_ns == revised[0].open_time_ns and not bar.revision
    )
    assert first.close_ticks != revised[0].close_ticks
    assert revised[0].arrival_time_ns - first.arrival_time_ns == 5 * SECOND


def test_a_clock_that_is_wrong_is_measured_and_corrected() -> None:
    events = run_with('[{"fault":"clock_skew","ahead_ms":30000}]')

    offset = next(event for event in events if type(event).__name__ == "ClockOffsetMeasured")
    assert (offset.offset_ns, offset.error_ns) == (30 * SECOND, 0)
    assert told(events, "market") == ["OrderAccepted", "Fill"]
    assert events[0].arrival_time_ns == START


def test_a_fill_that_the_stream_dropped_is_found_by_the_audit() -> None:
    faults = '[{"fault":"drop","stream":"user","after_s":60,"for_s":5}]'

    events = run_with(faults)

    if of_kind(events, Fill)[0].arrival_time_ns < START + 62 * SECOND:
        pytest.skip("this venue's script does not drop messages of the user stream")
    assert told(events, "market") == ["OrderAccepted", "Fill"]


def test_a_venue_that_dies_is_said_to_have_died() -> None:
    server = ThreadedServer(a_venue(), [a_market(3)])
    with server as practice:
        gateway = started(practice)
        gateway.next(None)
    with gateway, pytest.raises(ConnectionFailed, match="clock socket"):
        drilled(gateway)


# -- resume -----------------------------------------------------------------------------------


def resumed_after(cut_at: str) -> tuple[list[Any], list[Any]]:
    """Kill a gateway at a point of an order's life, come back two minutes later."""
    known: list[KnownOrder] = []
    with ThreadedServer(a_venue(), [a_market(10)]) as server:
        gateway = started(server, BARS, TRADES)
        before = drilled(gateway, bars=1)
        bar = before[-1]
        assert isinstance(bar, Bar)
        order = an_order(bar, "market")
        gateway.place(order)
        state = OrderState.SENT
        if cut_at == "after the acceptance":
            while told(before, "market") != ["OrderAccepted"]:
                before += gateway.next(None).events  # type: ignore[union-attr]
            state = OrderState.ACCEPTED
        elif cut_at == "after sending":
            gateway.next(bar.arrival_time_ns)  # The request leaves; its answer is never heard.
        snapshot = gateway.snapshot()
        gateway.close()

        known.append(KnownOrder(place=order, state=state, filled_lots=0))
        stored = msgspec.json.decode(msgspec.json.encode(snapshot), type=AccountSnapshot)
        with a_gateway(server) as again:
            again.instruments([INSTRUMENT.symbol])
            again.start(
                [BARS, TRADES],
                resume=ResumePoint(
                    down_since_ns=before[-1].arrival_time_ns,
                    orders=tuple(known),
                    last_bar_ns={(INSTRUMENT.symbol, MINUTE): bar.open_time_ns},
                    last_trade_id={INSTRUMENT.symbol: of_kind(before, Trade)[-1].trade_id},
                ),
                start_snapshot=stored,
            )
            after = drilled(again)
            assert again.snapshot() == snapshot
    return before, after


@pytest.mark.parametrize("cut_at", ["after sending", "after the acceptance"])
def test_a_resume_finds_the_order_and_its_fill(cut_at: str) -> None:
    before, after = resumed_after(cut_at)

    assert isinstance(after[0], RunResumed)
    assert told(before + after, "market")[-1] == "Fill"
    assert len(of_kind(after, Fill)) == 1


def test_an_intent_that_never_left_is_absent_after_a_resume() -> None:
    before, after = resumed_after("before sending")

    assert told(after, "market") == ["OrderOutcomeUnknown", "OrderRejected"]
    assert of_kind(before + after, Fill) == []


def test_a_resume_goes_on_with_the_next_bar_and_the_next_trade() -> None:
    before, after = resumed_after("after the acceptance")

    trade_ids = [trade.trade_id for trade in of_kind(before + after, Trade)]
    assert trade_ids == list(range(trade_ids[0], trade_ids[0] + len(trade_ids)))
    opens = [bar.open_time_ns for bar in of_kind(before + after, Bar) if not bar.warm_up]
    assert opens == [START + number * MINUTE for number in range(len(opens))]


# -- wrong use --------------------------------------------------------------------------------


def test_a_stream_of_an_instrument_that_was_not_loaded_is_refused() -> None:
    with ThreadedServer(a_venue(), [a_market(2)]) as server, a_gateway(server) as gateway:
        gateway.instruments([])
        with pytest.raises(SettingsError, match="call instruments"):
            gateway.start([BARS])


def test_wrong_keys_are_refused_at_the_start() -> None:
    with ThreadedServer(a_venue(), [a_market(2)]) as server, a_gateway(server) as gateway:
        gateway._credentials.secret = "wrong"  # type: ignore[union-attr]
        gateway.instruments([INSTRUMENT.symbol])
        with pytest.raises(Exception, match="-1022"):
            gateway.start([BARS])


def test_a_closed_gateway_is_not_used_again() -> None:
    with ThreadedServer(a_venue(), [a_market(2)]) as server:
        gateway = started(server)
        gateway.close()
        gateway.close()
        with pytest.raises(InvariantViolated, match="closed"):
            gateway.next(None)
