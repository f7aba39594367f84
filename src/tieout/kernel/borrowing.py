"""A venue's market in the kernel's hands: taken over, run, written down and given back.

    venue ──lend──▶ compiled run ──▶ records in blocks, money in sums ──▶ journal, ledger
      ▲                  │
      └────take back─────┘   with the orders and reports that are under way

What runs it, and who is asked meanwhile, is the matter of who borrows: see `compiled` for compiled
strategies and `shortcut` for those in Python.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from tieout.kernel.deferred import DeferredOrders
from tieout.kernel.ports import BlockJournal, LendingVenue
from tieout.market.running import RunTerms, Stop
from tieout.model.blocks import Block, KnownOrder, order_of, records_of
from tieout.model.columns import TradeColumns, interval_name
from tieout.model.identity import decision_id
from tieout.model.money import money
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.venues import Feature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tieout.kernel.loop import Kernel
    from tieout.kernel.orders import Orders
    from tieout.kernel.ports import JournalPort, LentMarket, Venue
    from tieout.market.running import OpenOrder, Running, RunningRows
    from tieout.model.columns import MarketColumns

__all__ = ["Borrower", "write_block"]

_PLAIN = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET)


class Borrower:
    """Runs the only market of a venue in compiled code, for as long as it is lent.

    Args:
        kernel: Whose run it is.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._running: Running | None = None
        self._lent: LentMarket
        self._deferred: DeferredOrders
        self._stream: tuple[str, str, bool] = ("", "", False)
        self._known: tuple[KnownOrder, ...] = ()
        self._fills = 0
        self._spent = -1
        # Whether the core of these runs has orders that never take.
        self._rests_only = False

    def leave(self) -> None:
        """Give the market back, with the orders and reports that are under way."""
        running = self._running
        if running is None:
            return
        self._running = None
        self._write(running)
        kernel, lent = self._kernel, self._lent
        kernel.risk.recent = running.recent
        tracked = running.open_orders
        if isinstance(kernel.orders, DeferredOrders):
            # Whoever changes an order has them all applied first.
            kernel.orders.none_open = not tracked
        places: list[tuple[int, PlaceOrder, int]] = []
        block = self._block(b"")
        for each in tracked:
            order = _order_of(block, each)
            places.append((each.number, order, each.fills))
            if each.handle:
                self._know(each.handle, order.decision_id)
        assumed, unresolved = running.assumed
        lent.take_back(
            numbers=(running.next_number, running.reported),
            orders=places,
            waiting=running.waiting,
            fills=(self._fills, assumed),
            unresolved=unresolved,
            latest_arrival_ns=running.latest_arrival_ns,
        )

    def write(self) -> None:
        """Write down what happened up to now; the run goes on."""
        if self._running is not None:
            self._write(self._running)

    def _know(self, handle: int, identity: str) -> None:
        """Know an order that is open by its identity."""

    def _write(self, running: Running) -> None:
        """Write down what happened, and bring orders and account up to it."""
        words = running.take_words()
        if words:
            block = self._block(words)
            self._deferred = self._defer()
            self._deferred.add_block(block)
            write_block(self._kernel.journal, block)
        if not self._book(running) and not words:
            return
        ids = {each.number: each.decision_id for each in self._known}
        self._known = tuple(
            KnownOrder(
                each.number, ids.get(each.number) or self._identity(each), each.side, each.fills
            )
            for each in running.open_orders
        )

    def _book(self, running: Running) -> bool:
        """Bring the account up to what happened; return whether that was anything."""
        account = running.take_account()
        if account.fills == 0 and account.cash == 0 and account.orders == 0:
            return False
        self._deferred = self._defer()
        self._deferred.count(orders=account.orders, fills=account.fills)
        self._fills += account.fills
        self._kernel.ledger.book_ahead(
            self._stream[0],
            lots=account.lots,
            cost=account.cost,
            cash=account.cash,
            realised=account.realised,
            fees=account.fees,
            funding=account.funding,
            name=self._deferred.name,
        )
        return True

    def _helped(self, running: RunningRows, reason: int, arrivals: NDArray[np.int64]) -> bool:
        """Do what compiled code could not; return whether the run over rows may go on.

        Args:
            running: What stopped.
            reason: Why; see `Stop`.
            arrivals: (n,) of the strategy's rows.
        """
        if reason == Stop.WANTS_ROWS:
            until_ns = int(arrivals[running.row])
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
            return False
        return True

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

    @staticmethod
    def _stream_of(columns: MarketColumns) -> tuple[str, str, bool]:
        """Return whose rows these are, and what decisions on them are named after."""
        return columns.instrument, *_origin_of(columns)

    def _defer(self) -> DeferredOrders:
        """Return what stands in for the kernel's orders now."""
        kernel = self._kernel
        if isinstance(kernel.orders, DeferredOrders):
            return kernel.orders

        def put_back(orders: Orders) -> None:
            kernel.orders = orders

        deferred = DeferredOrders(kernel.orders, kernel.ledger, put_back, self.write)
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
        if kernel.instruments[instrument].inverse:
            # Compiled code counts money by what a tick is worth, which is no one number here.
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
        self._deferred.none_open = False
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
