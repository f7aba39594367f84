"""Small files of every format, as their providers write them, for tests of importers."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from tieout.history import Ask, Dataset, Store, import_any
from tieout.model.instruments import Instrument

MS = 1_704_067_200_000  # 2024-01-01
SECOND_NS = 10**9
DAY_MS = 86_400_000
EVENT = np.dtype(
    [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"),
     ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8")]
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A file: where it lies, how it is made, and what an import of it gives."""

    name: str
    content: Callable[[], bytes]
    form: str
    kind: str
    rows: int
    ask: dict[str, Any] = field(default_factory=dict, hash=False)


def instrument(**changed: Any) -> Instrument:
    """Return the instrument that all samples are of."""
    given = {
        "symbol": "BTC/USDT:USDT",
        "venue_symbol": "BTCUSDT",
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.001"),
    }
    return Instrument(**{**given, **changed})  # type: ignore[arg-type]


def imported(folder: Path, sample: Sample, content: bytes | None = None, **said: Any) -> Dataset:
    """Write a sample into a folder and import it."""
    path = folder / sample.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample.content() if content is None else content)
    form = said.pop("form", "auto")
    lot = said.pop("lot", Decimal(1) if sample.form in ("mbo", "dbn") else Decimal("0.001"))
    ask = Ask(**{"instrument": instrument(lot_size=lot), **sample.ask, **said})
    return import_any(Store(folder / "store"), path, ask, name="made", form=form)


def lines(*rows: str) -> bytes:
    """Return lines of text."""
    return ("\n".join(rows) + "\n").encode()


def zipped(name: str, content: bytes) -> bytes:
    """Return a zip of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date, so that the bytes are the same each time.
        archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def kline(minute: int, unit: int = 1) -> str:
    """Return a minute of the archives; `unit` 1000 writes microseconds."""
    opened = (MS + 60_000 * minute) * unit
    return (
        f"{opened},100.1{minute},101.00,99.50,100.20,7.5,{opened + 60_000 * unit - 1},751,9,3,300,0"
    )


def klines(unit: int = 1) -> bytes:
    return lines(*(kline(minute, unit) for minute in range(5)))


def trade(number: int) -> str:
    return (
        f"{number},100.1{number},0.5,50.05,{MS + number * 250},{'true' if number % 2 else 'false'}"
    )


def tardis(product: str) -> bytes:
    """Return a file of a product, four rows or so."""
    first = "exchange,symbol,timestamp,local_timestamp"
    us = MS * 1000

    def row(at: int, rest: str) -> str:
        return f"binance-futures,BTCUSDT,{us + at},{us + at + 700},{rest}"

    match product:
        case "trades":
            header = f"{first},id,side,price,amount"
            body = [
                row(at, f"{at + 1},{'buy' if at % 2 else 'sell'},100.5,0.25") for at in range(4)
            ]
        case "quotes":
            header = f"{first},ask_amount,ask_price,bid_price,bid_amount"
            body = [row(0, "1.5,100.02,100.01,2"), row(5, "1.5,100.02,,")]
        case "incremental_book_L2":
            header = f"{first},is_snapshot,side,price,amount"
            body = [
                row(0, "true,bid,100.01,1"),
                row(0, "true,ask,100.02,2"),
                row(9, "false,bid,100.01,0"),
                row(9, "false,bid,100,3"),
                row(20, "false,ask,100.03,1.5"),
            ]
        case "book_snapshot_2":
            header = f"{first},asks[0].price,asks[0].amount,bids[0].price,bids[0].amount"
            header += ",asks[1].price,asks[1].amount,bids[1].price,bids[1].amount"
            body = [row(at, f"100.02,1,100.01,2,100.03,1,{'' if at else '100'},{'' if at else '5'}")
                    for at in range(2)]  # fmt: skip
        case _:
            header = f"{first},funding_timestamp,funding_rate,predicted_funding_rate,open_interest"
            header += ",last_price,index_price,mark_price"
            eight = 8 * 3600 * 10**6
            body = [
                row(at, f"{us + due * eight},{rate},,1000,100.5,100.4,100.45")
                for at, due, rate in (
                    (0, 1, "0.0001"),
                    (60, 1, "0.00012"),
                    (eight + 5, 2, "-0.0003"),
                )
            ]
    return lines(header, *body)


def parquet(table: dict[str, Any], *, as_feather: bool = False) -> bytes:
    buffer = io.BytesIO()
    if as_feather:
        feather.write_feather(pa.table(table), buffer)
    else:
        pq.write_table(pa.table(table), buffer)
    return buffer.getvalue()


def freqtrade_candles() -> dict[str, Any]:
    opened = [MS + 60_000 * each for each in range(4)]
    return {
        "date": pa.array(opened, pa.timestamp("ms", "UTC")),
        "open": [100.1, 100.2, 100.3, 100.4],
        "high": [101.0] * 4,
        "low": [99.5] * 4,
        "close": [100.2, 100.3, 100.4, 100.5],
        "volume": [1.5, 0.0, 2.25, 3.0],
    }


def freqtrade_json(*, columns: str = "ohlc", newest_first: bool = False) -> bytes:
    rows = []
    for at in range(4):
        price = {"o": 100.1 + at, "h": 106.0, "l": 99.5, "c": 100.2 + at}
        rows.append([MS + 60_000 * at, *(price[each] for each in columns), 1.5])
    return json.dumps(rows[::-1] if newest_first else rows).encode()


def hftbacktest() -> bytes:
    """Return a snapshot, changes and a trade; one row is there for the exchange's order alone."""
    both, buy, sell = (1 << 31) | (1 << 30), 1 << 29, 1 << 28
    ns = MS * 10**6
    rows = [
        (both | 3 | buy, ns, ns + 500, 0, 0),
        (both | 4 | buy, ns, ns + 500, 100.01, 2),
        (both | 4 | sell, ns, ns + 500, 100.02, 1),
        (both | 1 | buy, ns + 10, ns + 600, 100.0, 4),
        ((1 << 31) | 1 | sell, ns + 12, ns + 900, 100.05, 4),
        (both | 2 | sell, ns + 15, ns + 700, 100.01, 0.5),
    ]
    events = np.array([(*row, 0, 0, 0.0) for row in rows], EVENT)
    buffer = io.BytesIO()
    np.savez(buffer, data=events)
    return buffer.getvalue()


def dbn(schema: int) -> bytes:
    """Return three records of one instrument: 1 is mbp-1, 4 trades, 6 minutes."""
    header = bytearray(100)
    header[0:4] = b"TEST"
    struct.pack_into("<H", header, 16, schema)
    body = b""
    for at in range(3):
        when = MS * 10**6 + at * 60 * SECOND_NS
        price = 100_250_000_000 + at * 250_000_000
        if schema == 6:
            head = struct.pack("<BBHIQ", 14, 0x21, 1, 7, when)
            body += head + struct.pack("<qqqqQ", price, price + 10**9, price - 10**9, price, 12)
            continue
        length, kind = (20, 1) if schema == 1 else (12, 0)
        head = struct.pack("<BBHIQ", length, kind, 1, 7, when)
        tail = struct.pack("<qIccBBQiI", price, 3, b"T", b"B", 128, 0, when + 140_000, 5, at + 1)
        body += head + tail
        if schema == 1:
            body += struct.pack("<qqIIII", price - 250_000_000, price, 4, 5, 1, 1)
    return b"DBN\x02" + struct.pack("<I", len(header)) + bytes(header) + body


def hyperliquid(what: str) -> bytes:
    seconds = [MS / 1000 + at for at in (0.5, 0.5, 1.25)]
    stamps = [MS + at for at in (10, 10, 900)]
    match what:
        case "orderbooks":
            table: dict[str, Any] = {
                "timestamp": seconds, "sequence": stamps, "exchange_timestamp": stamps,
            }  # fmt: skip
            for at in range(2):
                table[f"bid_price_{at}"] = [100.0 - at] * 3
                table[f"bid_size_{at}"] = [1.5] * 3
                table[f"ask_price_{at}"] = [101.0 + at] * 3
                table[f"ask_size_{at}"] = [2.5] * 3
        case "prices":
            table = {
                "timestamp": seconds, "price": [100.0, 101.0, 100.5], "size": [1.0, 2.0, 3.0],
                "side": ["bid", "ask", "bid"], "exchange_timestamp": stamps,
            }  # fmt: skip
        case _:
            table = {
                "timestamp": seconds, "price": [100.0, 101.0, 100.5], "size": [1.0, 2.0, 3.0],
                "side": ["buy", "sell", "buy"], "trade_id": ["9", "7", "8"],
                "exchange_timestamp": stamps,
            }  # fmt: skip
    return parquet(table)


def nautilus() -> bytes:
    def wide(*values: str) -> Any:
        whole = [int(Decimal(each) * 10**16) for each in values]
        return pa.array([each.to_bytes(16, "little", signed=True) for each in whole], pa.binary(16))

    when = pa.array([MS * 10**6, MS * 10**6 + 5], pa.uint64())
    return parquet(
        {
            "bid_price": wide("100.01", "100.02"),
            "ask_price": wide("100.03", "100.04"),
            "bid_size": wide("1000000", "2"),
            "ask_size": wide("1", "1"),
            "ts_event": when,
            "ts_init": when,
        }
    )


def capture(*messages: Any) -> bytes:
    """Return lines as cryptofeed records them, a tenth of a second apart."""
    rows = [
        f"{(MS + 1_000 + 100 * at) / 1000:.3f}: {json.dumps(each)}"
        for at, each in enumerate(messages)
    ]
    return gzip.compress(lines(*rows), mtime=0)


def bitmex() -> bytes:
    stamp = "2024-01-01T00:00:00.900Z"
    book = {"table": "orderBookL2", "action": "partial"}
    return gzip.compress(
        b"wss://www.bitmex.com/realtime <-> 1704067200.5\n"
        + gzip.decompress(
            capture(
                {**book, "data": [
                    {"symbol": "BTCUSDT", "id": 1, "side": "Sell", "size": 5, "price": 101},
                    {"symbol": "BTCUSDT", "id": 2, "side": "Buy", "size": 6, "price": 100.5},
                ]},
                {"table": "orderBookL2", "action": "update",
                 "data": [{"symbol": "BTCUSDT", "id": 2, "side": "Buy", "size": 9}]},
                {"table": "orderBookL2", "action": "delete",
                 "data": [{"symbol": "BTCUSDT", "id": 1, "side": "Sell"}]},
                {"table": "trade", "action": "insert",
                 "data": [{"timestamp": stamp, "symbol": "BTCUSDT", "side": "Buy", "size": 2,
                           "price": 101, "trdMatchID": "a-b"}]},
            )
        ),
        mtime=0,
    )  # fmt: skip


LEAN = "lean/equity/usa/minute/spy/20240102_trade.zip"
_SPEC: list[tuple[str, Callable[[], bytes], str, str, int, dict[str, Any]]] = [
    ("BTCUSDT-1m-2024-01.csv", klines, "binance-klines", "bars", 5, {}),
    ("BTCUSDT-1m-2025-01-01.zip", lambda: zipped("BTCUSDT-1m-2025-01-01.csv", klines(1000)),
     "binance-klines", "bars", 5, {}),
    ("BTCUSDT-trades-2024-01-01.csv", lambda: lines(*map(trade, range(1, 5))), "binance-trades",
     "trades", 4, {}),
    ("any.csv",
     lambda: lines("id,price,qty,quote_qty,time,is_buyer_maker", *map(trade, range(1, 5))),
     "binance-trades", "trades", 4, {}),
    ("BTCUSDT-aggTrades-2024-01.csv",
     lambda: lines(*(f"{n},100.1{n},0.5,{n},{n},{MS + n},True,True" for n in range(1, 4))),
     "binance-aggtrades", "trades", 3, {}),
    ("BTCUSDT-bookTicker-2024-01.csv",
     lambda: lines("update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
                   "transaction_time,event_time",
                   *(f"{n},100.01,{n},100.02,2,{MS + n},{MS + n + 3}" for n in range(1, 4))),
     "binance-bookticker", "quotes", 3, {}),
    ("BTCUSDT-fundingRate-2024-01.csv",
     lambda: lines("calc_time,funding_interval_hours,last_funding_rate",
                   f"{MS},8,0.00010000", f"{MS + 28_800_003},8,-0.00037500"),
     "binance-funding", "funding", 2, {}),
    ("depth.csv",
     lambda: lines("symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu",
                   f"BTCUSDT,{MS},5,5,b,snap,100.00,1,-1", f"BTCUSDT,{MS},5,5,a,snap,100.01,2,-1",
                   f"BTCUSDT,{MS + 9},6,8,b,set,100.00,0,5",
                   f"BTCUSDT,{MS + 99},9,9,a,set,101,1,8"),
     "binance-depth", "book", 5, {}),
    *(
        (f"{product}.csv.gz", (lambda product=product: gzip.compress(tardis(product), mtime=0)),
         "tardis", kind, rows, {"interval": "8h"} if kind == "funding" else {})
        for product, kind, rows in (
            ("trades", "trades", 4), ("quotes", "quotes", 2), ("incremental_book_L2", "book", 6),
            ("book_snapshot_2", "book", 9), ("derivative_ticker", "funding", 2),
        )
    ),
    ("BTC_USDT-1m.feather", lambda: parquet(freqtrade_candles(), as_feather=True), "freqtrade",
     "bars", 4, {}),
    ("BTC_USDT_USDT-1m-mark.parquet", lambda: parquet(freqtrade_candles()), "freqtrade", "mark", 4,
     {}),
    ("BTC_USDT-1m.json", freqtrade_json, "freqtrade", "bars", 4, {}),
    ("BTC_USDT-1m.json.gz",
     lambda: gzip.compress(freqtrade_json(columns="lhoc", newest_first=True), mtime=0),
     "freqtrade", "bars", 4, {}),
    ("BTC_USDT-trades.json.gz",
     lambda: gzip.compress(json.dumps(
         [[MS + n, str(n), None, "buy", 100.5, 0.25, 25.1] for n in range(1, 4)]).encode()),
     "freqtrade", "trades", 3, {}),
    ("BTC_USDT_USDT-8h-funding_rate.feather",
     lambda: parquet({**freqtrade_candles(), "open": [0.0001, 0.0002, -0.0001, 0.0001]},
                     as_feather=True), "freqtrade", "funding", 4, {}),
    (LEAN, lambda: zipped("20240102_spy_minute_trade.csv",
                          lines("34200000,4725000,4726000,4724000,4725500,900",
                                "34260000,4725500,4726000,4724000,4725500,700")),
     "lean", "bars", 2, {"zone": "America/New_York"}),
    ("lean/equity/usa/tick/spy/20240102_quote.zip",
     lambda: zipped("20240102_spy_tick_quote.csv",
                    lines("34200001,4725000,5,0,0,P,1,0", "34200002,0,0,4725100,7,Q,1,0")),
     "lean", "quotes", 2, {"zone": "America/New_York"}),
    ("lean/forex/oanda/daily/eurusd.zip",
     lambda: zipped("eurusd.csv", lines("20240102 00:00,1,2,1,1.5,0,1.1,2.1,1.1,1.6,0",
                                        "20240103 00:00,1,2,1,1.5,0,1.1,2.1,1.1,1.6,0")),
     "lean", "quotes", 2, {"zone": "UTC"}),
    ("events.npz", hftbacktest, "hftbacktest", "book", 5, {}),
    ("es.dbn", lambda: dbn(1), "dbn", "quotes", 3, {}),
    ("trades.dbn", lambda: dbn(4), "dbn", "trades", 3, {}),
    ("bars.dbn", lambda: dbn(6), "dbn", "bars", 3, {}),
    *((f"{what}.parquet", (lambda what=what: hyperliquid(what)), "hyperliquid", kind, rows, {})
      for what, kind, rows in (("orderbooks", "book", 15), ("prices", "quotes", 2),
                               ("trades", "trades", 3))),
    ("quotes.parquet", nautilus, "nautilus", "quotes", 2, {}),
    ("BITMEX.ws.1.0.gz", bitmex, "bitmex", "book", 6, {}),
    ("Gemini_BTCUSD_1h.csv",
     lambda: lines("https://www.CryptoDataDownload.com",
                   "date,symbol,open,high,low,close,volume_btc,volume",
                   "2024-01-01 01-PM,BTCUSD,100,101,99,100.5,3,300",
                   "2024-01-01 12-PM,BTCUSD,100,101,99,100.5,3,300",
                   "2024-01-01 11-AM,BTCUSD,100,101,99,100,2,200"),
     "cryptodatadownload", "bars", 3, {}),
    ("own-actions.csv",
     lambda: lines("date,action,value,reference", "2014-06-09,split,7:1,",
                   "2014-08-07,dividend,0.47,94.96"),
     "actions", "actions", 2, {"zone": "America/New_York"}),
    ("lean/equity/usa/factor_files/aapl.csv",
     lambda: lines("20140507,0.8836063,0.0357143,592.33", "20140606,0.8885411,0.0357143,645.57",
                   "20140806,0.8885411,0.25,94.96", "20501231,1,0.25,0"),
     "lean-factors", "actions", 3, {"zone": "America/New_York"}),
    ("lean/equity/usa/shortable/testbroker/symbols/aapl.csv",
     lambda: lines("20131004,1000,,", "20131007,1000,,0.2500", "20131008,900"),
     "lean-shortable", "borrow", 3, {"zone": "America/New_York"}),
    ("usa.txt",
     lambda: lines("#BOF|2021.10.14|01:45:03",
                   "#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|",
                   "A|USD|AGILENT TECHNOLOGIES INC|1715006|XXXXXXXU1016|2.8137|0.2563|>10000000|",
                   "BTC|USDT|GRAYSCALE|9|XXXXXXX10107|NA|12.5|40000|", "#EOF|2"),
     "ib-shortstock", "borrow", 1, {"zone": "America/New_York"}),
    ("lent.csv",
     lambda: lines("date,rate,available,known_time", "2024-01-02,0.0025,1000,2024-01-03",
                   "2024-01-03,-0.01,,2024-01-03", "2024-01-04,,0,2024-01-04"),
     "table", "borrow", 3, {}),
    ("own.csv", lambda: lines("time,price,quantity", "2024-01-01 00:00:01,100.25,1"), "table",
     "trades", 1, {}),
    ("own.jsonl", lambda: lines('{"time":1704067200.25,"bid":100.5,"ask":100.75}',
                                '{"time":1704067201,"bid":100.5,"ask":101}'), "table", "quotes", 2,
     {}),
]  # fmt: skip

SAMPLES = {
    f"{form}: {name}": Sample(name, content, form, kind, rows, ask)
    for name, content, form, kind, rows, ask in _SPEC
}
