"""Venues made of records: one that only repeats reports, one that gives the live answers.

`RecordedVenue` serves replays: what the venue said is part of the log, so orders go nowhere.
`AnsweredVenue` serves the ladder: an order takes the answer the live run got for the same decision;
an order that live did not make is simulated.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

import msgspec

from tieout.adapters.venues.costs import Holdings, Market
from tieout.adapters.venues.simulated.shorting import RECALL
from tieout.kernel.ports import ActingVenue, Venue
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Fill,
    FundingCharged,
    MarginWarned,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    OrderRejected,
    Report,
    Split,
)
from tieout.model.money import round_half_up
from tieout.model.orders import AmendOrder, PlaceOrder
from tieout.model.splits import Ratio, lots_after

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tieout.adapters.venues.costs import Costs
    from tieout.model.events import ActionBooked, CorporateAction
    from tieout.model.orders import CancelOrder
    from tieout.model.profiles import SimulationProfile

__all__ = [
    "AnsweredVenue",
    "LiveAnswers",
    "RecordedVenue",
    "SimulatedMarket",
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

    def amend(self, order: AmendOrder) -> None:
        """Take an amend; its answer is in the record already."""

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


class SimulatedMarket(Venue, ActingVenue, Market, Protocol):
    """A simulated venue that can be asked for the market price, and told of an account."""

    def know(self, reports: Sequence[Report], *, unwatched: Collection[str]) -> None:
        """Know of an account on margin what another venue told of it."""

    def unwatch(self, symbol: str, at_ns: int) -> None:
        """Watch a position no longer."""


class LiveAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What the live run's journal says the venue answered.

    Attributes:
        orders: Live orders by decision id.
        reports: Reports by decision id, in journal order.
        funding: Funding charges, in journal order.
        amends: Amends that live sent, in journal order.
        splits: Splits that the run was given, those before its start included.
        down: (since, until) of each time that the process was down.
        imposed: Orders that the venue placed by itself, what became of them stands in `reports`,
            and its warnings of them, in journal order.
    """

    orders: dict[str, PlaceOrder]
    reports: dict[str, list[Report]]
    funding: list[FundingCharged]
    amends: tuple[AmendOrder, ...] = ()
    splits: tuple[Split, ...] = ()
    down: tuple[tuple[int, int], ...] = ()
    imposed: tuple[OrderImposed | MarginWarned, ...] = ()

    def order(self, wanted: PlaceOrder) -> PlaceOrder | None:
        """Return the order that live made of the same decision, at the same time; None: none.

        What would have been decided while the process was down, live decided when it was back, if
        at all: no answer to that says what the venue would have answered then.
        """
        live = self.orders.get(wanted.decision_id)
        if live is None or not _same(wanted, live):
            return None
        late = any(
            since < live.decided_at_ns <= until or wanted.decided_at_ns < until < live.decided_at_ns
            for since, until in self.down
        )
        return None if late else live

    def fills(self) -> Iterable[Fill]:
        """Yield every recorded fill, order by order."""
        for reports in self.reports.values():
            yield from (each for each in reports if isinstance(each, Fill))


class AnsweredVenue:
    """Answers an order as the live venue did, where live made the same order.

    The same means: decision id, instrument, side and type agree. The recorded fills serve the
    quantity that both orders share; what only this run wanted is simulated. Cancels and amends
    that live made at its own wish are answered only when this run wishes them too. An amend that
    live did not make ends what the record can say: what is left of the order then is simulated.

    What live's venue closed by itself, a liquidation or a recall, is closed here too, as far as
    this run holds the position. A position that live did not hold so is watched by the model.

    Args:
        simulated: The model, on the venue's market.
        answers: What live's venue said.
        costs: Of fills and positions.
        profile: Every assumption.
        positions: Signed lots at the start, by symbol.
        start_ns: When the run starts.
        lends: Whether the model knows what there is to borrow, and calls back by it.
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
        lends: bool = False,
    ) -> None:
        self._simulated = simulated
        self._answers = answers
        self._costs = costs
        self._profile = profile
        self._held = Holdings(positions)
        self._waiting: list[tuple[int, int, Report]] = []
        self._number = 0
        self._answered: set[str] = set()
        self._rest_of: dict[str, str] = {}
        self._served: dict[str, int] = {}
        self._placed: dict[str, PlaceOrder] = {}
        self._beyond: dict[str, list[Fill]] = {}
        self._funded_until_ns = start_ns
        self._imposed = list(answers.imposed)
        # What live held says whose matter a position is, where the model watches some.
        watches = lends or profile.margin is not None
        # Positions are as a split from before the start left them.
        splits = [each for each in answers.splits if each.venue_time_ns > start_ns]
        self._live = Holdings(positions, answers.fills(), splits) if watches else None
        self._called_back: set[str] = set()
        if self._live is not None:
            for symbol in positions:
                simulated.unwatch(symbol, start_ns)

    def place(self, order: PlaceOrder) -> None:
        """Take an order: answered from the record where live made it, else simulated."""
        live = self._answers.order(order)
        if live is None:
            self._simulated.place(order)
            return
        self._answered.add(order.decision_id)
        self._placed[order.decision_id] = order
        left = order.lots
        for report in self._answers.reports.get(order.decision_id, []):
            if type(report) is Fill:
                lots = min(left, report.lots)
                left -= lots
                if lots:
                    self._wait(_part(report, lots), order.decided_at_ns)
                if lots < report.lots:
                    # Live's order was larger, or it became so by an amend.
                    beyond = self._beyond.setdefault(order.decision_id, [])
                    beyond.append(_part(report, report.lots - lots))
            elif (ratio := self._split_by(order.instrument, report)) is not None:
                assert isinstance(report, OrderAmended), report
                done = self._placed[order.decision_id].lots - left
                left = lots_after(left, ratio)
                after = msgspec.structs.replace(report, lots=done + left)
                self._placed[order.decision_id] = msgspec.structs.replace(order, lots=after.lots)
                self._wait(after, order.decided_at_ns)
            elif type(report) in _ANSWERS_TO_AMENDS:
                continue
            elif type(report) is not OrderCancelled or report.reason != "requested":
                self._wait(report, order.decided_at_ns)
        if order.lots > live.lots:
            rest = msgspec.structs.replace(
                order, decision_id=_rest(order.decision_id), lots=order.lots - live.lots
            )
            self._rest_of[rest.decision_id] = order.decision_id
            self._simulated.place(rest)

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel: answered from the record where live cancelled too."""
        target = order.order_decision_id
        if target not in self._answered:
            self._simulated.cancel(order)
            return
        if _rest(target) in self._rest_of:
            self._simulated.cancel(msgspec.structs.replace(order, order_decision_id=_rest(target)))
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
            if getattr(each[2], "decision_id", "") != target
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

    def amend(self, order: AmendOrder) -> None:
        """Take an amend: answered from the record where live made it too."""
        target = order.order_decision_id
        if target not in self._answered:
            self._simulated.amend(order)
            return
        made = [each for each in self._answers.amends if each.order_decision_id == target]
        ours = [each.decision_id for each in made]
        symbol = self._placed[target].instrument
        answers = [
            report
            for report in self._answers.reports.get(target, [])
            if type(report) in _ANSWERS_TO_AMENDS and self._split_by(symbol, report) is None
        ]
        if order.decision_id not in ours:
            self._depart(order)
        elif (place := ours.index(order.decision_id)) < len(answers):
            answer = answers[place]
            self._wait(answer, order.decided_at_ns)
            if type(answer) is OrderAmended:
                self._grow(target, answer.lots, order.decided_at_ns)

    def act(
        self,
        action: CorporateAction,
        *,
        held_lots: int,
        past: bool,
        booked: ActionBooked | None = None,
    ) -> None:
        """Let the orders that are simulated be as an action leaves them; others were answered."""
        if isinstance(action, Split) and not past:
            self._held.split(action)
        self._simulated.act(action, held_lots=held_lots, past=past, booked=booked)
        if self._live is None:
            return
        symbol, at_ns = action.instrument, action.arrival_time_ns
        if self._held.lots_before(symbol, at_ns) == self._live.lots_before(symbol, at_ns):
            # It is watched where it is the position that live held, by live's venue.
            self._simulated.unwatch(symbol, action.venue_time_ns)

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return the earliest time by the limit at which there may be a report."""
        wake = self._simulated.next_wake_ns(limit_ns)
        if self._imposed:
            imposed_ns = self._imposed[0].arrival_time_ns
            if imposed_ns <= limit_ns:
                wake = imposed_ns if wake is None else min(wake, imposed_ns)
        if self._waiting and self._waiting[0][0] <= limit_ns:
            first = self._waiting[0][0]
            wake = first if wake is None else min(wake, first)
        bound = limit_ns if wake is None else wake
        charges = self._costs.funding(self._funded_until_ns, bound, self._held)
        return charges[0].arrival_time_ns if charges else wake

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return every report due by then, in order of arrival."""
        # Step by step: what is charged on a position must know the fills before it.
        due: list[Report] = []
        while (wake_ns := self.next_wake_ns(until_ns)) is not None:
            due += self._known_by(wake_ns)
        return due + self._known_by(until_ns)

    def _known_by(self, until_ns: int) -> list[Report]:
        simulated = self._own(self._simulated.advance(until_ns))
        # Behind the rows: what a position pays is told by the last price.
        charges = list(self._costs.funding(self._funded_until_ns, until_ns, self._held))
        self._funded_until_ns = max(self._funded_until_ns, until_ns)
        self._called_back |= {
            each.order.decision_id for each in simulated if isinstance(each, OrderImposed)
        }
        while self._imposed and self._imposed[0].arrival_time_ns <= until_ns:
            self._impose(self._imposed.pop(0))
        answered: list[Report] = []
        while self._waiting and self._waiting[0][0] <= until_ns:
            answered.append(self._priced(heappop(self._waiting)[2]))
        reports = sorted(
            [*charges, *answered, *simulated], key=lambda report: report.arrival_time_ns
        )
        if self._live is not None:
            self._tell_model([*charges, *answered], until_ns)
        for report in reports:
            if type(report) is Fill:
                self._held.take(report)
                served = self._served.get(report.decision_id, 0)
                self._served[report.decision_id] = served + report.lots
        return reports

    def _tell_model(self, reports: Sequence[Report], until_ns: int) -> None:
        """Let the model know the account, and watch what live did not hold as this run does."""
        assert self._live is not None
        # Of our own fills the model knows already what it filled itself.
        told = sorted(reports, key=lambda report: report.arrival_time_ns)
        lots: dict[str, int] = {}
        for each in told:
            if isinstance(each, Fill | FundingCharged):
                # A payment leaves the position as it is, and whoever closes it then.
                traded = each.side * each.lots if isinstance(each, Fill) else 0
                lots[each.instrument] = lots.get(each.instrument, 0) + traded
        same = {
            symbol
            for symbol, traded in lots.items()
            if self._held.lots_before(symbol, until_ns + 1) + traded
            == self._live.lots_before(symbol, until_ns + 1)
        }
        self._simulated.know(told, unwatched=same)

    def _impose(self, live: OrderImposed | MarginWarned) -> None:
        """Let the venue close what this run holds of the position that it closed for live."""
        if isinstance(live, MarginWarned):
            held = self._held.lots_before(live.instrument, live.venue_time_ns + 1)
            if held * live.position_lots > 0:
                self._wait(live, live.arrival_time_ns)
            return
        order = live.order
        if order.decision_id in self._called_back:
            # Of another position than live's the model has called back what there is too much.
            return
        held = -order.side * self._held.lots_before(order.instrument, live.venue_time_ns + 1)
        left = min(order.lots, held)
        if live.reason == RECALL and self._live is not None:
            # As much may stay as stayed of live's.
            before = -order.side * self._live.lots_before(order.instrument, live.venue_time_ns + 1)
            left = min(left, held - max(0, before - order.lots))
        if left <= 0:
            return
        told_ns = live.arrival_time_ns
        closing = msgspec.structs.replace(order, lots=left)
        self._wait(msgspec.structs.replace(live, order=closing), told_ns)
        for report in self._answers.reports.get(order.decision_id, []):
            if type(report) is not Fill:
                self._wait(report, told_ns)
                continue
            lots = min(left, report.lots)
            left -= lots
            if lots:
                self._wait(_part(report, lots), told_ns)

    def _split_by(self, symbol: str, report: Report) -> Ratio | None:
        """Return the split that live's venue changed an order by, or None."""
        if type(report) is not OrderAmended:
            return None
        return next(
            (
                Ratio(each.new, each.old)
                for each in self._answers.splits
                if (each.instrument, each.venue_time_ns) == (symbol, report.venue_time_ns)
            ),
            None,
        )

    def _grow(self, target: str, lots: int, decided_at_ns: int) -> None:
        """Give the recorded fills that only the amended order is large enough for."""
        placed = self._placed[target]
        more = lots - placed.lots
        self._placed[target] = msgspec.structs.replace(placed, lots=max(lots, placed.lots))
        waiting, self._beyond[target] = self._beyond.get(target, []), []
        for fill in waiting:
            given = max(0, min(more, fill.lots))
            more -= given
            if given:
                self._wait(_part(fill, given), decided_at_ns)
            if given < fill.lots:
                self._beyond[target].append(_part(fill, fill.lots - given))

    def _depart(self, order: AmendOrder) -> None:
        """Go on by simulation: live never had an order with these terms."""
        target = order.order_decision_id
        reached_ns = order.decided_at_ns + self._profile.order_latency_ns
        self._waiting = sorted(
            each
            for each in self._waiting
            if getattr(each[2], "decision_id", "") != target or each[2].venue_time_ns <= reached_ns  # type: ignore[union-attr]
        )
        coming = sum(
            each[2].lots
            for each in self._waiting
            if type(each[2]) is Fill and each[2].decision_id == target
        )
        placed = self._placed[target]
        terms = msgspec.structs.replace(
            placed,
            lots=placed.lots if order.lots is None else order.lots,
            limit_ticks=placed.limit_ticks if order.limit_ticks is None else order.limit_ticks,
            stop_ticks=placed.stop_ticks if order.stop_ticks is None else order.stop_ticks,
            decided_at_ns=order.decided_at_ns,
        )
        self._wait(
            OrderAmended(
                decision_id=target,
                lots=terms.lots,
                limit_ticks=terms.limit_ticks,
                stop_ticks=terms.stop_ticks,
                venue_time_ns=reached_ns,
                arrival_time_ns=reached_ns + self._profile.response_latency_ns,
            ),
            order.decided_at_ns,
        )
        left = terms.lots - self._served.get(target, 0) - coming
        rest = _rest(target)
        if rest in self._rest_of:
            left_over = msgspec.structs.replace(order, order_decision_id=rest, lots=left)
            self._simulated.amend(left_over)
        elif left > 0:
            self._rest_of[rest] = target
            self._simulated.place(msgspec.structs.replace(terms, decision_id=rest, lots=left))

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

    def _own(self, reports: Iterable[Report]) -> list[Report]:
        """Give the reports of a simulated rest to the order it belongs to."""
        found: list[Report] = []
        for report in reports:
            parent = self._rest_of.get(getattr(report, "decision_id", ""))
            if parent is None:
                found.append(report)
            elif type(report) is not CancelRejected:
                # That the rest had traded already says nothing about the order as a whole.
                found.append(msgspec.structs.replace(report, decision_id=parent))
        return found

    def _is_final(self, decision: str) -> bool:
        return any(
            type(report) in (OrderCancelled, OrderRejected)
            for report in self._answers.reports.get(decision, [])
        )


_ANSWERS_TO_AMENDS = (OrderAmended, AmendRejected)


def _half_spread(profile: SimulationProfile, fill: Fill, reference: int | None) -> int:
    if reference is None or not profile.pays_half_spread or fill.liquidity == 1:
        return 0
    numerator, denominator = (profile.spread_of(fill.instrument) / 2).as_integer_ratio()
    half = reference * 10**6 * numerator // (denominator * 10**4)
    return min(half, abs(fill.price_ticks - reference) * 10**6)


def _rest(decision_id: str) -> str:
    """Name what of an order live did not ask for, apart from what it did."""
    return decision_id + "+"


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
