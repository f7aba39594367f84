"""A kernel on the bench: the test plays the market, the strategy and the venue, step by step.

Every step is an input of the run. At the end the same inputs go through a kernel of their own, one
that sends to nobody, and must lead to the same decisions and the same state: whatever a test does
on the bench, it proves a replay as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.worlds import ES, SECOND, SYMBOL, T0, MemoryJournal, ScriptedSource
from tieout.kernel.loop import Kernel
from tieout.kernel.ports import Inputs
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Fill,
    OperatorCommand,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderDenied,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    RunResumed,
    RunStarted,
    Trade,
)
from tieout.model.money import MONEY_UNIT
from tieout.model.venues import GATEWAY
from tieout.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.kernel.risk import RiskLimits
    from tieout.model.instruments import Instrument
    from tieout.model.orders import AmendOrder, CancelOrder, PlaceOrder
    from tieout.model.venues import VenueProfile


class NobodyVenue:
    """Takes everything and never answers: the test answers by inputs."""

    def __init__(self) -> None:
        self.placed: list[PlaceOrder] = []
        self.cancelled: list[CancelOrder] = []
        self.amended: list[AmendOrder] = []

    def place(self, order: PlaceOrder) -> None:
        self.placed.append(order)

    def cancel(self, order: CancelOrder) -> None:
        self.cancelled.append(order)

    def amend(self, order: AmendOrder) -> None:
        self.amended.append(order)

    def next_wake_ns(self, limit_ns: int) -> int | None:
        return None

    def advance(self, until_ns: int) -> list[Any]:
        return []


class Bench:
    """Plays one run, an input at a time; one second passes with each."""

    def __init__(
        self, venue_profile: VenueProfile = GATEWAY, *, limits: RiskLimits | None = None
    ) -> None:
        self.venue_profile = venue_profile
        self.limits = limits
        self.acts: dict[int, Callable[[Any], Any]] = {}
        self.on: dict[type, Callable[[Any, Any], None]] = {}
        self.results: dict[int, Any] = {}
        self.told: list[Any] = []
        self.inputs: list[Any] = []
        self.venue = NobodyVenue()
        self.now_ns = T0
        self.price = 400
        self.rules_of = ES
        self._trades = 0
        self._fills = 0
        self.kernel, self.journal = self._kernel()
        self._feed(RunStarted(arrival_time_ns=T0, cash=100_000 * MONEY_UNIT), passes=0)

    def instrument(self, rules: Instrument) -> None:
        """Begin anew with other rules of the instrument."""
        self.rules_of = rules
        self.inputs.clear()
        self.kernel, self.journal = self._kernel()
        self._feed(RunStarted(arrival_time_ns=T0, cash=100_000 * MONEY_UNIT), passes=0)

    # -- the market and the strategy ----------------------------------------------------------

    def trade(self, price: int | None = None, *, lots: int = 10, late_s: float = 0) -> None:
        """Let the market print; `late_s` ago, where it took so long to arrive."""
        self.price = self.price if price is None else price
        self._trades += 1
        self._feed(
            lambda now: Trade(
                SYMBOL,
                now - int(late_s * SECOND),
                now,
                self.price,
                lots,
                0,
                self._trades,
                self.price / 4,
            )
        )

    def do(self, act: Callable[[Any], Any]) -> Any:
        """Let the strategy act on a print at the last price; return what it returned."""
        number = self._trades + 1
        self.acts[number] = act
        self.trade()
        if self.kernel.failure is not None:
            raise self.kernel.failure
        return self.results[number]

    def wait(self, seconds: float) -> None:
        """Let time pass, to a print at the last price."""
        self.now_ns += int(seconds * SECOND) - SECOND
        self.trade()

    # -- the venue ----------------------------------------------------------------------------

    def accept(self, *orders: str) -> None:
        for each in orders or [order.decision_id for order in self.venue.placed]:
            self._feed(
                lambda now, each=each: OrderAccepted(
                    decision_id=each, venue_order_id="v", venue_time_ns=now, arrival_time_ns=now
                )
            )

    def fill(self, order: str, lots: int, price: int | None = None, *, trade_id: str = "") -> None:
        self._fills += 1
        place = next(each for each in self.venue.placed if each.decision_id == order)
        self._feed(
            lambda now: Fill(
                decision_id=order,
                trade_id=trade_id or f"f{self._fills}",
                instrument=SYMBOL,
                side=place.side,
                lots=lots,
                price_ticks=self.price if price is None else price,
                fee=0,
                fee_currency="USDT",
                liquidity=2,
                venue_time_ns=now,
                arrival_time_ns=now,
            )
        )

    def cancelled(self, order: str, reason: str = "requested") -> None:
        self._feed(
            lambda now: OrderCancelled(
                decision_id=order,
                reason=reason,
                filled_lots=0,
                venue_time_ns=now,
                arrival_time_ns=now,
            )
        )

    def rejected(self, order: str, reason: str = "margin") -> None:
        self._feed(
            lambda now: OrderRejected(
                decision_id=order,
                reason=reason,
                detail="",
                venue_time_ns=now,
                arrival_time_ns=now,
            )
        )

    def cancel_rejected(self, order: str) -> None:
        self._feed(
            lambda now: CancelRejected(
                decision_id=order, reason="final", venue_time_ns=now, arrival_time_ns=now
            )
        )

    def triggered(self, order: str) -> None:
        self._feed(
            lambda now: OrderTriggered(decision_id=order, venue_time_ns=now, arrival_time_ns=now)
        )

    def amended(self, order: str, lots: int, limit: int | None, stop: int | None = None) -> None:
        self._feed(
            lambda now: OrderAmended(
                decision_id=order,
                lots=lots,
                limit_ticks=limit,
                stop_ticks=stop,
                venue_time_ns=now,
                arrival_time_ns=now,
            )
        )

    def amend_rejected(self, order: str, reason: str = "post_only") -> None:
        self._feed(
            lambda now: AmendRejected(
                decision_id=order, reason=reason, venue_time_ns=now, arrival_time_ns=now
            )
        )

    def unknown(self, order: str) -> None:
        self._feed(
            lambda now: OrderOutcomeUnknown(decision_id=order, detail="", arrival_time_ns=now)
        )

    def command(self, word: str) -> None:
        self._feed(lambda now: OperatorCommand(command=word, actor="ann", arrival_time_ns=now))

    def resume(self, state: str = "kept") -> None:
        self._feed(lambda now: RunResumed(arrival_time_ns=now, down_since_ns=now, state=state))

    # -- what came of it ----------------------------------------------------------------------

    @property
    def placed(self) -> list[PlaceOrder]:
        """Return what reached the venue."""
        return self.venue.placed

    @property
    def sent(self) -> PlaceOrder:
        """Return the last order that reached the venue."""
        return self.venue.placed[-1]

    @property
    def cancels(self) -> list[str]:
        """Return which orders the venue was asked to cancel."""
        return [each.order_decision_id for each in self.venue.cancelled]

    @property
    def lots(self) -> int:
        return self.kernel.position_lots(SYMBOL)

    def news(self, kind: type) -> list[Any]:
        """Return what the strategy was told of one kind."""
        return [each for each in self.told if type(each) is kind]

    def rules(self) -> list[str]:
        """Return the rules by which something was denied, as the strategy was told."""
        return [each.rule for each in self.news(OrderDenied)]

    def open_orders(self, *, held: bool = False) -> list[str]:
        found: list[str] = self.do(lambda context: list(context.open_orders(SYMBOL, held=held)))
        return found

    def same_again(self) -> None:
        """Fold the inputs once more, in a kernel of their own: the same decisions and state."""
        decisions, state, told = self.journal.decisions, self.kernel.state_hash(), list(self.told)
        again, journal = self._kernel()
        self.told.clear()
        again.run(ScriptedSource(*(Inputs((each,)) for each in self.inputs)), NobodyVenue())
        assert journal.decisions == decisions
        assert again.state_hash() == state
        assert self.told == told
        together, journal = self._kernel()
        together.run(ScriptedSource(Inputs(tuple(self.inputs))), NobodyVenue())
        assert journal.decisions == decisions
        assert together.state_hash() == state

    # -- inside -------------------------------------------------------------------------------

    def _kernel(self) -> tuple[Kernel, MemoryJournal]:
        bench = self

        class Player(Strategy):
            def on_start(self, context: Any) -> None:
                context.trades(SYMBOL)

            def on_trade(self, context: Any, trade: Any) -> None:
                act = bench.acts.get(trade.trade_id)
                if act is not None:
                    bench.results[trade.trade_id] = act(context)

            def on_fill(self, context: Any, fill: Any) -> None:
                self.on_order(context, fill)

            def on_order(self, context: Any, update: Any) -> None:
                bench.told.append(update)
                if type(update) in bench.on:
                    bench.on[type(update)](context, update)

        journal = MemoryJournal()
        kernel = Kernel(
            Player,
            instruments={SYMBOL: self.rules_of},
            journal=journal,
            limits=self.limits,
            venue_profile=self.venue_profile,
        )
        return kernel, journal

    def _feed(self, made: Any, *, passes: int = SECOND) -> None:
        self.now_ns += passes
        event = made(self.now_ns) if callable(made) else made
        self.inputs.append(event)
        self.kernel.run(ScriptedSource(Inputs((event,))), self.venue)
