from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.practice.builders import BTC, MINUTE, SECOND, START, bars, trades
from tieout.adapters.venues.practice.tape import Tape, read_tapes
from tieout.errors import DataError
from tieout.model.columns import BarColumns

ROW = (1000, 1100, 900, 1050, 10)


def test_a_candle_covers_its_open_and_not_its_close() -> None:
    tape = Tape(BTC, [trades((0, 100), (59.9, 101), (60, 102))])

    candles = tape.klines(MINUTE)

    assert [candles.row(number).close for number in range(2)] == [101, 102]
    assert candles.row(0).close_ns == START + MINUTE


def test_an_interval_without_trades_has_no_candle() -> None:
    tape = Tape(BTC, [trades((0, 100), (200, 101))])

    assert [(each - START) // MINUTE for each in tape.klines(MINUTE).open_ns] == [0, 3]


@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.integers(1, 50), st.integers(1, 9)),
        min_size=1,
        max_size=60,
    )
)
def test_candles_equal_those_of_a_plain_loop(rows: list[tuple[int, int, int]]) -> None:
    rows.sort(key=lambda row: row[0])
    tape = Tape(BTC, [trades(*rows)])
    plain: dict[int, list[tuple[int, int, int]]] = {}
    for row in rows:
        plain.setdefault((START + row[0] * SECOND) // MINUTE * MINUTE, []).append(row)

    candles = tape.klines(MINUTE)

    assert len(candles) == len(plain)
    for number, (open_ns, group) in enumerate(plain.items()):
        candle = candles.row(number)
        prices = [price for _, price, _ in group]
        assert candle.open_ns == open_ns
        assert (candle.open, candle.high) == (prices[0], max(prices))
        assert (candle.low, candle.close) == (min(prices), prices[-1])
        assert candle.volume == sum(lots for _, _, lots in group)
        assert candle.turnover == sum(price * lots for _, price, lots in group)
        assert candle.count == len(group)


def test_the_running_candle_knows_nothing_after_now() -> None:
    tape = Tape(BTC, [trades((61, 100), (70, 120), (80, 90))])

    running = tape.running_kline(MINUTE, START + 75 * SECOND)

    assert running is not None
    assert (running.open, running.high, running.low, running.close) == (100, 120, 100, 120)
    assert tape.running_kline(MINUTE, START + 60 * SECOND) is None


def test_bars_pass_through_and_make_coarser_ones() -> None:
    tape = Tape(BTC, [bars(ROW, (1050, 1200, 1040, 1190, 5), (1190, 1191, 1, 2, 1))])

    assert tape.klines(MINUTE).row(1).high == 1200
    coarse = tape.klines(3 * MINUTE)
    opens = [coarse.row(number) for number in range(len(coarse))]
    assert sum(candle.volume for candle in opens) == 16
    assert not tape.serves(SECOND)
    running = tape.running_kline(10 * MINUTE, START + 2 * MINUTE)
    assert running is not None
    assert running.close == 1190


def test_the_mark_for_funding_is_before_a_print_and_at_a_bars_close() -> None:
    on_trades = Tape(BTC, [trades((1, 100), (2, 200))])
    on_bars = Tape(BTC, [bars(ROW, (1050, 1200, 1040, 1190, 5))])

    assert on_trades.mark_before(START + 2 * SECOND) == 100
    assert on_trades.mark_before(START + SECOND) is None
    assert on_bars.mark_before(START + 2 * MINUTE) == 1190


def test_the_last_revision_of_a_bar_counts() -> None:
    first = bars(ROW)
    revised = bars((1000, 1100, 900, 1060, 10))
    columns = [getattr(revised, name) for name in BarColumns.__slots__]
    columns[BarColumns.__slots__.index("revision")] = np.array([1])

    tape = Tape(BTC, [first, BarColumns(*columns)])

    assert len(tape) == 1
    assert tape.bar(0).close_ticks == 1060


def test_rows_after_the_end_are_left_out() -> None:
    tapes = read_tapes([BTC], [trades((1, 100), (2, 200), (3, 300))], START + 2 * SECOND)

    assert len(tapes[BTC.symbol]) == 2


@pytest.mark.parametrize(
    ("market", "words"),
    [
        ([], "no market"),
        ([trades((1, 100)), bars(ROW)], "mixes trades and bars"),
        ([trades((1, 0))], "price is not positive"),
        ([trades((1, 100, 0))], "quantity is not positive"),
        ([trades((1, 100), symbol="ETH/USDT:USDT")], "does not trade"),
        ([bars(ROW, ROW), bars(ROW, first=3)], ""),
    ],
)
def test_a_market_that_does_not_fit_is_refused(market: list[Any], words: str) -> None:
    if not words:
        assert len(read_tapes([BTC], market, None)[BTC.symbol]) == 3
        return
    with pytest.raises(DataError, match=words):
        read_tapes([BTC], market, None)


def test_overlapping_bars_are_refused() -> None:
    shifted = bars(ROW)
    columns = {name: getattr(shifted, name) for name in BarColumns.__slots__}
    columns["open_time_ns"] = shifted.open_time_ns + SECOND
    columns["close_time_ns"] = shifted.close_time_ns + SECOND

    with pytest.raises(DataError, match="overlap"):
        Tape(BTC, [bars(ROW), BarColumns(**columns)])


def test_the_mark_stays_where_it_was_while_nobody_trades() -> None:
    tape = Tape(BTC, [trades((0, 100), (30, 104), (190, 101), (200, 90))])

    marks = tape.mark_klines(MINUTE)

    rows = [marks.row(number) for number in range(len(marks))]
    assert [(each.open_ns - START) // MINUTE for each in rows] == [0, 1, 2, 3]
    # It opens where the one before closed, also where the first trade is elsewhere.
    assert [(each.open, each.high, each.low, each.close) for each in rows] == [
        (100, 104, 100, 104), (104, 104, 104, 104), (104, 104, 104, 104), (104, 104, 90, 90),
    ]  # fmt: skip
    assert {each.volume for each in rows} == {0}


def test_the_running_mark_knows_nothing_after_now() -> None:
    tape = Tape(BTC, [trades((10, 100), (70, 120), (80, 90))])

    running = tape.running_mark_kline(MINUTE, START + 75 * SECOND)
    quiet = tape.running_mark_kline(MINUTE, START + 62 * SECOND)

    assert running is not None
    assert quiet is not None
    assert (running.open, running.high, running.low, running.close) == (100, 120, 100, 120)
    assert (quiet.open, quiet.close) == (100, 100)
    assert tape.running_mark_kline(MINUTE, START) is None
