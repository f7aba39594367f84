"""Twenty instruments of 500,000 trades in one order, minute bars of each, one strategy on all bars.

Averages of 20 and 50 closes in Python, one unit of each instrument long or flat, market orders that
fill at a later trade, 5 bps a side, profile `zero-latency`, one million in cash.
"""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import bare_cross, data
from benchmarks.work_bars_python import CASH, FAST, SLOW
from tieout import Bar, Context, Instrument, Strategy
from tieout.model.profiles import profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.data import Columns
    from tieout.model.columns import TradeColumns

__all__ = ["DATA", "ENGINES", "EXACT", "ROWS", "SAME"]

DATA: Final = "many"
ROWS: Final = 10_000_000
SAME: Final = {"equity": 300.0}
"""What every engine must agree on, and how closely: a peer's fills are a trade apart."""

EXACT: Final = {"equity": 1e-6, "fills": 0.0}
"""What ours must agree on."""

SYMBOLS: Final = tuple(f"C{number:02d}/USDT:USDT" for number in range(data.INSTRUMENTS))
WARM_UP_ROWS: Final = 2_000
WINDOW_NS: Final = 6 * 3_600_000_000_000
"""Trades of so much time are sorted at once in the bare loop."""


class _Averages:
    """What the strategy knows of one instrument."""

    __slots__ = ("fast_closes", "fast_sum", "long", "slow_closes", "slow_sum")

    def __init__(self) -> None:
        self.fast_closes: deque[int] = deque()
        self.slow_closes: deque[int] = deque()
        self.fast_sum = 0
        self.slow_sum = 0
        self.long = False


class CrossOfMany(Strategy):
    """Long one unit of each instrument while its fast average is above its slow one, else flat."""

    def on_start(self, context: Context) -> None:
        self.averages = {each: _Averages() for each in SYMBOLS}
        for each in SYMBOLS:
            context.bars(each, "1m", made_of="trades")

    def on_bar(self, context: Context, bar: Bar) -> None:
        own = self.averages[bar.instrument]
        close = bar.close_ticks
        own.fast_closes.append(close)
        own.slow_closes.append(close)
        own.fast_sum += close
        own.slow_sum += close
        if len(own.fast_closes) > FAST:
            own.fast_sum -= own.fast_closes.popleft()
        if len(own.slow_closes) > SLOW:
            own.slow_sum -= own.slow_closes.popleft()
        elif len(own.slow_closes) < SLOW:
            return
        above = own.fast_sum * SLOW - own.slow_sum * FAST
        if own.long:
            if above < 0:
                own.long = False
                context.sell(bar.instrument, units=1)
        elif above > 0:
            own.long = True
            context.buy(bar.instrument, units=1)


def tieout(columns: Columns) -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    streams = [
        data.trade_columns(columns, symbol, suffix=f"_{number:02d}")
        for number, symbol in enumerate(SYMBOLS)
    ]
    _engine_run([each.rows(0, WARM_UP_ROWS) for each in streams])
    started, begun = time.perf_counter(), time.process_time()
    result = _engine_run(streams)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - begun,
        "rows": sum(len(each) for each in streams),
        "fills": result.fills,
        "equity": float(result.equity),
    }


def limit(columns: Columns) -> dict[str, Any]:
    """Merge and run the bare arithmetic, compiled: an upper bound, no engine."""
    _bare({name: each[:WARM_UP_ROWS] for name, each in columns.items()})
    started, begun = time.perf_counter(), time.process_time()
    state = _bare(columns)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    end_ns = max(int(columns[f"time_ns_{each:02d}"][-1]) for each in range(len(SYMBOLS)))
    fills, millionths = bare_cross.worth(state, end_ns)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows": sum(len(columns[f"time_ns_{each:02d}"]) for each in range(len(SYMBOLS))),
        "fills": fills,
        "equity": CASH + millionths / 1_000_000,
    }


ENGINES: Final = {"tieout": tieout, "limit": limit}


def _engine_run(streams: Sequence[TradeColumns]) -> Result:
    return backtest_columns(
        CrossOfMany,
        columns=streams,
        instruments=[
            Instrument(
                symbol=each,
                venue_symbol=each[:3] + "USDT",
                tick_size=Decimal("0.01"),
                lot_size=Decimal(1),
            )
            for each in SYMBOLS
        ],
        profile=profile("zero-latency"),
        cash=Decimal(CASH),
    )


def _bare(columns: Columns) -> Any:  # noqa: ANN401  an array of the bare loop
    count = len(SYMBOLS)
    times = [columns[f"time_ns_{number:02d}"] for number in range(count)]
    prices = [columns[f"price_ticks_{number:02d}"] for number in range(count)]
    bits = count.bit_length()
    state = np.zeros(count * bare_cross.STATE_WIDTH, np.int64)
    start, end = min(int(each[0]) for each in times), max(int(each[-1]) for each in times)
    for origin in range(start, end + 1, WINDOW_NS):
        cuts = [np.searchsorted(each, (origin, origin + WINDOW_NS)) for each in times]
        parts = [each[slice(*cut)] for each, cut in zip(times, cuts, strict=True)]
        keys = np.concatenate(
            [(each - origin) << bits | number for number, each in enumerate(parts)]
        )
        # Sorted runs one after the other: merging them is three times as fast as sorting.
        keys.sort(kind="stable")
        own = np.concatenate([each[slice(*cut)] for each, cut in zip(prices, cuts, strict=True)])
        lengths = [len(each) for each in parts]
        bounds = np.cumsum([0, *lengths[:-1]])
        bare_cross.cross_many(state, keys, origin, bits, own, bounds, FAST, SLOW)
    return state
