"""How every file of market data among the real test data is imported: a pattern and its options.

A later pattern adds to the options of the earlier ones. What is not named is found out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tieout.history.formats import Ask
from tieout.model.instruments import Instrument

TINY = {"tick": "1e-8", "lot": "1e-4", "volume": "round_down"}
"""Pairs of two coins: volumes have more digits than a tick of a lot may be worth."""
CENT = {"tick": "0.01", "lot": "1e-8"}
FINE = {"tick": "1e-8", "lot": "1e-4"}
SHARE = {"tick": "0.0001", "lot": "1", "currency": "USD"}

RULES: list[tuple[str, dict[str, Any]]] = [
    ("binance_vs_coinbase/*.json.gz", {**CENT, "set_aside": True}),
    ("binance_vs_coinbase/*-1m.json.gz", {"volume": "round_down"}),
    ("binance_vs_coinbase/*-mark.json.gz", {"tick": "1e-8", "lot": "1e-4"}),
    ("bittrex_candles/*.json.gz", TINY),
    ("freqtrade_live_s012/candles_binance/*.json.gz", TINY),
    ("freqtrade_live_s012/candles_binance/*_USDT-*.json.gz", {"tick": "1e-7", "lot": "1e-5"}),
    ("freqtrade_testdata/*.feather", TINY),
    ("freqtrade_testdata/XRP_ETH-trades.parquet", {"tick": "1e-8", "lot": "1"}),
    ("freqtrade_testdata/XRP_OLD-trades.json.gz", {"tick": "1e-8", "lot": "1"}),
    ("freqtrade_testdata/*USDT_USDT*.feather", {"tick": "1e-8"}),
    ("freqtrade_testdata/orderflow_*.csv.gz", {"tick": "0.01", "lot": "0.001"}),
    ("btcusd_three_venues/*.csv.gz", {"tick": "0.01", "lot": "0.01", "set_aside": True,
                                      "volume": "round_down"}),
    ("funding_rates/*.csv.gz", {"tick": "0.1", "lot": "0.001"}),
    ("funding_rates/*_binance_20*", {"zone": "Etc/GMT-3"}),
    ("funding_rates/*_bybit_*", {"zone": "Etc/GMT-3"}),
    ("funding_rates/*_htx_*", {"zone": "Etc/GMT-3"}),
    ("funding_rates/*_kucoin_*", {"zone": "Etc/GMT-3"}),
    ("funding_rates/*_mexc_*", {"zone": "Etc/GMT-3"}),
    ("hyperliquid_eth/*/*.parquet", {"tick": "0.1", "lot": "0.0001"}),
    ("hyperliquid_eth/trades/*.parquet", {"set_aside": True}),
    ("nautilus_testdata/6EH4*.csv.gz", {"interval": "1m", "tick": "0.00005", "lot": "1"}),
    ("nautilus_testdata/btc-perp*.csv.gz", {"interval": "1m", "tick": "0.001", "lot": "0.0001",
                                           "volume": "round_down"}),
    ("nautilus_testdata/binance-futures_book*.csv", {"tick": "0.01", "lot": "0.001"}),
    ("nautilus_testdata/btcusdt-depth-*.csv", {"venue": "BTCUSDT", "tick": "0.1", "lot": "0.001"}),
    ("nautilus_testdata/btcusdt-*.parquet", {"tick": "0.01", "lot": "1e-6"}),
    ("nautilus_testdata/*.mbo.dbn.zst", {"tick": "0.25", "lot": "1"}),
    ("nautilus_testdata/*mbp-1*.dbn.zst", {"tick": "0.25", "lot": "1"}),
    ("nautilus_testdata/quote_tick_*.parquet", {"tick": "0.00001", "lot": "1"}),
    ("nautilus_testdata/usdjpy-m1-*.csv.gz", {"interval": "1m", "tick": "0.001", "lot": "1",
                                              "mapping": {"volume": "-"}}),
    ("nautilus_testdata/usdjpy-ticks.csv.gz", {"tick": "0.001", "lot": "1"}),
    ("nautilus_testdata/xrpusdt-ob500.data.zip", {"venue": "XRPUSDT", "tick": "0.0001",
                                                  "lot": "0.01"}),
    ("binance_ws_raw/*.gz", {"clock": None, "tick": "0.1", "lot": "0.001", "venue": "BTCUSDT"}),
    ("binance_ws_raw/spot*", {"tick": "0.01", "lot": "1e-6"}),
    ("binance_ws_raw/cm*", {"venue": "BTCUSD_PERP", "lot": "1"}),
    ("paper_tca_kraken/events.jsonl.gz", {
        "form": "table", "kind": "quotes", "tick": "0.1", "lot": "1e-8",
        "only": {"event": "BOOK_TOP", "venue": "spot"},
        "mapping": {"time": "t_exchange", "arrival": "ts_local", "bid_quantity": "bid_qty",
                    "ask_quantity": "ask_qty"}}),
    ("cryptofeed_captures/*.ws.*", {"clock": None, **FINE}),
    ("cryptofeed_captures/BINANCE.ws*", {"venue": "NKNUSDT", "tick": "0.00001", "lot": "0.1"}),
    ("cryptofeed_captures/BINANCE_FUTURES.ws*", {"venue": "SUSHIUSDT", "tick": "0.001",
                                                 "lot": "1"}),
    ("cryptofeed_captures/BITMEX.ws*", {"venue": "UNIUSDT", "tick": "0.001", "lot": "1"}),
    ("cryptofeed_captures/BITSTAMP.ws*", {"venue": "ethusd", "tick": "0.01", "lot": "1e-8"}),
    ("cryptofeed_captures/BYBIT.ws.25*", {"venue": "BCHUSDT", "tick": "0.05", "lot": "1e-7"}),
    ("cryptofeed_captures/BYBIT.ws.26*", {"venue": "EOSUSD", "tick": "0.001", "lot": "1"}),
    ("cryptofeed_captures/COINBASE.ws*", {"venue": "SKL-USD", "tick": "0.0001", "lot": "0.1"}),
    ("cryptofeed_captures/DERIBIT.ws*", {"venue": "ETH-30JUL21-2800-C", "tick": "0.0005",
                                         "lot": "1"}),
    ("cryptofeed_captures/GATEIO.ws*", {"venue": "DIS_USDT", "tick": "0.01", "lot": "1e-10"}),
    ("cryptofeed_captures/HUOBI.ws*", {"venue": "zeneth", "tick": "1e-6", "lot": "1e-4"}),
    ("cryptofeed_captures/KRAKEN.ws.48*", {"venue": "XMR/USD", "kind": "trades", "tick": "0.01",
                                           "lot": "1e-8"}),
    ("cryptofeed_captures/KRAKEN.ws.50*", {"venue": "XMR/USD", "tick": "0.01", "lot": "1e-8"}),
    ("cryptofeed_captures/OKX.ws*", {"venue": "BTC-USD-220527", "tick": "0.1", "lot": "1"}),
    ("lean/data/equity/usa/*/*.zip", SHARE),
    ("lean/data/equity/usa/*/*/*.zip", SHARE),
    ("lean/data/crypto/*.zip", {**CENT, "volume": "round_down"}),
    ("lean/data/crypto/bitfinex/*", {"tick": "1e-8", "lot": "1e-4"}),
    ("lean/data/cryptofuture/*/margin_interest/*.csv", {**CENT}),
    ("lean/data/cryptofuture/*.zip", {"tick": "0.0001", "lot": "1"}),
    ("lean/data/cryptofuture/*btcusd/*.zip", {"tick": "0.1", "lot": "1"}),
    ("lean/data/forex/*.zip", {"tick": "0.00001", "lot": "1"}),
    ("lean/data/cfd/*.zip", {"tick": "0.001", "lot": "1"}),
    ("lean/data/future/*.zip", {"tick": "0.25", "lot": "1", "member": "201312"}),
    ("lean/data/index/*.zip", {"tick": "0.0001", "lot": "1"}),
]  # fmt: skip

NOT_MARKET_DATA = (
    "*README*", "*.md", "*INDEX.md", "*.sqlite*", "*trades.csv", "*orders.csv",
    "coinbase_pro_fills/*", "hummingbot_kucoin_mm/*", "paper_tca_kraken/[fhm]*",
    "freqtrade_testdata/backtest-result.json.gz",
    # Configuration and REST answers beside a stream, which are read with it.
    "cryptofeed_captures/*.0.gz!ws", "cryptofeed_captures/KRAKEN.ws.49.0.gz",
    "nautilus_testdata/exchange_payloads.tar.gz", "nautilus_testdata/short-term-interest.csv.gz",
    # Rules, calendars and reference values; open interest, for which there is no kind.
    "lean/testdata/*", "lean/*.csv!data", "lean/data/market-hours/*",
    "lean/data/symbol-properties/*",
    "lean/data/alternative/*", "*factor_files*", "*map_files*", "*shortable*", "*margins/*",
    "*openinterest.zip",
)  # fmt: skip
"""Account records, logs, rules and reference values: `!` names what must not be in the path."""


@dataclass(frozen=True)
class Job:
    """One import: a file and what is said of it."""

    file: str
    options: dict[str, Any] = field(hash=False)

    @property
    def form(self) -> str:
        return str(self.options.get("form", "auto"))

    @property
    def volume(self) -> str:
        return str(self.options.get("volume", "exact"))

    def ask(self) -> Ask:
        """Return the request."""
        said = self.options
        instrument = Instrument(
            symbol="TEST/USD",
            venue_symbol=said.get("venue", "TEST"),
            tick_size=Decimal(said["tick"]),
            lot_size=Decimal(said["lot"]),
            currency=said.get("currency", "USD"),
        )
        return Ask(
            instrument=instrument,
            kind=said.get("kind"),
            interval=said.get("interval"),
            zone=said.get("zone"),
            stamp=said.get("stamp"),
            mapping=said.get("mapping", {}),
            only=said.get("only", {}),
            side=said.get("side"),
            member=said.get("member"),
            clock_offset_ns=said.get("clock", 0),
            set_aside=said.get("set_aside", False),
        )


def is_market_data(name: str) -> bool:
    """Whether a file holds market data."""
    for pattern in NOT_MARKET_DATA:
        wanted, _, but_not = pattern.partition("!")
        if fnmatch(name, wanted) and not (but_not and but_not in name):
            return False
    return True


def jobs(root: Path) -> list[Job]:
    """Return every import, in order of the files' names; a file without a rule has no options."""
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or not is_market_data(name):
            continue
        options: dict[str, Any] = {}
        for pattern, said in RULES:
            if fnmatch(name, pattern):
                options |= said
        found.append(Job(name, options))
    return found
