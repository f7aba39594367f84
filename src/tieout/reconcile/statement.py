"""Compares the live journal with the venue's account statement, line by line.

    change of the account = (end balance + end open profit) − (start balance + start open profit)
    live profit           = change of the account − what is named (transfers, foreign orders)
    unexplained           = Σ rows: each a fill, fee, charge or balance that one side has otherwise

Every amount is read from its own lines. What the balance moved by without any line is such an
amount too: the venue's own figures disagree there, and nobody can say why.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tieout.errors import InputError
from tieout.model.identity import decision_id_of
from tieout.model.money import MONEY_UNIT, decimal_text, money, round_half_up
from tieout.reconcile.rows import ACTIONS_PART, VALUE_ROUNDING_PART, Evidence, Named, Row, Step
from tieout.reconcile.valuation import dividends_of, profit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tieout.model.events import Fill
    from tieout.model.statement import (
        Statement,
        StatementPosition,
        StatementRow,
        StatementTrade,
    )
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.valuation import Valuation

__all__ = ["StatementOpening", "open_statement"]

_MINUTE_NS: Final = 60_000_000_000
_LAST_DIGIT: Final = MONEY_UNIT // 10**8

_Key = tuple[str, str]
"""(symbol, trade id): venues count trades within a symbol."""


@dataclass(frozen=True, slots=True)
class StatementOpening:
    """What the statement says, opened.

    Attributes:
        account_change: Change of balance plus open profit, in internal money units.
        live_profit: That change without what is named.
        fees: Commissions the venue took for this run's orders; positive is paid.
        funding: Funding the venue booked; positive is received.
        trades: How many of the statement's trades are this run's, as far as can be told.
        rows: Every difference to the live journal.
        named: What moved the account and is not this run's doing.
        remarks: Lines that carry no money but do not agree, as evidence.
    """

    account_change: int
    live_profit: int
    fees: int
    funding: int
    trades: int
    rows: tuple[Row, ...]
    named: tuple[Named, ...]
    remarks: tuple[Evidence, ...]


def open_statement(
    statement: Statement, live: RungRecord, *, run_id: str, valuation: Valuation
) -> StatementOpening:
    """Compare the statement with the live journal.

    Raises:
        InputError: The statement is in another currency than an instrument, or a commission was
            taken in another currency: that needs a conversion series, and none is given.
    """
    _refuse_other_currencies(statement, live, valuation)
    # The statement's trades are laid side by side with ours as if nothing had ever been split.
    bare = replace(valuation, splits={})
    tables = _Tables(statement, live, run_id, bare)
    rows: list[Row] = list(_action_rows(live, valuation, bare))
    remarks: list[Evidence] = []
    for symbol in sorted(tables.symbols):
        rows += _trade_rows(symbol, tables)
        rows += _funding_rows(symbol, tables)
        rows += _position_rows(symbol, tables)
        rows += _venue_book_rows(symbol, tables)
        remarks += _commission_remarks(symbol, tables)
    rows += _other_rows(tables)
    rows += _balance_rows(statement)
    named = tuple(_named(tables))
    change = (
        money(statement.end_balance)
        + sum(money(each.unrealised) for each in statement.end_positions)
        - money(statement.start_balance)
        - sum(money(each.unrealised) for each in statement.start_positions)
    )
    return StatementOpening(
        account_change=change,
        live_profit=change - sum(each.amount for each in named),
        fees=-sum(
            amount for key, amount in tables.commissions.items() if key not in tables.foreign
        ),
        funding=sum(sum(money(r.amount) for r in each) for each in tables.funding.values()),
        trades=len(tables.trades) - len(tables.foreign),
        rows=tuple(rows),
        named=named,
        remarks=tuple(remarks),
    )


@dataclass(slots=True)
class _Tables:
    """The statement and the journal, keyed so that lines of both can be laid side by side."""

    statement: Statement
    live: RungRecord
    run_id: str
    valuation: Valuation
    symbols: set[str] = field(init=False)
    trades: dict[_Key, StatementTrade] = field(init=False)
    fills: dict[_Key, Fill] = field(init=False)
    foreign: set[_Key] = field(init=False)
    commissions: dict[_Key, int] = field(init=False)
    realised: dict[str, list[StatementRow]] = field(init=False)
    funding: dict[tuple[str, int], list[StatementRow]] = field(init=False)
    others: list[StatementRow] = field(init=False)
    unlisted: list[StatementRow] = field(init=False)
    orders: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.symbols = set(self.valuation.instruments)
        self.trades = {
            (each.instrument, each.trade_id): each
            for each in self.statement.trades
            if each.instrument in self.symbols
        }
        self.fills = {(each.instrument, each.trade_id): each for each in self.live.fills}
        self.orders = {
            each.venue_order_id: each.decision_id for each in self.live.accepted.values()
        }
        self.foreign = {key for key, each in self.trades.items() if self._is_foreign(key, each)}
        self.commissions = defaultdict(int)
        self.realised = defaultdict(list)
        self.funding = defaultdict(list)
        self.others, self.unlisted = [], []
        for row in self.statement.rows:
            self._sort(row)

    def decision(self, key: _Key) -> str:
        """Return the order behind a trade, or empty when nothing tells."""
        if key in self.fills:
            return self.fills[key].decision_id
        trade = self.trades.get(key)
        if trade is None:
            return ""
        ours = decision_id_of(self.run_id, trade.client_order_id)
        return ours or self.orders.get(trade.venue_order_id, "")

    def start_value(self, symbol: str, lots: int) -> int:
        """Return what lots are worth at the venue's start mark, or at ours where it names none."""
        marks = self.valuation.start
        return self._mark_value(self.statement.start_positions, symbol, lots, marks)

    def end_value(self, symbol: str, lots: int) -> int:
        """Return what lots are worth at the venue's end mark, or at ours where it names none."""
        marks = self.valuation.end
        return self._mark_value(self.statement.end_positions, symbol, lots, marks)

    def _mark_value(
        self,
        positions: Sequence[StatementPosition],
        symbol: str,
        lots: int,
        marks: Mapping[str, int],
    ) -> int:
        instrument = self.valuation.instrument(symbol)
        if not lots:
            return 0
        for each in positions:
            # A venue that lists a flat position may leave its mark at zero: it names none.
            if each.instrument == symbol and each.mark > 0:
                ticks = Fraction(each.mark) / Fraction(instrument.tick_size)
                if instrument.inverse:
                    exact = instrument.exact_value(lots, ticks)
                    return round_half_up(exact.numerator, exact.denominator)
                # A linear position is so many times what one lot is worth, rounded once.
                exact = instrument.exact_value(1, ticks)
                return lots * round_half_up(exact.numerator, exact.denominator)
        return instrument.value(lots, marks.get(symbol, 0))

    def _is_foreign(self, key: _Key, trade: StatementTrade) -> bool:
        if key in self.fills or trade.venue_order_id in self.orders:
            return False
        # A venue that gives no client id tells nothing; such a trade stays unexplained.
        return bool(trade.client_order_id) and (
            decision_id_of(self.run_id, trade.client_order_id) is None
        )

    def _sort(self, row: StatementRow) -> None:
        key = (row.instrument, row.trade_id)
        if row.instrument and row.instrument not in self.symbols and row.kind != "transfer":
            self.unlisted.append(row)
        elif row.kind == "commission" and (key in self.trades or key in self.fills):
            self.commissions[key] += money(row.amount)
        elif row.kind == "realised" and row.instrument:
            self.realised[row.instrument].append(row)
        elif row.kind == "funding" and row.instrument:
            self.funding[row.instrument, _minute(row.time_ns)].append(row)
        else:
            self.others.append(row)


def _action_rows(live: RungRecord, valuation: Valuation, bare: Valuation) -> Iterator[Row]:
    """What our books gained by corporate actions, which the statement does not tell of as such.

    What the venue made of them stands in its own books, and so in the line of those.
    """
    if not live.bookings:
        return
    without = replace(live, bookings=(), actions=())
    amount = profit(without, bare) - profit(live, valuation)
    if amount:
        evidence = {
            "instruments": sorted({each.instrument for each in live.bookings}),
            "dividends": decimal_text(dividends_of(live)),
        }
        yield _row(ACTIONS_PART, amount, evidence)


def _trade_rows(symbol: str, tables: _Tables) -> Iterator[Row]:
    keys = dict.fromkeys(key for key in (*tables.fills, *tables.trades) if key[0] == symbol)
    for key in keys:
        if key in tables.foreign:
            continue
        fill, trade = tables.fills.get(key), tables.trades.get(key)
        evidence = {
            "trade_id": key[1],
            "journal": _fill_evidence(fill),
            "statement": _trade_evidence(trade, tables.commissions.get(key)),
        }
        for part, amount in _trade_amounts(fill, trade, tables, tables.commissions.get(key, 0)):
            if amount:
                yield _row(part, amount, evidence, tables.decision(key))


def _trade_amounts(
    fill: Fill | None, trade: StatementTrade | None, tables: _Tables, commission: int
) -> Iterator[tuple[str, int]]:
    valuation = tables.valuation
    if trade is not None and fill is not None:
        symbol = fill.instrument
        above, below = fill.side * fill.lots, trade.side * trade.lots
        yield "price", valuation.shift(symbol, above, trade.price_ticks, fill.price_ticks)
        # Of inverse contracts what the lots beyond are worth is what all are worth less the rest.
        whole = valuation.worth(symbol, below, trade.price_ticks)
        yield "quantity", whole - valuation.worth(symbol, above, trade.price_ticks)
        yield "fee", commission + fill.fee
    elif trade is not None:
        worth = valuation.worth(trade.instrument, trade.side * trade.lots, trade.price_ticks)
        yield "fill_missing_in_journal", worth + commission
    elif fill is not None:
        worth = valuation.worth(fill.instrument, fill.side * fill.lots, fill.price_ticks)
        yield "fill_missing_in_statement", -worth
        yield "fee", commission + fill.fee


def _funding_rows(symbol: str, tables: _Tables) -> Iterator[Row]:
    charged: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for each in tables.live.funding:
        if each.instrument == symbol:
            charged[_minute(each.venue_time_ns)].append((each.charge_id, each.amount))
    booked = {
        minute: [(row.row_id, money(row.amount)) for row in rows]
        for (name, minute), rows in tables.funding.items()
        if name == symbol
    }
    for minute in sorted(charged.keys() | booked.keys()):
        ours, theirs = charged.get(minute, []), booked.get(minute, [])
        amount = sum(each for _, each in theirs) - sum(each for _, each in ours)
        if amount:
            yield _row(
                "funding",
                amount,
                {
                    "instrument": symbol,
                    "time_ns": minute * _MINUTE_NS,
                    "journal": {name: decimal_text(each) for name, each in ours},
                    "statement": {name: decimal_text(each) for name, each in theirs},
                },
            )


def _position_rows(symbol: str, tables: _Tables) -> Iterator[Row]:
    """Start positions and marks that the venue has otherwise."""
    ours_at_start = tables.live.start_positions.get(symbol, (0, 0))[0]
    theirs_at_start = _lots(tables.statement.start_positions, symbol)
    extra = theirs_at_start - ours_at_start
    if extra:
        yield _row(
            "start_position",
            tables.valuation.holding(symbol, theirs_at_start)
            - tables.valuation.holding(symbol, ours_at_start),
            {"instrument": symbol, "journal": ours_at_start, "statement": theirs_at_start},
        )
    own = [each for key, each in _trades_of(symbol, tables) if key not in tables.foreign]
    pieces = [theirs_at_start, *(each.side * each.lots for each in own)]
    own_lots = sum(pieces)
    marks = tables.valuation
    value = marks.instrument(symbol).value
    amount = (
        tables.end_value(symbol, own_lots)
        - value(own_lots, marks.end.get(symbol, 0))
        - tables.start_value(symbol, theirs_at_start)
        + value(theirs_at_start, marks.start.get(symbol, 0))
    )
    if amount:
        yield _row(
            "valuation",
            amount,
            {
                "instrument": symbol,
                "lots": own_lots,
                "journal": {
                    "start_ticks": marks.start.get(symbol),
                    "end_ticks": marks.end.get(symbol),
                },
                "statement": {
                    "start_mark": _mark_text(tables.statement.start_positions, symbol),
                    "end_mark": _mark_text(tables.statement.end_positions, symbol),
                },
            },
        )
    journal = [ours_at_start, *_signed_lots(tables.live.fills, symbol)]
    above, below = marks.rounding_of(symbol, journal), marks.rounding_of(symbol, pieces)
    if above != below:
        evidence = {"journal": decimal_text(above), "statement": decimal_text(below)}
        yield _row(VALUE_ROUNDING_PART, below - above, {"instrument": symbol, **evidence})


def _venue_book_rows(symbol: str, tables: _Tables) -> Iterator[Row]:
    """The venue's realised and open profit against its own trades at its own marks."""
    value = tables.valuation.instrument(symbol).value
    own_lots = held = _lots(tables.statement.start_positions, symbol)
    by_trades = -tables.start_value(symbol, held)
    for key, trade in _trades_of(symbol, tables):
        signed = trade.side * trade.lots
        by_trades -= value(signed, trade.price_ticks)
        if key in tables.foreign:
            by_trades += tables.end_value(symbol, signed)
        else:
            own_lots += signed
    # This run's position is worth what it is as a whole, which is what its journal says too.
    by_trades += tables.end_value(symbol, own_lots)
    rows = tables.realised.get(symbol, [])
    stated = (
        sum(money(row.amount) for row in rows)
        + _unrealised(tables.statement.end_positions, symbol)
        - _unrealised(tables.statement.start_positions, symbol)
    )
    amount = stated - by_trades
    if amount:
        rounded = abs(amount) <= (len(rows) + 2) * _LAST_DIGIT
        yield _row(
            "rounding" if rounded else "venue_books",
            amount,
            {
                "instrument": symbol,
                "stated_profit": decimal_text(stated),
                "profit_of_its_trades": decimal_text(by_trades),
                "position_of_its_trades": held
                + sum(each.side * each.lots for _, each in _trades_of(symbol, tables)),
                "stated_position": _lots(tables.statement.end_positions, symbol),
            },
        )


def _commission_remarks(symbol: str, tables: _Tables) -> Iterator[Evidence]:
    """A trade whose own commission is not what the income history took."""
    for key, trade in _trades_of(symbol, tables):
        taken = -tables.commissions.get(key, 0)
        if money(trade.commission) != taken:
            yield {
                "trade_id": trade.trade_id,
                "trade_history": str(trade.commission),
                "income_history": decimal_text(taken),
            }


def _other_rows(tables: _Tables) -> Iterator[Row]:
    for row in tables.others:
        if row.kind != "transfer" and row.amount:
            yield _row("other_rows", money(row.amount), {"statement": _row_evidence(row)})


def _balance_rows(statement: Statement) -> Iterator[Row]:
    moved = money(statement.end_balance) - money(statement.start_balance)
    listed = sum(money(row.amount) for row in statement.rows)
    if moved != listed:
        yield _row(
            "balance",
            moved - listed,
            {
                "balance_change": decimal_text(moved),
                "sum_of_rows": decimal_text(listed),
                "meaning": "the balance moved by this much without any row of the statement",
            },
        )


def _named(tables: _Tables) -> Iterator[Named]:
    for row in tables.others:
        if row.kind == "transfer":
            yield Named(kind="transfer", amount=money(row.amount), evidence=_row_evidence(row))
    for key in sorted(tables.foreign):
        trade = tables.trades[key]
        signed = trade.side * trade.lots
        cost = tables.valuation.value(trade.instrument, signed, trade.price_ticks)
        worth = tables.end_value(trade.instrument, signed) - cost
        yield Named(
            kind="foreign_order",
            amount=worth + tables.commissions.get(key, 0),
            evidence=_trade_evidence(trade, tables.commissions.get(key)) or {},
        )
    for row in tables.unlisted:
        yield Named(
            kind="foreign_instrument", amount=money(row.amount), evidence=_row_evidence(row)
        )
    for positions, sign in (
        (tables.statement.end_positions, 1),
        (tables.statement.start_positions, -1),
    ):
        for each in positions:
            if each.instrument not in tables.symbols and each.unrealised:
                yield Named(
                    kind="foreign_instrument",
                    amount=sign * money(each.unrealised),
                    evidence={
                        "instrument": each.instrument,
                        "lots": each.lots,
                        "unrealised": str(each.unrealised),
                        "at": "end" if sign > 0 else "start",
                    },
                )


def _trades_of(symbol: str, tables: _Tables) -> list[tuple[_Key, StatementTrade]]:
    return [(key, each) for key, each in tables.trades.items() if key[0] == symbol]


def _signed_lots(fills: Iterable[Fill], symbol: str) -> list[int]:
    return [each.side * each.lots for each in fills if each.instrument == symbol]


def _lots(positions: Sequence[StatementPosition], symbol: str) -> int:
    return sum(each.lots for each in positions if each.instrument == symbol)


def _unrealised(positions: Sequence[StatementPosition], symbol: str) -> int:
    return sum(money(each.unrealised) for each in positions if each.instrument == symbol)


def _mark_text(positions: Sequence[StatementPosition], symbol: str) -> str | None:
    return next((str(each.mark) for each in positions if each.instrument == symbol), None)


def _minute(time_ns: int) -> int:
    """Return the nearest minute: venues stamp a charge some milliseconds late."""
    return (time_ns + _MINUTE_NS // 2) // _MINUTE_NS


def _row(part: str, amount: int, evidence: Evidence, decision_id: str = "") -> Row:
    return Row(
        step=Step.UNEXPLAINED,
        part=part,
        decision_id=decision_id,
        amount=amount,
        evidence=evidence,
    )


def _fill_evidence(fill: Fill | None) -> Evidence | None:
    if fill is None:
        return None
    return {
        "side": fill.side,
        "lots": fill.lots,
        "price_ticks": fill.price_ticks,
        "fee": decimal_text(fill.fee),
        "time_ns": fill.venue_time_ns,
    }


def _trade_evidence(trade: StatementTrade | None, commission: int | None) -> Evidence | None:
    if trade is None:
        return None
    return {
        "client_order_id": trade.client_order_id,
        "venue_order_id": trade.venue_order_id,
        "instrument": trade.instrument,
        "side": trade.side,
        "lots": trade.lots,
        "price_ticks": trade.price_ticks,
        "fee": None if commission is None else decimal_text(-commission),
        "time_ns": trade.time_ns,
    }


def _row_evidence(row: StatementRow) -> Evidence:
    return {
        "row_id": row.row_id,
        "kind": row.kind,
        "amount": decimal_text(money(row.amount)),
        "instrument": row.instrument,
        "trade_id": row.trade_id,
        "time_ns": row.time_ns,
    }


def _refuse_other_currencies(statement: Statement, live: RungRecord, valuation: Valuation) -> None:
    found: dict[str, str] = {
        f"instrument {symbol}": each.currency for symbol, each in valuation.instruments.items()
    }
    found |= {f"fill {each.trade_id}": each.fee_currency for each in live.fills if each.fee}
    found |= {
        f"statement trade {each.trade_id}": each.commission_currency
        for each in statement.trades
        if each.commission != Decimal(0)
    }
    for subject, currency in found.items():
        if currency != statement.currency:
            raise InputError(
                f"{subject}: paid in {currency} and the statement is in {statement.currency}; "
                "give a statement in one currency (have the venue take fees in it)"
            )
