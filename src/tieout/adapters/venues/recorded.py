"""Venues made of records: one that only repeats reports, one that gives the live answers.

`RecordedVenue` serves replays: what the venue said is part of the log, so orders go nowhere.
`AnsweredVenue` serves the ladder: an order takes the answer the live run got for the same decision;
an order that live did not make is simulated.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

import msgspec

from tieout.kernel.ports import Venue
from tieout.model.events import (
    CancelRejected,
    Fill,
    FundingCharged,
    OrderCancelled,
    OrderRejected,
    Report,
)
from tieout.model.money import MONEY_DIGITS, round_half_up
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import FillLevel, FundingRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tieout.model.instruments import Instrument
    from tieout.model.orders import CancelOrder
    from tieout.model.profiles import SimulationProfile

__all__ = [
    "AnsweredVenue",
    "ChargedCosts",
    "Costs",
    "LiveAnswers",
    "Market",
    "ModelledCosts",
    "RecordedVenue",
    "SimulatedMarket",
    "modelled_fee",
]


class RecordedVenue:
    """A venue whose reports are given in advance; orders and cancels have no effect.

    Args:
        reports: In order of arrival; empty when the source itself carries them.
    """

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self._reports = list(reports)
        self._next = 0

    def place(self, order: PlaceOrder) -> None:
        """Take an order; its answer is in the record already."""

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel; its answer is in the record already."""

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return the arrival of the next report when it is due by the limit."""
        if self._next == len(self._reports):
            return None
        arrival_ns = self._reports[self._next].arrival_time_ns
        return arrival_ns if arrival_ns <= limit_ns else None

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return the reports due by then."""
        start = self._next
        while self.next_wake_ns(until_ns) is not None:
            self._next += 1
        return self._reports[start : self._next]


class Market(Protocol):
    """The part of the simulated venue that tells what the market was."""

    def reference_ticks(self, instrument: str, venue_time_ns: int) -> int | None:
        """Return the last price at or before a venue time."""


class SimulatedMarket(Venue, Market, Protocol):
    """A simulated venue that can be asked for the market price."""


class LiveAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What the live run's journal says the venue answered.

    Attributes:
        orders: Live orders by decision id.
        reports: Reports by decision id, in journal order.
        funding: Funding charges, in journal order.
    """

    orders: dict[str, PlaceOrder]
    reports: dict[str, list[Report]]
    funding: list[FundingCharged]


class Costs(Protocol):
    """What an answered fill and a position cost."""

    def fee(self, fill: Fill) -> int:
        """Return the commission of a fill in internal money units; positive is paid."""

    def funding(
        self, after_ns: int, until_ns: int, positions: Mapping[str, int]
    ) -> Sequence[FundingCharged]:
        """Return the charges known after one time and by another, on the positions held."""


class ModelledCosts:
    """Costs as the profile has them: what the twin would have paid for the same fills."""

    def __init__(
        self,
        profile: SimulationProfile,
        instruments: Mapping[str, Instrument],
        market: Market,
    ) -> None:
        self._profile = profile
        self._instruments = instruments
        self._market = market

    def fee(self, fill: Fill) -> int:
        """Return the profile's commission of a fill."""
        return modelled_fee(self._profile, self._instruments[fill.instrument], fill)

    def funding(
        self, after_ns: int, until_ns: int, positions: Mapping[str, int]
    ) -> Sequence[FundingCharged]:
        """Return the profile's charges that become known in (after, until]."""
        profile = self._profile
        if profile.funding_rule is FundingRule.NONE:
            return ()
        found: list[FundingCharged] = []
        step, delay = profile.funding_interval_ns, profile.response_latency_ns
        due_ns = (after_ns - delay) // step * step + step
        while due_ns + delay <= until_ns:
            found.extend(self._charges(due_ns, due_ns + delay, positions))
            due_ns += step
        return found

    def _charges(
        self, due_ns: int, arrival_ns: int, positions: Mapping[str, int]
    ) -> Iterable[FundingCharged]:
        profile = self._profile
        digits = 10 ** (MONEY_DIGITS - profile.fee_digits)
        numerator, denominator = profile.funding_rate.as_integer_ratio()
        for symbol, lots in positions.items():
            mark = self._market.reference_ticks(symbol, due_ns - 1) if lots else None
            if mark is None:
                continue
            notional = self._instruments[symbol].notional(lots, mark)
            owed = round_half_up(notional * numerator, denominator * digits) * digits
            paid = abs(owed) if profile.funding_rule is FundingRule.AGAINST else owed
            yield FundingCharged(
                instrument=symbol,
                charge_id=f"{symbol}-{due_ns}",
                amount=-paid,
                rate=str(profile.funding_rate),
                position_lots=lots,
                mark_ticks=mark,
                venue_time_ns=due_ns,
                arrival_time_ns=arrival_ns,
            )


class ChargedCosts:
    """Costs as the venue charged them: fees of the recorded fills, funding of the record."""

    def __init__(self, recorded: Sequence[FundingCharged]) -> None:
        self._recorded = recorded

    def fee(self, fill: Fill) -> int:
        """Return what the venue charged for the fill."""
        return fill.fee

    def funding(
        self, after_ns: int, until_ns: int, positions: Mapping[str, int]
    ) -> Sequence[FundingCharged]:
        """Return the recorded charges of (after, until], scaled where the position differs."""
        found: list[FundingCharged] = []
        for charge in self._recorded:
            if not after_ns < charge.arrival_time_ns <= until_ns:
                continue
            lots = positions.get(charge.instrument, 0)
            if charge.position_lots is None or charge.position_lots == lots:
                found.append(charge)
            elif lots and charge.position_lots:
                amount = round_half_up(
                    charge.amount * lots * (1 if charge.position_lots > 0 else -1),
                    abs(charge.position_lots),
                )
                found.append(msgspec.structs.replace(charge, amount=amount, position_lots=lots))
        return found


class AnsweredVenue:
    """Answers an order as the live venue did, where live made the same order.

    The same means: decision id, instrument, side and type agree. The recorded fills serve the
    quantity that both orders share; what only this run wanted is simulated. Cancels that live
    made at its own wish are answered only when this run wishes them too.
    """

    def __init__(
        self,
        simulated: SimulatedMarket,
        answers: LiveAnswers,
        costs: Costs,
        *,
        profile: SimulationProfile,
        positions: Mapping[str, int],
        start_ns: int,
    ) -> None:
        self._simulated = simulated
        self._answers = answers
        self._costs = costs
        self._profile = profile
        self._positions = dict(positions)
        self._waiting: list[tuple[int, int, Report]] = []
        self._number = 0
        self._rest_of: dict[str, str] = {}
        self._served: dict[str, int] = {}
        self._funded_until_ns = start_ns

    def place(self, order: PlaceOrder) -> None:
        """Take an order: answered from the record where live made it, else simulated."""
        live = self._answers.orders.get(order.decision_id)
        if live is None or not _same(order, live):
            self._simulated.place(order)
            return
        left = order.lots
        for report in self._answers.reports.get(order.decision_id, []):
            if type(report) is Fill:
                lots = min(left, report.lots)
                left -= lots
                if lots:
                    self._wait(_part(report, lots), order.decided_at_ns)
            elif type(report) is not OrderCancelled or report.reason != "requested":
                self._wait(report, order.decided_at_ns)
        if order.lots > live.lots:
            rest = msgspec.structs.replace(
                order, decision_id=order.decision_id + "+", lots=order.lots - live.lots
            )
            self._rest_of[rest.decision_id] = order.decision_id
            self._simulated.place(rest)

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel: answered from the record where live cancelled too."""
        target = order.order_decision_id
        if target not in self._answers.orders:
            self._simulated.cancel(order)
            return
        for report in self._answers.reports.get(target, []):
            if type(report) is OrderCancelled and report.reason == "requested":
                self._wait(report, order.decided_at_ns)
                return
            if type(report) is CancelRejected:
                return
        reached_ns = order.decided_at_ns + self._profile.order_latency_ns
        kept = [
            each
            for each in self._waiting
            if each[2].decision_id != target  # type: ignore[union-attr]
            or type(each[2]) is not Fill
            or each[2].venue_time_ns <= reached_ns
        ]
        if len(kept) < len(self._waiting) or not self._is_final(target):
            self._waiting = sorted(kept)
            cancelled = OrderCancelled(
                decision_id=target,
                reason="requested",
                filled_lots=self._served.get(target, 0),
                venue_time_ns=reached_ns,
                arrival_time_ns=reached_ns + self._profile.response_latency_ns,
            )
            self._wait(cancelled, order.decided_at_ns)

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return the earliest time by the limit at which there may be a report."""
        wake = self._simulated.next_wake_ns(limit_ns)
        if self._waiting and self._waiting[0][0] <= limit_ns:
            first = self._waiting[0][0]
            wake = first if wake is None else min(wake, first)
        bound = limit_ns if wake is None else wake
        charges = self._costs.funding(self._funded_until_ns, bound, self._positions)
        return charges[0].arrival_time_ns if charges else wake

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return every report due by then, in order of arrival."""
        charges = list(self._costs.funding(self._funded_until_ns, until_ns, self._positions))
        self._funded_until_ns = max(self._funded_until_ns, until_ns)
        simulated = [self._as_own(report) for report in self._simulated.advance(until_ns)]
        answered: list[Report] = []
        while self._waiting and self._waiting[0][0] <= until_ns:
            answered.append(self._priced(heappop(self._waiting)[2]))
        reports = sorted(
            [*charges, *answered, *simulated], key=lambda report: report.arrival_time_ns
        )
        for report in reports:
            if type(report) is Fill:
                held = self._positions.get(report.instrument, 0)
                self._positions[report.instrument] = held + report.side * report.lots
                served = self._served.get(report.decision_id, 0)
                self._served[report.decision_id] = served + report.lots
        return reports

    def _wait(self, report: Report, decided_at_ns: int) -> None:
        arrival_ns = max(report.arrival_time_ns, decided_at_ns)
        if arrival_ns != report.arrival_time_ns:
            report = msgspec.structs.replace(report, arrival_time_ns=arrival_ns)
        heappush(self._waiting, (arrival_ns, self._number, report))
        self._number += 1

    def _priced(self, report: Report) -> Report:
        """Charge a recorded fill its costs, and say where the market stood when it traded."""
        if type(report) is not Fill:
            return report
        reference = self._simulated.reference_ticks(report.instrument, report.venue_time_ns)
        return msgspec.structs.replace(
            report,
            fee=self._costs.fee(report),
            reference_ticks=reference,
            half_spread_microticks=_half_spread(self._profile, report, reference),
        )

    def _as_own(self, report: Report) -> Report:
        parent = self._rest_of.get(getattr(report, "decision_id", ""))
        return report if parent is None else msgspec.structs.replace(report, decision_id=parent)

    def _is_final(self, decision: str) -> bool:
        return any(
            type(report) in (OrderCancelled, OrderRejected)
            for report in self._answers.reports.get(decision, [])
        )


def modelled_fee(profile: SimulationProfile, instrument: Instrument, fill: Fill) -> int:
    """Return a profile's commission of a fill: rate by liquidity, rounded half up."""
    maker = fill.liquidity == 1
    rate = profile.maker_fee_rate if maker else profile.taker_fee_rate
    numerator, denominator = rate.as_integer_ratio()
    digits = 10 ** (MONEY_DIGITS - profile.fee_digits)
    notional = instrument.notional(fill.lots, fill.price_ticks)
    fee: int = round_half_up(notional * numerator, denominator * digits) * digits
    return fee


def _half_spread(profile: SimulationProfile, fill: Fill, reference: int | None) -> int:
    if reference is None or profile.fill_level is not FillLevel.IMPACT or fill.liquidity == 1:
        return 0
    numerator, denominator = (profile.spread_bps / 2).as_integer_ratio()
    half = reference * 10**6 * numerator // (denominator * 10**4)
    return min(half, abs(fill.price_ticks - reference) * 10**6)


def _same(order: PlaceOrder, live: PlaceOrder) -> bool:
    return (order.instrument, order.side, order.order_type) == (
        live.instrument,
        live.side,
        live.order_type,
    )


def _part(fill: Fill, lots: int) -> Fill:
    if lots == fill.lots:
        return fill
    return msgspec.structs.replace(fill, lots=lots, fee=round_half_up(fill.fee * lots, fill.lots))
