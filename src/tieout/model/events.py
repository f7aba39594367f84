"""What happens: market events, the venue's reports, and the kernel's own facts; all frozen.

Every event has two times: `venue_time_ns`, when it was true at the venue, and `arrival_time_ns`,
when we could know it (our clock, after the measured offset is applied). Both are UTC
nanoseconds. Tags and field order are the journal format: add fields at the end, with a default.
"""

from __future__ import annotations

from enum import IntEnum, unique

import msgspec

from tieout.model.borrow import BorrowTold
from tieout.model.orders import PlaceOrder
from tieout.model.rules import RulesChanged
from tieout.model.universes import UniverseAnnounced, UniverseChanged

__all__ = [
    "ActionBooked",
    "AmendRejected",
    "Bar",
    "CancelRejected",
    "ClockOffsetMeasured",
    "ClockReached",
    "ConnectionLost",
    "ConnectionRestored",
    "CorporateAction",
    "DataOpened",
    "Delisted",
    "DividendPaid",
    "Fill",
    "ForeignOrderSeen",
    "FundingCharged",
    "GapSeen",
    "Input",
    "Liquidity",
    "MarginWarned",
    "OperatorCommand",
    "OrderAccepted",
    "OrderAmended",
    "OrderCancelled",
    "OrderDenied",
    "OrderImposed",
    "OrderOutcomeUnknown",
    "OrderRejected",
    "OrderTriggered",
    "PriceAged",
    "Quote",
    "Report",
    "RunEnded",
    "RunResumed",
    "RunStarted",
    "SourceRank",
    "Split",
    "StoreWritten",
    "StrategyFailed",
    "SymbolChanged",
    "Trade",
]


@unique
class SourceRank(IntEnum):
    """Order of events with equal arrival time; timers due by then always come before them."""

    OPERATOR = 1
    CONNECTION = 2
    VENUE_REPORT = 3
    TRADE = 4
    BAR = 5
    QUOTE = 6
    BOOK = 7
    ACTION = 8
    END = 9


@unique
class Liquidity(IntEnum):
    """Which side of the fill was resting."""

    MAKER = 1
    TAKER = 2


class Trade(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=10):
    """A print of the market. Positional on purpose: millions are made a second.

    Attributes:
        instrument: Symbol.
        venue_time_ns: When it traded.
        arrival_time_ns: When we knew.
        price_ticks: Price in ticks.
        quantity_lots: Size in lots, positive.
        aggressor: +1 buyer, −1 seller, 0 unknown.
        trade_id: The venue's id, ascending within an instrument.
        price: The same price as a float, for statistics only.
    """

    instrument: str
    venue_time_ns: int
    arrival_time_ns: int
    price_ticks: int
    quantity_lots: int
    aggressor: int
    trade_id: int
    price: float


class Bar(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=11):
    """One interval of trading, [open_time_ns, close_time_ns).

    Attributes:
        instrument: Symbol.
        interval_ns: Length.
        open_time_ns: Inclusive start at the venue.
        close_time_ns: Exclusive end at the venue.
        arrival_time_ns: When we knew it: published time plus feed latency.
        open_ticks, high_ticks, low_ticks, close_ticks: Prices in ticks.
        volume_lots: Traded lots; 0 is possible.
        revision: 0 for the first version; each later one is an event of its own.
        tick: Size of a tick; `open`, `high`, `low` and `close` are ticks times this, as floats, for
            statistics only.
        warm_up: True when the bar only warms indicators; orders placed then are refused.
        trades: How many trades it holds; None when whoever made it did not say.
        synthetic: True when nothing traded and the bar repeats the last close to fill a gap.
        running: True while it is still forming; it may change until it closes.
        rule: Name of the rule by which we made it (`1m@trades`, `100-trades`); empty when it came
            as it is, from the venue or the store.
    """

    instrument: str
    interval_ns: int
    open_time_ns: int
    close_time_ns: int
    arrival_time_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    revision: int
    tick: float
    warm_up: bool = False
    trades: int | None = None
    synthetic: bool = False
    running: bool = False
    rule: str = ""

    @property
    def open(self) -> float:
        """First price."""
        return self.open_ticks * self.tick

    @property
    def high(self) -> float:
        """Highest price."""
        return self.high_ticks * self.tick

    @property
    def low(self) -> float:
        """Lowest price."""
        return self.low_ticks * self.tick

    @property
    def close(self) -> float:
        """Last price."""
        return self.close_ticks * self.tick


class Quote(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=12):
    """Best bid and ask. A side without anyone has 0 ticks and 0 lots.

    Attributes:
        instrument: Symbol.
        venue_time_ns: Since when it stood.
        arrival_time_ns: When we knew.
        bid_ticks, ask_ticks: Prices in ticks.
        bid_lots, ask_lots: Sizes in lots.
        tick: Size of a tick; `bid` and `ask` are ticks times this, as floats, for statistics only.
    """

    instrument: str
    venue_time_ns: int
    arrival_time_ns: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    tick: float

    @property
    def bid(self) -> float:
        """Best price to sell at."""
        return self.bid_ticks * self.tick

    @property
    def ask(self) -> float:
        """Best price to buy at."""
        return self.ask_ticks * self.tick


class OrderAccepted(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=20):
    """The venue has the order. Seen twice (answer and stream), the second changes nothing."""

    decision_id: str
    venue_order_id: str
    venue_time_ns: int
    arrival_time_ns: int


class OrderRejected(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=21):
    """The venue refused the order, or it is proved that it never had it.

    Attributes:
        reason: Short machine word (`insufficient_margin`, `absent`, …).
        detail: The venue's own words.
    """

    decision_id: str
    reason: str
    detail: str
    venue_time_ns: int
    arrival_time_ns: int


class OrderTriggered(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=22):
    """A stop order's trigger price was reached; from now on it is a market order."""

    decision_id: str
    venue_time_ns: int
    arrival_time_ns: int


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=23):
    """A part of our order traded.

    Attributes:
        decision_id: The order.
        trade_id: The venue's id of this fill; a fill seen twice is booked once.
        instrument: Symbol.
        side: `Side` value.
        lots: Positive.
        price_ticks: Price of the fill.
        fee: Commission in internal money units; positive is paid, negative is a rebate.
        fee_currency: Currency of the fee.
        liquidity: `Liquidity` value.
        venue_time_ns: When it traded.
        arrival_time_ns: When we knew.
        reference_ticks: Market price at that moment before spread and impact; None if unknown.
        half_spread_microticks: Part of |price − reference| owed to the half spread, in 10⁻⁶
            ticks, never negative; the rest is impact.
        resolved_by: What decided a simulated fill: `trade`, the length of the bar (`1m`, `1s`,
            `100ms`) where its path did not matter, or `assumed` where a rule about the unknown path
            did; `last` where the last known price did; on a recorded book `book` (its levels) or
            `orders` (its single orders); empty for a real one.
        fee_charged: What the venue took where that is another currency than the account's, in
            10⁻¹² of it; `fee` is what it was worth. Else 0.
        fee_charged_currency: That currency; empty: the account's.
    """

    decision_id: str
    trade_id: str
    instrument: str
    side: int
    lots: int
    price_ticks: int
    fee: int
    fee_currency: str
    liquidity: int
    venue_time_ns: int
    arrival_time_ns: int
    reference_ticks: int | None = None
    half_spread_microticks: int = 0
    resolved_by: str = ""
    fee_charged: int = 0
    fee_charged_currency: str = ""


class OrderCancelled(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=24):
    """What was left of the order is gone: our cancel, its time in force, or the venue.

    Attributes:
        reason: `requested`, `time_in_force`, `expired`, `venue`; `liquidation`: the venue called it
            off since a shared account was over.
        filled_lots: What had traded before, as the venue says.
    """

    decision_id: str
    reason: str
    filled_lots: int
    venue_time_ns: int
    arrival_time_ns: int


class CancelRejected(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=25):
    """The venue could not cancel, usually because the order was final already."""

    decision_id: str
    reason: str
    venue_time_ns: int
    arrival_time_ns: int


class OrderAmended(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=40):
    """The venue changed an order's terms; all of them are given as they are now.

    Attributes:
        lots: Total quantity, what has filled included.
        limit_ticks: Limit price; None where the order has none.
        stop_ticks: Trigger price; None where the order has none.
    """

    decision_id: str
    lots: int
    limit_ticks: int | None
    stop_ticks: int | None
    venue_time_ns: int
    arrival_time_ns: int


class AmendRejected(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=41):
    """The venue refused to change an order; it stands as it stood, in its place in the queue."""

    decision_id: str
    reason: str
    venue_time_ns: int
    arrival_time_ns: int


class OrderOutcomeUnknown(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=26
):
    """A create was sent and no answer tells its fate; the gateway goes on asking."""

    decision_id: str
    detail: str
    arrival_time_ns: int


class FundingCharged(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=27):
    """A funding payment on the position held at `venue_time_ns`.

    Attributes:
        amount: Internal money units; positive is received, negative is paid.
        rate: Decimal text, positive when longs pay.
        position_lots: Signed position it was charged on; None when the venue did not say.
        mark_ticks: Mark price used; None when the venue did not say.
        charge_id: The venue's id of the row; seen twice, booked once.
    """

    instrument: str
    charge_id: str
    amount: int
    rate: str
    position_lots: int | None
    mark_ticks: int | None
    venue_time_ns: int
    arrival_time_ns: int


class ForeignOrderSeen(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=28
):
    """An order on the account that is not this run's: named, and kept out of its profit."""

    client_order_id: str
    instrument: str
    side: int
    filled_lots: int
    venue_time_ns: int
    arrival_time_ns: int


class OrderImposed(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=43):
    """The venue placed an order of its own on the account: it closes a position.

    Attributes:
        order: The order; from here on it is one of the account's, and its fills are booked.
        reason: `liquidation`, or `recall` of what a short has borrowed.
        venue_time_ns: When it did.
        arrival_time_ns: When we knew.
    """

    order: PlaceOrder
    reason: str
    venue_time_ns: int
    arrival_time_ns: int


class MarginWarned(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=71):
    """The venue warns that it will close a position; nothing has been done yet.

    An account that stands for several positions is warned of as a whole, by the largest of them.

    Attributes:
        position_lots: Signed, what is held as the venue has told it.
        price_ticks: At which it warns.
        liquidation_ticks: At which it will close the position. Of an account that stands for
            several, at which it is over where all other prices stay; 0: at none.
        venue_time_ns: When that price was reached.
        arrival_time_ns: When we knew.
    """

    instrument: str
    position_lots: int
    price_ticks: int
    liquidation_ticks: int
    venue_time_ns: int
    arrival_time_ns: int


class PriceAged(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=70):
    """How old the last known price was when a market order came, where the profile asks for it.

    Attributes:
        price_ticks: That price, or of a quote the side that the order takes.
        price_time_ns: When it was true at the venue.
        policy: What became of the order: `fresh`, `next` (it waits) or `refuse`.
        venue_time_ns: When the order came; minus `price_time_ns` it is the age.
        arrival_time_ns: When we knew.
    """

    decision_id: str
    price_ticks: int
    price_time_ns: int
    policy: str
    venue_time_ns: int
    arrival_time_ns: int


class ConnectionLost(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=30):
    """A stream is down; what it would have brought is missing until it is restored."""

    stream: str
    reason: str
    arrival_time_ns: int


class ConnectionRestored(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=31
):
    """A stream is back and its gap was asked for; `backfilled` events follow, late."""

    stream: str
    backfilled: int
    arrival_time_ns: int


class GapSeen(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=42):
    """Nothing traded in an interval, and the strategy's bars are to halt the run when that happens.

    Attributes:
        rule: Name of the rule of the bars.
        open_time_ns, close_time_ns: The first interval without trading.
    """

    instrument: str
    rule: str
    open_time_ns: int
    close_time_ns: int
    arrival_time_ns: int


class ClockOffsetMeasured(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=32
):
    """Venue clock minus ours, with its bound; applied to later venue times."""

    offset_ns: int
    error_ns: int
    arrival_time_ns: int


class ClockReached(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=33):
    """Our clock passed this time; timers due by it fire.

    Attributes:
        woke_at_ns: When something woke us to notice: the lateness of a timer is in the record.
    """

    arrival_time_ns: int
    woke_at_ns: int


class OperatorCommand(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=34):
    """A person's command to the run (`halt`, `stop`, `cancel_all`)."""

    command: str
    actor: str
    arrival_time_ns: int


class RunStarted(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=35):
    """The start snapshot: what the account held and which rules were in force.

    Attributes:
        cash: Starting cash in internal money units.
        positions: Pairs (symbol, signed lots, cost in internal money units).
        store: The strategy's key–value store at start.
        marks: Pairs (symbol, mark price in ticks) at start.
    """

    arrival_time_ns: int
    cash: int
    positions: tuple[tuple[str, int, int], ...] = ()
    store: tuple[tuple[str, str], ...] = ()
    marks: tuple[tuple[str, int], ...] = ()


class RunResumed(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=36):
    """A new process took over after a stop or a crash.

    Attributes:
        down_since_ns: Arrival time of the last durable record.
        state: `kept` (the fold of the log) or `fresh` (the strategy starts anew, by order of the
            operator: what it held in memory and in its store is lost).
    """

    arrival_time_ns: int
    down_since_ns: int
    state: str


class RunEnded(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=37):
    """The last input of a run.

    Attributes:
        marks: Pairs (symbol, final mark price in ticks).
    """

    arrival_time_ns: int
    reason: str
    marks: tuple[tuple[str, int], ...] = ()


class DataOpened(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=38):
    """A stored data set feeds this run; its rows are named by fingerprint, not copied."""

    stream: str
    fingerprint: str
    rows: int
    arrival_time_ns: int


class Split(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=50):
    """An instrument's units were exchanged: `new` for each `old`.

    Attributes:
        new, old: 7 and 1 are seven shares for one, 1 and 10 one for ten; positive.
        venue_time_ns: When it took effect: the first instant of the ex-date.
        arrival_time_ns: When we knew that it had, and all from before it had arrived.
    """

    instrument: str
    new: int
    old: int
    venue_time_ns: int
    arrival_time_ns: int


class DividendPaid(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=51):
    """Whoever holds a unit is paid, whoever is short of one pays; booked on the ex-date.

    Attributes:
        amount: Internal money units for each unit held; positive.
        reference: Raw close before it, in internal money units a unit; 0: not told.
        venue_time_ns, arrival_time_ns: As of `Split`.
    """

    instrument: str
    amount: int
    reference: int
    venue_time_ns: int
    arrival_time_ns: int


class SymbolChanged(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=52):
    """An instrument trades under another symbol; here it keeps its own, and positions stay.

    Attributes:
        symbol: What the venue calls it now.
        venue_time_ns, arrival_time_ns: As of `Split`.
    """

    instrument: str
    symbol: str
    venue_time_ns: int
    arrival_time_ns: int


class Delisted(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=53):
    """An instrument trades no more: open orders are gone, positions are closed by the venue."""

    instrument: str
    venue_time_ns: int
    arrival_time_ns: int


class OrderDenied(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=3):
    """The risk gate or an instrument rule refused a wish; it never left. A decision record.

    Attributes:
        decision_id: Identity of the wish.
        rule: Which rule (`max_position`, `stale_input`, `min_notional`, …).
        detail: Subject, value, limit, remedy.
    """

    decision_id: str
    instrument: str
    rule: str
    detail: str
    decided_at_ns: int
    origin: str


class ActionBooked(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=54):
    """What a corporate action did to a position that was held. A decision record.

    Attributes:
        kind: `ActionKind` value.
        lots_before, lots_after: Signed.
        new, old: Of a split; else 1.
        cash: Internal money units; positive is received: a dividend, or what a split left over.
        price_ticks: Last price before it; None when none was known.
        effective_ns: When the action took effect at the venue.
        decided_at_ns: When it was booked.
    """

    instrument: str
    kind: int
    lots_before: int
    lots_after: int
    new: int
    old: int
    cash: int
    price_ticks: int | None
    effective_ns: int
    decided_at_ns: int


class StoreWritten(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=4):
    """The strategy wrote to its key–value store. A decision record."""

    key: str
    value: str
    decided_at_ns: int


class StrategyFailed(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=5):
    """The strategy raised; it is ended and its orders are cancelled. A decision record."""

    error: str
    detail: str
    decided_at_ns: int
    origin: str


Report = (
    OrderAccepted
    | OrderRejected
    | OrderTriggered
    | Fill
    | OrderCancelled
    | CancelRejected
    | OrderAmended
    | AmendRejected
    | OrderOutcomeUnknown
    | FundingCharged
    | ForeignOrderSeen
    | OrderImposed
    | PriceAged
    | MarginWarned
)
"""What a venue tells us."""

CorporateAction = Split | DividendPaid | SymbolChanged | Delisted
"""What happens to an instrument itself."""

Input = (
    Trade
    | Bar
    | Report
    | ConnectionLost
    | ConnectionRestored
    | GapSeen
    | ClockOffsetMeasured
    | ClockReached
    | OperatorCommand
    | RunStarted
    | RunResumed
    | RunEnded
    | DataOpened
    | CorporateAction
    | UniverseChanged
    | UniverseAnnounced
    | RulesChanged
    | BorrowTold
)
"""Everything that can reach the kernel."""
