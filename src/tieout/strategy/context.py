"""What a strategy may ask and do; the kernel implements it, the same in every world."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from tieout.model.calendars import Session
    from tieout.model.events import Bar
    from tieout.model.instruments import Instrument

__all__ = [
    "Allocated",
    "Amount",
    "BarStream",
    "BookLevel",
    "BookLevels",
    "BookView",
    "BracketOrders",
    "CalendarView",
    "ComingChange",
    "Context",
    "Indicator",
    "OrderTerms",
    "PositionView",
    "TimerEvent",
    "UniverseView",
]

Amount = Decimal | str | float
"""A price, a quantity or a distance as a person would write it."""


class OrderTerms(TypedDict, total=False):
    """How an order meets the market; without any it is a market order.

    Prices are rounded so that they are no worse for you: a buy's limit down, a sell's up; triggers
    and activation prices go to the nearest tick, distances to the nearest tick and never to none.

    Attributes:
        limit: Never pay more, or take less.
        stop: Wait until the market has moved to here against you; with `limit`, a stop-limit.
        touch: Wait until the market has moved to here in your favour; with `limit`, likewise.
        trail: A stop that follows the market at this distance in price.
        trail_ticks: The same distance in ticks.
        trail_bps: The same distance in hundredths of a percent of the price.
        activation: The stop begins to follow once the market was here.
        market_to_limit: Take what there is at once; the rest is a limit at the first fill's price.
        in_force: `gtc` (the default), `ioc`, `fok`, `gtd`, `day`, `at_open`, `at_close`.
        expires_at_ns: For `gtd`: no fill from this venue time on.
        post_only: Refuse the order rather than let it take.
        reduce_only: Never open or turn the position.
        display: Show at most so much of a limit order at a time.
        immediate: The same as `in_force="ioc"`.
    """

    limit: Amount | None
    stop: Amount | None
    touch: Amount | None
    trail: Amount | None
    trail_ticks: int | None
    trail_bps: Amount | None
    activation: Amount | None
    market_to_limit: bool
    in_force: str
    expires_at_ns: int | None
    post_only: bool
    reduce_only: bool
    display: Amount | None
    immediate: bool


class BracketOrders(NamedTuple):
    """Ids of the orders of a bracket; a leg that was not asked for is None."""

    entry: str
    take_profit: str | None
    stop_loss: str | None


class TimerEvent(Protocol):
    """A timer that fired."""

    @property
    def name(self) -> str:
        """As you named it."""

    @property
    def due_ns(self) -> int:
        """When it was due."""


class BarStream(Protocol):
    """Bars of one instrument and interval."""

    @property
    def instrument(self) -> str:
        """Symbol."""

    @property
    def interval_ns(self) -> int:
        """Length of a bar; 0 where bars last until so much has traded."""

    @property
    def rule(self) -> str:
        """By which rule we make them; empty when they come as they are."""


class Indicator(Protocol):
    """An indicator that is brought up to date before each `on_bar`.

    Its outputs are attributes by name: `bands.upper`. An output is 0.0 until it says something;
    act on none before `ready`.
    """

    @property
    def ready(self) -> bool:
        """Whether all outputs are there."""

    @property
    def value(self) -> float:
        """The first output."""

    @property
    def warm_up(self) -> int:
        """Bars until `ready`."""

    def __getattr__(self, name: str) -> float: ...

    def peek(self, bar: Bar, other: Bar | None = None, *, output: str | None = None) -> float:
        """Return what an output would be after a bar, such as one still forming; nothing changes.

        Args:
            bar: The bar as it stands.
            other: The second stream's bar, for what reads two.
            output: Which one; the first where none is named.

        Raises:
            SettingsError: There is no such output, or there are bars of too few or many streams.
        """

    def state(self) -> bytes:
        """Return all that it knows; `restore` takes it back, in another process too."""

    def restore(self, state: bytes) -> None:
        """Know again what `state` told.

        Raises:
            SettingsError: It is of an indicator with another name, tick or arguments.
        """


class PositionView(Protocol):
    """A position, exact in lots, and as plain numbers beside."""

    @property
    def lots(self) -> int:
        """Signed lots."""

    @property
    def units(self) -> Decimal:
        """Signed quantity."""


class BookLevel(Protocol):
    """A price of a book, and what stands there."""

    @property
    def price_ticks(self) -> int:
        """Price in ticks."""

    @property
    def lots(self) -> int:
        """Lots that are shown."""

    @property
    def price(self) -> float:
        """The price as a float."""


class BookLevels(Protocol):
    """The best levels of both sides, best first."""

    @property
    def bids(self) -> Sequence[BookLevel]:
        """Bids, the highest first."""

    @property
    def asks(self) -> Sequence[BookLevel]:
        """Asks, the lowest first."""


class Allocated(NamedTuple):
    """What a share of the equity came to.

    Attributes:
        wanted: Money of the position asked for, at the last price; negative is short.
        reached: Money of the position once its order has filled at that price.
        residual: The difference: what rounding and the venue's rules left unplaced.
        order_id: Of the order; None where there is none.
        reason: `min_quantity`, `min_notional` or `max_quantity` where a rule of the venue decided,
            `no_price` before the first price; else empty.
    """

    wanted: Decimal
    reached: Decimal
    residual: Decimal
    order_id: str | None
    reason: str


class BookView(Protocol):
    """An instrument's book as we know it now: the rows that have arrived, and no others.

    It is live: kept from one callback to the next it shows the book of then. It is brought up to
    date when it is asked, so a book that nobody looks at costs next to nothing.
    """

    @property
    def instrument(self) -> str:
        """Symbol."""

    @property
    def bid_ticks(self) -> int | None:
        """Highest price of a bid in ticks; None where there is no bid."""

    @property
    def ask_ticks(self) -> int | None:
        """Lowest price of an ask in ticks; None where there is no ask."""

    @property
    def bid(self) -> float | None:
        """Highest price of a bid."""

    @property
    def ask(self) -> float | None:
        """Lowest price of an ask."""

    @property
    def bid_lots(self) -> int:
        """Lots at the best bid; 0 where there is none."""

    @property
    def ask_lots(self) -> int:
        """Lots at the best ask; 0 where there is none."""

    @property
    def venue_time_ns(self) -> int:
        """When the last packet was true at the venue; 0 before any."""

    @property
    def arrival_time_ns(self) -> int:
        """When we knew of the last packet; 0 before any."""

    def levels(self, count: int) -> BookLevels:
        """Return the best levels of both sides, at most `count` of each."""

    def lots_at(self, side: int, price_ticks: int) -> int:
        """Return the lots at a price; `side` is +1 for bids, −1 for asks."""


class CalendarView(Protocol):
    """An exchange's sessions; without a time each question is about now.

    A question about a time that the calendar does not know raises an `InputError`.
    """

    @property
    def name(self) -> str:
        """As it was named."""

    @property
    def always(self) -> bool:
        """Whether it never closes."""

    def is_open(self, at_ns: int | None = None) -> bool:
        """Whether it trades; not in a break."""

    def next_open_ns(self, at_ns: int | None = None) -> int | None:
        """Return when trading next begins, after a break too; None: it never closes."""

    def next_close_ns(self, at_ns: int | None = None) -> int | None:
        """Return when trading next ends, at a break too; None: it never closes."""

    def session_of(self, at_ns: int | None = None) -> Session | None:
        """Return the session that holds a time, its break too; None between sessions."""

    def session_after(self, at_ns: int | None = None) -> Session | None:
        """Return the first session that opens later; None: it never closes."""


class ComingChange(Protocol):
    """A change of a list that was announced and is not effective yet."""

    @property
    def effective_time_ns(self) -> int:
        """From when on."""

    @property
    def entering(self) -> tuple[str, ...]:
        """Who will be on it."""

    @property
    def leaving(self) -> tuple[str, ...]:
        """Who will not any more."""


class UniverseView(Protocol):
    """A list of instruments as it is known now; it is live, and empty before the start."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Who is on it, sorted."""

    @property
    def weights(self) -> Mapping[str, Decimal]:
        """Shares on the list, of those that have one."""

    @property
    def delisted(self) -> frozenset[str]:
        """Who was on it and trades no more."""

    @property
    def coming(self) -> Sequence[ComingChange]:
        """Changes that were announced and are not effective yet, the next one first."""

    def __contains__(self, symbol: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...


class Context(Protocol):
    """The market, the clock, the orders and the memory of one strategy."""

    @property
    def now_ns(self) -> int:
        """Our time: arrival of the event, or due time of the timer, being handled."""

    @property
    def equity(self) -> Decimal:
        """Cash plus open profit at the last prices seen, by our own ledger."""

    def bars(
        self,
        instrument: str,
        interval: str,
        *,
        warm_up: int = 0,
        made_of: str | None = None,
        gaps: str = "skip",
        running: str | None = None,
        sessions: str | Sequence[tuple[int, int]] = (),
        view: str | None = None,
    ) -> BarStream:
        """Subscribe to closed bars; in `on_start` only.

        Args:
            instrument: Symbol.
            interval: Such as `1m`, `15m`, `4h`; or `100 trades`, `5000 lots`, `2000000 notional`.
            warm_up: How many bars from before the start come first, flagged `warm_up`; they fill
                indicators, and orders placed on them are refused.
            made_of: None: bars as the venue publishes them. `trades`, or the interval of finer
                bars such as `1m`: bars we make ourselves, by one rule in every world.
            gaps: What becomes of an interval without a bar: `skip`, `fill` (a bar marked
                `synthetic`) or `halt` (the run stops trading). Of published bars where `made_of`
                says nothing else.
            running: How often `on_running_bar` is given the bar that is still forming: `trade`
                (with each one), or an interval such as `1s`. Such bars are made of trades when
                `made_of` says nothing else.
            sessions: A calendar's name, or pairs [open, close) in venue time; bars that we make
                begin at the opens and do not reach across a close or a break.
            view: How indicators and `history` see past prices across corporate actions: `raw`,
                `split_adjusted`, `adjusted` (the default where the run is given such actions) or
                `total_return`. What `on_bar` is given is raw.
        """

    def universe(self, name: str) -> UniverseView:
        """Return a list as it is known now, never as it will be.

        Raises:
            InputError: The run has no list of this name.
        """

    def universe_bars(
        self, name: str, interval: str, *, warm_up: int = 0, made_of: str | None = None
    ) -> Mapping[str, BarStream]:
        """Subscribe to bars of everybody who is ever on a list; in `on_start` only.

        `on_bar` is given them while their instrument is on the list or a position in it is held;
        indicators follow all of them. Who is on the list, ask `universe`: the streams' names tell
        of members to come.

        Args:
            name: Of the list.
            interval: As in `bars`.
            warm_up: As in `bars`.
            made_of: As in `bars`.
        """

    def calendar(self, name: str) -> CalendarView:
        """Return a calendar of this run; `24/7` is always there.

        Raises:
            InputError: The run has none of this name.
        """

    def trades(self, instrument: str) -> None:
        """Subscribe to every print; in `on_start` only."""

    def quotes(self, instrument: str) -> None:
        """Subscribe to best bids and asks, given to `on_quote`; in `on_start` only."""

    def books(self, instrument: str) -> BookView:
        """Subscribe to an instrument's book; in `on_start` only.

        Returns:
            Its live view. Each packet is given to `on_book` where you override it.
        """

    def book(self, instrument: str) -> BookView:
        """Return the live view of a book that you subscribed to.

        Raises:
            InputError: You did not.
        """

    @property
    def book_symbols(self) -> Sequence[str]:
        """Instruments whose books you subscribed to."""

    def indicator(
        self,
        name: str,
        stream: BarStream,
        *arguments: float | str | BarStream,
        **options: float | str,
    ) -> Indicator:
        """Make an indicator that is brought up to date before each `on_bar`; in `on_start` only.

        Args:
            name: Such as `sma`; the guide to indicators has all of them.
            stream: Bars that it follows.
            *arguments: In the order of its parameters. One of two streams (`correlation`, `beta`,
                `spread`) takes the other stream first.
            **options: Parameters by name: `average="ema"`.

        Raises:
            SettingsError: The name is unknown or an argument is not allowed.
        """

    def timer_every(self, name: str, interval_ns: int, *, offset_ns: int = 0) -> None:
        """Fire at each whole multiple of the interval since 1970 (UTC), plus the offset."""

    def timer_at(self, name: str, due_ns: int) -> None:
        """Fire once."""

    def timer_at_open(self, name: str, calendar: str, offset_ns: int = 0) -> None:
        """Fire at the open of each session of a calendar, plus the offset.

        It fires at that time by our clock in every world, data or none.
        """

    def timer_before_close(self, name: str, calendar: str, before_ns: int = 0) -> None:
        """Fire so long before the close of each session of a calendar; breaks are no close."""

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""

    def history(self, stream: BarStream, count: int) -> Sequence[Bar]:
        """Return the last `count` bars this strategy has seen, oldest first."""

    def instrument(self, symbol: str) -> Instrument:
        """Return the rules of an instrument of this run: its tick, its lot, their roundings."""

    def position(self, instrument: str) -> PositionView:
        """Return what our ledger holds."""

    def coming_lots(self, instrument: str) -> int:
        """Return the signed lots under way: market orders and triggered stops."""

    def open_orders(self, instrument: str | None = None, *, held: bool = False) -> Sequence[str]:
        """Return ids of orders that may still trade, oldest first.

        Args:
            instrument: Only of this one.
            held: Those too of which nothing is at the venue now: triggers that are watched for
                here, legs that wait for their entry, orders worked in parts between two of them.
        """

    def target(self, instrument: str, *, units: Decimal | str | float) -> str | None:
        """Trade the difference between a wanted position and what is held or under way.

        Under way are market orders and triggered stops; resting limits and stops do not count.

        Returns:
            The order's id, or None when there is nothing to trade.
        """

    def targets(self, weights: Mapping[str, Amount]) -> dict[str, Allocated]:
        """Trade towards shares of the equity, each at the last price seen.

        Positions are rounded toward zero to whole lots; what the venue would refuse as too small is
        not sent. Orders that make positions smaller leave first, else in the order given.
        Instruments that are not named are left as they are.

        Args:
            weights: Share of the equity by symbol; negative is short, 0 closes.

        Returns:
            What each came to, with the money that could not be placed.
        """

    def buy(self, instrument: str, *, units: Amount, **terms: Unpack[OrderTerms]) -> str:
        """Wish to buy; return the order's id, which stays its id however it is worked.

        Args:
            instrument: Symbol.
            units: How much; rounded down to whole lots.
            **terms: See `OrderTerms`.

        Raises:
            OrderRefused: The terms contradict each other, or a price or quantity is impossible.
        """

    def sell(self, instrument: str, *, units: Amount, **terms: Unpack[OrderTerms]) -> str:
        """Wish to sell; as `buy`."""

    def bracket(
        self,
        instrument: str,
        *,
        side: str,
        units: Amount,
        take_profit: Amount | OrderTerms | None = None,
        stop_loss: Amount | OrderTerms | None = None,
        release: str = "partial",
        **entry: Unpack[OrderTerms],
    ) -> BracketOrders:
        """Wish an entry with exits that its fills release.

        The exits only reduce. A fill of one makes the other smaller by as much; when the position
        is closed by other orders, they go; when the entry ends without a fill, they never leave.

        Args:
            instrument: Symbol.
            side: `buy` or `sell`, of the entry.
            units: Of the entry; the exits are as large as what of it has filled.
            take_profit: Limit price, or terms of any kind.
            stop_loss: Trigger price, or terms of any kind.
            release: `partial`: with each fill of the entry; `full`: once the entry is done.
            **entry: Terms of the entry.

        Raises:
            OrderRefused: No exit is given, or terms contradict each other.
        """

    def one_cancels_other(self, *order_ids: str) -> str:
        """From now on a fill of one of these orders cancels the others; return the link's id."""

    def one_updates_other(self, *order_ids: str) -> str:
        """From now on these orders together never fill more than the smallest of them wants.

        A fill of one makes the others smaller by as much; a new size of one is the size of all.
        """

    def twap(
        self,
        instrument: str,
        *,
        side: str,
        units: Amount,
        parts: int,
        interval_ns: int,
        limit: Amount | None = None,
    ) -> str:
        """Wish to trade in equal parts at equal intervals, the first at once.

        What a part leaves unfilled goes with the next. One interval after the last part, what is
        still open is cancelled.

        Args:
            instrument: Symbol.
            side: `buy` or `sell`.
            units: Of the whole.
            parts: How many; each at least the smallest order.
            interval_ns: From one to the next.
            limit: Parts are limit orders at this price; market orders without it.
        """

    def participate(
        self,
        instrument: str,
        *,
        side: str,
        units: Amount,
        share: Amount,
        limit: Amount | None = None,
    ) -> str:
        """Wish to trade along with the market: never more than a share of the volume you see.

        Args:
            instrument: Symbol; you must be subscribed to its prints or bars.
            side: `buy` or `sell`.
            units: Of the whole.
            share: Of the volume since now, in (0, 1].
            limit: Parts are limit orders at this price; market orders without it.
        """

    def amend(
        self,
        order_id: str,
        *,
        units: Amount | None = None,
        limit: Amount | None = None,
        stop: Amount | None = None,
    ) -> str:
        """Wish to change an order; return the wish's id.

        Where the venue cannot amend, the order is cancelled and its rest sent anew once the venue
        has said that the old one is gone; its id stays. You are told by `OrderAmended`,
        `AmendRejected`, or `OrderDenied` with the wish's id.

        Args:
            order_id: An order of yours.
            units: New total quantity, what has filled included.
            limit: New limit price.
            stop: New trigger price.

        Raises:
            OrderRefused: Nothing is to be changed, the order has no such price, or it is unknown.
        """

    def cancel(self, order_id: str) -> None:
        """Wish to cancel what is left of an order; a finished order is no error."""

    def random(self, purpose: str) -> np.random.Generator:
        """Return a generator keyed by seed, this callback's origin and the purpose."""

    def load(self, key: str) -> str | None:
        """Read the key–value store, which survives restarts."""

    def save(self, key: str, value: str) -> None:
        """Write the key–value store; journaled like a decision."""
