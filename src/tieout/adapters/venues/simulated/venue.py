"""The simulated venue: one object for all worlds, on stored markets or on one that arrives."""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, cast

import msgspec

from tieout.adapters.venues.funding import Funding
from tieout.adapters.venues.simulated.account_watch import AccountWatch
from tieout.adapters.venues.simulated.acting import act_on, carried_over, closing_of, order_report
from tieout.adapters.venues.simulated.assumed import Assumed, fee_meter_of
from tieout.adapters.venues.simulated.certainty import Certainty, certainty_of
from tieout.adapters.venues.simulated.cores import LendableCore, core_of
from tieout.adapters.venues.simulated.last_price import FRESH, LastPrices
from tieout.adapters.venues.simulated.lent import Lent
from tieout.adapters.venues.simulated.margin_watch import OWN, MarginWatch, own_order
from tieout.adapters.venues.simulated.margins import Margins
from tieout.adapters.venues.simulated.shorting import RECALL, Shorting
from tieout.errors import InputError, InvariantViolated
from tieout.market import ASSUMED, REASONS, MatchingCore, ReportKind
from tieout.market.book_terms import book_amend_refusal, book_refusal
from tieout.market.reports import core_report
from tieout.market.terms import amend_refused, terms_refused
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Delisted,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    OrderRejected,
    OrderTriggered,
    PriceAged,
    Split,
)
from tieout.model.margin import LIQUIDATION, MarginMode
from tieout.model.orders import REJECTED, OrderType, PlaceOrder
from tieout.model.profiles import FillLevel, FundingRule, InsideRule, StalePolicy
from tieout.model.splits import order_after

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tieout.adapters.venues.simulated.assumed import Way
    from tieout.adapters.venues.simulated.cores import Core
    from tieout.adapters.venues.simulated.last_price import QuotesKnown, Seen
    from tieout.adapters.venues.simulated.margin_watch import Watch
    from tieout.kernel.ports import MarketRecord
    from tieout.market import CoreReport
    from tieout.market.book_matching import BookCore
    from tieout.model.borrow import BorrowRates
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.model.events import ActionBooked, CorporateAction, Report
    from tieout.model.funding import FundingRates
    from tieout.model.instruments import Instrument
    from tieout.model.orders import AmendOrder, CancelOrder
    from tieout.model.profiles import SimulationProfile

__all__ = ["SimulatedVenue", "Standing"]

_ARRIVAL_RANK = 2
"""Orders and cancels that reach the venue come after the prints of that moment."""

_Waiting = tuple[int, int, int, int, int, "Report"]
"""A report that is not told yet, after what it is told in the order of: when it is known, when it
came about and as what of a market's, and as which report of all."""

_FILL = ReportKind.FILL
_NEVER = 1 << 62

_ROW_LEVELS = (FillLevel.NAIVE, FillLevel.FIXED, FillLevel.IMPACT)
"""Levels at which a market is one stream of prints or bars."""

_ONCE_TRIGGERED = {
    int(OrderType.STOP_MARKET): int(OrderType.MARKET),
    int(OrderType.STOP_LIMIT): int(OrderType.LIMIT),
    int(OrderType.MARKET_IF_TOUCHED): int(OrderType.MARKET),
    int(OrderType.LIMIT_IF_TOUCHED): int(OrderType.LIMIT),
    int(OrderType.TRAILING_STOP): int(OrderType.MARKET),
}

_BUSY = "busy"
_BUSY_DETAIL = "the venue was too busy"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the venue took before the process stopped, as the journal has it.

    Attributes:
        place: The order as it stands, amends included.
        filled_lots: What it has filled.
        fills: In how many fills.
        triggered: Whether its trigger was reached.
    """

    place: PlaceOrder
    filled_lots: int = 0
    fills: int = 0
    triggered: bool = False


class _Placed(msgspec.Struct, gc=False):
    """An order the venue knows."""

    place: PlaceOrder
    fills: int = 0
    arrival_ns: int = 0


class _Market:
    """One instrument: its core, its record, and the chunk that comes next."""

    def __init__(self, instrument: Instrument, core: Core, record: MarketRecord) -> None:
        self.instrument = instrument
        self.core = core
        self._record = record
        self._ahead: MarketColumns | RecordedColumns | None = None
        self._behind_ns = 0
        # Who looks at the rows besides the core.
        self.account: AccountWatch | None = None

    def at(self, now_ns: int) -> list[CoreReport]:
        """Put all that arrived by now behind what is sent now; return what came of it.

        Else a command would meet rows that are over where nobody had to ask for them before.
        """
        if now_ns <= self._behind_ns:
            return []
        self._behind_ns = now_ns
        return [] if self.core.passes(now_ns) else self.advance(now_ns)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way in a market that has rows."""
        core = self.core
        if type(core) is not MatchingCore or self.is_watched:
            return False
        return core.calm_before_ns == _NEVER and core.has_rows

    @property
    def is_watched(self) -> bool:
        """Whether an account is looked at by its rows."""
        return self.account is not None and self.account.watches(self.instrument.symbol)

    def next_touch_ns(self, limit_ns: int) -> int | None:
        """Return when this market may next cause a report, or shows rows not looked at yet.

        Asked only of a market that is not calm before the limit.
        """
        core = self.core
        touch = core.next_touch_ns(limit_ns)
        if touch is None and self._reaches(limit_ns):
            ahead = self._peek(limit_ns)
            touch = None if ahead is None else self._first_met_ns(ahead)
            touch = touch if touch is not None and touch <= limit_ns else None
        answer = core.next_answer_ns()
        if answer is not None and answer <= limit_ns and (touch is None or answer < touch):
            touch = answer
        if self.account is None:
            return touch
        look = self.account.next_look_ns(
            self.instrument.symbol, limit_ns if touch is None else touch
        )
        return touch if look is None else look

    def advance(self, until_ns: int) -> list[CoreReport]:
        """Commit every row that arrived by then."""
        core = self.core
        found = core.commit(until_ns)
        while core.wants_rows:
            ahead = self._peek(until_ns)
            if ahead is None or self._first_met_ns(ahead) > until_ns:
                break
            self._ahead = None
            core.give(ahead)
            if self.account is not None:
                self.account.take(self.instrument.symbol, ahead)  # type: ignore[arg-type]
            found += core.commit(until_ns)
        found += core.answer(until_ns)
        return found

    def _first_met_ns(self, ahead: MarketColumns | RecordedColumns) -> int:
        """Return when the chunk that comes next may first cause a report."""
        first_ns = self.core.first_arrival_ns(ahead)
        last_ns = self.core.last_arrival_ns
        return first_ns if last_ns is None else max(first_ns, last_ns)

    def _reaches(self, limit_ns: int) -> bool:
        """Whether the chunk in hand ends before the limit, so that the next one matters."""
        return self.core.last_arrival_ns is None or self.core.last_arrival_ns <= limit_ns

    def feed(self, until_ns: int) -> bool:
        """Give the core its next rows, all before being committed; False when none are there."""
        ahead = self._peek(until_ns)
        if ahead is None:
            return False
        self._ahead = None
        self.core.give(ahead)
        return True

    def _peek(self, until_ns: int) -> MarketColumns | RecordedColumns | None:
        while self._ahead is None:
            self._ahead = self._record.fetch(until_ns)
            if self._ahead is None:
                return None
            if not len(self._ahead):
                self._ahead = None
            else:
                self.core.expect(self._ahead)
        return self._ahead


class SimulatedVenue:
    """Matches orders on market records by the rules of the matching page.

    Args:
        instruments: What can be traded, by symbol.
        profile: Every assumption.
        records: The market of each instrument.
        positions: Signed lots at the start, by symbol.
        start_ns: When that start is; funding due before is none of ours, 0: the record's.
        models: The user's own models by kind; those the profile names, held to their contracts.
        seed: Keys every drawn latency.
        sessions: Pairs [open, close) of venue times by symbol; always open where there are none.
        funding_rates: The venue's own; the profile's constant where they say nothing.
        borrow_rates: What borrowing costs and how much there is, by date; the profile's constant
            and no limit where they say nothing.
        cash: Balance at the start in money units, of an account on margin.
        costs: What the positions at the start cost, by symbol, of an account on margin.
        quotes: Best bids and asks by symbol, which market orders fill at where the profile's
            `market_rule` is the last price.
        hours: Sessions without their breaks, by symbol, in which that rule fills; None: sessions.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        profile: SimulationProfile,
        records: Mapping[str, MarketRecord],
        *,
        positions: Mapping[str, int] | None = None,
        start_ns: int = 0,
        models: Mapping[str, object] | None = None,
        seed: int = 0,
        sessions: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        funding_rates: FundingRates | None = None,
        borrow_rates: BorrowRates | None = None,
        cash: int = 0,
        costs: Mapping[str, int] | None = None,
        quotes: Mapping[str, QuotesKnown] | None = None,
        hours: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    ) -> None:
        missing = sorted(set(instruments) - set(records))
        if missing:
            raise InputError(
                f"simulated venue: no market data for {', '.join(missing)}; name a data set"
            )
        held = positions or {}
        trading = sessions or {}
        self._profile = profile
        self._on_book = profile.matches_on_book
        self._funding = Funding(profile, instruments, funding_rates, borrow_rates)
        self._shorting = (
            None
            if borrow_rates is None
            else Shorting(
                borrow_rates,
                {symbol: held.get(symbol, 0) for symbol in instruments},
                start_ns=start_ns and start_ns + profile.clock_offset_ns,
            )
        )
        self._markets = {
            symbol: _Market(
                instrument,
                core_of(
                    symbol,
                    self._profile_of(symbol),
                    records[symbol],
                    lots=held.get(symbol, 0),
                    start_ns=start_ns and start_ns + profile.clock_offset_ns,
                    sessions=trading.get(symbol, ()),
                    models=models or {},
                ),
                records[symbol],
            )
            for symbol, instrument in instruments.items()
        }
        self._each = tuple(self._markets.values())
        # Markets in which something may happen, in their order; the others are not looked at before
        # one of them has used up its rows.
        self._busy = list(self._each)
        self._idle_until_ns = _NEVER
        self._placed: dict[int, _Placed] = {}
        self._next_number = 0
        self._numbers: dict[str, int] = {}
        self._waiting: list[_Waiting] = []
        self._reported = 0
        self._resolved: dict[str, int] = {}
        self._back_ns = 0
        self._started_ns = start_ns
        self._delisted: dict[str, int] = {}
        self._assumed = Assumed(profile, models or {}, seed=seed)
        self._last = (
            LastPrices(profile, hours or trading, quotes or {})
            if LastPrices.asked_by(profile)
            else None
        )
        self._margins = self._account(instruments, cash, held, costs or {})
        # Numbers of the venue's own orders that were told of.
        self._own: set[int] = set()
        # Numbers of orders that the venue itself cancels.
        self._called_off: set[int] = set()
        self._now_ns = start_ns
        self._watch = self._watch_from(start_ns)
        self.fee_meter = fee_meter_of(profile, instruments, self.reference_ticks, start_ns=start_ns)

    # -- the port -----------------------------------------------------------------------------

    def place(self, order: PlaceOrder) -> None:
        """Take an order; it arrives after its latency."""
        sent_ns = max(order.decided_at_ns, self._back_ns)
        way = self._assumed.way("place", order.decision_id, sent_ns)
        number = self._next_number
        arrival_ns, response_ns, busy = way
        detail = _BUSY_DETAIL if busy else self._refusal(order)
        if detail is not None:
            self._reject(order, _BUSY if busy else "invalid", detail, way)
            return
        if self._shorting is not None:
            detail = self._shorting.refusal(order, arrival_ns)
            if detail is not None:
                self._reject(order, "no_borrow", detail, way)
                return
            self._shorting.under_way.place(order)
        core = self._core_at(order.instrument, sent_ns)
        if self._margins is not None:
            detail = self._margins.refusal(order, lambda each: self._last_ticks(each, sent_ns))
            if detail is not None:
                self._reject(order, "margin", detail, way)
                return
            self._margins.under_way.place(order)
        if self._last is not None and self._meets_last(order, core, sent_ns, way):
            return
        reason = core.place(number, order, arrival_ns=arrival_ns, response_ns=response_ns)
        if reason is not None:
            self._reject(order, reason, REJECTED[reason], way)
            return
        self._placed[number] = _Placed(order, arrival_ns=arrival_ns)
        self._next_number += 1
        self._numbers[order.decision_id] = number
        if order.post_only or order.reduce_only:
            # Whether it is accepted depends on the market at its arrival: the core says.
            return
        self._wait(self._accepted(order, arrival_ns, arrival_ns + response_ns), arrival_ns)

    def _meets_last(self, order: PlaceOrder, core: Core, sent_ns: int, way: Way) -> bool:
        """Let a market order meet the last price known; say whether that settled it."""
        assert self._last is not None
        seen = self._last.seen(order, core, sent_ns=sent_ns, arrival_ns=way.arrival_ns)
        if seen is None:
            return False
        self._tell_age(order, seen, way)
        if seen.policy == StalePolicy.REFUSE:
            self._reject(order, "stale_price", REJECTED["stale_price"], way)
            return True
        if seen.fills:
            self._trade_now(order, seen, way)
        return seen.fills

    def _tell_age(self, order: PlaceOrder, seen: Seen, way: Way) -> None:
        """Say how old the price was that a market order found, where its age matters."""
        if self._profile.stale_after_ns is None:
            return
        aged = PriceAged(
            decision_id=order.decision_id,
            price_ticks=seen.price.ticks,
            price_time_ns=seen.price.venue_time_ns,
            policy=seen.policy,
            venue_time_ns=way.arrival_ns,
            arrival_time_ns=way.arrival_ns + way.response_ns,
        )
        self._wait(aged, way.arrival_ns)

    def _trade_now(self, order: PlaceOrder, seen: Seen, way: Way) -> None:
        """Accept an order and fill it as it arrives, at the last price known."""
        number, market = self._next_number, self._markets[order.instrument]
        arrival_ns, response_ns, _ = way
        assert isinstance(market.core, MatchingCore), order
        assert seen.policy == FRESH, seen
        self._placed[number] = _Placed(order)
        self._next_number += 1
        self._numbers[order.decision_id] = number
        self._wait(self._accepted(order, arrival_ns, arrival_ns + response_ns), arrival_ns)
        filled = market.core.trade_now(
            number,
            order,
            ticks=seen.price.ticks,
            arrival_ns=arrival_ns,
            response_ns=response_ns,
        )
        self._take(market, filled)

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel; it arrives after its latency."""
        way = self._way("cancel", order)
        number = self._numbers.get(order.order_decision_id)
        if number is None or way.refused:
            self._wait(
                CancelRejected(
                    decision_id=order.order_decision_id,
                    reason=_BUSY if way.refused else "unknown_order",
                    venue_time_ns=way.arrival_ns,
                    arrival_time_ns=way.arrival_ns + way.response_ns,
                ),
                way.arrival_ns,
            )
            return
        symbol = self._placed[number].place.instrument
        core = self._core_at(symbol, self._sent_ns(order))
        for row in core.cancel(number, arrival_ns=way.arrival_ns, response_ns=way.response_ns):
            self._take(self._markets[symbol], row)

    def amend(self, order: AmendOrder) -> None:
        """Take an amend; it arrives after its latency."""
        way = self._way("amend", order)
        number = self._numbers.get(order.order_decision_id)
        invalid = amend_refused(order) is not None or (
            self._on_book and book_amend_refusal(order) is not None
        )
        if number is None or invalid or way.refused:
            refused = "invalid" if invalid else "unknown_order"
            self._wait(
                AmendRejected(
                    decision_id=order.order_decision_id,
                    reason=_BUSY if way.refused else refused,
                    venue_time_ns=way.arrival_ns,
                    arrival_time_ns=way.arrival_ns + way.response_ns,
                ),
                way.arrival_ns,
            )
            return
        core = self._core_at(self._placed[number].place.instrument, self._sent_ns(order))
        core.amend(number, order, arrival_ns=way.arrival_ns, response_ns=way.response_ns)

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return the earliest arrival by the limit at which there may be a report, or None."""
        wake = None
        if self._waiting:
            arrival_ns = self._waiting[0][0]
            if arrival_ns <= limit_ns:
                wake = limit_ns = arrival_ns
        if self._shorting is not None:
            recall = self._shorting.next_recall_ns(limit_ns)
            if recall is not None:
                wake = limit_ns = recall
        for market in self._busy:
            if limit_ns >= market.core.calm_before_ns or (
                market.account is not None and market.is_watched
            ):
                touch = market.next_touch_ns(limit_ns)
                if touch is not None:
                    wake = limit_ns = touch
        return wake

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return all reports with arrival by then that were not returned before."""
        if len(self._each) == 1 and self._margins is None and self._shorting is None:
            return self._known_by(until_ns)
        # What came about at one time in two markets is told in the order in which it was found, so
        # that must not depend on how far one looks at a time. Nor must what the venue does by
        # itself once a fill is known.
        due: list[Report] = []
        while (wake_ns := self.next_wake_ns(until_ns)) is not None:
            due += self._known_by(wake_ns)
        # Nothing more comes of it, but what the prices were is asked for.
        due += self._known_by(until_ns)
        self._now_ns = max(self._now_ns, until_ns)
        return due

    def _known_by(self, until_ns: int) -> list[Report]:
        if self._shorting is not None:
            for symbol, lots, at_ns in self._shorting.recalls(until_ns):
                self._recall(symbol, lots, at_ns)
        self._go_through(until_ns)
        if self._watch is not None:
            self._watch.look_until(until_ns)
        waiting = self._waiting
        due: list[Report] = []
        while waiting and waiting[0][0] <= until_ns:
            due.append(heappop(waiting)[-1])
        if self.fee_meter is not None:
            # As they become known, however far each market has been gone through.
            due = [self.fee_meter.charge(each) if type(each) is Fill else each for each in due]
        if self._shorting is not None:
            self._shorting.take(due)
        if self._margins is not None:
            due = [self._margins.charged(each) for each in due]
            assert self._watch is not None
            self._watch.after(due, self._margins.take(due), now_ns=until_ns)
        return due

    def _go_through(self, until_ns: int) -> None:
        """Let every market act that anything may happen in."""
        if until_ns >= self._idle_until_ns:
            self._all_busy()
        idle = False
        for market in self._busy:
            if not market.core.passes(until_ns):
                for row in market.advance(until_ns):
                    self._take(market, row)
                idle = idle or market.is_idle
        if idle:
            self._leave_idle()

    # -- corporate actions ----------------------------------------------------------------------

    def act(
        self,
        action: CorporateAction,
        *,
        held_lots: int,
        past: bool,
        booked: ActionBooked | None = None,
    ) -> None:
        """Treat orders, position and account as venues do when an action takes effect."""
        symbol = action.instrument
        market = self._markets.get(symbol)
        if market is None:
            return
        # Rows from before the action are of the prices before it.
        known_ns = action.venue_time_ns + self._profile.action_delay_ns
        for row in market.advance(known_ns if past else action.arrival_time_ns):
            self._take(market, row)
        self._attend(market)
        if self._watch is not None:
            self._watch.acts(symbol, action.venue_time_ns)
            market.core.forget(self._unseen(symbol))
        told_ns = action.arrival_time_ns + max(1, self._profile.response_latency_ns)
        acted = act_on(market.core, market.instrument, action, told_ns=told_ns, past=past)
        for row in acted.paid:
            self._take(market, row)
        for each in acted.left:
            placed = self._placed[each.number]
            report = order_report(placed.place, each, action, told_ns)
            placed.place = order_after(placed.place, each.filled_lots, acted.ratio)
            self._wait(report, action.venue_time_ns)
            if each.number in self._own and self._watch is not None:
                self._watch.resumes(placed.place, placed.place.lots - each.filled_lots)
        if self._shorting is not None and isinstance(action, Split) and not past:
            self._shorting.split(symbol, acted.ratio)
        if isinstance(action, Delisted):
            self._delist(market, action, held_lots=held_lots, told_ns=told_ns)
        elif self._margins is not None and self._watch is not None:
            if booked is not None:
                self._margins.act(booked)
            self._watch.acted(
                action,
                from_ns=max(action.venue_time_ns - 1, self._started_ns),
                now_ns=max(action.arrival_time_ns, self._now_ns),
                carried=partial(carried_over, action, market.instrument),
            )

    def _unseen(self, symbol: str) -> list[int]:
        """Return the orders that the venue watches a position with, and has not told of."""
        assert self._watch is not None, symbol
        return [
            number
            for number in self._watch.unseen
            if number not in self._own and self._placed[number].place.instrument == symbol
        ]

    def _delist(self, market: _Market, action: Delisted, *, held_lots: int, told_ns: int) -> None:
        """Take no more orders, and close a position; without any price its worth is not known."""
        self._delisted[action.instrument] = action.venue_time_ns
        told = closing_of(market.core, market.instrument, action, held_lots, told_ns)
        for report in told:
            self._wait(report, action.venue_time_ns)
        if told:
            self._resolved[ASSUMED] = self._resolved.get(ASSUMED, 0) + 1

    # -- what a compiled run asks ---------------------------------------------------------------

    def lend(self) -> Lent | None:
        """Return the only market for a compiled run, or None where numbers alone will not do.

        It is lent while no order, cancel or report is under way, and where all latencies and fees
        are constants of the profile.
        """
        if len(self._each) != 1 or self._waiting or self._back_ns:
            return None
        if not self._funding.is_constant or self._margins is not None:
            return None
        if self._last is not None or self._profile.inside_rule is not InsideRule.WORSE:
            return None
        market = self._each[0]
        ways = self._assumed.constant_ways
        core = market.core
        if ways is None or not isinstance(core, LendableCore) or not core.can_be_lent:
            return None
        numbers = (self._next_number, self._reported)
        symbol = market.instrument.symbol
        lendable = cast("MatchingCore | BookCore", core)
        return Lent(symbol, lendable, market.feed, self._profile, ways, numbers, self._take_back)

    def _take_back(
        self,
        *,
        numbers: tuple[int, int],
        orders: Sequence[tuple[int, PlaceOrder, int]],
        waiting: Sequence[tuple[Sequence[int], bool]],
        fills: tuple[int, int],
    ) -> None:
        """Know the orders and reports that a compiled run leaves under way."""
        market = self._each[0]
        core = market.core
        assert isinstance(core, LendableCore), core
        self._all_busy()
        for number, place, told in orders:
            self._placed[number] = _Placed(place, told)
            self._numbers[place.decision_id] = number
        self._next_number, self._reported = numbers
        every, assumed = fills
        for name, count in ((core.resolution, every - assumed), (ASSUMED, assumed)):
            if count:
                self._resolved[name] = self._resolved.get(name, 0) + count
        for row, is_assumed in waiting:
            self._take(market, core_report(row, ASSUMED if is_assumed else core.resolution))

    def finish(self, until_ns: int) -> None:
        """Go through what of a book nobody was waiting for, so that its breaks are all named.

        The run is over: nothing that comes of it is told any more.
        """
        if self._on_book:
            for market in self._each:
                market.advance(until_ns)

    # -- going on -----------------------------------------------------------------------------

    def go_on(
        self,
        orders: Iterable[Standing],
        fills: Iterable[Fill],
        *,
        down_ns: int,
        back_ns: int,
        warned: Iterable[str] = (),
    ) -> None:
        """Take over from a process that stopped: its orders stand as if nothing had happened.

        They meet every row that is given from now on, those that were missed first. What is sent
        from now on leaves when the process was back, whenever it was decided.

        Args:
            orders: That were accepted and may still trade, oldest first.
            fills: All fills so far; they say how sure the result is.
            down_ns: When the process stopped, by our clock.
            back_ns: When it was back.
            warned: Symbols whose position was warned of as it stands: that is not said again.
        """
        self._back_ns = back_ns
        self._all_busy()
        fills = tuple(fills)
        if self.fee_meter is not None:
            self.fee_meter.take(fills)
        for fill in fills:
            self._resolved[fill.resolved_by] = self._resolved.get(fill.resolved_by, 0) + 1
        if self._watch is not None:
            self._watch.warned(set(warned), down_ns)
        for each in orders:
            # What the venue placed by itself was told of when it was triggered.
            own = each.place.origin.startswith(OWN)
            triggered = each.triggered or own
            kind = _ONCE_TRIGGERED.get(each.place.order_type) if triggered else None
            order = msgspec.structs.replace(
                each.place,
                lots=each.place.lots - each.filled_lots,
                order_type=each.place.order_type if kind is None else kind,
                stop_ticks=each.place.stop_ticks if kind is None else None,
                # It was judged when it arrived.
                post_only=False,
            )
            number = self._next_number
            self._next_number += 1
            self._placed[number] = _Placed(each.place, each.fills, down_ns)
            self._numbers[order.decision_id] = number
            if own:
                self._own.add(number)
                if self._watch is not None:
                    self._watch.resumes(each.place, order.lots)
                if self._shorting is not None and order.decision_id.startswith(RECALL):
                    self._shorting.called(order.instrument, order.lots)
            if self._shorting is not None:
                self._shorting.under_way.place(each.place, filled_lots=each.filled_lots)
            if self._margins is not None:
                self._margins.under_way.place(each.place, filled_lots=each.filled_lots)
            refused = self._markets[order.instrument].core.place(
                number,
                order,
                arrival_ns=down_ns + self._profile.clock_offset_ns,
                response_ns=self._way("place", order).response_ns,
            )
            if refused is not None:
                self._reject(order, refused, REJECTED[refused], self._way("place", order))

    # -- what the ladder asks -----------------------------------------------------------------

    def know(self, reports: Sequence[Report], *, unwatched: Collection[str]) -> None:
        """Know of an account on margin, or that is lent to, what another venue told of it.

        Args:
            reports: Fills and payments, in order of arrival.
            unwatched: Symbols whose positions that venue watches itself: they are not closed here.
        """
        if self._shorting is not None:
            self._shorting.take(reports)
            self._shorting.leave(unwatched)
        if self._margins is None or self._watch is None:
            return
        for each in reports:
            if isinstance(each, Fill):
                core = self._markets[each.instrument].core
                core.hold(core.position_lots + each.side * each.lots)
        moved = self._margins.take(reports)
        now_ns = max((each.arrival_time_ns for each in reports), default=0)
        self._watch.know(reports, moved, unwatched=unwatched, now_ns=max(now_ns, self._now_ns))

    def unwatch(self, symbol: str, at_ns: int) -> None:
        """Watch a position no longer: neither close it, nor warn of that, nor call it back."""
        if self._shorting is not None:
            self._shorting.leave((symbol,))
        if self._watch is not None:
            self._watch.leave(symbol, at_ns)

    def reference_ticks(self, instrument: str, venue_time_ns: int) -> int | None:
        """Return the last price at or before a venue time, among rows advanced over."""
        market = self._markets[instrument]
        if market.core.last_arrival_ns is None:
            # Nobody had to look at this market before.
            market.feed(venue_time_ns)
        return market.core.price_at(venue_time_ns)

    @property
    def ambiguous_bars(self) -> int:
        """Bars whose path, which is not known, decided what filled; the worse way was taken."""
        return sum(market.core.ambiguous_bars for market in self._each)

    @property
    def certainty(self) -> Certainty:
        """What decided the fills so far, and what was assumed."""
        return certainty_of(self._resolved, ((each.instrument, each.core) for each in self._each))

    # -- inside -------------------------------------------------------------------------------

    def _account(
        self,
        instruments: Mapping[str, Instrument],
        cash: int,
        positions: Mapping[str, int],
        costs: Mapping[str, int],
    ) -> Margins | None:
        """Return the account on margin that the profile asks for.

        Raises:
            InputError: It has no money, the venue's clock is not ours, or it stands for several
                positions at a level that is not matched row by row.
        """
        terms = self._profile.margin
        if terms is None:
            return None
        if cash <= 0 or self._profile.clock_offset_ns:
            raise InputError(
                f"profile {self._profile.name}: margin needs cash at the start, and a "
                "clock_offset_ns of 0"
            )
        if (
            terms.mode == MarginMode.CROSS
            and len(instruments) > 1
            and self._profile.fill_level not in _ROW_LEVELS
        ):
            raise InputError(
                f"profile {self._profile.name}: cross margin over {len(instruments)} instruments "
                f"is watched row by row, which level {self._profile.fill_level} does not offer; "
                f"use one of {', '.join(_ROW_LEVELS)}, isolated margin, or one instrument"
            )
        held = {symbol: (lots, costs[symbol]) for symbol, lots in positions.items() if lots}
        return Margins(terms, instruments, cash=cash, positions=held)

    def _watch_from(self, start_ns: int) -> Watch | None:
        """Return what watches the account, from a time of ours on."""
        if self._margins is None:
            return None
        if not self._margins.is_shared:
            watch = MarginWatch(self._margins, self)
            for symbol in self._markets:
                watch.over(symbol, start_ns)
            return watch
        account = AccountWatch(
            self._margins,
            self,
            self._markets,
            from_ns=start_ns,
            response_ns=self._profile.response_latency_ns,
        )
        for market in self._each:
            market.account = account
        return account

    def _last_ticks(self, symbol: str, sent_ns: int) -> int | None:
        """Return the last price of an instrument at the moment at which a wish is sent."""
        core = self._core_at(symbol, sent_ns)
        account = self._markets[symbol].account
        return core.price_at(sent_ns) if account is None else account.last_ticks(symbol, sent_ns)

    def _profile_of(self, symbol: str) -> SimulationProfile:
        """Return the profile with an instrument's spread, and its times for what is held."""
        profile = self._profile
        if profile.spreads:
            profile = msgspec.structs.replace(profile, spread_bps=profile.spread_of(symbol))
        if not self._funding.is_paid_on(symbol):
            return msgspec.structs.replace(profile, funding_rule=FundingRule.NONE)
        if self._funding.is_constant:
            return profile
        # The core only says what is held, at every whole multiple; what is paid is said here.
        return msgspec.structs.replace(
            profile,
            funding_interval_ns=self._funding.step_ns(symbol),
            funding_rule=FundingRule.SIGNED,
        )

    def _way(self, command: str, wish: PlaceOrder | CancelOrder | AmendOrder) -> Way:
        """Return a command's way; what was decided before we were back leaves then."""
        return self._assumed.way(command, wish.decision_id, self._sent_ns(wish))

    def _sent_ns(self, wish: PlaceOrder | CancelOrder | AmendOrder) -> int:
        return max(wish.decided_at_ns, self._back_ns)

    def _core_at(self, symbol: str, sent_ns: int) -> Core:
        """Return a market's core at the moment at which a wish is sent."""
        market = self._markets[symbol]
        for row in market.at(sent_ns):
            self._take(market, row)
        self._attend(market)
        return market.core

    def _attend(self, market: _Market) -> None:
        """Look at a market again: something of ours is under way in it."""
        if market not in self._busy:
            self._busy = [each for each in self._each if each is market or each in self._busy]

    def _all_busy(self) -> None:
        self._busy = list(self._each)
        self._idle_until_ns = _NEVER

    def _leave_idle(self) -> None:
        """Look no more at markets without anything under way, until their rows are used up."""
        for market in self._busy:
            if market.is_idle:
                given_until_ns = market.core.last_arrival_ns
                assert given_until_ns is not None, market.instrument
                self._idle_until_ns = min(self._idle_until_ns, given_until_ns)
        self._busy = [each for each in self._busy if not each.is_idle]

    def _refusal(self, order: PlaceOrder) -> str | None:
        if order.instrument not in self._markets:
            return f"{order.instrument} is not traded here"
        if order.instrument in self._delisted:
            return (
                f"{order.instrument} was delisted at {self._delisted[order.instrument]} ns and "
                "trades no more"
            )
        refused = terms_refused(order)
        if refused is None and self._on_book:
            refused = book_refusal(order)
        return refused

    def _reject(self, order: PlaceOrder, reason: str, detail: str, way: Way) -> None:
        self._wait(
            OrderRejected(
                decision_id=order.decision_id,
                reason=reason,
                detail=detail,
                venue_time_ns=way.arrival_ns,
                arrival_time_ns=way.arrival_ns + way.response_ns,
            ),
            way.arrival_ns,
        )

    def _accepted(self, order: PlaceOrder, venue_time_ns: int, known_ns: int) -> OrderAccepted:
        return OrderAccepted(
            decision_id=order.decision_id,
            venue_order_id=f"S{order.decision_id}",
            venue_time_ns=venue_time_ns,
            arrival_time_ns=known_ns,
        )

    def _wait(self, report: Report, moment_ns: int) -> None:
        self._reported += 1
        known_ns = report.arrival_time_ns
        heappush(self._waiting, (known_ns, moment_ns, _ARRIVAL_RANK, 0, self._reported, report))

    def _take(self, market: _Market, row: CoreReport) -> None:
        for report in self._reports(market, row):
            self._reported += 1
            heappush(
                self._waiting,
                (row.arrival_ns, row.moment_ns, row.rank, row.sequence, self._reported, report),
            )

    def _reports(self, market: _Market, row: CoreReport) -> Iterable[Report]:
        """Return what a core's report says: one thing, but for what a position pays."""
        if row.kind == ReportKind.FUNDING:
            return self._funding.charges(
                market.instrument.symbol,
                row.venue_time_ns,
                lots=row.lots,
                last_ticks=row.price_ticks,
                known_ns=row.arrival_ns,
            )
        if row.order in self._own:
            return self._of_own(market, row)
        if self._watch is not None and row.order in self._watch.unseen:
            return self._watch.reports(row)
        if row.kind == _FILL:
            return (self._fill(market.instrument, self._placed[row.order], row),)
        if row.order in self._called_off:
            return self._of_called_off(row)
        return (self._report(row),)

    def _recall(self, symbol: str, lots: int, at_ns: int) -> None:
        """Buy back what the lender wants: a market order of the venue's own."""
        order = own_order(f"{RECALL}:{symbol}:{at_ns}", symbol, lots, at_ns, stop_ticks=None)
        imposed = OrderImposed(
            order=order,
            reason=RECALL,
            venue_time_ns=at_ns,
            arrival_time_ns=at_ns + self._profile.response_latency_ns,
        )
        self._wait(imposed, at_ns)
        self._own.add(self.send_own(order, at_ns))

    # -- what the margin watch asks -----------------------------------------------------------

    def send_own(self, order: PlaceOrder, at_ns: int, *, known_ns: int = 0) -> int:
        """Let an order of the venue's own arrive; return its number.

        Nothing of it is told before `known_ns`.
        """
        number = self._next_number
        self._next_number += 1
        self._placed[number] = _Placed(order)
        market = self._markets[order.instrument]
        self._attend(market)
        response_ns = max(self._profile.response_latency_ns, known_ns - at_ns)
        market.core.place(number, order, arrival_ns=at_ns, response_ns=response_ns)
        return number

    def drop_own(self, number: int, at_ns: int) -> None:
        """Take an order of the venue's own back."""
        market = self._markets[self._placed[number].place.instrument]
        for row in market.core.cancel(number, arrival_ns=at_ns, response_ns=0):
            self._take(market, row)

    def tell_own(self, number: int) -> PlaceOrder:
        """Tell what becomes of an order of the venue's own from now on; return the order."""
        self._own.add(number)
        return self._placed[number].place

    def call_off(self, names: Iterable[str], at_ns: int, *, known_ns: int) -> None:
        """Cancel orders of the account at a venue time; it is told at `known_ns` at the earliest.

        One that is on its way is cancelled as it arrives.
        """
        for name in names:
            number = self._numbers.get(name)
            if number is None:
                # It was refused, and that is not told yet.
                continue
            placed = self._placed[number]
            self._called_off.add(number)
            arrival_ns = max(at_ns, placed.arrival_ns)
            response_ns = max(self._profile.response_latency_ns, known_ns - arrival_ns)
            market = self._markets[placed.place.instrument]
            self._attend(market)
            for row in market.core.cancel(number, arrival_ns=arrival_ns, response_ns=response_ns):
                self._take(market, row)

    def told(self, report: Report, at_ns: int) -> None:
        """Tell a report about what happened at a venue time, once it is known."""
        self._wait(report, at_ns)

    def attend(self, symbol: str) -> None:
        """Look at a market again."""
        self._attend(self._markets[symbol])

    def _of_own(self, market: _Market, row: CoreReport) -> Iterable[Report]:
        """Return what is told of the venue's own order: its fills and its end."""
        placed = self._placed[row.order]
        if row.kind == ReportKind.FILL:
            return (self._fill(market.instrument, placed, row),)
        over = row.kind in (ReportKind.CANCEL, ReportKind.EXPIRY, ReportKind.REJECTION)
        return (self._ending(placed.place, row),) if over else ()

    def _of_called_off(self, row: CoreReport) -> Iterable[Report]:
        """Return what is told of an order that the venue cancels: nobody asked for a refusal."""
        if row.kind == ReportKind.CANCEL_REFUSAL:
            return ()
        report = self._report(row)
        if isinstance(report, OrderCancelled) and row.kind == ReportKind.CANCEL:
            report = msgspec.structs.replace(report, reason=LIQUIDATION)
        return (report,)

    def _report(self, row: CoreReport) -> Report:
        placed = self._placed[row.order]
        decision = placed.place.decision_id
        if row.kind == ReportKind.TRIGGER:
            return OrderTriggered(
                decision_id=decision,
                venue_time_ns=row.venue_time_ns,
                arrival_time_ns=row.arrival_ns,
            )
        return self._ending(placed.place, row)

    def _ending(self, order: PlaceOrder, row: CoreReport) -> Report:
        """Return what a report that is neither a fill nor a trigger says."""
        decision, reason = order.decision_id, REASONS[row.reason]
        at_ns, known_ns = row.venue_time_ns, row.arrival_ns
        match row.kind:
            case ReportKind.ACCEPTANCE:
                return self._accepted(order, at_ns, known_ns)
            case ReportKind.REJECTION:
                return OrderRejected(
                    decision_id=decision,
                    reason=reason,
                    detail=REJECTED[reason],
                    venue_time_ns=at_ns,
                    arrival_time_ns=known_ns,
                )
            case ReportKind.CANCEL_REFUSAL:
                return CancelRejected(
                    decision_id=decision,
                    reason=reason,
                    venue_time_ns=at_ns,
                    arrival_time_ns=known_ns,
                )
            case ReportKind.AMEND_REFUSAL:
                return AmendRejected(
                    decision_id=decision,
                    reason=reason,
                    venue_time_ns=at_ns,
                    arrival_time_ns=known_ns,
                )
            case ReportKind.AMEND:
                return OrderAmended(
                    decision_id=decision,
                    lots=row.lots,
                    limit_ticks=row.price_ticks or None,
                    stop_ticks=row.reference_ticks or None,
                    venue_time_ns=at_ns,
                    arrival_time_ns=known_ns,
                )
            case ReportKind.CANCEL | ReportKind.EXPIRY:
                return OrderCancelled(
                    decision_id=decision,
                    reason=reason or "requested",
                    filled_lots=row.lots,
                    venue_time_ns=at_ns,
                    arrival_time_ns=known_ns,
                )
            case _:
                raise InvariantViolated(f"report {row} is of no kind that the venue knows")

    def _fill(self, instrument: Instrument, placed: _Placed, row: CoreReport) -> Fill:
        placed.fills += 1
        resolved = self._resolved
        resolved[row.resolved_by] = resolved.get(row.resolved_by, 0) + 1
        order = placed.place
        return Fill(
            decision_id=order.decision_id,
            trade_id=f"{order.decision_id}-{placed.fills}",
            instrument=order.instrument,
            side=order.side,
            lots=row.lots,
            price_ticks=row.price_ticks,
            fee=self._assumed.fee(
                instrument,
                side=order.side,
                lots=row.lots,
                price_ticks=row.price_ticks,
                liquidity=row.liquidity,
                venue_time_ns=row.venue_time_ns,
            ),
            fee_currency=instrument.currency,
            liquidity=row.liquidity,
            venue_time_ns=row.venue_time_ns,
            arrival_time_ns=row.arrival_ns,
            reference_ticks=row.reference_ticks,
            half_spread_microticks=row.half_spread_microticks,
            resolved_by=row.resolved_by,
        )
