"""One run on its own: its equity, its round trips, and the figures a person asks for first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InputError
from tieout.model.actions import ActionKind
from tieout.model.events import ActionBooked
from tieout.reconcile.figures import (
    EquityPoint,
    Slippage,
    drawdown,
    equity_curve,
    price_series,
    slippage_of,
)
from tieout.reconcile.statistics import sharpe
from tieout.reconcile.valuation import Valuation, dividends_of, profit, splits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tieout.model.events import Fill
    from tieout.model.instruments import Instrument
    from tieout.reconcile.records import RungRecord

__all__ = ["RoundTrip", "RunSummary", "round_trips", "summarise"]


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """From flat to flat in one instrument.

    Attributes:
        side: +1 for a long, −1 for a short.
        opened_ns, closed_ns: When we knew; `closed_ns` is None while it is open.
        lots: Lots entered in all.
        entry_ticks, exit_ticks: Averages, as the instrument has them; an open remainder leaves at
            the final mark.
        fees: Positive is paid.
        profit: After fees, without funding and dividends, in internal money units.
    """

    instrument: str
    side: int
    opened_ns: int
    closed_ns: int | None
    lots: int
    entry_ticks: Fraction
    exit_ticks: Fraction
    fees: int
    profit: int


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did; amounts are internal money units, and None means undefined.

    Attributes:
        profit: From the start marks to the final marks, after fees, funding and dividends.
        gain: Profit as a share of the equity at the start.
        turnover: Σ size of all fills: lots·price, of inverse contracts lots ÷ price.
        win_rate: Closed round trips with a profit ÷ closed round trips.
        profit_factor: Their profits ÷ their losses.
        exposure: Share of the time in which any position was held.
        sharpe: By our convention, at a rate free of risk of 0; `statistics` knows others.
        dividends: Positive is received.
        traded: Pairs (when we knew of a fill, lots·price of it), in order.
        digits: Decimals that people read amounts of the currency in.
    """

    currency: str
    started_ns: int
    ended_ns: int
    start_equity: int
    end_equity: int
    profit: int
    gain: Fraction | None
    fees: int
    funding: int
    turnover: int
    drawdown: int
    drawdown_share: Fraction | None
    sharpe: float | None
    orders: int
    denied: int
    rejected: int
    fills: int
    trips: tuple[RoundTrip, ...]
    win_rate: Fraction | None
    profit_factor: Fraction | None
    exposure: Fraction | None
    slippage: Slippage
    equity: tuple[EquityPoint, ...]
    dividends: int = 0
    traded: tuple[tuple[int, int], ...] = ()
    digits: int = 2


def summarise(
    record: RungRecord,
    instruments: Mapping[str, Instrument],
    *,
    equity: Sequence[EquityPoint] | None = None,
) -> RunSummary:
    """Return the figures of one run at its own marks.

    Args:
        record: An ended run.
        instruments: Everything it traded, by symbol.
        equity: Its curve, where the caller knows more prices than the journal holds.

    Raises:
        InputError: The run has not ended.
    """
    if record.ended_ns is None:
        raise InputError(f"{record.name}: the run has not ended; stop or resume it first")
    valuation = Valuation(instruments, record.start_marks, record.end_marks, splits_of(record))
    curve = list(equity or ()) or equity_curve(
        record, valuation, price_series(record, [record]), end_ns=record.ended_ns
    )
    trips = tuple(round_trips(record, valuation))
    closed = [trip.profit for trip in trips if trip.closed_ns is not None]
    won, lost = sum(each for each in closed if each > 0), -sum(each for each in closed if each < 0)
    earned = profit(record, valuation)
    traded = tuple(
        (each.arrival_time_ns, instruments[each.instrument].notional(each.lots, each.price_ticks))
        for each in record.fills
    )
    start = curve[0][1]
    fallen, share = drawdown(curve)
    return RunSummary(
        currency=next((each.currency for each in instruments.values()), ""),
        started_ns=record.started_ns,
        ended_ns=record.ended_ns,
        start_equity=start,
        end_equity=start + earned,
        profit=earned,
        gain=Fraction(earned, start) if start > 0 else None,
        fees=sum(fill.fee for fill in record.fills),
        funding=sum(charge.amount for charge in record.funding),
        turnover=sum(notional for _, notional in traded),
        drawdown=fallen,
        drawdown_share=share,
        sharpe=sharpe(curve),
        orders=len(record.orders),
        denied=len(record.denied),
        rejected=len(record.rejected),
        fills=len(record.fills),
        trips=trips,
        win_rate=Fraction(sum(each > 0 for each in closed), len(closed)) if closed else None,
        profit_factor=Fraction(won, lost) if lost else None,
        exposure=_exposure(record),
        slippage=slippage_of(record, valuation),
        equity=tuple(curve),
        dividends=dividends_of(record),
        traded=traded,
        digits=max((each.shown_digits for each in instruments.values()), default=2),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Lots of one fill, with their share of its fee; `signed_lots` has the side.

    After a split lots and price are in its units, which may be fractions; what they cost stays.
    """

    time_ns: int
    signed_lots: int | Fraction
    price_ticks: int | Fraction
    cost: int | Fraction
    fee: int


def round_trips(record: RungRecord, valuation: Valuation) -> list[RoundTrip]:
    """Return the run's round trips, by the time they were opened.

    A fill that turns a position around ends one trip and begins the next. A position held at
    the start is entered at its start mark.
    """
    trips: list[RoundTrip] = []
    symbols = dict.fromkeys((*record.start_positions, *(fill.instrument for fill in record.fills)))
    for symbol in symbols:
        open_parts: list[_Part] = []
        held = record.start_positions.get(symbol, (0, 0))[0]
        if held:
            mark = valuation.start_mark(symbol)
            cost = valuation.value(symbol, held, mark)
            open_parts.append(_Part(record.started_ns, held, mark, cost, 0))
        for move in record.moves():
            if move.instrument != symbol:
                continue
            if isinstance(move, ActionBooked):
                open_parts = _after_action(move, open_parts, valuation.instrument(symbol))
                held = move.lots_after
                if held == 0:
                    trips.append(_trip(symbol, open_parts, move.decided_at_ns, valuation))
                    open_parts = []
                continue
            for part in _split(move, held, valuation):
                open_parts.append(part)
                held += int(part.signed_lots)
                if held == 0:
                    trips.append(_trip(symbol, open_parts, part.time_ns, valuation))
                    open_parts = []
        if open_parts:
            trips.append(_trip(symbol, open_parts, None, valuation))
    return sorted(trips, key=lambda trip: trip.opened_ns)


def _after_action(
    booked: ActionBooked, parts: Sequence[_Part], instrument: Instrument
) -> list[_Part]:
    """Return parts in the units after a split; what it left over was sold for what was paid."""
    if booked.kind == ActionKind.DIVIDEND:
        return list(parts)
    ratio = Fraction(booked.new, booked.old)
    found = [
        replace(each, signed_lots=each.signed_lots * ratio, price_ticks=each.price_ticks / ratio)
        for each in parts
    ]
    left_over = booked.lots_before * ratio - booked.lots_after
    if left_over:
        price = Fraction(booked.cash) / (left_over * instrument.tick_value)
        found.append(_Part(booked.decided_at_ns, -left_over, price, -booked.cash, 0))
    return found


def _split(fill: Fill, held: int, valuation: Valuation) -> Iterator[_Part]:
    signed, price = fill.side * fill.lots, fill.price_ticks
    cost = valuation.value(fill.instrument, signed, price)
    whole = _Part(fill.arrival_time_ns, signed, price, cost, fill.fee)
    if held * fill.side >= 0 or fill.lots <= abs(held):
        yield whole
        return
    closing = abs(held)
    fee = fill.fee * closing // fill.lots
    ended = valuation.value(fill.instrument, fill.side * closing, price)
    yield replace(whole, signed_lots=fill.side * closing, cost=ended, fee=fee)
    begun = fill.side * (fill.lots - closing)
    yield replace(whole, signed_lots=begun, cost=cost - ended, fee=fill.fee - fee)


def _trip(
    symbol: str, parts: Sequence[_Part], closed_ns: int | None, valuation: Valuation
) -> RoundTrip:
    side = 1 if parts[0].signed_lots > 0 else -1
    remainder = sum(part.signed_lots for part in parts)
    entered = [part for part in parts if part.signed_lots * side > 0]
    left = [part for part in parts if part.signed_lots * side < 0]
    instrument = valuation.instrument(symbol)
    if remainder:
        left.append(_at_the_end(remainder, instrument, valuation.end_mark(symbol)))
    fees = sum(part.fee for part in parts)
    gross = -sum(part.cost for part in (*entered, *left))
    return RoundTrip(
        instrument=symbol,
        side=side,
        opened_ns=parts[0].time_ns,
        closed_ns=closed_ns,
        lots=int(abs(Fraction(sum(part.signed_lots for part in entered)))),
        entry_ticks=_average(entered, instrument),
        exit_ticks=_average(left, instrument),
        fees=fees,
        profit=int(gross) - fees,
    )


def _at_the_end(remainder: int | Fraction, instrument: Instrument, mark_ticks: int) -> _Part:
    """Return what closes the rest of a trip at the final mark; after a split lots are fractions."""
    if isinstance(remainder, int):
        worth: int | Fraction = instrument.value(remainder, mark_ticks)
    else:
        worth = remainder * mark_ticks * instrument.tick_value
    return _Part(0, -remainder, mark_ticks, -worth, 0)


def _average(parts: Sequence[_Part], instrument: Instrument) -> Fraction:
    return instrument.average_ticks([(part.signed_lots, part.price_ticks) for part in parts])


def _exposure(record: RungRecord) -> Fraction | None:
    assert record.ended_ns is not None, record.name
    length = record.ended_ns - record.started_ns
    if length <= 0:
        return None
    held: dict[str, int] = {symbol: lots for symbol, (lots, _) in record.start_positions.items()}
    since, in_market = record.started_ns, 0
    for move in record.moves():
        known_ns = move.decided_at_ns if isinstance(move, ActionBooked) else move.arrival_time_ns
        until = min(max(known_ns, since), record.ended_ns)
        in_market += (until - since) * any(held.values())
        since = until
        if isinstance(move, ActionBooked):
            held[move.instrument] = move.lots_after
        else:
            held[move.instrument] = held.get(move.instrument, 0) + move.side * move.lots
    in_market += (record.ended_ns - since) * any(held.values())
    return Fraction(in_market, length)
