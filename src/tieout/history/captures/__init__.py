"""Raw recordings of a venue's streams, read into books, trades and quotes."""

from tieout.history.captures.binance import measure_clock_offset, read_binance
from tieout.history.captures.bybit import read_bybit
from tieout.history.captures.checksummed import (
    kraken_checksum,
    okx_checksum,
    read_kraken,
    read_okx,
)
from tieout.history.captures.rows import Capture, CaptureGap
from tieout.history.captures.streams import STREAMS, read_stream

__all__ = [
    "STREAMS",
    "Capture",
    "CaptureGap",
    "kraken_checksum",
    "measure_clock_offset",
    "okx_checksum",
    "read_binance",
    "read_bybit",
    "read_kraken",
    "read_okx",
    "read_stream",
]
