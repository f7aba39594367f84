"""The kernel: one loop, one order of events, the same in every world. Read this file first.

A run is a fold over an ordered log of inputs. The source gives the inputs, the venue answers with
reports, the strategy decides, the risk gate lets pass or refuses, the journal keeps all of it, and
only then an order leaves.

    source ──▶ catch up: timers due, venue reports ──▶ the event itself ──▶ strategy
                                                                              │ wishes
                  venue ◀── send ◀── journal, durable ◀── risk gate ◀─────────┘

Order at one instant: timers first, then venue reports, then market events.

`listening` says who is given what, `moment` what is being handled and what was seen by then, `desk`
what becomes of a wish, `orders` of an order.
"""

from __future__ import annotations

from bisect import bisect_left
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from tieout.errors import DataError, InvariantViolated
from tieout.kernel.acting import act, origin_of_action
from tieout.kernel.books import Books, last_print, middle_of
from tieout.kernel.context import KernelContext
from tieout.kernel.cursor import Cursor
from tieout.kernel.desk import Desk
from tieout.kernel.history import newest_bars
from tieout.kernel.lanes import lane_of
from tieout.kernel.listening import handler_of, handler_of_event, only_feeds
from tieout.kernel.merged_cursor import MergedCursor
from tieout.kernel.moment import Moment, nothing_named
from tieout.kernel.orders import Orders
from tieout.kernel.ports import MarketBatch, MergedBatch
from tieout.kernel.reference import Members, Reference, SessionTimes, calendar_named
from tieout.kernel.risk import RiskGate, RiskLimits
from tieout.kernel.shortcut import shortcut_of
from tieout.kernel.stale import note
from tieout.kernel.timers import Timers
from tieout.ledger import Ledger
from tieout.ledger.affordable import Affordable
from tieout.market.chain import DataChain
from tieout.model.borrow import BorrowTold
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    AmendRejected,
    Bar,
    CancelRejected,
    ClockOffsetMeasured,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    DataOpened,
    Delisted,
    DividendPaid,
    Fill,
    ForeignOrderSeen,
    FundingCharged,
    GapSeen,
    MarginWarned,
    OperatorCommand,
    OrderAmended,
    OrderImposed,
    PriceAged,
    Quote,
    RunEnded,
    RunResumed,
    RunStarted,
    Split,
    StoreWritten,
    StrategyFailed,
    SymbolChanged,
    Trade,
)
from tieout.model.rules import RulesChanged, in_force
from tieout.model.universes import UniverseAnnounced, UniverseChanged
from tieout.model.venues import EVERYTHING
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from tieout.kernel.books import BookCursor, QuoteCursor
    from tieout.kernel.compiled import Lane
    from tieout.kernel.compositions import News
    from tieout.kernel.context import Subscriptions
    from tieout.kernel.orders import Order
    from tieout.kernel.ports import JournalPort, Source, Venue
    from tieout.kernel.shortcut import Shortcut
    from tieout.kernel.timers import Timer
    from tieout.model.columns import BookColumns, MarketColumns, RecordedColumns
    from tieout.model.events import CorporateAction, Input, Report
    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms
    from tieout.model.merged import MergedColumns
    from tieout.model.venues import VenueProfile
    from tieout.strategy import BarStream

__all__ = ["Kernel"]

_CHUNK_ROWS = 4096
"""Rows turned into Python objects at a time; larger chunks fall out of the cache."""

_TRIED_ROWS = 1024
"""Rows that the loop takes of a compiled strategy before it is tried in compiled code again."""

_NEVER = 1 << 62
_REPEATED = (AmendRejected, CancelRejected, OrderAmended)
_BEFORE_REPORTS = (
    OperatorCommand,
    ConnectionLost,
    ConnectionRestored,
    ClockOffsetMeasured,
    RunResumed,
)


class Kernel:
    """Runs one strategy over one source of inputs.

    Args:
        strategy: Makes the strategy; called again when a run is resumed with a fresh state.
        instruments: Everything the run may trade, by symbol.
        journal: Where inputs and decisions go.
        limits: Hard limits of the risk gate.
        seed: Keys every random draw.
        venue_profile: What the venue can do itself; the rest is composed here, or refused.
        margin: What the account may hold for its money; what it cannot afford is refused here, as
            the venue would. None: nothing is.
        acted: Instruments whose corporate actions the run is given: their past prices are seen
            adjusted where the strategy does not say otherwise.
        reference: Calendars, and which lists and rules the run will be told of.

    Attributes:
        started_ns: When the run started, by our clock; 0 before.
        rules: Instruments with the rules in force now, by symbol.
        available: Most lots that may be short, by symbol, as it was told last; None: no limit.
    """

    def __init__(
        self,
        strategy: Callable[[], Strategy],
        *,
        instruments: Mapping[str, Instrument],
        journal: JournalPort,
        limits: RiskLimits | None = None,
        seed: int = 0,
        venue_profile: VenueProfile = EVERYTHING,
        margin: MarginTerms | None = None,
        acted: Collection[str] = (),
        reference: Reference | None = None,
    ) -> None:
        self._make_strategy = strategy
        self.instruments = instruments
        self.acted = frozenset(acted)
        self.started_ns = 0
        self._actions: list[CorporateAction] = []
        self.reference = reference or Reference()
        self.rules: dict[str, Instrument] = dict(instruments)
        self.available: dict[str, int | None] = {}
        self.universes = {
            name: Members(name, ever) for name, ever in self.reference.universes.items()
        }
        self.seed = seed
        self.orders = Orders()
        self.timers = Timers()
        self.risk = RiskGate(limits or RiskLimits())
        self.venue_profile = venue_profile
        self.affordable = None if margin is None else Affordable(margin, instruments)
        # Part of every decision's identity.
        self.strategy_name = ""
        self.desk = Desk(self, venue_profile)
        self.seen = DataChain()
        self.books = Books({symbol: each.tick_float for symbol, each in instruments.items()})
        self.ended: RunEnded | None = None
        self.failure: Exception | None = None
        self.denied = 0
        self.ledger = Ledger(dict(instruments), cash=0, positions={})
        self.go_on(journal)
        self._venue: Venue
        self.moment = Moment(self.books)
        self._woke_at_ns = 0
        self._clock_ns = -1
        self._under_way: Cursor | BookCursor | QuoteCursor | None = None
        self._started = False
        self._settling = False
        self._declare()

    # -- the loop -----------------------------------------------------------------------------

    def run(self, source: Source, venue: Venue) -> None:
        """Fold every input of the source; returns when the source has no more."""
        self._venue = venue
        while (given := source.next(self.timers.next_due_ns)) is not None:
            if type(given) is MarketBatch:
                if given.past:
                    self.books.before(given.columns)  # type: ignore[arg-type]
                else:
                    self._batch(given.columns)
            elif type(given) is MergedBatch:
                self._merged_batch(given.columns)
            else:
                for event in given.events:  # type: ignore[union-attr]
                    self._input(event)
        self._leave_lane()
        self._journal.commit()

    def go_on(self, journal: JournalPort) -> None:
        """Write to another journal from now on: a fold has ended and the run goes on."""
        self._journal = journal
        # Journal a decision; it is durable before anything of it leaves.
        self.write: Callable[[Any], None] = journal.decision

    def _input(self, event: Input) -> None:
        """Take one input: what was due before it first, then the event itself."""
        arrival_ns = event.arrival_time_ns
        if self._lane is not None and type(event) is RunEnded:
            self._lane.finish(arrival_ns)
        self._leave_lane()
        if arrival_ns < self.moment.reached_ns:
            raise InvariantViolated(
                f"{type(event).__name__} arrived at {arrival_ns}, before {self.moment.reached_ns}; "
                "a source must give inputs in the order of their arrival"
            )
        if self._started and not (type(event) is RunResumed and event.state == "fresh"):
            reports_until = arrival_ns - isinstance(event, _BEFORE_REPORTS)
            self._woke_at_ns = event.woke_at_ns if type(event) is ClockReached else arrival_ns
            self._catch_up(arrival_ns, reports_until, reports_until)
        if type(event) is not ClockReached or arrival_ns != self._clock_ns:
            self._journal.input(event)
        self.moment.reached_ns = arrival_ns
        self._dispatch(event)

    def _catch_up(self, until_ns: int, reports_until_ns: int, horizon_ns: int) -> int:
        """Fire every timer due and take every venue report known by then, in order of time.

        Returns:
            When the next timer is due or the next report may be known; of reports only those by
            the horizon are looked for. Without any, a time that never comes.
        """
        venue, timers = self._venue, self.timers
        alone = self._hears_nothing and not self.desk.engaged
        while True:
            due = timers.next_due_ns
            if due is None:
                due = _NEVER
            if alone:
                # Nobody acts on a report, so all that come before the next timer come together.
                for report in venue.advance(min(reports_until_ns, due - 1)):
                    self._report(report)
            wake = venue.next_wake_ns(horizon_ns if horizon_ns < due else due - 1)
            if wake is not None and wake <= reports_until_ns:
                for report in venue.advance(wake):
                    self._report(report)
            elif due <= until_ns:
                self.moment.reached_ns = max(self.moment.reached_ns, due)
                self._fire(timers.pop())
            else:
                return due if wake is None else wake

    # -- market events ------------------------------------------------------------------------

    def _batch(self, columns: MarketColumns | RecordedColumns) -> None:
        """Give rows to the strategy, stopping wherever a timer or a report comes between."""
        if self._lane is not None and self._lane.takes(columns):
            self._compiled_batch(self._lane, columns)
            return
        for cursor in self._cursors(columns):
            self._rows(cursor)

    def _rows(self, cursor: Cursor | BookCursor | QuoteCursor) -> None:
        self._under_way = cursor
        self._chunk(cursor)
        self._under_way = None
        part = cursor.columns
        self.seen.extend(part, 0, len(part))
        self._remember(part)

    def _compiled_batch(self, lane: Lane, columns: MarketColumns | RecordedColumns) -> None:
        """Give rows to compiled code as far as it takes them, and the next few to the loop."""
        start = 0
        while start < len(columns):
            self._check_arrival(int(columns.arrival_time_ns[start]))
            compiled = lane.take(columns.rows(start, len(columns)), self._venue)
            start += compiled
            if not compiled:
                part = columns.rows(start, start + _TRIED_ROWS)
                for cursor in self._cursors(part):
                    self._rows(cursor)
                start += len(part)

    def _check_arrival(self, arrival_ns: int) -> None:
        if arrival_ns < self.moment.reached_ns:
            raise InvariantViolated(
                f"market rows arrived at {arrival_ns}, before {self.moment.reached_ns}; "
                "a source must give inputs in the order of their arrival"
            )

    def _merged_batch(self, merged: MergedColumns) -> None:
        """Give rows of several streams to the strategy, as if each were a batch of its own."""
        if self._lane is not None:
            for rows in merged.one_by_one():
                self._batch(rows)
            return
        ticks = {name: each.tick_float for name, each in self.instruments.items()}
        for start in range(0, len(merged), _CHUNK_ROWS):
            part = merged.rows(start, start + _CHUNK_ROWS)
            self._under_way = cursor = MergedCursor(part, ticks)
            self._chunk(cursor)
            self._under_way = None
            for rows in cursor.runs():
                self.seen.extend(rows, 0, len(rows))
            for each in part.parts:
                self._remember(each)

    def _cursors(
        self, columns: MarketColumns | RecordedColumns
    ) -> Iterator[Cursor | BookCursor | QuoteCursor]:
        if not isinstance(columns, TradeColumns | BarColumns):
            yield from self.books.cursors(columns)
            return
        for start in range(0, len(columns), _CHUNK_ROWS):
            part = columns.rows(start, start + _CHUNK_ROWS)
            yield Cursor(part, self.instruments[part.instrument].tick_float)

    def _chunk(self, cursor: Cursor | BookCursor | QuoteCursor) -> None:
        arrivals = cursor.arrivals
        self._check_arrival(arrivals[0])
        rows, last = len(arrivals), arrivals[-1]
        context = self._context
        wishes = context.wishes
        desk = self.desk
        moment = self.moment
        cursor.without_stale(moment.closes, moment.prices)
        watchers = desk.watchers
        handler = handler_of(self._strategy, self.subscriptions, cursor)
        shortcut = self._shortcut_over(cursor)
        row = 0
        while row < rows:
            begun = row
            stop = 0 if shortcut is None else shortcut.stop_after(row)
            if not stop:
                shortcut = None
                self._woke_at_ns = arrivals[row]
                stop_ns = self._catch_up(arrivals[row], arrivals[row], last)
                # Reports and timers come before the market event that arrives with them.
                stop = rows if stop_ns > last else bisect_left(arrivals, stop_ns, row + 1)
            if self.failure is not None:
                handler = None
            self.moment.cursor = cursor
            watched = bool(watchers) and cursor.watched_in(watchers)
            if handler is None and not watched:
                cursor.skip_to(stop)
            else:
                self._ask(cursor, stop - row, handler, watched=watched)
                if wishes and shortcut is not None and shortcut.decide(wishes, cursor.row):
                    wishes.clear()
                if wishes or desk.outbox or desk.told:
                    shortcut = None
                    self._settle()
            taken = cursor.row
            row = taken + 1
            self.moment.reached_ns = arrivals[taken]
            cursor.prices_into(self.moment.prices, begun, taken)
            self.moment.cursor = None
        for part in cursor.parts:
            note(part, moment.closes)

    def _ask(
        self,
        cursor: Cursor | BookCursor | QuoteCursor,
        rows: int,
        handler: Callable[[Any, Any], None] | None,
        *,
        watched: bool,
    ) -> None:
        """Give rows to the strategy, and to who watches, until somebody acts."""
        context = self._context
        wishes, stirred = context.wishes, context.stirred
        stirred.clear()
        try:
            if watched:
                self._watched_rows(cursor, rows, handler)
            else:
                for event in islice(cursor.events, rows):
                    handler(context, event)  # type: ignore[misc]
                    if wishes or stirred:
                        break
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self._leave_lane()
            self._failed(error)
        if stirred:
            self._leave_lane()

    def _shortcut_over(self, cursor: Cursor | BookCursor | QuoteCursor) -> Shortcut | None:
        """Return what plain orders on these rows go through; None: the loop has them itself."""
        shortcut = self._shortcut
        if shortcut is None or type(cursor) is not Cursor:
            return None
        return shortcut if shortcut.begin(cursor.columns, self._venue) else None

    def _watched_rows(
        self,
        cursor: Cursor | BookCursor | QuoteCursor,
        rows: int,
        handler: Callable[[Any, Any], None] | None,
    ) -> None:
        """Show rows to the compositions first, then to the strategy, until somebody acts."""
        desk, context = self.desk, self._context
        for event in islice(cursor.events, rows):
            if type(event) is Trade or type(event) is Bar:
                desk.seen(event)
            else:
                # Of a book they look at what printed; a quote shows them nothing.
                for each in cursor.prints():  # type: ignore[union-attr]
                    desk.seen(each)
            if handler is not None:
                handler(context, event)
            if context.wishes or context.stirred or desk.outbox or desk.told:
                return

    def _market_event(self, event: Trade | Bar) -> None:
        """Give one market event to the strategy: the batch of one that a live feed brings."""
        if only_feeds(self.subscriptions, event):
            return
        self.moment.single = event
        self._unchained.append(event)
        desk = self.desk
        if type(event) is Trade:
            self.moment.prices[event.instrument] = event.price_ticks
        else:
            assert type(event) is Bar, event
            if note(event, self.moment.closes):
                self.moment.prices[event.instrument] = event.close_ticks
            self._remember(event)
        if desk.watchers:
            desk.seen(event)
        handler = handler_of_event(self._strategy, self.subscriptions, event)
        if handler is not None:
            self._call(handler, event)
        if desk.outbox or desk.told:
            self._settle()
        self.moment.single = None

    def _quote(self, quote: Quote) -> None:
        """Give a quote that came alone to the strategy."""
        self.moment.single, self.moment.single_origin = quote, self.books.quote_origin(quote)
        self._unchained.append(quote)
        middle = middle_of(quote)
        if middle is not None:
            self.moment.prices[quote.instrument] = middle
        handler = handler_of_event(self._strategy, self.subscriptions, quote)
        if handler is not None:
            self._call(handler, quote)
        self.moment.single = None

    # -- what compiled code leaves to us ------------------------------------------------------

    def rows_passed(self, rows: MarketColumns, count: int) -> None:
        """Take it that the strategy has seen the first rows of these; they are chained."""
        if not count:
            return
        passed = rows.rows(0, count)
        self._remember(passed)
        self.moment.reached_ns = int(passed.arrival_time_ns[-1])
        note(passed, self.moment.closes)
        prices = passed.price_ticks if type(passed) is TradeColumns else passed.close_ticks  # type: ignore[union-attr]
        self.moment.prices[passed.instrument] = int(prices[-1])

    def book_rows_passed(self, rows: BookColumns) -> None:
        """Take it that the strategy could have seen these whole packets of a book."""
        self.seen.extend(rows, 0, len(rows))
        self.books.packets_passed(rows)
        moment = self.moment
        moment.reached_ns = max(moment.reached_ns, int(rows.arrival_time_ns[-1]))
        price = last_print(rows)
        if price is not None:
            moment.prices[rows.instrument] = price

    def timer_ran(self, due_ns: int, *, next_ns: int) -> None:
        """Take it that the only timer fired, up to a time."""
        self._clock_ns = due_ns
        self.moment.reached_ns = max(self.moment.reached_ns, due_ns)
        self.timers.skip_to(next_ns)

    def on_timer(self, woke_at_ns: int, act: Callable[[], None]) -> None:
        """Fire the timer that is due, and do something in the name of the strategy."""
        timer = self.timers.pop()
        self._woke_at_ns = woke_at_ns
        self.moment.reached_ns = max(self.moment.reached_ns, timer.due_ns)
        self._time_reached(timer)
        self._call(lambda _: act())

    def on_row(self, rows: MarketColumns, row: int, act: Callable[[], None]) -> None:
        """Do something in the name of the strategy, on a row that it has been given."""
        part = rows.rows(row, row + 1)
        cursor = Cursor(part, self.instruments[part.instrument].tick_float)
        next(cursor.events)
        self.moment.cursor = cursor
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self._failed(error)
        if self._context.wishes or self.desk.outbox or self.desk.told:
            self._settle()
        self.moment.cursor = None
        self.seen.extend(part, 0, 1)
        self.rows_passed(part, 1)

    def _leave_lane(self) -> None:
        for lane in (self._lane, self._shortcut):
            if lane is not None:
                lane.leave()

    # -- everything else ----------------------------------------------------------------------

    def _dispatch(self, event: Input) -> None:
        match event:
            case Trade() | Bar():
                self._market_event(event)
            case Quote():
                self._quote(event)
            case (
                ClockReached()
                | ClockOffsetMeasured()
                | DataOpened()
                | ConnectionLost()
                | ConnectionRestored()
                | ForeignOrderSeen()
            ):
                pass
            case GapSeen():
                self._gap(event)
            case UniverseChanged() | UniverseAnnounced():
                self._universe_told(event)
            case RulesChanged() | BorrowTold():
                self._terms_told(event)
            case RunStarted():
                self._start(event)
            case RunResumed():
                self._resume(event)
            case OperatorCommand():
                self._command(event)
            case RunEnded():
                self._end(event)
            case Split() | DividendPaid() | SymbolChanged() | Delisted():
                self._corporate_action(event)
            case _:
                self._apply(event)

    def _report(self, report: Report) -> None:
        self.moment.reached_ns = max(self.moment.reached_ns, report.arrival_time_ns)
        self._journal.input(report)
        self._apply(report)

    def _apply(self, report: Report) -> None:
        """Book what the venue says, then tell the strategy what changed."""
        kind = type(report)
        if kind is FundingCharged:
            self.ledger.book_funding(report)  # type: ignore[arg-type]
            return
        if kind is ForeignOrderSeen or kind is PriceAged:
            return
        if type(report) is OrderImposed:
            self.orders.impose(report.order)
            return
        if type(report) is MarginWarned:
            origin = f"margin:{report.instrument}:{report.venue_time_ns}"
            self.moment.named = lambda: origin
            self._call(self._strategy.on_margin_warning, report)
            return
        order = self.orders.apply(report)  # type: ignore[arg-type]
        if order is None:
            return
        fills = kind is Fill
        if fills:
            self.ledger.book_fill(report)  # type: ignore[arg-type]
        desk = self.desk
        if desk.engaged:
            self.moment.named = _origin_of_report(report, order)
            desk.report(report)  # type: ignore[arg-type]
            self._settle()
            self.moment.named = nothing_named
        else:
            callback = self._on_fill if fills else self._on_order
            if callback is not None:
                self.moment.named = _origin_of_report(report, order)
                self._call(callback, report)

    def _tell_strategy(self, news: News) -> None:
        """Give the strategy the news of one of its orders, where it asked for such."""
        callback = self._on_fill if type(news) is Fill else self._on_order
        if callback is not None:
            self._call(callback, news)

    def _fire(self, timer: Timer) -> None:
        self._time_reached(timer)
        if timer.name in self.desk.alarms:
            self.desk.fire(timer)
            self._settle()
            self.moment.named = nothing_named
        else:
            self._call(self._timer_due, timer)

    def _timer_due(self, context: KernelContext, timer: Timer) -> None:
        schedule = self.timers.schedule_of(timer.name)
        if schedule is not None:
            schedule.check(timer.due_ns)
        self._strategy.on_timer(context, timer)

    def _time_reached(self, timer: Timer) -> None:
        # That its time came is an input of its own: the event that woke us is not in the journal
        # yet, and a process that is killed now must come back to the same decision.
        if self._clock_ns != self.moment.reached_ns:
            self._clock_ns = self.moment.reached_ns
            reached = ClockReached(
                arrival_time_ns=self.moment.reached_ns, woke_at_ns=self._woke_at_ns
            )
            self._journal.input(reached)
        self.moment.named = lambda: f"timer:{timer.name}:{timer.due_ns}"

    def _start(self, event: RunStarted) -> None:
        self.started_ns = event.arrival_time_ns
        self.ledger = Ledger(
            dict(self.instruments),
            cash=event.cash,
            positions={symbol: (lots, cost) for symbol, lots, cost in event.positions},
        )
        self.moment.prices.update(event.marks)
        self._context.store.update(event.store)
        self._started = True
        self._set_declared_timers()
        # A run that was started must be known to have been, whatever happens next.
        self._journal.commit()

    def _resume(self, event: RunResumed) -> None:
        if event.state == "fresh":
            # The operator chose to lose what the strategy knew; positions and orders stay.
            self.timers.clear(but=self.desk.alarms)
            self._declare()
            for action in self._actions:
                self.subscriptions.acted(action)
            self._set_declared_timers()
        # A cancel may be repeated, and whether the old process sent it nobody knows.
        self.desk.send_cancels_again()
        self._settle()

    def _universe_told(self, event: UniverseChanged | UniverseAnnounced) -> None:
        members = self.universes[event.universe]
        if isinstance(event, UniverseAnnounced):
            members.announce(event)
            return
        members.change(event)
        self.moment.named = lambda: f"universe:{event.universe}:{event.venue_time_ns}"
        self._call(self._strategy.on_universe, event)

    def _terms_told(self, event: RulesChanged | BorrowTold) -> None:
        """Know what the venue asks of an order in an instrument from now on."""
        symbol = event.instrument
        if isinstance(event, BorrowTold):
            self.available[symbol] = event.available_lots
        else:
            self.rules[symbol] = in_force(self.instruments[symbol], event)

    def _gap(self, event: GapSeen) -> None:
        """Stop trading: the strategy's bars are to halt the run where nothing traded."""
        reason = f"no trade of {event.instrument} in bar {event.rule}:{event.open_time_ns}"
        self.risk.halt(reason)
        self._cancel_open(f"gap:{event.rule}:{event.instrument}:{event.open_time_ns}")

    def _corporate_action(self, action: CorporateAction) -> None:
        self._actions.append(action)
        origin = origin_of_action(action)
        self.moment.named = lambda: origin
        act(self, self._venue, action)
        self._settle()
        if action.venue_time_ns > self.started_ns:
            self._call(self._strategy.on_corporate_action, action)
        self.moment.named = nothing_named

    def _command(self, event: OperatorCommand) -> None:
        if event.command in ("halt", "stop"):
            self.risk.halt(f"{event.command} by {event.actor}")
        if event.command in ("halt", "cancel_all"):
            self.moment.named = lambda: f"operator:{event.command}:{event.arrival_time_ns}"
            self._cancel_open(self.moment.named())
            self.moment.named = nothing_named

    def _end(self, event: RunEnded) -> None:
        self.moment.prices.update(event.marks)
        self.ended = event
        self.risk.halt("the run has ended")
        self.moment.named = lambda: "end"
        self._call(self._strategy.on_stop)

    # -- decisions ----------------------------------------------------------------------------

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        """Run a callback of the strategy; what it raises ends the strategy in every world."""
        if self.failure is not None:
            return
        try:
            callback(self._context, *arguments)
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self._failed(error)
        if self._context.wishes:
            self._settle()
        self.moment.named = nothing_named

    def _settle(self) -> None:
        """Decide what is wished, and what follows from it; then make it durable and send it.

        What the strategy is told meanwhile may make it wish more: all that one input leads to is
        durable before the first of it leaves.
        """
        desk = self.desk
        wishes = self._context.wishes
        if wishes:
            desk.take(wishes)
            wishes.clear()
        if self._settling:
            return
        if desk.told:
            self._settling = True
            while desk.told:
                self._tell(*desk.told.popleft())
            self._settling = False
        if desk.outbox:
            self._journal.commit()
            desk.send(self._venue)

    def _tell(self, news: News, origin: str) -> None:
        """Give the strategy news in the middle of something else: a callback of its own."""
        outer = self.moment.named, self.moment.cursor, self.moment.single
        self.moment.reached_ns = self.moment.now_ns
        if self.moment.cursor is not None:
            # The row that led to the news has been seen, wherever its chunk began.
            self.moment.cursor.prices_into(self.moment.prices, 0, self.moment.cursor.row)
        self.moment.cursor, self.moment.single = None, None
        self.moment.named = lambda: origin
        self._tell_strategy(news)
        self.moment.named, self.moment.cursor, self.moment.single = outer

    def _failed(self, error: Exception) -> None:
        if isinstance(error, InvariantViolated | DataError):
            # We are wrong, or rows of a book that it looked at cannot be: not the strategy.
            raise error
        self.failure = error
        self._context.wishes.clear()
        origin = self.moment.origin()
        self._journal.decision(
            StrategyFailed(
                error=type(error).__name__,
                detail=str(error),
                decided_at_ns=self.moment.now_ns,
                origin=origin,
            )
        )
        self._cancel_open(f"failed:{origin}")

    def _cancel_open(self, origin: str) -> None:
        self.desk.cancel_everything(origin)
        self._settle()

    # -- what the context asks ----------------------------------------------------------------

    @property
    def context(self) -> KernelContext:
        """What the strategy is given."""
        return self._context

    @property
    def journal(self) -> JournalPort:
        """Where inputs and decisions go."""
        return self._journal

    @property
    def subscriptions(self) -> Subscriptions:
        """What the strategy asked for in `on_start`."""
        return self._context.subscriptions

    @property
    def parameters(self) -> dict[str, Any]:
        """The strategy's parameters."""
        return self._strategy.parameters()

    def last_prices(self) -> dict[str, int]:
        """Return the last price seen of each instrument, in ticks; the final marks at the end."""
        return self.moment.marks(self.subscriptions.books)

    def position_lots(self, instrument: str) -> int:
        """Return the signed lots our ledger holds."""
        return self.ledger.position(instrument).lots

    def equity(self) -> int:
        """Return cash plus open profit at the last prices seen, in internal money units."""
        return self.ledger.equity(self.moment.marks_now(self.subscriptions.books))

    def set_timer_every(self, name: str, interval_ns: int, *, offset_ns: int) -> None:
        """Set a repeating timer; before the start it waits for the start time."""
        self._set_timer(
            lambda: self.timers.set_every(
                name, interval_ns, after_ns=self.moment.now_ns, offset_ns=offset_ns
            )
        )

    def set_timer_each(self, name: str, calendar: str, *, at_close: bool, offset_ns: int) -> None:
        """Set a timer for each session of a calendar; before the start it waits for the start."""
        times = SessionTimes(
            calendar_named(self.reference, calendar), at_close=at_close, offset_ns=offset_ns
        )
        self._set_timer(lambda: self.timers.set_each(name, times, after_ns=self.moment.now_ns))

    def _set_timer(self, set_timer: Callable[[], None]) -> None:
        if self._started:
            set_timer()
        else:
            self._declared_timers.append(set_timer)

    def store_written(self, key: str, value: str) -> None:
        """Journal a write of the strategy's store."""
        if self._shortcut is not None:
            # What was decided before it stands before it.
            self._shortcut.write()
        self._journal.decision(StoreWritten(key=key, value=value, decided_at_ns=self.moment.now_ns))

    def bars_seen(self, stream: BarStream, count: int) -> Sequence[Bar]:
        """Return the last `count` bars the strategy has seen, the one being handled included.

        A bar that was revised stands once, as it was last seen, in the place of its time.
        """
        subscription = self.subscriptions.of(stream)
        assert subscription is not None, stream
        if subscription.viewed is not None:
            return subscription.viewed.history(count)
        parts: list[BarColumns | Bar] = list(subscription.past)
        # A timer may ask between two rows of a chunk: what was given of it has been seen.
        cursor = self._under_way
        under_way = None if cursor is None else cursor.seen_of(stream)
        if under_way is not None:
            parts.append(under_way)
        tick = self.instruments[stream.instrument].tick_float
        return newest_bars(parts, count, tick)

    # -- state --------------------------------------------------------------------------------

    def state_hash(self) -> str:
        """Return a hash of everything a replay must reproduce: ledger, orders, timers, store."""
        self._leave_lane()
        self._chain_singles()
        digest = sha256(self.ledger.state_hash().encode())
        digest.update(repr([each.snapshot() for each in self.orders.by_id.values()]).encode())
        digest.update(repr(self.timers.snapshot()).encode())
        if self.desk.engaged:
            digest.update(repr(self.desk.snapshot()).encode())
        digest.update(repr(sorted(self._context.store.items())).encode())
        if self.universes:
            members = [self.universes[name].snapshot() for name in sorted(self.universes)]
            digest.update(repr(members).encode())
        if self.reference.dated:
            digest.update(
                repr([self.rules[name] for name in sorted(self.reference.dated)]).encode()
            )
        if self.available:
            digest.update(repr(sorted(self.available.items())).encode())
        digest.update(self.seen.hexdigest().encode())
        return digest.hexdigest()

    def _chain_singles(self) -> None:
        for event in self._unchained:
            self.seen.extend_one(event)
        self._unchained.clear()

    def _declare(self) -> None:
        """Make the strategy and let it name its data; nothing has happened yet."""
        self._strategy = strategy = self._make_strategy()
        made = type(strategy)
        self.strategy_name = made.__name__
        # None where it does not listen.
        self._on_fill = None if made.on_fill is Strategy.on_fill else strategy.on_fill
        self._on_order = None if made.on_order is Strategy.on_order else strategy.on_order
        self._hears_nothing = (
            self._on_fill is None
            and self._on_order is None
            and made.on_margin_warning is Strategy.on_margin_warning
        )
        self._context = KernelContext(self)
        self._declared_timers: list[Callable[[], None]] = []
        self._unchained: list[Trade | Bar | Quote] = []
        self.moment.single = None
        started, self._started = self._started, False
        self._strategy.on_start(self._context)
        self._lane = lane_of(self, self._strategy)
        self._shortcut = None if self._lane else shortcut_of(self, self._strategy)
        self._started = started
        self._context.declaring = False

    def _set_declared_timers(self) -> None:
        for set_timer in self._declared_timers:
            set_timer()

    def _remember(self, seen: MarketColumns | RecordedColumns | Bar) -> None:
        if not isinstance(seen, BarColumns | Bar) or seen.running:
            return
        wanted = self.subscriptions.of(seen)
        if wanted is None:
            return
        wanted.remember(seen)


def _origin_of_report(report: Report, order: Order) -> Callable[[], str]:
    """Return what names the decisions made on a report; it is asked for only when there are any.

    What one order can have several times is named by what it answers as well.
    """
    parent = report.decision_id  # type: ignore[union-attr]
    if type(report) is Fill:
        filled = order.filled_lots
        return lambda: f"fill:{parent}:{filled}"
    name = type(report).__name__
    answered = order.answered if type(report) in _REPEATED else ""
    return lambda: f"{name}:{parent}:{answered}" if answered else f"{name}:{parent}"
