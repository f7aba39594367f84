"""The simulated venue: one object for all worlds, on stored markets or on one that arrives."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InputError
from tieout.market.matching import MatchingCore, ReportKind
from tieout.model.events import (
    CancelRejected,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.money import MONEY_DIGITS, round_half_up
from tieout.model.orders import OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import FundingRule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout.kernel.ports import MarketRecord
    from tieout.market.matching import CoreReport
    from tieout.model.columns import MarketColumns
    from tieout.model.events import Report
    from tieout.model.instruments import Instrument
    from tieout.model.orders import CancelOrder
    from tieout.model.profiles import SimulationProfile

__all__ = ["SimulatedVenue"]

_ARRIVAL_RANK = 2
"""Orders and cancels that reach the venue come after the prints of that moment."""


class _Placed(msgspec.Struct, gc=False):
    """An order the venue knows."""

    place: PlaceOrder
    fills: int = 0


class _Market:
    """One instrument: its core, its record, and the chunk that comes next."""

    def __init__(self, instrument: Instrument, core: MatchingCore, record: MarketRecord) -> None:
        self.instrument = instrument
        self.core = core
        self._record = record
        self._ahead: MarketColumns | None = None

    def next_touch_ns(self, limit_ns: int) -> int | None:
        """Return when this market may next cause a report, or shows rows not looked at yet.

        Asked only of a market that is not calm before the limit.
        """
        core = self.core
        touch = core.next_touch_ns(limit_ns)
        if touch is None and self._reaches(limit_ns):
            ahead = self._peek(limit_ns)
            touch = None if ahead is None else int(ahead.arrival_time_ns[0])
            touch = touch if touch is not None and touch <= limit_ns else None
        cancel = core.next_cancel_ns()
        if cancel is not None and cancel <= limit_ns and (touch is None or cancel < touch):
            return cancel
        return touch

    def advance(self, until_ns: int) -> list[CoreReport]:
        """Commit every row that arrived by then."""
        core = self.core
        found = core.commit(until_ns)
        while core.wants_rows:
            ahead = self._peek(until_ns)
            if ahead is None or int(ahead.arrival_time_ns[0]) > until_ns:
                break
            self._ahead = None
            core.give(ahead)
            found += core.commit(until_ns)
        found += core.answer_cancels(until_ns)
        return found

    def _reaches(self, limit_ns: int) -> bool:
        """Whether the chunk in hand ends before the limit, so that the next one matters."""
        return self.core.last_arrival_ns is None or self.core.last_arrival_ns <= limit_ns

    def _peek(self, until_ns: int) -> MarketColumns | None:
        while self._ahead is None:
            self._ahead = self._record.fetch(until_ns)
            if self._ahead is None:
                return None
            if not len(self._ahead):
                self._ahead = None
        return self._ahead


class SimulatedVenue:
    """Matches orders on market records by the rules of the matching page.

    Args:
        instruments: What can be traded, by symbol.
        profile: Every assumption.
        records: The market of each instrument.
        positions: Signed lots at the start, by symbol.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        profile: SimulationProfile,
        records: Mapping[str, MarketRecord],
        *,
        positions: Mapping[str, int] | None = None,
    ) -> None:
        missing = sorted(set(instruments) - set(records))
        if missing:
            raise InputError(
                f"simulated venue: no market data for {', '.join(missing)}; name a data set"
            )
        held = positions or {}
        self._profile = profile
        self._order_latency_ns = profile.order_latency_ns
        self._response_latency_ns = profile.response_latency_ns
        self._markets = {
            symbol: _Market(
                instrument,
                MatchingCore(profile, position_lots=held.get(symbol, 0)),
                records[symbol],
            )
            for symbol, instrument in instruments.items()
        }
        self._each = tuple(self._markets.values())
        self._placed: list[_Placed] = []
        self._numbers: dict[str, int] = {}
        self._waiting: list[tuple[tuple[int, int, int, int, int], Report]] = []
        self._reported = 0
        taker, maker = profile.taker_fee_rate, profile.maker_fee_rate
        self._rates = {2: taker.as_integer_ratio(), 1: maker.as_integer_ratio()}
        self._funding_rate = profile.funding_rate.as_integer_ratio()
        self._rounding = 10 ** (MONEY_DIGITS - profile.fee_digits)

    # -- the port -----------------------------------------------------------------------------

    def place(self, order: PlaceOrder) -> None:
        """Take an order; it arrives after the profile's latency."""
        arrival_ns = order.decided_at_ns + self._order_latency_ns
        refusal = self._refusal(order)
        if refusal is not None:
            self._wait(
                OrderRejected(
                    decision_id=order.decision_id,
                    reason="invalid",
                    detail=refusal,
                    venue_time_ns=arrival_ns,
                    arrival_time_ns=arrival_ns + self._response_latency_ns,
                ),
                arrival_ns,
            )
            return
        number = len(self._placed)
        self._placed.append(_Placed(order))
        self._numbers[order.decision_id] = number
        self._markets[order.instrument].core.place(
            number,
            arrival_ns=arrival_ns,
            side=order.side,
            kind=order.order_type,
            lots=order.lots,
            limit_ticks=order.limit_ticks or 0,
            stop_ticks=order.stop_ticks or 0,
            at_once=order.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL,
        )
        self._wait(
            OrderAccepted(
                decision_id=order.decision_id,
                venue_order_id=f"S{order.decision_id}",
                venue_time_ns=arrival_ns,
                arrival_time_ns=arrival_ns + self._response_latency_ns,
            ),
            arrival_ns,
        )

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel; it arrives after the profile's latency."""
        arrival_ns = order.decided_at_ns + self._order_latency_ns
        number = self._numbers.get(order.order_decision_id)
        if number is None:
            self._wait(
                CancelRejected(
                    decision_id=order.order_decision_id,
                    reason="unknown_order",
                    venue_time_ns=arrival_ns,
                    arrival_time_ns=arrival_ns + self._response_latency_ns,
                ),
                arrival_ns,
            )
            return
        symbol = self._placed[number].place.instrument
        self._markets[symbol].core.cancel(number, arrival_ns=arrival_ns)

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return the earliest arrival by the limit at which there may be a report, or None."""
        wake = None
        if self._waiting:
            arrival_ns = self._waiting[0][0][0]
            if arrival_ns <= limit_ns:
                wake = limit_ns = arrival_ns
        for market in self._each:
            if limit_ns >= market.core.calm_before_ns:
                touch = market.next_touch_ns(limit_ns)
                if touch is not None:
                    wake = limit_ns = touch
        return wake

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return all reports with arrival by then that were not returned before."""
        for market in self._each:
            if not market.core.passes(until_ns):
                for row in market.advance(until_ns):
                    self._take(market, row)
        waiting = self._waiting
        due: list[Report] = []
        while waiting and waiting[0][0][0] <= until_ns:
            due.append(heappop(waiting)[1])
        return due

    # -- what the ladder asks -----------------------------------------------------------------

    def reference_ticks(self, instrument: str, venue_time_ns: int) -> int | None:
        """Return the last price at or before a venue time, among rows advanced over."""
        return self._markets[instrument].core.price_at(venue_time_ns)

    @property
    def ambiguous_bars(self) -> int:
        """Bars that could have filled both a stop and a limit; the stop was taken."""
        return sum(market.core.ambiguous_bars for market in self._each)

    # -- inside -------------------------------------------------------------------------------

    def _refusal(self, order: PlaceOrder) -> str | None:
        if order.instrument not in self._markets:
            return f"{order.instrument} is not traded here"
        if order.lots <= 0:
            return f"{order.lots} lots; a quantity must be positive"
        if order.order_type == OrderType.LIMIT and not order.limit_ticks:
            return "a limit order needs a limit price"
        if order.order_type == OrderType.STOP_MARKET and not order.stop_ticks:
            return "a stop order needs a trigger price"
        return None

    def _wait(self, report: Report, moment_ns: int) -> None:
        self._reported += 1
        key = (report.arrival_time_ns, moment_ns, _ARRIVAL_RANK, 0, self._reported)
        heappush(self._waiting, (key, report))

    def _take(self, market: _Market, row: CoreReport) -> None:
        self._reported += 1
        key = (row.arrival_ns, row.moment_ns, row.rank, row.sequence, self._reported)
        heappush(self._waiting, (key, self._report(market, row)))

    def _report(self, market: _Market, row: CoreReport) -> Report:
        if row.kind == ReportKind.FUNDING:
            return self._funding(market.instrument, row)
        placed = self._placed[row.order]
        decision = placed.place.decision_id
        if row.kind == ReportKind.FILL:
            return self._fill(market.instrument, placed, row)
        if row.kind == ReportKind.TRIGGER:
            return OrderTriggered(
                decision_id=decision,
                venue_time_ns=row.venue_time_ns,
                arrival_time_ns=row.arrival_ns,
            )
        if row.kind == ReportKind.CANCEL_REFUSAL:
            return CancelRejected(
                decision_id=decision,
                reason="final",
                venue_time_ns=row.venue_time_ns,
                arrival_time_ns=row.arrival_ns,
            )
        return OrderCancelled(
            decision_id=decision,
            reason="requested" if row.kind == ReportKind.CANCEL else "time_in_force",
            filled_lots=row.lots,
            venue_time_ns=row.venue_time_ns,
            arrival_time_ns=row.arrival_ns,
        )

    def _fill(self, instrument: Instrument, placed: _Placed, row: CoreReport) -> Fill:
        placed.fills += 1
        order = placed.place
        numerator, denominator = self._rates[row.liquidity]
        notional = instrument.notional(row.lots, row.price_ticks)
        rounding = self._rounding
        return Fill(
            decision_id=order.decision_id,
            trade_id=f"{order.decision_id}-{placed.fills}",
            instrument=order.instrument,
            side=order.side,
            lots=row.lots,
            price_ticks=row.price_ticks,
            fee=round_half_up(notional * numerator, denominator * rounding) * rounding,
            fee_currency=instrument.currency,
            liquidity=row.liquidity,
            venue_time_ns=row.venue_time_ns,
            arrival_time_ns=row.arrival_ns,
            reference_ticks=row.reference_ticks,
            half_spread_microticks=row.half_spread_microticks,
        )

    def _funding(self, instrument: Instrument, row: CoreReport) -> FundingCharged:
        numerator, denominator = self._funding_rate
        rounding = self._rounding
        notional = instrument.notional(row.lots, row.price_ticks)
        owed = round_half_up(notional * numerator, denominator * rounding) * rounding
        if self._profile.funding_rule is FundingRule.AGAINST:
            owed = abs(owed)
        return FundingCharged(
            instrument=instrument.symbol,
            charge_id=f"{instrument.symbol}-{row.venue_time_ns}",
            amount=-owed,
            rate=str(self._profile.funding_rate),
            position_lots=row.lots,
            mark_ticks=row.price_ticks,
            venue_time_ns=row.venue_time_ns,
            arrival_time_ns=row.arrival_ns,
        )
