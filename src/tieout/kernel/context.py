"""The kernel's side of `Context`: collects what a strategy wishes while a callback runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import InputError, OrderRefused
from tieout.model.columns import interval_name, interval_ns
from tieout.model.events import Bar
from tieout.model.identity import decision_id
from tieout.model.money import money_decimal
from tieout.model.orders import CancelOrder, OrderType, PlaceOrder, Side, TimeInForce
from tieout.strategy.indicators import Indicator, make_indicator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tieout.kernel.loop import Kernel
    from tieout.model.columns import BarColumns
    from tieout.model.instruments import Instrument
    from tieout.strategy import BarStream

__all__ = ["BarSubscription", "KernelContext", "Position", "Subscriptions", "Wish"]

Wish = PlaceOrder | CancelOrder

HISTORY_ROWS_MAX = 10_000
"""Bars kept a stream for `history`; more is an error, not a silent cut."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position as a strategy sees it."""

    lots: int
    units: Decimal


@dataclass(slots=True)
class BarSubscription:
    """Bars a strategy asked for, with the indicators that follow them.

    Attributes:
        warm_up: Bars from before the start that are given first, flagged, to fill indicators.
        past: Batches and single bars seen, oldest first, at least `HISTORY_ROWS_MAX` rows of them
            once that many came.
        rows: How many rows are kept.
    """

    instrument: str
    interval_ns: int
    warm_up: int = 0
    indicators: list[Indicator] = field(default_factory=list)
    past: deque[BarColumns | Bar] = field(default_factory=deque)
    rows: int = 0

    def remember(self, seen: BarColumns | Bar) -> None:
        """Keep what was seen, and no more of the oldest than `history` can ask for."""
        self.past.append(seen)
        self.rows += _rows(seen)
        while self.rows - _rows(self.past[0]) >= HISTORY_ROWS_MAX:
            self.rows -= _rows(self.past.popleft())

    @property
    def name(self) -> str:
        """Interval as a person writes it."""
        return interval_name(self.interval_ns)


def _rows(seen: BarColumns | Bar) -> int:
    return 1 if isinstance(seen, Bar) else len(seen)


@dataclass(slots=True)
class Subscriptions:
    """Everything a strategy asked for in `on_start`."""

    bars: dict[tuple[str, int], BarSubscription] = field(default_factory=dict)
    trades: set[str] = field(default_factory=set)


class KernelContext:
    """Implements `tieout.strategy.Context` on top of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.wishes: list[Wish] = []
        self.subscriptions = Subscriptions()
        self.store: dict[str, str] = {}
        self.declaring = True

    # -- time ---------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Our time: arrival of the event, or due time of the timer, being handled."""
        return self._kernel.now_ns

    def timer_every(self, name: str, interval_ns: int, *, offset_ns: int = 0) -> None:
        """Fire at each whole multiple of the interval since 1970 (UTC), plus the offset."""
        self._kernel.set_timer_every(name, interval_ns, offset_ns=offset_ns)

    def timer_at(self, name: str, due_ns: int) -> None:
        """Fire once."""
        self._kernel.timers.set_at(name, due_ns)

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""
        self._kernel.timers.cancel(name)

    # -- data ---------------------------------------------------------------------------------

    def bars(self, instrument: str, interval: str, *, warm_up: int = 0) -> BarSubscription:
        """Subscribe to closed bars, after `warm_up` flagged ones; in `on_start` only."""
        self._only_declaring("bars")
        self._instrument(instrument)
        try:
            length = interval_ns(interval)
        except ValueError as error:
            raise InputError(f"{instrument}: {error}") from error
        if not 0 <= warm_up <= HISTORY_ROWS_MAX:
            raise InputError(f"warm_up: {warm_up} bars; allowed: 0 … {HISTORY_ROWS_MAX}")
        key = (instrument, length)
        asked = self.subscriptions.bars.setdefault(key, BarSubscription(instrument, length))
        asked.warm_up = max(asked.warm_up, warm_up)
        return asked

    def trades(self, instrument: str) -> None:
        """Subscribe to every print; in `on_start` only."""
        self._only_declaring("trades")
        self._instrument(instrument)
        self.subscriptions.trades.add(instrument)

    def indicator(self, name: str, stream: BarStream, *arguments: int) -> Indicator:
        """Make an indicator that is brought up to date before each `on_bar`."""
        self._only_declaring("indicator")
        tick = self._instrument(stream.instrument).tick_float
        made = make_indicator(name, *arguments, tick=tick)
        self.subscriptions.bars[stream.instrument, stream.interval_ns].indicators.append(made)
        return made

    def history(self, stream: BarStream, count: int) -> Sequence[Bar]:
        """Return the last `count` bars this strategy has seen, oldest first."""
        if not 0 < count <= HISTORY_ROWS_MAX:
            raise InputError(f"history: {count} bars; allowed: 1 … {HISTORY_ROWS_MAX}")
        return self._kernel.bars_seen(stream.instrument, stream.interval_ns, count)

    # -- account ------------------------------------------------------------------------------

    @property
    def equity(self) -> Decimal:
        """Cash plus open profit at the last prices seen, by our own ledger."""
        return money_decimal(self._kernel.equity())

    def position(self, instrument: str) -> Position:
        """Return what our ledger holds."""
        lots = self._kernel.position_lots(instrument)
        return Position(lots, self._instrument(instrument).quantity(lots))

    def open_orders(self, instrument: str | None = None) -> Sequence[str]:
        """Return ids of orders that may still trade, oldest first."""
        return [
            each.place.decision_id
            for each in self._kernel.orders.open.values()
            if instrument is None or each.place.instrument == instrument
        ]

    # -- orders -------------------------------------------------------------------------------

    def target(self, instrument: str, *, units: Decimal | str | float) -> str | None:
        """Trade the difference between a wanted position and what is held or under way."""
        rules = self._instrument(instrument)
        wanted = rules.round_quantity(units)
        kernel = self._kernel
        coming = kernel.orders.coming_lots(instrument) if kernel.orders.open else 0
        wished = sum(
            wish.lots * wish.side
            for wish in self.wishes
            if type(wish) is PlaceOrder
            and wish.instrument == instrument
            and wish.order_type == OrderType.MARKET
        )
        lots = wanted - kernel.position_lots(instrument) - coming - wished
        if lots == 0:
            return None
        side = Side.BUY if lots > 0 else Side.SELL
        return self._wish(instrument, side, abs(lots), OrderType.MARKET)

    def buy(
        self,
        instrument: str,
        *,
        units: Decimal | str | float,
        limit: Decimal | str | float | None = None,
        stop: Decimal | str | float | None = None,
        immediate: bool = False,
    ) -> str:
        """Wish to buy: at market, with a limit, or by a stop; return the order's id."""
        return self._order(instrument, Side.BUY, units, limit, stop, immediate=immediate)

    def sell(
        self,
        instrument: str,
        *,
        units: Decimal | str | float,
        limit: Decimal | str | float | None = None,
        stop: Decimal | str | float | None = None,
        immediate: bool = False,
    ) -> str:
        """Wish to sell: at market, with a limit, or by a stop; return the order's id."""
        return self._order(instrument, Side.SELL, units, limit, stop, immediate=immediate)

    def cancel(self, order_id: str) -> None:
        """Wish to cancel what is left of an order; a finished order is no error."""
        self._not_declaring("cancel")
        if order_id not in self._kernel.orders.open:
            return
        kernel = self._kernel
        origin = kernel.origin()
        place = len(self.wishes)
        self.wishes.append(
            CancelOrder(
                decision_id=decision_id(kernel.strategy_name, origin, place),
                order_decision_id=order_id,
                decided_at_ns=kernel.now_ns,
                origin=origin,
            )
        )

    # -- chance and memory --------------------------------------------------------------------

    def random(self, purpose: str) -> np.random.Generator:
        """Return a generator keyed by seed, this callback's origin and the purpose."""
        kernel = self._kernel
        key = f"{kernel.seed}\x1f{kernel.origin()}\x1f{purpose}".encode()
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

    def _order(
        self,
        instrument: str,
        side: Side,
        units: Decimal | str | float,
        limit: Decimal | str | float | None,
        stop: Decimal | str | float | None,
        *,
        immediate: bool,
    ) -> str:
        rules = self._instrument(instrument)
        lots = rules.round_quantity(units)
        if lots <= 0:
            raise OrderRefused(
                f"{instrument}: quantity {units} is under one lot of {rules.lot_size}; "
                "trade more or not at all"
            )
        if limit is not None and stop is not None:
            raise OrderRefused(f"{instrument}: a stop with a limit is not offered; choose one")
        if limit is not None:
            ticks = rules.round_price(limit, side=side)
            return self._wish(
                instrument, side, lots, OrderType.LIMIT, limit_ticks=ticks, immediate=immediate
            )
        if stop is not None:
            ticks = rules.round_stop(stop)
            return self._wish(instrument, side, lots, OrderType.STOP_MARKET, stop_ticks=ticks)
        return self._wish(instrument, side, lots, OrderType.MARKET, immediate=immediate)

    def _wish(
        self,
        instrument: str,
        side: Side,
        lots: int,
        order_type: OrderType,
        *,
        limit_ticks: int | None = None,
        stop_ticks: int | None = None,
        immediate: bool = False,
    ) -> str:
        self._not_declaring("an order")
        if limit_ticks is not None and limit_ticks <= 0:
            raise OrderRefused(f"{instrument}: limit price must be at least one tick")
        if stop_ticks is not None and stop_ticks <= 0:
            raise OrderRefused(f"{instrument}: stop price must be at least one tick")
        kernel = self._kernel
        origin, now_ns, price_ticks = kernel.moment(instrument)
        identity = decision_id(kernel.strategy_name, origin, len(self.wishes))
        in_force = TimeInForce.IMMEDIATE_OR_CANCEL if immediate else TimeInForce.GOOD_TILL_CANCEL
        self.wishes.append(
            PlaceOrder(
                decision_id=identity,
                instrument=instrument,
                side=int(side),
                order_type=int(order_type),
                lots=lots,
                limit_ticks=limit_ticks,
                stop_ticks=stop_ticks,
                time_in_force=int(in_force),
                decided_at_ns=now_ns,
                decision_price_ticks=price_ticks,
                origin=origin,
            )
        )
        return identity

    def _instrument(self, symbol: str) -> Instrument:
        found = self._kernel.instruments.get(symbol)
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
