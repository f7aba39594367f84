"""The venue without sockets: times, ranks, refusals, funding, and every scripted fault."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.practice.builders import (
    BTC,
    MINUTE,
    MS,
    SECOND,
    START,
    a_desk,
    bars,
    trades,
)
from tieout.adapters.venues.practice import load_faults
from tieout.adapters.venues.practice.engine import Cut, StreamsClosed
from tieout.model.columns import TradeColumns
from tieout.model.instruments import Instrument
from tieout.model.money import money

if TYPE_CHECKING:
    from pathlib import Path

QUIET = {"funding_rule": "none", "slippage_bps": Decimal(0)}
STEADY = trades(*[(number, 1_000_000 + number % 3) for number in range(1, 301)])


def flat(*rows: Any, **kept: Any) -> Any:
    return a_desk(trades(*rows), **(QUIET | kept))


def faulty(script: str, *market: Any, **kept: Any) -> Any:
    return a_desk(*(market or (STEADY,)), **(QUIET | {"faults": load_faults(script)} | kept))


class TestTimes:
    def test_an_order_arrives_after_entry_and_matching_and_is_answered_after_response(
        self,
    ) -> None:
        desk = flat((1, 1000))

        ticket = desk.order()
        desk.run(0.5)

        now_ns, status, body = desk.answers[ticket]
        assert (desk.after(now_ns), status, body["status"]) == (41, 200, "NEW")
        assert body["updateTime"] == (START + 21 * MS) // MS

    def test_answer_and_stream_event_of_one_fact_are_released_together(self) -> None:
        desk = flat((1, 1000))

        ticket = desk.order()
        desk.run(0.5)

        assert [now_ns for now_ns, _ in desk.events()] == [desk.answers[ticket][0]]

    def test_a_fill_is_known_no_earlier_than_its_print(self) -> None:
        early = flat((1, 1000), response_latency_ns=5 * MS, trade_delay_ns=10 * MS)
        late = flat((1, 1000), response_latency_ns=20 * MS, trade_delay_ns=10 * MS)

        for desk in (early, late):
            desk.order()
            desk.run()

        assert [desk.after(desk.events()[-1][0]) for desk in (early, late)] == [1010, 1020]

    def test_orders_of_one_instant_act_in_the_order_they_were_sent(self) -> None:
        desk = flat((1, 1000, 10), (2, 1001, 10), participation=Decimal(1))

        first = desk.order(newClientOrderId="first")
        desk.order(newClientOrderId="second")
        desk.run()

        trades_told = [event for _, event in desk.events() if event["x"] == "TRADE"]
        assert [event["c"] for event in trades_told] == ["first", "second"]
        assert desk.answers[first][2]["orderId"] == 1_000_001

    def test_a_cancel_acts_after_prints_and_orders_of_its_instant(self) -> None:
        desk = flat((0.021, 1000_00), (0.0215, 990_00), (1, 900_00))
        desk.order(price="9500", newClientOrderId="a")
        cancel = desk.cancel(origClientOrderId="a")
        desk.run()

        assert desk.answers[cancel][2]["status"] == "CANCELED"
        assert [event["x"] for _, event in desk.events()] == ["NEW", "CANCELED"]

    def test_a_print_at_the_time_a_cancel_arrives_still_fills(self) -> None:
        desk = flat((0.5, 1000_00), (1.021, 900_00), (2, 900_00))
        desk.order(price="9500", newClientOrderId="a")
        desk.run(1)
        cancel = desk.cancel(origClientOrderId="a")
        desk.run()

        assert desk.code(cancel) == -2011
        assert desk.states()[-1] == ("TRADE", "FILLED", "9500.0")

    def test_an_event_gives_its_volume_once_however_many_orders_came(self) -> None:
        desk = flat((1, 1000_00, 20), (2, 1000_00, 20), participation=Decimal("0.1"))
        for _ in range(3):
            desk.order()
        desk.run(1.5)

        assert [fill.lots for fill in desk.engine.fills] == [2, 2, 2]

    def test_public_messages_come_after_own_ones_and_candles_after_trades(self) -> None:
        desk = flat(
            (1, 1000),
            (60, 1001),
            kline_delay_ns=0,
            trade_delay_ns=0,
            response_latency_ns=59_979 * MS,
            end_ns=START + MINUTE,
        )
        for stream in ("btcusdt@kline_1m", "btcusdt@aggTrade", "btcusdt@bookTicker"):
            desk.engine.subscribe(stream)

        desk.order(newClientOrderId="a")
        desk.run()

        at_the_minute = [body["e"] for now_ns, _, body in desk.seen if now_ns == START + MINUTE]
        assert at_the_minute == ["ORDER_TRADE_UPDATE", "aggTrade", "bookTicker", "kline"]

    def test_time_stands_where_it_was_asked_to_when_nothing_is_owed(self) -> None:
        desk = flat((1, 1000), (9, 1000))

        desk.run(3.25)
        assert desk.engine.now_ns == START + 3_250 * MS
        assert not desk.engine.is_finished

        desk.run()
        assert desk.engine.now_ns == START + 9 * SECOND
        assert desk.engine.is_finished

    def test_nobody_is_owed_what_nobody_listens_to(self) -> None:
        desk = flat((1, 1000))
        desk.audience.deaf = True

        ticket = desk.order()
        desk.run()

        assert list(desk.answers) == [ticket]
        assert desk.seen == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("wish", "code"),
        [
            ({"symbol": "ETHUSDT"}, -1121),
            ({"side": "HOLD"}, -1117),
            ({"type": "TRAILING_STOP_MARKET"}, -1116),
            ({"type": "STOP_MARKET"}, -4120),
            ({"quantity": "0"}, -4003),
            ({"quantity": "-1"}, -4003),
            ({"quantity": "0.0015"}, -1111),
            ({"quantity": "x"}, -1100),
            ({"quantity": "NaN"}, -1100),
            ({"quantity": ""}, -1102),
            ({"quantity": "1000000001"}, -4005),
            ({"price": "100.05"}, -1111),
            ({"price": "0"}, -4001),
            ({"price": "100", "timeInForce": "FOK"}, -1115),
            ({"reduceOnly": "true"}, -1128),
            ({"positionSide": "LONG"}, -4061),
            ({"newClientOrderId": "x" * 37}, -4015),
            ({"quantity": "0.001", "price": "100"}, -4164),
            ({"quantity": "1000"}, -2019),
        ],
    )
    def test_an_order_is_refused_as_the_real_venue_does(self, wish: Any, code: int) -> None:
        desk = a_desk(STEADY, **QUIET)
        desk.run(1.5)

        ticket = desk.order(**wish)
        desk.run(2)

        assert desk.code(ticket) == code
        assert desk.answers[ticket][1] == 400
        assert desk.engine.open_records == ()

    def test_a_price_off_a_coarse_tick_is_another_fault_than_too_many_decimals(self) -> None:
        coarse = Instrument(
            symbol=BTC.symbol,
            venue_symbol="BTCUSDT",
            tick_size=Decimal("0.5"),
            lot_size=Decimal("0.001"),
            min_lots=5,
        )
        desk = a_desk(STEADY, instruments=(coarse,), **QUIET)

        off_tick = desk.order(price="100.7")
        too_fine = desk.order(price="100.75")
        too_small = desk.order(lots=4)
        desk.run(1)

        assert [desk.code(each) for each in (off_tick, too_fine, too_small)] == [
            -4014,
            -1111,
            -4004,
        ]

    def test_a_client_id_may_not_repeat_among_open_orders_and_may_afterwards(self) -> None:
        desk = flat((1, 1000_00), (2, 1000_00))
        first = desk.order(price="500", newClientOrderId="a")
        again = desk.order(price="500", newClientOrderId="a")
        desk.cancel(origClientOrderId="a")
        desk.run(0.5)
        after = desk.order(price="500", newClientOrderId="a")
        desk.run(1.5)

        assert [desk.code(each) for each in (first, again, after)] == [None, -4116, None]

    def test_a_stop_that_would_trigger_at_once_is_refused_or_accepted_by_rule(self) -> None:
        for rule, code in (("refuse", -2021), ("accept", None)):
            desk = a_desk(STEADY, stop_rule=rule, **QUIET)
            desk.run(1.5)
            ticket = desk.order(triggerPrice="99000")
            desk.run(5)

            assert desk.code(ticket) == code

    def test_an_unknown_or_finished_order_cannot_be_cancelled(self) -> None:
        desk = flat((1, 1_000_000))
        desk.order(newClientOrderId="done")
        unknown = desk.cancel(origClientOrderId="never")
        unnamed = desk.cancel()
        desk.run(2)
        finished = desk.cancel(origClientOrderId="done")
        desk.run(3)

        assert desk.code(unknown) == -2011
        assert desk.code(unnamed) == -1102
        assert desk.code(finished) == -2011

    def test_margin_counts_open_orders_and_not_those_that_reduce(self) -> None:
        # 100 000 · 0.1 / 20 = 500 for each order, 1 000 on the account.
        desk = a_desk(STEADY, starting_balance=Decimal(1000), **QUIET)
        desk.run(1.5)
        tickets = [desk.order(lots=100, price="99999.9") for _ in range(3)]
        opposite = desk.order("SELL", lots=100, price="100100")
        desk.run(2.5)

        assert [desk.code(each) for each in tickets] == [None, None, -2019]
        assert desk.code(opposite) is None


class TestStops:
    def test_a_stop_waits_triggers_and_fills_under_its_own_client_id(self) -> None:
        desk = flat((1, 1000_00), (2, 1010_00), (3, 1020_00))
        ticket = desk.order(triggerPrice="10100", clientAlgoId="stop", lots=10)
        desk.run()

        algo = [
            (desk.after(now_ns), event["X"], event["ai"])
            for now_ns, event in desk.events("ALGO_UPDATE")
        ]
        assert desk.answers[ticket][2]["algoId"] == 2_000_001
        assert algo == [
            (41, "NEW", ""),
            (2020, "TRIGGERED", "1000001"),
            (3020, "FINISHED", "1000001"),
        ]
        orders = [
            (desk.after(now_ns), event["c"], event["x"], event["ot"], event["L"])
            for now_ns, event in desk.events()
        ]
        assert orders == [
            (2020, "stop", "NEW", "STOP_MARKET", "0"),
            (3020, "stop", "TRADE", "STOP_MARKET", "10200.0"),
        ]

    def test_a_waiting_stop_is_cancelled_where_it_waits(self) -> None:
        desk = flat((1, 1000_00), (9, 1020_00))
        desk.order(triggerPrice="10100", clientAlgoId="stop")
        wrong = desk.cancel(origClientOrderId="stop")
        right = desk.cancel(conditional=True, clientAlgoId="stop")
        desk.run()

        assert desk.code(wrong) == -2011
        assert desk.answers[right][2]["msg"] == "success"
        assert [event["X"] for _, event in desk.events("ALGO_UPDATE")] == ["NEW", "CANCELED"]
        assert desk.engine.fills == []

    def test_a_triggered_stop_is_an_order_like_any_other(self) -> None:
        desk = flat((1, 1000_00), (2, 1010_00), (9, 1010_00))
        desk.order(triggerPrice="10100", clientAlgoId="stop")
        desk.run(3)
        as_stop = desk.cancel(conditional=True, clientAlgoId="stop")
        as_order = desk.cancel(origClientOrderId="stop")
        desk.run()

        assert desk.code(as_stop) == -2011
        assert desk.answers[as_order][2]["status"] == "CANCELED"
        assert desk.events("ALGO_UPDATE")[-1][1]["X"] == "FINISHED"


class TestBars:
    def test_a_fill_at_the_open_is_told_when_the_bar_arrives(self) -> None:
        desk = a_desk(
            bars((1000_00, 1100_00, 900_00, 1050_00, 50), (1050_00, 1060_00, 1000_00, 1010_00, 50)),
            start_ns=START - SECOND,
            **QUIET,
        )
        desk.order()
        desk.run()

        now_ns, event = desk.events()[-1]
        assert event["T"] == START // MS
        assert event["L"] == "10000.0"
        assert desk.after(now_ns) == 60_200

    def test_an_order_inside_a_bar_fills_at_the_worse_end(self) -> None:
        desk = a_desk(bars((1000_00, 1100_00, 900_00, 1050_00, 50)), **QUIET)
        desk.order("SELL")
        desk.run()

        now_ns, event = desk.events()[-1]
        assert event["L"] == "10000.0"
        assert event["T"] == (START + MINUTE) // MS
        assert desk.after(now_ns) == 60_200

    def test_a_cancel_inside_a_bar_that_fills_the_order_is_refused_at_once(self) -> None:
        desk = a_desk(
            bars((1000_00, 1100_00, 900_00, 1050_00, 50), (1050_00, 1060_00, 1000_00, 1010_00, 50)),
            start_ns=START - SECOND,
            **QUIET,
        )
        desk.order(price="9500", newClientOrderId="a")
        desk.run(10)
        cancel = desk.cancel(origClientOrderId="a")
        desk.run()

        assert desk.code(cancel) == -2011
        assert desk.states()[-1] == ("TRADE", "FILLED", "9500.0")

    def test_a_cancel_that_arrives_at_the_open_wins(self) -> None:
        desk = a_desk(
            bars((1000_00, 1100_00, 900_00, 1050_00, 50), (1050_00, 1060_00, 900_00, 1010_00, 50)),
            start_ns=START - SECOND,
            **QUIET,
        )
        desk.run(0.5)
        desk.order(price="9010", newClientOrderId="a")
        desk.run(59.979)
        cancel = desk.cancel(origClientOrderId="a")
        desk.run()

        assert desk.answers[cancel][2]["status"] == "CANCELED"

    def test_a_gap_between_bars_is_waited_out(self) -> None:
        desk = a_desk(
            bars((1000_00, 1100_00, 900_00, 1050_00, 50)),
            bars((1200_00, 1210_00, 1190_00, 1200_00, 50), first=5),
            **QUIET,
        )
        desk.run(120)
        desk.order()
        desk.run()

        assert desk.states()[-1] == ("TRADE", "FILLED", "12000.0")


class TestFunding:
    RATE = Decimal("0.0001")

    def held(self, **kept: Any) -> Any:
        kept = {"funding_interval_ns": MINUTE, "slippage_bps": Decimal(0)} | kept
        desk = a_desk(
            trades((1, 1000_00), (59, 1010_00), (60, 2000_00), (61, 1010_00)),
            **kept,
        )
        desk.order(lots=10)
        return desk

    def test_a_long_pays_on_the_last_print_before(self) -> None:
        desk = self.held()
        desk.run()

        row = desk.engine.account.income[-1]
        assert row.kind == "FUNDING_FEE"
        assert row.amount == -money("0.0101")
        assert row.time_ns == START + MINUTE
        now_ns, update = desk.events("ACCOUNT_UPDATE")[-1]
        assert update["a"]["m"] == "FUNDING_FEE"
        assert Decimal(update["a"]["B"][0]["bc"]) == Decimal("-0.0101")
        # Known with the first print at or after the time, here the same instant's.
        assert desk.after(now_ns) == 60_020

    def test_against_makes_shorts_pay_too(self) -> None:
        for rule, sign in (("signed", 1), ("against", -1)):
            desk = self.held(funding_rule=rule)
            desk.order("SELL", lots=20)
            desk.run()

            assert desk.engine.account.income[-1].amount * sign > 0

    def test_a_fill_at_the_funding_time_is_not_charged(self) -> None:
        desk = a_desk(
            trades((1, 1000_00), (60, 1010_00)),
            funding_interval_ns=MINUTE,
            entry_latency_ns=50 * SECOND,
        )
        desk.order()
        desk.run()

        assert [row.kind for row in desk.engine.account.income] == ["COMMISSION"]

    def test_funding_waits_for_the_first_print_at_or_after_it(self) -> None:
        desk = a_desk(
            trades((1, 1000_00), (90, 1010_00)),
            funding_interval_ns=MINUTE,
        )
        desk.order()
        desk.run()

        assert desk.after(desk.events("ACCOUNT_UPDATE")[-1][0]) == 90_010


class TestFaults:
    def test_delay_keeps_the_order_and_releases_late(self) -> None:
        desk = faulty('[{"fault":"delay","stream":"trade","by_ms":2500,"after_s":2,"for_s":1}]')
        desk.engine.subscribe("btcusdt@aggTrade")
        desk.run(6)

        told = [(desk.after(now_ns), body["a"]) for now_ns, _, body in desk.seen]
        assert told == [(1010, 1), (4510, 2), (4510, 3), (4510, 4), (5010, 5)]

    def test_dropped_messages_never_come(self) -> None:
        desk = faulty('[{"fault":"drop","stream":"trade","after_s":2,"for_s":2}]')
        desk.engine.subscribe("btcusdt@aggTrade")
        desk.run(6)

        assert [body["a"] for _, _, body in desk.seen] == [1, 4, 5]

    def test_duplicates_come_twice_at_once(self) -> None:
        desk = faulty('[{"fault":"duplicate","stream":"user"}]')
        desk.order()
        desk.run(0.5)

        assert len(desk.events()) == 2

    def test_a_disconnect_cuts_and_refuses_for_its_time(self) -> None:
        desk = faulty('[{"fault":"disconnect","after_s":2,"for_s":3}]')
        desk.run(2)
        refused = desk.engine.refuses_streams
        desk.run(5)

        assert desk.others == [(START + 2 * SECOND, StreamsClosed())]
        assert refused
        assert not desk.engine.refuses_streams
        assert not desk.engine.is_down

    def test_a_restart_loses_what_is_on_its_way_and_keeps_open_orders(self) -> None:
        desk = faulty('[{"fault":"restart","after_s":2,"for_s":3}]')
        desk.order(price="90000", newClientOrderId="kept")
        desk.run(1.99)
        lost = desk.order(price="90000", newClientOrderId="lost")
        desk.run(4)

        assert desk.engine.is_down
        assert desk.others == [
            (START + 2 * SECOND, Cut(lost)),
            (START + 2 * SECOND, StreamsClosed()),
        ]
        assert [record.client_id for record in desk.engine.open_records] == ["kept"]
        desk.run(5)
        assert not desk.engine.is_down

    def test_the_nth_candle_is_late_and_the_next_is_not(self) -> None:
        desk = faulty('[{"fault":"late_candle","nth":2,"by_ms":90000}]')
        desk.engine.subscribe("btcusdt@kline_1m")
        desk.run(260)

        told = [
            ((body["k"]["t"] * MS - START) // MINUTE, desk.after(now_ns))
            for now_ns, _, body in desk.seen
        ]
        assert told == [(0, 60_200), (2, 180_200), (1, 210_200), (3, 240_200)]

    def test_a_revised_candle_comes_wrong_first_and_right_later(self) -> None:
        desk = faulty('[{"fault":"revise_candle","nth":1,"by_ticks":-500,"correct_after_ms":1000}]')
        desk.engine.subscribe("btcusdt@kline_1m")
        desk.run(70)

        (first_ns, _, wrong), (second_ns, _, right) = desk.seen
        assert (desk.after(first_ns), desk.after(second_ns)) == (60_200, 61_200)
        assert Decimal(right["k"]["c"]) - Decimal(wrong["k"]["c"]) == 50
        assert wrong["k"]["l"] == wrong["k"]["c"]
        assert wrong["k"]["x"] is right["k"]["x"] is True
        assert wrong["k"]["t"] == right["k"]["t"]

    def test_a_partial_fill_expires_the_rest(self) -> None:
        desk = faulty('[{"fault":"partial_fill","nth":1,"fraction":0.35,"remainder":"cancel"}]')
        desk.order(lots=10)
        desk.run()

        assert [(event["x"], event["X"], event["z"]) for _, event in desk.events()] == [
            ("NEW", "NEW", "0.000"),
            ("TRADE", "PARTIALLY_FILLED", "0.003"),
            ("EXPIRED", "EXPIRED", "0.003"),
        ]

    def test_a_partial_fill_trades_the_rest_later(self) -> None:
        desk = faulty(
            '[{"fault":"partial_fill","every":1,"fraction":0.5,"remainder":"later",'
            '"resume_after_ms":1500}]'
        )
        desk.order(lots=10)
        desk.run()

        filled = [(fill.lots, fill.venue_time_ns - START) for fill in desk.engine.fills]
        assert filled == [(5, SECOND), (5, 3 * SECOND)]

    def test_the_nth_order_is_rejected_with_the_code(self) -> None:
        desk = faulty('[{"fault":"reject","nth":2,"code":-1001,"message":"no"}]')
        tickets = [desk.order() for _ in range(3)]
        desk.run(0.5)

        assert [desk.code(each) for each in tickets] == [None, -1001, None]
        assert len(desk.engine.records) == 2

    def test_a_timed_out_order_was_placed_or_was_not(self) -> None:
        for kind, placed in (("timeout_placed", 1), ("timeout_not_placed", 0)):
            desk = faulty(f'[{{"fault":"{kind}","nth":1,"cut_after_ms":100}}]')
            ticket = desk.order()
            desk.run(0.5)

            assert desk.others == [(START + 141 * MS, Cut(ticket))]
            assert desk.answers == {}
            assert len(desk.engine.records) == placed
            assert len(desk.events()) == placed

    def test_the_commission_is_higher_than_it_says(self) -> None:
        desk = faulty('[{"fault":"fee","by_bps":1}]')
        desk.order(lots=10)
        desk.run()

        fill = desk.engine.fills[0]
        assert fill.fee * 10**4 == 5 * BTC.notional(10, fill.price_ticks)

    def test_latency_is_added_constant_and_by_draw(self) -> None:
        desk = faulty(
            '[{"fault":"latency","by_ms":100,"after_s":1},'
            '{"fault":"latency","by_ms":0,"spread_ms":50,"seed":3,"after_s":2}]'
        )
        tickets = []
        for second in (0, 1, 2, 3):
            desk.run(second)
            tickets.append(desk.order())
        desk.run(5)

        took = [
            desk.after(desk.answers[each][0]) - 1000 * place for place, each in enumerate(tickets)
        ]
        assert took[:2] == [41, 141]
        assert all(141 <= each < 191 for each in took[2:])
        assert took[2] != took[3]

    def test_transfers_show_or_hide(self) -> None:
        desk = faulty(
            '[{"fault":"transfer","after_s":1,"amount":5},'
            '{"fault":"hidden_transfer","nth_bar":1,"amount":-3}]'
        )
        desk.run()

        account = desk.engine.account
        assert account.wallet == money(10_002)
        assert [(row.kind, row.amount) for row in account.income] == [("TRANSFER", money(5))]
        assert [event["a"]["m"] for _, event in desk.events("ACCOUNT_UPDATE")] == ["DEPOSIT"]

    def test_a_moment_by_order_strikes_when_the_order_is_received(self) -> None:
        desk = faulty('[{"fault":"disconnect","nth_order":2,"for_s":1}]')
        desk.order()
        desk.run(3)
        desk.order()
        desk.run(6)

        assert [now_ns for now_ns, _ in desk.others] == [START + 3 * SECOND]


class TestSeveralInstruments:
    def test_each_has_its_market_and_all_share_the_account(self) -> None:
        ether = Instrument(
            symbol="ETH/USDT:USDT",
            venue_symbol="ETHUSDT",
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.01"),
        )
        desk = a_desk(
            trades((1, 1000_00), (2, 1010_00)),
            trades((1.5, 3000_00), (2.5, 3100_00), symbol=ether.symbol),
            instruments=(BTC, ether),
            funding_interval_ns=2 * SECOND,
            slippage_bps=Decimal(0),
        )
        desk.order(newClientOrderId="b")
        desk.order("SELL", symbol="ETHUSDT", quantity="0.5", newClientOrderId="e")
        desk.run()

        filled = [(event["c"], event["L"]) for _, event in desk.events() if event["x"] == "TRADE"]
        assert filled == [("b", "10000.0"), ("e", "3000.00")]
        charged = [
            (row.symbol, row.amount)
            for row in desk.engine.account.income
            if row.kind == "FUNDING_FEE"
        ]
        # 10 lots at 10 000.0 and −50 lots at 3 000.00, at a rate of 10⁻⁴.
        assert charged == [("BTCUSDT", -money("0.01")), ("ETHUSDT", money("0.15"))]


class TestFeeds:
    def test_a_candle_published_after_subscribing_is_seen_and_one_before_is_not(self) -> None:
        desk = a_desk(STEADY, **QUIET)
        desk.run(60.1)
        desk.engine.subscribe("btcusdt@kline_1m")
        desk.run(100)
        late = a_desk(STEADY, **QUIET)
        late.run(60.3)
        late.engine.subscribe("btcusdt@kline_1m")
        late.run(100)

        assert [desk.after(now_ns) for now_ns, _, _ in desk.seen] == [60_200]
        assert late.seen == []

    def test_a_print_on_its_way_when_somebody_subscribes_is_seen(self) -> None:
        desk = flat((1, 1000), (2, 1001))
        desk.run(1.005)
        desk.engine.subscribe("btcusdt@trade")
        desk.run(1.5)

        assert [(desk.after(now_ns), body["t"]) for now_ns, _, body in desk.seen] == [(1010, 1)]

    def test_running_candles_come_only_where_something_traded(self) -> None:
        desk = flat((1, 1000), (3, 1001), (9, 1002), kline_update_ms=500)
        desk.engine.subscribe("btcusdt@kline_1m")
        desk.run()

        assert [
            (desk.after(now_ns), body["k"]["x"], body["k"]["c"]) for now_ns, _, body in desk.seen
        ] == [
            (1010, False, "100.0"),
            (3010, False, "100.1"),
            (9010, False, "100.2"),
        ]

    def test_depth_updates_form_a_chain_with_one_level_a_side(self) -> None:
        desk = flat((1, 1000), (2, 1001))
        desk.engine.subscribe("btcusdt@depth@100ms")
        desk.engine.subscribe("btcusdt@markPrice@1s")
        desk.run()

        books = [body for _, stream, body in desk.seen if "depth" in stream]
        assert [(body["pu"], body["u"]) for body in books] == [(0, 1), (1, 2)]
        assert books[1]["b"] == [["99.9", "0"], ["100.0", "0.010"]]
        marks = [body["p"] for _, stream, body in desk.seen if "mark" in stream]
        assert marks == ["100.0", "100.1"]

    @pytest.mark.parametrize(
        "stream", ["btcusdt", "ethusdt@trade", "btcusdt@forceOrder", "btcusdt@kline_7"]
    )
    def test_an_unknown_stream_is_refused(self, stream: str) -> None:
        with pytest.raises(ValueError, match=r"unknown stream|interval"):
            flat((1, 1000)).engine.subscribe(stream)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    wishes=st.lists(
        st.tuples(
            st.integers(0, 250),
            st.sampled_from(["market", "limit", "stop", "cancel"]),
            st.sampled_from(["BUY", "SELL"]),
            st.integers(1, 30),
            st.integers(-60, 60),
        ),
        max_size=12,
    ),
    participation=st.sampled_from([None, Decimal("0.1"), Decimal(1)]),
)
def test_the_truth_log_obeys_the_rules_and_the_books_balance(
    tmp_path_factory: Any, seed: int, wishes: list[Any], participation: Decimal | None
) -> None:
    generator = np.random.default_rng(seed)
    count = 400
    times = START + np.sort(generator.integers(0, 300_000, count)) * MS
    prices = 1_000_000 + np.cumsum(generator.integers(-20, 21, count))
    lots = generator.integers(1, 200, count)
    tape = TradeColumns(
        BTC.symbol, times, times, prices, lots, np.ones(count, np.int8), np.arange(1, count + 1)
    )
    path: Path = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    desk = a_desk(
        tape,
        truth_path=str(path),
        participation=participation,
        funding_interval_ns=MINUTE,
        starting_balance=Decimal(10**6),
    )

    for number, (second, kind, side, size, away) in enumerate(sorted(wishes, key=lambda w: w[0])):
        desk.run(second)
        price = str((1_000_000 + away) * BTC.tick_size)
        if kind == "market":
            desk.order(side, size, newClientOrderId=str(number))
        elif kind == "limit":
            desk.order(side, size, price=price, newClientOrderId=str(number))
        elif kind == "stop":
            desk.order(side, size, triggerPrice=price, clientAlgoId=str(number))
        else:
            desk.cancel(origClientOrderId=str(number - 1))
    desk.run()
    desk.truth.close()

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    _check_fills(lines, times, prices, lots)
    account = desk.engine.account
    assert account.wallet == money(10**6) + sum(row.amount for row in account.income)
    paid = sum(
        line["fee"] + line["side"] * BTC.notional(line["lots"], line["price_ticks"])
        for line in _with_sides(lines)
    )
    funding = sum(line["amount"] for line in lines if line["kind"] == "funding")
    worth = BTC.notional(account.position(BTC.symbol).lots, int(prices[-1]))
    total = account.wallet + account.unrealised(BTC, int(prices[-1]))
    assert total == money(10**6) - paid + funding + worth


def _with_sides(lines: list[Any]) -> list[Any]:
    sides = {line["sequence"]: line["side"] for line in lines if line["kind"] == "order_accepted"}
    return [line | {"side": sides[line["sequence"]]} for line in lines if line["kind"] == "fill"]


def _check_fills(lines: list[Any], times: Any, prices: Any, lots: Any) -> None:
    """Check each fill of a truth log against the market and the rules, from scratch."""
    orders = {line["sequence"]: line for line in lines if line["kind"] == "order_accepted"}
    triggered = {line["sequence"]: line["time_ns"] for line in lines if line["kind"] == "triggered"}
    filled = dict.fromkeys(orders, 0)
    for fill in _with_sides(lines):
        order = orders[fill["sequence"]]
        filled[fill["sequence"]] += fill["lots"]
        assert fill["time_ns"] > order["time_ns"]
        at_time = prices[times == fill["time_ns"]]
        assert len(at_time)
        if fill["liquidity"] == 1:
            assert fill["price_ticks"] == order["limit_ticks"]
            assert any((order["limit_ticks"] - each) * fill["side"] > 0 for each in at_time)
        else:
            shift = -(-fill["reference_ticks"] // 10_000)
            assert fill["price_ticks"] == fill["reference_ticks"] + fill["side"] * shift
            assert fill["reference_ticks"] in at_time
        if order["stop_ticks"] is not None:
            assert fill["time_ns"] > triggered[fill["sequence"]] > order["time_ns"]
        assert fill["known_ns"] == fill["time_ns"] + 20 * MS
    assert all(filled[each] <= orders[each]["lots"] for each in orders)
    for sequence, time_ns in triggered.items():
        order = orders[sequence]
        between = (times > order["time_ns"]) & (times <= time_ns)
        reached = (prices - order["stop_ticks"]) * order["side"] >= 0
        assert int(times[between & reached][0]) == time_ns
