"""The plain twin of the watch over a shared account: it looks at every row, and draws no bands.

It is given the rows of all markets and what the run was told, and says when the account is warned
and over, and what is closed then.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from tieout.ledger import Ledger
from tieout.model.columns import TradeColumns
from tieout.model.events import Fill, FundingCharged, OrderCancelled, OrderRejected
from tieout.model.money import MONEY_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tieout.model.columns import MarketColumns
    from tieout.model.events import Report
    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms


class Row(NamedTuple):
    """One row of a market; a print takes one nanosecond."""

    end: int
    symbol: str
    start: int
    arrival: int
    low: int
    high: int
    close: int


class Seen(NamedTuple):
    """A warning or a closing: when it is known, when it was, and of what."""

    what: str
    arrival: int
    time: int
    symbol: str
    lots: int


def naive_watch(  # noqa: C901, PLR0912 - one plain walk, to be read from top to bottom
    terms: MarginTerms,
    instruments: Mapping[str, Instrument],
    columns: Mapping[str, MarketColumns],
    told: Sequence[Report],
    *,
    cash: int,
    positions: Mapping[str, tuple[int, int]],
    response_ns: int,
) -> list[Seen]:
    """Return every warning and every closing, in order."""
    rows = [each for symbol in columns for each in _rows(symbol, columns[symbol])]
    books = Ledger(instruments, cash=cash, positions=positions)
    seen: list[Seen] = []
    closing: dict[str, int] = {}
    warned = False
    times = {each.arrival for each in rows} | {each.arrival_time_ns for each in told}
    for now in sorted(times):
        held = {each: books.position(each) for each in instruments if books.position(each).lots}
        known = [each for each in rows if each.arrival <= now]
        for row in sorted(each for each in known if each.arrival == now and each.symbol in held):
            if closing:
                break
            prices = {row.symbol: row.high if held[row.symbol].lots < 0 else row.low}
            for symbol, position in held.items():
                shown = _shown(symbol, row, known)
                if symbol != row.symbol and shown:
                    prices[symbol] = max(shown) if position.lots < 0 else min(shown)
            time = row.start if row.end - row.start == 1 else row.end
            equity = books.balance
            margins = {}
            for symbol, position in held.items():
                value = position.cost
                if symbol in prices:
                    value = position.lots * prices[symbol] * instruments[symbol].tick_value
                equity += value - position.cost
                margins[symbol] = _margin(terms, abs(value))
            first = min(held, key=lambda each: (-margins[each], each))
            its = (max(now, time + response_ns), time, first, held[first].lots)
            share = terms.warning_ratio
            if (
                share is not None
                and not warned
                and equity * Fraction(share) <= sum(margins.values())
            ):
                warned = True
                seen.append(Seen("warned", *its))
            if equity <= sum(margins.values()):
                seen.append(Seen("closed", *its))
                lots = abs(held[first].lots)
                closing[f"liquidation:{first}:{time}:{lots}"] = lots
        for report in (each for each in told if each.arrival_time_ns == now):
            if isinstance(report, Fill):
                books.book_fill(report)
                warned = False
                if report.decision_id in closing:
                    closing[report.decision_id] -= report.lots
            elif isinstance(report, FundingCharged):
                books.book_funding(report)
                warned = False
            elif isinstance(report, OrderCancelled | OrderRejected):
                closing.pop(report.decision_id, None)
        closing = {name: lots for name, lots in closing.items() if lots > 0}
    return seen


def _shown(symbol: str, row: Row, known: Sequence[Row]) -> list[int]:
    """Return what an instrument was worth over the time of a row of another."""
    mine = [each for each in known if each.symbol == symbol]
    inside = [each for each in mine if each.end > row.start and each.start < row.end]
    shown = [price for each in inside for price in (each.low, each.high)]
    before = [(each.end, place) for place, each in enumerate(mine) if each.end <= row.start]
    return [*shown, mine[max(before)[1]].close] if before else shown


def _margin(terms: MarginTerms, size: int) -> int:
    """Return the maintenance margin, bracket by bracket, rounded up."""
    total = Fraction(0)
    edges = [each.from_notional * MONEY_UNIT for each in terms.brackets]
    for place, each in enumerate(terms.brackets):
        upper = edges[place + 1] if place + 1 < len(edges) else size
        part = min(Fraction(size), Fraction(upper)) - Fraction(edges[place])
        total += max(part, Fraction(0)) * Fraction(each.maintenance_rate)
    return -(-total.numerator // total.denominator)


def _rows(symbol: str, columns: MarketColumns) -> Iterator[Row]:
    for place in range(len(columns)):
        arrival = int(columns.arrival_time_ns[place])
        if isinstance(columns, TradeColumns):
            time, price = int(columns.venue_time_ns[place]), int(columns.price_ticks[place])
            yield Row(time + 1, symbol, time, arrival, price, price, price)
        else:
            yield Row(
                int(columns.close_time_ns[place]),
                symbol,
                int(columns.open_time_ns[place]),
                arrival,
                int(columns.low_ticks[place]),
                int(columns.high_ticks[place]),
                int(columns.close_ticks[place]),
            )
