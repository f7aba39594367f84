"""The chain of market rows equals its plain twin, whole, chunked and one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.compiled_books import made_book
from tests.support.worlds import bars, single_events, trades
from tieout.market import DataChain
from tieout.model.columns import BookColumns, TradeColumns

WORD = (1 << 64) - 1
FACTORS = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
    0xE7037ED1A0B428DB,
    0x8EBC6AF09C88C6E3,
)
FIRST, SECOND = 0x5851F42D4C957F2D, 0xDA942042E4DD58B5


def word_of(values: list[int]) -> int:
    total = 0
    for value, factor in zip(values, FACTORS, strict=False):
        word = (value * factor) & WORD
        total += word ^ (word >> 32)
    word = (total * FACTORS[0]) & WORD
    return word ^ (word >> 29)


def naive_chain(columns: Any) -> str:
    """The twin of extend_trades, extend_bars and extend_book, in unbounded integers."""
    one, other = 0x243F6A8885A308D3, 0x13198A2E03707344
    for row in range(len(columns)):
        if isinstance(columns, TradeColumns):
            names = ("venue_time_ns", "price_ticks", "quantity_lots", "trade_id")
            values = [int(getattr(columns, name)[row]) for name in names]
        elif isinstance(columns, BookColumns):
            values = [int(columns.venue_time_ns[row]), int(columns.price_ticks[row])]
            values += [int(columns.lots[row])]
            values += [4 * int(columns.kind[row]) + int(columns.side[row]) + 1, 0, 0, -2]
        else:
            names = ("open_time_ns", "open_ticks", "high_ticks", "low_ticks")
            values = [int(getattr(columns, name)[row]) for name in names]
            values += [int(columns.close_ticks[row]), int(columns.volume_lots[row])]
            values += [int(columns.revision[row]) + columns.interval_ns]
        word = word_of(values)
        one = (one * FIRST + word) & WORD
        other = (other * SECOND + (word << 32 & WORD | word >> 32)) & WORD
    return f"{one:016x}{other:016x}"


@pytest.mark.parametrize("make", [bars, trades])
@given(prices=st.lists(st.integers(1, 10_000), min_size=1, max_size=30), chunk=st.integers(1, 30))
def test_the_chain_equals_its_twin_whatever_the_chunks(
    make: Any, prices: list[int], chunk: int
) -> None:
    columns = make(prices)
    whole, chunked, single = DataChain(), DataChain(), DataChain()

    whole.extend(columns, 0, len(columns))
    for start in range(0, len(columns), chunk):
        chunked.extend(columns, start, min(start + chunk, len(columns)))
    for event in single_events(columns):
        single.extend_one(event)

    expected = naive_chain(columns)
    assert whole.hexdigest() == chunked.hexdigest() == single.hexdigest() == expected


@given(seed=st.integers(1, 10_000), chunk=st.integers(1, 30))
def test_the_chain_of_a_book_equals_its_twin_whatever_the_chunks(seed: int, chunk: int) -> None:
    columns = made_book(40, seed, delay_ns=0)
    whole, chunked = DataChain(), DataChain()

    whole.extend(columns, 0, len(columns))
    for start in range(0, len(columns), chunk):
        chunked.extend(columns, start, min(start + chunk, len(columns)))

    assert whole.hexdigest() == chunked.hexdigest() == naive_chain(columns)


def test_arrival_does_not_matter_and_prices_do() -> None:
    chains = []
    for columns in (bars([400, 401]), bars([400, 401], delay_ns=5), bars([400, 402])):
        chain = DataChain()
        chain.extend(columns, 0, 2)
        chains.append(chain.hexdigest())
    assert chains[0] == chains[1] != chains[2]


def test_the_order_of_rows_matters() -> None:
    chains = []
    for rows in ([(0, 1), (1, 2)], [(1, 2), (0, 1)]):
        chain = DataChain()
        columns = bars([400, 401])
        for start, stop in rows:
            chain.extend(columns, start, stop)
        chains.append(chain.hexdigest())
    assert chains[0] != chains[1]
