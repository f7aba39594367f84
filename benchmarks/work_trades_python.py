"""Five million trades to a Python callback that counts them and keeps the last price."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np

from tieout import Context, Instrument, Strategy, Trade
from tieout.model.columns import TradeColumns
from tieout.model.profiles import profile
from tieout.wiring import Result, backtest_columns

if TYPE_CHECKING:
    from benchmarks.data import Columns

__all__ = ["DATA", "ENGINES", "ROWS", "SAME"]

DATA: Final = "trades"
ROWS: Final = 5_000_000
SAME: Final = {"equity": 0.0, "seen": 0.0, "last_ticks": 0.0}
"""What every engine must agree on, and how closely."""

SYMBOL: Final = "BTC/USDT:USDT"
CASH: Final = 1_000_000
WARM_UP_ROWS: Final = 10_000
CHUNK_ROWS: Final = 4_096
"""Objects the bare loop has at a time; only the calls are timed, not their making."""
COUNTED: Final[dict[str, int]] = {}
"""What the last run's strategy had seen when it stopped."""


class Count(Strategy):
    """Trade nothing; show that every print was seen."""

    def on_start(self, context: Context) -> None:
        context.trades(SYMBOL)
        self.seen = 0
        self.last_ticks = 0

    def on_trade(self, context: Context, trade: Trade) -> None:
        self.seen += 1
        self.last_ticks = trade.price_ticks

    def on_stop(self, context: Context) -> None:
        COUNTED.update(seen=self.seen, last_ticks=self.last_ticks)


def tieout(columns: Columns) -> dict[str, Any]:
    """Run the engine as a user would, on columns that are already in memory."""
    whole = trade_columns(columns)
    _engine_run(whole.rows(0, WARM_UP_ROWS))
    started = time.perf_counter()
    result = _engine_run(whole)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(whole),
        "fills": result.fills,
        "equity": float(result.equity),
        **COUNTED,
    }


def limit(columns: Columns) -> dict[str, Any]:
    """Read the same columns in a bare compiled loop: an upper bound, no engine."""
    times, prices = columns["time_ns"], columns["price_ticks"]
    _bare(times[:WARM_UP_ROWS], prices[:WARM_UP_ROWS])
    started = time.perf_counter()
    seen, last_ticks, _ = _bare(times, prices)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(times),
        "fills": 0,
        "equity": float(CASH),
        "seen": int(seen),
        "last_ticks": int(last_ticks),
    }


def bare_loop(columns: Columns) -> dict[str, Any]:
    """Call the same strategy from a bare Python loop, on trades made before: a bound, no engine."""
    whole = trade_columns(columns)
    strategy = Count()
    strategy.seen = 0
    strategy.last_ticks = 0
    context: Any = None
    on_trade = strategy.on_trade
    seconds = 0.0
    for start in range(0, len(whole), CHUNK_ROWS):
        trades = _trade_objects(whole.rows(start, start + CHUNK_ROWS))
        started = time.perf_counter()
        for trade in trades:
            on_trade(context, trade)
        seconds += time.perf_counter() - started
    return {
        "seconds": seconds,
        "rows": len(whole),
        "fills": 0,
        "equity": float(CASH),
        "seen": strategy.seen,
        "last_ticks": strategy.last_ticks,
    }


ENGINES: Final = {"tieout": tieout, "bare_loop": bare_loop, "limit": limit}


def _engine_run(trades: TradeColumns) -> Result:
    return backtest_columns(
        Count,
        columns=[trades],
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


def trade_columns(columns: Columns) -> TradeColumns:
    """Return the arrays as the engine's columns; a print is known at once."""
    times = columns["time_ns"].astype(np.int64, copy=False)
    return TradeColumns(
        instrument=SYMBOL,
        venue_time_ns=times,
        arrival_time_ns=times,
        price_ticks=columns["price_ticks"].astype(np.int64, copy=False),
        quantity_lots=columns["quantity_lots"].astype(np.int64, copy=False),
        aggressor=np.where(columns["aggressor"] == 1, 1, -1).astype(np.int8),
        trade_id=np.arange(1, len(times) + 1, dtype=np.int64),
    )


def _trade_objects(trades: TradeColumns) -> list[Trade]:
    columns = (
        trades.venue_time_ns,
        trades.arrival_time_ns,
        trades.price_ticks,
        trades.quantity_lots,
        trades.aggressor,
        trades.trade_id,
        trades.price_ticks * 0.01,
    )
    return list(map(Trade, repeat(SYMBOL), *(each.tolist() for each in columns)))


@numba.njit
def _bare(times, prices):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    seen = 0
    last = 0
    mixed = 0
    for row in range(prices.size):
        seen += 1
        last = prices[row]
        mixed ^= times[row]
    return seen, last, mixed
