"""Books rebuilt from recorded traffic are the venue's own, checked where the venue says so.

The folder is named by TIEOUT_TEST_DATA; without it these tests are skipped, and the made-up
captures of the other tests stand for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.history.captures.builders import an_instrument, rebuilt
from tieout.errors import DataError
from tieout.history.captures import (
    measure_clock_offset,
    read_binance,
    read_bybit,
    read_kraken,
    read_okx,
)
from tieout.market.book import Book

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history.captures import Capture

BINANCE = {
    "spot": ("spot_btcusdt_20240808.gz", an_instrument("BTCUSDT", "0.01", "0.00000001")),
    "usd-m": ("usdm_btcusdt_20240808.gz", an_instrument("BTCUSDT", "0.1", "0.001")),
    "coin-m": ("cm_btcusd_perp_20240808.gz", an_instrument("BTCUSD_PERP", "0.1", "1")),
}


def compared(found: Capture) -> tuple[int, int]:
    """Return at how many quotes the book stood at the very same update, and at how many it agreed.

    A quote names the update it is of; a book is compared where a message ended with that one.
    """
    book, quotes = Book(found.book.instrument), found.quotes
    whole = np.flatnonzero(found.book.last & (found.book_ids > 0))
    at = dict(zip(found.book_ids[whole].tolist(), whole.tolist(), strict=True))
    done = same = agreed = 0
    for row, update in enumerate(found.update_ids.tolist()):
        end = at.get(update, -1) + 1
        if end < done or not end:
            continue
        book.apply(found.book.rows(done, end))
        done = end
        bid = (int(quotes.bid_ticks[row]), int(quotes.bid_lots[row]))
        ask = (int(quotes.ask_ticks[row]), int(quotes.ask_lots[row]))
        same += 1
        agreed += (book.best(1), book.best(-1)) == (bid, ask)
    return same, agreed


@pytest.mark.parametrize(
    ("market", "samples", "rows", "prints"),
    [
        ("spot", 564, 135_831, 9_757),
        ("usd-m", 629, 466_576, 21_313),
        ("coin-m", 1_124, 300_034, 2_286),
    ],
)
def test_the_rebuilt_book_is_the_best_price_stream_at_every_sample(
    test_data: Path, market: str, samples: int, rows: int, prints: int
) -> None:
    name, instrument = BINANCE[market]
    path = test_data / "binance_ws_raw" / name
    found = read_binance(path, instrument, clock_offset_ns=measure_clock_offset(path))
    assert (len(found.book), len(found.trades), found.gaps) == (rows, prints, ())
    assert compared(found) == (samples, samples)
    book = rebuilt(found)
    assert not book.is_crossed


def test_the_recorders_clock_is_1270_ms_behind_and_refused_until_it_is_said(
    test_data: Path,
) -> None:
    name, instrument = BINANCE["usd-m"]
    path = test_data / "binance_ws_raw" / name
    assert measure_clock_offset(path) == pytest.approx(1.27e9, abs=5e6)
    with pytest.raises(DataError, match="recorder's clock is behind"):
        read_binance(path, instrument)


@pytest.mark.parametrize(
    ("pair", "tick"), [("XMR/USD", "0.01"), ("XBT/CHF", "0.1"), ("ETH/CHF", "0.01")]
)
def test_every_kraken_checksum_agrees(test_data: Path, pair: str, tick: str) -> None:
    path = test_data / "cryptofeed_captures" / "KRAKEN.ws.50.0.gz"
    found = read_kraken(path, an_instrument(pair, tick, "0.00000001"))
    assert found.gaps == ()
    assert len(rebuilt(found).levels(1)) > 200


@pytest.mark.parametrize(
    ("name", "tick", "lot"),
    [
        ("BTC-USDT", "0.1", "0.00000001"),
        ("BTC-USD-220527", "0.1", "1"),
        ("UNI-USD-SWAP", "0.001", "1"),
    ],
)
def test_every_okx_checksum_agrees(test_data: Path, name: str, tick: str, lot: str) -> None:
    path = test_data / "cryptofeed_captures" / "OKX.ws.1.0.gz"
    found = read_okx(path, an_instrument(name, tick, lot))
    assert found.gaps == ()
    assert len(rebuilt(found).levels(-1)) > 50


def test_a_bybit_archive_is_read_without_stamps_of_a_recorder(test_data: Path) -> None:
    path = test_data / "nautilus_testdata" / "xrpusdt-ob500.data.zip"
    found = read_bybit(path, an_instrument("XRPUSDT", "0.0001", "1"))
    assert (found.gaps, found.least_latency_ns) == ((), None)
    assert len(rebuilt(found).levels(1)) == 500
