"""Bars made from trades are the same wherever a chunk of trades ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.history.builders import MINUTE, SECOND, T0
from tests.unit.history.builders import trade_columns as trades
from tieout.errors import DataError, InputError
from tieout.history import bars_from_trades
from tieout.model.columns import TradeColumns


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 50)), min_size=1, max_size=60),
    st.integers(1, 60),
)
def test_bars_from_trades_do_not_depend_on_chunks(
    given_trades: list[tuple[int, int]], chunk: int
) -> None:
    second = 10**9
    when = 60 * second + np.cumsum([step for step, _ in given_trades]) * second
    price = np.array([each for _, each in given_trades], np.int64)
    rows_count = len(when)
    whole = TradeColumns(
        "ES",
        when,
        when,
        price,
        np.ones(rows_count, np.int64),
        np.zeros(rows_count, np.int8),
        np.arange(rows_count, dtype=np.int64),
    )
    pieces = [whole.rows(start, start + chunk) for start in range(0, rows_count, chunk)]

    def plain(parts: list[TradeColumns]) -> list[tuple[int, ...]]:
        return [
            row
            for bars_part in bars_from_trades(parts, 60 * second, delay_ns=5)
            for row in zip(
                bars_part.open_time_ns.tolist(),
                bars_part.arrival_time_ns.tolist(),
                bars_part.open_ticks.tolist(),
                bars_part.high_ticks.tolist(),
                bars_part.low_ticks.tolist(),
                bars_part.close_ticks.tolist(),
                bars_part.volume_lots.tolist(),
                strict=True,
            )
        ]

    naive = []
    for minute in sorted(set((when // (60 * second)).tolist())):
        inside = price[when // (60 * second) == minute]
        start = minute * 60 * second
        naive.append(
            (
                start,
                start + 60 * second + 5,
                int(inside[0]),
                int(inside.max()),
                int(inside.min()),
                int(inside[-1]),
                len(inside),
            )
        )
    assert plain([whole]) == plain(pieces) == naive


def test_an_interval_of_bars_must_be_positive() -> None:
    with pytest.raises(InputError, match="positive"):
        bars_from_trades([], 0)


def test_a_trade_on_the_boundary_opens_the_next_bar() -> None:
    (before, after) = bars_from_trades([trades([401, 402], step_ns=30 * SECOND)], MINUTE)

    assert before.open_time_ns[0] == T0
    assert before.close_ticks[0] == 401
    assert after.open_time_ns[0] == T0 + MINUTE
    assert after.open_ticks[0] == 402


def test_an_interval_without_trades_gives_no_bar_and_chunks_without_rows_none() -> None:
    seldom = trades([401, 402], step_ns=10 * MINUTE)
    nothing = seldom.rows(0, 0)

    made = list(bars_from_trades([nothing, seldom, nothing], MINUTE))

    opens = [int(each) for bars in made for each in bars.open_time_ns]
    assert opens == [T0 + 10 * MINUTE, T0 + 20 * MINUTE]
    assert list(bars_from_trades([nothing], MINUTE)) == []


def test_a_bar_does_not_change_the_trades_it_was_made_of() -> None:
    chunk = trades([401, 405, 399])
    kept = chunk.price_ticks.copy()

    list(bars_from_trades([chunk.rows(0, 1), chunk.rows(1, 2), chunk.rows(2, 3)], MINUTE))

    assert chunk.price_ticks.tolist() == kept.tolist()
    assert chunk.quantity_lots.tolist() == [10, 10, 10]


def test_trades_that_go_backwards_are_refused() -> None:
    chunk = trades([401, 405, 399])
    with pytest.raises(DataError, match="row 1: the arrival goes backwards"):
        list(bars_from_trades([chunk, chunk], MINUTE))


def test_a_delay_of_bars_is_not_negative() -> None:
    with pytest.raises(InputError, match="delay -1"):
        bars_from_trades([], MINUTE, delay_ns=-1)
