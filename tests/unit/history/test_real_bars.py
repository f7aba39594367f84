"""Bars of real trades and of real finer bars are the bars that the provider has.

The folder is named by TIEOUT_TEST_DATA; without it these tests are skipped.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from tests.unit.history.test_real_data import real
from tieout.history import bars_from_trades, made_bars
from tieout.market import BarMaker
from tieout.model.bars import BarKind, BarRule
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE = 60_000_000_000
UNIT = 10**8
"""Ticks, and lots, in one: every number of these files has at most eight decimals."""

COLUMNS = (
    "open_time_ns",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume_lots",
)


def whole(values: Any) -> Any:
    return np.rint(np.asarray(values, np.float64) * UNIT).astype(np.int64)


def xrp_trades() -> TradeColumns:
    rows = pl.read_parquet(real("freqtrade_testdata/XRP_ETH-trades.parquet"))
    time = rows["timestamp"].to_numpy().astype(np.int64) * 1_000_000
    count = len(time)
    return TradeColumns(
        "XRP/ETH",
        time,
        time,
        whole(rows["price"].to_numpy()),
        whole(rows["amount"].to_numpy()),
        np.zeros(count, np.int8),
        np.arange(1, count + 1, dtype=np.int64),
    )


def xrp_minutes(name: str) -> list[tuple[int, ...]]:
    rows = pl.read_ipc(real(f"freqtrade_testdata/XRP_ETH-{name}.feather"))
    times = rows["date"].dt.epoch("ms").to_numpy().astype(np.int64) * 1_000_000
    prices = [whole(rows[each].to_numpy()) for each in ("open", "high", "low", "close", "volume")]
    return list(zip(times.tolist(), *(each.tolist() for each in prices), strict=True))


def candles(name: str, interval_ns: int) -> BarColumns:
    rows = json.loads(gzip.decompress(real(f"binance_vs_coinbase/{name}").read_bytes()))
    column = np.array(rows, np.float64).T
    opened = column[0].astype(np.int64) * 1_000_000
    return BarColumns(
        "BTC/USDT",
        interval_ns,
        opened,
        opened + interval_ns,
        opened + interval_ns,
        *(whole(each) for each in column[1:6]),
        np.zeros(len(opened), np.int64),
        np.zeros(len(opened), np.bool_),
    )


def rows_of(bars: Iterable[Any]) -> list[tuple[int, ...]]:
    return [
        row
        for each in bars
        for row in zip(*(getattr(each, name).tolist() for name in COLUMNS), strict=True)
    ]


def longer(finer: BarColumns, size: str, count: int) -> list[tuple[int, ...]]:
    names = {MINUTE: "1m", 5 * MINUTE: "5m", 60 * MINUTE: "1h"}
    rule = BarRule(BarKind.TIME, count * finer.interval_ns, size, names[finer.interval_ns])
    maker = BarMaker(finer.instrument, rule, grace_ns=1_000_000)
    end = int(finer.arrival_time_ns[-1]) + rule.size
    return rows_of(made_bars([finer], maker, until_ns=end))


@pytest.mark.parametrize("chunk", [1000, 12_477])
def test_trades_rebuild_every_minute_of_the_provider(chunk: int) -> None:
    trades = xrp_trades()
    pieces = [trades.rows(at, at + chunk) for at in range(0, len(trades), chunk)]

    made = rows_of(bars_from_trades(pieces, MINUTE))

    assert len(made) == 2469
    assert made == xrp_minutes("1m")


def test_minutes_of_trades_rebuild_the_providers_five_minutes() -> None:
    # The provider's rows end at 11:15; the trades go on to 11:19:28.
    made = rows_of(bars_from_trades([xrp_trades()], 5 * MINUTE))

    assert made == xrp_minutes("5m")


def test_trades_that_arrive_late_end_in_the_same_minutes_after_their_revisions() -> None:
    trades = xrp_trades()
    draw = np.random.default_rng(1)
    arrival = trades.venue_time_ns + draw.choice([5, 200, 5000], len(trades)) * 1_000_000
    order = np.argsort(arrival, kind="stable")
    late = TradeColumns(
        trades.instrument,
        trades.venue_time_ns[order],
        arrival[order],
        trades.price_ticks[order],
        trades.quantity_lots[order],
        trades.aggressor[order],
        trades.trade_id[order],
    )
    maker = BarMaker("XRP/ETH", BarRule(BarKind.TIME, MINUTE, "1m"), grace_ns=1_000_000_000)
    made = list(made_bars([late], maker, until_ns=int(arrival.max()) + 2 * MINUTE))

    last = {row[0]: row for row in rows_of(made)}

    assert [last[each] for each in sorted(last)] == xrp_minutes("1m")
    assert max(int(each.revision.max()) for each in made if isinstance(each, BarColumns)) > 1


def test_minutes_rebuild_every_five_minutes_of_another_provider() -> None:
    minutes = candles("binance_BTC_USDT-1m.json.gz", MINUTE)
    theirs = rows_of([candles("binance_BTC_USDT-5m.json.gz", 5 * MINUTE)])

    ours = {row[0]: row for row in longer(minutes, "5m", 5)}

    assert len(theirs) == 8639
    assert [ours[row[0]][:5] for row in theirs] == [row[:5] for row in theirs]
    # Volumes are floats there: sums of them differ in the last places.
    assert max(abs(ours[row[0]][5] - row[5]) for row in theirs) <= 4


def test_five_minutes_of_minutes_make_the_hours_that_minutes_make() -> None:
    minutes = candles("binance_BTC_USDT-1m.json.gz", MINUTE)
    rule = BarRule(BarKind.TIME, 5 * MINUTE, "5m", "1m")
    maker = BarMaker("BTC/USDT", rule, grace_ns=1_000_000)
    end = int(minutes.arrival_time_ns[-1]) + 120 * MINUTE
    fives = list(made_bars([minutes], maker, until_ns=end))

    by_fives = BarMaker(
        "BTC/USDT", BarRule(BarKind.TIME, 60 * MINUTE, "1h", "5m"), grace_ns=2_000_000
    )
    rows = [each for each in fives if isinstance(each, BarColumns)]
    assert rows_of(made_bars(rows, by_fives, until_ns=end)) == longer(minutes, "1h", 60)
