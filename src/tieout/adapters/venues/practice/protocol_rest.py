"""The REST side: who may ask, what each path answers, and what it weighs.

Queries are answered from the engine's state as of now. Requests on orders go through the engine
and are answered when it releases them; the server does that part.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import numpy as np

from tieout.adapters.venues.practice.feeds import next_funding_ns
from tieout.adapters.venues.practice.orders import (
    Refusal,
    find_instrument,
    require,
    required_cancellation,
    whole_number,
)
from tieout.adapters.venues.practice.wire import (
    algo_answer,
    book_levels,
    entry_price,
    fill_row,
    income_row,
    kline_row,
    mark_kline_row,
    milliseconds,
    money_text,
    order_answer,
    plain,
    price_text,
    quantity_text,
)
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tieout.adapters.venues.practice.engine import Engine
    from tieout.adapters.venues.practice.orders import OrderRecord
    from tieout.adapters.venues.practice.tape import Kline, Klines, Tape
    from tieout.model.instruments import Instrument

__all__ = ["PATHS", "Path", "Queries", "WeightMeter", "check_key", "required_access"]

_MINUTE_NS: Final = 60_000_000_000
_WINDOW_MS: Final = 5000
_WINDOW_MS_MAX: Final = 60_000
_AHEAD_MS: Final = 1000
_FAR_PRICE: Final = 10**9
_DEPTH_LIMITS: Final = frozenset({5, 10, 20, 50, 100, 500, 1000})


def required_access(
    *, key: str | None, sent: str, venue_ms: int, api_key: str, api_secret: str
) -> dict[str, str]:
    """Check key, signature and timestamp of a signed request; return its parameters.

    Args:
        key: The header X-MBX-APIKEY.
        sent: Query text and form text joined, as they came.
        venue_ms: The venue's time.
        api_key: The right key.
        api_secret: What the signature is made with.

    Raises:
        Refusal: As the real venue refuses it.
    """
    check_key(key, api_key)
    signed, _, signature = sent.partition("&signature=")
    parameters = dict(parse_qsl(signed, keep_blank_values=True))
    timestamp = whole_number({"timestamp": require(parameters, "timestamp")}, "timestamp")
    assert timestamp is not None, sent
    window = whole_number(parameters, "recvWindow")
    window = _WINDOW_MS if window is None else min(window, _WINDOW_MS_MAX)
    if not signature:
        raise Refusal(
            -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
        )
    if timestamp >= venue_ms + _AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if venue_ms - timestamp > window:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
    right = hmac.new(api_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), signature.encode()):
        raise Refusal(-1022, "Signature for this request is not valid.")
    return parameters


def check_key(key: str | None, api_key: str) -> None:
    """Check the key header alone.

    Raises:
        Refusal: It is missing or wrong.
    """
    if not key:
        raise Refusal(-2014, "API-key format invalid.", http_status=401)
    if not hmac.compare_digest(key.encode(), api_key.encode()):
        raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", http_status=401)


@dataclass(slots=True)
class WeightMeter:
    """Request weight used in the running minute of virtual time."""

    limit: int
    minute: int = 0
    used: int = 0

    def add(self, weight: int, now_ns: int) -> bool:
        """Count a request; False when the minute's weight is used up."""
        minute = now_ns // _MINUTE_NS
        if minute != self.minute:
            self.minute, self.used = minute, 0
        self.used += weight
        return not self.limit or self.used <= self.limit


@dataclass(frozen=True, slots=True)
class Path:
    """One query: whether it must be signed, what it weighs, and what answers it."""

    weight: int
    answer: Callable[[Queries, Mapping[str, str]], object]
    signed: bool


@dataclass(slots=True)
class Queries:
    """Answers queries from the engine's state as of now."""

    engine: Engine
    margin_types: dict[str, str] = field(default_factory=dict)

    # Market.

    def ping(self, _: Mapping[str, str]) -> object:
        """Answer that the venue is there."""
        return {}

    def time(self, _: Mapping[str, str]) -> object:
        """Return the venue's time."""
        return {"serverTime": self._now_ms}

    def exchange_info(self, _: Mapping[str, str]) -> object:
        """Return the rules of every instrument."""
        limits = [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": self.engine.config.weight_per_minute,
            }
        ]
        return {
            "timezone": "UTC",
            "serverTime": self._now_ms,
            "rateLimits": limits,
            "exchangeFilters": [],
            "assets": [{"asset": self.engine.config.currency, "marginAvailable": True}],
            "symbols": [_market_entry(each) for each in self.engine.config.instruments],
        }

    def klines(self, parameters: Mapping[str, str]) -> object:
        """Return candles; the last may still be running, as at the real venue."""
        tape = self._tape(parameters)
        length_ns = _length(parameters, tape)
        running = tape.running_kline(length_ns, self.engine.now_ns)
        chosen = self._candles(parameters, tape.klines(length_ns), running)
        return [kline_row(tape.instrument, candle) for candle in chosen]

    def mark_klines(self, parameters: Mapping[str, str]) -> object:
        """Return candles of the mark price, one for every interval; without volume or trades."""
        tape = self._tape(parameters)
        length_ns = _length(parameters, tape)
        running = tape.running_mark_kline(length_ns, self.engine.now_ns)
        chosen = self._candles(parameters, tape.mark_klines(length_ns), running)
        return [mark_kline_row(tape.instrument, candle) for candle in chosen]

    def _candles(
        self, parameters: Mapping[str, str], candles: Klines, running: Kline | None
    ) -> list[Kline]:
        limit = _limit(parameters, default=500, most=1500)
        closed = int(np.searchsorted(candles.close_ns, self.engine.now_ns, side="right"))
        start_ns, end_ns = _span(parameters)
        first = int(np.searchsorted(candles.open_ns[:closed], start_ns, side="left"))
        stop = int(np.searchsorted(candles.open_ns[:closed], end_ns, side="right"))
        # With a start the venue counts from it, without one from the end.
        if "startTime" in parameters:
            stop = min(stop, first + limit)
        else:
            first = max(first, stop - limit)
        chosen = [candles.row(row) for row in range(first, stop)]
        if running is not None and start_ns <= running.open_ns <= end_ns:
            chosen.append(running)
        return chosen[:limit] if "startTime" in parameters else chosen[-limit:]

    def aggregate_trades(self, parameters: Mapping[str, str]) -> object:
        """Return prints; each is its own aggregate."""
        tape = self._tape(parameters)
        if tape.bars is not None:
            return []
        limit = _limit(parameters, default=500, most=1000)
        stop = tape.last_row(self.engine.now_ns) + 1
        start_ns, end_ns = _span(parameters)
        from_id = whole_number(parameters, "fromId")
        if from_id is not None:
            first = int(np.searchsorted(tape.trade_ids[:stop], from_id, side="left"))
        else:
            first = tape.first_after(start_ns - 1)
            stop = min(stop, tape.first_after(end_ns))
        if from_id is None and "startTime" not in parameters:
            first = max(stop - limit, 0)
        return [_trade_row(tape, row) for row in range(first, min(first + limit, stop))]

    def depth(self, parameters: Mapping[str, str]) -> object:
        """Return the synthetic book: one level on each side of the last price."""
        tape = self._tape(parameters)
        limit = whole_number(parameters, "limit")
        if limit is not None and limit not in _DEPTH_LIMITS:
            raise Refusal(-4021, f"{limit} is not valid depth limit.")
        row = tape.last_row(self.engine.now_ns)
        bids: list[tuple[str, str]] = []
        asks: list[tuple[str, str]] = []
        if row >= 0:
            bid, ask = book_levels(tape.instrument, int(tape.prices[row]), int(tape.lots[row]))
            bids, asks = [bid], [ask]
        return {
            "lastUpdateId": row + 1,
            "E": self._now_ms,
            "T": self._now_ms,
            "bids": bids,
            "asks": asks,
        }

    def premium_index(self, parameters: Mapping[str, str]) -> object:
        """Return mark price, funding rate and next funding time."""
        if "symbol" in parameters:
            return self._premium(find_instrument(parameters, self.engine.instruments))
        return [self._premium(each) for each in self.engine.config.instruments]

    def funding_rates(self, parameters: Mapping[str, str]) -> object:
        """Return past funding times with their rate."""
        config = self.engine.config
        tape = self._tape(parameters)
        start_ns, end_ns = _span(parameters)
        limit = _limit(parameters, default=100, most=1000)
        first_ns = int(tape.times_ns[0]) if len(tape) else self.engine.now_ns
        rows: list[object] = []
        time_ns = next_funding_ns(config, max(start_ns, first_ns) - 1)
        while time_ns <= min(end_ns, self.engine.now_ns):
            mark = tape.mark_before(time_ns)
            if mark is not None:
                rows.append(
                    {
                        "symbol": tape.instrument.venue_symbol,
                        "fundingTime": milliseconds(time_ns),
                        "fundingRate": plain(config.funding_rate),
                        "markPrice": price_text(tape.instrument, mark),
                    }
                )
            time_ns += config.funding_interval_ns
        return rows[:limit] if "startTime" in parameters else rows[-limit:]

    def book_ticker(self, parameters: Mapping[str, str]) -> object:
        """Return the synthetic best bid and ask."""
        tape = self._tape(parameters)
        row = tape.last_row(self.engine.now_ns)
        if row < 0:
            raise Refusal(-1121, "Invalid symbol.")
        bid, ask = book_levels(tape.instrument, int(tape.prices[row]), int(tape.lots[row]))
        return {
            "symbol": tape.instrument.venue_symbol,
            "bidPrice": bid[0],
            "bidQty": bid[1],
            "askPrice": ask[0],
            "askQty": ask[1],
            "time": self._now_ms,
        }

    # Orders and fills.

    def order(self, parameters: Mapping[str, str]) -> object:
        """Return one order."""
        return order_answer(self._one(parameters, conditional=False))

    def algo_order(self, parameters: Mapping[str, str]) -> object:
        """Return one conditional order."""
        return algo_answer(self._one(parameters, conditional=True))

    def open_order(self, parameters: Mapping[str, str]) -> object:
        """Return one order that is still open."""
        record = self._one(parameters, conditional=False)
        if not record.is_open:
            raise Refusal(-2013, "Order does not exist.")
        return order_answer(record)

    def open_orders(self, parameters: Mapping[str, str]) -> object:
        """Return orders that are open in the matching engine."""
        chosen = self._of_instrument(self.engine.open_records, parameters)
        return [order_answer(record) for record in chosen if not record.is_waiting]

    def open_algo_orders(self, parameters: Mapping[str, str]) -> object:
        """Return conditional orders that wait for their trigger."""
        chosen = self._of_instrument(self.engine.open_records, parameters)
        return [algo_answer(record) for record in chosen if record.is_waiting]

    def all_orders(self, parameters: Mapping[str, str]) -> object:
        """Return orders since the start, in any state."""
        find_instrument(parameters, self.engine.instruments)
        start_ns, end_ns = _span(parameters)
        from_id = whole_number(parameters, "orderId") or 0
        rows = [
            order_answer(record)
            for record in self._of_instrument(self.engine.records, parameters)
            if record.order_id is not None
            and record.order_id >= from_id
            and start_ns <= record.created_ns <= end_ns
        ]
        return _cut_to_limit(rows, parameters, default=500)

    def all_algo_orders(self, parameters: Mapping[str, str]) -> object:
        """Return conditional orders since the start, in any state."""
        find_instrument(parameters, self.engine.instruments)
        start_ns, end_ns = _span(parameters)
        rows = [
            algo_answer(record)
            for record in self._of_instrument(self.engine.records, parameters)
            if record.algo_id is not None and start_ns <= record.created_ns <= end_ns
        ]
        return _cut_to_limit(rows, parameters, default=500)

    def user_trades(self, parameters: Mapping[str, str]) -> object:
        """Return fills."""
        instrument = find_instrument(parameters, self.engine.instruments)
        start_ns, end_ns = _span(parameters)
        from_id = whole_number(parameters, "fromId") or 0
        order_id = whole_number(parameters, "orderId")
        rows = [
            fill_row(fill)
            for fill in self.engine.fills
            if fill.record.instrument == instrument
            and fill.fill_id >= from_id
            and order_id in {None, fill.record.order_id}
            and start_ns <= fill.venue_time_ns <= end_ns
        ]
        return _cut_to_limit(rows, parameters, default=500, from_start="fromId" in parameters)

    # The account.

    def income(self, parameters: Mapping[str, str]) -> object:
        """Return what changed the wallet."""
        start_ns, end_ns = _span(parameters)
        kind = parameters.get("incomeType")
        symbol = parameters.get("symbol")
        rows = [
            income_row(row, self.engine.config.currency)
            for row in self.engine.account.income
            if kind in {None, row.kind}
            and symbol in {None, row.symbol}
            and start_ns <= row.time_ns <= end_ns
        ]
        limit = _limit(parameters, default=100, most=1000)
        page = whole_number(parameters, "page")
        if page is not None:
            return rows[(max(page, 1) - 1) * limit : max(page, 1) * limit]
        return _cut_to_limit(rows, parameters, default=100)

    def commission_rate(self, parameters: Mapping[str, str]) -> object:
        """Return the commission rates, before any scripted fault."""
        instrument = find_instrument(parameters, self.engine.instruments)
        return {
            "symbol": instrument.venue_symbol,
            "makerCommissionRate": plain(self.engine.config.maker_fee_rate),
            "takerCommissionRate": plain(self.engine.config.taker_fee_rate),
        }

    def balance(self, _: Mapping[str, str]) -> object:
        """Return the balance of the one currency."""
        asset = self._asset()
        return [
            {
                "accountAlias": "practice",
                "asset": asset["asset"],
                "balance": asset["walletBalance"],
                "crossWalletBalance": asset["walletBalance"],
                "crossUnPnl": asset["unrealizedProfit"],
                "availableBalance": asset["availableBalance"],
                "maxWithdrawAmount": asset["availableBalance"],
                "marginAvailable": True,
                "updateTime": self._now_ms,
            }
        ]

    def account(self, _: Mapping[str, str]) -> object:
        """Return the account with its asset and positions."""
        asset = self._asset()
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "multiAssetsMargin": False,
            "updateTime": self._now_ms,
            "totalInitialMargin": asset["initialMargin"],
            "totalMaintMargin": asset["maintMargin"],
            "totalWalletBalance": asset["walletBalance"],
            "totalUnrealizedProfit": asset["unrealizedProfit"],
            "totalMarginBalance": asset["marginBalance"],
            "totalPositionInitialMargin": asset["positionInitialMargin"],
            "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
            "totalCrossWalletBalance": asset["walletBalance"],
            "totalCrossUnPnl": asset["unrealizedProfit"],
            "availableBalance": asset["availableBalance"],
            "maxWithdrawAmount": asset["availableBalance"],
            "assets": [asset],
            "positions": [self._account_position(each) for each in self._held()],
        }

    def position_risk(self, parameters: Mapping[str, str]) -> object:
        """Return open positions; a named symbol is shown even when flat."""
        if "symbol" in parameters:
            return [self._risk(find_instrument(parameters, self.engine.instruments))]
        return [self._risk(each) for each in self._held()]

    def leverage_brackets(self, parameters: Mapping[str, str]) -> object:
        """Return one bracket per instrument."""
        instruments: Sequence[Instrument] = self.engine.config.instruments
        if "symbol" in parameters:
            instruments = (find_instrument(parameters, self.engine.instruments),)
        return [_bracket(each) for each in instruments]

    def set_leverage(self, parameters: Mapping[str, str]) -> object:
        """Change the initial leverage of an instrument."""
        instrument = find_instrument(parameters, self.engine.instruments)
        leverage = whole_number({"leverage": require(parameters, "leverage")}, "leverage")
        if leverage is None or not 1 <= leverage <= 125:
            raise Refusal(-4028, f"Leverage {leverage} is not valid")
        self.engine.leverage[instrument.symbol] = leverage
        return {
            "leverage": leverage,
            "maxNotionalValue": str(_FAR_PRICE),
            "symbol": instrument.venue_symbol,
        }

    def set_margin_type(self, parameters: Mapping[str, str]) -> object:
        """Refuse anything but the cross margin that is in force."""
        find_instrument(parameters, self.engine.instruments)
        if require(parameters, "marginType") in {"CROSSED", "CROSS"}:
            raise Refusal(-4046, "No need to change margin type.")
        raise Refusal(-4048, "Margin type cannot be changed: the practice venue has cross only.")

    def position_mode(self, _: Mapping[str, str]) -> object:
        """Return that positions are one-way."""
        return {"dualSidePosition": False}

    def set_position_mode(self, parameters: Mapping[str, str]) -> object:
        """Refuse anything but the one-way mode that is in force."""
        if require(parameters, "dualSidePosition").lower() == "false":
            raise Refusal(-4059, "No need to change position side.")
        raise Refusal(-4068, "Position side cannot be changed: the practice venue is one-way.")

    def multi_assets(self, _: Mapping[str, str]) -> object:
        """Return that one asset is the margin."""
        return {"multiAssetsMargin": False}

    def set_multi_assets(self, parameters: Mapping[str, str]) -> object:
        """Refuse anything but the single-asset mode that is in force."""
        if require(parameters, "multiAssetsMargin").lower() == "false":
            raise Refusal(-4171, "No need to change multi-assets mode.")
        raise Refusal(-4168, "Unable to adjust to multi-assets mode: the practice venue has one.")

    def symbol_config(self, parameters: Mapping[str, str]) -> object:
        """Return leverage and margin mode of instruments."""
        instruments: Sequence[Instrument] = self.engine.config.instruments
        if "symbol" in parameters:
            instruments = (find_instrument(parameters, self.engine.instruments),)
        return [
            {
                "symbol": each.venue_symbol,
                "marginType": "CROSSED",
                "isAutoAddMargin": False,
                "leverage": self.engine.leverage[each.symbol],
                "maxNotionalValue": str(_FAR_PRICE),
            }
            for each in instruments
        ]

    # Parts.

    @property
    def _now_ms(self) -> int:
        return milliseconds(self.engine.now_ns)

    def _tape(self, parameters: Mapping[str, str]) -> Tape:
        return self.engine.tapes[find_instrument(parameters, self.engine.instruments).symbol]

    def _one(self, parameters: Mapping[str, str], *, conditional: bool) -> OrderRecord:
        wanted = required_cancellation(parameters, self.engine.instruments, conditional=conditional)
        record = self.engine.find(wanted)
        if record is None:
            raise Refusal(-2013, "Order does not exist.")
        return record

    def _of_instrument(
        self, records: Sequence[OrderRecord], parameters: Mapping[str, str]
    ) -> Sequence[OrderRecord]:
        if "symbol" not in parameters:
            return records
        instrument = find_instrument(parameters, self.engine.instruments)
        return [record for record in records if record.instrument == instrument]

    def _premium(self, instrument: Instrument) -> dict[str, object]:
        ticks = self.engine.tapes[instrument.symbol].price_at(self.engine.now_ns)
        price = "0" if ticks is None else price_text(instrument, ticks)
        config = self.engine.config
        return {
            "symbol": instrument.venue_symbol,
            "markPrice": price,
            "indexPrice": price,
            "estimatedSettlePrice": price,
            "lastFundingRate": plain(config.funding_rate),
            "interestRate": "0",
            "nextFundingTime": milliseconds(next_funding_ns(config, self.engine.now_ns)),
            "time": self._now_ms,
        }

    def _held(self) -> list[Instrument]:
        account = self.engine.account
        return [
            each for each in self.engine.config.instruments if account.position(each.symbol).lots
        ]

    def _asset(self) -> dict[str, object]:
        engine = self.engine
        instruments = engine.config.instruments
        wallet = engine.account.wallet
        unrealised = sum(engine.unrealised(each) for each in instruments)
        held = sum(engine.position_margin(each) for each in instruments)
        ordered = sum(engine.order_margin(each) for each in instruments)
        available = max(wallet + unrealised - held - ordered, 0)
        return {
            "asset": engine.config.currency,
            "walletBalance": money_text(wallet),
            "unrealizedProfit": money_text(unrealised),
            "marginBalance": money_text(wallet + unrealised),
            "maintMargin": "0.00000000",
            "initialMargin": money_text(held + ordered),
            "positionInitialMargin": money_text(held),
            "openOrderInitialMargin": money_text(ordered),
            "crossWalletBalance": money_text(wallet),
            "crossUnPnl": money_text(unrealised),
            "availableBalance": money_text(available),
            "maxWithdrawAmount": money_text(available),
            "marginAvailable": True,
            # ccxt skips an asset whose update time is 0.
            "updateTime": self._now_ms,
        }

    def _account_position(self, instrument: Instrument) -> dict[str, object]:
        risk = self._risk(instrument)
        return {
            "symbol": instrument.venue_symbol,
            "positionSide": "BOTH",
            "positionAmt": risk["positionAmt"],
            "entryPrice": risk["entryPrice"],
            "unrealizedProfit": risk["unRealizedProfit"],
            "isolated": False,
            "isolatedMargin": "0",
            "isolatedWallet": "0",
            "notional": risk["notional"],
            "initialMargin": risk["initialMargin"],
            "positionInitialMargin": risk["positionInitialMargin"],
            "openOrderInitialMargin": risk["openOrderInitialMargin"],
            "maintMargin": "0",
            "leverage": str(self.engine.leverage[instrument.symbol]),
            "updateTime": risk["updateTime"],
        }

    def _risk(self, instrument: Instrument) -> dict[str, object]:
        engine = self.engine
        position = engine.account.position(instrument.symbol)
        mark = engine.tapes[instrument.symbol].price_at(engine.now_ns) or 0
        held = engine.position_margin(instrument)
        ordered = engine.order_margin(instrument)
        entry = entry_price(instrument, position)
        return {
            "symbol": instrument.venue_symbol,
            "positionSide": "BOTH",
            "positionAmt": quantity_text(instrument, position.lots),
            "entryPrice": entry,
            "breakEvenPrice": entry,
            "markPrice": price_text(instrument, mark),
            "unRealizedProfit": money_text(engine.unrealised(instrument)),
            "liquidationPrice": "0",
            "isolatedMargin": "0",
            "notional": money_text(instrument.notional(position.lots, mark)),
            "marginAsset": instrument.currency,
            "isolatedWallet": "0",
            "initialMargin": money_text(held + ordered),
            "maintMargin": "0",
            "positionInitialMargin": money_text(held),
            "openOrderInitialMargin": money_text(ordered),
            "leverage": str(engine.leverage[instrument.symbol]),
            "marginType": "cross",
            "adl": 0,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": milliseconds(position.updated_ns),
        }


PATHS: Final[dict[tuple[str, str], Path]] = {
    ("GET", "/fapi/v1/ping"): Path(1, Queries.ping, signed=False),
    ("GET", "/fapi/v1/time"): Path(1, Queries.time, signed=False),
    ("GET", "/fapi/v1/exchangeInfo"): Path(1, Queries.exchange_info, signed=False),
    ("GET", "/fapi/v1/klines"): Path(5, Queries.klines, signed=False),
    ("GET", "/fapi/v1/markPriceKlines"): Path(5, Queries.mark_klines, signed=False),
    ("GET", "/fapi/v1/aggTrades"): Path(20, Queries.aggregate_trades, signed=False),
    ("GET", "/fapi/v1/depth"): Path(2, Queries.depth, signed=False),
    ("GET", "/fapi/v1/premiumIndex"): Path(1, Queries.premium_index, signed=False),
    ("GET", "/fapi/v1/fundingRate"): Path(1, Queries.funding_rates, signed=False),
    ("GET", "/fapi/v1/ticker/bookTicker"): Path(2, Queries.book_ticker, signed=False),
    ("GET", "/fapi/v1/order"): Path(1, Queries.order, signed=True),
    ("GET", "/fapi/v1/algoOrder"): Path(1, Queries.algo_order, signed=True),
    ("GET", "/fapi/v1/openOrder"): Path(1, Queries.open_order, signed=True),
    ("GET", "/fapi/v1/openOrders"): Path(1, Queries.open_orders, signed=True),
    ("GET", "/fapi/v1/openAlgoOrders"): Path(1, Queries.open_algo_orders, signed=True),
    ("GET", "/fapi/v1/allOrders"): Path(5, Queries.all_orders, signed=True),
    ("GET", "/fapi/v1/allAlgoOrders"): Path(5, Queries.all_algo_orders, signed=True),
    ("GET", "/fapi/v1/userTrades"): Path(5, Queries.user_trades, signed=True),
    ("GET", "/fapi/v1/income"): Path(30, Queries.income, signed=True),
    ("GET", "/fapi/v1/commissionRate"): Path(20, Queries.commission_rate, signed=True),
    ("GET", "/fapi/v1/leverageBracket"): Path(1, Queries.leverage_brackets, signed=True),
    ("GET", "/fapi/v1/symbolConfig"): Path(5, Queries.symbol_config, signed=True),
    ("GET", "/fapi/v1/positionSide/dual"): Path(30, Queries.position_mode, signed=True),
    ("GET", "/fapi/v1/multiAssetsMargin"): Path(30, Queries.multi_assets, signed=True),
    ("POST", "/fapi/v1/leverage"): Path(1, Queries.set_leverage, signed=True),
    ("POST", "/fapi/v1/marginType"): Path(1, Queries.set_margin_type, signed=True),
    ("POST", "/fapi/v1/positionSide/dual"): Path(1, Queries.set_position_mode, signed=True),
    ("POST", "/fapi/v1/multiAssetsMargin"): Path(1, Queries.set_multi_assets, signed=True),
    ("GET", "/fapi/v2/account"): Path(5, Queries.account, signed=True),
    ("GET", "/fapi/v3/account"): Path(5, Queries.account, signed=True),
    ("GET", "/fapi/v2/balance"): Path(5, Queries.balance, signed=True),
    ("GET", "/fapi/v3/balance"): Path(5, Queries.balance, signed=True),
    ("GET", "/fapi/v2/positionRisk"): Path(5, Queries.position_risk, signed=True),
    ("GET", "/fapi/v3/positionRisk"): Path(5, Queries.position_risk, signed=True),
}
"""Every query the venue answers, by method and path."""


def _span(parameters: Mapping[str, str]) -> tuple[int, int]:
    """Return startTime and endTime in nanoseconds, both inclusive to the millisecond."""
    start = whole_number(parameters, "startTime")
    end = whole_number(parameters, "endTime")
    if start is not None and end is not None and end < start:
        raise Refusal(-4023, "endTime must not lie before startTime.")
    start_ns = 0 if start is None else start * 1_000_000
    end_ns = 2**62 if end is None else end * 1_000_000 + 999_999
    return start_ns, end_ns


def _length(parameters: Mapping[str, str], tape: Tape) -> int:
    try:
        length_ns = interval_ns(require(parameters, "interval"))
    except ValueError:
        raise Refusal(-1120, "Invalid interval.") from None
    if not tape.serves(length_ns):
        raise Refusal(-1120, "Invalid interval.")
    return length_ns


def _limit(parameters: Mapping[str, str], *, default: int, most: int) -> int:
    limit = whole_number(parameters, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    return limit


def _cut_to_limit(
    rows: list[dict[str, object]],
    parameters: Mapping[str, str],
    *,
    default: int,
    from_start: bool = False,
) -> list[dict[str, object]]:
    """Return the first rows when a start is given, else the latest."""
    limit = _limit(parameters, default=default, most=1000)
    if from_start or "startTime" in parameters:
        return rows[:limit]
    return rows[-limit:]


def _trade_row(tape: Tape, row: int) -> dict[str, object]:
    trade_id = int(tape.trade_ids[row])
    return {
        "a": trade_id,
        "p": price_text(tape.instrument, int(tape.prices[row])),
        "q": quantity_text(tape.instrument, int(tape.lots[row])),
        "f": trade_id,
        "l": trade_id,
        "T": milliseconds(int(tape.times_ns[row])),
        "m": int(tape.aggressors[row]) < 0,
    }


def _bracket(instrument: Instrument) -> dict[str, object]:
    bracket = {
        "bracket": 1,
        "initialLeverage": 125,
        "notionalCap": _FAR_PRICE,
        "notionalFloor": 0,
        "maintMarginRatio": 0.004,
        "cum": 0.0,
    }
    return {"symbol": instrument.venue_symbol, "brackets": [bracket]}


def _market_entry(instrument: Instrument) -> dict[str, object]:
    base = instrument.symbol.partition("/")[0]
    tick, step = plain(instrument.tick_size), plain(instrument.lot_size)
    least = quantity_text(instrument, instrument.min_lots)
    most = quantity_text(instrument, instrument.max_lots)
    lot_filter = {"minQty": least, "maxQty": most, "stepSize": step}
    return {
        "symbol": instrument.venue_symbol,
        "pair": instrument.venue_symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": instrument.currency,
        "marginAsset": instrument.currency,
        "contractSize": plain(instrument.multiplier),
        "pricePrecision": _decimals(instrument.tick_size),
        "quantityPrecision": _decimals(instrument.lot_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "orderTypes": ["LIMIT", "MARKET", "STOP_MARKET"],
        "timeInForce": ["GTC", "IOC"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": plain(instrument.tick_size * _FAR_PRICE),
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", **lot_filter},
            {"filterType": "MARKET_LOT_SIZE", **lot_filter},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
        ],
    }


def _decimals(step: Decimal) -> int:
    return max(-int(step.normalize().as_tuple().exponent), 0)
