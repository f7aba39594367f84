"""Whole runs that LEAN's own tests assert, made here of its files: every figure, as printed.

Each test is one run: LEAN's rule as a strategy of ours, its data imported from its folder, the
profile `lean-1` (by the market whose fees are charged) and the venue profile `lean`.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tests.support.lean_runs import (
    NEW_YORK,
    as_printed,
    expected,
    in_cents,
    ns,
    printed,
    rates,
    sessions,
)
from tieout import Strategy
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.history import Ask, Store, import_any, write_adjusted
from tieout.journal import JournalReader
from tieout.model.events import Fill
from tieout.model.instruments import Instrument
from tieout.model.money import money_decimal
from tieout.model.profiles import profile as shipped
from tieout.model.venues import LEAN_VENUE
from tieout.reconcile.statistics import LEAN, Convention, statistics_of
from tieout.strategy import load_strategy
from tieout.wiring import backtest
from tieout.wiring.reports import closing_summary_of, summary_of

if TYPE_CHECKING:
    from pathlib import Path

US_STOCKS = "Equity-usa-[*]"
AROUND_THE_CLOCK = msgspec.structs.replace(LEAN, zone="UTC", days_a_year=365)


def shares(symbol: str, tick: str = "0.0001") -> Instrument:
    return Instrument(
        symbol=symbol,
        venue_symbol=symbol,
        tick_size=Decimal(tick),
        lot_size=Decimal(1),
        currency="USD",
    )


class Figures:
    """One run, and what it came to."""

    def __init__(
        self,
        folder: Path,
        root: Path,
        strategy: Any,
        data: list[str],
        *,
        profile: str = "lean-1",
        start_ns: int,
        end_ns: int,
        cash: int = 100_000,
        hours: tuple[tuple[int, int], ...] = (),
        valued: Any = summary_of,
        convention: Convention = LEAN,
        **assumed: Any,
    ) -> None:
        chosen = shipped(profile)
        if assumed:
            chosen = msgspec.structs.replace(chosen, name=f"{profile} otherwise", **assumed)
        runs = Runs(folder / "runs")
        result = backtest(
            strategy,
            store=folder / "data",
            data=data,
            profile=chosen,
            cash=Decimal(cash),
            start_ns=start_ns,
            end_ns=end_ns,
            venue_profile=msgspec.structs.replace(LEAN_VENUE, sessions=hours),
            runs=runs,
        )
        assert not result.failure
        run = runs.find(result.run_id)
        self.result = result
        self.summary = valued(run, store=folder / "data")
        inputs = JournalReader(RealDisk(), str(run.journal)).inputs()
        self.fills = [each for each in inputs if isinstance(each, Fill)]
        self.statistics = statistics_of(
            self.summary,
            convention=convention,
            risk_free=rates(root),
            # What ends with the start belongs to the run; the day before does not.
            since_ns=start_ns + 1,
        )

    @property
    def printed(self) -> dict[str, str]:
        return printed(
            self.statistics,
            orders=self.result.orders,
            equity=money_decimal(self.summary.end_equity),
            fees=self.result.fees,
        )


class HoldsAll(Strategy):
    """The whole equity, or a part of it, on the first bar while flat."""

    symbol: str = "SPY"
    interval: str = "1d"
    weight: str = "1"

    def on_start(self, context: Any) -> None:
        context.bars(self.symbol, self.interval)

    def on_bar(self, context: Any, bar: Any) -> None:
        if not context.position(self.symbol).lots and not context.open_orders():
            context.targets({self.symbol: self.weight})


class BuysUnits(Strategy):
    """So many units on the first bar that arrives from a time on."""

    symbol: str = "AAPL"
    interval: str = "1h"
    units: int = 1
    from_ns: int = 0

    def on_start(self, context: Any) -> None:
        context.bars(self.symbol, self.interval)
        self.done = False

    def on_bar(self, context: Any, bar: Any) -> None:
        if not self.done and bar.arrival_time_ns >= self.from_ns:
            self.done = True
            context.buy(self.symbol, units=self.units)


class BuysAt(Strategy):
    """Ten shares at a time of day between two bars."""

    due_ns: int = 0

    def on_start(self, context: Any) -> None:
        context.bars("SPY", "1h")
        context.timer_at("buy", self.due_ns)

    def on_timer(self, context: Any, timer: Any) -> None:
        context.buy("SPY", units=10)


class BuysTheTrend(Strategy):
    """A stop-limit order above the market when the trend is up, one below it when it is over."""

    def on_start(self, context: Any) -> None:
        bars = context.bars("SPY", "1d")
        self.fast = context.indicator("ema", bars, 30)
        self.slow = context.indicator("ema", bars, 60)
        self.bought = self.sold = ""
        self.filled = False

    def on_fill(self, context: Any, fill: Any) -> None:
        self.filled = True

    def on_bar(self, context: Any, bar: Any) -> None:
        if not (self.fast.ready and self.slow.ready):
            return
        line = self.slow.value * 1.001
        if not self.bought and self.fast.value > line:
            self.bought = self.place(context.buy, bar.high, 1.10, 1.11)
        elif self.filled and not self.sold and self.fast.value < line:
            self.sold = self.place(context.sell, bar.low, 0.99, 0.98)

    @staticmethod
    def place(order: Any, price: float, stop: float, limit: float) -> Any:
        return order("SPY", units=100, stop=price * stop, limit=price * limit)


class BuysOnTheHalfHour(Strategy):
    """One contract at half past an hour of the session, after a bar that went somewhere."""

    opens: tuple[int, ...] = ()
    closes: tuple[int, ...] = ()

    def on_start(self, context: Any) -> None:
        self.bars = context.bars("ES", "1h")
        context.timer_every("half past", 3600 * 10**9, offset_ns=1800 * 10**9)
        self.done = False

    def on_timer(self, context: Any, timer: Any) -> None:
        (bar,) = context.history(self.bars, 1) or (None,)
        trades = any(o <= timer.due_ns < c for o, c in zip(self.opens, self.closes, strict=True))
        if not self.done and trades and bar is not None and abs(bar.open - bar.close) >= 1:
            self.done = True
            context.buy("ES", units=1)


def a_store(folder: Path) -> Store:
    return Store(folder / "data")


def stock(folder: Path, root: Path, name: str, interval: str) -> list[str]:
    """Import a stock's bars and its corporate actions, as they were."""
    store, place = a_store(folder), root / "data/equity/usa"
    ask = Ask(instrument=shares(name.upper()))
    import_any(store, place / f"{interval}/{name}.zip", ask, name="raw")
    there = dataclasses.replace(ask, zone=NEW_YORK)
    import_any(store, place / f"factor_files/{name}.csv", there, name="actions")
    return ["raw", "actions"]


def adjusted(folder: Path, root: Path, name: str, interval: str) -> list[str]:
    """Import a stock as LEAN gives it by default: adjusted for splits and dividends."""
    stock(folder, root, name, interval)
    store = a_store(folder)
    actions = store.dataset("actions").actions()
    # Finer than a cent, since an adjusted price is no multiple of one.
    write_adjusted(store, name, store.dataset("raw"), actions, tick_size=Decimal("0.000001"))
    return [name]


def stocks(root: Path, first: str, last: str) -> tuple[tuple[int, int], ...]:
    return sessions(root / "data", US_STOCKS, first, last)


def same(run: Figures, root: Path, named: str) -> None:
    found = run.printed
    assert found == as_printed(expected(root, named), found)


def test_a_daily_market_order_waits_for_the_open(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "lean"
    data = adjusted(tmp_path, root, "spy", "daily")

    run = Figures(
        tmp_path,
        root / "data",
        HoldsAll,
        data,
        start_ns=ns("2013-10-08"),
        end_ns=ns("2013-10-18"),
        hours=stocks(root, "2013-10-01", "2013-10-31"),
    )

    same(run, root, "BasicTemplateDailyAlgorithm")


def test_an_hourly_market_order_fills_at_the_close_it_was_decided_on(
    tmp_path: Path, test_data: Path
) -> None:
    root = test_data / "lean"
    data = adjusted(tmp_path, root, "spy", "hour")

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(HoldsAll, {"interval": "1h"}),
        data,
        start_ns=ns("2013-10-07"),
        end_ns=ns("2013-10-12"),
        hours=stocks(root, "2013-10-01", "2013-10-31"),
    )

    same(run, root, "BasicTemplateHourlyAlgorithm")


def test_stop_limit_orders_fill_by_the_close_of_their_bar(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "lean"
    data = adjusted(tmp_path, root, "spy", "daily")

    run = Figures(
        tmp_path,
        root / "data",
        BuysTheTrend,
        data,
        start_ns=ns("2013-01-01"),
        # LEAN's clock stops with its data, on the last trading day.
        end_ns=ns("2016-12-31"),
        hours=stocks(root, "2013-01-01", "2017-01-31"),
    )

    same(run, root, "StopLimitOrderRegressionAlgorithm")


def test_an_order_that_finds_a_stale_price_fills_at_the_close_of_the_bar_under_way(
    tmp_path: Path, test_data: Path
) -> None:
    root = test_data / "lean"
    data = adjusted(tmp_path, root, "spy", "hour")

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(BuysAt, {"due_ns": ns("2013-10-08T10:55")}),
        data,
        start_ns=ns("2013-10-07"),
        end_ns=ns("2013-10-09"),
        hours=stocks(root, "2013-10-01", "2013-10-31"),
        stale_after_ns=60 * 10**9,
    )

    same(run, root, "HourResolutionMarketOrderStalePriceRegressionAlgorithm")
    (fill,) = run.fills
    assert fill.venue_time_ns == ns("2013-10-08T11:00")


def test_an_order_between_two_bars_fills_at_the_last_quote(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "lean"
    store = a_store(tmp_path)
    contract = msgspec.structs.replace(shares("ES", "0.25"), multiplier=Decimal(50))
    for what in ("trade", "quote"):
        file = root / f"data/future/cme/hour/es_{what}.zip"
        import_any(store, file, Ask(instrument=contract, member="201403"), name=what)
    hours = sessions(root / "data", "Future-cme-ES", "2013-10-01", "2013-10-31")
    opens, closes = (tuple(each[side] for each in hours) for side in (0, 1))

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(BuysOnTheHalfHour, {"opens": opens, "closes": closes}),
        ["trade", "quote"],
        profile="lean-futures-1",
        start_ns=ns("2013-10-08"),
        end_ns=ns("2013-10-11"),
        cash=1_000_000,
        hours=hours,
        valued=closing_summary_of,
    )

    same(run, root, "HourMarketOrderFillsAtBarCloseRegressionAlgorithm")
    (fill,) = run.fills
    assert (fill.price_ticks * 0.25, fill.resolved_by) == (1656.0, "last")


def ada(folder: Path, root: Path, interval: str) -> list[str]:
    store = a_store(folder)
    coin = msgspec.structs.replace(shares("ADA/USDT:USDT"), currency="USDT")
    place = root / "data/cryptofuture/binance"
    for what in ("trade", "quote"):
        file = place / f"{interval}/adausdt_{what}.zip"
        import_any(store, file, Ask(instrument=coin), name=what)
    import_any(store, place / "margin_interest/adausdt.csv", Ask(instrument=coin), name="funding")
    return ["trade", "quote", "funding"]


def test_funding_is_charged_at_the_last_rate_told(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "lean"
    data = ada(tmp_path, root, "hour")

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(BuysUnits, {"symbol": "ADA/USDT:USDT", "units": 1000}),
        data,
        profile="lean-coinm-1",
        start_ns=ns("2022-12-12", "UTC") - 1,
        end_ns=ns("2022-12-14", "UTC"),
        cash=1_000_200,
        valued=closing_summary_of,
        convention=AROUND_THE_CLOCK,
    )

    same(run, root, "CryptoFutureHourlyMarginInterestRegressionAlgorithm")


def test_daily_bars_are_charged_funding_three_times_as_hourly_ones(
    tmp_path: Path, test_data: Path
) -> None:
    root = test_data / "lean"
    data = ada(tmp_path, root, "daily")

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(BuysUnits, {"symbol": "ADA/USDT:USDT", "interval": "1d", "units": 1000}),
        data,
        profile="lean-coinm-1",
        # A bar that ends with the start is given; LEAN's daily bars of a market without sessions
        # do, those of stocks end at the close before.
        start_ns=ns("2022-12-12", "UTC") - 1,
        end_ns=ns("2022-12-14", "UTC"),
        cash=1_000_200,
        valued=closing_summary_of,
        convention=AROUND_THE_CLOCK,
    )

    same(run, root, "CryptoFutureDailyMarginInterestRegressionAlgorithm")


def test_a_share_bought_on_the_day_of_a_split(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "lean"
    data = adjusted(tmp_path, root, "aapl", "hour")

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(BuysUnits, {"from_ns": ns("2014-06-09")}),
        data,
        start_ns=ns("2014-06-06"),
        end_ns=ns("2014-06-10"),
        hours=stocks(root, "2014-06-01", "2014-06-30"),
    )

    same(run, root, "HourSplitRegressionAlgorithm")


def test_dividends_are_paid_on_what_is_held(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "lean"
    raw, exact = stock(tmp_path, root, "spy", "daily")
    store = a_store(tmp_path)
    factors = root / "data/equity/usa/factor_files/spy.csv"
    table = in_cents(store.dataset(exact).actions(), factors, tmp_path / "cents.csv")
    ask = Ask(instrument=shares("SPY"), zone=NEW_YORK)
    import_any(store, table, ask, name="cents", form="actions")

    run = Figures(
        tmp_path,
        root / "data",
        load_strategy(HoldsAll, {"weight": "0.5"}),
        [raw, "cents"],
        start_ns=ns("1998-01-01"),
        # Its last day with data is a Friday.
        end_ns=ns("2005-12-31"),
        hours=stocks(root, "1998-01-01", "2006-01-31"),
    )

    same(run, root, "DividendRegressionAlgorithm")
