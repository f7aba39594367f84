"""The venue itself: virtual time, working orders, the account, and what is owed to the client.

One heap of (time, rank, …, action) is the whole clock. Everything is decided here, synchronously
and from the heap alone, so the same market, script and requests give the same run. Nothing here
knows of sockets: what is to be sent leaves as releases, in order.

    rank at one instant    what
    FAULT                  scripted moments
    FUNDING                before any market event of the same time
    MARKET                 a print, or the close of a bar
    ARRIVAL                orders, in the order they were sent
    CANCEL                 cancels, after orders of the same time
    BAR_OPEN               a bar is settled for the orders there by its open
    OWN                    answers and the user stream
    PUBLIC                 market streams: trades, book, mark, candles
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import IntEnum, unique
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from tieout.adapters.venues.practice.account import Account
from tieout.adapters.venues.practice.config import StopRule
from tieout.adapters.venues.practice.faults import (
    Disconnect,
    FaultPlan,
    HiddenTransfer,
    Messages,
    Remainder,
    Restart,
    Transfer,
)
from tieout.adapters.venues.practice.feeds import Feed, Message, make_feeds, next_funding_ns
from tieout.adapters.venues.practice.matching import (
    BarBook,
    FirstFill,
    Lapsed,
    TradeBook,
    Traded,
    Triggered,
    WorkingOrder,
)
from tieout.adapters.venues.practice.orders import (
    Cancellation,
    OrderRecord,
    Placement,
    Refusal,
    required_cancellation,
    required_placement,
)
from tieout.adapters.venues.practice.wire import (
    WireFill,
    account_update,
    algo_answer,
    algo_update,
    entry_price,
    milliseconds,
    money_text,
    order_answer,
    order_update,
    quantity_text,
)
from tieout.model.columns import interval_ns
from tieout.model.events import Liquidity
from tieout.model.money import MONEY_DIGITS, money, round_half_up
from tieout.model.orders import OrderType
from tieout.model.profiles import FundingRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tieout.adapters.venues.practice.config import PracticeConfig
    from tieout.adapters.venues.practice.faults import OrderScript
    from tieout.adapters.venues.practice.matching import Outcome
    from tieout.adapters.venues.practice.tape import Tape
    from tieout.adapters.venues.practice.truth import TruthLog
    from tieout.model.instruments import Instrument

__all__ = [
    "USER_STREAM",
    "Answer",
    "Audience",
    "Cut",
    "Engine",
    "Rank",
    "Release",
    "StreamMessage",
    "StreamsClosed",
]

USER_STREAM = "user"
"""The name under which the audience counts the sockets of the user stream."""


@unique
class Rank(IntEnum):
    """Order of actions at one instant; see the module's drawing."""

    FAULT = 1
    FUNDING = 2
    MARKET = 3
    ARRIVAL = 4
    CANCEL = 5
    BAR_OPEN = 6
    OWN = 7
    PUBLIC = 8


class Audience(Protocol):
    """Who is connected; the engine asks before it owes anybody anything."""

    def listeners(self, stream: str) -> int:
        """Return how many sockets get this stream."""

    def sockets(self) -> int:
        """Return how many stream sockets are open."""


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message for every socket that gets the stream."""

    stream: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an order request."""

    ticket: int
    http_status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection of an order request is cut without an answer."""

    ticket: int


@dataclass(frozen=True, slots=True)
class StreamsClosed:
    """Stream sockets are cut: all of them, or those of the user stream."""

    user_only: bool = False


Release = StreamMessage | Answer | Cut | StreamsClosed


@dataclass(slots=True)
class _Lane:
    """One instrument: its market, its book, and whether its next event is on the heap."""

    place: int
    tape: Tape
    trades: TradeBook | None
    bars: BarBook | None
    is_scheduled: bool = False

    @property
    def instrument(self) -> Instrument:
        return self.tape.instrument

    @property
    def is_busy(self) -> bool:
        return bool(self.trades if self.trades is not None else self.bars)


@dataclass(slots=True)
class _Channel:
    """A feed somebody listened to at least once."""

    stream: str
    place: int
    feed: Feed
    is_scheduled: bool = False
    last_release_ns: int = 0


@dataclass(slots=True)
class _Request:
    """An order request on its way in."""

    ticket: int
    number: int
    conditional: bool
    parameters: Mapping[str, str]
    epoch: int
    script: OrderScript | None = None


@dataclass(slots=True)
class _Books:
    """Every order and fill since the start, findable as the wire names them."""

    records: list[OrderRecord] = field(default_factory=list)
    open_records: dict[int, OrderRecord] = field(default_factory=dict)
    by_client_id: dict[str, list[OrderRecord]] = field(default_factory=dict)
    by_order_id: dict[int, OrderRecord] = field(default_factory=dict)
    by_algo_id: dict[int, OrderRecord] = field(default_factory=dict)
    fills: list[WireFill] = field(default_factory=list)

    def add(self, record: OrderRecord) -> None:
        self.records.append(record)
        self.open_records[record.sequence] = record
        self.by_client_id.setdefault(record.client_id, []).append(record)
        if record.algo_id is not None:
            self.by_algo_id[record.algo_id] = record
        if record.order_id is not None:
            self.by_order_id[record.order_id] = record

    def close(self, record: OrderRecord, status: str, time_ns: int) -> None:
        record.status = status
        record.updated_ns = time_ns
        del self.open_records[record.sequence]


class Engine:
    """The practice venue without its sockets.

    Attributes:
        now_ns: Virtual time.
        end_ns: When the market ends.
        account: The client's account.
        leverage: Of each instrument, by symbol.
    """

    def __init__(
        self,
        config: PracticeConfig,
        tapes: Mapping[str, Tape],
        audience: Audience,
        truth: TruthLog,
    ) -> None:
        self.config = config
        self.tapes = tapes
        self.now_ns = config.start_ns
        self.end_ns = _end_of(config, tapes)
        self.account = Account(money(config.starting_balance))
        self.leverage = {each.symbol: config.leverage for each in config.instruments}
        self.instruments = {each.venue_symbol: each for each in config.instruments}
        self._audience = audience
        self._truth = truth
        self._heap: list[tuple[int, int, int, int, Callable[[], None]]] = []
        self._pushed = 0
        self._outbox: list[Release] = []
        self._books = _Books()
        self._lanes = {
            symbol: _lane(place, tape, config) for place, (symbol, tape) in enumerate(tapes.items())
        }
        self._channels: dict[str, list[_Channel]] = {}
        self._plan = FaultPlan(config.faults, config.start_ns, self._nth_bar_close)
        self._owed_tickets: set[int] = set()
        self._tickets = 0
        self._orders_received = 0
        self._order_ids = 0
        self._algo_ids = 0
        self._user_messages = 0
        self._epoch = 0
        self._down_until_ns = 0
        self._refused_until_ns = 0
        for moment_ns, moment in self._plan.timed:
            if moment_ns <= self.end_ns:
                self._push(max(moment_ns, self.now_ns), Rank.FAULT, partial(self._strike, moment))
        if config.funding_rule is not FundingRule.NONE:
            self._push_funding(next_funding_ns(config, self.now_ns))

    # Time.

    @property
    def skew_ns(self) -> int:
        """Venue time minus the client's time, scripted."""
        return self._plan.skew_ns

    @property
    def next_ns(self) -> int | None:
        """When something happens next; None when nothing ever will by itself."""
        return self._heap[0][0] if self._heap else None

    @property
    def is_finished(self) -> bool:
        """Whether the market is over and nothing is owed any more."""
        return self.now_ns >= self.end_ns and not self._heap

    def run(self, until_ns: int | None) -> Sequence[Release]:
        """Move to the next instant ≤ until at which something is owed, and return all of it.

        With nothing owed, time stands at `until_ns` afterwards, or at the end when it is None.
        """
        while self._heap and (until_ns is None or self._heap[0][0] <= until_ns):
            instant_ns = self._heap[0][0]
            assert instant_ns >= self.now_ns, (instant_ns, self.now_ns)
            self.now_ns = instant_ns
            while self._heap and self._heap[0][0] == instant_ns:
                heapq.heappop(self._heap)[-1]()
            if self._outbox:
                released, self._outbox = self._outbox, []
                return released
        self.now_ns = max(self.now_ns, self.end_ns if until_ns is None else until_ns)
        return ()

    # What the client asks for.

    @property
    def is_down(self) -> bool:
        """Whether a scripted restart lasts: nothing is answered."""
        return self.now_ns < self._down_until_ns

    @property
    def refuses_streams(self) -> bool:
        """Whether new stream sockets are refused."""
        return self.now_ns < max(self._down_until_ns, self._refused_until_ns)

    def take_order(self, parameters: Mapping[str, str], *, conditional: bool) -> int:
        """Take an order request that was sent now; return the ticket of its answer."""
        self._orders_received += 1
        number = self._orders_received
        request = self._request(parameters, conditional=conditional, number=number)
        request.script = self._plan.order(number)
        for moment in self._plan.by_order.pop(number, ()):
            self._push(self.now_ns, Rank.FAULT, partial(self._strike, moment))
        extra_ns = self._plan.extra_entry_ns(self.now_ns, number)
        arrival_ns = self.now_ns + self.config.order_latency_ns + extra_ns
        self._truth.note(
            "order_received",
            self.now_ns,
            number=number,
            arrival_ns=arrival_ns,
            conditional=conditional,
            parameters=dict(parameters),
        )
        self._push(arrival_ns, Rank.ARRIVAL, partial(self._arrive, request))
        return request.ticket

    def take_cancel(self, parameters: Mapping[str, str], *, conditional: bool) -> int:
        """Take a cancel request that was sent now; return the ticket of its answer."""
        request = self._request(parameters, conditional=conditional, number=0)
        arrival_ns = self.now_ns + self.config.order_latency_ns
        self._push(arrival_ns, Rank.CANCEL, partial(self._arrive_cancel, request))
        return request.ticket

    def take_refused(self, refusal: Refusal) -> int:
        """Take an order request that fails at the door; its answer takes the usual time."""
        request = self._request({}, conditional=False, number=0)
        answer_ns = self.now_ns + self.config.order_latency_ns + self.config.response_latency_ns
        self._answer(request.ticket, answer_ns, refusal.http_status, refusal.body())
        return request.ticket

    def drop_answers(self) -> None:
        """Forget answers owed to a client that is gone."""
        self._owed_tickets.clear()

    def subscribe(self, stream: str) -> None:
        """Begin a public stream that somebody listens to from now on.

        Raises:
            ValueError: There is no such stream.
        """
        if stream not in self._channels:
            self._channels[stream] = self._make_channels(stream)
        for channel in self._channels[stream]:
            if not channel.is_scheduled:
                self._push_feed(channel, channel.feed.first_row(self.now_ns))

    def end_user_stream(self, farewell: Message) -> None:
        """Send a last message on the user stream now and cut its sockets."""
        self._send(USER_STREAM, farewell)
        if self._audience.listeners(USER_STREAM):
            self._outbox.append(StreamsClosed(user_only=True))

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        """Do something of the protocol's own at a later time, if the market lasts until then."""
        if time_ns <= self.end_ns:
            self._push(time_ns, Rank.OWN, action)

    # What may be seen of the state.

    @property
    def records(self) -> Sequence[OrderRecord]:
        """Every order since the start, oldest first."""
        return self._books.records

    @property
    def open_records(self) -> Sequence[OrderRecord]:
        """Every order that something can still happen to, oldest first."""
        return tuple(self._books.open_records.values())

    @property
    def fills(self) -> Sequence[WireFill]:
        """Every fill since the start, oldest first."""
        return self._books.fills

    @property
    def ambiguous_bars(self) -> int:
        """Bars so far that could have filled both a stop and a limit."""
        books = [lane.bars for lane in self._lanes.values()]
        return sum(book.ambiguous_bars for book in books if book is not None)

    def find(self, wanted: Cancellation) -> OrderRecord | None:
        """Return the youngest order that a request names, or None."""
        by_number = self._books.by_algo_id if wanted.conditional else self._books.by_order_id
        if wanted.number is not None:
            numbered = by_number.get(wanted.number)
            candidates = [] if numbered is None else [numbered]
        else:
            candidates = self._books.by_client_id.get(wanted.client_id or "", [])
        for record in reversed(candidates):
            number = record.algo_id if wanted.conditional else record.order_id
            if number is not None and wanted.instrument in {None, record.instrument}:
                return record
        return None

    def unrealised(self, instrument: Instrument) -> int:
        """Return the profit not yet realised on an instrument, at its last price."""
        mark = self.tapes[instrument.symbol].price_at(self.now_ns)
        return self.account.unrealised(instrument, mark)

    def position_margin(self, instrument: Instrument) -> int:
        """Return the initial margin of a position."""
        position = self.account.position(instrument.symbol)
        mark = self.tapes[instrument.symbol].price_at(self.now_ns) or 0
        return abs(instrument.notional(position.lots, mark)) // self.leverage[instrument.symbol]

    def order_margin(self, instrument: Instrument) -> int:
        """Return the initial margin that open orders need on top of the position's."""
        held = abs(self.account.position(instrument.symbol).lots)
        lots = max(self._exposure_lots(instrument) - held, 0)
        mark = self.tapes[instrument.symbol].price_at(self.now_ns) or 0
        return instrument.notional(lots, mark) // self.leverage[instrument.symbol]

    # Orders.

    def _request(
        self, parameters: Mapping[str, str], *, conditional: bool, number: int
    ) -> _Request:
        self._tickets += 1
        self._owed_tickets.add(self._tickets)
        return _Request(self._tickets, number, conditional, parameters, self._epoch)

    def _arrive(self, request: _Request) -> None:
        if request.epoch != self._epoch:
            self._truth.note("order_lost", self.now_ns, number=request.number)
            return
        script = request.script
        assert script is not None, request
        if not script.placed:
            self._truth.note("order_lost", self.now_ns, number=request.number)
            self._reply(request, 0, {})
            return
        try:
            placement = self._required_placement(request, script)
        except Refusal as refusal:
            self._truth.note(
                "order_rejected", self.now_ns, number=request.number, code=refusal.code
            )
            self._reply(request, refusal.http_status, refusal.body())
            return
        record = self._accept(placement, request, script)
        answer = algo_answer(record) if request.conditional else order_answer(record)
        self._reply(request, 200, answer)
        known_ns = self.now_ns + self.config.response_latency_ns
        self._tell_state(record, "NEW", known_ns)

    def _required_placement(self, request: _Request, script: OrderScript) -> Placement:
        """Read and admit an order request.

        Raises:
            Refusal: As scripted, or as the real venue refuses it.
        """
        if script.reject is not None:
            raise Refusal(script.reject.code, script.reject.message)
        placement = required_placement(
            request.parameters, self.instruments, conditional=request.conditional
        )
        self._admit(placement)
        return placement

    def _reply(self, request: _Request, http_status: int, body: object) -> None:
        """Answer an order request, or cut its connection where that is scripted."""
        answer_ns = self.now_ns + self.config.response_latency_ns
        script = request.script
        if script is not None and script.cut_after_ns is not None:
            self._push(
                answer_ns + script.cut_after_ns, Rank.OWN, partial(self._cut, request.ticket)
            )
        else:
            self._answer(request.ticket, answer_ns, http_status, body)

    def _admit(self, placement: Placement) -> None:
        """Check an order against what is open, held and traded now.

        Raises:
            Refusal: As the real venue refuses it.
        """
        instrument = placement.instrument
        same_id = self._books.by_client_id.get(placement.client_id, [])
        if placement.client_id and any(record.is_open for record in same_id):
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        mark = self.tapes[instrument.symbol].price_at(self.now_ns)
        if placement.stop_ticks is not None:
            reached = mark is not None and (mark - placement.stop_ticks) * placement.side >= 0
            if reached and self.config.stop_rule is StopRule.REFUSE:
                raise Refusal(-2021, "Order would immediately trigger.")
            return
        price = placement.limit_ticks if placement.limit_ticks is not None else mark
        if price is None:
            return
        grows = self._exposure_lots(instrument, placement) > self._exposure_lots(instrument)
        notional = instrument.notional(placement.lots, price)
        if grows and notional < money(instrument.min_notional):
            raise Refusal(
                -4164,
                f"Order's notional must be no smaller than {instrument.min_notional} "
                "(unless you choose reduce only).",
            )
        if grows and self._margin_needed(placement, price) > self._margin_balance():
            raise Refusal(-2019, "Margin is insufficient.")

    def _accept(self, placement: Placement, request: _Request, script: OrderScript) -> OrderRecord:
        sequence = len(self._books.records) + 1
        conditional = placement.order_type is OrderType.STOP_MARKET
        record = OrderRecord(
            sequence=sequence,
            number=request.number,
            instrument=placement.instrument,
            client_id=placement.client_id or f"practice-{request.number}",
            side=placement.side,
            order_type=placement.order_type,
            lots=placement.lots,
            limit_ticks=placement.limit_ticks,
            stop_ticks=placement.stop_ticks,
            time_in_force=placement.time_in_force,
            script=script,
            created_ns=self.now_ns,
            updated_ns=self.now_ns,
            order_id=None if conditional else self._new_order_id(),
            algo_id=self._new_algo_id() if conditional else None,
        )
        self._books.add(record)
        self._truth.note(
            "order_accepted",
            self.now_ns,
            number=request.number,
            sequence=sequence,
            client_id=record.client_id,
            symbol=placement.instrument.symbol,
            side=int(placement.side),
            order_type=int(placement.order_type),
            lots=placement.lots,
            limit_ticks=placement.limit_ticks,
            stop_ticks=placement.stop_ticks,
            time_in_force=int(placement.time_in_force),
        )
        order = WorkingOrder(
            sequence=sequence,
            side=placement.side,
            order_type=placement.order_type,
            lots=placement.lots,
            active_ns=self.now_ns,
            limit_ticks=placement.limit_ticks,
            stop_ticks=placement.stop_ticks,
            time_in_force=placement.time_in_force,
            first_fill=_first_fill(script, placement.lots),
        )
        lane = self._lanes[placement.instrument.symbol]
        if lane.trades is not None:
            lane.trades.add(order, lane.tape.price_at(self.now_ns))
            if not lane.is_scheduled:
                self._push_trade(lane, lane.tape.first_after(self.now_ns))
        else:
            self._add_to_bars(lane, order)
        return record

    def _arrive_cancel(self, request: _Request) -> None:
        if request.epoch != self._epoch:
            return
        answer_ns = self.now_ns + self.config.response_latency_ns
        try:
            wanted = required_cancellation(
                request.parameters, self.instruments, conditional=request.conditional
            )
            record = self._cancel(wanted)
        except Refusal as refusal:
            self._truth.note(
                "cancel_rejected",
                self.now_ns,
                code=refusal.code,
                parameters=dict(request.parameters),
            )
            self._answer(request.ticket, answer_ns, refusal.http_status, refusal.body())
            return
        if request.conditional:
            answer: Message = {
                "algoId": record.algo_id,
                "clientAlgoId": record.client_id,
                "code": "200",
                "msg": "success",
            }
        else:
            answer = order_answer(record)
        self._answer(request.ticket, answer_ns, 200, answer)
        self._tell_state(record, "CANCELED", answer_ns)

    def _cancel(self, wanted: Cancellation) -> OrderRecord:
        record = self.find(wanted)
        unknown = Refusal(-2011, "Unknown order sent.")
        if record is None or not record.is_open or record.is_waiting is not wanted.conditional:
            raise unknown
        lane = self._lanes[record.instrument.symbol]
        book = lane.trades if lane.trades is not None else lane.bars
        assert book is not None, lane
        if not book.remove(record.sequence):
            raise unknown
        self._books.close(record, "CANCELED", self.now_ns)
        self._truth.note(
            "cancelled",
            self.now_ns,
            sequence=record.sequence,
            client_id=record.client_id,
            filled_lots=record.filled_lots,
        )
        return record

    # Margin.

    def _exposure_lots(self, instrument: Instrument, also: Placement | None = None) -> int:
        """Return the largest position that what is open (and one order more) may lead to."""
        most = least = self.account.position(instrument.symbol).lots
        for record in self._books.open_records.values():
            if record.is_waiting or record.instrument != instrument:
                continue
            left = (record.lots - record.filled_lots) * record.side
            most, least = most + max(left, 0), least + min(left, 0)
        if also is not None:
            wish = also.lots * also.side
            most, least = most + max(wish, 0), least + min(wish, 0)
        return max(most, -least)

    def _margin_needed(self, placement: Placement, price_ticks: int) -> int:
        instrument = placement.instrument
        lots = self._exposure_lots(instrument, placement)
        needed = instrument.notional(lots, price_ticks) // self.leverage[instrument.symbol]
        for other in self.config.instruments:
            if other != instrument:
                needed += self.position_margin(other) + self.order_margin(other)
        return needed

    def _margin_balance(self) -> int:
        open_profit = sum(self.unrealised(each) for each in self.config.instruments)
        return self.account.wallet + open_profit

    # The market.

    def _push_trade(self, lane: _Lane, row: int) -> None:
        lane.is_scheduled = row < len(lane.tape)
        if lane.is_scheduled:
            time_ns = int(lane.tape.times_ns[row])
            self._push(time_ns, Rank.MARKET, partial(self._on_trade, lane, row), lane.place)

    def _on_trade(self, lane: _Lane, row: int) -> None:
        assert lane.trades is not None, lane
        tape = lane.tape
        outcomes = lane.trades.on_trade(self.now_ns, int(tape.prices[row]), int(tape.lots[row]))
        if outcomes:
            arrival_ns = self.now_ns + self.config.trade_delay_ns
            self._apply(lane, outcomes, arrival_ns, trigger_arrival_ns=0)
        lane.is_scheduled = False
        if lane.is_busy:
            self._push_trade(lane, row + 1)

    def _add_to_bars(self, lane: _Lane, order: WorkingOrder) -> None:
        assert lane.bars is not None, lane
        assert lane.tape.bars is not None, lane
        if not lane.is_scheduled:
            row = int(np.searchsorted(lane.tape.bars.open_time_ns, self.now_ns, side="left"))
            inside = row > 0 and int(lane.tape.times_ns[row - 1]) > self.now_ns
            if inside:
                lane.bars.open_bar(lane.tape.bar(row - 1))
                self._push_bar_close(lane, row - 1)
            else:
                self._push_bar_open(lane, row)
        lane.bars.add(order)

    def _push_bar_open(self, lane: _Lane, row: int) -> None:
        lane.is_scheduled = row < len(lane.tape)
        if lane.is_scheduled:
            open_ns = lane.tape.bar(row).open_time_ns
            self._push(open_ns, Rank.BAR_OPEN, partial(self._on_bar_open, lane, row), lane.place)

    def _push_bar_close(self, lane: _Lane, row: int) -> None:
        lane.is_scheduled = True
        close_ns = int(lane.tape.times_ns[row])
        self._push(close_ns, Rank.MARKET, partial(self._on_bar_close, lane, row), lane.place)

    def _on_bar_open(self, lane: _Lane, row: int) -> None:
        assert lane.bars is not None, lane
        lane.bars.open_bar(lane.tape.bar(row))
        self._push_bar_close(lane, row)

    def _on_bar_close(self, lane: _Lane, row: int) -> None:
        assert lane.bars is not None, lane
        outcomes = lane.bars.close_bar()
        if outcomes:
            arrival_ns = self.now_ns + self.config.kline_delay_ns
            self._apply(lane, outcomes, arrival_ns, trigger_arrival_ns=arrival_ns)
        lane.is_scheduled = False
        if lane.is_busy:
            self._push_bar_open(lane, row + 1)

    # What the market did to orders.

    def _apply(
        self,
        lane: _Lane,
        outcomes: Sequence[Outcome],
        arrival_ns: int,
        *,
        trigger_arrival_ns: int,
    ) -> None:
        """Book what one market event did.

        Args:
            lane: Whose event it was.
            outcomes: In order of happening.
            arrival_ns: When the event itself can be known outside; nobody knows a fill earlier.
            trigger_arrival_ns: The same bound for triggers; prints have none.
        """
        response_ns = self.config.response_latency_ns
        for outcome in outcomes:
            record = self._books.records[outcome.sequence - 1]
            known_ns = max(outcome.venue_time_ns + response_ns, arrival_ns)
            match outcome:
                case Traded():
                    self._book_fill(lane, record, outcome, known_ns)
                case Triggered():
                    due_ns = max(outcome.venue_time_ns + response_ns, trigger_arrival_ns)
                    self._trigger(record, outcome.venue_time_ns, due_ns)
                case Lapsed():
                    self._books.close(record, "EXPIRED", outcome.venue_time_ns)
                    self._truth.note(
                        "lapsed",
                        outcome.venue_time_ns,
                        sequence=record.sequence,
                        client_id=record.client_id,
                        filled_lots=record.filled_lots,
                        known_ns=known_ns,
                    )
                    self._tell_state(record, "EXPIRED", known_ns)

    def _book_fill(self, lane: _Lane, record: OrderRecord, traded: Traded, known_ns: int) -> None:
        instrument = lane.instrument
        fee = self._fee(instrument, traded)
        fill_id = len(self._books.fills) + 1
        realised = self.account.book_fill(
            instrument,
            record.side,
            lots=traded.lots,
            price_ticks=traded.price_ticks,
            fee=fee,
            trade_id=fill_id,
            time_ns=traded.venue_time_ns,
        )
        record.filled_lots += traded.lots
        record.filled_ticks_lots += traded.lots * traded.price_ticks
        if record.filled_lots == record.lots:
            self._books.close(record, "FILLED", traded.venue_time_ns)
        else:
            record.status = "PARTIALLY_FILLED"
            record.updated_ns = traded.venue_time_ns
        fill = WireFill(
            record=record,
            fill_id=fill_id,
            lots=traded.lots,
            price_ticks=traded.price_ticks,
            fee=fee,
            realised=realised,
            liquidity=traded.liquidity,
            venue_time_ns=traded.venue_time_ns,
        )
        self._books.fills.append(fill)
        self._truth.note(
            "fill",
            traded.venue_time_ns,
            sequence=record.sequence,
            client_id=record.client_id,
            fill_id=fill_id,
            lots=traded.lots,
            price_ticks=traded.price_ticks,
            reference_ticks=traded.reference_ticks,
            liquidity=int(traded.liquidity),
            fee=fee,
            realised=realised,
            wallet=self.account.wallet,
            booked_ns=self.now_ns,
            known_ns=known_ns,
        )
        time_ns = traded.venue_time_ns
        self._tell(known_ns, self._account_message("ORDER", time_ns, 0, (instrument,)))
        self._tell(known_ns, order_update(record, "TRADE", time_ns=time_ns, fill=fill))
        if record.algo_id is not None and not record.is_open:
            self._tell(known_ns, algo_update(record, time_ns=time_ns))

    def _fee(self, instrument: Instrument, traded: Traded) -> int:
        maker = traded.liquidity is Liquidity.MAKER
        rate = self.config.maker_fee_rate if maker else self.config.taker_fee_rate
        rate += self._plan.extra_fee_rate(traded.venue_time_ns)
        return self._rounded(instrument.notional(traded.lots, traded.price_ticks), rate)

    def _rounded(self, amount: int, rate: Decimal) -> int:
        """Return amount · rate rounded half up to the venue's digits."""
        numerator, denominator = rate.as_integer_ratio()
        grain: int = 10 ** (MONEY_DIGITS - self.config.fee_digits)
        return round_half_up(amount * numerator, denominator * grain) * grain

    def _trigger(self, record: OrderRecord, venue_time_ns: int, known_ns: int) -> None:
        record.triggered_ns = venue_time_ns
        record.updated_ns = venue_time_ns
        record.order_id = self._new_order_id()
        self._books.by_order_id[record.order_id] = record
        self._truth.note(
            "triggered",
            venue_time_ns,
            sequence=record.sequence,
            client_id=record.client_id,
            known_ns=known_ns,
        )
        self._tell(known_ns, algo_update(record, time_ns=venue_time_ns))
        self._tell(known_ns, order_update(record, "NEW", time_ns=venue_time_ns))

    def _push_funding(self, time_ns: int) -> None:
        if time_ns <= self.end_ns:
            self._push(time_ns, Rank.FUNDING, self._charge_funding)

    def _charge_funding(self) -> None:
        time_ns = self.now_ns
        for lane in self._lanes.values():
            lots = self.account.position(lane.instrument.symbol).lots
            mark = lane.tape.mark_before(time_ns)
            if lots == 0 or mark is None:
                continue
            amount = -self._rounded(lane.instrument.notional(lots, mark), self.config.funding_rate)
            if self.config.funding_rule is FundingRule.AGAINST:
                amount = -abs(amount)
            self.account.book_funding(lane.instrument, amount, time_ns)
            known_ns = time_ns + self.config.response_latency_ns
            row = lane.tape.first_after(time_ns - 1)
            if row < len(lane.tape):
                trades = lane.trades is not None
                delay_ns = self.config.trade_delay_ns if trades else self.config.kline_delay_ns
                known_ns = max(known_ns, int(lane.tape.times_ns[row]) + delay_ns)
            self._truth.note(
                "funding",
                time_ns,
                symbol=lane.instrument.symbol,
                amount=amount,
                position_lots=lots,
                mark_ticks=mark,
                wallet=self.account.wallet,
                known_ns=known_ns,
            )
            self._tell(known_ns, self._account_message("FUNDING_FEE", time_ns, amount, ()))
        self._push_funding(time_ns + self.config.funding_interval_ns)

    # Scripted moments.

    def _strike(self, moment: Disconnect | Restart | HiddenTransfer | Transfer) -> None:
        match moment:
            case Disconnect():
                until_ns = self.now_ns + int(moment.for_s * 1_000_000_000)
                self._refused_until_ns = max(self._refused_until_ns, until_ns)
                self._close_streams()
                self._truth.note("disconnect", self.now_ns, until_ns=until_ns)
            case Restart():
                until_ns = self.now_ns + int(moment.for_s * 1_000_000_000)
                self._down_until_ns = max(self._down_until_ns, until_ns)
                self._epoch += 1
                for ticket in sorted(self._owed_tickets):
                    self._outbox.append(Cut(ticket))
                self._owed_tickets.clear()
                self._close_streams()
                self._truth.note("restart", self.now_ns, until_ns=until_ns)
            case HiddenTransfer():
                self.account.slip_in(money(moment.amount))
                self._truth.note("hidden_transfer", self.now_ns, amount=money(moment.amount))
            case Transfer():
                amount = money(moment.amount)
                self.account.book_transfer(amount, self.now_ns)
                self._truth.note("transfer", self.now_ns, amount=amount)
                reason = "DEPOSIT" if amount > 0 else "WITHDRAW"
                known_ns = self.now_ns + self.config.response_latency_ns
                self._tell(known_ns, self._account_message(reason, self.now_ns, amount, ()))

    def _close_streams(self) -> None:
        if self._audience.sockets():
            self._outbox.append(StreamsClosed())

    def _nth_bar_close(self, interval: str, number: int) -> int | None:
        """Return when the nth bar after the start closes, on the first instrument."""
        first = self.tapes[self.config.instruments[0].symbol]
        closes = first.klines(interval_ns(interval)).close_ns
        row = int(np.searchsorted(closes, self.config.start_ns, side="right")) + number - 1
        return int(closes[row]) if row < len(closes) else None

    # Telling.

    def _account_message(
        self, reason: str, time_ns: int, change: int, instruments: Sequence[Instrument]
    ) -> Message:
        positions: list[Message] = []
        for instrument in instruments:
            position = self.account.position(instrument.symbol)
            positions.append(
                {
                    "s": instrument.venue_symbol,
                    "pa": quantity_text(instrument, position.lots),
                    "ep": entry_price(instrument, position),
                    "cr": money_text(position.realised),
                    "up": money_text(self.unrealised(instrument)),
                    "mt": "cross",
                    "iw": "0",
                    "ps": "BOTH",
                    "ma": instrument.currency,
                }
            )
        return account_update(
            reason,
            currency=self.config.currency,
            wallet=self.account.wallet,
            change=change,
            time_ns=time_ns,
            positions=positions,
        )

    def _tell_state(self, record: OrderRecord, execution: str, known_ns: int) -> None:
        """Tell the user stream of an order's new state, on each service that knows the order."""
        if record.order_id is not None:
            message = order_update(record, execution, time_ns=record.updated_ns)
            self._tell(known_ns, message)
        if record.algo_id is not None:
            self._tell(known_ns, algo_update(record, time_ns=record.updated_ns))

    def _tell(self, due_ns: int, message: Message) -> None:
        self._user_messages += 1
        key = f"user:{self._user_messages}"
        self._push(due_ns, Rank.OWN, partial(self._release_user, message, key))

    def _release_user(self, message: Message, key: str) -> None:
        delay_ns = self._plan.message_delay_ns(Messages.USER, self.now_ns)
        for _ in range(self._plan.copies(Messages.USER, self.now_ns, key)):
            if delay_ns:
                late = partial(self._send, USER_STREAM, message)
                self._push(self.now_ns + delay_ns, Rank.OWN, late)
            else:
                self._send(USER_STREAM, message)

    def _make_channels(self, stream: str) -> list[_Channel]:
        symbol, separator, channel = stream.partition("@")
        instrument = self.instruments.get(symbol.upper())
        if instrument is None or not separator:
            raise ValueError(f"unknown stream {stream}")
        lane = self._lanes[instrument.symbol]
        feeds = make_feeds(
            channel, lane.tape, config=self.config, plan=self._plan, end_ns=self.end_ns
        )
        return [_Channel(stream, lane.place, feed) for feed in feeds]

    def _push_feed(self, channel: _Channel, row: int) -> None:
        due_ns = channel.feed.due_ns(row)
        channel.is_scheduled = due_ns is not None
        if due_ns is not None:
            self._push(
                max(due_ns, self.now_ns),
                Rank.PUBLIC + channel.feed.rank,
                partial(self._release_row, channel, row),
                channel.place,
            )

    def _release_row(self, channel: _Channel, row: int) -> None:
        if not self._audience.listeners(channel.stream):
            channel.is_scheduled = False
            return
        kind = channel.feed.kind
        delay_ns = self._plan.message_delay_ns(kind, self.now_ns)
        for extra_ns, message in channel.feed.messages(row):
            copies = self._plan.copies(kind, self.now_ns, f"{channel.stream}:{row}:{extra_ns}")
            # Messages of one stream keep their order, but for a candle that is scripted late.
            due_ns = max(self.now_ns + delay_ns, channel.last_release_ns)
            if extra_ns == 0:
                channel.last_release_ns = due_ns
            due_ns += extra_ns
            for _ in range(copies):
                if due_ns == self.now_ns:
                    self._send(channel.stream, message)
                else:
                    rank = Rank.PUBLIC + channel.feed.rank
                    late = partial(self._send, channel.stream, message)
                    self._push(due_ns, rank, late, channel.place)
        self._push_feed(channel, row + 1)

    def _send(self, stream: str, message: Message) -> None:
        receivers = self._audience.listeners(stream)
        message["E"] = milliseconds(self.now_ns)
        body = msgspec.json.encode(message)
        if self._truth.is_kept:
            self._truth.note(
                "message",
                self.now_ns,
                stream=stream,
                receivers=receivers,
                message=msgspec.Raw(body),
            )
        if receivers:
            self._outbox.append(StreamMessage(stream, body))

    def _answer(self, ticket: int, due_ns: int, http_status: int, body: object) -> None:
        answer = Answer(ticket, http_status, msgspec.json.encode(body))
        self._push(due_ns, Rank.OWN, partial(self._release_answer, answer))

    def _release_answer(self, answer: Answer) -> None:
        if answer.ticket in self._owed_tickets:
            self._owed_tickets.discard(answer.ticket)
            self._truth.note(
                "answer",
                self.now_ns,
                ticket=answer.ticket,
                http_status=answer.http_status,
                body=msgspec.Raw(answer.body),
            )
            self._outbox.append(answer)

    def _cut(self, ticket: int) -> None:
        if ticket in self._owed_tickets:
            self._owed_tickets.discard(ticket)
            self._truth.note("cut", self.now_ns, ticket=ticket)
            self._outbox.append(Cut(ticket))

    def _push(self, time_ns: int, rank: int, action: Callable[[], None], place: int = 0) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (time_ns, rank, place, self._pushed, action))

    def _new_order_id(self) -> int:
        self._order_ids += 1
        return 1_000_000 + self._order_ids

    def _new_algo_id(self) -> int:
        self._algo_ids += 1
        return 2_000_000 + self._algo_ids


def _end_of(config: PracticeConfig, tapes: Mapping[str, Tape]) -> int:
    if config.end_ns is not None:
        return config.end_ns
    last = [int(tape.times_ns[-1]) for tape in tapes.values() if len(tape)]
    return max((config.start_ns, *last))


def _lane(place: int, tape: Tape, config: PracticeConfig) -> _Lane:
    rules = config.matching_rules
    if tape.bars is None:
        return _Lane(place, tape, TradeBook(rules), None)
    return _Lane(place, tape, None, BarBook(rules))


def _first_fill(script: OrderScript, lots: int) -> FirstFill | None:
    partial_fill = script.partial_fill
    if partial_fill is None or lots < 2:
        return None
    first = max(int(partial_fill.fraction * lots), 1)
    later = partial_fill.remainder is Remainder.LATER
    resume_ns = int(partial_fill.resume_after_ms * 1_000_000) if later else None
    return FirstFill(first, resume_ns)
