"""Records as bytes: whatever their numbers, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.compiled import bars_like, run_of
from tests.support.worlds import SYMBOL
from tieout.adapters.storage.disk import SimulatedDisk
from tieout.journal import JournalReader, JournalWriter, decode, encode
from tieout.journal.records import decode_input
from tieout.model.events import RunStarted
from tieout.model.money import MONEY_UNIT, money
from tieout.model.profiles import profile
from tieout.strategy import Strategy


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_money_of_any_size_comes_back(cash: int, cost: int) -> None:
    record = RunStarted(arrival_time_ns=5, cash=cash, positions=(("KRW", 7, cost),))

    assert decode(encode(record)) == record
    assert decode_input(encode(record)) == record
    assert encode(decode(encode(record))) == encode(record)


def test_small_money_is_written_as_numbers() -> None:
    record = RunStarted(arrival_time_ns=5, cash=money(Decimal(100_000)))

    assert encode(record) == msgspec.msgpack.encode(record)


@pytest.mark.parametrize("cash", ["7", "007", " 9", "x", "1e30", str(2**64 - 1)])
def test_a_number_as_text_is_refused_where_it_need_not_be_text(cash: str) -> None:
    data = msgspec.msgpack.encode([35, 5, cash, [], [], []])

    with pytest.raises(msgspec.ValidationError, match="Expected `int`, got `str`"):
        decode(data)


class Holds(Strategy):
    def on_start(self, context: Any) -> None:
        context.bars(SYMBOL, "1m")


def test_a_run_with_a_billion_in_cash_is_written_and_read() -> None:
    disk = SimulatedDisk()
    writer = JournalWriter(disk, "j", durable=False)
    bars = bars_like([4_000] * 5, [1] * 5, [1] * 5, [10] * 5, delay_ns=0)

    run_of(Holds, bars, profile("zero-latency"), journal=writer, cash=10**12)
    writer.close()

    (started,) = (
        each.record for each in JournalReader(disk, "j") if isinstance(each.record, RunStarted)
    )
    assert started.cash == 10**12 * MONEY_UNIT
