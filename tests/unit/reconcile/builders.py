"""Builds rungs, fills and statements that show only what a test is about."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tieout.model.events import (
    Fill,
    FundingCharged,
    Liquidity,
    OrderAccepted,
    OrderDenied,
    RunEnded,
    RunStarted,
)
from tieout.model.identity import client_order_id
from tieout.model.instruments import Instrument
from tieout.model.money import money, money_decimal
from tieout.model.orders import OrderType, PlaceOrder, Side, TimeInForce
from tieout.model.profiles import profile
from tieout.model.statement import (
    Statement,
    StatementPosition,
    StatementRow,
    StatementTrade,
)
from tieout.reconcile import Reconciliation, RungRecord, attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_378_080_000 * SECOND
END = T0 + 24 * HOUR
RUN = "live-1"
BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
INSTRUMENTS = {
    BTC: Instrument(
        symbol=BTC, venue_symbol="BTCUSDT", tick_size=Decimal("0.1"), lot_size=Decimal("0.001")
    ),
    # One tick of one lot is worth 10⁻¹⁰, so a microtick is finer than the money inside.
    ETH: Instrument(
        symbol=ETH, venue_symbol="ETHUSDT", tick_size=Decimal("0.01"), lot_size=Decimal("1e-8")
    ),
}
# A hundred, and ten, of the quote currency a contract; the coin is called as the other's currency.
INVERSE = {
    BTC: Instrument(
        symbol=BTC,
        venue_symbol="BTCUSD_PERP",
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
        multiplier=Decimal(100),
        inverse=True,
    ),
    ETH: Instrument(
        symbol=ETH,
        venue_symbol="ETHUSD_PERP",
        tick_size=Decimal("0.01"),
        lot_size=Decimal(1),
        multiplier=Decimal(10),
        inverse=True,
    ),
}
UNIT = INSTRUMENTS[BTC].tick_value
START_MARKS = {BTC: 100_000, ETH: 20_000}
END_MARKS = {BTC: 101_000, ETH: 21_000}


def decision(number: int) -> str:
    return f"{number:024x}"


def an_order(number: int = 1, **changes: Any) -> PlaceOrder:
    facts: dict[str, Any] = {
        "decision_id": decision(number),
        "instrument": BTC,
        "side": int(Side.BUY),
        "order_type": int(OrderType.MARKET),
        "lots": 10,
        "limit_ticks": None,
        "stop_ticks": None,
        "time_in_force": int(TimeInForce.GOOD_TILL_CANCEL),
        "decided_at_ns": T0 + number * MINUTE,
        "decision_price_ticks": 100_000,
        "origin": f"bar:1m:{BTC}:{number}:0",
    }
    return PlaceOrder(**(facts | changes))


def a_fill(number: int = 1, **changes: Any) -> Fill:
    lots = changes.get("lots", 10)
    facts: dict[str, Any] = {
        "decision_id": decision(number),
        "trade_id": f"{number}-{changes.get('lots', 10)}-{changes.get('price_ticks', 100_010)}",
        "instrument": BTC,
        "side": int(Side.BUY),
        "lots": lots,
        "price_ticks": 100_010,
        "fee": 0,
        "fee_currency": "USDT",
        "liquidity": int(Liquidity.TAKER),
        "venue_time_ns": T0 + number * MINUTE + SECOND,
        "arrival_time_ns": T0 + number * MINUTE + 2 * SECOND,
    }
    return Fill(**(facts | changes))


def a_charge(amount: str, *, hour: int = 8, **changes: Any) -> FundingCharged:
    facts: dict[str, Any] = {
        "instrument": BTC,
        "charge_id": f"f{hour}",
        "amount": money(amount),
        "rate": "0.0001",
        "position_lots": None,
        "mark_ticks": None,
        "venue_time_ns": T0 + hour * HOUR,
        "arrival_time_ns": T0 + hour * HOUR + SECOND,
    }
    return FundingCharged(**(facts | changes))


def an_acceptance(number: int = 1, *, after_ns: int = SECOND) -> OrderAccepted:
    at = T0 + number * MINUTE + after_ns
    return OrderAccepted(
        decision_id=decision(number),
        venue_order_id=f"v{number}",
        venue_time_ns=at,
        arrival_time_ns=at,
    )


def a_denial(number: int = 1, rule: str = "max_position") -> OrderDenied:
    return OrderDenied(
        decision_id=decision(number),
        instrument=BTC,
        rule=rule,
        detail="BTC: 12 lots are over the limit of 10; lower the target",
        decided_at_ns=T0 + number * MINUTE,
        origin="bar",
    )


def a_rung(*records: object, name: str = "rung", **start: Any) -> RungRecord:
    """Return a rung that starts with 10,000 and these records in between."""
    facts: dict[str, Any] = {
        "arrival_time_ns": T0,
        "cash": money("10000"),
        "marks": tuple(START_MARKS.items()),
    }
    return RungRecord.from_records(
        name,
        [
            ("input", each)
            for each in (
                RunStarted(**(facts | start)),
                *records,
                RunEnded(arrival_time_ns=END, reason="end", marks=tuple(END_MARKS.items())),
            )
        ],
    )


def a_trade_of(fill: Fill, **changes: Any) -> StatementTrade:
    facts: dict[str, Any] = {
        "trade_id": fill.trade_id,
        "client_order_id": client_order_id(RUN, fill.decision_id),
        "venue_order_id": "v",
        "instrument": fill.instrument,
        "side": fill.side,
        "lots": fill.lots,
        "price_ticks": fill.price_ticks,
        "commission": money_decimal(fill.fee),
        "commission_currency": fill.fee_currency,
        "time_ns": fill.venue_time_ns,
    }
    return StatementTrade(**(facts | changes))


def a_statement(
    live: RungRecord,
    *,
    trades: Sequence[StatementTrade] | None = None,
    extra_rows: Iterable[StatementRow] = (),
    hidden: str = "0",
    instruments: Mapping[str, Instrument] = INSTRUMENTS,
) -> Statement:
    """Return the statement of an honest venue that saw these trades, its books kept here.

    Realised profit is taken by average cost in whole money units, so it is a second set of books.
    """
    if trades is None:
        trades = [a_trade_of(fill) for fill in live.fills]
    held = {symbol: list(live.start_positions.get(symbol, (0, 0))) for symbol in instruments}
    start = tuple(
        _position(instruments[symbol], lots, cost, live.start_marks)
        for symbol, (lots, cost) in held.items()
    )
    rows = []
    for number, trade in enumerate(trades):
        realised = _book(held[trade.instrument], trade, instruments[trade.instrument])
        for kind, amount in (("realised", realised), ("commission", -money(trade.commission))):
            if amount:
                rows.append(
                    a_row(
                        f"{kind}{number}",
                        kind,
                        money_decimal(amount),
                        instrument=trade.instrument,
                        trade_id=trade.trade_id,
                    )
                )
    rows += [
        a_row(
            each.charge_id,
            "funding",
            money_decimal(each.amount),
            instrument=each.instrument,
            time_ns=each.venue_time_ns + 3_000_000,
        )
        for each in live.funding
    ]
    rows += extra_rows
    balance = live.cash + sum(money(row.amount) for row in rows) + money(hidden)
    return Statement(
        currency=next(each.currency for each in instruments.values()),
        start_time_ns=T0,
        end_time_ns=END,
        start_balance=money_decimal(live.cash),
        end_balance=money_decimal(balance),
        start_positions=start,
        end_positions=tuple(
            _position(instruments[symbol], lots, cost, live.end_marks)
            for symbol, (lots, cost) in held.items()
        ),
        rows=tuple(rows),
        trades=tuple(trades),
    )


def a_row(
    row_id: str,
    kind: str,
    amount: Decimal | str,
    *,
    instrument: str = "",
    trade_id: str = "",
    time_ns: int = T0,
) -> StatementRow:
    return StatementRow(
        row_id=row_id,
        kind=kind,
        amount=Decimal(amount),
        instrument=instrument,
        trade_id=trade_id,
        time_ns=time_ns,
    )


def reconciled(
    *rungs: RungRecord,
    statement: Statement | str | None = "honest",
    profile_name: str = "practice-1",
    instruments: Mapping[str, Instrument] = INSTRUMENTS,
) -> Reconciliation:
    """Reconcile five rungs; fewer are filled up with the last one given."""
    ladder = [*rungs, *[rungs[-1]] * (5 - len(rungs))]
    honest = a_statement(ladder[4], instruments=instruments)
    given = honest if isinstance(statement, str) else statement
    return attribute(
        [replace(each, name=f"rung {number}") for number, each in enumerate(ladder)],
        given,
        run_id=RUN,
        instruments=instruments,
        profile_used=profile("practice-1"),
    )


def _position(instrument: Instrument, lots: int, cost: int, marks: Any) -> StatementPosition:
    mark = marks[instrument.symbol]
    return StatementPosition(
        instrument=instrument.symbol,
        lots=lots,
        unrealised=money_decimal(_value(instrument, lots, mark) - cost),
        mark=instrument.price(mark),
    )


def _value(instrument: Instrument, lots: int, ticks: int) -> int:
    """Return lots·price, or −lots·size/price, by another way than the instrument's own."""
    price = Fraction(ticks) * Fraction(instrument.tick_size)
    size = lots * Fraction(instrument.lot_size) * Fraction(instrument.multiplier) * 10**12
    exact = -size / price if instrument.inverse else size * price
    return (1 if exact > 0 else -1) * int(abs(exact) + Fraction(1, 2))


def _book(held: list[int], trade: StatementTrade, instrument: Instrument) -> int:
    lots, cost = held
    signed = trade.side * trade.lots
    closing = min(abs(signed), abs(lots)) if lots * signed < 0 else 0
    released = cost * closing // abs(lots) if closing else 0
    closed = _value(instrument, trade.side * closing, trade.price_ticks)
    held[0] = lots + signed
    held[1] = cost - released + _value(instrument, signed, trade.price_ticks) - closed
    return -closed - released
