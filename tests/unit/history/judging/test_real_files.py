"""What a judge finds unprompted in real files, by the defects that are known of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieout.history.judging import Finding, judge


def defects(found: list[Finding]) -> set[tuple[str, str]]:
    """Return (start of the file's name, kind) of all that is no note."""
    return {(Path(each.file).name, each.kind) for each in found if each.severity == "defect"}


def told(found: list[Finding], name: str, kind: str) -> list[Finding]:
    return [each for each in found if Path(each.file).name.startswith(name) and each.kind == kind]


def test_funding_files_in_another_zone_at_other_hours_and_with_a_hole(test_data: Path) -> None:
    found = judge([test_data / "funding_rates"])

    zones = {Path(each.file).name.split("_")[1] for each in found if each.kind == "time_zone"}
    assert zones == {"binance", "bybit", "htx", "kucoin", "mexc"}
    assert all("UTC+3" in each.remedy for each in found if each.kind == "time_zone")
    assert any("662 of 662 rows" in each.detail for each in found)
    (kucoin,) = told(found, "BTC-USDT_kucoin", "interval")
    assert "04:00, 12:00, 20:00 UTC" in kucoin.detail
    (dydx,) = told(found, "BTC-USDT_dydx", "interval")
    assert "every 1h" in dydx.detail
    (gate,) = told(found, "BTC-USDT_gate", "gap")
    assert (gate.count, "31.0 days" in gate.detail) == (1, True)
    (htx,) = told(found, "BTC-USDT_htx", "interval")
    assert htx.count == 7


def test_a_provider_that_is_another_one(test_data: Path) -> None:
    found = judge([test_data / "btcusd_three_venues"])

    (bitfinex,) = told(found, "bitfinex", "mislabelled_provider")
    assert "17,582 of 17,583 closes" in bitfinex.detail
    assert len(told(found, "bitfinex", "disorder")) == 1


def test_columns_in_another_order_halts_and_a_copy(test_data: Path) -> None:
    found = judge([test_data / "binance_vs_coinbase"])

    (order,) = told(found, "coinbase_futures_BTC_USDT-1h", "column_order")
    assert "--column open=low --column high=high --column low=open" in order.remedy
    assert len(told(found, "coinbase_futures_BTC_USDT-1h", "disorder")) == 1
    halts = told(found, "binance_BTC_USDT-1h", "halt")
    assert max(each.count for each in halts) == 27
    (gap,) = told(found, "binance_BTC_USDT-1h", "gap")
    assert "127 bars are missing" in gap.detail
    assert len(told(found, "binance_futures_BTC_USDT_USDT-5m", "mislabelled_symbol")) == 1


def test_hours_lost_every_day(test_data: Path) -> None:
    found = judge([test_data / "bittrex_candles"])

    for pair in ("ADA", "ALGO", "BCH", "DOGE", "DOT", "ETH", "LINK", "LTC", "XLM"):
        holes, lost = told(found, f"{pair}_BTC-1m", "gap")
        assert "of its days lack the hours 00:00 to" in holes.detail
        assert (lost.count, "the rows were lost" in lost.detail) == (36, True)
        assert told(found, f"{pair}_BTC-1h", "gap") == []
    assert not any(each.kind == "halt" for each in found)


@pytest.mark.parametrize("name", ["spot_btcusdt", "usdm_btcusdt", "cm_btcusd_perp"])
def test_a_recorders_clock_behind_the_venues(test_data: Path, name: str) -> None:
    found = judge([test_data / "binance_ws_raw" / f"{name}_20240808.gz"])

    (skew,) = told(found, name, "clock_skew")
    assert "at least 1.27" in skew.detail or "at least 1.26" in skew.detail
    assert defects(found) == {(f"{name}_20240808.gz", "clock_skew")}


def test_two_symbols_that_are_one_and_minutes_without_a_trade(test_data: Path) -> None:
    found = judge([test_data / "freqtrade_testdata"])

    assert ("UNITTEST_BTC-5m.feather", "mislabelled_symbol") in defects(found)
    (thin,) = told(found, "XRP_ETH-1m", "gap")
    assert "1,091 bars are missing" in thin.detail
    assert "minutes without a trade seem to have no row" in thin.detail
    assert told(found, "XRP_ETH-1m", "halt") == []
