"""Streams given in one merged order lead to the same run, byte for byte, as given one by one.

The plain way gives a batch for each run of rows of one stream. What is compared is all that a
strategy saw and asked, every byte of the journal, and the state.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tieout import Bar, Instrument, Strategy, Trade
from tieout.errors import InputError, OrderRefused
from tieout.kernel.risk import RiskLimits
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.profiles import FillLevel, LimitRule, SimulationProfile
from tieout.model.venues import EVERYTHING, GATEWAY
from tieout.wiring import backtest_columns
from tieout.wiring import history as on_history
from tieout.wiring.journals import Nowhere

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout import Context
    from tieout.adapters.feeds.history import Stream
    from tieout.model.columns import MarketColumns

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "80"))
SECOND = 1_000_000_000
SYMBOLS = ("A", "B", "C")


class Kept(Nowhere):
    """Keeps what a journal writes."""

    def __init__(self) -> None:
        self.written = bytearray()

    def append(self, data: bytes) -> None:
        self.written += data


def plainly(streams: Sequence[Stream]) -> list[Stream]:
    """Merge nothing: the order comes from the streams' heads alone."""
    return [each for each in streams if each.head_ns() is not None]


class Busy(Strategy):
    """Writes down all it is given, and acts by it in ways that depend on nothing else."""

    asked: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    seen: list[Any]

    def on_start(self, context: Context) -> None:
        self.seen = []
        self.priced: dict[str, None] = {}
        self.bars: list[Any] = []
        self.means: list[Any] = []
        for symbol, size, terms in self.asked:
            if size == "trades":
                context.trades(symbol)
            else:
                self.bars.append(context.bars(symbol, size, **terms))
                self.means.append(context.indicator("sma", self.bars[-1], 2))
        context.timer_every("beat", 3 * SECOND + 7)

    def on_trade(self, context: Context, trade: Any) -> None:
        self.note(context, trade)

    def on_bar(self, context: Context, bar: Any) -> None:
        self.note(context, bar)

    def on_running_bar(self, context: Context, bar: Any) -> None:
        self.note(context, bar)

    def on_timer(self, context: Context, timer: Any) -> None:
        self.note(context, timer)

    def on_fill(self, context: Context, fill: Any) -> None:
        self.note(context, fill)

    def on_order(self, context: Context, order: Any) -> None:
        self.note(context, order)

    def note(self, context: Context, event: Any) -> None:
        words = repr(event)
        try:
            worth: Decimal | str = context.equity
        except InputError as unknown:
            worth = str(unknown)
        self.seen.append((words, context.now_ns, worth))
        for stream, mean in zip(self.bars, self.means, strict=True):
            self.seen.append((repr(context.history(stream, 3)), mean.ready and mean.value))
        if isinstance(event, Bar | Trade):
            self.priced[event.instrument] = None
        chosen = crc32(words.encode())
        if len(self.seen) > 4_000 or chosen % 3 or not self.priced:
            return
        symbol = list(self.priced)[chosen // 3 % len(self.priced)]
        try:
            self.act(context, symbol, chosen // 9 % 11)
        except OrderRefused as refused:
            self.seen.append(str(refused))

    def act(self, context: Context, symbol: str, way: int) -> None:
        near = Decimal(98 + way % 5)
        if way < 3:
            context.buy(symbol, units=1 + way)
        elif way < 5:
            context.sell(symbol, units=way - 2)
        elif way == 5:
            context.buy(symbol, units=2, limit=near)
        elif way == 6:
            context.participate(symbol, side="buy", units=6, share=Decimal("0.5"))
        elif way == 7:
            context.twap(symbol, side="sell", units=4, parts=2, interval_ns=SECOND)
        elif way == 8:
            context.bracket(symbol, side="buy", units=2, take_profit=103, stop_loss=97)
        elif way == 9:
            context.target(symbol, units=0)
        else:
            for order in context.open_orders():
                context.cancel(order)


def prices(draw: Any, rows: int) -> Any:
    return 100 + np.cumsum(draw.integers(-1, 2, rows)) % 7


def some_trades(draw: Any, symbol: str, rows: int, step: int) -> TradeColumns:
    # Few different times, so that many rows of all streams arrive together.
    venue = 5 * SECOND + np.cumsum(draw.integers(0, 3, rows)) * step
    late = draw.integers(0, 2, rows) * step
    arrival = np.maximum.accumulate(venue + late)
    return TradeColumns(
        symbol,
        venue,
        arrival,
        prices(draw, rows),
        draw.integers(1, 5, rows),
        draw.choice(np.array([-1, 1], np.int8), rows),
        np.arange(1, rows + 1),
    )


def some_bars(draw: Any, symbol: str, rows: int, delay: int) -> BarColumns:
    close = 5 * SECOND + SECOND * np.cumsum(draw.integers(1, 3, rows))
    opening, closing = prices(draw, rows), prices(draw, rows)
    none = np.zeros(rows, np.int64)
    return BarColumns(
        symbol,
        SECOND,
        close - SECOND,
        close,
        close + delay,
        opening,
        np.maximum(opening, closing) + 1,
        np.minimum(opening, closing) - 1,
        closing,
        draw.integers(1, 9, rows),
        none,
        none > 0,
    )


MADE = st.sampled_from(
    [
        ("1s", {"made_of": "trades"}),
        ("2s", {"made_of": "trades", "gaps": "fill"}),
        ("2s", {"made_of": "trades", "gaps": "halt"}),
        ("1s", {"running": "500ms"}),
        ("1s", {"made_of": "trades", "running": "trade"}),
        ("3 trades", {}),
        ("trades", {}),
    ]
)


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[MarketColumns], tuple[Any, ...]]:
    """Two or three instruments of trades or bars, and what is asked of them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    step = draw(st.sampled_from([1, 250_000_000, SECOND]))
    columns: list[MarketColumns] = []
    asked: list[Any] = []
    for symbol in SYMBOLS[: draw(st.integers(2, 3))]:
        rows = draw(st.integers(1, 60))
        if draw(st.integers(0, 4)) == 0:
            columns.append(some_bars(random, symbol, rows, draw(st.sampled_from([1, step]))))
            ways = draw(st.sampled_from([["1s"], ["2s"], ["1s", "2s"]]))
            asked += [(symbol, way, {"made_of": "1s"} if way == "2s" else {}) for way in ways]
        else:
            columns.append(some_trades(random, symbol, rows, step))
            sizes = draw(st.lists(MADE, min_size=1, max_size=2, unique_by=lambda each: each[0]))
            asked += [(symbol, size, terms) for size, terms in sizes]
    return columns, tuple(asked)


def outcome(
    columns: Sequence[MarketColumns], asked: Any, *, chunk_rows: int, slow: bool, composed: bool
) -> Any:
    """Run, and return everything that can be told of the run."""
    kept = Kept()
    strategies: list[Busy] = []

    class Own(Busy):
        def on_start(self, context: Context) -> None:
            self.asked = asked
            strategies.append(self)
            super().on_start(context)

    latency = 300_000_000 if slow else 0
    rules = [
        Instrument(symbol=each, venue_symbol=each, tick_size=Decimal(1), lot_size=Decimal(1))
        for each in {columns.instrument: None for columns in columns}
    ]
    with patch.object(on_history, "Nowhere", lambda: kept):
        result = backtest_columns(
            Own,
            columns,
            instruments=rules,
            profile=SimulationProfile(
                name="test",
                fill_level=FillLevel.NAIVE,
                limit_rule=LimitRule.TOUCH,
                entry_latency_ns=latency,
                response_latency_ns=latency,
                bar_grace_ns=latency,
            ),
            limits=RiskLimits(open_orders_max=1_000, orders_per_minute_max=100_000),
            chunk_rows=chunk_rows,
            venue_profile=GATEWAY if composed else EVERYTHING,
        )
    assert not result.failure, result.failure
    return strategies[0].seen, bytes(kept.written), result


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    market=markets(),
    chunk_rows=st.sampled_from([1, 3, 1_000]),
    merged_rows=st.sampled_from([1, 2, 7, 1_000]),
    slow=st.booleans(),
    composed=st.booleans(),
)
def test_merged_streams_lead_to_the_same_run(
    market: Any, chunk_rows: int, merged_rows: int, slow: bool, composed: bool
) -> None:
    terms: dict[str, Any] = {"slow": slow, "composed": composed}
    with patch("tieout.adapters.feeds.history._joined", plainly):
        plain = outcome(*market, chunk_rows=1_000, **terms)

    with patch("tieout.kernel.loop._CHUNK_ROWS", merged_rows):
        found = outcome(*market, chunk_rows=chunk_rows, **terms)

    for ours, expected in zip(found[0], plain[0], strict=True):
        assert ours == expected
    assert found[1:] == plain[1:]


@pytest.mark.parametrize("kind", ["trades", "bars"])
def test_rows_of_two_streams_come_in_one_batch(kind: str) -> None:
    draw = np.random.default_rng(3)
    given_rows: list[int] = []
    make = some_trades if kind == "trades" else some_bars
    columns = [make(draw, each, 40, SECOND) for each in SYMBOLS]
    asked = [(each, "trades" if kind == "trades" else "1s", {}) for each in SYMBOLS]
    merged_batch = on_history.Kernel._merged_batch

    def counted(kernel: Any, merged: Any) -> None:
        given_rows.append(len(merged))
        merged_batch(kernel, merged)

    with patch.object(on_history.Kernel, "_merged_batch", counted):
        outcome(columns, tuple(asked), chunk_rows=1_000, slow=False, composed=False)

    assert sum(given_rows) > 100
    assert len(given_rows) <= 5
