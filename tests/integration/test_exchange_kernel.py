"""The kernel over the gateway: decisions, money and evidence to the last digit, twice the same."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

pytest.importorskip("ccxt", reason="the extra `live` is not installed")

from tests.integration.drill import (
    INSTRUMENT,
    START,
    Subscription,
    a_gateway,
    a_market,
    a_venue,
)
from tieout import Strategy
from tieout.adapters.venues.practice import ThreadedServer
from tieout.kernel.loop import Kernel
from tieout.model.events import Fill, OrderRejected
from tieout.model.money import money_decimal

if TYPE_CHECKING:
    from tieout.model.events import Bar
    from tieout.model.statement import Statement


class Cross(Strategy):
    """Follow the quicker of two means."""

    def on_start(self, context: Any) -> None:
        self.bars = context.bars(INSTRUMENT.symbol, "1m")
        self.fast = context.indicator("sma", self.bars, 3)
        self.slow = context.indicator("sma", self.bars, 8)

    def on_bar(self, context: Any, bar: Bar) -> None:
        if self.slow.ready:
            context.target(bar.instrument, units=1 if self.fast.value > self.slow.value else -1)


class Record:
    """A journal in memory."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def input(self, event: Any) -> None:
        self.rows.append(event)

    def decision(self, record: object) -> None:
        self.rows.append(record)

    def commit(self) -> None:
        pass


def traded(faults: str = "[]") -> tuple[list[Any], Kernel, Statement]:
    record = Record()
    with (
        ThreadedServer(a_venue(faults), [a_market(60)]) as server,
        a_gateway(server) as gateway,
    ):
        instruments = {each.symbol: each for each in gateway.instruments([INSTRUMENT.symbol])}
        kernel = Kernel(Cross, instruments=instruments, journal=record)
        wanted = [Subscription(symbol, ns) for symbol, ns in kernel.subscriptions.bars]
        gateway.start(wanted, warmup_bars=8)
        kernel.run(gateway, gateway)
        assert kernel.failure is None
        assert kernel.ended is not None
        statement = gateway.statement(START, kernel.ended.arrival_time_ns)
    return record.rows, kernel, statement


FAULTS = """[
    {"fault": "disconnect", "after_s": 700, "for_s": 200},
    {"fault": "timeout_not_placed", "nth": 3},
    {"fault": "timeout_placed", "nth": 5},
    {"fault": "partial_fill", "nth": 6, "fraction": "0.5", "remainder": "cancel"},
    {"fault": "duplicate"}
]"""


@pytest.mark.parametrize("faults", ["[]", FAULTS])
def test_our_ledger_ends_where_the_venues_account_ends(faults: str) -> None:
    rows, kernel, statement = traded(faults)

    assert len([row for row in rows if isinstance(row, Fill)]) >= 8
    assert any(isinstance(row, OrderRejected) for row in rows) == (faults != "[]")
    theirs = statement.end_balance + sum(
        (each.unrealised for each in statement.end_positions), Decimal(0)
    )
    assert money_decimal(kernel.equity()) == theirs


def test_a_live_run_with_faults_is_the_same_twice() -> None:
    first, kernel, _ = traded(FAULTS)
    second, again, _ = traded(FAULTS)

    assert msgspec.msgpack.encode(first) == msgspec.msgpack.encode(second)
    assert kernel.state_hash() == again.state_hash()
