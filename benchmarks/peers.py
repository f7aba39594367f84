"""The same works on other engines; runs in an engine's own environment and knows nothing of ours.

    <environment>/bin/python -I benchmarks/peers.py ENGINE WORK FOLDER

FOLDER holds one .npy file a column, as `data.py` draws them. The last line printed is one JSON
object: seconds, rows, fills, equity, version, and for trades what the callback saw. Only the run is
timed; making an engine's own objects from the arrays is not, and where an engine compiles, it has
run once on a part of the rows before.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

CASH = 1_000_000.0
FEE = 0.0005
FAST = 20
SLOW = 50
WARM_UP_ROWS = 20_000
PRINT = 2
QUOTE_EVERY_NS = 100_000_000
QUOTE_LATENCY_NS = 10_000_000
QUOTE_LOTS = 10.0
QUOTE_MOST_LOTS = 100.0
LAST_OF_BOOK = 128
"""Its flag of a row after which the book is whole."""


def backtesting_bars(columns: dict[str, Any]) -> dict[str, Any]:
    """backtesting.py: bars to a Python `next`, averages made before by the usual rolling mean."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    def mean(values: Any, length: int) -> Any:
        return pd.Series(values).rolling(length).mean()

    class Cross(Strategy):
        def init(self) -> None:
            self.fast = self.I(mean, self.data.Close, FAST)
            self.slow = self.I(mean, self.data.Close, SLOW)

        def next(self) -> None:
            fast, slow = self.fast[-1], self.slow[-1]
            if fast > slow and not self.position:
                self.buy(size=1)
            elif fast < slow and self.position:
                self.position.close()

    table = pd.DataFrame(
        {
            "Open": columns["open_ticks"] / 100.0,
            "High": columns["high_ticks"] / 100.0,
            "Low": columns["low_ticks"] / 100.0,
            "Close": columns["close_ticks"] / 100.0,
            "Volume": columns["volume_lots"],
        },
        index=pd.to_datetime(columns["close_time_ns"]),
    )
    run = Backtest(table, Cross, cash=CASH, commission=FEE, finalize_trades=True)
    started = time.perf_counter()
    figures = run.run()
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(table),
        # A round trip is two fills.
        "fills": 2 * int(figures["# Trades"]),
        "equity": float(figures["Equity Final [$]"]),
        "version": version("backtesting"),
    }


def vectorbt_bars(columns: dict[str, Any]) -> dict[str, Any]:
    """vectorbt: whole arrays, compiled; no event reaches Python, so it is not the same work."""
    import pandas as pd

    # Without a time zone: with one, every time becomes a Python object several times a run.
    closes = pd.Series(
        columns["close_ticks"] / 100.0, index=pd.to_datetime(columns["close_time_ns"])
    )
    return _vectorbt_run(closes, lambda part: part)


def vectorbt_made_bars(columns: dict[str, Any]) -> dict[str, Any]:
    """vectorbt: pandas makes bars of the trades, then whole arrays; orders fill at closes."""
    import pandas as pd

    prices = pd.Series(columns["price_ticks"] / 100.0, index=pd.to_datetime(columns["time_ns"]))
    return _vectorbt_run(prices, lambda part: part.resample("1min").ohlc()["close"].dropna())


def _vectorbt_run(prices: Any, bars_of: Any) -> dict[str, Any]:
    import vectorbt

    def run(part: Any) -> Any:
        closes = bars_of(part)
        fast = vectorbt.MA.run(closes, FAST, short_name="fast").ma
        slow = vectorbt.MA.run(closes, SLOW, short_name="slow").ma
        return vectorbt.Portfolio.from_signals(
            closes, fast > slow, fast < slow, size=1.0, fees=FEE, init_cash=CASH, freq="1min"
        )

    def figures(portfolio: Any) -> tuple[int, float]:
        return int(portfolio.orders.count()), float(portfolio.final_value())

    figures(run(prices.iloc[:WARM_UP_ROWS]))
    started = time.perf_counter()
    fills, equity = figures(run(prices))
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(prices),
        "fills": fills,
        "equity": equity,
        "version": version("vectorbt"),
        "note": "whole arrays, no Python callback",
    }


def nautilus_bars(columns: dict[str, Any]) -> dict[str, Any]:
    """NautilusTrader: bars to a Python `on_bar` with the engine's own moving averages."""
    from nautilus_trader.model.data import Bar, BarType

    instrument = _nautilus_instrument()
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    times = columns["close_time_ns"].astype(np.uint64)
    bars = Bar.from_raw_arrays_to_list(
        kind,
        2,
        0,
        columns["open_ticks"] / 100.0,
        columns["high_ticks"] / 100.0,
        columns["low_ticks"] / 100.0,
        columns["close_ticks"] / 100.0,
        columns["volume_lots"].astype(np.float64),
        times,
        times,
    )
    return _nautilus_run([instrument], [bars], [_nautilus_cross(instrument, kind)])


def nautilus_made_bars(columns: dict[str, Any]) -> dict[str, Any]:
    """NautilusTrader: trades in, bars that the engine makes of them to the same strategy."""
    return _nautilus_made([_nautilus_instrument()], [columns])


def nautilus_merged(columns: dict[str, Any]) -> dict[str, Any]:
    """NautilusTrader: trades of many instruments, bars made of each, a strategy for each."""
    ends = sorted(name.removeprefix("time_ns") for name in columns if name.startswith("time_ns"))
    parts = [
        {
            "time_ns": columns[f"time_ns{end}"],
            "price_ticks": columns[f"price_ticks{end}"],
            "quantity_lots": columns[f"quantity_lots{end}"],
            # In turns: its book has no bid while nobody ever sold.
            "aggressor": (1 + np.arange(len(columns[f"time_ns{end}"])) % 2).astype(np.uint8),
        }
        for end in ends
    ]
    return _nautilus_made([_nautilus_instrument(f"C{end[1:]}USDT") for end in ends], parts)


def _nautilus_made(instruments: list[Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    from nautilus_trader.model.data import BarType

    strategies = []
    for number, each in enumerate(instruments):
        kind = BarType.from_str(f"{each.id}-1-MINUTE-LAST-INTERNAL")
        strategies.append(_nautilus_cross(each, kind, tag=f"{number:03d}"))
    data = [_nautilus_ticks(each, part) for each, part in zip(instruments, parts, strict=True)]
    return _nautilus_run(instruments, data, strategies, trade_execution=True)


def _nautilus_ticks(instrument: Any, columns: dict[str, Any]) -> Any:
    from nautilus_trader.model.data import TradeTick

    times = columns["time_ns"].astype(np.uint64)
    return TradeTick.from_raw_arrays_to_list(
        instrument.id,
        2,
        0,
        columns["price_ticks"] / 100.0,
        columns["quantity_lots"].astype(np.float64),
        columns["aggressor"].copy(),
        ["0"] * len(times),
        times,
        times,
    )


def _nautilus_cross(instrument: Any, kind: Any, *, tag: str = "000") -> Any:
    """Return the crossing of averages on bars of a kind.

    It keeps its own flag, as ours does; asking the portfolio each bar is slower.
    """
    from nautilus_trader.config import StrategyConfig
    from nautilus_trader.indicators import SimpleMovingAverage
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.trading.strategy import Strategy

    class Cross(Strategy):
        def __init__(self) -> None:
            super().__init__(StrategyConfig(order_id_tag=tag))
            self.fast = SimpleMovingAverage(FAST)
            self.slow = SimpleMovingAverage(SLOW)
            self.holds = False

        def on_start(self) -> None:
            self.one = instrument.make_qty(1)
            self.register_indicator_for_bars(kind, self.fast)
            self.register_indicator_for_bars(kind, self.slow)
            self.subscribe_bars(kind)

        def on_bar(self, bar: Any) -> None:
            if not self.slow.initialized:
                return
            fast, slow = self.fast.value, self.slow.value
            if fast > slow and not self.holds:
                self.holds = True
                self._send(OrderSide.BUY)
            elif fast < slow and self.holds:
                self.holds = False
                self._send(OrderSide.SELL)

        def _send(self, side: Any) -> None:
            self.submit_order(self.order_factory.market(instrument.id, side, self.one))

    return Cross()


def nautilus_trades(columns: dict[str, Any]) -> dict[str, Any]:
    """NautilusTrader: trades to a Python `on_trade_tick`."""
    instrument = _nautilus_instrument()
    strategy = _nautilus_count(instrument)
    trades = _nautilus_ticks(instrument, columns)
    outcome = _nautilus_run([instrument], [trades], [strategy], trade_execution=True)
    return outcome | {"seen": strategy.seen, "last_ticks": round(float(str(strategy.last)) * 100)}


def _nautilus_count(instrument: Any) -> Any:
    from nautilus_trader.config import StrategyConfig
    from nautilus_trader.trading.strategy import Strategy

    class Count(Strategy):
        def __init__(self) -> None:
            super().__init__(StrategyConfig())
            self.seen = 0
            self.last = None

        def on_start(self) -> None:
            self.subscribe_trade_ticks(instrument.id)

        def on_trade_tick(self, tick: Any) -> None:
            self.seen += 1
            self.last = tick.price

    return Count()


def nautilus_streamed(folder: Path) -> dict[str, Any]:
    """NautilusTrader: trades from a catalog of its own to a Python `on_trade_tick`."""
    from nautilus_trader.backtest.node import BacktestNode
    from nautilus_trader.config import (
        BacktestDataConfig,
        BacktestEngineConfig,
        BacktestRunConfig,
        BacktestVenueConfig,
        LoggingConfig,
    )
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.persistence.catalog import ParquetDataCatalog

    instrument = _nautilus_instrument()

    def write(target: Path) -> None:
        catalog = ParquetDataCatalog(str(target))
        catalog.write_data([instrument])
        for columns in _stored_trades(folder):
            catalog.write_data(_nautilus_ticks(instrument, columns))

    catalog = _written_once(folder, "nautilus", write)
    config = BacktestRunConfig(
        engine=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False),
        venues=[
            BacktestVenueConfig(
                name="SIM",
                oms_type="NETTING",
                account_type="MARGIN",
                starting_balances=[f"{CASH} USDT"],
                book_type="L1_MBP",
                trade_execution=True,
            )
        ],
        data=[
            BacktestDataConfig(
                catalog_path=str(catalog), data_cls=TradeTick, instrument_id=instrument.id
            )
        ],
        chunk_size=100_000,
        raise_exception=True,
    )
    node = BacktestNode([config])
    node.build()
    strategy = _nautilus_count(instrument)
    engine = node.get_engine(config.id)
    engine.add_strategy(strategy)
    started, begun = time.perf_counter(), time.process_time()
    node.run()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    balance = engine.cache.account_for_venue(Venue("SIM")).balance_total(USDT)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows": strategy.seen,
        "fills": 0,
        "equity": float(balance),
        "seen": strategy.seen,
        "last_ticks": round(float(str(strategy.last)) * 100),
        "version": version("nautilus_trader"),
        "note": "Python callback; a catalog of its own, Parquet",
    }


def _stored_trades(folder: Path) -> Any:
    """Yield the rows of the store in pieces, as the other works have them."""
    import pyarrow.parquet as pq

    names = ["venue_time_ns", "price_ticks", "quantity_lots", "aggressor"]
    for part in sorted((folder / "trades").glob("*.parquet")):
        with pq.ParquetFile(part) as file:
            for batch in file.iter_batches(2_000_000, columns=names):
                rows = {name: batch.column(name).to_numpy() for name in names}
                yield {
                    "time_ns": rows["venue_time_ns"],
                    "price_ticks": rows["price_ticks"],
                    "quantity_lots": rows["quantity_lots"],
                    "aggressor": np.where(rows["aggressor"] == 1, 1, 2).astype(np.uint8),
                }


def _written_once(folder: Path, engine: str, write: Any) -> Path:
    """Return the folder of an engine's own files beside the store, written now if it is not."""
    target = folder.with_name(f"{folder.name}.{engine}")
    if not target.is_dir():
        half = target.with_name(f"{target.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        write(half)
        half.rename(target)
    return target


def nautilus_maker(columns: dict[str, Any]) -> dict[str, Any]:
    """NautilusTrader: a Python callback each 100 ms; quotes fill without a queue, by prints."""
    from nautilus_trader.backtest.models import LatencyModel
    from nautilus_trader.model.enums import BookType

    instrument = _nautilus_instrument()
    deltas, prints = _nautilus_book(instrument, columns)
    strategy = _nautilus_quotes(instrument)
    outcome = _nautilus_run(
        [instrument],
        # One list, sorted once: of rows of one time the levels come first, as they are here.
        [deltas + prints],
        [strategy],
        book_type=BookType.L2_MBP,
        trade_execution=True,
        latency_model=LatencyModel(base_latency_nanos=QUOTE_LATENCY_NS),
    )
    return outcome | {
        "looks": strategy.looks,
        "best_sum": strategy.best_sum,
        "last_bid": strategy.bid_ticks,
        "last_ask": strategy.ask_ticks,
        "note": f"Python callback, no queue; {strategy.quotes} quotes",
    }


def _nautilus_book(instrument: Any, columns: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return levels and prints as its own objects."""
    from nautilus_trader.model.data import OrderBookDelta
    from nautilus_trader.model.enums import BookAction, OrderSide
    from nautilus_trader.model.objects import Price, Quantity

    tick, lot = Price.from_str("0.01").raw, Quantity.from_int(1).raw
    is_print = columns["kind"] == PRINT
    levels = {name: column[~is_print].tolist() for name, column in columns.items()}
    deltas = [
        OrderBookDelta.from_raw(
            instrument.id,
            BookAction.UPDATE if lots else BookAction.DELETE,
            OrderSide.BUY if side == 1 else OrderSide.SELL,
            price * tick,
            2,
            lots * lot,
            0,
            price,
            LAST_OF_BOOK if last else 0,
            0,
            at_ns,
            at_ns,
        )
        for at_ns, side, price, lots, last in zip(
            levels["time_ns"],
            levels["side"],
            levels["price_ticks"],
            levels["lots"],
            levels["last"],
            strict=True,
        )
    ]
    prints = {
        "time_ns": columns["time_ns"][is_print],
        "price_ticks": columns["price_ticks"][is_print],
        "quantity_lots": columns["lots"][is_print],
        "aggressor": np.where(columns["side"][is_print] == 1, 1, 2).astype(np.uint8),
    }
    return deltas, _nautilus_ticks(instrument, prints)


def _nautilus_quotes(instrument: Any) -> Any:
    from nautilus_trader.config import StrategyConfig
    from nautilus_trader.model.enums import BookType, OrderSide
    from nautilus_trader.trading.strategy import Strategy

    class Quotes(Strategy):
        def __init__(self) -> None:
            super().__init__(StrategyConfig())
            self.standing: list[Any] = []
            self.looks = self.best_sum = self.quotes = self.bid_ticks = self.ask_ticks = 0

        def on_start(self) -> None:
            self.lots = instrument.make_qty(QUOTE_LOTS)
            self.subscribe_order_book_deltas(instrument.id, book_type=BookType.L2_MBP)
            # Not its own snapshots at an interval: the first ones of those are left out.
            begun_ns = self.clock.timestamp_ns() // QUOTE_EVERY_NS * QUOTE_EVERY_NS
            self.clock.set_timer_ns("quote", QUOTE_EVERY_NS, begun_ns, 0, self.look)

        def look(self, event: Any) -> None:
            book = self.cache.order_book(instrument.id)
            bid, ask = book.best_bid_price(), book.best_ask_price()
            self.bid_ticks, self.ask_ticks = round(float(bid) * 100), round(float(ask) * 100)
            self.looks += 1
            self.best_sum += self.bid_ticks + self.ask_ticks
            for order in self.standing:
                if not order.is_closed:
                    self.cancel_order(order)
            held = float(self.portfolio.net_position(instrument.id))
            self.standing = []
            if held < QUOTE_MOST_LOTS:
                self._quote(OrderSide.BUY, bid)
            if held > -QUOTE_MOST_LOTS:
                self._quote(OrderSide.SELL, ask)

        def _quote(self, side: Any, price: Any) -> None:
            order = self.order_factory.limit(instrument.id, side, self.lots, price, post_only=True)
            self.submit_order(order)
            self.standing.append(order)
            self.quotes += 1

    return Quotes()


def _nautilus_instrument(name: str = "BTCUSDT") -> Any:
    from decimal import Decimal

    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import CryptoPerpetual
    from nautilus_trader.model.objects import Price, Quantity

    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol(name), Venue("SIM")),
        raw_symbol=Symbol(name),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=2,
        size_precision=0,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_str("1"),
        margin_init=Decimal("0.01"),
        margin_maint=Decimal("0.005"),
        maker_fee=Decimal(str(FEE)),
        taker_fee=Decimal(str(FEE)),
        ts_event=0,
        ts_init=0,
    )


def _nautilus_run(
    instruments: list[Any], data: list[Any], strategies: list[Any], **venue: Any
) -> dict[str, Any]:
    from decimal import Decimal

    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.objects import Money

    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    place = instruments[0].id.venue
    engine.add_venue(
        venue=place,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(CASH, USDT)],
        default_leverage=Decimal(10),
        **venue,
    )
    for number, each in enumerate(instruments, start=1):
        engine.add_instrument(each)
        # Sorted once all are there.
        engine.add_data(data[number - 1], sort=number == len(instruments))
        engine.add_strategy(strategies[number - 1])
    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started
    balance = float(engine.cache.account_for_venue(place).balance_total(USDT))
    unrealised = engine.portfolio.unrealized_pnls(place).values()
    return {
        "seconds": seconds,
        "rows": sum(len(each) for each in data),
        "fills": sum(float(order.filled_qty) > 0 for order in engine.cache.orders()),
        "equity": balance + sum(float(each) for each in unrealised),
        "version": version("nautilus_trader"),
    }


def hftbacktest_trades(columns: dict[str, Any]) -> dict[str, Any]:
    """hftbacktest: the callback is compiled; it has no Python one, so it is not the same work."""
    count = _hftbacktest_count()
    _count_some(count, columns)
    events = _hftbacktest_events(columns, is_end=True)
    market = _hftbacktest_opened([events])
    started = time.perf_counter()
    seen, last = count(market)
    seconds = time.perf_counter() - started
    market.close()
    return {
        "seconds": seconds,
        "rows": len(columns["time_ns"]),
        "fills": 0,
        "equity": CASH,
        "seen": int(seen),
        "last_ticks": round(last * 100),
        "version": version("hftbacktest"),
        "note": "compiled callback, no Python one",
    }


def hftbacktest_streamed(folder: Path) -> dict[str, Any]:
    """hftbacktest: compressed files of its own form, one after another; it reads no Parquet."""

    def write(target: Path) -> None:
        rows = 0
        for columns in _stored_trades(folder):
            rows += len(columns["time_ns"])
            np.savez_compressed(
                target / f"{rows:012d}.npz", data=_hftbacktest_events(columns, is_end=False)
            )
        np.savez_compressed(
            target / f"{rows + 1:012d}.npz", data=_hftbacktest_events(columns, is_end=True)[-1:]
        )

    files = sorted(_written_once(folder, "hftbacktest", write).glob("*.npz"))
    count = _hftbacktest_count()
    _count_some(count, next(_stored_trades(folder)))
    started, begun = time.perf_counter(), time.process_time()
    market = _hftbacktest_opened([str(each) for each in files])
    seen, last = count(market)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    market.close()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows": int(files[-1].stem) - 1,
        "fills": 0,
        "equity": CASH,
        "seen": int(seen),
        "last_ticks": round(last * 100),
        "version": version("hftbacktest"),
        "note": "compressed files of its own form, read in a thread of its own",
    }


def _hftbacktest_events(columns: dict[str, Any], *, is_end: bool) -> Any:
    """Return trades as its events.

    It ends when it takes the last row, and does not wake the callback for it: so at the end one
    more row follows, which says that nobody stands at a price where nobody stood.
    """
    import hftbacktest
    from hftbacktest.types import event_dtype

    rows = len(columns["time_ns"])
    every = np.zeros(rows + is_end, event_dtype)
    events = every[:rows]
    buyer = columns["aggressor"] == 1
    events["ev"] = (
        np.where(buyer, hftbacktest.BUY_EVENT, hftbacktest.SELL_EVENT).astype(np.uint64)
        | np.uint64(hftbacktest.TRADE_EVENT)
        | np.uint64(hftbacktest.EXCH_EVENT)
        | np.uint64(hftbacktest.LOCAL_EVENT)
    )
    events["exch_ts"] = columns["time_ns"]
    events["local_ts"] = columns["time_ns"]
    events["px"] = columns["price_ticks"] / 100.0
    events["qty"] = columns["quantity_lots"]
    if is_end:
        every[rows] = events[-1]
        every["ev"][rows] ^= np.uint64(hftbacktest.TRADE_EVENT) ^ np.uint64(hftbacktest.DEPTH_EVENT)
        every["exch_ts"][rows] += 1
        every["local_ts"][rows] += 1
        every["qty"][rows] = 0
    return every


def _hftbacktest_count() -> Any:
    import numba

    @numba.njit
    def count(market: Any) -> Any:
        seen = 0
        last = 0.0
        while market.wait_next_feed(False, 1_000_000_000_000) != 1:
            trades = market.last_trades(0)
            if len(trades) > 0:
                seen += len(trades)
                last = trades[len(trades) - 1].px
                market.clear_last_trades(0)
        return seen, last

    return count


def _count_some(count: Any, columns: dict[str, Any]) -> None:
    """Compile: count the first rows."""
    part = {name: column[:WARM_UP_ROWS] for name, column in columns.items()}
    # It reads the array's memory and does not keep it alive.
    events = _hftbacktest_events(part, is_end=True)
    market = _hftbacktest_opened([events])
    count(market)
    market.close()


def _hftbacktest_opened(rows: Any) -> Any:
    import hftbacktest

    asset = (
        hftbacktest.BacktestAsset()
        .data(rows)
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(FEE, FEE)
        .tick_size(0.01)
        .lot_size(1.0)
        .last_trades_capacity(1000)
        .roi_lb(900.0)
        .roi_ub(1100.0)
    )
    return hftbacktest.ROIVectorMarketDepthBacktest([asset])


def hftbacktest_maker(columns: dict[str, Any]) -> dict[str, Any]:
    """hftbacktest: a quote waits until all that stood there is gone, and fills whole or not."""
    return _hftbacktest_maker(columns, is_power=False)


def hftbacktest_maker_power(columns: dict[str, Any]) -> dict[str, Any]:
    """hftbacktest: cancels come from before and behind a quote by squares."""
    return _hftbacktest_maker(columns, is_power=True)


def _hftbacktest_maker(  # noqa: PLR0915 - one compiled strategy and its arrays
    columns: dict[str, Any], *, is_power: bool
) -> dict[str, Any]:
    import hftbacktest
    import numba
    from hftbacktest.types import event_dtype

    events = np.zeros(len(columns["time_ns"]), event_dtype)
    buys = columns["side"] == 1
    prints = columns["kind"] == PRINT
    events["ev"] = (
        np.where(buys, hftbacktest.BUY_EVENT, hftbacktest.SELL_EVENT).astype(np.uint64)
        | np.where(prints, hftbacktest.TRADE_EVENT, hftbacktest.DEPTH_EVENT).astype(np.uint64)
        | np.uint64(hftbacktest.EXCH_EVENT)
        | np.uint64(hftbacktest.LOCAL_EVENT)
    )
    events["exch_ts"] = columns["time_ns"]
    events["local_ts"] = columns["time_ns"]
    events["px"] = columns["price_ticks"] / 100.0
    events["qty"] = columns["lots"]
    post_only, limit = hftbacktest.GTX, hftbacktest.LIMIT

    @numba.njit
    def quote(market: Any, every: int, lots: float, most: float) -> Any:
        number = numba.uint64(1)
        bid_order = numba.uint64(0)
        ask_order = numba.uint64(0)
        looks = 0
        best_sum = 0
        quotes = 0
        bid = 0
        ask = 0
        while market.elapse(every) == 0:
            depth = market.depth(0)
            bid = depth.best_bid_tick
            ask = depth.best_ask_tick
            looks += 1
            best_sum += bid + ask
            market.clear_inactive_orders(0)
            orders = market.orders(0)
            if bid_order in orders and orders.get(bid_order).cancellable:
                market.cancel(0, bid_order, False)
            if ask_order in orders and orders.get(ask_order).cancellable:
                market.cancel(0, ask_order, False)
            held = market.position(0)
            if held < most:
                bid_order = number
                number += numba.uint64(1)
                market.submit_buy_order(0, bid_order, depth.best_bid, lots, post_only, limit, False)
                quotes += 1
            if held > -most:
                ask_order = number
                number += numba.uint64(1)
                market.submit_sell_order(
                    0, ask_order, depth.best_ask, lots, post_only, limit, False
                )
                quotes += 1
        return looks, best_sum, bid, ask, quotes

    def opened(rows: Any) -> Any:
        asset = hftbacktest.BacktestAsset().data([rows]).linear_asset(1.0)
        asset = asset.constant_order_latency(QUOTE_LATENCY_NS, 0)
        if is_power:
            asset = asset.power_prob_queue_model(2.0).no_partial_fill_exchange()
        else:
            asset = asset.risk_adverse_queue_model().no_partial_fill_exchange()
        asset = (
            asset.trading_value_fee_model(FEE, FEE)
            .tick_size(0.01)
            .lot_size(1.0)
            .roi_lb(900.0)
            .roi_ub(1100.0)
        )
        return hftbacktest.ROIVectorMarketDepthBacktest([asset])

    small = opened(events[:WARM_UP_ROWS])
    quote(small, QUOTE_EVERY_NS, QUOTE_LOTS, QUOTE_MOST_LOTS)
    small.close()
    market = opened(events)
    started, begun = time.perf_counter(), time.process_time()
    looks, best_sum, bid, ask, quotes = quote(market, QUOTE_EVERY_NS, QUOTE_LOTS, QUOTE_MOST_LOTS)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    state = market.state_values(0)
    middle = (bid + ask) / 200.0
    model = "queue power 2, no partial fills" if is_power else "queue risk-averse, no partial fills"
    outcome = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows": len(events),
        "fills": int(state.num_trades),
        "equity": CASH + state.balance + state.position * middle - state.fee,
        "looks": int(looks),
        "best_sum": int(best_sum),
        "last_bid": int(bid),
        "last_ask": int(ask),
        "version": version("hftbacktest"),
        "note": f"{model}; {int(quotes)} quotes",
    }
    market.close()
    return outcome


STREAMED = {
    ("nautilus_trader", "parquet_stream"): nautilus_streamed,
    ("hftbacktest", "parquet_stream"): hftbacktest_streamed,
}
"""Works that read files themselves."""

COLUMNS = {
    ("nautilus_trader", "bars_python"): nautilus_bars,
    ("nautilus_trader", "trades_python"): nautilus_trades,
    ("nautilus_trader", "trades_to_bars"): nautilus_made_bars,
    ("nautilus_trader", "merge_20"): nautilus_merged,
    ("nautilus_trader", "l2_market_maker"): nautilus_maker,
    ("vectorbt", "trades_to_bars"): vectorbt_made_bars,
    ("backtesting", "bars_python"): backtesting_bars,
    ("vectorbt", "bars_python"): vectorbt_bars,
    ("vectorbt", "bars_compiled"): vectorbt_bars,
    ("hftbacktest", "trades_python"): hftbacktest_trades,
    ("hftbacktest", "trades_compiled"): hftbacktest_trades,
    ("hftbacktest", "l2_market_maker"): hftbacktest_maker,
    ("hftbacktest_power", "l2_market_maker"): hftbacktest_maker_power,
}
WORKS = (*STREAMED, *COLUMNS)


def main() -> None:
    """Run one work on one engine and print its figures."""
    engine, work, folder = sys.argv[1:]
    if (engine, work) in STREAMED:
        outcome = STREAMED[engine, work](Path(folder))
    else:
        columns = {path.stem: np.load(path) for path in sorted(Path(folder).glob("*.npy"))}
        outcome = COLUMNS[engine, work](columns)
    outcome["peak_rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
