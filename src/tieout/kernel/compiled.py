"""Compiled strategies on batches of rows: the kernel's loop, in compiled code, for what is plain.

    batch ──▶ may it be compiled? ──no──▶ the loop, row by row
                 │ yes
                 ▼
              run ──▶ a reason to stop ──▶ more rows, a block for the journal, a refusal in words …
                 ▲                             │
                 └─────────────────────────────┘

The strategy's function, the matching core, the rules and the records are the same either way, so a
run is the same run. What is not plain (a timer, a wish the gate refuses, an order that has to be
composed) is left to the loop, from the row on where it came up.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, cast

from tieout.kernel.deferred import DeferredOrders
from tieout.kernel.ports import BlockJournal, LendingVenue
from tieout.market.running import Running, RunTerms, Stop
from tieout.model.blocks import Block, KnownOrder, records_of
from tieout.model.columns import TradeColumns, interval_name
from tieout.model.identity import decision_id
from tieout.model.money import money
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.strategy import Strategy
from tieout.strategy.compiled import CompiledStrategy

if TYPE_CHECKING:
    from tieout.kernel.loop import Kernel
    from tieout.kernel.orders import Orders
    from tieout.kernel.ports import JournalPort, LentMarket, Venue
    from tieout.market.running import OpenOrder
    from tieout.model.columns import BarColumns, MarketColumns

__all__ = ["CompiledLane", "lane_of", "write_block"]

_PIECE_ROWS = 16_384
"""Rows that are chained and run at a time: they stay in the cache in between."""

_PLAIN = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET)


def lane_of(kernel: Kernel, strategy: Strategy) -> CompiledLane | None:
    """Return what runs batches of a strategy in compiled code, or None when it is not compiled."""
    if not isinstance(strategy, CompiledStrategy):
        return None
    made = type(strategy)
    told = (
        made.on_fill is not Strategy.on_fill
        or made.on_order is not Strategy.on_order
        or made.on_bar is not CompiledStrategy.on_bar
        or made.on_trade is not CompiledStrategy.on_trade
    )
    return None if told else CompiledLane(kernel, strategy)


class CompiledLane:
    """Runs batches of one compiled strategy, as long as nothing needs more than numbers.

    Args:
        kernel: Whose run it is.
        strategy: The strategy.
    """

    def __init__(self, kernel: Kernel, strategy: CompiledStrategy) -> None:
        self._kernel = kernel
        self._strategy = strategy
        self._running: Running | None = None
        self._lent: LentMarket
        self._deferred: DeferredOrders
        self._stream: tuple[str, str, bool] = ("", "", False)
        self._known: tuple[KnownOrder, ...] = ()
        self._told = (0, 0)
        self._fills = 0
        self._spent = -1
        self._off = False
        self._reason = 0

    def take(self, columns: MarketColumns, venue: Venue) -> int:
        """Run over rows from the first on; return how many of them are done.

        Fewer than there are: the loop takes the next one, for what is not plain about it.
        """
        if self._off or not self._is_plain(columns):
            self.leave()
            return 0
        if self._running is None and not self._borrow(columns, venue):
            return 0
        running = self._running
        assert running is not None, columns
        running.show(columns)
        rows, done = len(columns), 0
        seen = self._kernel.seen
        while done < rows:
            stop = min(done + _PIECE_ROWS, rows)
            # Chained first: that reads whole columns, and the run finds them in the cache.
            chained = seen.mark()
            seen.extend(columns, done, stop)
            if not self._piece(running, columns, stop):
                seen.back_to(chained)
                return self._hand_over(running, columns, done)
            done = stop
        self._kernel.rows_passed(columns, rows)
        return rows

    def leave(self) -> None:
        """Give the market back, with the orders and reports that are under way."""
        running = self._running
        if running is None:
            return
        self._running = None
        self._write(running)
        kernel, lent, strategy = self._kernel, self._lent, self._strategy
        kernel.risk.recent = running.recent
        tracked = running.open_orders
        places: list[tuple[int, PlaceOrder, int]] = []
        if tracked:
            by_id = self._deferred.settle().by_id
            for each, known in zip(tracked, self._known, strict=True):
                places.append((each.number, by_id[known.decision_id].place, each.fills))
                if each.handle:
                    strategy.know(each.handle, known.decision_id)
        assumed, unresolved = running.assumed
        lent.take_back(
            numbers=(running.next_number, running.reported),
            orders=places,
            waiting=running.waiting,
            fills=(self._fills, assumed),
            unresolved=unresolved,
            latest_arrival_ns=running.latest_arrival_ns,
        )

    # -- going on ------------------------------------------------------------------------------

    def _piece(self, running: Running, columns: MarketColumns, stop: int) -> bool:
        """Run until a row; return whether it came so far."""
        while True:
            reason = running.go_on(stop)
            if reason == Stop.ROWS_DONE:
                return True
            if reason == Stop.WANTS_ROWS:
                until_ns = int(columns.arrival_time_ns[running.row])
                running.rows_given(more=self._lent.more(until_ns))
            elif reason == Stop.WORDS_FULL:
                self._write(running)
            elif reason == Stop.NO_ROOM:
                running.make_room()
            elif reason in (Stop.OUT_FULL, Stop.PRICE_TOO_HIGH):
                running.mend(out_full=reason == Stop.OUT_FULL)
            elif reason == Stop.MARGIN_SPENT and self._spent != running.reported:
                self._spent = running.reported
                self._write(running)
            else:
                self._reason = reason
                return False

    def _hand_over(self, running: Running, columns: MarketColumns, chained: int) -> int:
        """Let the kernel do what is not plain, and return how many rows are done.

        `chained` rows have been chained.
        """
        kernel, strategy, reason = self._kernel, self._strategy, self._reason
        entry = strategy.entry(kernel.instruments[columns.instrument])
        row = entry.row if reason == Stop.STEP_FAILED else running.row
        kernel.seen.extend(columns, chained, row)
        kernel.rows_passed(columns, row)
        self.leave()
        if reason == Stop.MARGIN_SPENT:
            # Money beyond what int64 holds: big numbers are the loop's matter from here on.
            self._off = True
        elif reason == Stop.STEP_FAILED:
            kernel.on_row(columns, row, entry.fail)
            row += 1
        else:
            kernel.on_row(columns, row, lambda: strategy.wish(kernel.context, columns.instrument))
            row += 1
        return row

    def _write(self, running: Running) -> None:
        """Write down what happened, and bring orders and account up to it."""
        kernel, lent = self._kernel, self._lent
        words = running.take_words()
        account = running.take_account()
        name, origin, revised = self._stream
        if words:
            block = Block(
                strategy=kernel.strategy_name,
                instrument=lent.instrument,
                currency=kernel.instruments[lent.instrument].currency,
                origin=origin,
                revised=revised,
                resolution=lent.resolution,
                funding_rate=str(lent.funding_rate),
                known=self._known,
                words=words,
            )
            self._deferred = self._defer()
            self._deferred.add_block(block)
            write_block(kernel.journal, block)
        if not words and account.fills == 0 and account.cash == 0:
            return
        self._deferred = self._defer()
        self._deferred.count(orders=account.orders, fills=account.fills)
        self._fills += account.fills
        kernel.ledger.book_ahead(
            name,
            lots=account.lots,
            cost=account.cost,
            cash=account.cash,
            realised=account.realised,
            fees=account.fees,
            funding=account.funding,
            name=self._deferred.name,
        )
        ids = {each.number: each.decision_id for each in self._known}
        self._known = tuple(
            KnownOrder(
                each.number, ids.get(each.number) or self._identity(each), each.side, each.fills
            )
            for each in running.open_orders
        )

    def _identity(self, order: OpenOrder) -> str:
        _, origin, revised = self._stream
        named = f"{origin}:{order.key}:{order.revision}" if revised else f"{origin}:{order.key}"
        return decision_id(self._kernel.strategy_name, named, order.place)

    def _defer(self) -> DeferredOrders:
        """Return what stands in for the kernel's orders now."""
        kernel = self._kernel
        if isinstance(kernel.orders, DeferredOrders):
            return kernel.orders

        def put_back(orders: Orders) -> None:
            kernel.orders = orders

        deferred = DeferredOrders(kernel.orders, kernel.ledger, put_back)
        kernel.orders = cast("Orders", deferred)
        return deferred

    # -- whether it may be ---------------------------------------------------------------------

    def _is_plain(self, columns: MarketColumns) -> bool:
        """Whether these rows go to the compiled function, and nobody else is to be asked."""
        kernel = self._kernel
        desk = kernel.desk
        if kernel.failure is not None or desk.engaged or desk.outbox or desk.told:
            return False
        if kernel.timers.next_due_ns is not None:
            return False
        asked = kernel.subscriptions
        streams = (asked.bars, asked.trades, asked.made, asked.quotes, asked.books)
        if sum(map(len, streams)) != 1:
            return False
        if type(columns) is TradeColumns:
            return columns.instrument in asked.trades
        bars: BarColumns = columns  # type: ignore[assignment]
        wanted = asked.of(bars)
        return wanted is not None and not wanted.indicators and not bars.running

    def _borrow(self, columns: MarketColumns, venue: Venue) -> bool:
        """Take the venue's market for a run, when it can be lent and all can be said in numbers."""
        kernel = self._kernel
        if not isinstance(venue, LendingVenue) or len(kernel.instruments) != 1:
            return False
        if not isinstance(kernel.orders, DeferredOrders) and kernel.orders.open:
            return False
        instrument = kernel.instruments[columns.instrument]
        step = self._strategy.entry(instrument)
        if step.is_trades is not (type(columns) is TradeColumns):
            return False
        lent = venue.lend()
        if lent is None:
            return False
        terms = self._terms(lent)
        position = kernel.ledger.position(columns.instrument)
        if not terms.fit or max(abs(position.lots), abs(position.cost)) >= _HELD_MAX:
            return False
        self._lent = lent
        self._stream = (columns.instrument, *_origin_of(columns))
        self._known = ()
        self._fills = 0
        self._deferred = self._defer()
        self._running = Running(
            step,
            lent.core,
            terms,
            account=(position.lots, position.cost),
            numbers=lent.numbers,
            recent=kernel.risk.recent,
        )
        return True

    def _terms(self, lent: LentMarket) -> RunTerms:
        kernel = self._kernel
        instrument = kernel.instruments[lent.instrument]
        gate = kernel.risk
        limits = gate.limits
        order_max, position_max = gate.money_limits
        plain = kernel.venue_profile.plain
        market, limit, stop = (
            (int(each), int(TimeInForce.GOOD_TILL_CANCEL)) in plain for each in _PLAIN
        )
        (entry_ns, answer_ns), (cancel_entry_ns, cancel_answer_ns) = lent.ways
        return RunTerms(
            tick_value=instrument.tick_value,
            maker_rate=lent.maker_rate,
            taker_rate=lent.taker_rate,
            funding_rate=Fraction(lent.funding_rate),
            funding_against=lent.funding_against,
            rounding=lent.rounding,
            entry_ns=entry_ns,
            answer_ns=answer_ns,
            cancel_entry_ns=cancel_entry_ns,
            cancel_answer_ns=cancel_answer_ns,
            min_lots=instrument.min_lots,
            max_lots=instrument.max_lots,
            min_notional=money(instrument.min_notional),
            order_max=order_max,
            position_max=position_max,
            age_max_ns=limits.input_age_ns_max,
            open_max=limits.open_orders_max,
            rate_max=limits.orders_per_minute_max,
            halted=bool(gate.halted_by),
            plain=(market, limit, stop),
        )


_HELD_MAX = 2**60
"""Lots, and money, of a position that compiled code may begin with."""


def _origin_of(columns: MarketColumns) -> tuple[str, bool]:
    """Return what the origins of decisions on these rows begin with, and if a revision follows."""
    if isinstance(columns, TradeColumns):
        return f"trade:{columns.instrument}", False
    name = columns.rule or interval_name(columns.interval_ns)
    return f"bar:{name}:{columns.instrument}", True


def write_block(journal: JournalPort, block: Block) -> None:
    """Write a block as it is, or record by record into a journal that knows no blocks."""
    if _takes_blocks(type(journal)):
        cast("BlockJournal", journal).block(block)
        return
    for record in records_of(block):
        if isinstance(record, PlaceOrder | CancelOrder):
            journal.decision(record)
        else:
            journal.input(record)


@cache
def _takes_blocks(kind: type) -> bool:
    """Whether journals of a class take blocks; asking a protocol anew is slow."""
    return issubclass(kind, BlockJournal)
