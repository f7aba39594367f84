"""A million minute bars, averages of 20 and 50 closes kept in Python, one unit long or flat.

Market orders, 5 bps a side, profile `zero-latency`, one million in cash.
"""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np

from tieout import Bar, Context, Instrument, Strategy
from tieout.model.columns import BarColumns
from tieout.model.profiles import profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from benchmarks.data import Columns

__all__ = ["DATA", "ENGINES", "ROWS", "SAME"]

DATA: Final = "bars"
ROWS: Final = 1_000_000
SAME: Final = {"equity": 10.0}
"""What every engine must agree on, and how closely."""

SYMBOL: Final = "BTC/USDT:USDT"
MINUTE_NS: Final = 60_000_000_000
CASH: Final = 1_000_000
FAST: Final = 20
SLOW: Final = 50
WARM_UP_ROWS: Final = 2_000
CHUNK_ROWS: Final = 4_096
"""Objects the bare loop has at a time; only the calls are timed, not their making."""


class Cross(Strategy):
    """Long one unit while the fast average is above the slow one, else flat.

    Averages are compared as whole numbers, each sum times the other's length.
    """

    fast: int = FAST
    slow: int = SLOW

    def on_start(self, context: Context) -> None:
        self.ask(context)
        self.fast_closes: deque[int] = deque()
        self.slow_closes: deque[int] = deque()
        self.fast_sum = 0
        self.slow_sum = 0
        self.long = False

    def ask(self, context: Context) -> None:
        """Ask for the bars."""
        context.bars(SYMBOL, "1m")

    def on_bar(self, context: Context, bar: Bar) -> None:
        close = bar.close_ticks
        self.fast_closes.append(close)
        self.slow_closes.append(close)
        self.fast_sum += close
        self.slow_sum += close
        if len(self.fast_closes) > self.fast:
            self.fast_sum -= self.fast_closes.popleft()
        if len(self.slow_closes) > self.slow:
            self.slow_sum -= self.slow_closes.popleft()
        elif len(self.slow_closes) < self.slow:
            return
        above = self.fast_sum * self.slow - self.slow_sum * self.fast
        if self.long:
            if above < 0:
                self.long = False
                context.sell(SYMBOL, units=1)
        elif above > 0:
            self.long = True
            context.buy(SYMBOL, units=1)


def tieout(columns: Columns) -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    _engine_run(bar_columns(columns).rows(0, WARM_UP_ROWS))
    whole = bar_columns(columns)
    started = time.perf_counter()
    result = _engine_run(whole)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(whole),
        "fills": result.fills,
        "equity": float(result.equity),
    }


def limit(columns: Columns) -> dict[str, Any]:
    """Run the bare arithmetic, compiled: no event, order or account; an upper bound, no engine."""
    closes = columns["close_ticks"]
    _bare(closes[:WARM_UP_ROWS], FAST, SLOW)
    started = time.perf_counter()
    fills, millionths = _bare(closes, FAST, SLOW)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(closes),
        "fills": int(fills),
        "equity": CASH + millionths / 1_000_000,
    }


def bare_loop(columns: Columns) -> dict[str, Any]:
    """Call the same strategy from a bare Python loop, on bars made before: a bound, no engine.

    Orders fill at the close they were decided on; there is no journal, ledger, risk gate or venue.
    """
    whole = bar_columns(columns)
    account: Any = _Account()
    strategy = Cross()
    strategy.on_start(account)
    on_bar = strategy.on_bar
    seconds = 0.0
    for start in range(0, len(whole), CHUNK_ROWS):
        bars = _bar_objects(whole.rows(start, start + CHUNK_ROWS))
        started = time.perf_counter()
        for bar in bars:
            on_bar(account, bar)
            if account.wished:
                account.fill(bar.close_ticks)
        seconds += time.perf_counter() - started
    worth = account.held * int(whole.close_ticks[-1]) * 10_000
    return {
        "seconds": seconds,
        "rows": len(whole),
        "fills": account.fills,
        "equity": CASH + (account.profit + worth) / 1_000_000,
    }


ENGINES: Final = {"tieout": tieout, "bare_loop": bare_loop, "limit": limit}


def _engine_run(bars: BarColumns) -> Result:
    return backtest_columns(
        Cross,
        columns=[bars],
        instruments=[
            Instrument(
                symbol=SYMBOL,
                venue_symbol="BTCUSDT",
                tick_size=Decimal("0.01"),
                lot_size=Decimal(1),
            )
        ],
        profile=profile("zero-latency"),
        cash=Decimal(CASH),
    )


def bar_columns(columns: Columns) -> BarColumns:
    """Return the arrays as the engine's columns; a bar is known at its close."""
    close_time_ns = columns["close_time_ns"].astype(np.int64, copy=False)
    rows = len(close_time_ns)
    return BarColumns(
        instrument=SYMBOL,
        interval_ns=MINUTE_NS,
        open_time_ns=close_time_ns - MINUTE_NS,
        close_time_ns=close_time_ns,
        arrival_time_ns=close_time_ns,
        open_ticks=columns["open_ticks"].astype(np.int64, copy=False),
        high_ticks=columns["high_ticks"].astype(np.int64, copy=False),
        low_ticks=columns["low_ticks"].astype(np.int64, copy=False),
        close_ticks=columns["close_ticks"].astype(np.int64, copy=False),
        volume_lots=columns["volume_lots"].astype(np.int64, copy=False),
        revision=np.zeros(rows, np.int64),
        warm_up=np.zeros(rows, np.bool_),
    )


class _Account:
    """What `Cross` asks of a context, and nothing else; profit is in millionths, as below."""

    def __init__(self) -> None:
        self.wished = 0
        self.held = 0
        self.fills = 0
        self.profit = 0

    def bars(self, instrument: str, interval: str) -> None:
        """Take a subscription; every bar is given anyway."""

    def buy(self, instrument: str, *, units: int) -> None:
        self.wished += units

    def sell(self, instrument: str, *, units: int) -> None:
        self.wished -= units

    def fill(self, close_ticks: int) -> None:
        self.profit -= self.wished * close_ticks * 10_000 + abs(self.wished) * close_ticks * 5
        self.held += self.wished
        self.wished = 0
        self.fills += 1


def _bar_objects(bars: BarColumns) -> list[Bar]:
    columns = (
        bars.open_time_ns,
        bars.close_time_ns,
        bars.arrival_time_ns,
        bars.open_ticks,
        bars.high_ticks,
        bars.low_ticks,
        bars.close_ticks,
        bars.volume_lots,
        bars.revision,
    )
    make = partial(Bar, SYMBOL, MINUTE_NS)
    return list(map(make, *(each.tolist() for each in columns), repeat(0.01)))


@numba.njit
def _bare(closes, fast, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return fills and profit in millionths: a tick is 10,000 of them, its fee 5."""
    fast_sum = 0
    slow_sum = 0
    held = 0
    fills = 0
    profit = 0
    for row in range(closes.size):
        close = closes[row]
        fast_sum += close
        slow_sum += close
        if row >= fast:
            fast_sum -= closes[row - fast]
        if row >= slow:
            slow_sum -= closes[row - slow]
        if row < slow - 1:
            continue
        above = fast_sum * slow - slow_sum * fast
        if held == 0 and above > 0:
            held = 1
            profit -= close * (10_000 + 5)
            fills += 1
        elif held == 1 and above < 0:
            held = 0
            profit += close * (10_000 - 5)
            fills += 1
    return fills, profit + held * closes[closes.size - 1] * 10_000
