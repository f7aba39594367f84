"""Spreads from quotes, and how near a guess from bars comes to them."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.stages import perform
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0
from tieout.errors import SettingsError
from tieout.history import Store
from tieout.history.spreads import spread_from_bars, spread_from_quotes
from tieout.model.columns import BarColumns, QuoteColumns
from tieout.model.profiles import FillLevel, SpreadFrom, profile
from tieout.wiring.spreads import with_spreads

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = msgspec.structs.replace(
    profile("pessimistic-1"), name="m-1", spread_from=SpreadFrom.DATA
)


def quotes(*rows: tuple[int, int, int]) -> QuoteColumns:
    """Return quotes of (seconds since the start, bid, ask)."""
    at, bid, ask = (np.asarray(each, np.int64) for each in zip(*rows, strict=True))
    when = T0 + at * SECOND
    lots = np.ones(len(at), np.int64)
    return QuoteColumns(SYMBOL, when, when, bid, lots, ask, lots)


def minute_bars(high: Any, low: Any, close: Any, *, volume: Any = None) -> BarColumns:
    high, low, close = (np.asarray(each, np.int64) for each in (high, low, close))
    opens = T0 + MINUTE * np.arange(len(close), dtype=np.int64)
    lots = np.full(len(close), 10, np.int64) if volume is None else np.asarray(volume, np.int64)
    return BarColumns(
        SYMBOL,
        MINUTE,
        opens,
        opens + MINUTE,
        opens + MINUTE,
        close,
        high,
        low,
        close,
        lots,
        np.zeros(len(close), np.int64),
        np.zeros(len(close), np.bool_),
    )


def walked(spread_bps: float, *, rows: int = 20_000, seed: int = 1) -> BarColumns:
    """Return bars of trades at the bid or the ask around a walk, sixty a bar."""
    draw = np.random.default_rng(seed)
    middle = np.cumsum(draw.normal(0, 0.3e-4, (rows, 60)).ravel())
    traded = middle + draw.choice([-0.5, 0.5], rows * 60) * spread_bps / 1e4
    price = np.rint(1e7 * np.exp(traded)).astype(np.int64).reshape(rows, 60)
    return minute_bars(price.max(axis=1), price.min(axis=1), price[:, -1])


def test_a_quote_counts_for_as_long_as_it_stood() -> None:
    # 10 bps for a second, 30 for three; crossed and one-sided ones and the last say nothing.
    told = quotes(
        (0, 9995, 10_005), (1, 9985, 10_015), (4, 10_001, 10_000), (5, 0, 10_000), (6, 1, 3)
    )

    spread = spread_from_quotes([told])

    assert spread.rows == 2
    assert spread.bps == pytest.approx(25)


def test_nobody_quoted_for_an_hour_is_no_hour_of_that_quote() -> None:
    told = quotes((0, 9995, 10_005), (3600, 9985, 10_015), (3660, 9985, 10_015))

    assert spread_from_quotes([told]).bps == pytest.approx(20)


@pytest.mark.parametrize("bps", [2.0, 5.0, 20.0])
def test_bars_of_trades_at_bid_and_ask_tell_the_spread_between_them(bps: float) -> None:
    assert spread_from_bars([walked(bps)]).bps == pytest.approx(bps, rel=0.25)


def test_only_neighbours_that_traded_are_a_pair() -> None:
    told = minute_bars([12, 12, 12, 12], [10, 10, 10, 10], [12, 10, 12, 10], volume=[5, 5, 0, 5])

    assert spread_from_bars([told]).rows == 1


def test_prices_that_run_on_tell_no_spread() -> None:
    rising = np.arange(1000, 3000, 10)

    assert spread_from_bars([minute_bars(rising + 10, rising, rising + 10)]).bps == 0


# -- on a run -------------------------------------------------------------------------------------


def a_store(folder: Path, columns: BarColumns) -> list[Any]:
    names = (
        "open_time_ns",
        "close_time_ns",
        "open_ticks",
        "high_ticks",
        "low_ticks",
        "close_ticks",
    )
    chunk = {name: getattr(columns, name) for name in (*names, "volume_lots")}
    store = Store(folder)
    store.write("es-1m", "bars", ES, [chunk], source="made", time_rule="made", interval_ns=MINUTE)
    return [store.dataset("es-1m")]


def test_a_run_takes_the_spread_of_the_bars_before_it_and_says_so(tmp_path: Path) -> None:
    before = a_store(tmp_path, walked(8.0, rows=500))

    found = with_spreads(MEASURED, before, T0 + 400 * MINUTE)

    assert found.spread_of(SYMBOL) == pytest.approx(Decimal(8), rel=Decimal("0.3"))
    assert found.spread_sources[SYMBOL].startswith("bars: Abdi-Ranaldo, 39")
    assert found.spread_of("another") == MEASURED.spread_bps
    # What is written into a manifest is not measured again.
    assert with_spreads(found, before, T0 + 450 * MINUTE) == found


def test_what_lies_after_the_start_is_not_looked_at(tmp_path: Path) -> None:
    stored = a_store(tmp_path, walked(8.0, rows=500))

    for start in (T0 + 50 * MINUTE, T0, None):
        found = with_spreads(MEASURED, stored, start)
        assert found.spreads == {}
        assert found.spread_sources == {SYMBOL: "default: under 100 rows before the start"}


def test_a_profile_that_does_not_ask_is_left_alone(tmp_path: Path) -> None:
    stored = a_store(tmp_path, walked(8.0, rows=500))

    assert with_spreads(profile("pessimistic-1"), stored, T0 + 400 * MINUTE) == (
        profile("pessimistic-1")
    )


def test_a_taker_pays_half_of_the_instruments_own_spread() -> None:
    def paid(**given: Any) -> list[int]:
        plan = {1: lambda context: context.buy(SYMBOL, units=1)}
        settled = {"participation": None, "slippage_bps": Decimal(0), **given}
        return [
            each.half_spread_microticks
            for each in perform([4000] * 5, plan, base="pessimistic-1", **settled).fills
        ]

    # Half of 3 bps and of 20 of 4,000 ticks.
    assert paid() == [600_000]
    assert paid(spreads={SYMBOL: Decimal(20)}) == [4_000_000]
    assert paid(spreads={"another": Decimal(20)}) == [600_000]


def test_a_level_that_charges_no_spread_refuses_one() -> None:
    with pytest.raises(SettingsError, match="which charges no spread"):
        msgspec.structs.replace(MEASURED, fill_level=FillLevel.FIXED)
    with pytest.raises(SettingsError, match="spreads must be finite"):
        msgspec.structs.replace(MEASURED, spreads={SYMBOL: Decimal(-1)})


# -- on real markets ------------------------------------------------------------------------------


def lean_rows(file: Path) -> np.ndarray[Any, Any]:
    """Return a day's minutes of the session, in New York's time of day."""
    with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as inner:
        text = csv.reader(io.TextIOWrapper(inner))
        rows = np.array([[float(cell or "nan") for cell in row[:11]] for row in text])
    return rows[(rows[:, 0] >= 34_200_000) & (rows[:, 0] < 57_600_000)]


def both_spreads(traded: Path) -> tuple[float, float]:
    """Return the mean quoted spread of a day's minutes and the guess from its bars, in bps."""
    told = lean_rows(traded.with_name(traded.name.replace("_trade", "_quote")))
    bid, ask = told[:, 4], told[:, 9]
    good = (bid > 0) & (ask > bid)
    quoted = np.mean(2 * (ask[good] - bid[good]) / (ask[good] + bid[good])) * 1e4
    rows = lean_rows(traded)
    guess = spread_from_bars([minute_bars(*(np.rint(rows[:, place] * 100) for place in (2, 3, 4)))])
    return float(quoted), guess.bps


def test_where_the_spread_is_wide_the_guess_is_a_little_low(test_data: Path) -> None:
    """Ten days of minutes of shares that were quoted two to seven bps wide."""
    folder = test_data / "lean" / "data" / "equity" / "usa" / "minute"
    days = [
        file
        for name in ("bac", "ibm", "nwsa")
        for file in sorted(folder.glob(f"{name}/*_trade.zip"))
    ]

    ratios = [
        guess / quoted
        for quoted, guess in map(
            both_spreads,
            (d for d in days if d.with_name(d.name.replace("_trade", "_quote")).exists()),
        )
    ]

    assert len(ratios) == 10
    assert 0.5 < min(ratios) <= max(ratios) < 1.05
    assert 0.75 < float(np.median(ratios)) < 1.0
