"""What a file's name says of its provider, symbol and interval; nothing more is believed of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["VENUES", "Named", "named"]

MINUTE: Final = 60_000_000_000

VENUES: Final = (
    *("alpaca", "ascendex", "binance", "binanceus", "bitfinex", "bitflyer", "bitget", "bitmart"),
    *("bitmex", "bitstamp", "bittrex", "bybit", "coinbase", "cryptocom", "deribit", "dydx"),
    *("ftx", "gate", "gateio", "gemini", "hitbtc", "htx", "huobi", "hyperliquid", "kraken"),
    *("kucoin", "mexc", "okex", "okx", "oanda", "poloniex", "upbit"),
)
_UNITS: Final = {
    "s": MINUTE // 60,
    "m": MINUTE,
    "min": MINUTE,
    "h": 60 * MINUTE,
    "d": 1440 * MINUTE,
}
_INTERVAL: Final = re.compile(r"(?<![a-z0-9])(\d{1,3})(s|min|m|h|d)(?![a-z0-9])")
_CODE: Final = re.compile(
    r"(?<![A-Za-z])([A-Z0-9]{2,10})[_/-]?(USDT|USDC|BUSD|USD|EUR|BTC|ETH)(?![A-Z])"
)
_EXPIRING: Final = re.compile(r"^[A-Z0-9]{2,10}_(\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))-")
"""Binance's name of a contract that expires: BTCUSD_240329."""
_FUTURES: Final = {"future", "futures", "perp", "perpetual", "swap", "usdm", "coinm", "um", "cm"}
_NO_SYMBOL: Final = {
    *VENUES,
    *_FUTURES,
    "spot",
    "mark",
    "index",
    "funding",
    "rate",
    "trades",
    "history",
}


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a name says.

    Attributes:
        provider: A venue's name in small letters, or None.
        symbol: Base and quote, such as `BTC/USD`, or None.
        interval_ns: Of bars, or None.
        is_future: Whether these are futures or perpetuals.
        expiry: The day on which a contract expires, as its name says it; empty: none.
        is_mark: Whether these are mark or index prices, which have no volume.
        is_funding: Whether these are funding rates.
    """

    provider: str | None = None
    symbol: str | None = None
    interval_ns: int | None = None
    is_future: bool = False
    is_mark: bool = False
    is_funding: bool = False
    expiry: str = ""

    @property
    def market(self) -> str | None:
        """The symbol, and whether futures of it are meant; marks are not traded at all."""
        if self.symbol is None or self.is_mark:
            return None
        if self.expiry:
            # Another contract than the perpetual, at another price.
            return f"{self.symbol} futures of {self.expiry}"
        return f"{self.symbol} futures" if self.is_future else self.symbol


def named(path: Path) -> Named:
    """Read a file's name; a provider may also be the folder's name."""
    stem = path.name.split(".")[0]
    words = re.split(r"[^a-z0-9]+", stem.lower())
    provider = next((each for each in words if each in VENUES), None)
    if provider is None:
        folder = re.split(r"[^a-z0-9]+", path.parent.name.lower())
        known = [each for each in folder if each in VENUES]
        provider = known[0] if len(known) == 1 else None
    interval = _INTERVAL.search(stem.lower())
    code = _CODE.search("_".join(each for each in words if each not in _NO_SYMBOL).upper())
    futures = _FUTURES & set(words)
    expiring = _EXPIRING.match(stem)
    return Named(
        provider=provider,
        symbol=None if code is None else f"{code[1]}/{code[2]}",
        is_future=bool(futures or expiring),
        expiry="" if expiring is None else expiring[1],
        interval_ns=None if interval is None else int(interval[1]) * _UNITS[interval[2]],
        is_mark=bool({"mark", "index", "premium"} & set(words)),
        is_funding="funding" in words,
    )
