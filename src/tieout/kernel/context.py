"""The kernel's side of `Context`: collects what a strategy wishes while a callback runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol, Unpack, cast

import msgspec
import numpy as np

from tieout.errors import InputError, OrderRefused
from tieout.kernel.allocation import lots_for
from tieout.kernel.desk import BracketWish
from tieout.kernel.reference import CalendarView, calendar_named
from tieout.kernel.views import ViewedBars
from tieout.kernel.wishes import exact_terms, lots_of, share_e8_of, side_named
from tieout.market import EACH_TRADE
from tieout.market.indicators import Indicator, PairIndicator, indicator_named
from tieout.model.actions import PriceView
from tieout.model.bars import bar_rule
from tieout.model.columns import interval_name, interval_ns
from tieout.model.events import Bar
from tieout.model.identity import decision_id
from tieout.model.instruments import as_decimal
from tieout.model.money import money_decimal, round_half_up
from tieout.model.orders import (
    AmendOrder,
    CancelOrder,
    Link,
    LinkOrders,
    Method,
    OrderType,
    PlaceOrder,
    Side,
    TimeInForce,
    WorkOrder,
)
from tieout.strategy.context import Allocated, BracketOrders, OrderTerms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tieout.kernel.books import BookView
    from tieout.kernel.desk import Wish
    from tieout.kernel.loop import Kernel
    from tieout.kernel.reference import Members
    from tieout.model.bars import BarRule
    from tieout.model.columns import BarColumns
    from tieout.model.events import CorporateAction
    from tieout.model.instruments import Instrument
    from tieout.strategy import BarStream
    from tieout.strategy.context import Amount

__all__ = ["BarSubscription", "FollowsBars", "KernelContext", "Position", "Subscriptions"]

_MARKET = int(OrderType.MARKET)
_GOOD_TILL_CANCEL = int(TimeInForce.GOOD_TILL_CANCEL)

HISTORY_ROWS_MAX = 10_000
"""Bars kept a stream for `history`; more is an error, not a silent cut."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position as a strategy sees it."""

    lots: int
    units: Decimal


class FollowsBars(Protocol):
    """Something that takes each closed bar of a stream."""

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""


@dataclass(slots=True)
class BarSubscription:
    """Bars a strategy asked for, with the indicators that follow them.

    Attributes:
        warm_up: Bars from before the start that are given first, flagged, to fill indicators.
        past: Batches and single bars seen, oldest first, at least `HISTORY_ROWS_MAX` rows of them
            once that many came.
        rows: How many rows are kept.
        made: The rule by which we make the bars; None when they come as they are.
        running_ns: How often the bar under way is given, as `BarMaker` has it.
        viewed: The bars as that view has them; None where they are raw.
        always: Whether the strategy asked for them by themselves.
        listed: Else each says whether their instrument is on a list, or held: then the strategy is
            given them. Indicators follow them either way.
    """

    instrument: str
    interval_ns: int
    warm_up: int = 0
    made: BarRule | None = None
    running_ns: int = 0
    indicators: list[FollowsBars] = field(default_factory=list)
    past: deque[BarColumns | Bar] = field(default_factory=deque)
    rows: int = 0
    viewed: ViewedBars | None = None
    always: bool = False
    listed: list[Callable[[], bool]] = field(default_factory=list)

    @property
    def is_wanted(self) -> bool:
        """Whether the strategy is given them now."""
        return self.always or any(each() for each in self.listed)

    def remember(self, seen: BarColumns | Bar) -> None:
        """Keep what was seen, and no more of the oldest than `history` can ask for."""
        self.past.append(seen)
        self.rows += _rows(seen)
        while self.rows - _rows(self.past[0]) >= HISTORY_ROWS_MAX:
            self.rows -= _rows(self.past.popleft())

    @property
    def name(self) -> str:
        """Interval as a person writes it, or the rule."""
        return self.rule or interval_name(self.interval_ns)

    @property
    def is_published(self) -> bool:
        """Whether somebody else makes the bars, and at most their holes are filled here."""
        return self.made is None or self.made.finer_ns == self.made.interval_ns > 0

    @property
    def rule(self) -> str:
        """Name of the rule by which we make the bars; empty when they come as they are."""
        return "" if self.made is None else self.made.name


def _view_in(asked: BarSubscription) -> PriceView:
    return PriceView.RAW if asked.viewed is None else asked.viewed.view


def _rows(seen: BarColumns | Bar) -> int:
    return 1 if isinstance(seen, Bar) else len(seen)


def _set_running(asked: BarSubscription, running: str | None) -> None:
    if running is None:
        return
    try:
        length = EACH_TRADE if running == "trade" else interval_ns(running)
    except ValueError as error:
        raise InputError(f"{asked.instrument}: running: {error}, or 'trade'") from error
    if asked.running_ns not in (0, length):
        raise InputError(
            f"{asked.instrument}: bars {asked.rule} were asked for with another running interval; "
            "ask for them once"
        )
    asked.running_ns = length


@dataclass(slots=True)
class Subscriptions:
    """Everything a strategy asked for in `on_start`."""

    bars: dict[tuple[str, int], BarSubscription] = field(default_factory=dict)
    trades: set[str] = field(default_factory=set)
    made: dict[tuple[str, str], BarSubscription] = field(default_factory=dict)
    quotes: set[str] = field(default_factory=set)
    books: set[str] = field(default_factory=set)

    def acted(self, action: CorporateAction) -> None:
        """Let every stream of an instrument see its past prices as they are after an action."""
        for each in (*self.bars.values(), *self.made.values()):
            if each.instrument == action.instrument and each.viewed is not None:
                each.viewed.acted(action)

    def of(self, bars: BarStream) -> BarSubscription | None:
        """Return what bars, one or many, belong to; None when nobody asked for them."""
        if bars.rule:
            return self.made.get((bars.instrument, bars.rule))
        return self.bars.get((bars.instrument, bars.interval_ns))

    @property
    def count(self) -> int:
        """How many streams there are."""
        streams = (self.bars, self.trades, self.made, self.quotes, self.books)
        return sum(map(len, streams))

    def sees_prices(self, instrument: str) -> bool:
        """Whether these streams tell at what price an instrument trades."""
        return (
            instrument in self.trades
            or instrument in self.books
            or any(symbol == instrument for symbol, _ in (*self.bars, *self.made))
        )

    def finest_interval_ns(self, instrument: str) -> int:
        """Return the shortest bars of an instrument that are seen; 0 where prints are."""
        lengths = [length for symbol, length in self.bars if symbol == instrument]
        return 0 if instrument in self.trades or not lengths else min(lengths)

    def feeding(self) -> set[tuple[str, int]]:
        """Return the streams that bars are made of: instrument and interval, 0 for trades."""
        return {
            (each.instrument, each.made.finer_ns)
            for each in self.made.values()
            if each.made is not None
        }


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one weight comes to, before its order has an id."""

    symbol: str
    held_lots: int
    order_lots: int
    wanted: int
    reached: int
    reason: str
    reduces: bool

    def told(self, order_id: str | None) -> Allocated:
        return Allocated(
            money_decimal(self.wanted),
            money_decimal(self.reached),
            money_decimal(self.wanted - self.reached),
            order_id,
            self.reason,
        )


class KernelContext:
    """Implements `tieout.strategy.Context` on top of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.wishes: list[Wish] = []
        # Not empty: a callback set a timer, which may be due before the next of many rows. A list,
        # as wishes are, because whether it is empty is asked on every row.
        self.stirred: list[None] = []
        self.subscriptions = Subscriptions()
        self.store: dict[str, str] = {}
        self.declaring = True

    # -- time ---------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Our time: arrival of the event, or due time of the timer, being handled."""
        return self._kernel.moment.now_ns

    def timer_every(self, name: str, interval_ns: int, *, offset_ns: int = 0) -> None:
        """Fire at each whole multiple of the interval since 1970 (UTC), plus the offset."""
        self._kernel.set_timer_every(name, interval_ns, offset_ns=offset_ns)
        self._stir()

    def timer_at(self, name: str, due_ns: int) -> None:
        """Fire once."""
        self._kernel.timers.set_at(name, due_ns)
        self._stir()

    def timer_at_open(self, name: str, calendar: str, offset_ns: int = 0) -> None:
        """Fire at the open of each session of a calendar, plus the offset."""
        self._kernel.set_timer_each(name, calendar, at_close=False, offset_ns=offset_ns)

    def timer_before_close(self, name: str, calendar: str, before_ns: int = 0) -> None:
        """Fire so long before the close of each session of a calendar."""
        self._kernel.set_timer_each(name, calendar, at_close=True, offset_ns=-before_ns)

    def calendar(self, name: str) -> CalendarView:
        """Return a calendar of this run."""
        return CalendarView(calendar_named(self._kernel.reference, name), self._kernel.moment)

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""
        self._kernel.timers.cancel(name)

    def _stir(self) -> None:
        if not self.stirred:
            self.stirred.append(None)

    # -- data ---------------------------------------------------------------------------------

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
    ) -> BarSubscription:
        """Subscribe to closed bars, after `warm_up` flagged ones; in `on_start` only."""
        asked = self._bars(
            instrument,
            interval,
            warm_up=warm_up,
            made_of=made_of,
            gaps=gaps,
            running=running,
            sessions=sessions,
            view=view,
        )
        asked.always = True
        return asked

    def _bars(
        self,
        instrument: str,
        interval: str,
        *,
        warm_up: int,
        made_of: str | None,
        gaps: str = "skip",
        running: str | None = None,
        sessions: str | Sequence[tuple[int, int]] = (),
        view: str | None = None,
    ) -> BarSubscription:
        self._only_declaring("bars")
        rules = self._instrument(instrument)
        seen = self._view_of(instrument, view)
        calendar = ""
        if isinstance(sessions, str):
            found = calendar_named(self._kernel.reference, sessions)
            calendar, sessions = ("" if found.always else found.name), found.trading_hours
        if not 0 <= warm_up <= HISTORY_ROWS_MAX:
            raise InputError(f"warm_up: {warm_up} bars; allowed: 0 … {HISTORY_ROWS_MAX}")
        plain = made_of is None and running is None and not sessions and gaps == "skip"
        if plain and interval.isalnum():
            try:
                length = interval_ns(interval)
            except ValueError as error:
                raise InputError(f"{instrument}: {error}") from error
            new = BarSubscription(instrument, length)
            asked = self.subscriptions.bars.setdefault((instrument, length), new)
        else:
            # A rule for gaps alone changes nothing in what the bars are made of.
            published = gaps != "skip" and running is None
            rule = bar_rule(
                interval,
                rules,
                made_of=made_of or (interval if published else "trades"),
                gaps=gaps,
                sessions=sessions,
                calendar=calendar,
            )
            new = BarSubscription(instrument, rule.interval_ns, made=rule)
            asked = self.subscriptions.made.setdefault((instrument, rule.name), new)
            _set_running(asked, running)
        if asked is not new and (view or "") and seen is not _view_in(asked):
            raise InputError(
                f"{instrument}: bars {asked.name} were asked for with another view; ask for them "
                "once"
            )
        if asked is new and seen is not PriceView.RAW:
            asked.viewed = ViewedBars(rules, seen, kept=HISTORY_ROWS_MAX)
            asked.indicators.append(asked.viewed)
        asked.warm_up = max(asked.warm_up, warm_up)
        return asked

    def _view_of(self, instrument: str, view: str | None) -> PriceView:
        """Return how an instrument's past prices are seen: adjusted where its actions are given."""
        acted = instrument in self._kernel.acted
        if view is None:
            return PriceView.ADJUSTED if acted else PriceView.RAW
        if view not in set(PriceView):
            raise InputError(f"{instrument}: view {view!r}; allowed: {', '.join(PriceView)}")
        if not acted and view != PriceView.RAW:
            raise InputError(
                f"{instrument}: bars with view {view!r}, and the run is given no corporate actions "
                "of it; name a data set of kind actions beside its prices, or leave the view out"
            )
        return PriceView(view)

    def universe(self, name: str) -> Members:
        """Return a list as it is known now."""
        found = self._kernel.universes.get(name)
        if found is None:
            known = ", ".join(self._kernel.universes) or "none"
            raise InputError(
                f"universe {name!r} is not part of this run; it has: {known}; name its data set "
                "when you start the run: --data"
            )
        return found

    def universe_bars(
        self, name: str, interval: str, *, warm_up: int = 0, made_of: str | None = None
    ) -> dict[str, BarSubscription]:
        """Subscribe to bars of everybody on a list, as long as he is on it or held."""
        members = self.universe(name)
        asked: dict[str, BarSubscription] = {}
        for symbol in self._kernel.reference.universes[name]:
            stream = self._bars(symbol, interval, warm_up=warm_up, made_of=made_of)
            stream.listed.append(members.lists(symbol, self._kernel.position_lots))
            asked[symbol] = stream
        return asked

    def trades(self, instrument: str) -> None:
        """Subscribe to every print; in `on_start` only."""
        self._only_declaring("trades")
        self._instrument(instrument)
        self.subscriptions.trades.add(instrument)

    def quotes(self, instrument: str) -> None:
        """Subscribe to best bids and asks; in `on_start` only."""
        self._only_declaring("quotes")
        self._instrument(instrument)
        self.subscriptions.quotes.add(instrument)

    def books(self, instrument: str) -> BookView:
        """Subscribe to an instrument's book; in `on_start` only. Return its live view."""
        self._only_declaring("books")
        self._instrument(instrument)
        self.subscriptions.books.add(instrument)
        return self._kernel.books.view(instrument)

    def book(self, instrument: str) -> BookView:
        """Return the live view of a book that was subscribed to."""
        if instrument not in self.subscriptions.books:
            raise InputError(
                f"{instrument}: its book is not subscribed to; call context.books({instrument!r}) "
                "in on_start"
            )
        return self._kernel.books.view(instrument)

    @property
    def book_symbols(self) -> Sequence[str]:
        """Instruments whose books were subscribed to."""
        return sorted(self.subscriptions.books)

    def indicator(
        self,
        name: str,
        stream: BarStream,
        *arguments: float | str | BarStream,
        **options: float | str,
    ) -> Indicator | PairIndicator:
        """Make an indicator that is brought up to date before each `on_bar`."""
        self._only_declaring("indicator")
        tick = self._instrument(stream.instrument).tick_float
        streams = [each for each in arguments if isinstance(each, BarSubscription)]
        given = tuple(each for each in arguments if isinstance(each, int | float | str))
        wanted = indicator_named(name).streams
        if len(streams) != wanted - 1 or arguments[: len(streams)] != tuple(streams):
            raise InputError(
                f"indicator {name} reads {wanted} of `context.bars`, and takes them first; "
                f"it was given {1 + len(streams)}"
            )
        asked = self._asked(stream)
        if asked.viewed is not None:
            tick = asked.viewed.tick
        if wanted == 1:
            made = Indicator(name, *given, tick=tick, **options)
            if asked.viewed is None:
                asked.indicators.append(made)
            else:
                asked.viewed.follow(made)
            return made
        pair = PairIndicator(name, *given, tick=tick, **options)
        other = self._asked(streams[0])
        if asked.viewed is None and other.viewed is None:
            asked.indicators.append(pair)
            other.indicators.append(pair.other)
        elif asked.viewed is None or other.viewed is None:
            raise InputError(
                f"indicator {name}: of {asked.instrument} and {other.instrument} one is seen raw "
                "and one is not; give both the same view, and the actions of both"
            )
        else:
            asked.viewed.follow_both(pair, other.viewed)
        return pair

    def _asked(self, stream: BarStream) -> BarSubscription:
        asked = self.subscriptions.of(stream)
        assert asked is not None, stream
        return asked

    def history(self, stream: BarStream, count: int) -> Sequence[Bar]:
        """Return the last `count` bars this strategy has seen, oldest first."""
        if not 0 < count <= HISTORY_ROWS_MAX:
            raise InputError(f"history: {count} bars; allowed: 1 … {HISTORY_ROWS_MAX}")
        return self._kernel.bars_seen(stream, count)

    def instrument(self, symbol: str) -> Instrument:
        """Return the rules of an instrument of this run."""
        return self._instrument(symbol)

    # -- account ------------------------------------------------------------------------------

    @property
    def equity(self) -> Decimal:
        """Cash plus open profit at the last prices seen, by our own ledger."""
        return money_decimal(self._kernel.equity())

    def position(self, instrument: str) -> Position:
        """Return what our ledger holds."""
        lots = self._kernel.position_lots(instrument)
        return Position(lots, self._instrument(instrument).quantity(lots))

    def coming_lots(self, instrument: str) -> int:
        """Return the signed lots under way: market orders and triggered stops."""
        orders = self._kernel.orders
        return orders.coming_lots(instrument) if orders.open else 0

    def open_orders(self, instrument: str | None = None, *, held: bool = False) -> Sequence[str]:
        """Return ids of orders that may still trade, oldest first; held ones too when asked."""
        desk = self._kernel.desk
        known = [
            (each.place.decision_id, each.place.instrument)
            for each in self._kernel.orders.open.values()
        ]
        if held:
            known += [(each.id, each.order.instrument) for each in desk.composed.values()]
        # A part is known by the id of its whole, and each whole is named once.
        named = {desk.known_as(each): symbol for each, symbol in known}
        return [each for each, symbol in named.items() if instrument in (None, symbol)]

    # -- orders -------------------------------------------------------------------------------

    def target(self, instrument: str, *, units: Decimal | str | float) -> str | None:
        """Trade the difference between a wanted position and what is held or under way."""
        rules = self._instrument(instrument)
        lots = rules.round_quantity(units) - self._lots_to_be(instrument)
        if lots == 0 or (lots := rules.whole_lots(lots)) == 0:
            return None
        side = Side.BUY if lots > 0 else Side.SELL
        return self._wish(instrument, side, abs(lots))

    def targets(self, weights: Mapping[str, Amount]) -> dict[str, Allocated]:
        """Trade towards shares of the equity, rounded as the venue's rules say."""
        self._not_declaring("an order")
        equity = self._kernel.equity()
        buffer = self._kernel.venue_profile.target_buffer
        if buffer:
            # Left in cash for fees, and for prices that move meanwhile.
            equity = int(equity * (1 - Fraction(buffer)))
        plans = [self._plan(symbol, as_decimal(weights[symbol]), equity) for symbol in weights]
        orders: dict[str, str] = {}
        # First what makes room: in a cash account a purchase needs the money of a sale.
        for each in sorted(plans, key=lambda plan: not plan.reduces):
            if each.order_lots:
                side = Side.BUY if each.order_lots > 0 else Side.SELL
                orders[each.symbol] = self._wish(each.symbol, side, abs(each.order_lots))
        return {each.symbol: each.told(orders.get(each.symbol)) for each in plans}

    def buy(self, instrument: str, *, units: Amount, **terms: Unpack[OrderTerms]) -> str:
        """Wish to buy; return the order's id."""
        return self._order(instrument, Side.BUY, units, terms)

    def sell(self, instrument: str, *, units: Amount, **terms: Unpack[OrderTerms]) -> str:
        """Wish to sell; return the order's id."""
        return self._order(instrument, Side.SELL, units, terms)

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
        """Wish an entry with exits that its fills release; return the ids."""
        if take_profit is None and stop_loss is None:
            raise OrderRefused(f"{instrument}: a bracket without exits; give one, or just an order")
        if release not in ("partial", "full"):
            raise OrderRefused(f"{instrument}: release {release!r}; allowed: 'partial', 'full'")
        entering = side_named(side)
        opening = self._made(instrument, entering, units, entry)
        exits = {
            name: self._leg(opening, name, units, wanted)
            for name, wanted in (
                ("take_profit", _terms_at("limit", take_profit)),
                ("stop_loss", _terms_at("stop", stop_loss)),
            )
            if wanted is not None
        }
        legs = tuple(exits.values())
        link = self._linked(
            Link.BRACKET,
            (opening.decision_id, *(leg.decision_id for leg in legs)),
            f"leg:{opening.decision_id}:link",
            whole=release == "full",
        )
        self.wishes.append(BracketWish(legs, link, opening))
        ids = {name: leg.decision_id for name, leg in exits.items()}
        return BracketOrders(opening.decision_id, ids.get("take_profit"), ids.get("stop_loss"))

    def one_cancels_other(self, *order_ids: str) -> str:
        """From now on a fill of one of these orders cancels the others; return the link's id."""
        return self._link(Link.ONE_CANCELS_OTHER, order_ids)

    def one_updates_other(self, *order_ids: str) -> str:
        """From now on these orders share one size; return the link's id."""
        return self._link(Link.ONE_UPDATES_OTHER, order_ids)

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
        """Wish to trade in equal parts at equal intervals; return the id of the whole."""
        order = self._made(instrument, side_named(side), units, {"limit": limit})
        least = self._instrument(instrument).min_lots
        if parts < 1 or order.lots // parts < least:
            raise OrderRefused(
                f"{instrument}: {order.lots} lots in {parts} parts; allowed: parts of at least "
                f"{least} lots; make fewer"
            )
        if interval_ns <= 0:
            raise OrderRefused(f"{instrument}: interval {interval_ns} ns must be positive")
        self.wishes.append(
            WorkOrder(
                order=order, method=int(Method.OVER_TIME), parts=parts, interval_ns=interval_ns
            )
        )
        return order.decision_id

    def participate(
        self,
        instrument: str,
        *,
        side: str,
        units: Amount,
        share: Amount,
        limit: Amount | None = None,
    ) -> str:
        """Wish to trade a share of the volume seen; return the id of the whole."""
        asked = self.subscriptions
        bars = any(symbol == instrument for symbol, _ in asked.bars)
        order = self._made(instrument, side_named(side), units, {"limit": limit})
        if not bars and instrument not in asked.trades:
            raise OrderRefused(
                f"{instrument}: no volume is seen; subscribe to its trades or bars in on_start"
            )
        share_e8 = share_e8_of(instrument, share)
        self.wishes.append(
            WorkOrder(order=order, method=int(Method.WITH_VOLUME), share_e8=share_e8)
        )
        return order.decision_id

    def amend(
        self,
        order_id: str,
        *,
        units: Amount | None = None,
        limit: Amount | None = None,
        stop: Amount | None = None,
    ) -> str:
        """Wish to change an order; return the wish's id."""
        self._not_declaring("an amend")
        if units is None and limit is None and stop is None:
            raise OrderRefused(f"order {order_id}: nothing to change; give units, limit or stop")
        kernel = self._kernel
        order = kernel.desk.terms(order_id)
        lots, limit_ticks, stop_ticks = (
            (None, None, None) if order is None else self._changed(order, units, limit, stop)
        )
        origin = kernel.moment.origin()
        wish = AmendOrder(
            decision_id=decision_id(kernel.strategy_name, origin, len(self.wishes)),
            order_decision_id=order_id,
            lots=lots,
            limit_ticks=limit_ticks,
            stop_ticks=stop_ticks,
            decided_at_ns=kernel.moment.now_ns,
            origin=origin,
        )
        self.wishes.append(wish)
        return wish.decision_id

    def cancel(self, order_id: str) -> None:
        """Wish to cancel what is left of an order; a finished order is no error."""
        self._not_declaring("cancel")
        kernel = self._kernel
        if not kernel.desk.is_open(order_id):
            return
        origin = kernel.moment.origin()
        place = len(self.wishes)
        self.wishes.append(
            CancelOrder(
                decision_id=decision_id(kernel.strategy_name, origin, place),
                order_decision_id=order_id,
                decided_at_ns=kernel.moment.now_ns,
                origin=origin,
            )
        )

    # -- chance and memory --------------------------------------------------------------------

    def random(self, purpose: str) -> np.random.Generator:
        """Return a generator keyed by seed, this callback's origin and the purpose."""
        kernel = self._kernel
        key = f"{kernel.seed}\x1f{kernel.moment.origin()}\x1f{purpose}".encode()
        return np.random.Generator(
            np.random.PCG64(int.from_bytes(blake2b(key, digest_size=16).digest()))
        )

    def load(self, key: str) -> str | None:
        """Read the key–value store, which survives restarts."""
        return self.store.get(key)

    def save(self, key: str, value: str) -> None:
        """Write the key–value store; journaled like a decision."""
        self._not_declaring("save")
        if not isinstance(value, str):
            raise InputError(f"store key {key!r}: {value!r} is not text; save str(value)")
        self.store[key] = value
        self._kernel.store_written(key, value)

    # -- inside -------------------------------------------------------------------------------

    def _lots_to_be(self, instrument: str) -> int:
        """Return the signed lots held once what is under way or wished at market has filled."""
        kernel = self._kernel
        coming = kernel.orders.coming_lots(instrument) if kernel.orders.open else 0
        wished = sum(
            wish.lots * wish.side
            for wish in self.wishes
            if type(wish) is PlaceOrder
            and wish.instrument == instrument
            and wish.order_type == OrderType.MARKET
        )
        return kernel.position_lots(instrument) + coming + wished

    def _plan(self, symbol: str, weight: Decimal, equity: int) -> _Plan:
        rules, held = self._instrument(symbol), self._lots_to_be(symbol)
        price = self._kernel.moment.price_ticks(symbol)
        if not price:
            return _Plan(symbol, held, 0, 0, 0, "no_price", reduces=False)
        plan = lots_for(rules, weight, equity=equity, price_ticks=price, held_lots=held)
        share = Fraction(weight) * equity
        wanted = round_half_up(share.numerator, share.denominator)
        reached = rules.notional(plan.lots, price)
        smaller = abs(plan.lots) < abs(held)
        return _Plan(symbol, held, plan.order_lots, wanted, reached, plan.reason, reduces=smaller)

    def _order(self, instrument: str, side: Side, units: Amount, terms: OrderTerms) -> str:
        if not terms:
            return self._wish(instrument, side, lots_of(self._instrument(instrument), units))
        order = self._made(instrument, side, units, terms)
        self.wishes.append(order)
        return order.decision_id

    def _made(self, instrument: str, side: Side, units: Amount, terms: OrderTerms) -> PlaceOrder:
        """Return an order of this callback, rounded and complete."""
        rules = self._instrument(instrument)
        lots = lots_of(rules, units)
        self._not_declaring("an order")
        kernel = self._kernel
        origin, now_ns, price_ticks = kernel.moment.decided_on(instrument)
        exact = exact_terms(rules, side, lots, terms, now_ns=now_ns, venue=kernel.venue_profile)
        return PlaceOrder(
            decision_id=decision_id(kernel.strategy_name, origin, len(self.wishes)),
            instrument=instrument,
            side=int(side),
            lots=lots,
            decided_at_ns=now_ns,
            decision_price_ticks=price_ticks,
            origin=origin,
            **exact,
        )

    def _wish(self, instrument: str, side: Side, lots: int) -> str:
        """Wish a market order: what `target` comes down to, a million times."""
        if self.declaring:
            self._not_declaring("an order")
        kernel, wishes = self._kernel, self.wishes
        origin, now_ns, price_ticks = kernel.moment.decided_on(instrument)
        identity = decision_id(kernel.strategy_name, origin, len(wishes))
        wishes.append(
            PlaceOrder(
                decision_id=identity,
                instrument=instrument,
                side=int(side),
                order_type=_MARKET,
                lots=lots,
                limit_ticks=None,
                stop_ticks=None,
                time_in_force=_GOOD_TILL_CANCEL,
                decided_at_ns=now_ns,
                decision_price_ticks=price_ticks,
                origin=origin,
            )
        )
        return identity

    def _leg(self, entry: PlaceOrder, name: str, units: Amount, terms: OrderTerms) -> PlaceOrder:
        leg = self._made(entry.instrument, Side(-entry.side), units, {**terms, "reduce_only": True})
        origin = f"leg:{entry.decision_id}:{name}"
        return msgspec.structs.replace(
            leg,
            decision_id=self._kernel.desk.identity(origin),
            origin=origin,
            parent_id=entry.decision_id,
        )

    def _link(self, link: Link, order_ids: tuple[str, ...]) -> str:
        self._not_declaring("a link")
        wished = {each.decision_id for each in self.wishes if isinstance(each, PlaceOrder)}
        if len(set(order_ids)) < 2:
            raise OrderRefused(f"a link of {len(set(order_ids))} orders; give two or more")
        known = self._kernel.desk.terms
        orders = [each for each in order_ids if each not in wished and known(each) is None]
        if orders:
            raise OrderRefused(f"order {orders[0]} is not known here; give ids of orders placed")
        made = self._linked(link, order_ids, self._kernel.moment.origin())
        self.wishes.append(made)
        return made.decision_id

    def _linked(
        self, link: Link, order_ids: tuple[str, ...], origin: str, *, whole: bool = False
    ) -> LinkOrders:
        kernel = self._kernel
        return LinkOrders(
            decision_id=decision_id(kernel.strategy_name, origin, len(self.wishes)),
            link=int(link),
            orders=order_ids,
            whole=whole,
            decided_at_ns=kernel.moment.now_ns,
            origin=origin,
        )

    def _changed(
        self, order: PlaceOrder, units: Amount | None, limit: Amount | None, stop: Amount | None
    ) -> tuple[int | None, int | None, int | None]:
        """Return an amend's terms in lots and ticks; None where nothing is to change."""
        rules = self._instrument(order.instrument)
        side = Side(order.side)
        for name, value, there in (
            ("limit", limit, order.limit_ticks),
            ("stop", stop, None if order.trail_ticks or order.trail_share_e8 else order.stop_ticks),
        ):
            if value is not None and there is None:
                raise OrderRefused(
                    f"{order.instrument}: the order has no {name} price that could be changed; "
                    "cancel it and place another"
                )
        ticks = (
            None if limit is None else rules.round_price(limit, side=side),
            None if stop is None else rules.round_stop(stop),
        )
        if any(each is not None and each <= 0 for each in ticks):
            raise OrderRefused(f"{order.instrument}: a price must be at least one tick")
        return None if units is None else lots_of(rules, units), *ticks

    def _instrument(self, symbol: str) -> Instrument:
        found = self._kernel.rules.get(symbol)
        if found is None:
            known = ", ".join(self._kernel.instruments) or "none"
            raise InputError(f"instrument {symbol!r} is not part of this run; it has: {known}")
        return found

    def _only_declaring(self, what: str) -> None:
        if not self.declaring:
            raise InputError(f"{what}: subscribe in on_start; the data of a run is fixed there")

    def _not_declaring(self, what: str) -> None:
        if self.declaring:
            raise InputError(f"{what}: not possible in on_start; wait for the first event")


def _terms_at(price: str, wanted: Amount | OrderTerms | None) -> OrderTerms | None:
    """Return the terms of an exit: as they are given, or a plain order at a price."""
    if wanted is None or isinstance(wanted, dict):
        return wanted
    return cast("OrderTerms", {price: wanted})
