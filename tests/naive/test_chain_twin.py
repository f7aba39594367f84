"""The chain of market rows equals its plain twin, whole, chunked and one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worlds import bars, single_events, trades
from tieout.market import DataChain
from tieout.model.columns import TradeColumns

WORD = (1 << 64) - 1
FIRST, SECOND = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


def mix(lane: int, value: int, factor: int) -> int:
    lane = ((lane ^ (value & WORD)) * factor) & WORD
    return lane ^ (lane >> 29)


def naive_chain(columns: Any) -> str:
    """The twin of extend_trades and extend_bars, in unbounded integers cut to 64 bits."""
    one, other = 0x243F6A8885A308D3, 0x13198A2E03707344
    for row in range(len(columns)):
        if isinstance(columns, TradeColumns):
            one = mix(one, int(columns.venue_time_ns[row]), FIRST)
            other = mix(other, int(columns.price_ticks[row]), SECOND)
            one = mix(one, int(columns.quantity_lots[row]), SECOND)
            other = mix(other, int(columns.trade_id[row]), FIRST)
        else:
            one = mix(one, int(columns.open_time_ns[row]), FIRST)
            other = mix(other, int(columns.open_ticks[row]), SECOND)
            one = mix(one, int(columns.high_ticks[row]), SECOND)
            other = mix(other, int(columns.low_ticks[row]), FIRST)
            one = mix(one, int(columns.close_ticks[row]), FIRST)
            other = mix(other, int(columns.volume_lots[row]), SECOND)
            one = mix(one, int(columns.revision[row]) + columns.interval_ns, SECOND)
        one ^= other
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


def test_arrival_does_not_matter_and_prices_do() -> None:
    chains = []
    for columns in (bars([400, 401]), bars([400, 401], delay_ns=5), bars([400, 402])):
        chain = DataChain()
        chain.extend(columns, 0, 2)
        chains.append(chain.hexdigest())
    assert chains[0] == chains[1] != chains[2]
