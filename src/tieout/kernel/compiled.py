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

from abc import ABC, abstractmethod
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from tieout.kernel.deferred import DeferredOrders
from tieout.kernel.ports import BlockJournal, LendingVenue
from tieout.kernel.stale import none_is_stale
from tieout.market import MatchingCore
from tieout.market.running import RunningRows, RunTerms, Stop
from tieout.model.blocks import Block, KnownOrder, order_of, records_of
from tieout.model.columns import BarColumns, TradeColumns, interval_name
from tieout.model.identity import decision_id
from tieout.model.money import money
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.venues import Feature

if TYPE_CHECKING:
    from tieout.kernel.loop import Kernel
    from tieout.kernel.orders import Orders
    from tieout.kernel.ports import JournalPort, LentMarket, Venue
    from tieout.market.running import OpenOrder, Running
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.strategy.compiled import CompiledStrategy

__all__ = ["CompiledLane", "Lane", "write_block"]

_PIECE_ROWS = 16_384
"""Rows that are chained and run at a time: they stay in the cache in between."""

_PLAIN = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET)


class Lane(ABC):
    """What runs batches of one compiled strategy, as long as nothing needs more than numbers.

    Here is what does not depend on what the strategy is asked on: taking the market over, writing
    down, and giving it back.

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
        self._fills = 0
        self._spent = -1
        self._off = False
        # Whether the core of these runs has orders that never take.
        self._rests_only = False

    def finish(self, until_ns: int) -> None:  # noqa: B027 - nothing to do is the usual case
        """Run on to the end of the run, where nothing but time comes any more."""

    @abstractmethod
    def takes(self, columns: MarketColumns | RecordedColumns) -> bool:
        """Whether rows of this kind may be what the strategy is run over."""

    @abstractmethod
    def take(self, columns: Any, venue: Venue) -> int:  # noqa: ANN401 - rows of its own kind
        """Run over rows from the first on; return how many of them are done.

        Fewer than there are: the loop takes the next one, for what is not plain about it.
        """

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
        block = self._block(b"")
        for each in tracked:
            order = _order_of(block, each)
            places.append((each.number, order, each.fills))
            if each.handle:
                strategy.know(each.handle, order.decision_id)
        assumed, unresolved = running.assumed
        lent.take_back(
            numbers=(running.next_number, running.reported),
            orders=places,
            waiting=running.waiting,
            fills=(self._fills, assumed),
            unresolved=unresolved,
            latest_arrival_ns=running.latest_arrival_ns,
        )

    def _write(self, running: Running) -> None:
        """Write down what happened, and bring orders and account up to it."""
        kernel = self._kernel
        words = running.take_words()
        account = running.take_account()
        name = self._stream[0]
        if words:
            block = self._block(words)
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

    def _block(self, words: bytes) -> Block:
        """Return words as a block."""
        kernel, lent = self._kernel, self._lent
        _, origin, revised = self._stream
        return Block(
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

    def _may_begin(self) -> bool:
        """Whether nobody but the compiled function is to be asked, and nothing is under way."""
        kernel = self._kernel
        desk = kernel.desk
        return not (kernel.failure is not None or desk.engaged or desk.outbox or desk.told)

    def _is_lent(self, venue: Venue, instrument: str) -> bool:
        """Take the venue's market for a run, where it can be lent and all can be said in numbers.

        It is not changed yet: who finds that it will not do just does not run.
        """
        kernel = self._kernel
        if not isinstance(venue, LendingVenue) or len(kernel.instruments) != 1:
            return False
        if not isinstance(kernel.orders, DeferredOrders) and kernel.orders.open:
            return False
        lent = venue.lend()
        if lent is None:
            return False
        position = kernel.ledger.position(instrument)
        self._lent = lent
        return self._terms(lent).fit and max(abs(position.lots), abs(position.cost)) < _HELD_MAX

    def _begin(self, stream: tuple[str, str, bool]) -> dict[str, Any]:
        """Begin a run on the market that is lent, and return what it begins with."""
        kernel, lent = self._kernel, self._lent
        position = kernel.ledger.position(stream[0])
        self._stream = stream
        self._known = ()
        self._fills = 0
        self._deferred = self._defer()
        return {
            "account": (position.lots, position.cost),
            "numbers": lent.numbers,
            "recent": kernel.risk.recent,
        }

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
        post_only = limit and self._rests_only and Feature.POST_ONLY in kernel.venue_profile.native
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
            plain=(market, limit, stop, post_only),
        )


class CompiledLane(Lane):
    """Runs batches of a strategy that is asked on bars or trades."""

    def __init__(self, kernel: Kernel, strategy: CompiledStrategy) -> None:
        super().__init__(kernel, strategy)
        self._reason = 0

    def takes(self, columns: MarketColumns | RecordedColumns) -> bool:
        """Whether these are trades or bars."""
        return isinstance(columns, TradeColumns | BarColumns)

    def take(self, columns: MarketColumns, venue: Venue) -> int:
        """Run over rows from the first on; return how many of them are done."""
        if self._off or not self._is_plain(columns):
            self.leave()
            return 0
        if self._running is None and not self._borrow(columns, venue):
            return 0
        running = cast("RunningRows", self._running)
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

    # -- going on ------------------------------------------------------------------------------

    def _piece(self, running: RunningRows, columns: MarketColumns, stop: int) -> bool:
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

    def _hand_over(self, running: RunningRows, columns: MarketColumns, chained: int) -> int:
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

    def _is_plain(self, columns: MarketColumns) -> bool:
        """Whether these rows go to the compiled function, and nobody else is to be asked."""
        kernel = self._kernel
        if not self._may_begin() or kernel.timers.next_due_ns is not None:
            return False
        asked = kernel.subscriptions
        streams = (asked.bars, asked.trades, asked.made, asked.quotes, asked.books)
        if sum(map(len, streams)) != 1:
            return False
        if type(columns) is TradeColumns:
            return columns.instrument in asked.trades
        bars: BarColumns = columns  # type: ignore[assignment]
        wanted = asked.of(bars)
        if wanted is None or wanted.indicators or bars.running:
            return False
        # The price of a wish is the row's own there.
        return none_is_stale(bars, kernel.moment.closes)

    def _borrow(self, columns: MarketColumns, venue: Venue) -> bool:
        """Take the venue's market for a run, when it can be lent and all can be said in numbers."""
        if not self._is_lent(venue, columns.instrument):
            return False
        step = self._strategy.entry(self._kernel.instruments[columns.instrument])
        wanted = "step_trade" if type(columns) is TradeColumns else "step_bar"
        if step.question != wanted:
            return False
        if type(self._lent.core) is not MatchingCore:
            return False
        terms = self._terms(self._lent)
        begun = self._begin((columns.instrument, *_origin_of(columns)))
        self._running = RunningRows(step, self._lent.core, terms, **begun)
        return True


_HELD_MAX = 2**60
"""Lots, and money, of a position that compiled code may begin with."""


def _order_of(block: Block, order: OpenOrder) -> PlaceOrder:
    """Return an open order as it was decided."""
    words = (
        order.key,
        order.revision,
        order.place,
        order.decided_at_ns,
        order.mark_ticks,
        order.side * order.lots,
        order.kind,
        order.price_ticks,
        0,
    )
    return order_of(block, words)


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
